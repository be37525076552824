/* SPDX-License-Identifier: MIT */
/*
 * Pages, counts, enums and times: below, at and above what they may be. A new parameter is one line of a table. What is
 * counted wrongly is refused without being read: the arrays here are short, and a sanitizer watches.
 */
#include "hostile_test.h"
#include <tasker/dag.h>
#include <tasker/report.h>

static const tasker_uuid a_key = {{1}};
static const tasker_lease_options worker = {.worker = TASKER_TEXT("w")};

/* ---- pages ---- */

#define PAGED_ENTITIES(X)                                                                                              \
    X(task_namespace, tasker_task_namespaces)                                                                          \
    X(dependent_system, tasker_dependent_systems)                                                                      \
    X(dependent_system_object_map, tasker_dependent_system_object_maps)                                                \
    X(named_task, tasker_named_tasks)                                                                                  \
    X(named_step, tasker_named_steps)                                                                                  \
    X(named_tasks_named_step, tasker_named_tasks_named_steps)                                                          \
    X(annotation_type, tasker_annotation_types)                                                                        \
    X(task_annotation, tasker_task_annotations)                                                                        \
    X(task, tasker_tasks)                                                                                              \
    X(workflow_step, tasker_workflow_steps)                                                                            \
    X(workflow_step_edge, tasker_workflow_step_edges)                                                                  \
    X(task_transition, tasker_task_transitions)                                                                        \
    X(workflow_step_transition, tasker_workflow_step_transitions)
#define PAGED(e, list)                                                                                                 \
    static tasker_status e##_page(tasker_db *db, const tasker_page *page)                                              \
    {                                                                                                                  \
        const list *rows = (const void *)db;                                                                           \
        tasker_status status = tasker_##e##_query(db, NULL, page, &rows);                                              \
        assert_true((rows == NULL) == (status != TASKER_OK));                                                          \
        assert_true(rows == NULL || page->limit == 0 || rows->count <= (size_t)page->limit);                           \
        tasker_free(rows);                                                                                             \
        return status;                                                                                                 \
    }
PAGED_ENTITIES(PAGED)

static tasker_status node_page(tasker_db *db, const tasker_page *page)
{
    return tasker_step_node_query(db, &(tasker_step_node_filter){.task_uuid = &a_key}, page, NULL);
}

static tasker_status task_details_page(tasker_db *db, const tasker_page *page)
{
    return tasker_task_query_details(db, NULL, page, NULL);
}

static tasker_status step_details_page(tasker_db *db, const tasker_page *page)
{
    return tasker_workflow_step_query_details(db, NULL, page, NULL);
}

typedef struct pager {
    const char *name;
    tasker_status (*query)(tasker_db *db, const tasker_page *page);
} pager;
#define A_PAGE(e, list) {#e, e##_page},
static const pager pagers[] = {PAGED_ENTITIES(A_PAGE){"step_node", node_page},
                               {"task_details", task_details_page},
                               {"workflow_step_details", step_details_page}};

static void test_pages(void **state)
{
    static const struct {
        int32_t limit;
        int order;
        tasker_status status;
    } wrong[] = {
        {-1, 0, TASKER_INVALID_ARGUMENT},   {INT32_MIN, 0, TASKER_INVALID_ARGUMENT},
        {100001, 0, TASKER_LIMIT_EXCEEDED}, {INT32_MAX, 0, TASKER_LIMIT_EXCEEDED},
        {0, 6, TASKER_UNSUPPORTED},         {0, -1, TASKER_UNSUPPORTED},
        {0, 31, TASKER_UNSUPPORTED},        {0, 32, TASKER_UNSUPPORTED},
        {0, INT32_MAX, TASKER_UNSUPPORTED}, {0, INT32_MIN, TASKER_UNSUPPORTED},
    };
    static const int32_t fine[] = {0, 1, 100000};
    stage *s = stage_of(state);
    REFUSALS(s) for (size_t k = 0; k < COUNT(pagers); k++) for (size_t i = 0; i < COUNT(wrong); i++)
    {
        tasker_page page = {.limit = wrong[i].limit, .order = (tasker_order)wrong[i].order};
        assert_refused(s, pagers[k].query(s->db, &page), wrong[i].status, "%s page %zu", pagers[k].name, i);
    }
    for (size_t k = 0; k < COUNT(pagers); k++)
        for (size_t i = 0; i < COUNT(fine); i++)
            assert_status(s->db, pagers[k].query(s->db, &(tasker_page){.limit = fine[i]}), TASKER_OK);
}

