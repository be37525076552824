-- SPDX-License-Identifier: MIT
-- Steps go to the queue of their namespace: state and message in one statement. The shape of the write is explained in
-- lifecycle.sql; the message is tasker-core's (docs/messages.md), its headers name the history row that sent it and the
-- attempt that is to begin.

-- A step in error that may be tried again passes through pending on its way: two rows, one of them current.
-- part: enqueued (item: step_uuid, transition_uuid; $3 expected_sort_key, $4 actor, $5 reason, $6 metadata)
cur AS MATERIALIZED (
    SELECT s.workflow_step_uuid, s.task_uuid, t.workflow_step_transition_uuid, t.to_state, t.sort_key, t.created_at,
           i.transition_uuid
      FROM item i
      JOIN {schema}.tasker_workflow_steps s ON s.workflow_step_uuid = i.step_uuid
      JOIN {schema}.tasker_workflow_step_transitions t
           ON t.workflow_step_uuid = s.workflow_step_uuid AND t.most_recent
     WHERE t.to_state IN {idle}
       AND ($3 IS NULL OR t.sort_key = $3)
       AND (SELECT true FROM {schema}.tasker_workflow_step_transitions o
             WHERE o.workflow_step_transition_uuid = i.transition_uuid) IS NULL
       AND (SELECT r.ready_for_execution FROM {tasker_step_readiness_status} r
             WHERE r.workflow_step_uuid = i.step_uuid)
       AND {step_as_seen}
       AND coalesce((SELECT kt.to_state FROM {schema}.tasker_task_transitions kt
                      WHERE kt.task_uuid = s.task_uuid AND kt.most_recent), 'pending') IN {open}
     ORDER BY s.workflow_step_uuid
       FOR NO KEY UPDATE OF s, t
), {flip_step}, ins AS (
    INSERT INTO {schema}.tasker_workflow_step_transitions
           (workflow_step_transition_uuid, workflow_step_uuid, to_state, from_state, metadata, sort_key, most_recent,
            created_at, updated_at)
    SELECT r.id, flip.workflow_step_uuid, r.to_state, r.from_state,
           jsonb_strip_nulls(jsonb_build_object('event', r.event, 'actor', $4, 'reason', $5,
                                                'retry_attempt', CASE WHEN r.event = 'retry' THEN true END))
               || coalesce($6, '{}'),
           flip.sort_key + r.step, r.most_recent, n.now, n.now
      FROM flip
     CROSS JOIN LATERAL (SELECT greatest(clock_timestamp() AT TIME ZONE 'UTC', flip.created_at) AS now) n
     CROSS JOIN LATERAL (
           SELECT {schema}.uuid_generate_v7(), 'pending', 'error', 'retry', 1, false WHERE flip.to_state = 'error'
           UNION ALL
           SELECT flip.transition_uuid, 'enqueued', 'pending', 'enqueue',
                  CASE WHEN flip.to_state = 'error' THEN 2 ELSE 1 END, true
           ) AS r (id, to_state, from_state, event, step, most_recent)
    RETURNING workflow_step_transition_uuid, workflow_step_uuid, sort_key, most_recent, created_at
), upd AS (
    UPDATE {schema}.tasker_workflow_steps s
       SET in_process = false, processed = false, processed_at = NULL, updated_at = ins.created_at
      FROM ins
      JOIN flip ON flip.workflow_step_uuid = ins.workflow_step_uuid
     WHERE s.workflow_step_uuid = ins.workflow_step_uuid
       AND ins.most_recent
    RETURNING s.workflow_step_uuid, s.task_uuid, ins.workflow_step_transition_uuid AS transition_uuid, ins.sort_key,
              flip.to_state AS from_state, coalesce(s.attempts, 0) AS attempts
)

