/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "graph.h"
#include "say.h"

static size_t slot_of(const struct graph *graph, const tasker_uuid *uuid)
{
    size_t slot = (size_t)tasker_uuid_hash(uuid) & (graph->slot_room - 1);
    while (graph->slots[slot] != 0 && !tasker_uuid_equal(&graph->steps[graph->slots[slot] - 1].uuid, uuid))
        slot = (slot + 1) & (graph->slot_room - 1);
    return slot;
}

int64_t graph_find(const struct graph *graph, const tasker_uuid *workflow_step_uuid)
{
    return (int64_t)graph->slots[slot_of(graph, workflow_step_uuid)] - 1;
}

static bool add_steps(const tasker_workflow *workflow, const struct plan *plan, struct graph *out)
{
    for (size_t i = 0; i < workflow->step_count; i++) {
        const tasker_workflow_step_details *details = workflow->steps[i];
        int64_t planned = plan_find_step(plan, details->name);
        if (plan->path != NULL && planned < 0) {
            say("%s: the task's step \"%s\" is not in this file", plan->path, details->name.ptr);
            return false;
        }
        out->steps[i].uuid = details->step->workflow_step_uuid;
        out->steps[i].seconds = planned < 0 ? 1 : plan->seconds[planned];
        out->slots[slot_of(out, &out->steps[i].uuid)] = (uint32_t)i + 1;
        out->done += tasker_state_is_done(details->state);
    }
    return true;
}

/* Two passes: how many neighbours each step has, then which. Leaves at[i] where the neighbours of i begin. */
static void add_edges(const tasker_workflow *workflow, const struct graph *graph, bool parents, uint32_t *at,
                      uint32_t *neighbours)
{
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < workflow->edge_count; i++) {
            const tasker_workflow_step_edge *edge = workflow->edges[i];
            uint32_t from = (uint32_t)graph_find(graph, &edge->from_step_uuid);
            uint32_t to = (uint32_t)graph_find(graph, &edge->to_step_uuid);
            if (pass == 0)
                at[parents ? to : from]++;
            else if (parents)
                neighbours[--at[to]] = from;
            else
                neighbours[--at[from]] = to;
        }
        for (size_t i = 1; pass == 0 && i <= graph->count; i++)
            at[i] += at[i - 1];
    }
}

bool graph_build(const tasker_workflow *workflow, const struct plan *plan, struct graph *out)
{
    *out = (struct graph){.count = workflow->step_count, .slot_room = 16};
    while (out->slot_room < out->count * 2)
        out->slot_room *= 2;
    out->slots = allocate(out->slot_room, sizeof *out->slots);
    out->steps = allocate(out->count, sizeof *out->steps);
    out->parent_at = allocate(out->count + 1, sizeof *out->parent_at);
    out->child_at = allocate(out->count + 1, sizeof *out->child_at);
    out->parents = allocate(workflow->edge_count, sizeof *out->parents);
    out->children = allocate(workflow->edge_count, sizeof *out->children);
    if (!add_steps(workflow, plan, out))
        return false;
    add_edges(workflow, out, true, out->parent_at, out->parents);
    add_edges(workflow, out, false, out->child_at, out->children);
    return true;
}

void graph_free(struct graph *graph)
{
    free(graph->slots);
    free(graph->steps);
    free(graph->parent_at);
    free(graph->child_at);
    free(graph->parents);
    free(graph->children);
}
