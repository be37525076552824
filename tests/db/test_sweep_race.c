/* SPDX-License-Identifier: MIT */
/* Sweeps beside workers, operators and each other. */
#include "sweep_test.h"
#include "waiting.h"

static const tasker_sweep_options minute = {.step_timeout_seconds = 60, .enqueued_timeout_seconds = 60};

/* The second attempt is under way when the first one's worker comes back: it changes nothing of it. */
static void test_late_worker(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    settle(f->db);
    made_flow flow = make_flow(f->db, "ab", "");
    const tasker_leases *first = take_step(f->db, flow.steps[0], TASKER_OK);
    age_step(conn, flow.steps[0], 100);
    assert_swept(f->db, &minute, "0 requeued 1 retried 0 failed 0 finalized");
    age_step(conn, flow.steps[0], 100);
    const tasker_leases *second = take_step(f->db, flow.steps[0], TASKER_OK);
    assert_int_equal(second->items[0]->attempt, 2);
    assert_status(f->db, complete_lease(f->db, first), TASKER_CONFLICT);
    assert_status(f->db, fail_lease(f->db, first), TASKER_CONFLICT);
    assert_status(f->db, complete_lease(f->db, second), TASKER_OK);
    tasker_free(first);
    tasker_free(second);
}

/*
 * Who is at a step or its task is left alone, not waited for, and whatever he does is what counts: once he has
 * committed, the next sweep sees it.
 */
static void test_locked_by_others(void **state)
{
    static const struct {
        tasker_event event;
        const char *history;
    } others[] = {
        {TASKER_EVENT_COMPLETE, "pending@1 pending>in_progress@2 in_progress>complete@3*"},
        {TASKER_EVENT_CANCEL, "pending@1 pending>in_progress@2 in_progress>cancelled@3*"},
        {TASKER_EVENT_FAIL, "pending@1 pending>in_progress@2 in_progress>error@3*"},
    };
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    tasker_db *db = db_test_open(f);
    settle(f->db);
    for (size_t i = 0; i < COUNT(others); i++) {
        made_flow flow = make_flow(f->db, "ab", "");
        bring_step(f->db, flow.steps[0], TASKER_STATE_IN_PROGRESS);
        age_step(conn, flow.steps[0], 100);
        begin(f->db);
        assert_status(f->db, step_event(f->db, flow.steps[0], others[i].event), TASKER_OK);
        assert_swept(db, &minute, "0 requeued 0 retried 0 failed 0 finalized");
        end(f->db, true);
        assert_swept(db, &minute, "0 requeued 0 retried 0 failed 0 finalized");
        assert_string_equal(step_history(conn, flow.steps[0]), others[i].history);
        assert_status(f->db, tasker_task_cancel(f->db, &flow.task_uuid, 1, NULL, NULL), TASKER_OK);
    }
    made_flow flow = make_flow(f->db, "ab", "");
    bring_step(f->db, flow.steps[0], TASKER_STATE_IN_PROGRESS);
    age_step(conn, flow.steps[0], 100);
    begin(f->db);
    tell(conn, "SELECT FROM tasker_tasks WHERE task_uuid = '%s' FOR NO KEY UPDATE", text_of(flow.task_uuid));
    assert_swept(db, &minute, "0 requeued 0 retried 0 failed 0 finalized");
    end(f->db, false);
    assert_swept(db, &minute, "0 requeued 1 retried 0 failed 0 finalized");
    tasker_db_close(db);
}

/* Cancelling a task waits for a sweep that has failed one of its steps, and not the other way round. */
static tasker_status cancel_task(waiting *w)
{
    return tasker_task_cancel(w->db, w->uuids, 1, NULL, NULL);
}

