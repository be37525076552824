/* SPDX-License-Identifier: MIT */
/* tasker_task_reset, tasker_workflow_step_reset, tasker_workflow_step_skip: what they write, and their answers. */
#include "waiting.h"

static tasker_status reset_task(tasker_db *db, tasker_uuid task_uuid, tasker_outcome *outcome)
{
    return tasker_task_reset(db, &task_uuid, 1, NULL, outcome);
}

static tasker_status reset_step(tasker_db *db, tasker_uuid step, bool descendants, tasker_outcome *outcome)
{
    return tasker_workflow_step_reset(db, &step, 1, descendants, NULL, outcome);
}

static tasker_status skip_step(tasker_db *db, tasker_uuid step, tasker_outcome *outcome)
{
    return tasker_workflow_step_skip(db, &step, 1, NULL, outcome);
}

static void fail_for_good(tasker_db *db, tasker_uuid step)
{
    const tasker_leases *leases = take_step(db, step, TASKER_OK);
    tasker_failure failure = {.lease = leases->items[0], .permanent = true};
    assert_status(db, tasker_lease_fail(db, &failure, 1, NULL), TASKER_OK);
    tasker_free(leases);
}

static void set_step(PGconn *conn, tasker_uuid step, const char *assignment)
{
    tell(conn, "UPDATE tasker_workflow_steps SET %s WHERE workflow_step_uuid = '%s'", assignment, text_of(step));
}

/* The letters of a flow's steps in each state: "a:complete b:pending". */
static void assert_states(PGconn *conn, const made_flow *flow, const char *expected)
{
    char states[512] = "";
    for (size_t i = 0; i < flow->count; i++)
        snprintf(states + strlen(states), sizeof states - strlen(states), "%s%c:%s", i > 0 ? " " : "",
                 (char)('a' + (int)i), step_state(conn, flow->steps[i]));
    assert_string_equal(states, expected);
}

static void assert_starts(tasker_db *db, tasker_uuid step)
{
    tasker_step_readiness r = readiness_of(db, step);
    assert_true(r.ready_for_execution);
    assert_int_equal(r.attempts, 0);
    assert_false(r.has_next_retry_at);
    tasker_free(take_step(db, step, TASKER_OK));
}

/* ---- tasks ---- */

/* A task that was blocked runs to its end after it: the failed step starts at once, as new. */
static void test_blocked_task(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    made_flow flow = make_flow(f->db, "abcd", "ab cd");
    bring_step(f->db, FLOW_STEP(flow, 'c'), TASKER_STATE_COMPLETE);
    bring_step(f->db, FLOW_STEP(flow, 'd'), TASKER_STATE_RESOLVED_MANUALLY);
    fail_for_good(f->db, FLOW_STEP(flow, 'a'));
    assert_status(f->db, tasker_task_finalize(f->db, &flow.task_uuid, 1, NULL, NULL), TASKER_OK);
    assert_string_equal(task_state(conn, flow.task_uuid), "error");
    tasker_change change = {.actor = TASKER_TEXT("ann"), .reason = TASKER_TEXT("fixed")};
    tasker_outcome outcome = {.status = TASKER_OK};
    assert_status(f->db, tasker_task_reset(f->db, &flow.task_uuid, 1, &change, &outcome), TASKER_OK);
    assert_int_equal(outcome.moved, 2);
    assert_int_equal(outcome.from_state, TASKER_STATE_ERROR);
    assert_int_equal(outcome.task_state, TASKER_STATE_PENDING);
    assert_string_equal(task_history(conn, flow.task_uuid),
                        "pending@1 pending>in_progress@2 in_progress>error@3 error>pending@4*");
    assert_string_equal(step_history(conn, FLOW_STEP(flow, 'a')),
                        "pending@1 pending>in_progress@2 in_progress>error@3 error>pending@4*");
    assert_states(conn, &flow, "a:pending b:pending c:complete d:resolved_manually");
    assert_string_equal(ask(conn,
                            "SELECT metadata FROM tasker_workflow_step_transitions WHERE most_recent"
                            " AND workflow_step_uuid = '%s'",
                            text_of(FLOW_STEP(flow, 'a'))),
                        "{\"actor\": \"ann\", \"event\": \"reset\", \"reason\": \"fixed\"}");
    assert_starts(f->db, FLOW_STEP(flow, 'a'));
    assert_string_equal(task_state(conn, flow.task_uuid), "in_progress");
    assert_status(f->db, step_event(f->db, FLOW_STEP(flow, 'a'), TASKER_EVENT_COMPLETE), TASKER_OK);
    bring_step(f->db, FLOW_STEP(flow, 'b'), TASKER_STATE_COMPLETE);
    assert_status(f->db, tasker_task_finalize(f->db, &flow.task_uuid, 1, NULL, NULL), TASKER_OK);
    assert_string_equal(task_row(conn, flow.task_uuid), "complete");
}

