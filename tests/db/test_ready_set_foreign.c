/* SPDX-License-Identifier: MIT */
/*
 * The ready set under plain SQL of programs that know nothing of it. Every piece of a case is followed by a look: first
 * in one transaction, which is rolled back, on a flow as it was made; then for good, with steps under way, all asleep.
 */
#include "ready_set_test.h"

enum { PIECES = 6 };
typedef struct foreign_case {
    const char *what;
    const char *pieces[PIECES];
} foreign_case;

#define H "tasker_workflow_step_transitions"
#define TH "tasker_task_transitions"
#define STEP "tasker_workflow_steps"
#define EDGE "tasker_workflow_step_edges"
#define TASK "tasker_tasks"
#define NEW_STEP(name)                                                                                                 \
    name                                                                                                               \
        " AS (INSERT INTO " STEP " (workflow_step_uuid, task_uuid, named_step_uuid, retryable, in_process, processed," \
        " skippable, created_at, updated_at) SELECT k.key, t(), n.named_step_uuid, true, false, false, false, utc(),"  \
        " utc() FROM keys k, (SELECT named_step_uuid FROM tasker_named_steps LIMIT 1) n RETURNING workflow_step_uuid)"
#define NEW_EDGE(name, parent, child)                                                                                  \
    name " AS (INSERT INTO " EDGE " (from_step_uuid, to_step_uuid, name, created_at, updated_at)"                      \
         " SELECT " parent ", " child ", 'x', utc(), utc() FROM keys)"
#define KEYS "WITH keys AS MATERIALIZED (SELECT gen_random_uuid() AS key, gen_random_uuid() AS other) "

