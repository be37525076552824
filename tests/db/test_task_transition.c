/* SPDX-License-Identifier: MIT */
#include <tasker/lifecycle.h>
#include "flow_test.h"

static void apply(tasker_db *db, tasker_uuid task, tasker_event event)
{
    assert_status(db, tasker_task_apply(db, &task, 1, event, NULL, NULL), TASKER_OK);
}

/* pending, in_progress, error, pending, in_progress, error … count rows in all */
static tasker_uuid make_owner(tasker_db *db, int count)
{
    static const tasker_event events[] = {TASKER_EVENT_START, TASKER_EVENT_FAIL, TASKER_EVENT_RESET};
    tasker_uuid task = make_task(db);
    for (int i = 0; i < count - 1; i++)
        apply(db, task, events[i % 3]);
    return task;
}

static tasker_status replace_metadata(tasker_db *db, const tasker_uuid *key, tasker_json metadata)
{
    return tasker_task_transition_replace_metadata(db, key, metadata);
}

#define ENTITY task_transition
#define OWNER task
#include "history_test.h"

static void test_get(void **state)
{
    fixture *f = *state;
    tasker_uuid task = make_owner(f->db, 2), unknown = new_uuid();
    const tasker_task_transitions *list = NULL;
    const tasker_task_transition *row = NULL;
    tasker_task_transition_filter filter = {.task_uuids = &task, .task_uuid_count = 1, TASKER_SET(most_recent, true)};
    assert_status(f->db, tasker_task_transition_query(f->db, &filter, NULL, &list), TASKER_OK);
    assert_int_equal(list->count, 1);
    assert_status(f->db, tasker_task_transition_get(f->db, &list->items[0]->task_transition_uuid, &row), TASKER_OK);
    assert_uuid(row->task_uuid, task);
    assert_int_equal(row->to_state, TASKER_STATE_IN_PROGRESS);
    assert_int_equal(row->from_state, TASKER_STATE_PENDING);
    assert_int_equal(row->sort_key, 2);
    assert_true(row->most_recent && row->has_seconds_since_previous);
    assert_true(row->seconds_since_previous > 0 && row->seconds_since_previous < 600);
    assert_non_null(row->metadata.ptr);
    tasker_free(row);
    tasker_free(list);
    assert_status(f->db, tasker_task_transition_get(f->db, &unknown, &row), TASKER_NOT_FOUND);
    assert_null(row);
    assert_status(f->db, tasker_task_transition_get(f->db, NULL, &row), TASKER_INVALID_ARGUMENT);
}

static void test_filters(void **state)
{
    fixture *f = *state;
    tasker_uuid both[] = {make_owner(f->db, 5), make_owner(f->db, 1)};
    static const tasker_state pending = TASKER_STATE_PENDING, none = TASKER_STATE_NONE, error = TASKER_STATE_ERROR,
                              two[] = {TASKER_STATE_ERROR, TASKER_STATE_IN_PROGRESS};
#define OF_BOTH .task_uuids = both, .task_uuid_count = 2
    assert_int_equal(COUNTED(f, task_transition, OF_BOTH), 6);
    assert_int_equal(COUNTED(f, task_transition, .task_uuids = both, .task_uuid_count = 0), 0);
    assert_int_equal(COUNTED(f, task_transition, OF_BOTH, .to_states = &pending, .to_state_count = 1), 3);
    assert_int_equal(COUNTED(f, task_transition, OF_BOTH, .to_states = two, .to_state_count = 2), 3);
    assert_int_equal(COUNTED(f, task_transition, OF_BOTH, .from_states = &none, .from_state_count = 1), 2);
    assert_int_equal(COUNTED(f, task_transition, OF_BOTH, .from_states = &error, .from_state_count = 1), 1);
    assert_int_equal(COUNTED(f, task_transition, OF_BOTH, .from_states = &error, .from_state_count = 1,
                             .to_states = two, .to_state_count = 2),
                     0);
    assert_int_equal(COUNTED(f, task_transition, OF_BOTH, TASKER_SET(most_recent, true)), 2);
    assert_int_equal(COUNTED(f, task_transition, OF_BOTH, TASKER_SET(most_recent, false)), 4);
    const tasker_task_transitions *list = NULL;
    tasker_task_transition_filter filter = {OF_BOTH};
    assert_status(f->db, tasker_task_transition_query(f->db, &filter, NULL, &list), TASKER_OK);
    tasker_time third = list->items[2]->created_at;
    tasker_free(list);
    assert_int_equal(COUNTED(f, task_transition, OF_BOTH, .created = {TASKER_SET(since, third)}), 4);
    assert_int_equal(COUNTED(f, task_transition, OF_BOTH, .created = {TASKER_SET(until, third)}), 2);
    filter = (tasker_task_transition_filter){.to_states = &none, .to_state_count = 1};
    assert_status(f->db, tasker_task_transition_query(f->db, &filter, NULL, &list), TASKER_INVALID_ARGUMENT);
    filter = (tasker_task_transition_filter){.reserved = {1, 0, 0, 0}};
    assert_status(f->db, tasker_task_transition_query(f->db, &filter, NULL, &list), TASKER_UNSUPPORTED);
}

static void test_prune(void **state)
{
    fixture *f = *state;
    tasker_uuid owner = make_owner(f->db, 7), unknown = new_uuid();
    const char *last = "error>pending@4 pending>in_progress@5 in_progress>error@6 error>pending@7*";
    assert_pruned(f->db, owner, 7, 0);
    assert_pruned(f->db, owner, INT32_MAX, 0);
    assert_pruned(f->db, owner, 4, 3);
    assert_string_equal(task_history(tasker_db_conn(f->db), owner), last);
    assert_pruned(f->db, owner, 4, 0);
    assert_pruned(f->db, owner, 1, 3);
    assert_pruned(f->db, owner, 1, 0);
    assert_pruned(f->db, unknown, 1, 0);
    assert_string_equal(task_history(tasker_db_conn(f->db), owner), "error>pending@7*");
    apply(f->db, owner, TASKER_EVENT_START);
    assert_string_equal(task_history(tasker_db_conn(f->db), owner), "error>pending@7 pending>in_progress@8*");
    assert_status(f->db, tasker_task_transition_prune(f->db, &owner, 0, NULL), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, tasker_task_transition_prune(f->db, &owner, INT32_MIN, NULL), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, tasker_task_transition_prune(f->db, NULL, 1, NULL), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, tasker_task_transition_prune(f->db, &owner, 1, NULL), TASKER_OK);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_get),
        HISTORY_TESTS,
        cmocka_unit_test(test_filters),
        cmocka_unit_test(test_prune),
    };
    return db_test_run(tests);
}
