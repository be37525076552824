-- SPDX-License-Identifier: MIT
-- Taking whatever there is. What read() finds, the statement that calls it cannot see: a message and the state of its
-- step are committed by one transaction, which may be younger than the statement's snapshot. So the first statement of
-- the flush keeps what it found in a setting of the transaction, and those behind it start the steps, delete the
-- messages of those that started, and bring what workers need; {gathered} in lease.sql reads the setting.
--
-- Keys of history rows come from the client, one of each for every item; queues are read in the order given.

-- What readers in Ruby take for a key.
-- part: hex4 ()
[0-9a-f][0-9a-f][0-9a-f][0-9a-f]
-- part: uuid_pattern ()
'^{hex4}{hex4}-{hex4}-[1-7][0-9a-f][0-9a-f][0-9a-f]-[89ab][0-9a-f][0-9a-f][0-9a-f]-{hex4}{hex4}{hex4}$'

-- Nothing that a message holds raises an error: it is compared before it is read. A message that is none of a step, or
-- names the step of another task, gets no step_uuid. Since pgmq 1.5 there are headers; before, the key of the row that
-- enqueued the step can only be in the body.
-- part: read_message (r: message_record)
(SELECT CASE WHEN b.step_uuid ~* {uuid_pattern} AND b.task_uuid ~* {uuid_pattern}
                      AND jsonb_typeof(r.message -> 'ready_dependency_step_uuids') = 'array'
                      AND NOT EXISTS (SELECT
                                        FROM jsonb_array_elements_text(
                                                 CASE jsonb_typeof(r.message -> 'ready_dependency_step_uuids')
                                                 WHEN 'array' THEN r.message -> 'ready_dependency_step_uuids'
                                                 ELSE '[]' END) AS d (step_uuid)
                                       WHERE coalesce(d.step_uuid !~* {uuid_pattern}, true))
                      AND coalesce((SELECT CAST (s.task_uuid AS text)
                                      FROM {schema}.tasker_workflow_steps s
                                     WHERE s.workflow_step_uuid = CASE WHEN b.step_uuid ~* {uuid_pattern}
                                                                       THEN b.step_uuid END::uuid)
                                   = lower(b.task_uuid), true)
                 THEN b.step_uuid END AS step_uuid,
            CASE WHEN b.enqueue_uuid ~* {uuid_pattern} THEN b.enqueue_uuid END AS enqueue_uuid,
            CASE WHEN length(b.traceparent) <= 128 THEN b.traceparent END AS traceparent
   FROM (SELECT r.message ->> 'step_uuid' AS step_uuid, r.message ->> 'task_uuid' AS task_uuid,
                coalesce((SELECT headers FROM (SELECT r.*) AS own) ->> 'message_uuid', r.message ->> 'enqueue_uuid')
                    AS enqueue_uuid,
                (SELECT headers FROM (SELECT r.*) AS own) ->> 'traceparent' AS traceparent) b)

-- name: lease_take__gather writes none (queue_names text[], lease_seconds int4, row_limit int4, transition_uuids uuid[],
--   retry_uuids uuid[], task_transition_uuids uuid[])
WITH RECURSIVE found (n, number, items) AS (
    SELECT 0, 0, '[]'::jsonb
    UNION ALL
    SELECT f.n + 1, f.number + m.number, f.items || m.items
      FROM found f
     CROSS JOIN LATERAL (
           SELECT count(*)::integer AS number,
                  coalesce(jsonb_agg(jsonb_build_object(
                      'queue_name', ($1)[f.n + 1], 'msg_id', r.msg_id, 'read_ct', r.read_ct,
                      'step_uuid', b.step_uuid, 'enqueue_uuid', b.enqueue_uuid, 'traceparent', b.traceparent)), '[]')
                      AS items
             FROM {what_may_be_missing}
            CROSS JOIN {queue_schema}.read(($1)[f.n + 1], $2, $3 - f.number) r
            CROSS JOIN LATERAL {read_message} b) m
     WHERE f.n < cardinality($1)
       AND f.number < $3
)
SELECT
 WHERE set_config('tasker.gathered', (
           SELECT coalesce(jsonb_agg(i.item || jsonb_build_object(
                                         'transition_uuid', ($4)[i.n], 'retry_uuid', ($5)[i.n],
                                         'task_transition_uuid', ($6)[i.n])), '[]')::text
             FROM (SELECT f.items FROM found f ORDER BY f.n DESC LIMIT 1) f
            CROSS JOIN jsonb_array_elements(f.items) WITH ORDINALITY AS i (item, n)), true) IS NULL;

