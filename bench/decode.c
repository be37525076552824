/* SPDX-License-Identifier: MIT */
/*
 * What decoding costs: task rows from binary results in memory, against a decoder of the text format written by hand;
 * the client's CPU of streams and pages; and the time of reads against the same prepared statements through libpq
 * alone.
 *
 *     decode [--check] [--json FILE] [--slices N] [CONNINFO]
 *
 * Makes a database of its own beside the given one and drops it again. Sides run by turns. --check exits with 1 where
 * a limit is missed.
 */
#include "decode.h"

#include <getopt.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shape.h"
#include "statements.h"

enum { TASKS = 100000 };

static const double row_limit = 150, text_limit = 1 / 7.0;

double best(samples *s)
{
    return quantile(s->at, s->count, 0);
}

double median(samples *s)
{
    return median_of(s->at, s->count);
}

/* The best of many slices: what the machine does beside comes on top. */
void tell_best(const char *what, samples *ours, samples *limit, double goal, bool judged)
{
    const finding it = {.what = what,
                        .unit = "ns",
                        .limit = limit != NULL ? figure_at(best(limit)) : figure_at(0),
                        .ours = figure_at(best(ours)),
                        .goal = goal,
                        .judged = judged,
                        .goes_to = "G10"};
    report_finding(&it);
}

/* ---- a database for the run ---- */

/* No column is NULL. */
static const char fill[] =
    "INSERT INTO tasker_tasks SELECT uuid_generate_v7(), named_task_uuid, i %% 2 = 0, t, t, 'initiator ' || i,"
    " 'bench/decode', 'to be decoded', '[\"s1\"]', '{\"tag\": true}',"
    " jsonb_build_object('order_id', i, 'customer', 'customer ' || i, 'lines', '[1, 2, 3]'::jsonb),"
    " md5(i::text), t, t, 'claim ' || i, 'reference ' || i, i %% 4, 60, t, 'worker ' || i %% 16"
    " FROM tasker_named_tasks, generate_series(1, %d) i, LATERAL (SELECT timestamp '2026-01-02 03:04:05.678901' +"
    " i * interval '1.234567 second' AS t) times";

static void open_bench(bench *b, const char *home)
{
    char sql[sizeof fill + 16];
    shape s;
    const tasker_workflow_ids *ids;
    create_database(home, NULL);
    b->db = open_database(NULL);
    if (!shape_make(&s, SHAPE_FORK_JOIN, "bench", 100, 3))
        die("shape", "out of memory");
    expect_ok(b->db, tasker_workflow_create(b->db, &(tasker_workflow_input){.definition = &s.definition}, &ids),
              "create");
    b->task_uuid = ids->task_uuid;
    memcpy(b->steps, ids->workflow_step_uuids, sizeof b->steps);
    tasker_free(ids);
    shape_free(&s);
    snprintf(sql, sizeof sql, fill, TASKS);
    PGconn *conn = PQconnectdb(conninfo);
    tell(conn, sql);
    tell(conn, "VACUUM ANALYZE");
    PQfinish(conn);
}

/* ---- rows in memory ---- */

/* The full rows only, not the workflow's task. */
static void query(bench *b)
{
    static const tasker_task_filter filter = {.source_system = TASKER_TEXT("bench/decode")};
    const tasker_tasks *tasks;
    expect_ok(b->db, tasker_task_query(b->db, &filter, &(tasker_page){.limit = b->rows}, &tasks), "task_query");
    tasker_free(tasks);
}

static bare *bare_query(bench *b, int32_t rows)
{
    b->rows = rows;
    query(b);
    return bare_of(b, query);
}

static PGresult *copy_of(const PGresult *result)
{
    PGresult *copy = PQcopyResult(result, PG_COPYRES_ATTRS | PG_COPYRES_TUPLES);
    if (copy == NULL)
        die("copy", "out of memory");
    return copy;
}

/* Both sides: memory for the structs, and the structs; the result is warm from being copied. */
static double decode_ours(const PGresult *result)
{
    PGresult *copy = copy_of(result);
    tkr_list *list;
    double began = now_ns(CLOCK_MONOTONIC);
    if (tkr_decode_list(copy, tkr_statements[TKR_STATEMENT_task_get].entity, NULL, &list) != TASKER_OK)
        die("decode", "refused");
    double took = now_ns(CLOCK_MONOTONIC) - began;
    tasker_free(list);
    return took;
}

