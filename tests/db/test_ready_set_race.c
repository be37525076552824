/* SPDX-License-Identifier: MIT */
/*
 * Eight sessions write at random to the same few tasks. Whatever is committed, the ready set is true at any moment; at
 * the end everything that can start is given to whoever asks. Single calls, and statements in the order of locks, never
 * meet in a deadlock.
 */
#include "ready_set_writers.h"

enum { SESSIONS = 8 };

typedef struct runner {
    world *w;
    pthread_barrier_t *start;
    unsigned number, kinds;
    long tries;
    bool transactions;
    pthread_t thread;
} runner;

/* ---- what a runner does ---- */

static void write_alone(session *s, unsigned kinds)
{
    session_write(s, kinds);
}

/* A savepoint that is kept or given back; whether the transaction lives. */
static bool write_in_savepoint(session *s, unsigned kinds)
{
    tasker_savepoint savepoint = {0};
    if (!session_heard(s, "savepoint", tasker_db_savepoint(s->db, &savepoint)))
        return false;
    bool alive = session_write(s, kinds);
    if (!alive || draw(s, 2) == 0)
        return session_heard(s, "rollback to", tasker_db_rollback_to(s->db, savepoint));
    return session_heard(s, "release", tasker_db_release(s->db, savepoint));
}

static void write_transaction(session *s, unsigned kinds)
{
    const tasker_transaction_options options = {.isolation = (tasker_isolation)draw(s, 4)};
    bool alive = session_heard(s, "begin", tasker_db_begin(s->db, &options));
    for (uint64_t left = 1 + draw(s, 4); alive && left > 0; left--)
        alive = draw(s, 3) == 0 ? write_in_savepoint(s, kinds) : session_write(s, kinds);
    if (alive && draw(s, 6) > 0)
        session_heard(s, "commit", tasker_db_commit(s->db));
    else
        session_heard(s, "rollback", tasker_db_rollback(s->db));
}

static void *race_on(void *argument)
{
    runner *r = argument;
    session s;
    bool open = session_open(&s, r->w, r->number);
    pthread_barrier_wait(r->start);
    if (!open)
        atomic_fetch_add(&r->w->bad, 1);
    for (long i = 0; open && i < r->tries; i++)
        if (r->transactions)
            write_transaction(&s, r->kinds);
        else
            write_alone(&s, r->kinds);
    session_close(&s);
    return NULL;
}

/* ---- the race ---- */

static void run_race(world *w, unsigned kinds, bool transactions, long tries, unsigned seed)
{
    runner runners[SESSIONS];
    pthread_barrier_t start;
    PGconn *conn = db_test_psql(w->f);
    long looks = 0;
    pthread_barrier_init(&start, NULL, SESSIONS + 1);
    for (unsigned i = 0; i < SESSIONS; i++) {
        runners[i] = (runner){.w = w, .start = &start, .number = seed + i, .kinds = kinds, .tries = tries};
        runners[i].transactions = transactions;
        assert_int_equal(pthread_create(&runners[i].thread, NULL, race_on, &runners[i]), 0);
    }
    pthread_barrier_wait(&start);
    long differences = 0;
    for (unsigned i = 0; i < SESSIONS; looks++) { /* others go on while this looks */
        static const struct timespec pause = {0, 20000000};
        differences += db_test_differences(conn) != 0;
        nanosleep(&pause, NULL);
        i += pthread_tryjoin_np(runners[i].thread, NULL) == 0;
    }
    pthread_barrier_destroy(&start);
    for (char *c = w->why; *c != '\0'; c++)
        *c = *c == '\n' ? ' ' : *c;
    printf("# %ld calls, %ld serialization failures, %ld deadlocks, %ld looks; %s\n", (long)w->calls, (long)w->retried,
           (long)w->deadlocks, looks, w->why);
    assert_int_equal(w->bad, 0);
    assert_int_equal(differences, 0);
    assert_ready_set(conn, "the race");
    PQfinish(conn);
}

/* Waits and claims aside, a claim of all finds exactly the tasks that have something to do. */
static void assert_all_can_be_claimed(const fixture *f)
{
    PGconn *conn = tasker_db_conn(f->db);
    tell(conn, "SELECT all_asleep()");
    tell(conn, "UPDATE tasker_tasks SET claimed_at = NULL, claimed_by = NULL, claim_id = NULL");
    tell(conn, "UPDATE tasker_workflow_steps SET backoff_request_seconds = NULL");
    tell(conn, "UPDATE tasker_workflow_step_transitions SET created_at = '2001-01-01' WHERE to_state = 'error'");
    assert_ready_set(conn, "no waits, no claims");
    tell(conn,
         "CREATE TABLE due AS SELECT task_uuid FROM tasker_task_availability WHERE NOT over AND EXISTS (SELECT FROM"
         " tasker_step_readiness_status r WHERE r.task_uuid = tasker_task_availability.task_uuid"
         " AND r.ready_for_execution)");
    tell(conn, "CREATE TABLE claimed AS SELECT task_uuid FROM claim_ready_tasks('all', 100000)");
    assert_int_equal(ask_number(conn, "SELECT count(*) FROM due FULL JOIN claimed USING (task_uuid)"
                                      " WHERE due IS NULL OR claimed IS NULL"),
                     0);
    printf("# %ld tasks had something to do\n", ask_number(conn, "SELECT count(*) FROM claimed"));
    tell(conn, "DROP TABLE due, claimed");
    assert_ready_set(conn, "all claimed");
}

static void race_and_look(const fixture *f, unsigned kinds, bool transactions, long tries, unsigned seed)
{
    world w;
    world_begin(&w, f);
    run_race(&w, kinds, transactions, ready_set_tries(tries), seed);
    if (!transactions)
        assert_int_equal(w.deadlocks, 0);
    assert_all_can_be_claimed(f);
    ready_set_clear(f);
}

static void test_calls(void **state)
{
    race_and_look(*state, LIBRARY | DELETIONS, false, 120, 1);
}

static void test_calls_and_statements(void **state)
{
    race_and_look(*state, LIBRARY | FOREIGN, false, 120, 100);
}

static void test_transactions(void **state)
{
    race_and_look(*state, LIBRARY | DELETIONS | FOREIGN | UNRULY, true, 60, 200);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls),
        cmocka_unit_test(test_calls_and_statements),
        cmocka_unit_test(test_transactions),
    };
    return db_test_run(tests);
}
