/* SPDX-License-Identifier: MIT */
#include "tasker/annotation_type.h"
#include "model/registry.h"
#include "model/transaction.h"
#include "statement/page.h"
#include "statements.h"

/* clang-format off: tables of macros */
#define COLUMNS                                                                                                        \
    TKR_COLUMN(tasker_annotation_type, annotation_type_id), TKR_COLUMN(tasker_annotation_type, name),                  \
        TKR_OPTIONAL(tasker_annotation_type, description), TKR_COLUMN(tasker_annotation_type, created_at),             \
        TKR_COLUMN(tasker_annotation_type, updated_at)
/* clang-format on */

static const tkr_column columns[] = {COLUMNS, TKR_END_COLUMNS};
const tkr_entity tkr_entity_annotation_type = {"annotation_type", sizeof(tasker_annotation_type), columns};

static const tkr_column used_columns[] = {COLUMNS, TKR_COLUMN(tasker_annotation_type, uses), TKR_END_COLUMNS};
const tkr_entity tkr_entity_used_annotation_type = {"used_annotation_type", sizeof(tasker_annotation_type),
                                                    used_columns};

/* ---- writing ---- */

static tasker_status create(tasker_db *db, const void *inputs, size_t count, void *out)
{
    const tasker_annotation_type_input *input = inputs;
    (void)count;
    tkr_call call = tkr_begin(db);
    if (!tkr_check_input(&call, input, TKR_RESERVED(input)))
        return tkr_abandon_for_pointer(&call, out);
    tkr_add_annotation_type_create(&call, input->name, input->description);
    return tkr_create_once(&call, out);
}

tasker_status tasker_annotation_type_create(tasker_db *db, const tasker_annotation_type_input *input,
                                            const tasker_annotation_type **out)
{
    return tkr_create_numbered(db, create, input, 1, out);
}

tasker_status tasker_annotation_type_find_or_create(tasker_db *db, const tasker_annotation_type_input *input,
                                                    const tasker_annotation_type **out)
{
    tkr_call call = tkr_begin(db);
    if (!tkr_check_input(&call, input, TKR_RESERVED(input)))
        return tkr_abandon_for_pointer(&call, out);
    tkr_add_annotation_type_find_or_create(&call, input->name, input->description);
    return tkr_found_or_made(&call, out);
}

tasker_status tasker_annotation_type_update(tasker_db *db, int32_t annotation_type_id,
                                            const tasker_annotation_type_input *input,
                                            const tasker_annotation_type **out)
{
    tkr_call call = tkr_begin(db);
    if (!tkr_check_input(&call, input, TKR_RESERVED(input)))
        return tkr_abandon_for_pointer(&call, out);
    tkr_refuse_clear(&call, "name", input->name.ptr);
    tkr_add_annotation_type_update(&call, annotation_type_id, input->name, input->description,
                                   TKR_CLEARS(input->description));
    return tkr_update_numbered(&call, TKR_STATEMENT_annotation_type_get, annotation_type_id, out);
}

tasker_status tasker_annotation_type_delete(tasker_db *db, int32_t annotation_type_id)
{
    tkr_call call = tkr_begin(db);
    tkr_add_annotation_type_delete(&call, annotation_type_id);
    return tkr_delete(&call);
}

/* ---- reading ---- */

tasker_status tasker_annotation_type_get(tasker_db *db, int32_t annotation_type_id, const tasker_annotation_type **out)
{
    tkr_call call = tkr_begin(db);
    tkr_add_annotation_type_get(&call, annotation_type_id);
    return tkr_get(&call, out);
}

tasker_status tasker_annotation_type_find_by_name(tasker_db *db, tasker_text name, const tasker_annotation_type **out)
{
    tkr_call call = tkr_begin(db);
    tkr_add_annotation_type_find_by_name(&call, name);
    return tkr_find(&call, out);
}

#define FILTER(f) (f)->name, (f)->search

tasker_status tasker_annotation_type_query(tasker_db *db, const tasker_annotation_type_filter *filter,
                                           const tasker_page *page, const tasker_annotation_types **out)
{
    tkr_call call = tkr_begin(db);
    tkr_page p = tkr_page_of(&call, page, TKR_ORDERS_OF_NAMED);
    p.anchor = TKR_STATEMENT_annotation_type_get;
    p.numbered = true;
    filter = TKR_FILTER(&call, filter);
    tkr_add_annotation_type_query(&call, FILTER(filter), TKR_PAGE(p));
    return tkr_query_page(&call, &p, out);
}

tasker_status tasker_annotation_type_count(tasker_db *db, const tasker_annotation_type_filter *filter, int64_t *out)
{
    tkr_call call = tkr_begin(db);
    filter = TKR_FILTER(&call, filter);
    tkr_add_annotation_type_count(&call, FILTER(filter), NULL);
    return tkr_get_count(&call, out);
}

tasker_status tasker_annotation_type_exists(tasker_db *db, const tasker_annotation_type_filter *filter, bool *out)
{
    tkr_call call = tkr_begin(db);
    filter = TKR_FILTER(&call, filter);
    tkr_add_annotation_type_count(&call, FILTER(filter), &tkr_one);
    return tkr_get_exists(&call, out);
}

tasker_status tasker_annotation_type_list_by_use(tasker_db *db, const tasker_annotation_types **out)
{
    tkr_call call = tkr_begin(db);
    tkr_add_annotation_type_list_by_use(&call);
    return tkr_list_all(&call, out);
}
