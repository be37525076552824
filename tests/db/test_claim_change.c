/* SPDX-License-Identifier: MIT */
/* Changes of state under a claim: with it they are what they are without one; who has lost it changes nothing. */
#include <tasker/pipeline.h>
#include "claim_test.h"

#define STEP(id, call)                                                                                                 \
    static tasker_status id(tasker_db *db, const made_flow *flow, const tasker_change *change, tasker_outcome *o)      \
    {                                                                                                                  \
        return call;                                                                                                   \
    }
#define APPLY(id, event) STEP(id, tasker_workflow_step_apply(db, flow->steps, 1, TASKER_EVENT_##event, change, o))
APPLY(enqueue, ENQUEUE)
APPLY(begin_step, START)
APPLY(complete, COMPLETE)
APPLY(fail_step, FAIL)
APPLY(retry, RETRY)
APPLY(cancel, CANCEL)
APPLY(resolve, RESOLVE_MANUALLY)
STEP(hand_over,
     tasker_workflow_step_enqueue(db, flow->steps, 1, &(tasker_enqueue_options){.without_message = true}, change, o))
STEP(skip_step, tasker_workflow_step_skip(db, flow->steps, 1, change, o))
STEP(reset, tasker_workflow_step_reset(db, flow->steps, 1, false, change, o))
STEP(reset_all, tasker_workflow_step_reset(db, flow->steps, 1, true, change, o))
STEP(begin_task, tasker_task_apply(db, &flow->task_uuid, 1, TASKER_EVENT_START, change, o))
STEP(fail_task, tasker_task_apply(db, &flow->task_uuid, 1, TASKER_EVENT_FAIL, change, o))
STEP(cancel_task, tasker_task_cancel(db, &flow->task_uuid, 1, change, o))
STEP(reset_task, tasker_task_reset(db, &flow->task_uuid, 1, change, o))

static const struct operation {
    const char *name;
    tasker_status (*call)(tasker_db *db, const made_flow *flow, const tasker_change *change, tasker_outcome *o);
    tasker_state step, task; /* where they stand before */
} operations[] = {
    {"enqueue", enqueue, TASKER_STATE_PENDING, TASKER_STATE_PENDING},
    {"hand over", hand_over, TASKER_STATE_PENDING, TASKER_STATE_PENDING},
    {"start", begin_step, TASKER_STATE_PENDING, TASKER_STATE_PENDING},
    {"start an enqueued one", begin_step, TASKER_STATE_ENQUEUED, TASKER_STATE_PENDING},
    {"complete", complete, TASKER_STATE_IN_PROGRESS, TASKER_STATE_PENDING},
    {"fail", fail_step, TASKER_STATE_IN_PROGRESS, TASKER_STATE_PENDING},
    {"retry", retry, TASKER_STATE_ERROR, TASKER_STATE_PENDING},
    {"cancel", cancel, TASKER_STATE_PENDING, TASKER_STATE_PENDING},
    {"resolve", resolve, TASKER_STATE_ERROR, TASKER_STATE_PENDING},
    {"skip", skip_step, TASKER_STATE_PENDING, TASKER_STATE_PENDING},
    {"reset", reset, TASKER_STATE_ERROR, TASKER_STATE_PENDING},
    {"reset with descendants", reset_all, TASKER_STATE_CANCELLED, TASKER_STATE_PENDING},
    {"start the task", begin_task, TASKER_STATE_PENDING, TASKER_STATE_PENDING},
    {"fail the task", fail_task, TASKER_STATE_PENDING, TASKER_STATE_IN_PROGRESS},
    {"cancel the task", cancel_task, TASKER_STATE_PENDING, TASKER_STATE_IN_PROGRESS},
    {"cancel what is left of it", cancel_task, TASKER_STATE_PENDING, TASKER_STATE_CANCELLED},
    {"reset the task", reset_task, TASKER_STATE_PENDING, TASKER_STATE_ERROR},
};

static made_flow make_for(tasker_db *db, const struct operation *o)
{
    tasker_step_definition settings = {TASKER_SET(skippable, true)};
    made_flow flow = make_flow_with(db, "ab", "ab", &settings);
    bring_step(db, flow.steps[0], o->step);
    if (o->task == TASKER_STATE_PENDING || strcmp(task_state(tasker_db_conn(db), flow.task_uuid), "pending") == 0)
        bring_task(db, flow.task_uuid, o->task);
    return flow;
}

