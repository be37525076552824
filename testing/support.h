/* SPDX-License-Identifier: MIT */
/*
 * What the files of libtasker-testing share. They use the library's public functions, and libpq for what those refuse.
 */
#pragma once
#include <tasker/tasker.h>
#include <tasker/testing.h>

/* ---- memory ---- */

/* size zeroed bytes for tasker_testing_free. */
void *tkt_alloc(size_t size);

/* ---- text ---- */

/* A text that grows. failed: out of memory, what was added since is lost. Zero it; release ptr with free. */
typedef struct tkt_text {
    char *ptr;
    size_t len, room;
    bool failed;
} tkt_text;

void tkt_add(tkt_text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- random numbers: splitmix64 ---- */

uint64_t tkt_random(uint64_t *state);

/* ---- statements of our own, made from the .sql files beside ---- */

extern const char tkt_sql_forget_step[], tkt_sql_forget_task[], tkt_sql_freeze[], tkt_sql_freeze_prepare[],
    tkt_sql_move[];

/* Runs one; count (may be NULL) gets the number in its first column. {schema} and {'schema'} become the handle's. */
tasker_status tkt_run(tasker_db *db, const char *sql, const char *const *values, int value_count, long *count);

/* One unit: a transaction, or a savepoint in the one that is open. Closing it keeps what was done, or undoes it. */
typedef struct tkt_unit {
    bool inner;
    tasker_savepoint savepoint;
} tkt_unit;

tasker_status tkt_open(tasker_db *db, tkt_unit *unit);
tasker_status tkt_close(tasker_db *db, const tkt_unit *unit, tasker_status status);

/* ---- states ---- */

/* Puts steps without any history but their first row into a state, inside a unit. */
tasker_status tkt_bring_new(tasker_db *db, const tasker_uuid *workflow_step_uuids, size_t count, tasker_state state);
