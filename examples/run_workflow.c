/* SPDX-License-Identifier: MIT */
/*
 * run_workflow.c: reads a workflow from a file, creates a task of it, and drives the task to its end with simulated
 * work. This file is the way from one to the other; each part has a file of its own in run_workflow/.
 */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "run_workflow/dot.h"
#include "run_workflow/drive.h"
#include "run_workflow/invariants.h"
#include "run_workflow/report.h"
#include "run_workflow/resume.h"
#include "run_workflow/say.h"

/* Orchestrators have a task for a moment only; if one dies with it, the next may soon take it. */
enum { AUTO_SECONDS = 4, CLAIM_SECONDS = 5 };

static bool is_bad_input(tasker_status status)
{
    return status >= TASKER_INVALID_ARGUMENT && status <= TASKER_CYCLE;
}

/* Registers what the workflow needs and creates the task, at once. Its key is made before, so that a resend is safe. */
static tasker_status create_task(struct link *link, const struct plan *plan, tasker_uuid *task_uuid)
{
    tasker_workflow_input input = {
        .definition = &plan->definition,
        .task = {.context = plan->context,
                 .initiator = TASKER_TEXT("run_workflow"),
                 TASKER_SET(claim_timeout_seconds, CLAIM_SECONDS)},
    };
    const tasker_workflow_ids *ids = NULL;
    tasker_status status = tasker_uuid_generate(&input.task.task_uuid);
    if (status != TASKER_OK)
        return status;
    do
        status = tasker_workflow_create(link->db, &input, &ids);
    while (link_again(link, status));
    if (status == TASKER_OK)
        *task_uuid = ids->task_uuid;
    tasker_free(ids);
    return status;
}

static tasker_status load(struct link *link, const tasker_uuid *task_uuid, const tasker_workflow **out)
{
    tasker_status status;
    do
        status = tasker_workflow_load(link->db, task_uuid, out);
    while (link_again(link, status));
    return status;
}

/* Gets hold of the task, a new one or the one asked for, as run->graph. */
static bool prepare(struct run *run, const struct plan *plan, int *exit_status)
{
    const struct options *options = run->options;
    const tasker_workflow *workflow = NULL;
    bool fresh = !options->resume && !options->join;
    tasker_status status = TASKER_OK;
    char text[TASKER_UUID_TEXT_SIZE];

    run->task_uuid = options->task_uuid;
    if (fresh)
        status = create_task(&run->link, plan, &run->task_uuid);
    if (status == TASKER_OK)
        status = load(&run->link, &run->task_uuid, &workflow);
    if (status == TASKER_NOT_FOUND && !fresh) {
        say("there is no task %s", tasker_uuid_format(&run->task_uuid, text));
        *exit_status = EXIT_BAD_INPUT;
        return false;
    }
    if (status != TASKER_OK) {
        link_say(&run->link, fresh ? "creating the task" : "loading the task", status);
        *exit_status = is_bad_input(status) ? EXIT_BAD_INPUT : EXIT_INCOMPLETE;
        return false;
    }
    bool built = graph_build(workflow, plan, &run->graph);
    if (built) {
        run->state = workflow->details->state;
        printf("task %s\n", tasker_uuid_format(&run->task_uuid, text));
        if (!options->quiet)
            printf("%s/%s %s: %zu steps, %zu edges\n", workflow->details->namespace_name.ptr,
                   workflow->details->name.ptr, workflow->details->version.ptr, workflow->step_count,
                   workflow->edge_count);
        fflush(stdout);
    } else
        *exit_status = EXIT_BAD_INPUT;
    tasker_free(workflow);
    return built;
}

/* So fast that the work takes a few seconds, but not slower than in truth. */
static double choose_speed(const struct run *run, const struct plan *plan)
{
    const struct options *options = run->options;
    if (options->speed > 0)
        return options->speed;
    double duration =
        plan->path == NULL ? (double)run->graph.count / options->workers : plan_duration(plan, options->workers);
    return duration > AUTO_SECONDS ? duration / AUTO_SECONDS : 1;
}

static bool go(struct run *run, const struct plan *plan, int *exit_status)
{
    if (tasker_state_is_terminal(run->state)) {
        printf("the task is %s already\n", tasker_state_name(run->state));
        return true;
    }
    if (run->options->resume) {
        size_t resumed = 0;
        if (!resume_steps(&run->link, &run->task_uuid, &resumed))
            return false;
        if (!run->options->quiet)
            printf("%zu steps were in progress and start again\n", resumed);
    }
    run->work.simulation = (struct simulation){
        .speed = choose_speed(run, plan), .fail_rate = run->options->fail_rate, .seed = run->options->seed};
    return drive(run, exit_status);
}

