/* SPDX-License-Identifier: MIT */
/* What the calls of tasker/schema.h share. Each is several calls of the handle, with a transaction around. */
#pragma once
#include "model/schema_text.h"

typedef struct tkr_schema_state {
    bool tables, versions; /* tables of ours by name, and our version table */
    bool queue;            /* our schema tasker_queue, which all schemas of a database share */
    int32_t version;       /* 0: none */
    tasker_schema_profile profile;
} tkr_schema_state;

/* What stands in the handle's schema. */
tasker_status tkr_schema_find(tasker_db *db, tkr_schema_state *out);

/* An operation is its own transaction, so it repeats itself after RETRY: lost statements, deadlocks. */
enum { TKR_SCHEMA_TRIES = 5 };

/* Checks what the caller gave, and begins a transaction. */
tasker_status tkr_schema_begin(tasker_db *db, const tasker_schema_options *options);

/* Rolls back. The answer, with its error, is the one given. */
tasker_status tkr_schema_end(tasker_db *db, tasker_status status);

/* Runs the whole text in the open transaction; frees it. NULL is out of memory. */
tasker_status tkr_schema_run(tasker_db *db, const char *name, char *text);

/* Answers with this status and message. */
tasker_status tkr_schema_refuse(tasker_db *db, tasker_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
