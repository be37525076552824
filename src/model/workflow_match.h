/* SPDX-License-Identifier: MIT */
/* What creating one workflow and creating many share. */
#pragma once
#include "model/plan.h"
#include "statement/call.h"
#include "tasker/task.h"

/* Refuses a task that names a type of its own, or holds what no task may. */
void tkr_check_workflow_task(tkr_call *call, const tasker_task_input *task);

/*
 * The answer of workflow_create__found against a plan: the keys of the stored steps in the definition's order.
 * DUPLICATE: it is another workflow; what ("task_uuid") is what they have in common.
 */
tasker_status tkr_match_workflow(tkr_call *call, uint32_t answer, const tkr_plan *plan, const char *what,
                                 tasker_uuid *step_uuids);
