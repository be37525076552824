/* SPDX-License-Identifier: MIT */
/*
 * Closing tasks that have nothing left to do, under a lock on the task: whoever adds a step or steps in from outside
 * takes it too. First "all done", with the decision on the others read behind it; only where a task looks blocked there
 * is a second round.
 */
#include "model/finalize.h"
#include <string.h>
#include "statements.h"
#include "value/error.h"
#include "value/state.h"

typedef struct task_decision {
    bool found;
    tasker_state own_state;
    bool own_elsewhere;
    tasker_uuid transition_uuid;
    tasker_state from_state, to_state;
    bool stuck;
    bool has_sort_key, has_total_steps, has_completed_steps, has_ready_steps, has_busy_steps, has_waiting_steps,
        has_blocked_steps, has_next_attempt_at;
    int32_t sort_key;
    int64_t total_steps, completed_steps, ready_steps, busy_steps, waiting_steps, blocked_steps;
    tasker_time next_attempt_at;
} task_decision;

static const tkr_column columns[] = {
    TKR_COLUMN(task_decision, found),
    TKR_OPTIONAL(task_decision, own_state),
    TKR_COLUMN(task_decision, own_elsewhere),
    TKR_OPTIONAL(task_decision, transition_uuid),
    TKR_OPTIONAL(task_decision, from_state),
    TKR_OPTIONAL(task_decision, to_state),
    TKR_NULLABLE(task_decision, sort_key),
    TKR_NULLABLE(task_decision, total_steps),
    TKR_NULLABLE(task_decision, completed_steps),
    TKR_NULLABLE(task_decision, ready_steps),
    TKR_NULLABLE(task_decision, busy_steps),
    TKR_NULLABLE(task_decision, waiting_steps),
    TKR_NULLABLE(task_decision, blocked_steps),
    TKR_COLUMN(task_decision, stuck),
    TKR_NULLABLE(task_decision, next_attempt_at),
    TKR_END_COLUMNS,
};
const tkr_entity tkr_entity_task_decision = {"task_decision", sizeof(task_decision), columns};

typedef struct finalize {
    tkr_move *move;
    tasker_finalize_options options;
    uint32_t decisions;  /* which statement brings them */
    bool begun, blocked; /* the rounds that have been sent */
} finalize;

/* The first that fits (tasker_execution_status). */
static tasker_execution_status decide(const finalize *f, const task_decision *d)
{
    if (d->completed_steps == d->total_steps)
        return d->total_steps == 0 && f->options.empty_stays_open ? TASKER_EXECUTION_STATUS_WAITING_FOR_DEPENDENCIES
                                                                  : TASKER_EXECUTION_STATUS_ALL_COMPLETE;
    if (f->options.fail_fast && d->blocked_steps > 0)
        return TASKER_EXECUTION_STATUS_BLOCKED_BY_FAILURES;
    if (d->ready_steps > 0)
        return TASKER_EXECUTION_STATUS_HAS_READY_STEPS;
    if (d->busy_steps > 0)
        return TASKER_EXECUTION_STATUS_PROCESSING;
    if (d->waiting_steps > 0)
        return TASKER_EXECUTION_STATUS_WAITING_FOR_RETRY;
    return d->stuck ? TASKER_EXECUTION_STATUS_BLOCKED_BY_FAILURES : TASKER_EXECUTION_STATUS_WAITING_FOR_DEPENDENCIES;
}

static tasker_status verdict(const finalize *f, const task_decision *d, tasker_execution_status why)
{
    if (!d->found)
        return TASKER_NOT_FOUND;
    if (d->own_state == TASKER_STATE_COMPLETE || d->own_state == TASKER_STATE_ERROR)
        return TASKER_OK; /* a resend */
    if (d->own_state != TASKER_STATE_NONE || d->own_elsewhere)
        return TASKER_DUPLICATE;
    bool closes = why == TASKER_EXECUTION_STATUS_ALL_COMPLETE || why == TASKER_EXECUTION_STATUS_BLOCKED_BY_FAILURES;
    if (tkr_state_is_open(d->to_state) && closes && f->blocked)
        return TASKER_CONFLICT; /* it has come to its end between the statement and the look */
    return TASKER_NOOP;
}

static void take_decision(finalize *f, size_t i, const task_decision *d)
{
    tasker_outcome *o = &f->move->outcomes[i];
    o->execution_status = d->found ? decide(f, d) : TASKER_EXECUTION_STATUS_NONE;
    o->task_state = d->to_state;
    if (f->move->moved[i])
        return;
    o->from_state = d->from_state;
    o->to_state = d->to_state;
    o->sort_key = d->sort_key;
    o->has_next_attempt_at = d->has_next_attempt_at;
    o->next_attempt_at = d->next_attempt_at;
    o->status = verdict(f, d, o->execution_status);
}

