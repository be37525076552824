/* SPDX-License-Identifier: MIT */
/* The coordinator: it asks the database which steps can run, hands them to the workers, and closes the task. */
#ifndef DRIVE_H
#define DRIVE_H

#include "progress.h"
#include "worker.h"

struct run {
    const struct options *options;
    tasker_uuid task_uuid;
    struct link link; /* the coordinator's own */
    struct graph graph;
    struct board board;
    struct worker *workers;
    struct simulation simulation;
    struct progress progress;
    tasker_state state;      /* of the task, as last heard */
    int64_t server_ahead_us; /* what the server's clock is ahead of ours */
    struct event *events;
    uint32_t *waiting; /* steps to be offered again at their time */
    size_t waiting_count;
    uint32_t *asking; /* steps to ask about, because a parent was completed */
    bool *is_asked;
    size_t asking_count;
    tasker_uuid *ids; /* room for the ids of a question */
    int64_t ask_at_us;
    int64_t look_at_us; /* when to look at the whole task again, if there is nothing to do */
    int64_t pause_us;
    int64_t idle_since_us; /* 0: there is something to do, or there was no hint yet */
    bool over;
};

/*
 * Drives the task of run->task_uuid, whose graph is built, until it has come to its end, the user interrupts it, or the
 * database fails for good. False: the latter, or it could not begin; stderr says why.
 */
bool drive(struct run *run, int *exit_status);

#endif
