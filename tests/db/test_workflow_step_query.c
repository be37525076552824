/* SPDX-License-Identifier: MIT */
#include "flow_test.h"
#include <tasker/lifecycle.h>

static tasker_uuid paged;

PAGES(page_of, workflow_step, query, tasker_workflow_steps, .task_uuids = &paged, .task_uuid_count = 1)
PAGES(details_page_of, workflow_step, query_details, tasker_workflow_step_detail_list, .task_uuids = &paged,
      .task_uuid_count = 1)

static int by_attempt(const void *a, const void *b)
{
    const tasker_workflow_step *x = a, *y = b;
    int order =
        (x->last_attempted_at.us > y->last_attempted_at.us) - (x->last_attempted_at.us < y->last_attempted_at.us);
    return order != 0 ? order : by_key(a, b);
}

static int by_attempt_descending(const void *a, const void *b)
{
    return by_attempt(b, a);
}

static int by_priority(const void *a, const void *b)
{
    const tasker_workflow_step *x = a, *y = b;
    return x->priority != y->priority ? (x->priority < y->priority) - (x->priority > y->priority) : by_key(a, b);
}

static int by_inner_attempt_descending(const void *a, const void *b)
{
    const tasker_workflow_step_details *x = a, *y = b;
    return by_attempt(y->step, x->step);
}

static void test_pages(void **state)
{
    fixture *f = *state;
    tasker_uuid named = make_named_step(f->db);
    paged = make_task(f->db);
    for (int i = 0; i < 25; i++) {
        tasker_workflow_step_input input = {.workflow_step_uuid = new_uuid(), .task_uuid = paged};
        input.named_step_uuid = named;
        input.has_priority = true;
        input.priority = (i * 7) % 25 / 6;
        assert_status(f->db, tasker_workflow_step_create(f->db, &input, NULL), TASKER_OK);
        if (i % 4 > 0) /* others were never attempted */
            tell(tasker_db_conn(f->db),
                 "UPDATE tasker_workflow_steps SET last_attempted_at = timestamp '2020-01-01' + %d * interval '1 us'"
                 " WHERE workflow_step_uuid = '%s'",
                 i % 4, text_of(input.workflow_step_uuid));
    }
    assert_pages(f->db, page_of, TASKER_ORDER_OLDEST, by_key, 25);
    assert_pages(f->db, page_of, TASKER_ORDER_NEWEST, by_key_descending, 25);
    assert_pages(f->db, page_of, TASKER_ORDER_LEAST_RECENT, by_attempt, 25);
    assert_pages(f->db, page_of, TASKER_ORDER_MOST_RECENT, by_attempt_descending, 25);
    assert_pages(f->db, page_of, TASKER_ORDER_PRIORITY, by_priority, 25);
    assert_pages(f->db, details_page_of, TASKER_ORDER_MOST_RECENT, by_inner_attempt_descending, 25);
    static const tasker_order orders[] = {TASKER_ORDER_OLDEST, TASKER_ORDER_NEWEST, TASKER_ORDER_LEAST_RECENT,
                                          TASKER_ORDER_MOST_RECENT, TASKER_ORDER_PRIORITY};
    static const row_compare compares[] = {by_key, by_key_descending, by_attempt, by_attempt_descending, by_priority};
    for (size_t i = 0; i < COUNT(orders); i++)
        assert_int_equal(STREAMED(f, workflow_step, orders[i], compares[i], .task_uuids = &paged, .task_uuid_count = 1),
                         25);
    const void *list = NULL;
    assert_status(f->db, page_of(f->db, &(tasker_page){.order = TASKER_ORDER_NAME}, &list), TASKER_UNSUPPORTED);
}

static void test_details(void **state)
{
    fixture *f = *state;
    tasker_uuid key = make_step(f->db, make_task(f->db));
    const tasker_workflow_step_detail_list *list = NULL;
    tasker_workflow_step_filter filter = {.workflow_step_uuids = &key, .workflow_step_uuid_count = 1};
    assert_status(f->db, tasker_workflow_step_apply(f->db, &key, 1, TASKER_EVENT_CANCEL, NULL, NULL), TASKER_OK);
    assert_status(f->db, tasker_workflow_step_query_details(f->db, &filter, NULL, &list), TASKER_OK);
    assert_int_equal(list->count, 1);
    const tasker_workflow_step_details *details = list->items[0];
    assert_uuid(details->step->workflow_step_uuid, key);
    assert_non_null(strstr(details->name.ptr, "named-step"));
    assert_non_null(strstr(details->dependent_system_name.ptr, "system"));
    assert_int_equal(details->state, TASKER_STATE_CANCELLED);
    assert_true(details->state_since.us > details->step->created_at.us);
    tasker_free(list);
}

