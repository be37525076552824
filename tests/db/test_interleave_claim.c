/* SPDX-License-Identifier: MIT */
/*
 * Two orchestrators and one task. A write under a claim and the loss of that claim: one comes first, and a write never
 * lands behind a loss. "L" locks a row by plain SQL and rolls back, so that somebody waits and nothing changes.
 */
#include "claim_test.h"
#include "waiting.h"

/* A flow "ab", claimed by f->db, whose task has begun, so that a write waits for nothing but what is said. */
static made_flow make_claimed(const fixture *f, const tasker_claims **claims)
{
    take_the_rest(f);
    made_flow flow = make_flow(f->db, "ab", "");
    bring_task(f->db, flow.task_uuid, TASKER_STATE_IN_PROGRESS);
    *claims = take(f->db, &one, 1);
    assert_uuid((*claims)->items[0]->task_uuid, flow.task_uuid);
    return flow;
}

static waiting write_under(tasker_db *db, const tasker_claims *claims, tasker_uuid step)
{
    waiting w = prepare(db, run_step_event, step, TASKER_EVENT_ENQUEUE);
    w.claim = claims->items[0];
    return w;
}

/* I3: the write has the task and waits for the step. Nobody takes the task over before it is done. */
static void test_no_takeover_in_a_write(void **state)
{
    fixture *f = *state;
    tasker_db *b = db_test_open(f);
    PGconn *l = db_test_psql(f);
    const tasker_claims *claims = NULL;
    made_flow flow = make_claimed(f, &claims);
    shift_claim(l, flow.task_uuid, 100);
    tell(l, "BEGIN");
    tell(l, "SELECT FROM tasker_workflow_step_transitions WHERE workflow_step_uuid = '%s' FOR UPDATE",
         text_of(flow.steps[0]));
    waiting w = write_under(f->db, claims, flow.steps[0]);
    start(f, &w);
    assert_takes(b, &one, 0);
    tell(l, "ROLLBACK");
    assert_status(f->db, finish(&w), TASKER_OK);
    const tasker_claims *next = take(b, &one, 1);
    assert_int_equal(next->items[0]->ready_step_count, 1); /* the other one */
    assert_uuid(next->items[0]->ready_step_uuids[0], flow.steps[1]);
    w = write_under(f->db, claims, flow.steps[1]);
    assert_int_equal(run_step_event(&w), TASKER_CONFLICT);
    tasker_free(next);
    tasker_free(claims);
    PQfinish(l);
    tasker_db_close(b);
}

/* I4: the takeover has the task, the write waits for it. It lands if the takeover is rolled back, and only then. */
static void test_no_write_behind_a_takeover(void **state)
{
    static const tasker_event events[] = {TASKER_EVENT_ENQUEUE, TASKER_EVENT_START, TASKER_EVENT_CANCEL};
    fixture *f = *state;
    tasker_db *b = db_test_open(f);
    PGconn *psql = db_test_psql(f);
    for (size_t i = 0; i < 2 * COUNT(events); i++) {
        bool commit = i % 2 == 0;
        const tasker_claims *claims = NULL;
        made_flow flow = make_claimed(f, &claims);
        shift_claim(psql, flow.task_uuid, 100);
        begin(b);
        assert_takes(b, &one, 1);
        waiting w = write_under(f->db, claims, flow.steps[0]);
        w.event = events[i / 2];
        start(f, &w);
        end(b, commit);
        assert_status(f->db, finish(&w), commit ? TASKER_CONFLICT : TASKER_OK);
        assert_int_equal(w.outcomes[0].moved > 0, !commit);
        assert_string_equal(step_state(psql, flow.steps[0]),
                            commit ? "pending"
                                   : tasker_state_name(tasker_state_after_step_event(TASKER_STATE_PENDING, w.event)));
        tasker_free(claims);
    }
    PQfinish(psql);
    tasker_db_close(b);
}

/* The same for an operation on the task itself, which has no history yet and gets none. */
static void test_no_task_event_behind_a_takeover(void **state)
{
    fixture *f = *state;
    tasker_db *b = db_test_open(f);
    PGconn *psql = db_test_psql(f);
    take_the_rest(f);
    made_flow flow = make_flow(f->db, "a", "");
    forget_history(psql, &flow);
    const tasker_claims *claims = take(f->db, &one, 1);
    shift_claim(psql, flow.task_uuid, 100);
    begin(b);
    assert_takes(b, &one, 1);
    waiting w = prepare(f->db, run_task_event, flow.task_uuid, TASKER_EVENT_CANCEL);
    w.claim = claims->items[0];
    start(f, &w);
    end(b, true);
    assert_status(f->db, finish(&w), TASKER_CONFLICT);
    assert_string_equal(task_history(psql, flow.task_uuid), "");
    tasker_free(claims);
    PQfinish(psql);
    tasker_db_close(b);
}

