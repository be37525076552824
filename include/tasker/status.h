/* SPDX-License-Identifier: MIT */
/*
 * What calls answer. A status says what the caller can do next, not what went wrong inside: the SQLSTATE, the
 * constraint and a one-line message travel beside it in tasker_error. Where sqlstate is not empty it was the server
 * that refused, whatever the status: a transaction of yours is aborted then.
 *
 * Every write ends in one of three ways. DONE: OK or NOOP. NOT DONE: every other status but one. IN_DOUBT: nobody
 * knows yet; call tasker_db_recover and send the same call with the same key again, it answers what is true. A commit,
 * and a create of rows that the server numbers, has no key: ask tasker_db_resolve about tasker_error.commit.
 */
#ifndef TASKER_STATUS_H
#define TASKER_STATUS_H

#include "types.h"

TASKER_BEGIN_DECLS

/* Fixed numbers, part of the ABI. */
typedef enum tasker_status {
    TASKER_OK = 0,     /* done; durable, unless inside your transaction */
    TASKER_NOOP = 1,   /* was so already, or nothing to do */
    TASKER_QUEUED = 2, /* taken by a queueing handle; the answer is to come */
    TASKER_AGAIN = 3,  /* not finished: wait and step again */

    /* expected outcomes: nothing was written, your transaction goes on */
    TASKER_NOT_FOUND = 10,
    TASKER_CONFLICT = 11,           /* someone was first: lost race, stale token, late attempt */
    TASKER_INVALID_TRANSITION = 12, /* the state table has no such arrow */
    TASKER_GUARD_FAILED = 13,       /* the arrow's condition is not met, for example unfinished parents */
    TASKER_DUPLICATE = 14,          /* the natural key is taken */

    /* refused before anything was sent */
    TASKER_INVALID_ARGUMENT = 20,
    TASKER_TOO_LONG = 21,
    TASKER_LIMIT_EXCEEDED = 22,
    TASKER_BUSY = 23, /* the handle is in use elsewhere, or in a mode that forbids this call */
    TASKER_UNSUPPORTED = 24,
    TASKER_UNKNOWN_STEP = 30,
    TASKER_DUPLICATE_STEP = 31,
    TASKER_SELF_EDGE = 32,
    TASKER_DUPLICATE_EDGE = 33,
    TASKER_FOREIGN_EDGE = 34, /* the two steps belong to two tasks */
    TASKER_CYCLE = 35,

    /* refused by the server: nothing was written, your transaction is aborted */
    TASKER_REFERENCE_MISSING = 40,
    TASKER_STILL_REFERENCED = 41,
    TASKER_CHECK_FAILED = 42,
    TASKER_DENIED = 43, /* no privilege; or a read-only transaction, in which a find_or_create is refused, too */
    TASKER_RETRY = 44, /* serialisation failure, deadlock, stale plan: repeat the whole transaction */

    /* the link */
    TASKER_TIMEOUT = 50,
    TASKER_CANCELLED = 51,
    TASKER_INTERRUPTED = 52,
    TASKER_DISCONNECTED = 53, /* nothing was written */
    TASKER_IN_DOUBT = 54,     /* whether it was written is unknown */
    TASKER_TAINTED = 55,      /* an earlier call was abandoned on this link: tasker_db_recover */
    TASKER_FORKED = 56,       /* the handle belongs to the parent process */

    /* installation, machine, the rest */
    TASKER_SCHEMA_MISMATCH = 60,
    TASKER_NO_QUEUE = 61,
    TASKER_OUT_OF_MEMORY = 70,
    TASKER_NO_ENTROPY = 71,
    TASKER_BAD_CLOCK = 72,
    TASKER_PROTOCOL = 73, /* the server's answer cannot be decoded */
    TASKER_DATABASE = 74  /* anything else; see sqlstate */
} tasker_status;

/*
 * The detail of one answer. Copy it freely; nothing to free. It never holds a connection string, a password or the
 * values of a row.
 */
typedef struct tasker_error {
    tasker_status status;
    char sqlstate[8]; /* "23505"; "" when the finding is the library's own */
    int32_t reserved;
    int64_t item;         /* which element of an array argument; -1: none in particular */
    tasker_commit commit; /* when a commit is IN_DOUBT: what tasker_db_resolve wants */
    tasker_uuid key;      /* the key of the write in question: send it again with this one */
    char statement[64];   /* name of the statement, as in src/sql */
    char constraint[64];  /* the broken one; of a DUPLICATE that the library found: what is taken, "" if not known */
    char table[64];
    char column[64];
    char message[720]; /* one line that names the culprit */
} tasker_error;

TASKER_SIZE(tasker_status, 4);
TASKER_SIZE(tasker_error, 1024);

/* The constant's name without its prefix: "CONFLICT". "UNKNOWN" for a number that is none. Static storage. */
TASKER_API const char *tasker_status_name(tasker_status status);

/* One English sentence about the status. Static storage. */
TASKER_API const char *tasker_status_text(tasker_status status);

/* OK and NOOP: it is so now. */
TASKER_API bool tasker_status_is_done(tasker_status status);

/*
 * True where going on makes sense once tasker_db_recover has answered: RETRY, TIMEOUT, CANCELLED, INTERRUPTED,
 * DISCONNECTED, IN_DOUBT, TAINTED. After IN_DOUBT the same call must be sent with the same key, or resolved.
 */
TASKER_API bool tasker_status_is_transient(tasker_status status);

TASKER_END_DECLS

#endif
