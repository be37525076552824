/* SPDX-License-Identifier: MIT */
#include "report.h"

#include <jansson.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "figures.h"

static const char *bench, *path;
static struct {
    const char *title, *limit, *peer;
} section;
static bool checks, told;
static size_t met, missed;

/* ---- figures ---- */

figure figure_of(double *values, size_t count)
{
    figure it = {.median = median_of(values, count)};
    it.low = quantile(values, count, 0.25), it.high = quantile(values, count, 0.75);
    return it;
}

figure figure_at(double value)
{
    return (figure){value, value, value};
}

figure figure_times(figure it, double factor)
{
    return (figure){it.median * factor, it.low * factor, it.high * factor};
}

/* ---- verdicts ---- */

static bool is_set(figure it)
{
    return it.median != 0 || it.low != 0 || it.high != 0;
}

static bool is_compared(const finding *it)
{
    return it->ratio != 0 || is_set(it->limit) || is_set(it->peer);
}

static double ratio_of(const finding *it)
{
    if (it->ratio != 0)
        return it->ratio;
    return it->ours.median / (is_set(it->limit) ? it->limit.median : it->peer.median);
}

static const char *verdict_of(const finding *it)
{
    double value = is_compared(it) && !it->exact ? ratio_of(it) : it->ours.median;
    bool good = it->exact ? value == it->goal : it->at_least ? value >= it->goal : value <= it->goal;
    if (!it->judged)
        return "told";
    good ? met++ : missed++;
    return good ? "ok" : "MISSED";
}

/* ---- the table ---- */

/* Three digits at least, and no more behind the point than say something. */
static void print_number(int width, double value, bool is_there)
{
    double size = fabs(value);
    if (is_there)
        printf(" %*.*f", width, size == floor(size) && size >= 10 ? 0 : size >= 100 ? 0 : size >= 10 ? 1 : 2, value);
    else
        printf(" %*s", width, "-");
}

static void print_goal(const finding *it)
{
    char text[16] = "-";
    if (it->goal != 0 || it->exact)
        snprintf(text, sizeof text, "%s%.4g", it->exact ? "= " : it->at_least ? ">= " : "<= ", it->goal);
    printf(" %8s", text);
}

static void print_row(const finding *it, const char *verdict)
{
    double spread = it->ours.median != 0 ? (it->ours.high - it->ours.low) / it->ours.median * 50 : 0;
    printf("%-46.46s %-8.8s", it->what, it->unit != NULL ? it->unit : "");
    print_number(9, it->limit.median, is_set(it->limit));
    print_number(9, it->ours.median, true);
    printf(it->ours.high > it->ours.low ? " %4.0f%%" : "     -", spread);
    print_number(9, it->peer.median, is_set(it->peer));
    print_number(7, is_compared(it) ? ratio_of(it) : 0, is_compared(it));
    print_goal(it);
    printf("  %s\n", verdict);
    fflush(stdout);
}

void report_section(const char *title, const char *limit, const char *peer)
{
    section.title = title, section.limit = limit, section.peer = peer;
    printf("%s%s%s%s%s%s\n", told ? "\n" : "", title, limit != NULL ? "; limit: " : "", limit != NULL ? limit : "",
           peer != NULL ? "; peer: " : "", peer != NULL ? peer : "");
    printf("%-46s %-8s %9s %9s %5s %9s %7s %8s  verdict\n", "", "unit", "limit", "ours", "+-", "peer", "ratio", "goal");
    told = true;
}

/* ---- JSON ---- */

static json_t *json_number(double value, bool is_there)
{
    return is_there ? json_real(value) : json_null();
}

static json_t *json_figure(figure it, bool is_there)
{
    if (!is_there)
        return json_null();
    return json_pack("{s:f, s:f, s:f}", "median", it.median, "low", it.low, "high", it.high);
}

/* After all has been said of one. */
static void append(json_t *line)
{
    FILE *file = fopen(path, "a");
    bool good = line != NULL && file != NULL && json_dumpf(line, file, JSON_COMPACT) == 0 && fputc('\n', file) != EOF;
    if (file == NULL || fclose(file) != 0 || !good) {
        fprintf(stderr, "%s: cannot be written\n", path);
        exit(2);
    }
    json_decref(line);
}

static void append_finding(const finding *it, const char *verdict)
{
    json_t *line = json_pack("{s:s, s:s?, s:s?, s:s?, s:s, s:s?, s:s, s:s?, s:s?, s:b, s:b}", "bench", bench, "section",
                             section.title, "limit_is", section.limit, "peer_is", section.peer, "what", it->what,
                             "unit", it->unit, "verdict", verdict, "goes_to", it->goes_to, "series", it->series,
                             "at_least", it->at_least, "exact", it->exact);
    json_t *numbers =
        json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "limit", json_figure(it->limit, is_set(it->limit)), "ours",
                  json_figure(it->ours, true), "peer", json_figure(it->peer, is_set(it->peer)), "ratio",
                  is_compared(it) ? json_real(ratio_of(it)) : json_null(), "goal",
                  json_number(it->goal, it->goal != 0 || it->exact), "size", json_number(it->size, it->series != NULL));
    if (line == NULL || numbers == NULL || json_object_update(line, numbers) != 0)
        fprintf(stderr, "%s: a row without JSON\n", it->what), exit(2);
    json_decref(numbers);
    append(line);
}

/* ---- telling ---- */

void report_finding(const finding *it)
{
    const char *verdict = verdict_of(it);
    print_row(it, verdict);
    if (path != NULL)
        append_finding(it, verdict);
}

void report_missing(const char *what, const char *why, bool judged)
{
    missed += judged;
    printf("%-46.46s %s%s\n", what, why, judged ? "  MISSED" : "");
    fflush(stdout);
    if (path != NULL)
        append(json_pack("{s:s, s:s?, s:s, s:s, s:s}", "bench", bench, "section", section.title, "what", what, "why",
                         why, "verdict", judged ? "MISSED" : "missing"));
}

void report_progress(const char *format, ...)
{
    va_list values;
    va_start(values, format);
    fprintf(stderr, "  %s: ", bench);
    vfprintf(stderr, format, values);
    fputc('\n', stderr);
    va_end(values);
}

/* ---- the run ---- */

void report_open(const char *name, int *argc, char **argv)
{
    int kept = 1;
    bench = name;
    for (int i = 1; i < *argc; i++)
        if (strcmp(argv[i], "--check") == 0)
            checks = true;
        else if (strcmp(argv[i], "--json") == 0 && i + 1 < *argc)
            path = argv[++i];
        else
            argv[kept++] = argv[i];
    argv[kept] = NULL;
    *argc = kept;
}

int report_close(void)
{
    printf("\n%s: %zu goals met, %zu missed\n", bench, met, missed);
    return checks && missed > 0 ? 1 : 0;
}
