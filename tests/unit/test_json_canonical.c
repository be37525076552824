/* SPDX-License-Identifier: MIT */
/* The canonical form of JSON: the examples of RFC 8785, what must be equal, what must not, and what it costs. */
#include "unit.h"

#include "page.h"
#include "value/json_canonical.h"

/* ---- memory in the test's hand ---- */

static long allocations_left = -1; /* -1: any number */

static bool may_allocate(void)
{
    if (allocations_left == 0)
        return false;
    allocations_left -= allocations_left > 0;
    return true;
}

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
    return may_allocate() ? __real_malloc(size) : NULL;
}

void *__real_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size)
{
    return may_allocate() ? __real_realloc(old, size) : NULL;
}

/* ---- asking ---- */

/* With a NUL at its end, to be freed. */
static char *canonical_of(const char *text, size_t len)
{
    tasker_error error;
    tasker_text out;
    tasker_status status = tkr_json_canonical((tasker_json){text, len}, TASKER_JSON_SHAPE_ANY, &error, &out);
    if (status != TASKER_OK)
        fail_msg("%s: %s", error.message, text);
    char *copy = test_malloc(out.len + 1);
    memcpy(copy, out.ptr, out.len);
    copy[out.len] = '\0';
    free((void *)(uintptr_t)out.ptr);
    return copy;
}

static void assert_canonical(const char *text, const char *expected)
{
    char *found = canonical_of(at_page_end(text, strlen(text)), strlen(text));
    assert_string_equal(found, expected);
    char *again = canonical_of(found, strlen(found));
    assert_string_equal(again, expected);
    test_free(again);
    test_free(found);
}

/* ---- RFC 8785 ---- */

static void test_examples(void **state)
{
    (void)state;
    assert_canonical(
        "{\n  \"numbers\": [333333333.3333333, 1E30, 4.50,\n              2e-3, 0.000000000000000000000000001],\n"
        "  \"string\": \"\\u20ac$\\u000F\\u000aA'\\u0042\\u0022\\u005c\\\\\\\"\\/\",\n"
        "  \"literals\": [null, true, false]\n}",
        "{\"literals\":[null,true,false],\"numbers\":[333333333.3333333,1e+30,4.5,0.002,1e-27],"
        "\"string\":\"\xE2\x82\xAC$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}");
    assert_canonical(
        "{\"\\u20ac\": \"Euro Sign\", \"\\r\": \"Carriage Return\", \"\\ufb33\": \"Hebrew\", \"1\": \"One\","
        " \"\\ud83d\\ude00\": \"Emoji\", \"\\u0080\": \"Control\", \"\\u00f6\": \"Latin\"}",
        "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\xC2\x80\":\"Control\",\"\xC3\xB6\":\"Latin\","
        "\"\xE2\x82\xAC\":\"Euro Sign\",\"\xF0\x9F\x98\x80\":\"Emoji\",\"\xEF\xAC\xB3\":\"Hebrew\"}");
    assert_canonical("[56,{\"d\":true,\"10\":null,\"1\":[]}]", "[56,{\"1\":[],\"10\":null,\"d\":true}]");
}

/* Its numbers (appendix B) are as they must be already. */
static void test_numbers_of_doubles(void **state)
{
    static const char *const numbers[] = {"0",
                                          "5e-324",
                                          "-5e-324",
                                          "1.7976931348623157e+308",
                                          "-1.7976931348623157e+308",
                                          "9007199254740992",
                                          "-9007199254740992",
                                          "295147905179352830000",
                                          "9.999999999999997e+22",
                                          "1e+23",
                                          "1.0000000000000001e+23",
                                          "999999999999999700000",
                                          "999999999999999900000",
                                          "1e+21",
                                          "9.999999999999997e-7",
                                          "0.000001",
                                          "333333333.3333332",
                                          "333333333.33333325",
                                          "333333333.3333333",
                                          "333333333.3333334",
                                          "333333333.33333343",
                                          "-0.0000033333333333333333",
                                          "1424953923781206.2"};
    (void)state;
    for (size_t i = 0; i < COUNT(numbers); i++)
        assert_canonical(numbers[i], numbers[i]);
}

