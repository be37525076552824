/* SPDX-License-Identifier: MIT */
/*
 * Sixteen orchestrators in four processes, and a client on plain SQL, all after the same tasks: they claim, extend,
 * release, write under their claims, stall until their time is over and go on, and are killed. No task has two owners,
 * nobody writes who has lost his claim, and the ready set is what a recomputation says.
 *
 * The control breaks fencing: before each call the orchestrators look up the token that is good just now.
 */
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#include "claims.h"

enum { PROCESSES = 4, THREADS = 4, ROUND_SECONDS = 30, POPULATION = 200 };

static const tasker_step_definition steps[] = {
    {.name = TASKER_TEXT("first")}, {.name = TASKER_TEXT("second")}, {.name = TASKER_TEXT("beside")}};
static const tasker_edge_definition edges[] = {{.from = 0, .to = 1}};
const tasker_definition claims_definition = {
    .name = TASKER_TEXT("campaign"), .steps = steps, .step_count = 3, .edges = edges, .edge_count = 1};

/* ---- processes ---- */

static void *run_thread(void *argument)
{
    run_orchestrator(argument);
    return NULL;
}

static pid_t start_orchestrators(arena *a, int process, uint64_t seed)
{
    pthread_t threads[THREADS];
    client clients[THREADS];
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    for (int i = 0; i < THREADS; i++) {
        clients[i] = (client){.a = a, .seed = seed + (uint64_t)i, .number = process * THREADS + i};
        if (pthread_create(&threads[i], NULL, run_thread, &clients[i]) != 0)
            _exit(1);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    _exit(0);
}

static pid_t start_plain(arena *a, uint64_t seed)
{
    client c = {.a = a, .seed = seed};
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    run_plain(&c);
    _exit(0);
}

static void reap(arena *a, pid_t pid, bool killed)
{
    int result = 0;
    if (waitpid(pid, &result, 0) != pid || (!killed && result != 0))
        campaign_violation(&a->tally, "a process ended with %d", result);
}

/* All of them, until the time is over; now and then one process is killed and another takes its place. */
static void run_clients(arena *a, const campaign *c, uint64_t *seed, int64_t until)
{
    pid_t processes[PROCESSES], other = start_plain(a, db_test_draw(seed, UINT64_MAX));
    for (int i = 0; i < PROCESSES; i++)
        processes[i] = start_orchestrators(a, i, db_test_draw(seed, UINT64_MAX));
    while (campaign_now() < until && (c->wanted == 0 || a->claims < c->wanted)) {
        campaign_pause(300000 + (int64_t)db_test_draw(seed, 1200000));
        int victim = (int)db_test_draw(seed, PROCESSES);
        kill(processes[victim], SIGKILL);
        reap(a, processes[victim], true);
        atomic_fetch_add(&a->kills, 1);
        atomic_fetch_add(&a->tally.faults, 1);
        processes[victim] = start_orchestrators(a, victim, db_test_draw(seed, UINT64_MAX));
    }
    a->stop = true;
    for (int i = 0; i < PROCESSES; i++)
        reap(a, processes[i], false);
    reap(a, other, false);
    a->stop = false;
}

/* ---- rounds ---- */

static void populate(const fixture *f)
{
    tasker_db *db = db_test_open(f);
    tasker_workflow_input inputs[POPULATION];
    for (int32_t i = 0; i < POPULATION; i++)
        inputs[i] =
            (tasker_workflow_input){.definition = &claims_definition,
                                    .task = {TASKER_SET(priority, i % 12 - 1), TASKER_SET(claim_timeout_seconds, 1)}};
    assert_status(db, tasker_workflow_create_many(db, inputs, POPULATION, NULL), TASKER_OK);
    tasker_db_close(db);
}

static void check(const fixture *f, arena *a)
{
    campaign_check(f, &a->tally);
    for (const claims_question *q = claims_questions; q->what != NULL; q++) {
        long found = db_test_count(f, q->sql);
        if (found > 0)
            campaign_violation(&a->tally, "%ld %s", found, q->what);
    }
    ledger_check(a);
    db_test_exec(f,
                 "TRUNCATE journal_claims, journal_writes; UPDATE tasker_tasks SET claim_id = NULL, claimed_at = NULL,"
                 " claimed_by = NULL WHERE claimed_at IS NOT NULL; TRUNCATE journal_claims");
}

static void run_round(const fixture *f, const campaign *c, arena *a, uint64_t *seed, int64_t until)
{
    static int round;
    int64_t now = campaign_now(), end = now + ROUND_SECONDS * INT64_C(1000000);
    populate(f);
    run_clients(a, c, seed, end < until ? end : until);
    check(f, a);
    printf(
        "# round %d: so far %ld claims and %ld by plain SQL, %ld told lost; writes: %ld done, %ld refused, %ld by plain"
        " SQL; faults: %ld run out, %ld stalled, %ld killed; %ld deadlocks; %ld violations\n",
        ++round, (long)a->claims, (long)a->foreign_claims, (long)a->lost, (long)a->writes, (long)a->refused,
        (long)a->foreign_writes, (long)a->shifts, (long)a->stalls, (long)a->kills, (long)a->deadlocks,
        (long)a->tally.violations);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    campaign c = {.name = "claims"};
    int status;
    const fixture *f = campaign_begin(&c, argc, argv, &status);
    if (f == NULL)
        return status;
    arena *a = campaign_share(sizeof *a);
    a->control = c.control;
    snprintf(a->conninfo, sizeof a->conninfo, "%s", f->conninfo);
    uint64_t seed = c.seed;
    int64_t until = campaign_now() + c.seconds * INT64_C(1000000);
    while (campaign_now() < until && (c.wanted == 0 || a->claims < c.wanted) && !(c.control && a->tally.violations > 0))
        run_round(f, &c, a, &seed, until);
    return campaign_end(&c, f, &a->tally);
}
