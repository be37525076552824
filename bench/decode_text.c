/* SPDX-License-Identifier: MIT */
/*
 * Task rows from the text format, as a careful client writes it by hand: every value is checked for NULL and for
 * garbage, numbers go through strtol, times through strptime and timegm, keys through a parser of its own (sscanf would
 * be slower, and so are parts of times read by strtol); text stays in the result.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "decode.h"

typedef struct cell {
    const PGresult *result;
    int row;
} cell;

static bool is_null(const cell *c, int column)
{
    return PQgetisnull(c->result, c->row, column) == 1;
}

static const char *value(const cell *c, int column)
{
    return PQgetvalue(c->result, c->row, column);
}

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool read_uuid(const cell *c, int column, tasker_uuid *to)
{
    const char *at = value(c, column);
    if (is_null(c, column) || PQgetlength(c->result, c->row, column) != 36)
        return false;
    for (size_t i = 0; i < 16; i++) {
        if ((i == 4 || i == 6 || i == 8 || i == 10) && *at++ != '-')
            return false;
        int high = hex(at[0]), low = hex(at[1]);
        if (high < 0 || low < 0)
            return false;
        to->bytes[i] = (uint8_t)(high << 4 | low);
        at += 2;
    }
    return true;
}

static bool read_bool(const cell *c, int column, bool *to)
{
    const char *at = value(c, column);
    *to = strcmp(at, "t") == 0;
    return !is_null(c, column) && (*to || strcmp(at, "f") == 0);
}

static bool read_int(const cell *c, int column, int32_t *to)
{
    char *end;
    errno = 0;
    long number = strtol(value(c, column), &end, 10);
    *to = (int32_t)number;
    return !is_null(c, column) && errno == 0 && *end == '\0' && end != value(c, column) && number == *to;
}

/* 2026-01-31 23:59:59, then a point and up to six digits, or nothing. */
static bool read_time(const cell *c, int column, tasker_time *to)
{
    struct tm tm = {0};
    int64_t fraction = 0;
    const char *at = is_null(c, column) ? NULL : strptime(value(c, column), "%Y-%m-%d %H:%M:%S", &tm);
    if (at == NULL)
        return false;
    if (*at == '.') {
        int digits = 0;
        for (at++; *at >= '0' && *at <= '9' && digits < 6; at++, digits++)
            fraction = fraction * 10 + (*at - '0');
        for (; digits < 6; digits++)
            fraction *= 10;
    }
    to->us = (int64_t)timegm(&tm) * 1000000 + fraction;
    return *at == '\0';
}

static bool read_optional_time(const cell *c, int column, bool *has, tasker_time *to)
{
    *has = !is_null(c, column);
    return !*has || read_time(c, column, to);
}

static bool read_text(const cell *c, int column, tasker_text *to)
{
    if (is_null(c, column))
        return false;
    *to = (tasker_text){value(c, column), (size_t)PQgetlength(c->result, c->row, column)};
    return true;
}

static void read_optional(const cell *c, int column, tasker_text *to)
{
    if (!read_text(c, column, to))
        *to = (tasker_text){NULL, 0};
}

static void read_json(const cell *c, int column, tasker_json *to)
{
    tasker_text text;
    read_optional(c, column, &text);
    *to = (tasker_json){text.ptr, text.len};
}

static bool decode_row(const cell *c, tasker_task *to)
{
    read_optional(c, 5, &to->initiator);
    read_optional(c, 6, &to->source_system);
    read_optional(c, 7, &to->reason);
    read_json(c, 8, &to->bypass_steps);
    read_json(c, 9, &to->tags);
    read_json(c, 10, &to->context);
    read_optional(c, 14, &to->claim_id);
    read_optional(c, 15, &to->reference_id);
    read_optional(c, 19, &to->claimed_by);
    return read_uuid(c, 0, &to->task_uuid) && read_uuid(c, 1, &to->named_task_uuid) && read_bool(c, 2, &to->complete) &&
           read_time(c, 3, &to->requested_at) && read_optional_time(c, 4, &to->has_completed_at, &to->completed_at) &&
           read_text(c, 11, &to->identity_hash) && read_time(c, 12, &to->created_at) &&
           read_time(c, 13, &to->updated_at) && read_int(c, 16, &to->priority) &&
           read_int(c, 17, &to->claim_timeout_seconds) &&
           read_optional_time(c, 18, &to->has_claimed_at, &to->claimed_at);
}

bool decode_text(const PGresult *result, tasker_task *rows)
{
    bool ok = true;
    for (int row = 0; ok && row < PQntuples(result); row++)
        ok = decode_row(&(cell){result, row}, &rows[row]);
    return ok;
}
