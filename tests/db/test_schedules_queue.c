/* SPDX-License-Identifier: MIT */
/* Two sessions, a step and its message: what is written and what is sent stay one, whoever comes between. */
#include <tasker/queue.h>
#include "claim_test.h"
#include "queue_test.h"
#include "waiting.h"

static tasker_text namespace = TASKER_TEXT("default"), queue = TASKER_TEXT("default_queue");

static tasker_status run_enqueue(waiting *w)
{
    tasker_change change = {.claim = w->claim};
    return tasker_workflow_step_enqueue(w->db, w->uuids, w->count, NULL, &change, w->outcomes);
}

static tasker_status run_claim_enqueue(waiting *w)
{
    return tasker_claim_enqueue(w->db, &w->claim, 1, NULL, w->outcomes);
}

/* By message. */
static tasker_status run_lease_take(waiting *w)
{
    const tasker_lease_options options = {
        .worker = TASKER_TEXT("w"), .limit = 10, .namespace_names = &namespace, .namespace_name_count = 1};
    return tasker_lease_take(w->db, &options, &w->leases);
}

static tasker_status run_cancel(waiting *w)
{
    return tasker_task_cancel(w->db, w->uuids, 1, NULL, w->outcomes);
}

static tasker_status run_reset(waiting *w)
{
    return tasker_task_reset(w->db, w->uuids, 1, NULL, w->outcomes);
}

static long messages(const fixture *f)
{
    return count_in(f, &queue_backends[0], 'q', queue);
}

static void empty_queue(const fixture *f)
{
    assert_true(tasker_status_is_done(tasker_queue_create(f->db, queue)));
    assert_true(tasker_status_is_done(tasker_queue_purge(f->db, queue, NULL)));
}

static made_flow enqueued_flow(const fixture *f)
{
    empty_queue(f);
    made_flow flow = make_flow(f->db, "a", "");
    assert_status(f->db, tasker_workflow_step_enqueue(f->db, flow.steps, 1, NULL, NULL, NULL), TASKER_OK);
    return flow;
}

/* ---- I3, I4, I5: enqueueing under a claim ---- */

static const struct {
    const char *name;
    tasker_status (*call)(waiting *w);
} enqueues[] = {{"steps", run_enqueue}, {"all of the claim", run_claim_enqueue}};

static made_flow claimed_flow(const fixture *f, const tasker_claims **claims)
{
    take_the_rest(f);
    empty_queue(f);
    made_flow flow = make_flow(f->db, "a", "");
    bring_task(f->db, flow.task_uuid, TASKER_STATE_IN_PROGRESS);
    *claims = take(f->db, &one, 1);
    return flow;
}

static waiting enqueue_under(tasker_db *db, size_t how, const made_flow *flow, const tasker_claims *claims)
{
    waiting w = prepare(db, enqueues[how].call, flow->steps[0], 0);
    w.claim = claims->items[0];
    return w;
}

/* The write has the task, and L the step: the claim, over its time, is nobody's to take until the write has ended. */
static void test_no_takeover_of_a_write(void **state)
{
    fixture *f = *state;
    tasker_db *b = db_test_open(f);
    PGconn *l = db_test_psql(f);
    for (size_t i = 0; i < COUNT(enqueues); i++) {
        const tasker_claims *claims = NULL;
        made_flow flow = claimed_flow(f, &claims);
        shift_claim(l, flow.task_uuid, 100);
        tell(l, "BEGIN; SELECT FROM tasker_workflow_step_transitions WHERE workflow_step_uuid = '%s' FOR UPDATE",
             text_of(flow.steps[0]));
        waiting w = enqueue_under(f->db, i, &flow, claims);
        start(f, &w);
        assert_takes(b, &one, 0);
        tell(l, "ROLLBACK");
        assert_status(f->db, finish(&w), TASKER_OK);
        assert_string_equal(step_state(l, flow.steps[0]), "enqueued");
        assert_int_equal(messages(f), 1);
        tasker_free(claims);
    }
    PQfinish(l);
    tasker_db_close(b);
}

/* Behind whoever takes the task away, by a claim or by failing it: nothing is enqueued and nothing sent. */
static void test_no_message_behind_a_loss(void **state)
{
    fixture *f = *state;
    tasker_db *b = db_test_open(f);
    PGconn *psql = db_test_psql(f);
    for (size_t i = 0; i < 4 * COUNT(enqueues); i++) {
        bool commit = i % 2 == 0, fails = i / 2 % 2 == 0;
        const tasker_claims *claims = NULL;
        made_flow flow = claimed_flow(f, &claims);
        shift_claim(psql, flow.task_uuid, 100);
        begin(b);
        if (fails)
            assert_status(b, task_event(b, flow.task_uuid, TASKER_EVENT_FAIL), TASKER_OK);
        else
            assert_takes(b, &one, 1);
        waiting w = enqueue_under(f->db, i / 4, &flow, claims);
        start(f, &w);
        end(b, commit);
        assert_status(f->db, finish(&w), commit ? TASKER_CONFLICT : TASKER_OK);
        assert_string_equal(step_state(psql, flow.steps[0]), commit ? "pending" : "enqueued");
        assert_int_equal(messages(f), commit ? 0 : 1);
        tasker_free(claims);
    }
    PQfinish(psql);
    tasker_db_close(b);
}

