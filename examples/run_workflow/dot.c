/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dot.h"
#include "link.h"
#include "say.h"

enum { LARGE_EDGES = 1500, NOT_INSTALLED = 127, PATIENCE_US = 30000000, POLL_US = 20000 };

static const char *const colours[] = {
    [TASKER_STATE_NONE] = "#ffffff",      [TASKER_STATE_PENDING] = "#e5e7eb",
    [TASKER_STATE_ENQUEUED] = "#c7d2fe",  [TASKER_STATE_IN_PROGRESS] = "#93c5fd",
    [TASKER_STATE_COMPLETE] = "#86efac",  [TASKER_STATE_ERROR] = "#fca5a5",
    [TASKER_STATE_CANCELLED] = "#d6d3d1", [TASKER_STATE_RESOLVED_MANUALLY] = "#d9f99d",
};

static void write_quoted(FILE *file, tasker_text text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '"' || text.ptr[i] == '\\')
            putc('\\', file);
        putc(text.ptr[i], file);
    }
}

static void write_graph(FILE *file, const tasker_workflow *workflow, const struct graph *graph)
{
    fputs("digraph \"", file);
    write_quoted(file, workflow->details->name);
    fputs("\" {\n    node [shape=box, style=\"rounded,filled\", fontname=\"sans-serif\"];\n", file);
    for (size_t i = 0; i < workflow->step_count; i++) {
        const tasker_workflow_step_details *step = workflow->steps[i];
        fprintf(file, "    s%zu [label=\"", i);
        write_quoted(file, step->name);
        fprintf(file, "\", tooltip=\"%s, %d attempts\", fillcolor=\"%s\"];\n", tasker_state_name(step->state),
                step->step->attempts, colours[step->state]);
    }
    for (size_t i = 0; i < graph->count; i++)
        for (uint32_t c = graph->child_at[i]; c < graph->child_at[i + 1]; c++)
            fprintf(file, "    s%zu -> s%u;\n", i, (unsigned)graph->children[c]);
    fputs("}\n", file);
}

bool dot_write(const tasker_workflow *workflow, const struct graph *graph, const char *path)
{
    FILE *file = fopen(path, "w");
    if (file == NULL) {
        say("%s: %s", path, strerror(errno));
        return false;
    }
    write_graph(file, workflow, graph);
    bool written = !ferror(file);
    if (fclose(file) == 0 && written)
        return true;
    say("%s: cannot be written", path);
    return false;
}

/* -1: it took too long. */
static int wait_for(pid_t child)
{
    int64_t until = clock_us() + PATIENCE_US;
    int status = 0;
    while (waitpid(child, &status, WNOHANG) == 0) {
        if (clock_us() > until) {
            kill(child, SIGKILL);
            waitpid(child, &status, 0);
            return -1;
        }
        sleep_us(POLL_US);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

void dot_draw(const struct graph *graph, const char *dot_path, const char *svg_path)
{
    bool large = graph->child_at[graph->count] > LARGE_EDGES;
    pid_t child = fork();
    if (child < 0) {
        say("cannot start graphviz: %s", strerror(errno));
        return;
    }
    if (child == 0) {
        int nothing = open("/dev/null", O_WRONLY);
        if (nothing >= 0)
            dup2(nothing, STDERR_FILENO);
        if (large)
            execlp("dot", "dot", "-Ksfdp", "-Goverlap=true", "-Gsplines=line", "-Tsvg", "-o", svg_path, dot_path,
                   (char *)NULL);
        else
            execlp("dot", "dot", "-Tsvg", "-o", svg_path, dot_path, (char *)NULL);
        _exit(NOT_INSTALLED);
    }
    int status = wait_for(child);
    if (status == NOT_INSTALLED)
        say("%s: not drawn, graphviz is not installed", svg_path);
    else if (status < 0)
        say("%s: not drawn, graphviz takes too long over this graph", svg_path);
    else if (status != 0)
        say("%s: graphviz could not draw it", svg_path);
}
