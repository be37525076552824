/* SPDX-License-Identifier: MIT */
/*
 * What the upkeep of the ready set costs: each write in a schema that has one, against the same write where it was
 * dropped. Through the library, which says itself what it changes, and by a foreign writer, whom triggers follow.
 *
 *     ready_set [--check] [--json FILE] [--reps N] [--sync] [--only TEXT] [CONNINFO]
 *
 * Makes a database of its own beside the given one and drops it again. The two sides run by turns, each on work that
 * was prepared for this write alone; medians are compared. synchronous_commit is off unless --sync is given. --check
 * exits with 1 where a ratio is over its limit. --only: the writes that have this in their names.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "database.h"
#include "figures.h"
#include "report.h"
#include "shape.h"
#include "tasker/lease.h"
#include "tasker/uuid.h"

enum { MOST_REPS = 500, WARM_UPS = 10, BATCH = 100, WIDE = 600 };

typedef enum side_kind { WITH, WITHOUT, SIDES } side_kind;

typedef struct side {
    tasker_db *db;
    PGconn *foreign;
    const tasker_workflow_ids *wide; /* a join of WIDE parents, of which this many are done */
    size_t wide_done;
} side;

static side sides[SIDES];
static shape pair, diamond, batch, wide, create_10, create_100, create_1000;
static size_t reps = 100;
static bool sync_on;
static const char *only = "";

/* ---- two schemas ---- */

/* Statements of tasker-core's way to move a step. */
static const char *const foreign_statements[] = {
    "SELECT to_state FROM tasker_workflow_step_transitions WHERE workflow_step_uuid = $1::uuid AND most_recent",
    "SELECT max(sort_key) FROM tasker_workflow_step_transitions WHERE workflow_step_uuid = $1::uuid",
    "UPDATE tasker_workflow_step_transitions SET most_recent = false, updated_at = now() WHERE workflow_step_uuid ="
    " $1::uuid AND most_recent",
    "INSERT INTO tasker_workflow_step_transitions (workflow_step_uuid, to_state, from_state, metadata, sort_key,"
    " most_recent, created_at, updated_at) VALUES ($1::uuid, $2, $3, '{}', $4::integer, true, now(), now())",
    "UPDATE tasker_workflow_steps SET in_process = $2 = 'in_progress', processed = $2 = 'complete', attempts = 1,"
    " last_attempted_at = now(), updated_at = now() WHERE workflow_step_uuid = $1::uuid",
};
enum { CURRENT, MAXIMUM, FLIP, INSERT, FLAGS, FOREIGN_STATEMENTS };

static void open_side(side *s, const char *schema, bool ready_set)
{
    char name[8];
    s->db = open_in_schema(schema, ready_set);
    s->foreign = connect_to_schema(schema);
    for (int i = 0; i < FOREIGN_STATEMENTS; i++) {
        snprintf(name, sizeof name, "s%d", i);
        PQclear(PQprepare(s->foreign, name, foreign_statements[i], 0, NULL));
    }
}

/* ---- the writes; each answers with the time that the write alone took ---- */

static double begun;

static void start(void)
{
    begun = now_ns(CLOCK_MONOTONIC);
}

static double stop(void)
{
    return (now_ns(CLOCK_MONOTONIC) - begun) / 1e3;
}

static const tasker_workflow_ids *make(side *s, const shape *of)
{
    const tasker_workflow_ids *ids = NULL;
    expect_ok(s->db, tasker_workflow_create(s->db, &(tasker_workflow_input){.definition = &of->definition}, &ids),
              "create");
    return ids;
}

static void apply(side *s, const tasker_uuid *steps, size_t count, tasker_event event)
{
    expect_ok(s->db, tasker_workflow_step_apply(s->db, steps, count, event, NULL, NULL), "apply");
}

