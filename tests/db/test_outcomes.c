/* SPDX-License-Identifier: MIT */
/*
 * What is no error of the server: calls that lose, come too late or ask for what cannot be, all in one transaction of
 * the caller's. Each says so, writes nothing and leaves the transaction good. And rows that no rule of ours allows.
 */
#include <tasker/claim.h>
#include "flow_test.h"

/* a can start, b waits for it, c is complete, d runs, e is cancelled; one is another task, closed. */
typedef struct scene {
    made_flow flow, closed;
    const tasker_leases *lost;
    tasker_claim claim;
    tasker_uuid nothing;
} scene;

typedef struct refusal {
    const char *what;
    tasker_status (*call)(tasker_db *db, const scene *s);
    tasker_status expected;
    bool ours; /* of our tables alone */
} refusal;

static tasker_status apply(tasker_db *db, tasker_uuid step, tasker_event event, const tasker_change *change)
{
    return tasker_workflow_step_apply(db, &step, 1, event, change, NULL);
}

#define REFUSAL(name, ...)                                                                                             \
    static tasker_status name(tasker_db *db, const scene *s)                                                           \
    {                                                                                                                  \
        return __VA_ARGS__;                                                                                            \
    }
REFUSAL(start_waiting, apply(db, FLOW_STEP(s->flow, 'b'), TASKER_EVENT_START, NULL))
REFUSAL(start_complete, apply(db, FLOW_STEP(s->flow, 'c'), TASKER_EVENT_START, NULL))
REFUSAL(start_running, apply(db, FLOW_STEP(s->flow, 'd'), TASKER_EVENT_START, NULL))
REFUSAL(start_of_closed, apply(db, s->closed.steps[0], TASKER_EVENT_START, NULL))
REFUSAL(start_nothing, apply(db, s->nothing, TASKER_EVENT_START, NULL))
REFUSAL(start_moved_on,
        apply(db, FLOW_STEP(s->flow, 'a'), TASKER_EVENT_START, &(tasker_change){TASKER_SET(expected_sort_key, 9)}))
REFUSAL(start_under_lost_claim,
        apply(db, FLOW_STEP(s->flow, 'a'), TASKER_EVENT_START, &(tasker_change){.claim = &s->claim}))
REFUSAL(retry_waiting, apply(db, FLOW_STEP(s->flow, 'b'), TASKER_EVENT_RETRY, NULL))
REFUSAL(skip_step, tasker_workflow_step_skip(db, &FLOW_STEP(s->flow, 'a'), 1, NULL, NULL))
REFUSAL(reset_running, tasker_workflow_step_reset(db, &FLOW_STEP(s->flow, 'd'), 1, true, NULL, NULL))
REFUSAL(reset_of_closed, tasker_workflow_step_reset(db, s->closed.steps, 1, false, NULL, NULL))
REFUSAL(enqueue_waiting, tasker_workflow_step_enqueue(db, &FLOW_STEP(s->flow, 'b'), 1,
                                                      &(tasker_enqueue_options){.without_message = true}, NULL, NULL))
REFUSAL(complete_open, task_event(db, s->flow.task_uuid, TASKER_EVENT_COMPLETE))
REFUSAL(resolve_open, task_event(db, s->flow.task_uuid, TASKER_EVENT_RESOLVE_MANUALLY))
REFUSAL(reset_task, tasker_task_reset(db, &s->flow.task_uuid, 1, NULL, NULL))
REFUSAL(cancel_closed, tasker_task_cancel(db, &s->closed.task_uuid, 1, NULL, NULL))
REFUSAL(cancel_nothing, tasker_task_cancel(db, &s->nothing, 1, NULL, NULL))
REFUSAL(finalize_open, tasker_task_finalize(db, &s->flow.task_uuid, 1, NULL, NULL))
REFUSAL(finalize_nothing, tasker_task_finalize(db, &s->nothing, 1, NULL, NULL))
REFUSAL(complete_lost, complete_lease(db, s->lost))
REFUSAL(fail_lost, fail_lease(db, s->lost))
REFUSAL(extend_lost, tasker_lease_extend(db, s->lost->items, 1, 10, NULL))
REFUSAL(release_lost, tasker_lease_release(db, s->lost->items, 1, NULL))
REFUSAL(create_there,
        tasker_workflow_step_edge_create(db,
                                         &(tasker_workflow_step_edge_input){.from_step_uuid = FLOW_STEP(s->flow, 'a'),
                                                                            .to_step_uuid = FLOW_STEP(s->flow, 'b')},
                                         NULL))
