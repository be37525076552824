/* SPDX-License-Identifier: MIT */
/* Claims of tasks through tasker-core's functions: which task is next, whose it is, and that nobody gets it twice. */
#include <pthread.h>
#include "flow_test.h"

/* Each test begins with nothing that could be claimed. */
static PGconn *begin_with_nothing(const fixture *f)
{
    PGconn *conn = tasker_db_conn(f->db);
    assert_true(
        tasker_status_is_done(tasker_db_recover(f->db))); /* an earlier test may have failed in its transaction */
    tell(conn, "UPDATE tasker_tasks SET claimed_at = timezone('UTC', now()), claimed_by = 'nobody',"
               " claim_timeout_seconds = 100000 WHERE NOT complete");
    return conn;
}

/* A task of one ready step, that old, in seconds. */
static made_flow make_old(tasker_db *db, int priority, double age)
{
    made_flow flow = make_flow(db, "a", "");
    tell(tasker_db_conn(db),
         "UPDATE tasker_tasks SET priority = %d, created_at = timezone('UTC', now()) - %f * interval '1 second'"
         " WHERE task_uuid = '%s'",
         priority, age, text_of(flow.task_uuid));
    return flow;
}

static const char *claim_one(PGconn *conn)
{
    return ask(conn, "SELECT task_uuid FROM claim_ready_tasks('me')");
}

static long count_claimed(PGconn *conn, const char *arguments)
{
    return ask_number(conn, "SELECT count(*) FROM claim_ready_tasks(%s)", arguments);
}

/* ---- ageing ---- */

static void test_computed_priority(void **state)
{
    static const struct {
        const char *priority, *age, *expected;
    } cases[] = {
        {"9", "0", "9"},
        {"9", "300", "10"},
        {"9", "600", "11"},
        {"9", "1e9", "11"},
        {"4", "150", "4.5"},
        {"4", "601", "6"},
        {"3", "90", "3.5"},
        {"3", "540", "6"},
        {"3", "541", "6"},
        {"2", "120", "3"},
        {"2", "480", "6"},
        {"2", "1000", "6"},
        {"1", "30", "1.5"},
        {"1", "300", "6"},
        {"1", "400", "6"},
        {"0", "15", "0.5"},
        {"0", "180", "6"},
        {"0", "99999", "6"},
        {"-7", "30", "1"},
        {"-7", "0", "0"},
        {"5", "-1000", "5"},
        {"3", "-1", "3"},
        {"0", "-30", "0"},
        {"0", "0.000003", "1e-07"},
        {"1", "20", "1.3333333333333333"},
        {"2", "0.5", "2.004166666666667"},
        {"2147483647", "600", "2147483649"},
        {"-2147483648", "600", "6"},
    };
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_string_equal(ask(conn, "SELECT tasker_computed_priority(%s, %s)", cases[i].priority, cases[i].age),
                            cases[i].expected);
}

/* The view and the claim say the same, in the same order; ties go by time, then by key. */
static void test_order(void **state)
{
    static const struct {
        int priority;
        double age;
        const char *computed, *age_hours;
    } cases[] = {{7, 300, "8", "0.08"}, {4, 7200, "6", "2"},    {0, 7199, "6", "2"},
                 {2, 600, "6", "0.17"}, {4, 60, "4.2", "0.02"}, {1, 60, "2", "0.02"},
                 {0, 30, "1", "0.01"},  {0, -3600, "0", "-1"},  {0, -7200, "0", "-2"}};
    fixture *f = *state;
    PGconn *conn = begin_with_nothing(f);
    assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
    made_flow made[COUNT(cases)], twin;
    for (size_t i = 0; i < COUNT(cases); i++) /* written in another order */
        made[(i * 4) % COUNT(cases)] =
            make_old(f->db, cases[(i * 4) % COUNT(cases)].priority, cases[(i * 4) % COUNT(cases)].age);
    twin = make_old(f->db, 0, -7200);
    for (size_t i = 0; i < COUNT(cases); i++) {
        char row[128];
        snprintf(row, sizeof row, "%s %s %s 1 available has_ready_steps", text_of(made[i].task_uuid), cases[i].computed,
                 cases[i].age_hours);
        assert_string_equal(ask(conn,
                                "SELECT concat_ws(' ', task_uuid, computed_priority, age_hours, ready_steps_count,"
                                " claim_status, execution_status) FROM tasker_ready_tasks OFFSET %zu LIMIT 1",
                                i),
                            row);
    }
    tell(conn, "CREATE TEMP TABLE listed ON COMMIT DROP AS"
               " SELECT row_number() OVER () AS n, r.* FROM tasker_ready_tasks r");
    tell(conn, "CREATE TEMP TABLE claimed ON COMMIT DROP AS SELECT * FROM claim_ready_tasks('me', 100) WITH ORDINALITY"
               " AS c (task_uuid, namespace_name, priority, computed_priority, age_hours, ready_steps_count,"
               " claim_timeout_seconds, n)");
    assert_int_equal(ask_number(conn, "SELECT count(*) FROM claimed"), COUNT(cases) + 1);
    assert_int_equal(ask_number(conn, "SELECT count(*) FROM listed JOIN claimed USING (n, task_uuid, namespace_name,"
                                      " priority, computed_priority, age_hours, ready_steps_count)"
                                      " WHERE claim_timeout_seconds = 60"),
                     COUNT(cases) + 1);
    assert_string_equal(ask(conn, "SELECT task_uuid FROM claimed ORDER BY n DESC LIMIT 1"), text_of(twin.task_uuid));
    assert_int_equal(ask_number(conn, "SELECT count(*) FROM tasker_tasks WHERE claimed_by = 'me' AND claimed_at ="
                                      " timezone('UTC', now()) AND updated_at = claimed_at"),
                     COUNT(cases) + 1);
    assert_int_equal(ask_number(conn, "SELECT count(*) FROM tasker_ready_tasks"), 0);
    assert_status(f->db, tasker_db_rollback(f->db), TASKER_OK);
}

