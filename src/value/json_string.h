/* SPDX-License-Identifier: MIT */
/* Strings of JSON: out of their quotes and escapes, and into them. What is read has passed tasker_json_check. */
#ifndef TKR_VALUE_JSON_STRING_H
#define TKR_VALUE_JSON_STRING_H

#include "tasker/types.h"

/* Behind the string that begins at at. */
const char *tkr_json_past_string(const char *at, const char *end);

/* What a string in its quotes stands for, NUL-terminated; out has room for string.len bytes. Returns its length. */
size_t tkr_json_unescape(tasker_json string, char *out);

/* Whether a string in its quotes stands for the text. */
bool tkr_json_string_is(tasker_json string, tasker_text text);

/* Quotes the text with the shortest escapes, and only where they must be; returns the end of what it wrote. */
char *tkr_json_quote(tasker_text text, char *out);
size_t tkr_json_quoted_size(tasker_text text);

#endif
