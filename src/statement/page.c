/* SPDX-License-Identifier: MIT */
#include "statement/page.h"
#include <string.h>
#include "value/error.h"
#include "value/time.h"

enum { DEFAULT_LIMIT = 100 };

tkr_page tkr_page_of(tkr_call *call, const tasker_page *page, uint32_t offered)
{
    tkr_page p = {.limit = DEFAULT_LIMIT, .fetch = DEFAULT_LIMIT + 1};
    if (call->status != TASKER_OK)
        return p;
    if (p.limit > call->db->limits.rows)
        p.limit = call->db->limits.rows;
    p.fetch = p.limit + 1; /* no overflow: the limits end below */
    if (page == NULL)
        return p;
    tkr_check_reserved(call, page->reserved, sizeof page->reserved);
    if (page->limit < 0)
        tkr_refuse(call, TASKER_INVALID_ARGUMENT, "page.limit is negative");
    else if (page->limit > call->db->limits.rows)
        tkr_refuse(call, TASKER_LIMIT_EXCEEDED, "page.limit is above the %d rows allowed", call->db->limits.rows);
    else if ((unsigned)page->order > 31 || (TKR_ORDER_BIT(page->order) & offered) == 0)
        tkr_refuse(call, TASKER_UNSUPPORTED, "page.order is not offered here");
    if (call->status != TASKER_OK)
        return p;
    if (page->limit > 0)
        p.limit = page->limit;
    p.fetch = p.limit + 1;
    p.order = (int32_t)page->order;
    tkr_page_go_on(&p, page->after);
    return p;
}

void tkr_page_go_on(tkr_page *page, const tasker_position *after)
{
    page->after = after != NULL ? &after->uuid : NULL;
    page->after_key = after != NULL ? &after->key : NULL;
}

/* Numbers are integer or bigint. */
static int64_t number_of(const tkr_column *key, const unsigned char *row)
{
    int32_t small;
    int64_t big;
    memcpy(&small, row + key->offset, sizeof small);
    if (key->type == TKR_INT4)
        return small;
    memcpy(&big, row + key->offset, sizeof big);
    return big;
}

/*
 * The order within a history as one number: sort_key, then the lower half of the time. The statements reckon the same.
 */
static int64_t place_of(const tkr_page *p, const unsigned char *row)
{
    int32_t sort_key;
    int64_t made;
    memcpy(&sort_key, row + p->sort_key_at, sizeof sort_key);
    memcpy(&made, row + p->made_at, sizeof made);
    return sort_key * (INT64_C(1) << 32) + (int64_t)((uint64_t)made & UINT32_MAX);
}

tasker_position tkr_position_of(const tkr_page *p, const tkr_entity *entity, const void *item)
{
    tasker_position position = {0};
    const unsigned char *row = item;
    if (entity->columns[0].type == TKR_ROW)
        memcpy(&row, item, sizeof row);
    if (p->numbered) {
        position.key = number_of(entity->columns, row);
        return position;
    }
    memcpy(&position.uuid, row, sizeof position.uuid);
    if (p->order == TASKER_ORDER_LEAST_RECENT || p->order == TASKER_ORDER_MOST_RECENT) {
        if (p->owner_at != 0) {
            memcpy(&position.uuid, row + p->owner_at, sizeof position.uuid);
            position.key = place_of(p, row);
        } else if (p->recent_at != 0)
            memcpy(&position.key, row + p->recent_at, sizeof position.key);
    } else if (p->order == TASKER_ORDER_PRIORITY && p->priority_at != 0) {
        int32_t priority;
        memcpy(&priority, row + p->priority_at, sizeof priority);
        position.key = priority;
    }
    return position;
}

tasker_status tkr_page_check_anchor(tkr_call *call, tkr_page *page)
{
    if (page->order != TASKER_ORDER_NAME || page->after == NULL || tkr_rows(call, 0) > 0)
        return TASKER_OK;
    if (page->looked)
        return tkr_error_set(call->error, TASKER_CONFLICT, "the row that the page before ended with is gone");
    page->looked = true;
    tkr_call_add(call, page->anchor);
    if (page->numbered)
        tkr_put_int4(call, "after", (int32_t)*page->after_key);
    else
        tkr_put_uuid(call, "after", page->after, false);
    return TASKER_AGAIN;
}

static tasker_status finish_page(tkr_call *call)
{
    tkr_list *list = NULL;
    tkr_page page;
    memcpy(&page, call->context, sizeof page);
    tasker_status status = tkr_page_check_anchor(call, &page);
    memcpy(call->context, &page, sizeof page);
    if (status == TASKER_OK)
        status = tkr_take_list(call, 0, &list);
    if (status != TASKER_OK)
        return status;
    if (page.looked)
        list->count = 0;
    else if (list->count > (size_t)page.limit) {
        list->count = (size_t)page.limit;
        list->has_next = true;
        list->next = tkr_position_of(&page, call->answered[0]->entity, list->items[page.limit - 1]);
    }
    return tkr_give(call, list);
}

/* A time that a row may have, the infinities that other writers store among them. The statements reckon with float8. */
static bool is_moment(int64_t key)
{
    const int64_t last = INT64_C(9000000000000000000);
    return key == INT64_MAX || key == INT64_MIN || (key <= last && tkr_time_is_storable((tasker_time){key}));
}

tasker_status tkr_query_page(tkr_call *call, const tkr_page *page, void *out)
{
    _Static_assert(sizeof *page <= TKR_CALL_CONTEXT, "a page fits into the context");
    bool recent = page->order == TASKER_ORDER_LEAST_RECENT || page->order == TASKER_ORDER_MOST_RECENT;
    if (recent && page->recent_at != 0 && page->after_key != NULL && !is_moment(*page->after_key))
        tkr_refuse(call, TASKER_INVALID_ARGUMENT, "page.after is not where a page of this order ends");
    tkr_page kept = *page;
    tasker_position *after = page->after != NULL ? tkr_keep(call, sizeof *after) : NULL;
    if (after != NULL) { /* a pipeline outlives the caller's */
        *after = (tasker_position){*page->after_key, *page->after};
        tkr_page_go_on(&kept, after);
    }
    memcpy(call->context, &kept, sizeof kept);
    return tkr_run_for_pointer(call, finish_page, out);
}
