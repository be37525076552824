/* SPDX-License-Identifier: MIT */
/*
 * What the size of the database costs: claims, readiness, transitions and creation with 1e4 tasks waiting and with 1e6,
 * four steps each, side by side.
 *
 *     scale [--check] [--json FILE] [--tasks N] [--reps N] [CONNINFO]
 *
 * Makes a database of its own beside the given one and drops it again, as a superuser, because tasks are filled in past
 * the triggers; with 1e6 that takes some minutes and 8 GB. Sides run by turns, synchronous_commit is off, and each turn
 * claims a task and works on it: both sides do the same to tasks that nobody has touched before. --check exits with 1
 * where one call costs over 1.5 times as much with many.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "database.h"
#include "figures.h"
#include "report.h"
#include "shape.h"
#include "tasker/claim.h"
#include "tasker/lease.h"
#include "tasker/readiness.h"

enum { FEW = 10000, WARM_UPS = 100, MOST_REPS = 3000, SIDES = 2, MOST_TEXT = 16384 };

typedef enum call { CLAIM, READINESS, ENQUEUE, START, COMPLETE, CREATE, CALLS } call;

static const char *const calls[CALLS] = {"claim a task",   "readiness of its steps",
                                         "enqueue a step", "take it (a worker)",
                                         "complete it",    "create a workflow of 10 steps"};

static const double limit = 1.5;

static tasker_db *dbs[SIDES];
static shape made;
static double took[SIDES][CALLS][MOST_REPS];

static double since(double began)
{
    return (now_ns(CLOCK_MONOTONIC) - began) / 1e3;
}

static void fill(const char *schema, int64_t tasks)
{
    static char text[MOST_TEXT];
    char set[64];
    FILE *file = fopen(BENCH_SCALE_SQL, "r");
    size_t size = file != NULL ? fread(text, 1, sizeof text - 1, file) : 0;
    if (size == 0 || size == sizeof text - 1)
        die(BENCH_SCALE_SQL, "cannot be read");
    fclose(file);
    report_progress("%" PRId64 " tasks", tasks);
    PGconn *conn = connect_to_schema(schema);
    snprintf(set, sizeof set, "SET bench.tasks = '%" PRId64 "'", tasks);
    tell(conn, set);
    tell(conn, text);
    tell(conn, "VACUUM ANALYZE");
    tell(conn, "CHECKPOINT");
    PQfinish(conn);
}

static const tasker_uuid *first_step(const tasker_claim *claim)
{
    if (claim->ready_step_count != 1)
        die("claim", "not one ready step");
    return &claim->ready_step_uuids[0];
}

static void claim_one(tasker_db *db, double *spent, const tasker_claims **claims)
{
    static const tasker_claim_options options = {.orchestrator = TASKER_TEXT("bench"), .limit = 1};
    double began = now_ns(CLOCK_MONOTONIC);
    expect_ok(db, tasker_claim_take(db, &options, claims), "claim");
    *spent = since(began);
    if ((*claims)->count != 1)
        die("claim", "none is left");
}

static void read_readiness(tasker_db *db, const tasker_uuid *task_uuid, double *spent)
{
    const tasker_step_readiness_filter filter = {.task_uuids = task_uuid, .task_uuid_count = 1};
    const tasker_step_readiness_list *steps = NULL;
    double began = now_ns(CLOCK_MONOTONIC);
    expect_ok(db, tasker_step_readiness_query(db, &filter, &steps), "readiness");
    *spent = since(began);
    tasker_free(steps);
}

static void drive(tasker_db *db, const tasker_uuid *step, double spent[CALLS])
{
    static const tasker_lease_options options = {.worker = TASKER_TEXT("bench")};
    const tasker_leases *leases = NULL;
    double began = now_ns(CLOCK_MONOTONIC);
    expect_ok(db, tasker_workflow_step_apply(db, step, 1, TASKER_EVENT_ENQUEUE, NULL, NULL), "enqueue");
    spent[ENQUEUE] = since(began);
    began = now_ns(CLOCK_MONOTONIC);
    expect_ok(db, tasker_lease_take_steps(db, step, 1, &options, NULL, &leases), "take");
    spent[START] = since(began);
    const tasker_completion done = {.lease = leases->items[0], .results = TASKER_JSON("{\"ok\": true}")};
    began = now_ns(CLOCK_MONOTONIC);
    expect_ok(db, tasker_lease_complete(db, &done, 1, NULL), "complete");
    spent[COMPLETE] = since(began);
    tasker_free(leases);
}

static void create(tasker_db *db, double *spent)
{
    const tasker_workflow_input input = {.definition = &made.definition};
    double began = now_ns(CLOCK_MONOTONIC);
    expect_ok(db, tasker_workflow_create(db, &input, NULL), "create");
    *spent = since(began);
}

static void turn(tasker_db *db, double spent[CALLS])
{
    const tasker_claims *claims = NULL;
    claim_one(db, &spent[CLAIM], &claims);
    read_readiness(db, &claims->items[0]->task_uuid, &spent[READINESS]);
    drive(db, first_step(claims->items[0]), spent);
    create(db, &spent[CREATE]);
    tasker_free(claims);
}

static void measure(size_t reps, bool kept)
{
    for (size_t rep = 0; rep < reps; rep++)
        for (size_t i = 0; i < SIDES; i++) {
            double spent[CALLS];
            size_t side = (i + rep) % SIDES;
            turn(dbs[side], spent);
            for (size_t c = 0; c < CALLS && kept; c++)
                took[side][c][rep] = spent[c];
        }
}

static void tell_all(int64_t tasks, size_t reps)
{
    static char title[96];
    snprintf(title, sizeof title, "%" PRId64 " waiting tasks of 4 steps, against %d; synchronous_commit off", tasks,
             FEW);
    report_section(title, "with few", NULL);
    for (size_t c = 0; c < CALLS; c++) {
        const finding it = {.what = calls[c],
                            .unit = "us",
                            .limit = figure_of(took[0][c], reps),
                            .ours = figure_of(took[1][c], reps),
                            .goal = limit,
                            .judged = true,
                            .series = c == CLAIM ? "claim: waiting tasks" : NULL,
                            .size = (double)tasks};
        report_finding(&it);
    }
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"tasks", required_argument, NULL, 't'}, {"reps", required_argument, NULL, 'r'}, {NULL, 0, NULL, 0}};
    int64_t tasks = 1000000;
    size_t reps = 1000;
    report_open("scale", &argc, argv);
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option == 't')
            tasks = strtoll(optarg, NULL, 10);
        else if (option == 'r')
            reps = strtoul(optarg, NULL, 10);
        else
            return 2;
    }
    if (reps == 0 || reps > MOST_REPS || tasks < (int64_t)reps + WARM_UPS)
        die("arguments", "out of range");
    create_database(optind < argc ? argv[optind] : "", "SET synchronous_commit = off");
    dbs[0] = open_in_schema("few", true);
    dbs[1] = open_in_schema("many", true);
    fill("few", FEW);
    fill("many", tasks);
    if (!shape_make(&made, SHAPE_FORK_JOIN, "scale", 10, 3))
        die("shape", "out of memory");
    report_progress("claims and what follows");
    measure(WARM_UPS, false);
    measure(reps, true);
    tell_all(tasks, reps);
    shape_free(&made);
    for (size_t i = 0; i < SIDES; i++)
        tasker_db_close(dbs[i]);
    drop_database();
    return report_close();
}
