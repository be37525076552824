/* SPDX-License-Identifier: MIT */
/*
 * How fast 100 fork-join workflows of 50 steps are worked off, all history kept, by workers that do one step at a time
 * and by workers that do many; beside pg-boss, graphile-worker and DBOS, which drain as much with as many workers. Then
 * what a step costs in drains of other sizes, and how many updates touched no index (HOT).
 *
 *     drain [--check] [--json FILE] [--rounds N] [--workers N] [--batch N] [--async] [--only NAME] [--alter SQL]
 *           [CONNINFO]
 *
 * Each drain has a database of its own beside the given one, which is dropped again. In each round all sides have one
 * turn; medians are compared. Peers come from npm, as pinned in bench/peers, into the build folder; where they cannot
 * be had they are skipped. synchronous_commit is on, unless --async. --only has one side, by its name; --alter runs SQL
 * when the tables are made, to try settings. --check exits with 1 where a goal is missed.
 */
#include "drain.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "database.h"
#include "report.h"

enum { MOST_ROUNDS = 50, USUAL = 100 };

typedef enum side_kind { ONE, MANY, MANY_BY_HAND, BOSS, BOSS_MANY, GRAPHILE, DBOS, DBOS_MANY, SIDES } side_kind;

typedef struct side {
    const char *name;
    drained (*drain)(size_t workers, int32_t batch); /* or */
    const char *program;                             /* a peer's, */
    const char *check;                               /* what it counts when all is done: */
    bool keeps;                                      /* every step, or nothing */
    bool batches;
    const char *series;
    const char *skipped;
    double rate[MOST_ROUNDS], hot[UPDATED][MOST_ROUNDS];
    size_t rounds;
} side;

#define BOSS_CHECK "SELECT count(*) FROM pgboss.job WHERE state = 'completed'"
#define DBOS_CHECK                                                                                                     \
    "SELECT count(*) FROM dbos.operation_outputs o JOIN dbos.workflow_status w USING (workflow_uuid)"                  \
    " WHERE w.status = 'SUCCESS'"

static side sides[SIDES] = {
    [ONE] = {.name = "one step at a time", .drain = drain_by_workers, .series = "drain: one step at a time"},
    [MANY] = {.name = "in batches", .drain = drain_by_workers, .batches = true, .series = "drain: in batches"},
    [MANY_BY_HAND] = {.name = "in batches, by hand", .drain = drain_by_hand, .batches = true},
    [BOSS] = {.name = "pg-boss", .program = "pg-boss", .check = BOSS_CHECK, .keeps = true},
    [BOSS_MANY] =
        {.name = "pg-boss in batches", .program = "pg-boss", .check = BOSS_CHECK, .keeps = true, .batches = true},
    [GRAPHILE] = {.name = "graphile-worker",
                  .program = "graphile-worker",
                  .check = "SELECT count(*) FROM graphile_worker._private_jobs"},
    [DBOS] = {.name = "DBOS, step by step", .program = "dbos", .check = DBOS_CHECK, .keeps = true},
    [DBOS_MANY] =
        {.name = "DBOS, its steps at once", .program = "dbos", .check = DBOS_CHECK, .keeps = true, .batches = true},
};

static const struct {
    side_kind of, to;
    double at_least;
    bool judged;
} goals[] = {
    {ONE, BOSS, 1.5, true}, {ONE, DBOS, 1.5, true},      {ONE, DBOS_MANY, 1.5, true}, {ONE, GRAPHILE, 1, false},
    {MANY, ONE, 5, true},   {MANY, BOSS_MANY, 1, false}, {MANY, DBOS_MANY, 1, false},
};

static const int other_sizes[] = {10, 30, 300};
static const double hot_goal = 90;

int workflows = USUAL;
static size_t rounds = 3, workers = 4;
static int32_t batch = 200;
static bool async;
static const char *only = "", *alter;

/* Steps a second; 0: the side is skipped. */
static double take_turn(side *s, const char *home, double hot[UPDATED])
{
    int32_t at_once = s->batches ? batch : 1;
    drained took = {0};
    create_database(home, async ? "SET synchronous_commit = off" : "SET synchronous_commit = on");
    if (s->program != NULL) {
        s->skipped = drain_by_peer(s->program, workers, at_once, s->check, s->keeps ? all_steps() : 0, &took);
    } else {
        fill_workflows(alter);
        settle_database();
        took = s->drain(workers, at_once);
        check_workflows();
        count_hot_updates(hot);
    }
    drop_database();
    if (s->skipped != NULL)
        return 0;
    report_progress("%s: %.0f steps/s, %.2f processors by the client", s->name, all_steps() / took.seconds,
                    took.client_seconds / took.seconds);
    return all_steps() / took.seconds;
}

static void keep_turn(side *s, const char *home)
{
    double hot[UPDATED] = {0};
    double rate = take_turn(s, home, hot);
    if (s->skipped != NULL)
        return;
    for (size_t i = 0; i < UPDATED; i++)
        s->hot[i][s->rounds] = hot[i];
    s->rate[s->rounds++] = rate;
}

