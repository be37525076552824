/* SPDX-License-Identifier: MIT */
/* Taking an adoption back: everything is as it was. What is built on ours stands in the way; a crash does not. */
#include <unistd.h>
#include "catalog.h"
#include "flow_test.h"

/* Its schema's name needs quotes. */
#define NAME "Core \"x' %s"
#define QUOTED "\"Core \"\"x' %s\""

static const tasker_db_options odd = {.schema = TASKER_TEXT(NAME), .any_schema = true};

/* ---- everything is as it was ---- */

/*
 * Functions and views that do something, and are built on each other in both ways; of another owner, with grants and
 * comments, with options. owner and reader are roles.
 */
static void make_core(PGconn *conn, const char *owner, const char *reader)
{
    tell(conn, "SET search_path TO %s, public", QUOTED);
    tell(conn,
         "DROP VIEW tasker_ready_tasks, tasker_step_dag_relationships;"
         "DROP FUNCTION get_system_health_counts(), release_task_claim(uuid, varchar),"
         "              get_task_execution_context(uuid), get_slowest_steps;"
         "CREATE FUNCTION get_system_health_counts(OUT a int, OUT \"B c\" text) RETURNS SETOF record"
         "  LANGUAGE sql STABLE SECURITY DEFINER COST 7 ROWS 3 SET search_path TO public"
         "  AS $$SELECT 41, 'it''s; $tasker$ '$$;"
         "CREATE VIEW tasker_ready_tasks WITH (security_barrier) AS"
         " SELECT a + 1 AS a, t.task_uuid AS \"Task\" FROM get_system_health_counts() LEFT JOIN tasker_tasks t ON true;"
         "CREATE FUNCTION get_task_execution_context(uuid) RETURNS bigint LANGUAGE sql"
         "  BEGIN ATOMIC SELECT count(*) FROM tasker_ready_tasks; END;"
         "CREATE VIEW tasker_step_dag_relationships AS SELECT get_task_execution_context(NULL) AS n;"
         "CREATE FUNCTION release_task_claim(a uuid DEFAULT NULL, VARIADIC b varchar[] DEFAULT '{}') RETURNS text"
         "  LANGUAGE plpgsql STRICT LEAKPROOF PARALLEL SAFE AS 'BEGIN RETURN b::text; END';"
         "CREATE FUNCTION get_slowest_steps(int) RETURNS int LANGUAGE sql AS 'SELECT $1';"
         "CREATE FUNCTION get_slowest_steps(text, int DEFAULT 3) RETURNS int LANGUAGE sql AS 'SELECT $2'");
    tell(conn,
         "CREATE ROLE %s; CREATE ROLE %s;"
         "GRANT USAGE ON SCHEMA %s TO %s; GRANT SELECT ON tasker_tasks TO %s;"
         "ALTER VIEW tasker_ready_tasks OWNER TO %s; ALTER FUNCTION get_slowest_steps(int) OWNER TO %s;"
         "GRANT SELECT ON tasker_ready_tasks TO %s WITH GRANT OPTION;"
         "GRANT EXECUTE ON FUNCTION get_slowest_steps(int) TO %s;"
         "REVOKE ALL ON FUNCTION get_system_health_counts() FROM PUBLIC;"
         "GRANT SELECT ON tasker_step_dag_relationships TO PUBLIC;"
         "COMMENT ON FUNCTION get_system_health_counts() IS 'how it''s going';"
         "COMMENT ON VIEW tasker_ready_tasks IS 'ready';"
         "COMMENT ON FUNCTION get_slowest_steps(int) IS 'slow'",
         owner, reader, QUOTED, owner, owner, owner, owner, reader, reader);
}

static void assert_core_works(PGconn *conn)
{
    assert_string_equal(ask(conn, "SELECT \"B c\" FROM get_system_health_counts()"), "it's; $tasker$ ");
    assert_int_equal(ask_number(conn, "SELECT a FROM tasker_ready_tasks LIMIT 1"), 42);
    assert_int_equal(ask_number(conn, "SELECT n FROM tasker_step_dag_relationships"), 1);
    assert_string_equal(ask(conn, "SELECT release_task_claim('%s', 'a', 'b')", text_of(new_uuid())), "{a,b}");
    assert_int_equal(ask_number(conn, "SELECT get_slowest_steps(5) + get_slowest_steps('')"), 8);
}

