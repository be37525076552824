/* SPDX-License-Identifier: MIT */
#include "tasker/claim.h"
#include <time.h>
#include "model/registry.h"
#include "statement/page.h"
#include "statements.h"
#include "value/error.h"
#include "value/state.h"
#include "value/text.h"

enum { FLOOR_AFTER = 16, OVERLAP_US = 10000000 };
static const int64_t floor_ns = 2000000000;

/* The count of the ready steps and the pointer to them lie as in tasker_uuids. */
_Static_assert(offsetof(tasker_claim, ready_step_uuids) - offsetof(tasker_claim, ready_step_count) ==
                   offsetof(tasker_uuids, items),
               "ready steps are a tasker_uuids");

static const tkr_column columns[] = {
    TKR_COLUMN(tasker_claim, task_uuid),
    TKR_NAMED_COLUMN(tasker_claim, token.uuid, "token"),
    TKR_COLUMN(tasker_claim, namespace_name),
    TKR_OPTIONAL(tasker_claim, claimed_by),
    TKR_COLUMN(tasker_claim, priority),
    TKR_COLUMN(tasker_claim, claim_timeout_seconds),
    TKR_COLUMN(tasker_claim, computed_priority),
    TKR_COLUMN(tasker_claim, age_hours),
    TKR_COLUMN(tasker_claim, created_at),
    TKR_COLUMN(tasker_claim, claimed_at),
    TKR_COLUMN(tasker_claim, expires_at),
    {"ready_step_uuids", TKR_UUIDS, offsetof(tasker_claim, ready_step_count), TKR_NOT_NULL, NULL},
    TKR_END_COLUMNS,
};
const tkr_entity tkr_entity_claim = {"claim", sizeof(tasker_claim), columns};

typedef struct claim_kept {
    tasker_uuid task_uuid;
} claim_kept;
static const tkr_column kept_columns[] = {TKR_COLUMN(claim_kept, task_uuid), TKR_END_COLUMNS};
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

static bool check_ready_set(tkr_call *call)
{
    if (call->status == TASKER_OK && !tkr_link_has_ready_set(call->db))
        tkr_refuse(call, TASKER_UNSUPPORTED, "schema \"%s\" keeps no ready set: adopt it first (schema adopt)",
                   call->db->schema);
    return call->status == TASKER_OK;
}

/* ---- floors: dead index entries lie where the oldest tasks were, and reading past them again takes time ---- */

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static bool use_floors(tkr_floors *f)
{
    if (f->claims > 0 && now_ns() - f->since_ns > floor_ns)
        *f = (tkr_floors){0};
    return f->claims >= FLOOR_AFTER;
}

static void keep_floor(tkr_floors *f, const tasker_claim *claim)
{
    int32_t i = 0;
    while (i < f->count && f->priorities[i] != claim->priority)
        i++;
    if (i == TKR_FLOORS)
        return;
    f->priorities[i] = claim->priority;
    f->created[i] = claim->created_at;
    f->count = i == f->count ? i + 1 : f->count;
}

static void keep_floors(tkr_floors *f, const tkr_list *claims)
{
    if (f->claims == 0)
        f->since_ns = now_ns();
    for (size_t i = 0; i < claims->count; i++) {
        const tasker_claim *claim = claims->items[i];
        keep_floor(f, claim);
        f->claimed = claim->claimed_at;
    }
    f->claims += (int32_t)claims->count;
}

/* ---- taking ---- */

static tkr_floors *floors_of(const tkr_call *call)
{
    return &call->db->floors;
}

static tasker_status finish_take(tkr_call *call)
{
    tkr_list *list = NULL;
    tasker_status status = tkr_take_list(call, 0, &list);
    if (status != TASKER_OK)
        return status;
    if (call->state != NULL)
        keep_floors(floors_of(call), list);
    if (list->count == 0)
        tkr_nothing_written(call);
    return tkr_give(call, list);
}

static bool check_options(tkr_call *call, const tasker_claim_options *o)
{
    if (call->status == TASKER_OK && (o == NULL || tkr_is_absent(o->orchestrator.ptr)))
        tkr_refuse(call, TASKER_INVALID_ARGUMENT, "options.orchestrator is required");
    if (call->status != TASKER_OK)
        return false;
    tkr_check_reserved(call, o->reserved, sizeof o->reserved);
    if (o->limit < 0)
        tkr_refuse(call, TASKER_INVALID_ARGUMENT, "options.limit is negative");
    else if (o->limit > call->db->limits.rows)
        tkr_refuse(call, TASKER_LIMIT_EXCEEDED, "%d claims, more than the %d allowed", o->limit, call->db->limits.rows);
    return check_ready_set(call);
}

