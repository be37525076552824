/* SPDX-License-Identifier: MIT */
/* Sweeps: steps that are enqueued and have no message, over each backend. */
#include "queue_test.h"
#include "sweep_test.h"

static const tasker_sweep_options minute = {.step_timeout_seconds = 1000000, .enqueued_timeout_seconds = 60};
static const tasker_step_definition steps[] = {{.name = TASKER_TEXT("a")}, {.name = TASKER_TEXT("b")}};

/* A namespace whose queue is this one; in which case is each step's message. */
static made_flow make_enqueued(tasker_db *db, tasker_text queue)
{
    tasker_definition definition = {.namespace_name = {queue.ptr, queue.len - strlen("_queue")},
                                    .name = TASKER_TEXT("swept"),
                                    .steps = steps,
                                    .step_count = 2};
    made_flow flow = make_flow_by(db, &definition);
    assert_status(db, tasker_workflow_step_enqueue(db, flow.steps, 2, NULL, NULL, NULL), TASKER_OK);
    return flow;
}

static void age_both(const fixture *f, const made_flow *flow, int seconds)
{
    age_step(tasker_db_conn(f->db), flow->steps[0], seconds);
    age_step(tasker_db_conn(f->db), flow->steps[1], seconds);
}

static const tasker_leases *lease(tasker_db *db, tasker_text queue, size_t expected)
{
    const tasker_text name = {queue.ptr, queue.len - strlen("_queue")};
    tasker_lease_options options = {
        .worker = TASKER_TEXT("w"), .limit = 5, .namespace_names = &name, .namespace_name_count = 1};
    const tasker_leases *leases = NULL;
    assert_status(db, tasker_lease_take(db, &options, &leases), TASKER_OK);
    assert_int_equal(leases->count, expected);
    return leases;
}

/* Also a message that somebody reads now, and one that is not to be seen yet. */
static void with_messages(const fixture *f, tasker_db *db, const queue_backend *backend, tasker_text given)
{
    char name[80];
    (void)backend;
    snprintf(name, sizeof name, "%.30s_queue", given.ptr);
    tasker_text queue = T(name);
    assert_true(tasker_status_is_done(tasker_queue_create(db, queue)));
    settle(db);
    made_flow flow = make_enqueued(db, queue);
    assert_swept(db, &minute, "0 requeued 0 retried 0 failed 0 finalized");
    age_both(f, &flow, 100);
    assert_swept(db, &minute, "0 requeued 0 retried 0 failed 0 finalized");
    tasker_free(read_some(db, queue, 1000, 5, 2));
    assert_swept(db, &minute, "0 requeued 0 retried 0 failed 0 finalized");
    remove_flow(tasker_db_conn(f->db), &flow);
}

static void test_with_messages(void **state)
{
    queue_test_each(*state, with_messages);
}

