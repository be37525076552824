/* SPDX-License-Identifier: MIT */
/*
 * Sweeping: one look at a window of open tasks (src/sql/sweep.sql), then what it found is changed, steps first, and
 * the tasks that may be over are closed in rounds behind that, by what is committed then.
 */
#include <stdlib.h>
#include <string.h>
#include "model/finalize.h"
#include "model/lease_read.h"
#include "model/place.h"
#include "model/queue_backend.h"
#include "model/registry.h"
#include "model/wake.h"
#include "statements.h"
#include "value/error.h"
#include "value/state.h"

enum { LIMIT = 100, WINDOWS = 10, STEP_TIMEOUT = 600, ENQUEUED_TIMEOUT = 300 };

enum kind { LAST = 0, LATE = 1, LOST = 2, CLOSABLE = 3, KINDS = 4 };

typedef struct sweep_finding {
    int32_t kind;
    tasker_uuid task_uuid, workflow_step_uuid, transition_uuid;
    tasker_state state;
    bool full_window;
} sweep_finding;

static const tkr_column columns[] = {
    TKR_COLUMN(sweep_finding, kind),
    TKR_COLUMN(sweep_finding, task_uuid),
    TKR_OPTIONAL(sweep_finding, workflow_step_uuid),
    TKR_OPTIONAL(sweep_finding, transition_uuid),
    TKR_OPTIONAL(sweep_finding, state),
    TKR_COLUMN(sweep_finding, full_window),
    TKR_END_COLUMNS,
};
const tkr_entity tkr_entity_sweep_finding = {"sweep_finding", sizeof(sweep_finding), columns};

enum phase { LOOKED, WROTE, CLOSING };

typedef struct sweep {
    tasker_sweep_options options;
    tasker_sweep counts;
    enum phase phase;
    size_t found[KINDS];
    sweep_finding *findings[KINDS];
    tkr_swept last; /* of the window */
    bool full_window;
    tkr_move *late, *lost;
    tasker_uuid *tasks; /* that may be over */
    size_t task_count;
} sweep;

/* Moves take the call's state. */
static sweep *sweep_of(const tkr_call *call)
{
    sweep *s;
    memcpy(&s, call->context, sizeof s);
    return s;
}

/* ---- looking ---- */

static void add_look(tkr_call *call, const sweep *s)
{
    const tkr_swept *from = &call->db->swept;
    bool begins = from->state == TASKER_STATE_NONE;
    tasker_text state = tasker_text_of(begins ? "" : tasker_state_name(from->state));
    const tasker_uuid *task = begins ? &tasker_uuid_nil : &from->task_uuid;
    int64_t tasks = (int64_t)s->options.limit * WINDOWS;
    int32_t window = tasks > INT32_MAX ? INT32_MAX : (int32_t)tasks;
    if (tkr_link_has_ready_set(call->db))
        tkr_add_sweep_run(call, state, task, window, s->options.limit, s->options.step_timeout_seconds,
                          s->options.enqueued_timeout_seconds);
    else
        tkr_add_sweep_run__plain(call, state, task, window, s->options.limit, s->options.step_timeout_seconds,
                                 s->options.enqueued_timeout_seconds);
}

static tasker_status read_findings(tkr_call *call, sweep *s)
{
    int rows = tkr_rows(call, 0);
    for (int kind = 0; kind < KINDS; kind++)
        s->findings[kind] = tkr_keep(call, ((size_t)rows + 1) * sizeof(sweep_finding));
    for (int i = 0; call->status == TASKER_OK && i < rows; i++) {
        sweep_finding f;
        tasker_status status = tkr_read_row(call, 0, i, &f);
        if (status != TASKER_OK)
            return status;
        if (f.kind < LAST || f.kind >= KINDS)
            return tkr_error_set(call->error, TASKER_PROTOCOL, "a finding of kind %d", f.kind);
        if (s->found[f.kind] < (size_t)call->db->limits.rows)
            s->findings[f.kind][s->found[f.kind]++] = f;
    }
    if (s->found[LAST] > 0) {
        s->last = (tkr_swept){s->findings[LAST]->state, s->findings[LAST]->task_uuid};
        s->full_window = s->findings[LAST]->full_window;
    }
    return call->status;
}

/*
 * ---- changing steps ----
 * The ready set learns of it from its triggers: what is found may be passed over, and following that would wait for who
 * has it locked.
 */

typedef tasker_uuid (*member)(const sweep_finding *finding);

static tasker_uuid step_of(const sweep_finding *finding)
{
    return finding->workflow_step_uuid;
}

