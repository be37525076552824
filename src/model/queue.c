/* SPDX-License-Identifier: MIT */
/* Queues as such. Their messages are in queue_message.c. */
#include "tasker/queue.h"
#include <stdio.h>
#include <string.h>
#include "model/queue_backend.h"
#include "model/registry.h"
#include "statements.h"
#include "value/error.h"

enum { LOCK_TIMEOUT_MS = 5000 };

static const tkr_column list_columns[] = {
    TKR_COLUMN(tasker_queue, queue_name),
    TKR_COLUMN(tasker_queue, is_partitioned),
    TKR_COLUMN(tasker_queue, is_unlogged),
    TKR_COLUMN(tasker_queue, created_at),
    TKR_END_COLUMNS,
};
const tkr_entity tkr_entity_queue = {"queue", sizeof(tasker_queue), list_columns};

static const tkr_column measured_columns[] = {
    TKR_COLUMN(tasker_queue, queue_name),
    TKR_COLUMN(tasker_queue, is_partitioned),
    TKR_COLUMN(tasker_queue, is_unlogged),
    TKR_COLUMN(tasker_queue, created_at),
    TKR_COLUMN(tasker_queue, scrape_time),
    TKR_COLUMN(tasker_queue, queue_length),
    TKR_COLUMN(tasker_queue, queue_visible_length),
    TKR_COLUMN(tasker_queue, total_messages),
    /* both ages are there, or none */
    {"newest_msg_age_sec", TKR_INT4, offsetof(tasker_queue, newest_msg_age_sec), offsetof(tasker_queue, has_ages),
     NULL},
    {"oldest_msg_age_sec", TKR_INT4, offsetof(tasker_queue, oldest_msg_age_sec), offsetof(tasker_queue, has_ages),
     NULL},
    TKR_END_COLUMNS,
};
const tkr_entity tkr_entity_measured_queue = {"measured_queue", sizeof(tasker_queue), measured_columns};

typedef struct flag {
    bool flag;
} flag; /* as tkr_entity_flag has it */

static tasker_status no_queue(tkr_call *call)
{
    return tkr_error_set(call->error, TASKER_NOT_FOUND, "there is no queue \"%s\"", tkr_backend_queue(call));
}

static bool is_pgmq(const tkr_call *call)
{
    return tkr_backend_link(call)->session.queue_backend == TASKER_QUEUE_BACKEND_PGMQ;
}

/* ---- making ---- */

static tasker_status finish_create(tkr_call *call)
{
    flag exists;
    tasker_status status = tkr_read_row(call, 1, 0, &exists);
    return status == TASKER_OK && exists.flag ? TASKER_NOOP : status;
}

/* The look comes after the lock, so that of two makers the second sees what the first has made. */
tasker_status tasker_queue_create(tasker_db *db, tasker_text queue_name)
{
    tkr_call call = tkr_backend_begin(db, &queue_name);
    tkr_add_queue_create__lock(&call, queue_name);
    tkr_add_queue_create__exists(&call, queue_name);
    tkr_add_queue_create(&call, queue_name);
    return tkr_run(&call, finish_create, NULL);
}

/* ---- dropping and purging: with a bound on the wait for locks, lest the deadline of the call taint the link ---- */

static void add_hurry(tkr_call *call)
{
    char text[16];
    if (call->status != TASKER_OK)
        return;
    int32_t half = tkr_backend_link(call)->timeout_ms / 2;
    snprintf(text, sizeof text, "%d", half > 0 && half < LOCK_TIMEOUT_MS ? half : LOCK_TIMEOUT_MS);
    tkr_add_queue_purge__hurry(call, tasker_text_of(text));
}

static tasker_status finish_drop(tkr_call *call)
{
    flag dropped;
    tasker_status status = tkr_read_row(call, 1, 0, &dropped);
    return status == TASKER_OK && !dropped.flag ? no_queue(call) : status;
}