/* ---- which tasks ---- */

static made_flow make_in_state(tasker_db *db, tasker_state state)
{
    made_flow flow = make_flow(db, "a", "");
    tell(tasker_db_conn(db),
         "INSERT INTO tasker_task_transitions (task_uuid, to_state, sort_key, most_recent, created_at, updated_at)"
         " VALUES ('%s', '%s', 1000, true, now(), now()) ON CONFLICT (task_uuid, most_recent) WHERE most_recent"
         " DO UPDATE SET to_state = excluded.to_state",
         text_of(flow.task_uuid), tasker_state_name(state));
    return flow;
}

static void test_what_is_left_out(void **state)
{
    static const tasker_state closed[] = {TASKER_STATE_COMPLETE, TASKER_STATE_CANCELLED,
                                          TASKER_STATE_RESOLVED_MANUALLY};
    static const tasker_state open[] = {TASKER_STATE_PENDING, TASKER_STATE_IN_PROGRESS, TASKER_STATE_ERROR};
    fixture *f = *state;
    PGconn *conn = begin_with_nothing(f);
    assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
    make_flow(f->db, "", ""); /* nothing to do */
    made_flow waiting = make_flow(f->db, "ab", "ab");
    bring_step(f->db, waiting.steps[0], TASKER_STATE_IN_PROGRESS);
    for (size_t i = 0; i < COUNT(closed); i++)
        make_in_state(f->db, closed[i]);
    tell(conn, "UPDATE tasker_tasks SET complete = true, completed_at = now() WHERE task_uuid = '%s'",
         text_of(make_flow(f->db, "a", "").task_uuid));
    assert_int_equal(ask_number(conn, "SELECT count(*) FROM tasker_ready_tasks"), 0);
    assert_int_equal(count_claimed(conn, "'me', 100"), 0);
    for (size_t i = 0; i < COUNT(open); i++) {
        made_flow flow = make_in_state(f->db, open[i]);
        assert_string_equal(claim_one(conn), text_of(flow.task_uuid));
    }
    assert_status(f->db, tasker_db_rollback(f->db), TASKER_OK);
}

