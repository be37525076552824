/* SPDX-License-Identifier: MIT */
/*
 * Calls that wait for each other's company: a queue of calls built on a queueing handle, run together. A round sends
 * all calls that have statements to send, each as a segment of its own, or several as one where they were queued
 * together; calls whose finish asks for more go into the next round, and are alone there.
 */
#pragma once
#include "statement/call.h"

typedef struct tkr_entry {
    tkr_call call;
    tasker_error error; /* as told: status AGAIN until it has its answer */
    tasker_error found; /* the call's own, while it is on its way */
    int tries;
    uint32_t group; /* of calls that are one transaction; 0: alone */
    bool told; /* to hooks */
} tkr_entry;

typedef struct tkr_queue {
    tasker_db *db;     /* the link */
    tasker_db *handle; /* the queueing one, which shares the link's settings */
    int32_t timeout_ms;
    tkr_entry **entries;
    size_t count, size, done;
    uint32_t group;  /* of calls that are queued now; 0: alone */
    uint32_t groups; /* so many there have been */

    bool flying;
    tkr_deadline deadline; /* of all rounds of a flight */
    tkr_exchange exchange;
    tkr_message *messages;
    tkr_entry **senders; /* senders[i] sent messages[i] */
    size_t message_count;
} tkr_queue;

tasker_status tkr_queue_open(tasker_db *db, tkr_queue **out);
void tkr_queue_close(tkr_queue *queue);

/* Takes the call over. QUEUED, or why not. */
tasker_status tkr_queue_push(tkr_queue *queue, tkr_call *call, tkr_finish finish, void *out);

/* AGAIN: in flight. Else nothing is, and every entry sent has its answer. */
tasker_status tkr_queue_step(tkr_queue *queue);

/* Steps, waiting in between, until it is not AGAIN. */
tasker_status tkr_queue_run(tkr_queue *queue);
void tkr_queue_reset(tkr_queue *queue);
