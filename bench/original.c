/* SPDX-License-Identifier: MIT */
/*
 * What tasker-core itself does, beside what the library does, on the same tables: creating a workflow row by row, a
 * change of a step's state in six round trips, readiness, claims. Its statements are written anew here from what they
 * do; what its own language costs does not come into it.
 *
 *     original [--check] [--json FILE] [--reps N] [CONNINFO]
 *
 * Makes a database of its own beside the given one and drops it again, as a superuser. Sides run by turns,
 * synchronous_commit is off. --check exits with 1 where creating 100 steps or more is not four times as fast.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "database.h"
#include "figures.h"
#include "report.h"
#include "shape.h"
#include "tasker/claim.h"
#include "tasker/lifecycle.h"
#include "tasker/readiness.h"
#include "tasker/uuid.h"

enum { MOST_REPS = 1000, MOST_TEXT = 16384, KEY = 40 };

static const double creation_goal = 0.25;

static size_t reps = 40;

static double since(double began)
{
    return (now_ns(CLOCK_MONOTONIC) - began) / 1e3;
}

/* ---- row by row ---- */

/* One statement, one round trip, one value back; "" for none. */
static const char *ask(PGconn *conn, const char *name, int count, const char *const values[])
{
    static char answers[4][KEY];
    static unsigned next;
    char *answer = answers[next++ % 4];
    PGresult *result = PQexecPrepared(conn, name, count, values, NULL, NULL, 0);
    if (PQresultStatus(result) != PGRES_TUPLES_OK && PQresultStatus(result) != PGRES_COMMAND_OK)
        die(name, PQerrorMessage(conn));
    snprintf(answer, KEY, "%s", PQntuples(result) > 0 ? PQgetvalue(result, 0, 0) : "");
    PQclear(result);
    return answer;
}

static const struct {
    const char *name, *sql;
} statements[] = {
    {"type", "SELECT named_task_uuid FROM tasker_named_tasks WHERE name = $1"},
    {"task", "INSERT INTO tasker_tasks (named_task_uuid, requested_at, identity_hash, created_at, updated_at)"
             " VALUES ($1, now(), $2, now(), now()) RETURNING task_uuid"},
    {"task_state", "INSERT INTO tasker_task_transitions (task_uuid, to_state, sort_key, most_recent, created_at,"
                   " updated_at) VALUES ($1, 'pending', 1, true, now(), now())"},
    {"step_name", "SELECT named_step_uuid FROM tasker_named_steps WHERE name = $1"},
    {"step", "INSERT INTO tasker_workflow_steps (task_uuid, named_step_uuid, created_at, updated_at)"
             " VALUES ($1, $2, now(), now()) RETURNING workflow_step_uuid"},
    {"edge", "INSERT INTO tasker_workflow_step_edges (from_step_uuid, to_step_uuid, name, created_at, updated_at)"
             " VALUES ($1, $2, 'provides', now(), now())"},
    {"current", "SELECT to_state FROM tasker_workflow_step_transitions WHERE workflow_step_uuid = $1 AND most_recent"},
    {"last",
     "SELECT coalesce(max(sort_key), 0) + 1 FROM tasker_workflow_step_transitions WHERE workflow_step_uuid = $1"},
    {"old", "UPDATE tasker_workflow_step_transitions SET most_recent = false, updated_at = now()"
            " WHERE workflow_step_uuid = $1 AND most_recent"},
    {"new", "INSERT INTO tasker_workflow_step_transitions (workflow_step_uuid, to_state, from_state, sort_key,"
            " most_recent, created_at, updated_at) VALUES ($1, $2, nullif($3, ''), $4::integer, true, now(), now())"},
};

static void change_state(PGconn *conn, const char *step, const char *state)
{
    const char *from = ask(conn, "current", 1, (const char *const[]){step});
    const char *sort_key = ask(conn, "last", 1, (const char *const[]){step});
    ask(conn, "old", 1, (const char *const[]){step});
    ask(conn, "new", 4, (const char *const[]){step, state, from, sort_key});
}

static double create_by_rows(PGconn *conn, const tasker_definition *d)
{
    static char steps[1000][KEY];
    static int number;
    char identity[32];
    double began = now_ns(CLOCK_MONOTONIC);
    tell(conn, "BEGIN");
    snprintf(identity, sizeof identity, "row %d", number++);
    const char *type = ask(conn, "type", 1, (const char *const[]){d->name.ptr});
    char task[KEY];
    snprintf(task, sizeof task, "%s", ask(conn, "task", 2, (const char *const[]){type, identity}));
    ask(conn, "task_state", 1, (const char *const[]){task});
    for (size_t i = 0; i < d->step_count; i++) {
        const char *named = ask(conn, "step_name", 1, (const char *const[]){d->steps[i].name.ptr});
        snprintf(steps[i], KEY, "%s", ask(conn, "step", 2, (const char *const[]){task, named}));
        change_state(conn, steps[i], "pending");
    }
    for (size_t i = 0; i < d->edge_count; i++)
        ask(conn, "edge", 2, (const char *const[]){steps[d->edges[i].from], steps[d->edges[i].to]});
    tell(conn, "COMMIT");
    return since(began);
}

