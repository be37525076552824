/* SPDX-License-Identifier: MIT */
#include "claim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tasker/schema.h"

/*
 * Tasks of one step each, of five priorities, created over the last ten hours, claimed for longer than this runs. Past
 * the triggers, with what they would have written.
 */
static const char *const fill[] = {
    "SET session_replication_role = replica",
    "INSERT INTO tasker_task_namespaces (name, created_at, updated_at) VALUES ('bench', now(), now())",
    "INSERT INTO tasker_named_tasks (task_namespace_uuid, name, version, created_at, updated_at)"
    " SELECT task_namespace_uuid, 'bench', '1.0.0', now(), now() FROM tasker_task_namespaces",
    "INSERT INTO tasker_dependent_systems (name, created_at, updated_at) VALUES ('bench', now(), now())",
    "INSERT INTO tasker_named_steps (dependent_system_uuid, name, created_at, updated_at)"
    " SELECT dependent_system_uuid, 'step', now(), now() FROM tasker_dependent_systems",
    "CREATE TEMP TABLE wanted AS SELECT i, uuid_generate_v7() AS task_uuid, uuid_generate_v7() AS step_uuid,"
    " (i % 5)::integer AS wanted_priority,"
    " now() AT TIME ZONE 'UTC' - interval '10 hours' * (i::float8 / %TASKS%) AS at"
    " FROM generate_series(%TASKS%, 1, -1) i",
    "INSERT INTO tasker_tasks (task_uuid, named_task_uuid, requested_at, identity_hash, context, priority,"
    " claim_timeout_seconds, created_at, updated_at) SELECT task_uuid, named_task_uuid, at, 'bench ' || i,"
    " jsonb_build_object('n', i), wanted_priority, 86400, at, at FROM wanted, tasker_named_tasks",
    "INSERT INTO tasker_task_transitions (task_uuid, to_state, sort_key, most_recent, created_at, updated_at)"
    " SELECT task_uuid, 'pending', 1, true, at, at FROM wanted",
    "INSERT INTO tasker_workflow_steps (workflow_step_uuid, task_uuid, named_step_uuid, created_at, updated_at)"
    " SELECT step_uuid, task_uuid, named_step_uuid, at, at FROM wanted, tasker_named_steps",
    "INSERT INTO tasker_workflow_step_transitions (workflow_step_uuid, to_state, sort_key, most_recent, created_at,"
    " updated_at) SELECT step_uuid, 'pending', 1, true, at, at FROM wanted",
    "INSERT INTO tasker_step_readiness (workflow_step_uuid, task_uuid, remaining_parents, done, startable_at)"
    " SELECT step_uuid, task_uuid, 0, false, '-infinity' FROM wanted",
    "INSERT INTO tasker_task_queue (task_uuid, named_task_uuid, priority, created_at, failed)"
    " SELECT task_uuid, named_task_uuid, wanted_priority, at, false FROM wanted, tasker_named_tasks",
    "INSERT INTO tasker_task_queue_priorities SELECT DISTINCT wanted_priority FROM wanted",
    "CREATE TABLE plain (id uuid PRIMARY KEY) WITH (autovacuum_enabled = false)",
    "INSERT INTO plain SELECT task_uuid FROM wanted ORDER BY task_uuid",
    "DROP TABLE wanted",
    "ALTER TABLE tasker_tasks SET (autovacuum_enabled = false)",
    "ALTER TABLE tasker_task_queue SET (autovacuum_enabled = false)",
    "ALTER TABLE tasker_step_readiness SET (autovacuum_enabled = false)",
    "SET session_replication_role = origin",
    "VACUUM ANALYZE",
    "CHECKPOINT",
};

static void fill_with(PGconn *conn, const char *sql, int64_t tasks)
{
    char text[1024] = "";
    for (const char *mark; (mark = strstr(sql, "%TASKS%")) != NULL; sql = mark + strlen("%TASKS%")) {
        size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, "%.*s%" PRId64, (int)(mark - sql), sql, tasks);
    }
    strncat(text, sql, sizeof text - strlen(text) - 1);
    tell(conn, text);
}

static void prepare(PGconn *conn, const char *name, const char *sql)
{
    PGresult *result = PQprepare(conn, name, sql, 0, NULL);
    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        die(name, PQerrorMessage(conn));
    PQclear(result);
}

tasker_db *open_side(const char *schema)
{
    const tasker_db_options options = {.any_schema = true, .schema = tasker_text_of(schema)};
    tasker_error error;
    tasker_db *db;
    if (tasker_db_open(tasker_text_of(conninfo), &options, &error, &db) != TASKER_OK)
        die("open", error.message);
    tell(tasker_db_conn(db), "SET synchronous_commit = off");
    return db;
}

void fill_side(side *s, const char *schema, int64_t tasks)
{
    char sql[128];
    s->schema = schema;
    s->db = open_side(schema);
    expect_ok(s->db, tasker_schema_install(s->db, NULL), "install");
    s->plain = PQconnectdb(conninfo);
    snprintf(sql, sizeof sql, "SET search_path = %s", schema);
    tell(s->plain, sql);
    for (size_t i = 0; i < sizeof fill / sizeof *fill; i++)
        fill_with(s->plain, fill[i], tasks);
    prepare(s->plain, "one",
            "DELETE FROM plain WHERE id = (SELECT id FROM plain ORDER BY id LIMIT 1"
            " FOR UPDATE SKIP LOCKED) RETURNING id");
    prepare(s->plain, "batch",
            "DELETE FROM plain WHERE id = ANY (ARRAY(SELECT id FROM plain ORDER BY id LIMIT 100"
            " FOR UPDATE SKIP LOCKED)) RETURNING id");
}

void close_side(side *s)
{
    tasker_db_close(s->db);
    PQfinish(s->plain);
}

int64_t count_stamped(const side *s)
{
    PGresult *result = PQexec(s->plain, "SELECT count(*) FROM tasker_tasks WHERE claimed_at IS NOT NULL");
    if (PQntuples(result) != 1)
        die("count", PQerrorMessage(s->plain));
    int64_t count = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
    PQclear(result);
    return count;
}

/* ---- buffers ---- */

/* The number behind a name in the second line of the plan, as "shared hit=117 read=3". */
static double number_after(const PGresult *plan, const char *name)
{
    for (int i = 0; i < PQntuples(plan); i++) {
        const char *line = PQgetvalue(plan, i, 0), *at = strstr(line, name);
        if (strstr(line, "Buffers: shared") != NULL)
            return at != NULL ? strtod(at + strlen(name), NULL) : 0;
    }
    die("buffers", "not told");
}

static double buffers_of(const side *s, const char *sql)
{
    double buffers = 0;
    for (int i = 0; i < 10; i++) {
        tell(s->plain, "BEGIN");
        PGresult *plan = PQexec(s->plain, sql);
        if (PQresultStatus(plan) != PGRES_TUPLES_OK)
            die("explain", PQerrorMessage(s->plain));
        buffers = number_after(plan, "hit=") + number_after(plan, "read=");
        PQclear(plan);
        tell(s->plain, "ROLLBACK");
    }
    return buffers;
}

double buffers_of_claim(const side *s)
{
    return buffers_of(s, "EXPLAIN (ANALYZE, BUFFERS) SELECT * FROM tasker_claim_tasks('bench', 1, NULL, NULL, false,"
                         " false, clock_timestamp() AT TIME ZONE 'UTC', NULL, NULL, NULL)");
}

double buffers_of_plain(const side *s)
{
    return buffers_of(s, "EXPLAIN (ANALYZE, BUFFERS) EXECUTE one");
}
