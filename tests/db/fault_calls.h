/* SPDX-License-Identifier: MIT */
/* The calls that test_faults makes, and what they act on. A new public function is one line of a table. */
#ifndef TKR_TESTS_FAULT_CALLS_H
#define TKR_TESTS_FAULT_CALLS_H

#include "flow_test.h"

/* Rows that are there, and keys and names of some to be. */
typedef struct world {
    const fixture *f;
    tasker_uuid key, task_namespace_uuid, dependent_system_uuid, named_task_uuid, named_step_uuid;
    char name[64], namespace_name[64], task_name[64];
    made_flow flow;
    const tasker_leases *leases;
    tasker_outcome outcomes[3];
} world;

typedef struct victim {
    const char *name;
    tasker_status (*call)(tasker_db *db, world *w);
    bool writes, leases; /* may be in doubt; wants w->leases */
    bool late;           /* the lease is over, and it was the last */
    bool result;         /* of the first step waits in the queue, and one that is none */
    bool aside;          /* the status is not that of the handle */
} victim;
extern const victim fault_readers[], fault_writers[], fault_others[];
extern const size_t fault_reader_count, fault_writer_count, fault_other_count;

/* What the last call answered, to be freed; set it to NULL before. */
extern const void *fault_row;

#endif
