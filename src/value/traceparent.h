/* SPDX-License-Identifier: MIT */
/* The header traceparent of W3C Trace Context, version 00. */
#pragma once
#include <stdbool.h>
#include "tasker/types.h"

/* "00-" trace-id "-" parent-id "-" flags: 32, 16 and 2 lower-case hex digits, neither id all zero. */
bool tkr_traceparent_is_valid(tasker_text text);