/* A diamond abcd, ab ac bd cd; e alone. */
static const foreign_case steps_and_histories[] = {
    {"row at a time, two statements for each state",
     {"SELECT start(s('a'))", "SELECT finish(s('a'), 'complete')", "SELECT start(s('b'))",
      "SELECT finish(s('b'), 'complete')", "SELECT start(s('c'))", "SELECT finish(s('c'), 'resolved_manually')"}},
    {"the first half of a change, then the second",
     {"UPDATE " H " SET most_recent = false WHERE workflow_step_uuid = s('a')",
      "INSERT INTO " H " (workflow_step_uuid, to_state, sort_key, most_recent, created_at, updated_at)"
      " VALUES (s('a'), 'complete', 90, true, utc(), utc())"}},
    {"the halves the other way round, through NULL",
     {"INSERT INTO " H " (workflow_step_uuid, to_state, sort_key, most_recent, created_at, updated_at)"
      " VALUES (s('a'), 'complete', 90, false, utc(), utc())",
      "UPDATE " H " SET most_recent = false WHERE workflow_step_uuid = s('a') AND most_recent",
      "UPDATE " H " SET most_recent = true WHERE workflow_step_uuid = s('a') AND sort_key = 90"}},
    {"only histories, no columns of steps",
     {"SELECT flip(s('a'), 'in_progress')", "SELECT flip(s('a'), 'complete')", "SELECT flip(s('b'), 'enqueued')",
      "SELECT flip(s('a'), 'pending')", "SELECT flip(s('b'), 'cancelled')", "SELECT flip(s('a'), 'complete')"}},
    {"complete and then resolved counts once",
     {"SELECT flip(s('a'), 'complete')", "SELECT flip(s('a'), 'resolved_manually')",
      "SELECT flip(s('a'), 'resolved_manually')", "SELECT flip(s('a'), 'complete')",
      "UPDATE " H " SET to_state = 'resolved_manually' WHERE workflow_step_uuid = s('a') AND most_recent"}},
    {"parent and child closed in one statement",
     {"SELECT flip_all(ARRAY[s('a'), s('b')], 'complete')",
      "WITH gone AS (UPDATE " H " SET most_recent = false WHERE workflow_step_uuid IN (s('c'), s('d')) AND most_recent)"
      " SELECT 1",
      "INSERT INTO " H " (workflow_step_uuid, to_state, sort_key, most_recent, created_at, updated_at)"
      " SELECT x, 'complete', 99, true, utc(), utc() FROM unnest(ARRAY[s('d'), s('c')]) x",
      "SELECT flip_all(ARRAY[s('a'), s('b'), s('c'), s('d'), s('e')], 'pending')"}},
    {"many rows at once",
     {"SELECT flip_all(ARRAY(SELECT workflow_step_uuid FROM " STEP "), 'complete')",
      "UPDATE " STEP " SET processed = true, processed_at = utc()",
      "UPDATE " STEP " SET processed = false, in_process = true",
      "UPDATE " STEP " SET in_process = false, attempts = 3",
      "SELECT flip_all(ARRAY(SELECT workflow_step_uuid FROM " STEP "), 'error')",
      "UPDATE " STEP " SET attempts = NULL, retry_limit = NULL"}},
    {"columns that decide",
     {"UPDATE " STEP " SET attempts = 1, last_attempted_at = utc(), backoff_request_seconds = 100",
      "UPDATE " STEP " SET backoff_request_seconds = NULL", "UPDATE " STEP " SET attempts = 3, retry_limit = 3",
      "UPDATE " STEP " SET retryable = false, attempts = 0", "UPDATE " STEP " SET retry_limit = 0, attempts = 1",
      "UPDATE " STEP " SET retryable = true, retry_limit = 9, last_attempted_at = 'infinity'"}},
    {"failures and their waits",
     {"SELECT start(s('e'))", "SELECT finish(s('e'), 'error')", "SELECT flip(s('e'), 'pending')",
      "UPDATE " H " SET created_at = created_at - interval '1 hour' WHERE to_state = 'error'",
      "UPDATE " H " SET created_at = created_at + interval '2 hours' WHERE to_state = 'error'",
      "UPDATE " STEP " SET attempts = 7"}},
    {"a reset is told by the metadata",
     {"SELECT start(s('e')), finish(s('e'), 'error')", "UPDATE " STEP " SET attempts = 0",
      "SELECT flip(s('e'), 'pending', '{\"event\": \"reset\"}')",
      "UPDATE " H " SET metadata = '{}' WHERE workflow_step_uuid = s('e') AND most_recent",
      "UPDATE " H " SET metadata = '{\"event\": \"retry\"}' WHERE workflow_step_uuid = s('e') AND most_recent"}},
    {"edited history",
     {"SELECT flip(s('a'), 'complete')",
      "UPDATE " H " SET to_state = 'error' WHERE workflow_step_uuid = s('a') AND most_recent",
      "UPDATE " H " SET to_state = 'complete' WHERE workflow_step_uuid = s('a')",
      "UPDATE " H " SET workflow_step_uuid = s('e'), sort_key = 77, most_recent = false"
      " WHERE workflow_step_uuid = s('a') AND most_recent",
      "UPDATE " H " SET most_recent = false WHERE workflow_step_uuid = s('e')",
      "UPDATE " H " SET most_recent = true WHERE workflow_step_uuid = s('e') AND sort_key = 77"}},
    {"deleted history",
     {"SELECT flip(s('a'), 'complete')", "DELETE FROM " H " WHERE workflow_step_uuid = s('a') AND most_recent",
      "SELECT flip(s('b'), 'error'), flip(s('b'), 'pending')", "DELETE FROM " H " WHERE to_state = 'error'",
      "DELETE FROM " H}},
    {"steps that come and go",
     {"SELECT new_step('f')", "INSERT INTO letters SELECT 'f', new_step('f')",
      "SELECT flip(s('f'), 'complete'), join_steps(s('f'), s('d'))", "SELECT part_steps(s('f'), s('d'))",
      "DELETE FROM " H " WHERE workflow_step_uuid IN (s('e'), s('f'))",
      "DELETE FROM " STEP " WHERE workflow_step_uuid IN (s('e'), s('f'))"}},
    {"many steps at once",
     {"INSERT INTO " STEP " (task_uuid, named_step_uuid, retryable, in_process, processed, skippable, created_at,"
      " updated_at) SELECT task_uuid, named_step_uuid, true, n = 3, n = 4, false, utc(), utc()"
      "  FROM " STEP ", generate_series(1, 20) n",
      "INSERT INTO " EDGE " (from_step_uuid, to_step_uuid, name, created_at, updated_at)"
      " SELECT s('e'), workflow_step_uuid, 'x', utc(), utc() FROM " STEP " WHERE NOT EXISTS"
      " (SELECT FROM letters WHERE uuid = workflow_step_uuid)",
      "SELECT flip(s('e'), 'complete')", "DELETE FROM " EDGE " WHERE from_step_uuid = s('e')"}},
    {"a step and its edges in one statement, either first",
     {KEYS "," NEW_STEP("made") "," NEW_EDGE("edge", "s('a')", "key") " SELECT 1",
      KEYS "," NEW_EDGE("edge", "s('a')", "key") "," NEW_STEP("made") " SELECT 1",
      KEYS "," NEW_STEP("made") "," NEW_EDGE("edge", "key", "s('d')") " SELECT 1",
      KEYS "," NEW_EDGE("edge", "key", "s('d')") "," NEW_STEP("made") " SELECT 1",
      "WITH RECURSIVE keys AS MATERIALIZED (SELECT gen_random_uuid() AS key FROM generate_series(1, 9)),"
      " pairs AS (SELECT key, lead(key) OVER () AS child FROM keys)," NEW_STEP(
          "made") ", edge AS (INSERT INTO " EDGE " (from_step_uuid, to_step_uuid, name, created_at, updated_at)"
                  " SELECT key, child, 'x', utc(), utc() FROM pairs WHERE child IS NOT NULL) SELECT 1",
      "SELECT flip(s('a'), 'complete')"}},
    {"another key for a step",
     {"INSERT INTO letters SELECT 'f', new_step('f')",
      "UPDATE " STEP " SET workflow_step_uuid = gen_random_uuid() WHERE workflow_step_uuid = s('f')"}},
    {"an upsert",
     {"INSERT INTO " STEP " SELECT * FROM " STEP " ON CONFLICT (workflow_step_uuid) DO UPDATE SET attempts = 5",
      "INSERT INTO " H " SELECT * FROM " H
      " ON CONFLICT (workflow_step_transition_uuid) DO UPDATE SET to_state = 'complete'"}},
    {"all of it in one block",
     {"DO $$ BEGIN PERFORM start(s('a')), finish(s('a'), 'complete');"
      " BEGIN PERFORM flip(s('b'), 'complete'); RAISE 'no'; EXCEPTION WHEN OTHERS THEN NULL; END;"
      " PERFORM start(s('c')); BEGIN PERFORM finish(s('c'), 'complete'); EXCEPTION WHEN OTHERS THEN NULL; END; END "
      "$$"}},
};

