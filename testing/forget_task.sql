-- SPDX-License-Identifier: MIT
-- The histories of a task and of its steps go. $1: task_uuid.
WITH steps AS (
    DELETE FROM {schema}.tasker_workflow_step_transitions t
     USING {schema}.tasker_workflow_steps s
     WHERE s.task_uuid = $1::uuid AND t.workflow_step_uuid = s.workflow_step_uuid
)
DELETE FROM {schema}.tasker_task_transitions WHERE task_uuid = $1::uuid
