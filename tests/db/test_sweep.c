/* SPDX-License-Identifier: MIT */
/* Sweeps: attempts whose time is over, and tasks that nobody closed. Lost messages: test_sweep_queue.c. */
#include <tasker/pipeline.h>
#include "sweep_test.h"

static const tasker_sweep_options minute = {.step_timeout_seconds = 60, .enqueued_timeout_seconds = 1000000};

/* ---- attempts ---- */

static void test_lease_that_has_ended(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    settle(f->db);
    made_flow flow = make_flow(f->db, "ab", "ab");
    const tasker_leases *leases = take_step(f->db, flow.steps[0], TASKER_OK);
    assert_swept(f->db, &patient, "0 requeued 0 retried 0 failed 0 finalized");
    age_step(conn, flow.steps[0], 29);
    assert_swept(f->db, &patient, "0 requeued 0 retried 0 failed 0 finalized");
    age_step(conn, flow.steps[0], 2);
    tasker_sweep_options options = patient;
    options.actor = T("s");
    assert_swept(f->db, &options, "0 requeued 1 retried 0 failed 0 finalized");
    assert_swept(f->db, &options, "0 requeued 0 retried 0 failed 0 finalized");
    assert_string_equal(step_history(conn, flow.steps[0]),
                        "pending@1 pending>in_progress@2 in_progress>error@3 error>pending@4*");
    assert_string_equal(ask(conn,
                            "SELECT concat_ws('|', metadata->>'event', metadata->>'actor', metadata->>'attempt_number',"
                            " metadata->>'error_type', metadata->>'retryable', metadata ? 'backoff_until')"
                            "  FROM tasker_workflow_step_transitions WHERE sort_key = 3 AND workflow_step_uuid = '%s'",
                            text_of(flow.steps[0])),
                        "fail|s|1|Timeout|true|t");
    tasker_step_readiness r = readiness_of(f->db, flow.steps[0]);
    assert_false(r.ready_for_execution);
    assert_true(r.has_next_retry_at);
    assert_status(f->db, complete_lease(f->db, leases), TASKER_CONFLICT);
    assert_status(f->db, fail_lease(f->db, leases), TASKER_CONFLICT);
    assert_status(f->db, tasker_lease_extend(f->db, leases->items, 1, 0, NULL), TASKER_CONFLICT);
    tasker_free(leases);
}

/*
 * Extended, it counts from now; a step without a lease goes by the time-out of the sweep, and so does one whose
 * claim_id names another attempt.
 */
static void test_time_out(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    settle(f->db);
    made_flow flow = make_flow(f->db, "abc", "");
    const tasker_leases *leases = take_step(f->db, flow.steps[0], TASKER_OK);
    age_step(conn, flow.steps[0], 500);
    assert_status(f->db, tasker_lease_extend(f->db, leases->items, 1, 20, NULL), TASKER_OK);
    bring_step(f->db, flow.steps[1], TASKER_STATE_IN_PROGRESS);
    bring_step(f->db, flow.steps[2], TASKER_STATE_IN_PROGRESS);
    tell(conn,
         "UPDATE tasker_workflow_steps SET claim_id = '%s', claim_timeout_seconds = 1"
         " WHERE workflow_step_uuid = '%s'",
         text_of(leases->items[0]->token.uuid), text_of(flow.steps[2]));
    age_step(conn, flow.steps[1], 61);
    age_step(conn, flow.steps[2], 59);
    assert_swept(f->db, &minute, "0 requeued 1 retried 0 failed 0 finalized");
    assert_string_equal(step_state(conn, flow.steps[0]), "in_progress");
    assert_string_equal(step_state(conn, flow.steps[1]), "pending");
    age_step(conn, flow.steps[0], 21);
    age_step(conn, flow.steps[2], 2);
    assert_swept(f->db, &minute, "0 requeued 2 retried 0 failed 0 finalized");
    tasker_free(leases);
}

/* The defaults: ten minutes. */
static void test_defaults(void **state)
{
    fixture *f = *state;
    settle(f->db);
    made_flow flow = make_flow(f->db, "ab", "");
    bring_step(f->db, flow.steps[0], TASKER_STATE_IN_PROGRESS);
    age_step(tasker_db_conn(f->db), flow.steps[0], 590);
    assert_swept(f->db, NULL, "0 requeued 0 retried 0 failed 0 finalized");
    age_step(tasker_db_conn(f->db), flow.steps[0], 20);
    assert_swept(f->db, NULL, "0 requeued 1 retried 0 failed 0 finalized");
}

