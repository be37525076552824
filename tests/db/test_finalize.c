/* SPDX-License-Identifier: MIT */
/* tasker_task_finalize: the decision row by row, what it writes, and that it decides once. */
#include "flow_test.h"

#define STATUS(name) TASKER_EXECUTION_STATUS_##name

/*
 * A letter of states for each step of a flow: p pending, e enqueued, i in_progress, d complete, r resolved_manually,
 * c cancelled, w failed and waiting for its next attempt, x failed for good, l pending with no attempts left.
 */
static void bring_steps(const fixture *f, const made_flow *flow, const char *states)
{
    static const char letters[] = "-peid-cr";
    for (size_t i = 0; states[i] != '\0'; i++) {
        const char *at = strchr(letters, states[i]);
        if (at != NULL) {
            bring_step(f->db, flow->steps[i], (tasker_state)(at - letters));
            continue;
        }
        const tasker_leases *leases = take_step(f->db, flow->steps[i], TASKER_OK);
        tasker_failure failure = {.lease = leases->items[0], .permanent = states[i] == 'x'};
        assert_status(f->db, tasker_lease_fail(f->db, &failure, 1, NULL), TASKER_OK);
        tasker_free(leases);
        if (states[i] == 'l')
            tell(tasker_db_conn(f->db),
                 "UPDATE tasker_workflow_steps SET attempts = retry_limit"
                 " WHERE workflow_step_uuid = '%s'",
                 text_of(flow->steps[i]));
    }
}

typedef struct decision {
    const char *steps, *edges, *states;
    tasker_finalize_options options;
    tasker_state task; /* before */
    tasker_execution_status why;
    const char *blocked; /* the steps that the history names; NULL: the task is not blocked */
} decision;

/* tasks begin when a step starts, so a task with one under way is never pending */
static const decision decisions[] = {
    /* no steps */
    {"", "", "", {0}, TASKER_STATE_PENDING, STATUS(ALL_COMPLETE), NULL},
    {"", "", "", {0}, TASKER_STATE_IN_PROGRESS, STATUS(ALL_COMPLETE), NULL},
    {"", "", "", {.empty_stays_open = true}, TASKER_STATE_PENDING, STATUS(WAITING_FOR_DEPENDENCIES), NULL},
    {"", "", "", {.empty_stays_open = true}, TASKER_STATE_IN_PROGRESS, STATUS(WAITING_FOR_DEPENDENCIES), NULL},
    /* all done */
    {"a", "", "d", {0}, TASKER_STATE_IN_PROGRESS, STATUS(ALL_COMPLETE), NULL},
    {"ab", "ab", "dr", {0}, TASKER_STATE_IN_PROGRESS, STATUS(ALL_COMPLETE), NULL},
    {"ab", "ab", "rr", {0}, TASKER_STATE_PENDING, STATUS(ALL_COMPLETE), NULL},
    {"ab",
     "ab",
     "dd",
     {.fail_fast = true, .empty_stays_open = true},
     TASKER_STATE_IN_PROGRESS,
     STATUS(ALL_COMPLETE),
     NULL},
    /* something can run */
    {"a", "", "p", {0}, TASKER_STATE_PENDING, STATUS(HAS_READY_STEPS), NULL},
    {"ab", "ab", "dp", {0}, TASKER_STATE_IN_PROGRESS, STATUS(HAS_READY_STEPS), NULL},
    {"abc", "", "ixp", {0}, TASKER_STATE_IN_PROGRESS, STATUS(HAS_READY_STEPS), NULL},
    {"abc", "", "cdp", {0}, TASKER_STATE_IN_PROGRESS, STATUS(HAS_READY_STEPS), NULL},
    /* something is under way */
    {"ab", "ab", "ip", {0}, TASKER_STATE_IN_PROGRESS, STATUS(PROCESSING), NULL},
    {"ab", "ab", "ep", {0}, TASKER_STATE_IN_PROGRESS, STATUS(PROCESSING), NULL},
    {"abc", "", "xci", {0}, TASKER_STATE_IN_PROGRESS, STATUS(PROCESSING), NULL},
    {"ab", "", "wi", {0}, TASKER_STATE_IN_PROGRESS, STATUS(PROCESSING), NULL},
    /* something waits for its next attempt */
    {"a", "", "w", {0}, TASKER_STATE_IN_PROGRESS, STATUS(WAITING_FOR_RETRY), NULL},
    {"abc", "ab", "wpx", {0}, TASKER_STATE_IN_PROGRESS, STATUS(WAITING_FOR_RETRY), NULL},
    /* nothing can ever run again */
    {"a", "", "x", {0}, TASKER_STATE_IN_PROGRESS, STATUS(BLOCKED_BY_FAILURES), "a"},
    {"a", "", "l", {0}, TASKER_STATE_IN_PROGRESS, STATUS(BLOCKED_BY_FAILURES), "a"},
    {"a", "", "c", {0}, TASKER_STATE_PENDING, STATUS(BLOCKED_BY_FAILURES), "a"},
    {"abc", "ab ac", "xpp", {0}, TASKER_STATE_IN_PROGRESS, STATUS(BLOCKED_BY_FAILURES), "a"},
    {"abcd", "ab", "cpdx", {0}, TASKER_STATE_IN_PROGRESS, STATUS(BLOCKED_BY_FAILURES), "ad"},
    {"abc", "", "ddc", {0}, TASKER_STATE_IN_PROGRESS, STATUS(BLOCKED_BY_FAILURES), "c"},
    /* fail_fast: others could still run */
    {"ab", "", "xp", {.fail_fast = true}, TASKER_STATE_IN_PROGRESS, STATUS(BLOCKED_BY_FAILURES), "a"},
    {"ab", "", "xi", {.fail_fast = true}, TASKER_STATE_IN_PROGRESS, STATUS(BLOCKED_BY_FAILURES), "a"},
    {"ab", "", "wx", {.fail_fast = true}, TASKER_STATE_IN_PROGRESS, STATUS(BLOCKED_BY_FAILURES), "b"},
    {"ab", "", "wp", {.fail_fast = true}, TASKER_STATE_IN_PROGRESS, STATUS(HAS_READY_STEPS), NULL},
    {"ab", "", "cp", {.fail_fast = true}, TASKER_STATE_PENDING, STATUS(BLOCKED_BY_FAILURES), "a"},
};