static const tasker_leases *take(side *s, const tasker_uuid *steps, size_t count)
{
    const tasker_lease_options options = {.worker = TASKER_TEXT("bench")};
    const tasker_leases *leases = NULL;
    expect_ok(s->db, tasker_lease_take_steps(s->db, steps, count, &options, NULL, &leases), "take");
    return leases;
}

static double complete(side *s, const tasker_leases *leases)
{
    tasker_completion done[BATCH] = {{0}};
    for (size_t i = 0; i < leases->count; i++)
        done[i] = (tasker_completion){.lease = leases->items[i], .results = TASKER_JSON("{\"ok\": true}")};
    start();
    expect_ok(s->db, tasker_lease_complete(s->db, done, leases->count, NULL), "complete");
    double took = stop();
    tasker_free(leases);
    return took;
}

static double enqueue_one(side *s)
{
    const tasker_workflow_ids *ids = make(s, &pair);
    start();
    apply(s, ids->workflow_step_uuids, 1, TASKER_EVENT_ENQUEUE);
    double took = stop();
    tasker_free(ids);
    return took;
}

static double take_one(side *s)
{
    const tasker_workflow_ids *ids = make(s, &pair);
    start();
    const tasker_leases *leases = take(s, ids->workflow_step_uuids, 1);
    double took = stop();
    tasker_free(leases);
    tasker_free(ids);
    return took;
}

static double complete_readies(side *s)
{
    const tasker_workflow_ids *ids = make(s, &pair);
    double took = complete(s, take(s, ids->workflow_step_uuids, 1));
    tasker_free(ids);
    return took;
}

static double complete_counts(side *s)
{
    const tasker_workflow_ids *ids = make(s, &diamond);
    apply(s, ids->workflow_step_uuids, 1, TASKER_EVENT_RESOLVE_MANUALLY);
    double took = complete(s, take(s, &ids->workflow_step_uuids[1], 1));
    tasker_free(ids);
    return took;
}

static double complete_into_join(side *s)
{
    if (s->wide == NULL || s->wide_done == WIDE) {
        tasker_free(s->wide);
        s->wide = make(s, &wide);
        s->wide_done = 0;
        apply(s, s->wide->workflow_step_uuids, 1, TASKER_EVENT_RESOLVE_MANUALLY);
    }
    return complete(s, take(s, &s->wide->workflow_step_uuids[1 + s->wide_done++], 1));
}

static double fail_one(side *s)
{
    const tasker_workflow_ids *ids = make(s, &pair);
    const tasker_leases *leases = take(s, ids->workflow_step_uuids, 1);
    const tasker_failure failure = {.lease = leases->items[0], .error_message = TASKER_TEXT("no")};
    start();
    expect_ok(s->db, tasker_lease_fail(s->db, &failure, 1, NULL), "fail");
    double took = stop();
    tasker_free(leases);
    tasker_free(ids);
    return took;
}

static const tasker_workflow_ids *make_batch(side *s)
{
    const tasker_workflow_ids *ids = make(s, &batch);
    apply(s, ids->workflow_step_uuids, 1, TASKER_EVENT_RESOLVE_MANUALLY);
    return ids;
}

static double enqueue_batch(side *s)
{
    const tasker_workflow_ids *ids = make_batch(s);
    start();
    apply(s, &ids->workflow_step_uuids[1], BATCH, TASKER_EVENT_ENQUEUE);
    double took = stop();
    tasker_free(ids);
    return took;
}

static double take_batch(side *s)
{
    const tasker_workflow_ids *ids = make_batch(s);
    start();
    const tasker_leases *leases = take(s, &ids->workflow_step_uuids[1], BATCH);
    double took = stop();
    tasker_free(leases);
    tasker_free(ids);
    return took;
}

static double complete_batch(side *s)
{
    const tasker_workflow_ids *ids = make_batch(s);
    double took = complete(s, take(s, &ids->workflow_step_uuids[1], BATCH));
    tasker_free(ids);
    return took;
}

