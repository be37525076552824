/* SPDX-License-Identifier: MIT */
/*
 * A worker's hold on one attempt of a step. Its token is the key of the history row that began the attempt: complete
 * and fail demand it, so a worker that was overtaken (timed out, restarted by somebody else) changes nothing.
 */
#ifndef TASKER_LEASE_H
#define TASKER_LEASE_H

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
} tasker_lease;

TASKER_LIST(tasker_leases, tasker_lease);

typedef struct tasker_lease_options {
    tasker_text worker; /* required: the actor of the history rows, at most 128 characters */
    uint64_t reserved[4];
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
 * Takes these steps: each moves to in_progress, its attempt is counted, a pending task moves along. leases holds what
 * was taken, ordered by step; it is yours, also when some items failed. Statuses of an item as in lifecycle.h;
 * GUARD_FAILED: parents not done, in backoff, retries used up, or the task is not open. CONFLICT: someone has it.
 * One round trip when all can be taken.
 */
TASKER_CALL tasker_lease_take_steps(tasker_db *db, const tasker_uuid *workflow_step_uuids, size_t count,
                                    const tasker_lease_options *options, tasker_outcome *outcomes,
                                    const tasker_leases **leases);

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

TASKER_END_DECLS

#endif
