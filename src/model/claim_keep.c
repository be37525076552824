/* SPDX-License-Identifier: MIT */
#include "model/claim_keep.h"
#include "model/wake.h"
#include "statements.h"
#include "tasker/uuid.h"
#include "value/error.h"

bool tkr_claim_check(tkr_call *call)
{
    if (call->status == TASKER_OK && !tkr_link_has_ready_set(call->db))
        tkr_refuse(call, TASKER_UNSUPPORTED, "schema \"%s\" keeps no ready set: adopt it first (schema adopt)",
                   call->db->schema);
    return call->status == TASKER_OK;
}

typedef struct claim_kept {
    tasker_uuid task_uuid, token;
} claim_kept;
static const tkr_column kept_columns[] = {TKR_COLUMN(claim_kept, task_uuid), TKR_COLUMN(claim_kept, token),
                                          TKR_END_COLUMNS};
const tkr_entity tkr_entity_claim_kept = {"claim_kept", sizeof(claim_kept), kept_columns};

typedef struct claim_look {
    bool found, held, claimed;
    tasker_state state;
} claim_look;
static const tkr_column look_columns[] = {
    TKR_COLUMN(claim_look, found),
    TKR_COLUMN(claim_look, held),
    TKR_COLUMN(claim_look, claimed),
    TKR_COLUMN(claim_look, state),
    TKR_END_COLUMNS,
};
const tkr_entity tkr_entity_claim_look = {"claim_look", sizeof(claim_look), look_columns};

static void settle(tkr_call *call)
{
    tkr_keeping *k = call->state;
    for (size_t i = 0; i < k->count; i++)
        if (k->outcomes[i].status == TASKER_AGAIN)
            k->outcomes[i].status = call->status;
}

tkr_keeping *tkr_keeping_begin(tkr_call *call, const tasker_claim *const *claims, size_t count,
                               tasker_outcome *outcomes)
{
    if (call->status == TASKER_OK && count == 0)
        call->status = TASKER_NOOP;
    else if (call->status == TASKER_OK && claims == NULL)
        tkr_refuse(call, TASKER_INVALID_ARGUMENT, "the claims are required");
    else if (call->status == TASKER_OK && count > (size_t)call->db->limits.rows)
        tkr_refuse(call, TASKER_LIMIT_EXCEEDED, "%zu claims, more than the %d allowed", count, call->db->limits.rows);
    if (!tkr_claim_check(call))
        return NULL;
    tkr_keeping *k = tkr_keep(call, sizeof *k);
    tasker_uuid *ids = tkr_keep(call, 2 * count * sizeof *ids);
    bool *kept = tkr_keep(call, count * sizeof *kept);
    tkr_place *sorted = tkr_keep(call, count * sizeof *sorted);
    tasker_outcome *mine = outcomes != NULL ? outcomes : tkr_keep(call, count * sizeof *mine);
    for (size_t i = 0; call->status == TASKER_OK && i < count; i++) {
        if (claims[i] == NULL) {
            tkr_refuse(call, TASKER_INVALID_ARGUMENT, "a claim is required");
            tkr_refuse_item(call, i);
            break;
        }
        tkr_check_reserved(call, mine[i].reserved, sizeof mine[i].reserved);
        ids[i] = claims[i]->task_uuid;
        ids[count + i] = claims[i]->token.uuid;
    }
    if (call->status != TASKER_OK)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        mine[i] = (tasker_outcome){.status = TASKER_AGAIN};
        sorted[i] = (tkr_place){ids[i], i};
    }
    tkr_places_sort(sorted, count);
    *k = (tkr_keeping){
        .count = count, .tasks = ids, .tokens = ids + count, .by_task = sorted, .kept = kept, .outcomes = mine};
    call->state = k;
    call->settled = settle;
    return k;
}

static tasker_status judge(const tkr_keeping *k, size_t i, const claim_look *look)
{
    if (k->kept[i])
        return TASKER_OK;
    if (!look->found)
        return TASKER_NOT_FOUND;
    if (look->held && k->holds)
        return TASKER_OK;
    if (look->held)
        return k->release ? TASKER_CONFLICT : TASKER_BUSY;
    return k->release && !look->claimed ? TASKER_NOOP : TASKER_CONFLICT;
}

