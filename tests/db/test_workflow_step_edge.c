/* SPDX-License-Identifier: MIT */
#include "flow_test.h"

static void test_create_and_get(void **state)
{
    fixture *f = *state;
    tasker_uuid s[3];
    make_task_of_steps(f->db, s, 3);
    tasker_workflow_step_edge_input input = {.from_step_uuid = s[0], .to_step_uuid = s[1]};
    const tasker_workflow_step_edge *made = NULL, *got = NULL, *named = NULL;
    assert_status(f->db, tasker_workflow_step_edge_create(f->db, &input, &made), TASKER_OK);
    assert_status(f->db, tasker_workflow_step_edge_get(f->db, &made->workflow_step_edge_uuid, &got), TASKER_OK);
    assert_uuid(got->workflow_step_edge_uuid, made->workflow_step_edge_uuid);
    assert_uuid(got->from_step_uuid, s[0]);
    assert_uuid(got->to_step_uuid, s[1]);
    assert_text(got->name, "provides");
    input = (tasker_workflow_step_edge_input){.from_step_uuid = s[1], .to_step_uuid = s[2]};
    input.name = T("needs");
    assert_status(f->db, tasker_workflow_step_edge_create(f->db, &input, &named), TASKER_OK);
    assert_text(named->name, "needs");
    tasker_free(made);
    tasker_free(got);
    tasker_free(named);
}

static void test_absent(void **state)
{
    fixture *f = *state;
    tasker_uuid unknown = new_uuid(), s[2];
    make_task_of_steps(f->db, s, 2);
    const tasker_workflow_step_edge *edge = (const void *)f;
    assert_status(f->db, tasker_workflow_step_edge_get(f->db, &unknown, &edge), TASKER_NOT_FOUND);
    assert_null(edge);
    assert_status(f->db, tasker_workflow_step_edge_create(f->db, NULL, &edge), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, join_steps(f->db, NIL, s[0]), TASKER_INVALID_ARGUMENT);
    assert_message(f->db, "from_step_uuid is required");
    assert_status(f->db, join_steps(f->db, s[0], NIL), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, join_steps(f->db, s[0], unknown), TASKER_REFERENCE_MISSING);
    assert_status(f->db, join_steps(f->db, unknown, s[0]), TASKER_REFERENCE_MISSING);
}

/* Each of the refusals, in a transaction that goes on. */
static void test_refused_edges(void **state)
{
    fixture *f = *state;
    tasker_uuid s[4], foreign;
    make_task_of_steps(f->db, s, 4);
    make_task_of_steps(f->db, &foreign, 1);
    assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
    assert_status(f->db, join_steps(f->db, s[0], s[1]), TASKER_OK);
    assert_status(f->db, join_steps(f->db, s[1], s[2]), TASKER_OK);
    assert_status(f->db, join_steps(f->db, s[0], s[0]), TASKER_SELF_EDGE);
    assert_status(f->db, join_steps(f->db, s[0], s[1]), TASKER_DUPLICATE_EDGE);
    assert_status(f->db, join_steps(f->db, s[0], foreign), TASKER_FOREIGN_EDGE);
    assert_status(f->db, join_steps(f->db, s[1], s[0]), TASKER_CYCLE);
    assert_status(f->db, join_steps(f->db, s[2], s[0]), TASKER_CYCLE);
    assert_false(tasker_db_session(f->db)->transaction_failed);
    assert_status(f->db, join_steps(f->db, s[0], s[2]), TASKER_OK);
    assert_status(f->db, join_steps(f->db, s[2], s[3]), TASKER_OK);
    assert_status(f->db, tasker_db_commit(f->db), TASKER_OK);
    assert_int_equal(COUNTED(f, workflow_step_edge, .to_children_of = &s[0]), 3);
}

