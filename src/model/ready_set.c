/* SPDX-License-Identifier: MIT */
/* The ready set, looked at and made anew. Its upkeep stands in sql/migrations/0001_ready_set*.sql. */
#include "model/wake.h"
#include "statements.h"
#include "tasker/readiness.h"

static const tkr_column report_columns[] = {
    TKR_COLUMN(tasker_ready_set_report, tasks),   TKR_COLUMN(tasker_ready_set_report, steps),
    TKR_COLUMN(tasker_ready_set_report, missing), TKR_COLUMN(tasker_ready_set_report, surplus),
    TKR_COLUMN(tasker_ready_set_report, wrong),   TKR_END_COLUMNS,
};
const tkr_entity tkr_entity_ready_set_report = {"ready_set_report", sizeof(tasker_ready_set_report), report_columns};

typedef struct ready_set_part {
    bool has_next_uuid;
    tasker_uuid next_uuid;
} ready_set_part;
static const tkr_column part_columns[] = {TKR_NULLABLE(ready_set_part, next_uuid), TKR_END_COLUMNS};
const tkr_entity tkr_entity_ready_set_part = {"ready_set_part", sizeof(ready_set_part), part_columns};

static tkr_call begin(tasker_db *db)
{
    tkr_call call = tkr_begin_now(db);
    if (call.status == TASKER_OK && !tkr_link_has_ready_set(db))
        tkr_refuse(&call, TASKER_UNSUPPORTED, "schema \"%s\" keeps no ready set: adopt it first (schema adopt)",
                   db->schema);
    tkr_add_ready_set_check(&call);
    return call;
}

static tasker_status read_report(tkr_call *call)
{
    tasker_ready_set_report unwanted;
    return tkr_read_row(call, 0, 0, call->out != NULL ? call->out : &unwanted);
}

static tasker_status rebuild(tkr_call *call)
{
    const bool *begun = call->state;
    ready_set_part part;
    tasker_status status = *begun ? tkr_read_row(call, 0, 0, &part) : read_report(call);
    if (status != TASKER_OK || (*begun && !part.has_next_uuid))
        return status;
    tkr_add_ready_set_rebuild(call, *begun ? &part.next_uuid : NULL);
    tkr_wake_for_all(call);
    *(bool *)call->state = true;
    return TASKER_AGAIN;
}

tasker_status tasker_ready_set_check(tasker_db *db, tasker_ready_set_report *out)
{
    tkr_call call = begin(db);
    if (out != NULL)
        *out = (tasker_ready_set_report){0};
    return tkr_run(&call, read_report, out);
}

tasker_status tasker_ready_set_rebuild(tasker_db *db, tasker_ready_set_report *out)
{
    bool begun = false;
    tkr_call call = begin(db);
    if (out != NULL)
        *out = (tasker_ready_set_report){0};
    call.state = &begun;
    return tkr_run(&call, rebuild, out);
}