/* The first steps of as many tasks: each has a child that becomes ready. */
static double complete_tasks(side *s)
{
    static tasker_workflow_input inputs[BATCH];
    tasker_uuid steps[BATCH];
    const tasker_workflow_ids_list *made = NULL;
    for (size_t i = 0; i < BATCH; i++)
        inputs[i] = (tasker_workflow_input){.definition = &pair.definition};
    expect_ok(s->db, tasker_workflow_create_many(s->db, inputs, BATCH, &made), "create");
    for (size_t i = 0; i < BATCH; i++)
        steps[i] = made->items[i]->workflow_step_uuids[0];
    tasker_free(made);
    return complete(s, take(s, steps, BATCH));
}

static double create(side *s, const shape *of)
{
    const tasker_workflow_input input = {.definition = &of->definition, .registered = true};
    start();
    expect_ok(s->db, tasker_workflow_create(s->db, &input, NULL), "create");
    return stop();
}

static double create_ten(side *s)
{
    return create(s, &create_10);
}

static double create_hundred(side *s)
{
    return create(s, &create_100);
}

static double create_thousand(side *s)
{
    return create(s, &create_1000);
}

/* ---- a foreign writer ---- */

static void run(side *s, int statement, const char *const *values, int count)
{
    char name[8];
    snprintf(name, sizeof name, "s%d", statement);
    PGresult *result = PQexecPrepared(s->foreign, name, count, values, NULL, NULL, 0);
    if (PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK)
        die("foreign writer", PQerrorMessage(s->foreign));
    PQclear(result);
}

static void move_as_foreigner(side *s, const tasker_uuid *step, const char *from, const char *to, const char *sort_key)
{
    char key[TASKER_UUID_TEXT_SIZE];
    const char *const values[] = {tasker_uuid_format(step, key), to, from, sort_key};
    run(s, CURRENT, values, 1);
    tell(s->foreign, "BEGIN");
    run(s, MAXIMUM, values, 1);
    run(s, FLIP, values, 1);
    run(s, INSERT, values, 4);
    run(s, FLAGS, values, 2);
    tell(s->foreign, "COMMIT");
}

static double start_as_foreigner(side *s)
{
    const tasker_workflow_ids *ids = make(s, &pair);
    start();
    move_as_foreigner(s, ids->workflow_step_uuids, "pending", "in_progress", "2");
    double took = stop();
    tasker_free(ids);
    return took;
}

static double complete_as_foreigner(side *s, const shape *of, size_t at)
{
    const tasker_workflow_ids *ids = make(s, of);
    if (at > 0)
        apply(s, ids->workflow_step_uuids, 1, TASKER_EVENT_RESOLVE_MANUALLY);
    tasker_free(take(s, &ids->workflow_step_uuids[at], 1));
    start();
    move_as_foreigner(s, &ids->workflow_step_uuids[at], "in_progress", "complete", "3");
    double took = stop();
    tasker_free(ids);
    return took;
}

static double foreign_readies(side *s)
{
    return complete_as_foreigner(s, &pair, 0);
}

static double foreign_counts(side *s)
{
    return complete_as_foreigner(s, &diamond, 1);
}

/* ---- the run ---- */

typedef struct write_kind {
    const char *what;
    double (*write)(side *s);
    double limit;
} write_kind;

static const write_kind kinds[] = {
    {"enqueue 1", enqueue_one, 1.5},
    {"take 1", take_one, 1.5},
    {"complete 1, child counts down", complete_counts, 1.5},
    {"complete 1, child becomes ready", complete_readies, 1.5},
    {"complete 1 of 600 parents", complete_into_join, 1.5},
    {"fail 1", fail_one, 1.5},
    {"enqueue 100", enqueue_batch, 1.5},
    {"take 100", take_batch, 1.5},
    {"complete 100, join becomes ready", complete_batch, 1.5},
    {"complete 100 of 100 tasks", complete_tasks, 1.5},
    {"create 10 steps", create_ten, 1.5},
    {"create 100 steps", create_hundred, 1.3},
    {"create 1,000 steps", create_thousand, 1.3},
    {"foreign: start", start_as_foreigner, 3},
    {"foreign: complete, counts down", foreign_counts, 3},
    {"foreign: complete, becomes ready", foreign_readies, 3},
};

