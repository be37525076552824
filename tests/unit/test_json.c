/* SPDX-License-Identifier: MIT */
/* What is JSON, and what of it the database can store. Limits are in test_json_limits.c. */
#include "unit.h"

#include "page.h"
#include "tasker/json.h"

#define NOWHERE SIZE_MAX

/* The offset named at the end of the message. */
static size_t offset_of(const tasker_error *error)
{
    const char *at = strstr(error->message, " at byte ");
    return at == NULL ? NOWHERE : strtoul(at + 9, NULL, 10);
}

static tasker_status check(tasker_json json, tasker_error *error)
{
    memset(error, 0x55, sizeof *error);
    tasker_json copy = {at_page_end(json.ptr, json.len), json.len};
    return tasker_json_check(copy, TASKER_JSON_SHAPE_ANY, NULL, error);
}

static const tasker_json good[] = {
    /* values alone */
    TASKER_JSON("null"),
    TASKER_JSON("true"),
    TASKER_JSON("false"),
    TASKER_JSON("0"),
    TASKER_JSON("-0"),
    TASKER_JSON("7"),
    TASKER_JSON("-12"),
    TASKER_JSON("1234567890123456789012345678901234567890"),
    TASKER_JSON("0.0"),
    TASKER_JSON("0.5"),
    TASKER_JSON("-10.25"),
    TASKER_JSON("1e5"),
    TASKER_JSON("1E5"),
    TASKER_JSON("1e+5"),
    TASKER_JSON("1e-5"),
    TASKER_JSON("0e0"),
    TASKER_JSON("1.5e0010"),
    TASKER_JSON("\"\""),
    TASKER_JSON("\"text\""),
    TASKER_JSON("[]"),
    TASKER_JSON("{}"),
    /* space */
    TASKER_JSON(" \t\r\n null \t\r\n "),
    TASKER_JSON("[ ]"),
    TASKER_JSON("{\n}"),
    TASKER_JSON(" { \"a\" : [ 1 , 2 ] , \"b\" : null } "),
    /* containers */
    TASKER_JSON("[1]"),
    TASKER_JSON("[1,\"2\",true,null,{},[]]"),
    TASKER_JSON("[[[[[[[[[[1]]]]]]]]]]"),
    TASKER_JSON("[[],{},[{}],{\"a\":[]}]"),
    TASKER_JSON("{\"a\":1}"),
    TASKER_JSON("{\"\":1}"),
    TASKER_JSON("{\"a\":1,\"a\":2}"),
    TASKER_JSON("{\"a\":{\"b\":{\"c\":[{\"d\":0}]}}}"),
    /* strings */
    TASKER_JSON("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""),
    TASKER_JSON("\"\\u0001\\u001f\\u007F\""),
    TASKER_JSON("\"\\u00e9\\u00E9\\u20AC\\uFFFF\\ud7ff\\ue000\""),
    TASKER_JSON("\"\\ud83d\\ude00\""),
    TASKER_JSON("\"\\uD800\\uDC00\\uDBFF\\uDFFF\""),
    TASKER_JSON("\"\\\\u0000\""),
    TASKER_JSON("\"\x7F caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80 \xF4\x8F\xBF\xBF\""),
    TASKER_JSON("\"<script>{}[],:' true\""),
    TASKER_JSON("{\"caf\xC3\xA9\\n\":0}"),
    /* numbers at the edge of numeric */
    TASKER_JSON("1e131071"),
    TASKER_JSON("-9.99e131071"),
    TASKER_JSON("10e131070"),
    TASKER_JSON("0.1e131072"),
    TASKER_JSON("0.001e131074"),
    TASKER_JSON("0e131072"),
    TASKER_JSON("0.0e1000000000"),
    TASKER_JSON("1e-16383"),
    TASKER_JSON("0.1e-16382"),
    TASKER_JSON("0e-16383"),
    TASKER_JSON("1.23e00000000000000000000000000001"),
};

static const struct {
    size_t offset;
    tasker_json json;
} bad[] = {
    /* nothing, or too much */
    {0, TASKER_JSON("")},
    {1, TASKER_JSON(" ")},
    {2, TASKER_JSON("1 2")},
    {4, TASKER_JSON("nullx")},
    {5, TASKER_JSON("null null")},
    {2, TASKER_JSON("{}}")},
    {2, TASKER_JSON("[]]")},
    {1, TASKER_JSON("1,")},
    {4, TASKER_JSON("null\0")},
    {0, TASKER_JSON("\0")},
    {0, TASKER_JSON("\xEF\xBB\xBF{}")},
    /* words */
    {0, TASKER_JSON("nul")},
    {0, TASKER_JSON("True")},
    {0, TASKER_JSON("NULL")},
    {0, TASKER_JSON("NaN")},
    {0, TASKER_JSON("Infinity")},
    {0, TASKER_JSON("undefined")},
    {0, TASKER_JSON("fals3")},
    {4, TASKER_JSON("truefalse")},
    {0, TASKER_JSON("'a'")},
    {0, TASKER_JSON("/**/1")},
    {2, TASKER_JSON("1 // one")},
    {0, TASKER_JSON("\v1")},
    {0, TASKER_JSON("\xC2\xA0"
                    "1")},
    {0, TASKER_JSON("abc")},
    /* numbers */
    {1, TASKER_JSON("-")},
    {1, TASKER_JSON("-a")},
    {0, TASKER_JSON("+1")},
    {0, TASKER_JSON("01")},
    {1, TASKER_JSON("-012")},
    {0, TASKER_JSON("00")},
    {0, TASKER_JSON(".5")},
    {2, TASKER_JSON("1.")},
    {2, TASKER_JSON("1.e5")},
    {2, TASKER_JSON("1e")},
    {3, TASKER_JSON("1e+")},
    {3, TASKER_JSON("1E-x")},
    {3, TASKER_JSON("1e5.0")},
    {1, TASKER_JSON("0x10")},
    {1, TASKER_JSON("1_000")},
    {1, TASKER_JSON("--1")},
    {1, TASKER_JSON("-Infinity")},
    /* arrays */
    {1, TASKER_JSON("[")},
    {2, TASKER_JSON("[1")},
    {3, TASKER_JSON("[1,")},
    {3, TASKER_JSON("[1,]")},
    {1, TASKER_JSON("[,1]")},
    {3, TASKER_JSON("[1,,2]")},
    {3, TASKER_JSON("[1 2]")},
    {2, TASKER_JSON("[1}")},
    {1, TASKER_JSON("[}")},
    {0, TASKER_JSON("]")},
    {2, TASKER_JSON("[1:2]")},
    /* objects */
    {1, TASKER_JSON("{")},
    {4, TASKER_JSON("{\"a\"")},
    {5, TASKER_JSON("{\"a\":")},
    {6, TASKER_JSON("{\"a\":1")},
    {5, TASKER_JSON("{\"a\":}")},
    {4, TASKER_JSON("{\"a\"}")},
    {5, TASKER_JSON("{\"a\" 1}")},
    {7, TASKER_JSON("{\"a\":1,}")},
    {1, TASKER_JSON("{,}")},
    {1, TASKER_JSON("{a:1}")},
    {1, TASKER_JSON("{1:1}")},
    {1, TASKER_JSON("{null:1}")},
    {6, TASKER_JSON("{\"a\":1]")},
    {7, TASKER_JSON("{\"a\":1 \"b\":2}")},
    {5, TASKER_JSON("{\"a\"::1}")},
    {4, TASKER_JSON("{\"a\",1}")},
    {1, TASKER_JSON("{]")},
    {0, TASKER_JSON("}")},
    {7, TASKER_JSON("[{\"a\":1],2}")},
    /* strings */
    {1, TASKER_JSON("\"")},
    {4, TASKER_JSON("\"abc")},
    {3, TASKER_JSON("\"ab\nc\"")},
    {1, TASKER_JSON("\"\t\"")},
    {2, TASKER_JSON("\"a\0b\"")},
    {9, TASKER_JSON("\"12345678\x1F\"")},
    {1, TASKER_JSON("\"\\")},
    {1, TASKER_JSON("\"\\\0\"")},
    {1, TASKER_JSON("\"\\a\"")},
    {1, TASKER_JSON("\"\\'\"")},
    {1, TASKER_JSON("\"\\x41\"")},
    {1, TASKER_JSON("\"\\U0041\"")},
    {1, TASKER_JSON("\"\\u\"")},
    {1, TASKER_JSON("\"\\u004\"")},
    {1, TASKER_JSON("\"\\u00g0\"")},
    {1, TASKER_JSON("\"\\u 041\"")},
    {3, TASKER_JSON("\"ok\\u0000\"")},
    {7, TASKER_JSON("{\"ok\":\"\\u0000\"}")},
    {2, TASKER_JSON("{\"\\u0000\":1}")},
    {1, TASKER_JSON("\"\\ud800\"")},
    {1, TASKER_JSON("\"\\ud83dx\"")},
    {1, TASKER_JSON("\"\\ud83d\\n\"")},
    {1, TASKER_JSON("\"\\ud83d\\u0041\"")},
    {1, TASKER_JSON("\"\\ud83d\\ud83d\\ude00\"")},
    {1, TASKER_JSON("\"\\ud83d\\ue000\"")},
    {1, TASKER_JSON("\"\\ud83d\\udbff\"")},
    {1, TASKER_JSON("\"\\udc00\"")},
    {13, TASKER_JSON("\"\\ud83d\\ude00\\ude00\"")},
    {1, TASKER_JSON("\"\\ude00\\ud83d\"")},
    {1, TASKER_JSON("\"\xFF\"")},
    {1, TASKER_JSON("\"\xC0\x80\"")},
    {1, TASKER_JSON("\"\xE0\x80\xAF\"")},
    {2, TASKER_JSON("\"a\xED\xA0\x80\"")},
    {1, TASKER_JSON("\"\xF4\x90\x80\x80\"")},
    {4, TASKER_JSON("\"caf\xC3\"")},
    {17, TASKER_JSON("\"0123456789abcdef\x80\"")},
    {1, TASKER_JSON("[\xC3\xA9]")},
    /* numbers numeric cannot hold */
    {0, TASKER_JSON("1e131072")},
    {0, TASKER_JSON("-1e131072")},
    {0, TASKER_JSON("10e131071")},
    {0, TASKER_JSON("0.1e131073")},
    {0, TASKER_JSON("1e-16384")},
    {0, TASKER_JSON("0.1e-16383")},
    {0, TASKER_JSON("0e-16384")},
    {0, TASKER_JSON("1e1073741823")},
    {0, TASKER_JSON("0e1073741823")},
    {0, TASKER_JSON("0e-1073741823")},
    {0, TASKER_JSON("1e99999999999999999999999999")},
    {0, TASKER_JSON("1e-99999999999999999999999999")},
    {1, TASKER_JSON("[1e400000,1]")},
};

static void good_texts_are_accepted(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(good); i++) {
        tasker_error error;
        if (check(good[i], &error) != TASKER_OK)
            fail_msg("%s: %s", good[i].ptr, error.message);
        assert_int_equal(error.status, TASKER_OK);
        assert_string_equal(error.message, "");
    }
}

