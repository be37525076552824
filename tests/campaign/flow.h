/* SPDX-License-Identifier: MIT */
/* The campaign of workflows from beginning to end: what its processes share. */
#ifndef TKR_CAMPAIGN_FLOW_H
#define TKR_CAMPAIGN_FLOW_H

#include "campaign.h"

typedef struct arena {
    campaign_tally tally;
    uint64_t seed;
    bool control;
    char conninfo[256];
    atomic_long kills, sessions, taken, completed, failed, lost, enqueued, requeued, retried, swept_failed, finalized;
} arena;

#define FLOW_NAMESPACE "shapes"

/* Each until SIGTERM; as in examples/orchestrator.c and examples/worker.c. */
void run_orchestrator(arena *a);
void run_worker(arena *a);

#endif
