-- SPDX-License-Identifier: MIT
-- Statements on tasker_tasks.

-- columns: task (task_uuid uuid, named_task_uuid uuid, complete bool, requested_at timestamp, completed_at timestamp,
--   initiator text, source_system text, reason text, bypass_steps json, tags jsonb, context jsonb, identity_hash text,
--   created_at timestamp, updated_at timestamp, claim_id text, reference_id text, priority int4,
--   claim_timeout_seconds int4, claimed_at timestamp, claimed_by text)
-- columns: task_details (namespace_name text, name text, version text, state text, state_since timestamp)

-- part: task_with_details (t: tasker_tasks; d: what the details add)
CROSS JOIN LATERAL (
    SELECT ns.name AS namespace_name, nt.name, nt.version, coalesce(now.to_state, 'pending') AS state,
           coalesce(now.created_at, t.created_at) AS state_since
      FROM {schema}.tasker_named_tasks nt
      JOIN {schema}.tasker_task_namespaces ns ON ns.task_namespace_uuid = nt.task_namespace_uuid
      LEFT JOIN {schema}.tasker_task_transitions now ON now.task_uuid = t.task_uuid AND now.most_recent
     WHERE nt.named_task_uuid = t.named_task_uuid) d

-- parameters: task_filter (task_uuids uuid[]?, named_task_uuids uuid[]?, states text[]?, active bool, complete bool?,
--   namespace_name text?, name text?, version text?, initiator text?, source_system text?, claimed_by text?,
--   reference_id text?, identity_hash text?, created_since timestamp?, created_until timestamp?,
--   requested_since timestamp?, requested_until timestamp?, reached_since timestamp?, reached_until timestamp?,
--   step_states text[]?, step_since timestamp?, step_until timestamp?, annotation_type text?, annotation_key text?,
--   annotation_value text?, context_contains jsonb?, tags_contain jsonb?)

-- The current state is joined where a condition asks for it, as a join of which the planner may begin at either side,
-- and is a join with nothing otherwise. There is at most one such row, so no task comes twice.
-- part: task_in_state (t: tasker_tasks; cur: its current transition)
LEFT JOIN {schema}.tasker_task_transitions cur
          ON cur.task_uuid = t.task_uuid AND cur.most_recent
         AND ($3 IS NOT NULL OR $4 OR $18 IS NOT NULL OR $19 IS NOT NULL)

-- Sets that come from other tables are arrays, made once, so that the keys of few tasks are looked up, not compared
-- with every task.
-- part: task_matches (t, cur as above; the parameters above)
{planned_each_time}
   AND ($1 IS NULL OR t.task_uuid = ANY ($1))
   AND ($2 IS NULL OR t.named_task_uuid = ANY ($2))
   AND ($3 IS NULL OR cur.to_state = ANY ($3) OR (cur.to_state IS NULL AND 'pending' = ANY ($3)))
   AND (NOT $4 OR cur.to_state IS NULL OR cur.to_state NOT IN {terminal})
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
   AND ($18 IS NULL OR coalesce(cur.created_at, t.created_at) >= $18)
   AND ($19 IS NULL OR coalesce(cur.created_at, t.created_at) < $19)
   AND ($20 IS NULL AND $21 IS NULL AND $22 IS NULL OR (
            SELECT true
              FROM {schema}.tasker_workflow_steps s
              LEFT JOIN {schema}.tasker_workflow_step_transitions st
                        ON st.workflow_step_uuid = s.workflow_step_uuid AND st.most_recent
             WHERE s.task_uuid = t.task_uuid
               AND ($20 IS NULL OR coalesce(st.to_state, 'pending') = ANY ($20))
               AND ($21 IS NULL OR coalesce(st.created_at, s.created_at) >= $21)
               AND ($22 IS NULL OR coalesce(st.created_at, s.created_at) < $22)
             LIMIT 1))
   AND ($23 IS NULL AND $24 IS NULL AND $25 IS NULL OR t.task_uuid = ANY (ARRAY(
            SELECT a.task_uuid
              FROM {schema}.tasker_task_annotations a
             WHERE ($23 IS NULL OR a.annotation_type_id = (SELECT y.annotation_type_id
                                                             FROM {schema}.tasker_annotation_types y
                                                            WHERE y.name = $23))
               AND ($24 IS NULL OR a.annotation -> $24 IS NOT NULL)
               AND ($25 IS NULL OR a.annotation ->> $24 = $25))))
   AND ($26 IS NULL OR t.context @> $26)
   AND ($27 IS NULL OR t.tags @> $27)

