-- SPDX-License-Identifier: MIT
-- Old tasks go, some at a time. What the first statement locks it keeps in a setting of the transaction; those behind it
-- have snapshots of their own, and look again whether the task is still at its end.

-- part: retired (k: the task)
SELECT true
  FROM {schema}.tasker_task_transitions t
 WHERE t.task_uuid = k.task_uuid
   AND t.most_recent
   AND t.created_at < $1
   AND (t.to_state IN {done} OR ($2 AND t.to_state NOT IN {open}))
   AND (SELECT true
          FROM {schema}.tasker_workflow_steps s
          JOIN {schema}.tasker_workflow_step_transitions st
               ON st.workflow_step_uuid = s.workflow_step_uuid AND st.most_recent
         WHERE s.task_uuid = k.task_uuid
           AND st.to_state IN {busy}
         LIMIT 1) IS NULL

-- LIMIT is a number, so that the planner knows that the primary key gives these few in their order.
-- name: retention_run__lock reads one retention_window (before timestamp?, failed_too bool, after_uuid uuid, below_uuid uuid, row_limit int4, namespace_name text?)
WITH seen AS MATERIALIZED (
    SELECT o.task_uuid
      FROM {schema}.tasker_tasks o
     WHERE o.task_uuid > $3
       AND o.task_uuid < $4
     ORDER BY o.task_uuid
     LIMIT 2000
), able AS MATERIALIZED (
    SELECT k.task_uuid
      FROM seen
      JOIN {schema}.tasker_tasks k ON k.task_uuid = seen.task_uuid
     WHERE ({retired})
       AND ($6 IS NULL
            OR (SELECT ns.name
                  FROM {schema}.tasker_named_tasks nt
                  JOIN {schema}.tasker_task_namespaces ns ON ns.task_namespace_uuid = nt.task_namespace_uuid
                 WHERE nt.named_task_uuid = k.named_task_uuid) = $6)
     ORDER BY k.task_uuid
     LIMIT $5
       FOR UPDATE OF k SKIP LOCKED
), kept AS MATERIALIZED (
    SELECT set_config('tasker.retired', (SELECT coalesce(array_agg(able.task_uuid ORDER BY able.task_uuid), '{}')::text
                                           FROM able), true) AS retired
)
SELECT CASE WHEN a.number = $5 THEN a.last ELSE s.last END AS last,
       (a.number = $5 OR s.number = 2000) AS more
  FROM kept
 CROSS JOIN (SELECT count(*) AS number, (array_agg(able.task_uuid ORDER BY able.task_uuid DESC))[1] AS last FROM able) a
 CROSS JOIN (SELECT count(*) AS number, (array_agg(seen.task_uuid ORDER BY seen.task_uuid DESC))[1] AS last FROM seen) s
 WHERE kept.retired IS NOT NULL;

-- part: retired_tasks ()
task AS MATERIALIZED (
    SELECT k.task_uuid
      FROM {schema}.tasker_tasks k
     WHERE k.task_uuid = ANY ((SELECT current_setting('tasker.retired')::uuid[])::uuid[])
       AND ({retired})
)

-- name: retention_run__lock_steps reads none ()
SELECT
  FROM {schema}.tasker_workflow_steps s
 WHERE s.task_uuid = ANY ((SELECT current_setting('tasker.retired')::uuid[])::uuid[])
 ORDER BY s.workflow_step_uuid
   FOR UPDATE;

-- name: retention_run writes one retention_gone (before timestamp?, failed_too bool)
WITH {retired_tasks}, {delete_below}, tasks_gone AS (
    DELETE FROM {schema}.tasker_tasks k WHERE k.task_uuid = ANY (ARRAY(SELECT task.task_uuid FROM task)) RETURNING 1
)
SELECT (SELECT count(*) FROM tasks_gone)::int8 AS tasks,
       ((SELECT count(*) FROM tasks_gone) + (SELECT count(*) FROM steps_gone) + (SELECT count(*) FROM edges_out)
        + (SELECT count(*) FROM edges_in) + (SELECT count(*) FROM step_transitions) + (SELECT count(*) FROM transitions)
        + (SELECT count(*) FROM annotations))::int8 AS rows;

-- name: retention_run__count reads one retention_gone (before timestamp?, failed_too bool)
WITH {retired_tasks}, step AS MATERIALIZED (
    SELECT s.workflow_step_uuid
      FROM {schema}.tasker_workflow_steps s
     WHERE s.task_uuid = ANY (ARRAY(SELECT task.task_uuid FROM task))
)
SELECT (SELECT count(*) FROM task)::int8 AS tasks,
       ((SELECT count(*) FROM task) + (SELECT count(*) FROM step)
        + (SELECT count(*) FROM {schema}.tasker_workflow_step_edges e
            WHERE e.from_step_uuid = ANY (ARRAY(SELECT step.workflow_step_uuid FROM step)))
        + (SELECT count(*) FROM {schema}.tasker_workflow_step_edges e
            WHERE e.to_step_uuid = ANY (ARRAY(SELECT step.workflow_step_uuid FROM step))
              AND e.from_step_uuid <> ALL (ARRAY(SELECT step.workflow_step_uuid FROM step)))
        + (SELECT count(*) FROM {schema}.tasker_workflow_step_transitions t
            WHERE t.workflow_step_uuid = ANY (ARRAY(SELECT step.workflow_step_uuid FROM step)))
        + (SELECT count(*) FROM {schema}.tasker_task_transitions t
            WHERE t.task_uuid = ANY (ARRAY(SELECT task.task_uuid FROM task)))
        + (SELECT count(*) FROM {schema}.tasker_task_annotations a
            WHERE a.task_uuid = ANY (ARRAY(SELECT task.task_uuid FROM task))))::int8 AS rows;
