/* SPDX-License-Identifier: MIT */
#include "uuid/chacha20.h"

#define ROUNDS 20

static inline uint32_t rotate(uint32_t word, unsigned bits)
{
    return word << bits | word >> (32 - bits);
}

static inline void quarter_round(uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d)
{
    *a += *b;
    *d = rotate(*d ^ *a, 16);
    *c += *d;
    *b = rotate(*b ^ *c, 12);
    *a += *b;
    *d = rotate(*d ^ *a, 8);
    *c += *d;
    *b = rotate(*b ^ *c, 7);
}

static void block(const uint32_t state[16], uint32_t counter, uint8_t out[64])
{
    uint32_t x[16];
    TKR_UNROLL
    for (int i = 0; i < 16; i++) {
        x[i] = state[i];
    }
    x[12] = counter;
    for (int i = 0; i < ROUNDS; i += 2) {
        quarter_round(&x[0], &x[4], &x[8], &x[12]);
        quarter_round(&x[1], &x[5], &x[9], &x[13]);
        quarter_round(&x[2], &x[6], &x[10], &x[14]);
        quarter_round(&x[3], &x[7], &x[11], &x[15]);
        quarter_round(&x[0], &x[5], &x[10], &x[15]);
        quarter_round(&x[1], &x[6], &x[11], &x[12]);
        quarter_round(&x[2], &x[7], &x[8], &x[13]);
        quarter_round(&x[3], &x[4], &x[9], &x[14]);
    }
    TKR_UNROLL
    for (int i = 0; i < 16; i++) {
        uint32_t word = x[i] + (i == 12 ? counter : state[i]);
        out[4 * i] = (uint8_t)word;
        out[4 * i + 1] = (uint8_t)(word >> 8);
        out[4 * i + 2] = (uint8_t)(word >> 16);
        out[4 * i + 3] = (uint8_t)(word >> 24);
    }
}

void tkr_chacha20_portable(const uint32_t state[16], uint8_t out[TKR_CHACHA20_BYTES])
{
    for (uint32_t i = 0; i < TKR_CHACHA20_BLOCKS; i++) {
        block(state, state[12] + i, out + (size_t)64 * i);
    }
}

void tkr_chacha20(const uint32_t state[16], uint8_t out[TKR_CHACHA20_BYTES])
{
#if TKR_SIMD
    if (tkr_simd & TKR_SIMD_AVX2) {
        tkr_chacha20_avx2(state, out);
        return;
    }
    if (tkr_simd & TKR_SIMD_SSE2) {
        tkr_chacha20_sse2(state, out);
        return;
    }
#endif
    tkr_chacha20_portable(state, out);
}
