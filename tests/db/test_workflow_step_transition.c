/* SPDX-License-Identifier: MIT */
#include <tasker/lifecycle.h>
#include "flow_test.h"

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

static tasker_uuid make_owner(tasker_db *db, int count)
{
    return make_history(db, make_task(db), count);
}

static tasker_status replace_metadata(tasker_db *db, const tasker_uuid *key, tasker_json metadata)
{
    return tasker_workflow_step_transition_replace_metadata(db, key, metadata);
}

#define ENTITY workflow_step_transition
#define OWNER workflow_step
#include "history_test.h"

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

static void test_filters(void **state)
{
    fixture *f = *state;
    tasker_uuid task = make_task(f->db), both[] = {make_history(f->db, task, 5), make_history(f->db, task, 1)};
    static const tasker_state pending = TASKER_STATE_PENDING, none = TASKER_STATE_NONE, error = TASKER_STATE_ERROR,
                              two[] = {TASKER_STATE_ERROR, TASKER_STATE_IN_PROGRESS};
#define OF_BOTH .workflow_step_uuids = both, .workflow_step_uuid_count = 2
    assert_int_equal(COUNTED(f, workflow_step_transition, OF_BOTH), 6);
    assert_int_equal(COUNTED(f, workflow_step_transition, .workflow_step_uuids = both, .workflow_step_uuid_count = 0),
                     0);
    assert_int_equal(COUNTED(f, workflow_step_transition, OF_BOTH, .to_states = &pending, .to_state_count = 1), 4);
    assert_int_equal(COUNTED(f, workflow_step_transition, OF_BOTH, .to_states = two, .to_state_count = 2), 2);
    assert_int_equal(COUNTED(f, workflow_step_transition, OF_BOTH, .from_states = &none, .from_state_count = 1), 2);
    assert_int_equal(COUNTED(f, workflow_step_transition, OF_BOTH, .from_states = &error, .from_state_count = 1), 2);
    assert_int_equal(COUNTED(f, workflow_step_transition, OF_BOTH, .from_states = &error, .from_state_count = 1,
                             .to_states = two, .to_state_count = 2),
                     0);
    assert_int_equal(COUNTED(f, workflow_step_transition, OF_BOTH, TASKER_SET(most_recent, true)), 2);
    assert_int_equal(COUNTED(f, workflow_step_transition, OF_BOTH, TASKER_SET(most_recent, false)), 4);
    assert_int_equal(COUNTED(f, workflow_step_transition, .task_uuids = &task, .task_uuid_count = 1), 6);
    assert_int_equal(COUNTED(f, workflow_step_transition, .task_uuids = &task, .task_uuid_count = 1,
                             .workflow_step_uuids = both, .workflow_step_uuid_count = 1),
                     5);
    const tasker_workflow_step_transitions *list = NULL;
    tasker_workflow_step_transition_filter filter = {OF_BOTH};
    assert_status(f->db, tasker_workflow_step_transition_query(f->db, &filter, NULL, &list), TASKER_OK);
    tasker_time third = list->items[2]->created_at;
    tasker_free(list);
    assert_int_equal(COUNTED(f, workflow_step_transition, OF_BOTH, .created = {TASKER_SET(since, third)}), 4);
    assert_int_equal(COUNTED(f, workflow_step_transition, OF_BOTH, .created = {TASKER_SET(until, third)}), 2);
    filter = (tasker_workflow_step_transition_filter){.to_states = &none, .to_state_count = 1};
    assert_status(f->db, tasker_workflow_step_transition_query(f->db, &filter, NULL, &list), TASKER_INVALID_ARGUMENT);
    filter = (tasker_workflow_step_transition_filter){.reserved = {1, 0, 0, 0}};
    assert_status(f->db, tasker_workflow_step_transition_query(f->db, &filter, NULL, &list), TASKER_UNSUPPORTED);
}

