/* SPDX-License-Identifier: MIT */
/* Links that die, stall, are inherited; and what the handle says about the write that was on its way. */
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "db_test.h"

enum { DEADLINE_MS = 500, LATEST_MS = 750 };

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void terminate(const fixture *f, int pid)
{
    char sql[64];
    snprintf(sql, sizeof sql, "SELECT pg_terminate_backend(%d, 10000)::int", pid);
    assert_int_equal(db_test_count(f, sql), 1);
}

static long count(const fixture *f, const char *name)
{
    char sql[128];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM tasker_task_namespaces WHERE name = '%s'", name);
    return db_test_count(f, sql);
}

static tasker_status create(tasker_db *db, const char *name, const tasker_uuid *key)
{
    tasker_task_namespace_input input = {.name = tasker_text_of(name)};
    if (key != NULL)
        input.task_namespace_uuid = *key;
    return tasker_task_namespace_create(db, &input, NULL);
}

/* ---- links that die ---- */

static void test_dies_while_idle(void **state)
{
    fixture *f = *state;
    tasker_db *db = db_test_open(f);
    for (int in_transaction = 0; in_transaction < 2; in_transaction++) {
        int pid = tasker_db_session(db)->backend_pid;
        if (in_transaction)
            assert_status(db, tasker_db_begin(db, NULL), TASKER_OK);
        terminate(f, pid);
        assert_status(db, create(db, "idle", NULL), TASKER_DISCONNECTED);
        assert_false(tasker_db_session(db)->usable);
        assert_false(tasker_db_session(db)->in_transaction);
        assert_status(db, tasker_db_ping(db), TASKER_DISCONNECTED);
        assert_status(db, tasker_db_recover(db), TASKER_OK);
        assert_true(tasker_db_session(db)->usable);
        assert_int_not_equal(tasker_db_session(db)->backend_pid, pid);
        assert_status(db, tasker_db_ping(db), TASKER_OK);
    }
    assert_int_equal(count(f, "idle"), 0);
    tasker_db_close(db);
}

/* Terminated from within: the error comes before the end of the statement, so it is known that nothing happened. */
static void test_dies_during_a_write(void **state)
{
    fixture *f = *state;
    tasker_db *db = db_test_open(f);
    db_test_exec(f, "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                    " PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END $$;"
                    "CREATE TRIGGER die BEFORE INSERT ON tasker_task_namespaces FOR EACH ROW"
                    " WHEN (NEW.name = 'dies') EXECUTE FUNCTION die()");
    assert_status(db, create(db, "dies", NULL), TASKER_DISCONNECTED);
    assert_string_equal(tasker_db_error(db)->sqlstate, "57P01");
    assert_status(db, tasker_db_recover(db), TASKER_OK);
    assert_int_equal(count(f, "dies"), 0);
    db_test_exec(f, "DROP TRIGGER die ON tasker_task_namespaces; DROP FUNCTION die()");
    tasker_db_close(db);
}

static void test_recover_without_a_server(void **state)
{
    fixture *f = *state;
    fixture other = *f;
    snprintf(other.database, sizeof other.database, "gone_%ld", (long)getpid());
    snprintf(other.conninfo, sizeof other.conninfo, "dbname='%s'", other.database);
    db_test_create_database(other.database);
    tasker_db *db = db_test_open_with(&other, &(tasker_db_options){.any_schema = true});
    db_test_drop_database(other.database);
    assert_status(db, tasker_db_ping(db), TASKER_DISCONNECTED);
    for (int i = 0; i < 2; i++) {
        assert_status(db, tasker_db_recover(db), TASKER_INVALID_ARGUMENT);
        assert_status(db, tasker_db_ping(db), TASKER_DISCONNECTED);
        assert_null(tasker_db_conn(db));
    }
    db_test_create_database(other.database);
    assert_status(db, tasker_db_recover(db), TASKER_OK);
    assert_status(db, tasker_db_ping(db), TASKER_OK);
    tasker_db_close(db);
    db_test_drop_database(other.database);
}

/* ---- servers that stall ---- */

static tasker_db *open_stalling(const fixture *f, pid_t *backend)
{
    tasker_db *db = db_test_open_with(f, &(tasker_db_options){.call_timeout_ms = DEADLINE_MS});
    *backend = tasker_db_session(db)->backend_pid;
    return db;
}

