/* SPDX-License-Identifier: MIT */
/* tasker_definition_levels against an independent computation, and the time that large definitions take. */
#include "unit.h"

#include <tasker/definition.h>
#include <time.h>

typedef struct graph {
    size_t steps, edges, room;
    tasker_step_definition *step;
    tasker_edge_definition *edge;
    char (*names)[12];
} graph;

static graph new_graph(size_t steps, size_t room)
{
    graph g = {.steps = steps, .room = room};
    g.step = calloc(steps + 1, sizeof *g.step);
    g.edge = calloc(room + 1, sizeof *g.edge);
    g.names = calloc(steps + 1, sizeof *g.names);
    assert_true(g.step != NULL && g.edge != NULL && g.names != NULL);
    for (size_t i = 0; i < steps; i++) {
        snprintf(g.names[i], sizeof g.names[i], "%zx", (i * 2654435761u) & 0xFFFFFFFFu); /* not in the steps' order */
        g.step[i].name = tasker_text_of(g.names[i]);
    }
    return g;
}

static void free_graph(graph *g)
{
    free(g->step);
    free(g->edge);
    free(g->names);
}

/* Every third edge is told by names. */
static void add(graph *g, size_t from, size_t to)
{
    assert_true(g->edges < g->room);
    tasker_edge_definition *e = &g->edge[g->edges++];
    *e = (tasker_edge_definition){.from = (uint32_t)from, .to = (uint32_t)to};
    if (g->edges % 3 == 0) {
        *e = (tasker_edge_definition){.from = 999999999, .to = 999999999};
        e->from_name = g->step[from].name;
        e->to_name = g->step[to].name;
    }
}

static tasker_definition definition_of(const graph *g)
{
    return (tasker_definition){.name = TASKER_TEXT("type"),
                               .steps = g->step,
                               .step_count = g->steps,
                               .edges = g->edge,
                               .edge_count = g->edges};
}

static size_t end_of(const graph *g, tasker_text name, uint32_t index)
{
    if (name.ptr == NULL)
        return index;
    for (size_t i = 0; i < g->steps; i++)
        if (g->step[i].name.ptr == name.ptr)
            return i;
    fail();
    return 0;
}

/* The longest path to each step: edges are relaxed until nothing changes any more. */
static void relax(const graph *g, int32_t *levels)
{
    size_t *ends = calloc(2 * g->edges + 1, sizeof *ends);
    assert_non_null(ends);
    for (size_t e = 0; e < g->edges; e++) {
        ends[2 * e] = end_of(g, g->edge[e].from_name, g->edge[e].from);
        ends[2 * e + 1] = end_of(g, g->edge[e].to_name, g->edge[e].to);
    }
    memset(levels, 0, g->steps * sizeof *levels);
    for (bool changed = true; changed;) {
        changed = false;
        for (size_t e = 0; e < g->edges; e++)
            if (levels[ends[2 * e + 1]] < levels[ends[2 * e]] + 1) {
                levels[ends[2 * e + 1]] = levels[ends[2 * e]] + 1;
                changed = true;
            }
    }
    free(ends);
}

/* The levels are as computed here; the highest is as told. */
static void assert_levels(graph *g, int32_t highest)
{
    int32_t *expected = calloc(g->steps + 1, sizeof *expected), *levels = calloc(g->steps + 1, sizeof *levels);
    assert_true(expected != NULL && levels != NULL);
    tasker_definition d = definition_of(g);
    tasker_error error;
    assert_int_equal(tasker_definition_levels(&d, &error, levels), TASKER_OK);
    assert_int_equal(tasker_definition_levels(&d, NULL, levels), TASKER_OK);
    relax(g, expected);
    assert_memory_equal(levels, expected, g->steps * sizeof *levels);
    int32_t found = 0;
    for (size_t i = 0; i < g->steps; i++)
        found = levels[i] > found ? levels[i] : found;
    assert_true(highest < 0 || found == highest);
    free(expected);
    free(levels);
    free_graph(g);
}

static void test_shapes(void **state)
{
    (void)state;
    graph linear = new_graph(100, 99);
    for (size_t i = 99; i > 0; i--)
        add(&linear, i, i - 1);
    assert_levels(&linear, 99);

    graph diamond = new_graph(4, 4);
    add(&diamond, 3, 1);
    add(&diamond, 3, 2);
    add(&diamond, 1, 0);
    add(&diamond, 2, 0);
    assert_levels(&diamond, 2);

    graph tree = new_graph(127, 126);
    for (size_t i = 1; i < 127; i++)
        add(&tree, (i - 1) / 2, i);
    assert_levels(&tree, 6);

    graph ladder = new_graph(128, 190); /* two rails of 64 steps, a rung at each: 2^64 paths or so */
    for (size_t i = 0; i < 64; i++) {
        add(&ladder, 2 * i, 2 * i + 1);
        for (size_t rail = 0; rail < 2 && i < 63; rail++)
            add(&ladder, 2 * i + rail, 2 * i + 2 + rail);
    }
    assert_levels(&ladder, 64);

    graph mixed = new_graph(9, 8); /* a long and a short way to one step, two islands, a step without edges */
    static const unsigned char ends[][2] = {{0, 1}, {1, 2}, {2, 3}, {0, 3}, {3, 4}, {5, 6}, {5, 7}, {6, 7}};
    for (size_t e = 0; e < COUNT(ends); e++)
        add(&mixed, ends[e][0], ends[e][1]);
    assert_levels(&mixed, 4);

    graph islands = new_graph(1000, 0);
    assert_levels(&islands, 0);
}