/* I5: an operator fails the task, behind a write and before one. Both happen in this order, or the write does not. */
static void test_write_and_operator(void **state)
{
    fixture *f = *state;
    tasker_db *b = db_test_open(f);
    PGconn *psql = db_test_psql(f);
    for (int operator_first = 0; operator_first < 2; operator_first++) {
        const tasker_claims *claims = NULL;
        made_flow flow = make_claimed(f, &claims);
        waiting write = write_under(f->db, claims, flow.steps[0]);
        waiting fail = prepare(b, run_task_event, flow.task_uuid, TASKER_EVENT_FAIL);
        waiting *first = operator_first != 0 ? &fail : &write, *second = operator_first != 0 ? &write : &fail;
        begin(first->db);
        assert_status(first->db, first->call(first), TASKER_OK);
        start(f, second);
        end(first->db, true);
        assert_status(second->db, finish(second), operator_first != 0 ? TASKER_CONFLICT : TASKER_OK);
        assert_string_equal(task_state(psql, flow.task_uuid), "error");
        assert_string_equal(task_row(psql, flow.task_uuid), "");
        assert_string_equal(step_state(psql, flow.steps[0]), operator_first != 0 ? "pending" : "enqueued");
        tasker_free(claims);
    }
    PQfinish(psql);
    tasker_db_close(b);
}

/* I18: a claim whose answer was lost lands after the next try has got another task. It is nobody's, and runs out. */
static void test_claim_that_nobody_knows_of(void **state)
{
    fixture *f = *state;
    tasker_db *zombie = db_test_open(f), *b = db_test_open(f);
    PGconn *psql = db_test_psql(f);
    take_the_rest(f);
    made_flow flows[2] = {make_flow(f->db, "a", ""), make_flow(f->db, "a", "")};
    begin(zombie);
    assert_takes(zombie, &one, 1);
    const tasker_claims *claims = take(f->db, &one, 1);
    assert_uuid(claims->items[0]->task_uuid, flows[1].task_uuid);
    end(zombie, true);
    for (int i = 0; i < 3; i++) { /* more than one lease, with heartbeats */
        assert_takes(b, &one, 0);
        shift_claim(psql, flows[0].task_uuid, 25);
        shift_claim(psql, flows[1].task_uuid, 25);
        assert_status(f->db, tasker_claim_extend(f->db, claims->items, 1, NULL), TASKER_OK);
    }
    const tasker_claims *free_again = take(b, &many, 1);
    assert_uuid(free_again->items[0]->task_uuid, flows[0].task_uuid);
    assert_status(f->db, tasker_claim_extend(f->db, claims->items, 1, NULL), TASKER_OK);
    tasker_free(free_again);
    tasker_free(claims);
    PQfinish(psql);
    tasker_db_close(b);
    tasker_db_close(zombie);
}

/* I23: somebody inserts a row that references a task. That locks the task, but not against claims. */
static void test_references_hide_nothing(void **state)
{
    fixture *f = *state;
    PGconn *a = db_test_psql(f);
    take_the_rest(f);
    made_flow flows[21];
    for (size_t i = 0; i < COUNT(flows); i++)
        flows[i] = make_flow(f->db, "a", "");
    tell(a, "BEGIN");
    tell(a,
         "INSERT INTO tasker_workflow_steps (task_uuid, named_step_uuid, created_at, updated_at)"
         " SELECT task_uuid, named_step_uuid, created_at, updated_at FROM tasker_workflow_steps WHERE task_uuid = '%s'",
         text_of(flows[0].task_uuid));
    assert_takes(f->db, &many, COUNT(flows));
    tell(a, "ROLLBACK");
    PQfinish(a);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_takeover_in_a_write),          cmocka_unit_test(test_no_write_behind_a_takeover),
        cmocka_unit_test(test_no_task_event_behind_a_takeover), cmocka_unit_test(test_write_and_operator),
        cmocka_unit_test(test_claim_that_nobody_knows_of),      cmocka_unit_test(test_references_hide_nothing),
    };
    return db_test_run(tests);
}
