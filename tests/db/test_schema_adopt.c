/* SPDX-License-Identifier: MIT */
/* Adopting a schema of tasker-core's: what can be done then, what is refused, and many at once. */
#include <unistd.h>
#include "waiting.h"

static tasker_db *open_schema(const fixture *f, const char *schema)
{
    return db_test_open_with(f, &(tasker_db_options){.schema = T(schema), .any_schema = true});
}

/* A schema as tasker-core makes it, and a handle on it. */
static tasker_db *make_foreign(const fixture *f, const char *schema)
{
    db_test_make_foreign(f, schema);
    return open_schema(f, schema);
}

static void assert_open(const fixture *f, const char *schema, tasker_status expected)
{
    tasker_db *db = NULL;
    tasker_db_options options = {.schema = T(schema)};
    tasker_error error;
    assert_int_equal(tasker_db_open(T(f->conninfo), &options, &error, &db), expected);
    tasker_db_close(db);
}

static void assert_version(tasker_db *db, int32_t expected)
{
    int32_t version = -1;
    assert_status(db, tasker_schema_version(db, &version), TASKER_OK);
    assert_int_equal(version, expected);
    assert_int_equal(tasker_db_session(db)->schema_version, expected);
}

/* The highest severity, and how many findings have it. */
static tasker_severity verify(tasker_db *db, const tasker_schema_options *options, size_t *count)
{
    const tasker_findings *findings = NULL;
    tasker_severity worst = (tasker_severity)0;
    assert_status(db, tasker_schema_verify(db, options, &findings), TASKER_OK);
    *count = 0;
    if (findings->count > 0)
        worst = findings->items[0]->severity;
    for (size_t i = 0; i < findings->count && findings->items[i]->severity == worst; i++) {
        (*count)++;
        if (worst == TASKER_SEVERITY_DAMAGE)
            print_message("# %s\n", findings->items[i]->object.ptr);
    }
    tasker_free(findings);
    return worst;
}

/* ---- life ---- */

static void test_life(void **state)
{
    const fixture *f = *state;
    const tasker_schema_options compatible = {.profile = TASKER_SCHEMA_PROFILE_COMPATIBLE};
    tasker_db *db = make_foreign(f, "life");
    assert_open(f, "life", TASKER_SCHEMA_MISMATCH);
    assert_status(db, tasker_schema_unadopt(db), TASKER_NOOP);
    assert_version(db, 0);
    assert_status(db, tasker_schema_adopt(db, NULL), TASKER_OK);
    assert_version(db, 1);
    assert_open(f, "life", TASKER_OK);
    assert_status(db, tasker_schema_adopt(db, NULL), TASKER_NOOP);
    assert_status(db, tasker_schema_adopt(db, &compatible), TASKER_NOOP);
    assert_status(db, tasker_schema_install(db, NULL), TASKER_UNSUPPORTED);
    assert_message(db, "has the profile adopted; it cannot be made lean");
    assert_status(db, tasker_schema_unadopt(db), TASKER_OK);
    assert_version(db, 0);
    assert_open(f, "life", TASKER_SCHEMA_MISMATCH);
    assert_status(db, tasker_schema_unadopt(db), TASKER_NOOP);
    assert_status(db, tasker_schema_adopt(db, NULL), TASKER_OK);
    assert_status(db, tasker_schema_adopt(db, NULL), TASKER_NOOP);
    assert_version(db, 1);
    tasker_db_close(db);
}

static void assert_ready_set(PGconn *conn)
{
    assert_int_equal(ask_number(conn, "SELECT count(*) FROM tasker_ready_set_differences()"), 0);
}

