/* SPDX-License-Identifier: MIT */
/* Named steps: kinds of step, each belonging to a dependent system. Natural key: dependent system, name. */
#ifndef TASKER_NAMED_STEP_H
#define TASKER_NAMED_STEP_H

#include "cursor.h"

TASKER_BEGIN_DECLS

typedef struct tasker_named_step {
    tasker_uuid named_step_uuid;
    tasker_uuid dependent_system_uuid;
    tasker_text name;
    tasker_text description; /* may be absent */
    tasker_time created_at;
    tasker_time updated_at;
} tasker_named_step;

TASKER_LIST(tasker_named_steps, tasker_named_step);

typedef struct tasker_named_step_input {
    tasker_uuid named_step_uuid;       /* nil: made for you */
    tasker_uuid dependent_system_uuid; /* required */
    tasker_text name;                  /* required, at most 128 characters */
    tasker_text description;           /* at most 255 characters */
    uint64_t reserved[4];
} tasker_named_step_input;

/* Members that are set must all hold. NULL or all zero: every named step. */
typedef struct tasker_named_step_filter {
    const tasker_uuid *named_step_uuids; /* one of these; NULL: any */
    size_t named_step_uuid_count;
    const tasker_uuid *dependent_system_uuid;
    const tasker_uuid *except; /* not this one */
    tasker_text dependent_system_name;
    tasker_text name;
    tasker_text search; /* name or description contains this text, in any case */
    uint64_t reserved[4];
} tasker_named_step_filter;

/*
 * Stores a named step. OK: stored, or it was there already under this very key (a resend). DUPLICATE: the system has
 * this name; a transaction goes on. REFERENCE_MISSING: no such system. The row is yours.
 */
TASKER_CALL tasker_named_step_create(tasker_db *db, const tasker_named_step_input *input,
                                     const tasker_named_step **out);

/*
 * Stores count named steps in one statement, all or none; the rows in the order of inputs. OK: stored, or all of them
 * were there already under these very keys (a resend). DUPLICATE: a key or natural key is taken or comes twice;
 * tasker_error.item tells the first such input; a transaction goes on, unless another session took it in this very
 * moment. REFERENCE_MISSING: a system is missing.
 * Keys that were made for you are not told when the answer is lost: give keys if you want to send again.
 */
TASKER_CALL tasker_named_step_create_many(tasker_db *db, const tasker_named_step_input *inputs, size_t count,
                                          const tasker_named_steps **out);

/* NOT_FOUND: no such key. */
TASKER_CALL tasker_named_step_get(tasker_db *db, const tasker_uuid *named_step_uuid, const tasker_named_step **out);

/* OK with NULL: none. */
TASKER_CALL tasker_named_step_find_by_name(tasker_db *db, tasker_text dependent_system_name, tasker_text name,
                                           const tasker_named_step **out);

/*
 * The named step of that system and name, made when it is missing; one statement that survives a race with others
 * doing the same. An existing row is returned as it is. REFERENCE_MISSING: no such system.
 */
TASKER_CALL tasker_named_step_find_or_create(tasker_db *db, const tasker_named_step_input *input,
                                             const tasker_named_step **out);

/*
 * The keys of count named steps of one system, in the order of names; out has room for count. One statement; names may
 * repeat. create_missing makes what is missing, the system included, and survives races; without it a missing name is
 * NOT_FOUND and tasker_error.item tells the first. Names have at most 128 characters, the system's at most 64.
 */
TASKER_CALL tasker_named_step_resolve(tasker_db *db, tasker_text dependent_system_name, const tasker_text *names,
                                      size_t count, bool create_missing, tasker_uuid *out);

/* Orders: OLDEST, NEWEST, NAME. */
TASKER_CALL tasker_named_step_query(tasker_db *db, const tasker_named_step_filter *filter, const tasker_page *page,
                                    const tasker_named_steps **out);

/* Row by row in constant memory, in the same orders: see tasker/cursor.h. */
TASKER_CALL tasker_named_step_stream(tasker_db *db, const tasker_named_step_filter *filter,
                                     const tasker_cursor_options *options, tasker_cursor **out);
TASKER_CALL tasker_named_step_next(tasker_cursor *cursor, const tasker_named_step **out);

/* How many there are, and whether there is any. With name and except: is this name free for that named step? */
TASKER_CALL tasker_named_step_count(tasker_db *db, const tasker_named_step_filter *filter, int64_t *out);
TASKER_CALL tasker_named_step_exists(tasker_db *db, const tasker_named_step_filter *filter, bool *out);

/*
 * Changes what input gives; absent members stay, TASKER_CLEAR stores NULL. The row as it is then. NOT_FOUND: no such
 * key. DUPLICATE: another row has this system and name; a transaction goes on, unless another session took
 * it in this very moment. REFERENCE_MISSING: what it is to refer to is not there.
 */
TASKER_CALL tasker_named_step_update(tasker_db *db, const tasker_uuid *named_step_uuid,
                                     const tasker_named_step_input *input, const tasker_named_step **out);

/* NOT_FOUND: no such key, or deleted already. STILL_REFERENCED: steps or step settings refer to it. */
TASKER_CALL tasker_named_step_delete(tasker_db *db, const tasker_uuid *named_step_uuid);

TASKER_END_DECLS

#endif
