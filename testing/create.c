/* SPDX-License-Identifier: MIT */
#include "support.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_WORKFLOWS = 100000 };

/* ---- one workflow ---- */

static bool is_zero(const uint64_t *reserved, size_t count)
{
    while (count > 0)
        if (reserved[--count] != 0)
            return false;
    return true;
}

static tasker_status check(tasker_db *db, const tasker_testing_options *o)
{
    if (db == NULL || o == NULL)
        return TASKER_INVALID_ARGUMENT;
    if (!is_zero(o->reserved, sizeof o->reserved / sizeof *o->reserved))
        return TASKER_UNSUPPORTED;
    if (o->input.definition != NULL && (o->shape != 0 || o->size != 0))
        return TASKER_INVALID_ARGUMENT;
    if ((uint32_t)o->step_state > TASKER_STATE_RESOLVED_MANUALLY)
        return TASKER_INVALID_ARGUMENT;
    return o->without_history && o->step_state > TASKER_STATE_PENDING ? TASKER_INVALID_ARGUMENT : TASKER_OK;
}

/* An order of a shop, with a test_run_id that tells this task from others. */
static tasker_status write_context(const tasker_testing_options *o, char *out, size_t size)
{
    uint64_t state = o->seed;
    tasker_uuid uuid;
    tasker_status status = tasker_uuid_generate(&uuid);
    if (status == TASKER_OK && o->seed == 0)
        memcpy(&state, uuid.bytes + 8, sizeof state);
    snprintf(out, size,
             "{\"test_run_id\": \"test_%016llx\", \"environment\": \"test\", \"auto_generated\": true,"
             " \"order_id\": 12345, \"user_id\": 67890, \"payment_method\": \"credit_card\","
             " \"shipping_address\": {\"street\": \"1 Test Street\", \"city\": \"Testville\"},"
             " \"items\": [{\"sku\": \"TEST-1\", \"quantity\": 1}, {\"sku\": \"TEST-2\", \"quantity\": 2}]}",
             (unsigned long long)tkt_random(&state));
    return status;
}

static void fill(tasker_task_input *task, const char *context)
{
    static const tasker_json tags = TASKER_JSON("{\"test\": true, \"auto_generated\": true}");
    if (task->context.ptr == NULL)
        task->context = tasker_json_of(context);
    if (task->tags.ptr == NULL)
        task->tags = tags;
    if (task->initiator.ptr == NULL)
        task->initiator = tasker_text_of("test_suite");
    if (task->source_system.ptr == NULL)
        task->source_system = tasker_text_of("factory");
    if (!task->has_priority)
        task->priority = TASKER_PRIORITY_NORMAL;
    if (!task->has_claim_timeout_seconds)
        task->claim_timeout_seconds = 300;
    task->has_priority = task->has_claim_timeout_seconds = true;
}

static tasker_status forget_history(tasker_db *db, const tasker_uuid *task_uuid)
{
    char key[TASKER_UUID_TEXT_SIZE];
    const char *values[] = {tasker_uuid_format(task_uuid, key)};
    return tkt_run(db, tkt_sql_forget_task, values, 1, NULL);
}

/* Inside a unit; the options are checked. */
static tasker_status create(tasker_db *db, const tasker_testing_options *o, const tasker_workflow_ids **out)
{
    char context[512];
    tasker_workflow_input input = o->input;
    const tasker_definition *definition = NULL;
    tasker_status status = write_context(o, context, sizeof context);
    if (status == TASKER_OK && input.definition == NULL) {
        status = tasker_testing_define(o->shape, o->size, o->seed, &definition);
        input.definition = definition;
    }
    fill(&input.task, context);
    if (status == TASKER_OK)
        status = tasker_workflow_create(db, &input, out);
    tasker_testing_free(definition);
    if (status != TASKER_OK || (*out)->existed)
        return status;
    if (o->without_history)
        return forget_history(db, &(*out)->task_uuid);
    if (o->step_state <= TASKER_STATE_PENDING)
        return TASKER_OK;
    return tkt_bring_new(db, (*out)->workflow_step_uuids, (*out)->step_count, o->step_state);
}

