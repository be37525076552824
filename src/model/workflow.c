/* SPDX-License-Identifier: MIT */
/* Creating a workflow in one flush. Loading one stands in workflow_load.c. */
#include "tasker/workflow.h"
#include <string.h>
#include "model/register.h"
#include "model/registry.h"
#include "statements.h"
#include "value/error.h"

enum { CLAIM_TIMEOUT_SECONDS = 60 };

typedef struct found_step {
    bool same_type;
    tasker_uuid workflow_step_uuid; /* nil: the task has no steps */
    tasker_text name, system;
} found_step;
static const tkr_column found_columns[] = {
    TKR_COLUMN(found_step, same_type),
    TKR_OPTIONAL(found_step, workflow_step_uuid),
    TKR_OPTIONAL(found_step, name),
    TKR_OPTIONAL(found_step, system),
    TKR_END_COLUMNS,
};
const tkr_entity tkr_entity_found_step = {"found_step", sizeof(found_step), found_columns};

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

/* Lives as long as the call; the plan's texts are the caller's. */
typedef struct creation {
    tkr_plan plan;
    tasker_uuid task_uuid;
    tasker_uuid *step_uuids; /* in the definition's order */
    uint32_t created;        /* which statement inserts the task */
    bool looked;
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

static bool same_text(tasker_text a, tasker_text b)
{
    return a.len == b.len && memcmp(a.ptr, b.ptr, a.len) == 0;
}

/* Whether the task that is there is of this type and has as many steps. */
static tasker_status match_type(tkr_call *call, const creation *c)
{
    found_step first;
    const tkr_plan *p = &c->plan;
    size_t rows = (size_t)tkr_rows(call, 0);
    tasker_status status = tkr_read_row(call, 0, 0, &first);
    if (status != TASKER_OK)
        return status;
    if (first.same_type && (first.name.ptr != NULL ? rows : 0) == p->step_count)
        return TASKER_OK;
    return tkr_error_set(call->error, TASKER_DUPLICATE,
                         "this task_uuid is taken by a workflow that is not %zu steps of \"%.*s/%.*s:%.*s\"",
                         p->step_count, (int)p->namespace_name.len, p->namespace_name.ptr, (int)p->name.len,
                         p->name.ptr, (int)p->version.len, p->version.ptr);
}

/*
 * The stored steps come in the order of their keys, which is the plan's topological order if this library made them;
 * then the first comparison of each search hits.
 */
static tasker_status match_found(tkr_call *call, creation *c)
{
    int rows = tkr_rows(call, 0);
    tasker_status same = match_type(call, c);
    if (same != TASKER_OK)
        return same;
    for (size_t k = 0; k < c->plan.step_count; k++) {
        uint32_t i = c->plan.order[k];
        bool matched = false;
        for (int tried = 0; tried < rows && !matched; tried++) {
            found_step f;
            int row = (int)((k + (size_t)tried) % (size_t)rows);
            tasker_status status = tkr_read_row(call, 0, row, &f);
            if (status != TASKER_OK)
                return status;
            matched =
                f.name.ptr != NULL && same_text(f.name, c->plan.names[i]) && same_text(f.system, c->plan.systems[i]);
            if (matched)
                c->step_uuids[i] = f.workflow_step_uuid;
        }
        if (!matched)
            return tkr_error_set(call->error, TASKER_DUPLICATE,
                                 "this task_uuid is taken by a workflow without step \"%.*s\"",
                                 (int)c->plan.names[i].len, c->plan.names[i].ptr);
    }
    return give_ids(call, c, true);
}

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
        return tkr_error_set(call->error, TASKER_CONFLICT, "the task's type changed meanwhile");
    call->error->item = m.first_missing;
    tasker_text name = p->names[m.first_missing];
    return tkr_error_set(call->error, TASKER_NOT_FOUND, "step \"%.*s\" is not registered", (int)name.len, name.ptr);
}

static tasker_status finish_create(tkr_call *call)
{
    creation *c = call->state;
    const tkr_plan *p = &c->plan;
    if (!c->looked && tkr_affected(call, c->created) == 1)
        return give_ids(call, c, false);
    if (c->looked)
        return tkr_rows(call, 0) > 0 ? match_found(call, c) : tell_missing(call, c);
    c->looked = true;
    tkr_add_workflow_create__found(call, &c->task_uuid, p->namespace_name, p->name, p->version);
    tkr_add_workflow_create__missing(call, p->namespace_name, p->name, p->version, p->names, p->step_count, p->systems,
                                     p->step_count);
    return TASKER_AGAIN;
}

/* ---- the flush ---- */

