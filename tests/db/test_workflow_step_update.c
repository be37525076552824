/* SPDX-License-Identifier: MIT */
/* Steps changed and deleted. */
#include "flow_test.h"

static void test_update(void **state)
{
    fixture *f = *state;
    tasker_uuid key = make_step(f->db, make_task(f->db));
    const tasker_workflow_step *before = NULL, *step = NULL;
    assert_status(f->db, tasker_workflow_step_get(f->db, &key, &before), TASKER_OK);
    tasker_workflow_step_input all = {TASKER_SET(retryable, false),        TASKER_SET(skippable, true),
                                      TASKER_SET(retry_limit, 7),          TASKER_SET(priority, -2),
                                      .inputs = TASKER_JSON("{\"a\": 1}"), .reference_id = TASKER_TEXT("ref")};
    assert_status(f->db, tasker_workflow_step_update(f->db, &key, &all, NULL), TASKER_OK);
    tasker_workflow_step_input one = {.workflow_step_uuid = key, TASKER_SET(priority, 3)};
    assert_status(f->db, tasker_workflow_step_update(f->db, &key, &one, &step), TASKER_OK);
    assert_true(!step->retryable && step->skippable && step->retry_limit == 7 && step->priority == 3);
    assert_string_equal(step->inputs.ptr, "{\"a\": 1}");
    assert_text(step->reference_id, "ref");
    assert_uuid(step->task_uuid, before->task_uuid);
    assert_true(step->updated_at.us > before->updated_at.us && step->created_at.us == before->created_at.us);
    tasker_free(step);
    one = (tasker_workflow_step_input){.inputs = TASKER_CLEAR, .reference_id = TASKER_CLEAR};
    assert_status(f->db, tasker_workflow_step_update(f->db, &key, &one, &step), TASKER_OK);
    assert_null(step->inputs.ptr);
    assert_null(step->reference_id.ptr);
    assert_int_equal(step->retry_limit, 7);
    tasker_free(step);
    tasker_free(before);
    assert_string_equal(step_history(tasker_db_conn(f->db), key), "pending@1*");
}

static tasker_status update_reference(tasker_db *db, tasker_text text, void *context)
{
    return tasker_workflow_step_update(db, context, &(tasker_workflow_step_input){.reference_id = text}, NULL);
}

/* Each refusal leaves row and transaction as they were. */
static void test_update_refused(void **state)
{
    fixture *f = *state;
    tasker_uuid unknown = new_uuid(), key = make_step(f->db, make_task(f->db));
    static const struct {
        tasker_workflow_step_input input;
        tasker_status status;
    } cases[] = {
        {{.workflow_step_uuid = {{1}}}, TASKER_INVALID_ARGUMENT},
        {{.task_uuid = {{1}}}, TASKER_INVALID_ARGUMENT},
        {{.named_step_uuid = {{1}}}, TASKER_INVALID_ARGUMENT},
        {{TASKER_SET(retry_limit, -1)}, TASKER_INVALID_ARGUMENT},
        {{.inputs = TASKER_JSON("{]")}, TASKER_INVALID_ARGUMENT},
        {{.inputs = TASKER_JSON("[]")}, TASKER_INVALID_ARGUMENT},
        {{.inputs = TASKER_JSON("null")}, TASKER_INVALID_ARGUMENT},
        {{.reserved = {0, 0, 0, 1}}, TASKER_UNSUPPORTED},
    };
    const tasker_workflow_step_input nothing = {0};
    const tasker_workflow_step *step = (const void *)f, *before = NULL;
    assert_status(f->db, tasker_workflow_step_get(f->db, &key, &before), TASKER_OK);
    assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_status(f->db, tasker_workflow_step_update(f->db, &key, &cases[i].input, &step), cases[i].status);
        assert_null(step);
    }
    assert_status(f->db, tasker_workflow_step_update(f->db, &key, NULL, &step), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, tasker_workflow_step_update(f->db, NULL, &nothing, &step), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, tasker_workflow_step_update(f->db, &unknown, &nothing, &step), TASKER_NOT_FOUND);
    assert_status(f->db, tasker_workflow_step_update(f->db, &before->task_uuid, &nothing, &step), TASKER_NOT_FOUND);
    assert_status(f->db, tasker_db_commit(f->db), TASKER_OK);
    assert_status(f->db, tasker_workflow_step_get(f->db, &key, &step), TASKER_OK);
    assert_true(step->updated_at.us == before->updated_at.us);
    tasker_free(step);
    tasker_free(before);
    assert_limit(f->db, update_reference, &key, 255);
}

