/* SPDX-License-Identifier: MIT */
/* Deadlines on the monotonic clock: a step of the wall clock neither ends nor prolongs a call. */
#pragma once
#include <stdint.h>
#include <time.h>

typedef struct tkr_deadline {
    int64_t ns; /* INT64_MAX: none */
} tkr_deadline;

static inline int64_t tkr_monotonic_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static inline tkr_deadline tkr_deadline_in(int32_t ms)
{
    return (tkr_deadline){ms < 0 ? INT64_MAX : tkr_monotonic_ns() + (int64_t)ms * 1000000};
}

/* For poll(): -1 is for ever, 0 is over; rounded up so that a poll never spins just before the deadline. */
static inline int tkr_deadline_poll_ms(tkr_deadline deadline)
{
    if (deadline.ns == INT64_MAX)
        return -1;
    int64_t left = deadline.ns - tkr_monotonic_ns();
    if (left <= 0)
        return 0;
    int64_t ms = (left + 999999) / 1000000;
    return ms > INT32_MAX ? INT32_MAX : (int)ms;
}
