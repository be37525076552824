/* SPDX-License-Identifier: MIT */
/* Single steps that libtasker-testing moves: every state, and lives. */
#include <tasker/pipeline.h>
#include <tasker/testing.h>
#include "flow_test.h"

static const tasker_text nothing;

static tasker_uuid new_step(fixture *f)
{
    return FLOW_STEP(make_flow(f->db, "a", ""), 'a');
}

static tasker_status set(tasker_db *db, tasker_uuid step, tasker_state to)
{
    return tasker_testing_set_state(db, &step, to, false);
}

/* ---- states ---- */

/* From each state to each other: a legal history, a row that agrees, no more rows than the way needs. */
static void test_set_state(void **state)
{
    enum { FIRST = TASKER_STATE_PENDING, LAST = TASKER_STATE_RESOLVED_MANUALLY };
    static const int rows[LAST + 1][LAST + 1] = {
        /*                                 pend enq prog comp err canc res */
        [TASKER_STATE_PENDING] = {0, 0, 2, 2, 3, 3, 2, 2},
        [TASKER_STATE_ENQUEUED] = {0, 5, 0, 3, 4, 4, 3, 3},
        [TASKER_STATE_IN_PROGRESS] = {0, 4, 5, 0, 3, 3, 3, 3},
        [TASKER_STATE_COMPLETE] = {0, 1, 2, 2, 0, 3, 2, 2},
        [TASKER_STATE_ERROR] = {0, 4, 5, 5, 6, 0, 4, 4},
        [TASKER_STATE_CANCELLED] = {0, 1, 2, 2, 3, 3, 0, 2},
        [TASKER_STATE_RESOLVED_MANUALLY] = {0, 1, 2, 2, 3, 3, 2, 0},
    };
    fixture *f = *state;
    PGconn *conn = db_test_psql(f);
    for (int from = FIRST; from <= LAST; from++)
        for (int to = FIRST; to <= LAST; to++) {
            tasker_uuid step = new_step(f);
            if (from != TASKER_STATE_PENDING)
                assert_status(f->db, set(f->db, step, (tasker_state)from), TASKER_OK);
            assert_status(f->db, set(f->db, step, (tasker_state)to), from == to ? TASKER_NOOP : TASKER_OK);
            assert_string_equal(step_state(conn, step), tasker_state_name((tasker_state)to));
            if (from != to)
                assert_int_equal(ask_number(conn,
                                            "SELECT count(*) FROM tasker_workflow_step_transitions"
                                            " WHERE workflow_step_uuid = '%s'",
                                            text_of(step)),
                                 rows[from][to]);
        }
    PQfinish(conn);
}

static void test_flags_may_stay_behind(void **state)
{
    fixture *f = *state;
    PGconn *conn = db_test_psql(f);
    made_flow flow = make_flow(f->db, "a", "");
    assert_status(f->db, tasker_testing_set_state(f->db, &flow.steps[0], TASKER_STATE_COMPLETE, true), TASKER_OK);
    assert_string_equal(step_state(conn, flow.steps[0]), "complete");
    assert_string_equal(step_row(conn, flow.steps[0]), "");
    assert_int_not_equal(db_test_violations_of(conn, "I08"), 0);
    remove_flow(conn, &flow);
    PQfinish(conn);
}

static void test_set_state_refused(void **state)
{
    fixture *f = *state;
    tasker_uuid step = new_step(f);
    assert_status(f->db, set(f->db, new_uuid(), TASKER_STATE_ERROR), TASKER_NOT_FOUND);
    assert_int_equal(set(f->db, step, TASKER_STATE_NONE), TASKER_INVALID_ARGUMENT);
    assert_int_equal(set(f->db, step, (tasker_state)8), TASKER_INVALID_ARGUMENT);
    assert_int_equal(tasker_testing_set_state(f->db, NULL, TASKER_STATE_ERROR, false), TASKER_INVALID_ARGUMENT);
    assert_false(tasker_db_session(f->db)->in_transaction);

    tasker_pipeline *pipeline = NULL;
    assert_status(f->db, tasker_pipeline_open(f->db, NULL, &pipeline), TASKER_OK);
    assert_int_equal(set(tasker_pipeline_db(pipeline), step, TASKER_STATE_ERROR), TASKER_UNSUPPORTED);
    tasker_pipeline_close(pipeline);
}

