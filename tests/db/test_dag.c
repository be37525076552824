/* SPDX-License-Identifier: MIT */
/* Nodes: where steps stand in the graph of their task. */
#include "dag_test.h"

static const tasker_step_nodes *query(tasker_db *db, tasker_step_node_filter filter, const tasker_page *page)
{
    const tasker_step_nodes *nodes = NULL;
    assert_status(db, tasker_step_node_query(db, &filter, page, &nodes), TASKER_OK);
    assert_non_null(nodes);
    return nodes;
}

static const char *sorted(const char *text)
{
    static char letters[32];
    size_t n = 0;
    for (char letter = 'a'; letter <= 'z'; letter++)
        if (strchr(text, letter) != NULL)
            letters[n++] = letter;
    letters[n] = '\0';
    return letters;
}

/* ---- the known graphs ---- */

static const char *expected_neighbours(const char *edges, char letter, bool parents)
{
    static char texts[2][32];
    char *text = texts[parents], unsorted[64] = "";
    size_t n = 0;
    for (const char *pair = edges; *pair != '\0'; pair += pair[2] == ' ' ? 3 : 2)
        if (pair[parents ? 1 : 0] == letter)
            unsorted[n++] = pair[parents ? 0 : 1];
    snprintf(text, sizeof texts[0], "%s", sorted(unsorted));
    return text;
}

static void check_node(const made_flow *flow, const known_graph *g, const tasker_step_node *node)
{
    char letter = letter_of(flow, node->workflow_step_uuid);
    assert_uuid(node->task_uuid, flow->task_uuid);
    assert_false(tasker_uuid_is_nil(&node->named_step_uuid));
    assert_string_equal(letters_of(flow, node->parents), expected_neighbours(g->edges, letter, true));
    assert_string_equal(letters_of(flow, node->children), expected_neighbours(g->edges, letter, false));
    assert_int_equal(node->is_root_step, strchr(g->roots, letter) != NULL);
    assert_int_equal(node->is_leaf_step, strchr(g->leaves, letter) != NULL);
    assert_true(node->has_level && node->has_min_depth_from_root && !node->on_cycle);
    assert_int_equal(node->level, g->levels[letter - 'a'] - '0');
    assert_int_equal(node->min_depth_from_root, g->depths[letter - 'a'] - '0');
}

static void test_known_graphs(void **state)
{
    fixture *f = *state;
    for (size_t k = 0; k < known_graph_count; k++) {
        const known_graph *g = &known_graphs[k];
        made_flow flow = make_flow(f->db, g->steps, g->edges);
        const tasker_step_nodes *nodes = query(f->db, (tasker_step_node_filter){.task_uuid = &flow.task_uuid}, NULL);
        assert_int_equal(nodes->count, strlen(g->steps));
        assert_false(nodes->has_next);
        for (size_t i = 0; i < nodes->count; i++) {
            check_node(&flow, g, nodes->items[i]);
            tasker_free(nodes->items[i]); /* an item of a list: nothing happens */
            const tasker_step_node *before = i > 0 ? nodes->items[i - 1] : NULL, *node = nodes->items[i];
            assert_true(before == NULL || before->min_depth_from_root < node->min_depth_from_root ||
                        (before->min_depth_from_root == node->min_depth_from_root &&
                         tasker_uuid_compare(&before->workflow_step_uuid, &node->workflow_step_uuid) < 0));
        }
        tasker_free(nodes);
        for (size_t i = 0; i < flow.count; i++) {
            nodes = query(f->db, (tasker_step_node_filter){.workflow_step_uuid = &flow.steps[i]}, NULL);
            assert_int_equal(nodes->count, 1);
            assert_uuid(nodes->items[0]->workflow_step_uuid, flow.steps[i]);
            check_node(&flow, g, nodes->items[0]);
            tasker_free(nodes);
        }
    }
}

/* ---- filters and pages ---- */

