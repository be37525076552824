/* SPDX-License-Identifier: MIT */
/*
 * Parameters: every argument is checked and encoded here, in the one form in which it later lies on the wire. Nothing
 * of the caller's is kept, so a call may outlive its arguments.
 */
#include <stdlib.h>
#include <string.h>
#include "row/wire.h"
#include "statement/call.h"
#include "value/text.h"
#include "value/time.h"

#define MESSAGE_MAX ((size_t)1000 << 20) /* the server drops a link whose message passes 1 GiB */

static const uint32_t NULL_LENGTH = UINT32_MAX; /* -1 */

/* size more bytes, or NULL with the call refused. */
static unsigned char *reserve(tkr_call *call, size_t size)
{
    if (call->status != TASKER_OK)
        return NULL;
    if (size > MESSAGE_MAX || call->used + size > MESSAGE_MAX) {
        tkr_refuse(call, TASKER_LIMIT_EXCEEDED, "the arguments of one call are larger than the server takes");
        return NULL;
    }
    if (call->used + size > call->size) {
        size_t grown = (call->used + size) * 2 + 256;
        unsigned char *bytes = grown > call->used ? realloc(call->bytes, grown) : NULL;
        if (bytes == NULL) {
            tkr_refuse(call, TASKER_OUT_OF_MEMORY, "out of memory");
            return NULL;
        }
        call->bytes = bytes;
        call->size = grown;
    }
    unsigned char *at = call->bytes + call->used;
    call->used += size;
    return at;
}

static void put_u32(tkr_call *call, uint32_t value)
{
    unsigned char *at = reserve(call, 4);
    if (at != NULL)
        tkr_write_u32(at, value);
}

static void put_bytes(tkr_call *call, const void *bytes, size_t length)
{
    unsigned char *at = reserve(call, 4 + length);
    if (at == NULL)
        return;
    tkr_write_u32(at, (uint32_t)length);
    if (length > 0)
        memcpy(at + 4, bytes, length);
}

static bool begin_parameter(tkr_call *call)
{
    if (call->status == TASKER_OK)
        call->parts[call->part_count - 1].filled++;
    return call->status == TASKER_OK;
}

/* True: it is absent and that is dealt with. */
static bool put_absent(tkr_call *call, const char *name, bool absent, bool null)
{
    if (absent && null)
        put_u32(call, NULL_LENGTH);
    else if (absent)
        tkr_refuse(call, TASKER_INVALID_ARGUMENT, "%s is required", name);
    return absent;
}

/* Parameters of an earlier call of the same statement, as it encoded them. */
void tkr_put_encoded(tkr_call *call, const void *bytes, size_t size, uint32_t filled)
{
    unsigned char *at = reserve(call, size);
    if (at == NULL)
        return;
    memcpy(at, bytes, size);
    call->parts[call->part_count - 1].filled += filled;
}

/* ---- scalars ---- */

void tkr_put_uuid(tkr_call *call, const char *name, const tasker_uuid *value, bool null)
{
    if (begin_parameter(call) && !put_absent(call, name, value == NULL, null))
        put_bytes(call, value->bytes, sizeof value->bytes);
}

static bool check_text(tkr_call *call, const char *name, tasker_text value, size_t limit)
{
    size_t bad = 0;
    if (value.len > (size_t)call->db->limits.text_bytes)
        tkr_refuse(call, TASKER_LIMIT_EXCEEDED, "%s has %zu bytes, more than the %d allowed", name, value.len,
                   call->db->limits.text_bytes);
    else if (!tkr_utf8_valid(value.ptr, value.len, &bad))
        tkr_refuse(call, TASKER_INVALID_ARGUMENT, "%s is not UTF-8 without NUL, at byte %zu", name, bad);
    else if (limit > 0 && value.len > limit && tkr_utf8_count(value.ptr, value.len) > limit)
        tkr_refuse(call, TASKER_TOO_LONG, "%s has %zu characters, more than the %zu of its column", name,
                   tkr_utf8_count(value.ptr, value.len), limit);
    return call->status == TASKER_OK;
}

void tkr_put_text(tkr_call *call, const char *name, tasker_text value, size_t limit, bool null)
{
    if (begin_parameter(call) && !put_absent(call, name, tkr_is_absent(value.ptr), null) &&
        check_text(call, name, value, limit))
        put_bytes(call, value.ptr, value.len);
}

