/* SPDX-License-Identifier: MIT */
/* How the run is going: a bar that is redrawn on a terminal, otherwise a line whenever something has changed. */
#ifndef PROGRESS_H
#define PROGRESS_H

#include "worker.h"

struct progress {
    bool quiet, terminal;
    int64_t began_us, shown_us;
    size_t shown[3];
    bool bar; /* the cursor stands behind one */
};

void progress_begin(struct progress *progress, bool quiet);

/* Shows the counts when it is time to, or now. */
void progress_show(struct progress *progress, const struct graph *graph, const struct work *work, bool now);

/* Removes the bar, so that something else can be printed. */
void progress_clear(struct progress *progress);

#endif
