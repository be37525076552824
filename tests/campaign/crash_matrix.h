/* SPDX-License-Identifier: MIT */
/* The campaign of crashes: where faults strike, the calls that are struck one by one, and the clients. */
#ifndef TKR_CAMPAIGN_CRASH_MATRIX_H
#define TKR_CAMPAIGN_CRASH_MATRIX_H

#include <sys/types.h>
#include <tasker/claim.h>
#include <tasker/lease.h>
#include <tasker/queue.h>
#include <tasker/workflow.h>
#include "campaign.h"
#include "wire.h"

/* ---- faults ---- */

void strike_process(void *context); /* SIGKILL for this one */

/* Ends the session of a handle, as an administrator would, over a connection of its own. */
typedef struct executioner {
    PGconn *conn;
    tasker_db *db;
    bool struck; /* since somebody looked */
} executioner;
void strike_session(void *executioner);

/* ---- what all processes see ---- */

enum { LEDGER = 1 << 16 };

/* A step that somebody was told is complete, by the attempt with this token. */
typedef struct entry {
    tasker_uuid step_uuid, token;
    atomic_bool told; /* written last */
} entry;

typedef struct arena {
    campaign_tally tally;
    atomic_bool stop, calm; /* calm: new processes meet no fault */
    bool control;
    char conninfo[256];
    atomic_long kills, sessions, taken, completed, failed, reaped, lost;
    atomic_size_t entries;
    entry ledger[LEDGER];
} arena;

void ledger_add(arena *a, tasker_uuid step_uuid, tasker_uuid token);

/* What the ledger says and the database does not, each told as a violation. Forgets all. */
void ledger_check(const fixture *f, arena *a);

extern const tasker_definition matrix_definition;
extern const tasker_text matrix_queue; /* made by crash_matrix.sql */

/* ---- the parts ---- */

/* Every call, struck at every place in both ways; or in one of so many of these ways. */
void crash_each_call(const fixture *f, arena *a, long one_of);

typedef enum client_role { ORCHESTRATOR, WORKER, REAPER } client_role;

/* A process of this role, until the arena is stopped or a fault ends it. */
void run_client(arena *a, client_role role, uint64_t seed);

#endif