static void test_cancel_beside_a_sweep(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    tasker_db *db = db_test_open(f);
    settle(f->db);
    made_flow flow = make_flow(f->db, "ab", "");
    bring_step(f->db, flow.steps[0], TASKER_STATE_IN_PROGRESS);
    age_step(conn, flow.steps[0], 100);
    begin(f->db);
    assert_swept(f->db, &minute, "0 requeued 1 retried 0 failed 0 finalized");
    waiting w = prepare(db, cancel_task, flow.task_uuid, TASKER_EVENT_CANCEL);
    start(f, &w);
    assert_swept(f->db, &minute, "0 requeued 0 retried 0 failed 0 finalized");
    end(f->db, true);
    assert_status(db, finish(&w), TASKER_OK);
    assert_int_equal(open_steps(conn, flow.task_uuid), 0);
    tasker_db_close(db);
}

/* ---- many at once ---- */

enum { SWEEPERS = 4, FLOWS = 40 };

typedef struct sweeper {
    pthread_t thread;
    tasker_db *db;
    tasker_sweep swept;
    tasker_status bad;
} sweeper;

static void *sweep(void *argument)
{
    sweeper *s = argument;
    const tasker_sweep_options options = {
        .limit = 5, .step_timeout_seconds = 60, .enqueued_timeout_seconds = 60, .actor = TASKER_TEXT("s")};
    for (int i = 0; i < 60 && s->bad == TASKER_OK; i++) {
        tasker_sweep one = {0};
        tasker_status status = tasker_sweep_run(s->db, &options, &one);
        s->bad = tasker_status_is_done(status) ? TASKER_OK : status;
        s->swept.requeued += one.requeued;
        s->swept.retried += one.retried;
        s->swept.failed += one.failed;
        s->swept.finalized += one.finalized;
    }
    return NULL;
}

/* Each thing is done once, whoever does it. Steps: one of each kind in each task, with an attempt left and without. */
static void test_many_sweepers(void **state)
{
    static const tasker_step_definition limited = {TASKER_SET(retry_limit, 1)};
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    sweeper sweepers[SWEEPERS] = {0};
    made_flow flows[2 * FLOWS];
    tasker_db_options options = {.queue_backend = TASKER_QUEUE_BACKEND_NONE};
    settle(f->db);
    for (int i = 0; i < 2 * FLOWS; i++) {
        flows[i] = i < FLOWS ? make_flow(f->db, "abc", "") : make_flow_with(f->db, "a", "", &limited);
        bring_step(f->db, flows[i].steps[0], TASKER_STATE_IN_PROGRESS);
        age_step(conn, flows[i].steps[0], 1000);
        if (i >= FLOWS)
            continue;
        bring_step(f->db, flows[i].steps[1], TASKER_STATE_ENQUEUED);
        age_step(conn, flows[i].steps[1], 1000);
    }
    for (int i = 0; i < SWEEPERS; i++) {
        sweepers[i].db = db_test_open_with(f, &options);
        assert_int_equal(pthread_create(&sweepers[i].thread, NULL, sweep, &sweepers[i]), 0);
    }
    tasker_sweep sum = {0};
    for (int i = 0; i < SWEEPERS; i++) {
        assert_int_equal(pthread_join(sweepers[i].thread, NULL), 0);
        assert_status(sweepers[i].db, sweepers[i].bad, TASKER_OK);
        tasker_db_close(sweepers[i].db);
        sum.requeued += sweepers[i].swept.requeued;
        sum.retried += sweepers[i].swept.retried;
        sum.failed += sweepers[i].swept.failed;
        sum.finalized += sweepers[i].swept.finalized;
    }
    assert_string_equal(sweep_text(sum), "40 requeued 40 retried 40 failed 40 finalized");
    for (int i = 0; i < 2 * FLOWS; i++)
        assert_string_equal(step_state(conn, flows[i].steps[0]), i < FLOWS ? "pending" : "error");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_late_worker),
        cmocka_unit_test(test_locked_by_others),
        cmocka_unit_test(test_cancel_beside_a_sweep),
        cmocka_unit_test(test_many_sweepers),
    };
    return db_test_run(tests);
}