/* ---- each operation, with each thing that can have happened to the claim ---- */

static tasker_claim held(PGconn *conn, const made_flow *flow)
{
    return hold(conn, flow->task_uuid);
}

/* Its time is over, and nobody has taken the task. */
static tasker_claim run_out(PGconn *conn, const made_flow *flow)
{
    tasker_claim claim = hold(conn, flow->task_uuid);
    shift_claim(conn, flow->task_uuid, 3600);
    return claim;
}

static tasker_claim taken_by_another(PGconn *conn, const made_flow *flow)
{
    tasker_claim claim = hold(conn, flow->task_uuid);
    hold(conn, flow->task_uuid);
    return claim;
}

/* As tasker-core gives claims back: what there is of a token stays. */
static tasker_claim released(PGconn *conn, const made_flow *flow)
{
    tasker_claim claim = hold(conn, flow->task_uuid);
    tell(conn, "UPDATE tasker_tasks SET claimed_at = NULL, claimed_by = NULL WHERE task_uuid = '%s'",
         text_of(flow->task_uuid));
    return claim;
}

/* As tasker-core's own function takes it. */
static tasker_claim taken_without_token(PGconn *conn, const made_flow *flow)
{
    tasker_claim claim = hold(conn, flow->task_uuid);
    tell(conn, "UPDATE tasker_tasks SET claim_id = NULL WHERE task_uuid = '%s'", text_of(flow->task_uuid));
    return claim;
}

/* As tasker_claim_query tells it. */
static tasker_claim looked_at(PGconn *conn, const made_flow *flow)
{
    tasker_claim claim = hold(conn, flow->task_uuid);
    claim.token = (tasker_claim_token){0};
    return claim;
}

static tasker_claim none_there(PGconn *conn, const made_flow *flow)
{
    (void)conn;
    return (tasker_claim){.task_uuid = flow->task_uuid, .token = {new_uuid()}};
}

static tasker_claim of_another_task(PGconn *conn, const made_flow *flow)
{
    tasker_uuid other;
    const char *first = ask(conn, "SELECT task_uuid FROM tasker_tasks ORDER BY task_uuid LIMIT 1");
    hold(conn, flow->task_uuid);
    assert_int_equal(tasker_uuid_parse(tasker_text_of(first), NULL, &other), TASKER_OK);
    return hold(conn, other);
}

static const struct {
    const char *name;
    tasker_claim (*make)(PGconn *conn, const made_flow *flow);
    bool good;
} claims[] = {
    {"held", held, true},
    {"run out", run_out, true},
    {"taken by another", taken_by_another, false},
    {"released", released, false},
    {"taken without token", taken_without_token, false},
    {"looked at", looked_at, false},
    {"none", none_there, false},
    {"of another task", of_another_task, false},
};

static void test_each_operation(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    make_flow(f->db, "a", ""); /* another task */
    for (size_t i = 0; i < COUNT(operations) * COUNT(claims); i += f->foreign ? 3 : 1) {
        const struct operation *o = &operations[i / COUNT(claims)];
        size_t c = i % COUNT(claims);
        made_flow flow = make_for(f->db, o);
        tasker_claim claim = claims[c].make(conn, &flow);
        tasker_change change = {.claim = &claim, .actor = TASKER_TEXT("o")};
        tasker_outcome outcome = {0};
        const char *before = all_of(conn, flow.task_uuid);
        tasker_status status = o->call(f->db, &flow, &change, &outcome);
        if (status != (claims[c].good ? TASKER_OK : TASKER_CONFLICT))
            print_error("%s under a claim that is %s: %s\n", o->name, claims[c].name, tasker_status_name(status));
        assert_int_equal(status, claims[c].good ? TASKER_OK : TASKER_CONFLICT);
        assert_int_equal(outcome.status, status);
        assert_int_equal(outcome.moved > 0, claims[c].good);
        assert_int_equal(strcmp(all_of(conn, flow.task_uuid), before) != 0, claims[c].good);
    }
}

