/* SPDX-License-Identifier: MIT */
/* A task's steps and edges in memory, by index, and where each step stands as far as this process knows. */
#ifndef GRAPH_H
#define GRAPH_H

#include "plan.h"

enum place {
    AWAY,    /* not ready as far as we know, or in somebody else's hands */
    QUEUED,  /* in our queue, or with one of our workers */
    WAITING, /* to be offered again at due_us */
    DONE,
    BLOCKED, /* will not run any more */
    PLACES
};

struct step {
    tasker_uuid uuid;
    double seconds;
    int64_t due_us; /* on our clock */
    enum place place;
};

/* The parents of step i are parents[parent_at[i]] up to before parents[parent_at[i + 1]]; children likewise. */
struct graph {
    size_t count;
    struct step *steps;
    size_t counts[PLACES];
    uint32_t *parent_at, *parents;
    uint32_t *child_at, *children;
    uint32_t *slots; /* a hash table: a step's index + 1, or 0 */
    size_t slot_room;
};

/* False: the plan is of another workflow; stderr says so. Free it in both cases. */
bool graph_build(const tasker_workflow *workflow, const struct plan *plan, struct graph *out);
void graph_free(struct graph *graph);

/* -1: no such step. */
int64_t graph_find(const struct graph *graph, const tasker_uuid *workflow_step_uuid);

void graph_move(struct graph *graph, size_t step, enum place place);

#endif
