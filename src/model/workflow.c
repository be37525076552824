/* SPDX-License-Identifier: MIT */
/* Creating a workflow in one flush. Loading one stands in workflow_load.c. */
#include "tasker/workflow.h"
#include <string.h>
#include "model/delay.h"
#include "model/identity.h"
#include "model/register.h"
#include "model/registry.h"
#include "model/wake.h"
#include "model/workflow_match.h"
#include "statements.h"
#include "value/error.h"

enum { TRIES = 4 };

typedef struct missing_step {
    bool task_registered, has_first_missing;
    int64_t first_missing;
} missing_step;
static const tkr_column missing_columns[] = {
    TKR_COLUMN(missing_step, task_registered),
    TKR_NULLABLE(missing_step, first_missing),
    TKR_END_COLUMNS,
};
const tkr_entity tkr_entity_missing_step = {"missing_step", sizeof(missing_step), missing_columns};

typedef struct made_task {
    bool made;
    tasker_uuid task_uuid;
} made_task;
static const tkr_column made_columns[] = {
    TKR_COLUMN(made_task, made),
    TKR_COLUMN(made_task, task_uuid),
    TKR_END_COLUMNS,
};
const tkr_entity tkr_entity_made_task = {"made_task", sizeof(made_task), made_columns};

/* The rounds: with an identity first the type; the flush; and where that made nothing, a look at why. */
typedef enum stage { STAGE_KIND, STAGE_FLUSH, STAGE_LOOK } stage;

/* Lives as long as the call; the plan's texts are the caller's, and so is the input, since this call is not queued. */
typedef struct creation {
    const tasker_workflow_input *input;
    tkr_plan plan;
    tasker_uuid key;         /* of the task, should it be made */
    tasker_uuid new_type;    /* and of the type */
    tasker_uuid task_uuid;   /* the task that is made or there */
    tkr_identity identity;   /* all zero: UNIQUE */
    tasker_uuid *step_uuids; /* in the definition's order */
    uint32_t created;        /* which statement inserts the task */
    stage stage;
    int tries;
} creation;

/* ---- the answer ---- */

static tasker_status give_ids(tkr_call *call, const creation *c, bool existed)
{
    size_t n = c->plan.step_count;
    tasker_workflow_ids *ids = tkr_alloc(NULL, sizeof *ids + n * sizeof(tasker_uuid));
    if (ids == NULL)
        return tkr_error_set(call->error, TASKER_OUT_OF_MEMORY, "out of memory");
    tasker_uuid *steps = (tasker_uuid *)(ids + 1);
    if (n > 0)
        memcpy(steps, c->step_uuids, n * sizeof *steps);
    *ids = (tasker_workflow_ids){c->task_uuid, existed, n, steps};
    return tkr_give(call, ids);
}

static const char *taken(const creation *c)
{
    return c->input->task.identity == TASKER_IDENTITY_UNIQUE ? "task_uuid" : "task_uuid or identity";
}

static tasker_status match_found(tkr_call *call, creation *c)
{
    tasker_status status = tkr_match_workflow(call, 0, &c->plan, taken(c), c->step_uuids);
    return status == TASKER_OK ? give_ids(call, c, true) : status;
}

/* ---- the flush ---- */

void tkr_check_workflow_task(tkr_call *call, const tasker_task_input *t)
{
    tkr_check_reserved(call, t->reserved, sizeof t->reserved);
    if (!tasker_uuid_is_nil(&t->named_task_uuid) || t->name.ptr != NULL || t->namespace_name.ptr != NULL ||
        t->version.ptr != NULL)
        tkr_refuse(call, TASKER_INVALID_ARGUMENT, "the type of a workflow's task is its definition's");
    tkr_check_identity(call, t);
    tkr_check_task(call, t);
}

/* Without an identity the task has one that is its own. What has just been registered need not be looked for. */
static void add_task(tkr_call *call, creation *c, const tasker_uuid *made)
{
    char hash[TASKER_UUID_TEXT_SIZE];
    const tkr_plan *p = &c->plan;
    const tasker_task_input *t = &c->input->task;
    size_t n = c->input->registered ? p->step_count : 0;
    c->created = call->part_count;
    if (t->identity == TASKER_IDENTITY_UNIQUE)
        tkr_add_workflow_create(call, &c->key, made, TKR_IF_HAS(t, requested_at), t->initiator, t->source_system,
                                t->reason, t->reference_id, t->context, t->tags, t->bypass_steps,
                                TKR_IF_HAS(t, priority), TKR_IF_HAS(t, claim_timeout_seconds),
                                tasker_text_of(tasker_uuid_format(&c->key, hash)), p->namespace_name, p->name,
                                p->version, p->names, n, p->systems, n);
    else
        tkr_add_workflow_create__identified(
            call, &c->key, made, TKR_IF_HAS(t, requested_at), t->initiator, t->source_system, t->reason,
            t->reference_id, c->identity.context, t->tags, t->bypass_steps, TKR_IF_HAS(t, priority),
            TKR_IF_HAS(t, claim_timeout_seconds), tasker_text_of(c->identity.hash), p->namespace_name, p->name,
            p->version, p->names, n, p->systems, n, &c->identity.named_task_uuid);
}