static double create(tasker_db *db, const tasker_definition *d)
{
    double began = now_ns(CLOCK_MONOTONIC);
    expect_ok(db, tasker_workflow_create(db, &(tasker_workflow_input){.definition = d}, NULL), "create");
    return since(began);
}

static void compare_creation(tasker_db *db, PGconn *conn)
{
    static double ours[MOST_REPS], theirs[MOST_REPS];
    static const size_t sizes[] = {10, 100, 1000};
    report_section("create a fork-join workflow, one transaction", NULL, "row by row");
    for (size_t s = 0; s < 3; s++) {
        char what[32];
        shape of;
        size_t turns = sizes[s] == 1000 ? reps / 10 + 3 : reps;
        report_progress("create %zu", sizes[s]);
        snprintf(what, sizeof what, "%zu steps", sizes[s]);
        if (!shape_make(&of, SHAPE_FORK_JOIN, what, sizes[s], 3))
            die("shape", "out of memory");
        create(db, &of.definition); /* what it names is there now */
        create_by_rows(conn, &of.definition);
        for (size_t i = 0; i < turns; i++) {
            ours[i] = create(db, &of.definition);
            theirs[i] = create_by_rows(conn, &of.definition);
        }
        const finding it = {.what = what,
                            .unit = "us",
                            .ours = figure_of(ours, turns),
                            .peer = figure_of(theirs, turns),
                            .goal = creation_goal,
                            .judged = sizes[s] >= 100,
                            .goes_to = "G2"};
        report_finding(&it);
        shape_free(&of);
    }
}

/* ---- states ---- */

static double change_by_hand(PGconn *conn, const char *step, const char *state)
{
    double began = now_ns(CLOCK_MONOTONIC);
    tell(conn, "BEGIN");
    change_state(conn, step, state);
    tell(conn, "COMMIT");
    return since(began);
}

static double change(tasker_db *db, const tasker_uuid *step, tasker_event event)
{
    double began = now_ns(CLOCK_MONOTONIC);
    expect_ok(db, tasker_workflow_step_apply(db, step, 1, event, NULL, NULL), "apply");
    return since(began);
}

static void compare_transitions(tasker_db *db, PGconn *conn)
{
    static double ours[MOST_REPS], theirs[MOST_REPS];
    static shape of;
    report_section("a change of a step's state, with its row and the ready set", NULL, "in six round trips");
    report_progress("transitions");
    tell(conn, "VACUUM ANALYZE");
    if (!shape_make(&of, SHAPE_FORK_JOIN, "transition", 10, 3))
        die("shape", "out of memory");
    for (size_t i = 0; i < reps; i++) {
        const tasker_workflow_ids *ids = NULL;
        char step[TASKER_UUID_TEXT_SIZE];
        expect_ok(db, tasker_workflow_create(db, &(tasker_workflow_input){.definition = &of.definition}, &ids),
                  "create");
        tasker_uuid_format(&ids->workflow_step_uuids[1], step);
        change(db, &ids->workflow_step_uuids[0], TASKER_EVENT_ENQUEUE);
        ours[i] = change(db, &ids->workflow_step_uuids[0], TASKER_EVENT_START);
        theirs[i] = change_by_hand(conn, step, "enqueued");
        tasker_free(ids);
    }
    const finding it = {
        .what = "one step", .unit = "us", .ours = figure_of(ours, reps), .peer = figure_of(theirs, reps)};
    report_finding(&it);
    shape_free(&of);
}

/* ---- asking and claiming, in databases of several sizes ---- */

static void run_file(PGconn *conn, const char *path)
{
    static char text[MOST_TEXT];
    FILE *file = fopen(path, "r");
    size_t size = file != NULL ? fread(text, 1, sizeof text - 1, file) : 0;
    if (size == 0 || size == sizeof text - 1)
        die(path, "cannot be read");
    text[size] = '\0';
    fclose(file);
    tell(conn, text);
}

static void fill(PGconn *conn, int tasks)
{
    char set[64];
    snprintf(set, sizeof set, "SET bench.tasks = '%d'", tasks);
    tell(conn, set);
    run_file(conn, BENCH_SCALE_SQL);
    run_file(conn, BENCH_ORIGINAL_SQL);
    tell(conn, "VACUUM ANALYZE");
}

