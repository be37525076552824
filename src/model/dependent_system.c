/* SPDX-License-Identifier: MIT */
#include "tasker/dependent_system.h"
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

tasker_status tasker_dependent_system_query(tasker_db *db, const tasker_dependent_system_filter *filter,
                                            const tasker_page *page, const tasker_dependent_systems **out)
{
    static const tasker_dependent_system_filter all = {0};
    const tasker_dependent_system_filter *f = filter != NULL ? filter : &all;
    tkr_call call = tkr_begin(db);
    tkr_page p = tkr_page_of(&call, page, TKR_ORDERS_OF_NAMED);
    tkr_check_reserved(&call, f->reserved, sizeof f->reserved);
    tkr_add_dependent_system_query(&call, f->name, f->search, f->except, f->custom, p.after, p.order, p.fetch);
    return tkr_query_page(&call, &p, out);
}
