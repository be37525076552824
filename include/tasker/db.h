/* SPDX-License-Identifier: MIT */
/*
 * The handle: one link to one database, its deadlines, its last error, its transactions.
 *
 * Threads: one thread at a time may use a handle; a second one gets BUSY. tasker_db_cancel may be called from any
 * thread while a call runs. Open one handle per thread. In a child made by fork every call answers FORKED and
 * touches nothing; the child may close the handle, which leaves the parent's link intact.
 *
 * Deadlines: every call ends at the latest when its deadline has passed, whatever the server or the network do; calls
 * that are several by nature (open, recover, rollback to an outer savepoint, schema install, creates of rows that the
 * server numbers) give it to each. A call abandoned so leaves the link TAINTED: tasker_db_recover replaces it. Two
 * waits are not the library's and are not bounded: resolving a host name while connecting, and tasker_db_cancel. With
 * several hosts in the connection string the first may use up the whole deadline.
 *
 * Transactions: outside of one each call is a transaction of its own. Inside, expected outcomes (see status.h) leave
 * the transaction usable; errors of the server abort it, as always in PostgreSQL, and until it is rolled back every
 * further call answers RETRY with SQLSTATE 25P02.
 */
#ifndef TASKER_DB_H
#define TASKER_DB_H

#include "status.h"

TASKER_BEGIN_DECLS

struct pg_conn; /* libpq's PGconn; its header is not needed */
struct tasker_hooks;
struct tasker_uuid_source;

typedef struct tasker_db tasker_db;

typedef enum tasker_isolation {
    TASKER_ISOLATION_DEFAULT = 0, /* as the server or the role has it */
    TASKER_ISOLATION_READ_COMMITTED = 1,
    TASKER_ISOLATION_REPEATABLE_READ = 2,
    TASKER_ISOLATION_SERIALIZABLE = 3
} tasker_isolation;

TASKER_SIZE(tasker_isolation, 4);

/* How waiting tasks gain on others when claims are taken; tasker/claim.h says more. */
typedef enum tasker_ageing {
    TASKER_AGEING_COMPATIBLE = 0, /* tasker-core's numbers: low priorities age faster and overtake */
    TASKER_AGEING_MONOTONE = 1    /* a lower priority never overtakes a higher one of the same age */
} tasker_ageing;

TASKER_SIZE(tasker_ageing, 4);

/* What tasker/queue.h works with. */
typedef enum tasker_queue_backend {
    TASKER_QUEUE_BACKEND_DETECT = 0, /* the database setting tasker.queue_backend, else the one that can be used */
    TASKER_QUEUE_BACKEND_PGMQ = 1,
    TASKER_QUEUE_BACKEND_OWN = 2, /* the schema tasker_queue */
    TASKER_QUEUE_BACKEND_NONE = 3
} tasker_queue_backend;

TASKER_SIZE(tasker_queue_backend, 4);

/* Zero it, set what matters. Borrowed for the call, texts included. */
typedef struct tasker_db_options {
    tasker_text schema;           /* where the tables are; absent: "public" */
    tasker_text application_name; /* as pg_stat_activity shows it; absent: the connection string's, else "libtasker" */
    int32_t connect_timeout_ms;   /* 0: 10000; -1: none */
    int32_t call_timeout_ms;      /* of each call; 0: 30000; -1: none */
    tasker_ageing ageing;         /* of claims */
    tasker_queue_backend queue_backend; /* looked at when the link is made, missed only by calls of tasker/queue.h */
    tasker_limits limits;
    const struct tasker_hooks *hooks;        /* callbacks, see tasker/hooks.h; NULL: none */
    const struct tasker_uuid_source *source; /* tests: clock and entropy of ids; must outlive the handle */
    int32_t event_capacity;                  /* state events kept for tasker_db_next_event; 0: none */
    bool unprepared;                         /* no named statements: for poolers in transaction mode that lose them */
    bool require_tls;                        /* refuse any link below sslmode=verify-full */
    bool interruptible;                      /* a signal ends a wait: INTERRUPTED */
    bool any_schema;                         /* open on a missing, older, newer or tasker-core's schema too */
    bool notify_ready;                       /* wake listeners for ready tasks: see tasker/listener.h */
    uint64_t reserved[3];
} tasker_db_options;

/* What the handle knows about its link; borrowed from the handle, refreshed by each call. */
typedef struct tasker_session {
    tasker_text schema;
    int32_t server_version;             /* 150004 is 15.4 */
    int32_t schema_version;             /* 0: none of ours */
    int32_t backend_pid;                /* meaningless behind a pooler */
    tasker_queue_backend queue_backend; /* PGMQ or OWN; NONE: none can be used, or it is not clear which */
    bool usable;                        /* not lost, not tainted */
    bool in_transaction;
    bool transaction_failed; /* only rollback, or rollback to a savepoint, is possible */
    bool tls;
    bool unprepared;         /* asked for, or fallen back to because a pooler lost statements */
    bool queue_headers;      /* messages may have headers */
    bool synchronous_commit; /* false: a server crash may lose acknowledged writes */
} tasker_session;

typedef struct tasker_transaction_options {
    tasker_isolation isolation;
    bool read_only;
    uint64_t reserved[2];
} tasker_transaction_options;

/* Names a savepoint of the open transaction. */
typedef struct tasker_savepoint {
    uint32_t depth;
} tasker_savepoint;

