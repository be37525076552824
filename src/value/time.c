/* SPDX-License-Identifier: MIT */
#include "value/time.h"

#include <string.h>

#define SECOND INT64_C(1000000)
#define DAY (INT64_C(86400) * SECOND)
#define YEAR_0 (INT64_C(-62167219200) * SECOND)
#define YEAR_10000 (INT64_C(253402300800) * SECOND)
#define FIRST                                                                                                          \
    INT64_C(-210866803200000000) /* 4714-11-24 BC, the first that a timestamp has; its last lies behind ours */

bool tkr_time_is_storable(tasker_time time)
{
    return time.us >= FIRST;
}

typedef struct date {
    uint32_t year, month, day;
} date;

/*
 * From days since 1970 in the Gregorian calendar, year 0 and later. Years are taken to begin in March: the leap day
 * is then the last one, and the month follows from the day by one line.
 */
static date date_of(int64_t days_since_1970)
{
    uint32_t days = (uint32_t)(days_since_1970 + 719468 + 146097); /* since March 1 of the year -400 */
    uint32_t era = days / 146097;                                  /* of 400 years */
    uint32_t day_of_era = days % 146097;
    uint32_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    uint32_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    uint32_t month = (5 * day_of_year + 2) / 153; /* March is 0 */
    bool next_year = month >= 10;

    return (date){
        .year = era * 400 + year_of_era + next_year - 400,
        .month = next_year ? month - 9 : month + 3,
        .day = day_of_year - (153 * month + 2) / 5 + 1,
    };
}

static char *put(char *at, uint32_t value, int digits, char after)
{
    for (int i = digits - 1; i >= 0; i--) {
        at[i] = (char)('0' + value % 10);
        value /= 10;
    }
    at[digits] = after;
    return at + digits + 1;
}

const char *tasker_time_format(tasker_time time, char out[TASKER_TIME_TEXT_SIZE])
{
    if (time.us < YEAR_0 || time.us >= YEAR_10000)
        return strcpy(out, "out-of-range");

    int64_t days = time.us / DAY - (time.us % DAY < 0);
    int64_t of_day = time.us - days * DAY;
    uint32_t seconds = (uint32_t)(of_day / SECOND);
    date on = date_of(days);

    char *at = put(out, on.year, 4, '-');
    at = put(at, on.month, 2, '-');
    at = put(at, on.day, 2, 'T');
    at = put(at, seconds / 3600, 2, ':');
    at = put(at, seconds / 60 % 60, 2, ':');
    at = put(at, seconds % 60, 2, '.');
    at = put(at, (uint32_t)(of_day % SECOND), 6, 'Z');
    *at = '\0';
    return out;
}

/* ==== Reading */

/* Days since 1970; months count from 1. The inverse of date_of. */
static int64_t days_of(uint32_t year, uint32_t month, uint32_t day)
{
    uint32_t shifted = year + 400 - (month <= 2), of_era = shifted % 400;
    uint32_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    uint32_t day_of_era = of_era * 365 + of_era / 4 - of_era / 100 + day_of_year;
    return (int64_t)(shifted / 400) * 146097 + day_of_era - 719468 - 146097;
}

/* Takes digits and the byte after them, which must be one of these. */
static bool take(tasker_text *rest, size_t digits, const char *after, uint32_t *out)
{
    *out = 0;
    if (rest->len <= digits)
        return false;
    for (size_t i = 0; i < digits; i++) {
        if (rest->ptr[i] < '0' || rest->ptr[i] > '9')
            return false;
        *out = *out * 10 + (uint32_t)(rest->ptr[i] - '0');
    }
    if (memchr(after, rest->ptr[digits], strlen(after)) == NULL)
        return false;
    rest->ptr += digits;
    rest->len -= digits;
    return true;
}

static void skip_byte(tasker_text *rest)
{
    rest->ptr++;
    rest->len--;
}

/* Behind the seconds: a fraction, and the offset. */
static bool take_rest(tasker_text rest, int64_t *fraction_us, int64_t *offset_minutes)
{
    int64_t unit = SECOND / 10;
    *fraction_us = *offset_minutes = 0;
    if (*rest.ptr == '.') {
        skip_byte(&rest);
        if (rest.len == 0 || *rest.ptr < '0' || *rest.ptr > '9')
            return false;
        for (; rest.len > 0 && *rest.ptr >= '0' && *rest.ptr <= '9'; skip_byte(&rest), unit /= 10)
            *fraction_us += (*rest.ptr - '0') * unit;
    }
    if (rest.len == 1)
        return *rest.ptr == 'Z' || *rest.ptr == 'z';
    if (rest.len != 6 || (rest.ptr[0] != '+' && rest.ptr[0] != '-'))
        return false;
    char copy[] = {rest.ptr[1], rest.ptr[2], rest.ptr[3], rest.ptr[4], rest.ptr[5], 'Z'};
    tasker_text offset = {copy, sizeof copy};
    uint32_t hours, minutes;
    if (!take(&offset, 2, ":", &hours))
        return false;
    skip_byte(&offset);
    if (!take(&offset, 2, "Z", &minutes) || hours > 23 || minutes > 59)
        return false;
    *offset_minutes = (int64_t)(hours * 60 + minutes) * (rest.ptr[0] == '-' ? -1 : 1);
    return true;
}

bool tkr_time_parse(tasker_text text, tasker_time *out)
{
    static const struct {
        size_t digits;
        const char *after;
    } fields[] = {{4, "-"}, {2, "-"}, {2, "Tt "}, {2, ":"}, {2, ":"}, {2, ".Zz+-"}};
    uint32_t f[6];
    int64_t fraction_us, offset_minutes;
    for (size_t i = 0; i < 6; i++) {
        if (!take(&text, fields[i].digits, fields[i].after, &f[i]))
            return false;
        if (i < 5)
            skip_byte(&text);
    }
    if (f[1] < 1 || f[1] > 12 || f[2] < 1 || f[3] > 23 || f[4] > 59 || f[5] > 60 ||
        !take_rest(text, &fraction_us, &offset_minutes))
        return false;
    int64_t days = days_of(f[0], f[1], f[2]);
    uint32_t year = f[0] + (f[1] == 12), month = f[1] % 12 + 1;
    if (days >= days_of(year, month, 1))
        return false;
    int64_t minutes = days * 1440 + f[3] * 60 + f[4] - offset_minutes;
    out->us = (minutes * 60 + f[5]) * SECOND + fraction_us;
    return true;
}
