/* SPDX-License-Identifier: MIT */
/* The writes of the main line, each prepared, sent, sent again under the same keys, and looked for in the database. */
#ifndef TKR_TESTS_WRITES_H
#define TKR_TESTS_WRITES_H

#include <tasker/lease.h>
#include "db_test.h"
#include "shape.h"

typedef struct attempt {
    tasker_uuid task_uuid, step_uuid;
    tasker_lease lease;
    tasker_outcome outcome;
    tasker_status begun; /* of what precedes the write under test */
} attempt;

typedef struct write_kind {
    const char *name;
    void (*prepare)(tasker_db *db, attempt *a); /* on another handle than the one under test; NULL: nothing to do */
    tasker_status (*begin)(tasker_db *db, attempt *a); /* on the one under test, just before; NULL: nothing to do */
    tasker_status (*send)(tasker_db *db, attempt *a);
    const char *effect; /* counts what was written; $1 is the task */
    long whole;         /* that number when all of it was written once */
} write_kind;

enum {
    WRITE_CREATE,
    WRITE_TAKE,
    WRITE_COMPLETE,
    WRITE_FAIL,
    WRITE_APPLY,
    WRITE_FINALIZE,
    WRITE_CANCEL,
    WRITE_COMMIT,
    WRITES
};
extern const write_kind writes[WRITES];

/* 0: nothing was written; whole: all of it once. */
long write_effect(const fixture *f, const write_kind *kind, const attempt *a);
long write_effect_by(PGconn *conn, const write_kind *kind, const attempt *a);

#endif
