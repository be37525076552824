/* SPDX-License-Identifier: MIT */
#include "model/move.h"
#include <string.h>
#include "model/place.h"
#include "model/registry.h"
#include "model/wake.h"
#include "statements.h"
#include "tasker/claim.h"
#include "value/error.h"
#include "value/state.h"

enum phase { WROTE = 0, LOOKED = 1 };

typedef struct moved {
    tasker_uuid key, transition_uuid;
    tasker_state from_state, to_state, task_state;
    int32_t sort_key, attempts, moved;
} moved;

static const tkr_column moved_columns[] = {
    TKR_COLUMN(moved, key),        TKR_COLUMN(moved, transition_uuid), TKR_COLUMN(moved, from_state),
    TKR_COLUMN(moved, to_state),   TKR_COLUMN(moved, sort_key),        TKR_COLUMN(moved, attempts),
    TKR_COLUMN(moved, task_state), TKR_COLUMN(moved, moved),           TKR_END_COLUMNS,
};
const tkr_entity tkr_entity_moved = {"moved", sizeof(moved), moved_columns};

static const tkr_column step_look_columns[] = {
    TKR_COLUMN(tkr_look, found),           TKR_OPTIONAL(tkr_look, own_state),
    TKR_COLUMN(tkr_look, own_elsewhere),   TKR_OPTIONAL(tkr_look, transition_uuid),
    TKR_OPTIONAL(tkr_look, from_state),    TKR_OPTIONAL(tkr_look, to_state),
    TKR_NULLABLE(tkr_look, sort_key),      TKR_NULLABLE(tkr_look, attempts),
    TKR_NULLABLE(tkr_look, unmet_parents), TKR_NULLABLE(tkr_look, retry_eligible),
    TKR_NULLABLE(tkr_look, waiting),       TKR_NULLABLE(tkr_look, next_attempt_at),
    TKR_COLUMN(tkr_look, skippable),       TKR_COLUMN(tkr_look, claim_lost),
    TKR_OPTIONAL(tkr_look, task_state),    TKR_END_COLUMNS,
};
const tkr_entity tkr_entity_step_look = {"step_look", sizeof(tkr_look), step_look_columns};

static const tkr_column task_look_columns[] = {
    TKR_COLUMN(tkr_look, found),
    TKR_OPTIONAL(tkr_look, own_state),
    TKR_COLUMN(tkr_look, own_elsewhere),
    TKR_OPTIONAL(tkr_look, transition_uuid),
    TKR_OPTIONAL(tkr_look, from_state),
    TKR_OPTIONAL(tkr_look, to_state),
    TKR_NULLABLE(tkr_look, sort_key),
    TKR_COLUMN(tkr_look, undone_steps),
    TKR_COLUMN(tkr_look, open_steps),
    TKR_COLUMN(tkr_look, claim_lost),
    TKR_END_COLUMNS,
};
const tkr_entity tkr_entity_task_look = {"task_look", sizeof(tkr_look), task_look_columns};

/* ---- beginning ---- */

static void make_ids(tkr_call *call, tkr_move *m)
{
    tkr_new_ids(call, 2 * m->count, m->others);
    tkr_new_ids(call, m->count, m->ids);
    for (size_t i = 0; i < m->count && call->status == TASKER_OK; i++) {
        tasker_outcome *o = &m->outcomes[i];
        if (!tasker_uuid_is_nil(&o->transition_uuid)) {
            m->ids[i] = o->transition_uuid;
            m->doubted[i] = o->status == TASKER_IN_DOUBT;
        }
        *o = (tasker_outcome){.transition_uuid = m->ids[i], .status = TASKER_AGAIN};
    }
}

/* What failed as a whole failed for every item, but for those that an earlier round has committed. */
static void settle(tkr_call *call)
{
    tkr_move *m = call->state;
    for (size_t i = 0; i < m->count; i++)
        if (m->outcomes[i].status == TASKER_AGAIN || (!m->judged && !(m->moved[i] && call->wrote)))
            m->outcomes[i].status = call->status;
}

