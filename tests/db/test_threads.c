/* SPDX-License-Identifier: MIT */
/* Eight threads with handles of their own finish shared tasks; what threads may share, they share. For TSan too. */
#include <pthread.h>
#include <stdatomic.h>
#include <tasker/lease.h>
#include "db_test.h"
#include "shape.h"

enum { THREADS = 8, TASKS = 4, TASK_STEPS = 12, IDS = 200, ROUNDS = 2000, PINGS = 400, CANCELS = 100 };

typedef struct shared {
    const fixture *f;
    tasker_db *db; /* where one handle is used by several */
    tasker_uuid tasks[TASKS];
    pthread_mutex_t lock;
    const tasker_leases *left; /* what some thread has handed out, for another one to free */
    tasker_uuid ids[THREADS * IDS];
    atomic_long open, completed, movers, busy, done, bad;
    atomic_bool stop;
} shared;

static void count_bad(shared *s, const tasker_db *db, tasker_status status)
{
    const tasker_error *e = tasker_db_error(db);
    if (atomic_fetch_add(&s->bad, 1) == 0)
        print_error("%s: %s [%s] %s\n", tasker_status_name(status), e->statement, e->sqlstate, e->message);
}

/* ---- workers ---- */

static void swap_and_free(shared *s, const tasker_leases *mine)
{
    pthread_mutex_lock(&s->lock);
    const tasker_leases *others = s->left;
    s->left = mine;
    pthread_mutex_unlock(&s->lock);
    tasker_free(others);
}

static void complete_all(shared *s, tasker_db *db, const tasker_leases *leases)
{
    for (size_t i = 0; i < leases->count; i++) {
        tasker_completion completion = {.lease = leases->items[i], .results = TASKER_JSON("{\"ok\": true}")};
        tasker_status status = tasker_lease_complete(db, &completion, 1, NULL);
        if (status == TASKER_OK)
            atomic_fetch_add(&s->completed, 1);
        else
            count_bad(s, db, status);
    }
}

static void work_on(shared *s, tasker_db *db, const tasker_uuid *task)
{
    static const tasker_lease_options options = {.worker = TASKER_TEXT("thread")};
    const tasker_step_readiness_list *ready = NULL;
    const tasker_leases *leases = NULL;
    tasker_uuid keys[3];
    size_t n = 0;
    tasker_step_readiness_filter filter = {.task_uuids = task, .task_uuid_count = 1, .ready = true};
    tasker_status status = tasker_step_readiness_query(db, &filter, &ready);
    for (size_t i = 0; ready != NULL && i < ready->count && n < COUNT(keys); i++)
        keys[n++] = ready->items[i]->workflow_step_uuid;
    tasker_free(ready);
    if (status == TASKER_OK && n > 0)
        status = tasker_lease_take_steps(db, keys, n, &options, NULL, &leases);
    if (status != TASKER_OK && status != TASKER_CONFLICT && status != TASKER_GUARD_FAILED)
        count_bad(s, db, status);
    if (leases != NULL)
        complete_all(s, db, leases);
    swap_and_free(s, leases);
    tasker_outcome outcome = {0};
    status = tasker_task_finalize(db, task, 1, NULL, &outcome);
    if (!tasker_status_is_done(status))
        count_bad(s, db, status);
    if (status == TASKER_OK) {
        atomic_fetch_add(&s->movers, 1);
        atomic_fetch_sub(&s->open, 1);
    }
}

typedef struct worker {
    shared *s;
    size_t number;
} worker;

static void *work(void *context)
{
    worker *w = context;
    shared *s = w->s;
    tasker_db *db = NULL;
    tasker_status status = tasker_db_open(tasker_text_of(s->f->conninfo), NULL, NULL, &db);
    if (status != TASKER_OK)
        count_bad(s, db, status);
    for (size_t i = 0; i < IDS; i++)
        if (tasker_uuid_generate(&s->ids[w->number * IDS + i]) != TASKER_OK)
            atomic_fetch_add(&s->bad, 1);
    for (size_t i = w->number; status == TASKER_OK && s->open > 0 && s->bad == 0 && i < ROUNDS; i++)
        work_on(s, db, &s->tasks[i % TASKS]);
    tasker_db_close(db);
    return NULL;
}

static int by_bytes(const void *a, const void *b)
{
    return tasker_uuid_compare(a, b);
}

