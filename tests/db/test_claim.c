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
    assert_string_equal(
        ask(tasker_db_conn(f->db), "SELECT claim_id FROM tasker_tasks WHERE task_uuid = '%s'", text_of(flow.task_uuid)),
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

/* A round of a claim finds sleepers and goes on: what it takes then has tokens of its own, too. */
static void test_tokens_are_fresh(void **state)
{
    fixture *f = *state;
    take_the_rest(f);
    made_flow busy = make_flow(f->db, "a", "");
    for (int i = 0; i < 7; i++)
        make_flow(f->db, "a", "");
    tasker_free(take_step(f->db, busy.steps[0], TASKER_OK));
    const tasker_claim_options four = {.orchestrator = TASKER_TEXT("o"), .limit = 4};
    for (int i = 0; i < 2; i++) {
        const tasker_claims *claims = take(f->db, &four, i == 0 ? 4 : 3);
        for (size_t k = 0; k < claims->count; k++)
            for (size_t m = 0; m < k; m++)
                assert_false(tasker_uuid_equal(&claims->items[k]->token.uuid, &claims->items[m]->token.uuid));
        tasker_free(claims);
    }
    assert_int_equal(ask_number(tasker_db_conn(f->db), "SELECT count(*) - count(DISTINCT claim_id) FROM tasker_tasks"
                                                       " WHERE claim_id IS NOT NULL"),
                     0);
}

/* ---- which tasks ---- */

static void test_states(void **state)
{
    static const tasker_state closed[] = {TASKER_STATE_ERROR, TASKER_STATE_CANCELLED, TASKER_STATE_RESOLVED_MANUALLY};
    fixture *f = *state;
    take_the_rest(f);
    make_flow(f->db, "", "");
    made_flow enqueued = make_flow(f->db, "ab", "ab"), done = make_flow(f->db, "a", "");
    bring_step(f->db, enqueued.steps[0], TASKER_STATE_ENQUEUED);
    bring_step(f->db, done.steps[0], TASKER_STATE_COMPLETE);
    for (size_t i = 0; i < COUNT(closed); i++) {
        made_flow flow = make_flow(f->db, "ab", "");
        if (closed[i] == TASKER_STATE_RESOLVED_MANUALLY)
            assert_status(f->db, tasker_workflow_step_apply(f->db, flow.steps, 2, TASKER_EVENT_CANCEL, NULL, NULL),
                          TASKER_OK);
        bring_task(f->db, flow.task_uuid, closed[i]);
    }
    assert_takes(f->db, &many, 0);
    assert_status(f->db, tasker_task_finalize(f->db, &done.task_uuid, 1, NULL, NULL), TASKER_OK);
    assert_takes(f->db, &many, 0);
    made_flow begun = make_flow(f->db, "ab", "");
    bring_step(f->db, begun.steps[0], TASKER_STATE_IN_PROGRESS);
    const tasker_claims *claims = take(f->db, &many, 1);
    assert_uuid(claims->items[0]->task_uuid, begun.task_uuid);
    tasker_free(claims);
}

/* What can start, exactly, and in the order of the keys. */
static void test_ready_steps(void **state)
{
    fixture *f = *state;
    static const struct {
        const char *complete, *busy, *ready;
    } moments[] = {
        {"", "", "af"},    {"", "a", "f"},    {"a", "", "bcf"},   {"a", "c", "bf"},
        {"abc", "f", "d"}, {"abcf", "", "d"}, {"abcd", "", "ef"},
    };
    for (size_t i = 0; i < COUNT(moments); i++) {
        take_the_rest(f);
        made_flow flow = make_flow(f->db, "abcdef", "ab ac bd cd de");
        for (const char *c = moments[i].complete; *c != '\0'; c++)
            bring_step(f->db, FLOW_STEP(flow, *c), TASKER_STATE_COMPLETE);
        for (const char *c = moments[i].busy; *c != '\0'; c++)
            bring_step(f->db, FLOW_STEP(flow, *c), TASKER_STATE_IN_PROGRESS);
        const tasker_claims *claims = take(f->db, &one, 1);
        assert_int_equal(claims->items[0]->ready_step_count, strlen(moments[i].ready));
        const tasker_uuid *ready = claims->items[0]->ready_step_uuids;
        for (size_t k = 0; k < claims->items[0]->ready_step_count; k++) {
            assert_true(k == 0 || memcmp(&ready[k - 1], &ready[k], sizeof *ready) < 0);
            bool expected = false;
            for (const char *c = moments[i].ready; *c != '\0'; c++)
                expected = expected || tasker_uuid_equal(&ready[k], &FLOW_STEP(flow, *c));
            assert_true(expected);
        }
        tasker_free(claims);
    }
}

/* A step that waits is none; when its time has come the task is given without anybody doing anything for it. */
static void test_waits(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    take_the_rest(f);
    made_flow flow = make_flow(f->db, "a", ""), later = make_flow(f->db, "a", "");
    const tasker_leases *leases = take_step(f->db, flow.steps[0], TASKER_OK);
    const tasker_failure failure = {.lease = leases->items[0], TASKER_SET(retry_after_seconds, 3600)};
    assert_status(f->db, tasker_lease_fail(f->db, &failure, 1, NULL), TASKER_OK);
    tell(conn,
         "UPDATE tasker_task_queue SET start_at = timezone('UTC', now()) + interval '1 hour', wake_at ="
         " timezone('UTC', now()) + interval '1 hour' WHERE task_uuid = '%s'",
         text_of(later.task_uuid));
    assert_takes(f->db, &many, 0);
    age_step(conn, flow.steps[0], 7200);
    tell(conn,
         "UPDATE tasker_task_queue SET start_at = start_at - interval '2 hours', wake_at = wake_at - interval '2 hours'"
         " WHERE task_uuid = '%s'",
         text_of(later.task_uuid));
    assert_takes(f->db, &many, 2);
    tasker_free(leases);
}

/* ---- whose a task is ---- */

static void test_stale_claims_are_taken(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    take_the_rest(f);
    made_flow flow = make_flow(f->db, "a", "");
    tell(conn, "UPDATE tasker_tasks SET claim_timeout_seconds = 500 WHERE task_uuid = '%s'", text_of(flow.task_uuid));
    const tasker_claims *claims = take(f->db, &one, 1);
    assert_int_equal(claims->items[0]->claim_timeout_seconds, 500);
    shift_claim(conn, flow.task_uuid, 490);
    assert_takes(f->db, &one, 0);
    shift_claim(conn, flow.task_uuid, 10);
    const tasker_claims *others = take(f->db, &one, 1); /* by the same name */
    assert_uuid(others->items[0]->task_uuid, flow.task_uuid);
    tasker_outcome outcome = {0};
    assert_status(f->db, tasker_claim_extend(f->db, claims->items, 1, &outcome), TASKER_CONFLICT);
    assert_status(f->db, tasker_claim_release(f->db, claims->items, 1, &outcome), TASKER_CONFLICT);
    assert_status(f->db, tasker_claim_extend(f->db, others->items, 1, &outcome), TASKER_OK);
    tasker_free(others);
    tasker_free(claims);
}

/* The limits of the time limit. */
static void test_long_claims(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    take_the_rest(f);
    made_flow flow = make_flow(f->db, "a", "");
    tell(conn, "UPDATE tasker_tasks SET claim_timeout_seconds = 2147483647 WHERE task_uuid = '%s'",
         text_of(flow.task_uuid));
    const tasker_claims *claims = take(f->db, &one, 1);
    assert_int_equal((claims->items[0]->expires_at.us - claims->items[0]->claimed_at.us) / 1000000, 2147483647);
    assert_status(f->db, tasker_claim_extend(f->db, claims->items, 1, NULL), TASKER_OK);
    assert_takes(f->db, &one, 0);
    assert_status(f->db, tasker_claim_release(f->db, claims->items, 1, NULL), TASKER_OK);
    tasker_free(claims);
}

/* Sessions of other time zones neither take what is held nor see it held for longer. */
static void test_time_zones(void **state)
{
    static const char *const zones[] = {"Pacific/Kiritimati", "Etc/GMT+12", "America/St_Johns", "Asia/Kathmandu"};
    fixture *f = *state;
    tasker_db *b = db_test_open(f);
    for (size_t i = 0; i < COUNT(zones) * COUNT(zones); i++) {
        take_the_rest(f);
        made_flow flow = make_flow(f->db, "a", "");
        tell(tasker_db_conn(f->db), "SET TimeZone TO '%s'", zones[i / COUNT(zones)]);
        tell(tasker_db_conn(b), "SET TimeZone TO '%s'", zones[i % COUNT(zones)]);
        tasker_time before, after;
        assert_status(f->db, tasker_db_now(f->db, &before), TASKER_OK);
        const tasker_claims *claims = take(f->db, &one, 1);
        assert_status(f->db, tasker_db_now(f->db, &after), TASKER_OK);
        assert_true(claims->items[0]->claimed_at.us >= before.us && claims->items[0]->claimed_at.us <= after.us);
        assert_takes(b, &one, 0);
        shift_claim(tasker_db_conn(b), flow.task_uuid, 59);
        assert_takes(b, &one, 0);
        shift_claim(tasker_db_conn(b), flow.task_uuid, 2);
        assert_takes(b, &one, 1);
        tasker_free(claims);
    }
    tell(tasker_db_conn(f->db), "RESET TimeZone");
    tasker_db_close(b);
}

/* Programs on tasker-core's functions: one does not get what the other has, and each of its claims has a new token. */
static void test_beside_the_functions(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    take_the_rest(f);
    made_flow flow = make_flow(f->db, "a", "");
    const char *task = text_of(flow.task_uuid);
    const tasker_claims *claims = take(f->db, &one, 1);
    assert_int_equal(ask_number(conn, "SELECT count(*) FROM claim_ready_tasks('o', 9)"), 0);
    assert_string_equal(ask(conn, "SELECT extend_task_claim('%s', 'o')", task), "t"); /* names are all that it knows */
    assert_status(f->db, tasker_claim_extend(f->db, claims->items, 1, NULL), TASKER_OK);
    shift_claim(conn, flow.task_uuid, 100);
    assert_int_equal(ask_number(conn, "SELECT count(*) FROM claim_ready_tasks('o', 9)"), 1);
    assert_string_equal(ask(conn,
                            "SELECT claim_id IS NOT NULL AND claim_id <> '%s' FROM tasker_tasks WHERE task_uuid ="
                            " '%s'",
                            text_of(claims->items[0]->token.uuid), task),
                        "t");
    assert_takes(f->db, &one, 0);
    assert_status(f->db, tasker_claim_extend(f->db, claims->items, 1, NULL), TASKER_CONFLICT);
    assert_status(f->db, tasker_claim_release(f->db, claims->items, 1, NULL), TASKER_CONFLICT);
    assert_string_equal(ask(conn, "SELECT release_task_claim('%s', 'o')", task), "t");
    assert_status(f->db, tasker_claim_release(f->db, claims->items, 1, NULL), TASKER_NOOP);
    const tasker_claims *again = take(f->db, &one, 1);
    assert_string_equal(ask(conn, "SELECT release_task_claim('%s', 'o')", task), "t"); /* behind his back */
    assert_status(f->db, tasker_claim_extend(f->db, again->items, 1, NULL), TASKER_CONFLICT);
    assert_string_equal(ask(conn, "SELECT extend_task_claim('%s', 'o')", task), "f");
    tasker_free(again);
    tasker_free(claims);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_take_tells_all),
        cmocka_unit_test(test_release_and_extend),
        cmocka_unit_test(test_sleeping_tasks_wake),
        cmocka_unit_test(test_tokens_are_fresh),
        cmocka_unit_test(test_states),
        cmocka_unit_test(test_ready_steps),
        cmocka_unit_test(test_waits),
        cmocka_unit_test(test_stale_claims_are_taken),
        cmocka_unit_test(test_long_claims),
        cmocka_unit_test(test_time_zones),
        cmocka_unit_test(test_beside_the_functions),
    };
    return db_test_run(tests);
}
