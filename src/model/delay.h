/* SPDX-License-Identifier: MIT */
/* start_at of new tasks. */
#pragma once
#include "statement/call.h"
#include "tasker/task.h"

/* A start_at needs a ready set: UNSUPPORTED. */
void tkr_check_delay(tkr_call *call, const tasker_task_input *input);

/* Behind the statements that make the task; transition_uuid is the key of its first row. */
void tkr_add_delay(tkr_call *call, const tasker_task_input *input, const tasker_uuid *task_uuid,
                   const tasker_uuid *transition_uuid);
