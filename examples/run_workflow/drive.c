/* SPDX-License-Identifier: MIT */
/*
 * The database is asked little: about the whole task at the start and when there is nothing to do, and in between about
 * the children of steps that were just completed, many in one question. A child is left out while one of its other
 * parents is in our own hands: that parent's completion asks again.
 */
#define _POSIX_C_SOURCE 200809L
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "drive.h"
#include "say.h"

enum { BATCH_US = 20000, LEAST_PAUSE_US = 50000, MOST_PAUSE_US = 1000000, HINT_US = 15000000, PAUSE_BY_COST = 10 };

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
    board_end(&run->board, true);
    run->over = true;
}

static void offer(struct run *run, uint32_t step)
{
    graph_move(&run->graph, step, QUEUED);
    board_offer(&run->board, step);
}

static void put_off(struct run *run, uint32_t step, int64_t due_us)
{
    if (run->graph.steps[step].place != WAITING)
        run->waiting[run->waiting_count++] = step;
    graph_move(&run->graph, step, WAITING);
    run->graph.steps[step].due_us = due_us;
}

static int64_t due_of(const struct run *run, tasker_time at)
{
    return at.us - run->server_ahead_us;
}

/* ---- events ---- */

static void ask_about_children(struct run *run, uint32_t step)
{
    const struct graph *graph = &run->graph;
    for (uint32_t i = graph->child_at[step]; i < graph->child_at[step + 1]; i++) {
        uint32_t child = graph->children[i];
        if (run->is_asked[child] || graph->steps[child].place != AWAY)
            continue;
        run->is_asked[child] = true;
        if (run->asking_count == 0)
            run->ask_at_us = clock_us() + BATCH_US;
        run->asking[run->asking_count++] = child;
    }
}

/* No step of a task in such a state can be started. */
static bool is_closed(tasker_state task_state)
{
    return task_state == TASKER_STATE_ERROR || tasker_state_is_terminal(task_state);
}

static void handle(struct run *run, const struct event *event)
{
    int64_t later = clock_us() + MOST_PAUSE_US;
    switch (event->kind) {
    case STEP_COMPLETED:
        graph_move(&run->graph, event->step, DONE);
        run->pause_us = LEAST_PAUSE_US;
        ask_about_children(run, event->step);
        break;
    case STEP_FAILED:
        put_off(run, event->step, event->has_due ? due_of(run, event->due) : later);
        break;
    case STEP_BLOCKED:
        graph_move(&run->graph, event->step, BLOCKED);
        break;
    case STEP_DROPPED:
        if (event->has_due)
            put_off(run, event->step, due_of(run, event->due));
        else
            graph_move(&run->graph, event->step, AWAY);
        run->look_at_us = clock_us() + run->pause_us; /* what was not to be had is not looked for at once */
        if (is_closed(event->task_state)) {
            run->state = event->task_state;
            run->over = true;
        }
        break;
    }
}

/* ---- questions ---- */

/* filter->ready: of those asked about only the ready ones. */
static const tasker_step_readiness_list *ask(struct run *run, const tasker_step_readiness_filter *filter)
{
    const tasker_step_readiness_list *list = NULL;
    tasker_status status;
    do
        status = tasker_step_readiness_query(run->link.db, filter, &list);
    while (link_again(&run->link, status));
    if (status == TASKER_OK)
        return list;
    give_up(run, "asking what is ready", status);
    return NULL;
}

static bool has_parent_in_hand(const struct graph *graph, uint32_t step)
{
    for (uint32_t i = graph->parent_at[step]; i < graph->parent_at[step + 1]; i++) {
        enum place place = graph->steps[graph->parents[i]].place;
        if (place == QUEUED || place == WAITING)
            return true;
    }
    return false;
}

static void ask_about_steps(struct run *run)
{
    size_t count = 0;
    for (size_t i = 0; i < run->asking_count; i++) {
        uint32_t step = run->asking[i];
        run->is_asked[step] = false;
        if (!has_parent_in_hand(&run->graph, step))
            run->ids[count++] = run->graph.steps[step].uuid;
    }
    run->asking_count = 0;
    if (count == 0)
        return;
    const tasker_step_readiness_list *list =
        ask(run, &(tasker_step_readiness_filter){
                     .workflow_step_uuids = run->ids, .workflow_step_uuid_count = count, .ready = true});
    for (size_t i = 0; list != NULL && i < list->count; i++) {
        int64_t step = graph_find(&run->graph, &list->items[i]->workflow_step_uuid);
        if (step >= 0 && run->graph.steps[step].place == AWAY)
            offer(run, (uint32_t)step);
    }
    tasker_free(list);
}

