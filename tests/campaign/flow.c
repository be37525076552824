/* SPDX-License-Identifier: MIT */
/*
 * Two orchestrators and eight workers, each a process, bring many workflows to their ends. One attempt of ten fails;
 * processes are killed, sessions ended and messages lost at random. Every task comes to its end, and once; no step has
 * more attempts than it may have, or is completed twice; no message is left, and the steps of those that were lost, and
 * no others, are sent anew.
 *
 * The control's workers complete some steps in plain SQL, whoever has them by then.
 */
#include "flow.h"
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#include "shape.h"

enum { ORCHESTRATORS = 2, CLIENTS = 10, LONG = 60, WANTED = 1000, PER_SECOND = 10, DRAIN_SECONDS = 60, BATCH = 100 };

/* ---- processes ---- */

static pid_t start_client(arena *a, int number)
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    number < ORCHESTRATORS ? run_orchestrator(a) : run_worker(a);
    _exit(0);
}

static void reap(arena *a, pid_t pid, int expected)
{
    int result = 0;
    if (waitpid(pid, &result, 0) != pid || (result != 0 && !(WIFSIGNALED(result) && WTERMSIG(result) == expected)))
        campaign_violation(&a->tally, "a process ended with %d", result);
}

static long ask(arena *a, PGconn *conn, const char *sql)
{
    PGresult *result = PQexec(conn, sql);
    long answer = -1;
    if (PQresultStatus(result) == PGRES_TUPLES_OK)
        answer = atol(PQgetvalue(result, 0, 0));
    else
        campaign_violation(&a->tally, "%s: %s", sql, PQresultErrorMessage(result));
    PQclear(result);
    return answer;
}

/*
 * Someone is killed and replaced, or loses a session; or messages are lost. A process may end by itself when it is hit
 * at its beginning.
 */
static void disturb(arena *a, PGconn *conn, pid_t *processes, uint64_t *seed)
{
    int victim = (int)db_test_draw(seed, CLIENTS);
    uint64_t kind = db_test_draw(seed, 5);
    atomic_fetch_add(&a->tally.faults, 1);
    if (kind == 0) {
        PQclear(PQexec(conn, "SELECT flow_end_session()"));
        atomic_fetch_add(&a->sessions, 1);
        return;
    }
    if (kind == 1) {
        (void)ask(a, conn, "SELECT flow_lose_messages()");
        return;
    }
    kill(processes[victim], SIGKILL);
    reap(a, processes[victim], SIGKILL);
    atomic_fetch_add(&a->kills, 1);
    processes[victim] = start_client(a, victim);
}

static void replace_ended(arena *a, pid_t *processes)
{
    int result;
    for (int i = 0; i < CLIENTS; i++) {
        if (waitpid(processes[i], &result, WNOHANG) != processes[i])
            continue;
        if (result != 0)
            campaign_violation(&a->tally, "a process ended with %d", result);
        processes[i] = start_client(a, i);
    }
}

/* Until all tasks have ended. Faults come until the time is over. */
static void run_clients(const fixture *f, const campaign *c, arena *a, uint64_t *seed)
{
    pid_t processes[CLIENTS];
    PGconn *conn = db_test_psql(f);
    int64_t until = campaign_now() + c->seconds * INT64_C(1000000), next = 0;
    int64_t end = until + (c->control ? 0 : DRAIN_SECONDS) * INT64_C(1000000);
    long open = 0;
    for (int i = 0; i < CLIENTS; i++)
        processes[i] = start_client(a, i);
    while ((open = ask(a, conn, "SELECT count(*) FROM flow_open")) > 0 && campaign_now() < end) {
        (void)ask(a, conn, "SELECT flow_shorten_waits()");
        replace_ended(a, processes);
        if (campaign_now() > next && campaign_now() < until) {
            disturb(a, conn, processes, seed);
            next = campaign_now() + 50000 + (int64_t)db_test_draw(seed, 200000);
        }
        campaign_pause(20000);
    }
    for (int i = 0; i < CLIENTS; i++)
        kill(processes[i], SIGTERM);
    for (int i = 0; i < CLIENTS; i++)
        reap(a, processes[i], SIGTERM);
    if (open != 0)
        campaign_violation(&a->tally, "%ld tasks that came to no end", open);
    PQfinish(conn);
}

/* ---- beginning and end ---- */

