/* SPDX-License-Identifier: MIT */
#include "queue_test.h"
#include "db/prepared.h"
#include "flow_test.h"
#include "statement/call.h"

/* What the wrappers have in common: RECORD and ROW are the columns, typed and plain. */
#define WRAPPERS                                                                                                       \
    "ALTER TYPE pgmq.message_record RENAME TO base_record;"                                                            \
    "ALTER FUNCTION pgmq.read(text, integer, integer, jsonb) RENAME TO base_read;"                                     \
    "ALTER FUNCTION pgmq.pop(text) RENAME TO base_pop;"                                                                \
    "ALTER FUNCTION pgmq.set_vt(text, bigint, integer) RENAME TO base_set_vt;"                                         \
    "CREATE TYPE pgmq.message_record AS (RECORD);"                                                                     \
    "CREATE FUNCTION pgmq.set_vt(q text, i bigint, vt integer) RETURNS SETOF pgmq.message_record LANGUAGE sql"         \
    " AS $$SELECT ROW FROM pgmq.base_set_vt(q, i, vt) b$$;"

/* Five columns, no headers, neither read nor sent, no visible length; drop fails when there is nothing. */
static const char as_1_4[] = WRAPPERS
    "CREATE FUNCTION pgmq.read(q text, vt integer, qty integer) RETURNS SETOF pgmq.message_record LANGUAGE sql"
    " AS $$SELECT ROW FROM pgmq.base_read(q, vt, qty) b$$;"
    "CREATE FUNCTION pgmq.pop(q text) RETURNS SETOF pgmq.message_record LANGUAGE sql"
    " AS $$SELECT ROW FROM pgmq.base_pop(q) b$$;"
    "DROP FUNCTION pgmq.send_batch(text, jsonb[], jsonb[], integer) CASCADE;"
    "DROP FUNCTION pgmq.metrics_all(), pgmq.metrics(text); DROP TYPE pgmq.metrics_result;"
    "CREATE TYPE pgmq.metrics_result AS (queue_name text, queue_length bigint, newest_msg_age_sec integer,"
    " oldest_msg_age_sec integer, total_messages bigint, scrape_time timestamptz);"
    "CREATE FUNCTION pgmq.metrics(q text) RETURNS pgmq.metrics_result LANGUAGE plpgsql AS $$"
    "DECLARE r pgmq.metrics_result; BEGIN EXECUTE format('SELECT %L, count(*),"
    " extract(epoch FROM now() - max(enqueued_at))::integer, extract(epoch FROM now() - min(enqueued_at))::integer,"
    " (SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM pgmq.q_%s_msg_id_seq), now() FROM pgmq.q_%s', q, q, "
    "q)"
    " INTO r; RETURN r; END$$;"
    "CREATE FUNCTION pgmq.metrics_all() RETURNS SETOF pgmq.metrics_result LANGUAGE sql"
    " AS $$SELECT m.* FROM pgmq.list_queues() l, pgmq.metrics(l.queue_name) m$$;"
    "ALTER FUNCTION pgmq.drop_queue(text) RENAME TO base_drop;"
    "CREATE FUNCTION pgmq.drop_queue(q text, partitioned boolean DEFAULT false) RETURNS boolean LANGUAGE plpgsql"
    " AS $$BEGIN IF NOT pgmq.base_drop(q) THEN RAISE EXCEPTION 'no such' USING ERRCODE = '42P01'; END IF;"
    " RETURN true; END$$;";

/* A column in the middle that the library does not know, and overloads that make untyped calls ambiguous. */
static const char as_1_10[] = WRAPPERS
    "CREATE FUNCTION pgmq.read(q text, vt integer, qty integer, conditional jsonb DEFAULT '{}')"
    " RETURNS SETOF pgmq.message_record LANGUAGE sql AS $$SELECT ROW FROM pgmq.base_read(q, vt, qty, conditional) b$$;"
    "CREATE FUNCTION pgmq.pop(q text, qty integer DEFAULT 1) RETURNS SETOF pgmq.message_record LANGUAGE sql"
    " AS $$SELECT ROW FROM pgmq.base_pop(q) b$$;"
    "CREATE FUNCTION pgmq.set_vt(q text, i bigint, vt timestamptz) RETURNS SETOF pgmq.message_record LANGUAGE sql"
    " AS $$SELECT NULL::pgmq.message_record$$;"
    "CREATE FUNCTION pgmq.set_vt(q text, i bigint[], vt integer) RETURNS SETOF pgmq.message_record LANGUAGE sql"
    " AS $$SELECT NULL::pgmq.message_record$$;";

