/* SPDX-License-Identifier: MIT */
/*
 * Two workers, or a worker and somebody from outside, and one attempt of a step: what comes second waits, and is told
 * what the first has made of it. A heartbeat does not wait.
 */
#include "waiting.h"

/* ---- calls with a lease of one's own: uuids are the step, the token and the closing key ---- */

static tasker_lease own_lease(const waiting *w)
{
    return (tasker_lease){.workflow_step_uuid = w->uuids[0], .token = {w->uuids[1]}, .transition_uuid = w->uuids[2]};
}

static tasker_status run_close(waiting *w)
{
    tasker_lease lease = own_lease(w);
    tasker_completion completion = {.lease = &lease, .results = TASKER_JSON("1")};
    return tasker_lease_complete(w->db, &completion, 1, w->outcomes);
}

static tasker_status run_fail(waiting *w)
{
    tasker_lease lease = own_lease(w);
    tasker_failure failure = {.lease = &lease, .error_message = TASKER_TEXT("boom")};
    return tasker_lease_fail(w->db, &failure, 1, w->outcomes);
}

static tasker_status run_release(waiting *w)
{
    tasker_lease lease = own_lease(w);
    return tasker_lease_release(w->db, &(const tasker_lease *){&lease}, 1, w->outcomes);
}

static tasker_status run_extend(waiting *w)
{
    tasker_lease lease = own_lease(w);
    return tasker_lease_extend(w->db, &(const tasker_lease *){&lease}, 1, 60, w->outcomes);
}

static tasker_status run_cancel(waiting *w)
{
    return tasker_task_cancel(w->db, w->uuids, 1, NULL, w->outcomes);
}

static waiting with_lease(tasker_db *db, tasker_status (*call)(waiting *w), const tasker_lease *lease)
{
    waiting w = prepare(db, call, lease->workflow_step_uuid, 0);
    w.uuids[1] = lease->token.uuid;
    w.uuids[2] = new_uuid();
    return w;
}

#define TAKEN "pending@1 pending>in_progress@2"

static const struct closing {
    const char *name;
    tasker_status (*call)(waiting *w);
    const char *history, *row; /* of the step afterwards */
    bool fenced;               /* goes by the lease: lost to whoever has closed it */
} closings[] = {
    {"complete", run_close, TAKEN " in_progress>complete@3*", "processed attempts=1 results=1", true},
    {"fail", run_fail, TAKEN " in_progress>error@3 error>pending@4*", NULL, true},
    {"release", run_release, TAKEN " in_progress>pending@3*", "", true},
    {"extend", run_extend, TAKEN "*", "in_process attempts=1", true},
    {"fail from outside", run_step_event, TAKEN " in_progress>error@3*", "attempts=1", false},
};

static waiting closing_of(tasker_db *db, const struct closing *c, const tasker_lease *lease)
{
    waiting w = with_lease(db, c->call, lease);
    w.event = TASKER_EVENT_FAIL;
    return w;
}

/* ---- I13, I14: every two of them ---- */

/* Whoever is second has lost the attempt, or has it when the first one gives up. */
static void test_each_behind_each(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    tasker_db *b = db_test_open(f);
    for (size_t i = 0; i < 2 * COUNT(closings) * COUNT(closings); i++) {
        const struct closing *first = &closings[i / 2 / COUNT(closings)], *second = &closings[i / 2 % COUNT(closings)];
        bool commit = i % 2 == 0, lost = commit && first->call != run_extend;
        made_flow flow = make_flow(f->db, "a", "");
        const tasker_leases *leases = take_step(f->db, flow.steps[0], TASKER_OK);
        waiting a = closing_of(f->db, first, leases->items[0]), w = closing_of(b, second, leases->items[0]);
        begin(f->db);
        assert_status(f->db, a.call(&a), TASKER_OK);
        if (second->call == run_extend) { /* waits for nobody */
            assert_status(b, run_extend(&w), TASKER_BUSY);
            end(f->db, commit);
            w.status = run_extend(&w);
        } else {
            start(f, &w);
            end(f->db, commit);
            finish(&w);
        }
        tasker_status status = w.status;
        bool told = status == TASKER_CONFLICT ||
                    (!second->fenced && (status == TASKER_NOOP || status == TASKER_INVALID_TRANSITION));
        const char *history = step_history(conn, flow.steps[0]);
        if ((lost ? !told : status != TASKER_OK) || strcmp(history, lost ? first->history : second->history) != 0)
            fail_msg("%s behind %s (%s): %s, %s", second->name, first->name, commit ? "committed" : "rolled back",
                     tasker_status_name(status), history);
        const char *row = lost ? first->row : second->row;
        if (row != NULL)
            assert_string_equal(step_row(conn, flow.steps[0]), row);
        tasker_free(leases);
    }
    tasker_db_close(b);
}

