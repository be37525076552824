/* SPDX-License-Identifier: MIT */
/* The graph of a task as numbers: what is said of its nodes, each in linear time. Cycles may occur. */
#pragma once
#include "statement/call.h"

typedef struct tkr_step_graph {
    uint32_t count, edges;
    uint32_t *from, *to;              /* by from and then to, each edge once */
    uint32_t *first_child;            /* the children of i: to[first_child[i]] to to[first_child[i + 1] - 1] */
    uint32_t *parents, *first_parent; /* the same for parents */
    uint32_t *order, ordered;         /* parents before children, without what lies on or below a cycle */
    int32_t *levels;                  /* longest path from a root; -1: not ordered */
    int32_t *depths;                  /* shortest path; -1: no root leads there */
    bool *on_cycle;
} tkr_step_graph;

/* Room for a graph of count nodes and at most edges edges, in the call's memory. False: the call is refused. */
bool tkr_step_graph_reserve(tkr_call *call, tkr_step_graph *g, size_t count, size_t edges);

/* From count, edges, from and to makes everything else. False: the call is refused. */
bool tkr_step_graph_measure(tkr_call *call, tkr_step_graph *g);

/* The heaviest path; of equal ones that with the most nodes, then that with the lower numbers, from its end. Its first
 * node comes first. path has room for count; returns how many it has. 0 with the call refused: out of memory. */
size_t tkr_step_graph_heaviest(tkr_call *call, const tkr_step_graph *g, const double *weights, uint32_t *path);
