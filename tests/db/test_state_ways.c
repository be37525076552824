/* SPDX-License-Identifier: MIT */
/*
 * Every way that calls take steps through the table of states, from every state, free and with something in the way:
 * what moves, what the row says afterwards, what is refused and then left alone. Nothing here says what is right: the
 * table does. Tasks: test_state_ways_tasks.c.
 */
#include "states_test.h"

/* The step in question is b, after a and before c. */
#define KEY(flow) (&(flow)->steps[1])

/* ---- the row of a step ---- */

typedef struct facts {
    int in_process, processed, processed_at, attempts, attempted, backoff, results, retryable;
} facts;

static facts facts_of(PGconn *conn, tasker_uuid step)
{
    facts f;
    const char *text = ask(conn,
                           "SELECT concat_ws(' ', in_process::int, processed::int, (processed_at IS NOT NULL)::int,"
                           " coalesce(attempts, 0), (last_attempted_at IS NOT NULL)::int,"
                           " (backoff_request_seconds > 0 IS TRUE)::int, (results IS NOT NULL)::int, retryable::int)"
                           " FROM tasker_workflow_steps WHERE workflow_step_uuid = '%s'",
                           text_of(step));
    assert_int_equal(sscanf(text, "%d %d %d %d %d %d %d %d", &f.in_process, &f.processed, &f.processed_at, &f.attempts,
                            &f.attempted, &f.backoff, &f.results, &f.retryable),
                     8);
    return f;
}

static bool attempts_last(const facts *f)
{
    return f->retryable && f->attempts < 3;
}

static void change(facts *f, const way *w, tasker_event event)
{
    int effects = effects_of(STEP, event);
    f->in_process = (effects & IN_PROCESS) != 0;
    f->processed = f->processed_at = (effects & PROCESSED) != 0;
    f->attempts += (effects & ATTEMPT) != 0;
    f->attempts -= (effects & ATTEMPT_BACK) != 0;
    f->attempted |= (effects & ATTEMPT) != 0;
    if ((effects & NO_ATTEMPTS) != 0 || ((effects & ATTEMPTS_ANEW) != 0 && !attempts_last(f)))
        f->attempts = 0;
    if ((effects & RESULTS) != 0 && w->lease)
        f->results = 0; /* it brings none */
    if ((effects & NO_RESULTS) != 0 && !w->whole)
        f->results = 0;
    if ((effects & NO_BACKOFF) != 0)
        f->backoff = event == w->last; /* which sets a new one */
    if ((effects & NOT_RETRYABLE) != 0 && w->permanent)
        f->retryable = 0;
}

/* A row that has all an event can change; waits: a backoff. Its failures were long ago. */
static void furnish(PGconn *conn, tasker_uuid step, bool waits, bool used_up)
{
    tell(conn,
         "UPDATE tasker_workflow_steps SET results = '{}', skippable = true, backoff_request_seconds = %s,"
         " attempts = %s WHERE workflow_step_uuid = '%s'",
         waits ? "200" : "NULL", used_up ? "3" : "attempts", text_of(step));
    tell(conn,
         "UPDATE tasker_workflow_step_transitions SET created_at = created_at - interval '1 hour'"
         " WHERE workflow_step_uuid = '%s'",
         text_of(step));
}

/* ---- the ways ---- */

static tasker_status take_apply(tasker_db *db, const made_flow *flow, tasker_event event, tasker_outcome *outcome)
{
    return tasker_workflow_step_apply(db, KEY(flow), 1, event, NULL, outcome);
}

static tasker_status take_skip(tasker_db *db, const made_flow *flow, tasker_event event, tasker_outcome *outcome)
{
    (void)event;
    return tasker_workflow_step_skip(db, KEY(flow), 1, NULL, outcome);
}

static tasker_status take_reset(tasker_db *db, const made_flow *flow, tasker_event event, tasker_outcome *outcome)
{
    (void)event;
    return tasker_workflow_step_reset(db, KEY(flow), 1, false, NULL, outcome);
}

