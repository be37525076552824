/* SPDX-License-Identifier: MIT */
/*
 * The transition table as statements need it: "step" true asks about steps, false about tasks. Names are as stored.
 * docs/states.md shows the whole table.
 */
#ifndef TKR_VALUE_STATE_H
#define TKR_VALUE_STATE_H

#include "tasker/state.h"

/* One more than the largest number. */
#define TKR_STATES 8
#define TKR_EVENTS 9

/* The condition under which an arrow may be taken, a predicate of the statement that takes it. */
typedef enum tkr_guard {
    TKR_GUARD_NONE = 0,
    TKR_GUARD_STEPS_DONE = 1,   /* the task has no step outside complete and resolved_manually */
    TKR_GUARD_PARENTS_DONE = 2, /* the step has no parent outside complete and resolved_manually */
    TKR_GUARD_SAME_START = 3    /* the caller's start, where it names one, is the current transition; else CONFLICT */
} tkr_guard;

/* All states the event leads out of, in the order of their numbers; returns how many. 0: an event of the other kind. */
size_t tkr_state_sources(bool step, tasker_event event, tasker_text out[TKR_STATES]);

/* The one state the event leads to, from wherever; NONE: an event of the other kind. */
tasker_state tkr_state_target(bool step, tasker_event event);

/* Of an arrow; NONE also where there is none. */
tkr_guard tkr_state_guard(bool step, tasker_state from, tasker_event event);

#endif
