/* SPDX-License-Identifier: MIT */
/* The canonical form of one number of JSON. */
#ifndef TKR_VALUE_JSON_NUMBER_H
#define TKR_VALUE_JSON_NUMBER_H

#include <stddef.h>

#define TKR_JSON_NUMBER_MORE 24 /* bytes that the canonical form may have more than the number */

/*
 * All digits of the number, laid out as ECMAScript's Number::toString lays out those of a double. The number has passed
 * tasker_json_check; out has room for len + TKR_JSON_NUMBER_MORE bytes. Returns how many were written.
 */
size_t tkr_json_number_canonical(const char *number, size_t len, char *out);

#endif
