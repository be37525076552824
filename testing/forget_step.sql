-- SPDX-License-Identifier: MIT
-- The history of one step goes, so that it can begin anew. $1: workflow_step_uuid.
DELETE FROM {schema}.tasker_workflow_step_transitions WHERE workflow_step_uuid = $1::uuid
