/* SPDX-License-Identifier: MIT */
/* Waking those who listen for ready tasks, where the handle is asked to (option notify_ready). */
#pragma once
#include "model/move.h"
#include "value/queue_name.h"

/* Behind writes that may have made something ready, and behind what the ready set has learnt of them. */
void tkr_wake_for_steps(tkr_call *call, const tasker_uuid *workflow_step_uuids, size_t count);
void tkr_wake_for_tasks(tkr_call *call, const tasker_uuid *task_uuids, size_t count);

/* Before an edge goes. */
void tkr_wake_for_edge(tkr_call *call, const tasker_uuid *workflow_step_edge_uuid);

/* Whatever there may be. */
void tkr_wake_for_all(tkr_call *call);

/* For statements that notify themselves; absent: nobody is to be woken. */
typedef struct tkr_wake_channel {
    char name[TKR_CHANNEL_SIZE];
} tkr_wake_channel;
tasker_text tkr_wake_on(const tkr_call *call, tkr_wake_channel *channel);

/* The same for what a move is about, if its event can make anything ready. */
void tkr_wake_after(tkr_call *call, const tkr_move *move);
