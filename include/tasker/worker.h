/* SPDX-License-Identifier: MIT */
/*
 * The loop of a worker: it takes leases, keeps them alive while they are worked on, and brings back what came of them.
 *
 * A worker has two threads of its own, which have all signals blocked. The first speaks for it: whatever is to be
 * written and taken goes into one flush, on a handle that it has from the pool for just so long. The second extends all
 * leases in hand, in one statement, each time a third of lease_seconds has passed; rows that somebody else holds at
 * that moment are passed over and soon tried again. Hooks of the pool's handles are called on these threads.
 *
 * Either give it a handler (tasker_worker_run), or pull from it: tasker_worker_next, the work, then
 * tasker_worker_complete or tasker_worker_fail. Take more than one at once (options.lease.limit) and gather what is
 * written (options.batch), and a round trip serves many steps.
 *
 * When the server is away it is asked again, at once and then after pauses of 0.1 to 5 seconds, and what was in doubt
 * is sent again under its key. Leases may run out meanwhile; if somebody has taken a step over, what is brought back
 * too late changes nothing: CONFLICT.
 *
 * All functions but open and close may be called from all threads at once, also while run is running; close when no
 * other one is. In a child made by fork all answer FORKED, and close frees the child's memory.
 */
#ifndef TASKER_WORKER_H
#define TASKER_WORKER_H

#include "lease.h"
#include "pool.h"

TASKER_BEGIN_DECLS

typedef struct tasker_worker tasker_worker;

/* Zero it, set what matters; borrowed for the call, texts included. */
typedef struct tasker_worker_options {
    /* As for tasker_lease_take. limit: of one take, which is made when the last one is used up; 0: as many as there are
     * threads waiting for one. */
    tasker_lease_options lease;
    int32_t poll_ms;  /* when there was nothing, look again so much later; 0: 1000; a fifth more or less each time */
    int32_t batch;    /* write when so many steps are done; 0: 1, and complete and fail wait until it is written */
    int32_t flush_ms; /* or when the first of them has waited so long; 0: 50 */
    bool listen;      /* be woken as well, by messages in queues that notify, or by ready tasks: tasker/listener.h */
    bool finalize;    /* close the tasks that have come to their end, as tasker_task_finalize does, in the same flush */
    uint64_t reserved[4];
} tasker_worker_options;

/*
 * Does the work of one step, on one of run's threads, and calls complete or fail once before it returns; if neither,
 * the lease is released. The lease is borrowed until it returns. context is that of run.
 */
typedef void (*tasker_handler)(tasker_worker *worker, const tasker_lease *lease, void *context);

/*
 * Starts a worker; it takes nothing yet. The pool must outlive it, and have two handles to spare, one of which, for a
 * moment each, is in use; with listen there is one more link. error may be NULL. INVALID_ARGUMENT, LIMIT_EXCEEDED,
 * TOO_LONG, NO_QUEUE, UNSUPPORTED: as tasker_lease_take would refuse the options; also a negative number. Otherwise
 * as tasker_pool_acquire and tasker_listener_open.
 */
TASKER_CALL tasker_worker_open(tasker_pool *pool, const tasker_worker_options *options, tasker_error *error,
                               tasker_worker **out);

/*
 * The next lease; until complete or fail of it was called it is borrowed from the worker, and kept alive. OK with NULL:
 * none came in timeout_ms, or the worker was stopped. -1: waits for ever; 0: takes what is there already, and has some
 * fetched for later. What is refused for a reason that does not pass (a queue that is not there: NOT_FOUND; DENIED, …)
 * is answered, and tried anew by the next call. INVALID_ARGUMENT: timeout_ms is below -1.
 */
TASKER_CALL tasker_worker_next(tasker_worker *worker, int32_t timeout_ms, const tasker_lease **out);

/*
 * Brings back a lease: with results, or with a failure. Texts and JSON are copied. Without options.batch it returns
 * when it is written: OK, or CONFLICT: the lease was lost, and nothing is written; any other failure: the server has
 * refused it, and the lease is still held, to be brought back otherwise. With batch the answer is QUEUED, and the truth
 * comes with tasker_worker_flush; a completion that the server refuses becomes a failure then that says why.
 * INVALID_ARGUMENT, LIMIT_EXCEEDED: something in it is not valid, or the lease is not one that this worker has given
 * out; the lease is still held, if it was. After tasker_worker_stop and without the server also DISCONNECTED or
 * IN_DOUBT, when lease_seconds have passed.
 */
TASKER_CALL tasker_worker_complete(tasker_worker *worker, const tasker_completion *completion);
TASKER_CALL tasker_worker_fail(tasker_worker *worker, const tasker_failure *failure);

/*
 * Waits until all is written that was brought back before. OK: all that was QUEUED since the last flush is written.
 * NOOP: nothing was. Else the status of the first that is not: CONFLICT, its lease was lost; or as refused by the
 * server.
 */
TASKER_CALL tasker_worker_flush(tasker_worker *worker);

/*
 * Calls the handler for one lease after the other in this many threads (0: 1), of which the caller's is one, until the
 * worker is stopped; then lets the handlers end, has everything written, and returns OK. A failure of next stops the
 * worker in the same way and is returned. OUT_OF_MEMORY: not all threads could be started. INVALID_ARGUMENT: no
 * handler, threads below 0 or above 1000. A handler must not call it, nor close.
 */
TASKER_CALL tasker_worker_run(tasker_worker *worker, int32_t threads, tasker_handler handler, void *context);

/*
 * Is the lease still ours? False: it was lost; or it was brought back; or could not be extended in time, so that
 * somebody may have it by now (true again when it could be in the end). Who works for long asks now and then, and
 * stops when it is lost.
 */
TASKER_API bool tasker_worker_holds(tasker_worker *worker, const tasker_lease *lease);

/*
 * Why a call of this thread was refused, if the last one was; else why the worker does not get on at the moment;
 * status OK: it does. Borrowed until this thread asks again, or the worker is closed.
 */
TASKER_API const tasker_error *tasker_worker_error(const tasker_worker *worker);

/*
 * Nothing is taken any more; who waits in next gets NULL, run returns when its handlers have ended. What was taken and
 * not given out is released. From any thread, and from signal handlers. NULL is fine.
 */
TASKER_API void tasker_worker_stop(tasker_worker *worker);

/*
 * Stops it, releases what is still in hand, writes what is left (without the server for lease_seconds at most), and
 * frees the worker with its leases. NULL is fine.
 */
TASKER_API void tasker_worker_close(tasker_worker *worker);

TASKER_END_DECLS

#endif
