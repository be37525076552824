/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "model/message.h"
#include "tasker/uuid.h"
#include "value/json_members.h"
#include "value/json_string.h"
#include "value/limits.h"
#include "value/text.h"

/* Goes over the message twice: first checks and counts, then writes what fits. */
typedef struct writer {
    const unsigned char *message;
    char *at; /* NULL: the first time */
    size_t used;
    tasker_status status; /* once it is not OK nothing more happens */
} writer;

static void write_fields(writer *w, const tkr_message_field *fields);

const char *tkr_message_key(const tkr_message_field *field)
{
    const char *dot = strrchr(field->path, '.');
    return dot != NULL ? dot + 1 : field->path;
}

bool tkr_message_takes(const tasker_uuid *uuid)
{
    int32_t version = tasker_uuid_version(uuid);
    return tasker_uuid_variant(uuid) == 2 && version >= 1 && version <= 7;
}

static void refuse(writer *w, tasker_status status)
{
    if (w->status == TASKER_OK)
        w->status = status;
}

static void put(writer *w, const char *bytes, size_t len)
{
    if (w->status != TASKER_OK)
        return;
    if (w->at != NULL)
        memcpy(w->at + w->used, bytes, len);
    w->used += len;
    if (w->used > TKR_VALUE_BYTES_MAX)
        refuse(w, TASKER_LIMIT_EXCEEDED);
}

static void put_string(writer *w, const char *string)
{
    put(w, string, strlen(string));
}

/* Of a text that needs no escapes. */
static void put_quoted(writer *w, const char *text)
{
    put(w, "\"", 1);
    put_string(w, text);
    put(w, "\"", 1);
}

static const void *member(const writer *w, size_t offset)
{
    return w->message + offset;
}

/* ---- values ---- */

static void write_text(writer *w, tasker_text text)
{
    if (w->at != NULL) {
        w->used = (size_t)(tkr_json_quote(text, w->at + w->used) - w->at);
        return;
    }
    if (text.len > TKR_VALUE_BYTES_MAX)
        refuse(w, TASKER_LIMIT_EXCEEDED);
    else if (tkr_is_absent(text.ptr) || !tkr_utf8_valid(text.ptr, text.len, NULL))
        refuse(w, TASKER_INVALID_ARGUMENT);
    else
        w->used += tkr_json_quoted_size(text);
    put(w, "", 0);
}

static void write_choice(writer *w, const tkr_message_field *field, tasker_text text)
{
    const char *const *word = field->words;
    write_text(w, text);
    while (w->status == TASKER_OK && *word != NULL &&
           (strlen(*word) != text.len || memcmp(*word, text.ptr, text.len) != 0))
        word++;
    if (*word == NULL)
        refuse(w, TASKER_INVALID_ARGUMENT);
}

static void write_word(writer *w, const tkr_message_field *field, int32_t number)
{
    int32_t count = 0;
    while (field->words[count] != NULL)
        count++;
    if (number == 0)
        number = field->otherwise;
    if (number < 1 || number > count)
        refuse(w, TASKER_INVALID_ARGUMENT);
    else
        put_quoted(w, field->words[number - 1]);
}

static void write_uuid(writer *w, const tasker_uuid *uuid)
{
    char text[TASKER_UUID_TEXT_SIZE];
    if (!tkr_message_takes(uuid))
        refuse(w, TASKER_INVALID_ARGUMENT);
    put_quoted(w, tasker_uuid_format(uuid, text));
}

static void write_uuids(writer *w, const tasker_uuids *uuids)
{
    if (uuids->count > TKR_VALUE_BYTES_MAX / TASKER_UUID_TEXT_SIZE)
        refuse(w, TASKER_LIMIT_EXCEEDED);
    else if (uuids->count > 0 && uuids->items == NULL)
        refuse(w, TASKER_INVALID_ARGUMENT);
    put(w, "[", 1);
    for (size_t i = 0; i < uuids->count && w->status == TASKER_OK; i++) {
        put(w, ",", i > 0);
        write_uuid(w, &uuids->items[i]);
    }
    put(w, "]", 1);
}

static void write_time(writer *w, const tasker_time *time)
{
    char text[TASKER_TIME_TEXT_SIZE];
    tasker_time_format(*time, text);
    if (*text == 'o') /* out of range */
        refuse(w, TASKER_INVALID_ARGUMENT);
    put_quoted(w, text);
}

static void write_number(writer *w, const tkr_message_field *field, int64_t number)
{
    char text[24];
    if (number < field->least || number > field->most)
        refuse(w, TASKER_INVALID_ARGUMENT);
    snprintf(text, sizeof text, "%" PRId64, number);
    put_string(w, text);
}

