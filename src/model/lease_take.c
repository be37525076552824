/* SPDX-License-Identifier: MIT */
/* Taking whatever there is: messages and starts in one flush. src/sql/lease_take.sql says how. */
#include <string.h>
#include "db/hooks.h"
#include "model/claim_keep.h"
#include "model/lease_read.h"
#include "model/move.h"
#include "model/queue_backend.h"
#include "statements.h"
#include "value/error.h"
#include "value/queue_name.h"

typedef struct taking {
    const tasker_lease_options *options; /* the caller's, while the call is built */
    size_t limit;
    tasker_uuid *ids, *retries, *tasks; /* of history rows */
    uint32_t answers;
    tkr_move noted; /* what of a move the hooks want to know */
} taking;

static bool check_limit(tkr_call *call, const tasker_lease_options *o)
{
    if (o->limit < 0)
        tkr_refuse(call, TASKER_INVALID_ARGUMENT, "options.limit is negative");
    else if (o->limit > call->db->limits.rows)
        tkr_refuse(call, TASKER_LIMIT_EXCEEDED, "%d leases, more than the %d allowed", o->limit, call->db->limits.rows);
    return call->status == TASKER_OK;
}

static bool check_source(tkr_call *call, const tasker_lease_options *o)
{
    if (!o->without_queue && (o->namespace_names == NULL || o->namespace_name_count == 0))
        tkr_refuse(call, TASKER_INVALID_ARGUMENT, "options.namespace_names are required, but for without_queue");
    if (o->task_uuid != NULL && (!o->without_queue || o->namespace_names != NULL))
        tkr_refuse(call, TASKER_INVALID_ARGUMENT, "options.task_uuid goes with without_queue, and without namespaces");
    return o->without_queue ? tkr_claim_check(call) : tkr_backend_check(call);
}

/* "<namespace>_queue" for each; they live as long as the call. */
static const tasker_text *name_queues(tkr_call *call, const tasker_lease_options *o)
{
    size_t count = o->namespace_name_count;
    tasker_text *names = tkr_keep(call, count * sizeof *names);
    char *texts = tkr_keep(call, count * TKR_QUEUE_NAME_SIZE);
    for (size_t i = 0; call->status == TASKER_OK && i < count; i++) {
        tasker_error error = {0};
        char *name = texts + i * TKR_QUEUE_NAME_SIZE;
        tasker_status status = tkr_queue_name_of_namespace(o->namespace_names[i], name, &error);
        names[i] = tasker_text_of(name);
        if (status != TASKER_OK) {
            tkr_refuse(call, status, "options.namespace_names: %s", error.message);
            tkr_refuse_item(call, i);
        }
    }
    return names;
}

static void add_gather(tkr_call *call, const taking *t)
{
    const tasker_lease_options *o = t->options;
    if (o->task_uuid != NULL) {
        tkr_add_lease_take__gather_task(call, (int32_t)t->limit, o->task_uuid, t->ids, t->limit, t->retries, t->limit,
                                        t->tasks, t->limit);
        return;
    }
    if (o->without_queue) {
        tkr_add_lease_take__gather_ready(call, (int32_t)t->limit, o->namespace_names, o->namespace_name_count,
                                         call->db->ageing == TASKER_AGEING_MONOTONE, t->ids, t->limit, t->retries,
                                         t->limit, t->tasks, t->limit);
        return;
    }
    const tasker_text *queues = name_queues(call, o);
    if (call->status == TASKER_OK)
        tkr_add_lease_take__gather(call, queues, o->namespace_name_count, tkr_lease_seconds(o->lease_seconds),
                                   (int32_t)t->limit, t->ids, t->limit, t->retries, t->limit, t->tasks, t->limit);
}

static void add_flush(tkr_call *call, taking *t)
{
    tasker_text sources[2 * TKR_STATES];
    size_t source_count = tkr_lease_sources(sources);
    add_gather(call, t);
    if (!t->options->without_queue && tkr_link_has_ready_set(call->db))
        tkr_add_lease_take__set_aside(call);
    tkr_move_begin_writes(call);
    if (t->options->without_queue)
        tkr_add_lease_take__begin(call);
    tkr_add_lease_take__start_tasks(call, sources, source_count, t->options->worker);
    tkr_add_lease_take(call, t->options->worker, tkr_lease_seconds(t->options->lease_seconds));
    if (tkr_link_has_ready_set(call->db))
        tkr_add_lease_take__follow(call);
    if (!t->options->without_queue)
        tkr_add_lease_take__acknowledge(call);
    tkr_lease_add_context(call, t->ids, t->limit, t->options->without_context, &t->answers);
    t->noted = (tkr_move){.steps = true, .event = TASKER_EVENT_START, .written = call->part_count};
    if (call->status == TASKER_OK && tkr_hooks_want_states(call->db)) {
        t->noted.listens = true;
        tkr_add_lease_take__written(call);
    }
}

static tasker_status finish(tkr_call *call)
{
    taking *t = call->state;
    tkr_list *list = NULL;
    tasker_status status = tkr_lease_collect(call, t->answers, &list);
    if (status == TASKER_OK)
        status = tkr_move_note(call, &t->noted);
    if (status == TASKER_OK)
        return tkr_give(call, list);
    tasker_free(list);
    return status;
}

/* The relation that is missing is a queue's table, and the server names it. */
static tasker_status explain(tkr_call *call, tasker_status status)
{
    char message[sizeof call->error->message];
    if (status != TASKER_SCHEMA_MISMATCH || strcmp(call->error->sqlstate, "42P01") != 0)
        return status;
    memcpy(message, call->error->message, sizeof message);
    return tkr_error_set(call->error, TASKER_NOT_FOUND, "there is no such queue: %s", message);
}

/* All of the call but its running. False: refused. */
static bool prepare(tkr_call *call, const tasker_lease_options *options)
{
    if (!tkr_lease_check_options(call, options) || !check_limit(call, options) || !check_source(call, options))
        return false;
    taking *t = tkr_keep(call, sizeof *t);
    size_t limit = options->limit > 0 ? (size_t)options->limit : 1;
    tasker_uuid *ids = tkr_keep(call, 3 * limit * sizeof *ids);
    if (t == NULL || ids == NULL || !tkr_new_ids(call, 3 * limit, ids))
        return false;
    *t = (taking){.options = options, .limit = limit, .tasks = ids, .retries = ids + limit, .ids = ids + 2 * limit};
    add_flush(call, t);
    call->state = t;
    if (!options->without_queue)
        call->failed = explain;
    return call->status == TASKER_OK;
}

tasker_status tkr_lease_take_check(tasker_db *db, const tasker_lease_options *options)
{
    tkr_call call = tkr_begin(db);
    (void)prepare(&call, options);
    return tkr_abandon(&call);
}

tasker_status tasker_lease_take(tasker_db *db, const tasker_lease_options *options, const tasker_leases **out)
{
    tkr_call call = tkr_begin(db);
    if (!prepare(&call, options))
        return tkr_abandon_for_pointer(&call, out);
    return tkr_run_for_pointer(&call, finish, out);
}
