/* SPDX-License-Identifier: MIT */
/*
 * Completing, failing, extending and releasing leases: all are fenced by the row that began the attempt, and what they
 * write they write under the lease's keys.
 */
#include <string.h>
#include "model/lease_read.h"
#include "model/move.h"
#include "statements.h"
#include "tasker/lease.h"
#include "value/state.h"

/* lease is the first member of both item structs; or items are pointers to leases. */
static const tasker_lease *lease_of(const void *items, size_t stride, size_t i)
{
    const tasker_lease *lease;
    memcpy(&lease, (const unsigned char *)items + i * stride, sizeof lease);
    return lease;
}

/* Not the current attempt any more: lost. */
static tasker_status judge(tkr_move *m, size_t i, const tkr_look *look)
{
    (void)i;
    if (!look->found)
        return TASKER_NOT_FOUND;
    return look->own_state == tkr_state_target(true, m->event) ? TASKER_OK : TASKER_CONFLICT;
}

/* The move with step keys, the leases' closing keys, and their tokens; NULL: the call is refused, or empty. */
static tkr_move *begin(tkr_call *call, const void *items, size_t stride, size_t count, tasker_event event,
                       tasker_outcome *outcomes)
{
    tkr_move *m;
    if (call->status == TASKER_OK && items == NULL && count > 0)
        tkr_refuse(call, TASKER_INVALID_ARGUMENT, "the items are required");
    if (!tkr_move_check_count(call, count))
        return NULL;
    tasker_uuid *keys = tkr_keep(call, (count + 1) * sizeof *keys);
    tasker_uuid *tokens = tkr_keep(call, (count + 1) * sizeof *tokens);
    for (size_t i = 0; call->status == TASKER_OK && i < count; i++) {
        const tasker_lease *lease = lease_of(items, stride, i);
        if (lease == NULL) {
            tkr_refuse(call, TASKER_INVALID_ARGUMENT, "a lease is required");
            tkr_refuse_item(call, i);
            return NULL;
        }
        keys[i] = lease->workflow_step_uuid;
        tokens[i] = lease->token.uuid;
        if (outcomes != NULL)
            outcomes[i].transition_uuid = lease->transition_uuid;
    }
    if (!tkr_move_begin(call, &m, keys, count, outcomes))
        return NULL;
    for (size_t i = 0; i < count; i++) {
        const tasker_uuid *key = &lease_of(items, stride, i)->transition_uuid;
        m->ids[i] = !tasker_uuid_is_nil(key) ? *key : m->ids[i];
        m->outcomes[i].transition_uuid = m->ids[i];
    }
    call->error->key = m->ids[0];
    m->steps = true;
    m->event = event;
    m->judge = judge;
    m->own = tokens;
    return m;
}

static void check_metadata(tkr_call *call, tasker_json metadata, size_t i)
{
    if (call->status == TASKER_OK && !tkr_check_shape(call, "metadata", metadata, TASKER_JSON_SHAPE_OBJECT))
        tkr_refuse_item(call, i);
}

tasker_status tasker_lease_complete(tasker_db *db, const tasker_completion *completions, size_t count,
                                    tasker_outcome *outcomes)
{
    tkr_call call = tkr_begin(db);
    tkr_move *m = begin(&call, completions, sizeof *completions, count, TASKER_EVENT_COMPLETE, outcomes);
    tasker_json *results = tkr_keep(&call, (count + 1) * sizeof *results);
    tasker_json *metadata = tkr_keep(&call, (count + 1) * sizeof *metadata);
    for (size_t i = 0; i < count && call.status == TASKER_OK; i++) {
        tkr_check_reserved(&call, completions[i].reserved, sizeof completions[i].reserved);
        check_metadata(&call, completions[i].metadata, i);
        results[i] = completions[i].results;
        metadata[i] = completions[i].metadata;
    }
    if (call.status != TASKER_OK)
        return tkr_abandon(&call);
    m->answer = call.part_count;
    tkr_add_lease_complete(&call, m->keys, count, m->own, count, m->ids, count, results, count, metadata, count,
                           tkr_link_has_ready_set(call.db));
    tkr_move_end_writes(&call, m);
    return tkr_move_run(&call, m, NULL);
}

/* ---- failing ---- */

typedef struct failures {
    bool *permanents;
    int32_t *retry_after;
    tasker_text *messages, *types;
    tasker_json *metadata;
} failures;

static bool keep_failures(tkr_call *call, size_t count, failures *f)
{
    f->permanents = tkr_keep(call, (count + 1) * sizeof *f->permanents);
    f->retry_after = tkr_keep(call, (count + 1) * sizeof *f->retry_after);
    f->messages = tkr_keep(call, (count + 1) * sizeof *f->messages);
    f->types = tkr_keep(call, (count + 1) * sizeof *f->types);
    f->metadata = tkr_keep(call, (count + 1) * sizeof *f->metadata);
    return call->status == TASKER_OK;
}

static void take_failure(tkr_call *call, const tasker_failure *failure, size_t i, failures *f)
{
    tkr_check_reserved(call, failure->reserved, sizeof failure->reserved);
    check_metadata(call, failure->metadata, i);
    if (failure->has_retry_after_seconds && failure->retry_after_seconds < 0) {
        tkr_refuse(call, TASKER_INVALID_ARGUMENT, "retry_after_seconds is negative");
        tkr_refuse_item(call, i);
    }
    f->permanents[i] = failure->permanent;
    f->retry_after[i] = failure->has_retry_after_seconds ? failure->retry_after_seconds : -1;
    f->messages[i] = failure->error_message;
    f->types[i] = failure->error_type;
    f->metadata[i] = failure->metadata;
}

