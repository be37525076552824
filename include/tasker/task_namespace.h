/* SPDX-License-Identifier: MIT */
/* Namespaces: they group task types and name the queues of their workers. Natural key: name. */
#ifndef TASKER_TASK_NAMESPACE_H
#define TASKER_TASK_NAMESPACE_H

#include "db.h"

TASKER_BEGIN_DECLS

typedef struct tasker_task_namespace {
    tasker_uuid task_namespace_uuid;
    tasker_text name;
    tasker_text description; /* may be absent */
    tasker_time created_at;
    tasker_time updated_at;
} tasker_task_namespace;

TASKER_LIST(tasker_task_namespaces, tasker_task_namespace);

typedef struct tasker_task_namespace_input {
    tasker_uuid task_namespace_uuid; /* nil: made for you */
    tasker_text name;                /* required, at most 64 characters */
    tasker_text description;         /* at most 255 characters */
    uint64_t reserved[4];
} tasker_task_namespace_input;

/* Members that are set must all hold. NULL or all zero: every namespace. */
typedef struct tasker_task_namespace_filter {
    tasker_text name;          /* exactly this */
    tasker_text search;        /* name or description contains this text, in any case */
    const tasker_uuid *except; /* not this one */
    bool custom;               /* not "default" */
    uint64_t reserved[4];
} tasker_task_namespace_filter;

/*
 * Stores a namespace. OK: stored, or it was there already under this very key (a resend). DUPLICATE: the name is
 * taken; a transaction goes on. The row is yours: tasker_free.
 */
TASKER_CALL tasker_task_namespace_create(tasker_db *db, const tasker_task_namespace_input *input,
                                         const tasker_task_namespace **out);

/* NOT_FOUND: no such key. */
TASKER_CALL tasker_task_namespace_get(tasker_db *db, const tasker_uuid *task_namespace_uuid,
                                      const tasker_task_namespace **out);

/* OK with NULL: no such name. */
TASKER_CALL tasker_task_namespace_find_by_name(tasker_db *db, tasker_text name, const tasker_task_namespace **out);

/*
 * Stores count namespaces in one statement, all or none; the rows in the order of inputs. OK: stored, or all of them
 * were there already under these very keys (a resend). DUPLICATE: a key or a name is taken or comes twice;
 * tasker_error.item tells the first such input; a transaction goes on, unless another session took the name in this
 * very moment.
 * Keys that were made for you are not told when the answer is lost: give keys if you want to send again.
 */
TASKER_CALL tasker_task_namespace_create_many(tasker_db *db, const tasker_task_namespace_input *inputs, size_t count,
                                              const tasker_task_namespaces **out);

/*
 * The namespace of that name, made when it is missing; one statement that survives a race with others doing the same.
 * An existing row is returned as it is.
 */
TASKER_CALL tasker_task_namespace_find_or_create(tasker_db *db, const tasker_task_namespace_input *input,
                                                 const tasker_task_namespace **out);

/* Orders: OLDEST, NEWEST, NAME. */
TASKER_CALL tasker_task_namespace_query(tasker_db *db, const tasker_task_namespace_filter *filter,
                                        const tasker_page *page, const tasker_task_namespaces **out);

/* How many there are, and whether there is any. With name and except: is this name free for that namespace? */
TASKER_CALL tasker_task_namespace_count(tasker_db *db, const tasker_task_namespace_filter *filter, int64_t *out);
TASKER_CALL tasker_task_namespace_exists(tasker_db *db, const tasker_task_namespace_filter *filter, bool *out);

/*
 * Changes what input gives; absent members stay, TASKER_CLEAR stores NULL. The row as it is then. NOT_FOUND: no such
 * key. DUPLICATE: the name is taken; a transaction goes on, unless another session took it in this very moment.
 */
TASKER_CALL tasker_task_namespace_update(tasker_db *db, const tasker_uuid *task_namespace_uuid,
                                         const tasker_task_namespace_input *input, const tasker_task_namespace **out);

/*
 * Pauses all tasks of the namespace, those to come included, or lets them go on: claims and leases pass them over.
 * What is claimed or leased already is finished. A message that waits in the queue of the namespace stays there; one
 * that was looked at while paused appears again when its lease would have ended. Named tasks can be paused as well
 * (tasker_named_task_set_paused), and one pause does not end the other. NOOP: it is so. NOT_FOUND: no such key.
 * UNSUPPORTED: the schema keeps no ready set.
 */
TASKER_CALL tasker_task_namespace_set_paused(tasker_db *db, const tasker_uuid *task_namespace_uuid, bool paused);

/* NOT_FOUND: no such key, or deleted already. STILL_REFERENCED: it has named tasks. */
TASKER_CALL tasker_task_namespace_delete(tasker_db *db, const tasker_uuid *task_namespace_uuid);

TASKER_END_DECLS

#endif