/* The newest failure stays while the step is pending: its backoff counts from there. */
static void test_prune(void **state)
{
    fixture *f = *state;
    tasker_uuid owner = make_history(f->db, make_task(f->db), 6), unknown = new_uuid();
    const char *last = "error>pending@3 pending>error@4 error>pending@5 pending>error@6*";
    assert_pruned(f->db, owner, 6, 0);
    assert_pruned(f->db, owner, INT32_MAX, 0);
    assert_pruned(f->db, owner, 4, 2);
    assert_string_equal(step_history(tasker_db_conn(f->db), owner), last);
    assert_pruned(f->db, owner, 4, 0);
    assert_pruned(f->db, owner, 1, 3);
    assert_pruned(f->db, unknown, 1, 0);
    assert_string_equal(step_history(tasker_db_conn(f->db), owner), "pending>error@6*");
    apply(f->db, owner, TASKER_EVENT_RETRY);
    assert_pruned(f->db, owner, 1, 0);
    take_step(f->db, owner, TASKER_GUARD_FAILED); /* it waits */
    apply(f->db, owner, TASKER_EVENT_CANCEL);
    assert_pruned(f->db, owner, 1, 2);
    assert_string_equal(step_history(tasker_db_conn(f->db), owner), "pending>cancelled@8*");
    assert_status(f->db, tasker_workflow_step_transition_prune(f->db, &owner, 0, NULL), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, tasker_workflow_step_transition_prune(f->db, &owner, INT32_MIN, NULL),
                  TASKER_INVALID_ARGUMENT);
    assert_status(f->db, tasker_workflow_step_transition_prune(f->db, NULL, 1, NULL), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, tasker_workflow_step_transition_prune(f->db, &owner, 1, NULL), TASKER_OK);
}

static void test_filter_of_attempt_number(void **state)
{
    fixture *f = *state;
    tasker_uuid keys[3], owner = make_owner(f->db, 3);
    read_keys(f->db, owner, keys, 3);
    set_metadata(f->db, keys[0], "{\"attempt_number\": 1}");
    set_metadata(f->db, keys[1], "{\"attempt_number\": 1.0}");
    set_metadata(f->db, keys[2], "{\"attempt_number\": \"1\"}");
    assert_int_equal(ROWS(OF(&owner, 1), TASKER_SET(attempt_number, 1)), 2);
    assert_int_equal(ROWS(OF(&owner, 1), TASKER_SET(attempt_number, 1), TASKER_SET(most_recent, false)), 2);
    assert_int_equal(ROWS(OF(&owner, 1), TASKER_SET(attempt_number, 0)), 0);
}

/* What failed and is tried again, by itself or by a worker who takes it from error; an operator's retry is none. */
static void test_filter_of_retries(void **state)
{
    fixture *f = *state;
    made_flow flow = make_flow_limited(f->db, 3);
    const tasker_leases *leases = take_step(f->db, flow.steps[0], TASKER_OK);
    assert_status(f->db, fail_lease(f->db, leases), TASKER_OK);
    tasker_free(leases);
    tasker_uuid by_hand = make_history(f->db, flow.task_uuid, 3);
#define OF_FLOW .task_uuids = &flow.task_uuid, .task_uuid_count = 1
    assert_int_equal(COUNTED(f, workflow_step_transition, OF_FLOW), 7);
    assert_int_equal(COUNTED(f, workflow_step_transition, OF_FLOW, .retries = true), 1);
    assert_int_equal(COUNTED(f, workflow_step_transition, OF_FLOW, TASKER_SET(attempt_number, 1)), 3);
    assert_int_equal(COUNTED(f, workflow_step_transition, OF_FLOW, .retries = true, TASKER_SET(attempt_number, 1)), 1);
    apply(f->db, by_hand, TASKER_EVENT_FAIL);
    tell(tasker_db_conn(f->db), "UPDATE tasker_workflow_step_transitions SET created_at = created_at - interval '1 h'");
    leases = take_step(f->db, by_hand, TASKER_OK);
    assert_int_equal(COUNTED(f, workflow_step_transition, OF_FLOW, .retries = true), 2);
    assert_status(f->db, complete_lease(f->db, leases), TASKER_OK);
    tasker_free(leases);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_get),
        HISTORY_TESTS,
        cmocka_unit_test(test_filters),
        cmocka_unit_test(test_prune),
        cmocka_unit_test(test_filter_of_attempt_number),
        cmocka_unit_test(test_filter_of_retries),
    };
    return db_test_run(tests);
}
