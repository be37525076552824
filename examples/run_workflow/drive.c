/* SPDX-License-Identifier: MIT */
/*
 * The library's worker takes the steps of the task as they become ready, a thread for each that runs, and brings back
 * what came of them. When nothing runs the coordinator asks whether that was all, which closes the task if it was.
 */
#define _POSIX_C_SOURCE 200809L
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "drive.h"
#include "say.h"

enum {
    TICK_US = 10000,
    LEAST_PAUSE_US = 50000,
    MOST_PAUSE_US = 1000000,
    HINT_US = 15000000,
    PAUSE_BY_COST = 10,
    POLL_MS = 100 /* what waits for its backoff, and what others make ready, is found so soon */
};

static volatile sig_atomic_t interrupted;

/* The first signal lets the running steps end, the second one ends the program. */
static void interrupt(int number)
{
    interrupted = number;
}

static void give_up(struct run *run, const char *doing, tasker_status status)
{
    progress_clear(&run->progress);
    link_say(&run->link, doing, status);
    atomic_store(&run->work.hurried, true);
    run->over = true;
}

/* ---- the worker ---- */

static void *run_worker(void *argument)
{
    struct run *run = argument;
    run->work.status = tasker_worker_run(run->worker, run->options->workers, work_on, &run->work);
    if (run->work.status != TASKER_OK)
        say("the worker: %s: %s", tasker_status_name(run->work.status), tasker_worker_error(run->worker)->message);
    atomic_store(&run->work.ended, true);
    return NULL;
}

static bool start_worker(struct run *run)
{
    char name[64];
    tasker_error error;
    snprintf(name, sizeof name, "run_workflow %ld", (long)getpid());
    const tasker_pool_options pool_options = {.db = link_options(run->options), .max_size = 3};
    const tasker_worker_options options = {
        .lease = {.worker = tasker_text_of(name), .without_queue = true, .task_uuid = &run->task_uuid},
        .poll_ms = POLL_MS,
    };
    tasker_status status = tasker_pool_open(tasker_text_of(run->options->conninfo), &pool_options, &error, &run->pool);
    if (status == TASKER_OK)
        status = tasker_worker_open(run->pool, &options, &error, &run->worker);
    if (status != TASKER_OK) {
        say("cannot start the worker: %s: %s", tasker_status_name(status), error.message);
        return false;
    }
    if (pthread_create(&run->thread, NULL, run_worker, run) == 0)
        return true;
    say("cannot start a thread");
    return false;
}

/* Lets the running steps end, and has written what came of them. */
static void stop_worker(struct run *run, bool started)
{
    if (interrupted != 0) {
        progress_clear(&run->progress);
        say("interrupted; steps that are running may end, a second interrupt stops them");
    }
    tasker_worker_stop(run->worker);
    if (started)
        pthread_join(run->thread, NULL);
    tasker_worker_close(run->worker);
    tasker_pool_close(run->pool);
}

/* ---- the task ---- */

/* Others may have done some of its steps. */
static void count_done(struct run *run)
{
    static const tasker_state done[] = {TASKER_STATE_COMPLETE, TASKER_STATE_RESOLVED_MANUALLY};
    const tasker_workflow_step_filter filter = {
        .task_uuids = &run->task_uuid, .task_uuid_count = 1, .states = done, .state_count = 2};
    size_t completed = atomic_load(&run->work.completed);
    int64_t count = 0;
    tasker_status status;
    do
        status = tasker_workflow_step_count(run->link.db, &filter, &count);
    while (link_again(&run->link, status));
    if (status != TASKER_OK)
        give_up(run, "counting steps", status);
    else
        run->graph.done = (size_t)count > completed ? (size_t)count - completed : 0;
}

/* No step of a task in such a state can be started. */
static bool is_closed(tasker_state task_state)
{
    return task_state == TASKER_STATE_ERROR || tasker_state_is_terminal(task_state);
}

static tasker_execution_status close_task(struct run *run)
{
    tasker_outcome outcome = {0};
    tasker_status status;
    do
        status = tasker_task_finalize(run->link.db, &run->task_uuid, 1, NULL, &outcome);
    while (link_again(&run->link, status));
    if (!tasker_status_is_done(status)) {
        give_up(run, "closing the task", status);
        return TASKER_EXECUTION_STATUS_NONE;
    }
    run->state = outcome.to_state;
    run->over = is_closed(outcome.to_state);
    return outcome.execution_status;
}

static void give_hint(struct run *run)
{
    if (run->idle_since_us == 0 || clock_us() - run->idle_since_us < HINT_US)
        return;
    progress_clear(&run->progress);
    say("steps are in progress elsewhere; if nobody works on them any more, interrupt this and use --resume");
    run->idle_since_us = 0;
}

/* A look at a large task is dear, so it is taken only while nothing is in our hands, and not too often. */
static void rest(struct run *run)
{
    int64_t now = clock_us();
    size_t ended = atomic_load(&run->work.completed) + atomic_load(&run->work.failed);
    if (ended != run->seen || atomic_load(&run->work.running) > 0) {
        run->seen = ended;
        run->idle_since_us = now;
        run->pause_us = LEAST_PAUSE_US;
    }
    if (atomic_load(&run->work.running) > 0 || now < run->look_at_us)
        return;
    if (close_task(run) == TASKER_EXECUTION_STATUS_PROCESSING)
        give_hint(run);
    if (!run->over || run->state == TASKER_STATE_COMPLETE)
        count_done(run);
    int64_t cost = clock_us() - now;
    run->look_at_us = clock_us() + (run->pause_us > cost * PAUSE_BY_COST ? run->pause_us : cost * PAUSE_BY_COST);
    run->pause_us = run->pause_us * 2 < MOST_PAUSE_US ? run->pause_us * 2 : MOST_PAUSE_US;
}

static void coordinate(struct run *run)
{
    while (!run->over && interrupted == 0 && !atomic_load(&run->work.ended)) {
        rest(run);
        progress_show(&run->progress, &run->graph, &run->work, false);
        if (!run->over)
            sleep_us(TICK_US);
    }
}

bool drive(struct run *run, int *exit_status)
{
    const struct sigaction once = {.sa_handler = interrupt, .sa_flags = (int)SA_RESETHAND};
    run->work.graph = &run->graph;
    run->pause_us = LEAST_PAUSE_US;
    run->idle_since_us = clock_us();
    progress_begin(&run->progress, run->options->quiet);
    sigaction(SIGINT, &once, NULL);
    sigaction(SIGTERM, &once, NULL);

    bool begun = start_worker(run);
    if (begun)
        coordinate(run);
    else
        *exit_status = EXIT_INCOMPLETE;
    stop_worker(run, begun);
    progress_show(&run->progress, &run->graph, &run->work, begun);
    progress_clear(&run->progress);
    return begun && !atomic_load(&run->work.hurried) && run->work.status == TASKER_OK;
}