-- All that the step stands on, each once; done, or it would not be ready.
-- part: letters (upd: steps with the rows that sent them; $7 traceparent)
above (root_uuid, step_uuid) AS (
    SELECT upd.workflow_step_uuid, e.from_step_uuid
      FROM upd
      JOIN {schema}.tasker_workflow_step_edges e ON e.to_step_uuid = upd.workflow_step_uuid
    UNION
    SELECT a.root_uuid, e.from_step_uuid
      FROM above a
      JOIN {schema}.tasker_workflow_step_edges e ON e.to_step_uuid = a.step_uuid
), letters AS MATERIALIZED (
    SELECT upd.workflow_step_uuid, ns.name || '_queue' AS queue_name,
           jsonb_build_object('task_uuid', upd.task_uuid, 'step_uuid', upd.workflow_step_uuid,
                              'ready_dependency_step_uuids', (
                                  SELECT coalesce(jsonb_agg(a.step_uuid ORDER BY a.step_uuid), '[]')
                                    FROM above a
                                   WHERE a.root_uuid = upd.workflow_step_uuid)) AS message,
           jsonb_strip_nulls(jsonb_build_object('message_uuid', upd.transition_uuid, 'attempt', upd.attempts + 1,
                                                'traceparent', $7)) AS headers
      FROM upd
      JOIN {schema}.tasker_tasks k ON k.task_uuid = upd.task_uuid
      JOIN {schema}.tasker_named_tasks nt ON nt.named_task_uuid = k.named_task_uuid
      JOIN {schema}.tasker_task_namespaces ns ON ns.task_namespace_uuid = nt.task_namespace_uuid
)

-- part: bundles (letters)
(SELECT l.queue_name, array_agg(l.message ORDER BY l.workflow_step_uuid) AS messages,
               array_agg(l.headers ORDER BY l.workflow_step_uuid) AS headers
          FROM letters l
         GROUP BY l.queue_name) b

-- The last line makes the sends happen before the answer.
-- part: enqueued_rows (upd, sent)
SELECT upd.workflow_step_uuid AS key, upd.transition_uuid AS transition_uuid, upd.from_state::text AS from_state,
       'enqueued'::text AS to_state, upd.sort_key::int4 AS sort_key, upd.attempts::int4 AS attempts,
       {task_state},
       CASE WHEN upd.from_state = 'error' THEN 2 ELSE 1 END::int4 AS moved
  FROM upd
 WHERE (SELECT count(*) FROM sent) >= 0

-- parameters: enqueue (workflow_step_uuids uuid[], transition_uuids uuid[], expected_sort_key int4?, actor text?,
--   reason text?, metadata jsonb?, traceparent text?, delay_seconds int4, claim uuid?)
-- part: items_given ($1, $2, $9 claim)
item AS (
    SELECT i.step_uuid, i.transition_uuid
      FROM unnest($1::uuid[], $2::uuid[]) AS i (step_uuid, transition_uuid)
      JOIN {schema}.tasker_workflow_steps s ON s.workflow_step_uuid = i.step_uuid
     CROSS JOIN LATERAL (SELECT s.task_uuid, $9) AS held (task_uuid, token)
     WHERE {still_held}
)

-- name: workflow_step_enqueue writes many moved ({enqueue})
WITH RECURSIVE {items_given}, {enqueued}, {letters}, sent AS (
    SELECT s.msg_id
      FROM {bundles}
     CROSS JOIN LATERAL {queue_schema}.send_batch(b.queue_name, b.messages, b.headers, $8) AS s (msg_id)
)
{enqueued_rows};

-- For a pgmq that has no headers.
-- name: workflow_step_enqueue__bare writes many moved ({enqueue})
WITH RECURSIVE {items_given}, {enqueued}, {letters}, sent AS (
    SELECT s.msg_id
      FROM {bundles}
     CROSS JOIN LATERAL {queue_schema}.send_batch(b.queue_name, b.messages, $8) AS s (msg_id)
)
{enqueued_rows};

-- name: workflow_step_enqueue__silent writes many moved ({enqueue})
WITH RECURSIVE {items_given}, {enqueued}, sent AS (
    SELECT WHERE $7 IS NULL AND $8 IS NULL
)
{enqueued_rows};

-- For steps that are enqueued already: the message once more.
-- part: upd_enqueued ($1 workflow_step_uuids, $9 claim)
upd AS (
    SELECT s.workflow_step_uuid, s.task_uuid, t.workflow_step_transition_uuid AS transition_uuid,
           coalesce(s.attempts, 0) AS attempts
      FROM unnest($1::uuid[]) AS i (step_uuid)
      JOIN {schema}.tasker_workflow_steps s ON s.workflow_step_uuid = i.step_uuid
      JOIN {schema}.tasker_workflow_step_transitions t
           ON t.workflow_step_uuid = s.workflow_step_uuid AND t.most_recent
     CROSS JOIN LATERAL (SELECT s.task_uuid, $9) AS held (task_uuid, token)
     WHERE t.to_state = 'enqueued'
       AND {still_held}
     ORDER BY s.workflow_step_uuid
       FOR NO KEY UPDATE OF s, t
)

