/* SPDX-License-Identifier: MIT */
/* The live generator in one thread: clocks that misbehave, entropy that fails. */
#include "unit.h"

#include "tasker/uuid.h"
#include "uuid/uuid_v7.h"
#include "uuid_faults.h"

#define SECOND_NS INT64_C(1000000000)
#define MS_NS INT64_C(1000000)
#define HOUR_NS (3600 * SECOND_NS)
#define YEAR_NS (365 * 24 * HOUR_NS)
#define START_NS INT64_C(1754049600123456789)
#define MANY 1000000

static tasker_uuid ids[MANY];

typedef struct fake {
    int64_t ns;
    bool clock_fails;
    bool entropy_fails;
    int64_t words_left; /* of entropy; negative: no end */
} fake;

static int32_t fake_clock(void *context, int64_t *unix_ns)
{
    const fake *self = context;
    *unix_ns = self->ns;
    return self->clock_fails ? -1 : 0;
}

static int32_t fake_entropy(void *context, void *bytes, size_t size)
{
    fake *self = context;
    assert_true(size % 8 == 0 && size > 0 && size <= 4096);
    memset(bytes, 0xff, size);
    if (self->words_left >= 0) {
        self->words_left -= (int64_t)(size / 8);
    }
    return self->entropy_fails || (self->words_left < 0 && self->words_left != -1);
}

static tasker_uuid_generator *open_fake(fake *context, bool replaces_entropy)
{
    tasker_uuid_source source = {fake_clock, replaces_entropy ? fake_entropy : NULL, context};
    tasker_uuid_generator *generator;
    assert_int_equal(tasker_uuid_generator_open(&source, &generator), TASKER_OK);
    return generator;
}

static tasker_uuid next(tasker_uuid_generator *generator)
{
    tasker_uuid uuid;
    assert_int_equal(tasker_uuid_generator_next(generator, 1, &uuid), TASKER_OK);
    assert_true(tasker_uuid_is_v7(&uuid));
    return uuid;
}

static tasker_uuid_report report_of(tasker_uuid_generator *generator)
{
    tasker_uuid_report report;
    tasker_uuid_generator_report(generator, &report);
    return report;
}

static void expect_above(const tasker_uuid *before, const tasker_uuid *after)
{
    if (tasker_uuid_compare(before, after) >= 0) {
        char texts[2][TASKER_UUID_TEXT_SIZE];
        fail_msg("%s is not below %s", tasker_uuid_format(before, texts[0]), tasker_uuid_format(after, texts[1]));
    }
}

/* Each step away from a running clock and back; ids ascend throughout and the report tells how far time is held. */
static void clock_steps(void **state)
{
    (void)state;
    static const int64_t steps[] = {-1, -MS_NS, -SECOND_NS, -10 * SECOND_NS - MS_NS, -HOUR_NS, -10 * YEAR_NS};
    for (size_t i = 0; i < COUNT(steps); i++) {
        fake clock = {.ns = START_NS, .words_left = -1};
        tasker_uuid_generator *generator = open_fake(&clock, true);
        tasker_uuid last = next(generator);
        assert_int_equal(report_of(generator).ahead_ns, 0);
        clock.ns += steps[i];
        for (int k = 0; k < 1000; k++) {
            tasker_uuid uuid = next(generator);
            expect_above(&last, &uuid);
            last = uuid;
        }
        int64_t ahead = report_of(generator).ahead_ns;
        assert_in_range(ahead, -steps[i] > 4000 ? -steps[i] - 250 : 0, -steps[i] + 1000 * 250);
        assert_int_equal(report_of(generator).rollbacks, steps[i] < -250);
        clock.ns = START_NS + SECOND_NS; /* the clock has caught up */
        tasker_uuid uuid = next(generator);
        expect_above(&last, &uuid);
        assert_int_equal(report_of(generator).ahead_ns, 0);
        tasker_uuid_generator_close(generator);
    }
}

static void frozen_clock(void **state)
{
    (void)state;
    fake clock = {.ns = START_NS, .words_left = -1};
    tasker_uuid_generator *generator = open_fake(&clock, false);
    for (size_t i = 0; i < MANY; i++) {
        ids[i] = next(generator);
        if (i > 0) {
            expect_above(&ids[i - 1], &ids[i]);
        }
    }
    assert_in_range(report_of(generator).ahead_ns, (MANY / 256 - 1) * 244, (MANY / 256 + 1) * 245);
    tasker_uuid_generator_close(generator);
}

