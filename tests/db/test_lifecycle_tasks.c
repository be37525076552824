/* SPDX-License-Identifier: MIT */
/* tasker_task_apply: times, guards, empty and foreign histories. The table itself: test_state_ways_tasks.c. */
#include "flow_test.h"

/* The end of a task is when it got there, in the server's time. */
static void test_completed_at(void **state)
{
    static const tasker_event ends[] = {TASKER_EVENT_COMPLETE, TASKER_EVENT_RESOLVE_MANUALLY};
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    for (size_t i = 0; i < COUNT(ends); i++) {
        made_flow flow = make_flow(f->db, "", "");
        bring_task(f->db, flow.task_uuid, TASKER_STATE_IN_PROGRESS);
        const char *before = ask(conn, "SELECT clock_timestamp() AT TIME ZONE 'UTC'");
        assert_status(f->db, task_event(f->db, flow.task_uuid, ends[i]), TASKER_OK);
        assert_int_equal(ask_number(conn,
                                    "SELECT count(*) FROM tasker_tasks WHERE task_uuid = '%s' AND completed_at"
                                    " BETWEEN '%s' AND clock_timestamp() AT TIME ZONE 'UTC'",
                                    text_of(flow.task_uuid), before),
                         1);
    }
}

/* ---- guards ---- */

/* Of two steps the first is done, the second is in this state (NONE: no history): what the two ends of a task say. */
static void test_guards_on_steps(void **state)
{
    static const struct {
        tasker_state second;
        tasker_status complete, resolve;
    } guards[] = {
        {TASKER_STATE_NONE, TASKER_GUARD_FAILED, TASKER_GUARD_FAILED},
        {TASKER_STATE_PENDING, TASKER_GUARD_FAILED, TASKER_GUARD_FAILED},
        {TASKER_STATE_ENQUEUED, TASKER_GUARD_FAILED, TASKER_GUARD_FAILED},
        {TASKER_STATE_IN_PROGRESS, TASKER_GUARD_FAILED, TASKER_GUARD_FAILED},
        {TASKER_STATE_ERROR, TASKER_GUARD_FAILED, TASKER_GUARD_FAILED},
        {TASKER_STATE_CANCELLED, TASKER_GUARD_FAILED, TASKER_OK},
        {TASKER_STATE_COMPLETE, TASKER_OK, TASKER_OK},
        {TASKER_STATE_RESOLVED_MANUALLY, TASKER_OK, TASKER_OK},
    };
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    for (size_t i = 0; i < 2 * COUNT(guards); i++) {
        bool resolve = i % 2 != 0;
        made_flow flow = make_flow(f->db, "ab", "");
        bring_task(f->db, flow.task_uuid, TASKER_STATE_IN_PROGRESS);
        bring_step(f->db, flow.steps[0], TASKER_STATE_COMPLETE);
        bring_step(f->db, flow.steps[1], guards[i / 2].second);
        if (guards[i / 2].second == TASKER_STATE_NONE)
            tell(conn, "DELETE FROM tasker_workflow_step_transitions WHERE workflow_step_uuid = '%s'",
                 text_of(flow.steps[1]));
        tasker_status expected = resolve ? guards[i / 2].resolve : guards[i / 2].complete;
        assert_status(
            f->db, task_event(f->db, flow.task_uuid, resolve ? TASKER_EVENT_RESOLVE_MANUALLY : TASKER_EVENT_COMPLETE),
            expected);
        if (expected == TASKER_GUARD_FAILED)
            assert_string_equal(task_history(conn, flow.task_uuid), "pending@1 pending>in_progress@2*");
        assert_string_equal(task_row(conn, flow.task_uuid), expected == TASKER_OK ? "complete" : "");
    }
}

/* The other events ask no step and touch none. */
static void test_steps_are_not_touched(void **state)
{
    static const tasker_event free_events[] = {TASKER_EVENT_START, TASKER_EVENT_FAIL, TASKER_EVENT_CANCEL};
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    for (size_t i = 0; i < COUNT(free_events); i++) {
        made_flow flow = make_flow(f->db, "ab", "ab");
        assert_status(f->db, task_event(f->db, flow.task_uuid, free_events[i]), TASKER_OK);
        for (size_t step = 0; step < flow.count; step++)
            assert_string_equal(step_history(conn, flow.steps[step]), "pending@1*");
    }
}

/* ---- histories of other programs ---- */

static void forget_history(PGconn *conn, const made_flow *flow)
{
    tell(conn, "DELETE FROM tasker_task_transitions WHERE task_uuid = '%s'", text_of(flow->task_uuid));
    tell(conn, "DELETE FROM tasker_workflow_step_transitions WHERE workflow_step_uuid = '%s'", text_of(flow->steps[0]));
}

