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
 * After IN_DOUBT call again with the same outcomes: their transition_uuid and status tell the library what it sent.
 * OK: the row is in the history, written now or before, and wherever the item has gone from there since. An item
 * whose condition is not met stays IN_DOUBT then: the first try may be waiting in a stopped server and can still land
 * when the condition comes true. NOOP, CONFLICT and INVALID_TRANSITION: it has not landed, others have moved the
 * item. By state alone nobody can tell that it never will: such a try can still land when its state comes round again
 * (a retry, a reset). With expected_sort_key it cannot, and the answer is final.
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
    int32_t moved; /* history rows written, also of steps that went along; 0 also for a resend */
    bool has_next_attempt_at;
    tasker_time next_attempt_at; /* when a failed step can start again, or the first waiting step of a task */
    uint64_t reserved[2];
} tasker_outcome;

struct tasker_claim;

/* Who and why, for the history; and on what condition. NULL: nobody, and none. */
typedef struct tasker_change {
    tasker_text actor;
    tasker_text reason;
    tasker_json metadata;             /* an object; its keys win over the library's own */
    const struct tasker_claim *claim; /* made under it: CONFLICT where it is lost, and for items of other tasks */
    bool has_expected_sort_key;
    int32_t expected_sort_key; /* of the current history row, of every item; CONFLICT when it has moved on */
    uint64_t reserved[4];
} tasker_change;

typedef struct tasker_finalize_options {
    bool fail_fast;        /* a blocked step fails the task although others could still run */
    bool empty_stays_open; /* a task without steps is not complete */
    uint64_t reserved[2];
} tasker_finalize_options;

/* How steps are handed to workers. NULL: each with a message, at once. */
typedef struct tasker_enqueue_options {
    bool release;            /* of claims: give them back in the same transaction */
    bool again;              /* steps that are enqueued already: send their message anew */
    bool without_message;    /* the state alone, for workers that do not read queues */
    int32_t delay_seconds;   /* workers do not see the message before */
    tasker_text traceparent; /* W3C Trace Context, for the message's headers */
    uint64_t reserved[2];
} tasker_enqueue_options;

/*
 * Moves tasks along the task table of tasker/state.h, without touching their steps (tasker_task_cancel and
 * tasker_task_reset do). COMPLETE needs all steps done, RESOLVE_MANUALLY needs all steps at their end (GUARD_FAILED;
 * CONFLICT when they have come there just now). ENQUEUE and RETRY are INVALID_ARGUMENT.
 */
TASKER_CALL tasker_task_apply(tasker_db *db, const tasker_uuid *task_uuids, size_t count, tasker_event event,
                              const tasker_change *change, tasker_outcome *outcomes);

/*
 * Cancels tasks with all their open steps, in one transaction: each task that moves leaves no step pending, enqueued,
 * in_progress or in error; done steps stay done. A worker whose step was in progress is not told, but its complete or
 * fail answers CONFLICT; a step that is just being started is waited for. The claim ends, backoffs are cleared.
 * moved: one for the task and one for each step. A task that was cancelled before is NOOP, or OK when it still had open
 * steps (tasker_task_apply touches none): these are cancelled now, and the task gets no new history row. Complete and
 * resolved tasks are INVALID_TRANSITION. Steps' history rows get keys of the server's; actor, reason and metadata go to
 * all rows.
 */
TASKER_CALL tasker_task_cancel(tasker_db *db, const tasker_uuid *task_uuids, size_t count, const tasker_change *change,
                               tasker_outcome *outcomes);

/*
 * Gives tasks in error another try: they go to pending, and with them, in one transaction, their steps in error, as
 * new: attempts 0, no backoff, no wait after the failure. Pending steps that had used up their attempts get them back,
 * too. A step that is not retryable gets one more start. All other steps stay as they are; while a cancelled one is
 * among them the task will be blocked again (tasker_workflow_step_reset). moved: one for the task and one for each step
 * that was in error. A pending task is NOOP, any other that is not in error INVALID_TRANSITION.
 */
TASKER_CALL tasker_task_reset(tasker_db *db, const tasker_uuid *task_uuids, size_t count, const tasker_change *change,
                              tasker_outcome *outcomes);

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
 * Hands steps to workers: pending (or failed and to be tried again) to enqueued, and one message each to the queue of
 * its namespace, <namespace>_queue, in one transaction; a pending task begins with it. Statuses as ENQUEUE of
 * tasker_workflow_step_apply. A step that was enqueued before is NOOP, with options.again after its message was sent
 * once more. NO_QUEUE: see tasker/queue.h. NOT_FOUND with SQLSTATE 42P01: the queue is not there, and your transaction
 * is aborted. options.release is INVALID_ARGUMENT.
 */
