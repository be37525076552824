/* SPDX-License-Identifier: MIT */
/*
 * Two sessions, a parent and its child. Each decides by what it sees whether the child can start now; whoever is last
 * must see both.
 */
#include "claim_test.h"
#include "waiting.h"

static const char *sqlstate_of(tasker_db *db)
{
    return tasker_db_error(db)->sqlstate;
}

/* Can be started, now or when a wait is over: exactly where it is pending or failed, and all its parents are done. */
static void assert_available(PGconn *conn, tasker_uuid step, bool parents_done, const char *what)
{
    const char *child = step_state(conn, step);
    bool expected = parents_done && (strcmp(child, "pending") == 0 || strcmp(child, "error") == 0);
    long rows = ask_number(conn,
                           "SELECT count(*) FROM tasker_step_readiness WHERE workflow_step_uuid = '%s'"
                           " AND available_at IS NOT NULL",
                           text_of(step));
    if (rows != expected || db_test_differences(conn) != 0)
        fail_msg("%s: the child is %s, %ld times available", what, child, rows);
}

/* ---- I8: the child moves while its last parent completes ---- */

static const struct {
    const char *name;
    tasker_state child;
    tasker_event event;
} moves[] = {
    {"retry", TASKER_STATE_ERROR, TASKER_EVENT_RETRY},
    {"cancel the failed one", TASKER_STATE_ERROR, TASKER_EVENT_CANCEL},
    {"resolve", TASKER_STATE_ERROR, TASKER_EVENT_RESOLVE_MANUALLY},
    {"fail", TASKER_STATE_PENDING, TASKER_EVENT_FAIL},
    {"cancel", TASKER_STATE_PENDING, TASKER_EVENT_CANCEL},
};

static tasker_status run_reset(waiting *w)
{
    return tasker_workflow_step_reset(w->db, w->uuids, w->count, false, NULL, w->outcomes);
}

static void test_child_and_last_parent(void **state)
{
    fixture *f = *state;
    PGconn *conn = db_test_psql(f);
    tasker_db *b = db_test_open(f);
    for (size_t i = 0; i < 6 * COUNT(moves); i++) {
        size_t m = i / 6;
        bool commit = i % 2 == 0, child_first = i / 2 % 3 != 0, by_lease = i / 2 % 3 == 2;
        made_flow flow = running_flow(f->db, "abc", "ac bc", by_lease ? "" : "b");
        bring_step(f->db, FLOW_STEP(flow, 'a'), TASKER_STATE_COMPLETE);
        if (moves[m].child == TASKER_STATE_ERROR)
            assert_status(f->db, step_event(f->db, FLOW_STEP(flow, 'c'), TASKER_EVENT_FAIL), TASKER_OK);
        const tasker_leases *lease = by_lease ? take_step(f->db, FLOW_STEP(flow, 'b'), TASKER_OK) : NULL;
        waiting child = prepare(child_first ? f->db : b, run_step_event, FLOW_STEP(flow, 'c'), moves[m].event);
        waiting parent = prepare(child_first ? b : f->db, by_lease ? run_complete : run_step_event,
                                 FLOW_STEP(flow, 'b'), TASKER_EVENT_COMPLETE);
        parent.leases = lease;
        waiting *first = child_first ? &child : &parent, *second = child_first ? &parent : &child;
        begin(first->db);
        assert_status(first->db, first->call(first), TASKER_OK);
        start(f, second);
        end(first->db, commit);
        assert_status(second->db, finish(second), TASKER_OK);
        bool done = strcmp(step_state(conn, FLOW_STEP(flow, 'b')), "complete") == 0;
        assert_int_equal(done, commit || child_first);
        assert_available(conn, FLOW_STEP(flow, 'c'), done, moves[m].name);
        tasker_free(lease);
    }
    PQfinish(conn);
    tasker_db_close(b);
}

/* ---- I9: the last two parents ---- */

/* The child is offered once both are done, once, and not before. A parent that is taken back ends that. */
static void test_last_two_parents(void **state)
{
    fixture *f = *state;
    PGconn *conn = db_test_psql(f);
    tasker_db *b = db_test_open(f);
    for (int i = 0; i < 4; i++) {
        bool commit = i % 2 == 0, back = i / 2 != 0;
        take_the_rest(f);
        made_flow flow = make_flow(f->db, "abc", "ac bc");
        const tasker_leases *leases[] = {take_step(f->db, FLOW_STEP(flow, 'a'), TASKER_OK),
                                         take_step(f->db, FLOW_STEP(flow, 'b'), TASKER_OK)};
        if (back)
            assert_status(f->db, complete_lease(f->db, leases[0]), TASKER_OK);
        waiting a = prepare(f->db, back ? run_reset : run_complete, FLOW_STEP(flow, 'a'), 0);
        waiting w = prepare(b, run_complete, FLOW_STEP(flow, 'b'), 0);
        a.leases = leases[0];
        w.leases = leases[1];
        begin(f->db);
        assert_status(f->db, a.call(&a), TASKER_OK);
        start(f, &w);
        end(f->db, commit);
        assert_status(b, finish(&w), TASKER_OK);
        bool done = commit != back;
        assert_available(conn, FLOW_STEP(flow, 'c'), done, "the last two parents");
        const tasker_claims *claims = take(b, &one, done || back ? 1 : 0);
        if (claims->count > 0) {
            assert_int_equal(claims->items[0]->ready_step_count, 1);
            assert_uuid(claims->items[0]->ready_step_uuids[0], FLOW_STEP(flow, done ? 'c' : 'a'));
        }
        tasker_free(claims), tasker_free(leases[0]), tasker_free(leases[1]);
    }
    PQfinish(conn);
    tasker_db_close(b);
}

