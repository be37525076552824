/* SPDX-License-Identifier: MIT */
/*
 * What lifecycle.h promises for all its calls: outcomes of batches, resends, expectations, transactions, what is
 * stored.
 */
#include "flow_test.h"

static tasker_status apply_keyed(tasker_db *db, tasker_uuid step, tasker_event event, tasker_uuid key,
                                 tasker_outcome *outcome)
{
    *outcome = (tasker_outcome){.transition_uuid = key};
    return tasker_workflow_step_apply(db, &step, 1, event, NULL, outcome);
}

/* ---- batches ---- */

enum { MIXED = 6 };

/* One item of each kind for START, in an order turned by some places; the flow is "abcd" with d after a. */
static void mixed_items(const made_flow *flow, size_t turn, tasker_uuid items[MIXED], tasker_status expected[MIXED])
{
    const tasker_uuid steps[MIXED] = {flow->steps[0], flow->steps[1], flow->steps[2],
                                      flow->steps[3], new_uuid(),     flow->steps[4]};
    static const tasker_status statuses[MIXED] = {TASKER_OK,           TASKER_NOOP,      TASKER_INVALID_TRANSITION,
                                                  TASKER_GUARD_FAILED, TASKER_NOT_FOUND, TASKER_OK};
    for (size_t i = 0; i < MIXED; i++) {
        items[i] = steps[(i + turn) % MIXED];
        expected[i] = statuses[(i + turn) % MIXED];
    }
}

static tasker_status first_bad(const tasker_status *expected, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!tasker_status_is_done(expected[i]))
            return expected[i];
    return TASKER_OK;
}

/* Items stand or fall alone, the answer is the first bad one, and none of it ends a transaction. */
static void test_mixed_batch(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    for (size_t turn = 0; turn < 2 * MIXED; turn++) {
        made_flow flow = make_flow(f->db, "abcde", "ad");
        bring_step(f->db, FLOW_STEP(flow, 'b'), TASKER_STATE_IN_PROGRESS);
        bring_step(f->db, FLOW_STEP(flow, 'c'), TASKER_STATE_COMPLETE);
        tasker_uuid items[MIXED];
        tasker_status expected[MIXED];
        mixed_items(&flow, turn, items, expected);
        tasker_outcome outcomes[MIXED];
        memset(outcomes, 0, sizeof outcomes);
        bool in_transaction = turn >= MIXED;
        if (in_transaction)
            assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
        assert_status(f->db, tasker_workflow_step_apply(f->db, items, MIXED, TASKER_EVENT_START, NULL, outcomes),
                      first_bad(expected, MIXED));
        for (size_t i = 0; i < MIXED; i++)
            assert_int_equal(outcomes[i].status, expected[i]);
        if (in_transaction) {
            assert_false(tasker_db_session(f->db)->transaction_failed);
            assert_string_equal(ask(conn, "SELECT 'goes on'"), "goes on");
            assert_status(f->db, tasker_db_commit(f->db), TASKER_OK);
        }
        assert_string_equal(step_state(conn, FLOW_STEP(flow, 'a')), "in_progress");
        assert_string_equal(step_state(conn, FLOW_STEP(flow, 'e')), "in_progress");
        assert_string_equal(step_history(conn, FLOW_STEP(flow, 'd')), "pending@1*");
    }
}

