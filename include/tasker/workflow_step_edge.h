/* SPDX-License-Identifier: MIT */
/*
 * Edges between the steps of a task: to_step waits for from_step. Edges never form a cycle. Natural key: both ends.
 *
 * What adds an edge locks the task's row and then to_step's first and looks at the graph after that, so two callers
 * cannot close a cycle together, and nobody starts to_step meanwhile. In a REPEATABLE READ transaction of yours that
 * look may be too old; use READ COMMITTED or SERIALIZABLE.
 */
#ifndef TASKER_WORKFLOW_STEP_EDGE_H
#define TASKER_WORKFLOW_STEP_EDGE_H

#include "cursor.h"

TASKER_BEGIN_DECLS

typedef struct tasker_workflow_step_edge {
    tasker_uuid workflow_step_edge_uuid;
    tasker_uuid from_step_uuid;
    tasker_uuid to_step_uuid;
    tasker_text name;
    tasker_time created_at;
    tasker_time updated_at;
} tasker_workflow_step_edge;

TASKER_LIST(tasker_workflow_step_edges, tasker_workflow_step_edge);

typedef struct tasker_workflow_step_edge_input {
    tasker_uuid workflow_step_edge_uuid; /* nil: made for you */
    tasker_uuid from_step_uuid;          /* required */
    tasker_uuid to_step_uuid;            /* required */
    tasker_text name;                    /* absent: "provides" */
    uint64_t reserved[4];
} tasker_workflow_step_edge_input;

/* Members that are set must all hold. NULL or all zero: every edge. */
typedef struct tasker_workflow_step_edge_filter {
    const tasker_uuid *task_uuid;
    const tasker_uuid *from_step_uuid;
    const tasker_uuid *to_step_uuid;
    tasker_text name;
    const tasker_uuid *to_children_of; /* into the children of this step */
    const tasker_uuid *siblings_of;    /* into the other steps whose parents are exactly those of this step */
    uint64_t reserved[4];
} tasker_workflow_step_edge_filter;

/*
 * Stores an edge. OK: stored, or it was there already under this very key (a resend). SELF_EDGE, DUPLICATE_EDGE,
 * CYCLE, FOREIGN_EDGE (steps of two tasks), GUARD_FAILED (to_step is neither pending nor in error: what was enqueued or
 * started, or is at its end, waits for nobody any more): nothing was written, a transaction goes on. CONFLICT: the
 * same, because a program that does not lock the task was at it too; try again. REFERENCE_MISSING: no such step.
 * from_step may be in any state. The updated_at of to_step moves. The row is yours.
 */
TASKER_CALL tasker_workflow_step_edge_create(tasker_db *db, const tasker_workflow_step_edge_input *input,
                                             const tasker_workflow_step_edge **out);

/* NOT_FOUND: no such key. */
TASKER_CALL tasker_workflow_step_edge_get(tasker_db *db, const tasker_uuid *workflow_step_edge_uuid,
                                          const tasker_workflow_step_edge **out);

/*
 * The edge between the two steps, made when it is missing. An existing row is returned as it is, under whatever name.
 * Otherwise as create; DUPLICATE_EDGE only when the input's key belongs to another edge.
 */
TASKER_CALL tasker_workflow_step_edge_find_or_create(tasker_db *db, const tasker_workflow_step_edge_input *input,
                                                     const tasker_workflow_step_edge **out);

/*
 * Deletes an edge; NOT_FOUND: no such key. No state stands against it, nor whether the task is open: to_step has a
 * parent less to wait for and may be ready from now on; what was started goes on, and from_step's results are no longer
 * among what its workers are given. Locks the task's row first, so that nobody finds the task blocked meanwhile.
 */
TASKER_CALL tasker_workflow_step_edge_delete(tasker_db *db, const tasker_uuid *workflow_step_edge_uuid);

/*
 * The same for whatever leads from one step to the other, under every name. OK also for none; *out, if wanted, counts.
 */
TASKER_CALL tasker_workflow_step_edge_delete_between(tasker_db *db, const tasker_uuid *from_step_uuid,
                                                     const tasker_uuid *to_step_uuid, int64_t *out);

/* Orders: OLDEST, NEWEST. */
TASKER_CALL tasker_workflow_step_edge_query(tasker_db *db, const tasker_workflow_step_edge_filter *filter,
                                            const tasker_page *page, const tasker_workflow_step_edges **out);

/* How many there are, and whether there is any. */
TASKER_CALL tasker_workflow_step_edge_count(tasker_db *db, const tasker_workflow_step_edge_filter *filter,
                                            int64_t *out);
TASKER_CALL tasker_workflow_step_edge_exists(tasker_db *db, const tasker_workflow_step_edge_filter *filter, bool *out);

/* Row by row in constant memory, in the same orders: see tasker/cursor.h. */
TASKER_CALL tasker_workflow_step_edge_stream(tasker_db *db, const tasker_workflow_step_edge_filter *filter,
                                             const tasker_cursor_options *options, tasker_cursor **out);
TASKER_CALL tasker_workflow_step_edge_next(tasker_cursor *cursor, const tasker_workflow_step_edge **out);

/*
 * Would an edge between these two close a cycle? An edge from a step to itself would. Without a lock: another caller
 * may add an edge meanwhile, create decides.
 */
TASKER_CALL tasker_workflow_step_edge_would_cycle(tasker_db *db, const tasker_uuid *from_step_uuid,
                                                  const tasker_uuid *to_step_uuid, bool *out);

TASKER_END_DECLS

#endif
