/* SPDX-License-Identifier: MIT */
/* Sessions that write at random, through the library and in plain SQL, to the same few workflows. */
#ifndef TKR_TESTS_READY_SET_WRITERS_H
#define TKR_TESTS_READY_SET_WRITERS_H

#include <pthread.h>
#include <stdatomic.h>
#include <tasker/claim.h>
#include "ready_set_test.h"

enum { WORLD_TASKS = 10, WORLD_STEPS = 6, HELD = 6 };

typedef struct world_task {
    tasker_uuid task_uuid, steps[WORLD_STEPS];
} world_task;

typedef struct world {
    const fixture *f;
    pthread_mutex_t lock; /* over the tasks */
    world_task tasks[WORLD_TASKS];
    atomic_long calls, retried, deadlocks, bad;
    char why[512]; /* the first that is bad */
} world;

typedef struct session {
    world *w;
    tasker_db *db;
    PGconn *conn; /* of db */
    uint64_t seed;
    const tasker_leases *leases[HELD];
    const tasker_claims *claims;
} session;

/* What there is to do, by what it may meet: these sets combine. */
enum {
    LIBRARY = 1,   /* calls of the library that delete nothing */
    DELETIONS = 2, /* such as do */
    FOREIGN = 4,   /* statements in the order of locks */
    UNRULY = 8     /* statements that keep no order */
};

uint64_t draw(session *s, uint64_t below);

/* A fresh world: a task and its steps in each place. */
void world_begin(world *w, const fixture *f);

/* Opens the session, in a time zone of its own; false: it cannot. Its leases and claims end with it. */
bool session_open(session *s, world *w, unsigned number);
void session_close(session *s);

/* One write out of these sets. The answer is told only when nothing else can be done in the transaction. */
bool session_write(session *s, unsigned kinds);

/* What a call or statement has answered: counted, and remembered when it should not be. True: the transaction lives. */
bool session_heard(session *s, const char *what, tasker_status status);

#endif