-- The same without a queue: steps of the tasks that are first in the order of claims.
-- name: lease_take__gather_ready writes none (row_limit int4, namespace_names text[]?, monotone bool,
--   transition_uuids uuid[], retry_uuids uuid[], task_transition_uuids uuid[])
SELECT
 WHERE set_config('tasker.gathered', (
           SELECT coalesce(jsonb_agg(jsonb_build_object(
                               'step_uuid', r.step_uuid, 'transition_uuid', ($4)[r.n], 'retry_uuid', ($5)[r.n],
                               'task_transition_uuid', ($6)[r.n])), '[]')::text
             FROM {schema}.tasker_ready_steps(
                      $1, CASE WHEN $2 IS NOT NULL
                               THEN ARRAY(SELECT nt.named_task_uuid
                                            FROM {schema}.tasker_named_tasks nt
                                            JOIN {schema}.tasker_task_namespaces ns
                                                 ON ns.task_namespace_uuid = nt.task_namespace_uuid
                                           WHERE ns.name = ANY ($2)) END,
                      $3, clock_timestamp() AT TIME ZONE 'UTC') WITH ORDINALITY AS r (step_uuid, n)), true) IS NULL;

-- The same of one task. As above, nobody is waited for, and a task that has not begun is locked before its steps.
-- name: lease_take__gather_task writes none (row_limit int4, task_uuid uuid, transition_uuids uuid[], retry_uuids uuid[],
--   task_transition_uuids uuid[])
WITH how AS (
    SELECT clock_timestamp() AT TIME ZONE 'UTC' AS now
), begins AS MATERIALIZED (
    SELECT k.task_uuid
      FROM {schema}.tasker_tasks k
     WHERE k.task_uuid = $2
       AND coalesce((SELECT t.to_state = 'pending'
                       FROM {schema}.tasker_task_transitions t
                      WHERE t.task_uuid = k.task_uuid AND t.most_recent), true)
       FOR NO KEY UPDATE OF k SKIP LOCKED
), able AS MATERIALIZED (
    SELECT q.task_uuid, how.now
      FROM how
     CROSS JOIN {schema}.tasker_task_queue q
     WHERE q.task_uuid = $2
       AND NOT q.failed
       AND coalesce(q.start_at < how.now, true)
       AND q.named_task_uuid <> ALL (ARRAY(SELECT p.named_task_uuid FROM {tasker_paused_kinds} p))
       AND ((SELECT count(*) FROM begins) > 0
            OR (SELECT t.to_state <> 'pending'
                  FROM {schema}.tasker_task_transitions t
                 WHERE t.task_uuid = q.task_uuid AND t.most_recent))
), step AS MATERIALIZED (
    SELECT l.workflow_step_uuid
      FROM able
     CROSS JOIN LATERAL (
           SELECT s.workflow_step_uuid
             FROM {schema}.tasker_step_readiness r
             JOIN {schema}.tasker_workflow_steps s ON s.workflow_step_uuid = r.workflow_step_uuid
            WHERE r.task_uuid = able.task_uuid AND r.available_at <= able.now
            ORDER BY r.available_at
            LIMIT $1
              FOR NO KEY UPDATE OF s SKIP LOCKED) l
)
SELECT
 WHERE set_config('tasker.gathered', (
           SELECT coalesce(jsonb_agg(jsonb_build_object(
                               'step_uuid', i.step_uuid, 'transition_uuid', ($3)[i.n], 'retry_uuid', ($4)[i.n],
                               'task_transition_uuid', ($5)[i.n])), '[]')::text
             FROM unnest(ARRAY(SELECT step.workflow_step_uuid FROM step)) WITH ORDINALITY AS i (step_uuid, n)), true)
                 IS NULL;

