/* SPDX-License-Identifier: MIT */
/* Topological order by counting parents (Kahn), with children in one array indexed by parent. */
#include <string.h>
#include "model/plan.h"

/* start[i] … start[i + 1] are the places of i's children in list. */
static void lay_out_children(size_t count, size_t edges, const uint32_t *from, const uint32_t *to, uint32_t *start,
                             uint32_t *list)
{
    memset(start, 0, (count + 1) * sizeof *start);
    for (size_t e = 0; e < edges; e++)
        start[from[e] + 1]++;
    for (size_t i = 0; i < count; i++)
        start[i + 1] += start[i];
    for (size_t e = edges; e-- > 0;) /* backwards, filling from the end of each range: start moves down to its place */
        list[--start[from[e] + 1]] = to[e];
    memmove(start, start + 1, count * sizeof *start);
    start[count] = (uint32_t)edges;
}

/* A node that was never freed has a parent that was not, either: going up must come round. up is room for count. */
static uint32_t find_cycle(size_t count, size_t edges, const uint32_t *from, const uint32_t *to,
                           const uint32_t *parents, uint32_t *up)
{
    uint32_t node = 0;
    for (size_t e = 0; e < edges; e++)
        if (parents[from[e]] > 0)
            up[to[e]] = from[e];
    while (parents[node] == 0)
        node++;
    for (size_t steps = 0; steps < count; steps++)
        node = up[node];
    return node;
}

size_t tkr_graph_order(size_t count, size_t edges, const uint32_t *from, const uint32_t *to, uint32_t *order,
                       int32_t *levels, uint32_t *scratch, uint32_t *cycle)
{
    uint32_t *parents = scratch, *start = scratch + count, *list = start + count + 1;
    size_t done = 0, ready = 0;
    lay_out_children(count, edges, from, to, start, list);
    memset(parents, 0, count * sizeof *parents);
    for (size_t e = 0; e < edges; e++)
        parents[to[e]]++;
    for (uint32_t i = 0; i < count; i++) {
        levels[i] = 0;
        if (parents[i] == 0)
            order[ready++] = i;
    }
    while (done < ready) {
        uint32_t node = order[done++];
        for (uint32_t c = start[node]; c < start[node + 1]; c++) {
            uint32_t child = list[c];
            if (levels[child] < levels[node] + 1)
                levels[child] = levels[node] + 1;
            if (--parents[child] == 0)
                order[ready++] = child;
        }
    }
    if (done < count)
        *cycle = find_cycle(count, edges, from, to, parents, start);
    return done;
}
