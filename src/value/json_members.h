/* SPDX-License-Identifier: MIT */
/* Looking into JSON that tasker_json_check has accepted; other bytes must not come here. */
#ifndef TKR_VALUE_JSON_MEMBERS_H
#define TKR_VALUE_JSON_MEMBERS_H

#include "tasker/types.h"

/* A walk over the members of one object, or the items of one array. Of what is neither: over none. */
typedef struct tkr_json_members {
    const char *at, *end;
} tkr_json_members;

tkr_json_members tkr_json_members_of(tasker_json json);

/* The next member: views into the text, the key in its quotes. False: there is none. */
bool tkr_json_members_next(tkr_json_members *members, tasker_json *key, tasker_json *value);

/* The same over the items of an array. */
tkr_json_members tkr_json_items_of(tasker_json json);
bool tkr_json_items_next(tkr_json_members *items, tasker_json *value);

/*
 * A whole number, also one written as 12.0 or 1e3, exactly; false: none, or not one of an int64_t, or more than 64
 * characters.
 */
bool tkr_json_read_integer(tasker_json number, int64_t *out);

/* A number; false: none, or too large for a double. */
bool tkr_json_read_number(tasker_json number, double *out);

#endif
