/* SPDX-License-Identifier: MIT */
/*
 * One statement of our own, sent through libpq on the library's connection between two of its calls: the way to ask the
 * database something that the library has no function for.
 */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "invariants.h"
#include "say.h"

/*
 * One row for each invariant: its name and how many rows break it. @ stands for the schema, $1 for the task. Looked at
 * are the rows of the task and those of the registry that it uses.
 */
static const char *const sql[] = {
    "WITH task AS MATERIALIZED (SELECT * FROM @.tasker_tasks WHERE task_uuid = $1::uuid),"
    " step AS MATERIALIZED (SELECT * FROM @.tasker_workflow_steps WHERE task_uuid = $1::uuid),"
    " edge AS MATERIALIZED ("
    "  SELECT * FROM @.tasker_workflow_step_edges WHERE from_step_uuid IN (SELECT workflow_step_uuid FROM step)"
    "  UNION"
    "  SELECT * FROM @.tasker_workflow_step_edges WHERE to_step_uuid IN (SELECT workflow_step_uuid FROM step)),"
    " history AS MATERIALIZED ("
    "  SELECT 'step' AS kind, t.workflow_step_transition_uuid AS id, t.workflow_step_uuid AS owner, t.from_state,"
    "         t.to_state, t.sort_key, t.most_recent, t.created_at"
    "    FROM @.tasker_workflow_step_transitions t JOIN step USING (workflow_step_uuid)"
    "  UNION ALL"
    "  SELECT 'task', task_transition_uuid, task_uuid, from_state, to_state, sort_key, most_recent, created_at"
    "    FROM @.tasker_task_transitions WHERE task_uuid = $1::uuid),",
    " sequence AS MATERIALIZED ("
    "  SELECT h.*, row_number() OVER w AS n, lag(to_state) OVER w AS previous_state,"
    "         lag(sort_key) OVER w AS previous_key, lag(created_at) OVER w AS previous_time,"
    "         max(sort_key) OVER (PARTITION BY kind, owner) AS last_key"
    "    FROM history h WINDOW w AS (PARTITION BY kind, owner ORDER BY sort_key, id)),"
    " current AS MATERIALIZED (SELECT kind, owner, to_state FROM history WHERE most_recent),"
    " stepped AS MATERIALIZED ("
    "  SELECT step.*, c.to_state FROM step LEFT JOIN current c ON c.kind = 'step' AND c.owner = workflow_step_uuid),"
    " tasked AS MATERIALIZED ("
    "  SELECT task.*, c.to_state FROM task LEFT JOIN current c ON c.kind = 'task' AND c.owner = task_uuid)",
    " SELECT 'one current row in each history', count(*) FROM"
    "  (SELECT FROM history GROUP BY kind, owner HAVING count(*) FILTER (WHERE most_recent) <> 1) x"
    " UNION ALL SELECT 'the current row is the last one', count(*) FROM sequence"
    "  WHERE most_recent AND sort_key <> last_key"
    " UNION ALL SELECT 'sort keys go up by one', count(*) FROM sequence WHERE n > 1 AND sort_key <> previous_key + 1"
    " UNION ALL SELECT 'from_state is the state before', count(*) FROM sequence"
    "  WHERE n > 1 AND from_state IS DISTINCT FROM previous_state"
    " UNION ALL SELECT 'a history begins with pending', count(*) FROM sequence"
    "  WHERE n = 1 AND sort_key = 1 AND coalesce(from_state, 'pending') <> 'pending'",
    " UNION ALL SELECT 'the state table has the arrow', count(*) FROM history"
    "  WHERE from_state IS NOT NULL AND to_state <> 'resolved_manually' AND NOT ("
    "   (from_state, to_state) IN (('pending', 'in_progress'), ('pending', 'error'), ('pending', 'cancelled'),"
    "    ('in_progress', 'complete'), ('in_progress', 'error'), ('in_progress', 'cancelled'), ('error', 'pending'),"
    "    ('error', 'cancelled'))"
    "   OR (kind = 'step' AND (from_state, to_state) IN (('pending', 'enqueued'), ('enqueued', 'in_progress'),"
    "    ('enqueued', 'error'), ('enqueued', 'cancelled'))))"
    " UNION ALL SELECT 'time does not go back in a history', count(*) FROM sequence"
    "  WHERE n > 1 AND created_at < previous_time",
    " UNION ALL SELECT 'processed: the state says done', count(*) FROM stepped"
    "  WHERE processed <> coalesce(to_state IN ('complete', 'resolved_manually'), false)"
    " UNION ALL SELECT 'processed_at: processed', count(*) FROM step WHERE (processed_at IS NOT NULL) <> processed"
    " UNION ALL SELECT 'in_process or processed, not both', count(*) FROM step WHERE in_process AND processed"
    " UNION ALL SELECT 'in_process: the state says in_progress', count(*) FROM stepped"
    "  WHERE in_process <> coalesce(to_state = 'in_progress', false)"
    " UNION ALL SELECT 'no step in process in a complete task', count(*) FROM step JOIN task USING (task_uuid)"
    "  WHERE in_process AND complete"
    " UNION ALL SELECT 'complete: the state says done', count(*) FROM tasked"
    "  WHERE complete <> coalesce(to_state IN ('complete', 'resolved_manually'), false)"
    " UNION ALL SELECT 'completed_at: complete', count(*) FROM task WHERE (completed_at IS NOT NULL) <> complete",
    " UNION ALL SELECT 'claimed_by: claimed_at', count(*) FROM task"
    "  WHERE (claimed_at IS NULL) <> (claimed_by IS NULL)"
    " UNION ALL SELECT 'a complete task holds no claim', count(*) FROM task WHERE complete AND claimed_at IS NOT NULL"
    " UNION ALL SELECT 'claims are of the past and time out', count(*) FROM task"
    "  WHERE claimed_at > (clock_timestamp() AT TIME ZONE 'UTC') + interval '2 s' OR claim_timeout_seconds <= 0"
    " UNION ALL SELECT 'a complete task has finished steps only', count(*) FROM stepped s JOIN task USING (task_uuid)"
    "  WHERE task.complete AND coalesce(s.to_state, 'pending') NOT IN ('complete', 'resolved_manually', 'cancelled')"
    " UNION ALL SELECT 'parents of a started step are done', count(*) FROM edge"
    "  JOIN stepped child ON child.workflow_step_uuid = to_step_uuid"
    "  JOIN stepped parent ON parent.workflow_step_uuid = from_step_uuid"
    "  WHERE child.to_state IN ('enqueued', 'in_progress', 'complete')"
    "    AND coalesce(parent.to_state, 'pending') NOT IN ('complete', 'resolved_manually')",
    " UNION ALL SELECT 'no step waits for itself', count(*) FROM edge WHERE from_step_uuid = to_step_uuid"
    " UNION ALL SELECT 'no edge twice', count(*) FROM"
    "  (SELECT FROM edge GROUP BY from_step_uuid, to_step_uuid, name HAVING count(*) > 1) x"
    " UNION ALL SELECT 'edges stay inside the task', count(*) FROM edge"
    "  WHERE from_step_uuid NOT IN (SELECT workflow_step_uuid FROM step)"
    "     OR to_step_uuid NOT IN (SELECT workflow_step_uuid FROM step)"
    /* The first start is free. */
    " UNION ALL SELECT 'attempts are within the limit', count(*) FROM step"
    "  WHERE coalesce(attempts, 0) NOT BETWEEN 0 AND greatest(coalesce(retry_limit, 3), 1)",
    " UNION ALL SELECT 'keys are UUIDs of version 7 and of the past', count(*) FROM ("
    "  SELECT id FROM history UNION ALL SELECT task_uuid FROM task UNION ALL SELECT workflow_step_uuid FROM step"
    "  UNION ALL SELECT workflow_step_edge_uuid FROM edge UNION ALL SELECT named_task_uuid FROM task"
    "  UNION ALL SELECT named_step_uuid FROM step"
    "  UNION ALL SELECT ntns_uuid FROM @.tasker_named_tasks_named_steps JOIN task USING (named_task_uuid)"
    "  UNION ALL SELECT task_namespace_uuid FROM @.tasker_named_tasks JOIN task USING (named_task_uuid)"
    "  UNION ALL SELECT dependent_system_uuid FROM @.tasker_named_steps JOIN step USING (named_step_uuid)) keys"
    "  WHERE get_byte(uuid_send(id), 6) >> 4 <> 7 OR get_byte(uuid_send(id), 8) >> 6 <> 2"
    "     OR ('x' || substr(replace(id::text, '-', ''), 1, 12))::bit(48)::bigint"
    "        > extract(epoch FROM clock_timestamp()) * 1000 + 2000"
    " UNION ALL SELECT 'constraints are validated, indexes valid',"
    "  (SELECT count(*) FROM pg_constraint JOIN pg_namespace s ON s.oid = connamespace"
    "    WHERE s.nspname = $2 AND NOT convalidated)"
    "  + (SELECT count(*) FROM pg_index JOIN pg_class c ON c.oid = indrelid JOIN pg_namespace s ON s.oid = relnamespace"
    "      WHERE s.nspname = $2 AND c.relname LIKE 'tasker\\_%' AND NOT (indisvalid AND indisready))",
};

