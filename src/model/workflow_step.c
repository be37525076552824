/* SPDX-License-Identifier: MIT */
#include "tasker/workflow_step.h"
#include "model/cursor.h"
#include "model/registry.h"
#include "model/wake.h"
#include "statements.h"
#include "value/error.h"

enum { RETRY_LIMIT = 3 }; /* where a row has none */

static const tkr_column columns[] = {
    TKR_COLUMN(tasker_workflow_step, workflow_step_uuid),
    TKR_COLUMN(tasker_workflow_step, task_uuid),
    TKR_COLUMN(tasker_workflow_step, named_step_uuid),
    TKR_COLUMN(tasker_workflow_step, retryable),
    TKR_NULLABLE(tasker_workflow_step, retry_limit),
    TKR_COLUMN(tasker_workflow_step, in_process),
    TKR_COLUMN(tasker_workflow_step, processed),
    TKR_NULLABLE(tasker_workflow_step, processed_at),
    TKR_NULLABLE(tasker_workflow_step, attempts),
    TKR_NULLABLE(tasker_workflow_step, last_attempted_at),
    TKR_NULLABLE(tasker_workflow_step, backoff_request_seconds),
    TKR_OPTIONAL(tasker_workflow_step, inputs),
    TKR_OPTIONAL(tasker_workflow_step, results),
    TKR_COLUMN(tasker_workflow_step, skippable),
    TKR_COLUMN(tasker_workflow_step, created_at),
    TKR_COLUMN(tasker_workflow_step, updated_at),
    TKR_OPTIONAL(tasker_workflow_step, claim_id),
    TKR_OPTIONAL(tasker_workflow_step, reference_id),
    TKR_COLUMN(tasker_workflow_step, priority),
    TKR_COLUMN(tasker_workflow_step, claim_timeout_seconds),
    TKR_END_COLUMNS,
};
const tkr_entity tkr_entity_workflow_step = {"workflow_step", sizeof(tasker_workflow_step), columns};

static const tkr_column details_columns[] = {
    TKR_INNER(tasker_workflow_step_details, step, &tkr_entity_workflow_step),
    TKR_COLUMN(tasker_workflow_step_details, name),
    TKR_COLUMN(tasker_workflow_step_details, dependent_system_name),
    TKR_COLUMN(tasker_workflow_step_details, state),
    TKR_COLUMN(tasker_workflow_step_details, state_since),
    TKR_END_COLUMNS,
};
const tkr_entity tkr_entity_workflow_step_details = {"workflow_step_details", sizeof(tasker_workflow_step_details),
                                                     details_columns};

static void check_values(tkr_call *call, const tasker_workflow_step_input *input)
{
    if (input->has_retry_limit && input->retry_limit < 0)
        tkr_refuse(call, TASKER_INVALID_ARGUMENT, "retry_limit is negative");
    tkr_check_shape(call, "inputs", input->inputs, TASKER_JSON_SHAPE_OBJECT);
}

/* ---- creating: lock and insert in one flush; see the statements ---- */

enum { INSERT = 1 };

/* No row: the key stands already, or the task is not open. */
static tasker_status finish_create(tkr_call *call)
{
    void *row = NULL;
    if (call->answered[0] == &tkr_statements[TKR_STATEMENT_workflow_step_get])
        return tkr_rows(call, 0) > 0 ? tkr_give_row(call)
                                     : tkr_error_set(call->error, TASKER_GUARD_FAILED, "the task is not open");
    if (tkr_rows(call, INSERT) == 0) {
        tkr_nothing_written(call);
        tkr_add_workflow_step_get(call, &call->error->key);
        return TASKER_AGAIN;
    }
    tasker_status status = tkr_take_one(call, INSERT, &row);
    return status == TASKER_OK ? tkr_give(call, row) : status;
}

tasker_status tasker_workflow_step_create(tasker_db *db, const tasker_workflow_step_input *input,
                                          const tasker_workflow_step **out)
{
    tkr_call call = tkr_begin(db);
    tasker_uuid transition_uuid;
    if (!tkr_check_input(&call, input, TKR_RESERVED(input)))
        return tkr_abandon_for_pointer(&call, out);
    check_values(&call, input);
    tasker_uuid key = tkr_key(&call, &input->workflow_step_uuid);
    const tasker_uuid *task = tkr_given(&input->task_uuid);
    tkr_add_workflow_step_create__lock(&call, task);
    if (tkr_new_ids(&call, 1, &transition_uuid))
        tkr_add_workflow_step_create(&call, &key, task, tkr_given(&input->named_step_uuid), &transition_uuid,
                                     TKR_IF_HAS(input, retryable), TKR_IF_HAS(input, retry_limit),
                                     TKR_IF_HAS(input, skippable), TKR_IF_HAS(input, priority), input->inputs,
                                     input->reference_id);
    tkr_wake_for_tasks(&call, task, 1);
    return tkr_run_for_pointer(&call, finish_create, out);
}

