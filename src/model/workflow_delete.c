/* SPDX-License-Identifier: MIT */
#include "statements.h"
#include "tasker/workflow.h"
#include "value/error.h"

static tasker_status finish_delete(tkr_call *call)
{
    if (tkr_affected(call, 2) > 0)
        return TASKER_OK;
    tkr_nothing_written(call);
    return tkr_error_set(call->error, TASKER_NOT_FOUND, "workflow_delete: no such task");
}

tasker_status tasker_workflow_delete(tasker_db *db, const tasker_uuid *task_uuid)
{
    tkr_call call = tkr_begin(db);
    tkr_add_workflow_delete__lock(&call, task_uuid);
    tkr_add_workflow_delete__lock_steps(&call, task_uuid);
    tkr_add_workflow_delete(&call, task_uuid);
    return tkr_run(&call, finish_delete, NULL);
}