REFUSAL(delete_nothing, tasker_workflow_delete(db, &s->nothing))
REFUSAL(extend_lost_claim, tasker_claim_extend(db, (const tasker_claim *[]){&s->claim}, 1, NULL))
REFUSAL(release_lost_claim, tasker_claim_release(db, (const tasker_claim *[]){&s->claim}, 1, NULL))
REFUSAL(enqueue_lost_claim, tasker_claim_enqueue(db, (const tasker_claim *[]){&s->claim}, 1,
                                                 &(tasker_enqueue_options){.without_message = true}, NULL))

static tasker_status take(tasker_db *db, tasker_uuid step)
{
    static const tasker_lease_options worker = {.worker = TASKER_TEXT("w")};
    const tasker_leases *leases = NULL;
    tasker_status status = tasker_lease_take_steps(db, &step, 1, &worker, NULL, &leases);
    assert_true(leases == NULL || leases->count == 0);
    tasker_free(leases);
    return status;
}

REFUSAL(take_waiting, take(db, FLOW_STEP(s->flow, 'b')))
REFUSAL(take_running, take(db, FLOW_STEP(s->flow, 'd')))
REFUSAL(take_nothing, take(db, s->nothing))

static const refusal refusals[] = {
    {"start, a parent is not done", start_waiting, TASKER_GUARD_FAILED, false},
    {"start, complete", start_complete, TASKER_INVALID_TRANSITION, false},
    {"start, started", start_running, TASKER_NOOP, false},
    {"start, the task is closed", start_of_closed, TASKER_INVALID_TRANSITION, false},
    {"start, no such step", start_nothing, TASKER_NOT_FOUND, false},
    {"start, the history has moved on", start_moved_on, TASKER_CONFLICT, false},
    {"start, the claim is another's", start_under_lost_claim, TASKER_CONFLICT, false},
    {"retry, pending", retry_waiting, TASKER_NOOP, false},
    {"skip, not skippable", skip_step, TASKER_GUARD_FAILED, false},
    {"reset, in progress", reset_running, TASKER_INVALID_TRANSITION, false},
    {"reset, the task is closed", reset_of_closed, TASKER_GUARD_FAILED, false},
    {"enqueue, a parent is not done", enqueue_waiting, TASKER_GUARD_FAILED, false},
    {"complete a task, open steps", complete_open, TASKER_GUARD_FAILED, false},
    {"resolve a task, open steps", resolve_open, TASKER_GUARD_FAILED, false},
    {"reset a task, not in error", reset_task, TASKER_INVALID_TRANSITION, false},
    {"cancel a task, complete", cancel_closed, TASKER_INVALID_TRANSITION, false},
    {"cancel a task, no such task", cancel_nothing, TASKER_NOT_FOUND, false},
    {"finalize, not over", finalize_open, TASKER_NOOP, false},
    {"finalize, no such task", finalize_nothing, TASKER_NOT_FOUND, false},
    {"take, a parent is not done", take_waiting, TASKER_GUARD_FAILED, false},
    {"take, taken", take_running, TASKER_CONFLICT, false},
    {"take, no such step", take_nothing, TASKER_NOT_FOUND, false},
    {"complete a lease, overtaken", complete_lost, TASKER_CONFLICT, false},
    {"fail a lease, overtaken", fail_lost, TASKER_CONFLICT, false},
    {"extend a lease, overtaken", extend_lost, TASKER_CONFLICT, false},
    {"release a lease, overtaken", release_lost, TASKER_CONFLICT, false},
    {"an edge that is there", create_there, TASKER_DUPLICATE_EDGE, false},
    {"delete, no such task", delete_nothing, TASKER_NOT_FOUND, false},
    {"extend a claim, another's", extend_lost_claim, TASKER_CONFLICT, true},
    {"release a claim, nobody has any", release_lost_claim, TASKER_NOOP, true},
    {"enqueue under a claim, another's", enqueue_lost_claim, TASKER_CONFLICT, true},
};

