/* SPDX-License-Identifier: MIT */
#include "tasker/task.h"
#include <string.h>
#include "model/delay.h"
#include "model/cursor.h"
#include "model/many.h"
#include "model/identity.h"
#include "model/registry.h"
#include "model/wake.h"
#include "statements.h"
#include "value/error.h"
#include "value/text.h"

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
    tasker_text namespace_name, name, version; /* kept by the call */
} create;

/* No row: the key is there (a resend), or there is no kind of that name. */
static tasker_status finish_create(tkr_call *call)
{
    create *c = (create *)(void *)call->context;
    if (tkr_rows(call, 0) > 0)
        return tkr_give_row(call);
    if (c->looked && c->by_name)
        return tkr_missing_kind(call, 1);
    if (c->looked)
        return tkr_error_set(call->error, TASKER_DUPLICATE, "task: another row has this identity_hash");
    c->looked = true;
    tkr_nothing_written(call);
    tkr_add_task_get(call, &call->error->key);
    if (c->by_name)
        tkr_add_task_create__missing(call, c->namespace_name, c->name, c->version);
    return TASKER_AGAIN;
}

void tkr_check_task(tkr_call *call, const tasker_task_input *input)
{
    if (input->has_claim_timeout_seconds && input->claim_timeout_seconds <= 0)
        tkr_refuse(call, TASKER_INVALID_ARGUMENT, "claim_timeout_seconds is not above 0");
    tkr_check_delay(call, input);
    tkr_check_shape(call, "context", input->context, TASKER_JSON_SHAPE_OBJECT);
    tkr_check_shape(call, "tags", input->tags, TASKER_JSON_SHAPE_CONTAINER);
    tkr_check_shape(call, "bypass_steps", input->bypass_steps, TASKER_JSON_SHAPE_ARRAY);
}

static void add_create(tkr_call *call, const tasker_task_input *input)
{
    char hash[TASKER_UUID_TEXT_SIZE];
    tasker_uuid key = tkr_key(call, &input->task_uuid), transition_uuid;
    const tasker_uuid *named_task_uuid = tkr_given(&input->named_task_uuid);
    if (named_task_uuid == NULL && tkr_is_absent(input->name.ptr))
        tkr_refuse(call, TASKER_INVALID_ARGUMENT, "named_task_uuid or name is required");
    tkr_check_task(call, input);
    if (!tkr_new_ids(call, 1, &transition_uuid))
        return;
    tkr_add_task_create(call, &key, &transition_uuid, TKR_IF_HAS(input, requested_at), input->initiator,
                        input->source_system, input->reason, input->reference_id, input->context, input->tags,
                        input->bypass_steps, TKR_IF_HAS(input, priority), TKR_IF_HAS(input, claim_timeout_seconds),
                        tasker_text_of(tasker_uuid_format(&key, hash)), named_task_uuid, input->namespace_name,
                        input->name, input->version);
    tkr_add_delay(call, input, &key, &transition_uuid);
}