static double query(PGconn *conn, const char *sql)
{
    double began = now_ns(CLOCK_MONOTONIC);
    PGresult *result = PQexec(conn, sql);
    if (PQresultStatus(result) != PGRES_TUPLES_OK || PQntuples(result) == 0)
        die(sql, PQerrorMessage(conn));
    PQclear(result);
    return since(began);
}

static double ask_readiness(tasker_db *db, const tasker_uuid *task)
{
    const tasker_step_readiness_filter filter = {.task_uuids = task, .task_uuid_count = 1};
    const tasker_step_readiness_list *steps = NULL;
    double began = now_ns(CLOCK_MONOTONIC);
    expect_ok(db, tasker_step_readiness_query(db, &filter, &steps), "readiness");
    tasker_free(steps);
    return since(began);
}

static void compare_readiness(tasker_db *db, PGconn *conn, int tasks, const tasker_uuid *task)
{
    static double ours[MOST_REPS], theirs[MOST_REPS];
    char sql[128], key[TASKER_UUID_TEXT_SIZE], what[64];
    size_t turns = reps / 4 + 3;
    snprintf(sql, sizeof sql, "SELECT * FROM original_readiness('%s')", tasker_uuid_format(task, key));
    snprintf(what, sizeof what, "readiness of a task, %d steps there", 4 * tasks);
    ask_readiness(db, task);
    for (size_t i = 0; i < turns; i++) {
        ours[i] = ask_readiness(db, task);
        theirs[i] = query(conn, sql);
    }
    const finding it = {.what = what,
                        .unit = "us",
                        .ours = figure_of(ours, turns),
                        .peer = figure_of(theirs, turns),
                        .series = "readiness of 4 steps: steps in the database",
                        .size = 4.0 * tasks};
    report_finding(&it);
}

static double claim(tasker_db *db, tasker_uuid *task)
{
    static const tasker_claim_options options = {.orchestrator = TASKER_TEXT("bench"), .limit = 1};
    const tasker_claims *claims = NULL;
    double began = now_ns(CLOCK_MONOTONIC);
    expect_ok(db, tasker_claim_take(db, &options, &claims), "claim");
    double took = since(began);
    if (claims->count != 1)
        die("claim", "nothing is left");
    *task = claims->items[0]->task_uuid;
    tasker_free(claims);
    return took;
}

/* Where readiness of all takes too long, fewer turns. */
static void compare_claims(tasker_db *db, PGconn *conn, int tasks)
{
    double ours[3], theirs[3];
    char what[64];
    tasker_uuid task;
    size_t turns = tasks >= 1000 ? 1 : 3;
    snprintf(what, sizeof what, "claim one of %d tasks of 4 steps", tasks);
    for (size_t i = 0; i < turns; i++) {
        ours[i] = claim(db, &task);
        tell(conn, "BEGIN");
        theirs[i] = query(conn, "SELECT * FROM original_claim('bench', 1)");
        tell(conn, "ROLLBACK");
    }
    const finding it = {.what = what,
                        .unit = "us",
                        .ours = figure_of(ours, turns),
                        .peer = figure_of(theirs, turns),
                        .series = "claim: waiting tasks",
                        .size = tasks};
    report_finding(&it);
}

static void compare_sizes(void)
{
    static const int sizes[] = {100, 250, 1000, 2500, 25000};
    report_section("questions whose cost grows with the database", NULL, "reading all histories");
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char schema[32];
        tasker_uuid task;
        snprintf(schema, sizeof schema, "tasks_%d", sizes[i]);
        report_progress("%d tasks", sizes[i]);
        tasker_db *db = open_in_schema(schema, true);
        PGconn *conn = connect_to_schema(schema);
        fill(conn, sizes[i]);
        claim(db, &task);
        if (sizes[i] == 100 || sizes[i] == 1000)
            compare_claims(db, conn, sizes[i]);
        else
            compare_readiness(db, conn, sizes[i], &task);
        PQfinish(conn);
        tasker_db_close(db);
    }
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"reps", required_argument, NULL, 'r'}, {NULL, 0, NULL, 0}};
    report_open("original", &argc, argv);
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option != 'r')
            return 2;
        reps = strtoul(optarg, NULL, 10);
    }
    if (reps == 0 || reps > MOST_REPS)
        die("arguments", "out of range");
    create_database(optind < argc ? argv[optind] : "", "SET synchronous_commit = off");
    tasker_db *db = open_in_schema("rows", true);
    PGconn *conn = connect_to_schema("rows");
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++)
        PQclear(PQprepare(conn, statements[i].name, statements[i].sql, 0, NULL));
    compare_creation(db, conn);
    compare_transitions(db, conn);
    PQfinish(conn);
    tasker_db_close(db);
    compare_sizes();
    drop_database();
    return report_close();
}
