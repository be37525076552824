/* SPDX-License-Identifier: MIT */
#include "flow_test.h"

static tasker_status join(tasker_db *db, tasker_uuid from, tasker_uuid to)
{
    return tasker_workflow_step_edge_create(
        db, &(tasker_workflow_step_edge_input){.from_step_uuid = from, .to_step_uuid = to}, NULL);
}

static void make_steps(tasker_db *db, tasker_uuid *steps, size_t count)
{
    tasker_uuid task = make_task(db), named = make_named_step(db);
    for (size_t i = 0; i < count; i++) {
        tasker_workflow_step_input input = {.workflow_step_uuid = steps[i] = new_uuid(), .task_uuid = task};
        input.named_step_uuid = named;
        assert_status(db, tasker_workflow_step_create(db, &input, NULL), TASKER_OK);
    }
}

static void test_create_and_get(void **state)
{
    fixture *f = *state;
    tasker_uuid s[3];
    make_steps(f->db, s, 3);
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
    make_steps(f->db, s, 2);
    const tasker_workflow_step_edge *edge = (const void *)f;
    assert_status(f->db, tasker_workflow_step_edge_get(f->db, &unknown, &edge), TASKER_NOT_FOUND);
    assert_null(edge);
    assert_status(f->db, tasker_workflow_step_edge_create(f->db, NULL, &edge), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, join(f->db, NIL, s[0]), TASKER_INVALID_ARGUMENT);
    assert_message(f->db, "from_step_uuid is required");
    assert_status(f->db, join(f->db, s[0], NIL), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, join(f->db, s[0], unknown), TASKER_REFERENCE_MISSING);
    assert_status(f->db, join(f->db, unknown, s[0]), TASKER_REFERENCE_MISSING);
}

/* Each of the refusals, in a transaction that goes on. */
static void test_refused_edges(void **state)
{
    fixture *f = *state;
    tasker_uuid s[4], foreign;
    make_steps(f->db, s, 4);
    make_steps(f->db, &foreign, 1);
    assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
    assert_status(f->db, join(f->db, s[0], s[1]), TASKER_OK);
    assert_status(f->db, join(f->db, s[1], s[2]), TASKER_OK);
    assert_status(f->db, join(f->db, s[0], s[0]), TASKER_SELF_EDGE);
    assert_status(f->db, join(f->db, s[0], s[1]), TASKER_DUPLICATE_EDGE);
    assert_status(f->db, join(f->db, s[0], foreign), TASKER_FOREIGN_EDGE);
    assert_status(f->db, join(f->db, s[1], s[0]), TASKER_CYCLE);
    assert_status(f->db, join(f->db, s[2], s[0]), TASKER_CYCLE);
    assert_false(tasker_db_session(f->db)->transaction_failed);
    assert_status(f->db, join(f->db, s[0], s[2]), TASKER_OK);
    assert_status(f->db, join(f->db, s[2], s[3]), TASKER_OK);
    assert_status(f->db, tasker_db_commit(f->db), TASKER_OK);
    assert_int_equal(FOUND(f, workflow_step_edge, .to_children_of = &s[0]), 3);
}

