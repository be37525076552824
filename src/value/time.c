/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "tasker/types.h"

#define SECOND INT64_C(1000000)
#define DAY (INT64_C(86400) * SECOND)
#define YEAR_0 (INT64_C(-62167219200) * SECOND)
#define YEAR_10000 (INT64_C(253402300800) * SECOND)

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
