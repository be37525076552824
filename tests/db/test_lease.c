/* SPDX-License-Identifier: MIT */
/* Leases: what taking, completing and failing an attempt write, the limits and the waits. Races: test_lease_fail.c. */
#include "flow_test.h"

static const tasker_lease_options worker = {.worker = TASKER_TEXT("worker-7")};

/* ---- taking ---- */

static void test_take_delivers_what_a_handler_needs(void **state)
{
    static const tasker_step_definition steps[] = {{
        .name = TASKER_TEXT("charge"),
        .dependent_system = TASKER_TEXT("bank"),
        .has_retry_limit = true,
        .retry_limit = 2,
        .inputs = TASKER_JSON("{\"cents\":100}"),
    }};
    static const tasker_definition definition = {.namespace_name = TASKER_TEXT("shop"),
                                                 .name = TASKER_TEXT("order"),
                                                 .version = TASKER_TEXT("2.1.0"),
                                                 .steps = steps,
                                                 .step_count = 1};
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    tasker_workflow_input input = {.definition = &definition,
                                   .task = {.context = TASKER_JSON("{\"order\":\"\\u00e9\"}")}};
    const tasker_workflow_ids *ids = NULL;
    assert_status(f->db, tasker_workflow_create(f->db, &input, &ids), TASKER_OK);
    tasker_uuid step = ids->workflow_step_uuids[0];
    const char *before = ask(conn, "SELECT clock_timestamp() AT TIME ZONE 'UTC'");
    const tasker_leases *leases = NULL;
    tasker_outcome outcome = {.status = TASKER_AGAIN};
    assert_status(f->db, tasker_lease_take_steps(f->db, &step, 1, &worker, &outcome, &leases), TASKER_OK);
    assert_int_equal(leases->count, 1);
    const tasker_lease *lease = leases->items[0];
    assert_uuid(lease->task_uuid, ids->task_uuid);
    assert_uuid(lease->workflow_step_uuid, step);
    assert_uuid(lease->token.uuid, outcome.transition_uuid);
    assert_true(tasker_uuid_is_v7(&lease->transition_uuid));
    assert_false(tasker_uuid_equal(&lease->transition_uuid, &lease->token.uuid));
    assert_int_equal(lease->attempt, 1);
    assert_int_equal(lease->retry_limit, 2);
    assert_text(lease->namespace_name, "shop");
    assert_text(lease->task_name, "order");
    assert_text(lease->version, "2.1.0");
    assert_text(lease->step_name, "charge");
    assert_text(lease->dependent_system_name, "bank");
    assert_string_equal(lease->context.ptr, "{\"order\": \"\xC3\xA9\"}");
    assert_string_equal(lease->inputs.ptr, "{\"cents\": 100}");

    char at[TASKER_TIME_TEXT_SIZE];
    tasker_time_format(lease->taken_at, at);
    assert_string_equal(ask(conn,
                            "SELECT concat(last_attempted_at = '%s'::timestamptz AT TIME ZONE 'UTC',"
                            " last_attempted_at BETWEEN '%s' AND clock_timestamp() AT TIME ZONE 'UTC')"
                            " FROM tasker_workflow_steps WHERE workflow_step_uuid = '%s'",
                            at, before, text_of(step)),
                        "tt");
    assert_int_equal(outcome.from_state, TASKER_STATE_PENDING);
    assert_int_equal(outcome.to_state, TASKER_STATE_IN_PROGRESS);
    assert_int_equal(outcome.task_state, TASKER_STATE_IN_PROGRESS);
    assert_int_equal(outcome.attempts, 1);
    assert_string_equal(step_row(conn, step), "in_process attempts=1");
    assert_string_equal(task_history(conn, ids->task_uuid), "pending@1 pending>in_progress@2*");
    assert_string_equal(ask(conn,
                            "SELECT concat_ws('|', metadata->>'event', metadata->>'actor', metadata->>'attempt_number')"
                            "  FROM tasker_workflow_step_transitions WHERE workflow_step_transition_uuid = '%s'",
                            text_of(lease->token.uuid)),
                        "start|worker-7|1");
    tasker_free(leases);
    tasker_free(ids);
}

/* Neither context nor inputs: absent, not an empty text. */
static void test_take_without_context(void **state)
{
    fixture *f = *state;
    made_flow flow = make_flow(f->db, "a", "");
    tell(tasker_db_conn(f->db), "UPDATE tasker_tasks SET context = NULL WHERE task_uuid = '%s'",
         text_of(flow.task_uuid));
    const tasker_leases *leases = take_step(f->db, flow.steps[0], TASKER_OK);
    assert_null(leases->items[0]->context.ptr);
    assert_null(leases->items[0]->inputs.ptr);
    tasker_free(leases);
}

