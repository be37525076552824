/* SPDX-License-Identifier: MIT */
/* The thread that keeps leases alive. It has no part in what happens to them otherwise. */
#include <stdlib.h>
#include "model/worker.h"

enum { PATIENCE_MS = 5000, SOON = 8 };

/* What extend looks at, as the leases themselves may be gone before it answers. */
typedef struct pulse {
    size_t count, room;
    tasker_lease *leases;
    const tasker_lease **items;
    tasker_outcome *outcomes;
} pulse;

static bool make_room(pulse *p, size_t count)
{
    free(p->leases);
    free(p->items);
    free(p->outcomes);
    p->leases = calloc(count, sizeof *p->leases);
    p->items = calloc(count, sizeof *p->items);
    p->outcomes = calloc(count, sizeof *p->outcomes);
    p->room = p->leases != NULL && p->items != NULL && p->outcomes != NULL ? count : 0;
    return p->room > 0;
}

static size_t count_holds(const tkr_holds *holds)
{
    size_t count = 0;
    for (const tkr_held *held = holds->first; held != NULL; held = held->next)
        count += !held->lost;
    return count;
}

static void add(pulse *p, const tkr_holds *holds)
{
    for (const tkr_held *held = holds->first; held != NULL; held = held->next) {
        if (held->lost)
            continue;
        tasker_lease *copy = &p->leases[p->count];
        *copy = (tasker_lease){.task_uuid = held->lease->task_uuid,
                               .workflow_step_uuid = held->lease->workflow_step_uuid,
                               .token = held->lease->token};
        p->outcomes[p->count] = (tasker_outcome){.status = TASKER_AGAIN};
        p->items[p->count++] = copy;
    }
}

/* Under the lock. False: nothing to extend, or no memory. */
static bool gather(tasker_worker *w, pulse *p)
{
    size_t count = count_holds(&w->stored) + count_holds(&w->out);
    p->count = 0;
    if (count == 0 || (count > p->room && !make_room(p, count)))
        return false;
    add(p, &w->stored);
    add(p, &w->out);
    return true;
}

static void lose(tasker_worker *w, tkr_held *held)
{
    held->lost = true;
    if (held->stage == TKR_STORED) {
        tkr_holds_remove(&w->stored, held);
        tkr_worker_forget(held);
    }
}

/* What was brought back meanwhile is found in neither list. False: not all could be extended. */
static bool learn(tasker_worker *w, const pulse *p, int64_t sent_ns)
{
    bool all = true;
    for (size_t i = 0; i < p->count; i++) {
        tkr_held *held = tkr_holds_find(&w->out, &p->items[i]->token);
        if (held == NULL)
            held = tkr_holds_find(&w->stored, &p->items[i]->token);
        tasker_status status = p->outcomes[i].status;
        bool lost = status == TASKER_CONFLICT || status == TASKER_NOT_FOUND;
        if (status == TASKER_OK && held != NULL)
            held->until_ns = sent_ns + (int64_t)w->lease_seconds * 1000000000;
        else if (lost && held != NULL)
            lose(w, held);
        all = all && (status == TASKER_OK || lost);
    }
    return all;
}

static void extend(tasker_worker *w, pulse *p)
{
    tasker_db *db = NULL;
    if (tasker_pool_acquire(w->pool, PATIENCE_MS, NULL, &db) != TASKER_OK)
        return;
    for (size_t at = 0, count; at < p->count; at += count) {
        count = p->count - at < (size_t)w->limits.rows ? p->count - at : (size_t)w->limits.rows;
        (void)!tasker_lease_extend(db, p->items + at, count, w->lease_seconds, p->outcomes + at); /* outcomes tell */
    }
    tasker_pool_release(w->pool, db);
}

/* Until the time, or the end of the worker. */
static void rest(tasker_worker *w, int64_t until_ns)
{
    const struct timespec until = {(time_t)(until_ns / 1000000000), (long)(until_ns % 1000000000)};
    while (!w->closing && pthread_cond_timedwait(&w->beats, &w->lock, &until) == 0)
        ;
}

void *tkr_worker_beat(void *worker)
{
    tasker_worker *w = worker;
    const int64_t third_ns = (int64_t)w->lease_seconds * 1000000000 / 3;
    pulse p = {0};
    int64_t due_ns = tkr_monotonic_ns() + third_ns;
    pthread_mutex_lock(&w->lock);
    for (rest(w, due_ns); !w->closing; rest(w, due_ns)) {
        bool all = true;
        if (gather(w, &p)) {
            pthread_mutex_unlock(&w->lock);
            int64_t sent_ns = tkr_monotonic_ns();
            extend(w, &p);
            pthread_mutex_lock(&w->lock);
            all = learn(w, &p, sent_ns);
        }
        due_ns = tkr_monotonic_ns() + (all ? third_ns : third_ns / SOON);
    }
    pthread_mutex_unlock(&w->lock);
    free(p.leases);
    free(p.items);
    free(p.outcomes);
    return NULL;
}
