/* SPDX-License-Identifier: MIT */
/* What a handle with notify_ready tells listeners, and what it does not bother them with. */
#include <tasker/claim.h>
#include <tasker/listener.h>
#include "flow_test.h"

static const tasker_db_options loud = {.notify_ready = true};

/* How often the ear was told since the last time. */
static int heard(PGconn *ear)
{
    int count = 0;
    PGnotify *notification;
    PQclear(PQexec(ear, "SELECT 1")); /* what was committed before is delivered with the answer */
    while ((notification = PQnotifies(ear)) != NULL) {
        assert_string_equal(notification->extra, "");
        PQfreemem(notification);
        count++;
    }
    return count;
}

static PGconn *listen_to(const fixture *f, const char *channel)
{
    PGconn *ear = db_test_psql(f);
    tell(ear, "LISTEN %s", channel);
    return ear;
}

static void complete(tasker_db *db, tasker_uuid step)
{
    const tasker_leases *leases = take_step(db, step, TASKER_OK);
    assert_status(db, complete_lease(db, leases), TASKER_OK);
    tasker_free(leases);
}

static void test_steps(void **state)
{
    fixture *f = *state;
    PGconn *ear = listen_to(f, "tasker_ready");
    tasker_db *db = db_test_open_with(f, &loud);
    made_flow flow = make_flow(db, "abc", "ab bc");
    assert_int_equal(heard(ear), 1);
    const tasker_leases *leases = take_step(db, flow.steps[0], TASKER_OK);
    assert_int_equal(heard(ear), 0);
    assert_status(db, tasker_lease_extend(db, leases->items, 1, 10, NULL), TASKER_OK);
    assert_int_equal(heard(ear), 0);
    assert_status(db, tasker_lease_release(db, leases->items, 1, NULL), TASKER_OK);
    assert_int_equal(heard(ear), 1);
    tasker_free(leases);
    complete(db, flow.steps[0]);
    assert_int_equal(heard(ear), 1);
    leases = take_step(db, flow.steps[1], TASKER_OK);
    assert_status(db, fail_lease(db, leases), TASKER_OK);
    assert_int_equal(heard(ear), 0); /* it waits for its backoff */
    tasker_free(leases);
    assert_status(db, step_event(db, flow.steps[1], TASKER_EVENT_RESOLVE_MANUALLY), TASKER_OK);
    assert_int_equal(heard(ear), 1);
    complete(db, flow.steps[2]);
    assert_int_equal(heard(ear), 0); /* that was the last one */
    assert_status(db, tasker_workflow_step_reset(db, &flow.steps[2], 1, false, NULL, NULL), TASKER_OK);
    assert_int_equal(heard(ear), 1);
    tasker_db_close(db);
    PQfinish(ear);
}

static void test_tasks(void **state)
{
    static const tasker_claim_options one = {.orchestrator = TASKER_TEXT("o"), .limit = 100};
    fixture *f = *state;
    PGconn *ear = listen_to(f, "tasker_ready");
    tasker_db *db = db_test_open_with(f, &loud);
    made_flow flow = make_flow_limited(db, 1);
    const tasker_leases *leases = take_step(db, flow.steps[0], TASKER_OK);
    assert_status(db, fail_lease(db, leases), TASKER_OK);
    assert_status(db, tasker_task_finalize(db, &flow.task_uuid, 1, NULL, NULL), TASKER_OK);
    tasker_free(leases);
    (void)heard(ear);
    assert_status(db, tasker_task_reset(db, &flow.task_uuid, 1, NULL, NULL), TASKER_OK);
    assert_int_equal(heard(ear), 1);
    const tasker_claims *claims = NULL;
    assert_status(db, tasker_claim_take(db, &one, &claims), TASKER_OK);
    assert_true(claims->count > 0);
    assert_status(db, tasker_claim_extend(db, claims->items, claims->count, NULL), TASKER_OK);
    assert_int_equal(heard(ear), 0);
    assert_status(db, tasker_claim_release(db, claims->items, claims->count, NULL), TASKER_OK);
    assert_int_equal(heard(ear), 1);
    tasker_free(claims);
    tasker_db_close(db);
    PQfinish(ear);
}

/* Equal ones of a transaction are one; those of a transaction that is rolled back are none; and it is asked for. */
static void test_transactions(void **state)
{
    fixture *f = *state;
    PGconn *ear = listen_to(f, "tasker_ready");
    tasker_db *db = db_test_open_with(f, &loud);
    (void)make_flow(f->db, "a", "");
    assert_int_equal(heard(ear), 0);
    for (int commit = 0; commit < 2; commit++) {
        assert_status(db, tasker_db_begin(db, NULL), TASKER_OK);
        (void)make_flow(db, "ab", "");
        (void)make_flow(db, "ab", "ab");
        assert_int_equal(heard(ear), 0);
        assert_status(db, commit ? tasker_db_commit(db) : tasker_db_rollback(db), TASKER_OK);
        assert_int_equal(heard(ear), commit);
    }
    tasker_db_close(db);
    PQfinish(ear);
}

/* Many workflows, in a pipeline, and a listener: not only with a handle that waits. */
static void test_listener(void **state)
{
    static const tasker_listener_options options = {.ready_tasks = true, .poll_ms = 600000};
    static const tasker_step_definition step = {.name = TASKER_TEXT("s")};
    static const tasker_definition definition = {.name = TASKER_TEXT("woken"), .steps = &step, .step_count = 1};
    fixture *f = *state;
    tasker_db *db = db_test_open_with(f, &loud);
    tasker_listener *listener = NULL;
    assert_status(NULL, tasker_listener_open(T(f->conninfo), NULL, &options, NULL, &listener), TASKER_OK);
    tasker_workflow_input inputs[3] = {
        {.definition = &definition}, {.definition = &definition}, {.definition = &definition}};
    const tasker_workflow_ids_list *ids = NULL;
    assert_status(db, tasker_workflow_create_many(db, inputs, 3, &ids), TASKER_OK);
    assert_int_equal(tasker_listener_wait(listener, 600000), TASKER_OK);
    assert_int_equal(tasker_listener_step(listener), TASKER_AGAIN);
    tasker_pipeline *pipeline = NULL;
    const tasker_leases *leases = take_step(db, ids->items[0]->workflow_step_uuids[0], TASKER_OK);
    assert_status(db, tasker_pipeline_open(db, NULL, &pipeline), TASKER_OK);
    assert_int_equal(tasker_lease_release(tasker_pipeline_db(pipeline), leases->items, 1, NULL), TASKER_QUEUED);
    assert_status(db, tasker_pipeline_run(pipeline), TASKER_OK);
    assert_int_equal(tasker_listener_wait(listener, 600000), TASKER_OK);
    tasker_pipeline_close(pipeline);
    tasker_free(leases), tasker_free(ids);
    tasker_listener_close(listener);
    tasker_db_close(db);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steps),
        cmocka_unit_test(test_tasks),
        cmocka_unit_test(test_transactions),
        cmocka_unit_test(test_listener),
    };
    return db_test_run(tests);
}
