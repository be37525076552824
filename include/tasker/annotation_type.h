/* SPDX-License-Identifier: MIT */
/* Annotation types: what kind of note an annotation of a task is. Natural key: name. The server numbers them. */
#ifndef TASKER_ANNOTATION_TYPE_H
#define TASKER_ANNOTATION_TYPE_H

#include "db.h"

TASKER_BEGIN_DECLS

typedef struct tasker_annotation_type {
    int32_t annotation_type_id;
    tasker_text name;
    tasker_text description; /* may be absent */
    tasker_time created_at;
    tasker_time updated_at;
    int64_t uses; /* how many annotations are of this type; only list_by_use tells, else 0 */
} tasker_annotation_type;

TASKER_LIST(tasker_annotation_types, tasker_annotation_type);

typedef struct tasker_annotation_type_input {
    tasker_text name;        /* required, at most 64 characters */
    tasker_text description; /* at most 255 characters */
    uint64_t reserved[4];
} tasker_annotation_type_input;

/* Members that are set must all hold. NULL or all zero: every type. */
typedef struct tasker_annotation_type_filter {
    tasker_text name;   /* exactly this */
    tasker_text search; /* name or description contains this text, in any case */
    uint64_t reserved[4];
} tasker_annotation_type_filter;

/*
 * Stores a type. DUPLICATE: the name is taken; a transaction goes on. The row is yours: tasker_free.
 *
 * Outside of a transaction it makes one of its own, four round trips in all, so that a lost answer can be settled:
 * IN_DOUBT comes with tasker_db_error(db)->commit for tasker_db_resolve. On the handle of a pipeline IN_DOUBT has none.
 */
TASKER_CALL tasker_annotation_type_create(tasker_db *db, const tasker_annotation_type_input *input,
                                          const tasker_annotation_type **out);

/* NOT_FOUND: no such number. */
TASKER_CALL tasker_annotation_type_get(tasker_db *db, int32_t annotation_type_id, const tasker_annotation_type **out);

/* OK with NULL: no such name. */
TASKER_CALL tasker_annotation_type_find_by_name(tasker_db *db, tasker_text name, const tasker_annotation_type **out);

/*
 * The type of that name, made when it is missing; one statement that survives a race with others doing the same. An
 * existing row is returned as it is.
 */
TASKER_CALL tasker_annotation_type_find_or_create(tasker_db *db, const tasker_annotation_type_input *input,
                                                  const tasker_annotation_type **out);

/* Orders: OLDEST and NEWEST, by number, and NAME. */
TASKER_CALL tasker_annotation_type_query(tasker_db *db, const tasker_annotation_type_filter *filter,
                                         const tasker_page *page, const tasker_annotation_types **out);

/* How many there are, and whether there is any. */
TASKER_CALL tasker_annotation_type_count(tasker_db *db, const tasker_annotation_type_filter *filter, int64_t *out);
TASKER_CALL tasker_annotation_type_exists(tasker_db *db, const tasker_annotation_type_filter *filter, bool *out);

/* All types with their uses: the most used first, then by name; unused ones too. Reads every annotation. */
TASKER_CALL tasker_annotation_type_list_by_use(tasker_db *db, const tasker_annotation_types **out);

/*
 * Changes what input gives; absent members stay, TASKER_CLEAR stores NULL. The row as it is then. NOT_FOUND: no such
 * number. DUPLICATE: the name is taken; a transaction goes on, unless another session took it in this very moment.
 */
TASKER_CALL tasker_annotation_type_update(tasker_db *db, int32_t annotation_type_id,
                                          const tasker_annotation_type_input *input,
                                          const tasker_annotation_type **out);

/* NOT_FOUND: no such number, or deleted already. STILL_REFERENCED: there are annotations of this type. */
TASKER_CALL tasker_annotation_type_delete(tasker_db *db, int32_t annotation_type_id);

TASKER_END_DECLS

#endif
