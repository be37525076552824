/* SPDX-License-Identifier: MIT */
/* The limits of tasker_json_check at n and n + 1, depth beyond the C stack, and numbers written out. */
#include "unit.h"

#include "page.h"
#include "tasker/json.h"

typedef struct text {
    char *ptr;
    size_t len, room;
} text;

static void add(text *t, const char *piece, size_t times)
{
    size_t len = strlen(piece);
    if (t->len + len * times > t->room) {
        t->room = 2 * (t->len + len * times);
        t->ptr = realloc(t->ptr, t->room);
        assert_non_null(t->ptr);
    }
    for (size_t i = 0; i < times; i++, t->len += len)
        memcpy(t->ptr + t->len, piece, len);
}

/* Checks the text, which it takes over, and wants this status and, unless OK, these last words. */
static void expect(text *t, const tasker_limits *limits, tasker_status want, const char *words)
{
    tasker_error error;
    memset(&error, 0x55, sizeof error);
    tasker_json json = {t->ptr, t->len};
    tasker_status status = tasker_json_check(json, TASKER_JSON_SHAPE_ANY, limits, &error);
    if (status != want || error.status != want)
        fail_msg("%.60s… (%zu bytes): %s, %s", t->ptr, t->len, tasker_status_name(status), error.message);
    const char *end =
        strlen(error.message) < strlen(words) ? error.message : error.message + strlen(error.message) - strlen(words);
    assert_string_equal(end, words);
    free(t->ptr);
    *t = (text){0};
}

static void bytes(void **state)
{
    (void)state;
    const tasker_limits ten = {.json_bytes = 10};
    text t = {0};
    add(&t, "[0,1,2,34]", 1);
    expect(&t, &ten, TASKER_OK, "");
    add(&t, "[0,1,2,34] ", 1);
    expect(&t, &ten, TASKER_LIMIT_EXCEEDED, "11 bytes (limit 10)");
    add(&t, "0", 1);
    add(&t, " ", (1 << 20) - 1);
    expect(&t, NULL, TASKER_OK, "");
    add(&t, "0", 1);
    add(&t, " ", 1 << 20);
    expect(&t, NULL, TASKER_LIMIT_EXCEEDED, "1048577 bytes (limit 1048576)");

    /* Refused by its length alone: there is nothing behind the pointer. */
    const tasker_limits all = {.json_bytes = INT32_MAX};
    tasker_json huge = {at_page_end("", 0), ((size_t)255 << 20) + 1};
    assert_int_equal(tasker_json_check(huge, TASKER_JSON_SHAPE_ANY, &all, NULL), TASKER_LIMIT_EXCEEDED);
    huge.len = SIZE_MAX;
    assert_int_equal(tasker_json_check(huge, TASKER_JSON_SHAPE_ANY, &all, NULL), TASKER_LIMIT_EXCEEDED);
}

static void strings_and_keys(void **state)
{
    (void)state;
    text t = {0};
    for (size_t n = 10000; n <= 10001; n++) {
        tasker_status want = n == 10000 ? TASKER_OK : TASKER_LIMIT_EXCEEDED;
        add(&t, "[\"", 1);
        add(&t, "x", n);
        add(&t, "\"]", 1);
        expect(&t, NULL, want, n == 10000 ? "" : "(limit 10000) at byte 1");
        add(&t, "{\"", 1);
        add(&t, "x", n);
        add(&t, "\":0}", 1);
        expect(&t, NULL, want, n == 10000 ? "" : "(limit 10000) at byte 1");
    }
    /* What counts is what is stored: an escape as the character it stands for, in UTF-8. */
    static const struct {
        const char *json;
        int32_t size;
    } known[] = {
        {"\"\\n\"", 1},      {"\"\\u0041\"", 1},           {"\"\\u007f\"", 1},
        {"\"\\u0080\"", 2},  {"\"\\u07ff\"", 2},           {"\"\\u0800\"", 3},
        {"\"\\uffff\"", 3},  {"\"\\ud83d\\ude00\"", 4},    {"\"\xF0\x9F\x98\x80\"", 4},
        {"\"\xC3\xA9\"", 2}, {"\"0123456789abcdef\"", 16}, {"\"\\\"\\\\a\\u20ac\"", 6},
    };
    for (size_t i = 0; i < COUNT(known); i++) {
        tasker_limits limits = {.json_string = known[i].size};
        add(&t, known[i].json, 1);
        expect(&t, &limits, TASKER_OK, "");
        limits.json_string = known[i].size - 1;
        add(&t, known[i].json, 1);
        if (limits.json_string > 0)
            expect(&t, &limits, TASKER_LIMIT_EXCEEDED, " at byte 0");
        else
            expect(&t, &limits, TASKER_OK, ""); /* 0 is the default */
    }
}

