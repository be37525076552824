/* SPDX-License-Identifier: MIT */
/*
 * Two sessions and one step. "L" locks a row by plain SQL and rolls back, so that somebody waits and nothing changes.
 * Two sessions and the end of a task: test_interleave_tasks.c.
 */
#include "waiting.h"

/* A writes and has not committed; B wants the same step. What B is told when A commits, and when A rolls back. */
static const struct {
    tasker_state from;
    tasker_event a;
    tasker_status (*b_call)(waiting *w);
    tasker_event b;
    tasker_status b_statuses[2]; /* after the commit: one of these */
    const char *history;         /* after the commit */
} pairs[] = {
    {TASKER_STATE_PENDING,
     TASKER_EVENT_START,
     run_step_event,
     TASKER_EVENT_START,
     {TASKER_NOOP, TASKER_CONFLICT},
     "pending@1 pending>in_progress@2*"},
    {TASKER_STATE_PENDING,
     TASKER_EVENT_START,
     run_take,
     0,
     {TASKER_CONFLICT, TASKER_CONFLICT},
     "pending@1 pending>in_progress@2*"},
    {TASKER_STATE_ENQUEUED,
     TASKER_EVENT_START,
     run_take,
     0,
     {TASKER_CONFLICT, TASKER_CONFLICT},
     "pending@1 pending>enqueued@2 enqueued>in_progress@3*"},
    {TASKER_STATE_ENQUEUED,
     TASKER_EVENT_CANCEL,
     run_step_event,
     TASKER_EVENT_START,
     {TASKER_CONFLICT, TASKER_INVALID_TRANSITION},
     "pending@1 pending>enqueued@2 enqueued>cancelled@3*"},
    {TASKER_STATE_IN_PROGRESS,
     TASKER_EVENT_COMPLETE,
     run_step_event,
     TASKER_EVENT_FAIL,
     {TASKER_CONFLICT, TASKER_INVALID_TRANSITION},
     "pending@1 pending>in_progress@2 in_progress>complete@3*"},
    {TASKER_STATE_IN_PROGRESS,
     TASKER_EVENT_COMPLETE,
     run_step_event,
     TASKER_EVENT_CANCEL,
     {TASKER_CONFLICT, TASKER_INVALID_TRANSITION},
     "pending@1 pending>in_progress@2 in_progress>complete@3*"},
};

static void test_one_wins(void **state)
{
    fixture *f = *state;
    tasker_db *b = db_test_open(f);
    for (size_t i = 0; i < 2 * COUNT(pairs); i++) {
        bool commit = i % 2 == 0;
        made_flow flow = make_flow(f->db, "a", "");
        bring_step(f->db, flow.steps[0], pairs[i / 2].from);
        begin(f->db);
        assert_status(f->db, step_event(f->db, flow.steps[0], pairs[i / 2].a), TASKER_OK);
        waiting w = prepare(b, pairs[i / 2].b_call, flow.steps[0], pairs[i / 2].b);
        start(f, &w);
        end(f->db, commit);
        tasker_status status = finish(&w);
        assert_true(commit ? status == pairs[i / 2].b_statuses[0] || status == pairs[i / 2].b_statuses[1]
                           : status == TASKER_OK);
        if (commit)
            assert_string_equal(step_history(tasker_db_conn(f->db), flow.steps[0]), pairs[i / 2].history);
        tasker_free(w.leases);
    }
    tasker_db_close(b);
}

/* I15: the first try was never answered and still holds the step; its resend waits and learns that it is done. */
static void test_resend_behind_its_own_zombie(void **state)
{
    fixture *f = *state;
    tasker_db *b = db_test_open(f);
    for (int commit = 0; commit < 2; commit++) {
        made_flow flow = make_flow(f->db, "a", "");
        tasker_outcome zombie = {.transition_uuid = new_uuid()};
        begin(f->db);
        assert_status(f->db, tasker_workflow_step_apply(f->db, flow.steps, 1, TASKER_EVENT_START, NULL, &zombie),
                      TASKER_OK);
        waiting w = prepare(b, run_step_event, flow.steps[0], TASKER_EVENT_START);
        w.outcomes[0].transition_uuid = zombie.transition_uuid;
        start(f, &w);
        end(f->db, commit != 0);
        assert_status(b, finish(&w), TASKER_OK);
        assert_int_equal(w.outcomes[0].moved, commit == 0);
        assert_string_equal(step_history(tasker_db_conn(f->db), flow.steps[0]), "pending@1 pending>in_progress@2*");
    }
    tasker_db_close(b);
}