/* Peers, too, are told as what was measured. */
static void tell_sides(void)
{
    static char title[128];
    snprintf(title, sizeof title, "%d workflows of %d steps, %zu workers, batches of %d, synchronous_commit %s", USUAL,
             WORKFLOW_STEPS, workers, batch, async ? "off" : "on");
    report_section(title, NULL, NULL);
    for (side *s = sides; s < sides + SIDES; s++) {
        if (s->skipped != NULL)
            report_missing(s->name, s->skipped, false);
        if (s->skipped != NULL || s->rounds == 0)
            continue;
        const finding it = {.what = s->name, .unit = "steps/s", .ours = figure_of(s->rate, s->rounds)};
        report_finding(&it);
    }
}

static void tell_ratios(void)
{
    report_section("drains compared", NULL, "the second");
    for (size_t i = 0; i < sizeof goals / sizeof *goals; i++) {
        char what[96];
        side *of = &sides[goals[i].of], *to = &sides[goals[i].to];
        if (of->rounds == 0 || to->rounds == 0)
            continue;
        snprintf(what, sizeof what, "%s, %s", of->name, to->name);
        const finding it = {.what = what,
                            .unit = "steps/s",
                            .ours = figure_of(of->rate, of->rounds),
                            .peer = figure_of(to->rate, to->rounds),
                            .goal = goals[i].at_least,
                            .at_least = true,
                            .judged = goals[i].judged,
                            .goes_to = goals[i].of == ONE ? "G8" : "G9"};
        report_finding(&it);
    }
}

/* The goal is that of the steps: their updates are the most, and meet the most indexes. */
static void tell_hot_updates(void)
{
    report_section("updates that touch no index, of all", NULL, NULL);
    for (side *s = sides; s <= &sides[MANY]; s++)
        for (size_t i = 0; i < UPDATED && s->rounds > 0; i++) {
            char what[96];
            snprintf(what, sizeof what, "%s, %s", s->name, updated_tables[i]);
            const finding it = {.what = what,
                                .unit = "%",
                                .ours = figure_of(s->hot[i], s->rounds),
                                .goal = i == STEPS ? hot_goal : 0,
                                .at_least = true,
                                .judged = i == STEPS,
                                .goes_to = "G11"};
            report_finding(&it);
        }
}

static void tell_cost(const side *s, double rate)
{
    char what[96];
    snprintf(what, sizeof what, "%s, %d workflows", s->name, workflows);
    const finding it = {
        .what = what, .unit = "us", .ours = figure_at(1e6 / rate), .series = s->series, .size = all_steps()};
    report_finding(&it);
}

static void tell_sizes(const char *home)
{
    double unused[UPDATED];
    report_section("a step, in drains of other sizes", NULL, NULL);
    for (side *s = sides; s <= &sides[MANY]; s++) {
        if (s->rounds == 0)
            continue;
        tell_cost(s, figure_of(s->rate, s->rounds).median);
        for (size_t i = 0; i < sizeof other_sizes / sizeof *other_sizes; i++) {
            workflows = other_sizes[i];
            tell_cost(s, take_turn(s, home, unused));
        }
        workflows = USUAL;
    }
}

static const char *read_options(int argc, char **argv)
{
    static const struct option options[] = {
        {"async", no_argument, NULL, 'a'},
        {"rounds", required_argument, NULL, 'r'},
        {"workers", required_argument, NULL, 'w'},
        {"batch", required_argument, NULL, 'b'},
        {"only", required_argument, NULL, 'o'},
        {"alter", required_argument, NULL, 't'},
        {NULL, 0, NULL, 0},
    };
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        async = async || option == 'a';
        if (option == 'r')
            rounds = strtoul(optarg, NULL, 10);
        else if (option == 'w')
            workers = strtoul(optarg, NULL, 10);
        else if (option == 'b')
            batch = (int32_t)strtol(optarg, NULL, 10);
        else if (option == 'o')
            only = optarg;
        else if (option == 't')
            alter = optarg;
        else if (option == '?')
            exit(2);
    }
    if (rounds < 1 || rounds > MOST_ROUNDS || workers < 1 || workers > MOST_WORKERS || batch < 1 || batch > 1000)
        die("arguments", "1 to 50 rounds, 1 to 32 workers, batches of 1 to 1000");
    return optind < argc ? argv[optind] : "";
}

int main(int argc, char **argv)
{
    report_open("drain", &argc, argv);
    const char *home = read_options(argc, argv), *missing = NULL;
    bool asked = false;
    signal(SIGPIPE, SIG_IGN);
    for (size_t round = 0; round < rounds; round++)
        for (size_t turn = 0; turn < SIDES; turn++) {
            side *s = &sides[(turn + round) % SIDES];
            if ((*only != '\0' && strcmp(s->name, only) != 0) || s->skipped != NULL)
                continue;
            if (s->program != NULL && !asked) {
                missing = install_peers();
                asked = true;
            }
            s->skipped = s->program != NULL ? missing : NULL;
            if (s->skipped == NULL)
                keep_turn(s, home);
        }
    tell_sides();
    tell_ratios();
    tell_hot_updates();
    if (*only == '\0')
        tell_sizes(home);
    return report_close();
}
