/* SPDX-License-Identifier: MIT */
/* Many workers at wide workflows, over each backend and without any: each step once, no message left, none stuck. */
#include <pthread.h>
#include <stdatomic.h>
#include <tasker/claim.h>
#include "flow_test.h"
#include "queue_test.h"

enum { WORKERS = 8, STEPS = 50, TASKS = 3 };

typedef struct arena {
    const fixture *f;
    tasker_text namespace;
    bool without_queue;
    pthread_barrier_t start;
    tasker_uuid tasks[TASKS];
    atomic_int done, bad;
} arena;

typedef struct runner {
    arena *a;
    tasker_db *db;
    pthread_t thread;
} runner;

/* A root, many that stand on it, and one that stands on all of them. */
static void make_tasks(arena *a, tasker_db *db)
{
    static char names[STEPS][8];
    tasker_step_definition steps[STEPS] = {0};
    tasker_edge_definition edges[2 * STEPS] = {0};
    tasker_definition definition = {.namespace_name = a->namespace,
                                    .name = TASKER_TEXT("wide"),
                                    .steps = steps,
                                    .step_count = STEPS,
                                    .edges = edges};
    for (uint32_t i = 0; i < STEPS; i++) {
        snprintf(names[i], sizeof names[i], "s%u", (unsigned)i);
        steps[i].name = T(names[i]);
        if (i == 0 || i == STEPS - 1)
            continue;
        edges[definition.edge_count++] = (tasker_edge_definition){.from = 0, .to = i};
        edges[definition.edge_count++] = (tasker_edge_definition){.from = i, .to = STEPS - 1};
    }
    for (int i = 0; i < TASKS; i++) {
        tasker_workflow_input input = {.definition = &definition};
        const tasker_workflow_ids *ids = NULL;
        assert_status(db, tasker_workflow_create(db, &input, &ids), TASKER_OK);
        a->tasks[i] = ids->task_uuid;
        tasker_free(ids);
    }
}

static bool check(runner *r, const char *what, tasker_status status)
{
    if (tasker_status_is_done(status))
        return true;
    print_message("# %s: %s\n", what, tasker_db_error(r->db)->message);
    r->a->bad++;
    return false;
}

static void orchestrate(runner *r)
{
    tasker_claim_options options = {
        .orchestrator = TASKER_TEXT("o"), .namespace_names = &r->a->namespace, .namespace_name_count = 1};
    const tasker_claims *claims = NULL;
    if (check(r, "claim", tasker_claim_take(r->db, &options, &claims)) && claims->count > 0)
        check(r, "enqueue",
              tasker_claim_enqueue(r->db, claims->items, 1, &(tasker_enqueue_options){.release = true}, NULL));
    tasker_free(claims);
}

static void work(runner *r, int round)
{
    tasker_lease_options options = {.worker = TASKER_TEXT("w"),
                                    .limit = 1 + round % 4,
                                    .namespace_names = &r->a->namespace,
                                    .namespace_name_count = 1,
                                    .without_queue = r->a->without_queue};
    const tasker_leases *leases = NULL;
    if (!check(r, "take", tasker_lease_take(r->db, &options, &leases)))
        return;
    for (size_t i = 0; i < leases->count; i++) {
        const tasker_lease *lease = leases->items[i];
        tasker_completion completion = {.lease = lease, .results = TASKER_JSON("1")};
        tasker_outcome outcome = {0};
        size_t above = lease->step_name.len == 2 && lease->step_name.ptr[1] == '0' ? 0
                       : strcmp(lease->step_name.ptr, "s49") == 0                  ? STEPS - 1
                                                                                   : 1;
        r->a->bad += lease->ancestor_count != above || lease->attempt != 1;
        if (!check(r, "complete", tasker_lease_complete(r->db, &completion, 1, &outcome)))
            continue;
        outcome = (tasker_outcome){0};
        if (check(r, "finalize", tasker_task_finalize(r->db, &lease->task_uuid, 1, NULL, &outcome)))
            r->a->done += outcome.status == TASKER_OK && outcome.to_state == TASKER_STATE_COMPLETE;
    }
    tasker_free(leases);
}

static void *run(void *argument)
{
    runner *r = argument;
    pthread_barrier_wait(&r->a->start);
    for (int round = 0; round < 2000 && r->a->done < TASKS && r->a->bad == 0; round++) {
        if (!r->a->without_queue)
            orchestrate(r);
        work(r, round);
    }
    return NULL;
}

