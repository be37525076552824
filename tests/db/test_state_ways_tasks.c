/* SPDX-License-Identifier: MIT */
/* Every way that calls take tasks through the table of states: as test_state_ways.c has it for steps. */
#include "states_test.h"

/* ---- the ways ---- */

static tasker_status take_apply(tasker_db *db, const made_flow *flow, tasker_event event, tasker_outcome *outcome)
{
    return tasker_task_apply(db, &flow->task_uuid, 1, event, NULL, outcome);
}

static tasker_status take_cancel(tasker_db *db, const made_flow *flow, tasker_event event, tasker_outcome *outcome)
{
    (void)event;
    return tasker_task_cancel(db, &flow->task_uuid, 1, NULL, outcome);
}

static tasker_status take_reset(tasker_db *db, const made_flow *flow, tasker_event event, tasker_outcome *outcome)
{
    (void)event;
    return tasker_task_reset(db, &flow->task_uuid, 1, NULL, outcome);
}

static tasker_status take_finalize(tasker_db *db, const made_flow *flow, tasker_event event, tasker_outcome *outcome)
{
    (void)event;
    return tasker_task_finalize(db, &flow->task_uuid, 1, NULL, outcome);
}

static const way ways[] = {
    {"start", TASKER_EVENT_START, .take = take_apply},
    {"complete", TASKER_EVENT_COMPLETE, .take = take_apply},
    {"fail", TASKER_EVENT_FAIL, .take = take_apply},
    {"cancel", TASKER_EVENT_CANCEL, .take = take_apply},
    {"resolve_manually", TASKER_EVENT_RESOLVE_MANUALLY, .take = take_apply},
    {"reset", TASKER_EVENT_RESET, .take = take_apply},
    {"cancel with steps", TASKER_EVENT_CANCEL, .take = take_cancel},
    {"reset with steps", TASKER_EVENT_RESET, .take = take_reset},
};

/* It decides by itself: to complete, by way of in_progress; or that nothing can run any more. */
static const way complete = {"finalize", TASKER_EVENT_COMPLETE, .first = TASKER_EVENT_START, .take = take_finalize},
                 fail_blocked = {"finalize", TASKER_EVENT_FAIL, .take = take_finalize};

/* ---- what stands in the way: how the one step of the task stands ---- */

static void resolve_step(const fixture *f, const made_flow *flow)
{
    bring_step(f->db, flow->steps[0], TASKER_STATE_RESOLVED_MANUALLY);
}

static void leave_step(const fixture *f, const made_flow *flow)
{
    (void)f, (void)flow;
}

static void cancel_step(const fixture *f, const made_flow *flow)
{
    bring_step(f->db, flow->steps[0], TASKER_STATE_CANCELLED);
}

#define OPEN_OR_LOST (IN_STATE(PENDING) | IN_STATE(IN_PROGRESS) | IN_STATE(ERROR) | IN_STATE(CANCELLED))
static const obstacle obstacles[] = {
    {"nothing", 0, OPEN_OR_LOST | IN_STATE(COMPLETE) | IN_STATE(RESOLVED_MANUALLY), resolve_step},
    {"an open step", GUARD(STEPS_DONE) | GUARD(STEPS_TERMINAL), OPEN_OR_LOST, leave_step},
    {"a cancelled step", GUARD(STEPS_DONE), OPEN_OR_LOST | IN_STATE(RESOLVED_MANUALLY), cancel_step},
};

/* ---- taking them ---- */

static const char *digest(PGconn *conn, tasker_uuid task)
{
    return ask(conn, "SELECT md5(k::text) FROM tasker_tasks k WHERE task_uuid = '%s'", text_of(task));
}

static tasker_status answer(const way *w, tasker_state from, const route *p, unsigned hits)
{
    bool finalizes = w->take == take_finalize;
    if (p->count > 0 && (p->guards & hits) == 0)
        return TASKER_OK;
    if (p->count > 0 && !finalizes)
        return TASKER_GUARD_FAILED;
    return finalizes || from == tkr_state_target(false, w->event) ? TASKER_NOOP : TASKER_INVALID_TRANSITION;
}

