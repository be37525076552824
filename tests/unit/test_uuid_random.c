/* SPDX-License-Identifier: MIT */
/* The shape of the random bits, and that a signal handler does not spoil them. */
#include "unit.h"

#include <math.h>
#include <signal.h>
#include <sys/time.h>

#include "tasker/uuid.h"
#include "uuid/simd.h"

#define START_NS INT64_C(1754049600123456789)
#define MANY 1000000

static tasker_uuid ids[MANY];

static void check_chi_square(const uint32_t *counts, size_t bins, double total, const char *what)
{
    double expected = total / (double)bins, chi = 0, freedom = (double)bins - 1;
    for (size_t i = 0; i < bins; i++) {
        chi += (counts[i] - expected) * (counts[i] - expected) / expected;
    }
    double deviation = (cbrt(chi / freedom) - (1 - 2 / (9 * freedom))) / sqrt(2 / (9 * freedom)); /* Wilson-Hilferty */
    if (fabs(deviation) > 5) {
        fail_msg("%s: chi square %f over %zu bins", what, chi, bins);
    }
}

static uint64_t low_of(const tasker_uuid *uuid)
{
    uint64_t low = 0;
    for (size_t i = 8; i < 16; i++) {
        low = low << 8 | uuid->bytes[i];
    }
    return low;
}

static void check_randomness(void)
{
    static uint32_t bytes[6][256];
    uint32_t ones[54] = {0};
    double serial = 0;
    memset(bytes, 0, sizeof(bytes));
    for (size_t i = 0; i < MANY; i++) {
        uint64_t low = low_of(&ids[i]);
        for (size_t bit = 0; bit < 54; bit++) {
            ones[bit] += (uint32_t)(low >> bit & 1);
        }
        for (size_t byte = 0; byte < 6; byte++) {
            bytes[byte][ids[i].bytes[10 + byte]]++;
        }
        if (i > 0) { /* of numbers even over -0.5 to 0.5; their variance is 1/12 */
            double a = (double)(low & 0xffffffff) / 4294967296.0 - 0.5;
            double b = (double)(low_of(&ids[i - 1]) & 0xffffffff) / 4294967296.0 - 0.5;
            serial += a * b;
        }
    }
    for (size_t bit = 0; bit < 54; bit++) {
        assert_true(fabs(ones[bit] - MANY / 2.0) / sqrt(MANY / 4.0) < 5.5);
    }
    for (size_t byte = 0; byte < 6; byte++) {
        check_chi_square(bytes[byte], 256, MANY, "byte of the tail");
    }
    assert_true(fabs(serial * 12 / sqrt(MANY)) < 5.5);
}

static void tails_are_random(void **state)
{
    (void)state;
    unsigned all_simd = tkr_simd;
    for (int round = 0; round < 2; round++) {
        tkr_simd = round == 0 ? 0 : all_simd;
        assert_int_equal(tasker_uuid_generate_many(MANY, ids), TASKER_OK);
        check_randomness();
    }
    tkr_simd = all_simd;
}

static int32_t clock_of_test(void *context, int64_t *unix_ns)
{
    *unix_ns = *(const int64_t *)context;
    return 0;
}

static void counters_start_at_random(void **state)
{
    (void)state;
    static uint32_t counts[128];
    int64_t now = START_NS;
    tasker_uuid_source source = {.clock = clock_of_test, .context = &now};
    tasker_uuid_generator *generator;
    assert_int_equal(tasker_uuid_generator_open(&source, &generator), TASKER_OK);
    for (int i = 0; i < 100000; i++) {
        tasker_uuid uuid;
        now += 1000;
        assert_int_equal(tasker_uuid_generator_next(generator, 1, &uuid), TASKER_OK);
        uint64_t counter = low_of(&uuid) >> 54 & 0xff;
        assert_true(counter < 128);
        counts[counter]++;
    }
    check_chi_square(counts, 128, 100000, "start of the counter");
    tasker_uuid_generator_close(generator);
}

static tasker_uuid caught[200000];
static volatile sig_atomic_t catches;

static void on_alarm(int number)
{
    (void)number;
    for (int i = 0; i < 70 && catches < (sig_atomic_t)COUNT(caught); i++) {
        if (tasker_uuid_generate(&caught[catches]) == TASKER_OK) {
            catches = catches + 1;
        }
    }
}

static int by_order(const void *a, const void *b)
{
    return tasker_uuid_compare(a, b);
}

/* A handler that makes ids while it interrupts calls that do: all ascend in their streams, none comes twice. */
static void interrupting_handler(void **state)
{
    (void)state;
    struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
    struct itimerval often = {{0, 50}, {0, 50}}, never = {{0, 0}, {0, 0}};
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    for (size_t i = 0; i < MANY; i += i % 1000 < 500 ? 1 : 100) {
        tasker_status status = i % 1000 < 500 ? tasker_uuid_generate(&ids[i]) : tasker_uuid_generate_many(100, &ids[i]);
        assert_int_equal(status, TASKER_OK);
    }
    setitimer(ITIMER_REAL, &never, NULL);
    action.sa_handler = SIG_IGN; /* one may be on its way still */
    sigaction(SIGALRM, &action, NULL);
    for (size_t i = 1; i < MANY; i++) {
        assert_int_equal(tasker_uuid_compare(&ids[i - 1], &ids[i]), -1);
        assert_true((low_of(&ids[i]) << 10) != 0);
    }
    for (size_t i = 1; i < (size_t)catches; i++) {
        assert_int_equal(tasker_uuid_compare(&caught[i - 1], &caught[i]), -1);
        assert_true((low_of(&caught[i]) << 10) != 0);
        assert_null(bsearch(&caught[i], ids, MANY, sizeof(*ids), by_order));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tails_are_random),
        cmocka_unit_test(counters_start_at_random),
        cmocka_unit_test(interrupting_handler),
    };
    return cmocka_run_group_tests_name("uuid randomness", tests, NULL, NULL);
}
