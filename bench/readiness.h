/* SPDX-License-Identifier: MIT */
/* What both parts of this program share. */
#pragma once
#include "database.h"

enum { MOST_REPS = 99 };

typedef struct bench {
    size_t reps, steps; /* steps of the larger database */
} bench;

/* A call, timed; it answers what it is to be divided by. */
typedef struct side {
    void (*run)(void *context);
    void *context;
    size_t calls;                   /* in a slice */
    double median, took[MOST_REPS]; /* µs of a call */
} side;

/* All sides by turns, each beginning in one rep after the other. */
void measure(const bench *b, side *sides, size_t count);

/* A line of the table: what, its limit, ours, their ratio or, without a limit, ours in ms, and whether it holds. */
void tell_time(const char *what, double ours, double goal_ms);

/* Graphs, in a schema of their own. */
void measure_graphs(bench *b);

tasker_db *open_schema(const char *name, PGconn **conn);