/* The last attempt: error, and a task that can do nothing else follows. */
static void test_last_attempt(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    settle(f->db);
    made_flow flow = make_flow_limited(f->db, 1);
    made_flow wide = make_flow_with(f->db, "ab", "", &(tasker_step_definition){TASKER_SET(retry_limit, 1)});
    tasker_free(take_step(f->db, flow.steps[0], TASKER_OK));
    tasker_free(take_step(f->db, wide.steps[0], TASKER_OK));
    age_step(conn, flow.steps[0], 100);
    age_step(conn, wide.steps[0], 100);
    assert_swept(f->db, &minute, "0 requeued 0 retried 2 failed 1 finalized");
    assert_string_equal(step_history(conn, flow.steps[0]), "pending@1 pending>in_progress@2 in_progress>error@3*");
    assert_string_equal(task_history(conn, flow.task_uuid), "pending@1 pending>in_progress@2 in_progress>error@3*");
    assert_string_equal(task_state(conn, wide.task_uuid), "in_progress");
    /* of a task in error nothing is swept; after a reset it is as new */
    assert_status(f->db, tasker_task_reset(f->db, &flow.task_uuid, 1, NULL, NULL), TASKER_OK);
    tasker_free(take_step(f->db, flow.steps[0], TASKER_OK));
}

/* ---- tasks ---- */

/* All done, or blocked, and nobody was there to close it. */
static void test_tasks_left_open(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    settle(f->db);
    made_flow done = make_flow(f->db, "ab", "ab"), resolved = make_flow(f->db, "a", ""),
              blocked = make_flow(f->db, "ab", "ab"), cancelled = make_flow(f->db, "a", ""),
              fresh = make_flow(f->db, "a", ""), waiting = make_flow(f->db, "a", ""),
              running = make_flow(f->db, "a", ""), enqueued = make_flow(f->db, "a", "");
    bring_step(f->db, done.steps[0], TASKER_STATE_COMPLETE);
    bring_step(f->db, done.steps[1], TASKER_STATE_COMPLETE);
    bring_step(f->db, resolved.steps[0], TASKER_STATE_RESOLVED_MANUALLY);
    bring_step(f->db, cancelled.steps[0], TASKER_STATE_CANCELLED);
    bring_step(f->db, running.steps[0], TASKER_STATE_IN_PROGRESS);
    bring_step(f->db, enqueued.steps[0], TASKER_STATE_ENQUEUED);
    const tasker_leases *leases = take_step(f->db, waiting.steps[0], TASKER_OK);
    assert_status(f->db, fail_lease(f->db, leases), TASKER_OK);
    tasker_free(leases);
    leases = take_step(f->db, blocked.steps[0], TASKER_OK);
    tasker_failure failure = {.lease = leases->items[0], .permanent = true};
    assert_status(f->db, tasker_lease_fail(f->db, &failure, 1, NULL), TASKER_OK);
    tasker_free(leases);

    assert_swept(f->db, &patient, "0 requeued 0 retried 0 failed 4 finalized");
    assert_string_equal(task_state(conn, done.task_uuid), "complete");
    assert_string_equal(task_history(conn, resolved.task_uuid),
                        "pending@1 pending>in_progress@2 in_progress>complete@3*");
    assert_string_equal(task_state(conn, blocked.task_uuid), "error");
    assert_string_equal(task_state(conn, cancelled.task_uuid), "error");
    assert_string_equal(task_state(conn, fresh.task_uuid), "pending");
    assert_string_equal(task_state(conn, waiting.task_uuid), "in_progress");
    assert_string_equal(task_state(conn, running.task_uuid), "in_progress");
    assert_string_equal(task_state(conn, enqueued.task_uuid), "in_progress");
    assert_swept(f->db, &patient, "0 requeued 0 retried 0 failed 0 finalized");
}

static void test_no_steps(void **state)
{
    fixture *f = *state;
    settle(f->db);
    made_flow empty = make_flow(f->db, "", "");
    assert_swept(f->db, &patient, "0 requeued 0 retried 0 failed 0 finalized");
    assert_string_equal(task_state(tasker_db_conn(f->db), empty.task_uuid), "pending");
}

/* Steps without a row are pending; a task without one is not found, and closed by whoever closes it by name. */
static void test_without_history(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    settle(f->db);
    made_flow steps = make_flow(f->db, "ab", ""), task = make_flow(f->db, "a", "");
    bring_step(f->db, steps.steps[0], TASKER_STATE_COMPLETE);
    bring_step(f->db, task.steps[0], TASKER_STATE_RESOLVED_MANUALLY);
    tell(conn, "DELETE FROM tasker_workflow_step_transitions WHERE workflow_step_uuid = '%s'", text_of(steps.steps[1]));
    tell(conn, "DELETE FROM tasker_task_transitions WHERE task_uuid = '%s'", text_of(task.task_uuid));
    assert_swept(f->db, &patient, "0 requeued 0 retried 0 failed 0 finalized");
    bring_step(f->db, steps.steps[1], TASKER_STATE_RESOLVED_MANUALLY);
    assert_swept(f->db, &patient, "0 requeued 0 retried 0 failed 1 finalized");
    assert_status(f->db, tasker_task_finalize(f->db, &task.task_uuid, 1, NULL, NULL), TASKER_OK);
    assert_string_equal(task_history(conn, task.task_uuid), "pending@1 pending>in_progress@2 in_progress>complete@3*");
}

