/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include "tasker/uuid.h"

/* RFC 9562, appendix A.6. */
static const tasker_uuid rfc_v7 = {
    {0x01, 0x7f, 0x22, 0xe2, 0x79, 0xb0, 0x7c, 0xc3, 0x98, 0xc4, 0xdc, 0x0c, 0x0c, 0x07, 0x39, 0x8f}};
#define RFC_TEXT "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"
#define RFC_MS INT64_C(1645557742000)

static tasker_uuid read(const char *text)
{
    tasker_uuid uuid;
    assert_int_equal(tasker_uuid_parse(tasker_text_of(text), NULL, &uuid), TASKER_OK);
    return uuid;
}

static void rfc_example(void **state)
{
    (void)state;
    char text[TASKER_UUID_TEXT_SIZE];
    tasker_uuid parsed = read("017F22E2-79B0-7CC3-98C4-DC0C0C07398F");
    assert_memory_equal(&parsed, &rfc_v7, sizeof(rfc_v7));
    assert_ptr_equal(tasker_uuid_format(&rfc_v7, text), text);
    assert_string_equal(text, RFC_TEXT);
    assert_int_equal(tasker_uuid_version(&rfc_v7), 7);
    assert_int_equal(tasker_uuid_variant(&rfc_v7), 2);
    assert_true(tasker_uuid_is_v7(&rfc_v7));
    tasker_time time;
    assert_int_equal(tasker_uuid_get_time(&rfc_v7, TASKER_UUID_GRAIN_MS, &time), TASKER_OK);
    assert_int_equal(time.us, RFC_MS * 1000);
}

static int32_t clock_of_example(void *context, int64_t *unix_ns)
{
    (void)context;
    *unix_ns = RFC_MS * 1000000 + 456700;
    return 0;
}

/* RFC 9562, 6.2, method 3: 0.4567 ms are 1870 of 4096 parts. */
static void rfc_fraction(void **state)
{
    (void)state;
    tasker_uuid uuid;
    tasker_uuid_generator *generator;
    tasker_uuid_source source = {.clock = clock_of_example};
    assert_int_equal(tasker_uuid_generator_open(&source, &generator), TASKER_OK);
    assert_int_equal(tasker_uuid_generator_next(generator, 1, &uuid), TASKER_OK);
    assert_int_equal(uuid.bytes[6] << 8 | uuid.bytes[7], 0x7000 | 0x74e);
    assert_memory_equal(&uuid, &rfc_v7, 6);
    tasker_uuid_generator_close(generator);
}

static void nil_and_max(void **state)
{
    (void)state;
    tasker_uuid nil = read("00000000-0000-0000-0000-000000000000");
    tasker_uuid max = read("ffffffff-ffff-ffff-ffff-ffffffffffff");
    assert_true(tasker_uuid_equal(&nil, &tasker_uuid_nil));
    assert_true(tasker_uuid_equal(&max, &tasker_uuid_max));
    assert_true(tasker_uuid_is_nil(&nil) && !tasker_uuid_is_max(&nil));
    assert_true(tasker_uuid_is_max(&max) && !tasker_uuid_is_nil(&max));
    assert_int_equal(tasker_uuid_version(&nil), 0);
    assert_int_equal(tasker_uuid_version(&max), 15);
    assert_int_equal(tasker_uuid_variant(&nil), 0);
    assert_int_equal(tasker_uuid_variant(&max), 7);
    for (size_t i = 0; i < 128; i++) {
        tasker_uuid one = tasker_uuid_nil, all_but_one = tasker_uuid_max;
        one.bytes[i / 8] = (uint8_t)(1 << i % 8);
        all_but_one.bytes[i / 8] ^= one.bytes[i / 8];
        assert_false(tasker_uuid_is_nil(&one) || tasker_uuid_is_max(&one));
        assert_false(tasker_uuid_is_nil(&all_but_one) || tasker_uuid_is_max(&all_but_one));
        assert_false(tasker_uuid_equal(&one, &nil) || tasker_uuid_equal(&all_but_one, &max));
    }
}

static void versions_and_variants(void **state)
{
    (void)state;
    static const int32_t variants[16] = {0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 2, 2, 6, 6, 7, 7};
    for (int version = 0; version < 16; version++) {
        for (int bits = 0; bits < 16; bits++) {
            tasker_uuid uuid = rfc_v7;
            uuid.bytes[6] = (uint8_t)(version << 4 | 0xc);
            uuid.bytes[8] = (uint8_t)(bits << 4 | 0x8);
            assert_int_equal(tasker_uuid_version(&uuid), version);
            assert_int_equal(tasker_uuid_variant(&uuid), variants[bits]);
            assert_int_equal(tasker_uuid_is_v7(&uuid), version == 7 && variants[bits] == 2);
        }
    }
}

