/* SPDX-License-Identifier: MIT */
#include "flow_test.h"
#include "waiting.h"

static const char *const tables =
    "SELECT (SELECT count(*) FROM tasker_tasks) + (SELECT count(*) FROM tasker_workflow_steps)"
    " + (SELECT count(*) FROM tasker_workflow_step_edges)"
    " + (SELECT count(*) FROM tasker_task_transitions)"
    " + (SELECT count(*) FROM tasker_workflow_step_transitions)"
    " + (SELECT count(*) FROM tasker_task_annotations)";

/* A diamond in motion, with an annotation. */
static made_flow make_used(const fixture *f, PGconn *conn)
{
    made_flow flow = make_flow(f->db, "abcd", "ab ac bd cd");
    const tasker_leases *leases = take_step(f->db, FLOW_STEP(flow, 'a'), TASKER_OK);
    assert_status(f->db, complete_lease(f->db, leases), TASKER_OK);
    tasker_free(leases);
    tasker_free(take_step(f->db, FLOW_STEP(flow, 'b'), TASKER_OK));
    tell(conn, "INSERT INTO tasker_annotation_types (name, created_at, updated_at) VALUES ('deleted', now(), now())"
               " ON CONFLICT DO NOTHING");
    tell(conn,
         "INSERT INTO tasker_task_annotations (task_uuid, annotation_type_id, annotation, created_at, updated_at)"
         " SELECT '%s', annotation_type_id, '{}', now(), now() FROM tasker_annotation_types",
         text_of(flow.task_uuid));
    return flow;
}

static void test_everything_goes(void **state)
{
    fixture *f = *state;
    PGconn *conn = db_test_psql(f);
    made_flow other = make_flow(f->db, "ab", "ab");
    long before = db_test_count(f, tables);
    made_flow flow = make_used(f, conn);
    assert_status(f->db, tasker_workflow_delete(f->db, &flow.task_uuid), TASKER_OK);
    assert_int_equal(db_test_count(f, tables), before);
    assert_status(f->db, tasker_workflow_delete(f->db, &flow.task_uuid), TASKER_NOT_FOUND);
    assert_status(f->db, tasker_workflow_delete(f->db, &other.task_uuid), TASKER_OK);
    PQfinish(conn);
}

static void test_inside_a_transaction(void **state)
{
    fixture *f = *state;
    made_flow flow = make_flow(f->db, "abc", "ab bc");
    long before = db_test_count(f, tables);
    assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
    assert_status(f->db, tasker_workflow_delete(f->db, &flow.task_uuid), TASKER_OK);
    tasker_uuid unknown = new_uuid();
    assert_status(f->db, tasker_workflow_delete(f->db, &unknown), TASKER_NOT_FOUND);
    assert_status(f->db, tasker_db_rollback(f->db), TASKER_OK);
    assert_int_equal(db_test_count(f, tables), before);
    assert_status(f->db, tasker_workflow_delete(f->db, NULL), TASKER_INVALID_ARGUMENT);
}

/* Steps of two tasks bound together by another program: the edge goes with either. */
static void test_edges_between_tasks(void **state)
{
    fixture *f = *state;
    PGconn *conn = db_test_psql(f);
    made_flow one = make_flow(f->db, "ab", "ab"), two = make_flow(f->db, "ab", "ab");
    tell(conn, "SET session_replication_role = replica");
    tell(conn,
         "INSERT INTO tasker_workflow_step_edges (from_step_uuid, to_step_uuid, name, created_at, updated_at)"
         " VALUES ('%s', '%s', 'provides', now(), now()), ('%s', '%s', 'provides', now(), now())",
         text_of(one.steps[0]), text_of(two.steps[0]), text_of(two.steps[1]), text_of(one.steps[1]));
    assert_status(f->db, tasker_workflow_delete(f->db, &one.task_uuid), TASKER_OK);
    assert_int_equal(
        ask_number(conn,
                   "SELECT count(*) FROM tasker_workflow_step_edges e JOIN tasker_workflow_steps s"
                   " ON s.workflow_step_uuid IN (e.from_step_uuid, e.to_step_uuid) WHERE s.task_uuid = '%s'",
                   text_of(two.task_uuid)),
        2);
    PQfinish(conn);
}

static tasker_status run_delete(waiting *w)
{
    return tasker_workflow_delete(w->db, &w->uuids[0]);
}

/* A step starts in a transaction that is still open: the delete waits and takes the new history along. */
static void test_waits_for_a_step_that_starts(void **state)
{
    fixture *f = *state;
    made_flow flow = make_flow(f->db, "ab", "ab");
    tasker_db *other = db_test_open(f);
    begin(f->db);
    tasker_free(take_step(f->db, FLOW_STEP(flow, 'a'), TASKER_OK));
    waiting w = prepare(other, run_delete, flow.task_uuid, TASKER_EVENT_START);
    start(f, &w);
    end(f->db, true);
    assert_int_equal(finish(&w), TASKER_OK);
    const tasker_task *task = NULL;
    assert_status(f->db, tasker_task_get(f->db, &flow.task_uuid, &task), TASKER_NOT_FOUND);
    tasker_db_close(other);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything_goes),
        cmocka_unit_test(test_inside_a_transaction),
        cmocka_unit_test(test_edges_between_tasks),
        cmocka_unit_test(test_waits_for_a_step_that_starts),
    };
    return db_test_run(tests);
}
