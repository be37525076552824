/* SPDX-License-Identifier: MIT */
/* Creating many workflows: their plans laid one behind the other, sent as arrays in one flush. */
#include <stdlib.h>
#include <string.h>
#include "model/many.h"
#include "model/registry.h"
#include "model/wake.h"
#include "model/workflow_match.h"
#include "statements.h"
#include "tasker/workflow.h"
#include "value/error.h"

typedef struct many_stop {
    int64_t stored;
    bool has_taken, has_unregistered, has_missing;
    int64_t taken, unregistered, missing;
} many_stop;
static const tkr_column stop_columns[] = {
    TKR_COLUMN(many_stop, stored),
    TKR_NULLABLE(many_stop, taken),
    TKR_NULLABLE(many_stop, unregistered),
    TKR_NULLABLE(many_stop, missing),
    TKR_END_COLUMNS,
};
const tkr_entity tkr_entity_many_stop = {"many_stop", sizeof(many_stop), stop_columns};

/* The rounds: the flush; where it made nothing, why; where all is there already, which steps. */
typedef enum stage { STAGE_FLUSH, STAGE_STOP, STAGE_FOUND } stage;

typedef struct bulk {
    const tasker_workflow_input *inputs;
    size_t count, step_count, edge_count, may_miss_count;
    tkr_plan *plans;
    tasker_uuid *keys;        /* of the tasks */
    tasker_uuid *transitions; /* their first ones */
    uint32_t made;            /* which statement inserts the tasks */
    tasker_uuid *step_uuids;  /* all, each workflow's in its definition's order */
    tasker_text *namespaces, *names, *versions;
    tasker_text *missing_names, *missing_systems; /* steps that may be missing, and whose they are */
    size_t *missing_items;
    stage stage;
    size_t found; /* how many are known in STAGE_FOUND */
} bulk;

/* ---- plans ---- */

static void free_bulk(bulk *b)
{
    for (size_t i = 0; i < b->count && b->plans != NULL; i++)
        tkr_plan_free(&b->plans[i]);
    free(b->plans);
}

static void make_plan(tkr_call *call, bulk *b, size_t i)
{
    const tasker_workflow_input *in = &b->inputs[i];
    if (in->task.identity != TASKER_IDENTITY_UNIQUE)
        tkr_refuse(call, TASKER_UNSUPPORTED, "an identity is offered by tasker_workflow_create only");
    tkr_check_workflow_task(call, &in->task);
    if (call->status == TASKER_OK)
        call->status = tkr_plan_make(in->definition, in->overrides, in->override_count, &call->db->limits, call->error,
                                     &b->plans[i]);
    if (call->status != TASKER_OK) {
        call->error->item = (int64_t)i;
        return;
    }
    b->step_count += b->plans[i].step_count;
    b->edge_count += b->plans[i].edge_count;
    if (b->step_count > (size_t)call->db->limits.rows || b->edge_count > (size_t)call->db->limits.rows) {
        tkr_refuse(call, TASKER_LIMIT_EXCEEDED, "more than the %d rows allowed", call->db->limits.rows);
        call->error->item = (int64_t)i;
    }
}

/* Inputs of one type mostly come together and share their definition. */
static bool same_as_before(const bulk *b, size_t i)
{
    return i > 0 && b->inputs[i].definition == b->inputs[i - 1].definition;
}

static tasker_status register_types(tasker_db *db, const bulk *b)
{
    tasker_status status = TASKER_OK;
    for (size_t i = 0; i < b->count && status == TASKER_OK; i++)
        if (!b->inputs[i].registered && !(same_as_before(b, i) && !b->inputs[i - 1].registered)) {
            status = tasker_definition_register(db, b->inputs[i].definition, NULL);
            if (status != TASKER_OK)
                db->error.item = (int64_t)i;
        }
    return status;
}

/* ---- the flush ---- */

/* One member of each workflow's task. */
#define EACH(call, b, member) TKR_EACH(call, (b)->inputs, (b)->count, task.member)

static void note_missing(bulk *b, size_t i)
{
    const tkr_plan *p = &b->plans[i];
    if (!b->inputs[i].registered || (same_as_before(b, i) && b->inputs[i - 1].registered))
        return;
    for (size_t k = 0; k < p->step_count; k++, b->may_miss_count++) {
        b->missing_names[b->may_miss_count] = p->names[k];
        b->missing_systems[b->may_miss_count] = p->systems[k];
        b->missing_items[b->may_miss_count] = i;
    }
}

