/* SPDX-License-Identifier: MIT */
/* Definitions of plain shapes and of any size. Their steps are called s0, s1, …; the system is "shape". */
#ifndef TKR_TESTS_SHAPE_H
#define TKR_TESTS_SHAPE_H

#include <tasker/workflow.h>

typedef enum shape_kind {
    SHAPE_LOOSE,    /* no edges */
    SHAPE_CHAIN,    /* one after the other */
    SHAPE_FORK_JOIN /* the first, then all between, then the last */
} shape_kind;

typedef struct shape {
    tasker_definition definition;
    tasker_step_definition *steps;
    tasker_edge_definition *edges;
    char (*names)[24];
} shape;

/* The name is borrowed. False: out of memory. */
bool shape_make(shape *s, shape_kind kind, const char *name, size_t step_count, int32_t retry_limit);
void shape_free(shape *s);

#endif