/*
 * Connects and checks the schema. conninfo is libpq's connection string or URI (PostgreSQL documentation, "Connection
 * Strings"); empty: the PG* environment variables and defaults. error may be NULL.
 * INVALID_ARGUMENT: the string cannot be parsed, no such database, an option out of range. DISCONNECTED: nobody
 * answers. TIMEOUT. DENIED: credentials, or require_tls is not met. SCHEMA_MISMATCH: no schema of a version that this
 * library speaks is there; the message says which. With any_schema a database that tasker-core made is used as it is:
 * calls answer the same, but what it cannot store (a second version of a named task, results above some 2.6 kB).
 * UNSUPPORTED: the server is older than PostgreSQL 14, or its encoding cannot hold UTF-8.
 * The message never repeats the connection string.
 */
TASKER_CALL tasker_db_open(tasker_text conninfo, const tasker_db_options *options, tasker_error *error,
                           tasker_db **out);

/*
 * Puts a handle around a connection of yours. It stays yours: closing the handle leaves it open, its settings are not
 * changed, an open transaction is used as it is. While a call runs the connection must not be used otherwise; between
 * calls it may be. BUSY: it is in the middle of a command or in pipeline mode. UNSUPPORTED: its client_encoding is
 * not UTF8. Otherwise as tasker_db_open. A lost wrapped link cannot be recovered by the handle. A call that is given up
 * (TIMEOUT, INTERRUPTED, OUT_OF_MEMORY) before all of it was sent ends the link, yours too: what is left in libpq would
 * be sent later, by whatever uses it next.
 */
TASKER_CALL tasker_db_wrap(struct pg_conn *conn, const tasker_db_options *options, tasker_error *error,
                           tasker_db **out);

/* Closes the link, which rolls an open transaction back, and frees the handle. Results stay valid. NULL is fine. */
TASKER_API void tasker_db_close(tasker_db *db);

/*
 * Makes the handle usable again: rolls an open transaction back, or replaces a lost or tainted link by a new one.
 * OK: it is usable now. NOOP: nothing was wrong. DISCONNECTED, TIMEOUT, DENIED: no new link; try again later. Other
 * statuses as tasker_db_open has them, for what the new link finds changed. UNSUPPORTED also: the lost link is a
 * wrapped one.
 */
TASKER_CALL tasker_db_recover(tasker_db *db);

/* One empty round trip. */
TASKER_CALL tasker_db_ping(tasker_db *db);

/* The server's clock, clock_timestamp(), in UTC. */
TASKER_CALL tasker_db_now(tasker_db *db, tasker_time *out);

/* The detail of the last call's answer. Borrowed, until the next call on db. */
TASKER_API const tasker_error *tasker_db_error(const tasker_db *db);

TASKER_API const tasker_session *tasker_db_session(tasker_db *db);

/* The connection, for statements of your own between calls; it must be idle and out of pipeline mode afterwards. */
TASKER_API struct pg_conn *tasker_db_conn(tasker_db *db);

/* The deadline of each later call in milliseconds. 0: the option's; -1: none. */
TASKER_API void tasker_db_set_timeout(tasker_db *db, int32_t ms);

/*
 * Asks the server to cancel the call that runs now; from any thread. That call then ends as CANCELLED (nothing
 * written), or as if nothing had been asked; since the request may then hit a later statement, the link is TAINTED
 * in the second case. Without a running call nothing happens. It opens a connection of its own and waits for the
 * server to take the request: not for the thread of an event loop.
 */
TASKER_API void tasker_db_cancel(tasker_db *db);

/* Opens a transaction. BUSY: one is open already. options may be NULL. */
TASKER_CALL tasker_db_begin(tasker_db *db, const tasker_transaction_options *options);

/*
 * Commits. Whatever it answers but NOOP, the transaction has ended, unless the link is TAINTED or lost. RETRY: the
 * transaction had failed before and was rolled back. IN_DOUBT: the answer was lost;
 * tasker_db_error(db)->commit names the commit for tasker_db_resolve. NOOP: no transaction is open.
 */
TASKER_CALL tasker_db_commit(tasker_db *db);

/* Rolls the open transaction back. NOOP: none is open. */
TASKER_CALL tasker_db_rollback(tasker_db *db);

/*
 * Did that commit happen? From any handle on the same server. IN_DOUBT: still undecided, ask again. NOT_FOUND: the
 * server has forgotten it (too long ago). Source: PostgreSQL's pg_xact_status. After a crash of the server ask before
 * others write: it may give the id of a transaction that it lost to another one. Calls sent again with their keys have
 * no such limit.
 */
TASKER_CALL tasker_db_resolve(tasker_db *db, tasker_commit commit, bool *out);

/* Sets a savepoint in the open transaction. INVALID_ARGUMENT: no transaction is open. */
TASKER_CALL tasker_db_savepoint(tasker_db *db, tasker_savepoint *out);

/* Undoes everything since the savepoint, also after an error; the savepoint stays. */
TASKER_CALL tasker_db_rollback_to(tasker_db *db, tasker_savepoint savepoint);

/* Forgets the savepoint and those set after it; their work stays. */
TASKER_CALL tasker_db_release(tasker_db *db, tasker_savepoint savepoint);

TASKER_END_DECLS

#endif
