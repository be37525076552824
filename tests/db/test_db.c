/* SPDX-License-Identifier: MIT */
/* Opening, wrapping and closing handles; what a handle says about its link. */
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include "db_test.h"

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Opens with what must fail, and looks for secrets in all of the error. */
static void assert_refused(const char *conninfo, const tasker_db_options *options, tasker_status expected,
                           const char *message)
{
    static const char canary[] = "s3cr3t";
    tasker_error error;
    tasker_db *db = (tasker_db *)1;
    tasker_status status = tasker_db_open(tasker_text_of(conninfo), options, &error, &db);
    if (status != expected || strstr(error.message, message) == NULL)
        print_error("%s: %s: %s\n", conninfo, tasker_status_name(status), error.message);
    assert_int_equal(status, expected);
    assert_int_equal(error.status, expected);
    assert_non_null(strstr(error.message, message));
    assert_null(db);
    assert_null(memmem(&error, sizeof error, canary, strlen(canary)));
}

/* ---- opening ---- */

static void test_session(void **state)
{
    fixture *f = *state;
    const tasker_session *s = tasker_db_session(f->db);
    assert_string_equal(s->schema.ptr, "public");
    assert_int_equal(s->schema.len, 6);
    assert_int_equal(s->schema_version, TASKER_SCHEMA_VERSION);
    assert_int_equal(s->server_version, PQserverVersion(tasker_db_conn(f->db)));
    assert_int_equal(s->backend_pid, PQbackendPID(tasker_db_conn(f->db)));
    assert_true(s->usable && s->synchronous_commit);
    assert_false(s->in_transaction || s->transaction_failed || s->tls || s->unprepared);
    assert_int_equal(tasker_db_error(f->db)->status, TASKER_OK);
}

static void test_application_name(void **state)
{
    static const char sql[] = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'of mine'";
    fixture f = *(fixture *)*state;
    tasker_db *db = db_test_open_with(&f, &(tasker_db_options){.application_name = TASKER_TEXT("of mine")});
    assert_int_equal(db_test_count(&f, sql), 1);
    tasker_db_close(db);
    db_test_wait(&f, sql, 0);
    strcat(f.conninfo, " application_name='of mine'");
    db = db_test_open(&f);
    assert_int_equal(db_test_count(&f, sql), 1);
    tasker_db_close(db);
}

static void test_bad_conninfo(void **state)
{
    (void)state;
    assert_refused("password=s3cr3t nonsense", NULL, TASKER_INVALID_ARGUMENT, "neither a connection string");
    assert_refused("postgresql://u:s3cr3t%zz@h/d", NULL, TASKER_INVALID_ARGUMENT, "neither a connection string");
    assert_refused("nosuch=1 password=s3cr3t", NULL, TASKER_INVALID_ARGUMENT, "neither a connection string");
    assert_refused("dbname=\xff", NULL, TASKER_INVALID_ARGUMENT, "not UTF-8");
    assert_refused("dbname=no_such_database password=s3cr3t", NULL, TASKER_INVALID_ARGUMENT, "no_such_database");
    assert_refused("user=no_such_role password=s3cr3t", NULL, TASKER_DENIED, "refused");
    assert_refused("host=/nonexistent password=s3cr3t", NULL, TASKER_DISCONNECTED, "no server answers");
    assert_refused("host=127.0.0.1 port=1 password=s3cr3t", NULL, TASKER_DISCONNECTED, "port 1");
    assert_refused("", &(tasker_db_options){.require_tls = true}, TASKER_DENIED, "require_tls");
}

static void test_bad_options(void **state)
{
    (void)state;
    char long_name[65];
    memset(long_name, 'x', 64);
    long_name[64] = '\0';
    const struct {
        tasker_db_options options;
        tasker_status status;
        const char *message;
    } bad[] = {
        {{.connect_timeout_ms = -2}, TASKER_INVALID_ARGUMENT, "timeout"},
        {{.call_timeout_ms = -2}, TASKER_INVALID_ARGUMENT, "timeout"},
        {{.schema = {"", 0}}, TASKER_INVALID_ARGUMENT, "schema"},
        {{.schema = {long_name, 64}}, TASKER_INVALID_ARGUMENT, "schema"},
        {{.schema = {"a\0b", 3}}, TASKER_INVALID_ARGUMENT, "schema"},
        {{.schema = {"\xc3", 1}}, TASKER_INVALID_ARGUMENT, "schema"},
        {{.schema = {NULL, 3}}, TASKER_INVALID_ARGUMENT, "schema"},
        {{.application_name = {long_name, 64}}, TASKER_INVALID_ARGUMENT, "application_name"},
        {{.limits = {.steps = -1}}, TASKER_INVALID_ARGUMENT, "limit"},
        {{.limits = {.reserved = {1}}}, TASKER_UNSUPPORTED, "reserved"},
        {{.reserved = {0, 0, 1}}, TASKER_UNSUPPORTED, "reserved"},
    };
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_refused("", &bad[i].options, bad[i].status, bad[i].message);
    assert_status(NULL, tasker_db_open(tasker_text_of(""), NULL, NULL, NULL), TASKER_INVALID_ARGUMENT);
    assert_status(NULL, tasker_db_wrap(NULL, NULL, NULL, NULL), TASKER_INVALID_ARGUMENT);
    tasker_db_close(NULL);
    assert_null(tasker_db_session(NULL));
    assert_null(tasker_db_conn(NULL));
    assert_int_equal(tasker_db_error(NULL)->status, TASKER_INVALID_ARGUMENT);
    assert_status(NULL, tasker_db_ping(NULL), TASKER_INVALID_ARGUMENT);
    assert_status(NULL, tasker_db_recover(NULL), TASKER_INVALID_ARGUMENT);
    tasker_db_cancel(NULL);
}