/* A handle with limits of its own. */
static void test_limited_handle(void **state)
{
    stage *s = stage_of(state);
    stage few = *s;
    tasker_db_options options = {.limits = {.rows = 2}};
    tasker_uuid keys[3] = {s->flow.steps[0], s->flow.steps[1], s->flow.steps[2]};
    tasker_state states[3];
    few.db = db_test_open_with(s->f, &options);
    REFUSALS(&few)
    {
        for (size_t k = 0; k < COUNT(pagers); k++)
            assert_refused(&few, pagers[k].query(few.db, &(tasker_page){.limit = 3}), TASKER_LIMIT_EXCEEDED, "%s",
                           pagers[k].name);
        assert_refused(&few, tasker_workflow_step_get_states(few.db, keys, 3, states), TASKER_LIMIT_EXCEEDED, "states");
        assert_refused(&few, tasker_workflow_step_apply(few.db, keys, 3, TASKER_EVENT_CANCEL, NULL, NULL),
                       TASKER_LIMIT_EXCEEDED, "apply");
        assert_refused(&few, tasker_task_finalize(few.db, keys, 3, NULL, NULL), TASKER_LIMIT_EXCEEDED, "finalize");
        assert_refused(&few, tasker_lease_take_steps(few.db, keys, 3, &worker, NULL, NULL), TASKER_LIMIT_EXCEEDED,
                       "take");
    }
    for (size_t k = 0; k < COUNT(pagers); k++)
        for (int32_t limit = 0; limit <= 2; limit++)
            assert_status(few.db, pagers[k].query(few.db, &(tasker_page){.limit = limit}), TASKER_OK);
    tasker_db_close(few.db);
}

/* A position is opaque, but it travels through other programs: whatever comes back is no error of the server. */
static void test_positions(void **state)
{
    static const int64_t keys[] = {INT64_MIN, -1, 0, 1, INT64_MAX};
    stage *s = stage_of(state);
    assert_status(s->db, tasker_db_begin(s->db, NULL), TASKER_OK);
    for (size_t k = 0; k < COUNT(pagers); k++)
        for (size_t i = 0; i < COUNT(keys); i++)
            for (int order = 0; order <= TASKER_ORDER_PRIORITY; order++) {
                tasker_position after = {keys[i], i % 2 == 0 ? NIL : a_key};
                tasker_page page = {.order = (tasker_order)order, .after = &after};
                tasker_status status = pagers[k].query(s->db, &page);
                if (tasker_db_error(s->db)->sqlstate[0] != '\0')
                    print_error("%s order %d after %lld: %s\n", pagers[k].name, order, (long long)keys[i],
                                tasker_db_error(s->db)->message);
                assert_true(status == TASKER_OK || status == TASKER_UNSUPPORTED || status == TASKER_INVALID_ARGUMENT ||
                            (status == TASKER_CONFLICT && order == TASKER_ORDER_NAME)); /* that row is gone */
            }
    assert_status(s->db, tasker_db_commit(s->db), TASKER_OK);
}

static void test_batches(void **state)
{
    stage *s = stage_of(state);
    tasker_cursor *cursor = (void *)s;
    const tasker_named_step *row = NULL;
    static const int32_t batches[] = {-1, INT32_MIN, 100001, INT32_MAX};
    REFUSALS(s) for (size_t i = 0; i < COUNT(batches); i++)
    {
        tasker_cursor_options options = {.batch = batches[i]};
        assert_refused(s, tasker_task_stream(s->db, NULL, &options, &cursor),
                       batches[i] < 0 ? TASKER_INVALID_ARGUMENT : TASKER_LIMIT_EXCEEDED, "batch %zu", i);
        assert_null(cursor);
    }
    REFUSALS(s)
    {
        assert_refused(s, tasker_task_stream(s->db, NULL, NULL, NULL), TASKER_INVALID_ARGUMENT, "no out");
        assert_refused(s, tasker_task_stream(s->db, NULL, &(tasker_cursor_options){.order = (tasker_order)9}, &cursor),
                       TASKER_UNSUPPORTED, "order");
    }
    assert_int_equal(tasker_named_step_next(NULL, &row), TASKER_INVALID_ARGUMENT);
    assert_status(s->db, tasker_task_stream(s->db, NULL, NULL, &cursor), TASKER_OK);
    assert_int_equal(tasker_named_step_next(cursor, &row), TASKER_INVALID_ARGUMENT); /* of another entity */
    assert_int_equal(tasker_task_next(cursor, NULL), TASKER_INVALID_ARGUMENT);
    tasker_cursor_close(cursor);
    tasker_cursor_close(NULL);
}

