/* SPDX-License-Identifier: MIT */
/* The shapes. Names, systems and inputs are those of the test factories of tasker-core. */
#include "support.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MOST_STEPS = 100000, MOST_PARENTS = 3 };

/* A definition and everything that it points to, in one block. */
typedef struct step_texts {
    char name[40], inputs[96];
} step_texts;

typedef struct made {
    tasker_definition definition;
    tasker_step_definition *steps;
    tasker_edge_definition *edges;
    step_texts *texts;
    uint64_t random;
} made;

/* ---- parts ---- */

static void add_step(made *m, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add_step(made *m, const char *format, ...)
{
    step_texts *t = &m->texts[m->definition.step_count];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(t->name, sizeof t->name, format, arguments);
    va_end(arguments);
    m->steps[m->definition.step_count++].name = tasker_text_of(t->name);
}

/* Inputs of the step that was added last. */
static void set_inputs(made *m, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void set_inputs(made *m, const char *format, ...)
{
    size_t last = m->definition.step_count - 1;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(m->texts[last].inputs, sizeof m->texts[last].inputs, format, arguments);
    va_end(arguments);
    m->steps[last].inputs = tasker_json_of(m->texts[last].inputs);
}

static void add_edge(made *m, int from, int to)
{
    m->edges[m->definition.edge_count++] = (tasker_edge_definition){.from = (uint32_t)from, .to = (uint32_t)to};
}

/* "01 12": pairs of one-digit indexes. */
static void add_edges(made *m, const char *pairs)
{
    for (const char *pair = pairs; *pair != '\0'; pair += pair[2] == ' ' ? 3 : 2)
        add_edge(m, pair[0] - '0', pair[1] - '0');
}

/* ---- shapes ---- */

static void draw_linear(made *m, int size)
{
    for (int i = 0; i < size; i++) {
        add_step(m, "linear_step_%d", i + 1);
        set_inputs(m, "{\"step_number\": %d, \"pattern\": \"linear\"}", i + 1);
        if (i > 0)
            add_edge(m, i - 1, i);
    }
}

static void draw_diamond(made *m, int size)
{
    (void)size;
    add_step(m, "diamond_start"), set_inputs(m, "{\"position\": \"start\"}");
    add_step(m, "diamond_branch_b"), set_inputs(m, "{\"branch\": \"b\"}");
    add_step(m, "diamond_branch_c"), set_inputs(m, "{\"branch\": \"c\"}");
    add_step(m, "diamond_merge"), set_inputs(m, "{\"position\": \"merge\"}");
    add_edges(m, "01 02 13 23");
}

static void draw_parallel_merge(made *m, int size)
{
    for (int i = 0; i < size; i++) {
        add_step(m, "parallel_step_%d", i + 1);
        set_inputs(m, "{\"parallel_index\": %d, \"total_parallel\": %d}", i + 1, size);
        add_edge(m, i, size);
    }
    add_step(m, "parallel_merge"), set_inputs(m, "{\"merge_count\": %d}", size);
}

static void draw_tree(made *m, int size)
{
    (void)size;
    add_step(m, "tree_root"), set_inputs(m, "{\"position\": \"root\", \"tree_level\": 0}");
    add_step(m, "tree_branch_left"), set_inputs(m, "{\"branch\": \"left\", \"tree_level\": 1}");
    add_step(m, "tree_branch_right"), set_inputs(m, "{\"branch\": \"right\", \"tree_level\": 1}");
    for (int i = 0; i < 4; i++) {
        add_step(m, "tree_leaf_%c", 'd' + i);
        set_inputs(m, "{\"parent\": \"%s\", \"tree_level\": 2, \"leaf_index\": %d}", i < 2 ? "left" : "right", i + 1);
    }
    add_edges(m, "01 02 13 14 25 26");
}

static void draw_mixed_dag(made *m, int size)
{
    static const char *const names[] = {"dag_init",      "dag_process_left", "dag_process_right", "dag_validate",
                                        "dag_transform", "dag_analyze",      "dag_finalize"};
    (void)size;
    for (int i = 0; i < 7; i++) {
        add_step(m, "%s", names[i]);
        set_inputs(m, "{\"step_type\": \"%s\", \"dag_position\": %d, \"complexity\": \"mixed\"}", names[i], i);
    }
    add_edges(m, "01 02 13 23 14 25 36 46 56");
}

static void draw_single(made *m, int size)
{
    (void)size;
    add_step(m, "dummy_step"), set_inputs(m, "{\"test_input\": true}");
}

static void draw_independent(made *m, int size)
{
    for (int i = 0; i < size; i++)
        add_step(m, "independent_step_%d", i + 1);
}

static void draw_shortcut(made *m, int size)
{
    (void)size;
    for (int i = 0; i < 3; i++)
        add_step(m, "shortcut_%c", 'a' + i);
    add_edges(m, "01 12 02");
}

static void draw_fork_join(made *m, int size)
{
    add_step(m, "fork");
    for (int i = 1; i <= size; i++) {
        add_step(m, "branch_%d", i);
        add_edge(m, 0, i);
        add_edge(m, i, size + 1);
    }
    add_step(m, "join");
}

static void draw_ladder(made *m, int size)
{
    add_step(m, "ladder_foot");
    for (int i = 0; i < size; i++) {
        add_step(m, "ladder_left_%d", i + 1);
        add_step(m, "ladder_right_%d", i + 1);
        add_step(m, "ladder_rung_%d", i + 1);
        add_edge(m, 3 * i, 3 * i + 1);
        add_edge(m, 3 * i, 3 * i + 2);
        add_edge(m, 3 * i + 1, 3 * i + 3);
        add_edge(m, 3 * i + 2, 3 * i + 3);
    }
}

/* Parents are drawn from all steps before, so the depth grows with the logarithm of the size. */
static void draw_random(made *m, int size)
{
    for (int i = 0; i < size; i++) {
        add_step(m, "random_step_%d", i + 1);
        int parents[MOST_PARENTS], count = 0;
        int wanted = i == 0 ? 0 : 1 + (int)(tkt_random(&m->random) % MOST_PARENTS);
        while (count < wanted && count < i) {
            int parent = (int)(tkt_random(&m->random) % (uint64_t)i);
            bool there = false;
            for (int p = 0; p < count; p++)
                there = there || parents[p] == parent;
            if (there)
                continue;
            parents[count++] = parent;
            add_edge(m, parent, i);
        }
    }
}

/* Counts of steps and edges (for RANDOM: at most) are so many and so many more for each unit of size. */
static const struct shape {
    const char *name, *system;
    void (*draw)(made *m, int size);
    int default_size; /* 0: fixed */
    int steps, steps_each, edges, edges_each;
} shapes[] = {
    [TASKER_TESTING_SHAPE_LINEAR] = {"linear_workflow", "linear-system", draw_linear, 4, 0, 1, -1, 1},
    [TASKER_TESTING_SHAPE_DIAMOND] = {"diamond_workflow", "diamond-system", draw_diamond, 0, 4, 0, 4, 0},
    [TASKER_TESTING_SHAPE_PARALLEL_MERGE] = {"parallel_merge_workflow", "parallel-system", draw_parallel_merge, 3, 1, 1,
                                             0, 1},
    [TASKER_TESTING_SHAPE_TREE] = {"tree_workflow", "tree-system", draw_tree, 0, 7, 0, 6, 0},
    [TASKER_TESTING_SHAPE_MIXED_DAG] = {"mixed_dag_workflow", "mixed-dag-system", draw_mixed_dag, 0, 7, 0, 9, 0},
    [TASKER_TESTING_SHAPE_SINGLE] = {"single_workflow", "dummy-system", draw_single, 0, 1, 0, 0, 0},
    [TASKER_TESTING_SHAPE_INDEPENDENT] = {"independent_workflow", "independent-system", draw_independent, 3, 0, 1, 0,
                                          0},
    [TASKER_TESTING_SHAPE_SHORTCUT] = {"shortcut_workflow", "shortcut-system", draw_shortcut, 0, 3, 0, 3, 0},
    [TASKER_TESTING_SHAPE_FORK_JOIN] = {"fork_join_workflow", "fork-join-system", draw_fork_join, 100, 2, 1, 0, 2},
    [TASKER_TESTING_SHAPE_LADDER] = {"ladder_workflow", "ladder-system", draw_ladder, 14, 1, 3, 0, 4},
    [TASKER_TESTING_SHAPE_RANDOM] = {"random_workflow", "random-system", draw_random, 20, 0, 1, 0, MOST_PARENTS},
};

/* ---- the definition ---- */

tasker_status tasker_testing_define(tasker_testing_shape shape, int32_t size, uint64_t seed,
                                    const tasker_definition **out)
{
    if (out == NULL)
        return TASKER_INVALID_ARGUMENT;
    *out = NULL;
    if ((uint32_t)shape >= sizeof shapes / sizeof *shapes || shapes[shape].draw == NULL || size < 0)
        return TASKER_INVALID_ARGUMENT;
    const struct shape *s = &shapes[shape];
    if (size != 0 && s->default_size == 0)
        return TASKER_INVALID_ARGUMENT;
    if (size > MOST_STEPS || s->steps + s->steps_each * (size != 0 ? size : s->default_size) > MOST_STEPS)
        return TASKER_LIMIT_EXCEEDED;
    int actual = size != 0 ? size : s->default_size;
    size_t steps = (size_t)(s->steps + s->steps_each * actual), edges = (size_t)(s->edges + s->edges_each * actual);
    made *m = tkt_alloc(sizeof *m + steps * (sizeof *m->steps + sizeof *m->texts) + edges * sizeof *m->edges);
    if (m == NULL)
        return TASKER_OUT_OF_MEMORY;
    m->steps = (tasker_step_definition *)(m + 1);
    m->edges = (tasker_edge_definition *)(m->steps + steps);
    m->texts = (step_texts *)(m->edges + edges);
    m->random = seed;
    m->definition = (tasker_definition){.name = tasker_text_of(s->name),
                                        .version = TASKER_TEXT("0.1.0"),
                                        .dependent_system = tasker_text_of(s->system),
                                        .configuration = TASKER_JSON("{\"test_mode\": true, \"auto_generated\": true}"),
                                        .steps = m->steps,
                                        .edges = m->edges};
    s->draw(m, actual);
    *out = &m->definition;
    return TASKER_OK;
}
