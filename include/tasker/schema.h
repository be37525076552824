/* SPDX-License-Identifier: MIT */
/*
 * The tables: making them or adopting those of tasker-core, telling their version, comparing them with what this
 * library expects, and the same as SQL text for people who use a migration tool of their own. The schema is the
 * handle's (tasker_db_options.schema).
 *
 * An installer opens its handle with any_schema, because an ordinary open refuses a database without the tables.
 * Installing needs the right to create in the schema, and in the database when the schema itself is missing.
 */
#ifndef TASKER_SCHEMA_H
#define TASKER_SCHEMA_H

#include "db.h"
#include "finding.h"

TASKER_BEGIN_DECLS

/* Which indexes there are. Tables, columns and constraints of correctness are the same in both. */
typedef enum tasker_schema_profile {
    TASKER_SCHEMA_PROFILE_LEAN = 0,      /* what this library's statements use */
    TASKER_SCHEMA_PROFILE_COMPATIBLE = 1 /* also those of tasker-core, for databases that its queries use as well */
} tasker_schema_profile;

TASKER_SIZE(tasker_schema_profile, 4);

/* Zero it, set what matters. NULL instead: all zero. */
typedef struct tasker_schema_options {
    tasker_schema_profile profile;
    bool without_queue;     /* leave out the schema tasker_queue: pgmq is there, or no queue is wanted */
    int32_t target_version; /* 0: the newest that this library has */
    uint64_t reserved[4];
} tasker_schema_options;

/*
 * Installs the schema, or upgrades it. Each version is one transaction that takes an advisory lock first, so it may
 * be raced by other installers and killed at any moment: a version is there completely or not at all.
 *
 * With it comes the schema tasker_queue for tasker/queue.h, which all schemas of a database share, unless it is there
 * or without_queue is set; a later install without that option adds it. Making it needs the right to create schemas.
 *
 * OK: installed. NOOP: it was there already. BUSY: a transaction is open. UNSUPPORTED: no such version or profile, or
 * another profile is installed, or the schema was adopted. INVALID_ARGUMENT: the schema's name contains "$tasker",
 * which the scripts use themselves. SCHEMA_MISMATCH: a newer version is installed, tables of another program stand
 * there that have to be adopted, an object of somebody else's has a name of ours, or tasker_queue is another program's.
 * DENIED: the role may not create in the schema. IN_DOUBT: install again, it answers what is true.
 */
TASKER_CALL tasker_schema_install(tasker_db *db, const tasker_schema_options *options);

/*
 * Makes a schema that tasker-core created ours without taking it away from tasker-core. Its 13 functions and 2 views
 * are replaced by ours of the same names, signatures and grants; all that our schema has beside the tables is added,
 * with triggers on them where it needs them. Its tables are neither changed nor rewritten, so its own statements go on
 * working, and what its tables cannot store (see tasker_db_open) they still cannot. After it, handles open without
 * any_schema. The schema tasker_queue is not added; of the options, profile and without_queue have no say.
 *
 * One transaction under the lock of tasker_schema_install: it may be raced by others and killed at any moment. It waits
 * for writers to the tables, keeps them waiting, and takes some 0.2 ms for each step there is: set call_timeout_ms to
 * match. A writer that holds one table and wants another may have to repeat its transaction (SQLSTATE 40P01).
 * Who adopts must be allowed to create in the schema, and own the tables and what is replaced.
 *
 * OK: adopted. NOOP: it was already. BUSY: a transaction is open. UNSUPPORTED: no such version or profile, or it was
 * installed by tasker_schema_install. SCHEMA_MISMATCH: the message names the first table or column that is missing or
 * of another type, or what has the name of something to be added; or a newer version is there. STILL_REFERENCED: an
 * object of yours is built on one that is to be replaced; the message says which. INVALID_ARGUMENT, DENIED, IN_DOUBT:
 * as above.
 */
TASKER_CALL tasker_schema_adopt(tasker_db *db, const tasker_schema_options *options);

/*
 * Takes that back: what was added is gone, the functions and views that were there are there again, with owner, grants
 * and comment. All tasks, steps and histories stay, of whoever made them. Other handles that were opened while it was
 * adopted answer SCHEMA_MISMATCH to writes from then on; open them again, with any_schema.
 *
 * OK: taken back. NOOP: nothing of ours is there. UNSUPPORTED: it was installed, not adopted. STILL_REFERENCED: an
 * object of yours is built on one that is to go. Otherwise as tasker_schema_adopt.
 */
TASKER_CALL tasker_schema_unadopt(tasker_db *db);

/* The version installed or adopted; 0: none of ours. */
TASKER_CALL tasker_schema_version(tasker_db *db, int32_t *out);

/*
 * Compares the schema with the expected one and lists each object that is missing or different (DAMAGE) and those of
 * our tables or names that are there in addition (NOTE). An empty list: it is as it should be. options NULL: the
 * profile that was installed. tasker_queue is compared where it is installed, unless without_queue. What is not
 * compared: rows, privileges, owners, the order of columns, statistics, queues, and the body of uuid_generate_v7, which
 * depends on the server. An adopted schema is compared with what adopting makes: of its tables, rules and indexes that
 * tasker-core does not have are NOTEs, and the options' profile has no say.
 *
 * The expected schema is made beside the real one, in a transaction that is rolled back. DENIED: the role may not
 * create a schema in this database, or the server is read-only. SCHEMA_MISMATCH: nothing of this library's version is
 * there to be compared. BUSY: a transaction is open.
 */
TASKER_CALL tasker_schema_verify(tasker_db *db, const tasker_schema_options *options, const tasker_findings **out);

/*
 * The SQL that tasker_schema_install runs on a database without the tables, as one text for psql or any other tool;
 * it begins and commits its own transaction. Pure. schema absent: "public". The text is yours: tasker_free.
 * INVALID_ARGUMENT: schema is no name of 1 to 63 bytes of UTF-8, or contains "$tasker". UNSUPPORTED: as above.
 */
TASKER_CALL tasker_schema_dump(tasker_text schema, const tasker_schema_options *options, const tasker_text **out);

TASKER_END_DECLS

#endif
