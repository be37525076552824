/* SPDX-License-Identifier: MIT */
/* Results of workers of tasker-core, over each backend: what they do to their steps, and what becomes of the others. */
#include "queue_test.h"
#include "flow_test.h"
#include <pthread.h>
#include <tasker/message.h>
#include <tasker/pipeline.h>

static void send_text(tasker_db *db, tasker_text queue, const char *body)
{
    tasker_message_input message = {.message = tasker_json_of(body)};
    assert_status(db, tasker_queue_send(db, queue, &message, 1, 0, NULL), TASKER_OK);
}

static void assert_applied(tasker_db *db, tasker_text queue, const char *expected)
{
    tasker_exchange x = {.applied = -1};
    char text[96];
    assert_status(db, tasker_result_message_apply(db, queue, 0, &x), TASKER_OK);
    snprintf(text, sizeof text, "%ld applied %ld stale %ld archived%s", (long)x.applied, (long)x.stale,
             (long)x.archived, x.more ? " more" : "");
    assert_string_equal(text, expected);
}

/* ---- what each does ---- */

static const struct {
    const char *status, *more;
    tasker_step_definition settings;
    tasker_state from;
    const char *history, *row;
    const char *task; /* the flow's other step is done */
} results[] = {
    {"Success",
     "\"results\": {\"n\": 1},",
     {.retryable = false},
     TASKER_STATE_IN_PROGRESS,
     "in_progress>complete@3*",
     "processed attempts=1 results={\"n\": 1}",
     "complete"},
    {"Success",
     "\"results\": \"{\\\"n\\\": 1}\",",
     {.retryable = false},
     TASKER_STATE_ENQUEUED,
     "pending>enqueued@2 enqueued>in_progress@3 in_progress>complete@4*",
     "processed attempts=1 results={\"n\": 1}",
     "complete"},
    {"Failed",
     "\"error\": {\"message\": \"boom\", \"error_type\": \"E\", \"context\": {}, \"retryable\": true},",
     {.retryable = false},
     TASKER_STATE_IN_PROGRESS,
     "in_progress>error@3 error>pending@4*",
     "attempts=1 backoff=3",
     "in_progress"},
    {"Failed",
     "",
     {.retryable = false},
     TASKER_STATE_ENQUEUED,
     "in_progress>error@4 error>pending@5*",
     "attempts=1 backoff=2",
     "in_progress"},
    {"Failed",
     "\"error\": {\"message\": \"boom\", \"error_type\": \"E\", \"context\": {}, \"retryable\": false},",
     {.retryable = false},
     TASKER_STATE_IN_PROGRESS,
     "in_progress>error@3*",
     "attempts=1",
     "error"},
    {"Timeout",
     "\"orchestration_metadata\": {\"backoff_hint\": {\"backoff_type\": \"RateLimit\", \"delay_seconds\": 30}},",
     {.retryable = false},
     TASKER_STATE_IN_PROGRESS,
     "in_progress>error@3 error>pending@4*",
     "attempts=1 backoff=31",
     "in_progress"},
    {"Timeout",
     "",
     {.retryable = false},
     TASKER_STATE_IN_PROGRESS,
     "in_progress>error@3 error>pending@4*",
     "attempts=1 backoff=3",
     "in_progress"},
    {"Timeout",
     "",
     {TASKER_SET(retry_limit, 1)},
     TASKER_STATE_IN_PROGRESS,
     "in_progress>error@3*",
     "attempts=1",
     "error"},
    {"Cancelled",
     "",
     {.retryable = false},
     TASKER_STATE_IN_PROGRESS,
     "in_progress>cancelled@3*",
     "attempts=1",
     "error"},
    {"Skipped",
     "",
     {TASKER_SET(skippable, true)},
     TASKER_STATE_IN_PROGRESS,
     "in_progress>resolved_manually@3*",
     "processed attempts=1",
     "complete"},
    {"InProgress",
     "",
     {.retryable = false},
     TASKER_STATE_IN_PROGRESS,
     "pending>in_progress@2*",
     "in_process attempts=1",
     "in_progress"},
};

static void each(const fixture *f, tasker_db *db, const queue_backend *backend, tasker_text queue)
{
    PGconn *conn = tasker_db_conn(f->db);
    for (size_t i = 0; i < COUNT(results); i++) {
        made_flow flow = make_flow_with(f->db, "ab", "", &results[i].settings);
        bring_step(f->db, flow.steps[1], TASKER_STATE_COMPLETE);
        bring_step(f->db, flow.steps[0], results[i].from);
        send_result(db, queue, flow.task_uuid, flow.steps[0], results[i].status, results[i].more);
        send_result(db, queue, flow.task_uuid, flow.steps[1], results[i].status, results[i].more);
        assert_applied(db, queue, "1 applied 1 stale 0 archived");
        const char *history = step_history(conn, flow.steps[0]), *at = strstr(history, results[i].history);
        if (at == NULL || strlen(at) != strlen(results[i].history))
            print_error("%s: %s\n", results[i].status, history);
        assert_true(at != NULL && strlen(at) == strlen(results[i].history));
        assert_string_equal(step_row(conn, flow.steps[0]), results[i].row);
        assert_string_equal(task_state(conn, flow.task_uuid), results[i].task);
        assert_status(db, tasker_result_message_apply(db, queue, 0, NULL), TASKER_NOOP);
    }
    assert_int_equal(count_in(f, backend, 'q', queue), 0);
    assert_int_equal(count_in(f, backend, 'a', queue), 0);
}

