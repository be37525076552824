/* SPDX-License-Identifier: MIT */
/* The statements that register a type, for those who need them in a flush of their own. */
#pragma once
#include "model/plan.h"
#include "statement/call.h"

/*
 * Adds up to five statements; what exists already is left alone. They do nothing when that task is there (NULL: none).
 * A type that is new gets this key (NULL: any).
 */
void tkr_add_registration(tkr_call *call, const tkr_plan *plan, const tasker_uuid *named_task_uuid,
                          const tasker_uuid *unless_task);