static void assert_blocked(PGconn *conn, const made_flow *flow, const char *letters)
{
    const char *where = text_of(flow->task_uuid);
    assert_int_equal(ask_number(conn,
                                "SELECT jsonb_array_length(metadata->'blocked_steps') FROM tasker_task_transitions"
                                " WHERE task_uuid = '%s' AND most_recent",
                                where),
                     strlen(letters));
    for (; *letters != '\0'; letters++)
        assert_string_equal(ask(conn,
                                "SELECT metadata->'blocked_steps' ? '%s' FROM tasker_task_transitions"
                                " WHERE task_uuid = '%s' AND most_recent",
                                text_of(FLOW_STEP(*flow, *letters)), where),
                            "t");
}

/* What the execution context says beforehand is what finalize finds by itself. It does not tell retries apart. */
static void check_context(const fixture *f, const made_flow *flow, const decision *d)
{
    const tasker_execution_context *x = NULL;
    assert_status(f->db, tasker_execution_context_get(f->db, &flow->task_uuid, &x), TASKER_OK);
    if (!d->options.fail_fast)
        assert_int_equal(x->stuck, d->why == STATUS(BLOCKED_BY_FAILURES));
    if (!d->options.fail_fast && d->why != STATUS(WAITING_FOR_RETRY) && flow->count > 0)
        assert_int_equal(x->execution_status, d->why);
    tasker_free(x);
}

