/* SPDX-License-Identifier: MIT */
/*
 * What the library keeps in memory: for an open handle, for a row, for a workflow of 1,000 steps, and over a long run.
 *
 *     memory [--check] [--json FILE] [--cycles N] [CONNINFO]
 *
 * Makes a database of its own beside the given one and drops it again. Bytes are those of the heap, counted at malloc
 * and free, libpq's with them; they are the same in every run. A cycle of the long run creates a workflow, asks for its
 * readiness and does its first step. --check exits with 1 where a limit is missed.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "database.h"
#include "heap.h"
#include "report.h"
#include "shape.h"
#include "tasker/lease.h"
#include "tasker/readiness.h"

enum { TASKS = 10000, AT_ONCE = 500, WARM_CYCLES = 300, CYCLE_STEPS = 10 };

static const double handle_goal = 2, row_goal = 1.6, stream_goal = 1.1, step_goal = 1.2, resident_goal = 1.05;

static const tasker_limits limits = {.rows = TASKS, .steps = 1000};
static size_t cycles = 3000;

static void tell_bytes(const char *what, double limit, double ours, double goal)
{
    const finding it = {.what = what,
                        .unit = "B",
                        .limit = figure_at(limit),
                        .ours = figure_at(ours),
                        .goal = goal,
                        .judged = goal != 0};
    report_finding(&it);
}

static size_t create(tasker_db *db, shape_kind kind, size_t steps, size_t count)
{
    static tasker_workflow_input inputs[AT_ONCE];
    shape s;
    if (!shape_make(&s, kind, "memory", steps, 3))
        die("shape", "out of memory");
    for (size_t i = 0; i < count; i++)
        inputs[i] = (tasker_workflow_input){.definition = &s.definition,
                                            .task = {.context = TASKER_JSON("{\"order\": 1, \"lines\": [1, 2]}")}};
    size_t before = heap_live();
    heap_mark();
    expect_ok(db, tasker_workflow_create_many(db, inputs, count, NULL), "create");
    size_t most = heap_peak() - before;
    shape_free(&s);
    return most;
}

/* ---- handles ---- */

static void warm_up(tasker_db *db)
{
    const tasker_tasks *tasks = NULL;
    create(db, SHAPE_FORK_JOIN, 100, 1);
    expect_ok(db, tasker_task_query(db, NULL, NULL, &tasks), "task_query");
    tasker_free(tasks);
}

static void measure_handle(void)
{
    tasker_db_close(open_database(NULL)); /* what a process keeps once, and the tables */
    size_t before = heap_live();
    PGconn *conn = PQconnectdb(conninfo);
    double bare = (double)(heap_live() - before);
    PQfinish(conn);
    before = heap_live();
    tasker_db *db = open_database(NULL);
    double fresh = (double)(heap_live() - before);
    warm_up(db);
    double warm = (double)(heap_live() - before);
    tasker_db_close(db);
    double kept = (double)heap_live() - (double)before;
    report_section("an open handle, its connection included", "a connection of libpq", NULL);
    tell_bytes("just opened", bare, fresh, handle_goal);
    tell_bytes("after it has created and queried", bare, warm, 0);
    const finding left = {
        .what = "left when it is closed", .unit = "B", .ours = figure_at(kept), .exact = true, .judged = true};
    report_finding(&left);
}

/* ---- rows ---- */

static double bare_rows(size_t rows)
{
    char sql[80];
    const char *no_values[] = {NULL};
    PGconn *conn = PQconnectdb(conninfo);
    snprintf(sql, sizeof sql, "SELECT * FROM tasker_tasks ORDER BY task_uuid LIMIT %zu", rows);
    PGresult *result = PQexecParams(conn, sql, 0, NULL, no_values, NULL, NULL, 1);
    if (PQntuples(result) != (int)rows)
        die(sql, PQerrorMessage(conn));
    size_t held = heap_live();
    PQclear(result);
    held -= heap_live();
    PQfinish(conn);
    return (double)held / (double)rows;
}

static double held_rows(tasker_db *db, size_t rows)
{
    const tasker_page page = {.limit = (int32_t)rows};
    const tasker_tasks *tasks = NULL;
    expect_ok(db, tasker_task_query(db, NULL, &page, &tasks), "task_query");
    if (tasks->count != rows)
        die("task_query", "not all of them");
    size_t held = heap_live();
    tasker_free(tasks);
    return (double)(held - heap_live()) / (double)rows;
}

/* The most that it needs for the first so many rows, the buffers of its connection included. */
static double stream_peak(size_t rows)
{
    tasker_cursor *cursor = NULL;
    const tasker_task *task = NULL;
    tasker_db *db = open_database(&limits);
    size_t before = heap_live();
    heap_mark();
    expect_ok(db, tasker_task_stream(db, NULL, NULL, &cursor), "task_stream");
    for (size_t i = 0; i < rows; i++) {
        expect_ok(db, tasker_task_next(cursor, &task), "task_next");
        if (task == NULL)
            die("task_stream", "ends too soon");
    }
    tasker_cursor_close(cursor);
    double most = (double)(heap_peak() - before);
    tasker_db_close(db);
    return most;
}

