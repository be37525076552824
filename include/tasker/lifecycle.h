/* SPDX-License-Identifier: MIT */
/*
 * Every change of state. Each is one guarded statement: it locks the current history row, checks state and guard, and
 * writes history and entity together, or nothing. Losing a race is an answer, never an error of the server.
 *
 * n items: a pointer and a count, 1 is fine; outcomes is NULL or an array of count, zeroed or with keys of yours. The
 * call returns OK when each item is OK or NOOP, NOOP when all are NOOP, else the status of the first that is neither.
 * Items stand or fall alone. The statuses of an item:
 *   OK                  done, or found done under this very transition_uuid (a resend)
 *   NOOP                it stands there already
 *   NOT_FOUND           no such task or step
 *   CONFLICT            somebody was first, or the history has moved on: look again
 *   INVALID_TRANSITION  the state table has no such arrow from where it stands
 *   GUARD_FAILED        the arrow is there, its condition is not met
 *   DUPLICATE           its transition_uuid names another history row: zero the outcomes before another operation
 * When a call fails as a whole (a lost link, say), its status is that of every item.
 * After IN_DOUBT call again with the same outcomes: their transition_uuid and status tell the library what it sent. An
 * item whose condition is not met stays IN_DOUBT then: the first try may be waiting in a stopped server and can still
 * land when the condition comes true.
 */
#ifndef TASKER_LIFECYCLE_H
#define TASKER_LIFECYCLE_H

#include "readiness.h"

TASKER_BEGIN_DECLS

/* Zero it. */
typedef struct tasker_outcome {
    tasker_uuid transition_uuid; /* in: key of the history row to write, or nil · out: that key */
    tasker_status status;
    tasker_state from_state;
    tasker_state to_state;                    /* where the item stands now */
    tasker_state task_state;                  /* of the task, or of the step's task */
    tasker_execution_status execution_status; /* finalize: why */
    int32_t sort_key;                         /* of the current history row */
    int32_t attempts;                         /* of a step: starts so far */
    int32_t unmet_parents;                    /* of a step that may not start */
    int32_t moved;                            /* history rows written; 0 also for a resend */
    bool has_next_attempt_at;
    tasker_time next_attempt_at; /* when a failed step can start again, or the first waiting step of a task */
    uint64_t reserved[2];
} tasker_outcome;

/* Who and why, for the history; and on what condition. NULL: nobody, and none. */
typedef struct tasker_change {
    tasker_text actor;
    tasker_text reason;
    tasker_json metadata; /* an object; its keys win over the library's own */
    bool has_expected_sort_key;
    int32_t expected_sort_key; /* of the current history row, of every item; CONFLICT when it has moved on */
    uint64_t reserved[4];
} tasker_change;

typedef struct tasker_finalize_options {
    bool fail_fast;        /* a blocked step fails the task although others could still run */
    bool empty_stays_open; /* a task without steps is not complete */
    uint64_t reserved[2];
} tasker_finalize_options;

/*
 * Moves tasks along the task table of tasker/state.h, without touching their steps. COMPLETE needs all steps done,
 * RESOLVE_MANUALLY needs all steps at their end (GUARD_FAILED; CONFLICT when they have come there just now). ENQUEUE
 * and RETRY are INVALID_ARGUMENT.
 */
TASKER_CALL tasker_task_apply(tasker_db *db, const tasker_uuid *task_uuids, size_t count, tasker_event event,
                              const tasker_change *change, tasker_outcome *outcomes);

/*
 * Closes tasks that have nothing left to do; may be called by anybody at any time, exactly one caller moves the task.
 * All steps done: complete (from pending by way of in_progress). Nothing can ever run again: error, with the ids of
 * the blocked steps in the history row's metadata. Else nothing is written, NOOP, and execution_status says why.
 * A step that is completed in a transaction of yours must be committed before; finalize decides on what is committed.
 * Locks the tasks' rows first, also when nothing is written: in a transaction of yours the next caller waits for its
 * end.
 */
TASKER_CALL tasker_task_finalize(tasker_db *db, const tasker_uuid *task_uuids, size_t count,
                                 const tasker_finalize_options *options, tasker_outcome *outcomes);

/*
 * Moves steps along the step table of tasker/state.h: for operators, and for orchestrators that keep no leases.
 * ENQUEUE and START need the task open, and from pending a step that is ready (tasker/readiness.h). FAIL goes to error
 * and stays there (tasker_lease_fail decides on retries). RETRY and RESOLVE_MANUALLY end a requested backoff, but not
 * the wait of readiness itself, min(2^attempts, 30) seconds after the newest failure; RETRY of a step whose attempts
 * are used up, or that is not retryable, sets them to 0.
 * RESET is INVALID_ARGUMENT.
 */
TASKER_CALL tasker_workflow_step_apply(tasker_db *db, const tasker_uuid *workflow_step_uuids, size_t count,
                                       tasker_event event, const tasker_change *change, tasker_outcome *outcomes);

TASKER_END_DECLS

#endif