/* ---- counts ---- */

/* given: at least 64 bytes of zeros. */
typedef struct counter {
    const char *name;
    tasker_status (*call)(tasker_db *db, const void *given, size_t count);
} counter;

#define COUNTS(X)                                                                                                      \
    X(task_states, tasker_task_get_states(db, given, count, room))                                                     \
    X(step_states, tasker_workflow_step_get_states(db, given, count, room))                                            \
    X(task_apply, tasker_task_apply(db, given, count, TASKER_EVENT_CANCEL, NULL, NULL))                                \
    X(step_apply, tasker_workflow_step_apply(db, given, count, TASKER_EVENT_CANCEL, NULL, NULL))                       \
    X(finalize, tasker_task_finalize(db, given, count, NULL, NULL))                                                    \
    X(take, tasker_lease_take_steps(db, given, count, &worker, NULL, NULL))                                            \
    X(complete, tasker_lease_complete(db, given, count, NULL))                                                         \
    X(fail_leases, tasker_lease_fail(db, given, count, NULL))                                                          \
    X(spaces, tasker_task_namespace_create_many(db, given, count, NULL))                                               \
    X(systems, tasker_dependent_system_create_many(db, given, count, NULL))                                            \
    X(steps, tasker_named_step_create_many(db, given, count, NULL))                                                    \
    X(notes, tasker_task_annotation_create_many(db, given, count, NULL))                                               \
    X(resolve, tasker_named_step_resolve(db, T("x"), given, count, false, uuids))                                      \
    X(resolve_missing, tasker_named_step_resolve(db, T("x"), given, count, true, uuids))                               \
    X(readiness_tasks, tasker_step_readiness_query(db, FILTER(step_readiness, task_uuid, given, count), NULL))         \
    X(readiness_steps,                                                                                                 \
      tasker_step_readiness_query(db, FILTER(step_readiness, workflow_step_uuid, given, count), NULL))                 \
    X(named_step_list, tasker_named_step_query(db, FILTER(named_step, named_step_uuid, given, count), NULL, NULL))     \
    X(task_list, tasker_task_query(db, FILTER(task, task_uuid, given, count), NULL, NULL))                             \
    X(kind_list, tasker_task_query(db, FILTER(task, named_task_uuid, given, count), NULL, NULL))                       \
    X(state_list, tasker_task_query(db, FILTER(task, state, given, count), NULL, NULL))                                \
    X(step_state_list, tasker_task_query(db, FILTER(task, step_state, given, count), NULL, NULL))                      \
    X(step_list, tasker_workflow_step_query(db, FILTER(workflow_step, workflow_step_uuid, given, count), NULL, NULL))  \
    X(step_task_list, tasker_workflow_step_query(db, FILTER(workflow_step, task_uuid, given, count), NULL, NULL))      \
    X(step_kind_list,                                                                                                  \
      tasker_workflow_step_query(db, FILTER(workflow_step, named_step_uuid, given, count), NULL, NULL))                \
    X(step_in_state, tasker_workflow_step_query(db, FILTER(workflow_step, state, given, count), NULL, NULL))           \
    X(task_history, tasker_task_transition_query(db, FILTER(task_transition, task_uuid, given, count), NULL, NULL))    \
    X(task_to, tasker_task_transition_query(db, FILTER(task_transition, to_state, given, count), NULL, NULL))          \
    X(task_from, tasker_task_transition_query(db, FILTER(task_transition, from_state, given, count), NULL, NULL))      \
    X(path,                                                                                                            \
      tasker_task_annotation_query(                                                                                    \
          db, &(tasker_task_annotation_filter){.path = given, .path_count = count, .equals = one(count)}, NULL, NULL)) \
    X(removed, tasker_task_patch_json(db, &a_key,                                                                      \
                                      &(tasker_task_patch){.remove_path = given, .remove_path_count = count}, NULL))   \
    X(defined_steps,                                                                                                   \
      tasker_definition_register(db, &(tasker_definition){.name = T("x"), .steps = given, .step_count = count}, NULL)) \
    X(defined_edges,                                                                                                   \
      tasker_definition_register(db, &(tasker_definition){.name = T("x"), .edges = given, .edge_count = count}, NULL)) \
    X(overrides, tasker_workflow_create(db,                                                                            \
                                        &(tasker_workflow_input){.definition = &(tasker_definition){.name = T("x")},   \
                                                                 .overrides = given,                                   \
                                                                 .override_count = count},                             \
                                        NULL))