static const foreign_case edges_and_tasks[] = {
    {"edges that come and go",
     {"SELECT join_steps(s('e'), s('d'))", "SELECT join_steps(s('e'), s('a'))", "SELECT part_steps(s('a'), s('b'))",
      "SELECT flip(s('b'), 'complete')", "SELECT part_steps(s('c'), s('d'))", "DELETE FROM " EDGE}},
    {"edges that change",
     {"UPDATE " EDGE " SET to_step_uuid = s('e') WHERE to_step_uuid = s('b')",
      "UPDATE " EDGE " SET from_step_uuid = s('e') WHERE from_step_uuid = s('b')",
      "UPDATE " EDGE " SET from_step_uuid = to_step_uuid, to_step_uuid = from_step_uuid",
      "UPDATE " EDGE " SET name = 'x'", "SELECT flip(s('e'), 'complete')"}},
    {"tasks",
     {"UPDATE " TASK " SET priority = 9, created_at = '2001-01-01'",
      "UPDATE " TASK " SET claimed_at = utc(), claimed_by = 'x'", "UPDATE " TASK " SET claim_timeout_seconds = 100000",
      "UPDATE " TASK " SET claimed_at = NULL, claimed_by = NULL",
      "UPDATE " TASK " SET complete = true, completed_at = utc()", "UPDATE " TASK " SET complete = false"}},
    {"types of tasks",
     {"INSERT INTO tasker_named_tasks (task_namespace_uuid, name, version, created_at, updated_at)"
      " SELECT task_namespace_uuid, 'another', version, created_at, updated_at FROM tasker_named_tasks LIMIT 1"
      " ON CONFLICT DO NOTHING",
      "UPDATE " TASK " SET named_task_uuid = (SELECT named_task_uuid FROM tasker_named_tasks WHERE name = 'another')"}},
    {"states of tasks",
     {"SELECT flip_task(t(), 'in_progress')", "SELECT flip_task(t(), 'error')", "SELECT flip_task(t(), 'pending')",
      "SELECT flip_task(t(), 'complete')", "SELECT flip_task(t(), 'in_progress')",
      "SELECT flip_task(t(), 'cancelled')"}},
    {"ended twice over, and begun again by halves",
     {"SELECT flip_task(t(), 'complete')", "UPDATE " TASK " SET complete = true", "SELECT flip_task(t(), 'pending')",
      "UPDATE " TASK " SET complete = false", "DELETE FROM " TH,
      "INSERT INTO " TH " (task_uuid, to_state, sort_key, most_recent, created_at, updated_at)"
      " SELECT task_uuid, 'error', 5, true, utc(), utc() FROM " TASK}},
    {"edited history of tasks",
     {"SELECT flip_task(t(), 'error')", "UPDATE " TH " SET to_state = 'complete' WHERE most_recent",
      "UPDATE " TH " SET most_recent = false",
      "UPDATE " TH " SET to_state = 'error', most_recent = true WHERE sort_key = 1",
      "UPDATE " TH " SET task_uuid = new_task() WHERE most_recent"}},
    {"new tasks, and gone",
     {"INSERT INTO letters SELECT 'new', new_task()", "SELECT new_step('x', s('new')), new_step('x', s('new'))",
      "INSERT INTO " TASK " (named_task_uuid, complete, requested_at, identity_hash, priority, claim_timeout_seconds,"
      " created_at, updated_at) SELECT named_task_uuid, n = 3, utc(), 'x', n, 60, utc(), utc() FROM " TASK
      ", generate_series(1, 9) n",
      "UPDATE " TASK " k SET task_uuid = gen_random_uuid()"
      " WHERE NOT EXISTS (SELECT FROM " STEP " s WHERE s.task_uuid = k.task_uuid) AND task_uuid <> t()",
      "DELETE FROM " TASK " k WHERE NOT EXISTS (SELECT FROM " STEP " s WHERE s.task_uuid = k.task_uuid)"
      " AND task_uuid <> t()"}},
    {"claims by function",
     {"SELECT claim_ready_tasks('me', 10)", "SELECT extend_task_claim(t(), 'me')",
      "SELECT release_task_claim(t(), 'me')"}},
    {"TRUNCATE of edges", {"TRUNCATE " EDGE}},
    {"TRUNCATE of histories", {"SELECT flip(s('a'), 'complete')", "TRUNCATE " H, "SELECT flip(s('a'), 'complete')"}},
    {"TRUNCATE of histories of tasks", {"SELECT flip_task(t(), 'complete')", "TRUNCATE " TH}},
    {"TRUNCATE of steps", {"TRUNCATE " STEP " CASCADE", "SELECT new_step('x')"}},
    {"TRUNCATE of tasks", {"TRUNCATE " TASK " CASCADE"}},
};

