/* SPDX-License-Identifier: MIT */
/* What the tests of workers share: each works on steps of a namespace of its own, from the ready set. */
#ifndef TKR_TESTS_WORKER_TEST_H
#define TKR_TESTS_WORKER_TEST_H

#include <tasker/worker.h>
#include "flow_test.h"
#include "pool_test.h"

/* No wait of a test is as long. */
#define NEVER_MS 600000

typedef struct place {
    const fixture *f;
    PGconn *conn;
    tasker_pool *pool;
    char name[64];
    tasker_text namespace_name;
} place;

static inline place make_place(void **state)
{
    place p = {.f = *state};
    p.conn = tasker_db_conn(p.f->db);
    p.pool = open_pool(p.f, 0, 4);
    snprintf(p.name, sizeof p.name, "%s", new_plain_name("n"));
    return p;
}

static inline void leave_place(place *p)
{
    tasker_pool_close(p->pool);
}

/* count steps that do not depend on each other, or a chain. */
static inline made_flow make_work_in(place *p, size_t count, bool chain)
{
    tasker_step_definition steps[26] = {0};
    tasker_edge_definition edges[26] = {0};
    tasker_definition d = {.namespace_name = T(p->name),
                           .name = T("work"),
                           .steps = steps,
                           .step_count = count,
                           .edges = edges,
                           .edge_count = chain ? count - 1 : 0};
    for (size_t i = 0; i < count; i++) {
        steps[i].name = (tasker_text){&"abcdefghijklmnopqrstuvwxyz"[i], 1};
        edges[i] = (tasker_edge_definition){.from = (uint32_t)i, .to = (uint32_t)i + 1};
    }
    d.version = T(chain ? "1" : "2");
    char name[16];
    snprintf(name, sizeof name, "work%zu", count);
    d.name = T(name);
    return make_flow_by(p->f->db, &d);
}

/* From the ready set of the namespace; nothing is found by polling. */
static inline tasker_worker_options work_here(place *p)
{
    p->namespace_name = T(p->name);
    return (tasker_worker_options){.lease = {.worker = TASKER_TEXT("w"),
                                             .namespace_names = &p->namespace_name,
                                             .namespace_name_count = 1,
                                             .without_queue = true},
                                   .poll_ms = NEVER_MS};
}

static inline tasker_worker *start_worker(const place *p, const tasker_worker_options *options)
{
    tasker_worker *worker = NULL;
    tasker_error error;
    tasker_status status = tasker_worker_open(p->pool, options, &error, &worker);
    if (status != TASKER_OK)
        print_error("%s: %s\n", tasker_status_name(status), error.message);
    assert_int_equal(status, TASKER_OK);
    assert_int_equal(error.status, TASKER_OK);
    return worker;
}

static inline const tasker_lease *pull(tasker_worker *worker)
{
    const tasker_lease *lease = NULL;
    assert_int_equal(tasker_worker_next(worker, 10000, &lease), TASKER_OK);
    assert_non_null(lease);
    assert_true(tasker_worker_holds(worker, lease));
    return lease;
}

static inline tasker_status complete(tasker_worker *worker, const tasker_lease *lease)
{
    const tasker_completion done = {.lease = lease, .results = TASKER_JSON("{\"ok\": true}")};
    return tasker_worker_complete(worker, &done);
}

static inline long steps_in(const place *p, const made_flow *flow, const char *state)
{
    return ask_number(p->conn,
                      "SELECT count(*) FROM tasker_workflow_step_transitions t"
                      " JOIN tasker_workflow_steps s USING (workflow_step_uuid)"
                      " WHERE t.most_recent AND s.task_uuid = '%s' AND t.to_state = '%s'",
                      text_of(flow->task_uuid), state);
}

#endif
