/* SPDX-License-Identifier: MIT */
/*
 * An orchestrator's hold on a task. A claim lasts claim_timeout_seconds of the task from when it was taken or
 * extended, by the server's clock; a claim whose time is over is anybody's to take. Every claim has a token of its
 * own, which is in nobody's hands but its taker's: extend, release and every change made under the claim (member
 * claim of tasker_change) demand it, so two processes that use one name do not share a claim, and who has lost one
 * changes nothing.
 *
 * Tasks are given best first. Two orders, an option of the handle (tasker/db.h):
 *   TASKER_AGEING_COMPATIBLE: tasker-core's computed priority. With age in minutes: priority + age / 5, at most 2
 *     more, from priority 4 on; below it 3 + age / 3, 2 + age / 2, 1 + age, and 0 + 2 age, all at most 6. So lower
 *     priorities age faster, overtake higher ones on the way, and from ten minutes on all of 0 to 4 are equal.
 *   TASKER_AGEING_MONOTONE: priority, as a number from 0 to 10, + age / 5. Age counts alike for all, so which of two
 *     tasks goes first never changes: the higher priority at the same age, and a lower one only if it is more than
 *     five minutes older for each level between them. So nobody waits behind a task that is created more than 50
 *     minutes later, whatever arrives.
 * Equal values go by priority (MONOTONE only), then created_at, then key.
 *
 * A handle that has just taken 16 tasks begins its next claims, for up to two seconds, where the last ones of each
 * priority ended, as long as there are tasks behind it: a task before that place, which somebody has released
 * meanwhile, may have to wait so long. tasker_claim_release of the handle itself ends that at once, and so does a
 * rollback. Tasks come back by themselves when a claim has run out or a backoff has ended: where that are very many at
 * once, a call takes in the 200 whose time was over first (more with a larger limit), and chooses among them and those
 * that wait already.
 * Very many tasks that look as if they had something to do and have nothing are worked off for a second by each call,
 * which may give fewer tasks than there are, or none, while that goes on (docs/claims.md).
 *
 * All need a ready set (a schema that tasker_schema_install made or tasker_schema_adopt adopted), else UNSUPPORTED.
 */
#ifndef TASKER_CLAIM_H
#define TASKER_CLAIM_H

#include "lifecycle.h"

TASKER_BEGIN_DECLS

typedef struct tasker_claim_token {
    tasker_uuid uuid;
} tasker_claim_token;

/* Of these the calls below need task_uuid and token. */
typedef struct tasker_claim {
    tasker_uuid task_uuid;
    tasker_claim_token token; /* nil in what tasker_claim_query tells */
    tasker_text namespace_name;
    tasker_text claimed_by; /* absent: nobody */
    int32_t priority;
    int32_t claim_timeout_seconds;
    double computed_priority; /* by which it was chosen */
    double age_hours;         /* to the hundredth; negative: created in the future */
    tasker_time created_at;
    tasker_time claimed_at, expires_at; /* 0: nobody's */
    size_t ready_step_count;
    const tasker_uuid *ready_step_uuids; /* what can start now, by key */
} tasker_claim;

TASKER_LIST(tasker_claims, tasker_claim);

typedef struct tasker_claim_options {
    tasker_text orchestrator; /* required: who claims, for people to read; at most 128 characters */
    int32_t limit;            /* 0: 1; never exceeded */
    const tasker_text *namespace_names;
    size_t namespace_name_count; /* of any of these; pointer NULL: of all */
    const tasker_uuid *named_task_uuids;
    size_t named_task_uuid_count; /* of any of these types; pointer NULL: of all */
    uint64_t reserved[4];
} tasker_claim_options;

/* available: could be claimed now. held: claimed. stale: claimed once, and its time is over. Several: any of them. */
typedef struct tasker_claim_filter {
    tasker_text namespace_name, claimed_by;
    bool available, held, stale;
    uint64_t reserved[4];
} tasker_claim_filter;

/*
 * Claims up to limit tasks that are pending or in progress and have a step that can start; with what can start, in one
 * round trip. Best first; none: OK with an empty list, yours. Tasks that others are just working on are passed over,
 * and so are those that may not start yet (tasker_task_delay) and whose namespace or named task is paused
 * (tasker_task_namespace_set_paused, tasker_named_task_set_paused). After IN_DOUBT claim again: what was claimed and
 * not told runs out by itself, and each try has tokens of its own. Inside a transaction of yours the claim counts from
 * the call, not from the commit: keep it short.
 * INVALID_ARGUMENT: orchestrator missing, limit negative. LIMIT_EXCEEDED: more than limits.rows.
 */
TASKER_CALL tasker_claim_take(tasker_db *db, const tasker_claim_options *options, const tasker_claims **out);

/*
 * Enqueues all steps that can start in these tasks, as tasker_workflow_step_enqueue does, under the claims: who has
 * lost one enqueues nothing (CONFLICT). moved: steps enqueued; NOOP: there were none. With options.release the claims
 * are given back in the same transaction. options.again is INVALID_ARGUMENT.
 */
TASKER_CALL tasker_claim_enqueue(tasker_db *db, const tasker_claim *const *claims, size_t count,
                                 const tasker_enqueue_options *options, tasker_outcome *outcomes);

/*
 * Heartbeat: the claims last their time from now on, also when it was over and nobody has taken the task. One statement
 * for all; tasks whose row somebody else holds at the moment are passed over: BUSY, the claim stands as it stood, try
 * again. CONFLICT: lost, or released. NOT_FOUND: no such task. outcomes: status and task_state of each.
 */
TASKER_CALL tasker_claim_extend(tasker_db *db, const tasker_claim *const *claims, size_t count,
                                tasker_outcome *outcomes);

/* Gives the tasks back. NOOP: nobody has a claim on it. CONFLICT: somebody else has. NOT_FOUND: no such task. */
TASKER_CALL tasker_claim_release(tasker_db *db, const tasker_claim *const *claims, size_t count,
                                 tasker_outcome *outcomes);

/*
 * Looks, claims nothing. All of what the filter's three flags say, and with none of them all that any of them would
 * say. Orders OLDEST and NEWEST of the task's key. computed_priority and the ready steps are of now.
 */
TASKER_CALL tasker_claim_query(tasker_db *db, const tasker_claim_filter *filter, const tasker_page *page,
                               const tasker_claims **out);

TASKER_END_DECLS

#endif
