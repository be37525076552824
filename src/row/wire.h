/* SPDX-License-Identifier: MIT */
/* Big-endian numbers as PostgreSQL's binary formats have them. */
#pragma once
#include <stdint.h>
#include <string.h>

/* PostgreSQL counts microseconds from 2000-01-01, we from 1970-01-01. */
#define TKR_EPOCH_US INT64_C(946684800000000)

static inline uint32_t tkr_read_u32(const void *from)
{
    uint32_t v;
    memcpy(&v, from, sizeof v);
    return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? __builtin_bswap32(v) : v;
}

static inline uint64_t tkr_read_u64(const void *from)
{
    uint64_t v;
    memcpy(&v, from, sizeof v);
    return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? __builtin_bswap64(v) : v;
}

static inline void tkr_write_u32(void *to, uint32_t v)
{
    v = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? __builtin_bswap32(v) : v;
    memcpy(to, &v, sizeof v);
}

static inline void tkr_write_u64(void *to, uint64_t v)
{
    v = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? __builtin_bswap64(v) : v;
    memcpy(to, &v, sizeof v);
}
