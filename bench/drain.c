/* SPDX-License-Identifier: MIT */
/*
 * How fast 100 fork-join workflows of 50 steps are worked off, all history kept, by workers that do one step at a time
 * and by workers that do many; beside pg-boss, graphile-worker and DBOS, which drain as much with as many workers.
 *
 *     drain [--check] [--rounds N] [--workers N] [--batch N] [--async] [--only TEXT] [CONNINFO]
 *
 * Each drain has a database of its own beside the given one, which is dropped again. In each round all sides have one
 * turn; medians are compared. Peers come from npm, as pinned in bench/peers, into the build folder; where they cannot
 * be had they are skipped. synchronous_commit is on, unless --async. --check exits with 1 where a goal is missed.
 */
#include "drain.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "database.h"
#include "figures.h"

enum { MOST_ROUNDS = 50 };

typedef enum side_kind { ONE, MANY, MANY_BY_HAND, BOSS, BOSS_MANY, GRAPHILE, DBOS, SIDES } side_kind;

typedef struct side {
    const char *name;
    drained (*drain)(size_t workers, int32_t batch); /* or */
    const char *program;                             /* a peer's, */
    const char *check;                               /* what it counts when all is done */
    int64_t expected;
    bool batches;
    const char *skipped;
    double rate[MOST_ROUNDS], client[MOST_ROUNDS];
    size_t rounds;
} side;

#define BOSS_CHECK "SELECT count(*) FROM pgboss.job WHERE state = 'completed'"

static side sides[SIDES] = {
    [ONE] = {.name = "one step at a time", .drain = drain_by_workers},
    [MANY] = {.name = "in batches", .drain = drain_by_workers, .batches = true},
    [MANY_BY_HAND] = {.name = "in batches, by hand", .drain = drain_by_hand, .batches = true},
    [BOSS] = {.name = "pg-boss", .program = "pg-boss", .check = BOSS_CHECK, .expected = ALL_STEPS},
    [BOSS_MANY] = {.name = "pg-boss in batches",
                   .program = "pg-boss",
                   .check = BOSS_CHECK,
                   .expected = ALL_STEPS,
                   .batches = true},
    [GRAPHILE] = {.name = "graphile-worker",
                  .program = "graphile-worker",
                  .check = "SELECT count(*) FROM graphile_worker._private_jobs"},
    [DBOS] = {.name = "DBOS",
              .program = "dbos",
              .check = "SELECT count(*) FROM dbos.operation_outputs o JOIN dbos.workflow_status w USING (workflow_uuid)"
                       " WHERE w.status = 'SUCCESS'",
              .expected = ALL_STEPS},
};

static const struct {
    side_kind of, to;
    double at_least;
    bool judged;
} goals[] = {
    {ONE, BOSS, 1.5, true}, {ONE, DBOS, 1.5, true},      {ONE, GRAPHILE, 1, false},
    {MANY, ONE, 5, true},   {MANY, BOSS_MANY, 1, false},
};

static size_t rounds = 3, workers = 4;
static int32_t batch = 200;
static bool checks, async, failed;
static const char *only = "";

static void take_turn(side *s, const char *home)
{
    int32_t at_once = s->batches ? batch : 1;
    drained took = {0};
    create_database(home, async ? "SET synchronous_commit = off" : "SET synchronous_commit = on");
    if (s->program != NULL) {
        s->skipped = drain_by_peer(s->program, workers, at_once, s->check, s->expected, &took);
    } else {
        fill_workflows();
        settle_database();
        took = s->drain(workers, at_once);
        check_workflows();
    }
    drop_database();
    if (s->skipped != NULL)
        return;
    s->rate[s->rounds] = ALL_STEPS / took.seconds;
    s->client[s->rounds++] = took.client_seconds / took.seconds;
    fprintf(stderr, "%-28s %7.0f steps/s\n", s->name, ALL_STEPS / took.seconds);
}

static void print_sides(void)
{
    printf("%d workflows of %d steps, %zu workers, batches of %d, synchronous_commit %s; %zu rounds\n", WORKFLOWS,
           WORKFLOW_STEPS, workers, batch, async ? "off" : "on", rounds);
    printf("%-28s %8s %8s %8s  %s\n", "steps/s", "median", "least", "most", "processors used by the client");
    for (side *s = sides; s < sides + SIDES; s++) {
        if (s->skipped != NULL)
            printf("%-28s skipped: %s\n", s->name, s->skipped);
        if (s->skipped != NULL || s->rounds == 0)
            continue;
        double median = median_of(s->rate, s->rounds); /* sorts them */
        printf("%-28s %8.0f %8.0f %8.0f  %.2f\n", s->name, median, s->rate[0], s->rate[s->rounds - 1],
               median_of(s->client, s->rounds));
    }
}

static void print_ratios(void)
{
    for (size_t i = 0; i < sizeof goals / sizeof *goals; i++) {
        side *of = &sides[goals[i].of], *to = &sides[goals[i].to];
        if (of->rounds == 0 || to->rounds == 0)
            continue;
        double ratio = median_of(of->rate, of->rounds) / median_of(to->rate, to->rounds);
        bool below = ratio < goals[i].at_least;
        printf("%s / %s: %.2f, wanted %.1f%s\n", of->name, to->name, ratio, goals[i].at_least,
               !below            ? ""
               : goals[i].judged ? "  MISSED"
                                 : "  below");
        failed = failed || (below && goals[i].judged);
    }
}

static const char *read_options(int argc, char **argv)
{
    static const struct option options[] = {
        {"check", no_argument, NULL, 'c'},
        {"async", no_argument, NULL, 'a'},
        {"rounds", required_argument, NULL, 'r'},
        {"workers", required_argument, NULL, 'w'},
        {"batch", required_argument, NULL, 'b'},
        {"only", required_argument, NULL, 'o'},
        {NULL, 0, NULL, 0},
    };
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        checks = checks || option == 'c';
        async = async || option == 'a';
        if (option == 'r')
            rounds = strtoul(optarg, NULL, 10);
        else if (option == 'w')
            workers = strtoul(optarg, NULL, 10);
        else if (option == 'b')
            batch = (int32_t)strtol(optarg, NULL, 10);
        else if (option == 'o')
            only = optarg;
        else if (option == '?')
            exit(2);
    }
    if (rounds < 1 || rounds > MOST_ROUNDS || workers < 1 || workers > MOST_WORKERS || batch < 1 || batch > 1000)
        die("arguments", "1 to 50 rounds, 1 to 32 workers, batches of 1 to 1000");
    return optind < argc ? argv[optind] : "";
}

int main(int argc, char **argv)
{
    const char *home = read_options(argc, argv), *missing = NULL;
    bool asked = false;
    signal(SIGPIPE, SIG_IGN);
    for (size_t round = 0; round < rounds; round++)
        for (size_t turn = 0; turn < SIDES; turn++) {
            side *s = &sides[(turn + round) % SIDES];
            if (strstr(s->name, only) == NULL || s->skipped != NULL)
                continue;
            if (s->program != NULL && !asked) {
                missing = install_peers();
                asked = true;
            }
            s->skipped = s->program != NULL ? missing : NULL;
            if (s->skipped == NULL)
                take_turn(s, home);
        }
    print_sides();
    print_ratios();
    return checks && failed ? 1 : 0;
}
