/* SPDX-License-Identifier: MIT */
/*
 * First every call that claims, sends, takes and closes, with its process or its session ended at every send and every
 * receive. Then orchestrators and workers, who reach each other through the queue only, ended at random ones: every
 * task comes to its end, no result that somebody was told of is lost, no step is completed twice, and steps and
 * messages belong together whenever nobody is at work.
 *
 * The control reads a message in a transaction of its own, before it takes the step.
 */
#include "crash_matrix.h"
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#include "entity_test.h"

enum { CLIENTS = 6, TASKS = 12, ROUND_SECONDS = 20, DRAIN_SECONDS = 40, WANTED = 500, SHORT = 10 };

static const client_role roles[CLIENTS] = {ORCHESTRATOR, ORCHESTRATOR, WORKER, WORKER, WORKER, REAPER};

static const tasker_step_definition steps[] = {{.name = TASKER_TEXT("a"), TASKER_SET(retry_limit, 1000)},
                                               {.name = TASKER_TEXT("b"), TASKER_SET(retry_limit, 1000)},
                                               {.name = TASKER_TEXT("c"), TASKER_SET(retry_limit, 1000)},
                                               {.name = TASKER_TEXT("d"), TASKER_SET(retry_limit, 1000)},
                                               {.name = TASKER_TEXT("e"), TASKER_SET(retry_limit, 1000)}};
static const tasker_edge_definition edges[] = {
    {.from = 0, .to = 1}, {.from = 0, .to = 2}, {.from = 1, .to = 3}, {.from = 2, .to = 3}};
const tasker_definition matrix_definition = {.namespace_name = TASKER_TEXT("shapes"),
                                             .name = TASKER_TEXT("matrix"),
                                             .steps = steps,
                                             .step_count = COUNT(steps),
                                             .edges = edges,
                                             .edge_count = COUNT(edges)};
const tasker_text matrix_queue = TASKER_TEXT("shapes_queue");

/* ---- the ledger ---- */

void ledger_add(arena *a, tasker_uuid step_uuid, tasker_uuid token)
{
    size_t i = atomic_fetch_add(&a->entries, 1);
    if (i >= LEDGER)
        return;
    a->ledger[i].step_uuid = step_uuid;
    a->ledger[i].token = token;
    a->ledger[i].told = true;
}

void ledger_check(const fixture *f, arena *a)
{
    PGconn *conn = db_test_psql(f);
    size_t count = a->entries < LEDGER ? a->entries : LEDGER;
    for (size_t i = 0; i < count; i++) {
        char step[TASKER_UUID_TEXT_SIZE], token[TASKER_UUID_TEXT_SIZE];
        const char *values[] = {tasker_uuid_format(&a->ledger[i].step_uuid, step),
                                tasker_uuid_format(&a->ledger[i].token, token)};
        if (!a->ledger[i].told)
            continue;
        PGresult *result = PQexecParams(conn,
                                        "SELECT FROM tasker_workflow_steps WHERE workflow_step_uuid = $1::uuid"
                                        " AND processed AND results ->> 'token' = $2",
                                        2, NULL, values, NULL, NULL, 0);
        if (PQntuples(result) != 1)
            campaign_violation(&a->tally, "step %s was told complete by %s, and is not", step, token);
        PQclear(result);
    }
    PQfinish(conn);
    memset(a->ledger, 0, count * sizeof(entry));
    a->entries = 0;
}

/* ---- processes ---- */

static pid_t start_client(arena *a, client_role role, uint64_t seed)
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    run_client(a, role, seed);
    _exit(0);
}

/* Those that a fault has ended have others in their places. */
static void replace_dead(arena *a, pid_t *processes, uint64_t *seed)
{
    int result;
    for (pid_t pid; (pid = waitpid(-1, &result, WNOHANG)) > 0;)
        for (int i = 0; i < CLIENTS; i++) {
            if (processes[i] != pid)
                continue;
            if (WIFSIGNALED(result) && WTERMSIG(result) == SIGKILL)
                atomic_fetch_add(&a->kills, 1), atomic_fetch_add(&a->tally.faults, 1);
            else
                campaign_violation(&a->tally, "a process ended with %d", result);
            processes[i] = start_client(a, roles[i], db_test_draw(seed, UINT64_MAX));
        }
}

static bool all_closed(PGconn *conn)
{
    PGresult *result = PQexec(conn, "SELECT FROM matrix_open LIMIT 1");
    bool closed = PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 0;
    PQclear(result);
    return closed;
}