/* Somebody's claim, also one's own, stands until it is older than its time. */
static void test_claims(void **state)
{
    fixture *f = *state;
    PGconn *conn = begin_with_nothing(f);
    made_flow flow = make_flow(f->db, "ab", "");
    const char *task = text_of(flow.task_uuid);
    tell(conn, "UPDATE tasker_tasks SET claim_timeout_seconds = 100 WHERE task_uuid = '%s'", task);
    assert_string_equal(ask(conn, "SELECT concat_ws(' ', task_uuid, ready_steps_count, claim_timeout_seconds)"
                                  " FROM claim_ready_tasks('me')"),
                        ask(conn, "SELECT '%s 2 100'", task));
    assert_string_equal(claim_one(conn), "");
    assert_string_equal(ask(conn, "SELECT release_task_claim('%s', 'other')", task), "f");
    assert_string_equal(ask(conn, "SELECT extend_task_claim('%s', 'other')", task), "f");
    assert_string_equal(ask(conn, "SELECT release_task_claim('%s', NULL)", task), "f");
    assert_string_equal(ask(conn, "SELECT extend_task_claim('%s', NULL)", task), "f");

    tell(conn, "BEGIN"); /* now() stands still */
    tell(conn,
         "UPDATE tasker_tasks SET claimed_at = timezone('UTC', now()) - interval '100 seconds'"
         " WHERE task_uuid = '%s'",
         task);
    assert_string_equal(claim_one(conn), "");
    tell(conn,
         "UPDATE tasker_tasks SET claimed_at = timezone('UTC', now()) - interval '100.5 seconds'"
         " WHERE task_uuid = '%s'",
         task);
    assert_string_equal(ask(conn, "SELECT concat_ws(' ', claim_status, claimed_duration_seconds, claimed_by)"
                                  " FROM tasker_ready_tasks"),
                        "stale_claim 101 me");
    assert_string_equal(ask(conn, "SELECT extend_task_claim('%s', 'me')", task), "t");
    assert_string_equal(ask(conn,
                            "SELECT claimed_at = timezone('UTC', now()) AND updated_at = claimed_at"
                            " FROM tasker_tasks WHERE task_uuid = '%s'",
                            task),
                        "t");
    assert_string_equal(claim_one(conn), "");
    tell(conn, "UPDATE tasker_tasks SET claimed_at = claimed_at - interval '101 seconds' WHERE task_uuid = '%s'", task);
    assert_string_equal(ask(conn, "SELECT task_uuid FROM claim_ready_tasks('other')"), task);
    assert_string_equal(ask(conn, "SELECT extend_task_claim('%s', 'me')", task), "f");
    assert_string_equal(ask(conn, "SELECT release_task_claim('%s', 'other')", task), "t");
    assert_string_equal(ask(conn, "SELECT release_task_claim('%s', 'other')", task), "f");
    assert_string_equal(ask(conn,
                            "SELECT num_nulls(claimed_at, claimed_by) = 2 AND updated_at = timezone('UTC',"
                            " now()) FROM tasker_tasks WHERE task_uuid = '%s'",
                            task),
                        "t");
    assert_string_equal(claim_one(conn), task);
    tell(conn, "COMMIT");
}

/* A claim that is over at once, which only other programs' tables allow, does not use up the limit twice. */
static void test_claim_without_time(void **state)
{
    fixture *f = *state;
    PGconn *conn = begin_with_nothing(f);
    assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
    tell(conn, "ALTER TABLE tasker_tasks DROP CONSTRAINT IF EXISTS chk_tasks_claim_timeout_seconds");
    made_flow first = make_old(f->db, 9, 0), busy = make_old(f->db, 8, 0), last = make_old(f->db, 7, 0);
    tell(conn, "UPDATE tasker_tasks SET claim_timeout_seconds = -1 WHERE task_uuid = '%s'", text_of(first.task_uuid));
    bring_step(f->db, busy.steps[0], TASKER_STATE_IN_PROGRESS); /* which a claim finds out only when it looks at it */
    assert_string_equal(ask(conn, "SELECT string_agg(task_uuid::text, ' ') FROM claim_ready_tasks('me', 2)"),
                        ask(conn, "SELECT '%s %s'", text_of(first.task_uuid), text_of(last.task_uuid)));
    assert_string_equal(claim_one(conn), text_of(first.task_uuid));
    assert_status(f->db, tasker_db_rollback(f->db), TASKER_OK);
}

/* ---- arguments ---- */

/* The error of a statement that fails. */
static const char *sqlstate_of(PGconn *conn, const char *sql)
{
    static char sqlstate[6];
    PGresult *result = PQexec(conn, sql);
    assert_int_equal(PQresultStatus(result), PGRES_FATAL_ERROR);
    snprintf(sqlstate, sizeof sqlstate, "%s", PQresultErrorField(result, PG_DIAG_SQLSTATE));
    PQclear(result);
    return sqlstate;
}

static void test_limits(void **state)
{
    fixture *f = *state;
    PGconn *conn = begin_with_nothing(f);
    for (int i = 0; i < 9; i++)
        make_flow(f->db, "ab", "");
    char arguments[128];
    snprintf(arguments, sizeof arguments, "'me', 2, '%s'",
             ask(conn, "SELECT namespace_name FROM tasker_ready_tasks LIMIT 1"));
    assert_string_equal(sqlstate_of(conn, "SELECT * FROM claim_ready_tasks(NULL)"), "22004");
    assert_string_equal(sqlstate_of(conn, "SELECT * FROM claim_ready_tasks('me', -1)"), "2201W");
    assert_int_equal(count_claimed(conn, "'me', 0"), 0);
    assert_int_equal(count_claimed(conn, "'me', 10, 'no such namespace'"), 0);
    assert_int_equal(count_claimed(conn, "'me', 10, ''"), 0);
    assert_int_equal(ask_number(conn, "SELECT count(*) FROM tasker_ready_tasks"), 9);
    assert_int_equal(count_claimed(conn, "'me', NULL"), 1);
    assert_int_equal(count_claimed(conn, "'me'"), 1);
    assert_int_equal(count_claimed(conn, arguments), 2);
    assert_int_equal(count_claimed(conn, "'', 3"), 3);
    assert_int_equal(ask_number(conn, "SELECT count(*) FROM tasker_ready_tasks"), 2);
    assert_int_equal(count_claimed(conn, "'me', 2147483647"), 2);
}