-- Microseconds as a time; their ends are the infinities that other writers may have stored.
-- part: time_29 ($29: microseconds)
CASE WHEN $29 BETWEEN -9223372036854775807 AND 9223372036854775806
     THEN timestamp 'epoch' + $29 * interval '1 microsecond'
     WHEN $29 > 0 THEN timestamp 'infinity' ELSE timestamp '-infinity' END

-- Orders by time and by priority compare with the value that the last row had when it was read ($29), since it may
-- have changed by now.
-- part: task_page (t: tasker_tasks; $28 to $31: the parameters page)
   AND ($28 IS NULL OR CASE $30
            WHEN 0 THEN t.task_uuid > $28
            WHEN 1 THEN t.task_uuid < $28
            WHEN 2 THEN (t.updated_at, t.task_uuid) > ({time_29}, $28)
            WHEN 3 THEN (t.updated_at, t.task_uuid) < ({time_29}, $28)
            ELSE t.priority < $29 OR (t.priority = $29 AND t.task_uuid > $28) END)
 ORDER BY CASE WHEN $30 = 2 THEN t.updated_at END, CASE WHEN $30 = 3 THEN t.updated_at END DESC,
          CASE WHEN $30 = 5 THEN t.priority END DESC, CASE WHEN $30 IN (1, 3) THEN t.task_uuid END DESC, t.task_uuid
 LIMIT $31

-- name: task_get reads one task (task_uuid uuid)
SELECT {t.task}
  FROM {schema}.tasker_tasks t
 WHERE t.task_uuid = $1;

-- part: default_claim_timeout ()
60

-- parameters: new_task (task_uuid uuid, transition_uuid uuid, requested_at timestamp?, initiator text(128)?,
--   source_system text(128)?, reason text(128)?, reference_id text(255)?, context jsonb?, tags jsonb?,
--   bypass_steps json?, priority int4?, claim_timeout_seconds int4?, identity_hash text)
-- The context of the kind's configuration lies below the task's own, key by key.
-- part: task_made (kind: named_task_uuid, default_context; the parameters above)
made AS (
    INSERT INTO {schema}.tasker_tasks (task_uuid, named_task_uuid, complete, requested_at, initiator, source_system,
                                       reason, reference_id, context, tags, bypass_steps, identity_hash, priority,
                                       claim_timeout_seconds, created_at, updated_at)
    SELECT $1, k.named_task_uuid, false, coalesce($3, t.now), $4, $5, $6, $7,
           CASE WHEN jsonb_typeof(k.default_context) = 'object' THEN k.default_context || coalesce($8, '{}')
                ELSE $8 END,
           $9, $10, $13, coalesce($11, 0), coalesce($12, {default_claim_timeout}), t.now, t.now
      FROM kind k, (SELECT clock_timestamp() AT TIME ZONE 'UTC' AS now) t
    ON CONFLICT DO NOTHING
    RETURNING *
), first_transition AS (
    INSERT INTO {schema}.tasker_task_transitions (task_transition_uuid, task_uuid, to_state, sort_key, most_recent,
                                                  created_at, updated_at)
    SELECT $2, m.task_uuid, 'pending', 1, true, m.created_at, m.created_at
      FROM made m
)

-- It is given by its key, which the foreign key checks, or else by name.
-- part: kind_of_task (w: named_task_uuid, namespace_name, name, version)
SELECT w.named_task_uuid AS named_task_uuid,
       (SELECT g.configuration -> 'default_context'
          FROM {schema}.tasker_named_tasks g WHERE g.named_task_uuid = w.named_task_uuid) AS default_context
 WHERE w.named_task_uuid IS NOT NULL
UNION ALL
(SELECT nt.named_task_uuid, nt.configuration -> 'default_context'
   FROM {schema}.tasker_named_tasks nt
   JOIN {schema}.tasker_task_namespaces ns ON ns.task_namespace_uuid = nt.task_namespace_uuid
  WHERE w.named_task_uuid IS NULL
    AND ns.name = coalesce(w.namespace_name, 'default')
    AND nt.name = w.name
    AND (w.version IS NULL OR nt.version = w.version)
  ORDER BY {latest_version_first}
  LIMIT 1)