/* What only tables without our constraints let anybody write. */
static const foreign_case without_constraints[] = {
    {"an edge twice",
     {"SELECT join_steps(s('a'), s('b'))", "SELECT join_steps(s('e'), s('b')), join_steps(s('e'), s('b'))",
      "INSERT INTO " EDGE " (from_step_uuid, to_step_uuid, name, created_at, updated_at)"
      " SELECT from_step_uuid, to_step_uuid, name, created_at, updated_at FROM " EDGE ", generate_series(1, 3)",
      "SELECT flip(s('a'), 'complete')",
      "DELETE FROM " EDGE " WHERE workflow_step_edge_uuid IN (SELECT workflow_step_edge_uuid FROM " EDGE " LIMIT 5)",
      "SELECT flip(s('e'), 'complete')"}},
    {"an edge to oneself",
     {"SELECT join_steps(s('e'), s('e'))", "SELECT flip(s('e'), 'complete')", "SELECT flip(s('e'), 'pending')",
      "SELECT part_steps(s('e'), s('e'))"}},
    {"a circle",
     {"SELECT join_steps(s('d'), s('a'))", "SELECT flip(s('d'), 'complete')", "SELECT flip(s('a'), 'complete')"}},
    {"another task's steps",
     {"INSERT INTO letters SELECT 'new', new_task()", "INSERT INTO letters SELECT 'f', new_step('x', s('new'))",
      "SELECT join_steps(s('a'), s('f')), join_steps(s('f'), s('d'))", "SELECT all_asleep()",
      "SELECT flip(s('a'), 'complete')", "SELECT flip(s('f'), 'complete')"}},
    {"steps move to another task",
     {"INSERT INTO letters SELECT 'new', new_task()", "SELECT all_asleep()",
      "UPDATE " STEP " SET task_uuid = s('new') WHERE workflow_step_uuid IN (s('e'), s('b'))",
      "SELECT flip(s('a'), 'complete')", "UPDATE " STEP " SET task_uuid = s('new')",
      "UPDATE " STEP " SET task_uuid = t(), attempts = 1"}},
};

