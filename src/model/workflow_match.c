/* SPDX-License-Identifier: MIT */
#include "model/workflow_match.h"
#include <string.h>
#include "value/error.h"

typedef struct found_step {
    bool same_type;
    tasker_uuid workflow_step_uuid; /* nil: the task has no steps */
    tasker_text name, system;
} found_step;
static const tkr_column found_columns[] = {
    TKR_COLUMN(found_step, same_type),
    TKR_OPTIONAL(found_step, workflow_step_uuid),
    TKR_OPTIONAL(found_step, name),
    TKR_OPTIONAL(found_step, system),
    TKR_END_COLUMNS,
};
const tkr_entity tkr_entity_found_step = {"found_step", sizeof(found_step), found_columns};

static bool same_text(tasker_text a, tasker_text b)
{
    return a.len == b.len && memcmp(a.ptr, b.ptr, a.len) == 0;
}

/* Whether the task that is there is of this type and has as many steps. */
static tasker_status match_type(tkr_call *call, uint32_t answer, const tkr_plan *p, const char *what)
{
    found_step first;
    size_t rows = (size_t)tkr_rows(call, answer);
    tasker_status status = tkr_read_row(call, answer, 0, &first);
    if (status != TASKER_OK)
        return status;
    if (first.same_type && (first.name.ptr != NULL ? rows : 0) == p->step_count)
        return TASKER_OK;
    return tkr_error_set(call->error, TASKER_DUPLICATE,
                         "this %s is taken by a workflow that is not %zu steps of \"%.*s/%.*s:%.*s\"", what,
                         p->step_count, (int)p->namespace_name.len, p->namespace_name.ptr, (int)p->name.len,
                         p->name.ptr, (int)p->version.len, p->version.ptr);
}

/*
 * The stored steps come in the order of their keys, which is the plan's topological order if this library made them;
 * then the first comparison of each search hits.
 */
tasker_status tkr_match_workflow(tkr_call *call, uint32_t answer, const tkr_plan *plan, const char *what,
                                 tasker_uuid *step_uuids)
{
    int rows = tkr_rows(call, answer);
    tasker_status status = match_type(call, answer, plan, what);
    for (size_t k = 0; k < plan->step_count && status == TASKER_OK; k++) {
        uint32_t i = plan->order[k];
        bool matched = false;
        for (int tried = 0; tried < rows && !matched && status == TASKER_OK; tried++) {
            found_step f;
            status = tkr_read_row(call, answer, (int)((k + (size_t)tried) % (size_t)rows), &f);
            matched = status == TASKER_OK && f.name.ptr != NULL && same_text(f.name, plan->names[i]) &&
                      same_text(f.system, plan->systems[i]);
            if (matched)
                step_uuids[i] = f.workflow_step_uuid;
        }
        if (status == TASKER_OK && !matched)
            status =
                tkr_error_set(call->error, TASKER_DUPLICATE, "this %s is taken by a workflow without step \"%.*s\"",
                              what, (int)plan->names[i].len, plan->names[i].ptr);
    }
    return status;
}
