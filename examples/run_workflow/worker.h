/* SPDX-License-Identifier: MIT */
/* The work of a step, as a handler of the library's worker, and what its threads tell of it. */
#ifndef WORKER_H
#define WORKER_H

#include <stdatomic.h>

#include "graph.h"

/* What the work of a step is here. */
struct simulation {
    double speed;
    double fail_rate;
    uint64_t seed;
};

/* The context of the handler. The graph's uuids and seconds are read, which do not change. */
struct work {
    const struct graph *graph;
    struct simulation simulation;
    atomic_size_t running, completed, failed; /* attempts */
    atomic_bool hurried;                      /* what runs is to be left alone */
    atomic_bool ended;                        /* no step is worked on any more, */
    tasker_status status;                     /* OK, or why */
};

/* Works on one lease: completes it, fails it, or leaves it to be released. context is a struct work. */
void work_on(tasker_worker *worker, const tasker_lease *lease, void *context);

/*
 * Whether an attempt of a step fails. It depends on nothing else, so a run repeats with its seed, whatever the threads
 * do and in whatever order.
 */
bool attempt_fails(const struct simulation *simulation, tasker_text step_name, int32_t attempt);

#endif
