/* SPDX-License-Identifier: MIT */
#include "fault_calls.h"
#include <tasker/dag.h>
#include <tasker/message.h>
#include <tasker/hooks.h>
#include <tasker/queue.h>
#include <tasker/report.h>

const void *fault_row;

static int64_t number;
static bool truth;
static tasker_state states[3];
#define OUT ((void *)&fault_row)

static const tasker_lease_options worker = {.worker = TASKER_TEXT("w")};
static const tasker_json some_json = TASKER_JSON("{\"a\": {\"b\": [1, 2]}, \"c\": \"d\"}");

/* ---- calls of several ---- */

static tasker_status commit(tasker_db *db, world *w)
{
    tasker_task_namespace_input input = {.task_namespace_uuid = w->key, .name = T(w->name)};
    tasker_status status = tasker_db_begin(db, NULL);
    if (status == TASKER_OK)
        status = tasker_task_namespace_find_or_create(db, &input, NULL);
    return status == TASKER_OK ? tasker_db_commit(db) : status;
}

static tasker_status savepoints(tasker_db *db, world *w)
{
    tasker_savepoint outer, inner;
    (void)w;
    tasker_status status = tasker_db_begin(db, NULL);
    if (status == TASKER_OK)
        status = tasker_db_savepoint(db, &outer);
    if (status == TASKER_OK)
        status = tasker_db_savepoint(db, &inner);
    if (status == TASKER_OK)
        status = tasker_db_rollback_to(db, outer);
    if (status == TASKER_OK)
        status = tasker_db_release(db, outer);
    return status == TASKER_OK ? tasker_db_rollback(db) : status;
}

static tasker_status stream(tasker_db *db, world *w)
{
    tasker_workflow_step_filter filter = {.task_uuids = &w->flow.task_uuid, .task_uuid_count = 1};
    tasker_cursor_options options = {.batch = 2};
    tasker_cursor *cursor = NULL;
    const tasker_workflow_step *step = NULL;
    tasker_status status = tasker_workflow_step_stream(db, &filter, &options, &cursor);
    if (status == TASKER_OK)
        status = tasker_workflow_step_next(cursor, &step);
    while (status == TASKER_OK && step != NULL)
        status = tasker_workflow_step_next(cursor, &step);
    tasker_cursor_close(cursor);
    return status;
}

static tasker_status queue(tasker_db *db, world *w)
{
    tasker_pipeline *pipeline = NULL;
    const tasker_task *task = NULL;
    const tasker_task_namespace *made = NULL;
    tasker_task_namespace_input input = {.task_namespace_uuid = w->key, .name = T(w->name)};
    tasker_status status = tasker_pipeline_open(db, NULL, &pipeline);
    if (status != TASKER_OK)
        return status;
    tasker_db *queueing = tasker_pipeline_db(pipeline);
    status = tasker_task_get(queueing, &w->flow.task_uuid, &task);
    if (status == TASKER_QUEUED)
        status = tasker_task_namespace_find_or_create(queueing, &input, &made);
    if (status == TASKER_QUEUED)
        status = tasker_pipeline_run(pipeline);
    tasker_free(task);
    tasker_free(made);
    tasker_pipeline_close(pipeline);
    return status;
}

static tasker_workflow_input workflow_of(world *w)
{
    static const tasker_step_definition steps[] = {{.name = TASKER_TEXT("a")}, {.name = TASKER_TEXT("b")}};
    static const tasker_edge_definition edges[] = {{.from = 0, .to = 1}};
    static tasker_definition definition;
    definition =
        (tasker_definition){.name = T(w->name), .steps = steps, .step_count = 2, .edges = edges, .edge_count = 1};
    return (tasker_workflow_input){
        .definition = &definition,
        .task = {.task_uuid = w->key, .context = some_json, .identity = TASKER_IDENTITY_STRICT}};
}

static tasker_status define(tasker_db *db, world *w)
{
    tasker_workflow_input input = workflow_of(w);
    return tasker_definition_register(db, input.definition, OUT);
}

