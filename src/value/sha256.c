/* SPDX-License-Identifier: MIT */
#include "value/sha256.h"

#include <string.h>

#define BLOCK 64
#define LENGTH_AT (BLOCK - 8) /* where the last block holds the length */

/* The fractions of the cube roots of the first 64 primes. */
static const uint32_t constants[BLOCK] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static inline uint32_t rotate(uint32_t word, unsigned bits)
{
    return word >> bits | word << (32 - bits);
}

static inline uint32_t read_word(const unsigned char *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static inline void write_word(unsigned char *at, uint32_t word)
{
    for (int i = 0; i < 4; i++)
        at[i] = (unsigned char)(word >> (24 - 8 * i));
}

static void take_block(uint32_t state[8], const unsigned char *block)
{
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
    uint32_t e = state[4], f = state[5], g = state[6], h = state[7], w[BLOCK];
    for (size_t i = 0; i < 16; i++)
        w[i] = read_word(block + 4 * i);
    for (int i = 16; i < BLOCK; i++) {
        uint32_t before = w[i - 15], last = w[i - 2];
        w[i] = w[i - 16] + (rotate(before, 7) ^ rotate(before, 18) ^ before >> 3) + w[i - 7] +
               (rotate(last, 17) ^ rotate(last, 19) ^ last >> 10);
    }
    for (int i = 0; i < BLOCK; i++) {
        uint32_t one = h + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + ((e & f) ^ (~e & g)) + constants[i] + w[i];
        uint32_t two = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & b) ^ (a & c) ^ (b & c));
        h = g, g = f, f = e, e = d + one;
        d = c, c = b, b = a, a = one + two;
    }
    const uint32_t mixed[8] = {a, b, c, d, e, f, g, h};
    for (int i = 0; i < 8; i++)
        state[i] += mixed[i];
}

void tkr_sha256_begin(tkr_sha256 *hash)
{
    /* The fractions of the square roots of the first eight primes. */
    *hash = (tkr_sha256){
        .state = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19}};
}

void tkr_sha256_add(tkr_sha256 *hash, const void *bytes, size_t len)
{
    const unsigned char *at = bytes;
    size_t kept = (size_t)(hash->bytes % BLOCK);
    hash->bytes += len;
    if (kept > 0 && len >= BLOCK - kept) {
        memcpy(hash->block + kept, at, BLOCK - kept);
        take_block(hash->state, hash->block);
        at += BLOCK - kept;
        len -= BLOCK - kept;
        kept = 0;
    }
    for (; len >= BLOCK; at += BLOCK, len -= BLOCK) /* nothing is kept, or less than a block is left */
        take_block(hash->state, at);
    if (len > 0)
        memcpy(hash->block + kept, at, len);
}

void tkr_sha256_end(tkr_sha256 *hash, unsigned char out[TKR_SHA256_SIZE])
{
    static const unsigned char padding[BLOCK] = {0x80};
    unsigned char length[8];
    uint64_t bits = hash->bytes * 8;
    size_t kept = (size_t)(hash->bytes % BLOCK);
    write_word(length, (uint32_t)(bits >> 32));
    write_word(length + 4, (uint32_t)bits);
    tkr_sha256_add(hash, padding, (kept < LENGTH_AT ? LENGTH_AT : BLOCK + LENGTH_AT) - kept);
    tkr_sha256_add(hash, length, sizeof length);
    for (size_t i = 0; i < 8; i++)
        write_word(out + 4 * i, hash->state[i]);
}
