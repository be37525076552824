/* SPDX-License-Identifier: MIT */
/*
 * What can run now, at the cost of the tasks asked for. The rule stands once: these calls and the views
 * tasker_step_readiness_status and tasker_task_execution_contexts of our schema have one text.
 *
 * A step is ready when it is pending or in error, its parents are all done (complete or resolved_manually), it has
 * not failed for good (the first start is free, later ones need retryable and attempts < retry_limit), and both waits
 * after a failure are over: the requested backoff, from the last start, and min(2^attempts, 30) seconds from the failure.
 */
#ifndef TASKER_READINESS_H
#define TASKER_READINESS_H

#include "db.h"
#include "state.h"

TASKER_BEGIN_DECLS

/* How a task stands; the first that fits. */
typedef enum tasker_execution_status {
    TASKER_EXECUTION_STATUS_NONE = 0,
    TASKER_EXECUTION_STATUS_HAS_READY_STEPS = 1,
    TASKER_EXECUTION_STATUS_PROCESSING = 2, /* steps are in progress or in a queue */
    TASKER_EXECUTION_STATUS_BLOCKED_BY_FAILURES = 3,
    TASKER_EXECUTION_STATUS_ALL_COMPLETE = 4,
    TASKER_EXECUTION_STATUS_WAITING_FOR_DEPENDENCIES = 5,
    TASKER_EXECUTION_STATUS_WAITING_FOR_RETRY = 6 /* tasker_task_finalize only */
} tasker_execution_status;

/* Why a step is not ready; the first that fits. */
typedef enum tasker_blocking_reason {
    TASKER_BLOCKING_REASON_NONE = 0,
    TASKER_BLOCKING_REASON_DEPENDENCIES_NOT_SATISFIED = 1,
    TASKER_BLOCKING_REASON_RETRY_NOT_ELIGIBLE = 2,
    TASKER_BLOCKING_REASON_INVALID_STATE = 3, /* under way, or at its end */
    TASKER_BLOCKING_REASON_BACKOFF = 4
} tasker_blocking_reason;

TASKER_SIZE(tasker_execution_status, 4);
TASKER_SIZE(tasker_blocking_reason, 4);

typedef struct tasker_step_readiness {
    tasker_uuid workflow_step_uuid;
    tasker_uuid task_uuid;
    tasker_uuid named_step_uuid;
    tasker_text name;
    tasker_state current_state;
    bool dependencies_satisfied;
    bool retry_eligible;
    bool ready_for_execution;
    bool has_last_failure_at;
    tasker_time last_failure_at;
    bool has_next_retry_at;
    tasker_time next_retry_at; /* the later end of both waits */
    int32_t total_parents;
    int32_t completed_parents;
    int32_t attempts;    /* NULL counts as 0 */
    int32_t retry_limit; /* NULL counts as 3 */
    bool has_backoff_request_seconds;
    int32_t backoff_request_seconds;
    bool has_last_attempted_at;
    tasker_time last_attempted_at;
    tasker_blocking_reason blocking_reason;
} tasker_step_readiness;

TASKER_LIST(tasker_step_readiness_list, tasker_step_readiness);

/* Members combine by AND. At least one of the two id lists must be given. */
typedef struct tasker_step_readiness_filter {
    const tasker_uuid *task_uuids;
    size_t task_uuid_count;
    const tasker_uuid *workflow_step_uuids;
    size_t workflow_step_uuid_count;
    bool ready;   /* only those that are ready */
    bool blocked; /* only those that will never be ready by themselves: retries are used up or not allowed */
    uint64_t reserved[4];
} tasker_step_readiness_filter;

typedef struct tasker_execution_context {
    tasker_uuid task_uuid;
    tasker_uuid named_task_uuid;
    tasker_state status; /* of the task */
    int64_t total_steps, pending_steps, in_progress_steps, completed_steps, failed_steps, ready_steps;
    int64_t enqueued_steps, cancelled_steps, blocked_steps, waiting_steps; /* waiting: for the end of a backoff */
    tasker_execution_status execution_status;
    double completion_percentage; /* two decimals; 0 without steps */
    bool has_next_retry_at;
    tasker_time next_retry_at; /* when the first waiting step becomes ready */
} tasker_execution_context;

/* Readiness of tasks or of a subset of their steps, by step key. The list is yours. INVALID_ARGUMENT: no ids. */
TASKER_CALL tasker_step_readiness_query(tasker_db *db, const tasker_step_readiness_filter *filter,
                                        const tasker_step_readiness_list **out);

/* NOT_FOUND: no such task. The row is yours. */
TASKER_CALL tasker_execution_context_get(tasker_db *db, const tasker_uuid *task_uuid,
                                         const tasker_execution_context **out);

/* "has_ready_steps". "none" for numbers that are no status. Static storage. */
TASKER_API const char *tasker_execution_status_name(tasker_execution_status status);

TASKER_END_DECLS

#endif
