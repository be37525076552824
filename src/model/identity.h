/* SPDX-License-Identifier: MIT */
/*
 * What makes two tasks the same one, and creating such a task: the kind is read in a first round, because the hash
 * needs its key and what is stored its default context (src/sql/identity.sql).
 */
#pragma once
#include "statement/call.h"
#include "tasker/task.h"

typedef struct tkr_identity {
    char hash[TASKER_IDENTITY_SIZE];
    int64_t lock; /* its first 64 bits: the advisory lock under which it is looked for and made */
    tasker_uuid named_task_uuid;
    tasker_json context; /* as it is to be stored: laid over the kind's default */
} tkr_identity;

/* In task.c: refuses JSON of the wrong shape and a time-out that is not above 0. */
void tkr_check_task(tkr_call *call, const tasker_task_input *input);

/* False, with the call refused: identity and identity_key do not go together, or the key is too long or not UTF-8. */
bool tkr_check_identity(tkr_call *call, const tasker_task_input *input);

/*
 * For finishes: reads answer i, which is task_create__kind's, and makes the identity of such an input. unregistered is
 * the key of a kind that is not there; NULL: NOT_FOUND then. BUSY: in this transaction a lock does not help.
 */
tasker_status tkr_identify(tkr_call *call, uint32_t i, const tasker_task_input *input, const tasker_uuid *unregistered,
                           tkr_identity *out);

/* For finishes: NOT_FOUND, with the part of the kind's name that is missing: answer i is task_create__missing's. */
tasker_status tkr_missing_kind(tkr_call *call, uint32_t i);

/* Creates a task that has an identity other than UNIQUE. The rest of the input has been checked, the key is chosen. */
tasker_status tkr_create_identified(tkr_call *call, const tasker_task_input *input, void *out);

/* The message of DUPLICATE. */
extern const char tkr_identity_taken[];
