/* SPDX-License-Identifier: MIT */
/*
 * What the library sees of the system, at the test's will: its calls of clock_gettime, getrandom, madvise and malloc
 * come here first (the linker's --wrap).
 */
#ifndef TKR_TESTS_UUID_FAULTS_H
#define TKR_TESTS_UUID_FAULTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

typedef enum entropy_fault {
    ENTROPY_FINE,
    ENTROPY_FAILS,        /* EIO */
    ENTROPY_NOT_READY,    /* EAGAIN */
    ENTROPY_INTERRUPTED,  /* EINTR before every other call */
    ENTROPY_INTERRUPTING, /* EINTR for ever */
    ENTROPY_SHORT         /* a byte at a time */
} entropy_fault;

typedef struct faults {
    _Atomic int64_t clock_offset_ns; /* added to the true time */
    _Atomic int64_t clock_frozen_ns; /* the time, if not 0 */
    _Atomic int64_t clock_frozen_s;  /* the same in seconds, for years that nanoseconds do not reach */
    _Atomic bool clock_fails;
    _Atomic int entropy;
    _Atomic bool madvise_fails;
    _Atomic int64_t getrandom_calls;
    _Atomic int64_t allocations;
} faults;

extern faults fault;

/* All as the system has it, counts at 0. */
void faults_reset(void);

/* Lets go of the calling thread's random words, as a fork or an expired key would. */
void faults_drop_lane(void);

#endif