/* Inside a transaction of the caller's: one unit, which goes with it. */
static void test_transactions(void **state)
{
    fixture *f = *state;
    PGconn *conn = db_test_psql(f);
    tasker_uuid step = new_step(f);
    assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
    assert_status(f->db, set(f->db, step, TASKER_STATE_ENQUEUED), TASKER_OK);
    assert_status(f->db, set(f->db, new_uuid(), TASKER_STATE_ERROR), TASKER_NOT_FOUND);
    assert_status(f->db, tasker_testing_create_mix(f->db, NULL, 3, NULL), TASKER_OK);
    assert_string_equal(step_state(conn, step), "pending");
    assert_status(f->db, tasker_db_rollback(f->db), TASKER_OK);
    assert_string_equal(step_state(conn, step), "pending");
    PQfinish(conn);
}

/* ---- lives ---- */

static void test_lives(void **state)
{
    static const struct {
        tasker_state before;
        tasker_testing_life life;
        int32_t attempt;
        const char *history, *row;
    } lives[] = {
        {TASKER_STATE_PENDING, TASKER_TESTING_LIFE_COMPLETE, 0,
         "pending@1 pending>in_progress@2 in_progress>complete@3*", "processed attempts=1 results={\"success\": true}"},
        {TASKER_STATE_PENDING, TASKER_TESTING_LIFE_FAILED, 0, "pending@1 pending>in_progress@2 in_progress>error@3*",
         "attempts=1"},
        {TASKER_STATE_PENDING, TASKER_TESTING_LIFE_FAILED, 2,
         "pending@1 pending>in_progress@2 in_progress>error@3 error>pending@4 pending>in_progress@5"
         " in_progress>error@6*",
         "attempts=2"},
        {TASKER_STATE_PENDING, TASKER_TESTING_LIFE_RETRY, 0,
         "pending@1 pending>in_progress@2 in_progress>error@3 error>pending@4 pending>in_progress@5"
         " in_progress>complete@6*",
         "processed attempts=2 results={\"success\": true}"},
        {TASKER_STATE_ERROR, TASKER_TESTING_LIFE_RETRY, 2,
         "pending@1 pending>in_progress@2 in_progress>error@3 error>pending@4 pending>in_progress@5"
         " in_progress>complete@6*",
         "processed attempts=2 results={\"success\": true}"},
        {TASKER_STATE_ERROR, TASKER_TESTING_LIFE_MANUAL, 0,
         "pending@1 pending>in_progress@2 in_progress>error@3 error>resolved_manually@4*", "processed attempts=1"},
        {TASKER_STATE_PENDING, TASKER_TESTING_LIFE_MANUAL, 0,
         "pending@1 pending>in_progress@2 in_progress>error@3 error>resolved_manually@4*", "processed attempts=1"},
        {TASKER_STATE_ENQUEUED, TASKER_TESTING_LIFE_COMPLETE, 1,
         "pending@1 pending>enqueued@2 enqueued>in_progress@3 in_progress>complete@4*",
         "processed attempts=1 results={\"success\": true}"},
        {TASKER_STATE_COMPLETE, TASKER_TESTING_LIFE_FAILED, 1, "pending@1 pending>in_progress@2 in_progress>error@3*",
         "attempts=1"},
    };
    fixture *f = *state;
    PGconn *conn = db_test_psql(f);
    for (size_t i = 0; i < COUNT(lives); i++) {
        tasker_uuid step = new_step(f);
        if (lives[i].before != TASKER_STATE_PENDING)
            assert_status(f->db, set(f->db, step, lives[i].before), TASKER_OK);
        assert_status(f->db, tasker_testing_play(f->db, &step, lives[i].life, nothing, lives[i].attempt, false),
                      TASKER_OK);
        assert_string_equal(step_history(conn, step), lives[i].history);
        assert_string_equal(step_row(conn, step), lives[i].row);
    }
    PQfinish(conn);
}

static const char *metadata(PGconn *conn, tasker_uuid step, const char *to_state)
{
    return ask(conn,
               "SELECT string_agg((metadata - 'created_at')::text, ' ' ORDER BY sort_key)"
               "  FROM tasker_workflow_step_transitions WHERE workflow_step_uuid = '%s' AND to_state = '%s'"
               "   AND metadata ? 'created_at'",
               text_of(step), to_state);
}

