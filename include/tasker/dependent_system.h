/* SPDX-License-Identifier: MIT */
/* Dependent systems: what steps act upon, say a payment provider. Natural key: name. */
#ifndef TASKER_DEPENDENT_SYSTEM_H
#define TASKER_DEPENDENT_SYSTEM_H

#include "db.h"

TASKER_BEGIN_DECLS

typedef struct tasker_dependent_system {
    tasker_uuid dependent_system_uuid;
    tasker_text name;
    tasker_text description; /* may be absent */
    tasker_time created_at;
    tasker_time updated_at;
} tasker_dependent_system;

TASKER_LIST(tasker_dependent_systems, tasker_dependent_system);

typedef struct tasker_dependent_system_input {
    tasker_uuid dependent_system_uuid; /* nil: made for you */
    tasker_text name;                  /* required, at most 64 characters */
    tasker_text description;           /* at most 255 characters */
    uint64_t reserved[4];
} tasker_dependent_system_input;

/* Members that are set must all hold. NULL or all zero: every system. */
typedef struct tasker_dependent_system_filter {
    tasker_text name;          /* exactly this */
    tasker_text search;        /* name or description contains this text, in any case */
    const tasker_uuid *except; /* not this one */
    bool custom;               /* not "default" */
    uint64_t reserved[4];
} tasker_dependent_system_filter;

/*
 * Stores a system. OK: stored, or it was there already under this very key (a resend). DUPLICATE: the name is taken;
 * a transaction goes on. The row is yours: tasker_free.
 */
TASKER_CALL tasker_dependent_system_create(tasker_db *db, const tasker_dependent_system_input *input,
                                           const tasker_dependent_system **out);

/* NOT_FOUND: no such key. */
TASKER_CALL tasker_dependent_system_get(tasker_db *db, const tasker_uuid *dependent_system_uuid,
                                        const tasker_dependent_system **out);

/* OK with NULL: no such name. */
TASKER_CALL tasker_dependent_system_find_by_name(tasker_db *db, tasker_text name, const tasker_dependent_system **out);

/*
 * The system of that name, made when it is missing; one statement that survives a race with others doing the same. An
 * existing row is returned as it is.
 */
TASKER_CALL tasker_dependent_system_find_or_create(tasker_db *db, const tasker_dependent_system_input *input,
                                                   const tasker_dependent_system **out);

/* Orders: OLDEST, NEWEST, NAME. */
TASKER_CALL tasker_dependent_system_query(tasker_db *db, const tasker_dependent_system_filter *filter,
                                          const tasker_page *page, const tasker_dependent_systems **out);

TASKER_END_DECLS

#endif
