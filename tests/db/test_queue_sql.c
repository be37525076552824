/* SPDX-License-Identifier: MIT */
/*
 * The functions of tasker_queue as programs call them that are not ours: pgmq's names, arguments and answers, stricter
 * where pgmq lets mistakes pass, and rights that end at USAGE.
 */
#include "queue_test.h"

/* Runs sql, the answer's first value into value; the SQLSTATE, "" when it went well. */
static const char *run(PGconn *conn, const char *sql, char value[256])
{
    static char sqlstate[8];
    PGresult *result = PQexec(conn, sql);
    const char *code = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    snprintf(sqlstate, sizeof sqlstate, "%s", code != NULL ? code : "");
    snprintf(value, 256, "%s", PQntuples(result) > 0 && PQnfields(result) > 0 ? PQgetvalue(result, 0, 0) : "");
    PQclear(result);
    return sqlstate;
}

typedef struct line {
    const char *sql, *answer, *sqlstate;
} line;

static void run_lines(PGconn *conn, const line *lines, size_t count)
{
    char value[256];
    for (size_t i = 0; i < count; i++) {
        const char *sqlstate = run(conn, lines[i].sql, value);
        bool as_expected = strcmp(sqlstate, lines[i].sqlstate != NULL ? lines[i].sqlstate : "") == 0 &&
                           (lines[i].answer == NULL || strcmp(value, lines[i].answer) == 0);
        if (!as_expected)
            print_error("%s\nanswers %s %s, not %s %s\n", lines[i].sql, sqlstate, value,
                        lines[i].sqlstate != NULL ? lines[i].sqlstate : "", lines[i].answer);
        assert_true(as_expected);
    }
}
#define RUN_LINES(conn, lines) run_lines(conn, lines, COUNT(lines))

/* Whoever has pgmq 1.5 in mind finds all of it, with the same types. */
static void test_signatures(void **state)
{
    static const line lines[] = {
        {"SELECT tasker_queue.version()", "1", NULL},
        {"SELECT string_agg(attname || ' ' || format_type(atttypid, NULL), ', ' ORDER BY attnum) FROM pg_attribute"
         " WHERE attrelid = 'tasker_queue.message_record'::regclass AND attnum > 0",
         "msg_id bigint, read_ct integer, enqueued_at timestamp with time zone, vt timestamp with time zone,"
         " message jsonb, headers jsonb",
         NULL},
        {"SELECT string_agg(attname || ' ' || format_type(atttypid, NULL), ', ' ORDER BY attnum) FROM pg_attribute"
         " WHERE attrelid = 'tasker_queue.metrics_result'::regclass AND attnum > 0",
         "queue_name text, queue_length bigint, newest_msg_age_sec integer, oldest_msg_age_sec integer,"
         " total_messages bigint, scrape_time timestamp with time zone, queue_visible_length bigint",
         NULL},
        {"SELECT count(*) FROM (VALUES ('create(text)', 'void'), ('drop_queue(text)', 'bool'),"
         " ('list_queues()', 'record'), ('send(text,jsonb)', 'int8'), ('send(text,jsonb,integer)', 'int8'),"
         " ('send(text,jsonb,timestamptz)', 'int8'), ('send(text,jsonb,jsonb)', 'int8'),"
         " ('send(text,jsonb,jsonb,integer)', 'int8'), ('send(text,jsonb,jsonb,timestamptz)', 'int8'),"
         " ('send_batch(text,jsonb[])', 'int8'), ('send_batch(text,jsonb[],integer)', 'int8'),"
         " ('send_batch(text,jsonb[],timestamptz)', 'int8'), ('send_batch(text,jsonb[],jsonb[])', 'int8'),"
         " ('send_batch(text,jsonb[],jsonb[],integer)', 'int8'),"
         " ('send_batch(text,jsonb[],jsonb[],timestamptz)', 'int8'),"
         " ('read(text,integer,integer,jsonb)', 'message_record'),"
         " ('read_with_poll(text,integer,integer,integer,integer,jsonb)', 'message_record'),"
         " ('pop(text)', 'message_record'), ('delete(text,bigint)', 'bool'), ('delete(text,bigint[])', 'int8'),"
         " ('archive(text,bigint)', 'bool'), ('archive(text,bigint[])', 'int8'),"
         " ('set_vt(text,bigint,integer)', 'message_record'), ('purge_queue(text)', 'int8'),"
         " ('metrics(text)', 'metrics_result'), ('metrics_all()', 'metrics_result')) AS w (name, type)"
         " LEFT JOIN pg_proc p ON p.oid = to_regprocedure('tasker_queue.' || w.name)"
         " LEFT JOIN pg_type t ON t.oid = p.prorettype"
         " WHERE t.typname IS DISTINCT FROM w.type"
         " OR p.proretset <> (w.type IN ('int8', 'message_record', 'record') AND w.name !~ 'purge'"
         " OR w.name ~ 'metrics_all')",
         "0", NULL},
        {"SELECT count(*) FROM pg_event_trigger", "0", NULL},
    };
    PGconn *conn = db_test_psql(*state);
    RUN_LINES(conn, lines);
    PQfinish(conn);
}

