/* SPDX-License-Identifier: MIT */
/*
 * For tests: workflows of known shapes, steps in any state, a server time that stands still. In a static library of its
 * own, libtasker-testing (pkg-config tasker-testing); tasker/tasker.h does not include this header. docs/testing.md
 * shows the shapes and a program.
 *
 * States are written past every guard: the library's operations would never start a step before its parents are done,
 * these functions do when asked. What they write is a history like any other: legal arrows of the state table,
 * ascending sort keys, one current row.
 *
 * All functions but tasker_testing_define write, in a transaction of their own or, when one is open on the handle, as
 * one unit inside it. They speak to the server over tasker_db_conn: when that part is refused the status tells the kind
 * (DENIED, RETRY, DATABASE …) and tasker_db_error tells nothing. A pipeline's queueing handle is UNSUPPORTED. The
 * thread rule is the handle's.
 */
#ifndef TASKER_TESTING_H
#define TASKER_TESTING_H

#include "workflow.h"

TASKER_BEGIN_DECLS

/* size is what a shape leaves open; 0 is the default, and the only size of the shapes that leave nothing open. */
typedef enum tasker_testing_shape {
    TASKER_TESTING_SHAPE_LINEAR = 1,         /* size steps, one after the other; 4 */
    TASKER_TESTING_SHAPE_DIAMOND = 2,        /* one, two, one */
    TASKER_TESTING_SHAPE_PARALLEL_MERGE = 3, /* size steps, and one after them; 3 */
    TASKER_TESTING_SHAPE_TREE = 4,           /* one, two, four */
    TASKER_TESTING_SHAPE_MIXED_DAG = 5,      /* seven steps, nine edges, four levels */
    TASKER_TESTING_SHAPE_SINGLE = 6,         /* one step */
    TASKER_TESTING_SHAPE_INDEPENDENT = 7,    /* size steps without edges; 3 */
    TASKER_TESTING_SHAPE_SHORTCUT = 8,       /* a-b, b-c, a-c */
    TASKER_TESTING_SHAPE_FORK_JOIN = 9,      /* one, size, one; 100 */
    TASKER_TESTING_SHAPE_LADDER = 10,        /* size diamonds, each on the last step of the one before; 14 */
    TASKER_TESTING_SHAPE_RANDOM = 11         /* size steps; each but the first waits for one to three before it; 20 */
} tasker_testing_shape;

/* What a step goes through. Every life begins where the step stands and adds at least one row to its history. */
typedef enum tasker_testing_life {
    TASKER_TESTING_LIFE_COMPLETE = 1, /* started and completed */
    TASKER_TESTING_LIFE_FAILED = 2,   /* started and failed; it stays in error */
    TASKER_TESTING_LIFE_RETRY = 3,    /* failed, unless it stands in error already; then retried, started, completed */
    TASKER_TESTING_LIFE_MANUAL = 4    /* failed, unless it stands in error already; then resolved by somebody */
} tasker_testing_life;

TASKER_SIZE(tasker_testing_shape, 4);
TASKER_SIZE(tasker_testing_life, 4);

typedef struct tasker_testing_options {
    tasker_testing_shape shape;  /* required, unless input.definition is given */
    int32_t size;                /* of the shape */
    uint64_t seed;               /* of RANDOM, and of the made-up context */
    tasker_workflow_input input; /* what is absent is made up: context, tags, initiator, source_system, priority */
    tasker_state step_state;     /* of every step; NONE: pending */
    bool without_history;        /* no history rows, for task and steps: all are pending then */
    uint64_t reserved[4];
} tasker_testing_options;

/*
 * A definition of that shape. The same shape, size and seed give the same definition on every machine. Release it with
 * tasker_testing_free. INVALID_ARGUMENT: no such shape, a negative size, or one where the shape is fixed.
 * LIMIT_EXCEEDED: more than 100000 steps. A handle's own limits (1000 steps, depth 50) apply when it is used.
 */
TASKER_CALL tasker_testing_define(tasker_testing_shape shape, int32_t size, uint64_t seed,
                                  const tasker_definition **out);

/*
 * Creates a workflow. Its statuses are those of tasker_testing_define and tasker_workflow_create; INVALID_ARGUMENT
 * also: both a shape and a definition, or without_history with a step_state other than NONE and PENDING. A task that
 * was there already (ids->existed) is left as it is. out may be NULL; else release with tasker_testing_free.
 */
TASKER_CALL tasker_testing_create(tasker_db *db, const tasker_testing_options *options,
                                  const tasker_workflow_ids **out);

/*
 * Creates count workflows, all or nothing: 30 % linear, 25 % diamond, 20 % parallel merge, 15 % tree, 10 % mixed DAG,
 * in this order, each rounded down, what is left over linear. options may be NULL; INVALID_ARGUMENT: it names a shape,
 * a size, a definition or a task_uuid. LIMIT_EXCEEDED: more than 100000. out may be NULL; else release the list with
 * tasker_testing_free.
 */
TASKER_CALL tasker_testing_create_mix(tasker_db *db, const tasker_testing_options *options, size_t count,
                                      const tasker_workflow_ids_list **out);

/*
 * Puts a step into a state, by the shortest way a run could have taken: error only from in_progress, back to pending
 * only from error. No arrow leads out of complete, cancelled and resolved_manually: their history is removed and begun
 * anew. leave_flags: only the history is written, the step's row is left behind it. Otherwise the row follows as in
 * tasker_workflow_step_apply; complete leaves {"success": true} as results.
 * NOOP: it stands there. NOT_FOUND: no such step. CONFLICT: somebody else moved it meanwhile.
 */
TASKER_CALL tasker_testing_set_state(tasker_db *db, const tasker_uuid *workflow_step_uuid, tasker_state state,
                                     bool leave_flags);

/*
 * Plays a life. detail: the error message of FAILED, the name of who resolves for MANUAL; absent: one is made up.
 * attempt: the start that the life ends with, those before it fail; 0: the next one. LIMIT_EXCEEDED: more than the
 * step's retry limit allows. A retry that the limit forbids begins to count anew, as an operator's does. leave_flags
 * and the other statuses are those of tasker_testing_set_state.
 */
TASKER_CALL tasker_testing_play(tasker_db *db, const tasker_uuid *workflow_step_uuid, tasker_testing_life life,
                                tasker_text detail, int32_t attempt, bool leave_flags);

/*
 * From now on the server's clock stands at this time for statements of this handle; NULL: it goes again. Other
 * sessions see the real time. It ends with the link (tasker_db_recover may make a new one), and with a rollback of the
 * transaction that it was called in. Keys keep the real time, and a history never goes back: what is created under the
 * real time cannot fail before it.
 *
 * How: the schema tasker_testing gets functions now and clock_timestamp that read a setting of the session, the
 * session's search_path puts them before those of PostgreSQL, and the views that ask for the time are made anew over
 * them. So use a database that is for tests: what was made there stays, other sessions see no difference but
 * tasker_schema_verify does. DENIED: the role may not create a schema, or does not own the views.
 */
TASKER_CALL tasker_testing_freeze(tasker_db *db, const tasker_time *now);

/*
 * Releases what a function of this header handed out, and anything that tasker_free releases; NULL is fine. tasker_free
 * does not know this library's memory: it leaves it alone.
 */
TASKER_API void tasker_testing_free(const void *result);

TASKER_END_DECLS

#endif