-- Messages of paused kinds (delay.sql) are forgotten, and are there again when they are no longer hidden.
-- name: lease_take__set_aside writes none ()
SELECT
 WHERE CASE WHEN EXISTS (SELECT FROM {schema}.tasker_paused)
            THEN set_config('tasker.gathered', (
                     SELECT coalesce(jsonb_agg(i.item), '[]')::text
                       FROM jsonb_array_elements(current_setting('tasker.gathered')::jsonb) AS i (item)
                      WHERE ((SELECT k.named_task_uuid
                                FROM {schema}.tasker_workflow_steps s
                                JOIN {schema}.tasker_tasks k ON k.task_uuid = s.task_uuid
                               WHERE s.workflow_step_uuid = CAST (i.item ->> 'step_uuid' AS uuid))
                             = ANY (ARRAY(SELECT p.named_task_uuid FROM {tasker_paused_kinds} p))) IS NOT TRUE), true)
                 IS NULL END;

-- name: lease_take__begin writes none ()
WITH step AS MATERIALIZED (
    SELECT s.workflow_step_uuid, s.task_uuid
      FROM {schema}.tasker_workflow_steps s
     WHERE s.workflow_step_uuid = ANY (ARRAY(SELECT g.step_uuid FROM ({gathered}) g))
), task AS (
    SELECT DISTINCT step.task_uuid FROM step
), {first_rows};

-- part: items_gathered ()
item AS MATERIALIZED (
    SELECT g.step_uuid, g.transition_uuid, g.retry_uuid, g.task_transition_uuid, g.enqueue_uuid,
           g.msg_id IS NOT NULL AS by_message
      FROM ({gathered}) g
     WHERE g.step_uuid IS NOT NULL
)

-- name: lease_take__start_tasks writes none (sources text[], actor text)
WITH how AS (
    SELECT $1 AS sources, NULL::integer AS expected_sort_key, $2 AS actor, NULL::uuid AS claim
), {items_gathered}, {start_tasks};

-- name: lease_take writes many moved (actor text(128), lease_seconds int4)
WITH {items_gathered}, {start_steps};

-- Messages of steps that have started, here or elsewhere, or have been enqueued anew since, have done their work; those
-- of none are kept for whoever wants to know. What is left is of steps that may not start now, their task being in
-- error: hidden until the lease would have ended, and then there again.
-- name: lease_take__acknowledge writes none ()
WITH spent AS MATERIALIZED (
    SELECT g.queue_name, g.step_uuid IS NULL AS malformed, array_agg(g.msg_id ORDER BY g.msg_id) AS msg_ids
      FROM ({gathered}) g
     WHERE coalesce((SELECT t.to_state <> 'enqueued'
                            OR coalesce(g.enqueue_uuid <> t.workflow_step_transition_uuid, false)
                       FROM {schema}.tasker_workflow_step_transitions t
                      WHERE t.workflow_step_uuid = g.step_uuid AND t.most_recent), true)
     GROUP BY g.queue_name, g.step_uuid IS NULL
)
SELECT FROM spent s CROSS JOIN LATERAL {queue_schema}.delete(s.queue_name, s.msg_ids) WHERE NOT s.malformed
UNION ALL
SELECT FROM spent s CROSS JOIN LATERAL {queue_schema}.archive(s.queue_name, s.msg_ids) WHERE s.malformed;

-- name: lease_take__follow reads none ()
SELECT
  FROM {schema}.tasker_ready_set_follow_steps(ARRAY(SELECT g.step_uuid FROM ({gathered}) g WHERE g.step_uuid IS NOT NULL)),
       set_config('tasker.followed', 'off', true);

-- For hooks: what the flush before it wrote.
-- name: lease_take__written reads many state_written ()
WITH tx AS MATERIALIZED (
    SELECT pg_current_xact_id_if_assigned()::text::int8 AS xid
), step AS MATERIALIZED (
    SELECT s.workflow_step_uuid, s.task_uuid, s.attempts
      FROM {schema}.tasker_workflow_steps s
     WHERE s.workflow_step_uuid = ANY (ARRAY(SELECT g.step_uuid FROM ({gathered}) g))
), task AS MATERIALIZED (
    SELECT DISTINCT step.task_uuid FROM step
), {what_is_written};
