/* SPDX-License-Identifier: MIT */
/* What extend, release and enqueue share: claims that must still be held, and a verdict on each. */
#pragma once
#include "model/place.h"
#include "statement/call.h"
#include "tasker/claim.h"

typedef struct tkr_keeping {
    size_t count;
    tasker_uuid *tasks, *tokens;
    tkr_place *by_task; /* several claims may be on one task */
    bool *kept;         /* told by the rows of answer */
    tasker_outcome *outcomes;
    bool release; /* a claim that nobody holds is as it should be */
    bool holds;   /* to be held is enough */
    uint32_t answer, look;
    void *own;
} tkr_keeping;

/* Claims need a ready set: UNSUPPORTED. False: refused, now or before. */
bool tkr_claim_check(tkr_call *call);

/* Copies keys and tokens. NULL: the call is refused, or there is nothing to do (status NOOP). */
tkr_keeping *tkr_keeping_begin(tkr_call *call, const tasker_claim *const *claims, size_t count,
                               tasker_outcome *outcomes);

/* Marks the claims that answer has a row of (entity claim_kept). */
tasker_status tkr_keeping_read(tkr_call *call, tkr_keeping *keeping);

/* The verdicts, with what claim_extend__look has told. */
tasker_status tkr_keeping_conclude(tkr_call *call, tkr_keeping *keeping);
