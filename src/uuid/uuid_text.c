/* SPDX-License-Identifier: MIT */
/* The text form, RFC 9562 section 4. Vector paths take the common case, mistakes are always judged here. */
#include "uuid/bytes.h"
#include "uuid/uuid_text.h"

#define TEXT_LENGTH ((size_t)36)
#define DIGITS ((size_t)32)
#define NO_DIGIT 0x80u

/* By character: the value of a hexadecimal digit plus one, 0 for anything else. */
static const uint8_t digit_value[256] = {
    ['0'] = 1,  ['1'] = 2,  ['2'] = 3,  ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
    ['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
    ['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16,
};

/* Where the two digits of each byte stand in the 8-4-4-4-12 form. */
static const uint8_t byte_place[16] = {0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34};

static const uint8_t hyphen_places[4] = {8, 13, 18, 23};

static inline unsigned digit(char character)
{
    return digit_value[(unsigned char)character] - 1u;
}

static bool is_hyphen_place(size_t place)
{
    return place == 8 || place == 13 || place == 18 || place == 23;
}

/* All 36 characters without a branch for each; the bits of what is no digit stand above the low byte. */
static bool parse_portable(const char *text, tasker_uuid *out)
{
    tasker_uuid uuid;
    unsigned wrong = 0;
    for (size_t i = 0; i < sizeof(byte_place); i++) {
        unsigned high = digit(text[byte_place[i]]);
        unsigned low = digit(text[byte_place[i] + 1]);
        wrong |= high | low;
        uuid.bytes[i] = (uint8_t)(high << 4 | low);
    }
    for (size_t i = 0; i < sizeof(hyphen_places); i++) {
        wrong |= (unsigned)(text[hyphen_places[i]] != '-') << 8;
    }
    if (wrong > 15) {
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
    while (i < length && i < TEXT_LENGTH && (is_hyphen_place(i) ? text[i] == '-' : digit(text[i]) <= 15)) {
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
        unsigned value = at < text.len ? digit(text.ptr[at]) : NO_DIGIT;
        if (value > 15) {
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

static void format_portable(const tasker_uuid *uuid, char letters, char *out)
{
    const char gap = (char)(letters - '0' - 10);
    for (size_t i = 0; i < sizeof(byte_place); i++) {
        char high = (char)(uuid->bytes[i] >> 4);
        char low = (char)(uuid->bytes[i] & 15);
        out[byte_place[i]] = (char)(high + '0' + (high > 9 ? gap : 0));
        out[byte_place[i] + 1] = (char)(low + '0' + (low > 9 ? gap : 0));
    }
    for (size_t i = 0; i < sizeof(hyphen_places); i++) {
        out[hyphen_places[i]] = '-';
    }
}

static void format(const tasker_uuid *uuid, char letters, char *out)
{
#if TKR_SIMD
    if (TKR_LIKELY(tkr_simd & TKR_SIMD_SSSE3)) {
        tkr_uuid_format_ssse3(uuid, letters, out);
        return;
    }
#endif
    format_portable(uuid, letters, out);
}

const char *tasker_uuid_format(const tasker_uuid *uuid, char out[TASKER_UUID_TEXT_SIZE])
{
    format(uuid, 'a', out);
    out[TEXT_LENGTH] = '\0';
    return out;
}

const char *tasker_uuid_format_upper(const tasker_uuid *uuid, char out[TASKER_UUID_TEXT_SIZE])
{
    format(uuid, 'A', out);
    out[TEXT_LENGTH] = '\0';
    return out;
}

void tasker_uuid_format_bare(const tasker_uuid *uuid, char out[36])
{
    format(uuid, 'a', out);
}
