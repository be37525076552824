/* SPDX-License-Identifier: MIT */
/*
 * Named tasks: kinds of task, each in a namespace and in one or more versions. Natural key: namespace, name, version.
 *
 * "The latest version" has one meaning everywhere: the highest in the order of semantic versions. Numbers compare as
 * numbers (10.0.0 is later than 9.0.0), missing ones count as 0, a pre-release comes before its release, build
 * metadata does not count. Texts that are no such version come before all that are, in the order of their bytes. Ties
 * go to the later created_at, then to the greater key.
 */
#ifndef TASKER_NAMED_TASK_H
#define TASKER_NAMED_TASK_H

#include "db.h"

TASKER_BEGIN_DECLS

typedef struct tasker_named_task {
    tasker_uuid named_task_uuid;
    tasker_uuid task_namespace_uuid;
    tasker_text name;
    tasker_text description; /* may be absent */
    tasker_text version;
    tasker_json configuration; /* absent or no object in rows of other programs alone */
    tasker_time created_at;
    tasker_time updated_at;
} tasker_named_task;

TASKER_LIST(tasker_named_tasks, tasker_named_task);

typedef struct tasker_named_task_input {
    tasker_uuid named_task_uuid;     /* nil: made for you */
    tasker_uuid task_namespace_uuid; /* required */
    tasker_text name;                /* required, at most 64 characters */
    tasker_text version;             /* at most 16 characters; absent: "0.1.0" */
    tasker_text description;         /* at most 255 characters */
    tasker_json configuration;       /* an object; absent: {} */
    uint64_t reserved[4];
} tasker_named_task_input;

/* Members that are set must all hold. NULL or all zero: every named task. */
typedef struct tasker_named_task_filter {
    const tasker_uuid *task_namespace_uuid;
    const tasker_uuid *except; /* not this one */
    tasker_text namespace_name;
    tasker_text name;
    tasker_text version;
    tasker_text search; /* name or description contains this text, in any case */
    bool latest;        /* the latest version of its namespace and name, whatever the other members say */
    uint64_t reserved[4];
} tasker_named_task_filter;

/*
 * Stores a named task. OK: stored, or it was there already under this very key (a resend). DUPLICATE: the namespace
 * has this name and version, or this name where a foreign schema allows but one version: the error's constraint tells
 * which; a transaction goes on. REFERENCE_MISSING: no such namespace. The row is yours.
 */
TASKER_CALL tasker_named_task_create(tasker_db *db, const tasker_named_task_input *input,
                                     const tasker_named_task **out);

/* NOT_FOUND: no such key. */
TASKER_CALL tasker_named_task_get(tasker_db *db, const tasker_uuid *named_task_uuid, const tasker_named_task **out);

/* version absent: the latest. OK with NULL: none. */
TASKER_CALL tasker_named_task_find_by_name(tasker_db *db, tasker_text namespace_name, tasker_text name,
                                           tasker_text version, const tasker_named_task **out);

/*
 * The named task of that namespace, name and version, made when it is missing; one statement, and a second look when
 * another session was faster. An existing row is returned as it is. REFERENCE_MISSING: no such namespace. DUPLICATE:
 * the key belongs to another row, or a foreign schema allows but one version of a name; a transaction goes on.
 */
TASKER_CALL tasker_named_task_find_or_create(tasker_db *db, const tasker_named_task_input *input,
                                             const tasker_named_task **out);

/* Orders: OLDEST, NEWEST, NAME (of one name the newest first). */
TASKER_CALL tasker_named_task_query(tasker_db *db, const tasker_named_task_filter *filter, const tasker_page *page,
                                    const tasker_named_tasks **out);

/* How many there are, and whether there is any. With name, version and except: are these free for that named task? */
TASKER_CALL tasker_named_task_count(tasker_db *db, const tasker_named_task_filter *filter, int64_t *out);
TASKER_CALL tasker_named_task_exists(tasker_db *db, const tasker_named_task_filter *filter, bool *out);

/*
 * Changes what input gives; absent members stay, TASKER_CLEAR stores NULL. The row as it is then. NOT_FOUND: no such
 * key. DUPLICATE: another row has this namespace, name and version; a transaction goes on, unless another session took
 * it in this very moment. REFERENCE_MISSING: what it is to refer to is not there.
 */
TASKER_CALL tasker_named_task_update(tasker_db *db, const tasker_uuid *named_task_uuid,
                                     const tasker_named_task_input *input, const tasker_named_task **out);

/* Pauses all tasks of this kind, or lets them go on; as tasker_task_namespace_set_paused. */
TASKER_CALL tasker_named_task_set_paused(tasker_db *db, const tasker_uuid *named_task_uuid, bool paused);

/* NOT_FOUND: no such key, or deleted already. STILL_REFERENCED: it has tasks or step settings. */
TASKER_CALL tasker_named_task_delete(tasker_db *db, const tasker_uuid *named_task_uuid);

/*
 * Writes "namespace/name:1.0.0", or "name:1.0.0" when namespace_name is absent, NUL-terminated into size bytes at out.
 * TOO_LONG: it does not fit, out is untouched. INVALID_ARGUMENT: name or version is absent, or out is NULL.
 */
TASKER_CALL tasker_named_task_format(tasker_text namespace_name, tasker_text name, tasker_text version, size_t size,
                                     char *out);

TASKER_END_DECLS

#endif
