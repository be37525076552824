/* SPDX-License-Identifier: MIT */
#include "value/state.h"

#include <string.h>

/* ==== The names, as the CHECK constraints of the tables spell them */

static const tasker_text state_names[TKR_STATES] = {
    [TASKER_STATE_NONE] = TASKER_TEXT("none"),
    [TASKER_STATE_PENDING] = TASKER_TEXT("pending"),
    [TASKER_STATE_ENQUEUED] = TASKER_TEXT("enqueued"),
    [TASKER_STATE_IN_PROGRESS] = TASKER_TEXT("in_progress"),
    [TASKER_STATE_COMPLETE] = TASKER_TEXT("complete"),
    [TASKER_STATE_ERROR] = TASKER_TEXT("error"),
    [TASKER_STATE_CANCELLED] = TASKER_TEXT("cancelled"),
    [TASKER_STATE_RESOLVED_MANUALLY] = TASKER_TEXT("resolved_manually"),
};

static const char *const event_names[TKR_EVENTS] = {
    [0] = "none",
    [TASKER_EVENT_ENQUEUE] = "enqueue",
    [TASKER_EVENT_START] = "start",
    [TASKER_EVENT_COMPLETE] = "complete",
    [TASKER_EVENT_FAIL] = "fail",
    [TASKER_EVENT_CANCEL] = "cancel",
    [TASKER_EVENT_RESOLVE_MANUALLY] = "resolve_manually",
    [TASKER_EVENT_RETRY] = "retry",
    [TASKER_EVENT_RESET] = "reset",
};

/* ==== The table. An event leads to the same state from wherever it is possible; what is not written is refused */

typedef struct arrow {
    tasker_state to;
    tkr_guard guard;
} arrow;

#define TO(state, guard)                                                                                               \
    {                                                                                                                  \
        TASKER_STATE_##state, TKR_GUARD_##guard                                                                        \
    }

static const arrow arrows[2][TKR_STATES][TKR_EVENTS] = {
    {
        /* tasks */
        [TASKER_STATE_PENDING][TASKER_EVENT_START] = TO(IN_PROGRESS, NONE),
        [TASKER_STATE_PENDING][TASKER_EVENT_FAIL] = TO(ERROR, NONE),
        [TASKER_STATE_PENDING][TASKER_EVENT_CANCEL] = TO(CANCELLED, NONE),
        [TASKER_STATE_PENDING][TASKER_EVENT_RESOLVE_MANUALLY] = TO(RESOLVED_MANUALLY, NONE),
        [TASKER_STATE_IN_PROGRESS][TASKER_EVENT_COMPLETE] = TO(COMPLETE, STEPS_DONE),
        [TASKER_STATE_IN_PROGRESS][TASKER_EVENT_FAIL] = TO(ERROR, NONE),
        [TASKER_STATE_IN_PROGRESS][TASKER_EVENT_CANCEL] = TO(CANCELLED, NONE),
        [TASKER_STATE_IN_PROGRESS][TASKER_EVENT_RESOLVE_MANUALLY] = TO(RESOLVED_MANUALLY, NONE),
        [TASKER_STATE_ERROR][TASKER_EVENT_CANCEL] = TO(CANCELLED, NONE),
        [TASKER_STATE_ERROR][TASKER_EVENT_RESOLVE_MANUALLY] = TO(RESOLVED_MANUALLY, NONE),
        [TASKER_STATE_ERROR][TASKER_EVENT_RESET] = TO(PENDING, NONE),
    },
    {
        /* steps */
        [TASKER_STATE_PENDING][TASKER_EVENT_ENQUEUE] = TO(ENQUEUED, PARENTS_DONE),
        [TASKER_STATE_PENDING][TASKER_EVENT_START] = TO(IN_PROGRESS, PARENTS_DONE),
        [TASKER_STATE_PENDING][TASKER_EVENT_FAIL] = TO(ERROR, NONE),
        [TASKER_STATE_PENDING][TASKER_EVENT_CANCEL] = TO(CANCELLED, NONE),
        [TASKER_STATE_PENDING][TASKER_EVENT_RESOLVE_MANUALLY] = TO(RESOLVED_MANUALLY, NONE),
        [TASKER_STATE_ENQUEUED][TASKER_EVENT_START] = TO(IN_PROGRESS, NONE),
        [TASKER_STATE_ENQUEUED][TASKER_EVENT_FAIL] = TO(ERROR, NONE),
        [TASKER_STATE_ENQUEUED][TASKER_EVENT_CANCEL] = TO(CANCELLED, NONE),
        [TASKER_STATE_ENQUEUED][TASKER_EVENT_RESOLVE_MANUALLY] = TO(RESOLVED_MANUALLY, NONE),
        [TASKER_STATE_IN_PROGRESS][TASKER_EVENT_COMPLETE] = TO(COMPLETE, SAME_START),
        [TASKER_STATE_IN_PROGRESS][TASKER_EVENT_FAIL] = TO(ERROR, SAME_START),
        [TASKER_STATE_IN_PROGRESS][TASKER_EVENT_CANCEL] = TO(CANCELLED, NONE),
        [TASKER_STATE_IN_PROGRESS][TASKER_EVENT_RESOLVE_MANUALLY] = TO(RESOLVED_MANUALLY, NONE),
        [TASKER_STATE_ERROR][TASKER_EVENT_CANCEL] = TO(CANCELLED, NONE),
        [TASKER_STATE_ERROR][TASKER_EVENT_RESOLVE_MANUALLY] = TO(RESOLVED_MANUALLY, NONE),
        [TASKER_STATE_ERROR][TASKER_EVENT_RETRY] = TO(PENDING, NONE),
    },
};