-- name: task_create writes one task ({new_task}, named_task_uuid uuid?, namespace_name text?, name text?,
--   version text?)
WITH kind AS (
    SELECT k.*
      FROM (SELECT $14 AS named_task_uuid, $15 AS namespace_name, $16 AS name, $17 AS version) w
     CROSS JOIN LATERAL (
{kind_of_task}) k
), {task_made}
SELECT {m.task}
  FROM made m;

-- name: task_query reads many task ({task_filter}, {page})
SELECT {t.task}
  FROM {schema}.tasker_tasks t {task_in_state}
 WHERE {task_matches} {task_page};

-- name: task_query_details reads many task_details ({task_filter}, {page})
SELECT {t.task}, {d.task_details}
  FROM {schema}.tasker_tasks t {task_in_state} {task_with_details}
 WHERE {task_matches} {task_page};

-- name: task_count reads one row_count ({task_filter}, row_limit int4?)
SELECT count(*) AS row_count
  FROM (SELECT FROM {schema}.tasker_tasks t {task_in_state} WHERE {task_matches} LIMIT $28) c;

-- The state, the kind, the claim and the identity stay.
-- name: task_update writes one task (task_uuid uuid, requested_at timestamp?, initiator text(128)?,
--   source_system text(128)?, reason text(128)?, reference_id text(255)?, context jsonb?, tags jsonb?,
--   bypass_steps json?, priority int4?, claim_timeout_seconds int4?, cleared text[])
UPDATE {schema}.tasker_tasks t
   SET requested_at = coalesce($2, t.requested_at),
       initiator = CASE WHEN 'initiator' <> ALL ($12) THEN coalesce($3, t.initiator) END,
       source_system = CASE WHEN 'source_system' <> ALL ($12) THEN coalesce($4, t.source_system) END,
       reason = CASE WHEN 'reason' <> ALL ($12) THEN coalesce($5, t.reason) END,
       reference_id = CASE WHEN 'reference_id' <> ALL ($12) THEN coalesce($6, t.reference_id) END,
       context = CASE WHEN 'context' <> ALL ($12) THEN coalesce($7, t.context) END,
       tags = CASE WHEN 'tags' <> ALL ($12) THEN coalesce($8, t.tags) END,
       bypass_steps = CASE WHEN 'bypass_steps' <> ALL ($12) THEN coalesce($9, t.bypass_steps) END,
       priority = coalesce($10, t.priority),
       claim_timeout_seconds = coalesce($11, t.claim_timeout_seconds),
       updated_at = clock_timestamp() AT TIME ZONE 'UTC'
 WHERE t.task_uuid = $1
RETURNING {t.task};

-- Where nothing is stored yet, the patch is what is stored. A path that is not given makes the first form NULL.
-- name: task_patch_json writes one task (task_uuid uuid, merge_context jsonb?, merge_tags jsonb?, remove_path text[]?)
UPDATE {schema}.tasker_tasks t
   SET context = coalesce(coalesce(t.context || $2, t.context, $2) #- $4, t.context || $2, t.context, $2),
       tags = coalesce(t.tags || $3, t.tags, $3),
       updated_at = clock_timestamp() AT TIME ZONE 'UTC'
 WHERE t.task_uuid = $1
RETURNING {t.task};

-- name: task_delete writes none (task_uuid uuid)
DELETE FROM {schema}.tasker_tasks t
 WHERE t.task_uuid = $1;

-- name: task_get_states reads many owner_state (task_uuids uuid[])
SELECT (CASE WHEN t.task_uuid IS NOT NULL THEN coalesce(cur.to_state, 'pending') END)::text AS state
  FROM unnest($1) WITH ORDINALITY AS w (task_uuid, n)
  LEFT JOIN {schema}.tasker_tasks t ON t.task_uuid = w.task_uuid
  LEFT JOIN {schema}.tasker_task_transitions cur ON cur.task_uuid = t.task_uuid AND cur.most_recent
 ORDER BY w.n;
