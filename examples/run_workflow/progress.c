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

int64_t progress_pause_us(const struct progress *progress)
{
    return progress->terminal ? FRAME_US : LINE_US;
}

static void print_counts(const struct graph *graph, size_t running, int64_t us)
{
    size_t queued = graph->counts[QUEUED];
    printf("%zu/%zu done, %zu running, %zu ready, %zu to retry, %zu failed, %.1f s", graph->counts[DONE], graph->count,
           running, queued > running ? queued - running : 0, graph->counts[WAITING], graph->counts[BLOCKED],
           (double)us / 1e6);
}

void progress_show(struct progress *progress, const struct graph *graph, size_t running, bool now)
{
    int64_t time = clock_us();
    size_t counts[PLACES + 1];
    if (progress->quiet || (!now && time - progress->shown_us < progress_pause_us(progress)))
        return;
    memcpy(counts, graph->counts, sizeof graph->counts);
    counts[PLACES] = running;
    if (progress->terminal) {
        static const char full[] = "########################";
        size_t done = graph->count == 0 ? BAR_WIDTH : graph->counts[DONE] * BAR_WIDTH / graph->count;
        printf("\r[%.*s%*s] ", (int)done, full, (int)(BAR_WIDTH - done), "");
        print_counts(graph, running, time - progress->began_us);
        fputs("\033[K", stdout);
        progress->bar = true;
    } else if (memcmp(counts, progress->shown, sizeof counts) != 0) {
        print_counts(graph, running, time - progress->began_us);
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
