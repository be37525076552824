/* SPDX-License-Identifier: MIT */
#include "tasker/dag.h"
#include <string.h>
#include "model/registry.h"
#include "model/step_graph.h"
#include "statements.h"
#include "tasker/uuid.h"
#include "value/error.h"

/* A step, or an edge into it. */
typedef struct node_row {
    tasker_uuid workflow_step_uuid, task_uuid, named_step_uuid;
    tasker_uuid parent_uuid;
    double run_seconds;
    bool has_parent_uuid, has_run_seconds;
} node_row;
static const tkr_column node_columns[] = {
    TKR_COLUMN(node_row, workflow_step_uuid), TKR_OPTIONAL(node_row, task_uuid),
    TKR_OPTIONAL(node_row, named_step_uuid),  TKR_NULLABLE(node_row, parent_uuid),
    TKR_NULLABLE(node_row, run_seconds),      TKR_END_COLUMNS,
};
const tkr_entity tkr_entity_step_node = {"step_node", sizeof(node_row), node_columns};

static const tkr_column relative_columns[] = {
    TKR_COLUMN(tasker_step_relative, workflow_step_uuid), TKR_COLUMN(tasker_step_relative, task_uuid),
    TKR_COLUMN(tasker_step_relative, named_step_uuid),    TKR_COLUMN(tasker_step_relative, step_name),
    TKR_OPTIONAL(tasker_step_relative, results),          TKR_COLUMN(tasker_step_relative, processed),
    TKR_COLUMN(tasker_step_relative, distance),           TKR_END_COLUMNS,
};
const tkr_entity tkr_entity_step_relative = {"step_relative", sizeof(tasker_step_relative), relative_columns};

/* ---- rows to numbers ---- */

typedef struct node_graph {
    node_row *rows; /* the steps, by key, are the nodes; edges lie behind them */
    tkr_step_graph graph;
} node_graph;

