-- SPDX-License-Identifier: MIT
-- Closing tasks. lifecycle.sql explains the shape of the writes.

-- All steps done: complete, from pending by way of in_progress in the same statement. Sent behind a lock on the task
-- rows: being done never ends, but somebody may be about to add a step, and who does locks the task row too.
-- name: task_finalize writes many moved (task_uuids uuid[], transition_uuids uuid[], start_uuids uuid[], empty_too bool)
WITH cur AS MATERIALIZED (
    SELECT k.task_uuid, t.task_transition_uuid, t.to_state, t.sort_key, t.created_at, i.transition_uuid, i.start_uuid
      FROM unnest((SELECT $1)::uuid[], $2::uuid[], $3::uuid[]) AS i (task_uuid, transition_uuid, start_uuid)
      JOIN {schema}.tasker_tasks k ON k.task_uuid = i.task_uuid
      JOIN {schema}.tasker_task_transitions t ON t.task_uuid = k.task_uuid AND t.most_recent
     WHERE t.to_state IN {open}
       AND (SELECT true FROM {schema}.tasker_task_transitions o
             WHERE o.task_transition_uuid = i.transition_uuid) IS NULL
       AND ($4 OR (SELECT true FROM {schema}.tasker_workflow_steps s WHERE s.task_uuid = k.task_uuid LIMIT 1))
       AND (SELECT true
              FROM {schema}.tasker_workflow_steps s
              LEFT JOIN {schema}.tasker_workflow_step_transitions st
                     ON st.workflow_step_uuid = s.workflow_step_uuid AND st.most_recent
             WHERE s.task_uuid = k.task_uuid
               AND coalesce(st.to_state, 'pending') NOT IN {done}
             LIMIT 1) IS NULL
     ORDER BY k.task_uuid
       FOR NO KEY UPDATE OF k, t
), {flip_task}, ins AS (
    INSERT INTO {schema}.tasker_task_transitions
           (task_transition_uuid, task_uuid, to_state, from_state, metadata, sort_key, most_recent, created_at,
            updated_at)
    SELECT r.id, flip.task_uuid, r.to_state, r.from_state, jsonb_build_object('event', r.event),
           flip.sort_key + r.step, r.most_recent, n.now, n.now
      FROM flip
     CROSS JOIN LATERAL (SELECT greatest(clock_timestamp() AT TIME ZONE 'UTC', flip.created_at) AS now) n
     CROSS JOIN LATERAL (
           SELECT flip.start_uuid, 'in_progress', 'pending', 'start', 1, false WHERE flip.to_state = 'pending'
           UNION ALL
           SELECT flip.transition_uuid, 'complete', 'in_progress', 'complete',
                  CASE WHEN flip.to_state = 'pending' THEN 2 ELSE 1 END, true
           ) AS r (id, to_state, from_state, event, step, most_recent)
    RETURNING task_transition_uuid, task_uuid, from_state, to_state, sort_key, most_recent, created_at
)
UPDATE {schema}.tasker_tasks k
   SET complete = true, completed_at = ins.created_at, claim_id = NULL, claimed_at = NULL, claimed_by = NULL,
       updated_at = ins.created_at
  FROM ins
 WHERE k.task_uuid = ins.task_uuid AND ins.most_recent
RETURNING ins.task_uuid AS key, ins.task_transition_uuid AS transition_uuid, ins.from_state::text AS from_state,
          ins.to_state::text AS to_state, ins.sort_key::int4 AS sort_key, 0::int4 AS attempts,
          ins.to_state::text AS task_state,
          CASE WHEN EXISTS (SELECT FROM ins i WHERE i.task_uuid = k.task_uuid AND NOT i.most_recent) THEN 2 ELSE 1 END::int4
              AS moved;

