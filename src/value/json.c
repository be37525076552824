/* SPDX-License-Identifier: MIT */
#include "tasker/json.h"

#include <string.h>

#include "value/error.h"
#include "value/limits.h"
#include "value/text.h"

/* A value may lie in JSON_DEPTH_MAX containers and be one itself. */
#define LEVELS (TKR_JSON_DEPTH_MAX + 1)

/* PostgreSQL's numeric: the largest dscale, the largest weight in decimal digits, the bound on a written exponent. */
#define NUMBER_SCALE 16383
#define NUMBER_DIGITS 131072
#define NUMBER_EXPONENT (INT32_MAX / 2)

typedef struct scan {
    const char *start, *at, *end;
    tasker_limits limits;
    tasker_json_shape shape;
    int32_t depth; /* open containers */
    /* the finding */
    tasker_status status;
    const char *what, *where;
    int32_t limit; /* 0: it is not about one */
    /* of each open container, the outermost first; set when it is opened */
    uint64_t is_object[(LEVELS + 63) / 64];
    int32_t items[LEVELS];
} scan;

/* What must come next. */
typedef enum due { DUE_VALUE, DUE_REST, DUE_NOTHING } due;

static bool invalid(scan *s, const char *where, const char *what)
{
    s->status = TASKER_INVALID_ARGUMENT;
    s->where = where;
    s->what = what;
    return false;
}

static bool exceeded(scan *s, const char *where, const char *what, int32_t limit)
{
    s->status = TASKER_LIMIT_EXCEEDED;
    s->where = where;
    s->what = what;
    s->limit = limit;
    return false;
}

static bool sees(const scan *s, char byte)
{
    return s->at < s->end && *s->at == byte;
}

static void skip_space(scan *s)
{
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\n' || *s->at == '\r' || *s->at == '\t'))
        s->at++;
}

/* ==== Strings */

/* Past all bytes that stand for themselves and need no look: ASCII but for controls, quote and backslash. */
static const char *skip_plain(const char *at, const char *end)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), highs = ones << 7;
    uint64_t word;

    for (; (size_t)(end - at) >= sizeof word; at += sizeof word) {
        memcpy(&word, at, sizeof word);
        uint64_t quote = word ^ ones * '"', backslash = word ^ ones * '\\';
        /* The high bit of a byte stays when the subtraction borrows, so: is it 0, or below 0x20? */
        uint64_t found = ((quote - ones) & ~quote) | ((backslash - ones) & ~backslash) | ((word - ones * 0x20) & ~word);
        if (((found | word) & highs) != 0)
            break;
    }
    while (at < end && (unsigned char)*at >= 0x20 && (unsigned char)*at < 0x80 && *at != '"' && *at != '\\')
        at++;
    return at;
}

/* The four digits of a \uXXXX that begins at at, or UINT32_MAX. */
static uint32_t unit_at(const char *at, const char *end)
{
    uint32_t unit = 0;

    if (end - at < 6 || at[0] != '\\' || at[1] != 'u')
        return UINT32_MAX;
    for (int i = 2; i < 6; i++) {
        char digit = at[i];
        if (digit >= '0' && digit <= '9')
            unit = unit << 4 | (uint32_t)(digit - '0');
        else if ((digit >= 'a' && digit <= 'f') || (digit >= 'A' && digit <= 'F'))
            unit = unit << 4 | (uint32_t)((digit | 0x20) - 'a' + 10);
        else
            return UINT32_MAX;
    }
    return unit;
}

/* Takes one escape; *bytes grows by the size of what it stands for. */
static bool take_escape(scan *s, size_t *bytes)
{
    if (s->end - s->at >= 2 && s->at[1] != '\0' && strchr("\"\\/bfnrt", s->at[1]) != NULL) {
        s->at += 2;
        *bytes += 1;
        return true;
    }
    uint32_t unit = unit_at(s->at, s->end);
    if (unit == UINT32_MAX)
        return invalid(s, s->at, "an escape that JSON does not have");
    if (unit == 0)
        return invalid(s, s->at, "an escaped NUL, which the database cannot store");
    bool high = unit >= 0xD800 && unit <= 0xDBFF, low = unit >= 0xDC00 && unit <= 0xDFFF;
    if (high) {
        uint32_t next = unit_at(s->at + 6, s->end);
        if (next < 0xDC00 || next > 0xDFFF)
            return invalid(s, s->at, "a high surrogate without a low one after it");
        s->at += 12;
        *bytes += 4;
        return true;
    }
    if (low)
        return invalid(s, s->at, "a low surrogate without a high one before it");
    s->at += 6;
    *bytes += unit < 0x80 ? 1 : unit < 0x800 ? 2 : 3;
    return true;
}

