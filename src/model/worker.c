/* SPDX-License-Identifier: MIT */
/* Workers: beginning, running, end. worker.h says who does the rest. */
#include "model/worker.h"
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "db/link.h"
#include "model/lease_read.h"
#include "value/error.h"

enum { POLL_MS = 1000, FLUSH_MS = 50, MOST_THREADS = 1000, PATIENCE_MS = 10000 };

/* ---- opening ---- */

static tasker_status check_options(const tasker_worker_options *o, tasker_error *error)
{
    const uint64_t none[4] = {0};
    if (o == NULL)
        return tkr_error_set(error, TASKER_INVALID_ARGUMENT, "options are required");
    if (memcmp(o->reserved, none, sizeof none) != 0)
        return tkr_error_set(error, TASKER_UNSUPPORTED, "a reserved word of the options is set");
    if (o->poll_ms < 0 || o->batch < 0 || o->flush_ms < 0)
        return tkr_error_set(error, TASKER_INVALID_ARGUMENT, "poll_ms, batch or flush_ms is negative");
    if (o->lease.namespace_names == NULL && o->lease.namespace_name_count > 0)
        return tkr_error_set(error, TASKER_INVALID_ARGUMENT, "lease.namespace_names are missing");
    return TASKER_OK;
}

static tasker_text keep(char **at, tasker_text text)
{
    tasker_text kept = {*at, text.len};
    memcpy(*at, text.ptr, text.len);
    *at += text.len + 1;
    return kept;
}

/* The options are ones that lease_take would take. */
static bool keep_options(tasker_worker *w, const tasker_worker_options *o)
{
    size_t count = o->lease.namespace_name_count, size = o->lease.worker.len + 1;
    for (size_t i = 0; i < count; i++)
        size += o->lease.namespace_names[i].len + 1;
    w->texts = calloc(1, size);
    w->names = calloc(count + 1, sizeof *w->names);
    if (w->texts == NULL || w->names == NULL)
        return false;
    char *at = w->texts;
    w->lease = o->lease;
    w->lease.worker = keep(&at, o->lease.worker);
    w->lease.namespace_names = o->lease.namespace_names != NULL ? w->names : NULL;
    if (o->lease.task_uuid != NULL) {
        w->task_uuid = *o->lease.task_uuid;
        w->lease.task_uuid = &w->task_uuid;
    }
    for (size_t i = 0; i < count; i++)
        w->names[i] = keep(&at, o->lease.namespace_names[i]);
    w->lease_seconds = tkr_lease_seconds(o->lease.lease_seconds);
    w->poll_ms = o->poll_ms > 0 ? o->poll_ms : POLL_MS;
    w->batch = o->batch > 0 ? o->batch : 1;
    w->flush_ms = o->flush_ms > 0 ? o->flush_ms : FLUSH_MS;
    w->finalize = o->finalize;
    return true;
}

static tasker_status listen(tasker_worker *w, const tasker_db *db, tasker_error *error)
{
    const tasker_db_options db_options = {.schema = tasker_text_of(db->schema),
                                          .application_name = tasker_text_of(db->application_name),
                                          .connect_timeout_ms = db->connect_timeout_ms,
                                          .call_timeout_ms = db->default_timeout_ms,
                                          .require_tls = db->require_tls,
                                          .any_schema = db->any_schema};
    const tasker_listener_options options = {.namespace_names = w->lease.without_queue ? NULL : w->names,
                                             .namespace_name_count =
                                                 w->lease.without_queue ? 0 : w->lease.namespace_name_count,
                                             .ready_tasks = w->lease.without_queue,
                                             .poll_ms = w->poll_ms};
    return tasker_listener_open(tasker_text_of(db->conninfo), &db_options, &options, error, &w->listener);
}

/* Everything that the database has a say in. */
static tasker_status prepare(tasker_worker *w, const tasker_worker_options *o, tasker_error *error)
{
    tasker_db *db = NULL;
    tasker_status status = tasker_pool_acquire(w->pool, PATIENCE_MS, error, &db);
    if (status != TASKER_OK)
        return status;
    status = tkr_lease_take_check(db, &o->lease);
    if (status != TASKER_OK && error != NULL)
        *error = *tasker_db_error(db);
    w->limits = db->limits;
    if (status == TASKER_OK && !keep_options(w, o))
        status = tkr_error_set(error, TASKER_OUT_OF_MEMORY, "out of memory");
    if (status == TASKER_OK && o->listen)
        status = listen(w, db, error);
    tasker_pool_release(w->pool, db);
    return status;
}

