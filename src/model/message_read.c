/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "model/message.h"
#include "row/memory.h"
#include "tasker/uuid.h"
#include "value/error.h"
#include "value/json_members.h"
#include "value/json_string.h"
#include "value/limits.h"
#include "value/text.h"
#include "value/time.h"

/*
 * What is read goes into one allocation: the struct, and behind it as many bytes as the body has. That is enough: each
 * value is kept once at most and takes no more room than in the body, its NUL standing for the colon before it.
 */
typedef struct reader {
    const char *name;
    unsigned char *message;
    size_t size; /* of the struct */
    char *room;
    tasker_error *error;
} reader;

static bool read_fields(reader *r, const tkr_message_field *fields, tasker_json object);

static bool refuse(reader *r, const tkr_message_field *field, const char *what)
{
    tkr_error_set(r->error, TASKER_INVALID_ARGUMENT, "%s: %s %s", r->name, field->path, what);
    return false;
}

static bool put(reader *r, size_t offset, const void *value, size_t size)
{
    memcpy(r->message + offset, value, size);
    return true;
}

/* Into the room, which does not move on: the text may be needed for a moment only. */
static bool unescape(const reader *r, tasker_json value, tasker_text *out)
{
    if (*value.ptr != '"')
        return false;
    *out = (tasker_text){r->room, tkr_json_unescape(value, r->room)};
    return true;
}

/* ---- values ---- */

static bool read_text(reader *r, const tkr_message_field *field, tasker_json value)
{
    tasker_text text;
    if (!unescape(r, value, &text))
        return refuse(r, field, "is no string");
    r->room += text.len + 1;
    return put(r, field->offset, &text, sizeof text);
}

static bool refuse_word(reader *r, const tkr_message_field *field)
{
    char what[128] = "is none of";
    for (const char *const *word = field->words; *word != NULL; word++) {
        size_t used = strlen(what);
        snprintf(what + used, sizeof what - used, "%s %s", word == field->words ? "" : ",", *word);
    }
    return refuse(r, field, what);
}

static bool read_word(reader *r, const tkr_message_field *field, tasker_json value)
{
    for (int32_t i = 0; *value.ptr == '"' && field->words[i] != NULL; i++) {
        if (!tkr_json_string_is(value, tasker_text_of(field->words[i])))
            continue;
        int32_t number = i + 1;
        return field->kind == TKR_MESSAGE_CHOICE ? read_text(r, field, value)
                                                 : put(r, field->offset, &number, sizeof number);
    }
    return refuse_word(r, field);
}

static bool parse_uuid(const reader *r, tasker_json value, tasker_uuid *out)
{
    tasker_text text;
    return unescape(r, value, &text) && tasker_uuid_parse(text, NULL, out) == TASKER_OK && tkr_message_takes(out);
}

static bool read_uuid(reader *r, const tkr_message_field *field, tasker_json value)
{
    tasker_uuid uuid;
    if (!parse_uuid(r, value, &uuid))
        return refuse(r, field, "is no UUID of version 1 to 7");
    return put(r, field->offset, &uuid, sizeof uuid);
}

static bool read_uuids(reader *r, const tkr_message_field *field, tasker_json value)
{
    tasker_uuids uuids = {0, (const tasker_uuid *)(const void *)r->room};
    tasker_uuid uuid;
    if (*value.ptr != '[')
        return refuse(r, field, "is no array");
    tkr_json_members items = tkr_json_items_of(value);
    for (tasker_json item; tkr_json_items_next(&items, &item); uuids.count++) {
        if (!parse_uuid(r, item, &uuid)) {
            if (r->error != NULL)
                r->error->item = (int64_t)uuids.count;
            return refuse(r, field, "holds what is no UUID of version 1 to 7");
        }
        memcpy(r->room, &uuid, sizeof uuid);
        r->room += sizeof uuid;
    }
    return put(r, field->offset, &uuids, sizeof uuids);
}

