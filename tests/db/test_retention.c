/* SPDX-License-Identifier: MIT */
/* Old tasks go, whole; what is under way, young or in somebody's hands stays. */
#include <tasker/retention.h>
#include "flow_test.h"

enum { DAY = 86400 };

static const char *const tables =
    "SELECT (SELECT count(*) FROM tasker_tasks) + (SELECT count(*) FROM tasker_workflow_steps)"
    " + (SELECT count(*) FROM tasker_workflow_step_edges)"
    " + (SELECT count(*) FROM tasker_task_transitions)"
    " + (SELECT count(*) FROM tasker_workflow_step_transitions)"
    " + (SELECT count(*) FROM tasker_task_annotations)";

typedef struct shelf {
    const fixture *f;
    PGconn *conn;
    char name[64];
    tasker_time now;
    tasker_retention_options options; /* of the shelf's namespace, before tomorrow */
} shelf;

static tasker_time later(tasker_time t, int64_t microseconds)
{
    return (tasker_time){t.us + microseconds};
}

static shelf make_shelf(void **state)
{
    shelf s = {.f = *state};
    s.conn = tasker_db_conn(s.f->db);
    snprintf(s.name, sizeof s.name, "%s", new_plain_name("old"));
    assert_status(s.f->db, tasker_db_now(s.f->db, &s.now), TASKER_OK);
    s.options = (tasker_retention_options){.before = later(s.now, DAY * INT64_C(1000000))};
    return s;
}

/* Two steps, one behind the other; its key says that it was made at that time. */
static made_flow put(shelf *s, tasker_time made, tasker_state state)
{
    static const tasker_step_definition steps[] = {{.name = TASKER_TEXT("a")}, {.name = TASKER_TEXT("b")}};
    static const tasker_edge_definition edges[] = {{.from = 0, .to = 1}};
    const tasker_definition definition = {.namespace_name = tasker_text_of(s->name),
                                          .name = TASKER_TEXT("kept"),
                                          .steps = steps,
                                          .step_count = 2,
                                          .edges = edges,
                                          .edge_count = 1};
    tasker_workflow_input input = {.definition = &definition};
    const tasker_workflow_ids *ids = NULL;
    made_flow flow = {.count = 2};
    s->options.namespace_name = tasker_text_of(s->name);
    assert_int_equal(tasker_uuid_generate_at(NULL, made, &input.task.task_uuid), TASKER_OK);
    assert_status(s->f->db, tasker_workflow_create(s->f->db, &input, &ids), TASKER_OK);
    flow.task_uuid = ids->task_uuid;
    memcpy(flow.steps, ids->workflow_step_uuids, sizeof *ids->workflow_step_uuids * 2);
    tasker_free(ids);
    for (int i = 0; i < 2 && state == TASKER_STATE_COMPLETE; i++)
        bring_step(s->f->db, flow.steps[i], TASKER_STATE_COMPLETE);
    for (int i = 0; i < 2 && state == TASKER_STATE_RESOLVED_MANUALLY; i++)
        bring_step(s->f->db, flow.steps[i], TASKER_STATE_CANCELLED);
    if (state == TASKER_STATE_COMPLETE) /* begun with its first step */
        assert_status(s->f->db, task_event(s->f->db, flow.task_uuid, TASKER_EVENT_COMPLETE), TASKER_OK);
    else
        bring_task(s->f->db, flow.task_uuid, state);
    return flow;
}

static bool is_there(const shelf *s, const made_flow *flow)
{
    return ask_number(s->conn, "SELECT count(*) FROM tasker_tasks WHERE task_uuid = '%s'", text_of(flow->task_uuid)) ==
           1;
}

static tasker_retention run_all(const shelf *s)
{
    tasker_retention progress = {0};
    do
        assert_status(s->f->db, tasker_retention_run(s->f->db, &s->options, &progress), TASKER_OK);
    while (progress.more);
    return progress;
}

static void test_what_goes(void **state)
{
    static const tasker_state states[] = {TASKER_STATE_COMPLETE, TASKER_STATE_RESOLVED_MANUALLY,
                                          TASKER_STATE_ERROR,    TASKER_STATE_CANCELLED,
                                          TASKER_STATE_PENDING,  TASKER_STATE_IN_PROGRESS};
    enum { KINDS = sizeof states / sizeof *states, DONE = 2, FAILED = 4 };
    shelf s = make_shelf(state);
    made_flow flows[KINDS], busy = put(&s, s.now, TASKER_STATE_PENDING);
    bring_step(s.f->db, busy.steps[0], TASKER_STATE_ENQUEUED);
    assert_status(s.f->db, task_event(s.f->db, busy.task_uuid, TASKER_EVENT_FAIL), TASKER_OK);
    for (int i = 0; i < KINDS; i++)
        flows[i] = put(&s, s.now, states[i]);
    for (int failed_too = 0; failed_too < 2; failed_too++) {
        s.options.failed_too = failed_too == 1;
        long before = db_test_count(s.f, tables);
        s.options.dry_run = true;
        tasker_retention told = run_all(&s);
        assert_int_equal(db_test_count(s.f, tables), before);
        s.options.dry_run = false;
        tasker_retention gone = run_all(&s);
        assert_int_equal(gone.tasks, 2);
        assert_int_equal(told.tasks, gone.tasks);
        assert_int_equal(told.rows, gone.rows);
        assert_int_equal(before - db_test_count(s.f, tables), gone.rows);
        for (int i = 0; i < KINDS; i++)
            assert_int_equal(is_there(&s, &flows[i]), i >= (failed_too ? FAILED : DONE));
        assert_int_equal(run_all(&s).tasks, 0);
    }
    assert_true(is_there(&s, &busy));
}

