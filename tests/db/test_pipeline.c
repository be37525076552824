/* SPDX-License-Identifier: MIT */
/*
 * Pipelines: queued calls get the same answers as blocking ones, in one flush, and every failure stays with its call.
 */
#include <poll.h>
#include <tasker/pipeline.h>
#include "flow_test.h"

static const tasker_lease_options by_w = {.worker = TASKER_TEXT("w")};

static tasker_pipeline *open_pipeline(tasker_db *db)
{
    tasker_pipeline *pipeline;
    assert_status(db, tasker_pipeline_open(db, NULL, &pipeline), TASKER_OK);
    return pipeline;
}

static tasker_status status_of(const tasker_pipeline *pipeline, size_t index)
{
    return tasker_pipeline_error(pipeline, index)->status;
}

static void test_mixed_calls(void **state)
{
    tasker_db *db = ((fixture *)*state)->db;
    made_flow flow = make_flow(db, "ab", "ab");
    tasker_pipeline *pipeline = open_pipeline(db);
    tasker_db *queue = tasker_pipeline_db(pipeline);
    const tasker_task *task = NULL, *none = NULL;
    const tasker_task_namespace *unnamed = NULL;
    const tasker_leases *leases = NULL;
    tasker_outcome taken[2] = {0}, closed = {0};
    tasker_time now = {0};
    tasker_uuid unknown = {{1}};

    assert_status(queue, tasker_task_get(queue, &flow.task_uuid, &task), TASKER_QUEUED);
    assert_status(queue, tasker_task_namespace_find_by_name(queue, tasker_text_of("nobody"), &unnamed), TASKER_QUEUED);
    assert_status(queue, tasker_lease_take_steps(queue, flow.steps, 2, &by_w, taken, &leases), TASKER_QUEUED);
    assert_status(queue, tasker_task_get(queue, &unknown, &none), TASKER_QUEUED);
    assert_status(queue, tasker_task_finalize(queue, &flow.task_uuid, 1, NULL, &closed), TASKER_QUEUED);
    assert_status(queue, tasker_db_now(queue, &now), TASKER_QUEUED);
    assert_null(task);
    assert_int_equal(tasker_pipeline_done(pipeline), 0);
    assert_int_equal(status_of(pipeline, 0), TASKER_AGAIN);
    assert_null(tasker_pipeline_error(pipeline, 6));

    assert_status(db, tasker_pipeline_run(pipeline), TASKER_GUARD_FAILED);
    assert_int_equal(tasker_pipeline_done(pipeline), 6);
    assert_int_equal(status_of(pipeline, 0), TASKER_OK);
    assert_true(tasker_uuid_equal(&task->task_uuid, &flow.task_uuid));
    assert_int_equal(status_of(pipeline, 1), TASKER_OK);
    assert_null(unnamed);
    assert_int_equal(status_of(pipeline, 2), TASKER_GUARD_FAILED);
    assert_int_equal(taken[0].status, TASKER_OK);
    assert_int_equal(taken[1].status, TASKER_GUARD_FAILED);
    assert_int_equal(leases->count, 1);
    assert_int_equal(status_of(pipeline, 3), TASKER_NOT_FOUND);
    assert_int_equal(status_of(pipeline, 4), TASKER_NOOP);
    assert_int_equal(closed.execution_status, TASKER_EXECUTION_STATUS_PROCESSING);
    assert_true(now.us > 0);
    tasker_free(task);
    tasker_free(leases);
    tasker_pipeline_close(pipeline);
    assert_status(db, tasker_db_ping(db), TASKER_OK);
}

static void test_what_cannot_be_queued(void **state)
{
    tasker_db *db = ((fixture *)*state)->db;
    tasker_pipeline *pipeline = open_pipeline(db), *nested = NULL;
    tasker_db *queue = tasker_pipeline_db(pipeline);
    const tasker_task *task = NULL;
    tasker_workflow_input input = {0};
    assert_status(queue, tasker_db_begin(queue, NULL), TASKER_UNSUPPORTED);
    assert_status(queue, tasker_db_commit(queue), TASKER_UNSUPPORTED);
    assert_status(queue, tasker_db_recover(queue), TASKER_UNSUPPORTED);
    assert_status(queue, tasker_workflow_create(queue, &input, NULL), TASKER_UNSUPPORTED);
    assert_status(queue, tasker_pipeline_open(queue, NULL, &nested), TASKER_UNSUPPORTED);
    assert_status(queue, tasker_task_get(queue, NULL, &task), TASKER_INVALID_ARGUMENT);
    assert_message(queue, "task_uuid");
    tasker_db_close(queue); /* borrowed: nothing happens */
    assert_status(db, tasker_pipeline_run(pipeline), TASKER_NOOP);
    tasker_pipeline_close(pipeline);
    tasker_pipeline_close(NULL);
}

