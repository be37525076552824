/* SPDX-License-Identifier: MIT */
/* Execution contexts of many tasks, what their words mean, and the filters and waits of single steps. */
#include "flow_test.h"

static tasker_execution_context context_of(tasker_db *db, tasker_uuid task_uuid)
{
    const tasker_execution_context *x = NULL;
    assert_status(db, tasker_execution_context_get(db, &task_uuid, &x), TASKER_OK);
    tasker_execution_context copy = *x;
    tasker_free(x);
    return copy;
}

static void fail_step(tasker_db *db, tasker_uuid step, bool permanent)
{
    const tasker_leases *leases = take_step(db, step, TASKER_OK);
    tasker_failure failure = {.lease = leases->items[0], .permanent = permanent};
    assert_status(db, tasker_lease_fail(db, &failure, 1, NULL), TASKER_OK);
    tasker_free(leases);
}

/* ---- the words ---- */

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(tasker_recommended_action_name(TASKER_RECOMMENDED_ACTION_EXECUTE_READY_STEPS),
                        "execute_ready_steps");
    assert_string_equal(tasker_recommended_action_name(TASKER_RECOMMENDED_ACTION_WAIT_FOR_DEPENDENCIES),
                        "wait_for_dependencies");
    assert_string_equal(tasker_health_status_name(TASKER_HEALTH_STATUS_BLOCKED), "blocked");
    assert_string_equal(tasker_execution_status_name(TASKER_EXECUTION_STATUS_WAITING_FOR_RETRY), "waiting_for_retry");
    static const int none[] = {-1, 0, 7, 1 << 30};
    for (size_t i = 0; i < COUNT(none); i++) {
        assert_string_equal(tasker_recommended_action_name((tasker_recommended_action)none[i]), "none");
        assert_string_equal(tasker_health_status_name((tasker_health_status)none[i]), "none");
        assert_string_equal(tasker_execution_status_name((tasker_execution_status)none[i]), "none");
    }
}

/* The states of three steps a > b, c: d complete, c cancelled, x failed for good, p untouched. */
static void test_stuck(void **state)
{
    static const struct {
        const char *states;
        bool stuck;
        tasker_execution_status status;
        tasker_recommended_action action;
        tasker_health_status health;
    } cases[] = {
        {"ddc", true, TASKER_EXECUTION_STATUS_BLOCKED_BY_FAILURES, TASKER_RECOMMENDED_ACTION_HANDLE_FAILURES,
         TASKER_HEALTH_STATUS_HEALTHY},
        {"cpd", true, TASKER_EXECUTION_STATUS_BLOCKED_BY_FAILURES, TASKER_RECOMMENDED_ACTION_HANDLE_FAILURES,
         TASKER_HEALTH_STATUS_HEALTHY},
        {"xpd", true, TASKER_EXECUTION_STATUS_BLOCKED_BY_FAILURES, TASKER_RECOMMENDED_ACTION_HANDLE_FAILURES,
         TASKER_HEALTH_STATUS_BLOCKED},
        {"xpp", false, TASKER_EXECUTION_STATUS_HAS_READY_STEPS, TASKER_RECOMMENDED_ACTION_EXECUTE_READY_STEPS,
         TASKER_HEALTH_STATUS_RECOVERING},
        {"cpp", false, TASKER_EXECUTION_STATUS_HAS_READY_STEPS, TASKER_RECOMMENDED_ACTION_EXECUTE_READY_STEPS,
         TASKER_HEALTH_STATUS_HEALTHY},
        {"ddd", false, TASKER_EXECUTION_STATUS_ALL_COMPLETE, TASKER_RECOMMENDED_ACTION_FINALIZE_TASK,
         TASKER_HEALTH_STATUS_HEALTHY},
    };
    fixture *f = *state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        made_flow flow = make_flow(f->db, "abc", "ab");
        for (size_t step = 0; step < flow.count; step++) {
            if (cases[i].states[step] == 'x')
                fail_step(f->db, flow.steps[step], true);
            else if (cases[i].states[step] != 'p')
                bring_step(f->db, flow.steps[step],
                           cases[i].states[step] == 'd' ? TASKER_STATE_COMPLETE : TASKER_STATE_CANCELLED);
        }
        tasker_execution_context x = context_of(f->db, flow.task_uuid);
        assert_int_equal(x.stuck, cases[i].stuck);
        assert_int_equal(x.execution_status, cases[i].status);
        assert_int_equal(x.recommended_action, cases[i].action);
        assert_int_equal(x.health_status, cases[i].health);
    }
}