static void without(const fixture *f, tasker_db *db, const queue_backend *backend, tasker_text given)
{
    PGconn *conn = tasker_db_conn(f->db);
    char name[80];
    int64_t number;
    (void)backend;
    snprintf(name, sizeof name, "%.30s_queue", given.ptr);
    tasker_text queue = T(name);
    assert_true(tasker_status_is_done(tasker_queue_create(db, queue)));
    settle(db);
    made_flow flow = make_enqueued(db, queue);
    const tasker_messages *messages = read_some(db, queue, 0, 1, 1); /* one of the two is lost */
    bool first = strstr(messages->items[0]->message.ptr, text_of(flow.steps[0])) != NULL;
    tasker_uuid lost = flow.steps[first ? 0 : 1], other = flow.steps[first ? 1 : 0];
    assert_status(db, tasker_queue_delete(db, queue, &messages->items[0]->msg_id, 1, NULL), TASKER_OK);
    tasker_free(messages);
    assert_swept(db, &minute, "0 requeued 0 retried 0 failed 0 finalized"); /* not yet */
    age_both(f, &flow, 100);
    tasker_sweep_options options = minute;
    options.actor = T("s");
    assert_swept(db, &options, "1 requeued 0 retried 0 failed 0 finalized");
    assert_swept(db, &options, "0 requeued 0 retried 0 failed 0 finalized");
    assert_string_equal(step_history(conn, lost), "pending@1 pending>enqueued@2 enqueued>pending@3*");
    assert_string_equal(ask(conn,
                            "SELECT concat_ws('|', metadata->>'event', metadata->>'actor')"
                            "  FROM tasker_workflow_step_transitions WHERE most_recent AND workflow_step_uuid = '%s'",
                            text_of(lost)),
                        "requeue|s");
    assert_string_equal(step_state(conn, other), "enqueued");
    assert_true(readiness_of(db, lost).ready_for_execution);

    /* it goes out again, with one message, and the first attempt is still to come */
    assert_status(db, tasker_workflow_step_enqueue(db, flow.steps, 2, NULL, NULL, NULL), TASKER_OK);
    const tasker_leases *leases = lease(db, queue, 2);
    assert_int_equal(leases->items[0]->attempt, 1);
    tasker_free(leases);
    assert_status(db, tasker_queue_drop(db, queue), TASKER_OK);

    /* no queue, no messages */
    made_flow lonely = make_flow(db, "a", "");
    assert_status(db, step_event(db, lonely.steps[0], TASKER_EVENT_ENQUEUE), TASKER_OK);
    age_step(conn, lonely.steps[0], 100);
    assert_swept(db, &minute, "1 requeued 0 retried 0 failed 0 finalized");
    assert_status(db, tasker_queue_purge(db, given, &number), TASKER_OK);
}

static void test_without(void **state)
{
    queue_test_each(*state, without);
}

/* A handle without queues sees no messages. */
static void test_no_queues(void **state)
{
    fixture *f = *state;
    settle(f->db);
    made_flow flow = make_flow(f->db, "ab", "");
    bring_step(f->db, flow.steps[0], TASKER_STATE_ENQUEUED);
    age_step(tasker_db_conn(f->db), flow.steps[0], 100);
    tasker_db_options options = {.queue_backend = TASKER_QUEUE_BACKEND_NONE};
    tasker_db *db = db_test_open_with(f, &options);
    assert_swept(db, &minute, "1 requeued 0 retried 0 failed 0 finalized");
    tasker_db_close(db);
}

/* The message was dropped while the task was in error; a reset alone leaves the step enqueued. */
static void test_dropped_in_error(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    const tasker_text queue = TASKER_TEXT("dropped_queue");
    int64_t number;
    assert_true(tasker_status_is_done(tasker_queue_create(f->db, queue)));
    settle(f->db);
    made_flow flow = make_enqueued(f->db, queue);
    assert_status(f->db, task_event(f->db, flow.task_uuid, TASKER_EVENT_FAIL), TASKER_OK);
    assert_status(f->db, tasker_queue_purge(f->db, queue, &number), TASKER_OK);
    age_both(f, &flow, 100);
    assert_swept(f->db, &minute, "0 requeued 0 retried 0 failed 0 finalized");
    assert_status(f->db, tasker_task_reset(f->db, &flow.task_uuid, 1, NULL, NULL), TASKER_OK);
    assert_swept(f->db, &minute, "2 requeued 0 retried 0 failed 0 finalized");
    const tasker_claim_options options = {.orchestrator = TASKER_TEXT("o"), .limit = 1000};
    const tasker_claims *claims = NULL;
    assert_status(f->db, tasker_claim_take(f->db, &options, &claims), TASKER_OK);
    for (size_t i = 0; i < claims->count; i++)
        if (tasker_uuid_equal(&claims->items[i]->task_uuid, &flow.task_uuid))
            assert_status(f->db, tasker_claim_enqueue(f->db, &claims->items[i], 1, NULL, NULL), TASKER_OK);
    tasker_free(claims);
    assert_string_equal(step_state(conn, flow.steps[0]), "enqueued");
    assert_visible(f->db, queue, 2);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_with_messages),
        cmocka_unit_test(test_without),
        cmocka_unit_test(test_no_queues),
        cmocka_unit_test(test_dropped_in_error),
    };
    return db_test_run(tests);
}
