/* SPDX-License-Identifier: MIT */
#include "uuid_faults.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/types.h>
#include <time.h>

#include "uuid/lane.h"

#define SECOND_NS INT64_C(1000000000)

faults fault;

int __real_clock_gettime(clockid_t clock, struct timespec *out);
int __wrap_clock_gettime(clockid_t clock, struct timespec *out);
ssize_t __real_getrandom(void *bytes, size_t size, unsigned flags);
ssize_t __wrap_getrandom(void *bytes, size_t size, unsigned flags);
int __real_madvise(void *address, size_t size, int advice);
int __wrap_madvise(void *address, size_t size, int advice);
void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);

int __wrap_clock_gettime(clockid_t clock, struct timespec *out)
{
    if (clock == CLOCK_REALTIME && fault.clock_fails) {
        errno = EINVAL;
        return -1;
    }
    int answer = __real_clock_gettime(clock, out);
    if (clock == CLOCK_REALTIME && fault.clock_frozen_s != 0) {
        *out = (struct timespec){.tv_sec = fault.clock_frozen_s, .tv_nsec = 999999999};
    } else if (clock == CLOCK_REALTIME && answer == 0) {
        int64_t frozen = fault.clock_frozen_ns;
        int64_t ns = frozen != 0 ? frozen : out->tv_sec * SECOND_NS + out->tv_nsec;
        ns += fault.clock_offset_ns;
        out->tv_sec = ns / SECOND_NS - (ns % SECOND_NS < 0);
        out->tv_nsec = ns % SECOND_NS + (ns % SECOND_NS < 0 ? SECOND_NS : 0);
    }
    return answer;
}

ssize_t __wrap_getrandom(void *bytes, size_t size, unsigned flags)
{
    int64_t calls = ++fault.getrandom_calls;
    switch ((entropy_fault)fault.entropy) {
    case ENTROPY_FAILS:
        memset(bytes, 0x11, size);
        errno = EIO;
        return -1;
    case ENTROPY_NOT_READY:
        errno = EAGAIN;
        return -1;
    case ENTROPY_INTERRUPTED:
        errno = EINTR;
        return calls % 2 == 1 ? -1 : __real_getrandom(bytes, size, flags);
    case ENTROPY_INTERRUPTING:
        errno = EINTR;
        return -1;
    case ENTROPY_SHORT:
        return __real_getrandom(bytes, 1, flags);
    case ENTROPY_FINE:
        break;
    }
    return __real_getrandom(bytes, size, flags);
}

int __wrap_madvise(void *address, size_t size, int advice)
{
    if (fault.madvise_fails) {
        errno = EINVAL;
        return -1;
    }
    return __real_madvise(address, size, advice);
}

void *__wrap_malloc(size_t size)
{
    fault.allocations++;
    return __real_malloc(size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    fault.allocations++;
    return __real_aligned_alloc(alignment, size);
}

void faults_reset(void)
{
    memset((void *)&fault, 0, sizeof(fault));
}

void faults_drop_lane(void)
{
    if (tkr_lane_here != NULL) {
        memset((void *)tkr_lane_here, 0, sizeof(*tkr_lane_here));
    }
}