static void check_decision(const fixture *f, const decision *d)
{
    PGconn *conn = tasker_db_conn(f->db);
    made_flow flow = make_flow(f->db, d->steps, d->edges);
    bring_steps(f, &flow, d->states);
    if (d->task == TASKER_STATE_IN_PROGRESS && strcmp(task_state(conn, flow.task_uuid), "pending") == 0)
        bring_task(f->db, flow.task_uuid, TASKER_STATE_IN_PROGRESS);
    assert_string_equal(task_state(conn, flow.task_uuid), tasker_state_name(d->task));
    check_context(f, &flow, d);
    const char *history = task_history(conn, flow.task_uuid);
    bool completes = d->why == STATUS(ALL_COMPLETE), fails = d->blocked != NULL,
         pending = d->task == TASKER_STATE_PENDING;
    tasker_outcome outcome = {.status = TASKER_AGAIN};
    assert_status(f->db, tasker_task_finalize(f->db, &flow.task_uuid, 1, &d->options, &outcome),
                  completes || fails ? TASKER_OK : TASKER_NOOP);
    assert_string_equal(tasker_execution_status_name(outcome.execution_status), tasker_execution_status_name(d->why));
    assert_int_equal(outcome.moved, completes ? 1 + pending : fails);
    tasker_state after = completes ? TASKER_STATE_COMPLETE : fails ? TASKER_STATE_ERROR : d->task;
    assert_int_equal(outcome.to_state, after);
    assert_int_equal(outcome.task_state, after);
    assert_int_equal(outcome.has_next_attempt_at,
                     d->why == STATUS(WAITING_FOR_RETRY) || strchr(d->states, 'w') != NULL);
    assert_string_equal(task_row(conn, flow.task_uuid), completes ? "complete" : "");
    if (completes)
        assert_string_equal(task_history(conn, flow.task_uuid),
                            "pending@1 pending>in_progress@2 in_progress>complete@3*");
    else if (fails)
        assert_blocked(conn, &flow, d->blocked);
    else
        assert_string_equal(task_history(conn, flow.task_uuid), history);

    history = task_history(conn, flow.task_uuid); /* once more: nothing is left to do */
    assert_status(f->db, tasker_task_finalize(f->db, &flow.task_uuid, 1, &d->options, NULL), TASKER_NOOP);
    assert_string_equal(task_history(conn, flow.task_uuid), history);
}

static void test_decisions(void **state)
{
    for (size_t i = 0; i < COUNT(decisions); i++)
        check_decision(*state, &decisions[i]);
}

/* NOOP on what is finished or failed, whatever its steps say. */
static void test_finished_tasks(void **state)
{
    static const tasker_state finished[] = {TASKER_STATE_COMPLETE, TASKER_STATE_CANCELLED, TASKER_STATE_ERROR,
                                            TASKER_STATE_RESOLVED_MANUALLY};
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    for (size_t i = 0; i < COUNT(finished); i++) {
        made_flow flow = make_flow(f->db, "a", "");
        bring_step(f->db, flow.steps[0], TASKER_STATE_COMPLETE);
        assert_status(f->db, task_event(f->db, flow.task_uuid, TASKER_EVENT_START), TASKER_NOOP);
        if (finished[i] == TASKER_STATE_COMPLETE || finished[i] == TASKER_STATE_ERROR)
            assert_status(f->db,
                          task_event(f->db, flow.task_uuid,
                                     finished[i] == TASKER_STATE_ERROR ? TASKER_EVENT_FAIL : TASKER_EVENT_COMPLETE),
                          TASKER_OK);
        else
            bring_task(f->db, flow.task_uuid, finished[i]);
        const char *history = task_history(conn, flow.task_uuid);
        tasker_outcome outcome = {.status = TASKER_AGAIN};
        assert_status(f->db, tasker_task_finalize(f->db, &flow.task_uuid, 1, NULL, &outcome), TASKER_NOOP);
        assert_int_equal(outcome.to_state, finished[i]);
        assert_int_equal(outcome.moved, 0);
        assert_string_equal(task_history(conn, flow.task_uuid), history);
    }
}

/* A waiting task tells when its first step can run again. */
static void test_next_attempt(void **state)
{
    fixture *f = *state;
    made_flow flow = make_flow(f->db, "ab", "");
    bring_steps(f, &flow, "ww");
    tell(tasker_db_conn(f->db),
         "UPDATE tasker_workflow_steps SET backoff_request_seconds = 500"
         " WHERE workflow_step_uuid = '%s'",
         text_of(flow.steps[0]));
    tasker_outcome outcome = {.status = TASKER_AGAIN};
    assert_status(f->db, tasker_task_finalize(f->db, &flow.task_uuid, 1, NULL, &outcome), TASKER_NOOP);
    assert_true(readiness_of(f->db, flow.steps[1]).next_retry_at.us == outcome.next_attempt_at.us);
}

/* The holder of a claim has nothing left to do with a closed task. */
static void test_claims_end(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    for (int blocked = 0; blocked < 2; blocked++) {
        made_flow flow = make_flow(f->db, "a", "");
        bring_steps(f, &flow, blocked != 0 ? "x" : "d");
        tell(conn,
             "UPDATE tasker_tasks SET claim_id = 'c', claimed_by = 'o', claimed_at = now() AT TIME ZONE 'UTC'"
             " WHERE task_uuid = '%s'",
             text_of(flow.task_uuid));
        assert_status(f->db, tasker_task_finalize(f->db, &flow.task_uuid, 1, NULL, NULL), TASKER_OK);
        assert_string_equal(task_row(conn, flow.task_uuid), blocked != 0 ? "" : "complete");
    }
}

