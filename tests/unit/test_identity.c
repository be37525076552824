/* SPDX-License-Identifier: MIT */
/* tasker_task_hash_identity. The hashes were made with Python's hashlib from bytes written down by hand. */
#include "unit.h"

#include "page.h"
#include "tasker/task.h"

static const tasker_uuid kind = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}};
static const tasker_uuid other_kind = {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 17}};
static const tasker_text no_key = {NULL, 0};
static const tasker_json no_context = {NULL, 0};

typedef struct vector {
    const char *what, *hash;
} vector;

static const vector contexts[] = {
    {NULL, "d1cc7c0df0b0d4fa387ee21c8ce4cd8de35e62496f0b6053c4ab10785d9bb72d"},
    {"{}", "6f3add4f582127855e0c21217e2155b3bb2c47b2ae9371e71a1eeb4f8a75a697"},
    {"{\"b\": [1.0, 1e1], \"a\": \"\\u00e9\\/\"}", "028e459d069c5efbc8a92fc292c20c2494848b60609714343fa309cc2b820fe3"},
    {"{\"order_id\": 12345}", "77c7c8610222eed07d6e60b22f3a25f6bbd3131566cca41f8b06c10a916b473b"},
    {"{\"n\": 9007199254740993}", "dd5b22306749381d30c95d3a4e8c2ff592e4908329864a5249465b118e344b4a"},
};

static const vector keys[] = {
    {"k", "edfc27f41fcc7fc00f48d8a572dce1b2fb1a9605b35d366d6e599192015dc71b"},
    {"order-12345", "e751124152873bd0cf59f024b9083c6fca829a0b9fd424d80af0e40ab25d8718"},
    {"{}", "3c3c31db8ce1e52532c67c279e1559558454e47c88e01cfce71eb79d8a336707"},
    {"\xC3\xA9\n", "6cf6b4a988e5a1fbdd9cdc6ae436ac280f95904a743af4f5ad0e3d22baef7135"},
};

static void test_strict(void **state)
{
    char hash[TASKER_IDENTITY_SIZE];
    (void)state;
    for (size_t i = 0; i < COUNT(contexts); i++) {
        tasker_json context = tasker_json_of(contexts[i].what);
        if (context.ptr != NULL)
            context.ptr = at_page_end(context.ptr, context.len);
        assert_int_equal(tasker_task_hash_identity(&kind, TASKER_IDENTITY_STRICT, context, no_key, hash), TASKER_OK);
        assert_string_equal(hash, contexts[i].hash);
        assert_int_equal(tasker_task_hash_identity(&other_kind, TASKER_IDENTITY_STRICT, context, no_key, hash),
                         TASKER_OK);
        assert_string_not_equal(hash, contexts[i].hash);
    }
}

/* The context does not matter; the key is bytes. */
static void test_key(void **state)
{
    char hash[TASKER_IDENTITY_SIZE];
    (void)state;
    for (size_t i = 0; i < COUNT(keys); i++) {
        tasker_text key = tasker_text_of(keys[i].what);
        key.ptr = at_page_end(key.ptr, key.len);
        assert_int_equal(tasker_task_hash_identity(&kind, TASKER_IDENTITY_KEY, no_context, key, hash), TASKER_OK);
        assert_string_equal(hash, keys[i].hash);
        assert_int_equal(tasker_task_hash_identity(&kind, TASKER_IDENTITY_KEY, tasker_json_of("{\"a\": 1}"), key, hash),
                         TASKER_OK);
        assert_string_equal(hash, keys[i].hash);
    }
}

static void test_refused(void **state)
{
    static const struct {
        tasker_identity identity;
        tasker_json context;
        tasker_text key;
        tasker_status status;
    } bad[] = {
        {TASKER_IDENTITY_UNIQUE, TASKER_JSON("{}"), {NULL, 0}, TASKER_INVALID_ARGUMENT},
        {TASKER_IDENTITY_UNIQUE, {NULL, 0}, TASKER_TEXT("k"), TASKER_INVALID_ARGUMENT},
        {TASKER_IDENTITY_STRICT, TASKER_JSON("{}"), TASKER_TEXT("k"), TASKER_INVALID_ARGUMENT},
        {TASKER_IDENTITY_STRICT, TASKER_JSON("{}"), TASKER_TEXT(""), TASKER_INVALID_ARGUMENT},
        {TASKER_IDENTITY_STRICT, TASKER_JSON("[]"), {NULL, 0}, TASKER_INVALID_ARGUMENT},
        {TASKER_IDENTITY_STRICT, TASKER_JSON(""), {NULL, 0}, TASKER_INVALID_ARGUMENT},
        {TASKER_IDENTITY_STRICT, TASKER_JSON("{\"a\":\"\\u0000\"}"), {NULL, 0}, TASKER_INVALID_ARGUMENT},
        {TASKER_IDENTITY_KEY, {NULL, 0}, {NULL, 0}, TASKER_INVALID_ARGUMENT},
        {TASKER_IDENTITY_KEY, {NULL, 0}, {NULL, 3}, TASKER_INVALID_ARGUMENT},
        {TASKER_IDENTITY_KEY, {NULL, 0}, TASKER_CLEAR, TASKER_INVALID_ARGUMENT},
        {TASKER_IDENTITY_KEY, {NULL, 0}, {"k", SIZE_MAX}, TASKER_LIMIT_EXCEEDED},
        {TASKER_IDENTITY_UNIQUE, {NULL, 0}, {NULL, 3}, TASKER_INVALID_ARGUMENT},
        {TASKER_IDENTITY_KEY, {NULL, 0}, TASKER_TEXT(""), TASKER_INVALID_ARGUMENT},
        {TASKER_IDENTITY_KEY, {NULL, 0}, TASKER_TEXT("a\0b"), TASKER_INVALID_ARGUMENT},
        {TASKER_IDENTITY_KEY, {NULL, 0}, TASKER_TEXT("\xC3"), TASKER_INVALID_ARGUMENT},
        {(tasker_identity)3, {NULL, 0}, TASKER_TEXT("k"), TASKER_INVALID_ARGUMENT},
        {(tasker_identity)-1, {NULL, 0}, TASKER_TEXT("k"), TASKER_INVALID_ARGUMENT},
    };
    static const tasker_uuid nil;
    char hash[TASKER_IDENTITY_SIZE] = "untouched";
    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_int_equal(tasker_task_hash_identity(&kind, bad[i].identity, bad[i].context, bad[i].key, hash),
                         bad[i].status);
    tasker_text key = TASKER_TEXT("k");
    assert_int_equal(tasker_task_hash_identity(NULL, TASKER_IDENTITY_KEY, no_context, key, hash),
                     TASKER_INVALID_ARGUMENT);
    assert_int_equal(tasker_task_hash_identity(&nil, TASKER_IDENTITY_KEY, no_context, key, hash),
                     TASKER_INVALID_ARGUMENT);
    assert_int_equal(tasker_task_hash_identity(&kind, TASKER_IDENTITY_KEY, no_context, key, NULL),
                     TASKER_INVALID_ARGUMENT);
    assert_string_equal(hash, "untouched");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strict),
        cmocka_unit_test(test_key),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