static tasker_status create_workflow(tasker_db *db, world *w)
{
    tasker_workflow_input input = workflow_of(w);
    return tasker_workflow_create(db, &input, OUT);
}

static tasker_status create_workflows(tasker_db *db, world *w)
{
    tasker_workflow_input inputs[2] = {workflow_of(w), workflow_of(w)};
    inputs[0].task.identity = inputs[1].task.identity = TASKER_IDENTITY_UNIQUE;
    inputs[1].task.task_uuid = new_uuid();
    return tasker_workflow_create_many(db, inputs, 2, OUT);
}

static tasker_status complete(tasker_db *db, world *w)
{
    tasker_completion completion = {.lease = w->leases->items[0], .results = some_json};
    return tasker_lease_complete(db, &completion, 1, w->outcomes);
}

static tasker_status fail_it(tasker_db *db, world *w)
{
    tasker_failure failure = {.lease = w->leases->items[0], .error_message = TASKER_TEXT("boom")};
    return tasker_lease_fail(db, &failure, 1, w->outcomes);
}

static tasker_status extend(tasker_db *db, world *w)
{
    return tasker_lease_extend(db, w->leases->items, 1, 60, w->outcomes);
}

static tasker_status release(tasker_db *db, world *w)
{
    return tasker_lease_release(db, w->leases->items, 1, w->outcomes);
}

/* There is nothing for it in the queue. */
static tasker_status take_any(tasker_db *db, world *w)
{
    static const tasker_text namespace = TASKER_TEXT("faults");
    tasker_lease_options options = worker;
    (void)w;
    options.namespace_names = &namespace;
    options.namespace_name_count = 1;
    return tasker_lease_take(db, &options, OUT);
}

static tasker_status take_ready(tasker_db *db, world *w)
{
    tasker_lease_options options = worker;
    (void)w;
    options.without_queue = true;
    return tasker_lease_take(db, &options, OUT);
}

/* What was late is late no more when it is called again. */
static tasker_status sweep(tasker_db *db, world *w)
{
    (void)w;
    tasker_status status = tasker_sweep_run(db, NULL, &(tasker_sweep){0});
    return status == TASKER_NOOP ? TASKER_OK : status;
}

/* ---- queues: one of the world's, and one for all ---- */

static int64_t msg_ids[2];
#define QUEUE T("faults")

static tasker_status send_two(tasker_db *db, world *w)
{
    (void)w;
    tasker_message_input messages[2] = {{.message = some_json}, {.message = some_json, .headers = some_json}};
    return tasker_queue_send(db, QUEUE, messages, 2, 0, msg_ids);
}

static tasker_status apply_result(tasker_db *db, world *w)
{
    (void)w;
    tasker_status status = tasker_result_message_apply(db, QUEUE, 0, &(tasker_exchange){0});
    return status == TASKER_NOOP ? TASKER_OK : status;
}

static tasker_status create_queue(tasker_db *db, world *w)
{
    char name[48];
    snprintf(name, sizeof name, "%.40s", w->name);
    for (char *c = name; *c != '\0'; c++)
        *c = *c == '-' ? '_' : *c;
    return tasker_queue_create(db, T(name));
}

/* ---- plain calls: db and w are there ---- */

