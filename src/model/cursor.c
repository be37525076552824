/* SPDX-License-Identifier: MIT */
#include "model/cursor.h"
#include <stdlib.h>
#include <string.h>

enum {
    /*
     * An unused piece of memory on top of the first batch. glibc gives the free top of the heap back to the kernel, so
     * that each batch would fault in the pages of the one before: twice the CPU of the whole (decision 041).
     */
    LID = 100000,
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
    struct pg_result *batch;
    int count, next;     /* rows of the batch, and the one that is given next */
    bool last;           /* there is no batch after it */
    void *lid;           /* see LID */
    unsigned char *some; /* a few rows, decoded; the batch as structs would be as large again */
    size_t stride;       /* of them */
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
    size_t stride = tkr_stride_of(call->parts[0].statement->entity);
    unsigned char *some = malloc(TKR_SOME * stride);
    if (cursor == NULL || filter == NULL || some == NULL) {
        free(cursor);
        free(filter);
        free(some);
        tkr_refuse(call, TASKER_OUT_OF_MEMORY, "out of memory");
        return tkr_abandon(call);
    }
    memcpy(filter, call->bytes, used);
    *cursor = (tasker_cursor){.db = call->db,
                              .statement = call->parts[0].statement->query.id,
                              .filled = call->parts[0].filled - PAGE_PARAMETERS,
                              .used = used,
                              .filter = filter,
                              .page = *page,
                              .some = some,
                              .stride = stride};
    *out = cursor;
    return tkr_abandon(call);
}

static void drop_batch(tasker_cursor *cursor)
{
    tkr_result_clear(cursor->batch);
    cursor->batch = NULL;
    cursor->count = cursor->next = 0;
}

static const tkr_entity *entity_of(const tasker_cursor *cursor)
{
    return tkr_statements[cursor->statement].entity;
}

static tasker_status finish_fetch(tkr_call *call)
{
    tasker_cursor *cursor = call->state;
    tasker_status status = tkr_page_check_anchor(call, &cursor->page);
    int rows = cursor->page.looked ? 0 : tkr_rows(call, 0);
    if (status == TASKER_OK)
        status = tkr_check_columns(call->answers[0], entity_of(cursor), call->error);
    if (status != TASKER_OK)
        return status;
    cursor->batch = call->answers[0];
    if (cursor->lid == NULL)
        cursor->lid = malloc(LID);
    call->answers[0] = NULL;
    cursor->last = rows <= cursor->page.limit;
    cursor->count = cursor->last ? rows : cursor->page.limit;
    return TASKER_OK;
}

static tasker_status fetch(tasker_cursor *cursor)
{
    const tkr_page *p = &cursor->page;
    tkr_call call = tkr_begin_now(cursor->db);
    tkr_call_add(&call, cursor->statement);
    tkr_put_encoded(&call, cursor->filter, cursor->used, cursor->filled);
    tkr_put_uuid(&call, "after", p->after, true);
    tkr_put_int8_or_null(&call, "after_key", p->after_key);
    tkr_put_int4(&call, "row_order", p->order);
    tkr_put_int4(&call, "row_limit", p->fetch);
    call.state = cursor;
    cursor->page.looked = false;
    return tkr_run(&call, finish_fetch, NULL);
}

/* The rows from next on; the last of a batch says where the one after it begins. */
static tasker_status decode_some(tasker_cursor *cursor)
{
    const tkr_entity *entity = entity_of(cursor);
    int left = cursor->count - cursor->next, count = left < TKR_SOME ? left : TKR_SOME;
    memset(cursor->some, 0, (size_t)TKR_SOME * cursor->stride);
    tasker_status status =
        tkr_decode_some(cursor->batch, cursor->next, count, entity, cursor->some, &cursor->db->error);
    if (status == TASKER_OK && count == left) {
        const void *last = cursor->some + (size_t)(count - 1) * cursor->stride + TKR_MARK;
        cursor->at = tkr_position_of(&cursor->page, entity, last);
        tkr_page_go_on(&cursor->page, &cursor->at);
    }
    return status;
}

tasker_status tkr_next(tasker_cursor *cursor, const tkr_entity *entity, void *out)
{
    const void *row = NULL;
    if (out == NULL)
        return TASKER_INVALID_ARGUMENT;
    memcpy(out, &row, sizeof row);
    if (cursor == NULL || entity_of(cursor) != entity)
        return TASKER_INVALID_ARGUMENT;
    tasker_status status = TASKER_OK;
    if (cursor->next == cursor->count)
        drop_batch(cursor);
    if (cursor->batch == NULL && !cursor->last)
        status = fetch(cursor);
    if (status == TASKER_OK && cursor->next < cursor->count && cursor->next % TKR_SOME == 0)
        status = decode_some(cursor);
    if (status == TASKER_OK && cursor->next < cursor->count)
        row = cursor->some + (size_t)(cursor->next++ % TKR_SOME) * cursor->stride + TKR_MARK;
    memcpy(out, &row, sizeof row);
    return status;
}

void tasker_cursor_close(tasker_cursor *cursor)
{
    if (cursor == NULL)
        return;
    drop_batch(cursor);
    free(cursor->filter);
    free(cursor->some);
    free(cursor->lid);
    free(cursor);
}
