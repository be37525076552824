/* SPDX-License-Identifier: MIT */
/*
 * Our order, text and times against PostgreSQL's own. Plain libpq and temporary tables: the schema plays no part.
 * Without a server (TASKER_TEST_SERVER unset) the tests skip, or fail if TASKER_TEST_REQUIRE_SERVER is set.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <libpq-fe.h>

#include "tasker/uuid.h"

#define IN_ORDER 1000000
#define PAIRS 10000
#define TIMES 100000
#define STRINGS 50000
#define SECOND INT64_C(1000000)
#define NOON INT64_C(1754049600000000)

static PGconn *server;
static tasker_uuid ids[IN_ORDER];

static void run(const char *sql)
{
    PGresult *result = PQexec(server, sql);
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_COPY_IN) {
        fail_msg("%s: %s", sql, PQerrorMessage(server));
    }
    PQclear(result);
}

/* The first column of the only row. Valid until the next call. */
static const char *ask(const char *sql)
{
    static char answer[4096];
    PGresult *result = PQexec(server, sql);
    if (PQresultStatus(result) != PGRES_TUPLES_OK) {
        fail_msg("%s: %s", sql, PQerrorMessage(server));
    }
    snprintf(answer, sizeof(answer), "%s", PQntuples(result) == 0 ? "" : PQgetvalue(result, 0, 0));
    PQclear(result);
    return answer;
}

static void expect(const char *sql, const char *answer)
{
    assert_string_equal(ask(sql), answer);
}

/* ---- COPY in binary: a uuid goes as its 16 bytes ---- */

static char buffer[65536];
static size_t filled;

static void flush(void)
{
    assert_int_equal(PQputCopyData(server, buffer, (int)filled), 1);
    filled = 0;
}

static void put(const void *bytes, size_t size)
{
    if (filled + size > sizeof(buffer)) {
        flush();
    }
    memcpy(buffer + filled, bytes, size);
    filled += size;
}

static void put_number(uint64_t value, size_t size)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)(value >> 8 * (size - 1 - i));
    }
    put(bytes, size);
}

