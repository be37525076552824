/* SPDX-License-Identifier: MIT */
/* Inside the text form: what the vector path must leave to the portable one. */
#ifndef TKR_UUID_TEXT_H
#define TKR_UUID_TEXT_H

#include "tasker/uuid.h"
#include "uuid/simd.h"

#pragma GCC visibility push(hidden)

#if TKR_SIMD
/* Reads 36 characters at text. False: one of them is wrong, and *out is as it was. Needs SSSE3. */
bool tkr_uuid_parse_ssse3(const char *text, tasker_uuid *out);

/* The public functions of these names; they need SSSE3. */
const char *tkr_uuid_format_ssse3(const tasker_uuid *uuid, char *out);
const char *tkr_uuid_format_upper_ssse3(const tasker_uuid *uuid, char *out);
void tkr_uuid_format_bare_ssse3(const tasker_uuid *uuid, char *out);
#endif

#pragma GCC visibility pop

#endif