bool tkr_check_shape(tkr_call *call, const char *name, tasker_json json, tasker_json_shape shape)
{
    tasker_error found;
    if (call->status != TASKER_OK || tkr_is_absent(json.ptr))
        return call->status == TASKER_OK;
    tasker_status status = tasker_json_check(json, shape, &call->db->limits, &found);
    if (status != TASKER_OK)
        tkr_refuse(call, status, "%s: %s", name, found.message);
    return status == TASKER_OK;
}

static bool check_json(tkr_call *call, const char *name, tasker_json value)
{
    return tkr_check_shape(call, name, value, TASKER_JSON_SHAPE_ANY);
}

void tkr_put_json(tkr_call *call, const char *name, tasker_json value, bool null)
{
    if (begin_parameter(call) && !put_absent(call, name, tkr_is_absent(value.ptr), null) &&
        check_json(call, name, value))
        put_bytes(call, value.ptr, value.len);
}

/* The binary form of jsonb: version 1, then the text. */
static void put_jsonb_bytes(tkr_call *call, tasker_json value)
{
    unsigned char *at = reserve(call, 5 + value.len);
    if (at == NULL)
        return;
    tkr_write_u32(at, (uint32_t)value.len + 1);
    at[4] = 1;
    memcpy(at + 5, value.ptr, value.len);
}

void tkr_put_jsonb(tkr_call *call, const char *name, tasker_json value, bool null)
{
    if (begin_parameter(call) && !put_absent(call, name, tkr_is_absent(value.ptr), null) &&
        check_json(call, name, value))
        put_jsonb_bytes(call, value);
}

static void put_u64(tkr_call *call, uint64_t value)
{
    unsigned char *at = reserve(call, 12);
    if (at == NULL)
        return;
    tkr_write_u32(at, 8);
    tkr_write_u64(at + 4, value);
}

void tkr_put_int4_or_null(tkr_call *call, const char *name, const int32_t *value)
{
    unsigned char bytes[4];
    if (!begin_parameter(call) || put_absent(call, name, value == NULL, true))
        return;
    tkr_write_u32(bytes, (uint32_t)*value);
    put_bytes(call, bytes, sizeof bytes);
}

void tkr_put_int4(tkr_call *call, const char *name, int32_t value)
{
    tkr_put_int4_or_null(call, name, &value);
}

void tkr_put_int8_or_null(tkr_call *call, const char *name, const int64_t *value)
{
    if (begin_parameter(call) && !put_absent(call, name, value == NULL, true))
        put_u64(call, (uint64_t)*value);
}

void tkr_put_int8(tkr_call *call, const char *name, int64_t value)
{
    tkr_put_int8_or_null(call, name, &value);
}

void tkr_put_bool_or_null(tkr_call *call, const char *name, const bool *value)
{
    if (begin_parameter(call) && !put_absent(call, name, value == NULL, true))
        put_bytes(call, &(unsigned char){*value ? 1 : 0}, 1);
}

void tkr_put_bool(tkr_call *call, const char *name, bool value)
{
    tkr_put_bool_or_null(call, name, &value);
}

void tkr_put_float8(tkr_call *call, const char *name, double value)
{
    uint64_t bits;
    (void)name;
    memcpy(&bits, &value, sizeof bits);
    if (begin_parameter(call))
        put_u64(call, bits);
}

static void put_time(tkr_call *call, const char *name, tasker_time value)
{
    if (!tkr_time_is_storable(value))
        tkr_refuse(call, TASKER_INVALID_ARGUMENT, "%s is outside of what a timestamp can hold", name);
    else
        put_u64(call, (uint64_t)(value.us - TKR_EPOCH_US));
}

void tkr_put_timestamp_or_null(tkr_call *call, const char *name, const tasker_time *value)
{
    if (begin_parameter(call) && !put_absent(call, name, value == NULL, true))
        put_time(call, name, *value);
}

/* ---- arrays: header, one dimension, elements; the length in front is known at the end ---- */

typedef struct array {
    size_t start; /* of the length word */
} array;

