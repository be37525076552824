/* SPDX-License-Identifier: MIT */
#include "value/json_members.h"
#include <float.h>
#include <string.h>

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

static const char *past_string(const char *at, const char *end)
{
    for (at++; at < end && *at != '"'; at++)
        at += *at == '\\';
    return at < end ? at + 1 : end;
}

static const char *past_value(const char *at, const char *end)
{
    size_t open = 0;
    while (at < end) {
        if (*at == '"')
            at = past_string(at, end);
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
    const char *past = past_string(at, end);
    *key = (tasker_json){at, (size_t)(past - at)};
    at = past_space(past, end);
    at = past_space(at + (at < end), end); /* the colon */
    past = past_value(at, end);
    *value = (tasker_json){at, (size_t)(past - at)};
    members->at = past;
    return true;
}

/* ---- strings ---- */

static uint32_t unit_at(const char *digits)
{
    uint32_t unit = 0;
    for (int i = 0; i < 4; i++)
        unit = unit << 4 | (uint32_t)(digits[i] <= '9' ? digits[i] - '0' : (digits[i] | 0x20) - 'a' + 10);
    return unit;
}

static char *put_utf8(char *to, uint32_t c)
{
    if (c < 0x80) {
        *to++ = (char)c;
    } else if (c < 0x800) {
        *to++ = (char)(0xC0 | c >> 6);
        *to++ = (char)(0x80 | (c & 0x3F));
    } else if (c < 0x10000) {
        *to++ = (char)(0xE0 | c >> 12);
        *to++ = (char)(0x80 | (c >> 6 & 0x3F));
        *to++ = (char)(0x80 | (c & 0x3F));
    } else {
        *to++ = (char)(0xF0 | c >> 18);
        *to++ = (char)(0x80 | (c >> 12 & 0x3F));
        *to++ = (char)(0x80 | (c >> 6 & 0x3F));
        *to++ = (char)(0x80 | (c & 0x3F));
    }
    return to;
}

size_t tkr_json_unescape(tasker_json string, char *out)
{
    static const char letters[] = "bfnrt", controls[] = "\b\f\n\r\t";
    const char *at = string.ptr + 1, *end = string.ptr + string.len - 1;
    char *to = out;
    while (at < end) {
        if (*at != '\\') {
            *to++ = *at++;
            continue;
        }
        const char *letter = memchr(letters, at[1], sizeof letters - 1);
        if (at[1] != 'u') {
            *to++ = letter != NULL ? controls[letter - letters] : at[1];
            at += 2;
            continue;
        }
        uint32_t c = unit_at(at + 2);
        at += 6;
        if (c >= 0xD800 && c <= 0xDBFF) { /* its other half follows: that was checked */
            c = 0x10000 + ((c - 0xD800) << 10) + (unit_at(at + 2) - 0xDC00);
            at += 6;
        }
        to = put_utf8(to, c);
    }
    *to = '\0';
    return (size_t)(to - out);
}

/* ---- numbers ---- */

/* Not by strtod: its decimal point is the locale's. Digits behind the 19th are lost, and what is next to nothing is 0. */
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
