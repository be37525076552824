/* SPDX-License-Identifier: MIT */
/*
 * One mutex per task, or none? The wide part of a fork-join workflow, taken and completed step by step by several
 * workers: with the library's own statements, and with its lock of the task row in front of each write.
 *
 *     step_write [--reps N] [--steps N] [CONNINFO]
 *
 * Both sides are pipelines of the same prepared statements, each write one flush and one commit, synchronous_commit
 * off. They run by turns, each on a new task; medians are compared. Makes a database of its own and drops it again.
 */
#include <getopt.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "database.h"
#include "db/prepared.h"
#include "figures.h"
#include "report.h"
#include "shape.h"
#include "statements.h"
#include "tasker/lease.h"

enum { MOST_REPS = 99, MOST_WORKERS = 8, WARM_UPS = 2, KEY_SIZE = TASKER_UUID_TEXT_SIZE + 2 };

/* Indexes of the statements that a worker prepares; their names are their numbers. */
static const uint32_t used[] = {TKR_STATEMENT_workflow_step_apply__lock_tasks,
                                TKR_STATEMENT_workflow_step_apply__start_tasks, TKR_STATEMENT_lease_take_steps,
                                TKR_STATEMENT_lease_take_steps__context, TKR_STATEMENT_lease_complete};
enum { LOCK, START, TAKE, CONTEXT, COMPLETE, USED };

typedef struct drain {
    const tasker_uuid *steps;
    size_t count;
    atomic_size_t next, done;
    bool mutex;
    pthread_barrier_t barrier;
} drain;

typedef struct worker {
    pthread_t thread;
    PGconn *conn;
    drain *d;
} worker;

static size_t reps = 15, width = 200;
static tasker_db *db;
static worker workers[MOST_WORKERS];

static void open_worker(worker *w)
{
    w->conn = PQconnectdb(conninfo);
    for (size_t i = 0; i < USED; i++) {
        char name[8], *text = tkr_expand_schema(tkr_statements[used[i]].query.text, "public", "");
        snprintf(name, sizeof name, "s%zu", i);
        const tkr_query *q = &tkr_statements[used[i]].query;
        PGresult *result = PQprepare(w->conn, name, text, (int)q->parameter_count, q->types);
        if (PQresultStatus(result) != PGRES_COMMAND_OK)
            die(q->name, PQerrorMessage(w->conn));
        PQclear(result);
        free(text);
    }
    if (PQenterPipelineMode(w->conn) != 1)
        die("pipeline", PQerrorMessage(w->conn));
}

static void open_bench(const char *home)
{
    create_database(home, "SET synchronous_commit = off");
    db = open_database(&(tasker_limits){.steps = 100000});
    for (size_t i = 0; i < MOST_WORKERS; i++)
        open_worker(&workers[i]);
}

static void close_bench(void)
{
    for (size_t i = 0; i < MOST_WORKERS; i++)
        PQfinish(workers[i].conn);
    tasker_db_close(db);
    drop_database();
}

/* ---- a worker ---- */

static void send(worker *w, size_t statement, int count, const char *const *values)
{
    char name[8];
    snprintf(name, sizeof name, "s%zu", statement);
    if (PQsendQueryPrepared(w->conn, name, count, values, NULL, NULL, 0) != 1)
        die("send", PQerrorMessage(w->conn));
}

/* To the end of the pipeline; the rows of its `at`-th statement. */
static int receive(worker *w, int at)
{
    int rows = 0, statement = 0;
    if (PQpipelineSync(w->conn) != 1)
        die("sync", PQerrorMessage(w->conn));
    for (;;) {
        PGresult *result = PQgetResult(w->conn);
        ExecStatusType kind = result != NULL ? PQresultStatus(result) : PGRES_EMPTY_QUERY;
        if (kind == PGRES_FATAL_ERROR)
            die("write", PQresultErrorMessage(result));
        if (result != NULL && statement == at)
            rows += PQntuples(result);
        statement += result == NULL;
        PQclear(result);
        if (kind == PGRES_PIPELINE_SYNC)
            return rows;
    }
}

static void key_array(char out[KEY_SIZE + 1], const tasker_uuid *key)
{
    char text[TASKER_UUID_TEXT_SIZE];
    snprintf(out, KEY_SIZE + 1, "{%s}", tasker_uuid_format(key, text));
}

