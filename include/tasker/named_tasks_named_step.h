/* SPDX-License-Identifier: MIT */
/* The kinds of step that a named task consists of, with their default settings. Natural key: both references. */
#ifndef TASKER_NAMED_TASKS_NAMED_STEP_H
#define TASKER_NAMED_TASKS_NAMED_STEP_H

#include "db.h"

TASKER_BEGIN_DECLS

typedef struct tasker_named_tasks_named_step {
    tasker_uuid ntns_uuid;
    tasker_uuid named_task_uuid;
    tasker_uuid named_step_uuid;
    bool skippable;
    bool default_retryable;
    int32_t default_retry_limit;
    tasker_time created_at;
    tasker_time updated_at;
    tasker_text named_task_name; /* this and the names below: joined */
    tasker_text named_step_name;
    tasker_text dependent_system_name;
} tasker_named_tasks_named_step;

TASKER_LIST(tasker_named_tasks_named_steps, tasker_named_tasks_named_step);

typedef struct tasker_named_tasks_named_step_input {
    tasker_uuid ntns_uuid;       /* nil: made for you */
    tasker_uuid named_task_uuid; /* required */
    tasker_uuid named_step_uuid; /* required */
    bool has_skippable;
    bool skippable; /* false */
    bool has_default_retryable;
    bool default_retryable; /* true */
    bool has_default_retry_limit;
    int32_t default_retry_limit; /* 3; not negative */
    uint64_t reserved[4];
} tasker_named_tasks_named_step_input;

/* Members that are set must all hold. NULL or all zero: every association. */
typedef struct tasker_named_tasks_named_step_filter {
    const tasker_uuid *named_task_uuid;
    const tasker_uuid *named_step_uuid;
    bool has_skippable;
    bool skippable;
    bool has_default_retryable;
    bool default_retryable;
    uint64_t reserved[4];
} tasker_named_tasks_named_step_filter;

/*
 * Stores an association. OK: stored, or it was there already under this very key (a resend). DUPLICATE: the named task
 * has this named step; a transaction goes on. REFERENCE_MISSING: no such named task or named step. The row is yours.
 */
TASKER_CALL tasker_named_tasks_named_step_create(tasker_db *db, const tasker_named_tasks_named_step_input *input,
                                                 const tasker_named_tasks_named_step **out);

/* NOT_FOUND: no such key. */
TASKER_CALL tasker_named_tasks_named_step_get(tasker_db *db, const tasker_uuid *ntns_uuid,
                                              const tasker_named_tasks_named_step **out);

/*
 * The association of that named task and named step, made when it is missing; one statement that survives a race with
 * others doing the same. An existing row is returned as it is, whatever settings the input has. REFERENCE_MISSING: no
 * such named task or named step.
 */
TASKER_CALL tasker_named_tasks_named_step_find_or_create(tasker_db *db,
                                                         const tasker_named_tasks_named_step_input *input,
                                                         const tasker_named_tasks_named_step **out);

/* Orders: OLDEST, NEWEST, NAME (of the named step). */
TASKER_CALL tasker_named_tasks_named_step_query(tasker_db *db, const tasker_named_tasks_named_step_filter *filter,
                                                const tasker_page *page, const tasker_named_tasks_named_steps **out);

/* How many there are, and whether there is any. */
TASKER_CALL tasker_named_tasks_named_step_count(tasker_db *db, const tasker_named_tasks_named_step_filter *filter,
                                                int64_t *out);
TASKER_CALL tasker_named_tasks_named_step_exists(tasker_db *db, const tasker_named_tasks_named_step_filter *filter,
                                                 bool *out);

/*
 * Changes what input gives; absent members stay, TASKER_CLEAR stores NULL. The row as it is then. NOT_FOUND: no such
 * key. DUPLICATE: another row has this named task and step; a transaction goes on, unless another session took
 * it in this very moment. REFERENCE_MISSING: what it is to refer to is not there.
 */
TASKER_CALL tasker_named_tasks_named_step_update(tasker_db *db, const tasker_uuid *ntns_uuid,
                                                 const tasker_named_tasks_named_step_input *input,
                                                 const tasker_named_tasks_named_step **out);

/* NOT_FOUND: no such key, or deleted already. STILL_REFERENCED: a foreign table refers to it. */
TASKER_CALL tasker_named_tasks_named_step_delete(tasker_db *db, const tasker_uuid *ntns_uuid);

TASKER_END_DECLS

#endif
