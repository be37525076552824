/* SPDX-License-Identifier: MIT */
/* What must hold of a task's rows whatever has happened to those who wrote them. */
#ifndef INVARIANTS_H
#define INVARIANTS_H

#include "graph.h"
#include "link.h"

/* True: all hold. Prints one line, and one more for each that does not, or says what failed on stderr. */
bool invariants_check(struct link *link, const tasker_workflow *workflow, const struct graph *graph);

#endif
