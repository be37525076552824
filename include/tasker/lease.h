/* SPDX-License-Identifier: MIT */
/*
 * A worker's hold on one attempt of a step. Its token is the key of the history row that began the attempt: all that is
 * done with the lease demands it, so a worker that was overtaken (timed out, restarted by somebody else) changes
 * nothing.
 *
 * A lease lasts until expires_at, which nobody enforces: it is how long the worker may be left alone. Then a sweep may
 * fail the attempt; until one does, a late worker can still complete, fail or extend it. docs/leases.md tells how a
 * message becomes a lease.
 */
#ifndef TASKER_LEASE_H
#define TASKER_LEASE_H

#include "dag.h"
#include "lifecycle.h"

TASKER_BEGIN_DECLS

typedef struct tasker_lease_token {
    tasker_uuid uuid;
} tasker_lease_token;

typedef struct tasker_lease {
    tasker_uuid task_uuid;
    tasker_uuid workflow_step_uuid;
    tasker_lease_token token;
    tasker_uuid transition_uuid; /* key kept for the closing history row: complete and fail can be sent again */
    int32_t attempt;             /* 1 for the first; (workflow_step_uuid, attempt) is the handler's idempotency key */
    int32_t retry_limit;
    tasker_time taken_at;
    tasker_text namespace_name, task_name, version, step_name, dependent_system_name;
    tasker_json context; /* of the task; may be absent */
    tasker_json inputs;  /* of the step; may be absent */
    int64_t msg_id;      /* of the message that brought it, which is gone; 0: taken without one */
    int32_t read_ct;     /* how often that was read, this time included; 0 without one */
    tasker_time expires_at;
    tasker_text traceparent; /* as the message's sender gave it; absent: not, or without a message */
    /* All steps above this one that are done and have results, each once: nearest first, then by key. */
    size_t ancestor_count;
    const tasker_step_relative *const *ancestors;
} tasker_lease;

TASKER_LIST(tasker_leases, tasker_lease);

typedef struct tasker_lease_options {
    tasker_text worker;                 /* required: the actor of the history rows, at most 128 characters */
    int32_t limit;                      /* so many at most; 0: 1 */
    int32_t lease_seconds;              /* 0: 30 */
    const tasker_text *namespace_names; /* whose queues, looked at in this order; without a queue: NULL for all */
    size_t namespace_name_count;
    bool without_queue;           /* straight from the ready set */
    bool without_context;         /* context, inputs and ancestors are not fetched */
    const tasker_uuid *task_uuid; /* without a queue: of this task alone; NULL: of any */
    uint64_t reserved[3];
} tasker_lease_options;

typedef struct tasker_completion {
    const tasker_lease *lease;
    tasker_json results;  /* any JSON value; replaces the step's results; absent: NULL */
    tasker_json metadata; /* an object; its keys win over the library's own */
    uint64_t reserved[4];
} tasker_completion;

typedef struct tasker_failure {
    const tasker_lease *lease;
    tasker_text error_message, error_type;
    tasker_json metadata; /* an object; its keys win over the library's own */
    bool permanent;       /* not to be tried again: the step is not retryable any more */
    bool has_retry_after_seconds;
    int32_t retry_after_seconds; /* instead of the exponential backoff; at most 300 count; see tasker_lease_fail */
    uint64_t reserved[4];
} tasker_failure;

