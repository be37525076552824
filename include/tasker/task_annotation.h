/* SPDX-License-Identifier: MIT */
/* Annotations: notes on a task, each a JSON value of some type. The server numbers the rows. */
#ifndef TASKER_TASK_ANNOTATION_H
#define TASKER_TASK_ANNOTATION_H

#include "cursor.h"

TASKER_BEGIN_DECLS

typedef struct tasker_task_annotation {
    int64_t task_annotation_id;
    tasker_uuid task_uuid;
    int32_t annotation_type_id;
    tasker_json annotation; /* absent in rows that somebody else stored so */
    tasker_time created_at;
    tasker_time updated_at;
    tasker_text annotation_type_name;        /* both joined */
    tasker_text annotation_type_description; /* may be absent */
} tasker_task_annotation;

TASKER_LIST(tasker_task_annotations, tasker_task_annotation);

/* In an update what is nil, 0 or absent stays. */
typedef struct tasker_task_annotation_input {
    tasker_uuid task_uuid;            /* required */
    int32_t annotation_type_id;       /* the type by its number, or if this is 0 */
    tasker_text annotation_type_name; /* by its name, at most 64 characters; made when it is missing */
    tasker_json annotation;           /* required, any JSON value */
    uint64_t reserved[4];
} tasker_task_annotation_input;

/* Members that are set must all hold. NULL or all zero: every annotation. */
typedef struct tasker_task_annotation_filter {
    const tasker_uuid *task_uuid;
    int32_t annotation_type_id; /* 0: of any type */
    tasker_text annotation_type_name;
    tasker_json contains;    /* as jsonb's operator @> has it: {"a": 1} is contained in {"a": 1, "b": 2} */
    const tasker_text *path; /* keys, and places in arrays as text: what stands there is this value */
    size_t path_count;
    tasker_json equals; /* goes with path */
    uint64_t reserved[4];
} tasker_task_annotation_filter;

/*
 * Stores an annotation. A type that is given by its name is made when it is missing, also if others do the same at
 * once. REFERENCE_MISSING: there is no such task, or no type of that number; a transaction goes on, unless the task was
 * deleted in this very moment. The row is yours: tasker_free.
 *
 * Outside of a transaction it makes one of its own, four round trips in all, so that a lost answer can be settled:
 * IN_DOUBT comes with tasker_db_error(db)->commit for tasker_db_resolve. On the handle of a pipeline IN_DOUBT has none.
 */
TASKER_CALL tasker_task_annotation_create(tasker_db *db, const tasker_task_annotation_input *input,
                                          const tasker_task_annotation **out);

/*
 * Stores count annotations in one statement, all or none, their new types too; the rows in the order of inputs.
 * REFERENCE_MISSING: as above; tasker_error.item tells the first such input. CONFLICT: what was missing is there by
 * now; nothing was stored, send it again. IN_DOUBT as above.
 */
TASKER_CALL tasker_task_annotation_create_many(tasker_db *db, const tasker_task_annotation_input *inputs, size_t count,
                                               const tasker_task_annotations **out);

/* NOT_FOUND: no such number. */
TASKER_CALL tasker_task_annotation_get(tasker_db *db, int64_t task_annotation_id, const tasker_task_annotation **out);

/* Orders: OLDEST and NEWEST, by number. INVALID_ARGUMENT also: path without equals, or equals without path. */
TASKER_CALL tasker_task_annotation_query(tasker_db *db, const tasker_task_annotation_filter *filter,
                                         const tasker_page *page, const tasker_task_annotations **out);

/* How many there are, and whether there is any. */
TASKER_CALL tasker_task_annotation_count(tasker_db *db, const tasker_task_annotation_filter *filter, int64_t *out);
TASKER_CALL tasker_task_annotation_exists(tasker_db *db, const tasker_task_annotation_filter *filter, bool *out);

/* Row by row in constant memory, in the same orders: see tasker/cursor.h. */
TASKER_CALL tasker_task_annotation_stream(tasker_db *db, const tasker_task_annotation_filter *filter,
                                          const tasker_cursor_options *options, tasker_cursor **out);
TASKER_CALL tasker_task_annotation_next(tasker_cursor *cursor, const tasker_task_annotation **out);

/*
 * Changes what input gives; the rest stays. The row as it is then. NOT_FOUND: no such number. REFERENCE_MISSING: there
 * is no such task, or no type of that number. TASKER_CLEAR is refused: other programs cannot read such a row.
 */
TASKER_CALL tasker_task_annotation_update(tasker_db *db, int64_t task_annotation_id,
                                          const tasker_task_annotation_input *input,
                                          const tasker_task_annotation **out);

/* NOT_FOUND: no such number, or deleted already. */
TASKER_CALL tasker_task_annotation_delete(tasker_db *db, int64_t task_annotation_id);

/* Deletes all annotations of a task; how many there were. out may be NULL. */
TASKER_CALL tasker_task_annotation_delete_for_task(tasker_db *db, const tasker_uuid *task_uuid, int64_t *out);

TASKER_END_DECLS

#endif
