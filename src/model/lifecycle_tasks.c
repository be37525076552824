/* SPDX-License-Identifier: MIT */
/* What moves more than one row along: tasks with their steps, steps with what depends on them. And skipping. */
#include "model/move.h"
#include "model/wake.h"
#include "statements.h"
#include "tasker/lifecycle.h"
#include "value/state.h"

static void add_step_skip(tkr_call *call, tkr_move *m);

static tasker_status run(tkr_call *call, bool steps, const tasker_uuid *keys, size_t count, tasker_event event,
                         const tasker_change *change, tasker_outcome *outcomes, void (*add)(tkr_call *, tkr_move *),
                         tasker_status (*judge)(tkr_move *, size_t, const tkr_look *))
{
    tkr_move *m;
    if (!tkr_move_begin(call, &m, keys, count, outcomes) || !tkr_move_keep_change(call, m, change))
        return tkr_abandon(call);
    m->steps = steps;
    m->event = event;
    m->add = add;
    m->judge = judge;
    m->wide = add != add_step_skip;
    m->locks_tasks = true;
    return tkr_move_run(call, m, NULL);
}

/* ---- tasks ---- */

/* The writes are about all steps of the tasks. */
static void end_writes(tkr_call *call, const tkr_move *m)
{
    if (call->status == TASKER_OK && tkr_link_has_ready_set(call->db))
        tkr_add_task_cancel__follow_steps(call, m->keys, m->count);
    tkr_move_end_writes(call, m);
}

static void add_task_cancel(tkr_call *call, tkr_move *m)
{
    tasker_text sources[TKR_STATES], step_sources[TKR_STATES];
    size_t source_count = tkr_state_sources(false, m->event, sources);
    size_t step_source_count = tkr_state_sources(true, m->event, step_sources);
    const char *target = tasker_state_name(tkr_state_target(false, m->event));
    tkr_add_task_cancel__lock_steps(call, m->keys, m->count);
    tkr_move_begin_writes(call);
    m->answer = call->part_count;
    tkr_add_task_cancel(call, m->keys, m->count, m->ids, m->count, sources, source_count, tasker_text_of(target),
                        tkr_move_expected_sort_key(m), tasker_text_of(tasker_event_name(m->event)), m->change.actor,
                        m->change.reason, m->change.metadata, m->claim, step_sources, step_source_count);
    end_writes(call, m);
}

tasker_status tasker_task_cancel(tasker_db *db, const tasker_uuid *task_uuids, size_t count,
                                 const tasker_change *change, tasker_outcome *outcomes)
{
    tkr_call call = tkr_begin(db);
    return run(&call, false, task_uuids, count, TASKER_EVENT_CANCEL, change, outcomes, add_task_cancel, tkr_move_judge);
}

static void add_task_reset(tkr_call *call, tkr_move *m)
{
    tasker_text sources[TKR_STATES];
    size_t source_count = tkr_state_sources(false, m->event, sources);
    const char *target = tasker_state_name(tkr_state_target(false, m->event));
    tkr_add_task_cancel__lock_steps(call, m->keys, m->count);
    tkr_move_begin_writes(call);
    m->answer = call->part_count;
    tkr_add_task_reset(call, m->keys, m->count, m->ids, m->count, sources, source_count, tasker_text_of(target),
                       tkr_move_expected_sort_key(m), tasker_text_of(tasker_event_name(m->event)), m->change.actor,
                       m->change.reason, m->change.metadata, m->claim);
    end_writes(call, m);
}

tasker_status tasker_task_reset(tasker_db *db, const tasker_uuid *task_uuids, size_t count, const tasker_change *change,
                                tasker_outcome *outcomes)
{
    tkr_call call = tkr_begin(db);
    return run(&call, false, task_uuids, count, TASKER_EVENT_RESET, change, outcomes, add_task_reset, tkr_move_judge);
}

/* ---- skipping: resolved by hand, where the step's own row allows it ---- */

