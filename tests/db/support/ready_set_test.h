/* SPDX-License-Identifier: MIT */
/* What the tests of the ready set share. Their SQL uses the words of ready_set.sql: s('a') is a step, t() the task. */
#ifndef TKR_TESTS_READY_SET_TEST_H
#define TKR_TESTS_READY_SET_TEST_H

#include "flow_test.h"

/* Brings the words into the database, once. */
void ready_set_words(const fixture *f);

/* A flow whose steps have these letters from now on. */
made_flow ready_set_flow(const fixture *f, const char *steps, const char *edges);

/* Every task that has nothing to do sleeps; and so must be woken. */
void ready_set_asleep(const fixture *f);

/* No task is left, whatever was done to them; what invariants say of them does not matter any more. */
void ready_set_clear(const fixture *f);

/* Nothing differs, as conn sees it (in a transaction: with what that has written). what is told when it does. */
void assert_ready_set(PGconn *conn, const char *what);

/* Runs SQL, which may fail; the answer's SQLSTATE, "" when it did not. Static storage, of each thread its own. */
const char *ready_set_try(PGconn *conn, const char *sql);

/* From the environment, for longer runs: TASKER_TEST_READY_SET_TRIES, or that many. */
long ready_set_tries(long otherwise);

#endif
