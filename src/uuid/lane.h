/* SPDX-License-Identifier: MIT */
/*
 * Where random bits come from: each thread has a lane, one page with a ChaCha20 key and at most 480 bytes drawn from
 * it in advance. What is handed out is erased, and every refill replaces the key (fast key erasure), so the page
 * never tells anything about ids made before.
 *
 * The page is one the kernel empties in a forked child (MADV_WIPEONFORK) and leaves out of core dumps. An empty page
 * is valid and means: ask the kernel. Where such a page cannot be had, every call asks the kernel.
 *
 * A word of zero means there is none. So one test covers the used-up lane, the child's emptied page and words that a
 * signal handler has taken meanwhile.
 */
#ifndef TKR_LANE_H
#define TKR_LANE_H

#include <stdatomic.h>

#include "tasker/status.h"

#pragma GCC visibility push(hidden)

#define TKR_LANE_WORDS 60

/* What a generator counts for its report. */
typedef struct tkr_tally {
    _Atomic int64_t rollbacks;
    _Atomic int64_t refills;
} tkr_tally;

typedef struct tkr_lane {
    uint64_t clock;                     /* ticks at the last call */
    uint64_t expires;                   /* ticks at which the key is too old; 0: there is no key */
    uint64_t spent;                     /* bytes made since the kernel was asked */
    volatile uint64_t next;             /* the first unused word */
    uint64_t number;                    /* where the thread left the process's generator */
    uint64_t read_at;                   /* cycles before `clock` was read; 0: nobody asked */
    uint32_t company;                   /* a bit for each of the last calls: others had moved the number meanwhile */
    _Alignas(64) uint32_t key[8];       /* key and words are one ChaCha20 output: keep them together */
    uint64_t words[TKR_LANE_WORDS + 1]; /* the last is always 0 */
} tkr_lane;

/* This thread's lane; NULL before its first id. One word, so that initial-exec storage is had under dlopen too. */
extern _Thread_local tkr_lane *tkr_lane_here __attribute__((tls_model("initial-exec")));

/* The clock has not gone back since the last use and the key is young. False for an empty page, whatever the time. */
static inline bool tkr_lane_is_fresh(const tkr_lane *lane, uint64_t ticks)
{
    return ticks >= lane->clock && ticks < lane->expires;
}

/* Other threads make ids at this moment: seen twice in the last 32 calls. */
static inline bool tkr_lane_has_company(const tkr_lane *lane)
{
    return (lane->company & (lane->company - 1)) != 0;
}

static inline uint64_t tkr_lane_take(tkr_lane *lane)
{
    uint64_t next = lane->next;
    uint64_t word = lane->words[next];
    lane->words[next] = 0;
    lane->next = next + (word != 0);
    return word;
}

/* Fills count words at the time ticks. NO_ENTROPY: the words are useless. */
tasker_status tkr_lane_draw(tkr_tally *tally, uint64_t ticks, size_t count, uint64_t *words);

/* The same, reading the system's clock itself, and doing without when that fails. */
tasker_status tkr_lane_draw_timeless(tkr_tally *tally, size_t count, uint64_t *words);

#pragma GCC visibility pop

#endif