static void measure(const write_kind *kind)
{
    static double took[SIDES][MOST_REPS], ratios[MOST_REPS];
    size_t count = kind->write == create_thousand ? reps / 4 + 1 : reps;
    for (size_t rep = 0; rep < WARM_UPS + count; rep++) {
        size_t at = rep >= WARM_UPS ? rep - WARM_UPS : 0;
        for (size_t turn = 0; turn < SIDES; turn++)
            took[(turn + rep) % SIDES][at] = kind->write(&sides[(turn + rep) % SIDES]);
        ratios[at] = took[WITH][at] / took[WITHOUT][at];
    }
    const finding it = {.what = kind->what,
                        .unit = "us",
                        .limit = figure_of(took[WITHOUT], count),
                        .ours = figure_of(took[WITH], count),
                        .goal = kind->limit,
                        .judged = true};
    report_finding(&it);
    const finding pairs = {.what = "  of pairs", .unit = "ratio", .ours = figure_of(ratios, count)};
    report_finding(&pairs);
}

static const char *read_options(int argc, char **argv)
{
    static const struct option options[] = {{"sync", no_argument, NULL, 's'},
                                            {"reps", required_argument, NULL, 'r'},
                                            {"only", required_argument, NULL, 'o'},
                                            {NULL, 0, NULL, 0}};
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        sync_on = sync_on || option == 's';
        if (option == 'r')
            reps = strtoul(optarg, NULL, 10);
        else if (option == 'o')
            only = optarg;
        else if (option == '?')
            exit(2);
    }
    if (reps < 1 || reps > MOST_REPS)
        die("--reps", "1 to 500");
    return optind < argc ? argv[optind] : "";
}

int main(int argc, char **argv)
{
    report_open("ready_set", &argc, argv);
    const char *home = read_options(argc, argv);
    if (!shape_make(&pair, SHAPE_CHAIN, "pair", 2, 3) || !shape_make(&diamond, SHAPE_FORK_JOIN, "diamond", 4, 3) ||
        !shape_make(&batch, SHAPE_FORK_JOIN, "batch", BATCH + 2, 3) ||
        !shape_make(&wide, SHAPE_FORK_JOIN, "wide", WIDE + 2, 3) ||
        !shape_make(&create_10, SHAPE_FORK_JOIN, "ten", 10, 3) ||
        !shape_make(&create_100, SHAPE_FORK_JOIN, "hundred", 100, 3) ||
        !shape_make(&create_1000, SHAPE_FORK_JOIN, "thousand", 1000, 3))
        die("shapes", "out of memory");
    create_database(home, sync_on ? NULL : "SET synchronous_commit = off");
    open_side(&sides[WITH], "kept", true);
    open_side(&sides[WITHOUT], "bare", false);
    for (size_t i = 0; i < SIDES; i++) {
        tasker_free(make(&sides[i], &create_10)), tasker_free(make(&sides[i], &create_100));
        tasker_free(make(&sides[i], &create_1000));
    }
    report_section(sync_on ? "upkeep of the ready set, synchronous_commit on"
                           : "upkeep of the ready set, synchronous_commit off",
                   "without a ready set", NULL);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strstr(kinds[i].what, only) != NULL)
            measure(&kinds[i]);
    for (size_t i = 0; i < SIDES; i++) {
        tasker_free(sides[i].wide);
        tasker_db_close(sides[i].db);
        PQfinish(sides[i].foreign);
    }
    drop_database();
    return report_close();
}
