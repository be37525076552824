/* SPDX-License-Identifier: MIT */
/* The leases in hand: given out, brought back, settled. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "model/worker.h"
#include "value/error.h"
#include "value/text.h"

/* ---- lists ---- */

void tkr_holds_add(tkr_holds *holds, tkr_held *held)
{
    held->next = NULL;
    held->before = holds->last;
    if (holds->last != NULL)
        holds->last->next = held;
    else
        holds->first = held;
    holds->last = held;
}

void tkr_holds_remove(tkr_holds *holds, tkr_held *held)
{
    *(held->before != NULL ? &held->before->next : &holds->first) = held->next;
    *(held->next != NULL ? &held->next->before : &holds->last) = held->before;
}

tkr_held *tkr_holds_find(const tkr_holds *holds, const tasker_lease_token *token)
{
    tkr_held *held = holds->first;
    while (held != NULL && !tasker_uuid_equal(&held->lease->token.uuid, &token->uuid))
        held = held->next;
    return held;
}

void tkr_worker_forget(tkr_held *held)
{
    held->over = true;
    if (held->pinned || --held->bunch->open > 0)
        return;
    tasker_free(held->bunch->leases);
    free(held->bunch);
}

/* ---- closings ---- */

static char *put(char **at, const char *ptr, size_t len)
{
    char *copy = ptr != NULL ? *at : NULL;
    if (ptr == NULL)
        return NULL;
    memcpy(copy, ptr, len);
    *at += len;
    return copy;
}

static tasker_text put_text(char **at, tasker_text text)
{
    char *copy = put(at, text.ptr, text.len);
    return (tasker_text){copy, copy != NULL ? text.len : 0};
}

static tasker_json put_json(char **at, tasker_json json)
{
    char *copy = put(at, json.ptr, json.len);
    return (tasker_json){copy, copy != NULL ? json.len : 0};
}

/* Where nobody waits for the answer, there is room for the reason of a refusal. */
static tkr_closing *make_completion(const tasker_worker *w, const tasker_completion *given)
{
    size_t room = w->batch > 1 ? sizeof w->trouble.message : 0;
    tkr_closing *c = calloc(1, sizeof *c + given->results.len + given->metadata.len + room);
    if (c == NULL)
        return NULL;
    char *at = c->bytes;
    c->kind = TKR_COMPLETE;
    c->completion.results = put_json(&at, given->results);
    c->completion.metadata = put_json(&at, given->metadata);
    return c;
}

static tkr_closing *make_failure(const tasker_failure *given)
{
    tkr_closing *c = calloc(1, sizeof *c + given->error_message.len + given->error_type.len + given->metadata.len);
    if (c == NULL)
        return NULL;
    char *at = c->bytes;
    c->kind = TKR_FAIL;
    c->failure = *given;
    c->failure.error_message = put_text(&at, given->error_message);
    c->failure.error_type = put_text(&at, given->error_type);
    c->failure.metadata = put_json(&at, given->metadata);
    return c;
}

static void add(tasker_worker *w, tkr_closing *c, tkr_held *held)
{
    held->stage = TKR_CLOSING;
    c->held = held;
    c->completion.lease = c->failure.lease = held->lease;
    c->since_ns = tkr_monotonic_ns();
    *w->closings_end = c;
    w->closings_end = &c->next;
    w->closing_count++;
    c->number = ++w->brought;
    tkr_worker_poke(w);
}

void tkr_worker_release(tasker_worker *w, tkr_held *held)
{
    tkr_closing *c = held->lost ? NULL : calloc(1, sizeof *c);
    if (c == NULL) {
        tkr_worker_forget(held);
        return;
    }
    c->kind = TKR_RELEASE;
    add(w, c, held);
}

static void take_out(tasker_worker *w, tkr_closing *c)
{
    tkr_closing **at = &w->closings;
    while (*at != c)
        at = &(*at)->next;
    *at = c->next;
    if (w->closings_end == &c->next)
        w->closings_end = at;
    w->closing_count--;
    c->next = NULL;
}

/* Verdicts on the lease; all else is about the try. */
static bool is_verdict(tasker_status status)
{
    return tasker_status_is_done(status) || tkr_status_is_expected(status);
}

/* What the server refuses cannot come back as it is. A failure that says so can. */
static bool turn_into_failure(tkr_closing *c, tasker_status status, const tasker_error *error)
{
    if (c->kind != TKR_COMPLETE)
        return false;
    c->kind = TKR_FAIL;
    c->alone = false;
    memcpy(c->bytes, error->message, sizeof error->message); /* what was there is not needed any more */
    c->failure = (tasker_failure){.lease = c->held->lease,
                                  .error_message = tasker_text_of(c->bytes),
                                  .error_type = tasker_text_of(tasker_status_name(status))};
    return true;
}

