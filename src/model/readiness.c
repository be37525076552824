/* SPDX-License-Identifier: MIT */
#include "tasker/readiness.h"
#include <string.h>
#include "statements.h"
#include "value/error.h"

static const tkr_column columns[] = {
    TKR_COLUMN(tasker_step_readiness, workflow_step_uuid),
    TKR_COLUMN(tasker_step_readiness, task_uuid),
    TKR_COLUMN(tasker_step_readiness, named_step_uuid),
    TKR_COLUMN(tasker_step_readiness, name),
    TKR_COLUMN(tasker_step_readiness, current_state),
    TKR_COLUMN(tasker_step_readiness, dependencies_satisfied),
    TKR_COLUMN(tasker_step_readiness, retry_eligible),
    TKR_COLUMN(tasker_step_readiness, ready_for_execution),
    TKR_NULLABLE(tasker_step_readiness, last_failure_at),
    TKR_NULLABLE(tasker_step_readiness, next_retry_at),
    TKR_COLUMN(tasker_step_readiness, total_parents),
    TKR_COLUMN(tasker_step_readiness, completed_parents),
    TKR_COLUMN(tasker_step_readiness, attempts),
    TKR_COLUMN(tasker_step_readiness, retry_limit),
    TKR_NULLABLE(tasker_step_readiness, backoff_request_seconds),
    TKR_NULLABLE(tasker_step_readiness, last_attempted_at),
    TKR_COLUMN(tasker_step_readiness, effective_backoff_seconds),
    TKR_END_COLUMNS,
};
const tkr_entity tkr_entity_step_readiness = {"step_readiness", sizeof(tasker_step_readiness), columns};

/* What the database tells, the public row first: two words come as text. */
typedef struct context_row {
    tasker_execution_context row;
    tasker_text execution_status;
    tasker_text health_status;
} context_row;

#define CONTEXT_COLUMN(m) TKR_NAMED_COLUMN(context_row, row.m, #m)
static const tkr_column context_columns[] = {
    CONTEXT_COLUMN(task_uuid),
    CONTEXT_COLUMN(named_task_uuid),
    CONTEXT_COLUMN(status),
    CONTEXT_COLUMN(total_steps),
    CONTEXT_COLUMN(pending_steps),
    CONTEXT_COLUMN(in_progress_steps),
    CONTEXT_COLUMN(completed_steps),
    CONTEXT_COLUMN(failed_steps),
    CONTEXT_COLUMN(ready_steps),
    CONTEXT_COLUMN(enqueued_steps),
    CONTEXT_COLUMN(cancelled_steps),
    CONTEXT_COLUMN(blocked_steps),
    CONTEXT_COLUMN(waiting_steps),
    TKR_COLUMN(context_row, execution_status),
    CONTEXT_COLUMN(completion_percentage),
    {"next_retry_at", TKR_TIME, offsetof(context_row, row.next_retry_at), offsetof(context_row, row.has_next_retry_at),
     NULL},
    TKR_COLUMN(context_row, health_status),
    CONTEXT_COLUMN(stuck),
    {"latest_completion_at", TKR_TIME, offsetof(context_row, row.latest_completion_at),
     offsetof(context_row, row.has_latest_completion_at), NULL},
    TKR_END_COLUMNS,
};
const tkr_entity tkr_entity_execution_context = {"execution_context", sizeof(context_row), context_columns};

