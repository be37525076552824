/* SPDX-License-Identifier: MIT */
#include "value/traceparent.h"
#include <string.h>

enum { LENGTH = 55, TRACE_ID = 3, TRACE_DIGITS = 32, PARENT_ID = 36, PARENT_DIGITS = 16, FLAGS = 53 };

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

/* A dash follows, which ends the count. */
static bool is_zero(const char *digits, size_t count)
{
    return strspn(digits, "0") == count;
}

bool tkr_traceparent_is_valid(tasker_text text)
{
    if (text.ptr == NULL || text.len != LENGTH || memcmp(text.ptr, "00", 2) != 0)
        return false;
    for (size_t i = 0; i < LENGTH; i++) {
        bool dash = i == TRACE_ID - 1 || i == PARENT_ID - 1 || i == FLAGS - 1;
        if (dash ? text.ptr[i] != '-' : !is_hex(text.ptr[i]))
            return false;
    }
    return !is_zero(text.ptr + TRACE_ID, TRACE_DIGITS) && !is_zero(text.ptr + PARENT_ID, PARENT_DIGITS);
}