static const char *found(tasker_db *db, const made_flow *flow, tasker_step_node_filter filter)
{
    return sorted(nodes_as_text(flow, query(db, filter, NULL)));
}

static void test_filters(void **state)
{
    fixture *f = *state;
    for (size_t k = 0; k < known_graph_count; k++) {
        const known_graph *g = &known_graphs[k];
        made_flow flow = make_flow(f->db, g->steps, g->edges);
        const tasker_uuid *task = &flow.task_uuid;
        assert_string_equal(found(f->db, &flow, (tasker_step_node_filter){.task_uuid = task, .roots = true}), g->roots);
        assert_string_equal(found(f->db, &flow, (tasker_step_node_filter){.task_uuid = task, .leaves = true}),
                            g->leaves);
        for (int32_t depth = 0; depth < 5; depth++) {
            char at_depth[32] = "";
            size_t n = 0;
            for (size_t i = 0; i < flow.count; i++)
                if (g->depths[i] - '0' == depth)
                    at_depth[n++] = (char)('a' + i);
            tasker_step_node_filter filter = {.task_uuid = task, TASKER_SET(depth, depth)};
            assert_string_equal(found(f->db, &flow, filter), at_depth);
        }
    }
    made_flow flow = make_flow(f->db, "abc", "ab"), other = make_flow(f->db, "ab", "ab");
    tasker_step_node_filter filter = {.task_uuid = &flow.task_uuid, .roots = true, .leaves = true};
    assert_string_equal(found(f->db, &flow, filter), "c");
    filter = (tasker_step_node_filter){.workflow_step_uuid = &FLOW_STEP(flow, 'b'), .leaves = true};
    assert_string_equal(found(f->db, &flow, filter), "b");
    filter.roots = true;
    assert_string_equal(found(f->db, &flow, filter), "");
    filter = (tasker_step_node_filter){.task_uuid = &flow.task_uuid, .workflow_step_uuid = &FLOW_STEP(flow, 'b')};
    assert_string_equal(found(f->db, &flow, filter), "b");
    filter.task_uuid = &other.task_uuid;
    assert_string_equal(found(f->db, &flow, filter), "");
    filter = (tasker_step_node_filter){.task_uuid = &flow.task_uuid, TASKER_SET(depth, INT32_MAX)};
    assert_string_equal(found(f->db, &flow, filter), "");
}

static tasker_uuid paged;

PAGES(page_of, step_node, query, tasker_step_nodes, .task_uuid = &paged)

/* By depth, those without last, then by key. */
static int by_depth(const void *a, const void *b)
{
    const tasker_step_node *x = a, *y = b;
    int64_t depth_x = x->has_min_depth_from_root ? x->min_depth_from_root : INT32_MAX;
    int64_t depth_y = y->has_min_depth_from_root ? y->min_depth_from_root : INT32_MAX;
    return depth_x != depth_y ? (depth_x > depth_y) - (depth_x < depth_y) : by_key(a, b);
}

