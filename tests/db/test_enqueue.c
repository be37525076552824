/* SPDX-License-Identifier: MIT */
/* Enqueueing: the state and the message of a step come together or not at all, singly and under a claim. */
#include <tasker/claim.h>
#include <tasker/queue.h>
#include "flow_test.h"

static const tasker_text queue = TASKER_TEXT("default_queue");
static const tasker_enqueue_options silent = {.without_message = true};

static const tasker_messages *read_all(tasker_db *db, size_t expected)
{
    const tasker_messages *messages = NULL;
    assert_status(db, tasker_queue_read(db, queue, 0, 1000, &messages), TASKER_OK);
    assert_int_equal(messages->count, expected);
    return messages;
}

static void start_empty(const fixture *f)
{
    int64_t purged;
    assert_true(tasker_status_is_done(tasker_queue_create(f->db, queue)));
    assert_status(f->db, tasker_queue_purge(f->db, queue, &purged), TASKER_OK);
    tell(tasker_db_conn(f->db), "UPDATE tasker_tasks SET claimed_at = now() AT TIME ZONE 'UTC', claimed_by = 'away',"
                                " claim_timeout_seconds = 1000000");
}

static tasker_status enqueue(tasker_db *db, tasker_uuid step, const tasker_enqueue_options *options)
{
    return tasker_workflow_step_enqueue(db, &step, 1, options, NULL, NULL);
}

static void test_message_names_the_step(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    start_empty(f);
    made_flow flow = make_flow(f->db, "abcd", "ab ac bd cd");
    bring_step(f->db, FLOW_STEP(flow, 'a'), TASKER_STATE_COMPLETE);
    bring_step(f->db, FLOW_STEP(flow, 'b'), TASKER_STATE_COMPLETE);
    bring_step(f->db, FLOW_STEP(flow, 'c'), TASKER_STATE_COMPLETE);
    tasker_outcome outcome = {0};
    const tasker_enqueue_options traced = {.traceparent =
                                               TASKER_TEXT("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")};
    const tasker_change change = {.actor = TASKER_TEXT("o")};
    assert_status(f->db, tasker_workflow_step_enqueue(f->db, &FLOW_STEP(flow, 'd'), 1, &traced, &change, &outcome),
                  TASKER_OK);
    assert_int_equal(outcome.to_state, TASKER_STATE_ENQUEUED);
    assert_int_equal(outcome.moved, 1);
    const tasker_messages *messages = read_all(f->db, 1);
    const tasker_message *m = messages->items[0];
    assert_string_equal(
        ask(conn,
            "SELECT concat_ws(' ', '%s'::jsonb ->> 'task_uuid' = '%s', '%s'::jsonb ->> 'step_uuid' = '%s',"
            " jsonb_array_length('%s'::jsonb -> 'ready_dependency_step_uuids'))",
            m->message.ptr, text_of(flow.task_uuid), m->message.ptr, text_of(FLOW_STEP(flow, 'd')), m->message.ptr),
        "t t 3");
    assert_string_equal(ask(conn,
                            "SELECT concat_ws(' ', '%s'::jsonb ->> 'message_uuid' = '%s', '%s'::jsonb ->> 'attempt',"
                            " '%s'::jsonb ? 'traceparent')",
                            m->headers.ptr, text_of(outcome.transition_uuid), m->headers.ptr, m->headers.ptr),
                        "t 1 t");
    tasker_free(messages);
    assert_status(f->db, enqueue(f->db, FLOW_STEP(flow, 'd'), NULL), TASKER_NOOP);
    tasker_free(read_all(f->db, 1));
    assert_status(f->db, enqueue(f->db, FLOW_STEP(flow, 'd'), &(tasker_enqueue_options){.again = true}), TASKER_NOOP);
    tasker_free(read_all(f->db, 2));
}

/* The same key again: what the first try did, and no second message. */
static void test_resend(void **state)
{
    fixture *f = *state;
    start_empty(f);
    made_flow flow = make_flow(f->db, "a", "");
    tasker_outcome outcome = {0};
    assert_status(f->db, tasker_workflow_step_enqueue(f->db, flow.steps, 1, NULL, NULL, &outcome), TASKER_OK);
    assert_status(f->db, tasker_workflow_step_enqueue(f->db, flow.steps, 1, NULL, NULL, &outcome), TASKER_OK);
    tasker_free(read_all(f->db, 1));
}

