/* SPDX-License-Identifier: MIT */
/* The thread that speaks with the server: what is due when, and its sleep in between. */
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "model/worker.h"

void tkr_worker_poke(tasker_worker *w)
{
    static const uint64_t one = 1;
    if (w->poked)
        return;
    w->poked = true;
    if (write(w->wake_fd, &one, sizeof one) < 0) {
        /* full: awake already */
    }
}

/* Seen for the first time: what nobody has got is given back, and nobody waits any more. */
static void notice_stop(tasker_worker *w)
{
    tkr_held *held;
    if (w->stopping || !atomic_load(&w->stop_asked))
        return;
    w->stopping = true;
    w->pause_until_ns = 0;
    if (w->troubled_ns != 0)
        w->troubled_ns = tkr_monotonic_ns(); /* now its patience begins */
    while ((held = w->stored.first) != NULL) {
        tkr_holds_remove(&w->stored, held);
        tkr_worker_release(w, held);
    }
    pthread_cond_broadcast(&w->stocked);
}

/* Stopped, and without the server for as long as leases last: they have run out. */
static void give_up(tasker_worker *w, int64_t now)
{
    if (!w->stopping || w->troubled_ns == 0 || now - w->troubled_ns < (int64_t)w->lease_seconds * 1000000000)
        return;
    for (tkr_closing *c = w->closings, *next; c != NULL; c = next) {
        next = c->next;
        c->alone = true;
        c->kind = c->kind == TKR_COMPLETE ? TKR_FAIL : c->kind; /* there is no other way back */
        tkr_worker_settle(w, c, w->trouble.status, &w->trouble);
    }
}

typedef struct plan {
    bool flush;
    int32_t take;
    int64_t until_ns; /* else: sleep until then */
} plan;

static bool must_write(const tasker_worker *w, int64_t now)
{
    const tkr_closing *first = w->closings;
    return first != NULL &&
           (w->awaited > 0 || w->flushers > 0 || w->stopping || first->alone || w->closing_count >= (size_t)w->batch ||
            now - first->since_ns >= (int64_t)w->flush_ms * 1000000);
}

static int32_t take_how_many(const tasker_worker *w)
{
    size_t idle = w->waiters + w->awaited;
    if (w->lease.limit > 0)
        return w->lease.limit;
    return idle > (size_t)w->limits.rows ? w->limits.rows : idle > 0 ? (int32_t)idle : 1;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static plan make_plan(tasker_worker *w)
{
    int64_t now = tkr_monotonic_ns();
    plan p = {.until_ns = INT64_MAX};
    notice_stop(w);
    give_up(w, now);
    if (now < w->pause_until_ns) {
        p.until_ns = w->pause_until_ns;
        return p;
    }
    bool empty = w->stored.first == NULL && !w->stopping, wanted = empty && (w->waiters > 0 || w->asked);
    bool take = wanted && now >= w->take_at_ns;
    p.flush = must_write(w, now) || take;
    if (p.flush && (take || (empty && w->awaited > 0)))
        p.take = take_how_many(w); /* who waits for an answer will want the next one */
    if (w->closings != NULL)
        p.until_ns = earlier(p.until_ns, w->closings->since_ns + (int64_t)w->flush_ms * 1000000);
    if (wanted)
        p.until_ns = earlier(p.until_ns, w->take_at_ns);
    return p;
}

/* ---- sleep ---- */

static bool listens(const tasker_worker *w, struct pollfd *fd)
{
    tasker_want want = tasker_listener_want(w->listener);
    fd->fd = tasker_listener_fd(w->listener);
    fd->events = (short)((want & TASKER_WANT_READ ? POLLIN : 0) | (want & TASKER_WANT_WRITE ? POLLOUT : 0));
    return w->listener != NULL;
}

static void listen_and_sleep(tasker_worker *w, int64_t until_ns)
{
    struct pollfd fds[2] = {{.fd = w->wake_fd, .events = POLLIN}, {.fd = -1}};
    int ms = tkr_deadline_poll_ms((tkr_deadline){until_ns});
    uint64_t count;
    if (listens(w, &fds[1])) {
        int32_t listener_ms = tasker_listener_wait_ms(w->listener);
        ms = listener_ms >= 0 && (ms < 0 || listener_ms < ms) ? listener_ms : ms;
    }
    (void)poll(fds, 2, ms);
    bool look = w->listener != NULL && tasker_listener_step(w->listener) == TASKER_OK;
    pthread_mutex_lock(&w->lock);
    w->poked = false;
    if (read(w->wake_fd, &count, sizeof count) < 0) {
        /* nobody has woken it: the time has */
    }
    if (look)
        w->take_at_ns = 0;
}

void *tkr_worker_serve(void *worker)
{
    tasker_worker *w = worker;
    pthread_mutex_lock(&w->lock);
    for (;;) {
        plan p = make_plan(w);
        if (w->closing && w->closings == NULL)
            break;
        if (p.flush && p.take > 0)
            w->asked = false;
        pthread_mutex_unlock(&w->lock);
        if (p.flush) {
            tkr_worker_flush(w, p.take);
            pthread_mutex_lock(&w->lock);
        } else {
            listen_and_sleep(w, p.until_ns);
        }
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}
