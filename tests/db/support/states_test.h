/* SPDX-License-Identifier: MIT */
/*
 * The lines of src/value/state_table.h as data, with the effects that the library's own tables do without; and ways
 * through the table that calls take.
 */
#ifndef TKR_TESTS_STATES_TEST_H
#define TKR_TESTS_STATES_TEST_H

#include "flow_test.h"
#include "value/state.h"

enum { TASK = 1, STEP = 2, BOTH = 3 };

enum { OPEN = 1, IDLE = 2, BUSY = 4, ACTIVE = 8, DONE = 16, TERMINAL = 32 };

enum {
    COMPLETE = 1,
    NO_CLAIM = 2,
    IN_PROCESS = 4,
    PROCESSED = 8,
    ATTEMPT = 16,
    ATTEMPTS_ANEW = 32,
    NO_ATTEMPTS = 64,
    RESULTS = 128,
    NO_RESULTS = 256,
    NO_BACKOFF = 512,
    NOT_RETRYABLE = 1024,
    ATTEMPT_BACK = 2048
};

static const struct {
    int kinds, meanings;
    tasker_state state;
} table_states[] = {
#define STATE(kinds, state, meaning) {kinds, meaning, TASKER_STATE_##state},
#include "value/state_table.h"
};

static const struct {
    int kind, effects;
    tasker_event event;
    tasker_state target;
} table_events[] = {
#define EVENT(kind, event, target, effects) {kind, effects, TASKER_EVENT_##event, TASKER_STATE_##target},
#include "value/state_table.h"
};

static inline int effects_of(int kind, tasker_event event)
{
    for (size_t i = 0; i < COUNT(table_events); i++)
        if (table_events[i].kind == kind && table_events[i].event == event)
            return table_events[i].effects;
    return 0;
}

/* A call that takes event: after first where event alone is not possible, and goes on to last while attempts last. */
typedef struct way {
    const char *name;
    tasker_event event, first, last;
    tasker_status (*take)(tasker_db *db, const made_flow *flow, tasker_event event, tasker_outcome *outcome);
    tasker_state from; /* the only one the call goes out from, or NONE */
    bool lease;        /* whoever comes late has lost: CONFLICT for all that is not possible */
    bool permanent;    /* a failure that is not tried again */
    bool whole;        /* of a step: a call on its task, whose outcome is not the step's */
} way;

/* What stands in the way of some guards (a bit for each), and the states (a bit for each) that it can be put up in. */
typedef struct obstacle {
    const char *name;
    unsigned hits, states;
    void (*put)(const fixture *f, const made_flow *flow);
} obstacle;

#define GUARD(name) (1u << (unsigned)TKR_GUARD_##name)
#define IN_STATE(name) (1u << (unsigned)TASKER_STATE_##name)

/* The events that the table lets a way take from a state, none or up to two, with all guards on them. */
typedef struct route {
    size_t count;
    tasker_event events[2];
    tasker_state to;
    unsigned guards;
} route;

static inline void go(route *p, bool step, tasker_event event)
{
    p->guards |= 1u << (unsigned)tkr_state_guard(step, p->to, event);
    p->events[p->count++] = event;
    p->to = tkr_state_target(step, event);
}

static inline route route_of(const way *w, bool step, tasker_state from, bool again)
{
    route p = {.to = from};
    if (w->from != TASKER_STATE_NONE && w->from != from)
        return p;
    bool at_once = tkr_state_guard(step, from, w->event) != TKR_NO_ARROW;
    bool by_first = !at_once && w->first != 0 && tkr_state_guard(step, from, w->first) != TKR_NO_ARROW;
    if (by_first)
        go(&p, step, w->first);
    if (at_once || by_first)
        go(&p, step, w->event);
    if (p.count > 0 && w->last != 0 && again)
        go(&p, step, w->last);
    return p;
}

/* What is being tried, for whoever reads a failure; "" when it went well. */
enum { DOING = 128 };
static inline char *doing(void)
{
    static char text[DOING];
    return text;
}

/* The teardown of tests that say so. */
static inline int say_where(void **state)
{
    (void)state;
    if (doing()[0] != '\0')
        print_error("at: %s\n", doing());
    doing()[0] = '\0';
    return 0;
}

/* Adds the rows of a route to a history as flow_test writes it; the star goes to the last. Returns its sort_key. */
static inline long add_route(char *history, size_t size, bool step, tasker_state from, const route *p, long sort_key)
{
    for (size_t i = 0; i < p->count; i++) {
        tasker_state to = tkr_state_target(step, p->events[i]);
        size_t used = strlen(history) - 1;
        assert_true(history[used] == '*');
        snprintf(history + used, size - used, " %s>%s@%ld*", tasker_state_name(from), tasker_state_name(to),
                 ++sort_key);
        from = to;
    }
    return sort_key;
}

#endif