/* The tail of a new id is as random as anything, and comes from the handle's own source in tests. */
double tkr_lease_jitter(tkr_call *call)
{
    tasker_uuid id = {{0}};
    uint32_t bits;
    tkr_new_ids(call, 1, &id);
    memcpy(&bits, id.bytes + 12, sizeof bits);
    return (double)bits / UINT32_MAX * 2 - 1;
}

typedef struct step_next {
    tasker_uuid key;
    bool has_next_attempt_at;
    tasker_time next_attempt_at;
} step_next;
static const tkr_column next_columns[] = {
    TKR_COLUMN(step_next, key),
    TKR_NULLABLE(step_next, next_attempt_at),
    TKR_END_COLUMNS,
};
const tkr_entity tkr_entity_step_next = {"step_next", sizeof(step_next), next_columns};

/* When the steps that went back to pending can start again. */
static tasker_status collect_next(tkr_call *call, tkr_move *m)
{
    for (int row = 0; row < tkr_rows(call, m->extra); row++) {
        step_next next;
        tasker_status status = tkr_read_row(call, m->extra, row, &next);
        if (status != TASKER_OK)
            return status;
        for (size_t i = 0; i < m->count; i++) {
            if (!tasker_uuid_equal(&m->keys[i], &next.key) || m->outcomes[i].to_state != TASKER_STATE_PENDING)
                continue;
            m->outcomes[i].has_next_attempt_at = next.has_next_attempt_at;
            m->outcomes[i].next_attempt_at = next.next_attempt_at;
        }
    }
    return TASKER_OK;
}

tasker_status tasker_lease_fail(tasker_db *db, const tasker_failure *items, size_t count, tasker_outcome *outcomes)
{
    failures f;
    tkr_call call = tkr_begin(db);
    tkr_move *m = begin(&call, items, sizeof *items, count, TASKER_EVENT_FAIL, outcomes);
    bool kept = keep_failures(&call, count, &f);
    for (size_t i = 0; kept && i < count; i++)
        take_failure(&call, &items[i], i, &f);
    double jitter = tkr_lease_jitter(&call);
    if (call.status != TASKER_OK)
        return tkr_abandon(&call);
    tkr_move_begin_writes(&call);
    m->answer = call.part_count;
    tkr_add_lease_fail(&call, m->keys, count, m->own, count, m->ids, count, m->others, count, f.permanents, count,
                       f.retry_after, count, f.messages, count, f.types, count, f.metadata, count, jitter);
    m->extra = call.part_count;
    tkr_add_lease_fail__next(&call, m->keys, count);
    tkr_move_end_writes(&call, m);
    m->collect = collect_next;
    return tkr_move_run(&call, m, NULL);
}

/* ---- keeping and giving back ---- */

/* Not extended, though it is ours: its row was locked, unless the call has named it twice. */
static tasker_status judge_extension(tkr_move *m, size_t i, const tkr_look *look)
{
    if (!look->found)
        return TASKER_NOT_FOUND;
    if (!tasker_uuid_equal(&look->transition_uuid, &m->ids[i]) || look->to_state != TASKER_STATE_IN_PROGRESS)
        return TASKER_CONFLICT;
    for (size_t k = 0; k < m->count; k++)
        if (m->moved[k] && tasker_uuid_equal(&m->ids[k], &m->ids[i]))
            return TASKER_OK;
    return TASKER_BUSY;
}

tasker_status tasker_lease_extend(tasker_db *db, const tasker_lease *const *leases, size_t count, int32_t lease_seconds,
                                  tasker_outcome *outcomes)
{
    tkr_call call = tkr_begin(db);
    tkr_move *m = begin(&call, leases, sizeof *leases, count, TASKER_EVENT_START, outcomes);
    if (lease_seconds < 0)
        tkr_refuse(&call, TASKER_INVALID_ARGUMENT, "lease_seconds is negative");
    if (call.status != TASKER_OK)
        return tkr_abandon(&call);
    for (size_t i = 0; i < count; i++) {
        m->ids[i] = leases[i]->token.uuid; /* nothing is written to the history */
        m->outcomes[i].transition_uuid = m->ids[i];
    }
    m->judge = judge_extension; /* the ready set has nothing to learn, and its rows may be somebody's */
    m->answer = call.part_count;
    tkr_add_lease_extend(&call, m->keys, count, m->own, count, tkr_lease_seconds(lease_seconds));
    return tkr_move_run(&call, m, NULL);
}

tasker_status tasker_lease_release(tasker_db *db, const tasker_lease *const *leases, size_t count,
                                   tasker_outcome *outcomes)
{
    tkr_call call = tkr_begin(db);
    tkr_move *m = begin(&call, leases, sizeof *leases, count, TASKER_EVENT_RELEASE, outcomes);
    if (call.status != TASKER_OK)
        return tkr_abandon(&call);
    tkr_move_begin_writes(&call);
    m->answer = call.part_count;
    tkr_add_lease_release(&call, m->keys, count, m->own, count, m->ids, count);
    tkr_move_end_writes(&call, m);
    return tkr_move_run(&call, m, NULL);
}