static void test_refused_steps_send_nothing(void **state)
{
    fixture *f = *state;
    start_empty(f);
    made_flow flow = make_flow(f->db, "ab", "ab");
    assert_status(f->db, enqueue(f->db, FLOW_STEP(flow, 'b'), NULL), TASKER_GUARD_FAILED);
    assert_status(f->db, enqueue(f->db, flow.task_uuid, NULL), TASKER_NOT_FOUND);
    assert_status(f->db, enqueue(f->db, FLOW_STEP(flow, 'a'), &(tasker_enqueue_options){.delay_seconds = -1}),
                  TASKER_INVALID_ARGUMENT);
    assert_status(f->db, enqueue(f->db, FLOW_STEP(flow, 'a'), &(tasker_enqueue_options){.release = true}),
                  TASKER_INVALID_ARGUMENT);
    assert_status(f->db,
                  enqueue(f->db, FLOW_STEP(flow, 'a'), &(tasker_enqueue_options){.traceparent = TASKER_TEXT("00-x")}),
                  TASKER_INVALID_ARGUMENT);
    tasker_free(read_all(f->db, 0));
    assert_string_equal(step_state(tasker_db_conn(f->db), FLOW_STEP(flow, 'a')), "pending");
    assert_status(f->db, enqueue(f->db, FLOW_STEP(flow, 'a'), &silent), TASKER_OK);
    tasker_free(read_all(f->db, 0));
    assert_string_equal(task_state(tasker_db_conn(f->db), flow.task_uuid), "in_progress");
}

/* A step that failed and may be tried again, left in error by others, goes by way of pending. */
static void test_from_error(void **state)
{
    fixture *f = *state;
    start_empty(f);
    made_flow flow = make_flow(f->db, "a", "");
    bring_step(f->db, flow.steps[0], TASKER_STATE_ERROR);
    tell(tasker_db_conn(f->db),
         "UPDATE tasker_workflow_step_transitions SET created_at = created_at - interval '1 hour'"
         " WHERE workflow_step_uuid = '%s'",
         text_of(flow.steps[0]));
    assert_status(f->db, enqueue(f->db, flow.steps[0], NULL), TASKER_OK);
    assert_string_equal(step_history(tasker_db_conn(f->db), flow.steps[0]),
                        "pending@1 pending>in_progress@2 in_progress>error@3 error>pending@4 pending>enqueued@5*");
    tasker_free(read_all(f->db, 1));
}

static void test_rollback_leaves_neither(void **state)
{
    fixture *f = *state;
    start_empty(f);
    made_flow flow = make_flow(f->db, "a", "");
    assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
    assert_status(f->db, enqueue(f->db, flow.steps[0], NULL), TASKER_OK);
    assert_status(f->db, tasker_db_rollback(f->db), TASKER_OK);
    tasker_free(read_all(f->db, 0));
    assert_string_equal(step_state(tasker_db_conn(f->db), flow.steps[0]), "pending");
}

/* ---- under a claim ---- */

static const tasker_claims *claim(tasker_db *db)
{
    const tasker_claims *claims = NULL;
    const tasker_claim_options options = {.orchestrator = TASKER_TEXT("o"), .limit = 10};
    assert_status(db, tasker_claim_take(db, &options, &claims), TASKER_OK);
    return claims;
}

