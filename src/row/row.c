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
    case TKR_UUIDS:
        return oid == TKR_OID_BYTEA;
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
static inline __attribute__((always_inline)) bool decode_value(tkr_type type, bool jsonb, const char *bytes, int length,
                                                               void *to)
{
    uint32_t u32;
    uint64_t u64;
    switch (type) {
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
        if (jsonb && (length < 1 || bytes[0] != 1))
            return false;
        *(tasker_json *)to = (tasker_json){bytes + jsonb, (size_t)length - jsonb};
        return true;
    case TKR_STATE:
        return decode_state(bytes, length, to);
    case TKR_UUIDS:
        *(tasker_uuids *)to = (tasker_uuids){(size_t)length / 16, (const tasker_uuid *)bytes};
        return length % 16 == 0;
    case TKR_ROW:
        return false;
    }
    return false;
}

/* ---- rows; in a block each stands behind its mark, and inner rows behind the row that points to them ---- */

/* Rows are decoded a few at a time, column by column: more are faster in a warm cache and slower from memory. */
static size_t padded(size_t size)
{
    return (size + TKR_MARK - 1) & ~(size_t)(TKR_MARK - 1);
}

size_t tkr_stride_of(const tkr_entity *entity)
{
    size_t room = TKR_MARK + padded(entity->size);
    for (const tkr_column *c = entity->columns; c->name != NULL; c++)
        room += c->type == TKR_ROW ? tkr_stride_of(c->row) : 0;
    return room;
}

static void *mark_item(unsigned char *at)
{
    memcpy(at, &(uint64_t){TKR_MARK_ITEM}, TKR_MARK);
    return at + TKR_MARK;
}

typedef struct batch {
    const PGresult *result;
    int row, end, column;  /* column: the next one */
    size_t stride;         /* from struct to struct */
    unsigned char *behind; /* where the next inner row of the first row goes */
    tasker_error *error;
} batch;

/*
 * One column of all rows, a loop of its own for each type; returns the row that cannot be decoded, or end. libpq's
 * accessors are what it costs, so it asks for NULL only where the length is 0. Structs were zeroed: absent.
 */
static inline __attribute__((always_inline)) int decode_values(tkr_type type, const batch *b, const tkr_column *c,
                                                               int i, unsigned char *into)
{
    const PGresult *result = b->result;
    const bool jsonb = type == TKR_JSON && PQftype(result, i) == TKR_OID_JSONB;
    const size_t stride = b->stride, offset = c->offset, has = c->has;
    const int end = b->end;
    int row = b->row;
    for (; row < end; row++, into += stride) {
        int length = PQgetlength(result, row, i);
        if (length == 0 && PQgetisnull(result, row, i)) {
            if (has == TKR_NOT_NULL)
                break;
            continue;
        }
        if (!decode_value(type, jsonb, PQgetvalue(result, row, i), length, into + offset))
            break;
        if (has < TKR_ABSENT)
            *(bool *)(into + has) = true;
    }
    return row;
}

static int decode_column(const batch *b, const tkr_column *c, int i, unsigned char *into)
{
    switch (c->type) {
    case TKR_BOOL:
        return decode_values(TKR_BOOL, b, c, i, into);
    case TKR_INT4:
        return decode_values(TKR_INT4, b, c, i, into);
    case TKR_INT8:
    case TKR_FLOAT8:
        return decode_values(TKR_INT8, b, c, i, into);
    case TKR_UUID:
        return decode_values(TKR_UUID, b, c, i, into);
    case TKR_TEXT:
        return decode_values(TKR_TEXT, b, c, i, into);
    case TKR_JSON:
        return decode_values(TKR_JSON, b, c, i, into);
    case TKR_UUIDS:
        return decode_values(TKR_UUIDS, b, c, i, into);
    case TKR_TIME:
        return decode_values(TKR_TIME, b, c, i, into);
    case TKR_STATE:
        return decode_values(TKR_STATE, b, c, i, into);
    case TKR_ROW:
        return b->row;
    }
    return b->row;
}

/* Marks the inner rows and points to them; the first of them. */
static unsigned char *place_inner(batch *b, const tkr_column *c, unsigned char *into)
{
    unsigned char *first = b->behind + TKR_MARK, *inner = b->behind;
    for (int row = b->row; row < b->end; row++, into += b->stride, inner += b->stride) {
        void *marked = mark_item(inner);
        memcpy(into + c->offset, &marked, sizeof marked);
    }
    return first;
}

static tasker_status decode_columns(batch *b, const tkr_entity *entity, unsigned char *into)
{
    tasker_status status = TASKER_OK;
    b->behind = into + padded(entity->size);
    for (const tkr_column *c = entity->columns; c->name != NULL && status == TASKER_OK; c++) {
        if (c->type == TKR_ROW) {
            status = decode_columns(b, c->row, place_inner(b, c, into));
            continue;
        }
        int i = b->column++, row = decode_column(b, c, i, into);
        if (row < b->end)
            return tkr_error_set(b->error, TASKER_PROTOCOL, "%s.%s %s", entity->name, c->name,
                                 PQgetisnull(b->result, row, i) ? "is NULL" : "cannot be decoded");
    }
    return status;
}

tasker_status tkr_decode_row(const PGresult *result, int row, const tkr_entity *entity, void *into, tasker_error *error)
{
    return decode_columns(&(batch){.result = result, .row = row, .end = row + 1, .error = error}, entity, into);
}

tasker_status tkr_decode_some(const PGresult *result, int row, int count, const tkr_entity *entity, void *memory,
                              tasker_error *error)
{
    size_t stride = tkr_stride_of(entity);
    unsigned char *at = memory;
    for (int k = 0; k < count; k++)
        mark_item(at + (size_t)k * stride);
    batch b = {.result = result, .row = row, .end = row + count, .stride = stride, .error = error};
    return decode_columns(&b, entity, at + TKR_MARK);
}

tasker_status tkr_decode_one(PGresult *result, const tkr_entity *entity, tasker_error *error, void **out)
{
    tasker_status status = tkr_check_columns(result, entity, error);
    if (status != TASKER_OK)
        return status;
    void *row = tkr_alloc(result, tkr_stride_of(entity) - TKR_MARK);
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
    size_t count = (size_t)PQntuples(result), stride = tkr_stride_of(entity);
    tkr_list *list = tkr_alloc(result, sizeof *list + count * (sizeof(void *) + stride));
    if (list == NULL)
        return tkr_error_set(error, TASKER_OUT_OF_MEMORY, "out of memory");
    const void **items = (const void **)(list + 1);
    unsigned char *rows = (unsigned char *)(items + count);
    for (size_t i = 0; i < count && status == TASKER_OK; i += TKR_SOME) {
        int some = count - i < TKR_SOME ? (int)(count - i) : TKR_SOME;
        status = tkr_decode_some(result, (int)i, some, entity, rows + i * stride, error);
    }
    for (size_t i = 0; i < count; i++)
        items[i] = rows + i * stride + TKR_MARK;
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

int64_t tkr_result_bytes(const PGresult *result)
{
    const int rows = PQntuples(result), columns = PQnfields(result);
    int64_t bytes = (int64_t)sizeof(int32_t) * rows * columns;
    for (int row = 0; row < rows; row++)
        for (int column = 0; column < columns; column++)
            bytes += PQgetlength(result, row, column);
    return bytes;
}

const char *tkr_result_tag(PGresult *result)
{
    return PQcmdStatus(result);
}