/* One story, in order. */
static void test_answers(void **state)
{
    static const line lines[] = {
        {"SELECT tasker_queue.create('story')", "", NULL},
        {"SELECT tasker_queue.create('story')", "", NULL},
        {"SELECT count(*) FROM tasker_queue.list_queues() WHERE queue_name = 'story' AND NOT is_partitioned"
         " AND NOT is_unlogged AND created_at <= clock_timestamp()",
         "1", NULL},
        {"SELECT send FROM tasker_queue.send('story', '{\"a\": 1}')", "1", NULL},
        {"SELECT * FROM tasker_queue.send('story', '2', 0)", "2", NULL},
        {"SELECT * FROM tasker_queue.send('story', '3', now() + interval '1 hour')", "3", NULL},
        {"SELECT * FROM tasker_queue.send('story', '4', '{\"h\": 4}'::jsonb)", "4", NULL},
        {"SELECT * FROM tasker_queue.send('story', '5', '{\"h\": 5}'::jsonb, 3600)", "5", NULL},
        {"SELECT * FROM tasker_queue.send('story', '6', '{\"h\": 6}'::jsonb, now())", "6", NULL},
        {"SELECT string_agg(s::text, ' ') FROM tasker_queue.send_batch('story', '{7,8}'::jsonb[]) s", "7 8", NULL},
        {"SELECT string_agg(s::text, ' ') FROM tasker_queue.send_batch('story', '{9,10}'::jsonb[], 3600) s", "9 10",
         NULL},
        {"SELECT string_agg(s::text, ' ') FROM tasker_queue.send_batch('story', '{11}'::jsonb[], now()) s", "11", NULL},
        {"SELECT string_agg(s::text, ' ') FROM tasker_queue.send_batch('story', '{12,13}'::jsonb[],"
         " '{1,NULL}'::jsonb[]) s",
         "12 13", NULL},
        {"SELECT count(*) FROM tasker_queue.send_batch('story', '{}'::jsonb[])", "0", NULL},
        {"SELECT count(*) FROM tasker_queue.send_batch('story', NULL::jsonb[])", "0", NULL},
        {"SELECT string_agg(msg_id || ':' || message::text || coalesce(headers::text, '') || read_ct, ' ')"
         " FROM tasker_queue.read('story', 60, 3)",
         "1:{\"a\": 1}1 2:21 4:4{\"h\": 4}1", NULL},
        {"SELECT string_agg(msg_id::text, ' ') FROM tasker_queue.read('story', 0, 2, '{}')", "6 7", NULL},
        {"SELECT vt <= clock_timestamp() FROM tasker_queue.set_vt('story', 1, 0)", "t", NULL},
        {"SELECT string_agg(msg_id::text, ' ') FROM tasker_queue.read('story', 0, 9, '{\"a\": 1}')", "1", NULL},
        {"SELECT read_ct FROM tasker_queue.set_vt('story', 1, 100)", "2", NULL},
        {"SELECT count(*) FROM tasker_queue.set_vt('story', 99, 100)", "0", NULL},
        {"SELECT count(*) FROM tasker_queue.read('story', 60, 0)", "0", NULL},
        {"SELECT count(*) FROM tasker_queue.read('story', 60, -1)", NULL, "2201W"},
        {"SELECT string_agg(msg_id::text, ' ') FROM tasker_queue.read('story', -5, 1)", "6", NULL},
        {"SELECT msg_id || ' ' || read_ct FROM tasker_queue.pop('story')", "6 2", NULL},
        {"SELECT tasker_queue.delete('story', 6::bigint)", "f", NULL},
        {"SELECT tasker_queue.delete('story', 1::bigint)", "t", NULL},
        {"SELECT tasker_queue.delete('story', 1::bigint)", "f", NULL},
        {"SELECT string_agg(d::text, ' ' ORDER BY d) FROM tasker_queue.delete('story', '{2,1,3,99}'::bigint[]) d",
         "2 3", NULL},
        {"SELECT tasker_queue.archive('story', 4::bigint)", "t", NULL},
        {"SELECT tasker_queue.archive('story', 4::bigint)", "f", NULL},
        {"SELECT string_agg(d::text, ' ' ORDER BY d) FROM tasker_queue.archive('story', '{5,7,4}'::bigint[]) d", "5 7",
         NULL},
        {"SELECT string_agg(msg_id || ':' || message::text, ' ' ORDER BY msg_id) FROM tasker_queue.a_story"
         " WHERE archived_at <= clock_timestamp()",
         "4:4 5:5 7:7", NULL},
        {"SELECT concat_ws(' ', queue_name, queue_length, queue_visible_length, total_messages,"
         " newest_msg_age_sec IS NOT NULL, oldest_msg_age_sec < 60) FROM tasker_queue.metrics('story')",
         "story 6 4 13 t t", NULL},
        {"SELECT count(*) FROM tasker_queue.metrics_all() WHERE queue_name = 'story'", "1", NULL},
        {"SELECT tasker_queue.next_vt('story') > clock_timestamp() + interval '50 minutes'", "t", NULL},
        {"SELECT tasker_queue.purge_queue('story')", "6", NULL},
        {"SELECT count(*) FROM tasker_queue.a_story", "3", NULL},
        {"SELECT concat_ws(' ', newest_msg_age_sec, oldest_msg_age_sec) || total_messages"
         " FROM tasker_queue.metrics('story')",
         "13", NULL},
        {"SELECT tasker_queue.next_vt('story')", "", NULL},
        {"SELECT * FROM tasker_queue.send('story', '1')", "14", NULL},
        {"SELECT count(*) FROM tasker_queue.read_with_poll('story', 60, 1, 0)", "1", NULL},
        {"SELECT count(*) FROM tasker_queue.read_with_poll('story', 60, 1, 0)", "0", NULL},
        {"SELECT msg_id FROM tasker_queue.set_vt('story', 14, 0)", "14", NULL},
        {"SELECT clock_timestamp() - statement_timestamp() < interval '5 s'"
         " FROM tasker_queue.read_with_poll('story', 1, 1, 30)",
         "t", NULL},
        {"SELECT count(*) FROM tasker_queue.read_with_poll('story', 60, 1, 10, 20)", "1", NULL}, /* it comes back */
        {"SELECT tasker_queue.drop_queue('story')", "t", NULL},
        {"SELECT tasker_queue.drop_queue('story')", "f", NULL},
        {"SELECT to_regclass('tasker_queue.q_story') IS NULL AND to_regclass('tasker_queue.a_story') IS NULL", "t",
         NULL},
    };
    PGconn *conn = db_test_psql(*state);
    RUN_LINES(conn, lines);
    PQfinish(conn);
}