/* ---- equal and different ---- */

/* The first of each row is the canonical form of all. */
static const char *const equal[][10] = {
    {"0", "-0", "0.0", "-0.000", "0e5", "0E-7", "0.0e1000000000", "-0e+1"},
    {"1", "1.0", "1e0", "10e-1", "0.1e1", "1.000", "100E-2", "0.001e+3"},
    {"-12.5", "-12.50", "-125e-1", "-0.125e2", "-1.25E+01"},
    {"100", "1e2", "100.0", "10e1", "1E+2", "0.1e3"},
    {"100000000000000000000", "1e20", "100000000000000000000.0"},
    {"1e+21", "1000000000000000000000", "1e21", "0.01e23", "10e20"},
    {"1.23e+21", "1230000000000000000000", "123e19"},
    {"0.000001", "1e-6", "0.0000010"},
    {"1e-7", "0.0000001", "10e-8", "0.01E-5"},
    {"1.5e-7", "0.00000015", "15e-8"},
    {"0.1000000000000000055511151231257827", "1.000000000000000055511151231257827e-1"},
    {"1.234567890123456789012345678901e+30", "1234567890123456789012345678901"},
    {"123456789012345678901", "123456789012345678901.00", "1.23456789012345678901e20"},
    {"1e+131071", "0.1e131072", "10e131070"},
    {"1e-16383", "0.1e-16382"},
    {"\"\xC3\xA9/\"", "\"\\u00e9/\"", "\"\\u00E9\\/\"", "\"\xC3\xA9\\u002f\""},
    {"\"\xF0\x9F\x98\x80\"", "\"\\ud83d\\ude00\"", "\"\\uD83D\\uDE00\""},
    {"\"\\b\\t\\n\\f\\r\\u000b\\u001f\\u0001\x7F\"",
     "\"\\u0008\\u0009\\u000a\\u000c\\u000D\\u000B\\u001F\\u0001\\u007f\""},
    {"[]", " [ ] ", "[\n]"},
    {"{}", "\t{\r\n}"},
    {"{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}", " { \"b\" : 2.0 , \"a\" : 1 } ", "{\"\\u0062\":2,\"\\u0061\":1e0}"},
    {"{\"a\":3}", "{\"a\":1,\"a\":2,\"a\":3}", "{\"a\":{\"x\":[1,2]},\"\\u0061\":3}"},
    {"{\"a\":{\"c\":1},\"b\":0}", "{\"a\":{\"b\":2},\"b\":0,\"a\":{\"c\":1}}"}, /* not merged */
    {"{\"\":1,\" \":2,\"a\":3,\"aa\":4,\"b\":5}", "{\"b\":5,\"aa\":4,\"a\":3,\" \":2,\"\":1}"},
    {"[{\"a\":[],\"b\":[{},[]]},\"x\",[[[1]]]]", "[{\"b\":[{},[]],\"a\":[]},\"x\",[[[1.0]]]]"},
    {"null", " null "},
    {"\"null\"", "\"\\u006eull\""},
};

static void test_equal(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(equal); i++)
        for (size_t k = 0; k < COUNT(equal[i]) && equal[i][k] != NULL; k++)
            assert_canonical(equal[i][k], equal[i][0]);
}

