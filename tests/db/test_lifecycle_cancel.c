/* SPDX-License-Identifier: MIT */
/* tasker_task_cancel: what becomes of a task and its steps, and its answers. Two sessions: test_interleave_cancel.c. */
#include "waiting.h"

static tasker_status cancel(tasker_db *db, tasker_uuid task_uuid, tasker_outcome *outcome)
{
    return tasker_task_cancel(db, &task_uuid, 1, NULL, outcome);
}

/* ---- what is written ---- */

/* One step in each state, a last one without history; what the cancel leaves of each. */
static const struct {
    tasker_state from;
    const char *history, *row;
} fates[] = {
    {TASKER_STATE_PENDING, "pending@1 pending>cancelled@2*", ""},
    {TASKER_STATE_ENQUEUED, "pending@1 pending>enqueued@2 enqueued>cancelled@3*", ""},
    {TASKER_STATE_IN_PROGRESS, "pending@1 pending>in_progress@2 in_progress>cancelled@3*", "attempts=1"},
    {TASKER_STATE_ERROR, "pending@1 pending>in_progress@2 in_progress>error@3 error>cancelled@4*", "attempts=1"},
    {TASKER_STATE_COMPLETE, "pending@1 pending>in_progress@2 in_progress>complete@3*", "processed attempts=1"},
    {TASKER_STATE_CANCELLED, "pending@1 pending>cancelled@2*", ""},
    {TASKER_STATE_RESOLVED_MANUALLY, "pending@1 pending>resolved_manually@2*", "processed"},
    {TASKER_STATE_NONE, "pending>cancelled@1*", ""},
};

static made_flow flow_in_all_states(const fixture *f)
{
    made_flow flow = make_flow(f->db, "abcdefgh", "");
    PGconn *conn = tasker_db_conn(f->db);
    for (size_t i = 0; i < COUNT(fates); i++)
        bring_step(f->db, flow.steps[i], fates[i].from);
    tell(conn, "DELETE FROM tasker_workflow_step_transitions WHERE workflow_step_uuid = '%s'", text_of(flow.steps[7]));
    tell(conn, "UPDATE tasker_workflow_steps SET backoff_request_seconds = 9 WHERE workflow_step_uuid = '%s'",
         text_of(flow.steps[0]));
    return flow;
}

static void test_steps_of_every_state(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    made_flow flow = flow_in_all_states(f), other = make_flow(f->db, "a", "");
    tasker_change change = {.actor = TASKER_TEXT("ann"), .reason = TASKER_TEXT("too late")};
    change.metadata = tasker_json_of("{\"ticket\": 7}");
    tasker_outcome outcome = {.status = TASKER_OK};
    assert_status(f->db, tasker_task_cancel(f->db, &flow.task_uuid, 1, &change, &outcome), TASKER_OK);
    for (size_t i = 0; i < COUNT(fates); i++) {
        assert_string_equal(step_history(conn, flow.steps[i]), fates[i].history);
        assert_string_equal(step_row(conn, flow.steps[i]), fates[i].row);
    }
    assert_string_equal(task_history(conn, flow.task_uuid), "pending@1 pending>in_progress@2 in_progress>cancelled@3*");
    assert_string_equal(step_history(conn, other.steps[0]), "pending@1*");
    assert_int_equal(outcome.moved, 1 + 5);
    assert_int_equal(outcome.from_state, TASKER_STATE_IN_PROGRESS);
    assert_int_equal(outcome.to_state, TASKER_STATE_CANCELLED);
    assert_int_equal(outcome.task_state, TASKER_STATE_CANCELLED);
    assert_int_equal(outcome.sort_key, 3);
    const char *told = "metadata = '{\"event\": \"cancel\", \"actor\": \"ann\", \"reason\": \"too late\","
                       " \"ticket\": 7}'";
    assert_int_equal(ask_number(conn, "SELECT count(*) FROM tasker_task_transitions WHERE task_uuid = '%s' AND %s",
                                text_of(flow.task_uuid), told),
                     1);
    assert_int_equal(ask_number(conn,
                                "SELECT count(*) FROM tasker_workflow_step_transitions t JOIN tasker_workflow_steps s"
                                " USING (workflow_step_uuid) WHERE s.task_uuid = '%s' AND %s",
                                text_of(flow.task_uuid), told),
                     5);
    assert_string_equal(ask(conn,
                            "SELECT task_transition_uuid FROM tasker_task_transitions WHERE task_uuid = '%s'"
                            " AND most_recent",
                            text_of(flow.task_uuid)),
                        text_of(outcome.transition_uuid));
}

