/* SPDX-License-Identifier: MIT */
/* Failed attempts: limits, waits, and workers that were overtaken. */
#include "flow_test.h"

/* ---- limits ---- */

/* Runs a step until it has failed for good, and answers the number of starts. */
static int32_t run_to_the_end(const fixture *f, const made_flow *flow)
{
    PGconn *conn = tasker_db_conn(f->db);
    for (int32_t start = 1; start < 20; start++) {
        const tasker_leases *leases = take_step(f->db, flow->steps[0], TASKER_OK);
        assert_int_equal(leases->items[0]->attempt, start);
        assert_status(f->db, fail_lease(f->db, leases), TASKER_OK);
        tasker_free(leases);
        if (strcmp(step_state(conn, flow->steps[0]), "error") == 0) {
            age_step(conn, flow->steps[0], 3600);
            take_step(f->db, flow->steps[0], TASKER_GUARD_FAILED);
            return start;
        }
        assert_string_equal(step_state(conn, flow->steps[0]), "pending");
        age_step(conn, flow->steps[0], 3600);
    }
    return 0;
}

/* retry_limit is the largest number of starts; the first start is free; retryable = false allows only that one. */
static void test_limits(void **state)
{
    static const struct {
        tasker_step_definition settings;
        int32_t starts;
    } limits[] = {
        {{.has_retry_limit = true, .retry_limit = 1}, 1},
        {{.has_retry_limit = true, .retry_limit = 2}, 2},
        {{.has_retry_limit = true, .retry_limit = 3}, 3},
        {{.has_retry_limit = false}, 3},
        {{.has_retryable = true, .retryable = false}, 1},
        {{.has_retryable = true, .retryable = false, .has_retry_limit = true, .retry_limit = 5}, 1},
        {{.has_retry_limit = true, .retry_limit = 0}, 1},
    };
    fixture *f = *state;
    for (size_t i = 0; i < COUNT(limits); i++) {
        made_flow flow = make_flow_with(f->db, "a", "", &limits[i].settings);
        assert_int_equal(run_to_the_end(f, &flow), limits[i].starts);
        if (limits[i].settings.has_retry_limit && limits[i].settings.retry_limit == 0)
            remove_flow(tasker_db_conn(f->db), &flow); /* one start above a limit of none: I24 would complain */
    }
}

/* Rows of other programs without a limit count as 3, without attempts as 0. */
static void test_limits_that_are_null(void **state)
{
    fixture *f = *state;
    made_flow flow = make_flow(f->db, "a", "");
    tell(tasker_db_conn(f->db),
         "UPDATE tasker_workflow_steps SET retry_limit = NULL, attempts = NULL"
         " WHERE workflow_step_uuid = '%s'",
         text_of(flow.steps[0]));
    assert_int_equal(run_to_the_end(f, &flow), 3);
}

static void test_permanent(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    made_flow flow = make_flow(f->db, "a", "");
    const tasker_leases *leases = take_step(f->db, flow.steps[0], TASKER_OK);
    tasker_failure failure = {.lease = leases->items[0],
                              .permanent = true,
                              .error_message = TASKER_TEXT("no such card"),
                              .error_type = TASKER_TEXT("CardError"),
                              .metadata = TASKER_JSON("{\"code\": 14}")};
    tasker_outcome outcome = {.status = TASKER_AGAIN};
    assert_status(f->db, tasker_lease_fail(f->db, &failure, 1, &outcome), TASKER_OK);
    assert_int_equal(outcome.to_state, TASKER_STATE_ERROR);
    assert_int_equal(outcome.moved, 1);
    assert_false(outcome.has_next_attempt_at);
    assert_string_equal(step_history(conn, flow.steps[0]), "pending@1 pending>in_progress@2 in_progress>error@3*");
    assert_string_equal(ask(conn,
                            "SELECT concat_ws('|', metadata->>'event', metadata->>'actor', metadata->>'attempt_number',"
                            " metadata->>'error_message', metadata->>'error_type', metadata->>'retryable',"
                            " metadata->>'code') FROM tasker_workflow_step_transitions WHERE most_recent"
                            " AND workflow_step_uuid = '%s'",
                            text_of(flow.steps[0])),
                        "fail|w|1|no such card|CardError|false|14");
    tasker_free(leases);
    age_step(conn, flow.steps[0], 3600);
    take_step(f->db, flow.steps[0], TASKER_GUARD_FAILED);
    const tasker_execution_context *context = NULL;
    assert_status(f->db, tasker_execution_context_get(f->db, &flow.task_uuid, &context), TASKER_OK);
    assert_int_equal(context->execution_status, TASKER_EXECUTION_STATUS_BLOCKED_BY_FAILURES);
    tasker_free(context);
}