/* Where pgmq stores something odd, or stumbles: a clear SQLSTATE. */
static void test_strictness(void **state)
{
    static const line lines[] = {
        {"SELECT tasker_queue.create('strict')", "", NULL},
        {"SELECT tasker_queue.create(NULL)", NULL, "22004"},
        {"SELECT tasker_queue.create('')", NULL, "22023"},
        {"SELECT tasker_queue.create('Strict')", NULL, "22023"},
        {"SELECT tasker_queue.create(E'strict\\n')", NULL, "22023"},
        {"SELECT tasker_queue.create('str ict')", NULL, "22023"},
        {"SELECT tasker_queue.create('1strict')", NULL, "22023"},
        {"SELECT tasker_queue.create(U&'stri\\0441t')", NULL, "22023"},
        {"SELECT tasker_queue.create(repeat('q', 48))", NULL, "22023"},
        {"SELECT tasker_queue.drop_queue('strict; DROP TABLE x')", NULL, "22023"},
        {"SELECT tasker_queue.send('a'' || pg_sleep(1)', '1')", NULL, "22023"},
        {"SELECT tasker_queue.send('strict', NULL)", NULL, "22004"},
        {"SELECT tasker_queue.send(NULL, '1')", NULL, "22004"},
        {"SELECT tasker_queue.send('strict', '1', NULL::integer)", NULL, "22004"},
        {"SELECT tasker_queue.send_batch('strict', '{1,NULL}'::jsonb[])", NULL, "22004"},
        {"SELECT tasker_queue.send_batch('strict', '{1,2}'::jsonb[], '{1}'::jsonb[])", NULL, "22023"},
        {"SELECT tasker_queue.send_batch('strict', '{1}'::jsonb[], '{1,2}'::jsonb[])", NULL, "22023"},
        {"SELECT tasker_queue.read(NULL, 1, 1)", NULL, "22004"},
        {"SELECT tasker_queue.read('strict', NULL, 1)", NULL, "22004"},
        {"SELECT tasker_queue.read('strict', 1, NULL)", NULL, "22004"},
        {"SELECT tasker_queue.set_vt('strict', 1, NULL)", NULL, "22004"},
        {"SELECT tasker_queue.send('nowhere', '1')", NULL, "42P01"},
        {"SELECT tasker_queue.read('nowhere', 1, 1)", NULL, "42P01"},
        {"SELECT tasker_queue.pop('nowhere')", NULL, "42P01"},
        {"SELECT tasker_queue.set_vt('nowhere', 1, 1)", NULL, "42P01"},
        {"SELECT tasker_queue.delete('nowhere', 1::bigint)", NULL, "42P01"},
        {"SELECT tasker_queue.archive('nowhere', 1::bigint)", NULL, "42P01"},
        {"SELECT tasker_queue.metrics('nowhere')", NULL, "42P01"},
        {"SELECT tasker_queue.purge_queue('nowhere')", NULL, "42P01"},
        {"SELECT tasker_queue.next_vt('nowhere')", NULL, "42P01"},
        {"SELECT tasker_queue.set_notify('nowhere', true)", NULL, "42P01"},
        {"SELECT tasker_queue.delete('strict', gen_random_uuid())", NULL, "42883"},
        {"SELECT queue_length FROM tasker_queue.metrics('strict')", "0", NULL},
        {"SELECT tasker_queue.drop_queue('strict')", "t", NULL},
    };
    PGconn *conn = db_test_psql(*state);
    RUN_LINES(conn, lines);
    PQfinish(conn);
}

