/* SPDX-License-Identifier: MIT */
/* All tasks through a cursor, against draining COPY BINARY of the same columns of the same rows: the client's CPU. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "decode.h"

enum { SLICES = 15 };

static const double cpu_limit = 2.5, growth_limit = 1; /* MiB */

static double resident_mib(void)
{
    long whole, resident;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f == NULL || fscanf(f, "%ld %ld", &whole, &resident) != 2)
        die("statm", "cannot be read");
    fclose(f);
    return (double)resident * (double)sysconf(_SC_PAGESIZE) / (1 << 20);
}

/* growth: from the second batch to the highest of all later ones. */
static double stream(bench *b, size_t *rows, double *growth)
{
    tasker_cursor *cursor;
    const tasker_task *task;
    double began = now_ns(CLOCK_PROCESS_CPUTIME_ID), first = 0;
    expect_ok(b->db, tasker_task_stream(b->db, NULL, NULL, &cursor), "task_stream");
    for (*rows = 0;; ++*rows) {
        expect_ok(b->db, tasker_task_next(cursor, &task), "task_next");
        if (task == NULL)
            break;
        if (growth != NULL && *rows % 1000 == 500 && *rows > 1000) {
            double now = resident_mib();
            first = first == 0 ? now : first;
            *growth = now - first > *growth ? now - first : *growth;
        }
    }
    tasker_cursor_close(cursor);
    return now_ns(CLOCK_PROCESS_CPUTIME_ID) - began;
}

static double drain(PGconn *conn, size_t *rows)
{
    static const char sql[] = "COPY (SELECT * FROM tasker_tasks ORDER BY task_uuid) TO STDOUT (FORMAT binary)";
    char *row;
    double began = now_ns(CLOCK_PROCESS_CPUTIME_ID);
    PGresult *result = PQexec(conn, sql);
    if (PQresultStatus(result) != PGRES_COPY_OUT)
        die(sql, PQerrorMessage(conn));
    PQclear(result);
    for (*rows = 0; PQgetCopyData(conn, &row, 0) > 0; ++*rows)
        PQfreemem(row);
    --*rows; /* the end is a message of its own */
    double took = now_ns(CLOCK_PROCESS_CPUTIME_ID) - began;
    while ((result = PQgetResult(conn)) != NULL)
        PQclear(result);
    return took;
}

void measure_stream(bench *b)
{
    static samples took[2], ratios;
    size_t rows, copied;
    double growth = 0;
    PGconn *conn = PQconnectdb(conninfo);
    stream(b, &rows, &growth);
    for (size_t slice = 0; slice < SLICES; slice++) {
        double ns[2] = {stream(b, &rows, NULL), drain(conn, &copied)};
        if (rows != copied)
            die("stream", "not as many rows as COPY");
        for (size_t side = 0; side < 2; side++)
            took[side].at[took[side].count++] = ns[side] / (double)rows;
        ratios.at[ratios.count++] = ns[0] / ns[1];
    }
    PQfinish(conn);
    report_section("task_stream, the client's CPU for a row", "COPY", NULL);
    const finding it = {.what = "streamed",
                        .unit = "ns",
                        .limit = figure_of(took[1].at, took[1].count),
                        .ours = figure_of(took[0].at, took[0].count),
                        .ratio = median(&ratios), /* of pairs */
                        .goal = cpu_limit,
                        .judged = true,
                        .goes_to = "G10"};
    report_finding(&it);
    const finding grown = {
        .what = "memory that it takes", .unit = "MiB", .ours = figure_at(growth), .goal = growth_limit, .judged = true};
    report_finding(&grown);
}
