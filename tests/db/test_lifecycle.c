/* SPDX-License-Identifier: MIT */
/* tasker_workflow_step_apply: times, guards and retries. The table itself, cell by cell: test_state_ways.c. */
#include "flow_test.h"

static const char *times_of(PGconn *conn, tasker_uuid step)
{
    return ask(conn,
               "SELECT concat(last_attempted_at, processed_at, updated_at) FROM tasker_workflow_steps"
               " WHERE workflow_step_uuid = '%s'",
               text_of(step));
}

/* No event writes over the time of an earlier attempt or end. */
static void test_times_stay(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    made_flow flow = make_flow(f->db, "a", "");
    bring_step(f->db, flow.steps[0], TASKER_STATE_COMPLETE);
    const char *before = times_of(conn, flow.steps[0]);
    assert_status(f->db, step_event(f->db, flow.steps[0], TASKER_EVENT_COMPLETE), TASKER_NOOP);
    assert_status(f->db, step_event(f->db, flow.steps[0], TASKER_EVENT_CANCEL), TASKER_INVALID_TRANSITION);
    assert_string_equal(times_of(conn, flow.steps[0]), before);
}

/* A failure before any start counts as none. */
static void test_fail_from_pending(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    made_flow flow = make_flow(f->db, "a", "");
    assert_status(f->db, step_event(f->db, flow.steps[0], TASKER_EVENT_FAIL), TASKER_OK);
    assert_string_equal(step_row(conn, flow.steps[0]), "");
    assert_status(f->db, step_event(f->db, flow.steps[0], TASKER_EVENT_RETRY), TASKER_OK);
    assert_string_equal(step_history(conn, flow.steps[0]), "pending@1 pending>error@2 error>pending@3*");
}

/* ---- parents ---- */

static void forget_history(PGconn *conn, tasker_uuid step)
{
    tell(conn, "DELETE FROM tasker_workflow_step_transitions WHERE workflow_step_uuid = '%s'", text_of(step));
}

/* ENQUEUE and START wait for complete or resolved_manually, and for nothing else; NONE stands for no history. */
static void test_parent_states(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    for (int parent = TASKER_STATE_NONE; parent <= TASKER_STATE_RESOLVED_MANUALLY; parent++)
        for (int event = TASKER_EVENT_ENQUEUE; event <= TASKER_EVENT_START; event++) {
            made_flow flow = make_flow(f->db, "ab", "ab");
            bring_step(f->db, FLOW_STEP(flow, 'a'), (tasker_state)parent);
            if (parent == TASKER_STATE_NONE)
                forget_history(conn, FLOW_STEP(flow, 'a'));
            bool done = parent == TASKER_STATE_COMPLETE || parent == TASKER_STATE_RESOLVED_MANUALLY;
            tasker_outcome outcome = {.status = TASKER_OK};
            assert_status(
                f->db, tasker_workflow_step_apply(f->db, &FLOW_STEP(flow, 'b'), 1, (tasker_event)event, NULL, &outcome),
                done ? TASKER_OK : TASKER_GUARD_FAILED);
            assert_int_equal(outcome.unmet_parents, !done);
            if (!done)
                assert_string_equal(step_history(conn, FLOW_STEP(flow, 'b')), "pending@1*");
        }
}

/* The other events of a pending step ask no parent. */
static void test_events_without_guard(void **state)
{
    static const tasker_event events[] = {TASKER_EVENT_FAIL, TASKER_EVENT_CANCEL, TASKER_EVENT_RESOLVE_MANUALLY};
    fixture *f = *state;
    for (size_t i = 0; i < COUNT(events); i++) {
        made_flow flow = make_flow(f->db, "ab", "ab");
        assert_status(f->db, step_event(f->db, FLOW_STEP(flow, 'b'), events[i]), TASKER_OK);
    }
}

static int32_t unmet(const fixture *f, tasker_uuid step)
{
    tasker_outcome outcome = {.status = TASKER_OK};
    tasker_status status = tasker_workflow_step_apply(f->db, &step, 1, TASKER_EVENT_START, NULL, &outcome);
    assert_status(f->db, status, outcome.unmet_parents > 0 ? TASKER_GUARD_FAILED : TASKER_OK);
    return outcome.unmet_parents;
}

static void test_unmet_parents_are_counted(void **state)
{
    fixture *f = *state;
    made_flow flow = make_flow(f->db, "abcd", "ad bd cd");
    for (int32_t left = 3; left > 0; left--) {
        assert_int_equal(unmet(f, FLOW_STEP(flow, 'd')), left);
        bring_step(f->db, flow.steps[3 - left], left == 2 ? TASKER_STATE_RESOLVED_MANUALLY : TASKER_STATE_COMPLETE);
    }
    assert_int_equal(unmet(f, FLOW_STEP(flow, 'd')), 0);
}

/* Schemas of other programs allow an edge twice; it is one parent. */
static void test_an_edge_twice_is_one_parent(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    const char *rule = "tasker_workflow_step_edges_from_to_unique";
    made_flow flow = make_flow(f->db, "ab", "ab");
    if (!f->foreign) /* it is one of those */
        tell(conn, "ALTER TABLE tasker_workflow_step_edges DROP CONSTRAINT %s", rule);
    tell(conn,
         "INSERT INTO tasker_workflow_step_edges (from_step_uuid, to_step_uuid, name, created_at, updated_at)"
         " VALUES ('%s', '%s', 'again', now(), now())",
         text_of(FLOW_STEP(flow, 'a')), text_of(FLOW_STEP(flow, 'b')));
    assert_int_equal(unmet(f, FLOW_STEP(flow, 'b')), 1);
    bring_step(f->db, FLOW_STEP(flow, 'a'), TASKER_STATE_COMPLETE);
    assert_int_equal(unmet(f, FLOW_STEP(flow, 'b')), 0);
    tell(conn, "DELETE FROM tasker_workflow_step_edges WHERE name = 'again'");
    if (!f->foreign)
        tell(conn, "ALTER TABLE tasker_workflow_step_edges ADD CONSTRAINT %s UNIQUE (from_step_uuid, to_step_uuid)",
             rule);
}

