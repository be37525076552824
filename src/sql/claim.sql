-- SPDX-License-Identifier: MIT
-- Claims: an orchestrator's hold on tasks. Taking them stands in migrations/0001_claims.sql, because it takes a loop.

-- Whose a claim is: the one place where that is decided.
-- part: is_held (k: tasker_tasks, held: with the token)
(k.claim_id = CAST (held.token AS text) AND k.claimed_at IS NOT NULL)

-- columns: claim (task_uuid uuid, token uuid, namespace_name text, claimed_by text, priority int4,
--   claim_timeout_seconds int4, computed_priority float8, age_hours float8, created_at timestamp, claimed_at timestamp,
--   expires_at timestamp, ready_step_uuids bytea)

-- name: claim_take writes many claim (orchestrator text(128), row_limit int4, tokens uuid[], namespace_names text[]?,
--   named_task_uuids uuid[]?, monotone bool, floor_priorities int4[]?, floors timestamp[]?, due_since timestamp?)
SELECT {c.claim}
  FROM (SELECT t.task_uuid, t.claim_id AS token, t.namespace_name, t.claimed_by, t.priority, t.claim_timeout_seconds,
               t.computed_priority, t.age_hours, t.created_at, t.claimed_at, t.expires_at,
               (SELECT coalesce(string_agg(uuid_send(u.step_uuid), '' ORDER BY u.n), '')
                  FROM unnest(t.ready_step_uuids) WITH ORDINALITY AS u (step_uuid, n)) AS ready_step_uuids
          FROM {schema}.tasker_claim_tasks(
                   $1, $2, $3,
                   CASE WHEN $4 IS NOT NULL OR $5 IS NOT NULL
                        THEN ARRAY(SELECT nt.named_task_uuid
                                     FROM {schema}.tasker_named_tasks nt
                                     JOIN {schema}.tasker_task_namespaces ns
                                          ON ns.task_namespace_uuid = nt.task_namespace_uuid
                                    WHERE ($4 IS NULL OR ns.name = ANY ($4))
                                      AND ($5 IS NULL OR nt.named_task_uuid = ANY ($5))) END,
                   false, $6, clock_timestamp() AT TIME ZONE 'UTC', $7, $8, $9) t
         ORDER BY t.computed_priority DESC, CASE WHEN $6 THEN t.priority END DESC, t.created_at, t.task_uuid) c;

-- columns: claim_kept (task_uuid uuid, token uuid)

-- A row that somebody works on is passed over: the heartbeat of many claims waits for nobody.
-- name: claim_extend writes many claim_kept (task_uuids uuid[], tokens uuid[])
WITH cur AS MATERIALIZED (
    SELECT k.task_uuid, held.token
      FROM unnest($1, $2) AS held (task_uuid, token)
      JOIN {schema}.tasker_tasks k ON k.task_uuid = held.task_uuid
     WHERE {is_held}
     ORDER BY k.task_uuid
       FOR NO KEY UPDATE OF k SKIP LOCKED
)
UPDATE {schema}.tasker_tasks k
   SET claimed_at = n.now, updated_at = n.now
  FROM cur, (SELECT clock_timestamp() AT TIME ZONE 'UTC' AS now) n
 WHERE k.task_uuid = cur.task_uuid
RETURNING {cur.claim_kept};

-- name: claim_release writes many claim_kept (task_uuids uuid[], tokens uuid[])
WITH cur AS MATERIALIZED (
    SELECT k.task_uuid, held.token
      FROM unnest($1, $2) AS held (task_uuid, token)
      JOIN {schema}.tasker_tasks k ON k.task_uuid = held.task_uuid
     WHERE {is_held}
     ORDER BY k.task_uuid
       FOR NO KEY UPDATE OF k
)
UPDATE {schema}.tasker_tasks k
   SET claim_id = NULL, claimed_at = NULL, claimed_by = NULL, updated_at = clock_timestamp() AT TIME ZONE 'UTC'
  FROM cur
 WHERE k.task_uuid = cur.task_uuid
RETURNING {cur.claim_kept};