static void measure_rows(tasker_db *db)
{
    for (size_t i = 0; i < TASKS; i += AT_ONCE)
        create(db, SHAPE_LOOSE, 1, AT_ONCE);
    report_section("a task's row of 20 columns in the answer of task_query", "the PGresult of libpq alone", NULL);
    tell_bytes("of 1,000 rows", bare_rows(1000), held_rows(db, 1000), row_goal);
    tell_bytes("of 10,000 rows", bare_rows(TASKS), held_rows(db, TASKS), row_goal);
    report_section("the peak of a stream of 10,000 tasks", "of 1,000", NULL);
    tell_bytes("task_stream", stream_peak(1000), stream_peak(TASKS), stream_goal);
}

/* ---- workflows ---- */

/* For each step; how much the create needs, and the loaded workflow. */
static void measure_workflow(tasker_db *db, shape_kind kind, size_t steps, double out[2])
{
    shape s;
    const tasker_workflow_ids *ids = NULL;
    const tasker_workflow *workflow = NULL;
    if (!shape_make(&s, kind, "memory", steps, 3))
        die("shape", "out of memory");
    const tasker_workflow_input input = {.definition = &s.definition};
    expect_ok(db, tasker_workflow_create(db, &input, NULL), "create"); /* the kind is registered after this */
    size_t before = heap_live();
    heap_mark();
    expect_ok(db, tasker_workflow_create(db, &input, &ids), "create");
    out[0] = (double)(heap_peak() - before) / (double)steps;
    expect_ok(db, tasker_workflow_load(db, &ids->task_uuid, &workflow), "load");
    before = heap_live();
    tasker_free(workflow);
    out[1] = (double)(before - heap_live()) / (double)steps;
    tasker_free(ids);
    shape_free(&s);
}

static void measure_workflows(void)
{
    double few[2], many[2];
    tasker_db *db = open_database(&limits);
    report_section("a step of a fork-join workflow of 1,000", "of one of 100", NULL);
    measure_workflow(db, SHAPE_FORK_JOIN, 100, few);
    measure_workflow(db, SHAPE_FORK_JOIN, 1000, many);
    tell_bytes("the peak of workflow_create", few[0], many[0], step_goal);
    tell_bytes("loaded by workflow_load", few[1], many[1], step_goal);
    tasker_db_close(db);
}

/* ---- a long run ---- */

static double resident(void)
{
    long whole, pages;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f == NULL || fscanf(f, "%ld %ld", &whole, &pages) != 2)
        die("statm", "cannot be read");
    fclose(f);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static void cycle(tasker_db *db, const tasker_workflow_input *input)
{
    static const tasker_lease_options options = {.worker = TASKER_TEXT("bench")};
    const tasker_workflow_ids *ids = NULL;
    const tasker_step_readiness_list *steps = NULL;
    const tasker_leases *leases = NULL;
    expect_ok(db, tasker_workflow_create(db, input, &ids), "create");
    const tasker_uuid *first = &ids->workflow_step_uuids[0];
    const tasker_step_readiness_filter filter = {.task_uuids = &ids->task_uuid, .task_uuid_count = 1};
    expect_ok(db, tasker_step_readiness_query(db, &filter, &steps), "readiness");
    expect_ok(db, tasker_workflow_step_apply(db, first, 1, TASKER_EVENT_ENQUEUE, NULL, NULL), "enqueue");
    expect_ok(db, tasker_lease_take_steps(db, first, 1, &options, NULL, &leases), "take");
    const tasker_completion done = {.lease = leases->items[0], .results = TASKER_JSON("{\"ok\": true}")};
    expect_ok(db, tasker_lease_complete(db, &done, 1, NULL), "complete");
    tasker_free(leases);
    tasker_free(steps);
    tasker_free(ids);
}

static void measure_run(void)
{
    shape s;
    PGconn *conn = PQconnectdb(conninfo);
    tell(conn, "VACUUM ANALYZE");
    PQfinish(conn);
    tasker_db *db = open_database(NULL);
    if (!shape_make(&s, SHAPE_FORK_JOIN, "memory run", CYCLE_STEPS, 3))
        die("shape", "out of memory");
    const tasker_workflow_input input = {.definition = &s.definition};
    for (size_t i = 0; i < WARM_CYCLES; i++)
        cycle(db, &input);
    double live = (double)heap_live(), before = resident();
    for (size_t i = 0; i < cycles; i++) {
        cycle(db, &input);
        if (i % 1000 == 999)
            report_progress("%zu cycles", i + 1);
    }
    double grown = (double)heap_live() - live, after = resident();
    shape_free(&s);
    tasker_db_close(db);
    static char title[96];
    snprintf(title, sizeof title, "a run of %zu cycles", cycles);
    report_section(title, "before it", NULL);
    const finding heap = {
        .what = "growth of the heap", .unit = "B", .ours = figure_at(grown), .exact = true, .judged = true};
    report_finding(&heap);
    tell_bytes("resident memory of the process", before, after, resident_goal);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"cycles", required_argument, NULL, 'c'}, {NULL, 0, NULL, 0}};
    report_open("memory", &argc, argv);
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option == 'c')
            cycles = strtoul(optarg, NULL, 10);
        if (option == '?')
            return 2;
    }
    create_database(optind < argc ? argv[optind] : "", "SET synchronous_commit = off");
    measure_handle();
    tasker_db *db = open_database(&limits);
    measure_rows(db);
    tasker_db_close(db);
    measure_workflows();
    measure_run();
    drop_database();
    return report_close();
}
