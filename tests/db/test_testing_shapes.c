/* SPDX-License-Identifier: MIT */
/* The definitions of libtasker-testing: names, counts, roots, leaves and levels. They need no server. */
#include <inttypes.h>
#include <tasker/testing.h>
#include "db_test.h"

static const tasker_definition *define(tasker_testing_shape shape, int32_t size, uint64_t seed)
{
    const tasker_definition *definition = NULL;
    assert_int_equal(tasker_testing_define(shape, size, seed, &definition), TASKER_OK);
    assert_int_equal(tasker_definition_check(definition, &(tasker_limits){.steps = 200000, .depth = 200000}, NULL),
                     TASKER_OK);
    return definition;
}

/* ---- the five of tasker-core and our own, one line each ---- */

/* Indexes are digits; names are those of the first and the last step. */
static const struct shape {
    tasker_testing_shape shape;
    int32_t size;
    const char *name, *system, *first, *last, *last_inputs, *edges, *roots, *leaves, *levels;
} shapes[] = {
    {TASKER_TESTING_SHAPE_LINEAR, 0, "linear_workflow", "linear-system", "linear_step_1", "linear_step_4",
     "{\"step_number\": 4, \"pattern\": \"linear\"}", "01 12 23", "0", "3", "0123"},
    {TASKER_TESTING_SHAPE_LINEAR, 1, "linear_workflow", "linear-system", "linear_step_1", "linear_step_1",
     "{\"step_number\": 1, \"pattern\": \"linear\"}", "", "0", "0", "0"},
    {TASKER_TESTING_SHAPE_DIAMOND, 0, "diamond_workflow", "diamond-system", "diamond_start", "diamond_merge",
     "{\"position\": \"merge\"}", "01 02 13 23", "0", "3", "0112"},
    {TASKER_TESTING_SHAPE_PARALLEL_MERGE, 0, "parallel_merge_workflow", "parallel-system", "parallel_step_1",
     "parallel_merge", "{\"merge_count\": 3}", "03 13 23", "012", "3", "0001"},
    {TASKER_TESTING_SHAPE_TREE, 0, "tree_workflow", "tree-system", "tree_root", "tree_leaf_g",
     "{\"parent\": \"right\", \"tree_level\": 2, \"leaf_index\": 4}", "01 02 13 14 25 26", "0", "3456", "0112222"},
    {TASKER_TESTING_SHAPE_MIXED_DAG, 0, "mixed_dag_workflow", "mixed-dag-system", "dag_init", "dag_finalize",
     "{\"step_type\": \"dag_finalize\", \"dag_position\": 6, \"complexity\": \"mixed\"}", "01 02 13 23 14 25 36 46 56",
     "0", "6", "0112223"},
    {TASKER_TESTING_SHAPE_SINGLE, 0, "single_workflow", "dummy-system", "dummy_step", "dummy_step",
     "{\"test_input\": true}", "", "0", "0", "0"},
    {TASKER_TESTING_SHAPE_INDEPENDENT, 0, "independent_workflow", "independent-system", "independent_step_1",
     "independent_step_3", "", "", "012", "012", "000"},
    {TASKER_TESTING_SHAPE_SHORTCUT, 0, "shortcut_workflow", "shortcut-system", "shortcut_a", "shortcut_c", "",
     "01 12 02", "0", "2", "012"},
    {TASKER_TESTING_SHAPE_FORK_JOIN, 2, "fork_join_workflow", "fork-join-system", "fork", "join", "", "01 13 02 23",
     "0", "3", "0112"},
    {TASKER_TESTING_SHAPE_LADDER, 2, "ladder_workflow", "ladder-system", "ladder_foot", "ladder_rung_2", "",
     "01 02 13 23 34 35 46 56", "0", "6", "0112334"},
};

static void edges_of(const tasker_definition *d, char *out)
{
    for (size_t e = 0; e < d->edge_count; e++)
        out += sprintf(out, "%s%" PRIu32 "%" PRIu32, e > 0 ? " " : "", d->edges[e].from, d->edges[e].to);
}

/* The indexes of the steps that no edge leads to, or away from. */
static void ends_of(const tasker_definition *d, bool roots, char *out)
{
    for (uint32_t i = 0; i < d->step_count; i++) {
        bool free_end = true;
        for (size_t e = 0; e < d->edge_count; e++)
            free_end = free_end && (roots ? d->edges[e].to : d->edges[e].from) != i;
        if (free_end)
            out += sprintf(out, "%" PRIu32, i);
    }
}

static void levels_of(const tasker_definition *d, char *out)
{
    int32_t levels[16];
    assert_true(d->step_count <= COUNT(levels));
    assert_int_equal(tasker_definition_levels(d, NULL, levels), TASKER_OK);
    for (size_t i = 0; i < d->step_count; i++)
        out += sprintf(out, "%" PRId32, levels[i]);
}

static void test_shapes(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(shapes); i++) {
        const struct shape *s = &shapes[i];
        const tasker_definition *d = define(s->shape, s->size, 0);
        const tasker_step_definition *last = &d->steps[d->step_count - 1];
        char edges[64] = "", roots[16] = "", leaves[16] = "", levels[16] = "";
        assert_string_equal(d->name.ptr, s->name);
        assert_string_equal(d->dependent_system.ptr, s->system);
        assert_string_equal(d->steps[0].name.ptr, s->first);
        assert_string_equal(last->name.ptr, s->last);
        assert_string_equal(last->inputs.ptr != NULL ? last->inputs.ptr : "", s->last_inputs);
        edges_of(d, edges), ends_of(d, true, roots), ends_of(d, false, leaves), levels_of(d, levels);
        assert_string_equal(edges, s->edges);
        assert_string_equal(roots, s->roots);
        assert_string_equal(leaves, s->leaves);
        assert_string_equal(levels, s->levels);
        tasker_testing_free(d);
    }
}