static bool lay_out_tasks(tkr_call *call, bulk *b)
{
    size_t n = b->count;
    b->keys = EACH(call, b, task_uuid);
    b->transitions = tkr_keep(call, n * sizeof *b->transitions);
    b->namespaces = tkr_keep(call, n * sizeof *b->namespaces);
    b->names = tkr_keep(call, n * sizeof *b->names);
    b->versions = tkr_keep(call, n * sizeof *b->versions);
    b->missing_names = tkr_keep(call, (b->step_count + 1) * sizeof *b->missing_names);
    b->missing_systems = tkr_keep(call, (b->step_count + 1) * sizeof *b->missing_systems);
    b->missing_items = tkr_keep(call, (b->step_count + 1) * sizeof *b->missing_items);
    if (!tkr_fill_keys(call, b->keys, n) || !tkr_new_ids(call, n, b->transitions))
        return false;
    for (size_t i = 0; i < n; i++) {
        b->namespaces[i] = b->plans[i].namespace_name;
        b->names[i] = b->plans[i].name;
        b->versions[i] = b->plans[i].version;
        note_missing(b, i);
    }
    return true;
}

static void add_tasks(tkr_call *call, bulk *b)
{
    size_t n = b->count;
    int32_t *priorities = EACH(call, b, priority), *timeouts = EACH(call, b, claim_timeout_seconds);
    const tasker_json *bypass = EACH(call, b, bypass_steps);
    tasker_text *bypass_texts = tkr_keep(call, n * sizeof *bypass_texts);
    if (bypass_texts == NULL)
        return;
    for (size_t i = 0; i < n; i++) {
        const tasker_task_input *t = &b->inputs[i].task;
        priorities[i] = t->has_priority ? t->priority : 0;
        timeouts[i] = t->has_claim_timeout_seconds ? t->claim_timeout_seconds : 0; /* 0: the default */
        bypass_texts[i] = (tasker_text){bypass[i].ptr, bypass[i].len};
    }
    tkr_add_workflow_create_many(call, b->keys, n, b->transitions, n, b->namespaces, n, b->names, n, b->versions, n,
                                 b->missing_names, b->may_miss_count, b->missing_systems, b->may_miss_count,
                                 EACH(call, b, has_requested_at), n, EACH(call, b, requested_at), n,
                                 EACH(call, b, initiator), n, EACH(call, b, source_system), n, EACH(call, b, reason), n,
                                 bypass_texts, n, EACH(call, b, tags), n, EACH(call, b, context), n,
                                 EACH(call, b, reference_id), n, priorities, n, timeouts, n);
}

/* size bytes of each plan's array, one workflow behind the other. */
#define JOIN(call, b, total, member, size_member)                                                                      \
    join(call, b, total, offsetof(tkr_plan, member), offsetof(tkr_plan, size_member), sizeof *((tkr_plan *)0)->member)

static void *join(tkr_call *call, const bulk *b, size_t total, size_t member, size_t count_member, size_t size)
{
    unsigned char *all = tkr_keep(call, total * size + 1), *at = all;
    for (size_t i = 0; i < b->count && all != NULL; i++) {
        const unsigned char *plan = (const unsigned char *)&b->plans[i];
        const void *array;
        size_t count;
        memcpy(&array, plan + member, sizeof array);
        memcpy(&count, plan + count_member, sizeof count);
        if (count > 0)
            memcpy(at, array, count * size);
        at += count * size;
    }
    return all;
}

/* Keys of steps ascend from parents to children within a workflow, as in tasker_workflow_create. */
static void add_steps(tkr_call *call, bulk *b)
{
    size_t n = b->step_count, at = 0;
    tasker_uuid *ids = tkr_keep(call, 2 * n * sizeof *ids), *tasks = tkr_keep(call, n * sizeof *tasks);
    b->step_uuids = tkr_keep(call, n * sizeof *b->step_uuids);
    if (b->step_uuids == NULL || !tkr_new_ids(call, 2 * n, ids))
        return;
    for (size_t i = 0; i < b->count; at += b->plans[i++].step_count)
        for (size_t k = 0; k < b->plans[i].step_count; k++) {
            b->step_uuids[at + b->plans[i].order[k]] = ids[at + k];
            tasks[at + k] = b->keys[i];
        }
    tkr_add_workflow_create_many__steps(
        call, &b->keys[0], &b->transitions[0], tasks, n, b->step_uuids, n, ids + n, n,
        JOIN(call, b, n, names, step_count), n, JOIN(call, b, n, systems, step_count), n,
        JOIN(call, b, n, retryables, step_count), n, JOIN(call, b, n, skippables, step_count), n,
        JOIN(call, b, n, retry_limits, step_count), n, JOIN(call, b, n, inputs, step_count), n);
}

