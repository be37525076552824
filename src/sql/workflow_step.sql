-- SPDX-License-Identifier: MIT
-- Statements on tasker_workflow_steps.

-- columns: workflow_step (workflow_step_uuid uuid, task_uuid uuid, named_step_uuid uuid, retryable bool,
--   retry_limit int4, in_process bool, processed bool, processed_at timestamp, attempts int4,
--   last_attempted_at timestamp, backoff_request_seconds int4, inputs jsonb, results jsonb, skippable bool,
--   created_at timestamp, updated_at timestamp, claim_id text, reference_id text, priority int4,
--   claim_timeout_seconds int4)
-- columns: workflow_step_details (name text, dependent_system_name text, state text, state_since timestamp)

-- part: workflow_step_with_details (s: tasker_workflow_steps; d: what the details add)
CROSS JOIN LATERAL (
    SELECT np.name, ds.name AS dependent_system_name, coalesce(now.to_state, 'pending') AS state,
           coalesce(now.created_at, s.created_at) AS state_since
      FROM {schema}.tasker_named_steps np
      JOIN {schema}.tasker_dependent_systems ds ON ds.dependent_system_uuid = np.dependent_system_uuid
      LEFT JOIN {schema}.tasker_workflow_step_transitions now
           ON now.workflow_step_uuid = s.workflow_step_uuid AND now.most_recent
     WHERE np.named_step_uuid = s.named_step_uuid) d

-- Retryable is what tasker_workflow_step_has_attempts_left says of a step that may be tried again.
-- parameters: workflow_step_filter (workflow_step_uuids uuid[]?, task_uuids uuid[]?, named_step_uuids uuid[]?,
--   parents_of uuid?, children_of uuid?, states text[]?, name text?, processed bool?, in_process bool?, retryable bool?,
--   results bool?, created_since timestamp?, created_until timestamp?, task_created_since timestamp?,
--   task_created_until timestamp?, reached_since timestamp?, reached_until timestamp?, last_attempted_since timestamp?,
--   last_attempted_until timestamp?)
-- part: filtered_steps (s: tasker_workflow_steps; cur, k: joined where a condition asks for them, as in task_in_state)
{schema}.tasker_workflow_steps s
  LEFT JOIN {schema}.tasker_workflow_step_transitions cur
            ON cur.workflow_step_uuid = s.workflow_step_uuid AND cur.most_recent
           AND ($6 IS NOT NULL OR $16 IS NOT NULL OR $17 IS NOT NULL)
  LEFT JOIN {schema}.tasker_tasks k
            ON k.task_uuid = s.task_uuid AND ($14 IS NOT NULL OR $15 IS NOT NULL)

-- part: workflow_step_matches (s, cur, k as above; the parameters above)
{planned_each_time}
   AND ($1 IS NULL OR s.workflow_step_uuid = ANY ($1))
   AND ($2 IS NULL OR s.task_uuid = ANY ($2))
   AND ($3 IS NULL OR s.named_step_uuid = ANY ($3))
   AND ($4 IS NULL OR s.workflow_step_uuid = ANY (ARRAY(
            SELECT e.from_step_uuid FROM {schema}.tasker_workflow_step_edges e WHERE e.to_step_uuid = $4)))
   AND ($5 IS NULL OR s.workflow_step_uuid = ANY (ARRAY(
            SELECT e.to_step_uuid FROM {schema}.tasker_workflow_step_edges e WHERE e.from_step_uuid = $5)))
   AND ($6 IS NULL OR cur.to_state = ANY ($6) OR (cur.to_state IS NULL AND 'pending' = ANY ($6)))
   AND ($7 IS NULL OR s.named_step_uuid = ANY (ARRAY(
            SELECT np.named_step_uuid FROM {schema}.tasker_named_steps np WHERE np.name = $7)))
   AND ($8 IS NULL OR s.processed = $8)
   AND ($9 IS NULL OR s.in_process = $9)
   AND ($10 IS NULL OR $10 = (s.retryable AND (coalesce(s.attempts, 0) = 0
                                               OR s.attempts < coalesce(s.retry_limit, 3))))
   AND ($11 IS NULL OR $11 = (s.results IS NOT NULL))
   AND ($12 IS NULL OR s.created_at >= $12)
   AND ($13 IS NULL OR s.created_at < $13)
   AND ($14 IS NULL OR k.created_at >= $14)
   AND ($15 IS NULL OR k.created_at < $15)
   AND ($16 IS NULL OR coalesce(cur.created_at, s.created_at) >= $16)
   AND ($17 IS NULL OR coalesce(cur.created_at, s.created_at) < $17)
   AND ($18 IS NULL OR s.last_attempted_at >= $18)
   AND ($19 IS NULL OR s.last_attempted_at < $19)