/* Without history a task or a step is pending; the missing first row is made up for, or the new row says so. */
static void test_no_history(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    for (int event = TASKER_EVENT_ENQUEUE; event <= TASKER_EVENT_RESET; event++) {
        made_flow flow = make_flow(f->db, "a", "");
        forget_history(conn, &flow);
        tasker_outcome task = {.status = TASKER_OK}, step = task;
        if (event != TASKER_EVENT_ENQUEUE && event != TASKER_EVENT_RETRY && event != TASKER_EVENT_RESOLVE_MANUALLY) {
            tasker_state to = tasker_state_after_task_event(TASKER_STATE_PENDING, (tasker_event)event);
            assert_status(f->db, tasker_task_apply(f->db, &flow.task_uuid, 1, (tasker_event)event, NULL, &task),
                          event == TASKER_EVENT_RESET ? TASKER_NOOP
                          : to == TASKER_STATE_NONE   ? TASKER_INVALID_TRANSITION
                                                      : TASKER_OK);
            assert_int_equal(task.to_state, to == TASKER_STATE_NONE ? TASKER_STATE_PENDING : to);
            assert_string_equal(task_state(conn, flow.task_uuid), tasker_state_name(task.to_state));
        }
        if (event != TASKER_EVENT_RESET) {
            tasker_state to = tasker_state_after_step_event(TASKER_STATE_PENDING, (tasker_event)event);
            assert_status(f->db, tasker_workflow_step_apply(f->db, flow.steps, 1, (tasker_event)event, NULL, &step),
                          event == TASKER_EVENT_RETRY ? TASKER_NOOP
                          : to == TASKER_STATE_NONE   ? TASKER_INVALID_TRANSITION
                                                      : TASKER_OK);
            assert_int_equal(step.to_state, to == TASKER_STATE_NONE ? TASKER_STATE_PENDING : to);
            assert_string_equal(step_state(conn, flow.steps[0]), tasker_state_name(step.to_state));
        }
        assert_int_equal(ask_number(conn,
                                    "SELECT count(*) FROM tasker_workflow_step_transitions"
                                    " WHERE workflow_step_uuid = '%s'",
                                    text_of(flow.steps[0])),
                         step.moved);
        assert_int_equal(ask_number(conn, "SELECT count(*) FROM tasker_task_transitions WHERE task_uuid = '%s'",
                                    text_of(flow.task_uuid)),
                         task.moved);
    }
}

/* Others number 0, 10, 20 and make steps of their own; the next row is one above, whatever stands before. */
static void test_sort_keys_of_others(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    made_flow flow = make_flow(f->db, "a", "");
    forget_history(conn, &flow);
    tell(conn,
         "INSERT INTO tasker_task_transitions (task_uuid, from_state, to_state, sort_key, most_recent, created_at,"
         " updated_at) SELECT '%s', f, t, k, k = 20, now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC' FROM"
         " (VALUES (NULL, 'pending', 0), ('pending', 'in_progress', 10), ('in_progress', 'pending', 20)) v(f, t, k)",
         text_of(flow.task_uuid));
    tell(conn,
         "INSERT INTO tasker_workflow_step_transitions (workflow_step_uuid, from_state, to_state, sort_key,"
         " most_recent, created_at, updated_at)"
         " SELECT '%s', f, t, k, k = 20, now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC' FROM"
         " (VALUES (NULL, 'pending', 0), ('pending', 'enqueued', 10), ('enqueued', 'pending', 20)) v(f, t, k)",
         text_of(flow.steps[0]));
    assert_status(f->db, task_event(f->db, flow.task_uuid, TASKER_EVENT_START), TASKER_OK);
    assert_status(f->db, step_event(f->db, flow.steps[0], TASKER_EVENT_ENQUEUE), TASKER_OK);
    assert_string_equal(task_history(conn, flow.task_uuid),
                        "pending@0 pending>in_progress@10 in_progress>pending@20 pending>in_progress@21*");
    assert_string_equal(step_history(conn, flow.steps[0]),
                        "pending@0 pending>enqueued@10 enqueued>pending@20 pending>enqueued@21*");
    remove_flow(conn, &flow); /* the invariants want numbers without gaps */
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_completed_at),          cmocka_unit_test(test_guards_on_steps),
        cmocka_unit_test(test_steps_are_not_touched), cmocka_unit_test(test_no_history),
        cmocka_unit_test(test_sort_keys_of_others),
    };
    return db_test_run(tests);
}