static bool take_string(scan *s)
{
    const char *from = s->at++;
    size_t bytes = 0;

    for (;;) {
        const char *plain = s->at;
        s->at = skip_plain(s->at, s->end);
        bytes += (size_t)(s->at - plain);
        if (s->at == s->end)
            return invalid(s, s->at, "the end inside a string");
        if (*s->at == '"')
            break;
        if (*s->at == '\\') {
            if (!take_escape(s, &bytes))
                return false;
            continue;
        }
        if ((unsigned char)*s->at < 0x20)
            return invalid(s, s->at, "a control character inside a string");
        size_t character = tkr_utf8_character(s->at, (size_t)(s->end - s->at));
        if (character == 0)
            return invalid(s, s->at, "bytes that are not UTF-8");
        s->at += character;
        bytes += character;
    }
    s->at++;
    if (bytes > (size_t)s->limits.json_string)
        return exceeded(s, from, "a string with too many bytes", s->limits.json_string);
    return true;
}

/* ==== Numbers and words */

static size_t take_digits(scan *s)
{
    const char *from = s->at;
    while (s->at < s->end && *s->at >= '0' && *s->at <= '9')
        s->at++;
    return (size_t)(s->at - from);
}

/* The exponent, 0 if there is none; out of NUMBER_EXPONENT's range it is no longer exact. */
static bool take_exponent(scan *s, int64_t *exponent)
{
    *exponent = 0;
    if (!sees(s, 'e') && !sees(s, 'E'))
        return true;
    s->at++;
    bool negative = sees(s, '-');
    if (negative || sees(s, '+'))
        s->at++;
    const char *from = s->at;
    if (take_digits(s) == 0)
        return invalid(s, s->at, "an exponent without digits");
    for (; from < s->at && *exponent < NUMBER_EXPONENT; from++)
        *exponent = *exponent * 10 + (*from - '0');
    if (negative)
        *exponent = -*exponent;
    return true;
}

/* Whether PostgreSQL's numeric_in takes it: the same reckoning of weight and display scale. */
static bool take_number(scan *s)
{
    const char *from = s->at;
    s->at += *s->at == '-';
    const char *whole = s->at;
    size_t whole_digits = take_digits(s), fraction_digits = 0, zeros = 0;
    if (whole_digits == 0)
        return invalid(s, s->at, "a sign without digits");
    if (*whole == '0' && whole_digits > 1)
        return invalid(s, whole, "a number with leading zeros");
    if (sees(s, '.')) {
        const char *fraction = ++s->at;
        fraction_digits = take_digits(s);
        if (fraction_digits == 0)
            return invalid(s, s->at, "a decimal point without digits after it");
        while (zeros < fraction_digits && fraction[zeros] == '0')
            zeros++;
    }
    int64_t exponent;
    if (!take_exponent(s, &exponent))
        return false;

    bool is_zero = *whole == '0' && zeros == fraction_digits;
    int64_t before = (*whole == '0' ? -(int64_t)zeros : (int64_t)whole_digits) + exponent;
    if (exponent >= NUMBER_EXPONENT || exponent <= -NUMBER_EXPONENT || (!is_zero && before > NUMBER_DIGITS) ||
        (int64_t)fraction_digits - exponent > NUMBER_SCALE)
        return invalid(s, from, "a number the database cannot store");
    return true;
}

static bool take_word(scan *s, const char *word, size_t len)
{
    if ((size_t)(s->end - s->at) < len || memcmp(s->at, word, len) != 0)
        return invalid(s, s->at, "no JSON value");
    s->at += len;
    return true;
}

/* ==== Containers */

static bool in_object(const scan *s)
{
    int32_t level = s->depth - 1;
    return (s->is_object[level / 64] >> (level % 64) & 1) != 0;
}

/* Up to where the value of the next item begins. */
static bool begin_item(scan *s)
{
    bool object = in_object(s);
    int32_t *items = &s->items[s->depth - 1];

    skip_space(s);
    if (*items == s->limits.json_items)
        return exceeded(s, s->at, object ? "an object with too many keys" : "an array with too many items",
                        s->limits.json_items);
    *items += 1;
    if (!object)
        return true;
    if (!sees(s, '"'))
        return invalid(s, s->at, "no key where one must stand");
    if (!take_string(s))
        return false;
    skip_space(s);
    if (!sees(s, ':'))
        return invalid(s, s->at, "no colon after a key");
    s->at++;
    return true;
}