static const char *const status_names[] = {
    [TASKER_EXECUTION_STATUS_NONE] = "none",
    [TASKER_EXECUTION_STATUS_HAS_READY_STEPS] = "has_ready_steps",
    [TASKER_EXECUTION_STATUS_PROCESSING] = "processing",
    [TASKER_EXECUTION_STATUS_BLOCKED_BY_FAILURES] = "blocked_by_failures",
    [TASKER_EXECUTION_STATUS_ALL_COMPLETE] = "all_complete",
    [TASKER_EXECUTION_STATUS_WAITING_FOR_DEPENDENCIES] = "waiting_for_dependencies",
    [TASKER_EXECUTION_STATUS_WAITING_FOR_RETRY] = "waiting_for_retry",
};
static const char *const action_names[] = {
    [TASKER_RECOMMENDED_ACTION_NONE] = "none",
    [TASKER_RECOMMENDED_ACTION_EXECUTE_READY_STEPS] = "execute_ready_steps",
    [TASKER_RECOMMENDED_ACTION_WAIT_FOR_COMPLETION] = "wait_for_completion",
    [TASKER_RECOMMENDED_ACTION_HANDLE_FAILURES] = "handle_failures",
    [TASKER_RECOMMENDED_ACTION_FINALIZE_TASK] = "finalize_task",
    [TASKER_RECOMMENDED_ACTION_WAIT_FOR_DEPENDENCIES] = "wait_for_dependencies",
};
static const char *const health_names[] = {
    [TASKER_HEALTH_STATUS_NONE] = "none",
    [TASKER_HEALTH_STATUS_HEALTHY] = "healthy",
    [TASKER_HEALTH_STATUS_RECOVERING] = "recovering",
    [TASKER_HEALTH_STATUS_BLOCKED] = "blocked",
};
#define NAMES(names) (names), sizeof(names) / sizeof *(names)

static const tasker_recommended_action actions[] = {
    [TASKER_EXECUTION_STATUS_HAS_READY_STEPS] = TASKER_RECOMMENDED_ACTION_EXECUTE_READY_STEPS,
    [TASKER_EXECUTION_STATUS_PROCESSING] = TASKER_RECOMMENDED_ACTION_WAIT_FOR_COMPLETION,
    [TASKER_EXECUTION_STATUS_BLOCKED_BY_FAILURES] = TASKER_RECOMMENDED_ACTION_HANDLE_FAILURES,
    [TASKER_EXECUTION_STATUS_ALL_COMPLETE] = TASKER_RECOMMENDED_ACTION_FINALIZE_TASK,
    [TASKER_EXECUTION_STATUS_WAITING_FOR_DEPENDENCIES] = TASKER_RECOMMENDED_ACTION_WAIT_FOR_DEPENDENCIES,
    [TASKER_EXECUTION_STATUS_WAITING_FOR_RETRY] = TASKER_RECOMMENDED_ACTION_WAIT_FOR_DEPENDENCIES,
};

/* Number 0 is "none". */
static const char *name_of(unsigned number, const char *const *names, size_t count)
{
    return names[number < count ? number : 0];
}

static unsigned number_of(tasker_text name, const char *const *names, size_t count)
{
    for (unsigned i = 1; i < count; i++)
        if (strcmp(name.ptr, names[i]) == 0)
            return i;
    return 0;
}

const char *tasker_execution_status_name(tasker_execution_status status)
{
    return name_of((unsigned)status, NAMES(status_names));
}

const char *tasker_recommended_action_name(tasker_recommended_action action)
{
    return name_of((unsigned)action, NAMES(action_names));
}

const char *tasker_health_status_name(tasker_health_status status)
{
    return name_of((unsigned)status, NAMES(health_names));
}

/* First match, in the order of the enum. */
static tasker_blocking_reason blocking_reason(const tasker_step_readiness *r)
{
    if (r->ready_for_execution)
        return TASKER_BLOCKING_REASON_NONE;
    if (!r->dependencies_satisfied)
        return TASKER_BLOCKING_REASON_DEPENDENCIES_NOT_SATISFIED;
    if (!r->retry_eligible)
        return TASKER_BLOCKING_REASON_RETRY_NOT_ELIGIBLE;
    if ((r->current_state != TASKER_STATE_PENDING && r->current_state != TASKER_STATE_ERROR) || !r->has_next_retry_at)
        return TASKER_BLOCKING_REASON_INVALID_STATE; /* or a flag that contradicts the state, left by others */
    return TASKER_BLOCKING_REASON_BACKOFF;
}

