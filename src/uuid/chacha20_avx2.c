/* SPDX-License-Identifier: MIT */
/* Eight blocks side by side: each register holds one word of the state for eight counters. */
#include "uuid/chacha20.h"

#if TKR_SIMD

#include <immintrin.h>

#define INLINE __attribute__((always_inline, target("avx2"))) static inline
#define ROTATE(word, bits) _mm256_or_si256(_mm256_slli_epi32(word, bits), _mm256_srli_epi32(word, 32 - (bits)))

INLINE void quarter_round(__m256i *a, __m256i *b, __m256i *c, __m256i *d)
{
    const __m256i by16 = _mm256_setr_epi8(2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13, 2, 3, 0, 1, 6, 7, 4, 5,
                                          10, 11, 8, 9, 14, 15, 12, 13);
    const __m256i by8 = _mm256_setr_epi8(3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14, 3, 0, 1, 2, 7, 4, 5, 6,
                                         11, 8, 9, 10, 15, 12, 13, 14);
    *a = _mm256_add_epi32(*a, *b);
    *d = _mm256_shuffle_epi8(_mm256_xor_si256(*d, *a), by16);
    *c = _mm256_add_epi32(*c, *d);
    *b = _mm256_xor_si256(*b, *c);
    *b = ROTATE(*b, 12);
    *a = _mm256_add_epi32(*a, *b);
    *d = _mm256_shuffle_epi8(_mm256_xor_si256(*d, *a), by8);
    *c = _mm256_add_epi32(*c, *d);
    *b = _mm256_xor_si256(*b, *c);
    *b = ROTATE(*b, 7);
}

INLINE void double_round(__m256i x[16])
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

/* Four words of eight blocks each become, in half registers, blocks 0 and 4, 1 and 5, 2 and 6, 3 and 7. */
INLINE void turn(__m256i x[4])
{
    __m256i low01 = _mm256_unpacklo_epi32(x[0], x[1]);
    __m256i low23 = _mm256_unpacklo_epi32(x[2], x[3]);
    __m256i high01 = _mm256_unpackhi_epi32(x[0], x[1]);
    __m256i high23 = _mm256_unpackhi_epi32(x[2], x[3]);
    x[0] = _mm256_unpacklo_epi64(low01, low23);
    x[1] = _mm256_unpackhi_epi64(low01, low23);
    x[2] = _mm256_unpacklo_epi64(high01, high23);
    x[3] = _mm256_unpackhi_epi64(high01, high23);
}

/* Two groups of four words after turn(): the same block's halves come together. */
INLINE void store(const __m256i low[4], const __m256i high[4], uint8_t *out)
{
    for (size_t i = 0; i < 4; i++) {
        __m256i near = _mm256_permute2x128_si256(low[i], high[i], 0x20);
        __m256i far = _mm256_permute2x128_si256(low[i], high[i], 0x31);
        _mm256_storeu_si256((__m256i *)(void *)(out + 64 * i), near);
        _mm256_storeu_si256((__m256i *)(void *)(out + 64 * (i + 4)), far);
    }
}

__attribute__((target("avx2"))) void tkr_chacha20_avx2(const uint32_t state[16], uint8_t out[TKR_CHACHA20_BYTES])
{
    const __m256i steps = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    const __m256i counters = _mm256_add_epi32(_mm256_set1_epi32((int)state[12]), steps);
    __m256i x[16];
    TKR_UNROLL
    for (int i = 0; i < 16; i++) {
        x[i] = i == 12 ? counters : _mm256_set1_epi32((int)state[i]);
    }
    for (int i = 0; i < 20; i += 2) {
        double_round(x);
    }
    TKR_UNROLL
    for (int i = 0; i < 16; i++) {
        x[i] = _mm256_add_epi32(x[i], i == 12 ? counters : _mm256_set1_epi32((int)state[i]));
    }
    TKR_UNROLL
    for (int i = 0; i < 16; i += 4) {
        turn(x + i);
    }
    store(x, x + 4, out);
    store(x + 8, x + 12, out + 32);
}

#else
typedef int tkr_chacha20_portable_only; /* a file must declare something */
#endif
