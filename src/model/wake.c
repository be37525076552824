/* SPDX-License-Identifier: MIT */
#include "model/wake.h"
#include "statements.h"

/* Without a ready set nobody claims, and there is nothing to be looked up in. */
static bool wakes(const tkr_call *call)
{
    return call->status == TASKER_OK && call->db->notify_ready && tkr_link_has_ready_set(call->db);
}

tasker_text tkr_wake_on(const tkr_call *call, tkr_wake_channel *channel)
{
    if (!wakes(call))
        return (tasker_text){0};
    tkr_ready_channel(call->db->schema, channel->name);
    return tasker_text_of(channel->name);
}

void tkr_wake_for_steps(tkr_call *call, const tasker_uuid *workflow_step_uuids, size_t count)
{
    tkr_wake_channel channel;
    if (wakes(call))
        tkr_add_workflow_step_apply__wake(call, workflow_step_uuids, count, tkr_wake_on(call, &channel));
}

void tkr_wake_for_tasks(tkr_call *call, const tasker_uuid *task_uuids, size_t count)
{
    tkr_wake_channel channel;
    if (wakes(call))
        tkr_add_task_apply__wake(call, task_uuids, count, tkr_wake_on(call, &channel));
}

void tkr_wake_for_edge(tkr_call *call, const tasker_uuid *workflow_step_edge_uuid)
{
    tkr_wake_channel channel;
    if (wakes(call))
        tkr_add_workflow_step_edge_delete__wake(call, workflow_step_edge_uuid, tkr_wake_on(call, &channel));
}

void tkr_wake_for_all(tkr_call *call)
{
    tkr_wake_channel channel;
    if (wakes(call))
        tkr_add_ready_set_rebuild__wake(call, tkr_wake_on(call, &channel));
}

/* What ends something, or takes it back, can make something ready. */
void tkr_wake_after(tkr_call *call, const tkr_move *m)
{
    switch (m->event) {
    case TASKER_EVENT_COMPLETE:
    case TASKER_EVENT_RESOLVE_MANUALLY:
    case TASKER_EVENT_RETRY:
    case TASKER_EVENT_RESET:
    case TASKER_EVENT_RELEASE:
        if (m->steps)
            tkr_wake_for_steps(call, m->keys, m->count);
        else
            tkr_wake_for_tasks(call, m->keys, m->count);
        break;
    case TASKER_EVENT_ENQUEUE:
    case TASKER_EVENT_START:
    case TASKER_EVENT_FAIL:
    case TASKER_EVENT_CANCEL:
    case TASKER_EVENT_REQUEUE:
        break;
    }
}