bool tkr_move_check_count(tkr_call *call, size_t count)
{
    if (call->status == TASKER_OK && count > (size_t)call->db->limits.rows)
        tkr_refuse(call, TASKER_LIMIT_EXCEEDED, "%zu items, more than the %d allowed", count, call->db->limits.rows);
    return call->status == TASKER_OK;
}

bool tkr_move_begin(tkr_call *call, tkr_move **out, const tasker_uuid *keys, size_t count, tasker_outcome *outcomes)
{
    if (call->status == TASKER_OK && count == 0)
        call->status = TASKER_NOOP;
    if (call->status == TASKER_OK && keys == NULL)
        tkr_refuse(call, TASKER_INVALID_ARGUMENT, "the keys are required");
    tkr_move_check_count(call, count);
    for (size_t i = 0; outcomes != NULL && call->status == TASKER_OK && i < count; i++)
        tkr_check_reserved(call, outcomes[i].reserved, sizeof outcomes[i].reserved);
    tkr_move *m = tkr_keep(call, sizeof *m);
    if (m == NULL)
        return false;
    m->count = count;
    m->keys = tkr_keep(call, count * sizeof *m->keys);
    m->ids = tkr_keep(call, count * sizeof *m->ids);
    m->others = tkr_keep(call, 2 * count * sizeof *m->others);
    m->moved = tkr_keep(call, count * sizeof *m->moved);
    m->doubted = tkr_keep(call, count * sizeof *m->doubted);
    m->begun_at = tkr_keep(call, count * sizeof *m->begun_at);
    m->outcomes = outcomes != NULL ? outcomes : tkr_keep(call, count * sizeof *m->outcomes);
    if (call->status != TASKER_OK)
        return false;
    memcpy(m->keys, keys, count * sizeof *keys);
    make_ids(call, m);
    call->error->key = m->ids[0];
    m->judge = tkr_move_judge;
    call->state = m;
    call->settled = settle;
    *out = m;
    return call->status == TASKER_OK;
}

bool tkr_move_keep_change(tkr_call *call, tkr_move *m, const tasker_change *change)
{
    if (change == NULL)
        return true;
    tkr_check_reserved(call, change->reserved, sizeof change->reserved);
    if (!tkr_check_shape(call, "metadata", change->metadata, TASKER_JSON_SHAPE_OBJECT))
        return false;
    m->change = *change;
    m->change.actor = tkr_keep_text(call, change->actor);
    m->change.reason = tkr_keep_text(call, change->reason);
    tasker_text metadata = tkr_keep_text(call, (tasker_text){change->metadata.ptr, change->metadata.len});
    m->change.metadata = (tasker_json){metadata.ptr, metadata.len};
    m->change.claim = NULL;
    if (change->claim != NULL) {
        tasker_uuid *token = tkr_keep(call, sizeof *token);
        if (token != NULL)
            *token = change->claim->token.uuid;
        m->claim = token;
    }
    return call->status == TASKER_OK;
}

/* ---- reading ---- */

static void mark(tkr_move *m, size_t i, const moved *row)
{
    tasker_outcome *o = &m->outcomes[i];
    m->moved[i] = true;
    o->status = TASKER_OK;
    o->from_state = row->from_state;
    o->to_state = row->to_state;
    o->sort_key = row->sort_key;
    o->attempts = row->attempts;
    o->task_state = row->task_state;
    o->moved = row->moved + m->begun_at[i];
}

tasker_status tkr_move_read(tkr_call *call, tkr_move *m, uint32_t answer)
{
    int rows = tkr_rows(call, answer);
    tkr_place *places = rows > 0 ? tkr_keep(call, m->count * sizeof *places) : NULL;
    if (rows > 0 && places == NULL)
        return call->status;
    for (size_t i = 0; rows > 0 && i < m->count; i++)
        places[i] = (tkr_place){m->ids[i], i};
    if (rows > 0)
        tkr_places_sort(places, m->count);
    for (int i = 0; i < rows; i++) {
        moved row;
        tasker_status status = tkr_read_row(call, answer, i, &row);
        if (status != TASKER_OK)
            return status;
        size_t n = tkr_places_find(places, m->count, &row.transition_uuid);
        if (n < m->count && tasker_uuid_equal(&places[n].uuid, &row.transition_uuid))
            mark(m, places[n].index, &row);
    }
    if (rows == 0)
        tkr_nothing_written(call);
    return tkr_move_note(call, m);
}