static void test_mixed_tasks(void **state)
{
    static const tasker_status expected[] = {TASKER_NOOP, TASKER_OK, TASKER_GUARD_FAILED, TASKER_NOT_FOUND,
                                             TASKER_INVALID_TRANSITION};
    fixture *f = *state;
    made_flow open = make_flow(f->db, "a", "");
    tasker_uuid tasks[] = {make_flow(f->db, "", "").task_uuid, make_flow(f->db, "", "").task_uuid, open.task_uuid,
                           new_uuid(), make_flow(f->db, "", "").task_uuid};
    bring_task(f->db, tasks[0], TASKER_STATE_COMPLETE);
    bring_task(f->db, tasks[1], TASKER_STATE_IN_PROGRESS);
    bring_task(f->db, tasks[2], TASKER_STATE_IN_PROGRESS);
    bring_task(f->db, tasks[4], TASKER_STATE_CANCELLED);
    tasker_outcome outcomes[5];
    memset(outcomes, 0, sizeof outcomes);
    assert_status(f->db, tasker_task_apply(f->db, tasks, 5, TASKER_EVENT_COMPLETE, NULL, outcomes),
                  TASKER_GUARD_FAILED);
    for (size_t i = 0; i < COUNT(expected); i++)
        assert_int_equal(outcomes[i].status, expected[i]);
    assert_int_equal(tasker_db_error(f->db)->item, 2);
}

static void test_all_noop(void **state)
{
    fixture *f = *state;
    made_flow flow = make_flow(f->db, "ab", "");
    assert_status(f->db, tasker_workflow_step_apply(f->db, flow.steps, 2, TASKER_EVENT_CANCEL, NULL, NULL), TASKER_OK);
    assert_status(f->db, tasker_workflow_step_apply(f->db, flow.steps, 2, TASKER_EVENT_CANCEL, NULL, NULL),
                  TASKER_NOOP);
}

/* The same step twice in one call moves once. */
static void test_twice_in_one_call(void **state)
{
    fixture *f = *state;
    made_flow flow = make_flow(f->db, "a", "");
    tasker_uuid steps[] = {flow.steps[0], flow.steps[0]};
    tasker_outcome outcomes[2];
    memset(outcomes, 0, sizeof outcomes);
    tasker_status status = tasker_workflow_step_apply(f->db, steps, 2, TASKER_EVENT_START, NULL, outcomes);
    assert_true(status == TASKER_OK || status == TASKER_CONFLICT);
    assert_int_equal(outcomes[0].moved + outcomes[1].moved, 1);
    assert_string_equal(step_history(tasker_db_conn(f->db), flow.steps[0]), "pending@1 pending>in_progress@2*");
    assert_string_equal(step_row(tasker_db_conn(f->db), flow.steps[0]), "in_process attempts=1");
}

/* A call that is refused for its guard writes nothing anywhere: the task has not begun. */
static void test_refused_starts_leave_the_task(void **state)
{
    static const tasker_event events[] = {TASKER_EVENT_ENQUEUE, TASKER_EVENT_START};
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    for (size_t i = 0; i < COUNT(events); i++) {
        made_flow flow = make_flow(f->db, "ab", "ab");
        assert_status(f->db, step_event(f->db, FLOW_STEP(flow, 'b'), events[i]), TASKER_GUARD_FAILED);
        assert_string_equal(task_history(conn, flow.task_uuid), "pending@1*");
        tasker_change change = {.has_expected_sort_key = true, .expected_sort_key = 7};
        assert_status(f->db, tasker_workflow_step_apply(f->db, &FLOW_STEP(flow, 'a'), 1, events[i], &change, NULL),
                      TASKER_CONFLICT);
        assert_string_equal(task_history(conn, flow.task_uuid), "pending@1*");
        assert_status(f->db, step_event(f->db, FLOW_STEP(flow, 'a'), events[i]), TASKER_OK);
        assert_string_equal(task_history(conn, flow.task_uuid), "pending@1 pending>in_progress@2*");
    }
}

/* Steps of a task that is not open do not start. */
static void test_closed_task_starts_nothing(void **state)
{
    static const tasker_state closed[] = {TASKER_STATE_ERROR, TASKER_STATE_CANCELLED};
    fixture *f = *state;
    for (size_t i = 0; i < COUNT(closed); i++) {
        made_flow flow = make_flow(f->db, "a", "");
        bring_task(f->db, flow.task_uuid, closed[i]);
        tasker_outcome outcome = {.status = TASKER_OK};
        assert_status(f->db, tasker_workflow_step_apply(f->db, flow.steps, 1, TASKER_EVENT_START, NULL, &outcome),
                      TASKER_GUARD_FAILED);
        assert_int_equal(outcome.task_state, closed[i]);
    }
}