static void test_inputs_are_borrowed_for_the_call_only(void **state)
{
    tasker_db *db = ((fixture *)*state)->db;
    tasker_pipeline *pipeline = open_pipeline(db);
    tasker_db *queue = tasker_pipeline_db(pipeline);
    const tasker_task_namespace *made = NULL, *again = NULL;
    char name[] = "queued", description[] = "kept";
    tasker_task_namespace_input input = {.name = tasker_text_of(name), .description = tasker_text_of(description)};
    assert_status(queue, tasker_task_namespace_create(queue, &input, &made), TASKER_QUEUED);
    assert_status(queue, tasker_task_namespace_create(queue, &input, &again), TASKER_QUEUED);
    memset(name, 'x', sizeof name - 1);
    memset(description, 'x', sizeof description - 1);
    memset(&input, 0, sizeof input);
    assert_status(db, tasker_pipeline_run(pipeline), TASKER_DUPLICATE);
    assert_string_equal(made->name.ptr, "queued");
    assert_string_equal(made->description.ptr, "kept");
    assert_null(again);
    assert_int_equal(status_of(pipeline, 1), TASKER_DUPLICATE);
    tasker_free(made);
    tasker_pipeline_close(pipeline);
}

static void test_steps_in_an_event_loop(void **state)
{
    tasker_db *db = ((fixture *)*state)->db;
    tasker_pipeline *pipeline = open_pipeline(db);
    tasker_db *queue = tasker_pipeline_db(pipeline);
    assert_int_equal(tasker_pipeline_want(pipeline), TASKER_WANT_NOTHING);
    for (int round = 0; round < 3; round++) {
        tasker_time now[20] = {{0}};
        tasker_status status;
        int again = 0, busy = 0;
        for (int i = 0; i < 20; i++)
            assert_status(queue, tasker_db_now(queue, &now[i]), TASKER_QUEUED);
        while ((status = tasker_pipeline_step(pipeline)) == TASKER_AGAIN) {
            struct pollfd fd = {tasker_pipeline_fd(pipeline), POLLIN, 0};
            assert_int_not_equal(tasker_pipeline_want(pipeline), TASKER_WANT_NOTHING);
            again++;
            busy += tasker_db_ping(db) == TASKER_BUSY;
            poll(&fd, 1, tasker_pipeline_wait_ms(pipeline));
        }
        assert_int_equal(status, TASKER_OK);
        assert_int_equal(busy, again); /* in flight the link is taken */
        for (int i = 1; i < 20; i++)
            assert_true(now[i].us >= now[i - 1].us && now[0].us > 0);
        tasker_pipeline_reset(pipeline);
        assert_int_equal(tasker_pipeline_done(pipeline), 0);
    }
    tasker_pipeline_close(pipeline);
}

/* A server error belongs to its call; the ones around it are transactions of their own. */
static void test_failures_stay_apart(void **state)
{
    tasker_db *db = ((fixture *)*state)->db;
    tasker_pipeline *pipeline = open_pipeline(db);
    tasker_db *queue = tasker_pipeline_db(pipeline);
    const tasker_task_namespace *before = NULL, *after = NULL;
    const tasker_named_step *orphan = NULL;
    tasker_task_namespace_input first = {.name = TASKER_TEXT("before")}, second = {.name = TASKER_TEXT("after")};
    tasker_named_step_input lost = {.dependent_system_uuid = {{7}}, .name = TASKER_TEXT("lost")};
    assert_status(queue, tasker_task_namespace_create(queue, &first, &before), TASKER_QUEUED);
    assert_status(queue, tasker_named_step_create(queue, &lost, &orphan), TASKER_QUEUED);
    assert_status(queue, tasker_task_namespace_create(queue, &second, &after), TASKER_QUEUED);
    assert_status(db, tasker_pipeline_run(pipeline), TASKER_REFERENCE_MISSING);
    assert_non_null(before);
    assert_null(orphan);
    assert_non_null(after);
    assert_string_equal(tasker_pipeline_error(pipeline, 1)->sqlstate, "23503");
    tasker_free(before);
    tasker_free(after);
    tasker_pipeline_close(pipeline);
}