static void note(tasker_worker *w, const tkr_closing *c, tasker_status status)
{
    bool good = tasker_status_is_done(status);
    if (c->awaited || c->kind == TKR_RELEASE)
        return;
    if (!good && tasker_status_is_done(w->queued_status))
        w->queued_status = status;
    else if (good && w->queued_status == TASKER_NOOP)
        w->queued_status = TASKER_OK;
}

void tkr_worker_settle(tasker_worker *w, tkr_closing *c, tasker_status status, const tasker_error *error)
{
    c->status = status;
    if (!is_verdict(status) && !c->alone) {
        c->alone = true;
        tkr_worker_poke(w);
        return;
    }
    if (!is_verdict(status) && !c->awaited) {
        note(w, c, status);
        if (turn_into_failure(c, status, error)) {
            tkr_worker_poke(w);
            return;
        }
    }
    take_out(w, c);
    if (!is_verdict(status) && c->awaited) {
        c->held->stage = TKR_OUT;
        tkr_holds_add(&w->out, c->held);
    } else {
        note(w, c, tasker_status_is_done(status) ? TASKER_OK : status);
        tkr_worker_forget(c->held);
    }
    c->done = true;
    if (!c->awaited)
        free(c);
    pthread_cond_broadcast(&w->settled);
}

/* ---- bringing back ---- */

static bool check_json(const tasker_worker *w, const char *what, tasker_json json, tasker_json_shape shape,
                       tasker_error *error)
{
    tasker_error found;
    if (json.ptr == NULL || tasker_json_check(json, shape, &w->limits, &found) == TASKER_OK)
        return true;
    tkr_error_set(error, found.status, "%s: %s", what, found.message);
    return false;
}

static bool check_text(const tasker_worker *w, const char *what, tasker_text text, tasker_error *error)
{
    size_t bad = 0;
    if (text.ptr == NULL)
        return true;
    if (text.len > (size_t)w->limits.text_bytes)
        tkr_error_set(error, TASKER_LIMIT_EXCEEDED, "%s: %zu bytes, more than the %d allowed", what, text.len,
                      w->limits.text_bytes);
    else if (!tkr_utf8_valid(text.ptr, text.len, &bad))
        tkr_error_set(error, TASKER_INVALID_ARGUMENT, "%s: no UTF-8 at byte %zu", what, bad);
    return error->status == TASKER_OK;
}

static bool check_reserved(const uint64_t reserved[4], tasker_error *error)
{
    static const uint64_t none[4];
    if (memcmp(reserved, none, sizeof none) == 0)
        return true;
    tkr_error_set(error, TASKER_UNSUPPORTED, "a reserved word is set");
    return false;
}

/* Waits for the answer, which is freed. */
static tasker_status await(tasker_worker *w, tkr_closing *c)
{
    w->awaited++;
    while (!c->done)
        pthread_cond_wait(&w->settled, &w->lock);
    w->awaited--;
    tasker_status status = c->status;
    free(c);
    return status;
}

static tasker_status bring(tasker_worker *w, const tasker_lease *lease, tkr_closing *c, tasker_error *error)
{
    pthread_mutex_lock(&w->lock);
    tkr_held *held = tkr_holds_find(&w->out, &lease->token);
    tasker_status status = TASKER_QUEUED;
    if (held == NULL || held->lost) {
        status = held != NULL ? TASKER_CONFLICT : TASKER_INVALID_ARGUMENT;
        tkr_error_set(error, status, held != NULL ? "the lease was lost" : "this worker has not given out the lease");
        if (held != NULL) {
            tkr_holds_remove(&w->out, held);
            tkr_worker_forget(held);
        }
        free(c);
    } else {
        tkr_holds_remove(&w->out, held);
        c->awaited = w->batch <= 1;
        add(w, c, held);
        if (c->awaited)
            status = await(w, c);
        if (status == TASKER_NOOP)
            status = TASKER_OK;
    }
    pthread_mutex_unlock(&w->lock);
    return status;
}

static tasker_status hand_in(tasker_worker *w, const tasker_lease *lease, tkr_closing *c, tasker_error *error)
{
    if (c == NULL) {
        tkr_error_set(error, TASKER_OUT_OF_MEMORY, "out of memory");
        return tkr_worker_refuse(w, error);
    }
    tasker_status status = bring(w, lease, c, error);
    return error->status != TASKER_OK ? tkr_worker_refuse(w, error) : status;
}

