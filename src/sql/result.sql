-- SPDX-License-Identifier: MIT
-- Results that workers of tasker-core have sent: one statement takes the messages away and changes their steps. A
-- message that is gone meanwhile was applied by somebody else, and so is not applied again; the delete waits for him.

-- How the steps stand, in the order asked.
-- columns: result_look (found bool, same_task bool, busy bool, skippable bool)
-- name: result_message_apply__look reads many result_look (workflow_step_uuids uuid[], task_uuids uuid[])
SELECT s.workflow_step_uuid IS NOT NULL AS found, coalesce(s.task_uuid = i.task_uuid, false) AS same_task,
       coalesce((SELECT t.to_state
                   FROM {schema}.tasker_workflow_step_transitions t
                  WHERE t.workflow_step_uuid = s.workflow_step_uuid AND t.most_recent), 'pending') IN {busy} AS busy,
       coalesce(s.skippable, false) AS skippable
  FROM unnest($1::uuid[], $2::uuid[]) WITH ORDINALITY AS i (step_uuid, task_uuid, n)
  LEFT JOIN {schema}.tasker_workflow_steps s ON s.workflow_step_uuid = i.step_uuid
 ORDER BY i.n;

-- A step that is enqueued has evidently been started: these workers do not say so. That attempt is counted here.
-- targets: the state that each leads to; what fails is told as by fail_attempts, in lease.sql.
-- name: result_message_apply writes many moved (queue_name text, msg_ids int8[], workflow_step_uuids uuid[],
--   transition_uuids uuid[], targets text[], results jsonb[], permanents bool[], retry_after_seconds int4[],
--   error_messages text[], error_types text[], execution_ms int8[], workers text[], jitter float8)
WITH gone AS MATERIALIZED (
    SELECT g.msg_id FROM {queue_schema}.delete($1, $2) AS g (msg_id)
), cur AS MATERIALIZED (
    SELECT s.workflow_step_uuid, s.task_uuid, t.workflow_step_transition_uuid, t.to_state, t.sort_key, t.created_at,
           i.transition_uuid, i.target, i.results, i.permanent, i.retry_after, i.error_message, i.error_type,
           i.execution_ms, i.worker,
           a.attempts, i.target = 'error' AND s.retryable AND NOT i.permanent
                       AND a.attempts < coalesce(s.retry_limit, 3) AS again, $13 AS jitter
      FROM unnest($2::int8[], $3::uuid[], $4::uuid[], $5::text[], $6::jsonb[], $7::bool[], $8::int4[], $9::text[],
                  $10::text[], $11::int8[], $12::text[])
           AS i (msg_id, step_uuid, transition_uuid, target, results, permanent, retry_after, error_message, error_type,
                 execution_ms, worker)
      JOIN gone ON gone.msg_id = i.msg_id
      JOIN {schema}.tasker_workflow_steps s ON s.workflow_step_uuid = i.step_uuid
      JOIN {schema}.tasker_workflow_step_transitions t
           ON t.workflow_step_uuid = s.workflow_step_uuid AND t.most_recent
     CROSS JOIN LATERAL (
           SELECT coalesce(s.attempts, 0) + CASE WHEN t.to_state = 'enqueued' THEN 1 ELSE 0 END AS attempts) a
     WHERE t.to_state IN {busy}
     ORDER BY s.workflow_step_uuid
       FOR NO KEY UPDATE OF s, t
), {flip_step}, upd AS (
    UPDATE {schema}.tasker_workflow_steps s
       SET in_process = false, claim_id = NULL, attempts = flip.attempts,
           last_attempted_at = CASE WHEN flip.to_state = 'enqueued' THEN n.now ELSE s.last_attempted_at END,
           processed = flip.target IN {step_processed},
           processed_at = CASE WHEN flip.target IN {step_processed} THEN n.now END,
           results = CASE WHEN flip.target = 'complete' THEN flip.results ELSE s.results END,
           retryable = s.retryable AND NOT flip.permanent,
           backoff_request_seconds = CASE WHEN flip.again THEN
               ceil(d.delay + CASE WHEN flip.to_state = 'enqueued' THEN 0
                                   ELSE extract(epoch FROM n.now - coalesce(s.last_attempted_at, n.now)) END)::integer
               END,
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
    SELECT r.id, upd.workflow_step_uuid, r.to_state, r.from_state,
           jsonb_strip_nulls(jsonb_build_object('event', r.event, 'actor', upd.worker, 'attempt_number', upd.attempts))
               || coalesce(r.metadata, '{}'),
           upd.sort_key + r.step + b.started, r.most_recent, upd.now, upd.now
      FROM upd
     CROSS JOIN LATERAL (SELECT CASE WHEN upd.to_state = 'enqueued' THEN 1 ELSE 0 END AS started) b
     CROSS JOIN LATERAL (
           SELECT {schema}.uuid_generate_v7(), 'in_progress', 'enqueued', 'start', 0, false, NULL::jsonb
            WHERE upd.to_state = 'enqueued'
           UNION ALL
           SELECT upd.transition_uuid, upd.target, 'in_progress',
                  CASE upd.target WHEN 'complete' THEN 'complete' WHEN 'error' THEN 'fail'
                                  WHEN 'cancelled' THEN 'cancel' ELSE 'resolve_manually' END,
                  1, NOT upd.again,
                  jsonb_strip_nulls(jsonb_build_object(
                      'error_message', upd.error_message, 'error_type', upd.error_type,
                      'execution_duration', upd.execution_ms / 1000.0))
                  || CASE WHEN upd.target = 'error' THEN jsonb_strip_nulls(jsonb_build_object(
                      'retryable', upd.again, 'retry_available', upd.again,
                      'backoff_seconds', upd.backoff_request_seconds,
                      'backoff_until', to_char(upd.backoff_until, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))) ELSE '{}' END
           UNION ALL
           SELECT {schema}.uuid_generate_v7(), 'pending', 'error', 'retry', 2, true, '{"retry_attempt": true}'
            WHERE upd.again
           ) AS r (id, to_state, from_state, event, step, most_recent, metadata)
    RETURNING workflow_step_uuid, to_state, sort_key, most_recent
)
SELECT upd.workflow_step_uuid AS key, upd.transition_uuid AS transition_uuid, upd.to_state::text AS from_state,
       ins.to_state::text AS to_state, ins.sort_key::int4 AS sort_key, upd.attempts::int4 AS attempts,
       {task_state},
       (CASE WHEN upd.again THEN 2 ELSE 1 END + CASE WHEN upd.to_state = 'enqueued' THEN 1 ELSE 0 END)::int4 AS moved
  FROM upd
  JOIN ins ON ins.workflow_step_uuid = upd.workflow_step_uuid AND ins.most_recent
 WHERE (SELECT count(*) FROM gone) >= 0;