/* What was enqueued stays startable: parents do not become undone. */
static void test_start_from_the_queue(void **state)
{
    fixture *f = *state;
    made_flow flow = make_flow(f->db, "ab", "ab");
    bring_step(f->db, FLOW_STEP(flow, 'a'), TASKER_STATE_COMPLETE);
    assert_status(f->db, step_event(f->db, FLOW_STEP(flow, 'b'), TASKER_EVENT_ENQUEUE), TASKER_OK);
    assert_status(f->db, step_event(f->db, FLOW_STEP(flow, 'b'), TASKER_EVENT_START), TASKER_OK);
}

/* ---- retry ---- */

/* limit, starts before the retry, attempts after it */
static const struct {
    int32_t limit, starts;
    const char *row;
} retries[] = {
    {3, 1, "attempts=1"}, {3, 2, "attempts=2"}, {3, 3, ""}, {2, 2, ""}, {1, 1, ""}, {2, 1, "attempts=1"},
};

/* Retries, and moves the failure an hour back: it is waited for after a retry as well. */
static void retry_at_once(tasker_db *db, tasker_uuid step)
{
    assert_status(db, step_event(db, step, TASKER_EVENT_RETRY), TASKER_OK);
    assert_status(db, step_event(db, step, TASKER_EVENT_START), TASKER_GUARD_FAILED);
    tell(tasker_db_conn(db),
         "UPDATE tasker_workflow_step_transitions SET created_at = created_at - interval '1 hour'"
         " WHERE workflow_step_uuid = '%s'",
         text_of(step));
}

static void test_retry_renews_used_up_attempts(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    for (size_t i = 0; i < COUNT(retries); i++) {
        made_flow flow = make_flow_limited(f->db, retries[i].limit);
        for (int32_t start = 1; start <= retries[i].starts; start++) {
            if (start > 1)
                retry_at_once(f->db, flow.steps[0]);
            bring_step(f->db, flow.steps[0], TASKER_STATE_ERROR);
        }
        tasker_outcome outcome = {.status = TASKER_OK};
        assert_status(f->db, tasker_workflow_step_apply(f->db, flow.steps, 1, TASKER_EVENT_RETRY, NULL, &outcome),
                      TASKER_OK);
        assert_string_equal(step_row(conn, flow.steps[0]), retries[i].row);
        assert_int_equal(outcome.attempts, retries[i].row[0] == '\0' ? 0 : retries[i].starts);
        assert_true(readiness_of(f->db, flow.steps[0]).retry_eligible);
    }
}

/* A step that may not be retried by itself may be by an operator: afterwards it can run. */
static void test_retry_of_what_is_not_retryable(void **state)
{
    fixture *f = *state;
    tasker_step_definition settings = {.has_retryable = true, .retryable = false};
    made_flow flow = make_flow_with(f->db, "a", "", &settings);
    bring_step(f->db, flow.steps[0], TASKER_STATE_ERROR);
    assert_status(f->db, step_event(f->db, flow.steps[0], TASKER_EVENT_RETRY), TASKER_OK);
    assert_true(readiness_of(f->db, flow.steps[0]).retry_eligible);
}

/* RETRY and RESOLVE_MANUALLY end the requested wait. */
static void test_operators_end_the_backoff(void **state)
{
    static const struct {
        tasker_event event;
        const char *row;
    } ends[] = {{TASKER_EVENT_RETRY, "attempts=1"}, {TASKER_EVENT_RESOLVE_MANUALLY, "processed attempts=1"}};
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    for (size_t i = 0; i < COUNT(ends); i++) {
        made_flow flow = make_flow(f->db, "a", "");
        bring_step(f->db, flow.steps[0], TASKER_STATE_ERROR);
        tell(conn, "UPDATE tasker_workflow_steps SET backoff_request_seconds = 200 WHERE workflow_step_uuid = '%s'",
             text_of(flow.steps[0]));
        assert_status(f->db, step_event(f->db, flow.steps[0], ends[i].event), TASKER_OK);
        assert_string_equal(step_row(conn, flow.steps[0]), ends[i].row);
    }
}

/* Results are the last completion's; a failure or a retry does not erase them. */
static void test_results_survive_a_retry(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    made_flow flow = make_flow(f->db, "a", "");
    bring_step(f->db, flow.steps[0], TASKER_STATE_ERROR);
    tell(conn, "UPDATE tasker_workflow_steps SET results = '{}' WHERE workflow_step_uuid = '%s'",
         text_of(flow.steps[0]));
    assert_status(f->db, step_event(f->db, flow.steps[0], TASKER_EVENT_RETRY), TASKER_OK);
    assert_string_equal(step_row(conn, flow.steps[0]), "attempts=1 results={}");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_times_stay),
        cmocka_unit_test(test_fail_from_pending),
        cmocka_unit_test(test_parent_states),
        cmocka_unit_test(test_events_without_guard),
        cmocka_unit_test(test_unmet_parents_are_counted),
        cmocka_unit_test(test_an_edge_twice_is_one_parent),
        cmocka_unit_test(test_start_from_the_queue),
        cmocka_unit_test(test_retry_renews_used_up_attempts),
        cmocka_unit_test(test_retry_of_what_is_not_retryable),
        cmocka_unit_test(test_operators_end_the_backoff),
        cmocka_unit_test(test_results_survive_a_retry),
    };
    return db_test_run(tests);
}
