/* SPDX-License-Identifier: MIT */
/* A workflow written by hand: the rows that tasker_workflow_create writes, by COPY BINARY. */
#ifndef TKR_BENCH_CREATE_COPY_H
#define TKR_BENCH_CREATE_COPY_H

#include <libpq-fe.h>
#include "shape.h"

typedef struct copy_names {
    tasker_uuid named_task_uuid;
    tasker_uuid *named_step_uuids; /* in the definition's order */
} copy_names;

/* The keys of a definition that is registered. False: the connection tells why. */
bool copy_find_names(PGconn *conn, const shape *s, copy_names *out);
void copy_forget_names(copy_names *names);

/* One transaction, five tables, with new keys. */
bool copy_workflow(PGconn *conn, const shape *s, const copy_names *names);

#endif
