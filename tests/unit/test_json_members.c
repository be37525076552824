/* SPDX-License-Identifier: MIT */
/* One key of an object, arrays of texts, items of arrays, and whole numbers. */
#include "unit.h"

#include <tasker/json.h>
#include "page.h"
#include "value/json_members.h"

#define TEXT(literal) ((tasker_text)TASKER_TEXT(literal))

static const tasker_json absent = {NULL, 0}, cleared = TASKER_CLEAR;
static const tasker_text no_text = {NULL, 0}, bad_text = TASKER_TEXT("\xff"), nul_text = TASKER_TEXT("a\0b");

/* value NULL: there is none. */
static const struct {
    const char *object;
    tasker_text key;
    const char *value, *with_7;
} cases[] = {
    {"{}", TASKER_TEXT("a"), NULL, "{\"a\":7}"},
    {"{}", TASKER_TEXT(""), NULL, "{\"\":7}"},
    {" {\n} ", TASKER_TEXT("a"), NULL, " {\n\"a\":7} "},
    {"{\"a\":1}", TASKER_TEXT("a"), "1", "{\"a\":7}"},
    {"{\"a\":1}", TASKER_TEXT("A"), NULL, "{\"a\":1,\"A\":7}"},
    {"{\"a\":1}", TASKER_TEXT(""), NULL, "{\"a\":1,\"\":7}"},
    {"{\"\":null}", TASKER_TEXT(""), "null", "{\"\":7}"},
    {" { \"a\" : \"x y\" , \"b\" : [ 1 , {} ] } ", TASKER_TEXT("a"), "\"x y\"", " { \"a\" : 7 , \"b\" : [ 1 , {} ] } "},
    {" { \"a\" : 1 , \"b\" : [ 1 , {} ] } ", TASKER_TEXT("b"), "[ 1 , {} ]", " { \"a\" : 1 , \"b\" : 7 } "},
    {"{\"a\":true\n}", TASKER_TEXT("a"), "true", "{\"a\":7\n}"},
    {"{\"a\":1,\"b\":2,\"a\":3,\"c\":4}", TASKER_TEXT("a"), "3", "{\"a\":1,\"b\":2,\"a\":7,\"c\":4}"},
    {"{\"a\":1,\"\\u0061\":{}}", TASKER_TEXT("a"), "{}", "{\"a\":1,\"\\u0061\":7}"},
    {"{\"b\":{\"a\":1},\"c\":[{\"a\":2}],\"d\":\"a\"}", TASKER_TEXT("a"), NULL,
     "{\"b\":{\"a\":1},\"c\":[{\"a\":2}],\"d\":\"a\",\"a\":7}"},
    {"{\"x\":\"}\\\"a\\\":1,{\",\"a\":\"\\\\\"}", TASKER_TEXT("a"), "\"\\\\\"", "{\"x\":\"}\\\"a\\\":1,{\",\"a\":7}"},
    {"{\"\\\"\\\\\\/\\b\\f\\n\\r\\t\":1}", TASKER_TEXT("\"\\/\b\f\n\r\t"), "1", "{\"\\\"\\\\\\/\\b\\f\\n\\r\\t\":7}"},
    {"{}", TASKER_TEXT("\"\\/\b\f\n\r\t\x01\x0b\x1f\x7f"), NULL,
     "{\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u000b\\u001f\x7f\":7}"},
    {"{\"\\u00e9\\u20AC\\ud83d\\ude00\\uDBFF\\uDFFF\":1}",
     TASKER_TEXT("\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\xF4\x8F\xBF\xBF"), "1",
     "{\"\\u00e9\\u20AC\\ud83d\\ude00\\uDBFF\\uDFFF\":7}"},
    {"{\"\\ud83d\\ude00\":1}", TASKER_TEXT("\xF0\x9F\x98\x81"), NULL, "{\"\\ud83d\\ude00\":1,\"\xF0\x9F\x98\x81\":7}"},
    {"{\"\xF0\x9F\x98\x80\":1}", TASKER_TEXT("\xF0\x9F\x98\x80"), "1", "{\"\xF0\x9F\x98\x80\":7}"},
    {"{\"ab\":1,\"abc\":2}", TASKER_TEXT("abcd"), NULL, "{\"ab\":1,\"abc\":2,\"abcd\":7}"},
    {"{\"abcd\":1}", TASKER_TEXT("abc"), NULL, "{\"abcd\":1,\"abc\":7}"},
    {"{\"\\\\u0061\":1}", TASKER_TEXT("\\u0061"), "1", "{\"\\\\u0061\":7}"},
    {"{\"a\":1}", TASKER_TEXT("a\":1,\"b"), NULL, "{\"a\":1,\"a\\\":1,\\\"b\":7}"},
    {"{\"a\":-1.50e+2}", TASKER_TEXT("a"), "-1.50e+2", "{\"a\":7}"},
};