static void far_future_and_back(void **state)
{
    (void)state;
    fake clock = {.ns = START_NS, .words_left = -1};
    tasker_uuid_generator *generator = open_fake(&clock, false);
    next(generator);
    clock.ns = START_NS + 100 * YEAR_NS;
    tasker_uuid future = next(generator);
    clock.ns = START_NS;
    tasker_uuid held = next(generator);
    expect_above(&future, &held);
    assert_in_range(report_of(generator).ahead_ns, 100 * YEAR_NS - 250, 100 * YEAR_NS + 250);
    tasker_uuid_generator_resync(generator);
    assert_int_equal(report_of(generator).ahead_ns, 0);
    tasker_uuid back = next(generator);
    expect_above(&back, &future);
    tasker_time time;
    assert_int_equal(tasker_uuid_get_time(&back, TASKER_UUID_GRAIN_MS, &time), TASKER_OK);
    assert_int_equal(time.us, START_NS / MS_NS * 1000);
    tasker_uuid_generator_resync(generator); /* nothing is held: nothing changes */
    tasker_uuid after = next(generator);
    expect_above(&back, &after);
    tasker_uuid_generator_close(generator);
}

/* Back and forth with every call, the second that comes twice, in batches too. */
static void sawtooth(void **state)
{
    (void)state;
    fake clock = {.ns = START_NS, .words_left = -1};
    tasker_uuid_generator *generator = open_fake(&clock, true);
    tasker_uuid last = next(generator), batch[700];
    for (int64_t i = 0; i < 20000; i++) {
        clock.ns = START_NS + i * 1000 - (i % 7) * (i % 3) * SECOND_NS / 2;
        size_t count = i % 100 == 0 ? COUNT(batch) : 1;
        assert_int_equal(tasker_uuid_generator_next(generator, count, batch), TASKER_OK);
        for (size_t k = 0; k < count; k++) {
            expect_above(&last, &batch[k]);
            last = batch[k];
        }
    }
    assert_true(report_of(generator).rollbacks > 5000);
    tasker_uuid_generator_close(generator);
}

/* The process-wide generator under the same clock: the true one, shifted. */
static void live_clock_steps(void **state)
{
    (void)state;
    static const int64_t offsets[] = {0, -1, -MS_NS, -SECOND_NS, -HOUR_NS, -10 * YEAR_NS, 0, HOUR_NS, -HOUR_NS, 0};
    faults_reset();
    tasker_uuid last = next(NULL);
    int64_t rollbacks = report_of(NULL).rollbacks;
    for (size_t i = 0; i < COUNT(offsets); i++) {
        fault.clock_offset_ns = offsets[i];
        for (size_t k = 0; k < 2000; k++) {
            tasker_uuid uuid;
            assert_int_equal(tasker_uuid_generate(&uuid), TASKER_OK);
            expect_above(&last, &uuid);
            last = uuid;
        }
    }
    assert_in_range(report_of(NULL).rollbacks - rollbacks, 5, 6);
    assert_in_range(report_of(NULL).ahead_ns, HOUR_NS - SECOND_NS * 60, HOUR_NS + SECOND_NS);
    tasker_uuid_generator_resync(NULL);
    assert_int_equal(report_of(NULL).ahead_ns, 0);
}

static void expect_clock_refused(int64_t ns, bool is_fine)
{
    tasker_uuid out = tasker_uuid_max;
    faults_reset();
    fault.clock_frozen_ns = ns;
    assert_int_equal(tasker_uuid_generate(&out), is_fine ? TASKER_OK : TASKER_BAD_CLOCK);
    assert_int_equal(tasker_uuid_is_max(&out), !is_fine);
}

static void bad_clocks(void **state)
{
    (void)state;
    faults_reset();
    tasker_uuid before = next(NULL), out = tasker_uuid_max;
    fault.clock_fails = true;
    assert_int_equal(tasker_uuid_generate(&out), TASKER_BAD_CLOCK);
    assert_int_equal(tasker_uuid_generate_many(5, ids), TASKER_BAD_CLOCK);
    assert_true(tasker_uuid_is_max(&out));
    assert_int_equal(report_of(NULL).ahead_ns, -1);
    tasker_uuid_generator_resync(NULL);
    assert_int_equal(tasker_uuid_generate_at(NULL, (tasker_time){0}, &out), TASKER_OK); /* needs no clock */
    fault.clock_fails = false;
    tasker_uuid after = next(NULL);
    expect_above(&before, &after);

    expect_clock_refused(-1, false);
    expect_clock_refused(-10 * YEAR_NS, false);
    fake clock = {.ns = -1, .words_left = -1};
    tasker_uuid_generator *generator = open_fake(&clock, true);
    assert_int_equal(tasker_uuid_generator_next(generator, 1, &out), TASKER_BAD_CLOCK);
    clock.ns = 0;
    next(generator);
    clock.clock_fails = true;
    assert_int_equal(tasker_uuid_generator_next(generator, 1, &out), TASKER_BAD_CLOCK);
    assert_int_equal(report_of(generator).ahead_ns, -1);
    tasker_uuid_generator_close(generator);
    faults_reset();
}