-- Released tasks that have nothing to do go to sleep at once, and not when the next claim finds that out.
-- name: claim_release__settle runs none (task_uuids uuid[])
SELECT FROM {schema}.tasker_ready_set_settle($1);

-- Why a claim was not extended or released. In the order asked.
-- columns: claim_look (found bool, held bool, claimed bool, state text)
-- name: claim_extend__look reads many claim_look (task_uuids uuid[], tokens uuid[])
SELECT k.task_uuid IS NOT NULL AS found,
       coalesce({is_held}, false) AS held,
       k.claimed_at IS NOT NULL AS claimed,
       coalesce(t.to_state, 'pending')::text AS state
  FROM unnest($1, $2) WITH ORDINALITY AS held (task_uuid, token, n)
  LEFT JOIN {schema}.tasker_tasks k ON k.task_uuid = held.task_uuid
  LEFT JOIN {schema}.tasker_task_transitions t ON t.task_uuid = k.task_uuid AND t.most_recent
 ORDER BY held.n;

-- Tasks that can be claimed, are claimed, or whose claim has run out. A token is nobody else's business.
-- name: claim_query reads many claim (namespace_name text?, claimed_by text?, available bool, held bool, stale bool,
--   monotone bool, {page})
SELECT {c.claim}
  FROM (SELECT q.task_uuid, CAST ('00000000-0000-0000-0000-000000000000' AS uuid) AS token, ns.name AS namespace_name,
               k.claimed_by, q.priority, k.claim_timeout_seconds,
               CASE WHEN $6 THEN {schema}.tasker_monotone_priority(q.priority, a.age)
                    ELSE {schema}.tasker_computed_priority(q.priority, a.age) END AS computed_priority,
               round(a.age / 3600, 2) AS age_hours, q.created_at, coalesce(k.claimed_at, 'epoch') AS claimed_at,
               coalesce(q.lease_until, 'epoch') AS expires_at,
               (SELECT coalesce(string_agg(uuid_send(r.workflow_step_uuid), '' ORDER BY r.workflow_step_uuid), '')
                  FROM {schema}.tasker_step_readiness r
                 WHERE r.task_uuid = q.task_uuid AND r.available_at <= n.now) AS ready_step_uuids
          FROM (SELECT clock_timestamp() AT TIME ZONE 'UTC' AS now) n
         CROSS JOIN {schema}.tasker_task_queue q
          JOIN {schema}.tasker_tasks k ON k.task_uuid = q.task_uuid
          JOIN {schema}.tasker_named_tasks nt ON nt.named_task_uuid = q.named_task_uuid
          JOIN {schema}.tasker_task_namespaces ns ON ns.task_namespace_uuid = nt.task_namespace_uuid
         CROSS JOIN LATERAL (SELECT {schema}.tasker_task_age(q.created_at, n.now) AS age) a
         WHERE {planned_each_time}
           AND ($1 IS NULL OR ns.name = $1)
           AND ($2 IS NULL OR k.claimed_by = $2)
           AND ((($3 OR NOT ($4 OR $5)) AND NOT q.failed AND coalesce(greatest(q.lease_until, q.start_at) < n.now, true)
                 AND q.named_task_uuid <> ALL (ARRAY(SELECT p.named_task_uuid FROM {tasker_paused_kinds} p))
                 AND (SELECT true FROM {schema}.tasker_step_readiness r
                       WHERE r.task_uuid = q.task_uuid AND r.available_at <= n.now LIMIT 1))
                OR (($4 OR NOT ($3 OR $5)) AND q.lease_until >= n.now)
                OR (($5 OR NOT ($3 OR $4)) AND q.lease_until < n.now))
           AND ($7 IS NULL OR CASE $9 WHEN 0 THEN q.task_uuid > $7 ELSE q.task_uuid < $7 END)
         ORDER BY CASE WHEN $9 = 1 THEN q.task_uuid END DESC, q.task_uuid
         LIMIT $10) c
 ORDER BY CASE WHEN $9 = 1 THEN c.task_uuid END DESC, c.task_uuid;