static void look_at_step(struct run *run, uint32_t step, const tasker_step_readiness *readiness)
{
    if (run->graph.steps[step].place == QUEUED)
        return;
    if (tasker_state_is_done(readiness->current_state))
        graph_move(&run->graph, step, DONE);
    else if (readiness->ready_for_execution)
        offer(run, step);
    else if (readiness->blocking_reason == TASKER_BLOCKING_REASON_BACKOFF && readiness->has_next_retry_at)
        put_off(run, step, due_of(run, readiness->next_retry_at));
    else if (readiness->blocking_reason == TASKER_BLOCKING_REASON_RETRY_NOT_ELIGIBLE ||
             readiness->current_state == TASKER_STATE_CANCELLED)
        graph_move(&run->graph, step, BLOCKED);
    else
        graph_move(&run->graph, step, AWAY);
}

/*
 * Others may have moved any of its steps, so the answer replaces what we believed of those not in our hands.
 * *elsewhere: how many are with somebody else.
 */
static void look_at_task(struct run *run, size_t *elsewhere)
{
    const tasker_step_readiness_list *list =
        ask(run, &(tasker_step_readiness_filter){.task_uuids = &run->task_uuid, .task_uuid_count = 1});
    *elsewhere = 0;
    if (list == NULL)
        return;
    run->waiting_count = 0;
    for (size_t i = 0; i < run->graph.count; i++)
        if (run->graph.steps[i].place == WAITING)
            graph_move(&run->graph, i, AWAY);
    for (size_t i = 0; i < list->count; i++) {
        tasker_state state = list->items[i]->current_state;
        int64_t step = graph_find(&run->graph, &list->items[i]->workflow_step_uuid);
        if (step >= 0)
            look_at_step(run, (uint32_t)step, list->items[i]);
        *elsewhere += state == TASKER_STATE_IN_PROGRESS || state == TASKER_STATE_ENQUEUED;
    }
    tasker_free(list);
}

static void close_task(struct run *run)
{
    tasker_outcome outcome = {0};
    tasker_status status;
    do
        status = tasker_task_finalize(run->link.db, &run->task_uuid, 1, NULL, &outcome);
    while (link_again(&run->link, status));
    if (!tasker_status_is_done(status)) {
        give_up(run, "closing the task", status);
        return;
    }
    run->state = outcome.to_state;
    run->over = is_closed(outcome.to_state);
}

/* ---- the loop ---- */

static void offer_what_is_due(struct run *run)
{
    int64_t now = clock_us();
    size_t kept = 0;
    for (size_t i = 0; i < run->waiting_count; i++) {
        uint32_t step = run->waiting[i];
        if (run->graph.steps[step].due_us > now)
            run->waiting[kept++] = step;
        else
            offer(run, step);
    }
    run->waiting_count = kept;
}

static void give_hint(struct run *run, size_t elsewhere)
{
    if (elsewhere == 0 || run->idle_since_us == 0 || clock_us() - run->idle_since_us < HINT_US)
        return;
    progress_clear(&run->progress);
    say("steps are in progress elsewhere; if nobody works on them any more, interrupt this and use --resume");
    run->idle_since_us = 0;
}

/*
 * Nothing is in our hands: look whether others have left something, then whether that was all. A look at a large task
 * is dear, so it is not taken too often, and rarely while steps of our own wait for their time.
 */
static void rest(struct run *run)
{
    const struct graph *graph = &run->graph;
    int64_t now = clock_us();
    size_t elsewhere = 0;
    if (graph->counts[QUEUED] > 0 || run->asking_count > 0) {
        run->idle_since_us = now;
        if (graph->counts[WAITING] > 0 && run->look_at_us < now + MOST_PAUSE_US)
            run->look_at_us = now + MOST_PAUSE_US;
        return;
    }
    if (graph->counts[DONE] < graph->count) {
        if (now < run->look_at_us)
            return;
        look_at_task(run, &elsewhere);
        give_hint(run, elsewhere);
    }
    if (graph->counts[QUEUED] + graph->counts[WAITING] + elsewhere == 0 && !run->over)
        close_task(run);

    int64_t cost = clock_us() - now;
    int64_t pause = graph->counts[WAITING] > 0 ? MOST_PAUSE_US : run->pause_us;
    run->look_at_us = clock_us() + (pause > cost * PAUSE_BY_COST ? pause : cost * PAUSE_BY_COST);
    run->pause_us = run->pause_us * 2 < MOST_PAUSE_US ? run->pause_us * 2 : MOST_PAUSE_US;
}