static void find(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t len = strlen(cases[i].object);
        tasker_json object = {at_page_end(cases[i].object, len), len}, value = {"kept", 4};
        tasker_status status = tasker_json_find(object, cases[i].key, &value);
        assert_int_equal(status, cases[i].value != NULL ? TASKER_OK : TASKER_NOT_FOUND);
        const char *expected = cases[i].value != NULL ? cases[i].value : "kept";
        assert_int_equal(value.len, strlen(expected));
        assert_memory_equal(value.ptr, expected, value.len);
        if (status == TASKER_OK)
            assert_true(value.ptr > object.ptr && value.ptr + value.len < object.ptr + object.len);
    }
}

static void assert_json(const tasker_json *json, const char *expected)
{
    assert_non_null(json);
    assert_string_equal(json->ptr, expected);
    assert_int_equal(json->len, strlen(expected));
    assert_int_equal(tasker_json_check(*json, TASKER_JSON_SHAPE_CONTAINER, NULL, NULL), TASKER_OK);
    tasker_free(json);
}

static void set(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const tasker_json *out = NULL;
        tasker_json object = tasker_json_of(cases[i].object), value = {NULL, 0};
        assert_int_equal(tasker_json_set(object, cases[i].key, tasker_json_of("7"), &out), TASKER_OK);
        assert_int_equal(tasker_json_find(*out, cases[i].key, &value), TASKER_OK);
        assert_true(value.len == 1 && *value.ptr == '7');
        assert_json(out, cases[i].with_7);
    }
}

/* What was built is an object for the next call; a value may be anything. */
static void set_again_and_again(void **state)
{
    (void)state;
    static const char *const values[] = {"null", "{\"a\": [1]}", "\"\\u0001\"", " [ ] ", "1e3"};
    const tasker_json *all = NULL, *next = NULL;
    for (size_t i = 0; i < COUNT(values); i++) {
        char key[] = {'k', (char)('0' + i), '\0'};
        assert_int_equal(
            tasker_json_set(all != NULL ? *all : absent, tasker_text_of(key), tasker_json_of(values[i]), &next),
            TASKER_OK);
        tasker_free(all);
        all = next;
    }
    assert_json(all, "{\"k0\":null,\"k1\":{\"a\": [1]},\"k2\":\"\\u0001\",\"k3\": [ ] ,\"k4\":1e3}");
}

/* No object, or not what the database could hold: both say so. */
static void assert_refused(tasker_json object, tasker_text key, tasker_status expected)
{
    const tasker_json *out = &absent;
    tasker_json value = {"kept", 4};
    assert_int_equal(tasker_json_find(object, key, &value), expected);
    assert_string_equal(value.ptr, "kept");
    assert_int_equal(tasker_json_set(object, key, tasker_json_of("1"), &out), expected);
    assert_null(out);
}

