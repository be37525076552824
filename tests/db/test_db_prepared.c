/* SPDX-License-Identifier: MIT */
/* Statements that a session loses, holds stale, or has from somebody else. */
#include "db_test.h"
#include "statement/call.h"

static tasker_status find(tasker_db *db)
{
    const tasker_task_namespace *found = NULL;
    tasker_status status = tasker_task_namespace_find_by_name(db, tasker_text_of("nobody"), &found);
    tasker_free(found);
    return status;
}

static void run_on_link(PGconn *conn, const char *sql)
{
    PGresult *result = PQexec(conn, sql);
    assert_int_equal(PQresultStatus(result), PGRES_COMMAND_OK);
    PQclear(result);
}

static void run(tasker_db *db, const char *sql)
{
    run_on_link(tasker_db_conn(db), sql);
}

static long prepared(tasker_db *db)
{
    PGresult *result = PQexec(tasker_db_conn(db), "SELECT count(*) FROM pg_prepared_statements");
    long count = strtol(PQgetvalue(result, 0, 0), NULL, 10);
    PQclear(result);
    return count;
}

static void test_prepared_once(void **state)
{
    tasker_db *db = db_test_open(*state);
    assert_status(db, find(db), TASKER_OK);
    long before = prepared(db);
    assert_true(before > 0);
    for (int i = 0; i < 5; i++)
        assert_status(db, find(db), TASKER_OK);
    assert_int_equal(prepared(db), before);
    tasker_db_close(db);
}

static void test_unprepared(void **state)
{
    tasker_db *db = db_test_open_with(*state, &(tasker_db_options){.unprepared = true});
    assert_true(tasker_db_session(db)->unprepared);
    for (int i = 0; i < 3; i++)
        assert_status(db, find(db), TASKER_OK);
    assert_status(db, tasker_db_begin(db, NULL), TASKER_OK);
    assert_status(db, find(db), TASKER_OK);
    assert_status(db, tasker_db_commit(db), TASKER_OK);
    assert_int_equal(prepared(db), 0);
    tasker_db_close(db);
}

/* 26000: healed outside a transaction; inside, the transaction has to be repeated, which then works. */
static void test_lost_statements(void **state)
{
    static const char *const losses[] = {"DEALLOCATE ALL", "DISCARD ALL"};
    tasker_db *db = db_test_open(*state);
    for (size_t i = 0; i < COUNT(losses); i++)
        for (int round = 0; round < 3; round++) {
            assert_status(db, find(db), TASKER_OK);
            run(db, losses[i]);
            assert_status(db, find(db), TASKER_OK);
            assert_int_equal(tasker_db_error(db)->status, TASKER_OK);
            assert_false(tasker_db_session(db)->unprepared);
        }
    for (int round = 0; round < 3; round++) {
        assert_status(db, find(db), TASKER_OK);
        assert_status(db, tasker_db_begin(db, NULL), TASKER_OK);
        run(db, "DEALLOCATE ALL");
        assert_status(db, find(db), TASKER_RETRY);
        assert_string_equal(tasker_db_error(db)->sqlstate, "26000");
        assert_true(tasker_db_session(db)->transaction_failed);
        assert_status(db, tasker_db_rollback(db), TASKER_OK);
        assert_status(db, tasker_db_begin(db, NULL), TASKER_OK);
        assert_status(db, find(db), TASKER_OK);
        assert_status(db, tasker_db_commit(db), TASKER_OK);
    }
    tasker_db_close(db);
}

/* Begin and commit have no name that could be lost, so they never leave a failed transaction behind. */
static void test_loss_around_a_transaction(void **state)
{
    const tasker_transaction_options options = {.read_only = true};
    tasker_savepoint s;
    tasker_db *db = db_test_open(*state);
    for (int round = 0; round < 3; round++) {
        run(db, "DEALLOCATE ALL");
        assert_status(db, tasker_db_begin(db, &options), TASKER_OK);
        run(db, "DEALLOCATE ALL");
        assert_status(db, tasker_db_savepoint(db, &s), TASKER_OK);
        run(db, "DEALLOCATE ALL");
        assert_status(db, tasker_db_rollback_to(db, s), TASKER_OK);
        assert_status(db, tasker_db_release(db, s), TASKER_OK);
        run(db, "DEALLOCATE ALL");
        assert_status(db, round == 0 ? tasker_db_rollback(db) : tasker_db_commit(db), TASKER_OK);
        assert_false(tasker_db_session(db)->in_transaction);
    }
    tasker_db_close(db);
}

