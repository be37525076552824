/* SPDX-License-Identifier: MIT */
/* Pools at their beginning and their end: options, servers that are away or silent, closing, forking. For TSan too. */
#include <sys/socket.h>
#include <sys/wait.h>
#include "pool_test.h"
#include "road.h"

static tasker_status try_open(const char *conninfo, const tasker_pool_options *options)
{
    tasker_error error;
    tasker_pool *pool = (tasker_pool *)(void *)&error; /* to be overwritten */
    tasker_status status = tasker_pool_open(tasker_text_of(conninfo), options, &error, &pool);
    assert_int_equal(error.status, status);
    assert_int_equal(error.item, -1);
    if (status != TASKER_OK) {
        assert_null(pool);
        assert_true(error.message[0] != '\0');
    }
    tasker_pool_close(pool);
    return status;
}

static void test_options(void **state)
{
    static const tasker_pool_options wrong[] = {
        {.min_size = -1},
        {.min_size = 9},
        {.min_size = 3, .max_size = 2},
        {.max_size = -1},
        {.max_size = 1001},
        {.max_size = INT32_MAX},
        {.max_size = INT32_MIN},
        {.min_size = INT32_MAX, .max_size = INT32_MAX},
        {.idle_seconds = -2},
        {.idle_seconds = INT32_MIN},
        {.db = {.connect_timeout_ms = -2}},
        {.db = {.schema = {"", 0}}},
        {.db = {.application_name = {"a\0b", 3}}},
    };
    static const tasker_pool_options newer[] = {{.reserved = {0, 0, 0, 1}}, {.db = {.reserved = {1}}}};
    fixture *f = *state;
    tasker_pool *pool = NULL;
    for (size_t i = 0; i < COUNT(wrong); i++)
        assert_int_equal(try_open(f->conninfo, &wrong[i]), TASKER_INVALID_ARGUMENT);
    for (size_t i = 0; i < COUNT(newer); i++)
        assert_int_equal(try_open(f->conninfo, &newer[i]), TASKER_UNSUPPORTED);
    assert_int_equal(try_open("no such thing", NULL), TASKER_INVALID_ARGUMENT);
    assert_int_equal(tasker_pool_open((tasker_text){"a\0b", 3}, NULL, NULL, &pool), TASKER_INVALID_ARGUMENT);
    assert_int_equal(tasker_pool_open(tasker_text_of(f->conninfo), NULL, NULL, NULL), TASKER_INVALID_ARGUMENT);
    assert_int_equal(try_open(f->conninfo, NULL), TASKER_OK);
    assert_int_equal(try_open(f->conninfo, &(tasker_pool_options){.min_size = 8, .idle_seconds = INT32_MAX}),
                     TASKER_OK);
    assert_int_equal(try_open(f->conninfo, &(tasker_pool_options){.max_size = 1000, .idle_seconds = -1}), TASKER_OK);
}

/* Nothing is reached until a link is needed. */
static void test_opened_when_needed(void **state)
{
    tasker_pool *pool = open_pool(*state, 2, 3);
    assert_int_equal(db_test_count(*state, SESSIONS), 2);
    tasker_pool_close(pool);
    db_test_wait(*state, SESSIONS, 0);
    pool = open_pool(*state, 0, 3);
    assert_int_equal(db_test_count(*state, SESSIONS), 0);
    tasker_pool_release(pool, acquire(pool));
    tasker_pool_release(pool, acquire(pool));
    assert_int_equal(db_test_count(*state, SESSIONS), 1);
    tasker_pool_close(pool);
    db_test_wait(*state, SESSIONS, 0);
}

static void test_misuse(void **state)
{
    tasker_error error;
    tasker_db *db = NULL;
    tasker_pool *pool = open_pool(*state, 0, 2);
    tasker_pool_close(NULL);
    tasker_pool_release(NULL, NULL);
    tasker_pool_release(pool, NULL);
    assert_int_equal(tasker_pool_acquire(NULL, 0, &error, &db), TASKER_INVALID_ARGUMENT);
    assert_int_equal(error.status, TASKER_INVALID_ARGUMENT);
    assert_int_equal(tasker_pool_acquire(pool, 0, &error, NULL), TASKER_INVALID_ARGUMENT);
    tasker_pool_release(pool, ((fixture *)*state)->db);
    db = acquire(pool);
    tasker_db_close(db);
    assert_status(db, tasker_db_ping(db), TASKER_OK);
    tasker_pool_release(pool, db);
    tasker_pool_release(pool, db);
    tasker_db *first = acquire(pool), *second = acquire(pool);
    assert_ptr_not_equal(first, second);
    tasker_pool_release(pool, first);
    tasker_pool_release(pool, second);
    tasker_pool_close(pool);
}

/* ---- servers ---- */

/* A handle whose link cannot be opened is not lost to the pool. */
static void test_server_away(void **state)
{
    road r = road_open(*state);
    tasker_error error;
    tasker_db *db = NULL;
    tasker_pool *pool = NULL;
    const tasker_pool_options options = {.max_size = 1};
    road_to_nowhere(&r);
    assert_int_equal(try_open(r.conninfo, &(tasker_pool_options){.min_size = 1}), TASKER_DISCONNECTED);
    assert_int_equal(tasker_pool_open(tasker_text_of(r.conninfo), &options, NULL, &pool), TASKER_OK);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(tasker_pool_acquire(pool, i == 0 ? -1 : i == 1 ? 0 : 1000, &error, &db), TASKER_DISCONNECTED);
        assert_int_equal(error.status, TASKER_DISCONNECTED);
        assert_non_null(strstr(error.message, "no server answers"));
        assert_null(db);
    }
    road_to_server(&r);
    db = acquire(pool);
    assert_status(db, tasker_db_ping(db), TASKER_OK);
    tasker_pool_release(pool, db);
    tasker_pool_close(pool);
    road_close(&r);
}