/* Its own depth and that of the message may together be no more than a reader takes. */
static void check_json(writer *w, const tkr_message_field *field, tasker_json json)
{
    const tasker_limits limits = {.json_bytes = INT32_MAX,
                                  .json_depth = TKR_JSON_DEPTH_MAX - 2,
                                  .json_items = INT32_MAX,
                                  .json_string = INT32_MAX};
    bool object = field->kind == TKR_MESSAGE_OBJECT || field->kind == TKR_MESSAGE_STRINGS;
    refuse(w, tasker_json_check(json, object ? TASKER_JSON_SHAPE_OBJECT : TASKER_JSON_SHAPE_ANY, &limits, NULL));
    if (w->status != TASKER_OK || field->kind != TKR_MESSAGE_STRINGS)
        return;
    tkr_json_members members = tkr_json_members_of(json);
    for (tasker_json key, value; tkr_json_members_next(&members, &key, &value);)
        if (*value.ptr != '"')
            refuse(w, TASKER_INVALID_ARGUMENT);
}

static void write_json(writer *w, const tkr_message_field *field, tasker_json json)
{
    if (w->at == NULL)
        check_json(w, field, json);
    put(w, json.ptr, json.len);
}

static void write_kind(writer *w, const tkr_message_field *field)
{
    const void *at = member(w, field->offset);
    switch (field->kind) {
    case TKR_MESSAGE_TEXT:
        write_text(w, *(const tasker_text *)at);
        break;
    case TKR_MESSAGE_CHOICE:
        write_choice(w, field, *(const tasker_text *)at);
        break;
    case TKR_MESSAGE_WORD:
        write_word(w, field, *(const int32_t *)at);
        break;
    case TKR_MESSAGE_UUID:
        write_uuid(w, at);
        break;
    case TKR_MESSAGE_UUIDS:
        write_uuids(w, at);
        break;
    case TKR_MESSAGE_TIME:
        write_time(w, at);
        break;
    case TKR_MESSAGE_BOOL:
        put_string(w, *(const bool *)at ? "true" : "false");
        break;
    case TKR_MESSAGE_INT32:
        write_number(w, field, *(const int32_t *)at);
        break;
    case TKR_MESSAGE_INT64:
        write_number(w, field, *(const int64_t *)at);
        break;
    case TKR_MESSAGE_JSON:
    case TKR_MESSAGE_RESULTS:
    case TKR_MESSAGE_OBJECT:
    case TKR_MESSAGE_STRINGS:
        write_json(w, field, *(const tasker_json *)at);
        break;
    case TKR_MESSAGE_PART:
        write_fields(w, field->fields);
        break;
    }
}

/* ---- objects ---- */

static bool is_json(const tkr_message_field *field)
{
    return field->kind >= TKR_MESSAGE_JSON && field->kind <= TKR_MESSAGE_STRINGS;
}

static bool has(const writer *w, const tkr_message_field *field)
{
    return *(const bool *)member(w, field->has);
}

/* What can be absent and is not. Numbers and flags by themselves can not be. */
static bool is_given(const writer *w, const tkr_message_field *field)
{
    if (field->kind == TKR_MESSAGE_PART) {
        for (const tkr_message_field *inner = field->fields; inner->path != NULL; inner++)
            if (is_given(w, inner))
                return true;
        return false;
    }
    if (field->kind == TKR_MESSAGE_TEXT || field->kind == TKR_MESSAGE_CHOICE)
        return !tkr_is_absent(((const tasker_text *)member(w, field->offset))->ptr);
    if (is_json(field))
        return !tkr_is_absent(((const tasker_json *)member(w, field->offset))->ptr);
    return field->has != 0 && has(w, field);
}

static void write_field(writer *w, const tkr_message_field *field, bool given)
{
    bool json = is_json(field), nullable = (field->flags & TKR_MESSAGE_NULLABLE) != 0;
    if (given || ((field->flags & TKR_MESSAGE_REQUIRED) != 0 && !json))
        write_kind(w, field);
    else
        put_string(w, json && !nullable ? "{}" : "null");
}

static void write_fields(writer *w, const tkr_message_field *fields)
{
    const char *before = "{";
    for (const tkr_message_field *field = fields; field->path != NULL; field++) {
        bool given = is_given(w, field);
        if ((field->flags & TKR_MESSAGE_ALIAS) != 0 || (field->flags == 0 && !given && !is_json(field)))
            continue;
        if (field->kind == TKR_MESSAGE_PART && field->has != 0) {
            if (given && !has(w, field))
                refuse(w, TASKER_INVALID_ARGUMENT);
            given = has(w, field);
        }
        put_string(w, before);
        before = ",";
        put_quoted(w, tkr_message_key(field));
        put(w, ":", 1);
        write_field(w, field, given);
    }
    put(w, "}", 1);
}

tasker_status tkr_message_write(const tkr_message_shape *shape, const void *message, size_t size, char *buffer,
                                size_t *out)
{
    static const uint64_t none[4];
    writer w = {.message = message};
    if (message == NULL || out == NULL || (buffer == NULL && size > 0))
        return TASKER_INVALID_ARGUMENT;
    if (memcmp(member(&w, shape->reserved), none, sizeof none) != 0)
        return TASKER_UNSUPPORTED;
    write_fields(&w, shape->fields);
    if (w.status != TASKER_OK)
        return w.status;
    *out = w.used;
    if (w.used > size)
        return TASKER_TOO_LONG;
    w.at = buffer;
    w.used = 0;
    write_fields(&w, shape->fields);
    return w.status;
}
