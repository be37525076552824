/* SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "board.h"
#include "say.h"

void board_open(struct board *board, size_t steps)
{
    pthread_condattr_t monotonic;
    *board = (struct board){.room = steps == 0 ? 1 : steps};
    board->queue = allocate(board->room, sizeof *board->queue);
    board->events = allocate(board->room, sizeof *board->events);
    pthread_mutex_init(&board->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&board->work, &monotonic);
    pthread_cond_init(&board->news, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

void board_close(struct board *board)
{
    pthread_cond_destroy(&board->news);
    pthread_cond_destroy(&board->work);
    pthread_mutex_destroy(&board->lock);
    free(board->events);
    free(board->queue);
}

void board_offer(struct board *board, uint32_t step)
{
    pthread_mutex_lock(&board->lock);
    board->queue[(board->first + board->queued++) % board->room] = step;
    pthread_cond_signal(&board->work);
    pthread_mutex_unlock(&board->lock);
}

bool board_take(struct board *board, uint32_t *step)
{
    pthread_mutex_lock(&board->lock);
    while (board->queued == 0 && !board->ended)
        pthread_cond_wait(&board->work, &board->lock);
    bool taken = !board->ended;
    if (taken) {
        *step = board->queue[board->first];
        board->first = (board->first + 1) % board->room;
        board->queued--;
        board->running++;
    }
    pthread_mutex_unlock(&board->lock);
    return taken;
}

void board_report(struct board *board, const struct event *event)
{
    pthread_mutex_lock(&board->lock);
    board->events[board->event_count++] = *event;
    board->running--;
    pthread_cond_signal(&board->news);
    pthread_mutex_unlock(&board->lock);
}

size_t board_wait(struct board *board, int64_t until_us, struct event *out)
{
    const struct timespec until = {.tv_sec = until_us / 1000000, .tv_nsec = until_us % 1000000 * 1000};
    int waited = 0;
    pthread_mutex_lock(&board->lock);
    while (board->event_count == 0 && !board->hurried && waited == 0)
        waited = pthread_cond_timedwait(&board->news, &board->lock, &until);
    size_t count = board->event_count;
    memcpy(out, board->events, count * sizeof *out);
    board->event_count = 0;
    pthread_mutex_unlock(&board->lock);
    return count;
}

void board_end(struct board *board, bool hurry)
{
    pthread_mutex_lock(&board->lock);
    board->ended = true;
    board->hurried = board->hurried || hurry;
    pthread_cond_broadcast(&board->work);
    pthread_cond_broadcast(&board->news);
    pthread_mutex_unlock(&board->lock);
}

bool board_is_hurried(struct board *board)
{
    pthread_mutex_lock(&board->lock);
    bool hurried = board->hurried;
    pthread_mutex_unlock(&board->lock);
    return hurried;
}

size_t board_running(struct board *board)
{
    pthread_mutex_lock(&board->lock);
    size_t running = board->running;
    pthread_mutex_unlock(&board->lock);
    return running;
}

size_t board_queued(struct board *board)
{
    pthread_mutex_lock(&board->lock);
    size_t queued = board->queued;
    pthread_mutex_unlock(&board->lock);
    return queued;
}
