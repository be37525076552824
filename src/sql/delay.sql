-- SPDX-License-Identifier: MIT
-- When tasks may begin, and kinds of tasks that are paused. Both are asked by whoever gives tasks away
-- (migrations/0001_claims.sql, 0001_ready_steps.sql).

-- Awake at the first moment at which it could be given away; whether it has anything to do is seen then.
-- part: delayed_until (n.start_at, q: tasker_task_queue)
start_at = n.start_at, wake_at = nullif(greatest(n.start_at, q.lease_until, n.now), n.now)

-- columns: delayed_task (found bool, open bool, moved bool)
-- name: task_delay writes one delayed_task (task_uuid uuid, start_at timestamp?)
WITH moved AS (
    UPDATE {schema}.tasker_task_queue q
       SET {delayed_until}
      FROM (SELECT $2 AS start_at, clock_timestamp() AT TIME ZONE 'UTC' AS now) n
     WHERE q.task_uuid = $1
       AND q.start_at IS DISTINCT FROM n.start_at
    RETURNING q.task_uuid
)
SELECT EXISTS (SELECT FROM {schema}.tasker_tasks k WHERE k.task_uuid = $1) AS found,
       EXISTS (SELECT FROM {schema}.tasker_task_queue q WHERE q.task_uuid = $1) AS open,
       EXISTS (SELECT FROM moved) AS moved;

-- For tasks that the flush before it has made: their first rows tell, whose keys only this try has.
-- name: task_create__delay runs none (task_uuids uuid[], transition_uuids uuid[], start_ats timestamp[])
UPDATE {schema}.tasker_task_queue q
   SET {delayed_until}
  FROM (SELECT i.*, clock_timestamp() AT TIME ZONE 'UTC' AS now
          FROM unnest($1::uuid[], $2::uuid[], $3::timestamp[]) AS i (task_uuid, transition_uuid, start_at)
          JOIN {schema}.tasker_task_transitions t
               ON t.task_transition_uuid = i.transition_uuid AND t.task_uuid = i.task_uuid) n
 WHERE q.task_uuid = n.task_uuid;

-- ---- pausing ----

-- columns: paused_kind (found bool, moved bool)

-- What is resumed may have tasks in any number, which are not looked at: whoever listens for them looks.
-- part: resumed_is_told (resumed: rows; $3 channel)
(SELECT count(pg_notify($3, '')) FROM resumed WHERE $3 IS NOT NULL) >= 0

-- name: task_namespace_set_paused writes one paused_kind (task_namespace_uuid uuid, paused bool, channel text?)
WITH kind AS (
    SELECT ns.task_namespace_uuid FROM {schema}.tasker_task_namespaces ns WHERE ns.task_namespace_uuid = $1
), paused AS (
    INSERT INTO {schema}.tasker_paused (task_namespace_uuid)
    SELECT kind.task_namespace_uuid FROM kind WHERE $2
    ON CONFLICT DO NOTHING
    RETURNING 1
), resumed AS (
    DELETE FROM {schema}.tasker_paused p USING kind WHERE p.task_namespace_uuid = kind.task_namespace_uuid AND NOT $2
    RETURNING 1
)
SELECT EXISTS (SELECT FROM kind) AS found,
       EXISTS (SELECT FROM paused UNION ALL SELECT FROM resumed) AS moved
 WHERE {resumed_is_told};

-- name: named_task_set_paused writes one paused_kind (named_task_uuid uuid, paused bool, channel text?)
WITH kind AS (
    SELECT nt.named_task_uuid FROM {schema}.tasker_named_tasks nt WHERE nt.named_task_uuid = $1
), paused AS (
    INSERT INTO {schema}.tasker_paused (named_task_uuid)
    SELECT kind.named_task_uuid FROM kind WHERE $2
    ON CONFLICT DO NOTHING
    RETURNING 1
), resumed AS (
    DELETE FROM {schema}.tasker_paused p USING kind WHERE p.named_task_uuid = kind.named_task_uuid AND NOT $2
    RETURNING 1
)
SELECT EXISTS (SELECT FROM kind) AS found,
       EXISTS (SELECT FROM paused UNION ALL SELECT FROM resumed) AS moved
 WHERE {resumed_is_told};

-- Between the messages that lease_take__gather found and what is done with them: those of paused kinds are forgotten,
-- and are there again when they are no longer hidden.
-- name: lease_take__set_aside writes none ()
SELECT
 WHERE CASE WHEN EXISTS (SELECT FROM {schema}.tasker_paused)
            THEN set_config('tasker.gathered', (
                     SELECT coalesce(jsonb_agg(i.item), '[]')::text
                       FROM jsonb_array_elements(current_setting('tasker.gathered')::jsonb) AS i (item)
                      WHERE ((SELECT k.named_task_uuid
                                FROM {schema}.tasker_workflow_steps s
                                JOIN {schema}.tasker_tasks k ON k.task_uuid = s.task_uuid
                               WHERE s.workflow_step_uuid = CAST (i.item ->> 'step_uuid' AS uuid))
                             = ANY (ARRAY(SELECT p.named_task_uuid FROM {tasker_paused_kinds} p))) IS NOT TRUE), true)
                 IS NULL END;