static void begin_copy(const char *sql)
{
    run(sql);
    put("PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19);
}

static void end_copy(void)
{
    put_number(UINT16_MAX, 2);
    flush();
    assert_int_equal(PQputCopyEnd(server, NULL), 1);
    PGresult *result = PQgetResult(server);
    if (PQresultStatus(result) != PGRES_COMMAND_OK) {
        fail_msg("COPY: %s", PQerrorMessage(server));
    }
    PQclear(result);
    while ((result = PQgetResult(server)) != NULL) {
        PQclear(result);
    }
}

static void put_int8(int64_t value)
{
    put_number(8, 4);
    put_number((uint64_t)value, 8);
}

static void put_uuid(const tasker_uuid *uuid)
{
    if (uuid == NULL) {
        put_number(UINT32_MAX, 4);
        return;
    }
    put_number(sizeof(*uuid), 4);
    put(uuid->bytes, sizeof(*uuid));
}

static void put_text(const char *text)
{
    put_number(strlen(text), 4);
    put(text, strlen(text));
}

static uint64_t random_state = 88172645463325252u;

static uint64_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static tasker_uuid any_uuid(void)
{
    tasker_uuid uuid;
    uint64_t words[2] = {next_random(), next_random()};
    memcpy(&uuid, words, sizeof(uuid));
    return uuid;
}

/* ---- tests ---- */

static void generated_in_postgres_order(void **state)
{
    (void)state;
    for (size_t i = 0; i < IN_ORDER; i += i % 2000 < 1000 ? 1 : 1000) {
        tasker_status status =
            i % 2000 < 1000 ? tasker_uuid_generate(&ids[i]) : tasker_uuid_generate_many(1000, &ids[i]);
        assert_int_equal(status, TASKER_OK);
    }
    run("CREATE TEMP TABLE made (n int8, id uuid)");
    begin_copy("COPY made FROM STDIN (FORMAT binary)");
    for (size_t i = 0; i < IN_ORDER; i++) {
        put_number(2, 2);
        put_int8((int64_t)i);
        put_uuid(&ids[i]);
    }
    end_copy();
    expect("SELECT count(*) FROM (SELECT id, lag(id) OVER (ORDER BY n) AS before FROM made) AS m WHERE id <= before",
           "0");
    expect("SELECT count(DISTINCT id) FROM made", "1000000");
}

static void compared_as_postgres_does(void **state)
{
    (void)state;
    run("CREATE TEMP TABLE pairs (a uuid, b uuid, sign int8)");
    begin_copy("COPY pairs FROM STDIN (FORMAT binary)");
    for (size_t i = 0; i < PAIRS; i++) {
        tasker_uuid a = any_uuid(), b = any_uuid();
        size_t same = next_random() % 17; /* often alike up to some byte */
        memcpy(b.bytes, a.bytes, same);
        put_number(3, 2);
        put_uuid(&a);
        put_uuid(&b);
        put_int8(tasker_uuid_compare(&a, &b));
    }
    end_copy();
    expect("SELECT count(*) FROM pairs WHERE (a > b)::int - (a < b)::int <> sign", "0");
    expect("SELECT count(*) > 100 FROM pairs WHERE a = b", "t");
}

static void written_as_postgres_does(void **state)
{
    (void)state;
    run("CREATE TEMP TABLE texts (id uuid, text text)");
    begin_copy("COPY texts FROM STDIN (FORMAT binary)");
    for (size_t i = 0; i < TIMES; i++) {
        char text[TASKER_UUID_TEXT_SIZE];
        tasker_uuid uuid = any_uuid();
        put_number(2, 2);
        put_uuid(&uuid);
        put_text(tasker_uuid_format(&uuid, text));
    }
    end_copy();
    expect("SELECT count(*) FROM texts WHERE id::text <> text", "0");
}

/* A uuid's text, changed a little: hyphens and braces put in and taken out, characters replaced, cut, doubled. */
static void make_string(char *text, size_t size)
{
    static const char near[] = "0123456789abcdefABCDEFg-{} G/:@`\t";
    tasker_uuid uuid = any_uuid();
    char digits[TASKER_UUID_TEXT_SIZE];
    size_t len = 0, every = next_random() % 3 == 0 ? next_random() % 9 + 1 : 4;
    bool canonical = next_random() % 3 == 0, braces = next_random() % 4 == 0;
    tasker_uuid_format(&uuid, digits);
    if (braces) {
        text[len++] = '{';
    }
    for (size_t i = 0, n = 0; i < 36; i++) {
        if (digits[i] == '-') {
            if (canonical) {
                text[len++] = '-';
            }
            continue;
        }
        if (!canonical && n > 0 && n % every == 0 && next_random() % 2 == 0) {
            text[len++] = '-';
        }
        text[len++] = digits[i];
        n++;
    }
    if (braces) {
        text[len++] = '}';
    }
    for (uint64_t changes = next_random() % 3; changes > 0; changes--) {
        size_t at = next_random() % len;
        if (next_random() % 3 == 0 && len + 2 < size) {
            memmove(text + at + 1, text + at, len - at);
            len++;
        } else if (next_random() % 3 == 0) {
            memmove(text + at, text + at + 1, len - at - 1);
            len--;
        }
        text[at] = near[next_random() % (sizeof(near) - 1)];
    }
    text[len] = '\0';
}

static void read_as_postgres_does(void **state)
{
    (void)state;
    run("CREATE FUNCTION pg_temp.read(text) RETURNS uuid LANGUAGE plpgsql AS $$"
        "BEGIN RETURN $1::uuid; EXCEPTION WHEN invalid_text_representation THEN RETURN NULL; END $$");
    run("CREATE TEMP TABLE strings (text text, id uuid)");
    begin_copy("COPY strings FROM STDIN (FORMAT binary)");
    for (size_t i = 0; i < STRINGS; i++) {
        char text[128];
        tasker_uuid uuid;
        make_string(text, sizeof(text));
        tasker_status status = tasker_uuid_parse_lenient(tasker_text_of(text), NULL, &uuid);
        put_number(2, 2);
        put_text(text);
        put_uuid(status == TASKER_OK ? &uuid : NULL);
    }
    end_copy();
    expect("SELECT text FROM strings WHERE pg_temp.read(text) IS DISTINCT FROM id LIMIT 1", "");
    expect("SELECT count(id) > 5000 AND count(*) - count(id) > 5000 FROM strings", "t");
}

/* From PostgreSQL 18 on, which knows version 7. */
static void times_as_postgres_reads_them(void **state)
{
    (void)state;
    run("CREATE TEMP TABLE times (id uuid, ms int8, version int8)");
    begin_copy("COPY times FROM STDIN (FORMAT binary)");
    for (size_t i = 0; i < TIMES; i++) {
        tasker_uuid uuid = any_uuid();
        tasker_time time = {-1};
        if (i % 2 == 0) { /* up to the year 5000 or so */
            time.us = (int64_t)(next_random() % UINT64_C(100000000000000000));
            assert_int_equal(tasker_uuid_generate_at(NULL, time, &uuid), TASKER_OK);
            assert_int_equal(tasker_uuid_get_time(&uuid, TASKER_UUID_GRAIN_MS, &time), TASKER_OK);
        }
        put_number(3, 2);
        put_uuid(&uuid);
        put_int8(time.us / 1000);
        put_int8(tasker_uuid_variant(&uuid) == 2 ? tasker_uuid_version(&uuid) : -1);
    }
    end_copy();
    expect("SELECT count(*) FROM times WHERE coalesce(uuid_extract_version(id), -1) <> version", "0");
    expect("SELECT count(*) FROM times WHERE ms > 0"
           " AND (extract(epoch FROM date_trunc('milliseconds', uuid_extract_timestamp(id))) * 1000)::int8 <> ms",
           "0");
    for (int i = 0; i < 100; i++) { /* and its own ids as we read them */
        tasker_uuid uuid;
        tasker_time time;
        int64_t before = strtoll(ask("SELECT (extract(epoch FROM clock_timestamp()) * 1e6)::int8"), NULL, 10);
        assert_int_equal(tasker_uuid_parse(tasker_text_of(ask("SELECT uuidv7()")), NULL, &uuid), TASKER_OK);
        int64_t after = strtoll(ask("SELECT (extract(epoch FROM clock_timestamp()) * 1e6)::int8"), NULL, 10);
        assert_int_equal(tasker_uuid_get_time(&uuid, TASKER_UUID_GRAIN_US, &time), TASKER_OK);
        assert_in_range(time.us, before, after + 1);
    }
}

static void ask_range(char *out, size_t size, const char *select, int64_t since, int64_t until, tasker_uuid_grain grain)
{
    tasker_uuid bounds[2];
    char texts[2][TASKER_UUID_TEXT_SIZE];
    assert_int_equal(tasker_uuid_lower_bound((tasker_time){since}, grain, &bounds[0]), TASKER_OK);
    assert_int_equal(tasker_uuid_lower_bound((tasker_time){until}, grain, &bounds[1]), TASKER_OK);
    snprintf(out, size, "%s FROM dated WHERE id >= '%s' AND id < '%s'", select,
             tasker_uuid_format(&bounds[0], texts[0]), tasker_uuid_format(&bounds[1], texts[1]));
}

/* Ranges by id find what ranges by the time find, and find it through the primary key. */
static void bounds_find_rows(void **state)
{
    (void)state;
    tasker_uuid_series series = {{0}};
    run("CREATE TEMP TABLE dated (id uuid PRIMARY KEY, us int8)");
    begin_copy("COPY dated FROM STDIN (FORMAT binary)");
    for (size_t i = 0; i < TIMES; i++) {
        tasker_uuid uuid;
        int64_t us = NOON + (int64_t)(next_random() % (uint64_t)(100 * SECOND));
        assert_int_equal(tasker_uuid_generate_at(&series, (tasker_time){us}, &uuid), TASKER_OK);
        put_number(2, 2);
        put_uuid(&uuid);
        put_int8(us);
    }
    end_copy();
    run("ANALYZE dated");
    char sql[512], expected[32];
    for (int i = 0; i < 200; i++) {
        bool fine = i % 2 == 1;
        int64_t since = NOON + (int64_t)(next_random() % (uint64_t)(100 * SECOND));
        int64_t until = since + (int64_t)(next_random() % (uint64_t)SECOND);
        if (!fine) {
            since -= since % 1000;
            until -= until % 1000;
        }
        snprintf(sql, sizeof(sql), "SELECT count(*) FROM dated WHERE us >= %lld AND us < %lld", (long long)since,
                 (long long)until);
        snprintf(expected, sizeof(expected), "%s", ask(sql));
        ask_range(sql, sizeof(sql), "SELECT count(*)", since, until,
                  fine ? TASKER_UUID_GRAIN_US : TASKER_UUID_GRAIN_MS);
        expect(sql, expected);
    }
    ask_range(sql, sizeof(sql), "EXPLAIN (FORMAT json) SELECT *", NOON, NOON + SECOND / 10, TASKER_UUID_GRAIN_MS);
    assert_non_null(strstr(ask(sql), "Index Cond"));
}

static void equal_times_keep_their_order(void **state)
{
    (void)state;
    tasker_uuid_series series = {{0}};
    run("CREATE TEMP TABLE backfilled (n int8, us int8, id uuid)");
    begin_copy("COPY backfilled FROM STDIN (FORMAT binary)");
    for (int64_t i = 0; i < TIMES; i++) {
        tasker_uuid uuid;
        int64_t us = NOON + (int64_t)(next_random() % 300); /* some hundred rows to the microsecond, in no order */
        assert_int_equal(tasker_uuid_generate_at(&series, (tasker_time){us}, &uuid), TASKER_OK);
        put_number(3, 2);
        put_int8(i);
        put_int8(us);
        put_uuid(&uuid);
    }
    end_copy();
    expect("SELECT count(*) FROM (SELECT row_number() OVER (ORDER BY id) - row_number() OVER (ORDER BY us, n) AS off"
           " FROM backfilled) AS b WHERE off <> 0",
           "0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(generated_in_postgres_order),
        cmocka_unit_test(compared_as_postgres_does),
        cmocka_unit_test(written_as_postgres_does),
        cmocka_unit_test(read_as_postgres_does),
        cmocka_unit_test(bounds_find_rows),
        cmocka_unit_test(equal_times_keep_their_order),
    };
    const struct CMUnitTest tests_18[] = {
        cmocka_unit_test(generated_in_postgres_order),
        cmocka_unit_test(compared_as_postgres_does),
        cmocka_unit_test(written_as_postgres_does),
        cmocka_unit_test(read_as_postgres_does),
        cmocka_unit_test(bounds_find_rows),
        cmocka_unit_test(equal_times_keep_their_order),
        cmocka_unit_test(times_as_postgres_reads_them),
    };
    if (getenv("TASKER_TEST_SERVER") == NULL) {
        bool is_required = getenv("TASKER_TEST_REQUIRE_SERVER") != NULL;
        printf(is_required ? "Bail out! no server\n" : "1..0 # SKIP no server: run scripts/with-postgres\n");
        return is_required;
    }
    server = PQconnectdb("");
    if (PQstatus(server) != CONNECTION_OK) {
        printf("Bail out! %s", PQerrorMessage(server));
        return 1;
    }
    run("SET client_min_messages = warning");
    int failures = PQserverVersion(server) >= 180000
                       ? cmocka_run_group_tests_name("uuid order", tests_18, NULL, NULL)
                       : cmocka_run_group_tests_name("uuid order, before 18", tests, NULL, NULL);
    PQfinish(server);
    return failures;
}
