/* SPDX-License-Identifier: MIT */
#include "db_test.h"
#include <errno.h>
#include <time.h>
#include <unistd.h>

static fixture the_fixture;
static bool failed_late; /* in the teardown, which cmocka reports but does not count */

/* ---- connections ---- */

static void ignore_notice(void *context, const char *message)
{
    (void)context;
    (void)message;
}

static PGconn *connect_to(const char *database)
{
    const char *keywords[] = {"dbname", "application_name", "options", NULL};
    const char *values[] = {database, "tasker_test", "-c client_min_messages=warning", NULL};
    PGconn *conn = PQconnectdbParams(keywords, values, 0);
    if (PQstatus(conn) != CONNECTION_OK) {
        print_error("cannot connect: %s", PQerrorMessage(conn));
        PQfinish(conn);
        fail();
    }
    PQsetNoticeProcessor(conn, ignore_notice, NULL);
    return conn;
}

static void run_on(PGconn *conn, const char *sql, char *answer, size_t size)
{
    PGresult *result = PQexec(conn, sql);
    ExecStatusType kind = PQresultStatus(result);
    bool ok = kind == PGRES_COMMAND_OK || kind == PGRES_TUPLES_OK;
    if (!ok)
        print_error("%s\nin: %s\n", PQresultErrorMessage(result), sql);
    if (ok && answer != NULL)
        snprintf(answer, size, "%s", PQntuples(result) > 0 ? PQgetvalue(result, 0, 0) : "");
    PQclear(result);
    if (!ok)
        PQfinish(conn);
    assert_true(ok);
}

static void run_in(const char *database, const char *sql, char *answer, size_t size)
{
    PGconn *conn = connect_to(database);
    run_on(conn, sql, answer, size);
    PQfinish(conn);
}

PGconn *db_test_psql(const fixture *f)
{
    return connect_to(f->database);
}

long db_test_count(const fixture *f, const char *sql)
{
    char answer[64] = "";
    run_in(f->database, sql, answer, sizeof answer);
    assert_true(answer[0] != '\0');
    return strtol(answer, NULL, 10);
}

void db_test_exec(const fixture *f, const char *sql)
{
    run_in(f->database, sql, NULL, 0);
}

void db_test_wait(const fixture *f, const char *sql, long expected)
{
    static const struct timespec pause = {0, 5000000};
    PGconn *conn = connect_to(f->database);
    char answer[64] = "";
    bool reached = false;
    for (int i = 0; i < 2000 && !reached; i++) {
        if (i > 0)
            nanosleep(&pause, NULL);
        run_on(conn, sql, answer, sizeof answer);
        reached = strtol(answer, NULL, 10) == expected;
    }
    PQfinish(conn);
    if (!reached)
        print_error("waited in vain for %ld, it stays %s: %s\n", expected, answer, sql);
    assert_true(reached);
}

tasker_db *db_test_open_with(const fixture *f, const tasker_db_options *options)
{
    tasker_db *db = NULL;
    tasker_error error;
    tasker_db_options o = options != NULL ? *options : (tasker_db_options){0};
    o.any_schema = o.any_schema || f->foreign;
    if (tasker_db_open(tasker_text_of(f->conninfo), &o, &error, &db) != TASKER_OK)
        print_error("cannot open: %s: %s\n", tasker_status_name(error.status), error.message);
    assert_non_null(db);
    return db;
}

tasker_db *db_test_open(const fixture *f)
{
    return db_test_open_with(f, NULL);
}

/* ---- databases ---- */

static void run_at_home(const char *sql)
{
    const char *home = getenv("PGDATABASE");
    run_in(home != NULL ? home : "postgres", sql, NULL, 0);
}

void db_test_create_database(const char *name)
{
    char sql[256];
    snprintf(sql, sizeof sql, "CREATE DATABASE \"%s\"", name);
    run_at_home(sql);
}

void db_test_drop_database(const char *name)
{
    char sql[256];
    snprintf(sql, sizeof sql, "DROP DATABASE IF EXISTS \"%s\" WITH (FORCE)", name);
    run_at_home(sql);
}

/* ---- the group ---- */

static bool is_set(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' && strcmp(value, "0") != 0;
}

char *db_test_read_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    char *text = calloc(1, 65536);
    assert_non_null(text);
    size_t length = fread(text, 1, 65535, file);
    fclose(file);
    assert_true(length > 0 && length < 65535);
    return text;
}

uint64_t db_test_draw(uint64_t *seed, uint64_t below)
{
    uint64_t z = *seed += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (z ^ (z >> 31)) % below;
}

static void install(const fixture *f, tasker_status (*make)(tasker_db *, const tasker_schema_options *))
{
    tasker_db *db = db_test_open_with(f, &(tasker_db_options){.any_schema = true});
    assert_status(db, make(db, NULL), TASKER_OK);
    tasker_db_close(db);
}

void db_test_make_foreign(const fixture *f, const char *schema)
{
    char *sql = db_test_read_file(TASKER_TEST_FOREIGN_SCHEMA), *all = malloc(strlen(sql) + 2 * strlen(schema) + 64);
    assert_non_null(all);
    sprintf(all, "CREATE SCHEMA IF NOT EXISTS %s; SET search_path TO %s; %s", schema, schema, sql);
    db_test_exec(f, all);
    free(all);
    free(sql);
}