static void test_take_is_guarded(void **state)
{
    static const tasker_state closed[] = {TASKER_STATE_ERROR, TASKER_STATE_CANCELLED};
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    made_flow flow = make_flow(f->db, "abc", "ac bc");
    tasker_outcome outcome = {.status = TASKER_OK};
    const tasker_leases *leases = NULL;
    assert_status(f->db, tasker_lease_take_steps(f->db, &FLOW_STEP(flow, 'c'), 1, &worker, &outcome, &leases),
                  TASKER_GUARD_FAILED);
    assert_int_equal(outcome.unmet_parents, 2);
    tasker_free(leases);
    assert_string_equal(step_history(conn, FLOW_STEP(flow, 'c')), "pending@1*");
    assert_string_equal(task_history(conn, flow.task_uuid), "pending@1*");
    for (size_t i = 0; i < COUNT(closed); i++) {
        made_flow other = make_flow(f->db, "a", "");
        bring_task(f->db, other.task_uuid, closed[i]);
        take_step(f->db, other.steps[0], TASKER_GUARD_FAILED);
        assert_string_equal(step_row(conn, other.steps[0]), "");
    }
}

static void test_arguments(void **state)
{
    fixture *f = *state;
    made_flow flow = make_flow(f->db, "a", "");
    static const tasker_lease_options nameless;
    const tasker_lease_options limit = {.worker = text_of_length(128)}, longer = {.worker = text_of_length(129)};
    const tasker_leases *leases = NULL;
    assert_status(f->db, tasker_lease_take_steps(f->db, flow.steps, 1, NULL, NULL, &leases), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, tasker_lease_take_steps(f->db, flow.steps, 1, &nameless, NULL, &leases),
                  TASKER_INVALID_ARGUMENT);
    assert_status(f->db, tasker_lease_take_steps(f->db, flow.steps, 1, &longer, NULL, &leases), TASKER_TOO_LONG);
    assert_status(f->db, tasker_lease_take_steps(f->db, NULL, 1, &worker, NULL, &leases), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, tasker_lease_take_steps(f->db, NULL, 0, &worker, NULL, &leases), TASKER_NOOP);
    tasker_free(leases);
    assert_status(f->db, tasker_lease_complete(f->db, NULL, 0, NULL), TASKER_NOOP);
    assert_status(f->db, tasker_lease_fail(f->db, NULL, 0, NULL), TASKER_NOOP);
    assert_status(f->db, tasker_lease_complete(f->db, NULL, 1, NULL), TASKER_INVALID_ARGUMENT);
    tasker_completion no_lease = {.lease = NULL};
    tasker_failure no_lease_either = {.lease = NULL};
    assert_status(f->db, tasker_lease_complete(f->db, &no_lease, 1, NULL), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, tasker_lease_fail(f->db, &no_lease_either, 1, NULL), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, tasker_lease_take_steps(f->db, flow.steps, 1, &limit, NULL, &leases), TASKER_OK);
    tasker_completion bad = {.lease = leases->items[0], .results = TASKER_JSON("{\"a\"")};
    assert_status(f->db, tasker_lease_complete(f->db, &bad, 1, NULL), TASKER_INVALID_ARGUMENT);
    bad = (tasker_completion){.lease = leases->items[0], .metadata = TASKER_JSON("[]")};
    assert_status(f->db, tasker_lease_complete(f->db, &bad, 1, NULL), TASKER_INVALID_ARGUMENT);
    tasker_failure negative = {.lease = leases->items[0], .has_retry_after_seconds = true, .retry_after_seconds = -1};
    assert_status(f->db, tasker_lease_fail(f->db, &negative, 1, NULL), TASKER_INVALID_ARGUMENT);
    assert_string_equal(step_row(tasker_db_conn(f->db), flow.steps[0]), "in_process attempts=1");
    tasker_free(leases);
}

/* ---- completing ---- */

/* Results as jsonb holds them: any JSON, numbers to the last digit; absent is NULL, and null is not NULL. */
static const char *const documents[] = {
    NULL,
    "null",
    "false",
    "{}",
    "[]",
    "\"\"",
    "-0.1",
    "123456789012345678901234567890.000000000000000000001",
    "1e-20",
    "{\"a\": [1, 2, {\"b\": \"\xC3\xA9\xF0\x9F\x9A\x80\"}]}",
    "\"line\\nquote\\\" \\\\u0000 no escape\"",
};

