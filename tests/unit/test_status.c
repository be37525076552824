/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include "tasker/status.h"
#include "tasker/version.h"
#include "value/error.h"
#include "value/limits.h"
#include "value/text.h"

/* The second list: all numbers and names as published, and the predicates. */
static const struct {
    int number;
    const char *name;
    bool done, transient;
} known[] = {
    {0, "OK", true, false},
    {1, "NOOP", true, false},
    {2, "QUEUED", false, false},
    {3, "AGAIN", false, false},
    {10, "NOT_FOUND", false, false},
    {11, "CONFLICT", false, false},
    {12, "INVALID_TRANSITION", false, false},
    {13, "GUARD_FAILED", false, false},
    {14, "DUPLICATE", false, false},
    {20, "INVALID_ARGUMENT", false, false},
    {21, "TOO_LONG", false, false},
    {22, "LIMIT_EXCEEDED", false, false},
    {23, "BUSY", false, false},
    {24, "UNSUPPORTED", false, false},
    {30, "UNKNOWN_STEP", false, false},
    {31, "DUPLICATE_STEP", false, false},
    {32, "SELF_EDGE", false, false},
    {33, "DUPLICATE_EDGE", false, false},
    {34, "FOREIGN_EDGE", false, false},
    {35, "CYCLE", false, false},
    {40, "REFERENCE_MISSING", false, false},
    {41, "STILL_REFERENCED", false, false},
    {42, "CHECK_FAILED", false, false},
    {43, "DENIED", false, false},
    {44, "RETRY", false, true},
    {50, "TIMEOUT", false, true},
    {51, "CANCELLED", false, true},
    {52, "INTERRUPTED", false, true},
    {53, "DISCONNECTED", false, true},
    {54, "IN_DOUBT", false, true},
    {55, "TAINTED", false, true},
    {56, "FORKED", false, false},
    {60, "SCHEMA_MISMATCH", false, false},
    {61, "NO_QUEUE", false, false},
    {70, "OUT_OF_MEMORY", false, false},
    {71, "NO_ENTROPY", false, false},
    {72, "BAD_CLOCK", false, false},
    {73, "PROTOCOL", false, false},
    {74, "DATABASE", false, false},
};

static void every_number_is_a_known_status_or_none(void **state)
{
    (void)state;
    size_t next = 0;
    for (int number = -2; number < 1000; number++) {
        tasker_status status = (tasker_status)number;
        bool is_known = next < COUNT(known) && known[next].number == number;
        assert_string_equal(tasker_status_name(status), is_known ? known[next].name : "UNKNOWN");
        assert_int_equal(tasker_status_is_done(status), is_known && known[next].done);
        assert_int_equal(tasker_status_is_transient(status), is_known && known[next].transient);
        next += is_known;
    }
    assert_int_equal(next, COUNT(known));
}

static void every_text_is_one_sentence_of_its_own(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(known); i++) {
        const char *text = tasker_status_text((tasker_status)known[i].number);
        size_t len = strlen(text);
        assert_true(len > 10 && len < 120);
        assert_true(text[0] >= 'A' && text[0] <= 'Z');
        assert_int_equal(text[len - 1], '.');
        assert_true(strpbrk(text, "\n\t%") == NULL);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(text, tasker_status_text((tasker_status)known[j].number));
    }
    assert_string_equal(tasker_status_text((tasker_status)75), tasker_status_text((tasker_status)-1));
}

static void version_is_that_of_the_headers(void **state)
{
    (void)state;
    assert_string_equal(tasker_version(), TASKER_VERSION);
    assert_int_equal(tasker_abi_version(), TASKER_ABI_VERSION);
}

static void clear_makes_every_member_read_as_new(void **state)
{
    (void)state;
    tasker_error error;
    memset(&error, 0x55, sizeof error);
    tkr_error_clear(&error);
    assert_int_equal(error.status, TASKER_OK);
    assert_int_equal(error.reserved, 0);
    assert_int_equal(error.item, -1);
    assert_int_equal(error.commit.xid, 0);
    for (size_t i = 0; i < sizeof error.key.bytes; i++)
        assert_int_equal(error.key.bytes[i], 0);
    assert_string_equal(error.sqlstate, "");
    assert_string_equal(error.statement, "");
    assert_string_equal(error.constraint, "");
    assert_string_equal(error.table, "");
    assert_string_equal(error.column, "");
    assert_string_equal(error.message, "");
    tkr_error_clear(NULL);
}

