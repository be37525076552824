/* SPDX-License-Identifier: MIT */
/* State events: when they are told in transactions and pipelines, and the ring. */
#include <tasker/pipeline.h>
#include "ear.h"

/* ---- transactions ---- */

static void test_transactions(void **state)
{
    ear e;
    const fixture *f = *state;
    made_flow flow = make_flow(f->db, "ab", "");
    tasker_db *db = open_with_ear(f, &e, &flow);
    OK(tasker_db_begin(db, NULL));
    OK(step_event(db, *STEP('a'), TASKER_EVENT_START));
    OK(step_event(db, *STEP('a'), TASKER_EVENT_COMPLETE));
    assert_status(db, step_event(db, *STEP('a'), TASKER_EVENT_COMPLETE), TASKER_NOOP);
    assert_heard(e, "");
    OK(tasker_db_commit(db));
    assert_heard(e, "task pending>in_progress start, a pending>in_progress start 1, a in_progress>complete complete 1");

    OK(tasker_db_begin(db, NULL));
    OK(step_event(db, *STEP('b'), TASKER_EVENT_START));
    OK(tasker_db_rollback(db));
    OK(tasker_db_begin(db, NULL));
    OK(step_event(db, *STEP('b'), TASKER_EVENT_CANCEL));
    PQclear(PQexec(tasker_db_conn(db), "SELECT 1 / 0"));
    assert_status(db, tasker_db_commit(db), TASKER_RETRY);
    OK(tasker_db_ping(db));
    assert_heard(e, "");

    /* ended by a statement of the caller's: nobody knows how, so it is not told, nor with the next transaction */
    OK(tasker_db_begin(db, NULL));
    OK(step_event(db, *STEP('b'), TASKER_EVENT_ENQUEUE));
    PQclear(PQexec(tasker_db_conn(db), "COMMIT"));
    PQclear(PQexec(tasker_db_conn(db), "BEGIN"));
    OK(step_event(db, *STEP('b'), TASKER_EVENT_START));
    OK(tasker_db_commit(db));
    assert_heard(e, "b enqueued>in_progress start 1");
    PQclear(PQexec(tasker_db_conn(db), "BEGIN"));
    OK(step_event(db, *STEP('b'), TASKER_EVENT_COMPLETE));
    PQclear(PQexec(tasker_db_conn(db), "COMMIT"));
    OK(tasker_task_finalize(db, &flow.task_uuid, 1, NULL, NULL));
    assert_heard(e, "task in_progress>complete complete");
    tasker_db_close(db);
}

static void test_savepoints(void **state)
{
    ear e;
    const fixture *f = *state;
    made_flow flow = make_flow(f->db, "abcdef", "");
    tasker_db *db = open_with_ear(f, &e, &flow);
    tasker_savepoint outer, inner;
    OK(task_event(db, flow.task_uuid, TASKER_EVENT_START));
    e.heard[0] = '\0';
    OK(tasker_db_begin(db, NULL));
    OK(step_event(db, *STEP('a'), TASKER_EVENT_CANCEL));
    OK(tasker_db_savepoint(db, &outer));
    OK(step_event(db, *STEP('b'), TASKER_EVENT_CANCEL));
    OK(tasker_db_release(db, outer)); /* b stays */
    OK(tasker_db_savepoint(db, &outer));
    OK(step_event(db, *STEP('c'), TASKER_EVENT_CANCEL));
    OK(tasker_db_savepoint(db, &inner));
    OK(step_event(db, *STEP('d'), TASKER_EVENT_CANCEL));
    OK(tasker_db_rollback_to(db, outer)); /* c and d go */
    OK(step_event(db, *STEP('d'), TASKER_EVENT_ENQUEUE));
    OK(tasker_db_savepoint(db, &inner));
    OK(step_event(db, *STEP('e'), TASKER_EVENT_CANCEL));
    OK(tasker_db_rollback_to(db, inner)); /* e goes */
    OK(step_event(db, *STEP('f'), TASKER_EVENT_CANCEL));
    OK(tasker_db_release(db, outer));
    assert_heard(e, "");
    OK(tasker_db_commit(db));
    assert_heard(e, "a pending>cancelled cancel 0, b pending>cancelled cancel 0, d pending>enqueued enqueue 0, "
                    "f pending>cancelled cancel 0");
    tasker_db_close(db);
}

