/* SPDX-License-Identifier: MIT */
/* Leases while they are held: what they know, how long they last, how they are given back unused. */
#include "flow_test.h"

#define LEASE(leases) ((leases)->items)

static const char *lease_of(PGconn *conn, tasker_uuid step)
{
    return ask(conn,
               "SELECT concat_ws(' ', claim_id, claim_timeout_seconds) FROM tasker_workflow_steps"
               " WHERE workflow_step_uuid = '%s'",
               text_of(step));
}

/* ---- ancestors ---- */

static const tasker_leases *complete_with(tasker_db *db, tasker_uuid step, const char *results)
{
    const tasker_leases *leases = take_step(db, step, TASKER_OK);
    tasker_completion done = {.lease = leases->items[0], .results = tasker_json_of(results)};
    assert_status(db, tasker_lease_complete(db, &done, 1, NULL), TASKER_OK);
    return leases;
}

/* Nearest first, each once; without results none. The same from load, which takes nothing. */
static void test_ancestors(void **state)
{
    static const char order[] = "dba";
    fixture *f = *state;
    made_flow flow = make_flow(f->db, "abcdef", "ab ac bd cd de");
    tasker_free(complete_with(f->db, FLOW_STEP(flow, 'a'), "\"A\""));
    tasker_free(complete_with(f->db, FLOW_STEP(flow, 'b'), "{\"b\": 2}"));
    tasker_free(complete_with(f->db, FLOW_STEP(flow, 'c'), NULL));
    tasker_free(complete_with(f->db, FLOW_STEP(flow, 'd'), "null"));
    const tasker_lease *loaded = NULL;
    assert_status(f->db, tasker_lease_load(f->db, &FLOW_STEP(flow, 'e'), &loaded), TASKER_OK);
    tasker_uuid both[] = {FLOW_STEP(flow, 'e'), FLOW_STEP(flow, 'f')};
    const tasker_leases *leases = NULL;
    assert_status(
        f->db,
        tasker_lease_take_steps(f->db, both, 2, &(tasker_lease_options){.worker = TASKER_TEXT("w")}, NULL, &leases),
        TASKER_OK);
    bool e_first = tasker_uuid_equal(&leases->items[0]->workflow_step_uuid, &both[0]);
    const tasker_lease *e = leases->items[e_first ? 0 : 1], *alone = leases->items[e_first ? 1 : 0];
    assert_uuid(e->workflow_step_uuid, both[0]);
    assert_int_equal(alone->ancestor_count, 0);
    const tasker_lease *each[] = {e, loaded};
    for (size_t i = 0; i < COUNT(each); i++) {
        assert_int_equal(each[i]->ancestor_count, 3);
        for (size_t k = 0; k < 3; k++) {
            assert_uuid(each[i]->ancestors[k]->workflow_step_uuid, FLOW_STEP(flow, order[k]));
            assert_int_equal(each[i]->ancestors[k]->distance, k + 1);
        }
        assert_string_equal(tasker_lease_find_result(each[i], tasker_text_of("a")).ptr, "\"A\"");
        assert_string_equal(tasker_lease_find_result(each[i], tasker_text_of("d")).ptr, "null");
        assert_null(tasker_lease_find_result(each[i], tasker_text_of("c")).ptr);
        assert_null(tasker_lease_find_result(each[i], tasker_text_of("")).ptr);
        assert_null(tasker_lease_find_result(each[i], (tasker_text){NULL, 0}).ptr);
        assert_text(each[i]->step_name, "e");
        assert_int_equal(each[i]->retry_limit, 3);
    }
    assert_null(tasker_lease_find_result(NULL, tasker_text_of("a")).ptr);
    assert_true(tasker_uuid_is_nil(&loaded->token.uuid) && tasker_uuid_is_nil(&loaded->transition_uuid));
    assert_int_equal(loaded->attempt, 0);
    assert_int_equal(loaded->taken_at.us, 0);
    assert_int_equal(loaded->expires_at.us, 0);
    tasker_free(leases);
    tasker_free(loaded);
    const tasker_lease *none = (const void *)&both;
    assert_status(f->db, tasker_lease_load(f->db, &flow.task_uuid, &none), TASKER_NOT_FOUND);
    assert_null(none);
}

/* ---- time ---- */

