/* SPDX-License-Identifier: MIT */
#include "tasker/task_namespace.h"
#include "model/registry.h"
#include "statement/page.h"
#include "statements.h"

static const tkr_column columns[] = {
    TKR_COLUMN(tasker_task_namespace, task_namespace_uuid), TKR_COLUMN(tasker_task_namespace, name),
    TKR_OPTIONAL(tasker_task_namespace, description),       TKR_COLUMN(tasker_task_namespace, created_at),
    TKR_COLUMN(tasker_task_namespace, updated_at),          TKR_END_COLUMNS,
};
const tkr_entity tkr_entity_task_namespace = {"task_namespace", sizeof(tasker_task_namespace), columns};

tasker_status tasker_task_namespace_create(tasker_db *db, const tasker_task_namespace_input *input,
                                           const tasker_task_namespace **out)
{
    tkr_call call = tkr_begin(db);
    if (!tkr_check_input(&call, input, TKR_RESERVED(input)))
        return tkr_abandon(&call);
    tasker_uuid key = tkr_key(&call, &input->task_namespace_uuid);
    tkr_add_task_namespace_create(&call, &key, input->name, input->description);
    return tkr_create(&call, TKR_STATEMENT_task_namespace_get, out);
}

tasker_status tasker_task_namespace_get(tasker_db *db, const tasker_uuid *task_namespace_uuid,
                                        const tasker_task_namespace **out)
{
    tkr_call call = tkr_begin(db);
    tkr_add_task_namespace_get(&call, task_namespace_uuid);
    return tkr_get(&call, out);
}

tasker_status tasker_task_namespace_find_by_name(tasker_db *db, tasker_text name, const tasker_task_namespace **out)
{
    tkr_call call = tkr_begin(db);
    tkr_add_task_namespace_find_by_name(&call, name);
    return tkr_find(&call, out);
}

tasker_status tasker_task_namespace_find_or_create(tasker_db *db, const tasker_task_namespace_input *input,
                                                   const tasker_task_namespace **out)
{
    tkr_call call = tkr_begin(db);
    if (!tkr_check_input(&call, input, TKR_RESERVED(input)))
        return tkr_abandon(&call);
    tasker_uuid key = tkr_key(&call, &input->task_namespace_uuid);
    tkr_add_task_namespace_find_or_create(&call, &key, input->name, input->description);
    return tkr_found_or_made(&call, out);
}

tasker_status tasker_task_namespace_query(tasker_db *db, const tasker_task_namespace_filter *filter,
                                          const tasker_page *page, const tasker_task_namespaces **out)
{
    static const tasker_task_namespace_filter all = {0};
    const tasker_task_namespace_filter *f = filter != NULL ? filter : &all;
    tkr_call call = tkr_begin(db);
    tkr_page p = tkr_page_of(&call, page, TKR_ORDERS_OF_NAMED);
    tkr_check_reserved(&call, f->reserved, sizeof f->reserved);
    tkr_add_task_namespace_query(&call, f->name, f->search, f->except, f->custom, p.after, p.order, p.fetch);
    return tkr_query_page(&call, &p, out);
}
