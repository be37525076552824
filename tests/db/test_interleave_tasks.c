/* SPDX-License-Identifier: MIT */
/* Two sessions and the last steps of a task: it is closed exactly once, and never on what is not true any more. */
#include "waiting.h"

/* I6: each completes the last step but one as it sees it. Whoever finalizes after the commits, one moves the task. */
static void test_last_two_steps(void **state)
{
    fixture *f = *state;
    tasker_db *b = db_test_open(f);
    for (int i = 0; i < 8; i++) {
        bool in_transaction = i % 2 != 0, b_commits_first = i / 2 % 2 != 0, early = i / 4 != 0;
        made_flow flow = running_flow(f->db, "ab", "", "ab");
        tasker_db *first = b_commits_first ? b : f->db, *second = b_commits_first ? f->db : b;
        if (in_transaction) {
            begin(f->db);
            begin(b);
        }
        assert_status(f->db, step_event(f->db, flow.steps[0], TASKER_EVENT_COMPLETE), TASKER_OK);
        assert_status(b, step_event(b, flow.steps[1], TASKER_EVENT_COMPLETE), TASKER_OK);
        if (in_transaction && early) /* too early: it sees the other's step open, and keeps others from deciding */
            assert_status(first, tasker_task_finalize(first, &flow.task_uuid, 1, NULL, NULL), TASKER_NOOP);
        if (in_transaction)
            end(first, true);
        tasker_status early_answer = tasker_task_finalize(first, &flow.task_uuid, 1, NULL, NULL);
        assert_status(first, early_answer, in_transaction ? TASKER_NOOP : TASKER_OK);
        if (in_transaction)
            end(second, true);
        assert_status(second, tasker_task_finalize(second, &flow.task_uuid, 1, NULL, NULL),
                      in_transaction ? TASKER_OK : TASKER_NOOP);
        assert_string_equal(task_history(tasker_db_conn(f->db), flow.task_uuid),
                            "pending@1 pending>in_progress@2 in_progress>complete@3*");
    }
    tasker_db_close(b);
}

/* Two that finalize: the second waits, and is told what became of the first. */
static void test_finalize_behind_finalize(void **state)
{
    fixture *f = *state;
    tasker_db *b = db_test_open(f);
    for (int i = 0; i < 4; i++) {
        bool commit = i % 2 == 0, blocked = i / 2 != 0;
        made_flow flow = make_flow(f->db, "a", "");
        bring_step(f->db, flow.steps[0], blocked ? TASKER_STATE_CANCELLED : TASKER_STATE_COMPLETE);
        begin(f->db);
        assert_status(f->db, tasker_task_finalize(f->db, &flow.task_uuid, 1, NULL, NULL), TASKER_OK);
        waiting w = prepare(b, run_finalize, flow.task_uuid, 0);
        start(f, &w);
        end(f->db, commit);
        assert_status(b, finish(&w), commit ? TASKER_NOOP : TASKER_OK);
        assert_string_equal(task_state(tasker_db_conn(f->db), flow.task_uuid), blocked ? "error" : "complete");
    }
    tasker_db_close(b);
}

/* I7: an operator resolves the failed step while somebody finds the task blocked. */
static void test_resolve_against_blocked(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    tasker_db *b = db_test_open(f);
    made_flow flow = make_flow(f->db, "ab", "ab");
    bring_step(f->db, FLOW_STEP(flow, 'a'), TASKER_STATE_CANCELLED);
    tell(conn,
         "UPDATE tasker_workflow_step_transitions SET to_state = 'error' WHERE most_recent"
         " AND workflow_step_uuid = '%s'",
         text_of(FLOW_STEP(flow, 'a')));
    tell(conn, "UPDATE tasker_workflow_steps SET retryable = false WHERE workflow_step_uuid = '%s'",
         text_of(FLOW_STEP(flow, 'a')));
    begin(f->db); /* the operator first: what the other saw before is too old */
    assert_status(f->db, step_event(f->db, FLOW_STEP(flow, 'a'), TASKER_EVENT_RESOLVE_MANUALLY), TASKER_OK);
    waiting w = prepare(b, run_finalize, flow.task_uuid, 0);
    start(f, &w);
    end(f->db, true);
    tasker_status status = finish(&w);
    assert_true(status == TASKER_NOOP || status == TASKER_CONFLICT);
    assert_string_equal(task_state(conn, flow.task_uuid), "pending");
    assert_status(b, step_event(b, FLOW_STEP(flow, 'b'), TASKER_EVENT_START), TASKER_OK);
    tasker_db_close(b);
}