/* ---- arguments ---- */

static void test_arguments(void **state)
{
    fixture *f = *state;
    made_flow flow = make_flow(f->db, "a", "");
    tasker_uuid unknown = new_uuid();
    assert_status(f->db, tasker_workflow_step_apply(f->db, NULL, 0, TASKER_EVENT_START, NULL, NULL), TASKER_NOOP);
    assert_status(f->db, tasker_task_apply(f->db, &unknown, 0, TASKER_EVENT_START, NULL, NULL), TASKER_NOOP);
    assert_status(f->db, tasker_workflow_step_apply(f->db, NULL, 1, TASKER_EVENT_START, NULL, NULL),
                  TASKER_INVALID_ARGUMENT);
    assert_status(f->db, tasker_task_apply(f->db, NULL, 1, TASKER_EVENT_START, NULL, NULL), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, step_event(f->db, flow.steps[0], TASKER_EVENT_RESET), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, task_event(f->db, flow.task_uuid, TASKER_EVENT_ENQUEUE), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, task_event(f->db, flow.task_uuid, TASKER_EVENT_RETRY), TASKER_INVALID_ARGUMENT);
    for (int strange = -1; strange <= 9; strange += strange < 0 ? 1 : 9) {
        assert_status(f->db, step_event(f->db, flow.steps[0], (tasker_event)strange), TASKER_INVALID_ARGUMENT);
        assert_status(f->db, task_event(f->db, flow.task_uuid, (tasker_event)strange), TASKER_INVALID_ARGUMENT);
    }
    for (int event = TASKER_EVENT_ENQUEUE; event < TASKER_EVENT_RESET; event++)
        assert_status(f->db, step_event(f->db, unknown, (tasker_event)event), TASKER_NOT_FOUND);
    assert_status(f->db, task_event(f->db, unknown, TASKER_EVENT_CANCEL), TASKER_NOT_FOUND);
    assert_status(f->db, step_event(f->db, NIL, TASKER_EVENT_START), TASKER_NOT_FOUND);
    assert_status(f->db, task_event(f->db, NIL, TASKER_EVENT_START), TASKER_NOT_FOUND);
    assert_status(f->db, task_event(NULL, flow.task_uuid, TASKER_EVENT_START), TASKER_INVALID_ARGUMENT);
}

static void test_bad_changes(void **state)
{
    fixture *f = *state;
    made_flow flow = make_flow(f->db, "a", "");
    static const char nul[] = "a\0b";
    const struct {
        tasker_change change;
        tasker_status status;
    } bad[] = {
        {{.metadata = TASKER_JSON("[1]")}, TASKER_INVALID_ARGUMENT},
        {{.metadata = TASKER_JSON("{\"a\":")}, TASKER_INVALID_ARGUMENT},
        {{.metadata = TASKER_JSON("")}, TASKER_INVALID_ARGUMENT},
        {{.actor = TASKER_TEXT("\xFF")}, TASKER_INVALID_ARGUMENT},
        {{.reason = {nul, 3}}, TASKER_INVALID_ARGUMENT},
        {{.reserved = {0, 0, 1}}, TASKER_UNSUPPORTED},
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_status(f->db, tasker_workflow_step_apply(f->db, flow.steps, 1, TASKER_EVENT_START, &bad[i].change, NULL),
                      bad[i].status);
        assert_status(f->db, tasker_task_apply(f->db, &flow.task_uuid, 1, TASKER_EVENT_START, &bad[i].change, NULL),
                      bad[i].status);
    }
    assert_string_equal(step_history(tasker_db_conn(f->db), flow.steps[0]), "pending@1*");
    assert_string_equal(task_history(tasker_db_conn(f->db), flow.task_uuid), "pending@1*");
}

/* ---- expectations ---- */

