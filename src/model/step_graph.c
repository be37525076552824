/* SPDX-License-Identifier: MIT */
#include "model/step_graph.h"
#include <string.h>
#include "model/plan.h"

#define KEEP(call, count, pointer) tkr_keep(call, (count) * sizeof *(pointer))

bool tkr_step_graph_reserve(tkr_call *call, tkr_step_graph *g, size_t count, size_t edges)
{
    *g = (tkr_step_graph){.from = KEEP(call, edges, g->from),
                          .to = KEEP(call, edges, g->to),
                          .parents = KEEP(call, edges, g->parents),
                          .first_child = KEEP(call, count + 1, g->first_child),
                          .first_parent = KEEP(call, count + 1, g->first_parent),
                          .order = KEEP(call, count, g->order),
                          .levels = KEEP(call, count, g->levels),
                          .depths = KEEP(call, count, g->depths),
                          .on_cycle = KEEP(call, count, g->on_cycle)};
    return call->status == TASKER_OK;
}

/* The edges are sorted by from, so the children lie in to as they are; the parents take one pass. next has count. */
static void lay_out_neighbours(tkr_step_graph *g, uint32_t *next)
{
    for (uint32_t e = 0; e < g->edges; e++) {
        g->first_child[g->from[e] + 1]++;
        g->first_parent[g->to[e] + 1]++;
    }
    for (uint32_t i = 0; i < g->count; i++) {
        g->first_child[i + 1] += g->first_child[i];
        g->first_parent[i + 1] += g->first_parent[i];
    }
    memcpy(next, g->first_parent, g->count * sizeof *next);
    for (uint32_t e = 0; e < g->edges; e++)
        g->parents[next[g->to[e]]++] = g->from[e];
}

/* Nearest first; queue has count. */
static void find_depths(tkr_step_graph *g, uint32_t *queue)
{
    uint32_t done = 0, seen = 0;
    for (uint32_t i = 0; i < g->count; i++) {
        bool root = g->first_parent[i] == g->first_parent[i + 1];
        g->depths[i] = root ? 0 : -1;
        if (root)
            queue[seen++] = i;
    }
    while (done < seen) {
        uint32_t node = queue[done++];
        for (uint32_t c = g->first_child[node]; c < g->first_child[node + 1]; c++)
            if (g->depths[g->to[c]] < 0) {
                g->depths[g->to[c]] = g->depths[node] + 1;
                queue[seen++] = g->to[c];
            }
    }
}

/* Tarjan's strong components, with the way down as a list instead of recursion. */
typedef struct walk {
    uint32_t *number, *low, *next; /* number: when it was met; 0: not yet, UINT32_MAX: its component is closed */
    uint32_t *way, *open;          /* the way down; what was met and not closed */
    uint32_t way_count, open_count, met;
} walk;

static void go_down(tkr_step_graph *g, walk *w, uint32_t node)
{
    w->number[node] = w->low[node] = ++w->met;
    w->next[node] = g->first_child[node];
    w->way[w->way_count++] = node;
    w->open[w->open_count++] = node;
}

/* All that was met since the top of the way, and not closed, is one component: a cycle, if it is more than the top. */
static void close_component(tkr_step_graph *g, walk *w, uint32_t top)
{
    bool cycle = w->open[w->open_count - 1] != top;
    uint32_t node;
    do {
        node = w->open[--w->open_count];
        w->number[node] = UINT32_MAX;
        g->on_cycle[node] = g->on_cycle[node] || cycle;
    } while (node != top);
}

static void go_on(tkr_step_graph *g, walk *w)
{
    uint32_t node = w->way[w->way_count - 1];
    if (w->next[node] < g->first_child[node + 1]) {
        uint32_t child = g->to[w->next[node]++];
        if (child == node)
            g->on_cycle[node] = true;
        if (w->number[child] == 0)
            go_down(g, w, child);
        else if (w->number[child] < w->low[node])
            w->low[node] = w->number[child];
        return;
    }
    w->way_count--;
    if (w->low[node] == w->number[node])
        close_component(g, w, node);
    else if (w->low[node] < w->low[w->way[w->way_count - 1]])
        w->low[w->way[w->way_count - 1]] = w->low[node];
}

/* scratch holds 5 * count numbers. */
static void find_cycles(tkr_step_graph *g, uint32_t *scratch)
{
    size_t n = g->count;
    walk w = {scratch, scratch + n, scratch + 2 * n, scratch + 3 * n, scratch + 4 * n, 0, 0, 0};
    memset(w.number, 0, n * sizeof *w.number);
    for (uint32_t i = 0; i < g->count; i++) {
        if (w.number[i] == 0)
            go_down(g, &w, i);
        while (w.way_count > 0)
            go_on(g, &w);
    }
}

bool tkr_step_graph_measure(tkr_call *call, tkr_step_graph *g)
{
    size_t n = g->count;
    uint32_t cycle, *scratch = KEEP(call, 5 * n + g->edges + 1, scratch);
    int32_t *levels = KEEP(call, n, levels);
    if (call->status != TASKER_OK)
        return false;
    lay_out_neighbours(g, scratch);
    find_depths(g, scratch);
    g->ordered = (uint32_t)tkr_graph_order(n, g->edges, g->from, g->to, g->order, levels, scratch, &cycle);
    for (uint32_t i = 0; i < n; i++)
        g->levels[i] = -1;
    for (uint32_t k = 0; k < g->ordered; k++)
        g->levels[g->order[k]] = levels[g->order[k]];
    if (g->ordered < n)
        find_cycles(g, scratch);
    return true;
}

/* What a path up to a node comes to, its last node before that (UINT32_MAX: none) included. */
typedef struct path_end {
    double weight;
    uint32_t nodes, last;
} path_end;

static bool is_better(path_end a, path_end b)
{
    if (a.weight != b.weight)
        return a.weight > b.weight;
    return a.nodes != b.nodes ? a.nodes > b.nodes : a.last < b.last;
}

size_t tkr_step_graph_heaviest(tkr_call *call, const tkr_step_graph *g, const double *weights, uint32_t *path)
{
    path_end *before = KEEP(call, g->count, before), best = {0, 0, UINT32_MAX};
    if (before == NULL)
        return 0;
    for (uint32_t i = 0; i < g->count; i++)
        before[i] = (path_end){0, 0, UINT32_MAX};
    for (uint32_t k = 0; k < g->ordered; k++) {
        uint32_t node = g->order[k];
        path_end here = {before[node].weight + weights[node], before[node].nodes + 1, node};
        for (uint32_t c = g->first_child[node]; c < g->first_child[node + 1]; c++)
            if (is_better(here, before[g->to[c]]))
                before[g->to[c]] = here;
        if (is_better(here, best))
            best = here;
    }
    uint32_t node = best.last;
    for (uint32_t i = best.nodes; i-- > 0; node = before[node].last)
        path[i] = node;
    return best.nodes;
}