static bool read_time(reader *r, const tkr_message_field *field, tasker_json value)
{
    tasker_text text;
    tasker_time time;
    if (!unescape(r, value, &text) || !tkr_time_parse(text, &time))
        return refuse(r, field, "is no time of RFC 3339");
    return put(r, field->offset, &time, sizeof time);
}

static bool is_word(tasker_json value, const char *word)
{
    return value.len == strlen(word) && memcmp(value.ptr, word, value.len) == 0;
}

static bool read_bool(reader *r, const tkr_message_field *field, tasker_json value)
{
    bool flag = is_word(value, "true");
    if (!flag && !is_word(value, "false"))
        return refuse(r, field, "is neither true nor false");
    return put(r, field->offset, &flag, sizeof flag);
}

static bool read_number(reader *r, const tkr_message_field *field, tasker_json value)
{
    int64_t number;
    if (!tkr_json_read_integer(value, &number) || number < field->least || number > field->most) {
        char what[80];
        snprintf(what, sizeof what, "is no whole number from %" PRId64 " to %" PRId64, field->least, field->most);
        return refuse(r, field, what);
    }
    int32_t small = (int32_t)number;
    return field->kind == TKR_MESSAGE_INT32 ? put(r, field->offset, &small, sizeof small)
                                            : put(r, field->offset, &number, sizeof number);
}

static bool keep_json(reader *r, const tkr_message_field *field, tasker_json value)
{
    tasker_json copy = {r->room, value.len};
    memmove(r->room, value.ptr, value.len);
    r->room += value.len;
    *r->room++ = '\0';
    return put(r, field->offset, &copy, sizeof copy);
}

static bool read_results(reader *r, const tkr_message_field *field, tasker_json value)
{
    tasker_text text;
    if (unescape(r, value, &text)) {
        tasker_json inner = {text.ptr, text.len};
        if (tasker_json_check(inner, TASKER_JSON_SHAPE_CONTAINER, &tkr_limits_widest, NULL) == TASKER_OK)
            return keep_json(r, field, inner);
    }
    return keep_json(r, field, value);
}

static bool read_object(reader *r, const tkr_message_field *field, tasker_json value)
{
    tasker_json key, string;
    if (*value.ptr != '{')
        return refuse(r, field, "is no object");
    tkr_json_members members = tkr_json_members_of(value);
    while (field->kind == TKR_MESSAGE_STRINGS && tkr_json_members_next(&members, &key, &string))
        if (*string.ptr != '"')
            return refuse(r, field, "is no object of strings");
    return keep_json(r, field, value);
}

static bool read_part(reader *r, const tkr_message_field *field, tasker_json value)
{
    return *value.ptr == '{' ? read_fields(r, field->fields, value) : refuse(r, field, "is no object");
}

static bool read_kind(reader *r, const tkr_message_field *field, tasker_json value)
{
    switch (field->kind) {
    case TKR_MESSAGE_TEXT:
        return read_text(r, field, value);
    case TKR_MESSAGE_CHOICE:
    case TKR_MESSAGE_WORD:
        return read_word(r, field, value);
    case TKR_MESSAGE_UUID:
        return read_uuid(r, field, value);
    case TKR_MESSAGE_UUIDS:
        return read_uuids(r, field, value);
    case TKR_MESSAGE_TIME:
        return read_time(r, field, value);
    case TKR_MESSAGE_BOOL:
        return read_bool(r, field, value);
    case TKR_MESSAGE_INT32:
    case TKR_MESSAGE_INT64:
        return read_number(r, field, value);
    case TKR_MESSAGE_JSON:
        return keep_json(r, field, value);
    case TKR_MESSAGE_RESULTS:
        return read_results(r, field, value);
    case TKR_MESSAGE_OBJECT:
    case TKR_MESSAGE_STRINGS:
        return read_object(r, field, value);
    case TKR_MESSAGE_PART:
        return read_part(r, field, value);
    }
    return false;
}

/* ---- objects ---- */