static void test_claim_enqueues_all_that_is_ready(void **state)
{
    fixture *f = *state;
    start_empty(f);
    made_flow one = make_flow(f->db, "abc", "ac"), two = make_flow(f->db, "a", "");
    const tasker_claims *claims = claim(f->db);
    assert_int_equal(claims->count, 2);
    tasker_outcome outcomes[2] = {{.moved = 9}};
    assert_status(f->db, tasker_claim_enqueue(f->db, claims->items, 2, NULL, outcomes), TASKER_OK);
    assert_int_equal(outcomes[0].moved + outcomes[1].moved, 3);
    tasker_free(read_all(f->db, 3));
    assert_string_equal(step_state(tasker_db_conn(f->db), FLOW_STEP(one, 'b')), "enqueued");
    assert_string_equal(step_state(tasker_db_conn(f->db), FLOW_STEP(one, 'c')), "pending");
    assert_string_equal(task_state(tasker_db_conn(f->db), two.task_uuid), "in_progress");
    assert_status(f->db, tasker_claim_enqueue(f->db, claims->items, 2, NULL, outcomes), TASKER_NOOP);
    const tasker_enqueue_options and_release = {.release = true};
    assert_status(f->db, tasker_claim_enqueue(f->db, claims->items, 2, &and_release, outcomes), TASKER_NOOP);
    assert_string_equal(ask(tasker_db_conn(f->db),
                            "SELECT string_agg(concat(k.claimed_by IS NULL, k.claim_id IS NULL, q.wake_at), ' ')"
                            " FROM tasker_tasks k JOIN tasker_task_queue q USING (task_uuid)"
                            " WHERE k.task_uuid IN ('%s', '%s')",
                            text_of(one.task_uuid), text_of(two.task_uuid)),
                        "ttinfinity ttinfinity");
    tasker_free(read_all(f->db, 3));
    tasker_free(claims);
}

static void test_lost_claim_enqueues_nothing(void **state)
{
    fixture *f = *state;
    start_empty(f);
    made_flow flow = make_flow(f->db, "a", "");
    const tasker_claims *claims = claim(f->db);
    tell(tasker_db_conn(f->db),
         "UPDATE tasker_tasks SET claimed_at = claimed_at - interval '1 hour' WHERE task_uuid = '%s'",
         text_of(flow.task_uuid));
    const tasker_claims *others = claim(f->db);
    assert_int_equal(others->count, 1);
    tasker_outcome outcome = {0};
    assert_status(f->db, tasker_claim_enqueue(f->db, claims->items, 1, NULL, &outcome), TASKER_CONFLICT);
    assert_int_equal(outcome.moved, 0);
    tasker_free(read_all(f->db, 0));
    assert_string_equal(task_history(tasker_db_conn(f->db), flow.task_uuid), "pending@1*");
    assert_status(f->db, tasker_claim_enqueue(f->db, others->items, 1, NULL, &outcome), TASKER_OK);
    tasker_free(others);
    tasker_free(claims);
}

/* Single steps under a claim: without it there is no message either, be it the first or once more. */
static void test_steps_under_a_claim(void **state)
{
    fixture *f = *state;
    start_empty(f);
    made_flow flow = make_flow(f->db, "a", "");
    const tasker_claims *claims = claim(f->db);
    tasker_claim lost = *claims->items[0];
    lost.token.uuid = new_uuid();
    const tasker_change held = {.claim = claims->items[0]}, too_late = {.claim = &lost};
    const tasker_enqueue_options again = {.again = true};
    assert_status(f->db, tasker_workflow_step_enqueue(f->db, flow.steps, 1, NULL, &too_late, NULL), TASKER_CONFLICT);
    tasker_free(read_all(f->db, 0));
    assert_status(f->db, tasker_workflow_step_enqueue(f->db, flow.steps, 1, NULL, &held, NULL), TASKER_OK);
    tasker_free(read_all(f->db, 1));
    assert_status(f->db, tasker_workflow_step_enqueue(f->db, flow.steps, 1, &again, &too_late, NULL), TASKER_CONFLICT);
    tasker_free(read_all(f->db, 1));
    assert_status(f->db, tasker_workflow_step_enqueue(f->db, flow.steps, 1, &again, &held, NULL), TASKER_NOOP);
    tasker_free(read_all(f->db, 2));
    tasker_free(claims);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_message_names_the_step),      cmocka_unit_test(test_resend),
        cmocka_unit_test(test_refused_steps_send_nothing),  cmocka_unit_test(test_from_error),
        cmocka_unit_test(test_rollback_leaves_neither),     cmocka_unit_test(test_claim_enqueues_all_that_is_ready),
        cmocka_unit_test(test_lost_claim_enqueues_nothing), cmocka_unit_test(test_steps_under_a_claim),
    };
    return db_test_run(tests);
}
