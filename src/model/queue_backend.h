/* SPDX-License-Identifier: MIT */
/* Which functions queues are: pgmq's, or those of our schema tasker_queue. Their common name is {queue_schema}. */
#pragma once
#include "statement/call.h"

/* The name of our schema, and the version of it that this library speaks. */
#define TKR_QUEUE_SCHEMA "tasker_queue"
enum { TKR_QUEUE_VERSION = 1 };

/* What the server told at opening. */
typedef struct tkr_backend_found {
    bool pgmq, pgmq_headers, own; /* there, and the role may use it */
    bool notify_table;            /* where switches of pgmq's queues can be kept */
    tasker_text setting;          /* tasker.queue_backend; borrowed from the answer */
} tkr_backend_found;

/* What stands in place of the setting once that is read. */
typedef struct tkr_backend_asked {
    tasker_queue_backend backend;
    bool unknown; /* the setting is none of its words */
} tkr_backend_asked;
tkr_backend_asked tkr_backend_ask(const tasker_db *db, tasker_text setting);

/* Chooses the link's backend, or why there is none. own_version: 0 where there is none. */
void tkr_backend_choose(tasker_db *db, const tkr_backend_found *found, tkr_backend_asked asked, int32_t own_version);

/* Refuses a call whose link has no queues: NO_QUEUE, with the reason. False: refused, now or before. */
bool tkr_backend_check(tkr_call *call);

/* The link that a call runs on, also where it is queued. */
const tasker_db *tkr_backend_link(const tkr_call *call);

/* Sends must be accompanied by queue_send__wake, with the names of their queues. */
bool tkr_backend_wakes(const tkr_call *call);

/* Begins a call on a queue: link and name are checked, and what fails is told of the queue. NULL: on none of them. */
tkr_call tkr_backend_begin(tasker_db *db, const tasker_text *queue_name);

/* The name given to begin. */
const char *tkr_backend_queue(const tkr_call *call);
