/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include "tasker/uuid.h"

#define SECOND INT64_C(1000000)
#define END ((INT64_C(1) << 48) * 1000)

static const tasker_uuid_grain grains[] = {TASKER_UUID_GRAIN_MS, TASKER_UUID_GRAIN_US};

static tasker_uuid at(tasker_uuid_series *series, int64_t us)
{
    tasker_uuid uuid;
    assert_int_equal(tasker_uuid_generate_at(series, (tasker_time){us}, &uuid), TASKER_OK);
    assert_true(tasker_uuid_is_v7(&uuid));
    return uuid;
}

static int64_t time_of(const tasker_uuid *uuid, tasker_uuid_grain grain)
{
    tasker_time time;
    assert_int_equal(tasker_uuid_get_time(uuid, grain, &time), TASKER_OK);
    return time.us;
}

static tasker_uuid bound(bool upper, int64_t us, tasker_uuid_grain grain)
{
    tasker_uuid uuid;
    tasker_time time = {us};
    assert_int_equal(upper ? tasker_uuid_upper_bound(time, grain, &uuid) : tasker_uuid_lower_bound(time, grain, &uuid),
                     TASKER_OK);
    assert_true(tasker_uuid_is_v7(&uuid));
    return uuid;
}

static void microseconds_come_back(void **state)
{
    (void)state;
    uint64_t random = 99;
    for (int64_t us = 0; us < 1000; us++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        int64_t time = (int64_t)(random % (uint64_t)(END / 1000)) * 1000 + us;
        tasker_uuid uuid = at(NULL, time);
        assert_int_equal(time_of(&uuid, TASKER_UUID_GRAIN_US), time);
        assert_int_equal(time_of(&uuid, TASKER_UUID_GRAIN_MS), time - us);
        for (int upper = 0; upper < 2; upper++) {
            tasker_uuid edge = bound(upper, time, TASKER_UUID_GRAIN_MS);
            assert_int_equal(time_of(&edge, TASKER_UUID_GRAIN_MS), time - us);
        }
        tasker_uuid lower = bound(false, time, TASKER_UUID_GRAIN_US);
        assert_int_equal(time_of(&lower, TASKER_UUID_GRAIN_US), time);
    }
}

static void ends_of_time(void **state)
{
    (void)state;
    static const int64_t inside[] = {
        0,
        1,
        INT64_C(2147483647) * SECOND,  /* 2038 */
        INT64_C(4294967295) * SECOND,  /* 2106 */
        INT64_C(9223372037) * SECOND,  /* 2262 */
        INT64_C(17592186045) * SECOND, /* 2527 */
        END - 1,                       /* 10889 */
    };
    static const int64_t outside[] = {-1, INT64_MIN, END, END + 1, INT64_MAX};
    for (size_t i = 0; i < COUNT(inside); i++) {
        tasker_uuid uuid = at(NULL, inside[i]);
        assert_int_equal(time_of(&uuid, TASKER_UUID_GRAIN_US), inside[i]);
        for (size_t g = 0; g < COUNT(grains); g++) {
            tasker_uuid lower = bound(false, inside[i], grains[g]), upper = bound(true, inside[i], grains[g]);
            assert_true(tasker_uuid_compare(&lower, &uuid) <= 0 && tasker_uuid_compare(&uuid, &upper) <= 0);
        }
    }
    for (size_t i = 0; i < COUNT(outside); i++) {
        tasker_uuid out = tasker_uuid_max;
        tasker_uuid_series series = {{0}};
        tasker_time time = {outside[i]};
        assert_int_equal(tasker_uuid_generate_at(&series, time, &out), TASKER_INVALID_ARGUMENT);
        assert_true(series.opaque[0] == 0 && series.opaque[1] == 0);
        for (size_t g = 0; g < COUNT(grains); g++) {
            assert_int_equal(tasker_uuid_lower_bound(time, grains[g], &out), TASKER_INVALID_ARGUMENT);
            assert_int_equal(tasker_uuid_upper_bound(time, grains[g], &out), TASKER_INVALID_ARGUMENT);
        }
        assert_true(tasker_uuid_is_max(&out));
    }
}

