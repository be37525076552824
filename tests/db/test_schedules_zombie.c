/* SPDX-License-Identifier: MIT */
/*
 * Calls that wait in a stopped server while their client has given up, and land when the world has gone on: what they
 * were sent for has come round again, or can happen only now. "Z" is the session that is stopped.
 */
#include <signal.h>
#include "claim_test.h"
#include "private_server.h"
#include "waiting.h"

enum { HURRY_MS = 20 }; /* all is sent before the clock is looked at, and nothing comes back */

/* Sends a call into a stopped session and gives it up. The session, which holds the call. */
static pid_t make_zombie(waiting *w)
{
    pid_t pid = tasker_db_session(w->db)->backend_pid;
    tasker_db_set_timeout(w->db, HURRY_MS);
    assert_int_equal(kill(pid, SIGSTOP), 0);
    tasker_status status = w->call(w);
    tasker_db_set_timeout(w->db, 10000);
    assert_status(w->db, tasker_db_recover(w->db), TASKER_OK);
    assert_int_equal(status, TASKER_IN_DOUBT);
    return pid;
}

static void wake_zombie(const fixture *f, pid_t pid)
{
    assert_int_equal(kill(pid, SIGCONT), 0);
    private_server_wait(f, pid);
}

static tasker_status run_expecting(waiting *w)
{
    tasker_change change = {TASKER_SET(expected_sort_key, 2)};
    return tasker_workflow_step_apply(w->db, w->uuids, 1, w->event, &change, w->outcomes);
}

static tasker_status run_fail(waiting *w)
{
    return fail_lease(w->db, w->leases);
}

static tasker_status run_release(waiting *w)
{
    return tasker_lease_release(w->db, w->leases->items, 1, NULL);
}

static tasker_status run_extend(waiting *w)
{
    return tasker_lease_extend(w->db, w->leases->items, 1, 1000, NULL);
}

static tasker_status run_claim_enqueue(waiting *w)
{
    static const tasker_enqueue_options silent = {.without_message = true};
    return tasker_claim_enqueue(w->db, &w->claim, 1, &silent, w->outcomes);
}

static tasker_status run_claim_take(waiting *w)
{
    return tasker_claim_take(w->db, &one, NULL);
}

/* ---- I16: the state comes round again ---- */

static const tasker_event round_trip[] = {TASKER_EVENT_START, TASKER_EVENT_FAIL};

/* An event that names the row it goes out from does not land on another row of the same state. */
static void test_event_after_a_round(void **state)
{
    static const tasker_event events[] = {TASKER_EVENT_START, TASKER_EVENT_FAIL, TASKER_EVENT_CANCEL};
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    for (size_t i = 0; i < 2 * COUNT(events); i++) {
        bool asked_between = i % 2 == 0;
        tasker_db *z = db_test_open(f);
        made_flow flow = make_flow(f->db, "a", "");
        bring_step(f->db, flow.steps[0], TASKER_STATE_ENQUEUED);
        waiting w = prepare(z, run_expecting, flow.steps[0], events[i / 2]);
        pid_t pid = make_zombie(&w);
        for (size_t k = 0; k < COUNT(round_trip); k++)
            assert_status(f->db, step_event(f->db, flow.steps[0], round_trip[k]), TASKER_OK);
        if (asked_between)
            assert_status(z, run_expecting(&w), TASKER_CONFLICT);
        assert_status(f->db, tasker_workflow_step_reset(f->db, flow.steps, 1, false, NULL, NULL), TASKER_OK);
        assert_status(f->db, step_event(f->db, flow.steps[0], TASKER_EVENT_ENQUEUE), TASKER_OK);
        const char *history = step_history(conn, flow.steps[0]);
        wake_zombie(f, pid);
        assert_string_equal(step_history(conn, flow.steps[0]), history);
        assert_status(z, run_expecting(&w), TASKER_CONFLICT);
        tasker_db_close(z);
    }
}

