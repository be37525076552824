/* SPDX-License-Identifier: MIT */
/* A task's steps and edges in memory, by index. */
#ifndef GRAPH_H
#define GRAPH_H

#include "plan.h"

struct step {
    tasker_uuid uuid;
    double seconds;
};

/* The parents of step i are parents[parent_at[i]] up to before parents[parent_at[i + 1]]; children likewise. */
struct graph {
    size_t count;
    struct step *steps;
    size_t done; /* steps, before we did anything */
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

#endif