/* PREPARE survives the rollback of its transaction. */
static void test_prepared_in_a_rolled_back_transaction(void **state)
{
    tasker_db *db = db_test_open(*state);
    assert_status(db, tasker_db_begin(db, NULL), TASKER_OK);
    assert_status(db, find(db), TASKER_OK);
    assert_status(db, tasker_db_rollback(db), TASKER_OK);
    long before = prepared(db);
    assert_status(db, find(db), TASKER_OK);
    assert_int_equal(prepared(db), before);
    tasker_db_close(db);
}

/* At most one repetition, as RETRY asks for. */
static void find_in_a_transaction(tasker_db *db)
{
    const tasker_transaction_options options = {.read_only = true};
    assert_status(db, tasker_db_begin(db, &options), TASKER_OK);
    tasker_status status = find(db);
    if (status == TASKER_RETRY) {
        assert_string_equal(tasker_db_error(db)->sqlstate, "42P05");
        assert_status(db, tasker_db_rollback(db), TASKER_OK);
        assert_status(db, tasker_db_begin(db, &options), TASKER_OK);
        status = find(db);
    }
    assert_status(db, status, TASKER_OK);
    assert_status(db, tasker_db_commit(db), TASKER_OK);
}

/* 42P05: two handles on one connection prepare the same names, which mean the same texts. */
static void test_two_handles_on_one_link(void **state)
{
    tasker_db *a = NULL, *b = NULL;
    PGconn *conn = db_test_psql(*state);
    for (int inside = 0; inside < 2; inside++) {
        assert_status(NULL, tasker_db_wrap(conn, NULL, NULL, &a), TASKER_OK);
        assert_status(NULL, tasker_db_wrap(conn, NULL, NULL, &b), TASKER_OK);
        tasker_db *const handles[] = {a, b, b, a, b};
        for (size_t i = 0; i < COUNT(handles); i++) {
            if (inside)
                find_in_a_transaction(handles[i]);
            else
                assert_status(handles[i], find(handles[i]), TASKER_OK);
            assert_status(handles[i], tasker_schema_install(handles[i], NULL), TASKER_NOOP);
            assert_status(handles[i], tasker_schema_verify(handles[i], NULL, NULL), TASKER_OK);
            assert_false(tasker_db_session(handles[i])->unprepared);
        }
        tasker_db_close(a);
        tasker_db_close(b);
        run_on_link(conn, "DEALLOCATE ALL");
    }
    PQfinish(conn);
}

/* The names of one version of a text are never another text's, so a second library in the session is no danger. */
static void test_name_taken_by_the_same_text(void **state)
{
    tasker_db *db = NULL;
    PGconn *conn = db_test_psql(*state);
    assert_status(NULL, tasker_db_wrap(conn, NULL, NULL, &db), TASKER_OK);
    assert_status(db, find(db), TASKER_OK);
    tasker_db_close(db);
    assert_status(NULL, tasker_db_wrap(conn, NULL, NULL, &db), TASKER_OK);
    assert_status(db, find(db), TASKER_OK);
    assert_status(db, tasker_db_begin(db, NULL), TASKER_OK);
    assert_status(db, find(db), TASKER_OK);
    assert_status(db, tasker_db_commit(db), TASKER_OK);
    tasker_db_close(db);
    PQfinish(conn);
}

/* ---- stale plans: our own statements cast every column, so this needs one that does not ---- */