/* ---- update and delete ---- */

/* No row: there is no such step, or the new limit lies below its starts. */
static tasker_status finish_update(tkr_call *call)
{
    bool looked = call->answered[0] == &tkr_statements[TKR_STATEMENT_workflow_step_get];
    if (looked && tkr_rows(call, 0) > 0)
        return tkr_error_set(call->error, TASKER_GUARD_FAILED, "the step was started more often than retry_limit says");
    if (looked)
        return tkr_error_set(call->error, TASKER_NOT_FOUND, "workflow_step_update: no such row");
    if (tkr_rows(call, 0) > 0)
        return tkr_give_row(call);
    tkr_nothing_written(call);
    tkr_add_workflow_step_get(call, &call->error->key);
    return TASKER_AGAIN;
}

tasker_status tasker_workflow_step_update(tasker_db *db, const tasker_uuid *workflow_step_uuid,
                                          const tasker_workflow_step_input *input, const tasker_workflow_step **out)
{
    tkr_call call = tkr_begin(db);
    if (!tkr_check_input(&call, input, TKR_RESERVED(input)) ||
        !tkr_check_update(&call, workflow_step_uuid, &input->workflow_step_uuid))
        return tkr_abandon_for_pointer(&call, out);
    if (!tasker_uuid_is_nil(&input->task_uuid) || !tasker_uuid_is_nil(&input->named_step_uuid))
        tkr_refuse(&call, TASKER_INVALID_ARGUMENT, "a step stays with its task and its named step");
    check_values(&call, input);
    tkr_add_workflow_step_update(&call, workflow_step_uuid, TKR_IF_HAS(input, retryable),
                                 TKR_IF_HAS(input, retry_limit), TKR_IF_HAS(input, skippable),
                                 TKR_IF_HAS(input, priority), input->inputs, TKR_CLEARS(input->inputs),
                                 input->reference_id, TKR_CLEARS(input->reference_id));
    if (input->has_retryable || input->has_retry_limit)
        tkr_wake_for_steps(&call, workflow_step_uuid, 1);
    return tkr_run_for_pointer(&call, finish_update, out);
}

tasker_status tasker_workflow_step_delete(tasker_db *db, const tasker_uuid *workflow_step_uuid)
{
    tkr_call call = tkr_begin(db);
    tkr_add_workflow_step_delete(&call, workflow_step_uuid);
    return tkr_delete(&call);
}

/* ---- reading ---- */

tasker_status tasker_workflow_step_get(tasker_db *db, const tasker_uuid *workflow_step_uuid,
                                       const tasker_workflow_step **out)
{
    tkr_call call = tkr_begin(db);
    tkr_add_workflow_step_get(&call, workflow_step_uuid);
    return tkr_get(&call, out);
}

tasker_status tasker_workflow_step_find_by_name(tasker_db *db, const tasker_uuid *task_uuid, tasker_text name,
                                                const tasker_workflow_step **out)
{
    tkr_call call = tkr_begin(db);
    tkr_add_workflow_step_find_by_name(&call, task_uuid, name);
    return tkr_find(&call, out);
}

#define FILTER(call, f)                                                                                                \
    (f)->workflow_step_uuids, (f)->workflow_step_uuid_count, (f)->task_uuids, (f)->task_uuid_count,                    \
        (f)->named_step_uuids, (f)->named_step_uuid_count, (f)->parents_of, (f)->children_of,                          \
        tkr_state_names(call, "states", (f)->states, (f)->state_count, false), (f)->state_count, (f)->name,            \
        TKR_IF_HAS(f, processed), TKR_IF_HAS(f, in_process), TKR_IF_HAS(f, retryable), TKR_IF_HAS(f, results),         \
        TKR_RANGE((f)->created), TKR_RANGE((f)->task_created), TKR_RANGE((f)->reached), TKR_RANGE((f)->last_attempted)

