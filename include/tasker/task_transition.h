/* SPDX-License-Identifier: MIT */
/* The histories of tasks: one row for each change of state. Written by tasker/lifecycle.h, read here. */
#ifndef TASKER_TASK_TRANSITION_H
#define TASKER_TASK_TRANSITION_H

#include "db.h"
#include "state.h"

TASKER_BEGIN_DECLS

typedef struct tasker_task_transition {
    tasker_uuid task_transition_uuid;
    tasker_uuid task_uuid;
    tasker_state to_state;
    tasker_state from_state; /* NONE: the first */
    tasker_json metadata;    /* may be absent */
    int32_t sort_key;        /* the order within the task; gaps mean nothing */
    bool most_recent;        /* the current state */
    tasker_time created_at;
    tasker_time updated_at;
    bool has_seconds_since_previous;
    double seconds_since_previous; /* computed; not there for the first */
} tasker_task_transition;

TASKER_LIST(tasker_task_transitions, tasker_task_transition);

/* Members that are set must all hold; a list (NULL: any) holds for each of its elements. NULL or all zero: all rows. */
typedef struct tasker_task_transition_filter {
    const tasker_uuid *task_uuids;
    size_t task_uuid_count;
    const tasker_state *to_states;
    const tasker_state *from_states; /* NONE finds the first ones */
    size_t to_state_count;
    size_t from_state_count;
    bool has_most_recent;
    bool most_recent;
    tasker_time_range created;
    uint64_t reserved[4];
} tasker_task_transition_filter;

/* NOT_FOUND: no such key. The row is yours. */
TASKER_CALL tasker_task_transition_get(tasker_db *db, const tasker_uuid *task_transition_uuid,
                                       const tasker_task_transition **out);

/* Orders: OLDEST, NEWEST, and by task: LEAST_RECENT and MOST_RECENT (by sort_key within each). */
TASKER_CALL tasker_task_transition_query(tasker_db *db, const tasker_task_transition_filter *filter,
                                         const tasker_page *page, const tasker_task_transitions **out);

TASKER_END_DECLS

#endif
