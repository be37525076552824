/* SPDX-License-Identifier: MIT */
/*
 * One exchange: n messages sent in one flush, answered by n results. Messages up to and including one with `last` form
 * a segment: one transaction of its own, unless the caller has one open. Inside a segment the first error is kept
 * and the rest is skipped by the server.
 *
 * It never blocks: start, then step until the answer is not AGAIN, waiting in between for what `want` says. wait does
 * just that until the deadline. Every status of a write tells the truth: IN_DOUBT only where the whole segment had
 * left this process outside a transaction and no answer came that settles it.
 */
#pragma once
#include "db/deadline.h"
#include "db/link.h"

typedef struct tkr_message {
    const tkr_query *query;
    const unsigned char *parameters; /* as on the wire: for each int32 length (-1: NULL), then the bytes */
    bool last;
    tasker_error *error; /* the segment's; cleared by its owner */
    /* filled in */
    tasker_status status;     /* AGAIN until its segment is settled */
    struct pg_result *result; /* owned by whoever reads it; NULL unless the segment succeeded */
    bool prepares, heal;      /* heal: nothing happened, a second try can succeed */
    bool failed;              /* the segment's error is its own */
} tkr_message;

typedef enum tkr_stage { TKR_STAGE_PREPARE, TKR_STAGE_EXECUTE, TKR_STAGE_SYNC } tkr_stage;

typedef struct tkr_exchange {
    tasker_db *db;
    tkr_message *messages;
    size_t count;
    tkr_deadline deadline;
    size_t next;        /* the message whose answer comes next */
    tkr_stage stage;    /* and which of its answers */
    size_t handed_over; /* messages whose Sync libpq has, or may have */
    bool flushed;       /* every byte is with the kernel */
    bool running;       /* may be cancelled from other threads */
    bool in_transaction, was_nonblocking;
} tkr_exchange;

/* The handle has been entered. AGAIN: on its way. Anything else: all segments are settled. */
tasker_status tkr_exchange_start(tkr_exchange *exchange, tasker_db *db, tkr_message *messages, size_t count,
                                 tkr_deadline deadline);
tasker_status tkr_exchange_step(tkr_exchange *exchange);

/* Gives up: settles what is open with status and taints the link. */
void tkr_exchange_abandon(tkr_exchange *exchange, tasker_status status, const char *why);

/* poll events to wait for. */
short tkr_exchange_want(const tkr_exchange *exchange);

/* Waits for them. False: the deadline, a signal or a failure ended the wait, and the exchange was abandoned. */
bool tkr_exchange_wait(tkr_exchange *exchange);

/* start and step until all segments are settled or the deadline has passed. The status of each is in the messages. */
void tkr_exchange_run(tasker_db *db, tkr_message *messages, size_t count, tkr_deadline deadline);