#define OF_TASK .task_uuids = &task, .task_uuid_count = 1

/* 0 → 1, 0 → 2, 1 → 2 */
static void test_filters_of_keys(void **state)
{
    fixture *f = *state;
    tasker_uuid s[3], task = make_task_of_steps(f->db, s, 3), other = make_task(f->db), unknown = new_uuid();
    const tasker_workflow_step *step = NULL;
    const tasker_named_step *named = NULL;
    assert_status(f->db, join_steps(f->db, s[0], s[1]), TASKER_OK);
    assert_status(f->db, join_steps(f->db, s[0], s[2]), TASKER_OK);
    assert_status(f->db, join_steps(f->db, s[1], s[2]), TASKER_OK);
    assert_status(f->db, tasker_workflow_step_get(f->db, &s[0], &step), TASKER_OK);
    assert_status(f->db, tasker_named_step_get(f->db, &step->named_step_uuid, &named), TASKER_OK);
    tasker_uuid tasks[] = {task, other}, kinds[] = {named->named_step_uuid, unknown};
    make_step(f->db, other);
    assert_int_equal(COUNTED(f, workflow_step, OF_TASK), 3);
    assert_int_equal(COUNTED(f, workflow_step, .task_uuids = tasks, .task_uuid_count = 2), 4);
    assert_int_equal(COUNTED(f, workflow_step, .task_uuids = tasks, .task_uuid_count = 0), 0);
    assert_int_equal(COUNTED(f, workflow_step, .task_uuids = s, .task_uuid_count = 1), 0);
    assert_int_equal(COUNTED(f, workflow_step, .workflow_step_uuids = s, .workflow_step_uuid_count = 2), 2);
    assert_int_equal(COUNTED(f, workflow_step, .workflow_step_uuids = s, .workflow_step_uuid_count = 0), 0);
    assert_int_equal(COUNTED(f, workflow_step, .workflow_step_uuids = s, .workflow_step_uuid_count = 2, OF_TASK), 2);
    assert_int_equal(COUNTED(f, workflow_step, .named_step_uuids = kinds, .named_step_uuid_count = 2), 3);
    assert_int_equal(COUNTED(f, workflow_step, .name = named->name), 3);
    assert_int_equal(COUNTED(f, workflow_step, .name = T("no such")), 0);
    assert_int_equal(COUNTED(f, workflow_step, .name = named->name, .task_uuids = &other, .task_uuid_count = 1), 0);
    assert_int_equal(COUNTED(f, workflow_step, .name = named->name, .children_of = &s[1]), 1);
    assert_int_equal(COUNTED(f, workflow_step, .parents_of = &s[2]), 2);
    assert_int_equal(COUNTED(f, workflow_step, .parents_of = &s[0]), 0);
    assert_int_equal(COUNTED(f, workflow_step, .children_of = &s[0]), 2);
    assert_int_equal(COUNTED(f, workflow_step, .children_of = &unknown), 0);
    assert_int_equal(COUNTED(f, workflow_step, .children_of = &s[0], .parents_of = &s[2]), 1);
    for (size_t i = 0; i < hostile_count; i++)
        assert_int_equal(COUNTED(f, workflow_step, OF_TASK, .name = T(hostile[i])), 0);
    tasker_free(step);
    tasker_free(named);
}

