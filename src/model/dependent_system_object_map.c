/* SPDX-License-Identifier: MIT */
#include "tasker/dependent_system_object_map.h"
#include <string.h>
#include "model/registry.h"
#include "model/transaction.h"
#include "statement/page.h"
#include "statements.h"
#include "value/error.h"

typedef tasker_dependent_system_object_map object_map;
typedef tasker_dependent_system_object_map_input map_input;
typedef tasker_dependent_system_object_map_filter map_filter;

static const tkr_column columns[] = {
    TKR_COLUMN(object_map, dependent_system_object_map_id),
    TKR_COLUMN(object_map, dependent_system_one_uuid),
    TKR_COLUMN(object_map, dependent_system_two_uuid),
    TKR_COLUMN(object_map, remote_id_one),
    TKR_COLUMN(object_map, remote_id_two),
    TKR_COLUMN(object_map, created_at),
    TKR_COLUMN(object_map, updated_at),
    TKR_COLUMN(object_map, system_one_name),
    TKR_COLUMN(object_map, system_two_name),
    TKR_END_COLUMNS,
};
const tkr_entity tkr_entity_dependent_system_object_map = {"dependent_system_object_map", sizeof(object_map), columns};

static const tkr_column pair_columns[] = {
    TKR_COLUMN(tasker_object_map_pair, dependent_system_one_uuid),
    TKR_COLUMN(tasker_object_map_pair, dependent_system_two_uuid),
    TKR_COLUMN(tasker_object_map_pair, system_one_name),
    TKR_COLUMN(tasker_object_map_pair, system_two_name),
    TKR_COLUMN(tasker_object_map_pair, maps),
    TKR_END_COLUMNS,
};
const tkr_entity tkr_entity_object_map_pair = {"object_map_pair", sizeof(tasker_object_map_pair), pair_columns};

/* ---- making ---- */

/* What finish needs to look for the map that is in the way. */
typedef struct sought {
    tasker_uuid one, two;
    tasker_text remote_id_one, remote_id_two; /* kept by the call */
    bool found_is_fine, looked;
} sought;

static void add_look(tkr_call *call, sought *s)
{
    static const int32_t oldest = 0, one_row = 1;
    s->looked = true;
    tkr_nothing_written(call);
    tkr_add_dependent_system_object_map_query(call, &s->one, &s->two, NULL, s->remote_id_one, s->remote_id_two,
                                              (tasker_text){NULL, 0}, NULL, NULL, oldest, one_row);
}

/* No row: the map is there, or a system is not. */
static tasker_status finish_make(tkr_call *call)
{
    sought *s = call->state;
    void *row = NULL;
    uint32_t answer = s->looked ? 0 : 1; /* the lock's comes first */
    if (tkr_rows(call, answer) == 0 && !s->looked) {
        add_look(call, s);
        return TASKER_AGAIN;
    }
    if (tkr_rows(call, answer) == 0)
        return tkr_error_set(call->error, TASKER_REFERENCE_MISSING, "no such dependent system");
    if (s->looked && !s->found_is_fine)
        return tkr_error_set(call->error, TASKER_DUPLICATE, "dependent_system_object_map: the map is there already");
    tasker_status status = tkr_take_one(call, answer, &row);
    return status == TASKER_OK ? tkr_give(call, row) : status;
}

/* Both statements take the same parameters. */
typedef __typeof__(tkr_add_dependent_system_object_map_create) *add_make;

static tasker_status make(tasker_db *db, const map_input *input, add_make add, bool found_is_fine, void *out)
{
    tkr_call call = tkr_begin(db);
    if (!tkr_check_input(&call, input, TKR_RESERVED(input)))
        return tkr_abandon_for_pointer(&call, out);
    const tasker_uuid *one = tkr_given(&input->dependent_system_one_uuid);
    const tasker_uuid *two = tkr_given(&input->dependent_system_two_uuid);
    tkr_add_dependent_system_object_map_create__lock(&call, one, two, input->remote_id_one, input->remote_id_two);
    add(&call, one, two, input->remote_id_one, input->remote_id_two);
    sought *s = call.state = tkr_keep(&call, sizeof *s);
    if (s != NULL)
        *s = (sought){input->dependent_system_one_uuid,
                      input->dependent_system_two_uuid,
                      tkr_keep_text(&call, input->remote_id_one),
                      tkr_keep_text(&call, input->remote_id_two),
                      found_is_fine,
                      false};
    return tkr_run_for_pointer(&call, finish_make, out);
}