-- Nothing can ever run again: error. Sent behind a lock on the task rows, because an operator may be about to make a
-- failed step runnable, and operators lock the task row too.
-- name: task_finalize__block writes many moved (task_uuids uuid[], transition_uuids uuid[], fail_fast bool)
WITH cur AS MATERIALIZED (
    SELECT k.task_uuid, t.task_transition_uuid, t.to_state, t.sort_key, t.created_at, i.transition_uuid
      FROM unnest((SELECT $1)::uuid[], $2::uuid[]) AS i (task_uuid, transition_uuid)
      JOIN {schema}.tasker_tasks k ON k.task_uuid = i.task_uuid
      JOIN {schema}.tasker_task_transitions t ON t.task_uuid = k.task_uuid AND t.most_recent
      JOIN {tasker_task_execution_contexts} x ON x.task_uuid = k.task_uuid
     WHERE t.to_state IN {open}
       AND (SELECT true FROM {schema}.tasker_task_transitions o
             WHERE o.task_transition_uuid = i.transition_uuid) IS NULL
       AND (x.stuck OR ($3 AND x.blocked_steps + x.cancelled_steps > 0))
     ORDER BY k.task_uuid
       FOR NO KEY UPDATE OF k, t
), {flip_task}, ins AS (
    INSERT INTO {schema}.tasker_task_transitions
           (task_transition_uuid, task_uuid, to_state, from_state, metadata, sort_key, most_recent, created_at,
            updated_at)
    SELECT flip.transition_uuid, flip.task_uuid, 'error', flip.to_state,
           jsonb_build_object('event', 'fail', 'blocked_steps', (
               SELECT coalesce(jsonb_agg(r.workflow_step_uuid ORDER BY r.workflow_step_uuid), '[]')
                 FROM {tasker_step_readiness_status} r
                WHERE r.task_uuid = flip.task_uuid
                  AND (r.current_state = 'cancelled'
                       OR (r.current_state IN {idle} AND NOT r.retry_eligible)))),
           flip.sort_key + 1, true, n.now, n.now
      FROM flip
     CROSS JOIN LATERAL (SELECT greatest(clock_timestamp() AT TIME ZONE 'UTC', flip.created_at) AS now) n
    RETURNING task_transition_uuid, task_uuid, from_state, to_state, sort_key, created_at
)
UPDATE {schema}.tasker_tasks k
   SET claim_id = NULL, claimed_at = NULL, claimed_by = NULL, updated_at = ins.created_at
  FROM ins
 WHERE k.task_uuid = ins.task_uuid
RETURNING ins.task_uuid AS key, ins.task_transition_uuid AS transition_uuid, ins.from_state::text AS from_state,
          ins.to_state::text AS to_state, ins.sort_key::int4 AS sort_key, 0::int4 AS attempts,
          ins.to_state::text AS task_state, 1::int4 AS moved;

-- Where a task stands when it could not be completed.
-- name: task_finalize__look reads many task_decision (task_uuids uuid[], transition_uuids uuid[])
SELECT k.task_uuid IS NOT NULL AS found,
       (SELECT o.to_state::text
          FROM {schema}.tasker_task_transitions o
         WHERE o.task_transition_uuid = i.transition_uuid
           AND o.task_uuid = i.task_uuid) AS own_state,
       EXISTS (SELECT FROM {schema}.tasker_task_transitions o
                WHERE o.task_transition_uuid = i.transition_uuid
                  AND o.task_uuid <> i.task_uuid) AS own_elsewhere,
       t.task_transition_uuid AS transition_uuid,
       t.from_state::text AS from_state,
       t.to_state::text AS to_state,
       t.sort_key::int4 AS sort_key,
       x.total_steps::int8 AS total_steps,
       x.completed_steps::int8 AS completed_steps,
       x.ready_steps::int8 AS ready_steps,
       (x.in_progress_steps + x.enqueued_steps)::int8 AS busy_steps,
       x.waiting_steps::int8 AS waiting_steps,
       (x.blocked_steps + x.cancelled_steps)::int8 AS blocked_steps,
       coalesce(x.stuck, false) AS stuck,
       x.next_retry_at::timestamp AS next_attempt_at
  FROM unnest((SELECT $1)::uuid[], $2::uuid[]) WITH ORDINALITY AS i (task_uuid, transition_uuid, n)
  LEFT JOIN {schema}.tasker_tasks k ON k.task_uuid = i.task_uuid
  LEFT JOIN {schema}.tasker_task_transitions t ON t.task_uuid = k.task_uuid AND t.most_recent
  LEFT JOIN {tasker_task_execution_contexts} x ON x.task_uuid = k.task_uuid
 ORDER BY i.n;

-- Those of the tasks that may have come to their end. Without a lock: who asks after his own steps are committed, and is
-- the last one, sees all of them so.
-- name: task_finalize__ended reads many task_ended (task_uuids uuid[])
SELECT i.task_uuid AS task_uuid
  FROM unnest((SELECT $1)::uuid[]) AS i (task_uuid)
 WHERE (SELECT true
          FROM {schema}.tasker_step_readiness r
         WHERE r.task_uuid = i.task_uuid AND r.available_at IS NOT NULL
         LIMIT 1) IS NULL
   AND (SELECT true
          FROM {schema}.tasker_workflow_steps s
          JOIN {schema}.tasker_workflow_step_transitions st
               ON st.workflow_step_uuid = s.workflow_step_uuid AND st.most_recent
         WHERE s.task_uuid = i.task_uuid
           AND NOT s.processed
           AND st.to_state IN {busy}
         LIMIT 1) IS NULL;
