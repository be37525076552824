/* SPDX-License-Identifier: MIT */
/*
 * What a handle tells its owner: callbacks, a ring of state events, and the events that wait until it is known whether
 * they are true. Events are noted while a call reads its answer and told at its end, with the handle still taken.
 */
#pragma once
#include "db/link.h"
#include "tasker/hooks.h"

typedef struct tkr_noted {
    tasker_state_event event;
    tasker_uuid transition_uuid; /* the row it tells of */
    int64_t xid;                 /* the transaction that wrote it */
    uint32_t depth;              /* savepoints that were set */
} tkr_noted;

typedef struct tkr_hooks {
    tasker_hooks set;
    tasker_state_event *ring;
    size_t capacity, first, held;
    tkr_noted *noted;
    size_t count, size;
    bool waits;   /* noted events are of a transaction of the caller's */
    int64_t lost; /* for want of memory, since the last one that was noted */
} tkr_hooks;

/* NULL: out of memory. */
tkr_hooks *tkr_hooks_open(const tasker_hooks *set, size_t capacity);
void tkr_hooks_close(tkr_hooks *hooks);

/* A handle without hooks wants nothing. */
bool tkr_hooks_want_calls(const tasker_db *db);
bool tkr_hooks_want_states(const tasker_db *db);

/* waits: the caller has a transaction open. A row that this transaction told of before is not told again. */
void tkr_hooks_note(tasker_db *db, const tkr_noted *noted, bool waits);

/* Tells what does not wait. The handle is taken, and can bear being called back. */
void tkr_hooks_tell(tasker_db *db);

/* The transaction is committed: what it wrote waits no more. */
void tkr_hooks_commit(tasker_db *db, int64_t xid);

/* What waits and was noted with that many savepoints set, or more, is undone; 0: all. */
void tkr_hooks_drop(tasker_db *db, uint32_t depth);

/* The savepoint that made it so many is released. */
void tkr_hooks_release(tasker_db *db, uint32_t depth);

/* False: the ring is empty. */
bool tkr_hooks_next(tkr_hooks *hooks, tasker_state_event *out);
