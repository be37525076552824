/* SPDX-License-Identifier: MIT */
#include "tasker/claim.h"
#include <time.h>
#include "model/claim_keep.h"
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
    if (i == TKR_FLOORS || claim->created_at.us == INT64_MIN || claim->created_at.us == INT64_MAX) /* the infinities */
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
    return tkr_claim_check(call);
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

/* ---- looking ---- */

tasker_status tasker_claim_query(tasker_db *db, const tasker_claim_filter *filter, const tasker_page *page,
                                 const tasker_claims **out)
{
    static const tasker_claim_filter none = {0};
    const tasker_claim_filter *f = filter != NULL ? filter : &none;
    tkr_call call = tkr_begin(db);
    tkr_check_reserved(&call, f->reserved, sizeof f->reserved);
    tkr_page p = tkr_page_of(&call, page, TKR_ORDER_BIT(TASKER_ORDER_OLDEST) | TKR_ORDER_BIT(TASKER_ORDER_NEWEST));
    if (!tkr_claim_check(&call))
        return tkr_abandon_for_pointer(&call, out);
    tkr_add_claim_query(&call, f->namespace_name, f->claimed_by, f->available, f->held, f->stale,
                        call.db->ageing == TASKER_AGEING_MONOTONE, TKR_PAGE(p));
    return tkr_query_page(&call, &p, out);
}
