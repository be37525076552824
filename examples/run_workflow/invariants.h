/* SPDX-License-Identifier: MIT */
/* What must hold of a task's rows whatever has happened to those who wrote them. */
#ifndef INVARIANTS_H
#define INVARIANTS_H

#include "graph.h"
#include "link.h"

/*
 * True: all hold. Prints a line for each that does not, and unless quiet one about all; says on stderr what failed if
 * they cannot be checked.
 */
bool invariants_check(struct link *link, const tasker_workflow *workflow, const struct graph *graph, bool quiet);

#endif
