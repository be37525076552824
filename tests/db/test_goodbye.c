/* SPDX-License-Identifier: MIT */
/*
 * A terminated session's last words come with an answer, in one read: nothing else comes, and the socket stays open
 * until the server's process is gone, which is a while after its session.
 */
#include "db_test.h"
#include "wire.h"

static const char goodbye[] = "E\0\0\0\x30"
                              "SFATAL\0VFATAL\0C57P01\0Mit is terminated now\0";

static tasker_status create(tasker_db *db)
{
    return tasker_task_namespace_create(db, &(tasker_task_namespace_input){.name = tasker_text_of("goodbye")}, NULL);
}

static void ping_for_the_last_time(tasker_db *db)
{
    wire_append(goodbye, sizeof goodbye);
    assert_status(db, tasker_db_ping(db), TASKER_OK);
}

static void test_next_write(void **state)
{
    fixture *f = *state;
    tasker_db *db = db_test_open(f);
    ping_for_the_last_time(db);
    assert_status(db, create(db), TASKER_DISCONNECTED);
    assert_false(tasker_db_session(db)->usable);
    assert_int_equal(db_test_count(f, "SELECT count(*) FROM tasker_task_namespaces WHERE name = 'goodbye'"), 0);
    assert_status(db, tasker_db_recover(db), TASKER_OK);
    assert_status(db, create(db), TASKER_OK);
    tasker_db_close(db);
}

static void test_recover(void **state)
{
    tasker_db *db = db_test_open(*state);
    int pid = tasker_db_session(db)->backend_pid;
    assert_status(db, tasker_db_recover(db), TASKER_NOOP);
    ping_for_the_last_time(db);
    assert_status(db, tasker_db_recover(db), TASKER_OK);
    assert_int_not_equal(tasker_db_session(db)->backend_pid, pid);
    assert_status(db, tasker_db_ping(db), TASKER_OK);
    tasker_db_close(db);
}

static void test_pool(void **state)
{
    fixture *f = *state;
    tasker_db *db = NULL;
    tasker_pool *pool = NULL;
    tasker_error error;
    const tasker_pool_options options = {.max_size = 1};
    assert_int_equal(tasker_pool_open(tasker_text_of(f->conninfo), &options, &error, &pool), TASKER_OK);
    assert_int_equal(tasker_pool_acquire(pool, 5000, &error, &db), TASKER_OK);
    int pid = tasker_db_session(db)->backend_pid;
    ping_for_the_last_time(db);
    tasker_pool_release(pool, db);
    assert_int_equal(tasker_pool_acquire(pool, 5000, &error, &db), TASKER_OK);
    assert_status(db, tasker_db_ping(db), TASKER_OK);
    assert_int_not_equal(tasker_db_session(db)->backend_pid, pid);
    tasker_pool_release(pool, db);
    tasker_pool_close(pool);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_next_write),
        cmocka_unit_test(test_recover),
        cmocka_unit_test(test_pool),
    };
    return db_test_run(tests);
}