static void bad_texts_are_refused_at_their_offset(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        tasker_error error;
        tasker_status status = check(bad[i].json, &error);
        if (status != TASKER_INVALID_ARGUMENT || offset_of(&error) != bad[i].offset)
            fail_msg("%s: %d, %s", bad[i].json.ptr, (int)status, error.message);
        assert_int_equal(error.status, status);
        assert_int_equal(error.item, -1);
        assert_string_equal(error.sqlstate, "");
        assert_string_equal(error.statement, "");
        assert_int_equal(tasker_json_check(bad[i].json, TASKER_JSON_SHAPE_ANY, NULL, NULL), status);
    }
}

/* Both lists once more, each text as an item and as a value: what is wrong alone is wrong inside. */
static void the_same_holds_inside_containers(void **state)
{
    (void)state;
    static const char *const around[][2] = {{"[0,", ",0]"}, {"{\"key\":", ",\"k\":[]}"}};
    for (size_t i = 0; i < COUNT(good) + COUNT(bad); i++) {
        tasker_json json = i < COUNT(good) ? good[i] : bad[i - COUNT(good)].json;
        if (i < COUNT(good) && strstr(json.ptr, "[[[[[[[[[[") != NULL)
            continue; /* is as deep as it may be */
        for (size_t a = 0; a < COUNT(around); a++) {
            char text[512];
            size_t before = strlen(around[a][0]), after = strlen(around[a][1]);
            memcpy(text, around[a][0], before);
            memcpy(text + before, json.ptr, json.len);
            memcpy(text + before + json.len, around[a][1], after);
            tasker_error error;
            tasker_status status = check((tasker_json){text, before + json.len + after}, &error);
            if ((status == TASKER_OK) != (i < COUNT(good)))
                fail_msg("%s in %s: %d, %s", json.ptr, around[a][0], (int)status, error.message);
        }
    }
}

