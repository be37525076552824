/* SPDX-License-Identifier: MIT */
/*
 * What the coordinator and the workers share: a queue of steps to run one way, events the other way. One lock. A step
 * is at any time in the queue, with one worker, or in one event, so neither side can run out of room.
 */
#ifndef BOARD_H
#define BOARD_H

#include <pthread.h>

#include "graph.h"

enum event_kind {
    STEP_COMPLETED,
    STEP_FAILED,  /* and will be tried again at due */
    STEP_BLOCKED, /* failed for good */
    STEP_DROPPED  /* somebody else has it, or it may not start yet */
};

struct event {
    uint32_t step;
    enum event_kind kind;
    bool has_due;
    tasker_time due; /* on the server's clock */
    tasker_state task_state;
};

struct board {
    pthread_mutex_t lock;
    pthread_cond_t work; /* something was queued, or the end has come */
    pthread_cond_t news; /* something happened */
    uint32_t *queue;     /* a ring */
    size_t room, first, queued;
    struct event *events;
    size_t event_count;
    size_t running;
    bool ended;   /* no step is handed out any more */
    bool hurried; /* and those that run are to be left alone */
};

void board_open(struct board *board, size_t steps);
void board_close(struct board *board);

/* The coordinator's side. */
void board_offer(struct board *board, uint32_t step);

/* Waits for news until then, on the clock of clock_us, and takes the events away; out has room for all steps. */
size_t board_wait(struct board *board, int64_t until_us, struct event *out);

/* hurry: workers stop at once; else they finish what they have begun. */
void board_end(struct board *board, bool hurry);

/* Asked by both sides. */
bool board_is_hurried(struct board *board);
size_t board_running(struct board *board);
size_t board_queued(struct board *board);

/* The workers' side. False: the end has come. */
bool board_take(struct board *board, uint32_t *step);
void board_report(struct board *board, const struct event *event);

#endif
