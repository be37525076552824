/* SPDX-License-Identifier: MIT */
/*
 * Workflow steps: the steps of a task. A step's state is not in its row but in the newest row of its history (see
 * tasker/workflow_step_transition.h); a step without history is pending. What changes the state stands in
 * tasker/lifecycle.h and tasker/lease.h; whole workflows are made by tasker/workflow.h.
 */
#ifndef TASKER_WORKFLOW_STEP_H
#define TASKER_WORKFLOW_STEP_H

#include "cursor.h"
#include "state.h"

TASKER_BEGIN_DECLS

typedef struct tasker_workflow_step {
    tasker_uuid workflow_step_uuid;
    tasker_uuid task_uuid;
    tasker_uuid named_step_uuid;
    bool retryable;
    bool has_retry_limit;
    int32_t retry_limit; /* the largest number of starts, but the first is free; counts as 3 when it is not there */
    bool in_process;
    bool processed;
    bool has_processed_at;
    tasker_time processed_at;
    bool has_attempts;
    int32_t attempts; /* starts so far; counts as 0 when it is not there */
    bool has_last_attempted_at;
    tasker_time last_attempted_at;
    bool has_backoff_request_seconds;
    int32_t backoff_request_seconds;
    tasker_json inputs;
    tasker_json results;
    bool skippable;
    tasker_time created_at;
    tasker_time updated_at;
    tasker_text claim_id;
    tasker_text reference_id;
    int32_t priority;
    int32_t claim_timeout_seconds;
} tasker_workflow_step;

TASKER_LIST(tasker_workflow_steps, tasker_workflow_step);

/* A step with its names and its state. */
typedef struct tasker_workflow_step_details {
    const tasker_workflow_step *step;
    tasker_text name;
    tasker_text dependent_system_name;
    tasker_state state;
    tasker_time state_since; /* without history: created_at */
} tasker_workflow_step_details;

TASKER_LIST(tasker_workflow_step_detail_list, tasker_workflow_step_details);

typedef struct tasker_workflow_step_input {
    tasker_uuid workflow_step_uuid; /* nil: made for you */
    tasker_uuid task_uuid;          /* required */
    tasker_uuid named_step_uuid;    /* required */
    bool has_retryable;
    bool retryable; /* true */
    bool has_skippable;
    bool skippable; /* false */
    bool has_retry_limit;
    bool has_priority;
    int32_t retry_limit; /* 3; not negative; 0 counts as 1 for the first start */
    int32_t priority;    /* 0 */
    tasker_json inputs;       /* an object */
    tasker_text reference_id; /* at most 255 characters */
    uint64_t reserved[4];
} tasker_workflow_step_input;

/* Members that are set must all hold; a list (NULL: any) holds where one of its elements does. NULL: every step. */
typedef struct tasker_workflow_step_filter {
    const tasker_uuid *workflow_step_uuids;
    const tasker_uuid *task_uuids;
    const tasker_uuid *named_step_uuids;
    size_t workflow_step_uuid_count;
    size_t task_uuid_count;
    size_t named_step_uuid_count;
    const tasker_uuid *parents_of;  /* steps that this one waits for */
    const tasker_uuid *children_of; /* steps that wait for this one */
    const tasker_state *states;     /* PENDING includes steps without history */
    size_t state_count;
    tasker_text name; /* of the named step */
    bool has_processed;
    bool processed;
    bool has_in_process;
    bool in_process;
    bool has_retryable;
    bool retryable; /* retryable and with attempts left, as tasker_workflow_step_has_attempts_left has it */
    bool has_results;
    bool results; /* has results */
    tasker_time_range created;
    tasker_time_range task_created;   /* created_at of the step's task */
    tasker_time_range reached;        /* when it entered its current state; without history: created_at */
    tasker_time_range last_attempted; /* what was never attempted lies in no such range */
    uint64_t reserved[4];
} tasker_workflow_step_filter;

/*
 * Stores a step and the first row of its history, pending, in one statement. OK: stored, or it was there already under
 * this very key (a resend). REFERENCE_MISSING: no such task or named step. GUARD_FAILED: the task is not open (pending
 * or in_progress), nothing was written, a transaction goes on. Locks the task's row, so that nobody closes the task
 * meanwhile. The row is yours.
 */