/* Made before and ended before, to the millisecond of the key and the microsecond of the history. */
static void test_bounds(void **state)
{
    shelf s = make_shelf(state);
    const tasker_time made = later(s.now, -DAY * INT64_C(1000000) - s.now.us % 1000);
    made_flow flow = put(&s, made, TASKER_STATE_COMPLETE), young = put(&s, s.now, TASKER_STATE_COMPLETE);
    s.options.before = later(s.now, -1000000);
    assert_int_equal(run_all(&s).tasks, 0); /* ended just now */
    tell(s.conn,
         "UPDATE tasker_task_transitions SET created_at = TIMESTAMP 'epoch' + %lld * INTERVAL '1 microsecond'"
         " WHERE task_uuid IN ('%s', '%s')",
         (long long)made.us, text_of(flow.task_uuid), text_of(young.task_uuid));
    s.options.before = made;
    assert_int_equal(run_all(&s).tasks, 0);
    s.options.before = later(made, 999);
    assert_int_equal(run_all(&s).tasks, 0); /* still the millisecond of the key */
    s.options.before = later(made, 1000);
    assert_int_equal(run_all(&s).tasks, 1);
    assert_false(is_there(&s, &flow));
    assert_true(is_there(&s, &young));
}

/* Each call its batch; what one handle began another one ends. */
static void test_batches(void **state)
{
    shelf s = make_shelf(state);
    tasker_db *other = db_test_open(s.f);
    tasker_retention progress = {0};
    tasker_uuid last = {{0}};
    for (int i = 0; i < 5; i++)
        last = put(&s, later(s.now, i * 1000), TASKER_STATE_COMPLETE).task_uuid;
    s.options.batch = 2;
    long before = db_test_count(s.f, tables);
    for (int i = 1; i <= 3; i++) {
        tasker_db *db = i % 2 == 0 ? other : s.f->db;
        assert_status(db, tasker_retention_run(db, &s.options, &progress), TASKER_OK);
        assert_int_equal(progress.tasks, i < 3 ? 2 * i : 5);
        assert_int_equal(progress.more, i < 3);
    }
    assert_uuid(progress.last, last);
    assert_int_equal(progress.rows, before - db_test_count(s.f, tables));
    tasker_db_close(other);
}

static void test_waits_for_nobody(void **state)
{
    shelf s = make_shelf(state);
    PGconn *other = db_test_psql(s.f);
    made_flow held = put(&s, s.now, TASKER_STATE_COMPLETE), free = put(&s, s.now, TASKER_STATE_COMPLETE);
    tell(other, "BEGIN");
    tell(other, "SELECT FROM tasker_tasks WHERE task_uuid = '%s' FOR NO KEY UPDATE", text_of(held.task_uuid));
    assert_int_equal(run_all(&s).tasks, 1);
    assert_false(is_there(&s, &free));
    tell(other, "ROLLBACK");
    assert_int_equal(run_all(&s).tasks, 1);
    assert_false(is_there(&s, &held));
    PQfinish(other);
}

/* In a transaction of the caller's; what is undone is there again. */
static void test_inside_a_transaction(void **state)
{
    shelf s = make_shelf(state);
    made_flow flow = put(&s, s.now, TASKER_STATE_COMPLETE);
    assert_status(s.f->db, tasker_db_begin(s.f->db, NULL), TASKER_OK);
    assert_int_equal(run_all(&s).tasks, 1);
    assert_status(s.f->db, tasker_db_rollback(s.f->db), TASKER_OK);
    assert_true(is_there(&s, &flow));
    assert_int_equal(run_all(&s).tasks, 1);
}

static void test_bad_input(void **state)
{
    shelf s = make_shelf(state);
    tasker_db *db = s.f->db;
    made_flow flow = put(&s, s.now, TASKER_STATE_COMPLETE);
    tasker_retention progress = {0}, newer = {.reserved = {1}};
    tasker_retention_options wrong[] = {s.options, s.options, s.options, s.options};
    wrong[0].batch = -1;
    wrong[1].batch = 1001;
    wrong[2].before.us = INT64_MAX;
    wrong[3].before.us = -1;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_status(db, tasker_retention_run(db, &wrong[i], &progress), TASKER_INVALID_ARGUMENT);
    assert_status(db, tasker_retention_run(db, NULL, &progress), TASKER_INVALID_ARGUMENT);
    assert_status(db, tasker_retention_run(db, &s.options, NULL), TASKER_INVALID_ARGUMENT);
    assert_status(db, tasker_retention_run(db, &s.options, &newer), TASKER_UNSUPPORTED);
    wrong[0] = s.options;
    wrong[0].reserved[3] = 1;
    assert_status(db, tasker_retention_run(db, &wrong[0], &progress), TASKER_UNSUPPORTED);
    assert_true(is_there(&s, &flow));
    assert_true(tasker_uuid_is_nil(&progress.last));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_goes),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_batches),
        cmocka_unit_test(test_waits_for_nobody),
        cmocka_unit_test(test_inside_a_transaction),
        cmocka_unit_test(test_bad_input),
    };
    return db_test_run(tests);
}