/* I12: the attempts begin anew, and who comes late with the first attempt of before has lost it. */
static void test_late_result(void **state)
{
    fixture *f = *state;
    made_flow flow = make_flow_limited(f->db, 1);
    const tasker_leases *old = take_step(f->db, flow.steps[0], TASKER_OK);
    assert_status(f->db, step_event(f->db, flow.steps[0], TASKER_EVENT_FAIL), TASKER_OK);
    assert_status(f->db, tasker_task_finalize(f->db, &flow.task_uuid, 1, NULL, NULL), TASKER_OK);
    assert_status(f->db, reset_task(f->db, flow.task_uuid, NULL), TASKER_OK);
    const tasker_leases *lease = take_step(f->db, flow.steps[0], TASKER_OK);
    assert_int_equal(lease->items[0]->attempt, old->items[0]->attempt);
    assert_status(f->db, complete_lease(f->db, old), TASKER_CONFLICT);
    assert_status(f->db, fail_lease(f->db, old), TASKER_CONFLICT);
    assert_status(f->db, complete_lease(f->db, lease), TASKER_OK);
    tasker_free(old);
    tasker_free(lease);
}

/* Only what failed: a wait of a step that will be tried again anyway stays, used up attempts of others' making go. */
static void test_other_steps_of_the_task(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    made_flow flow = make_flow(f->db, "abcde", "");
    fail_for_good(f->db, FLOW_STEP(flow, 'a'));
    const tasker_leases *leases = take_step(f->db, FLOW_STEP(flow, 'b'), TASKER_OK);
    assert_status(f->db, fail_lease(f->db, leases), TASKER_OK);
    tasker_free(leases);
    const char *waiting_row = step_row(conn, FLOW_STEP(flow, 'b'));
    assert_non_null(strstr(waiting_row, "attempts=1 backoff="));
    set_step(conn, FLOW_STEP(flow, 'c'), "attempts = 3, last_attempted_at = now() AT TIME ZONE 'UTC'");
    bring_step(f->db, FLOW_STEP(flow, 'd'), TASKER_STATE_IN_PROGRESS);
    bring_step(f->db, FLOW_STEP(flow, 'e'), TASKER_STATE_CANCELLED);
    assert_status(f->db, task_event(f->db, flow.task_uuid, TASKER_EVENT_FAIL), TASKER_OK);
    tasker_outcome outcome = {.status = TASKER_OK};
    assert_status(f->db, reset_task(f->db, flow.task_uuid, &outcome), TASKER_OK);
    assert_int_equal(outcome.moved, 2);
    assert_states(conn, &flow, "a:pending b:pending c:pending d:in_progress e:cancelled");
    assert_string_equal(step_row(conn, FLOW_STEP(flow, 'b')), waiting_row);
    assert_string_equal(step_row(conn, FLOW_STEP(flow, 'c')), "");
    assert_string_equal(step_history(conn, FLOW_STEP(flow, 'c')), "pending@1*");
    assert_string_equal(step_row(conn, FLOW_STEP(flow, 'd')), "in_process attempts=1");
    assert_starts(f->db, FLOW_STEP(flow, 'a'));
    assert_starts(f->db, FLOW_STEP(flow, 'c'));
}

