/* SPDX-License-Identifier: MIT */
/* Ways through the state table, and the histories that they leave. */
#include "support.h"
#include <stdlib.h>
#include <string.h>

/* A step on its way: the rows that its history shall get. NONE: it has no history. */
typedef struct way {
    tasker_uuid workflow_step_uuid;
    tasker_state state;
    int32_t attempts, limit;
    bool anew; /* the history it has goes first */
    tkt_text rows;
    size_t row_count;
    tasker_status status;
} way;

/* ---- the way ---- */

static void move(way *w, tasker_state to)
{
    char step[TASKER_UUID_TEXT_SIZE], key[TASKER_UUID_TEXT_SIZE];
    tasker_uuid uuid;
    if (w->status != TASKER_OK)
        return;
    w->status = tasker_uuid_generate(&uuid);
    bool retry = w->state == TASKER_STATE_ERROR && to == TASKER_STATE_PENDING;
    if (retry && w->attempts >= w->limit)
        w->attempts = 0;
    if (to == TASKER_STATE_IN_PROGRESS)
        w->attempts++;
    tkt_add(&w->rows, "%s{\"n\": %zu, \"step\": \"%s\", \"key\": \"%s\", \"to\": \"%s\", \"attempts\": %d",
            w->row_count == 0 ? "[" : ",", w->row_count, tasker_uuid_format(&w->workflow_step_uuid, step),
            tasker_uuid_format(&uuid, key), tasker_state_name(to), w->attempts);
    if (w->state != TASKER_STATE_NONE)
        tkt_add(&w->rows, ", \"from\": \"%s\"", tasker_state_name(w->state));
    if (retry)
        tkt_add(&w->rows, ", \"metadata\": {\"retry_attempt\": true, \"attempt_number\": %d}", w->attempts + 1);
    if (to == TASKER_STATE_COMPLETE)
        tkt_add(&w->rows, ", \"metadata\": {\"execution_duration\": %s}", w->attempts > 1 ? "1.8" : "2.5");
    tkt_add(&w->rows, "}");
    w->row_count++;
    w->state = to;
}

/* Whether one arrow leads there, of those that a run takes: a step that fails has been started, none is reset. */
static bool is_arrow(tasker_state from, tasker_state to)
{
    if (from == TASKER_STATE_NONE)
        return to == TASKER_STATE_PENDING;
    if (to == TASKER_STATE_ERROR)
        return from == TASKER_STATE_IN_PROGRESS;
    for (int event = TASKER_EVENT_ENQUEUE; event <= TASKER_EVENT_RETRY; event++)
        if (tasker_state_after_step_event(from, (tasker_event)event) == to)
            return true;
    return false;
}

/* Not out of a terminal state: the history is begun anew before. */
static void go(way *w, tasker_state to)
{
    static const tasker_state before[] = {
        [TASKER_STATE_PENDING] = TASKER_STATE_ERROR,
        [TASKER_STATE_ENQUEUED] = TASKER_STATE_PENDING,
        [TASKER_STATE_IN_PROGRESS] = TASKER_STATE_PENDING,
        [TASKER_STATE_COMPLETE] = TASKER_STATE_IN_PROGRESS,
        [TASKER_STATE_ERROR] = TASKER_STATE_IN_PROGRESS,
        [TASKER_STATE_CANCELLED] = TASKER_STATE_PENDING,
        [TASKER_STATE_RESOLVED_MANUALLY] = TASKER_STATE_PENDING,
    };
    if (w->state == to)
        return;
    if (!is_arrow(w->state, to))
        go(w, before[to]);
    move(w, to);
}

/* ---- where it begins ---- */

static tasker_status read_state(tasker_db *db, const tasker_uuid *workflow_step_uuid, tasker_state *out)
{
    const tasker_workflow_step_transition_filter current = {
        .workflow_step_uuids = workflow_step_uuid, .workflow_step_uuid_count = 1, TASKER_SET(most_recent, true)};
    const tasker_workflow_step_transitions *rows = NULL;
    tasker_status status = tasker_workflow_step_transition_query(db, &current, NULL, &rows);
    if (status == TASKER_OK)
        *out = rows->count > 0 ? rows->items[0]->to_state : TASKER_STATE_NONE;
    tasker_free(rows);
    return status;
}

static tasker_status begin(tasker_db *db, const tasker_uuid *workflow_step_uuid, way *w)
{
    const tasker_workflow_step *step = NULL;
    tasker_status status = tasker_workflow_step_get(db, workflow_step_uuid, &step);
    *w = (way){.workflow_step_uuid = *workflow_step_uuid};
    if (status == TASKER_OK) {
        w->attempts = step->has_attempts ? step->attempts : 0;
        w->limit = !step->retryable ? 1 : !step->has_retry_limit ? 3 : step->retry_limit > 0 ? step->retry_limit : 1;
    }
    tasker_free(step);
    return status == TASKER_OK ? read_state(db, workflow_step_uuid, &w->state) : status;
}

static void begin_anew(way *w)
{
    w->anew = true;
    w->state = TASKER_STATE_NONE;
    w->attempts = 0;
}

/* ---- its end ---- */

