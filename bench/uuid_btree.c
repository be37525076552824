/* SPDX-License-Identifier: MIT */
/*
 * What primary keys of version 7 cost a table, against bigserial and against random keys (version 4).
 *
 *     scripts/with-postgres uuid_btree [--check] [--json FILE] [--rows N]
 *
 * For each kind of key a table (id, p int4) is loaded by COPY and by INSERT, three times by turns, and then probed by
 * key. CPU is the backend's own, read from /proc, so the server must run on this machine. --check exits with 1 where
 * version 7 is over a limit of its ratio to bigserial.
 */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uuid/uuid.h>

#include "figures.h"
#include "report.h"
#include "tasker/uuid.h"

#define REPEATS 3
#define PIECE 1000

typedef enum key_kind { SERIAL, VERSION_7, VERSION_4, KINDS } key_kind;
typedef enum aspect {
    COPY_CPU,
    INSERT_CPU,
    PROBE_CPU,
    COPY_WAL,
    INSERT_WAL,
    INDEX_SIZE,
    HEAP_SIZE,
    DENSITY,
    FIGURES
} aspect;

static const char *const kind_names[KINDS] = {"bigserial", "version 7", "version 4"};
static const struct {
    const char *text;
    double must; /* of version 7 to bigserial; 0: told only */
} aspects[FIGURES] = {
    [COPY_CPU] = {"COPY, CPU s", 1.10},
    [INSERT_CPU] = {"INSERT .. SELECT, CPU s", 1.10},
    [PROBE_CPU] = {"probes by key, CPU s", 1.15},
    [COPY_WAL] = {"COPY, WAL MB", 0},
    [INSERT_WAL] = {"INSERT .. SELECT, WAL MB", 1.12},
    [INDEX_SIZE] = {"primary key, MB", 1.45},
    [HEAP_SIZE] = {"heap, MB", 0},
    [DENSITY] = {"leaf density, %", 0},
};

static PGconn *server;
static double found[KINDS][FIGURES][REPEATS];

static _Noreturn void give_up(const char *what)
{
    fprintf(stderr, "uuid_btree: %s: %s", what, PQerrorMessage(server));
    exit(2);
}

static double ask(const char *sql)
{
    PGresult *result = PQexec(server, sql);
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_COPY_IN) {
        give_up(sql);
    }
    double answer = PQntuples(result) > 0 && PQnfields(result) > 0 ? strtod(PQgetvalue(result, 0, 0), NULL) : 0;
    PQclear(result);
    return answer;
}

/* How much has been logged since the server was made. */
static double wal_mb(void)
{
    return ask("SELECT (pg_current_wal_insert_lsn() - '0/0') / 1e6");
}

