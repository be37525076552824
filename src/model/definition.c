/* SPDX-License-Identifier: MIT */
#include "tasker/definition.h"
#include <string.h>
#include "model/register.h"
#include "model/registry.h"
#include "statements.h"
#include "value/error.h"

tasker_status tasker_definition_check(const tasker_definition *definition, const tasker_limits *limits,
                                      tasker_error *error)
{
    static const tasker_limits defaults = {0};
    tkr_plan plan;
    if (error != NULL)
        *error = (tasker_error){.item = -1};
    tasker_status status = tkr_plan_make(definition, NULL, 0, limits != NULL ? limits : &defaults, error, &plan);
    if (status == TASKER_OK)
        tkr_plan_free(&plan);
    return status;
}

tasker_status tasker_definition_levels(const tasker_definition *definition, tasker_error *error, int32_t *out)
{
    tkr_plan plan;
    if (error != NULL)
        *error = (tasker_error){.item = -1};
    tasker_status status = tkr_plan_make(definition, NULL, 0, NULL, error, &plan);
    if (status != TASKER_OK)
        return status;
    if (out != NULL && plan.step_count > 0)
        memcpy(out, plan.levels, plan.step_count * sizeof *out);
    tkr_plan_free(&plan);
    return TASKER_OK;
}

void tkr_add_registration(tkr_call *call, const tkr_plan *p, const tasker_uuid *named_task_uuid,
                          const tasker_uuid *unless_task)
{
    size_t n = p->step_count, systems = p->system_count;
    tasker_uuid *ids = tkr_keep(call, (2 + systems + 2 * n) * sizeof *ids);
    if (ids == NULL || !tkr_new_ids(call, 2 + systems + 2 * n, ids))
        return;
    tasker_uuid *system_ids = ids + 2, *step_ids = system_ids + systems, *setting_ids = step_ids + n;
    tkr_add_definition_register__namespace(call, &ids[0], p->namespace_name, unless_task);
    if (systems > 0)
        tkr_add_definition_register__systems(call, system_ids, systems, p->distinct_systems, systems, unless_task);
    const tasker_uuid *task_id = named_task_uuid != NULL ? named_task_uuid : &ids[1];
    tkr_add_definition_register__task(call, task_id, p->namespace_name, p->name, p->version, p->description,
                                      p->configuration, unless_task);
    tkr_add_definition_register__version(call, task_id, p->namespace_name, p->name, p->version, p->description,
                                         p->configuration, unless_task);
    if (n == 0)
        return;
    tkr_add_definition_register__steps(call, step_ids, n, p->names, n, p->systems, n, p->descriptions, n, unless_task);
    tkr_add_definition_register__settings(call, setting_ids, n, p->names, n, p->systems, n, p->type_skippables, n,
                                          p->type_retryables, n, p->type_retry_limits, n, p->namespace_name, p->name,
                                          p->version, unless_task);
}

/* The last statement brings the named task. */
static tasker_status finish_register(tkr_call *call)
{
    uint32_t last = 0;
    while (last + 1 < TKR_CALL_PARTS && call->answers[last + 1] != NULL)
        last++;
    void *row = NULL;
    if (tkr_rows(call, last) == 0)
        return tkr_error_set(call->error, TASKER_CONFLICT, "the named task was deleted meanwhile");
    tasker_status status = tkr_take_one(call, last, &row);
    return status == TASKER_OK ? tkr_give(call, row) : status;
}

tasker_status tasker_definition_register(tasker_db *db, const tasker_definition *definition,
                                         const tasker_named_task **out)
{
    tkr_plan plan = {0};
    tkr_call call = tkr_begin_now(db);
    if (out != NULL)
        *out = NULL;
    if (call.status == TASKER_OK)
        call.status = tkr_plan_make(definition, NULL, 0, &db->limits, call.error, &plan);
    if (call.status != TASKER_OK)
        return tkr_abandon(&call);
    tkr_add_registration(&call, &plan, NULL, NULL);
    tkr_add_named_task_find_by_name(&call, plan.namespace_name, plan.name, plan.version);
    tkr_plan_free(&plan); /* everything is encoded now */
    return tkr_run(&call, finish_register, out);
}
