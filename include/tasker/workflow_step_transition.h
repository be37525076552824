/* SPDX-License-Identifier: MIT */
/* The histories of steps: one row for each change of state. Written by tasker/lifecycle.h, read here. */
#ifndef TASKER_WORKFLOW_STEP_TRANSITION_H
#define TASKER_WORKFLOW_STEP_TRANSITION_H

#include "transition.h"

TASKER_BEGIN_DECLS

typedef struct tasker_workflow_step_transition {
    tasker_uuid workflow_step_transition_uuid;
    tasker_uuid workflow_step_uuid;
    tasker_state to_state;
    tasker_state from_state; /* NONE: the first */
    tasker_json metadata;    /* may be absent */
    int32_t sort_key;        /* the order within the step; gaps mean nothing */
    bool most_recent;        /* the current state */
    tasker_time created_at;
    tasker_time updated_at;
    tasker_uuid task_uuid; /* of the step: joined */
    tasker_text step_name; /* of the named step: joined */
    bool has_seconds_since_previous;
    double seconds_since_previous; /* computed; not there for the oldest row of its history */
} tasker_workflow_step_transition;

TASKER_LIST(tasker_workflow_step_transitions, tasker_workflow_step_transition);

/* Members that are set must all hold; a list (NULL: any) holds where one of its elements does. NULL: all rows. */
typedef struct tasker_workflow_step_transition_filter {
    const tasker_uuid *workflow_step_uuids;
    size_t workflow_step_uuid_count;
    const tasker_state *to_states;
    const tasker_state *from_states; /* NONE finds the first ones */
    size_t to_state_count;
    size_t from_state_count;
    const tasker_uuid *task_uuids;
    size_t task_uuid_count;
    bool retries; /* those back to PENDING whose metadata says retry_attempt */
    bool has_attempt_number;
    int32_t attempt_number; /* in the metadata */
    bool has_most_recent;
    bool most_recent;
    tasker_text metadata_key;      /* metadata is an object with this key, whatever its value */
    tasker_json metadata_value;    /* with metadata_key: its value is this; absent: any */
    tasker_json metadata_contains; /* as PostgreSQL's @> has it */
    tasker_time_range created;
    uint64_t reserved[4];
} tasker_workflow_step_transition_filter;

/* NOT_FOUND: no such key. The row is yours. */
TASKER_CALL tasker_workflow_step_transition_get(tasker_db *db, const tasker_uuid *workflow_step_transition_uuid,
                                                const tasker_workflow_step_transition **out);

/*
 * Orders: OLDEST, NEWEST; LEAST_RECENT and MOST_RECENT go from step to step and within each by sort_key. These two go
 * on also when rows before were pruned meanwhile.
 */
TASKER_CALL tasker_workflow_step_transition_query(tasker_db *db, const tasker_workflow_step_transition_filter *filter,
                                                  const tasker_page *page,
                                                  const tasker_workflow_step_transitions **out);

/* How many there are, and whether there is any. */
TASKER_CALL tasker_workflow_step_transition_count(tasker_db *db, const tasker_workflow_step_transition_filter *filter,
                                                  int64_t *out);
TASKER_CALL tasker_workflow_step_transition_exists(tasker_db *db, const tasker_workflow_step_transition_filter *filter,
                                                   bool *out);

/* Row by row in constant memory, in the same orders: see tasker/cursor.h. */
TASKER_CALL tasker_workflow_step_transition_stream(tasker_db *db, const tasker_workflow_step_transition_filter *filter,
                                                   const tasker_cursor_options *options, tasker_cursor **out);
TASKER_CALL tasker_workflow_step_transition_next(tasker_cursor *cursor, const tasker_workflow_step_transition **out);

/*
 * Puts another object in place of a row's metadata: what the history says was so is rewritten. NOT_FOUND: no such key.
 * INVALID_ARGUMENT: not an object.
 */
TASKER_CALL tasker_workflow_step_transition_replace_metadata(tasker_db *db,
                                                             const tasker_uuid *workflow_step_transition_uuid,
                                                             tasker_json metadata);

/*
 * Deletes all rows of a step's history but the newest keep, at least 1. Only the oldest go, and never the current
 * one, nor the newest failure of a step that waits to be tried again, because its backoff counts from there. OK also
 * when none went; *out, if wanted, counts. A write that is sent again after its row was pruned is not recognised any
 * more.
 */
TASKER_CALL tasker_workflow_step_transition_prune(tasker_db *db, const tasker_uuid *workflow_step_uuid, int32_t keep,
                                                  int64_t *out);

TASKER_END_DECLS

#endif
