/* SPDX-License-Identifier: MIT */
/*
 * What is different on the tables of tasker-core, where it must be. That all the rest is the same is shown by the other
 * programs, most of which run on such a database as well.
 */
#include "flow_test.h"

static void test_open(void **state)
{
    fixture *f = *state;
    tasker_db *db = NULL;
    tasker_error error;
    int32_t version = -1;
    assert_int_equal(tasker_db_open(T(f->conninfo), NULL, &error, &db), TASKER_SCHEMA_MISMATCH);
    assert_null(db);
    assert_non_null(strstr(error.message, "schema \"public\" was made by another program"));
    assert_non_null(strstr(error.message, "any_schema"));
    assert_status(f->db, tasker_schema_version(f->db, &version), TASKER_OK);
    assert_int_equal(version, 0);
    assert_int_equal(tasker_db_session(f->db)->schema_version, 0);
    assert_status(f->db, tasker_schema_install(f->db, NULL), TASKER_SCHEMA_MISMATCH);
    assert_status(f->db, tasker_schema_verify(f->db, NULL, NULL), TASKER_SCHEMA_MISMATCH);
}

/* ---- one version of a named task ---- */

static long versions_of(const fixture *f, const char *name)
{
    char sql[256];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM tasker_named_tasks WHERE name = '%s'", name);
    return db_test_count(f, sql);
}

/* Each is answered by a statement that does nothing, so a transaction goes on. */
static void test_second_version(void **state)
{
    fixture *f = *state;
    tasker_named_task_input first = {.task_namespace_uuid = make_namespace(f->db), .name = TASKER_TEXT("only")};
    tasker_named_task_input other = {.named_task_uuid = new_uuid(), .task_namespace_uuid = first.task_namespace_uuid};
    tasker_named_task_input renamed = {.name = first.name};
    assert_status(f->db, tasker_named_task_create(f->db, &first, NULL), TASKER_OK);
    other.name = T("other");
    other.version = T("2.0.0");
    assert_status(f->db, tasker_named_task_create(f->db, &other, NULL), TASKER_OK);
    first.version = T("3.0.0");
    assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
    assert_status(f->db, tasker_named_task_create(f->db, &first, NULL), TASKER_DUPLICATE);
    assert_constraint(f->db, "tasker_named_tasks_namespace_name_unique");
    assert_status(f->db, tasker_named_task_find_or_create(f->db, &first, NULL), TASKER_DUPLICATE);
    assert_constraint(f->db, "tasker_named_tasks_namespace_name_unique");
    assert_status(f->db, tasker_named_task_update(f->db, &other.named_task_uuid, &renamed, NULL), TASKER_DUPLICATE);
    assert_constraint(f->db, "tasker_named_tasks_namespace_name_unique");
    renamed.name = other.name;
    renamed.version = T("2.0.1");
    assert_status(f->db, tasker_named_task_update(f->db, &other.named_task_uuid, &renamed, NULL), TASKER_OK);
    assert_status(f->db, tasker_db_commit(f->db), TASKER_OK);
    assert_int_equal(versions_of(f, "only"), 1);
}

/* Nothing of the second version is stored, and nothing that only it needs. */
static void test_second_version_of_a_definition(void **state)
{
    fixture *f = *state;
    tasker_step_definition steps[] = {{.name = TASKER_TEXT("a")}, {.name = TASKER_TEXT("of the second")}};
    tasker_definition definition = {.name = TASKER_TEXT("single"), .steps = steps, .step_count = 1};
    tasker_workflow_input input = {.definition = &definition};
    const tasker_workflow_ids *ids = NULL;
    definition.version = T("1.0.0");
    assert_status(f->db, tasker_definition_register(f->db, &definition, NULL), TASKER_OK);
    assert_status(f->db, tasker_definition_register(f->db, &definition, NULL), TASKER_OK);
    definition.version = T("2.0.0");
    definition.step_count = 2;
    assert_status(f->db, tasker_definition_register(f->db, &definition, NULL), TASKER_DUPLICATE);
    assert_status(f->db, tasker_workflow_create(f->db, &input, &ids), TASKER_DUPLICATE);
    assert_null(ids);
    assert_int_equal(versions_of(f, "single"), 1);
    assert_int_equal(db_test_count(f, "SELECT count(*) FROM tasker_named_steps WHERE name = 'of the second'"), 0);
}

/* ---- an index with results in it ---- */

/* What does not fit is refused as a whole; the attempt goes on and may end with less. */
static void test_large_results(void **state)
{
    fixture *f = *state;
    made_flow flow = make_flow(f->db, "a", "");
    const tasker_leases *leases = take_step(f->db, flow.steps[0], TASKER_OK);
    const char *large = ask(tasker_db_conn(f->db), "SELECT to_json(string_agg(gen_random_uuid()::text, ''))"
                                                   " FROM generate_series(1, 110)");
    tasker_completion completion = {.lease = leases->items[0], .results = tasker_json_of(large)};
    assert_status(f->db, tasker_lease_complete(f->db, &completion, 1, NULL), TASKER_LIMIT_EXCEEDED);
    assert_message(f->db, "idx_workflow_steps_transitive_deps");
    assert_string_equal(step_state(tasker_db_conn(f->db), flow.steps[0]), "in_progress");
    completion.results = tasker_json_of("{}");
    assert_status(f->db, tasker_lease_complete(f->db, &completion, 1, NULL), TASKER_OK);
    tasker_free(leases);
}

/* ---- rules that only the library keeps there ---- */

typedef struct pair {
    tasker_uuid from, to;
} pair;

static tasker_status join(tasker_db *db, int i, void *context)
{
    const pair *p = context;
    tasker_workflow_step_edge_input input = {.from_step_uuid = p->from, .to_step_uuid = p->to};
    (void)i;
    return tasker_workflow_step_edge_create(db, &input, NULL);
}

static void test_one_edge(void **state)
{
    fixture *f = *state;
    made_flow flow = make_flow(f->db, "ab", "");
    pair p = {FLOW_STEP(flow, 'a'), FLOW_STEP(flow, 'b')};
    tasker_status statuses[RACERS];
    int made = 0;
    race(f, join, &p, statuses);
    for (int i = 0; i < RACERS; i++) {
        made += statuses[i] == TASKER_OK;
        assert_true(statuses[i] == TASKER_OK || statuses[i] == TASKER_DUPLICATE_EDGE);
    }
    assert_int_equal(made, 1);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_open),
        cmocka_unit_test(test_second_version),
        cmocka_unit_test(test_second_version_of_a_definition),
        cmocka_unit_test(test_large_results),
        cmocka_unit_test(test_one_edge),
    };
    return db_test_run(tests);
}