static void test_resend(void **state)
{
    fixture *f = *state;
    tasker_uuid s[2];
    make_steps(f->db, s, 2);
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
    make_steps(f->db, s, 3);
    make_steps(f->db, &foreign, 1);
    tasker_workflow_step_edge_input input = {.from_step_uuid = s[0], .to_step_uuid = s[1]};
    const tasker_workflow_step_edge *first = NULL, *second = NULL;
    tasker_status statuses[RACERS];
    race(f, find_or_create, &input, statuses);
    for (int i = 0; i < RACERS; i++)
        assert_int_equal(statuses[i], TASKER_OK);
    assert_int_equal(FOUND(f, workflow_step_edge, .from_step_uuid = &s[0]), 1);
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
        assert_status(f->db, join(f->db, d, FLOW_STEP(flow, 'b')), TASKER_DUPLICATE_EDGE);
        assert_status(f->db, tasker_db_commit(f->db), TASKER_OK);
        assert_int_equal(FOUND(f, workflow_step_edge, .to_step_uuid = &FLOW_STEP(flow, 'b')), waits ? 3 : 1);
        assert_status(f->db, join(f->db, d, FLOW_STEP(flow, 'a')), TASKER_OK);
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

/* ---- cycles ---- */

typedef struct ring {
    tasker_uuid steps[RACERS];
} ring;

static tasker_status close_ring(tasker_db *db, int i, void *context)
{
    const ring *r = context;
    return join(db, r->steps[i], r->steps[(i + 1) % RACERS]);
}

/* Eight edges that together would be a ring: one of them, and only one, is refused. */
static void test_race_for_a_cycle(void **state)
{
    fixture *f = *state;
    for (int round = 0; round < 5; round++) {
        ring r;
        tasker_status statuses[RACERS];
        int refused = 0;
        make_steps(f->db, r.steps, RACERS);
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
    make_steps(f->db, s, 2);
    tasker_db *second = db_test_open(f);
    PQclear(PQexec(tasker_db_conn(second), "SET lock_timeout = '50ms'"));
    assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
    assert_status(f->db, join(f->db, s[0], s[1]), TASKER_OK);
    assert_status(second, join(second, s[1], s[0]), TASKER_TIMEOUT);
    assert_string_equal(tasker_db_error(second)->statement, "workflow_step_edge_create__lock");
    assert_status(f->db, tasker_db_commit(f->db), TASKER_OK);
    assert_status(second, join(second, s[1], s[0]), TASKER_CYCLE);
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
    make_steps(f->db, s, 4);
    assert_status(f->db, join(f->db, s[0], s[1]), TASKER_OK);
    assert_status(f->db, join(f->db, s[1], s[2]), TASKER_OK);
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
    make_steps(f->db, s, COUNT(s));
    assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
    for (size_t i = 0; i < DIAMONDS; i++) {
        const tasker_uuid *d = &s[3 * i];
        assert_status(f->db, join(f->db, d[0], d[1]), TASKER_OK);
        assert_status(f->db, join(f->db, d[0], d[2]), TASKER_OK);
        assert_status(f->db, join(f->db, d[1], d[3]), TASKER_OK);
        assert_status(f->db, join(f->db, d[2], d[3]), TASKER_OK);
    }
    assert_status(f->db, tasker_db_commit(f->db), TASKER_OK);
    assert_true(would_cycle(f->db, s[3 * DIAMONDS], s[0]));
    assert_false(would_cycle(f->db, s[0], s[3 * DIAMONDS]));
    assert_status(f->db, join(f->db, s[3 * DIAMONDS], s[0]), TASKER_CYCLE);
}

/* ---- texts, pages, filters ---- */

static void test_texts(void **state)
{
    fixture *f = *state;
    for (size_t i = 0; i < hostile_count; i++) {
        tasker_uuid s[2];
        make_steps(f->db, s, 2);
        const tasker_workflow_step_edge *edge = NULL;
        tasker_workflow_step_edge_input input = {{{0}}, s[0], s[1], T(hostile[i]), {0}};
        assert_status(f->db, tasker_workflow_step_edge_create(f->db, &input, &edge), TASKER_OK);
        assert_text(edge->name, hostile[i]);
        assert_int_equal(FOUND(f, workflow_step_edge, .from_step_uuid = &s[0], .name = T(hostile[i])), 1);
        tasker_free(edge);
    }
}

static tasker_uuid paged;

static tasker_status page_of(tasker_db *db, const tasker_page *page, const void **out)
{
    const tasker_workflow_step_edges *list = NULL;
    tasker_workflow_step_edge_filter filter = {.task_uuid = &paged};
    tasker_status status = tasker_workflow_step_edge_query(db, &filter, page, &list);
    *out = list;
    return status;
}

static void test_pages(void **state)
{
    fixture *f = *state;
    tasker_uuid s[26];
    const tasker_workflow_step *step = NULL;
    make_steps(f->db, s, COUNT(s));
    assert_status(f->db, tasker_workflow_step_get(f->db, &s[0], &step), TASKER_OK);
    paged = step->task_uuid;
    tasker_free(step);
    for (size_t i = 1; i < COUNT(s); i++)
        assert_status(f->db, join(f->db, s[0], s[i]), TASKER_OK);
    assert_pages(f->db, page_of, TASKER_ORDER_OLDEST, by_key, 25);
    assert_pages(f->db, page_of, TASKER_ORDER_NEWEST, by_key_descending, 25);
    const void *list = NULL;
    assert_status(f->db, page_of(f->db, &(tasker_page){.order = TASKER_ORDER_PRIORITY}, &list), TASKER_UNSUPPORTED);
}

/* The handle's limit on rows bounds the default, and the largest page asks for one row more. */
static void test_limit_of_rows(void **state)
{
    static const struct {
        int32_t rows, limit;
        tasker_status status;
        size_t count;
    } cases[] = {
        {4, 0, TASKER_OK, 4},
        {4, 4, TASKER_OK, 4},
        {4, 5, TASKER_LIMIT_EXCEEDED, 0},
        {200, 0, TASKER_OK, 100},
        {200, 200, TASKER_OK, 101},
        {4, INT32_MAX, TASKER_LIMIT_EXCEEDED, 0},
        {INT32_MAX, 0, TASKER_OK, 100},
        {INT32_MAX, INT32_MAX - 1, TASKER_OK, 101},
        {INT32_MAX, INT32_MAX, TASKER_LIMIT_EXCEEDED, 0},
    };
    fixture *f = *state;
    tasker_uuid s[102];
    make_steps(f->db, s, COUNT(s));
    for (size_t i = 1; i < COUNT(s); i++)
        assert_status(f->db, join(f->db, s[0], s[i]), TASKER_OK);
    for (size_t i = 0; i < 2 * COUNT(cases); i++) {
        size_t c = i / 2;
        const tasker_workflow_step_edges *list = NULL;
        const tasker_workflow_step_edge_filter filter = {.from_step_uuid = &s[0]};
        const tasker_page page = {.limit = cases[c].limit};
        bool no_page = i % 2 != 0 && cases[c].limit == 0;
        tasker_db *db = db_test_open_with(f, &(tasker_db_options){.limits = {.rows = cases[c].rows}});
        assert_status(db, tasker_workflow_step_edge_query(db, &filter, no_page ? NULL : &page, &list), cases[c].status);
        assert_int_equal(list != NULL ? list->count : 0, cases[c].count);
        assert_true(list == NULL || list->has_next == (cases[c].count < 101));
        tasker_free(list);
        tasker_db_close(db);
    }
}

/*  0 → 2, 1 → 2, 0 → 3, 1 → 3, 0 → 4, 2 → 5: 3 is 2's only sibling; 4 has one of its parents, 5 none. */
static void test_filters(void **state)
{
    fixture *f = *state;
    tasker_uuid s[6];
    static const int edges[][2] = {{0, 2}, {1, 2}, {0, 3}, {1, 3}, {0, 4}, {2, 5}};
    make_steps(f->db, s, COUNT(s));
    for (size_t i = 0; i < COUNT(edges); i++)
        assert_status(f->db, join(f->db, s[edges[i][0]], s[edges[i][1]]), TASKER_OK);
    const tasker_workflow_step *step = NULL;
    assert_status(f->db, tasker_workflow_step_get(f->db, &s[0], &step), TASKER_OK);
    const tasker_uuid *task = &step->task_uuid;
    assert_int_equal(FOUND(f, workflow_step_edge, .task_uuid = task), 6);
    assert_int_equal(FOUND(f, workflow_step_edge, .from_step_uuid = &s[0]), 3);
    assert_int_equal(FOUND(f, workflow_step_edge, .to_step_uuid = &s[2]), 2);
    assert_int_equal(FOUND(f, workflow_step_edge, .from_step_uuid = &s[0], .to_step_uuid = &s[2]), 1);
    assert_int_equal(FOUND(f, workflow_step_edge, .task_uuid = task, .name = T("provides")), 6);
    assert_int_equal(FOUND(f, workflow_step_edge, .task_uuid = task, .name = T("provide")), 0);
    assert_int_equal(FOUND(f, workflow_step_edge, .to_children_of = &s[1]), 4);
    assert_int_equal(FOUND(f, workflow_step_edge, .siblings_of = &s[2]), 2);
    assert_int_equal(FOUND(f, workflow_step_edge, .siblings_of = &s[2], .to_step_uuid = &s[3]), 2);
    assert_int_equal(FOUND(f, workflow_step_edge, .siblings_of = &s[4]), 0);
    assert_int_equal(FOUND(f, workflow_step_edge, .siblings_of = &s[0]), 0);
    tasker_free(step);
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
        cmocka_unit_test(test_race_for_a_cycle),
        cmocka_unit_test(test_waits_for_the_task),
        cmocka_unit_test(test_would_cycle),
        cmocka_unit_test(test_stacked_diamonds),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_pages),
        cmocka_unit_test(test_limit_of_rows),
        cmocka_unit_test(test_filters),
    };
    return db_test_run(tests);
}