static scene make_scene(const fixture *f)
{
    scene s = {.flow = make_flow(f->db, "abcde", "ab"), .closed = make_flow(f->db, "a", ""), .nothing = new_uuid()};
    bring_step(f->db, FLOW_STEP(s.flow, 'c'), TASKER_STATE_COMPLETE);
    s.lost = take_step(f->db, FLOW_STEP(s.flow, 'd'), TASKER_OK);
    assert_status(f->db, step_event(f->db, FLOW_STEP(s.flow, 'd'), TASKER_EVENT_FAIL), TASKER_OK);
    assert_status(f->db, tasker_workflow_step_reset(f->db, &FLOW_STEP(s.flow, 'd'), 1, false, NULL, NULL), TASKER_OK);
    tasker_free(take_step(f->db, FLOW_STEP(s.flow, 'd'), TASKER_OK));
    bring_step(f->db, FLOW_STEP(s.flow, 'e'), TASKER_STATE_CANCELLED);
    bring_step(f->db, s.closed.steps[0], TASKER_STATE_COMPLETE);
    assert_status(f->db, task_event(f->db, s.closed.task_uuid, TASKER_EVENT_COMPLETE), TASKER_OK);
    s.claim.task_uuid = s.flow.task_uuid;
    s.claim.token.uuid = new_uuid();
    return s;
}

/* All that is stored, so that a write would show. */
static const char *all_rows(PGconn *conn)
{
    return ask(conn, "SELECT md5(string_agg(r, ' ' ORDER BY r)) FROM (SELECT k::text FROM tasker_tasks k UNION ALL"
                     " SELECT s::text FROM tasker_workflow_steps s UNION ALL"
                     " SELECT t::text FROM tasker_task_transitions t UNION ALL"
                     " SELECT e::text FROM tasker_workflow_step_edges e UNION ALL"
                     " SELECT t::text FROM tasker_workflow_step_transitions t) x (r)");
}

static void test_in_one_transaction(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    scene s = make_scene(f);
    char before[64];
    snprintf(before, sizeof before, "%s", all_rows(conn));
    assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
    for (size_t i = 0; i < COUNT(refusals); i++) {
        if (refusals[i].ours && f->foreign)
            continue;
        tasker_status status = refusals[i].call(f->db, &s);
        if (status != refusals[i].expected || tasker_db_session(f->db)->transaction_failed)
            print_error("%s: %s\n", refusals[i].what, tasker_status_name(status));
        assert_int_equal(status, refusals[i].expected);
        assert_false(tasker_db_session(f->db)->transaction_failed);
        assert_string_equal(all_rows(conn), before);
    }
    assert_status(f->db, step_event(f->db, FLOW_STEP(s.flow, 'a'), TASKER_EVENT_START), TASKER_OK);
    assert_status(f->db, tasker_db_commit(f->db), TASKER_OK);
    assert_string_equal(step_state(conn, FLOW_STEP(s.flow, 'a')), "in_progress");
    tasker_free(s.lost);
}

/* ---- rows that cannot be ---- */

/* The rules that forbid them go; the tests of this program that follow would not notice. */
static void lift_rules(const fixture *f)
{
    db_test_exec(f, "SET lock_timeout = '5s'; DO $$DECLARE c record; BEGIN"
                    " FOR c IN SELECT conrelid::regclass AS rel, conname FROM pg_constraint"
                    " WHERE contype = 'c' AND conrelid IN ('tasker_workflow_step_transitions'::regclass,"
                    " 'tasker_task_transitions'::regclass, 'tasker_workflow_step_edges'::regclass)"
                    " LOOP EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', c.rel, c.conname); END LOOP; END$$");
}

