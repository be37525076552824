/* SPDX-License-Identifier: MIT */
#include "model/queue_backend.h"
#include <stdio.h>
#include <string.h>
#include "model/registry.h"
#include "statement/queue.h"
#include "value/error.h"
#include "value/queue_name.h"

/* ---- choosing ---- */

static const char *const words[] = {
    [TASKER_QUEUE_BACKEND_DETECT] = "",
    [TASKER_QUEUE_BACKEND_PGMQ] = "pgmq",
    [TASKER_QUEUE_BACKEND_OWN] = TKR_QUEUE_SCHEMA,
    [TASKER_QUEUE_BACKEND_NONE] = "none",
};

tkr_backend_asked tkr_backend_ask(const tasker_db *db, tasker_text setting)
{
    if (db->queue_option != TASKER_QUEUE_BACKEND_DETECT || setting.ptr == NULL)
        return (tkr_backend_asked){.backend = db->queue_option};
    for (int i = 0; i < (int)(sizeof words / sizeof *words); i++)
        if (strcmp(setting.ptr, words[i]) == 0)
            return (tkr_backend_asked){.backend = (tasker_queue_backend)i};
    return (tkr_backend_asked){.unknown = true};
}

/* NULL: asked is what is used. */
static const char *why_not(tkr_backend_asked asked, bool pgmq, bool own, int32_t own_version)
{
    if (asked.unknown)
        return "the setting tasker.queue_backend is neither pgmq nor tasker_queue nor none";
    switch (asked.backend) {
    case TASKER_QUEUE_BACKEND_PGMQ:
        return pgmq ? NULL : "pgmq is asked for, but it is not installed, or the role has no USAGE on its schema";
    case TASKER_QUEUE_BACKEND_NONE:
        return "queues are switched off, by the option queue_backend or the setting tasker.queue_backend";
    case TASKER_QUEUE_BACKEND_OWN:
    case TASKER_QUEUE_BACKEND_DETECT:
        break;
    }
    if (own_version > TKR_QUEUE_VERSION && !pgmq)
        return "the schema tasker_queue is of a newer version: use a newer library";
    if (asked.backend == TASKER_QUEUE_BACKEND_OWN)
        return own ? NULL
                   : "tasker_queue is asked for, but it is not installed (schema install), or the role has no USAGE "
                     "on the schema";
    if (pgmq && own)
        return "pgmq and tasker_queue can both be used: say which, with the option queue_backend or with ALTER "
               "DATABASE … SET tasker.queue_backend";
    return pgmq || own ? NULL
                       : "neither pgmq nor tasker_queue is installed (schema install), or the role has no USAGE on "
                         "the schema";
}

/* Statements that were made for another backend are made again. */
static void use(tasker_db *db, tasker_queue_backend backend)
{
    const char *schema = words[backend == TASKER_QUEUE_BACKEND_PGMQ ? backend : TASKER_QUEUE_BACKEND_OWN];
    if (db->prepared.queue_schema != NULL && db->prepared.queue_schema != schema)
        tkr_prepared_renew(&db->prepared);
    db->prepared.queue_schema = schema;
}

void tkr_backend_choose(tasker_db *db, const tkr_backend_found *found, tkr_backend_asked asked, int32_t own_version)
{
    bool own = found->own && own_version == TKR_QUEUE_VERSION;
    tasker_queue_backend backend = asked.backend;
    db->queue_why = why_not(asked, found->pgmq, own, own_version);
    if (db->queue_why != NULL)
        backend = TASKER_QUEUE_BACKEND_NONE;
    else if (backend == TASKER_QUEUE_BACKEND_DETECT)
        backend = own ? TASKER_QUEUE_BACKEND_OWN : TASKER_QUEUE_BACKEND_PGMQ;
    db->session.queue_backend = backend;
    db->session.queue_headers =
        backend == TASKER_QUEUE_BACKEND_OWN || (backend == TASKER_QUEUE_BACKEND_PGMQ && found->pgmq_headers);
    db->queue_notify_table = found->notify_table;
    if (backend != TASKER_QUEUE_BACKEND_NONE)
        use(db, backend);
}

/* ---- calls ---- */

const tasker_db *tkr_backend_link(const tkr_call *call)
{
    return call->queue != NULL ? call->queue->db : call->db;
}

bool tkr_backend_check(tkr_call *call)
{
    if (call->status == TASKER_OK && tkr_backend_link(call)->session.queue_backend == TASKER_QUEUE_BACKEND_NONE)
        tkr_refuse(call, TASKER_NO_QUEUE, "%s", tkr_backend_link(call)->queue_why);
    return call->status == TASKER_OK;
}

bool tkr_backend_wakes(const tkr_call *call)
{
    const tasker_db *link = call->status == TASKER_OK ? tkr_backend_link(call) : NULL;
    return link != NULL && link->session.queue_backend == TASKER_QUEUE_BACKEND_PGMQ && link->queue_notify_table;
}

const char *tkr_backend_queue(const tkr_call *call)
{
    return call->state;
}

/* A relation that is missing is the queue's table; what is not allowed is said with the queue's name. */
static tasker_status explain(tkr_call *call, tasker_status status)
{
    const char *name = tkr_backend_queue(call);
    if (status == TASKER_SCHEMA_MISMATCH && strcmp(call->error->sqlstate, "42P01") == 0)
        return tkr_error_set(call->error, TASKER_NOT_FOUND, "there is no queue \"%s\"", name);
    if (status != TASKER_DENIED && status != TASKER_SCHEMA_MISMATCH)
        return status;
    char message[sizeof call->error->message];
    memcpy(message, call->error->message, sizeof message);
    return tkr_error_set(call->error, status, "queue \"%s\": %s", name, message);
}

tkr_call tkr_backend_begin(tasker_db *db, const tasker_text *queue_name)
{
    tkr_call call = tkr_begin(db);
    tasker_error found = {0};
    if (!tkr_backend_check(&call) || queue_name == NULL)
        return call;
    tasker_status status = tkr_queue_name_check(*queue_name, &found);
    if (status != TASKER_OK)
        tkr_refuse(&call, status, "%s", found.message);
    char *name = tkr_keep(&call, TKR_QUEUE_NAME_SIZE);
    if (name == NULL)
        return call;
    memcpy(name, queue_name->ptr, queue_name->len);
    call.state = name;
    call.failed = explain;
    return call;
}
