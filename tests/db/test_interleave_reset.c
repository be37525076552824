/* SPDX-License-Identifier: MIT */
/* Resets against whoever relies on what they take back: a child that starts, a task that ends. */
#include "waiting.h"

static tasker_status run_reset_step(waiting *w)
{
    return tasker_workflow_step_reset(w->db, w->uuids, w->count, false, NULL, w->outcomes);
}

static tasker_status run_reset_all(waiting *w)
{
    return tasker_workflow_step_reset(w->db, w->uuids, w->count, true, NULL, w->outcomes);
}

static tasker_status run_reset_task(waiting *w)
{
    return tasker_task_reset(w->db, w->uuids, w->count, NULL, w->outcomes);
}

/* a before b before c; a and, where it says so, b are done. */
static made_flow chain(tasker_db *db, bool second_done)
{
    made_flow flow = make_flow(db, "abc", "ab bc");
    bring_step(db, flow.steps[0], TASKER_STATE_COMPLETE);
    if (second_done)
        bring_step(db, flow.steps[1], TASKER_STATE_COMPLETE);
    return flow;
}

static tasker_status start_or_enqueue(tasker_db *db, tasker_uuid step, int kind)
{
    return step_event(db, step, kind % 2 == 0 ? TASKER_EVENT_START : TASKER_EVENT_ENQUEUE);
}

/* A starts the child and has not committed; B wants to take the parent, or the parent's parent, back. */
static void test_behind_a_start(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    tasker_db *b = db_test_open(f);
    for (int i = 0; i < 8; i++) {
        bool commit = i % 2 == 0, deep = i / 4 != 0;
        made_flow flow = chain(f->db, deep);
        begin(f->db);
        assert_status(f->db, start_or_enqueue(f->db, flow.steps[deep ? 2 : 1], i / 2), TASKER_OK);
        waiting w = prepare(b, deep ? run_reset_all : run_reset_step, flow.steps[0], 0);
        start(f, &w);
        end(f->db, commit);
        assert_status(b, finish(&w), commit ? TASKER_GUARD_FAILED : TASKER_OK);
        assert_string_equal(step_state(conn, flow.steps[0]), commit ? "complete" : "pending");
    }
    tasker_db_close(b);
}

/* A takes the parent back and has not committed; B, who saw it done, wants to start the child. */
static void test_a_start_behind_it(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    tasker_db *b = db_test_open(f);
    for (int i = 0; i < 6; i++) {
        bool commit = i % 2 == 0;
        made_flow flow = chain(f->db, false);
        begin(f->db);
        assert_status(f->db, tasker_workflow_step_reset(f->db, flow.steps, 1, i / 2 == 1, NULL, NULL), TASKER_OK);
        waiting w = prepare(b, i / 2 == 2 ? run_take : run_step_event, flow.steps[1], TASKER_EVENT_START);
        start(f, &w);
        end(f->db, commit);
        tasker_status status = finish(&w);
        assert_true(commit ? status == TASKER_CONFLICT || status == TASKER_GUARD_FAILED : status == TASKER_OK);
        assert_string_equal(step_state(conn, flow.steps[1]), commit ? "pending" : "in_progress");
        tasker_free(w.leases);
    }
    tasker_db_close(b);
}

/* A task is never complete with a step that was taken back. */
static void test_against_finalize(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    tasker_db *b = db_test_open(f);
    for (int i = 0; i < 4; i++) {
        bool commit = i % 2 == 0, finalize_first = i / 2 != 0;
        made_flow flow = running_flow(f->db, "a", "", "a");
        assert_status(f->db, step_event(f->db, flow.steps[0], TASKER_EVENT_COMPLETE), TASKER_OK);
        begin(f->db);
        waiting w =
            finalize_first ? prepare(b, run_reset_step, flow.steps[0], 0) : prepare(b, run_finalize, flow.task_uuid, 0);
        assert_status(f->db,
                      finalize_first ? tasker_task_finalize(f->db, &flow.task_uuid, 1, NULL, NULL)
                                     : tasker_workflow_step_reset(f->db, flow.steps, 1, false, NULL, NULL),
                      TASKER_OK);
        start(f, &w);
        end(f->db, commit);
        assert_status(b, finish(&w), !commit ? TASKER_OK : finalize_first ? TASKER_GUARD_FAILED : TASKER_NOOP);
        assert_string_equal(task_state(conn, flow.task_uuid), commit == finalize_first ? "complete" : "in_progress");
    }
    tasker_db_close(b);
}

