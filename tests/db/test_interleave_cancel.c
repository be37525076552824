/* SPDX-License-Identifier: MIT */
/* tasker_task_cancel against whoever else is at work on the task or its steps: nothing stays open. */
#include "waiting.h"

static tasker_status cancel(tasker_db *db, tasker_uuid task_uuid, tasker_outcome *outcome)
{
    return tasker_task_cancel(db, &task_uuid, 1, NULL, outcome);
}

static tasker_status run_cancel(waiting *w)
{
    return tasker_task_cancel(w->db, w->uuids, w->count, NULL, w->outcomes);
}

static tasker_status run_join(waiting *w)
{
    return join_steps(w->db, w->uuids[0], w->uuids[1]);
}

/* What A does to step a of "abc" (b in progress), uncommitted, while B cancels the task: nothing stays open. */
static tasker_status act(tasker_db *db, const made_flow *flow, int what, const tasker_leases *lease)
{
    switch (what) {
    case 0:
        return step_event(db, flow->steps[0], TASKER_EVENT_START);
    case 1:
        return step_event(db, flow->steps[0], TASKER_EVENT_ENQUEUE);
    case 2: /* with attempts left: on to pending */
        return fail_lease(db, lease);
    case 3:
        return complete_lease(db, lease);
    case 4:
        return step_event(db, flow->steps[0], TASKER_EVENT_RESOLVE_MANUALLY);
    case 5:
        return join_steps(db, flow->steps[0], flow->steps[2]);
    default:
        return tasker_task_finalize(db, &flow->task_uuid, 1, NULL, NULL);
    }
}

static void test_behind_others(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    tasker_db *b = db_test_open(f);
    for (int i = 0; i < 14; i++) {
        made_flow flow = running_flow(f->db, "abc", "", "b");
        const tasker_leases *lease = i / 2 == 2 || i / 2 == 3 ? take_step(f->db, flow.steps[0], TASKER_OK) : NULL;
        begin(f->db);
        tasker_status status = act(f->db, &flow, i / 2, lease);
        assert_status(f->db, status, i / 2 == 6 ? TASKER_NOOP : TASKER_OK);
        waiting w = prepare(b, run_cancel, flow.task_uuid, 0);
        start(f, &w);
        end(f->db, i % 2 == 0);
        assert_status(b, finish(&w), TASKER_OK);
        assert_int_equal(open_steps(conn, flow.task_uuid), 0);
        bool done = i == 2 * 3 || i == 2 * 4;
        assert_int_equal(w.outcomes[0].moved, done ? 3 : 4);
        assert_string_equal(step_state(conn, flow.steps[0]), !done        ? "cancelled"
                                                             : i == 2 * 3 ? "complete"
                                                                          : "resolved_manually");
        if (lease != NULL && !done)
            assert_status(f->db, complete_lease(f->db, lease), TASKER_CONFLICT);
        tasker_free(lease);
    }
    tasker_db_close(b);
}

/* A cancels and has not committed; B comes with something else. */
static void test_others_behind_it(void **state)
{
    static const struct {
        tasker_status (*call)(waiting *w);
        tasker_event event;
        int step; /* -1: the task */
        tasker_status committed[2], rolled_back;
    } others[] = {
        {run_step_event, TASKER_EVENT_START, 0, {TASKER_CONFLICT, TASKER_INVALID_TRANSITION}, TASKER_OK},
        {run_step_event, TASKER_EVENT_RESOLVE_MANUALLY, 0, {TASKER_CONFLICT, TASKER_INVALID_TRANSITION}, TASKER_OK},
        {run_take, 0, 0, {TASKER_CONFLICT, TASKER_CONFLICT}, TASKER_OK},
        {run_complete, 0, 1, {TASKER_CONFLICT, TASKER_CONFLICT}, TASKER_OK},
        {run_finalize, 0, -1, {TASKER_NOOP, TASKER_NOOP}, TASKER_NOOP},
        {run_join, 0, 0, {TASKER_GUARD_FAILED, TASKER_INVALID_TRANSITION}, TASKER_OK},
        {run_cancel, 0, -1, {TASKER_NOOP, TASKER_CONFLICT}, TASKER_OK},
    };
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    tasker_db *b = db_test_open(f);
    for (size_t i = 0; i < 2 * COUNT(others); i++) {
        made_flow flow = make_flow(f->db, "abc", "");
        const tasker_leases *lease = take_step(f->db, flow.steps[1], TASKER_OK);
        begin(f->db);
        assert_status(f->db, cancel(f->db, flow.task_uuid, NULL), TASKER_OK);
        waiting w =
            prepare(b, others[i / 2].call, others[i / 2].step < 0 ? flow.task_uuid : flow.steps[others[i / 2].step],
                    others[i / 2].event);
        w.leases = lease;
        w.uuids[1] = flow.steps[2];
        start(f, &w);
        bool commit = i % 2 == 0;
        end(f->db, commit);
        tasker_status status = finish(&w);
        if (commit ? status != others[i / 2].committed[0] && status != others[i / 2].committed[1]
                   : status != others[i / 2].rolled_back)
            fail_msg("case %zu: %s", i, tasker_status_name(status));
        if (commit)
            assert_int_equal(open_steps(conn, flow.task_uuid), 0);
        if (w.leases != lease)
            tasker_free(w.leases);
        tasker_free(lease);
    }
    tasker_db_close(b);
}

