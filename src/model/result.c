/* SPDX-License-Identifier: MIT */
/*
 * Results of workers of tasker-core: read from their queue, looked at, and done with in one flush for all of them. What
 * the server refuses is found by giving it each alone.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "model/lease_read.h"
#include "model/move.h"
#include "model/queue_backend.h"
#include "model/registry.h"
#include "statements.h"
#include "tasker/message.h"
#include "tasker/queue.h"
#include "value/error.h"

enum { LIMIT = 100, HIDDEN_SECONDS = 30 };

/* LATER: the step has another result before it; or it is done with. */
typedef enum fate { APPLY, BEAT, STALE, ARCHIVE, LATER } fate;

typedef struct result_look {
    bool found, same_task, busy, skippable;
} result_look;
static const tkr_column look_columns[] = {
    TKR_COLUMN(result_look, found),
    TKR_COLUMN(result_look, same_task),
    TKR_COLUMN(result_look, busy),
    TKR_COLUMN(result_look, skippable),
    TKR_END_COLUMNS,
};
const tkr_entity tkr_entity_result_look = {"result_look", sizeof(result_look), look_columns};

typedef struct result {
    int64_t msg_id;
    const tasker_result_message *message; /* NULL: it could not be read */
    fate fate;
    bool moved;
    char reason[sizeof((tasker_error *)0)->message];
} result;

typedef struct batch {
    tasker_db *db;
    tasker_text queue_name;
    size_t count;
    result *results;
    tasker_exchange counts;
} batch;

static void reject(result *r, const char *reason)
{
    r->fate = ARCHIVE;
    snprintf(r->reason, sizeof r->reason, "%s", reason);
}

static tasker_status read_body(const tasker_message *message, result *r)
{
    tasker_error error;
    *r = (result){.msg_id = message->msg_id};
    tasker_status status = tasker_result_message_read(message->message, &error, &r->message);
    if (status == TASKER_OK || status == TASKER_OUT_OF_MEMORY)
        return status;
    reject(r, error.message);
    return TASKER_OK;
}

/* ---- looking ---- */

static tasker_status finish_look(tkr_call *call)
{
    batch *b = call->out;
    for (size_t i = 0; i < b->count; i++) {
        result_look look;
        result *r = &b->results[i];
        tasker_status status = tkr_read_row(call, 0, (int)i, &look);
        if (status != TASKER_OK)
            return status;
        if (r->message == NULL)
            continue;
        bool skips = r->message->status == TASKER_RESULT_STATUS_SKIPPED;
        if (!look.found)
            reject(r, "there is no such step");
        else if (!look.same_task)
            reject(r, "the step is of another task");
        else if (!look.busy)
            r->fate = STALE;
        else if (skips && !look.skippable)
            reject(r, "the step may not be skipped");
        else
            r->fate = r->message->status == TASKER_RESULT_STATUS_IN_PROGRESS ? BEAT : APPLY;
    }
    return TASKER_OK;
}

/* One flush moves a step once. */
static void put_off_doubles(batch *b)
{
    for (size_t i = 0; i < b->count; i++)
        for (size_t k = 0; k < i && b->results[i].fate <= BEAT; k++)
            if (b->results[k].fate <= BEAT &&
                tasker_uuid_equal(&b->results[k].message->step_uuid, &b->results[i].message->step_uuid)) {
                if (b->results[k].fate == BEAT && b->results[i].fate == APPLY)
                    b->results[k].fate = STALE; /* it has ended since */
                else
                    b->results[i].fate = LATER;
            }
}

static tasker_status look(batch *b)
{
    tkr_call call = tkr_begin(b->db);
    tasker_uuid *steps = tkr_keep(&call, b->count * sizeof *steps);
    tasker_uuid *tasks = tkr_keep(&call, b->count * sizeof *tasks);
    for (size_t i = 0; tasks != NULL && i < b->count; i++) {
        const tasker_result_message *m = b->results[i].message;
        steps[i] = m != NULL ? m->step_uuid : tasker_uuid_nil;
        tasks[i] = m != NULL ? m->task_uuid : tasker_uuid_nil;
    }
    tkr_add_result_message_apply__look(&call, steps, b->count, tasks, b->count);
    tasker_status status = tkr_run(&call, finish_look, b);
    if (status == TASKER_OK)
        put_off_doubles(b);
    return status;
}

/* ---- doing ---- */

/* Some of a batch, on their way; arrays of what is applied. */
typedef struct doing {
    batch *b;
    result **applied;
    tkr_move *move;
    size_t count;
    tasker_uuid *steps;
    int64_t *msg_ids, *execution_ms;
    tasker_text *targets, *messages, *types, *workers;
    tasker_json *results;
    bool *permanents;
    int32_t *retry_after;
} doing;