static void test_results_are_stored_as_given(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    for (size_t i = 0; i < COUNT(documents); i++) {
        made_flow flow = make_flow(f->db, "a", "");
        tell(conn, "UPDATE tasker_workflow_steps SET results = '\"old\"' WHERE workflow_step_uuid = '%s'",
             text_of(flow.steps[0]));
        const tasker_leases *leases = take_step(f->db, flow.steps[0], TASKER_OK);
        tasker_completion completion = {.lease = leases->items[0], .results = tasker_json_of(documents[i])};
        assert_status(f->db, tasker_lease_complete(f->db, &completion, 1, NULL), TASKER_OK);
        const char *values[] = {text_of(flow.steps[0]), documents[i]};
        PGresult *result = PQexecParams(conn,
                                        "SELECT results IS NOT DISTINCT FROM $2::jsonb, results::text"
                                        "  FROM tasker_workflow_steps WHERE workflow_step_uuid = $1",
                                        2, NULL, values, NULL, NULL, 0);
        assert_int_equal(PQntuples(result), 1);
        assert_string_equal(PQgetvalue(result, 0, 0), "t");
        assert_int_equal(PQgetisnull(result, 0, 1), documents[i] == NULL);
        PQclear(result);
        tasker_free(leases);
    }
}

static void test_complete(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    made_flow flow = make_flow(f->db, "ab", "ab");
    const tasker_leases *leases = take_step(f->db, FLOW_STEP(flow, 'a'), TASKER_OK);
    tasker_completion completion = {.lease = leases->items[0],
                                    .results = TASKER_JSON("7"),
                                    .metadata = TASKER_JSON("{\"execution_duration\": 0.5}")};
    tasker_outcome outcome = {.status = TASKER_AGAIN};
    assert_status(f->db, tasker_lease_complete(f->db, &completion, 1, &outcome), TASKER_OK);
    assert_int_equal(outcome.status, TASKER_OK);
    assert_int_equal(outcome.from_state, TASKER_STATE_IN_PROGRESS);
    assert_int_equal(outcome.to_state, TASKER_STATE_COMPLETE);
    assert_int_equal(outcome.task_state, TASKER_STATE_IN_PROGRESS);
    assert_int_equal(outcome.sort_key, 3);
    assert_int_equal(outcome.moved, 1);
    assert_uuid(outcome.transition_uuid, leases->items[0]->transition_uuid);
    assert_string_equal(step_row(conn, FLOW_STEP(flow, 'a')), "processed attempts=1 results=7");
    assert_string_equal(step_history(conn, FLOW_STEP(flow, 'a')),
                        "pending@1 pending>in_progress@2 in_progress>complete@3*");
    assert_string_equal(ask(conn,
                            "SELECT concat_ws('|', metadata->>'event', metadata->>'actor',"
                            " metadata->>'execution_duration') FROM tasker_workflow_step_transitions"
                            " WHERE workflow_step_uuid = '%s' AND most_recent",
                            text_of(FLOW_STEP(flow, 'a'))),
                        "complete|w|0.5");
    tasker_free(take_step(f->db, FLOW_STEP(flow, 'b'), TASKER_OK));
    tasker_free(leases);
}

/* Sent again after an answer was lost: done, once. */
static void test_resend_of_a_completion(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    made_flow flow = make_flow(f->db, "a", "");
    const tasker_leases *leases = take_step(f->db, flow.steps[0], TASKER_OK);
    tasker_outcome outcome = {.status = TASKER_AGAIN};
    for (int i = 0; i < 3; i++) {
        tasker_completion completion = {.lease = leases->items[0], .results = TASKER_JSON("1")};
        assert_status(f->db, tasker_lease_complete(f->db, &completion, 1, &outcome), TASKER_OK);
        assert_int_equal(outcome.moved, i == 0);
    }
    assert_string_equal(step_history(conn, flow.steps[0]), "pending@1 pending>in_progress@2 in_progress>complete@3*");
    tasker_free(leases);
}

