/* SPDX-License-Identifier: MIT */
/*
 * What both histories share: reading the metadata of their rows. Pure; may be called from any thread.
 *
 * Metadata is any JSON. These keys of an outermost object have a meaning, and the library writes them: event, actor,
 * attempt_number, execution_duration, error_message, error_type, retryable, retry_available, retry_attempt,
 * backoff_seconds, backoff_until, resolved_by, triggered_by, reason. All may be missing.
 */
#ifndef TASKER_TRANSITION_H
#define TASKER_TRANSITION_H

#include "cursor.h"
#include "state.h"

TASKER_BEGIN_DECLS

/* A buffer that tasker_transition_describe never finds too small. */
#define TASKER_TRANSITION_TEXT_SIZE 768

/* Texts that are not there are absent. */
typedef struct tasker_transition_facts {
    tasker_text event; /* "fail"; other writers keep other things under this key */
    tasker_text actor; /* worker or orchestrator */
    tasker_text error_message;
    tasker_text error_type;
    tasker_text resolved_by;
    tasker_text triggered_by;
    tasker_text reason;
    bool has_attempt_number;
    bool has_execution_duration;
    bool has_backoff_seconds;
    bool has_backoff_until;
    bool has_retryable;
    bool retryable;       /* the failure was one that may be tried again */
    bool retry_available; /* it will be */
    bool retry_attempt;   /* this transition makes a failed step ready again */
    int32_t attempt_number;
    int32_t backoff_seconds;
    double execution_duration; /* seconds */
    tasker_time backoff_until;
} tasker_transition_facts;

/*
 * What the known keys of some metadata say. A value of another type than the key's counts as missing; of a key that
 * comes twice the last counts. Absent metadata, and what is no object, has no facts. INVALID_ARGUMENT, LIMIT_EXCEEDED:
 * it is not JSON that the database could hold; see tasker_json_check. The facts are yours: tasker_free.
 */
TASKER_CALL tasker_transition_read_facts(tasker_json metadata, const tasker_transition_facts **out);

/*
 * Writes one English sentence about a transition, NUL-terminated: "Failed on attempt 2 (Timeout): no answer; to be
 * tried again after 4 s." Texts of the metadata come as one line and are cut where they are long. TOO_LONG: it needs
 * more than size bytes; TASKER_TRANSITION_TEXT_SIZE are always enough. INVALID_ARGUMENT: to_state is none, or the
 * metadata no JSON. On failure out is untouched.
 */
TASKER_CALL tasker_transition_describe(tasker_state from_state, tasker_state to_state, tasker_json metadata,
                                       size_t size, char *out);

TASKER_END_DECLS

#endif