/*
 * Takes up to limit steps, whatever there is, in one round trip and one transaction: a message is deleted with the
 * start of its step, so neither can be without the other. From the queues "<namespace>_queue", oldest first; or,
 * with without_queue, the ready steps of unclaimed tasks in the order of claims, never one that another call is taking;
 * who asks for up to 16 while others do too is given steps of other tasks than they, where there are such.
 * With task_uuid those of one task, whoever has claimed it, those that could start first first; none while the task may
 * not begin, is paused, or is not there. None is there: an empty list. The list is yours; ordered by step.
 *
 * Messages whose step has left enqueued, or was enqueued anew since, are deleted on the way, and what is no message of
 * a step is moved to the queue's archive; so there can be more, though fewer than limit came. Where the step's task is
 * in error, or its kind is paused, the message stays, hidden for lease_seconds.
 *
 * INVALID_ARGUMENT: no worker; no namespaces; one that gives no name for a queue; a negative number; task_uuid with
 * queues or with namespaces. NOT_FOUND: one of the queues is not there. NO_QUEUE. UNSUPPORTED: without_queue in a
 * schema that keeps no ready set. After IN_DOUBT steps may have been taken for nobody: their leases run out.
 */
TASKER_CALL tasker_lease_take(tasker_db *db, const tasker_lease_options *options, const tasker_leases **out);

/*
 * Takes these steps: each moves to in_progress, its attempt is counted, a pending task moves along. leases holds what
 * was taken, ordered by step; it is yours, also when some items failed. Statuses of an item as in lifecycle.h;
 * GUARD_FAILED: parents not done, in backoff, retries used up, or the task is not open. CONFLICT: someone has it.
 * One round trip when all can be taken. Of the options, worker, lease_seconds and without_context play a part.
 */
TASKER_CALL tasker_lease_take_steps(tasker_db *db, const tasker_uuid *workflow_step_uuids, size_t count,
                                    const tasker_lease_options *options, tasker_outcome *outcomes,
                                    const tasker_leases **leases);

/*
 * What a lease of this step would hold, and nothing is taken: token, transition_uuid and times are zero, attempt is the
 * number of attempts until now. NOT_FOUND. The lease is yours, and of use for reading only.
 */
TASKER_CALL tasker_lease_load(tasker_db *db, const tasker_uuid *workflow_step_uuid, const tasker_lease **out);

/*
 * Completes attempts: state, flags and results in one statement. CONFLICT: the lease was lost, nothing is written.
 * May be sent again after IN_DOUBT. Call tasker_task_finalize when the task may have come to its end.
 */
TASKER_CALL tasker_lease_complete(tasker_db *db, const tasker_completion *completions, size_t count,
                                  tasker_outcome *outcomes);

/*
 * Fails attempts. While attempts last and the failure is not permanent the step goes to error and on to pending, with
 * a backoff of min(2^attempts, 300) seconds give or take 10 % from now on; to_state and next_attempt_at tell. Else it
 * stays in error. CONFLICT: the lease was lost.
 * Whatever backoff is asked for, readiness also keeps its own wait of min(2^attempts, 30) seconds after the newest
 * failure: the longer one decides, and next_attempt_at is the later end. So a retry_after_seconds below it, also 0,
 * does not start a step earlier.
 */
TASKER_CALL tasker_lease_fail(tasker_db *db, const tasker_failure *failures, size_t count, tasker_outcome *outcomes);

/*
 * Heartbeat: the leases last for lease_seconds (0: 30) from now on, whatever was left. One statement for all; steps
 * whose row somebody else holds at the moment are passed over: BUSY, the lease stands as it stood, try again. CONFLICT:
 * the lease was lost. The rows keep the expires_at they came with.
 */
TASKER_CALL tasker_lease_extend(tasker_db *db, const tasker_lease *const *leases, size_t count, int32_t lease_seconds,
                                tasker_outcome *outcomes);

/*
 * Gives leases back whose work was not begun: the steps are pending again and the attempts do not count. Ready at once;
 * where steps go through queues, the next claim of the task enqueues them. CONFLICT: the lease was lost. May be sent
 * again after IN_DOUBT.
 */
TASKER_CALL tasker_lease_release(tasker_db *db, const tasker_lease *const *leases, size_t count,
                                 tasker_outcome *outcomes);

/* Of the nearest ancestor with this name that has results; ptr NULL: none. Borrowed from the lease. */
TASKER_API tasker_json tasker_lease_find_result(const tasker_lease *lease, tasker_text step_name);

TASKER_END_DECLS

#endif