/* begin: some tasks have no history yet. */
static void add_complete(tkr_call *call, finalize *f, bool begin)
{
    tkr_move *m = f->move;
    tkr_add_task_apply__lock(call, m->keys, m->count);
    tkr_move_begin_writes(call);
    if (begin)
        tkr_add_task_apply__begin(call, m->keys, m->count, m->others + m->count, m->count, m->claim);
    m->answer = call->part_count;
    tkr_add_task_finalize(call, m->keys, m->count, m->ids, m->count, m->others, m->count, !f->options.empty_stays_open);
    f->decisions = call->part_count;
    tkr_add_task_finalize__look(call, m->keys, m->count, m->ids, m->count);
    tkr_move_end_writes(call, m);
    tkr_move_listen(call, m);
}

static void add_block(tkr_call *call, finalize *f)
{
    tkr_move *m = f->move;
    tkr_add_task_apply__lock(call, m->keys, m->count);
    tkr_move_begin_writes(call);
    m->answer = call->part_count;
    tkr_add_task_finalize__block(call, m->keys, m->count, m->ids, m->count, f->options.fail_fast);
    f->decisions = call->part_count;
    tkr_add_task_finalize__look(call, m->keys, m->count, m->ids, m->count);
    tkr_move_end_writes(call, m);
    tkr_move_listen(call, m);
}

tasker_status tkr_finalize_finish(tkr_call *call)
{
    tkr_move *m = call->state;
    finalize *f = m->own;
    bool begin = false, block = false;
    tasker_status status = tkr_move_read(call, m, m->answer);
    for (size_t i = 0; status == TASKER_OK && i < m->count; i++) {
        task_decision d;
        status = tkr_read_row(call, f->decisions, (int)i, &d);
        if (status != TASKER_OK)
            return status;
        take_decision(f, i, &d);
        if (d.found && d.to_state == TASKER_STATE_NONE && !f->begun) {
            begin = true;
            m->begun_at[i] = 1;
        }
        block = block || (!m->moved[i] && tkr_state_is_open(d.to_state) &&
                          m->outcomes[i].execution_status == TASKER_EXECUTION_STATUS_BLOCKED_BY_FAILURES);
    }
    if (status != TASKER_OK)
        return status;
    if (begin) {
        f->begun = true;
        add_complete(call, f, true);
        return TASKER_AGAIN;
    }
    if (block && !f->blocked) {
        f->blocked = true;
        add_block(call, f);
        return TASKER_AGAIN;
    }
    return TASKER_OK;
}

tkr_move *tkr_finalize_begin(tkr_call *call, const tasker_uuid *task_uuids, size_t count,
                             const tasker_finalize_options *options, tasker_outcome *outcomes)
{
    tkr_move *m;
    if (!tkr_move_begin(call, &m, task_uuids, count, outcomes))
        return NULL;
    finalize *f = tkr_keep(call, sizeof *f);
    if (f == NULL)
        return NULL;
    f->move = m;
    if (options != NULL)
        f->options = *options;
    m->own = f;
    add_complete(call, f, false);
    return m;
}

static tasker_status finish(tkr_call *call)
{
    tasker_status status = tkr_finalize_finish(call);
    return status == TASKER_OK ? tkr_move_status(call, call->state) : status;
}

tasker_status tasker_task_finalize(tasker_db *db, const tasker_uuid *task_uuids, size_t count,
                                   const tasker_finalize_options *options, tasker_outcome *outcomes)
{
    tkr_call call = tkr_begin(db);
    if (options != NULL)
        tkr_check_reserved(&call, options->reserved, sizeof options->reserved);
    if (tkr_finalize_begin(&call, task_uuids, count, options, outcomes) == NULL)
        return tkr_abandon(&call);
    return tkr_run(&call, finish, NULL);
}

/* ---- where most are not at their end ---- */

typedef struct task_ended {
    tasker_uuid task_uuid;
} task_ended;

static const tkr_column ended_columns[] = {
    TKR_COLUMN(task_ended, task_uuid),
    TKR_END_COLUMNS,
};
const tkr_entity tkr_entity_task_ended = {"task_ended", sizeof(task_ended), ended_columns};

/* state: memory for as many tasks as were asked about. */
static tasker_status finish_look(tkr_call *call)
{
    tasker_uuid *tasks = call->state;
    int count = tkr_rows(call, 0);
    for (int i = 0; i < count; i++) {
        task_ended row;
        tasker_status status = tkr_read_row(call, 0, i, &row);
        if (status != TASKER_OK)
            return status;
        tasks[i] = row.task_uuid;
    }
    if (count == 0)
        return TASKER_NOOP;
    call->finish = finish;
    return tkr_finalize_begin(call, tasks, (size_t)count, NULL, NULL) != NULL ? TASKER_AGAIN : call->status;
}

tasker_status tkr_finalize_ended(tasker_db *db, const tasker_uuid *task_uuids, size_t count)
{
    tkr_call call = tkr_begin(db);
    if (call.entered && !tkr_link_has_ready_set(db)) {
        tkr_finalize_begin(&call, task_uuids, count, NULL, NULL);
        return call.status == TASKER_OK ? tkr_run(&call, finish, NULL) : tkr_abandon(&call);
    }
    call.state = tkr_keep(&call, (count + 1) * sizeof *task_uuids);
    tkr_add_task_finalize__ended(&call, task_uuids, count);
    return tkr_run(&call, finish_look, NULL);
}
