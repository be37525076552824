/* SPDX-License-Identifier: MIT */
/*
 * What a claim costs: against a plain DELETE … SKIP LOCKED from a queue of one column and the same size, with few tasks
 * waiting and with many, behind 1e5 claims that no vacuum has cleared away, under an old snapshot, and with several
 * claimers.
 *
 *     claim [--check] [--tasks N] [--claims N] [--reps N] [CONNINFO]
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

enum { MOST_CLAIMERS = 8, CLAIMER_ROUNDS = 3, FEW = 10000, BATCH = 100 };

static const double claim_limit = 3, batch_limit = 10, growth_limit = 1.5, buffer_limit = 1.1;
static const char *const names[SIDES] = {"few", "many", "worn"};

static void judge(bench *b, bool judged, double value, double limit)
{
    printf("%s\n", value > limit ? judged ? "  MISSED" : "  over" : "");
    fflush(stdout);
    b->failed = b->failed || (judged && value > limit);
}

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
    double few, many, few_plain, many_plain;
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
    return (measured){median_of(took[0], reps), median_of(took[1], reps), median_of(took[2], reps),
                      median_of(took[3], reps)};
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
    double limit = count == 1 ? claim_limit : batch_limit;
    set_sync(b, sync);
    measure(b, count, reps / 10 + 8); /* plans are made, floors are known */
    measured m = measure(b, count, reps);
    const char *commits = sync ? "on" : "off";
    printf("claim %3d, synchronous_commit %-3s  few %7.0f us  plain %6.0f us  ratio %5.2f", count, commits, m.few,
           m.few_plain, m.few / m.few_plain);
    judge(b, sync, m.few / m.few_plain, limit);
    printf("%-34s many %6.0f us  plain %6.0f us  ratio %5.2f", "", m.many, m.many_plain, m.many / m.many_plain);
    judge(b, sync, m.many / m.many_plain, limit);
    printf("%-34s many / few %5.2f", "", m.many / m.few);
    judge(b, true, m.many / m.few, growth_limit);
}

/* An index of 1e6 rows has one level more than one of 1e4, for the plain queue as well: against its growth. */
static void compare_buffers(bench *b)
{
    double few = buffers_of_claim(&b->sides[FEW_TASKS]), many = buffers_of_claim(&b->sides[MANY]);
    double few_plain = buffers_of_plain(&b->sides[FEW_TASKS]), many_plain = buffers_of_plain(&b->sides[MANY]);
    printf("buffers: few %.0f, many %.0f; ratio %5.2f; plain: few %.0f, many %.0f; ratio %5.2f", few, many, many / few,
           few_plain, many_plain, many_plain / few_plain);
    judge(b, true, many / few / (many_plain / few_plain), buffer_limit);
}

/* ---- worn ---- */

static void wear(bench *b, int64_t claims)
{
    for (int64_t i = 0; i < claims; i += BATCH)
        claim(b, b->sides[WORN].db, BATCH);
}

/* The first claims of a handle know no floors. */
static double claim_as_stranger(bench *b)
{
    double took[5];
    tasker_db *db = open_side(names[WORN]);
    claim(b, db, 1); /* plans are made */
    for (size_t i = 0; i < 5; i++)
        took[i] = claim(b, db, 1);
    tasker_db_close(db);
    return median_of(took, 5);
}

static void compare_worn(bench *b, const char *what)
{
    static double took[2][MOST_REPS];
    for (size_t rep = 0; rep < b->reps; rep++)
        for (size_t turn = 0; turn < 2; turn++) {
            bool worn = (turn + rep) % 2 == 1;
            took[worn][rep] = claim(b, b->sides[worn ? WORN : MANY].db, 1);
        }
    double fresh = median_of(took[0], b->reps), worn = median_of(took[1], b->reps);
    printf("after %" PRId64 " claims%s: %.0f us, fresh %.0f us, by a handle without floors %.0f us; ratio %5.2f",
           b->claims, what, worn, fresh, claim_as_stranger(b), worn / fresh);
    judge(b, true, worn / fresh, growth_limit);
}

static void measure_worn(bench *b)
{
    set_sync(b, false);
    wear(b, b->claims);
    compare_worn(b, " without a vacuum");
    tell(b->sides[WORN].plain, "VACUUM");
    PGconn *old = PQconnectdb(conninfo);
    tell(old, "BEGIN ISOLATION LEVEL REPEATABLE READ; CREATE TEMP TABLE snapshot AS SELECT 1");
    wear(b, b->claims);
    tell(b->sides[WORN].plain, "VACUUM");
    compare_worn(b, " under an old snapshot");
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
    double alone = median_of(rate[0], CLAIMER_ROUNDS);
    for (size_t i = 0; i < 4; i++) {
        double together = median_of(rate[i], CLAIMER_ROUNDS);
        printf("%zu claimers: %6.0f claims/s", counts[i], together);
        judge(b, true, alone / together, 1);
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
    printf("%" PRId64 " claims of %" PRId64 " tasks", b->claimed, stamped);
    judge(b, true, (double)b->claimed, (double)stamped);
}

/* ---- the run ---- */

static const char *read_options(bench *b, int argc, char **argv)
{
    static const struct option options[] = {
        {"check", no_argument, NULL, 'c'},
        {"tasks", required_argument, NULL, 't'},
        {"claims", required_argument, NULL, 'w'},
        {"reps", required_argument, NULL, 'r'},
        {NULL, 0, NULL, 0},
    };
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        b->check = b->check || option == 'c';
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
    create_database(read_options(&b, argc, argv), NULL);
    for (size_t i = 0; i < SIDES; i++)
        fill_side(&b.sides[i], names[i], i == FEW_TASKS ? FEW : b.tasks);
    printf("few: %d tasks, many: %" PRId64 "; medians of %zu\n", FEW, b.tasks, b.reps);
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
    return b.check && b.failed ? 1 : 0;
}
