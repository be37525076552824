/* SPDX-License-Identifier: MIT */
/*
 * The messages that orchestrators and workers of tasker-core send each other through queues, as structs. Reading is
 * strict about what it knows and indifferent to the rest; docs/messages.md shows the three shapes and what may be
 * missing. Pure, but for the last; may be called from any thread.
 *
 * Reading: body is JSON as tasker_json_check takes it under the largest limits. Keys that are not listed, at any level,
 * are ignored. INVALID_ARGUMENT: the body is absent, no JSON or no object; a key that must be there is missing; a value
 * is of another type or out of range; a known key comes twice. UUIDs are those that all peers take: versions 1 to 7,
 * with hyphens, in any case. LIMIT_EXCEEDED: the body is beyond the largest limits. OUT_OF_MEMORY. error may be NULL,
 * else it is overwritten: its message names the key ("result message: metadata.worker_id is missing") and never a
 * value; item is the index in a list of UUIDs, else -1. *out is NULL on failure; the message is yours: tasker_free.
 *
 * Writing: *out is the number of bytes of the JSON, for which size bytes at buffer must be enough; it is not
 * NUL-terminated, so {buffer, *out} is the body to send. TOO_LONG: size is less; *out tells, and buffer, which may be
 * NULL for size 0, is as it was. INVALID_ARGUMENT: a member that must be there is absent, a text is not UTF-8, JSON is
 * not what the database can store or of the wrong shape, a number, a word, a UUID or a time (years 0000 to 9999) is not
 * one that a reader takes; message or out is NULL. LIMIT_EXCEEDED: JSON that is deeper than 998, or a body of more than
 * 255 MiB. UNSUPPORTED: a reserved word is not zero. *out is then as it was. What was written reads back as it was
 * given, but for space around JSON, and what is said of results.
 */
#ifndef TASKER_MESSAGE_H
#define TASKER_MESSAGE_H

#include "db.h"
#include "json.h"

TASKER_BEGIN_DECLS

/* ---- orchestrator to worker: run this step ---- */

typedef struct tasker_step_message {
    tasker_uuid task_uuid;
    tasker_uuid step_uuid;                    /* workflow_step_uuid of the step */
    tasker_uuids ready_dependency_step_uuids; /* all ancestors, each of them done; in no order */
    bool has_enqueue_uuid;
    tasker_uuid enqueue_uuid; /* the row of the step's history that enqueued it; other writers do not tell */
    uint64_t reserved[4];
} tasker_step_message;

TASKER_CALL tasker_step_message_read(tasker_json body, tasker_error *error, const tasker_step_message **out);
TASKER_CALL tasker_step_message_write(const tasker_step_message *message, size_t size, char *buffer, size_t *out);

/* ---- anybody to orchestrator: create a task ---- */

/* Texts must be there when writing, but may be empty; whether they fit their columns is not looked at. */
typedef struct tasker_request_message {
    tasker_text request_id;
    tasker_text namespace_name;
    tasker_text task_name;
    tasker_text task_version;
    tasker_json input_data; /* the task's context; any JSON. When writing, absent: {} */
    tasker_time requested_at;
    tasker_text requester; /* the task's initiator */
    int32_t priority;      /* tasker_priority in tasker/task.h, 1 to 4. When writing, 0: 2 */
    tasker_json custom;    /* an object. When writing, absent: {} */
    uint64_t reserved[4];
} tasker_request_message;

TASKER_CALL tasker_request_message_read(tasker_json body, tasker_error *error, const tasker_request_message **out);
TASKER_CALL tasker_request_message_write(const tasker_request_message *message, size_t size, char *buffer, size_t *out);

/* ---- worker to orchestrator: what became of a step ---- */

typedef enum tasker_result_status {
    TASKER_RESULT_STATUS_SUCCESS = 1,
    TASKER_RESULT_STATUS_FAILED = 2,
    TASKER_RESULT_STATUS_SKIPPED = 3,
    TASKER_RESULT_STATUS_TIMEOUT = 4,
    TASKER_RESULT_STATUS_CANCELLED = 5,
    TASKER_RESULT_STATUS_IN_PROGRESS = 6 /* a sign of life, from Ruby; tasker-core's orchestrator refuses it */
} tasker_result_status;

