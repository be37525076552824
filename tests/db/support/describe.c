/* SPDX-License-Identifier: MIT */
#include "describe.h"
#include <ctype.h>
#include "db/prepared.h"

typedef struct check {
    PGconn *conn;
    const tkr_statement *statement;
    const nullability_exception *exceptions;
    const PGresult *described, *origins;
    char *why;
    int column; /* the result's, counted through inner rows */
} check;

static bool differs(check *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

static bool differs(check *c, const char *format, ...)
{
    char what[384];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    snprintf(c->why, 512, "%s: %s", c->statement->query.name, what);
    return false;
}

/* ---- asking the server ---- */

/* NULL, with the reason told: the server does not understand the text. */
static PGresult *describe(check *c, const char *text)
{
    const tkr_query *q = &c->statement->query;
    PGresult *result = PQprepare(c->conn, "", text, (int)q->parameter_count, q->types);
    if (PQresultStatus(result) == PGRES_COMMAND_OK) {
        PQclear(result);
        result = PQdescribePrepared(c->conn, "");
    }
    if (PQresultStatus(result) == PGRES_COMMAND_OK)
        return result;
    differs(c, "%s", PQresultErrorMessage(result));
    PQclear(result);
    return NULL;
}

static bool is_word(char byte)
{
    return isalnum((unsigned char)byte) || byte == '_';
}

/*
 * alias.column::type becomes alias.column, in place: a cast hides from which table a column comes. Other casts, of
 * parameters for example, stay.
 */
static void strip_casts_of_columns(char *text)
{
    char *to = text;
    for (const char *from = text; *from != '\0';) {
        const char *start = to;
        if (from[0] == ':' && from[1] == ':') {
            while (start > text && is_word(start[-1]))
                start--;
            bool column = start < to && start - text >= 2 && start[-1] == '.' && is_word(start[-2]);
            if (column) {
                for (from += 2; is_word(*from); from++)
                    ;
                continue;
            }
            *to++ = *from++;
        }
        *to++ = *from++;
    }
    *to = '\0';
}

/* 1: the table's column is NOT NULL, 0: it is not, -1: the result's column is none of a table. */
static int origin_not_null(check *c, int column)
{
    char sql[256];
    snprintf(sql, sizeof sql,
             "SELECT a.attnotnull FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid"
             " WHERE a.attrelid = %u AND a.attnum = %d AND c.relkind = 'r'",
             PQftable(c->origins, column), PQftablecol(c->origins, column));
    if (PQftable(c->origins, column) == InvalidOid)
        return -1;
    PGresult *result = PQexec(c->conn, sql);
    int answer = PQntuples(result) != 1 ? -1 : PQgetvalue(result, 0, 0)[0] == 't';
    PQclear(result);
    return answer;
}

/* ---- comparing ---- */

static bool is_excepted(const check *c, const char *column)
{
    for (const nullability_exception *e = c->exceptions; e != NULL && e->statement != NULL; e++)
        if (strcmp(e->statement, c->statement->query.name) == 0 && strcmp(e->column, column) == 0)
            return true;
    return false;
}

static bool check_column(check *c, const tkr_column *column)
{
    int i = c->column++;
    if (i >= PQnfields(c->described))
        return differs(c, "column %s is missing", column->name);
    if (strcmp(PQfname(c->described, i), column->name) != 0)
        return differs(c, "column %d is %s, not %s", i + 1, PQfname(c->described, i), column->name);
    if (!tkr_type_accepts(column->type, PQftype(c->described, i)))
        return differs(c, "column %s has a type that does not fit: %u", column->name, PQftype(c->described, i));
    if (PQfmod(c->described, i) != -1)
        return differs(c, "column %s has a type modifier: cast it", column->name);
    int not_null = origin_not_null(c, i);
    if (not_null < 0 || not_null == (column->has == TKR_NOT_NULL) || is_excepted(c, column->name))
        return true;
    return differs(c, "column %s is %s in the table, its descriptor says otherwise", column->name,
                   not_null ? "NOT NULL" : "nullable");
}

static bool check_columns(check *c, const tkr_entity *entity)
{
    bool same = true;
    for (const tkr_column *column = entity->columns; column->name != NULL && same; column++)
        same = column->type == TKR_ROW ? check_columns(c, column->row) : check_column(c, column);
    return same;
}

static bool uses(const char *text, int parameter)
{
    char name[16];
    int length = snprintf(name, sizeof name, "$%d", parameter);
    for (const char *at = text; (at = strstr(at, name)) != NULL; at++)
        if (!isdigit((unsigned char)at[length]))
            return true;
    return false;
}

/*
 * A query's four last parameters are its page. Of the position in it, a uuid and a number, one is enough: rows have
 * either, and with a uuid the number serves some orders only.
 */
static bool is_other_half_of_position(const tkr_query *q, int i)
{
    int after = (int)q->parameter_count - 4;
    if (strstr(q->name, "_query") == NULL || after < 0)
        return false;
    return (i == after && q->types[i] == TKR_OID_UUID && uses(q->text, after + 2)) ||
           (i == after + 1 && q->types[i] == TKR_OID_INT8 && uses(q->text, after + 1));
}

static bool check_parameters(check *c)
{
    const tkr_query *q = &c->statement->query;
    int count = PQnparams(c->described);
    if (count != (int)q->parameter_count)
        return differs(c, "the text has %d parameters, %u are declared", count, q->parameter_count);
    for (int i = 0; i < count; i++)
        if (!uses(q->text, i + 1) && !is_other_half_of_position(q, i))
            return differs(c, "the text does not use parameter %d", i + 1);
    for (int i = 0; i < count; i++)
        if (PQparamtype(c->described, i) != q->types[i])
            return differs(c, "parameter %d is of type %u, not %u", i + 1, PQparamtype(c->described, i), q->types[i]);
    return true;
}

static bool check_shape(check *c)
{
    const tkr_statement *s = c->statement;
    int count = PQnfields(c->described);
    if (s->shape == TKR_SHAPE_NONE)
        return count == 0 || differs(c, "it returns %d columns, its shape none", count);
    if (s->entity == NULL)
        return differs(c, "it has a shape with rows, and no entity");
    if (!check_columns(c, s->entity))
        return false;
    return count == c->column || differs(c, "it returns %d columns, %s has %d", count, s->entity->name, c->column);
}

bool describe_check(PGconn *conn, const tkr_statement *statement, const nullability_exception *exceptions,
                    char why[512])
{
    check c = {.conn = conn, .statement = statement, .exceptions = exceptions, .why = why};
    why[0] = '\0';
    char *with_queue = tkr_expand(statement->query.text, "{queue_schema}", "tasker_queue", "");
    assert_non_null(with_queue);
    char *text = tkr_expand_schema(with_queue, "\"public\"", "");
    assert_non_null(text);
    free(with_queue);
    PGresult *described = describe(&c, text), *origins = NULL;
    strip_casts_of_columns(text);
    if (described != NULL)
        origins = describe(&c, text);
    c.described = described;
    c.origins = origins;
    bool same = origins != NULL && check_parameters(&c);
    if (same && PQnfields(origins) != PQnfields(described))
        same = differs(&c, "without casts it has other columns");
    same = same && check_shape(&c);
    PQclear(described);
    PQclear(origins);
    free(text);
    return same;
}