static void test_all_comes_back(void **state)
{
    const fixture *f = *state;
    char owner[64], reader[64];
    snprintf(owner, sizeof owner, "back_owner_%ld", (long)getpid());
    snprintf(reader, sizeof reader, "back_reader_%ld", (long)getpid());
    db_test_make_foreign(f, QUOTED);
    PGconn *conn = db_test_psql(f);
    tasker_db *db = db_test_open_with(f, &odd);
    make_core(conn, owner, reader);
    assert_core_works(conn);
    PGresult *before = catalog_of(f, NAME);
    for (int round = 0; round < 2; round++) {
        assert_status(db, tasker_schema_adopt(db, NULL), TASKER_OK);
        PGresult *adopted = catalog_of(f, NAME);
        assert_int_equal(ask_number(conn, "SELECT count(*) FROM get_system_health_counts()"), 1);
        assert_int_equal(ask_number(conn, "SELECT count(*) FROM pg_proc WHERE pronamespace = %s AND proname = %s",
                                    "(SELECT oid FROM pg_namespace WHERE nspname LIKE 'Core%')", "'get_slowest_steps'"),
                         1);
        assert_true(PQntuples(adopted) > PQntuples(before));
        PQclear(adopted);
        make_flow(db, "ab", "ab");
        assert_status(db, tasker_schema_unadopt(db), TASKER_OK);
        PGresult *after = catalog_of(f, NAME);
        assert_true(catalog_same(before, after));
        PQclear(after);
        tell(conn, "TRUNCATE tasker_tasks CASCADE");
        assert_core_works(conn);
    }
    PQclear(before);
    tell(conn, "DROP SCHEMA %s CASCADE; DROP ROLE %s; DROP ROLE %s", QUOTED, owner, reader);
    PQfinish(conn);
    tasker_db_close(db);
}

/* What others put beside it meanwhile is not ours; what of ours has gone is not missed. */
static void test_strangers_stay(void **state)
{
    const fixture *f = *state;
    db_test_make_foreign(f, "beside");
    tasker_db *db = db_test_open_with(f, &(tasker_db_options){.schema = T("beside"), .any_schema = true});
    PGresult *before = catalog_of(f, "beside");
    assert_status(db, tasker_schema_adopt(db, NULL), TASKER_OK);
    db_test_exec(f, "SET search_path TO beside; CREATE TABLE tasker_mine (id serial PRIMARY KEY);"
                    "CREATE INDEX mine ON tasker_tasks (reason); DROP VIEW tasker_ready_tasks;"
                    "DROP FUNCTION get_system_health_counts()");
    assert_status(db, tasker_schema_unadopt(db), TASKER_OK);
    db_test_exec(f, "DROP TABLE beside.tasker_mine; DROP INDEX beside.mine");
    PGresult *after = catalog_of(f, "beside");
    assert_true(catalog_same(before, after));
    PQclear(before);
    PQclear(after);
    tasker_db_close(db);
}

/* ---- what stands in the way ---- */

static void test_dependents(void **state)
{
    const fixture *f = *state;
    db_test_make_foreign(f, "dependents");
    tasker_db *db = db_test_open_with(f, &(tasker_db_options){.schema = T("dependents"), .any_schema = true});
    db_test_exec(f, "CREATE VIEW mine AS SELECT * FROM dependents.tasker_ready_tasks");
    PGresult *before = catalog_of(f, "dependents");
    assert_status(db, tasker_schema_adopt(db, NULL), TASKER_STILL_REFERENCED);
    assert_message(db, "view public.mine depends on view dependents.tasker_ready_tasks");
    PGresult *after = catalog_of(f, "dependents");
    assert_true(catalog_same(before, after));
    PQclear(before);
    PQclear(after);
    db_test_exec(f, "DROP VIEW mine");
    assert_status(db, tasker_schema_adopt(db, NULL), TASKER_OK);
    db_test_exec(f, "CREATE VIEW mine AS SELECT * FROM dependents.tasker_step_readiness_status");
    before = catalog_of(f, "dependents");
    assert_status(db, tasker_schema_unadopt(db), TASKER_STILL_REFERENCED);
    assert_message(db, "view public.mine depends on view dependents.tasker_step_readiness_status");
    after = catalog_of(f, "dependents");
    assert_true(catalog_same(before, after));
    PQclear(before);
    PQclear(after);
    db_test_exec(f, "DROP VIEW mine");
    assert_status(db, tasker_schema_unadopt(db), TASKER_OK);
    tasker_db_close(db);
}