static void test_task_answers(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    static const struct {
        tasker_state from;
        tasker_status status;
    } cells[] = {
        {TASKER_STATE_PENDING, TASKER_NOOP},
        {TASKER_STATE_IN_PROGRESS, TASKER_INVALID_TRANSITION},
        {TASKER_STATE_COMPLETE, TASKER_INVALID_TRANSITION},
        {TASKER_STATE_ERROR, TASKER_OK},
        {TASKER_STATE_CANCELLED, TASKER_INVALID_TRANSITION},
        {TASKER_STATE_RESOLVED_MANUALLY, TASKER_INVALID_TRANSITION},
    };
    tasker_uuid tasks[7];
    for (size_t i = 0; i < COUNT(cells); i++) {
        tasks[i] = make_flow(f->db, "", "").task_uuid;
        bring_task(f->db, tasks[i], cells[i].from);
    }
    tasks[6] = new_uuid();
    tasker_outcome outcomes[7];
    memset(outcomes, 0, sizeof outcomes);
    begin(f->db);
    assert_status(f->db, tasker_task_reset(f->db, tasks, 7, NULL, outcomes), TASKER_INVALID_TRANSITION);
    for (size_t i = 0; i < COUNT(cells); i++) {
        assert_int_equal(outcomes[i].status, cells[i].status);
        assert_int_equal(outcomes[i].moved, cells[i].status == TASKER_OK);
    }
    assert_int_equal(outcomes[6].status, TASKER_NOT_FOUND);
    tasker_outcome again = {.transition_uuid = outcomes[3].transition_uuid};
    assert_status(f->db, reset_task(f->db, tasks[3], &again), TASKER_OK);
    assert_int_equal(again.moved, 0);
    assert_status(f->db, reset_task(f->db, tasks[3], NULL), TASKER_NOOP);
    assert_status(f->db, reset_task(f->db, tasks[0], &again), TASKER_DUPLICATE);
    end(f->db, true);
    assert_string_equal(task_state(conn, tasks[3]), "pending");
    tasker_change change = {.has_expected_sort_key = true, .expected_sort_key = 9};
    assert_status(f->db, tasker_task_reset(f->db, tasks, 1, &change, NULL), TASKER_CONFLICT);
    change = (tasker_change){.reserved = {1}};
    assert_status(f->db, tasker_task_reset(f->db, tasks, 1, &change, NULL), TASKER_UNSUPPORTED);
    assert_status(f->db, tasker_task_reset(f->db, NULL, 1, NULL, NULL), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, tasker_task_reset(f->db, tasks, 0, NULL, NULL), TASKER_NOOP);
}

/* ---- steps ---- */

/* "abcd" is a diamond that has run, e stands beside it. */
static made_flow done_diamond(const fixture *f)
{
    made_flow flow = make_flow(f->db, "abcde", "ab ac bd cd");
    for (size_t i = 0; i < 5; i++)
        bring_step(f->db, flow.steps[i], i == 1 ? TASKER_STATE_RESOLVED_MANUALLY : TASKER_STATE_COMPLETE);
    set_step(tasker_db_conn(f->db), flow.steps[3], "results = '{}'");
    return flow;
}

static void test_descendants(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    made_flow flow = done_diamond(f);
    tasker_outcome outcome = {.status = TASKER_OK};
    assert_status(f->db, reset_step(f->db, FLOW_STEP(flow, 'a'), false, &outcome), TASKER_GUARD_FAILED);
    assert_states(conn, &flow, "a:complete b:resolved_manually c:complete d:complete e:complete");
    outcome = (tasker_outcome){.status = TASKER_OK};
    assert_status(f->db, reset_step(f->db, FLOW_STEP(flow, 'a'), true, &outcome), TASKER_OK);
    assert_int_equal(outcome.moved, 4);
    assert_int_equal(outcome.from_state, TASKER_STATE_COMPLETE);
    assert_int_equal(outcome.to_state, TASKER_STATE_PENDING);
    assert_int_equal(outcome.sort_key, 4);
    assert_int_equal(outcome.task_state, TASKER_STATE_IN_PROGRESS);
    assert_states(conn, &flow, "a:pending b:pending c:pending d:pending e:complete");
    assert_string_equal(step_history(conn, FLOW_STEP(flow, 'd')),
                        "pending@1 pending>in_progress@2 in_progress>complete@3 complete>pending@4*");
    for (size_t i = 0; i < 4; i++)
        assert_string_equal(step_row(conn, flow.steps[i]), "");
    assert_status(f->db, step_event(f->db, FLOW_STEP(flow, 'd'), TASKER_EVENT_START), TASKER_GUARD_FAILED);
    assert_starts(f->db, FLOW_STEP(flow, 'a'));
    assert_status(f->db, reset_step(f->db, FLOW_STEP(flow, 'a'), true, NULL), TASKER_INVALID_TRANSITION);
}

/* One that has no started child goes alone; one item of a call may lie below another. */
static void test_batch_of_steps(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    made_flow flow = done_diamond(f);
    assert_status(f->db, reset_step(f->db, FLOW_STEP(flow, 'd'), false, NULL), TASKER_OK);
    assert_states(conn, &flow, "a:complete b:resolved_manually c:complete d:pending e:complete");
    tasker_uuid steps[] = {FLOW_STEP(flow, 'c'), FLOW_STEP(flow, 'a'), FLOW_STEP(flow, 'd'), new_uuid(),
                           FLOW_STEP(flow, 'c')};
    tasker_outcome outcomes[5];
    memset(outcomes, 0, sizeof outcomes);
    begin(f->db);
    tasker_status status = tasker_workflow_step_reset(f->db, steps, 5, true, NULL, outcomes);
    assert_true(status == TASKER_NOT_FOUND || status == TASKER_NOOP);
    assert_int_equal(outcomes[0].moved + outcomes[1].moved + outcomes[4].moved, 3);
    assert_int_equal(outcomes[1].status, TASKER_OK);
    assert_int_equal(outcomes[2].status, TASKER_NOOP);
    assert_int_equal(outcomes[3].status, TASKER_NOT_FOUND);
    tasker_outcome again = {.transition_uuid = outcomes[1].transition_uuid};
    assert_status(f->db, reset_step(f->db, FLOW_STEP(flow, 'a'), true, &again), TASKER_OK);
    assert_int_equal(again.moved, 0);
    assert_status(f->db, reset_step(f->db, FLOW_STEP(flow, 'e'), true, &again), TASKER_DUPLICATE);
    end(f->db, true);
    assert_states(conn, &flow, "a:pending b:pending c:pending d:pending e:complete");
}

