/* SPDX-License-Identifier: MIT */
/*
 * Tasks: runs of named tasks. A task's state is not in its row but in the newest row of its history (see
 * tasker/task_transition.h); a task without history is pending. What changes the state stands in tasker/lifecycle.h.
 */
#ifndef TASKER_TASK_H
#define TASKER_TASK_H

#include "cursor.h"
#include "state.h"

TASKER_BEGIN_DECLS

/* The customary values of priority; higher goes first. 0 means none given. */
typedef enum tasker_priority {
    TASKER_PRIORITY_LOW = 1,
    TASKER_PRIORITY_NORMAL = 2,
    TASKER_PRIORITY_HIGH = 3,
    TASKER_PRIORITY_URGENT = 4
} tasker_priority;

TASKER_SIZE(tasker_priority, 4);

/* Buffer size of tasker_task_hash_identity, its NUL included. */
#define TASKER_IDENTITY_SIZE 65

/* What makes a task the same as another one, and so what its identity_hash is made of. */
typedef enum tasker_identity {
    TASKER_IDENTITY_UNIQUE = 0, /* nothing: every task is its own */
    TASKER_IDENTITY_STRICT = 1, /* its kind and its context */
    TASKER_IDENTITY_KEY = 2     /* its kind and a key of the caller's */
} tasker_identity;

TASKER_SIZE(tasker_identity, 4);

typedef struct tasker_task {
    tasker_uuid task_uuid;
    tasker_uuid named_task_uuid;
    bool complete;
    tasker_time requested_at;
    bool has_completed_at;
    tasker_time completed_at;
    tasker_text initiator;
    tasker_text source_system;
    tasker_text reason;
    tasker_json bypass_steps;
    tasker_json tags;
    tasker_json context;
    tasker_text identity_hash; /* never absent; of UNIQUE the text of the task's own key. Compare it, do not read it */
    tasker_time created_at;
    tasker_time updated_at;
    tasker_text claim_id;
    tasker_text reference_id;
    int32_t priority;
    int32_t claim_timeout_seconds;
    bool has_claimed_at;
    tasker_time claimed_at;
    tasker_text claimed_by;
} tasker_task;

TASKER_LIST(tasker_tasks, tasker_task);

/* A task with the names of its kind and its state. */
typedef struct tasker_task_details {
    const tasker_task *task;
    tasker_text namespace_name;
    tasker_text name;
    tasker_text version;
    tasker_state state;
    tasker_time state_since; /* without history: created_at */
} tasker_task_details;

TASKER_LIST(tasker_task_detail_list, tasker_task_details);

/* A new task. Its kind is given by named_task_uuid, or else by name. */
typedef struct tasker_task_input {
    tasker_uuid task_uuid;       /* nil: made for you */
    tasker_uuid named_task_uuid; /* nil: the kind is given by the three members below */
    tasker_text namespace_name;  /* absent: "default" */
    tasker_text name;
    tasker_text version;       /* absent: the latest, see tasker/named_task.h */
    tasker_text initiator;     /* at most 128 characters */
    tasker_text source_system; /* at most 128 characters */
    tasker_text reason;        /* at most 128 characters */
    tasker_text reference_id;  /* at most 255 characters */
    tasker_json context;       /* an object; laid over the default_context of the kind's configuration, key by key */
    tasker_json tags;          /* an object or an array */
    tasker_json bypass_steps;  /* an array */
    bool has_requested_at;
    tasker_time requested_at; /* now */
    bool has_start_at;
    tasker_time start_at; /* at once; see tasker_task_delay. UNSUPPORTED where there is no ready set */
    bool has_priority;
    int32_t priority; /* 0 */
    bool has_claim_timeout_seconds;
    int32_t claim_timeout_seconds; /* 60; above 0 */
    tasker_identity identity; /* STRICT and KEY: create answers with the open task of that identity if there is one */
    tasker_text identity_key; /* of KEY, and only there; not empty */
    uint64_t reserved[4];
} tasker_task_input;

