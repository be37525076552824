/* SPDX-License-Identifier: MIT */
#include "uuid/entropy.h"

#include <errno.h>
#include <stdint.h>
#include <sys/random.h>
#include <sys/types.h>

/* Interruptions in a row after which something is wrong and waiting on would be a hang. */
#define PATIENCE 1000

bool tkr_entropy_fill(void *bytes, size_t size)
{
    uint8_t *at = bytes;
    int patience = PATIENCE;
    int saved_errno = errno;
    while (size > 0) {
        ssize_t got = getrandom(at, size, 0);
        if (got > 0 && (size_t)got <= size) {
            at += got;
            size -= (size_t)got;
        } else if (got >= 0 || errno != EINTR || --patience == 0) {
            break;
        }
    }
    errno = saved_errno;
    return size == 0;
}
