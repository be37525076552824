/* SPDX-License-Identifier: MIT */
#include "flow_test.h"
#include <tasker/lifecycle.h>

static void test_create_and_get(void **state)
{
    fixture *f = *state;
    tasker_workflow_step_input input = {
        .task_uuid = make_task(f->db),
        .named_step_uuid = make_named_step(f->db),
        TASKER_SET(retryable, false),
        TASKER_SET(skippable, true),
        TASKER_SET(retry_limit, 0),
        TASKER_SET(priority, 9),
        .inputs = TASKER_JSON("{\"a\": [1, null]}"),
        .reference_id = TASKER_TEXT("4711"),
    };
    const tasker_workflow_step *made = NULL, *got = NULL;
    assert_status(f->db, tasker_workflow_step_create(f->db, &input, &made), TASKER_OK);
    assert_status(f->db, tasker_workflow_step_get(f->db, &made->workflow_step_uuid, &got), TASKER_OK);
    assert_uuid(got->workflow_step_uuid, made->workflow_step_uuid);
    assert_uuid(got->task_uuid, input.task_uuid);
    assert_uuid(got->named_step_uuid, input.named_step_uuid);
    assert_true(!got->retryable && got->skippable && got->has_retry_limit);
    assert_int_equal(got->retry_limit, 0);
    assert_int_equal(got->priority, 9);
    assert_string_equal(got->inputs.ptr, "{\"a\": [1, null]}");
    assert_text(got->reference_id, "4711");
    assert_false(got->in_process || got->processed || got->has_attempts || got->has_processed_at);
    assert_null(got->results.ptr);
    tasker_free(made);
    tasker_free(got);
}

static void test_defaults_and_first_transition(void **state)
{
    fixture *f = *state;
    tasker_uuid key = make_step(f->db, make_task(f->db));
    const tasker_workflow_step *step = NULL;
    assert_status(f->db, tasker_workflow_step_get(f->db, &key, &step), TASKER_OK);
    assert_true(step->retryable && !step->skippable && step->has_retry_limit);
    assert_int_equal(step->retry_limit, 3);
    assert_int_equal(step->priority, 0);
    assert_int_equal(step->claim_timeout_seconds, 60);
    assert_null(step->inputs.ptr);
    tasker_free(step);
    static const tasker_state pending = TASKER_STATE_PENDING, none = TASKER_STATE_NONE;
    assert_int_equal(COUNTED(f, workflow_step_transition, .workflow_step_uuids = &key, .workflow_step_uuid_count = 1,
                             .to_states = &pending, .to_state_count = 1, .from_states = &none, .from_state_count = 1,
                             TASKER_SET(most_recent, true)),
                     1);
}

static void test_refused(void **state)
{
    fixture *f = *state;
    tasker_uuid unknown = new_uuid(), task = make_task(f->db), named = make_named_step(f->db);
    const tasker_workflow_step *step = (const void *)f;
    assert_status(f->db, tasker_workflow_step_get(f->db, &unknown, &step), TASKER_NOT_FOUND);
    assert_null(step);
    assert_status(f->db, tasker_workflow_step_find_by_name(f->db, &task, T("no such"), &step), TASKER_OK);
    assert_null(step);
    assert_status(f->db, tasker_workflow_step_find_by_name(f->db, NULL, T("x"), &step), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, tasker_workflow_step_find_by_name(f->db, &task, T(NULL), &step), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, tasker_workflow_step_create(f->db, NULL, &step), TASKER_INVALID_ARGUMENT);
    tasker_workflow_step_input input = {.named_step_uuid = named};
    assert_status(f->db, tasker_workflow_step_create(f->db, &input, &step), TASKER_INVALID_ARGUMENT);
    assert_message(f->db, "task_uuid is required");
    input.task_uuid = unknown;
    assert_status(f->db, tasker_workflow_step_create(f->db, &input, &step), TASKER_REFERENCE_MISSING);
    input = (tasker_workflow_step_input){.task_uuid = task};
    assert_status(f->db, tasker_workflow_step_create(f->db, &input, &step), TASKER_INVALID_ARGUMENT);
    input.named_step_uuid = unknown;
    assert_status(f->db, tasker_workflow_step_create(f->db, &input, &step), TASKER_REFERENCE_MISSING);
    input = (tasker_workflow_step_input){.task_uuid = task, .named_step_uuid = named, TASKER_SET(retry_limit, -1)};
    assert_status(f->db, tasker_workflow_step_create(f->db, &input, &step), TASKER_INVALID_ARGUMENT);
    input = (tasker_workflow_step_input){.task_uuid = task, .named_step_uuid = named, .reserved = {9, 0, 0, 0}};
    assert_status(f->db, tasker_workflow_step_create(f->db, &input, &step), TASKER_UNSUPPORTED);
    input = (tasker_workflow_step_input){.task_uuid = task, .named_step_uuid = named, .inputs = TASKER_JSON("{]")};
    assert_status(f->db, tasker_workflow_step_create(f->db, &input, &step), TASKER_INVALID_ARGUMENT);
    input.inputs = tasker_json_of("[{}]");
    assert_status(f->db, tasker_workflow_step_create(f->db, &input, &step), TASKER_INVALID_ARGUMENT);
    assert_message(f->db, "inputs: JSON: no object, which it must be at byte 0");
}

