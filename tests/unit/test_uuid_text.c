/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include "page.h"
#include "tasker/uuid.h"
#include "uuid/simd.h"

#define CANONICAL "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define FUZZED 1000000
#else
#define FUZZED 10000000
#endif

static unsigned all_simd;

/* What the format says, written down plainly once more. -1: accepted, else the offset of the first wrong character. */
static long judge(const char *text, size_t len)
{
    for (size_t i = 0; i < 36; i++) {
        if (i == len) {
            return (long)i;
        }
        bool is_hyphen = i == 8 || i == 13 || i == 18 || i == 23;
        if (is_hyphen ? text[i] != '-' : (text[i] == '\0' || strchr("0123456789abcdefABCDEF", text[i]) == NULL)) {
            return (long)i;
        }
    }
    return len == 36 ? -1 : 36;
}

static void expect_refused(const char *text, size_t len, size_t offset)
{
    tasker_uuid out, before;
    memset(&out, 0xa5, sizeof(out));
    before = out;
    size_t bad_offset = 12345;
    assert_int_equal(tasker_uuid_parse((tasker_text){text, len}, &bad_offset, &out), TASKER_INVALID_ARGUMENT);
    assert_int_equal(bad_offset, offset);
    assert_memory_equal(&out, &before, sizeof(out));
}

static void for_each_path(void (*test)(void))
{
    tkr_simd = 0;
    test();
    tkr_simd = all_simd;
    test();
}

static void every_corruption(void)
{
    for (size_t place = 0; place < 36; place++) {
        for (int byte = 0; byte < 256; byte++) {
            char text[] = CANONICAL;
            text[place] = (char)byte;
            long offset = judge(text, 36);
            tasker_uuid out;
            size_t bad_offset = 12345;
            tasker_status status = tasker_uuid_parse((tasker_text){text, 36}, &bad_offset, &out);
            if (offset < 0) {
                assert_int_equal(status, TASKER_OK);
                assert_int_equal(bad_offset, 12345);
            } else {
                expect_refused(text, 36, (size_t)offset);
            }
        }
    }
}

static void corruptions(void **state)
{
    (void)state;
    for_each_path(every_corruption);
}

static void every_length(void)
{
    char text[80];
    memset(text, '0', sizeof(text));
    memcpy(text, CANONICAL, 36);
    for (size_t len = 0; len < sizeof(text); len++) {
        if (len != 36) {
            expect_refused(at_page_end(text, len), len, len < 36 ? len : 36);
        }
    }
    tasker_uuid out;
    assert_int_equal(tasker_uuid_parse((tasker_text){at_page_end(CANONICAL, 36), 36}, NULL, &out), TASKER_OK);
    assert_int_equal(tasker_uuid_parse_lenient((tasker_text){at_page_end(CANONICAL, 36), 36}, NULL, &out), TASKER_OK);
    assert_int_equal(tasker_uuid_parse((tasker_text){CANONICAL, 35}, NULL, &out), TASKER_INVALID_ARGUMENT);
}

static void truncations_at_a_page_end(void **state)
{
    (void)state;
    for_each_path(every_length);
}

/* Two of the 36 places change: every pair of moved hyphens, among others. */
static void every_swap(void)
{
    for (size_t a = 0; a < 36; a++) {
        for (size_t b = 0; b < 36; b++) {
            char text[] = CANONICAL;
            char kept = text[a];
            memmove(text + a, text + a + 1, 36 - a);
            memmove(text + b + 1, text + b, 36 - b - 1);
            text[b] = kept;
            long offset = judge(text, 36);
            if (offset >= 0) {
                expect_refused(text, 36, (size_t)offset);
            }
        }
    }
}

static void moved_hyphens(void **state)
{
    (void)state;
    for_each_path(every_swap);
}

static uint64_t random_state = 88172645463325252u;

static uint64_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static void fuzz(void **state)
{
    (void)state;
    static const char near[] = "0123456789abcdefABCDEF/:@G`g-\xb0\x10{}";
    tasker_uuid first, second;
    int fuzzed = in_valgrind() ? FUZZED / 50 : FUZZED;
    for (int i = 0; i < fuzzed; i++) {
        char text[] = CANONICAL;
        uint64_t random = next_random();
        for (uint64_t changes = random & 3; changes > 0; changes--, random >>= 13) {
            size_t place = random >> 2 & 31;
            text[place + (random >> 8 & 4)] =
                random >> 7 & 1 ? near[(random >> 9) % (sizeof(near) - 1)] : (char)(random >> 40);
        }
        size_t offsets[2] = {99, 99};
        tasker_text view = {text, 36};
        tkr_simd = 0;
        tasker_status portable = tasker_uuid_parse(view, &offsets[0], &first);
        tkr_simd = all_simd;
        tasker_status vector = tasker_uuid_parse(view, &offsets[1], &second);
        if (portable != vector || offsets[0] != offsets[1] ||
            (portable == TASKER_OK && !tasker_uuid_equal(&first, &second)) ||
            (portable == TASKER_OK) != (judge(text, 36) < 0)) {
            fail_msg("paths differ on \"%s\"", text);
        }
    }
}

