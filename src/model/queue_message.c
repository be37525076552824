/* SPDX-License-Identifier: MIT */
/* Messages of queues. */
#include <inttypes.h>
#include <string.h>
#include "model/many.h"
#include "model/queue_backend.h"
#include "model/registry.h"
#include "model/transaction.h"
#include "statements.h"
#include "tasker/queue.h"
#include "value/error.h"
#include "value/text.h"

static const tkr_column columns[] = {
    TKR_COLUMN(tasker_message, msg_id),      TKR_COLUMN(tasker_message, read_ct),
    TKR_COLUMN(tasker_message, enqueued_at), TKR_COLUMN(tasker_message, vt),
    TKR_OPTIONAL(tasker_message, message), /* pgmq takes NULL from others */
    TKR_OPTIONAL(tasker_message, headers),   TKR_END_COLUMNS,
};
const tkr_entity tkr_entity_message = {"message", sizeof(tasker_message), columns};

typedef struct sent_message {
    int64_t msg_id;
} sent_message;
static const tkr_column sent_columns[] = {TKR_COLUMN(sent_message, msg_id), TKR_END_COLUMNS};
const tkr_entity tkr_entity_sent_message = {"sent_message", sizeof(sent_message), sent_columns};

static void refuse_negative(tkr_call *call, const char *name, int32_t value)
{
    if (value < 0)
        tkr_refuse(call, TASKER_INVALID_ARGUMENT, "%s is negative", name);
}

static void check_limit(tkr_call *call, int32_t limit)
{
    refuse_negative(call, "limit", limit);
    if (call->status == TASKER_OK && limit > call->db->limits.rows)
        tkr_refuse(call, TASKER_LIMIT_EXCEEDED, "limit is more than the %d rows allowed", call->db->limits.rows);
}

/* ---- sending ---- */

typedef struct sending {
    tasker_text queue_name;
    const tasker_message_input *messages;
    size_t count;
    int32_t delay_seconds;
    int64_t *msg_ids;
} sending;

static bool has_headers(const sending *s)
{
    for (size_t i = 0; i < s->count; i++)
        if (!tkr_is_absent(s->messages[i].headers.ptr))
            return true;
    return false;
}

/* Begins a call whose arguments are in order, as far as can be said without reading the messages. */
static tkr_call begin_send(tasker_db *db, const sending *s)
{
    tkr_call call = tkr_backend_begin(db, &s->queue_name);
    refuse_negative(&call, "delay_seconds", s->delay_seconds);
    if (!TKR_CHECK_INPUTS(&call, s->messages, s->count))
        return call;
    for (size_t i = 0; i < s->count && call.status == TASKER_OK; i++)
        if (tkr_is_absent(s->messages[i].message.ptr)) {
            tkr_refuse(&call, TASKER_INVALID_ARGUMENT, "message is required");
            tkr_refuse_item(&call, i);
        }
    if (call.status == TASKER_OK && has_headers(s) && !tkr_backend_link(&call)->session.queue_headers)
        tkr_refuse(&call, TASKER_UNSUPPORTED, "this pgmq is too old for headers; they came with 1.5");
    if (call.status == TASKER_OK && s->count == 0)
        call.status = TASKER_NOOP;
    return call;
}

/* The server numbers the messages in their order, so that the numbers in theirs are the messages'. */
static tasker_status finish_send(tkr_call *call)
{
    sent_message sent;
    size_t count;
    tasker_status status = TASKER_OK;
    memcpy(&count, call->context, sizeof count);
    if ((size_t)tkr_rows(call, 0) != count)
        return tkr_error_set(call->error, TASKER_PROTOCOL, "%d of %zu messages were numbered", tkr_rows(call, 0),
                             count);
    for (size_t i = 0; i < count && call->out != NULL && status == TASKER_OK; i++) {
        status = tkr_read_row(call, 0, (int)i, &sent);
        ((int64_t *)call->out)[i] = sent.msg_id;
    }
    return status;
}

static tasker_status send_once(tasker_db *db, void *context)
{
    const sending *s = context;
    tkr_call call = begin_send(db, s);
    if (call.status != TASKER_OK)
        return tkr_abandon(&call);
    const tasker_json *messages = TKR_EACH(&call, s->messages, s->count, message);
    if (has_headers(s)) {
        const tasker_json *headers = TKR_EACH(&call, s->messages, s->count, headers);
        tkr_add_queue_send__with_headers(&call, s->queue_name, messages, s->count, headers, s->count, s->delay_seconds);
    } else {
        tkr_add_queue_send(&call, s->queue_name, messages, s->count, s->delay_seconds);
    }
    if (tkr_backend_wakes(&call) && s->delay_seconds == 0)
        tkr_add_queue_send__wake(&call, &s->queue_name, 1);
    memcpy(call.context, &s->count, sizeof s->count);
    return tkr_run(&call, finish_send, s->msg_ids);
}

