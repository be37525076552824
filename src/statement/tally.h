/* SPDX-License-Identifier: MIT */
/* What a call has cost, counted for the hook that wants to know. */
#pragma once
#include <stdint.h>

struct tkr_call;
struct tkr_message;

typedef struct tkr_tally {
    const char *statement; /* NULL: nothing was sent */
    int64_t began_ns, ended_ns, rows, sent, received;
    int32_t round_trips, prepares;
} tkr_tally;

/* Before each flush of the call, and behind it with its messages; nothing unless somebody wants to know. */
void tkr_tally_send(struct tkr_call *call);
void tkr_tally_answer(struct tkr_call *call, const struct tkr_message *messages);

/* Tells what there is to tell; the handle is taken, the call has its status. */
void tkr_tally_tell(const struct tkr_call *call, const char *sqlstate);