tasker_status tkr_keeping_conclude(tkr_call *call, tkr_keeping *k)
{
    bool all_noop = true;
    for (size_t i = 0; i < k->count; i++) {
        claim_look look;
        char text[TASKER_UUID_TEXT_SIZE];
        tasker_status status = tkr_read_row(call, k->look, (int)i, &look);
        if (status != TASKER_OK)
            return status;
        k->outcomes[i].task_state = look.found ? look.state : TASKER_STATE_NONE;
        k->outcomes[i].to_state = k->outcomes[i].task_state;
        k->outcomes[i].status = judge(k, i, &look);
        all_noop = all_noop && k->outcomes[i].status == TASKER_NOOP;
        if (tasker_status_is_done(k->outcomes[i].status) || call->error->status != TASKER_OK)
            continue;
        call->error->item = (int64_t)i;
        tkr_error_set(call->error, k->outcomes[i].status, "claim on task %s: %s",
                      tasker_uuid_format(&k->tasks[i], text), tasker_status_text(k->outcomes[i].status));
    }
    return call->error->status != TASKER_OK ? call->error->status : all_noop ? TASKER_NOOP : TASKER_OK;
}

/* Which of the claims the statement has moved; they come in no order. */
tasker_status tkr_keeping_read(tkr_call *call, tkr_keeping *k)
{
    int rows = tkr_rows(call, k->answer);
    for (int row = 0; row < rows; row++) {
        claim_kept kept;
        tasker_status status = tkr_read_row(call, k->answer, row, &kept);
        if (status != TASKER_OK)
            return status;
        for (size_t n = tkr_places_find(k->by_task, k->count, &kept.task_uuid);
             n < k->count && tasker_uuid_equal(&k->by_task[n].uuid, &kept.task_uuid); n++) {
            size_t i = k->by_task[n].index;
            k->kept[i] = k->kept[i] || tasker_uuid_equal(&k->tokens[i], &kept.token);
        }
    }
    if (rows == 0)
        tkr_nothing_written(call);
    return TASKER_OK;
}

static tasker_status finish_keeping(tkr_call *call)
{
    tkr_keeping *k = call->state;
    tasker_status status = tkr_keeping_read(call, k);
    return status == TASKER_OK ? tkr_keeping_conclude(call, k) : status;
}

static tasker_status run_keeping(tasker_db *db, const tasker_claim *const *claims, size_t count,
                                 tasker_outcome *outcomes, bool release)
{
    tkr_call call = tkr_begin(db);
    tkr_keeping *k = tkr_keeping_begin(&call, claims, count, outcomes);
    if (k == NULL)
        return tkr_abandon(&call);
    k->release = release;
    tkr_add_workflow_step_apply__followed(&call);
    k->answer = call.part_count;
    if (release)
        tkr_add_claim_release(&call, k->tasks, count, k->tokens, count);
    else
        tkr_add_claim_extend(&call, k->tasks, count, k->tokens, count);
    tkr_add_task_apply__follow(&call, k->tasks, count);
    if (release) {
        tkr_add_claim_release__settle(&call, k->tasks, count);
        tkr_wake_for_tasks(&call, k->tasks, count);
    }
    k->look = call.part_count;
    tkr_add_claim_extend__look(&call, k->tasks, count, k->tokens, count);
    return tkr_run(&call, finish_keeping, NULL);
}

tasker_status tasker_claim_extend(tasker_db *db, const tasker_claim *const *claims, size_t count,
                                  tasker_outcome *outcomes)
{
    return run_keeping(db, claims, count, outcomes, false);
}

tasker_status tasker_claim_release(tasker_db *db, const tasker_claim *const *claims, size_t count,
                                   tasker_outcome *outcomes)
{
    tasker_status status = run_keeping(db, claims, count, outcomes, true);
    if (db != NULL && status != TASKER_BUSY && status != TASKER_FORKED)
        db->floors = (tkr_floors){0};
    return status;
}
