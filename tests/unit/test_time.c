/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include "tasker/types.h"
#include "value/time.h"

#define SECOND INT64_C(1000000)
#define DAY (86400 * SECOND)
#define FIRST (INT64_C(-719528) * DAY)

static void known_times(void **state)
{
    (void)state;
    static const struct {
        int64_t us;
        const char *text;
    } known[] = {
        {0, "1970-01-01T00:00:00.000000Z"},
        {1, "1970-01-01T00:00:00.000001Z"},
        {-1, "1969-12-31T23:59:59.999999Z"},
        {-DAY, "1969-12-31T00:00:00.000000Z"},
        {-DAY - 1, "1969-12-30T23:59:59.999999Z"},
        {INT64_C(951782399) * SECOND + 999999, "2000-02-28T23:59:59.999999Z"},
        {INT64_C(951782400) * SECOND, "2000-02-29T00:00:00.000000Z"},
        {INT64_C(951868800) * SECOND, "2000-03-01T00:00:00.000000Z"},
        {INT64_C(1754049600) * SECOND, "2025-08-01T12:00:00.000000Z"},
        {INT64_C(4107542400) * SECOND, "2100-03-01T00:00:00.000000Z"},
        {INT64_C(4107542399) * SECOND, "2100-02-28T23:59:59.000000Z"},
        {INT64_C(253402300799999999), "9999-12-31T23:59:59.999999Z"},
        {INT64_C(253402300800000000), "out-of-range"},
        {INT64_C(-62167219200000000), "0000-01-01T00:00:00.000000Z"},
        {INT64_C(-62167219200000001), "out-of-range"},
        {INT64_MAX, "out-of-range"},
        {INT64_MIN, "out-of-range"},
    };
    for (size_t i = 0; i < COUNT(known); i++) {
        char out[TASKER_TIME_TEXT_SIZE];
        memset(out, 'x', sizeof out);
        assert_ptr_equal(tasker_time_format((tasker_time){known[i].us}, out), out);
        assert_string_equal(out, known[i].text);
    }
}

static int number(const char *at, int digits)
{
    int value = 0;
    for (int i = 0; i < digits; i++)
        value = value * 10 + (at[i] - '0');
    return value;
}

/* A calendar that only knows how to go on by one day, over all 10000 years. */
static void every_day_of_ten_thousand_years(void **state)
{
    (void)state;
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year = 0, month = 1, day = 1;
    int64_t us = FIRST;
    for (; year < 10000; us += DAY) {
        char out[TASKER_TIME_TEXT_SIZE];
        int64_t within = (us / DAY * INT64_C(7919) % 86400 + 86400) % 86400;
        tasker_time_format((tasker_time){us + within * SECOND}, out);
        bool same = number(out, 4) == year && number(out + 5, 2) == month && number(out + 8, 2) == day &&
                    number(out + 11, 2) == within / 3600 && number(out + 14, 2) == within / 60 % 60 &&
                    number(out + 17, 2) == within % 60 && out[26] == 'Z' && out[27] == '\0';
        if (!same)
            fail_msg("%04d-%02d-%02d and %d seconds became %s", year, month, day, (int)within, out);
        bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        if (++day > lengths[month - 1] + (month == 2 && leap)) {
            day = 1;
            month = month % 12 + 1;
            year += month == 1;
        }
    }
    assert_int_equal(us, INT64_C(253402300800000000));
}

/* ---- reading ---- */

static void times_come_back(void **state)
{
    (void)state;
    uint64_t random = 88172645463325252u;
    for (int i = 0; i < 200000; i++) {
        random ^= random << 13, random ^= random >> 7, random ^= random << 17;
        tasker_time time = {(int64_t)(random % UINT64_C(315569520000000000)) - INT64_C(62167219200000000)}, read = {0};
        char text[TASKER_TIME_TEXT_SIZE];
        assert_true(tkr_time_parse(tasker_text_of(tasker_time_format(time, text)), &read));
        assert_true(read.us == time.us);
    }
}

static void times_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t us;
    } good[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01 00:00:00z", 0},
        {"1970-01-01T01:30:00+01:30", 0},
        {"1969-12-31T23:00:00.5-01:00", 500000},
        {"2024-02-29T00:00:00Z", INT64_C(1709164800000000)},
        {"2016-12-31T23:59:60Z", INT64_C(1483228800000000)},
        {"1970-01-01T00:00:00.123456789Z", 123456},
        {"0000-01-01T00:00:00Z", INT64_C(-62167219200000000)},
        {"9999-12-31T23:59:59.999999Z", INT64_C(253402300799999999)},
    };
    static const char *const bad[] = {
        "",
        "1970-01-01",
        "1970-01-01T00:00:00",
        "1970-01-01T00:00:00.Z",
        "1970-01-01T00:00:00.1",
        "1970-13-01T00:00:00Z",
        "1970-00-01T00:00:00Z",
        "1970-01-00T00:00:00Z",
        "1970-01-32T00:00:00Z",
        "2023-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "1970-12-32T00:00:00Z",
        "1970-01-01T24:00:00Z",
        "1970-01-01T00:60:00Z",
        "1970-01-01T00:00:61Z",
        "1970-01-01T00:00:00Z ",
        "1970-01-01T00:00:00+0100",
        "1970-01-01T00:00:00+24:00",
        "1970-01-01T00:00:00+00:60",
        "1970-01-01T00:00:00ZZ",
        "70-01-01T00:00:00Z",
        "-970-01-01T00:00:00Z",
        "1970-1-01T00:00:00Z",
        "1970-01-01X00:00:00Z",
    };
    for (size_t i = 0; i < COUNT(good); i++) {
        tasker_time read = {1};
        assert_true(tkr_time_parse(tasker_text_of(good[i].text), &read));
        assert_true(read.us == good[i].us);
    }
    for (size_t i = 0; i < COUNT(bad); i++) {
        tasker_time read = {1};
        assert_false(tkr_time_parse(tasker_text_of(bad[i]), &read));
        assert_true(read.us == 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_times),
        cmocka_unit_test(every_day_of_ten_thousand_years),
        cmocka_unit_test(times_come_back),
        cmocka_unit_test(times_are_read),
    };
    return cmocka_run_group_tests_name("time", tests, NULL, NULL);
}