static void stop(pid_t backend)
{
    assert_int_equal(kill(backend, SIGSTOP), 0);
}

static void go_on(pid_t backend)
{
    assert_int_equal(kill(backend, SIGCONT), 0);
}

static void test_stalled_read(void **state)
{
    pid_t backend;
    const tasker_task_namespace *found = NULL;
    tasker_db *db = open_stalling(*state, &backend);
    stop(backend);
    int64_t start = now_ms();
    tasker_status status = tasker_task_namespace_find_by_name(db, tasker_text_of("x"), &found);
    int64_t took = now_ms() - start;
    go_on(backend);
    assert_status(db, status, TASKER_TIMEOUT);
    assert_in_range(took, DEADLINE_MS, LATEST_MS);
    assert_null(found);
    assert_status(db, tasker_db_ping(db), TASKER_TAINTED);
    assert_false(tasker_db_session(db)->usable);
    assert_status(db, tasker_db_recover(db), TASKER_OK);
    assert_status(db, tasker_db_ping(db), TASKER_OK);
    tasker_db_close(db);
}

/*
 * Recovered while the old backend still stands, or after it went on: the resend is answered OK, and there is one row.
 */
static void test_stalled_write(void **state)
{
    static const char *const names[] = {"stalled0", "stalled1"};
    fixture *f = *state;
    for (int late = 0; late < 2; late++) {
        pid_t backend;
        tasker_db *db = open_stalling(f, &backend);
        tasker_task_namespace_input input = {.name = tasker_text_of(names[late])};
        stop(backend);
        int64_t start = now_ms();
        tasker_status status = tasker_task_namespace_create(db, &input, NULL);
        int64_t took = now_ms() - start;
        if (!late)
            go_on(backend);
        tasker_error error = *tasker_db_error(db);
        tasker_status recovered = tasker_db_recover(db);
        input.task_namespace_uuid = error.key;
        tasker_status resent = tasker_task_namespace_create(db, &input, NULL);
        if (late)
            go_on(backend);
        assert_int_equal(status, TASKER_IN_DOUBT);
        assert_in_range(took, DEADLINE_MS, LATEST_MS);
        assert_false(tasker_uuid_is_nil(&error.key));
        assert_string_equal(error.statement, "task_namespace_create");
        assert_status(db, recovered, TASKER_OK);
        assert_status(db, resent, TASKER_OK);
        char sql[96];
        snprintf(sql, sizeof sql, "SELECT count(*) FROM pg_stat_activity WHERE pid = %d", (int)backend);
        db_test_wait(f, sql, 0);
        assert_int_equal(count(f, names[late]), 1);
        tasker_db_close(db);
    }
}

/* Inside a transaction nothing is in doubt: without a commit nothing will ever have happened. */
static void test_stalled_inside_a_transaction(void **state)
{
    fixture *f = *state;
    for (int committing = 0; committing < 2; committing++) {
        pid_t backend;
        tasker_db *db = open_stalling(f, &backend);
        assert_status(db, tasker_db_begin(db, NULL), TASKER_OK);
        assert_status(db, create(db, "inside", NULL), TASKER_OK);
        stop(backend);
        tasker_status status = committing ? tasker_db_commit(db) : create(db, "inside2", NULL);
        go_on(backend);
        assert_status(db, status, TASKER_TIMEOUT);
        assert_status(db, tasker_db_rollback(db), TASKER_TAINTED);
        assert_status(db, tasker_db_recover(db), TASKER_OK);
        assert_false(tasker_db_session(db)->in_transaction);
        tasker_db_close(db);
        assert_int_equal(count(f, "inside"), 0);
    }
}

/* ---- a commit whose answer is lost ---- */

static const char slow_commit[] = "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                                  " PERFORM pg_advisory_xact_lock_shared(77);"
                                  " IF NEW.name = 'undone' THEN RAISE 'undone'; END IF; RETURN NULL; END $$;"
                                  "CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON tasker_task_namespaces"
                                  " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION slow()";