static void set_touches_status_and_message_only(void **state)
{
    (void)state;
    tasker_error error, before;
    memset(&error, 0x55, sizeof error);
    before = error;
    assert_int_equal(tkr_error_set(&error, TASKER_TOO_LONG, "name: %d bytes\nof %s", 300, "255"), TASKER_TOO_LONG);
    assert_int_equal(error.status, TASKER_TOO_LONG);
    assert_string_equal(error.message, "name: 300 bytes of 255");
    size_t from = offsetof(tasker_error, sqlstate), to = offsetof(tasker_error, message);
    assert_memory_equal((const char *)&error + from, (const char *)&before + from, to - from);
    assert_int_equal(tkr_error_set(NULL, TASKER_BUSY, "nobody reads %s", "this"), TASKER_BUSY);
}

/* Texts of every width around the cut: the message fills up, stays valid and ends between two characters. */
static void long_messages_are_cut_between_characters(void **state)
{
    (void)state;
    static const char *const units[] = {"x",        "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80",
                                        "\xC2\x85", "\xFF",     "\xE2\x80\xA8"};
    char text[8000];
    for (size_t u = 0; u < COUNT(units); u++) {
        for (size_t lead = 0; lead < 5; lead++) {
            size_t len = 0, unit = strlen(units[u]);
            memset(text, 'a', lead);
            for (len = lead; len + unit < sizeof text; len += unit)
                memcpy(text + len, units[u], unit);
            text[len] = '\0';
            tasker_error error;
            tkr_error_clear(&error);
            tkr_error_set(&error, TASKER_DATABASE, "%s", text);
            size_t used = strlen(error.message);
            assert_true(used >= sizeof error.message - 4 && used < sizeof error.message);
            assert_true(tkr_utf8_valid(error.message, used, NULL));
            assert_int_equal(strchr(error.message, '?') != NULL, units[u][0] == '\xFF');
        }
    }
}

static void limits_have_their_defaults_and_caps(void **state)
{
    (void)state;
    tasker_limits out;
    const int32_t want[8] = {1000, 50, 1048576, 10, 1000, 10000, 16777216, 100000};
    const int32_t cap[8] = {INT32_MAX, INT32_MAX, 267386880, 1000, INT32_MAX, 267386880, 267386880, INT32_MAX - 1};
    const int32_t values[] = {1, INT32_MAX, -1, INT32_MIN};
    const tasker_limits zero = {0};
    for (int pass = 0; pass < 2; pass++) {
        memset(&out, 0x55, sizeof out);
        assert_true(tkr_limits_or_defaults(pass == 0 ? NULL : &zero, &out));
        assert_memory_equal(&out, want, sizeof want);
        assert_memory_equal(out.reserved, zero.reserved, sizeof zero.reserved);
    }
    for (size_t i = 0; i < COUNT(want); i++) {
        int32_t members[12] = {0};
        tasker_limits given;
        for (size_t v = 0; v < COUNT(values); v++) {
            int32_t value = members[i] = values[v];
            memcpy(&given, members, sizeof given);
            tasker_limits untouched = out;
            assert_int_equal(tkr_limits_or_defaults(&given, &out), value >= 0);
            int32_t got[12];
            memcpy(got, value >= 0 ? &out : &untouched, sizeof got);
            if (value >= 0)
                assert_int_equal(got[i], value > cap[i] ? cap[i] : value);
            else
                assert_memory_equal(&out, &untouched, sizeof out);
        }
    }
    for (int i = 0; i < 4; i++) {
        tasker_limits given = {0};
        assert_false(tkr_limits_reserved(&given));
        given.reserved[i] = 1;
        assert_true(tkr_limits_reserved(&given));
    }
    assert_false(tkr_limits_reserved(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_number_is_a_known_status_or_none),
        cmocka_unit_test(every_text_is_one_sentence_of_its_own),
        cmocka_unit_test(version_is_that_of_the_headers),
        cmocka_unit_test(clear_makes_every_member_read_as_new),
        cmocka_unit_test(set_touches_status_and_message_only),
        cmocka_unit_test(long_messages_are_cut_between_characters),
        cmocka_unit_test(limits_have_their_defaults_and_caps),
    };
    return cmocka_run_group_tests_name("status", tests, NULL, NULL);
}