static void test_resend_of_a_failure(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    for (int32_t limit = 1; limit <= 2; limit++) {
        made_flow flow = make_flow_limited(f->db, limit);
        const tasker_leases *leases = take_step(f->db, flow.steps[0], TASKER_OK);
        tasker_failure failure = {.lease = leases->items[0]};
        tasker_outcome first = {.status = TASKER_AGAIN}, again = first;
        assert_status(f->db, tasker_lease_fail(f->db, &failure, 1, &first), TASKER_OK);
        const char *row = step_row(conn, flow.steps[0]), *history = step_history(conn, flow.steps[0]);
        again.transition_uuid = first.transition_uuid;
        assert_status(f->db, tasker_lease_fail(f->db, &failure, 1, &again), TASKER_OK);
        assert_int_equal(first.moved, limit == 1 ? 1 : 2);
        assert_int_equal(again.moved, 0);
        assert_int_equal(again.to_state, first.to_state);
        assert_string_equal(step_row(conn, flow.steps[0]), row);
        assert_string_equal(step_history(conn, flow.steps[0]), history);
        tasker_free(leases);
    }
}

/* A hundred steps in one call each: every third fails, every tenth completion was sent before. */
static void test_batches(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    tasker_uuid steps[100];
    made_flow flows[5];
    for (size_t i = 0; i < COUNT(flows); i++) {
        flows[i] = make_flow(f->db, "abcdefghijklmnopqrst", "");
        memcpy(&steps[20 * i], flows[i].steps, 20 * sizeof *steps);
    }
    const tasker_leases *leases = NULL;
    assert_status(f->db, tasker_lease_take_steps(f->db, steps, 100, &worker, NULL, &leases), TASKER_OK);
    assert_int_equal(leases->count, 100);
    tasker_completion completions[100];
    tasker_failure failures[100];
    size_t completed = 0, failed = 0;
    for (size_t i = 0; i < 100; i++) {
        assert_true(i == 0 || tasker_uuid_compare(&leases->items[i - 1]->workflow_step_uuid,
                                                  &leases->items[i]->workflow_step_uuid) < 0);
        if (i % 3 == 0)
            failures[failed++] = (tasker_failure){.lease = leases->items[i]};
        else
            completions[completed++] = (tasker_completion){.lease = leases->items[i], .results = TASKER_JSON("1")};
    }
    for (size_t i = 0; i < completed; i += 10)
        assert_status(f->db, tasker_lease_complete(f->db, &completions[i], 1, NULL), TASKER_OK);
    tasker_outcome outcomes[100];
    memset(outcomes, 0, sizeof outcomes);
    assert_status(f->db, tasker_lease_complete(f->db, completions, completed, outcomes), TASKER_OK);
    for (size_t i = 0; i < completed; i++)
        assert_int_equal(outcomes[i].moved, i % 10 != 0);
    memset(outcomes, 0, sizeof outcomes);
    assert_status(f->db, tasker_lease_fail(f->db, failures, failed, outcomes), TASKER_OK);
    for (size_t i = 0; i < COUNT(flows); i++)
        completed -= (size_t)ask_number(conn,
                                        "SELECT count(*) FROM tasker_workflow_steps WHERE processed"
                                        " AND results = '1' AND task_uuid = '%s'",
                                        text_of(flows[i].task_uuid));
    assert_int_equal(completed, 0);
    tasker_free(leases);
}

/* A lease that was rebuilt from a stored step and token has no key for the closing row: one is made. */
static void test_rebuilt_lease(void **state)
{
    tasker_db *db = ((fixture *)*state)->db;
    made_flow flow = make_flow(db, "a", "");
    const tasker_leases *leases = take_step(db, flow.steps[0], TASKER_OK);
    const tasker_lease rebuilt = {.workflow_step_uuid = flow.steps[0], .token = leases->items[0]->token};
    tasker_outcome outcome = {0};
    assert_status(db, tasker_lease_complete(db, &(tasker_completion){.lease = &rebuilt}, 1, &outcome), TASKER_OK);
    assert_false(tasker_uuid_is_nil(&outcome.transition_uuid));
    PGconn *conn = db_test_psql(*state);
    assert_int_equal(ask_number(conn,
                                "SELECT count(*) FROM tasker_workflow_step_transitions"
                                " WHERE workflow_step_transition_uuid = '%s' AND to_state = 'complete'",
                                text_of(outcome.transition_uuid)),
                     1);
    PQfinish(conn);
    tasker_free(leases);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rebuilt_lease),
        cmocka_unit_test(test_take_delivers_what_a_handler_needs),
        cmocka_unit_test(test_take_without_context),
        cmocka_unit_test(test_take_is_guarded),
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_results_are_stored_as_given),
        cmocka_unit_test(test_complete),
        cmocka_unit_test(test_resend_of_a_completion),
        cmocka_unit_test(test_resend_of_a_failure),
        cmocka_unit_test(test_batches),
    };
    return db_test_run(tests);
}
