/* SPDX-License-Identifier: MIT */
/* Taking steps that the caller names. Their closing: lease_close.c; taking whatever there is: lease_take.c. */
#include "tasker/lease.h"
#include "model/lease_read.h"
#include "model/move.h"
#include "statements.h"

static void add_take(tkr_call *call, tkr_move *m)
{
    const tasker_lease_options *options = m->own;
    tasker_text sources[2 * TKR_STATES];
    size_t source_count = tkr_lease_sources(sources);
    tkr_add_workflow_step_apply__start_tasks(call, m->keys, m->count, m->others, m->count, m->ids, m->count, sources,
                                             source_count, NULL, m->change.actor, m->claim);
    m->answer = call->part_count;
    tkr_add_lease_take_steps(call, m->change.actor, tkr_lease_seconds(options->lease_seconds), m->keys, m->count,
                             m->ids, m->count, m->others + m->count, m->count);
    tkr_lease_add_context(call, m->ids, m->count, options->without_context, &m->extra);
}

static tasker_status collect_leases(tkr_call *call, tkr_move *m)
{
    tkr_list *list = NULL;
    tasker_status status = tkr_lease_collect(call, m->extra, &list);
    if (list == NULL)
        return status;
    tasker_free(call->held);
    call->held = list;
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
    if (!tkr_lease_check_options(&call, options) || !tkr_move_begin(&call, &m, workflow_step_uuids, count, outcomes) ||
        !tkr_move_keep_change(&call, m, &(tasker_change){.actor = options->worker}))
        return tkr_abandon(&call);
    tasker_lease_options *kept = tkr_keep(&call, sizeof *kept); /* a second round, or a pipeline, comes later */
    if (kept == NULL)
        return tkr_abandon(&call);
    *kept = *options;
    m->own = kept;
    m->steps = true;
    m->event = TASKER_EVENT_START;
    m->add = add_take;
    m->collect = collect_leases;
    m->judge = judge_take;
    return tkr_move_run(&call, m, leases);
}