/* Entered, run and left as a call does it. */
static tasker_status run_query(tasker_db *db, const tkr_query *query, bool *heal)
{
    assert_int_equal(tkr_link_enter(db), TASKER_OK);
    tkr_message message = {.query = query, .parameters = (const unsigned char *)"", .last = true, .error = &db->error};
    tkr_exchange_run(db, &message, 1, tkr_deadline_in(1000));
    *heal = message.heal;
    PQclear(message.result);
    tkr_link_leave(db);
    return message.status;
}

static void test_stale_plan(void **state)
{
    const tkr_query query = {(uint32_t)tkr_statement_count, "stale", "SELECT * FROM public.stale", NULL, 0, TKR_READS};
    bool heal = false;
    tasker_db *db = db_test_open(*state);
    db_test_exec(*state, "CREATE TABLE public.stale (a int)");
    assert_status(db, run_query(db, &query, &heal), TASKER_OK);
    db_test_exec(*state, "ALTER TABLE public.stale ALTER a TYPE bigint");
    assert_status(db, run_query(db, &query, &heal), TASKER_RETRY);
    assert_string_equal(tasker_db_error(db)->sqlstate, "0A000");
    assert_true(heal);
    assert_status(db, run_query(db, &query, &heal), TASKER_OK);
    assert_status(db, tasker_db_begin(db, NULL), TASKER_OK);
    db_test_exec(*state, "ALTER TABLE public.stale ALTER a TYPE text");
    assert_status(db, run_query(db, &query, &heal), TASKER_RETRY);
    assert_false(heal);
    assert_status(db, tasker_db_rollback(db), TASKER_OK);
    assert_status(db, run_query(db, &query, &heal), TASKER_OK);
    db_test_exec(*state, "DROP TABLE public.stale");
    tasker_db_close(db);
}

/* Because of the casts a column may change its type under a running program and nobody notices. */
static void test_altered_table(void **state)
{
    tasker_db *db =
        db_test_open_with(*state, &(tasker_db_options){.schema = TASKER_TEXT("altered"), .any_schema = true});
    assert_status(db, tasker_schema_install(db, NULL), TASKER_OK);
    assert_status(db, find(db), TASKER_OK);
    db_test_exec(*state, "ALTER TABLE altered.tasker_task_namespaces ALTER description TYPE text");
    assert_status(db, find(db), TASKER_OK);
    assert_status(db, tasker_db_begin(db, NULL), TASKER_OK);
    db_test_exec(*state,
                 "ALTER TABLE altered.tasker_task_namespaces ADD more text, ALTER description TYPE varchar(300)");
    assert_status(db, find(db), TASKER_OK);
    assert_status(db, tasker_db_commit(db), TASKER_OK);
    db_test_exec(*state, "ALTER TABLE altered.tasker_task_namespaces DROP description");
    assert_status(db, find(db), TASKER_SCHEMA_MISMATCH);
    tasker_db_close(db);
}

/* What an earlier handle prepared on the connection is found, not prepared again, which would abort the transaction. */
static void test_wrapped_again_inside_a_transaction(void **state)
{
    PGconn *conn = db_test_psql(*state);
    run_on_link(conn, "BEGIN");
    for (int i = 0; i < 3; i++) {
        tasker_db *db;
        assert_status(NULL, tasker_db_wrap(conn, NULL, NULL, &db), TASKER_OK);
        assert_status(db, find(db), TASKER_OK);
        tasker_db_close(db);
    }
    assert_int_equal(PQtransactionStatus(conn), PQTRANS_INTRANS);
    run_on_link(conn, "COMMIT");
    PQfinish(conn);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prepared_once),
        cmocka_unit_test(test_unprepared),
        cmocka_unit_test(test_lost_statements),
        cmocka_unit_test(test_loss_around_a_transaction),
        cmocka_unit_test(test_prepared_in_a_rolled_back_transaction),
        cmocka_unit_test(test_two_handles_on_one_link),
        cmocka_unit_test(test_wrapped_again_inside_a_transaction),
        cmocka_unit_test(test_name_taken_by_the_same_text),
        cmocka_unit_test(test_stale_plan),
        cmocka_unit_test(test_altered_table),
    };
    return db_test_run(tests);
}