/* What goes by a lease does not land on another attempt, though that has the same number. */
static void test_lease_after_a_round(void **state)
{
    static tasker_status (*const calls[])(waiting * w) = {run_complete, run_fail, run_release, run_extend};
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    for (size_t i = 0; i < COUNT(calls); i++) {
        tasker_db *z = db_test_open(f);
        made_flow flow = make_flow(f->db, "a", "");
        waiting w = prepare(z, calls[i], flow.steps[0], 0);
        w.leases = take_step(f->db, flow.steps[0], TASKER_OK);
        pid_t pid = make_zombie(&w);
        assert_status(f->db, step_event(f->db, flow.steps[0], TASKER_EVENT_FAIL), TASKER_OK);
        assert_status(f->db, tasker_workflow_step_reset(f->db, flow.steps, 1, false, NULL, NULL), TASKER_OK);
        assert_status(z, calls[i](&w), TASKER_CONFLICT);
        const tasker_leases *next = take_step(f->db, flow.steps[0], TASKER_OK);
        const char *all = all_of(conn, flow.task_uuid);
        wake_zombie(f, pid);
        assert_string_equal(all_of(conn, flow.task_uuid), all);
        assert_status(f->db, complete_lease(f->db, next), TASKER_OK);
        tasker_free(w.leases), tasker_free(next);
        tasker_db_close(z);
    }
}

/*
 * START by name, sent again after its answer was lost: what it says when the first try has landed or has not, and
 * others have gone on meanwhile. A row that was written is found for ever; a lease is given only while it is current.
 */
static void test_start_by_name(void **state)
{
    enum { NONE = -1 };
    static const struct {
        bool landed;
        int events[3]; /* of others, then */
        tasker_status apply, take;
    } cases[] = {
        {true, {NONE}, TASKER_OK, TASKER_OK},
        {true, {TASKER_EVENT_COMPLETE, NONE}, TASKER_OK, TASKER_CONFLICT},
        {true, {TASKER_EVENT_FAIL, NONE}, TASKER_OK, TASKER_CONFLICT},
        {true, {TASKER_EVENT_CANCEL, NONE}, TASKER_OK, TASKER_CONFLICT},
        {false, {NONE}, TASKER_OK, TASKER_OK},
        {false, {TASKER_EVENT_START, NONE}, TASKER_NOOP, TASKER_CONFLICT},
        {false, {TASKER_EVENT_START, TASKER_EVENT_COMPLETE, NONE}, TASKER_INVALID_TRANSITION, TASKER_CONFLICT},
        {false, {TASKER_EVENT_START, TASKER_EVENT_FAIL, NONE}, TASKER_INVALID_TRANSITION, TASKER_IN_DOUBT},
    };
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    for (size_t i = 0; i < 2 * COUNT(cases); i++) {
        bool takes = i % 2 == 1, landed = cases[i / 2].landed;
        tasker_status expected = takes ? cases[i / 2].take : cases[i / 2].apply;
        tasker_db *z = db_test_open(f);
        made_flow flow = make_flow(f->db, "a", "");
        waiting w = prepare(z, takes ? run_take : run_step_event, flow.steps[0], TASKER_EVENT_START);
        pid_t pid = make_zombie(&w);
        tasker_uuid own = w.outcomes[0].transition_uuid;
        if (landed)
            wake_zombie(f, pid);
        for (const int *event = cases[i / 2].events; *event != NONE; event++)
            assert_status(f->db, step_event(f->db, flow.steps[0], (tasker_event)*event), TASKER_OK);
        assert_status(z, w.call(&w), expected);
        assert_uuid(w.outcomes[0].transition_uuid, own);
        assert_int_equal(w.leases != NULL && w.leases->count == 1, takes && expected == TASKER_OK);
        if (!landed)
            wake_zombie(f, pid);
        assert_int_equal(ask_number(conn,
                                    "SELECT count(*) FROM tasker_workflow_step_transitions"
                                    " WHERE workflow_step_transition_uuid = '%s' AND to_state = 'in_progress'",
                                    text_of(own)),
                         landed || expected == TASKER_OK);
        tasker_free(w.leases);
        tasker_db_close(z);
    }
}

/* ---- I17: the condition is met only now ---- */