/* Neither the owner of the tables nor allowed to create: nothing happens. */
static void test_without_rights(void **state)
{
    const fixture *f = *state;
    char conninfo[384];
    const tasker_db_options options = {.schema = TASKER_TEXT("denied"), .any_schema = true};
    db_test_make_foreign(f, "denied");
    PGconn *conn = db_test_psql(f);
    tasker_db *db = NULL;
    tell(conn,
         "CREATE ROLE \"%s\" LOGIN; GRANT USAGE, CREATE ON SCHEMA denied TO \"%s\";"
         "GRANT ALL ON ALL TABLES IN SCHEMA denied TO \"%s\"",
         f->database, f->database, f->database);
    snprintf(conninfo, sizeof conninfo, "%s user='%s'", f->conninfo, f->database);
    PGresult *before = catalog_of(f, "denied");
    assert_int_equal(tasker_db_open(T(conninfo), &options, NULL, &db), TASKER_OK);
    assert_status(db, tasker_schema_adopt(db, NULL), TASKER_DENIED);
    assert_message(db, "must be owner");
    assert_int_equal(tasker_db_session(db)->schema_version, 0);
    PGresult *after = catalog_of(f, "denied");
    assert_true(catalog_same(before, after));
    PQclear(before);
    PQclear(after);
    tasker_db_close(db);
    tell(conn, "DROP OWNED BY \"%s\"; DROP ROLE \"%s\"", f->database, f->database);
    PQfinish(conn);
}

/* ---- killed in the middle ---- */

enum { CRASH_STRIDE = 13 };

/* An event trigger ends the session at its n-th command; the sequence counts on through the rollback. */
static const char nemesis[] = "CREATE SCHEMA nemesis;"
                              "CREATE SEQUENCE nemesis.commands;"
                              "CREATE TABLE nemesis.plan (strike bigint);"
                              "CREATE FUNCTION nemesis.strike() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN"
                              " IF nextval('nemesis.commands') = (SELECT strike FROM nemesis.plan) THEN"
                              "  PERFORM pg_terminate_backend(pg_backend_pid()); END IF; END $$;"
                              "CREATE EVENT TRIGGER nemesis ON ddl_command_end EXECUTE FUNCTION nemesis.strike()";

typedef tasker_status (*changer)(tasker_db *db);

static tasker_status adopt(tasker_db *db)
{
    return tasker_schema_adopt(db, NULL);
}

static int crash_everywhere(const fixture *f, changer change, tasker_db *db)
{
    int crashes = 0;
    tasker_status status = TASKER_DISCONNECTED;
    PGresult *before = catalog_of(f, "public");
    while (status == TASKER_DISCONNECTED) {
        char sql[256];
        snprintf(sql, sizeof sql,
                 "TRUNCATE nemesis.plan; INSERT INTO nemesis.plan VALUES (%d);"
                 " SELECT setval('nemesis.commands', 1, false)",
                 1 + crashes * CRASH_STRIDE);
        db_test_exec(f, sql);
        status = change(db);
        if (status == TASKER_OK)
            break;
        assert_status(db, status, TASKER_DISCONNECTED);
        assert_status(db, tasker_db_recover(db), TASKER_OK);
        PGresult *after = catalog_of(f, "public");
        assert_true(catalog_same(before, after));
        PQclear(after);
        crashes++;
    }
    PQclear(before);
    return crashes;
}

static void test_crashes(void **state)
{
    fixture other = *(fixture *)*state;
    snprintf(other.database, sizeof other.database, "adopt_crash_%ld", (long)getpid());
    snprintf(other.conninfo, sizeof other.conninfo, "dbname='%s'", other.database);
    db_test_create_database(other.database);
    db_test_make_foreign(&other, "public");
    tasker_db *db = db_test_open_with(&other, &(tasker_db_options){.any_schema = true});
    PGresult *before = catalog_of(&other, "public");
    db_test_exec(&other, nemesis);
    assert_true(crash_everywhere(&other, adopt, db) > 2);
    assert_true(crash_everywhere(&other, tasker_schema_unadopt, db) > 1);
    PGresult *after = catalog_of(&other, "public");
    assert_true(catalog_same(before, after));
    PQclear(before);
    PQclear(after);
    tasker_db_close(db);
    db_test_drop_database(other.database);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_comes_back), cmocka_unit_test(test_strangers_stay), cmocka_unit_test(test_dependents),
        cmocka_unit_test(test_without_rights), cmocka_unit_test(test_crashes),
    };
    return db_test_run(tests);
}
