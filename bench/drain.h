/* SPDX-License-Identifier: MIT */
/* What bench/drain drains, and who does it. */
#pragma once
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>

enum { WORKFLOW_STEPS = 50, MOST_WORKERS = 32 };

extern int workflows; /* of so many steps each, in the drain that is on */

static inline int all_steps(void)
{
    return workflows * WORKFLOW_STEPS;
}

typedef struct drained {
    double seconds, client_seconds; /* of processor time, of the workers' process */
} drained;

/* ---- drain_work.c: this library, in the database of the run ---- */

/* alter: SQL for the empty tables, or NULL. */
void fill_workflows(const char *alter);

/* Workers of tasker/worker.h, each with a link of its own, that take and write so many steps at once. */
drained drain_by_workers(size_t workers, int32_t batch);

/* The same with leases and a pipeline, one flush and one transaction for what is done and what is taken. */
drained drain_by_hand(size_t workers, int32_t batch);

/* Ends the program where a task is not complete, a step was not completed once, or a row of history is missing. */
void check_workflows(void);

/* Tables whose rows a drain updates. */
typedef enum updated { STEPS, READINESS, QUEUE, TASKS, UPDATED } updated;
extern const char *const updated_tables[UPDATED];

/* Of all updates since the database was made, the percentage that touched no index (HOT); once all links are closed. */
void count_hot_updates(double out[UPDATED]);

/* ---- drain_peer.c: programs of bench/peers ---- */

/* NULL: they are installed in the build folder. Else why they cannot be. */
const char *install_peers(void);

/* NULL: done. Else why not. check: a query of one number, which is to be expected. */
const char *drain_by_peer(const char *program, size_t workers, int32_t batch, const char *check, int64_t expected,
                          drained *out);

/* Before anybody begins: plans are to be those of tables that are filled. */
void settle_database(void);
int64_t count_rows(const char *sql);