/* As long as the first try can still land, its resend says so; whichever of the two lands, it is one. */
static void test_condition_that_comes_true(void **state)
{
    static const tasker_event events[] = {TASKER_EVENT_ENQUEUE, TASKER_EVENT_START};
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    for (size_t i = 0; i < 2 * COUNT(events); i++) {
        bool zombie_first = i % 2 == 0;
        tasker_db *z = db_test_open(f);
        made_flow flow = make_flow(f->db, "ab", "ab");
        waiting w = prepare(z, run_step_event, FLOW_STEP(flow, 'b'), events[i / 2]);
        pid_t pid = make_zombie(&w);
        assert_status(z, run_step_event(&w), TASKER_IN_DOUBT);
        bring_step(f->db, FLOW_STEP(flow, 'a'), TASKER_STATE_COMPLETE);
        if (zombie_first)
            wake_zombie(f, pid);
        assert_status(z, run_step_event(&w), TASKER_OK);
        assert_int_equal(w.outcomes[0].moved, zombie_first ? 0 : 1);
        if (!zombie_first)
            wake_zombie(f, pid);
        assert_string_equal(step_history(conn, FLOW_STEP(flow, 'b')),
                            i / 2 == 0 ? "pending@1 pending>enqueued@2*" : "pending@1 pending>in_progress@2*");
        tasker_db_close(z);
    }
}

/* ---- I18, I4: claims ---- */

/* A claim that nobody was told of lands after the next try: no heartbeat feeds it, and it runs out. */
static void test_claim(void **state)
{
    fixture *f = *state;
    PGconn *conn = db_test_psql(f);
    tasker_db *z = db_test_open(f), *b = db_test_open(f);
    take_the_rest(f);
    made_flow flows[2] = {make_flow(f->db, "a", ""), make_flow(f->db, "a", "")};
    waiting w = prepare(z, run_claim_take, NIL, 0);
    pid_t pid = make_zombie(&w);
    const tasker_claims *claims = take(z, &one, 1);
    assert_uuid(claims->items[0]->task_uuid, flows[0].task_uuid);
    wake_zombie(f, pid);
    assert_string_equal(task_row(conn, flows[1].task_uuid), "claimed");
    for (int i = 0; i < 3; i++) {
        assert_takes(b, &one, 0);
        shift_claim(conn, flows[0].task_uuid, 25);
        shift_claim(conn, flows[1].task_uuid, 25);
        assert_status(z, tasker_claim_extend(z, claims->items, 1, NULL), TASKER_OK);
    }
    const tasker_claims *next = take(b, &many, 1);
    assert_uuid(next->items[0]->task_uuid, flows[1].task_uuid);
    tasker_free(claims), tasker_free(next);
    PQfinish(conn);
    tasker_db_close(b), tasker_db_close(z);
}

/* What was sent under a claim does not land after the claim is another's. */
static void test_write_under_a_claim(void **state)
{
    fixture *f = *state;
    PGconn *conn = db_test_psql(f);
    tasker_db *z = db_test_open(f), *b = db_test_open(f);
    for (int i = 0; i < 2; i++) {
        take_the_rest(f);
        made_flow flow = make_flow(f->db, "a", "");
        const tasker_claims *claims = take(f->db, &one, 1);
        waiting w = prepare(z, i == 0 ? run_claim_enqueue : run_step_event, flow.steps[0], TASKER_EVENT_ENQUEUE);
        w.claim = claims->items[0];
        pid_t pid = make_zombie(&w);
        shift_claim(conn, flow.task_uuid, 100);
        const tasker_claims *next = take(b, &one, 1);
        const char *all = all_of(conn, flow.task_uuid);
        wake_zombie(f, pid);
        assert_string_equal(all_of(conn, flow.task_uuid), all);
        assert_status(z, w.call(&w), TASKER_CONFLICT);
        w.claim = next->items[0];
        assert_status(z, run_claim_enqueue(&w), TASKER_OK);
        tasker_free(claims), tasker_free(next);
    }
    PQfinish(conn);
    tasker_db_close(b), tasker_db_close(z);
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_start_by_name),
        cmocka_unit_test(test_event_after_a_round),
        cmocka_unit_test(test_lease_after_a_round),
        cmocka_unit_test(test_condition_that_comes_true),
        cmocka_unit_test(test_claim),
        cmocka_unit_test(test_write_under_a_claim),
    };
    (void)argc;
    private_server_begin(argv);
    return private_server_run(tests);
}