static void run_clients(const fixture *f, arena *a, uint64_t *seed, int64_t until)
{
    pid_t processes[CLIENTS];
    PGconn *conn = db_test_psql(f);
    int64_t end = until + (a->control ? 1 : DRAIN_SECONDS) * INT64_C(1000000);
    bool closed = false;
    for (int i = 0; i < CLIENTS; i++)
        processes[i] = start_client(a, roles[i], db_test_draw(seed, UINT64_MAX));
    while (!(closed = all_closed(conn)) && campaign_now() < end) {
        a->calm = campaign_now() > until;
        replace_dead(a, processes, seed);
        campaign_pause(3000);
    }
    a->stop = true;
    a->calm = true;
    for (int i = 0; i < CLIENTS; i++) {
        int result = 0;
        waitpid(processes[i], &result, 0);
        if (WIFSIGNALED(result))
            atomic_fetch_add(&a->kills, 1), atomic_fetch_add(&a->tally.faults, 1);
    }
    a->stop = a->calm = false;
    if (!closed)
        campaign_violation(&a->tally, "tasks that came to no end");
    PQfinish(conn);
}

/* ---- rounds ---- */

static void populate(const fixture *f)
{
    tasker_db *db = db_test_open(f);
    tasker_workflow_input inputs[TASKS];
    for (int32_t i = 0; i < TASKS; i++)
        inputs[i] = (tasker_workflow_input){
            .definition = &matrix_definition,
            .task = {.source_system = TASKER_TEXT("matrix"), TASKER_SET(claim_timeout_seconds, 1)}};
    assert_status(db, tasker_workflow_create_many(db, inputs, TASKS, NULL), TASKER_OK);
    tasker_db_close(db);
}

/* When nobody is at work. */
static void check(const fixture *f, arena *a)
{
    campaign_check(f, &a->tally);
    PGconn *conn = db_test_psql(f);
    PGresult *wrong = PQexec(conn, "SELECT what, found FROM matrix_wrong WHERE found > 0");
    if (PQresultStatus(wrong) != PGRES_TUPLES_OK)
        campaign_violation(&a->tally, "%s", PQresultErrorMessage(wrong));
    for (int i = 0; i < PQntuples(wrong); i++)
        campaign_violation(&a->tally, "%s: %s", PQgetvalue(wrong, i, 0), PQgetvalue(wrong, i, 1));
    PQclear(wrong);
    PQfinish(conn);
    ledger_check(f, a);
}

static void run_round(const fixture *f, arena *a, uint64_t *seed, int64_t until)
{
    static int round;
    int64_t end = campaign_now() + ROUND_SECONDS * INT64_C(1000000);
    populate(f);
    run_clients(f, a, seed, end < until ? end : until);
    check(f, a);
    if (++round % 10 == 1)
        printf(
            "# round %d: so far %ld processes and %ld sessions ended; %ld taken, %ld completed, %ld failed, %ld reaped,"
            " %ld told lost; %ld violations\n",
            round, (long)a->kills, (long)a->sessions, (long)a->taken, (long)a->completed, (long)a->failed,
            (long)a->reaped, (long)a->lost, (long)a->tally.violations);
    fflush(stdout);
}

static void crash_calls(const fixture *f, arena *a, const campaign *c)
{
    crash_each_call(f, a, c->seconds < SHORT ? SHORT : 1);
    db_test_exec(f, "UPDATE tasker_tasks SET claimed_at = now() AT TIME ZONE 'UTC', claimed_by = 'away',"
                    " claim_timeout_seconds = 1000000 WHERE NOT complete");
    tasker_db *db = db_test_open(f);
    const tasker_messages *left = NULL;
    if (!tasker_status_is_done(tasker_queue_pop(db, matrix_queue, 1000, &left)))
        campaign_violation(&a->tally, "the queue of the calls cannot be emptied");
    tasker_free(left);
    tasker_db_close(db);
}

int main(int argc, char **argv)
{
    campaign c = {.name = "crash_matrix"};
    int status;
    const fixture *f = campaign_begin(&c, argc, argv, &status);
    if (f == NULL)
        return status;
    arena *a = campaign_share(sizeof *a);
    a->control = c.control;
    snprintf(a->conninfo, sizeof a->conninfo, "%s", f->conninfo);
    uint64_t seed = c.seed;
    long wanted = c.wanted > 0 ? c.wanted : WANTED;
    if (!c.control)
        crash_calls(f, a, &c);
    a->kills = a->sessions = 0;
    int64_t until = campaign_now() + c.seconds * INT64_C(1000000);
    while (campaign_now() < until && a->kills < wanted && !(c.control && a->tally.violations > 0))
        run_round(f, a, &seed, until);
    return campaign_end(&c, f, &a->tally);
}