/* The last seconds of the live generator, 2527-06-23, and times that would wrap into the supported ones. */
static void end_of_the_clock(void **state)
{
    (void)state;
    static const int64_t outside[] = {INT64_C(17592186040), INT64_C(17592186045), INT64_C(1) << 52, INT64_MAX, -5};
    faults_reset();
    next(NULL);
    fault.clock_frozen_s = INT64_C(17592186039);
    tasker_uuid last = next(NULL), out = tasker_uuid_max;
    tasker_time time;
    assert_int_equal(tasker_uuid_get_time(&last, TASKER_UUID_GRAIN_MS, &time), TASKER_OK);
    assert_int_equal(time.us, INT64_C(17592186039999000));
    for (size_t i = 0; i < COUNT(outside); i++) {
        fault.clock_frozen_s = outside[i];
        assert_int_equal(tasker_uuid_generate(&out), TASKER_BAD_CLOCK);
        assert_true(tasker_uuid_is_max(&out));
    }
    fault.clock_frozen_s = 0;
    for (int i = 0; i < 1000; i++) { /* held at the end, until told to let go */
        tasker_uuid uuid = next(NULL);
        expect_above(&last, &uuid);
        last = uuid;
    }
    tasker_uuid_generator_resync(NULL);
    next(NULL);
    assert_int_equal(report_of(NULL).ahead_ns, 0);
}

/* The very last numbers: none wraps, and what does not fit is refused until the generator lets go of them. */
static void end_of_the_numbers(void **state)
{
    (void)state;
    fake clock = {.ns = START_NS, .words_left = -1};
    tasker_uuid_generator *generator = open_fake(&clock, false);
    atomic_store(&generator->last, UINT64_MAX - UINT32_MAX - 1001);
    tasker_uuid last = next(generator);
    for (int i = 0; i < 999; i++) {
        tasker_uuid uuid = next(generator);
        expect_above(&last, &uuid);
        last = uuid;
    }
    for (int i = 0; i < 10000; i++) {
        tasker_uuid out = tasker_uuid_max;
        assert_int_equal(tasker_uuid_generator_next(generator, 1, &out), TASKER_BAD_CLOCK);
        assert_int_equal(tasker_uuid_generator_next(generator, 500, ids), TASKER_BAD_CLOCK);
        assert_true(tasker_uuid_is_max(&out));
    }
    tasker_uuid_generator_resync(generator);
    next(generator);
    assert_int_equal(report_of(generator).ahead_ns, 0);
    tasker_uuid_generator_close(generator);
}

/* What a refused call has added is never taken off again: another thread may own numbers above it by then. */
static void refusal_lowers_nothing(void **state)
{
    (void)state;
    fake clock = {.ns = START_NS, .words_left = -1};
    tasker_uuid_generator *generator = open_fake(&clock, false);
    const uint64_t end = UINT64_MAX - UINT32_MAX;
    atomic_store(&generator->last, end - 101);
    next(generator);
    assert_int_equal(tasker_uuid_generator_next(generator, 500, ids), TASKER_BAD_CLOCK);
    assert_int_equal(tasker_uuid_generator_next(generator, 1, ids), TASKER_BAD_CLOCK);
    assert_true(atomic_load(&generator->last) == end);
    tasker_uuid_generator_resync(generator);
    next(generator);
    tasker_uuid_generator_close(generator);
}

static void expect_no_entropy(int kind)
{
    tasker_uuid out = tasker_uuid_max;
    tasker_uuid_series series = {{0}};
    faults_reset();
    faults_drop_lane();
    fault.entropy = kind;
    memset(ids, 0x5a, sizeof(*ids) * 512);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(tasker_uuid_generate(&out), TASKER_NO_ENTROPY);
        assert_int_equal(tasker_uuid_generate_many(512, ids), TASKER_NO_ENTROPY);
        assert_int_equal(tasker_uuid_generate_at(&series, (tasker_time){0}, &out), TASKER_NO_ENTROPY);
    }
    assert_true(tasker_uuid_is_max(&out) && series.opaque[0] == 0);
    for (size_t i = 0; i < sizeof(*ids) * 512; i++) {
        assert_int_equal(((const uint8_t *)ids)[i], 0x5a);
    }
    fault.entropy = ENTROPY_FINE;
    next(NULL);
}

