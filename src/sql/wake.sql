-- SPDX-License-Identifier: MIT
-- For who listens for ready tasks. Equal notifications of a transaction are one.

-- Who asks for these tasks later is woken by nobody: a start_at that is to come is polled for.
-- part: may_begin (r: tasker_step_readiness)
(SELECT coalesce(q.start_at <= clock_timestamp() AT TIME ZONE 'UTC', true)
   FROM {schema}.tasker_task_queue q
  WHERE q.task_uuid = r.task_uuid)

-- One of these has a step that can start.
-- name: task_apply__wake runs none (task_uuids uuid[], channel text)
SELECT
 WHERE CASE WHEN EXISTS (SELECT
                           FROM {schema}.tasker_step_readiness r
                          WHERE r.task_uuid = ANY ($1)
                            AND r.available_at <= clock_timestamp() AT TIME ZONE 'UTC'
                            AND {may_begin})
            THEN pg_notify($2, '') IS NULL END;

-- name: workflow_step_apply__wake runs none (workflow_step_uuids uuid[], channel text)
SELECT
 WHERE CASE WHEN EXISTS (SELECT
                           FROM {schema}.tasker_workflow_steps s
                           JOIN {schema}.tasker_step_readiness r ON r.task_uuid = s.task_uuid
                          WHERE s.workflow_step_uuid = ANY ($1)
                            AND r.available_at <= clock_timestamp() AT TIME ZONE 'UTC'
                            AND {may_begin})
            THEN pg_notify($2, '') IS NULL END;

-- Before the edge goes, since afterwards nobody knows whose it was: its child could start but for parents.
-- name: workflow_step_edge_delete__wake runs none (workflow_step_edge_uuid uuid, channel text)
SELECT
 WHERE CASE WHEN EXISTS (SELECT
                           FROM {schema}.tasker_workflow_step_edges e
                           JOIN {schema}.tasker_step_readiness r ON r.workflow_step_uuid = e.to_step_uuid
                          WHERE e.workflow_step_edge_uuid = $1
                            AND r.startable_at <= clock_timestamp() AT TIME ZONE 'UTC'
                            AND {may_begin})
            THEN pg_notify($2, '') IS NULL END;

-- Anything may be ready now.
-- name: ready_set_rebuild__wake runs none (channel text)
SELECT WHERE pg_notify($1, '') IS NULL;