int tasker_db_test_setup(void **state)
{
    const char *schema = getenv("TASKER_TEST_SCHEMA");
    bool adopted = schema != NULL && strcmp(schema, "adopted") == 0;
    fixture *f = &the_fixture;
    snprintf(f->database, sizeof f->database, "%.40s_%ld", program_invocation_short_name, (long)getpid());
    snprintf(f->conninfo, sizeof f->conninfo, "dbname='%s'", f->database);
    db_test_create_database(f->database);
    *state = f;
    f->foreign = adopted || (schema != NULL && strcmp(schema, "foreign") == 0);
    if (f->foreign)
        db_test_make_foreign(f, "public");
    if (!f->foreign || adopted)
        install(f, adopted ? tasker_schema_adopt : tasker_schema_install);
    f->db = db_test_open(f);
    return 0;
}

void db_test_lift_limits(const fixture *f)
{
    db_test_exec(f, "ALTER TABLE tasker_named_tasks DROP CONSTRAINT IF EXISTS tasker_named_tasks_namespace_name_unique;"
                    " DROP INDEX IF EXISTS idx_workflow_steps_transitive_deps");
}

/* A backend ends a moment after its client has gone. */
static void wait_for_sessions(const fixture *f)
{
    static const char sql[] = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
                              "   AND application_name = 'libtasker'";
    static const struct timespec pause = {0, 5000000};
    for (int i = 0; i < 400 && db_test_count(f, sql) > 0; i++)
        nanosleep(&pause, NULL);
}

static PGresult *ask_invariants(PGconn *conn)
{
    char *sql = db_test_read_file(TASKER_TEST_INVARIANTS);
    PGresult *result = PQexec(conn, sql);
    free(sql);
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        print_error("invariants: %s", PQresultErrorMessage(result));
    return result;
}

long db_test_differences(PGconn *conn)
{
    PGresult *result = PQexec(conn, "SELECT * FROM tasker_ready_set_differences() ORDER BY 2, 3 LIMIT 20");
    long count = PQresultStatus(result) == PGRES_TUPLES_OK ? PQntuples(result) : -1;
    if (count < 0)
        print_error("the ready set: %s", PQresultErrorMessage(result));
    for (int i = 0; i < count; i++)
        print_error("the ready set: %s row of task %s, step %s: it should be \"%s\" and is \"%s\"\n",
                    PQgetvalue(result, i, 0), PQgetvalue(result, i, 1), PQgetvalue(result, i, 2),
                    PQgetvalue(result, i, 3), PQgetvalue(result, i, 4));
    PQclear(result);
    return count;
}

static bool has_ready_set(const fixture *f)
{
    return db_test_count(f, "SELECT count(to_regprocedure('public.tasker_ready_set_differences()'))") > 0;
}

int db_test_violations(const fixture *f)
{
    PGconn *conn = connect_to(f->database);
    PGresult *result = ask_invariants(conn);
    int violated = PQresultStatus(result) == PGRES_TUPLES_OK ? 0 : -1;
    for (int i = 0; i < PQntuples(result); i++)
        if (strcmp(PQgetvalue(result, i, 1), "0") != 0) {
            print_error("invariant violated %s times: %s\n", PQgetvalue(result, i, 1), PQgetvalue(result, i, 0));
            violated++;
        }
    PQclear(result);
    if (has_ready_set(f) && db_test_differences(conn) != 0)
        violated++;
    PQfinish(conn);
    return violated;
}

long db_test_violations_of(PGconn *conn, const char *rule)
{
    PGresult *result = ask_invariants(conn);
    long violations = -1;
    for (int i = 0; i < PQntuples(result); i++)
        if (strncmp(PQgetvalue(result, i, 0), rule, strlen(rule)) == 0)
            violations = strtol(PQgetvalue(result, i, 1), NULL, 10);
    PQclear(result);
    return violations;
}

int tasker_db_test_teardown(void **state)
{
    fixture *f = *state;
    if (f == NULL)
        return 0;
    tasker_db_close(f->db);
    f->db = NULL;
    wait_for_sessions(f);
    failed_late = db_test_violations(f) != 0;
    db_test_drop_database(f->database);
    return failed_late ? -1 : 0;
}

int db_test_run_group(const struct CMUnitTest *tests, size_t count)
{
    if (!is_set("TASKER_TEST_SERVER")) {
        if (is_set("TASKER_TEST_REQUIRE_SERVER"))
            printf("Bail out! TASKER_TEST_SERVER is not set, but a server is required\n");
        else
            printf("1..0 # SKIP no server: run scripts/with-postgres\n");
        return is_set("TASKER_TEST_REQUIRE_SERVER") ? 1 : 0;
    }
    int failed = _cmocka_run_group_tests(program_invocation_short_name, tests, count, tasker_db_test_setup,
                                         tasker_db_test_teardown);
    return failed != 0 || failed_late ? 1 : 0;
}

/* ---- assertions ---- */

void db_test_assert_status(const tasker_db *db, tasker_status status, tasker_status expected, const char *expression,
                           const char *file, int line)
{
    if (status == expected)
        return;
    const tasker_error *error = db != NULL ? tasker_db_error(db) : NULL;
    print_error("%s answers %s, not %s\n", expression, tasker_status_name(status), tasker_status_name(expected));
    if (error != NULL)
        print_error("%s %s [%s] %s\n", tasker_status_name(error->status), error->statement, error->sqlstate,
                    error->message);
    _fail(file, line);
}

void db_test_assert_message(const tasker_db *db, const char *part, const char *file, int line)
{
    if (strstr(tasker_db_error(db)->message, part) != NULL)
        return;
    print_error("\"%s\" is not in the message: %s\n", part, tasker_db_error(db)->message);
    _fail(file, line);
}
