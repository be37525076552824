/* SPDX-License-Identifier: MIT */
/*
 * What a change of a step's state costs: one, against an INSERT of its history row alone that commits by itself; a
 * hundred in one call, against COPY BINARY of a hundred such rows into the same table. Beside both stands what
 * the rows of a change cost that nothing guards: the mark off the current row of the history, the new row, the step.
 *
 *     transition [--check] [--json FILE] [--reps N] [CONNINFO]
 *
 * Makes a database of its own beside the given one and drops it again. Two schemas: "bare" has no ready set, so that a
 * change is compared with what it writes itself; "kept" has one, and shows what its upkeep adds. All sides run by turns
 * on work that was made for them alone; medians are compared. Run with synchronous_commit off and on; --check exits
 * with 1 where, with off, a change in "bare" is over its limit, or where a call takes more than one round trip.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "database.h"
#include "figures.h"
#include "report.h"
#include "shape.h"
#include "tasker/hooks.h"
#include "tasker/lease.h"

enum { MOST_REPS = 2000, WARM_UPS = 15, BATCH = 100, FILLED = 5000, MOST_BYTES = 65536 };

typedef enum side_kind { BARE, KEPT, SIDES } side_kind;
typedef enum change { ENQUEUE, START, COMPLETE, TAKE_LEASE, COMPLETE_LEASE, CHANGES } change;

static const struct {
    const char *what;
    bool judged; /* taking reads what the worker needs, too */
} changes[CHANGES] = {
    {"enqueue", true}, {"start", true}, {"complete", true}, {"take a lease", false}, {"complete a lease", true}};

static const double single_limit = 1.3, batch_limit = 2.5;

static tasker_db *dbs[SIDES];
static PGconn *plain; /* in "bare" */
static shape shapes[2];
static size_t reps = 300;

/* ---- plainly ---- */

#define COLUMNS                                                                                                        \
    "workflow_step_transition_uuid, workflow_step_uuid, to_state, from_state, metadata, sort_key, most_recent,"        \
    " created_at, updated_at"

/* New steps without a history, and the rows that it would begin with; so that nothing must be looked up in time. */
static const char new_rows[] =
    "WITH s AS (INSERT INTO tasker_workflow_steps (workflow_step_uuid, task_uuid, named_step_uuid, created_at,"
    " updated_at) SELECT uuid_generate_v7(), f.task_uuid, f.named_step_uuid, f.created_at, f.updated_at"
    " FROM (SELECT * FROM tasker_workflow_steps LIMIT 1) f CROSS JOIN generate_series(1, %d)"
    " RETURNING workflow_step_uuid, created_at)"
    " SELECT uuid_generate_v7(), workflow_step_uuid, 'enqueued'::varchar, 'pending'::varchar,"
    " '{\"event\": \"enqueue\"}'::jsonb, 1, true, created_at, created_at FROM s";

static double insert_plainly(void)
{
    char sql[1024];
    const char *values[9];
    snprintf(sql, sizeof sql, new_rows, 1);
    PGresult *row = PQexec(plain, sql);
    if (PQntuples(row) != 1)
        die("new row", PQerrorMessage(plain));
    for (int i = 0; i < 9; i++)
        values[i] = PQgetvalue(row, 0, i);
    double began = now_ns(CLOCK_MONOTONIC);
    PGresult *result = PQexecPrepared(plain, "insert", 9, values, NULL, NULL, 1);
    double took = now_ns(CLOCK_MONOTONIC) - began;
    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        die("insert", PQerrorMessage(plain));
    PQclear(result);
    PQclear(row);
    return took / 1e3;
}

/* New steps that have begun their history: their keys, and those of the histories' rows. */
static const char pending_steps[] =
    "WITH s AS (INSERT INTO tasker_workflow_steps (workflow_step_uuid, task_uuid, named_step_uuid, created_at,"
    " updated_at) SELECT uuid_generate_v7(), f.task_uuid, f.named_step_uuid, f.created_at, f.updated_at"
    " FROM (SELECT * FROM tasker_workflow_steps LIMIT 1) f CROSS JOIN generate_series(1, %d)"
    " RETURNING workflow_step_uuid, created_at),"
    " t AS (INSERT INTO tasker_workflow_step_transitions (workflow_step_uuid, to_state, sort_key, most_recent,"
    " created_at, updated_at) SELECT workflow_step_uuid, 'pending', 0, true, created_at, created_at FROM s"
    " RETURNING workflow_step_uuid, workflow_step_transition_uuid)"
    " SELECT %s, %s FROM t";