static tasker_uuid row_of(const sweep_finding *finding)
{
    return finding->transition_uuid;
}

static const tasker_uuid *uuids_of(tkr_call *call, const sweep *s, enum kind kind, member of)
{
    tasker_uuid *uuids = tkr_keep(call, (s->found[kind] + 1) * sizeof *uuids);
    for (size_t i = 0; uuids != NULL && i < s->found[kind]; i++)
        uuids[i] = of(&s->findings[kind][i]);
    return uuids;
}

static tkr_move *begin_steps(tkr_call *call, const sweep *s, enum kind kind, tasker_event event)
{
    tkr_move *m;
    const tasker_uuid *keys = uuids_of(call, s, kind, step_of);
    if (keys == NULL || !tkr_move_begin(call, &m, keys, s->found[kind], NULL))
        return NULL;
    m->steps = true;
    m->event = event;
    return m;
}

static void add_fail(tkr_call *call, sweep *s)
{
    const tasker_uuid *tokens = uuids_of(call, s, LATE, row_of);
    tkr_move *m = s->late = begin_steps(call, s, LATE, TASKER_EVENT_FAIL);
    double jitter = tkr_lease_jitter(call);
    if (m == NULL || call->status != TASKER_OK)
        return;
    m->answer = call->part_count;
    tkr_add_sweep_run__fail(call, m->keys, m->count, tokens, m->count, m->ids, m->count, m->others, m->count,
                            s->options.step_timeout_seconds, s->options.actor, jitter);
    tkr_move_listen(call, m);
}

#define REQUEUE_ARGUMENTS(s, m, rows)                                                                                  \
    (m)->keys, (m)->count, (rows), (m)->count, (m)->ids, (m)->count, (s)->options.enqueued_timeout_seconds,            \
        (s)->options.actor, (s)->options.limit

static void add_requeue(tkr_call *call, sweep *s)
{
    const tasker_uuid *rows = uuids_of(call, s, LOST, row_of);
    tkr_move *m = s->lost = begin_steps(call, s, LOST, TASKER_EVENT_REQUEUE);
    if (m == NULL || call->status != TASKER_OK)
        return;
    m->answer = call->part_count;
    switch (tkr_backend_link(call)->session.queue_backend) {
    case TASKER_QUEUE_BACKEND_OWN:
        tkr_add_sweep_run__requeue(call, REQUEUE_ARGUMENTS(s, m, rows));
        break;
    case TASKER_QUEUE_BACKEND_PGMQ:
        tkr_add_sweep_run__requeue_text(call, REQUEUE_ARGUMENTS(s, m, rows));
        break;
    case TASKER_QUEUE_BACKEND_NONE:
    case TASKER_QUEUE_BACKEND_DETECT:
        tkr_add_sweep_run__requeue_silent(call, REQUEUE_ARGUMENTS(s, m, rows));
        break;
    }
    tkr_wake_for_steps(call, m->keys, m->count);
    tkr_move_listen(call, m);
}

static tasker_status read_steps(tkr_call *call, sweep *s)
{
    tasker_status status = s->late != NULL ? tkr_move_read(call, s->late, s->late->answer) : TASKER_OK;
    if (status == TASKER_OK && s->lost != NULL)
        status = tkr_move_read(call, s->lost, s->lost->answer);
    if (status != TASKER_OK)
        return status;
    for (size_t i = 0; s->late != NULL && i < s->late->count; i++) {
        bool moved = s->late->moved[i], failed = moved && s->late->outcomes[i].to_state == TASKER_STATE_ERROR;
        s->counts.retried += moved && !failed;
        s->counts.failed += failed;
        if (failed)
            s->tasks[s->task_count++] = s->findings[LATE][i].task_uuid;
    }
    for (size_t i = 0; s->lost != NULL && i < s->lost->count; i++)
        s->counts.requeued += s->lost->moved[i];
    return TASKER_OK;
}

/* ---- rounds ---- */

/* Where the limit was reached, the next look begins where this one did; unless nothing of it could be done. */
static tasker_status conclude(tkr_call *call, sweep *s)
{
    const tasker_sweep *c = &s->counts;
    size_t limit = (size_t)s->options.limit;
    bool limited = s->found[LATE] == limit || s->found[CLOSABLE] == limit || c->requeued == s->options.limit;
    bool nothing = c->retried + c->failed + c->requeued + c->finalized == 0;
    s->counts.more = limited || s->full_window;
    if (!limited || nothing)
        call->db->swept = s->full_window ? s->last : (tkr_swept){0};
    if (call->out != NULL)
        *(tasker_sweep *)call->out = s->counts;
    return nothing && !c->more ? TASKER_NOOP : TASKER_OK;
}

