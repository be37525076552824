/* SPDX-License-Identifier: MIT */
/* What became of the steps, as the database has it: a table, or for many steps a summary with the slowest. */
#ifndef REPORT_H
#define REPORT_H

#include "graph.h"
#include "link.h"

/* False: the database fails; stderr says so. */
bool report_print(struct link *link, const tasker_workflow *workflow, const struct graph *graph);

#endif
