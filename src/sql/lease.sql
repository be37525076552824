-- SPDX-License-Identifier: MIT
-- Attempts of steps: taken, completed, failed, extended, released. lifecycle.sql explains the shape of the writes.

-- A step in error that may be tried again passes through pending on its way: two rows, one of them current. claim_id and
-- claim_timeout_seconds, which tasker-core has and does not use, keep whose the attempt is and how long; they count while
-- claim_id names the current row of the history.
-- part: start_steps (item: step_uuid, transition_uuid, retry_uuid, by_message, enqueue_uuid; $1 actor, $2 lease_seconds)
cur AS MATERIALIZED (
    SELECT s.workflow_step_uuid, s.task_uuid, st.workflow_step_transition_uuid, st.to_state, st.sort_key, st.created_at,
           i.transition_uuid, i.retry_uuid
      FROM item i
      JOIN {schema}.tasker_workflow_steps s ON s.workflow_step_uuid = i.step_uuid
      JOIN {schema}.tasker_workflow_step_transitions st
           ON st.workflow_step_uuid = s.workflow_step_uuid AND st.most_recent
     WHERE (st.to_state IN {step_start_from} OR st.to_state IN {step_retry_from})
       AND (SELECT true FROM {schema}.tasker_workflow_step_transitions o
             WHERE o.workflow_step_transition_uuid = i.transition_uuid) IS NULL
       AND {may_start}
       AND {step_as_seen}
       AND coalesce((SELECT kt.to_state FROM {schema}.tasker_task_transitions kt
                      WHERE kt.task_uuid = s.task_uuid AND kt.most_recent), 'pending') IN {open}
     ORDER BY s.workflow_step_uuid
       FOR NO KEY UPDATE OF s, st
), {flip_step}, upd AS (
    UPDATE {schema}.tasker_workflow_steps s
       SET in_process = true, attempts = coalesce(s.attempts, 0) + 1, last_attempted_at = n.now,
           claim_id = flip.transition_uuid::text, claim_timeout_seconds = $2, updated_at = n.now
      FROM flip
     CROSS JOIN LATERAL (SELECT greatest(clock_timestamp() AT TIME ZONE 'UTC', flip.created_at) AS now) n
     WHERE s.workflow_step_uuid = flip.workflow_step_uuid
    RETURNING flip.*, s.attempts, n.now
), ins AS (
    INSERT INTO {schema}.tasker_workflow_step_transitions
           (workflow_step_transition_uuid, workflow_step_uuid, to_state, from_state, metadata, sort_key, most_recent,
            created_at, updated_at)
    SELECT r.id, upd.workflow_step_uuid, r.to_state, r.from_state,
           jsonb_strip_nulls(jsonb_build_object('event', r.event, 'actor', $1, 'attempt_number', upd.attempts,
                                                'retry_attempt', CASE WHEN r.event = 'retry' THEN true END)),
           upd.sort_key + r.step, r.most_recent, upd.now, upd.now
      FROM upd
     CROSS JOIN LATERAL (
           SELECT upd.retry_uuid, 'pending', 'error', 'retry', 1, false WHERE upd.to_state = 'error'
           UNION ALL
           SELECT upd.transition_uuid, 'in_progress', CASE WHEN upd.to_state = 'error' THEN 'pending' ELSE upd.to_state END,
                  'start', CASE WHEN upd.to_state = 'error' THEN 2 ELSE 1 END, true
           ) AS r (id, to_state, from_state, event, step, most_recent)
    RETURNING workflow_step_transition_uuid, sort_key, most_recent
)
SELECT upd.workflow_step_uuid AS key, upd.transition_uuid AS transition_uuid, upd.to_state::text AS from_state,
       'in_progress'::text AS to_state, ins.sort_key::int4 AS sort_key, upd.attempts::int4 AS attempts,
       {task_state},
       CASE WHEN upd.to_state = 'error' THEN 2 ELSE 1 END::int4 AS moved
  FROM upd
  JOIN ins ON ins.workflow_step_transition_uuid = upd.transition_uuid