/* I19: the same key after the step has come round to the same state once more. */
static void test_key_after_a_round(void **state)
{
    fixture *f = *state;
    made_flow flow = make_flow(f->db, "a", "");
    tasker_outcome outcome = {.transition_uuid = new_uuid()};
    tasker_uuid key = outcome.transition_uuid;
    assert_status(f->db, tasker_workflow_step_apply(f->db, flow.steps, 1, TASKER_EVENT_ENQUEUE, NULL, &outcome),
                  TASKER_OK);
    assert_status(f->db, step_event(f->db, flow.steps[0], TASKER_EVENT_FAIL), TASKER_OK);
    assert_status(f->db, step_event(f->db, flow.steps[0], TASKER_EVENT_RETRY), TASKER_OK);
    const char *history = step_history(tasker_db_conn(f->db), flow.steps[0]);
    outcome = (tasker_outcome){.transition_uuid = key};
    assert_status(f->db, tasker_workflow_step_apply(f->db, flow.steps, 1, TASKER_EVENT_ENQUEUE, NULL, &outcome),
                  TASKER_OK);
    assert_int_equal(outcome.moved, 0);
    assert_int_equal(outcome.to_state, TASKER_STATE_PENDING); /* where it stands now */
    assert_string_equal(step_history(tasker_db_conn(f->db), flow.steps[0]), history);
}

/* I20: the step moves under the waiting operator to a state from which he could cancel as well. */
static void test_cancel_behind_an_enqueue(void **state)
{
    fixture *f = *state;
    tasker_db *b = db_test_open(f);
    for (int begun = 0; begun < 2; begun++) {
        made_flow flow = make_flow(f->db, "a", "");
        if (begun != 0) /* then the enqueue holds the step only, not the task */
            bring_task(f->db, flow.task_uuid, TASKER_STATE_IN_PROGRESS);
        begin(f->db);
        assert_status(f->db, step_event(f->db, flow.steps[0], TASKER_EVENT_ENQUEUE), TASKER_OK);
        waiting w = prepare(b, run_step_event, flow.steps[0], TASKER_EVENT_CANCEL);
        start(f, &w);
        end(f->db, true);
        tasker_status status = finish(&w);
        assert_true(status == TASKER_OK || status == TASKER_CONFLICT);
        if (status == TASKER_CONFLICT)
            assert_status(b, step_event(b, flow.steps[0], TASKER_EVENT_CANCEL), TASKER_OK);
        assert_string_equal(step_history(tasker_db_conn(f->db), flow.steps[0]),
                            "pending@1 pending>enqueued@2 enqueued>cancelled@3*");
    }
    tasker_db_close(b);
}

/* I1: a batch that waits for one step loses that one only, and says so. */
static void test_cancel_of_many_behind_a_start(void **state)
{
    fixture *f = *state;
    tasker_db *b = db_test_open(f);
    made_flow flow = make_flow(f->db, "abc", "");
    bring_task(f->db, flow.task_uuid, TASKER_STATE_IN_PROGRESS);
    begin(f->db);
    assert_status(f->db, step_event(f->db, flow.steps[0], TASKER_EVENT_START), TASKER_OK);
    waiting w = prepare(b, run_step_event, flow.steps[0], TASKER_EVENT_CANCEL);
    w.count = 3;
    memcpy(w.uuids, flow.steps, 3 * sizeof *w.uuids);
    start(f, &w);
    end(f->db, true);
    tasker_status status = finish(&w);
    assert_true(status == TASKER_OK || status == TASKER_CONFLICT);
    assert_int_equal(w.outcomes[0].status, status);
    assert_int_equal(w.outcomes[1].status, TASKER_OK);
    assert_int_equal(w.outcomes[2].status, TASKER_OK);
    if (status == TASKER_CONFLICT)
        assert_status(b, tasker_workflow_step_apply(b, flow.steps, 3, TASKER_EVENT_CANCEL, NULL, NULL), TASKER_OK);
    for (size_t i = 0; i < 3; i++)
        assert_string_equal(step_state(tasker_db_conn(f->db), flow.steps[i]), "cancelled");
    tasker_db_close(b);
}

/* I11: completion and operator both stand before the step's row. Nobody is a deadlock's victim, one of them wins. */
static void test_locks_have_one_order(void **state)
{
    fixture *f = *state;
    tasker_db *a = db_test_open(f), *b = db_test_open(f);
    for (int operator_first = 0; operator_first < 2; operator_first++) {
        made_flow flow = make_flow(f->db, "a", "");
        waiting complete = prepare(a, run_complete, flow.steps[0], TASKER_EVENT_COMPLETE);
        waiting cancel = prepare(b, run_step_event, flow.steps[0], TASKER_EVENT_CANCEL);
        waiting *first = operator_first != 0 ? &cancel : &complete, *second = operator_first != 0 ? &complete : &cancel;
        complete.leases = take_step(f->db, flow.steps[0], TASKER_OK);
        begin(f->db);
        tell(tasker_db_conn(f->db), "SELECT FROM tasker_workflow_steps WHERE workflow_step_uuid = '%s' FOR UPDATE",
             text_of(flow.steps[0]));
        start(f, first);
        start(f, second);
        end(f->db, false);
        assert_status(first->db, finish(first), TASKER_OK);
        assert_true(finish(second) == TASKER_CONFLICT || second->status == TASKER_INVALID_TRANSITION);
        tasker_free(complete.leases);
    }
    tasker_db_close(a);
    tasker_db_close(b);
}