TASKER_SIZE(tasker_result_status, 4);

typedef struct tasker_result_message {
    tasker_uuid step_uuid;
    tasker_uuid task_uuid;
    tasker_text namespace_name;
    tasker_result_status status;
    /*
     * Any JSON, or absent; null reads as absent. A string that holds an object or array reads as that: workers in Ruby
     * encode twice.
     */
    tasker_json results;
    int64_t execution_time_ms; /* 0 and up */

    /* The error; without has_error its members must be absent when writing. */
    bool has_error;
    bool retryable;
    bool has_status_code;
    int32_t status_code;       /* of HTTP; 0 to 65535 */
    tasker_text error_message; /* must be there */
    tasker_text error_type;
    tasker_json error_context; /* an object. When writing, absent: {} */

    /* orchestration_metadata: what the worker learned about trying again. Written when one of these is given. */
    tasker_json headers;               /* an object of strings; from Ruby, any object */
    tasker_text orchestration_context; /* its error_context: "rate limited by the gateway" */
    tasker_json orchestration_custom;  /* its custom, an object */
    bool has_delay_seconds;            /* there is a backoff_hint; if not, its members must be absent when writing */
    int32_t delay_seconds;             /* 0 and up */
    tasker_text backoff_type; /* "ServerRequested", "RateLimit", "ServiceUnavailable", "Custom"; must be there */
    tasker_text backoff_context;

    tasker_text worker_id;
    tasker_text worker_hostname; /* may be absent */
    tasker_time started_at;
    tasker_time completed_at;
    tasker_json custom; /* an object. When writing, absent: {} */
    uint64_t reserved[4];
} tasker_result_message;

TASKER_CALL tasker_result_message_read(tasker_json body, tasker_error *error, const tasker_result_message **out);
TASKER_CALL tasker_result_message_write(const tasker_result_message *message, size_t size, char *buffer, size_t *out);

/* What became of the results that were read. */
typedef struct tasker_exchange {
    int64_t applied;  /* their steps have moved, or have given a sign of life */
    int64_t stale;    /* their steps had moved on before: a result that comes twice, or late */
    int64_t archived; /* no result, of an unknown step, or not possible: see the archive */
    bool more;        /* as many as the limit were read, or some were left for later */
    uint64_t reserved[2];
} tasker_exchange;

/*
 * Takes results of workers of tasker-core from a queue (theirs: "orchestration_step_results") and does what they say,
 * up to limit of them (0: 100), in the order of their numbers. Each message goes in the transaction that moves its
 * step, so a result counts once, however often it is delivered; what is left when a program dies appears again after 30
 * seconds, and so does a second result of one step. Tasks that may be over are then closed, as by tasker_task_finalize.
 *   Success             the step is complete, with the results
 *   Failed, Timeout     failed: pending again after backoff (or delay_seconds) while attempts last, else error;
 *                       a Failed whose error is not retryable: error
 *   Cancelled, Skipped  cancelled; resolved_manually, where the step is skippable
 *   InProgress          the attempt counts from now (see tasker_sweep_run)
 * The step must be in_progress, or enqueued: these workers do not say when they start, so that attempt is counted then.
 * Their results do not name the attempt either: a late one of an earlier attempt passes for the current one. Of steps
 * in other states they are stale, and deleted. What cannot be read, is of an unknown step or of one of another task, or
 * skips a step that is not skippable, goes to the queue's archive with the reason in headers, "archived_because" (on
 * pgmq from 1.5 on, where the role may write there), and so does what the server refuses; the others are applied.
 *
 * Several rounds, so UNSUPPORTED on a pipeline's handle. In a transaction of yours all of it is, tasks are not closed,
 * and what the server refuses fails the call. NOOP: the queue is empty. Statuses otherwise as tasker_queue_read.
 */
TASKER_CALL tasker_result_message_apply(tasker_db *db, tasker_text queue_name, int32_t limit, tasker_exchange *out);

TASKER_END_DECLS

#endif
