/* SPDX-License-Identifier: MIT */
#ifndef TKR_VALUE_LIMITS_H
#define TKR_VALUE_LIMITS_H

#include "tasker/types.h"

/* Limits cannot be raised beyond these; larger numbers count as these. */
#define TKR_JSON_DEPTH_MAX 1000                  /* the server parses JSON by recursion */
#define TKR_ROWS_MAX (INT32_MAX - 1)             /* a page asks for one row more */
#define TKR_VALUE_BYTES_MAX (INT32_C(255) << 20) /* of one text or JSON: a jsonb string ends at 256 MiB - 1 */

/*
 * Fills in the defaults that tasker/types.h names for all members that are 0; limits NULL: for all. False, and *out
 * untouched: a member is negative. The reserved words are copied.
 */
bool tkr_limits_or_defaults(const tasker_limits *limits, tasker_limits *out);

/* For JSON that is only read, whoever wrote it. */
extern const tasker_limits tkr_limits_widest;

/* A reserved word is set: the caller is newer than this library and must be answered UNSUPPORTED. */
bool tkr_limits_reserved(const tasker_limits *limits);

#endif