/* The commit waits for a lock of ours, so its deadline passes while it is undecided; then it goes on, or fails. */
static void lose_a_commit(const fixture *f, const char *name, bool expected)
{
    pid_t backend;
    bool happened = !expected;
    PGconn *gate = db_test_psql(f);
    PQclear(PQexec(gate, "SELECT pg_advisory_lock(77)"));
    tasker_db *db = open_stalling(f, &backend);
    assert_status(db, tasker_db_begin(db, NULL), TASKER_OK);
    assert_status(db, create(db, name, NULL), TASKER_OK);
    assert_status(db, tasker_db_commit(db), TASKER_IN_DOUBT);
    tasker_commit commit = tasker_db_error(db)->commit;
    assert_true(commit.xid != 0);
    assert_status(db, tasker_db_resolve(db, commit, &happened), TASKER_TAINTED);
    assert_status(db, tasker_db_recover(db), TASKER_OK);
    assert_status(db, tasker_db_resolve(db, commit, &happened), TASKER_IN_DOUBT);
    assert_true(happened == !expected);
    PQclear(PQexec(gate, "SELECT pg_advisory_unlock(77)"));
    char sql[96];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM pg_stat_activity WHERE pid = %d", (int)backend);
    db_test_wait(f, sql, 0);
    assert_status(db, tasker_db_resolve(db, commit, &happened), TASKER_OK);
    assert_true(happened == expected);
    assert_int_equal(count(f, name), expected);
    PQfinish(gate);
    tasker_db_close(db);
}

static void test_resolve(void **state)
{
    fixture *f = *state;
    bool happened = false;
    db_test_exec(f, slow_commit);
    lose_a_commit(f, "done", true);
    lose_a_commit(f, "undone", false);
    db_test_exec(f, "DROP TRIGGER slow ON tasker_task_namespaces; DROP FUNCTION slow()");
    assert_status(f->db, tasker_db_resolve(f->db, (tasker_commit){0}, &happened), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, tasker_db_resolve(f->db, (tasker_commit){UINT64_MAX}, &happened), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, tasker_db_ping(f->db), TASKER_OK);
}

/* ---- fork ---- */

static int use_in_child(tasker_db *db)
{
    const tasker_task_namespace *found = NULL;
    int wrong = 0;
    wrong += tasker_db_ping(db) != TASKER_FORKED;
    wrong += create(db, "child", NULL) != TASKER_FORKED;
    wrong += tasker_task_namespace_find_by_name(db, tasker_text_of("x"), &found) != TASKER_FORKED;
    wrong += tasker_db_begin(db, NULL) != TASKER_FORKED;
    wrong += tasker_db_commit(db) != TASKER_FORKED;
    wrong += tasker_db_recover(db) != TASKER_FORKED;
    wrong += tasker_schema_install(db, NULL) != TASKER_FORKED;
    wrong += tasker_db_error(db)->status != TASKER_FORKED;
    tasker_db_close(db);
    return wrong;
}

static void test_fork(void **state)
{
    tasker_db *db = db_test_open(*state);
    for (int in_transaction = 0; in_transaction < 2; in_transaction++) {
        int result = 0;
        if (in_transaction)
            assert_status(db, tasker_db_begin(db, NULL), TASKER_OK);
        pid_t child = fork();
        if (child == 0)
            _exit(use_in_child(db));
        assert_int_equal(waitpid(child, &result, 0), child);
        assert_true(WIFEXITED(result));
        assert_int_equal(WEXITSTATUS(result), 0);
        assert_status(db, create(db, "parent", NULL), in_transaction ? TASKER_DUPLICATE : TASKER_OK);
        assert_status(db, tasker_db_ping(db), TASKER_OK);
    }
    assert_status(db, tasker_db_commit(db), TASKER_OK);
    assert_int_equal(count(*state, "parent"), 1);
    tasker_db_close(db);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dies_while_idle),
        cmocka_unit_test(test_dies_during_a_write),
        cmocka_unit_test(test_recover_without_a_server),
        cmocka_unit_test(test_stalled_read),
        cmocka_unit_test(test_stalled_write),
        cmocka_unit_test(test_stalled_inside_a_transaction),
        cmocka_unit_test(test_resolve),
        cmocka_unit_test(test_fork),
    };
    return db_test_run(tests);
}
