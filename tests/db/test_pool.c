/* SPDX-License-Identifier: MIT */
/* Handles shared by many threads: who gets one, in what state, and what becomes of those that break. For TSan too. */
#include <signal.h>
#include "pool_test.h"

enum { THREADS = 16, ROUNDS = 600, HANDLES = 4 };

static tasker_status create(tasker_db *db, const char *name)
{
    const tasker_task_namespace_input input = {.name = tasker_text_of(name)};
    return tasker_task_namespace_create(db, &input, NULL);
}

/* ---- many threads ---- */

typedef struct crowd {
    tasker_pool *pool;
    tasker_db *handles[HANDLES]; /* those that were seen */
    atomic_int users[HANDLES], out, most, bad;
    pthread_mutex_t lock;
} crowd;

static size_t number_of(crowd *c, const tasker_db *db)
{
    size_t i = 0;
    pthread_mutex_lock(&c->lock);
    while (i < HANDLES && c->handles[i] != NULL && c->handles[i] != db)
        i++;
    if (i < HANDLES)
        c->handles[i] = (tasker_db *)(uintptr_t)db;
    pthread_mutex_unlock(&c->lock);
    return i;
}

static void *come_and_go(void *context)
{
    crowd *c = context;
    for (int i = 0; i < ROUNDS; i++) {
        tasker_db *db = NULL;
        if (tasker_pool_acquire(c->pool, i % 3 == 0 ? -1 : 60000, NULL, &db) != TASKER_OK) {
            atomic_fetch_add(&c->bad, 1);
            continue;
        }
        size_t n = number_of(c, db);
        int out = atomic_fetch_add(&c->out, 1) + 1;
        if (out > c->most)
            c->most = out;
        if (n == HANDLES || atomic_fetch_add(&c->users[n], 1) != 0)
            atomic_fetch_add(&c->bad, 1);
        if (i % 16 == 0 && tasker_db_begin(db, NULL) != TASKER_OK)
            atomic_fetch_add(&c->bad, 1);
        else if (i % 16 == 8 && tasker_db_ping(db) != TASKER_OK)
            atomic_fetch_add(&c->bad, 1);
        if (n < HANDLES)
            atomic_fetch_sub(&c->users[n], 1);
        atomic_fetch_sub(&c->out, 1);
        tasker_pool_release(c->pool, db);
    }
    return NULL;
}

