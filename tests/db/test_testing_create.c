/* SPDX-License-Identifier: MIT */
/* Workflows that libtasker-testing creates: what it makes up, what it is given, steps in a state, mixes. */
#include <tasker/testing.h>
#include "flow_test.h"

/* ---- one ---- */

static void test_create_fills_in(void **state)
{
    fixture *f = *state;
    const tasker_testing_options options = {.shape = TASKER_TESTING_SHAPE_DIAMOND, .seed = 5};
    const tasker_workflow_ids *ids = NULL;
    const tasker_workflow *workflow = NULL;
    assert_status(f->db, tasker_testing_create(f->db, &options, &ids), TASKER_OK);
    assert_int_equal(ids->step_count, 4);
    assert_status(f->db, tasker_workflow_load(f->db, &ids->task_uuid, &workflow), TASKER_OK);
    const tasker_task_details *details = workflow->details;
    assert_int_equal(workflow->edge_count, 4);
    assert_text(workflow->edges[0]->name, "provides");
    assert_text(details->namespace_name, "default");
    assert_text(details->name, "diamond_workflow");
    assert_text(details->version, "0.1.0");
    assert_text(details->task->initiator, "test_suite");
    assert_text(details->task->source_system, "factory");
    assert_int_equal(details->task->priority, TASKER_PRIORITY_NORMAL);
    assert_int_equal(details->task->claim_timeout_seconds, 300);
    assert_non_null(strstr(details->task->context.ptr, "\"order_id\": 12345"));
    assert_non_null(strstr(details->task->context.ptr, "\"test_run_id\": \"test_63033b0ca389c35a\""));
    assert_non_null(strstr(details->task->tags.ptr, "auto_generated"));
    tasker_free(workflow);
    tasker_testing_free(ids);
}

static void test_create_takes_what_is_given(void **state)
{
    static const tasker_step_definition step = {.name = TASKER_TEXT("own")};
    static const tasker_definition own = {.name = TASKER_TEXT("own"), .steps = &step, .step_count = 1};
    fixture *f = *state;
    tasker_testing_options options = {.input = {.definition = &own,
                                                .task = {.task_uuid = new_uuid(),
                                                         .initiator = TASKER_TEXT("me"),
                                                         .context = TASKER_JSON("{\"mine\": 1}"),
                                                         TASKER_SET(priority, 9)}},
                                      .step_state = TASKER_STATE_COMPLETE};
    const tasker_workflow_ids *ids = NULL;
    const tasker_task *task = NULL;
    assert_status(f->db, tasker_testing_create(f->db, &options, NULL), TASKER_OK);
    assert_status(f->db, tasker_testing_create(f->db, &options, &ids), TASKER_OK); /* the same task once more */
    assert_true(ids->existed);
    assert_status(f->db, tasker_task_get(f->db, &options.input.task.task_uuid, &task), TASKER_OK);
    assert_text(task->initiator, "me");
    assert_string_equal(task->context.ptr, "{\"mine\": 1}");
    assert_int_equal(task->priority, 9);
    tasker_free(task);
    tasker_testing_free(ids);
}

