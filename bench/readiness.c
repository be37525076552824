/* SPDX-License-Identifier: MIT */
/*
 * Readiness of a task's steps, against fetching the rows of these steps over the same link; what a database ten times
 * as large does to it; levels and ancestors in graphs with many ways and with long ones.
 *
 *     readiness [--check] [--json FILE] [--reps N] [--steps N] [CONNINFO]
 *
 * Makes a database of its own beside the given one and drops it again. Two schemas in it hold N steps (1,000,000) and a
 * tenth of that, vacuumed and analysed, and beside them tasks of 10, 100 and 1,000 steps that are half done. All
 * sides run by turns in one process; medians of the time of a call are compared. --check exits with 1 where a goal is
 * missed.
 */
#include "readiness.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "figures.h"
#include "report.h"
#include "tasker/readiness.h"
#include "tasker/schema.h"
#include "tasker/uuid.h"
#include "tasker/workflow_step.h"

enum { SUBJECTS = 4, SIZES = 3, WARM_UPS = 3, BACKGROUND = 10 };

static const size_t sizes[SIZES] = {10, 100, 1000}, slices[SIZES] = {40, 10, 2};
static const double rows_goal = 4.5, growth_goal = 1.5;

/* A schema with steps in it. */
typedef struct place {
    const char *name;
    size_t steps;
    tasker_db *db;
    tasker_uuid subjects[SIZES][SUBJECTS];
} place;

/* Tasks of one size, one after the other. */
typedef struct subject {
    const place *where;
    size_t size, next;
} subject;

/* ---- measuring and telling ---- */

void measure(const bench *b, side *sides, size_t count)
{
    for (size_t rep = 0; rep < WARM_UPS + b->reps; rep++)
        for (size_t turn = 0; turn < count; turn++) {
            side *s = &sides[(turn + rep) % count];
            double began = now_ns(CLOCK_MONOTONIC);
            for (size_t i = 0; i < s->calls; i++)
                s->run(s->context);
            if (rep >= WARM_UPS)
                s->took[rep - WARM_UPS] = (now_ns(CLOCK_MONOTONIC) - began) / (double)s->calls / 1e3;
        }
    for (size_t i = 0; i < count; i++)
        sides[i].median = median_of(sides[i].took, b->reps);
}

static void tell_ratio(const char *what, double limit, double ours, double goal, size_t size)
{
    const finding it = {.what = what,
                        .unit = "us",
                        .limit = figure_at(limit),
                        .ours = figure_at(ours),
                        .goal = goal,
                        .judged = true,
                        .goes_to = "G3",
                        .series = size > 0 ? "readiness: steps of the task" : NULL,
                        .size = (double)size};
    report_finding(&it);
}

void tell_time(const char *what, double ours, double goal_ms)
{
    const finding it = {.what = what, .unit = "us", .ours = figure_at(ours), .goal = goal_ms * 1e3, .judged = true};
    report_finding(&it);
}

/* ---- the database ---- */

tasker_db *open_schema(const char *name, PGconn **conn)
{
    char sql[128];
    tasker_db_options options = {.any_schema = true, .schema = tasker_text_of(name), .limits.rows = 1000000};
    tasker_error error;
    tasker_db *db;
    if (tasker_db_open(tasker_text_of(conninfo), &options, &error, &db) != TASKER_OK)
        die("open", error.message);
    expect_ok(db, tasker_schema_install(db, NULL), "install");
    *conn = PQconnectdb(conninfo);
    snprintf(sql, sizeof sql, "SET search_path = %s; SET client_min_messages = warning", name);
    tell(*conn, sql);
    return db;
}

/* So many tasks, all in the middle of their work or one in ten. */
static void load(PGconn *conn, const char *called, size_t tasks, size_t steps, bool all_open)
{
    static char sql[1 << 14];
    char set[256];
    FILE *file = fopen(BENCH_STEPS, "r");
    if (file == NULL)
        die(BENCH_STEPS, "cannot be read");
    sql[fread(sql, 1, sizeof sql - 1, file)] = '\0';
    fclose(file);
    for (size_t first = 1; first <= tasks; first += all_open ? 1 : tasks) {
        size_t number = all_open ? first * 10 : first, last = all_open ? number : tasks;
        snprintf(set, sizeof set,
                 "SET load.called = '%s'; SET load.first = %zu; SET load.last = %zu; SET load.steps = %zu", called,
                 number, last, steps);
        tell(conn, set);
        tell(conn, sql);
    }
}

