/* SPDX-License-Identifier: MIT */
/*
 * A definition checked and laid out as parallel arrays, ready to be sent: defaults filled in, edge ends resolved to
 * indexes, steps in an order in which parents come first. Texts are borrowed from the definition.
 */
#pragma once
#include "tasker/definition.h"

typedef struct tkr_plan {
    tasker_text namespace_name, name, version, description;
    tasker_json configuration;

    size_t step_count;
    tasker_text *names, *systems, *descriptions;
    tasker_json *inputs;
    bool *retryables, *skippables;
    int32_t *retry_limits;
    bool *type_retryables, *type_skippables; /* the same without overrides: what the type is registered with */
    int32_t *type_retry_limits;
    int32_t *levels; /* longest path from a root */
    uint32_t *order; /* order[k]: the k-th step of a topological order */

    size_t edge_count;
    uint32_t *from, *to;
    tasker_text *edge_names;

    size_t system_count; /* the different ones, sorted */
    tasker_text *distinct_systems;

    void *memory; /* of all arrays */
} tkr_plan;

/* limits NULL: none on steps and depth. On failure nothing is to be freed. error may be NULL. */
tasker_status tkr_plan_make(const tasker_definition *definition, const tasker_step_definition *overrides,
                            size_t override_count, const tasker_limits *limits, tasker_error *error, tkr_plan *out);
void tkr_plan_free(tkr_plan *plan);

/* ---- graph.c: edges between numbered nodes, linear in both ---- */

/*
 * Fills order and levels. Returns the number of nodes ordered; less than count means a cycle, and *cycle is a node on
 * one. scratch holds 2 * count + 1 + edges numbers.
 */
size_t tkr_graph_order(size_t count, size_t edges, const uint32_t *from, const uint32_t *to, uint32_t *order,
                       int32_t *levels, uint32_t *scratch, uint32_t *cycle);