/* The holder of a lease in a cancelled task has lost it, whatever it says. */
static void test_leases_are_lost(void **state)
{
    fixture *f = *state;
    made_flow flow = make_flow(f->db, "ab", "");
    const tasker_leases *a = take_step(f->db, flow.steps[0], TASKER_OK),
                        *b = take_step(f->db, flow.steps[1], TASKER_OK);
    assert_status(f->db, cancel(f->db, flow.task_uuid, NULL), TASKER_OK);
    assert_status(f->db, complete_lease(f->db, a), TASKER_CONFLICT);
    assert_status(f->db, fail_lease(f->db, b), TASKER_CONFLICT);
    take_step(f->db, flow.steps[0], TASKER_CONFLICT);
    assert_status(f->db, tasker_task_finalize(f->db, &flow.task_uuid, 1, NULL, NULL), TASKER_NOOP);
    assert_string_equal(step_state(tasker_db_conn(f->db), flow.steps[0]), "cancelled");
    tasker_free(a);
    tasker_free(b);
}

static const struct {
    tasker_state from;
    tasker_status status;
    const char *end;
} task_cells[] = {
    {TASKER_STATE_PENDING, TASKER_OK, "cancelled"},
    {TASKER_STATE_IN_PROGRESS, TASKER_OK, "cancelled"},
    {TASKER_STATE_ERROR, TASKER_OK, "cancelled"},
    {TASKER_STATE_COMPLETE, TASKER_INVALID_TRANSITION, "complete"},
    {TASKER_STATE_CANCELLED, TASKER_NOOP, "cancelled"},
    {TASKER_STATE_RESOLVED_MANUALLY, TASKER_INVALID_TRANSITION, "resolved_manually"},
};

/* A task without open steps: the task alone. Its claim ends. */
static void test_tasks_of_every_state(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    for (size_t i = 0; i < 2 * COUNT(task_cells); i++) {
        made_flow flow = make_flow(f->db, i % 2 == 0 ? "" : "a", "");
        if (flow.count > 0)
            bring_step(f->db, flow.steps[0], TASKER_STATE_CANCELLED);
        if (task_cells[i / 2].from == TASKER_STATE_COMPLETE && flow.count > 0)
            continue; /* a cancelled step keeps it from that */
        bring_task(f->db, flow.task_uuid, task_cells[i / 2].from);
        if (task_cells[i / 2].status == TASKER_OK)
            tell(conn,
                 "UPDATE tasker_tasks SET claim_id = 'c', claimed_by = 'o', claimed_at = now() AT TIME ZONE 'UTC'"
                 " WHERE task_uuid = '%s'",
                 text_of(flow.task_uuid));
        tasker_outcome outcome = {.moved = 77};
        assert_status(f->db, cancel(f->db, flow.task_uuid, &outcome), task_cells[i / 2].status);
        assert_int_equal(outcome.moved, task_cells[i / 2].status == TASKER_OK);
        assert_string_equal(tasker_state_name(outcome.to_state), task_cells[i / 2].end);
        assert_string_equal(task_state(conn, flow.task_uuid), task_cells[i / 2].end);
        if (task_cells[i / 2].status == TASKER_OK)
            assert_string_equal(task_row(conn, flow.task_uuid), "");
        assert_string_equal(flow.count > 0 ? step_history(conn, flow.steps[0]) : "pending@1 pending>cancelled@2*",
                            "pending@1 pending>cancelled@2*");
    }
}

/* Without any history; and a task that was cancelled without its steps. */
static void test_what_others_left(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    made_flow flow = make_flow(f->db, "ab", "ab");
    tell(conn, "DELETE FROM tasker_task_transitions WHERE task_uuid = '%s'", text_of(flow.task_uuid));
    tasker_outcome outcome = {.status = TASKER_OK};
    assert_status(f->db, cancel(f->db, flow.task_uuid, &outcome), TASKER_OK);
    assert_string_equal(task_history(conn, flow.task_uuid), "pending@1 pending>cancelled@2*");
    assert_int_equal(outcome.moved, 2 + 2);
    flow = running_flow(f->db, "abc", "", "a");
    bring_step(f->db, flow.steps[2], TASKER_STATE_COMPLETE);
    assert_status(f->db, task_event(f->db, flow.task_uuid, TASKER_EVENT_CANCEL), TASKER_OK);
    tasker_change wrong = {.has_expected_sort_key = true, .expected_sort_key = 2};
    assert_status(f->db, tasker_task_cancel(f->db, &flow.task_uuid, 1, &wrong, NULL), TASKER_CONFLICT);
    assert_int_equal(open_steps(conn, flow.task_uuid), 2);
    outcome = (tasker_outcome){.status = TASKER_OK};
    assert_status(f->db, cancel(f->db, flow.task_uuid, &outcome), TASKER_OK);
    assert_int_equal(outcome.moved, 2);
    assert_int_equal(outcome.sort_key, 3);
    assert_string_equal(task_history(conn, flow.task_uuid), "pending@1 pending>in_progress@2 in_progress>cancelled@3*");
    assert_string_equal(step_history(conn, flow.steps[1]), "pending@1 pending>cancelled@2*");
    assert_status(f->db, cancel(f->db, flow.task_uuid, NULL), TASKER_NOOP);
}

/* ---- answers ---- */

