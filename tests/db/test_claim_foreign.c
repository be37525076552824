/* SPDX-License-Identifier: MIT */
/* Claims among rows that others wrote: without history or token, awake without need, with times at the ends of time. */
#include "claim_test.h"

static const tasker_enqueue_options silent = {.without_message = true};

/* A step and a task without history are pending: they move as others do, and stand in nobody's way. */
static void test_no_history(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    take_the_rest(f);
    made_flow bare = make_flow(f->db, "ab", "");
    forget_history(conn, &bare);
    const tasker_claims *claims = take(f->db, &one, 1);
    tasker_outcome outcome = {0};
    assert_status(f->db, tasker_claim_enqueue(f->db, claims->items, 1, &silent, &outcome), TASKER_OK);
    assert_int_equal(outcome.moved, 2);
    assert_string_equal(step_history(conn, FLOW_STEP(bare, 'a')), "pending@1 pending>enqueued@2*");
    assert_string_equal(task_history(conn, bare.task_uuid), "pending@1 pending>in_progress@2*");
    assert_status(f->db, tasker_claim_enqueue(f->db, claims->items, 1, &silent, NULL), TASKER_NOOP);
    tasker_free(claims);
}

static void test_no_history_without_queue(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    take_the_rest(f);
    made_flow bare = make_flow(f->db, "a", "");
    forget_history(conn, &bare);
    const tasker_leases *leases = NULL;
    tasker_lease_options options = {.worker = TASKER_TEXT("w"), .without_queue = true};
    assert_status(f->db, tasker_lease_take(f->db, &options, &leases), TASKER_OK);
    assert_int_equal(leases->count, 1);
    assert_string_equal(step_history(conn, FLOW_STEP(bare, 'a')), "pending@1 pending>in_progress@2*");
    assert_string_equal(task_history(conn, bare.task_uuid), "pending@1 pending>in_progress@2*");
    tasker_free(leases);
}

/* Who takes a task in plain SQL and writes no token of his own ends the one before. */
static void test_taken_without_token(void **state)
{
    static const char *const takings[] = {
        "UPDATE tasker_tasks SET claimed_by = 'rust', claimed_at = timezone('UTC', now()) WHERE task_uuid = "
        "current_setting('test.task')::uuid",
        "UPDATE tasker_tasks SET claimed_by = 'rust' WHERE task_uuid = current_setting('test.task')::uuid",
        "UPDATE tasker_tasks SET claimed_by = NULL, claimed_at = NULL WHERE task_uuid = "
        "current_setting('test.task')::uuid;"
        "UPDATE tasker_tasks SET claimed_by = 'o', claimed_at = timezone('UTC', now()) WHERE task_uuid = "
        "current_setting('test.task')::uuid",
        "SELECT release_task_claim(current_setting('test.task')::uuid, 'o'); SELECT claim_ready_tasks('o', 1000)",
    };
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    for (size_t i = 0; i < COUNT(takings); i++) {
        take_the_rest(f);
        made_flow flow = make_flow(f->db, "a", "");
        const tasker_claims *claims = take(f->db, &one, 1);
        tell(conn, "SET test.task TO '%s'", text_of(flow.task_uuid));
        tell(conn, "%s", takings[i]);
        const char *before = all_of(conn, flow.task_uuid);
        assert_status(f->db, tasker_claim_extend(f->db, claims->items, 1, NULL), TASKER_CONFLICT);
        assert_status(f->db, tasker_claim_enqueue(f->db, claims->items, 1, &silent, NULL), TASKER_CONFLICT);
        assert_status(f->db, tasker_claim_release(f->db, claims->items, 1, NULL), TASKER_CONFLICT);
        assert_string_equal(all_of(conn, flow.task_uuid), before);
        tasker_free(claims);
    }
    take_the_rest(f);
}

/* Extending in plain SQL, as tasker-core does, leaves the token. */
static void test_extended_without_token(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    take_the_rest(f);
    made_flow flow = make_flow(f->db, "a", "");
    const tasker_claims *claims = take(f->db, &one, 1);
    assert_string_equal(ask(conn, "SELECT extend_task_claim('%s', 'o')", text_of(flow.task_uuid)), "t");
    assert_status(f->db, tasker_claim_extend(f->db, claims->items, 1, NULL), TASKER_OK);
    assert_status(f->db, tasker_claim_release(f->db, claims->items, 1, NULL), TASKER_OK);
    tasker_free(claims);
    take_the_rest(f);
}

enum { CROWD = 3000 };