/* Work goes on through both ways: what is in the tables stays, and the functions answer for it. */
static void test_work_goes_on(void **state)
{
    const fixture *f = *state;
    tasker_db *db = make_foreign(f, "work");
    PGconn *conn = db_test_psql(f);
    tell(conn, "SET search_path TO work");
    made_flow before = make_flow(db, "abc", "ab bc");
    const tasker_leases *leases = take_step(db, before.steps[0], TASKER_OK);
    assert_status(db, tasker_schema_adopt(db, NULL), TASKER_OK);
    assert_int_equal(ask_number(conn, "SELECT count(*) FROM tasker_step_readiness"), 3);
    assert_ready_set(conn);
    assert_status(db, complete_lease(db, leases), TASKER_OK);
    made_flow after = make_flow(db, "ab", "ab");
    assert_int_equal(ask_number(conn, "SELECT count(*) FROM get_step_readiness_status('%s') WHERE ready_for_execution",
                                text_of(before.task_uuid)),
                     1);
    assert_int_equal(ask_number(conn, "SELECT count(*) FROM tasker_ready_tasks"), 2);
    assert_int_equal(ask_number(conn, "SELECT count(*) FROM claim_ready_tasks('o', 5)"), 2);
    assert_string_equal(ask(conn, "SELECT release_task_claim('%s', 'o')", text_of(after.task_uuid)), "t");
    assert_int_equal(ask_number(conn,
                                "SELECT dependency_level FROM tasker_step_dag_relationships d"
                                "  JOIN calculate_dependency_levels(d.task_uuid) USING (workflow_step_uuid)"
                                " WHERE d.workflow_step_uuid = '%s'",
                                text_of(after.steps[1])),
                     1);
    assert_ready_set(conn);
    tasker_free(leases);
    leases = take_step(db, before.steps[1], TASKER_OK);
    tasker_db *late = open_schema(f, "work");
    assert_status(db, tasker_schema_unadopt(db), TASKER_OK);
    assert_status(late, step_event(late, after.steps[0], TASKER_EVENT_START), TASKER_SCHEMA_MISMATCH);
    tasker_db_close(late);
    assert_status(db, complete_lease(db, leases), TASKER_OK);
    assert_int_equal(ask_number(conn, "SELECT count(*) FROM tasker_workflow_steps"), 5);
    tasker_free(leases);
    PQfinish(conn);
    tasker_db_close(db);
}

/* A task of two steps in a row, as tasker-core's programs write it; then the first step to its end. */
static const char core_writes[] =
    "INSERT INTO tasker_task_namespaces (name, created_at, updated_at) VALUES ('n', now(), now());"
    "INSERT INTO tasker_named_tasks (task_namespace_uuid, name, created_at, updated_at)"
    " SELECT task_namespace_uuid, 't', now(), now() FROM tasker_task_namespaces;"
    "INSERT INTO tasker_dependent_systems (name, created_at, updated_at) VALUES ('s', now(), now());"
    "INSERT INTO tasker_named_steps (dependent_system_uuid, name, created_at, updated_at)"
    " SELECT dependent_system_uuid, x, now(), now() FROM tasker_dependent_systems, unnest('{a,b}'::text[]) x;"
    "INSERT INTO tasker_tasks (named_task_uuid, requested_at, identity_hash, created_at, updated_at)"
    " SELECT named_task_uuid, now(), 'h', now(), now() FROM tasker_named_tasks;"
    "INSERT INTO tasker_workflow_steps (task_uuid, named_step_uuid, created_at, updated_at)"
    " SELECT task_uuid, named_step_uuid, now(), now() FROM tasker_tasks, tasker_named_steps ORDER BY name;"
    "INSERT INTO tasker_workflow_step_edges (from_step_uuid, to_step_uuid, name, created_at, updated_at)"
    " SELECT min(workflow_step_uuid::text)::uuid, max(workflow_step_uuid::text)::uuid, 'e', now(), now()"
    "   FROM tasker_workflow_steps;"
    "INSERT INTO tasker_workflow_step_transitions (workflow_step_uuid, to_state, sort_key, most_recent, created_at,"
    "        updated_at)"
    " SELECT min(workflow_step_uuid::text)::uuid, 'pending', 1, true, now(), now() FROM tasker_workflow_steps;"
    "UPDATE tasker_workflow_step_transitions SET most_recent = false, updated_at = now() WHERE most_recent;"
    "INSERT INTO tasker_workflow_step_transitions (workflow_step_uuid, from_state, to_state, sort_key, most_recent,"
    "        created_at, updated_at)"
    " SELECT workflow_step_uuid, 'pending', 'complete', 2, true, now(), now() FROM tasker_workflow_step_transitions;"
    "UPDATE tasker_workflow_steps SET processed = true, processed_at = now(), results = '{}', updated_at = now()"
    " WHERE workflow_step_uuid IN (SELECT workflow_step_uuid FROM tasker_workflow_step_transitions)";