static tasker_status take_lease(tasker_db *db, const made_flow *flow, tasker_event event, tasker_outcome *outcome)
{
    static const tasker_lease_options worker = {.worker = TASKER_TEXT("w")};
    (void)event;
    const tasker_leases *leases = NULL;
    tasker_status status = tasker_lease_take_steps(db, KEY(flow), 1, &worker, outcome, &leases);
    tasker_free(leases);
    return status;
}

/* As if the current history row had begun it. */
static tasker_lease lease_on(tasker_db *db, tasker_uuid step)
{
    tasker_lease lease = {.workflow_step_uuid = step};
    const char *text = ask(tasker_db_conn(db),
                           "SELECT workflow_step_transition_uuid FROM tasker_workflow_step_transitions"
                           " WHERE most_recent AND workflow_step_uuid = '%s'",
                           text_of(step));
    assert_int_equal(tasker_uuid_parse(tasker_text_of(text), NULL, &lease.token.uuid), TASKER_OK);
    return lease;
}

static tasker_status take_complete(tasker_db *db, const made_flow *flow, tasker_event event, tasker_outcome *outcome)
{
    (void)event;
    tasker_lease lease = lease_on(db, *KEY(flow));
    return tasker_lease_complete(db, &(tasker_completion){.lease = &lease}, 1, outcome);
}

static tasker_status take_fail(tasker_db *db, const made_flow *flow, tasker_event event, tasker_outcome *outcome)
{
    (void)event;
    tasker_lease lease = lease_on(db, *KEY(flow));
    return tasker_lease_fail(db, &(tasker_failure){.lease = &lease}, 1, outcome);
}

static tasker_status take_last_fail(tasker_db *db, const made_flow *flow, tasker_event event, tasker_outcome *outcome)
{
    (void)event;
    tasker_lease lease = lease_on(db, *KEY(flow));
    return tasker_lease_fail(db, &(tasker_failure){.lease = &lease, .permanent = true}, 1, outcome);
}

static tasker_status take_release(tasker_db *db, const made_flow *flow, tasker_event event, tasker_outcome *outcome)
{
    (void)event;
    tasker_lease lease = lease_on(db, *KEY(flow));
    return tasker_lease_release(db, &(const tasker_lease *){&lease}, 1, outcome);
}

/* The step goes along where it can; what is answered is the task's. */
static tasker_status whole(tasker_db *db, const made_flow *flow, const char *before, tasker_status status)
{
    assert_status(db, status, TASKER_OK);
    return strcmp(step_history(tasker_db_conn(db), *KEY(flow)), before) != 0 ? TASKER_OK : TASKER_INVALID_TRANSITION;
}

static tasker_status take_task_cancel(tasker_db *db, const made_flow *flow, tasker_event event, tasker_outcome *outcome)
{
    (void)event, (void)outcome;
    const char *before = step_history(tasker_db_conn(db), *KEY(flow));
    return whole(db, flow, before, tasker_task_cancel(db, &flow->task_uuid, 1, NULL, NULL));
}

static tasker_status take_task_reset(tasker_db *db, const made_flow *flow, tasker_event event, tasker_outcome *outcome)
{
    (void)event, (void)outcome;
    const char *before = step_history(tasker_db_conn(db), *KEY(flow));
    assert_status(db, task_event(db, flow->task_uuid, TASKER_EVENT_FAIL), TASKER_OK);
    return whole(db, flow, before, tasker_task_reset(db, &flow->task_uuid, 1, NULL, NULL));
}

