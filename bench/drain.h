/* SPDX-License-Identifier: MIT */
/* What bench/drain drains, and who does it. */
#pragma once
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>

enum { WORKFLOWS = 100, WORKFLOW_STEPS = 50, ALL_STEPS = WORKFLOWS * WORKFLOW_STEPS, MOST_WORKERS = 32 };

typedef struct drained {
    double seconds, client_seconds; /* of processor time, of the workers' process */
} drained;

/* ---- drain_work.c: this library, in the database of the run ---- */

void fill_workflows(void);

/* Workers of tasker/worker.h, each with a link of its own, that take and write so many steps at once. */
drained drain_by_workers(size_t workers, int32_t batch);

/* The same with leases and a pipeline, one flush and one transaction for what is done and what is taken. */
drained drain_by_hand(size_t workers, int32_t batch);

/* Ends the program where a task is not complete, a step was not completed once, or a row of history is missing. */
void check_workflows(void);

/* ---- drain_peer.c: programs of bench/peers ---- */

/* NULL: they are installed in the build folder. Else why they cannot be. */
const char *install_peers(void);

/* NULL: done. Else why not. check: a query of one number, which is to be expected. */
const char *drain_by_peer(const char *program, size_t workers, int32_t batch, const char *check, int64_t expected,
                          drained *out);

/* Before anybody begins: plans are to be those of tables that are filled. */
void settle_database(void);
int64_t count_rows(const char *sql);