static void test_expected_sort_key(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    made_flow flow = make_flow(f->db, "a", "");
    static const int32_t wrong[] = {0, 2, -1, INT32_MAX};
    for (size_t i = 0; i < COUNT(wrong); i++) {
        tasker_change change = {.has_expected_sort_key = true, .expected_sort_key = wrong[i]};
        tasker_outcome outcome = {.status = TASKER_OK};
        assert_status(f->db, tasker_workflow_step_apply(f->db, flow.steps, 1, TASKER_EVENT_START, &change, &outcome),
                      TASKER_CONFLICT);
        assert_int_equal(outcome.sort_key, 1);
        assert_status(f->db, tasker_task_apply(f->db, &flow.task_uuid, 1, TASKER_EVENT_CANCEL, &change, &outcome),
                      TASKER_CONFLICT);
        assert_int_equal(outcome.sort_key, 1);
    }
    assert_string_equal(step_history(conn, flow.steps[0]), "pending@1*");
    assert_string_equal(task_history(conn, flow.task_uuid), "pending@1*");
    tasker_change change = {.has_expected_sort_key = true, .expected_sort_key = 1};
    assert_status(f->db, tasker_task_apply(f->db, &flow.task_uuid, 1, TASKER_EVENT_START, &change, NULL), TASKER_OK);
    assert_status(f->db, tasker_workflow_step_apply(f->db, flow.steps, 1, TASKER_EVENT_START, &change, NULL),
                  TASKER_OK);
}

/* ---- resends ---- */

/* The key tells the library what it sent: done once, OK as often as asked, wherever the step stands by then. */
static void test_resend(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    made_flow flow = make_flow(f->db, "a", "");
    tasker_outcome outcome;
    const tasker_uuid start = new_uuid();
    assert_status(f->db, apply_keyed(f->db, flow.steps[0], TASKER_EVENT_START, start, &outcome), TASKER_OK);
    assert_int_equal(outcome.moved, 1);
    assert_uuid(outcome.transition_uuid, start);
    for (int i = 0; i < 2; i++) {
        assert_status(f->db, apply_keyed(f->db, flow.steps[0], TASKER_EVENT_START, start, &outcome), TASKER_OK);
        assert_int_equal(outcome.moved, 0);
        assert_uuid(outcome.transition_uuid, start);
        assert_string_equal(step_history(conn, flow.steps[0]), "pending@1 pending>in_progress@2*");
    }
    assert_status(f->db, step_event(f->db, flow.steps[0], TASKER_EVENT_COMPLETE), TASKER_OK);
    assert_status(f->db, apply_keyed(f->db, flow.steps[0], TASKER_EVENT_START, start, &outcome), TASKER_OK);
    assert_int_equal(outcome.to_state, TASKER_STATE_COMPLETE);
    assert_int_equal(outcome.moved, 0);
    assert_string_equal(step_row(conn, flow.steps[0]), "processed attempts=1");
}

static void test_resend_of_tasks(void **state)
{
    fixture *f = *state;
    made_flow flow = make_flow(f->db, "", "");
    tasker_outcome outcome = {.transition_uuid = new_uuid()}, again = outcome;
    assert_status(f->db, tasker_task_apply(f->db, &flow.task_uuid, 1, TASKER_EVENT_START, NULL, &outcome), TASKER_OK);
    assert_status(f->db, tasker_task_apply(f->db, &flow.task_uuid, 1, TASKER_EVENT_START, NULL, &again), TASKER_OK);
    assert_int_equal(outcome.moved + again.moved, 1);
    assert_string_equal(task_history(tasker_db_conn(f->db), flow.task_uuid), "pending@1 pending>in_progress@2*");
}

