/* SPDX-License-Identifier: MIT */
/*
 * Object maps: an object's id in one dependent system and its id in another. The pair is ordered: a map from one to two
 * says nothing of two to one. Natural key: all four values. The server numbers the rows.
 */
#ifndef TASKER_DEPENDENT_SYSTEM_OBJECT_MAP_H
#define TASKER_DEPENDENT_SYSTEM_OBJECT_MAP_H

#include "db.h"

TASKER_BEGIN_DECLS

typedef struct tasker_dependent_system_object_map {
    int64_t dependent_system_object_map_id;
    tasker_uuid dependent_system_one_uuid;
    tasker_uuid dependent_system_two_uuid;
    tasker_text remote_id_one;
    tasker_text remote_id_two;
    tasker_time created_at;
    tasker_time updated_at;
    tasker_text system_one_name; /* both joined */
    tasker_text system_two_name;
} tasker_dependent_system_object_map;

TASKER_LIST(tasker_dependent_system_object_maps, tasker_dependent_system_object_map);

/* All four are required, the ids at most 128 characters. In an update what is nil or absent stays. */
typedef struct tasker_dependent_system_object_map_input {
    tasker_uuid dependent_system_one_uuid;
    tasker_uuid dependent_system_two_uuid;
    tasker_text remote_id_one;
    tasker_text remote_id_two;
    uint64_t reserved[4];
} tasker_dependent_system_object_map_input;

/* Members that are set must all hold. NULL or all zero: every map. */
typedef struct tasker_dependent_system_object_map_filter {
    const tasker_uuid *dependent_system_one_uuid;
    const tasker_uuid *dependent_system_two_uuid;
    const tasker_uuid *either_system; /* this system on one side or the other */
    tasker_text remote_id_one;        /* exactly this */
    tasker_text remote_id_two;
    tasker_text either_remote_id; /* this id on one side or the other */
    uint64_t reserved[4];
} tasker_dependent_system_object_map_filter;

/* How many maps lead from one system to another. */
typedef struct tasker_object_map_pair {
    tasker_uuid dependent_system_one_uuid;
    tasker_uuid dependent_system_two_uuid;
    tasker_text system_one_name;
    tasker_text system_two_name;
    int64_t maps;
} tasker_object_map_pair;

TASKER_LIST(tasker_object_map_pairs, tasker_object_map_pair);

/*
 * Stores a map. DUPLICATE: it is there already. REFERENCE_MISSING: there is no such system. With both a transaction
 * goes on. The row is yours: tasker_free.
 *
 * Outside of a transaction it makes one of its own, four round trips in all, so that a lost answer can be settled:
 * IN_DOUBT comes with tasker_db_error(db)->commit for tasker_db_resolve. On the handle of a pipeline IN_DOUBT has none.
 */
TASKER_CALL tasker_dependent_system_object_map_create(tasker_db *db,
                                                      const tasker_dependent_system_object_map_input *input,
                                                      const tasker_dependent_system_object_map **out);

/* NOT_FOUND: no such number. */
TASKER_CALL tasker_dependent_system_object_map_get(tasker_db *db, int64_t dependent_system_object_map_id,
                                                   const tasker_dependent_system_object_map **out);

/*
 * The map of these four values, made when it is missing; of many who do it at once one makes it, also where tasker-core
 * made the tables and nothing keeps a map from being stored twice. There it needs READ COMMITTED, PostgreSQL's default:
 * a transaction of another isolation cannot see what was made while it waited. In a transaction of yours others who
 * want the same map wait for its end. REFERENCE_MISSING as above.
 */
TASKER_CALL tasker_dependent_system_object_map_find_or_create(tasker_db *db,
                                                              const tasker_dependent_system_object_map_input *input,
                                                              const tasker_dependent_system_object_map **out);

/* Orders: OLDEST and NEWEST, by number. */
TASKER_CALL tasker_dependent_system_object_map_query(tasker_db *db,
                                                     const tasker_dependent_system_object_map_filter *filter,
                                                     const tasker_page *page,
                                                     const tasker_dependent_system_object_maps **out);

/* How many there are, and whether there is any. */
TASKER_CALL tasker_dependent_system_object_map_count(tasker_db *db,
                                                     const tasker_dependent_system_object_map_filter *filter,
                                                     int64_t *out);
TASKER_CALL tasker_dependent_system_object_map_exists(tasker_db *db,
                                                      const tasker_dependent_system_object_map_filter *filter,
                                                      bool *out);

/* Every pair of systems that has maps: the most first, then by names. */
TASKER_CALL tasker_dependent_system_object_map_list_pairs(tasker_db *db, const tasker_object_map_pairs **out);

/*
 * Changes what input gives; the rest stays. The row as it is then. NOT_FOUND: no such number. DUPLICATE: another row is
 * that map; a transaction goes on, unless another session made it in this very moment. REFERENCE_MISSING: there is no
 * such system.
 */
TASKER_CALL tasker_dependent_system_object_map_update(tasker_db *db, int64_t dependent_system_object_map_id,
                                                      const tasker_dependent_system_object_map_input *input,
                                                      const tasker_dependent_system_object_map **out);

/* NOT_FOUND: no such number, or deleted already. */
TASKER_CALL tasker_dependent_system_object_map_delete(tasker_db *db, int64_t dependent_system_object_map_id);

TASKER_END_DECLS

#endif