static tasker_state target_of(const tasker_result_message *m)
{
    switch (m->status) {
    case TASKER_RESULT_STATUS_SUCCESS:
        return TASKER_STATE_COMPLETE;
    case TASKER_RESULT_STATUS_SKIPPED:
        return TASKER_STATE_RESOLVED_MANUALLY;
    case TASKER_RESULT_STATUS_CANCELLED:
        return TASKER_STATE_CANCELLED;
    case TASKER_RESULT_STATUS_FAILED:
    case TASKER_RESULT_STATUS_TIMEOUT:
    case TASKER_RESULT_STATUS_IN_PROGRESS:
        break;
    }
    return TASKER_STATE_ERROR;
}

static void take_result(doing *d, result *r)
{
    const tasker_result_message *m = r->message;
    size_t i = d->count++;
    bool failed = m->status == TASKER_RESULT_STATUS_FAILED, late = m->status == TASKER_RESULT_STATUS_TIMEOUT;
    d->applied[i] = r;
    d->steps[i] = m->step_uuid;
    d->msg_ids[i] = r->msg_id;
    d->execution_ms[i] = m->execution_time_ms;
    d->targets[i] = tasker_text_of(tasker_state_name(target_of(m)));
    d->results[i] = m->results;
    d->permanents[i] = failed && m->has_error && !m->retryable;
    d->retry_after[i] = m->has_delay_seconds ? m->delay_seconds : -1;
    d->messages[i] = m->error_message;
    d->types[i] = m->error_type.ptr == NULL && late ? tasker_text_of("Timeout") : m->error_type;
    d->workers[i] = m->worker_id;
}

static bool make_room(tkr_call *call, doing *d, size_t n)
{
    d->applied = tkr_keep(call, n * sizeof *d->applied);
    d->steps = tkr_keep(call, n * sizeof *d->steps);
    d->msg_ids = tkr_keep(call, n * sizeof *d->msg_ids);
    d->execution_ms = tkr_keep(call, n * sizeof *d->execution_ms);
    d->targets = tkr_keep(call, n * sizeof *d->targets);
    d->messages = tkr_keep(call, n * sizeof *d->messages);
    d->types = tkr_keep(call, n * sizeof *d->types);
    d->workers = tkr_keep(call, n * sizeof *d->workers);
    d->results = tkr_keep(call, n * sizeof *d->results);
    d->permanents = tkr_keep(call, n * sizeof *d->permanents);
    d->retry_after = tkr_keep(call, n * sizeof *d->retry_after);
    return call->status == TASKER_OK;
}

static void add_applied(tkr_call *call, doing *d)
{
    double jitter = tkr_lease_jitter(call);
    if (d->count == 0 || !tkr_move_begin(call, &d->move, d->steps, d->count, NULL))
        return;
    tkr_move *m = d->move;
    m->steps = true;
    m->event = TASKER_EVENT_COMPLETE;
    tkr_move_begin_writes(call);
    m->answer = call->part_count;
    tkr_add_result_message_apply(call, d->b->queue_name, d->msg_ids, m->count, m->keys, m->count, m->ids, m->count,
                                 d->targets, m->count, d->results, m->count, d->permanents, m->count, d->retry_after,
                                 m->count, d->messages, m->count, d->types, m->count, d->execution_ms, m->count,
                                 d->workers, m->count, jitter);
    tkr_move_end_writes(call, m);
    tkr_move_listen(call, m);
}

static void add_archived(tkr_call *call, const batch *b, const int64_t *ids, const tasker_text *reasons, size_t n)
{
    const tasker_db *link = tkr_backend_link(call);
    if (link->session.queue_backend == TASKER_QUEUE_BACKEND_OWN) {
        tkr_add_result_message_apply__archive(call, b->queue_name, ids, n, reasons, n);
        return;
    }
    tkr_add_queue_archive(call, b->queue_name, ids, n);
    if (link->queue_notify_table)
        tkr_add_result_message_apply__explain(call, b->queue_name, ids, n, reasons, n);
}

/* What is only to be taken away, one kind at a time. */
static void add_others(tkr_call *call, batch *b, size_t from, size_t to, fate what)
{
    size_t n = 0;
    int64_t *ids = tkr_keep(call, (to - from) * sizeof *ids);
    tasker_uuid *steps = tkr_keep(call, (to - from) * sizeof *steps);
    tasker_text *reasons = tkr_keep(call, (to - from) * sizeof *reasons);
    for (size_t i = from; reasons != NULL && i < to; i++) {
        const result *r = &b->results[i];
        if (r->fate != what)
            continue;
        steps[n] = r->message != NULL ? r->message->step_uuid : tasker_uuid_nil;
        reasons[n] = tasker_text_of(r->reason);
        ids[n++] = r->msg_id;
    }
    if (n > 0 && what == ARCHIVE)
        add_archived(call, b, ids, reasons, n);
    else if (n > 0 && what == BEAT)
        tkr_add_result_message_apply__beat(call, b->queue_name, ids, n, steps, n);
    else if (n > 0)
        tkr_add_queue_delete(call, b->queue_name, ids, n);
}

