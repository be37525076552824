/* SPDX-License-Identifier: MIT */
/* State events: what each operation tells. */
#include "ear.h"

static void test_single_arrows(void **state)
{
    ear e;
    const fixture *f = *state;
    made_flow flow =
        make_flow_with(f->db, "abc", "", &(tasker_step_definition){.skippable = true, .has_skippable = true});
    tasker_db *db = open_with_ear(f, &e, &flow);
    OK(step_event(db, *STEP('a'), TASKER_EVENT_START));
    assert_heard(e, "task pending>in_progress start, a pending>in_progress start 1");
    OK(step_event(db, *STEP('a'), TASKER_EVENT_COMPLETE));
    assert_heard(e, "a in_progress>complete complete 1");
    OK(tasker_workflow_step_apply(db, STEP('b'), 2, TASKER_EVENT_ENQUEUE, NULL, NULL));
    assert_heard(e, "b pending>enqueued enqueue 0, c pending>enqueued enqueue 0");
    OK(step_event(db, *STEP('b'), TASKER_EVENT_FAIL));
    assert_heard(e, "b enqueued>error fail 0");
    OK(step_event(db, *STEP('b'), TASKER_EVENT_RETRY));
    assert_heard(e, "b error>pending retry 0");
    OK(step_event(db, *STEP('b'), TASKER_EVENT_CANCEL));
    assert_heard(e, "b pending>cancelled cancel 0");
    OK(tasker_workflow_step_skip(db, STEP('c'), 1, NULL, NULL));
    assert_heard(e, "c enqueued>resolved_manually resolve_manually 0");
    OK(task_event(db, flow.task_uuid, TASKER_EVENT_FAIL));
    assert_heard(e, "task in_progress>error fail");
    OK(task_event(db, flow.task_uuid, TASKER_EVENT_RESOLVE_MANUALLY));
    assert_heard(e, "task error>resolved_manually resolve_manually");
    tasker_db_close(db);
}

static void test_leases(void **state)
{
    ear e;
    const fixture *f = *state;
    made_flow flow = make_flow(f->db, "abc", "");
    tasker_db *db = open_with_ear(f, &e, &flow);
    const tasker_leases *leases = take_step(db, *STEP('a'), TASKER_OK);
    OK(fail_lease(db, leases));
    assert_heard(e, "task pending>in_progress start, a pending>in_progress start 1, a in_progress>error fail 1, "
                    "a error>pending retry 1");
    OK(fail_lease(db, leases)); /* sent again: done before */
    assert_heard(e, "");
    tasker_free(leases);

    leases = take_step(db, *STEP('b'), TASKER_OK);
    OK(complete_lease(db, leases));
    OK(complete_lease(db, leases));
    assert_heard(e, "b pending>in_progress start 1, b in_progress>complete complete 1");
    tasker_free(leases);

    /* a step in error that may be tried again passes through pending */
    bring_step(f->db, *STEP('c'), TASKER_STATE_ERROR);
    tell(tasker_db_conn(f->db),
         "UPDATE tasker_workflow_step_transitions SET created_at = created_at - interval '1 day'"
         " WHERE workflow_step_uuid = '%s'",
         text_of(*STEP('c')));
    leases = take_step(db, *STEP('c'), TASKER_OK);
    assert_heard(e, "c error>pending retry 2, c pending>in_progress start 2");
    tasker_free(leases);
    tasker_db_close(db);
}

static void test_whole_tasks(void **state)
{
    ear e;
    const fixture *f = *state;
    made_flow flow = make_flow(f->db, "abc", "ab");
    tasker_db *db = open_with_ear(f, &e, &flow);
    bring_step(f->db, *STEP('a'), TASKER_STATE_ERROR);
    bring_step(f->db, *STEP('c'), TASKER_STATE_COMPLETE);
    tell(tasker_db_conn(f->db), "UPDATE tasker_workflow_steps SET retryable = false WHERE workflow_step_uuid = '%s'",
         text_of(*STEP('a')));
    OK(tasker_task_finalize(db, &flow.task_uuid, 1, NULL, NULL));
    assert_heard(e, "task in_progress>error fail");
    OK(tasker_task_reset(db, &flow.task_uuid, 1, NULL, NULL));
    assert_heard(e, "task error>pending reset, a error>pending reset 0");
    OK(tasker_task_cancel(db, &flow.task_uuid, 1, NULL, NULL));
    assert_heard(e, "task pending>cancelled cancel, a pending>cancelled cancel 0, b pending>cancelled cancel 0");
    assert_status(db, tasker_task_cancel(db, &flow.task_uuid, 1, NULL, NULL), TASKER_NOOP);
    assert_heard(e, "");
    tasker_db_close(db);
}

/* The task has its row already; a step without history gets one row that says all. */
static void test_steps_of_a_cancelled_task(void **state)
{
    ear e;
    const fixture *f = *state;
    made_flow flow = make_flow(f->db, "ab", "");
    tasker_db *db = open_with_ear(f, &e, &flow);
    OK(task_event(f->db, flow.task_uuid, TASKER_EVENT_CANCEL));
    tell(tasker_db_conn(f->db), "DELETE FROM tasker_workflow_step_transitions WHERE workflow_step_uuid = '%s'",
         text_of(*STEP('b')));
    OK(tasker_task_cancel(db, &flow.task_uuid, 1, NULL, NULL));
    assert_heard(e, "a pending>cancelled cancel 0, b pending>cancelled cancel 0");
    tasker_db_close(db);
}

