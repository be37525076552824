/* SPDX-License-Identifier: MIT */
/* What can be asked of an id: order, version, variant, hash. */
#include "uuid/bytes.h"

const tasker_uuid tasker_uuid_nil = {{0}};
const tasker_uuid tasker_uuid_max = {
    {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

int32_t tasker_uuid_compare(const tasker_uuid *a, const tasker_uuid *b)
{
    uint64_t left = tkr_uuid_high(a);
    uint64_t right = tkr_uuid_high(b);
    if (left == right) {
        left = tkr_uuid_low(a);
        right = tkr_uuid_low(b);
    }
    return (left > right) - (left < right);
}

bool tasker_uuid_equal(const tasker_uuid *a, const tasker_uuid *b)
{
    return ((tkr_uuid_high(a) ^ tkr_uuid_high(b)) | (tkr_uuid_low(a) ^ tkr_uuid_low(b))) == 0;
}

bool tasker_uuid_is_nil(const tasker_uuid *uuid)
{
    return (tkr_uuid_high(uuid) | tkr_uuid_low(uuid)) == 0;
}

bool tasker_uuid_is_max(const tasker_uuid *uuid)
{
    return (tkr_uuid_high(uuid) & tkr_uuid_low(uuid)) == UINT64_MAX;
}

bool tasker_uuid_is_v7(const tasker_uuid *uuid)
{
    return uuid->bytes[6] >> 4 == 7 && uuid->bytes[8] >> 6 == 2;
}

int32_t tasker_uuid_version(const tasker_uuid *uuid)
{
    return uuid->bytes[6] >> 4;
}

int32_t tasker_uuid_variant(const tasker_uuid *uuid)
{
    int32_t bits = uuid->bytes[8] >> 5;
    if (bits >= 6) {
        return bits;
    }
    return bits >= 4 ? 2 : 0;
}

/* Two rounds of multiply and fold; the numbers are odd and have about as many ones as zeros. Fixed for good. */
uint64_t tasker_uuid_hash(const tasker_uuid *uuid)
{
    uint64_t hash = tkr_uuid_high(uuid) * UINT64_C(0x9e3779b97f4a7c15);
    hash = (hash ^ hash >> 32 ^ tkr_uuid_low(uuid)) * UINT64_C(0xd6e8feb86659fd93);
    hash = (hash ^ hash >> 32) * UINT64_C(0xd6e8feb86659fd93);
    return hash ^ hash >> 32;
}
