/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include "page.h"
#include "value/queue_name.h"

static tasker_status check(const char *name)
{
    tasker_error error = {.item = -1};
    tasker_status status = tkr_queue_name_check(tasker_text_of(name), &error);
    assert_int_equal(error.status, status);
    return status;
}

static void test_names(void **state)
{
    static const char *const good[] = {"a",    "a1",           "z_",
                                       "a__b", "orders_queue", "a23456789012345678901234567890123456789012345_7"};
    static const char *const bad[] = {"",          "A",      "1a",  "_a",
                                      "a-b",       "a b",    "a.b", "a\"b",
                                      "a;b",       "Orders", "a\n", "\xc3\xa4",
                                      "a\xc3\xa4", "a{b}",   "a`b", "a@b",
                                      "a[b",       "a/b",    "a:b", "a234567890123456789012345678901234567890123456_8"};
    (void)state;
    for (size_t i = 0; i < COUNT(good); i++)
        assert_int_equal(check(good[i]), TASKER_OK);
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_int_equal(check(bad[i]), TASKER_INVALID_ARGUMENT);
    assert_int_equal(tkr_queue_name_check((tasker_text){NULL, 5}, NULL), TASKER_INVALID_ARGUMENT);
    assert_int_equal(tkr_queue_name_check((tasker_text){"a\0b", 3}, NULL), TASKER_INVALID_ARGUMENT);
}

/* The byte that is told is the first that does not belong. */
static void test_bad_byte(void **state)
{
    static const struct {
        const char *name, *part;
    } cases[] = {{"Abc", "byte 0 "},
                 {"abC", "byte 2 "},
                 {"", "byte 0 "},
                 {"a234567890123456789012345678901234567890123456_8", "byte 47 "}};
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        tasker_error error;
        assert_int_equal(tkr_queue_name_check(tasker_text_of(cases[i].name), &error), TASKER_INVALID_ARGUMENT);
        assert_non_null(strstr(error.message, cases[i].part));
    }
}

/* Nothing behind the name is read. */
static void test_end(void **state)
{
    (void)state;
    assert_int_equal(tkr_queue_name_check((tasker_text){at_page_end("orders", 6), 6}, NULL), TASKER_OK);
}

static void test_of_namespace(void **state)
{
    char out[TKR_QUEUE_NAME_SIZE] = "untouched";
    static const char *const bad[] = {"",
                                      "Orders",
                                      "order fulfillment",
                                      "a23456789012345678901234567890123456789012",
                                      "task_requests",
                                      "task_processing",
                                      "batch_results",
                                      "orchestration",
                                      "orchestration_2"};
    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_int_equal(tkr_queue_name_of_namespace(tasker_text_of(bad[i]), out, NULL), TASKER_INVALID_ARGUMENT);
    assert_string_equal(out, "untouched");
    assert_int_equal(tkr_queue_name_of_namespace(tasker_text_of("orders"), out, NULL), TASKER_OK);
    assert_string_equal(out, "orders_queue");
    assert_int_equal(tkr_queue_name_of_namespace(tasker_text_of("task_request"), out, NULL), TASKER_OK);
    assert_int_equal(
        tkr_queue_name_of_namespace(tasker_text_of("a2345678901234567890123456789012345678901"), out, NULL), TASKER_OK);
    assert_string_equal(out, "a2345678901234567890123456789012345678901_queue");
}

static void test_ready_channel(void **state)
{
    char out[TKR_CHANNEL_SIZE];
    (void)state;
    tkr_ready_channel("public", out);
    assert_string_equal(out, "tasker_ready");
    tkr_ready_channel("x", out);
    assert_string_equal(out, "tasker_ready_x");
    tkr_ready_channel("a2345678901234567890123456789012345678901234567890", out);
    assert_string_equal(out, "tasker_ready_a2345678901234567890123456789012345678901234567890");
    tkr_ready_channel("a23456789012345678901234567890123456789012345678901", out);
    assert_string_equal(out, "tasker_ready_a2345678901234567890123456789012345678901234567890");
    tkr_ready_channel("a234567890123456789012345678901234567890123456789\xc3\xa4", out); /* not half a letter */
    assert_string_equal(out, "tasker_ready_a234567890123456789012345678901234567890123456789");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),        cmocka_unit_test(test_bad_byte),      cmocka_unit_test(test_end),
        cmocka_unit_test(test_of_namespace), cmocka_unit_test(test_ready_channel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
