/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <tasker/transition.h>
#include "page.h"
#include "value/json_members.h"
#include "value/text.h"

static const tasker_transition_facts *facts_of(const char *json)
{
    const tasker_transition_facts *facts = NULL;
    assert_int_equal(tasker_transition_read_facts(tasker_json_of(json), &facts), TASKER_OK);
    assert_non_null(facts);
    return facts;
}

static void assert_is(tasker_text text, const char *expected)
{
    assert_non_null(text.ptr);
    assert_int_equal(text.len, strlen(expected));
    assert_string_equal(text.ptr, expected);
}

static void test_every_fact(void **state)
{
    (void)state;
    const tasker_transition_facts *f = facts_of(
        " { \"event\" : \"fail\",\"actor\":\"w1\", \"error_message\":\"m\",\"error_type\":\"t\","
        "\"resolved_by\":\"r\",\"triggered_by\":\"g\",\"reason\":\"why\",\"attempt_number\":2,"
        "\"execution_duration\":1.25,\"backoff_seconds\":4,\"backoff_until\":\"2025-08-01T12:00:00.000001Z\","
        "\"retryable\":false,\"retry_available\":true,\"retry_attempt\":true, \"other\": [1, {\"a\": \"]}\"}] } ");
    assert_is(f->event, "fail");
    assert_is(f->actor, "w1");
    assert_is(f->error_message, "m");
    assert_is(f->error_type, "t");
    assert_is(f->resolved_by, "r");
    assert_is(f->triggered_by, "g");
    assert_is(f->reason, "why");
    assert_true(f->has_attempt_number && f->attempt_number == 2);
    assert_true(f->has_execution_duration && f->execution_duration == 1.25);
    assert_true(f->has_backoff_seconds && f->backoff_seconds == 4);
    assert_true(f->has_backoff_until && f->backoff_until.us == INT64_C(1754049600000001));
    assert_true(f->has_retryable && !f->retryable && f->retry_available && f->retry_attempt);
    tasker_free(f);
}

/* What is not there, or of another type, or below the top, is no fact. */
static void test_no_facts(void **state)
{
    (void)state;
    static const char *const cases[] = {
        NULL,
        "{}",
        "null",
        "[\"actor\"]",
        "\"actor\"",
        "7",
        "{\"inner\":{\"actor\":\"a\",\"attempt_number\":1}}",
        "{\"inner\":[{\"actor\":\"a\"}],\"x\":\"\\\"actor\\\":\"}",
        "{\"actor\":null,\"event\":1,\"reason\":{\"reason\":\"r\"},\"error_type\":[\"a\"],\"error_message\":true}",
        "{\"attempt_number\":\"1\",\"backoff_seconds\":1.5,\"execution_duration\":\"2\",\"backoff_until\":\"soon\"}",
        "{\"attempt_number\":2147483648,\"backoff_seconds\":-2147483649,\"execution_duration\":1e400}",
        "{\"retryable\":1,\"retry_available\":\"true\",\"retry_attempt\":null}",
        "{\"actor \":\"a\",\"Actor\":\"a\",\"\":\"a\",\"actor\\u0001\":\"a\"}",
        "{\"actor\":\"a\",\"actor\":1,\"attempt_number\":1,\"attempt_number\":\"x\"}",
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const tasker_transition_facts *f = facts_of(cases[i]), none = {0};
        assert_memory_equal(f, &none, sizeof none);
        tasker_free(f);
    }
}

static void test_values(void **state)
{
    (void)state;
    const tasker_transition_facts *f =
        facts_of("{\"attempt_number\":2147483647,\"backoff_seconds\":-0,\"execution_duration\":0.000001,"
                 "\"backoff_until\":\"1969-12-31t23:59:59.9999999+00:00\"}");
    assert_int_equal(f->attempt_number, INT32_MAX);
    assert_true(f->has_backoff_seconds && f->backoff_seconds == 0);
    assert_true(f->execution_duration == 0.000001);
    assert_true(f->backoff_until.us == -1);
    tasker_free(f);
    f = facts_of(
        "{\"attempt_number\":-2.147483648e9,\"backoff_seconds\":100e-2,\"actor\":\"first\",\"actor\":\"last\"}");
    assert_int_equal(f->attempt_number, INT32_MIN);
    assert_int_equal(f->backoff_seconds, 1);
    assert_is(f->actor, "last");
    tasker_free(f);
}