/* ---- sizes ---- */

static void test_sizes(void **state)
{
    static const struct {
        tasker_testing_shape shape;
        int32_t size;
        size_t steps, edges;
    } sizes[] = {
        {TASKER_TESTING_SHAPE_LINEAR, 50, 50, 49},         {TASKER_TESTING_SHAPE_PARALLEL_MERGE, 9, 10, 9},
        {TASKER_TESTING_SHAPE_INDEPENDENT, 7, 7, 0},       {TASKER_TESTING_SHAPE_FORK_JOIN, 0, 102, 200},
        {TASKER_TESTING_SHAPE_LADDER, 0, 43, 56},          {TASKER_TESTING_SHAPE_LINEAR, 100000, 100000, 99999},
        {TASKER_TESTING_SHAPE_FORK_JOIN, 998, 1000, 1996},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(sizes); i++) {
        const tasker_definition *d = define(sizes[i].shape, sizes[i].size, 0);
        assert_int_equal(d->step_count, sizes[i].steps);
        assert_int_equal(d->edge_count, sizes[i].edges);
        tasker_testing_free(d);
    }
}

static void test_refused(void **state)
{
    static const struct {
        int shape;
        int32_t size;
        tasker_status status;
    } refused[] = {
        {0, 0, TASKER_INVALID_ARGUMENT},
        {12, 0, TASKER_INVALID_ARGUMENT},
        {-1, 0, TASKER_INVALID_ARGUMENT},
        {TASKER_TESTING_SHAPE_LINEAR, -1, TASKER_INVALID_ARGUMENT},
        {TASKER_TESTING_SHAPE_DIAMOND, 4, TASKER_INVALID_ARGUMENT},
        {TASKER_TESTING_SHAPE_LINEAR, 100001, TASKER_LIMIT_EXCEEDED},
        {TASKER_TESTING_SHAPE_LADDER, 33334, TASKER_LIMIT_EXCEEDED},
        {TASKER_TESTING_SHAPE_LADDER, INT32_MAX, TASKER_LIMIT_EXCEEDED},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(refused); i++) {
        const tasker_definition *d = (const tasker_definition *)&refused;
        assert_int_equal(tasker_testing_define((tasker_testing_shape)refused[i].shape, refused[i].size, 0, &d),
                         refused[i].status);
        assert_null(d);
    }
    assert_int_equal(tasker_testing_define(TASKER_TESTING_SHAPE_TREE, 0, 0, NULL), TASKER_INVALID_ARGUMENT);
}

static void test_release(void **state)
{
    (void)state;
    const tasker_definition *d = define(TASKER_TESTING_SHAPE_TREE, 0, 0);
    tasker_free(d); /* not its own: it stays */
    assert_string_equal(d->name.ptr, "tree_workflow");
    tasker_testing_free(d);
    tasker_testing_free(NULL);
}

/* ---- random ones ---- */

static uint64_t fingerprint(const tasker_definition *d)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t e = 0; e < d->edge_count; e++)
        hash = (hash ^ (((uint64_t)d->edges[e].from << 32) | d->edges[e].to)) * UINT64_C(0x100000001b3);
    return hash;
}

/* Numbers that a machine may not change. */
static void test_random_repeats(void **state)
{
    static const struct {
        int32_t size;
        uint64_t seed, fingerprint;
    } known[] = {{0, 0, UINT64_C(0x408e58754c1f2b06)},
                 {0, 1, UINT64_C(0x4cf5a6165f411b1c)},
                 {200, 42, UINT64_C(0x31bff42026a9c4f5)}};
    (void)state;
    for (size_t i = 0; i < COUNT(known); i++) {
        const tasker_definition *d = define(TASKER_TESTING_SHAPE_RANDOM, known[i].size, known[i].seed);
        if (fingerprint(d) != known[i].fingerprint)
            print_error("it is 0x%016" PRIx64 "\n", fingerprint(d));
        assert_true(fingerprint(d) == known[i].fingerprint);
        tasker_testing_free(d);
    }
}

/*
 * What a workflow may be: edges go forward and are there once, each step but the first has parents, depth is bounded.
 */
static void test_random_is_a_workflow(void **state)
{
    enum { SIZE = 1000 };
    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        const tasker_definition *d = define(TASKER_TESTING_SHAPE_RANDOM, SIZE, seed);
        assert_int_equal(d->step_count, SIZE);
        assert_int_equal(tasker_definition_check(d, NULL, NULL), TASKER_OK); /* under the default limits */
        int parents[SIZE] = {0};
        for (size_t e = 0; e < d->edge_count; e++) {
            assert_true(d->edges[e].from < d->edges[e].to);
            parents[d->edges[e].to]++;
        }
        assert_int_equal(parents[0], 0);
        for (size_t i = 1; i < SIZE; i++)
            assert_in_range(parents[i], 1, 3);
        tasker_testing_free(d);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),         cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_refused),        cmocka_unit_test(test_release),
        cmocka_unit_test(test_random_repeats), cmocka_unit_test(test_random_is_a_workflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
