/* SPDX-License-Identifier: MIT */
/*
 * One flush of a worker: completions, failures, releases and a take in one transaction, and behind it the closing of
 * tasks. After a failure each is a transaction of its own: what cannot be done does not keep the others from it.
 *
 * Completions lock what depends on them until the commit, and so keep those waiting who complete other parents of it.
 * While there is plenty to do the take therefore comes first; else it comes last and finds what completions made ready.
 */
#include <stdlib.h>
#include <string.h>
#include "model/finalize.h"
#include "model/worker.h"
#include "value/error.h"

enum {
    PATIENCE_MS = 10000,
    FIRST_PAUSE_MS = 100,
    LONGEST_PAUSE_MS = 5000,
    PLENTY = 8,
    MOST_CALLS = TKR_WORKER_MOST + 8
};

typedef struct tkr_flight {
    tkr_closing *items[TKR_WORKER_MOST];
    size_t count;
    size_t call_of[TKR_WORKER_MOST]; /* which call an item went with */
    size_t calls;
    tasker_error errors[MOST_CALLS]; /* one for each call */
    tasker_completion completions[TKR_WORKER_MOST];
    tasker_failure failures[TKR_WORKER_MOST];
    const tasker_lease *leases[TKR_WORKER_MOST];
    tasker_outcome outcomes[TKR_WORKER_MOST];
    tasker_uuid tasks[TKR_WORKER_MOST];
    size_t task_count, finalize_call;
    bool takes;
    int32_t limit;
    size_t take_call;
    const tasker_leases *taken;
    int64_t sent_ns;
    tasker_error error; /* what it failed with, as a whole or in part */
} flight;

flight *tkr_flight_make(void)
{
    return calloc(1, sizeof(flight));
}

/* ---- loading ---- */

/* Behind one another: complete, fail, release, of each kind first those that may go together. Under the lock. */
static void load(tasker_worker *w, flight *f)
{
    f->count = f->calls = f->task_count = 0;
    f->taken = NULL;
    tkr_error_clear(&f->error);
    for (int kind = TKR_COMPLETE; kind <= TKR_RELEASE; kind++)
        for (int alone = 0; alone < 2; alone++) {
            size_t seen = 0;
            for (tkr_closing *c = w->closings; c != NULL && seen < TKR_WORKER_MOST; c = c->next, seen++)
                if (c->kind == (tkr_closing_kind)kind && c->alone == alone)
                    f->items[f->count++] = c;
        }
    for (size_t i = 0; i < f->count; i++) {
        tkr_closing *c = f->items[i];
        f->completions[i] = c->completion;
        f->failures[i] = c->failure;
        f->leases[i] = c->held->lease;
        f->outcomes[i] = (tasker_outcome){.transition_uuid = c->held->lease->transition_uuid, .status = c->status};
    }
}

/* The answer to a call that is to be queued. Refused at once, it has no place in the pipeline. */
static void note_call(flight *f, const tasker_db *queue, tasker_status status)
{
    f->errors[f->calls] = *tasker_db_error(queue);
    f->errors[f->calls++].status = status;
}

static size_t bundle_end(const flight *f, size_t first)
{
    size_t end = first + 1;
    while (end < f->count && !f->items[first]->alone && !f->items[end]->alone &&
           f->items[end]->kind == f->items[first]->kind)
        end++;
    return end;
}

static tasker_status queue_bundle(flight *f, tasker_db *queue, size_t at, size_t count)
{
    switch (f->items[at]->kind) {
    case TKR_COMPLETE:
        return tasker_lease_complete(queue, f->completions + at, count, f->outcomes + at);
    case TKR_FAIL:
        return tasker_lease_fail(queue, f->failures + at, count, f->outcomes + at);
    case TKR_RELEASE:
        break;
    }
    return tasker_lease_release(queue, f->leases + at, count, f->outcomes + at);
}

