/* SPDX-License-Identifier: MIT */
/* A task with its steps and edges as one thing. */
#ifndef TASKER_WORKFLOW_H
#define TASKER_WORKFLOW_H

#include "definition.h"
#include "task.h"
#include "workflow_step.h"
#include "workflow_step_edge.h"

TASKER_BEGIN_DECLS

typedef struct tasker_workflow_input {
    const tasker_definition *definition;
    tasker_task_input task;                  /* its type and names come from the definition and must be empty */
    const tasker_step_definition *overrides; /* by step name: settings and inputs of this task; names must exist */
    size_t override_count;
    bool registered; /* the type must be registered, else NOT_FOUND; default: what is missing is made */
    uint64_t reserved[4];
} tasker_workflow_input;

/* What was made. The steps stand in the definition's order. */
typedef struct tasker_workflow_ids {
    tasker_uuid task_uuid;
    bool existed; /* a task of this key was there already, a resend, or an open one of this identity */
    size_t step_count;
    const tasker_uuid *workflow_step_uuids;
} tasker_workflow_ids;

TASKER_LIST(tasker_workflow_ids_list, tasker_workflow_ids);

typedef struct tasker_workflow {
    const tasker_task_details *details;
    size_t step_count;
    const tasker_workflow_step_details *const *steps; /* by key: parents before children where the library made them */
    size_t edge_count;
    const tasker_workflow_step_edge *const *edges;
} tasker_workflow;

/*
 * Creates the task, all steps, all edges and the first history row of each, in one flush and one transaction,
 * whatever their number. All or nothing.
 * The statuses of tasker_definition_check, found in memory before anything is sent. NOT_FOUND: `registered` is set and
 * the type or one of its steps is not registered. A call that is sent again with the same task.task_uuid after
 * IN_DOUBT answers OK with the ids that are stored. DUPLICATE: that key belongs to a workflow of another type or with
 * other steps; nothing is written, the type is not registered either. The answer is yours.
 *
 * With task.identity STRICT or KEY the answer is OK with the open workflow of that identity if there is one: existed is
 * set, the ids are its own. What tasker_task_create says about identities holds here too; it takes one round trip more,
 * two where the workflow exists. DUPLICATE: it has other steps than the definition; no task is made, but what was
 * missing of the type is.
 */
TASKER_CALL tasker_workflow_create(tasker_db *db, const tasker_workflow_input *input, const tasker_workflow_ids **out);

/*
 * Creates count workflows in one flush and one transaction, all or none; the answer stands in the order of inputs.
 * Types that are not `registered` are registered before that, one flush for each definition that differs from the one
 * before it, and stay whatever comes then. The statuses of tasker_workflow_create, with tasker_error.item the first
 * input that is in the way. UNSUPPORTED: an input has an identity. A call that is sent again with the same keys
 * answers OK with what is stored and existed set. DUPLICATE: some of the keys are taken, or come twice; a transaction
 * goes on, unless another session took one in this very moment. LIMIT_EXCEEDED: together they have more steps or edges
 * than limits.rows. Cannot be queued.
 * Keys that were made for you are not told when the answer is lost: give keys if you want to send again.
 */
TASKER_CALL tasker_workflow_create_many(tasker_db *db, const tasker_workflow_input *inputs, size_t count,
                                        const tasker_workflow_ids_list **out);

/* Loads a whole workflow in one round trip. NOT_FOUND: no such task. The answer is yours, with all rows in it. */
TASKER_CALL tasker_workflow_load(tasker_db *db, const tasker_uuid *task_uuid, const tasker_workflow **out);

/*
 * Deletes a task with its steps, edges, histories and annotations, in one flush and one transaction, whatever state
 * they are in; also edges that lead to steps of other tasks. Waits for writes that are in progress on them. NOT_FOUND:
 * no such task, or deleted already (a resend). Messages that speak of its steps stay where they are and find nothing.
 */
TASKER_CALL tasker_workflow_delete(tasker_db *db, const tasker_uuid *task_uuid);

TASKER_END_DECLS

#endif