static void test_batch_in_a_transaction(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    static const tasker_status expected[] = {TASKER_OK, TASKER_NOT_FOUND, TASKER_NOOP, TASKER_INVALID_TRANSITION,
                                             TASKER_OK};
    for (int commit = 0; commit < 2; commit++) {
        made_flow flows[] = {running_flow(f->db, "abc", "ab", "a"), make_flow(f->db, "", ""), make_flow(f->db, "", ""),
                             make_flow(f->db, "ab", "ab")};
        bring_task(f->db, flows[1].task_uuid, TASKER_STATE_CANCELLED);
        bring_task(f->db, flows[2].task_uuid, TASKER_STATE_COMPLETE);
        tasker_uuid tasks[] = {flows[0].task_uuid, new_uuid(), flows[1].task_uuid, flows[2].task_uuid,
                               flows[3].task_uuid};
        tasker_outcome outcomes[5];
        memset(outcomes, 0, sizeof outcomes);
        begin(f->db);
        assert_status(f->db, tasker_task_cancel(f->db, tasks, 5, NULL, outcomes), TASKER_NOT_FOUND);
        assert_int_equal(tasker_db_error(f->db)->item, 1);
        for (size_t i = 0; i < COUNT(expected); i++)
            assert_int_equal(outcomes[i].status, expected[i]);
        assert_int_equal(outcomes[0].moved, 4);
        assert_int_equal(outcomes[4].moved, 3);
        assert_false(tasker_db_session(f->db)->transaction_failed);
        end(f->db, commit != 0);
        assert_int_equal(open_steps(conn, tasks[0]) + open_steps(conn, tasks[4]), commit != 0 ? 0 : 5);
    }
}

/* Done once, OK as often as asked; a key that stands for something else is refused; an item given twice moves once. */
static void test_keys(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    made_flow flow = make_flow(f->db, "ab", ""), other = make_flow(f->db, "a", "");
    tasker_outcome outcome = {.transition_uuid = new_uuid()};
    const tasker_uuid key = outcome.transition_uuid;
    for (int i = 0; i < 3; i++) {
        assert_status(f->db, cancel(f->db, flow.task_uuid, &outcome), TASKER_OK);
        assert_int_equal(outcome.moved, i == 0 ? 3 : 0);
        assert_uuid(outcome.transition_uuid, key);
    }
    begin(f->db);
    assert_status(f->db, cancel(f->db, other.task_uuid, &outcome), TASKER_DUPLICATE);
    assert_string_equal(step_history(conn, other.steps[0]), "pending@1*");
    end(f->db, true);
    tasker_uuid twice[] = {other.task_uuid, other.task_uuid};
    tasker_outcome outcomes[2];
    memset(outcomes, 0, sizeof outcomes);
    tasker_status status = tasker_task_cancel(f->db, twice, 2, NULL, outcomes);
    assert_true(status == TASKER_OK || status == TASKER_CONFLICT);
    assert_int_equal(outcomes[0].moved + outcomes[1].moved, 2);
    assert_string_equal(step_history(conn, other.steps[0]), "pending@1 pending>cancelled@2*");
}

static void test_arguments(void **state)
{
    fixture *f = *state;
    made_flow flow = make_flow(f->db, "a", "");
    tasker_change change = {.has_expected_sort_key = true, .expected_sort_key = 7};
    assert_status(f->db, tasker_task_cancel(f->db, &flow.task_uuid, 1, &change, NULL), TASKER_CONFLICT);
    change = (tasker_change){.reserved = {1}};
    assert_status(f->db, tasker_task_cancel(f->db, &flow.task_uuid, 1, &change, NULL), TASKER_UNSUPPORTED);
    change = (tasker_change){.metadata = TASKER_JSON("[]")};
    assert_status(f->db, tasker_task_cancel(f->db, &flow.task_uuid, 1, &change, NULL), TASKER_INVALID_ARGUMENT);
    tasker_outcome outcome = {.reserved = {1}};
    assert_status(f->db, cancel(f->db, flow.task_uuid, &outcome), TASKER_UNSUPPORTED);
    assert_status(f->db, tasker_task_cancel(f->db, NULL, 1, NULL, NULL), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, tasker_task_cancel(f->db, NULL, 0, NULL, NULL), TASKER_NOOP);
    assert_status(f->db, cancel(f->db, NIL, NULL), TASKER_NOT_FOUND);
    assert_status(f->db, cancel(NULL, flow.task_uuid, NULL), TASKER_INVALID_ARGUMENT);
    assert_string_equal(step_history(tasker_db_conn(f->db), flow.steps[0]), "pending@1*");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steps_of_every_state),
        cmocka_unit_test(test_leases_are_lost),
        cmocka_unit_test(test_tasks_of_every_state),
        cmocka_unit_test(test_what_others_left),
        cmocka_unit_test(test_batch_in_a_transaction),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_arguments),
    };
    return db_test_run(tests);
}