static tasker_status finish_doing(tkr_call *call)
{
    doing *d;
    memcpy(&d, call->context, sizeof d);
    tasker_status status = d->move != NULL ? tkr_move_read(call, d->move, d->move->answer) : TASKER_OK;
    for (size_t i = 0; status == TASKER_OK && d->move != NULL && i < d->move->count; i++)
        d->applied[i]->moved = d->move->moved[i];
    return status;
}

static tasker_status do_some(batch *b, size_t from, size_t to)
{
    tkr_call call = tkr_begin(b->db);
    doing *d = tkr_keep(&call, sizeof *d);
    if (d == NULL || !make_room(&call, d, to - from))
        return tkr_abandon(&call);
    d->b = b;
    memcpy(call.context, &d, sizeof d);
    for (size_t i = from; i < to; i++)
        if (b->results[i].fate == APPLY)
            take_result(d, &b->results[i]);
    add_others(&call, b, from, to, ARCHIVE);
    add_others(&call, b, from, to, STALE);
    add_others(&call, b, from, to, BEAT);
    add_applied(&call, d);
    tasker_status status = call.part_count > 0 ? tkr_run(&call, finish_doing, NULL) : tkr_abandon(&call);
    for (size_t i = from; status == TASKER_OK && i < to; i++) {
        result *r = &b->results[i];
        bool applied = r->fate == BEAT || (r->fate == APPLY && r->moved);
        b->counts.applied += applied;
        b->counts.archived += r->fate == ARCHIVE;
        b->counts.stale += r->fate == STALE || (r->fate == APPLY && !applied);
        b->counts.more = b->counts.more || r->fate == LATER;
    }
    return status;
}

/* ---- all of it ---- */

static bool is_refused(tasker_status status)
{
    return status == TASKER_INVALID_ARGUMENT || status == TASKER_TOO_LONG || status == TASKER_LIMIT_EXCEEDED ||
           status == TASKER_REFERENCE_MISSING || status == TASKER_CHECK_FAILED || status == TASKER_DATABASE;
}

/* One of them is refused: each alone, and the one into the archive. */
static tasker_status do_each(batch *b)
{
    tasker_status status = TASKER_OK;
    for (size_t i = 0; status == TASKER_OK && i < b->count; i++) {
        status = do_some(b, i, i + 1);
        if (b->results[i].fate == ARCHIVE || !is_refused(status))
            continue;
        reject(&b->results[i], tasker_db_error(b->db)->message);
        status = do_some(b, i, i + 1);
    }
    return status;
}

/* By what is committed now. Whether a task could be closed is nothing that concerns the results. */
static tasker_status close_tasks(batch *b)
{
    size_t n = 0;
    tasker_uuid *tasks = calloc(b->count, sizeof *tasks);
    for (size_t i = 0; tasks != NULL && i < b->count; i++)
        if (b->results[i].moved)
            tasks[n++] = b->results[i].message->task_uuid;
    static const tasker_finalize_options options = {.empty_stays_open = true};
    tasker_status status = n > 0 ? tasker_task_finalize(b->db, tasks, n, &options, NULL) : TASKER_OK;
    free(tasks);
    return tkr_status_is_expected(status) ? TASKER_OK : status;
}

static tasker_status out_of_memory(tasker_db *db)
{
    tkr_call call = tkr_begin(db);
    tkr_refuse(&call, TASKER_OUT_OF_MEMORY, "out of memory");
    return tkr_abandon(&call);
}

static tasker_status apply(batch *b, const tasker_messages *messages)
{
    for (size_t i = 0; i < messages->count; i++, b->count++)
        if (read_body(messages->items[i], &b->results[i]) != TASKER_OK)
            return out_of_memory(b->db);
    bool inside = tasker_db_session(b->db)->in_transaction;
    tasker_status status = look(b);
    if (status == TASKER_OK)
        status = do_some(b, 0, b->count);
    if (!inside && is_refused(status))
        status = do_each(b);
    return status == TASKER_OK && !inside ? close_tasks(b) : status;
}

tasker_status tasker_result_message_apply(tasker_db *db, tasker_text queue_name, int32_t limit, tasker_exchange *out)
{
    tkr_call call = tkr_begin_now(db);
    const tasker_messages *messages = NULL;
    tasker_status status = tkr_abandon(&call);
    int32_t wanted = limit == 0 ? LIMIT : limit;
    if (status == TASKER_OK)
        status = tasker_queue_read(db, queue_name, HIDDEN_SECONDS, wanted, &messages);
    if (status != TASKER_OK)
        return status;
    batch b = {.db = db, .queue_name = queue_name, .results = calloc(messages->count + 1, sizeof *b.results)};
    b.counts.more = messages->count == (size_t)wanted;
    if (b.results == NULL)
        status = out_of_memory(db);
    else if (messages->count > 0)
        status = apply(&b, messages);
    if (tasker_status_is_done(status) && out != NULL)
        *out = b.counts;
    for (size_t i = 0; b.results != NULL && i < b.count; i++)
        tasker_free(b.results[i].message);
    free(b.results);
    if (tasker_status_is_done(status))
        status = messages->count > 0 ? TASKER_OK : TASKER_NOOP;
    tasker_free(messages);
    return status;
}