static bool read_field(reader *r, const tkr_message_field *field, tasker_json value)
{
    static const bool has = true;
    if ((field->flags & TKR_MESSAGE_REQUIRED) == 0 && is_word(value, "null"))
        return true;
    return read_kind(r, field, value) && (field->has == 0 || put(r, field->has, &has, sizeof has));
}

/* What does not fit leaves no trace. */
static void read_alias(reader *r, const tkr_message_field *field, tasker_json value)
{
    unsigned char before[TKR_MESSAGE_SIZE];
    reader silent = *r;
    silent.error = NULL;
    memcpy(before, r->message, r->size);
    if (read_field(&silent, field, value))
        r->room = silent.room;
    else
        memcpy(r->message, before, r->size);
}

static const tkr_message_field *find_field(const tkr_message_field *fields, tasker_json key)
{
    while (fields->path != NULL && !tkr_json_string_is(key, tasker_text_of(tkr_message_key(fields))))
        fields++;
    return fields->path != NULL ? fields : NULL;
}

enum { FIELDS = 16 }; /* no table is longer */

/* Parts and other names come last: a message of another shape is told by what it lacks outermost. */
static bool read_late(reader *r, const tkr_message_field *fields, const tasker_json *late, uint32_t given)
{
    for (size_t i = 0; fields[i].path != NULL; i++) {
        if (late[i].ptr == NULL)
            continue;
        if ((fields[i].flags & TKR_MESSAGE_ALIAS) == 0) {
            if (!read_field(r, &fields[i], late[i]))
                return false;
        } else if ((given >> (i - 1) & 1) == 0)
            read_alias(r, &fields[i], late[i]);
    }
    return true;
}

static bool read_fields(reader *r, const tkr_message_field *fields, tasker_json object)
{
    tasker_json key, value, late[FIELDS] = {{NULL, 0}};
    uint32_t seen = 0, given = 0;
    tkr_json_members members = tkr_json_members_of(object);
    while (tkr_json_members_next(&members, &key, &value)) {
        const tkr_message_field *field = find_field(fields, key);
        if (field == NULL)
            continue;
        uint32_t bit = UINT32_C(1) << (field - fields);
        bool alias = (field->flags & TKR_MESSAGE_ALIAS) != 0;
        if ((seen & bit) != 0 && !alias)
            return refuse(r, field, "comes twice");
        seen |= bit;
        given |= is_word(value, "null") ? 0 : bit;
        if (alias || field->kind == TKR_MESSAGE_PART)
            late[field - fields] = value;
        else if (!read_field(r, field, value))
            return false;
    }
    for (size_t i = 0; fields[i].path != NULL; i++)
        if ((fields[i].flags & TKR_MESSAGE_REQUIRED) != 0 && (seen >> i & 1) == 0)
            return refuse(r, &fields[i], "is missing");
    return read_late(r, fields, late, given);
}

tasker_status tkr_message_read(const tkr_message_shape *shape, tasker_json body, tasker_error *error, const void **out)
{
    tkr_error_clear(error);
    if (out == NULL)
        return tkr_error_set(error, TASKER_INVALID_ARGUMENT, "%s: out is NULL", shape->name);
    if (tkr_is_absent(body.ptr))
        return tkr_error_set(error, TASKER_INVALID_ARGUMENT, "%s: the body is absent", shape->name);
    tasker_status status = tasker_json_check(body, TASKER_JSON_SHAPE_OBJECT, &tkr_limits_widest, error);
    if (status != TASKER_OK)
        return status;
    unsigned char *message = tkr_alloc(NULL, shape->size + body.len);
    if (message == NULL)
        return tkr_error_set(error, TASKER_OUT_OF_MEMORY, "%s: out of memory", shape->name);
    reader r = {shape->name, message, shape->size, (char *)message + shape->size, error};
    if (read_fields(&r, shape->fields, body)) {
        *out = message;
        return TASKER_OK;
    }
    tasker_free(message);
    return TASKER_INVALID_ARGUMENT;
}
