/* SPDX-License-Identifier: MIT */
/* When tasks may begin: not before a time, or not while their kind is paused. */
#include "model/delay.h"
#include "model/claim_keep.h"
#include "model/registry.h"
#include "model/wake.h"
#include "statements.h"
#include "tasker/named_task.h"
#include "tasker/task_namespace.h"
#include "value/error.h"

typedef struct delayed_task {
    bool found, open, moved;
} delayed_task;
static const tkr_column delayed_columns[] = {
    TKR_COLUMN(delayed_task, found),
    TKR_COLUMN(delayed_task, open),
    TKR_COLUMN(delayed_task, moved),
    TKR_END_COLUMNS,
};
const tkr_entity tkr_entity_delayed_task = {"delayed_task", sizeof(delayed_task), delayed_columns};

static tasker_status finish_delay(tkr_call *call)
{
    delayed_task d;
    tasker_status status = tkr_read_row(call, 0, 0, &d);
    if (status != TASKER_OK || d.moved)
        return status;
    tkr_nothing_written(call);
    if (!d.found)
        return tkr_error_set(call->error, TASKER_NOT_FOUND, "there is no such task");
    if (!d.open)
        return tkr_error_set(call->error, TASKER_INVALID_TRANSITION, "the task is over");
    return TASKER_NOOP;
}

tasker_status tasker_task_delay(tasker_db *db, const tasker_uuid *task_uuid, tasker_time start_at)
{
    tkr_call call = tkr_begin(db);
    if (!tkr_claim_check(&call))
        return tkr_abandon(&call);
    tkr_add_task_delay(&call, task_uuid, &start_at);
    tkr_wake_for_tasks(&call, task_uuid, 1);
    return tkr_run(&call, finish_delay, NULL);
}

void tkr_check_delay(tkr_call *call, const tasker_task_input *input)
{
    if (call->status == TASKER_OK && input->has_start_at)
        tkr_claim_check(call);
}

void tkr_add_delay(tkr_call *call, const tasker_task_input *input, const tasker_uuid *task_uuid,
                   const tasker_uuid *transition_uuid)
{
    if (call->status == TASKER_OK && input->has_start_at)
        tkr_add_task_create__delay(call, task_uuid, 1, transition_uuid, 1, &input->start_at, 1);
}

/* ---- pausing ---- */

typedef struct paused_kind {
    bool found, moved;
} paused_kind;
static const tkr_column paused_columns[] = {
    TKR_COLUMN(paused_kind, found),
    TKR_COLUMN(paused_kind, moved),
    TKR_END_COLUMNS,
};
const tkr_entity tkr_entity_paused_kind = {"paused_kind", sizeof(paused_kind), paused_columns};

static tasker_status finish_pause(tkr_call *call)
{
    paused_kind k;
    tasker_status status = tkr_read_row(call, 0, 0, &k);
    if (status != TASKER_OK || k.moved)
        return status;
    tkr_nothing_written(call);
    return k.found ? TASKER_NOOP : tkr_error_set(call->error, TASKER_NOT_FOUND, "there is no row of this key");
}

tasker_status tasker_task_namespace_set_paused(tasker_db *db, const tasker_uuid *task_namespace_uuid, bool paused)
{
    tkr_wake_channel channel;
    tkr_call call = tkr_begin(db);
    if (!tkr_claim_check(&call))
        return tkr_abandon(&call);
    tkr_add_task_namespace_set_paused(&call, task_namespace_uuid, paused, tkr_wake_on(&call, &channel));
    return tkr_run(&call, finish_pause, NULL);
}

tasker_status tasker_named_task_set_paused(tasker_db *db, const tasker_uuid *named_task_uuid, bool paused)
{
    tkr_wake_channel channel;
    tkr_call call = tkr_begin(db);
    if (!tkr_claim_check(&call))
        return tkr_abandon(&call);
    tkr_add_named_task_set_paused(&call, named_task_uuid, paused, tkr_wake_on(&call, &channel));
    return tkr_run(&call, finish_pause, NULL);
}
