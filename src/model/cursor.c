/* SPDX-License-Identifier: MIT */
#include "model/cursor.h"
#include <stdlib.h>
#include <string.h>

enum {
    DEFAULT_BATCH = 1000,
    PAGE_PARAMETERS = 4,
    PAGE_BYTES = 4 + 4 + 8 + 8 /* of a first page: two NULLs, two int4 */
};

struct tasker_cursor {
    tasker_db *db;
    uint32_t statement;
    uint32_t filled; /* parameters of the filter, and their bytes */
    size_t used;
    unsigned char *filter;
    tkr_page page;
    tasker_position at; /* where the batch before ended */
    const tkr_list *rows;
    size_t next; /* of rows */
    bool last;   /* they are the last */
};

tkr_page tkr_page_of_cursor(tkr_call *call, const tasker_cursor_options *options, uint32_t offered)
{
    tasker_page page = {.limit = DEFAULT_BATCH};
    if (options != NULL) {
        tkr_check_reserved(call, options->reserved, sizeof options->reserved);
        page.order = options->order;
        if (options->batch != 0)
            page.limit = options->batch;
    }
    if (call->status == TASKER_OK && (options == NULL || options->batch == 0) && page.limit > call->db->limits.rows)
        page.limit = call->db->limits.rows;
    return tkr_page_of(call, &page, offered);
}

tasker_status tkr_stream(tkr_call *call, const tkr_page *page, tasker_cursor **out)
{
    if (out == NULL)
        tkr_refuse(call, TASKER_INVALID_ARGUMENT, "out is required");
    else
        *out = NULL;
    if (call->status != TASKER_OK)
        return tkr_abandon(call);
    size_t used = call->used - PAGE_BYTES;
    tasker_cursor *cursor = calloc(1, sizeof *cursor);
    unsigned char *filter = malloc(used + 1);
    if (cursor == NULL || filter == NULL) {
        free(cursor);
        free(filter);
        tkr_refuse(call, TASKER_OUT_OF_MEMORY, "out of memory");
        return tkr_abandon(call);
    }
    memcpy(filter, call->bytes, used);
    *cursor = (tasker_cursor){.db = call->db,
                              .statement = call->parts[0].statement->query.id,
                              .filled = call->parts[0].filled - PAGE_PARAMETERS,
                              .used = used,
                              .filter = filter,
                              .page = *page};
    *out = cursor;
    return tkr_abandon(call);
}

static void drop_rows(tasker_cursor *cursor)
{
    tasker_free(cursor->rows);
    cursor->rows = NULL;
    cursor->next = 0;
}

static tasker_status fetch(tasker_cursor *cursor)
{
    const tkr_page *p = &cursor->page;
    const tkr_list *rows = NULL;
    tkr_call call = tkr_begin_now(cursor->db);
    tkr_call_add(&call, cursor->statement);
    tkr_put_encoded(&call, cursor->filter, cursor->used, cursor->filled);
    tkr_put_uuid(&call, "after", p->after, true);
    tkr_put_int8_or_null(&call, "after_key", p->after_key);
    tkr_put_int4(&call, "row_order", p->order);
    tkr_put_int4(&call, "row_limit", p->fetch);
    tasker_status status = tkr_query_page(&call, p, &rows);
    if (status != TASKER_OK)
        return status;
    cursor->rows = rows;
    cursor->last = !rows->has_next;
    cursor->at = rows->next;
    tkr_page_go_on(&cursor->page, &cursor->at);
    return TASKER_OK;
}

tasker_status tkr_next(tasker_cursor *cursor, const tkr_entity *entity, void *out)
{
    const void *row = NULL;
    if (out == NULL || cursor == NULL || tkr_statements[cursor->statement].entity != entity)
        return TASKER_INVALID_ARGUMENT;
    tasker_status status = TASKER_OK;
    if (cursor->rows != NULL && cursor->next == cursor->rows->count)
        drop_rows(cursor);
    if (cursor->rows == NULL && !cursor->last)
        status = fetch(cursor);
    if (status == TASKER_OK && cursor->rows != NULL && cursor->next < cursor->rows->count)
        row = cursor->rows->items[cursor->next++];
    memcpy(out, &row, sizeof row);
    return status;
}

void tasker_cursor_close(tasker_cursor *cursor)
{
    if (cursor == NULL)
        return;
    drop_rows(cursor);
    free(cursor->filter);
    free(cursor);
}