/* A key that stands in the history for something else is refused, and a transaction goes on. */
static void test_keys_of_others(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    made_flow flow = make_flow(f->db, "ab", ""), other = make_flow(f->db, "", "");
    tasker_uuid key = new_uuid(), task_key = new_uuid();
    tasker_outcome outcome;
    assert_status(f->db, apply_keyed(f->db, flow.steps[0], TASKER_EVENT_START, key, &outcome), TASKER_OK);
    assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
    assert_status(f->db, apply_keyed(f->db, flow.steps[0], TASKER_EVENT_COMPLETE, key, &outcome), TASKER_DUPLICATE);
    assert_status(f->db, apply_keyed(f->db, flow.steps[1], TASKER_EVENT_START, key, &outcome), TASKER_DUPLICATE);
    assert_status(f->db, apply_keyed(f->db, flow.steps[1], TASKER_EVENT_CANCEL, key, &outcome), TASKER_DUPLICATE);
    assert_string_equal(step_history(conn, flow.steps[0]), "pending@1 pending>in_progress@2*");
    assert_string_equal(step_history(conn, flow.steps[1]), "pending@1*");
    outcome = (tasker_outcome){.transition_uuid = task_key};
    assert_status(f->db, tasker_task_apply(f->db, &flow.task_uuid, 1, TASKER_EVENT_CANCEL, NULL, &outcome), TASKER_OK);
    outcome = (tasker_outcome){.transition_uuid = task_key};
    assert_status(f->db, tasker_task_apply(f->db, &other.task_uuid, 1, TASKER_EVENT_CANCEL, NULL, &outcome),
                  TASKER_DUPLICATE);
    assert_string_equal(task_history(conn, other.task_uuid), "pending@1*");
    assert_status(f->db, tasker_db_commit(f->db), TASKER_OK);
}

/* ---- what is stored ---- */

static void test_metadata(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    made_flow flow = make_flow(f->db, "a", "");
    tasker_change change = {.actor = TASKER_TEXT("ann"), .reason = TASKER_TEXT("tuesday's \"run\" \xC3\xA9")};
    change.metadata = tasker_json_of("{\"ticket\": 7, \"reason\": \"mine\"}");
    assert_status(f->db, tasker_workflow_step_apply(f->db, flow.steps, 1, TASKER_EVENT_START, &change, NULL),
                  TASKER_OK);
    change.metadata = tasker_json_of(NULL);
    assert_status(f->db, tasker_task_apply(f->db, &flow.task_uuid, 1, TASKER_EVENT_FAIL, &change, NULL), TASKER_OK);
    const char *keys = "SELECT concat_ws('|', metadata->>'event', metadata->>'actor', metadata->>'reason',"
                       " metadata->>'ticket') FROM tasker_";
    assert_string_equal(ask(conn, "%sworkflow_step_transitions WHERE workflow_step_uuid = '%s' AND most_recent", keys,
                            text_of(flow.steps[0])),
                        "start|ann|mine|7");
    assert_string_equal(
        ask(conn, "%stask_transitions WHERE task_uuid = '%s' AND most_recent", keys, text_of(flow.task_uuid)),
        "fail|ann|tuesday's \"run\" \xC3\xA9");
}

/* A key that was not given is made, told, and of version 7. */
static void test_keys_are_made(void **state)
{
    fixture *f = *state;
    made_flow flow = make_flow(f->db, "a", "");
    tasker_outcome outcome = {.status = TASKER_OK};
    assert_status(f->db, tasker_workflow_step_apply(f->db, flow.steps, 1, TASKER_EVENT_START, NULL, &outcome),
                  TASKER_OK);
    assert_true(tasker_uuid_is_v7(&outcome.transition_uuid));
    assert_string_equal(ask(tasker_db_conn(f->db),
                            "SELECT workflow_step_transition_uuid FROM tasker_workflow_step_transitions"
                            " WHERE workflow_step_uuid = '%s' AND most_recent",
                            text_of(flow.steps[0])),
                        text_of(outcome.transition_uuid));
}

/* ---- transactions and time zones ---- */