-- name: workflow_step_enqueue__again writes one row_count ({enqueue})
WITH RECURSIVE {upd_enqueued}, {letters}, sent AS (
    SELECT s.msg_id
      FROM {bundles}
     CROSS JOIN LATERAL {queue_schema}.send_batch(b.queue_name, b.messages, b.headers, $8) AS s (msg_id)
)
SELECT count(*)::int8 AS row_count FROM sent WHERE $2 IS NOT NULL OR ($3, $4, $5, $6) IS NOT NULL;

-- name: workflow_step_enqueue__again_bare writes one row_count ({enqueue})
WITH RECURSIVE {upd_enqueued}, {letters}, sent AS (
    SELECT s.msg_id
      FROM {bundles}
     CROSS JOIN LATERAL {queue_schema}.send_batch(b.queue_name, b.messages, $8) AS s (msg_id)
)
SELECT count(*)::int8 AS row_count FROM sent WHERE $2 IS NOT NULL OR ($3, $4, $5, $6) IS NOT NULL;

-- For pgmq, which does not wake anybody itself: beside the send, in the same transaction.
-- name: workflow_step_enqueue__wake writes none (workflow_step_uuids uuid[])
SELECT FROM {schema}.tasker_queue_notify n
 WHERE CASE WHEN n.queue_name IN (
                SELECT ns.name || '_queue'
                  FROM {schema}.tasker_workflow_steps s
                  JOIN {schema}.tasker_tasks k ON k.task_uuid = s.task_uuid
                  JOIN {schema}.tasker_named_tasks nt ON nt.named_task_uuid = k.named_task_uuid
                  JOIN {schema}.tasker_task_namespaces ns ON ns.task_namespace_uuid = nt.task_namespace_uuid
                 WHERE s.workflow_step_uuid = ANY ($1))
            THEN pg_notify('tasker_q_' || n.queue_name, '') IS NULL END;

-- ---- all that can start in claimed tasks; sent behind a lock on the tasks' rows ----

-- part: held ($1 task_uuids, $2 tokens: those whose claim this is, as it stands under the lock)
held AS MATERIALIZED (
    SELECT k.task_uuid
      FROM unnest($1::uuid[], $2::uuid[]) AS held (task_uuid, token)
      JOIN {schema}.tasker_tasks k ON k.task_uuid = held.task_uuid
     WHERE {is_held}
)

-- part: held_steps (held)
SELECT r.workflow_step_uuid
  FROM held
  JOIN {schema}.tasker_step_readiness r ON r.task_uuid = held.task_uuid
 WHERE r.available_at <= clock_timestamp() AT TIME ZONE 'UTC'

-- First rows of histories, where other writers left them out.
-- part: first_rows (task: task_uuid; step: workflow_step_uuid)
begun AS (
    INSERT INTO {schema}.tasker_task_transitions (task_uuid, to_state, sort_key, most_recent, created_at, updated_at)
    SELECT task.task_uuid, 'pending', 1, true, n.now, n.now
      FROM task
     CROSS JOIN (SELECT clock_timestamp() AT TIME ZONE 'UTC' AS now) n
     WHERE (SELECT true FROM {schema}.tasker_task_transitions t WHERE t.task_uuid = task.task_uuid LIMIT 1) IS NULL
     ORDER BY task.task_uuid
    ON CONFLICT (task_uuid, most_recent) WHERE most_recent DO NOTHING
)
INSERT INTO {schema}.tasker_workflow_step_transitions
       (workflow_step_uuid, to_state, sort_key, most_recent, created_at, updated_at)
SELECT step.workflow_step_uuid, 'pending', 1, true, n.now, n.now
  FROM step
 CROSS JOIN (SELECT clock_timestamp() AT TIME ZONE 'UTC' AS now) n
 WHERE (SELECT true FROM {schema}.tasker_workflow_step_transitions t
         WHERE t.workflow_step_uuid = step.workflow_step_uuid LIMIT 1) IS NULL
 ORDER BY step.workflow_step_uuid
ON CONFLICT (workflow_step_uuid, most_recent) WHERE most_recent DO NOTHING

-- name: claim_enqueue__begin writes none (task_uuids uuid[], tokens uuid[])
WITH {held}, task AS (
    SELECT held.task_uuid FROM held
), step AS (
    {held_steps}
), {first_rows};