/* ---- judging ---- */

static bool is_source(const tkr_move *m, tasker_state state)
{
    return m->steps ? tasker_state_after_step_event(state, m->event) != TASKER_STATE_NONE
                    : tasker_state_after_task_event(state, m->event) != TASKER_STATE_NONE;
}

const int32_t *tkr_move_expected_sort_key(const tkr_move *m)
{
    return m->change.has_expected_sort_key ? &m->change.expected_sort_key : NULL;
}

bool tkr_move_has_moved_on(const tkr_move *m, const tkr_look *look)
{
    return look->claim_lost || (m->change.has_expected_sort_key && look->sort_key != m->change.expected_sort_key);
}

tasker_status tkr_move_judge(tkr_move *m, size_t i, const tkr_look *look)
{
    (void)i;
    tasker_state target = tkr_state_target(m->steps, m->event);
    if (!look->found)
        return TASKER_NOT_FOUND;
    if (look->own_state == target)
        return TASKER_OK;
    if (look->own_state != TASKER_STATE_NONE || look->own_elsewhere)
        return TASKER_DUPLICATE; /* the key was used for something else */
    if (tkr_move_has_moved_on(m, look))
        return TASKER_CONFLICT;
    if (look->to_state == target)
        return TASKER_NOOP;
    if (!is_source(m, look->to_state))
        return TASKER_INVALID_TRANSITION;
    bool starts = m->steps && (m->event == TASKER_EVENT_START || m->event == TASKER_EVENT_ENQUEUE);
    if (starts &&
        (look->unmet_parents > 0 || !look->retry_eligible || look->waiting || !tkr_state_is_open(look->task_state)))
        return TASKER_GUARD_FAILED;
    if (!m->steps && tkr_state_guard(false, look->to_state, m->event) != TKR_GUARD_NONE)
        return TASKER_GUARD_FAILED;
    return TASKER_CONFLICT; /* nothing stands in the way now: it did a moment ago */
}

static void take_look(tkr_move *m, size_t i, const tkr_look *look)
{
    tasker_outcome *o = &m->outcomes[i];
    o->from_state = look->from_state;
    o->to_state = look->to_state;
    o->sort_key = look->sort_key;
    o->attempts = look->attempts;
    o->unmet_parents = look->unmet_parents;
    o->task_state = m->steps ? look->task_state : look->to_state;
    if (look->to_state == TASKER_STATE_PENDING || look->to_state == TASKER_STATE_ERROR) {
        o->has_next_attempt_at = look->has_next_attempt_at;
        o->next_attempt_at = look->next_attempt_at;
    }
    o->status = m->judge(m, i, look);
    if (m->doubted[i] && o->status == TASKER_GUARD_FAILED)
        o->status = TASKER_IN_DOUBT; /* the earlier try can still land, once the condition is met */
}

static void add_look(tkr_call *call, const tkr_move *m)
{
    if (m->steps)
        tkr_add_workflow_step_apply__look(call, m->keys, m->count, m->ids, m->count, m->claim);
    else
        tkr_add_task_apply__look(call, m->keys, m->count, m->ids, m->count, m->claim);
}

static void add_first_rows(tkr_call *call, const tkr_move *m)
{
    if (m->steps)
        tkr_add_workflow_step_apply__begin(call, m->keys, m->count, m->others + m->count, m->count, m->claim);
    else
        tkr_add_task_apply__begin(call, m->keys, m->count, m->others + m->count, m->count, m->claim);
}

