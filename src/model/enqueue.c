/* SPDX-License-Identifier: MIT */
/* Handing steps to workers: state and message in one flush, for single steps and for all that a claim holds. */
#include <string.h>
#include "model/claim_keep.h"
#include "model/move.h"
#include "model/queue_backend.h"
#include "model/registry.h"
#include "model/wake.h"
#include "statements.h"
#include "tasker/claim.h"
#include "value/error.h"
#include "value/state.h"
#include "value/traceparent.h"

static const tasker_enqueue_options defaults = {0};

static bool check_options(tkr_call *call, const tasker_enqueue_options *o)
{
    tkr_check_reserved(call, o->reserved, sizeof o->reserved);
    if (o->delay_seconds < 0)
        tkr_refuse(call, TASKER_INVALID_ARGUMENT, "options.delay_seconds is negative");
    if (o->traceparent.ptr != NULL && !tkr_traceparent_is_valid(o->traceparent))
        tkr_refuse(call, TASKER_INVALID_ARGUMENT, "options.traceparent is none (W3C Trace Context)");
    return o->without_message || tkr_backend_check(call);
}

static bool has_headers(const tkr_call *call)
{
    return tkr_backend_link(call)->session.queue_headers;
}

static bool wakes(const tkr_call *call, const tasker_enqueue_options *o)
{
    return !o->without_message && tkr_backend_wakes(call) && o->delay_seconds == 0;
}

/* ---- steps ---- */

#define ENQUEUE_ARGUMENTS(m, o)                                                                                        \
    (m)->keys, (m)->count, (m)->ids, (m)->count, tkr_move_expected_sort_key(m), (m)->change.actor, (m)->change.reason, \
        (m)->change.metadata, (o)->traceparent, (o)->delay_seconds, (m)->claim

static void add_step_enqueue(tkr_call *call, tkr_move *m)
{
    const tasker_enqueue_options *o = m->own;
    static const tasker_text sources[] = {TASKER_TEXT("pending"), TASKER_TEXT("error")};
    tkr_add_workflow_step_apply__start_tasks(call, m->keys, m->count, m->others, m->count, m->ids, m->count, sources, 2,
                                             tkr_move_expected_sort_key(m), m->change.actor, m->claim);
    if (o->again && !o->without_message) { /* before others are enqueued, so that each has one message */
        if (has_headers(call))
            tkr_add_workflow_step_enqueue__again(call, ENQUEUE_ARGUMENTS(m, o));
        else
            tkr_add_workflow_step_enqueue__again_bare(call, ENQUEUE_ARGUMENTS(m, o));
    }
    m->answer = call->part_count;
    if (o->without_message)
        tkr_add_workflow_step_enqueue__silent(call, ENQUEUE_ARGUMENTS(m, o));
    else if (has_headers(call))
        tkr_add_workflow_step_enqueue(call, ENQUEUE_ARGUMENTS(m, o));
    else
        tkr_add_workflow_step_enqueue__bare(call, ENQUEUE_ARGUMENTS(m, o));
    if (wakes(call, o))
        tkr_add_workflow_step_enqueue__wake(call, m->keys, m->count);
}

/* From error by way of pending, where it could start: the same conditions. */
static tasker_status judge_enqueue(tkr_move *m, size_t i, const tkr_look *look)
{
    tkr_look pending = *look;
    if (look->to_state == TASKER_STATE_ERROR)
        pending.to_state = TASKER_STATE_PENDING;
    return tkr_move_judge(m, i, &pending);
}

tasker_status tasker_workflow_step_enqueue(tasker_db *db, const tasker_uuid *workflow_step_uuids, size_t count,
                                           const tasker_enqueue_options *options, const tasker_change *change,
                                           tasker_outcome *outcomes)
{
    tkr_move *m;
    tkr_call call = tkr_begin(db);
    const tasker_enqueue_options *o = options != NULL ? options : &defaults;
    if (o->release)
        tkr_refuse(&call, TASKER_INVALID_ARGUMENT, "options.release is for claims");
    if (!check_options(&call, o) || !tkr_move_begin(&call, &m, workflow_step_uuids, count, outcomes) ||
        !tkr_move_keep_change(&call, m, change))
        return tkr_abandon(&call);
    tasker_enqueue_options *kept = tkr_keep(&call, sizeof *kept);
    if (kept == NULL)
        return tkr_abandon(&call);
    *kept = *o;
    kept->traceparent = tkr_keep_text(&call, o->traceparent);
    m->own = kept;
    m->steps = true;
    m->event = TASKER_EVENT_ENQUEUE;
    m->add = add_step_enqueue;
    m->judge = judge_enqueue;
    return tkr_move_run(&call, m, NULL);
}

/* ---- claims: all that can start in their tasks ---- */