static bool make_locks(tasker_worker *w)
{
    pthread_condattr_t monotonic;
    if (pthread_condattr_init(&monotonic) != 0)
        return false;
    bool made = pthread_mutex_init(&w->lock, NULL) == 0 && pthread_mutex_init(&w->errors_lock, NULL) == 0 &&
                pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC) == 0 &&
                pthread_cond_init(&w->stocked, &monotonic) == 0 && pthread_cond_init(&w->settled, &monotonic) == 0 &&
                pthread_cond_init(&w->beats, &monotonic) == 0;
    pthread_condattr_destroy(&monotonic);
    return made;
}

/* Signals are for the program's own threads. */
static bool start_threads(tasker_worker *w)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    w->has_server = pthread_create(&w->server, NULL, tkr_worker_serve, w) == 0;
    w->has_heart = w->has_server && pthread_create(&w->heart, NULL, tkr_worker_beat, w) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return w->has_heart;
}

tasker_status tasker_worker_open(tasker_pool *pool, const tasker_worker_options *options, tasker_error *error,
                                 tasker_worker **out)
{
    if (error != NULL)
        *error = (tasker_error){.item = -1};
    if (out == NULL)
        return tkr_error_set(error, TASKER_INVALID_ARGUMENT, "out is required");
    *out = NULL;
    tasker_status status = check_options(options, error);
    if (status != TASKER_OK)
        return status;
    tasker_worker *w = calloc(1, sizeof *w);
    if (w == NULL)
        return tkr_error_set(error, TASKER_OUT_OF_MEMORY, "out of memory");
    w->pool = pool;
    w->pid = getpid();
    w->closings_end = &w->closings;
    w->queued_status = TASKER_NOOP;
    w->trouble.item = -1;
    w->flight = tkr_flight_make();
    w->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (!make_locks(w) || w->flight == NULL || w->wake_fd < 0)
        status = tkr_error_set(error, TASKER_OUT_OF_MEMORY, "out of memory, or of file descriptors");
    if (status == TASKER_OK)
        status = prepare(w, options, error);
    if (status == TASKER_OK && !start_threads(w))
        status = tkr_error_set(error, TASKER_OUT_OF_MEMORY, "a thread cannot be started");
    if (status == TASKER_OK)
        *out = w;
    else
        tasker_worker_close(w);
    return status;
}

/* ---- the end ---- */

/* No lock, no allocation, errno as it was: signal handlers come here. */
void tasker_worker_stop(tasker_worker *worker)
{
    static const uint64_t one = 1;
    int before = errno;
    if (worker == NULL || worker->pid != getpid())
        return;
    atomic_store(&worker->stop_asked, true);
    if (write(worker->wake_fd, &one, sizeof one) < 0) {
        /* full: awake already */
    }
    errno = before;
}

static void join(tasker_worker *w)
{
    tkr_held *held;
    tasker_worker_stop(w);
    pthread_mutex_lock(&w->lock);
    w->closing = true;
    while ((held = w->out.first) != NULL) {
        tkr_holds_remove(&w->out, held);
        held->pinned = false;
        tkr_worker_release(w, held);
    }
    tkr_worker_poke(w);
    pthread_mutex_unlock(&w->lock);
    if (w->has_server)
        pthread_join(w->server, NULL);
    pthread_mutex_lock(&w->lock);
    pthread_cond_signal(&w->beats);
    pthread_mutex_unlock(&w->lock);
    if (w->has_heart)
        pthread_join(w->heart, NULL);
}

static void drop(tkr_holds *holds)
{
    for (tkr_held *held = holds->first, *next; held != NULL; held = next) {
        next = held->next;
        held->pinned = false;
        tkr_worker_forget(held);
    }
}