static void refused_objects_and_keys(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",
                                        " ",
                                        "null",
                                        "[]",
                                        "[{\"a\":1}]",
                                        "\"a\"",
                                        "1",
                                        "{",
                                        "}",
                                        "{\"a\"}",
                                        "{\"a\":}",
                                        "{\"a\":1,}",
                                        "{\"a\":1}}",
                                        "{\"a\":1} x",
                                        "{\"a\":01}",
                                        "{\"a\":\"\\u0000\"}",
                                        "{\"\\ud800\":1}",
                                        "{\"a\":\"\xff\"}",
                                        "{'a':1}"};
    for (size_t i = 0; i < COUNT(wrong); i++) {
        size_t len = strlen(wrong[i]);
        assert_refused((tasker_json){at_page_end(wrong[i], len), len}, TEXT("a"), TASKER_INVALID_ARGUMENT);
    }
    static const char whole[] = "{\"a\":\"\\ud83d\\ude00\",\"b\":[12]}";
    for (size_t len = 0; len < sizeof whole - 1; len++)
        assert_refused((tasker_json){at_page_end(whole, len), len}, TEXT("a"), TASKER_INVALID_ARGUMENT);
    assert_refused(tasker_json_of("{}"), no_text, TASKER_INVALID_ARGUMENT);
    assert_refused(tasker_json_of("{}"), bad_text, TASKER_INVALID_ARGUMENT);
    assert_refused(tasker_json_of("{}"), nul_text, TASKER_INVALID_ARGUMENT);
    assert_refused(tasker_json_of("{}"), (tasker_text)TASKER_CLEAR, TASKER_INVALID_ARGUMENT);
    static char deep[2100];
    size_t used = (size_t)sprintf(deep, "{\"a\":");
    memset(deep + used, '[', 1001);
    memset(deep + used + 1001, ']', 1001);
    strcpy(deep + used + 2002, "}");
    assert_refused(tasker_json_of(deep), TEXT("a"), TASKER_LIMIT_EXCEEDED);
}

static void what_is_absent(void **state)
{
    (void)state;
    const tasker_json *out = &absent;
    tasker_json value;
    assert_int_equal(tasker_json_find(absent, TEXT("a"), &value), TASKER_NOT_FOUND);
    assert_int_equal(tasker_json_find(cleared, TEXT("a"), &value), TASKER_NOT_FOUND);
    assert_int_equal(tasker_json_find(tasker_json_of("{}"), TEXT("a"), NULL), TASKER_INVALID_ARGUMENT);
    assert_int_equal(tasker_json_set(tasker_json_of("{}"), TEXT("a"), absent, &out), TASKER_INVALID_ARGUMENT);
    assert_null(out);
    assert_int_equal(tasker_json_set(tasker_json_of("{}"), TEXT("a"), cleared, &out), TASKER_INVALID_ARGUMENT);
    assert_int_equal(tasker_json_set(tasker_json_of("{}"), TEXT("a"), tasker_json_of("x"), &out),
                     TASKER_INVALID_ARGUMENT);
    assert_int_equal(tasker_json_set(absent, TEXT("a"), tasker_json_of("1"), NULL), TASKER_INVALID_ARGUMENT);
    assert_int_equal(tasker_json_set(cleared, TEXT("a"), tasker_json_of("1"), &out), TASKER_OK);
    assert_json(out, "{\"a\":1}");
}