static void test_extend(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    made_flow flow = make_flow(f->db, "a", "");
    const tasker_leases *leases = NULL;
    tasker_lease_options options = {.worker = TASKER_TEXT("w"), .lease_seconds = 10};
    assert_status(f->db, tasker_lease_take_steps(f->db, flow.steps, 1, &options, NULL, &leases), TASKER_OK);
    char expected[64];
    snprintf(expected, sizeof expected, "%s 10", text_of(leases->items[0]->token.uuid));
    assert_string_equal(lease_of(conn, flow.steps[0]), expected);
    assert_int_equal(leases->items[0]->expires_at.us - leases->items[0]->taken_at.us, 10000000);

    tell(conn, "UPDATE tasker_workflow_steps SET last_attempted_at = last_attempted_at - interval '100 s'");
    tasker_outcome outcome = {0};
    assert_status(f->db, tasker_lease_extend(f->db, LEASE(leases), 1, 0, &outcome), TASKER_OK);
    assert_int_equal(outcome.status, TASKER_OK);
    assert_int_equal(outcome.to_state, TASKER_STATE_IN_PROGRESS);
    assert_uuid(outcome.transition_uuid, leases->items[0]->token.uuid);
    assert_int_equal(ask_number(conn,
                                "SELECT count(*) FROM tasker_workflow_steps WHERE workflow_step_uuid = '%s'"
                                " AND last_attempted_at + claim_timeout_seconds * interval '1 s' - now() AT TIME ZONE"
                                " 'UTC' BETWEEN interval '30 s' AND interval '40 s'",
                                text_of(flow.steps[0])),
                     1);
    const tasker_lease *twice[] = {leases->items[0], leases->items[0]};
    tasker_outcome outcomes[2] = {0};
    assert_status(f->db, tasker_lease_extend(f->db, twice, 2, INT32_MAX, outcomes), TASKER_OK);
    assert_int_equal(ask_number(conn,
                                "SELECT claim_timeout_seconds FROM tasker_workflow_steps"
                                " WHERE workflow_step_uuid = '%s'",
                                text_of(flow.steps[0])),
                     INT32_MAX);
    assert_status(f->db, tasker_lease_extend(f->db, LEASE(leases), 1, -1, NULL), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, tasker_lease_extend(f->db, NULL, 0, 1, NULL), TASKER_NOOP);
    assert_string_equal(step_history(conn, flow.steps[0]), "pending@1 pending>in_progress@2*");
    assert_status(f->db, complete_lease(f->db, leases), TASKER_OK);
    assert_status(f->db, tasker_lease_extend(f->db, LEASE(leases), 1, 5, &outcome), TASKER_CONFLICT);
    assert_string_equal(
        ask(conn, "SELECT claim_id FROM tasker_workflow_steps WHERE workflow_step_uuid = '%s'", text_of(flow.steps[0])),
        "");
    tasker_free(leases);
}

/* A row that somebody holds is passed over, the others are extended: a heartbeat waits for nobody. */
static void test_extend_waits_for_nobody(void **state)
{
    fixture *f = *state;
    PGconn *other = db_test_psql(f);
    made_flow flow = make_flow(f->db, "ab", "");
    const tasker_leases *leases = NULL;
    tasker_lease_options options = {.worker = TASKER_TEXT("w"), .lease_seconds = 10};
    tasker_outcome outcomes[2] = {0};
    assert_status(f->db, tasker_lease_take_steps(f->db, flow.steps, 2, &options, NULL, &leases), TASKER_OK);
    tell(other, "BEGIN");
    tell(other, "SELECT FROM tasker_workflow_steps WHERE workflow_step_uuid = '%s' FOR UPDATE",
         text_of(leases->items[0]->workflow_step_uuid));
    assert_status(f->db, tasker_lease_extend(f->db, leases->items, 2, 100, outcomes), TASKER_BUSY);
    assert_int_equal(outcomes[0].status, TASKER_BUSY);
    assert_int_equal(outcomes[1].status, TASKER_OK);
    tell(other, "ROLLBACK");
    assert_status(f->db, tasker_lease_extend(f->db, leases->items, 2, 100, outcomes), TASKER_OK);
    PQfinish(other);
    tasker_free(leases);
}

