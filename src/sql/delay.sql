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
-- part: pause (kind: a row with task_namespace_uuid and named_task_uuid, one of them NULL; $2 paused, $3 channel)
paused AS (
    INSERT INTO {schema}.tasker_paused (task_namespace_uuid, named_task_uuid)
    SELECT kind.task_namespace_uuid, kind.named_task_uuid FROM kind WHERE $2
    ON CONFLICT DO NOTHING
    RETURNING 1
), resumed AS (
    DELETE FROM {schema}.tasker_paused p
     USING kind
     WHERE (p.task_namespace_uuid = kind.task_namespace_uuid OR p.named_task_uuid = kind.named_task_uuid) AND NOT $2
    RETURNING 1
)
SELECT EXISTS (SELECT FROM kind) AS found,
       EXISTS (SELECT FROM paused UNION ALL SELECT FROM resumed) AS moved
 WHERE (SELECT count(pg_notify($3, '')) FROM resumed WHERE $3 IS NOT NULL) >= 0

-- name: task_namespace_set_paused writes one paused_kind (task_namespace_uuid uuid, paused bool, channel text?)
WITH kind AS (
    SELECT ns.task_namespace_uuid, NULL::uuid AS named_task_uuid
      FROM {schema}.tasker_task_namespaces ns
     WHERE ns.task_namespace_uuid = $1
), {pause};

-- name: named_task_set_paused writes one paused_kind (named_task_uuid uuid, paused bool, channel text?)
WITH kind AS (
    SELECT NULL::uuid AS task_namespace_uuid, nt.named_task_uuid
      FROM {schema}.tasker_named_tasks nt
     WHERE nt.named_task_uuid = $1
), {pause};
