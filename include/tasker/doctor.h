/* SPDX-License-Identifier: MIT */
/* A look at everything, for operators and for the end of tests. */
#ifndef TASKER_DOCTOR_H
#define TASKER_DOCTOR_H

#include "db.h"
#include "finding.h"

TASKER_BEGIN_DECLS

typedef struct tasker_doctor_options {
    bool observe; /* rows of tasks that other programs have written on, and of the registry: notes, not damage */
    bool quick;   /* neither histories nor the schema: what is open, and the server */
    int32_t stale_seconds; /* how long something may be overdue, or a transaction open, before it is told; 0: 600 */
    uint64_t reserved[4];
} tasker_doctor_options;

/*
 * Changes nothing. The database is healthy where no finding is DAMAGE. options may be NULL.
 *
 * DAMAGE, each rule once, with the first object and how many there are: "history", "flags", "claims", "graph",
 * "bounds" and "keys" (rows that contradict each other, as of one moment), "ready_set" (see tasker/readiness.h),
 * "schema" (what tasker_schema_verify finds; its lesser findings come as they are), "catalogue" (constraints that are
 * not validated, indexes that are not valid).
 * WARNING: "claim", "attempt" and "queue" (overdue, and nobody has come), "task" (open though its steps are done, or
 * though none of them can ever run), "vacuum" (dead rows, and the sessions, prepared transactions and replication slots
 * that keep them), "setting" (of the server, against losses).
 * NOTE: what observe makes so; and the schema, where it cannot be compared: inside a transaction, without the right to
 * make one beside it, or because it is of another version.
 *
 * A task is another program's where it has no history, or where a row of its history or of its steps' moves it and does
 * not name the event.
 *
 * Reads all tables: some ten seconds for a million steps, and as many for the ready set; give the handle the time (call
 * timeout). With quick the tasks that are open. Sees sessions of other users only with the rights of pg_monitor. Cannot
 * be queued. INVALID_ARGUMENT: stale_seconds is negative.
 * The list is yours; damage first.
 */
TASKER_CALL tasker_doctor_run(tasker_db *db, const tasker_doctor_options *options, const tasker_findings **out);

TASKER_END_DECLS

#endif