/* Rows of transactions that began later and committed earlier look much like those of a savepoint of our own. */
static void test_others_in_between(void **state)
{
    ear e;
    const fixture *f = *state;
    made_flow flow = make_flow(f->db, "abc", "");
    tasker_db *db = open_with_ear(f, &e, &flow);
    tasker_savepoint savepoint;
    OK(task_event(f->db, flow.task_uuid, TASKER_EVENT_START));
    OK(tasker_db_begin(db, NULL));
    OK(step_event(db, *STEP('a'), TASKER_EVENT_START));
    OK(tasker_db_savepoint(db, &savepoint));
    bring_step(f->db, *STEP('b'), TASKER_STATE_COMPLETE);
    bring_step(f->db, *STEP('c'), TASKER_STATE_IN_PROGRESS);
    assert_status(db, step_event(db, *STEP('b'), TASKER_EVENT_COMPLETE), TASKER_NOOP);
    OK(tasker_task_cancel(db, &flow.task_uuid, 1, NULL, NULL));
    OK(tasker_db_commit(db));
    assert_heard(e, "a pending>in_progress start 1, task in_progress>cancelled cancel, "
                    "a in_progress>cancelled cancel 1, c in_progress>cancelled cancel 1");
    tasker_db_close(db);
}

static void test_killed_before_the_commit(void **state)
{
    ear e;
    const fixture *f = *state;
    made_flow flow = make_flow(f->db, "a", "");
    tasker_db *db = open_with_ear(f, &e, &flow);
    OK(tasker_db_begin(db, NULL));
    OK(step_event(db, *STEP('a'), TASKER_EVENT_START));
    assert_string_equal(
        ask(tasker_db_conn(f->db), "SELECT pg_terminate_backend(%d, 10000)", tasker_db_session(db)->backend_pid), "t");
    assert_status(db, tasker_db_commit(db), TASKER_DISCONNECTED);
    OK(tasker_db_recover(db));
    OK(tasker_db_ping(db));
    assert_heard(e, "");
    OK(step_event(db, *STEP('a'), TASKER_EVENT_START));
    assert_heard(e, "task pending>in_progress start, a pending>in_progress start 1");
    tasker_db_close(db);
}

/* The commit waits for a lock, and the caller does not wait for the commit: it comes later, unheard. */
static void test_commit_in_doubt(void **state)
{
    ear e;
    const fixture *f = *state;
    made_flow flow = make_flow(f->db, "a", "");
    tasker_db *db = open_with_ear(f, &e, &flow);
    PGconn *blocker = db_test_psql(f);
    tell(blocker, "CREATE TABLE slow (i int);"
                  " CREATE FUNCTION wait_for_it() RETURNS trigger LANGUAGE plpgsql AS"
                  "     'BEGIN PERFORM pg_advisory_xact_lock(7); RETURN NULL; END';"
                  " CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON slow DEFERRABLE INITIALLY DEFERRED"
                  "     FOR EACH ROW EXECUTE FUNCTION wait_for_it()");
    tell(blocker, "SELECT pg_advisory_lock(7)");
    OK(tasker_db_begin(db, NULL));
    OK(step_event(db, *STEP('a'), TASKER_EVENT_START));
    tell(tasker_db_conn(db), "INSERT INTO slow VALUES (1)");
    tasker_db_set_timeout(db, 200);
    assert_status(db, tasker_db_commit(db), TASKER_IN_DOUBT);
    tasker_commit commit = tasker_db_error(db)->commit;
    bool committed = false;
    tasker_db_set_timeout(db, 0);
    OK(tasker_db_recover(db));
    tell(blocker, "SELECT pg_advisory_unlock(7)");
    tasker_status status;
    while ((status = tasker_db_resolve(db, commit, &committed)) == TASKER_IN_DOUBT)
        ;
    assert_status(db, status, TASKER_OK);
    assert_true(committed);
    assert_status(db, step_event(db, *STEP('a'), TASKER_EVENT_START), TASKER_NOOP);
    assert_heard(e, "");
    OK(step_event(db, *STEP('a'), TASKER_EVENT_COMPLETE));
    assert_heard(e, "a in_progress>complete complete 1");
    tell(blocker, "DROP TABLE slow; DROP FUNCTION wait_for_it()");
    PQfinish(blocker);
    tasker_db_close(db);
}

/* ---- pipelines ---- */

