/* SPDX-License-Identifier: MIT */
/* Reads through the library against the same prepared statements through libpq alone, on the same connection. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decode.h"
#include "tasker/named_task.h"
#include "tasker/workflow_step.h"

static const double limit = 1.3;

/* ---- libpq alone: what the library sends is kept, to be sent again without it ---- */

enum { MOST_PARAMETERS = 48 };

struct bare {
    PGconn *conn;
    char name[64];
    int count, lengths[MOST_PARAMETERS], formats[MOST_PARAMETERS];
    char *values[MOST_PARAMETERS];
};

static bare *recording;

int __real_PQsendQueryPrepared(PGconn *conn, const char *name, int count, const char *const *values, const int *lengths,
                               const int *formats, int format);
int __wrap_PQsendQueryPrepared(PGconn *conn, const char *name, int count, const char *const *values, const int *lengths,
                               const int *formats, int format);

/* The linker puts it in the place of libpq's. */
int __wrap_PQsendQueryPrepared(PGconn *conn, const char *name, int count, const char *const *values, const int *lengths,
                               const int *formats, int format)
{
    bare *s = recording;
    if (s != NULL) {
        s->conn = conn;
        s->count = count;
        snprintf(s->name, sizeof s->name, "%s", name);
        for (int i = 0; i < count; i++) {
            s->formats[i] = formats[i];
            s->lengths[i] = values[i] != NULL ? lengths[i] : 0;
            s->values[i] = values[i] != NULL ? malloc((size_t)lengths[i] + 1) : NULL;
            if (s->values[i] != NULL)
                memcpy(s->values[i], values[i], (size_t)lengths[i]);
        }
    }
    recording = NULL;
    return __real_PQsendQueryPrepared(conn, name, count, values, lengths, formats, format);
}

bare *bare_of(bench *b, void (*read)(bench *b))
{
    bare *s = recording = calloc(1, sizeof *s);
    read(b);
    if (s == NULL || s->conn == NULL)
        die("a read", "was not seen");
    return s;
}

PGresult *bare_run(const bare *s, int format)
{
    PGresult *result =
        PQexecPrepared(s->conn, s->name, s->count, (const char *const *)s->values, s->lengths, s->formats, format);
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        die(s->name, PQerrorMessage(s->conn));
    return result;
}

void bare_free(bare *s)
{
    for (int i = 0; i < s->count; i++)
        free(s->values[i]);
    free(s);
}

/* ---- the reads ---- */

static void get_task(bench *b)
{
    const tasker_task *task;
    expect_ok(b->db, tasker_task_get(b->db, &b->task_uuid, &task), "task_get");
    tasker_free(task);
}

static void get_step(bench *b)
{
    const tasker_workflow_step *step;
    expect_ok(b->db, tasker_workflow_step_get(b->db, &b->steps[0], &step), "workflow_step_get");
    tasker_free(step);
}

static void find_kind(bench *b)
{
    const tasker_named_task *found;
    expect_ok(b->db,
              tasker_named_task_find_by_name(b->db, tasker_text_of("shapes"), tasker_text_of("bench"),
                                             tasker_text_of(NULL), &found),
              "named_task_find_by_name");
    if (found == NULL)
        die("named_task_find_by_name", "none");
    tasker_free(found);
}

static void get_states(bench *b)
{
    tasker_state states[100];
    expect_ok(b->db, tasker_workflow_step_get_states(b->db, b->steps, 100, states), "workflow_step_get_states");
}

static void query_page(bench *b)
{
    const tasker_tasks *tasks;
    expect_ok(b->db, tasker_task_query(b->db, NULL, NULL, &tasks), "task_query");
    tasker_free(tasks);
}

static void query_details(bench *b)
{
    const tasker_task_detail_list *tasks;
    expect_ok(b->db, tasker_task_query_details(b->db, NULL, NULL, &tasks), "task_query_details");
    tasker_free(tasks);
}

typedef struct reading {
    const char *name;
    size_t calls; /* in a slice */
    void (*read)(bench *b);
} reading;

static const reading readings[] = {{"task_get", 20, get_task},
                                   {"workflow_step_get", 20, get_step},
                                   {"named_task_find_by_name", 20, find_kind},
                                   {"workflow_step_get_states of 100", 10, get_states},
                                   {"task_query, a page of 100", 5, query_page},
                                   {"task_query_details, a page of 100", 5, query_details}};

/* ---- measuring ---- */

static double run_slice(bench *b, const reading *r, const bare *s, bool ours)
{
    double began = now_ns(CLOCK_MONOTONIC);
    for (size_t i = 0; i < r->calls; i++) {
        if (ours)
            r->read(b);
        else
            PQclear(bare_run(s, 1));
    }
    return (now_ns(CLOCK_MONOTONIC) - began) / (double)r->calls / 1e3;
}

static void measure_read(bench *b, const reading *r)
{
    static samples took[2], ratios;
    for (int i = 0; i < 20; i++) /* past the server's custom plans */
        r->read(b);
    bare *s = bare_of(b, r->read);
    took[0].count = took[1].count = ratios.count = 0;
    for (size_t slice = 0; slice < b->slices; slice++) {
        double us[2];
        for (size_t turn = 0; turn < 2; turn++) {
            size_t side = (turn + slice) % 2;
            took[side].at[took[side].count++] = us[side] = run_slice(b, r, s, side == 0);
        }
        ratios.at[ratios.count++] = us[0] / us[1];
    }
    bare_free(s);
    const finding it = {.what = r->name,
                        .unit = "us",
                        .limit = figure_of(took[1].at, took[1].count),
                        .ours = figure_of(took[0].at, took[0].count),
                        .ratio = median(&ratios), /* of pairs */
                        .goal = limit,
                        .judged = true};
    report_finding(&it);
}

void measure_reads(bench *b)
{
    report_section("reads, wall time of a call", "libpq, not decoded", NULL);
    for (size_t i = 0; i < sizeof readings / sizeof *readings; i++)
        measure_read(b, &readings[i]);
}
