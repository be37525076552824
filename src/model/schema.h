/* SPDX-License-Identifier: MIT */
/* What the calls of tasker/schema.h share. Each is several calls of the handle, with a transaction around. */
#pragma once
#include "model/schema_text.h"

typedef struct tkr_schema_state {
    bool tables, versions;         /* tables of ours by name, and our version table */
    bool queue;                    /* our schema tasker_queue, which all schemas of a database share */
    int32_t version;               /* 0: none */
    tasker_schema_profile profile; /* also TKR_SCHEMA_PROFILE_ADOPTED */
} tkr_schema_state;

/* What stands in the handle's schema. */
tasker_status tkr_schema_find(tasker_db *db, tkr_schema_state *out);

/*
 * A change of the schema: check says whether it is to be made, NOOP and everything but OK that it is not, and text is
 * what makes it. The lock comes first and in a statement of its own: what is found after it is what the last holder
 * committed.
 */
typedef struct tkr_schema_change tkr_schema_change;
struct tkr_schema_change {
    const char *name; /* of the statement, in errors */
    const tasker_schema_options *options;
    tasker_schema_profile profile; /* and version: what comes of it */
    int32_t version;
    tasker_status (*check)(tasker_db *db, const tkr_schema_state *found, const tkr_schema_change *change);
    char *(*text)(const tasker_db *db, const tkr_schema_state *found, const tkr_schema_change *change);
};
tasker_status tkr_schema_run_change(tasker_db *db, const tkr_schema_change *change);

/* What every change to a version checks of what is found there. */
tasker_status tkr_schema_check_found(tasker_db *db, const tkr_schema_state *found, const tkr_schema_change *change);

/* The change with its version from 1 to the options', until one fails. */
tasker_status tkr_schema_upgrade(tasker_db *db, tkr_schema_change change);

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
