/* SPDX-License-Identifier: MIT */
/*
 * Two sessions, one of which adds to the graph: an edge against the start of its child, a step against the task's end.
 */
#include "waiting.h"

static tasker_status run_edge(waiting *w)
{
    tasker_workflow_step_edge_input input = {.from_step_uuid = w->uuids[0], .to_step_uuid = w->uuids[1]};
    return tasker_workflow_step_edge_create(w->db, &input, NULL);
}

static tasker_status join(tasker_db *db, tasker_uuid from, tasker_uuid to)
{
    waiting w = {.db = db, .uuids = {from, to}};
    return run_edge(&w);
}

static tasker_uuid named_step_of(const fixture *f, tasker_uuid workflow_step_uuid)
{
    const tasker_workflow_step *step = NULL;
    assert_status(f->db, tasker_workflow_step_get(f->db, &workflow_step_uuid, &step), TASKER_OK);
    tasker_uuid named = step->named_step_uuid;
    tasker_free(step);
    return named;
}

static tasker_status run_step(waiting *w)
{
    tasker_workflow_step_input input = {.task_uuid = w->uuids[0], .named_step_uuid = w->uuids[1]};
    return tasker_workflow_step_create(w->db, &input, NULL);
}

static tasker_status run_task_complete(waiting *w)
{
    return tasker_task_apply(w->db, w->uuids, 1, TASKER_EVENT_COMPLETE, NULL, w->outcomes);
}

/* ---- an edge and the start of its child ---- */

/* The edge first: who waited for the step to start it decided on parents that were fewer. */
static void test_start_behind_edge(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    tasker_db *b = db_test_open(f);
    for (int i = 0; i < 6; i++) {
        bool commit = i % 2 == 0;
        made_flow flow = make_flow(f->db, "ab", "");
        if (i >= 2) /* otherwise the start waits for the task, which it begins */
            bring_task(f->db, flow.task_uuid, TASKER_STATE_IN_PROGRESS);
        waiting w = prepare(b, i < 4 ? run_step_event : run_take, FLOW_STEP(flow, 'b'), TASKER_EVENT_START);
        begin(f->db);
        assert_status(f->db, join(f->db, FLOW_STEP(flow, 'a'), FLOW_STEP(flow, 'b')), TASKER_OK);
        start(f, &w);
        end(f->db, commit);
        assert_status(b, finish(&w), commit ? TASKER_GUARD_FAILED : TASKER_OK);
        assert_string_equal(step_state(conn, FLOW_STEP(flow, 'b')), commit ? "pending" : "in_progress");
        assert_int_equal(db_test_violations_of(conn, "I19"), 0);
        tasker_free(w.leases);
    }
    tasker_db_close(b);
}

static void test_edge_behind_start(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    tasker_db *b = db_test_open(f);
    for (int commit = 0; commit < 2; commit++) {
        made_flow flow = make_flow(f->db, "ab", "");
        bring_task(f->db, flow.task_uuid, TASKER_STATE_IN_PROGRESS);
        waiting w = prepare(b, run_edge, FLOW_STEP(flow, 'a'), 0);
        w.uuids[1] = FLOW_STEP(flow, 'b');
        begin(f->db);
        assert_status(f->db, step_event(f->db, FLOW_STEP(flow, 'b'), TASKER_EVENT_ENQUEUE), TASKER_OK);
        start(f, &w);
        end(f->db, commit != 0);
        assert_status(b, finish(&w), commit ? TASKER_GUARD_FAILED : TASKER_OK);
        assert_int_equal(db_test_violations_of(conn, "I19"), 0);
    }
    tasker_db_close(b);
}

/* ---- a step and the end of its task ---- */

/* The step first: the task had only steps that are done when its end began to wait. */
static void test_end_behind_step(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    tasker_db *b = db_test_open(f);
    for (int i = 0; i < 4; i++) {
        bool commit = i % 2 == 0, finalizes = i < 2;
        made_flow flow = running_flow(f->db, "a", "", "a");
        assert_status(f->db, step_event(f->db, flow.steps[0], TASKER_EVENT_COMPLETE), TASKER_OK);
        waiting step = prepare(f->db, run_step, flow.task_uuid, 0);
        step.uuids[1] = named_step_of(f, flow.steps[0]);
        waiting w = prepare(b, finalizes ? run_finalize : run_task_complete, flow.task_uuid, 0);
        begin(f->db);
        assert_status(f->db, run_step(&step), TASKER_OK);
        start(f, &w);
        end(f->db, commit);
        assert_status(b, finish(&w), !commit ? TASKER_OK : finalizes ? TASKER_NOOP : TASKER_GUARD_FAILED);
        assert_string_equal(task_state(conn, flow.task_uuid), commit ? "in_progress" : "complete");
        assert_int_equal(db_test_violations_of(conn, "I18"), 0);
    }
    tasker_db_close(b);
}