/* I12, I14: who has seen an attempt, and writes when the step runs anew under the same number, changes nothing. */
static void test_write_on_what_was_seen(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    for (size_t i = 0; i < COUNT(closings) - 1; i++) {
        made_flow flow = make_flow(f->db, "a", "");
        const tasker_leases *seen = take_step(f->db, flow.steps[0], TASKER_OK);
        assert_status(f->db, step_event(f->db, flow.steps[0], TASKER_EVENT_FAIL), TASKER_OK);
        assert_status(f->db, tasker_workflow_step_reset(f->db, flow.steps, 1, false, NULL, NULL), TASKER_OK);
        const tasker_leases *next = take_step(f->db, flow.steps[0], TASKER_OK);
        const char *history = step_history(conn, flow.steps[0]), *row = step_row(conn, flow.steps[0]);
        waiting w = closing_of(f->db, &closings[i], seen->items[0]);
        assert_status(f->db, w.call(&w), TASKER_CONFLICT);
        assert_string_equal(step_history(conn, flow.steps[0]), history);
        assert_string_equal(step_row(conn, flow.steps[0]), row);
        assert_status(f->db, complete_lease(f->db, next), TASKER_OK);
        tasker_free(seen), tasker_free(next);
    }
}

/* ---- I15: the resend of what was never answered, behind it ---- */

static void test_resend_behind_its_own_zombie(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    tasker_db *b = db_test_open(f);
    for (size_t i = 0; i < 6; i++) {
        bool commit = i % 2 == 0;
        const struct closing *c = &closings[i / 2];
        made_flow flow = make_flow(f->db, "a", "");
        const tasker_leases *leases = take_step(f->db, flow.steps[0], TASKER_OK);
        waiting a = closing_of(f->db, c, leases->items[0]), w = closing_of(b, c, leases->items[0]);
        w.uuids[2] = a.uuids[2];
        w.outcomes[0].status = TASKER_IN_DOUBT;
        begin(f->db);
        assert_status(f->db, a.call(&a), TASKER_OK);
        start(f, &w);
        end(f->db, commit);
        assert_status(b, finish(&w), TASKER_OK);
        assert_int_equal(w.outcomes[0].moved > 0, !commit);
        assert_string_equal(step_history(conn, flow.steps[0]), c->history);
        tasker_free(leases);
    }
    tasker_db_close(b);
}

/* The resend of a take brings the lease that the first try took. */
static void test_resend_of_a_take(void **state)
{
    fixture *f = *state;
    tasker_db *b = db_test_open(f);
    for (int commit = 0; commit < 2; commit++) {
        made_flow flow = make_flow(f->db, "a", "");
        waiting a = prepare(f->db, run_take, flow.steps[0], 0), w = prepare(b, run_take, flow.steps[0], 0);
        a.outcomes[0].transition_uuid = w.outcomes[0].transition_uuid = new_uuid();
        w.outcomes[0].status = TASKER_IN_DOUBT;
        begin(f->db);
        assert_status(f->db, run_take(&a), TASKER_OK);
        start(f, &w);
        end(f->db, commit != 0);
        assert_status(b, finish(&w), TASKER_OK);
        assert_int_equal(w.outcomes[0].moved, commit != 0 ? 0 : 1);
        assert_int_equal(w.leases->count, 1);
        assert_uuid(w.leases->items[0]->token.uuid, a.outcomes[0].transition_uuid);
        assert_string_equal(step_row(tasker_db_conn(f->db), flow.steps[0]), "in_process attempts=1");
        assert_status(b, complete_lease(b, w.leases), TASKER_OK);
        tasker_free(a.leases), tasker_free(w.leases);
    }
    tasker_db_close(b);
}

