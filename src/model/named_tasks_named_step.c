/* SPDX-License-Identifier: MIT */
#include "tasker/named_tasks_named_step.h"
#include "model/registry.h"
#include "statements.h"

static const tkr_column columns[] = {
    TKR_COLUMN(tasker_named_tasks_named_step, ntns_uuid),
    TKR_COLUMN(tasker_named_tasks_named_step, named_task_uuid),
    TKR_COLUMN(tasker_named_tasks_named_step, named_step_uuid),
    TKR_COLUMN(tasker_named_tasks_named_step, skippable),
    TKR_COLUMN(tasker_named_tasks_named_step, default_retryable),
    TKR_COLUMN(tasker_named_tasks_named_step, default_retry_limit),
    TKR_COLUMN(tasker_named_tasks_named_step, created_at),
    TKR_COLUMN(tasker_named_tasks_named_step, updated_at),
    TKR_COLUMN(tasker_named_tasks_named_step, named_task_name),
    TKR_COLUMN(tasker_named_tasks_named_step, named_step_name),
    TKR_COLUMN(tasker_named_tasks_named_step, dependent_system_name),
    TKR_END_COLUMNS,
};
const tkr_entity tkr_entity_named_tasks_named_step = {"named_tasks_named_step", sizeof(tasker_named_tasks_named_step),
                                                      columns};

static bool check(tkr_call *call, const tasker_named_tasks_named_step_input *input)
{
    if (tkr_check_input(call, input, TKR_RESERVED(input)) && input->has_default_retry_limit &&
        input->default_retry_limit < 0)
        tkr_refuse(call, TASKER_INVALID_ARGUMENT, "default_retry_limit is negative");
    return call->status == TASKER_OK;
}

tasker_status tasker_named_tasks_named_step_create(tasker_db *db, const tasker_named_tasks_named_step_input *input,
                                                   const tasker_named_tasks_named_step **out)
{
    tkr_call call = tkr_begin(db);
    if (!check(&call, input))
        return tkr_abandon_for_pointer(&call, out);
    tasker_uuid key = tkr_key(&call, &input->ntns_uuid);
    tkr_add_named_tasks_named_step_create(&call, &key, tkr_given(&input->named_task_uuid),
                                          tkr_given(&input->named_step_uuid), TKR_IF_HAS(input, skippable),
                                          TKR_IF_HAS(input, default_retryable), TKR_IF_HAS(input, default_retry_limit));
    return tkr_create(&call, TKR_STATEMENT_named_tasks_named_step_get, out);
}

tasker_status tasker_named_tasks_named_step_get(tasker_db *db, const tasker_uuid *ntns_uuid,
                                                const tasker_named_tasks_named_step **out)
{
    tkr_call call = tkr_begin(db);
    tkr_add_named_tasks_named_step_get(&call, ntns_uuid);
    return tkr_get(&call, out);
}

tasker_status tasker_named_tasks_named_step_find_or_create(tasker_db *db,
                                                           const tasker_named_tasks_named_step_input *input,
                                                           const tasker_named_tasks_named_step **out)
{
    tkr_call call = tkr_begin(db);
    if (!check(&call, input))
        return tkr_abandon_for_pointer(&call, out);
    tasker_uuid key = tkr_key(&call, &input->ntns_uuid);
    tkr_add_named_tasks_named_step_find_or_create(
        &call, &key, tkr_given(&input->named_task_uuid), tkr_given(&input->named_step_uuid),
        TKR_IF_HAS(input, skippable), TKR_IF_HAS(input, default_retryable), TKR_IF_HAS(input, default_retry_limit));
    return tkr_found_or_made(&call, out);
}

tasker_status tasker_named_tasks_named_step_update(tasker_db *db, const tasker_uuid *ntns_uuid,
                                                   const tasker_named_tasks_named_step_input *input,
                                                   const tasker_named_tasks_named_step **out)
{
    tkr_call call = tkr_begin(db);
    if (!check(&call, input) || !tkr_check_update(&call, ntns_uuid, &input->ntns_uuid))
        return tkr_abandon_for_pointer(&call, out);
    tkr_add_named_tasks_named_step_update(&call, ntns_uuid, tkr_given(&input->named_task_uuid),
                                          tkr_given(&input->named_step_uuid), TKR_IF_HAS(input, skippable),
                                          TKR_IF_HAS(input, default_retryable), TKR_IF_HAS(input, default_retry_limit));
    return tkr_update(&call, TKR_STATEMENT_named_tasks_named_step_get, out);
}

tasker_status tasker_named_tasks_named_step_delete(tasker_db *db, const tasker_uuid *ntns_uuid)
{
    tkr_call call = tkr_begin(db);
    tkr_add_named_tasks_named_step_delete(&call, ntns_uuid);
    return tkr_delete(&call);
}

#define FILTER(f) (f)->named_task_uuid, (f)->named_step_uuid, TKR_IF_HAS(f, skippable), TKR_IF_HAS(f, default_retryable)

tasker_status tasker_named_tasks_named_step_query(tasker_db *db, const tasker_named_tasks_named_step_filter *filter,
                                                  const tasker_page *page, const tasker_named_tasks_named_steps **out)
{
    tkr_call call = tkr_begin(db);
    tkr_page p = tkr_page_of(&call, page, TKR_ORDERS_OF_NAMED);
    p.anchor = TKR_STATEMENT_named_tasks_named_step_get;
    filter = TKR_FILTER(&call, filter);
    tkr_add_named_tasks_named_step_query(&call, FILTER(filter), TKR_PAGE(p));
    return tkr_query_page(&call, &p, out);
}

tasker_status tasker_named_tasks_named_step_count(tasker_db *db, const tasker_named_tasks_named_step_filter *filter,
                                                  int64_t *out)
{
    tkr_call call = tkr_begin(db);
    filter = TKR_FILTER(&call, filter);
    tkr_add_named_tasks_named_step_count(&call, FILTER(filter), NULL);
    return tkr_get_count(&call, out);
}

tasker_status tasker_named_tasks_named_step_exists(tasker_db *db, const tasker_named_tasks_named_step_filter *filter,
                                                   bool *out)
{
    tkr_call call = tkr_begin(db);
    filter = TKR_FILTER(&call, filter);
    tkr_add_named_tasks_named_step_count(&call, FILTER(filter), &tkr_one);
    return tkr_get_exists(&call, out);
}