static void find_subjects(place *p, PGconn *conn, size_t size)
{
    char sql[128];
    snprintf(sql, sizeof sql, "SELECT task_uuid FROM tasker_tasks WHERE initiator = 'subject %zu'", sizes[size]);
    PGresult *result = PQexec(conn, sql);
    if (PQntuples(result) != SUBJECTS)
        die("subjects", PQerrorMessage(conn));
    for (int i = 0; i < SUBJECTS; i++)
        if (tasker_uuid_parse(tasker_text_of(PQgetvalue(result, i, 0)), NULL, &p->subjects[size][i]) != TASKER_OK)
            die("subjects", "not a key");
    PQclear(result);
}

static void open_place(place *p)
{
    PGconn *conn;
    char called[32];
    p->db = open_schema(p->name, &conn);
    load(conn, "background", p->steps / BACKGROUND / 2, BACKGROUND, false);
    for (size_t i = 0; i < SIZES; i++) {
        snprintf(called, sizeof called, "subject %zu", sizes[i]);
        load(conn, called, SUBJECTS, sizes[i], true);
    }
    load(conn, "background", p->steps / BACKGROUND / 2, BACKGROUND, false);
    for (size_t i = 0; i < SIZES; i++)
        find_subjects(p, conn, i);
    PQfinish(conn);
}

/* ---- readiness ---- */

static const tasker_uuid *next_task(subject *s)
{
    return &s->where->subjects[s->size][s->next++ % SUBJECTS];
}

static void expect_steps(const subject *s, const char *what, size_t count)
{
    if (count != sizes[s->size])
        die(what, "not all steps");
}

static void fetch_rows(void *context)
{
    subject *s = context;
    const tasker_workflow_steps *rows = NULL;
    const tasker_workflow_step_filter filter = {.task_uuids = next_task(s), .task_uuid_count = 1};
    expect_ok(s->where->db, tasker_workflow_step_query(s->where->db, &filter, &(tasker_page){.limit = 1000}, &rows),
              "workflow_step_query");
    expect_steps(s, "workflow_step_query", rows->count);
    tasker_free(rows);
}

static void ask_readiness(void *context)
{
    subject *s = context;
    const tasker_step_readiness_list *rows = NULL;
    const tasker_step_readiness_filter filter = {.task_uuids = next_task(s), .task_uuid_count = 1};
    expect_ok(s->where->db, tasker_step_readiness_query(s->where->db, &filter, &rows), "step_readiness_query");
    expect_steps(s, "step_readiness_query", rows->count);
    tasker_free(rows);
}

static void measure_size(bench *b, const place *places, size_t size)
{
    subject subjects[2] = {{&places[0], size, 0}, {&places[1], size, 0}};
    side sides[4];
    char what[64];
    for (size_t i = 0; i < 4; i++)
        sides[i] = (side){i % 2 == 0 ? fetch_rows : ask_readiness, &subjects[i / 2], slices[size], 0, {0}};
    measure(b, sides, 4);
    for (size_t i = 0; i < 2; i++) {
        snprintf(what, sizeof what, "%zu of %zu steps, against their rows", sizes[size], places[i].steps);
        tell_ratio(what, sides[2 * i].median, sides[2 * i + 1].median, rows_goal, i == 1 ? sizes[size] : 0);
    }
    snprintf(what, sizeof what, "%zu steps, ten times the database", sizes[size]);
    tell_ratio(what, sides[1].median, sides[3].median, growth_goal, 0);
}

/* ---- the run ---- */

static const char *read_options(bench *b, int argc, char **argv)
{
    static const struct option options[] = {
        {"reps", required_argument, NULL, 'r'}, {"steps", required_argument, NULL, 's'}, {NULL, 0, NULL, 0}};
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option == 'r')
            b->reps = strtoul(optarg, NULL, 10);
        if (option == 's')
            b->steps = strtoul(optarg, NULL, 10);
        if (option == '?')
            exit(2);
    }
    if (b->reps < 1 || b->reps > MOST_REPS || b->steps < 1000 || b->steps > 10000000)
        die("arguments", "1 to 99 repetitions, 1000 to 10000000 steps");
    return optind < argc ? argv[optind] : "";
}

int main(int argc, char **argv)
{
    bench b = {.reps = 15, .steps = 1000000};
    report_open("readiness", &argc, argv);
    create_database(read_options(&b, argc, argv), "SET synchronous_commit = off");
    place places[2] = {{.name = "smaller", .steps = b.steps / 10}, {.name = "larger", .steps = b.steps}};
    open_place(&places[0]);
    open_place(&places[1]);
    PGconn *conn = PQconnectdb(conninfo);
    tell(conn, "VACUUM ANALYZE");
    PQfinish(conn);
    report_section("readiness", "as each row says", NULL);
    for (size_t i = 0; i < SIZES; i++)
        measure_size(&b, places, i);
    measure_graphs(&b);
    tasker_db_close(places[0].db), tasker_db_close(places[1].db);
    drop_database();
    return report_close();
}
