/* SPDX-License-Identifier: MIT */
/*
 * Keys: nil, of version 4, the largest, of another table, missing; numbers that no row has; references to nothing. Each
 * is answered with NOT_FOUND or an empty list, and nothing changes. A new parameter is one line of a table.
 */
#include "hostile_test.h"
#include <tasker/dag.h>

/* found: rows that came, or things that are said to be there; *out of a failed call stays as it was. */
typedef struct asker {
    const char *name;
    tasker_status (*ask)(tasker_db *db, const tasker_uuid *key, int64_t *found);
    tasker_status unknown;
    bool optional; /* NULL is no condition */
} asker;

typedef struct any_list {
    size_t count;
} any_list;

static tasker_status take_list(tasker_status status, const void *list, int64_t *found)
{
    *found = list != NULL ? (int64_t)((const any_list *)list)->count : 0;
    tasker_free(list);
    return status;
}

static tasker_status take_row(tasker_status status, const void *row, int64_t *found)
{
    *found = row != NULL;
    tasker_free(row);
    return status;
}

/* A row that must not come: out begins as something else than NULL. */
#define ROW(id, row, ...)                                                                                              \
    static tasker_status id(tasker_db *db, const tasker_uuid *key, int64_t *found)                                     \
    {                                                                                                                  \
        const row *out = (const void *)found;                                                                          \
        tasker_status status = __VA_ARGS__;                                                                            \
        return take_row(status, out, found);                                                                           \
    }
#define LIST(id, rows, ...)                                                                                            \
    static tasker_status id(tasker_db *db, const tasker_uuid *key, int64_t *found)                                     \
    {                                                                                                                  \
        const rows *out = (const void *)found;                                                                         \
        tasker_status status = __VA_ARGS__;                                                                            \
        return take_list(status, out, found);                                                                          \
    }
#define PLAIN(id, ...)                                                                                                 \
    static tasker_status id(tasker_db *db, const tasker_uuid *key, int64_t *found)                                     \
    {                                                                                                                  \
        *found = 0;                                                                                                    \
        return __VA_ARGS__;                                                                                            \
    }

/* Entities with uuids: get, update, delete. */
#define KEYED(X)                                                                                                       \
    X(task_namespace)                                                                                                  \
    X(dependent_system)                                                                                                \
    X(named_task)                                                                                                      \
    X(named_step)                                                                                                      \
    X(named_tasks_named_step)                                                                                          \
    X(task)                                                                                                            \
    X(workflow_step)
