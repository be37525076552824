/* SPDX-License-Identifier: MIT */
/*
 * What can run now, at the cost of the tasks asked for. The rule stands once: these calls and the views
 * tasker_step_readiness_status and tasker_task_execution_contexts of our schema have one text.
 *
 * A step is ready when it is pending or in error, its parents are all done (complete or resolved_manually), it has
 * not failed for good (the first start is free, later ones need retryable and attempts < retry_limit), and both waits
 * after a failure are over: the requested backoff, from the last start, and min(2^attempts, 30) seconds from the
 * failure. A reset ends both, and so does the retry of a step whose attempts were used up: it does not wait for its
 * failures while its history says event reset or retry last, and its attempts are 0.
 *
 * A task is stuck when it is not done and nothing of it is ready, under way or waiting for the end of a backoff, while
 * some step has failed for good or is cancelled: what depends on those can never start. tasker_task_finalize goes by
 * the same word. The view's columns execution_status and recommended_action keep tasker-core's reading, to which a task
 * that is stuck on cancelled steps alone waits for dependencies; the calls here say BLOCKED_BY_FAILURES.
 *
 * Claims are answered from the ready set: tables beside tasker-core's that keep, for each step, how many parents it
 * waits for and when it can start, and for each task that is not over, whether it may be claimed now or when it wakes
 * up. Every writer keeps them true, in the transaction of its write: the library's calls by themselves, plain SQL
 * through triggers. What no trigger sees can still make them wrong (session_replication_role = replica, ALTER TABLE ...
 * DISABLE TRIGGER, a logical copy of some of the tables), and so can statements about these tables themselves:
 * tasker_ready_set_check tells, tasker_ready_set_rebuild mends.
 */
#ifndef TASKER_READINESS_H
#define TASKER_READINESS_H

#include "db.h"
#include "state.h"

TASKER_BEGIN_DECLS

/* How a task stands; the first that fits. Without steps it waits. */
typedef enum tasker_execution_status {
    TASKER_EXECUTION_STATUS_NONE = 0,
    TASKER_EXECUTION_STATUS_HAS_READY_STEPS = 1,
    TASKER_EXECUTION_STATUS_PROCESSING = 2,          /* steps are in progress or in a queue */
    TASKER_EXECUTION_STATUS_BLOCKED_BY_FAILURES = 3, /* steps failed for good, though others may wait; or it is stuck */
    TASKER_EXECUTION_STATUS_ALL_COMPLETE = 4,
    TASKER_EXECUTION_STATUS_WAITING_FOR_DEPENDENCIES = 5,
    TASKER_EXECUTION_STATUS_WAITING_FOR_RETRY = 6 /* tasker_task_finalize only */
} tasker_execution_status;

/* What to do about it: one for each status. */
typedef enum tasker_recommended_action {
    TASKER_RECOMMENDED_ACTION_NONE = 0,
    TASKER_RECOMMENDED_ACTION_EXECUTE_READY_STEPS = 1,
    TASKER_RECOMMENDED_ACTION_WAIT_FOR_COMPLETION = 2,
    TASKER_RECOMMENDED_ACTION_HANDLE_FAILURES = 3, /* or the cancelled steps it is stuck on */
    TASKER_RECOMMENDED_ACTION_FINALIZE_TASK = 4,
    TASKER_RECOMMENDED_ACTION_WAIT_FOR_DEPENDENCIES = 5
} tasker_recommended_action;

/* What failures do to a task; cancelled steps do not count. */
typedef enum tasker_health_status {
    TASKER_HEALTH_STATUS_NONE = 0,
    TASKER_HEALTH_STATUS_HEALTHY = 1,    /* else, without a step in error */
    TASKER_HEALTH_STATUS_RECOVERING = 2, /* else */
    TASKER_HEALTH_STATUS_BLOCKED = 3     /* blocked steps, and none is ready: said before the others */
} tasker_health_status;