-- name: claim_enqueue__start writes none (task_uuids uuid[], tokens uuid[], transition_uuids uuid[], actor text?)
WITH {held}, cur AS MATERIALIZED (
    SELECT k.task_uuid, t.task_transition_uuid, t.sort_key, t.created_at
      FROM held
      JOIN {schema}.tasker_tasks k ON k.task_uuid = held.task_uuid
      JOIN {schema}.tasker_task_transitions t ON t.task_uuid = k.task_uuid AND t.most_recent
     WHERE t.to_state = 'pending'
       AND NOT k.complete
       AND (SELECT true
              FROM {schema}.tasker_step_readiness r
             WHERE r.task_uuid = k.task_uuid AND r.available_at <= clock_timestamp() AT TIME ZONE 'UTC'
             LIMIT 1)
     ORDER BY k.task_uuid
       FOR NO KEY UPDATE OF k, t
), {flip_task}
INSERT INTO {schema}.tasker_task_transitions
       (task_transition_uuid, task_uuid, to_state, from_state, metadata, sort_key, most_recent, created_at, updated_at)
SELECT i.transition_uuid, flip.task_uuid, 'in_progress', 'pending',
       jsonb_strip_nulls(jsonb_build_object('event', 'start', 'actor', $4)), flip.sort_key + 1, true, n.now, n.now
  FROM flip
  JOIN unnest($1::uuid[], $3::uuid[]) AS i (task_uuid, transition_uuid) ON i.task_uuid = flip.task_uuid
 CROSS JOIN LATERAL (SELECT greatest(clock_timestamp() AT TIME ZONE 'UTC', flip.created_at) AS now) n;

-- Keys of history rows are made by the table: which steps move is known only here, and who repeats the call finds them
-- enqueued.
-- part: items_held (held)
item AS MATERIALIZED (
    SELECT r.workflow_step_uuid AS step_uuid, {schema}.uuid_generate_v7() AS transition_uuid
      FROM ({held_steps}) r
)

-- parameters: claim_enqueue (task_uuids uuid[], tokens uuid[], expected_sort_key int4?, actor text?, reason text?,
--   metadata jsonb?, traceparent text?, delay_seconds int4)
-- columns: enqueued_step (task_uuid uuid, workflow_step_uuid uuid)

-- name: claim_enqueue writes many enqueued_step ({claim_enqueue})
WITH RECURSIVE {held}, {items_held}, {enqueued}, {letters}, sent AS (
    SELECT s.msg_id
      FROM {bundles}
     CROSS JOIN LATERAL {queue_schema}.send_batch(b.queue_name, b.messages, b.headers, $8) AS s (msg_id)
)
SELECT {upd.enqueued_step} FROM upd WHERE (SELECT count(*) FROM sent) >= 0;

-- name: claim_enqueue__bare writes many enqueued_step ({claim_enqueue})
WITH RECURSIVE {held}, {items_held}, {enqueued}, {letters}, sent AS (
    SELECT s.msg_id
      FROM {bundles}
     CROSS JOIN LATERAL {queue_schema}.send_batch(b.queue_name, b.messages, $8) AS s (msg_id)
)
SELECT {upd.enqueued_step} FROM upd WHERE (SELECT count(*) FROM sent) >= 0;

-- name: claim_enqueue__silent writes many enqueued_step ({claim_enqueue})
WITH {held}, {items_held}, {enqueued}
SELECT {upd.enqueued_step} FROM upd WHERE $7 IS NULL AND $8 IS NOT NULL;

-- Steps that can no longer start are followed by what the ready set says of them until now.
-- name: claim_enqueue__follow runs none (task_uuids uuid[])
SELECT
  FROM (SELECT array_agg(r.workflow_step_uuid) AS step_uuids
          FROM {schema}.tasker_step_readiness r
         WHERE r.task_uuid = ANY ($1) AND r.available_at IS NOT NULL) a
 CROSS JOIN LATERAL {schema}.tasker_ready_set_follow_steps(coalesce(a.step_uuids, '{}')), set_config('tasker.followed', 'off', true);

-- For pgmq, as workflow_step_enqueue__wake.
-- name: claim_enqueue__wake writes none (task_uuids uuid[])
SELECT FROM {schema}.tasker_queue_notify n
 WHERE CASE WHEN n.queue_name IN (
                SELECT ns.name || '_queue'
                  FROM {schema}.tasker_tasks k
                  JOIN {schema}.tasker_named_tasks nt ON nt.named_task_uuid = k.named_task_uuid
                  JOIN {schema}.tasker_task_namespaces ns ON ns.task_namespace_uuid = nt.task_namespace_uuid
                 WHERE k.task_uuid = ANY ($1))
            THEN pg_notify('tasker_q_' || n.queue_name, '') IS NULL END;
