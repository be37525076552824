-- SPDX-License-Identifier: MIT
-- Readiness of steps and the execution context of tasks: the queries of the views that hold the rules.

-- columns: step_readiness (workflow_step_uuid uuid, task_uuid uuid, named_step_uuid uuid, name text, current_state text,
--          dependencies_satisfied bool, retry_eligible bool, ready_for_execution bool, last_failure_at timestamp,
--          next_retry_at timestamp, total_parents int4, completed_parents int4, attempts int4, retry_limit int4,
--          backoff_request_seconds int4, last_attempted_at timestamp, effective_backoff_seconds int4)

-- columns: execution_context (task_uuid uuid, named_task_uuid uuid, status text, total_steps int8, pending_steps int8,
--          in_progress_steps int8, completed_steps int8, failed_steps int8, ready_steps int8, enqueued_steps int8,
--          cancelled_steps int8, blocked_steps int8, waiting_steps int8, execution_status text,
--          completion_percentage float8, next_retry_at timestamp, health_status text, stuck bool)

-- columns: ready_set_report (tasks int8, steps int8, missing int8, surplus int8, wrong int8)
-- columns: ready_set_part (next_uuid uuid)

-- parameters: step_readiness_filter (ready bool, blocked bool, retry_eligible bool, dependencies_not_satisfied bool)

-- part: step_readiness_matches (r: tasker_step_readiness_status)
(NOT $1 OR r.ready_for_execution)
   AND (NOT $2 OR (r.current_state IN {idle} AND NOT r.retry_eligible))
   AND (NOT $3 OR r.retry_eligible)
   AND (NOT $4 OR NOT r.dependencies_satisfied)

-- name: step_readiness_query__tasks reads many step_readiness ({step_readiness_filter}, task_uuids uuid[], step_uuids uuid[]?)
SELECT {r.step_readiness}
  FROM {tasker_step_readiness_status} r
 WHERE {step_readiness_matches}
   AND r.task_uuid = ANY ($5)
   AND ($6 IS NULL OR r.workflow_step_uuid = ANY ($6))
 ORDER BY r.workflow_step_uuid;

-- name: step_readiness_query__steps reads many step_readiness ({step_readiness_filter}, step_uuids uuid[])
SELECT {r.step_readiness}
  FROM {tasker_step_readiness_status} r
 WHERE {step_readiness_matches}
   AND r.workflow_step_uuid = ANY ($5)
 ORDER BY r.workflow_step_uuid;

-- part: latest_completion (x: tasker_task_execution_contexts)
(SELECT max(s.processed_at)::timestamp
          FROM {schema}.tasker_workflow_steps s
         WHERE s.task_uuid = x.task_uuid AND s.processed) AS latest_completion_at

-- name: execution_context_get reads one execution_context (task_uuid uuid)
SELECT {x.execution_context},
       {latest_completion}
  FROM {tasker_task_execution_contexts} x
 WHERE x.task_uuid = $1;

-- name: execution_context_list reads many execution_context (task_uuids uuid[])
SELECT {x.execution_context},
       {latest_completion}
  FROM {tasker_task_execution_contexts} x
 WHERE x.task_uuid = ANY ($1)
 ORDER BY x.task_uuid;

-- ---- the ready set ----

-- name: ready_set_check reads one ready_set_report ()
SELECT (SELECT count(*) FROM {schema}.tasker_tasks) AS tasks,
       (SELECT count(*) FROM {schema}.tasker_workflow_steps) AS steps,
       count(*) FILTER (WHERE d.what = 'missing') AS missing,
       count(*) FILTER (WHERE d.what = 'surplus') AS surplus,
       count(*) FILTER (WHERE d.what = 'wrong') AS wrong
  FROM {schema}.tasker_ready_set_differences() d;

-- Some tasks, beginning with this one; where to go on.
-- name: ready_set_rebuild writes one ready_set_part (first_uuid uuid?)
SELECT {schema}.tasker_ready_set_rebuild_from($1) AS next_uuid;
