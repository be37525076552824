/* SPDX-License-Identifier: MIT */
/* What verify finds: one thing is changed at a time, and exactly that must be named. */
#include "db_test.h"

typedef struct change {
    const char *sql; /* with the schema in the search path */
    tasker_severity severity;
    const char *object, *expected, *found; /* parts of the texts; NULL: absent */
} change;

static const change changes[] = {
    {"DROP INDEX idx_tasker_tasks_named_task_uuid", TASKER_SEVERITY_DAMAGE,
     "index tasker_tasks.idx_tasker_tasks_named_task_uuid", "USING btree (named_task_uuid)", NULL},
    {"DROP INDEX idx_tasker_tasks_named_task_uuid;"
     "CREATE INDEX idx_tasker_tasks_named_task_uuid ON tasker_tasks (named_task_uuid) WHERE NOT complete",
     TASKER_SEVERITY_DAMAGE, "index tasker_tasks.idx_tasker_tasks_named_task_uuid", "(named_task_uuid)",
     "WHERE (NOT complete)"},
    {"UPDATE pg_index SET indisvalid = false"
     " WHERE indexrelid = 'idx_tasker_tasks_named_task_uuid'::regclass",
     TASKER_SEVERITY_DAMAGE, "index tasker_tasks.idx_tasker_tasks_named_task_uuid", "(named_task_uuid)", "INVALID"},
    {"ALTER TABLE tasker_task_annotations ALTER annotation TYPE json", TASKER_SEVERITY_DAMAGE,
     "column tasker_task_annotations.annotation", "jsonb", "json"},
    {"ALTER TABLE tasker_tasks ALTER requested_at TYPE timestamptz", TASKER_SEVERITY_DAMAGE,
     "column tasker_tasks.requested_at", "timestamp without time zone NOT NULL", "timestamp with time zone NOT NULL"},
    {"ALTER TABLE tasker_tasks ALTER reason TYPE varchar(64)", TASKER_SEVERITY_DAMAGE, "column tasker_tasks.reason",
     "character varying(128)", "character varying(64)"},
    {"ALTER TABLE tasker_tasks ALTER identity_hash DROP NOT NULL", TASKER_SEVERITY_DAMAGE,
     "column tasker_tasks.identity_hash", "character varying(128) NOT NULL", "character varying(128)"},
    {"ALTER TABLE tasker_tasks DROP reference_id", TASKER_SEVERITY_DAMAGE, "column tasker_tasks.reference_id",
     "character varying", NULL},
    {"ALTER TABLE tasker_tasks ALTER priority SET DEFAULT 5", TASKER_SEVERITY_DAMAGE, "column tasker_tasks.priority",
     "integer NOT NULL DEFAULT 0", "integer NOT NULL DEFAULT 5"},
    {"ALTER TABLE tasker_annotation_types ALTER annotation_type_id DROP DEFAULT", TASKER_SEVERITY_DAMAGE,
     "column tasker_annotation_types.annotation_type_id",
     "DEFAULT from sequence tasker_annotation_types_annotation_type_id_seq", "integer NOT NULL"},
    {"ALTER TABLE tasker_workflow_step_edges DROP CONSTRAINT tasker_workflow_step_edges_from_to_unique",
     TASKER_SEVERITY_DAMAGE, "constraint tasker_workflow_step_edges.tasker_workflow_step_edges_from_to_unique",
     "UNIQUE (from_step_uuid, to_step_uuid)", NULL},
    {"ALTER TABLE tasker_workflow_steps DROP CONSTRAINT chk_workflow_steps_attempts,"
     " ADD CONSTRAINT chk_workflow_steps_attempts CHECK (attempts >= 0) NOT VALID",
     TASKER_SEVERITY_DAMAGE, "constraint tasker_workflow_steps.chk_workflow_steps_attempts", "CHECK ((attempts >= 0))",
     "NOT VALID"},
    {"ALTER TABLE tasker_workflow_steps DISABLE TRIGGER tasker_workflow_steps_task_fixed", TASKER_SEVERITY_DAMAGE,
     "trigger tasker_workflow_steps.tasker_workflow_steps_task_fixed", "CREATE TRIGGER", "DISABLED"},
    {"DROP TRIGGER tasker_workflow_steps_task_fixed ON tasker_workflow_steps", TASKER_SEVERITY_DAMAGE,
     "trigger tasker_workflow_steps.tasker_workflow_steps_task_fixed", "AFTER UPDATE OF task_uuid", NULL},
    {"CREATE OR REPLACE FUNCTION tasker_workflow_steps_task_fixed() RETURNS trigger LANGUAGE plpgsql"
     " AS 'BEGIN RETURN NULL; END'",
     TASKER_SEVERITY_DAMAGE, "function tasker_workflow_steps_task_fixed()", "RAISE EXCEPTION", "RETURN NULL"},
    {"DROP VIEW tasker_step_readiness_status CASCADE; DROP VIEW IF EXISTS tasker_task_execution_contexts CASCADE",
     TASKER_SEVERITY_DAMAGE, "view tasker_step_readiness_status", "SELECT", NULL},
    {"CREATE OR REPLACE FUNCTION release_task_claim(p_task_uuid uuid, p_orchestrator_id varchar) RETURNS boolean"
     " LANGUAGE sql AS 'SELECT false'",
     TASKER_SEVERITY_DAMAGE, "function release_task_claim(p_task_uuid uuid, p_orchestrator_id character varying)",
     "tasker_tasks", "SELECT false"},
    {"ALTER FUNCTION tasker_ready_set_settle(uuid[]) RESET search_path", TASKER_SEVERITY_DAMAGE,
     "function tasker_ready_set_settle(task_uuids uuid[])", "search_path", "SKIP LOCKED"},
    {"DROP TABLE tasker_dependent_system_object_maps", TASKER_SEVERITY_DAMAGE,
     "table tasker_dependent_system_object_maps", "table", NULL},
    {"ALTER TABLE tasker_task_annotations SET UNLOGGED", TASKER_SEVERITY_DAMAGE, "table tasker_task_annotations",
     "table", "table unlogged"},
    {"ALTER SEQUENCE tasker_annotation_types_annotation_type_id_seq INCREMENT BY 2", TASKER_SEVERITY_DAMAGE,
     "sequence tasker_annotation_types_annotation_type_id_seq", "by 1", "by 2"},
    {"ALTER TABLE tasker_workflow_steps RESET (fillfactor)", TASKER_SEVERITY_WARNING,
     "storage parameters tasker_workflow_steps", "fillfactor=70", ""},
    {"CREATE INDEX mine ON tasker_tasks (reason)", TASKER_SEVERITY_NOTE, "index tasker_tasks.mine", NULL, "(reason)"},
    {"ALTER TABLE tasker_tasks ADD shade text", TASKER_SEVERITY_NOTE, "column tasker_tasks.shade", NULL, "text"},
    {"ALTER TABLE tasker_tasks ADD shade text NOT NULL", TASKER_SEVERITY_DAMAGE, "column tasker_tasks.shade", NULL,
     "text NOT NULL"},
    {"CREATE TABLE tasker_more ()", TASKER_SEVERITY_NOTE, "table tasker_more", NULL, "table"},
    {"CREATE VIEW tasker_more AS SELECT 1 AS n", TASKER_SEVERITY_NOTE, "view tasker_more", NULL, "SELECT 1 AS n"},
};

