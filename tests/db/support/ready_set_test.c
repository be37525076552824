/* SPDX-License-Identifier: MIT */
#include "ready_set_test.h"

void ready_set_words(const fixture *f)
{
    static bool there;
    if (there)
        return;
    there = true;
    FILE *file = fopen(TASKER_TEST_READY_SET, "rb");
    assert_non_null(file);
    char *sql = calloc(1, 65536);
    assert_non_null(sql);
    assert_true(fread(sql, 1, 65535, file) > 0);
    fclose(file);
    db_test_exec(f, sql);
    free(sql);
}

made_flow ready_set_flow(const fixture *f, const char *steps, const char *edges)
{
    PGconn *conn = tasker_db_conn(f->db);
    ready_set_words(f);
    made_flow flow = make_flow(f->db, steps, edges);
    tell(conn, "DELETE FROM letters; INSERT INTO letters VALUES ('task', '%s')", text_of(flow.task_uuid));
    for (size_t i = 0; i < flow.count; i++)
        tell(conn, "INSERT INTO letters VALUES ('%c', '%s')", (char)('a' + i), text_of(flow.steps[i]));
    return flow;
}

void ready_set_asleep(const fixture *f)
{
    db_test_exec(f, "SELECT all_asleep()");
}

void ready_set_clear(const fixture *f)
{
    db_test_exec(f, "TRUNCATE tasker_tasks CASCADE");
    assert_int_equal(db_test_count(f, "SELECT count(*) FROM tasker_step_readiness"), 0);
    assert_int_equal(db_test_count(f, "SELECT count(*) FROM tasker_task_queue"), 0);
}

void assert_ready_set(PGconn *conn, const char *what)
{
    long differences = db_test_differences(conn);
    if (differences != 0)
        print_error("after: %s\n", what);
    assert_int_equal(differences, 0);
}

const char *ready_set_try(PGconn *conn, const char *sql)
{
    static _Thread_local char sqlstate[6];
    PGresult *result = PQexec(conn, sql);
    const char *found = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    snprintf(sqlstate, sizeof sqlstate, "%s", found != NULL ? found : "");
    PQclear(result);
    return sqlstate;
}

long ready_set_tries(long otherwise)
{
    const char *value = getenv("TASKER_TEST_READY_SET_TRIES");
    long tries = value != NULL ? strtol(value, NULL, 10) : 0;
    return tries > 0 ? tries : otherwise;
}
