/* SPDX-License-Identifier: MIT */
/*
 * What the threads of a worker share. The callers' (worker.c, worker_hand.c) ask for leases, bring them back, and ask
 * why not (worker_error.c); the serving one (worker_serve.c, worker_flush.c) exchanges both with the server; the third
 * one extends (worker_beat.c).
 *
 * One lock is over everything that changes, and none is held during an exchange: a lease in hand is freed by nobody but
 * who has settled it, and its row never changes.
 */
#pragma once
#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>
#include "db/deadline.h"
#include "tasker/json.h"
#include "tasker/listener.h"
#include "tasker/uuid.h"
#include "tasker/worker.h"

enum { TKR_WORKER_MOST = 256 }; /* written by one flush */

typedef enum tkr_hold_stage {
    TKR_STORED, /* taken, and given to nobody */
    TKR_OUT,    /* given out */
    TKR_CLOSING /* brought back, not written */
} tkr_hold_stage;

/* The leases of one take: the list is freed with the last of them. */
typedef struct tkr_bunch tkr_bunch;

typedef struct tkr_held {
    const tasker_lease *lease;
    tkr_bunch *bunch;
    tkr_hold_stage stage;
    bool lost;
    bool pinned;      /* a handler has it: it stays until that returns, */
    bool over;        /* also if there is nothing more to be done with it */
    int64_t until_ns; /* nobody else can have it before */
    struct tkr_held *next, *before;
} tkr_held;

struct tkr_bunch {
    const tasker_leases *leases;
    size_t open;
    tkr_held held[];
};

typedef struct tkr_holds {
    tkr_held *first, *last;
} tkr_holds;

typedef enum tkr_closing_kind { TKR_COMPLETE, TKR_FAIL, TKR_RELEASE } tkr_closing_kind;

/* A lease that was brought back. Texts lie behind it. */
typedef struct tkr_closing {
    tkr_held *held;
    tkr_closing_kind kind;
    tasker_completion completion;
    tasker_failure failure;
    uint64_t number; /* in the order of bringing */
    int64_t since_ns;
    bool awaited; /* by a thread, which frees it */
    bool alone;   /* it may be what its flush was refused for: not together with others */
    bool done;
    tasker_status status; /* of the last try */
    struct tkr_closing *next;
    char bytes[];
} tkr_closing;

struct tkr_flight;

struct tasker_worker {
    tasker_pool *pool;
    pid_t pid;
    tasker_lease_options lease; /* its texts are ours */
    tasker_text *names;
    tasker_uuid task_uuid;
    char *texts;
    tasker_limits limits;
    int32_t lease_seconds, poll_ms, batch, flush_ms;
    bool finalize;
    tasker_listener *listener; /* NULL: it polls */

    int wake_fd;             /* an eventfd: ends the sleep of the serving thread */
    atomic_bool stop_asked;  /* all that a signal handler does, besides waking */
    pthread_t server, heart; /* the second is started last */
    bool has_server, has_heart;
    struct tkr_flight *flight; /* the serving thread's */

    pthread_mutex_t errors_lock;
    struct tkr_worker_errors *errors; /* under errors_lock */

    pthread_mutex_t lock; /* over all that follows */
    pthread_cond_t stocked, settled, beats;
    bool poked;    /* the serving thread has been woken and has not looked yet */
    bool stopping; /* it has seen stop_asked */
    bool closing;
    tkr_holds stored, out;
    size_t waiters; /* threads in next */
    bool asked;     /* someone did not want to wait, */
    size_t awaited; /* and so many wait for their closings */
    tkr_closing *closings, **closings_end;
    size_t closing_count, flushers; /* flushers: they do not wait for more */
    uint64_t brought;
    tasker_status queued_status; /* of those nobody waited for, since the last flush: OK, NOOP, or the first failure */

    bool apart;            /* a flush failed: in the next one what it takes is no part of what it writes */
    int32_t plenty;        /* so many takes one after another brought all that was asked for */
    int64_t take_at_ns;    /* there was nothing: not before */
    uint64_t refusals;     /* takes that failed for good; those who wait then are told */
    tasker_status refusal; /* why */
    tasker_error trouble;  /* why it does not get on */
    int64_t troubled_ns;   /* since when */
    int64_t pause_until_ns;
    int32_t pause_ms;
};

/* ---- worker_error.c ---- */

/* What a call of this thread was refused for. */
tasker_status tkr_worker_refuse(tasker_worker *worker, const tasker_error *error);

/* At the beginning of each: INVALID_ARGUMENT, FORKED. */
tasker_status tkr_worker_enter(tasker_worker *worker);
/* At its end. */
void tkr_worker_drop_errors(tasker_worker *worker);

/* ---- worker_hand.c; under the lock ---- */
void tkr_holds_add(tkr_holds *holds, tkr_held *held);
void tkr_holds_remove(tkr_holds *holds, tkr_held *held);
tkr_held *tkr_holds_find(const tkr_holds *holds, const tasker_lease_token *token);

/* Of no further use to anybody. */
void tkr_worker_forget(tkr_held *held);

/* Has it given back. It has been taken out of its list. Without memory for that it runs out by itself. */
void tkr_worker_release(tasker_worker *worker, tkr_held *held);

/* A try has ended. Once it is done a closing that nobody waits for is gone. */
void tkr_worker_settle(tasker_worker *worker, tkr_closing *closing, tasker_status status, const tasker_error *error);

/* The next one, pinned or not; NULL with OK: none. */
tasker_status tkr_worker_next(tasker_worker *worker, tkr_deadline deadline, bool pinned, tkr_held **out);

/* A handler has returned. */
void tkr_worker_unpin(tasker_worker *worker, tkr_held *held);

/* ---- worker_serve.c ---- */
void *tkr_worker_serve(void *worker);

/* Wakes the serving thread, under the lock. */
void tkr_worker_poke(tasker_worker *worker);

/* ---- worker_flush.c ---- */
struct tkr_flight *tkr_flight_make(void);

/* Writes what is waiting, takes up to so many leases, and settles. Without the lock. */
void tkr_worker_flush(tasker_worker *worker, int32_t limit);

/* ---- worker_beat.c ---- */
void *tkr_worker_beat(void *worker);
