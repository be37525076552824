/* SPDX-License-Identifier: MIT */
/* How the run is going: a bar that is redrawn on a terminal, otherwise a line whenever something has changed. */
#ifndef PROGRESS_H
#define PROGRESS_H

#include "graph.h"

struct progress {
    bool quiet, terminal;
    int64_t began_us, shown_us;
    size_t shown[PLACES + 1];
    bool bar; /* the cursor stands behind one */
};

void progress_begin(struct progress *progress, bool quiet);

/* How long until the next time that showing something makes sense, at most. */
int64_t progress_pause_us(const struct progress *progress);

/* Shows the counts when it is time to, or now. */
void progress_show(struct progress *progress, const struct graph *graph, size_t running, bool now);

/* Removes the bar, so that something else can be printed. */
void progress_clear(struct progress *progress);

#endif
