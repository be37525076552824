/* SPDX-License-Identifier: MIT */
/* Transactions and savepoints of a handle. */
#include "db_test.h"

static tasker_status create(tasker_db *db, const char *name)
{
    const tasker_task_namespace_input input = {.name = tasker_text_of(name)};
    return tasker_task_namespace_create(db, &input, NULL);
}

static long count(const fixture *f, const char *pattern)
{
    char sql[128];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM tasker_task_namespaces WHERE name LIKE '%s'", pattern);
    return db_test_count(f, sql);
}

/* An error of the server, which aborts the transaction. */
static void fail_in(tasker_db *db)
{
    PQclear(PQexec(tasker_db_conn(db), "SELECT 1/0"));
}

static void test_commit_and_rollback(void **state)
{
    fixture *f = *state;
    assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
    assert_true(tasker_db_session(f->db)->in_transaction);
    assert_status(f->db, create(f->db, "t1"), TASKER_OK);
    assert_int_equal(count(f, "t1"), 0);
    assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_BUSY);
    assert_status(f->db, tasker_db_commit(f->db), TASKER_OK);
    assert_false(tasker_db_session(f->db)->in_transaction);
    assert_int_equal(count(f, "t1"), 1);
    assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
    assert_status(f->db, create(f->db, "t2"), TASKER_OK);
    assert_status(f->db, tasker_db_rollback(f->db), TASKER_OK);
    assert_int_equal(count(f, "t2"), 0);
    assert_status(f->db, tasker_db_commit(f->db), TASKER_NOOP);
    assert_status(f->db, tasker_db_rollback(f->db), TASKER_NOOP);
    assert_status(f->db, tasker_db_recover(f->db), TASKER_NOOP);
}

static void test_isolation(void **state)
{
    static const char *const names[] = {"read committed", "read committed", "repeatable read", "serializable"};
    fixture *f = *state;
    for (int i = 0; i < 8; i++) {
        const tasker_transaction_options options = {.isolation = (tasker_isolation)(i / 2), .read_only = i % 2};
        assert_status(f->db, tasker_db_begin(f->db, &options), TASKER_OK);
        PGresult *result = PQexec(tasker_db_conn(f->db), "SELECT current_setting('transaction_isolation'),"
                                                         " current_setting('transaction_read_only')");
        assert_string_equal(PQgetvalue(result, 0, 0), names[i / 2]);
        assert_string_equal(PQgetvalue(result, 0, 1), i % 2 ? "on" : "off");
        PQclear(result);
        assert_status(f->db, tasker_db_commit(f->db), TASKER_OK);
    }
    const tasker_transaction_options none = {.isolation = (tasker_isolation)9}, newer = {.reserved = {1}};
    assert_status(f->db, tasker_db_begin(f->db, &none), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, tasker_db_begin(f->db, &newer), TASKER_UNSUPPORTED);
    assert_false(tasker_db_session(f->db)->in_transaction);
}

static void test_read_only(void **state)
{
    fixture *f = *state;
    const tasker_transaction_options options = {.read_only = true};
    assert_status(f->db, tasker_db_begin(f->db, &options), TASKER_OK);
    assert_status(f->db, create(f->db, "never"), TASKER_DENIED);
    assert_true(tasker_db_session(f->db)->transaction_failed);
    assert_status(f->db, tasker_db_rollback(f->db), TASKER_OK);
    assert_int_equal(count(f, "never"), 0);
}

/* Expected outcomes leave the transaction usable. */
static void test_expected_outcomes(void **state)
{
    fixture *f = *state;
    const tasker_uuid nobody = {{1}};
    const tasker_task_namespace *row = NULL;
    assert_status(f->db, create(f->db, "taken"), TASKER_OK);
    assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
    assert_status(f->db, create(f->db, "taken"), TASKER_DUPLICATE);
    assert_status(f->db, tasker_task_namespace_get(f->db, &nobody, &row), TASKER_NOT_FOUND);
    assert_status(f->db, create(f->db, NULL), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, create(f->db, "a\xff"), TASKER_INVALID_ARGUMENT);
    assert_false(tasker_db_session(f->db)->transaction_failed);
    assert_status(f->db, create(f->db, "taken2"), TASKER_OK);
    assert_status(f->db, tasker_db_commit(f->db), TASKER_OK);
    assert_int_equal(count(f, "taken%"), 2);
}

/* COMMIT of a failed transaction is a rollback, and must not look like anything else. */
static void test_commit_of_a_failed_transaction(void **state)
{
    fixture *f = *state;
    assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
    assert_status(f->db, create(f->db, "lost"), TASKER_OK);
    fail_in(f->db);
    assert_int_not_equal(create(f->db, "lost2"), TASKER_OK);
    assert_string_equal(tasker_db_error(f->db)->sqlstate, "25P02");
    assert_true(tasker_db_session(f->db)->transaction_failed);
    assert_status(f->db, tasker_db_commit(f->db), TASKER_RETRY);
    assert_false(tasker_db_session(f->db)->in_transaction);
    assert_int_equal(count(f, "lost%"), 0);
}

static void test_recover_rolls_back(void **state)
{
    fixture *f = *state;
    for (int failed = 0; failed < 2; failed++) {
        assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
        assert_status(f->db, create(f->db, "recovered"), TASKER_OK);
        if (failed)
            fail_in(f->db);
        assert_status(f->db, tasker_db_recover(f->db), TASKER_OK);
        assert_false(tasker_db_session(f->db)->in_transaction);
        assert_int_equal(count(f, "recovered"), 0);
    }
}