static tasker_status read_looks(tkr_call *call, tkr_move *m, bool *without_history)
{
    for (size_t i = 0; i < m->count; i++) {
        tkr_look look;
        tasker_status status = tkr_read_row(call, 0, (int)i, &look);
        if (status != TASKER_OK)
            return status;
        bool fresh = look.found && look.to_state == TASKER_STATE_NONE;
        if (fresh)
            look.to_state = TASKER_STATE_PENDING;
        if (!m->moved[i])
            take_look(m, i, &look);
        if (fresh && m->outcomes[i].status == TASKER_CONFLICT && !m->change.has_expected_sort_key && !look.claim_lost) {
            *without_history = true; /* it lacks nothing else */
            m->begun_at[i] = 1;
        }
    }
    return TASKER_OK;
}

tasker_status tkr_move_status(tkr_call *call, tkr_move *m)
{
    bool all_noop = true;
    m->judged = true;
    for (size_t i = 0; i < m->count; i++) {
        tasker_status status = m->outcomes[i].status;
        all_noop = all_noop && status == TASKER_NOOP;
        if (tasker_status_is_done(status))
            continue;
        char text[TASKER_UUID_TEXT_SIZE];
        call->error->item = (int64_t)i;
        call->error->key = m->ids[i];
        return tkr_error_set(call->error, status, "%s %s is %s: %s", m->steps ? "step" : "task",
                             tasker_uuid_format(&m->keys[i], text), tasker_state_name(m->outcomes[i].to_state),
                             tasker_status_text(status));
    }
    return all_noop ? TASKER_NOOP : TASKER_OK;
}

/* ---- rounds ---- */

void tkr_move_begin_writes(tkr_call *call)
{
    if (call->status == TASKER_OK && tkr_link_has_ready_set(call->db))
        tkr_add_workflow_step_apply__followed(call);
}

void tkr_move_end_writes(tkr_call *call, const tkr_move *m)
{
    if (call->status != TASKER_OK || !tkr_link_has_ready_set(call->db))
        return;
    if (m->steps)
        tkr_add_workflow_step_apply__follow(call, m->keys, m->count);
    else
        tkr_add_task_apply__follow(call, m->keys, m->count);
    tkr_wake_after(call, m);
}

static void lock_tasks(tkr_call *call, const tkr_move *m)
{
    if (m->steps)
        tkr_add_workflow_step_apply__lock_tasks(call, m->keys, m->count);
    else
        tkr_add_task_apply__lock(call, m->keys, m->count);
}

static void add_round(tkr_call *call, tkr_move *m)
{
    if (!m->wide)
        tkr_move_begin_writes(call);
    if (m->locks_tasks || m->claim != NULL)
        lock_tasks(call, m);
    if (m->begun)
        add_first_rows(call, m);
    m->add(call, m);
    if (!m->wide)
        tkr_move_end_writes(call, m);
    tkr_move_listen(call, m);
}

static bool all_moved(const tkr_move *m)
{
    for (size_t i = 0; i < m->count; i++)
        if (!m->moved[i])
            return false;
    return true;
}

static tasker_status conclude(tkr_call *call, tkr_move *m)
{
    if (call->held != NULL) {
        tkr_give(call, call->held);
        call->held = NULL;
    }
    return tkr_move_status(call, m);
}

static tasker_status finish(tkr_call *call)
{
    tkr_move *m = call->state;
    if (m->phase == WROTE) {
        tasker_status status = tkr_move_read(call, m, m->answer);
        if (status == TASKER_OK && m->collect != NULL)
            status = m->collect(call, m);
        if (status != TASKER_OK)
            return status;
        if (all_moved(m))
            return conclude(call, m);
        m->phase = LOOKED;
        add_look(call, m);
        return TASKER_AGAIN;
    }
    bool without_history = false;
    tasker_status status = read_looks(call, m, &without_history);
    if (status != TASKER_OK)
        return status;
    if (!without_history || m->begun || m->add == NULL)
        return conclude(call, m);
    m->begun = true;
    m->phase = WROTE;
    add_round(call, m);
    return TASKER_AGAIN;
}

tasker_status tkr_move_run(tkr_call *call, tkr_move *m, void *out)
{
    if (call->status == TASKER_OK && m->add != NULL)
        add_round(call, m);
    else
        tkr_move_listen(call, m);
    return tkr_run(call, finish, out);
}