static void create(tasker_db *db, const shape *shapes, size_t shape_count, uint64_t *seed, long first, long count)
{
    tasker_workflow_input inputs[BATCH] = {0};
    char contexts[BATCH][32];
    for (long i = 0; i < count; i++) {
        snprintf(contexts[i], sizeof contexts[i], "{\"n\": %ld}", first + i);
        inputs[i] = (tasker_workflow_input){
            .definition = &shapes[db_test_draw(seed, shape_count)].definition,
            .task = {.context = tasker_json_of(contexts[i]), TASKER_SET(claim_timeout_seconds, 1)}};
    }
    assert_status(db, tasker_workflow_create_many(db, inputs, (size_t)count, NULL), TASKER_OK);
}

/* Of each kind with three to eight steps. */
static void populate(const fixture *f, uint64_t *seed, long wanted)
{
    static const shape_kind kinds[] = {SHAPE_LOOSE, SHAPE_CHAIN, SHAPE_FORK_JOIN};
    shape shapes[18];
    char names[COUNT(shapes)][16];
    tasker_db *db = db_test_open(f);
    for (size_t i = 0; i < COUNT(shapes); i++) {
        snprintf(names[i], sizeof names[i], "flow%zu", i);
        assert_true(shape_make(&shapes[i], kinds[i % 3], names[i], 3 + i / 3, 3));
    }
    const tasker_text queue = TASKER_TEXT(FLOW_NAMESPACE "_queue");
    assert_status(db, tasker_queue_create(db, queue), TASKER_OK);
    assert_status(db, tasker_queue_set_notify(db, queue, true), TASKER_OK);
    for (long first = 0; first < wanted; first += BATCH)
        create(db, shapes, COUNT(shapes), seed, first, wanted - first < BATCH ? wanted - first : BATCH);
    for (size_t i = 0; i < COUNT(shapes); i++)
        shape_free(&shapes[i]);
    tasker_db_close(db);
}

static void check(const fixture *f, arena *a)
{
    campaign_check(f, &a->tally);
    PGconn *conn = db_test_psql(f);
    PGresult *wrong = PQexec(conn, "SELECT what, found FROM flow_wrong WHERE found > 0");
    if (PQresultStatus(wrong) != PGRES_TUPLES_OK)
        campaign_violation(&a->tally, "%s", PQresultErrorMessage(wrong));
    for (int i = 0; i < PQntuples(wrong); i++)
        campaign_violation(&a->tally, "%s: %s", PQgetvalue(wrong, i, 0), PQgetvalue(wrong, i, 1));
    PQclear(wrong);
    long differences = db_test_differences(conn);
    if (differences != 0)
        campaign_violation(&a->tally, "the ready set differs in %ld rows from a recomputation", differences);
    if (a->completed > ask(a, conn, "SELECT count(*) FROM tasker_workflow_steps WHERE processed"))
        campaign_violation(&a->tally, "more steps were told complete than are");
    printf("# %ld tasks complete, %ld in error; %ld processes killed, %ld sessions ended, %ld messages"
           " lost; %ld steps enqueued, %ld taken, %ld completed, %ld failed, %ld told lost; swept: %ld requeued, %ld"
           " retried, %ld failed, %ld tasks closed\n",
           ask(a, conn, "SELECT count(*) FROM tasker_tasks WHERE complete"),
           ask(a, conn, "SELECT count(*) FROM tasker_task_transitions WHERE most_recent AND to_state = 'error'"),
           (long)a->kills, (long)a->sessions, ask(a, conn, "SELECT count(*) FROM flow_lost"), (long)a->enqueued,
           (long)a->taken, (long)a->completed, (long)a->failed, (long)a->lost, (long)a->requeued, (long)a->retried,
           (long)a->swept_failed, (long)a->finalized);
    PQfinish(conn);
}

int main(int argc, char **argv)
{
    campaign c = {.name = "flow"};
    int status;
    const fixture *f = campaign_begin(&c, argc, argv, &status);
    if (f == NULL)
        return status;
    arena *a = campaign_share(sizeof *a);
    uint64_t seed = c.seed;
    a->control = c.control;
    a->seed = c.seed;
    snprintf(a->conninfo, sizeof a->conninfo, "%s", f->conninfo);
    populate(f, &seed, c.wanted > 0 ? c.wanted : c.seconds < LONG ? (long)c.seconds * PER_SECOND : WANTED);
    run_clients(f, &c, a, &seed);
    check(f, a);
    return campaign_end(&c, f, &a->tally);
}
