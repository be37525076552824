/* SPDX-License-Identifier: MIT */
#include "tasker/named_task.h"
#include <string.h>
#include "model/registry.h"
#include "statements.h"

static const tkr_column columns[] = {
    TKR_COLUMN(tasker_named_task, named_task_uuid),
    TKR_COLUMN(tasker_named_task, task_namespace_uuid),
    TKR_COLUMN(tasker_named_task, name),
    TKR_OPTIONAL(tasker_named_task, description),
    TKR_COLUMN(tasker_named_task, version),
    TKR_OPTIONAL(tasker_named_task, configuration),
    TKR_COLUMN(tasker_named_task, created_at),
    TKR_COLUMN(tasker_named_task, updated_at),
    TKR_END_COLUMNS,
};
const tkr_entity tkr_entity_named_task = {"named_task", sizeof(tasker_named_task), columns};

tasker_status tasker_named_task_create(tasker_db *db, const tasker_named_task_input *input,
                                       const tasker_named_task **out)
{
    tkr_call call = tkr_begin(db);
    if (!tkr_check_input(&call, input, TKR_RESERVED(input)))
        return tkr_abandon_for_pointer(&call, out);
    tasker_uuid key = tkr_key(&call, &input->named_task_uuid);
    tkr_add_named_task_create(&call, &key, tkr_given(&input->task_namespace_uuid), input->name, input->version,
                              input->description, input->configuration);
    return tkr_create(&call, TKR_STATEMENT_named_task_get, out);
}

tasker_status tasker_named_task_get(tasker_db *db, const tasker_uuid *named_task_uuid, const tasker_named_task **out)
{
    tkr_call call = tkr_begin(db);
    tkr_add_named_task_get(&call, named_task_uuid);
    return tkr_get(&call, out);
}

tasker_status tasker_named_task_find_by_name(tasker_db *db, tasker_text namespace_name, tasker_text name,
                                             tasker_text version, const tasker_named_task **out)
{
    tkr_call call = tkr_begin(db);
    tkr_add_named_task_find_by_name(&call, namespace_name, name, version);
    return tkr_find(&call, out);
}

tasker_status tasker_named_task_find_or_create(tasker_db *db, const tasker_named_task_input *input,
                                               const tasker_named_task **out)
{
    tkr_call call = tkr_begin(db);
    if (!tkr_check_input(&call, input, TKR_RESERVED(input)))
        return tkr_abandon_for_pointer(&call, out);
    tasker_uuid key = tkr_key(&call, &input->named_task_uuid);
    tkr_add_named_task_find_or_create(&call, &key, tkr_given(&input->task_namespace_uuid), input->name, input->version,
                                      input->description, input->configuration);
    return tkr_found_or_made(&call, out);
}

tasker_status tasker_named_task_query(tasker_db *db, const tasker_named_task_filter *filter, const tasker_page *page,
                                      const tasker_named_tasks **out)
{
    static const tasker_named_task_filter all = {0};
    const tasker_named_task_filter *f = filter != NULL ? filter : &all;
    tkr_call call = tkr_begin(db);
    tkr_page p = tkr_page_of(&call, page, TKR_ORDERS_OF_NAMED);
    tkr_check_reserved(&call, f->reserved, sizeof f->reserved);
    tkr_add_named_task_query(&call, f->task_namespace_uuid, f->except, f->namespace_name, f->name, f->version,
                             f->search, f->latest, p.after, p.order, p.fetch);
    return tkr_query_page(&call, &p, out);
}

static char *append(char *to, tasker_text text)
{
    memcpy(to, text.ptr, text.len);
    return to + text.len;
}

tasker_status tasker_named_task_format(tasker_text namespace_name, tasker_text name, tasker_text version, size_t size,
                                       char *out)
{
    bool spaced = namespace_name.ptr != NULL;
    size_t ends = 2 + (spaced ? 1 : 0); /* the signs between the parts, and NUL */
    if (out == NULL || name.ptr == NULL || version.ptr == NULL)
        return TASKER_INVALID_ARGUMENT;
    if (size < ends || (spaced && namespace_name.len > size - ends))
        return TASKER_TOO_LONG;
    size_t left = size - ends - (spaced ? namespace_name.len : 0);
    if (name.len > left || version.len > left - name.len)
        return TASKER_TOO_LONG;
    if (spaced) {
        out = append(out, namespace_name);
        *out++ = '/';
    }
    out = append(out, name);
    *out++ = ':';
    *append(out, version) = '\0';
    return TASKER_OK;
}