static const way ways[] = {
    {"enqueue", TASKER_EVENT_ENQUEUE, .take = take_apply},
    {"start", TASKER_EVENT_START, .take = take_apply},
    {"complete", TASKER_EVENT_COMPLETE, .take = take_apply},
    {"fail", TASKER_EVENT_FAIL, .take = take_apply},
    {"cancel", TASKER_EVENT_CANCEL, .take = take_apply},
    {"resolve_manually", TASKER_EVENT_RESOLVE_MANUALLY, .take = take_apply},
    {"retry", TASKER_EVENT_RETRY, .take = take_apply},
    {"reset", TASKER_EVENT_RESET, .take = take_reset},
    {"skip", TASKER_EVENT_RESOLVE_MANUALLY, .take = take_skip},
    {"take", TASKER_EVENT_START, .first = TASKER_EVENT_RETRY, .take = take_lease, .lease = true},
    {"complete a lease", TASKER_EVENT_COMPLETE, .take = take_complete, .lease = true},
    {"fail a lease", TASKER_EVENT_FAIL, .last = TASKER_EVENT_RETRY, .take = take_fail, .from = TASKER_STATE_IN_PROGRESS,
     .lease = true},
    {"fail a lease for good", TASKER_EVENT_FAIL, .take = take_last_fail, .from = TASKER_STATE_IN_PROGRESS,
     .lease = true, .permanent = true},
    {"release a lease", TASKER_EVENT_RELEASE, .take = take_release, .lease = true},
    {"cancel the task", TASKER_EVENT_CANCEL, .take = take_task_cancel, .whole = true},
    {"reset the task", TASKER_EVENT_RESET, .take = take_task_reset, .whole = true, .from = TASKER_STATE_ERROR},
};

/* ---- what stands in the way ---- */

static void nothing(const fixture *f, const made_flow *flow)
{
    (void)f, (void)flow;
}

static void close_task(const fixture *f, const made_flow *flow)
{
    assert_status(f->db, task_event(f->db, flow->task_uuid, TASKER_EVENT_CANCEL), TASKER_OK);
}

static void start_child(const fixture *f, const made_flow *flow)
{
    bring_step(f->db, flow->steps[2], TASKER_STATE_IN_PROGRESS);
}

static void take_parent_back(const fixture *f, const made_flow *flow)
{
    assert_status(f->db, tasker_workflow_step_reset(f->db, flow->steps, 1, false, NULL, NULL), TASKER_OK);
}

#define EVERYWHERE 0xFEu
static const obstacle obstacles[] = {
    {"nothing", 0, EVERYWHERE, nothing},
    {"a closed task", GUARD(READY) | GUARD(TASK_OPEN) | GUARD(NOTHING_ON_IT), EVERYWHERE, close_task},
    {"a busy child", GUARD(NOTHING_ON_IT), IN_STATE(COMPLETE) | IN_STATE(RESOLVED_MANUALLY), start_child},
    {"an open parent", GUARD(READY),
     IN_STATE(PENDING) | IN_STATE(ERROR) | IN_STATE(CANCELLED) | IN_STATE(RESOLVED_MANUALLY), take_parent_back},
};

/* ---- taking them ---- */

static const char *digest(PGconn *conn, tasker_uuid step)
{
    return ask(conn, "SELECT md5(s::text) FROM tasker_workflow_steps s WHERE workflow_step_uuid = '%s'", text_of(step));
}

/* The events that the rows of a route say, "fail retry". */
static void assert_events(PGconn *conn, tasker_uuid step, const way *w, const route *p, long last_key)
{
    for (size_t i = 0; i < p->count; i++)
        assert_string_equal(ask(conn,
                                "SELECT metadata ->> 'event' FROM tasker_workflow_step_transitions"
                                " WHERE workflow_step_uuid = '%s' AND sort_key = %ld",
                                text_of(step), last_key - (long)(p->count - 1 - i)),
                            w->take == take_skip ? "skip" : tasker_event_name(p->events[i]));
}

static tasker_status answer(const way *w, tasker_state from, const route *p, unsigned hits)
{
    if (p->count > 0)
        return (p->guards & hits) != 0 ? TASKER_GUARD_FAILED : TASKER_OK;
    if (w->lease)
        return TASKER_CONFLICT;
    return from == tkr_state_target(true, w->event) && !w->whole ? TASKER_NOOP : TASKER_INVALID_TRANSITION;
}

