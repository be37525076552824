/* SPDX-License-Identifier: MIT */
/* The coordinator: it has a worker do the steps of the task, watches, and closes the task. */
#ifndef DRIVE_H
#define DRIVE_H

#include <pthread.h>

#include "link.h"
#include "progress.h"
#include "worker.h"

struct run {
    const struct options *options;
    tasker_uuid task_uuid;
    struct link link; /* the coordinator's own */
    struct graph graph;
    struct work work;
    struct progress progress;
    tasker_pool *pool;
    tasker_worker *worker;
    pthread_t thread;   /* runs the worker */
    tasker_state state; /* of the task, as last heard */
    size_t seen;        /* how many attempts had ended at the last look */
    int64_t look_at_us; /* when to look at the task again, if there is nothing to do */
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