static void add_steps(tkr_call *call, const creation *c, const tasker_uuid *made, const tasker_uuid *transitions)
{
    const tkr_plan *p = &c->plan;
    size_t n = p->step_count;
    tkr_add_workflow_create__steps(call, &c->key, made, c->step_uuids, n, transitions, n, p->names, n, p->systems, n,
                                   p->retryables, n, p->skippables, n, p->retry_limits, n, p->inputs, n);
}

static void add_edges(tkr_call *call, const creation *c, const tasker_uuid *made, tasker_uuid *edges, tasker_uuid *ends)
{
    const tkr_plan *p = &c->plan;
    size_t e = p->edge_count;
    for (size_t i = 0; i < e; i++) {
        ends[i] = c->step_uuids[p->from[i]];
        ends[e + i] = c->step_uuids[p->to[i]];
    }
    tkr_add_workflow_create__edges(call, &c->key, made, edges, e, ends, e, ends + e, e, p->edge_names, e);
}

/* What the triggers would find out about the ready set. */
static void add_readiness(tkr_call *call, const creation *c, const tasker_uuid *made)
{
    const tkr_plan *p = &c->plan;
    size_t n = p->step_count;
    tasker_uuid *tasks = tkr_keep(call, (n + 1) * sizeof *tasks);
    int32_t *parents = tkr_keep(call, (n + 1) * sizeof *parents);
    if (parents == NULL)
        return;
    for (size_t i = 0; i < n; i++)
        tasks[i] = c->key;
    for (size_t i = 0; i < p->edge_count; i++)
        parents[p->to[i]]++;
    if (n > 0)
        tkr_add_workflow_create__readiness(call, &c->key, made, tasks, n, c->step_uuids, n, parents, n);
    tkr_add_workflow_create__follow(call, &c->key, 1);
}

/*
 * The task's first transition has a key that only this try knows; it gates the rest. Keys ascend from parents to
 * children, so that locking steps in key order locks parents first.
 */
static void add_creation(tkr_call *call, creation *c)
{
    size_t n = c->plan.step_count, e = c->plan.edge_count, count = 1 + 2 * n + e;
    tasker_uuid *ids = tkr_keep(call, (count + n + 2 * e) * sizeof *ids);
    if (ids == NULL || !tkr_new_ids(call, count, ids))
        return;
    tasker_uuid *steps = ids + 1, *transitions = steps + n, *edges = transitions + n, *ends = ids + count + n;
    c->step_uuids = ids + count;
    for (size_t k = 0; k < n; k++)
        c->step_uuids[c->plan.order[k]] = steps[k];
    bool followed = tkr_link_has_ready_set(call->db);
    if (followed)
        tkr_add_workflow_create__followed(call, tasker_text_of(call->db->schema));
    add_task(call, c, &ids[0]);
    if (n > 0)
        add_steps(call, c, &ids[0], transitions);
    if (e > 0)
        add_edges(call, c, &ids[0], edges, ends);
    if (followed)
        add_readiness(call, c, &ids[0]);
    tkr_add_delay(call, &c->input->task, &c->key, &ids[0]);
    tkr_wake_for_tasks(call, &c->key, 1);
}

/* The type is registered before the lock of the identity is taken: whoever holds that waits for nobody's type. */
static void add_flush(tkr_call *call, creation *c)
{
    bool unique = c->input->task.identity == TASKER_IDENTITY_UNIQUE;
    c->stage = STAGE_FLUSH;
    if (!c->input->registered)
        tkr_add_registration(call, &c->plan, unique ? NULL : &c->new_type, tkr_given(&c->input->task.task_uuid));
    if (!unique)
        tkr_add_task_create__lock(call, c->identity.lock);
    add_creation(call, c);
}

/* ---- the rounds ---- */

static void add_kind(tkr_call *call, const creation *c)
{
    const tkr_plan *p = &c->plan;
    tkr_add_task_create__kind(call, p->configuration, NULL, p->namespace_name, p->name, p->version);
}

