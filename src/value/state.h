/* SPDX-License-Identifier: MIT */
/*
 * The transition table as statements need it: "step" true asks about steps, false about tasks. Names are as stored.
 * state_table.h is the table, docs/states.md shows it.
 */
#ifndef TKR_VALUE_STATE_H
#define TKR_VALUE_STATE_H

#include "tasker/state.h"

/* One more than the largest number. */
#define TKR_STATES 8
#define TKR_EVENTS 11

/* The condition under which an arrow may be taken, a predicate of the statement that takes it. */
typedef enum tkr_guard {
    TKR_NO_ARROW = 0,
    TKR_GUARD_NONE = 1,
    TKR_GUARD_STEPS_DONE = 2,     /* the task has no step that is not done */
    TKR_GUARD_STEPS_TERMINAL = 3, /* the task has no step that is not terminal */
    TKR_GUARD_READY = 4,          /* of a step: parents done, attempts left, nothing to wait for; and TASK_OPEN */
    TKR_GUARD_TASK_OPEN = 5,      /* the step's task is pending or in_progress */
    TKR_GUARD_SAME_START = 6,     /* the caller's start, where it names one, is the current transition; else CONFLICT */
    TKR_GUARD_NOTHING_ON_IT = 7,  /* nothing that stands on the step is under way, and its task is not terminal */
    TKR_GUARD_NO_MESSAGE = 8      /* the queue of the step's namespace has no message for it */
} tkr_guard;

/* All states the event leads out of, in the order of their numbers; returns how many. 0: an event of the other kind. */
size_t tkr_state_sources(bool step, tasker_event event, tasker_text out[TKR_STATES]);

/* The one state the event leads to, from wherever; NONE: an event of the other kind. */
tasker_state tkr_state_target(bool step, tasker_event event);

/* A task in it starts steps: pending, in_progress. */
bool tkr_state_is_open(tasker_state state);

/* Of the arrow that the event takes from there. */
tkr_guard tkr_state_guard(bool step, tasker_state from, tasker_event event);

#endif
