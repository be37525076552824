/* SPDX-License-Identifier: MIT */
/* tasker-core's functions and views on random rows: two of them that speak of the same thing say the same. */
#include "random_rows.h"

/* The rows and their order are the same; there are some. */
static void assert_same(PGconn *conn, const char *sql, const char *other_sql)
{
    PGresult *one = rows_of(conn, sql), *other = rows_of(conn, other_sql);
    int count = PQntuples(one), columns = PQnfields(one);
    if (count == 0 || PQntuples(other) != count || PQnfields(other) != columns)
        fail_msg("%d and %d rows: %s AND %s", count, PQntuples(other), sql, other_sql);
    for (int i = 0; i < count * columns; i++)
        if (PQgetisnull(one, i / columns, i % columns) != PQgetisnull(other, i / columns, i % columns) ||
            strcmp(PQgetvalue(one, i / columns, i % columns), PQgetvalue(other, i / columns, i % columns)) != 0)
            fail_msg("row %d, %s: %s and %s: %s", i / columns, PQfname(one, i % columns),
                     PQgetvalue(one, i / columns, i % columns), PQgetvalue(other, i / columns, i % columns), sql);
    PQclear(one);
    PQclear(other);
}

#define ALL_TASKS "(SELECT array_agg(task_uuid ORDER BY identity_hash) FROM tasker_tasks)"
#define CLAIM "task_uuid, namespace_name, priority, computed_priority, age_hours, ready_steps_count"
#define EACH(of, key, view)                                                                                            \
    "SELECT v.* FROM " of " o CROSS JOIN LATERAL (SELECT * FROM " view " i WHERE i." key " = o." key                   \
    " OFFSET 0) v ORDER BY v." key