static void test_resend(void **state)
{
    fixture *f = *state;
    tasker_workflow_step_input input = {.workflow_step_uuid = new_uuid(), .task_uuid = make_task(f->db)};
    const tasker_workflow_step *step = NULL;
    input.named_step_uuid = make_named_step(f->db);
    assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
    assert_status(f->db, tasker_workflow_step_create(f->db, &input, NULL), TASKER_OK);
    assert_status(f->db, tasker_workflow_step_create(f->db, &input, &step), TASKER_OK);
    assert_status(f->db, tasker_db_commit(f->db), TASKER_OK);
    assert_uuid(step->workflow_step_uuid, input.workflow_step_uuid);
    assert_int_equal(COUNTED(f, workflow_step_transition, .workflow_step_uuids = &input.workflow_step_uuid,
                             .workflow_step_uuid_count = 1),
                     1);
    tasker_free(step);
}

static void test_into_every_task(void **state)
{
    static const tasker_state states[] = {TASKER_STATE_PENDING,   TASKER_STATE_IN_PROGRESS,
                                          TASKER_STATE_COMPLETE,  TASKER_STATE_ERROR,
                                          TASKER_STATE_CANCELLED, TASKER_STATE_RESOLVED_MANUALLY};
    fixture *f = *state;
    for (size_t i = 0; i < COUNT(states); i++) {
        tasker_uuid task = make_flow(f->db, "", "").task_uuid;
        bool open = i < 2;
        const tasker_workflow_step *step = (const void *)f;
        tasker_workflow_step_input before = {.workflow_step_uuid = new_uuid(), .task_uuid = task}, after;
        before.named_step_uuid = make_named_step(f->db);
        assert_status(f->db, tasker_workflow_step_create(f->db, &before, NULL), TASKER_OK);
        assert_status(f->db, step_event(f->db, before.workflow_step_uuid, TASKER_EVENT_RESOLVE_MANUALLY), TASKER_OK);
        bring_task(f->db, task, states[i]);
        after = before;
        after.workflow_step_uuid = NIL;
        assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
        assert_status(f->db, tasker_workflow_step_create(f->db, &after, &step), open ? TASKER_OK : TASKER_GUARD_FAILED);
        assert_int_equal(step != NULL, open);
        assert_false(tasker_db_session(f->db)->transaction_failed);
        tasker_free(step);
        assert_status(f->db, tasker_workflow_step_create(f->db, &before, NULL), TASKER_OK); /* a resend */
        assert_status(f->db, tasker_db_commit(f->db), TASKER_OK);
        assert_int_equal(COUNTED(f, workflow_step, .task_uuids = &task, .task_uuid_count = 1), open ? 2 : 1);
    }
}

static void test_find_by_name(void **state)
{
    fixture *f = *state;
    tasker_uuid task = make_task(f->db), other = make_task(f->db), named = make_named_step(f->db);
    const tasker_named_step *kind = NULL;
    const tasker_workflow_step *found = NULL;
    tasker_workflow_step_input first = {.workflow_step_uuid = new_uuid(), .task_uuid = task, .named_step_uuid = named};
    tasker_workflow_step_input second = {.task_uuid = task, .named_step_uuid = named};
    assert_status(f->db, tasker_named_step_get(f->db, &named, &kind), TASKER_OK);
    assert_status(f->db, tasker_workflow_step_create(f->db, &first, NULL), TASKER_OK);
    assert_status(f->db, tasker_workflow_step_create(f->db, &second, NULL), TASKER_OK);
    assert_status(f->db, tasker_workflow_step_find_by_name(f->db, &task, kind->name, &found), TASKER_OK);
    assert_uuid(found->workflow_step_uuid, first.workflow_step_uuid);
    tasker_free(found);
    assert_status(f->db, tasker_workflow_step_find_by_name(f->db, &other, kind->name, &found), TASKER_OK);
    assert_null(found);
    tasker_free(kind);
}

