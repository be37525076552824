/* SPDX-License-Identifier: MIT */
#ifndef TKR_VALUE_TIME_H
#define TKR_VALUE_TIME_H

#include "tasker/types.h"

/*
 * Reads a time of RFC 3339, any offset; what is finer than a microsecond is cut off. False: it is none, and *out is
 * untouched.
 */
bool tkr_time_parse(tasker_text text, tasker_time *out);

/* Whether PostgreSQL's timestamp has it. */
bool tkr_time_is_storable(tasker_time time);

#endif
