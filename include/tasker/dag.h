/* SPDX-License-Identifier: MIT */
/*
 * The graph of a task: where each step stands in it, what leads to a step and what hangs on it.
 *
 * Edges that other programs stored may be wrong, and nothing here breaks on them: two edges between the same steps are
 * one, a step that leads to itself is a cycle of one, a cycle is reported with on_cycle and gone round once at most.
 * Cost: the edges of the task, or those that are walked, each once; no limit on depth, and other tasks cost nothing.
 *
 * The library makes no edges between two tasks. Where others did, nodes leave them out, since they show one task;
 * relatives follow them, since readiness waits for such parents, too.
 */
#ifndef TASKER_DAG_H
#define TASKER_DAG_H

#include "db.h"

TASKER_BEGIN_DECLS

/* A step in the graph of its task. parents and children are its direct ones, by key; they live as long as the list. */
typedef struct tasker_step_node {
    tasker_uuid workflow_step_uuid;
    tasker_uuid task_uuid;
    tasker_uuid named_step_uuid;
    tasker_uuids parents;
    tasker_uuids children;
    bool is_root_step; /* no parents */
    bool is_leaf_step; /* no children */
    bool on_cycle;     /* the step leads back to itself */
    bool has_min_depth_from_root;
    bool has_level;
    int32_t min_depth_from_root; /* edges of the shortest path from a root; not given when no root leads here */
    int32_t level;               /* edges of the longest path from a root; not given on a cycle and below one */
} tasker_step_node;

TASKER_LIST(tasker_step_nodes, tasker_step_node);

/* Members that are set must all hold. task_uuid or workflow_step_uuid is required: all graphs at once are not read. */
typedef struct tasker_step_node_filter {
    const tasker_uuid *task_uuid;
    const tasker_uuid *workflow_step_uuid; /* one node, in the graph of its task */
    bool roots;
    bool leaves;
    bool has_depth;
    int32_t depth; /* min_depth_from_root is this; not negative */
    uint64_t reserved[4];
} tasker_step_node_filter;

/* A step that leads to another one, or hangs on it. */
typedef struct tasker_step_relative {
    tasker_uuid workflow_step_uuid;
    tasker_uuid task_uuid;
    tasker_uuid named_step_uuid;
    tasker_text step_name;
    tasker_json results; /* absent: none stored, or not asked for */
    bool processed;
    int32_t distance; /* edges of the shortest path; 1: a direct parent or child */
} tasker_step_relative;

TASKER_LIST(tasker_step_relatives, tasker_step_relative);

typedef struct tasker_step_relative_options {
    int32_t max_distance; /* 1: direct ones only; 0: all; not negative */
    /* Only steps with results whose state is complete or resolved_manually. The state is that of the history, which is
     * what children wait for; the flag `processed`, which other programs may have forgotten, plays no part. */
    bool completed;
    bool without_results; /* results are not fetched; `completed` still goes by them */
    uint64_t reserved[4];
} tasker_step_relative_options;

/*
 * The nodes of a task, or of one step, by min_depth_from_root and then by key; steps that no root leads to come last.
 * page.order has this one order, OLDEST. Every page reads the whole graph of the task as it is then. Empty: no such
 * task or step, or none that fits. INVALID_ARGUMENT: neither task nor step is given. The list is yours.
 */
TASKER_CALL tasker_step_node_query(tasker_db *db, const tasker_step_node_filter *filter, const tasker_page *page,
                                   const tasker_step_nodes **out);

/*
 * The path that took, or takes, longest: from a root on, each step a parent of the next one, and no step to follow.
 * Of all such paths it is the one with the largest sum of run times; of these the one with the most steps; of these
 * the one with the lower keys, looked at from its end.
 * The run time of a step goes from its first start to its becoming complete or resolved_manually, failed attempts and
 * the waits between them included. Steps that are not there yet, or were never started, count 0: in a task that has
 * finished no step yet, the longest path counts. Steps on a cycle and below one are not on the path.
 * Empty: no such task, no steps, or nothing but cycles. The list is yours.
 */
TASKER_CALL tasker_step_node_list_critical_path(tasker_db *db, const tasker_uuid *task_uuid,
                                                const tasker_step_nodes **out);

/*
 * All steps that lead to this one, or that hang on it, each once, by distance and then by key; never the step itself,
 * on a cycle neither. options NULL: all zero. Empty: no such step, or it has none. The list is yours.
 */
TASKER_CALL tasker_step_relative_list_ancestors(tasker_db *db, const tasker_uuid *workflow_step_uuid,
                                                const tasker_step_relative_options *options,
                                                const tasker_step_relatives **out);
TASKER_CALL tasker_step_relative_list_descendants(tasker_db *db, const tasker_uuid *workflow_step_uuid,
                                                  const tasker_step_relative_options *options,
                                                  const tasker_step_relatives **out);

TASKER_END_DECLS

#endif
