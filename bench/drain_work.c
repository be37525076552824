/* SPDX-License-Identifier: MIT */
/* The library's side of bench/drain. */
#include "drain.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "database.h"
#include "figures.h"
#include "shape.h"
#include "tasker/pipeline.h"
#include "tasker/worker.h"

enum { FILL_AT_ONCE = 10, MOST_BATCH = 1000, PAUSE_MS = 2 };

typedef struct hand {
    struct crew *crew;
    pthread_t thread;
    tasker_pool *pool;     /* of a worker */
    tasker_worker *worker; /* or */
    tasker_db *db;         /* by hand */
    tasker_pipeline *pipeline;
    const tasker_leases *leases;
} hand;

typedef struct crew {
    hand hands[MOST_WORKERS];
    size_t count;
    int32_t batch;
    atomic_int done;
} crew;

static const tasker_json results = TASKER_JSON("{\"ok\": true}");

/* ---- the work ---- */

void fill_workflows(const char *alter)
{
    tasker_workflow_input inputs[FILL_AT_ONCE];
    shape fork_join;
    tasker_db *db = open_database(NULL);
    if (alter != NULL)
        tell(tasker_db_conn(db), alter);
    if (!shape_make(&fork_join, SHAPE_FORK_JOIN, "drain", WORKFLOW_STEPS, 3))
        die("shape", "out of memory");
    for (size_t i = 0; i < FILL_AT_ONCE; i++)
        inputs[i] = (tasker_workflow_input){.definition = &fork_join.definition,
                                            .task = {.context = TASKER_JSON("{\"workflow\": 1}")}};
    for (int i = 0; i < workflows; i += FILL_AT_ONCE)
        expect_ok(db, tasker_workflow_create_many(db, inputs, FILL_AT_ONCE, NULL), "create");
    shape_free(&fork_join);
    tasker_db_close(db);
}

static void expect_rows(const char *what, const char *sql, int64_t expected)
{
    int64_t count = count_rows(sql);
    if (count == expected)
        return;
    fprintf(stderr, "%" PRId64 " %s, not %" PRId64 "\n", count, what, expected);
    die("drain", "not what it should have left");
}

void check_workflows(void)
{
    expect_rows("complete tasks",
                "SELECT count(*) FROM tasker_tasks k JOIN tasker_task_transitions t ON t.task_uuid = k.task_uuid"
                " WHERE k.complete AND t.most_recent AND t.to_state = 'complete'",
                workflows);
    expect_rows("steps completed once",
                "SELECT count(*) FROM tasker_workflow_steps s WHERE s.processed AND s.attempts = 1 AND 1 ="
                " (SELECT count(*) FROM tasker_workflow_step_transitions t"
                " WHERE t.workflow_step_uuid = s.workflow_step_uuid AND t.to_state = 'complete')",
                all_steps());
    expect_rows("rows of the steps' histories", "SELECT count(*) FROM tasker_workflow_step_transitions",
                3 * all_steps());
}

const char *const updated_tables[UPDATED] = {
    [STEPS] = "tasker_workflow_steps",
    [READINESS] = "tasker_step_readiness",
    [QUEUE] = "tasker_task_queue",
    [TASKS] = "tasker_tasks",
};

/* Sessions tell the server what they did when they end. */
static void await_other_sessions(void)
{
    static const struct timespec rest = {0, PAUSE_MS * 1000000};
    static const char others[] = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                                 " AND backend_type = 'client backend' AND pid <> pg_backend_pid()";
    double until = now_ns(CLOCK_MONOTONIC) + 10e9;
    while (count_rows(others) > 0) {
        if (now_ns(CLOCK_MONOTONIC) > until)
            die("drain", "has left a session");
        nanosleep(&rest, NULL);
    }
}

void count_hot_updates(double out[UPDATED])
{
    static const char permyriad[] = "SELECT coalesce(n_tup_hot_upd * 10000 / nullif(n_tup_upd, 0), 0)"
                                    " FROM pg_stat_user_tables WHERE relname = '%s'";
    char sql[256];
    await_other_sessions();
    for (size_t i = 0; i < UPDATED; i++) {
        snprintf(sql, sizeof sql, permyriad, updated_tables[i]);
        out[i] = (double)count_rows(sql) / 100;
    }
}

/* ---- the crew ---- */

static double processor_seconds(void)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static crew *muster(size_t workers, int32_t batch)
{
    static crew c;
    if (workers > MOST_WORKERS || batch > MOST_BATCH)
        die("arguments", "too many");
    memset(&c, 0, sizeof c);
    c.count = workers;
    c.batch = batch;
    for (size_t i = 0; i < workers; i++)
        c.hands[i].crew = &c;
    return &c;
}

static drained run_crew(crew *c, void *(*work)(void *))
{
    double used = processor_seconds(), began = now_ns(CLOCK_MONOTONIC);
    for (size_t i = 0; i < c->count; i++)
        if (pthread_create(&c->hands[i].thread, NULL, work, &c->hands[i]) != 0)
            die("thread", "none");
    for (size_t i = 0; i < c->count; i++)
        pthread_join(c->hands[i].thread, NULL);
    return (drained){(now_ns(CLOCK_MONOTONIC) - began) / 1e9, processor_seconds() - used};
}

