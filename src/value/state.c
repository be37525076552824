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
    [TASKER_EVENT_RELEASE] = "release",
    [TASKER_EVENT_REQUEUE] = "requeue",
};

/* ==== The table, from state_table.h */

enum { TASK = 0, STEP = 1 };
enum { OPEN = 1, IDLE = 2, BUSY = 4, ACTIVE = 8, DONE = 16, TERMINAL = 32 };

static const uint8_t meanings[TKR_STATES] = {
#define STATE(kinds, state, meaning) [TASKER_STATE_##state] = (meaning),
#include "value/state_table.h"
};

static const tasker_state targets[2][TKR_EVENTS] = {
#define EVENT(kind, event, target, effects) [kind][TASKER_EVENT_##event] = TASKER_STATE_##target,
#include "value/state_table.h"
};

static const tkr_guard guards[2][TKR_STATES][TKR_EVENTS] = {
#define ARROW(kind, from, event, guard) [kind][TASKER_STATE_##from][TASKER_EVENT_##event] = TKR_GUARD_##guard,
#include "value/state_table.h"
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

static bool means(tasker_state state, uint8_t meaning)
{
    return is_state(state) && (meanings[state] & meaning) != 0;
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
    return means(state, TERMINAL);
}

bool tasker_state_is_done(tasker_state state)
{
    return means(state, DONE);
}

bool tasker_state_is_active(tasker_state state)
{
    return means(state, ACTIVE);
}

bool tkr_state_is_open(tasker_state state)
{
    return means(state, OPEN);
}

static tasker_state after(bool step, tasker_state state, tasker_event event)
{
    return tkr_state_guard(step, state, event) != TKR_NO_ARROW ? targets[step][event] : TASKER_STATE_NONE;
}

tasker_state tasker_state_after_task_event(tasker_state state, tasker_event event)
{
    return after(false, state, event);
}

tasker_state tasker_state_after_step_event(tasker_state state, tasker_event event)
{
    return after(true, state, event);
}

size_t tkr_state_sources(bool step, tasker_event event, tasker_text out[TKR_STATES])
{
    size_t count = 0;

    for (uint32_t i = 0; i < TKR_STATES; i++)
        if (tkr_state_guard(step, (tasker_state)i, event) != TKR_NO_ARROW)
            out[count++] = state_names[i];
    return count;
}

tasker_state tkr_state_target(bool step, tasker_event event)
{
    return is_event(event) ? targets[step][event] : TASKER_STATE_NONE;
}

tkr_guard tkr_state_guard(bool step, tasker_state from, tasker_event event)
{
    return is_state(from) && is_event(event) ? guards[step][from][event] : TKR_NO_ARROW;
}
