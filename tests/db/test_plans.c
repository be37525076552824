/* SPDX-License-Identifier: MIT */
/*
 * The plans of queries on tables of 1e5 rows, as the server really made them: auto_explain tells each as a notice. What
 * an index can serve reads no table whole, whichever conditions the calls before it gave.
 */
#include "entity_test.h"

/* ---- what auto_explain says ---- */

static struct plan {
    char text[1 << 16];
    size_t used;
} seen;

static void keep_notice(void *context, const PGresult *notice)
{
    const char *message = PQresultErrorMessage(notice);
    (void)context;
    size_t size = strlen(message);
    if (seen.used + size < sizeof seen.text) {
        memcpy(seen.text + seen.used, message, size + 1);
        seen.used += size;
    }
}

static void forget_plan(void)
{
    seen.used = 0;
    seen.text[0] = '\0';
}

/* The plan of the call before reads none of these tables whole; what it was asked for is named when it does. */
static int count_wrong(const char *what, const char *tables)
{
    int wrong = 0;
    char copy[256];
    snprintf(copy, sizeof copy, "%s", tables);
    if (strstr(seen.text, "Query Text") == NULL)
        fail_msg("%s: no plan was seen", what);
    for (char *rest = copy, *table; (table = strtok_r(rest, " ", &rest)) != NULL;) {
        char line[128];
        snprintf(line, sizeof line, "Seq Scan on tasker_%s ", table);
        if (strstr(seen.text, line) != NULL) {
            print_error("%s reads tasker_%s whole\n%s\n", what, table, strstr(seen.text, "Query Text"));
            wrong++;
        }
    }
    forget_plan();
    return wrong;
}

static int set_up(void **state)
{
    if (tasker_db_test_setup(state) != 0)
        return -1;
    fixture *f = *state;
    FILE *file = fopen(getenv("TASKER_TEST_PLANS"), "r");
    if (file == NULL)
        return -1;
    static char sql[1 << 14];
    sql[fread(sql, 1, sizeof sql - 1, file)] = '\0';
    fclose(file);
    db_test_exec(f, sql);
    PGconn *conn = tasker_db_conn(f->db);
    PQsetNoticeReceiver(conn, keep_notice, NULL);
    PQclear(PQexec(conn, "LOAD 'auto_explain'"));
    PQclear(PQexec(conn, "SELECT set_config(name, value, false) FROM (VALUES ('auto_explain.log_level', 'notice'),"
                         " ('auto_explain.log_min_duration', '0'), ('auto_explain.log_analyze', 'on'),"
                         " ('client_min_messages', 'notice')) v (name, value)"));
    forget_plan();
    return 0;
}

/* The rows here are made for their plans and break the invariants of histories; they go before those are looked at. */
static int tear_down(void **state)
{
    db_test_exec(*state, "TRUNCATE tasker_tasks, tasker_task_namespaces, tasker_dependent_systems CASCADE");
    return tasker_db_test_teardown(state);
}

/* ---- the questions ---- */

