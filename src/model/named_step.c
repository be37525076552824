/* SPDX-License-Identifier: MIT */
#include "tasker/named_step.h"
#include <string.h>
#include "model/cursor.h"
#include "model/many.h"
#include "model/registry.h"
#include "statements.h"
#include "value/error.h"
#include "value/text.h"

static const tkr_column columns[] = {
    TKR_COLUMN(tasker_named_step, named_step_uuid),
    TKR_COLUMN(tasker_named_step, dependent_system_uuid),
    TKR_COLUMN(tasker_named_step, name),
    TKR_OPTIONAL(tasker_named_step, description),
    TKR_COLUMN(tasker_named_step, created_at),
    TKR_COLUMN(tasker_named_step, updated_at),
    TKR_END_COLUMNS,
};
const tkr_entity tkr_entity_named_step = {"named_step", sizeof(tasker_named_step), columns};

typedef struct resolved_step {
    int32_t n; /* index into the names */
    tasker_uuid named_step_uuid;
} resolved_step;
static const tkr_column resolved_columns[] = {
    TKR_COLUMN(resolved_step, n),
    TKR_COLUMN(resolved_step, named_step_uuid),
    TKR_END_COLUMNS,
};
const tkr_entity tkr_entity_resolved_step = {"resolved_step", sizeof(resolved_step), resolved_columns};

tasker_status tasker_named_step_create(tasker_db *db, const tasker_named_step_input *input,
                                       const tasker_named_step **out)
{
    tkr_call call = tkr_begin(db);
    if (!tkr_check_input(&call, input, TKR_RESERVED(input)))
        return tkr_abandon_for_pointer(&call, out);
    tasker_uuid key = tkr_key(&call, &input->named_step_uuid);
    tkr_add_named_step_create(&call, &key, tkr_given(&input->dependent_system_uuid), input->name, input->description);
    return tkr_create(&call, TKR_STATEMENT_named_step_get, out);
}

tasker_status tasker_named_step_get(tasker_db *db, const tasker_uuid *named_step_uuid, const tasker_named_step **out)
{
    tkr_call call = tkr_begin(db);
    tkr_add_named_step_get(&call, named_step_uuid);
    return tkr_get(&call, out);
}

tasker_status tasker_named_step_find_by_name(tasker_db *db, tasker_text dependent_system_name, tasker_text name,
                                             const tasker_named_step **out)
{
    tkr_call call = tkr_begin(db);
    tkr_add_named_step_find_by_name(&call, dependent_system_name, name);
    return tkr_find(&call, out);
}

tasker_status tasker_named_step_find_or_create(tasker_db *db, const tasker_named_step_input *input,
                                               const tasker_named_step **out)
{
    tkr_call call = tkr_begin(db);
    if (!tkr_check_input(&call, input, TKR_RESERVED(input)))
        return tkr_abandon_for_pointer(&call, out);
    tasker_uuid key = tkr_key(&call, &input->named_step_uuid);
    tkr_add_named_step_find_or_create(&call, &key, tkr_given(&input->dependent_system_uuid), input->name,
                                      input->description);
    return tkr_found_or_made(&call, out);
}

static tasker_status create_many(tasker_db *db, const void *inputs, size_t count, void *out)
{
    const tasker_named_step_input *all = inputs;
    tkr_call call = tkr_begin(db);
    if (!TKR_CHECK_INPUTS(&call, all, count))
        return tkr_abandon_for_pointer(&call, out);
    tasker_uuid *keys = TKR_EACH(&call, all, count, named_step_uuid);
    const tasker_uuid *systems = TKR_EACH(&call, all, count, dependent_system_uuid);
    const tasker_text *names = TKR_EACH(&call, all, count, name);
    const tasker_text *descriptions = TKR_EACH(&call, all, count, description);
    tkr_fill_keys(&call, keys, count);
    tkr_require_uuids(&call, "dependent_system_uuid", systems, count);
    tkr_require_texts(&call, "name", names, count);
    tkr_add_named_step_create_many(&call, keys, count, systems, count, names, count, descriptions, count);
    return tkr_create_many(&call, TKR_STATEMENT_named_step_create_many__taken, 3, count, out);
}

tasker_status tasker_named_step_create_many(tasker_db *db, const tasker_named_step_input *inputs, size_t count,
                                            const tasker_named_steps **out)
{
    return tkr_create_again(db, create_many, inputs, count, out);
}

tasker_status tasker_named_step_update(tasker_db *db, const tasker_uuid *named_step_uuid,
                                       const tasker_named_step_input *input, const tasker_named_step **out)
{
    tkr_call call = tkr_begin(db);
    if (!tkr_check_input(&call, input, TKR_RESERVED(input)) ||
        !tkr_check_update(&call, named_step_uuid, &input->named_step_uuid))
        return tkr_abandon_for_pointer(&call, out);
    tkr_refuse_clear(&call, "name", input->name.ptr);
    tkr_add_named_step_update(&call, named_step_uuid, tkr_given(&input->dependent_system_uuid), input->name,
                              input->description, TKR_CLEARS(input->description));
    return tkr_update(&call, TKR_STATEMENT_named_step_get, out);
}

