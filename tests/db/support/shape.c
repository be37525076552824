/* SPDX-License-Identifier: MIT */
#include "shape.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t edges_of(shape_kind kind, size_t n)
{
    if (kind == SHAPE_LOOSE || n < 2)
        return 0;
    return kind == SHAPE_CHAIN || n == 2 ? n - 1 : 2 * (n - 2);
}

static void add_edges(shape *s, shape_kind kind, size_t n)
{
    size_t count = edges_of(kind, n);
    uint32_t last = (uint32_t)n - 1;
    for (size_t e = 0; e < count; e++) {
        uint32_t at = (uint32_t)(kind == SHAPE_CHAIN || n == 2 ? e : e / 2);
        if (kind == SHAPE_CHAIN || n == 2)
            s->edges[e] = (tasker_edge_definition){.from = at, .to = at + 1};
        else
            s->edges[e] = e % 2 == 0 ? (tasker_edge_definition){.from = 0, .to = at + 1}
                                     : (tasker_edge_definition){.from = at + 1, .to = last};
    }
    s->definition.edges = s->edges;
    s->definition.edge_count = count;
}

bool shape_make(shape *s, shape_kind kind, const char *name, size_t step_count, int32_t retry_limit)
{
    memset(s, 0, sizeof *s);
    s->steps = calloc(step_count + 1, sizeof *s->steps);
    s->edges = calloc(edges_of(kind, step_count) + 1, sizeof *s->edges);
    s->names = calloc(step_count + 1, sizeof *s->names);
    if (s->steps == NULL || s->edges == NULL || s->names == NULL) {
        shape_free(s);
        return false;
    }
    for (size_t i = 0; i < step_count; i++) {
        snprintf(s->names[i], sizeof s->names[i], "s%zu", i);
        s->steps[i] = (tasker_step_definition){.name = tasker_text_of(s->names[i]),
                                               .has_retry_limit = true,
                                               .retry_limit = retry_limit,
                                               .inputs = TASKER_JSON("{\"amount\": 12.5}")};
    }
    s->definition = (tasker_definition){.namespace_name = TASKER_TEXT("shapes"),
                                        .name = tasker_text_of(name),
                                        .dependent_system = TASKER_TEXT("shape"),
                                        .steps = s->steps,
                                        .step_count = step_count};
    add_edges(s, kind, step_count);
    return true;
}

void shape_free(shape *s)
{
    free(s->steps);
    free(s->edges);
    free(s->names);
    memset(s, 0, sizeof *s);
}
