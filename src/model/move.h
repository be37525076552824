/* SPDX-License-Identifier: MIT */
/*
 * What all changes of state share: n items, the keys of the history rows to write, the rounds of an operation, and
 * the verdict on every item.
 *
 * Round one is the operation's own flush: its guarded statement answers with the rows that moved. If all did, that
 * was it. Else a look, in a statement of its own and so with a fresh snapshot, says how the others stand; steps or
 * tasks without any history get their first row and the flush goes once more.
 */
#pragma once
#include "statement/call.h"
#include "tasker/lifecycle.h"

typedef struct tkr_move tkr_move;

/* How an item stands that did not move; one struct for steps and tasks. */
typedef struct tkr_look {
    bool found;
    tasker_state own_state; /* to_state of the item's history row under the key of the move; NONE: no such row */
    bool own_elsewhere;     /* that key belongs to the history of another */
    bool claim_lost;        /* the claim under which the change was to be made */
    tasker_uuid transition_uuid;
    tasker_state from_state, to_state;
    bool has_sort_key, has_attempts, has_unmet_parents, has_retry_eligible, retry_eligible, has_waiting, waiting,
        skippable;
    int32_t sort_key, attempts, unmet_parents;
    int64_t undone_steps, open_steps; /* of a task: those that are not done, and of them those not at their end */
    bool has_next_attempt_at;
    tasker_time next_attempt_at;
    tasker_state task_state;
} tkr_look;

struct tkr_move {
    size_t count;
    tasker_uuid *keys;   /* of the steps or tasks */
    tasker_uuid *ids;    /* of the history rows to write */
    tasker_uuid *others; /* of further rows the operation may write: 2 * count */
    bool *moved;
    bool *doubted;            /* the caller says that an earlier try with this key is in doubt */
    int32_t *begun_at;        /* 1 where the operation writes the missing first row of a history */
    tasker_outcome *outcomes; /* the caller's, or kept by the call */
    bool steps;
    tasker_event event;
    tasker_change change;     /* texts kept by the call */
    const tasker_uuid *claim; /* token of the claim under which it is made; kept by the call. NULL: none */
    bool locks_tasks;         /* in a statement before the writes; moves under a claim do so anyway */

    void (*add)(tkr_call *call,
                tkr_move *move); /* the operation's flush; sets answer (and extra). NULL: added already */
    uint32_t answer, extra;      /* which statement of it says what moved, and which one brings what collect reads */
    tasker_status (*collect)(tkr_call *call, tkr_move *move); /* NULL, or: read extra */
    tasker_status (*judge)(tkr_move *move, size_t i, const tkr_look *look);
    bool wide; /* writes about more than its items */
    void *own; /* the operation's */
    int phase;
    bool begun, judged; /* judged: every item has its verdict */
    bool listens;       /* each flush also brings what was written, */
    uint32_t written;   /* in the answer to this statement of it */
};

/* False: the call is refused, because there are more items than the limits allow. */
bool tkr_move_check_count(tkr_call *call, size_t count);

/* Copies keys, makes ids. False: the call is refused, or there is nothing to do (status NOOP). */
bool tkr_move_begin(tkr_call *call, tkr_move **out, const tasker_uuid *keys, size_t count, tasker_outcome *outcomes);

/* Checks and keeps what the caller says about who and why. NULL is nobody. */
bool tkr_move_keep_change(tkr_call *call, tkr_move *move, const tasker_change *change);

tasker_status tkr_move_run(tkr_call *call, tkr_move *move, void *out);

/*
 * Around what a flush writes about the items and no others: the ready set learns of it from the second of these instead
 * of from triggers. Moves with an add function are framed by the rounds, unless they are wide.
 */
void tkr_move_begin_writes(tkr_call *call);
void tkr_move_end_writes(tkr_call *call, const tkr_move *move);

/* The condition of the change is not met: its claim is lost, or the history has another sort key. */
bool tkr_move_has_moved_on(const tkr_move *move, const tkr_look *look);

/* For statements: NULL when any will do. */
const int32_t *tkr_move_expected_sort_key(const tkr_move *move);

/* The usual verdict: resend, gone, there already, moved on, no arrow, guard. */
tasker_status tkr_move_judge(tkr_move *move, size_t i, const tkr_look *look);

/* Marks what the rows of answer i (entity moved) say, and notes it for the hooks. */
tasker_status tkr_move_read(tkr_call *call, tkr_move *move, uint32_t answer);

/* Behind the operation's statements of each flush: brings what they wrote, if a hook wants to know. And notes it. */
void tkr_move_listen(tkr_call *call, tkr_move *move);
tasker_status tkr_move_note(tkr_call *call, const tkr_move *move);

/* Of all items, for the return value; the first bad one is told in the error. */
tasker_status tkr_move_status(tkr_call *call, tkr_move *move);