static void test_many_threads(void **state)
{
    static crowd c;
    pthread_t threads[THREADS];
    c.pool = open_pool(*state, 0, HANDLES);
    assert_int_equal(pthread_mutex_init(&c.lock, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, come_and_go, &c), 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(c.bad, 0);
    assert_in_range(c.most, 1, HANDLES);
    assert_in_range(db_test_count(*state, SESSIONS), 1, HANDLES);
    printf("# %d rounds, at most %d of %d handles were out\n", THREADS * ROUNDS, (int)c.most, HANDLES);
    tasker_pool_close(c.pool);
    db_test_wait(*state, SESSIONS, 0);
}

/* ---- the line ---- */

static void test_first_come_first_served(void **state)
{
    enum { CUSTOMERS = 8 };
    atomic_int served = 0;
    customer customers[CUSTOMERS] = {0};
    tasker_pool *pool = open_pool(*state, 0, 1);
    tasker_db *db = acquire(pool);
    for (int i = 0; i < CUSTOMERS; i++) {
        customers[i] = (customer){.pool = pool, .timeout_ms = i % 2 ? 60000 : -1, .served = &served};
        start_customer(&customers[i]);
    }
    tasker_pool_release(pool, db);
    for (int i = 0; i < CUSTOMERS; i++) {
        assert_int_equal(pthread_join(customers[i].thread, NULL), 0);
        assert_int_equal(customers[i].status, TASKER_OK);
        assert_int_equal(customers[i].place, i);
    }
    tasker_pool_close(pool);
}

static void test_timeouts(void **state)
{
    tasker_pool *pool = open_pool(*state, 0, 2);
    tasker_db *first = acquire(pool), *second = acquire(pool), *third = first;
    tasker_error error;
    long began = now_ms();
    assert_int_equal(tasker_pool_acquire(pool, 0, &error, &third), TASKER_TIMEOUT);
    assert_in_range(now_ms() - began, 0, LATE_MS);
    assert_null(third);
    assert_int_equal(error.status, TASKER_TIMEOUT);
    assert_non_null(strstr(error.message, "stayed out"));
    began = now_ms();
    assert_int_equal(tasker_pool_acquire(pool, 300, NULL, &third), TASKER_TIMEOUT);
    assert_in_range(now_ms() - began, 299, 300 + LATE_MS);
    assert_int_equal(tasker_pool_acquire(pool, -2, NULL, &third), TASKER_INVALID_ARGUMENT);
    tasker_pool_release(pool, second);
    assert_int_equal(tasker_pool_acquire(pool, 0, NULL, &third), TASKER_OK);
    assert_ptr_equal(third, second);
    tasker_pool_release(pool, first);
    tasker_pool_release(pool, third);
    tasker_pool_close(pool);
}

/* Who has given up is not in the way of those behind. */
static void test_someone_leaves_the_line(void **state)
{
    atomic_int served = 0;
    tasker_pool *pool = open_pool(*state, 0, 1);
    tasker_db *db = acquire(pool);
    customer hasty = {.pool = pool, .timeout_ms = 200, .served = &served}, patient = hasty;
    patient.timeout_ms = -1;
    start_customer(&hasty);
    start_customer(&patient);
    assert_int_equal(pthread_join(hasty.thread, NULL), 0);
    assert_int_equal(hasty.status, TASKER_TIMEOUT);
    tasker_pool_release(pool, db);
    assert_int_equal(pthread_join(patient.thread, NULL), 0);
    assert_int_equal(patient.status, TASKER_OK);
    tasker_pool_close(pool);
}

/* ---- the state of what is given out ---- */

static void terminate(const fixture *f, int pid)
{
    char sql[64];
    snprintf(sql, sizeof sql, "SELECT pg_terminate_backend(%d, 10000)::int", pid);
    assert_int_equal(db_test_count(f, sql), 1);
}

static int pid_of(tasker_db *db)
{
    return tasker_db_session(db)->backend_pid;
}

static void test_dead_links_are_replaced(void **state)
{
    tasker_db *dbs[3];
    tasker_pool *pool = open_pool(*state, 3, 3);
    assert_int_equal(db_test_count(*state, SESSIONS), 3);
    for (int while_out = 0; while_out < 2; while_out++) {
        for (int i = 0; i < 3; i++)
            dbs[i] = acquire(pool);
        for (int i = 0; i < 3 && while_out; i++)
            terminate(*state, pid_of(dbs[i]));
        for (int i = 0; i < 3; i++)
            tasker_pool_release(pool, dbs[i]);
        for (int i = 0; i < 3 && !while_out; i++)
            terminate(*state, pid_of(dbs[i]));
        for (int i = 0; i < 3; i++) {
            dbs[i] = acquire(pool);
            assert_status(dbs[i], tasker_db_ping(dbs[i]), TASKER_OK);
        }
        for (int i = 0; i < 3; i++)
            tasker_pool_release(pool, dbs[i]);
    }
    tasker_pool_close(pool);
}

/* An abandoned call leaves a session of which nobody knows what it still does: it does not come back. */
static void test_tainted_links_are_replaced(void **state)
{
    tasker_pool *pool = open_pool(*state, 0, 1);
    tasker_db *db = acquire(pool);
    int pid = pid_of(db);
    tasker_db_set_timeout(db, 200);
    assert_int_equal(kill(pid, SIGSTOP), 0);
    tasker_status status = tasker_db_ping(db);
    tasker_pool_release(pool, db);
    assert_int_equal(kill(pid, SIGCONT), 0);
    assert_status(NULL, status, TASKER_TIMEOUT);
    db = acquire(pool);
    assert_int_not_equal(pid_of(db), pid);
    assert_status(db, tasker_db_ping(db), TASKER_OK);
    tasker_pool_release(pool, db);
    db_test_wait(*state, SESSIONS, 1);
    tasker_pool_close(pool);
}

static void test_release_rolls_back(void **state)
{
    tasker_pool *pool = open_pool(*state, 0, 1);
    for (int failed = 0; failed < 2; failed++) {
        tasker_savepoint savepoint;
        tasker_db *db = acquire(pool);
        int pid = pid_of(db);
        assert_status(db, tasker_db_begin(db, NULL), TASKER_OK);
        assert_status(db, create(db, "pooled"), TASKER_OK);
        assert_status(db, tasker_db_savepoint(db, &savepoint), TASKER_OK);
        if (failed)
            assert_status(db, create(db, "pooled"), TASKER_DUPLICATE);
        if (failed)
            PQclear(PQexec(tasker_db_conn(db), "nonsense"));
        tasker_pool_release(pool, db);
        db = acquire(pool);
        assert_int_equal(pid_of(db), pid);
        assert_false(tasker_db_session(db)->in_transaction);
        assert_int_equal(tasker_db_error(db)->status, TASKER_OK);
        assert_status(db, tasker_db_commit(db), TASKER_NOOP);
        tasker_pool_release(pool, db);
    }
    assert_int_equal(db_test_count(*state, "SELECT count(*) FROM tasker_task_namespaces WHERE name = 'pooled'"), 0);
    tasker_pool_close(pool);
}

/* A command of the caller's own whose answer was not read, and a pipeline in flight, which has to be closed first. */
static void test_release_of_what_is_busy(void **state)
{
    const tasker_task *task = NULL;
    tasker_pipeline *pipeline = NULL;
    tasker_pool *pool = open_pool(*state, 0, 1);
    tasker_db *db = acquire(pool), *none = NULL;
    int pid = pid_of(db);
    assert_int_equal(PQsendQuery(tasker_db_conn(db), "SELECT 1"), 1);
    tasker_pool_release(pool, db);
    db = acquire(pool);
    assert_int_not_equal(pid_of(db), pid);
    pid = pid_of(db);
    assert_status(db, tasker_pipeline_open(db, NULL, &pipeline), TASKER_OK);
    assert_int_equal(tasker_task_get(tasker_pipeline_db(pipeline), &tasker_uuid_max, &task), TASKER_QUEUED);
    assert_int_equal(kill(pid, SIGSTOP), 0);
    tasker_status status = tasker_pipeline_step(pipeline);
    tasker_pool_release(pool, db);
    tasker_status taken = tasker_pool_acquire(pool, 0, NULL, &none);
    assert_int_equal(kill(pid, SIGCONT), 0);
    assert_int_equal(status, TASKER_AGAIN);
    assert_int_equal(taken, TASKER_TIMEOUT);
    assert_status(db, tasker_pipeline_run(pipeline), TASKER_NOT_FOUND);
    tasker_pipeline_close(pipeline);
    tasker_pool_release(pool, db);
    assert_ptr_equal(acquire(pool), db);
    assert_int_equal(pid_of(db), pid);
    tasker_pool_release(pool, db);
    tasker_pool_close(pool);
}

static void test_idle_links_are_closed(void **state)
{
    static const struct timespec second = {1, 50000000};
    const tasker_pool_options options = {
        .db = {.application_name = TASKER_TEXT(POOL_NAME)}, .min_size = 1, .max_size = 4, .idle_seconds = 1};
    fixture *f = *state;
    tasker_pool *pool = NULL;
    tasker_db *dbs[4];
    assert_status(NULL, tasker_pool_open(tasker_text_of(f->conninfo), &options, NULL, &pool), TASKER_OK);
    for (int i = 0; i < 4; i++)
        dbs[i] = acquire(pool);
    for (int i = 0; i < 4; i++)
        tasker_pool_release(pool, dbs[i]);
    nanosleep(&second, NULL); /* what grows old here is the links */
    dbs[0] = acquire(pool);
    assert_ptr_equal(dbs[0], dbs[3]); /* the one that was used last */
    db_test_wait(f, SESSIONS, 1);
    tasker_pool_release(pool, dbs[0]);
    nanosleep(&second, NULL);
    tasker_pool_release(pool, acquire(pool));
    assert_int_equal(db_test_count(f, SESSIONS), 1);
    for (int i = 0; i < 4; i++)
        assert_status(NULL, tasker_db_ping(dbs[i] = acquire(pool)), TASKER_OK);
    for (int i = 0; i < 4; i++)
        tasker_pool_release(pool, dbs[i]);
    tasker_pool_close(pool);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many_threads),
        cmocka_unit_test(test_first_come_first_served),
        cmocka_unit_test(test_timeouts),
        cmocka_unit_test(test_someone_leaves_the_line),
        cmocka_unit_test(test_dead_links_are_replaced),
        cmocka_unit_test(test_tainted_links_are_replaced),
        cmocka_unit_test(test_release_rolls_back),
        cmocka_unit_test(test_release_of_what_is_busy),
        cmocka_unit_test(test_idle_links_are_closed),
    };
    return db_test_run(tests);
}
