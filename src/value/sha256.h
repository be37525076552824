/* SPDX-License-Identifier: MIT */
/* SHA-256 (FIPS 180-4), so that the library needs no other one for the sake of a single hash. */
#ifndef TKR_VALUE_SHA256_H
#define TKR_VALUE_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define TKR_SHA256_SIZE 32

typedef struct tkr_sha256 {
    uint32_t state[8];
    uint64_t bytes; /* taken so far; those that fill no block yet stand in block */
    unsigned char block[64];
} tkr_sha256;

void tkr_sha256_begin(tkr_sha256 *hash);

/* len 0: bytes may be NULL. */
void tkr_sha256_add(tkr_sha256 *hash, const void *bytes, size_t len);

/* The hash has to be begun anew after this. */
void tkr_sha256_end(tkr_sha256 *hash, unsigned char out[TKR_SHA256_SIZE]);

#endif
