/* SPDX-License-Identifier: MIT */
#include "value/json_number.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { LONGEST_WHOLE = 21, MOST_ZEROS = 6 }; /* ECMAScript's: beyond them it writes an exponent */

/* 0.d1d2d3… × 10^point, neither d1 nor the last digit being zero. */
typedef struct decimal {
    bool negative;
    const char *first; /* NULL: zero */
    int64_t digits;    /* from there on, a point between them not counted */
    int64_t point;
} decimal;

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* In range: the check bounds the exponents of what is not zero. */
static int64_t read_exponent(const char *at, const char *end)
{
    int64_t exponent = 0;
    bool negative = *at == '-';
    for (at += negative || *at == '+'; at < end; at++)
        exponent = exponent * 10 + (*at - '0');
    return negative ? -exponent : exponent;
}

static decimal read_decimal(const char *at, const char *end)
{
    decimal d = {.negative = *at == '-'};
    int64_t whole = 0, seen = 0, first = 0, last = 0;
    bool fraction = false;
    for (at += d.negative; at < end && (is_digit(*at) || *at == '.'); at++) {
        if (*at == '.') {
            fraction = true;
            continue;
        }
        whole += !fraction;
        seen++;
        if (*at == '0')
            continue;
        if (d.first == NULL) {
            d.first = at;
            first = seen;
        }
        last = seen;
    }
    if (d.first == NULL)
        return d;
    d.digits = last - first + 1;
    d.point = whole - (first - 1) + (at < end ? read_exponent(at + 1, end) : 0);
    return d;
}

/* count digits from *at on, which moves behind them. */
static char *copy_digits(char *out, const char **at, int64_t count)
{
    for (; count > 0; ++*at)
        if (**at != '.') {
            *out++ = **at;
            count--;
        }
    return out;
}

static char *write_zeros(char *out, int64_t count)
{
    memset(out, '0', (size_t)count);
    return out + count;
}

static char *write_exponent(char *out, int64_t exponent)
{
    char digits[20], *at = digits + sizeof digits;
    uint64_t rest = (uint64_t)(exponent < 0 ? -exponent : exponent);
    do
        *--at = (char)('0' + rest % 10);
    while ((rest /= 10) > 0);
    *out++ = 'e';
    *out++ = exponent < 0 ? '-' : '+';
    size_t len = (size_t)(digits + sizeof digits - at);
    memcpy(out, at, len);
    return out + len;
}

size_t tkr_json_number_canonical(const char *number, size_t len, char *out)
{
    decimal d = read_decimal(number, number + len);
    const char *at = d.first;
    char *to = out;
    if (at == NULL) { /* minus zero too */
        *out = '0';
        return 1;
    }
    if (d.negative)
        *to++ = '-';
    if (d.digits <= d.point && d.point <= LONGEST_WHOLE) {
        to = copy_digits(to, &at, d.digits);
        to = write_zeros(to, d.point - d.digits);
    } else if (0 < d.point && d.point <= LONGEST_WHOLE) {
        to = copy_digits(to, &at, d.point);
        *to++ = '.';
        to = copy_digits(to, &at, d.digits - d.point);
    } else if (-MOST_ZEROS < d.point && d.point <= 0) {
        *to++ = '0';
        *to++ = '.';
        to = write_zeros(to, -d.point);
        to = copy_digits(to, &at, d.digits);
    } else {
        to = copy_digits(to, &at, 1);
        if (d.digits > 1)
            *to++ = '.';
        to = copy_digits(to, &at, d.digits - 1);
        to = write_exponent(to, d.point - 1);
    }
    return (size_t)(to - out);
}