/* ---- I15: who enqueues twice, sends once ---- */

/* The same key, another's key, and all of the claim behind the step: one message, of whoever was first. */
static void test_enqueue_behind_enqueue(void **state)
{
    fixture *f = *state;
    tasker_db *b = db_test_open(f);
    for (int i = 0; i < 6; i++) {
        bool commit = i % 2 == 0, same_key = i / 2 == 0;
        const tasker_claims *claims = NULL;
        made_flow flow = claimed_flow(f, &claims);
        waiting a = enqueue_under(f->db, 0, &flow, claims), w = enqueue_under(b, i / 2 == 2, &flow, claims);
        a.outcomes[0].transition_uuid = new_uuid();
        if (same_key)
            w.outcomes[0] =
                (tasker_outcome){.transition_uuid = a.outcomes[0].transition_uuid, .status = TASKER_IN_DOUBT};
        begin(f->db);
        assert_status(f->db, run_enqueue(&a), TASKER_OK);
        start(f, &w);
        end(f->db, commit);
        tasker_status status = finish(&w);
        if (commit && !same_key)
            assert_true(status == TASKER_NOOP || status == TASKER_CONFLICT);
        else
            assert_status(b, status, TASKER_OK);
        assert_int_equal(messages(f), 1);
        assert_string_equal(step_history(tasker_db_conn(f->db), flow.steps[0]), "pending@1 pending>enqueued@2*");
        tasker_free(claims);
    }
    tasker_db_close(b);
}

/* ---- a message and whoever else wants its step ---- */

/* Another reader passes the message by, without waiting, and has it when the first gives it back. */
static void test_two_readers(void **state)
{
    fixture *f = *state;
    tasker_db *b = db_test_open(f);
    for (int commit = 0; commit < 2; commit++) {
        made_flow flow = enqueued_flow(f);
        waiting first = prepare(f->db, run_lease_take, NIL, 0), second = prepare(b, run_lease_take, NIL, 0);
        begin(f->db);
        assert_status(f->db, run_lease_take(&first), TASKER_OK);
        assert_int_equal(first.leases->count, 1);
        assert_status(b, run_lease_take(&second), TASKER_OK); /* without waiting */
        assert_int_equal(second.leases->count, 0);
        tasker_free(second.leases);
        end(f->db, commit != 0);
        assert_status(b, run_lease_take(&second), TASKER_OK);
        assert_int_equal(second.leases->count, commit != 0 ? 0 : 1);
        assert_string_equal(step_row(tasker_db_conn(f->db), flow.steps[0]), "in_process attempts=1");
        assert_int_equal(messages(f), 0);
        tasker_free(first.leases), tasker_free(second.leases);
    }
    tasker_db_close(b);
}

/* What is enqueued and not committed is not there to be read; then it is, with its state. */
static void test_read_behind_enqueue(void **state)
{
    fixture *f = *state;
    tasker_db *b = db_test_open(f);
    empty_queue(f);
    made_flow flow = make_flow(f->db, "a", "");
    waiting w = prepare(b, run_lease_take, NIL, 0);
    begin(f->db);
    assert_status(f->db, tasker_workflow_step_enqueue(f->db, flow.steps, 1, NULL, NULL, NULL), TASKER_OK);
    assert_status(b, run_lease_take(&w), TASKER_OK);
    assert_int_equal(w.leases->count, 0);
    tasker_free(w.leases);
    end(f->db, true);
    assert_status(b, run_lease_take(&w), TASKER_OK);
    assert_int_equal(w.leases->count, 1);
    tasker_free(w.leases);
    tasker_db_close(b);
}

static tasker_status take_by_key(waiting *w)
{
    return run_take(w);
}

static tasker_status start_by_hand(waiting *w)
{
    w->event = TASKER_EVENT_START;
    return run_step_event(w);
}

static tasker_status fail_by_hand(waiting *w)
{
    w->event = TASKER_EVENT_FAIL;
    return run_step_event(w);
}

static tasker_status cancel_its_task(waiting *w)
{
    waiting cancel = *w;
    cancel.uuids[0] = w->uuids[1];
    return run_cancel(&cancel);
}

static const struct {
    const char *name, *state;
    tasker_status (*call)(waiting *w);
} rivals[] = {
    {"take by key", "in_progress", take_by_key},
    {"start", "in_progress", start_by_hand},
    {"fail", "error", fail_by_hand},
    {"cancel the task", "cancelled", cancel_its_task},
};