/* A failure for good is named although another step only waits; the task is not stuck then, and stays open. */
static void test_blocked_beside_waiting(void **state)
{
    fixture *f = *state;
    made_flow flow = make_flow(f->db, "ab", "");
    fail_step(f->db, FLOW_STEP(flow, 'a'), true);
    fail_step(f->db, FLOW_STEP(flow, 'b'), false);
    tell(tasker_db_conn(f->db),
         "UPDATE tasker_workflow_steps SET backoff_request_seconds = 1000 WHERE task_uuid = '%s'",
         text_of(flow.task_uuid));
    tasker_execution_context x = context_of(f->db, flow.task_uuid);
    assert_int_equal(x.execution_status, TASKER_EXECUTION_STATUS_BLOCKED_BY_FAILURES);
    assert_false(x.stuck);
    assert_int_equal(x.waiting_steps, 1);
    assert_status(f->db, tasker_task_finalize(f->db, &flow.task_uuid, 1, NULL, NULL), TASKER_NOOP);
}

static void test_latest_completion(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    made_flow flow = make_flow(f->db, "abc", "");
    assert_false(context_of(f->db, flow.task_uuid).has_latest_completion_at);
    bring_step(f->db, FLOW_STEP(flow, 'b'), TASKER_STATE_COMPLETE);
    bring_step(f->db, FLOW_STEP(flow, 'a'), TASKER_STATE_RESOLVED_MANUALLY);
    bring_step(f->db, FLOW_STEP(flow, 'c'), TASKER_STATE_CANCELLED);
    tasker_execution_context x = context_of(f->db, flow.task_uuid);
    assert_true(x.has_latest_completion_at);
    assert_int_equal(x.latest_completion_at.us,
                     ask_number(conn,
                                "SELECT (extract(epoch FROM processed_at) * 1000000)::bigint FROM tasker_workflow_steps"
                                " WHERE workflow_step_uuid = '%s'",
                                text_of(FLOW_STEP(flow, 'a'))));
}

/* ---- many tasks ---- */

static void test_list(void **state)
{
    fixture *f = *state;
    made_flow one = make_flow(f->db, "ab", "ab"), two = make_flow(f->db, "a", ""), empty = make_flow(f->db, "", "");
    bring_step(f->db, FLOW_STEP(one, 'a'), TASKER_STATE_COMPLETE);
    bring_step(f->db, FLOW_STEP(two, 'a'), TASKER_STATE_CANCELLED);
    tasker_uuid tasks[] = {two.task_uuid,   new_uuid(),   one.task_uuid,     two.task_uuid,
                           empty.task_uuid, one.steps[0], (tasker_uuid){{0}}};
    const tasker_execution_contexts *list = NULL;
    assert_status(f->db, tasker_execution_context_list(f->db, tasks, COUNT(tasks), &list), TASKER_OK);
    assert_int_equal(list->count, 3);
    for (size_t i = 0; i < list->count; i++) {
        const tasker_execution_context *row = list->items[i];
        tasker_execution_context x = context_of(f->db, row->task_uuid);
        assert_true(i == 0 || tasker_uuid_compare(&list->items[i - 1]->task_uuid, &row->task_uuid) < 0);
        assert_int_equal(row->total_steps, x.total_steps);
        assert_int_equal(row->execution_status, x.execution_status);
        assert_int_equal(row->recommended_action, x.recommended_action);
        assert_int_equal(row->health_status, x.health_status);
        assert_int_equal(row->stuck, x.stuck);
        assert_int_equal(row->has_latest_completion_at, x.has_latest_completion_at);
    }
    tasker_free(list);
    assert_status(f->db, tasker_execution_context_list(f->db, NULL, 0, &list), TASKER_OK);
    assert_int_equal(list->count, 0);
    tasker_free(list);
    assert_status(f->db, tasker_execution_context_list(f->db, NULL, 2, &list), TASKER_INVALID_ARGUMENT);
    assert_null(list);
}