/* I7 the other way round: L makes the finalizer wait with the task locked; the operator comes after it and is told. */
static void test_blocked_against_resolve(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    tasker_db *a = db_test_open(f), *b = db_test_open(f);
    made_flow flow = make_flow(f->db, "ab", "ab");
    const tasker_leases *leases = take_step(f->db, FLOW_STEP(flow, 'a'), TASKER_OK);
    tasker_failure failure = {.lease = leases->items[0], .permanent = true};
    assert_status(f->db, tasker_lease_fail(f->db, &failure, 1, NULL), TASKER_OK);
    begin(f->db);
    tell(conn, "SELECT FROM tasker_task_transitions WHERE task_uuid = '%s' AND most_recent FOR UPDATE",
         text_of(flow.task_uuid));
    waiting finalize = prepare(a, run_finalize, flow.task_uuid, 0);
    waiting resolve = prepare(b, run_step_event, FLOW_STEP(flow, 'a'), TASKER_EVENT_RESOLVE_MANUALLY);
    start(f, &finalize);
    start(f, &resolve);
    end(f->db, false);
    assert_status(a, finish(&finalize), TASKER_OK);
    assert_status(b, finish(&resolve), TASKER_OK);
    assert_int_equal(resolve.outcomes[0].task_state, TASKER_STATE_ERROR);
    assert_status(b, step_event(b, FLOW_STEP(flow, 'b'), TASKER_EVENT_START), TASKER_GUARD_FAILED);
    assert_status(b, task_event(b, flow.task_uuid, TASKER_EVENT_RESET), TASKER_OK);
    assert_status(b, step_event(b, FLOW_STEP(flow, 'b'), TASKER_EVENT_START), TASKER_OK);
    tasker_free(leases);
    tasker_db_close(a);
    tasker_db_close(b);
}

/* I9: the last two parents complete at once; the second waits for the first. The child can start when both are done. */
static void test_last_two_parents(void **state)
{
    fixture *f = *state;
    tasker_db *b = db_test_open(f);
    for (int commit = 0; commit < 2 && !f->foreign; commit++) {
        made_flow flow = running_flow(f->db, "abc", "ac bc", "ab");
        begin(f->db);
        assert_status(f->db, step_event(f->db, FLOW_STEP(flow, 'a'), TASKER_EVENT_COMPLETE), TASKER_OK);
        waiting w = prepare(b, run_step_event, FLOW_STEP(flow, 'b'), TASKER_EVENT_COMPLETE);
        start(f, &w);
        end(f->db, commit == 1);
        assert_status(b, finish(&w), TASKER_OK);
        tasker_status enqueued = step_event(b, FLOW_STEP(flow, 'c'), TASKER_EVENT_ENQUEUE);
        assert_status(b, enqueued, commit == 1 ? TASKER_OK : TASKER_GUARD_FAILED);
    }
    tasker_db_close(b);
}

/* Eight workers, each with one of the last eight steps, complete and finalize at the same moment. */
static tasker_status complete_and_finalize(tasker_db *db, int i, void *context)
{
    const made_flow *flow = context;
    tasker_status status = tasker_workflow_step_apply(db, &flow->steps[i], 1, TASKER_EVENT_COMPLETE, NULL, NULL);
    return status == TASKER_OK ? tasker_task_finalize(db, &flow->task_uuid, 1, NULL, NULL) : TASKER_DATABASE;
}

static void test_last_eight_steps(void **state)
{
    fixture *f = *state;
    for (int round = 0; round < 20; round++) {
        made_flow flow = running_flow(f->db, "abcdefgh", "", "abcdefgh");
        tasker_status statuses[RACERS];
        race(f, complete_and_finalize, &flow, statuses);
        int closed = 0;
        for (int i = 0; i < RACERS; i++) {
            assert_true(statuses[i] == TASKER_OK || statuses[i] == TASKER_NOOP || statuses[i] == TASKER_CONFLICT);
            closed += statuses[i] == TASKER_OK;
        }
        assert_int_equal(closed, 1);
        assert_string_equal(task_history(tasker_db_conn(f->db), flow.task_uuid),
                            "pending@1 pending>in_progress@2 in_progress>complete@3*");
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_last_two_steps),          cmocka_unit_test(test_finalize_behind_finalize),
        cmocka_unit_test(test_resolve_against_blocked), cmocka_unit_test(test_blocked_against_resolve),
        cmocka_unit_test(test_last_two_parents),        cmocka_unit_test(test_last_eight_steps),
    };
    return db_test_run(tests);
}
