/* SPDX-License-Identifier: MIT */
/*
 * Every struct that callers fill, in every function that takes it: a reserved word that is set, no struct at all, no
 * handle. A new one is one line of a table.
 */
#include "hostile_test.h"
#include <tasker/dag.h>
#include <tasker/report.h>

#define NO(row) (&(const row *){NULL}) /* an out, of a call that answers nothing */

static const tasker_uuid a_key = {{1}};
static const tasker_lease a_lease = {.workflow_step_uuid = {{1}}, .token = {{{1}}}};
static const tasker_step_definition a_step = {.name = TASKER_TEXT("a")};
static const tasker_step_definition steps[] = {{.name = TASKER_TEXT("a")}, {.name = TASKER_TEXT("b")}};
static const tasker_definition a_definition = {.name = TASKER_TEXT("d"), .steps = &a_step, .step_count = 1};

/* What NULL in place of the struct means. */
typedef enum when_null { NULL_IS_REFUSED, NULL_IS_FINE } when_null;

typedef struct taker {
    const char *name;
    tasker_status (*call)(tasker_db *db, void *given);
    const void *good; /* refused for nothing but what the test does to it */
    size_t size, reserved, words;
    when_null null;
} taker;

/* The type, what is good, the call with db and it; some bodies make several structs of one. */
#define INPUTS(X)                                                                                                      \
    X(space_create, tasker_task_namespace_input, {.name = TASKER_TEXT("x")},                                           \
      tasker_task_namespace_create(db, it, NO(tasker_task_namespace)))                                                 \
    X(space_find_or_create, tasker_task_namespace_input, {.name = TASKER_TEXT("x")},                                   \
      tasker_task_namespace_find_or_create(db, it, NO(tasker_task_namespace)))                                         \
    X(space_create_many, tasker_task_namespace_input, {.name = TASKER_TEXT("x")},                                      \
      tasker_task_namespace_create_many(db, it, 1, NO(tasker_task_namespaces)))                                        \
    X(space_update, tasker_task_namespace_input, {.name = TASKER_TEXT("x")},                                           \
      tasker_task_namespace_update(db, &a_key, it, NO(tasker_task_namespace)))                                         \
    X(system_create, tasker_dependent_system_input, {.name = TASKER_TEXT("x")},                                        \
      tasker_dependent_system_create(db, it, NO(tasker_dependent_system)))                                             \
    X(system_find_or_create, tasker_dependent_system_input, {.name = TASKER_TEXT("x")},                                \
      tasker_dependent_system_find_or_create(db, it, NO(tasker_dependent_system)))                                     \
    X(system_create_many, tasker_dependent_system_input, {.name = TASKER_TEXT("x")},                                   \
      tasker_dependent_system_create_many(db, it, 1, NO(tasker_dependent_systems)))                                    \
    X(system_update, tasker_dependent_system_input, {.name = TASKER_TEXT("x")},                                        \
      tasker_dependent_system_update(db, &a_key, it, NO(tasker_dependent_system)))                                     \
    X(map_create, tasker_dependent_system_object_map_input, {.remote_id_one = TASKER_TEXT("x")},                       \
      tasker_dependent_system_object_map_create(db, it, NO(tasker_dependent_system_object_map)))                       \
    X(map_find_or_create, tasker_dependent_system_object_map_input, {.remote_id_one = TASKER_TEXT("x")},               \
      tasker_dependent_system_object_map_find_or_create(db, it, NO(tasker_dependent_system_object_map)))               \
    X(map_update, tasker_dependent_system_object_map_input, {.remote_id_one = TASKER_TEXT("x")},                       \
      tasker_dependent_system_object_map_update(db, 1, it, NO(tasker_dependent_system_object_map)))                    \
    X(kind_create, tasker_named_task_input, {.name = TASKER_TEXT("x")},                                                \
      tasker_named_task_create(db, it, NO(tasker_named_task)))                                                         \
    X(kind_find_or_create, tasker_named_task_input, {.name = TASKER_TEXT("x")},                                        \
      tasker_named_task_find_or_create(db, it, NO(tasker_named_task)))                                                 \
    X(kind_update, tasker_named_task_input, {.name = TASKER_TEXT("x")},                                                \
      tasker_named_task_update(db, &a_key, it, NO(tasker_named_task)))                                                 \
    X(named_step_create, tasker_named_step_input, {.name = TASKER_TEXT("x")},                                          \
      tasker_named_step_create(db, it, NO(tasker_named_step)))                                                         \
    X(named_step_find_or_create, tasker_named_step_input, {.name = TASKER_TEXT("x")},                                  \
      tasker_named_step_find_or_create(db, it, NO(tasker_named_step)))                                                 \
    X(named_step_create_many, tasker_named_step_input, {.name = TASKER_TEXT("x")},                                     \
      tasker_named_step_create_many(db, it, 1, NO(tasker_named_steps)))                                                \
    X(named_step_update, tasker_named_step_input, {.name = TASKER_TEXT("x")},                                          \
      tasker_named_step_update(db, &a_key, it, NO(tasker_named_step)))                                                 \
    X(setting_create, tasker_named_tasks_named_step_input, {.skippable = true},                                        \
      tasker_named_tasks_named_step_create(db, it, NO(tasker_named_tasks_named_step)))                                 \
    X(setting_find_or_create, tasker_named_tasks_named_step_input, {.skippable = true},                                \
      tasker_named_tasks_named_step_find_or_create(db, it, NO(tasker_named_tasks_named_step)))                         \
    X(setting_update, tasker_named_tasks_named_step_input, {.skippable = true},                                        \
      tasker_named_tasks_named_step_update(db, &a_key, it, NO(tasker_named_tasks_named_step)))                         \
    X(type_create, tasker_annotation_type_input, {.name = TASKER_TEXT("x")},                                           \
      tasker_annotation_type_create(db, it, NO(tasker_annotation_type)))                                               \
    X(type_find_or_create, tasker_annotation_type_input, {.name = TASKER_TEXT("x")},                                   \
      tasker_annotation_type_find_or_create(db, it, NO(tasker_annotation_type)))                                       \
    X(type_update, tasker_annotation_type_input, {.name = TASKER_TEXT("x")},                                           \
      tasker_annotation_type_update(db, 1, it, NO(tasker_annotation_type)))                                            \
    X(note_create, tasker_task_annotation_input, {.annotation_type_id = 1},                                            \
      tasker_task_annotation_create(db, it, NO(tasker_task_annotation)))                                               \
    X(note_create_many, tasker_task_annotation_input, {.annotation_type_id = 1},                                       \
      tasker_task_annotation_create_many(db, it, 1, NO(tasker_task_annotations)))                                      \
    X(note_update, tasker_task_annotation_input, {.annotation = TASKER_JSON("1")},                                     \
      tasker_task_annotation_update(db, 1, it, NO(tasker_task_annotation)))                                            \
    X(task_create, tasker_task_input, {.name = TASKER_TEXT("x")}, tasker_task_create(db, it, NO(tasker_task)))         \
    X(task_update, tasker_task_input, {.reason = TASKER_TEXT("x")},                                                    \
      tasker_task_update(db, &a_key, it, NO(tasker_task)))                                                             \
    X(task_patch, tasker_task_patch, {.merge_context = TASKER_JSON("{}")},                                             \
      tasker_task_patch_json(db, &a_key, it, NO(tasker_task)))                                                         \
    X(step_create, tasker_workflow_step_input, {.task_uuid = {{1}}},                                                   \
      tasker_workflow_step_create(db, it, NO(tasker_workflow_step)))                                                   \
    X(step_update, tasker_workflow_step_input, {.has_priority = true},                                                 \
      tasker_workflow_step_update(db, &a_key, it, NO(tasker_workflow_step)))                                           \
    X(edge_create, tasker_workflow_step_edge_input, {.from_step_uuid = {{1}}},                                         \
      tasker_workflow_step_edge_create(db, it, NO(tasker_workflow_step_edge)))                                         \
    X(edge_find_or_create, tasker_workflow_step_edge_input, {.from_step_uuid = {{1}}},                                 \
      tasker_workflow_step_edge_find_or_create(db, it, NO(tasker_workflow_step_edge)))                                 \
    X(define, tasker_definition, {.name = TASKER_TEXT("d")},                                                           \
      tasker_definition_register(db, it, NO(tasker_named_task)))                                                       \
    X(workflow_create, tasker_workflow_input, {.definition = &a_definition},                                           \
      tasker_workflow_create(db, it, NO(tasker_workflow_ids)))                                                         \
    X(complete, tasker_completion, {.lease = &a_lease}, tasker_lease_complete(db, it, 1, NULL))                        \
    X(fail_lease_of, tasker_failure, {.lease = &a_lease}, tasker_lease_fail(db, it, 1, NULL))                          \
    X(take, tasker_lease_options, {.worker = TASKER_TEXT("w")},                                                        \
      tasker_lease_take_steps(db, &a_key, 1, it, NULL, NO(tasker_leases)))                                             \
    X(nodes, tasker_step_node_filter, {.task_uuid = &a_key},                                                           \
      tasker_step_node_query(db, it, NULL, NO(tasker_step_nodes)))                                                     \
    X(readiness, tasker_step_readiness_filter, {.task_uuids = &a_key},                                                 \
      tasker_step_readiness_query(db, it, NO(tasker_step_readiness_list)))