static void test_rollback_leaves_nothing(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    made_flow flow = make_flow(f->db, "a", "");
    assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
    bring_step(f->db, flow.steps[0], TASKER_STATE_COMPLETE);
    assert_status(f->db, task_event(f->db, flow.task_uuid, TASKER_EVENT_COMPLETE), TASKER_OK);
    assert_status(f->db, tasker_db_rollback(f->db), TASKER_OK);
    assert_string_equal(step_history(conn, flow.steps[0]), "pending@1*");
    assert_string_equal(task_history(conn, flow.task_uuid), "pending@1*");
    assert_string_equal(step_row(conn, flow.steps[0]), "");
    assert_string_equal(task_row(conn, flow.task_uuid), "");
}

/* Times are UTC whatever the session's zone, and so is every decision about waits. */
static void test_time_zones(void **state)
{
    static const char *const zones[] = {"Asia/Kolkata", "America/St_Johns", "Pacific/Kiritimati", "UTC"};
    fixture *f = *state;
    for (size_t i = 0; i < COUNT(zones); i++) {
        tasker_db *db = db_test_open(f);
        PGconn *conn = tasker_db_conn(db);
        tell(conn, "SET TimeZone TO '%s'", zones[i]);
        const char *before = ask(conn, "SELECT clock_timestamp() AT TIME ZONE 'UTC'");
        made_flow flow = make_flow(db, "ab", "");
        bring_step(db, flow.steps[0], TASKER_STATE_COMPLETE);
        assert_status(db, task_event(db, flow.task_uuid, TASKER_EVENT_START), TASKER_NOOP);
        assert_status(db, step_event(db, flow.steps[1], TASKER_EVENT_FAIL), TASKER_OK);
        assert_status(db, step_event(db, flow.steps[1], TASKER_EVENT_RETRY), TASKER_OK);
        assert_status(db, step_event(db, flow.steps[1], TASKER_EVENT_START), TASKER_GUARD_FAILED); /* it waits */
        assert_status(db, step_event(db, flow.steps[1], TASKER_EVENT_RESOLVE_MANUALLY), TASKER_OK);
        assert_status(db, task_event(db, flow.task_uuid, TASKER_EVENT_COMPLETE), TASKER_OK);
        assert_string_equal(
            ask(conn,
                "SELECT concat(count(*), ' times, ', count(*) FILTER (WHERE at BETWEEN '%s' AND"
                " clock_timestamp() AT TIME ZONE 'UTC'), ' right') FROM (SELECT unnest(ARRAY[s.created_at,"
                " s.updated_at, processed_at, last_attempted_at]) AS at FROM tasker_workflow_steps s"
                " WHERE task_uuid = '%s' UNION ALL SELECT unnest(ARRAY[created_at, updated_at, completed_at])"
                " FROM tasker_tasks WHERE task_uuid = '%s' UNION ALL SELECT unnest(ARRAY[t.created_at, t.updated_at])"
                " FROM tasker_task_transitions t WHERE task_uuid = '%s' UNION ALL SELECT unnest(ARRAY[t.created_at,"
                " t.updated_at]) FROM tasker_workflow_step_transitions t JOIN tasker_workflow_steps USING"
                " (workflow_step_uuid) WHERE task_uuid = '%s') times WHERE at IS NOT NULL",
                before, text_of(flow.task_uuid), text_of(flow.task_uuid), text_of(flow.task_uuid),
                text_of(flow.task_uuid)),
            "30 times, 30 right");
        tasker_db_close(db);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mixed_batch),
        cmocka_unit_test(test_mixed_tasks),
        cmocka_unit_test(test_all_noop),
        cmocka_unit_test(test_twice_in_one_call),
        cmocka_unit_test(test_refused_starts_leave_the_task),
        cmocka_unit_test(test_closed_task_starts_nothing),
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_bad_changes),
        cmocka_unit_test(test_expected_sort_key),
        cmocka_unit_test(test_resend),
        cmocka_unit_test(test_resend_of_tasks),
        cmocka_unit_test(test_keys_of_others),
        cmocka_unit_test(test_metadata),
        cmocka_unit_test(test_keys_are_made),
        cmocka_unit_test(test_rollback_leaves_nothing),
        cmocka_unit_test(test_time_zones),
    };
    return db_test_run(tests);
}