/* ---- I1, I2: the task is cancelled behind it ---- */

static void test_cancel_behind_each(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    tasker_db *b = db_test_open(f);
    for (size_t i = 0; i < 2 * COUNT(closings); i++) {
        bool takes = i / 2 == COUNT(closings) - 1, commit = i % 2 == 0; /* in the last one's place: a take */
        made_flow flow = running_flow(f->db, "abc", "", "b");
        const tasker_leases *leases = takes ? NULL : take_step(f->db, flow.steps[0], TASKER_OK);
        waiting a =
            takes ? prepare(f->db, run_take, flow.steps[0], 0) : closing_of(f->db, &closings[i / 2], leases->items[0]);
        waiting w = prepare(b, run_cancel, flow.task_uuid, 0);
        begin(f->db);
        assert_status(f->db, a.call(&a), TASKER_OK);
        start(f, &w);
        end(f->db, commit);
        assert_status(b, finish(&w), TASKER_OK);
        assert_int_equal(open_steps(conn, flow.task_uuid), 0);
        assert_string_equal(step_state(conn, flow.steps[0]), commit && a.call == run_close ? "complete" : "cancelled");
        assert_string_equal(task_state(conn, flow.task_uuid), "cancelled");
        if (a.leases != NULL && commit)
            assert_status(f->db, complete_lease(f->db, a.leases), TASKER_CONFLICT);
        if (leases != NULL && a.call != run_close) /* under the closing key of the list */
            assert_status(f->db, complete_lease(f->db, leases), TASKER_CONFLICT);
        tasker_free(a.leases), tasker_free(leases);
    }
    tasker_db_close(b);
}

/* ---- I6: the last two, each of which finalizes in the transaction that completes ---- */

/* Whoever finalizes second waits for the task, and decides on what the first has left: the end comes, and once. */
static void test_finalize_within(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    tasker_db *b = db_test_open(f);
    for (int i = 0; i < 4; i++) {
        bool first_stays = i % 2 == 0, second_stays = i / 2 == 0;
        made_flow flow = make_flow(f->db, "ab", "");
        const tasker_leases *leases[] = {take_step(f->db, flow.steps[0], TASKER_OK),
                                         take_step(f->db, flow.steps[1], TASKER_OK)};
        begin(f->db);
        begin(b);
        assert_status(f->db, complete_lease(f->db, leases[0]), TASKER_OK);
        assert_status(b, complete_lease(b, leases[1]), TASKER_OK);
        assert_status(f->db, tasker_task_finalize(f->db, &flow.task_uuid, 1, NULL, NULL), TASKER_NOOP);
        waiting w = prepare(b, run_finalize, flow.task_uuid, 0);
        start(f, &w);
        end(f->db, first_stays);
        assert_status(b, finish(&w), first_stays ? TASKER_OK : TASKER_NOOP);
        end(b, second_stays);
        bool both = first_stays && second_stays;
        assert_status(b, tasker_task_finalize(b, &flow.task_uuid, 1, NULL, NULL), TASKER_NOOP);
        assert_string_equal(task_history(conn, flow.task_uuid), both ? TAKEN " in_progress>complete@3*" : TAKEN "*");
        tasker_free(leases[0]), tasker_free(leases[1]);
    }
    tasker_db_close(b);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_behind_each),
        cmocka_unit_test(test_write_on_what_was_seen),
        cmocka_unit_test(test_resend_behind_its_own_zombie),
        cmocka_unit_test(test_resend_of_a_take),
        cmocka_unit_test(test_cancel_behind_each),
        cmocka_unit_test(test_finalize_within),
    };
    return db_test_run(tests);
}