static void drain(arena *a, tasker_db *(*open)(const fixture *f, const queue_backend *backend),
                  const queue_backend *backend)
{
    runner runners[WORKERS];
    pthread_barrier_init(&a->start, NULL, WORKERS);
    for (int i = 0; i < WORKERS; i++) {
        runners[i] = (runner){.a = a, .db = open(a->f, backend)};
        assert_int_equal(pthread_create(&runners[i].thread, NULL, run, &runners[i]), 0);
    }
    for (int i = 0; i < WORKERS; i++) {
        pthread_join(runners[i].thread, NULL);
        tasker_db_close(runners[i].db);
    }
    pthread_barrier_destroy(&a->start);
    PGconn *conn = tasker_db_conn(a->f->db);
    assert_int_equal(a->bad, 0);
    assert_int_equal(a->done, TASKS);
    for (int i = 0; i < TASKS; i++) {
        assert_string_equal(task_state(conn, a->tasks[i]), "complete");
        assert_int_equal(ask_number(conn,
                                    "SELECT count(*) FROM tasker_workflow_step_transitions t"
                                    " JOIN tasker_workflow_steps s USING (workflow_step_uuid)"
                                    " WHERE s.task_uuid = '%s' AND t.to_state = 'in_progress' AND s.attempts = 1",
                                    text_of(a->tasks[i])),
                         STEPS);
    }
    if (!a->f->foreign)
        assert_int_equal(ask_number(conn, "SELECT count(*) FROM tasker_ready_set_differences()"), 0);
}

static void test_queues(void **state)
{
    for (size_t i = 0; i < queue_backend_count; i++) {
        char namespace[64], queue[80];
        snprintf(namespace, sizeof namespace, "%s", new_plain_name("r"));
        snprintf(queue, sizeof queue, "%s_queue", namespace);
        arena a = {.f = *state, .namespace = T(namespace)};
        tasker_db *db = queue_test_open(a.f, &queue_backends[i]);
        assert_status(db, tasker_queue_create(db, T(queue)), TASKER_OK);
        make_tasks(&a, db);
        drain(&a, queue_test_open_more, &queue_backends[i]);
        assert_int_equal(count_in(a.f, &queue_backends[i], 'q', T(queue)), 0);
        assert_int_equal(count_in(a.f, &queue_backends[i], 'a', T(queue)), 0);
        tasker_db_close(db);
    }
    queue_test_drop_pgmq(*state);
}

static tasker_db *open_plain(const fixture *f, const queue_backend *backend)
{
    (void)backend;
    return db_test_open_with(f, &(tasker_db_options){.queue_backend = TASKER_QUEUE_BACKEND_NONE});
}

static void test_without_queues(void **state)
{
    char namespace[64];
    snprintf(namespace, sizeof namespace, "%s", new_plain_name("r"));
    arena a = {.f = *state, .namespace = T(namespace), .without_queue = true};
    make_tasks(&a, a.f->db);
    drain(&a, open_plain, NULL);
}

/* In the order of claims, past tasks that are claimed, failed or have nothing to do, which go to sleep on the way. */
static void test_order_without_queues(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    made_flow idle = make_flow(f->db, "ab", "ab"), claimed = make_flow(f->db, "a", ""),
              failed = make_flow(f->db, "a", ""), first = make_flow(f->db, "abc", "ac bc"),
              second = make_flow(f->db, "a", "");
    tasker_free(take_step(f->db, idle.steps[0], TASKER_OK));
    bring_task(f->db, failed.task_uuid, TASKER_STATE_ERROR);
    tell(conn, "UPDATE tasker_tasks SET claimed_at = now() AT TIME ZONE 'UTC', claimed_by = 'o' WHERE task_uuid = '%s'",
         text_of(claimed.task_uuid));
    tasker_lease_options options = {.worker = TASKER_TEXT("w"), .limit = 2, .without_queue = true};
    const tasker_leases *leases = NULL;
    assert_status(f->db, tasker_lease_take(f->db, &options, &leases), TASKER_OK);
    assert_int_equal(leases->count, 2);
    for (size_t i = 0; i < 2; i++) {
        assert_uuid(leases->items[i]->task_uuid, first.task_uuid);
        assert_int_equal(leases->items[i]->msg_id, 0);
    }
    assert_string_equal(
        ask(conn, "SELECT wake_at FROM tasker_task_queue WHERE task_uuid = '%s'", text_of(idle.task_uuid)), "infinity");
    tasker_free(leases);
    options.limit = 10;
    assert_status(f->db, tasker_lease_take(f->db, &options, &leases), TASKER_OK);
    assert_int_equal(leases->count, 1);
    assert_uuid(leases->items[0]->task_uuid, second.task_uuid);
    tasker_free(leases);
    assert_status(f->db, tasker_lease_take(f->db, &options, &leases), TASKER_OK);
    assert_int_equal(leases->count, 0);
    tasker_free(leases);
    assert_int_equal(ask_number(conn, "SELECT count(*) FROM tasker_ready_set_differences()"), 0);
}

