-- SPDX-License-Identifier: MIT
-- Statements on tasker_tasks.

-- columns: task (task_uuid uuid, named_task_uuid uuid, complete bool, requested_at timestamp, completed_at timestamp,
--   initiator text, source_system text, reason text, bypass_steps json, tags jsonb, context jsonb, identity_hash text,
--   created_at timestamp, updated_at timestamp, claim_id text, reference_id text, priority int4,
--   claim_timeout_seconds int4, claimed_at timestamp, claimed_by text)
-- columns: task_details (namespace_name text, name text, version text, state text, state_since timestamp)

-- part: task_with_details (t: tasker_tasks; d: what the details add)
CROSS JOIN LATERAL (
    SELECT ns.name AS namespace_name, nt.name, nt.version, coalesce(cur.to_state, 'pending') AS state,
           coalesce(cur.created_at, t.created_at) AS state_since
      FROM {schema}.tasker_named_tasks nt
      JOIN {schema}.tasker_task_namespaces ns ON ns.task_namespace_uuid = nt.task_namespace_uuid
      LEFT JOIN {schema}.tasker_task_transitions cur ON cur.task_uuid = t.task_uuid AND cur.most_recent
     WHERE nt.named_task_uuid = t.named_task_uuid) d

-- Orders by time and by priority compare with the value that the last row had when it was read ($19), since it may
-- have changed by now.
-- part: task_page (t: tasker_tasks; $1 to $21 as in task_query)
 WHERE ($1 IS NULL OR t.task_uuid = ANY ($1))
   AND ($2 IS NULL OR t.named_task_uuid = ANY ($2))
   AND ($3 IS NULL OR coalesce((SELECT tr.to_state
                                  FROM {schema}.tasker_task_transitions tr
                                 WHERE tr.task_uuid = t.task_uuid AND tr.most_recent), 'pending') = ANY ($3))
   AND (NOT $4 OR NOT EXISTS (SELECT FROM {schema}.tasker_task_transitions tr
                               WHERE tr.task_uuid = t.task_uuid AND tr.most_recent
                                 AND tr.to_state IN ('complete', 'cancelled', 'resolved_manually')))
   AND ($5 IS NULL OR t.complete = $5)
   AND ($6 IS NULL AND $7 IS NULL AND $8 IS NULL OR t.named_task_uuid = ANY (ARRAY(
            SELECT nt.named_task_uuid
              FROM {schema}.tasker_named_tasks nt
              JOIN {schema}.tasker_task_namespaces ns ON ns.task_namespace_uuid = nt.task_namespace_uuid
             WHERE ($6 IS NULL OR ns.name = $6)
               AND ($7 IS NULL OR nt.name = $7)
               AND ($8 IS NULL OR nt.version = $8))))
   AND ($9 IS NULL OR t.initiator = $9)
   AND ($10 IS NULL OR t.source_system = $10)
   AND ($11 IS NULL OR t.claimed_by = $11)
   AND ($12 IS NULL OR t.reference_id = $12)
   AND ($13 IS NULL OR t.identity_hash = $13)
   AND ($14 IS NULL OR t.created_at >= $14)
   AND ($15 IS NULL OR t.created_at < $15)
   AND ($16 IS NULL OR t.requested_at >= $16)
   AND ($17 IS NULL OR t.requested_at < $17)
   AND ($18 IS NULL OR CASE $20
            WHEN 0 THEN t.task_uuid > $18
            WHEN 1 THEN t.task_uuid < $18
            WHEN 2 THEN (t.updated_at, t.task_uuid) > (timestamp 'epoch' + $19 * interval '1 microsecond', $18)
            WHEN 3 THEN (t.updated_at, t.task_uuid) < (timestamp 'epoch' + $19 * interval '1 microsecond', $18)
            ELSE t.priority < $19 OR (t.priority = $19 AND t.task_uuid > $18) END)
 ORDER BY CASE WHEN $20 = 2 THEN t.updated_at END, CASE WHEN $20 = 3 THEN t.updated_at END DESC,
          CASE WHEN $20 = 5 THEN t.priority END DESC, CASE WHEN $20 IN (1, 3) THEN t.task_uuid END DESC, t.task_uuid
 LIMIT $21

