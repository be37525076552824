/* SPDX-License-Identifier: MIT */
/* The histories of steps: one row for each change of state. Written by tasker/lifecycle.h, read here. */
#ifndef TASKER_WORKFLOW_STEP_TRANSITION_H
#define TASKER_WORKFLOW_STEP_TRANSITION_H

#include "db.h"
#include "state.h"

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
    double seconds_since_previous; /* computed; not there for the first */
} tasker_workflow_step_transition;

TASKER_LIST(tasker_workflow_step_transitions, tasker_workflow_step_transition);

/* Members that are set must all hold; a list (NULL: any) holds for each of its elements. NULL or all zero: all rows. */
typedef struct tasker_workflow_step_transition_filter {
    const tasker_uuid *workflow_step_uuids;
    size_t workflow_step_uuid_count;
    const tasker_state *to_states;
    const tasker_state *from_states; /* NONE finds the first ones */
    size_t to_state_count;
    size_t from_state_count;
    const tasker_uuid *task_uuids;
    size_t task_uuid_count;
    bool has_most_recent;
    bool most_recent;
    tasker_time_range created;
    uint64_t reserved[4];
} tasker_workflow_step_transition_filter;

/* NOT_FOUND: no such key. The row is yours. */
TASKER_CALL tasker_workflow_step_transition_get(tasker_db *db, const tasker_uuid *workflow_step_transition_uuid,
                                                const tasker_workflow_step_transition **out);

/* Orders: OLDEST, NEWEST, and by step: LEAST_RECENT and MOST_RECENT (by sort_key within each). */
TASKER_CALL tasker_workflow_step_transition_query(tasker_db *db, const tasker_workflow_step_transition_filter *filter,
                                                  const tasker_page *page,
                                                  const tasker_workflow_step_transitions **out);

TASKER_END_DECLS

#endif