typedef struct enqueued_step {
    tasker_uuid task_uuid, workflow_step_uuid;
} enqueued_step;
static const tkr_column enqueued_columns[] = {
    TKR_COLUMN(enqueued_step, task_uuid),
    TKR_COLUMN(enqueued_step, workflow_step_uuid),
    TKR_END_COLUMNS,
};
const tkr_entity tkr_entity_enqueued_step = {"enqueued_step", sizeof(enqueued_step), enqueued_columns};

typedef struct claimed_steps {
    tkr_move told; /* the tasks, for hooks */
    int32_t moved[];
} claimed_steps;

/* Held, and nothing to do: NOOP. */
static tasker_status finish_claim(tkr_call *call)
{
    tkr_keeping *k = call->state;
    claimed_steps *own = k->own;
    int32_t *moved = own->moved;
    for (int row = 0; row < tkr_rows(call, k->answer); row++) {
        enqueued_step step;
        tasker_status status = tkr_read_row(call, k->answer, row, &step);
        if (status != TASKER_OK)
            return status;
        for (size_t n = tkr_places_find(k->by_task, k->count, &step.task_uuid);
             n < k->count && tasker_uuid_equal(&k->by_task[n].uuid, &step.task_uuid); n++)
            moved[k->by_task[n].index]++;
    }
    tasker_status status = tkr_move_note(call, &own->told);
    if (status == TASKER_OK)
        status = tkr_keeping_conclude(call, k);
    bool all_noop = status == TASKER_OK;
    for (size_t i = 0; i < k->count; i++) {
        k->outcomes[i].moved = k->outcomes[i].status == TASKER_OK ? moved[i] : 0;
        if (k->outcomes[i].status == TASKER_OK && moved[i] == 0)
            k->outcomes[i].status = TASKER_NOOP;
        all_noop = all_noop && k->outcomes[i].status == TASKER_NOOP;
    }
    return all_noop ? TASKER_NOOP : status;
}

#define CLAIM_ARGUMENTS(k, o)                                                                                          \
    (k)->tasks, (k)->count, (k)->tokens, (k)->count, NULL, (tasker_text){0}, (tasker_text){0}, (tasker_json){0},       \
        (o)->traceparent, (o)->delay_seconds

static void add_claim_enqueue(tkr_call *call, tkr_keeping *k, const tasker_enqueue_options *o, const tasker_uuid *ids)
{
    tkr_add_task_apply__lock(call, k->tasks, k->count);
    tkr_add_workflow_step_apply__followed(call);
    tkr_add_claim_enqueue__begin(call, k->tasks, k->count, k->tokens, k->count);
    tkr_add_claim_enqueue__start(call, k->tasks, k->count, k->tokens, k->count, ids, k->count, (tasker_text){0});
    k->answer = call->part_count;
    if (o->without_message)
        tkr_add_claim_enqueue__silent(call, CLAIM_ARGUMENTS(k, o));
    else if (has_headers(call))
        tkr_add_claim_enqueue(call, CLAIM_ARGUMENTS(k, o));
    else
        tkr_add_claim_enqueue__bare(call, CLAIM_ARGUMENTS(k, o));
    if (wakes(call, o))
        tkr_add_claim_enqueue__wake(call, k->tasks, k->count);
    tkr_add_claim_enqueue__follow(call, k->tasks, k->count);
    tkr_move_listen(call, &((claimed_steps *)k->own)->told);
    k->look = call->part_count;
    tkr_add_claim_extend__look(call, k->tasks, k->count, k->tokens, k->count);
    if (!o->release)
        return;
    tkr_add_claim_release(call, k->tasks, k->count, k->tokens, k->count);
    tkr_add_task_apply__follow(call, k->tasks, k->count);
    tkr_add_claim_release__settle(call, k->tasks, k->count);
    tkr_wake_for_tasks(call, k->tasks, k->count);
}

tasker_status tasker_claim_enqueue(tasker_db *db, const tasker_claim *const *claims, size_t count,
                                   const tasker_enqueue_options *options, tasker_outcome *outcomes)
{
    tkr_call call = tkr_begin(db);
    const tasker_enqueue_options *o = options != NULL ? options : &defaults;
    if (o->again)
        tkr_refuse(&call, TASKER_INVALID_ARGUMENT, "options.again is for steps");
    tkr_keeping *k = check_options(&call, o) ? tkr_keeping_begin(&call, claims, count, outcomes) : NULL;
    tasker_uuid *ids = tkr_keep(&call, (count + 1) * sizeof *ids);
    claimed_steps *own = tkr_keep(&call, sizeof *own + count * sizeof *own->moved);
    if (k == NULL || own == NULL || !tkr_new_ids(&call, count, ids))
        return tkr_abandon(&call);
    own->told = (tkr_move){.keys = k->tasks, .count = count, .wide = true, .event = TASKER_EVENT_ENQUEUE};
    k->own = own;
    k->holds = true;
    add_claim_enqueue(&call, k, o, ids);
    return tkr_run(&call, finish_claim, NULL);
}
