/* SPDX-License-Identifier: MIT */
/* The tasks that bench/claim claims: a schema full of them, and a plain queue of as many rows beside. */
#pragma once
#include <inttypes.h>

#include "database.h"
#include "tasker/claim.h"

enum { MOST_REPS = 500 };
typedef enum side_kind { FEW_TASKS, MANY, WORN, SIDES } side_kind;

typedef struct side {
    tasker_db *db;
    PGconn *plain; /* has the statements "one" and "batch" prepared */
    const char *schema;
} side;

typedef struct bench {
    side sides[SIDES];
    int64_t tasks, claims, claimed;
    size_t reps;
} bench;

/* Another handle on the tasks of that schema; synchronous_commit is off. */
tasker_db *open_side(const char *schema);

void fill_side(side *s, const char *schema, int64_t tasks);
void close_side(side *s);
int64_t count_stamped(const side *s);

/* Pages of shared memory that one claim looks at, in a session that has claimed before. */
double buffers_of_claim(const side *s);
double buffers_of_plain(const side *s);