/* complete, claimed: what task_row says. */
static const char *row_after(const route *p, const char *before)
{
    bool is_complete = strstr(before, "complete") != NULL, claimed = strstr(before, "claimed") != NULL;
    for (size_t i = 0; i < p->count; i++) {
        int effects = effects_of(TASK, p->events[i]);
        is_complete = (effects & COMPLETE) != 0;
        claimed = claimed && (effects & NO_CLAIM) == 0;
    }
    return is_complete && claimed ? "complete claimed" : is_complete ? "complete" : claimed ? "claimed" : "";
}

static void take(const fixture *f, const way *w, tasker_state from, const made_flow *flow, const obstacle *o)
{
    PGconn *conn = tasker_db_conn(f->db);
    tasker_uuid task = flow->task_uuid;
    route p = route_of(w, false, from, false);
    tasker_status status = answer(w, from, &p, o->hits);
    if (status != TASKER_OK)
        p = (route){.to = from};
    char history[512], row[64];
    const char *expected = row_after(&p, task_row(conn, task));
    snprintf(history, sizeof history, "%s", task_history(conn, task));
    snprintf(row, sizeof row, "%s", digest(conn, task));
    long sort_key =
        ask_number(conn, "SELECT max(sort_key) FROM tasker_task_transitions WHERE task_uuid = '%s'", text_of(task));
    sort_key = add_route(history, sizeof history, false, from, &p, sort_key);

    tasker_outcome outcome = {.attempts = 77};
    bool takes_a_step = w->take == take_cancel && o->put == leave_step && p.count > 0;
    assert_status(f->db, w->take(f->db, flow, w->event, &outcome), status);
    assert_string_equal(task_history(conn, task), history);
    assert_string_equal(task_row(conn, task), expected);
    assert_int_equal(strcmp(digest(conn, task), row) == 0, status != TASKER_OK);
    assert_int_equal(outcome.status, status);
    assert_int_equal(outcome.moved, p.count + takes_a_step);
    assert_int_equal(outcome.to_state, p.to);
    assert_int_equal(outcome.task_state, p.to);
    assert_int_equal(outcome.sort_key, sort_key);
    assert_int_equal(outcome.attempts, 0);
    if (p.count == 1)
        assert_int_equal(outcome.from_state, from);
    if (p.count > 0)
        assert_string_equal(ask(conn,
                                "SELECT metadata ->> 'event' FROM tasker_task_transitions"
                                " WHERE task_uuid = '%s' AND most_recent",
                                text_of(task)),
                            tasker_event_name(w->event));
}

/* Claimed, unless that is over. */
static void claim(PGconn *conn, tasker_uuid task)
{
    tell(conn,
         "UPDATE tasker_tasks SET claim_id = 'c', claimed_by = 'o', claimed_at = now() AT TIME ZONE 'UTC'"
         " WHERE NOT complete AND task_uuid = '%s'",
         text_of(task));
}

static void check(const fixture *f, const way *w, tasker_state from, const obstacle *o)
{
    made_flow flow = make_flow(f->db, "a", "");
    snprintf(doing(), DOING, "%s from %s, with %s in the way", w->name, tasker_state_name(from), o->name);
    o->put(f, &flow);
    bring_task(f->db, flow.task_uuid, from);
    claim(tasker_db_conn(f->db), flow.task_uuid);
    take(f, w, from, &flow, o);
    doing()[0] = '\0';
}

static void test_every_way(void **state)
{
    for (size_t i = 0; i < COUNT(ways); i++)
        for (int from = TASKER_STATE_PENDING; from < TKR_STATES; from++)
            for (size_t o = 0; o < COUNT(obstacles); o++) {
                bool left_over = ways[i].take == take_cancel && from == TASKER_STATE_CANCELLED &&
                                 obstacles[o].put == leave_step; /* which moves steps alone: test_lifecycle_cancel.c */
                if ((obstacles[o].states >> from & 1) != 0 && !left_over)
                    check(*state, &ways[i], (tasker_state)from, &obstacles[o]);
            }
}

static void test_finalize(void **state)
{
    for (int from = TASKER_STATE_PENDING; from < TKR_STATES; from++)
        for (size_t o = 0; o < COUNT(obstacles); o++)
            if ((obstacles[o].states >> from & 1) != 0)
                check(*state, obstacles[o].put == cancel_step ? &fail_blocked : &complete, (tasker_state)from,
                      &obstacles[o]);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_every_way, say_where),
        cmocka_unit_test_teardown(test_finalize, say_where),
    };
    return db_test_run(tests);
}