/* ---- waits ---- */

/*
 * min(2^attempts, 300) seconds from the failure, give or take 10 % from 10 s on. Stored is the wait from the last start
 * in whole seconds: that much more, rounded up. The times are made long ago, so that a slow machine changes nothing.
 */
static const struct {
    int32_t attempts_before; /* the start adds one */
    double lowest, highest;
} waits[] = {
    {0, 2, 2},         {1, 4, 4},         {2, 8, 8},     {3, 14.4, 17.6}, {4, 28.8, 35.2}, {5, 57.6, 70.4},
    {6, 115.2, 140.8}, {7, 230.4, 281.6}, {8, 270, 330}, {9, 270, 330},   {44, 270, 330},  {1000, 270, 330},
};

static double seconds_between(PGconn *conn, const char *since, const char *until, tasker_uuid step)
{
    return strtod(ask(conn,
                      "SELECT extract(epoch FROM (%s) - (%s)) FROM tasker_workflow_steps s"
                      " WHERE workflow_step_uuid = '%s'",
                      until, since, text_of(step)),
                  NULL);
}

#define FAILED_AT                                                                                                      \
    "(SELECT max(t.created_at) FROM tasker_workflow_step_transitions t WHERE t.to_state = 'error'"                     \
    " AND t.workflow_step_uuid = s.workflow_step_uuid)"
#define WAIT_END "s.last_attempted_at + s.backoff_request_seconds * interval '1 second'"

static tasker_outcome fail_after(const fixture *f, const made_flow *flow, int32_t attempts_before,
                                 tasker_failure failure)
{
    tell(tasker_db_conn(f->db),
         "UPDATE tasker_workflow_steps SET attempts = %d, retry_limit = 2000 WHERE workflow_step_uuid = '%s'",
         attempts_before, text_of(flow->steps[0]));
    const tasker_leases *leases = take_step(f->db, flow->steps[0], TASKER_OK);
    failure.lease = leases->items[0];
    tasker_outcome outcome = {.status = TASKER_AGAIN};
    assert_status(f->db, tasker_lease_fail(f->db, &failure, 1, &outcome), TASKER_OK);
    assert_int_equal(outcome.to_state, TASKER_STATE_PENDING);
    assert_int_equal(outcome.attempts, attempts_before + 1);
    tasker_free(leases);
    return outcome;
}