tasker_status tasker_task_create(tasker_db *db, const tasker_task_input *input, const tasker_task **out)
{
    tkr_call call = tkr_begin(db);
    if (out != NULL)
        *out = NULL;
    if (!tkr_check_input(&call, input, TKR_RESERVED(input)))
        return tkr_abandon_for_pointer(&call, out);
    tkr_check_identity(&call, input);
    add_create(&call, input);
    if (input->identity != TASKER_IDENTITY_UNIQUE) {
        tkr_take_back(&call); /* everything has been checked */
        return tkr_create_identified(&call, input, out);
    }
    create c = {.by_name = tkr_given(&input->named_task_uuid) == NULL,
                .namespace_name = tkr_keep_text(&call, input->namespace_name),
                .name = tkr_keep_text(&call, input->name),
                .version = tkr_keep_text(&call, input->version)};
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

#define FILTER(f)                                                                                                      \
    (f)->task_uuids, (f)->task_uuid_count, (f)->named_task_uuids, (f)->named_task_uuid_count, states,                  \
        (f)->state_count, (f)->active, TKR_IF_HAS(f, complete), (f)->namespace_name, (f)->name, (f)->version,          \
        (f)->initiator, (f)->source_system, (f)->claimed_by, (f)->reference_id, (f)->identity_hash,                    \
        TKR_RANGE((f)->created), TKR_RANGE((f)->requested), TKR_RANGE((f)->reached), step_states,                      \
        (f)->step_state_count, TKR_RANGE((f)->step_reached), (f)->annotation_type, (f)->annotation_key,                \
        (f)->annotation_value, (f)->context_contains, (f)->tags_contain

/* All who take the filter's parameters add their statement here. count: the limit of task_count. */
typedef enum ask { ASK_QUERY, ASK_DETAILS, ASK_COUNT } ask;

static void add(tkr_call *call, const tasker_task_filter *filter, ask what, const tkr_page *p, const int32_t *count)
{
    const tasker_task_filter *f = TKR_FILTER(call, filter);
    const tasker_text *states = tkr_state_names(call, "states", f->states, f->state_count, false);
    const tasker_text *step_states = tkr_state_names(call, "step_states", f->step_states, f->step_state_count, false);
    if (!tkr_is_absent(f->annotation_value.ptr) && tkr_is_absent(f->annotation_key.ptr))
        tkr_refuse(call, TASKER_INVALID_ARGUMENT, "annotation_value needs annotation_key");
    if (what == ASK_QUERY)
        tkr_add_task_query(call, FILTER(f), TKR_PAGE(*p));
    else if (what == ASK_DETAILS)
        tkr_add_task_query_details(call, FILTER(f), TKR_PAGE(*p));
    else
        tkr_add_task_count(call, FILTER(f), count);
}

static const uint32_t orders = TKR_ORDERS_OF_DATED | TKR_ORDER_BIT(TASKER_ORDER_PRIORITY);

static void set_offsets(tkr_page *p)
{
    p->recent_at = offsetof(tasker_task, updated_at);
    p->priority_at = offsetof(tasker_task, priority);
}

static tasker_status query(tasker_db *db, const tasker_task_filter *filter, const tasker_page *page, ask what,
                           void *out)
{
    tkr_call call = tkr_begin(db);
    tkr_page p = tkr_page_of(&call, page, orders);
    set_offsets(&p);
    add(&call, filter, what, &p, NULL);
    return tkr_query_page(&call, &p, out);
}

tasker_status tasker_task_query(tasker_db *db, const tasker_task_filter *filter, const tasker_page *page,
                                const tasker_tasks **out)
{
    return query(db, filter, page, ASK_QUERY, out);
}

tasker_status tasker_task_query_details(tasker_db *db, const tasker_task_filter *filter, const tasker_page *page,
                                        const tasker_task_detail_list **out)
{
    return query(db, filter, page, ASK_DETAILS, out);
}

tasker_status tasker_task_stream(tasker_db *db, const tasker_task_filter *filter, const tasker_cursor_options *options,
                                 tasker_cursor **out)
{
    tkr_call call = tkr_begin_now(db);
    tkr_page p = tkr_page_of_cursor(&call, options, orders);
    set_offsets(&p);
    add(&call, filter, ASK_QUERY, &p, NULL);
    return tkr_stream(&call, &p, out);
}

tasker_status tasker_task_next(tasker_cursor *cursor, const tasker_task **out)
{
    return tkr_next(cursor, &tkr_entity_task, out);
}

tasker_status tasker_task_count(tasker_db *db, const tasker_task_filter *filter, int64_t *out)
{
    tkr_call call = tkr_begin(db);
    add(&call, filter, ASK_COUNT, NULL, NULL);
    return tkr_get_count(&call, out);
}

tasker_status tasker_task_exists(tasker_db *db, const tasker_task_filter *filter, bool *out)
{
    tkr_call call = tkr_begin(db);
    add(&call, filter, ASK_COUNT, NULL, &tkr_one);
    return tkr_get_exists(&call, out);
}

tasker_status tasker_task_find_by_identity(tasker_db *db, tasker_text identity_hash, const tasker_task **out)
{
    tkr_call call = tkr_begin(db);
    tkr_add_task_find_by_identity(&call, identity_hash);
    return tkr_find(&call, out);
}

tasker_status tasker_task_get_states(tasker_db *db, const tasker_uuid *task_uuids, size_t count, tasker_state *out)
{
    tkr_call call = tkr_begin(db);
    tkr_add_task_get_states(&call, task_uuids, count);
    return tkr_get_states(&call, count, out);
}

/* ---- changes ---- */

/* The columns of an input that are to be NULL. */
static size_t list_cleared(const tasker_task_input *input, tasker_text names[7])
{
    size_t count = 0;
#define IF_CLEARED(member)                                                                                             \
    if (TKR_CLEARS(input->member))                                                                                     \
    names[count++] = (tasker_text)TASKER_TEXT(#member)
    IF_CLEARED(initiator);
    IF_CLEARED(source_system);
    IF_CLEARED(reason);
    IF_CLEARED(reference_id);
    IF_CLEARED(context);
    IF_CLEARED(tags);
    IF_CLEARED(bypass_steps);
#undef IF_CLEARED
    return count;
}

tasker_status tasker_task_update(tasker_db *db, const tasker_uuid *task_uuid, const tasker_task_input *input,
                                 const tasker_task **out)
{
    tkr_call call = tkr_begin(db);
    tasker_text cleared[7];
    if (!tkr_check_input(&call, input, TKR_RESERVED(input)) || !tkr_check_update(&call, task_uuid, &input->task_uuid))
        return tkr_abandon_for_pointer(&call, out);
    if (!tasker_uuid_is_nil(&input->named_task_uuid) || input->namespace_name.ptr != NULL || input->name.ptr != NULL ||
        input->version.ptr != NULL)
        tkr_refuse(&call, TASKER_INVALID_ARGUMENT, "the kind of a task cannot be changed");
    if (input->identity != TASKER_IDENTITY_UNIQUE || input->identity_key.ptr != NULL)
        tkr_refuse(&call, TASKER_INVALID_ARGUMENT, "the identity of a task cannot be changed");
    if (input->has_start_at)
        tkr_refuse(&call, TASKER_INVALID_ARGUMENT, "start_at is changed by tasker_task_delay");
    tkr_check_task(&call, input);
    tkr_add_task_update(&call, task_uuid, TKR_IF_HAS(input, requested_at), input->initiator, input->source_system,
                        input->reason, input->reference_id, input->context, input->tags, input->bypass_steps,
                        TKR_IF_HAS(input, priority), TKR_IF_HAS(input, claim_timeout_seconds), cleared,
                        list_cleared(input, cleared));
    if (input->has_claim_timeout_seconds) /* a claim may be over with it */
        tkr_wake_for_tasks(&call, task_uuid, 1);
    return tkr_update(&call, TKR_STATEMENT_task_get, out);
}

tasker_status tasker_task_patch_json(tasker_db *db, const tasker_uuid *task_uuid, const tasker_task_patch *patch,
                                     const tasker_task **out)
{
    tkr_call call = tkr_begin(db);
    if (!tkr_check_input(&call, patch, TKR_RESERVED(patch)))
        return tkr_abandon_for_pointer(&call, out);
    tkr_require_texts(&call, "remove_path", patch->remove_path, patch->remove_path_count);
    tkr_add_task_patch_json(&call, task_uuid, patch->merge_context, patch->merge_tags, patch->remove_path,
                            patch->remove_path_count);
    tkr_check_shape(&call, "merge_context", patch->merge_context, TASKER_JSON_SHAPE_OBJECT);
    tkr_check_shape(&call, "merge_tags", patch->merge_tags, TASKER_JSON_SHAPE_CONTAINER);
    return tkr_get(&call, out);
}

tasker_status tasker_task_delete(tasker_db *db, const tasker_uuid *task_uuid)
{
    tkr_call call = tkr_begin(db);
    tkr_add_task_delete(&call, task_uuid);
    return tkr_delete(&call);
}