static bool open_container(scan *s, due *next)
{
    bool object = *s->at++ == '{';
    int32_t level = s->depth++;
    uint64_t bit = UINT64_C(1) << (level % 64);

    if (object)
        s->is_object[level / 64] |= bit;
    else
        s->is_object[level / 64] &= ~bit;
    s->items[level] = 0;
    skip_space(s);
    *next = sees(s, object ? '}' : ']') ? DUE_REST : DUE_VALUE;
    return *next == DUE_REST || begin_item(s);
}

static bool take_value(scan *s, due *next)
{
    skip_space(s);
    if (s->at == s->end)
        return invalid(s, s->at, "the end where a value must stand");
    if (s->depth > s->limits.json_depth)
        return exceeded(s, s->at, "a value in too many containers", s->limits.json_depth);
    *next = DUE_REST;
    switch (*s->at) {
    case '{':
    case '[':
        return open_container(s, next);
    case '"':
        return take_string(s);
    case 't':
        return take_word(s, "true", 4);
    case 'f':
        return take_word(s, "false", 5);
    case 'n':
        return take_word(s, "null", 4);
    default:
        if (*s->at == '-' || (*s->at >= '0' && *s->at <= '9'))
            return take_number(s);
        return invalid(s, s->at, "no JSON value");
    }
}

/* After a value: the next item or the end of its container, or the end of all. */
static bool take_rest(scan *s, due *next)
{
    skip_space(s);
    if (s->depth == 0) {
        *next = DUE_NOTHING;
        return s->at == s->end || invalid(s, s->at, "something after the value");
    }
    if (s->at == s->end)
        return invalid(s, s->at, in_object(s) ? "the end inside an object" : "the end inside an array");
    if (*s->at == ',') {
        s->at++;
        *next = DUE_VALUE;
        return begin_item(s);
    }
    if (*s->at != (in_object(s) ? '}' : ']'))
        return invalid(s, s->at, "neither a comma nor the closing bracket");
    s->at++;
    s->depth--;
    *next = DUE_REST;
    return true;
}

static bool check_shape(scan *s)
{
    skip_space(s);
    bool object = sees(s, '{'), array = sees(s, '[');
    switch (s->shape) {
    case TASKER_JSON_SHAPE_ANY:
        return true;
    case TASKER_JSON_SHAPE_OBJECT:
        return object || invalid(s, s->at, "no object, which it must be");
    case TASKER_JSON_SHAPE_ARRAY:
        return array || invalid(s, s->at, "no array, which it must be");
    case TASKER_JSON_SHAPE_CONTAINER:
        return object || array || invalid(s, s->at, "no object or array, which it must be");
    }
    return invalid(s, s->at, "a wanted shape that does not exist");
}

static bool scan_document(scan *s)
{
    due next = DUE_VALUE;

    if (!check_shape(s))
        return false;
    while (next != DUE_NOTHING)
        if (!(next == DUE_VALUE ? take_value(s, &next) : take_rest(s, &next)))
            return false;
    return true;
}

tasker_status tasker_json_check(tasker_json json, tasker_json_shape shape, const tasker_limits *limits,
                                tasker_error *error)
{
    scan s;

    tkr_error_clear(error);
    if (!tkr_limits_or_defaults(limits, &s.limits))
        return tkr_error_set(error, TASKER_INVALID_ARGUMENT, "JSON: a limit is negative");
    if (tkr_limits_reserved(limits))
        return tkr_error_set(error, TASKER_UNSUPPORTED, "JSON: a reserved word of the limits is not zero");
    if (json.ptr == NULL)
        return tkr_error_set(error, TASKER_INVALID_ARGUMENT, "JSON: it is absent");
    if (json.len > (size_t)s.limits.json_bytes)
        return tkr_error_set(error, TASKER_LIMIT_EXCEEDED, "JSON: %zu bytes (limit %d)", json.len,
                             (int)s.limits.json_bytes);
    s.start = s.at = json.ptr;
    s.end = json.ptr + json.len;
    s.shape = shape;
    s.depth = 0;
    s.limit = 0;
    if (scan_document(&s))
        return TASKER_OK;
    size_t offset = (size_t)(s.where - s.start);
    if (s.limit != 0)
        return tkr_error_set(error, s.status, "JSON: %s (limit %d) at byte %zu", s.what, (int)s.limit, offset);
    return tkr_error_set(error, s.status, "JSON: %s at byte %zu", s.what, offset);
}