static void queue_closings(flight *f, tasker_db *queue)
{
    for (size_t at = 0, end; at < f->count; at = end) {
        end = bundle_end(f, at);
        for (size_t i = at; i < end; i++)
            f->call_of[i] = f->calls;
        tasker_status status = queue_bundle(f, queue, at, end - at);
        for (size_t i = at; i < end && status != TASKER_QUEUED; i++)
            f->outcomes[i].status = status;
        note_call(f, queue, status);
    }
}

/* A release ends no task. */
static void queue_finalize(flight *f, tasker_db *queue)
{
    for (size_t i = 0; i < f->count; i++) {
        size_t known = 0;
        while (known < f->task_count && !tasker_uuid_equal(&f->tasks[known], &f->leases[i]->task_uuid))
            known++;
        if (f->items[i]->kind != TKR_RELEASE && known == f->task_count)
            f->tasks[f->task_count++] = f->leases[i]->task_uuid;
    }
    if (f->task_count == 0)
        return;
    f->finalize_call = f->calls;
    note_call(f, queue, tkr_finalize_ended(queue, f->tasks, f->task_count));
}

static void queue_take(flight *f, tasker_db *queue, const tasker_lease_options *options)
{
    if (!f->takes)
        return;
    f->take_call = f->calls;
    note_call(f, queue, tasker_lease_take(queue, options, &f->taken));
}

/* ---- the exchange ---- */

/* Those that were queued have their answers in the pipeline, in their order. */
static void read_errors(flight *f, const tasker_pipeline *pipeline)
{
    for (size_t i = 0, queued = 0; i < f->calls; i++)
        if (f->errors[i].status == TASKER_QUEUED)
            f->errors[i] = *tasker_pipeline_error(pipeline, queued++);
}

static void fail_all(flight *f, const tasker_error *error)
{
    for (size_t i = 0; i < f->count; i++)
        f->outcomes[i].status = error->status;
    f->error = *error;
    f->calls = f->task_count = 0;
    f->takes = false;
}

static void exchange(tasker_worker *w, flight *f, tasker_db *db, int32_t limit)
{
    tasker_lease_options options = w->lease;
    tasker_pipeline *pipeline = NULL;
    if (tasker_pipeline_open(db, NULL, &pipeline) != TASKER_OK) {
        fail_all(f, tasker_db_error(db));
        return;
    }
    tasker_db *queue = tasker_pipeline_db(pipeline);
    options.limit = limit;
    f->takes = limit > 0;
    f->limit = limit;
    bool takes_first = w->plenty >= PLENTY;
    tasker_pipeline_together(pipeline, !w->apart);
    if (takes_first)
        queue_take(f, queue, &options);
    queue_closings(f, queue);
    if (!takes_first)
        queue_take(f, queue, &options);
    tasker_pipeline_together(pipeline, false);
    if (w->finalize)
        queue_finalize(f, queue);
    tasker_status status = tasker_pipeline_run(pipeline);
    bool sent = tasker_pipeline_done(pipeline) > 0;
    if (!sent && !tasker_status_is_done(status))
        fail_all(f, tasker_db_error(db));
    else
        read_errors(f, pipeline);
    tasker_pipeline_close(pipeline);
    w->apart = false;
    for (size_t i = 0; i < f->calls; i++)
        w->apart = w->apart || !tasker_status_is_done(f->errors[i].status);
}

/* ---- settling, under the lock ---- */

static bool passes(tasker_status status)
{
    return tasker_status_is_transient(status) || status == TASKER_OUT_OF_MEMORY || status == TASKER_BUSY;
}