#define ASK(verb, entity, list, ...)                                                                                   \
    do {                                                                                                               \
        const tasker_##list *rows = NULL;                                                                              \
        const tasker_##entity##_filter filter = {__VA_ARGS__};                                                         \
        forget_plan();                                                                                                 \
        assert_status(db, tasker_##entity##_##verb(db, &filter, NULL, &rows), TASKER_OK);                              \
        wrong += count_wrong(#entity "_" #verb " " #__VA_ARGS__, tables);                                              \
        tasker_free(rows);                                                                                             \
    } while (0)
#define COUNT_WITH(entity, ...)                                                                                        \
    do {                                                                                                               \
        int64_t rows = 0;                                                                                              \
        const tasker_##entity##_filter filter = {__VA_ARGS__};                                                         \
        forget_plan();                                                                                                 \
        assert_status(db, tasker_##entity##_count(db, &filter, &rows), TASKER_OK);                                     \
        wrong += count_wrong(#entity "_count " #__VA_ARGS__, tables);                                                  \
    } while (0)
#define QUERY(entity, ...) ASK(query, entity, entity##s, __VA_ARGS__)
#define BOTH(entity, ...)                                                                                              \
    do {                                                                                                               \
        QUERY(entity, __VA_ARGS__);                                                                                    \
        COUNT_WITH(entity, __VA_ARGS__);                                                                               \
    } while (0)

static void test_tasks(void **state)
{
    tasker_db *db = ((fixture *)*state)->db;
    const char *tables = "tasks task_transitions workflow_steps workflow_step_transitions task_annotations";
    int wrong = 0;
    const tasker_tasks *some = NULL;
    static const tasker_state error[] = {TASKER_STATE_ERROR}, complete[] = {TASKER_STATE_COMPLETE};
    assert_status(db, tasker_task_query(db, NULL, NULL, &some), TASKER_OK);
    const tasker_task *task = some->items[7];
    const tasker_time_range day = {.has_since = true, .since = {1735700000000000}};
    for (int round = 0; round < 2; round++) { /* the second with whatever the server has learnt to keep */
        QUERY(task, .active = false);
        BOTH(task, .task_uuids = &task->task_uuid, .task_uuid_count = 1);
        BOTH(task, .named_task_uuids = &task->named_task_uuid, .named_task_uuid_count = 1);
        BOTH(task, .identity_hash = TASKER_TEXT("identity 7"));
        BOTH(task, .name = TASKER_TEXT("kind 3"), .namespace_name = TASKER_TEXT("space 2"));
        BOTH(task, .states = error, .state_count = 1);
        BOTH(task, .states = error, .state_count = 1, .reached = day);
        BOTH(task, .annotation_type = TASKER_TEXT("type 9"));
        BOTH(task, .annotation_type = TASKER_TEXT("type 9"), .annotation_key = TASKER_TEXT("k"),
             .annotation_value = TASKER_TEXT("8"));
        QUERY(task, .states = complete, .state_count = 1);
        QUERY(task, .active = true);
        QUERY(task, .has_complete = true, .complete = true);
        QUERY(task, .name = TASKER_TEXT("kind 3"));
        QUERY(task, .created = day, .initiator = TASKER_TEXT("initiator 3"));
        QUERY(task, .tags_contain = TASKER_JSON("[\"t\"]"));
        QUERY(task, .step_states = complete, .step_state_count = 1, .step_reached = day);
        ASK(query_details, task, task_detail_list, .active = false);
        ASK(query_details, task, task_detail_list, .states = error, .state_count = 1);
    }
    tasker_free(some);
    assert_int_equal(wrong, 0);
}

static void test_annotations_and_maps(void **state)
{
    tasker_db *db = ((fixture *)*state)->db;
    const char *tables = "task_annotations dependent_system_object_maps tasks";
    int wrong = 0;
    const tasker_task_annotations *notes = NULL;
    const tasker_dependent_system_object_maps *maps = NULL;
    assert_status(db, tasker_task_annotation_query(db, NULL, NULL, &notes), TASKER_OK);
    assert_status(db, tasker_dependent_system_object_map_query(db, NULL, NULL, &maps), TASKER_OK);
    const tasker_task_annotation *note = notes->items[7];
    const tasker_dependent_system_object_map *map = maps->items[7];
    const tasker_uuid *one = &map->dependent_system_one_uuid, *two = &map->dependent_system_two_uuid;
    for (int round = 0; round < 7; round++) { /* the later ones with whatever the server has learnt to keep */
        QUERY(task_annotation, .annotation_type_id = 0);
        BOTH(task_annotation, .task_uuid = &note->task_uuid);
        BOTH(task_annotation, .task_uuid = &note->task_uuid, .contains = TASKER_JSON("{}"));
        BOTH(task_annotation, .annotation_type_id = note->annotation_type_id);
        BOTH(task_annotation, .annotation_type_name = TASKER_TEXT("type 9"));
        const tasker_task_annotation_input input = {.task_uuid = note->task_uuid,
                                                    .annotation_type_name = TASKER_TEXT("type 9"),
                                                    .annotation = TASKER_JSON("{}")};
        forget_plan();
        assert_status(db, tasker_task_annotation_create(db, &input, NULL), TASKER_OK);
        wrong += count_wrong("task_annotation_create", tables);

        QUERY(dependent_system_object_map, .either_system = NULL);
        BOTH(dependent_system_object_map, .dependent_system_one_uuid = one, .dependent_system_two_uuid = two,
             .remote_id_one = map->remote_id_one);
        const tasker_dependent_system_object_map_input found = {
            *one, *two, map->remote_id_one, map->remote_id_two, {0}};
        forget_plan();
        assert_status(db, tasker_dependent_system_object_map_find_or_create(db, &found, NULL), TASKER_OK);
        wrong += count_wrong("dependent_system_object_map_find_or_create", tables);
        forget_plan();
        assert_status(db,
                      tasker_dependent_system_object_map_update(db, map->dependent_system_object_map_id, &found, NULL),
                      TASKER_OK);
        wrong += count_wrong("dependent_system_object_map_update", tables);
    }
    tasker_free(notes);
    tasker_free(maps);
    assert_int_equal(wrong, 0);
}

static void test_steps(void **state)
{
    tasker_db *db = ((fixture *)*state)->db;
    const char *tables = "workflow_steps workflow_step_transitions workflow_step_edges tasks";
    int wrong = 0;
    const tasker_workflow_steps *some = NULL;
    static const tasker_state error[] = {TASKER_STATE_ERROR}, complete[] = {TASKER_STATE_COMPLETE};
    assert_status(db, tasker_workflow_step_query(db, NULL, NULL, &some), TASKER_OK);
    const tasker_workflow_step *step = some->items[7];
    const tasker_time_range day = {.has_since = true, .since = {1735700000000000}};
    for (int round = 0; round < 2; round++) {
        QUERY(workflow_step, .parents_of = NULL);
        BOTH(workflow_step, .workflow_step_uuids = &step->workflow_step_uuid, .workflow_step_uuid_count = 1);
        BOTH(workflow_step, .task_uuids = &step->task_uuid, .task_uuid_count = 1);
        BOTH(workflow_step, .task_uuids = &step->task_uuid, .task_uuid_count = 1, .states = error, .state_count = 1);
        BOTH(workflow_step, .task_uuids = &step->task_uuid, .task_uuid_count = 1, .task_created = day, .reached = day);
        BOTH(workflow_step, .named_step_uuids = &step->named_step_uuid, .named_step_uuid_count = 1);
        BOTH(workflow_step, .parents_of = &step->workflow_step_uuid);
        BOTH(workflow_step, .children_of = &step->workflow_step_uuid, .states = complete, .state_count = 1);
        BOTH(workflow_step, .name = TASKER_TEXT("step 9"));
        BOTH(workflow_step, .name = TASKER_TEXT("step 9"), TASKER_SET(retryable, true), .reached = day);
        QUERY(workflow_step, .states = error, .state_count = 1);
        QUERY(workflow_step, .states = complete, .state_count = 1);
        QUERY(workflow_step, .created = day, TASKER_SET(processed, true), TASKER_SET(in_process, false));
        QUERY(workflow_step, .task_created = day);
        QUERY(workflow_step, .last_attempted = day, TASKER_SET(results, true));
        ASK(query_details, workflow_step, workflow_step_detail_list, .parents_of = NULL);
        ASK(query_details, workflow_step, workflow_step_detail_list, .states = error, .state_count = 1);
        ASK(query_details, workflow_step, workflow_step_detail_list, .task_uuids = &step->task_uuid,
            .task_uuid_count = 1);
    }
    tasker_free(some);
    assert_int_equal(wrong, 0);
}

static void test_edges(void **state)
{
    tasker_db *db = ((fixture *)*state)->db;
    const char *tables = "workflow_steps workflow_step_edges";
    int wrong = 0;
    const tasker_workflow_step_edges *some = NULL;
    const tasker_workflow_step *step = NULL;
    assert_status(db, tasker_workflow_step_edge_query(db, NULL, NULL, &some), TASKER_OK);
    const tasker_workflow_step_edge *edge = some->items[7];
    assert_status(db, tasker_workflow_step_get(db, &edge->from_step_uuid, &step), TASKER_OK);
    for (int round = 0; round < 2; round++) {
        QUERY(workflow_step_edge, .task_uuid = NULL);
        QUERY(workflow_step_edge, .name = TASKER_TEXT("provides"));
        BOTH(workflow_step_edge, .task_uuid = &step->task_uuid);
        BOTH(workflow_step_edge, .from_step_uuid = &edge->from_step_uuid);
        BOTH(workflow_step_edge, .to_step_uuid = &edge->to_step_uuid, .name = TASKER_TEXT("provides"));
        BOTH(workflow_step_edge, .to_children_of = &edge->from_step_uuid);
        BOTH(workflow_step_edge, .siblings_of = &edge->to_step_uuid);
    }
    tasker_free(step);
    tasker_free(some);
    assert_int_equal(wrong, 0);
}

static void test_histories(void **state)
{
    tasker_db *db = ((fixture *)*state)->db;
    const char *tables = "workflow_steps workflow_step_transitions task_transitions named_steps";
    int wrong = 0;
    const tasker_workflow_steps *some = NULL;
    static const tasker_state error[] = {TASKER_STATE_ERROR}, none[] = {TASKER_STATE_NONE};
    assert_status(db, tasker_workflow_step_query(db, NULL, NULL, &some), TASKER_OK);
    const tasker_workflow_step *step = some->items[7];
    const tasker_uuid *const key = &step->workflow_step_uuid, *const task = &step->task_uuid;
    const tasker_time_range day = {.has_since = true, .since = {1735700000000000}};
    for (int round = 0; round < 2; round++) {
        QUERY(workflow_step_transition, .retries = false);
        BOTH(workflow_step_transition, .workflow_step_uuids = key, .workflow_step_uuid_count = 1);
        BOTH(workflow_step_transition, .workflow_step_uuids = key, .workflow_step_uuid_count = 1,
             .metadata_key = TASKER_TEXT("attempt_number"), .metadata_value = TASKER_JSON("1"));
        BOTH(workflow_step_transition, .task_uuids = task, .task_uuid_count = 1);
        BOTH(workflow_step_transition, .task_uuids = task, .task_uuid_count = 1, TASKER_SET(most_recent, true),
             .to_states = error, .to_state_count = 1);
        QUERY(workflow_step_transition, .from_states = none, .from_state_count = 1, .created = day);
        QUERY(workflow_step_transition, .to_states = error, .to_state_count = 1);
        QUERY(workflow_step_transition, TASKER_SET(attempt_number, 1));
        QUERY(task_transition, .metadata_key = {NULL, 0});
        BOTH(task_transition, .task_uuids = task, .task_uuid_count = 1);
        BOTH(task_transition, .task_uuids = task, .task_uuid_count = 1, .metadata_contains = TASKER_JSON("{}"));
        QUERY(task_transition, .to_states = error, .to_state_count = 1, TASKER_SET(most_recent, true));
    }
    tasker_free(some);
    assert_int_equal(wrong, 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tasks),
        cmocka_unit_test(test_annotations_and_maps),
        cmocka_unit_test(test_steps),
        cmocka_unit_test(test_edges),
        cmocka_unit_test(test_histories),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
