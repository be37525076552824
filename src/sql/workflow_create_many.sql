-- SPDX-License-Identifier: MIT
-- Creating many workflows in one flush. The first statement inserts all tasks and the first rows of their histories, or
-- none; the others are gated by the first of these rows, whose key only this very try has.

-- Tasks with their types; no type: it is not registered.
-- part: workflow_many_types ($3 to $5: namespaces, names, versions)
SELECT i.n, k.named_task_uuid, k.default_context
  FROM unnest($3, $4, $5) WITH ORDINALITY AS i (namespace_name, name, version, n)
  LEFT JOIN LATERAL (
       SELECT nt.named_task_uuid, nt.configuration -> 'default_context' AS default_context
         FROM {schema}.tasker_named_tasks nt
         JOIN {schema}.tasker_task_namespaces ns ON ns.task_namespace_uuid = nt.task_namespace_uuid
        WHERE ns.name = i.namespace_name AND nt.name = i.name AND nt.version = i.version
       OFFSET 0) k ON true

-- part: workflow_many_taken ($1: keys of tasks)
SELECT w.n
  FROM unnest($1) WITH ORDINALITY AS w (task_uuid, n)
  JOIN {schema}.tasker_tasks t ON t.task_uuid = w.task_uuid
UNION ALL
SELECT max(w.n) FROM unnest($1) WITH ORDINALITY AS w (task_uuid, n) GROUP BY w.task_uuid HAVING count(*) > 1

-- Steps that may be missing: those of types that are not registered here.
-- part: workflow_many_missing ($6, $7: names, systems)
SELECT i.n
  FROM unnest($6, $7) WITH ORDINALITY AS i (name, system, n)
 WHERE {no_named_step}

-- name: workflow_create_many writes none (task_uuids uuid[], transition_uuids uuid[], namespace_names text[],
--   names text[], versions text[], step_names text[], step_systems text[], has_requested_ats bool[], requested_ats timestamp[],
--   initiators text(128)[], source_systems text(128)[], reasons text(128)[], bypass_steps text[], tags jsonb[],
--   contexts jsonb[], reference_ids text(255)[], priorities int4[], claim_timeout_seconds int4[])
WITH types AS MATERIALIZED (
    {workflow_many_types}
), made AS (
    INSERT INTO {schema}.tasker_tasks
           (task_uuid, named_task_uuid, complete, requested_at, initiator, source_system, reason, bypass_steps, tags,
            context, identity_hash, reference_id, priority, claim_timeout_seconds, created_at, updated_at)
    SELECT w.task_uuid, k.named_task_uuid, false, CASE WHEN w.has_requested_at THEN w.requested_at ELSE t.now END,
           w.initiator, w.source_system, w.reason, CAST (w.bypass_steps AS json), w.tags,
           CASE WHEN jsonb_typeof(k.default_context) = 'object' THEN k.default_context || coalesce(w.context, '{}')
                ELSE w.context END,
           CAST (w.task_uuid AS text), w.reference_id, w.priority, coalesce(nullif(w.claim_timeout_seconds, 0), {default_claim_timeout}), t.now, t.now
      FROM unnest($1, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18) WITH ORDINALITY
           AS w (task_uuid, has_requested_at, requested_at, initiator, source_system, reason, bypass_steps, tags,
                 context, reference_id, priority, claim_timeout_seconds, n)
      JOIN types k USING (n),
           (SELECT clock_timestamp() AT TIME ZONE 'UTC' AS now) t
     WHERE NOT EXISTS (SELECT FROM types k WHERE k.named_task_uuid IS NULL)
       AND NOT EXISTS ({workflow_many_taken})
       AND NOT EXISTS ({workflow_many_missing})
    RETURNING task_uuid, created_at
)
INSERT INTO {schema}.tasker_task_transitions
       (task_transition_uuid, task_uuid, to_state, sort_key, most_recent, created_at, updated_at)
SELECT w.transition_uuid, m.task_uuid, 'pending', 1, true, m.created_at, m.created_at
  FROM made m
  JOIN unnest($1, $2) AS w (task_uuid, transition_uuid) USING (task_uuid);

-- A name that has gone since it was looked for is NULL and refuses the whole.
-- name: workflow_create_many__steps writes none (task_uuid uuid, transition_uuid uuid, task_uuids uuid[],
--   step_uuids uuid[], transition_uuids uuid[], names text[], systems text[], retryables bool[], skippables bool[], retry_limits int4[],
--   inputs jsonb[])
WITH named AS MATERIALIZED (
    SELECT i.name, i.system, np.named_step_uuid
      FROM (SELECT DISTINCT k.name, k.system FROM unnest($6, $7) AS k (name, system)) i
      LEFT JOIN {schema}.tasker_dependent_systems ds ON ds.name = i.system
      {step_named}
), input AS MATERIALIZED (
    SELECT i.*, named.named_step_uuid, made.created_at AS now
      FROM unnest($3, $4, $5, $6, $7, $8, $9, $10, $11)
           AS i (task_uuid, step_uuid, transition_uuid, name, system, retryable, skippable, retry_limit, inputs)
      JOIN {schema}.tasker_task_transitions made ON made.task_transition_uuid = $2 AND made.task_uuid = $1
      LEFT JOIN named USING (name, system)
), {steps_made};

-- Why nothing was made. Items count from 0.
-- columns: many_stop (stored int8, taken int8, unregistered int8, missing int8)
-- name: workflow_create_many__stop reads one many_stop (task_uuids uuid[], transition_uuids uuid[],
--   namespace_names text[], names text[], versions text[], step_names text[], step_systems text[])
SELECT (SELECT count(*) FROM {schema}.tasker_tasks t WHERE t.task_uuid = ANY ($1)) AS stored,
       (SELECT min(o.n) - 1 FROM ({workflow_many_taken}) o) AS taken,
       (SELECT min(o.n) - 1 FROM ({workflow_many_types}) o WHERE o.named_task_uuid IS NULL) AS unregistered,
       (SELECT min(o.n) - 1 FROM ({workflow_many_missing}) o) AS missing
 WHERE cardinality($2) >= 0;