-- name: lease_take_steps writes many moved (actor text(128), lease_seconds int4, workflow_step_uuids uuid[], transition_uuids uuid[], retry_uuids uuid[])
WITH item AS (
    SELECT i.step_uuid, i.transition_uuid, i.retry_uuid, false AS by_message, NULL::uuid AS enqueue_uuid
      FROM unnest((SELECT $3)::uuid[], $4::uuid[], $5::uuid[]) AS i (step_uuid, transition_uuid, retry_uuid)
), {start_steps};

-- columns: lease (task_uuid uuid, workflow_step_uuid uuid, token uuid, attempt int4, retry_limit int4, taken_at timestamp,
--   namespace_name text, task_name text, version text, step_name text, dependent_system_name text, context jsonb,
--   inputs jsonb, msg_id int8, read_ct int4, expires_at timestamp, traceparent text)

-- part: lease_names (s: the step)
JOIN {schema}.tasker_tasks k ON k.task_uuid = s.task_uuid
  JOIN {schema}.tasker_named_tasks nt ON nt.named_task_uuid = k.named_task_uuid
  JOIN {schema}.tasker_task_namespaces tn ON tn.task_namespace_uuid = nt.task_namespace_uuid
  JOIN {schema}.tasker_named_steps ns ON ns.named_step_uuid = s.named_step_uuid
  JOIN {schema}.tasker_dependent_systems ds ON ds.dependent_system_uuid = ns.dependent_system_uuid

-- part: lease_described (s, and those joined to it)
coalesce(s.attempts, 0) AS attempt, coalesce(s.retry_limit, 3) AS retry_limit, tn.name AS namespace_name,
               nt.name AS task_name, nt.version, ns.name AS step_name, ds.name AS dependent_system_name

-- What the first statement of a take has found (lease_take__gather and the like), for those behind it.
-- part: gathered (its columns are those of items, step_uuid is NULL where the message was none)
SELECT g.*
  FROM jsonb_to_recordset(coalesce(nullif(current_setting('tasker.gathered', true), ''), '[]')::jsonb)
       AS g (queue_name text, msg_id int8, read_ct int4, traceparent text, step_uuid uuid, enqueue_uuid uuid,
             transition_uuid uuid, retry_uuid uuid, task_transition_uuid uuid)

-- What the worker needs, for the attempts that are current now.
-- name: lease_take_steps__context reads many lease (transition_uuids uuid[], without_context bool)
WITH g AS MATERIALIZED ({gathered})
SELECT {l.lease}
  FROM (SELECT o.*, coalesce(g.msg_id, 0) AS msg_id, coalesce(g.read_ct, 0) AS read_ct, g.traceparent
          FROM unnest((SELECT $1)::uuid[]) AS i (transition_uuid)
         CROSS JOIN LATERAL ( -- one by one, by key, whatever the planner knew of the tables
               SELECT s.task_uuid, s.workflow_step_uuid, t.workflow_step_transition_uuid AS token,
                      t.created_at AS taken_at, {lease_described},
                      CASE WHEN NOT $2 THEN k.context END AS context, CASE WHEN NOT $2 THEN s.inputs END AS inputs,
                      t.created_at + s.claim_timeout_seconds * interval '1 second' AS expires_at
                 FROM {schema}.tasker_workflow_step_transitions t
                 JOIN {schema}.tasker_workflow_steps s ON s.workflow_step_uuid = t.workflow_step_uuid
                 {lease_names}
                WHERE t.workflow_step_transition_uuid = i.transition_uuid
                  AND t.most_recent
               OFFSET 0) o
          LEFT JOIN g ON g.transition_uuid = i.transition_uuid) l
 ORDER BY l.workflow_step_uuid;

-- columns: lease_ancestor (root_uuid uuid)
-- name: lease_take_steps__ancestors reads many lease_ancestor (transition_uuids uuid[], max_distance int4,
--   completed bool, without_results bool)
WITH RECURSIVE walked (root_uuid, step_uuid, distance) AS (
    SELECT t.workflow_step_uuid, t.workflow_step_uuid, make_interval()
      FROM {schema}.tasker_workflow_step_transitions t
     WHERE t.workflow_step_transition_uuid = ANY ((SELECT $1)::uuid[])
       AND t.most_recent
    UNION
    {one_up}
)
SELECT {r.step_relative}, {r.lease_ancestor}
  FROM {relatives} r
 ORDER BY r.root_uuid, r.distance, r.workflow_step_uuid;