/* Of a reset and a cancel of one task the second sees what the first has made of it. */
static void test_task_reset_and_cancel(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    tasker_db *b = db_test_open(f);
    for (int commit = 0; commit < 2; commit++) {
        made_flow flow = make_flow(f->db, "ab", "ab");
        bring_step(f->db, flow.steps[0], TASKER_STATE_ERROR);
        assert_status(f->db, task_event(f->db, flow.task_uuid, TASKER_EVENT_FAIL), TASKER_OK);
        begin(f->db);
        assert_status(f->db, tasker_task_cancel(f->db, &flow.task_uuid, 1, NULL, NULL), TASKER_OK);
        waiting w = prepare(b, run_reset_task, flow.task_uuid, 0);
        start(f, &w);
        end(f->db, commit != 0);
        tasker_status status = finish(&w);
        assert_true(commit != 0 ? status == TASKER_CONFLICT || status == TASKER_INVALID_TRANSITION
                                : status == TASKER_OK);
        assert_string_equal(step_state(conn, flow.steps[0]), commit != 0 ? "cancelled" : "pending");
    }
    tasker_db_close(b);
}

/* Eight take parents back and start their children, all at once: the invariants at the end say whether it went well. */
static tasker_status push_and_pull(tasker_db *db, int i, void *context)
{
    const made_flow *flow = context;
    for (int round = 0; round < 40; round++) {
        const tasker_uuid *step = &flow->steps[(i + round) % (int)flow->count];
        tasker_status status = i % 2 == 0 ? tasker_workflow_step_reset(db, step, 1, round % 3 != 0, NULL, NULL)
                                          : step_event(db, *step, TASKER_EVENT_START);
        if (status == TASKER_OK && i % 2 != 0)
            status = step_event(db, *step, TASKER_EVENT_COMPLETE);
        if (status != TASKER_OK && status != TASKER_NOOP && status != TASKER_CONFLICT &&
            status != TASKER_GUARD_FAILED && status != TASKER_INVALID_TRANSITION)
            return status;
    }
    return TASKER_OK;
}

static void test_eight_at_once(void **state)
{
    fixture *f = *state;
    for (int round = 0; round < 4; round++) {
        made_flow flow = make_flow(f->db, "abcd", "ab ac bd cd");
        tasker_status statuses[RACERS];
        race(f, push_and_pull, &flow, statuses);
        for (int i = 0; i < RACERS; i++)
            assert_int_equal(statuses[i], TASKER_OK);
    }
}

/* An operator's reset of eight: one of them has moved the task and its step. */
static tasker_status reset_task(tasker_db *db, int i, void *context)
{
    (void)i;
    return tasker_task_reset(db, context, 1, NULL, NULL);
}

static void test_one_resets_the_task(void **state)
{
    fixture *f = *state;
    for (int round = 0; round < 10; round++) {
        made_flow flow = make_flow(f->db, "a", "");
        bring_step(f->db, flow.steps[0], TASKER_STATE_ERROR);
        assert_status(f->db, task_event(f->db, flow.task_uuid, TASKER_EVENT_FAIL), TASKER_OK);
        tasker_status statuses[RACERS];
        race(f, reset_task, &flow.task_uuid, statuses);
        int movers = 0;
        for (int i = 0; i < RACERS; i++)
            movers += statuses[i] == TASKER_OK;
        assert_int_equal(movers, 1);
        assert_string_equal(step_history(tasker_db_conn(f->db), flow.steps[0]),
                            "pending@1 pending>in_progress@2 in_progress>error@3 error>pending@4*");
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_behind_a_start),
        cmocka_unit_test(test_a_start_behind_it),
        cmocka_unit_test(test_against_finalize),
        cmocka_unit_test(test_task_reset_and_cancel),
        cmocka_unit_test(test_eight_at_once),
        cmocka_unit_test(test_one_resets_the_task),
    };
    return db_test_run(tests);
}