/* The same text, pushed through at every length, finds its way back. */
static void every_character(void **state)
{
    (void)state;
    char key[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    for (size_t len = 0; len < sizeof key; len++)
        for (int c = 1; c < 0x80; c++) {
            const tasker_json *out = NULL;
            tasker_json value;
            tasker_text text = {key, len};
            if (len > 0)
                key[len - 1] = (char)c;
            assert_int_equal(tasker_json_set(absent, text, tasker_json_of("[]"), &out), TASKER_OK);
            assert_int_equal(tasker_json_find(*out, text, &value), TASKER_OK);
            assert_true(value.len == 2);
            tasker_free(out);
        }
}

static void arrays_of_texts(void **state)
{
    (void)state;
    static const tasker_text texts[] = {
        TASKER_TEXT("a"), TASKER_TEXT(""), TASKER_TEXT("\"\\\n\x1f/"), TASKER_TEXT("caf\xC3\xA9"), {"cut here", 3}};
    const tasker_json *out = NULL;
    assert_int_equal(tasker_json_from_texts(NULL, 0, &out), TASKER_OK);
    assert_json(out, "[]");
    assert_int_equal(tasker_json_from_texts(texts, 0, &out), TASKER_OK);
    assert_json(out, "[]");
    assert_int_equal(tasker_json_from_texts(texts, 1, &out), TASKER_OK);
    assert_json(out, "[\"a\"]");
    assert_int_equal(tasker_json_from_texts(texts, COUNT(texts), &out), TASKER_OK);
    assert_json(out, "[\"a\",\"\",\"\\\"\\\\\\n\\u001f/\",\"caf\xC3\xA9\",\"cut\"]");
}

static void texts_that_are_refused(void **state)
{
    (void)state;
    const tasker_text wrong[] = {no_text, bad_text, nul_text, TASKER_CLEAR, {"\xC3\xA9", 1}};
    const tasker_json *out;
    for (size_t i = 0; i < COUNT(wrong); i++) {
        const tasker_text texts[] = {TEXT("a"), wrong[i]};
        out = &absent;
        assert_int_equal(tasker_json_from_texts(texts, 2, &out), TASKER_INVALID_ARGUMENT);
        assert_null(out);
    }
    out = &absent;
    assert_int_equal(tasker_json_from_texts(NULL, 1, &out), TASKER_INVALID_ARGUMENT);
    assert_null(out);
    assert_int_equal(tasker_json_from_texts(wrong, 0, NULL), TASKER_INVALID_ARGUMENT);
}

/* One text of 1 MiB many times over: the sum counts, and nothing of it is made. */
static void too_long(void **state)
{
    enum { SIZE = 1 << 20, TIMES = 255 };
    const tasker_json *out = &absent;
    tasker_text texts[TIMES];
    char *bytes = malloc(SIZE);
    (void)state;
    assert_non_null(bytes);
    memset(bytes, 'x', SIZE);
    for (size_t i = 0; i < TIMES; i++)
        texts[i] = (tasker_text){bytes, SIZE};
    assert_int_equal(tasker_json_from_texts(texts, TIMES, &out), TASKER_LIMIT_EXCEEDED);
    assert_null(out);
    free(bytes);
}

static void items(void **state)
{
    (void)state;
    static const struct {
        const char *array;
        const char *items; /* each with a bar behind it */
    } lists[] = {
        {"[]", ""},
        {" [ ] ", ""},
        {"{}", ""},
        {"7", ""},
        {"[1]", "1|"},
        {"[1,2]", "1|2|"},
        {"[[],{}]", "[]|{}|"},
        {" [ \"]\" , [ 1 , [ ] ] ,\n{ \"a\" : \"}\" } , null ] ", "\"]\"|[ 1 , [ ] ]|{ \"a\" : \"}\" }|null|"},
    };
    for (size_t i = 0; i < COUNT(lists); i++) {
        size_t len = strlen(lists[i].array);
        char found[128] = "";
        tkr_json_members walk = tkr_json_items_of((tasker_json){at_page_end(lists[i].array, len), len});
        for (tasker_json item; tkr_json_items_next(&walk, &item);)
            snprintf(found + strlen(found), sizeof found - strlen(found), "%.*s|", (int)item.len, item.ptr);
        assert_string_equal(found, lists[i].items);
    }
}

static void integers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t value;
    } good[] = {
        {"0", 0},
        {"-0.0e7", 0},
        {"-7", -7},
        {"1.0", 1},
        {"12e2", 1200},
        {"1.50E+1", 15},
        {"-2500e-2", -25},
        {"9223372036854775807", INT64_MAX},
        {"-9223372036854775808", INT64_MIN},
        {"9.223372036854775807e18", INT64_MAX},
        {"0.000000000000000000000000000001e30", 1},
    };
    static const char *const bad[] = {"null",
                                      "true",
                                      "\"1\"",
                                      "[1]",
                                      "{}",
                                      "0.5",
                                      "1e-1",
                                      "1.0000000001",
                                      "9223372036854775808",
                                      "-9223372036854775809",
                                      "1e19",
                                      "1e21",
                                      "1e99999",
                                      "10000000000000000000000000000000000000000000000000000000000000000e-64"};
    for (size_t i = 0; i < COUNT(good); i++) {
        int64_t value = 99;
        size_t len = strlen(good[i].text);
        assert_true(tkr_json_read_integer((tasker_json){at_page_end(good[i].text, len), len}, &value));
        assert_true(value == good[i].value);
    }
    for (size_t i = 0; i < COUNT(bad); i++) {
        int64_t value = 99;
        assert_false(tkr_json_read_integer(tasker_json_of(bad[i]), &value));
        assert_true(value == 99);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(find),
        cmocka_unit_test(set),
        cmocka_unit_test(set_again_and_again),
        cmocka_unit_test(refused_objects_and_keys),
        cmocka_unit_test(what_is_absent),
        cmocka_unit_test(every_character),
        cmocka_unit_test(arrays_of_texts),
        cmocka_unit_test(texts_that_are_refused),
        cmocka_unit_test(too_long),
        cmocka_unit_test(items),
        cmocka_unit_test(integers),
    };
    return cmocka_run_group_tests_name("json members", tests, NULL, NULL);
}