static const char *const pairs[][2] = {
    /* many and one */
    {"SELECT r.* FROM tasker_tasks k, get_step_readiness_status(k.task_uuid) r ORDER BY r.workflow_step_uuid",
     "SELECT * FROM get_step_readiness_status_batch(" ALL_TASKS " || ARRAY[NULL::uuid] || " ALL_TASKS ")"},
    {"SELECT c.* FROM tasker_tasks k, get_task_execution_context(k.task_uuid) c ORDER BY c.task_uuid",
     "SELECT * FROM get_task_execution_contexts_batch(" ALL_TASKS " || ARRAY[NULL::uuid] || " ALL_TASKS ")"},
    {"SELECT r.* FROM tasker_tasks k, get_step_readiness_status(k.task_uuid) r WHERE r.workflow_step_uuid::text < '8'"
     " ORDER BY r.workflow_step_uuid",
     "SELECT r.* FROM tasker_tasks k, get_step_readiness_status(k.task_uuid, (SELECT array_agg(workflow_step_uuid)"
     " FROM tasker_workflow_steps WHERE workflow_step_uuid::text < '8')) r ORDER BY r.workflow_step_uuid"},
    /* a view and its parts */
    {"SELECT * FROM tasker_ready_tasks ORDER BY task_uuid", EACH("tasker_tasks", "task_uuid", "tasker_ready_tasks")},
    {"SELECT * FROM tasker_ready_tasks LIMIT 7", "SELECT * FROM (SELECT * FROM tasker_ready_tasks) r LIMIT 7"},
    {"SELECT * FROM tasker_step_dag_relationships ORDER BY workflow_step_uuid",
     EACH("tasker_workflow_steps", "workflow_step_uuid", "tasker_step_dag_relationships")},
    {"SELECT * FROM tasker_step_dag_relationships ORDER BY task_uuid, workflow_step_uuid",
     EACH("tasker_tasks", "task_uuid", "tasker_step_dag_relationships") ", workflow_step_uuid"},
    /* a view and functions */
    {"SELECT task_uuid, ready_steps_count, execution_status, total_steps, completed_steps, pending_steps, failed_steps,"
     " in_progress_steps, claim_status, claimed_duration_seconds FROM tasker_ready_tasks ORDER BY task_uuid",
     "SELECT k.task_uuid, c.ready_steps, c.execution_status, c.total_steps, c.completed_steps, c.pending_steps,"
     " c.failed_steps, c.in_progress_steps, CASE WHEN claimed_at IS NULL THEN 'available' ELSE 'stale_claim' END,"
     " extract(epoch FROM timezone('UTC', now()) - k.claimed_at)::int"
     "  FROM tasker_tasks k, get_task_execution_context(k.task_uuid) c"
     " WHERE NOT k.complete AND c.status IN ('pending', 'in_progress', 'error') AND c.ready_steps > 0"
     "   AND (k.claimed_at IS NULL OR k.claimed_at < timezone('UTC', now()) - interval '10 seconds') ORDER BY "
     "k.task_uuid"},
    {"SELECT workflow_step_uuid FROM tasker_step_dag_relationships WHERE is_root_step ORDER BY workflow_step_uuid",
     "SELECT l.workflow_step_uuid FROM tasker_tasks k, calculate_dependency_levels(k.task_uuid) l"
     " WHERE l.dependency_level = 0 ORDER BY l.workflow_step_uuid"},
    {"SELECT d.workflow_step_uuid, p::uuid FROM tasker_step_dag_relationships d,"
     " jsonb_array_elements_text(d.parent_step_uuids) p ORDER BY 1, 2",
     "SELECT s.workflow_step_uuid, a.workflow_step_uuid FROM tasker_workflow_steps s,"
     " get_step_transitive_dependencies(s.workflow_step_uuid) a WHERE a.distance = 1 ORDER BY 1, 2"},
    /* figures and what they count */
    {"SELECT total_steps, pending_steps, in_progress_steps, complete_steps, error_steps, retryable_error_steps,"
     " exhausted_retry_steps, in_backoff_steps FROM get_system_health_counts()",
     "SELECT count(*), count(*) FILTER (WHERE current_state = 'pending'), count(*) FILTER (WHERE current_state ="
     " 'in_progress'), count(*) FILTER (WHERE current_state = 'complete'), count(*) FILTER (WHERE e), count(*)"
     " FILTER (WHERE e AND retry_eligible), count(*) FILTER (WHERE e AND attempts >= retry_limit), count(*)"
     " FILTER (WHERE e AND retry_eligible AND next_retry_at > timezone('UTC', now()))"
     "  FROM (SELECT r.*, current_state = 'error' AS e FROM get_step_readiness_status_batch(" ALL_TASKS ") r) x"},
    {"SELECT task_throughput, step_throughput FROM get_analytics_metrics()",
     "SELECT count(DISTINCT k.task_uuid), count(s.task_uuid) FROM tasker_tasks k LEFT JOIN tasker_workflow_steps s"
     " USING (task_uuid) WHERE k.created_at > timezone('UTC', now()) - interval '1 hour'"},
    {"SELECT workflow_step_uuid, completed_at - created_at FROM get_slowest_steps(NULL, NULL)",
     "SELECT s.workflow_step_uuid, t.created_at - s.created_at FROM tasker_workflow_steps s"
     "  JOIN tasker_workflow_step_transitions t USING (workflow_step_uuid)"
     " WHERE t.most_recent AND t.to_state = 'complete' AND t.created_at > s.created_at"
     "   AND s.created_at > timezone('UTC', now()) - interval '1 day' ORDER BY 2 DESC, 1"},
    {"SELECT task_uuid, completed_at - created_at FROM get_slowest_tasks(NULL, NULL)",
     "SELECT k.task_uuid, max(t.created_at) - k.created_at FROM tasker_tasks k JOIN tasker_workflow_steps s USING"
     " (task_uuid) JOIN tasker_workflow_step_transitions t USING (workflow_step_uuid)"
     " WHERE t.most_recent AND t.to_state IN ('complete', 'error')"
     "   AND k.created_at > timezone('UTC', now()) - interval '1 day'"
     " GROUP BY 1 HAVING max(t.created_at) > k.created_at ORDER BY 2 DESC, 1"},
    {"SELECT * FROM get_slowest_steps('-infinity', 9)", "SELECT * FROM get_slowest_steps('-infinity', NULL) LIMIT 9"},
    {"SELECT * FROM get_slowest_tasks('-infinity', 9)", "SELECT * FROM get_slowest_tasks('-infinity', NULL) LIMIT 9"},
    {"SELECT * FROM get_slowest_steps(NULL, NULL, 'space 1', 'job 0', '1.1')",
     "SELECT * FROM get_slowest_steps(NULL, NULL) WHERE (namespace_name, task_name, version) ="
     " ('space 1', 'job 0', '1.1')"},
    {"SELECT * FROM get_slowest_tasks(NULL, NULL, 'space 1', 'job 0', '1.1')",
     "SELECT * FROM get_slowest_tasks(NULL, NULL) WHERE (namespace_name, task_name, version) ="
     " ('space 1', 'job 0', '1.1')"},
    /* the claims come last: they write */
    {"SELECT " CLAIM " FROM tasker_ready_tasks WHERE namespace_name = 'space 2' LIMIT 3",
     "SELECT " CLAIM " FROM claim_ready_tasks('me', 3, 'space 2')"},
    {"SELECT " CLAIM " FROM tasker_ready_tasks LIMIT 5", "SELECT " CLAIM " FROM claim_ready_tasks('me', 5)"},
    {"SELECT " CLAIM " FROM tasker_ready_tasks", "SELECT " CLAIM " FROM claim_ready_tasks('me', 1000)"},
};

/* In a time zone other than that of the rows. */
static void test_pairs(void **state)
{
    fixture *f = *state;
    PGconn *conn = begin_with_random_rows(f, 0.5);
    tell(conn, "SET LOCAL TimeZone TO 'America/St_Johns'");
    for (size_t i = 0; i < COUNT(pairs); i++)
        assert_same(conn, pairs[i][0], pairs[i][1]);
    assert_int_equal(ask_number(conn, "SELECT count(*) FROM tasker_ready_set_differences()"), 0);
    assert_status(f->db, tasker_db_rollback(f->db), TASKER_OK);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {cmocka_unit_test(test_pairs)};
    return db_test_run(tests);
}