/* The limit does not go below the starts that were; a step under way may be changed otherwise. */
static void test_update_of_started(void **state)
{
    fixture *f = *state;
    made_flow flow = make_flow_limited(f->db, 3);
    for (int i = 0; i < 2; i++) {
        const tasker_leases *leases = take_step(f->db, flow.steps[0], TASKER_OK);
        assert_status(f->db, fail_lease(f->db, leases), TASKER_OK);
        tasker_free(leases);
        tell(tasker_db_conn(f->db), "UPDATE tasker_workflow_steps SET backoff_request_seconds = NULL");
        tell(tasker_db_conn(f->db),
             "UPDATE tasker_workflow_step_transitions SET created_at = created_at - interval '1 h'");
    }
    tasker_workflow_step_input limit = {TASKER_SET(retry_limit, 1)};
    assert_status(f->db, tasker_workflow_step_update(f->db, &flow.steps[0], &limit, NULL), TASKER_GUARD_FAILED);
    limit.retry_limit = 2;
    assert_status(f->db, tasker_workflow_step_update(f->db, &flow.steps[0], &limit, NULL), TASKER_OK);
    take_step(f->db, flow.steps[0], TASKER_GUARD_FAILED);
    limit.retry_limit = 3;
    assert_status(f->db, tasker_workflow_step_update(f->db, &flow.steps[0], &limit, NULL), TASKER_OK);
    const tasker_leases *leases = take_step(f->db, flow.steps[0], TASKER_OK);
    tasker_workflow_step_input inputs = {.inputs = TASKER_JSON("{}")};
    assert_status(f->db, tasker_workflow_step_update(f->db, &flow.steps[0], &inputs, NULL), TASKER_OK);
    assert_status(f->db, complete_lease(f->db, leases), TASKER_OK);
    tasker_free(leases);
}

/* Whoever is about to find the task blocked holds its row. */
static void test_update_waits_for_the_task(void **state)
{
    fixture *f = *state;
    tasker_uuid task = make_task(f->db), key = make_step(f->db, task);
    tasker_db *second = db_test_open(f);
    const tasker_workflow_step_input input = {TASKER_SET(retryable, true)};
    tell(tasker_db_conn(second), "SET lock_timeout = '50ms'");
    assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
    tell(tasker_db_conn(f->db), "SELECT FROM tasker_tasks WHERE task_uuid = '%s' FOR NO KEY UPDATE", text_of(task));
    assert_status(second, tasker_workflow_step_update(second, &key, &input, NULL), TASKER_TIMEOUT);
    assert_status(f->db, tasker_db_commit(f->db), TASKER_OK);
    assert_status(second, tasker_workflow_step_update(second, &key, &input, NULL), TASKER_OK);
    tasker_db_close(second);
}

static void test_delete(void **state)
{
    fixture *f = *state;
    tasker_uuid s[3], task = make_task_of_steps(f->db, s, 3);
    assert_status(f->db, join_steps(f->db, s[0], s[1]), TASKER_OK);
    for (int i = 0; i < 2; i++) {
        assert_status(f->db, tasker_workflow_step_delete(f->db, &s[i]), TASKER_STILL_REFERENCED);
        assert_string_equal(step_history(tasker_db_conn(f->db), s[i]), "pending@1*");
    }
    assert_status(f->db, step_event(f->db, s[2], TASKER_EVENT_START), TASKER_OK);
    assert_status(f->db, tasker_workflow_step_delete(f->db, &s[2]), TASKER_STILL_REFERENCED);
    assert_string_equal(step_history(tasker_db_conn(f->db), s[2]), "pending@1 pending>in_progress@2*");
    assert_status(f->db, tasker_workflow_step_edge_delete_between(f->db, &s[0], &s[1], NULL), TASKER_OK);
    tell(tasker_db_conn(f->db), "DELETE FROM tasker_workflow_step_transitions WHERE workflow_step_uuid = '%s'",
         text_of(s[1])); /* without history, as another program leaves it */
    assert_status(f->db, tasker_workflow_step_delete(f->db, &s[0]), TASKER_OK);
    assert_status(f->db, tasker_workflow_step_delete(f->db, &s[1]), TASKER_OK);
    assert_status(f->db, tasker_workflow_step_delete(f->db, &s[0]), TASKER_NOT_FOUND);
    assert_status(f->db, tasker_workflow_step_delete(f->db, &task), TASKER_NOT_FOUND);
    assert_status(f->db, tasker_workflow_step_delete(f->db, NULL), TASKER_INVALID_ARGUMENT);
    assert_int_equal(COUNTED(f, workflow_step, .task_uuids = &task, .task_uuid_count = 1), 1);
}

static tasker_status delete_or_start(tasker_db *db, int i, void *context)
{
    const tasker_uuid *key = context;
    return i % 2 == 0 ? tasker_workflow_step_delete(db, key) : step_event(db, *key, TASKER_EVENT_START);
}

/* A step is deleted once, or started once; never both. */
static void test_race_of_delete_and_start(void **state)
{
    fixture *f = *state;
    for (int round = 0; round < 10; round++) {
        tasker_status statuses[RACERS];
        tasker_uuid key = make_step(f->db, make_task(f->db));
        int deleted = 0, started = 0;
        race(f, delete_or_start, &key, statuses);
        for (int i = 0; i < RACERS; i++) {
            deleted += i % 2 == 0 && statuses[i] == TASKER_OK;
            started += i % 2 != 0 && statuses[i] == TASKER_OK;
        }
        assert_int_equal(deleted + started, 1);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_update),
        cmocka_unit_test(test_update_refused),
        cmocka_unit_test(test_update_of_started),
        cmocka_unit_test(test_update_waits_for_the_task),
        cmocka_unit_test(test_delete),
        cmocka_unit_test(test_race_of_delete_and_start),
    };
    return db_test_run(tests);
}