-- part: time_21 ($21: microseconds; as time_29 in task.sql)
CASE WHEN $21 BETWEEN -9223372036854775807 AND 9223372036854775806
     THEN timestamp 'epoch' + $21 * interval '1 microsecond'
     WHEN $21 > 0 THEN timestamp 'infinity' ELSE timestamp '-infinity' END

-- Orders by time and by priority compare with the value that the last row had when it was read ($21), since it may
-- have changed by now.
-- part: workflow_step_page (s: tasker_workflow_steps; the parameters of workflow_step_query)
 WHERE {workflow_step_matches}
   AND ($20 IS NULL OR CASE $22
            WHEN 0 THEN s.workflow_step_uuid > $20
            WHEN 1 THEN s.workflow_step_uuid < $20
            WHEN 2 THEN (coalesce(s.last_attempted_at, 'epoch'), s.workflow_step_uuid)
                        > ({time_21}, $20)
            WHEN 3 THEN (coalesce(s.last_attempted_at, 'epoch'), s.workflow_step_uuid)
                        < ({time_21}, $20)
            ELSE s.priority < $21 OR (s.priority = $21 AND s.workflow_step_uuid > $20) END)
 ORDER BY CASE WHEN $22 = 2 THEN coalesce(s.last_attempted_at, 'epoch') END,
          CASE WHEN $22 = 3 THEN coalesce(s.last_attempted_at, 'epoch') END DESC,
          CASE WHEN $22 = 5 THEN s.priority END DESC, CASE WHEN $22 IN (1, 3) THEN s.workflow_step_uuid END DESC,
          s.workflow_step_uuid
 LIMIT $23

-- name: workflow_step_get reads one workflow_step (workflow_step_uuid uuid)
SELECT {s.workflow_step}
  FROM {schema}.tasker_workflow_steps s
 WHERE s.workflow_step_uuid = $1;

-- name: workflow_step_find_by_name reads one workflow_step (task_uuid uuid, name text)
SELECT {s.workflow_step}
  FROM {schema}.tasker_workflow_steps s
  JOIN {schema}.tasker_named_steps np ON np.named_step_uuid = s.named_step_uuid
 WHERE s.task_uuid = $1
   AND np.name = $2
 ORDER BY s.workflow_step_uuid
 LIMIT 1;

-- One flush makes a step: this lock, and the insert, with a snapshot that is taken under it. A task that is not open
-- stays as it was closed; one that is not there is left to the foreign key.
-- name: workflow_step_create__lock runs none (task_uuid uuid)
SELECT FROM {schema}.tasker_tasks k WHERE k.task_uuid = $1 FOR NO KEY UPDATE;

-- name: workflow_step_create writes one workflow_step (workflow_step_uuid uuid, task_uuid uuid, named_step_uuid uuid,
--   transition_uuid uuid, retryable bool?, retry_limit int4?, skippable bool?, priority int4?, inputs jsonb?,
--   reference_id text(255)?)
WITH made AS (
    INSERT INTO {schema}.tasker_workflow_steps (workflow_step_uuid, task_uuid, named_step_uuid, retryable, retry_limit,
                                                skippable, priority, inputs, reference_id, in_process, processed,
                                                created_at, updated_at)
    SELECT $1, $2, $3, coalesce($5, true), coalesce($6, 3), coalesce($7, false), coalesce($8, 0), $9, $10, false, false,
           t.now, t.now
      FROM (SELECT clock_timestamp() AT TIME ZONE 'UTC' AS now) t
     WHERE NOT EXISTS (SELECT FROM {schema}.tasker_task_transitions kt
                        WHERE kt.task_uuid = $2 AND kt.most_recent AND kt.to_state NOT IN {open})
    ON CONFLICT DO NOTHING
    RETURNING *
), first_transition AS (
    INSERT INTO {schema}.tasker_workflow_step_transitions (workflow_step_transition_uuid, workflow_step_uuid, to_state,
                                                           sort_key, most_recent, created_at, updated_at)
    SELECT $4, m.workflow_step_uuid, 'pending', 1, true, m.created_at, m.created_at
      FROM made m
)
SELECT {m.workflow_step}
  FROM made m;

