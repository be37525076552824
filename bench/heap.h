/* SPDX-License-Identifier: MIT */
/* The heap of the process, whoever in it allocates: the program's malloc stands before the C library's (glibc). */
#pragma once
#include <stddef.h>

/* Bytes in use, with what each block costs beside its contents. */
size_t heap_live(void);

/* Forgets the peak: it is what is in use now. */
void heap_mark(void);

/* The most that was in use since. */
size_t heap_peak(void);