#define FLOW(w) (&(w)->flow.task_uuid)
#define STEPS(w) ((w)->flow.steps)
#define READS(X)                                                                                                       \
    X(db_ping, tasker_db_ping(db))                                                                                     \
    X(db_now, tasker_db_now(db, &(tasker_time){0}))                                                                    \
    X(schema_version, tasker_schema_version(db, &(int32_t){0}))                                                        \
    X(schema_verify, tasker_schema_verify(db, NULL, OUT))                                                              \
    X(doctor_run, tasker_doctor_run(db, &(tasker_doctor_options){.quick = true}, OUT))                                 \
    X(space_get, tasker_task_namespace_get(db, &w->task_namespace_uuid, OUT))                                          \
    X(space_by_name, tasker_task_namespace_find_by_name(db, T(w->namespace_name), OUT))                                \
    X(space_query, tasker_task_namespace_query(db, NULL, NULL, OUT))                                                   \
    X(system_query, tasker_dependent_system_query(db, NULL, NULL, OUT))                                                \
    X(map_pairs, tasker_dependent_system_object_map_list_pairs(db, OUT))                                               \
    X(map_query, tasker_dependent_system_object_map_query(db, NULL, NULL, OUT))                                        \
    X(kind_by_name, tasker_named_task_find_by_name(db, T(w->namespace_name), T(w->task_name), T(NULL), OUT))           \
    X(named_step_query, tasker_named_step_query(db, NULL, NULL, OUT))                                                  \
    X(setting_query, tasker_named_tasks_named_step_query(db, NULL, NULL, OUT))                                         \
    X(types_by_use, tasker_annotation_type_list_by_use(db, OUT))                                                       \
    X(note_query, tasker_task_annotation_query(db, NULL, NULL, OUT))                                                   \
    X(task_get, tasker_task_get(db, FLOW(w), OUT))                                                                     \
    X(task_count, tasker_task_count(db, NULL, &number))                                                                \
    X(task_exists, tasker_task_exists(db, NULL, &truth))                                                               \
    X(task_details, tasker_task_query_details(db, NULL, NULL, OUT))                                                    \
    X(task_states, tasker_task_get_states(db, FLOW(w), 1, states))                                                     \
    X(step_by_name, tasker_workflow_step_find_by_name(db, FLOW(w), T("a"), OUT))                                       \
    X(step_details, tasker_workflow_step_query_details(db, NULL, NULL, OUT))                                           \
    X(step_states, tasker_workflow_step_get_states(db, STEPS(w), 3, states))                                           \
    X(edge_query, tasker_workflow_step_edge_query(db, NULL, NULL, OUT))                                                \
    X(edge_cycle, tasker_workflow_step_edge_would_cycle(db, STEPS(w), STEPS(w) + 1, &truth))                           \
    X(task_history, tasker_task_transition_query(db, NULL, NULL, OUT))                                                 \
    X(step_history, tasker_workflow_step_transition_query(db, NULL, NULL, OUT))                                        \
    X(workflow_load, tasker_workflow_load(db, FLOW(w), OUT))                                                           \
    X(lease_load, tasker_lease_load(db, STEPS(w), OUT))                                                                \
    X(nodes, tasker_step_node_query(db, &(tasker_step_node_filter){.task_uuid = FLOW(w)}, NULL, OUT))                  \
    X(critical_path, tasker_step_node_list_critical_path(db, FLOW(w), OUT))                                            \
    X(ancestors, tasker_step_relative_list_ancestors(db, STEPS(w) + 2, NULL, OUT))                                     \
    X(descendants, tasker_step_relative_list_descendants(db, STEPS(w), NULL, OUT))                                     \
    X(readiness, tasker_step_readiness_query(                                                                          \
                     db, &(tasker_step_readiness_filter){.task_uuids = FLOW(w), .task_uuid_count = 1}, OUT))           \
    X(execution, tasker_execution_context_get(db, FLOW(w), OUT))                                                       \
    X(ready_set, tasker_ready_set_check(db, &(tasker_ready_set_report){0}))                                            \
    X(health, tasker_health_get(db, &(tasker_health){0}))                                                              \
    X(queue_list, tasker_queue_list(db, OUT))                                                                          \
    X(queue_measure, tasker_queue_measure(db, T(NULL), OUT))                                                           \
    X(metrics, tasker_metrics_get(db, NULL, &(tasker_metrics){0}))                                                     \
    X(slow_steps, tasker_slow_step_list(db, NULL, OUT))                                                                \
    X(slow_tasks, tasker_slow_task_list(db, NULL, OUT))                                                                \
    X(task_statistics, tasker_transition_statistics_get_for_tasks(db, NULL, &(tasker_transition_statistics){0}))       \
    X(step_statistics, tasker_transition_statistics_get_for_steps(db, NULL, &(tasker_transition_statistics){0}))