static void test_shared_tasks(void **state)
{
    static shared s;
    pthread_t threads[THREADS];
    worker workers[THREADS];
    fixture *f = *state;
    shape form;
    s = (shared){.f = f, .open = TASKS, .lock = PTHREAD_MUTEX_INITIALIZER};
    assert_true(shape_make(&form, SHAPE_FORK_JOIN, "threads", TASK_STEPS, 3));
    for (size_t i = 0; i < TASKS; i++) {
        const tasker_workflow_ids *ids = NULL;
        tasker_workflow_input input = {.definition = &form.definition};
        assert_status(f->db, tasker_workflow_create(f->db, &input, &ids), TASKER_OK);
        s.tasks[i] = ids->task_uuid;
        tasker_free(ids);
    }
    shape_free(&form);
    for (size_t i = 0; i < THREADS; i++) {
        workers[i] = (worker){&s, i};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    tasker_free(s.left);
    assert_int_equal(s.bad, 0);
    assert_int_equal(s.open, 0);
    assert_int_equal(s.movers, TASKS);
    assert_int_equal(s.completed, TASKS * TASK_STEPS);
    qsort(s.ids, COUNT(s.ids), sizeof *s.ids, by_bytes);
    for (size_t i = 1; i < COUNT(s.ids); i++)
        assert_true(tasker_uuid_compare(&s.ids[i - 1], &s.ids[i]) < 0);
}

/* ---- one handle, two threads ---- */

static void *ping(void *context)
{
    shared *s = context;
    for (int i = 0; i < PINGS; i++) {
        tasker_status status = tasker_db_ping(s->db);
        atomic_fetch_add(status == TASKER_OK ? &s->done : status == TASKER_BUSY ? &s->busy : &s->bad, 1);
    }
    return NULL;
}

static void test_one_handle(void **state)
{
    static shared s;
    pthread_t threads[2];
    s = (shared){.db = db_test_open(*state)};
    for (size_t i = 0; i < COUNT(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ping, &s), 0);
    for (size_t i = 0; i < COUNT(threads); i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    printf("# %ld answered, %ld refused as busy\n", (long)s.done, (long)s.busy);
    assert_int_equal(s.bad, 0);
    assert_int_equal(s.done + s.busy, 2 * PINGS);
    assert_true(s.done > 0);
    assert_status(s.db, tasker_db_ping(s.db), TASKER_OK);
    tasker_db_close(s.db);
}

/* ---- cancelled from elsewhere, at any moment ---- */

static void *cancel(void *context)
{
    shared *s = context;
    while (!s->stop)
        tasker_db_cancel(s->db);
    return NULL;
}

static void test_cancel(void **state)
{
    static shared s;
    pthread_t thread;
    long cancelled = 0, created = 0;
    shape form;
    s = (shared){.db = db_test_open(*state)};
    assert_true(shape_make(&form, SHAPE_LOOSE, "cancelled", 100, 3));
    const tasker_workflow_input input = {.definition = &form.definition};
    assert_int_equal(pthread_create(&thread, NULL, cancel, &s), 0);
    for (int i = 0; i < CANCELS; i++) {
        tasker_status status = tasker_workflow_create(s.db, &input, NULL);
        cancelled += status == TASKER_CANCELLED;
        created += status == TASKER_OK;
        while (status == TASKER_CANCELLED || status == TASKER_TAINTED)
            status = tasker_db_recover(s.db); /* asks questions itself, which may be hit as well */
        if (!tasker_status_is_done(status))
            count_bad(&s, s.db, status);
    }
    s.stop = true;
    assert_int_equal(pthread_join(thread, NULL), 0);
    shape_free(&form);
    printf("# %ld of %d calls were cancelled, %ld done\n", cancelled, CANCELS, created);
    assert_int_equal(s.bad, 0);
    assert_true(cancelled > 0);
    assert_int_equal(db_test_count(*state, "SELECT count(*) FROM tasker_tasks k"
                                           " JOIN tasker_named_tasks nt USING (named_task_uuid)"
                                           " WHERE nt.name = 'cancelled'"),
                     created);
    if (tasker_db_recover(s.db) != TASKER_NOOP)
        assert_status(s.db, tasker_db_ping(s.db), TASKER_OK);
    tasker_db_close(s.db);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shared_tasks),
        cmocka_unit_test(test_one_handle),
        cmocka_unit_test(test_cancel),
    };
    return db_test_run(tests);
}
