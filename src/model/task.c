/* SPDX-License-Identifier: MIT */
#include "tasker/task.h"
#include <string.h>
#include "model/registry.h"
#include "statements.h"
#include "value/error.h"

static const tkr_column columns[] = {
    TKR_COLUMN(tasker_task, task_uuid),
    TKR_COLUMN(tasker_task, named_task_uuid),
    TKR_COLUMN(tasker_task, complete),
    TKR_COLUMN(tasker_task, requested_at),
    TKR_NULLABLE(tasker_task, completed_at),
    TKR_OPTIONAL(tasker_task, initiator),
    TKR_OPTIONAL(tasker_task, source_system),
    TKR_OPTIONAL(tasker_task, reason),
    TKR_OPTIONAL(tasker_task, bypass_steps),
    TKR_OPTIONAL(tasker_task, tags),
    TKR_OPTIONAL(tasker_task, context),
    TKR_COLUMN(tasker_task, identity_hash),
    TKR_COLUMN(tasker_task, created_at),
    TKR_COLUMN(tasker_task, updated_at),
    TKR_OPTIONAL(tasker_task, claim_id),
    TKR_OPTIONAL(tasker_task, reference_id),
    TKR_COLUMN(tasker_task, priority),
    TKR_COLUMN(tasker_task, claim_timeout_seconds),
    TKR_NULLABLE(tasker_task, claimed_at),
    TKR_OPTIONAL(tasker_task, claimed_by),
    TKR_END_COLUMNS,
};
const tkr_entity tkr_entity_task = {"task", sizeof(tasker_task), columns};

static const tkr_column details_columns[] = {
    TKR_INNER(tasker_task_details, task, &tkr_entity_task),
    TKR_COLUMN(tasker_task_details, namespace_name),
    TKR_COLUMN(tasker_task_details, name),
    TKR_COLUMN(tasker_task_details, version),
    TKR_COLUMN(tasker_task_details, state),
    TKR_COLUMN(tasker_task_details, state_since),
    TKR_END_COLUMNS,
};
const tkr_entity tkr_entity_task_details = {"task_details", sizeof(tasker_task_details), details_columns};

/* ---- create ---- */

typedef struct create {
    bool by_name, looked;
} create;

/* No row: the key is there (a resend), or there is no kind of that name. */
static tasker_status finish_create(tkr_call *call)
{
    create *c = (create *)(void *)call->context;
    if (tkr_rows(call, 0) > 0)
        return tkr_give_row(call);
    if (c->looked && c->by_name)
        return tkr_error_set(call->error, TASKER_NOT_FOUND, "no such named task");
    if (c->looked)
        return tkr_error_set(call->error, TASKER_DUPLICATE, "task: another row has this identity_hash");
    c->looked = true;
    tkr_nothing_written(call);
    tkr_add_task_get(call, &call->error->key);
    return TASKER_AGAIN;
}

static void add_create(tkr_call *call, const tasker_task_input *input)
{
    tasker_uuid key = tkr_key(call, &input->task_uuid), transition_uuid;
    const tasker_uuid *named_task_uuid = tkr_given(&input->named_task_uuid);
    if (named_task_uuid == NULL && input->name.ptr == NULL)
        tkr_refuse(call, TASKER_INVALID_ARGUMENT, "named_task_uuid or name is required");
    if (input->has_claim_timeout_seconds && input->claim_timeout_seconds <= 0)
        tkr_refuse(call, TASKER_INVALID_ARGUMENT, "claim_timeout_seconds is not above 0");
    if (!tkr_new_ids(call, 1, &transition_uuid))
        return;
    tkr_add_task_create(call, &key, named_task_uuid, input->namespace_name, input->name, input->version,
                        &transition_uuid, TKR_IF_HAS(input, requested_at), input->initiator, input->source_system,
                        input->reason, input->reference_id, input->context, input->tags, input->bypass_steps,
                        TKR_IF_HAS(input, priority), TKR_IF_HAS(input, claim_timeout_seconds));
    tkr_check_shape(call, "context", input->context, TASKER_JSON_SHAPE_OBJECT);
    tkr_check_shape(call, "tags", input->tags, TASKER_JSON_SHAPE_CONTAINER);
    tkr_check_shape(call, "bypass_steps", input->bypass_steps, TASKER_JSON_SHAPE_ARRAY);
}

tasker_status tasker_task_create(tasker_db *db, const tasker_task_input *input, const tasker_task **out)
{
    tkr_call call = tkr_begin(db);
    if (out != NULL)
        *out = NULL;
    if (!tkr_check_input(&call, input, TKR_RESERVED(input)))
        return tkr_abandon_for_pointer(&call, out);
    add_create(&call, input);
    create c = {.by_name = tkr_given(&input->named_task_uuid) == NULL};
    memcpy(call.context, &c, sizeof c);
    return tkr_run(&call, finish_create, out);
}

/* ---- reading ---- */

tasker_status tasker_task_get(tasker_db *db, const tasker_uuid *task_uuid, const tasker_task **out)
{
    tkr_call call = tkr_begin(db);
    tkr_add_task_get(&call, task_uuid);
    return tkr_get(&call, out);
}

/* Both queries take the same parameters. */
typedef __typeof__(tkr_add_task_query) *add_query;

static tasker_status query(tasker_db *db, const tasker_task_filter *filter, const tasker_page *page, add_query add,
                           void *out)
{
    static const tasker_task_filter all = {0};
    const tasker_task_filter *f = filter != NULL ? filter : &all;
    tkr_call call = tkr_begin(db);
    tkr_page p = tkr_page_of(&call, page, TKR_ORDERS_OF_DATED | TKR_ORDER_BIT(TASKER_ORDER_PRIORITY));
    p.recent_at = offsetof(tasker_task, updated_at);
    p.priority_at = offsetof(tasker_task, priority);
    tkr_check_reserved(&call, f->reserved, sizeof f->reserved);
    const tasker_text *states = tkr_state_names(&call, "states", f->states, f->state_count, false);
    add(&call, f->task_uuids, f->task_uuid_count, f->named_task_uuids, f->named_task_uuid_count, states, f->state_count,
        f->active, TKR_IF_HAS(f, complete), f->namespace_name, f->name, f->version, f->initiator, f->source_system,
        f->claimed_by, f->reference_id, f->identity_hash, TKR_IF_HAS(&f->created, since),
        TKR_IF_HAS(&f->created, until), TKR_IF_HAS(&f->requested, since), TKR_IF_HAS(&f->requested, until), p.after,
        p.after_key, p.order, p.fetch);
    return tkr_query_page(&call, &p, out);
}

tasker_status tasker_task_query(tasker_db *db, const tasker_task_filter *filter, const tasker_page *page,
                                const tasker_tasks **out)
{
    return query(db, filter, page, tkr_add_task_query, out);
}

tasker_status tasker_task_query_details(tasker_db *db, const tasker_task_filter *filter, const tasker_page *page,
                                        const tasker_task_detail_list **out)
{
    return query(db, filter, page, tkr_add_task_query_details, out);
}

tasker_status tasker_task_get_states(tasker_db *db, const tasker_uuid *task_uuids, size_t count, tasker_state *out)
{
    tkr_call call = tkr_begin(db);
    tkr_add_task_get_states(&call, task_uuids, count);
    return tkr_get_states(&call, count, out);
}
