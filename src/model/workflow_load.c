/* SPDX-License-Identifier: MIT */
/* Loading a whole workflow: three reads in one flush, one result. */
#include <string.h>
#include "statements.h"
#include "tasker/workflow.h"
#include "value/error.h"

enum { DETAILS = 0, STEPS = 1, EDGES = 2 };

/* The three results become one: whoever frees the workflow frees them all. */
static tasker_status finish_load(tkr_call *call)
{
    void *details = NULL;
    tkr_list *steps = NULL, *edges = NULL;
    if (tkr_rows(call, DETAILS) == 0)
        return tkr_error_set(call->error, TASKER_NOT_FOUND, "no such task");
    tasker_workflow *workflow = tkr_alloc(NULL, sizeof *workflow);
    if (workflow == NULL)
        return tkr_error_set(call->error, TASKER_OUT_OF_MEMORY, "out of memory");
    tasker_status status = tkr_take_one(call, DETAILS, &details);
    tkr_adopt(workflow, details);
    if (status == TASKER_OK)
        status = tkr_take_list(call, STEPS, &steps);
    tkr_adopt(workflow, steps);
    if (status == TASKER_OK)
        status = tkr_take_list(call, EDGES, &edges);
    tkr_adopt(workflow, edges);
    if (status != TASKER_OK) {
        tasker_free(workflow);
        return status;
    }
    workflow->details = details;
    workflow->step_count = steps->count;
    workflow->steps = (const tasker_workflow_step_details *const *)(const void *)steps->items;
    workflow->edge_count = edges->count;
    workflow->edges = (const tasker_workflow_step_edge *const *)(const void *)edges->items;
    return tkr_give(call, workflow);
}

tasker_status tasker_workflow_load(tasker_db *db, const tasker_uuid *task_uuid, const tasker_workflow **out)
{
    tkr_call call = tkr_begin(db);
    tkr_add_workflow_load(&call, task_uuid);
    tkr_add_workflow_load__steps(&call, task_uuid);
    tkr_add_workflow_load__edges(&call, task_uuid);
    return tkr_run_for_pointer(&call, finish_load, out);
}