/* A ladder whose every rung crosses has 2^64 paths: nobody may walk them one by one. */
static void test_many_paths(void **state)
{
    (void)state;
    graph crossed = new_graph(130, 256);
    for (size_t i = 0; i < 64; i++)
        for (size_t k = 0; k < 4; k++)
            add(&crossed, 2 * i + k / 2, 2 * i + 2 + k % 2);
    assert_levels(&crossed, 64);
}

/* Edges lead along a random order of the steps, so there is no cycle. */
static void test_random_graphs(void **state)
{
    (void)state;
    unsigned seed = 2024;
    for (int round = 0; round < 300; round++) {
        size_t n = 1 + (size_t)(rand_r(&seed) % 60), order[64];
        int density = 2 + rand_r(&seed) % 20;
        graph g = new_graph(n, n * n);
        for (size_t i = 0; i < n; i++) {
            size_t j = (size_t)rand_r(&seed) % (i + 1);
            order[i] = order[j];
            order[j] = i;
        }
        for (size_t to = 1; to < n; to++)
            for (size_t from = 0; from < to; from++)
                if (rand_r(&seed) % density == 0)
                    add(&g, order[from], order[to]);
        assert_levels(&g, -1);
    }
}

/* One edge back makes a cycle of any of them. */
static void test_random_cycles(void **state)
{
    (void)state;
    unsigned seed = 7;
    for (int round = 0; round < 100; round++) {
        size_t n = 3 + (size_t)(rand_r(&seed) % 50);
        graph g = new_graph(n, 2 * n);
        for (size_t i = 1; i < n; i++)
            add(&g, i - 1, i);
        size_t low = (size_t)rand_r(&seed) % (n - 2), high = low + 1 + (size_t)rand_r(&seed) % (n - low - 1);
        add(&g, high, low);
        tasker_definition d = definition_of(&g);
        tasker_error error;
        int32_t levels[64];
        assert_int_equal(tasker_definition_levels(&d, &error, levels), TASKER_CYCLE);
        assert_in_range((uintmax_t)error.item, low, high);
        free_graph(&g);
    }
}

/* ---- size ---- */

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* The allowed second is for a program that runs by itself. */
static double allowed(void)
{
    const char *preload = getenv("LD_PRELOAD");
    return preload != NULL && strstr(preload, "vgpreload") != NULL ? 60 : 1;
}

static void assert_quick(graph *g, tasker_status checked)
{
    static const tasker_limits wide = {.steps = 200000, .depth = 200000};
    int32_t *levels = calloc(g->steps, sizeof *levels);
    assert_non_null(levels);
    tasker_definition d = definition_of(g);
    double before = seconds();
    assert_int_equal(tasker_definition_levels(&d, NULL, levels), checked);
    double between = seconds();
    assert_int_equal(tasker_definition_check(&d, &wide, NULL), checked);
    double after = seconds();
    assert_true(between - before < allowed());
    assert_true(after - between < allowed());
    free(levels);
    free_graph(g);
}

static void test_large(void **state)
{
    (void)state;
    graph chain = new_graph(100000, 99999);
    for (size_t i = 99999; i > 0; i--)
        add(&chain, i, i - 1);
    assert_quick(&chain, TASKER_OK);

    graph star = new_graph(100000, 99999);
    for (size_t i = 1; i < 100000; i++)
        add(&star, i, 0);
    assert_quick(&star, TASKER_OK);

    unsigned seed = 99;
    graph dense = new_graph(1000, 100000);
    for (size_t to = 1; to < 1000 && dense.edges < 100000; to++)
        for (size_t from = 0; from < to && dense.edges < 100000; from++)
            if (rand_r(&seed) % 4 != 0)
                add(&dense, from, to);
    assert_int_equal(dense.edges, 100000);
    assert_quick(&dense, TASKER_OK);

    graph ring = new_graph(100000, 100000);
    for (size_t i = 0; i < 100000; i++)
        add(&ring, i, (i + 1) % 100000);
    assert_quick(&ring, TASKER_CYCLE);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),        cmocka_unit_test(test_many_paths), cmocka_unit_test(test_random_graphs),
        cmocka_unit_test(test_random_cycles), cmocka_unit_test(test_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