/* The first row of a history is not written for who has lost the claim either. */
static void test_without_history(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    for (size_t i = 0; i < COUNT(operations); i++) {
        const struct operation *o = &operations[i];
        if (o->step != TASKER_STATE_PENDING || o->task != TASKER_STATE_PENDING)
            continue;
        made_flow flow = make_for(f->db, o);
        forget_history(conn, &flow);
        tasker_claim claim = hold(conn, flow.task_uuid), lost = claim;
        tasker_change change = {.claim = &claim}, too_late = {.claim = &lost};
        lost.token.uuid = new_uuid();
        const char *before = all_of(conn, flow.task_uuid);
        assert_status(f->db, o->call(f->db, &flow, &too_late, NULL), TASKER_CONFLICT);
        assert_string_equal(all_of(conn, flow.task_uuid), before);
        assert_status(f->db, o->call(f->db, &flow, &change, NULL), TASKER_OK);
    }
}

/* ---- what the answers mean ---- */

/* Done is done: the claim under which it was done may be gone when the answer is asked for again. */
static void test_resend(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    made_flow flow = make_flow(f->db, "a", "");
    tasker_claim claim = hold(conn, flow.task_uuid);
    tasker_change change = {.claim = &claim};
    tasker_outcome outcome = {0}, again = {0};
    assert_status(f->db, enqueue(f->db, &flow, &change, &outcome), TASKER_OK);
    assert_status(f->db, enqueue(f->db, &flow, &change, &again), TASKER_NOOP);
    hold(conn, flow.task_uuid);
    assert_status(f->db, enqueue(f->db, &flow, &change, &outcome), TASKER_OK);
    assert_int_equal(outcome.moved, 0);
    again = (tasker_outcome){0};
    assert_status(f->db, enqueue(f->db, &flow, &change, &again), TASKER_CONFLICT);
    assert_message(f->db, "is enqueued");
}

static void test_other_conditions_stay(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    made_flow flow = make_flow(f->db, "ab", "ab");
    tasker_claim claim = hold(conn, flow.task_uuid);
    tasker_change change = {.claim = &claim}, moved_on = {.claim = &claim, TASKER_SET(expected_sort_key, 9)},
                  reserved = {.claim = &claim, .reserved = {1}};
    tasker_uuid nobody = new_uuid();
    assert_status(f->db, tasker_workflow_step_apply(f->db, &flow.steps[1], 1, TASKER_EVENT_START, &change, NULL),
                  TASKER_GUARD_FAILED);
    assert_status(f->db, complete(f->db, &flow, &change, NULL), TASKER_INVALID_TRANSITION);
    assert_status(f->db, enqueue(f->db, &flow, &moved_on, NULL), TASKER_CONFLICT);
    assert_status(f->db, enqueue(f->db, &flow, &reserved, NULL), TASKER_UNSUPPORTED);
    assert_status(f->db, tasker_workflow_step_apply(f->db, &nobody, 1, TASKER_EVENT_START, &change, NULL),
                  TASKER_NOT_FOUND);
    assert_status(f->db, tasker_task_cancel(f->db, &nobody, 1, &change, NULL), TASKER_NOT_FOUND);
    hold(conn, flow.task_uuid); /* and the loss of the claim is told before them */
    assert_status(f->db, tasker_workflow_step_apply(f->db, &flow.steps[1], 1, TASKER_EVENT_START, &change, NULL),
                  TASKER_CONFLICT);
    assert_status(f->db, complete(f->db, &flow, &change, NULL), TASKER_CONFLICT);
}

/* Items stand and fall alone. */
static void test_many_items(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    made_flow mine = make_flow(f->db, "ab", ""), other = make_flow(f->db, "a", "");
    tasker_claim claim = hold(conn, mine.task_uuid);
    hold(conn, other.task_uuid);
    tasker_change change = {.claim = &claim};
    tasker_uuid steps[] = {mine.steps[0], other.steps[0], mine.steps[1]};
    tasker_outcome outcomes[3] = {0};
    const char *before = all_of(conn, other.task_uuid);
    assert_status(f->db, tasker_workflow_step_apply(f->db, steps, 3, TASKER_EVENT_START, &change, outcomes),
                  TASKER_CONFLICT);
    assert_int_equal(tasker_db_error(f->db)->item, 1);
    assert_int_equal(outcomes[0].status, TASKER_OK);
    assert_int_equal(outcomes[1].status, TASKER_CONFLICT);
    assert_int_equal(outcomes[2].status, TASKER_OK);
    assert_string_equal(all_of(conn, other.task_uuid), before);
    assert_string_equal(task_state(conn, mine.task_uuid), "in_progress");
    tasker_uuid tasks[] = {other.task_uuid, mine.task_uuid};
    memset(outcomes, 0, sizeof outcomes);
    assert_status(f->db, tasker_task_cancel(f->db, tasks, 2, &change, outcomes), TASKER_CONFLICT);
    assert_int_equal(outcomes[1].status, TASKER_OK);
    assert_int_equal(outcomes[1].moved, 3);
    assert_string_equal(all_of(conn, other.task_uuid), before);
}