/* ==== Reading it. Numbers come from callers and from other languages: any is possible */

static bool is_state(tasker_state state)
{
    return (uint32_t)state < TKR_STATES;
}

static bool is_event(tasker_event event)
{
    return (uint32_t)event < TKR_EVENTS;
}

static arrow arrow_of(bool step, tasker_state state, tasker_event event)
{
    if (!is_state(state) || !is_event(event))
        return (arrow){TASKER_STATE_NONE, TKR_GUARD_NONE};
    return arrows[step][state][event];
}

tasker_status tasker_state_parse(tasker_text name, tasker_state *out)
{
    if (name.ptr == NULL)
        return TASKER_INVALID_ARGUMENT;
    for (uint32_t i = TASKER_STATE_PENDING; i < TKR_STATES; i++) {
        tasker_text known = state_names[i];
        if (known.len == name.len && memcmp(known.ptr, name.ptr, name.len) == 0) {
            *out = (tasker_state)i;
            return TASKER_OK;
        }
    }
    return TASKER_INVALID_ARGUMENT;
}

const char *tasker_state_name(tasker_state state)
{
    return state_names[is_state(state) ? state : TASKER_STATE_NONE].ptr;
}

const char *tasker_event_name(tasker_event event)
{
    return event_names[is_event(event) ? event : 0];
}

bool tasker_state_is_terminal(tasker_state state)
{
    return state == TASKER_STATE_COMPLETE || state == TASKER_STATE_CANCELLED || state == TASKER_STATE_RESOLVED_MANUALLY;
}

bool tasker_state_is_done(tasker_state state)
{
    return state == TASKER_STATE_COMPLETE || state == TASKER_STATE_RESOLVED_MANUALLY;
}

bool tasker_state_is_active(tasker_state state)
{
    return state == TASKER_STATE_IN_PROGRESS;
}

tasker_state tasker_state_after_task_event(tasker_state state, tasker_event event)
{
    return arrow_of(false, state, event).to;
}

tasker_state tasker_state_after_step_event(tasker_state state, tasker_event event)
{
    return arrow_of(true, state, event).to;
}

size_t tkr_state_sources(bool step, tasker_event event, tasker_text out[TKR_STATES])
{
    size_t count = 0;

    for (uint32_t i = 0; i < TKR_STATES; i++)
        if (arrow_of(step, (tasker_state)i, event).to != TASKER_STATE_NONE)
            out[count++] = state_names[i];
    return count;
}

tasker_state tkr_state_target(bool step, tasker_event event)
{
    tasker_state to = TASKER_STATE_NONE;

    for (uint32_t i = 0; i < TKR_STATES && to == TASKER_STATE_NONE; i++)
        to = arrow_of(step, (tasker_state)i, event).to;
    return to;
}

tkr_guard tkr_state_guard(bool step, tasker_state from, tasker_event event)
{
    return arrow_of(step, from, event).guard;
}