static void items_and_keys(void **state)
{
    (void)state;
    text t = {0};
    add(&t, "[0", 1);
    add(&t, ",0", 999);
    add(&t, "]", 1);
    expect(&t, NULL, TASKER_OK, "");
    add(&t, "[0", 1);
    add(&t, ",0", 1000);
    add(&t, "]", 1);
    expect(&t, NULL, TASKER_LIMIT_EXCEEDED, "an array with too many items (limit 1000) at byte 2001");
    add(&t, "{\"a\":0", 1);
    add(&t, ",\"a\":0", 999);
    add(&t, "}", 1);
    expect(&t, NULL, TASKER_OK, "");
    add(&t, "{\"a\":0", 1);
    add(&t, ",\"a\":0", 1000);
    add(&t, "}", 1);
    expect(&t, NULL, TASKER_LIMIT_EXCEEDED, "an object with too many keys (limit 1000) at byte 6001");

    /* Each container counts for itself, also after one inside it. */
    const tasker_limits two = {.json_items = 2};
    add(&t, "[[1,2],{\"a\":[1,2],\"b\":{}}]", 1);
    expect(&t, &two, TASKER_OK, "");
    add(&t, "[[1,2],[1,2],3]", 1);
    expect(&t, &two, TASKER_LIMIT_EXCEEDED, "at byte 13");
    add(&t, "[[],{\"a\":[1,2],\"b\":{},\"c\":0}]", 1);
    expect(&t, &two, TASKER_LIMIT_EXCEEDED, "at byte 22");
    const tasker_limits one = {.json_items = 1};
    add(&t, "[0,0]", 1);
    expect(&t, &one, TASKER_LIMIT_EXCEEDED, "at byte 3");
}

/* depth containers around a value, or around nothing. */
static void nest(text *t, const char *open, const char *value, const char *close, size_t depth)
{
    add(t, open, depth);
    add(t, value, 1);
    add(t, close, depth);
}

static void depth(void **state)
{
    (void)state;
    static const int32_t given[] = {0, 1, 10, 63, 64, 65, 127, 128, 1000, 1001, INT32_MAX};
    text t = {0};
    for (size_t i = 0; i < COUNT(given); i++) {
        const tasker_limits limits = {.json_depth = given[i], .json_items = 5};
        size_t most = given[i] == 0 ? 10 : given[i] > 1000 ? 1000 : (size_t)given[i];
        nest(&t, "[", "1", "]", most);
        expect(&t, &limits, TASKER_OK, "");
        nest(&t, "{\"a\":", "[]", "}", most);
        expect(&t, &limits, TASKER_OK, "");
        nest(&t, "[1,{\"a\":0,\"b\":", "[]", ",\"c\":[]},{}]", most / 2);
        expect(&t, &limits, TASKER_OK, "");
        nest(&t, "[", "1", "]", most + 1);
        expect(&t, &limits, TASKER_LIMIT_EXCEEDED, "");
        nest(&t, "{\"a\":", "[]", "}", most + 1);
        expect(&t, &limits, TASKER_LIMIT_EXCEEDED, "");
    }
    nest(&t, "[", "1", "]", 11);
    expect(&t, NULL, TASKER_LIMIT_EXCEEDED, "a value in too many containers (limit 10) at byte 11");
}

