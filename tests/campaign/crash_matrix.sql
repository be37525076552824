-- SPDX-License-Identifier: MIT
-- What must not be found when nobody is at work: steps and messages that do not belong together, and attempts that
-- ended twice or in another's name.

SELECT tasker_queue.create('shapes_queue');

CREATE VIEW matrix_wrong (what, found) AS
WITH step AS (
    SELECT s.workflow_step_uuid, s.results, t.workflow_step_transition_uuid AS current_uuid, t.to_state, t.sort_key
      FROM tasker_workflow_steps s
      JOIN tasker_tasks k ON k.task_uuid = s.task_uuid AND k.source_system = 'matrix'
      JOIN tasker_workflow_step_transitions t ON t.workflow_step_uuid = s.workflow_step_uuid AND t.most_recent
), message AS (
    SELECT m.headers ->> 'message_uuid' AS sent_by, m.message ->> 'step_uuid' AS step_uuid
      FROM tasker_queue.q_shapes_queue m
)
SELECT 'messages that no enqueued step waits for',
       (SELECT count(*) FROM message m
         WHERE NOT EXISTS (SELECT FROM step s WHERE s.workflow_step_uuid::text = m.step_uuid
                                                AND s.current_uuid::text = m.sent_by AND s.to_state = 'enqueued'))
UNION ALL
SELECT 'enqueued steps without their message, or with several',
       (SELECT count(*) FROM step s
         WHERE s.to_state = 'enqueued'
           AND (SELECT count(*) FROM message m WHERE m.sent_by = s.current_uuid::text) <> 1)
UNION ALL
SELECT 'messages in the archive', (SELECT count(*) FROM tasker_queue.a_shapes_queue)
UNION ALL
SELECT 'steps that were completed twice',
       (SELECT count(*) FROM (SELECT FROM tasker_workflow_step_transitions WHERE to_state = 'complete'
                               GROUP BY workflow_step_uuid HAVING count(*) > 1) d)
UNION ALL
SELECT 'results of another attempt than the one that completed',
       (SELECT count(*) FROM step s
         WHERE s.to_state = 'complete' AND s.results ? 'token'
           AND s.results ->> 'token' IS DISTINCT FROM (
               SELECT o.workflow_step_transition_uuid::text FROM tasker_workflow_step_transitions o
                WHERE o.workflow_step_uuid = s.workflow_step_uuid AND o.sort_key = s.sort_key - 1));

-- Attempts whose lease is over.
CREATE VIEW matrix_dead AS
SELECT s.workflow_step_uuid, t.workflow_step_transition_uuid AS token
  FROM tasker_workflow_steps s
  JOIN tasker_tasks k ON k.task_uuid = s.task_uuid AND k.source_system = 'matrix'
  JOIN tasker_workflow_step_transitions t ON t.workflow_step_uuid = s.workflow_step_uuid AND t.most_recent
 WHERE t.to_state = 'in_progress'
   AND t.created_at + s.claim_timeout_seconds * interval '1 second' < clock_timestamp() AT TIME ZONE 'UTC'
 ORDER BY s.workflow_step_uuid;

CREATE VIEW matrix_open AS
SELECT k.task_uuid
  FROM tasker_tasks k
  LEFT JOIN tasker_task_transitions t ON t.task_uuid = k.task_uuid AND t.most_recent
 WHERE coalesce(t.to_state, 'pending') IN ('pending', 'in_progress')
   AND k.source_system = 'matrix'
 ORDER BY k.task_uuid;