#define INPUT(entity, ...) (&(tasker_##entity##_input){__VA_ARGS__})
#define WRITES(X)                                                                                                      \
    X(space_create,                                                                                                    \
      tasker_task_namespace_create(db, INPUT(task_namespace, .task_namespace_uuid = w->key, .name = T(w->name)), OUT)) \
    X(space_create_many, tasker_task_namespace_create_many(                                                            \
                             db, INPUT(task_namespace, .task_namespace_uuid = w->key, .name = T(w->name)), 1, OUT))    \
    X(system_find_or_create,                                                                                           \
      tasker_dependent_system_find_or_create(                                                                          \
          db, INPUT(dependent_system, .dependent_system_uuid = w->key, .name = T(w->name)), OUT))                      \
    X(map_create, tasker_dependent_system_object_map_create(                                                           \
                      db,                                                                                              \
                      INPUT(dependent_system_object_map, .dependent_system_one_uuid = w->dependent_system_uuid,        \
                            .dependent_system_two_uuid = w->dependent_system_uuid, .remote_id_one = T(w->name),        \
                            .remote_id_two = T(w->name)),                                                              \
                      OUT))                                                                                            \
    X(kind_create, tasker_named_task_create(db,                                                                        \
                                            INPUT(named_task, .named_task_uuid = w->key, .name = T(w->name),           \
                                                  .task_namespace_uuid = w->task_namespace_uuid),                      \
                                            OUT))                                                                      \
    X(named_step_create, tasker_named_step_create(db,                                                                  \
                                                  INPUT(named_step, .named_step_uuid = w->key, .name = T(w->name),     \
                                                        .dependent_system_uuid = w->dependent_system_uuid),            \
                                                  OUT))                                                                \
    X(named_step_resolve, tasker_named_step_resolve(db, T(w->name), &(tasker_text){w->name, strlen(w->name)}, 1, true, \
                                                    &(tasker_uuid){{0}}))                                              \
    X(setting_create, tasker_named_tasks_named_step_create(db,                                                         \
                                                           INPUT(named_tasks_named_step, .ntns_uuid = w->key,          \
                                                                 .named_task_uuid = w->named_task_uuid,                \
                                                                 .named_step_uuid = w->named_step_uuid),               \
                                                           OUT))                                                       \
    X(type_create, tasker_annotation_type_create(db, INPUT(annotation_type, .name = T(w->name)), OUT))                 \
    X(type_find_or_create, tasker_annotation_type_find_or_create(db, INPUT(annotation_type, .name = T(w->name)), OUT)) \
    X(note_create_many,                                                                                                \
      tasker_task_annotation_create_many(db,                                                                           \
                                         INPUT(task_annotation, .task_uuid = w->flow.task_uuid,                        \
                                               .annotation_type_name = T(w->name), .annotation = some_json),           \
                                         1, OUT))                                                                      \
    X(note_delete, tasker_task_annotation_delete_for_task(db, FLOW(w), &number))                                       \
    X(task_create, tasker_task_create(db,                                                                              \
                                      INPUT(task, .task_uuid = w->key, .namespace_name = T(w->namespace_name),         \
                                            .name = T(w->task_name), .context = some_json,                             \
                                            .identity = TASKER_IDENTITY_KEY, .identity_key = T(w->name)),              \
                                      OUT))                                                                            \
    X(task_update, tasker_task_update(db, FLOW(w), INPUT(task, .reason = T(w->name), .tags = some_json), OUT))         \
    X(task_patch, tasker_task_patch_json(db, FLOW(w), &(tasker_task_patch){.merge_context = some_json}, OUT))          \
    X(task_delay, tasker_task_delay(db, FLOW(w), (tasker_time){0}))                                                    \
    X(space_pause, tasker_task_namespace_set_paused(db, &w->task_namespace_uuid, false))                               \
    X(kind_pause, tasker_named_task_set_paused(db, &w->named_task_uuid, false))                                        \
    X(step_create,                                                                                                     \
      tasker_workflow_step_create(db,                                                                                  \
                                  INPUT(workflow_step, .workflow_step_uuid = w->key, .task_uuid = w->flow.task_uuid,   \
                                        .named_step_uuid = w->named_step_uuid),                                        \
                                  OUT))                                                                                \
    X(step_update, tasker_workflow_step_update(db, STEPS(w), INPUT(workflow_step, TASKER_SET(priority, 3)), OUT))      \
    X(edge_create, tasker_workflow_step_edge_create(db,                                                                \
                                                    INPUT(workflow_step_edge, .workflow_step_edge_uuid = w->key,       \
                                                          .from_step_uuid = STEPS(w)[0], .to_step_uuid = STEPS(w)[2]), \
                                                    OUT))                                                              \
    X(edge_delete, tasker_workflow_step_edge_delete_between(db, STEPS(w), STEPS(w) + 1, &number))                      \
    X(task_apply, tasker_task_apply(db, FLOW(w), 1, TASKER_EVENT_CANCEL, NULL, w->outcomes))                           \
    X(step_apply, tasker_workflow_step_apply(db, STEPS(w), 3, TASKER_EVENT_CANCEL, NULL, w->outcomes))                 \
    X(lease_take, tasker_lease_take_steps(db, STEPS(w), 1, &worker, w->outcomes, OUT))                                 \
    X(task_finalize, tasker_task_finalize(db, FLOW(w), 1, NULL, w->outcomes))                                          \
    X(task_prune, tasker_task_transition_prune(db, FLOW(w), 1, &number))                                               \
    X(step_prune, tasker_workflow_step_transition_prune(db, STEPS(w), 1, &number))                                     \
    X(queue_send, send_two(db, w))                                                                                     \
    X(queue_read, tasker_queue_read(db, QUEUE, 0, 1, OUT))                                                             \
    X(queue_pop, tasker_queue_pop(db, QUEUE, 1, OUT))                                                                  \
    X(queue_delete, tasker_queue_delete(db, QUEUE, &(int64_t){-1}, 1, &truth))                                         \
    X(queue_purge, tasker_queue_purge(db, QUEUE, &number))                                                             \
    X(workflow_delete, tasker_workflow_delete(db, FLOW(w)))

