/* SPDX-License-Identifier: MIT */
/* What the two histories share. */
#pragma once
#include "model/registry.h"

/* The states of a filter, as stored. */
typedef struct tkr_state_filter {
    const tasker_text *to, *from;
} tkr_state_filter;

/* Refuses a value without a key. */
void tkr_check_metadata_filter(tkr_call *call, tasker_text key, tasker_json value);

/* The states of a filter; what is wrong with them or its metadata refuses the call. */
#define TKR_STATE_FILTER(call, f)                                                                                      \
    (tkr_check_metadata_filter((call), (f)->metadata_key, (f)->metadata_value),                                        \
     (tkr_state_filter){tkr_state_names((call), "to_states", (f)->to_states, (f)->to_state_count, false),              \
                        tkr_state_names((call), "from_states", (f)->from_states, (f)->from_state_count, true)})
