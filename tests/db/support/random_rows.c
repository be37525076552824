/* SPDX-License-Identifier: MIT */
#include "random_rows.h"

PGconn *begin_with_random_rows(const fixture *f, double seed)
{
    PGconn *conn = tasker_db_conn(f->db);
    assert_true(
        tasker_status_is_done(tasker_db_recover(f->db))); /* an earlier test may have failed in its transaction */
    assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
    assert_string_equal(ask(conn, "SELECT setseed(%f)", seed), "");
    char *sql = db_test_read_file(TASKER_TEST_RANDOM_ROWS);
    PGresult *result = PQexec(conn, sql);
    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        fail_msg("%s", PQerrorMessage(conn));
    PQclear(result);
    free(sql);
    assert_int_equal(ask_number(conn, "SELECT count(*) FROM tasker_tasks"), RANDOM_TASKS);
    return conn;
}

PGresult *rows_of(PGconn *conn, const char *sql)
{
    PGresult *result = PQexec(conn, sql);
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        fail_msg("%s%s", PQerrorMessage(conn), sql);
    return result;
}

int64_t number_in(const PGresult *result, int row, int column)
{
    return strtoll(PQgetvalue(result, row, column), NULL, 10);
}

double double_in(const PGresult *result, int row, int column)
{
    return strtod(PQgetvalue(result, row, column), NULL);
}
