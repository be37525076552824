/* SPDX-License-Identifier: MIT */
/* Single arrows of the step and task tables. The closing of tasks stands in finalize.c. */
#include "tasker/lifecycle.h"
#include "model/move.h"
#include "statements.h"
#include "value/state.h"

static bool check_event(tkr_call *call, bool steps, tasker_event event)
{
    if (tkr_state_target(steps, event) == TASKER_STATE_NONE)
        tkr_refuse(call, TASKER_INVALID_ARGUMENT, "event %s is none of a %s", tasker_event_name(event),
                   steps ? "step" : "task");
    else if (steps && event == TASKER_EVENT_RESET)
        tkr_refuse(call, TASKER_INVALID_ARGUMENT, "steps are reset by tasker_workflow_step_reset");
    else if (event == TASKER_EVENT_RELEASE)
        tkr_refuse(call, TASKER_INVALID_ARGUMENT, "steps are released by tasker_lease_release");
    else if (event == TASKER_EVENT_REQUEUE)
        tkr_refuse(call, TASKER_INVALID_ARGUMENT, "steps are requeued by tasker_sweep_run");
    return call->status == TASKER_OK;
}

/* Operators step in from outside and hold the task row, as whoever decides for a whole task does. */
static bool is_operators(tasker_event event)
{
    return event == TASKER_EVENT_CANCEL || event == TASKER_EVENT_RETRY || event == TASKER_EVENT_RESOLVE_MANUALLY;
}

static void add_step_apply(tkr_call *call, tkr_move *m)
{
    tasker_text sources[TKR_STATES];
    size_t source_count = tkr_state_sources(true, m->event, sources);
    const char *target = tasker_state_name(tkr_state_target(true, m->event));
    bool starts = m->event == TASKER_EVENT_START || m->event == TASKER_EVENT_ENQUEUE;
    if (starts)
        tkr_add_workflow_step_apply__start_tasks(call, m->keys, m->count, m->others, m->count, m->ids, m->count,
                                                 sources, source_count, tkr_move_expected_sort_key(m), m->change.actor,
                                                 m->claim);
    m->answer = call->part_count;
    tkr_add_workflow_step_apply(call, m->keys, m->count, m->ids, m->count, sources, source_count,
                                tasker_text_of(target), starts, tkr_move_expected_sort_key(m),
                                tasker_text_of(tasker_event_name(m->event)), m->change.actor, m->change.reason,
                                m->change.metadata, false, m->claim);
}

tasker_status tasker_workflow_step_apply(tasker_db *db, const tasker_uuid *workflow_step_uuids, size_t count,
                                         tasker_event event, const tasker_change *change, tasker_outcome *outcomes)
{
    tkr_move *m;
    tkr_call call = tkr_begin(db);
    if (!check_event(&call, true, event) || !tkr_move_begin(&call, &m, workflow_step_uuids, count, outcomes) ||
        !tkr_move_keep_change(&call, m, change))
        return tkr_abandon(&call);
    m->steps = true;
    m->event = event;
    m->add = add_step_apply;
    m->locks_tasks = is_operators(event);
    return tkr_move_run(&call, m, NULL);
}

/* 0: none, 1: all steps done, 2: all steps at their end. What ends a task does so from in_progress, too. */
static int32_t task_guard(tasker_event event)
{
    tkr_guard guard = tkr_state_guard(false, TASKER_STATE_IN_PROGRESS, event);
    return guard == TKR_GUARD_STEPS_DONE ? 1 : guard == TKR_GUARD_STEPS_TERMINAL ? 2 : 0;
}

static void add_task_apply(tkr_call *call, tkr_move *m)
{
    tasker_text sources[TKR_STATES];
    size_t source_count = tkr_state_sources(false, m->event, sources);
    const char *target = tasker_state_name(tkr_state_target(false, m->event));
    m->answer = call->part_count;
    tkr_add_task_apply(call, m->keys, m->count, m->ids, m->count, sources, source_count, tasker_text_of(target),
                       task_guard(m->event), tkr_move_expected_sort_key(m), tasker_text_of(tasker_event_name(m->event)),
                       m->change.actor, m->change.reason, m->change.metadata, m->claim);
}

/* The guard failed when it fails now too; else somebody was first. */
static tasker_status judge_task(tkr_move *m, size_t i, const tkr_look *look)
{
    int32_t guard = task_guard(m->event);
    int64_t forbidden = guard == 1 ? look->undone_steps : guard == 2 ? look->open_steps : 0;
    tasker_status status = tkr_move_judge(m, i, look);
    if (tkr_move_has_moved_on(m, look) || (status != TASKER_GUARD_FAILED && status != TASKER_CONFLICT))
        return status;
    return forbidden > 0 ? TASKER_GUARD_FAILED : TASKER_CONFLICT;
}

tasker_status tasker_task_apply(tasker_db *db, const tasker_uuid *task_uuids, size_t count, tasker_event event,
                                const tasker_change *change, tasker_outcome *outcomes)
{
    tkr_move *m;
    tkr_call call = tkr_begin(db);
    if (!check_event(&call, false, event) || !tkr_move_begin(&call, &m, task_uuids, count, outcomes) ||
        !tkr_move_keep_change(&call, m, change))
        return tkr_abandon(&call);
    m->event = event;
    m->add = add_task_apply;
    m->locks_tasks = true;
    m->judge = judge_task;
    return tkr_move_run(&call, m, NULL);
}
