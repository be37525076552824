/* SPDX-License-Identifier: MIT */
/* What the ways to a lease share. */
#pragma once
#include "statement/call.h"
#include "tasker/lease.h"
#include "value/state.h"

/* Of lease_seconds where it is 0. */
enum { TKR_LEASE_SECONDS = 30 };

/* Worker, numbers and reserved words. False: refused, now or before. */
bool tkr_lease_check_options(tkr_call *call, const tasker_lease_options *options);
int32_t tkr_lease_seconds(int32_t lease_seconds);

/* The states that an attempt begins in, as history spells them; from error by way of pending. How many. */
size_t tkr_lease_sources(tasker_text sources[2 * TKR_STATES]);

/* What tasker_lease_take would refuse these options for; nothing is sent. */
tasker_status tkr_lease_take_check(tasker_db *db, const tasker_lease_options *options);

/* Reads what workers need for the attempts that these history rows have begun; answers is the first of its parts. */
void tkr_lease_add_context(tkr_call *call, const tasker_uuid *ids, size_t count, bool without_context,
                           uint32_t *answers);

/* The leases with their ancestors and the keys of the rows that will close them. *out needs tasker_free, or is NULL. */
tasker_status tkr_lease_collect(tkr_call *call, uint32_t answers, tkr_list **out);

/* For the delay after a failure: between -1 and 1. */
double tkr_lease_jitter(tkr_call *call);