static void test_different(void **state)
{
    static const char *const different[] = {"1",
                                            "-1",
                                            "10",
                                            "0.1",
                                            "0.10000000000000000001",
                                            "9007199254740992",
                                            "9007199254740993",
                                            "1e400",
                                            "1e401",
                                            "1e-400",
                                            "\"1\"",
                                            "true",
                                            "false",
                                            "null",
                                            "\"\"",
                                            "\"a\"",
                                            "\"A\"",
                                            "\"a \"",
                                            "\"\xC3\xA9\"",
                                            "\"e\xCC\x81\"",
                                            "[]",
                                            "{}",
                                            "[[]]",
                                            "[null]",
                                            "[1,2]",
                                            "[2,1]",
                                            "[[1],2]",
                                            "[[1,2]]",
                                            "{\"a\":null}",
                                            "{\"a\":1}",
                                            "{\"a\":[1]}",
                                            "{\"a\":1,\"b\":{}}",
                                            "{\"a\":{\"b\":{}}}",
                                            "{\"b\":1}",
                                            "{\"\":1}",
                                            "\"{}\"",
                                            "\"\\u0001\"",
                                            "\"\\\\u0001\"",
                                            "1.00000000000000000000000001"};
    char *found[COUNT(different)];
    (void)state;
    for (size_t i = 0; i < COUNT(different); i++) {
        found[i] = canonical_of(different[i], strlen(different[i]));
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(found[i], found[k]);
    }
    for (size_t i = 0; i < COUNT(different); i++)
        test_free(found[i]);
}

/* ---- the same random value in random spellings ---- */

typedef struct writer {
    char text[1 << 16];
    size_t used;
    uint64_t spelling; /* 0: plain */
} writer;

static uint64_t next(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return *seed >> 33;
}

static uint64_t choose(writer *w, uint64_t count)
{
    return w->spelling == 0 ? 0 : next(&w->spelling) % count;
}