static void take(const fixture *f, const way *w, tasker_state from, const made_flow *flow, unsigned hits)
{
    PGconn *conn = tasker_db_conn(f->db);
    tasker_uuid step = *KEY(flow);
    facts expected = facts_of(conn, step);
    route p = route_of(w, true, from, attempts_last(&expected));
    tasker_status status = answer(w, from, &p, hits);
    if (status != TASKER_OK)
        p = (route){.to = from};
    char history[512], row[64];
    snprintf(history, sizeof history, "%s", step_history(conn, step));
    snprintf(row, sizeof row, "%s", digest(conn, step));
    long sort_key = ask_number(conn,
                               "SELECT max(sort_key) FROM tasker_workflow_step_transitions"
                               " WHERE workflow_step_uuid = '%s'",
                               text_of(step));
    sort_key = add_route(history, sizeof history, true, from, &p, sort_key);
    for (size_t i = 0; i < p.count; i++)
        change(&expected, w, p.events[i]);

    tasker_outcome outcome = {.attempts = 77};
    assert_status(f->db, w->take(f->db, flow, w->event, &outcome), status);
    facts found = facts_of(conn, step);
    assert_string_equal(step_history(conn, step), history);
    assert_memory_equal(&found, &expected, sizeof found);
    assert_int_equal(strcmp(digest(conn, step), row) == 0, status != TASKER_OK);
    assert_events(conn, step, w, &p, sort_key);
    if (w->whole)
        return;
    assert_int_equal(outcome.status, status);
    assert_int_equal(outcome.moved, p.count);
    assert_int_equal(outcome.to_state, p.to);
    assert_int_equal(outcome.sort_key, sort_key);
    assert_int_equal(outcome.attempts, found.attempts);
    assert_string_equal(tasker_state_name(outcome.task_state), task_state(conn, flow->task_uuid));
    if (status == TASKER_OK)
        assert_int_equal(outcome.from_state, from);
}

static void check(const fixture *f, const way *w, tasker_state from, const obstacle *o, bool used_up)
{
    made_flow flow = make_flow(f->db, "abc", "ab bc");
    snprintf(doing(), DOING, "%s from %s, with %s in the way%s", w->name, tasker_state_name(from), o->name,
             used_up ? ", attempts used up" : "");
    bring_step(f->db, flow.steps[0], TASKER_STATE_COMPLETE);
    bring_step(f->db, *KEY(&flow), from);
    o->put(f, &flow);
    furnish(tasker_db_conn(f->db), *KEY(&flow), w->take != take_lease || from != TASKER_STATE_ERROR, used_up);
    take(f, w, from, &flow, o->hits | (used_up ? GUARD(READY) : 0));
    doing()[0] = '\0';
}

static void test_every_way(void **state)
{
    for (size_t i = 0; i < COUNT(ways); i++)
        for (int from = TASKER_STATE_PENDING; from < TKR_STATES; from++)
            for (size_t o = 0; o < COUNT(obstacles); o++)
                if ((obstacles[o].states >> from & 1) != 0 && (!ways[i].whole || obstacles[o].hits == 0))
                    check(*state, &ways[i], (tasker_state)from, &obstacles[o], false);
}

static void test_without_attempts(void **state)
{
    static const tasker_state started[] = {TASKER_STATE_IN_PROGRESS, TASKER_STATE_COMPLETE, TASKER_STATE_ERROR};
    for (size_t i = 0; i < COUNT(ways); i++)
        for (size_t from = 0; from < COUNT(started); from++)
            check(*state, &ways[i], started[from], &obstacles[0], true);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_every_way, say_where),
        cmocka_unit_test_teardown(test_without_attempts, say_where),
    };
    return db_test_run(tests);
}
