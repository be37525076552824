/* SPDX-License-Identifier: MIT */
#include "entity_test.h"
#include <tasker/lifecycle.h>

static void apply(tasker_db *db, tasker_uuid step, tasker_event event)
{
    assert_status(db, tasker_workflow_step_apply(db, &step, 1, event, NULL, NULL), TASKER_OK);
}

/* pending, error, pending, error … count rows in all */
static tasker_uuid make_history(tasker_db *db, tasker_uuid task, int count)
{
    static const tasker_event events[] = {TASKER_EVENT_FAIL, TASKER_EVENT_RETRY};
    tasker_uuid step = make_step(db, task);
    for (int i = 0; i < count - 1; i++)
        apply(db, step, events[i % 2]);
    return step;
}

static void test_get(void **state)
{
    fixture *f = *state;
    tasker_uuid task = make_task(f->db), step = make_history(f->db, task, 2), unknown = new_uuid();
    const tasker_workflow_step_transitions *list = NULL;
    const tasker_workflow_step_transition *row = NULL;
    tasker_workflow_step_transition_filter filter = {
        .workflow_step_uuids = &step, .workflow_step_uuid_count = 1, TASKER_SET(most_recent, true)};
    assert_status(f->db, tasker_workflow_step_transition_query(f->db, &filter, NULL, &list), TASKER_OK);
    assert_int_equal(list->count, 1);
    assert_status(f->db,
                  tasker_workflow_step_transition_get(f->db, &list->items[0]->workflow_step_transition_uuid, &row),
                  TASKER_OK);
    assert_uuid(row->workflow_step_uuid, step);
    assert_uuid(row->task_uuid, task);
    assert_non_null(strstr(row->step_name.ptr, "named-step"));
    assert_int_equal(row->to_state, TASKER_STATE_ERROR);
    assert_int_equal(row->from_state, TASKER_STATE_PENDING);
    assert_int_equal(row->sort_key, 2);
    assert_true(row->most_recent && row->has_seconds_since_previous);
    assert_true(row->seconds_since_previous > 0 && row->seconds_since_previous < 600);
    assert_non_null(row->metadata.ptr);
    tasker_free(row);
    tasker_free(list);
    assert_status(f->db, tasker_workflow_step_transition_get(f->db, &unknown, &row), TASKER_NOT_FOUND);
    assert_null(row);
    assert_status(f->db, tasker_workflow_step_transition_get(f->db, NULL, &row), TASKER_INVALID_ARGUMENT);
}

static tasker_uuid owners[2];

static tasker_status page_of(tasker_db *db, const tasker_page *page, const void **out)
{
    const tasker_workflow_step_transitions *list = NULL;
    tasker_workflow_step_transition_filter filter = {.workflow_step_uuids = owners, .workflow_step_uuid_count = 2};
    tasker_status status = tasker_workflow_step_transition_query(db, &filter, page, &list);
    *out = list;
    return status;
}

static int by_sort_key(const void *a, const void *b)
{
    const tasker_workflow_step_transition *x = a, *y = b;
    int order = tasker_uuid_compare(&x->workflow_step_uuid, &y->workflow_step_uuid);
    return order != 0 ? order : x->sort_key - y->sort_key;
}

static int by_sort_key_descending(const void *a, const void *b)
{
    const tasker_workflow_step_transition *x = a, *y = b;
    int order = tasker_uuid_compare(&x->workflow_step_uuid, &y->workflow_step_uuid);
    return order != 0 ? order : y->sort_key - x->sort_key;
}

static void test_pages(void **state)
{
    fixture *f = *state;
    owners[0] = make_history(f->db, make_task(f->db), 12);
    owners[1] = make_history(f->db, make_task(f->db), 13);
    assert_pages(f->db, page_of, TASKER_ORDER_OLDEST, by_key, 25);
    assert_pages(f->db, page_of, TASKER_ORDER_NEWEST, by_key_descending, 25);
    assert_pages(f->db, page_of, TASKER_ORDER_LEAST_RECENT, by_sort_key, 25);
    assert_pages(f->db, page_of, TASKER_ORDER_MOST_RECENT, by_sort_key_descending, 25);
    const void *list = NULL;
    assert_status(f->db, page_of(f->db, &(tasker_page){.order = TASKER_ORDER_NAME}, &list), TASKER_UNSUPPORTED);
}

static void test_filters(void **state)
{
    fixture *f = *state;
    tasker_uuid task = make_task(f->db), both[] = {make_history(f->db, task, 5), make_history(f->db, task, 1)};
    static const tasker_state pending = TASKER_STATE_PENDING, none = TASKER_STATE_NONE, error = TASKER_STATE_ERROR,
                              two[] = {TASKER_STATE_ERROR, TASKER_STATE_IN_PROGRESS};
#define OF_BOTH .workflow_step_uuids = both, .workflow_step_uuid_count = 2
    assert_int_equal(FOUND(f, workflow_step_transition, OF_BOTH), 6);
    assert_int_equal(FOUND(f, workflow_step_transition, .workflow_step_uuids = both, .workflow_step_uuid_count = 0), 0);
    assert_int_equal(FOUND(f, workflow_step_transition, OF_BOTH, .to_states = &pending, .to_state_count = 1), 4);
    assert_int_equal(FOUND(f, workflow_step_transition, OF_BOTH, .to_states = two, .to_state_count = 2), 2);
    assert_int_equal(FOUND(f, workflow_step_transition, OF_BOTH, .from_states = &none, .from_state_count = 1), 2);
    assert_int_equal(FOUND(f, workflow_step_transition, OF_BOTH, .from_states = &error, .from_state_count = 1), 2);
    assert_int_equal(FOUND(f, workflow_step_transition, OF_BOTH, .from_states = &error, .from_state_count = 1,
                           .to_states = two, .to_state_count = 2),
                     0);
    assert_int_equal(FOUND(f, workflow_step_transition, OF_BOTH, TASKER_SET(most_recent, true)), 2);
    assert_int_equal(FOUND(f, workflow_step_transition, OF_BOTH, TASKER_SET(most_recent, false)), 4);
    assert_int_equal(FOUND(f, workflow_step_transition, .task_uuids = &task, .task_uuid_count = 1), 6);
    assert_int_equal(FOUND(f, workflow_step_transition, .task_uuids = &task, .task_uuid_count = 1,
                           .workflow_step_uuids = both, .workflow_step_uuid_count = 1),
                     5);
    const tasker_workflow_step_transitions *list = NULL;
    tasker_workflow_step_transition_filter filter = {OF_BOTH};
    assert_status(f->db, tasker_workflow_step_transition_query(f->db, &filter, NULL, &list), TASKER_OK);
    tasker_time third = list->items[2]->created_at;
    tasker_free(list);
    assert_int_equal(FOUND(f, workflow_step_transition, OF_BOTH, .created = {TASKER_SET(since, third)}), 4);
    assert_int_equal(FOUND(f, workflow_step_transition, OF_BOTH, .created = {TASKER_SET(until, third)}), 2);
    filter = (tasker_workflow_step_transition_filter){.to_states = &none, .to_state_count = 1};
    assert_status(f->db, tasker_workflow_step_transition_query(f->db, &filter, NULL, &list), TASKER_INVALID_ARGUMENT);
    filter = (tasker_workflow_step_transition_filter){.reserved = {1, 0, 0, 0}};
    assert_status(f->db, tasker_workflow_step_transition_query(f->db, &filter, NULL, &list), TASKER_UNSUPPORTED);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_get),
        cmocka_unit_test(test_pages),
        cmocka_unit_test(test_filters),
    };
    return db_test_run(tests);
}
