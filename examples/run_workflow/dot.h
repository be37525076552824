/* SPDX-License-Identifier: MIT */
/* The steps of a task as a drawing, coloured by state. */
#ifndef DOT_H
#define DOT_H

#include "graph.h"

/* Writes graphviz' language. False: the file cannot be written; stderr says why. */
bool dot_write(const tasker_workflow *workflow, const struct graph *graph, const char *path);

/*
 * Has graphviz make a picture of it, in layers, or for a large graph as a cloud, because layers would take minutes.
 * Says so when graphviz is not installed, or takes too long all the same; neither is an error.
 */
void dot_draw(const struct graph *graph, const char *dot_path, const char *svg_path);

#endif