-- name: lease_load reads one lease (workflow_step_uuid uuid)
SELECT {l.lease}
  FROM (SELECT s.task_uuid, s.workflow_step_uuid, CAST ('00000000-0000-0000-0000-000000000000' AS uuid) AS token,
               CAST ('epoch' AS timestamp) AS taken_at, {lease_described}, k.context, s.inputs, 0 AS msg_id,
               0 AS read_ct, CAST (NULL AS text) AS traceparent, CAST ('epoch' AS timestamp) AS expires_at
          FROM {schema}.tasker_workflow_steps s
          {lease_names}
         WHERE s.workflow_step_uuid = $1) l;

-- Steps and rows of the attempts that these tokens have begun, locked. The fence: what began it is the current row.
-- part: of_attempts (i: step_uuid, token)
JOIN {schema}.tasker_workflow_steps s ON s.workflow_step_uuid = i.step_uuid
      JOIN {schema}.tasker_workflow_step_transitions t
           ON t.workflow_step_uuid = s.workflow_step_uuid AND t.most_recent
     WHERE t.to_state = 'in_progress'
       AND t.workflow_step_transition_uuid = i.token
     ORDER BY s.workflow_step_uuid
       FOR NO KEY UPDATE OF s, t

-- followed: as workflow_step_apply__followed, without a statement more.
-- name: lease_complete writes many moved (workflow_step_uuids uuid[], tokens uuid[], transition_uuids uuid[], results jsonb[], metadata jsonb[], followed bool)
WITH cur AS MATERIALIZED (
    SELECT s.workflow_step_uuid, s.task_uuid, t.workflow_step_transition_uuid, t.sort_key, t.created_at,
           t.metadata ->> 'actor' AS actor,
           i.transition_uuid, i.results, i.metadata
      FROM set_config('tasker.followed', CASE WHEN $6 THEN 'on' ELSE 'off' END, true),
           unnest((SELECT $1)::uuid[], $2::uuid[], $3::uuid[], $4::jsonb[], $5::jsonb[])
           AS i (step_uuid, token, transition_uuid, results, metadata)
      {of_attempts}
), {flip_step}, upd AS (
    UPDATE {schema}.tasker_workflow_steps s
       SET processed = true, in_process = false, processed_at = n.now, results = flip.results,
           backoff_request_seconds = NULL, claim_id = NULL, updated_at = n.now
      FROM flip
     CROSS JOIN LATERAL (SELECT greatest(clock_timestamp() AT TIME ZONE 'UTC', flip.created_at) AS now) n
     WHERE s.workflow_step_uuid = flip.workflow_step_uuid
    RETURNING flip.*, s.attempts, n.now
), ins AS (
    INSERT INTO {schema}.tasker_workflow_step_transitions
           (workflow_step_transition_uuid, workflow_step_uuid, to_state, from_state, metadata, sort_key, most_recent,
            created_at, updated_at)
    SELECT upd.transition_uuid, upd.workflow_step_uuid, 'complete', 'in_progress',
           jsonb_strip_nulls(jsonb_build_object(
               'event', 'complete', 'actor', upd.actor, 'attempt_number', upd.attempts,
               'execution_duration', extract(epoch FROM upd.now - upd.created_at))) || coalesce(upd.metadata, '{}'),
           upd.sort_key + 1, true, upd.now, upd.now
      FROM upd
    RETURNING workflow_step_uuid
)
SELECT upd.workflow_step_uuid AS key, upd.transition_uuid AS transition_uuid, 'in_progress'::text AS from_state,
       'complete'::text AS to_state, (upd.sort_key + 1)::int4 AS sort_key, coalesce(upd.attempts, 0)::int4 AS attempts,
       {task_state}, 1::int4 AS moved
  FROM upd
  JOIN ins ON ins.workflow_step_uuid = upd.workflow_step_uuid;

-- How long a failed attempt is to be waited after: 2^attempts s, at most 300, with up to 10 % more or less (jitter is
-- drawn by the client between -1 and 1), or what the caller asked for (-1: nothing).
-- part: backoff (flip: attempts, retry_after, jitter)
(SELECT CASE WHEN flip.retry_after >= 0 THEN least(flip.retry_after, 300)::float8
                        WHEN p.base < 10 THEN p.base
                        ELSE p.base * (1 + 0.1 * flip.jitter) END AS delay
              FROM (SELECT least(power(2, least(coalesce(flip.attempts, 0), 9)), 300) AS base) p)