static void test_escapes(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"\"\"", ""},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t"},
        {"\"\\u0041\\u00e4\\u00E4\\u20ac\\uFFFF\"", "Aää€\xEF\xBF\xBF"},
        {"\"\\ud83d\\ude00 \\uD800\\uDC00 \\uDBFF\\uDFFF\"", "😀 \xF0\x90\x80\x80 \xF4\x8F\xBF\xBF"},
        {"\"\\u0001\\u007f\\u0080\\u07ff\\u0800\"", "\x01\x7f\xC2\x80\xDF\xBF\xE0\xA0\x80"},
        {"\"}]{[,:\"", "}]{[,:"},
        {"\"\\\\\"", "\\"},
        {"\"\\\\u0041\"", "\\u0041"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char json[256];
        snprintf(json, sizeof json, "{\"re\\u0061son\":%s,\"\\u0061\\u0063\\u0074\\u006f\\u0072\":%s}", cases[i][0],
                 cases[i][0]);
        const tasker_transition_facts *f = facts_of(json);
        assert_is(f->reason, cases[i][1]);
        assert_is(f->actor, cases[i][1]);
        tasker_free(f);
    }
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const cases[] = {"",
                                        "{",
                                        "{\"actor\":}",
                                        "{\"actor\":\"\\u0000\"}",
                                        "x",
                                        "{} {}",
                                        "{\"actor\":\"\\ud800\"}",
                                        "{\"actor\":\"\xff\"}",
                                        "]",
                                        "{\"a\" 1}",
                                        "{\"actor\":\"a",
                                        "{'actor':1}"};
    for (size_t i = 0; i < COUNT(cases); i++) {
        const tasker_transition_facts *f = (const void *)cases;
        char out[TASKER_TRANSITION_TEXT_SIZE] = "kept";
        assert_int_equal(tasker_transition_read_facts(tasker_json_of(cases[i]), &f), TASKER_INVALID_ARGUMENT);
        assert_null(f);
        assert_int_equal(tasker_transition_describe(TASKER_STATE_NONE, TASKER_STATE_PENDING, tasker_json_of(cases[i]),
                                                    sizeof out, out),
                         TASKER_INVALID_ARGUMENT);
        assert_string_equal(out, "kept");
    }
    assert_int_equal(tasker_transition_read_facts(tasker_json_of("{}"), NULL), TASKER_INVALID_ARGUMENT);
}

/* TASKER_CLEAR counts as absent where nothing is updated. */
static void test_clear(void **state)
{
    (void)state;
    const tasker_json clear = TASKER_CLEAR;
    const tasker_transition_facts *facts = NULL;
    assert_int_equal(tasker_transition_read_facts(clear, &facts), TASKER_OK);
    assert_null(facts->actor.ptr);
    tasker_free(facts);
}

/* Views into memory that ends where they end. */
static void test_at_the_end_of_memory(void **state)
{
    (void)state;
    static const char json[] = "{\"actor\":\"\\ud83d\\ude00\",\"attempt_number\":12}";
    for (size_t length = 0; length < sizeof json; length++) {
        const tasker_transition_facts *f = NULL;
        tasker_json view = {at_page_end(json, length), length};
        tasker_status status = tasker_transition_read_facts(view, &f);
        assert_int_equal(status, length == sizeof json - 1 ? TASKER_OK : TASKER_INVALID_ARGUMENT);
        tasker_free(f);
    }
}

/* ---- sentences ---- */