TASKER_CALL tasker_workflow_step_create(tasker_db *db, const tasker_workflow_step_input *input,
                                        const tasker_workflow_step **out);

/* NOT_FOUND: no such key. */
TASKER_CALL tasker_workflow_step_get(tasker_db *db, const tasker_uuid *workflow_step_uuid,
                                     const tasker_workflow_step **out);

/* The task's step of that name, the oldest if several have it. OK with NULL: none. */
TASKER_CALL tasker_workflow_step_find_by_name(tasker_db *db, const tasker_uuid *task_uuid, tasker_text name,
                                              const tasker_workflow_step **out);

/*
 * Orders: OLDEST, NEWEST, LEAST_RECENT and MOST_RECENT (by last_attempted_at; never attempted counts as long ago),
 * PRIORITY (highest first, then oldest).
 */
TASKER_CALL tasker_workflow_step_query(tasker_db *db, const tasker_workflow_step_filter *filter,
                                       const tasker_page *page, const tasker_workflow_steps **out);

/* The same steps in the same orders, with names and states. */
TASKER_CALL tasker_workflow_step_query_details(tasker_db *db, const tasker_workflow_step_filter *filter,
                                               const tasker_page *page, const tasker_workflow_step_detail_list **out);

/*
 * How many there are, and whether there is any. The schema lets two steps of a task have one name: a count of 1 with
 * task_uuids and name says that it is one step's alone.
 */
TASKER_CALL tasker_workflow_step_count(tasker_db *db, const tasker_workflow_step_filter *filter, int64_t *out);
TASKER_CALL tasker_workflow_step_exists(tasker_db *db, const tasker_workflow_step_filter *filter, bool *out);

/* Row by row in constant memory, in the same orders: see tasker/cursor.h. */
TASKER_CALL tasker_workflow_step_stream(tasker_db *db, const tasker_workflow_step_filter *filter,
                                        const tasker_cursor_options *options, tasker_cursor **out);
TASKER_CALL tasker_workflow_step_next(tasker_cursor *cursor, const tasker_workflow_step **out);

/*
 * Changes what is set and leaves the rest; TASKER_CLEAR removes inputs and reference_id. State, flags and attempts are
 * not among it: see tasker/lifecycle.h. Whoever works on the step keeps what it was given at its start. NOT_FOUND: no
 * such key. GUARD_FAILED: the step was started more often than the new retry_limit allows; retryable = false ends its
 * retries. INVALID_ARGUMENT: another key, a task or a named step, which cannot be changed. Locks the task's row first,
 * because it may make a failed step runnable.
 */
TASKER_CALL tasker_workflow_step_update(tasker_db *db, const tasker_uuid *workflow_step_uuid,
                                        const tasker_workflow_step_input *input, const tasker_workflow_step **out);

/*
 * Deletes a step to which nothing has happened yet, with the one row of its history, pending. NOT_FOUND: no such key.
 * STILL_REFERENCED: it has edges (delete them first) or a history; a transaction must be rolled back then. A task with
 * all of its steps is deleted by tasker_workflow_delete.
 */
TASKER_CALL tasker_workflow_step_delete(tasker_db *db, const tasker_uuid *workflow_step_uuid);

/* The states of count steps; out has room for count. NONE: no such step. */
TASKER_CALL tasker_workflow_step_get_states(tasker_db *db, const tasker_uuid *workflow_step_uuids, size_t count,
                                            tasker_state *out);

/* Fewer starts than retry_limit, or none yet: the first start is free. Whether the step is retryable plays no part. */
TASKER_API bool tasker_workflow_step_has_attempts_left(const tasker_workflow_step *step);

/* In the backoff that was set for it: now is before last_attempted_at + backoff_request_seconds. */
TASKER_API bool tasker_workflow_step_is_waiting(const tasker_workflow_step *step, tasker_time now);

/* Not processed, not in process, not waiting. Parents and state are another matter: see tasker/readiness.h. */
TASKER_API bool tasker_workflow_step_is_eligible(const tasker_workflow_step *step, tasker_time now);

TASKER_END_DECLS

#endif
