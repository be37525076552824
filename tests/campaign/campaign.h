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
} campaign_tally;

/*
 * Reads [--minutes N | --seconds N] [--wanted N] [--seed S] [--control], makes a database and runs the campaign's SQL
 * there. No handle is left open on it, as clients are forked. NULL: it ends here, with *status.
 */
fixture *campaign_begin(campaign *c, int argc, char **argv, int *status);

/* Memory that forked processes share, zeroed; ends the program where there is none. */
void *campaign_share(size_t size);

/* Clients' links: a bare one, and a handle; NULL: it cannot be opened, which is a violation. */
PGconn *campaign_connect(const char *conninfo);
tasker_db *campaign_open(const char *conninfo, tasker_ageing ageing, campaign_tally *tally);

/* Until no client has a session any more; also those of killed processes last for a moment. */
void campaign_await_clients(const fixture *f);

/* The same, and what holds in every database must hold in this one. */
void campaign_check(const fixture *f, campaign_tally *tally);

/* Counts it; the first ones are told. */
void campaign_violation(campaign_tally *tally, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Drops the database and tells the figures. The exit status: 0 without violations, with control when there are some. */
int campaign_end(const campaign *c, const fixture *f, const campaign_tally *tally);

/* The machine's clock, which is the server's too, in microseconds since 1970. */
int64_t campaign_now(void);

void campaign_pause(int64_t us);

#endif
