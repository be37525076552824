/* SPDX-License-Identifier: MIT */
/* Inside the text form: what the vector path must leave to the portable one. */
#ifndef TKR_UUID_TEXT_H
#define TKR_UUID_TEXT_H

#include "tasker/uuid.h"
#include "uuid/simd.h"

#if TKR_SIMD
/* Reads 36 characters at text. False: one of them is wrong, and *out is as it was. Needs SSSE3. */
bool tkr_uuid_parse_ssse3(const char *text, tasker_uuid *out);

/* Writes 36 characters. letters: 'a' or 'A'. Needs SSSE3. */
void tkr_uuid_format_ssse3(const tasker_uuid *uuid, char letters, char *out);
#endif

#endif