static void failing_entropy(void **state)
{
    (void)state;
    expect_no_entropy(ENTROPY_FAILS);
    expect_no_entropy(ENTROPY_NOT_READY);
    expect_no_entropy(ENTROPY_INTERRUPTING);
    for (int kind = ENTROPY_INTERRUPTED; kind <= ENTROPY_SHORT; kind++) {
        if (kind == ENTROPY_INTERRUPTING) {
            continue;
        }
        faults_reset();
        faults_drop_lane();
        fault.entropy = kind;
        tasker_uuid uuid = next(NULL);
        assert_true(fault.getrandom_calls > 1);
        assert_true((uuid.bytes[14] | uuid.bytes[15] | uuid.bytes[13] | uuid.bytes[12]) != 0);
    }
    faults_reset();
}

/* A key that is a second old, or older than the clock, is not used any more, whatever the kernel says. */
static void old_keys_are_dropped(void **state)
{
    (void)state;
    faults_reset();
    next(NULL);
    static const int64_t offsets[] = {2 * SECOND_NS, 0, -MS_NS};
    for (size_t i = 0; i < COUNT(offsets); i++) {
        tasker_uuid out = tasker_uuid_max;
        fault.clock_offset_ns = offsets[i];
        fault.entropy = ENTROPY_FAILS;
        assert_int_equal(tasker_uuid_generate(&out), TASKER_NO_ENTROPY);
        assert_true(tasker_uuid_is_max(&out));
        fault.entropy = ENTROPY_FINE;
        next(NULL);
    }
    faults_reset();
    tasker_uuid_generator_resync(NULL);
    next(NULL);
}

static void failing_sources(void **state)
{
    (void)state;
    fake source = {.ns = START_NS, .words_left = 1200};
    tasker_uuid_generator *generator = open_fake(&source, true);
    memset(ids, 0x5a, sizeof(*ids) * 2000);
    assert_int_equal(tasker_uuid_generator_next(generator, 2000, ids), TASKER_NO_ENTROPY);
    for (size_t i = 0; i < 2000; i++) { /* begun, so cleared; the rest was never touched */
        assert_true(i < 1024 ? tasker_uuid_is_nil(&ids[i]) : ids[i].bytes[0] == 0x5a);
    }
    source.words_left = -1;
    tasker_uuid full = next(generator);
    static const uint8_t tail[7] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    assert_memory_equal(full.bytes + 10, tail, 6);
    source.entropy_fails = true;
    assert_int_equal(tasker_uuid_generator_next(generator, 1, ids), TASKER_NO_ENTROPY);
    source.entropy_fails = false;
    tasker_uuid after = next(generator);
    expect_above(&full, &after);
    assert_true(report_of(generator).refills >= 5);
    tasker_uuid_generator_close(generator);
}

/* Ids per question to the kernel, and no allocation at all. */
static void steady_state(void **state)
{
    (void)state;
    faults_reset();
    next(NULL);
    fault.getrandom_calls = 0;
    fault.allocations = 0;
    for (size_t i = 0; i < MANY; i++) {
        assert_int_equal(tasker_uuid_generate(&ids[0]), TASKER_OK);
    }
    assert_int_equal(tasker_uuid_generate_many(MANY, ids), TASKER_OK);
    assert_true(fault.getrandom_calls * 60 <= 2 * MANY);
    assert_int_equal(fault.allocations, 0);
    assert_true(report_of(NULL).ahead_ns <= 2 * MS_NS);
    for (size_t i = 1; i < MANY; i++) {
        expect_above(&ids[i - 1], &ids[i]);
    }
}

static void generators_stand_alone(void **state)
{
    (void)state;
    tasker_uuid_generator *generator;
    fault.allocations = 0;
    assert_int_equal(tasker_uuid_generator_open(NULL, &generator), TASKER_OK);
    assert_int_equal(fault.allocations, 1);
    assert_int_equal(report_of(generator).ahead_ns, 0);
    assert_int_equal(report_of(generator).refills, 0);
    assert_int_equal(tasker_uuid_generator_next(generator, 0, NULL), TASKER_OK);
    assert_int_equal(tasker_uuid_generator_next(generator, 3000, ids), TASKER_OK);
    for (size_t i = 1; i < 3000; i++) {
        expect_above(&ids[i - 1], &ids[i]);
    }
    tasker_uuid_generator_close(generator);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clock_steps),
        cmocka_unit_test(frozen_clock),
        cmocka_unit_test(far_future_and_back),
        cmocka_unit_test(sawtooth),
        cmocka_unit_test(live_clock_steps),
        cmocka_unit_test(bad_clocks),
        cmocka_unit_test(end_of_the_clock),
        cmocka_unit_test(end_of_the_numbers),
        cmocka_unit_test(refusal_lowers_nothing),
        cmocka_unit_test(failing_entropy),
        cmocka_unit_test(old_keys_are_dropped),
        cmocka_unit_test(failing_sources),
        cmocka_unit_test(steady_state),
        cmocka_unit_test(generators_stand_alone),
    };
    return cmocka_run_group_tests_name("uuid v7", tests, NULL, NULL);
}