/* The statement with the quoted name of the schema in its places. Free it. */
static char *make_statement(const char *quoted_schema)
{
    size_t size = 1;
    for (size_t i = 0; i < sizeof sql / sizeof *sql; i++)
        for (const char *c = sql[i]; *c != '\0'; c++)
            size += *c == '@' ? strlen(quoted_schema) : 1;
    char *statement = allocate(size, 1);
    char *end = statement;
    for (size_t i = 0; i < sizeof sql / sizeof *sql; i++)
        for (const char *c = sql[i]; *c != '\0'; c++) {
            size_t length = *c == '@' ? strlen(quoted_schema) : 1;
            memcpy(end, *c == '@' ? quoted_schema : c, length);
            end += length;
        }
    return statement;
}

/* NULL: stderr says why. */
static PGresult *ask(struct link *link, const tasker_uuid *task_uuid)
{
    PGconn *conn = tasker_db_conn(link->db);
    const tasker_text schema = tasker_db_session(link->db)->schema;
    char uuid[TASKER_UUID_TEXT_SIZE];
    const char *values[] = {tasker_uuid_format(task_uuid, uuid), schema.ptr};

    char *quoted = PQescapeIdentifier(conn, schema.ptr, schema.len);
    if (quoted == NULL) {
        say("checking the invariants: %s", PQerrorMessage(conn));
        return NULL;
    }
    char *statement = make_statement(quoted);
    PGresult *result = PQexecParams(conn, statement, 2, NULL, values, NULL, NULL, 0);
    free(statement);
    PQfreemem(quoted);
    if (PQresultStatus(result) == PGRES_TUPLES_OK)
        return result;
    say("checking the invariants: %s", PQerrorMessage(conn));
    PQclear(result);
    return NULL;
}

