/* SPDX-License-Identifier: MIT */
/*
 * What campaigns share. A campaign lets many clients loose on one database, disturbs them, and proves afterwards that
 * what must hold did. Its control breaks a rule on purpose, and must be found out.
 */
#ifndef TKR_CAMPAIGN_H
#define TKR_CAMPAIGN_H

#include <stdatomic.h>
#include "db_test.h"

typedef struct campaign {
    const char *name;
    uint64_t seed;
    int seconds;
    long wanted; /* of what the campaign counts: it ends early when there are so many; 0: it does not */
    bool control;
} campaign;

/* Seen by all processes. */
typedef struct campaign_tally {
    atomic_long faults, calls, violations;
    char first[8][320]; /* the violations */
} campaign_tally;

/* [--minutes N | --seconds N] [--wanted N] [--seed S] [--control]. False: not understood, and said so. */
bool campaign_read(campaign *c, int argc, char **argv);

/* Memory that forked processes share, zeroed; NULL: none left. */
void *campaign_share(size_t size);

void campaign_violation(campaign_tally *tally, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Tells the figures. The exit status: 0 when there were no violations, with control when there were some. */
int campaign_end(const campaign *c, const campaign_tally *tally);

/* A text file as a whole, to be freed; ends the program when there is none. */
char *campaign_read_file(const char *path);

uint64_t campaign_draw(uint64_t *seed, uint64_t below);

/* The machine's clock, which is the server's too, in microseconds since 1970. */
int64_t campaign_now(void);

void campaign_pause(int64_t us);

#endif