/* Somebody listens and never says a word. */
static void test_connect_timeout(void **state)
{
    (void)state;
    char folder[] = "/tmp/tasker-mute-XXXXXX", conninfo[128];
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    assert_non_null(mkdtemp(folder));
    snprintf(address.sun_path, sizeof address.sun_path, "%s/.s.PGSQL.5432", folder);
    int mute = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(mute, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(mute, 5), 0);
    snprintf(conninfo, sizeof conninfo, "host=%s port=5432 password=s3cr3t", folder);
    int64_t start = now_ms();
    assert_refused(conninfo, &(tasker_db_options){.connect_timeout_ms = 300}, TASKER_TIMEOUT, "within 300 ms");
    assert_in_range(now_ms() - start, 300, 550);
    close(mute);
    unlink(address.sun_path);
    rmdir(folder);
}

static void test_now_in_any_zone(void **state)
{
    fixture *f = *state;
    static const char *const zones[] = {"SET TimeZone = 'Asia/Tokyo'", "SET TimeZone = 'America/New_York'",
                                        "RESET TimeZone"};
    for (size_t i = 0; i < COUNT(zones); i++) {
        tasker_time now = {0};
        PQclear(PQexec(tasker_db_conn(f->db), zones[i]));
        assert_status(f->db, tasker_db_now(f->db, &now), TASKER_OK);
        assert_in_range(now.us / 1000000 - (int64_t)time(NULL) + 10, 0, 20);
    }
    assert_status(f->db, tasker_db_now(f->db, NULL), TASKER_OK);
}

/* ---- wrapping ---- */

static char *show(PGconn *conn, const char *sql, char answer[64])
{
    PGresult *result = PQexec(conn, sql);
    snprintf(answer, 64, "%s", PQntuples(result) == 1 ? PQgetvalue(result, 0, 0) : "?");
    PQclear(result);
    return answer;
}

static void test_wrap_changes_nothing(void **state)
{
    static const char *const settings[] = {"TimeZone",         "DateStyle",          "search_path",
                                           "application_name", "extra_float_digits", "client_min_messages",
                                           "statement_timeout"};
    fixture *f = *state;
    char before[COUNT(settings)][64], after[64], sql[64];
    tasker_db *db = NULL;
    const tasker_task_namespace *found = NULL;
    PGconn *conn = db_test_psql(f);
    PQclear(PQexec(conn, "SET TimeZone = 'Asia/Tokyo'; SET DateStyle = 'German'; SET extra_float_digits = 0;"
                         " SET search_path = pg_catalog; SET statement_timeout = '1h'"));
    for (size_t i = 0; i < COUNT(settings); i++) {
        snprintf(sql, sizeof sql, "SHOW %s", settings[i]);
        show(conn, sql, before[i]);
    }
    for (int nonblocking = 0; nonblocking < 2; nonblocking++) {
        PQsetnonblocking(conn, nonblocking);
        assert_status(NULL, tasker_db_wrap(conn, NULL, NULL, &db), TASKER_OK);
        assert_ptr_equal(tasker_db_conn(db), conn);
        assert_status(db, tasker_task_namespace_find_by_name(db, tasker_text_of("x"), &found), TASKER_OK);
        assert_int_equal(PQisnonblocking(conn), nonblocking);
        assert_int_equal(PQpipelineStatus(conn), PQ_PIPELINE_OFF);
        tasker_db_close(db);
        assert_int_equal(PQstatus(conn), CONNECTION_OK);
    }
    PQsetnonblocking(conn, 0);
    for (size_t i = 0; i < COUNT(settings); i++) {
        snprintf(sql, sizeof sql, "SHOW %s", settings[i]);
        assert_string_equal(show(conn, sql, after), before[i]);
    }
    PQfinish(conn);
}