/* USAGE is enough to work; making and emptying is the owner's; and nobody lends his search path to the owner. */
static void test_rights(void **state)
{
    static const line lines[] = {
        {"SELECT tasker_queue.create('mine')", "", NULL},
        {"SELECT tasker_queue.create('another')", NULL, "42501"},
        {"SELECT tasker_queue.make_queue('another')", NULL, "42501"},
        {"SELECT tasker_queue.drop_queue('mine')", NULL, "42501"},
        {"SELECT tasker_queue.purge_queue('mine')", NULL, "42501"},
        {"SELECT tasker_queue.set_notify('mine', true)", NULL, "42501"},
        {"SELECT count(*) FROM tasker_queue.q_mine", NULL, "42501"},
        {"SELECT count(*) FROM tasker_queue.queues", NULL, "42501"},
        {"SELECT * FROM tasker_queue.send_batch('mine', '{1,2,3,4}'::jsonb[])", "1", NULL},
        {"SELECT msg_id FROM tasker_queue.read('mine', 60, 1)", "1", NULL},
        {"SELECT msg_id FROM tasker_queue.set_vt('mine', 1, 0)", "1", NULL},
        {"SELECT tasker_queue.delete('mine', 1::bigint)", "t", NULL},
        {"SELECT tasker_queue.archive('mine', 2::bigint)", "t", NULL},
        {"SELECT msg_id FROM tasker_queue.pop('mine')", "3", NULL},
        {"SELECT msg_id FROM tasker_queue.read_with_poll('mine', 60, 1)", "4", NULL},
        {"SELECT queue_length FROM tasker_queue.metrics('mine')", "1", NULL},
        {"SELECT count(*) FROM tasker_queue.metrics_all() WHERE queue_name = 'mine'", "1", NULL},
        {"SELECT count(*) FROM tasker_queue.list_queues() WHERE queue_name = 'mine'", "1", NULL},
        {"SELECT tasker_queue.next_vt('mine') IS NOT NULL", "t", NULL},
        {"CREATE TEMP TABLE pg_proc (x int); CREATE TEMP TABLE queues (queue_name text);"
         " CREATE FUNCTION pg_temp.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS 'SELECT NULL::timestamptz';"
         " CREATE DOMAIN pg_temp.text AS pg_catalog.text CHECK (false);"
         " SET search_path = pg_temp, pg_catalog",
         "", NULL},
        {"SELECT * FROM tasker_queue.send('mine', '5', 0)", "5", NULL},
        {"SELECT msg_id FROM tasker_queue.read('mine', 60, 1)", "5", NULL},
    };
    fixture *f = *state;
    char sql[512];
    db_test_exec(f, "SELECT tasker_queue.create('mine')");
    snprintf(sql, sizeof sql,
             "CREATE ROLE \"%s\" LOGIN; GRANT USAGE ON SCHEMA tasker_queue, public TO \"%s\";"
             " GRANT SELECT ON ALL TABLES IN SCHEMA public TO \"%s\"",
             f->database, f->database, f->database);
    db_test_exec(f, sql);
    snprintf(sql, sizeof sql, "%s user='%s'", f->conninfo, f->database);
    PGconn *conn = PQconnectdb(sql);
    assert_int_equal(PQstatus(conn), CONNECTION_OK);
    RUN_LINES(conn, lines);
    PQfinish(conn);
    tasker_db *db = NULL;
    assert_status(NULL, tasker_db_open(tasker_text_of(sql), NULL, NULL, &db), TASKER_OK);
    for (size_t i = 0; i < queue_call_count; i++) {
        bool denied = queue_calls[i].for_owners && strcmp(queue_calls[i].name, "create") != 0;
        tasker_status status = queue_calls[i].run(db, T("mine"));
        assert_int_equal(status == TASKER_DENIED, denied);
        if (denied)
            assert_message(db, "queue \"mine\"");
    }
    assert_status(db, tasker_queue_create(db, T("another")), TASKER_DENIED);
    tasker_db_close(db);
    snprintf(sql, sizeof sql, "REVOKE USAGE ON SCHEMA tasker_queue FROM \"%s\"", f->database);
    db_test_exec(f, sql);
    snprintf(sql, sizeof sql, "%s user='%s'", f->conninfo, f->database);
    assert_status(NULL, tasker_db_open(tasker_text_of(sql), NULL, NULL, &db), TASKER_OK);
    assert_status(db, tasker_queue_read(db, T("mine"), 1, 1, NULL), TASKER_NO_QUEUE);
    tasker_db_close(db);
    snprintf(sql, sizeof sql, "DROP OWNED BY \"%s\"; DROP ROLE \"%s\"; SELECT tasker_queue.drop_queue('mine')",
             f->database, f->database);
    db_test_exec(f, sql);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signatures),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_strictness),
        cmocka_unit_test(test_rights),
    };
    return db_test_run(tests);
}
