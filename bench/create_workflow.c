/* SPDX-License-Identifier: MIT */
/*
 * Creating a workflow through the library, against COPY BINARY of the same rows into the same tables.
 *
 *     create_workflow [--check] [--json FILE] [--large] [--reps N] [--sync] [CONNINFO]
 *
 * Makes a database of its own beside the given one and drops it again. COPY gets everything for nothing that can be
 * had: the keys of the registered names are known, nothing is checked, and the transaction is one query string. All
 * sides run by turns in one process; medians are compared. synchronous_commit is off unless --sync is given, because a
 * commit to disk is the same for all sides and louder than the rest. --check exits with 1 where a ratio is over its
 * limit.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tasker/workflow.h>

#include "create_copy.h"
#include "database.h"
#include "figures.h"
#include "report.h"
#include "shape.h"

enum { MOST_REPS = 99, WARM_UPS = 7 };

static const double limit = 1.15, limit_of_ten = 1.2;

typedef enum side { FIRST_CALL, REGISTERED, COPY, SIDES } side; /* FIRST_CALL: the definition comes along */

typedef struct bench {
    tasker_db *db;
    PGconn *conn;
    size_t reps;
    bool large, sync;
} bench;

static void open_bench(bench *b, const char *home)
{
    create_database(home, b->sync ? NULL : "SET synchronous_commit = off");
    b->db = open_database(&(tasker_limits){.steps = 100000, .depth = 100000});
    b->conn = PQconnectdb(conninfo);
    if (PQstatus(b->conn) != CONNECTION_OK)
        die("connect", PQerrorMessage(b->conn));
}

static void close_bench(bench *b)
{
    tasker_db_close(b->db);
    PQfinish(b->conn);
    drop_database();
}

/* ---- one measurement ---- */

static double run_side(const bench *b, side which, const shape *s, const copy_names *names)
{
    tasker_workflow_input input = {.definition = &s->definition, .registered = which == REGISTERED};
    double began = now_ns(CLOCK_MONOTONIC);
    if (which == COPY) {
        if (!copy_workflow(b->conn, s, names))
            die("copy", PQerrorMessage(b->conn));
    } else {
        expect_ok(b->db, tasker_workflow_create(b->db, &input, NULL), "create");
    }
    return (now_ns(CLOCK_MONOTONIC) - began) / 1e6;
}

static void measure(bench *b, shape_kind kind, const char *name, size_t steps)
{
    static double took[SIDES][MOST_REPS];
    shape s;
    copy_names names;
    size_t warm_ups = steps > 1000 ? 2 : WARM_UPS;
    if (!shape_make(&s, kind, name, steps, 3))
        die("shape", "out of memory");
    expect_ok(b->db, tasker_workflow_create(b->db, &(tasker_workflow_input){.definition = &s.definition}, NULL),
              "register");
    if (!copy_find_names(b->conn, &s, &names))
        die("names", PQerrorMessage(b->conn));
    for (size_t rep = 0; rep < warm_ups + b->reps; rep++)
        for (size_t turn = 0; turn < SIDES; turn++) {
            side which = (side)((turn + rep) % SIDES);
            double ms = run_side(b, which, &s, &names);
            if (rep >= warm_ups)
                took[which][rep - warm_ups] = ms;
        }
    char what[64], registered[96], series[64];
    snprintf(what, sizeof what, "%s of %zu", name, steps);
    snprintf(registered, sizeof registered, "%s, by the key of its type", what);
    snprintf(series, sizeof series, "create: %s", name);
    const figure copy = figure_of(took[COPY], b->reps);
    finding it = {.what = what,
                  .unit = "ms",
                  .limit = copy,
                  .ours = figure_of(took[FIRST_CALL], b->reps),
                  .goal = steps == 10 ? limit_of_ten : limit,
                  .judged = true,
                  .goes_to = "G1",
                  .series = series,
                  .size = (double)steps};
    report_finding(&it);
    it = (finding){.what = registered, .unit = "ms", .limit = copy, .ours = figure_of(took[REGISTERED], b->reps)};
    report_finding(&it);
    copy_forget_names(&names);
    shape_free(&s);
}

/* ---- the run ---- */

/* The given database. */
static const char *read_options(bench *b, int argc, char **argv)
{
    static const struct option options[] = {
        {"large", no_argument, NULL, 'l'},
        {"sync", no_argument, NULL, 's'},
        {"reps", required_argument, NULL, 'r'},
        {NULL, 0, NULL, 0},
    };
    b->reps = 15;
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        b->large = b->large || option == 'l';
        b->sync = b->sync || option == 's';
        if (option == 'r')
            b->reps = strtoul(optarg, NULL, 10);
        if (option == '?')
            exit(2);
    }
    if (b->reps < 1 || b->reps > MOST_REPS)
        die("--reps", "1 to 99");
    return optind < argc ? argv[optind] : "";
}

int main(int argc, char **argv)
{
    static const size_t sizes[] = {10, 100, 1000, 10000};
    bench b = {0};
    report_open("create_workflow", &argc, argv);
    open_bench(&b, read_options(&b, argc, argv));
    report_section("create a workflow, ready set kept", "COPY BINARY into the same tables", NULL);
    for (size_t i = 0; i < (b.large ? 4 : 3); i++) {
        measure(&b, SHAPE_FORK_JOIN, "fork_join", sizes[i]);
        measure(&b, SHAPE_CHAIN, "chain", sizes[i]);
    }
    close_bench(&b);
    return report_close();
}