static void test_server_silent(void **state)
{
    road r = road_open(*state);
    tasker_error error;
    tasker_db *db = NULL;
    tasker_pool *pool = NULL;
    const tasker_pool_options options = {.db = {.connect_timeout_ms = 500}};
    assert_int_equal(tasker_pool_open(tasker_text_of(r.conninfo), &options, NULL, &pool), TASKER_OK);
    road_to_silence(&r);
    for (int timeout_ms = -1; timeout_ms < 400; timeout_ms += timeout_ms < 0 ? 1 : 200) {
        long began = now_ms(), expected = timeout_ms > 0 ? timeout_ms : 500;
        assert_int_equal(tasker_pool_acquire(pool, timeout_ms, &error, &db), TASKER_TIMEOUT);
        assert_in_range(now_ms() - began, expected - 1, expected + LATE_MS);
    }
    road_to_server(&r);
    tasker_pool_release(pool, acquire(pool));
    tasker_pool_close(pool);
    road_close(&r);
}

/* The deadline is for the waiting and the connecting together. */
static void test_one_deadline(void **state)
{
    road r = road_open(*state);
    atomic_int served = 0;
    tasker_pool *pool = NULL;
    const tasker_pool_options options = {.max_size = 1};
    assert_int_equal(tasker_pool_open(tasker_text_of(r.conninfo), &options, NULL, &pool), TASKER_OK);
    tasker_db *db = acquire(pool);
    customer c = {.pool = pool, .timeout_ms = 600, .served = &served};
    long began = now_ms();
    road_to_silence(&r);
    start_customer(&c);
    assert_int_equal(shutdown(PQsocket(tasker_db_conn(db)), SHUT_RDWR), 0);
    tasker_pool_release(pool, db);
    assert_int_equal(pthread_join(c.thread, NULL), 0);
    assert_int_equal(c.status, TASKER_TIMEOUT);
    assert_in_range(now_ms() - began, 599, 600 + LATE_MS);
    tasker_pool_close(pool);
    road_close(&r);
}

/* ---- the end ---- */

static void test_close_with_handles_out_and_a_line(void **state)
{
    enum { CUSTOMERS = 3 };
    atomic_int served = 0;
    customer customers[CUSTOMERS];
    tasker_pool *pool = open_pool(*state, 2, 2);
    tasker_db *first = acquire(pool), *second = acquire(pool);
    assert_status(first, tasker_db_begin(first, NULL), TASKER_OK);
    for (int i = 0; i < CUSTOMERS; i++) {
        customers[i] = (customer){.pool = pool, .timeout_ms = i == 0 ? 60000 : -1, .served = &served};
        start_customer(&customers[i]);
    }
    tasker_pool_close(pool);
    for (int i = 0; i < CUSTOMERS; i++) {
        assert_int_equal(pthread_join(customers[i].thread, NULL), 0);
        assert_int_equal(customers[i].status, TASKER_CANCELLED);
    }
    assert_status(first, tasker_db_ping(first), TASKER_OK);
    assert_status(second, tasker_db_ping(second), TASKER_OK);
    tasker_pool_release(pool, second);
    db_test_wait(*state, SESSIONS, 1);
    assert_status(first, tasker_db_commit(first), TASKER_OK);
    tasker_pool_release(pool, first);
    db_test_wait(*state, SESSIONS, 0);
}

/* ---- forks ---- */

static int use_in_child(tasker_pool *pool, tasker_db *db)
{
    tasker_error error;
    tasker_db *other = NULL;
    int wrong = 0;
    wrong += tasker_pool_acquire(pool, -1, &error, &other) != TASKER_FORKED;
    wrong += error.status != TASKER_FORKED || other != NULL;
    wrong += tasker_db_ping(db) != TASKER_FORKED;
    tasker_pool_release(pool, db);
    tasker_pool_close(pool);
    return wrong;
}

static void test_fork(void **state)
{
    int result = 0;
    tasker_pool *pool = open_pool(*state, 2, 2);
    tasker_db *db = acquire(pool);
    int pid = tasker_db_session(db)->backend_pid;
    assert_status(db, tasker_db_begin(db, NULL), TASKER_OK);
    pid_t child = fork();
    if (child == 0)
        _exit(use_in_child(pool, db));
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_true(WIFEXITED(result));
    assert_int_equal(WEXITSTATUS(result), 0);
    assert_status(db, tasker_db_commit(db), TASKER_OK);
    tasker_pool_release(pool, db);
    assert_int_equal(db_test_count(*state, SESSIONS), 2);
    db = acquire(pool);
    assert_int_equal(tasker_db_session(db)->backend_pid, pid);
    tasker_pool_release(pool, db);
    tasker_pool_close(pool);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_opened_when_needed),
        cmocka_unit_test(test_misuse),
        cmocka_unit_test(test_server_away),
        cmocka_unit_test(test_server_silent),
        cmocka_unit_test(test_one_deadline),
        cmocka_unit_test(test_close_with_handles_out_and_a_line),
        cmocka_unit_test(test_fork),
    };
    return db_test_run(tests);
}