/* ---- limits ---- */

/* Of each kind so many; and ten times as many tasks are looked at in one call, from where the last one ended. */
static void test_limit(void **state)
{
    enum { FLOWS = 25 };
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    settle(f->db);
    tasker_sweep_options two = minute;
    two.limit = 2;
    made_flow flows[FLOWS];
    for (int i = 0; i < FLOWS; i++) {
        flows[i] = make_flow(f->db, "a", "");
        bring_task(f->db, flows[i].task_uuid, TASKER_STATE_IN_PROGRESS);
        if (i % 5 != 4) /* the last one is behind 20 others */
            continue;
        bring_step(f->db, flows[i].steps[0], TASKER_STATE_IN_PROGRESS);
        age_step(conn, flows[i].steps[0], 100);
    }
    tasker_db *db = db_test_open(f); /* it begins at the beginning */
    tasker_sweep swept;
    int64_t retried = 0;
    for (int calls = 0; calls < 1000; calls++) {
        assert_true(tasker_status_is_done(tasker_sweep_run(db, &two, &swept)));
        assert_in_range(swept.retried, 0, 2);
        retried += swept.retried;
        if (!swept.more)
            break;
    }
    assert_int_equal(retried, FLOWS / 5);
    assert_swept(db, &two, "0 requeued 0 retried 0 failed 0 finalized");
    tasker_db_close(db);
}

/* ---- arguments, transactions, pipelines ---- */

static void test_bad_options(void **state)
{
    fixture *f = *state;
    tasker_sweep out = {.requeued = 7};
    static const tasker_sweep_options bad[] = {{.limit = -1},
                                               {.step_timeout_seconds = -1},
                                               {.enqueued_timeout_seconds = INT32_MIN},
                                               {.actor = TASKER_TEXT("\xff")}};
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_status(f->db, tasker_sweep_run(f->db, &bad[i], &out), TASKER_INVALID_ARGUMENT);
    char name[200];
    memset(name, 'x', sizeof name);
    tasker_sweep_options o = {.actor = {name, sizeof name}};
    assert_status(f->db, tasker_sweep_run(f->db, &o, &out), TASKER_TOO_LONG);
    o = (tasker_sweep_options){.limit = INT32_MAX};
    assert_status(f->db, tasker_sweep_run(f->db, &o, &out), TASKER_LIMIT_EXCEEDED);
    o = (tasker_sweep_options){.reserved = {0, 1}};
    assert_status(f->db, tasker_sweep_run(f->db, &o, &out), TASKER_UNSUPPORTED);
    assert_int_equal(out.requeued, 7);
    assert_true(tasker_status_is_done(tasker_sweep_run(f->db, NULL, NULL)));
}

static void test_in_a_transaction(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    settle(f->db);
    made_flow flow = make_flow_limited(f->db, 1);
    tasker_free(take_step(f->db, flow.steps[0], TASKER_OK));
    age_step(conn, flow.steps[0], 100);
    for (int round = 0; round < 2; round++) {
        assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
        assert_swept(f->db, &minute, "0 requeued 0 retried 1 failed 1 finalized");
        assert_status(f->db, round == 0 ? tasker_db_rollback(f->db) : tasker_db_commit(f->db), TASKER_OK);
        assert_string_equal(task_state(conn, flow.task_uuid), round == 0 ? "in_progress" : "error");
    }
}

static void test_in_a_pipeline(void **state)
{
    fixture *f = *state;
    settle(f->db);
    made_flow flow = make_flow_limited(f->db, 1);
    tasker_free(take_step(f->db, flow.steps[0], TASKER_OK));
    age_step(tasker_db_conn(f->db), flow.steps[0], 100);
    tasker_pipeline *pipeline = NULL;
    tasker_sweep swept = {0};
    assert_status(f->db, tasker_pipeline_open(f->db, NULL, &pipeline), TASKER_OK);
    assert_int_equal(tasker_sweep_run(tasker_pipeline_db(pipeline), &minute, &swept), TASKER_QUEUED);
    assert_int_equal(tasker_pipeline_run(pipeline), TASKER_OK);
    tasker_pipeline_close(pipeline);
    assert_string_equal(sweep_text(swept), "0 requeued 0 retried 1 failed 1 finalized");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lease_that_has_ended),
        cmocka_unit_test(test_time_out),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_last_attempt),
        cmocka_unit_test(test_tasks_left_open),
        cmocka_unit_test(test_no_steps),
        cmocka_unit_test(test_without_history),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_bad_options),
        cmocka_unit_test(test_in_a_transaction),
        cmocka_unit_test(test_in_a_pipeline),
    };
    return db_test_run(tests);
}