enum { ORDERS = TKR_ORDERS_OF_DATED | TKR_ORDER_BIT(TASKER_ORDER_PRIORITY) };

static void set_sort_values(tkr_page *page)
{
    page->recent_at = offsetof(tasker_workflow_step, last_attempted_at);
    page->priority_at = offsetof(tasker_workflow_step, priority);
}

tasker_status tasker_workflow_step_query(tasker_db *db, const tasker_workflow_step_filter *filter,
                                         const tasker_page *page, const tasker_workflow_steps **out)
{
    tkr_call call = tkr_begin(db);
    tkr_page p = tkr_page_of(&call, page, ORDERS);
    set_sort_values(&p);
    filter = TKR_FILTER(&call, filter);
    tkr_add_workflow_step_query(&call, FILTER(&call, filter), TKR_PAGE(p));
    return tkr_query_page(&call, &p, out);
}

tasker_status tasker_workflow_step_query_details(tasker_db *db, const tasker_workflow_step_filter *filter,
                                                 const tasker_page *page, const tasker_workflow_step_detail_list **out)
{
    tkr_call call = tkr_begin(db);
    tkr_page p = tkr_page_of(&call, page, ORDERS);
    set_sort_values(&p);
    filter = TKR_FILTER(&call, filter);
    tkr_add_workflow_step_query_details(&call, FILTER(&call, filter), TKR_PAGE(p));
    return tkr_query_page(&call, &p, out);
}

tasker_status tasker_workflow_step_stream(tasker_db *db, const tasker_workflow_step_filter *filter,
                                          const tasker_cursor_options *options, tasker_cursor **out)
{
    tkr_call call = tkr_begin_now(db);
    tkr_page p = tkr_page_of_cursor(&call, options, ORDERS);
    set_sort_values(&p);
    filter = TKR_FILTER(&call, filter);
    tkr_add_workflow_step_query(&call, FILTER(&call, filter), TKR_PAGE(p));
    return tkr_stream(&call, &p, out);
}

tasker_status tasker_workflow_step_next(tasker_cursor *cursor, const tasker_workflow_step **out)
{
    return tkr_next(cursor, &tkr_entity_workflow_step, out);
}

tasker_status tasker_workflow_step_count(tasker_db *db, const tasker_workflow_step_filter *filter, int64_t *out)
{
    tkr_call call = tkr_begin(db);
    filter = TKR_FILTER(&call, filter);
    tkr_add_workflow_step_count(&call, FILTER(&call, filter), NULL);
    return tkr_get_count(&call, out);
}

tasker_status tasker_workflow_step_exists(tasker_db *db, const tasker_workflow_step_filter *filter, bool *out)
{
    tkr_call call = tkr_begin(db);
    filter = TKR_FILTER(&call, filter);
    tkr_add_workflow_step_count(&call, FILTER(&call, filter), &tkr_one);
    return tkr_get_exists(&call, out);
}

tasker_status tasker_workflow_step_get_states(tasker_db *db, const tasker_uuid *workflow_step_uuids, size_t count,
                                              tasker_state *out)
{
    tkr_call call = tkr_begin(db);
    tkr_add_workflow_step_get_states(&call, workflow_step_uuids, count);
    return tkr_get_states(&call, count, out);
}

/* ---- what a row says by itself ---- */

bool tasker_workflow_step_has_attempts_left(const tasker_workflow_step *step)
{
    int32_t attempts = step->has_attempts ? step->attempts : 0;
    return attempts == 0 || attempts < (step->has_retry_limit ? step->retry_limit : RETRY_LIMIT);
}

/* Compared as differences, since a time may lie at either end of its range. */
bool tasker_workflow_step_is_waiting(const tasker_workflow_step *step, tasker_time now)
{
    if (!step->has_backoff_request_seconds || !step->has_last_attempted_at)
        return false;
    int64_t backoff_us = (int64_t)step->backoff_request_seconds * 1000000, waited_us;
    if (__builtin_sub_overflow(now.us, step->last_attempted_at.us, &waited_us))
        return now.us < step->last_attempted_at.us;
    return waited_us < backoff_us;
}

bool tasker_workflow_step_is_eligible(const tasker_workflow_step *step, tasker_time now)
{
    return !step->processed && !step->in_process && !tasker_workflow_step_is_waiting(step, now);
}
