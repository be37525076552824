/* SPDX-License-Identifier: MIT */
/*
 * What each lock of the ready set is for: a schedule of two sessions that goes wrong without it. The function is made
 * anew with the lock taken out, the schedule leaves a difference; with the lock it leaves none.
 */
#include <time.h>
#include "ready_set_test.h"

typedef struct stage {
    PGconn *a, *b, *settler;
} stage;

/* Sends a statement that may wait for a lock; comes back when it does, or has ended. */
static void send(stage *s, PGconn *conn, const char *sql)
{
    static const struct timespec pause = {0, 1000000};
    assert_int_equal(PQsendQuery(conn, sql), 1);
    for (int i = 0; i < 10000; i++) {
        assert_int_equal(PQconsumeInput(conn), 1);
        if (!PQisBusy(conn) || ask_number(s->settler, "SELECT count(*) FROM pg_locks WHERE NOT granted AND pid = %d",
                                          PQbackendPID(conn)) > 0)
            return;
        nanosleep(&pause, NULL);
    }
    fail();
}

/* Its end: "" or the SQLSTATE. */
static const char *end(PGconn *conn)
{
    static char sqlstate[6];
    sqlstate[0] = '\0';
    for (PGresult *result; (result = PQgetResult(conn)) != NULL; PQclear(result)) {
        const char *found = PQresultErrorField(result, PG_DIAG_SQLSTATE);
        if (found != NULL)
            snprintf(sqlstate, sizeof sqlstate, "%s", found);
    }
    return sqlstate;
}

/* One session writes, and does not change the row of the task, which is awake; another puts to sleep what has nothing
 * to do. */
static void become_available_awake(stage *s)
{
    tell(s->a, "SELECT flip(s('e'), 'in_progress'); SELECT flip(s('a'), 'in_progress')");
    tell(s->a, "BEGIN; SELECT flip(s('a'), 'complete')");
    send(s, s->b, "SELECT all_asleep()");
    tell(s->a, "COMMIT");
    end(s->b);
}

/* The same, where the parents go. */
static void become_available_by_edge(stage *s)
{
    tell(s->a, "SELECT flip(s('e'), 'in_progress'); SELECT flip(s('a'), 'in_progress')");
    tell(s->a, "BEGIN; DELETE FROM tasker_workflow_step_edges WHERE from_step_uuid = s('a')");
    send(s, s->b, "SELECT all_asleep()");
    tell(s->a, "COMMIT");
    end(s->b);
}

/* The step's columns by one, its state by the other: together they make it startable. */
static void halves(stage *s)
{
    tell(s->a, "UPDATE tasker_workflow_steps SET attempts = 3, retryable = false; SELECT flip(s('e'), 'error')");
    tell(s->a, "UPDATE tasker_workflow_step_transitions SET created_at = '2001-01-01'");
    tell(s->a, "BEGIN; UPDATE tasker_workflow_steps SET attempts = 0 WHERE workflow_step_uuid = s('e')");
    send(s, s->b,
         "UPDATE tasker_workflow_step_transitions SET to_state = 'pending'"
         " WHERE workflow_step_uuid = s('e') AND most_recent");
    tell(s->a, "COMMIT");
    end(s->b);
}

/* The same, where the second one looks with an old snapshot. */
static void halves_of_old(stage *s)
{
    tell(s->a, "UPDATE tasker_workflow_steps SET attempts = 3, retryable = false; SELECT flip(s('e'), 'error')");
    tell(s->a, "UPDATE tasker_workflow_step_transitions SET created_at = '2001-01-01'");
    tell(s->b, "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT s('e')");
    tell(s->a, "UPDATE tasker_workflow_steps SET attempts = 0 WHERE workflow_step_uuid = s('e')");
    send(s, s->b,
         "UPDATE tasker_workflow_step_transitions SET to_state = 'pending'"
         " WHERE workflow_step_uuid = s('e') AND most_recent");
    tell(s->b, strcmp(end(s->b), "") == 0 ? "COMMIT" : "ROLLBACK");
}

/* A parent is completed by somebody who cannot see the edge that was added to it. */
static void edge_behind_a_snapshot(stage *s)
{
    tell(s->b, "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT s('e')");
    tell(s->a, "SELECT join_steps(s('e'), s('b'))");
    send(s, s->b, "SELECT flip(s('e'), 'complete')");
    tell(s->b, strcmp(end(s->b), "") == 0 ? "COMMIT" : "ROLLBACK");
}

/* A task that was over begins again while one of its steps becomes available. */
static void begin_again(stage *s)
{
    tell(s->a,
         "SELECT flip(s('e'), 'in_progress'); SELECT flip(s('a'), 'in_progress'); SELECT flip_task(t(), 'complete')");
    tell(s->a, "BEGIN; SELECT flip(s('a'), 'complete')");
    send(s, s->b, "SELECT flip_task(t(), 'pending')");
    if (PQisBusy(s->b) == 0)
        tell(s->settler, "SELECT all_asleep()");
    tell(s->a, "COMMIT");
    end(s->b);
}

