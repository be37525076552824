/* SPDX-License-Identifier: MIT */
/* Leases with what workers need to know. */
#include "model/lease_read.h"
#include <string.h>
#include "model/registry.h"
#include "statements.h"
#include "value/error.h"
#include "value/text.h"

static const tkr_column columns[] = {
    TKR_COLUMN(tasker_lease, task_uuid),
    TKR_COLUMN(tasker_lease, workflow_step_uuid),
    TKR_NAMED_COLUMN(tasker_lease, token.uuid, "token"),
    TKR_COLUMN(tasker_lease, attempt),
    TKR_COLUMN(tasker_lease, retry_limit),
    TKR_COLUMN(tasker_lease, taken_at),
    TKR_COLUMN(tasker_lease, namespace_name),
    TKR_COLUMN(tasker_lease, task_name),
    TKR_COLUMN(tasker_lease, version),
    TKR_COLUMN(tasker_lease, step_name),
    TKR_COLUMN(tasker_lease, dependent_system_name),
    TKR_OPTIONAL(tasker_lease, context),
    TKR_OPTIONAL(tasker_lease, inputs),
    TKR_COLUMN(tasker_lease, msg_id),
    TKR_COLUMN(tasker_lease, read_ct),
    TKR_COLUMN(tasker_lease, expires_at),
    TKR_OPTIONAL(tasker_lease, traceparent),
    TKR_END_COLUMNS,
};
const tkr_entity tkr_entity_lease = {"lease", sizeof(tasker_lease), columns};

/* The step that it is an ancestor of stands behind the relative, which so can be pointed to as one. */
typedef struct lease_ancestor {
    tasker_step_relative relative;
    tasker_uuid root_uuid;
} lease_ancestor;
static const tkr_column ancestor_columns[] = {
    TKR_NAMED_COLUMN(lease_ancestor, relative.workflow_step_uuid, "workflow_step_uuid"),
    TKR_NAMED_COLUMN(lease_ancestor, relative.task_uuid, "task_uuid"),
    TKR_NAMED_COLUMN(lease_ancestor, relative.named_step_uuid, "named_step_uuid"),
    TKR_NAMED_COLUMN(lease_ancestor, relative.step_name, "step_name"),
    {"results", TKR_JSON, offsetof(lease_ancestor, relative.results), TKR_ABSENT, NULL},
    TKR_NAMED_COLUMN(lease_ancestor, relative.processed, "processed"),
    TKR_NAMED_COLUMN(lease_ancestor, relative.distance, "distance"),
    TKR_COLUMN(lease_ancestor, root_uuid),
    TKR_END_COLUMNS,
};
const tkr_entity tkr_entity_lease_ancestor = {"lease_ancestor", sizeof(lease_ancestor), ancestor_columns};

bool tkr_lease_check_options(tkr_call *call, const tasker_lease_options *options)
{
    if (options == NULL || tkr_is_absent(options->worker.ptr)) {
        tkr_refuse(call, TASKER_INVALID_ARGUMENT, "options.worker is required");
        return false;
    }
    tkr_check_reserved(call, options->reserved, sizeof options->reserved);
    if (options->lease_seconds < 0)
        tkr_refuse(call, TASKER_INVALID_ARGUMENT, "options.lease_seconds is negative");
    return call->status == TASKER_OK;
}

int32_t tkr_lease_seconds(int32_t lease_seconds)
{
    return lease_seconds > 0 ? lease_seconds : TKR_LEASE_SECONDS;
}

size_t tkr_lease_sources(tasker_text sources[2 * TKR_STATES])
{
    size_t count = tkr_state_sources(true, TASKER_EVENT_START, sources);
    return count + tkr_state_sources(true, TASKER_EVENT_RETRY, sources + count);
}

void tkr_lease_add_context(tkr_call *call, const tasker_uuid *ids, size_t count, bool without_context,
                           uint32_t *answers)
{
    *answers = call->part_count;
    tkr_add_lease_take_steps__context(call, ids, count, without_context);
    if (!without_context)
        tkr_add_lease_take_steps__ancestors(call, ids, count, 0, true, false);
}

/* Both lists are ordered by the step; items of ours that have not been given yet may be written. */
static void join_ancestors(const tkr_list *leases, const tkr_list *ancestors)
{
    size_t at = 0;
    for (size_t i = 0; i < leases->count; i++) {
        tasker_lease *lease = (tasker_lease *)(uintptr_t)leases->items[i];
        lease->ancestors = (const tasker_step_relative *const *)(const void *)(ancestors->items + at);
        while (at < ancestors->count && tasker_uuid_equal(&((const lease_ancestor *)ancestors->items[at])->root_uuid,
                                                          &lease->workflow_step_uuid))
            at++, lease->ancestor_count++;
    }
}

tasker_status tkr_lease_collect(tkr_call *call, uint32_t answers, tkr_list **out)
{
    tkr_list *ancestors = NULL;
    tasker_status status = tkr_take_list(call, answers, out);
    if (status == TASKER_OK &&
        call->answered[answers + 1] == &tkr_statements[TKR_STATEMENT_lease_take_steps__ancestors])
        status = tkr_take_list(call, answers + 1, &ancestors);
    if (status != TASKER_OK)
        return status;
    tkr_adopt(*out, ancestors);
    if (ancestors != NULL)
        join_ancestors(*out, ancestors);
    for (size_t i = 0; i < (*out)->count && status == TASKER_OK; i++) {
        tasker_lease *lease = (tasker_lease *)(uintptr_t)(*out)->items[i];
        status = tkr_new_ids(call, 1, &lease->transition_uuid) ? TASKER_OK : call->status;
    }
    return status;
}

/* ---- without taking ---- */

static tasker_status finish_load(tkr_call *call)
{
    void *row = NULL;
    tkr_list *ancestors = NULL;
    if (tkr_rows(call, 0) == 0)
        return tkr_error_set(call->error, TASKER_NOT_FOUND, "no such step");
    tasker_status status = tkr_take_one(call, 0, &row);
    if (status == TASKER_OK)
        status = tkr_take_list(call, 1, &ancestors);
    if (status != TASKER_OK) {
        tasker_free(row);
        return status;
    }
    tkr_adopt(row, ancestors);
    tasker_lease *lease = row;
    lease->ancestor_count = ancestors->count;
    lease->ancestors = (const tasker_step_relative *const *)(const void *)ancestors->items;
    return tkr_give(call, lease);
}

tasker_status tasker_lease_load(tasker_db *db, const tasker_uuid *workflow_step_uuid, const tasker_lease **out)
{
    tkr_call call = tkr_begin(db);
    tkr_add_lease_load(&call, workflow_step_uuid);
    tkr_add_step_relative_list_ancestors(&call, workflow_step_uuid, 0, true, false);
    return tkr_run_for_pointer(&call, finish_load, out);
}

tasker_json tasker_lease_find_result(const tasker_lease *lease, tasker_text step_name)
{
    for (size_t i = 0; lease != NULL && step_name.ptr != NULL && i < lease->ancestor_count; i++) {
        const tasker_step_relative *a = lease->ancestors[i];
        if (a->step_name.len == step_name.len && memcmp(a->step_name.ptr, step_name.ptr, step_name.len) == 0)
            return a->results;
    }
    return (tasker_json){NULL, 0};
}
