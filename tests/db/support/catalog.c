/* SPDX-License-Identifier: MIT */
#include "catalog.h"

/* What a grant is worth does not depend on its place among the others, nor on being said at all where it is implied. */
static const char question[] =
    "WITH n AS (SELECT oid, nspname FROM pg_namespace WHERE nspname = $1),"
    " c AS (SELECT c.* FROM pg_class c JOIN n ON c.relnamespace = n.oid),"
    " things (thing, said) AS ("
    " SELECT 'class ' || relname, concat_ws(' ', relkind, relpersistence, reloptions::text, relhasrules, "
    "relhastriggers,"
    "        relnatts, relchecks, relreplident, relowner::regrole, relrowsecurity, obj_description(oid, 'pg_class'),"
    "        CASE WHEN relkind IN ('v', 'm') THEN pg_get_viewdef(oid) END,"
    "        (SELECT string_agg(x::text, ',' ORDER BY x::text)"
    "           FROM unnest(coalesce(relacl, acldefault('r', relowner))) x WHERE relkind IN ('r', 'v')))"
    "   FROM c"
    " UNION ALL SELECT 'column ' || relname || '.' || attname, concat_ws(' ', attnum, format_type(atttypid, atttypmod),"
    "        attnotnull, attisdropped, pg_get_expr(d.adbin, d.adrelid))"
    "   FROM c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0"
    "   LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum"
    " UNION ALL SELECT 'function ' || p.oid::regprocedure, concat_ws(' ', pg_get_functiondef(p.oid), proowner::regrole,"
    "        obj_description(p.oid, 'pg_proc'),"
    "        (SELECT string_agg(x::text, ',' ORDER BY x::text)"
    "           FROM unnest(coalesce(proacl, acldefault('f', proowner))) x))"
    "   FROM pg_proc p JOIN n ON p.pronamespace = n.oid"
    " UNION ALL SELECT 'type ' || typname, concat_ws(' ', typtype, typlen, typcategory, typowner::regrole)"
    "   FROM pg_type t JOIN n ON t.typnamespace = n.oid"
    " UNION ALL SELECT 'trigger ' || tgname || ' of ' || relname, concat_ws(' ', tgenabled, pg_get_triggerdef(t.oid))"
    "   FROM c JOIN pg_trigger t ON t.tgrelid = c.oid"
    " UNION ALL SELECT 'constraint ' || conname, conrelid::regclass || ' ' || pg_get_constraintdef(k.oid)"
    "   FROM pg_constraint k JOIN n ON k.connamespace = n.oid"
    " UNION ALL SELECT 'index ' || relname, pg_get_indexdef(c.oid) || indisvalid FROM c JOIN pg_index i ON indexrelid "
    "= c.oid"
    ") SELECT thing, said FROM things ORDER BY thing COLLATE \"C\", said";

PGresult *catalog_of(const fixture *f, const char *schema)
{
    PGconn *conn = db_test_psql(f);
    PGresult *result = PQexecParams(conn, question, 1, NULL, &schema, NULL, NULL, 0);
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        print_error("catalog: %s", PQresultErrorMessage(result));
    PQfinish(conn);
    assert_int_equal(PQresultStatus(result), PGRES_TUPLES_OK);
    assert_true(PQntuples(result) > 0);
    return result;
}

bool catalog_same(const PGresult *before, const PGresult *after)
{
    int b = 0, a = 0, differences = 0;
    while (b < PQntuples(before) || a < PQntuples(after)) {
        const char *was = b < PQntuples(before) ? PQgetvalue(before, b, 0) : "\xff";
        const char *is = a < PQntuples(after) ? PQgetvalue(after, a, 0) : "\xff";
        int order = strcmp(was, is);
        bool same = order == 0 && strcmp(PQgetvalue(before, b, 1), PQgetvalue(after, a, 1)) == 0;
        if (!same)
            print_error("%s\n  was: %s\n  is:  %s\n", order <= 0 ? was : is,
                        order <= 0 ? PQgetvalue(before, b, 1) : "nothing",
                        order >= 0 ? PQgetvalue(after, a, 1) : "nothing");
        differences += !same;
        b += order <= 0;
        a += order >= 0;
    }
    return differences == 0;
}
