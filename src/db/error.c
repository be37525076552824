/* SPDX-License-Identifier: MIT */
#include "db/error.h"
#include <ctype.h>
#include <string.h>
#include "db/sqlstate.h"
#include "value/text.h"

static void copy_field(char *to, size_t size, const PGresult *result, int field)
{
    const char *value = PQresultErrorField(result, field);
    if (value != NULL)
        tkr_text_sanitize(to, size, value, strlen(value));
    else
        to[0] = '\0';
}

/* DETAIL is left out on purpose: it repeats whole rows. */
tasker_status tkr_error_from_result(tasker_error *error, const PGresult *result, const tkr_query *query)
{
    char primary[512];
    copy_field(error->sqlstate, sizeof error->sqlstate, result, PG_DIAG_SQLSTATE);
    copy_field(error->constraint, sizeof error->constraint, result, PG_DIAG_CONSTRAINT_NAME);
    copy_field(error->table, sizeof error->table, result, PG_DIAG_TABLE_NAME);
    copy_field(error->column, sizeof error->column, result, PG_DIAG_COLUMN_NAME);
    copy_field(primary, sizeof primary, result, PG_DIAG_MESSAGE_PRIMARY);
    if (primary[0] == '\0')
        strcpy(primary, "the server closed the connection");
    bool deletes = query != NULL && strstr(query->text, "DELETE FROM") != NULL;
    tasker_status status = error->sqlstate[0] == '\0'
                               ? TASKER_DISCONNECTED
                               : tkr_sqlstate_status(error->sqlstate, error->constraint, deletes);
    if (query != NULL)
        tkr_text_sanitize(error->statement, sizeof error->statement, query->name, strlen(query->name));
    return tkr_error_set(error, status, "%s", primary);
}

/*
 * libpq offers no accessor for the SQLSTATE of a refused connection, but in verbose mode its text contains
 * "FATAL:  28P01: ...". The text itself is not passed on: it may repeat parts of the connection string.
 */
static void find_sqlstate(const char *text, char sqlstate[8])
{
    for (const char *at = strstr(text, ":  "); at != NULL; at = strstr(at + 3, ":  ")) {
        size_t n = 0;
        while (n < 5 && (isupper((unsigned char)at[3 + n]) || isdigit((unsigned char)at[3 + n])))
            n++;
        if (n == 5 && at[8] == ':') {
            memcpy(sqlstate, at + 3, 5);
            sqlstate[5] = '\0';
            return;
        }
    }
}

tasker_status tkr_error_from_connect(tasker_error *error, PGconn *conn)
{
    char sqlstate[8] = "";
    find_sqlstate(PQerrorMessage(conn), sqlstate);
    const char *host = PQhost(conn), *port = PQport(conn), *database = PQdb(conn);
    tasker_status status = sqlstate[0] == '\0' ? TASKER_DISCONNECTED : tkr_sqlstate_status(sqlstate, "", false);
    tkr_error_set(error, status,
                  sqlstate[0] == '\0' ? "no server answers at host \"%s\" port %s (database \"%s\")"
                                      : "the server at host \"%s\" port %s refused (database \"%s\")",
                  host != NULL ? host : "", port != NULL ? port : "", database != NULL ? database : "");
    memcpy(error->sqlstate, sqlstate, sizeof sqlstate);
    return status;
}

bool tkr_error_is_healable(const PGresult *result)
{
    const char *code = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    if (code == NULL)
        return false;
    if (strcmp(code, "26000") == 0 || strcmp(code, "42P05") == 0)
        return true;
    const char *routine = PQresultErrorField(result, PG_DIAG_SOURCE_FUNCTION);
    return strcmp(code, "0A000") == 0 && routine != NULL && strcmp(routine, "RevalidateCachedQuery") == 0;
}
