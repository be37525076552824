/* SPDX-License-Identifier: MIT */
#include "tasker/workflow_step_edge.h"
#include "model/cursor.h"
#include "model/registry.h"
#include "model/wake.h"
#include "statements.h"
#include "value/error.h"

static const tkr_column columns[] = {
    TKR_COLUMN(tasker_workflow_step_edge, workflow_step_edge_uuid),
    TKR_COLUMN(tasker_workflow_step_edge, from_step_uuid),
    TKR_COLUMN(tasker_workflow_step_edge, to_step_uuid),
    TKR_COLUMN(tasker_workflow_step_edge, name),
    TKR_COLUMN(tasker_workflow_step_edge, created_at),
    TKR_COLUMN(tasker_workflow_step_edge, updated_at),
    TKR_END_COLUMNS,
};
const tkr_entity tkr_entity_workflow_step_edge = {"workflow_step_edge", sizeof(tasker_workflow_step_edge), columns};

/* Why an edge was not made. */
typedef struct edge_verdict {
    bool foreign_edge, duplicate, cycle, started;
} edge_verdict;
static const tkr_column verdict_columns[] = {
    TKR_COLUMN(edge_verdict, foreign_edge),
    TKR_COLUMN(edge_verdict, duplicate),
    TKR_COLUMN(edge_verdict, cycle),
    TKR_COLUMN(edge_verdict, started),
    TKR_END_COLUMNS,
};
const tkr_entity tkr_entity_edge_verdict = {"edge_verdict", sizeof(edge_verdict), verdict_columns};

/* ---- making edges: lock, insert, verdict in one flush; see the statements ---- */

enum { INSERT = 1, VERDICT = 2 };

static tasker_status finish_verdict(tkr_call *call)
{
    edge_verdict v;
    tasker_status status = tkr_read_row(call, VERDICT, 0, &v);
    if (status != TASKER_OK)
        return status;
    if (v.foreign_edge)
        return tkr_error_set(call->error, TASKER_FOREIGN_EDGE, "the two steps belong to two tasks");
    if (v.duplicate)
        return tkr_error_set(call->error, TASKER_DUPLICATE_EDGE, "there is an edge between these steps");
    if (v.cycle)
        return tkr_error_set(call->error, TASKER_CYCLE, "the edge would close a cycle");
    if (v.started)
        return tkr_error_set(call->error, TASKER_GUARD_FAILED, "the step it leads to is past waiting for its parents");
    return tkr_error_set(call->error, TASKER_CONFLICT, "another program changed the edges of this task meanwhile");
}

static tasker_status take_insert(tkr_call *call)
{
    void *row = NULL;
    tasker_status status = tkr_take_one(call, INSERT, &row);
    return status == TASKER_OK ? tkr_give(call, row) : status;
}

/* Neither row nor verdict: the key stands already. */
static tasker_status finish_create(tkr_call *call)
{
    if (call->answered[0] == &tkr_statements[TKR_STATEMENT_workflow_step_edge_get])
        return tkr_rows(call, 0) > 0 ? tkr_give_row(call)
                                     : tkr_error_set(call->error, TASKER_CONFLICT, "the edge was deleted meanwhile");
    if (tkr_rows(call, INSERT) > 0)
        return take_insert(call);
    tkr_nothing_written(call);
    if (tkr_rows(call, VERDICT) > 0)
        return finish_verdict(call);
    tkr_add_workflow_step_edge_get(call, &call->error->key);
    return TASKER_AGAIN;
}

static tasker_status finish_find_or_create(tkr_call *call)
{
    if (tkr_rows(call, INSERT) > 0)
        return take_insert(call);
    if (tkr_rows(call, VERDICT) > 0)
        return finish_verdict(call);
    return tkr_error_set(call->error, TASKER_DUPLICATE_EDGE, "another edge has this key");
}

typedef __typeof__(tkr_add_workflow_step_edge_create) *add_insert;

static tasker_status make(tasker_db *db, const tasker_workflow_step_edge_input *input, add_insert add,
                          tkr_finish finish, const tasker_workflow_step_edge **out)
{
    tkr_call call = tkr_begin(db);
    if (out != NULL)
        *out = NULL;
    if (!tkr_check_input(&call, input, TKR_RESERVED(input)))
        return tkr_abandon_for_pointer(&call, out);
    const tasker_uuid *from = tkr_given(&input->from_step_uuid), *to = tkr_given(&input->to_step_uuid);
    if (from != NULL && to != NULL && tasker_uuid_equal(from, to))
        tkr_refuse(&call, TASKER_SELF_EDGE, "a step cannot wait for itself");
    tasker_uuid key = tkr_key(&call, &input->workflow_step_edge_uuid);
    tkr_add_workflow_step_edge_create__lock(&call, from, to);
    add(&call, from, to, &key, input->name);
    tkr_add_workflow_step_edge_create__verdict(&call, from, to, &key);
    return tkr_run(&call, finish, out);
}

