/* SPDX-License-Identifier: MIT */
/* State events: what a move wrote is read back in its own flush, since a move writes more than it answers. */
#include "tasker/hooks.h"
#include "db/hooks.h"
#include "model/move.h"
#include "statements.h"
#include "value/error.h"
#include "value/state.h"

typedef struct state_written {
    tasker_uuid task_uuid, workflow_step_uuid, transition_uuid;
    tasker_state from_state, to_state;
    int32_t attempt;
    tasker_time at;
    int64_t xid;
} state_written;

static const tkr_column columns[] = {
    TKR_COLUMN(state_written, task_uuid),
    TKR_OPTIONAL(state_written, workflow_step_uuid),
    TKR_COLUMN(state_written, transition_uuid),
    TKR_COLUMN(state_written, from_state),
    TKR_COLUMN(state_written, to_state),
    TKR_COLUMN(state_written, attempt),
    TKR_COLUMN(state_written, at),
    TKR_COLUMN(state_written, xid),
    TKR_END_COLUMNS,
};
const tkr_entity tkr_entity_state_written = {"state_written", sizeof(state_written), columns};

/* An operation's event, or one that goes along: the start of a task, the retry behind a failure. */
static tasker_event event_to(bool step, tasker_state state, tasker_event of_move)
{
    if (tkr_state_target(step, of_move) == state)
        return of_move;
    for (int event = 1; event < TKR_EVENTS; event++)
        if (tkr_state_target(step, (tasker_event)event) == state)
            return (tasker_event)event;
    return (tasker_event)0;
}

void tkr_move_listen(tkr_call *call, tkr_move *move)
{
    if (call->status != TASKER_OK || !tkr_hooks_want_states(call->db))
        return;
    move->listens = true;
    move->written = call->part_count;
    size_t steps = move->steps ? move->count : 0, tasks = move->steps ? 0 : move->count;
    if (move->wide)
        tkr_add_db_next_event__written_in_tasks(call, move->keys, steps, move->keys, tasks);
    else
        tkr_add_db_next_event__written(call, move->keys, steps, move->keys, tasks);
}

tasker_status tkr_move_note(tkr_call *call, const tkr_move *move)
{
    for (int i = 0; move->listens && i < tkr_rows(call, move->written); i++) {
        state_written w;
        tasker_status status = tkr_read_row(call, move->written, i, &w);
        if (status != TASKER_OK)
            return status;
        tkr_noted noted = {
            .event = {.task_uuid = w.task_uuid,
                      .workflow_step_uuid = w.workflow_step_uuid,
                      .from_state = w.from_state,
                      .to_state = w.to_state,
                      .event = event_to(!tasker_uuid_is_nil(&w.workflow_step_uuid), w.to_state, move->event),
                      .attempt = w.attempt,
                      .at = w.at},
            .transition_uuid = w.transition_uuid,
            .xid = w.xid};
        tkr_hooks_note(call->db, &noted, !call->autocommit);
    }
    return TASKER_OK;
}

tasker_status tasker_db_next_event(tasker_db *db, tasker_state_event *out)
{
    tasker_status status = tkr_link_enter_broken(db);
    if (status != TASKER_OK)
        return status;
    if (out == NULL)
        status = tkr_error_set(&db->error, TASKER_INVALID_ARGUMENT, "out is required");
    else if (db->queue != NULL || db->hooks == NULL || db->hooks->capacity == 0)
        status = tkr_error_set(&db->error, TASKER_UNSUPPORTED, "this handle keeps no events");
    else if (!tkr_hooks_next(db->hooks, out))
        status = tkr_error_set(&db->error, TASKER_NOT_FOUND, "there is no event");
    tkr_link_leave(db);
    return status;
}
