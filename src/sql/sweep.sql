-- SPDX-License-Identifier: MIT
-- What nobody else brings to an end: attempts whose time is over, steps whose message is lost, tasks that were never
-- closed. One look at some of the open tasks, in the order of an index, finds them; then each kind is changed by a
-- statement of its own, under the condition that made it one, read again from the rows it locks. Nobody is waited for:
-- what others have locked is somebody's business now.

-- When the time of an attempt is over: with its lease, which counts while it names the current row; else after so many
-- seconds.
-- part: attempt_ends_at (s: the step, t: its current row, how.step_timeout_seconds)
coalesce(s.last_attempted_at, t.created_at)
    + CASE WHEN s.claim_id = CAST (t.workflow_step_transition_uuid AS text) THEN s.claim_timeout_seconds
           ELSE how.step_timeout_seconds END * interval '1 second'

-- columns: sweep_finding (kind int4, task_uuid uuid, workflow_step_uuid uuid, transition_uuid uuid,
--   state text, full_window bool)

-- OFFSET 0: by key, step for step; joins were planned as hashes of all steps and all of their history.
-- part: swept_steps ($1 state, $2 task_uuid: behind these; $3 tasks, $5 step_timeout_seconds)
how AS (
    SELECT $5 AS step_timeout_seconds, clock_timestamp() AT TIME ZONE 'UTC' AS now
), seen AS MATERIALIZED (
    SELECT t.to_state, t.task_uuid
      FROM {schema}.tasker_task_transitions t
     WHERE t.most_recent
       AND t.to_state IN {open}
       AND (t.to_state, t.task_uuid) > ($1, $2)
     ORDER BY t.to_state, t.task_uuid
     LIMIT $3
), step AS MATERIALIZED (
    SELECT seen.task_uuid, s.workflow_step_uuid, t.workflow_step_transition_uuid, t.created_at,
           coalesce(t.to_state, 'pending') AS state, {attempt_ends_at} AS ends_at
      FROM how
     CROSS JOIN seen
     CROSS JOIN LATERAL (SELECT * FROM {schema}.tasker_workflow_steps s WHERE s.task_uuid = seen.task_uuid OFFSET 0) s
      LEFT JOIN LATERAL (SELECT *
                           FROM {schema}.tasker_workflow_step_transitions t
                          WHERE t.workflow_step_uuid = s.workflow_step_uuid AND t.most_recent
                         OFFSET 0) t ON true
), idle AS MATERIALIZED (
    SELECT step.task_uuid, bool_and(step.state IN {done}) AS done
      FROM step
     GROUP BY step.task_uuid
    HAVING bool_and(step.state NOT IN {busy})
)

-- Task rows are locked so that who waits for one later, when they are closed, does not wait for somebody who sleeps.
-- part: sweep_findings (closable: tasks, locked; $4 row_limit, $6 enqueued_timeout_seconds)
(SELECT 0::int4 AS kind, w.task_uuid AS task_uuid, NULL::uuid AS workflow_step_uuid, NULL::uuid AS transition_uuid,
        w.to_state::text AS state, w.number = $3 AS full_window
   FROM (SELECT seen.*, count(*) OVER () AS number
           FROM seen
          ORDER BY seen.to_state DESC, seen.task_uuid DESC
          LIMIT 1) w)
UNION ALL
(SELECT 1, step.task_uuid, step.workflow_step_uuid, step.workflow_step_transition_uuid, NULL, false
   FROM how
  CROSS JOIN step
  WHERE step.state = 'in_progress' AND step.ends_at < how.now
  ORDER BY step.ends_at
  LIMIT $4)
UNION ALL
(SELECT 2, step.task_uuid, step.workflow_step_uuid, step.workflow_step_transition_uuid, NULL, false
   FROM how
  CROSS JOIN step
  WHERE step.state = 'enqueued' AND step.created_at + $6 * interval '1 second' < how.now
  ORDER BY step.created_at
  LIMIT 10000)
UNION ALL
(SELECT 3, closable.task_uuid, NULL, NULL, NULL, false FROM closable)

-- parameters: sweep_look (state text, task_uuid uuid, tasks int4, row_limit int4, step_timeout_seconds int4,
--   enqueued_timeout_seconds int4)

