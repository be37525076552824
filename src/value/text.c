/* SPDX-License-Identifier: MIT */
#include "value/text.h"

#include <string.h>

#include "tasker/types.h"

#define ONES UINT64_C(0x0101010101010101)
#define HIGHS UINT64_C(0x8080808080808080)

const char tasker_clear[1] = "";

tasker_text tasker_text_of(const char *string)
{
    return (tasker_text){string, string == NULL ? 0 : strlen(string)};
}

tasker_json tasker_json_of(const char *string)
{
    return (tasker_json){string, string == NULL ? 0 : strlen(string)};
}

bool tkr_is_absent(const char *ptr)
{
    return ptr == NULL || ptr == tasker_clear;
}

static bool is_tail(unsigned char byte)
{
    return (byte & 0xC0) == 0x80;
}

size_t tkr_utf8_character(const char *ptr, size_t left)
{
    const unsigned char *at = (const unsigned char *)ptr;
    unsigned char lead = at[0];

    if (lead < 0x80)
        return lead != 0;
    if (lead < 0xC2) /* a tail, or an overlong form of ASCII */
        return 0;
    if (lead < 0xE0)
        return left >= 2 && is_tail(at[1]) ? 2 : 0;
    if (lead < 0xF0) {
        if (left < 3 || !is_tail(at[1]) || !is_tail(at[2]))
            return 0;
        bool overlong = lead == 0xE0 && at[1] < 0xA0;
        bool surrogate = lead == 0xED && at[1] > 0x9F;
        return overlong || surrogate ? 0 : 3;
    }
    if (lead < 0xF5) {
        if (left < 4 || !is_tail(at[1]) || !is_tail(at[2]) || !is_tail(at[3]))
            return 0;
        bool overlong = lead == 0xF0 && at[1] < 0x90;
        bool beyond = lead == 0xF4 && at[1] > 0x8F; /* U+10FFFF is the last */
        return overlong || beyond ? 0 : 4;
    }
    return 0;
}

bool tkr_utf8_valid(const char *ptr, size_t len, size_t *bad_offset)
{
    size_t at = 0;

    while (at < len) {
        while (len - at >= sizeof(uint64_t)) {
            uint64_t word;
            memcpy(&word, ptr + at, sizeof word);
            /* A high bit is set in word for what is not ASCII, in the difference for NUL. */
            if (((word | (word - ONES)) & HIGHS) != 0)
                break;
            at += sizeof word;
        }
        if (at == len)
            break;
        size_t bytes = tkr_utf8_character(ptr + at, len - at);
        if (bytes == 0) {
            if (bad_offset != NULL)
                *bad_offset = at;
            return false;
        }
        at += bytes;
    }
    return true;
}

size_t tkr_utf8_count(const char *ptr, size_t len)
{
    size_t count = 0;

    for (size_t i = 0; i < len; i++)
        count += !is_tail((unsigned char)ptr[i]);
    return count;
}

/* C0, DEL, C1 and the separators U+2028 and U+2029: what ends a line somewhere or moves a terminal's cursor. */
static bool is_control(const char *ptr, size_t bytes)
{
    const unsigned char *at = (const unsigned char *)ptr;

    if (bytes == 1)
        return at[0] < 0x20 || at[0] == 0x7F;
    if (bytes == 2)
        return at[0] == 0xC2 && at[1] < 0xA0;
    return bytes == 3 && at[0] == 0xE2 && at[1] == 0x80 && (at[2] == 0xA8 || at[2] == 0xA9);
}

size_t tkr_text_sanitize(char *dst, size_t size, const char *src, size_t len)
{
    size_t used = 0;

    if (size == 0)
        return 0;
    for (size_t at = 0; at < len;) {
        size_t bytes = tkr_utf8_character(src + at, len - at);
        size_t taken = bytes == 0 ? 1 : bytes;
        bool replaced = bytes == 0 || is_control(src + at, bytes);
        size_t wanted = replaced ? 1 : bytes;
        if (wanted > size - 1 - used)
            break;
        if (replaced)
            dst[used] = bytes == 0 && src[at] != '\0' ? '?' : ' ';
        else
            memcpy(dst + used, src + at, bytes);
        used += wanted;
        at += taken;
    }
    dst[used] = '\0';
    return used;
}