/* A task that is over in two ways begins again in one transaction for each. */
static void begin_again_by_halves(stage *s)
{
    tell(s->a, "SELECT flip_task(t(), 'complete'); UPDATE tasker_tasks SET complete = true");
    tell(s->a, "BEGIN; SELECT flip_task(t(), 'pending')");
    send(s, s->b, "UPDATE tasker_tasks SET complete = false");
    tell(s->a, "COMMIT");
    end(s->b);
}

/* The same, where the state is the one that is seen too late. */
static void begin_again_by_old(stage *s)
{
    tell(s->a, "SELECT flip_task(t(), 'complete'); UPDATE tasker_tasks SET complete = true");
    tell(s->b, "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT s('e')");
    tell(s->a, "UPDATE tasker_tasks SET complete = false");
    send(s, s->b, "SELECT flip_task(t(), 'pending')");
    tell(s->b, strcmp(end(s->b), "") == 0 ? "COMMIT" : "ROLLBACK");
}

/* Priority and state of a task, one each. */
static void task_by_halves(stage *s)
{
    tell(s->a, "BEGIN; UPDATE tasker_tasks SET priority = 7");
    send(s, s->b, "SELECT flip_task(t(), 'error')");
    tell(s->a, "COMMIT");
    end(s->b);
}

static const struct rule {
    const char *what, *function, *lock, *without;
    void (*schedule)(stage *s);
} rules[] = {
    {"who finds the task awake holds its row", "tasker_ready_set_follow_steps", "FOR KEY SHARE", "",
     become_available_awake},
    {"who wakes holds it, too", "tasker_ready_set_wake", "FOR KEY SHARE OF q", "", become_available_by_edge},
    {"who puts to sleep locks it whole", "tasker_ready_set_settle", "FOR UPDATE SKIP LOCKED",
     "FOR NO KEY UPDATE SKIP LOCKED", become_available_awake},
    {"a step is locked before it is looked at", "tasker_ready_set_follow_steps", "FOR NO KEY UPDATE", "", halves},
    {"and written even where nothing changes", "tasker_ready_set_follow_steps",
     "WHERE o.workflow_step_uuid = ANY (step_uuids)",
     "WHERE o.workflow_step_uuid = ANY (step_uuids)"
     " AND (a.done <> o.done OR a.startable_at IS DISTINCT FROM o.startable_at)",
     halves_of_old},
    {"an edge writes its parent", "tasker_ready_set_follow_edges", "r.workflow_step_uuid = p.step_uuid", "false",
     edge_behind_a_snapshot},
    {"a task that is over is held by its state", "tasker_ready_set_wake", "FOR SHARE", "", begin_again},
    {"and by its state for who changes the task", "tasker_ready_set_follow_changed_tasks", "FOR NO KEY UPDATE", "",
     begin_again_by_halves},
    {"and old snapshots are refused", "tasker_ready_set_refuse_old", "<> 'read committed'", "= 'never'",
     begin_again_by_old},
    {"a task's row is locked before it is looked at", "tasker_ready_set_follow_tasks", "FOR NO KEY UPDATE OF q", "",
     task_by_halves},
};

static long differences_after(const fixture *f, const struct rule *rule)
{
    stage s = {db_test_psql(f), db_test_psql(f), db_test_psql(f)};
    ready_set_flow(f, "abcde", "ab ac bd cd");
    rule->schedule(&s);
    long differences = ask_number(s.settler, "SELECT count(*) FROM tasker_ready_set_differences()");
    PQfinish(s.a);
    PQfinish(s.b);
    PQfinish(s.settler);
    ready_set_clear(f);
    return differences;
}

/* The function with its lock, or without. */
static void define(const fixture *f, const struct rule *rule, bool with)
{
    PGconn *conn = db_test_psql(f);
    char *literals[2] = {PQescapeLiteral(conn, rule->lock, strlen(rule->lock)),
                         PQescapeLiteral(conn, rule->without, strlen(rule->without))};
    if (!with) {
        tell(conn, "CREATE TABLE whole AS SELECT pg_get_functiondef(oid) AS text FROM pg_proc WHERE proname = '%s'",
             rule->function);
        assert_int_equal(ask_number(conn, "SELECT (position(%s in text) > 0)::int FROM whole", literals[0]), 1);
        tell(conn, "DO $$ BEGIN EXECUTE (SELECT replace(text, %s, %s) FROM whole); END $$", literals[0], literals[1]);
    } else {
        tell(conn, "DO $$ BEGIN EXECUTE (SELECT text FROM whole); END $$; DROP TABLE whole");
    }
    PQfreemem(literals[0]);
    PQfreemem(literals[1]);
    PQfinish(conn);
}

static void test_rules(void **state)
{
    const fixture *f = *state;
    int wrong = 0;
    for (size_t i = 0; i < COUNT(rules); i++) {
        long with = differences_after(f, &rules[i]);
        define(f, &rules[i], false);
        long without = differences_after(f, &rules[i]);
        define(f, &rules[i], true);
        if (with != 0 || without == 0) {
            print_error("%s: %ld differences with it, %ld without\n", rules[i].what, with, without);
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {cmocka_unit_test(test_rules)};
    return db_test_run(tests);
}