-- A task without steps may be about to get some.
-- name: sweep_run runs many sweep_finding ({sweep_look})
WITH {swept_steps}, closable AS MATERIALIZED (
    SELECT k.task_uuid
      FROM idle
      JOIN {schema}.tasker_tasks k ON k.task_uuid = idle.task_uuid
     WHERE idle.done
        OR (SELECT true
              FROM {schema}.tasker_step_readiness r
             WHERE r.task_uuid = idle.task_uuid AND r.available_at IS NOT NULL
             LIMIT 1) IS NULL
     LIMIT $4
       FOR NO KEY UPDATE OF k SKIP LOCKED
)
{sweep_findings};

-- Where there is no ready set.
-- name: sweep_run__plain runs many sweep_finding ({sweep_look})
WITH {swept_steps}, closable AS MATERIALIZED (
    SELECT k.task_uuid
      FROM idle
      JOIN {schema}.tasker_tasks k ON k.task_uuid = idle.task_uuid
     WHERE idle.done
        OR (SELECT x.stuck FROM {tasker_task_execution_contexts} x WHERE x.task_uuid = idle.task_uuid)
     LIMIT $4
       FOR NO KEY UPDATE OF k SKIP LOCKED
)
{sweep_findings};

-- A failure like others, by the attempt that was seen and no other. With the task, which may have to be closed next.
-- name: sweep_run__fail writes many moved (workflow_step_uuids uuid[], tokens uuid[], transition_uuids uuid[],
--   retry_uuids uuid[], step_timeout_seconds int4, actor text(128)?, jitter float8)
WITH how AS (
    SELECT $5 AS step_timeout_seconds
), cur AS MATERIALIZED (
    SELECT s.workflow_step_uuid, s.task_uuid, t.workflow_step_transition_uuid, t.sort_key, t.created_at, $6 AS actor,
           i.transition_uuid, i.retry_uuid, false AS permanent, -1 AS retry_after,
           'the time of the attempt is over'::text AS error_message, 'Timeout'::text AS error_type,
           NULL::jsonb AS metadata, s.attempts, s.last_attempted_at,
           s.retryable AND coalesce(s.attempts, 0) < coalesce(s.retry_limit, 3) AS again, $7 AS jitter
      FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[]) AS i (step_uuid, token, transition_uuid, retry_uuid)
     CROSS JOIN how
      JOIN {schema}.tasker_workflow_steps s ON s.workflow_step_uuid = i.step_uuid
      JOIN {schema}.tasker_tasks k ON k.task_uuid = s.task_uuid
      JOIN {schema}.tasker_workflow_step_transitions t
           ON t.workflow_step_uuid = s.workflow_step_uuid AND t.most_recent
     WHERE t.to_state = 'in_progress'
       AND t.workflow_step_transition_uuid = i.token
       AND {attempt_ends_at} < clock_timestamp() AT TIME ZONE 'UTC'
     ORDER BY s.workflow_step_uuid
       FOR NO KEY UPDATE OF k, s, t SKIP LOCKED
), {fail_attempts};

-- Back to pending, so that the next claim sends it anew. A worker that has the message of a step has locked it, or has
-- begun the step, or has left the message where it was.
-- part: requeued (held: step_uuid of messages that are there)
cur AS MATERIALIZED (
    SELECT s.workflow_step_uuid, t.workflow_step_transition_uuid, t.to_state, t.sort_key, t.created_at,
           i.transition_uuid
      FROM item i
      JOIN {schema}.tasker_workflow_steps s ON s.workflow_step_uuid = i.step_uuid
      JOIN {schema}.tasker_tasks k ON k.task_uuid = s.task_uuid
      JOIN {schema}.tasker_workflow_step_transitions t
           ON t.workflow_step_uuid = s.workflow_step_uuid AND t.most_recent
     WHERE t.to_state IN {step_requeue_from}
       AND t.workflow_step_transition_uuid = i.enqueue_uuid
       AND t.created_at + $4 * interval '1 second' < clock_timestamp() AT TIME ZONE 'UTC'
       AND CAST (s.workflow_step_uuid AS text) <> ALL (ARRAY(SELECT held.step_uuid FROM held))
     ORDER BY s.workflow_step_uuid
     LIMIT $6
       FOR NO KEY UPDATE OF k, s, t SKIP LOCKED
), {flip_step}, ins AS (
    INSERT INTO {schema}.tasker_workflow_step_transitions
           (workflow_step_transition_uuid, workflow_step_uuid, to_state, from_state, metadata, sort_key, most_recent,
            created_at, updated_at)
    SELECT flip.transition_uuid, flip.workflow_step_uuid, 'pending', flip.to_state,
           jsonb_strip_nulls(jsonb_build_object('event', 'requeue', 'actor', $5)), flip.sort_key + 1, true, n.now, n.now
      FROM flip
     CROSS JOIN LATERAL (SELECT greatest(clock_timestamp() AT TIME ZONE 'UTC', flip.created_at) AS now) n
    RETURNING workflow_step_transition_uuid, workflow_step_uuid, sort_key, created_at
)
UPDATE {schema}.tasker_workflow_steps s
   SET in_process = false, processed = false, processed_at = NULL, updated_at = ins.created_at
  FROM ins
 WHERE s.workflow_step_uuid = ins.workflow_step_uuid
