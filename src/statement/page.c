/* SPDX-License-Identifier: MIT */
#include "statement/page.h"
#include <string.h>
#include "value/error.h"

enum { DEFAULT_LIMIT = 100 };

tkr_page tkr_page_of(tkr_call *call, const tasker_page *page, uint32_t offered)
{
    tkr_page p = {.limit = DEFAULT_LIMIT, .fetch = DEFAULT_LIMIT + 1};
    if (page == NULL || call->status != TASKER_OK)
        return p;
    tkr_check_reserved(call, page->reserved, sizeof page->reserved);
    if (page->limit < 0)
        tkr_refuse(call, TASKER_INVALID_ARGUMENT, "page.limit is negative");
    else if (page->limit > call->db->limits.rows)
        tkr_refuse(call, TASKER_LIMIT_EXCEEDED, "page.limit is above the %d rows allowed", call->db->limits.rows);
    else if ((unsigned)page->order > 31 || (TKR_ORDER_BIT(page->order) & offered) == 0)
        tkr_refuse(call, TASKER_UNSUPPORTED, "page.order is not offered here");
    if (page->limit > 0)
        p.limit = page->limit;
    p.fetch = p.limit + 1;
    p.order = (int32_t)page->order;
    p.after = page->after != NULL ? &page->after->uuid : NULL;
    return p;
}

static tasker_status finish_page(tkr_call *call)
{
    tkr_list *list = NULL;
    int32_t limit;
    memcpy(&limit, call->context, sizeof limit);
    tasker_status status = tkr_take_list(call, 0, &list);
    if (status != TASKER_OK)
        return status;
    if (list->count > (size_t)limit) {
        list->count = (size_t)limit;
        list->has_next = true;
        memcpy(&list->next.uuid, list->items[limit - 1], sizeof list->next.uuid);
    }
    return tkr_give(call, list);
}

tasker_status tkr_query_page(tkr_call *call, const tkr_page *page, void *out)
{
    const void *none = NULL;
    memcpy(call->context, &page->limit, sizeof page->limit);
    if (out != NULL)
        memcpy(out, &none, sizeof none);
    return tkr_run(call, finish_page, out);
}
