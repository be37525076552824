/* SPDX-License-Identifier: MIT */
/* Which backend a handle uses, and what installing does about tasker_queue. Each test has a database of its own. */
#include "queue_test.h"

static const queue_backend *const pgmq = &queue_backends[1];

static fixture make_database(const fixture *f, const char *name)
{
    fixture made = {.foreign = false};
    snprintf(made.database, sizeof made.database, "%.40s_%.20s", f->database, name);
    snprintf(made.conninfo, sizeof made.conninfo, "dbname='%s'", made.database);
    db_test_create_database(made.database);
    return made;
}

static void install(const fixture *f, bool without_queue, tasker_status expected)
{
    tasker_db *db = db_test_open_with(f, &(tasker_db_options){.any_schema = true});
    const tasker_schema_options options = {.without_queue = without_queue};
    assert_status(db, tasker_schema_install(db, &options), expected);
    tasker_db_close(db);
}

/* A handle with this option uses this backend; or, with NONE, says why it uses none. */
static void assert_backend(const fixture *f, tasker_queue_backend option, tasker_queue_backend expected,
                           const char *why)
{
    tasker_db *db = db_test_open_with(f, &(tasker_db_options){.queue_backend = option});
    assert_int_equal(tasker_db_session(db)->queue_backend, expected);
    if (expected != TASKER_QUEUE_BACKEND_NONE) {
        assert_status(db, tasker_queue_list(db, NULL), TASKER_OK);
    } else {
        for (size_t i = 0; i < queue_call_count; i++) {
            assert_status(db, queue_calls[i].run(db, T("q")), TASKER_NO_QUEUE);
            assert_message(db, why);
        }
        assert_status(db, tasker_queue_list(db, NULL), TASKER_NO_QUEUE);
        assert_status(db, tasker_db_ping(db), TASKER_OK);
        assert_status(db, tasker_db_begin(db, NULL), TASKER_OK);
        assert_status(db, tasker_queue_list(db, NULL), TASKER_NO_QUEUE);
        assert_false(tasker_db_session(db)->transaction_failed);
    }
    tasker_db_close(db);
}

#define DETECT TASKER_QUEUE_BACKEND_DETECT
#define PGMQ TASKER_QUEUE_BACKEND_PGMQ
#define OWN TASKER_QUEUE_BACKEND_OWN
#define NONE TASKER_QUEUE_BACKEND_NONE

static void set(const fixture *f, const char *value)
{
    char sql[160];
    snprintf(sql, sizeof sql, "ALTER DATABASE \"%s\" SET tasker.queue_backend = '%s'", f->database, value);
    db_test_exec(f, sql);
}

static void test_choice(void **state)
{
    fixture f = make_database(*state, "choice");
    install(&f, true, TASKER_OK);
    assert_backend(&f, DETECT, NONE, "neither pgmq nor tasker_queue is installed");
    assert_backend(&f, PGMQ, NONE, "pgmq is asked for");
    assert_backend(&f, OWN, NONE, "tasker_queue is asked for");
    queue_test_make_pgmq(&f, pgmq);
    assert_backend(&f, DETECT, PGMQ, NULL);
    assert_backend(&f, OWN, NONE, "tasker_queue is asked for");
    install(&f, true, TASKER_NOOP);
    assert_backend(&f, DETECT, PGMQ, NULL);
    install(&f, false, TASKER_OK); /* added later */
    install(&f, false, TASKER_NOOP);
    assert_backend(&f, DETECT, NONE, "say which");
    assert_backend(&f, PGMQ, PGMQ, NULL);
    assert_backend(&f, OWN, OWN, NULL);
    assert_backend(&f, NONE, NONE, "switched off");
    set(&f, "pgmq");
    assert_backend(&f, DETECT, PGMQ, NULL);
    assert_backend(&f, OWN, OWN, NULL);
    set(&f, "tasker_queue");
    assert_backend(&f, DETECT, OWN, NULL);
    set(&f, "none");
    assert_backend(&f, DETECT, NONE, "switched off");
    set(&f, "rabbit");
    assert_backend(&f, DETECT, NONE, "neither pgmq nor tasker_queue nor none");
    assert_backend(&f, PGMQ, PGMQ, NULL);
    set(&f, "");
    assert_backend(&f, DETECT, NONE, "say which");
    queue_test_drop_pgmq(&f);
    assert_backend(&f, DETECT, OWN, NULL);
    db_test_exec(&f, "CREATE OR REPLACE FUNCTION tasker_queue.version() RETURNS integer LANGUAGE sql AS 'SELECT 2'");
    assert_backend(&f, DETECT, NONE, "newer version");
    queue_test_make_pgmq(&f, pgmq);
    assert_backend(&f, DETECT, PGMQ, NULL);
    db_test_drop_database(f.database);
}