static bool begin_array(tkr_call *call, const char *name, const void *items, size_t count, bool null, uint32_t oid,
                        array *a)
{
    if (!begin_parameter(call))
        return false;
    if (items == NULL && count > 0) {
        tkr_refuse(call, TASKER_INVALID_ARGUMENT, "%s has a count but no elements", name);
        return false;
    }
    if (put_absent(call, name, items == NULL && null, null))
        return false;
    if (count > MESSAGE_MAX / 4) /* of each the length; what is counted wrongly is not read */
        tkr_refuse(call, TASKER_LIMIT_EXCEEDED, "%s has too many elements", name);
    a->start = call->used;
    put_u32(call, 0);
    put_u32(call, count > 0 ? 1 : 0); /* dimensions */
    put_u32(call, 1);                 /* may contain NULL */
    put_u32(call, oid);
    if (count > 0) {
        put_u32(call, (uint32_t)count);
        put_u32(call, 1); /* lower bound */
    }
    return call->status == TASKER_OK;
}

static void end_array(tkr_call *call, const char *name, const array *a)
{
    size_t length = call->used - a->start - 4;
    if (call->status != TASKER_OK)
        return;
    if (length > INT32_MAX)
        tkr_refuse(call, TASKER_LIMIT_EXCEEDED, "%s is too large", name);
    else
        tkr_write_u32(call->bytes + a->start, (uint32_t)length);
}

void tkr_put_uuid_array(tkr_call *call, const char *name, const tasker_uuid *items, size_t count, bool null)
{
    array a;
    if (!begin_array(call, name, items, count, null, TKR_OID_UUID, &a))
        return;
    for (size_t i = 0; i < count; i++)
        put_bytes(call, items[i].bytes, sizeof items[i].bytes);
    end_array(call, name, &a);
}

/* An absent element is SQL NULL. */
void tkr_put_text_array(tkr_call *call, const char *name, const tasker_text *items, size_t count, size_t limit,
                        bool null)
{
    array a;
    if (!begin_array(call, name, items, count, null, TKR_OID_TEXT, &a))
        return;
    for (size_t i = 0; i < count && call->status == TASKER_OK; i++) {
        if (tkr_is_absent(items[i].ptr))
            put_u32(call, NULL_LENGTH);
        else if (check_text(call, name, items[i], limit))
            put_bytes(call, items[i].ptr, items[i].len);
        if (call->status != TASKER_OK)
            tkr_refuse_item(call, i);
    }
    end_array(call, name, &a);
}

void tkr_put_jsonb_array(tkr_call *call, const char *name, const tasker_json *items, size_t count, bool null)
{
    array a;
    if (!begin_array(call, name, items, count, null, TKR_OID_JSONB, &a))
        return;
    for (size_t i = 0; i < count && call->status == TASKER_OK; i++) {
        if (tkr_is_absent(items[i].ptr))
            put_u32(call, NULL_LENGTH);
        else if (check_json(call, name, items[i]))
            put_jsonb_bytes(call, items[i]);
        if (call->status != TASKER_OK)
            tkr_refuse_item(call, i);
    }
    end_array(call, name, &a);
}

void tkr_put_int4_array(tkr_call *call, const char *name, const int32_t *items, size_t count, bool null)
{
    array a;
    if (!begin_array(call, name, items, count, null, TKR_OID_INT4, &a))
        return;
    for (size_t i = 0; i < count; i++) {
        unsigned char bytes[4];
        tkr_write_u32(bytes, (uint32_t)items[i]);
        put_bytes(call, bytes, sizeof bytes);
    }
    end_array(call, name, &a);
}

void tkr_put_int8_array(tkr_call *call, const char *name, const int64_t *items, size_t count, bool null)
{
    array a;
    if (!begin_array(call, name, items, count, null, TKR_OID_INT8, &a))
        return;
    for (size_t i = 0; i < count; i++)
        put_u64(call, (uint64_t)items[i]);
    end_array(call, name, &a);
}

void tkr_put_timestamp_array(tkr_call *call, const char *name, const tasker_time *items, size_t count, bool null)
{
    array a;
    if (!begin_array(call, name, items, count, null, TKR_OID_TIMESTAMP, &a))
        return;
    for (size_t i = 0; i < count && call->status == TASKER_OK; i++) {
        put_time(call, name, items[i]);
        if (call->status != TASKER_OK)
            tkr_refuse_item(call, i);
    }
    end_array(call, name, &a);
}

void tkr_put_bool_array(tkr_call *call, const char *name, const bool *items, size_t count, bool null)
{
    array a;
    if (!begin_array(call, name, items, count, null, TKR_OID_BOOL, &a))
        return;
    for (size_t i = 0; i < count; i++)
        put_bytes(call, &(unsigned char){items[i] ? 1 : 0}, 1);
    end_array(call, name, &a);
}