/* Every state for every step; a wide shape, because started steps want their parents done. */
static void test_create_in_states(void **state)
{
    static const struct {
        tasker_state state;
        const char *history, *row;
    } expected[] = {
        {TASKER_STATE_NONE, "pending@1*", ""},
        {TASKER_STATE_PENDING, "pending@1*", ""},
        {TASKER_STATE_ENQUEUED, "pending@1 pending>enqueued@2*", ""},
        {TASKER_STATE_IN_PROGRESS, "pending@1 pending>in_progress@2*", "in_process attempts=1"},
        {TASKER_STATE_COMPLETE, "pending@1 pending>in_progress@2 in_progress>complete@3*",
         "processed attempts=1 results={\"success\": true}"},
        {TASKER_STATE_ERROR, "pending@1 pending>in_progress@2 in_progress>error@3*", "attempts=1"},
        {TASKER_STATE_CANCELLED, "pending@1 pending>cancelled@2*", ""},
        {TASKER_STATE_RESOLVED_MANUALLY, "pending@1 pending>resolved_manually@2*", "processed"},
    };
    fixture *f = *state;
    PGconn *conn = db_test_psql(f);
    for (size_t i = 0; i < COUNT(expected); i++) {
        const tasker_testing_options options = {
            .shape = TASKER_TESTING_SHAPE_INDEPENDENT, .size = 5, .step_state = expected[i].state};
        const tasker_workflow_ids *ids = NULL;
        assert_status(f->db, tasker_testing_create(f->db, &options, &ids), TASKER_OK);
        for (size_t step = 0; step < ids->step_count; step++) {
            assert_string_equal(step_history(conn, ids->workflow_step_uuids[step]), expected[i].history);
            assert_string_equal(step_row(conn, ids->workflow_step_uuids[step]), expected[i].row);
        }
        tasker_testing_free(ids);
    }
    PQfinish(conn);
}

static void test_create_without_history(void **state)
{
    fixture *f = *state;
    PGconn *conn = db_test_psql(f);
    const tasker_testing_options options = {.shape = TASKER_TESTING_SHAPE_TREE, .without_history = true};
    const tasker_workflow_ids *ids = NULL;
    assert_status(f->db, tasker_testing_create(f->db, &options, &ids), TASKER_OK);
    assert_string_equal(task_history(conn, ids->task_uuid), "");
    for (size_t step = 0; step < ids->step_count; step++)
        assert_string_equal(step_history(conn, ids->workflow_step_uuids[step]), "");
    assert_status(f->db, tasker_testing_set_state(f->db, &ids->workflow_step_uuids[0], TASKER_STATE_PENDING, false),
                  TASKER_OK);
    assert_string_equal(step_history(conn, ids->workflow_step_uuids[0]), "pending@1*");
    assert_status(f->db, tasker_testing_set_state(f->db, &ids->workflow_step_uuids[1], TASKER_STATE_CANCELLED, false),
                  TASKER_OK);
    assert_string_equal(step_history(conn, ids->workflow_step_uuids[1]), "pending@1 pending>cancelled@2*");
    tasker_testing_free(ids);
    PQfinish(conn);
}

static void test_create_refused(void **state)
{
    static const tasker_definition own = {.name = TASKER_TEXT("own")};
    static const struct {
        tasker_testing_options options;
        tasker_status status;
    } refused[] = {
        {{.shape = (tasker_testing_shape)0}, TASKER_INVALID_ARGUMENT},
        {{.shape = TASKER_TESTING_SHAPE_TREE, .input = {.definition = &own}}, TASKER_INVALID_ARGUMENT},
        {{.shape = TASKER_TESTING_SHAPE_TREE, .step_state = (tasker_state)8}, TASKER_INVALID_ARGUMENT},
        {{.shape = TASKER_TESTING_SHAPE_TREE, .step_state = TASKER_STATE_ERROR, .without_history = true},
         TASKER_INVALID_ARGUMENT},
        {{.shape = TASKER_TESTING_SHAPE_TREE, .reserved = {0, 0, 0, 1}}, TASKER_UNSUPPORTED},
        {{.shape = TASKER_TESTING_SHAPE_LINEAR, .size = 51}, TASKER_LIMIT_EXCEEDED},
        {{.shape = TASKER_TESTING_SHAPE_TREE, .input = {.registered = true, .task = {.name = TASKER_TEXT("x")}}},
         TASKER_INVALID_ARGUMENT},
    };
    fixture *f = *state;
    long before = db_test_count(f, "SELECT count(*) FROM tasker_tasks");
    for (size_t i = 0; i < COUNT(refused); i++) {
        const tasker_workflow_ids *ids = (const tasker_workflow_ids *)&refused;
        assert_int_equal(tasker_testing_create(f->db, &refused[i].options, &ids), refused[i].status);
        assert_null(ids);
        assert_false(tasker_db_session(f->db)->in_transaction);
    }
    assert_int_equal(tasker_testing_create(f->db, NULL, NULL), TASKER_INVALID_ARGUMENT);
    assert_int_equal(tasker_testing_create(NULL, &refused[0].options, NULL), TASKER_INVALID_ARGUMENT);
    assert_int_equal(db_test_count(f, "SELECT count(*) FROM tasker_tasks"), before);
}