#define VERBS(e)                                                                                                       \
    ROW(e##_get, tasker_##e, tasker_##e##_get(db, key, &out))                                                          \
    ROW(e##_update, tasker_##e, tasker_##e##_update(db, key, &(tasker_##e##_input){.reserved = {0}}, &out))            \
    PLAIN(e##_delete, tasker_##e##_delete(db, key))
#define OF_VERBS(e)                                                                                                    \
    {#e "_get", e##_get, TASKER_NOT_FOUND, false}, {#e "_update", e##_update, TASKER_NOT_FOUND, false},                \
        {#e "_delete", e##_delete, TASKER_NOT_FOUND, false},

/* entity, member, the condition by key */
#define FILTERS(X)                                                                                                     \
    X(named_task, task_namespace_uuid, .task_namespace_uuid = key)                                                     \
    X(named_step, dependent_system_uuid, .dependent_system_uuid = key)                                                 \
    X(named_step, named_step_uuids, .named_step_uuids = key, .named_step_uuid_count = 1)                               \
    X(dependent_system_object_map, dependent_system_one_uuid, .dependent_system_one_uuid = key)                        \
    X(dependent_system_object_map, dependent_system_two_uuid, .dependent_system_two_uuid = key)                        \
    X(dependent_system_object_map, either_system, .either_system = key)                                                \
    X(named_tasks_named_step, named_task_uuid, .named_task_uuid = key)                                                 \
    X(named_tasks_named_step, named_step_uuid, .named_step_uuid = key)                                                 \
    X(task_annotation, task_uuid, .task_uuid = key)                                                                    \
    X(task, task_uuids, .task_uuids = key, .task_uuid_count = 1)                                                       \
    X(task, named_task_uuids, .named_task_uuids = key, .named_task_uuid_count = 1)                                     \
    X(workflow_step, workflow_step_uuids, .workflow_step_uuids = key, .workflow_step_uuid_count = 1)                   \
    X(workflow_step, task_uuids, .task_uuids = key, .task_uuid_count = 1)                                              \
    X(workflow_step, named_step_uuids, .named_step_uuids = key, .named_step_uuid_count = 1)                            \
    X(workflow_step, parents_of, .parents_of = key)                                                                    \
    X(workflow_step, children_of, .children_of = key)                                                                  \
    X(workflow_step_edge, task_uuid, .task_uuid = key)                                                                 \
    X(workflow_step_edge, from_step_uuid, .from_step_uuid = key)                                                       \
    X(workflow_step_edge, to_step_uuid, .to_step_uuid = key)                                                           \
    X(workflow_step_edge, to_children_of, .to_children_of = key)                                                       \
    X(workflow_step_edge, siblings_of, .siblings_of = key)                                                             \
    X(task_transition, task_uuids, .task_uuids = key, .task_uuid_count = 1)                                            \
    X(workflow_step_transition, workflow_step_uuids, .workflow_step_uuids = key, .workflow_step_uuid_count = 1)        \
    X(workflow_step_transition, task_uuids, .task_uuids = key, .task_uuid_count = 1)
#define FILTER(e, member, ...)                                                                                         \
    LIST(e##_by_##member, tasker_##e##s,                                                                               \
         tasker_##e##_query(db, &(tasker_##e##_filter){__VA_ARGS__}, &(tasker_page){.limit = 1000}, &out))
#define OF_FILTER(e, member, ...) {#e " by " #member, e##_by_##member, TASKER_OK, true},

static const tasker_lease_options worker = {.worker = TASKER_TEXT("w")};
static const tasker_text a_name = TASKER_TEXT("a");

#define STATE(id, call)                                                                                                \
    static tasker_status id(tasker_db *db, const tasker_uuid *key, int64_t *found)                                     \
    {                                                                                                                  \
        tasker_state state = TASKER_STATE_NONE;                                                                        \
        tasker_status status = call(db, key, 1, &state);                                                               \
        *found = state;                                                                                                \
        return status;                                                                                                 \
    }
#define LEASE_OF(key)                                                                                                  \
    &(tasker_lease)                                                                                                    \
    {                                                                                                                  \
        .workflow_step_uuid = (key) != NULL ? *(key) : NIL, .token = { NIL }                                           \
    }

KEYED(VERBS)
FILTERS(FILTER)
STATE(task_get_states, tasker_task_get_states)
STATE(step_get_states, tasker_workflow_step_get_states)
ROW(edge_get, tasker_workflow_step_edge, tasker_workflow_step_edge_get(db, key, &out))
PLAIN(edge_delete, tasker_workflow_step_edge_delete(db, key))
ROW(task_transition_get, tasker_task_transition, tasker_task_transition_get(db, key, &out))
ROW(step_transition_get, tasker_workflow_step_transition, tasker_workflow_step_transition_get(db, key, &out))
PLAIN(task_replace, tasker_task_transition_replace_metadata(db, key, tasker_json_of("{}")))
PLAIN(step_replace, tasker_workflow_step_transition_replace_metadata(db, key, tasker_json_of("{}")))
ROW(task_patch, tasker_task, tasker_task_patch_json(db, key, &(tasker_task_patch){.reserved = {0}}, &out))
ROW(workflow_load, tasker_workflow, tasker_workflow_load(db, key, &out))
PLAIN(workflow_delete, tasker_workflow_delete(db, key))
ROW(context_get, tasker_execution_context, tasker_execution_context_get(db, key, &out))
ROW(find_step, tasker_workflow_step, tasker_workflow_step_find_by_name(db, key, a_name, &out))
LIST(critical_path, tasker_step_nodes, tasker_step_node_list_critical_path(db, key, &out))
LIST(ancestors, tasker_step_relatives, tasker_step_relative_list_ancestors(db, key, NULL, &out))
LIST(descendants, tasker_step_relatives, tasker_step_relative_list_descendants(db, key, NULL, &out))
LIST(task_nodes, tasker_step_nodes,
     tasker_step_node_query(db, &(tasker_step_node_filter){.task_uuid = key}, NULL, &out))
LIST(step_nodes, tasker_step_nodes,
     tasker_step_node_query(db, &(tasker_step_node_filter){.workflow_step_uuid = key}, NULL, &out))
LIST(task_readiness, tasker_step_readiness_list,
     tasker_step_readiness_query(db, &(tasker_step_readiness_filter){.task_uuids = key, .task_uuid_count = 1}, &out))
LIST(step_readiness, tasker_step_readiness_list,
     tasker_step_readiness_query(
         db, &(tasker_step_readiness_filter){.workflow_step_uuids = key, .workflow_step_uuid_count = 1}, &out))
PLAIN(task_apply, tasker_task_apply(db, key, 1, TASKER_EVENT_CANCEL, NULL, NULL))
PLAIN(step_apply, tasker_workflow_step_apply(db, key, 1, TASKER_EVENT_CANCEL, NULL, NULL))
PLAIN(finalize, tasker_task_finalize(db, key, 1, NULL, NULL))
LIST(take, tasker_leases, tasker_lease_take_steps(db, key, 1, &worker, NULL, &out))
PLAIN(complete, tasker_lease_complete(db, &(tasker_completion){.lease = LEASE_OF(key)}, 1, NULL))
PLAIN(fail_step, tasker_lease_fail(db, &(tasker_failure){.lease = LEASE_OF(key)}, 1, NULL))
PLAIN(delete_between, tasker_workflow_step_edge_delete_between(db, key, key, found))
PLAIN(delete_notes, tasker_task_annotation_delete_for_task(db, key, found))
PLAIN(prune_task, tasker_task_transition_prune(db, key, 1, found))
PLAIN(prune_step, tasker_workflow_step_transition_prune(db, key, 1, found))

static const asker askers[] = {
    KEYED(OF_VERBS) FILTERS(OF_FILTER){"task_get_states", task_get_states, TASKER_OK, false},
    {"step_get_states", step_get_states, TASKER_OK, false},
    {"edge_get", edge_get, TASKER_NOT_FOUND, false},
    {"edge_delete", edge_delete, TASKER_NOT_FOUND, false},
    {"task_transition_get", task_transition_get, TASKER_NOT_FOUND, false},
    {"step_transition_get", step_transition_get, TASKER_NOT_FOUND, false},
    {"task_replace", task_replace, TASKER_NOT_FOUND, false},
    {"step_replace", step_replace, TASKER_NOT_FOUND, false},
    {"task_patch", task_patch, TASKER_NOT_FOUND, false},
    {"workflow_load", workflow_load, TASKER_NOT_FOUND, false},
    {"workflow_delete", workflow_delete, TASKER_NOT_FOUND, false},
    {"context_get", context_get, TASKER_NOT_FOUND, false},
    {"find_step", find_step, TASKER_OK, false},
    {"critical_path", critical_path, TASKER_OK, false},
    {"ancestors", ancestors, TASKER_OK, false},
    {"descendants", descendants, TASKER_OK, false},
    {"task_nodes", task_nodes, TASKER_OK, false},
    {"step_nodes", step_nodes, TASKER_OK, false},
    {"task_readiness", task_readiness, TASKER_OK, false},
    {"step_readiness", step_readiness, TASKER_OK, false},
    {"task_apply", task_apply, TASKER_NOT_FOUND, false},
    {"step_apply", step_apply, TASKER_NOT_FOUND, false},
    {"finalize", finalize, TASKER_NOT_FOUND, false},
    {"take", take, TASKER_NOT_FOUND, false},
    {"complete", complete, TASKER_NOT_FOUND, false},
    {"fail_step", fail_step, TASKER_NOT_FOUND, false},
    {"delete_between", delete_between, TASKER_OK, false},
    {"delete_notes", delete_notes, TASKER_OK, false},
    {"prune_task", prune_task, TASKER_OK, false},
    {"prune_step", prune_step, TASKER_OK, false},
};

/* Every table has a row; that of the edge belongs to none of the functions above but its own. */
static tasker_uuid make_foreign(stage *s)
{
    static tasker_uuid key;
    if (tasker_uuid_is_nil(&key)) {
        tasker_uuid task = make_task(s->db);
        tasker_workflow_step_edge_input edge = {.workflow_step_edge_uuid = new_uuid()};
        edge.from_step_uuid = make_step(s->db, task);
        edge.to_step_uuid = make_step(s->db, task);
        assert_status(s->db, tasker_workflow_step_edge_create(s->db, &edge, NULL), TASKER_OK);
        key = edge.workflow_step_edge_uuid;
    }
    return key;
}

static bool is_of_edges(const asker *a)
{
    return strncmp(a->name, "edge_", 5) == 0;
}

static void test_unknown_keys(void **state)
{
    stage *s = stage_of(state);
    tasker_uuid keys[6] = {NIL, {{0}}, new_uuid(), {{0}}, make_foreign(s)};
    memset(keys[1].bytes, 0xFF, sizeof keys[1].bytes);
    assert_int_equal(tasker_uuid_parse(T("6ba7b810-9dad-41d1-80b4-00c04fd430c8"), NULL, &keys[3]), TASKER_OK);
    for (size_t k = 0; k < COUNT(askers); k++) {
        const asker *a = &askers[k];
        keys[5] = is_of_edges(a) ? s->flow.steps[0] : s->task_namespace_uuid;
        if (strncmp(a->name, "task_namespace", 14) == 0 || strstr(a->name, "by task_namespace") != NULL)
            keys[5] = s->flow.task_uuid;
        if (is_of_edges(a))
            keys[4] = s->flow.task_uuid;
        REFUSALS(s) for (size_t i = 0; i < COUNT(keys); i++)
        {
            int64_t found = 0;
            tasker_status status = a->ask(s->db, &keys[i], &found);
            if (status != a->unknown || found != 0 || tasker_db_error(s->db)->sqlstate[0] != '\0')
                print_error("%s %zu: %s, found %lld: %s\n", a->name, i, tasker_status_name(status), (long long)found,
                            tasker_db_error(s->db)->message);
            assert_true(status == a->unknown && found == 0 && tasker_db_error(s->db)->sqlstate[0] == '\0');
        }
        keys[4] = make_foreign(s);
    }
}

static void test_no_keys(void **state)
{
    stage *s = stage_of(state);
    int64_t found;
    REFUSALS(s) for (size_t k = 0; k < COUNT(askers); k++)
    {
        const asker *a = &askers[k];
        if (a->ask == complete || a->ask == fail_step) /* these have the key in a lease */
            continue;
        if (!a->optional || strstr(a->name, "uuids") != NULL) /* a count without keys */
            assert_refused(s, a->ask(s->db, NULL, &found), TASKER_INVALID_ARGUMENT, "%s", a->name);
        else
            assert_status(s->db, a->ask(s->db, NULL, &found), TASKER_OK);
    }
}

/* ---- numbers ---- */

static void test_unknown_numbers(void **state)
{
    stage *s = stage_of(state);
    static const int64_t numbers[] = {0, -1, INT32_MIN, INT32_MAX, INT64_MIN, INT64_MAX};
    static const tasker_annotation_type_input type = {.description = TASKER_TEXT("x")};
    static const tasker_dependent_system_object_map_input map = {.remote_id_one = TASKER_TEXT("x")};
    static const tasker_task_annotation_input note = {.annotation = TASKER_JSON("1")};
    tasker_db *db = s->db;
    REFUSALS(s) for (size_t i = 0; i < COUNT(numbers); i++)
    {
        int64_t n = numbers[i];
        int32_t small = n >= INT32_MIN && n <= INT32_MAX ? (int32_t)n : 0;
        const tasker_annotation_type *t = (const void *)s;
        const tasker_dependent_system_object_map *m = (const void *)s;
        const tasker_task_annotation *a = (const void *)s;
        assert_status(db, tasker_annotation_type_get(db, small, &t), TASKER_NOT_FOUND);
        assert_true(t == NULL);
        assert_status(db, tasker_annotation_type_update(db, small, &type, &t), TASKER_NOT_FOUND);
        assert_status(db, tasker_annotation_type_delete(db, small), TASKER_NOT_FOUND);
        assert_status(db, tasker_dependent_system_object_map_get(db, n, &m), TASKER_NOT_FOUND);
        assert_true(m == NULL);
        assert_status(db, tasker_dependent_system_object_map_update(db, n, &map, &m), TASKER_NOT_FOUND);
        assert_status(db, tasker_dependent_system_object_map_delete(db, n), TASKER_NOT_FOUND);
        assert_status(db, tasker_task_annotation_get(db, n, &a), TASKER_NOT_FOUND);
        assert_true(a == NULL);
        assert_status(db, tasker_task_annotation_update(db, n, &note, &a), TASKER_NOT_FOUND);
        assert_status(db, tasker_task_annotation_delete(db, n), TASKER_NOT_FOUND);
    }
}

/* ---- references: the server refuses what is not there, the library what is nil ---- */

typedef struct referrer {
    const char *name;
    tasker_status (*create)(stage *s, tasker_uuid key);
} referrer;

#define REFERRER(id, ...)                                                                                              \
    static tasker_status id(stage *s, tasker_uuid key)                                                                 \
    {                                                                                                                  \
        return __VA_ARGS__;                                                                                            \
    }
#define INPUT(e, ...)                                                                                                  \
    &(tasker_##e##_input)                                                                                              \
    {                                                                                                                  \
        __VA_ARGS__                                                                                                    \
    }
REFERRER(kind_space,
         tasker_named_task_create(s->db, INPUT(named_task, .task_namespace_uuid = key, .name = a_name), NULL))
REFERRER(step_system,
         tasker_named_step_create(s->db, INPUT(named_step, .dependent_system_uuid = key, .name = a_name), NULL))
REFERRER(steps_system,
         tasker_named_step_create_many(s->db, INPUT(named_step, .dependent_system_uuid = key, .name = a_name), 1, NULL))
REFERRER(setting_kind,
         tasker_named_tasks_named_step_create(
             s->db, INPUT(named_tasks_named_step, .named_task_uuid = key, .named_step_uuid = s->named_step_uuid), NULL))
REFERRER(setting_step,
         tasker_named_tasks_named_step_create(
             s->db, INPUT(named_tasks_named_step, .named_task_uuid = s->named_task_uuid, .named_step_uuid = key), NULL))
REFERRER(kind_of_task, tasker_task_create(s->db, INPUT(task, .named_task_uuid = key), NULL))
REFERRER(step_task, tasker_workflow_step_create(
                        s->db, INPUT(workflow_step, .task_uuid = key, .named_step_uuid = s->named_step_uuid), NULL))
REFERRER(kind_of_step, tasker_workflow_step_create(
                           s->db, INPUT(workflow_step, .task_uuid = s->flow.task_uuid, .named_step_uuid = key), NULL))
REFERRER(edge_from,
         tasker_workflow_step_edge_create(
             s->db, INPUT(workflow_step_edge, .from_step_uuid = key, .to_step_uuid = s->flow.steps[0]), NULL))
REFERRER(edge_to, tasker_workflow_step_edge_create(
                      s->db, INPUT(workflow_step_edge, .from_step_uuid = s->flow.steps[0], .to_step_uuid = key), NULL))
REFERRER(map_system,
         tasker_dependent_system_object_map_create(s->db,
                                                   INPUT(dependent_system_object_map, .dependent_system_one_uuid = key,
                                                         .dependent_system_two_uuid = s->dependent_system_uuid,
                                                         .remote_id_one = a_name, .remote_id_two = a_name),
                                                   NULL))
REFERRER(note_task, tasker_task_annotation_create(s->db,
                                                  INPUT(task_annotation, .task_uuid = key,
                                                        .annotation_type_name = a_name, .annotation = TASKER_JSON("1")),
                                                  NULL))

#define REFERS(id)                                                                                                     \
    {                                                                                                                  \
#id, id                                                                                                        \
    }
static const referrer referrers[] = {
    REFERS(kind_space),   REFERS(step_system),  REFERS(steps_system), REFERS(setting_kind),
    REFERS(setting_step), REFERS(kind_of_task), REFERS(step_task),    REFERS(kind_of_step),
    REFERS(edge_from),    REFERS(edge_to),      REFERS(map_system),   REFERS(note_task),
};

static void test_references(void **state)
{
    stage *s = stage_of(state);
    tasker_uuid unknown[2] = {new_uuid(), make_foreign(s)};
    for (size_t k = 0; k < COUNT(referrers); k++) {
        REFUSALS(s)
        assert_refused(s, referrers[k].create(s, NIL), TASKER_INVALID_ARGUMENT, "%s nil", referrers[k].name);
        refusals_begin(s);
        for (size_t i = 0; i < COUNT(unknown); i++) {
            tasker_status status = referrers[k].create(s, unknown[i]);
            if (status != TASKER_REFERENCE_MISSING)
                print_error("%s: %s\n", referrers[k].name, tasker_status_name(status));
            assert_status(s->db, status, TASKER_REFERENCE_MISSING);
        }
        assert_int_equal(refusals_next(s, 0), 1);
        assert_status(s->db, tasker_db_rollback(s->db), TASKER_OK);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unknown_keys),
        cmocka_unit_test(test_no_keys),
        cmocka_unit_test(test_unknown_numbers),
        cmocka_unit_test(test_references),
    };
    return db_test_run(tests);
}
