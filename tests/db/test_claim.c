/* SPDX-License-Identifier: MIT */
/* Claims: what is given to whom, in which order, and what the token is good for. */
#include "claim_test.h"

static void test_take_tells_all(void **state)
{
    fixture *f = *state;
    take_the_rest(f);
    made_flow flow = make_flow(f->db, "abc", "ac");
    const tasker_claims *claims = take(f->db, &one, 1);
    const tasker_claim *c = claims->items[0];
    assert_uuid(c->task_uuid, flow.task_uuid);
    assert_text(c->claimed_by, "o");
    assert_int_equal(c->ready_step_count, 2);
    assert_uuid(c->ready_step_uuids[0], FLOW_STEP(flow, 'a'));
    assert_uuid(c->ready_step_uuids[1], FLOW_STEP(flow, 'b'));
    assert_int_equal(c->expires_at.us - c->claimed_at.us, 60000000);
    assert_string_equal(ask(tasker_db_conn(f->db), "SELECT claim_id FROM tasker_tasks WHERE task_uuid = '%s'",
                            text_of(flow.task_uuid)),
                        text_of(c->token.uuid));
    tasker_free(take(f->db, &one, 0));
    tasker_free(claims);
}

static void test_release_and_extend(void **state)
{
    fixture *f = *state;
    take_the_rest(f);
    made_flow flow = make_flow(f->db, "a", "");
    const tasker_claims *claims = take(f->db, &one, 1);
    tasker_claim stranger = *claims->items[0];
    stranger.token.uuid = flow.task_uuid;
    const tasker_claim *theirs = &stranger;
    tasker_outcome outcome = {0};
    assert_status(f->db, tasker_claim_extend(f->db, claims->items, 1, &outcome), TASKER_OK);
    assert_int_equal(outcome.task_state, TASKER_STATE_PENDING);
    assert_status(f->db, tasker_claim_extend(f->db, &theirs, 1, &outcome), TASKER_CONFLICT);
    assert_status(f->db, tasker_claim_release(f->db, &theirs, 1, &outcome), TASKER_CONFLICT);
    assert_status(f->db, tasker_claim_release(f->db, claims->items, 1, &outcome), TASKER_OK);
    assert_status(f->db, tasker_claim_release(f->db, claims->items, 1, &outcome), TASKER_NOOP);
    assert_status(f->db, tasker_claim_extend(f->db, claims->items, 1, &outcome), TASKER_CONFLICT);
    const tasker_claims *again = take(f->db, &one, 1);
    assert_uuid(again->items[0]->task_uuid, flow.task_uuid);
    assert_false(tasker_uuid_equal(&again->items[0]->token.uuid, &claims->items[0]->token.uuid));
    tasker_free(again);
    tasker_free(claims);
}

/* A task with nothing to do is put to sleep, and is offered again when a step becomes available. */
static void test_sleeping_tasks_wake(void **state)
{
    fixture *f = *state;
    take_the_rest(f);
    made_flow flow = make_flow(f->db, "ab", "ab");
    const tasker_leases *leases = take_step(f->db, FLOW_STEP(flow, 'a'), TASKER_OK);
    tasker_free(take(f->db, &one, 0));
    assert_string_equal(ask(tasker_db_conn(f->db), "SELECT wake_at FROM tasker_task_queue WHERE task_uuid = '%s'",
                            text_of(flow.task_uuid)),
                        "infinity");
    assert_status(f->db, complete_lease(f->db, leases), TASKER_OK);
    const tasker_claims *claims = take(f->db, &one, 1);
    assert_int_equal(claims->items[0]->ready_step_count, 1);
    assert_uuid(claims->items[0]->ready_step_uuids[0], FLOW_STEP(flow, 'b'));
    tasker_free(claims);
    tasker_free(leases);
}

static void test_query(void **state)
{
    fixture *f = *state;
    take_the_rest(f);
    made_flow flow = make_flow(f->db, "a", "");
    const tasker_claims *claims = NULL;
    const tasker_claim_filter available = {.available = true}, held = {.held = true, .claimed_by = TASKER_TEXT("o")};
    assert_status(f->db, tasker_claim_query(f->db, &available, NULL, &claims), TASKER_OK);
    assert_int_equal(claims->count, 1);
    assert_uuid(claims->items[0]->task_uuid, flow.task_uuid);
    assert_true(tasker_uuid_is_nil(&claims->items[0]->token.uuid));
    tasker_free(claims);
    tasker_free(take(f->db, &one, 1));
    assert_status(f->db, tasker_claim_query(f->db, &held, NULL, &claims), TASKER_OK);
    assert_true(claims->count >= 1);
    tasker_free(claims);
    assert_status(f->db, tasker_claim_query(f->db, &available, NULL, &claims), TASKER_OK);
    assert_int_equal(claims->count, 0);
    tasker_free(claims);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_take_tells_all),
        cmocka_unit_test(test_release_and_extend),
        cmocka_unit_test(test_sleeping_tasks_wake),
        cmocka_unit_test(test_query),
    };
    return db_test_run(tests);
}