/* What a change writes, of one step and of an array of them. Each has both parameters. */
enum { THREE = 3 };
#define FROM_ARRAYS " unnest($1::uuid[], $2::uuid[]) AS i (step, current)"
#define NEW_ROW " 'enqueued', 'pending', '{\"event\": \"enqueue\"}'::jsonb, 1, true, now(), now()"
static const char *const three_rows[2][THREE] = {
    {"UPDATE tasker_workflow_step_transitions SET most_recent = false, updated_at = now()"
     " WHERE workflow_step_transition_uuid = $2 AND workflow_step_uuid = $1",
     "INSERT INTO tasker_workflow_step_transitions (" COLUMNS ") SELECT uuid_generate_v7(), $1::uuid," NEW_ROW
     " WHERE $2::uuid IS NOT NULL",
     "UPDATE tasker_workflow_steps SET in_process = false, processed = false, updated_at = now()"
     " WHERE workflow_step_uuid = $1 AND $2::uuid IS NOT NULL"},
    {"UPDATE tasker_workflow_step_transitions t SET most_recent = false, updated_at = now() FROM" FROM_ARRAYS
     " WHERE t.workflow_step_transition_uuid = i.current AND t.workflow_step_uuid = i.step",
     "INSERT INTO tasker_workflow_step_transitions (" COLUMNS ") SELECT uuid_generate_v7(), i.step," NEW_ROW
     " FROM" FROM_ARRAYS,
     "UPDATE tasker_workflow_steps s SET in_process = false, processed = false, updated_at = now() FROM" FROM_ARRAYS
     " WHERE s.workflow_step_uuid = i.step"}};

static const char *name_of_row(bool batch, size_t row)
{
    static const char *const names[2][THREE] = {{"mark", "row", "step"}, {"marks", "rows", "steps"}};
    return names[batch][row];
}

/* One transaction, one flush. */
static double write_three_plainly(bool batch)
{
    char sql[1024];
    snprintf(sql, sizeof sql, pending_steps, batch ? BATCH : 1,
             batch ? "array_agg(workflow_step_uuid)" : "workflow_step_uuid",
             batch ? "array_agg(workflow_step_transition_uuid)" : "workflow_step_transition_uuid");
    PGresult *steps = PQexec(plain, sql), *result;
    if (PQntuples(steps) != 1)
        die("pending steps", PQerrorMessage(plain));
    const char *values[] = {PQgetvalue(steps, 0, 0), PQgetvalue(steps, 0, 1)};
    double began = now_ns(CLOCK_MONOTONIC);
    PQenterPipelineMode(plain);
    for (size_t i = 0; i < THREE; i++)
        PQsendQueryPrepared(plain, name_of_row(batch, i), 2, values, NULL, NULL, 1);
    PQpipelineSync(plain);
    for (size_t i = 0; i < THREE; i++) {
        result = PQgetResult(plain);
        if (PQresultStatus(result) != PGRES_COMMAND_OK || strtol(PQcmdTuples(result), NULL, 10) != (batch ? BATCH : 1))
            die(three_rows[batch][i], PQerrorMessage(plain));
        PQclear(result);
        PQclear(PQgetResult(plain)); /* the end of the statement */
    }
    PQclear(PQgetResult(plain)); /* of the pipeline */
    PQexitPipelineMode(plain);
    double took = now_ns(CLOCK_MONOTONIC) - began;
    PQclear(steps);
    return took / 1e3;
}

static void expect_copy(const char *sql, ExecStatusType kind)
{
    PGresult *result = PQexec(plain, sql);
    if (PQresultStatus(result) != kind)
        die(sql, PQerrorMessage(plain));
    PQclear(result);
}

static void end_copy(void)
{
    for (PGresult *result; (result = PQgetResult(plain)) != NULL; PQclear(result))
        if (PQresultStatus(result) != PGRES_COMMAND_OK)
            die("copy", PQerrorMessage(plain));
}

static double copy_plainly(void)
{
    static char bytes[MOST_BYTES], sql[1200], select[1024];
    char *chunk;
    int used = 0, n;
    snprintf(select, sizeof select, new_rows, BATCH);
    snprintf(sql, sizeof sql, "COPY (%s) TO STDOUT (FORMAT binary)", select);
    expect_copy(sql, PGRES_COPY_OUT);
    for (; (n = PQgetCopyData(plain, &chunk, 0)) > 0 && used + n <= MOST_BYTES; used += n, PQfreemem(chunk))
        memcpy(bytes + used, chunk, (size_t)n);
    end_copy();
    double began = now_ns(CLOCK_MONOTONIC);
    expect_copy("COPY tasker_workflow_step_transitions (" COLUMNS ") FROM STDIN (FORMAT binary)", PGRES_COPY_IN);
    if (PQputCopyData(plain, bytes, used) != 1 || PQputCopyEnd(plain, NULL) != 1)
        die("copy", PQerrorMessage(plain));
    end_copy();
    return (now_ns(CLOCK_MONOTONIC) - began) / 1e3;
}

