/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "link.h"
#include "progress.h"

enum { BAR_WIDTH = 24, FRAME_US = 100000, LINE_US = 1000000 };

void progress_begin(struct progress *progress, bool quiet)
{
    *progress = (struct progress){.quiet = quiet, .terminal = isatty(STDOUT_FILENO) == 1, .began_us = clock_us()};
}

static void print_counts(const size_t counts[3], size_t steps, int64_t us)
{
    printf("%zu/%zu done, %zu running, %zu attempts failed, %.1f s", counts[0], steps, counts[1], counts[2],
           (double)us / 1e6);
}

void progress_show(struct progress *progress, const struct graph *graph, const struct work *work, bool now)
{
    int64_t time = clock_us();
    if (progress->quiet || (!now && time - progress->shown_us < (progress->terminal ? FRAME_US : LINE_US)))
        return;
    size_t counts[3] = {graph->done + atomic_load(&work->completed), atomic_load(&work->running),
                        atomic_load(&work->failed)};
    if (progress->terminal) {
        static const char full[] = "########################";
        size_t done = counts[0] >= graph->count ? BAR_WIDTH : counts[0] * BAR_WIDTH / graph->count;
        printf("\r[%.*s%*s] ", (int)done, full, (int)(BAR_WIDTH - done), "");
        print_counts(counts, graph->count, time - progress->began_us);
        fputs("\033[K", stdout);
        progress->bar = true;
    } else if (memcmp(counts, progress->shown, sizeof counts) != 0) {
        print_counts(counts, graph->count, time - progress->began_us);
        putchar('\n');
    }
    fflush(stdout);
    memcpy(progress->shown, counts, sizeof counts);
    progress->shown_us = time;
}

void progress_clear(struct progress *progress)
{
    if (progress->bar)
        fputs("\r\033[K", stdout);
    progress->bar = false;
    fflush(stdout);
}