static void test_pages(void **state)
{
    fixture *f = *state;
    uint32_t edges[64][2];
    size_t n = 0;
    for (uint32_t i = 0; i < 15; i++, n++) /* a root, 15 in the middle, 15 at the end, 4 loose ones */
        edges[n][0] = 0, edges[n][1] = i + 1;
    for (uint32_t i = 0; i < 15; i++, n++)
        edges[n][0] = i + 1, edges[n][1] = i + 16;
    tasker_uuid *steps;
    paged = make_graph(f->db, 35, (const uint32_t(*)[2])edges, n, &steps);
    assert_pages(f->db, page_of, TASKER_ORDER_OLDEST, by_depth, 35);
    begin_without_rules(f->db);
    for (size_t i = 31; i < 35; i++) /* the loose ones, whose keys are low, lead to themselves and come last */
        insert_edge(f->db, steps[i], steps[i]);
    assert_pages(f->db, page_of, TASKER_ORDER_OLDEST, by_depth, 35);
    for (size_t i = 16; i < 31; i++) /* nothing has a root any more */
        insert_edge(f->db, steps[i], steps[0]);
    assert_pages(f->db, page_of, TASKER_ORDER_OLDEST, by_depth, 35);
    assert_status(f->db, tasker_db_rollback(f->db), TASKER_OK);
    const void *list = NULL;
    for (int order = TASKER_ORDER_NEWEST; order <= TASKER_ORDER_PRIORITY + 1; order++)
        assert_status(f->db, page_of(f->db, &(tasker_page){.order = (tasker_order)order}, &list), TASKER_UNSUPPORTED);
    assert_status(f->db, page_of(f->db, &(tasker_page){.limit = -1}, &list), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, page_of(f->db, &(tasker_page){.limit = INT32_MAX}, &list), TASKER_LIMIT_EXCEEDED);
    assert_status(f->db, page_of(f->db, &(tasker_page){.reserved = {1}}, &list), TASKER_UNSUPPORTED);
    assert_null(list);
    static const tasker_position odd[] = {{INT64_MAX, {{0xFF}}}, {INT64_MIN, {{0}}}, {INT32_MAX, {{0xFF}}}};
    static const size_t left[] = {0, 35, 0};
    for (size_t i = 0; i < COUNT(odd); i++) {
        assert_status(f->db, page_of(f->db, &(tasker_page){.after = &odd[i]}, &list), TASKER_OK);
        assert_int_equal(((const tasker_step_nodes *)list)->count, left[i]);
        tasker_free(list);
    }
    free(steps);
}

/* A page of 0 is one of 100. */
static void test_default_limit(void **state)
{
    fixture *f = *state;
    uint32_t edges[200][2];
    for (uint32_t i = 0; i < 200; i++)
        edges[i][0] = i < 100 ? 0 : i - 99, edges[i][1] = i < 100 ? i + 1 : 101;
    tasker_uuid *steps;
    paged = make_graph(f->db, 102, (const uint32_t(*)[2])edges, 200, &steps);
    const void *answer = NULL;
    assert_status(f->db, page_of(f->db, NULL, &answer), TASKER_OK);
    const tasker_step_nodes *list = answer;
    assert_int_equal(list->count, 100);
    assert_true(list->has_next);
    assert_int_equal(list->items[0]->children.count, 100);
    assert_int_equal(list->items[0]->parents.count, 0);
    tasker_page second = {.after = &list->next};
    assert_status(f->db, page_of(f->db, &second, &answer), TASKER_OK);
    tasker_free(list);
    list = answer;
    assert_int_equal(list->count, 2);
    assert_false(list->has_next);
    assert_int_equal(list->items[1]->parents.count, 100);
    assert_int_equal(list->items[1]->level, 2);
    tasker_free(list);
    free(steps);
}

/* ---- bad input ---- */