static void prepare(const char *name, const char *sql)
{
    PGresult *result = PQprepare(plain, name, sql, 0, NULL);
    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        die(sql, PQerrorMessage(plain));
    PQclear(result);
}

static void open_plain(void)
{
    plain = connect_to_schema("bare");
    prepare("insert",
            "INSERT INTO tasker_workflow_step_transitions (" COLUMNS ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)");
    for (size_t i = 0; i < 2 * THREE; i++)
        prepare(name_of_row(i / THREE, i % THREE), three_rows[i / THREE][i % THREE]);
}

/* ---- through the library ---- */

/* A task under way, with steps that depend on nothing. */
static const tasker_workflow_ids *make(tasker_db *db, const shape *of)
{
    const tasker_workflow_ids *ids = NULL;
    expect_ok(db, tasker_workflow_create(db, &(tasker_workflow_input){.definition = &of->definition}, &ids), "create");
    expect_ok(db, tasker_task_apply(db, &ids->task_uuid, 1, TASKER_EVENT_START, NULL, NULL), "start of the task");
    return ids;
}

static double apply(tasker_db *db, const tasker_workflow_ids *ids, size_t count, tasker_event event)
{
    double began = now_ns(CLOCK_MONOTONIC);
    expect_ok(db, tasker_workflow_step_apply(db, ids->workflow_step_uuids, count, event, NULL, NULL), "apply");
    return (now_ns(CLOCK_MONOTONIC) - began) / 1e3;
}

static const tasker_leases *take(tasker_db *db, const tasker_workflow_ids *ids, size_t count, double *took)
{
    const tasker_lease_options options = {.worker = TASKER_TEXT("bench")};
    const tasker_leases *leases = NULL;
    double began = now_ns(CLOCK_MONOTONIC);
    expect_ok(db, tasker_lease_take_steps(db, ids->workflow_step_uuids, count, &options, NULL, &leases), "take");
    *took = (now_ns(CLOCK_MONOTONIC) - began) / 1e3;
    return leases;
}

static double complete(tasker_db *db, const tasker_leases *leases)
{
    tasker_completion done[BATCH] = {{0}};
    for (size_t i = 0; i < leases->count; i++)
        done[i] = (tasker_completion){.lease = leases->items[i], .results = TASKER_JSON("{\"ok\": true}")};
    double began = now_ns(CLOCK_MONOTONIC);
    expect_ok(db, tasker_lease_complete(db, done, leases->count, NULL), "complete");
    return (now_ns(CLOCK_MONOTONIC) - began) / 1e3;
}

static void make_changes(tasker_db *db, const shape *of, double took[CHANGES])
{
    size_t count = of->definition.step_count;
    const tasker_workflow_ids *ids = make(db, of);
    took[ENQUEUE] = apply(db, ids, count, TASKER_EVENT_ENQUEUE);
    took[START] = apply(db, ids, count, TASKER_EVENT_START);
    took[COMPLETE] = apply(db, ids, count, TASKER_EVENT_COMPLETE);
    tasker_free(ids);
    ids = make(db, of);
    apply(db, ids, count, TASKER_EVENT_ENQUEUE);
    const tasker_leases *leases = take(db, ids, count, &took[TAKE_LEASE]);
    took[COMPLETE_LEASE] = complete(db, leases);
    tasker_free(leases);
    tasker_free(ids);
}

/* A handle makes its plans once: they shall not be those of empty tables. */
static void fill(tasker_db *db)
{
    static tasker_workflow_input inputs[FILLED];
    double took[CHANGES];
    for (size_t i = 0; i < FILLED; i++)
        inputs[i] = (tasker_workflow_input){.definition = &shapes[0].definition};
    for (size_t i = 0; i < FILLED / BATCH; i++) {
        expect_ok(db, tasker_workflow_create_many(db, inputs, BATCH, NULL), "create");
        make_changes(db, &shapes[1], took);
    }
    tell(tasker_db_conn(db), "VACUUM ANALYZE");
}

/* ---- round trips ---- */

static void count_round_trips(const tasker_call_event *event, void *most)
{
    int32_t *trips = most;
    *trips = event->round_trips > *trips ? event->round_trips : *trips;
}

