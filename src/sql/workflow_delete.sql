-- SPDX-License-Identifier: MIT
-- Deleting a task with all that hangs below it: three statements in one flush, one transaction. Each has a snapshot of
-- its own. With the task locked nobody adds steps, with the steps locked nobody adds to their histories, so that the
-- last one sees all there is.

-- name: workflow_delete__lock reads none (task_uuid uuid)
SELECT FROM {schema}.tasker_tasks t WHERE t.task_uuid = $1 FOR UPDATE;

-- name: workflow_delete__lock_steps reads none (task_uuid uuid)
SELECT FROM {schema}.tasker_workflow_steps s WHERE s.task_uuid = $1 ORDER BY s.workflow_step_uuid FOR UPDATE;

-- Edges of foreign writers may lead to steps of other tasks; they go at both ends. Foreign keys are looked at when all
-- of this is done. Arrays: what is joined may be planned as a hash of the whole table.
-- part: delete_below (task: task_uuid)
step AS MATERIALIZED (
    SELECT s.workflow_step_uuid
      FROM {schema}.tasker_workflow_steps s
     WHERE s.task_uuid = ANY (ARRAY(SELECT task.task_uuid FROM task))
), edges_out AS (
    DELETE FROM {schema}.tasker_workflow_step_edges e
     WHERE e.from_step_uuid = ANY (ARRAY(SELECT step.workflow_step_uuid FROM step))
    RETURNING 1
), edges_in AS (
    DELETE FROM {schema}.tasker_workflow_step_edges e
     WHERE e.to_step_uuid = ANY (ARRAY(SELECT step.workflow_step_uuid FROM step))
       AND e.from_step_uuid <> ALL (ARRAY(SELECT step.workflow_step_uuid FROM step))
    RETURNING 1
), step_transitions AS (
    DELETE FROM {schema}.tasker_workflow_step_transitions t
     WHERE t.workflow_step_uuid = ANY (ARRAY(SELECT step.workflow_step_uuid FROM step))
    RETURNING 1
), steps_gone AS (
    DELETE FROM {schema}.tasker_workflow_steps s
     WHERE s.workflow_step_uuid = ANY (ARRAY(SELECT step.workflow_step_uuid FROM step))
    RETURNING 1
), transitions AS (
    DELETE FROM {schema}.tasker_task_transitions t
     WHERE t.task_uuid = ANY (ARRAY(SELECT task.task_uuid FROM task))
    RETURNING 1
), annotations AS (
    DELETE FROM {schema}.tasker_task_annotations a
     WHERE a.task_uuid = ANY (ARRAY(SELECT task.task_uuid FROM task))
    RETURNING 1
)

-- name: workflow_delete writes none (task_uuid uuid)
WITH task AS (
    SELECT $1 AS task_uuid
), {delete_below}
DELETE FROM {schema}.tasker_tasks k WHERE k.task_uuid = $1;