/* ---- several at once ---- */

/* A row that is locked is passed over and does not use up the limit. */
static void test_locked_rows(void **state)
{
    fixture *f = *state;
    PGconn *conn = begin_with_nothing(f), *other = db_test_psql(f);
    made_flow first = make_old(f->db, 9, 0), second = make_old(f->db, 8, 0);
    tell(other, "BEGIN");
    tell(other, "SELECT FROM tasker_tasks WHERE task_uuid = '%s' FOR UPDATE", text_of(first.task_uuid));
    assert_string_equal(claim_one(conn), text_of(second.task_uuid));
    assert_string_equal(claim_one(conn), "");
    tell(other, "COMMIT");
    assert_string_equal(claim_one(conn), text_of(first.task_uuid));
    PQfinish(other);
}

enum { SESSIONS = 8, TASKS = 240 };

typedef struct claimer {
    const fixture *f;
    pthread_barrier_t *start;
    long claimed, over_limit;
    int number;
} claimer;

static void *claim_all(void *argument)
{
    static const char *const zones[] = {"UTC", "Asia/Kolkata", "America/St_Johns", "Pacific/Kiritimati"};
    claimer *c = argument;
    char sql[256];
    PGconn *conn = db_test_psql(c->f);
    snprintf(sql, sizeof sql, "SET TimeZone TO '%s'", zones[c->number % 4]);
    PQclear(PQexec(conn, sql));
    snprintf(
        sql, sizeof sql,
        "WITH c AS (SELECT * FROM claim_ready_tasks('claimer %d', %d)) INSERT INTO taken SELECT task_uuid, %d FROM c",
        c->number, 1 + c->number % 3, c->number);
    pthread_barrier_wait(c->start);
    for (int empty = 0; empty < 3;) {
        PGresult *result = PQexec(conn, sql);
        long count = PQresultStatus(result) == PGRES_COMMAND_OK ? atol(PQcmdTuples(result)) : 1000;
        PQclear(result);
        c->claimed += count;
        c->over_limit += count > 1 + c->number % 3;
        empty = count == 0 ? empty + 1 : 0;
    }
    PQfinish(conn);
    return NULL;
}

static void test_race(void **state)
{
    fixture *f = *state;
    PGconn *conn = begin_with_nothing(f);
    for (int i = 0; i < TASKS; i++)
        make_flow(f->db, "a", "");
    tell(conn, "CREATE TABLE taken (task_uuid uuid, number int)");
    pthread_barrier_t start;
    pthread_t threads[SESSIONS];
    claimer claimers[SESSIONS];
    pthread_barrier_init(&start, NULL, SESSIONS);
    for (int i = 0; i < SESSIONS; i++) {
        claimers[i] = (claimer){f, &start, 0, 0, i};
        assert_int_equal(pthread_create(&threads[i], NULL, claim_all, &claimers[i]), 0);
    }
    long claimed = 0, over_limit = 0;
    for (int i = 0; i < SESSIONS; i++) {
        pthread_join(threads[i], NULL);
        claimed += claimers[i].claimed;
        over_limit += claimers[i].over_limit;
    }
    pthread_barrier_destroy(&start);
    assert_int_equal(claimed, TASKS);
    assert_int_equal(over_limit, 0);
    assert_int_equal(ask_number(conn, "SELECT count(DISTINCT task_uuid) FROM taken"), TASKS);
    assert_int_equal(ask_number(conn, "SELECT count(*) FROM taken JOIN tasker_tasks USING (task_uuid)"
                                      " WHERE claimed_by = 'claimer ' || number"
                                      "   AND claimed_at BETWEEN timezone('UTC', now()) - interval '10 minutes'"
                                      "                      AND timezone('UTC', now())"),
                     TASKS);
    tell(conn, "DROP TABLE taken");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_computed_priority),  cmocka_unit_test(test_order),
        cmocka_unit_test(test_what_is_left_out),   cmocka_unit_test(test_claims),
        cmocka_unit_test(test_claim_without_time), cmocka_unit_test(test_limits),
        cmocka_unit_test(test_locked_rows),        cmocka_unit_test(test_race),
    };
    return db_test_run(tests);
}