/* By a handle that has learned its statements. */
static void check_round_trips(void)
{
    for (size_t i = 0; i < SIDES; i++) {
        int32_t most = 0;
        double took[CHANGES];
        const tasker_hooks hooks = {.on_call = count_round_trips, .context = &most};
        const tasker_db_options options = {
            .any_schema = true, .schema = tasker_text_of(i == BARE ? "bare" : "kept"), .hooks = &hooks};
        tasker_error error;
        tasker_db *db;
        if (tasker_db_open(tasker_text_of(conninfo), &options, &error, &db) != TASKER_OK)
            die("open", error.message);
        const tasker_workflow_ids *ids = make(db, &shapes[1]);
        most = 0;
        apply(db, ids, BATCH, TASKER_EVENT_ENQUEUE);
        const tasker_leases *leases = take(db, ids, BATCH, took);
        took[0] = complete(db, leases);
        const finding trips = {.what = i == BARE ? "round trips of a call, bare" : "round trips of a call, kept",
                               .ours = figure_at(most),
                               .goal = 1,
                               .exact = true,
                               .judged = true};
        report_finding(&trips);
        tasker_free(leases);
        tasker_free(ids);
        tasker_db_close(db);
    }
}

/* ---- the run ---- */

static void set_sync(bool on)
{
    const char *sql = on ? "SET synchronous_commit = on" : "SET synchronous_commit = off";
    tell(tasker_db_conn(dbs[BARE]), sql);
    tell(tasker_db_conn(dbs[KEPT]), sql);
    tell(plain, sql);
}

static void tell_change(change c, double took[SIDES][CHANGES][MOST_REPS], figure plainly, figure three, double limit)
{
    char kept[64];
    snprintf(kept, sizeof kept, "%s, ready set kept", changes[c].what);
    const finding it = {.what = changes[c].what,
                        .unit = "us",
                        .limit = plainly,
                        .ours = figure_of(took[BARE][c], reps),
                        .peer = three,
                        .goal = limit,
                        .judged = limit > 0 && changes[c].judged,
                        .goes_to = "G6"};
    const finding with = {.what = kept, .unit = "us", .limit = plainly, .ours = figure_of(took[KEPT][c], reps)};
    report_finding(&it);
    report_finding(&with);
}

static void measure(bool batch, bool sync)
{
    static double took[SIDES][CHANGES][MOST_REPS], plainly[MOST_REPS], three[MOST_REPS];
    const shape *of = &shapes[batch];
    set_sync(sync);
    for (size_t rep = 0; rep < WARM_UPS + reps; rep++) {
        size_t at = rep >= WARM_UPS ? rep - WARM_UPS : 0;
        for (size_t turn = 0; turn < SIDES + 1; turn++) {
            size_t side = (turn + rep) % (SIDES + 1);
            double times[CHANGES];
            if (side == SIDES) {
                plainly[at] = batch ? copy_plainly() : insert_plainly();
                three[at] = write_three_plainly(batch);
                continue;
            }
            make_changes(dbs[side], of, times);
            for (size_t c = 0; c < CHANGES; c++)
                took[side][c][at] = times[c];
        }
    }
    double limit = sync ? 0 : batch ? batch_limit : single_limit;
    const figure median = figure_of(plainly, reps);
    report_section(batch  ? sync ? "100 steps, synchronous_commit on" : "100 steps, synchronous_commit off"
                   : sync ? "1 step, synchronous_commit on"
                          : "1 step, synchronous_commit off",
                   batch ? "COPY of the history rows" : "INSERT of the history row",
                   "the rows of the change, unguarded");
    for (size_t c = 0; c < CHANGES; c++)
        tell_change((change)c, took, median, figure_of(three, reps), limit);
}

static const char *read_options(int argc, char **argv)
{
    static const struct option options[] = {{"reps", required_argument, NULL, 'r'}, {NULL, 0, NULL, 0}};
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option == 'r')
            reps = strtoul(optarg, NULL, 10);
        else if (option == '?')
            exit(2);
    }
    if (reps < 1 || reps > MOST_REPS)
        die("--reps", "1 to 2000");
    return optind < argc ? argv[optind] : "";
}

int main(int argc, char **argv)
{
    report_open("transition", &argc, argv);
    const char *home = read_options(argc, argv);
    if (!shape_make(&shapes[0], SHAPE_LOOSE, "one", 1, 3) || !shape_make(&shapes[1], SHAPE_LOOSE, "batch", BATCH, 3))
        die("shapes", "out of memory");
    create_database(home, NULL);
    dbs[BARE] = open_in_schema("bare", false);
    dbs[KEPT] = open_in_schema("kept", true);
    for (side_kind side = BARE; side < SIDES; side++)
        fill(dbs[side]);
    open_plain();
    report_section("round trips", NULL, NULL);
    check_round_trips();
    for (int batch = 0; batch < 2; batch++)
        for (int sync = 0; sync < 2; sync++)
            measure(batch, sync);
    for (size_t i = 0; i < SIDES; i++)
        tasker_db_close(dbs[i]);
    PQfinish(plain);
    drop_database();
    return report_close();
}