tasker_status tasker_queue_drop(tasker_db *db, tasker_text queue_name)
{
    tkr_call call = tkr_backend_begin(db, &queue_name);
    add_hurry(&call);
    tkr_add_queue_drop(&call, queue_name);
    tkr_add_queue_purge__relax(&call);
    if (tkr_backend_wakes(&call))
        tkr_add_queue_set_notify__off(&call, queue_name);
    return tkr_run(&call, finish_drop, NULL);
}

typedef struct purged {
    int64_t row_count;
} purged; /* as tkr_entity_row_count has it */

static tasker_status finish_purge(tkr_call *call)
{
    purged p;
    tasker_status status = tkr_read_row(call, 1, 0, &p);
    if (status == TASKER_OK && call->out != NULL)
        memcpy(call->out, &p.row_count, sizeof p.row_count);
    return status;
}

tasker_status tasker_queue_purge(tasker_db *db, tasker_text queue_name, int64_t *out)
{
    tkr_call call = tkr_backend_begin(db, &queue_name);
    add_hurry(&call);
    tkr_add_queue_purge(&call, queue_name);
    tkr_add_queue_purge__relax(&call);
    return tkr_run(&call, finish_purge, out);
}

/* ---- waking ---- */

static tasker_status finish_switch(tkr_call *call)
{
    flag exists;
    tasker_status status = tkr_read_row(call, 0, 0, &exists);
    return status == TASKER_OK && !exists.flag ? no_queue(call) : status;
}

tasker_status tasker_queue_set_notify(tasker_db *db, tasker_text queue_name, bool notify)
{
    tkr_call call = tkr_backend_begin(db, &queue_name);
    if (call.status != TASKER_OK || !is_pgmq(&call)) {
        tkr_add_queue_set_notify(&call, queue_name, notify);
        return tkr_done(&call);
    }
    if (!tkr_backend_wakes(&call))
        tkr_refuse(&call, TASKER_UNSUPPORTED,
                   "pgmq keeps no such switch, and the schema \"%s\" has no table for it (schema install)",
                   call.db->schema);
    if (notify)
        tkr_add_queue_set_notify__on(&call, queue_name);
    else
        tkr_add_queue_set_notify__off(&call, queue_name);
    return tkr_run(&call, finish_switch, NULL);
}

/* ---- looking ---- */

tasker_status tasker_queue_list(tasker_db *db, const tasker_queues **out)
{
    tkr_call call = tkr_backend_begin(db, NULL);
    tkr_add_queue_list(&call);
    return tkr_list_all(&call, out);
}

tasker_status tasker_queue_measure(tasker_db *db, tasker_text queue_name, const tasker_queues **out)
{
    bool all = queue_name.ptr == NULL;
    tkr_call call = tkr_backend_begin(db, all ? NULL : &queue_name);
    if (all)
        tkr_add_queue_measure__all(&call);
    else
        tkr_add_queue_measure(&call, queue_name);
    return tkr_list_all(&call, out);
}

typedef struct moment {
    tasker_time now;
} moment; /* as tkr_entity_moment has it */

static tasker_status finish_next_vt(tkr_call *call)
{
    moment m;
    if (tkr_rows(call, 0) == 0)
        return tkr_error_set(call->error, TASKER_NOT_FOUND, "no message of queue \"%s\" is hidden",
                             tkr_backend_queue(call));
    tasker_status status = tkr_read_row(call, 0, 0, &m);
    if (status == TASKER_OK && call->out != NULL)
        memcpy(call->out, &m.now, sizeof m.now);
    return status;
}

tasker_status tasker_queue_get_next_vt(tasker_db *db, tasker_text queue_name, tasker_time *out)
{
    tkr_call call = tkr_backend_begin(db, &queue_name);
    if (call.status == TASKER_OK && is_pgmq(&call))
        tkr_add_queue_get_next_vt__text(&call, queue_name);
    else
        tkr_add_queue_get_next_vt(&call, queue_name);
    return tkr_run(&call, finish_next_vt, out);
}
