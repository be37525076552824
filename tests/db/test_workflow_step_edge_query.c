/* SPDX-License-Identifier: MIT */
#include "entity_test.h"

static void test_texts(void **state)
{
    fixture *f = *state;
    for (size_t i = 0; i < hostile_count; i++) {
        tasker_uuid s[2];
        make_task_of_steps(f->db, s, 2);
        const tasker_workflow_step_edge *edge = NULL;
        tasker_workflow_step_edge_input input = {{{0}}, s[0], s[1], T(hostile[i]), {0}};
        assert_status(f->db, tasker_workflow_step_edge_create(f->db, &input, &edge), TASKER_OK);
        assert_text(edge->name, hostile[i]);
        assert_int_equal(COUNTED(f, workflow_step_edge, .from_step_uuid = &s[0], .name = T(hostile[i])), 1);
        tasker_free(edge);
    }
}

static tasker_uuid paged;

PAGES(page_of, workflow_step_edge, query, tasker_workflow_step_edges, .task_uuid = &paged)

static void test_pages(void **state)
{
    fixture *f = *state;
    tasker_uuid s[26];
    paged = make_task_of_steps(f->db, s, COUNT(s));
    for (size_t i = 1; i < COUNT(s); i++)
        assert_status(f->db, join_steps(f->db, s[0], s[i]), TASKER_OK);
    assert_pages(f->db, page_of, TASKER_ORDER_OLDEST, by_key, 25);
    assert_pages(f->db, page_of, TASKER_ORDER_NEWEST, by_key_descending, 25);
    assert_int_equal(STREAMED(f, workflow_step_edge, TASKER_ORDER_OLDEST, by_key, .task_uuid = &paged), 25);
    assert_int_equal(STREAMED(f, workflow_step_edge, TASKER_ORDER_NEWEST, by_key_descending, .task_uuid = &paged), 25);
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
    make_task_of_steps(f->db, s, COUNT(s));
    for (size_t i = 1; i < COUNT(s); i++)
        assert_status(f->db, join_steps(f->db, s[0], s[i]), TASKER_OK);
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
    tasker_uuid task = make_task_of_steps(f->db, s, COUNT(s)), unknown = new_uuid();
    for (size_t i = 0; i < COUNT(edges); i++)
        assert_status(f->db, join_steps(f->db, s[edges[i][0]], s[edges[i][1]]), TASKER_OK);
    assert_int_equal(COUNTED(f, workflow_step_edge, .task_uuid = &task), 6);
    assert_int_equal(COUNTED(f, workflow_step_edge, .from_step_uuid = &s[0]), 3);
    assert_int_equal(COUNTED(f, workflow_step_edge, .to_step_uuid = &s[2]), 2);
    assert_int_equal(COUNTED(f, workflow_step_edge, .from_step_uuid = &s[0], .to_step_uuid = &s[2]), 1);
    assert_int_equal(COUNTED(f, workflow_step_edge, .task_uuid = &task, .name = T("provides")), 6);
    assert_int_equal(COUNTED(f, workflow_step_edge, .task_uuid = &task, .name = T("provide")), 0);
    assert_int_equal(COUNTED(f, workflow_step_edge, .to_children_of = &s[1]), 4);
    assert_int_equal(COUNTED(f, workflow_step_edge, .siblings_of = &s[2]), 2);
    assert_int_equal(COUNTED(f, workflow_step_edge, .siblings_of = &s[2], .to_step_uuid = &s[3]), 2);
    assert_int_equal(COUNTED(f, workflow_step_edge, .siblings_of = &s[4]), 0);
    assert_int_equal(COUNTED(f, workflow_step_edge, .siblings_of = &s[0]), 0);
    assert_int_equal(COUNTED(f, workflow_step_edge, .siblings_of = &unknown), 0);
    assert_int_equal(COUNTED(f, workflow_step_edge, .siblings_of = &s[2], .to_children_of = &s[0]), 2);
    assert_int_equal(COUNTED(f, workflow_step_edge, .siblings_of = &s[2], .from_step_uuid = &s[0]), 1);
    assert_int_equal(COUNTED(f, workflow_step_edge, .to_children_of = &s[2], .task_uuid = &task), 1);
    assert_int_equal(COUNTED(f, workflow_step_edge, .to_children_of = &unknown), 0);
    assert_int_equal(COUNTED(f, workflow_step_edge, .task_uuid = &s[0]), 0);

    const tasker_workflow_step_edge_filter newer = {.reserved = {0, 0, 1, 0}};
    const tasker_workflow_step_edges *list = NULL;
    tasker_cursor *cursor = NULL;
    assert_status(f->db, tasker_workflow_step_edge_query(f->db, &newer, NULL, &list), TASKER_UNSUPPORTED);
    assert_status(f->db, tasker_workflow_step_edge_count(f->db, &newer, &(int64_t){0}), TASKER_UNSUPPORTED);
    assert_status(f->db, tasker_workflow_step_edge_exists(f->db, &newer, &(bool){false}), TASKER_UNSUPPORTED);
    assert_status(f->db, tasker_workflow_step_edge_stream(f->db, &newer, NULL, &cursor), TASKER_UNSUPPORTED);
    assert_status(f->db, tasker_workflow_step_edge_count(f->db, NULL, NULL), TASKER_INVALID_ARGUMENT);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_pages),
        cmocka_unit_test(test_limit_of_rows),
        cmocka_unit_test(test_filters),
    };
    return db_test_run(tests);
}