/* Somebody else has the step by now: nothing of the old lease is good for anything. */
static void test_lost(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    made_flow flow = make_flow(f->db, "a", "");
    const tasker_leases *old = take_step(f->db, flow.steps[0], TASKER_OK);
    assert_status(f->db, tasker_lease_release(f->db, LEASE(old), 1, NULL), TASKER_OK);
    const tasker_leases *leases = take_step(f->db, flow.steps[0], TASKER_OK);
    const char *before = lease_of(conn, flow.steps[0]), *history = step_history(conn, flow.steps[0]);
    tasker_outcome outcome = {0};
    assert_status(f->db, tasker_lease_extend(f->db, LEASE(old), 1, 1000, &outcome), TASKER_CONFLICT);
    assert_int_equal(outcome.status, TASKER_CONFLICT);
    tasker_lease stranger = *old->items[0];
    stranger.transition_uuid = flow.task_uuid; /* not the row of the first release */
    const tasker_lease *theirs = &stranger;
    assert_status(f->db, tasker_lease_release(f->db, &theirs, 1, &(tasker_outcome){0}), TASKER_CONFLICT);
    assert_string_equal(lease_of(conn, flow.steps[0]), before);
    assert_string_equal(step_history(conn, flow.steps[0]), history);
    stranger.workflow_step_uuid = flow.task_uuid;
    assert_status(f->db, tasker_lease_extend(f->db, &theirs, 1, 1, NULL), TASKER_NOT_FOUND);
    assert_status(f->db, tasker_lease_release(f->db, &theirs, 1, NULL), TASKER_NOT_FOUND);
    tasker_free(old), tasker_free(leases);
}

/* ---- giving back ---- */

static void test_release(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    made_flow flow = make_flow_limited(f->db, 1);
    const tasker_leases *leases = take_step(f->db, flow.steps[0], TASKER_OK);
    tasker_outcome outcome = {0};
    for (int i = 0; i < 2; i++) { /* sent again: done, once */
        outcome = (tasker_outcome){0};
        assert_status(f->db, tasker_lease_release(f->db, LEASE(leases), 1, &outcome), TASKER_OK);
        assert_int_equal(outcome.to_state, TASKER_STATE_PENDING);
        assert_int_equal(outcome.attempts, 0);
        assert_int_equal(outcome.moved, i == 0);
    }
    assert_string_equal(step_history(conn, flow.steps[0]), "pending@1 pending>in_progress@2 in_progress>pending@3*");
    assert_string_equal(ask(conn,
                            "SELECT concat_ws('|', metadata->>'event', metadata->>'actor')"
                            "  FROM tasker_workflow_step_transitions WHERE workflow_step_transition_uuid = '%s'",
                            text_of(leases->items[0]->transition_uuid)),
                        "release|w");
    assert_string_equal(lease_of(conn, flow.steps[0]), "30");
    tasker_step_readiness r = readiness_of(f->db, flow.steps[0]);
    assert_true(r.ready_for_execution);
    assert_status(f->db, complete_lease(f->db, leases), TASKER_CONFLICT);
    assert_status(f->db, step_event(f->db, flow.steps[0], TASKER_EVENT_RELEASE), TASKER_INVALID_ARGUMENT);
    tasker_free(leases);
    leases = take_step(f->db, flow.steps[0], TASKER_OK); /* the only attempt there is */
    assert_int_equal(leases->items[0]->attempt, 1);
    assert_status(f->db, complete_lease(f->db, leases), TASKER_OK);
    tasker_free(leases);
}

/* A second attempt given back leaves the first one counted, and no wait that was over begins again. */
static void test_release_after_a_failure(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    made_flow flow = make_flow(f->db, "a", "");
    const tasker_leases *leases = take_step(f->db, flow.steps[0], TASKER_OK);
    assert_status(f->db, fail_lease(f->db, leases), TASKER_OK);
    tasker_free(leases);
    age_step(conn, flow.steps[0], 3600);
    leases = take_step(f->db, flow.steps[0], TASKER_OK);
    assert_int_equal(leases->items[0]->attempt, 2);
    assert_status(f->db, tasker_lease_release(f->db, LEASE(leases), 1, NULL), TASKER_OK);
    assert_string_equal(step_row(conn, flow.steps[0]), "attempts=1");
    tasker_free(leases);
    leases = take_step(f->db, flow.steps[0], TASKER_OK);
    assert_int_equal(leases->items[0]->attempt, 2);
    tasker_free(leases);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ancestors),
        cmocka_unit_test(test_extend),
        cmocka_unit_test(test_extend_waits_for_nobody),
        cmocka_unit_test(test_lost),
        cmocka_unit_test(test_release),
        cmocka_unit_test(test_release_after_a_failure),
    };
    return db_test_run(tests);
}