/* Edges under two names between the same steps, as a database without our constraint may have them. */
static void test_neighbours_come_once(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    tasker_uuid s[2];
    make_task_of_steps(f->db, s, 2);
    assert_status(f->db, join_steps(f->db, s[0], s[1]), TASKER_OK);
    assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
    tell(conn,
         "ALTER TABLE tasker_workflow_step_edges DROP CONSTRAINT IF EXISTS tasker_workflow_step_edges_from_to_unique");
    tell(conn,
         "INSERT INTO tasker_workflow_step_edges SELECT '%s', from_step_uuid, to_step_uuid, 'again', created_at,"
         " updated_at FROM tasker_workflow_step_edges WHERE from_step_uuid = '%s'",
         text_of(new_uuid()), text_of(s[0]));
    int64_t deleted = 0;
    assert_int_equal(COUNTED(f, workflow_step_edge, .from_step_uuid = &s[0]), 2);
    assert_int_equal(COUNTED(f, workflow_step, .children_of = &s[0]), 1);
    assert_int_equal(COUNTED(f, workflow_step, .parents_of = &s[1]), 1);
    assert_status(f->db, tasker_workflow_step_edge_delete_between(f->db, &s[0], &s[1], &deleted), TASKER_OK);
    assert_int_equal(deleted, 2);
    assert_status(f->db, tasker_db_rollback(f->db), TASKER_OK);
}

static void test_filters_of_flags(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    tasker_uuid s[3], task = make_task_of_steps(f->db, s, 3);
    assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
    tell(conn, "UPDATE tasker_workflow_steps SET in_process = true, attempts = 3 WHERE workflow_step_uuid = '%s'",
         text_of(s[0]));
    tell(conn,
         "UPDATE tasker_workflow_steps SET processed = true, results = 'null', attempts = 1, retry_limit = NULL"
         " WHERE workflow_step_uuid = '%s'",
         text_of(s[1]));
    tell(conn, "UPDATE tasker_workflow_steps SET retryable = false WHERE workflow_step_uuid = '%s'", text_of(s[2]));
    assert_int_equal(COUNTED(f, workflow_step, OF_TASK, TASKER_SET(processed, true)), 1);
    assert_int_equal(COUNTED(f, workflow_step, OF_TASK, TASKER_SET(processed, false)), 2);
    assert_int_equal(COUNTED(f, workflow_step, OF_TASK, TASKER_SET(in_process, true)), 1);
    assert_int_equal(COUNTED(f, workflow_step, OF_TASK, TASKER_SET(in_process, false), TASKER_SET(processed, false)),
                     1);
    assert_int_equal(COUNTED(f, workflow_step, OF_TASK, TASKER_SET(results, true)), 1);
    assert_int_equal(COUNTED(f, workflow_step, OF_TASK, TASKER_SET(results, false)), 2);
    assert_int_equal(COUNTED(f, workflow_step, OF_TASK, TASKER_SET(retryable, true)), 1);
    assert_int_equal(COUNTED(f, workflow_step, OF_TASK, TASKER_SET(retryable, false)), 2);
    tell(conn, "UPDATE tasker_workflow_steps SET attempts = NULL, retry_limit = 0 WHERE workflow_step_uuid = '%s'",
         text_of(s[0]));
    assert_int_equal(COUNTED(f, workflow_step, OF_TASK, TASKER_SET(retryable, true)), 2);
    assert_status(f->db, tasker_db_rollback(f->db), TASKER_OK);
}

