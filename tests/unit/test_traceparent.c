/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include "page.h"
#include "value/traceparent.h"

#define GOOD "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

static bool is_valid(const char *bytes, size_t len)
{
    return tkr_traceparent_is_valid((tasker_text){at_page_end(bytes, len), len});
}

static void test_valid(void **state)
{
    static const char *const valid[] = {
        GOOD,
        "00-00000000000000000000000000000001-0000000000000001-00",
        "00-10000000000000000000000000000000-1000000000000000-ff",
        "00-ffffffffffffffffffffffffffffffff-ffffffffffffffff-00",
    };
    (void)state;
    for (size_t i = 0; i < sizeof valid / sizeof *valid; i++)
        assert_true(is_valid(valid[i], strlen(valid[i])));
}

static void test_invalid(void **state)
{
    static const char *const invalid[] = {
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01", /* no trace */
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", /* no parent */
        "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", /* another version */
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01", /* upper case */
        "00-4bf92f3577b34da6a3ce929d0e0e473-600f067aa0ba902b7-01",
        " 0-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        GOOD "-",
        GOOD "-extra",
        GOOD " ",
    };
    (void)state;
    for (size_t i = 0; i < sizeof invalid / sizeof *invalid; i++)
        assert_false(is_valid(invalid[i], strlen(invalid[i])));
    assert_false(tkr_traceparent_is_valid((tasker_text){NULL, 0}));
    assert_false(tkr_traceparent_is_valid((tasker_text){NULL, sizeof GOOD - 1}));
}

/* Every prefix, and every byte in every place: valid only where one hex digit stands for another. */
static void test_each_byte(void **state)
{
    static const char hex[] = "0123456789abcdef";
    (void)state;
    for (size_t len = 0; len < sizeof GOOD - 1; len++)
        assert_false(is_valid(GOOD, len));
    for (size_t i = 0; i < sizeof GOOD - 1; i++) {
        for (int byte = 0; byte < 256; byte++) {
            char text[] = GOOD;
            text[i] = (char)byte;
            bool digit = byte != 0 && strchr(hex, byte) != NULL && GOOD[i] != '-' && i >= 3;
            assert_int_equal(is_valid(text, sizeof GOOD - 1), digit || text[i] == GOOD[i]);
        }
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_valid),
        cmocka_unit_test(test_invalid),
        cmocka_unit_test(test_each_byte),
    };
    return cmocka_run_group_tests_name("traceparent", tests, NULL, NULL);
}