TASKER_CALL tasker_workflow_step_enqueue(tasker_db *db, const tasker_uuid *workflow_step_uuids, size_t count,
                                         const tasker_enqueue_options *options, const tasker_change *change,
                                         tasker_outcome *outcomes);

/*
 * Moves steps along the step table of tasker/state.h: for operators, and for orchestrators that keep no leases.
 * ENQUEUE and START need the task open, and from pending a step that is ready (tasker/readiness.h). FAIL goes to error
 * and stays there (tasker_lease_fail decides on retries). RETRY and RESOLVE_MANUALLY end a requested backoff. RETRY of
 * a step whose attempts are used up, or that is not retryable, sets them to 0, and then nothing is waited for; else the
 * wait of readiness itself stays, min(2^attempts, 30) seconds after the newest failure; tasker_workflow_step_reset ends
 * that, too.
 * RESET is INVALID_ARGUMENT: it has a call of its own.
 */
TASKER_CALL tasker_workflow_step_apply(tasker_db *db, const tasker_uuid *workflow_step_uuids, size_t count,
                                       tasker_event event, const tasker_change *change, tasker_outcome *outcomes);

/*
 * Resolves steps that may be left out: as RESOLVE_MANUALLY, but GUARD_FAILED where the step is not skippable. What
 * depends on them goes on as if they were complete, without results of theirs.
 */
TASKER_CALL tasker_workflow_step_skip(tasker_db *db, const tasker_uuid *workflow_step_uuids, size_t count,
                                      const tasker_change *change, tasker_outcome *outcomes);

/*
 * RESET: takes steps back to pending, as if they had never run: from error, and from complete, resolved_manually and
 * cancelled, which no other event leads out of. Results go, attempts are 0, nothing is waited for. With descendants,
 * all steps that depend on them over any number of edges go back as well from these four states; moved counts them. A
 * step that several items of a call would take along counts for one of them.
 *   GUARD_FAILED        the task is complete, cancelled or resolved; or a child of the step is enqueued, in_progress or
 *                       (without descendants) complete; or, with descendants, one of these is enqueued or in_progress
 *   INVALID_TRANSITION  the step itself is enqueued or in_progress
 *   NOOP                it is pending; its descendants are not looked at
 * An item moves with its descendants or not at all. A task in error stays there: tasker_task_reset.
 */
TASKER_CALL tasker_workflow_step_reset(tasker_db *db, const tasker_uuid *workflow_step_uuids, size_t count,
                                       bool descendants, const tasker_change *change, tasker_outcome *outcomes);

/* What a sweep looks for. NULL: the defaults. */
typedef struct tasker_sweep_options {
    int32_t limit;                    /* at most so many changes of each kind; 0: 100 */
    int32_t step_timeout_seconds;     /* an attempt without a lease may last so long; 0: 600 */
    int32_t enqueued_timeout_seconds; /* a step may be enqueued without a message so long; 0: 300 */
    tasker_text actor;                /* for the history */
    uint64_t reserved[2];
} tasker_sweep_options;

typedef struct tasker_sweep {
    int64_t requeued;  /* steps that were enqueued without a message: pending again */
    int64_t retried;   /* steps whose attempt was over: pending, after the usual backoff */
    int64_t failed;    /* steps whose last attempt was over: error */
    int64_t finalized; /* tasks that were closed */
    bool more;         /* call again: not everything was looked at, or the limit was reached */
    uint64_t reserved[2];
} tasker_sweep;

/*
 * Brings on what nobody else does, because who should have done it is dead:
 *   - steps in_progress whose lease has ended, or that have no lease and began too long ago, fail as by
 *     tasker_lease_fail: pending again while attempts last, else error. Who held the attempt gets CONFLICT.
 *   - steps that have been enqueued for too long, and have no message in the queue of their namespace (purged, lost
 *     with a backup, dropped while the task was in error), go back to pending. Messages that are hidden or delayed
 *     count. A handle without queues takes it that there are no messages.
 *   - tasks of which all steps are done, or none can ever run again, are closed as by tasker_task_finalize. Tasks
 *     without steps are left alone.
 * Open tasks are looked at, ten times limit in one call; the next call of this handle goes on from there, and while
 * there are more says so: call until more is false to have seen them all, tasks that just moved perhaps not. Rows
 * that others have locked are passed over. May be called by anybody at any time and by many at once; each thing is
 * done once. NOOP: all is well. INVALID_ARGUMENT: a number is negative. A failure may come after some of it was done;
 * call again. In a transaction of yours all of it is, and the tasks it changes stay locked until its end. Steps
 * without any history are pending here as elsewhere. Tasks without any, which other programs may have made, are not
 * found: the index that is walked is one of histories. Whoever claims, leases or finalizes such a task writes its
 * first row.
 */
TASKER_CALL tasker_sweep_run(tasker_db *db, const tasker_sweep_options *options, tasker_sweep *out);

TASKER_END_DECLS

#endif