-- Signs of life: the attempt counts from now, as if it had just begun.
-- name: result_message_apply__beat writes none (queue_name text, msg_ids int8[], workflow_step_uuids uuid[])
WITH gone AS MATERIALIZED (
    SELECT g.msg_id FROM {queue_schema}.delete($1, $2) AS g (msg_id)
), cur AS MATERIALIZED (
    SELECT s.workflow_step_uuid, t.workflow_step_transition_uuid AS token,
           coalesce(s.last_attempted_at, t.created_at) AS began_at
      FROM unnest($2::int8[], $3::uuid[]) AS i (msg_id, step_uuid)
      JOIN gone ON gone.msg_id = i.msg_id
      JOIN {schema}.tasker_workflow_steps s ON s.workflow_step_uuid = i.step_uuid
      JOIN {schema}.tasker_workflow_step_transitions t
           ON t.workflow_step_uuid = s.workflow_step_uuid AND t.most_recent
     WHERE t.to_state = 'in_progress'
     ORDER BY s.workflow_step_uuid
       FOR NO KEY UPDATE OF s, t
)
UPDATE {schema}.tasker_workflow_steps s
   SET claim_id = cur.token::text, updated_at = n.now,
       claim_timeout_seconds = least(greatest(ceil(extract(epoch FROM n.now - cur.began_at)), 0) + 600,
                                     2147483647)::integer
  FROM cur, (SELECT clock_timestamp() AT TIME ZONE 'UTC' AS now) n
 WHERE s.workflow_step_uuid = cur.workflow_step_uuid;

-- name: result_message_apply__archive writes none (queue_name text, msg_ids int8[], reasons text[])
SELECT WHERE {queue_schema}.archive_because($1, $2, $3) IS NULL;

-- For pgmq, which has no place for a reason but the headers; behind its archive.
-- name: result_message_apply__explain writes none (queue_name text, msg_ids int8[], reasons text[])
SELECT WHERE {schema}.tasker_queue_explain($1, $2, $3) IS NULL;
