/* SPDX-License-Identifier: MIT */
#include "value/json_string.h"
#include <string.h>

const char *tkr_json_past_string(const char *at, const char *end)
{
    for (at++; at < end && *at != '"'; at++)
        at += *at == '\\';
    return at < end ? at + 1 : end;
}

/* ---- out of escapes ---- */

static uint32_t unit_at(const char *digits)
{
    uint32_t unit = 0;
    for (int i = 0; i < 4; i++)
        unit = unit << 4 | (uint32_t)(digits[i] <= '9' ? digits[i] - '0' : (digits[i] | 0x20) - 'a' + 10);
    return unit;
}

static char *write_utf8(char *out, uint32_t code)
{
    if (code < 0x80) {
        *out++ = (char)code;
        return out;
    }
    int tails = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    *out++ = (char)((0xFF00 >> (tails + 1) & 0xFF) | code >> (6 * tails));
    while (tails-- > 0)
        *out++ = (char)(0x80 | (code >> (6 * tails) & 0x3F));
    return out;
}

/* One byte, or the character that an escape stands for: at most four bytes. *at moves behind it. */
static char *take(const char **at, char *out)
{
    static const char letters[] = "bfnrt", meant[] = "\b\f\n\r\t";
    if (**at != '\\') {
        *out = *(*at)++;
        return out + 1;
    }
    char letter = (*at)[1];
    *at += 2;
    if (letter != 'u') {
        const char *found = memchr(letters, letter, sizeof letters - 1);
        *out = found != NULL ? meant[found - letters] : letter;
        return out + 1;
    }
    uint32_t code = unit_at(*at);
    *at += 4;
    if (code >= 0xD800 && code <= 0xDBFF) { /* its other half follows: that was checked */
        code = 0x10000 + ((code - 0xD800) << 10) + (unit_at(*at + 2) - 0xDC00);
        *at += 6;
    }
    return write_utf8(out, code);
}

size_t tkr_json_unescape(tasker_json string, char *out)
{
    const char *at = string.ptr + 1, *end = string.ptr + string.len - 1;
    char *to = out;
    while (at < end)
        to = take(&at, to);
    *to = '\0';
    return (size_t)(to - out);
}

bool tkr_json_string_is(tasker_json string, tasker_text text)
{
    const char *at = string.ptr + 1, *end = string.ptr + string.len - 1;
    size_t same = 0;
    while (at < end) {
        char bytes[4];
        size_t count = (size_t)(take(&at, bytes) - bytes);
        if (text.len - same < count || memcmp(text.ptr + same, bytes, count) != 0)
            return false;
        same += count;
    }
    return same == text.len;
}

/* ---- into escapes ---- */

static size_t escape(char c, char out[6])
{
    static const char letters[] = "btn\0fr"; /* of 0x08 to 0x0D */
    unsigned char byte = (unsigned char)c;
    if (byte >= 0x20 && byte != '"' && byte != '\\') {
        out[0] = c;
        return 1;
    }
    bool named = byte >= 0x08 && byte <= 0x0D && byte != 0x0B;
    memcpy(out, "\\u00", 4);
    out[4] = byte < 0x10 ? '0' : '1';
    out[5] = "0123456789abcdef"[byte & 0xF];
    if (named || byte >= 0x20)
        out[1] = named ? letters[byte - 0x08] : c;
    return named || byte >= 0x20 ? 2 : 6;
}

char *tkr_json_quote(tasker_text text, char *out)
{
    *out++ = '"';
    for (size_t i = 0; i < text.len; i++) {
        char bytes[6];
        size_t count = escape(text.ptr[i], bytes);
        memcpy(out, bytes, count);
        out += count;
    }
    *out++ = '"';
    return out;
}

size_t tkr_json_quoted_size(tasker_text text)
{
    size_t size = 2;
    char bytes[6];
    for (size_t i = 0; i < text.len; i++)
        size += escape(text.ptr[i], bytes);
    return size;
}