/* What takes a task out of reach ends its claim, and with it the right to go on. */
static void test_the_end_of_the_task(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    for (size_t i = 0; i < 2; i++) {
        made_flow flow = make_flow(f->db, "a", "");
        tasker_claim claim = hold(conn, flow.task_uuid);
        tasker_change change = {.claim = &claim};
        if (i == 0) {
            assert_status(f->db, fail_task(f->db, &flow, &change, NULL), TASKER_OK);
        } else {
            assert_status(f->db, begin_step(f->db, &flow, &change, NULL), TASKER_OK);
            assert_status(f->db, complete(f->db, &flow, &change, NULL), TASKER_OK);
            assert_status(f->db, tasker_task_finalize(f->db, &flow.task_uuid, 1, NULL, NULL), TASKER_OK);
        }
        assert_status(f->db, enqueue(f->db, &flow, &change, NULL), TASKER_CONFLICT);
        assert_status(f->db, cancel_task(f->db, &flow, &change, NULL), TASKER_CONFLICT);
    }
}

/* ---- in transactions and pipelines ---- */

static void test_in_a_transaction(void **state)
{
    fixture *f = *state;
    PGconn *other = db_test_psql(f);
    made_flow flow = make_flow(f->db, "a", "");
    tasker_claim claim = hold(other, flow.task_uuid), lost = claim;
    tasker_change change = {.claim = &claim}, too_late = {.claim = &lost};
    lost.token.uuid = new_uuid();
    assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
    assert_status(f->db, enqueue(f->db, &flow, &too_late, NULL), TASKER_CONFLICT);
    assert_false(tasker_db_session(f->db)->transaction_failed);
    assert_status(f->db, enqueue(f->db, &flow, &change, NULL), TASKER_OK);
    assert_int_equal(ask_number(other,
                                "WITH free AS (SELECT FROM tasker_tasks WHERE task_uuid = '%s' FOR NO KEY UPDATE"
                                " SKIP LOCKED) SELECT count(*) FROM free",
                                text_of(flow.task_uuid)),
                     0); /* so nobody can take it away before the end */
    assert_status(f->db, tasker_db_rollback(f->db), TASKER_OK);
    assert_string_equal(step_state(other, flow.steps[0]), "pending");
    PQfinish(other);
}

static void test_in_a_pipeline(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    made_flow mine = make_flow(f->db, "a", ""), theirs = make_flow(f->db, "a", "");
    tasker_claim held_one = hold(conn, mine.task_uuid), lost = hold(conn, theirs.task_uuid);
    hold(conn, theirs.task_uuid);
    tasker_pipeline *pipeline = NULL;
    assert_status(f->db, tasker_pipeline_open(f->db, NULL, &pipeline), TASKER_OK);
    tasker_db *queue = tasker_pipeline_db(pipeline);
    tasker_outcome outcomes[2] = {0};
    tasker_change change = {.claim = &held_one};
    assert_status(queue, enqueue(queue, &mine, &change, &outcomes[0]), TASKER_QUEUED);
    held_one = lost; /* borrowed for the call only */
    assert_status(queue, enqueue(queue, &theirs, &change, &outcomes[1]), TASKER_QUEUED);
    held_one = (tasker_claim){0};
    assert_status(f->db, tasker_pipeline_run(pipeline), TASKER_CONFLICT);
    assert_int_equal(outcomes[0].status, TASKER_OK);
    assert_int_equal(outcomes[1].status, TASKER_CONFLICT);
    tasker_pipeline_close(pipeline);
    assert_string_equal(step_state(conn, mine.steps[0]), "enqueued");
    assert_string_equal(step_state(conn, theirs.steps[0]), "pending");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_operation),   cmocka_unit_test(test_without_history),
        cmocka_unit_test(test_resend),           cmocka_unit_test(test_other_conditions_stay),
        cmocka_unit_test(test_many_items),       cmocka_unit_test(test_the_end_of_the_task),
        cmocka_unit_test(test_in_a_transaction), cmocka_unit_test(test_in_a_pipeline),
    };
    return db_test_run(tests);
}