static void test_step_behind_end(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    tasker_db *b = db_test_open(f);
    for (int commit = 0; commit < 2; commit++) {
        made_flow flow = running_flow(f->db, "a", "", "a");
        assert_status(f->db, step_event(f->db, flow.steps[0], TASKER_EVENT_COMPLETE), TASKER_OK);
        waiting w = prepare(b, run_step, flow.task_uuid, 0);
        w.uuids[1] = named_step_of(f, flow.steps[0]);
        begin(f->db);
        assert_status(f->db, tasker_task_finalize(f->db, &flow.task_uuid, 1, NULL, NULL), TASKER_OK);
        start(f, &w);
        end(f->db, commit != 0);
        assert_status(b, finish(&w), commit ? TASKER_GUARD_FAILED : TASKER_OK);
        assert_int_equal(db_test_violations_of(conn, "I18"), 0);
    }
    tasker_db_close(b);
}

/* ---- first rows of histories ---- */

/*
 * They are written in key order, not in the caller's nor the table's: B waits for A's with nothing that A could want.
 */
static void test_first_rows_in_key_order(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    tasker_db *b = db_test_open(f);
    tasker_uuid low = new_uuid(), high = new_uuid(), both[] = {high, low};
    tasker_workflow_step_input input = {.task_uuid = make_task(f->db), .named_step_uuid = make_named_step(f->db)};
    for (size_t i = 0; i < 2; i++) {
        input.workflow_step_uuid = both[i];
        assert_status(f->db, tasker_workflow_step_create(f->db, &input, NULL), TASKER_OK);
        tell(conn, "DELETE FROM tasker_workflow_step_transitions WHERE workflow_step_uuid = '%s'", text_of(both[i]));
    }
    waiting w = prepare(b, run_step_event, high, TASKER_EVENT_FAIL);
    w.uuids[w.count++] = low;
    begin(f->db);
    assert_status(f->db, step_event(f->db, low, TASKER_EVENT_FAIL), TASKER_OK);
    start(f, &w);
    assert_status(f->db, step_event(f->db, high, TASKER_EVENT_FAIL), TASKER_OK);
    end(f->db, true);
    assert_status(b, finish(&w), TASKER_NOOP);
    tasker_db_close(b);
}

/* ---- a guard that holds ---- */

/* H14: what waited lost to a row that came and went again. Its condition holds, so it is told a conflict. */
static void test_lost_race_is_no_guard(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    tasker_db *b = db_test_open(f);
    made_flow flow = running_flow(f->db, "a", "", "a");
    assert_status(f->db, step_event(f->db, flow.steps[0], TASKER_EVENT_COMPLETE), TASKER_OK);
    begin(f->db);
    tell(conn, "SELECT FROM tasker_task_transitions WHERE task_uuid = '%s' AND most_recent FOR UPDATE",
         text_of(flow.task_uuid));
    waiting w = prepare(b, run_task_complete, flow.task_uuid, 0);
    start(f, &w);
    tell(conn,
         "WITH old AS (UPDATE tasker_task_transitions SET most_recent = false WHERE task_uuid = '%s' AND most_recent"
         " RETURNING task_uuid, sort_key) INSERT INTO tasker_task_transitions (task_transition_uuid, task_uuid,"
         " from_state, to_state, sort_key, most_recent, created_at, updated_at) SELECT '%s', task_uuid, 'in_progress',"
         " 'error', sort_key + 1, false, now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC' FROM old",
         text_of(flow.task_uuid), text_of(new_uuid()));
    tell(conn,
         "INSERT INTO tasker_task_transitions (task_transition_uuid, task_uuid, from_state, to_state, sort_key,"
         " most_recent, created_at, updated_at) SELECT '%s', '%s', 'pending', 'in_progress', 5, true,"
         " now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC'",
         text_of(new_uuid()), text_of(flow.task_uuid));
    end(f->db, true);
    assert_status(b, finish(&w), TASKER_CONFLICT);
    assert_status(b, run_task_complete(&w), TASKER_OK);
    remove_flow(conn, &flow);
    tasker_db_close(b);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_start_behind_edge),       cmocka_unit_test(test_edge_behind_start),
        cmocka_unit_test(test_end_behind_step),         cmocka_unit_test(test_step_behind_end),
        cmocka_unit_test(test_first_rows_in_key_order), cmocka_unit_test(test_lost_race_is_no_guard),
    };
    return db_test_run(tests);
}