static double decode_theirs(const PGresult *result)
{
    PGresult *copy = copy_of(result);
    double began = now_ns(CLOCK_MONOTONIC);
    tasker_task *rows = calloc((size_t)PQntuples(copy), sizeof *rows);
    if (rows == NULL || !decode_text(copy, rows))
        die("text", "cannot be read");
    double took = now_ns(CLOCK_MONOTONIC) - began;
    free(rows);
    PQclear(copy);
    return took;
}

/* Both decoders see the same. */
static void compare_sides(const PGresult *binary, const PGresult *text)
{
    size_t count = (size_t)PQntuples(text);
    tasker_task *theirs = calloc(count, sizeof *theirs);
    tkr_list *list;
    if (theirs == NULL || !decode_text(text, theirs) ||
        tkr_decode_list(copy_of(binary), tkr_statements[TKR_STATEMENT_task_get].entity, NULL, &list) != TASKER_OK)
        die("decode", "refused");
    for (size_t i = 0; i < count; i++) {
        const tasker_task *x = list->items[i], *y = &theirs[i];
        if (memcmp(&x->task_uuid, &y->task_uuid, 16) != 0 || x->complete != y->complete || !y->has_claimed_at ||
            x->claimed_at.us != y->claimed_at.us || x->priority != y->priority || x->context.len != y->context.len ||
            memcmp(x->context.ptr, y->context.ptr, x->context.len) != 0 || strcmp(x->reason.ptr, y->reason.ptr) != 0)
            die("decode", "the two sides differ");
    }
    tasker_free(list);
    free(theirs);
}

static void measure_rows(bench *b, int rows)
{
    static samples took[2];
    bare *s = bare_query(b, rows - 1); /* a page looks one row ahead */
    PGresult *binary = bare_run(s, 1), *text = bare_run(s, 0);
    if (PQntuples(binary) != rows)
        die("rows", "too few");
    compare_sides(binary, text);
    took[0].count = took[1].count = 0;
    for (size_t slice = 0; slice < MOST_SLICES / (size_t)(rows / 100); slice++) {
        double ns[2] = {decode_ours(binary) / rows, decode_theirs(text) / rows};
        for (size_t side = 0; side < 2; side++)
            took[side].at[took[side].count++] = ns[side];
    }
    char what[64];
    snprintf(what, sizeof what, "%d rows, against text", rows);
    tell_best(what, &took[0], &took[1], text_limit, true);
    snprintf(what, sizeof what, "%d rows", rows);
    tell_best(what, &took[0], NULL, row_limit, true);
    PQclear(binary);
    PQclear(text);
    bare_free(s);
}

/* ---- pages ---- */

static double query_cpu(bench *b)
{
    double began = now_ns(CLOCK_PROCESS_CPUTIME_ID);
    query(b);
    return now_ns(CLOCK_PROCESS_CPUTIME_ID) - began;
}

static double bare_cpu(const bare *s)
{
    double began = now_ns(CLOCK_PROCESS_CPUTIME_ID);
    PQclear(bare_run(s, 1));
    return now_ns(CLOCK_PROCESS_CPUTIME_ID) - began;
}

static void measure_query(bench *b, int32_t rows)
{
    static samples took[2];
    bare *s = bare_query(b, rows);
    took[0].count = took[1].count = 0;
    for (size_t slice = 0; slice < b->slices / 4 + 1; slice++) {
        took[0].at[took[0].count++] = query_cpu(b) / rows;
        took[1].at[took[1].count++] = bare_cpu(s) / rows;
    }
    bare_free(s);
    char what[64];
    snprintf(what, sizeof what, "%d rows", rows);
    tell_best(what, &took[0], &took[1], 0, false);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"slices", required_argument, NULL, 's'}, {NULL, 0, NULL, 0}};
    bench b = {.slices = 200};
    report_open("decode", &argc, argv);
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option == 's')
            b.slices = strtoul(optarg, NULL, 10);
        if (option == '?')
            return 2;
    }
    if (b.slices < 1 || b.slices > MOST_SLICES)
        die("--slices", "1 to 10000");
    open_bench(&b, optind < argc ? argv[optind] : "");
    measure_stream(&b); /* first: what is measured later leaves memory behind */
    report_section("task_query, the client's CPU for a row", "libpq, not decoded", NULL);
    measure_query(&b, 1000);
    measure_query(&b, 10000);
    measure_reads(&b);
    mallopt(M_TRIM_THRESHOLD, 1 << 30); /* from here on pages from the kernel are not measured, on neither side */
    mallopt(M_MMAP_THRESHOLD, 1 << 30);
    report_section("task rows of 20 columns in memory, decoding one", "decoding text", NULL);
    measure_rows(&b, 100);
    measure_rows(&b, 1000);
    tasker_db_close(b.db);
    drop_database();
    return report_close();
}