static const tasker_db_options other = {.schema = TASKER_TEXT("other"), .any_schema = true};

static void print_findings(const tasker_findings *findings)
{
    for (size_t i = 0; i < findings->count; i++) {
        const tasker_finding *x = findings->items[i];
        print_error("%d %s\n  expected %s\n  found    %s\n", (int)x->severity, x->object.ptr,
                    x->expected.ptr != NULL ? x->expected.ptr : "-", x->found.ptr != NULL ? x->found.ptr : "-");
    }
}

static bool fits(tasker_text text, const char *part)
{
    return part == NULL ? text.ptr == NULL : text.ptr != NULL && strstr(text.ptr, part) != NULL;
}

/* Views and functions that were built on what has gone may follow it. */
static bool is_expected(const change *c, const tasker_finding *x)
{
    return x->severity == c->severity && strcmp(x->object.ptr, c->object) == 0 && fits(x->expected, c->expected) &&
           fits(x->found, c->found) && strcmp(x->check.ptr, "schema") == 0 && x->advice.len > 0 && x->violations == 1;
}

static bool is_consequence(const change *c, const tasker_finding *x)
{
    return strstr(c->sql, "CASCADE") != NULL &&
           (strncmp(x->object.ptr, "view ", 5) == 0 || strncmp(x->object.ptr, "function ", 9) == 0);
}