/* ---- single steps ---- */

static size_t count_found(tasker_db *db, const made_flow *flow, tasker_step_readiness_filter filter, bool by_steps)
{
    const tasker_step_readiness_list *list = NULL;
    if (by_steps) {
        filter.workflow_step_uuids = flow->steps;
        filter.workflow_step_uuid_count = flow->count;
    } else {
        filter.task_uuids = &flow->task_uuid;
        filter.task_uuid_count = 1;
    }
    assert_status(db, tasker_step_readiness_query(db, &filter, &list), TASKER_OK);
    size_t count = list->count;
    tasker_free(list);
    return count;
}

/* a complete, b pending behind it and ready, c pending behind b, d failed for good, e pending behind d. */
static void test_filters(void **state)
{
    static const struct {
        tasker_step_readiness_filter filter;
        size_t found;
    } cases[] = {
        {{.ready = false}, 5},
        {{.ready = true}, 1},
        {{.blocked = true}, 1},
        {{.retry_eligible = true}, 4},
        {{.dependencies_not_satisfied = true}, 2},
        {{.retry_eligible = true, .dependencies_not_satisfied = true}, 2},
        {{.blocked = true, .retry_eligible = true}, 0},
        {{.ready = true, .dependencies_not_satisfied = true}, 0},
        {{.ready = true, .retry_eligible = true}, 1},
    };
    fixture *f = *state;
    made_flow flow = make_flow(f->db, "abcde", "ab bc de");
    bring_step(f->db, FLOW_STEP(flow, 'a'), TASKER_STATE_COMPLETE);
    fail_step(f->db, FLOW_STEP(flow, 'd'), true);
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(count_found(f->db, &flow, cases[i].filter, false), cases[i].found);
        assert_int_equal(count_found(f->db, &flow, cases[i].filter, true), cases[i].found);
    }
}

static void test_effective_backoff(void **state)
{
    static const struct {
        const char *attempts, *requested;
        int32_t seconds;
    } cases[] = {{"NULL", "NULL", 2},
                 {"0", "NULL", 1},
                 {"1", "NULL", 2},
                 {"4", "NULL", 16},
                 {"5", "NULL", 30},
                 {"31", "NULL", 30},
                 {"44", "NULL", 30},
                 {"2147483647", "NULL", 30},
                 {"3", "0", 0},
                 {"3", "600", 600},
                 {"NULL", "2147483647", INT32_MAX}};
    fixture *f = *state;
    made_flow flow = make_flow(f->db, "a", "");
    for (size_t i = 0; i < COUNT(cases); i++) {
        tell(tasker_db_conn(f->db),
             "UPDATE tasker_workflow_steps SET attempts = %s, backoff_request_seconds = %s WHERE task_uuid = '%s'",
             cases[i].attempts, cases[i].requested, text_of(flow.task_uuid));
        assert_int_equal(readiness_of(f->db, flow.steps[0]).effective_backoff_seconds, cases[i].seconds);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_stuck),
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_blocked_beside_waiting),
        cmocka_unit_test(test_filters),
        cmocka_unit_test(test_latest_completion),
        cmocka_unit_test(test_effective_backoff),
    };
    return db_test_run(tests);
}