/* The arguments first, so that for a wrong one not even a transaction is begun. */
tasker_status tasker_queue_send(tasker_db *db, tasker_text queue_name, const tasker_message_input *messages,
                                size_t count, int32_t delay_seconds, int64_t *msg_ids)
{
    sending s = {queue_name, messages, count, delay_seconds, msg_ids};
    tkr_call call = begin_send(db, &s);
    tasker_status status = tkr_abandon(&call);
    return status == TASKER_OK ? tkr_run_numbered(db, send_once, &s) : status;
}

/* ---- reading ---- */

tasker_status tasker_queue_read(tasker_db *db, tasker_text queue_name, int32_t vt_seconds, int32_t limit,
                                const tasker_messages **out)
{
    tkr_call call = tkr_backend_begin(db, &queue_name);
    refuse_negative(&call, "vt_seconds", vt_seconds);
    check_limit(&call, limit);
    tkr_add_queue_read(&call, queue_name, vt_seconds, limit);
    return tkr_list_all(&call, out);
}

typedef struct popping {
    tasker_text queue_name;
    int32_t limit;
    const tasker_messages *messages, **out;
} popping;

static tkr_call begin_pop(tasker_db *db, const popping *p)
{
    tkr_call call = tkr_backend_begin(db, &p->queue_name);
    check_limit(&call, p->limit);
    return call;
}

static tasker_status pop_once(tasker_db *db, void *context)
{
    popping *p = context;
    tkr_call call = begin_pop(db, p);
    if (call.queue == NULL)
        tasker_free(p->messages); /* of a try that was rolled back */
    tkr_add_queue_pop(&call, p->queue_name, p->limit);
    return tkr_list_all(&call, call.queue != NULL ? p->out : &p->messages);
}

tasker_status tasker_queue_pop(tasker_db *db, tasker_text queue_name, int32_t limit, const tasker_messages **out)
{
    popping p = {.queue_name = queue_name, .limit = limit, .out = out};
    tkr_call call = begin_pop(db, &p);
    tasker_status status = tkr_abandon_for_pointer(&call, out);
    if (status != TASKER_OK)
        return status;
    status = tkr_run_numbered(db, pop_once, &p);
    if (status == TASKER_OK && out != NULL)
        *out = p.messages;
    else
        tasker_free(p.messages);
    return status;
}

/* ---- acknowledging ---- */

typedef struct flag {
    bool flag;
} flag; /* as tkr_entity_flag has it */

static tasker_status finish_gone(tkr_call *call)
{
    flag f;
    bool any = false, *gone = call->out;
    tasker_status status = TASKER_OK;
    for (int i = 0; i < tkr_rows(call, 0) && status == TASKER_OK; i++) {
        status = tkr_read_row(call, 0, i, &f);
        any = any || f.flag;
        if (gone != NULL && status == TASKER_OK)
            gone[i] = f.flag;
    }
    return status == TASKER_OK && !any ? TASKER_NOOP : status;
}

static tkr_call begin_gone(tasker_db *db, const tasker_text *queue_name, size_t count)
{
    tkr_call call = tkr_backend_begin(db, queue_name);
    if (call.status == TASKER_OK && count > (size_t)call.db->limits.rows)
        tkr_refuse(&call, TASKER_LIMIT_EXCEEDED, "%zu messages, more than the %d allowed", count, call.db->limits.rows);
    if (call.status == TASKER_OK && count == 0)
        call.status = TASKER_NOOP;
    return call;
}

tasker_status tasker_queue_delete(tasker_db *db, tasker_text queue_name, const int64_t *msg_ids, size_t count,
                                  bool *deleted)
{
    tkr_call call = begin_gone(db, &queue_name, count);
    tkr_add_queue_delete(&call, queue_name, msg_ids, count);
    return tkr_run(&call, finish_gone, deleted);
}

tasker_status tasker_queue_archive(tasker_db *db, tasker_text queue_name, const int64_t *msg_ids, size_t count,
                                   bool *archived)
{
    tkr_call call = begin_gone(db, &queue_name, count);
    tkr_add_queue_archive(&call, queue_name, msg_ids, count);
    return tkr_run(&call, finish_gone, archived);
}

static tasker_status finish_set_vt(tkr_call *call)
{
    int64_t msg_id;
    memcpy(&msg_id, call->context, sizeof msg_id);
    if (tkr_rows(call, 0) == 0)
        return tkr_error_set(call->error, TASKER_NOT_FOUND, "queue \"%s\" has no message %" PRId64,
                             tkr_backend_queue(call), msg_id);
    return tkr_give_row(call);
}

tasker_status tasker_queue_set_vt(tasker_db *db, tasker_text queue_name, int64_t msg_id, int32_t vt_seconds,
                                  const tasker_message **out)
{
    tkr_call call = tkr_backend_begin(db, &queue_name);
    refuse_negative(&call, "vt_seconds", vt_seconds);
    memcpy(call.context, &msg_id, sizeof msg_id);
    tkr_add_queue_set_vt(&call, queue_name, msg_id, vt_seconds);
    return tkr_run_for_pointer(&call, finish_set_vt, out);
}
