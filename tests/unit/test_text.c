/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include "page.h"
#include "tasker/types.h"
#include "value/text.h"

/* ==== Written differently on purpose: decodes, then asks whether the shortest form was used */

static size_t reference_character(const unsigned char *at, size_t left)
{
    size_t bytes = at[0] < 0x80 ? 1 : at[0] < 0xC0 ? 0 : at[0] < 0xE0 ? 2 : at[0] < 0xF0 ? 3 : at[0] < 0xF8 ? 4 : 0;
    if (bytes == 0 || bytes > left)
        return 0;
    uint32_t point = bytes == 1 ? at[0] : at[0] & (0x7Fu >> bytes);
    for (size_t i = 1; i < bytes; i++) {
        if (at[i] < 0x80 || at[i] > 0xBF)
            return 0;
        point = point << 6 | (at[i] & 0x3Fu);
    }
    size_t shortest = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    if (point == 0 || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF) || shortest != bytes)
        return 0;
    return bytes;
}

static void compare(const unsigned char *bytes, size_t len)
{
    size_t want = 0, bad = SIZE_MAX;
    while (want < len) {
        size_t character = reference_character(bytes + want, len - want);
        if (character == 0)
            break;
        want += character;
    }
    bool valid = tkr_utf8_valid((const char *)bytes, len, &bad);
    if (valid != (want == len) || bad != (valid ? SIZE_MAX : want))
        fail_msg("%02x %02x %02x %02x (%zu): %d, %zu", bytes[0], bytes[1], bytes[2], bytes[3], len, valid, bad);
}

static void all_sequences_of_one_and_two_bytes(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 65536; i++) {
        unsigned char bytes[4] = {(unsigned char)(i >> 8), (unsigned char)i};
        compare(bytes, 1);
        compare(bytes, 2);
    }
}

static void all_sequences_of_three_bytes(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 1u << 24; i++) {
        unsigned char bytes[4] = {(unsigned char)(i >> 16), (unsigned char)(i >> 8), (unsigned char)i};
        compare(bytes, 3);
    }
}

static void four_bytes_at_every_boundary(void **state)
{
    (void)state;
    static const unsigned char edges[] = {0x00, 0x01, 0x7F, 0x80, 0x81, 0x8F, 0x90, 0x91, 0x9F, 0xA0, 0xA1,
                                          0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xED, 0xEF, 0xF0, 0xF4, 0xFF};
    for (unsigned lead = 0xE0; lead < 256; lead++)
        for (size_t a = 0; a < COUNT(edges); a++)
            for (size_t b = 0; b < COUNT(edges); b++)
                for (size_t c = 0; c < COUNT(edges); c++) {
                    unsigned char bytes[4] = {(unsigned char)lead, edges[a], edges[b], edges[c]};
                    compare(bytes, 4);
                }
}

static void every_code_point_is_valid_and_one_character(void **state)
{
    (void)state;
    for (uint32_t point = 1; point <= 0x10FFFF; point++) {
        unsigned char bytes[4];
        size_t len = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
        bytes[0] = (unsigned char)(point >> 6 * (len - 1) | (len == 1 ? 0 : 0xF00u >> len));
        for (size_t i = 1; i < len; i++)
            bytes[i] = (unsigned char)(0x80 | (point >> 6 * (len - 1 - i) & 0x3F));
        bool surrogate = point >= 0xD800 && point <= 0xDFFF;
        if (tkr_utf8_valid((const char *)bytes, len, NULL) == surrogate)
            fail_msg("U+%04X", point);
        assert_int_equal(tkr_utf8_count((const char *)bytes, len), 1);
    }
}

/* ==== Lengths, positions, ends */

static void a_bad_byte_is_found_at_every_position(void **state)
{
    (void)state;
    char text[48];
    for (size_t len = 1; len <= sizeof text; len++) {
        for (size_t at = 0; at < len; at++) {
            for (const char *bad = "\x80\xC3\xFF\xF0\xE2"; *bad != '\0'; bad++) {
                memset(text, 'a', sizeof text);
                text[at] = *bad;
                size_t offset = SIZE_MAX;
                assert_false(tkr_utf8_valid(at_page_end(text, len), len, &offset));
                assert_int_equal(offset, at);
            }
            text[at] = '\0';
            size_t offset = SIZE_MAX;
            assert_false(tkr_utf8_valid(at_page_end(text, len), len, &offset));
            assert_int_equal(offset, at);
            text[at] = '\x01';
            assert_true(tkr_utf8_valid(at_page_end(text, len), len, &offset));
        }
    }
    assert_true(tkr_utf8_valid(NULL, 0, NULL));
    assert_false(tkr_utf8_valid("", 1, NULL));
}

static void no_cut_text_is_valid_and_none_is_read_beyond(void **state)
{
    (void)state;
    static const char text[] = "abcdefg\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80 0123456789\xF4\x8F\xBF\xBF";
    for (size_t len = 0; len < sizeof text; len++) {
        const char *copy = at_page_end(text, len);
        bool inside = len < sizeof text - 1 && ((unsigned char)text[len] & 0xC0) == 0x80;
        assert_int_equal(tkr_utf8_valid(copy, len, NULL), !inside);
    }
}