tasker_status tasker_named_step_delete(tasker_db *db, const tasker_uuid *named_step_uuid)
{
    tkr_call call = tkr_begin(db);
    tkr_add_named_step_delete(&call, named_step_uuid);
    return tkr_delete(&call);
}

#define FILTER(f)                                                                                                      \
    (f)->named_step_uuids, (f)->named_step_uuid_count, (f)->dependent_system_uuid, (f)->except,                        \
        (f)->dependent_system_name, (f)->name, (f)->search

tasker_status tasker_named_step_query(tasker_db *db, const tasker_named_step_filter *filter, const tasker_page *page,
                                      const tasker_named_steps **out)
{
    tkr_call call = tkr_begin(db);
    tkr_page p = tkr_page_of(&call, page, TKR_ORDERS_OF_NAMED);
    p.anchor = TKR_STATEMENT_named_step_get;
    filter = TKR_FILTER(&call, filter);
    tkr_add_named_step_query(&call, FILTER(filter), TKR_PAGE(p));
    return tkr_query_page(&call, &p, out);
}

tasker_status tasker_named_step_stream(tasker_db *db, const tasker_named_step_filter *filter,
                                       const tasker_cursor_options *options, tasker_cursor **out)
{
    tkr_call call = tkr_begin_now(db);
    tkr_page p = tkr_page_of_cursor(&call, options, TKR_ORDERS_OF_NAMED);
    p.anchor = TKR_STATEMENT_named_step_get;
    filter = TKR_FILTER(&call, filter);
    tkr_add_named_step_query(&call, FILTER(filter), TKR_PAGE(p));
    return tkr_stream(&call, &p, out);
}

tasker_status tasker_named_step_next(tasker_cursor *cursor, const tasker_named_step **out)
{
    return tkr_next(cursor, &tkr_entity_named_step, out);
}

tasker_status tasker_named_step_count(tasker_db *db, const tasker_named_step_filter *filter, int64_t *out)
{
    tkr_call call = tkr_begin(db);
    filter = TKR_FILTER(&call, filter);
    tkr_add_named_step_count(&call, FILTER(filter), NULL);
    return tkr_get_count(&call, out);
}

tasker_status tasker_named_step_exists(tasker_db *db, const tasker_named_step_filter *filter, bool *out)
{
    tkr_call call = tkr_begin(db);
    filter = TKR_FILTER(&call, filter);
    tkr_add_named_step_count(&call, FILTER(filter), &tkr_one);
    return tkr_get_exists(&call, out);
}

/* ---- resolve ---- */

/* The rows come in the order of the names, one for each that is there; out is written once all are known to be. */
static tasker_status finish_resolve(tkr_call *call)
{
    size_t count;
    resolved_step step = {0};
    memcpy(&count, call->context, sizeof count);
    tasker_uuid *keys = tkr_keep(call, count * sizeof *keys);
    tasker_status status = keys != NULL ? TASKER_OK : TASKER_OUT_OF_MEMORY;
    for (size_t i = 0; i < count && status == TASKER_OK; i++) {
        if (i < (size_t)tkr_rows(call, 0))
            status = tkr_read_row(call, 0, (int)i, &step);
        if (status != TASKER_OK)
            return status;
        if (i >= (size_t)tkr_rows(call, 0) || (size_t)step.n != i) {
            status = tkr_error_set(call->error, TASKER_NOT_FOUND, "names[%zu]: no such named step", i);
            call->error->item = (int64_t)i;
        }
        keys[i] = step.named_step_uuid;
    }
    if (status == TASKER_OK)
        memcpy(call->out, keys, count * sizeof *keys);
    return status;
}

static void add_create_missing(tkr_call *call, tasker_text dependent_system_name, const tasker_text *names,
                               size_t count)
{
    tasker_uuid *ids = tkr_keep(call, (count + 1) * sizeof *ids);
    if (ids != NULL && tkr_new_ids(call, count + 1, ids))
        tkr_add_named_step_resolve__create(call, dependent_system_name, names, count, &ids[0], ids + 1, count);
}

tasker_status tasker_named_step_resolve(tasker_db *db, tasker_text dependent_system_name, const tasker_text *names,
                                        size_t count, bool create_missing, tasker_uuid *out)
{
    tkr_call call = tkr_begin(db);
    if (call.status != TASKER_OK || count == 0)
        return tkr_abandon(&call);
    if (out == NULL || names == NULL)
        tkr_refuse(&call, TASKER_INVALID_ARGUMENT, "names and out are required");
    else if (count > (size_t)db->limits.rows)
        tkr_refuse(&call, TASKER_LIMIT_EXCEEDED, "more than the %d rows allowed", db->limits.rows);
    for (size_t i = 0; call.status == TASKER_OK && i < count; i++)
        if (tkr_is_absent(names[i].ptr)) {
            tkr_refuse(&call, TASKER_INVALID_ARGUMENT, "names[%zu] is required", i);
            tkr_refuse_item(&call, i);
        }
    if (create_missing)
        add_create_missing(&call, dependent_system_name, names, count);
    else
        tkr_add_named_step_resolve(&call, dependent_system_name, names, count);
    memcpy(call.context, &count, sizeof count);
    return tkr_run(&call, finish_resolve, out);
}
