/* SPDX-License-Identifier: MIT */
/* The ChaCha20 block function, RFC 8439 section 2.3. */
#ifndef TKR_CHACHA20_H
#define TKR_CHACHA20_H

#include <stddef.h>
#include <stdint.h>

#include "uuid/simd.h"

#pragma GCC visibility push(hidden)

/* Before a loop over the 16 words: they stay in registers only when the loop is gone. */
#define TKR_UNROLL _Pragma("GCC unroll 16")

#define TKR_CHACHA20_BLOCKS 8
#define TKR_CHACHA20_BYTES (TKR_CHACHA20_BLOCKS * 64)

/*
 * Writes eight blocks: of the state (4 constants, 8 words of key, counter, 3 words of nonce) with its counter, with
 * the counter plus 1, and so on. The same bytes on every path. Leaves copies on the stack to the caller to mind.
 */
void tkr_chacha20(const uint32_t state[16], uint8_t out[TKR_CHACHA20_BYTES]);

void tkr_chacha20_portable(const uint32_t state[16], uint8_t out[TKR_CHACHA20_BYTES]);
#if TKR_SIMD
void tkr_chacha20_sse2(const uint32_t state[16], uint8_t out[TKR_CHACHA20_BYTES]);
void tkr_chacha20_avx2(const uint32_t state[16], uint8_t out[TKR_CHACHA20_BYTES]);
#endif

#pragma GCC visibility pop

#endif