static void add_step_skip(tkr_call *call, tkr_move *m)
{
    tasker_text sources[TKR_STATES];
    size_t source_count = tkr_state_sources(true, m->event, sources);
    const char *target = tasker_state_name(tkr_state_target(true, m->event));
    m->answer = call->part_count;
    tkr_add_workflow_step_apply(call, m->keys, m->count, m->ids, m->count, sources, source_count,
                                tasker_text_of(target), false, tkr_move_expected_sort_key(m), tasker_text_of("skip"),
                                m->change.actor, m->change.reason, m->change.metadata, true, m->claim);
}

static tasker_status judge_skip(tkr_move *m, size_t i, const tkr_look *look)
{
    tasker_status status = tkr_move_judge(m, i, look);
    bool refused = status == TASKER_CONFLICT && !tkr_move_has_moved_on(m, look) && !look->skippable;
    return refused ? TASKER_GUARD_FAILED : status;
}

tasker_status tasker_workflow_step_skip(tasker_db *db, const tasker_uuid *workflow_step_uuids, size_t count,
                                        const tasker_change *change, tasker_outcome *outcomes)
{
    tkr_call call = tkr_begin(db);
    return run(&call, true, workflow_step_uuids, count, TASKER_EVENT_RESOLVE_MANUALLY, change, outcomes, add_step_skip,
               judge_skip);
}

/* ---- taking steps back ---- */

typedef struct step_hindered {
    bool hindered;
} step_hindered;
static const tkr_column hindered_columns[] = {TKR_COLUMN(step_hindered, hindered), TKR_END_COLUMNS};
const tkr_entity tkr_entity_step_hindered = {"step_hindered", sizeof(step_hindered), hindered_columns};

typedef struct reset {
    bool descendants;
    bool hindered[]; /* of each item, when the statement had run */
} reset;

static void add_step_reset(tkr_call *call, tkr_move *m)
{
    const reset *r = m->own;
    tkr_add_workflow_step_reset__lock_steps(call, m->keys, m->count, r->descendants);
    m->answer = call->part_count;
    tkr_add_workflow_step_reset(call, m->keys, m->count, r->descendants, m->ids, m->count,
                                tkr_move_expected_sort_key(m), m->change.actor, m->change.reason, m->change.metadata,
                                m->claim);
    m->extra = call->part_count;
    tkr_add_workflow_step_reset__hindered(call, m->keys, m->count, r->descendants);
    tkr_wake_for_steps(call, m->keys, m->count);
}

static tasker_status collect_hindered(tkr_call *call, tkr_move *m)
{
    reset *r = m->own;
    for (size_t i = 0; i < m->count; i++) {
        step_hindered row;
        tasker_status status = tkr_read_row(call, m->extra, (int)i, &row);
        if (status != TASKER_OK)
            return status;
        r->hindered[i] = row.hindered;
    }
    return TASKER_OK;
}

static tasker_status judge_reset(tkr_move *m, size_t i, const tkr_look *look)
{
    const reset *r = m->own;
    tasker_status status = tkr_move_judge(m, i, look);
    bool hindered = tasker_state_is_terminal(look->task_state) || r->hindered[i];
    return status == TASKER_CONFLICT && !tkr_move_has_moved_on(m, look) && hindered ? TASKER_GUARD_FAILED : status;
}

tasker_status tasker_workflow_step_reset(tasker_db *db, const tasker_uuid *workflow_step_uuids, size_t count,
                                         bool descendants, const tasker_change *change, tasker_outcome *outcomes)
{
    tkr_move *m;
    tkr_call call = tkr_begin(db);
    if (!tkr_move_begin(&call, &m, workflow_step_uuids, count, outcomes) || !tkr_move_keep_change(&call, m, change))
        return tkr_abandon(&call);
    reset *r = tkr_keep(&call, sizeof *r + count * sizeof *r->hindered);
    if (r == NULL)
        return tkr_abandon(&call);
    r->descendants = descendants;
    m->own = r;
    m->steps = true;
    m->event = TASKER_EVENT_RESET;
    m->add = add_step_reset;
    m->collect = collect_hindered;
    m->judge = judge_reset;
    m->wide = true;
    m->locks_tasks = true;
    return tkr_move_run(&call, m, NULL);
}