static const char as_1_5[] = "SELECT 1"; /* as it is */

static const char itself[] = ""; /* pgmq, made by its own script */

queue_backend queue_backends[] = {
    {"tasker_queue", "tasker_queue", true, NULL}, {"pgmq 1.5", "pgmq", true, as_1_5},
    {"pgmq 1.4", "pgmq", false, as_1_4},          {"pgmq 1.10", "pgmq", true, as_1_10},
    {"pgmq itself", "pgmq", true, itself},
};

/* ---- pgmq itself ---- */

static char *script; /* NULL: the extension */

static bool read_script(void)
{
    enum { MOST = 1 << 20 };
    const char *path = getenv("TASKER_TEST_PGMQ");
    FILE *file = path != NULL ? fopen(path, "r") : NULL;
    if (path == NULL)
        return false;
    script = file != NULL ? calloc(1, MOST + 1) : NULL;
    assert_true(script != NULL && fread(script, 1, MOST, file) > 0 && feof(file));
    fclose(file);
    return true;
}

static bool server_has_extension(void)
{
    PGconn *conn = PQconnectdb("dbname=postgres");
    PGresult *found =
        PQexec(conn, "SELECT FROM pg_available_extensions WHERE name = 'pgmq' AND default_version >= '1.4'");
    bool has = PQntuples(found) > 0;
    PQclear(found);
    PQfinish(conn);
    return has;
}

size_t queue_test_count(void)
{
    static size_t count;
    if (count > 0)
        return count;
    count = COUNT(queue_backends);
    if (read_script())
        queue_backends[count - 1].headers = strstr(script, "headers") != NULL;
    else if (!server_has_extension()) {
        print_message(
            "# skipped: pgmq itself, which the server does not have; TASKER_TEST_PGMQ may name its pgmq.sql\n");
        count--;
    }
    return count;
}

static void make_itself(const fixture *f)
{
    db_test_exec(f, script != NULL ? "CREATE SCHEMA pgmq" : "CREATE EXTENSION pgmq");
    if (script != NULL)
        db_test_exec(f, script);
}

static const char five[] = "msg_id bigint, read_ct integer, enqueued_at timestamptz, vt timestamptz, message jsonb";
static const char seven[] = "msg_id bigint, read_ct integer, enqueued_at timestamptz, last_read_at timestamptz,"
                            " vt timestamptz, message jsonb, headers jsonb";

/* ---- making ---- */

static char *replaced(char *text, const char *mark, const char *value)
{
    char *made = tkr_expand(text, mark, value, "");
    assert_non_null(made);
    free(text);
    return made;
}

void queue_test_drop_pgmq(const fixture *f)
{
    db_test_exec(f, "DROP EXTENSION IF EXISTS pgmq CASCADE; DROP SCHEMA IF EXISTS pgmq CASCADE");
}

void queue_test_make_pgmq(const fixture *f, const queue_backend *backend)
{
    queue_test_drop_pgmq(f);
    if (backend->variant == itself) {
        make_itself(f);
        return;
    }
    for (const tkr_migration *m = tkr_migrations; m->version != 0; m++)
        if (strcmp(m->profile, "queue") == 0) {
            char *text = replaced(strdup(m->text), "{queue_schema}", "pgmq");
            db_test_exec(f, text);
            free(text);
        }
    db_test_exec(f, "DROP FUNCTION pgmq.version(), pgmq.next_vt(text), pgmq.set_notify(text, boolean),"
                    " pgmq.find_values(text, text, text[]),"
                    " pgmq.archive_because(text, bigint[], text[])");
    char *text = replaced(strdup(backend->variant), "RECORD", backend->headers ? seven : five);
    text = replaced(text, "ROW",
                    backend->headers ? "b.msg_id, b.read_ct, b.enqueued_at, now() - interval '1 year', b.vt, b.message,"
                                       " b.headers"
                                     : "b.msg_id, b.read_ct, b.enqueued_at, b.vt, b.message");
    db_test_exec(f, text);
    free(text);
}

tasker_db *queue_test_open_more(const fixture *f, const queue_backend *backend)
{
    return db_test_open_with(f, &(tasker_db_options){.queue_backend = backend->variant != NULL
                                                                          ? TASKER_QUEUE_BACKEND_PGMQ
                                                                          : TASKER_QUEUE_BACKEND_OWN});
}

tasker_db *queue_test_open(const fixture *f, const queue_backend *backend)
{
    if (backend->variant != NULL)
        queue_test_make_pgmq(f, backend);
    return queue_test_open_more(f, backend);
}