/* ==== All cuts and all changed bytes of one document with everything in it */

static const char document[] =
    " {\"order\\u20ac\\ud83d\\ude00\": [ -1.5e-10, 0, 1234567.25 ,true,false,null, \"caf\xC3\xA9 "
    "\xE2\x82\xAC \xF0\x9F\x98\x80 and a plain part\\n\" , {} , [ ] ] ,"
    "\"nested\":{\"a\":{\"b\":[[\"\\\\\\\"\"],{\"c\":-0}]}}, \"\":\"\"} ";

static void every_cut_document_is_refused(void **state)
{
    (void)state;
    size_t len = sizeof document - 1;
    for (size_t cut = 0; cut <= len; cut++) {
        tasker_error error;
        tasker_status status = check((tasker_json){document, cut}, &error);
        assert_int_equal(status, cut >= len - 1 ? TASKER_OK : TASKER_INVALID_ARGUMENT);
        if (status != TASKER_OK)
            assert_true(offset_of(&error) <= cut);
    }
}

static void every_changed_byte_gets_an_answer(void **state)
{
    (void)state;
    char text[sizeof document];
    size_t refused = 0;
    memcpy(text, document, sizeof document);
    for (size_t i = 0; i < sizeof document - 1; i++) {
        for (int byte = 0; byte < 256; byte++) {
            text[i] = (char)byte;
            tasker_error error;
            tasker_status status = check((tasker_json){text, sizeof document - 1}, &error);
            assert_true(status == TASKER_OK || status == TASKER_INVALID_ARGUMENT);
            if (status != TASKER_OK)
                assert_true(offset_of(&error) <= sizeof document - 1);
            refused += status != TASKER_OK;
            /* Nothing in it may be a control character but space. */
            if (byte < 0x20 && byte != '\t' && byte != '\n' && byte != '\r')
                assert_int_equal(status, TASKER_INVALID_ARGUMENT);
        }
        text[i] = document[i];
    }
    assert_true(refused > 10000);
}

