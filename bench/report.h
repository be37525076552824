/* SPDX-License-Identifier: MIT */
/*
 * What a bench tells: findings, as rows of one table for all benches, as lines of JSON for whoever reads on, and as its
 * exit status. The one place that knows whether a goal was met.
 *
 * Every bench takes --check (it ends with 1 where a judged goal is missed) and --json FILE (appends a line for each
 * finding).
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* A median and its quartiles; all 0: there is none. */
typedef struct figure {
    double median, low, high;
} figure;

typedef struct finding {
    const char *what;
    const char *unit;         /* of the figures, as "us" */
    figure limit, ours, peer; /* as the section says */
    double ratio;             /* 0: the medians of ours / limit, or without one of ours / peer */
    double goal;              /* of the ratio, or of ours where there is nothing to compare it with; 0: none */
    bool at_least;            /* the goal is to be reached; else not to be passed */
    bool exact;               /* ours is to be the goal, which may be 0 */
    bool judged;              /* else it is told only */
    const char *goes_to;      /* a goal of docs/performance.md, as "G4"; NULL: none */
    const char *series;       /* a plot's, with the size as its x; NULL: in none */
    double size;
} finding;

/* Takes the options above out of the arguments. First of all. */
void report_open(const char *bench, int *argc, char **argv);

/* What follows is about; what its limit and its peer are, or NULL. Texts must last. */
void report_section(const char *title, const char *limit, const char *peer);

void report_finding(const finding *it);

/* A figure that could not be had: a judged one counts as missed. */
void report_missing(const char *what, const char *why, bool judged);

/* On stderr: what is done now. */
__attribute__((format(printf, 1, 2))) void report_progress(const char *format, ...);

/* The exit status of the program. */
int report_close(void);

/* Sorts the values. */
figure figure_of(double *values, size_t count);
figure figure_at(double value);

/* With other units: figure_times(it, 1e-3). */
figure figure_times(figure it, double factor);