static void test_filters_of_times(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    tasker_uuid s[2], task = make_task_of_steps(f->db, s, 2);
    const tasker_workflow_step *step = NULL;
    const tasker_task *of = NULL;
    assert_status(f->db, tasker_workflow_step_get(f->db, &s[0], &step), TASKER_OK);
    assert_status(f->db, tasker_task_get(f->db, &task, &of), TASKER_OK);
    tasker_time made = step->created_at, task_made = of->created_at, later = {task_made.us + 1}, hour = {0};
    tasker_free(step);
    tasker_free(of);
    assert_int_equal(COUNTED(f, workflow_step, OF_TASK, .created = {TASKER_SET(since, made)}), 2);
    assert_int_equal(COUNTED(f, workflow_step, OF_TASK, .created = {TASKER_SET(until, made)}), 0);
    assert_int_equal(COUNTED(f, workflow_step, OF_TASK, .task_created = {TASKER_SET(since, task_made)}), 2);
    assert_int_equal(COUNTED(f, workflow_step, OF_TASK, .task_created = {TASKER_SET(until, task_made)}), 0);
    assert_int_equal(COUNTED(f, workflow_step, OF_TASK, .task_created = {TASKER_SET(since, later)}), 0);
    assert_int_equal(
        COUNTED(f, workflow_step, .task_created = {TASKER_SET(since, task_made), TASKER_SET(until, later)}), 2);

    assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
    hour.us = made.us - INT64_C(3600000000);
    tell(conn,
         "UPDATE tasker_workflow_step_transitions SET created_at = created_at - interval '1 hour'"
         " WHERE workflow_step_uuid = '%s'",
         text_of(s[0]));
    tell(conn, "DELETE FROM tasker_workflow_step_transitions WHERE workflow_step_uuid = '%s'", text_of(s[1]));
    assert_int_equal(COUNTED(f, workflow_step, OF_TASK, .reached = {TASKER_SET(since, hour)}), 2);
    assert_int_equal(COUNTED(f, workflow_step, OF_TASK, .reached = {TASKER_SET(until, hour)}), 0);
    assert_int_equal(COUNTED(f, workflow_step, OF_TASK, .reached = {TASKER_SET(since, made)}), 1);
    assert_int_equal(COUNTED(f, workflow_step, OF_TASK, .reached = {TASKER_SET(until, made)}), 1);
    tell(conn, "UPDATE tasker_workflow_steps SET last_attempted_at = created_at WHERE workflow_step_uuid = '%s'",
         text_of(s[0]));
    assert_int_equal(COUNTED(f, workflow_step, OF_TASK, .last_attempted = {TASKER_SET(since, made)}), 1);
    assert_int_equal(COUNTED(f, workflow_step, OF_TASK, .last_attempted = {TASKER_SET(until, made)}), 0);
    assert_status(f->db, tasker_db_rollback(f->db), TASKER_OK);
}

static void test_filters_of_states(void **state)
{
    fixture *f = *state;
    tasker_uuid s[3], task = make_task_of_steps(f->db, s, 3);
    static const tasker_state pending = TASKER_STATE_PENDING, none = TASKER_STATE_NONE,
                              both[] = {TASKER_STATE_PENDING, TASKER_STATE_CANCELLED};
    assert_status(f->db, step_event(f->db, s[2], TASKER_EVENT_CANCEL), TASKER_OK);
    tell(tasker_db_conn(f->db), "DELETE FROM tasker_workflow_step_transitions WHERE workflow_step_uuid = '%s'",
         text_of(s[1]));
    assert_int_equal(COUNTED(f, workflow_step, OF_TASK, .states = &pending, .state_count = 1), 2);
    assert_int_equal(COUNTED(f, workflow_step, OF_TASK, .states = both, .state_count = 2), 3);
    assert_int_equal(COUNTED(f, workflow_step, OF_TASK, .states = both + 1, .state_count = 1), 1);
    assert_int_equal(COUNTED(f, workflow_step, OF_TASK, .states = both, .state_count = 0), 0);
    const tasker_workflow_steps *list = NULL;
    int64_t count;
    tasker_workflow_step_filter filter = {.states = &none, .state_count = 1};
    assert_status(f->db, tasker_workflow_step_query(f->db, &filter, NULL, &list), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, tasker_workflow_step_count(f->db, &filter, &count), TASKER_INVALID_ARGUMENT);
    filter = (tasker_workflow_step_filter){.reserved = {1, 0, 0, 0}};
    assert_status(f->db, tasker_workflow_step_query(f->db, &filter, NULL, &list), TASKER_UNSUPPORTED);
    assert_status(f->db, tasker_workflow_step_count(f->db, &filter, &count), TASKER_UNSUPPORTED);
    assert_status(f->db, tasker_workflow_step_exists(f->db, &filter, &(bool){false}), TASKER_UNSUPPORTED);
    assert_status(f->db, tasker_workflow_step_count(f->db, NULL, NULL), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, tasker_workflow_step_exists(f->db, NULL, NULL), TASKER_INVALID_ARGUMENT);
    tasker_cursor *cursor = NULL;
    assert_status(f->db, tasker_workflow_step_stream(f->db, &filter, NULL, &cursor), TASKER_UNSUPPORTED);
    assert_null(cursor);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pages),
        cmocka_unit_test(test_details),
        cmocka_unit_test(test_filters_of_keys),
        cmocka_unit_test(test_neighbours_come_once),
        cmocka_unit_test(test_filters_of_flags),
        cmocka_unit_test(test_filters_of_times),
        cmocka_unit_test(test_filters_of_states),
    };
    return db_test_run(tests);
}
