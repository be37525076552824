/* SPDX-License-Identifier: MIT */
/* The cases of golden/readiness_*.h: their rows are written, and their answers read, with times as seconds from now. */
#ifndef TKR_TESTS_GOLDEN_H
#define TKR_TESTS_GOLDEN_H

#include "flow_test.h"

/* What a case consists of. The n-th step of the case has the key that ends in n. */
typedef struct golden {
    const char *name;
    int number;
    const char *expected[64]; /* the lines STEP and TASK */
    size_t expected_count, step_count;
} golden;

/* With the case's number, and that of the task (1) or step. */
#define GOLDEN_KEY(kind) "concat('01980000-00', lpad('%d', 2, '0'), '-7" kind "-8000-', lpad('%d', 12, '0'))::uuid"
#define GOLDEN_TASK GOLDEN_KEY("001")
#define GOLDEN_STEP GOLDEN_KEY("003")

/* The line expected as the i-th, "" behind the last. */
const char *golden_line(const golden *g, size_t i);

/* Compares all lines with what stands in SQL behind FROM, with %s for the task's key: steps in their order, tasks. */
void golden_check(PGconn *conn, const golden *g, const char *steps, const char *tasks);

/*
 * Checks each case in a transaction that is rolled back; now() stands still in it, so times are exact. The answer is
 * the number of cases.
 */
size_t golden_replay(const fixture *f, const char *const *lines, size_t count,
                     void (*check)(const fixture *f, const golden *g));

#endif