static void check_task(tkr_call *call, const tasker_task_input *t)
{
    tkr_check_reserved(call, t->reserved, sizeof t->reserved);
    if (!tasker_uuid_is_nil(&t->named_task_uuid) || t->name.ptr != NULL || t->namespace_name.ptr != NULL ||
        t->version.ptr != NULL)
        tkr_refuse(call, TASKER_INVALID_ARGUMENT, "the type of a workflow's task is its definition's");
    if (t->has_claim_timeout_seconds && t->claim_timeout_seconds <= 0)
        tkr_refuse(call, TASKER_INVALID_ARGUMENT, "claim_timeout_seconds is not above 0");
    tkr_check_shape(call, "context", t->context, TASKER_JSON_SHAPE_OBJECT);
    tkr_check_shape(call, "tags", t->tags, TASKER_JSON_SHAPE_CONTAINER);
    tkr_check_shape(call, "bypass_steps", t->bypass_steps, TASKER_JSON_SHAPE_ARRAY);
}

/* What has just been registered need not be looked for. */
static void add_task(tkr_call *call, creation *c, const tasker_workflow_input *input, tasker_text identity)
{
    const tkr_plan *p = &c->plan;
    const tasker_task_input *t = &input->task;
    size_t n = input->registered ? p->step_count : 0;
    c->created = call->part_count;
    tkr_add_workflow_create(call, &c->task_uuid, identity, p->namespace_name, p->name, p->version, p->names, n,
                            p->systems, n, t->has_requested_at ? &t->requested_at : NULL, t->initiator,
                            t->source_system, t->reason, t->bypass_steps, t->tags, t->context, t->reference_id,
                            t->has_priority ? t->priority : 0,
                            t->has_claim_timeout_seconds ? t->claim_timeout_seconds : CLAIM_TIMEOUT_SECONDS);
}

static void add_steps(tkr_call *call, const creation *c, tasker_text identity, const tasker_uuid *transitions)
{
    const tkr_plan *p = &c->plan;
    size_t n = p->step_count;
    tkr_add_workflow_create__steps(call, &c->task_uuid, identity, c->step_uuids, n, transitions, n, p->names, n,
                                   p->systems, n, p->retryables, n, p->skippables, n, p->retry_limits, n, p->inputs, n);
}

static void add_edges(tkr_call *call, const creation *c, tasker_text identity, tasker_uuid *edges, tasker_uuid *ends)
{
    const tkr_plan *p = &c->plan;
    size_t e = p->edge_count;
    for (size_t i = 0; i < e; i++) {
        ends[i] = c->step_uuids[p->from[i]];
        ends[e + i] = c->step_uuids[p->to[i]];
    }
    tkr_add_workflow_create__edges(call, &c->task_uuid, identity, edges, e, ends, e, ends + e, e, p->edge_names, e);
}

/* Keys ascend from parents to children, so that locking steps in key order locks parents first. */
static void add_creation(tkr_call *call, creation *c, const tasker_workflow_input *input)
{
    size_t n = c->plan.step_count, e = c->plan.edge_count, count = 2 + 2 * n + e;
    tasker_uuid *ids = tkr_keep(call, (count + n + 2 * e) * sizeof *ids);
    char *hash = tkr_keep(call, TASKER_UUID_TEXT_SIZE);
    if (hash == NULL || !tkr_new_ids(call, count, ids))
        return;
    tasker_uuid *steps = ids + 2, *transitions = steps + n, *edges = transitions + n, *ends = ids + count + n;
    c->step_uuids = ids + count;
    for (size_t k = 0; k < n; k++)
        c->step_uuids[c->plan.order[k]] = steps[k];
    tasker_text identity = tasker_text_of(tasker_uuid_format(&ids[0], hash));
    add_task(call, c, input, identity);
    if (n > 0)
        add_steps(call, c, identity, transitions);
    if (e > 0)
        add_edges(call, c, identity, edges, ends);
    tkr_add_workflow_create__transition(call, &c->task_uuid, identity, &ids[1]);
}

tasker_status tasker_workflow_create(tasker_db *db, const tasker_workflow_input *input, const tasker_workflow_ids **out)
{
    tkr_call call = tkr_begin_now(db);
    creation *c = tkr_keep(&call, sizeof *c);
    if (out != NULL)
        *out = NULL;
    if (!tkr_check_input(&call, input, TKR_RESERVED(input)) || c == NULL)
        return tkr_abandon(&call);
    check_task(&call, &input->task);
    if (call.status == TASKER_OK)
        call.status = tkr_plan_make(input->definition, input->overrides, input->override_count, &db->limits, call.error,
                                    &c->plan);
    if (call.status != TASKER_OK)
        return tkr_abandon(&call);
    tkr_plan plan = c->plan; /* freed after the call, which frees c */
    c->task_uuid = tkr_key(&call, &input->task.task_uuid);
    call.state = c;
    if (!input->registered)
        tkr_add_registration(&call, &c->plan, tkr_given(&input->task.task_uuid));
    add_creation(&call, c, input);
    tasker_status status = tkr_run(&call, finish_create, out);
    tkr_plan_free(&plan);
    return status;
}
