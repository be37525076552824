/* SPDX-License-Identifier: MIT */
/*
 * What a claim costs: against a plain DELETE … SKIP LOCKED from a queue of one column and the same size, with few tasks
 * waiting and with many, behind 1e5 claims that no vacuum has cleared away, under an old snapshot, and with several
 * claimers.
 *
 *     claim [--check] [--json FILE] [--tasks N] [--claims N] [--reps N] [CONNINFO]
 *
 * Makes a database of its own beside the given one and drops it again, as a superuser, because tasks are filled in past
 * the triggers. Three schemas: few (1e4 tasks), many (--tasks, 1e6), worn (as many; --claims of them, 1e5, get claimed
 * first). Every call is a transaction of its own; sides run by turns and medians are compared. --check exits with 1
 * where a limit is missed; of the ratios to a plain DELETE those with synchronous_commit on count.
 */
#include "claim.h"

#include <getopt.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "figures.h"
#include "report.h"

enum { MOST_CLAIMERS = 8, CLAIMER_ROUNDS = 3, FEW = 10000, BATCH = 100 };

static const double claim_limit = 3, batch_limit = 10, growth_limit = 1.5, buffer_limit = 1.1;
static const char *const names[SIDES] = {"few", "many", "worn"};

/* ---- one call ---- */

static double claim(bench *b, tasker_db *db, int32_t count)
{
    const tasker_claim_options options = {.orchestrator = TASKER_TEXT("bench"), .limit = count};
    const tasker_claims *claims = NULL;
    double began = now_ns(CLOCK_MONOTONIC);
    expect_ok(db, tasker_claim_take(db, &options, &claims), "claim");
    double took = now_ns(CLOCK_MONOTONIC) - began;
    if (claims->count != (size_t)count)
        die("claim", "fewer than asked for: the tasks do not last");
    b->claimed += count;
    tasker_free(claims);
    return took / 1e3;
}

static double take_plainly(const side *s, int count)
{
    double began = now_ns(CLOCK_MONOTONIC);
    PGresult *result = PQexecPrepared(s->plain, count == 1 ? "one" : "batch", 0, NULL, NULL, NULL, 1);
    double took = now_ns(CLOCK_MONOTONIC) - began;
    if (PQntuples(result) != count)
        die("plain queue", PQerrorMessage(s->plain));
    PQclear(result);
    return took / 1e3;
}

/* ---- medians ---- */

typedef struct measured {
    figure few, many, few_plain, many_plain;
} measured;

static measured measure(bench *b, int32_t count, size_t reps)
{
    static double took[4][MOST_REPS];
    for (size_t rep = 0; rep < reps; rep++)
        for (size_t turn = 0; turn < 4; turn++) {
            size_t i = (turn + rep) % 4;
            side *s = &b->sides[i % 2];
            took[i][rep] = i < 2 ? claim(b, s->db, count) : take_plainly(s, count);
        }
    return (measured){figure_of(took[0], reps), figure_of(took[1], reps), figure_of(took[2], reps),
                      figure_of(took[3], reps)};
}

static void set_sync(bench *b, bool on)
{
    for (size_t i = 0; i < SIDES; i++) {
        tell(tasker_db_conn(b->sides[i].db), on ? "SET synchronous_commit = on" : "SET synchronous_commit = off");
        tell(b->sides[i].plain, on ? "SET synchronous_commit = on" : "SET synchronous_commit = off");
    }
}

static void compare(bench *b, int32_t count, size_t reps, bool sync)
{
    const double goal = count == 1 ? claim_limit : batch_limit;
    const char *goes_to = count == 1 ? "G4" : "G5";
    report_section(sync         ? count == 1 ? "claim of 1 task, synchronous_commit on"
                                             : "claim of 100 tasks, synchronous_commit on"
                   : count == 1 ? "claim of 1 task, synchronous_commit off"
                                : "claim of 100 tasks, synchronous_commit off",
                   "DELETE .. SKIP LOCKED from a queue of one column", NULL);
    set_sync(b, sync);
    measure(b, count, reps / 10 + 8); /* plans are made, floors are known */
    measured m = measure(b, count, reps);
    char many[64], growth[64];
    snprintf(many, sizeof many, "of %" PRId64 " waiting", b->tasks);
    snprintf(growth, sizeof growth, "of %" PRId64 ", against ours of %d", b->tasks, FEW);
    report_finding(&(finding){.what = "of 10000 waiting",
                              .unit = "us",
                              .limit = m.few_plain,
                              .ours = m.few,
                              .goal = goal,
                              .judged = sync,
                              .goes_to = goes_to});
    report_finding(&(finding){.what = many,
                              .unit = "us",
                              .limit = m.many_plain,
                              .ours = m.many,
                              .goal = goal,
                              .judged = sync,
                              .goes_to = goes_to});
    report_finding(&(finding){.what = growth,
                              .unit = "us",
                              .limit = m.few,
                              .ours = m.many,
                              .goal = growth_limit,
                              .judged = true,
                              .goes_to = "G4"});
}

