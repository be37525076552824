/* SPDX-License-Identifier: MIT */
/* What the files of the decode bench share. */
#pragma once
#include "database.h"
#include "figures.h"
#include "report.h"
#include "tasker/task.h"

enum { MOST_SLICES = 10000 };

typedef struct samples {
    size_t count;
    double at[MOST_SLICES]; /* sorted by best and median */
} samples;

typedef struct bench {
    tasker_db *db;
    size_t slices;
    int32_t rows; /* of query */
    tasker_uuid task_uuid, steps[100];
} bench;

double best(samples *s);
double median(samples *s);

/* A row of the table: the best of ours, against the best of what limits it (NULL: nothing does). */
void tell_best(const char *what, samples *ours, samples *limit, double goal, bool judged);

/* The statement of a read that was prepared before, run by libpq alone on the same connection: rows, not decoded. */
typedef struct bare bare;
bare *bare_of(bench *b, void (*read)(bench *b));
PGresult *bare_run(const bare *s, int format);
void bare_free(bare *s);

/* All rows of a text result into rows. False: one cannot be read. */
bool decode_text(const PGresult *result, tasker_task *rows);

void measure_reads(bench *b);
void measure_stream(bench *b);
