/* SPDX-License-Identifier: MIT */
/* UTF-8 as PostgreSQL takes it: RFC 3629 without NUL. */
#ifndef TKR_VALUE_TEXT_H
#define TKR_VALUE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* NULL, or TASKER_CLEAR, which means no more than that where nothing is to be cleared. */
bool tkr_is_absent(const char *ptr);

/* Bytes of the well-formed character at the start, left > 0; 0 when there is none, NUL included. */
size_t tkr_utf8_character(const char *ptr, size_t left);

/* False: *bad_offset, unless NULL, is where the first ill-formed character begins; else it stays untouched. */
bool tkr_utf8_valid(const char *ptr, size_t len, size_t *bad_offset);

/* Characters, as varchar(n) counts them, of a text that is valid. */
size_t tkr_utf8_count(const char *ptr, size_t len);

/*
 * Copies at most size - 1 bytes as one line and ends them with NUL: control characters and line separators become a
 * space each, ill-formed bytes '?', and the cut falls between two characters. Returns the bytes before the NUL;
 * size 0 writes nothing.
 */
size_t tkr_text_sanitize(char *dst, size_t size, const char *src, size_t len);

#endif
