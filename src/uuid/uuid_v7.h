/* SPDX-License-Identifier: MIT */
/* The state of a generator: one atomic number carries time, fraction and counter, so nothing else needs a lock. */
#ifndef TKR_UUID_V7_H
#define TKR_UUID_V7_H

#include <stdatomic.h>

#include "tasker/uuid.h"
#include "uuid/lane.h"

#pragma GCC visibility push(hidden)

#define TKR_CACHE_LINES 128 /* processors fetch lines in pairs */

_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "a lock could be held while another thread forks");

struct tasker_uuid_generator {
    /* The greatest number given out: 44 bits ms, 12 bits fraction, 8 bits counter. 0: none yet. */
    _Alignas(TKR_CACHE_LINES) _Atomic uint64_t last;
    _Alignas(TKR_CACHE_LINES) tkr_tally tally;
    _Atomic uint64_t clock; /* ticks read last, where a source is replaced; else the lanes see to it */
    tasker_uuid_source source;
};

/* The process-wide generator's counts, for those who draw from its lanes. */
tkr_tally *tkr_uuid_process_tally(void);

#pragma GCC visibility pop

#endif