void queue_test_each(const fixture *f, queue_body body)
{
    for (size_t i = 0; i < queue_backend_count; i++) {
        char name[48];
        snprintf(name, sizeof name, "%s", new_plain_name("q"));
        print_message("# %s, queue %s\n", queue_backends[i].name, name);
        tasker_db *db = queue_test_open(f, &queue_backends[i]);
        assert_status(db, tasker_queue_create(db, T(name)), TASKER_OK);
        body(f, db, &queue_backends[i], T(name));
        tasker_db_close(db);
    }
    queue_test_drop_pgmq(f);
}

/* ---- calls ---- */

static const tasker_message_input message = {.message = TASKER_JSON("{}")};
static const int64_t number = 1;

#define CALL(function, ...)                                                                                            \
    static tasker_status run_##function(tasker_db *db, tasker_text queue)                                              \
    {                                                                                                                  \
        return tasker_queue_##function(db, queue, __VA_ARGS__);                                                        \
    }
CALL(set_notify, false)
CALL(measure, NULL)
CALL(send, &message, 1, 0, NULL)
CALL(read, 0, 1, NULL)
CALL(pop, 1, NULL)
CALL(delete, &number, 1, NULL)
CALL(archive, &number, 1, NULL)
CALL(set_vt, number, 0, NULL)
CALL(purge, NULL)
CALL(get_next_vt, NULL)

const queue_call queue_calls[] = {
    {"create", tasker_queue_create, true},
    {"send", run_send, false},
    {"measure", run_measure, false},
    {"read", run_read, false},
    {"pop", run_pop, false},
    {"delete", run_delete, false},
    {"archive", run_archive, false},
    {"set_vt", run_set_vt, false},
    {"get_next_vt", run_get_next_vt, false},
    {"set_notify", run_set_notify, true},
    {"purge", run_purge, true},
    {"drop", tasker_queue_drop, true},
};
const size_t queue_call_count = COUNT(queue_calls);

/* ---- messages ---- */

int64_t send_numbers(tasker_db *db, tasker_text queue, int first, size_t count, int32_t delay_seconds)
{
    tasker_message_input *messages = calloc(count, sizeof *messages);
    int64_t *ids = calloc(count, sizeof *ids);
    char(*bodies)[32] = calloc(count, sizeof *bodies);
    assert_true(messages != NULL && ids != NULL && bodies != NULL);
    for (size_t i = 0; i < count; i++) {
        snprintf(bodies[i], sizeof bodies[i], "{\"n\": %d}", first + (int)i);
        messages[i].message = tasker_json_of(bodies[i]);
    }
    assert_status(db, tasker_queue_send(db, queue, messages, count, delay_seconds, ids), TASKER_OK);
    for (size_t i = 1; i < count; i++)
        assert_true(ids[i] > ids[i - 1]);
    int64_t id = ids[0];
    free(messages), free(ids), free(bodies);
    return id;
}

const tasker_messages *read_some(tasker_db *db, tasker_text queue, int32_t vt_seconds, int32_t limit, size_t expected)
{
    const tasker_messages *list = NULL;
    assert_status(db, tasker_queue_read(db, queue, vt_seconds, limit, &list), TASKER_OK);
    assert_int_equal(list->count, expected);
    for (size_t i = 1; i < list->count; i++)
        assert_true(list->items[i]->msg_id > list->items[i - 1]->msg_id);
    return list;
}

void assert_visible(tasker_db *db, tasker_text queue, size_t expected)
{
    tasker_free(read_some(db, queue, 0, 1000, expected));
}

void send_result(tasker_db *db, tasker_text queue, tasker_uuid task_uuid, tasker_uuid step_uuid, const char *status,
                 const char *more)
{
    char body[1024];
    snprintf(body, sizeof body,
             "{\"step_uuid\": \"%s\", \"task_uuid\": \"%s\", \"namespace\": \"n\", \"status\": \"%s\", %s"
             " \"execution_time_ms\": 1500, \"metadata\": {\"worker_id\": \"ruby\", \"started_at\":"
             " \"2025-08-01T12:00:00Z\", \"completed_at\": \"2025-08-01T12:00:01Z\", \"custom\": {}}}",
             text_of(step_uuid), text_of(task_uuid), status, more);
    tasker_message_input input = {.message = tasker_json_of(body)};
    assert_status(db, tasker_queue_send(db, queue, &input, 1, 0, NULL), TASKER_OK);
}

long count_in(const fixture *f, const queue_backend *backend, char table, tasker_text queue)
{
    char sql[160];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM %s.%c_%s", backend->schema, table, queue.ptr);
    return db_test_count(f, sql);
}