/* Structs inside of structs, and those that need not be given. */
#define INNER(X)                                                                                                       \
    X(define_step, tasker_step_definition, {.name = TASKER_TEXT("a")}, define_with(db, it, NULL))                      \
    X(define_edge, tasker_edge_definition, {.to = 1}, define_with(db, NULL, it))                                       \
    X(workflow_task, tasker_task_input, {.reason = TASKER_TEXT("r")}, create_with(db, it, NULL))                       \
    X(workflow_override, tasker_step_definition, {.name = TASKER_TEXT("a")}, create_with(db, NULL, it))
#define OPTIONS(X)                                                                                                     \
    X(task_change, tasker_change, {.actor = TASKER_TEXT("a")},                                                         \
      tasker_task_apply(db, &a_key, 1, TASKER_EVENT_START, it, NULL))                                                  \
    X(step_change, tasker_change, {.actor = TASKER_TEXT("a")},                                                         \
      tasker_workflow_step_apply(db, &a_key, 1, TASKER_EVENT_START, it, NULL))                                         \
    X(task_outcome, tasker_outcome, {.moved = 1}, tasker_task_apply(db, &a_key, 1, TASKER_EVENT_START, NULL, it))      \
    X(step_outcome, tasker_outcome, {.moved = 1},                                                                      \
      tasker_workflow_step_apply(db, &a_key, 1, TASKER_EVENT_START, NULL, it))                                         \
    X(finalize_outcome, tasker_outcome, {.moved = 1}, tasker_task_finalize(db, &a_key, 1, NULL, it))                   \
    X(finalize_options, tasker_finalize_options, {.fail_fast = true}, tasker_task_finalize(db, &a_key, 1, it, NULL))   \
    X(take_outcome, tasker_outcome, {.moved = 1}, take_with(db, it))                                                   \
    X(complete_outcome, tasker_outcome, {.moved = 1},                                                                  \
      tasker_lease_complete(db, &(tasker_completion){.lease = &a_lease}, 1, it))                                       \
    X(fail_outcome, tasker_outcome, {.moved = 1}, tasker_lease_fail(db, &(tasker_failure){.lease = &a_lease}, 1, it))  \
    X(ancestors, tasker_step_relative_options, {.completed = true},                                                    \
      list_and_free(tasker_step_relative_list_ancestors(db, &a_key, it, &relatives)))                                  \
    X(descendants, tasker_step_relative_options, {.completed = true},                                                  \
      list_and_free(tasker_step_relative_list_descendants(db, &a_key, it, &relatives)))                                \
    X(slow_steps, tasker_slow_filter, {.limit = 1}, tasker_slow_step_list(db, it, NULL))                               \
    X(slow_tasks, tasker_slow_filter, {.limit = 1}, tasker_slow_task_list(db, it, NULL))                               \
    X(pipeline, tasker_pipeline_options, {.reserved = {0}}, open_pipeline(db, it))                                     \
    X(node_page, tasker_page, {.limit = 1},                                                                            \
      tasker_step_node_query(db, &(tasker_step_node_filter){.task_uuid = &a_key}, it, NULL))                           \
    X(task_details_page, tasker_page, {.limit = 1}, tasker_task_query_details(db, NULL, it, NULL))                     \
    X(step_details_page, tasker_page, {.limit = 1}, tasker_workflow_step_query_details(db, NULL, it, NULL))            \
    X(task_details, tasker_task_filter, {.active = true}, tasker_task_query_details(db, it, NULL, NULL))               \
    X(step_details, tasker_workflow_step_filter, {.has_results = true},                                                \
      tasker_workflow_step_query_details(db, it, NULL, NULL))