/* ---- mixes ---- */

static void test_mix(void **state)
{
    /* linear 4, diamond 4, parallel merge 3 (4 steps), tree 7, mixed 7: told apart by their systems */
    static const struct {
        size_t count;
        const char *shares;
    } mixes[] = {
        {50, "linear 16, diamond 12, parallel_merge 10, tree 7, mixed_dag 5"},
        {10, "linear 4, diamond 2, parallel_merge 2, tree 1, mixed_dag 1"},
        {1, "linear 1"},
        {0, ""},
    };
    fixture *f = *state;
    PGconn *conn = db_test_psql(f);
    for (size_t i = 0; i < COUNT(mixes); i++) {
        char initiator[16];
        snprintf(initiator, sizeof initiator, "mix %zu", i);
        tasker_testing_options options = {.input = {.task = {.initiator = T(initiator)}}};
        const tasker_workflow_ids_list *list = NULL;
        assert_status(f->db, tasker_testing_create_mix(f->db, &options, mixes[i].count, &list), TASKER_OK);
        assert_int_equal(list->count, mixes[i].count);
        assert_string_equal(ask(conn,
                                "SELECT string_agg(replace(name, '_workflow', '') || ' ' || n, ', ' ORDER BY first)"
                                "  FROM (SELECT nt.name, count(*) AS n, min(t.task_uuid::text) AS first"
                                "          FROM tasker_tasks t JOIN tasker_named_tasks nt USING (named_task_uuid)"
                                "         WHERE t.initiator = '%s' GROUP BY nt.name) m",
                                initiator),
                            mixes[i].shares);
        assert_int_equal(ask_number(conn,
                                    "SELECT count(DISTINCT context::text) FROM tasker_tasks WHERE initiator = '%s'",
                                    initiator),
                         (long)mixes[i].count);
        for (size_t task = 0; task < list->count; task++)
            for (size_t step = 0; step < list->items[task]->step_count; step++)
                assert_string_equal(ask(conn,
                                        "SELECT task_uuid FROM tasker_workflow_steps WHERE workflow_step_uuid = '%s'",
                                        text_of(list->items[task]->workflow_step_uuids[step])),
                                    text_of(list->items[task]->task_uuid));
        tasker_testing_free(list);
    }
    PQfinish(conn);
}

static void test_mix_refused(void **state)
{
    fixture *f = *state;
    const tasker_testing_options shaped = {.shape = TASKER_TESTING_SHAPE_TREE}, sized = {.size = 3},
                                 keyed = {.input = {.task = {.task_uuid = new_uuid()}}};
    const tasker_workflow_ids_list *list = NULL;
    assert_int_equal(tasker_testing_create_mix(f->db, &shaped, 2, &list), TASKER_INVALID_ARGUMENT);
    assert_int_equal(tasker_testing_create_mix(f->db, &sized, 2, &list), TASKER_INVALID_ARGUMENT);
    assert_int_equal(tasker_testing_create_mix(f->db, &keyed, 2, &list), TASKER_INVALID_ARGUMENT);
    assert_int_equal(tasker_testing_create_mix(f->db, NULL, SIZE_MAX, &list), TASKER_LIMIT_EXCEEDED);
    assert_null(list);
    assert_status(f->db, tasker_testing_create_mix(f->db, NULL, 1, NULL), TASKER_OK);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_create_fills_in),  cmocka_unit_test(test_create_takes_what_is_given),
        cmocka_unit_test(test_create_in_states), cmocka_unit_test(test_create_without_history),
        cmocka_unit_test(test_create_refused),   cmocka_unit_test(test_mix),
        cmocka_unit_test(test_mix_refused),
    };
    return db_test_run(tests);
}
