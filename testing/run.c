/* SPDX-License-Identifier: MIT */
#include "support.h"
#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

/* ---- statements ---- */

/* The statement with the schema's name in its place, as an identifier and as a literal. NULL: out of memory. */
static char *with_schema(tasker_db *db, const char *sql)
{
    PGconn *conn = tasker_db_conn(db);
    tasker_text schema = tasker_db_session(db)->schema;
    char *name = PQescapeIdentifier(conn, schema.ptr, schema.len);
    char *literal = PQescapeLiteral(conn, schema.ptr, schema.len);
    tkt_text text = {.failed = name == NULL || literal == NULL};
    while (*sql != '\0' && !text.failed) {
        size_t plain = strcspn(sql, "{");
        tkt_add(&text, "%.*s", (int)plain, sql);
        sql += plain;
        if (strncmp(sql, "{schema}", 8) == 0)
            tkt_add(&text, "%s", name), sql += 8;
        else if (strncmp(sql, "{'schema'}", 10) == 0)
            tkt_add(&text, "%s", literal), sql += 10;
        else if (*sql != '\0')
            tkt_add(&text, "%c", *sql++);
    }
    PQfreemem(name);
    PQfreemem(literal);
    if (text.failed) {
        free(text.ptr);
        return NULL;
    }
    return text.ptr;
}

/* Nothing is written before the unit is closed, so a lost link is not in doubt. */
static tasker_status status_of(PGconn *conn, const PGresult *result)
{
    static const struct {
        const char *sqlstate;
        tasker_status status;
    } known[] = {{"42501", TASKER_DENIED},          {"57014", TASKER_TIMEOUT},
                 {"55P03", TASKER_TIMEOUT},         {"40", TASKER_RETRY},
                 {"25P02", TASKER_RETRY},           {"22021", TASKER_INVALID_ARGUMENT},
                 {"23514", TASKER_CHECK_FAILED},    {"42P01", TASKER_SCHEMA_MISMATCH},
                 {"42703", TASKER_SCHEMA_MISMATCH}, {"42883", TASKER_SCHEMA_MISMATCH},
                 {"53200", TASKER_OUT_OF_MEMORY}};
    if (PQstatus(conn) != CONNECTION_OK)
        return TASKER_DISCONNECTED;
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    for (size_t i = 0; sqlstate != NULL && i < sizeof known / sizeof *known; i++)
        if (strncmp(sqlstate, known[i].sqlstate, strlen(known[i].sqlstate)) == 0)
            return known[i].status;
    return TASKER_DATABASE;
}

tasker_status tkt_run(tasker_db *db, const char *sql, const char *const *values, int value_count, long *count)
{
    PGconn *conn = tasker_db_conn(db);
    char *text = with_schema(db, sql);
    if (text == NULL)
        return TASKER_OUT_OF_MEMORY;
    PGresult *result = PQexecParams(conn, text, value_count, NULL, values, NULL, NULL, 0);
    ExecStatusType kind = PQresultStatus(result);
    tasker_status status = kind == PGRES_TUPLES_OK || kind == PGRES_COMMAND_OK ? TASKER_OK : status_of(conn, result);
    if (status == TASKER_OK && count != NULL)
        *count = PQntuples(result) > 0 ? strtol(PQgetvalue(result, 0, 0), NULL, 10) : 0;
    PQclear(result);
    free(text);
    return status;
}

/* ---- units ---- */

tasker_status tkt_open(tasker_db *db, tkt_unit *unit)
{
    tasker_status status = tasker_db_begin(db, NULL);
    unit->inner = status == TASKER_BUSY && tasker_db_session(db)->in_transaction;
    return unit->inner ? tasker_db_savepoint(db, &unit->savepoint) : status;
}

tasker_status tkt_close(tasker_db *db, const tkt_unit *unit, tasker_status status)
{
    tasker_status closed;
    if (!unit->inner) {
        closed = tasker_status_is_done(status) ? tasker_db_commit(db) : tasker_db_rollback(db);
    } else {
        closed = tasker_status_is_done(status) ? TASKER_OK : tasker_db_rollback_to(db, unit->savepoint);
        if (tasker_status_is_done(closed))
            closed = tasker_db_release(db, unit->savepoint);
    }
    return tasker_status_is_done(status) && !tasker_status_is_done(closed) ? closed : status;
}
