/* SPDX-License-Identifier: MIT */
/*
 * Schedules of two sessions, line by line. A line that must wait is run by a thread, and the next line only comes when
 * pg_locks shows it waiting.
 *
 *     begin(a);
 *     step_event(a, step, TASKER_EVENT_START);
 *     waiting w = prepare(b, run_step_event, step, TASKER_EVENT_START);
 *     start(f, &w);
 *     end(a, true);
 *     finish(&w);
 */
#ifndef TKR_TESTS_WAITING_H
#define TKR_TESTS_WAITING_H

#include "flow_test.h"
#include <pthread.h>
#include <tasker/claim.h>

typedef struct waiting {
    tasker_db *db;
    int32_t backend_pid;
    tasker_status (*call)(struct waiting *w);
    tasker_uuid uuids[4];
    size_t count;
    tasker_event event;
    const tasker_claim *claim; /* NULL, or: under it */
    const tasker_leases *leases;
    tasker_outcome outcomes[4];
    tasker_status status;
    pthread_t thread;
} waiting;

static inline tasker_status run_step_event(waiting *w)
{
    return tasker_workflow_step_apply(w->db, w->uuids, w->count, w->event, &(tasker_change){.claim = w->claim},
                                      w->outcomes);
}

static inline tasker_status run_task_event(waiting *w)
{
    return tasker_task_apply(w->db, w->uuids, w->count, w->event, &(tasker_change){.claim = w->claim}, w->outcomes);
}

static inline tasker_status run_finalize(waiting *w)
{
    return tasker_task_finalize(w->db, w->uuids, w->count, NULL, w->outcomes);
}

static inline tasker_status run_take(waiting *w)
{
    static const tasker_lease_options worker = {.worker = TASKER_TEXT("w")};
    return tasker_lease_take_steps(w->db, w->uuids, w->count, &worker, w->outcomes, &w->leases);
}

static inline tasker_status run_complete(waiting *w)
{
    tasker_completion completion = {.lease = w->leases->items[0]};
    return tasker_lease_complete(w->db, &completion, 1, w->outcomes);
}

static inline void *run(void *argument)
{
    waiting *w = argument;
    w->status = w->call(w);
    return NULL;
}

static inline waiting prepare(tasker_db *db, tasker_status (*call)(waiting *w), tasker_uuid uuid, tasker_event event)
{
    return (waiting){.db = db,
                     .backend_pid = tasker_db_session(db)->backend_pid,
                     .call = call,
                     .uuids = {uuid},
                     .count = 1,
                     .event = event};
}

/* Starts it and sees it wait. */
static inline void start(const fixture *f, waiting *w)
{
    assert_int_equal(pthread_create(&w->thread, NULL, run, w), 0);
    wait_for_lock(f, w->backend_pid);
}

static inline tasker_status finish(waiting *w)
{
    assert_int_equal(pthread_join(w->thread, NULL), 0);
    return w->status;
}

static inline void begin(tasker_db *db)
{
    assert_status(db, tasker_db_begin(db, NULL), TASKER_OK);
}

static inline void end(tasker_db *db, bool commit)
{
    assert_status(db, commit ? tasker_db_commit(db) : tasker_db_rollback(db), TASKER_OK);
}

/* A flow in which some steps are under way. */
static inline made_flow running_flow(tasker_db *db, const char *steps, const char *edges, const char *under_way)
{
    made_flow flow = make_flow(db, steps, edges);
    for (; *under_way != '\0'; under_way++)
        bring_step(db, FLOW_STEP(flow, *under_way), TASKER_STATE_IN_PROGRESS);
    return flow;
}

#endif
