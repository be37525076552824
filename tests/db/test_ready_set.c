/* SPDX-License-Identifier: MIT */
/* The ready set under the library's own writes: nothing differs after any of them. */
#include <tasker/claim.h>
#include <tasker/pipeline.h>
#include "ready_set_test.h"

#define GOES(f, call) ANSWERS(f, call, TASKER_OK)
#define ANSWERS(f, call, status)                                                                                       \
    do {                                                                                                               \
        assert_status((f)->db, call, status);                                                                          \
        assert_ready_set(tasker_db_conn((f)->db), #call);                                                              \
    } while (0)

/* The diamond, asleep as far as it has nothing to do. */
static made_flow begin(const fixture *f)
{
    made_flow flow = ready_set_flow(f, "abcde", "ab ac bd cd");
    ready_set_asleep(f);
    return flow;
}

/* Steps that can start now, by their letters. */
static void assert_available(const fixture *f, const char *letters)
{
    assert_string_equal(ask(tasker_db_conn(f->db),
                            "SELECT coalesce(string_agg(letter, '' ORDER BY letter), '') FROM letters"
                            "  JOIN tasker_step_readiness ON workflow_step_uuid = uuid"
                            " WHERE available_at <= utc()"),
                        letters);
}

static void test_create(void **state)
{
    static const tasker_step_definition steps[] = {{.name = TASKER_TEXT("a")}, {.name = TASKER_TEXT("b")}};
    static const tasker_edge_definition edges[] = {{.from = 0, .to = 1}};
    static const tasker_definition full = {
        .name = TASKER_TEXT("full"), .steps = steps, .step_count = 2, .edges = edges, .edge_count = 1};
    static const tasker_definition empty = {.name = TASKER_TEXT("empty")};
    const fixture *f = *state;
    const tasker_workflow_ids *ids = NULL;
    const tasker_workflow_ids_list *list = NULL;
    tasker_workflow_input input = {.definition = &full, .task = {.task_uuid = new_uuid()}};
    ready_set_words(f);
    for (int i = 0; i < 2; i++) { /* the second is a resend */
        GOES(f, tasker_workflow_create(f->db, &input, &ids));
        tasker_free(ids);
    }
    GOES(f, tasker_workflow_create(f->db, &(tasker_workflow_input){.definition = &empty}, NULL));
    tasker_workflow_input many[] = {{.definition = &full},
                                    {.definition = &empty, .task = {.has_priority = true, .priority = 7}},
                                    {.definition = &full}};
    GOES(f, tasker_workflow_create_many(f->db, many, COUNT(many), &list));
    tasker_free(list);
    many[1].task.task_uuid = input.task.task_uuid;
    ANSWERS(f, tasker_workflow_create_many(f->db, many, COUNT(many), &list), TASKER_DUPLICATE);
    assert_int_equal(db_test_count(f, "SELECT count(*) FROM tasker_task_queue WHERE wake_at IS NULL"), 5);
    assert_int_equal(db_test_count(f, "SELECT count(*) FROM tasker_step_readiness WHERE available_at IS NOT NULL"), 3);
    assert_status(f->db, tasker_workflow_delete(f->db, &input.task.task_uuid), TASKER_OK);
    ready_set_clear(f);
}

static void test_attempts(void **state)
{
    const fixture *f = *state;
    made_flow flow = begin(f);
    const tasker_leases *leases = take_step(f->db, FLOW_STEP(flow, 'a'), TASKER_OK);
    assert_ready_set(tasker_db_conn(f->db), "taken");
    GOES(f, fail_lease(f->db, leases));
    assert_available(f, "e");
    tasker_free(leases);
    tell(tasker_db_conn(f->db), "UPDATE tasker_workflow_steps SET last_attempted_at = '2001-01-01';"
                                "UPDATE tasker_workflow_step_transitions SET created_at = '2001-01-01'");
    assert_ready_set(tasker_db_conn(f->db), "the wait is over");
    leases = take_step(f->db, FLOW_STEP(flow, 'a'), TASKER_OK);
    GOES(f, complete_lease(f->db, leases));
    GOES(f, complete_lease(f->db, leases)); /* again */
    assert_available(f, "bce");
    tasker_free(leases);
    tasker_failure failure = {.permanent = true};
    leases = take_step(f->db, FLOW_STEP(flow, 'b'), TASKER_OK);
    failure.lease = leases->items[0];
    GOES(f, tasker_lease_fail(f->db, &failure, 1, NULL));
    ANSWERS(f, step_event(f->db, FLOW_STEP(flow, 'b'), TASKER_EVENT_ENQUEUE), TASKER_INVALID_TRANSITION);
    tasker_free(leases);
    ready_set_clear(f);
}

static void test_events(void **state)
{
    const fixture *f = *state;
    made_flow flow = begin(f);
    tasker_uuid pair[] = {FLOW_STEP(flow, 'c'), FLOW_STEP(flow, 'b')};
    GOES(f, step_event(f->db, FLOW_STEP(flow, 'a'), TASKER_EVENT_ENQUEUE));
    GOES(f, step_event(f->db, FLOW_STEP(flow, 'a'), TASKER_EVENT_START));
    GOES(f, step_event(f->db, FLOW_STEP(flow, 'a'), TASKER_EVENT_COMPLETE));
    assert_available(f, "bce");
    ANSWERS(f, step_event(f->db, FLOW_STEP(flow, 'd'), TASKER_EVENT_START), TASKER_GUARD_FAILED);
    GOES(f, tasker_workflow_step_apply(f->db, pair, 2, TASKER_EVENT_START, NULL, NULL));
    GOES(f, tasker_workflow_step_apply(f->db, pair, 2, TASKER_EVENT_FAIL, NULL, NULL));
    GOES(f, step_event(f->db, FLOW_STEP(flow, 'b'), TASKER_EVENT_RETRY));
    GOES(f, tasker_workflow_step_apply(f->db, pair, 2, TASKER_EVENT_RESOLVE_MANUALLY, NULL, NULL));
    assert_available(f, "de");
    GOES(f, tasker_workflow_step_reset(f->db, &FLOW_STEP(flow, 'b'), 1, true, NULL, NULL));
    assert_available(f, "be");
    GOES(f, tasker_workflow_step_reset(f->db, &FLOW_STEP(flow, 'a'), 1, true, NULL, NULL));
    assert_available(f, "ae");
    tell(tasker_db_conn(f->db), "UPDATE tasker_workflow_steps SET skippable = true");
    GOES(f, tasker_workflow_step_skip(f->db, &FLOW_STEP(flow, 'a'), 1, NULL, NULL));
    GOES(f, step_event(f->db, FLOW_STEP(flow, 'c'), TASKER_EVENT_CANCEL));
    GOES(f, tasker_workflow_step_transition_prune(f->db, &FLOW_STEP(flow, 'b'), 1, NULL));
    assert_available(f, "be");
    ready_set_clear(f);
}

/* Histories that tasker-core has not begun: the first row is written on the way. */
static void test_without_history(void **state)
{
    const fixture *f = *state;
    made_flow flow = begin(f);
    PGconn *conn = tasker_db_conn(f->db);
    tell(conn, "DELETE FROM tasker_workflow_step_transitions; DELETE FROM tasker_task_transitions");
    GOES(f, step_event(f->db, FLOW_STEP(flow, 'a'), TASKER_EVENT_START));
    GOES(f, step_event(f->db, FLOW_STEP(flow, 'a'), TASKER_EVENT_COMPLETE));
    tell(conn, "DELETE FROM tasker_task_transitions");
    GOES(f, tasker_task_cancel(f->db, &flow.task_uuid, 1, NULL, NULL));
    ready_set_clear(f);
    flow = begin(f);
    tell(conn,
         "DELETE FROM tasker_task_transitions; SELECT flip_all(ARRAY(SELECT uuid FROM letters WHERE letter <> 'task'),"
         " 'complete')");
    GOES(f, tasker_task_finalize(f->db, &flow.task_uuid, 1, NULL, NULL));
    assert_int_equal(ask_number(conn, "SELECT count(*) FROM tasker_task_queue"), 0);
    ready_set_clear(f);
}

static void test_tasks(void **state)
{
    const fixture *f = *state;
    const tasker_task *task = NULL;
    PGconn *conn = tasker_db_conn(f->db);
    made_flow flow = begin(f);
    tasker_task_input changes = {.has_priority = true, .priority = 9};
    GOES(f, tasker_task_update(f->db, &flow.task_uuid, &changes, &task));
    tasker_free(task);
    GOES(f, task_event(f->db, flow.task_uuid, TASKER_EVENT_START));
    bring_step(f->db, FLOW_STEP(flow, 'a'), TASKER_STATE_IN_PROGRESS);
    GOES(f, step_event(f->db, FLOW_STEP(flow, 'a'), TASKER_EVENT_FAIL));
    GOES(f, task_event(f->db, flow.task_uuid, TASKER_EVENT_FAIL));
    ready_set_asleep(f);
    GOES(f, tasker_task_reset(f->db, &flow.task_uuid, 1, NULL, NULL));
    assert_available(f, "ae");
    bring_step(f->db, FLOW_STEP(flow, 'a'), TASKER_STATE_COMPLETE);
    bring_step(f->db, FLOW_STEP(flow, 'b'), TASKER_STATE_CANCELLED);
    bring_step(f->db, FLOW_STEP(flow, 'c'), TASKER_STATE_COMPLETE);
    ANSWERS(f, tasker_task_finalize(f->db, &flow.task_uuid, 1, NULL, NULL), TASKER_NOOP);
    bring_step(f->db, FLOW_STEP(flow, 'e'), TASKER_STATE_RESOLVED_MANUALLY);
    GOES(f, tasker_task_finalize(f->db, &flow.task_uuid, 1, NULL, NULL)); /* blocked */
    assert_int_equal(ask_number(conn, "SELECT count(*) FROM tasker_task_queue WHERE failed"), 1);
    GOES(f, tasker_task_cancel(f->db, &flow.task_uuid, 1, NULL, NULL));
    assert_int_equal(ask_number(conn, "SELECT count(*) FROM tasker_task_queue"), 0);
    ready_set_clear(f);
    flow = begin(f);
    GOES(f, task_event(f->db, flow.task_uuid, TASKER_EVENT_FAIL));
    GOES(f, tasker_workflow_delete(f->db, &flow.task_uuid));
    tasker_uuid alone = make_task(f->db);
    assert_ready_set(conn, "a task without steps");
    tell(conn, "DELETE FROM tasker_task_transitions");
    GOES(f, tasker_task_delete(f->db, &alone));
    ready_set_clear(f);
}

static void test_rows(void **state)
{
    const fixture *f = *state;
    made_flow flow = begin(f);
    const tasker_workflow_step_edge *edge = NULL;
    const tasker_workflow_step *step = NULL;
    tasker_workflow_step_edge_input ad = {.from_step_uuid = FLOW_STEP(flow, 'a'), .to_step_uuid = FLOW_STEP(flow, 'd')};
    tasker_workflow_step_edge_input eb = {.from_step_uuid = FLOW_STEP(flow, 'e'), .to_step_uuid = FLOW_STEP(flow, 'b')};
    tasker_uuid made = make_step(f->db, flow.task_uuid);
    assert_ready_set(tasker_db_conn(f->db), "a step");
    GOES(f, join_steps(f->db, FLOW_STEP(flow, 'a'), made));
    GOES(f, tasker_workflow_step_edge_create(f->db, &ad, &edge));
    ANSWERS(f,
            tasker_workflow_step_edge_create(f->db,
                                             &(tasker_workflow_step_edge_input){.from_step_uuid = ad.to_step_uuid,
                                                                                .to_step_uuid = ad.from_step_uuid},
                                             NULL),
            TASKER_CYCLE);
    GOES(f, tasker_workflow_step_edge_delete(f->db, &edge->workflow_step_edge_uuid));
    tasker_free(edge);
    for (int i = 0; i < 2; i++) { /* made; found */
        GOES(f, tasker_workflow_step_edge_find_or_create(f->db, &eb, &edge));
        tasker_free(edge);
    }
    bring_step(f->db, FLOW_STEP(flow, 'a'), TASKER_STATE_COMPLETE);
    assert_available(f, "ce");
    ready_set_asleep(f);
    GOES(f, tasker_workflow_step_edge_delete_between(f->db, &eb.from_step_uuid, &eb.to_step_uuid, NULL));
    assert_available(f, "bce");
    GOES(f, tasker_workflow_step_edge_delete_between(f->db, &FLOW_STEP(flow, 'a'), &made, NULL));
    GOES(f, tasker_workflow_step_delete(f->db, &made));
    tasker_workflow_step_input none = {.has_retryable = true, .retryable = false};
    GOES(f, tasker_workflow_step_update(f->db, &FLOW_STEP(flow, 'b'), &none, &step));
    tasker_free(step);
    ready_set_clear(f);
}

static void test_claims(void **state)
{
    const fixture *f = *state;
    const tasker_claim_options options = {.orchestrator = TASKER_TEXT("me"), .limit = 10};
    const tasker_claims *claims = NULL;
    for (int i = 0; i < 3; i++)
        ready_set_flow(f, "abc", "ab");
    GOES(f, tasker_claim_take(f->db, &options, &claims));
    assert_int_equal(claims->count, 3);
    GOES(f, tasker_claim_extend(f->db, claims->items, 3, NULL));
    GOES(f, tasker_claim_release(f->db, claims->items, 2, NULL));
    ANSWERS(f, tasker_claim_release(f->db, claims->items, 2, NULL), TASKER_NOOP);
    tasker_free(claims);
    GOES(f, tasker_claim_take(f->db, &options, &claims));
    assert_int_equal(claims->count, 2);
    tasker_free(claims);
    ready_set_clear(f);
}

/* Several calls share a flush, in a transaction or each with one of its own; one of them is refused. */
static void test_pipeline(void **state)
{
    const fixture *f = *state;
    for (int inside = 0; inside < 2; inside++) {
        made_flow flow = begin(f);
        tasker_pipeline *pipeline = NULL;
        assert_status(f->db, tasker_pipeline_open(f->db, NULL, &pipeline), TASKER_OK);
        tasker_db *queue = tasker_pipeline_db(pipeline);
        if (inside)
            assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
        assert_status(f->db, step_event(queue, FLOW_STEP(flow, 'a'), TASKER_EVENT_START), TASKER_QUEUED);
        assert_status(f->db, step_event(queue, FLOW_STEP(flow, 'd'), TASKER_EVENT_START), TASKER_QUEUED);
        assert_status(f->db, step_event(queue, FLOW_STEP(flow, 'a'), TASKER_EVENT_COMPLETE), TASKER_QUEUED);
        assert_status(f->db, join_steps(queue, FLOW_STEP(flow, 'e'), FLOW_STEP(flow, 'b')), TASKER_QUEUED);
        assert_status(f->db, step_event(queue, FLOW_STEP(flow, 'e'), TASKER_EVENT_START), TASKER_QUEUED);
        ANSWERS(f, tasker_pipeline_run(pipeline), TASKER_GUARD_FAILED);
        if (inside)
            GOES(f, tasker_db_commit(f->db));
        assert_available(f, "c");
        tasker_pipeline_close(pipeline);
        ready_set_clear(f);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_create),          cmocka_unit_test(test_attempts), cmocka_unit_test(test_events),
        cmocka_unit_test(test_without_history), cmocka_unit_test(test_tasks),    cmocka_unit_test(test_rows),
        cmocka_unit_test(test_claims),          cmocka_unit_test(test_pipeline),
    };
    return db_test_run(tests);
}