static const struct {
    tasker_state from, to;
    const char *metadata, *sentence;
} sentences[] = {
    {TASKER_STATE_NONE, TASKER_STATE_PENDING, NULL, "Created."},
    {TASKER_STATE_ERROR, TASKER_STATE_PENDING, "{\"retry_attempt\":true,\"actor\":\"w\"}",
     "Made ready to be tried again."},
    {TASKER_STATE_ERROR, TASKER_STATE_PENDING, "{\"actor\":\"ann\",\"reason\":\"card replaced\"}",
     "Made ready to be tried again by ann: card replaced."},
    {TASKER_STATE_PENDING, TASKER_STATE_ENQUEUED, "{\"actor\":\"o1\"}", "Enqueued by o1."},
    {TASKER_STATE_PENDING, TASKER_STATE_IN_PROGRESS, "[]", "Started."},
    {TASKER_STATE_ENQUEUED, TASKER_STATE_IN_PROGRESS, "{\"attempt_number\":2,\"actor\":\"w1\"}",
     "Started attempt 2 by w1."},
    {TASKER_STATE_IN_PROGRESS, TASKER_STATE_COMPLETE, "{}", "Completed."},
    {TASKER_STATE_IN_PROGRESS, TASKER_STATE_COMPLETE, "{\"execution_duration\":1.0496,\"actor\":\"w1\"}",
     "Completed after 1.050 s by w1."},
    {TASKER_STATE_IN_PROGRESS, TASKER_STATE_COMPLETE, "{\"execution_duration\":-1}", "Completed."},
    {TASKER_STATE_IN_PROGRESS, TASKER_STATE_ERROR, NULL, "Failed."},
    {TASKER_STATE_IN_PROGRESS, TASKER_STATE_ERROR,
     "{\"attempt_number\":2,\"error_type\":\"Timeout\",\"error_message\":\"no answer\",\"retry_available\":true,"
     "\"backoff_seconds\":4}",
     "Failed on attempt 2 (Timeout): no answer; to be tried again after 4 s."},
    {TASKER_STATE_PENDING, TASKER_STATE_ERROR, "{\"error_message\":\"Why?\",\"retry_available\":false}",
     "Failed: Why?"},
    {TASKER_STATE_PENDING, TASKER_STATE_ERROR, "{\"reason\":\"two\\nlines\\u0007\",\"retry_available\":true}",
     "Failed: two lines ; to be tried again."},
    {TASKER_STATE_PENDING, TASKER_STATE_CANCELLED, "{\"triggered_by\":\"ops\",\"actor\":\"x\",\"reason\":\"done.\"}",
     "Cancelled by ops: done."},
    {TASKER_STATE_ERROR, TASKER_STATE_RESOLVED_MANUALLY, "{\"resolved_by\":\"\",\"actor\":\"ann\"}",
     "Resolved manually by ann."},
};

static void test_sentences(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(sentences); i++) {
        size_t needed = strlen(sentences[i].sentence) + 1;
        tasker_json metadata = tasker_json_of(sentences[i].metadata);
        char *out = malloc(needed);
        assert_non_null(out);
        memset(out, 'x', needed);
        assert_int_equal(tasker_transition_describe(sentences[i].from, sentences[i].to, metadata, needed - 1, out),
                         TASKER_TOO_LONG);
        assert_int_equal(tasker_transition_describe(sentences[i].from, sentences[i].to, metadata, 0, out),
                         TASKER_TOO_LONG);
        assert_true(out[0] == 'x');
        assert_int_equal(tasker_transition_describe(sentences[i].from, sentences[i].to, metadata, needed, out),
                         TASKER_OK);
        assert_string_equal(out, sentences[i].sentence);
        free(out);
    }
}