/* Why a step is not ready; the first that fits. */
typedef enum tasker_blocking_reason {
    TASKER_BLOCKING_REASON_NONE = 0,
    TASKER_BLOCKING_REASON_DEPENDENCIES_NOT_SATISFIED = 1,
    TASKER_BLOCKING_REASON_RETRY_NOT_ELIGIBLE = 2,
    TASKER_BLOCKING_REASON_INVALID_STATE = 3, /* under way, or at its end */
    TASKER_BLOCKING_REASON_BACKOFF = 4
} tasker_blocking_reason;

TASKER_SIZE(tasker_execution_status, 4);
TASKER_SIZE(tasker_recommended_action, 4);
TASKER_SIZE(tasker_health_status, 4);
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
    int32_t effective_backoff_seconds; /* as requested, else min(2^attempts, 30); 2 if starts were never counted */
} tasker_step_readiness;

TASKER_LIST(tasker_step_readiness_list, tasker_step_readiness);

/* Members combine by AND. At least one of the two id lists must be given. */
typedef struct tasker_step_readiness_filter {
    const tasker_uuid *task_uuids;
    size_t task_uuid_count;
    const tasker_uuid *workflow_step_uuids;
    size_t workflow_step_uuid_count;
    bool ready;          /* only those that are ready */
    bool blocked;        /* only those that will never be ready by themselves: retries are used up or not allowed */
    bool retry_eligible; /* only those with this member set, whatever their state */
    bool dependencies_not_satisfied; /* only those with parents that are not done */
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
    tasker_recommended_action recommended_action;
    tasker_health_status health_status;
    bool stuck; /* see above */
    bool has_latest_completion_at;
    tasker_time latest_completion_at; /* when the newest of its processed steps was processed */
} tasker_execution_context;

TASKER_LIST(tasker_execution_contexts, tasker_execution_context);

/*
 * The ready set compared with what it is made from: rows that should be there and are not; that should not be there;
 * that say something else, or let a task sleep that has something to do. A task may be awake with nothing to do.
 */
typedef struct tasker_ready_set_report {
    int64_t tasks, steps; /* that there are */
    int64_t missing, surplus, wrong;
} tasker_ready_set_report;

/* Readiness of tasks or of a subset of their steps, by step key. The list is yours. INVALID_ARGUMENT: no ids. */
TASKER_CALL tasker_step_readiness_query(tasker_db *db, const tasker_step_readiness_filter *filter,
                                        const tasker_step_readiness_list **out);

/* NOT_FOUND: no such task. The row is yours. */
TASKER_CALL tasker_execution_context_get(tasker_db *db, const tasker_uuid *task_uuid,
                                         const tasker_execution_context **out);

/* A row for each task that exists, by task key; unknown and repeated keys add none. The list is yours. */
TASKER_CALL tasker_execution_context_list(tasker_db *db, const tasker_uuid *task_uuids, size_t count,
                                          const tasker_execution_contexts **out);

/*
 * Looks at all tasks, as one moment shows them: others may write meanwhile, and what they have not committed does not
 * count. Reads the whole of the tables, some seconds for a million steps. UNSUPPORTED: the schema has no ready set
 * (tasker-core's tables, not adopted); on the handle of a pipeline.
 */
TASKER_CALL tasker_ready_set_check(tasker_db *db, tasker_ready_set_report *out);

/*
 * Makes every row what it should be; out (may be NULL) is what the check says just before. Walks the tasks by key, a
 * thousand in each transaction, and locks only rows that look wrong, so that others can go on writing and claiming.
 * After a failure the parts before it are mended, and the call can be sent again; RETRY: it met a writer whose locks
 * the damage had put out of order. In a transaction of the caller's it is one piece, and keeps its locks to the end.
 * The handle's time limit is for the whole. UNSUPPORTED: as for the check.
 */
TASKER_CALL tasker_ready_set_rebuild(tasker_db *db, tasker_ready_set_report *out);

/* "has_ready_steps", "execute_ready_steps", "healthy". "none" for all other numbers. Static storage. */
TASKER_API const char *tasker_execution_status_name(tasker_execution_status status);
TASKER_API const char *tasker_recommended_action_name(tasker_recommended_action action);
TASKER_API const char *tasker_health_status_name(tasker_health_status status);

TASKER_END_DECLS

#endif