/* Nothing is left in a parent, where join has seen to that. */
static void free_hand(tasker_worker *w)
{
    for (tkr_closing *c = w->closings, *next; c != NULL; c = next) {
        next = c->next;
        c->held->pinned = false;
        tkr_worker_forget(c->held);
        free(c);
    }
    drop(&w->stored);
    drop(&w->out);
}

void tasker_worker_close(tasker_worker *worker)
{
    if (worker == NULL)
        return;
    if (worker->pid == getpid()) {
        join(worker);
        pthread_cond_destroy(&worker->stocked);
        pthread_cond_destroy(&worker->settled);
        pthread_cond_destroy(&worker->beats);
        pthread_mutex_destroy(&worker->lock);
        pthread_mutex_destroy(&worker->errors_lock);
    }
    free_hand(worker);
    tkr_worker_drop_errors(worker);
    tasker_listener_close(worker->listener);
    if (worker->wake_fd >= 0)
        close(worker->wake_fd);
    free(worker->flight);
    free(worker->texts);
    free(worker->names);
    free(worker);
}

/* ---- pulling and running ---- */

tasker_status tasker_worker_next(tasker_worker *worker, int32_t timeout_ms, const tasker_lease **out)
{
    tasker_error error = {.item = -1};
    tkr_held *held = NULL;
    if (out != NULL)
        *out = NULL;
    tasker_status status = tkr_worker_enter(worker);
    if (status != TASKER_OK)
        return status;
    if (out == NULL || timeout_ms < -1) {
        tkr_error_set(&error, TASKER_INVALID_ARGUMENT, "out is required, or timeout_ms is below -1");
        return tkr_worker_refuse(worker, &error);
    }
    status = tkr_worker_next(worker, tkr_deadline_in(timeout_ms), false, &held);
    if (held != NULL)
        *out = held->lease;
    return status;
}

typedef struct shift {
    tasker_worker *worker;
    tasker_handler handler;
    void *context;
    _Atomic(tasker_status) status;
} shift;

static void *work(void *argument)
{
    shift *s = argument;
    for (;;) {
        tkr_held *held = NULL;
        tasker_status status = tkr_worker_next(s->worker, tkr_deadline_in(-1), true, &held), none = TASKER_OK;
        if (status != TASKER_OK) {
            (void)atomic_compare_exchange_strong(&s->status, &none, status);
            tasker_worker_stop(s->worker);
        }
        if (held == NULL)
            return NULL;
        s->handler(s->worker, held->lease, s->context);
        tkr_worker_unpin(s->worker, held);
    }
}

static tasker_status check_run(tasker_worker *worker, int32_t threads, tasker_handler handler)
{
    tasker_error error = {.item = -1};
    tasker_status status = tkr_worker_enter(worker);
    if (status != TASKER_OK || (threads >= 0 && threads <= MOST_THREADS && handler != NULL))
        return status;
    tkr_error_set(&error, TASKER_INVALID_ARGUMENT, "a handler is required, and threads from 0 to %d", MOST_THREADS);
    return tkr_worker_refuse(worker, &error);
}

tasker_status tasker_worker_run(tasker_worker *worker, int32_t threads, tasker_handler handler, void *context)
{
    tasker_status status = check_run(worker, threads, handler);
    if (status != TASKER_OK)
        return status;
    shift s = {.worker = worker, .handler = handler, .context = context};
    size_t more = threads > 1 ? (size_t)threads - 1 : 0, started = 0;
    pthread_t *hands = calloc(more + 1, sizeof *hands);
    while (hands != NULL && started < more && pthread_create(&hands[started], NULL, work, &s) == 0)
        started++;
    if (hands == NULL || started < more) {
        atomic_store(&s.status, TASKER_OUT_OF_MEMORY);
        tasker_worker_stop(worker);
    }
    work(&s);
    for (size_t i = 0; i < started; i++)
        pthread_join(hands[i], NULL);
    free(hands);
    pthread_mutex_lock(&worker->lock);
    uint64_t until = worker->brought;
    while (worker->closings != NULL && worker->closings->number <= until)
        pthread_cond_wait(&worker->settled, &worker->lock);
    pthread_mutex_unlock(&worker->lock);
    return atomic_load(&s.status);
}