/* An index of 1e6 rows has one level more than one of 1e4, for the plain queue as well: against its growth. */
static void compare_buffers(bench *b)
{
    double few = buffers_of_claim(&b->sides[FEW_TASKS]), many = buffers_of_claim(&b->sides[MANY]);
    double few_plain = buffers_of_plain(&b->sides[FEW_TASKS]), many_plain = buffers_of_plain(&b->sides[MANY]);
    report_section("buffers of a claim of 1 task", "DELETE .. SKIP LOCKED from a queue of one column", NULL);
    report_finding(&(finding){.what = "few waiting", .limit = figure_at(few_plain), .ours = figure_at(few)});
    report_finding(&(finding){.what = "many waiting", .limit = figure_at(many_plain), .ours = figure_at(many)});
    report_finding(&(finding){.what = "growth from few to many",
                              .limit = figure_at(many_plain / few_plain),
                              .ours = figure_at(many / few),
                              .goal = buffer_limit,
                              .judged = true,
                              .goes_to = "G4"});
}

/* ---- worn ---- */

static void wear(bench *b, int64_t claims)
{
    for (int64_t i = 0; i < claims; i += BATCH)
        claim(b, b->sides[WORN].db, BATCH);
}

/* The first claims of a handle know no floors. */
static figure claim_as_stranger(bench *b)
{
    double took[5];
    tasker_db *db = open_side(names[WORN]);
    claim(b, db, 1); /* plans are made */
    for (size_t i = 0; i < 5; i++)
        took[i] = claim(b, db, 1);
    tasker_db_close(db);
    return figure_of(took, 5);
}

static void compare_worn(bench *b, const char *what)
{
    static double took[2][MOST_REPS];
    for (size_t rep = 0; rep < b->reps; rep++)
        for (size_t turn = 0; turn < 2; turn++) {
            bool worn = (turn + rep) % 2 == 1;
            took[worn][rep] = claim(b, b->sides[worn ? WORN : MANY].db, 1);
        }
    figure fresh = figure_of(took[0], b->reps);
    report_finding(&(finding){.what = what,
                              .unit = "us",
                              .limit = fresh,
                              .ours = figure_of(took[1], b->reps),
                              .goal = growth_limit,
                              .judged = true,
                              .goes_to = "G4"});
    report_finding(&(finding){
        .what = "the same, by a handle without floors", .unit = "us", .limit = fresh, .ours = claim_as_stranger(b)});
}

static void measure_worn(bench *b)
{
    set_sync(b, false);
    report_section("claim of 1 task behind those that were claimed, of as many", "the same where few were claimed",
                   NULL);
    report_progress("%" PRId64 " claims", b->claims);
    wear(b, b->claims);
    compare_worn(b, "without a vacuum");
    tell(b->sides[WORN].plain, "VACUUM");
    PGconn *old = PQconnectdb(conninfo);
    tell(old, "BEGIN ISOLATION LEVEL REPEATABLE READ; CREATE TEMP TABLE snapshot AS SELECT 1");
    wear(b, b->claims);
    tell(b->sides[WORN].plain, "VACUUM");
    compare_worn(b, "under an old snapshot");
    PQfinish(old);
}

/* ---- claimers ---- */

typedef struct claimer {
    pthread_t thread;
    bench *b;
    tasker_db *db;
    int64_t claimed;
} claimer;

static void *run_claimer(void *context)
{
    claimer *c = context;
    bench own = {0};
    double end = now_ns(CLOCK_MONOTONIC) + 1e9;
    while (now_ns(CLOCK_MONOTONIC) < end)
        claim(&own, c->db, 1);
    c->claimed = own.claimed;
    return NULL;
}