/* Members that are set must all hold; a list (NULL: any) holds where one of its elements does. NULL: every task. */
typedef struct tasker_task_filter {
    const tasker_uuid *task_uuids;
    const tasker_uuid *named_task_uuids;
    size_t task_uuid_count;
    size_t named_task_uuid_count;
    const tasker_state *states; /* PENDING includes tasks without history */
    size_t state_count;
    bool active; /* in no terminal state */
    bool has_complete;
    bool complete;
    tasker_text namespace_name;
    tasker_text name;
    tasker_text version;
    tasker_text initiator;
    tasker_text source_system;
    tasker_text claimed_by;
    tasker_text reference_id;
    tasker_text identity_hash;
    tasker_text annotation_type;  /* has an annotation of the type with this name */
    tasker_text annotation_key;   /* has an annotation with this top-level key; with annotation_type, of that type */
    tasker_text annotation_value; /* and this text under it; needs annotation_key */
    tasker_json context_contains; /* context @> this, as jsonb has it */
    tasker_json tags_contain;     /* tags @> this */
    tasker_time_range created;
    tasker_time_range requested;
    tasker_time_range reached;       /* when it entered its current state; without history: created_at */
    const tasker_state *step_states; /* has a step in one of these states; PENDING includes steps without history */
    size_t step_state_count;
    tasker_time_range step_reached; /* has a step that entered its current state then; with step_states, that step */
    uint64_t reserved[4];
} tasker_task_filter;

/* Changes to JSON made in the server, without reading it first. */
typedef struct tasker_task_patch {
    tasker_json merge_context; /* an object, laid over the stored one at its top level (||) */
    tasker_json merge_tags;    /* the same for tags; laid over an array it is appended, and a resend appends again */
    const tasker_text *remove_path; /* what is taken out of the context after that (#-): keys, or indexes of arrays */
    size_t remove_path_count;
    uint64_t reserved[4];
} tasker_task_patch;

/*
 * Stores a task and the first row of its history, pending, in one statement. OK: stored, or it was there already under
 * this very key (a resend). NOT_FOUND: no kind of that name, and the message says whether its namespace, name or
 * version is missing; a transaction goes on. REFERENCE_MISSING: no kind of that key. The row is yours.
 *
 * With identity STRICT or KEY the answer is OK with the open task of that identity if there is one, else with a new
 * one; the row's key tells which. Open are the states pending and in_progress; after that the next call creates anew.
 * However many ask at once, there is one task: each waits until the one before has ended its transaction, so end yours
 * soon, and create several in one order. The identity is that of tasker_task_hash_identity over the context that is
 * stored, the default_context included; the limits hold for both together. It takes one round trip more.
 * BUSY: the transaction, or the session's default, is not READ COMMITTED; under an older snapshot nobody can tell who
 * was first. DUPLICATE: the database keeps identity_hash unique, ours do not, and a closed task has it.
 */
TASKER_CALL tasker_task_create(tasker_db *db, const tasker_task_input *input, const tasker_task **out);

/* NOT_FOUND: no such key. */
TASKER_CALL tasker_task_get(tasker_db *db, const tasker_uuid *task_uuid, const tasker_task **out);

/* The open task of this identity_hash (the newest, should an old one have been reset), else the newest; else NULL. */
TASKER_CALL tasker_task_find_by_identity(tasker_db *db, tasker_text identity_hash, const tasker_task **out);

/* Orders: OLDEST, NEWEST, LEAST_RECENT and MOST_RECENT (by updated_at), PRIORITY (highest first, then oldest). */
TASKER_CALL tasker_task_query(tasker_db *db, const tasker_task_filter *filter, const tasker_page *page,
                              const tasker_tasks **out);

/* The same tasks in the same orders, with names and states. */
TASKER_CALL tasker_task_query_details(tasker_db *db, const tasker_task_filter *filter, const tasker_page *page,
                                      const tasker_task_detail_list **out);