static tasker_status create(tasker_db *db, const void *inputs, size_t count, void *out)
{
    (void)count;
    return make(db, inputs, tkr_add_dependent_system_object_map_create, false, out);
}

tasker_status tasker_dependent_system_object_map_create(tasker_db *db, const map_input *input, const object_map **out)
{
    return tkr_create_numbered(db, create, input, 1, out);
}

tasker_status tasker_dependent_system_object_map_find_or_create(tasker_db *db, const map_input *input,
                                                                const object_map **out)
{
    return make(db, input, tkr_add_dependent_system_object_map_find_or_create, true, out);
}

/* ---- changing ---- */

tasker_status tasker_dependent_system_object_map_update(tasker_db *db, int64_t dependent_system_object_map_id,
                                                        const map_input *input, const object_map **out)
{
    tkr_call call = tkr_begin(db);
    if (!tkr_check_input(&call, input, TKR_RESERVED(input)))
        return tkr_abandon_for_pointer(&call, out);
    tkr_refuse_clear(&call, "remote_id_one", input->remote_id_one.ptr);
    tkr_refuse_clear(&call, "remote_id_two", input->remote_id_two.ptr);
    tkr_add_dependent_system_object_map_update(
        &call, dependent_system_object_map_id, tkr_given(&input->dependent_system_one_uuid),
        tkr_given(&input->dependent_system_two_uuid), input->remote_id_one, input->remote_id_two);
    return tkr_update_numbered(&call, TKR_STATEMENT_dependent_system_object_map_get, dependent_system_object_map_id,
                               out);
}

tasker_status tasker_dependent_system_object_map_delete(tasker_db *db, int64_t dependent_system_object_map_id)
{
    tkr_call call = tkr_begin(db);
    tkr_add_dependent_system_object_map_delete(&call, dependent_system_object_map_id);
    return tkr_delete(&call);
}

/* ---- reading ---- */

tasker_status tasker_dependent_system_object_map_get(tasker_db *db, int64_t dependent_system_object_map_id,
                                                     const object_map **out)
{
    tkr_call call = tkr_begin(db);
    tkr_add_dependent_system_object_map_get(&call, dependent_system_object_map_id);
    return tkr_get(&call, out);
}

#define FILTER(f)                                                                                                      \
    (f)->dependent_system_one_uuid, (f)->dependent_system_two_uuid, (f)->either_system, (f)->remote_id_one,            \
        (f)->remote_id_two, (f)->either_remote_id

tasker_status tasker_dependent_system_object_map_query(tasker_db *db, const map_filter *filter, const tasker_page *page,
                                                       const tasker_dependent_system_object_maps **out)
{
    tkr_call call = tkr_begin(db);
    tkr_page p = tkr_page_of(&call, page, TKR_ORDERS_OF_KEYED);
    p.numbered = true;
    filter = TKR_FILTER(&call, filter);
    tkr_add_dependent_system_object_map_query(&call, FILTER(filter), TKR_PAGE(p));
    return tkr_query_page(&call, &p, out);
}

tasker_status tasker_dependent_system_object_map_count(tasker_db *db, const map_filter *filter, int64_t *out)
{
    tkr_call call = tkr_begin(db);
    filter = TKR_FILTER(&call, filter);
    tkr_add_dependent_system_object_map_count(&call, FILTER(filter), NULL);
    return tkr_get_count(&call, out);
}

tasker_status tasker_dependent_system_object_map_exists(tasker_db *db, const map_filter *filter, bool *out)
{
    tkr_call call = tkr_begin(db);
    filter = TKR_FILTER(&call, filter);
    tkr_add_dependent_system_object_map_count(&call, FILTER(filter), &tkr_one);
    return tkr_get_exists(&call, out);
}

tasker_status tasker_dependent_system_object_map_list_pairs(tasker_db *db, const tasker_object_map_pairs **out)
{
    tkr_call call = tkr_begin(db);
    tkr_add_dependent_system_object_map_list_pairs(&call);
    return tkr_list_all(&call, out);
}
