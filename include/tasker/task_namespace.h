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
 * The namespace of that name, made when it is missing; one statement that survives a race with others doing the same.
 * An existing row is returned as it is.
 */
TASKER_CALL tasker_task_namespace_find_or_create(tasker_db *db, const tasker_task_namespace_input *input,
                                                 const tasker_task_namespace **out);

/* Orders: OLDEST, NEWEST, NAME. */
TASKER_CALL tasker_task_namespace_query(tasker_db *db, const tasker_task_namespace_filter *filter,
                                        const tasker_page *page, const tasker_task_namespaces **out);

TASKER_END_DECLS

#endif