/* A role with no more than tasker-core grants it writes and asks as before. */
static void test_plain_statements_of_a_role(void **state)
{
    const fixture *f = *state;
    char role[64];
    tasker_db *db = make_foreign(f, "plain");
    PGconn *conn = db_test_psql(f);
    snprintf(role, sizeof role, "plain_%ld", (long)getpid());
    tell(conn,
         "CREATE ROLE %s; GRANT USAGE ON SCHEMA plain TO %s; SET search_path TO plain;"
         "GRANT ALL ON ALL TABLES IN SCHEMA plain TO %s; GRANT ALL ON ALL SEQUENCES IN SCHEMA plain TO %s;"
         "REVOKE ALL ON FUNCTION get_system_health_counts() FROM PUBLIC",
         role, role, role, role);
    assert_status(db, tasker_schema_adopt(db, NULL), TASKER_OK);
    tell(conn, "SET ROLE %s", role);
    tell(conn, "%s", core_writes);
    assert_string_equal(ask(conn, "SELECT string_agg(name, ',') FROM tasker_tasks t"
                                  "  JOIN get_step_readiness_status(t.task_uuid) ON ready_for_execution"),
                        "b");
    assert_int_equal(ask_number(conn, "SELECT count(*) FROM tasker_ready_tasks"), 1);
    assert_int_equal(ask_number(conn, "SELECT count(*) FROM claim_ready_tasks('o')"), 1);
    assert_int_equal(ask_number(conn, "SELECT version FROM tasker_schema_versions"), 1);
    assert_string_equal(ask(conn, "SELECT bool_or(has_table_privilege(c.oid, p))::text FROM pg_class c,"
                                  " unnest('{INSERT,UPDATE,DELETE,TRUNCATE}'::text[]) p"
                                  " WHERE oid IN ('tasker_schema_versions'::regclass,"
                                  "               'tasker_adopted_objects'::regclass)"),
                        "false");
    assert_string_equal(ask(conn, "SELECT has_function_privilege('get_system_health_counts()', 'EXECUTE')"), "f");
    tell(conn, "RESET ROLE");
    assert_ready_set(conn);
    assert_status(db, tasker_schema_unadopt(db), TASKER_OK);
    tell(conn, "DROP SCHEMA plain CASCADE; DROP OWNED BY %s; DROP ROLE %s", role, role);
    PQfinish(conn);
    tasker_db_close(db);
}

/* ---- verifying ---- */

static void test_verify(void **state)
{
    static const struct {
        const char *sql;
        tasker_severity severity;
    } cases[] = {
        {"DROP VIEW tasker_ready_tasks", TASKER_SEVERITY_DAMAGE},
        {"DROP FUNCTION release_task_claim(uuid, varchar)", TASKER_SEVERITY_DAMAGE},
        {"DROP TABLE tasker_adopted_objects", TASKER_SEVERITY_DAMAGE},
        {"DROP TABLE tasker_task_annotations", TASKER_SEVERITY_DAMAGE},
        {"ALTER TABLE tasker_tasks ALTER identity_hash DROP NOT NULL", TASKER_SEVERITY_DAMAGE},
        {"DROP INDEX idx_workflow_step_transitions_uuid_most_recent", TASKER_SEVERITY_DAMAGE},
        {"DROP INDEX idx_tasker_workflow_steps_task_uuid", TASKER_SEVERITY_WARNING},
        {"ALTER TABLE tasker_tasks ALTER priority SET DEFAULT 3", TASKER_SEVERITY_NOTE},
        {"ALTER TABLE tasker_tasks ADD CONSTRAINT chk_tasks_claim CHECK (true)", TASKER_SEVERITY_NOTE},
    };
    const fixture *f = *state;
    const tasker_schema_options compatible = {.profile = TASKER_SCHEMA_PROFILE_COMPATIBLE};
    size_t count;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char sql[256];
        tasker_db *db = make_foreign(f, "verified");
        assert_status(db, tasker_schema_adopt(db, NULL), TASKER_OK);
        if (i == 0)
            assert_int_equal(verify(db, &compatible, &count), TASKER_SEVERITY_NOTE);
        snprintf(sql, sizeof sql, "SET search_path TO verified; %s", cases[i].sql);
        db_test_exec(f, sql);
        assert_int_equal(verify(db, NULL, &count), cases[i].severity);
        if (cases[i].severity != TASKER_SEVERITY_NOTE)
            assert_int_equal(count, 1);
        db_test_exec(f, "DROP SCHEMA verified CASCADE");
        tasker_db_close(db);
    }
}

