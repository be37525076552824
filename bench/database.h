/* SPDX-License-Identifier: MIT */
/* The database of a run, beside the given one. What fails ends the program with 2. */
#pragma once
#include <libpq-fe.h>

#include "tasker/db.h"

extern char conninfo[1024]; /* of the database, once it is created */

_Noreturn void die(const char *what, const char *why);
void expect_ok(const tasker_db *db, tasker_status status, const char *what);

/* A command without rows. */
void tell(PGconn *conn, const char *sql);

/* home: conninfo of the given one. settings: "SET synchronous_commit = off", or NULL. */
void create_database(const char *home, const char *settings);
void drop_database(void);

/* A handle on it, with the tables installed where they are not. */
tasker_db *open_database(const tasker_limits *limits);

/* The same in a schema of that name; and what keeps a ready set is dropped again where it is not wanted. */
tasker_db *open_in_schema(const char *schema, bool ready_set);

/* A bare link whose search_path is the schema. */
PGconn *connect_to_schema(const char *schema);
