/* SPDX-License-Identifier: MIT */
/* What the tests of workflows in motion share: small workflows from a line of text, and questions in plain SQL. */
#ifndef TKR_TESTS_FLOW_TEST_H
#define TKR_TESTS_FLOW_TEST_H

#include "entity_test.h"
#include <tasker/lease.h>
#include <tasker/workflow.h>

/* A task and its steps. FLOW_STEP(flow, 'c') is the step of that letter. */
typedef struct made_flow {
    tasker_uuid task_uuid;
    size_t count;
    tasker_uuid steps[26];
} made_flow;

#define FLOW_STEP(flow, letter) ((flow).steps[(letter) - 'a'])

/* make_flow(db, "abcd", "ab ac bd cd") is a diamond. settings (may be NULL) is what every step gets, names aside. */
made_flow make_flow(tasker_db *db, const char *steps, const char *edges);
made_flow make_flow_with(tasker_db *db, const char *steps, const char *edges, const tasker_step_definition *settings);
made_flow make_flow_by(tasker_db *db, const tasker_definition *definition);

/* A flow of one step, with the largest number of its starts. */
made_flow make_flow_limited(tasker_db *db, int32_t retry_limit);

/* Removes a task with all that hangs on it, after a test that broke an invariant on purpose. */
void remove_flow(PGconn *conn, const made_flow *flow);

/* One event for one step or task; nobody and no reason. */
tasker_status step_event(tasker_db *db, tasker_uuid workflow_step_uuid, tasker_event event);
tasker_status task_event(tasker_db *db, tasker_uuid task_uuid, tasker_event event);

/* Brings a pending step or task to a state. */
void bring_step(tasker_db *db, tasker_uuid workflow_step_uuid, tasker_state state);
void bring_task(tasker_db *db, tasker_uuid task_uuid, tasker_state state);

/* Takes one step, by a worker "w"; the answer's status must be the expected one. NULL when it is not OK. */
const tasker_leases *take_step(tasker_db *db, tasker_uuid workflow_step_uuid, tasker_status expected);

/* Closes the first lease of a list, without results or with a failure that says "boom". */
tasker_status complete_lease(tasker_db *db, const tasker_leases *leases);
tasker_status fail_lease(tasker_db *db, const tasker_leases *leases);

/* As if all that happened to the step had happened so much earlier: waits and leases end. */
void age_step(PGconn *conn, tasker_uuid workflow_step_uuid, int seconds);

/* How a step stands; without its name. */
tasker_step_readiness readiness_of(tasker_db *db, tasker_uuid workflow_step_uuid);

/* The first column of the first row, "" for NULL and for no row; static storage, one of the last 16. */
const char *ask(PGconn *conn, const char *format, ...) __attribute__((format(printf, 2, 3)));
long ask_number(PGconn *conn, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A statement without an answer. */
void tell(PGconn *conn, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The text of a key; static storage, one of the last 32. */
const char *text_of(tasker_uuid uuid);

/*
 * A history in one line: "pending@1 pending>in_progress@2*" (from state, state, sort_key, and a star at each row that
 * is the most recent).
 */
const char *step_history(PGconn *conn, tasker_uuid workflow_step_uuid);
const char *task_history(PGconn *conn, tasker_uuid task_uuid);

/* The state, as stored; "pending" without history. */
const char *step_state(PGconn *conn, tasker_uuid workflow_step_uuid);
const char *task_state(PGconn *conn, tasker_uuid task_uuid);

/* Steps of the task that are not at their end. */
long open_steps(PGconn *conn, tasker_uuid task_uuid);

/*
 * What a row says beside its history, "processed attempts=1 backoff=4 results={}" or "complete claimed"; "" is a new
 * one. Contradictions (processed without processed_at) come out as words of their own.
 */
const char *step_row(PGconn *conn, tasker_uuid workflow_step_uuid);
const char *task_row(PGconn *conn, tasker_uuid task_uuid);

/* Waits until that backend stands before a lock (its handle is busy in another thread). */
void wait_for_lock(const fixture *f, int32_t backend_pid);

#endif
