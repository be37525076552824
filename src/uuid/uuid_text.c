/* SPDX-License-Identifier: MIT */
/* The text form, RFC 9562 section 4. Vector paths take the common case, mistakes are always judged here. */
#include "uuid/bytes.h"
#include "uuid/uuid_text.h"

#define TEXT_LENGTH ((size_t)36)
#define DIGITS ((size_t)32)

/* By character: the value of a hexadecimal digit with IS_DIGIT, 0 for anything else. */
#define IS_DIGIT 0x100u
#define D(value) (IS_DIGIT | (value))
static const uint16_t digits[256] = {
    ['0'] = D(0),  ['1'] = D(1),  ['2'] = D(2),  ['3'] = D(3),  ['4'] = D(4),  ['5'] = D(5),
    ['6'] = D(6),  ['7'] = D(7),  ['8'] = D(8),  ['9'] = D(9),  ['a'] = D(10), ['b'] = D(11),
    ['c'] = D(12), ['d'] = D(13), ['e'] = D(14), ['f'] = D(15), ['A'] = D(10), ['B'] = D(11),
    ['C'] = D(12), ['D'] = D(13), ['E'] = D(14), ['F'] = D(15),
};

/* By byte: its two digits. */
#define ROW(h, a, b, c, d, e, f) h "0" h "1" h "2" h "3" h "4" h "5" h "6" h "7" h "8" h "9" h a h b h c h d h e h f
#define PAIRS(a, b, c, d, e, f)                                                                                        \
    ROW("0", a, b, c, d, e, f)                                                                                         \
    ROW("1", a, b, c, d, e, f)                                                                                         \
    ROW("2", a, b, c, d, e, f)                                                                                         \
    ROW("3", a, b, c, d, e, f)                                                                                         \
    ROW("4", a, b, c, d, e, f)                                                                                         \
    ROW("5", a, b, c, d, e, f)                                                                                         \
    ROW("6", a, b, c, d, e, f)                                                                                         \
    ROW("7", a, b, c, d, e, f)                                                                                         \
    ROW("8", a, b, c, d, e, f)                                                                                         \
    ROW("9", a, b, c, d, e, f)                                                                                         \
    ROW(a, a, b, c, d, e, f)                                                                                           \
    ROW(b, a, b, c, d, e, f)                                                                                           \
    ROW(c, a, b, c, d, e, f)                                                                                           \
    ROW(d, a, b, c, d, e, f)                                                                                           \
    ROW(e, a, b, c, d, e, f)                                                                                           \
    ROW(f, a, b, c, d, e, f)
static const char pairs[2][513] = {PAIRS("a", "b", "c", "d", "e", "f"), PAIRS("A", "B", "C", "D", "E", "F")};

/* Where the two digits of each byte stand in the 8-4-4-4-12 form. */
static const uint8_t places[16] = {0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34};

static inline unsigned digit(char character)
{
    return digits[(unsigned char)character];
}

static bool is_hyphen_place(size_t place)
{
    return place == 8 || place == 13 || place == 18 || place == 23;
}

/* All 36 characters without a branch for each: one wrong character clears IS_DIGIT. */
static bool parse_portable(const char *text, tasker_uuid *out)
{
    tasker_uuid uuid;
    unsigned all = IS_DIGIT;
#pragma GCC unroll 16
    for (size_t i = 0; i < sizeof(places); i++) {
        unsigned high = digit(text[places[i]]);
        unsigned low = digit(text[places[i] + 1]);
        all &= high & low;
        uuid.bytes[i] = (uint8_t)(high << 4 | low);
    }
    int hyphens = (text[8] ^ '-') | (text[13] ^ '-') | (text[18] ^ '-') | (text[23] ^ '-');
    if (all == 0 || hyphens != 0) {
        return false;
    }
    *out = uuid;
    return true;
}

static bool parse_canonical(const char *text, tasker_uuid *out)
{
#if TKR_SIMD
    if (TKR_LIKELY(tkr_simd & TKR_SIMD_SSSE3)) {
        return tkr_uuid_parse_ssse3(text, out);
    }
#endif
    return parse_portable(text, out);
}

/* Where the first character stands that the 8-4-4-4-12 form does not have there. */
static size_t first_wrong(const char *text, size_t length)
{
    size_t i = 0;
    while (i < length && i < TEXT_LENGTH && (is_hyphen_place(i) ? text[i] == '-' : digit(text[i]) != 0)) {
        i++;
    }
    return i;
}

static tasker_status refuse(size_t offset, size_t *bad_offset)
{
    if (bad_offset != NULL) {
        *bad_offset = offset;
    }
    return TASKER_INVALID_ARGUMENT;
}

