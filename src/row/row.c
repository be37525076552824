/* SPDX-License-Identifier: MIT */
#include "row/row.h"
#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>
#include "db/query.h"
#include "row/wire.h"
#include "value/error.h"

bool tkr_type_accepts(tkr_type type, uint32_t oid)
{
    switch (type) {
    case TKR_BOOL:
        return oid == TKR_OID_BOOL;
    case TKR_INT4:
        return oid == TKR_OID_INT4;
    case TKR_INT8:
        return oid == TKR_OID_INT8;
    case TKR_FLOAT8:
        return oid == TKR_OID_FLOAT8;
    case TKR_UUID:
        return oid == TKR_OID_UUID;
    case TKR_TEXT:
    case TKR_STATE:
        return oid == TKR_OID_TEXT || oid == TKR_OID_VARCHAR;
    case TKR_JSON:
        return oid == TKR_OID_JSON || oid == TKR_OID_JSONB;
    case TKR_TIME:
        return oid == TKR_OID_TIMESTAMP;
    case TKR_ROW:
        return false;
    }
    return false;
}

/* *i is the result's column, counted through inner rows. */
static tasker_status check_columns(const PGresult *result, const tkr_entity *entity, int *i, tasker_error *error)
{
    tasker_status status = TASKER_OK;
    for (const tkr_column *c = entity->columns; c->name != NULL && status == TASKER_OK; c++) {
        if (c->type == TKR_ROW) {
            status = check_columns(result, c->row, i, error);
            continue;
        }
        if (*i >= PQnfields(result) || PQfformat(result, *i) != 1 || !tkr_type_accepts(c->type, PQftype(result, *i)))
            return tkr_error_set(error, TASKER_PROTOCOL, "%s: the answer's column %d is not a binary %s", entity->name,
                                 *i + 1, c->name);
        ++*i;
    }
    return status;
}

tasker_status tkr_check_columns(const PGresult *result, const tkr_entity *entity, tasker_error *error)
{
    int i = 0;
    tasker_status status = check_columns(result, entity, &i, error);
    if (status == TASKER_OK && i != PQnfields(result))
        return tkr_error_set(error, TASKER_PROTOCOL, "%s: the answer has %d columns, not %d", entity->name,
                             PQnfields(result), i);
    return status;
}

static bool decode_state(const char *bytes, int length, void *to)
{
    tasker_state state;
    if (tasker_state_parse((tasker_text){bytes, (size_t)length}, &state) != TASKER_OK)
        return false;
    memcpy(to, &state, sizeof state);
    return true;
}

/* PostgreSQL's infinities are the ends of int64 and stay that; other times move by 30 years. */
static bool decode_time(const char *bytes, tasker_time *to)
{
    int64_t us = (int64_t)tkr_read_u64(bytes);
    bool infinite = us == INT64_MAX || us == INT64_MIN;
    if (!infinite && us > INT64_MAX - TKR_EPOCH_US)
        return false;
    to->us = infinite ? us : us + TKR_EPOCH_US;
    return true;
}

/* Lengths are checked before a byte is read: behind a value lie other values, not the end of a block. */
static bool decode_value(const tkr_column *c, uint32_t oid, const char *bytes, int length, void *to)
{
    uint32_t u32;
    uint64_t u64;
    switch (c->type) {
    case TKR_BOOL:
        if (length != 1)
            return false;
        *(bool *)to = bytes[0] != 0;
        return true;
    case TKR_INT4:
        if (length != 4)
            return false;
        u32 = tkr_read_u32(bytes);
        memcpy(to, &u32, sizeof u32);
        return true;
    case TKR_INT8:
    case TKR_FLOAT8:
        if (length != 8)
            return false;
        u64 = tkr_read_u64(bytes);
        memcpy(to, &u64, sizeof u64);
        return true;
    case TKR_TIME:
        return length == 8 && decode_time(bytes, to);
    case TKR_UUID:
        if (length != 16)
            return false;
        memcpy(to, bytes, 16);
        return true;
    case TKR_TEXT:
        *(tasker_text *)to = (tasker_text){bytes, (size_t)length};
        return true;
    case TKR_JSON: /* jsonb: a version byte, then text; json: text */
        if (oid == TKR_OID_JSONB && (length < 1 || bytes[0] != 1))
            return false;
        *(tasker_json *)to =
            oid == TKR_OID_JSONB ? (tasker_json){bytes + 1, (size_t)length - 1} : (tasker_json){bytes, (size_t)length};
        return true;
    case TKR_STATE:
        return decode_state(bytes, length, to);
    case TKR_ROW:
        return false;
    }
    return false;
}

