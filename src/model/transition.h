/* SPDX-License-Identifier: MIT */
/* What the two histories share. */
#pragma once
#include "statement/call.h"

/* The states of a filter, as stored. */
typedef struct tkr_state_filter {
    const tasker_text *to, *from;
} tkr_state_filter;

/* Refuses a value without a key. */
void tkr_check_metadata_filter(tkr_call *call, tasker_text key, tasker_json value);