#define CALL(name, call)                                                                                               \
    static tasker_status call_##name(tasker_db *db, world *w)                                                          \
    {                                                                                                                  \
        (void)w;                                                                                                       \
        return call;                                                                                                   \
    }
READS(CALL)
WRITES(CALL)

#define READER(name, call) {#name, call_##name, .writes = false},
#define WRITER(name, call) {#name, call_##name, .writes = true},
const victim fault_readers[] = {READS(READER){"stream", stream, .writes = false}};
const victim fault_writers[] = {WRITES(WRITER){"define", define, .writes = true},
                                {"workflow_create", create_workflow, .writes = true},
                                {"workflow_create_many", create_workflows, .writes = true},
                                {"lease_complete", complete, .writes = true, .leases = true},
                                {"lease_fail", fail_it, .writes = true, .leases = true},
                                {"lease_extend", extend, .writes = true, .leases = true},
                                {"lease_release", release, .writes = true, .leases = true},
                                {"lease_take_any", take_any, .writes = true},
                                {"lease_take_ready", take_ready, .writes = true},
                                {"sweep", sweep, .writes = true, .leases = true, .late = true, .aside = true},
                                {"result_apply", apply_result, .writes = true, .result = true, .aside = true},
                                {"commit", commit, .writes = true},
                                {"queue_create", create_queue, .writes = true},
                                {"savepoints", savepoints, .writes = true},
                                {"pipeline", queue, .writes = true, .aside = true}};
const size_t fault_reader_count = COUNT(fault_readers);
const size_t fault_writer_count = COUNT(fault_writers);