/* A step that waits for itself never starts, and an operator can resolve it. */
static void test_an_edge_to_oneself(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    made_flow flow = make_flow(f->db, "ab", "");
    lift_rules(f);
    tell(conn,
         "INSERT INTO tasker_workflow_step_edges (from_step_uuid, to_step_uuid, name, created_at, updated_at)"
         " SELECT s, s, 'x', now(), now() FROM CAST ('%s' AS uuid) s",
         text_of(FLOW_STEP(flow, 'b')));
    tasker_outcome outcome = {0};
    for (tasker_event event = TASKER_EVENT_ENQUEUE; event <= TASKER_EVENT_START; event++) {
        outcome = (tasker_outcome){0};
        assert_status(f->db, tasker_workflow_step_apply(f->db, &FLOW_STEP(flow, 'b'), 1, event, NULL, &outcome),
                      TASKER_GUARD_FAILED);
        assert_int_equal(outcome.unmet_parents, 1);
    }
    take_step(f->db, FLOW_STEP(flow, 'b'), TASKER_GUARD_FAILED);
    bring_step(f->db, FLOW_STEP(flow, 'a'), TASKER_STATE_COMPLETE);
    assert_status(f->db, tasker_task_finalize(f->db, &flow.task_uuid, 1, NULL, NULL), TASKER_NOOP);
    bring_step(f->db, FLOW_STEP(flow, 'b'), TASKER_STATE_RESOLVED_MANUALLY);
    assert_status(f->db, tasker_task_finalize(f->db, &flow.task_uuid, 1, NULL, NULL), TASKER_OK);
    assert_string_equal(task_state(conn, flow.task_uuid), "complete");
    remove_flow(conn, &flow);
}

/*
 * A state that is none: who reads it is told, who writes changes nothing there. What stands beside it goes on, what
 * stands on it waits.
 */
static void test_an_unknown_state(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    made_flow flow = make_flow(f->db, "abc", "ab"), next = make_flow(f->db, "a", "");
    const tasker_task_transitions *history = NULL;
    lift_rules(f);
    tell(conn, "UPDATE tasker_workflow_step_transitions SET to_state = 'skipped' WHERE workflow_step_uuid = '%s'",
         text_of(FLOW_STEP(flow, 'a')));
    for (tasker_event event = TASKER_EVENT_ENQUEUE; event < TASKER_EVENT_RESET; event++)
        assert_false(tasker_status_is_done(step_event(f->db, FLOW_STEP(flow, 'a'), event)));
    take_step(f->db, FLOW_STEP(flow, 'a'), TASKER_IN_DOUBT);
    assert_string_equal(step_history(conn, FLOW_STEP(flow, 'a')), "skipped@1*");
    assert_status(f->db, step_event(f->db, FLOW_STEP(flow, 'b'), TASKER_EVENT_START), TASKER_GUARD_FAILED);
    assert_status(f->db, tasker_task_finalize(f->db, &flow.task_uuid, 1, NULL, NULL), TASKER_NOOP);
    assert_true(tasker_status_is_done(tasker_sweep_run(f->db, NULL, NULL)));
    tasker_free(take_step(f->db, FLOW_STEP(flow, 'c'), TASKER_OK));
    assert_string_equal(task_state(conn, flow.task_uuid), "in_progress");

    tell(conn, "UPDATE tasker_task_transitions SET to_state = 'draft' WHERE task_uuid = '%s' AND most_recent",
         text_of(flow.task_uuid));
    assert_status(f->db,
                  tasker_task_transition_query(
                      f->db, &(tasker_task_transition_filter){.task_uuids = &flow.task_uuid, .task_uuid_count = 1},
                      NULL, &history),
                  TASKER_PROTOCOL);
    assert_message(f->db, "to_state");
    assert_null(history);
    assert_false(tasker_status_is_done(task_event(f->db, flow.task_uuid, TASKER_EVENT_CANCEL)));
    assert_string_equal(task_state(conn, flow.task_uuid), "draft");
    assert_true(tasker_status_is_done(tasker_sweep_run(f->db, NULL, NULL)));
    tasker_free(take_step(f->db, next.steps[0], TASKER_OK));
    remove_flow(conn, &flow);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_one_transaction),
        cmocka_unit_test(test_an_edge_to_oneself),
        cmocka_unit_test(test_an_unknown_state),
    };
    return db_test_run(tests);
}