static bool check_change(const fixture *f, tasker_db *db, const change *c)
{
    char sql[512];
    const tasker_findings *findings = NULL;
    snprintf(sql, sizeof sql, "SET search_path = other; %s", c->sql);
    db_test_exec(f, "DROP SCHEMA IF EXISTS other CASCADE");
    assert_status(db, tasker_schema_install(db, NULL), TASKER_OK);
    db_test_exec(f, sql);
    assert_status(db, tasker_schema_verify(db, NULL, &findings), TASKER_OK);
    size_t named = 0, surplus = 0;
    for (size_t i = 0; i < findings->count; i++)
        if (is_expected(c, findings->items[i]))
            named++;
        else
            surplus += !is_consequence(c, findings->items[i]);
    bool good = named == 1 && surplus == 0;
    if (!good) {
        print_error("after %s:\n", c->sql);
        print_findings(findings);
    }
    tasker_free(findings);
    return good;
}

static void test_each_change_is_named(void **state)
{
    tasker_db *db = db_test_open_with(*state, &other);
    int bad = 0;
    for (size_t i = 0; i < COUNT(changes); i++)
        bad += !check_change(*state, db, &changes[i]);
    tasker_db_close(db);
    assert_int_equal(bad, 0);
}

/* What is not ours is not mentioned. */
static void test_strangers_are_left_out(void **state)
{
    const tasker_findings *findings = NULL;
    db_test_exec(*state, "DROP SCHEMA IF EXISTS other CASCADE");
    tasker_db *db = db_test_open_with(*state, &other);
    assert_status(db, tasker_schema_install(db, NULL), TASKER_OK);
    db_test_exec(*state,
                 "SET search_path = other; CREATE TABLE customers (id int PRIMARY KEY); CREATE INDEX ON customers"
                 " (id); CREATE VIEW v AS SELECT 1; CREATE FUNCTION g() RETURNS int LANGUAGE sql AS 'SELECT 1'");
    assert_status(db, tasker_schema_verify(db, NULL, &findings), TASKER_OK);
    print_findings(findings);
    assert_int_equal(findings->count, 0);
    tasker_free(findings);
    tasker_db_close(db);
}

/* Measured by the other profile: every index that only it has, and none of them damage the other way round. */
static void test_other_profile(void **state)
{
    static const tasker_schema_options compatible = {.profile = TASKER_SCHEMA_PROFILE_COMPATIBLE};
    static const tasker_schema_options lean = {.profile = TASKER_SCHEMA_PROFILE_LEAN};
    const tasker_findings *findings = NULL;
    db_test_exec(*state, "DROP SCHEMA IF EXISTS other CASCADE");
    tasker_db *db = db_test_open_with(*state, &other);
    assert_status(db, tasker_schema_install(db, &compatible), TASKER_OK);
    assert_status(db, tasker_schema_verify(db, &lean, &findings), TASKER_OK);
    size_t notes = findings->count;
    assert_true(notes > 20);
    for (size_t i = 0; i < notes; i++)
        assert_int_equal(findings->items[i]->severity, TASKER_SEVERITY_NOTE);
    tasker_free(findings);
    db_test_exec(*state, "DROP SCHEMA other CASCADE");
    assert_status(db, tasker_schema_install(db, &lean), TASKER_OK);
    assert_status(db, tasker_schema_verify(db, &compatible, &findings), TASKER_OK);
    assert_int_equal(findings->count, notes);
    for (size_t i = 0; i < findings->count; i++)
        assert_int_equal(findings->items[i]->severity, TASKER_SEVERITY_DAMAGE);
    tasker_free(findings);
    tasker_db_close(db);
}

/* The most serious come first, and nothing of the comparison stays. */
static void test_order_and_traces(void **state)
{
    const tasker_findings *findings = NULL;
    db_test_exec(*state, "DROP SCHEMA IF EXISTS other CASCADE");
    tasker_db *db = db_test_open_with(*state, &other);
    assert_status(db, tasker_schema_install(db, NULL), TASKER_OK);
    db_test_exec(*state, "SET search_path = other; CREATE TABLE tasker_a (); DROP INDEX"
                         " idx_tasker_tasks_named_task_uuid; ALTER TABLE tasker_tasks SET (fillfactor = 50)");
    assert_status(db, tasker_schema_verify(db, NULL, &findings), TASKER_OK);
    assert_int_equal(findings->count, 3);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(findings->items[i]->severity, 3 - i);
    tasker_free(findings);
    assert_int_equal(db_test_count(*state, "SELECT count(*) FROM pg_namespace WHERE nspname LIKE '%verify%'"), 0);
    tasker_db_close(db);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_change_is_named),
        cmocka_unit_test(test_strangers_are_left_out),
        cmocka_unit_test(test_other_profile),
        cmocka_unit_test(test_order_and_traces),
    };
    return db_test_run(tests);
}