/* Half of a pgmq, or of ours, or without rights on it, is none. */
static void test_rights(void **state)
{
    fixture f = make_database(*state, "rights");
    char sql[512];
    install(&f, false, TASKER_OK);
    db_test_exec(&f, "CREATE SCHEMA pgmq; CREATE TYPE pgmq.message_record AS (msg_id bigint)");
    assert_backend(&f, DETECT, OWN, NULL);
    queue_test_make_pgmq(&f, pgmq);
    snprintf(sql, sizeof sql,
             "CREATE ROLE \"%s\" LOGIN; GRANT USAGE ON SCHEMA pgmq TO \"%s\"; GRANT USAGE ON SCHEMA public TO \"%s\";"
             " GRANT SELECT ON ALL TABLES IN SCHEMA public TO \"%s\"",
             f.database, f.database, f.database, f.database);
    db_test_exec(&f, sql);
    fixture as_role = f;
    snprintf(as_role.conninfo, sizeof as_role.conninfo, "dbname='%s' user='%s'", f.database, f.database);
    assert_backend(&as_role, DETECT, PGMQ, NULL);
    assert_backend(&as_role, OWN, NONE, "no USAGE");
    snprintf(sql, sizeof sql, "REVOKE USAGE ON SCHEMA pgmq FROM \"%s\"; GRANT USAGE ON SCHEMA tasker_queue TO \"%s\"",
             f.database, f.database);
    db_test_exec(&f, sql);
    assert_backend(&as_role, DETECT, OWN, NULL);
    assert_backend(&as_role, PGMQ, NONE, "no USAGE");
    snprintf(sql, sizeof sql, "DROP OWNED BY \"%s\"; DROP ROLE \"%s\"", f.database, f.database);
    db_test_exec(&f, sql);
    db_test_drop_database(f.database);
}

/* A new link looks again, and forgets the statements of the backend it used before. */
static void test_recovery(void **state)
{
    fixture f = make_database(*state, "recovery");
    char sql[96];
    install(&f, false, TASKER_OK);
    tasker_db *db = db_test_open(&f);
    for (int round = 0; round < 3; round++) {
        bool ours = round != 1;
        assert_int_equal(tasker_db_session(db)->queue_backend, ours ? OWN : PGMQ);
        assert_status(db, tasker_queue_create(db, T("q")), round < 2 ? TASKER_OK : TASKER_NOOP);
        send_numbers(db, T("q"), 1, 1, 0);
        assert_int_equal(count_in(&f, ours ? &queue_backends[0] : pgmq, 'q', T("q")), 1 + round / 2);
        if (round == 0) {
            queue_test_make_pgmq(&f, pgmq);
            set(&f, "pgmq");
        } else {
            set(&f, "tasker_queue");
        }
        snprintf(sql, sizeof sql, "SELECT pg_terminate_backend(%d)", tasker_db_session(db)->backend_pid);
        db_test_exec(&f, sql);
        while (tasker_db_ping(db) == TASKER_OK)
            ;
        assert_status(db, tasker_db_recover(db), TASKER_OK);
    }
    tasker_db_close(db);
    db_test_drop_database(f.database);
}