tasker_status tasker_worker_complete(tasker_worker *worker, const tasker_completion *completion)
{
    tasker_error error = {.item = -1};
    tasker_status status = tkr_worker_enter(worker);
    if (status != TASKER_OK)
        return status;
    if (completion == NULL || completion->lease == NULL)
        tkr_error_set(&error, TASKER_INVALID_ARGUMENT, "a lease is required");
    else if (check_reserved(completion->reserved, &error) &&
             check_json(worker, "results", completion->results, TASKER_JSON_SHAPE_ANY, &error) &&
             check_json(worker, "metadata", completion->metadata, TASKER_JSON_SHAPE_OBJECT, &error))
        return hand_in(worker, completion->lease, make_completion(worker, completion), &error);
    return tkr_worker_refuse(worker, &error);
}

tasker_status tasker_worker_fail(tasker_worker *worker, const tasker_failure *failure)
{
    tasker_error error = {.item = -1};
    tasker_status status = tkr_worker_enter(worker);
    if (status != TASKER_OK)
        return status;
    if (failure == NULL || failure->lease == NULL)
        tkr_error_set(&error, TASKER_INVALID_ARGUMENT, "a lease is required");
    else if (failure->has_retry_after_seconds && failure->retry_after_seconds < 0)
        tkr_error_set(&error, TASKER_INVALID_ARGUMENT, "retry_after_seconds is negative");
    else if (check_reserved(failure->reserved, &error) &&
             check_json(worker, "metadata", failure->metadata, TASKER_JSON_SHAPE_OBJECT, &error) &&
             check_text(worker, "error_message", failure->error_message, &error) &&
             check_text(worker, "error_type", failure->error_type, &error))
        return hand_in(worker, failure->lease, make_failure(failure), &error);
    return tkr_worker_refuse(worker, &error);
}

tasker_status tasker_worker_flush(tasker_worker *worker)
{
    tasker_status status = tkr_worker_enter(worker);
    if (status != TASKER_OK)
        return status;
    pthread_mutex_lock(&worker->lock);
    uint64_t until = worker->brought;
    worker->flushers++;
    tkr_worker_poke(worker);
    while (worker->closings != NULL && worker->closings->number <= until)
        pthread_cond_wait(&worker->settled, &worker->lock);
    worker->flushers--;
    status = worker->queued_status;
    worker->queued_status = TASKER_NOOP;
    pthread_mutex_unlock(&worker->lock);
    return status;
}

bool tasker_worker_holds(tasker_worker *worker, const tasker_lease *lease)
{
    if (worker == NULL || lease == NULL || worker->pid != getpid())
        return false;
    pthread_mutex_lock(&worker->lock);
    const tkr_held *held = tkr_holds_find(&worker->out, &lease->token);
    bool holds = held != NULL && !held->lost && tkr_monotonic_ns() < held->until_ns;
    pthread_mutex_unlock(&worker->lock);
    return holds;
}

/* ---- giving out ---- */

static int sleep_until(tasker_worker *w, tkr_deadline deadline)
{
    const struct timespec until = {(time_t)(deadline.ns / 1000000000), (long)(deadline.ns % 1000000000)};
    if (deadline.ns == INT64_MAX)
        return pthread_cond_wait(&w->stocked, &w->lock);
    return pthread_cond_timedwait(&w->stocked, &w->lock, &until);
}

static void wait_for_stock(tasker_worker *w, tkr_deadline deadline)
{
    uint64_t refusals = w->refusals;
    w->asked = true;
    w->waiters++;
    tkr_worker_poke(w);
    while (w->stored.first == NULL && !atomic_load(&w->stop_asked) && w->refusals == refusals &&
           tkr_deadline_poll_ms(deadline) != 0 && sleep_until(w, deadline) == 0)
        ;
    w->waiters--;
}

tasker_status tkr_worker_next(tasker_worker *w, tkr_deadline deadline, bool pinned, tkr_held **out)
{
    tasker_status status = TASKER_OK;
    pthread_mutex_lock(&w->lock);
    uint64_t refusals = w->refusals;
    if (w->stored.first == NULL && !atomic_load(&w->stop_asked))
        wait_for_stock(w, deadline);
    tkr_held *held = atomic_load(&w->stop_asked) ? NULL : w->stored.first;
    if (held != NULL) {
        tkr_holds_remove(&w->stored, held);
        tkr_holds_add(&w->out, held);
        held->stage = TKR_OUT;
        held->pinned = pinned;
    } else if (w->refusals != refusals && !atomic_load(&w->stop_asked)) {
        status = w->refusal;
    }
    pthread_mutex_unlock(&w->lock);
    *out = held;
    return status;
}

void tkr_worker_unpin(tasker_worker *w, tkr_held *held)
{
    pthread_mutex_lock(&w->lock);
    held->pinned = false;
    if (held->over) {
        tkr_worker_forget(held);
    } else if (held->stage == TKR_OUT) {
        tkr_holds_remove(&w->out, held);
        tkr_worker_release(w, held);
    }
    pthread_mutex_unlock(&w->lock);
}