/* Seconds of CPU the backend has used. */
static double backend_cpu(void)
{
    char path[64], line[1024];
    unsigned long long user = 0, system = 0;
    snprintf(path, sizeof(path), "/proc/%d/stat", PQbackendPID(server));
    FILE *stat = fopen(path, "r");
    if (stat == NULL || fgets(line, sizeof(line), stat) == NULL) {
        fprintf(stderr, "uuid_btree: %s cannot be read; the server must run here\n", path);
        exit(2);
    }
    fclose(stat);
    const char *rest = strrchr(line, ')');
    if (rest == NULL || sscanf(rest, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user, &system) != 2) {
        exit(2);
    }
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

static void make_keys(key_kind kind, size_t count, tasker_uuid *keys)
{
    if (kind == VERSION_7) {
        if (tasker_uuid_generate_many(count, keys) != TASKER_OK) {
            exit(2);
        }
        return;
    }
    for (size_t i = 0; i < count; i++) {
        uuid_generate_random(keys[i].bytes);
    }
}

static char *put(char *at, const void *bytes, size_t size)
{
    memcpy(at, bytes, size);
    return at + size;
}

/* Binary COPY of (id, p), or of p alone where the sequence gives the id. */
static void copy_rows(key_kind kind, size_t rows)
{
    static const char header[19] = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0";
    static tasker_uuid keys[PIECE];
    static char buffer[PIECE * 40];
    ask(kind == SERIAL ? "COPY bench_keys (p) FROM STDIN (FORMAT binary)"
                       : "COPY bench_keys FROM STDIN (FORMAT binary)");
    PQputCopyData(server, header, sizeof(header));
    for (size_t done = 0; done < rows; done += PIECE) {
        char *at = buffer;
        if (kind != SERIAL) {
            make_keys(kind, PIECE, keys);
        }
        for (size_t i = 0; i < PIECE; i++) {
            if (kind == SERIAL) {
                at = put(at, "\0\1", 2);
            } else {
                at = put(at, "\0\2\0\0\0\20", 6);
                at = put(at, keys[i].bytes, 16);
            }
            at = put(at, "\0\0\0\4\0\0\0\1", 8);
        }
        if (PQputCopyData(server, buffer, (int)(at - buffer)) != 1) {
            give_up("COPY");
        }
    }
    PQputCopyData(server, "\377\377", 2);
    PQputCopyEnd(server, NULL);
    PGresult *result = PQgetResult(server);
    if (PQresultStatus(result) != PGRES_COMMAND_OK) {
        give_up("COPY");
    }
    PQclear(result);
    while ((result = PQgetResult(server)) != NULL) {
        PQclear(result);
    }
}

static void create_table(key_kind kind)
{
    ask("DROP TABLE IF EXISTS bench_keys");
    ask(kind == SERIAL ? "CREATE TABLE bench_keys (id bigserial PRIMARY KEY, p int4)"
                       : "CREATE TABLE bench_keys (id uuid PRIMARY KEY, p int4)");
    ask("CHECKPOINT");
}

static void measure_copy(key_kind kind, size_t rows, size_t repeat)
{
    create_table(kind);
    double wal = wal_mb();
    double start = backend_cpu();
    copy_rows(kind, rows);
    found[kind][COPY_CPU][repeat] = backend_cpu() - start;
    found[kind][COPY_WAL][repeat] = wal_mb() - wal;
    found[kind][INDEX_SIZE][repeat] = ask("SELECT pg_relation_size('bench_keys_pkey') / 1e6");
    found[kind][HEAP_SIZE][repeat] = ask("SELECT pg_relation_size('bench_keys') / 1e6");
    found[kind][DENSITY][repeat] = ask("SELECT avg_leaf_density FROM pgstatindex('bench_keys_pkey')");
    ask("VACUUM ANALYZE bench_keys");
}

static void measure_probes(key_kind kind, size_t repeat)
{
    ask("DROP TABLE IF EXISTS probes");
    ask("CREATE TEMP TABLE probes AS SELECT id FROM bench_keys ORDER BY random() LIMIT 100000");
    ask("ANALYZE probes");
    ask("SET enable_hashjoin = off");
    ask("SET enable_mergejoin = off");
    ask("SET enable_memoize = off");
    const char *sql = "SELECT sum(p) FROM probes JOIN bench_keys USING (id)";
    ask(sql);
    double start = backend_cpu();
    for (int i = 0; i < 5; i++) {
        ask(sql);
    }
    found[kind][PROBE_CPU][repeat] = (backend_cpu() - start) / 5;
}

/* The keys stand ready in a table in the order they were made; bigserial asks its sequence. */
static void measure_insert(key_kind kind, size_t repeat)
{
    ask("DROP TABLE IF EXISTS ready");
    ask("CREATE TEMP TABLE ready AS SELECT * FROM bench_keys");
    create_table(kind);
    double wal = wal_mb();
    double start = backend_cpu();
    ask(kind == SERIAL ? "INSERT INTO bench_keys (p) SELECT p FROM ready"
                       : "INSERT INTO bench_keys SELECT id, p FROM ready");
    found[kind][INSERT_CPU][repeat] = backend_cpu() - start;
    found[kind][INSERT_WAL][repeat] = wal_mb() - wal;
}

/* Of the density the points that are lost count, at most one. */
static void print(void)
{
    report_section("keys of a million rows: version 7 beside bigserial", kind_names[SERIAL], kind_names[VERSION_4]);
    for (aspect f = 0; f < FIGURES; f++) {
        const finding it = {.what = aspects[f].text,
                            .limit = figure_of(found[SERIAL][f], REPEATS),
                            .ours = figure_of(found[VERSION_7][f], REPEATS),
                            .peer = figure_of(found[VERSION_4][f], REPEATS),
                            .goal = f == DENSITY ? 0 : aspects[f].must,
                            .judged = f != DENSITY && aspects[f].must > 0};
        report_finding(&it);
        if (f != DENSITY)
            continue;
        const finding lost = {.what = "  points lost",
                              .unit = "%",
                              .ours = figure_at(it.limit.median - it.ours.median),
                              .goal = 1,
                              .judged = true};
        report_finding(&lost);
    }
}

int main(int argc, char **argv)
{
    size_t rows = 1000000;
    report_open("uuid_btree", &argc, argv);
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--rows") == 0 && i + 1 < argc) {
            rows = (size_t)strtoul(argv[++i], NULL, 10) / PIECE * PIECE;
        } else {
            fprintf(stderr, "usage: uuid_btree [--check] [--json FILE] [--rows N]\n");
            return 2;
        }
    }
    server = PQconnectdb("");
    if (PQstatus(server) != CONNECTION_OK) {
        give_up("connect");
    }
    ask("SET client_min_messages = warning");
    ask("CREATE EXTENSION IF NOT EXISTS pgstattuple");
    for (size_t repeat = 0; repeat < REPEATS; repeat++) {
        for (key_kind kind = 0; kind < KINDS; kind++) {
            measure_copy(kind, rows, repeat);
            measure_probes(kind, repeat);
            measure_insert(kind, repeat);
        }
    }
    ask("DROP TABLE bench_keys");
    print();
    PQfinish(server);
    return report_close();
}