static void test_get_states(void **state)
{
    fixture *f = *state;
    tasker_uuid task = make_task(f->db), keys[] = {make_step(f->db, task), new_uuid(), make_step(f->db, task)};
    tasker_state states[3];
    assert_status(f->db, tasker_workflow_step_apply(f->db, &keys[2], 1, TASKER_EVENT_CANCEL, NULL, NULL), TASKER_OK);
    tell(tasker_db_conn(f->db), "DELETE FROM tasker_workflow_step_transitions WHERE workflow_step_uuid = '%s'",
         text_of(keys[0]));
    assert_status(f->db, tasker_workflow_step_get_states(f->db, keys, 3, states), TASKER_OK);
    assert_int_equal(states[0], TASKER_STATE_PENDING);
    assert_int_equal(states[1], TASKER_STATE_NONE);
    assert_int_equal(states[2], TASKER_STATE_CANCELLED);
    assert_status(f->db, tasker_workflow_step_get_states(f->db, NULL, 3, states), TASKER_INVALID_ARGUMENT);
}

static tasker_status create_referring(tasker_db *db, tasker_text text, void *context)
{
    (void)context;
    tasker_workflow_step_input input = {.task_uuid = make_task(db), .named_step_uuid = make_named_step(db)};
    input.reference_id = text;
    return tasker_workflow_step_create(db, &input, NULL);
}

static void test_texts(void **state)
{
    fixture *f = *state;
    tasker_workflow_step_input input = {.task_uuid = make_task(f->db), .named_step_uuid = make_named_step(f->db)};
    assert_limit(f->db, create_referring, NULL, 255);
    for (size_t i = 0; i < hostile_count; i++) {
        const tasker_workflow_step *step = NULL;
        input.reference_id = T(hostile[i]);
        assert_status(f->db, tasker_workflow_step_create(f->db, &input, &step), TASKER_OK);
        assert_text(step->reference_id, hostile[i]);
        tasker_free(step);
    }
}

/* ---- what a row says by itself ---- */

static void test_has_attempts_left(void **state)
{
    (void)state;
    static const struct {
        tasker_workflow_step step;
        bool left;
    } cases[] = {
        {.left = true},
        {{TASKER_SET(attempts, 2)}, true},
        {{TASKER_SET(attempts, 3)}, false},
        {{TASKER_SET(attempts, 0), TASKER_SET(retry_limit, 0)}, true},
        {{TASKER_SET(attempts, 1), TASKER_SET(retry_limit, 0)}, false},
        {{TASKER_SET(attempts, 3), TASKER_SET(retry_limit, 4)}, true},
        {{TASKER_SET(attempts, INT32_MAX), TASKER_SET(retry_limit, INT32_MAX)}, false},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_int_equal(tasker_workflow_step_has_attempts_left(&cases[i].step), cases[i].left);
}

static void test_is_waiting_and_eligible(void **state)
{
    (void)state;
    tasker_time now = {1000000000};
    tasker_workflow_step step = {TASKER_SET(backoff_request_seconds, 10)};
    assert_false(tasker_workflow_step_is_waiting(&step, now));
    step.has_last_attempted_at = true;
    step.last_attempted_at.us = now.us - 10000000;
    assert_false(tasker_workflow_step_is_waiting(&step, now));
    assert_true(tasker_workflow_step_is_eligible(&step, now));
    step.last_attempted_at.us += 1;
    assert_true(tasker_workflow_step_is_waiting(&step, now));
    assert_false(tasker_workflow_step_is_eligible(&step, now));
    step.has_backoff_request_seconds = false;
    assert_false(tasker_workflow_step_is_waiting(&step, now));
    step.processed = true;
    assert_false(tasker_workflow_step_is_eligible(&step, now));
    step.processed = false;
    step.in_process = true;
    assert_false(tasker_workflow_step_is_eligible(&step, now));
    step = (tasker_workflow_step){TASKER_SET(backoff_request_seconds, INT32_MAX)};
    step.has_last_attempted_at = true;
    step.last_attempted_at.us = INT64_MAX;
    assert_true(tasker_workflow_step_is_waiting(&step, (tasker_time){INT64_MIN}));
    step.last_attempted_at.us = INT64_MIN;
    assert_false(tasker_workflow_step_is_waiting(&step, (tasker_time){INT64_MAX}));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_create_and_get),    cmocka_unit_test(test_defaults_and_first_transition),
        cmocka_unit_test(test_refused),           cmocka_unit_test(test_resend),
        cmocka_unit_test(test_into_every_task),   cmocka_unit_test(test_find_by_name),
        cmocka_unit_test(test_get_states),        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_has_attempts_left), cmocka_unit_test(test_is_waiting_and_eligible),
    };
    return db_test_run(tests);
}
