-- SPDX-License-Identifier: MIT
-- For who listens for ready tasks: one of these has a step that can start. Equal notifications of a transaction are one.
-- name: task_apply__wake runs none (task_uuids uuid[], channel text)
SELECT
 WHERE CASE WHEN EXISTS (SELECT
                           FROM {schema}.tasker_step_readiness r
                          WHERE r.task_uuid = ANY ($1)
                            AND r.available_at <= clock_timestamp() AT TIME ZONE 'UTC')
            THEN pg_notify($2, '') IS NULL END;

-- name: workflow_step_apply__wake runs none (workflow_step_uuids uuid[], channel text)
SELECT
 WHERE CASE WHEN EXISTS (SELECT
                           FROM {schema}.tasker_workflow_steps s
                           JOIN {schema}.tasker_step_readiness r ON r.task_uuid = s.task_uuid
                          WHERE s.workflow_step_uuid = ANY ($1)
                            AND r.available_at <= clock_timestamp() AT TIME ZONE 'UTC')
            THEN pg_notify($2, '') IS NULL END;