/* ---- rows; in a block of memory each stands behind its mark, and inner rows behind the row that points to them ---- */

enum { MARK = sizeof(uint64_t) };

static size_t room_of(const tkr_entity *entity)
{
    size_t room = MARK + ((entity->size + MARK - 1) & ~(size_t)(MARK - 1));
    for (const tkr_column *c = entity->columns; c->name != NULL; c++)
        room += c->type == TKR_ROW ? room_of(c->row) : 0;
    return room;
}

static void *mark_item(unsigned char *at)
{
    memcpy(at, &(uint64_t){TKR_MARK_ITEM}, MARK);
    return at + MARK;
}

typedef struct place {
    const PGresult *result;
    int row, column; /* column: the next one */
    tasker_error *error;
} place;

static tasker_status decode_column(place *p, const tkr_entity *entity, const tkr_column *c, unsigned char *into)
{
    int i = p->column++;
    if (PQgetisnull(p->result, p->row, i)) {
        if (c->has == TKR_NOT_NULL)
            return tkr_error_set(p->error, TASKER_PROTOCOL, "%s.%s is NULL", entity->name, c->name);
        return TASKER_OK; /* the struct was zeroed: absent */
    }
    const char *bytes = PQgetvalue(p->result, p->row, i);
    if (!decode_value(c, PQftype(p->result, i), bytes, PQgetlength(p->result, p->row, i), into + c->offset))
        return tkr_error_set(p->error, TASKER_PROTOCOL, "%s.%s cannot be decoded", entity->name, c->name);
    if (c->has < TKR_ABSENT)
        *(bool *)(into + c->has) = true;
    return TASKER_OK;
}

static tasker_status decode_columns(place *p, const tkr_entity *entity, unsigned char *into)
{
    unsigned char *behind = into + room_of(entity) - MARK;
    tasker_status status = TASKER_OK;
    for (const tkr_column *c = entity->columns; c->name != NULL && status == TASKER_OK; c++) {
        if (c->type != TKR_ROW) {
            status = decode_column(p, entity, c, into);
            continue;
        }
        behind -= room_of(c->row);
        void *inner = mark_item(behind);
        memcpy(into + c->offset, &inner, sizeof inner);
        status = decode_columns(p, c->row, inner);
    }
    return status;
}

tasker_status tkr_decode_row(const PGresult *result, int row, const tkr_entity *entity, void *into, tasker_error *error)
{
    return decode_columns(&(place){result, row, 0, error}, entity, into);
}

tasker_status tkr_decode_one(PGresult *result, const tkr_entity *entity, tasker_error *error, void **out)
{
    tasker_status status = tkr_check_columns(result, entity, error);
    if (status != TASKER_OK)
        return status;
    void *row = tkr_alloc(result, room_of(entity) - MARK);
    if (row == NULL)
        return tkr_error_set(error, TASKER_OUT_OF_MEMORY, "out of memory");
    status = tkr_decode_row(result, 0, entity, row, error);
    if (status == TASKER_OK)
        *out = row;
    return status;
}

tasker_status tkr_decode_list(PGresult *result, const tkr_entity *entity, tasker_error *error, tkr_list **out)
{
    tasker_status status = tkr_check_columns(result, entity, error);
    if (status != TASKER_OK)
        return status;
    /* one block: the list, its pointers, its rows */
    size_t count = (size_t)PQntuples(result), stride = room_of(entity);
    tkr_list *list = tkr_alloc(result, sizeof *list + count * (sizeof(void *) + stride));
    if (list == NULL)
        return tkr_error_set(error, TASKER_OUT_OF_MEMORY, "out of memory");
    const void **items = (const void **)(list + 1);
    unsigned char *rows = (unsigned char *)(items + count);
    for (size_t i = 0; i < count && status == TASKER_OK; i++) {
        void *row = mark_item(rows + i * stride);
        items[i] = row;
        status = tkr_decode_row(result, (int)i, entity, row, error);
    }
    list->count = count;
    list->items = items;
    if (status == TASKER_OK)
        *out = list;
    return status;
}

void tkr_result_clear(PGresult *result)
{
    PQclear(result);
}

int tkr_result_rows(const PGresult *result)
{
    return PQntuples(result);
}

int64_t tkr_result_affected(PGresult *result)
{
    return strtoll(PQcmdTuples(result), NULL, 10);
}

const char *tkr_result_tag(PGresult *result)
{
    return PQcmdStatus(result);
}
