/* SPDX-License-Identifier: MIT */
/* Closing tasks, as rounds of a call. */
#pragma once
#include "model/move.h"

/* Adds the first round; NULL: the call is refused, or there is nothing to do (status NOOP). */
tkr_move *tkr_finalize_begin(tkr_call *call, const tasker_uuid *task_uuids, size_t count,
                             const tasker_finalize_options *options, tasker_outcome *outcomes);

/* Reads a round: AGAIN, or OK and the outcomes say it all. The move is the call's state. */
tasker_status tkr_finalize_finish(tkr_call *call);

/*
 * tasker_task_finalize for those who complete steps one by one: a look without locks first, and a second round only for
 * tasks that may be at their end. Outside of transactions alone, behind the commit of what the caller completed.
 */
tasker_status tkr_finalize_ended(tasker_db *db, const tasker_uuid *task_uuids, size_t count);
