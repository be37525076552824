/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"
#include "say.h"

enum { TABLE_STEPS = 40, SLOWEST = 10, NAME_WIDTH = 60, HISTORY_PAGE = 10000 };

/* waited: from when the step could have started, all its parents being done, to its first start. */
struct line {
    const tasker_workflow_step_details *details;
    tasker_time ready, started;
    bool has_started;
    double ran; /* in progress, all attempts together */
};

static void note_transition(struct line *line, const tasker_workflow_step_transition *transition)
{
    if (transition->to_state == TASKER_STATE_IN_PROGRESS &&
        (!line->has_started || transition->created_at.us < line->started.us)) {
        line->has_started = true;
        line->started = transition->created_at;
    }
    if (transition->from_state == TASKER_STATE_IN_PROGRESS && transition->has_seconds_since_previous)
        line->ran += transition->seconds_since_previous;
}

static bool read_histories(struct link *link, const tasker_uuid *task_uuid, const struct graph *graph,
                           struct line *lines)
{
    const tasker_workflow_step_transition_filter of_task = {.task_uuids = task_uuid, .task_uuid_count = 1};
    tasker_position position;
    tasker_page page = {.limit = HISTORY_PAGE};
    for (bool more = true; more;) {
        const tasker_workflow_step_transitions *rows = NULL;
        tasker_status status;
        do
            status = tasker_workflow_step_transition_query(link->db, &of_task, &page, &rows);
        while (link_again(link, status));
        if (status != TASKER_OK) {
            link_say(link, "reading the histories", status);
            return false;
        }
        for (size_t i = 0; i < rows->count; i++) {
            int64_t step = graph_find(graph, &rows->items[i]->workflow_step_uuid);
            if (step >= 0)
                note_transition(&lines[step], rows->items[i]);
        }
        more = rows->has_next;
        position = rows->next;
        page.after = &position;
        tasker_free(rows);
    }
    return true;
}

static void find_ready_times(const tasker_workflow *workflow, const struct graph *graph, struct line *lines)
{
    for (size_t i = 0; i < graph->count; i++) {
        lines[i].details = workflow->steps[i];
        lines[i].ready = workflow->steps[i]->step->created_at;
        for (uint32_t p = graph->parent_at[i]; p < graph->parent_at[i + 1]; p++) {
            tasker_time done = workflow->steps[graph->parents[p]]->state_since;
            if (done.us > lines[i].ready.us)
                lines[i].ready = done;
        }
    }
}

/* A terminal counts characters and printf bytes. */
static int width_of(tasker_text name)
{
    int width = 0;
    for (size_t i = 0; i < name.len; i++)
        width += ((unsigned char)name.ptr[i] & 0xc0) != 0x80;
    return width;
}

static void print_lines(const struct line *lines, size_t count)
{
    int widest = 4;
    for (size_t i = 0; i < count; i++)
        widest = width_of(lines[i].details->name) > widest ? width_of(lines[i].details->name) : widest;
    widest = widest > NAME_WIDTH ? NAME_WIDTH : widest;

    printf("%-*s  %-17s  %8s  %9s  %9s\n", widest, "step", "state", "attempts", "waited", "ran");
    for (size_t i = 0; i < count; i++) {
        const tasker_workflow_step_details *details = lines[i].details;
        int width = width_of(details->name);
        printf("%s%*s  %-17s  %8d", details->name.ptr, width < widest ? widest - width : 0, "",
               tasker_state_name(details->state), details->step->has_attempts ? details->step->attempts : 0);
        if (lines[i].has_started)
            printf("  %7.2f s  %7.2f s\n", (double)(lines[i].started.us - lines[i].ready.us) / 1e6, lines[i].ran);
        else
            printf("  %9s  %9s\n", "-", "-");
    }
}

static int compare_lines(const void *a, const void *b)
{
    double x = ((const struct line *)a)->ran;
    double y = ((const struct line *)b)->ran;
    return (x < y) - (x > y);
}

static void print_summary(struct line *lines, size_t count)
{
    size_t states[TASKER_STATE_RESOLVED_MANUALLY + 1] = {0};
    size_t started = 0;
    int64_t attempts = 0;
    double waited = 0;
    double ran = 0;
    for (size_t i = 0; i < count; i++) {
        states[lines[i].details->state]++;
        attempts += lines[i].details->step->has_attempts ? lines[i].details->step->attempts : 0;
        started += lines[i].has_started;
        waited += lines[i].has_started ? (double)(lines[i].started.us - lines[i].ready.us) / 1e6 : 0;
        ran += lines[i].ran;
    }
    printf("%zu steps:", count);
    for (int state = TASKER_STATE_PENDING; state <= TASKER_STATE_RESOLVED_MANUALLY; state++)
        if (states[state] > 0)
            printf(" %zu %s,", states[state], tasker_state_name((tasker_state)state));
    printf(" %lld attempts, waited %.2f s on average, ran %.2f s in all\n", (long long)attempts,
           started == 0 ? 0 : waited / (double)started, ran);

    qsort(lines, count, sizeof *lines, compare_lines);
    printf("the slowest:\n");
    print_lines(lines, SLOWEST);
}

bool report_print(struct link *link, const tasker_workflow *workflow, const struct graph *graph)
{
    struct line *lines = allocate(graph->count, sizeof *lines);
    bool read = read_histories(link, &workflow->details->task->task_uuid, graph, lines);
    if (read) {
        find_ready_times(workflow, graph, lines);
        if (graph->count <= TABLE_STEPS)
            print_lines(lines, graph->count);
        else
            print_summary(lines, graph->count);
        fflush(stdout);
    }
    free(lines);
    return read;
}