static void test_resend(void **state)
{
    fixture *f = *state;
    tasker_uuid s[2];
    make_task_of_steps(f->db, s, 2);
    tasker_workflow_step_edge_input input = {new_uuid(), s[0], s[1], {NULL, 0}, {0}};
    const tasker_workflow_step_edge *edge = NULL;
    assert_status(f->db, tasker_workflow_step_edge_create(f->db, &input, NULL), TASKER_OK);
    assert_status(f->db, tasker_workflow_step_edge_create(f->db, &input, &edge), TASKER_OK);
    assert_uuid(edge->workflow_step_edge_uuid, input.workflow_step_edge_uuid);
    tasker_free(edge);
}

static tasker_status find_or_create(tasker_db *db, int i, void *context)
{
    (void)i;
    return tasker_workflow_step_edge_find_or_create(db, context, NULL);
}

static void test_find_or_create(void **state)
{
    fixture *f = *state;
    tasker_uuid s[3], foreign;
    make_task_of_steps(f->db, s, 3);
    make_task_of_steps(f->db, &foreign, 1);
    tasker_workflow_step_edge_input input = {.from_step_uuid = s[0], .to_step_uuid = s[1]};
    const tasker_workflow_step_edge *first = NULL, *second = NULL;
    tasker_status statuses[RACERS];
    race(f, find_or_create, &input, statuses);
    for (int i = 0; i < RACERS; i++)
        assert_int_equal(statuses[i], TASKER_OK);
    assert_int_equal(COUNTED(f, workflow_step_edge, .from_step_uuid = &s[0]), 1);
    assert_status(f->db, tasker_workflow_step_edge_find_or_create(f->db, &input, &first), TASKER_OK);
    input.name = T("differs");
    assert_status(f->db, tasker_workflow_step_edge_find_or_create(f->db, &input, &second), TASKER_OK);
    assert_uuid(first->workflow_step_edge_uuid, second->workflow_step_edge_uuid);
    assert_text(second->name, "provides");
    input = (tasker_workflow_step_edge_input){.from_step_uuid = s[1], .to_step_uuid = s[0]};
    assert_status(f->db, tasker_workflow_step_edge_find_or_create(f->db, &input, NULL), TASKER_CYCLE);
    input.from_step_uuid = s[0];
    assert_status(f->db, tasker_workflow_step_edge_find_or_create(f->db, &input, NULL), TASKER_SELF_EDGE);
    input.to_step_uuid = foreign;
    assert_status(f->db, tasker_workflow_step_edge_find_or_create(f->db, &input, NULL), TASKER_FOREIGN_EDGE);
    input = (tasker_workflow_step_edge_input){first->workflow_step_edge_uuid, s[1], s[2], {NULL, 0}, {0}};
    assert_status(f->db, tasker_workflow_step_edge_find_or_create(f->db, &input, NULL), TASKER_DUPLICATE_EDGE);
    tasker_free(first);
    tasker_free(second);
}

/* What was enqueued or started, or is at its end, waits for nobody any more; the parent may be in any state. */
static void test_into_every_state(void **state)
{
    fixture *f = *state;
    for (tasker_state at = TASKER_STATE_PENDING; at <= TASKER_STATE_RESOLVED_MANUALLY; at++) {
        made_flow flow = make_flow(f->db, "abcd", "db");
        tasker_uuid d = FLOW_STEP(flow, 'd');
        bring_step(f->db, d, TASKER_STATE_COMPLETE);
        bring_step(f->db, FLOW_STEP(flow, 'b'), at);
        bool waits = at == TASKER_STATE_PENDING || at == TASKER_STATE_ERROR;
        tasker_workflow_step_edge_input input = {
            new_uuid(), FLOW_STEP(flow, 'a'), FLOW_STEP(flow, 'b'), {NULL, 0}, {0}};
        assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
        assert_status(f->db, tasker_workflow_step_edge_create(f->db, &input, NULL),
                      waits ? TASKER_OK : TASKER_GUARD_FAILED);
        assert_false(tasker_db_session(f->db)->transaction_failed);
        input.workflow_step_edge_uuid = new_uuid();
        input.from_step_uuid = FLOW_STEP(flow, 'c');
        assert_status(f->db, tasker_workflow_step_edge_find_or_create(f->db, &input, NULL),
                      waits ? TASKER_OK : TASKER_GUARD_FAILED);
        input.from_step_uuid = d; /* is there already */
        assert_status(f->db, tasker_workflow_step_edge_find_or_create(f->db, &input, NULL), TASKER_OK);
        assert_status(f->db, join_steps(f->db, d, FLOW_STEP(flow, 'b')), TASKER_DUPLICATE_EDGE);
        assert_status(f->db, tasker_db_commit(f->db), TASKER_OK);
        assert_int_equal(COUNTED(f, workflow_step_edge, .to_step_uuid = &FLOW_STEP(flow, 'b')), waits ? 3 : 1);
        assert_status(f->db, join_steps(f->db, d, FLOW_STEP(flow, 'a')), TASKER_OK);
    }
    assert_int_equal(db_test_violations_of(tasker_db_conn(f->db), "I19"), 0);
}