/* How many steps cannot be put in an order in which parents come before their children. */
static size_t count_in_cycles(const struct graph *graph)
{
    uint32_t *open_parents = allocate(graph->count, sizeof *open_parents);
    uint32_t *order = allocate(graph->count, sizeof *order);
    size_t ordered = 0;
    for (size_t i = 0; i < graph->count; i++) {
        open_parents[i] = graph->parent_at[i + 1] - graph->parent_at[i];
        if (open_parents[i] == 0)
            order[ordered++] = (uint32_t)i;
    }
    for (size_t next = 0; next < ordered; next++)
        for (uint32_t c = graph->child_at[order[next]]; c < graph->child_at[order[next] + 1]; c++)
            if (--open_parents[graph->children[c]] == 0)
                order[ordered++] = graph->children[c];
    free(open_parents);
    free(order);
    return graph->count - ordered;
}

bool invariants_check(struct link *link, const tasker_workflow *workflow, const struct graph *graph, bool quiet)
{
    PGresult *result = ask(link, &workflow->details->task->task_uuid);
    if (result == NULL)
        return false;
    int broken = count_in_cycles(graph) > 0;
    int count = PQntuples(result) + 1;
    if (broken > 0)
        printf("broken: no cycle among the edges (%zu steps)\n", count_in_cycles(graph));
    for (int i = 0; i < PQntuples(result); i++)
        if (strcmp(PQgetvalue(result, i, 1), "0") != 0) {
            printf("broken: %s (%s rows)\n", PQgetvalue(result, i, 0), PQgetvalue(result, i, 1));
            broken++;
        }
    PQclear(result);
    if (!quiet)
        printf("invariants: %d of %d hold\n", count - broken, count);
    fflush(stdout);
    return broken == 0;
}
