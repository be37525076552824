/* SPDX-License-Identifier: MIT */
/* Ids and times: ids for a given time, bounds of a time, the time of an id. RFC 9562, 5.7 and 6.2 method 3. */
#include "uuid/bytes.h"
#include "uuid/lane.h"
#include "uuid/uuid_v7.h"

#define US_PER_MS 1000u
#define STEPS_PER_MS 4096u
#define TIME_END (((int64_t)1 << 48) * (int64_t)US_PER_MS)

#define VERSION_7 ((uint64_t)0x7000)
#define VARIANT ((uint64_t)2 << 62)
#define LOW_MAX (((uint64_t)1 << 62) - 1)

/* rand_b of an id for a given time: 26 bits number of the call, 36 bits random. */
#define TAIL_BITS 36
#define NUMBER_END ((uint64_t)1 << 26)
#define NUMBER_HALF ((uint64_t)1 << 25)

static bool has_place(tasker_time at)
{
    return at.us >= 0 && at.us < TIME_END;
}

/* The upper half of the id: milliseconds, version, fraction rounded down. */
static uint64_t high_of(tasker_time at)
{
    uint64_t us = (uint64_t)at.us;
    return us / US_PER_MS << 16 | VERSION_7 | us % US_PER_MS * STEPS_PER_MS / US_PER_MS;
}

/* A series from inside; all zero at first. */
enum {
    NEXT,  /* the number of the next call; 0: no call yet */
    END,   /* one past the latest time so far */
    START, /* the time at which the numbers started anew */
    EARLY  /* the number of the next call for a time before START; above every number such a time has had */
};

/*
 * The number of this call. It goes up by one from call to call, so that equal times ascend wherever they stand. In
 * the upper half of its range it starts again with a time later than all before it; whoever goes back to a time
 * before that one goes on with the numbers those times had.
 */
static bool number_call(tasker_uuid_series *series, tasker_time at, uint64_t seed, uint64_t *out)
{
    uint64_t *own = series->opaque;
    uint64_t us = (uint64_t)at.us;
    if (own[NEXT] >= NUMBER_HALF && us >= own[END]) {
        own[EARLY] = own[EARLY] > own[NEXT] ? own[EARLY] : own[NEXT];
        own[START] = us;
        own[NEXT] = 0;
    }
    uint64_t *next = &own[us < own[START] ? EARLY : NEXT];
    if (*next == 0) {
        *next = seed;
    }
    if (*next >= NUMBER_END) {
        return false;
    }
    *out = (*next)++;
    own[END] = us >= own[END] ? us + 1 : own[END];
    return true;
}

tasker_status tasker_uuid_generate_at(tasker_uuid_series *series, tasker_time at, tasker_uuid *out)
{
    uint64_t word;
    if (out == NULL || !has_place(at)) {
        return TASKER_INVALID_ARGUMENT;
    }
    tasker_status status = tkr_lane_draw_timeless(tkr_uuid_process_tally(), 1, &word);
    if (status != TASKER_OK) {
        return status;
    }
    uint64_t seed = word >> 39;
    uint64_t number = seed;
    if (series != NULL && !number_call(series, at, seed, &number)) {
        return TASKER_LIMIT_EXCEEDED;
    }
    uint64_t tail = word & (((uint64_t)1 << TAIL_BITS) - 1);
    tkr_uuid_set(out, high_of(at), VARIANT | number << TAIL_BITS | tail);
    return TASKER_OK;
}

static bool cut(tasker_time *at, tasker_uuid_grain grain)
{
    if (grain == TASKER_UUID_GRAIN_MS) {
        at->us -= at->us % (int64_t)US_PER_MS;
        return true;
    }
    return grain == TASKER_UUID_GRAIN_US;
}

tasker_status tasker_uuid_lower_bound(tasker_time at, tasker_uuid_grain grain, tasker_uuid *out)
{
    if (out == NULL || !has_place(at) || !cut(&at, grain)) {
        return TASKER_INVALID_ARGUMENT;
    }
    tkr_uuid_set(out, high_of(at), VARIANT);
    return TASKER_OK;
}

tasker_status tasker_uuid_upper_bound(tasker_time at, tasker_uuid_grain grain, tasker_uuid *out)
{
    if (out == NULL || !has_place(at) || !cut(&at, grain)) {
        return TASKER_INVALID_ARGUMENT;
    }
    /* The step before the one that the next microsecond begins with; at the end of a millisecond its last one. */
    uint64_t grains = grain == TASKER_UUID_GRAIN_MS ? US_PER_MS : 1;
    uint64_t steps = ((uint64_t)at.us % US_PER_MS + grains) * STEPS_PER_MS / US_PER_MS - 1;
    tkr_uuid_set(out, (uint64_t)at.us / US_PER_MS << 16 | VERSION_7 | steps, VARIANT | LOW_MAX);
    return TASKER_OK;
}

tasker_status tasker_uuid_get_time(const tasker_uuid *uuid, tasker_uuid_grain grain, tasker_time *out)
{
    if (uuid == NULL || out == NULL || (grain != TASKER_UUID_GRAIN_MS && grain != TASKER_UUID_GRAIN_US)) {
        return TASKER_INVALID_ARGUMENT;
    }
    if (!tasker_uuid_is_v7(uuid)) {
        return TASKER_UNSUPPORTED;
    }
    uint64_t high = tkr_uuid_high(uuid);
    uint64_t us = (high >> 16) * US_PER_MS;
    if (grain == TASKER_UUID_GRAIN_US) {
        us += ((high & (STEPS_PER_MS - 1)) * US_PER_MS + STEPS_PER_MS - 1) / STEPS_PER_MS;
    }
    out->us = (int64_t)us;
    return TASKER_OK;
}
