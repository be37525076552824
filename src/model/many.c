/* SPDX-License-Identifier: MIT */
#include "model/many.h"
#include <string.h>
#include "model/registry.h"
#include "row/wire.h"
#include "value/error.h"
#include "value/text.h"

bool tkr_check_inputs(tkr_call *call, const void *inputs, size_t count, size_t stride, size_t reserved, size_t size)
{
    if (inputs == NULL && count > 0)
        tkr_refuse(call, TASKER_INVALID_ARGUMENT, "inputs are required");
    else if (call->status == TASKER_OK && count > (size_t)call->db->limits.rows)
        tkr_refuse(call, TASKER_LIMIT_EXCEEDED, "more than the %d rows allowed", call->db->limits.rows);
    for (size_t i = 0; i < count && call->status == TASKER_OK; i++) {
        tkr_check_reserved(call, (const unsigned char *)inputs + i * stride + reserved, size);
        if (call->status != TASKER_OK)
            tkr_refuse_item(call, i);
    }
    return call->status == TASKER_OK;
}

void *tkr_each(tkr_call *call, const void *inputs, size_t count, size_t stride, size_t offset, size_t size)
{
    unsigned char *members = tkr_keep(call, count * size + 1);
    for (size_t i = 0; i < count && members != NULL; i++)
        memcpy(members + i * size, (const unsigned char *)inputs + i * stride + offset, size);
    return members;
}

bool tkr_fill_keys(tkr_call *call, tasker_uuid *keys, size_t count)
{
    for (size_t i = 0; i < count && call->status == TASKER_OK; i++)
        if (tasker_uuid_is_nil(&keys[i]))
            tkr_new_ids(call, 1, &keys[i]);
    return call->status == TASKER_OK;
}

void tkr_require_texts(tkr_call *call, const char *name, const tasker_text *texts, size_t count)
{
    if (texts == NULL) /* adding the statement refuses the count */
        return;
    if (call->status == TASKER_OK && count > (size_t)call->db->limits.rows)
        tkr_refuse(call, TASKER_LIMIT_EXCEEDED, "%s has more than the %d elements allowed", name,
                   call->db->limits.rows);
    for (size_t i = 0; i < count && call->status == TASKER_OK; i++)
        if (tkr_is_absent(texts[i].ptr)) {
            tkr_refuse(call, TASKER_INVALID_ARGUMENT, "%s is required", name);
            tkr_refuse_item(call, i);
        }
}

void tkr_require_uuids(tkr_call *call, const char *name, const tasker_uuid *uuids, size_t count)
{
    for (size_t i = 0; i < count && call->status == TASKER_OK; i++)
        if (tasker_uuid_is_nil(&uuids[i])) {
            tkr_refuse(call, TASKER_INVALID_ARGUMENT, "%s is required", name);
            tkr_refuse_item(call, i);
        }
}

/* ---- the run ---- */

typedef struct taken_item {
    bool has_item;
    int32_t item;
} taken_item;
static const tkr_column taken_columns[] = {TKR_NULLABLE(taken_item, item), TKR_END_COLUMNS};
const tkr_entity tkr_entity_taken_item = {"taken_item", sizeof(taken_item), taken_columns};

typedef struct many {
    uint32_t taken, filled;
    bool looked, refers, single;
    size_t count, used;
    const unsigned char *parameters; /* of taken */
} many;

static tasker_status finish_taken(tkr_call *call, const many *m)
{
    taken_item t;
    tasker_status status = tkr_read_row(call, 0, 0, &t);
    if (status != TASKER_OK)
        return status;
    if (!t.has_item)
        return tkr_error_set(call->error, TASKER_CONFLICT, "what was in the way is gone: send it again");
    if (m->single)
        return tkr_error_set(call->error, TASKER_REFERENCE_MISSING, "the input refers to a row that is not there");
    call->error->item = t.item;
    if (m->refers)
        return tkr_error_set(call->error, TASKER_REFERENCE_MISSING, "inputs[%d] refers to a row that is not there",
                             t.item);
    return tkr_error_set(call->error, TASKER_DUPLICATE, "inputs[%d]: its key or natural key is taken", t.item);
}

static tasker_status finish_many(tkr_call *call)
{
    many *m = (many *)(void *)call->context;
    tkr_list *list = NULL;
    if (m->looked)
        return finish_taken(call, m);
    if (m->single && tkr_rows(call, 0) == 1)
        return tkr_give_row(call);
    if ((size_t)tkr_rows(call, 0) == m->count) {
        tasker_status status = tkr_take_list(call, 0, &list);
        return status == TASKER_OK ? tkr_give(call, list) : status;
    }
    m->looked = true;
    tkr_nothing_written(call);
    tkr_call_add(call, m->taken);
    tkr_put_encoded(call, m->parameters, m->used, m->filled);
    return TASKER_AGAIN;
}

/* Bytes of the first n parameters of the last statement. */
static size_t size_of_parameters(const tkr_call *call, uint32_t n)
{
    size_t start = call->parts[call->part_count - 1].offset, at = start;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t length = tkr_read_u32((const char *)call->bytes + at);
        at += 4 + (length == UINT32_MAX ? 0 : length);
    }
    return at - start;
}

static tasker_status run_many(tkr_call *call, many m, void *out)
{
    _Static_assert(sizeof(many) <= TKR_CALL_CONTEXT, "many fits into the context");
    if (call->status == TASKER_OK) {
        m.used = size_of_parameters(call, m.filled);
        unsigned char *parameters = tkr_keep(call, m.used + 1);
        if (parameters != NULL)
            memcpy(parameters, call->bytes + call->parts[call->part_count - 1].offset, m.used);
        m.parameters = parameters;
    }
    memcpy(call->context, &m, sizeof m);
    return tkr_run_for_pointer(call, finish_many, out);
}

tasker_status tkr_create_many(tkr_call *call, uint32_t taken, uint32_t taken_parameters, size_t count, void *out)
{
    return run_many(call, (many){.taken = taken, .filled = taken_parameters, .count = count}, out);
}

tasker_status tkr_create_referring(tkr_call *call, uint32_t missing, uint32_t missing_parameters, size_t count,
                                   bool single, void *out)
{
    many m = {.taken = missing, .filled = missing_parameters, .count = count, .refers = true, .single = single};
    return run_many(call, m, out);
}

tasker_status tkr_create_again(tasker_db *db, tkr_try_create create, const void *inputs, size_t count, void *out)
{
    tasker_status status = create(db, inputs, count, out);
    bool lost = status == TASKER_DUPLICATE && strcmp(db->error.sqlstate, "23505") == 0 && !tkr_link_in_transaction(db);
    return lost ? create(db, inputs, count, out) : status;
}
