/* SPDX-License-Identifier: MIT */
/* Time in ticks of 1/4096 ms since 1970. 2^56 of them, up to the year 2527, fit above an 8-bit counter. */
#ifndef TKR_CLOCK_H
#define TKR_CLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#define TKR_TICKS_PER_SECOND UINT64_C(4096000)
#define TKR_TICKS_PER_MS 4096
#define TKR_SECONDS_END UINT64_C(17592186040) /* below 2^44 ms, with room for those who run ahead */

/* The system's clock. False: it fails, or stands outside 1970 to 2527-06-23. */
static inline bool tkr_clock_read(uint64_t *ticks)
{
    struct timespec now;
    if (__builtin_expect(clock_gettime(CLOCK_REALTIME, &now) != 0, 0)) {
        return false;
    }
    uint64_t seconds = (uint64_t)now.tv_sec; /* before 1970: a huge number */
    uint64_t ns = (uint64_t)now.tv_nsec;
    *ticks = seconds * TKR_TICKS_PER_SECOND + ns * 64 / 15625;
    return __builtin_expect(seconds < TKR_SECONDS_END && ns < 1000000000, 1);
}

/* A counter of cycles, at 0.5 GHz at least, at less than half the price of the clock. Good for short times only. */
#if defined(__x86_64__)
#define TKR_HAS_CYCLES 1
static inline uint64_t tkr_cycles(void)
{
    return __builtin_ia32_rdtsc();
}
#else
#define TKR_HAS_CYCLES 0
static inline uint64_t tkr_cycles(void)
{
    return 0;
}
#endif

#endif