/* ---- I10: keys against the direction of the edges ---- */

enum { FLOWS = 8, ROUNDS = 10 };

/* Steps 0 and 1 stand on 2 and 3. */
static made_flow make_backward(tasker_db *db)
{
    made_flow flow = {.task_uuid = make_task(db), .count = 4};
    for (size_t i = 0; i < 4; i++) {
        tasker_workflow_step_input input = {.task_uuid = flow.task_uuid,
                                            .named_step_uuid = make_named_step(db),
                                            .workflow_step_uuid = flow.steps[i] = new_uuid()};
        assert_status(db, tasker_workflow_step_create(db, &input, NULL), TASKER_OK);
    }
    for (size_t i = 0; i < 4; i++)
        assert_status(db, join_steps(db, flow.steps[2 + i / 2], flow.steps[i % 2]), TASKER_OK);
    return flow;
}

static void test_backward_keys(void **state)
{
    fixture *f = *state;
    PGconn *conn = db_test_psql(f);
    tasker_db *b = db_test_open(f);
    for (int commit = 0; commit < 2; commit++) {
        made_flow flow = make_backward(f->db);
        bring_step(f->db, flow.steps[2], TASKER_STATE_IN_PROGRESS);
        bring_step(f->db, flow.steps[3], TASKER_STATE_IN_PROGRESS);
        waiting w = prepare(b, run_step_event, flow.steps[3], TASKER_EVENT_COMPLETE);
        begin(f->db);
        assert_status(f->db, step_event(f->db, flow.steps[2], TASKER_EVENT_COMPLETE), TASKER_OK);
        start(f, &w);
        end(f->db, commit != 0);
        assert_status(b, finish(&w), TASKER_OK);
        for (size_t i = 0; i < 2; i++)
            assert_available(conn, flow.steps[i], commit != 0, "backward keys");
    }
    PQfinish(conn);
    tasker_db_close(b);
}

/* All four steps in both orders, parents taken back with their children, and at the end the task cancelled. */
static tasker_status to_and_fro(tasker_db *db, int i, void *context)
{
    static const tasker_event events[] = {TASKER_EVENT_START, TASKER_EVENT_COMPLETE, TASKER_EVENT_CANCEL,
                                          TASKER_EVENT_FAIL};
    const made_flow *flows = context;
    for (int round = 0; round < FLOWS * ROUNDS; round++) {
        const made_flow *flow = &flows[round / ROUNDS];
        tasker_uuid steps[4];
        for (size_t k = 0; k < 4; k++)
            steps[k] = flow->steps[i % 2 == 0 ? k : 3 - k];
        tasker_status status;
        if (i == 7 && round % ROUNDS == ROUNDS - 1)
            status = tasker_task_cancel(db, &flow->task_uuid, 1, NULL, NULL);
        else if (i >= 6)
            status = tasker_workflow_step_reset(db, steps, 4, round % 2 == 0, NULL, NULL);
        else
            status =
                tasker_workflow_step_apply(db, steps, 4, events[(i / 2 + round) % 4 / (1 + i / 2 % 2)], NULL, NULL);
        if (status != TASKER_OK && status != TASKER_NOOP &&
            (status < TASKER_NOT_FOUND || status > TASKER_GUARD_FAILED)) {
            print_error("%s [%s]\n", tasker_status_name(status), sqlstate_of(db));
            return status;
        }
    }
    return TASKER_OK;
}

static void test_backward_keys_at_once(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    made_flow flows[FLOWS];
    tasker_status statuses[RACERS];
    for (size_t i = 0; i < FLOWS; i++)
        flows[i] = make_backward(f->db);
    race(f, to_and_fro, flows, statuses);
    for (int i = 0; i < RACERS; i++)
        assert_int_equal(statuses[i], TASKER_OK);
    for (size_t i = 0; i < FLOWS; i++)
        assert_string_equal(task_state(conn, flows[i].task_uuid), "cancelled");
    assert_int_equal(db_test_differences(conn), 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_child_and_last_parent),
        cmocka_unit_test(test_last_two_parents),
        cmocka_unit_test(test_backward_keys),
        cmocka_unit_test(test_backward_keys_at_once),
    };
    return db_test_run(tests);
}
