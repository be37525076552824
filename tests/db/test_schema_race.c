/* SPDX-License-Identifier: MIT */
/* Installers at once, and installers that die: in the end there is the same schema, or none. */
#include <sys/wait.h>
#include <unistd.h>
#include "db_test.h"

enum { PROCESSES = 4, ROUNDS = 8, CRASH_STRIDE = 9 };

static const tasker_db_options raced = {.schema = TASKER_TEXT("raced"), .any_schema = true};

static void assert_clean(tasker_db *db)
{
    const tasker_findings *findings = NULL;
    assert_status(db, tasker_schema_verify(db, NULL, &findings), TASKER_OK);
    assert_int_equal(findings->count, 0);
    tasker_free(findings);
}

/* The child's answer is its exit status. It uses nothing of the parent's but the connection string. */
static int install_in_child(const char *conninfo, int start)
{
    char byte;
    tasker_db *db = NULL;
    tasker_status status = tasker_db_open(tasker_text_of(conninfo), &raced, NULL, &db);
    while (status == TASKER_OK && read(start, &byte, 1) > 0)
        ; /* all begin when the parent closes its end */
    if (status == TASKER_OK)
        status = tasker_schema_install(db, NULL);
    tasker_db_close(db);
    return (int)status;
}

static pid_t start_child(const char *conninfo, const int gate[2])
{
    pid_t child = fork();
    if (child != 0)
        return child;
    close(gate[1]);
    _exit(install_in_child(conninfo, gate[0]));
}

static void test_installs_at_once(void **state)
{
    fixture *f = *state;
    for (int round = 0; round < ROUNDS; round++) {
        int gate[2], installed = 0, noop = 0;
        pid_t children[PROCESSES];
        assert_int_equal(pipe(gate), 0);
        for (int i = 0; i < PROCESSES; i++)
            children[i] = start_child(f->conninfo, gate);
        close(gate[0]);
        close(gate[1]);
        for (int i = 0; i < PROCESSES; i++) {
            int result = 0;
            assert_int_equal(waitpid(children[i], &result, 0), children[i]);
            assert_true(WIFEXITED(result));
            installed += WEXITSTATUS(result) == TASKER_OK;
            noop += WEXITSTATUS(result) == TASKER_NOOP;
        }
        assert_int_equal(installed, 1);
        assert_int_equal(noop, PROCESSES - 1);
        tasker_db *db = db_test_open_with(f, &raced);
        assert_clean(db);
        tasker_db_close(db);
        db_test_exec(f, "DROP SCHEMA raced CASCADE");
    }
}

/*
 * An event trigger ends the installing session at its n-th command; the sequence counts on through the rollback. In a
 * database of its own, because an event trigger meets everybody.
 */
static const char nemesis[] = "CREATE SCHEMA nemesis;"
                              "CREATE SEQUENCE nemesis.commands;"
                              "CREATE TABLE nemesis.plan (strike bigint);"
                              "CREATE FUNCTION nemesis.strike() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN"
                              " IF nextval('nemesis.commands') = (SELECT strike FROM nemesis.plan) THEN"
                              "  PERFORM pg_terminate_backend(pg_backend_pid()); END IF; END $$;"
                              "CREATE EVENT TRIGGER nemesis ON ddl_command_end EXECUTE FUNCTION nemesis.strike()";

static bool crash_at(const fixture *f, int n)
{
    char sql[256];
    snprintf(sql, sizeof sql,
             "TRUNCATE nemesis.plan; INSERT INTO nemesis.plan VALUES (%d);"
             " SELECT setval('nemesis.commands', 1, false)",
             n);
    db_test_exec(f, sql);
    tasker_db *db = db_test_open_with(f, &raced);
    tasker_status status = tasker_schema_install(db, NULL);
    if (status != TASKER_OK) {
        assert_status(db, status, TASKER_DISCONNECTED);
        assert_string_equal(tasker_db_error(db)->sqlstate, "57P01");
        assert_status(db, tasker_schema_install(db, NULL), TASKER_DISCONNECTED);
        assert_status(db, tasker_db_recover(db), TASKER_OK);
        assert_int_equal(tasker_db_session(db)->schema_version, 0);
        assert_int_equal(db_test_count(f, "SELECT count(*) FROM pg_namespace WHERE nspname = 'raced'"), 0);
    }
    tasker_db_close(db);
    return status != TASKER_OK;
}

static void test_crash_in_the_middle(void **state)
{
    fixture other = *(fixture *)*state;
    snprintf(other.database, sizeof other.database, "schema_crash_%ld", (long)getpid());
    snprintf(other.conninfo, sizeof other.conninfo, "dbname='%s'", other.database);
    db_test_create_database(other.database);
    db_test_exec(&other, nemesis);
    int crashes = 0;
    while (crash_at(&other, 1 + crashes * CRASH_STRIDE))
        crashes++;
    assert_true(crashes > 3);
    db_test_exec(&other, "DROP EVENT TRIGGER nemesis");
    tasker_db *db = db_test_open_with(&other, &raced);
    assert_status(db, tasker_schema_install(db, NULL), TASKER_NOOP);
    assert_clean(db);
    tasker_db_close(db);
    db_test_drop_database(other.database);
}

/* Killed while it waits for the lock, and while the one with the lock is killed. */
static void test_crash_of_the_first(void **state)
{
    fixture *f = *state;
    int gate[2];
    assert_int_equal(pipe(gate), 0);
    PGconn *first = db_test_psql(f);
    PQclear(PQexec(first, "BEGIN"));
    PQclear(PQexec(first, "SELECT pg_advisory_xact_lock(hashtextextended('libtasker schema \"raced\"', 0))"));
    PQclear(PQexec(first, "CREATE SCHEMA raced; CREATE TABLE raced.tasker_tasks ()"));
    pid_t child = start_child(f->conninfo, gate);
    close(gate[0]);
    close(gate[1]);
    db_test_wait(f, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted", 1);
    char sql[64];
    snprintf(sql, sizeof sql, "SELECT pg_terminate_backend(%d)", PQbackendPID(first));
    db_test_exec(f, sql);
    int result = 0;
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_true(WIFEXITED(result));
    assert_int_equal(WEXITSTATUS(result), TASKER_OK);
    PQfinish(first);
    tasker_db *db = db_test_open_with(f, &raced);
    assert_clean(db);
    tasker_db_close(db);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_installs_at_once),
        cmocka_unit_test(test_crash_in_the_middle),
        cmocka_unit_test(test_crash_of_the_first),
    };
    return db_test_run(tests);
}