static void run_piece(PGconn *conn, const foreign_case *c, size_t i)
{
    const char *sqlstate = ready_set_try(conn, c->pieces[i]);
    if (sqlstate[0] != '\0')
        print_error("%s, piece %zu: %s", c->what, i + 1, PQerrorMessage(conn));
    assert_string_equal(sqlstate, "");
    assert_ready_set(conn, c->pieces[i]);
}

static void run_pieces(PGconn *conn, const foreign_case *c)
{
    for (size_t i = 0; i < PIECES && c->pieces[i] != NULL; i++)
        run_piece(conn, c, i);
}

static void run_cases(const fixture *f, const foreign_case *cases, size_t count)
{
    PGconn *conn = tasker_db_conn(f->db);
    for (size_t i = 0; i < count; i++) {
        made_flow flow = ready_set_flow(f, "abcde", "ab ac bd cd");
        ready_set_asleep(f);
        tell(conn, "BEGIN");
        run_pieces(conn, &cases[i]);
        tell(conn, "ROLLBACK");
        assert_ready_set(conn, "ROLLBACK");
        bring_step(f->db, FLOW_STEP(flow, 'a'), TASKER_STATE_IN_PROGRESS);
        bring_step(f->db, FLOW_STEP(flow, 'e'), TASKER_STATE_ENQUEUED);
        ready_set_asleep(f);
        run_pieces(conn, &cases[i]);
        ready_set_clear(f);
    }
}

static void test_steps_and_histories(void **state)
{
    run_cases(*state, steps_and_histories, COUNT(steps_and_histories));
}

static void test_edges_and_tasks(void **state)
{
    run_cases(*state, edges_and_tasks, COUNT(edges_and_tasks));
}

