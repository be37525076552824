/* SPDX-License-Identifier: MIT */
/*
 * Eight clients, after twelve steps and two tasks, all events at random: one step, several at once, and pinned to the
 * row seen last. Every change that was told done is in the history, once, where it was told; nothing else is; and what
 * was answered before another was sent comes before it.
 *
 * In the control one of them writes as the original does, and the others must be found to have been overtaken.
 */
#include <sys/wait.h>
#include <unistd.h>
#include "race.h"

enum { ROUND_SECONDS = 30 };

/* ---- clients ---- */

static pid_t start(arena *a, int number, uint64_t seed)
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    if (number < RACE_CLIENTS)
        race_run_client(a, number, seed);
    else
        race_run_plain(a, seed);
    _exit(0);
}

static void run_clients(arena *a, const campaign *c, uint64_t *seed, int64_t until)
{
    pid_t clients[RACE_CLIENTS + 1];
    int count = RACE_CLIENTS + c->control;
    for (int i = 0; i < count; i++)
        clients[i] = start(a, i, db_test_draw(seed, UINT64_MAX));
    while (campaign_now() < until && !a->stop && (c->wanted == 0 || a->moves < c->wanted))
        campaign_pause(20000);
    a->stop = true;
    for (int i = 0; i < count; i++) {
        int result = 0;
        if (waitpid(clients[i], &result, 0) != clients[i] || result != 0)
            campaign_violation(&a->tally, "a client ended with %d", result);
    }
    a->stop = false;
}

/* ---- what they were told, against the histories ---- */

static const struct {
    const char *what, *sql;
} questions[] = {
    {"changes that were told done are not in the history",
     "SELECT count(*) FROM race_journal j LEFT JOIN race_history h USING (transition_uuid, entity, sort_key)"
     " WHERE h.entity IS NULL"},
    {"changes were told twice",
     "SELECT count(*) FROM (SELECT FROM race_journal GROUP BY transition_uuid HAVING count(*) > 1) twice"},
    {"changes in the history were told to nobody",
     "SELECT count(*) FROM race_history h LEFT JOIN race_journal j USING (transition_uuid) WHERE j.entity IS NULL"},
    {"changes stand behind one that was sent after their answer",
     "SELECT count(*) FROM (SELECT acked, max(sent) OVER (PARTITION BY entity ORDER BY sort_key"
     " ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS sent_before FROM race_journal) j"
     " WHERE acked < sent_before"},
};

static void put_entry(PGconn *conn, const race_entry *e)
{
    char line[160], entity[TASKER_UUID_TEXT_SIZE], transition[TASKER_UUID_TEXT_SIZE];
    tasker_uuid_format(&e->entity, entity);
    tasker_uuid_format(&e->transition, transition);
    int length = snprintf(line, sizeof line, "%s\t%s\t%d\t%lld\t%lld\n", entity, transition, (int)e->sort_key,
                          (long long)e->sent, (long long)e->acked);
    assert_int_equal(PQputCopyData(conn, line, length), 1);
}

static void store_journals(const fixture *f, arena *a)
{
    PGconn *conn = db_test_psql(f);
    PQclear(PQexec(conn, "COPY race_journal FROM STDIN"));
    for (size_t i = 0; i < RACE_CLIENTS; i++) {
        for (size_t k = 0; k < a->journals[i].count; k++)
            put_entry(conn, &a->journals[i].entries[k]);
        a->journals[i].count = 0;
    }
    assert_int_equal(PQputCopyEnd(conn, NULL), 1);
    PGresult *result = PQgetResult(conn);
    assert_int_equal(PQresultStatus(result), PGRES_COMMAND_OK);
    PQclear(result);
    PQfinish(conn);
    db_test_exec(f, "ANALYZE");
}

static void check(const fixture *f, arena *a)
{
    campaign_check(f, &a->tally);
    store_journals(f, a);
    for (size_t i = 0; i < COUNT(questions); i++) {
        long found = db_test_count(f, questions[i].sql);
        if (found != 0)
            campaign_violation(&a->tally, "%ld %s", found, questions[i].what);
    }
    if (a->deadlocks > 0)
        campaign_violation(&a->tally, "%ld deadlocks", (long)a->deadlocks);
}

/* ---- rounds ---- */

static void create(tasker_db *db, const tasker_definition *definition, tasker_uuid *task, tasker_uuid *steps)
{
    const tasker_workflow_input input = {.definition = definition};
    const tasker_workflow_ids *ids = NULL;
    assert_status(db, tasker_workflow_create(db, &input, &ids), TASKER_OK);
    *task = ids->task_uuid;
    if (steps != NULL)
        memcpy(steps, ids->workflow_step_uuids, ids->step_count * sizeof *steps);
    tasker_free(ids);
}

static void populate(const fixture *f, arena *a)
{
    static const tasker_step_definition loose[] = {
        {.name = TASKER_TEXT("a")}, {.name = TASKER_TEXT("b")}, {.name = TASKER_TEXT("c")}};
    static const tasker_definition three = {.name = TASKER_TEXT("race"), .steps = loose, .step_count = 3};
    static const tasker_definition one = {.name = TASKER_TEXT("hot"), .steps = loose, .step_count = 1};
    tasker_db *db = db_test_open(f);
    for (size_t i = 0; i < RACE_WORKFLOWS; i++)
        create(db, &three, &a->workflows[i], &a->steps[3 * i]);
    for (size_t i = 0; i < RACE_TASKS; i++)
        create(db, &one, &a->workflows[RACE_WORKFLOWS + i], NULL);
    tasker_db_close(db);
}

/* The next round is not to be slower for what this one has left. */
static void clear(const fixture *f, const arena *a)
{
    tasker_db *db = db_test_open(f);
    for (size_t i = 0; i < COUNT(a->workflows); i++)
        assert_status(db, tasker_workflow_delete(db, &a->workflows[i]), TASKER_OK);
    tasker_db_close(db);
    db_test_exec(f, "TRUNCATE race_journal");
    db_test_exec(f, "VACUUM ANALYZE");
}

static void run_round(const fixture *f, const campaign *c, arena *a, uint64_t *seed, int64_t until)
{
    static int round;
    int64_t end = campaign_now() + ROUND_SECONDS * INT64_C(1000000);
    populate(f, a);
    run_clients(a, c, seed, end < until ? end : until);
    check(f, a);
    clear(f, a);
    printf("# round %d: so far %ld changes by %ld calls, %ld lost a race, %ld deadlocks, %ld violations\n", ++round,
           (long)a->moves, (long)a->tally.calls, (long)a->tally.faults, (long)a->deadlocks, (long)a->tally.violations);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    campaign c = {.name = "race"};
    int status;
    const fixture *f = campaign_begin(&c, argc, argv, &status);
    if (f == NULL)
        return status;
    arena *a = campaign_share(sizeof *a);
    a->control = c.control;
    snprintf(a->conninfo, sizeof a->conninfo, "%s", f->conninfo);
    if (c.control) /* the original's tables have it not */
        db_test_exec(f, "ALTER TABLE tasker_workflow_step_transitions"
                        " DROP CONSTRAINT tasker_workflow_step_transitions_sort_key_unique");
    uint64_t seed = c.seed;
    int64_t until = campaign_now() + c.seconds * INT64_C(1000000);
    while (campaign_now() < until && (c.wanted == 0 || a->moves < c.wanted) && !(c.control && a->tally.violations > 0))
        run_round(f, &c, a, &seed, until);
    return campaign_end(&c, f, &a->tally);
}
