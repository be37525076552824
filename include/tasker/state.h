/* SPDX-License-Identifier: MIT */
/*
 * The states and events of tasks and steps. One table in the source says which event leads where; these functions
 * read it, the SQL statements are made from it. All are pure and may be called from any thread.
 */
#ifndef TASKER_STATE_H
#define TASKER_STATE_H

#include "status.h"

TASKER_BEGIN_DECLS

typedef enum tasker_state {
    TASKER_STATE_NONE = 0,     /* no such state; in rows: SQL NULL */
    TASKER_STATE_PENDING = 1,  /* also what a task or step without history is in */
    TASKER_STATE_ENQUEUED = 2, /* steps only: in a queue, no worker yet */
    TASKER_STATE_IN_PROGRESS = 3,
    TASKER_STATE_COMPLETE = 4,
    TASKER_STATE_ERROR = 5,
    TASKER_STATE_CANCELLED = 6,
    TASKER_STATE_RESOLVED_MANUALLY = 7
} tasker_state;

typedef enum tasker_event {
    TASKER_EVENT_ENQUEUE = 1, /* steps only */
    TASKER_EVENT_START = 2,
    TASKER_EVENT_COMPLETE = 3,
    TASKER_EVENT_FAIL = 4,
    TASKER_EVENT_CANCEL = 5,
    TASKER_EVENT_RESOLVE_MANUALLY = 6,
    TASKER_EVENT_RETRY = 7,   /* steps only */
    TASKER_EVENT_RESET = 8,   /* of a step: only by tasker_workflow_step_reset */
    TASKER_EVENT_RELEASE = 9, /* steps only, and only by tasker_lease_release */
    TASKER_EVENT_REQUEUE = 10 /* steps only, and only by tasker_sweep_run */
} tasker_event;

TASKER_SIZE(tasker_state, 4);
TASKER_SIZE(tasker_event, 4);

/* Reads a state as stored, "in_progress". INVALID_ARGUMENT for any other text; *out is then untouched. */
TASKER_CALL tasker_state_parse(tasker_text name, tasker_state *out);

/* As stored: "in_progress". "none" for NONE and for numbers that are no state. Static storage. */
TASKER_API const char *tasker_state_name(tasker_state state);

/* "resolve_manually". "none" for numbers that are no event. Static storage. */
TASKER_API const char *tasker_event_name(tasker_event event);

/* complete, cancelled, resolved_manually: no event leads out of it, but for a RESET of the step. */
TASKER_API bool tasker_state_is_terminal(tasker_state state);

/* complete, resolved_manually: what a child waits for. */
TASKER_API bool tasker_state_is_done(tasker_state state);

/* in_progress: somebody works on it. */
TASKER_API bool tasker_state_is_active(tasker_state state);

/* Where the event leads a task from this state; NONE: there is no such arrow. */
TASKER_API tasker_state tasker_state_after_task_event(tasker_state state, tasker_event event);

/* The same for a step. */
TASKER_API tasker_state tasker_state_after_step_event(tasker_state state, tasker_event event);

TASKER_END_DECLS

#endif