/* Tasks that are awake and have nothing to do, older than one that has: found within the deadline, and once. */
static void test_awake_without_need(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    take_the_rest(f);
    made_flow flow = make_flow(f->db, "a", "");
    tell(conn,
         "WITH k AS (INSERT INTO tasker_tasks (named_task_uuid, requested_at, created_at, updated_at, identity_hash)"
         " SELECT k.named_task_uuid, k.requested_at, k.created_at - interval '1 hour', k.updated_at, 'crowd ' || n"
         " FROM tasker_tasks k, generate_series(1, %d) n WHERE k.task_uuid = '%s' RETURNING task_uuid, created_at)"
         " INSERT INTO tasker_task_transitions (task_uuid, to_state, sort_key, most_recent, created_at, updated_at)"
         " SELECT task_uuid, 'pending', 1, true, created_at, created_at FROM k",
         CROWD, text_of(flow.task_uuid));
    const char *awake = "SELECT count(*) FROM tasker_task_queue WHERE wake_at IS NULL";
    assert_true(ask_number(conn, "%s", awake) > CROWD);
    tell(conn, "SET statement_timeout TO '4s'");
    const tasker_claims *claims = take(f->db, &one, 1);
    tell(conn, "RESET statement_timeout");
    assert_true(tasker_uuid_equal(&claims->items[0]->task_uuid, &flow.task_uuid));
    assert_int_equal(ask_number(conn, "%s", awake), 0);
    tasker_free(claims);
    tell(conn, "UPDATE tasker_task_queue SET wake_at = NULL");
    const tasker_leases *leases = NULL;
    tasker_lease_options options = {.worker = TASKER_TEXT("w"), .without_queue = true};
    assert_status(f->db, tasker_lease_take(f->db, &options, &leases), TASKER_OK);
    assert_int_equal(leases->count, 0); /* the one with a step is claimed */
    tasker_free(leases);
    tell(conn, "DELETE FROM tasker_task_transitions WHERE task_uuid IN"
               " (SELECT task_uuid FROM tasker_tasks WHERE identity_hash LIKE 'crowd%%')");
    tell(conn, "DELETE FROM tasker_tasks WHERE identity_hash LIKE 'crowd%%'");
}

/* One row with such a time breaks no query for all others, and can be written. */
static void test_times_at_the_ends(void **state)
{
    static const char *const moments[] = {"-infinity", "4713-01-01 BC", "1900-01-01", "294276-12-31 23:59:59",
                                          "infinity"};
    static const char *const questions[] = {
        "SELECT FROM tasker_ready_tasks",
        "SELECT FROM tasker_step_readiness_status",
        "SELECT FROM tasker_task_execution_contexts",
        "SELECT FROM get_analytics_metrics('-infinity')",
        "SELECT FROM get_slowest_steps('-infinity', 100000)",
        "SELECT FROM get_slowest_tasks('-infinity', 100000)",
        "SELECT FROM tasker_ready_set_differences()",
    };
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    take_the_rest(f);
    for (size_t i = 0; i < COUNT(moments); i++) {
        made_flow flow = make_flow(f->db, "ab", "");
        const char *task = text_of(flow.task_uuid), *step = text_of(FLOW_STEP(flow, 'a')), *m = moments[i];
        bring_step(f->db, FLOW_STEP(flow, 'b'), TASKER_STATE_COMPLETE);
        tell(conn, "UPDATE tasker_tasks SET claimed_by = 'x', claimed_at = '%s' WHERE task_uuid = '%s'", m, task);
        tell(conn,
             "UPDATE tasker_workflow_steps SET last_attempted_at = '%s', backoff_request_seconds = 2147483647"
             " WHERE workflow_step_uuid = '%s'",
             m, step);
        tell(conn,
             "UPDATE tasker_workflow_step_transitions t SET created_at = '%s' FROM tasker_workflow_steps s"
             " WHERE s.workflow_step_uuid = t.workflow_step_uuid AND s.task_uuid = '%s'",
             m, task);
        for (size_t q = 0; q < COUNT(questions); q++)
            tell(conn, "%s", questions[q]);
        assert_int_equal(db_test_differences(conn), 0);
        remove_flow(conn, &flow);
    }
}

/* What makes rows of the ready set from what it is told is nobody's to call. */
static void test_rights(void **state)
{
    static const char *const refused[] = {
        "SELECT tasker_ready_set_follow_edges('{}', '{}', false)",
        "SELECT tasker_ready_set_follow_new_steps('{}')",
        "SELECT tasker_ready_set_wake('{}', '{}')",
        ("CREATE TEMPORARY TABLE tasker_tasks (i integer); CREATE TRIGGER t AFTER TRUNCATE ON tasker_tasks"
         " EXECUTE FUNCTION tasker_ready_set_truncated()"),
    };
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    tell(conn,
         "DO 'BEGIN CREATE ROLE tkr_test_nobody; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END'");
    for (size_t i = 0; i < COUNT(refused); i++) {
        char sql[512];
        snprintf(sql, sizeof sql, "SET SESSION AUTHORIZATION tkr_test_nobody; %s", refused[i]);
        PGresult *answer = PQexec(conn, sql);
        assert_string_equal(PQresultErrorField(answer, PG_DIAG_SQLSTATE), "42501");
        PQclear(answer);
        tell(conn, "RESET SESSION AUTHORIZATION");
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_history),
        cmocka_unit_test(test_no_history_without_queue),
        cmocka_unit_test(test_taken_without_token),
        cmocka_unit_test(test_extended_without_token),
        cmocka_unit_test(test_awake_without_need),
        cmocka_unit_test(test_times_at_the_ends),
        cmocka_unit_test(test_rights),
    };
    return db_test_run(tests);
}