/* An edge that is there is found by its key, whatever became of the child. */
static void test_resend_after_start(void **state)
{
    fixture *f = *state;
    made_flow flow = make_flow(f->db, "ab", "");
    tasker_workflow_step_edge_input input = {new_uuid(), flow.steps[0], flow.steps[1], {NULL, 0}, {0}};
    assert_status(f->db, tasker_workflow_step_edge_create(f->db, &input, NULL), TASKER_OK);
    bring_step(f->db, flow.steps[0], TASKER_STATE_COMPLETE);
    bring_step(f->db, flow.steps[1], TASKER_STATE_IN_PROGRESS);
    assert_status(f->db, tasker_workflow_step_edge_create(f->db, &input, NULL), TASKER_OK);
}

/* ---- delete ---- */

static tasker_uuid make_edge(tasker_db *db, tasker_uuid from, tasker_uuid to)
{
    tasker_workflow_step_edge_input input = {new_uuid(), from, to, {NULL, 0}, {0}};
    assert_status(db, tasker_workflow_step_edge_create(db, &input, NULL), TASKER_OK);
    return input.workflow_step_edge_uuid;
}

static void test_delete(void **state)
{
    fixture *f = *state;
    tasker_uuid s[3];
    int64_t deleted = -1;
    make_task_of_steps(f->db, s, 3);
    tasker_uuid edge = make_edge(f->db, s[0], s[1]);
    make_edge(f->db, s[1], s[2]);
    assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
    assert_status(f->db, tasker_workflow_step_edge_delete(f->db, &edge), TASKER_OK);
    assert_status(f->db, tasker_workflow_step_edge_delete(f->db, &edge), TASKER_NOT_FOUND);
    assert_status(f->db, tasker_workflow_step_edge_delete(f->db, &s[0]), TASKER_NOT_FOUND);
    assert_status(f->db, tasker_workflow_step_edge_delete(f->db, NULL), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, tasker_workflow_step_edge_delete_between(f->db, &s[2], &s[1], &deleted), TASKER_OK);
    assert_int_equal(deleted, 0);
    assert_status(f->db, tasker_workflow_step_edge_delete_between(f->db, &edge, &s[1], &deleted), TASKER_OK);
    assert_int_equal(deleted, 0);
    assert_status(f->db, tasker_workflow_step_edge_delete_between(f->db, &s[1], &s[2], &deleted), TASKER_OK);
    assert_int_equal(deleted, 1);
    assert_status(f->db, tasker_workflow_step_edge_delete_between(f->db, &s[1], &s[2], NULL), TASKER_OK);
    assert_status(f->db, tasker_workflow_step_edge_delete_between(f->db, &s[1], NULL, NULL), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, tasker_workflow_step_edge_delete_between(f->db, NULL, &s[1], NULL), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, tasker_db_commit(f->db), TASKER_OK);
    assert_status(f->db, join_steps(f->db, s[2], s[0]), TASKER_OK); /* no cycle any more */
}