static void test_each(void **state)
{
    queue_test_each(*state, each);
}

/* ---- what is no use ---- */

static void archived(const fixture *f, tasker_db *db, const queue_backend *backend, tasker_text queue)
{
    PGconn *conn = tasker_db_conn(f->db);
    made_flow flow = make_flow(f->db, "a", ""), other = make_flow(f->db, "a", "");
    bring_step(f->db, flow.steps[0], TASKER_STATE_IN_PROGRESS);
    send_text(db, queue, "{\"no\": \"result\"}");
    send_text(db, queue, "7");
    send_result(db, queue, other.task_uuid, flow.steps[0], "Success", "");
    send_result(db, queue, other.task_uuid, new_uuid(), "Success", "");
    send_result(db, queue, flow.task_uuid, flow.steps[0], "Skipped", "");
    send_result(db, queue, flow.task_uuid, flow.steps[0], "Exploded", "");
    send_result(db, queue, flow.task_uuid, flow.steps[0], "Success", "");
    send_result(db, queue, flow.task_uuid, flow.steps[0], "Success", ""); /* twice */
    assert_applied(db, queue, "1 applied 0 stale 6 archived more");
    assert_string_equal(task_state(conn, flow.task_uuid), "complete");
    assert_string_equal(task_state(conn, other.task_uuid), "pending");
    assert_int_equal(count_in(f, backend, 'a', queue), 6);
    assert_int_equal(count_in(f, backend, 'q', queue), 1);
    if (backend->headers)
        assert_string_equal(ask(conn,
                                "SELECT string_agg(headers ->> 'archived_because', '; ' ORDER BY msg_id)"
                                "  FROM %s.a_%s WHERE headers ->> 'archived_because' !~ ':'",
                                backend->schema, queue.ptr),
                            "the step is of another task; there is no such step; the step may not be skipped");
    tell(conn, "UPDATE %s.q_%s SET vt = now()", backend->schema, queue.ptr);
    assert_applied(db, queue, "0 applied 1 stale 0 archived");
}

static void test_archived(void **state)
{
    queue_test_each(*state, archived);
}

/* A sign of life: the time of the attempt begins anew, whatever it was. */
static void lives_on(const fixture *f, tasker_db *db, const queue_backend *backend, tasker_text queue)
{
    PGconn *conn = tasker_db_conn(f->db);
    made_flow flow = make_flow(f->db, "a", "");
    (void)backend;
    bring_step(f->db, flow.steps[0], TASKER_STATE_IN_PROGRESS);
    age_step(conn, flow.steps[0], 10000);
    send_result(db, queue, flow.task_uuid, flow.steps[0], "InProgress", "");
    assert_applied(db, queue, "1 applied 0 stale 0 archived");
    assert_string_equal(ask(conn,
                            "SELECT s.claim_id = t.workflow_step_transition_uuid::text AND s.last_attempted_at"
                            " + s.claim_timeout_seconds * interval '1 s' - timezone('UTC', now()) BETWEEN '590 s' AND"
                            " '610 s' FROM tasker_workflow_steps s JOIN tasker_workflow_step_transitions t"
                            " USING (workflow_step_uuid) WHERE t.most_recent AND workflow_step_uuid = '%s'",
                            text_of(flow.steps[0])),
                        "t");
}

static void test_lives_on(void **state)
{
    queue_test_each(*state, lives_on);
}

/* What the server refuses goes the same way, and what came with it is applied. */
static void refused(const fixture *f, tasker_db *db, const queue_backend *backend, tasker_text queue)
{
    PGconn *conn = tasker_db_conn(f->db);
    made_flow flow = make_flow(f->db, "abc", "");
    tell(conn, "ALTER TABLE tasker_workflow_steps ADD CONSTRAINT no_bombs CHECK (results::text !~ 'bomb')");
    for (int i = 0; i < 3; i++) {
        bring_step(f->db, flow.steps[i], TASKER_STATE_IN_PROGRESS);
        send_result(db, queue, flow.task_uuid, flow.steps[i], "Success",
                    i == 1 ? "\"results\": {\"x\": \"bomb\"}," : "");
    }
    send_result(db, queue, flow.task_uuid, flow.steps[0], "Success", ""); /* twice: for the next time */
    assert_applied(db, queue, "2 applied 0 stale 1 archived more");
    assert_int_equal(count_in(f, backend, 'q', queue), 1);
    assert_string_equal(step_state(conn, flow.steps[1]), "in_progress");
    assert_string_equal(step_state(conn, flow.steps[2]), "complete");
    assert_int_equal(count_in(f, backend, 'a', queue), 1);
    tell(conn, "ALTER TABLE tasker_workflow_steps DROP CONSTRAINT no_bombs");
}