static void count_is_of_characters(void **state)
{
    (void)state;
    static const struct {
        tasker_text text;
        size_t count;
    } known[] = {
        {TASKER_TEXT(""), 0},
        {TASKER_TEXT("a"), 1},
        {TASKER_TEXT("\xC3\xA9t\xC3\xA9"), 3},
        {TASKER_TEXT("\xE2\x82\xAC\xF0\x9F\x98\x80"), 2},
        {TASKER_TEXT("e\xCC\x81"), 2}, /* a combining accent counts, as in varchar(n) */
        {TASKER_TEXT("0123456789abcdef\xC3\xA9"), 17},
    };
    for (size_t i = 0; i < COUNT(known); i++)
        assert_int_equal(tkr_utf8_count(known[i].text.ptr, known[i].text.len), known[i].count);
    assert_int_equal(tkr_utf8_count(NULL, 0), 0);
}

/* ==== One line for a message */

static void sanitized_texts(void **state)
{
    (void)state;
    static const struct {
        tasker_text from, to;
    } known[] = {
        {TASKER_TEXT(""), TASKER_TEXT("")},
        {TASKER_TEXT("plain text, 100 %"), TASKER_TEXT("plain text, 100 %")},
        {TASKER_TEXT("a\nb\r\nc\td\x7F"), TASKER_TEXT("a b  c d ")},
        {TASKER_TEXT("a\0b"), TASKER_TEXT("a b")},
        {TASKER_TEXT("\x1B[31mred"), TASKER_TEXT(" [31mred")},
        {TASKER_TEXT("caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80"),
         TASKER_TEXT("caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80")},
        {TASKER_TEXT("a\xC2\x85"
                     "b\xC2\x9F"
                     "c\xC2\xA0"),
         TASKER_TEXT("a b c\xC2\xA0")},
        {TASKER_TEXT("a\xE2\x80\xA8"
                     "b\xE2\x80\xA9"
                     "c\xE2\x80\xAA"),
         TASKER_TEXT("a b c\xE2\x80\xAA")},
        {TASKER_TEXT("\xFF\xFE"), TASKER_TEXT("??")},
        {TASKER_TEXT("\xC0\xAF|\xED\xA0\x80|\xF4\x90\x80\x80"), TASKER_TEXT("??|???|????")},
        {TASKER_TEXT("caf\xC3"), TASKER_TEXT("caf?")},
    };
    for (size_t i = 0; i < COUNT(known); i++) {
        char out[64];
        tasker_text from = known[i].from;
        size_t used = tkr_text_sanitize(out, sizeof out, at_page_end(from.ptr, from.len), from.len);
        assert_int_equal(used, known[i].to.len);
        assert_string_equal(out, known[i].to.ptr);
    }
}

static void a_cut_line_ends_between_characters_and_within_its_room(void **state)
{
    (void)state;
    static const char text[] = "ab\xC3\xA9\xE2\x82\xAC\n\xF0\x9F\x98\x80\xFF"
                               "end";
    static const size_t used[] = {0, 0, 1, 2, 2, 4, 4, 4, 7, 8, 8, 8, 8, 12, 13, 14, 15, 16, 16};
    for (size_t size = 0; size < COUNT(used); size++) {
        char out[32];
        memset(out, 'x', sizeof out);
        assert_int_equal(tkr_text_sanitize(out, size, text, sizeof text - 1), used[size]);
        assert_int_equal(out[used[size]], size == 0 ? 'x' : '\0');
        for (size_t i = size; i < sizeof out; i++)
            assert_int_equal(out[i], 'x');
        assert_true(tkr_utf8_valid(out, used[size], NULL));
    }
}

static void views_of_strings(void **state)
{
    (void)state;
    static const char *const strings[] = {"", "a", "caf\xC3\xA9"};
    for (size_t i = 0; i < COUNT(strings); i++) {
        assert_ptr_equal(tasker_text_of(strings[i]).ptr, strings[i]);
        assert_int_equal(tasker_text_of(strings[i]).len, strlen(strings[i]));
        assert_ptr_equal(tasker_json_of(strings[i]).ptr, strings[i]);
        assert_int_equal(tasker_json_of(strings[i]).len, strlen(strings[i]));
    }
    assert_null(tasker_text_of(NULL).ptr);
    assert_int_equal(tasker_text_of(NULL).len, 0);
    assert_null(tasker_json_of(NULL).ptr);
    assert_int_equal(tasker_json_of(NULL).len, 0);
    tasker_text cleared = TASKER_CLEAR;
    assert_ptr_equal(cleared.ptr, tasker_clear);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_sequences_of_one_and_two_bytes),
        cmocka_unit_test(all_sequences_of_three_bytes),
        cmocka_unit_test(four_bytes_at_every_boundary),
        cmocka_unit_test(every_code_point_is_valid_and_one_character),
        cmocka_unit_test(a_bad_byte_is_found_at_every_position),
        cmocka_unit_test(no_cut_text_is_valid_and_none_is_read_beyond),
        cmocka_unit_test(count_is_of_characters),
        cmocka_unit_test(sanitized_texts),
        cmocka_unit_test(a_cut_line_ends_between_characters_and_within_its_room),
        cmocka_unit_test(views_of_strings),
    };
    return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