static void write_step(worker *w, const tasker_uuid *step)
{
    tasker_uuid ids[4];
    char keys[5][KEY_SIZE + 1];
    if (tasker_uuid_generate_many(4, ids) != TASKER_OK)
        die("ids", "none");
    key_array(keys[4], step);
    for (size_t i = 0; i < 4; i++)
        key_array(keys[i], &ids[i]);
    int before = w->d->mutex ? 1 : 0;
    const char *start[] = {keys[4], keys[0], keys[1], "{pending,enqueued,error}", NULL, "bench", NULL};
    const char *take[] = {"bench", "600", keys[4], keys[1], keys[2]};
    const char *context[] = {keys[1], "false"};
    const char *complete[] = {keys[4], keys[1], keys[3], "{\"{\\\"ok\\\": true}\"}", "{NULL}", "false"};
    if (before)
        send(w, LOCK, 1, start);
    send(w, START, 7, start);
    send(w, TAKE, 5, take);
    send(w, CONTEXT, 2, context);
    int taken = receive(w, before + 1);
    if (before)
        send(w, LOCK, 1, complete);
    send(w, COMPLETE, 6, complete);
    if (taken == 1 && receive(w, before) == 1)
        atomic_fetch_add(&w->d->done, 1);
}

static void *work(void *context)
{
    worker *w = context;
    pthread_barrier_wait(&w->d->barrier);
    for (size_t i; (i = atomic_fetch_add(&w->d->next, 1)) < w->d->count;)
        write_step(w, &w->d->steps[i]);
    pthread_barrier_wait(&w->d->barrier);
    return NULL;
}

/* ---- a measurement ---- */

/* A workflow whose first step is done. */
static const tasker_workflow_ids *make_task(const shape *s)
{
    const tasker_workflow_ids *ids = NULL;
    expect_ok(db, tasker_workflow_create(db, &(tasker_workflow_input){.definition = &s->definition}, &ids), "create");
    expect_ok(db,
              tasker_workflow_step_apply(db, ids->workflow_step_uuids, 1, TASKER_EVENT_RESOLVE_MANUALLY, NULL, NULL),
              "first step");
    return ids;
}

static double run_drain(const shape *s, size_t count, bool mutex)
{
    const tasker_workflow_ids *ids = make_task(s);
    drain d = {.steps = ids->workflow_step_uuids + 1, .count = width, .mutex = mutex};
    pthread_barrier_init(&d.barrier, NULL, (unsigned)count + 1);
    for (size_t i = 0; i < count; i++) {
        workers[i].d = &d;
        if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0)
            die("thread", "none");
    }
    pthread_barrier_wait(&d.barrier);
    double began = now_ns(CLOCK_MONOTONIC);
    pthread_barrier_wait(&d.barrier);
    double took = (now_ns(CLOCK_MONOTONIC) - began) / 1e6;
    for (size_t i = 0; i < count; i++)
        pthread_join(workers[i].thread, NULL);
    pthread_barrier_destroy(&d.barrier);
    if (d.done != width)
        die("drain", "not all steps were completed");
    tasker_free(ids);
    return took;
}

static void measure(const shape *s, size_t count)
{
    static double took[2][MOST_REPS], ratios[MOST_REPS];
    for (size_t rep = 0; rep < WARM_UPS + reps; rep++) {
        double ms[2];
        for (size_t turn = 0; turn < 2; turn++)
            ms[(turn + rep) % 2] = run_drain(s, count, (turn + rep) % 2 == 1);
        for (size_t side = 0; side < 2 && rep >= WARM_UPS; side++)
            took[side][rep - WARM_UPS] = ms[side];
        if (rep >= WARM_UPS)
            ratios[rep - WARM_UPS] = ms[1] / ms[0];
    }
    char what[64];
    snprintf(what, sizeof what, "%zu workers", count);
    const finding it = {
        .what = what, .unit = "ms", .limit = figure_of(took[0], reps), .ours = figure_of(took[1], reps)};
    report_finding(&it);
    const finding pairs = {.what = "  of pairs", .unit = "ratio", .ours = figure_of(ratios, reps)};
    report_finding(&pairs);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"reps", required_argument, NULL, 'r'}, {"steps", required_argument, NULL, 's'}, {NULL, 0, NULL, 0}};
    static const size_t counts[] = {1, 2, 4, MOST_WORKERS};
    shape s;
    report_open("step_write", &argc, argv);
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option == 'r')
            reps = strtoul(optarg, NULL, 10);
        else if (option == 's')
            width = strtoul(optarg, NULL, 10);
        else
            return 2;
    }
    if (reps < 1 || reps > MOST_REPS || width < 1 || width > 50000)
        die("arguments", "1 to 99 repetitions, 1 to 50000 steps");
    open_bench(optind < argc ? argv[optind] : "");
    if (!shape_make(&s, SHAPE_FORK_JOIN, "wide", width + 2, 3))
        die("shape", "out of memory");
    report_section("all steps of one wide task, with a mutex for each task", "without", NULL);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        measure(&s, counts[i]);
    shape_free(&s);
    close_bench();
    return report_close();
}