static void settle_closings(tasker_worker *w, flight *f)
{
    bool unclosed = f->task_count > 0 && passes(f->errors[f->finalize_call].status);
    if (unclosed)
        f->error = f->errors[f->finalize_call];
    for (size_t i = 0; i < f->count; i++) {
        const tasker_error *error = f->calls > 0 ? &f->errors[f->call_of[i]] : &f->error;
        tasker_status status = f->outcomes[i].status;
        if (passes(status)) {
            f->items[i]->status = status;
            f->error = *error;
        } else if (unclosed && tasker_status_is_done(status)) {
            f->items[i]->status = TASKER_IN_DOUBT; /* to be sent again for its task's sake */
        } else {
            tkr_worker_settle(w, f->items[i], status, error);
        }
    }
}

/* Those that nobody can be told of run out. */
static void stock(tasker_worker *w, flight *f)
{
    const tasker_leases *leases = f->taken;
    bool took_first = f->take_call == 0 && f->count > 0;
    tkr_bunch *bunch =
        leases != NULL && leases->count > 0 ? calloc(1, sizeof *bunch + leases->count * sizeof *bunch->held) : NULL;
    w->take_at_ns = 0;
    w->plenty = leases != NULL && leases->count >= (size_t)f->limit ? w->plenty + (w->plenty < PLENTY) : 0;
    if (leases != NULL && leases->count == 0 &&
        !took_first) /* a fifth more or less: many workers shall not come at once */
        w->take_at_ns = f->sent_ns + (int64_t)w->poll_ms * (800000 + f->sent_ns % 400000);
    if (bunch == NULL) {
        tasker_free(leases);
        return;
    }
    bunch->leases = leases;
    bunch->open = leases->count;
    for (size_t i = 0; i < leases->count; i++) {
        tkr_held *held = &bunch->held[i];
        *held = (tkr_held){
            .lease = leases->items[i], .bunch = bunch, .until_ns = f->sent_ns + (int64_t)w->lease_seconds * 1000000000};
        if (w->stopping) {
            tkr_worker_release(w, held);
        } else {
            tkr_holds_add(&w->stored, held);
            pthread_cond_signal(&w->stocked);
        }
    }
}

static void settle_take(tasker_worker *w, flight *f)
{
    const tasker_error *error = f->takes && f->calls > 0 ? &f->errors[f->take_call] : NULL;
    if (error == NULL)
        return;
    stock(w, f);
    if (tasker_status_is_done(error->status))
        return;
    f->error = *error;
    if (passes(error->status))
        return;
    w->refusals++; /* not asked again until somebody waits anew */
    w->refusal = error->status;
    pthread_cond_broadcast(&w->stocked);
}

static void judge(tasker_worker *w, const flight *f)
{
    w->trouble = f->error;
    if (!passes(f->error.status)) {
        w->troubled_ns = w->pause_until_ns = 0;
        w->pause_ms = 0;
        return;
    }
    int64_t now = tkr_monotonic_ns();
    if (w->troubled_ns == 0)
        w->troubled_ns = now;
    w->pause_until_ns = now + (int64_t)w->pause_ms * 1000000;
    w->pause_ms = w->pause_ms == 0 ? FIRST_PAUSE_MS : w->pause_ms * 2;
    w->pause_ms = w->pause_ms < LONGEST_PAUSE_MS ? w->pause_ms : LONGEST_PAUSE_MS;
}

void tkr_worker_flush(tasker_worker *w, int32_t limit)
{
    flight *f = w->flight;
    tasker_db *db = NULL;
    pthread_mutex_lock(&w->lock);
    load(w, f);
    pthread_mutex_unlock(&w->lock);
    f->takes = false;
    f->sent_ns = tkr_monotonic_ns();
    tasker_status status = tasker_pool_acquire(w->pool, PATIENCE_MS, &f->error, &db);
    if (status == TASKER_OK) {
        exchange(w, f, db, limit);
        tasker_pool_release(w->pool, db);
    } else {
        tasker_error error = f->error;
        fail_all(f, &error);
    }
    pthread_mutex_lock(&w->lock);
    settle_closings(w, f);
    settle_take(w, f);
    judge(w, f);
    pthread_mutex_unlock(&w->lock);
}
