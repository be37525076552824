/* SPDX-License-Identifier: MIT */
#ifndef TKR_ENTROPY_H
#define TKR_ENTROPY_H

#include <stdbool.h>
#include <stddef.h>

#pragma GCC visibility push(hidden)

/* Fills bytes from the kernel; waits while the machine gathers entropy after its start. False: it gives none. */
bool tkr_entropy_fill(void *bytes, size_t size);

#pragma GCC visibility pop

#endif