static tasker_lease_options lease_options(const crew *c)
{
    return (tasker_lease_options){.worker = TASKER_TEXT("bench"), .limit = c->batch, .without_queue = true};
}

/* ---- by workers ---- */

static void do_step(tasker_worker *worker, const tasker_lease *lease, void *context)
{
    crew *c = context;
    const tasker_completion done = {.lease = lease, .results = results};
    tasker_status status = tasker_worker_complete(worker, &done);
    if (status != TASKER_OK && status != TASKER_QUEUED)
        die("complete", tasker_worker_error(worker)->message);
    if (atomic_fetch_add(&c->done, 1) + 1 < all_steps())
        return;
    for (size_t i = 0; i < c->count; i++)
        tasker_worker_stop(c->hands[i].worker);
}

static void *run_worker(void *context)
{
    hand *h = context;
    if (tasker_worker_run(h->worker, 1, do_step, h->crew) != TASKER_OK)
        die("run", tasker_worker_error(h->worker)->message);
    return NULL;
}

drained drain_by_workers(size_t workers, int32_t batch)
{
    crew *c = muster(workers, batch);
    const tasker_worker_options options = {
        .lease = lease_options(c), .poll_ms = PAUSE_MS, .batch = batch, .flush_ms = PAUSE_MS, .finalize = true};
    const tasker_pool_options pool_options = {.min_size = 1, .max_size = 2};
    tasker_error error;
    for (size_t i = 0; i < workers; i++)
        if (tasker_pool_open(tasker_text_of(conninfo), &pool_options, &error, &c->hands[i].pool) != TASKER_OK ||
            tasker_worker_open(c->hands[i].pool, &options, &error, &c->hands[i].worker) != TASKER_OK)
            die("worker", error.message);
    drained out = run_crew(c, run_worker);
    for (size_t i = 0; i < workers; i++) {
        tasker_worker_close(c->hands[i].worker);
        tasker_pool_close(c->hands[i].pool);
    }
    return out;
}

/* ---- by hand ---- */

/* Of tasks that end with one of these steps: who knows its workflows need not ask for the others. */
static void queue_completions(const hand *h, tasker_db *queue)
{
    tasker_completion done[MOST_BATCH];
    tasker_uuid tasks[MOST_BATCH];
    size_t count = h->leases != NULL ? h->leases->count : 0, ended = 0;
    char last[16];
    snprintf(last, sizeof last, "s%d", WORKFLOW_STEPS - 1);
    for (size_t i = 0; i < count; i++) {
        done[i] = (tasker_completion){.lease = h->leases->items[i], .results = results};
        if (strcmp(done[i].lease->step_name.ptr, last) == 0)
            tasks[ended++] = done[i].lease->task_uuid;
    }
    if (count > 0 && tasker_lease_complete(queue, done, count, NULL) != TASKER_QUEUED)
        die("complete", tasker_db_error(queue)->message);
    if (ended > 0 && tasker_task_finalize(queue, tasks, ended, NULL, NULL) != TASKER_QUEUED)
        die("finalize", tasker_db_error(queue)->message);
}

static void exchange(hand *h)
{
    const tasker_lease_options options = lease_options(h->crew);
    const tasker_leases *next = NULL;
    tasker_db *queue = tasker_pipeline_db(h->pipeline);
    expect_ok(h->db, tasker_db_begin(h->db, NULL), "begin");
    queue_completions(h, queue);
    if (tasker_lease_take(queue, &options, &next) != TASKER_QUEUED)
        die("take", tasker_db_error(queue)->message);
    expect_ok(h->db, tasker_pipeline_run(h->pipeline), "run");
    expect_ok(h->db, tasker_db_commit(h->db), "commit");
    tasker_pipeline_reset(h->pipeline);
    if (h->leases != NULL)
        atomic_fetch_add(&h->crew->done, (int)h->leases->count);
    tasker_free(h->leases);
    h->leases = next;
}

static void *work_by_hand(void *context)
{
    static const struct timespec rest = {0, PAUSE_MS * 1000000};
    hand *h = context;
    while (atomic_load(&h->crew->done) < all_steps()) {
        exchange(h);
        if (h->leases->count == 0)
            nanosleep(&rest, NULL);
    }
    return NULL;
}

drained drain_by_hand(size_t workers, int32_t batch)
{
    crew *c = muster(workers, batch);
    for (size_t i = 0; i < workers; i++) {
        c->hands[i].db = open_database(NULL);
        expect_ok(c->hands[i].db, tasker_pipeline_open(c->hands[i].db, NULL, &c->hands[i].pipeline), "pipeline");
    }
    drained out = run_crew(c, work_by_hand);
    for (size_t i = 0; i < workers; i++) {
        tasker_free(c->hands[i].leases);
        tasker_pipeline_close(c->hands[i].pipeline);
        tasker_db_close(c->hands[i].db);
    }
    return out;
}
