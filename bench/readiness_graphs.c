/* SPDX-License-Identifier: MIT */
/* A ladder of 64 layers of two steps, each the parent of both in the next layer, and a chain of 100,000 steps. */
#include <stdio.h>
#include <string.h>

#include "readiness.h"
#include "tasker/dag.h"
#include "tasker/uuid.h"

enum { LAYERS = 64, CHAIN = 100000 };

static const double ladder_goal = 50, chain_goal = 2000; /* ms */

/* What is asked, and how many rows must come. */
typedef struct question {
    tasker_db *db;
    PGconn *conn;
    tasker_uuid key; /* the task, the last or the first step */
    size_t rows;
    const char *sql; /* with $1 */
} question;

static void expect_rows(const question *q, const char *what, size_t count)
{
    if (count != q->rows)
        die(what, "other rows than expected");
}

static void ask_sql(void *context)
{
    const question *q = context;
    char key[TASKER_UUID_TEXT_SIZE];
    const char *values[] = {tasker_uuid_format(&q->key, key)};
    PGresult *result = PQexecParams(q->conn, q->sql, 1, NULL, values, NULL, NULL, 1);
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        die(q->sql, PQerrorMessage(q->conn));
    expect_rows(q, q->sql, (size_t)PQntuples(result));
    PQclear(result);
}

static void ask_nodes(void *context)
{
    const question *q = context;
    const tasker_step_nodes *nodes = NULL;
    const tasker_step_node_filter filter = {.task_uuid = &q->key};
    expect_ok(q->db, tasker_step_node_query(q->db, &filter, &(tasker_page){.limit = 1000000}, &nodes), "nodes");
    expect_rows(q, "nodes", nodes->count);
    tasker_free(nodes);
}

static void ask_critical_path(void *context)
{
    const question *q = context;
    const tasker_step_nodes *nodes = NULL;
    expect_ok(q->db, tasker_step_node_list_critical_path(q->db, &q->key, &nodes), "critical path");
    expect_rows(q, "critical path", nodes->count);
    tasker_free(nodes);
}

static void ask_ancestors(void *context)
{
    const question *q = context;
    const tasker_step_relatives *steps = NULL;
    expect_ok(q->db, tasker_step_relative_list_ancestors(q->db, &q->key, NULL, &steps), "ancestors");
    expect_rows(q, "ancestors", steps->count);
    tasker_free(steps);
}

static void ask_descendants(void *context)
{
    const question *q = context;
    const tasker_step_relatives *steps = NULL;
    expect_ok(q->db, tasker_step_relative_list_descendants(q->db, &q->key, NULL, &steps), "descendants");
    expect_rows(q, "descendants", steps->count);
    tasker_free(steps);
}

/* The first column of the first row. */
static tasker_uuid key_of(PGconn *conn, const char *sql)
{
    tasker_uuid key = {{0}};
    PGresult *result = PQexec(conn, sql);
    if (PQntuples(result) != 1 || tasker_uuid_parse(tasker_text_of(PQgetvalue(result, 0, 0)), NULL, &key) != TASKER_OK)
        die(sql, PQerrorMessage(conn));
    PQclear(result);
    return key;
}