/* Whatever became of the two steps; a child that waited for nothing else may start. */
static void test_delete_in_every_state(void **state)
{
    fixture *f = *state;
    for (tasker_state at = TASKER_STATE_PENDING; at <= TASKER_STATE_RESOLVED_MANUALLY; at++) {
        made_flow flow = make_flow(f->db, "abc", "ab bc");
        bring_step(f->db, FLOW_STEP(flow, 'a'), TASKER_STATE_COMPLETE);
        bring_step(f->db, FLOW_STEP(flow, 'b'), at);
        for (char to = 'b'; to <= 'c'; to++) {
            int64_t deleted = 0;
            assert_status(f->db,
                          tasker_workflow_step_edge_delete_between(f->db, &FLOW_STEP(flow, to - 1),
                                                                   &FLOW_STEP(flow, to), &deleted),
                          TASKER_OK);
            assert_int_equal(deleted, 1);
        }
        const tasker_leases *leases = take_step(f->db, FLOW_STEP(flow, 'c'), TASKER_OK);
        assert_status(f->db, complete_lease(f->db, leases), TASKER_OK);
        tasker_free(leases);
    }
}

static tasker_status delete_edge(tasker_db *db, int i, void *context)
{
    (void)i;
    return tasker_workflow_step_edge_delete(db, context);
}

static void test_race_to_delete(void **state)
{
    fixture *f = *state;
    tasker_status statuses[RACERS];
    tasker_uuid s[2];
    int deleted = 0;
    make_task_of_steps(f->db, s, 2);
    tasker_uuid edge = make_edge(f->db, s[0], s[1]);
    race(f, delete_edge, &edge, statuses);
    for (int i = 0; i < RACERS; i++) {
        assert_true(statuses[i] == TASKER_OK || statuses[i] == TASKER_NOT_FOUND);
        deleted += statuses[i] == TASKER_OK;
    }
    assert_int_equal(deleted, 1);
}

static void test_delete_waits_for_the_task(void **state)
{
    fixture *f = *state;
    tasker_uuid s[2], task = make_task_of_steps(f->db, s, 2), edge = make_edge(f->db, s[0], s[1]);
    tasker_db *second = db_test_open(f);
    tell(tasker_db_conn(second), "SET lock_timeout = '50ms'");
    assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
    tell(tasker_db_conn(f->db), "SELECT FROM tasker_tasks WHERE task_uuid = '%s' FOR NO KEY UPDATE", text_of(task));
    assert_status(second, tasker_workflow_step_edge_delete(second, &edge), TASKER_TIMEOUT);
    assert_status(second, tasker_workflow_step_edge_delete_between(second, &s[0], &s[1], NULL), TASKER_TIMEOUT);
    assert_status(f->db, tasker_db_commit(f->db), TASKER_OK);
    assert_status(second, tasker_workflow_step_edge_delete(second, &edge), TASKER_OK);
    tasker_db_close(second);
}

/* ---- cycles ---- */

typedef struct ring {
    tasker_uuid steps[RACERS];
} ring;

static tasker_status close_ring(tasker_db *db, int i, void *context)
{
    const ring *r = context;
    return join_steps(db, r->steps[i], r->steps[(i + 1) % RACERS]);
}

/* Eight edges that together would be a ring: one of them, and only one, is refused. */
static void test_race_for_a_cycle(void **state)
{
    fixture *f = *state;
    for (int round = 0; round < 5; round++) {
        ring r;
        tasker_status statuses[RACERS];
        int refused = 0;
        make_task_of_steps(f->db, r.steps, RACERS);
        race(f, close_ring, &r, statuses);
        for (int i = 0; i < RACERS; i++) {
            assert_true(statuses[i] == TASKER_OK || statuses[i] == TASKER_CYCLE);
            refused += statuses[i] == TASKER_CYCLE;
        }
        assert_int_equal(refused, 1);
    }
}

