/* SPDX-License-Identifier: MIT */
/* Some thousand random rows: tasks with steps, edges and histories as no call of the library writes them. */
#ifndef TKR_TESTS_RANDOM_ROWS_H
#define TKR_TESTS_RANDOM_ROWS_H

#include "flow_test.h"

/* The number of tasks; identity_hash is the number of each, from 1 on. */
#define RANDOM_TASKS 300

/*
 * Begins a transaction, to be rolled back, in which these rows are all there are: now() stands still in it, and
 * pg_temp.from_now(time) is a time as microseconds. The same seed, in [-1, 1], makes the same rows.
 */
PGconn *begin_with_random_rows(const fixture *f, double seed);

/* The rows of a query; to be cleared. */
PGresult *rows_of(PGconn *conn, const char *sql);

int64_t number_in(const PGresult *result, int row, int column);
double double_in(const PGresult *result, int row, int column);

#endif