/* The type as statement i has read it; where it is not there, as this call will make it. */
static tasker_status take_kind(tkr_call *call, creation *c, uint32_t i)
{
    tasker_status status = tkr_identify(call, i, &c->input->task, &c->new_type, &c->identity);
    if (status != TASKER_OK)
        return status;
    add_flush(call, c);
    return TASKER_AGAIN;
}

static void add_look(tkr_call *call, creation *c)
{
    const tkr_plan *p = &c->plan;
    c->stage = STAGE_LOOK;
    tkr_add_workflow_create__found(call, &c->task_uuid, p->namespace_name, p->name, p->version);
    tkr_add_workflow_create__missing(call, p->namespace_name, p->name, p->version, p->names, p->step_count, p->systems,
                                     p->step_count);
    add_kind(call, c);
}

/* Made, or there already; no row: see what is there, or why it is not. */
static tasker_status finish_flush(tkr_call *call, creation *c)
{
    made_task task = {.task_uuid = c->key};
    tasker_status status = TASKER_OK;
    if (tkr_rows(call, c->created) > 0)
        status = tkr_read_row(call, c->created, 0, &task);
    if (status != TASKER_OK)
        return status;
    c->task_uuid = task.task_uuid;
    if (task.made)
        return give_ids(call, c, false);
    add_look(call, c);
    return TASKER_AGAIN;
}

/* AGAIN: nothing is missing. */
static tasker_status tell_missing(tkr_call *call, const creation *c)
{
    missing_step m;
    const tkr_plan *p = &c->plan;
    tasker_status status = tkr_read_row(call, 1, 0, &m);
    if (status != TASKER_OK)
        return status;
    if (!m.task_registered)
        return tkr_error_set(call->error, TASKER_NOT_FOUND, "task type \"%.*s/%.*s:%.*s\" is not registered",
                             (int)p->namespace_name.len, p->namespace_name.ptr, (int)p->name.len, p->name.ptr,
                             (int)p->version.len, p->version.ptr);
    if (!m.has_first_missing)
        return TASKER_AGAIN;
    call->error->item = m.first_missing;
    tasker_text name = p->names[m.first_missing];
    return tkr_error_set(call->error, TASKER_NOT_FOUND, "step \"%.*s\" is not registered", (int)name.len, name.ptr);
}

static tasker_status finish_look(tkr_call *call, creation *c)
{
    tasker_uuid tried = c->identity.named_task_uuid;
    bool vanished = !tasker_uuid_equal(&c->task_uuid, &c->key);
    if (tkr_rows(call, 0) > 0)
        return match_found(call, c);
    tasker_status status = tell_missing(call, c);
    if (status != TASKER_AGAIN)
        return status;
    if (c->input->task.identity == TASKER_IDENTITY_UNIQUE || ++c->tries == TRIES)
        return tkr_error_set(call->error, TASKER_CONFLICT, "the task or its type changed meanwhile");
    status = take_kind(call, c, 2);
    if (status == TASKER_AGAIN && !vanished && tasker_uuid_equal(&tried, &c->identity.named_task_uuid))
        return tkr_error_set(call->error, TASKER_DUPLICATE, "%s", tkr_identity_taken);
    return status;
}

static tasker_status finish_create(tkr_call *call)
{
    creation *c = call->state;
    if (c->stage == STAGE_KIND)
        return take_kind(call, c, 0);
    if (c->stage == STAGE_LOOK)
        return finish_look(call, c);
    return finish_flush(call, c);
}

tasker_status tasker_workflow_create(tasker_db *db, const tasker_workflow_input *input, const tasker_workflow_ids **out)
{
    tkr_call call = tkr_begin_now(db);
    creation *c = tkr_keep(&call, sizeof *c);
    if (out != NULL)
        *out = NULL;
    if (!tkr_check_input(&call, input, TKR_RESERVED(input)) || c == NULL)
        return tkr_abandon(&call);
    tkr_check_workflow_task(&call, &input->task);
    if (call.status == TASKER_OK)
        call.status = tkr_plan_make(input->definition, input->overrides, input->override_count, &db->limits, call.error,
                                    &c->plan);
    if (call.status != TASKER_OK)
        return tkr_abandon(&call);
    tkr_plan plan = c->plan; /* freed after the call, which frees c */
    c->key = tkr_key(&call, &input->task.task_uuid);
    c->input = input;
    call.state = c;
    add_flush(&call, c);
    if (input->task.identity != TASKER_IDENTITY_UNIQUE && tkr_new_ids(&call, 1, &c->new_type)) {
        tkr_take_back(&call); /* everything has been checked */
        c->stage = STAGE_KIND;
        add_kind(&call, c);
    }
    tasker_status status = tkr_run(&call, finish_create, out);
    tkr_plan_free(&plan);
    return status;
}
