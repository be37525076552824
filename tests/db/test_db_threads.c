/* SPDX-License-Identifier: MIT */
/* A second thread at a handle: refused, or asking for the cancellation of the call that runs; and signals. */
#include <pthread.h>
#include <signal.h>
#include <time.h>
#include "db_test.h"

enum { LATE_CANCELS = 200 };

/* A create that waits for the end of a transaction of ours, which has inserted the same name. */
typedef struct blocked {
    const fixture *f;
    tasker_db *db;
    PGconn *blocker;
    int backend;
    pthread_t thread;
    tasker_status status;
} blocked;

static void *create_contested(void *argument)
{
    blocked *b = argument;
    const tasker_task_namespace_input input = {.name = TASKER_TEXT("contested")};
    b->status = tasker_task_namespace_create(b->db, &input, NULL);
    return NULL;
}

static blocked start_blocked(const fixture *f, tasker_db *db)
{
    blocked b = {.f = f, .db = db, .blocker = db_test_psql(f), .backend = tasker_db_session(db)->backend_pid};
    PQclear(PQexec(b.blocker, "BEGIN; INSERT INTO tasker_task_namespaces (name, created_at, updated_at)"
                              " VALUES ('contested', now(), now())"));
    return b;
}

static void wait_until_blocked(const blocked *b)
{
    char sql[128];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM pg_locks WHERE NOT granted AND pid = %d", b->backend);
    db_test_wait(b->f, sql, 1);
}

static void end_blocked(blocked *b)
{
    assert_int_equal(pthread_join(b->thread, NULL), 0);
    PQfinish(b->blocker);
}

static void test_second_thread(void **state)
{
    tasker_db *db = db_test_open(*state);
    blocked b = start_blocked(*state, db);
    assert_int_equal(pthread_create(&b.thread, NULL, create_contested, &b), 0);
    wait_until_blocked(&b);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(tasker_db_ping(db), TASKER_BUSY);
        assert_int_equal(tasker_db_recover(db), TASKER_BUSY);
        assert_int_equal(tasker_schema_version(db, NULL), TASKER_BUSY);
    }
    PQclear(PQexec(b.blocker, "ROLLBACK"));
    end_blocked(&b);
    assert_status(db, b.status, TASKER_OK);
    db_test_exec(*state, "DELETE FROM tasker_task_namespaces WHERE name = 'contested'");
    tasker_db_close(db);
}

static void test_cancel(void **state)
{
    tasker_db *db = db_test_open(*state);
    for (int i = 0; i < 3; i++) {
        blocked b = start_blocked(*state, db);
        assert_int_equal(pthread_create(&b.thread, NULL, create_contested, &b), 0);
        wait_until_blocked(&b);
        tasker_db_cancel(db);
        end_blocked(&b);
        assert_status(db, b.status, TASKER_CANCELLED);
        assert_string_equal(tasker_db_error(db)->sqlstate, "57014");
        assert_true(tasker_db_session(db)->usable);
        assert_status(db, tasker_db_ping(db), TASKER_OK);
    }
    assert_int_equal(db_test_count(*state, "SELECT count(*) FROM tasker_task_namespaces WHERE name = 'contested'"), 0);
    tasker_db_cancel(db);
    assert_status(db, tasker_db_ping(db), TASKER_OK);
    tasker_db_close(db);
}

/* Inside a transaction a cancelled call is like any error of the server: the transaction is to be rolled back. */
static void test_cancel_inside_a_transaction(void **state)
{
    tasker_db *db = db_test_open(*state);
    blocked b = start_blocked(*state, db);
    assert_status(db, tasker_db_begin(db, NULL), TASKER_OK);
    assert_int_equal(pthread_create(&b.thread, NULL, create_contested, &b), 0);
    wait_until_blocked(&b);
    tasker_db_cancel(db);
    end_blocked(&b);
    assert_status(db, b.status, TASKER_CANCELLED);
    assert_true(tasker_db_session(db)->transaction_failed);
    assert_status(db, tasker_db_rollback(db), TASKER_OK);
    tasker_db_close(db);
}

static void *cancel_soon(void *argument)
{
    tasker_db_cancel(argument);
    return NULL;
}

