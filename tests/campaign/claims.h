/* SPDX-License-Identifier: MIT */
/* The campaign of claims: its shared ledger, and the clients that write into it. */
#ifndef TKR_CAMPAIGN_CLAIMS_H
#define TKR_CAMPAIGN_CLAIMS_H

#include <tasker/claim.h>
#include <tasker/workflow.h>
#include "campaign.h"

enum { LEDGER = 1 << 19 };

/* A claim that somebody was told of. He owned the task at least until owned_until, whatever was lost on the way. */
typedef struct entry {
    tasker_uuid task_uuid;
    int64_t told_at;
    atomic_llong owned_until;
    atomic_bool told; /* written last */
} entry;

typedef struct arena {
    campaign_tally tally;
    atomic_bool stop;
    bool control;
    char conninfo[256];
    atomic_long claims, foreign_claims, writes, refused, lost, shifts, stalls, kills, deadlocks, foreign_writes;
    atomic_size_t entries;
    entry ledger[LEDGER];
} arena;

/* A row of the ledger; NULL: it is full. */
entry *ledger_add(arena *a, tasker_uuid task_uuid, int64_t owned_until);

/* Tasks that two owned at one time, each told as a violation. Forgets all. */
void ledger_check(arena *a);

typedef struct client {
    arena *a;
    uint64_t seed;
    int number;
} client;

/* An orchestrator, until the arena is stopped. */
void run_orchestrator(client *c);

/* A client that knows nothing of the library, with one connection. */
void run_plain(client *c);

/* The type of all tasks of the campaign: two steps, one after the other, and one beside them. */
extern const tasker_definition claims_definition;

/* What the journal (claims.sql) must not show. NULL ends the list. */
typedef struct claims_question {
    const char *what, *sql;
} claims_question;
extern const claims_question claims_questions[];

#endif