/* b after a after nothing; what a's reset answers by where b, and the task, stand. */
static void test_step_guards(void **state)
{
    static const struct {
        tasker_state from, child;
        tasker_status alone, together;
    } cases[] = {
        {TASKER_STATE_COMPLETE, TASKER_STATE_PENDING, TASKER_OK, TASKER_OK},
        {TASKER_STATE_COMPLETE, TASKER_STATE_ENQUEUED, TASKER_GUARD_FAILED, TASKER_GUARD_FAILED},
        {TASKER_STATE_COMPLETE, TASKER_STATE_IN_PROGRESS, TASKER_GUARD_FAILED, TASKER_GUARD_FAILED},
        {TASKER_STATE_COMPLETE, TASKER_STATE_COMPLETE, TASKER_GUARD_FAILED, TASKER_OK},
        {TASKER_STATE_COMPLETE, TASKER_STATE_ERROR, TASKER_OK, TASKER_OK},
        {TASKER_STATE_COMPLETE, TASKER_STATE_CANCELLED, TASKER_OK, TASKER_OK},
        {TASKER_STATE_COMPLETE, TASKER_STATE_RESOLVED_MANUALLY, TASKER_OK, TASKER_OK},
        {TASKER_STATE_RESOLVED_MANUALLY, TASKER_STATE_COMPLETE, TASKER_GUARD_FAILED, TASKER_OK},
        {TASKER_STATE_ERROR, TASKER_STATE_PENDING, TASKER_OK, TASKER_OK},
        {TASKER_STATE_CANCELLED, TASKER_STATE_PENDING, TASKER_OK, TASKER_OK},
        {TASKER_STATE_ENQUEUED, TASKER_STATE_PENDING, TASKER_INVALID_TRANSITION, TASKER_INVALID_TRANSITION},
        {TASKER_STATE_PENDING, TASKER_STATE_PENDING, TASKER_NOOP, TASKER_NOOP},
    };
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    for (size_t i = 0; i < 2 * COUNT(cases); i++) {
        bool together = i % 2 != 0;
        made_flow flow = make_flow(f->db, "ab", "ab");
        bring_step(f->db, flow.steps[0], cases[i / 2].from);
        bring_step(f->db, flow.steps[1], cases[i / 2].child);
        tasker_status expected = together ? cases[i / 2].together : cases[i / 2].alone;
        assert_status(f->db, reset_step(f->db, flow.steps[0], together, NULL), expected);
        bool moves = expected == TASKER_OK;
        assert_string_equal(step_state(conn, flow.steps[0]), moves ? "pending" : tasker_state_name(cases[i / 2].from));
        assert_string_equal(step_state(conn, flow.steps[1]),
                            moves && together ? "pending" : tasker_state_name(cases[i / 2].child));
    }
}

static void test_closed_tasks_keep_their_steps(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    static const tasker_state states[] = {TASKER_STATE_COMPLETE, TASKER_STATE_CANCELLED, TASKER_STATE_RESOLVED_MANUALLY,
                                          TASKER_STATE_ERROR};
    for (size_t i = 0; i < COUNT(states); i++) {
        made_flow flow = make_flow(f->db, "a", "");
        bring_step(f->db, flow.steps[0], TASKER_STATE_COMPLETE);
        assert_status(f->db,
                      task_event(f->db, flow.task_uuid,
                                 i == 0   ? TASKER_EVENT_COMPLETE
                                 : i == 1 ? TASKER_EVENT_CANCEL
                                 : i == 2 ? TASKER_EVENT_RESOLVE_MANUALLY
                                          : TASKER_EVENT_FAIL),
                      TASKER_OK);
        tasker_outcome outcome = {.status = TASKER_OK};
        assert_status(f->db, reset_step(f->db, flow.steps[0], true, &outcome), i < 3 ? TASKER_GUARD_FAILED : TASKER_OK);
        assert_int_equal(outcome.task_state, states[i]);
        assert_string_equal(step_state(conn, flow.steps[0]), i < 3 ? "complete" : "pending");
    }
}

