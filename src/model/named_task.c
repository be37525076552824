/* SPDX-License-Identifier: MIT */
#include "tasker/named_task.h"
#include <string.h>
#include "model/registry.h"
#include "statements.h"
#include "value/error.h"

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

/* ---- create, find or create, update ---- */

/* Answers of the second round, which has a snapshot of its own. */
enum { KEY, TAKEN, FOUND };

typedef enum verb { CREATE, FIND_OR_CREATE, UPDATE } verb;

typedef struct wanted {
    verb verb;
    bool looked;
    tasker_uuid task_namespace_uuid;
    tasker_text name, version; /* the call's own */
} wanted;

static void add_look(tkr_call *call, wanted *w)
{
    const tasker_uuid *space = tkr_given(&w->task_namespace_uuid);
    w->looked = true;
    tkr_nothing_written(call);
    tkr_add_named_task_get(call, &call->error->key);
    tkr_add_named_task_create__taken(call, &call->error->key, space, w->name, w->version);
    if (w->verb == FIND_OR_CREATE)
        tkr_add_named_task_find_or_create__found(call, space, w->name, w->version);
}

static tasker_status give(tkr_call *call, uint32_t i)
{
    void *row = NULL;
    tasker_status status = tkr_take_one(call, i, &row);
    return status == TASKER_OK ? tkr_give(call, row) : status;
}

/* A name that is free by now, or taken by an index of somebody else, leaves the constraint unknown. */
static tasker_status name_taken(tkr_call *call)
{
    bool same_version = false;
    const char *constraint = NULL;
    if (tkr_rows(call, TAKEN) > 0) {
        tasker_status status = tkr_read_row(call, TAKEN, 0, &same_version);
        if (status != TASKER_OK)
            return status;
        constraint = same_version ? "tasker_named_tasks_namespace_name_version_unique"
                                  : "tasker_named_tasks_namespace_name_unique";
    }
    return tkr_duplicate(call, constraint, "another row has this natural key");
}

/* No row: a resend, another that was faster or is in the way, or an update of nothing. */
static tasker_status finish_write(tkr_call *call)
{
    wanted *w = (wanted *)(void *)call->context;
    if (!w->looked && tkr_rows(call, 0) > 0)
        return tkr_give_row(call);
    if (!w->looked) {
        add_look(call, w);
        return TASKER_AGAIN;
    }
    bool there = tkr_rows(call, KEY) > 0;
    if (w->verb == UPDATE && !there)
        return tkr_error_set(call->error, TASKER_NOT_FOUND, "named_task_update: no such row");
    if (w->verb == CREATE && there)
        return give(call, KEY);
    if (w->verb == FIND_OR_CREATE && tkr_rows(call, FOUND) > 0)
        return give(call, FOUND);
    if (w->verb == FIND_OR_CREATE && there)
        return tkr_duplicate(call, "tasker_named_tasks_pkey", "the key belongs to another row");
    return name_taken(call);
}

static bool check_input(tkr_call *call, const tasker_named_task_input *input)
{
    return tkr_check_input(call, input, TKR_RESERVED(input)) &&
           tkr_check_shape(call, "configuration", input->configuration, TASKER_JSON_SHAPE_OBJECT);
}

static tasker_status run_write(tkr_call *call, verb what, const tasker_named_task_input *input, void *out)
{
    wanted w = {.verb = what,
                .task_namespace_uuid = input->task_namespace_uuid,
                .name = tkr_keep_text(call, input->name),
                .version = tkr_keep_text(call, input->version)};
    _Static_assert(sizeof w <= TKR_CALL_CONTEXT, "wanted fits into the context");
    memcpy(call->context, &w, sizeof w);
    return tkr_run_for_pointer(call, finish_write, out);
}

tasker_status tasker_named_task_create(tasker_db *db, const tasker_named_task_input *input,
                                       const tasker_named_task **out)
{
    tkr_call call = tkr_begin(db);
    if (!check_input(&call, input))
        return tkr_abandon_for_pointer(&call, out);
    tasker_uuid key = tkr_key(&call, &input->named_task_uuid);
    tkr_add_named_task_create(&call, &key, tkr_given(&input->task_namespace_uuid), input->name, input->version,
                              input->description, input->configuration);
    return run_write(&call, CREATE, input, out);
}

tasker_status tasker_named_task_find_or_create(tasker_db *db, const tasker_named_task_input *input,
                                               const tasker_named_task **out)
{
    tkr_call call = tkr_begin(db);
    if (!check_input(&call, input))
        return tkr_abandon_for_pointer(&call, out);
    tasker_uuid key = tkr_key(&call, &input->named_task_uuid);
    tkr_add_named_task_find_or_create(&call, &key, tkr_given(&input->task_namespace_uuid), input->name, input->version,
                                      input->description, input->configuration);
    return run_write(&call, FIND_OR_CREATE, input, out);
}

tasker_status tasker_named_task_update(tasker_db *db, const tasker_uuid *named_task_uuid,
                                       const tasker_named_task_input *input, const tasker_named_task **out)
{
    tkr_call call = tkr_begin(db);
    if (!check_input(&call, input) || !tkr_check_update(&call, named_task_uuid, &input->named_task_uuid))
        return tkr_abandon_for_pointer(&call, out);
    tkr_refuse_clear(&call, "name", input->name.ptr);
    tkr_refuse_clear(&call, "version", input->version.ptr);
    tkr_refuse_clear(&call, "configuration", input->configuration.ptr);
    tkr_add_named_task_update(&call, named_task_uuid, tkr_given(&input->task_namespace_uuid), input->name,
                              input->version, input->description, TKR_CLEARS(input->description), input->configuration);
    return run_write(&call, UPDATE, input, out);
}

tasker_status tasker_named_task_delete(tasker_db *db, const tasker_uuid *named_task_uuid)
{
    tkr_call call = tkr_begin(db);
    tkr_add_named_task_delete(&call, named_task_uuid);
    return tkr_delete(&call);
}

/* ---- reading ---- */

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

#define FILTER(f)                                                                                                      \
    (f)->task_namespace_uuid, (f)->except, (f)->namespace_name, (f)->name, (f)->version, (f)->search, (f)->latest

tasker_status tasker_named_task_query(tasker_db *db, const tasker_named_task_filter *filter, const tasker_page *page,
                                      const tasker_named_tasks **out)
{
    tkr_call call = tkr_begin(db);
    tkr_page p = tkr_page_of(&call, page, TKR_ORDERS_OF_NAMED);
    p.anchor = TKR_STATEMENT_named_task_get;
    filter = TKR_FILTER(&call, filter);
    tkr_add_named_task_query(&call, FILTER(filter), TKR_PAGE(p));
    return tkr_query_page(&call, &p, out);
}

tasker_status tasker_named_task_count(tasker_db *db, const tasker_named_task_filter *filter, int64_t *out)
{
    tkr_call call = tkr_begin(db);
    filter = TKR_FILTER(&call, filter);
    tkr_add_named_task_count(&call, FILTER(filter), NULL);
    return tkr_get_count(&call, out);
}

tasker_status tasker_named_task_exists(tasker_db *db, const tasker_named_task_filter *filter, bool *out)
{
    tkr_call call = tkr_begin(db);
    filter = TKR_FILTER(&call, filter);
    tkr_add_named_task_count(&call, FILTER(filter), &tkr_one);
    return tkr_get_exists(&call, out);
}

/* ---- text ---- */

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