tasker_status tasker_claim_take(tasker_db *db, const tasker_claim_options *options, const tasker_claims **out)
{
    tkr_call call = tkr_begin(db);
    if (!check_options(&call, options))
        return tkr_abandon_for_pointer(&call, out);
    size_t wanted = options->limit > 0 ? (size_t)options->limit : 1;
    tasker_uuid *tokens = tkr_keep(&call, wanted * sizeof *tokens);
    if (tokens == NULL || !tkr_new_ids(&call, wanted, tokens))
        return tkr_abandon_for_pointer(&call, out);
    bool all = options->namespace_names == NULL && options->named_task_uuids == NULL;
    tkr_floors *f = floors_of(&call);
    bool floors = all && use_floors(f);
    size_t floor_count = floors ? (size_t)f->count : 0;
    tasker_time due = {f->claimed.us - OVERLAP_US};
    tkr_add_claim_take(&call, options->orchestrator, (int32_t)wanted, tokens, wanted, options->namespace_names,
                       options->namespace_name_count, options->named_task_uuids, options->named_task_uuid_count,
                       call.db->ageing == TASKER_AGEING_MONOTONE, floors ? f->priorities : NULL, floor_count,
                       floors ? f->created : NULL, floor_count, floors ? &due : NULL);
    call.state = all ? f : NULL;
    return tkr_run_for_pointer(&call, finish_take, out);
}

/* ---- keeping and giving back ---- */

typedef struct keeping {
    size_t count;
    tasker_uuid *tasks, *tokens;
    bool *kept;
    tasker_outcome *outcomes;
    bool release;
    uint32_t answer, look; /* which statements tell what was kept, and how all stand */
} keeping;

static void settle(tkr_call *call)
{
    keeping *k = call->state;
    for (size_t i = 0; i < k->count; i++)
        if (k->outcomes[i].status == TASKER_AGAIN)
            k->outcomes[i].status = call->status;
}

static keeping *begin_keeping(tkr_call *call, const tasker_claim *const *claims, size_t count, tasker_outcome *outcomes)
{
    if (call->status == TASKER_OK && count == 0)
        call->status = TASKER_NOOP;
    else if (call->status == TASKER_OK && claims == NULL)
        tkr_refuse(call, TASKER_INVALID_ARGUMENT, "the claims are required");
    else if (call->status == TASKER_OK && count > (size_t)call->db->limits.rows)
        tkr_refuse(call, TASKER_LIMIT_EXCEEDED, "%zu claims, more than the %d allowed", count, call->db->limits.rows);
    if (!check_ready_set(call))
        return NULL;
    keeping *k = tkr_keep(call, sizeof *k);
    tasker_uuid *ids = tkr_keep(call, 2 * count * sizeof *ids);
    bool *kept = tkr_keep(call, count * sizeof *kept);
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
    for (size_t i = 0; i < count; i++)
        mine[i] = (tasker_outcome){.status = TASKER_AGAIN};
    *k = (keeping){.count = count, .tasks = ids, .tokens = ids + count, .kept = kept, .outcomes = mine};
    call->state = k;
    call->settled = settle;
    return k;
}

static tasker_status judge(const keeping *k, size_t i, const claim_look *look)
{
    if (k->kept[i])
        return TASKER_OK;
    if (!look->found)
        return TASKER_NOT_FOUND;
    if (look->held)
        return k->release ? TASKER_CONFLICT : TASKER_BUSY;
    return k->release && !look->claimed ? TASKER_NOOP : TASKER_CONFLICT;
}

static tasker_status conclude(tkr_call *call, keeping *k)
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
static tasker_status read_kept(tkr_call *call, keeping *k)
{
    int rows = tkr_rows(call, k->answer);
    for (int row = 0; row < rows; row++) {
        claim_kept kept;
        tasker_status status = tkr_read_row(call, k->answer, row, &kept);
        if (status != TASKER_OK)
            return status;
        for (size_t i = 0; i < k->count; i++)
            k->kept[i] = k->kept[i] || tasker_uuid_equal(&k->tasks[i], &kept.task_uuid);
    }
    if (rows == 0)
        tkr_nothing_written(call);
    return TASKER_OK;
}

static tasker_status finish_keeping(tkr_call *call)
{
    keeping *k = call->state;
    tasker_status status = read_kept(call, k);
    return status == TASKER_OK ? conclude(call, k) : status;
}

static tasker_status run_keeping(tasker_db *db, const tasker_claim *const *claims, size_t count,
                                 tasker_outcome *outcomes, bool release)
{
    tkr_call call = tkr_begin(db);
    keeping *k = begin_keeping(&call, claims, count, outcomes);
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
    if (release)
        tkr_add_claim_release__settle(&call, k->tasks, count);
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

/* ---- looking ---- */

tasker_status tasker_claim_query(tasker_db *db, const tasker_claim_filter *filter, const tasker_page *page,
                                 const tasker_claims **out)
{
    static const tasker_claim_filter none = {0};
    const tasker_claim_filter *f = filter != NULL ? filter : &none;
    tkr_call call = tkr_begin(db);
    tkr_check_reserved(&call, f->reserved, sizeof f->reserved);
    tkr_page p = tkr_page_of(&call, page, TKR_ORDER_BIT(TASKER_ORDER_OLDEST) | TKR_ORDER_BIT(TASKER_ORDER_NEWEST));
    if (!check_ready_set(&call))
        return tkr_abandon_for_pointer(&call, out);
    tkr_add_claim_query(&call, f->namespace_name, f->claimed_by, f->available, f->held, f->stale,
                        call.db->ageing == TASKER_AGEING_MONOTONE, TKR_PAGE(p));
    return tkr_query_page(&call, &p, out);
}