/* Before the run, because afterwards would be a pity. */
static bool make_folder(const char *path)
{
    if (path == NULL || mkdir(path, 0777) == 0 || errno == EEXIST)
        return true;
    say("%s: %s", path, strerror(errno));
    return false;
}

static bool draw(const struct options *options, const tasker_workflow *workflow, const struct graph *graph)
{
    const char *name = workflow->details->name.ptr;
    char *dot = options->out == NULL ? NULL : format_text("%s/%s.dot", options->out, name);
    char *svg = options->out == NULL ? NULL : format_text("%s/%s.svg", options->out, name);
    const char *dot_path = options->dot == NULL ? dot : options->dot;
    const char *svg_path = options->svg == NULL ? svg : options->svg;
    char *beside = dot_path == NULL && svg_path != NULL ? format_text("%s.dot", svg_path) : NULL;
    if (beside != NULL)
        dot_path = beside;

    bool written = dot_path == NULL || dot_write(workflow, graph, dot_path);
    if (written && svg_path != NULL)
        dot_draw(graph, dot_path, svg_path);
    if (beside != NULL)
        remove(beside);
    free(beside);
    free(svg);
    free(dot);
    return written;
}

/* What the database says in the end. */
static bool conclude(struct run *run, int *exit_status)
{
    const tasker_workflow *workflow = NULL;
    tasker_status status = load(&run->link, &run->task_uuid, &workflow);
    if (status != TASKER_OK) {
        link_say(&run->link, "loading the task", status);
        return false;
    }
    tasker_state state = workflow->details->state;
    bool good = run->options->quiet || report_print(&run->link, workflow, &run->graph);
    good = draw(run->options, workflow, &run->graph) && good;
    good = invariants_check(&run->link, workflow, &run->graph, run->options->quiet) && good;
    printf("task %s\n", tasker_state_name(state));
    tasker_free(workflow);

    if (good && state == TASKER_STATE_COMPLETE)
        *exit_status = 0;
    else if (!tasker_state_is_terminal(state) && state != TASKER_STATE_ERROR) {
        char text[TASKER_UUID_TEXT_SIZE];
        say("not finished; go on with --resume %s", tasker_uuid_format(&run->task_uuid, text));
    }
    return true;
}

/* Tasks for orchestrators and workers. */
static int create_tasks(const struct options *options, const struct plan *plan)
{
    struct link link;
    tasker_status status = TASKER_OK;
    char text[TASKER_UUID_TEXT_SIZE];
    int exit_status = EXIT_INCOMPLETE;
    bool open = link_open(options, &link, &exit_status);
    for (int32_t i = 0; open && i < options->create && status == TASKER_OK; i++) {
        tasker_uuid task_uuid;
        status = create_task(&link, plan, &task_uuid);
        if (status == TASKER_OK)
            printf("task %s\n", tasker_uuid_format(&task_uuid, text));
    }
    if (open && status != TASKER_OK)
        link_say(&link, "creating the task", status);
    if (open)
        exit_status = status == TASKER_OK ? 0 : is_bad_input(status) ? EXIT_BAD_INPUT : EXIT_INCOMPLETE;
    link_close(&link);
    return exit_status;
}

static int run_plan(const struct options *options, const struct plan *plan)
{
    struct run run = {.options = options};
    int exit_status = EXIT_INCOMPLETE;
    if (options->create > 0)
        return create_tasks(options, plan);
    if (link_open(options, &run.link, &exit_status) && prepare(&run, plan, &exit_status)) {
        bool driven = go(&run, plan, &exit_status);
        if (!conclude(&run, &exit_status) || !driven)
            exit_status = exit_status == 0 ? EXIT_INCOMPLETE : exit_status;
    }
    link_close(&run.link);
    graph_free(&run.graph);
    return exit_status;
}

int main(int argc, char **argv)
{
    struct options options;
    struct plan plan;
    if (!options_read(argc, argv, &options))
        return EXIT_BAD_INPUT;
    if (options.help)
        return 0;
    bool read = plan_read(&options, &plan) && make_folder(options.out);
    int exit_status = read ? run_plan(&options, &plan) : EXIT_BAD_INPUT;
    plan_free(&plan);
    return exit_status;
}
