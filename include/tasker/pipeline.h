/* SPDX-License-Identifier: MIT */
/*
 * Many calls in one flush; with one call in it, an asynchronous call.
 *
 * A pipeline has a handle of its own, tasker_pipeline_db. On it the same functions queue instead of waiting: they
 * answer QUEUED, and their answers (rows, outcomes, values) are filled in when the pipeline has run them. Until then
 * *out is NULL; outcomes and values must stay where they are. Inputs are borrowed for the call only, as everywhere.
 * What is wrong with an argument is still told at once, and the call is not queued.
 *
 * Each call is a transaction of its own, in the order of queueing, unless one is open on the pipeline's db or calls are
 * queued together (tasker_pipeline_together); a call
 * whose statement the session has lost, or that needs a second round to tell why it did not move something, ends after
 * those queued behind it, so do not queue a call that needs what another one in the same run makes. Functions
 * that are loops by nature, and those that move the handle itself (transactions, recover, workflow_create, register,
 * schema), answer UNSUPPORTED on the queueing handle.
 *
 * Either tasker_pipeline_run waits for all, or tasker_pipeline_step drives it from an event loop: poll the descriptor
 * for what tasker_pipeline_want says, at most tasker_pipeline_wait_ms, step again. While calls are in flight the db
 * answers BUSY to everything else. One thread at a time, as with the db.
 */
#ifndef TASKER_PIPELINE_H
#define TASKER_PIPELINE_H

#include "db.h"

TASKER_BEGIN_DECLS

typedef struct tasker_pipeline tasker_pipeline;

typedef enum tasker_want {
    TASKER_WANT_NOTHING = 0,
    TASKER_WANT_READ = 1,
    TASKER_WANT_WRITE = 2,
    TASKER_WANT_BOTH = 3
} tasker_want;

TASKER_SIZE(tasker_want, 4);

typedef struct tasker_pipeline_options {
    int32_t timeout_ms; /* deadline of each run, or from the first step on; 0: the db's; -1: none */
    uint64_t reserved[4];
} tasker_pipeline_options;

/* The pipeline uses db and must be closed before it. options may be NULL. */
TASKER_CALL tasker_pipeline_open(tasker_db *db, const tasker_pipeline_options *options, tasker_pipeline **out);

/* The queueing handle. Borrowed from the pipeline; closing it does nothing. */
TASKER_API tasker_db *tasker_pipeline_db(tasker_pipeline *pipeline);

/*
 * From true to false: the calls queued in between are one transaction, all or none of it. Where one of them fails by an
 * error of the server, the others answer RETRY. What a call asks in a second round is no part of it. true again begins
 * another one.
 */
TASKER_API void tasker_pipeline_together(tasker_pipeline *pipeline, bool together);

/*
 * Sends what is queued and waits for all answers. OK: every call ended OK or NOOP. Else the status of the first that
 * did not; tasker_pipeline_error tells about each. NOOP: nothing was queued. BUSY, TAINTED, DISCONNECTED, FORKED:
 * nothing was sent, everything stays queued.
 */
TASKER_CALL tasker_pipeline_run(tasker_pipeline *pipeline);

/* The same without ever waiting: AGAIN until all answers are there. */
TASKER_CALL tasker_pipeline_step(tasker_pipeline *pipeline);

/* The descriptor to poll; -1 when the link is gone. May change after tasker_db_recover. */
TASKER_API int32_t tasker_pipeline_fd(const tasker_pipeline *pipeline);

/* What to poll for; NOTHING when no call is in flight. */
TASKER_API tasker_want tasker_pipeline_want(const tasker_pipeline *pipeline);

/* Milliseconds until the deadline, for poll: -1 for ever. Step again then, it ends the calls in flight. */
TASKER_API int32_t tasker_pipeline_wait_ms(const tasker_pipeline *pipeline);

/* The calls 0 … done - 1 have their answers. */
TASKER_API size_t tasker_pipeline_done(const tasker_pipeline *pipeline);

/* Status and detail of one call, in the order of queueing; AGAIN while it has no answer. NULL: no such call. */
TASKER_API const tasker_error *tasker_pipeline_error(const tasker_pipeline *pipeline, size_t index);

/* Forgets the calls, those that were not sent too; the next one is number 0. Does nothing while calls are in flight. */
TASKER_API void tasker_pipeline_reset(tasker_pipeline *pipeline);

/*
 * Drops what was not sent and frees the pipeline. Calls in flight are given up: the db is TAINTED then. NULL is fine.
 */
TASKER_API void tasker_pipeline_close(tasker_pipeline *pipeline);

TASKER_END_DECLS

#endif