static void test_wrap_inside_a_transaction(void **state)
{
    fixture *f = *state;
    const tasker_task_namespace_input input = {.name = TASKER_TEXT("wrapped")};
    tasker_db *db = NULL;
    PGconn *conn = db_test_psql(f);
    PQclear(PQexec(conn, "BEGIN; SET LOCAL statement_timeout = '2h'"));
    assert_status(NULL, tasker_db_wrap(conn, NULL, NULL, &db), TASKER_OK);
    assert_true(tasker_db_session(db)->in_transaction);
    assert_status(db, tasker_task_namespace_create(db, &input, NULL), TASKER_OK);
    tasker_db_close(db);
    char answer[64];
    assert_int_equal(PQtransactionStatus(conn), PQTRANS_INTRANS);
    assert_string_equal(show(conn, "SHOW statement_timeout", answer), "2h");
    assert_string_equal(show(conn, "SELECT count(*) FROM tasker_task_namespaces WHERE name = 'wrapped'", answer), "1");
    PQclear(PQexec(conn, "ROLLBACK"));
    assert_int_equal(db_test_count(f, "SELECT count(*) FROM tasker_task_namespaces WHERE name = 'wrapped'"), 0);
    PQfinish(conn);
}

static void assert_wrap(PGconn *conn, tasker_status expected)
{
    tasker_error error;
    tasker_db *db = (tasker_db *)1;
    tasker_status status = tasker_db_wrap(conn, NULL, &error, &db);
    assert_int_equal(status, expected);
    assert_int_equal(error.status, expected);
    assert_null(db);
}

static void test_wrap_refuses(void **state)
{
    fixture *f = *state;
    assert_wrap(NULL, TASKER_INVALID_ARGUMENT);
    PGconn *conn = PQconnectdb("host=/nonexistent");
    assert_wrap(conn, TASKER_DISCONNECTED);
    PQfinish(conn);
    conn = db_test_psql(f);
    PQenterPipelineMode(conn);
    assert_wrap(conn, TASKER_BUSY);
    PQexitPipelineMode(conn);
    PQsendQuery(conn, "SELECT 1");
    assert_wrap(conn, TASKER_BUSY);
    for (PGresult *r; (r = PQgetResult(conn)) != NULL;)
        PQclear(r);
    PQsetClientEncoding(conn, "LATIN1");
    assert_wrap(conn, TASKER_UNSUPPORTED);
    PQfinish(conn);
}

/* Between two calls the connection is its owner's. */
static void test_wrapped_link_in_turns(void **state)
{
    fixture *f = *state;
    tasker_db *db = NULL;
    char answer[64], sql[64];
    PGconn *conn = db_test_psql(f);
    assert_status(NULL, tasker_db_wrap(conn, NULL, NULL, &db), TASKER_OK);
    for (int i = 0; i < 3; i++) {
        assert_status(db, tasker_db_ping(db), TASKER_OK);
        assert_string_equal(show(conn, "SELECT 7", answer), "7");
    }
    PQsendQuery(conn, "SELECT 8");
    assert_status(db, tasker_db_ping(db), TASKER_BUSY);
    for (PGresult *r; (r = PQgetResult(conn)) != NULL;)
        PQclear(r);
    assert_status(db, tasker_db_ping(db), TASKER_OK);
    snprintf(sql, sizeof sql, "SELECT pg_terminate_backend(%d, 10000)::int", PQbackendPID(conn));
    db_test_exec(f, sql);
    assert_status(db, tasker_db_ping(db), TASKER_DISCONNECTED);
    assert_status(db, tasker_db_recover(db), TASKER_UNSUPPORTED);
    tasker_db_close(db);
    PQfinish(conn);
}

static void test_results_outlive_the_handle(void **state)
{
    const tasker_task_namespace_input input = {.name = TASKER_TEXT("outlives")};
    const tasker_task_namespace *row = NULL;
    tasker_db *db = db_test_open(*state);
    assert_status(db, tasker_task_namespace_create(db, &input, &row), TASKER_OK);
    tasker_db_close(db);
    assert_string_equal(row->name.ptr, "outlives");
    tasker_free(row);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_session),
        cmocka_unit_test(test_application_name),
        cmocka_unit_test(test_bad_conninfo),
        cmocka_unit_test(test_bad_options),
        cmocka_unit_test(test_connect_timeout),
        cmocka_unit_test(test_now_in_any_zone),
        cmocka_unit_test(test_wrap_changes_nothing),
        cmocka_unit_test(test_wrap_inside_a_transaction),
        cmocka_unit_test(test_wrap_refuses),
        cmocka_unit_test(test_wrapped_link_in_turns),
        cmocka_unit_test(test_results_outlive_the_handle),
    };
    return db_test_run(tests);
}