tasker_status tasker_workflow_step_edge_create(tasker_db *db, const tasker_workflow_step_edge_input *input,
                                               const tasker_workflow_step_edge **out)
{
    return make(db, input, tkr_add_workflow_step_edge_create, finish_create, out);
}

tasker_status tasker_workflow_step_edge_find_or_create(tasker_db *db, const tasker_workflow_step_edge_input *input,
                                                       const tasker_workflow_step_edge **out)
{
    return make(db, input, tkr_add_workflow_step_edge_find_or_create, finish_find_or_create, out);
}

static tasker_status finish_woken_delete(tkr_call *call)
{
    if (tkr_affected(call, 1) > 0)
        return TASKER_OK;
    tkr_nothing_written(call);
    return tkr_error_set(call->error, TASKER_NOT_FOUND, "%s: no such row", call->answered[1]->query.name);
}

tasker_status tasker_workflow_step_edge_delete(tasker_db *db, const tasker_uuid *workflow_step_edge_uuid)
{
    tkr_call call = tkr_begin(db);
    tkr_wake_for_edge(&call, workflow_step_edge_uuid);
    bool wakes = call.part_count > 0;
    tkr_add_workflow_step_edge_delete(&call, workflow_step_edge_uuid);
    return wakes ? tkr_run(&call, finish_woken_delete, NULL) : tkr_delete(&call);
}

tasker_status tasker_workflow_step_edge_delete_between(tasker_db *db, const tasker_uuid *from_step_uuid,
                                                       const tasker_uuid *to_step_uuid, int64_t *out)
{
    tkr_call call = tkr_begin(db);
    tkr_add_workflow_step_edge_delete_between(&call, from_step_uuid, to_step_uuid);
    tkr_wake_for_steps(&call, to_step_uuid, 1);
    return tkr_delete_many(&call, out);
}

/* ---- reading ---- */

tasker_status tasker_workflow_step_edge_get(tasker_db *db, const tasker_uuid *workflow_step_edge_uuid,
                                            const tasker_workflow_step_edge **out)
{
    tkr_call call = tkr_begin(db);
    tkr_add_workflow_step_edge_get(&call, workflow_step_edge_uuid);
    return tkr_get(&call, out);
}

#define FILTER(f)                                                                                                      \
    (f)->task_uuid, (f)->from_step_uuid, (f)->to_step_uuid, (f)->name, (f)->to_children_of, (f)->siblings_of

tasker_status tasker_workflow_step_edge_query(tasker_db *db, const tasker_workflow_step_edge_filter *filter,
                                              const tasker_page *page, const tasker_workflow_step_edges **out)
{
    tkr_call call = tkr_begin(db);
    tkr_page p = tkr_page_of(&call, page, TKR_ORDERS_OF_KEYED);
    filter = TKR_FILTER(&call, filter);
    tkr_add_workflow_step_edge_query(&call, FILTER(filter), TKR_PAGE(p));
    return tkr_query_page(&call, &p, out);
}

tasker_status tasker_workflow_step_edge_stream(tasker_db *db, const tasker_workflow_step_edge_filter *filter,
                                               const tasker_cursor_options *options, tasker_cursor **out)
{
    tkr_call call = tkr_begin_now(db);
    tkr_page p = tkr_page_of_cursor(&call, options, TKR_ORDERS_OF_KEYED);
    filter = TKR_FILTER(&call, filter);
    tkr_add_workflow_step_edge_query(&call, FILTER(filter), TKR_PAGE(p));
    return tkr_stream(&call, &p, out);
}

tasker_status tasker_workflow_step_edge_next(tasker_cursor *cursor, const tasker_workflow_step_edge **out)
{
    return tkr_next(cursor, &tkr_entity_workflow_step_edge, out);
}

tasker_status tasker_workflow_step_edge_count(tasker_db *db, const tasker_workflow_step_edge_filter *filter,
                                              int64_t *out)
{
    tkr_call call = tkr_begin(db);
    filter = TKR_FILTER(&call, filter);
    tkr_add_workflow_step_edge_count(&call, FILTER(filter), NULL);
    return tkr_get_count(&call, out);
}

tasker_status tasker_workflow_step_edge_exists(tasker_db *db, const tasker_workflow_step_edge_filter *filter, bool *out)
{
    tkr_call call = tkr_begin(db);
    filter = TKR_FILTER(&call, filter);
    tkr_add_workflow_step_edge_count(&call, FILTER(filter), &tkr_one);
    return tkr_get_exists(&call, out);
}

tasker_status tasker_workflow_step_edge_would_cycle(tasker_db *db, const tasker_uuid *from_step_uuid,
                                                    const tasker_uuid *to_step_uuid, bool *out)
{
    tkr_call call = tkr_begin(db);
    tkr_add_workflow_step_edge_would_cycle(&call, from_step_uuid, to_step_uuid);
    return tkr_get_flag(&call, out);
}
