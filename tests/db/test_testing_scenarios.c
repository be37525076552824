/* SPDX-License-Identifier: MIT */
/* The situations that tasker-core's factories are used for, and what readiness says about each. */
#include <tasker/testing.h>
#include "flow_test.h"

static tasker_db *db;
static const tasker_workflow_ids *ids;

static void create(tasker_testing_shape shape)
{
    const tasker_testing_options options = {.shape = shape};
    tasker_testing_free(ids);
    assert_status(db, tasker_testing_create(db, &options, &ids), TASKER_OK);
}

static void set(size_t step, tasker_state to)
{
    assert_status(db, tasker_testing_set_state(db, &ids->workflow_step_uuids[step], to, false), TASKER_OK);
}

static void play(size_t step, tasker_testing_life life, int32_t attempt)
{
    assert_status(
        db, tasker_testing_play(db, &ids->workflow_step_uuids[step], life, (tasker_text){NULL, 0}, attempt, false),
        TASKER_OK);
}

/* A time from which every wait is over. */
static void freeze_an_hour_ago(void)
{
    tasker_time now;
    assert_status(db, tasker_db_now(db, &now), TASKER_OK);
    now.us -= INT64_C(3600) * 1000000;
    assert_status(db, tasker_testing_freeze(db, &now), TASKER_OK);
}

static void thaw(void)
{
    assert_status(db, tasker_testing_freeze(db, NULL), TASKER_OK);
}

/* "total pending in_progress completed failed ready status", and "blocked" where there are such. */
static const char *context(void)
{
    static char line[128];
    const tasker_execution_context *c = NULL;
    assert_status(db, tasker_execution_context_get(db, &ids->task_uuid, &c), TASKER_OK);
    snprintf(line, sizeof line, "%d: %d pending %d in progress %d completed %d failed %d ready %s", (int)c->total_steps,
             (int)c->pending_steps, (int)c->in_progress_steps, (int)c->completed_steps, (int)c->failed_steps,
             (int)c->ready_steps, tasker_execution_status_name(c->execution_status));
    tasker_free(c);
    return line;
}

/* "state completed_parents/total_parents", and what applies of: eligible, ready. */
static const char *readiness(size_t step)
{
    static char line[128];
    const tasker_step_readiness_filter filter = {.workflow_step_uuids = &ids->workflow_step_uuids[step],
                                                 .workflow_step_uuid_count = 1};
    const tasker_step_readiness_list *list = NULL;
    assert_status(db, tasker_step_readiness_query(db, &filter, &list), TASKER_OK);
    assert_int_equal(list->count, 1);
    const tasker_step_readiness *r = list->items[0];
    assert_true(r->dependencies_satisfied == (r->completed_parents == r->total_parents));
    snprintf(line, sizeof line, "%s %d/%d%s%s", tasker_state_name(r->current_state), r->completed_parents,
             r->total_parents, r->retry_eligible ? " eligible" : "", r->ready_for_execution ? " ready" : "");
    tasker_free(list);
    return line;
}

static int begin(void **state)
{
    db = ((fixture *)*state)->db;
    return 0;
}

static int end(void **state)
{
    (void)state;
    tasker_testing_free(ids);
    ids = NULL;
    return 0;
}

static void test_fresh(void **state)
{
    (void)state;
    create(TASKER_TESTING_SHAPE_LINEAR);
    assert_string_equal(context(), "4: 4 pending 0 in progress 0 completed 0 failed 1 ready has_ready_steps");
    create(TASKER_TESTING_SHAPE_DIAMOND);
    assert_string_equal(context(), "4: 4 pending 0 in progress 0 completed 0 failed 1 ready has_ready_steps");
    assert_string_equal(readiness(0), "pending 0/0 eligible ready");
    for (size_t step = 1; step < 4; step++)
        assert_string_equal(readiness(step), step < 3 ? "pending 0/1 eligible" : "pending 0/2 eligible");
}

static void test_diamond(void **state)
{
    (void)state;
    create(TASKER_TESTING_SHAPE_DIAMOND);
    set(0, TASKER_STATE_COMPLETE);
    assert_string_equal(readiness(1), "pending 1/1 eligible ready");
    assert_string_equal(readiness(2), "pending 1/1 eligible ready");
    assert_string_equal(readiness(3), "pending 0/2 eligible");
    set(1, TASKER_STATE_COMPLETE);
    assert_string_equal(context(), "4: 2 pending 0 in progress 2 completed 0 failed 1 ready has_ready_steps");
    assert_string_equal(readiness(2), "pending 1/1 eligible ready");
    assert_string_equal(readiness(3), "pending 1/2 eligible");
}

static void test_failed_once(void **state)
{
    (void)state;
    freeze_an_hour_ago();
    create(TASKER_TESTING_SHAPE_LINEAR);
    play(0, TASKER_TESTING_LIFE_FAILED, 1);
    assert_string_equal(context(), "4: 3 pending 0 in progress 0 completed 1 failed 0 ready waiting_for_dependencies");
    thaw();
    assert_string_equal(readiness(0), "error 0/0 eligible ready");
    assert_string_equal(context(), "4: 3 pending 0 in progress 0 completed 1 failed 1 ready has_ready_steps");
}

static void test_failed_for_good(void **state)
{
    (void)state;
    freeze_an_hour_ago();
    create(TASKER_TESTING_SHAPE_LINEAR);
    play(0, TASKER_TESTING_LIFE_FAILED, 3);
    thaw();
    assert_string_equal(readiness(0), "error 0/0");
    assert_string_equal(context(), "4: 3 pending 0 in progress 0 completed 1 failed 0 ready blocked_by_failures");
}

static void test_retried(void **state)
{
    (void)state;
    create(TASKER_TESTING_SHAPE_LINEAR);
    set(0, TASKER_STATE_COMPLETE);
    set(1, TASKER_STATE_ERROR);
    play(1, TASKER_TESTING_LIFE_RETRY, 2);
    assert_string_equal(context(), "4: 2 pending 0 in progress 2 completed 0 failed 1 ready has_ready_steps");
}

static void test_in_progress(void **state)
{
    (void)state;
    create(TASKER_TESTING_SHAPE_LINEAR);
    set(0, TASKER_STATE_IN_PROGRESS);
    assert_string_equal(context(), "4: 3 pending 1 in progress 0 completed 0 failed 0 ready processing");
    assert_string_equal(readiness(0), "in_progress 0/0 eligible");
}

#define SCENARIO(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        SCENARIO(test_fresh),           SCENARIO(test_diamond), SCENARIO(test_failed_once),
        SCENARIO(test_failed_for_good), SCENARIO(test_retried), SCENARIO(test_in_progress),
    };
    return db_test_run(tests);
}
