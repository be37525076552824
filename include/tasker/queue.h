/* SPDX-License-Identifier: MIT */
/*
 * Message queues in the database itself, so that a message and the rows that it speaks of can be one transaction.
 *
 * There are two backends with the same functions and answers: pgmq where it is installed, and our own schema
 * tasker_queue for stock PostgreSQL, which tasker_schema_install makes. Which one a handle uses is found when it opens
 * and again when it recovers: the option queue_backend says it, else the database setting tasker.queue_backend ("pgmq",
 * "tasker_queue", "none": ALTER DATABASE … SET), else the one that can be used. Where that is not exactly one, every
 * function here answers NO_QUEUE, with the reason; the rest of the library works. tasker_db_session tells the choice.
 *
 * A queue's name is a letter a-z, then up to 46 of a-z, 0-9 and _; anything else is INVALID_ARGUMENT, before anything
 * is sent. A queue that is not there is NOT_FOUND with SQLSTATE 42P01, an error of the server's: it aborts the caller's
 * transaction. DENIED: on tasker_queue USAGE of the schema is enough for everything but create, drop, purge and
 * set_notify, which are its owner's; pgmq runs with the caller's own rights on its tables. All functions work inside a
 * transaction and on the handle of a pipeline.
 *
 * A message is hidden from other readers until its vt has passed and is then there again; read_ct counts. So it is
 * delivered at least once, and whoever read it deletes it, best in the transaction that does its work. Numbers grow in
 * the order of sending, which is not the order of commits: nothing may be remembered as "seen up to". Times are the
 * server's clock. Under REPEATABLE READ a read that meets a newer change answers RETRY.
 */
#ifndef TASKER_QUEUE_H
#define TASKER_QUEUE_H

#include "cursor.h"

TASKER_BEGIN_DECLS

typedef struct tasker_message {
    int64_t msg_id;          /* unique in its queue */
    int32_t read_ct;         /* how often it was read, this time included */
    tasker_time enqueued_at; /* when the sending transaction began */
    tasker_time vt;          /* hidden until then */
    tasker_json message;     /* absent: a NULL that another program has sent */
    tasker_json headers;     /* absent: none, or pgmq before 1.5 */
} tasker_message;

TASKER_LIST(tasker_messages, tasker_message);

typedef struct tasker_message_input {
    tasker_json message; /* required; any JSON value */
    tasker_json headers;
    uint64_t reserved[2];
} tasker_message_input;

/* The members after created_at are measured by tasker_queue_measure only. */
typedef struct tasker_queue {
    tasker_text queue_name;
    bool is_partitioned;
    bool is_unlogged; /* loses its messages when the server crashes */
    tasker_time created_at;
    tasker_time scrape_time;
    int64_t queue_length;         /* hidden ones included */
    int64_t queue_visible_length; /* -1: pgmq before 1.5 does not tell */
    int64_t total_messages;       /* numbers ever given, also to sends that were rolled back */
    bool has_ages;                /* false: the queue is empty */
    int32_t newest_msg_age_sec;
    int32_t oldest_msg_age_sec;
} tasker_queue;

TASKER_LIST(tasker_queues, tasker_queue);

/* Makes a queue. NOOP: it is there. May be raced. DENIED: the role may not. */
TASKER_CALL tasker_queue_create(tasker_db *db, tasker_text queue_name);

/*
 * Drops a queue with its messages and its archive. NOT_FOUND: there is none (the transaction goes on). TIMEOUT with
 * SQLSTATE 55P03: others used it for 5 seconds, or for half of the call's deadline if that is less; nothing is dropped.
 */
TASKER_CALL tasker_queue_drop(tasker_db *db, tasker_text queue_name);

/*
 * Whether sends notify those who LISTEN on the channel tasker_q_<queue_name>; a new queue's do not. The notification
 * has no payload and comes with the commit, so many sends of one transaction are one. A send with a delay sends none.
 * Notifying commits wait for each other in the server: leave it off for bulk loads. On tasker_queue this holds for all
 * senders, on pgmq for this library's. UNSUPPORTED: pgmq in a database whose tables this library has not installed.
 */