/* ==== Shapes and what is not a text at all */

static void shapes(void **state)
{
    (void)state;
    static const tasker_json values[] = {TASKER_JSON(" {\"a\":[]}"), TASKER_JSON("\n[{}]"), TASKER_JSON("\"{}\""),
                                         TASKER_JSON("null"), TASKER_JSON("1")};
    for (size_t i = 0; i < COUNT(values); i++) {
        for (int shape = -1; shape < 6; shape++) {
            bool fits = shape == TASKER_JSON_SHAPE_ANY || (shape == TASKER_JSON_SHAPE_OBJECT && i == 0) ||
                        (shape == TASKER_JSON_SHAPE_ARRAY && i == 1) || (shape == TASKER_JSON_SHAPE_CONTAINER && i < 2);
            tasker_error error;
            tasker_status status = tasker_json_check(values[i], (tasker_json_shape)shape, NULL, &error);
            assert_int_equal(status, fits ? TASKER_OK : TASKER_INVALID_ARGUMENT);
            if (!fits)
                assert_int_equal(offset_of(&error), i == 0 || i == 1 ? 1 : 0);
        }
    }
}

static void absent_and_cleared_are_no_json(void **state)
{
    (void)state;
    tasker_error error;
    tasker_json cleared = TASKER_CLEAR;
    assert_int_equal(check(cleared, &error), TASKER_INVALID_ARGUMENT);
    for (size_t len = 0; len < 20; len += 10) {
        tasker_json absent = {NULL, len};
        assert_int_equal(tasker_json_check(absent, TASKER_JSON_SHAPE_ANY, NULL, &error), TASKER_INVALID_ARGUMENT);
        assert_string_equal(error.message, "JSON: it is absent");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_texts_are_accepted),           cmocka_unit_test(bad_texts_are_refused_at_their_offset),
        cmocka_unit_test(the_same_holds_inside_containers),  cmocka_unit_test(every_cut_document_is_refused),
        cmocka_unit_test(every_changed_byte_gets_an_answer), cmocka_unit_test(shapes),
        cmocka_unit_test(absent_and_cleared_are_no_json),
    };
    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