static void test_close_rolls_back(void **state)
{
    fixture *f = *state;
    tasker_db *db = db_test_open(f);
    assert_status(db, tasker_db_begin(db, NULL), TASKER_OK);
    assert_status(db, create(db, "closed"), TASKER_OK);
    tasker_db_close(db);
    assert_int_equal(count(f, "closed"), 0);
}

/* ---- savepoints ---- */

static void test_savepoints(void **state)
{
    fixture *f = *state;
    tasker_savepoint a, b, c;
    assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
    assert_status(f->db, create(f->db, "s0"), TASKER_OK);
    assert_status(f->db, tasker_db_savepoint(f->db, &a), TASKER_OK);
    assert_status(f->db, create(f->db, "s1"), TASKER_OK);
    assert_status(f->db, tasker_db_savepoint(f->db, &b), TASKER_OK);
    assert_status(f->db, create(f->db, "s2"), TASKER_OK);
    assert_status(f->db, tasker_db_savepoint(f->db, &c), TASKER_OK);
    assert_status(f->db, create(f->db, "s3"), TASKER_OK);
    assert_status(f->db, tasker_db_rollback_to(f->db, b), TASKER_OK);
    assert_status(f->db, tasker_db_release(f->db, c), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, create(f->db, "s4"), TASKER_OK);
    assert_status(f->db, tasker_db_rollback_to(f->db, b), TASKER_OK);
    assert_status(f->db, create(f->db, "s5"), TASKER_OK);
    assert_status(f->db, tasker_db_release(f->db, a), TASKER_OK);
    assert_status(f->db, tasker_db_rollback_to(f->db, a), TASKER_INVALID_ARGUMENT);
    assert_false(tasker_db_session(f->db)->transaction_failed);
    assert_status(f->db, tasker_db_commit(f->db), TASKER_OK);
    assert_int_equal(count(f, "s_"), 3); /* s0, s1, s5 */
    assert_int_equal(count(f, "s5"), 1);
}

static void test_savepoint_after_an_error(void **state)
{
    fixture *f = *state;
    tasker_savepoint a, b;
    for (int outer = 0; outer < 2; outer++) {
        assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
        assert_status(f->db, tasker_db_savepoint(f->db, &a), TASKER_OK);
        assert_status(f->db, tasker_db_savepoint(f->db, &b), TASKER_OK);
        fail_in(f->db);
        assert_int_not_equal(tasker_db_savepoint(f->db, &(tasker_savepoint){0}), TASKER_OK);
        assert_status(f->db, tasker_db_rollback_to(f->db, outer ? a : b), TASKER_OK);
        assert_false(tasker_db_session(f->db)->transaction_failed);
        assert_status(f->db, create(f->db, outer ? "e1" : "e0"), TASKER_OK);
        assert_status(f->db, tasker_db_release(f->db, a), TASKER_OK);
        assert_status(f->db, tasker_db_commit(f->db), TASKER_OK);
    }
    assert_int_equal(count(f, "e_"), 2);
}

static void test_savepoint_misuse(void **state)
{
    fixture *f = *state;
    tasker_savepoint s = {1};
    assert_status(f->db, tasker_db_savepoint(f->db, &s), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, tasker_db_rollback_to(f->db, s), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, tasker_db_release(f->db, s), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
    assert_status(f->db, tasker_db_savepoint(f->db, NULL), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, tasker_db_rollback_to(f->db, s), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, tasker_db_release(f->db, (tasker_savepoint){0}), TASKER_INVALID_ARGUMENT);
    assert_false(tasker_db_session(f->db)->transaction_failed);
    assert_status(f->db, tasker_db_savepoint(f->db, &s), TASKER_OK);
    assert_status(f->db, tasker_db_rollback(f->db), TASKER_OK);
    /* a savepoint does not outlive its transaction */
    assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
    assert_status(f->db, tasker_db_rollback_to(f->db, s), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, tasker_db_rollback(f->db), TASKER_OK);
}

/* Outside a transaction BUSY, twice as savepoints of the owner's transaction. */
static void test_wrapped_transaction(void **state)
{
    fixture *f = *state;
    tasker_db *db = NULL;
    tasker_savepoint s;
    PGconn *conn = db_test_psql(f);
    PQclear(PQexec(conn, "BEGIN"));
    assert_status(NULL, tasker_db_wrap(conn, NULL, NULL, &db), TASKER_OK);
    assert_status(db, tasker_db_begin(db, NULL), TASKER_BUSY);
    assert_status(db, create(db, "w1"), TASKER_OK);
    assert_status(db, tasker_db_savepoint(db, &s), TASKER_OK);
    assert_status(db, create(db, "w2"), TASKER_OK);
    assert_status(db, tasker_db_rollback_to(db, s), TASKER_OK);
    assert_status(db, tasker_db_commit(db), TASKER_OK);
    assert_int_equal(PQtransactionStatus(conn), PQTRANS_IDLE);
    tasker_db_close(db);
    PQfinish(conn);
    assert_int_equal(count(f, "w_"), 1);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commit_and_rollback),
        cmocka_unit_test(test_isolation),
        cmocka_unit_test(test_read_only),
        cmocka_unit_test(test_expected_outcomes),
        cmocka_unit_test(test_commit_of_a_failed_transaction),
        cmocka_unit_test(test_recover_rolls_back),
        cmocka_unit_test(test_close_rolls_back),
        cmocka_unit_test(test_savepoints),
        cmocka_unit_test(test_savepoint_after_an_error),
        cmocka_unit_test(test_savepoint_misuse),
        cmocka_unit_test(test_wrapped_transaction),
    };
    return db_test_run(tests);
}