-- Error, and on to pending while attempts last. The backoff runs from now; since the column counts from the start of
-- the attempt, the time since then is added, rounded up to whole seconds.
-- A permanent failure ends the step's being retryable: in error with attempts left it would be ready again.
-- part: fail_attempts (cur: the current rows, locked, and what is known of each failure)
{flip_step}, upd AS (
    UPDATE {schema}.tasker_workflow_steps s
       SET in_process = false, claim_id = NULL,
           retryable = s.retryable AND NOT flip.permanent,
           backoff_request_seconds = CASE WHEN flip.again THEN
               ceil(d.delay + extract(epoch FROM n.now - coalesce(flip.last_attempted_at, n.now)))::integer END,
           updated_at = n.now
      FROM flip
     CROSS JOIN LATERAL (SELECT greatest(clock_timestamp() AT TIME ZONE 'UTC', flip.created_at) AS now) n
     CROSS JOIN LATERAL {backoff} d
     WHERE s.workflow_step_uuid = flip.workflow_step_uuid
    RETURNING flip.*, n.now, s.backoff_request_seconds,
              s.last_attempted_at + s.backoff_request_seconds * interval '1 second' AS backoff_until
), ins AS (
    INSERT INTO {schema}.tasker_workflow_step_transitions
           (workflow_step_transition_uuid, workflow_step_uuid, to_state, from_state, metadata, sort_key, most_recent,
            created_at, updated_at)
    SELECT r.id, upd.workflow_step_uuid, r.to_state, r.from_state, r.metadata, upd.sort_key + r.step, r.most_recent,
           upd.now, upd.now
      FROM upd
     CROSS JOIN LATERAL (
           SELECT upd.transition_uuid, 'error', 'in_progress', 1, NOT upd.again,
                  jsonb_strip_nulls(jsonb_build_object(
                      'event', 'fail', 'actor', upd.actor, 'attempt_number', upd.attempts,
                      'error_message', upd.error_message, 'error_type', upd.error_type, 'retryable', upd.again,
                      'retry_available', upd.again, 'backoff_seconds', upd.backoff_request_seconds,
                      'backoff_until', to_char(upd.backoff_until, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')))
                      || coalesce(upd.metadata, '{}')
           UNION ALL
           SELECT upd.retry_uuid, 'pending', 'error', 2, true,
                  jsonb_strip_nulls(jsonb_build_object(
                      'event', 'retry', 'actor', upd.actor, 'attempt_number', upd.attempts, 'retry_attempt', true))
            WHERE upd.again
           ) AS r (id, to_state, from_state, step, most_recent, metadata)
    RETURNING workflow_step_uuid, to_state, sort_key, most_recent
)
SELECT upd.workflow_step_uuid AS key, upd.transition_uuid AS transition_uuid, 'in_progress'::text AS from_state,
       ins.to_state::text AS to_state, ins.sort_key::int4 AS sort_key, coalesce(upd.attempts, 0)::int4 AS attempts,
       {task_state},
       CASE WHEN upd.again THEN 2 ELSE 1 END::int4 AS moved
  FROM upd
  JOIN ins ON ins.workflow_step_uuid = upd.workflow_step_uuid AND ins.most_recent

-- name: lease_fail writes many moved (workflow_step_uuids uuid[], tokens uuid[], transition_uuids uuid[], retry_uuids uuid[], permanents bool[], retry_after_seconds int4[], error_messages text[], error_types text[], metadata jsonb[], jitter float8)
WITH cur AS MATERIALIZED (
    SELECT s.workflow_step_uuid, s.task_uuid, t.workflow_step_transition_uuid, t.sort_key, t.created_at,
           t.metadata ->> 'actor' AS actor,
           i.transition_uuid, i.retry_uuid, i.permanent, i.retry_after, i.error_message, i.error_type, i.metadata,
           s.attempts, s.last_attempted_at,
           s.retryable AND NOT i.permanent AND coalesce(s.attempts, 0) < coalesce(s.retry_limit, 3) AS again,
           $10 AS jitter
      FROM unnest((SELECT $1)::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::bool[], $6::int4[], $7::text[], $8::text[],
                  $9::jsonb[])
           AS i (step_uuid, token, transition_uuid, retry_uuid, permanent, retry_after, error_message, error_type,
                 metadata)
      {of_attempts}
), {fail_attempts};

-- When each of these steps can start again.
-- name: lease_fail__next reads many step_next (workflow_step_uuids uuid[])
SELECT r.workflow_step_uuid AS key, r.next_retry_at::timestamp AS next_attempt_at
  FROM {tasker_step_readiness_status} r
 WHERE r.workflow_step_uuid = ANY ($1);

-- Longer, from now on. The column counts from the start of the attempt, so the time since then is added. A row that
-- somebody works on is passed over: the heartbeat of many leases waits for nobody.
-- name: lease_extend writes many moved (workflow_step_uuids uuid[], tokens uuid[], lease_seconds int4)
WITH cur AS MATERIALIZED (
    SELECT s.workflow_step_uuid, s.task_uuid, t.workflow_step_transition_uuid AS token, t.from_state, t.sort_key,
           coalesce(s.last_attempted_at, t.created_at) AS began_at
      FROM unnest((SELECT $1)::uuid[], $2::uuid[]) AS i (step_uuid, token)
      {of_attempts} SKIP LOCKED
), upd AS (
    UPDATE {schema}.tasker_workflow_steps s
       SET claim_id = cur.token::text,
           claim_timeout_seconds = least(greatest(ceil(extract(epoch FROM n.now - cur.began_at)), 0) + $3,
                                         2147483647)::integer,
           updated_at = n.now
      FROM cur, (SELECT clock_timestamp() AT TIME ZONE 'UTC' AS now) n
     WHERE s.workflow_step_uuid = cur.workflow_step_uuid
    RETURNING cur.*, s.attempts
)
SELECT upd.workflow_step_uuid AS key, upd.token AS transition_uuid,
       coalesce(upd.from_state, 'in_progress')::text AS from_state,
       'in_progress'::text AS to_state, upd.sort_key::int4 AS sort_key, coalesce(upd.attempts, 0)::int4 AS attempts,
       {task_state}, 1::int4 AS moved
  FROM upd;

-- Not begun: as if the attempt had never been.
-- name: lease_release writes many moved (workflow_step_uuids uuid[], tokens uuid[], transition_uuids uuid[])
WITH cur AS MATERIALIZED (
    SELECT s.workflow_step_uuid, s.task_uuid, t.workflow_step_transition_uuid, t.sort_key, t.created_at,
           t.metadata ->> 'actor' AS actor, i.transition_uuid
      FROM unnest((SELECT $1)::uuid[], $2::uuid[], $3::uuid[]) AS i (step_uuid, token, transition_uuid)
      {of_attempts}
), {flip_step}, upd AS (
    UPDATE {schema}.tasker_workflow_steps s
       SET in_process = false, attempts = greatest(s.attempts - 1, 0), backoff_request_seconds = NULL, claim_id = NULL,
           updated_at = n.now
      FROM flip
     CROSS JOIN LATERAL (SELECT greatest(clock_timestamp() AT TIME ZONE 'UTC', flip.created_at) AS now) n
     WHERE s.workflow_step_uuid = flip.workflow_step_uuid
    RETURNING flip.*, s.attempts, n.now
), ins AS (
    INSERT INTO {schema}.tasker_workflow_step_transitions
           (workflow_step_transition_uuid, workflow_step_uuid, to_state, from_state, metadata, sort_key, most_recent,
            created_at, updated_at)
    SELECT upd.transition_uuid, upd.workflow_step_uuid, 'pending', 'in_progress',
           jsonb_strip_nulls(jsonb_build_object('event', 'release', 'actor', upd.actor)),
           upd.sort_key + 1, true, upd.now, upd.now
      FROM upd
    RETURNING workflow_step_uuid
)
SELECT upd.workflow_step_uuid AS key, upd.transition_uuid AS transition_uuid, 'in_progress'::text AS from_state,
       'pending'::text AS to_state, (upd.sort_key + 1)::int4 AS sort_key, coalesce(upd.attempts, 0)::int4 AS attempts,
       {task_state}, 1::int4 AS moved
  FROM upd
  JOIN ins ON ins.workflow_step_uuid = upd.workflow_step_uuid;
