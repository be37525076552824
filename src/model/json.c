/* SPDX-License-Identifier: MIT */
#include "tasker/json.h"
#include <string.h>
#include "row/memory.h"
#include "value/json_members.h"
#include "value/json_string.h"
#include "value/limits.h"
#include "value/text.h"

static bool is_text(tasker_text text)
{
    return !tkr_is_absent(text.ptr) && tkr_utf8_valid(text.ptr, text.len, NULL);
}

/* Where the key's value stands; if it stands nowhere, *value is empty and begins at the closing brace. */
static tasker_status look(tasker_json *object, tasker_text key, tasker_json *value, bool *found, bool *empty)
{
    if (tkr_is_absent(object->ptr))
        *object = (tasker_json)TASKER_JSON("{}");
    if (!is_text(key))
        return TASKER_INVALID_ARGUMENT;
    tasker_status status = tasker_json_check(*object, TASKER_JSON_SHAPE_OBJECT, &tkr_limits_widest, NULL);
    if (status != TASKER_OK)
        return status;
    tkr_json_members members = tkr_json_members_of(*object);
    tasker_json name, next;
    *found = false;
    for (*empty = true; tkr_json_members_next(&members, &name, &next); *empty = false) {
        if (!tkr_json_string_is(name, key))
            continue;
        *value = next;
        *found = true;
    }
    if (*found)
        return TASKER_OK;
    *value = (tasker_json){object->ptr + object->len - 1, 0};
    while (*value->ptr != '}')
        value->ptr--;
    return TASKER_OK;
}

tasker_status tasker_json_find(tasker_json object, tasker_text key, tasker_json *out)
{
    tasker_json value;
    bool found, empty;
    if (out == NULL)
        return TASKER_INVALID_ARGUMENT;
    tasker_status status = look(&object, key, &value, &found, &empty);
    if (status == TASKER_OK && !found)
        return TASKER_NOT_FOUND;
    if (status == TASKER_OK)
        *out = value;
    return status;
}

/* Room for size bytes and NUL behind *to. */
static tasker_status allocate(size_t size, char **to, const tasker_json **out)
{
    if (size > TKR_VALUE_BYTES_MAX)
        return TASKER_LIMIT_EXCEEDED;
    tasker_json *json = tkr_alloc(NULL, sizeof *json + size + 1);
    if (json == NULL)
        return TASKER_OUT_OF_MEMORY;
    *to = (char *)(json + 1);
    *json = (tasker_json){*to, size};
    *out = json;
    return TASKER_OK;
}

static char *append(char *to, const char *bytes, size_t len)
{
    memcpy(to, bytes, len);
    return to + len;
}

tasker_status tasker_json_set(tasker_json object, tasker_text key, tasker_json value, const tasker_json **out)
{
    tasker_json old;
    bool found, empty;
    char *to;
    if (out == NULL)
        return TASKER_INVALID_ARGUMENT;
    *out = NULL;
    if (tkr_is_absent(value.ptr))
        return TASKER_INVALID_ARGUMENT;
    tasker_status status = look(&object, key, &old, &found, &empty);
    if (status == TASKER_OK)
        status = tasker_json_check(value, TASKER_JSON_SHAPE_ANY, &tkr_limits_widest, NULL);
    if (status != TASKER_OK)
        return status;
    size_t comma = !found && !empty, name = found ? 0 : tkr_json_quoted_size(key) + 1;
    status = allocate(object.len - old.len + comma + name + value.len, &to, out);
    if (status != TASKER_OK)
        return status;
    size_t before = (size_t)(old.ptr - object.ptr);
    to = append(to, object.ptr, before);
    to = append(to, ",", comma);
    if (!found)
        to = append(tkr_json_quote(key, to), ":", 1);
    to = append(to, value.ptr, value.len);
    append(to, old.ptr + old.len, object.len - before - old.len);
    return TASKER_OK;
}

tasker_status tasker_json_from_texts(const tasker_text *texts, size_t count, const tasker_json **out)
{
    size_t size = 2; /* the brackets */
    char *to;
    if (out == NULL)
        return TASKER_INVALID_ARGUMENT;
    *out = NULL;
    if (texts == NULL && count > 0)
        return TASKER_INVALID_ARGUMENT;
    for (size_t i = 0; i < count && size <= TKR_VALUE_BYTES_MAX; i++) {
        if (!is_text(texts[i]))
            return TASKER_INVALID_ARGUMENT;
        size += tkr_json_quoted_size(texts[i]) + (i > 0);
    }
    tasker_status status = allocate(size, &to, out);
    if (status != TASKER_OK)
        return status;
    *to++ = '[';
    for (size_t i = 0; i < count; i++) {
        to = append(to, ",", i > 0);
        to = tkr_json_quote(texts[i], to);
    }
    *to = ']';
    return TASKER_OK;
}
