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

/* What the entity's own row gets in the statement of a transition, and updated_at with any of it; a set of bits. */
typedef enum tkr_effect {
    TKR_EFFECT_NONE = 0,
    TKR_EFFECT_COMPLETE = 1,          /* complete = true, completed_at */
    TKR_EFFECT_CLAIM_CLEARED = 2,     /* claimed_at, claimed_by, claim_id = NULL */
    TKR_EFFECT_IN_PROCESS = 4,        /* in_process = true */
    TKR_EFFECT_NOT_IN_PROCESS = 8,    /* in_process = false */
    TKR_EFFECT_ATTEMPT = 16,          /* attempts + 1, last_attempted_at */
    TKR_EFFECT_PROCESSED = 32,        /* processed = true, processed_at */
    TKR_EFFECT_RESULTS = 64,          /* results replaced */
    TKR_EFFECT_ATTEMPTS_RENEWED = 128 /* attempts = 0 where they are used up */
} tkr_effect;

/* All states the event leads out of, in the order of their numbers; returns how many. 0: an event of the other kind. */
size_t tkr_state_sources(bool step, tasker_event event, tasker_text out[TKR_STATES]);

/* The one state the event leads to, from wherever; NONE: an event of the other kind. */
tasker_state tkr_state_target(bool step, tasker_event event);

/* Of an arrow; NONE also where there is none. */
tkr_guard tkr_state_guard(bool step, tasker_state from, tasker_event event);

/* Of entering a state. */
uint32_t tkr_state_effects(bool step, tasker_state to);

#endif