static bool is_there(tasker_db *db, const char *name)
{
    const tasker_task_namespace *found = NULL;
    assert_status(db, tasker_task_namespace_find_by_name(db, tasker_text_of(name), &found), TASKER_OK);
    tasker_free(found);
    return found != NULL;
}

static void queue_namespace(tasker_db *queue, const char *name)
{
    const tasker_task_namespace_input input = {.name = tasker_text_of(name)};
    assert_status(queue, tasker_task_namespace_create(queue, &input, NULL), TASKER_QUEUED);
}

/* Two groups, with a call between them that is in none: what fails takes its own group along, and no more. */
static void test_together(void **state)
{
    tasker_db *db = ((fixture *)*state)->db;
    tasker_pipeline *pipeline = open_pipeline(db);
    tasker_db *queue = tasker_pipeline_db(pipeline);
    tasker_named_step_input lost = {.dependent_system_uuid = {{7}}, .name = TASKER_TEXT("lost")};
    static const tasker_status expected[] = {TASKER_RETRY, TASKER_REFERENCE_MISSING, TASKER_RETRY, TASKER_OK, TASKER_OK,
                                             TASKER_OK};
    tasker_pipeline_together(pipeline, true);
    queue_namespace(queue, "undone_1");
    assert_status(queue, tasker_named_step_create(queue, &lost, NULL), TASKER_QUEUED);
    queue_namespace(queue, "undone_2");
    tasker_pipeline_together(pipeline, false);
    queue_namespace(queue, "alone");
    tasker_pipeline_together(pipeline, true);
    queue_namespace(queue, "done_1");
    queue_namespace(queue, "done_2");
    assert_status(db, tasker_pipeline_run(pipeline), TASKER_RETRY);
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        assert_int_equal(status_of(pipeline, i), expected[i]);
    assert_string_equal(tasker_pipeline_error(pipeline, 1)->sqlstate, "23503");
    assert_string_equal(tasker_pipeline_error(pipeline, 0)->sqlstate, "");
    assert_false(is_there(db, "undone_1") || is_there(db, "undone_2"));
    assert_true(is_there(db, "alone") && is_there(db, "done_1") && is_there(db, "done_2"));
    assert_int_equal(ask_number(tasker_db_conn(db), "SELECT count(DISTINCT xmin::text) FROM tasker_task_namespaces"
                                                    " WHERE name IN ('alone', 'done_1', 'done_2')"),
                     2);
    tasker_pipeline_close(pipeline);
}

/* All of the group goes once more, and none of it twice. */
static void test_together_heals(void **state)
{
    tasker_db *db = ((fixture *)*state)->db;
    tasker_pipeline *pipeline = open_pipeline(db);
    tasker_db *queue = tasker_pipeline_db(pipeline);
    tasker_time now = {0};
    assert_status(db, tasker_db_now(db, &now), TASKER_OK);
    assert_false(is_there(db, "healed_group"));
    PQclear(PQexec(tasker_db_conn(db), "DEALLOCATE ALL"));
    now.us = 0;
    tasker_pipeline_together(pipeline, true);
    queue_namespace(queue, "healed_group");
    assert_status(queue, tasker_db_now(queue, &now), TASKER_QUEUED);
    assert_status(db, tasker_pipeline_run(pipeline), TASKER_OK);
    assert_true(now.us > 0);
    assert_true(is_there(db, "healed_group"));
    tasker_pipeline_close(pipeline);
}