static void test_refused(void **state)
{
    queue_test_each(*state, refused);
}

/* ---- transactions, arguments, many at once ---- */

static const tasker_text ours = TASKER_TEXT("orchestration_step_results");

static void test_in_a_transaction(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    made_flow flow = make_flow(f->db, "a", "");
    assert_true(tasker_status_is_done(tasker_queue_create(f->db, ours)));
    bring_step(f->db, flow.steps[0], TASKER_STATE_IN_PROGRESS);
    send_result(f->db, ours, flow.task_uuid, flow.steps[0], "Success", "");
    for (int round = 0; round < 2; round++) {
        assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
        assert_applied(f->db, ours, "1 applied 0 stale 0 archived");
        assert_status(f->db, round == 0 ? tasker_db_rollback(f->db) : tasker_db_commit(f->db), TASKER_OK);
        assert_string_equal(step_state(conn, flow.steps[0]), round == 0 ? "in_progress" : "complete");
    }
    assert_string_equal(task_state(conn, flow.task_uuid), "in_progress");
    assert_status(f->db, tasker_result_message_apply(f->db, ours, 0, NULL), TASKER_NOOP);
}

static void test_bad_arguments(void **state)
{
    fixture *f = *state;
    tasker_exchange x = {.applied = 7};
    tasker_pipeline *pipeline = NULL;
    assert_status(f->db, tasker_result_message_apply(f->db, ours, -1, &x), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, tasker_result_message_apply(f->db, ours, INT32_MAX, &x), TASKER_LIMIT_EXCEEDED);
    assert_status(f->db, tasker_result_message_apply(f->db, T("No Queue"), 1, &x), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, tasker_result_message_apply(f->db, (tasker_text){0}, 1, &x), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, tasker_result_message_apply(f->db, T("nowhere"), 1, &x), TASKER_NOT_FOUND);
    assert_status(f->db, tasker_pipeline_open(f->db, NULL, &pipeline), TASKER_OK);
    assert_int_equal(tasker_result_message_apply(tasker_pipeline_db(pipeline), ours, 1, &x), TASKER_UNSUPPORTED);
    tasker_pipeline_close(pipeline);
    tasker_db *db = db_test_open_with(f, &(tasker_db_options){.queue_backend = TASKER_QUEUE_BACKEND_NONE});
    assert_status(db, tasker_result_message_apply(db, ours, 1, &x), TASKER_NO_QUEUE);
    tasker_db_close(db);
    assert_int_equal(x.applied, 7);
}

enum { APPLIERS = 4, STEPS = 60 };

typedef struct applier {
    pthread_t thread;
    tasker_db *db;
    int64_t applied, stale;
    tasker_status bad;
} applier;

static void *run(void *argument)
{
    applier *a = argument;
    tasker_exchange x = {0};
    tasker_status status;
    while ((status = tasker_result_message_apply(a->db, ours, 7, &x)) == TASKER_OK) {
        a->applied += x.applied;
        a->stale += x.stale;
    }
    a->bad = status;
    return NULL;
}

/* Each result once, whoever reads it; those of one task side by side. */
static void test_many_appliers(void **state)
{
    fixture *f = *state;
    applier appliers[APPLIERS] = {0};
    made_flow flows[STEPS / 3];
    for (int i = 0; i < STEPS / 3; i++) {
        flows[i] = make_flow(f->db, "abc", "");
        for (int k = 0; k < 3; k++) {
            bring_step(f->db, flows[i].steps[k], k == 2 ? TASKER_STATE_ENQUEUED : TASKER_STATE_IN_PROGRESS);
            send_result(f->db, ours, flows[i].task_uuid, flows[i].steps[k], "Success", "");
        }
    }
    for (int i = 0; i < APPLIERS; i++) {
        appliers[i].db = db_test_open(f);
        assert_int_equal(pthread_create(&appliers[i].thread, NULL, run, &appliers[i]), 0);
    }
    int64_t applied = 0, stale = 0;
    for (int i = 0; i < APPLIERS; i++) {
        assert_int_equal(pthread_join(appliers[i].thread, NULL), 0);
        assert_status(appliers[i].db, appliers[i].bad, TASKER_NOOP);
        tasker_db_close(appliers[i].db);
        applied += appliers[i].applied;
        stale += appliers[i].stale;
    }
    assert_int_equal(applied, STEPS);
    assert_int_equal(stale, 0);
    for (int i = 0; i < STEPS / 3; i++)
        assert_string_equal(task_state(tasker_db_conn(f->db), flows[i].task_uuid), "complete");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each),
        cmocka_unit_test(test_archived),
        cmocka_unit_test(test_lives_on),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_in_a_transaction),
        cmocka_unit_test(test_bad_arguments),
        cmocka_unit_test(test_many_appliers),
    };
    return db_test_run(tests);
}