static void order_is_that_of_bytes(void **state)
{
    (void)state;
    uint32_t random = 1;
    for (int i = 0; i < 100000; i++) {
        tasker_uuid a, b;
        for (size_t k = 0; k < 16; k++) {
            random = random * 1664525 + 1013904223;
            a.bytes[k] = (uint8_t)(random >> 24);
            b.bytes[k] = random >> 16 & 7 ? a.bytes[k] : (uint8_t)(random >> 8);
        }
        int order = memcmp(&a, &b, sizeof(a));
        assert_int_equal(tasker_uuid_compare(&a, &b), (order > 0) - (order < 0));
        assert_int_equal(tasker_uuid_compare(&b, &a), (order < 0) - (order > 0));
        assert_int_equal(tasker_uuid_equal(&a, &b), order == 0);
    }
}

/* The values are part of the interface: they may be stored. */
static void hash_is_fixed(void **state)
{
    (void)state;
    assert_true(tasker_uuid_hash(&tasker_uuid_nil) == 0);
    assert_true(tasker_uuid_hash(&tasker_uuid_max) == UINT64_C(0xe4454032c72f479f));
    assert_true(tasker_uuid_hash(&rfc_v7) == UINT64_C(0x8543d31bb763e80a));
}

/* Ids in a row differ in few bits; their hashes fill a table as evenly as random numbers would. */
static void hash_spreads(void **state)
{
    (void)state;
    static unsigned buckets[4096];
    static tasker_uuid ids[4096 * 16];
    assert_int_equal(tasker_uuid_generate_many(COUNT(ids), ids), TASKER_OK);
    for (int half = 0; half < 2; half++) {
        memset(buckets, 0, sizeof(buckets));
        for (size_t i = 0; i < COUNT(ids); i++) {
            uint64_t hash = tasker_uuid_hash(&ids[i]);
            buckets[half ? hash >> 52 : hash & 4095]++;
        }
        double chi = 0;
        for (size_t i = 0; i < COUNT(buckets); i++) {
            chi += (buckets[i] - 16.0) * (buckets[i] - 16.0) / 16.0;
        }
        assert_true(chi > 3650 && chi < 4560); /* 4095 degrees of freedom, 5 deviations of 90.5 */
    }
}

static void null_is_refused(void **state)
{
    (void)state;
    tasker_uuid uuid;
    tasker_time time;
    assert_int_equal(tasker_uuid_generate(NULL), TASKER_INVALID_ARGUMENT);
    assert_int_equal(tasker_uuid_generate_many(1, NULL), TASKER_INVALID_ARGUMENT);
    assert_int_equal(tasker_uuid_generate_many(SIZE_MAX, &uuid), TASKER_INVALID_ARGUMENT);
    assert_int_equal(tasker_uuid_generate_many(0, NULL), TASKER_OK);
    assert_int_equal(tasker_uuid_generate_at(NULL, (tasker_time){0}, NULL), TASKER_INVALID_ARGUMENT);
    assert_int_equal(tasker_uuid_lower_bound((tasker_time){0}, TASKER_UUID_GRAIN_MS, NULL), TASKER_INVALID_ARGUMENT);
    assert_int_equal(tasker_uuid_upper_bound((tasker_time){0}, TASKER_UUID_GRAIN_MS, NULL), TASKER_INVALID_ARGUMENT);
    assert_int_equal(tasker_uuid_get_time(NULL, TASKER_UUID_GRAIN_MS, &time), TASKER_INVALID_ARGUMENT);
    assert_int_equal(tasker_uuid_get_time(&rfc_v7, TASKER_UUID_GRAIN_MS, NULL), TASKER_INVALID_ARGUMENT);
    assert_int_equal(tasker_uuid_parse(tasker_text_of(RFC_TEXT), NULL, NULL), TASKER_INVALID_ARGUMENT);
    assert_int_equal(tasker_uuid_parse_lenient(tasker_text_of(RFC_TEXT), NULL, NULL), TASKER_INVALID_ARGUMENT);
    assert_int_equal(tasker_uuid_parse(tasker_text_of(NULL), NULL, &uuid), TASKER_INVALID_ARGUMENT);
    assert_int_equal(tasker_uuid_parse_lenient(tasker_text_of(NULL), NULL, &uuid), TASKER_INVALID_ARGUMENT);
    assert_int_equal(tasker_uuid_generator_open(NULL, NULL), TASKER_INVALID_ARGUMENT);
    tasker_uuid_generator_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc_example),   cmocka_unit_test(rfc_fraction),
        cmocka_unit_test(nil_and_max),   cmocka_unit_test(versions_and_variants),
        cmocka_unit_test(hash_is_fixed), cmocka_unit_test(order_is_that_of_bytes),
        cmocka_unit_test(hash_spreads),  cmocka_unit_test(null_is_refused),
    };
    return cmocka_run_group_tests_name("uuid", tests, NULL, NULL);
}