#define QUERIED(X, e)                                                                                                  \
    X(e##_query, tasker_##e##_filter, {.reserved = {0}}, tasker_##e##_query(db, it, NULL, NULL))                       \
    X(e##_count, tasker_##e##_filter, {.reserved = {0}}, tasker_##e##_count(db, it, &(int64_t){0}))                    \
    X(e##_exists, tasker_##e##_filter, {.reserved = {0}}, tasker_##e##_exists(db, it, &(bool){false}))                 \
    X(e##_page, tasker_page, {.limit = 1}, tasker_##e##_query(db, NULL, it, NULL))
#define WITH_STREAM(X, e)                                                                                              \
    X(e##_stream, tasker_##e##_filter, {.reserved = {0}}, close_after(tasker_##e##_stream(db, it, NULL, &opened)))     \
    X(e##_cursor, tasker_cursor_options, {.batch = 1}, close_after(tasker_##e##_stream(db, NULL, it, &opened)))
#define ENTITIES(X)                                                                                                    \
    QUERIED(X, task_namespace)                                                                                         \
    QUERIED(X, dependent_system)                                                                                       \
    QUERIED(X, dependent_system_object_map)                                                                            \
    QUERIED(X, named_task)                                                                                             \
    QUERIED(X, named_step)                                                                                             \
    QUERIED(X, named_tasks_named_step)                                                                                 \
    QUERIED(X, annotation_type)                                                                                        \
    QUERIED(X, task_annotation)                                                                                        \
    QUERIED(X, task)                                                                                                   \
    QUERIED(X, workflow_step)                                                                                          \
    QUERIED(X, workflow_step_edge)                                                                                     \
    QUERIED(X, task_transition)                                                                                        \
    QUERIED(X, workflow_step_transition)                                                                               \
    WITH_STREAM(X, named_step)                                                                                         \
    WITH_STREAM(X, task_annotation)                                                                                    \
    WITH_STREAM(X, task)                                                                                               \
    WITH_STREAM(X, workflow_step)                                                                                      \
    WITH_STREAM(X, workflow_step_edge)                                                                                 \
    WITH_STREAM(X, task_transition)                                                                                    \
    WITH_STREAM(X, workflow_step_transition)

/* ---- what the tables use ---- */

static tasker_cursor *opened;
static const tasker_step_relatives *relatives;

static tasker_status close_after(tasker_status status)
{
    tasker_cursor_close(opened);
    opened = NULL;
    return status;
}

static tasker_status list_and_free(tasker_status status)
{
    tasker_free(relatives);
    relatives = NULL;
    return status;
}

static tasker_status define_with(tasker_db *db, const tasker_step_definition *step, const tasker_edge_definition *edge)
{
    tasker_definition d = {.name = TASKER_TEXT("d"), .steps = step != NULL ? step : steps, .edges = edge};
    d.step_count = step != NULL ? 1 : 2;
    d.edge_count = edge != NULL;
    return tasker_definition_register(db, &d, NO(tasker_named_task));
}

static tasker_status create_with(tasker_db *db, const tasker_task_input *task, const tasker_step_definition *override)
{
    tasker_workflow_input input = {
        .definition = &a_definition, .overrides = override, .override_count = override != NULL};
    if (task != NULL)
        input.task = *task;
    return tasker_workflow_create(db, &input, NO(tasker_workflow_ids));
}

static tasker_status take_with(tasker_db *db, tasker_outcome *outcome)
{
    const tasker_lease_options options = {.worker = TASKER_TEXT("w")};
    const tasker_leases *leases = NULL;
    tasker_status status = tasker_lease_take_steps(db, &a_key, 1, &options, outcome, &leases);
    tasker_free(leases);
    return status;
}

static tasker_status open_pipeline(tasker_db *db, const tasker_pipeline_options *options)
{
    tasker_pipeline *pipeline = NULL;
    tasker_status status = tasker_pipeline_open(db, options, &pipeline);
    tasker_pipeline_close(pipeline);
    return status;
}

/* ---- the tables ---- */

#define CALL(id, type, init, ...)                                                                                      \
    static const type id##_good = init;                                                                                \
    static tasker_status id##_call(tasker_db *db, void *given)                                                         \
    {                                                                                                                  \
        type *it = given;                                                                                              \
        return __VA_ARGS__;                                                                                            \
    }
#define LINE(id, type, null)                                                                                           \
    {#id, id##_call, &id##_good, sizeof(type), offsetof(type, reserved), sizeof(id##_good.reserved) / 8, null},
#define REQUIRED(id, type, ...) LINE(id, type, NULL_IS_REFUSED)
#define OPTIONAL(id, type, ...) LINE(id, type, NULL_IS_FINE)

INPUTS(CALL)
INNER(CALL)
OPTIONS(CALL)
ENTITIES(CALL)

static const taker required[] = {INPUTS(REQUIRED)};
static const taker inner[] = {INNER(REQUIRED)};
static const taker optional[] = {OPTIONS(OPTIONAL) ENTITIES(OPTIONAL)};

/* ---- the tests ---- */

static void refuse_words(stage *s, const taker *t)
{
    _Alignas(max_align_t) unsigned char given[1024];
    assert_true(t->size <= sizeof given && t->words > 0 && t->reserved + 8 * t->words == t->size);
    for (size_t i = 0; i < t->words; i++)
        for (int bit = 0; bit < 64; bit += 63) {
            uint64_t word = UINT64_C(1) << bit;
            memcpy(given, t->good, t->size);
            memcpy(given + t->reserved + 8 * i, &word, sizeof word);
            assert_refused(s, t->call(s->db, given), TASKER_UNSUPPORTED, "%s word %zu bit %d", t->name, i, bit);
        }
}

#define EACH(table)                                                                                                    \
    for (size_t i = 0; i < COUNT(table); i++)                                                                          \
    REFUSALS(s) refuse_words(s, &(table)[i])

static void test_reserved_words(void **state)
{
    stage *s = stage_of(state);
    EACH(required);
    EACH(inner);
    EACH(optional);
}

static void test_no_struct(void **state)
{
    stage *s = stage_of(state);
    REFUSALS(s)
    for (size_t i = 0; i < COUNT(required); i++)
        assert_refused(s, required[i].call(s->db, NULL), TASKER_INVALID_ARGUMENT, "%s", required[i].name);
    for (size_t i = 0; i < COUNT(optional); i++) {
        tasker_status status = optional[i].call(s->db, NULL);
        if (!tasker_status_is_done(status) && status != TASKER_NOT_FOUND)
            print_error("%s: %s: %s\n", optional[i].name, tasker_status_name(status), tasker_db_error(s->db)->message);
        assert_true(tasker_status_is_done(status) || status == TASKER_NOT_FOUND);
    }
}

static void no_handle(const taker *takers, size_t count)
{
    _Alignas(max_align_t) unsigned char given[1024];
    for (size_t i = 0; i < count; i++) {
        memcpy(given, takers[i].good, takers[i].size);
        tasker_status status = takers[i].call(NULL, given);
        if (status != TASKER_INVALID_ARGUMENT)
            print_error("%s without a handle: %s\n", takers[i].name, tasker_status_name(status));
        assert_int_equal(status, TASKER_INVALID_ARGUMENT);
    }
}

static void test_no_handle(void **state)
{
    (void)state;
    no_handle(required, COUNT(required));
    no_handle(inner, COUNT(inner));
    no_handle(optional, COUNT(optional));
}

/* Values go to the caller's memory, which must be there; rows need not be asked for. */
#define VALUES(X)                                                                                                      \
    X(task_namespace)                                                                                                  \
    X(dependent_system) X(dependent_system_object_map) X(named_task) X(named_step) X(named_tasks_named_step)           \
        X(annotation_type) X(task_annotation) X(task) X(workflow_step) X(workflow_step_edge) X(task_transition)        \
            X(workflow_step_transition)
#define NO_OUT(...) assert_refused(s, __VA_ARGS__, TASKER_INVALID_ARGUMENT, "%s", #__VA_ARGS__);
#define NO_VALUE(e) NO_OUT(tasker_##e##_count(s->db, NULL, NULL)) NO_OUT(tasker_##e##_exists(s->db, NULL, NULL))

static void test_no_out(void **state)
{
    stage *s = stage_of(state);
    const tasker_uuid *task = &s->flow.task_uuid, *step = &s->flow.steps[0];
    const tasker_text name = TASKER_TEXT("a");
    REFUSALS(s)
    {
        VALUES(NO_VALUE)
        NO_OUT(tasker_task_get_states(s->db, task, 1, NULL))
        NO_OUT(tasker_workflow_step_get_states(s->db, step, 1, NULL))
        NO_OUT(tasker_named_step_resolve(s->db, name, &name, 1, true, NULL))
        NO_OUT(tasker_workflow_step_edge_would_cycle(s->db, step, step + 1, NULL))
        NO_OUT(tasker_health_get(s->db, NULL))
        NO_OUT(tasker_metrics_get(s->db, NULL, NULL))
        NO_OUT(tasker_transition_statistics_get_for_tasks(s->db, NULL, NULL))
        NO_OUT(tasker_transition_statistics_get_for_steps(s->db, NULL, NULL))
        NO_OUT(tasker_task_stream(s->db, NULL, NULL, NULL))
        assert_status(s->db, tasker_task_get(s->db, task, NULL), TASKER_OK);
        assert_status(s->db, tasker_workflow_load(s->db, task, NULL), TASKER_OK);
        assert_status(s->db, tasker_task_query(s->db, NULL, NULL, NULL), TASKER_OK);
        assert_status(s->db, tasker_step_node_list_critical_path(s->db, task, NULL), TASKER_OK);
    }
}

/* What opens and installs has no handle yet, or needs one outside of transactions. */
static void test_handles(void **state)
{
    stage *s = stage_of(state);
    tasker_error error;
    for (size_t i = 0; i < 4; i++) {
        tasker_db *db = (tasker_db *)(uintptr_t)s;
        tasker_db_options options = {.limits = {.rows = 5}}, limited = options;
        tasker_schema_options schema = {.reserved = {0}};
        tasker_transaction_options transaction = {.reserved = {i % 2 == 0, i % 2 == 1}};
        options.reserved[i % 3] = 1;
        limited.limits.reserved[i] = 1;
        schema.reserved[i] = 1;
        assert_int_equal(tasker_db_open(T(s->f->conninfo), &options, &error, &db), TASKER_UNSUPPORTED);
        assert_null(db);
        assert_int_equal(tasker_db_open(T(s->f->conninfo), &limited, &error, &db), TASKER_UNSUPPORTED);
        assert_int_equal(tasker_db_wrap(s->conn, &options, &error, &db), TASKER_UNSUPPORTED);
        assert_int_equal(tasker_definition_check(&a_definition, &limited.limits, &error), TASKER_UNSUPPORTED);
        assert_status(s->db, tasker_schema_install(s->db, &schema), TASKER_UNSUPPORTED);
        assert_status(s->db, tasker_db_begin(s->db, &transaction), TASKER_UNSUPPORTED);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reserved_words), cmocka_unit_test(test_no_struct), cmocka_unit_test(test_no_handle),
        cmocka_unit_test(test_no_out),         cmocka_unit_test(test_handles),
    };
    return db_test_run(tests);
}
