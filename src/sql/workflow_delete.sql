-- SPDX-License-Identifier: MIT
-- Deleting a task with all that hangs below it: three statements in one flush, one transaction. Each has a snapshot of
-- its own. With the task locked nobody adds steps, with the steps locked nobody adds to their histories, so that the
-- last one sees all there is.

-- name: workflow_delete__lock reads none (task_uuid uuid)
SELECT FROM {schema}.tasker_tasks t WHERE t.task_uuid = $1 FOR UPDATE;

-- name: workflow_delete__lock_steps reads none (task_uuid uuid)
SELECT FROM {schema}.tasker_workflow_steps s WHERE s.task_uuid = $1 ORDER BY s.workflow_step_uuid FOR UPDATE;

-- Edges of foreign writers may lead to steps of other tasks; they go at both ends. Foreign keys are looked at when all
-- of this is done.
-- name: workflow_delete writes none (task_uuid uuid)
WITH steps AS MATERIALIZED (
    SELECT s.workflow_step_uuid FROM {schema}.tasker_workflow_steps s WHERE s.task_uuid = $1
), edges_out AS (
    DELETE FROM {schema}.tasker_workflow_step_edges e USING steps s WHERE e.from_step_uuid = s.workflow_step_uuid
), edges_in AS (
    DELETE FROM {schema}.tasker_workflow_step_edges e USING steps s WHERE e.to_step_uuid = s.workflow_step_uuid
), step_transitions AS (
    DELETE FROM {schema}.tasker_workflow_step_transitions tr
     USING steps s WHERE tr.workflow_step_uuid = s.workflow_step_uuid
), steps_gone AS (
    DELETE FROM {schema}.tasker_workflow_steps s WHERE s.task_uuid = $1
), transitions AS (
    DELETE FROM {schema}.tasker_task_transitions tr WHERE tr.task_uuid = $1
), annotations AS (
    DELETE FROM {schema}.tasker_task_annotations a WHERE a.task_uuid = $1
)
DELETE FROM {schema}.tasker_tasks t WHERE t.task_uuid = $1;
