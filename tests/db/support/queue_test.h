/* SPDX-License-Identifier: MIT */
/*
 * Backends for the tests of queues: our own, and some that look like pgmq of different versions, made from our own text
 * under its name. What the library must not rely on there is missing.
 *
 * And pgmq itself: where the server has the extension, or TASKER_TEST_PGMQ names its script pgmq.sql, of version 1.4 or
 * newer. Where neither is, the tests say so.
 */
#ifndef TKR_TESTS_QUEUE_TEST_H
#define TKR_TESTS_QUEUE_TEST_H

#include "entity_test.h"
#include <tasker/queue.h>

typedef struct queue_backend {
    const char *name;
    const char *schema; /* where its tables are */
    bool headers;
    const char *variant; /* SQL that makes a newer or older pgmq of the present one; NULL: our own backend */
} queue_backend;

extern queue_backend queue_backends[];
#define queue_backend_count queue_test_count()
size_t queue_test_count(void);

/* Makes the backend and opens a handle that uses it. To be closed by the test. */
tasker_db *queue_test_open(const fixture *f, const queue_backend *backend);
tasker_db *queue_test_open_more(const fixture *f, const queue_backend *backend); /* once it is there */

/* Runs body for each backend, each time with a handle of its own and a new queue. */
typedef void (*queue_body)(const fixture *f, tasker_db *db, const queue_backend *backend, tasker_text queue);
void queue_test_each(const fixture *f, queue_body body);

/* Makes schema pgmq, or one like it, and lets it go. */
void queue_test_make_pgmq(const fixture *f, const queue_backend *backend);
void queue_test_drop_pgmq(const fixture *f);

/* Every function that names a queue, with harmless arguments; what it answers where nothing is wrong: OK, NOOP or, for
 * want of messages, NOT_FOUND without SQLSTATE. */
typedef struct queue_call {
    const char *name;
    tasker_status (*run)(tasker_db *db, tasker_text queue);
    bool for_owners; /* on tasker_queue */
} queue_call;
extern const queue_call queue_calls[];
extern const size_t queue_call_count;

/* count messages {"n": first}, … sent at once, or with a delay; the number of the first. */
int64_t send_numbers(tasker_db *db, tasker_text queue, int first, size_t count, int32_t delay_seconds);

/* Reads, expects so many messages, and gives the list. */
const tasker_messages *read_some(tasker_db *db, tasker_text queue, int32_t vt_seconds, int32_t limit, size_t expected);

/* Reads and forgets. */
void assert_visible(tasker_db *db, tasker_text queue, size_t expected);

/*
 * A result as workers of tasker-core write it: "Success", "Failed", …. more: error, metadata and the like, each with a
 * comma behind.
 */
void send_result(tasker_db *db, tasker_text queue, tasker_uuid task_uuid, tasker_uuid step_uuid, const char *status,
                 const char *more);

/* The server's answer, one number, to a question about a table of the queue: "q" or "a". */
long count_in(const fixture *f, const queue_backend *backend, char table, tasker_text queue);

#endif
