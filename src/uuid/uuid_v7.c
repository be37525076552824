/* SPDX-License-Identifier: MIT */
/*
 * The live generator, RFC 9562 sections 5.7 and 6.2.
 *
 * A call reads the clock and moves the atomic number `last` one further, or to the clock's tick where that is more.
 * Whoever moves it owns the numbers moved over. A full counter carries into the fraction and the milliseconds by plain
 * addition, a clock set back leaves `last` where it is: neither needs code of its own.
 */
#include "uuid/uuid_v7.h"

#include <stdlib.h>
#include <string.h>

#include "uuid/bytes.h"
#include "uuid/clock.h"

#define PIECE ((size_t)512) /* ids made at once; their random words stand on the stack */
#define COUNTER_BITS 8
#define NUMBER_END (UINT64_MAX - UINT32_MAX) /* far enough from the end for all who add before they look */
#define SEED_SHIFT 57   /* the upper 7 bits of a random word start the counter, its top bit stays free */
#define GLANCE 2048     /* cycles */
#define GLANCE_TICKS 18 /* more than they last */
#define TAIL_MASK ((UINT64_C(1) << 54) - 1)

static tasker_uuid_generator process;

tkr_tally *tkr_uuid_process_tally(void)
{
    return &process.tally;
}

/* Takes back what was added beyond the end, never below it: under that, numbers may have gone out meanwhile. */
static void stay_at_end(tasker_uuid_generator *generator)
{
    uint64_t last = atomic_load_explicit(&generator->last, memory_order_relaxed);
    while (last > NUMBER_END && !atomic_compare_exchange_weak_explicit(&generator->last, &last, NUMBER_END,
                                                                       memory_order_relaxed, memory_order_relaxed)) {
    }
}

/* From the clock's tick on, or from the number after `last` if that is greater. 0: the numbers are at their end. */
static uint64_t reserve_at_tick(tasker_uuid_generator *generator, uint64_t wanted, uint64_t count, uint64_t last)
{
    uint64_t first;
    if (last >= NUMBER_END) {
        stay_at_end(generator);
        return 0;
    }
    do {
        first = wanted > last ? wanted : last + 1;
        if (last >= NUMBER_END || first >= NUMBER_END - count) {
            return 0;
        }
    } while (!atomic_compare_exchange_weak_explicit(&generator->last, &last, first + count - 1, memory_order_acq_rel,
                                                    memory_order_relaxed));
    return first;
}

/*
 * The first of count numbers in a row that nobody else gets, not below the clock's tick, and the last one given out
 * before. Taking the next ones comes first, because that never has to be tried again; where they lie before the tick
 * they are left unused.
 */
static inline uint64_t reserve(tasker_uuid_generator *generator, uint64_t ticks, uint64_t word, uint64_t count,
                               uint64_t *found)
{
    *found = atomic_fetch_add_explicit(&generator->last, count, memory_order_acq_rel);
    uint64_t first = *found + 1;
    uint64_t last = *found + count;
    if (TKR_LIKELY(first >> COUNTER_BITS >= ticks && last < NUMBER_END)) {
        return first;
    }
    return reserve_at_tick(generator, ticks << COUNTER_BITS | word >> SEED_SHIFT, count, last);
}

static inline void write_id(tasker_uuid *out, uint64_t number, uint64_t word)
{
    uint64_t high = number >> 20 << 16 | 0x7000 | (number >> COUNTER_BITS & 0xfff);
    uint64_t low = UINT64_C(2) << 62 | (number & 0xff) << 54 | (word & TAIL_MASK);
    tkr_uuid_set(out, high, low);
}

static tasker_status read_clock(tasker_uuid_generator *generator, uint64_t *ticks)
{
    if (generator->source.clock == NULL) {
        return tkr_clock_read(ticks) ? TASKER_OK : TASKER_BAD_CLOCK;
    }
    int64_t ns = -1;
    if (generator->source.clock(generator->source.context, &ns) != 0 || ns < 0) {
        return TASKER_BAD_CLOCK;
    }
    *ticks = (uint64_t)ns / 15625 * 64 + (uint64_t)ns % 15625 * 64 / 15625;
    return TASKER_OK;
}

static void count_rollback(tasker_uuid_generator *generator, uint64_t ticks)
{
    bool uses_lanes = generator->source.clock == NULL && generator->source.entropy == NULL;
    if (!uses_lanes && ticks < atomic_exchange_explicit(&generator->clock, ticks, memory_order_relaxed)) {
        atomic_fetch_add_explicit(&generator->tally.rollbacks, 1, memory_order_relaxed);
    }
}

static tasker_status draw(tasker_uuid_generator *generator, uint64_t ticks, size_t count, uint64_t *words)
{
    if (generator->source.entropy != NULL) {
        atomic_fetch_add_explicit(&generator->tally.refills, 1, memory_order_relaxed);
        int32_t answer = generator->source.entropy(generator->source.context, words, count * sizeof(*words));
        return answer == 0 ? TASKER_OK : TASKER_NO_ENTROPY;
    }
    if (generator->source.clock != NULL) {
        return tkr_lane_draw_timeless(&generator->tally, count, words);
    }
    return tkr_lane_draw(&generator->tally, ticks, count, words);
}

/* Remembers where the thread left the number, so that it knows its own moves from those of others. */
static void leave_at(const tasker_uuid_generator *generator, uint64_t number)
{
    if (generator == &process && tkr_lane_here != NULL) {
        tkr_lane_here->number = number;
    }
}