/* The longest that there is, from texts of many bytes each: cut, still UTF-8, and with its end. */
static void test_longest_sentence(void **state)
{
    (void)state;
    static char json[100000];
    char out[TASKER_TRANSITION_TEXT_SIZE];
    for (tasker_state to = TASKER_STATE_PENDING; to <= TASKER_STATE_RESOLVED_MANUALLY; to++) {
        static const char *const keys[] = {"error_message", "error_type",  "reason",
                                           "actor",         "resolved_by", "triggered_by"};
        char *at = json;
        at += sprintf(at, "{\"attempt_number\":-2147483648,\"backoff_seconds\":-2147483648,\"retry_available\":true,"
                          "\"execution_duration\":999999999");
        for (size_t k = 0; k < COUNT(keys); k++) {
            at += sprintf(at, ",\"%s\":\"", keys[k]);
            for (int i = 0; i < 1000; i++)
                at += sprintf(at, "\\ud83d\\ude00");
            *at++ = '"';
        }
        strcpy(at, "}");
        memset(out, 0, sizeof out);
        assert_int_equal(tasker_transition_describe(TASKER_STATE_ERROR, to, tasker_json_of(json), sizeof out, out),
                         TASKER_OK);
        assert_true(strlen(out) > 6 && out[strlen(out) - 1] == '.');
        assert_true(tkr_utf8_valid(out, strlen(out), NULL));
    }
}

static void test_states_that_are_none(void **state)
{
    (void)state;
    char out[TASKER_TRANSITION_TEXT_SIZE];
    static const int wrong[] = {-1, 8, INT32_MAX, INT32_MIN};
    tasker_json none = {NULL, 0};
    for (size_t i = 0; i < COUNT(wrong); i++) {
        tasker_state state_of = (tasker_state)wrong[i];
        assert_int_equal(tasker_transition_describe(state_of, TASKER_STATE_ERROR, none, sizeof out, out),
                         TASKER_INVALID_ARGUMENT);
        assert_int_equal(tasker_transition_describe(TASKER_STATE_ERROR, state_of, none, sizeof out, out),
                         TASKER_INVALID_ARGUMENT);
    }
    assert_int_equal(tasker_transition_describe(TASKER_STATE_ERROR, TASKER_STATE_NONE, none, sizeof out, out),
                     TASKER_INVALID_ARGUMENT);
    assert_int_equal(tasker_transition_describe(TASKER_STATE_NONE, TASKER_STATE_PENDING, none, sizeof out, NULL),
                     TASKER_INVALID_ARGUMENT);
}

/* ---- what lies below ---- */

static void test_numbers(void **state)
{
    (void)state;
    static const char *const exact[] = {"0",
                                        "-0",
                                        "1",
                                        "-1.5",
                                        "123456789012345678",
                                        "0.1",
                                        "3.723",
                                        "1e22",
                                        "1E+5",
                                        "12.50e-1",
                                        "0.001234",
                                        "1e-22",
                                        "9007199254740993",
                                        "0.30000000000000004",
                                        "1e0",
                                        "100000000000000000000",
                                        "0e999999999999"};
    double read;
    for (size_t i = 0; i < COUNT(exact); i++) {
        assert_true(tkr_json_read_number(tasker_json_of(exact[i]), &read));
        assert_true(read == strtod(exact[i], NULL));
    }
    static const char *const near[] = {"1.7976931348623157e308", "123456789012345678901234567890e-40"};
    for (size_t i = 0; i < COUNT(near); i++) {
        assert_true(tkr_json_read_number(tasker_json_of(near[i]), &read));
        double expected = strtod(near[i], NULL), apart = read > expected ? read - expected : expected - read;
        assert_true(apart <= expected * 1e-15);
    }
    assert_true(tkr_json_read_number(tasker_json_of("1e-999999999999"), &read) && read == 0);
    assert_false(tkr_json_read_number(tasker_json_of("1e309"), &read));
    assert_false(tkr_json_read_number(tasker_json_of("-1e999999999999"), &read));
    assert_false(tkr_json_read_number(tasker_json_of("true"), &read));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_fact),
        cmocka_unit_test(test_no_facts),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_escapes),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_clear),
        cmocka_unit_test(test_at_the_end_of_memory),
        cmocka_unit_test(test_sentences),
        cmocka_unit_test(test_longest_sentence),
        cmocka_unit_test(test_states_that_are_none),
        cmocka_unit_test(test_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