static void test_backoff(void **state)
{
    static const tasker_failure plain;
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    for (size_t i = 0; i < 3 * COUNT(waits); i++) {
        double lowest = waits[i / 3].lowest, highest = waits[i / 3].highest;
        made_flow flow = make_flow(f->db, "a", "");
        tasker_outcome outcome = fail_after(f, &flow, waits[i / 3].attempts_before, plain);
        double wait = seconds_between(conn, FAILED_AT, WAIT_END, flow.steps[0]);
        assert_true(wait >= lowest - 0.001 && wait < highest + 1.001);

        /* next_attempt_at is the later end of both waits, and until then nobody takes the step */
        char at[TASKER_TIME_TEXT_SIZE], next[64];
        assert_true(outcome.has_next_attempt_at);
        snprintf(next, sizeof next, "'%s'::timestamptz AT TIME ZONE 'UTC'",
                 tasker_time_format(outcome.next_attempt_at, at));
        double told = seconds_between(conn, FAILED_AT, next, flow.steps[0]);
        assert_true(told >= lowest - 0.001 && told < highest + 1.001);
        assert_true(readiness_of(f->db, flow.steps[0]).next_retry_at.us == outcome.next_attempt_at.us);
        assert_string_equal(step_history(conn, flow.steps[0]),
                            "pending@1 pending>in_progress@2 in_progress>error@3 error>pending@4*");
        take_step(f->db, flow.steps[0], TASKER_GUARD_FAILED);
        assert_status(f->db, step_event(f->db, flow.steps[0], TASKER_EVENT_START), TASKER_GUARD_FAILED);
        age_step(conn, flow.steps[0], 3600);
        tasker_free(take_step(f->db, flow.steps[0], TASKER_OK));
    }
}

/* A wait that the failed system asked for takes the formula's place, without jitter; 300 s are the most. */
static void test_retry_after(void **state)
{
    static const struct {
        int32_t asked;
        double waits;
    } asked[] = {{0, 0}, {1, 1}, {2, 2}, {7, 7}, {60, 60}, {300, 300}, {301, 300}, {INT32_MAX, 300}};
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    for (size_t i = 0; i < COUNT(asked); i++) {
        made_flow flow = make_flow(f->db, "a", "");
        tasker_failure failure = {.has_retry_after_seconds = true, .retry_after_seconds = asked[i].asked};
        fail_after(f, &flow, 3, failure);
        double wait = seconds_between(conn, FAILED_AT, WAIT_END, flow.steps[0]);
        assert_true(wait >= asked[i].waits - 0.001 && wait < asked[i].waits + 1.001);
    }
}

/* An attempt that took a minute: the wait counts from its failure, not from its start. */
static void test_long_attempts(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    made_flow flow = make_flow(f->db, "a", "");
    const tasker_leases *leases = take_step(f->db, flow.steps[0], TASKER_OK);
    tell(conn,
         "UPDATE tasker_workflow_steps SET last_attempted_at = last_attempted_at - interval '1 minute'"
         " WHERE workflow_step_uuid = '%s'",
         text_of(flow.steps[0]));
    assert_status(f->db, fail_lease(f->db, leases), TASKER_OK);
    double wait = seconds_between(conn, FAILED_AT, WAIT_END, flow.steps[0]);
    assert_true(wait >= 2 - 0.001 && wait < 2 + 1.001);
    tasker_free(leases);
}

/* The wait ends with the failure it was for: a completion clears it. */
static void test_backoff_is_cleared(void **state)
{
    static const tasker_failure plain;
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    made_flow flow = make_flow(f->db, "a", "");
    fail_after(f, &flow, 0, plain);
    age_step(conn, flow.steps[0], 3600);
    const tasker_leases *leases = take_step(f->db, flow.steps[0], TASKER_OK);
    assert_status(f->db, complete_lease(f->db, leases), TASKER_OK);
    assert_string_equal(step_row(conn, flow.steps[0]), "processed attempts=2");
    tasker_free(leases);
}

/* ---- workers that were overtaken ---- */

