/* SPDX-License-Identifier: MIT */
/* Taking leases. Their closing stands in lease_close.c. */
#include "tasker/lease.h"
#include "model/move.h"
#include "statements.h"
#include "value/state.h"
#include "value/text.h"

static const tkr_column columns[] = {
    TKR_COLUMN(tasker_lease, task_uuid),
    TKR_COLUMN(tasker_lease, workflow_step_uuid),
    TKR_NAMED_COLUMN(tasker_lease, token.uuid, "token"),
    TKR_COLUMN(tasker_lease, attempt),
    TKR_COLUMN(tasker_lease, retry_limit),
    TKR_COLUMN(tasker_lease, taken_at),
    TKR_COLUMN(tasker_lease, namespace_name),
    TKR_COLUMN(tasker_lease, task_name),
    TKR_COLUMN(tasker_lease, version),
    TKR_COLUMN(tasker_lease, step_name),
    TKR_COLUMN(tasker_lease, dependent_system_name),
    TKR_OPTIONAL(tasker_lease, context),
    TKR_OPTIONAL(tasker_lease, inputs),
    TKR_END_COLUMNS,
};
const tkr_entity tkr_entity_lease = {"lease", sizeof(tasker_lease), columns};

static void add_take(tkr_call *call, tkr_move *m)
{
    tasker_text sources[2 * TKR_STATES]; /* from error by way of pending */
    size_t source_count = tkr_state_sources(true, TASKER_EVENT_START, sources);
    source_count += tkr_state_sources(true, TASKER_EVENT_RETRY, sources + source_count);
    tkr_add_workflow_step_apply__start_tasks(call, m->keys, m->count, m->others, m->count, m->ids, m->count, sources,
                                             source_count, NULL, m->change.actor, m->claim);
    m->answer = call->part_count;
    tkr_add_lease_take_steps(call, m->keys, m->count, m->ids, m->count, m->others + m->count, m->count,
                             m->change.actor);
    m->extra = call->part_count;
    tkr_add_lease_take_steps__context(call, m->ids, m->count);
}

/* Each lease gets the key of the row that will close it. */
static tasker_status collect_leases(tkr_call *call, tkr_move *m)
{
    tkr_list *list = NULL;
    tasker_status status = tkr_take_list(call, m->extra, &list);
    if (status != TASKER_OK)
        return status;
    tasker_free(call->held);
    call->held = list;
    for (size_t i = 0; i < list->count && status == TASKER_OK; i++) {
        tasker_lease *lease = (tasker_lease *)(uintptr_t)list->items[i]; /* ours until it is given */
        status = tkr_new_ids(call, 1, &lease->transition_uuid) ? TASKER_OK : call->status;
    }
    return status;
}

/* Whoever lost the race finds the step under way, or past that: both are a lost race here. */
static tasker_status judge_take(tkr_move *m, size_t i, const tkr_look *look)
{
    bool startable = look->to_state == TASKER_STATE_NONE ||
                     tkr_state_guard(true, look->to_state, TASKER_EVENT_START) != TKR_NO_ARROW ||
                     tkr_state_guard(true, look->to_state, TASKER_EVENT_RETRY) != TKR_NO_ARROW;
    if (look->found && look->own_state == TASKER_STATE_IN_PROGRESS)
        return tasker_uuid_equal(&look->transition_uuid, &m->ids[i]) ? TASKER_OK : TASKER_CONFLICT;
    if (look->found && look->own_state == TASKER_STATE_NONE && !startable)
        return TASKER_CONFLICT;
    if (look->to_state == TASKER_STATE_ERROR) { /* passes through pending: the same conditions */
        tkr_look pending = *look;
        pending.to_state = TASKER_STATE_PENDING;
        return tkr_move_judge(m, i, &pending);
    }
    return tkr_move_judge(m, i, look);
}

tasker_status tasker_lease_take_steps(tasker_db *db, const tasker_uuid *workflow_step_uuids, size_t count,
                                      const tasker_lease_options *options, tasker_outcome *outcomes,
                                      const tasker_leases **leases)
{
    tkr_move *m;
    tkr_call call = tkr_begin(db);
    if (leases != NULL)
        *leases = NULL;
    if (options == NULL || tkr_is_absent(options->worker.ptr))
        tkr_refuse(&call, TASKER_INVALID_ARGUMENT, "options.worker is required");
    else
        tkr_check_reserved(&call, options->reserved, sizeof options->reserved);
    if (!tkr_move_begin(&call, &m, workflow_step_uuids, count, outcomes) ||
        !tkr_move_keep_change(&call, m, &(tasker_change){.actor = options->worker}))
        return tkr_abandon(&call);
    m->steps = true;
    m->event = TASKER_EVENT_START;
    m->add = add_take;
    m->collect = collect_leases;
    m->judge = judge_take;
    return tkr_move_run(&call, m, leases);
}
