/* SPDX-License-Identifier: MIT */
/* Messages, and memory that is there or ends the program: an example may do that, a library may not. */
#ifndef SAY_H
#define SAY_H

#include <stddef.h>

/* Exit statuses besides 0. */
enum { EXIT_INCOMPLETE = 1, EXIT_BAD_INPUT = 2 };

/* One line on stderr, after the program's name, whatever characters it is made of. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* count zeroed elements of this size; count 0 is fine. */
void *allocate(size_t count, size_t size);

/* block is NULL or from here. */
void *reallocate(void *block, size_t count, size_t size);

/* Formats into memory of its own: free it. */
char *format_text(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
