/* SPDX-License-Identifier: MIT */
/* Sixteen bytes as two numbers in network order. */
#ifndef TKR_UUID_BYTES_H
#define TKR_UUID_BYTES_H

#include <string.h>

#include "tasker/uuid.h"

#define TKR_LIKELY(condition) __builtin_expect(!!(condition), 1)
#define TKR_UNLIKELY(condition) __builtin_expect(!!(condition), 0)

static inline uint64_t tkr_uuid_swap(uint64_t value)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return __builtin_bswap64(value);
#else
    return value;
#endif
}

static inline uint64_t tkr_uuid_high(const tasker_uuid *uuid)
{
    uint64_t value;
    memcpy(&value, uuid->bytes, sizeof(value));
    return tkr_uuid_swap(value);
}

static inline uint64_t tkr_uuid_low(const tasker_uuid *uuid)
{
    uint64_t value;
    memcpy(&value, uuid->bytes + 8, sizeof(value));
    return tkr_uuid_swap(value);
}

static inline void tkr_uuid_set(tasker_uuid *uuid, uint64_t high, uint64_t low)
{
    high = tkr_uuid_swap(high);
    low = tkr_uuid_swap(low);
    memcpy(uuid->bytes, &high, sizeof(high));
    memcpy(uuid->bytes + 8, &low, sizeof(low));
}

#endif