-- name: task_get reads one task (task_uuid uuid)
SELECT {t.task}
  FROM {schema}.tasker_tasks t
 WHERE t.task_uuid = $1;

-- The named task is given by its key, which the foreign key checks, or else by name. The context of its configuration
-- lies below the task's own, key by key.
-- name: task_create writes one task (task_uuid uuid, named_task_uuid uuid?, namespace_name text?, name text?,
--   version text?, transition_uuid uuid, requested_at timestamp?, initiator text(128)?, source_system text(128)?,
--   reason text(128)?, reference_id text(255)?, context jsonb?, tags jsonb?, bypass_steps json?, priority int4?,
--   claim_timeout_seconds int4?)
WITH kind AS (
    SELECT $2 AS named_task_uuid,
           (SELECT g.configuration -> 'default_context'
              FROM {schema}.tasker_named_tasks g WHERE g.named_task_uuid = $2) AS default_context
     WHERE $2 IS NOT NULL
    UNION ALL
    (SELECT nt.named_task_uuid, nt.configuration -> 'default_context'
       FROM {schema}.tasker_named_tasks nt
       JOIN {schema}.tasker_task_namespaces ns ON ns.task_namespace_uuid = nt.task_namespace_uuid
      WHERE $2 IS NULL
        AND ns.name = coalesce($3, 'default')
        AND nt.name = $4
        AND ($5 IS NULL OR nt.version = $5)
      ORDER BY {latest_version_first}
      LIMIT 1)
), made AS (
    INSERT INTO {schema}.tasker_tasks (task_uuid, named_task_uuid, complete, requested_at, initiator, source_system,
                                       reason, reference_id, context, tags, bypass_steps, identity_hash, priority,
                                       claim_timeout_seconds, created_at, updated_at)
    SELECT $1, k.named_task_uuid, false, coalesce($7, t.now), $8, $9, $10, $11,
           CASE WHEN jsonb_typeof(k.default_context) = 'object' THEN k.default_context || coalesce($12, '{}')
                ELSE $12 END,
           $13, $14, $1::text, coalesce($15, 0), coalesce($16, 60), t.now, t.now
      FROM kind k, (SELECT clock_timestamp() AT TIME ZONE 'UTC' AS now) t
    ON CONFLICT DO NOTHING
    RETURNING *
), first_transition AS (
    INSERT INTO {schema}.tasker_task_transitions (task_transition_uuid, task_uuid, to_state, sort_key, most_recent,
                                                  created_at, updated_at)
    SELECT $6, m.task_uuid, 'pending', 1, true, m.created_at, m.created_at
      FROM made m
)
SELECT {m.task}
  FROM made m;

-- name: task_query reads many task (task_uuids uuid[]?, named_task_uuids uuid[]?, states text[]?, active bool,
--   complete bool?, namespace_name text?, name text?, version text?, initiator text?, source_system text?,
--   claimed_by text?, reference_id text?, identity_hash text?, created_since timestamp?, created_until timestamp?,
--   requested_since timestamp?, requested_until timestamp?, after uuid?, after_key int8?, row_order int4, row_limit int4)
SELECT {t.task}
  FROM {schema}.tasker_tasks t
{task_page};

-- name: task_query_details reads many task_details (task_uuids uuid[]?, named_task_uuids uuid[]?, states text[]?,
--   active bool, complete bool?, namespace_name text?, name text?, version text?, initiator text?, source_system text?,
--   claimed_by text?, reference_id text?, identity_hash text?, created_since timestamp?, created_until timestamp?,
--   requested_since timestamp?, requested_until timestamp?, after uuid?, after_key int8?, row_order int4, row_limit int4)
SELECT {t.task}, {d.task_details}
  FROM {schema}.tasker_tasks t {task_with_details}
{task_page};

-- name: task_get_states reads many owner_state (task_uuids uuid[])
SELECT (CASE WHEN t.task_uuid IS NOT NULL THEN coalesce(cur.to_state, 'pending') END)::text AS state
  FROM unnest($1) WITH ORDINALITY AS w (task_uuid, n)
  LEFT JOIN {schema}.tasker_tasks t ON t.task_uuid = w.task_uuid
  LEFT JOIN {schema}.tasker_task_transitions cur ON cur.task_uuid = t.task_uuid AND cur.most_recent
 ORDER BY w.n;