static void test_pipelines(void **state)
{
    ear e;
    const fixture *f = *state;
    made_flow flow = make_flow(f->db, "abcd", "");
    tasker_db *db = open_with_ear(f, &e, &flow);
    tasker_pipeline *pipeline;
    OK(task_event(f->db, flow.task_uuid, TASKER_EVENT_START));
    OK(tasker_pipeline_open(db, NULL, &pipeline));
    tasker_db *queue = tasker_pipeline_db(pipeline);
    assert_status(queue, step_event(queue, *STEP('a'), TASKER_EVENT_START), TASKER_QUEUED);
    assert_status(queue, step_event(queue, *STEP('b'), TASKER_EVENT_COMPLETE), TASKER_QUEUED); /* no such arrow */
    assert_status(queue, step_event(queue, *STEP('c'), TASKER_EVENT_CANCEL), TASKER_QUEUED);
    assert_heard(e, "");
    assert_status(db, tasker_pipeline_run(pipeline), TASKER_INVALID_TRANSITION);
    assert_heard(e, "a pending>in_progress start 1, c pending>cancelled cancel 0");
    tasker_pipeline_reset(pipeline);

    for (int committed = 0; committed < 2; committed++) {
        OK(tasker_db_begin(db, NULL));
        assert_status(queue, step_event(queue, *STEP('b'), TASKER_EVENT_START), TASKER_QUEUED);
        assert_status(queue, step_event(queue, *STEP('b'), TASKER_EVENT_COMPLETE), TASKER_QUEUED);
        OK(tasker_pipeline_run(pipeline));
        assert_heard(e, "");
        OK(committed ? tasker_db_commit(db) : tasker_db_rollback(db));
    }
    assert_heard(e, "b pending>in_progress start 1, b in_progress>complete complete 1");
    tasker_pipeline_close(pipeline);
    tasker_db_close(db);
}

/* ---- the ring ---- */

static void fetch(tasker_db *db, ear *e)
{
    tasker_state_event event;
    e->lost = 0;
    while (tasker_db_next_event(db, &event) == TASKER_OK)
        write_event(e, &event);
}

static void test_ring(void **state)
{
    static const struct {
        int32_t capacity, lost;
        const char *held;
    } rings[] = {
        {1, 3, "a complete>pending reset 0"},
        {2, 2, "a in_progress>complete complete 1, a complete>pending reset 0"},
        {4, 0,
         "task pending>in_progress start, a pending>in_progress start 1, a in_progress>complete complete 1, "
         "a complete>pending reset 0"},
        {5, 0,
         "task pending>in_progress start, a pending>in_progress start 1, a in_progress>complete complete 1, "
         "a complete>pending reset 0"},
    };
    const fixture *f = *state;
    for (size_t i = 0; i < COUNT(rings); i++) {
        made_flow flow = make_flow(f->db, "a", "");
        ear e = {.flow = &flow};
        tasker_db *db = db_test_open_with(f, &(tasker_db_options){.event_capacity = rings[i].capacity});
        bring_step(db, *STEP('a'), TASKER_STATE_COMPLETE);
        OK(tasker_workflow_step_reset(db, STEP('a'), 1, false, NULL, NULL));
        fetch(db, &e);
        assert_int_equal(e.lost, rings[i].lost);
        assert_heard(e, rings[i].held);
        for (int turn = 0; turn < 3; turn++) { /* around and around */
            OK(step_event(db, *STEP('a'), TASKER_EVENT_ENQUEUE));
            fetch(db, &e);
            assert_int_equal(e.lost, 0);
            assert_heard(e, "a pending>enqueued enqueue 0");
            OK(step_event(db, *STEP('a'), TASKER_EVENT_FAIL));
            OK(step_event(db, *STEP('a'), TASKER_EVENT_RETRY));
            fetch(db, &e);
            assert_int_equal(e.lost, rings[i].capacity == 1);
            e.heard[0] = '\0';
        }
        assert_status(db, tasker_db_next_event(db, &(tasker_state_event){0}), TASKER_NOT_FOUND);
        tasker_db_close(db);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_transactions),
        cmocka_unit_test(test_savepoints),
        cmocka_unit_test(test_others_in_between),
        cmocka_unit_test(test_killed_before_the_commit),
        cmocka_unit_test(test_commit_in_doubt),
        cmocka_unit_test(test_pipelines),
        cmocka_unit_test(test_ring),
    };
    return db_test_run(tests);
}