RETURNING ins.workflow_step_uuid AS key, ins.workflow_step_transition_uuid AS transition_uuid,
          'enqueued'::text AS from_state, 'pending'::text AS to_state, ins.sort_key::int4 AS sort_key,
          coalesce(s.attempts, 0)::int4 AS attempts,
          coalesce((SELECT kt.to_state FROM {schema}.tasker_task_transitions kt
                     WHERE kt.task_uuid = s.task_uuid AND kt.most_recent), 'pending')::text AS task_state,
          1::int4 AS moved

-- parameters: sweep_requeue (workflow_step_uuids uuid[], enqueue_uuids uuid[], transition_uuids uuid[],
--   enqueued_timeout_seconds int4, actor text(128)?, row_limit int4)

-- part: items_swept ($1, $2, $3)
item AS MATERIALIZED (
    SELECT i.step_uuid, i.enqueue_uuid, i.transition_uuid
      FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS i (step_uuid, enqueue_uuid, transition_uuid)
), asked AS MATERIALIZED (
    SELECT ns.name || '_queue' AS queue_name, array_agg(CAST (i.step_uuid AS text)) AS step_uuids
      FROM item i
      JOIN {schema}.tasker_workflow_steps s ON s.workflow_step_uuid = i.step_uuid
      JOIN {schema}.tasker_tasks k ON k.task_uuid = s.task_uuid
      JOIN {schema}.tasker_named_tasks nt ON nt.named_task_uuid = k.named_task_uuid
      JOIN {schema}.tasker_task_namespaces ns ON ns.task_namespace_uuid = nt.task_namespace_uuid
     GROUP BY ns.name
)

-- name: sweep_run__requeue writes many moved ({sweep_requeue})
WITH {items_swept}, held AS MATERIALIZED (
    SELECT f.value AS step_uuid
      FROM asked
     CROSS JOIN LATERAL {queue_schema}.find_values(asked.queue_name, 'step_uuid', asked.step_uuids) AS f (value)
), {requeued};

-- pgmq has no function for this: as queue_get_next_vt__text.
-- name: sweep_run__requeue_text writes many moved ({sweep_requeue})
WITH {items_swept}, held AS MATERIALIZED (
    SELECT regexp_split_to_table(f.found, ' ') AS step_uuid
      FROM asked
     CROSS JOIN LATERAL (
           SELECT CASE WHEN to_regclass(format('{queue_schema}.%I', 'q_' || asked.queue_name)) IS NOT NULL
                       THEN substring(query_to_xml(
                                format('SELECT string_agg(DISTINCT lower(m.message ->> ''step_uuid''), '' '') AS held'
                                       '  FROM {queue_schema}.%I m'
                                       ' WHERE lower(m.message ->> ''step_uuid'') = ANY (CAST (%L AS text[]))',
                                       'q_' || asked.queue_name, asked.step_uuids),
                                false, false, '')::text FROM '<held>([^<]*)</held>') END AS found) f
), {requeued};

-- Without queues nothing has a message.
-- name: sweep_run__requeue_silent writes many moved ({sweep_requeue})
WITH item AS (
    SELECT i.step_uuid, i.enqueue_uuid, i.transition_uuid
      FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS i (step_uuid, enqueue_uuid, transition_uuid)
), held AS (
    SELECT NULL::text AS step_uuid WHERE false
), {requeued};
