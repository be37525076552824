/* SPDX-License-Identifier: MIT */
/*
 * What a handle's calls do, for logs, metrics and live displays: callbacks given to tasker_db_open, or state events
 * fetched one by one. A handle without either pays nothing.
 *
 * Callbacks run on the thread that made the call, when the call has its answer; those of pipelined calls when the run,
 * the last step or the close of the pipeline ends. They cannot fail a call, and they prolong it. Until they return the
 * handle is taken: calls on it, and on the queueing handle and the pipelines that belong to it, answer BUSY. They must
 * not close any of these, and must return (no longjmp, no exception). What is given to them lives until they return;
 * context must live as long as the handle. Of a pool's handles they are called on many threads at once, and each has a
 * ring of its own.
 *
 * State events tell of what is committed, each change once, in the order in which they were written. Outside of a
 * transaction that is when the call ends. Inside of one the handle keeps them: tasker_db_commit tells all of them when
 * it answers OK; tasker_db_rollback drops them, and tasker_db_rollback_to those since the savepoint. So does a lost
 * link. A call or commit that ends IN_DOUBT tells nothing, nor does the resend that finds the change made: the
 * histories (tasker/transition.h) are the truth, these events are news of it. A transaction that was ended by a
 * statement of your own tells nothing either, and a ROLLBACK TO of your own is not noticed. Creating a task or step is
 * no event, and changes by other handles and programs are not seen: each handle tells of its own calls.
 *
 * The history is read back by one more statement in the flush of each call that changes states: no round trip more, but
 * some work for the server. Counting calls costs it nothing.
 */
#ifndef TASKER_HOOKS_H
#define TASKER_HOOKS_H

#include "db.h"
#include "state.h"

TASKER_BEGIN_DECLS

/* One change of state, as the history has it. An operation may make several: of steps that go along, or of the task. */
typedef struct tasker_state_event {
    tasker_uuid task_uuid;
    tasker_uuid workflow_step_uuid; /* nil: the task itself */
    tasker_state from_state;
    tasker_state to_state;
    tasker_event event; /* the operation's; where it moves more along, the one that leads there: START, RETRY */
    int32_t attempt;    /* of a step: starts so far, this one included; 0 of a task */
    tasker_time at;     /* the server's clock */
    int64_t lost;       /* so many events just before this one were dropped: the ring was full, or memory out */
    uint64_t reserved[2];
} tasker_state_event;

TASKER_SIZE(tasker_state_event, 80);

/*
 * One call. Functions that are several calls by nature (see tasker/db.h) tell of each. Not told: calls that did not get
 * the handle (BUSY, FORKED, TAINTED, DISCONNECTED before anything was sent), and those that had nothing to send and did
 * not fail.
 */
typedef struct tasker_call_event {
    const char *statement; /* the main one, called like its public function without tasker_; "": refused before that */
    tasker_status status;
    char sqlstate[8];       /* "" when the finding is the library's */
    int32_t round_trips;    /* 0: refused, nothing was sent; a pipelined call shares its round trips with others */
    int32_t prepares;       /* statements that the session had to learn */
    int64_t duration_ns;    /* from sending to the last answer */
    int64_t rows;           /* in the answers */
    int64_t bytes_sent;     /* parameters with their lengths; without texts of statements and the protocol's own */
    int64_t bytes_received; /* values of rows, the same way */
} tasker_call_event;

/* Each callback may be NULL. */
typedef struct tasker_hooks {
    void (*on_state)(const tasker_state_event *event, void *context);
    void (*on_call)(const tasker_call_event *event, void *context); /* comes before the state events of the call */
    void *context;
    uint64_t reserved[4];
} tasker_hooks;

/*
 * The oldest state event that was not fetched yet, from a ring of tasker_db_options.event_capacity; what on_state is
 * told is in there, too. When the ring is full the oldest event makes place for a new one, and the next one's member
 * lost says so. NOT_FOUND: there is none, out is untouched. UNSUPPORTED: opened without event_capacity, or the queueing
 * handle of a pipeline (ask its db). Asks no server: the link may be lost.
 */
TASKER_CALL tasker_db_next_event(tasker_db *db, tasker_state_event *out);

TASKER_END_DECLS

#endif
