/* SPDX-License-Identifier: MIT */
/*
 * Old work goes: tasks that have come to their end, with all that hangs below them.
 *
 *     tasker_retention_options old = {.before = ninety_days_ago};
 *     tasker_retention progress = {0};
 *     do
 *         status = tasker_retention_run(db, &old, &progress);
 *     while (status == TASKER_OK && progress.more);
 *
 * Keys of version 7 begin with the time at which they were made, so what is old stands together at the beginning of the
 * primary key and is read from there; no other index is needed. docs/retention.md tells what this does to the tables.
 */
#ifndef TASKER_RETENTION_H
#define TASKER_RETENTION_H

#include "db.h"

TASKER_BEGIN_DECLS

typedef struct tasker_retention_options {
    tasker_time before;         /* what was created and ended before, by the clock of whoever wrote it */
    tasker_text namespace_name; /* of this one alone; empty: of all */
    bool failed_too;            /* also tasks in error, and cancelled ones; else what is complete or resolved */
    bool dry_run;               /* count, delete nothing */
    int32_t batch;              /* at most so many tasks in one call; 0: 100, at most 1000 */
    uint64_t reserved[4];
} tasker_retention_options;

/* All zero at first, then as the call before left it. It may be kept and gone on with by another process. */
typedef struct tasker_retention {
    int64_t tasks;    /* that have gone so far, */
    int64_t rows;     /* and rows of all tables with them */
    tasker_uuid last; /* up to here the tasks have been looked at */
    bool more;        /* the next call may find something */
    uint64_t reserved[2];
} tasker_retention;

/*
 * One batch, in one round trip and one transaction. Looks at the next 2,000 tasks behind progress->last, so a call may
 * find none and still say more. A task goes whole, with steps, edges (also such that lead to steps of other tasks),
 * histories and annotations, as with tasker_workflow_delete; messages that speak of its steps stay and find nothing. It
 * stays where one of its steps is enqueued or in progress, and where somebody has its row locked: those are passed, and
 * found by the next run from the start. Nobody is waited for but writers of single steps.
 *
 * OK: progress is what it now is. INVALID_ARGUMENT: no options or no progress; batch out of range; before is out of the
 * range of keys. IN_DOUBT: progress is as it was; call again, what has gone is not counted then.
 */
TASKER_CALL tasker_retention_run(tasker_db *db, const tasker_retention_options *options, tasker_retention *progress);

TASKER_END_DECLS

#endif