/* ---- what is refused, and changes nothing ---- */

static void assert_refused(tasker_db *db, tasker_status expected, const char *message)
{
    assert_status(db, tasker_schema_adopt(db, NULL), expected);
    assert_message(db, message);
    assert_version(db, 0);
}

/* The statement knows each column of each table, and names the one that is missing or different. */
static void test_each_column_counts(void **state)
{
    const fixture *f = *state;
    tasker_db *db = make_foreign(f, "columns");
    PGconn *conn = db_test_psql(f);
    char message[256];
    PGresult *columns = PQexec(conn, "SELECT c.relname, a.attname, format_type(a.atttypid, NULL) = 'jsonb'"
                                     "  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0"
                                     " WHERE c.relnamespace = 'columns'::regnamespace AND c.relkind = 'r'");
    assert_int_equal(PQntuples(columns), 114);
    for (int i = 0; i < PQntuples(columns); i++) {
        const char *table = PQgetvalue(columns, i, 0), *column = PQgetvalue(columns, i, 1);
        tell(conn, "ALTER TABLE columns.%s RENAME %s TO x", table, column);
        snprintf(message, sizeof message, "schema \"columns\" has no column %s.%s", table, column);
        assert_refused(db, TASKER_SCHEMA_MISMATCH, message);
        tell(conn, "ALTER TABLE columns.%s RENAME x TO %s", table, column);
    }
    PQclear(columns);
    tell(conn, "ALTER TABLE columns.tasker_tasks ALTER requested_at TYPE timestamptz");
    assert_refused(db, TASKER_SCHEMA_MISMATCH,
                   "in schema \"columns\" column tasker_tasks.requested_at is timestamp with time zone, not timestamp "
                   "without time zone");
    tell(conn, "ALTER TABLE columns.tasker_tasks ALTER requested_at TYPE timestamp");
    tell(conn, "DROP TABLE columns.tasker_workflow_step_edges CASCADE");
    assert_refused(db, TASKER_SCHEMA_MISMATCH, "schema \"columns\" has no table tasker_workflow_step_edges");
    PQfinish(conn);
    tasker_db_close(db);
}

static void test_refused(void **state)
{
    const fixture *f = *state;
    tasker_db *db = open_schema(f, "nowhere");
    assert_refused(db, TASKER_SCHEMA_MISMATCH, "schema \"nowhere\" has no table tasker_task_namespaces");
    assert_status(db, tasker_schema_unadopt(db), TASKER_NOOP);
    tasker_db_close(db);
    assert_status(f->db, tasker_schema_adopt(f->db, NULL), TASKER_UNSUPPORTED);
    assert_message(f->db, "has the profile lean; it cannot be made adopted");
    assert_status(f->db, tasker_schema_unadopt(f->db), TASKER_UNSUPPORTED);
    assert_message(f->db, "was installed, not adopted");
    db = make_foreign(f, "refused");
    db_test_exec(f, "CREATE VIEW refused.tasker_claimable_tasks AS SELECT 1");
    assert_refused(db, TASKER_SCHEMA_MISMATCH, "\"tasker_claimable_tasks\" already exists");
    db_test_exec(f, "DROP VIEW refused.tasker_claimable_tasks; CREATE TABLE refused.tasker_schema_versions"
                    " (version int, profile text)");
    assert_status(db, tasker_schema_adopt(db, NULL), TASKER_SCHEMA_MISMATCH);
    assert_message(db, "has a version table without a version");
    db_test_exec(f, "INSERT INTO refused.tasker_schema_versions VALUES (99, 'adopted')");
    assert_status(db, tasker_schema_adopt(db, NULL), TASKER_SCHEMA_MISMATCH);
    assert_message(db, "is at version 99");
    db_test_exec(f, "DROP TABLE refused.tasker_schema_versions");
    assert_status(db, tasker_schema_adopt(db, NULL), TASKER_OK);
    tasker_db_close(db);
}