static tasker_status refuse_canonical(tasker_text text, size_t *bad_offset)
{
    return refuse(text.ptr == NULL ? 0 : first_wrong(text.ptr, text.len), bad_offset);
}

tasker_status tasker_uuid_parse(tasker_text text, size_t *bad_offset, tasker_uuid *out)
{
    if (TKR_LIKELY(text.len == TEXT_LENGTH && text.ptr != NULL && out != NULL && parse_canonical(text.ptr, out))) {
        return TASKER_OK;
    }
    return refuse_canonical(text, bad_offset);
}

/* "urn:uuid:" in any case. */
static size_t urn_length(tasker_text text)
{
    static const char urn[9] = {'u', 'r', 'n', ':', 'u', 'u', 'i', 'd', ':'};
    if (text.len < sizeof(urn)) {
        return 0;
    }
    for (size_t i = 0; i < sizeof(urn); i++) {
        char character = text.ptr[i];
        if (character >= 'A' && character <= 'Z') {
            character = (char)(character | 0x20);
        }
        if (character != urn[i]) {
            return 0;
        }
    }
    return sizeof(urn);
}

/* As PostgreSQL's uuid_in: braces, and a hyphen or none after each group of four digits. */
static tasker_status parse_groups(tasker_text text, size_t *bad_offset, tasker_uuid *out)
{
    tasker_uuid uuid = {{0}};
    size_t at = 0;
    bool braces = text.len > 0 && text.ptr[0] == '{';
    at += braces;
    for (size_t i = 0; i < DIGITS; i++) {
        if (i > 0 && i % 4 == 0 && at < text.len && text.ptr[at] == '-') {
            at++;
        }
        unsigned value = at < text.len ? digit(text.ptr[at]) : 0;
        if (value == 0) {
            return refuse(at, bad_offset);
        }
        uuid.bytes[i / 2] = (uint8_t)((unsigned)uuid.bytes[i / 2] << 4 | value);
        at++;
    }
    if (braces) {
        if (at == text.len || text.ptr[at] != '}') {
            return refuse(at, bad_offset);
        }
        at++;
    }
    if (at != text.len) {
        return refuse(at, bad_offset);
    }
    *out = uuid;
    return TASKER_OK;
}

tasker_status tasker_uuid_parse_lenient(tasker_text text, size_t *bad_offset, tasker_uuid *out)
{
    if (TKR_UNLIKELY(text.ptr == NULL || out == NULL)) {
        return refuse_canonical(text, bad_offset);
    }
    if (TKR_LIKELY(text.len == TEXT_LENGTH && parse_canonical(text.ptr, out))) {
        return TASKER_OK;
    }
    size_t skip = urn_length(text);
    if (skip == 0) {
        return parse_groups(text, bad_offset, out);
    }
    tasker_text rest = {text.ptr + skip, text.len - skip};
    size_t offset = 0;
    tasker_status status = tasker_uuid_parse(rest, &offset, out);
    return status == TASKER_OK ? status : refuse(skip + offset, bad_offset);
}

static void format_portable(const tasker_uuid *uuid, bool upper, char *out)
{
    const char *table = pairs[upper];
#pragma GCC unroll 16
    for (size_t i = 0; i < sizeof(places); i++) {
        memcpy(out + places[i], table + 2 * (size_t)uuid->bytes[i], 2);
    }
    out[8] = out[13] = out[18] = out[23] = '-';
}

const char *tasker_uuid_format(const tasker_uuid *uuid, char out[TASKER_UUID_TEXT_SIZE])
{
#if TKR_SIMD
    if (TKR_LIKELY(tkr_simd & TKR_SIMD_SSSE3)) {
        return tkr_uuid_format_ssse3(uuid, out);
    }
#endif
    format_portable(uuid, false, out);
    out[TEXT_LENGTH] = '\0';
    return out;
}

const char *tasker_uuid_format_upper(const tasker_uuid *uuid, char out[TASKER_UUID_TEXT_SIZE])
{
#if TKR_SIMD
    if (TKR_LIKELY(tkr_simd & TKR_SIMD_SSSE3)) {
        return tkr_uuid_format_upper_ssse3(uuid, out);
    }
#endif
    format_portable(uuid, true, out);
    out[TEXT_LENGTH] = '\0';
    return out;
}

void tasker_uuid_format_bare(const tasker_uuid *uuid, char out[36])
{
#if TKR_SIMD
    if (TKR_LIKELY(tkr_simd & TKR_SIMD_SSSE3)) {
        tkr_uuid_format_bare_ssse3(uuid, out);
        return;
    }
#endif
    format_portable(uuid, false, out);
}
