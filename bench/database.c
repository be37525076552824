/* SPDX-License-Identifier: MIT */
#include "database.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tasker/schema.h"

char conninfo[1024];
static char database[64], given[1024];

_Noreturn void die(const char *what, const char *why)
{
    fprintf(stderr, "%s: %s\n", what, why);
    exit(2);
}

void expect_ok(const tasker_db *db, tasker_status status, const char *what)
{
    if (status != TASKER_OK)
        die(what, tasker_db_error(db)->message);
}

void tell(PGconn *conn, const char *sql)
{
    PGresult *result = PQexec(conn, sql);
    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        die(sql, PQerrorMessage(conn));
    PQclear(result);
}

static void tell_home(const char *verb, const char *rest)
{
    char sql[256];
    PGconn *conn = PQconnectdb(given);
    snprintf(sql, sizeof sql, "%s DATABASE \"%s\" %s", verb, database, rest);
    tell(conn, sql);
    PQfinish(conn);
}

void create_database(const char *home, const char *settings)
{
    snprintf(given, sizeof given, "%s", home);
    snprintf(database, sizeof database, "tasker_bench_%ld", (long)getpid());
    snprintf(conninfo, sizeof conninfo, "%.900s dbname='%s'", given, database);
    tell_home("CREATE", "");
    if (settings != NULL)
        tell_home("ALTER", settings);
}

void drop_database(void)
{
    tell_home("DROP", "WITH (FORCE)");
}

tasker_db *open_database(const tasker_limits *limits)
{
    tasker_db_options options = {.any_schema = true, .limits = limits != NULL ? *limits : (tasker_limits){0}};
    tasker_error error;
    tasker_db *db;
    if (tasker_db_open(tasker_text_of(conninfo), &options, &error, &db) != TASKER_OK)
        die("open", error.message);
    tasker_status status = tasker_schema_install(db, NULL);
    expect_ok(db, status == TASKER_NOOP ? TASKER_OK : status, "install");
    return db;
}

static const char drop_ready_set[] =
    "DO $$ DECLARE t record; BEGIN"
    " FOR t IN SELECT g.tgname, g.tgrelid::regclass AS of FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid"
    " WHERE g.tgname LIKE 'tasker\\_ready\\_set%' AND c.relnamespace = current_schema()::regnamespace LOOP"
    " EXECUTE format('DROP TRIGGER %I ON %s', t.tgname, t.of); END LOOP;"
    " DROP TABLE tasker_step_readiness, tasker_task_queue, tasker_task_queue_priorities, tasker_schema_versions "
    "CASCADE;"
    " END $$";

static tasker_db *open_handle(const char *schema)
{
    const tasker_db_options options = {
        .any_schema = true, .schema = tasker_text_of(schema), .limits = {.steps = 10000, .rows = 10000}};
    tasker_error error;
    tasker_db *db;
    if (tasker_db_open(tasker_text_of(conninfo), &options, &error, &db) != TASKER_OK)
        die("open", error.message);
    return db;
}

PGconn *connect_to_schema(const char *schema)
{
    char sql[128];
    PGconn *conn = PQconnectdb(conninfo);
    snprintf(sql, sizeof sql, "SET search_path = %s; SET client_min_messages = warning", schema);
    tell(conn, sql);
    return conn;
}

tasker_db *open_in_schema(const char *schema, bool ready_set)
{
    tasker_db *db = open_handle(schema);
    expect_ok(db, tasker_schema_install(db, NULL), "install");
    if (ready_set)
        return db;
    PGconn *conn = connect_to_schema(schema);
    tell(conn, drop_ready_set);
    PQfinish(conn);
    tasker_db_close(db);
    db = open_handle(schema);
    if (tasker_db_session(db)->schema_version != 0)
        die(schema, "still has a ready set");
    return db;
}
