/* SPDX-License-Identifier: MIT */
/* What makes two tasks the same one. */
#pragma once
#include "tasker/task.h"

typedef struct tkr_identity {
    char hash[TASKER_IDENTITY_SIZE];
    int64_t lock; /* its first 64 bits: the advisory lock under which it is looked for and made */
} tkr_identity;

/*
 * OK, or INVALID_ARGUMENT: identity and key do not go together, or the key is not UTF-8; error may be NULL. Whether the
 * key is too long is not looked at.
 */
tasker_status tkr_identity_check(tasker_identity identity, tasker_text key, tasker_error *error);

/* Of arguments that have been checked, STRICT or KEY. The statuses of tkr_json_canonical. */
tasker_status tkr_identity_make(const tasker_uuid *named_task_uuid, tasker_identity identity, tasker_json context,
                                tasker_text key, tasker_error *error, tkr_identity *out);