/* The second edge waits for the lock of the first one's transaction; later it sees the edge. */
static void test_waits_for_the_task(void **state)
{
    fixture *f = *state;
    tasker_uuid s[2];
    make_task_of_steps(f->db, s, 2);
    tasker_db *second = db_test_open(f);
    PQclear(PQexec(tasker_db_conn(second), "SET lock_timeout = '50ms'"));
    assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
    assert_status(f->db, join_steps(f->db, s[0], s[1]), TASKER_OK);
    assert_status(second, join_steps(second, s[1], s[0]), TASKER_TIMEOUT);
    assert_string_equal(tasker_db_error(second)->statement, "workflow_step_edge_create__lock");
    assert_status(f->db, tasker_db_commit(f->db), TASKER_OK);
    assert_status(second, join_steps(second, s[1], s[0]), TASKER_CYCLE);
    tasker_db_close(second);
}

static bool would_cycle(tasker_db *db, tasker_uuid from, tasker_uuid to)
{
    bool cycle = false;
    assert_status(db, tasker_workflow_step_edge_would_cycle(db, &from, &to, &cycle), TASKER_OK);
    return cycle;
}

static void test_would_cycle(void **state)
{
    fixture *f = *state;
    tasker_uuid s[4];
    make_task_of_steps(f->db, s, 4);
    assert_status(f->db, join_steps(f->db, s[0], s[1]), TASKER_OK);
    assert_status(f->db, join_steps(f->db, s[1], s[2]), TASKER_OK);
    assert_true(would_cycle(f->db, s[0], s[0]));
    assert_true(would_cycle(f->db, s[2], s[0]));
    assert_true(would_cycle(f->db, s[1], s[0]));
    assert_false(would_cycle(f->db, s[0], s[2]));
    assert_false(would_cycle(f->db, s[3], s[0]));
    assert_false(would_cycle(f->db, s[2], s[3]));
    assert_status(f->db, tasker_workflow_step_edge_would_cycle(f->db, &s[0], NULL, &(bool){false}),
                  TASKER_INVALID_ARGUMENT);
    assert_status(f->db, tasker_workflow_step_edge_would_cycle(f->db, &s[0], &s[1], NULL), TASKER_INVALID_ARGUMENT);
}

/* 2^30 paths; each step is looked at once. */
static void test_stacked_diamonds(void **state)
{
    fixture *f = *state;
    enum { DIAMONDS = 30 };
    tasker_uuid s[3 * DIAMONDS + 1];
    make_task_of_steps(f->db, s, COUNT(s));
    assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
    for (size_t i = 0; i < DIAMONDS; i++) {
        const tasker_uuid *d = &s[3 * i];
        assert_status(f->db, join_steps(f->db, d[0], d[1]), TASKER_OK);
        assert_status(f->db, join_steps(f->db, d[0], d[2]), TASKER_OK);
        assert_status(f->db, join_steps(f->db, d[1], d[3]), TASKER_OK);
        assert_status(f->db, join_steps(f->db, d[2], d[3]), TASKER_OK);
    }
    assert_status(f->db, tasker_db_commit(f->db), TASKER_OK);
    assert_true(would_cycle(f->db, s[3 * DIAMONDS], s[0]));
    assert_false(would_cycle(f->db, s[0], s[3 * DIAMONDS]));
    assert_status(f->db, join_steps(f->db, s[3 * DIAMONDS], s[0]), TASKER_CYCLE);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_create_and_get),
        cmocka_unit_test(test_absent),
        cmocka_unit_test(test_refused_edges),
        cmocka_unit_test(test_resend),
        cmocka_unit_test(test_find_or_create),
        cmocka_unit_test(test_into_every_state),
        cmocka_unit_test(test_resend_after_start),
        cmocka_unit_test(test_delete),
        cmocka_unit_test(test_delete_in_every_state),
        cmocka_unit_test(test_race_to_delete),
        cmocka_unit_test(test_delete_waits_for_the_task),
        cmocka_unit_test(test_race_for_a_cycle),
        cmocka_unit_test(test_waits_for_the_task),
        cmocka_unit_test(test_would_cycle),
        cmocka_unit_test(test_stacked_diamonds),
    };
    return db_test_run(tests);
}
