/* SPDX-License-Identifier: MIT */
/* Clocks and orders of measured values. */
#pragma once
#include <stddef.h>
#include <stdlib.h>
#include <time.h>

static inline double now_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static inline int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The value at a share of the way from the least to the largest; sorts the values. */
static inline double quantile(double *values, size_t count, double share)
{
    qsort(values, count, sizeof *values, by_value);
    return values[(size_t)((double)(count - 1) * share + 0.5)];
}

static inline double median_of(double *values, size_t count)
{
    return quantile(values, count, 0.5);
}