static void add(writer *w, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(writer *w, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    w->used += (size_t)vsnprintf(w->text + w->used, sizeof w->text - w->used, format, arguments);
    va_end(arguments);
    assert_true(w->used < sizeof w->text);
}

static void add_space(writer *w)
{
    static const char *const spaces[] = {"", " ", "\n\t", "\r "};
    add(w, "%s", spaces[choose(w, COUNT(spaces))]);
}

static void add_number(writer *w, unsigned n)
{
    static const char *const after[] = {".25", "25e-2", ".250", ".25E+0", "2500e-4"};
    add(w, "%u%s", n + 1, after[choose(w, COUNT(after))]);
}

static void add_string(writer *w, unsigned n)
{
    if (choose(w, 2) == 0)
        add(w, "\"k\xC3\xA9%u\"", n);
    else
        add(w, "\"\\u006b\\u00E9%u\"", n);
}

/* The value is a function of the seed alone; how it is written is the writer's choice. */
static void add_value(writer *w, uint64_t seed, int depth)
{
    uint64_t kind = next(&seed) % 5;
    unsigned n = (unsigned)(next(&seed) % 5);
    add_space(w);
    if (depth == 5 || kind == 0)
        add_number(w, n);
    else if (kind == 1)
        add_string(w, n);
    else {
        bool object = kind < 4;
        unsigned first = (unsigned)choose(w, object && n > 0 ? n : 1); /* members begin anywhere */
        add(w, object ? "{" : "[");
        for (unsigned i = 0; i < n; i++) {
            unsigned k = (i + first) % n;
            add(w, i > 0 ? "," : "");
            add_space(w);
            if (object && choose(w, 4) == 1) { /* a member that the next one replaces */
                add_string(w, k);
                add(w, ":[{\"x\":1}],");
            }
            if (object) {
                add_string(w, k);
                add_space(w);
                add(w, ":");
            }
            add_value(w, seed + k * 977, depth + 1);
            add_space(w);
        }
        add(w, object ? "}" : "]");
    }
}

static void test_random_spellings(void **state)
{
    static writer plain, other;
    (void)state;
    for (uint64_t seed = 1; seed <= 2000; seed++) {
        plain.used = other.used = 0;
        other.spelling = seed * 31;
        add_value(&plain, seed * 7919, 0);
        add_value(&other, seed * 7919, 0);
        char *a = canonical_of(plain.text, plain.used), *b = canonical_of(other.text, other.used);
        assert_string_equal(a, b);
        test_free(a);
        test_free(b);
    }
}

/* ---- limits, memory, cost ---- */

static void test_refused(void **state)
{
    tasker_error error;
    tasker_text out = {"x", 1};
    (void)state;
    assert_int_equal(tkr_json_canonical(tasker_json_of("{\"a\":}"), TASKER_JSON_SHAPE_ANY, &error, &out),
                     TASKER_INVALID_ARGUMENT);
    assert_null(out.ptr);
    assert_int_equal(tkr_json_canonical(tasker_json_of("[]"), TASKER_JSON_SHAPE_OBJECT, NULL, &out),
                     TASKER_INVALID_ARGUMENT);
    assert_int_equal(tkr_json_canonical((tasker_json){NULL, 0}, TASKER_JSON_SHAPE_ANY, NULL, &out),
                     TASKER_INVALID_ARGUMENT);
}

static void test_out_of_memory(void **state)
{
    static const char text[] = "{\"b\":[1e20,{\"d\":[],\"c\":\"\\u0001\"}],\"a\":{\"y\":0,\"x\":0}}";
    tasker_error error;
    tasker_text out = {NULL, 0};
    tasker_status status = TASKER_OUT_OF_MEMORY;
    int failures = -1;
    (void)state;
    for (long n = 0; status == TASKER_OUT_OF_MEMORY; n++, failures++) {
        allocations_left = n;
        status = tkr_json_canonical(tasker_json_of(text), TASKER_JSON_SHAPE_ANY, &error, &out);
        allocations_left = -1;
        assert_true((out.ptr == NULL) == (status == TASKER_OUT_OF_MEMORY));
    }
    assert_int_equal(status, TASKER_OK);
    assert_true(failures > 5);
    free((void *)(uintptr_t)out.ptr);
}

static void test_deep(void **state)
{
    enum { DEPTH = 1001 }; /* the innermost lies in 1000 */
    static char text[2 * DEPTH + 1], deeper[2 * DEPTH + 2];
    tasker_text out;
    (void)state;
    memset(text, '[', DEPTH);
    memset(text + DEPTH, ']', DEPTH);
    assert_canonical(text, text);
    memset(deeper, '[', DEPTH + 1);
    memset(deeper + DEPTH + 1, ']', DEPTH + 1);
    assert_int_equal(tkr_json_canonical((tasker_json){deeper, sizeof deeper}, TASKER_JSON_SHAPE_ANY, NULL, &out),
                     TASKER_LIMIT_EXCEEDED);
}

/* 200,000 keys in the worst order and one key 200,000 times: quadratic work would take minutes. */
static void test_wide(void **state)
{
    enum { WIDTH = 200000 };
    char *text = test_malloc(20 * WIDTH), *sorted = test_malloc(20 * WIDTH);
    size_t used = 0, there = 0;
    (void)state;
    for (int i = 0; i < WIDTH; i++) {
        used += (size_t)sprintf(text + used, "%c\"%06d\":%d", i == 0 ? '{' : ',', WIDTH - i, i % 10);
        there += (size_t)sprintf(sorted + there, "%c\"%06d\":%d", i == 0 ? '{' : ',', i + 1, (WIDTH - 1 - i) % 10);
    }
    text[used++] = '}';
    strcpy(sorted + there, "}");
    char *found = canonical_of(text, used);
    assert_string_equal(found, sorted);
    test_free(found);
    used = 0;
    for (int i = 0; i < WIDTH; i++)
        used += (size_t)sprintf(text + used, "%c\"same\":%d", i == 0 ? '{' : ',', i);
    text[used++] = '}';
    found = canonical_of(text, used);
    assert_string_equal(found, "{\"same\":199999}");
    test_free(found);
    test_free(text);
    test_free(sorted);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples),
        cmocka_unit_test(test_numbers_of_doubles),
        cmocka_unit_test(test_equal),
        cmocka_unit_test(test_different),
        cmocka_unit_test(test_random_spellings),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_deep),
        cmocka_unit_test(test_wide),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
