/* SPDX-License-Identifier: MIT */
/* Four blocks side by side: each register holds one word of the state for four counters. */
#include "uuid/chacha20.h"

#if TKR_SIMD

#include <emmintrin.h>

#define INLINE __attribute__((always_inline)) static inline
#define ROTATE(word, bits) _mm_or_si128(_mm_slli_epi32(word, bits), _mm_srli_epi32(word, 32 - (bits)))

INLINE void quarter_round(__m128i *a, __m128i *b, __m128i *c, __m128i *d)
{
    *a = _mm_add_epi32(*a, *b);
    *d = _mm_xor_si128(*d, *a);
    *d = _mm_shufflehi_epi16(_mm_shufflelo_epi16(*d, 0xb1), 0xb1); /* by 16: the halves change places */
    *c = _mm_add_epi32(*c, *d);
    *b = _mm_xor_si128(*b, *c);
    *b = ROTATE(*b, 12);
    *a = _mm_add_epi32(*a, *b);
    *d = _mm_xor_si128(*d, *a);
    *d = ROTATE(*d, 8);
    *c = _mm_add_epi32(*c, *d);
    *b = _mm_xor_si128(*b, *c);
    *b = ROTATE(*b, 7);
}

INLINE void double_round(__m128i x[16])
{
    quarter_round(&x[0], &x[4], &x[8], &x[12]);
    quarter_round(&x[1], &x[5], &x[9], &x[13]);
    quarter_round(&x[2], &x[6], &x[10], &x[14]);
    quarter_round(&x[3], &x[7], &x[11], &x[15]);
    quarter_round(&x[0], &x[5], &x[10], &x[15]);
    quarter_round(&x[1], &x[6], &x[11], &x[12]);
    quarter_round(&x[2], &x[7], &x[8], &x[13]);
    quarter_round(&x[3], &x[4], &x[9], &x[14]);
}

/* Four words of four blocks each: from words side by side to blocks one after the other. */
INLINE void store(const __m128i x[4], uint8_t *out)
{
    __m128i low01 = _mm_unpacklo_epi32(x[0], x[1]);
    __m128i low23 = _mm_unpacklo_epi32(x[2], x[3]);
    __m128i high01 = _mm_unpackhi_epi32(x[0], x[1]);
    __m128i high23 = _mm_unpackhi_epi32(x[2], x[3]);
    _mm_storeu_si128((__m128i *)(void *)out, _mm_unpacklo_epi64(low01, low23));
    _mm_storeu_si128((__m128i *)(void *)(out + 64), _mm_unpackhi_epi64(low01, low23));
    _mm_storeu_si128((__m128i *)(void *)(out + 128), _mm_unpacklo_epi64(high01, high23));
    _mm_storeu_si128((__m128i *)(void *)(out + 192), _mm_unpackhi_epi64(high01, high23));
}

static void four_blocks(const uint32_t state[16], uint32_t counter, uint8_t *out)
{
    const __m128i counters = _mm_add_epi32(_mm_set1_epi32((int)counter), _mm_setr_epi32(0, 1, 2, 3));
    __m128i x[16];
    TKR_UNROLL
    for (int i = 0; i < 16; i++) {
        x[i] = i == 12 ? counters : _mm_set1_epi32((int)state[i]);
    }
    for (int i = 0; i < 20; i += 2) {
        double_round(x);
    }
    TKR_UNROLL
    for (int i = 0; i < 16; i++) {
        x[i] = _mm_add_epi32(x[i], i == 12 ? counters : _mm_set1_epi32((int)state[i]));
    }
    TKR_UNROLL
    for (int i = 0; i < 16; i += 4) {
        store(x + i, out + (size_t)4 * (size_t)i);
    }
}

void tkr_chacha20_sse2(const uint32_t state[16], uint8_t out[TKR_CHACHA20_BYTES])
{
    four_blocks(state, state[12], out);
    four_blocks(state, state[12] + 4, out + 256);
}

#else
typedef int tkr_chacha20_portable_only; /* a file must declare something */
#endif