static void every_format(void)
{
    for (int i = 0; i < 10000; i++) {
        tasker_uuid uuid, back;
        uint64_t words[2] = {next_random(), next_random()};
        memcpy(&uuid, words, sizeof(uuid));
        char expected[64], text[40];
        int at = 0;
        for (int k = 0; k < 16; k++) {
            at += snprintf(expected + at, sizeof(expected) - (size_t)at, "%s%02x",
                           k == 4 || k == 6 || k == 8 || k == 10 ? "-" : "", (unsigned)uuid.bytes[k]);
        }
        memset(text, '~', sizeof(text));
        assert_ptr_equal(tasker_uuid_format(&uuid, text), text);
        assert_string_equal(text, expected);
        assert_int_equal(text[37], '~');
        assert_int_equal(tasker_uuid_parse((tasker_text){text, 36}, NULL, &back), TASKER_OK);
        assert_true(tasker_uuid_equal(&uuid, &back));
        memset(text, '~', sizeof(text));
        tasker_uuid_format_bare(&uuid, text);
        assert_memory_equal(text, expected, 36);
        assert_int_equal(text[36], '~');
        for (char *c = expected; *c != '\0'; c++) {
            *c = (char)(*c >= 'a' ? *c - 32 : *c);
        }
        assert_ptr_equal(tasker_uuid_format_upper(&uuid, text), text);
        assert_string_equal(text, expected);
        assert_int_equal(tasker_uuid_parse((tasker_text){text, 36}, NULL, &back), TASKER_OK);
        assert_true(tasker_uuid_equal(&uuid, &back));
    }
}

static void formats(void **state)
{
    (void)state;
    for_each_path(every_format);
}

static void lenient_accepts(void **state)
{
    (void)state;
    static const char *const accepted[] = {
        CANONICAL,
        "017F22E2-79B0-7CC3-98C4-DC0C0C07398F",
        "{" CANONICAL "}",
        "017f22e279b07cc398c4dc0c0c07398f",
        "{017f22e279b07cc398c4dc0c0c07398f}",
        "017f-22e2-79b0-7cc3-98c4-dc0c-0c07-398f",
        "017f22e279b0-7cc398c4dc0c0c07398f",
        "017f22e2-79b07cc3-98c4dc0c-0c07398f",
        "urn:uuid:" CANONICAL,
        "URN:UUID:" CANONICAL,
        "uRn:UuId:017F22E2-79B0-7CC3-98C4-DC0C0C07398F",
    };
    tasker_uuid expected, out;
    assert_int_equal(tasker_uuid_parse(tasker_text_of(CANONICAL), NULL, &expected), TASKER_OK);
    for (size_t i = 0; i < COUNT(accepted); i++) {
        size_t len = strlen(accepted[i]);
        tasker_text text = {at_page_end(accepted[i], len), len};
        out = tasker_uuid_nil;
        assert_int_equal(tasker_uuid_parse_lenient(text, NULL, &out), TASKER_OK);
        assert_true(tasker_uuid_equal(&out, &expected));
    }
}

static void lenient_refuses(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t offset;
    } refused[] = {
        {"", 0},
        {"{", 1},
        {" " CANONICAL, 0},
        {CANONICAL " ", 36},
        {CANONICAL "}", 36},
        {"{" CANONICAL, 37},
        {"{" CANONICAL "} ", 38},
        {"{{" CANONICAL "}}", 1},
        {"01-7f22e279b07cc398c4dc0c0c07398f", 2},
        {"017f--22e279b07cc398c4dc0c0c07398f", 5},
        {"-017f22e279b07cc398c4dc0c0c07398f", 0},
        {"017f22e279b07cc398c4dc0c0c07398f-", 32},
        {"017f22e279b07cc398c4dc0c0c07398", 31},
        {"017f22e279b07cc398c4dc0c0c07398g", 31},
        {"urn:uuid:", 9},
        {"urn:uuid:017f22e279b07cc398c4dc0c0c07398f", 17},
        {"urn:uuid:{" CANONICAL "}", 9},
        {"{urn:uuid:" CANONICAL "}", 1},
        {"urn:" CANONICAL, 0},
        {"urn;uuid:" CANONICAL, 0},
    };
    for (size_t i = 0; i < COUNT(refused); i++) {
        tasker_uuid out = tasker_uuid_max;
        size_t bad_offset = 12345, len = strlen(refused[i].text);
        tasker_text text = {at_page_end(refused[i].text, len), len};
        assert_int_equal(tasker_uuid_parse_lenient(text, &bad_offset, &out), TASKER_INVALID_ARGUMENT);
        assert_int_equal(bad_offset, refused[i].offset);
        assert_true(tasker_uuid_is_max(&out));
    }
}

int main(void)
{
    all_simd = tkr_simd;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(corruptions),     cmocka_unit_test(truncations_at_a_page_end),
        cmocka_unit_test(moved_hyphens),   cmocka_unit_test(fuzz),
        cmocka_unit_test(formats),         cmocka_unit_test(lenient_accepts),
        cmocka_unit_test(lenient_refuses),
    };
    return cmocka_run_group_tests_name("uuid text", tests, NULL, NULL);
}