static double run_claimers(bench *b, claimer *claimers, size_t count)
{
    int64_t claimed = 0;
    double began = now_ns(CLOCK_MONOTONIC);
    for (size_t i = 0; i < count; i++)
        if (pthread_create(&claimers[i].thread, NULL, run_claimer, &claimers[i]) != 0)
            die("thread", "none");
    for (size_t i = 0; i < count; i++) {
        pthread_join(claimers[i].thread, NULL);
        claimed += claimers[i].claimed;
    }
    b->claimed += claimed;
    return (double)claimed / (now_ns(CLOCK_MONOTONIC) - began) * 1e9;
}

static void measure_claimers(bench *b)
{
    static const size_t counts[] = {1, 2, 4, MOST_CLAIMERS};
    double rate[4][CLAIMER_ROUNDS];
    claimer claimers[MOST_CLAIMERS] = {{0}};
    for (size_t i = 0; i < MOST_CLAIMERS; i++) {
        claimers[i].db = open_side(names[MANY]);
        claim(b, claimers[i].db, 1);
    }
    for (size_t round = 0; round < CLAIMER_ROUNDS; round++)
        for (size_t i = 0; i < 4; i++)
            rate[i][round] = run_claimers(b, claimers, counts[i]);
    report_section("claims of 1 task by several claimers, synchronous_commit off", "one claimer alone", NULL);
    figure alone = figure_of(rate[0], CLAIMER_ROUNDS);
    for (size_t i = 0; i < 4; i++) {
        char what[32];
        snprintf(what, sizeof what, "%zu claimers", counts[i]);
        report_finding(&(finding){.what = what,
                                  .unit = "claims/s",
                                  .limit = alone,
                                  .ours = figure_of(rate[i], CLAIMER_ROUNDS),
                                  .goal = 1,
                                  .at_least = true,
                                  .judged = true,
                                  .goes_to = "G4",
                                  .series = "claimers",
                                  .size = (double)counts[i]});
    }
    for (size_t i = 0; i < MOST_CLAIMERS; i++)
        tasker_db_close(claimers[i].db);
}

/* No claim ends while this runs, so each is of another task. An error, as of a deadlock, has ended the run before. */
static void count_claims(bench *b)
{
    int64_t stamped = 0;
    for (size_t i = 0; i < SIDES; i++)
        stamped += count_stamped(&b->sides[i]);
    report_finding(&(finding){.what = "tasks that bear a claim, of the claims of this run",
                              .unit = "tasks",
                              .limit = figure_at((double)b->claimed),
                              .ours = figure_at((double)stamped),
                              .goal = 1,
                              .at_least = true,
                              .judged = true,
                              .goes_to = "G4"});
}

/* ---- the run ---- */

static const char *read_options(bench *b, int argc, char **argv)
{
    static const struct option options[] = {
        {"tasks", required_argument, NULL, 't'},
        {"claims", required_argument, NULL, 'w'},
        {"reps", required_argument, NULL, 'r'},
        {NULL, 0, NULL, 0},
    };
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option == 't')
            b->tasks = strtoll(optarg, NULL, 10);
        else if (option == 'w')
            b->claims = strtoll(optarg, NULL, 10);
        else if (option == 'r')
            b->reps = strtoul(optarg, NULL, 10);
        else if (option == '?')
            exit(2);
    }
    if (b->reps < 1 || b->reps > MOST_REPS || b->tasks < FEW)
        die("arguments", "1 to 500 repetitions, 10000 tasks or more");
    return optind < argc ? argv[optind] : "";
}

int main(int argc, char **argv)
{
    bench b = {.tasks = 1000000, .claims = 100000, .reps = 400};
    report_open("claim", &argc, argv);
    create_database(read_options(&b, argc, argv), NULL);
    for (size_t i = 0; i < SIDES; i++) {
        report_progress("filling %s", names[i]);
        fill_side(&b.sides[i], names[i], i == FEW_TASKS ? FEW : b.tasks);
    }
    compare_buffers(&b);
    for (int sync = 0; sync < 2; sync++) {
        compare(&b, 1, b.reps, sync);
        compare(&b, BATCH, b.reps / 20 + 1, sync);
    }
    measure_worn(&b);
    measure_claimers(&b);
    count_claims(&b);
    for (size_t i = 0; i < SIDES; i++)
        close_side(&b.sides[i]);
    drop_database();
    return report_close();
}