static void add_edges(tkr_call *call, const bulk *b)
{
    size_t e = b->edge_count, step = 0, edge = 0;
    tasker_uuid *ids = tkr_keep(call, 3 * e * sizeof *ids), *from = ids + e, *to = from + e;
    if (ids == NULL || !tkr_new_ids(call, e, ids))
        return;
    for (size_t i = 0; i < b->count; step += b->plans[i++].step_count)
        for (size_t k = 0; k < b->plans[i].edge_count; k++, edge++) {
            from[edge] = b->step_uuids[step + b->plans[i].from[k]];
            to[edge] = b->step_uuids[step + b->plans[i].to[k]];
        }
    tkr_add_workflow_create__edges(call, &b->keys[0], &b->transitions[0], ids, e, from, e, to, e,
                                   JOIN(call, b, e, edge_names, edge_count), e);
}

/* As in tasker_workflow_create: what the triggers would find out about the ready set. */
static void add_readiness(tkr_call *call, const bulk *b)
{
    size_t n = b->step_count, at = 0;
    tasker_uuid *tasks = tkr_keep(call, (n + 1) * sizeof *tasks);
    int32_t *parents = tkr_keep(call, (n + 1) * sizeof *parents);
    if (parents == NULL)
        return;
    for (size_t i = 0; i < b->count; at += b->plans[i++].step_count) {
        for (size_t k = 0; k < b->plans[i].step_count; k++)
            tasks[at + k] = b->keys[i];
        for (size_t k = 0; k < b->plans[i].edge_count; k++)
            parents[at + b->plans[i].to[k]]++;
    }
    if (n > 0)
        tkr_add_workflow_create__readiness(call, &b->keys[0], &b->transitions[0], tasks, n, b->step_uuids, n, parents,
                                           n);
    tkr_add_workflow_create__follow(call, b->keys, b->count);
}

static void add_delays(tkr_call *call, const bulk *b)
{
    size_t n = 0;
    tasker_uuid *keys = tkr_keep(call, b->count * sizeof *keys), *rows = tkr_keep(call, b->count * sizeof *rows);
    tasker_time *times = tkr_keep(call, b->count * sizeof *times);
    for (size_t i = 0; times != NULL && i < b->count; i++) {
        if (!b->inputs[i].task.has_start_at)
            continue;
        keys[n] = b->keys[i];
        rows[n] = b->transitions[i];
        times[n++] = b->inputs[i].task.start_at;
    }
    if (n > 0)
        tkr_add_task_create__delay(call, keys, n, rows, n, times, n);
}

/* ---- the answer ---- */

static tasker_status give_many(tkr_call *call, const bulk *b, bool existed)
{
    size_t mark = sizeof(uint64_t), room = b->count * (sizeof(void *) + mark + sizeof(tasker_workflow_ids));
    tkr_list *list = tkr_alloc(NULL, sizeof *list + room + b->step_count * sizeof(tasker_uuid));
    if (list == NULL)
        return tkr_error_set(call->error, TASKER_OUT_OF_MEMORY, "out of memory");
    const void **items = (const void **)(list + 1);
    unsigned char *at = (unsigned char *)(items + b->count);
    tasker_uuid *steps = (tasker_uuid *)(void *)((unsigned char *)(list + 1) + room);
    if (b->step_count > 0)
        memcpy(steps, b->step_uuids, b->step_count * sizeof *steps);
    for (size_t i = 0; i < b->count; i++) {
        size_t n = b->plans[i].step_count;
        tasker_workflow_ids ids = {b->keys[i], existed, n, steps};
        memcpy(at, &(uint64_t){TKR_MARK_ITEM}, mark);
        memcpy(at + mark, &ids, sizeof ids);
        items[i] = at + mark;
        at += mark + sizeof ids;
        steps += n;
    }
    list->count = b->count;
    list->items = items;
    return tkr_give(call, list);
}

/* All keys are there: a resend, if the workflows are these. */
static tasker_status look_further(tkr_call *call, bulk *b)
{
    b->stage = STAGE_FOUND;
    for (size_t i = b->found; i < b->count && i < b->found + TKR_CALL_PARTS; i++)
        tkr_add_workflow_create__found(call, &b->keys[i], b->namespaces[i], b->names[i], b->versions[i]);
    return b->found < b->count ? TASKER_AGAIN : give_many(call, b, true);
}

