/* SPDX-License-Identifier: MIT */
#include "tasker/retention.h"
#include "statements.h"
#include "value/error.h"

enum { BATCH = 100, MOST = 1000 };

typedef struct retention_window {
    bool has_last; /* none where nothing was seen */
    tasker_uuid last;
    bool more;
} retention_window;

static const tkr_column window_columns[] = {
    TKR_NULLABLE(retention_window, last),
    TKR_COLUMN(retention_window, more),
    TKR_END_COLUMNS,
};
const tkr_entity tkr_entity_retention_window = {"retention_window", sizeof(retention_window), window_columns};

typedef struct retention_gone {
    int64_t tasks, rows;
} retention_gone;

static const tkr_column gone_columns[] = {
    TKR_COLUMN(retention_gone, tasks),
    TKR_COLUMN(retention_gone, rows),
    TKR_END_COLUMNS,
};
const tkr_entity tkr_entity_retention_gone = {"retention_gone", sizeof(retention_gone), gone_columns};

/* state: the number of the statement that says what has gone. */
static tasker_status finish(tkr_call *call)
{
    tasker_retention *progress = call->out;
    const uint32_t *counted = call->state;
    retention_window window;
    retention_gone gone;
    tasker_status status = tkr_read_row(call, 0, 0, &window);
    if (status == TASKER_OK)
        status = tkr_read_row(call, *counted, 0, &gone);
    if (status != TASKER_OK)
        return status;
    if (gone.tasks == 0)
        tkr_nothing_written(call);
    progress->tasks += gone.tasks;
    progress->rows += gone.rows;
    progress->more = window.more;
    if (window.has_last)
        progress->last = window.last;
    return TASKER_OK;
}

static void check(tkr_call *call, const tasker_retention_options *options, const tasker_retention *progress,
                  tasker_uuid *below)
{
    if (options == NULL || progress == NULL) {
        tkr_refuse(call, TASKER_INVALID_ARGUMENT, "options and progress are required");
        return;
    }
    tkr_check_reserved(call, options->reserved, sizeof options->reserved);
    tkr_check_reserved(call, progress->reserved, sizeof progress->reserved);
    if (options->batch < 0 || options->batch > MOST)
        tkr_refuse(call, TASKER_INVALID_ARGUMENT, "batch is not between 0 and %d", MOST);
    if (call->status == TASKER_OK && tasker_uuid_lower_bound(options->before, TASKER_UUID_GRAIN_MS, below) != TASKER_OK)
        tkr_refuse(call, TASKER_INVALID_ARGUMENT, "before is no time of a key");
}

tasker_status tasker_retention_run(tasker_db *db, const tasker_retention_options *options, tasker_retention *progress)
{
    tasker_uuid below = {{0}};
    tkr_call call = tkr_begin(db);
    check(&call, options, progress, &below);
    uint32_t *counted = tkr_keep(&call, sizeof *counted);
    if (call.status != TASKER_OK)
        return tkr_abandon(&call);
    tkr_add_retention_run__lock(&call, &options->before, options->failed_too, &progress->last, &below,
                                options->batch > 0 ? options->batch : BATCH, options->namespace_name);
    if (!options->dry_run)
        tkr_add_retention_run__lock_steps(&call);
    *counted = call.part_count;
    if (options->dry_run)
        tkr_add_retention_run__count(&call, &options->before, options->failed_too);
    else
        tkr_add_retention_run(&call, &options->before, options->failed_too);
    call.state = counted;
    return tkr_run(&call, finish, progress);
}
