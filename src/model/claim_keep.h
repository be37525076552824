/* SPDX-License-Identifier: MIT */
/* What extend, release and enqueue share: claims that must still be held, and a verdict on each. */
#pragma once
#include "statement/call.h"
#include "tasker/claim.h"

typedef struct tkr_keeping {
    size_t count;
    tasker_uuid *tasks, *tokens;
    struct tkr_kept_task *by_task; /* the tasks in the order of their keys */
    bool *kept;                    /* told by the rows of answer */
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

/* The claims on a task: from by_task[the answer] on, as long as its key is that one. */
typedef struct tkr_kept_task {
    tasker_uuid task_uuid;
    size_t index;
} tkr_kept_task;
size_t tkr_keeping_find(const tkr_keeping *keeping, const tasker_uuid *task_uuid);

/* Marks the claims that answer has a row of (entity claim_kept). */
tasker_status tkr_keeping_read(tkr_call *call, tkr_keeping *keeping);

/* The verdicts, with what claim_extend__look has told. */
tasker_status tkr_keeping_conclude(tkr_call *call, tkr_keeping *keeping);