static void test_step_arguments(void **state)
{
    fixture *f = *state;
    made_flow flow = make_flow(f->db, "a", "");
    bring_step(f->db, flow.steps[0], TASKER_STATE_COMPLETE);
    tasker_change change = {.has_expected_sort_key = true, .expected_sort_key = 7}, reserved = {.reserved = {1}};
    assert_status(f->db, tasker_workflow_step_reset(f->db, flow.steps, 1, true, &change, NULL), TASKER_CONFLICT);
    assert_status(f->db, tasker_workflow_step_skip(f->db, flow.steps, 1, &change, NULL), TASKER_CONFLICT);
    assert_status(f->db, tasker_workflow_step_reset(f->db, flow.steps, 1, true, &reserved, NULL), TASKER_UNSUPPORTED);
    assert_status(f->db, tasker_workflow_step_skip(f->db, flow.steps, 1, &reserved, NULL), TASKER_UNSUPPORTED);
    assert_status(f->db, tasker_workflow_step_reset(f->db, NULL, 1, true, NULL, NULL), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, tasker_workflow_step_skip(f->db, NULL, 1, NULL, NULL), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, tasker_workflow_step_reset(f->db, NULL, 0, true, NULL, NULL), TASKER_NOOP);
    assert_status(f->db, tasker_workflow_step_skip(f->db, NULL, 0, NULL, NULL), TASKER_NOOP);
    assert_status(f->db, reset_step(f->db, NIL, false, NULL), TASKER_NOT_FOUND);
    assert_status(f->db, skip_step(f->db, NIL, NULL), TASKER_NOT_FOUND);
    assert_status(f->db, reset_step(NULL, flow.steps[0], false, NULL), TASKER_INVALID_ARGUMENT);
    assert_string_equal(step_state(tasker_db_conn(f->db), flow.steps[0]), "complete");
}

/* ---- skipping ---- */

static void test_skip(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    for (int from = TASKER_STATE_NONE; from <= TASKER_STATE_RESOLVED_MANUALLY; from++) {
        made_flow flow = make_flow(f->db, "ab", "ab");
        bring_step(f->db, flow.steps[0], (tasker_state)from);
        if (from == TASKER_STATE_NONE)
            tell(conn, "DELETE FROM tasker_workflow_step_transitions WHERE workflow_step_uuid = '%s'",
                 text_of(flow.steps[0]));
        bool resolved = from == TASKER_STATE_RESOLVED_MANUALLY;
        bool ended = from == TASKER_STATE_COMPLETE || from == TASKER_STATE_CANCELLED;
        assert_status(f->db, skip_step(f->db, flow.steps[0], NULL),
                      resolved ? TASKER_NOOP
                      : ended  ? TASKER_INVALID_TRANSITION
                               : TASKER_GUARD_FAILED);
        set_step(conn, flow.steps[0], "skippable = true");
        tasker_outcome outcome = {.transition_uuid = new_uuid()}, again = outcome;
        tasker_status status = skip_step(f->db, flow.steps[0], &outcome);
        assert_status(f->db, status, resolved ? TASKER_NOOP : ended ? TASKER_INVALID_TRANSITION : TASKER_OK);
        if (status != TASKER_OK)
            continue;
        assert_string_equal(step_state(conn, flow.steps[0]), "resolved_manually");
        assert_int_equal(outcome.moved, from == TASKER_STATE_NONE ? 2 : 1);
        assert_string_equal(ask(conn,
                                "SELECT metadata ->> 'event' FROM tasker_workflow_step_transitions"
                                " WHERE workflow_step_transition_uuid = '%s'",
                                text_of(outcome.transition_uuid)),
                            "skip");
        assert_status(f->db, skip_step(f->db, flow.steps[0], &again), TASKER_OK);
        assert_int_equal(again.moved, 0);
        assert_starts(f->db, flow.steps[1]);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocked_task),
        cmocka_unit_test(test_late_result),
        cmocka_unit_test(test_other_steps_of_the_task),
        cmocka_unit_test(test_task_answers),
        cmocka_unit_test(test_descendants),
        cmocka_unit_test(test_batch_of_steps),
        cmocka_unit_test(test_step_guards),
        cmocka_unit_test(test_closed_tasks_keep_their_steps),
        cmocka_unit_test(test_step_arguments),
        cmocka_unit_test(test_skip),
    };
    return db_test_run(tests);
}