static void test_metadata(void **state)
{
    fixture *f = *state;
    PGconn *conn = db_test_psql(f);
    tasker_uuid step = new_step(f);
    assert_status(f->db, tasker_testing_play(f->db, &step, TASKER_TESTING_LIFE_FAILED, T("it's \"broken\""), 0, false),
                  TASKER_OK);
    assert_string_equal(metadata(conn, step, "in_progress"), "{\"factory_created\": true}");
    assert_string_equal(metadata(conn, step, "error"),
                        "{\"error_message\": \"it's \\\"broken\\\"\", \"factory_created\": true}");
    assert_status(f->db, tasker_testing_play(f->db, &step, TASKER_TESTING_LIFE_RETRY, nothing, 0, false), TASKER_OK);
    assert_string_equal(metadata(conn, step, "pending"),
                        "{\"retry_attempt\": true, \"attempt_number\": 2, \"factory_created\": true}");
    assert_string_equal(metadata(conn, step, "complete"), "{\"factory_created\": true, \"execution_duration\": 1.8}");

    step = new_step(f);
    assert_status(f->db, tasker_testing_play(f->db, &step, TASKER_TESTING_LIFE_COMPLETE, nothing, 0, false), TASKER_OK);
    assert_string_equal(metadata(conn, step, "complete"), "{\"factory_created\": true, \"execution_duration\": 2.5}");
    step = new_step(f);
    assert_status(f->db, tasker_testing_play(f->db, &step, TASKER_TESTING_LIFE_MANUAL, T("ada"), 0, false), TASKER_OK);
    assert_string_equal(metadata(conn, step, "error"),
                        "{\"error_message\": \"simulated failure\", \"factory_created\": true}");
    assert_string_equal(metadata(conn, step, "resolved_manually"),
                        "{\"resolved_by\": \"ada\", \"factory_created\": true}");
    PQfinish(conn);
}

static void test_play_refused(void **state)
{
    fixture *f = *state;
    tasker_uuid step = new_step(f), unknown = new_uuid();
    const tasker_testing_life failed = TASKER_TESTING_LIFE_FAILED;
    const tasker_text nul = TASKER_TEXT("a\0b"), wrong = TASKER_TEXT("\xff");
    assert_status(f->db, tasker_testing_play(f->db, &unknown, failed, nothing, 0, false), TASKER_NOT_FOUND);
    assert_int_equal(tasker_testing_play(f->db, &step, failed, nothing, 4, false), TASKER_LIMIT_EXCEEDED);
    assert_int_equal(tasker_testing_play(f->db, &step, failed, nothing, -1, false), TASKER_INVALID_ARGUMENT);
    assert_int_equal(tasker_testing_play(f->db, &step, failed, nul, 0, false), TASKER_INVALID_ARGUMENT);
    assert_int_equal(tasker_testing_play(f->db, &step, failed, wrong, 0, false), TASKER_INVALID_ARGUMENT);
    assert_int_equal(tasker_testing_play(f->db, &step, (tasker_testing_life)0, nothing, 0, false),
                     TASKER_INVALID_ARGUMENT);
    assert_int_equal(tasker_testing_play(f->db, &step, (tasker_testing_life)5, nothing, 0, false),
                     TASKER_INVALID_ARGUMENT);
    assert_false(tasker_db_session(f->db)->in_transaction);
    assert_status(f->db, tasker_db_ping(f->db), TASKER_OK);
}

/* A step whose attempts are used up counts anew, as after an operator's retry. */
static void test_used_up(void **state)
{
    fixture *f = *state;
    PGconn *conn = db_test_psql(f);
    tasker_uuid step = new_step(f);
    assert_status(f->db, tasker_testing_play(f->db, &step, TASKER_TESTING_LIFE_FAILED, nothing, 3, false), TASKER_OK);
    assert_string_equal(step_row(conn, step), "attempts=3");
    assert_status(f->db, tasker_testing_play(f->db, &step, TASKER_TESTING_LIFE_RETRY, nothing, 0, false), TASKER_OK);
    assert_string_equal(step_row(conn, step), "processed attempts=1 results={\"success\": true}");
    PQfinish(conn);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set_state),
        cmocka_unit_test(test_flags_may_stay_behind),
        cmocka_unit_test(test_set_state_refused),
        cmocka_unit_test(test_transactions),
        cmocka_unit_test(test_lives),
        cmocka_unit_test(test_metadata),
        cmocka_unit_test(test_play_refused),
        cmocka_unit_test(test_used_up),
    };
    return db_test_run(tests);
}