/* Kinds alternate in patterns, so that a bit of the stack that is lost or left over closes the wrong way. */
static void every_level_remembers_its_kind(void **state)
{
    (void)state;
    const tasker_limits deep = {.json_depth = 1000};
    text t = {0};
    for (uint32_t seed = 1; seed < 200; seed++) {
        bool object[1000];
        uint32_t x = seed * 2654435761u;
        for (size_t level = 0; level < COUNT(object); level++) {
            x = x * 1664525u + 1013904223u;
            object[level] = x >> 31;
            add(&t, object[level] ? "{\"a\":" : "[", 1);
        }
        add(&t, "0", 1);
        size_t wrong = seed % 2 == 0 ? COUNT(object) : x % COUNT(object);
        for (size_t level = COUNT(object); level-- > 0;)
            add(&t, object[level] != (level == wrong) ? "}" : "]", 1);
        expect(&t, &deep, wrong == COUNT(object) ? TASKER_OK : TASKER_INVALID_ARGUMENT, "");
    }
}

static void hundred_thousand_levels_need_no_stack(void **state)
{
    (void)state;
    const tasker_limits deep = {.json_depth = INT32_MAX, .json_bytes = INT32_MAX, .json_items = INT32_MAX};
    text t = {0};
    nest(&t, "[", "", "]", 100000);
    expect(&t, NULL, TASKER_LIMIT_EXCEEDED, "(limit 10) at byte 11");
    nest(&t, "[", "", "]", 100000);
    expect(&t, &deep, TASKER_LIMIT_EXCEEDED, "(limit 1000) at byte 1001");
    nest(&t, "{\"a\":", "1", "}", 100000);
    expect(&t, &deep, TASKER_LIMIT_EXCEEDED, "(limit 1000) at byte 5005");
    add(&t, "[", 100000);
    expect(&t, &deep, TASKER_LIMIT_EXCEEDED, "(limit 1000) at byte 1001");
    add(&t, "[]", 1);
    add(&t, "]", 100000);
    expect(&t, &deep, TASKER_INVALID_ARGUMENT, "something after the value at byte 2");
}

static void numbers_written_out(void **state)
{
    (void)state;
    text t = {0};
    add(&t, "9", 131072);
    expect(&t, NULL, TASKER_OK, "");
    add(&t, "9", 131073);
    expect(&t, NULL, TASKER_INVALID_ARGUMENT, "a number the database cannot store at byte 0");
    add(&t, "-", 1);
    add(&t, "9", 131072);
    add(&t, ".", 1);
    add(&t, "9", 16383);
    expect(&t, NULL, TASKER_OK, "");
    add(&t, "0.", 1);
    add(&t, "0", 16384);
    expect(&t, NULL, TASKER_INVALID_ARGUMENT, "at byte 0");
    add(&t, "[0.", 1);
    add(&t, "0", 16383);
    add(&t, "1e1]", 1);
    expect(&t, NULL, TASKER_OK, "");
    add(&t, "9", 131072);
    add(&t, "e1", 1);
    expect(&t, NULL, TASKER_INVALID_ARGUMENT, "at byte 0");
    add(&t, "9", 131073);
    add(&t, "e-1", 1);
    expect(&t, NULL, TASKER_OK, "");
}

static void bad_limits(void **state)
{
    (void)state;
    text t = {0};
    const tasker_limits negative[] = {{.json_bytes = -1}, {.json_depth = -1}, {.json_items = INT32_MIN}, {.rows = -5}};
    for (size_t i = 0; i < COUNT(negative); i++) {
        add(&t, "{}", 1);
        expect(&t, &negative[i], TASKER_INVALID_ARGUMENT, "a limit is negative");
    }
    const tasker_limits newer = {.reserved = {0, 0, 0, 1}};
    add(&t, "{}", 1);
    expect(&t, &newer, TASKER_UNSUPPORTED, "a reserved word of the limits is not zero");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes),
        cmocka_unit_test(strings_and_keys),
        cmocka_unit_test(items_and_keys),
        cmocka_unit_test(depth),
        cmocka_unit_test(every_level_remembers_its_kind),
        cmocka_unit_test(hundred_thousand_levels_need_no_stack),
        cmocka_unit_test(numbers_written_out),
        cmocka_unit_test(bad_limits),
    };
    return cmocka_run_group_tests_name("json limits", tests, NULL, NULL);
}