/* A request that comes late must not hit a later call: the link is given up instead. */
static void test_late_cancels(void **state)
{
    tasker_db *db = db_test_open(*state);
    for (int i = 0; i < LATE_CANCELS; i++) {
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, cancel_soon, db), 0);
        tasker_status first = tasker_db_ping(db);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_true(first == TASKER_OK || first == TASKER_CANCELLED);
        tasker_status second = tasker_db_ping(db);
        assert_true(second == TASKER_OK || second == TASKER_TAINTED);
        if (second == TASKER_TAINTED)
            assert_status(db, tasker_db_recover(db), TASKER_OK);
    }
    tasker_db_close(db);
}

/* ---- signals ---- */

static void ignore_signal(int number)
{
    (void)number;
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = ignore_signal}; /* without SA_RESTART */
    assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);
}

static void storm(pthread_t thread, int signals)
{
    static const struct timespec pause = {0, 1000000};
    for (int i = 0; i < signals; i++) {
        pthread_kill(thread, SIGUSR1);
        nanosleep(&pause, NULL);
    }
}

static void test_signals_do_not_disturb(void **state)
{
    tasker_db *db = db_test_open(*state);
    blocked b = start_blocked(*state, db);
    catch_signals();
    assert_int_equal(pthread_create(&b.thread, NULL, create_contested, &b), 0);
    wait_until_blocked(&b);
    storm(b.thread, 100);
    PQclear(PQexec(b.blocker, "ROLLBACK"));
    end_blocked(&b);
    assert_status(db, b.status, TASKER_OK);
    db_test_exec(*state, "DELETE FROM tasker_task_namespaces WHERE name = 'contested'");
    tasker_db_close(db);
}

/* With interruptible a signal ends the wait; the write that was on its way is in doubt. */
static void test_interruptible(void **state)
{
    tasker_db *db = db_test_open_with(*state, &(tasker_db_options){.interruptible = true});
    blocked b = start_blocked(*state, db);
    catch_signals();
    assert_int_equal(pthread_create(&b.thread, NULL, create_contested, &b), 0);
    wait_until_blocked(&b);
    storm(b.thread, 1);
    end_blocked(&b);
    assert_status(db, b.status, TASKER_IN_DOUBT);
    assert_message(db, "signal");
    const tasker_task_namespace_input again = {.name = TASKER_TEXT("contested"),
                                               .task_namespace_uuid = tasker_db_error(db)->key};
    assert_status(db, tasker_db_ping(db), TASKER_TAINTED);
    assert_status(db, tasker_db_recover(db), TASKER_OK);
    assert_status(db, tasker_task_namespace_create(db, &again, NULL), TASKER_OK);
    db_test_exec(*state, "DELETE FROM tasker_task_namespaces WHERE name = 'contested'");
    tasker_db_close(db);
}

/* ---- one handle each ---- */

static void *use_own_handle(void *argument)
{
    static const char *const names[] = {"own0", "own1", "own2", "own3"};
    const fixture *f = argument;
    int *wrong = calloc(1, sizeof *wrong);
    tasker_db *db = NULL;
    if (wrong == NULL || tasker_db_open(tasker_text_of(f->conninfo), NULL, NULL, &db) != TASKER_OK)
        abort();
    for (int i = 0; i < 40; i++) {
        const tasker_task_namespace_input input = {.name = tasker_text_of(names[i % 4])};
        *wrong += tasker_task_namespace_find_or_create(db, &input, NULL) != TASKER_OK;
    }
    tasker_db_close(db);
    return wrong;
}

static void test_handle_per_thread(void **state)
{
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, use_own_handle, *state), 0);
    for (int i = 0; i < 4; i++) {
        void *wrong = NULL;
        assert_int_equal(pthread_join(threads[i], &wrong), 0);
        assert_int_equal(*(int *)wrong, 0);
        free(wrong);
    }
    assert_int_equal(db_test_count(*state, "SELECT count(*) FROM tasker_task_namespaces WHERE name LIKE 'own_'"), 4);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_second_thread),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_cancel_inside_a_transaction),
        cmocka_unit_test(test_late_cancels),
        cmocka_unit_test(test_signals_do_not_disturb),
        cmocka_unit_test(test_interruptible),
        cmocka_unit_test(test_handle_per_thread),
    };
    return db_test_run(tests);
}