static tasker_status finish_found(tkr_call *call, bulk *b)
{
    size_t step = 0, last = b->found + TKR_CALL_PARTS < b->count ? b->found + TKR_CALL_PARTS : b->count;
    for (size_t i = 0; i < b->found; i++)
        step += b->plans[i].step_count;
    for (size_t i = b->found; i < last; step += b->plans[i++].step_count) {
        uint32_t answer = (uint32_t)(i - b->found);
        tasker_status status = tkr_rows(call, answer) > 0
                                   ? tkr_match_workflow(call, answer, &b->plans[i], "task_uuid", b->step_uuids + step)
                                   : tkr_error_set(call->error, TASKER_CONFLICT, "a task was deleted meanwhile");
        if (status != TASKER_OK) {
            call->error->item = (int64_t)i;
            return status;
        }
    }
    b->found = last;
    return look_further(call, b);
}

static tasker_status stop_at(tkr_call *call, size_t item, tasker_status status, const char *what)
{
    tkr_error_set(call->error, status, "inputs[%zu]: %s", item, what);
    call->error->item = (int64_t)item;
    return status;
}

static tasker_status finish_stop(tkr_call *call, bulk *b)
{
    many_stop s;
    tasker_status status = tkr_read_row(call, 0, 0, &s);
    if (status != TASKER_OK)
        return status;
    if ((size_t)s.stored == b->count)
        return look_further(call, b);
    if (s.has_taken)
        return stop_at(call, (size_t)s.taken, TASKER_DUPLICATE, "its task_uuid is taken");
    if (s.has_unregistered)
        return stop_at(call, (size_t)s.unregistered, TASKER_NOT_FOUND, "its type is not registered");
    if (s.has_missing)
        return stop_at(call, b->missing_items[s.missing], TASKER_NOT_FOUND, "one of its steps is not registered");
    return tkr_error_set(call->error, TASKER_CONFLICT, "the types changed meanwhile");
}

static tasker_status finish_create(tkr_call *call)
{
    bulk *b = call->state;
    if (b->stage == STAGE_FOUND)
        return finish_found(call, b);
    if (b->stage == STAGE_STOP)
        return finish_stop(call, b);
    if ((size_t)tkr_affected(call, b->made) == b->count)
        return give_many(call, b, false);
    b->stage = STAGE_STOP;
    call->wrote = call->wrote_before; /* the statements behind the first do nothing without it */
    tkr_add_workflow_create_many__stop(call, b->keys, b->count, b->transitions, b->count, b->namespaces, b->count,
                                       b->names, b->count, b->versions, b->count, b->missing_names, b->may_miss_count,
                                       b->missing_systems, b->may_miss_count);
    return TASKER_AGAIN;
}

static tasker_status create_planned(tasker_db *db, const void *planned, size_t count, void *out)
{
    tkr_call call = tkr_begin_now(db);
    bulk again = *(const bulk *)planned, *b = &again;
    (void)count;
    call.state = b;
    bool followed = tkr_link_has_ready_set(db);
    if (!lay_out_tasks(&call, b))
        return tkr_abandon(&call);
    if (followed)
        tkr_add_workflow_create__followed(&call, tasker_text_of(db->schema));
    b->made = call.part_count;
    add_tasks(&call, b);
    if (b->step_count > 0)
        add_steps(&call, b);
    if (b->edge_count > 0)
        add_edges(&call, b);
    if (followed)
        add_readiness(&call, b);
    add_delays(&call, b);
    tkr_wake_for_tasks(&call, b->keys, b->count);
    return tkr_run(&call, finish_create, out);
}

/* An empty list without asking anybody. */
static tasker_status give_empty(tkr_call *call, const tasker_workflow_ids_list **out)
{
    call->out = out;
    return give_many(call, &(bulk){0}, false);
}

tasker_status tasker_workflow_create_many(tasker_db *db, const tasker_workflow_input *inputs, size_t count,
                                          const tasker_workflow_ids_list **out)
{
    tkr_call call = tkr_begin_now(db);
    bulk b = {.inputs = inputs};
    if (out != NULL)
        *out = NULL;
    if (!TKR_CHECK_INPUTS(&call, inputs, count))
        return tkr_abandon(&call);
    b.plans = calloc(count + 1, sizeof *b.plans);
    if (b.plans == NULL)
        tkr_refuse(&call, TASKER_OUT_OF_MEMORY, "out of memory");
    b.count = call.status == TASKER_OK ? count : 0;
    for (size_t i = 0; i < count && call.status == TASKER_OK; i++)
        make_plan(&call, &b, i);
    tasker_status status = call.status;
    if (status == TASKER_OK && count == 0)
        status = give_empty(&call, out);
    tkr_abandon(&call);
    if (status == TASKER_OK && count > 0)
        status = register_types(db, &b);
    if (status == TASKER_OK && count > 0)
        status = tkr_create_again(db, create_planned, &b, count, out);
    free_bulk(&b);
    return status;
}