/* Each once, and no more than a call may have. */
static void choose_tasks(const tkr_call *call, sweep *s)
{
    size_t count = 0;
    for (size_t i = 0; i < s->found[CLOSABLE]; i++)
        s->tasks[s->task_count++] = s->findings[CLOSABLE][i].task_uuid;
    qsort(s->tasks, s->task_count, sizeof *s->tasks, tkr_by_uuid);
    for (size_t i = 0; i < s->task_count && count < (size_t)call->db->limits.rows; i++)
        if (count == 0 || !tasker_uuid_equal(&s->tasks[count - 1], &s->tasks[i]))
            s->tasks[count++] = s->tasks[i];
    s->task_count = count;
}

static tasker_status close_tasks(tkr_call *call, sweep *s)
{
    static const tasker_finalize_options options = {.empty_stays_open = true};
    choose_tasks(call, s);
    if (s->task_count == 0)
        return conclude(call, s);
    s->phase = CLOSING;
    return tkr_finalize_begin(call, s->tasks, s->task_count, &options, NULL) != NULL ? TASKER_AGAIN : call->status;
}

static tasker_status finish(tkr_call *call)
{
    sweep *s = sweep_of(call);
    tasker_status status;
    switch (s->phase) {
    case LOOKED:
        status = read_findings(call, s);
        s->tasks = tkr_keep(call, (s->found[LATE] + s->found[CLOSABLE] + 1) * sizeof *s->tasks);
        if (status != TASKER_OK || s->tasks == NULL)
            return call->status != TASKER_OK ? call->status : status;
        if (s->found[LATE] > 0)
            add_fail(call, s);
        if (s->found[LOST] > 0)
            add_requeue(call, s);
        s->phase = WROTE;
        return s->late == NULL && s->lost == NULL ? close_tasks(call, s) : TASKER_AGAIN;
    case WROTE:
        status = read_steps(call, s);
        return status == TASKER_OK ? close_tasks(call, s) : status;
    case CLOSING:
        break;
    }
    status = tkr_finalize_finish(call);
    const tkr_move *m = call->state;
    for (size_t i = 0; status == TASKER_OK && i < m->count; i++)
        s->counts.finalized += m->outcomes[i].status == TASKER_OK;
    return status == TASKER_OK ? conclude(call, s) : status;
}

static int32_t or_default(tkr_call *call, const char *name, int32_t value, int32_t otherwise)
{
    if (value < 0)
        tkr_refuse(call, TASKER_INVALID_ARGUMENT, "options.%s is negative", name);
    return value > 0 ? value : otherwise;
}

static bool check_options(tkr_call *call, const tasker_sweep_options *options, tasker_sweep_options *o)
{
    if (options != NULL)
        *o = *options;
    tkr_check_reserved(call, o->reserved, sizeof o->reserved);
    o->limit = or_default(call, "limit", o->limit, LIMIT);
    o->step_timeout_seconds = or_default(call, "step_timeout_seconds", o->step_timeout_seconds, STEP_TIMEOUT);
    o->enqueued_timeout_seconds =
        or_default(call, "enqueued_timeout_seconds", o->enqueued_timeout_seconds, ENQUEUED_TIMEOUT);
    tkr_add_sweep_run__fail(call, NULL, 0, NULL, 0, NULL, 0, NULL, 0, 0, o->actor, 0);
    tkr_take_back(call); /* it was for the actor, who is to be refused also where nothing is found */
    o->actor = tkr_keep_text(call, o->actor);
    if (call->status == TASKER_OK && o->limit > call->db->limits.rows)
        tkr_refuse(call, TASKER_LIMIT_EXCEEDED, "options.limit is more than the %d rows allowed",
                   call->db->limits.rows);
    return call->status == TASKER_OK;
}

tasker_status tasker_sweep_run(tasker_db *db, const tasker_sweep_options *options, tasker_sweep *out)
{
    tasker_sweep_options checked = {0};
    tkr_call call = tkr_begin(db);
    sweep *s = check_options(&call, options, &checked) ? tkr_keep(&call, sizeof *s) : NULL;
    if (s == NULL)
        return tkr_abandon(&call);
    s->options = checked;
    memcpy(call.context, &s, sizeof s);
    add_look(&call, s);
    return tkr_run(&call, finish, out);
}