static tasker_status finish_readiness(tkr_call *call)
{
    tkr_list *list = NULL;
    tasker_status status = tkr_take_list(call, 0, &list);
    if (status != TASKER_OK)
        return status;
    for (size_t i = 0; i < list->count; i++) {
        tasker_step_readiness *row = (tasker_step_readiness *)(uintptr_t)list->items[i]; /* ours until it is given */
        row->blocking_reason = blocking_reason(row);
    }
    return tkr_give(call, list);
}

tasker_status tasker_step_readiness_query(tasker_db *db, const tasker_step_readiness_filter *filter,
                                          const tasker_step_readiness_list **out)
{
    tkr_call call = tkr_begin(db);
    if (filter == NULL || (filter->task_uuids == NULL && filter->workflow_step_uuids == NULL)) {
        tkr_refuse(&call, TASKER_INVALID_ARGUMENT, "the filter needs task_uuids or workflow_step_uuids");
    } else {
        tkr_check_reserved(&call, filter->reserved, sizeof filter->reserved);
        if (filter->task_uuids != NULL)
            tkr_add_step_readiness_query__tasks(&call, filter->ready, filter->blocked, filter->retry_eligible,
                                                filter->dependencies_not_satisfied, filter->task_uuids,
                                                filter->task_uuid_count, filter->workflow_step_uuids,
                                                filter->workflow_step_uuid_count);
        else
            tkr_add_step_readiness_query__steps(&call, filter->ready, filter->blocked, filter->retry_eligible,
                                                filter->dependencies_not_satisfied, filter->workflow_step_uuids,
                                                filter->workflow_step_uuid_count);
    }
    return tkr_run_for_pointer(&call, finish_readiness, out);
}

/* The words of the database as numbers, and the reading of a stuck task. */
static bool read_words(context_row *found)
{
    tasker_execution_context *row = &found->row;
    row->execution_status = (tasker_execution_status)number_of(found->execution_status, NAMES(status_names));
    row->health_status = (tasker_health_status)number_of(found->health_status, NAMES(health_names));
    if (row->execution_status == TASKER_EXECUTION_STATUS_NONE || row->health_status == TASKER_HEALTH_STATUS_NONE)
        return false;
    if (row->stuck)
        row->execution_status = TASKER_EXECUTION_STATUS_BLOCKED_BY_FAILURES;
    row->recommended_action = actions[row->execution_status];
    return true;
}

static tasker_status unknown_word(tkr_call *call, const void *answer)
{
    tasker_free(answer);
    return tkr_error_set(call->error, TASKER_PROTOCOL,
                         "an execution context has a word that this library does not know");
}

static tasker_status finish_context(tkr_call *call)
{
    void *found = NULL;
    if (tkr_rows(call, 0) == 0)
        return tkr_error_set(call->error, TASKER_NOT_FOUND, "no such task");
    tasker_status status = tkr_take_one(call, 0, &found);
    if (status != TASKER_OK)
        return status;
    return read_words(found) ? tkr_give(call, found) : unknown_word(call, found);
}

static tasker_status finish_contexts(tkr_call *call)
{
    tkr_list *list = NULL;
    tasker_status status = tkr_take_list(call, 0, &list);
    if (status != TASKER_OK)
        return status;
    for (size_t i = 0; i < list->count; i++)
        if (!read_words((context_row *)(uintptr_t)list->items[i])) /* ours until it is given */
            return unknown_word(call, list);
    return tkr_give(call, list);
}

tasker_status tasker_execution_context_get(tasker_db *db, const tasker_uuid *task_uuid,
                                           const tasker_execution_context **out)
{
    tkr_call call = tkr_begin(db);
    tkr_add_execution_context_get(&call, task_uuid);
    return tkr_run_for_pointer(&call, finish_context, out);
}

tasker_status tasker_execution_context_list(tasker_db *db, const tasker_uuid *task_uuids, size_t count,
                                            const tasker_execution_contexts **out)
{
    tkr_call call = tkr_begin(db);
    tkr_add_execution_context_list(&call, task_uuids, count);
    return tkr_run_for_pointer(&call, finish_contexts, out);
}