static void last_bound_is_the_last_id(void **state)
{
    (void)state;
    static const uint8_t lower[16] = {0, 0, 0, 0, 0, 0, 0x70, 0, 0x80};
    static const uint8_t upper[16] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0xff,
                                      0xbf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    for (size_t g = 0; g < COUNT(grains); g++) {
        tasker_uuid first = bound(false, 0, grains[g]), last = bound(true, END - 1, grains[g]);
        assert_memory_equal(first.bytes, lower, 16);
        assert_memory_equal(last.bytes, upper, 16);
    }
}

/* The microseconds cover the millisecond without gap or overlap: nothing fits between upper and the next lower. */
static void bounds_tile(void **state)
{
    (void)state;
    const int64_t ms = INT64_C(1754049600000000);
    for (int64_t us = 0; us < 1000; us++) {
        tasker_uuid upper = bound(true, ms + us, TASKER_UUID_GRAIN_US);
        tasker_uuid next = bound(false, ms + us + 1, TASKER_UUID_GRAIN_US);
        uint32_t ends = (uint32_t)(upper.bytes[6] & 15) << 8 | upper.bytes[7];
        uint32_t begins = (uint32_t)(next.bytes[6] & 15) << 8 | next.bytes[7];
        assert_int_equal((ends + 1) % 4096, begins);
        assert_int_equal(tasker_uuid_compare(&upper, &next), -1);
        tasker_uuid inside = at(NULL, ms + us), after = at(NULL, ms + us + 1);
        assert_int_equal(tasker_uuid_compare(&inside, &upper), -1);
        assert_int_equal(tasker_uuid_compare(&next, &after), -1);
    }
    tasker_uuid whole = bound(true, ms + 17, TASKER_UUID_GRAIN_MS), last = bound(true, ms + 999, TASKER_UUID_GRAIN_US);
    assert_true(tasker_uuid_equal(&whole, &last));
}

static void live_ids_lie_within_bounds(void **state)
{
    (void)state;
    tasker_uuid uuid;
    assert_int_equal(tasker_uuid_generate(&uuid), TASKER_OK);
    tasker_uuid lower = bound(false, time_of(&uuid, TASKER_UUID_GRAIN_MS), TASKER_UUID_GRAIN_MS);
    tasker_uuid upper = bound(true, time_of(&uuid, TASKER_UUID_GRAIN_MS), TASKER_UUID_GRAIN_MS);
    assert_true(tasker_uuid_compare(&lower, &uuid) < 0 && tasker_uuid_compare(&uuid, &upper) < 0);
}

static void equal_times_ascend(void **state)
{
    (void)state;
    const int64_t noon = INT64_C(1754049600000000);
    tasker_uuid_series series = {{0}};
    static tasker_uuid ids[3][20000];
    for (size_t i = 0; i < COUNT(ids[0]); i++) { /* three times by turns, in no order */
        ids[0][i] = at(&series, noon);
        ids[1][i] = at(&series, noon + 3600 * SECOND);
        ids[2][i] = at(&series, noon - 3600 * SECOND);
    }
    for (size_t k = 0; k < 3; k++) {
        for (size_t i = 1; i < COUNT(ids[0]); i++) {
            assert_int_equal(tasker_uuid_compare(&ids[k][i - 1], &ids[k][i]), -1);
        }
    }
}

/* The numbers of a series start anew where nobody can notice, and end with an error where somebody could. */
static void long_series(void **state)
{
    (void)state;
    tasker_uuid_series series = {{0}};
    tasker_uuid first = at(&series, 5 * SECOND), before = first, out = tasker_uuid_max;
    assert_true(series.opaque[0] > 0 && series.opaque[0] <= UINT64_C(1) << 25);
    series.opaque[0] = (UINT64_C(1) << 26) - 2;
    for (int i = 0; i < 2; i++) {
        tasker_uuid uuid = at(&series, 5 * SECOND);
        assert_int_equal(tasker_uuid_compare(&before, &uuid), -1);
        before = uuid;
    }
    tasker_uuid_series kept = series;
    assert_int_equal(tasker_uuid_generate_at(&series, (tasker_time){5 * SECOND}, &out), TASKER_LIMIT_EXCEEDED);
    assert_true(tasker_uuid_is_max(&out));
    assert_memory_equal(&series, &kept, sizeof(series));
    tasker_uuid later = at(&series, 5 * SECOND + 1);
    assert_int_equal(tasker_uuid_compare(&before, &later), -1);
    assert_true(series.opaque[0] <= UINT64_C(1) << 25);
}