/* Row by row in constant memory, in the same orders: see tasker/cursor.h. */
TASKER_CALL tasker_task_stream(tasker_db *db, const tasker_task_filter *filter, const tasker_cursor_options *options,
                               tasker_cursor **out);
TASKER_CALL tasker_task_next(tasker_cursor *cursor, const tasker_task **out);

/* How many there are, and whether there is any. */
TASKER_CALL tasker_task_count(tasker_db *db, const tasker_task_filter *filter, int64_t *out);
TASKER_CALL tasker_task_exists(tasker_db *db, const tasker_task_filter *filter, bool *out);

/* The states of count tasks; out has room for count. NONE: no such task. */
TASKER_CALL tasker_task_get_states(tasker_db *db, const tasker_uuid *task_uuids, size_t count, tasker_state *out);

/*
 * The identity_hash of STRICT and KEY: 64 lower-case hex digits and NUL, the SHA-256 of these bytes in a row:
 *
 *     STRICT  "tasker-identity-1:strict:", the 16 bytes of named_task_uuid, the context in canonical form
 *     KEY     "tasker-identity-1:key:", the 16 bytes of named_task_uuid, the bytes of the key
 *
 * The canonical form is that of RFC 8785 (members sorted, no white space, the shortest escapes, 1.0 and 1e0 as 1), but
 * numbers keep all their digits. So contexts are told apart exactly where jsonb does: not by the order of members, by
 * white space or by the spelling of a number; of a member that is given twice the last one counts. An absent context
 * adds no byte and is not {}: the row tells NULL from {} too, and who has a row can recompute its hash from it, as long
 * as nobody has changed the context: a task stays the one that it was created as.
 *
 * INVALID_ARGUMENT: named_task_uuid is nil or missing. UNIQUE: such a task has no hash that arguments determine. KEY:
 * the key is absent, empty or not UTF-8. STRICT: a key is given, the context is no JSON object. LIMIT_EXCEEDED: the
 * key or the context has more than 255 MiB, or the context a value in more than 1000 containers. Also OUT_OF_MEMORY.
 * Pure; may be called from any thread.
 */
TASKER_CALL tasker_task_hash_identity(const tasker_uuid *named_task_uuid, tasker_identity identity, tasker_json context,
                                      tasker_text key, char out[TASKER_IDENTITY_SIZE]);

/*
 * Changes what input gives of requested_at, priority, claim_timeout_seconds, the texts and the JSON; absent members
 * stay, TASKER_CLEAR stores NULL, JSON is replaced whole. The kind, the identity and the state stay; a kind, an
 * identity or a start_at in the input is INVALID_ARGUMENT. The row as it is then. NOT_FOUND: no such key.
 */
TASKER_CALL tasker_task_update(tasker_db *db, const tasker_uuid *task_uuid, const tasker_task_input *input,
                               const tasker_task **out);

/* Changes context and tags in one statement, whoever else does the same. The row as it is then. NOT_FOUND: no key. */
TASKER_CALL tasker_task_patch_json(tasker_db *db, const tasker_uuid *task_uuid, const tasker_task_patch *patch,
                                   const tasker_task **out);

/*
 * Nobody is given work of the task before start_at: claims and leases from the ready set pass it over. What is claimed,
 * enqueued or in progress goes on, and who names its steps may start them. A time in the past ends a delay. It is kept
 * with the ready set and forgotten once the task is over. NOOP: it was so. NOT_FOUND: no such key. INVALID_TRANSITION:
 * the task is over. UNSUPPORTED: the schema keeps no ready set.
 */
TASKER_CALL tasker_task_delay(tasker_db *db, const tasker_uuid *task_uuid, tasker_time start_at);

/*
 * NOT_FOUND: no such key, or deleted already. STILL_REFERENCED: it has history, steps or annotations; every task that
 * was created here has a history. tasker_workflow_delete takes these with it.
 */
TASKER_CALL tasker_task_delete(tasker_db *db, const tasker_uuid *task_uuid);

TASKER_END_DECLS

#endif