static void test_hostile(void **state)
{
    const fixture *f = *state;
    tasker_db *db = make_foreign(f, "hostile");
    const tasker_schema_options bad[] = {{.profile = (tasker_schema_profile)2},
                                         {.profile = (tasker_schema_profile)-1},
                                         {.target_version = 2},
                                         {.target_version = -1},
                                         {.reserved = {1}},
                                         {.reserved = {0, 0, 0, 1}}};
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_status(db, tasker_schema_adopt(db, &bad[i]), TASKER_UNSUPPORTED);
    assert_int_equal(tasker_schema_adopt(NULL, NULL), TASKER_INVALID_ARGUMENT);
    assert_int_equal(tasker_schema_adopt(NULL, &bad[0]), TASKER_INVALID_ARGUMENT);
    assert_int_equal(tasker_schema_unadopt(NULL), TASKER_INVALID_ARGUMENT);
    assert_status(db, tasker_db_begin(db, NULL), TASKER_OK);
    assert_status(db, tasker_schema_adopt(db, NULL), TASKER_BUSY);
    assert_status(db, tasker_schema_unadopt(db), TASKER_BUSY);
    assert_status(db, tasker_db_commit(db), TASKER_OK);
    tasker_db_close(db);
    db = make_foreign(f, "\"with $tasker\"");
    tasker_db_close(db);
    db = open_schema(f, "with $tasker");
    assert_status(db, tasker_schema_adopt(db, NULL), TASKER_INVALID_ARGUMENT);
    assert_status(db, tasker_schema_unadopt(db), TASKER_INVALID_ARGUMENT);
    tasker_db_close(db);
}

/* ---- at once ---- */

static tasker_status run_adopt(waiting *w)
{
    return tasker_schema_adopt(w->db, NULL);
}

/* What a writer of tasker-core's has begun before is seen. */
static void test_writers_are_waited_for(void **state)
{
    const fixture *f = *state;
    tasker_db *db = make_foreign(f, "written");
    made_flow flow = make_flow(db, "ab", "ab");
    PGconn *writer = db_test_psql(f);
    tell(writer,
         "SET search_path TO written; BEGIN; UPDATE tasker_workflow_step_transitions SET to_state = 'complete'"
         " WHERE workflow_step_uuid = '%s'",
         text_of(flow.steps[0]));
    waiting w = prepare(db, run_adopt, flow.steps[0], TASKER_EVENT_START);
    start(f, &w);
    tell(writer, "COMMIT");
    assert_int_equal(finish(&w), TASKER_OK);
    assert_ready_set(writer);
    assert_string_equal(ask(writer, "SELECT workflow_step_uuid FROM tasker_step_readiness"
                                    " WHERE available_at IS NOT NULL"),
                        text_of(flow.steps[1]));
    PQfinish(writer);
    tasker_db_close(db);
}

static tasker_status adopt_one(tasker_db *db, int i, void *context)
{
    const fixture *f = context;
    tasker_db *other = open_schema(f, "raced");
    (void)db;
    tasker_status status = i % 4 == 3 ? tasker_schema_unadopt(other) : tasker_schema_adopt(other, NULL);
    tasker_db_close(other);
    return status;
}

/* Whoever comes last: either all is there or nothing is. */
static void test_race(void **state)
{
    const fixture *f = *state;
    size_t count;
    tasker_status statuses[RACERS];
    tasker_db *db = make_foreign(f, "raced");
    for (int round = 0; round < 4; round++) {
        int32_t version = -1;
        int adopted = 0, taken_back = 0;
        race(f, adopt_one, (void *)(uintptr_t)f, statuses);
        for (int i = 0; i < RACERS; i++) {
            assert_true(tasker_status_is_done(statuses[i]));
            if (i % 4 == 3)
                taken_back += statuses[i] == TASKER_OK;
            else
                adopted += statuses[i] == TASKER_OK;
        }
        assert_status(db, tasker_schema_version(db, &version), TASKER_OK);
        assert_int_equal(adopted - taken_back, version);
        if (version == 1)
            assert_int_equal(verify(db, NULL, &count), TASKER_SEVERITY_NOTE);
        assert_true(tasker_status_is_done(tasker_schema_unadopt(db)));
    }
    tasker_db_close(db);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_life),
        cmocka_unit_test(test_work_goes_on),
        cmocka_unit_test(test_plain_statements_of_a_role),
        cmocka_unit_test(test_verify),
        cmocka_unit_test(test_each_column_counts),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_writers_are_waited_for),
        cmocka_unit_test(test_race),
    };
    return db_test_run(tests);
}