static size_t findings_of(tasker_db *db, const tasker_schema_options *options, const char *object)
{
    const tasker_findings *findings = NULL;
    assert_status(db, tasker_schema_verify(db, options, &findings), TASKER_OK);
    size_t count = findings->count;
    if (object != NULL) {
        assert_true(count > 0);
        assert_non_null(strstr(findings->items[0]->object.ptr, object));
    }
    tasker_free(findings);
    return count;
}

/* The installing handle can use queues at once; two schemas share them; verify and dump know them. */
static void test_installation(void **state)
{
    fixture f = make_database(*state, "install");
    const tasker_schema_options without = {.without_queue = true};
    const tasker_text *text = NULL;
    tasker_db *db = db_test_open_with(&f, &(tasker_db_options){.any_schema = true});
    assert_int_equal(tasker_db_session(db)->queue_backend, NONE);
    assert_status(db, tasker_schema_install(db, NULL), TASKER_OK);
    assert_int_equal(tasker_db_session(db)->queue_backend, OWN);
    assert_status(db, tasker_queue_create(db, T("shared")), TASKER_OK);
    assert_int_equal(findings_of(db, NULL, NULL), 0);
    tasker_db *second =
        db_test_open_with(&f, &(tasker_db_options){.schema = TASKER_TEXT("second"), .any_schema = true});
    assert_status(second, tasker_schema_install(second, NULL), TASKER_OK);
    assert_status(second, tasker_queue_create(second, T("shared")), TASKER_NOOP);
    assert_int_equal(findings_of(second, NULL, NULL), 0);
    tasker_db_close(second);
    db_test_exec(&f, "DROP FUNCTION tasker_queue.next_vt(text)");
    assert_int_equal(findings_of(db, NULL, "function next_vt(queue_name text)"), 1);
    db_test_exec(&f, "ALTER TABLE tasker_queue.queues ALTER notify DROP NOT NULL");
    assert_int_equal(findings_of(db, NULL, "column queues.notify"), 2);
    assert_int_equal(findings_of(db, &without, NULL), 0);
    tasker_db_close(db);
    assert_status(NULL, tasker_schema_dump(T("third"), &without, &text), TASKER_OK);
    assert_null(strstr(text->ptr, "CREATE SCHEMA tasker_queue"));
    assert_null(strstr(text->ptr, "{queue_schema}"));
    tasker_free(text);
    assert_status(NULL, tasker_schema_dump(T("third"), NULL, &text), TASKER_OK);
    assert_non_null(strstr(text->ptr, "CREATE SCHEMA tasker_queue"));
    assert_null(strstr(text->ptr, "{queue_schema}"));
    db_test_exec(&f, text->ptr); /* beside the one that is there */
    tasker_free(text);
    db_test_drop_database(f.database);
}

/* As docs/queue.md tells it, there and back. */
static void test_moving(void **state)
{
    fixture f = make_database(*state, "moving");
    char sql[1024];
    install(&f, false, TASKER_OK);
    queue_test_make_pgmq(&f, pgmq);
    set(&f, "tasker_queue");
    tasker_db *db = db_test_open(&f);
    assert_status(db, tasker_queue_create(db, T("orders")), TASKER_OK);
    send_numbers(db, T("orders"), 1, 3, 0);
    tasker_free(read_some(db, T("orders"), 1000, 1, 1));
    tasker_db_close(db);
    for (int back = 0; back < 2; back++) {
        const char *from = back ? "pgmq" : "tasker_queue", *to = back ? "tasker_queue" : "pgmq";
        snprintf(
            sql, sizeof sql,
            "BEGIN; SELECT %s.create('orders'); INSERT INTO %s.q_orders (read_ct, enqueued_at, vt, message, headers)"
            " SELECT read_ct, enqueued_at, vt, message, headers FROM %s.q_orders ORDER BY msg_id;"
            " SELECT %s.drop_queue('orders'); ALTER DATABASE \"%s\" SET tasker.queue_backend = '%s'; COMMIT",
            to, to, from, from, f.database, to);
        db_test_exec(&f, sql);
        db = db_test_open(&f);
        assert_int_equal(tasker_db_session(db)->queue_backend, back ? OWN : PGMQ);
        const tasker_messages *list = read_some(db, T("orders"), 0, 10, 2);
        assert_string_equal(list->items[0]->message.ptr, "{\"n\": 2}");
        assert_int_equal(list->items[0]->read_ct, back + 1);
        tasker_free(list);
        assert_status(db, tasker_queue_get_next_vt(db, T("orders"), NULL), TASKER_OK);
        tasker_db_close(db);
    }
    db_test_drop_database(f.database);
}