static void copy_in(PGconn *conn, const char *table, const char *rows)
{
    char sql[256];
    snprintf(sql, sizeof sql, "COPY %s FROM STDIN", table);
    PGresult *result = PQexec(conn, sql);
    assert_int_equal(PQresultStatus(result), PGRES_COPY_IN);
    PQclear(result);
    assert_int_equal(PQputCopyData(conn, rows, (int)strlen(rows)), 1);
    assert_int_equal(PQputCopyEnd(conn, NULL), 1);
    while ((result = PQgetResult(conn)) != NULL) {
        if (PQresultStatus(result) != PGRES_COMMAND_OK)
            print_error("%s: %s", sql, PQerrorMessage(conn));
        assert_int_equal(PQresultStatus(result), PGRES_COMMAND_OK);
        PQclear(result);
    }
}

/* A whole workflow comes by COPY, as from a dump, table by table. */
static void test_copy(void **state)
{
    static const char *const tables[] = {TASK, TH, STEP, EDGE, H};
    const fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    char *rows[COUNT(tables)];
    ready_set_flow(f, "abcde", "ab ac bd cd");
    tell(conn, "SELECT flip(s('a'), 'complete'), start(s('b')), finish(s('b'), 'error')");
    for (size_t i = 0; i < COUNT(tables); i++) {
        char sql[128], *line = NULL;
        snprintf(sql, sizeof sql, "COPY %s TO STDOUT", tables[i]);
        PQclear(PQexec(conn, sql));
        rows[i] = calloc(1, 65536);
        assert_non_null(rows[i]);
        while (PQgetCopyData(conn, &line, 0) > 0) {
            strncat(rows[i], line, 65535 - strlen(rows[i]));
            PQfreemem(line);
        }
        for (PGresult *r; (r = PQgetResult(conn)) != NULL;)
            PQclear(r);
    }
    ready_set_clear(f);
    for (size_t i = 0; i < COUNT(tables); i++) {
        copy_in(conn, tables[i], rows[i]);
        assert_ready_set(conn, tables[i]);
        free(rows[i]);
    }
    assert_int_equal(ask_number(conn, "SELECT count(*) FROM tasker_step_readiness WHERE available_at IS NOT NULL"), 3);
    ready_set_clear(f);
}

/* MERGE came with PostgreSQL 15. */
static void test_merge(void **state)
{
    static const foreign_case merge = {
        "MERGE",
        {"MERGE INTO " STEP " s USING letters l ON s.workflow_step_uuid = l.uuid AND letter <> 'task'"
         " WHEN MATCHED AND letter = 'e' THEN UPDATE SET attempts = 5"
         " WHEN NOT MATCHED THEN INSERT (workflow_step_uuid, task_uuid, named_step_uuid, retryable, in_process, "
         "processed,"
         " skippable, created_at, updated_at) VALUES (gen_random_uuid(), t(),"
         " (SELECT named_step_uuid FROM tasker_named_steps LIMIT 1), true, false, false, false, utc(), utc())"}};
    fixture *f = *state;
    if (PQserverVersion(tasker_db_conn(f->db)) < 150000)
        skip();
    run_cases(f, &merge, 1);
}

/* Last: the constraints do not come back. */
static void test_without_constraints(void **state)
{
    fixture *f = *state;
    db_test_exec(f, "ALTER TABLE " EDGE " DROP CONSTRAINT tasker_workflow_step_edges_from_to_unique,"
                    " DROP CONSTRAINT chk_workflow_step_edges_not_self;"
                    "DROP TRIGGER tasker_workflow_step_edges_same_task_insert ON " EDGE ";"
                    "DROP TRIGGER tasker_workflow_step_edges_same_task_update ON " EDGE ";"
                    "DROP TRIGGER tasker_workflow_steps_task_fixed ON " STEP);
    run_cases(f, without_constraints, COUNT(without_constraints));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steps_and_histories),
        cmocka_unit_test(test_edges_and_tasks),
        cmocka_unit_test(test_copy),
        cmocka_unit_test(test_merge),
        cmocka_unit_test(test_without_constraints),
    };
    return db_test_run(tests);
}
