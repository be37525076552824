/* SPDX-License-Identifier: MIT */
/* A worker: a thread with a handle of its own that takes steps from the board, one at a time, and does their work. */
#ifndef WORKER_H
#define WORKER_H

#include "board.h"
#include "link.h"

/* What the work of a step is here. */
struct simulation {
    double speed;
    double fail_rate;
    uint64_t seed;
};

struct worker {
    pthread_t thread;
    struct link link;
    struct board *board;
    const struct graph *graph; /* uuids and seconds are read, which do not change */
    const struct simulation *simulation;
    char name[128];
};

/* False: the thread cannot be made. */
bool worker_start(struct worker *worker);
void worker_join(struct worker *worker);

/*
 * Whether an attempt of a step fails. It depends on nothing else, so a run repeats with its seed, whatever the threads
 * do and in whatever order.
 */
bool attempt_fails(const struct simulation *simulation, tasker_text step_name, int32_t attempt);

#endif