/* Makes up to PIECE ids, or none. */
static tasker_status make_piece(tasker_uuid_generator *generator, size_t count, tasker_uuid *out)
{
    uint64_t words[PIECE];
    uint64_t ticks = 0;
    tasker_status status = read_clock(generator, &ticks);
    if (status != TASKER_OK) {
        return status;
    }
    count_rollback(generator, ticks);
    status = draw(generator, ticks, count, words);
    if (status == TASKER_OK) {
        uint64_t found;
        uint64_t first = reserve(generator, ticks, words[0], count, &found);
        if (first == 0) {
            status = TASKER_BAD_CLOCK;
        } else {
            leave_at(generator, first + count - 1);
            for (size_t i = 0; i < count; i++) {
                write_id(&out[i], first + i, words[i]);
            }
        }
    }
    explicit_bzero(words, count * sizeof(*words));
    return status;
}

static tasker_status make_many(tasker_uuid_generator *generator, size_t count, tasker_uuid *out)
{
    if (count > 0 && (out == NULL || count > SIZE_MAX / sizeof(*out))) {
        return TASKER_INVALID_ARGUMENT;
    }
    for (size_t done = 0; done < count;) {
        size_t piece = count - done < PIECE ? count - done : PIECE;
        tasker_status status = make_piece(generator, piece, out + done);
        if (status != TASKER_OK) {
            memset(out, 0, done * sizeof(*out));
            return status;
        }
        done += piece;
    }
    return TASKER_OK;
}

static inline bool look_at_clock(tkr_lane *lane, uint64_t *ticks)
{
    if (TKR_UNLIKELY(!tkr_clock_read(ticks) || !tkr_lane_is_fresh(lane, *ticks))) {
        return false;
    }
    lane->clock = *ticks;
    return true;
}

/*
 * While several threads make ids at once, one reading of the clock serves a thread for GLANCE cycles: it is most of
 * what a call does, and the shorter the calls, the more of them are done before the line with the number moves on.
 * The order is the number's, whatever the time. No reading is kept into the next millisecond.
 */
static inline bool glance_at_clock(tkr_lane *lane, uint64_t *ticks)
{
    uint64_t cycles = tkr_cycles();
    if (cycles - lane->read_at < GLANCE) {
        *ticks = lane->clock;
        return true;
    }
    if (!look_at_clock(lane, ticks)) {
        return false;
    }
    lane->read_at = *ticks % TKR_TICKS_PER_MS < TKR_TICKS_PER_MS - GLANCE_TICKS ? cycles : 0;
    return true;
}

static inline bool find_time(tkr_lane *lane, uint64_t *ticks)
{
    bool has_company = TKR_HAS_CYCLES && tkr_lane_has_company(lane);
    return TKR_UNLIKELY(has_company) ? glance_at_clock(lane, ticks) : look_at_clock(lane, ticks);
}

tasker_status tasker_uuid_generate(tasker_uuid *out)
{
    tkr_lane *lane = tkr_lane_here;
    uint64_t ticks, found;
    if (TKR_LIKELY(lane != NULL && out != NULL && find_time(lane, &ticks))) {
        uint64_t word = tkr_lane_take(lane);
        if (TKR_LIKELY(word != 0)) {
            uint64_t number = reserve(&process, ticks, word, 1, &found);
            if (TKR_LIKELY(number != 0)) {
                lane->company = lane->company << 1 | (found != lane->number);
                lane->number = number;
                write_id(out, number, word);
                return TASKER_OK;
            }
        }
    }
    return make_many(&process, 1, out);
}

tasker_status tasker_uuid_generate_many(size_t count, tasker_uuid *out)
{
    return make_many(&process, count, out);
}

tasker_status tasker_uuid_generator_open(const tasker_uuid_source *source, tasker_uuid_generator **out)
{
    if (out == NULL) {
        return TASKER_INVALID_ARGUMENT;
    }
    *out = NULL;
    tasker_uuid_generator *generator = aligned_alloc(TKR_CACHE_LINES, sizeof(*generator));
    if (generator == NULL) {
        return TASKER_OUT_OF_MEMORY;
    }
    memset(generator, 0, sizeof(*generator));
    if (source != NULL) {
        generator->source = *source;
    }
    *out = generator;
    return TASKER_OK;
}

tasker_status tasker_uuid_generator_next(tasker_uuid_generator *generator, size_t count, tasker_uuid *out)
{
    return make_many(generator != NULL ? generator : &process, count, out);
}

void tasker_uuid_generator_report(tasker_uuid_generator *generator, tasker_uuid_report *out)
{
    if (generator == NULL) {
        generator = &process;
    }
    uint64_t last = atomic_load(&generator->last) >> COUNTER_BITS;
    uint64_t ticks = 0;
    out->rollbacks = atomic_load(&generator->tally.rollbacks);
    out->refills = atomic_load(&generator->tally.refills);
    if (read_clock(generator, &ticks) != TASKER_OK) {
        out->ahead_ns = -1;
        return;
    }
    uint64_t ahead = last > ticks ? last - ticks : 0;
    const uint64_t most = (uint64_t)INT64_MAX / 15625 * 64;
    out->ahead_ns = (int64_t)(ahead < most ? ahead / 64 * 15625 + ahead % 64 * 15625 / 64 : INT64_MAX);
}

void tasker_uuid_generator_resync(tasker_uuid_generator *generator)
{
    uint64_t ticks;
    if (generator == NULL) {
        generator = &process;
    }
    if (read_clock(generator, &ticks) != TASKER_OK) {
        return;
    }
    uint64_t last = atomic_load(&generator->last);
    while (last >> COUNTER_BITS > ticks &&
           !atomic_compare_exchange_weak(&generator->last, &last, ticks << COUNTER_BITS)) {
    }
    leave_at(generator, atomic_load(&generator->last));
}

void tasker_uuid_generator_close(tasker_uuid_generator *generator)
{
    free(generator);
}