-- The task's row is locked first, as by everybody who may make a step runnable that was not: see task_finalize__block.
-- No row: there is no such step, or it was started more often than the new limit allows.
-- name: workflow_step_update writes one workflow_step (workflow_step_uuid uuid, retryable bool?, retry_limit int4?,
--   skippable bool?, priority int4?, inputs jsonb?, clear_inputs bool, reference_id text(255)?, clear_reference_id bool)
WITH task AS MATERIALIZED (
    SELECT k.task_uuid
      FROM {schema}.tasker_tasks k
     WHERE k.task_uuid = (SELECT s.task_uuid FROM {schema}.tasker_workflow_steps s WHERE s.workflow_step_uuid = $1)
       FOR NO KEY UPDATE
)
UPDATE {schema}.tasker_workflow_steps s
   SET retryable = coalesce($2, s.retryable),
       retry_limit = coalesce($3, s.retry_limit),
       skippable = coalesce($4, s.skippable),
       priority = coalesce($5, s.priority),
       inputs = CASE WHEN NOT $7 THEN coalesce($6, s.inputs) END,
       reference_id = CASE WHEN NOT $9 THEN coalesce($8, s.reference_id) END,
       updated_at = greatest(clock_timestamp() AT TIME ZONE 'UTC', s.updated_at + interval '1 microsecond')
 WHERE (SELECT count(*) FROM task) > 0
   AND s.workflow_step_uuid = $1
   AND ($3 IS NULL OR $3 >= coalesce(s.attempts, 0))
RETURNING {s.workflow_step};

-- The row of a history that nothing was added to goes with its step; every other row, and every edge, stands against it.
-- name: workflow_step_delete writes none (workflow_step_uuid uuid)
WITH first_transition AS (
    DELETE FROM {schema}.tasker_workflow_step_transitions tr
     WHERE tr.workflow_step_uuid = $1
       AND tr.to_state = 'pending'
       AND NOT EXISTS (SELECT FROM {schema}.tasker_workflow_step_transitions o
                        WHERE o.workflow_step_uuid = $1
                          AND o.workflow_step_transition_uuid <> tr.workflow_step_transition_uuid)
)
DELETE FROM {schema}.tasker_workflow_steps s
 WHERE s.workflow_step_uuid = $1;

-- name: workflow_step_query reads many workflow_step ({workflow_step_filter}, {page})
SELECT {s.workflow_step}
  FROM {filtered_steps}
{workflow_step_page};

-- name: workflow_step_query_details reads many workflow_step_details ({workflow_step_filter}, {page})
SELECT {s.workflow_step}, {d.workflow_step_details}
  FROM {filtered_steps} {workflow_step_with_details}
{workflow_step_page};

-- name: workflow_step_count reads one row_count ({workflow_step_filter}, row_limit int4?)
SELECT count(*) AS row_count
  FROM (SELECT FROM {filtered_steps} WHERE {workflow_step_matches} LIMIT $20) c;

-- name: workflow_step_get_states reads many owner_state (workflow_step_uuids uuid[])
SELECT (CASE WHEN s.workflow_step_uuid IS NOT NULL THEN coalesce(cur.to_state, 'pending') END)::text AS state
  FROM unnest($1) WITH ORDINALITY AS w (workflow_step_uuid, n)
  LEFT JOIN {schema}.tasker_workflow_steps s ON s.workflow_step_uuid = w.workflow_step_uuid
  LEFT JOIN {schema}.tasker_workflow_step_transitions cur
       ON cur.workflow_step_uuid = s.workflow_step_uuid AND cur.most_recent
 ORDER BY w.n;
