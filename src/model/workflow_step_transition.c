/* SPDX-License-Identifier: MIT */
#include "tasker/workflow_step_transition.h"
#include "model/cursor.h"
#include "model/registry.h"
#include "model/transition.h"
#include "statements.h"

static const tkr_column columns[] = {
    TKR_COLUMN(tasker_workflow_step_transition, workflow_step_transition_uuid),
    TKR_COLUMN(tasker_workflow_step_transition, workflow_step_uuid),
    TKR_COLUMN(tasker_workflow_step_transition, to_state),
    TKR_OPTIONAL(tasker_workflow_step_transition, from_state),
    TKR_OPTIONAL(tasker_workflow_step_transition, metadata),
    TKR_COLUMN(tasker_workflow_step_transition, sort_key),
    TKR_COLUMN(tasker_workflow_step_transition, most_recent),
    TKR_COLUMN(tasker_workflow_step_transition, created_at),
    TKR_COLUMN(tasker_workflow_step_transition, updated_at),
    TKR_COLUMN(tasker_workflow_step_transition, task_uuid),
    TKR_COLUMN(tasker_workflow_step_transition, step_name),
    TKR_NULLABLE(tasker_workflow_step_transition, seconds_since_previous),
    TKR_END_COLUMNS,
};
const tkr_entity tkr_entity_workflow_step_transition = {"workflow_step_transition",
                                                        sizeof(tasker_workflow_step_transition), columns};

tasker_status tasker_workflow_step_transition_get(tasker_db *db, const tasker_uuid *workflow_step_transition_uuid,
                                                  const tasker_workflow_step_transition **out)
{
    tkr_call call = tkr_begin(db);
    tkr_add_workflow_step_transition_get(&call, workflow_step_transition_uuid);
    return tkr_get(&call, out);
}

#define FILTER(f, names)                                                                                               \
    (f)->workflow_step_uuids, (f)->workflow_step_uuid_count, (names).to, (f)->to_state_count, (names).from,            \
        (f)->from_state_count, (f)->task_uuids, (f)->task_uuid_count, (f)->retries, TKR_IF_HAS(f, attempt_number),     \
        TKR_IF_HAS(f, most_recent), (f)->metadata_key, (f)->metadata_value, (f)->metadata_contains,                    \
        TKR_RANGE((f)->created)

static void set_place(tkr_page *page)
{
    page->owner_at = offsetof(tasker_workflow_step_transition, workflow_step_uuid);
    page->sort_key_at = offsetof(tasker_workflow_step_transition, sort_key);
    page->made_at = offsetof(tasker_workflow_step_transition, created_at);
}

tasker_status tasker_workflow_step_transition_query(tasker_db *db, const tasker_workflow_step_transition_filter *filter,
                                                    const tasker_page *page,
                                                    const tasker_workflow_step_transitions **out)
{
    tkr_call call = tkr_begin(db);
    tkr_page p = tkr_page_of(&call, page, TKR_ORDERS_OF_DATED);
    set_place(&p);
    filter = TKR_FILTER(&call, filter);
    tkr_state_filter names = TKR_STATE_FILTER(&call, filter);
    tkr_add_workflow_step_transition_query(&call, FILTER(filter, names), TKR_PAGE(p));
    return tkr_query_page(&call, &p, out);
}

tasker_status tasker_workflow_step_transition_stream(tasker_db *db,
                                                     const tasker_workflow_step_transition_filter *filter,
                                                     const tasker_cursor_options *options, tasker_cursor **out)
{
    tkr_call call = tkr_begin_now(db);
    tkr_page p = tkr_page_of_cursor(&call, options, TKR_ORDERS_OF_DATED);
    set_place(&p);
    filter = TKR_FILTER(&call, filter);
    tkr_state_filter names = TKR_STATE_FILTER(&call, filter);
    tkr_add_workflow_step_transition_query(&call, FILTER(filter, names), TKR_PAGE(p));
    return tkr_stream(&call, &p, out);
}

tasker_status tasker_workflow_step_transition_next(tasker_cursor *cursor, const tasker_workflow_step_transition **out)
{
    return tkr_next(cursor, &tkr_entity_workflow_step_transition, out);
}

tasker_status tasker_workflow_step_transition_count(tasker_db *db, const tasker_workflow_step_transition_filter *filter,
                                                    int64_t *out)
{
    tkr_call call = tkr_begin(db);
    filter = TKR_FILTER(&call, filter);
    tkr_state_filter names = TKR_STATE_FILTER(&call, filter);
    tkr_add_workflow_step_transition_count(&call, FILTER(filter, names), NULL);
    return tkr_get_count(&call, out);
}

tasker_status tasker_workflow_step_transition_exists(tasker_db *db,
                                                     const tasker_workflow_step_transition_filter *filter, bool *out)
{
    tkr_call call = tkr_begin(db);
    filter = TKR_FILTER(&call, filter);
    tkr_state_filter names = TKR_STATE_FILTER(&call, filter);
    tkr_add_workflow_step_transition_count(&call, FILTER(filter, names), &tkr_one);
    return tkr_get_exists(&call, out);
}

tasker_status tasker_workflow_step_transition_replace_metadata(tasker_db *db,
                                                               const tasker_uuid *workflow_step_transition_uuid,
                                                               tasker_json metadata)
{
    tkr_call call = tkr_begin(db);
    tkr_add_workflow_step_transition_replace_metadata(&call, workflow_step_transition_uuid, metadata);
    tkr_check_shape(&call, "metadata", metadata, TASKER_JSON_SHAPE_OBJECT);
    return tkr_delete(&call);
}

tasker_status tasker_workflow_step_transition_prune(tasker_db *db, const tasker_uuid *workflow_step_uuid, int32_t keep,
                                                    int64_t *out)
{
    tkr_call call = tkr_begin(db);
    if (keep < 1)
        tkr_refuse(&call, TASKER_INVALID_ARGUMENT, "keep is not above 0: the current row stays");
    tkr_add_workflow_step_transition_prune(&call, workflow_step_uuid, keep);
    return tkr_delete_many(&call, out);
}