/* The link goes before the commit's answer: every call of the group is in doubt, or none was done. */
static void test_together_in_doubt(void **state)
{
    const fixture *f = *state;
    tasker_db *db = db_test_open(f);
    PGconn *blocker = db_test_psql(f);
    made_flow flow = make_flow(db, "a", "");
    tasker_outcome outcome = {0};
    tasker_pipeline *pipeline;
    const tasker_pipeline_options soon = {.timeout_ms = 300};
    tell(blocker, "BEGIN; SELECT 1 FROM tasker_workflow_steps WHERE workflow_step_uuid = '%s' FOR UPDATE",
         text_of(flow.steps[0]));
    assert_status(db, tasker_pipeline_open(db, &soon, &pipeline), TASKER_OK);
    tasker_db *queue = tasker_pipeline_db(pipeline);
    tasker_pipeline_together(pipeline, true);
    queue_namespace(queue, "doubted");
    assert_status(queue, tasker_lease_take_steps(queue, flow.steps, 1, &by_w, &outcome, NULL), TASKER_QUEUED);
    assert_status(db, tasker_pipeline_run(pipeline), TASKER_IN_DOUBT);
    assert_int_equal(status_of(pipeline, 0), TASKER_IN_DOUBT);
    assert_int_equal(status_of(pipeline, 1), TASKER_IN_DOUBT);
    tell(blocker, "ROLLBACK");
    tasker_pipeline_close(pipeline);
    PQfinish(blocker);
    tasker_db_close(db);
}

static void test_inside_a_transaction(void **state)
{
    tasker_db *db = ((fixture *)*state)->db;
    tasker_pipeline *pipeline = open_pipeline(db);
    tasker_db *queue = tasker_pipeline_db(pipeline);
    const tasker_task_namespace *found = NULL;
    tasker_task_namespace_input input = {.name = TASKER_TEXT("undone")};
    assert_status(db, tasker_db_begin(db, NULL), TASKER_OK);
    assert_status(queue, tasker_task_namespace_create(queue, &input, NULL), TASKER_QUEUED);
    assert_status(db, tasker_pipeline_run(pipeline), TASKER_OK);
    assert_status(db, tasker_db_rollback(db), TASKER_OK);
    assert_status(db, tasker_task_namespace_find_by_name(db, input.name, &found), TASKER_OK);
    assert_null(found);
    tasker_pipeline_close(pipeline);
}

/* Statements that the session lost are prepared anew, and each call still runs once. */
static void test_lost_statements_heal(void **state)
{
    tasker_db *db = ((fixture *)*state)->db;
    tasker_pipeline *pipeline = open_pipeline(db);
    tasker_db *queue = tasker_pipeline_db(pipeline);
    tasker_task_namespace_input input = {.name = TASKER_TEXT("healed")};
    tasker_time now = {0};
    assert_status(db, tasker_db_now(db, &now), TASKER_OK);
    PQclear(PQexec(tasker_db_conn(db), "DEALLOCATE ALL"));
    now.us = 0;
    assert_status(queue, tasker_db_now(queue, &now), TASKER_QUEUED);
    assert_status(queue, tasker_task_namespace_create(queue, &input, NULL), TASKER_QUEUED);
    assert_status(db, tasker_pipeline_run(pipeline), TASKER_OK);
    assert_true(now.us > 0);
    assert_false(tasker_db_session(db)->unprepared);
    tasker_pipeline_close(pipeline);
}