/* After such a start a time from before it comes again, and again after the next one. */
static void long_series_goes_back(void **state)
{
    (void)state;
    const int64_t times[] = {5 * SECOND, 4 * SECOND, 6 * SECOND, 5 * SECOND, 4 * SECOND, 5 * SECOND + 1};
    tasker_uuid_series series = {{0}};
    tasker_uuid last[COUNT(times)];
    for (int64_t round = 0; round < 100; round++) {
        for (size_t i = 0; i < COUNT(times); i++) {
            tasker_uuid uuid = at(&series, times[i]);
            for (size_t k = 0; k < COUNT(times); k++) {
                bool was_seen = round > 0 || k < i;
                assert_true(!was_seen || times[k] != times[i] || tasker_uuid_compare(&last[k], &uuid) < 0);
            }
            last[i] = uuid;
        }
        series.opaque[0] = UINT64_C(1) << 25; /* as after so many calls */
        at(&series, (10 + round) * SECOND);
        assert_true(series.opaque[0] <= UINT64_C(1) << 25);
    }
}

/* Ids for other times neither move the live generator nor share bits with one another. */
static void live_order_is_left_alone(void **state)
{
    (void)state;
    tasker_uuid before, after;
    tasker_uuid_report report;
    assert_int_equal(tasker_uuid_generate(&before), TASKER_OK);
    tasker_uuid_series series = {{0}};
    at(&series, END - 1);
    at(&series, 0);
    assert_int_equal(tasker_uuid_generate(&after), TASKER_OK);
    assert_int_equal(tasker_uuid_compare(&before, &after), -1);
    assert_true(time_of(&after, TASKER_UUID_GRAIN_US) - time_of(&before, TASKER_UUID_GRAIN_US) < 60 * SECOND);
    tasker_uuid_generator_report(NULL, &report);
    assert_true(report.ahead_ns < 1000000);
    tasker_uuid alone = at(NULL, SECOND), other = at(NULL, SECOND);
    assert_false(tasker_uuid_equal(&alone, &other));
}

static void only_v7_has_a_time(void **state)
{
    (void)state;
    for (int version = 0; version < 16; version++) {
        for (int variant = 0; variant < 4; variant++) {
            tasker_uuid uuid = at(NULL, SECOND);
            uuid.bytes[6] = (uint8_t)(version << 4);
            uuid.bytes[8] = (uint8_t)(variant << 6);
            for (size_t g = 0; g < COUNT(grains); g++) {
                tasker_time time = {-77};
                bool is_v7 = version == 7 && variant == 2;
                assert_int_equal(tasker_uuid_get_time(&uuid, grains[g], &time), is_v7 ? TASKER_OK : TASKER_UNSUPPORTED);
                assert_int_equal(time.us, is_v7 ? SECOND : -77);
            }
        }
    }
    tasker_uuid uuid = at(NULL, SECOND), out = tasker_uuid_max;
    tasker_time time = {-77};
    assert_int_equal(tasker_uuid_get_time(&uuid, (tasker_uuid_grain)2, &time), TASKER_INVALID_ARGUMENT);
    assert_int_equal(tasker_uuid_lower_bound(time, (tasker_uuid_grain)2, &out), TASKER_INVALID_ARGUMENT);
    assert_int_equal(tasker_uuid_upper_bound((tasker_time){0}, (tasker_uuid_grain)2, &out), TASKER_INVALID_ARGUMENT);
    assert_true(tasker_uuid_is_max(&out) && time.us == -77);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(microseconds_come_back),
        cmocka_unit_test(ends_of_time),
        cmocka_unit_test(last_bound_is_the_last_id),
        cmocka_unit_test(bounds_tile),
        cmocka_unit_test(live_ids_lie_within_bounds),
        cmocka_unit_test(equal_times_ascend),
        cmocka_unit_test(long_series),
        cmocka_unit_test(long_series_goes_back),
        cmocka_unit_test(live_order_is_left_alone),
        cmocka_unit_test(only_v7_has_a_time),
    };
    return cmocka_run_group_tests_name("uuid time", tests, NULL, NULL);
}
