/* SPDX-License-Identifier: MIT */
/* Leases of one task alone, taken straight from the ready set, by a call and by a worker. */
#include <tasker/claim.h>
#include "worker_test.h"

static tasker_lease_options of_task(const made_flow *flow, int32_t limit)
{
    return (tasker_lease_options){
        .worker = TASKER_TEXT("w"), .limit = limit, .without_queue = true, .task_uuid = &flow->task_uuid};
}

static const tasker_leases *take(tasker_db *db, const made_flow *flow, int32_t limit, size_t expected)
{
    const tasker_lease_options options = of_task(flow, limit);
    const tasker_leases *leases = NULL;
    assert_status(db, tasker_lease_take(db, &options, &leases), TASKER_OK);
    assert_int_equal(leases->count, expected);
    for (size_t i = 0; i < leases->count; i++)
        assert_uuid(leases->items[i]->task_uuid, flow->task_uuid);
    return leases;
}

static void assert_takes(tasker_db *db, const made_flow *flow, int32_t limit, size_t expected)
{
    tasker_free(take(db, flow, limit, expected));
}

/* What is ready in it and no more, whatever else there is, to the last step. */
static void test_take(void **state)
{
    fixture *f = *state;
    made_flow other = make_flow(f->db, "abc", ""), flow = make_flow(f->db, "abcd", "ac bc cd");
    const tasker_leases *first = take(f->db, &flow, 1, 1), *second = take(f->db, &flow, 10, 1);
    assert_string_equal(task_history(tasker_db_conn(f->db), flow.task_uuid), "pending@1 pending>in_progress@2*");
    assert_takes(f->db, &flow, 10, 0);
    assert_status(f->db, complete_lease(f->db, first), TASKER_OK);
    assert_takes(f->db, &flow, 10, 0);
    assert_status(f->db, complete_lease(f->db, second), TASKER_OK);
    const tasker_leases *third = take(f->db, &flow, 10, 1);
    assert_uuid(third->items[0]->workflow_step_uuid, FLOW_STEP(flow, 'c'));
    assert_int_equal(third->items[0]->attempt, 1);
    assert_status(f->db, fail_lease(f->db, third), TASKER_OK);
    assert_takes(f->db, &flow, 10, 0);
    tasker_free(first), tasker_free(second), tasker_free(third);
    assert_takes(f->db, &other, 2, 2);
    assert_takes(f->db, &other, 10, 1);
}

/* A claim does not hinder, what hinders tasks from beginning does; nor is there anything in a task that is over. */
static void test_tasks(void **state)
{
    static const tasker_claim_options all = {.orchestrator = TASKER_TEXT("o"), .limit = 100};
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    made_flow flow = make_flow(f->db, "a", ""), none = {.task_uuid = new_uuid()};
    const tasker_claims *claims = NULL;
    assert_status(f->db, tasker_claim_take(f->db, &all, &claims), TASKER_OK);
    assert_int_equal(claims->count, 1);
    assert_takes(f->db, &none, 10, 0);
    tasker_time now;
    assert_status(f->db, tasker_db_now(f->db, &now), TASKER_OK);
    assert_status(f->db, tasker_task_delay(f->db, &flow.task_uuid, (tasker_time){now.us + 1000000000}), TASKER_OK);
    assert_takes(f->db, &flow, 10, 0);
    assert_status(f->db, tasker_task_delay(f->db, &flow.task_uuid, (tasker_time){now.us - 1}), TASKER_OK);
    tasker_uuid kind;
    assert_int_equal(tasker_uuid_parse(T(ask(conn, "SELECT named_task_uuid FROM tasker_tasks WHERE task_uuid = '%s'",
                                             text_of(flow.task_uuid))),
                                       NULL, &kind),
                     TASKER_OK);
    assert_status(f->db, tasker_named_task_set_paused(f->db, &kind, true), TASKER_OK);
    assert_takes(f->db, &flow, 10, 0);
    assert_status(f->db, tasker_named_task_set_paused(f->db, &kind, false), TASKER_OK);
    bring_task(f->db, flow.task_uuid, TASKER_STATE_ERROR);
    assert_takes(f->db, &flow, 10, 0);
    assert_status(f->db, tasker_task_reset(f->db, &flow.task_uuid, 1, NULL, NULL), TASKER_OK);
    assert_takes(f->db, &flow, 10, 1);
    assert_status(f->db, tasker_task_cancel(f->db, &flow.task_uuid, 1, NULL, NULL), TASKER_OK);
    assert_takes(f->db, &flow, 10, 0);
    tasker_free(claims);
}

/* Steps that others are just taking, and a task that others just begin, are not waited for. */
static void test_locked(void **state)
{
    fixture *f = *state;
    tasker_db *b = db_test_open_with(f, &(tasker_db_options){.call_timeout_ms = 5000});
    made_flow flow = make_flow(f->db, "abc", "");
    assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
    assert_takes(f->db, &flow, 1, 1);
    assert_takes(b, &flow, 10, 0);
    assert_status(f->db, tasker_db_commit(f->db), TASKER_OK);
    assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
    assert_takes(f->db, &flow, 1, 1);
    assert_takes(b, &flow, 10, 1);
    assert_status(f->db, tasker_db_commit(f->db), TASKER_OK);
    tasker_db_close(b);
}

static void test_bad_options(void **state)
{
    static const tasker_text name = TASKER_TEXT("n");
    fixture *f = *state;
    made_flow flow = make_flow(f->db, "a", "");
    tasker_lease_options queue = of_task(&flow, 1), namespaces = of_task(&flow, 1);
    queue.without_queue = false;
    namespaces.namespace_names = &name;
    namespaces.namespace_name_count = 1;
    assert_status(f->db, tasker_lease_take(f->db, &queue, NULL), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, tasker_lease_take(f->db, &namespaces, NULL), TASKER_INVALID_ARGUMENT);
    assert_message(f->db, "task_uuid");
}

static void do_nothing(tasker_worker *worker, const tasker_lease *lease, void *context)
{
    static const tasker_json done = TASKER_JSON("true");
    const tasker_completion completion = {.lease = lease, .results = done};
    int *count = context;
    if (tasker_worker_complete(worker, &completion) == TASKER_OK && ++*count == 4)
        tasker_worker_stop(worker);
}

static void test_worker(void **state)
{
    place p = make_place(state);
    made_flow other = make_flow(p.f->db, "abc", ""), flow = make_flow(p.f->db, "abcd", "ac bc cd");
    tasker_uuid task_uuid = flow.task_uuid;
    tasker_worker_options options = {.lease = of_task(&flow, 0), .finalize = true};
    options.lease.task_uuid = &task_uuid;
    tasker_worker *worker = NULL;
    int count = 0;
    assert_status(NULL, tasker_worker_open(p.pool, &options, NULL, &worker), TASKER_OK);
    task_uuid = NIL; /* it was borrowed for the call */
    assert_status(NULL, tasker_worker_run(worker, 1, do_nothing, &count), TASKER_OK);
    tasker_worker_close(worker);
    assert_string_equal(task_state(p.conn, flow.task_uuid), "complete");
    assert_string_equal(task_state(p.conn, other.task_uuid), "pending");
    leave_place(&p);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_take),        cmocka_unit_test(test_tasks),  cmocka_unit_test(test_locked),
        cmocka_unit_test(test_bad_options), cmocka_unit_test(test_worker),
    };
    return db_test_run(tests);
}