static void test_deadline_and_close_in_flight(void **state)
{
    const fixture *f = *state;
    tasker_db *db = db_test_open(f);
    PGconn *blocker = db_test_psql(f);
    made_flow flow = make_flow(db, "a", "");
    tell(blocker, "BEGIN; SELECT 1 FROM tasker_workflow_steps WHERE workflow_step_uuid = '%s' FOR UPDATE",
         text_of(flow.steps[0]));
    tasker_pipeline *pipeline;
    const tasker_pipeline_options soon = {.timeout_ms = 200};
    assert_status(db, tasker_pipeline_open(db, &soon, &pipeline), TASKER_OK);
    tasker_db *queue = tasker_pipeline_db(pipeline);
    tasker_time now = {0};
    tasker_outcome outcome = {0};
    assert_status(queue, tasker_db_now(queue, &now), TASKER_QUEUED);
    assert_status(queue, tasker_lease_take_steps(queue, flow.steps, 1, &by_w, &outcome, NULL), TASKER_QUEUED);
    assert_status(db, tasker_pipeline_run(pipeline), TASKER_IN_DOUBT);
    assert_int_equal(status_of(pipeline, 0), TASKER_OK);
    assert_int_equal(status_of(pipeline, 1), TASKER_IN_DOUBT);
    assert_status(db, tasker_db_ping(db), TASKER_TAINTED);
    tell(blocker, "ROLLBACK");
    assert_status(db, tasker_db_recover(db), TASKER_OK);
    assert_status(db, tasker_lease_take_steps(db, flow.steps, 1, &by_w, &outcome, NULL), TASKER_OK);
    tasker_pipeline_reset(pipeline);

    tell(blocker, "BEGIN; LOCK TABLE tasker_workflow_steps");
    outcome = (tasker_outcome){0};
    assert_status(queue, tasker_workflow_step_apply(queue, flow.steps, 1, TASKER_EVENT_CANCEL, NULL, &outcome),
                  TASKER_QUEUED);
    assert_int_equal(tasker_pipeline_step(pipeline), TASKER_AGAIN);
    while (tasker_pipeline_want(pipeline) == TASKER_WANT_BOTH)
        assert_int_equal(tasker_pipeline_step(pipeline), TASKER_AGAIN);
    tasker_pipeline_close(pipeline); /* gives the call up, but it has left */
    assert_int_equal(outcome.status, TASKER_IN_DOUBT);
    assert_status(db, tasker_db_ping(db), TASKER_TAINTED);
    tell(blocker, "ROLLBACK");
    PQfinish(blocker);
    tasker_db_close(db);
}

/* The first call is with the server while the tail has not even left: only the tail is known not to have happened. */
static void test_what_has_left_is_in_doubt(void **state)
{
    enum { CALLS = 60, SIZE = 300000 };
    const fixture *f = *state;
    tasker_db *db = db_test_open_with(f, &(tasker_db_options){.limits = {.json_string = SIZE}});
    PGconn *blocker = db_test_psql(f);
    made_flow flow = make_flow(db, "a", "");
    char *large = malloc(SIZE + 3);
    tasker_outcome outcomes[CALLS] = {0};
    tasker_pipeline *pipeline;
    const tasker_pipeline_options soon = {.timeout_ms = 500};
    tell(blocker, "BEGIN; SELECT 1 FROM tasker_workflow_steps WHERE workflow_step_uuid = '%s' FOR UPDATE",
         text_of(flow.steps[0]));
    assert_status(db, tasker_pipeline_open(db, &soon, &pipeline), TASKER_OK);
    tasker_db *queue = tasker_pipeline_db(pipeline);
    assert_status(queue, tasker_lease_take_steps(queue, flow.steps, 1, &by_w, &outcomes[0], NULL), TASKER_QUEUED);
    memset(large, 'x', SIZE);
    for (int i = 1; i < CALLS; i++) {
        tasker_change change = {.reason = {large, SIZE}};
        assert_status(queue, tasker_task_apply(queue, &flow.task_uuid, 1, TASKER_EVENT_FAIL, &change, &outcomes[i]),
                      TASKER_QUEUED);
    }
    assert_status(db, tasker_pipeline_run(pipeline), TASKER_IN_DOUBT);
    assert_int_equal(outcomes[0].status, TASKER_IN_DOUBT);
    assert_int_equal(outcomes[CALLS - 1].status, TASKER_TIMEOUT);
    tell(blocker, "ROLLBACK");
    tasker_pipeline_close(pipeline);
    assert_status(db, tasker_db_recover(db), TASKER_OK);
    assert_status(db, tasker_lease_take_steps(db, flow.steps, 1, &by_w, &outcomes[0], NULL), TASKER_OK);
    PQfinish(blocker);
    tasker_db_close(db);
    free(large);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mixed_calls),
        cmocka_unit_test(test_what_cannot_be_queued),
        cmocka_unit_test(test_inputs_are_borrowed_for_the_call_only),
        cmocka_unit_test(test_steps_in_an_event_loop),
        cmocka_unit_test(test_failures_stay_apart),
        cmocka_unit_test(test_together),
        cmocka_unit_test(test_together_heals),
        cmocka_unit_test(test_together_in_doubt),
        cmocka_unit_test(test_inside_a_transaction),
        cmocka_unit_test(test_lost_statements_heal),
        cmocka_unit_test(test_deadline_and_close_in_flight),
        cmocka_unit_test(test_what_has_left_is_in_doubt),
    };
    return db_test_run(tests);
}