static void test_finalize_from_pending(void **state)
{
    ear e;
    const fixture *f = *state;
    made_flow flow = make_flow(f->db, "a", "");
    tasker_db *db = open_with_ear(f, &e, &flow);
    OK(step_event(db, *STEP('a'), TASKER_EVENT_RESOLVE_MANUALLY));
    assert_heard(e, "a pending>resolved_manually resolve_manually 0");
    OK(tasker_task_finalize(db, &flow.task_uuid, 1, NULL, NULL));
    assert_heard(e, "task pending>in_progress start, task in_progress>complete complete");
    assert_status(db, tasker_task_finalize(db, &flow.task_uuid, 1, NULL, NULL), TASKER_NOOP);
    assert_heard(e, "");
    tasker_db_close(db);
}

static void test_reset_with_descendants(void **state)
{
    ear e;
    const fixture *f = *state;
    made_flow flow = make_flow(f->db, "abc", "ab bc");
    tasker_db *db = open_with_ear(f, &e, &flow);
    bring_step(f->db, *STEP('a'), TASKER_STATE_COMPLETE);
    bring_step(f->db, *STEP('b'), TASKER_STATE_COMPLETE);
    OK(tasker_workflow_step_reset(db, STEP('b'), 1, false, NULL, NULL));
    assert_heard(e, "b complete>pending reset 0");
    bring_step(f->db, *STEP('b'), TASKER_STATE_COMPLETE);
    OK(tasker_workflow_step_reset(db, STEP('a'), 1, true, NULL, NULL));
    assert_heard(e, "a complete>pending reset 0, b complete>pending reset 0");
    tasker_db_close(db);
}

/* The first row of a history is no change of state, also where an operation writes it in a second round. */
static void test_histories_without_rows(void **state)
{
    ear e;
    const fixture *f = *state;
    made_flow flow = make_flow(f->db, "ab", "");
    tasker_db *db = open_with_ear(f, &e, &flow);
    tell(tasker_db_conn(f->db), "DELETE FROM tasker_workflow_step_transitions WHERE workflow_step_uuid = '%s'",
         text_of(*STEP('a')));
    OK(tasker_db_begin(db, NULL));
    OK(tasker_workflow_step_apply(db, STEP('a'), 2, TASKER_EVENT_START, NULL, NULL));
    OK(tasker_db_commit(db));
    assert_heard(e, "task pending>in_progress start, b pending>in_progress start 1, a pending>in_progress start 1");

    made_flow other = make_flow(f->db, "a", "");
    tell(tasker_db_conn(f->db), "DELETE FROM tasker_workflow_step_transitions WHERE workflow_step_uuid = '%s'",
         text_of(other.steps[0]));
    tell(tasker_db_conn(f->db), "DELETE FROM tasker_task_transitions WHERE task_uuid = '%s'", text_of(other.task_uuid));
    e.flow = &other;
    OK(task_event(db, other.task_uuid, TASKER_EVENT_START));
    OK(step_event(db, other.steps[0], TASKER_EVENT_START));
    assert_heard(e, "task pending>in_progress start, a pending>in_progress start 1");
    tasker_db_close(db);
}

/* Each handle tells of what it did itself. */
static void test_losers_tell_nothing(void **state)
{
    ear first, second;
    const fixture *f = *state;
    made_flow flow = make_flow(f->db, "ab", "ab");
    tasker_db *db = open_with_ear(f, &first, &flow), *other = open_with_ear(f, &second, &flow);
    const tasker_leases *leases = take_step(db, *STEP('a'), TASKER_OK);
    first.heard[0] = '\0';
    take_step(other, *STEP('a'), TASKER_CONFLICT);
    assert_status(other, step_event(other, *STEP('a'), TASKER_EVENT_START), TASKER_NOOP);
    assert_status(other, step_event(other, *STEP('b'), TASKER_EVENT_START), TASKER_GUARD_FAILED);
    assert_status(other, step_event(other, *STEP('b'), TASKER_EVENT_COMPLETE), TASKER_INVALID_TRANSITION);
    assert_status(other, step_event(other, new_uuid(), TASKER_EVENT_START), TASKER_NOT_FOUND);
    assert_status(other, tasker_task_finalize(other, &flow.task_uuid, 1, NULL, NULL), TASKER_NOOP);
    OK(complete_lease(db, leases));
    assert_status(other, fail_lease(other, leases), TASKER_CONFLICT);
    assert_heard(first, "a in_progress>complete complete 1");
    assert_heard(second, "");
    tasker_free(leases);
    tasker_db_close(db);
    tasker_db_close(other);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_single_arrows),
        cmocka_unit_test(test_leases),
        cmocka_unit_test(test_whole_tasks),
        cmocka_unit_test(test_steps_of_a_cancelled_task),
        cmocka_unit_test(test_finalize_from_pending),
        cmocka_unit_test(test_reset_with_descendants),
        cmocka_unit_test(test_histories_without_rows),
        cmocka_unit_test(test_losers_tell_nothing),
    };
    return db_test_run(tests);
}