static int64_t next_time(const struct run *run)
{
    int64_t time = clock_us() + progress_pause_us(&run->progress);
    if (run->asking_count > 0 && run->ask_at_us < time)
        time = run->ask_at_us;
    if (run->graph.counts[QUEUED] == 0 && run->look_at_us < time)
        time = run->look_at_us;
    for (size_t i = 0; i < run->waiting_count; i++)
        if (run->graph.steps[run->waiting[i]].due_us < time)
            time = run->graph.steps[run->waiting[i]].due_us;
    return time;
}

/* While the workers have enough to do, questions are gathered for a moment. */
static bool time_to_ask(struct run *run)
{
    return run->asking_count > 0 &&
           (board_queued(&run->board) < (size_t)run->options->workers || clock_us() >= run->ask_at_us);
}

static void coordinate(struct run *run)
{
    size_t elsewhere;
    look_at_task(run, &elsewhere);
    while (!run->over && interrupted == 0) {
        rest(run);
        if (run->over)
            break;
        size_t count = board_wait(&run->board, next_time(run), run->events);
        for (size_t i = 0; i < count; i++)
            handle(run, &run->events[i]);
        offer_what_is_due(run);
        if (time_to_ask(run))
            ask_about_steps(run);
        run->over = run->over || board_is_hurried(&run->board);
        progress_show(&run->progress, &run->graph, board_running(&run->board), false);
    }
}

/* ---- beginning and end ---- */

static bool measure_clock(struct run *run)
{
    tasker_time now = {0};
    tasker_status status;
    do
        status = tasker_db_now(run->link.db, &now);
    while (link_again(&run->link, status));
    run->server_ahead_us = now.us - clock_us();
    if (status != TASKER_OK)
        link_say(&run->link, "asking for the time", status);
    return status == TASKER_OK;
}

/* Opens all links before the first thread starts, so that a database that is too full is noticed in time. */
static bool start_workers(struct run *run, int32_t *started, int *exit_status)
{
    for (int32_t i = 0; i < run->options->workers; i++) {
        struct worker *worker = &run->workers[i];
        worker->board = &run->board;
        worker->graph = &run->graph;
        worker->simulation = &run->simulation;
        snprintf(worker->name, sizeof worker->name, "run_workflow %ld.%d", (long)getpid(), (int)i + 1);
        if (!link_open(run->options, &worker->link, exit_status))
            return false;
    }
    for (*started = 0; *started < run->options->workers; ++*started)
        if (!worker_start(&run->workers[*started])) {
            say("cannot start a thread");
            return false;
        }
    return true;
}

/* Lets the workers end, and hears what they have done until then. */
static void stop_workers(struct run *run, int32_t started)
{
    if (interrupted != 0) {
        progress_clear(&run->progress);
        say("interrupted; steps that are running may end, a second interrupt stops them");
    }
    board_end(&run->board, false);
    for (int32_t i = 0; i < started; i++)
        worker_join(&run->workers[i]);
    for (int32_t i = 0; i < run->options->workers; i++)
        link_close(&run->workers[i].link);
    size_t count = board_wait(&run->board, 0, run->events);
    for (size_t i = 0; i < count; i++)
        handle(run, &run->events[i]);
}

bool drive(struct run *run, int *exit_status)
{
    const struct sigaction once = {.sa_handler = interrupt, .sa_flags = (int)SA_RESETHAND};
    size_t steps = run->graph.count;
    int32_t started = 0;

    run->workers = allocate((size_t)run->options->workers, sizeof *run->workers);
    run->events = allocate(steps, sizeof *run->events);
    run->waiting = allocate(steps, sizeof *run->waiting);
    run->asking = allocate(steps, sizeof *run->asking);
    run->is_asked = allocate(steps, sizeof *run->is_asked);
    run->ids = allocate(steps, sizeof *run->ids);
    run->pause_us = LEAST_PAUSE_US;
    board_open(&run->board, steps);
    progress_begin(&run->progress, run->options->quiet);
    sigaction(SIGINT, &once, NULL);
    sigaction(SIGTERM, &once, NULL);

    bool begun = measure_clock(run) && start_workers(run, &started, exit_status);
    if (begun)
        coordinate(run);
    stop_workers(run, started);
    progress_show(&run->progress, &run->graph, 0, begun);
    progress_clear(&run->progress);
    bool driven = begun && !board_is_hurried(&run->board);

    board_close(&run->board);
    free(run->workers);
    free(run->events);
    free(run->waiting);
    free(run->asking);
    free(run->is_asked);
    free(run->ids);
    return driven;
}
