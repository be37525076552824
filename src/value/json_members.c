/* SPDX-License-Identifier: MIT */
#include "value/json_members.h"
#include <float.h>
#include "value/json_number.h"
#include "value/json_string.h"

static bool is_space(char byte)
{
    return byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t';
}

static const char *past_space(const char *at, const char *end)
{
    while (at < end && is_space(*at))
        at++;
    return at;
}

static const char *past_value(const char *at, const char *end)
{
    size_t open = 0;
    while (at < end) {
        if (*at == '"')
            at = tkr_json_past_string(at, end);
        else if (*at == '{' || *at == '[')
            open++, at++;
        else if (*at == '}' || *at == ']')
            open--, at++;
        else if (open > 0)
            at++;
        else
            while (at < end && !is_space(*at) && *at != ',' && *at != '}' && *at != ']')
                at++;
        if (open == 0)
            break;
    }
    return at;
}

static tkr_json_members inside(tasker_json json, char bracket)
{
    const char *end = json.ptr + json.len, *at = past_space(json.ptr, end);
    return at < end && *at == bracket ? (tkr_json_members){at + 1, end} : (tkr_json_members){end, end};
}

static const char *past_comma(const tkr_json_members *members)
{
    const char *at = past_space(members->at, members->end);
    return at < members->end && *at == ',' ? past_space(at + 1, members->end) : at;
}

tkr_json_members tkr_json_members_of(tasker_json json)
{
    return inside(json, '{');
}

bool tkr_json_members_next(tkr_json_members *members, tasker_json *key, tasker_json *value)
{
    const char *at = past_comma(members), *end = members->end;
    if (at == end || *at != '"')
        return false;
    const char *past = tkr_json_past_string(at, end);
    *key = (tasker_json){at, (size_t)(past - at)};
    at = past_space(past, end);
    at = past_space(at + (at < end), end); /* the colon */
    past = past_value(at, end);
    *value = (tasker_json){at, (size_t)(past - at)};
    members->at = past;
    return true;
}

tkr_json_members tkr_json_items_of(tasker_json json)
{
    return inside(json, '[');
}

bool tkr_json_items_next(tkr_json_members *items, tasker_json *value)
{
    const char *at = past_comma(items);
    if (at == items->end || *at == ']')
        return false;
    items->at = past_value(at, items->end);
    *value = (tasker_json){at, (size_t)(items->at - at)};
    return true;
}

/* ---- numbers ---- */

bool tkr_json_read_integer(tasker_json number, int64_t *out)
{
    char digits[64 + TKR_JSON_NUMBER_MORE];
    if (number.len > 64 || (*number.ptr != '-' && (*number.ptr < '0' || *number.ptr > '9')))
        return false;
    size_t len = tkr_json_number_canonical(number.ptr, number.len, digits);
    bool negative = digits[0] == '-';
    uint64_t value = 0, most = (uint64_t)INT64_MAX + negative;
    for (size_t i = negative; i < len; i++) {
        uint64_t digit = (uint64_t)(digits[i] - '0'); /* a point or exponent is more than 9 */
        if (digit > 9 || value > (most - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *out = negative ? -(int64_t)(value - 1) - 1 : (int64_t)value;
    return true;
}

/*
 * Not by strtod: its decimal point is the locale's. Digits behind the 19th are lost, and what is next to nothing is 0.
 */
bool tkr_json_read_number(tasker_json number, double *out)
{
    const char *at = number.ptr, *end = number.ptr + number.len;
    uint64_t digits = 0;
    int64_t exponent = 0, written = 0;
    bool negative = at < end && *at == '-', fraction = false, minus = false;
    at += negative;
    if (at == end || *at < '0' || *at > '9')
        return false;
    for (; at < end && *at != 'e' && *at != 'E'; at++) {
        if (*at == '.')
            fraction = true;
        else if (digits < UINT64_C(1000000000000000000))
            digits = digits * 10 + (uint64_t)(*at - '0'), exponent -= fraction;
        else
            exponent += !fraction;
    }
    for (; at < end; at++) {
        minus = minus || *at == '-';
        if (*at >= '0' && *at <= '9' && written < INT32_MAX)
            written = written * 10 + (*at - '0');
    }
    exponent += minus ? -written : written;
    long double value = digits;
    for (; digits != 0 && exponent > 0 && value <= DBL_MAX; exponent--)
        value *= 10;
    long double power = 1;
    for (; exponent < 0 && power < DBL_MAX; exponent++)
        power *= 10;
    value = exponent < 0 ? 0 : value / power;
    if (value > DBL_MAX)
        return false;
    *out = (double)(negative ? -value : value);
    return true;
}
