/* SPDX-License-Identifier: MIT */
#include "tasker/dependent_system.h"
#include "model/many.h"
#include "model/registry.h"
#include "statement/page.h"
#include "statements.h"

static const tkr_column columns[] = {
    TKR_COLUMN(tasker_dependent_system, dependent_system_uuid),
    TKR_COLUMN(tasker_dependent_system, name),
    TKR_OPTIONAL(tasker_dependent_system, description),
    TKR_COLUMN(tasker_dependent_system, created_at),
    TKR_COLUMN(tasker_dependent_system, updated_at),
    TKR_END_COLUMNS,
};
const tkr_entity tkr_entity_dependent_system = {"dependent_system", sizeof(tasker_dependent_system), columns};

/* ---- writing ---- */

tasker_status tasker_dependent_system_create(tasker_db *db, const tasker_dependent_system_input *input,
                                             const tasker_dependent_system **out)
{
    tkr_call call = tkr_begin(db);
    if (!tkr_check_input(&call, input, TKR_RESERVED(input)))
        return tkr_abandon_for_pointer(&call, out);
    tasker_uuid key = tkr_key(&call, &input->dependent_system_uuid);
    tkr_add_dependent_system_create(&call, &key, input->name, input->description);
    return tkr_create(&call, TKR_STATEMENT_dependent_system_get, out);
}

static tasker_status create_many(tasker_db *db, const void *inputs, size_t count, void *out)
{
    const tasker_dependent_system_input *all = inputs;
    tkr_call call = tkr_begin(db);
    if (!TKR_CHECK_INPUTS(&call, all, count))
        return tkr_abandon_for_pointer(&call, out);
    tasker_uuid *keys = TKR_EACH(&call, all, count, dependent_system_uuid);
    const tasker_text *names = TKR_EACH(&call, all, count, name);
    const tasker_text *descriptions = TKR_EACH(&call, all, count, description);
    tkr_fill_keys(&call, keys, count);
    tkr_require_texts(&call, "name", names, count);
    tkr_add_dependent_system_create_many(&call, keys, count, names, count, descriptions, count);
    return tkr_create_many(&call, TKR_STATEMENT_dependent_system_create_many__taken, 2, count, out);
}

tasker_status tasker_dependent_system_create_many(tasker_db *db, const tasker_dependent_system_input *inputs,
                                                  size_t count, const tasker_dependent_systems **out)
{
    return tkr_create_again(db, create_many, inputs, count, out);
}

tasker_status tasker_dependent_system_find_or_create(tasker_db *db, const tasker_dependent_system_input *input,
                                                     const tasker_dependent_system **out)
{
    tkr_call call = tkr_begin(db);
    if (!tkr_check_input(&call, input, TKR_RESERVED(input)))
        return tkr_abandon_for_pointer(&call, out);
    tasker_uuid key = tkr_key(&call, &input->dependent_system_uuid);
    tkr_add_dependent_system_find_or_create(&call, &key, input->name, input->description);
    return tkr_found_or_made(&call, out);
}

tasker_status tasker_dependent_system_update(tasker_db *db, const tasker_uuid *dependent_system_uuid,
                                             const tasker_dependent_system_input *input,
                                             const tasker_dependent_system **out)
{
    tkr_call call = tkr_begin(db);
    if (!tkr_check_input(&call, input, TKR_RESERVED(input)) ||
        !tkr_check_update(&call, dependent_system_uuid, &input->dependent_system_uuid))
        return tkr_abandon_for_pointer(&call, out);
    tkr_refuse_clear(&call, "name", input->name.ptr);
    tkr_add_dependent_system_update(&call, dependent_system_uuid, input->name, input->description,
                                    TKR_CLEARS(input->description));
    return tkr_update(&call, TKR_STATEMENT_dependent_system_get, out);
}

tasker_status tasker_dependent_system_delete(tasker_db *db, const tasker_uuid *dependent_system_uuid)
{
    tkr_call call = tkr_begin(db);
    tkr_add_dependent_system_delete(&call, dependent_system_uuid);
    return tkr_delete(&call);
}

/* ---- reading ---- */

tasker_status tasker_dependent_system_get(tasker_db *db, const tasker_uuid *dependent_system_uuid,
                                          const tasker_dependent_system **out)
{
    tkr_call call = tkr_begin(db);
    tkr_add_dependent_system_get(&call, dependent_system_uuid);
    return tkr_get(&call, out);
}

tasker_status tasker_dependent_system_find_by_name(tasker_db *db, tasker_text name, const tasker_dependent_system **out)
{
    tkr_call call = tkr_begin(db);
    tkr_add_dependent_system_find_by_name(&call, name);
    return tkr_find(&call, out);
}

#define FILTER(f) (f)->name, (f)->search, (f)->except, (f)->custom

tasker_status tasker_dependent_system_query(tasker_db *db, const tasker_dependent_system_filter *filter,
                                            const tasker_page *page, const tasker_dependent_systems **out)
{
    tkr_call call = tkr_begin(db);
    tkr_page p = tkr_page_of(&call, page, TKR_ORDERS_OF_NAMED);
    p.anchor = TKR_STATEMENT_dependent_system_get;
    filter = TKR_FILTER(&call, filter);
    tkr_add_dependent_system_query(&call, FILTER(filter), TKR_PAGE(p));
    return tkr_query_page(&call, &p, out);
}

tasker_status tasker_dependent_system_count(tasker_db *db, const tasker_dependent_system_filter *filter, int64_t *out)
{
    tkr_call call = tkr_begin(db);
    filter = TKR_FILTER(&call, filter);
    tkr_add_dependent_system_count(&call, FILTER(filter), NULL);
    return tkr_get_count(&call, out);
}

tasker_status tasker_dependent_system_exists(tasker_db *db, const tasker_dependent_system_filter *filter, bool *out)
{
    tkr_call call = tkr_begin(db);
    filter = TKR_FILTER(&call, filter);
    tkr_add_dependent_system_count(&call, FILTER(filter), &tkr_one);
    return tkr_get_exists(&call, out);
}
