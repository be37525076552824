/* SPDX-License-Identifier: MIT */
/*
 * Handles for many threads: each takes one, uses it alone, gives it back.
 *
 * A pool has max_size handles and opens their links when they are needed. A handle that is given out is sound: what
 * died while it lay idle, or was left TAINTED by its last user, has got a new link before. Who finds all handles out
 * waits in a line; the first in it gets the next one. Links that nobody used for idle_seconds are closed, down to
 * min_size, whenever some thread takes or gives back a handle: the pool has no thread of its own.
 *
 * All functions may be called from all threads at once. In a child made by fork acquire answers FORKED, release does
 * nothing, and close frees the child's memory and leaves the parent's links intact.
 */
#ifndef TASKER_POOL_H
#define TASKER_POOL_H

#include "db.h"

TASKER_BEGIN_DECLS

typedef struct tasker_pool tasker_pool;

/* Zero it, set what matters. Borrowed for the call, texts included; a source must outlive the pool. */
typedef struct tasker_pool_options {
    tasker_db_options db; /* of each handle */
    int32_t min_size;     /* links that are opened at once and kept however idle; 0: none */
    int32_t max_size;     /* handles, 1 to 1000; 0: 8 */
    int32_t idle_seconds; /* 0: 300; -1: links are never closed for being idle */
    uint64_t reserved[4];
} tasker_pool_options;

/*
 * Makes a pool and opens min_size links; with none of them no server is needed yet. options and error may be NULL.
 * INVALID_ARGUMENT: min_size is negative or above max_size, or a number is out of range. Otherwise as tasker_db_open,
 * which each link means: the first that fails is told, and there is no pool.
 */
TASKER_CALL tasker_pool_open(tasker_text conninfo, const tasker_pool_options *options, tasker_error *error,
                             tasker_pool **out);

/*
 * Takes a handle, outside of a transaction, with the timeouts of the options; it is this thread's until it is given
 * back. timeout_ms is for all of it, waiting in line and connecting; -1: waits for ever; 0: takes a handle that is free
 * now, however long its link takes to open. Signals do not end the wait in line. error may be NULL.
 * TIMEOUT: all handles stayed out, or the server did not answer in time. CANCELLED: the pool was closed meanwhile.
 * FORKED: the pool belongs to the parent process. INVALID_ARGUMENT: timeout_ms is below -1. If a link had to be opened,
 * also what tasker_db_open answers; the handle is free again then, and the next acquire tries anew.
 */
TASKER_CALL tasker_pool_acquire(tasker_pool *pool, int32_t timeout_ms, tasker_error *error, tasker_db **out);

/*
 * Gives a handle back. A transaction that is still open is rolled back, which may take the call_timeout_ms of the
 * options; a link that is broken, TAINTED or in the middle of a command of yours is closed at once. Its pipelines must
 * be closed before: while a call is running on the handle nothing happens, and it stays out. Settings of the session
 * that were made through tasker_db_conn stay, too, and are found by the next user. NULL, and a handle that is not out
 * of this pool, is ignored. tasker_db_close does nothing to a handle of a pool.
 */
TASKER_API void tasker_pool_release(tasker_pool *pool, tasker_db *db);

/*
 * Closes what lies idle and returns; those who wait in line get CANCELLED. A handle that is out works on, and is to be
 * given back as ever, which closes it; the last one frees the pool. No other call on the pool may begin after this
 * one. NULL is fine.
 */
TASKER_API void tasker_pool_close(tasker_pool *pool);

TASKER_END_DECLS

#endif