TASKER_CALL tasker_queue_set_notify(tasker_db *db, tasker_text queue_name, bool notify);

/* All queues by name, without measures. */
TASKER_CALL tasker_queue_list(tasker_db *db, const tasker_queues **out);

/* One queue, or with an absent name all of them, with their measures. Counts every message: not for each second. */
TASKER_CALL tasker_queue_measure(tasker_db *db, tasker_text queue_name, const tasker_queues **out);

/*
 * Sends count messages in one statement, all or none, visible after delay_seconds. msg_ids may be NULL, else it takes
 * count numbers in the order of the messages; after a failure what stands in it means nothing. NOOP: count is 0.
 * UNSUPPORTED: headers, on pgmq before 1.5.
 *
 * The server gives the numbers, so a send cannot be repeated under a key: outside of a transaction it gets one of its
 * own. IN_DOUBT: tasker_db_resolve with tasker_db_error(db)->commit tells whether it was sent; then msg_ids counts. On
 * a pipeline's handle it is a statement without a commit to ask about.
 */
TASKER_CALL tasker_queue_send(tasker_db *db, tasker_text queue_name, const tasker_message_input *messages, size_t count,
                              int32_t delay_seconds, int64_t *msg_ids);

/*
 * Up to limit visible messages with the lowest numbers, in their order, hidden from now on for vt_seconds. Messages
 * that another transaction is just reading are passed over. vt_seconds 0: they stay visible. limit 0: none. In a
 * transaction that is rolled back nothing was read. IN_DOUBT: they may be hidden until their vt.
 */
TASKER_CALL tasker_queue_read(tasker_db *db, tasker_text queue_name, int32_t vt_seconds, int32_t limit,
                              const tasker_messages **out);

/*
 * Takes up to limit visible messages out of the queue: at most once, since a program that ends has lost them. read_ct
 * is what it was. IN_DOUBT: as for send; what was removed is lost. Where that matters, read and delete.
 */
TASKER_CALL tasker_queue_pop(tasker_db *db, tasker_text queue_name, int32_t limit, const tasker_messages **out);

/*
 * Removes messages, hidden or not, whoever has read them. deleted may be NULL, else it says for each number whether it
 * was there now; a number that comes twice is deleted once. NOOP: none of them was there. Sending it again is harmless.
 */
TASKER_CALL tasker_queue_delete(tasker_db *db, tasker_text queue_name, const int64_t *msg_ids, size_t count,
                                bool *deleted);

/* The same, into the queue's archive: the table a_<queue_name> beside q_<queue_name> in the backend's schema. */
TASKER_CALL tasker_queue_archive(tasker_db *db, tasker_text queue_name, const int64_t *msg_ids, size_t count,
                                 bool *archived);

/* Hides a message for vt_seconds from now, or shows it (0). NOT_FOUND: it is gone (the transaction goes on). */
TASKER_CALL tasker_queue_set_vt(tasker_db *db, tasker_text queue_name, int64_t msg_id, int32_t vt_seconds,
                                const tasker_message **out);

/*
 * Removes all messages, hidden ones included, and tells how many; the archive stays, and numbers go on. TIMEOUT as for
 * drop: on pgmq it waits for everybody who uses the queue, on tasker_queue for readers of its messages only.
 */
TASKER_CALL tasker_queue_purge(tasker_db *db, tasker_text queue_name, int64_t *out);

/*
 * When the next of the messages that are hidden now appears. NOT_FOUND without SQLSTATE: none is hidden. Messages of
 * transactions that are not committed do not count.
 */
TASKER_CALL tasker_queue_get_next_vt(tasker_db *db, tasker_text queue_name, tasker_time *out);

TASKER_END_DECLS

#endif