static tasker_status write_rows(tasker_db *db, way *w, const char *error_message, const char *resolved_by,
                                bool leave_flags, size_t steps)
{
    char key[TASKER_UUID_TEXT_SIZE];
    const char *values[] = {tasker_uuid_format(&w->workflow_step_uuid, key)};
    long moved = 0;
    tkt_add(&w->rows, "]");
    if (w->status != TASKER_OK || w->rows.failed)
        return w->status != TASKER_OK ? w->status : TASKER_OUT_OF_MEMORY;
    tasker_status status = w->anew ? tkt_run(db, tkt_sql_forget_step, values, 1, NULL) : TASKER_OK;
    const char *rows[] = {w->rows.ptr, error_message, resolved_by, leave_flags ? "false" : "true"};
    if (status == TASKER_OK)
        status = tkt_run(db, tkt_sql_move, rows, 4, &moved);
    return status == TASKER_OK && (size_t)moved != steps ? TASKER_CONFLICT : status;
}

static const char made_up_error[] = "simulated failure", made_up_name[] = "test_suite";

tasker_status tkt_bring_new(tasker_db *db, const tasker_uuid *workflow_step_uuids, size_t count, tasker_state state)
{
    way w = {.status = TASKER_OK, .limit = 1};
    for (size_t i = 0; i < count; i++) {
        w.workflow_step_uuid = workflow_step_uuids[i];
        w.state = TASKER_STATE_PENDING;
        w.attempts = 0;
        go(&w, state);
    }
    tasker_status status = count > 0 ? write_rows(db, &w, made_up_error, made_up_name, false, count) : TASKER_OK;
    free(w.rows.ptr);
    return status;
}

/* ---- one step ---- */

static tasker_status set_state(tasker_db *db, const tasker_uuid *workflow_step_uuid, tasker_state state,
                               bool leave_flags)
{
    way w;
    tasker_status status = begin(db, workflow_step_uuid, &w);
    if (status != TASKER_OK || w.state == state)
        return status != TASKER_OK ? status : TASKER_NOOP;
    if (tasker_state_is_terminal(w.state))
        begin_anew(&w);
    go(&w, state);
    status = write_rows(db, &w, made_up_error, made_up_name, leave_flags, 1);
    free(w.rows.ptr);
    return status;
}

tasker_status tasker_testing_set_state(tasker_db *db, const tasker_uuid *workflow_step_uuid, tasker_state state,
                                       bool leave_flags)
{
    tkt_unit unit;
    if (db == NULL || workflow_step_uuid == NULL || state == TASKER_STATE_NONE ||
        (uint32_t)state > TASKER_STATE_RESOLVED_MANUALLY)
        return TASKER_INVALID_ARGUMENT;
    tasker_status status = tkt_open(db, &unit);
    return status == TASKER_OK ? tkt_close(db, &unit, set_state(db, workflow_step_uuid, state, leave_flags)) : status;
}

static void fail_once(way *w)
{
    go(w, TASKER_STATE_IN_PROGRESS);
    move(w, TASKER_STATE_ERROR);
}

static void live(way *w, tasker_testing_life life, int32_t attempt)
{
    if (tasker_state_is_terminal(w->state))
        begin_anew(w);
    if (life == TASKER_TESTING_LIFE_MANUAL) {
        while (w->state != TASKER_STATE_ERROR || w->attempts < attempt)
            fail_once(w);
        move(w, TASKER_STATE_RESOLVED_MANUALLY);
        return;
    }
    if (life == TASKER_TESTING_LIFE_RETRY && w->state != TASKER_STATE_ERROR)
        fail_once(w);
    go(w, TASKER_STATE_IN_PROGRESS);
    while (w->attempts < attempt) {
        move(w, TASKER_STATE_ERROR);
        go(w, TASKER_STATE_IN_PROGRESS);
    }
    move(w, life == TASKER_TESTING_LIFE_FAILED ? TASKER_STATE_ERROR : TASKER_STATE_COMPLETE);
}

static tasker_status play(tasker_db *db, const tasker_uuid *workflow_step_uuid, tasker_testing_life life,
                          const char *detail, int32_t attempt, bool leave_flags)
{
    way w;
    tasker_status status = begin(db, workflow_step_uuid, &w);
    if (status != TASKER_OK || attempt > w.limit)
        return status != TASKER_OK ? status : TASKER_LIMIT_EXCEEDED;
    live(&w, life, attempt);
    const char *error = life == TASKER_TESTING_LIFE_FAILED && detail != NULL ? detail : made_up_error;
    const char *name = life == TASKER_TESTING_LIFE_MANUAL && detail != NULL ? detail : made_up_name;
    status = write_rows(db, &w, error, name, leave_flags, 1);
    free(w.rows.ptr);
    return status;
}

tasker_status tasker_testing_play(tasker_db *db, const tasker_uuid *workflow_step_uuid, tasker_testing_life life,
                                  tasker_text detail, int32_t attempt, bool leave_flags)
{
    tkt_unit unit;
    if (db == NULL || workflow_step_uuid == NULL || life < TASKER_TESTING_LIFE_COMPLETE ||
        life > TASKER_TESTING_LIFE_MANUAL || attempt < 0 ||
        (detail.ptr != NULL && memchr(detail.ptr, '\0', detail.len) != NULL))
        return TASKER_INVALID_ARGUMENT;
    char *copy = detail.ptr != NULL ? strndup(detail.ptr, detail.len) : NULL;
    if (detail.ptr != NULL && copy == NULL)
        return TASKER_OUT_OF_MEMORY;
    tasker_status status = tkt_open(db, &unit);
    if (status == TASKER_OK)
        status = tkt_close(db, &unit, play(db, workflow_step_uuid, life, copy, attempt, leave_flags));
    free(copy);
    return status;
}
