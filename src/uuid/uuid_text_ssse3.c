/* SPDX-License-Identifier: MIT */
/* The text form by 16 characters at a time. Loads and stores stay inside the 36 characters. */
#include "uuid/uuid_text.h"

#if TKR_SIMD

#include <string.h>
#include <tmmintrin.h>

#define TARGET __attribute__((target("ssse3")))
#define INLINE __attribute__((always_inline, target("ssse3"))) static inline
#define NONE (-128) /* this place of a shuffle gives zero */

/* Signed, because the intrinsic it goes to is one in its unoptimised form. */
static inline int16_t load_pair(const char *text)
{
    int16_t pair;
    memcpy(&pair, text, sizeof(pair));
    return pair;
}

/*
 * The values of 16 digits, and 255 for what is none. A character counts as a digit or as a letter; each view is
 * pushed out of the other's range first, so that the smaller of the two decides.
 */
INLINE __m128i digit_values(__m128i text)
{
    __m128i from_zero = _mm_sub_epi8(text, _mm_set1_epi8('0'));
    __m128i biased = _mm_sub_epi8(from_zero, _mm_set1_epi8(-128));
    __m128i no_digit = _mm_cmpgt_epi8(biased, _mm_set1_epi8(-128 + 9));
    __m128i from_a = _mm_sub_epi8(_mm_or_si128(text, _mm_set1_epi8(0x20)), _mm_set1_epi8('a'));
    return _mm_min_epu8(_mm_or_si128(from_zero, no_digit), _mm_adds_epu8(from_a, _mm_set1_epi8(10)));
}

TARGET bool tkr_uuid_parse_ssse3(const char *text, tasker_uuid *out)
{
    const __m128i front = _mm_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 14, 15, NONE, NONE);
    const __m128i back = _mm_setr_epi8(NONE, 0, 1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    __m128i head = _mm_loadu_si128((const __m128i *)(const void *)text);
    __m128i tail = _mm_loadu_si128((const __m128i *)(const void *)(text + 20));
    __m128i first = _mm_insert_epi16(_mm_shuffle_epi8(head, front), load_pair(text + 16), 7);
    __m128i second = _mm_insert_epi16(_mm_shuffle_epi8(tail, back), load_pair(text + 19), 0);
    __m128i high = digit_values(first);
    __m128i low = digit_values(second);
    __m128i too_big = _mm_cmpgt_epi8(_mm_max_epu8(high, low), _mm_set1_epi8(15));
    __m128i negative = _mm_max_epu8(high, low); /* 128 and more: the sign bit that movemask looks at */
    int hyphens = (text[8] ^ '-') | (text[13] ^ '-') | (text[18] ^ '-') | (text[23] ^ '-');
    if (_mm_movemask_epi8(_mm_or_si128(too_big, negative)) | hyphens) {
        return false;
    }
    const __m128i weights = _mm_set1_epi16(0x0110);
    __m128i bytes = _mm_packus_epi16(_mm_maddubs_epi16(high, weights), _mm_maddubs_epi16(low, weights));
    _mm_storeu_si128((__m128i *)(void *)out->bytes, bytes);
    return true;
}

/* Writes 36 characters; digits are the sixteen to write with. */
INLINE void format(const tasker_uuid *uuid, const char *digits, char *out)
{
    const __m128i mask = _mm_set1_epi8(15);
    __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)uuid->bytes);
    __m128i high = _mm_and_si128(_mm_srli_epi16(bytes, 4), mask);
    __m128i low = _mm_and_si128(bytes, mask);
    const __m128i table = _mm_loadu_si128((const __m128i *)(const void *)digits);
    __m128i first = _mm_shuffle_epi8(table, _mm_unpacklo_epi8(high, low));
    __m128i second = _mm_shuffle_epi8(table, _mm_unpackhi_epi8(high, low));

    const __m128i front = _mm_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, NONE, 8, 9, 10, 11, NONE, 12, 13);
    const __m128i front_hyphens = _mm_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, '-', 0, 0, 0, 0, '-', 0, 0);
    const __m128i back = _mm_setr_epi8(1, 2, 3, NONE, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const __m128i back_hyphens = _mm_setr_epi8(0, 0, 0, '-', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    __m128i head = _mm_or_si128(_mm_shuffle_epi8(first, front), front_hyphens);
    __m128i tail = _mm_or_si128(_mm_shuffle_epi8(second, back), back_hyphens);
    uint32_t middle = (uint32_t)_mm_extract_epi16(first, 7) | (uint32_t)'-' << 16;
    middle |= (uint32_t)_mm_cvtsi128_si32(second) << 24;
    _mm_storeu_si128((__m128i *)(void *)out, head);
    memcpy(out + 16, &middle, sizeof(middle));
    _mm_storeu_si128((__m128i *)(void *)(out + 20), tail);
}

static const char lower[17] = "0123456789abcdef";
static const char upper[17] = "0123456789ABCDEF";

TARGET const char *tkr_uuid_format_ssse3(const tasker_uuid *uuid, char *out)
{
    format(uuid, lower, out);
    out[36] = '\0';
    return out;
}

TARGET const char *tkr_uuid_format_upper_ssse3(const tasker_uuid *uuid, char *out)
{
    format(uuid, upper, out);
    out[36] = '\0';
    return out;
}

TARGET void tkr_uuid_format_bare_ssse3(const tasker_uuid *uuid, char *out)
{
    format(uuid, lower, out);
}

#else
typedef int tkr_uuid_text_portable_only; /* a file must declare something */
#endif
