/* SPDX-License-Identifier: MIT */
/*
 * The check that stands behind every other test here, checked: a small consistent workflow has no violation, and each
 * of the 27 rules notices when it is broken. The breaking is rolled back.
 */
#include "breaks.h"
#include "db_test.h"

static void run(PGconn *conn, const char *sql)
{
    PGresult *result = PQexec(conn, sql);
    ExecStatusType kind = PQresultStatus(result);
    if (kind != PGRES_COMMAND_OK && kind != PGRES_TUPLES_OK)
        print_error("%s in %s\n", PQresultErrorMessage(result), sql);
    PQclear(result);
    assert_true(kind == PGRES_COMMAND_OK || kind == PGRES_TUPLES_OK);
}

static void test_each_rule_notices(void **state)
{
    PGconn *conn = db_test_psql(*state);
    int unnoticed = 0, rules = 0;
    run(conn, "BEGIN");
    for (size_t i = 0; i < consistent_row_count; i++)
        run(conn, consistent_rows[i]);
    tasker_db_close(((fixture *)*state)->db);
    ((fixture *)*state)->db = NULL;
    db_test_wait(*state,
                 "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'libtasker'"
                 " AND datname = current_database()",
                 0);
    for (int i = 1; i <= 27; i++) {
        char rule[8];
        snprintf(rule, sizeof rule, "I%02d", i);
        assert_int_equal(db_test_violations_of(conn, rule), 0);
    }
    for (size_t i = 0; i < rule_break_count; i++) {
        run(conn, "SAVEPOINT s");
        run(conn, rule_breaks[i].sql);
        if (db_test_violations_of(conn, rule_breaks[i].rule) == 0) {
            print_error("%s does not notice: %s\n", rule_breaks[i].rule, rule_breaks[i].sql);
            unnoticed++;
        }
        rules += i == 0 || strcmp(rule_breaks[i].rule, rule_breaks[i - 1].rule) != 0;
        run(conn, "ROLLBACK TO SAVEPOINT s");
    }
    PQfinish(conn);
    assert_int_equal(unnoticed, 0);
    assert_int_equal(rules, 27);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {cmocka_unit_test(test_each_rule_notices)};
    return db_test_run(tests);
}
