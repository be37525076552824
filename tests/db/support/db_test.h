/* SPDX-License-Identifier: MIT */
/*
 * What every test against a server stands on: a database of the program's own, with the schema installed through the
 * library, and at the end a look at the invariants of everything the tests left in it, and at its ready set.
 *
 *     static void test_something(void **state)
 *     {
 *         fixture *f = *state;
 *         assert_status(f->db, tasker_db_ping(f->db), TASKER_OK);
 *     }
 *     int main(void)
 *     {
 *         static const struct CMUnitTest tests[] = {cmocka_unit_test(test_something)};
 *         return db_test_run(tests);
 *     }
 *
 * With TASKER_TEST_SCHEMA=foreign the database is as tasker-core makes one, and the handles are opened with any_schema;
 * with adopted it is one of those that tasker_schema_adopt was called for.
 *
 * Without a server (TASKER_TEST_SERVER unset) the program skips, or fails if TASKER_TEST_REQUIRE_SERVER is set.
 */
#ifndef TKR_TESTS_DB_TEST_H
#define TKR_TESTS_DB_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <libpq-fe.h>
#include <tasker/tasker.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

typedef struct fixture {
    tasker_db *db; /* a handle for the tests; they leave it usable and outside a transaction */
    char conninfo[256];
    char database[64];
    bool foreign; /* the tables are those of tasker-core, without what ours have beyond them (foreign_schema.sql) */
} fixture;

/* Runs a static array of tests between the two functions below; the value is main's. */
#define db_test_run(tests) db_test_run_group(tests, COUNT(tests))
int db_test_run_group(const struct CMUnitTest *tests, size_t count);

/* For groups that are run by hand. The teardown fails, naming each, when an invariant is violated. */
int tasker_db_test_setup(void **state);
int tasker_db_test_teardown(void **state);

/* Another handle on the database, with the defaults or with these options. To be closed by the test. */
tasker_db *db_test_open(const fixture *f);
tasker_db *db_test_open_with(const fixture *f, const tasker_db_options *options);

/* A bare connection to the database, under another application name than the library's. To be finished by the test. */
PGconn *db_test_psql(const fixture *f);

/* Statements on a connection of their own: one number, the first column of the first row; or nothing to read. */
long db_test_count(const fixture *f, const char *sql);
void db_test_exec(const fixture *f, const char *sql);

/* Waits, at most ten seconds, until the statement's number is the expected one; fails the test otherwise. */
void db_test_wait(const fixture *f, const char *sql, long expected);

/* The text of a file of less than 64 KiB; to be freed. */
char *db_test_read_file(const char *path);

/* The next of the pseudo-random numbers that a seed begins, below this one. */
uint64_t db_test_draw(uint64_t *seed, uint64_t below);

/*
 * What tasker-core's tables cannot store, for tests that do: the constraint goes that allows but one version of a named
 * task, and the index that results above some 2.6 kB do not fit into. Our tables have neither.
 */
void db_test_lift_limits(const fixture *f);

/* Makes a schema as tasker-core does. schema is what stands in SQL, quoted. */
void db_test_make_foreign(const fixture *f, const char *schema);

/* A new empty database beside the fixture's, and its end. */
void db_test_create_database(const char *name);
void db_test_drop_database(const char *name);

/* Violations of the invariants in the database, each printed. Sessions of handles that are open count. */
int db_test_violations(const fixture *f);

/* Rows of the ready set that are not as they should be, as conn sees the database now; the first ones are printed. */
long db_test_differences(PGconn *conn);

/* Violations of one of them, "I07", as conn sees the database now. */
long db_test_violations_of(PGconn *conn, const char *rule);

/* expr is a call that answers a status; db (may be NULL) tells the message when it is another one than expected. */
#define assert_status(db, expr, expected) db_test_assert_status((db), (expr), (expected), #expr, __FILE__, __LINE__)
void db_test_assert_status(const tasker_db *db, tasker_status status, tasker_status expected, const char *expression,
                           const char *file, int line);

/* The message of the handle's last answer contains this. */
#define assert_message(db, part) db_test_assert_message((db), (part), __FILE__, __LINE__)
void db_test_assert_message(const tasker_db *db, const char *part, const char *file, int line);

#endif