/* The number of a step; false: a step of another task. */
static bool number_of(const node_graph *g, const tasker_uuid *step, uint32_t *out)
{
    uint32_t low = 0, high = g->graph.count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = tasker_uuid_compare(step, &g->rows[middle].workflow_step_uuid);
        if (order == 0) {
            *out = middle;
            return true;
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return false;
}

/* Edges come sorted by parent and child: equal ones are neighbours. */
static void number_edges(node_graph *g, size_t rows)
{
    tkr_step_graph *n = &g->graph;
    for (size_t i = n->count; i < rows; i++) {
        uint32_t from, to;
        if (!number_of(g, &g->rows[i].parent_uuid, &from) || !number_of(g, &g->rows[i].workflow_step_uuid, &to))
            continue;
        if (n->edges > 0 && n->from[n->edges - 1] == from && n->to[n->edges - 1] == to)
            continue;
        n->from[n->edges] = from;
        n->to[n->edges++] = to;
    }
}

/* The first answer of a call as a graph, in the call's memory. */
static tasker_status read_graph(tkr_call *call, node_graph *g)
{
    size_t rows = (size_t)tkr_rows(call, 0);
    uint32_t steps = 0;
    g->rows = tkr_keep(call, rows * sizeof *g->rows);
    if (g->rows == NULL)
        return call->status;
    for (size_t i = 0; i < rows; i++) {
        tasker_status status = tkr_read_row(call, 0, (int)i, &g->rows[i]);
        if (status != TASKER_OK)
            return status;
        steps += !g->rows[i].has_parent_uuid;
    }
    if (!tkr_step_graph_reserve(call, &g->graph, steps, rows - steps))
        return call->status;
    g->graph.count = steps;
    number_edges(g, rows);
    return tkr_step_graph_measure(call, &g->graph) ? TASKER_OK : call->status;
}

/* ---- numbers to nodes ---- */

/* The list under construction: one block of the list, its pointers, the marked nodes, the keys of their neighbours. */
typedef struct node_block {
    tkr_list *list;
    const void **items;
    unsigned char *next_node;
    tasker_uuid *next_uuid;
} node_block;

enum { MARK = sizeof(uint64_t) };
_Static_assert(sizeof(tasker_step_node) % MARK == 0, "nodes stand one behind the other");

static tasker_uuids put_uuids(const node_graph *g, node_block *block, const uint32_t *nodes, uint32_t first,
                              uint32_t end)
{
    tasker_uuids uuids = {end - first, block->next_uuid};
    for (uint32_t i = first; i < end; i++)
        *block->next_uuid++ = g->rows[nodes[i]].workflow_step_uuid;
    return uuids;
}

static void put_node(const node_graph *g, node_block *block, uint32_t i)
{
    const tkr_step_graph *n = &g->graph;
    memcpy(block->next_node, &(uint64_t){TKR_MARK_ITEM}, MARK);
    tasker_step_node *node = (tasker_step_node *)(void *)(block->next_node + MARK);
    block->next_node += MARK + sizeof *node;
    block->items[block->list->count++] = node;
    *node = (tasker_step_node){
        .workflow_step_uuid = g->rows[i].workflow_step_uuid,
        .task_uuid = g->rows[i].task_uuid,
        .named_step_uuid = g->rows[i].named_step_uuid,
        .parents = put_uuids(g, block, n->parents, n->first_parent[i], n->first_parent[i + 1]),
        .children = put_uuids(g, block, n->to, n->first_child[i], n->first_child[i + 1]),
        .is_root_step = n->first_parent[i] == n->first_parent[i + 1],
        .is_leaf_step = n->first_child[i] == n->first_child[i + 1],
        .on_cycle = n->on_cycle[i],
        .has_min_depth_from_root = n->depths[i] >= 0,
        .min_depth_from_root = n->depths[i] >= 0 ? n->depths[i] : 0,
        .has_level = n->levels[i] >= 0,
        .level = n->levels[i] >= 0 ? n->levels[i] : 0,
    };
}

/* NULL: out of memory. */
static tkr_list *list_of(tkr_call *call, const node_graph *g, const uint32_t *chosen, size_t count)
{
    const tkr_step_graph *n = &g->graph;
    size_t uuids = 0, nodes = count * (MARK + sizeof(tasker_step_node));
    for (size_t k = 0; k < count; k++)
        uuids += n->first_parent[chosen[k] + 1] - n->first_parent[chosen[k]] + n->first_child[chosen[k] + 1] -
                 n->first_child[chosen[k]];
    tkr_list *list = tkr_alloc(NULL, sizeof *list + count * sizeof(void *) + nodes + uuids * sizeof(tasker_uuid));
    if (list == NULL) {
        tkr_refuse(call, TASKER_OUT_OF_MEMORY, "out of memory");
        return NULL;
    }
    node_block block = {.list = list, .items = (const void **)(list + 1)};
    block.next_node = (unsigned char *)(block.items + count);
    block.next_uuid = (tasker_uuid *)(void *)(block.next_node + nodes);
    list->items = block.items;
    for (size_t k = 0; k < count; k++)
        put_node(g, &block, chosen[k]);
    return list;
}

/* ---- nodes ---- */

/* The question, kept until the answer comes. */
typedef struct node_question {
    bool of_step, roots, leaves, has_depth, has_after;
    int32_t depth, limit;
    tasker_uuid step;
    tasker_position after;
} node_question;

static int64_t place_of(const tkr_step_graph *n, uint32_t i)
{
    return n->depths[i] >= 0 ? n->depths[i] : INT32_MAX;
}

static bool is_wanted(const node_graph *g, const node_question *q, uint32_t i)
{
    const tkr_step_graph *n = &g->graph;
    const tasker_uuid *step = &g->rows[i].workflow_step_uuid;
    if ((q->of_step && !tasker_uuid_equal(step, &q->step)) || (q->has_depth && n->depths[i] != q->depth) ||
        (q->roots && n->first_parent[i] < n->first_parent[i + 1]) ||
        (q->leaves && n->first_child[i] < n->first_child[i + 1]))
        return false;
    if (!q->has_after || place_of(n, i) > q->after.key)
        return true;
    return place_of(n, i) == q->after.key && tasker_uuid_compare(step, &q->after.uuid) > 0;
}

/* The wanted nodes by depth, those without one last; by number they are sorted already. One more than the limit. */
static size_t choose(const node_graph *g, const node_question *q, uint32_t *starts, uint32_t *chosen)
{
    uint32_t count = g->graph.count, total = 0;
    for (uint32_t i = 0; i < count; i++)
        if (is_wanted(g, q, i))
            starts[g->graph.depths[i] >= 0 ? g->graph.depths[i] : (int64_t)count]++;
    for (uint32_t d = 0; d <= count; d++) {
        uint32_t size = starts[d];
        starts[d] = total;
        total += size;
    }
    for (uint32_t i = 0; i < count; i++)
        if (is_wanted(g, q, i))
            chosen[starts[g->graph.depths[i] >= 0 ? g->graph.depths[i] : (int64_t)count]++] = i;
    return total;
}

static tasker_status finish_query(tkr_call *call)
{
    node_graph g = {0};
    node_question q;
    memcpy(&q, call->context, sizeof q);
    tasker_status status = read_graph(call, &g);
    if (status != TASKER_OK)
        return status;
    uint32_t *starts = tkr_keep(call, ((size_t)g.graph.count + 1) * sizeof *starts);
    uint32_t *chosen = tkr_keep(call, g.graph.count * sizeof *chosen);
    if (chosen == NULL)
        return call->status;
    size_t found = choose(&g, &q, starts, chosen), count = found;
    if (count > (size_t)q.limit)
        count = (size_t)q.limit;
    tkr_list *list = list_of(call, &g, chosen, count);
    if (list == NULL)
        return call->status;
    list->has_next = count < found;
    if (list->has_next)
        list->next =
            (tasker_position){place_of(&g.graph, chosen[count - 1]), g.rows[chosen[count - 1]].workflow_step_uuid};
    return tkr_give(call, list);
}

tasker_status tasker_step_node_query(tasker_db *db, const tasker_step_node_filter *filter, const tasker_page *page,
                                     const tasker_step_nodes **out)
{
    tkr_call call = tkr_begin(db);
    tkr_page p = tkr_page_of(&call, page, TKR_ORDER_BIT(TASKER_ORDER_OLDEST));
    if (filter == NULL || (filter->task_uuid == NULL && filter->workflow_step_uuid == NULL)) {
        tkr_refuse(&call, TASKER_INVALID_ARGUMENT, "the filter needs task_uuid or workflow_step_uuid");
        return tkr_run_for_pointer(&call, finish_query, out);
    }
    tkr_check_reserved(&call, filter->reserved, sizeof filter->reserved);
    if (filter->has_depth && filter->depth < 0)
        tkr_refuse(&call, TASKER_INVALID_ARGUMENT, "depth is negative");
    node_question q = {.of_step = filter->workflow_step_uuid != NULL,
                       .roots = filter->roots,
                       .leaves = filter->leaves,
                       .has_depth = filter->has_depth,
                       .depth = filter->depth,
                       .limit = p.limit,
                       .has_after = p.after != NULL};
    if (q.of_step)
        q.step = *filter->workflow_step_uuid;
    if (q.has_after)
        q.after = *page->after;
    _Static_assert(sizeof q <= TKR_CALL_CONTEXT, "a question fits into the context");
    memcpy(call.context, &q, sizeof q);
    tkr_add_step_node_query(&call, filter->task_uuid, filter->workflow_step_uuid);
    return tkr_run_for_pointer(&call, finish_query, out);
}

static tasker_status finish_critical_path(tkr_call *call)
{
    node_graph g = {0};
    tasker_status status = read_graph(call, &g);
    if (status != TASKER_OK)
        return status;
    double *weights = tkr_keep(call, g.graph.count * sizeof *weights);
    uint32_t *path = tkr_keep(call, g.graph.count * sizeof *path);
    if (path == NULL)
        return call->status;
    for (uint32_t i = 0; i < g.graph.count; i++)
        weights[i] = g.rows[i].run_seconds; /* 0 where there is none */
    size_t count = tkr_step_graph_heaviest(call, &g.graph, weights, path);
    tkr_list *list = call->status == TASKER_OK ? list_of(call, &g, path, count) : NULL;
    return list != NULL ? tkr_give(call, list) : call->status;
}

tasker_status tasker_step_node_list_critical_path(tasker_db *db, const tasker_uuid *task_uuid,
                                                  const tasker_step_nodes **out)
{
    tkr_call call = tkr_begin(db);
    tkr_add_step_node_list_critical_path(&call, task_uuid);
    return tkr_run_for_pointer(&call, finish_critical_path, out);
}

/* ---- relatives ---- */

typedef __typeof__(tkr_add_step_relative_list_ancestors) add_walk;

static tasker_status list_relatives(tasker_db *db, const tasker_uuid *workflow_step_uuid,
                                    const tasker_step_relative_options *options, add_walk add,
                                    const tasker_step_relatives **out)
{
    tkr_call call = tkr_begin(db);
    const tasker_step_relative_options *o = TKR_FILTER(&call, options);
    if (o->max_distance < 0)
        tkr_refuse(&call, TASKER_INVALID_ARGUMENT, "max_distance is negative");
    add(&call, workflow_step_uuid, o->max_distance, o->completed, o->without_results);
    return tkr_list_all(&call, out);
}

tasker_status tasker_step_relative_list_ancestors(tasker_db *db, const tasker_uuid *workflow_step_uuid,
                                                  const tasker_step_relative_options *options,
                                                  const tasker_step_relatives **out)
{
    return list_relatives(db, workflow_step_uuid, options, tkr_add_step_relative_list_ancestors, out);
}

tasker_status tasker_step_relative_list_descendants(tasker_db *db, const tasker_uuid *workflow_step_uuid,
                                                    const tasker_step_relative_options *options,
                                                    const tasker_step_relatives **out)
{
    return list_relatives(db, workflow_step_uuid, options, tkr_add_step_relative_list_descendants, out);
}