/* A task of layers, each step the parent of all in the next one. Its steps are numbered in the table "made". */
static tasker_uuid make_layers(PGconn *conn, int layers, int width)
{
    char sql[1024];
    snprintf(sql, sizeof sql,
             "SET session_replication_role = replica; DROP TABLE IF EXISTS made; CREATE TEMP TABLE made AS"
             " SELECT t.key AS task, l, uuid_generate_v7() AS key FROM (SELECT uuid_generate_v7() AS key OFFSET 0) t,"
             " generate_series(1, %d) l, generate_series(1, %d) ORDER BY l",
             layers, width);
    tell(conn, sql);
    tell(conn, "INSERT INTO tasker_task_namespaces (name, created_at, updated_at) VALUES ('graphs', now(), now())"
               " ON CONFLICT DO NOTHING; INSERT INTO tasker_named_tasks (task_namespace_uuid, name, created_at,"
               " updated_at) SELECT task_namespace_uuid, 'graph', now(), now() FROM tasker_task_namespaces"
               " ON CONFLICT DO NOTHING; INSERT INTO tasker_dependent_systems (name, created_at, updated_at)"
               " VALUES ('graphs', now(), now()) ON CONFLICT DO NOTHING; INSERT INTO tasker_named_steps"
               " (dependent_system_uuid, name, created_at, updated_at) SELECT dependent_system_uuid, 'step', now(),"
               " now() FROM tasker_dependent_systems ON CONFLICT DO NOTHING");
    tell(conn, "INSERT INTO tasker_tasks (task_uuid, named_task_uuid, requested_at, identity_hash, created_at,"
               " updated_at) SELECT DISTINCT m.task, n.named_task_uuid, now(), m.task::text, now(), now() FROM made m,"
               " tasker_named_tasks n; INSERT INTO tasker_workflow_steps (workflow_step_uuid, task_uuid,"
               " named_step_uuid, results, created_at, updated_at) SELECT m.key, m.task, n.named_step_uuid,"
               " '{\"ok\": true}', now(), now() FROM made m, tasker_named_steps n ORDER BY l");
    tell(conn, "INSERT INTO tasker_workflow_step_transitions (workflow_step_uuid, to_state, sort_key, most_recent,"
               " created_at, updated_at) SELECT key, 'pending', 1, true, now(), now() FROM made ORDER BY l");
    tell(conn, "INSERT INTO tasker_workflow_step_edges (from_step_uuid, to_step_uuid, name, created_at, updated_at)"
               " SELECT p.key, c.key, 'provides', now(), now() FROM made p JOIN made c ON c.l = p.l + 1 ORDER BY c.l;"
               " RESET session_replication_role");
    tell(conn, "VACUUM ANALYZE");
    return key_of(conn, "SELECT task FROM made LIMIT 1");
}

#define TELL_EACH(b, names, sides, goal)                                                                               \
    do {                                                                                                               \
        measure(b, sides, sizeof(sides) / sizeof *(sides));                                                            \
        for (size_t i = 0; i < sizeof(sides) / sizeof *(sides); i++)                                                   \
            tell_time((names)[i], (sides)[i].median, goal);                                                            \
    } while (0)

static void measure_ladder(bench *b, tasker_db *db, PGconn *conn)
{
    static const char *const names[] = {"ladder: calculate_dependency_levels", "ladder: step_dag_relationships",
                                        "ladder: step_node_query", "ladder: critical path"};
    tasker_uuid task = make_layers(conn, LAYERS, 2);
    question all = {db, conn, task, (size_t)LAYERS * 2, "SELECT * FROM calculate_dependency_levels($1)"};
    question view = {db, conn, task, (size_t)LAYERS * 2,
                     "SELECT * FROM tasker_step_dag_relationships WHERE task_uuid = $1"};
    question path = {db, conn, task, LAYERS, NULL};
    side sides[] = {{ask_sql, &all, 1, 0, {0}},
                    {ask_sql, &view, 1, 0, {0}},
                    {ask_nodes, &all, 1, 0, {0}},
                    {ask_critical_path, &path, 1, 0, {0}}};
    TELL_EACH(b, names, sides, ladder_goal);
}

static void measure_chain(bench *b, tasker_db *db, PGconn *conn)
{
    static const char *const names[] = {
        "chain: get_step_transitive_dependencies", "chain: ancestors",       "chain: descendants",
        "chain: calculate_dependency_levels",      "chain: step_node_query", "chain: critical path"};
    tasker_uuid task = make_layers(conn, CHAIN, 1);
    question up = {db, conn, key_of(conn, "SELECT key FROM made ORDER BY l DESC LIMIT 1"), CHAIN - 1,
                   "SELECT * FROM get_step_transitive_dependencies($1)"};
    question down = {db, conn, key_of(conn, "SELECT key FROM made ORDER BY l LIMIT 1"), CHAIN - 1, NULL};
    question all = {db, conn, task, CHAIN, "SELECT * FROM calculate_dependency_levels($1)"};
    side sides[] = {{ask_sql, &up, 1, 0, {0}},  {ask_ancestors, &up, 1, 0, {0}}, {ask_descendants, &down, 1, 0, {0}},
                    {ask_sql, &all, 1, 0, {0}}, {ask_nodes, &all, 1, 0, {0}},    {ask_critical_path, &all, 1, 0, {0}}};
    bench few = *b;
    few.reps = b->reps < 5 ? b->reps : 5;
    TELL_EACH(&few, names, sides, chain_goal);
}

void measure_graphs(bench *b)
{
    PGconn *conn;
    tasker_db *db = open_schema("graphs", &conn);
    measure_ladder(b, db, conn);
    measure_chain(b, db, conn);
    PQfinish(conn);
    tasker_db_close(db);
}