/* A batch that waits for its lowest step holds none of the higher ones, however the caller has ordered them. */
static void test_batches_lock_in_key_order(void **state)
{
    fixture *f = *state;
    tasker_db *b = db_test_open(f);
    PGconn *witness = db_test_psql(f);
    made_flow flow = make_flow(f->db, "abc", "");
    bring_task(f->db, flow.task_uuid, TASKER_STATE_IN_PROGRESS);
    tell(tasker_db_conn(f->db),
         "UPDATE tasker_workflow_steps SET updated_at = updated_at WHERE workflow_step_uuid = '%s'",
         text_of(flow.steps[0])); /* now it also stands behind the others in the table */
    waiting w = prepare(b, run_step_event, flow.steps[2], TASKER_EVENT_START);
    w.count = 3;
    w.uuids[1] = flow.steps[1];
    w.uuids[2] = flow.steps[0];
    begin(f->db);
    tell(tasker_db_conn(f->db), "SELECT FROM tasker_workflow_steps WHERE workflow_step_uuid = '%s' FOR UPDATE",
         text_of(flow.steps[0]));
    start(f, &w);
    assert_int_equal(ask_number(witness,
                                "WITH free AS (SELECT FROM tasker_workflow_steps WHERE task_uuid = '%s'"
                                " FOR UPDATE SKIP LOCKED) SELECT count(*) FROM free",
                                text_of(flow.task_uuid)),
                     2);
    end(f->db, false);
    assert_status(b, finish(&w), TASKER_OK);
    PQfinish(witness);
    tasker_db_close(b);
}

/* Batches in opposite orders: all lock in the order of the keys, nobody is a deadlock's victim. */
static tasker_status cross(tasker_db *db, int i, void *context)
{
    const made_flow *flows = context;
    tasker_status status = TASKER_OK;
    for (int round = 0; round < 20 && status != TASKER_RETRY; round++) {
        tasker_uuid steps[8];
        for (size_t k = 0; k < 8; k++)
            steps[k] = flows[round].steps[i % 2 == 0 ? k : 7 - k];
        static const tasker_event events[] = {TASKER_EVENT_START, TASKER_EVENT_CANCEL, TASKER_EVENT_FAIL,
                                              TASKER_EVENT_ENQUEUE};
        status = tasker_workflow_step_apply(db, steps, 8, events[(i / 2 + round) % 4], NULL, NULL);
    }
    return status;
}

static void test_batches_crosswise(void **state)
{
    fixture *f = *state;
    made_flow flows[20];
    tasker_status statuses[RACERS];
    for (size_t i = 0; i < COUNT(flows); i++)
        flows[i] = make_flow(f->db, "abcdefgh", "");
    race(f, cross, flows, statuses);
    for (int i = 0; i < RACERS; i++)
        assert_true(statuses[i] == TASKER_OK || statuses[i] == TASKER_NOOP ||
                    (statuses[i] >= TASKER_NOT_FOUND && statuses[i] <= TASKER_GUARD_FAILED));
}

/* In a snapshot of its own the loser cannot be told more than: repeat the whole transaction. */
static void test_repeatable_read(void **state)
{
    static const tasker_transaction_options options = {.isolation = TASKER_ISOLATION_REPEATABLE_READ};
    fixture *f = *state;
    tasker_db *b = db_test_open(f);
    made_flow flow = make_flow(f->db, "a", "");
    assert_status(b, tasker_db_begin(b, &options), TASKER_OK);
    assert_string_equal(step_state(tasker_db_conn(b), flow.steps[0]), "pending");
    assert_status(f->db, step_event(f->db, flow.steps[0], TASKER_EVENT_START), TASKER_OK);
    assert_status(b, step_event(b, flow.steps[0], TASKER_EVENT_START), TASKER_RETRY);
    end(b, false);
    assert_status(b, step_event(b, flow.steps[0], TASKER_EVENT_START), TASKER_NOOP);
    tasker_db_close(b);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_wins),
        cmocka_unit_test(test_resend_behind_its_own_zombie),
        cmocka_unit_test(test_key_after_a_round),
        cmocka_unit_test(test_cancel_behind_an_enqueue),
        cmocka_unit_test(test_cancel_of_many_behind_a_start),
        cmocka_unit_test(test_locks_have_one_order),
        cmocka_unit_test(test_batches_lock_in_key_order),
        cmocka_unit_test(test_batches_crosswise),
        cmocka_unit_test(test_repeatable_read),
    };
    return db_test_run(tests);
}