/* Somebody else's schema of our name is left alone, and nothing of ours is installed beside it. */
static void test_foreign_schema(void **state)
{
    fixture f = make_database(*state, "foreign");
    db_test_exec(&f, "CREATE SCHEMA tasker_queue; CREATE TABLE tasker_queue.queues (x int);"
                     " CREATE FUNCTION tasker_queue.version() RETURNS text LANGUAGE sql AS $$SELECT 'x'$$");
    tasker_db *db = db_test_open_with(&f, &(tasker_db_options){.any_schema = true});
    assert_status(db, tasker_schema_install(db, NULL), TASKER_SCHEMA_MISMATCH);
    assert_message(db, "tasker_queue of another program");
    assert_int_equal(
        db_test_count(&f, "SELECT count(*) FROM pg_class WHERE relname LIKE 'tasker\\_%' AND relkind = 'r'"), 0);
    assert_status(db, tasker_queue_list(db, NULL), TASKER_NO_QUEUE);
    tasker_db_close(db);
    install(&f, true, TASKER_OK);
    assert_backend(&f, DETECT, NONE, "neither");
    assert_int_equal(
        db_test_count(&f, "SELECT count(*) FROM pg_class WHERE relnamespace = 'tasker_queue'::regnamespace"), 1);
    db_test_drop_database(f.database);
}

/* Two schemas installed at the same time want one tasker_queue. */
static tasker_status install_schema(tasker_db *db, int i, void *context)
{
    char schema[16];
    tasker_db *mine = NULL;
    (void)db;
    snprintf(schema, sizeof schema, "racer_%d", i);
    const tasker_db_options options = {.schema = T(schema), .any_schema = true};
    tasker_status status = tasker_db_open(T(((const fixture *)context)->conninfo), &options, NULL, &mine);
    if (status == TASKER_OK)
        status = tasker_schema_install(mine, NULL);
    tasker_db_close(mine);
    return status;
}

static void test_race(void **state)
{
    fixture f = make_database(*state, "race");
    tasker_status statuses[RACERS];
    race(*state, install_schema, &f, statuses);
    for (int i = 0; i < RACERS; i++)
        assert_status(NULL, statuses[i], TASKER_OK);
    db_test_drop_database(f.database);
}

/* The session of a wrapped connection knows it, too. */
static void test_wrapped(void **state)
{
    fixture *f = *state;
    PGconn *conn = db_test_psql(f);
    tasker_db *db = NULL;
    assert_status(NULL, tasker_db_wrap(conn, NULL, NULL, &db), TASKER_OK);
    assert_int_equal(tasker_db_session(db)->queue_backend, OWN);
    assert_true(tasker_db_session(db)->queue_headers);
    assert_status(db, tasker_queue_list(db, NULL), TASKER_OK);
    tasker_db_close(db);
    PQfinish(conn);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_choice),       cmocka_unit_test(test_rights),         cmocka_unit_test(test_recovery),
        cmocka_unit_test(test_installation), cmocka_unit_test(test_foreign_schema), cmocka_unit_test(test_race),
        cmocka_unit_test(test_wrapped),      cmocka_unit_test(test_moving),
    };
    return db_test_run(tests);
}
