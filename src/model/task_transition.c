/* SPDX-License-Identifier: MIT */
#include "tasker/task_transition.h"
#include "model/registry.h"
#include "statements.h"

static const tkr_column columns[] = {
    TKR_COLUMN(tasker_task_transition, task_transition_uuid),
    TKR_COLUMN(tasker_task_transition, task_uuid),
    TKR_COLUMN(tasker_task_transition, to_state),
    TKR_OPTIONAL(tasker_task_transition, from_state),
    TKR_OPTIONAL(tasker_task_transition, metadata),
    TKR_COLUMN(tasker_task_transition, sort_key),
    TKR_COLUMN(tasker_task_transition, most_recent),
    TKR_COLUMN(tasker_task_transition, created_at),
    TKR_COLUMN(tasker_task_transition, updated_at),
    TKR_NULLABLE(tasker_task_transition, seconds_since_previous),
    TKR_END_COLUMNS,
};
const tkr_entity tkr_entity_task_transition = {"task_transition", sizeof(tasker_task_transition), columns};

tasker_status tasker_task_transition_get(tasker_db *db, const tasker_uuid *task_transition_uuid,
                                         const tasker_task_transition **out)
{
    tkr_call call = tkr_begin(db);
    tkr_add_task_transition_get(&call, task_transition_uuid);
    return tkr_get(&call, out);
}

tasker_status tasker_task_transition_query(tasker_db *db, const tasker_task_transition_filter *filter,
                                           const tasker_page *page, const tasker_task_transitions **out)
{
    static const tasker_task_transition_filter all = {0};
    const tasker_task_transition_filter *f = filter != NULL ? filter : &all;
    tkr_call call = tkr_begin(db);
    tkr_page p = tkr_page_of(&call, page, TKR_ORDERS_OF_DATED);
    tkr_check_reserved(&call, f->reserved, sizeof f->reserved);
    const tasker_text *to = tkr_state_names(&call, "to_states", f->to_states, f->to_state_count, false);
    const tasker_text *from = tkr_state_names(&call, "from_states", f->from_states, f->from_state_count, true);
    tkr_add_task_transition_query(&call, f->task_uuids, f->task_uuid_count, to, f->to_state_count, from,
                                  f->from_state_count, TKR_IF_HAS(f, most_recent), TKR_IF_HAS(&f->created, since),
                                  TKR_IF_HAS(&f->created, until), p.after, p.order, p.fetch);
    return tkr_query_page(&call, &p, out);
}