#define FILTER(e, list, given, count)                                                                                  \
    &(tasker_##e##_filter)                                                                                             \
    {                                                                                                                  \
        .list##s = (given), .list##_count = (count)                                                                    \
    }
#define COUNTED_CALL(id, ...)                                                                                          \
    static tasker_status id##_counted(tasker_db *db, const void *given, size_t count)                                  \
    {                                                                                                                  \
        return __VA_ARGS__;                                                                                            \
    }
#define A_COUNT(id, ...) {#id, id##_counted},

static tasker_state room[1];
static tasker_uuid uuids[1];

static tasker_json one(size_t count)
{
    return tasker_json_of(count > 0 ? "1" : NULL);
}

COUNTS(COUNTED_CALL)
static const counter counters[] = {COUNTS(A_COUNT)};

static void test_counts(void **state)
{
    static const _Alignas(max_align_t) char given[1]; /* nothing of it may be read */
    stage *s = stage_of(state);
    REFUSALS(s) for (size_t k = 0; k < COUNT(counters); k++)
    {
        const counter *c = &counters[k];
        assert_refused(s, c->call(s->db, given, SIZE_MAX), TASKER_LIMIT_EXCEEDED, "%s SIZE_MAX", c->name);
        assert_refused(s, c->call(s->db, given, SIZE_MAX / 2 + 1), TASKER_LIMIT_EXCEEDED, "%s half", c->name);
        assert_refused(s, c->call(s->db, given, (size_t)UINT32_MAX + 2), TASKER_LIMIT_EXCEEDED, "%s 2^32 + 1", c->name);
        assert_refused(s, c->call(s->db, given, INT32_MAX), TASKER_LIMIT_EXCEEDED, "%s INT32_MAX", c->name);
        assert_refused(s, c->call(s->db, NULL, 3), TASKER_INVALID_ARGUMENT, "%s NULL", c->name);
    }
}

/* No items: nothing to do, or nothing that fits. */
static void test_empty(void **state)
{
    static const _Alignas(max_align_t) char given[1];
    stage *s = stage_of(state);
    REFUSALS(s) for (size_t k = 0; k < COUNT(counters); k++) for (int null = 0; null < 2; null++)
    {
        const counter *c = &counters[k];
        if (strncmp(c->name, "defined_", 8) == 0 || strcmp(c->name, "overrides") == 0) /* these create */
            continue;
        bool needed = null == 1 && strncmp(c->name, "readiness", 9) == 0;
        tasker_status status = c->call(s->db, null == 1 ? NULL : given, 0);
        if (needed ? status != TASKER_INVALID_ARGUMENT : !tasker_status_is_done(status) && status != TASKER_NOT_FOUND)
            print_error("%s of none: %s: %s\n", c->name, tasker_status_name(status), tasker_db_error(s->db)->message);
        assert_true(needed ? status == TASKER_INVALID_ARGUMENT
                           : tasker_status_is_done(status) || status == TASKER_NOT_FOUND);
    }
    /* A list without elements fits nothing; no list is no condition. */
    int64_t rows = -1;
    assert_status(s->db, tasker_workflow_step_count(s->db, FILTER(workflow_step, task_uuid, &a_key, 0), &rows),
                  TASKER_OK);
    assert_int_equal(rows, 0);
    assert_status(s->db, tasker_workflow_step_count(s->db, FILTER(workflow_step, task_uuid, NULL, 0), &rows),
                  TASKER_OK);
    assert_int_equal(rows, 3);
}

/* ---- enums ---- */

#define STATE_LISTS(X)                                                                                                 \
    X(task, state, false)                                                                                              \
    X(task, step_state, false)                                                                                         \
    X(workflow_step, state, false)                                                                                     \
    X(task_transition, to_state, false)                                                                                \
    X(task_transition, from_state, true)                                                                               \
    X(workflow_step_transition, to_state, false)                                                                       \
    X(workflow_step_transition, from_state, true)

static void test_states(void **state)
{
    static const int wrong[] = {8, -1, 99, INT32_MAX, INT32_MIN, TASKER_STATE_NONE};
    stage *s = stage_of(state);
    int64_t rows;
    REFUSALS(s) for (size_t i = 0; i < COUNT(wrong); i++)
    {
        tasker_state states[] = {TASKER_STATE_PENDING, (tasker_state)wrong[i]};
#define REFUSE_STATE(e, list, none)                                                                                    \
    if (wrong[i] != TASKER_STATE_NONE || !(none)) {                                                                    \
        assert_refused(s, tasker_##e##_count(s->db, FILTER(e, list, states, 2), &rows), TASKER_INVALID_ARGUMENT,       \
                       #e " " #list " %d", wrong[i]);                                                                  \
        assert_int_equal(tasker_db_error(s->db)->item, 1);                                                             \
    }
        STATE_LISTS(REFUSE_STATE)
    }
}

static void test_events(void **state)
{
    static const int of_none[] = {0, 9, -1, 99, INT32_MAX, INT32_MIN},
                     not_of_tasks[] = {TASKER_EVENT_ENQUEUE, TASKER_EVENT_RETRY};
    stage *s = stage_of(state);
    const tasker_uuid *task = &s->flow.task_uuid, *step = &s->flow.steps[0];
    REFUSALS(s)
    {
        for (size_t i = 0; i < COUNT(of_none); i++) {
            tasker_event event = (tasker_event)of_none[i];
            assert_refused(s, tasker_task_apply(s->db, task, 1, event, NULL, NULL), TASKER_INVALID_ARGUMENT, "%zu", i);
            assert_refused(s, tasker_workflow_step_apply(s->db, step, 1, event, NULL, NULL), TASKER_INVALID_ARGUMENT,
                           "%zu", i);
        }
        for (size_t i = 0; i < COUNT(not_of_tasks); i++)
            assert_refused(s, tasker_task_apply(s->db, task, 1, (tasker_event)not_of_tasks[i], NULL, NULL),
                           TASKER_INVALID_ARGUMENT, "%zu", i);
        assert_refused(s, tasker_workflow_step_apply(s->db, step, 1, TASKER_EVENT_RESET, NULL, NULL),
                       TASKER_INVALID_ARGUMENT, "reset");
        for (size_t i = 1; i < COUNT(of_none); i++) {
            tasker_task_input input = {.named_task_uuid = s->named_task_uuid, .identity = (tasker_identity)of_none[i]};
            assert_refused(s, tasker_task_create(s->db, &input, NULL), TASKER_INVALID_ARGUMENT, "identity %zu", i);
        }
    }
    for (size_t i = 1; i < COUNT(of_none); i++)
        assert_status(s->db,
                      tasker_db_begin(s->db, &(tasker_transaction_options){.isolation = (tasker_isolation)of_none[i]}),
                      TASKER_INVALID_ARGUMENT);
}

/* ---- numbers below their column's ---- */

static void test_numbers(void **state)
{
    static const int32_t wrong[] = {-1, INT32_MIN};
    stage *s = stage_of(state);
    const tasker_uuid *task = &s->flow.task_uuid, *step = &s->flow.steps[0];
    const tasker_lease lease = {.workflow_step_uuid = *step};
    REFUSALS(s) for (size_t i = 0; i < COUNT(wrong); i++)
    {
        int32_t n = wrong[i];
#define INVALID(...) assert_refused(s, __VA_ARGS__, TASKER_INVALID_ARGUMENT, "%s %d", #__VA_ARGS__, n)
        INVALID(tasker_task_update(s->db, task, &(tasker_task_input){TASKER_SET(claim_timeout_seconds, n)}, NULL));
        INVALID(
            tasker_workflow_step_update(s->db, step, &(tasker_workflow_step_input){TASKER_SET(retry_limit, n)}, NULL));
        INVALID(
            tasker_lease_fail(s->db, &(tasker_failure){.lease = &lease, TASKER_SET(retry_after_seconds, n)}, 1, NULL));
        INVALID(tasker_step_node_query(s->db, &(tasker_step_node_filter){.task_uuid = task, TASKER_SET(depth, n)}, NULL,
                                       NULL));
        INVALID(
            tasker_step_relative_list_ancestors(s->db, step, &(tasker_step_relative_options){.max_distance = n}, NULL));
        INVALID(tasker_slow_step_list(s->db, &(tasker_slow_filter){.limit = n}, NULL));
        INVALID(tasker_task_transition_prune(s->db, task, n, NULL));
        INVALID(tasker_workflow_step_transition_prune(s->db, step, n, NULL));
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pages),   cmocka_unit_test(test_limited_handle), cmocka_unit_test(test_positions),
        cmocka_unit_test(test_batches), cmocka_unit_test(test_counts),         cmocka_unit_test(test_empty),
        cmocka_unit_test(test_states),  cmocka_unit_test(test_events),         cmocka_unit_test(test_numbers),
    };
    return db_test_run(tests);
}
