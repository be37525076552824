/* SPDX-License-Identifier: MIT */
/* The campaign of races: what its processes share. */
#ifndef TKR_RACE_H
#define TKR_RACE_H

#include "campaign.h"

enum { RACE_CLIENTS = 8, RACE_TASKS = 2, RACE_WORKFLOWS = 4, RACE_STEPS = 12, RACE_JOURNAL = 400000 };

/* A change that was told done: when it was sent, and when the answer was there. */
typedef struct race_entry {
    tasker_uuid entity, transition;
    int32_t sort_key;
    int64_t sent, acked;
} race_entry;

typedef struct race_journal {
    size_t count;
    race_entry entries[RACE_JOURNAL];
} race_journal;

typedef struct arena {
    campaign_tally tally; /* faults: changes refused because somebody was first */
    atomic_bool stop;
    atomic_long moves, deadlocks;
    bool control;
    char conninfo[256];
    tasker_uuid workflows[RACE_WORKFLOWS + RACE_TASKS]; /* in the last ones the task itself is moved */
    tasker_uuid steps[RACE_STEPS];
    race_journal journals[RACE_CLIENTS];
} arena;

/* Until stop. */
void race_run_client(arena *a, int number, uint64_t seed);

/* As programs do that read, write and number in statements of their own; never told to anybody. */
void race_run_plain(const arena *a, uint64_t seed);

#endif