/* Somebody has one task, which has not begun, and a step of another that has: both are passed over. */
static void test_waits_for_nobody(void **state)
{
    fixture *f = *state;
    PGconn *other = db_test_psql(f);
    tasker_db *db = db_test_open(f);
    char name[64];
    snprintf(name, sizeof name, "%s", new_plain_name("p"));
    const tasker_text namespace = T(name);
    const tasker_step_definition steps[] = {{.name = TASKER_TEXT("a")}, {.name = TASKER_TEXT("b")}};
    const tasker_definition definition = {
        .namespace_name = namespace, .name = TASKER_TEXT("passed"), .steps = steps, .step_count = 2};
    made_flow fresh = make_flow_by(f->db, &definition), begun = make_flow_by(f->db, &definition);
    bring_task(f->db, begun.task_uuid, TASKER_STATE_IN_PROGRESS);
    tell(other, "BEGIN");
    tell(other, "SELECT FROM tasker_tasks WHERE task_uuid = '%s' FOR NO KEY UPDATE", text_of(fresh.task_uuid));
    tell(other, "SELECT FROM tasker_workflow_steps WHERE workflow_step_uuid = '%s' FOR NO KEY UPDATE",
         text_of(begun.steps[0]));
    const tasker_lease_options options = {.worker = TASKER_TEXT("w"),
                                          .limit = 4,
                                          .namespace_names = &namespace,
                                          .namespace_name_count = 1,
                                          .without_queue = true};
    const tasker_leases *leases = NULL;
    tasker_db_set_timeout(db, 3000);
    assert_status(db, tasker_lease_take(db, &options, &leases), TASKER_OK);
    assert_int_equal(leases->count, 1);
    assert_uuid(leases->items[0]->workflow_step_uuid, begun.steps[1]);
    tasker_free(leases);
    tell(other, "ROLLBACK");
    assert_status(db, tasker_lease_take(db, &options, &leases), TASKER_OK);
    assert_int_equal(leases->count, 3);
    tasker_free(leases);
    PQfinish(other);
    tasker_db_close(db);
}

/* Who takes a few steps at the same moment gets them from different tasks, while there are such. */
static void test_side_by_side(void **state)
{
    fixture *f = *state;
    tasker_db *dbs[3] = {db_test_open(f), db_test_open(f), db_test_open(f)};
    char name[64];
    snprintf(name, sizeof name, "%s", new_plain_name("s"));
    const tasker_text namespace = T(name);
    const tasker_step_definition steps[] = {{.name = TASKER_TEXT("a")}, {.name = TASKER_TEXT("b")}};
    const tasker_definition definition = {
        .namespace_name = namespace, .name = TASKER_TEXT("two"), .steps = steps, .step_count = 2};
    const made_flow flows[2] = {make_flow_by(f->db, &definition), make_flow_by(f->db, &definition)};
    for (int i = 0; i < 2; i++)
        bring_task(f->db, flows[i].task_uuid, TASKER_STATE_IN_PROGRESS);
    const tasker_lease_options options = {
        .worker = TASKER_TEXT("w"), .namespace_names = &namespace, .namespace_name_count = 1, .without_queue = true};
    for (int i = 0; i < 3; i++) {
        const tasker_leases *leases = NULL;
        assert_status(dbs[i], tasker_db_begin(dbs[i], NULL), TASKER_OK);
        assert_status(dbs[i], tasker_lease_take(dbs[i], &options, &leases), TASKER_OK);
        assert_int_equal(leases->count, 1);
        assert_uuid(leases->items[0]->task_uuid, flows[i % 2].task_uuid);
        tasker_free(leases);
    }
    for (int i = 0; i < 3; i++)
        tasker_db_close(dbs[i]);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_without_queues), cmocka_unit_test(test_waits_for_nobody),
        cmocka_unit_test(test_side_by_side),         cmocka_unit_test(test_queues),
        cmocka_unit_test(test_without_queues),
    };
    return db_test_run(tests);
}