static void test_arguments(void **state)
{
    fixture *f = *state;
    made_flow flow = make_flow(f->db, "ab", "ab");
    tasker_uuid unknown = new_uuid(), nil = NIL;
    const tasker_step_nodes *list = (const void *)f;
    assert_status(f->db, tasker_step_node_query(f->db, NULL, NULL, &list), TASKER_INVALID_ARGUMENT);
    assert_null(list);
    tasker_step_node_filter filter = {.roots = true};
    assert_status(f->db, tasker_step_node_query(f->db, &filter, NULL, &list), TASKER_INVALID_ARGUMENT);
    assert_message(f->db, "task_uuid or workflow_step_uuid");
    filter = (tasker_step_node_filter){.task_uuid = &flow.task_uuid, .reserved = {0, 0, 0, 1}};
    assert_status(f->db, tasker_step_node_query(f->db, &filter, NULL, &list), TASKER_UNSUPPORTED);
    filter = (tasker_step_node_filter){.task_uuid = &flow.task_uuid, TASKER_SET(depth, -1)};
    assert_status(f->db, tasker_step_node_query(f->db, &filter, NULL, &list), TASKER_INVALID_ARGUMENT);
    filter = (tasker_step_node_filter){.task_uuid = &flow.task_uuid, .depth = -1};
    assert_status(f->db, tasker_step_node_query(f->db, &filter, NULL, NULL), TASKER_OK);
    assert_status(f->db, tasker_step_node_query(NULL, &filter, NULL, &list), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, tasker_step_node_list_critical_path(f->db, NULL, &list), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, tasker_step_node_list_critical_path(f->db, &flow.task_uuid, NULL), TASKER_OK);
    const tasker_uuid *nothing[] = {&unknown, &nil, &flow.steps[0], &flow.task_uuid};
    for (size_t i = 0; i < COUNT(nothing); i++) { /* the third is a step, the fourth a task */
        if (nothing[i] != &flow.task_uuid) {
            filter = (tasker_step_node_filter){.task_uuid = nothing[i]};
            assert_string_equal(found(f->db, &flow, filter), "");
            assert_status(f->db, tasker_step_node_list_critical_path(f->db, nothing[i], &list), TASKER_OK);
            assert_int_equal(list->count, 0);
            tasker_free(list);
        }
        if (nothing[i] != &flow.steps[0]) {
            filter = (tasker_step_node_filter){.workflow_step_uuid = nothing[i]};
            assert_string_equal(found(f->db, &flow, filter), "");
        }
    }
    tasker_uuid empty = make_task(f->db);
    assert_string_equal(found(f->db, &flow, (tasker_step_node_filter){.task_uuid = &empty}), "");
}

/* What a queued call is asked may change before it is answered. */
static void test_queued(void **state)
{
    fixture *f = *state;
    made_flow flow = make_flow(f->db, "abcd", "ab ac bd cd");
    tasker_pipeline *pipeline = NULL;
    assert_status(f->db, tasker_pipeline_open(f->db, NULL, &pipeline), TASKER_OK);
    tasker_db *queue = tasker_pipeline_db(pipeline);
    tasker_uuid task = flow.task_uuid, step = FLOW_STEP(flow, 'c');
    tasker_position after = {0, FLOW_STEP(flow, 'a')};
    tasker_page page = {.limit = 2, .after = &after};
    tasker_step_node_filter filter = {.task_uuid = &task};
    const tasker_step_nodes *two = NULL, *one = NULL, *path = NULL;
    const tasker_step_relatives *relatives = NULL;
    assert_int_equal(tasker_step_node_query(queue, &filter, &page, &two), TASKER_QUEUED);
    filter = (tasker_step_node_filter){.workflow_step_uuid = &step};
    assert_int_equal(tasker_step_node_query(queue, &filter, NULL, &one), TASKER_QUEUED);
    assert_int_equal(tasker_step_node_list_critical_path(queue, &task, &path), TASKER_QUEUED);
    assert_int_equal(tasker_step_relative_list_descendants(queue, &step, NULL, &relatives), TASKER_QUEUED);
    after.key = 7, page.limit = 100, task = step = NIL;
    assert_null(two);
    assert_status(f->db, tasker_pipeline_run(pipeline), TASKER_OK);
    tasker_pipeline_close(pipeline);
    assert_true(two->has_next);
    assert_string_equal(sorted(nodes_as_text(&flow, two)), "bc");
    assert_string_equal(nodes_as_text(&flow, one), "c");
    assert_int_equal(path->count, 3);
    tasker_free(path);
    assert_string_equal(relatives_as_text(&flow, relatives), "d1");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_graphs),  cmocka_unit_test(test_filters),   cmocka_unit_test(test_pages),
        cmocka_unit_test(test_default_limit), cmocka_unit_test(test_arguments), cmocka_unit_test(test_queued),
    };
    return db_test_run(tests);
}