tasker_status tasker_testing_create(tasker_db *db, const tasker_testing_options *options,
                                    const tasker_workflow_ids **out)
{
    const tasker_workflow_ids *ids = NULL;
    tkt_unit unit;
    if (out != NULL)
        *out = NULL;
    tasker_status status = check(db, options);
    if (status == TASKER_OK)
        status = tkt_open(db, &unit);
    if (status != TASKER_OK)
        return status;
    status = tkt_close(db, &unit, create(db, options, &ids));
    if (status == TASKER_OK && out != NULL)
        *out = ids;
    else
        tasker_free(ids);
    return status;
}

/* ---- many ---- */

/* A list in one block: the pointers, the ids, the keys of the steps. */
static tasker_workflow_ids_list *make_list(const tasker_workflow_ids *const *made, size_t count)
{
    typedef struct list {
        tasker_workflow_ids_list head;
        tasker_workflow_ids ids[];
    } list;
    size_t steps = 0;
    for (size_t i = 0; i < count; i++)
        steps += made[i]->step_count;
    list *l = tkt_alloc(sizeof *l + count * (sizeof *l->ids + sizeof(void *)) + steps * sizeof(tasker_uuid));
    if (l == NULL)
        return NULL;
    const tasker_workflow_ids **items = (const tasker_workflow_ids **)(l->ids + count);
    tasker_uuid *keys = (tasker_uuid *)(items + count);
    l->head = (tasker_workflow_ids_list){.count = count, .items = items};
    for (size_t i = 0; i < count; i++) {
        l->ids[i] = *made[i];
        l->ids[i].workflow_step_uuids = keys;
        memcpy(keys, made[i]->workflow_step_uuids, made[i]->step_count * sizeof *keys);
        keys += made[i]->step_count;
        items[i] = &l->ids[i];
    }
    return &l->head;
}

/* The shape of the n-th of count. What rounding leaves over is linear. */
static tasker_testing_shape shape_in_mix(size_t n, size_t count)
{
    static const size_t shares[] = {0, 0, 25, 20, 15, 10}; /* per cent, by shape */
    size_t end = count;
    for (int shape = TASKER_TESTING_SHAPE_MIXED_DAG; shape > TASKER_TESTING_SHAPE_LINEAR; shape--) {
        end -= count / 100 * shares[shape] + count % 100 * shares[shape] / 100;
        if (n >= end)
            return (tasker_testing_shape)shape;
    }
    return TASKER_TESTING_SHAPE_LINEAR;
}

static tasker_status create_all(tasker_db *db, tasker_testing_options o, size_t count, const tasker_workflow_ids **made)
{
    uint64_t seeds = o.seed;
    for (size_t i = 0; i < count; i++) {
        o.shape = shape_in_mix(i, count);
        o.seed = seeds != 0 ? seeds + i : 0;
        tasker_status status = create(db, &o, &made[i]);
        if (status != TASKER_OK)
            return status;
    }
    return TASKER_OK;
}

tasker_status tasker_testing_create_mix(tasker_db *db, const tasker_testing_options *options, size_t count,
                                        const tasker_workflow_ids_list **out)
{
    static const tasker_testing_options plain;
    static const tasker_uuid nil;
    const tasker_testing_options *o = options != NULL ? options : &plain;
    tkt_unit unit;
    if (out != NULL)
        *out = NULL;
    tasker_status status = check(db, o);
    if (status == TASKER_OK && (o->shape != 0 || o->size != 0 || o->input.definition != NULL ||
                                memcmp(&o->input.task.task_uuid, &nil, sizeof nil) != 0))
        status = TASKER_INVALID_ARGUMENT;
    if (status == TASKER_OK && count > MOST_WORKFLOWS)
        status = TASKER_LIMIT_EXCEEDED;
    if (status != TASKER_OK)
        return status;
    const tasker_workflow_ids **made = calloc(count + 1, sizeof *made);
    status = made != NULL ? TASKER_OK : TASKER_OUT_OF_MEMORY;
    tasker_workflow_ids_list *list = NULL;
    if (status == TASKER_OK)
        status = tkt_open(db, &unit);
    if (status == TASKER_OK) {
        status = create_all(db, *o, count, made);
        if (status == TASKER_OK && out != NULL && (list = make_list(made, count)) == NULL)
            status = TASKER_OUT_OF_MEMORY;
        status = tkt_close(db, &unit, status);
    }
    for (size_t i = 0; made != NULL && i < count; i++)
        tasker_free(made[i]);
    free(made);
    if (status == TASKER_OK && out != NULL)
        *out = list;
    else
        tasker_testing_free(list);
    return status;
}