static void test_batch(void **state)
{
    static const tasker_status expected[] = {TASKER_OK, TASKER_NOOP, TASKER_OK, TASKER_NOT_FOUND, TASKER_OK};
    static const char *const states[] = {"d", "p", "x", "", "r"};
    fixture *f = *state;
    tasker_uuid tasks[COUNT(states)];
    for (size_t i = 0; i < COUNT(states); i++) {
        made_flow flow = make_flow(f->db, "a", "");
        bring_steps(f, &flow, states[i]);
        tasks[i] = expected[i] == TASKER_NOT_FOUND ? new_uuid() : flow.task_uuid;
    }
    tasker_outcome outcomes[COUNT(states)], again[COUNT(states)];
    memset(outcomes, 0, sizeof outcomes);
    assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
    assert_status(f->db, tasker_task_finalize(f->db, tasks, COUNT(states), NULL, outcomes), TASKER_NOT_FOUND);
    assert_int_equal(tasker_db_error(f->db)->item, 3);
    for (size_t i = 0; i < COUNT(states); i++)
        assert_int_equal(outcomes[i].status, expected[i]);
    memcpy(again, outcomes, sizeof again); /* a resend under the same keys: OK, and nothing is written */
    assert_status(f->db, tasker_task_finalize(f->db, tasks, COUNT(states), NULL, again), TASKER_NOT_FOUND);
    for (size_t i = 0; i < COUNT(states); i++) {
        assert_int_equal(again[i].status, expected[i]);
        assert_int_equal(again[i].moved, 0);
    }
    assert_status(f->db, tasker_db_commit(f->db), TASKER_OK);
    assert_string_equal(task_state(tasker_db_conn(f->db), tasks[2]), "error");
}

static void test_arguments(void **state)
{
    fixture *f = *state;
    made_flow flow = make_flow(f->db, "a", "");
    static const tasker_finalize_options newer = {.reserved = {1}};
    tasker_uuid unknown = new_uuid();
    assert_status(f->db, tasker_task_finalize(f->db, NULL, 0, NULL, NULL), TASKER_NOOP);
    assert_status(f->db, tasker_task_finalize(f->db, NULL, 1, NULL, NULL), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, tasker_task_finalize(f->db, &unknown, 1, NULL, NULL), TASKER_NOT_FOUND);
    assert_status(f->db, tasker_task_finalize(f->db, &flow.task_uuid, 1, &newer, NULL), TASKER_UNSUPPORTED);
    assert_status(f->db, tasker_task_finalize(f->db, &flow.task_uuid, 1, NULL, NULL), TASKER_NOOP);
}

/* Of eight callers at the same moment one moves the task. */
static tasker_status finalize_once(tasker_db *db, int i, void *context)
{
    (void)i;
    return tasker_task_finalize(db, context, 1, NULL, NULL);
}

static void test_exactly_one_caller(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    for (int round = 0; round < 20; round++) {
        made_flow flow = make_flow(f->db, "a", "");
        bring_steps(f, &flow, round % 2 == 0 ? "r" : "x");
        tasker_status statuses[RACERS];
        race(f, finalize_once, &flow.task_uuid, statuses);
        int moved = 0;
        for (int i = 0; i < RACERS; i++) {
            assert_true(statuses[i] == TASKER_OK || statuses[i] == TASKER_NOOP || statuses[i] == TASKER_CONFLICT);
            moved += statuses[i] == TASKER_OK;
        }
        assert_int_equal(moved, 1);
        assert_string_equal(task_history(conn, flow.task_uuid),
                            round % 2 == 0 ? "pending@1 pending>in_progress@2 in_progress>complete@3*"
                                           : "pending@1 pending>in_progress@2 in_progress>error@3*");
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decisions),
        cmocka_unit_test(test_finished_tasks),
        cmocka_unit_test(test_next_attempt),
        cmocka_unit_test(test_claims_end),
        cmocka_unit_test(test_batch),
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_exactly_one_caller),
    };
    return db_test_run(tests);
}