/* The reader waits for who has the step, and has it if that one gives up; else the message is of no use, and goes. */
static void test_read_behind_rivals(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    tasker_db *b = db_test_open(f);
    for (size_t i = 0; i < 2 * COUNT(rivals); i++) {
        bool commit = i % 2 == 0;
        made_flow flow = enqueued_flow(f);
        waiting a = prepare(f->db, rivals[i / 2].call, flow.steps[0], 0), w = prepare(b, run_lease_take, NIL, 0);
        a.uuids[1] = flow.task_uuid;
        begin(f->db);
        assert_status(f->db, a.call(&a), TASKER_OK);
        start(f, &w);
        end(f->db, commit);
        assert_status(b, finish(&w), TASKER_OK);
        if (w.leases->count != (commit ? 0 : 1) || messages(f) != 0)
            fail_msg("behind %s (%d): %zu leases, %ld messages", rivals[i / 2].name, commit, w.leases->count,
                     messages(f));
        assert_string_equal(step_state(conn, flow.steps[0]), commit ? rivals[i / 2].state : "in_progress");
        tasker_free(a.leases), tasker_free(w.leases);
    }
    tasker_db_close(b);
}

/* The other way round: the message goes with the attempt that began, or stays. */
static void test_rivals_behind_a_read(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    tasker_db *b = db_test_open(f);
    for (size_t i = 0; i < 2 * COUNT(rivals); i++) {
        bool commit = i % 2 == 0, cancels = rivals[i / 2].call == cancel_its_task;
        made_flow flow = enqueued_flow(f);
        waiting a = prepare(f->db, run_lease_take, NIL, 0), w = prepare(b, rivals[i / 2].call, flow.steps[0], 0);
        w.uuids[1] = flow.task_uuid;
        begin(f->db);
        assert_status(f->db, run_lease_take(&a), TASKER_OK);
        start(f, &w);
        end(f->db, commit);
        tasker_status status = finish(&w);
        if (!commit || cancels)
            assert_status(b, status, TASKER_OK);
        else
            assert_true(status == TASKER_CONFLICT || status == TASKER_NOOP || status == TASKER_INVALID_TRANSITION);
        assert_int_equal(messages(f), commit ? 0 : 1);
        assert_string_equal(step_state(conn, flow.steps[0]), commit && !cancels ? "in_progress" : rivals[i / 2].state);
        if (commit)
            assert_status(f->db, complete_lease(f->db, a.leases), cancels ? TASKER_CONFLICT : TASKER_OK);
        tasker_free(a.leases), tasker_free(w.leases);
    }
    tasker_db_close(b);
}

/* ---- I22, I24: messages that are left over ---- */

/* A step in backoff is not started by a message that is left of before; the message goes. */
static void test_left_over_in_backoff(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    made_flow flow = enqueued_flow(f);
    waiting w = prepare(f->db, run_lease_take, NIL, 0);
    const tasker_leases *leases = take_step(f->db, flow.steps[0], TASKER_OK); /* without its message */
    assert_status(f->db, fail_lease(f->db, leases), TASKER_OK);
    const char *history = step_history(conn, flow.steps[0]);
    assert_int_equal(messages(f), 1);
    assert_status(f->db, run_lease_take(&w), TASKER_OK);
    assert_int_equal(w.leases->count, 0);
    assert_int_equal(messages(f), 0);
    assert_string_equal(step_history(conn, flow.steps[0]), history);
    tasker_free(leases), tasker_free(w.leases);
}

/* The task fails and is reset under a reader: whatever he saw, the step is enqueued and has one message, or runs. */
static void test_failed_under_a_reader(void **state)
{
    fixture *f = *state;
    PGconn *conn = db_test_psql(f);
    tasker_db *b = db_test_open(f);
    made_flow flow = enqueued_flow(f);
    waiting w = prepare(b, run_lease_take, NIL, 0);
    assert_status(f->db, task_event(f->db, flow.task_uuid, TASKER_EVENT_FAIL), TASKER_OK);
    begin(b);
    assert_status(b, run_lease_take(&w), TASKER_OK);
    assert_int_equal(w.leases->count, 0);
    tasker_free(w.leases);
    waiting reset = prepare(f->db, run_reset, flow.task_uuid, 0);
    start(f, &reset);
    end(b, true);
    assert_status(f->db, finish(&reset), TASKER_OK);
    assert_string_equal(step_state(conn, flow.steps[0]), "enqueued");
    assert_int_equal(messages(f), 1);
    tell(conn, "UPDATE tasker_queue.q_%s SET vt = now()", queue.ptr);
    assert_status(b, run_lease_take(&w), TASKER_OK);
    assert_int_equal(w.leases->count, 1);
    assert_int_equal(messages(f), 0);
    tasker_free(w.leases);
    PQfinish(conn);
    tasker_db_close(b);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_takeover_of_a_write), cmocka_unit_test(test_no_message_behind_a_loss),
        cmocka_unit_test(test_enqueue_behind_enqueue), cmocka_unit_test(test_two_readers),
        cmocka_unit_test(test_read_behind_enqueue),    cmocka_unit_test(test_read_behind_rivals),
        cmocka_unit_test(test_rivals_behind_a_read),   cmocka_unit_test(test_left_over_in_backoff),
        cmocka_unit_test(test_failed_under_a_reader),
    };
    return db_test_run(tests);
}