/* The first try was never answered; the second waits for it and learns what became of it. */
static void test_resend_behind_its_own_zombie(void **state)
{
    fixture *f = *state;
    tasker_db *b = db_test_open(f);
    for (int commit = 0; commit < 2; commit++) {
        made_flow flow = make_flow(f->db, "ab", "");
        tasker_outcome zombie = {.transition_uuid = new_uuid()};
        begin(f->db);
        assert_status(f->db, cancel(f->db, flow.task_uuid, &zombie), TASKER_OK);
        waiting w = prepare(b, run_cancel, flow.task_uuid, 0);
        w.outcomes[0] = (tasker_outcome){.transition_uuid = zombie.transition_uuid, .status = TASKER_IN_DOUBT};
        start(f, &w);
        end(f->db, commit != 0);
        assert_status(b, finish(&w), TASKER_OK);
        assert_int_equal(w.outcomes[0].moved, commit != 0 ? 0 : 3);
        assert_string_equal(task_history(tasker_db_conn(f->db), flow.task_uuid), "pending@1 pending>cancelled@2*");
    }
    tasker_db_close(b);
}

/* Eight cancel one task; in every second round four of them work on its steps first. */
static tasker_status cancel_or_work(tasker_db *db, int i, void *context)
{
    const made_flow *flow = context;
    static const tasker_lease_options worker = {.worker = TASKER_TEXT("w")};
    for (size_t step = 0; i % 2 != 0 && step < flow->count; step++) {
        const tasker_leases *leases = NULL;
        tasker_status status = tasker_lease_take_steps(db, &flow->steps[step], 1, &worker, NULL, &leases);
        if (status == TASKER_OK)
            status = step % 2 == 0 ? complete_lease(db, leases) : fail_lease(db, leases);
        tasker_free(leases);
        if (status != TASKER_OK && status != TASKER_NOOP && status != TASKER_CONFLICT &&
            status != TASKER_GUARD_FAILED && status != TASKER_INVALID_TRANSITION)
            return status;
    }
    return cancel(db, flow->task_uuid, NULL);
}

static tasker_status only_cancel(tasker_db *db, int i, void *context)
{
    (void)i;
    return cancel(db, ((const made_flow *)context)->task_uuid, NULL);
}

static void test_eight_at_once(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    for (int round = 0; round < 20; round++) {
        made_flow flow = running_flow(f->db, "abcdefgh", "ag bg", "a");
        tasker_status statuses[RACERS];
        race(f, round % 2 == 0 ? only_cancel : cancel_or_work, &flow, statuses);
        int movers = 0;
        for (int i = 0; i < RACERS; i++) {
            assert_true(statuses[i] == TASKER_OK || statuses[i] == TASKER_NOOP);
            movers += statuses[i] == TASKER_OK;
        }
        assert_int_equal(movers, 1);
        assert_int_equal(open_steps(conn, flow.task_uuid), 0);
        assert_string_equal(task_history(conn, flow.task_uuid),
                            "pending@1 pending>in_progress@2 in_progress>cancelled@3*");
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_behind_others),
        cmocka_unit_test(test_others_behind_it),
        cmocka_unit_test(test_resend_behind_its_own_zombie),
        cmocka_unit_test(test_eight_at_once),
    };
    return db_test_run(tests);
}
