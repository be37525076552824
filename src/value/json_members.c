/* SPDX-License-Identifier: MIT */
#include "value/json_members.h"
#include <float.h>
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

tkr_json_members tkr_json_members_of(tasker_json json)
{
    const char *end = json.ptr + json.len, *at = past_space(json.ptr, end);
    return at < end && *at == '{' ? (tkr_json_members){at + 1, end} : (tkr_json_members){end, end};
}

bool tkr_json_members_next(tkr_json_members *members, tasker_json *key, tasker_json *value)
{
    const char *at = past_space(members->at, members->end), *end = members->end;
    if (at < end && *at == ',')
        at = past_space(at + 1, end);
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

/* ---- numbers ---- */

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