/* I13: a first attempt timed out and a second runs; whatever the first still says changes nothing. */
static void test_late_results(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    made_flow flow = make_flow(f->db, "a", "");
    const tasker_leases *first = take_step(f->db, flow.steps[0], TASKER_OK);
    assert_status(f->db, step_event(f->db, flow.steps[0], TASKER_EVENT_FAIL), TASKER_OK); /* the sweep */
    assert_status(f->db, step_event(f->db, flow.steps[0], TASKER_EVENT_RETRY), TASKER_OK);
    assert_status(f->db, complete_lease(f->db, first), TASKER_CONFLICT);
    assert_status(f->db, fail_lease(f->db, first), TASKER_CONFLICT);
    age_step(conn, flow.steps[0], 3600);
    const tasker_leases *second = take_step(f->db, flow.steps[0], TASKER_OK);
    assert_int_equal(second->items[0]->attempt, 2);
    const char *row = step_row(conn, flow.steps[0]), *history = step_history(conn, flow.steps[0]);
    assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
    assert_status(f->db, complete_lease(f->db, first), TASKER_CONFLICT);
    assert_status(f->db, fail_lease(f->db, first), TASKER_CONFLICT);
    assert_status(f->db, tasker_db_commit(f->db), TASKER_OK);
    assert_string_equal(step_row(conn, flow.steps[0]), row);
    assert_string_equal(step_history(conn, flow.steps[0]), history);
    assert_status(f->db, complete_lease(f->db, second), TASKER_OK);
    assert_status(f->db, complete_lease(f->db, first), TASKER_CONFLICT);
    tasker_free(first);
    tasker_free(second);
}

/* I12: after retry has set attempts to 0 there is another attempt 1; the token tells the two apart. */
static void test_late_result_of_the_same_number(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    made_flow flow = make_flow_limited(f->db, 1);
    const tasker_leases *first = take_step(f->db, flow.steps[0], TASKER_OK);
    assert_status(f->db, step_event(f->db, flow.steps[0], TASKER_EVENT_FAIL), TASKER_OK);
    assert_status(f->db, task_event(f->db, flow.task_uuid, TASKER_EVENT_FAIL), TASKER_OK);
    assert_status(f->db, task_event(f->db, flow.task_uuid, TASKER_EVENT_RESET), TASKER_OK);
    assert_status(f->db, step_event(f->db, flow.steps[0], TASKER_EVENT_RETRY), TASKER_OK);
    age_step(conn, flow.steps[0], 3600);
    const tasker_leases *second = take_step(f->db, flow.steps[0], TASKER_OK);
    assert_int_equal(second->items[0]->attempt, first->items[0]->attempt);
    assert_status(f->db, complete_lease(f->db, first), TASKER_CONFLICT);
    assert_status(f->db, fail_lease(f->db, first), TASKER_CONFLICT);
    assert_string_equal(step_row(conn, flow.steps[0]), "in_process attempts=1");
    assert_status(f->db, complete_lease(f->db, second), TASKER_OK);
    tasker_free(first);
    tasker_free(second);
}

/* Cancelled, resolved or completed by somebody else: the lease is lost. */
static void test_lease_lost_to_an_operator(void **state)
{
    static const tasker_event events[] = {TASKER_EVENT_CANCEL, TASKER_EVENT_RESOLVE_MANUALLY, TASKER_EVENT_COMPLETE};
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    for (size_t i = 0; i < COUNT(events); i++) {
        made_flow flow = make_flow(f->db, "a", "");
        const tasker_leases *leases = take_step(f->db, flow.steps[0], TASKER_OK);
        assert_status(f->db, step_event(f->db, flow.steps[0], events[i]), TASKER_OK);
        const char *history = step_history(conn, flow.steps[0]);
        assert_status(f->db, complete_lease(f->db, leases), TASKER_CONFLICT);
        assert_status(f->db, fail_lease(f->db, leases), TASKER_CONFLICT);
        assert_string_equal(step_history(conn, flow.steps[0]), history);
        tasker_free(leases);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_limits_that_are_null),
        cmocka_unit_test(test_permanent),
        cmocka_unit_test(test_backoff),
        cmocka_unit_test(test_retry_after),
        cmocka_unit_test(test_long_attempts),
        cmocka_unit_test(test_backoff_is_cleared),
        cmocka_unit_test(test_late_results),
        cmocka_unit_test(test_late_result_of_the_same_number),
        cmocka_unit_test(test_lease_lost_to_an_operator),
    };
    return db_test_run(tests);
}
