-- SPDX-License-Identifier: MIT
-- The campaign of workflows: what must not be found at its end, and the hands of its disturber.

CREATE VIEW flow_open AS
SELECT k.task_uuid
  FROM tasker_tasks k
  LEFT JOIN tasker_task_transitions t ON t.task_uuid = k.task_uuid AND t.most_recent
 WHERE coalesce(t.to_state, 'pending') NOT IN ('complete', 'error');

CREATE FUNCTION flow_messages() RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    RETURN (SELECT count(*) FROM tasker_queue.q_shapes_queue) + (SELECT count(*) FROM tasker_queue.a_shapes_queue);
END
$$;

-- The rows that enqueued a step whose message is lost since; and those that a requeue came upon.
CREATE TABLE flow_lost (enqueue_uuid uuid PRIMARY KEY);

CREATE VIEW flow_requeued AS
SELECT o.workflow_step_transition_uuid AS enqueue_uuid
  FROM tasker_workflow_step_transitions t
  JOIN tasker_workflow_step_transitions o
       ON o.workflow_step_uuid = t.workflow_step_uuid AND o.sort_key = t.sort_key - 1
 WHERE t.metadata ->> 'event' = 'requeue';

CREATE VIEW flow_wrong (what, found) AS
WITH step AS (
    SELECT s.*, coalesce(t.to_state, 'pending') AS state, t.sort_key
      FROM tasker_workflow_steps s
      LEFT JOIN tasker_workflow_step_transitions t
        ON t.workflow_step_uuid = s.workflow_step_uuid AND t.most_recent
), task AS (
    SELECT k.task_uuid, t.to_state AS state
      FROM tasker_tasks k
      LEFT JOIN tasker_task_transitions t ON t.task_uuid = k.task_uuid AND t.most_recent
)
SELECT 'tasks that were not closed once',
       (SELECT count(*) FROM task k
         WHERE (SELECT count(*) FROM tasker_task_transitions t
                 WHERE t.task_uuid = k.task_uuid AND t.to_state IN ('complete', 'error')) <> 1)
UNION ALL
SELECT 'tasks complete without all their steps',
       (SELECT count(*) FROM task k
         WHERE k.state = 'complete'
           AND EXISTS (SELECT FROM step s WHERE s.task_uuid = k.task_uuid AND s.state <> 'complete'))
UNION ALL
SELECT 'tasks in error without a step that has used up its attempts',
       (SELECT count(*) FROM task k
         WHERE k.state = 'error'
           AND NOT EXISTS (SELECT FROM step s
                            WHERE s.task_uuid = k.task_uuid AND s.state = 'error' AND s.attempts = s.retry_limit))
UNION ALL
SELECT 'steps in error that may be tried again',
       (SELECT count(*) FROM step s WHERE s.state = 'error' AND s.attempts < s.retry_limit)
UNION ALL
SELECT 'steps with more attempts than they may have',
       (SELECT count(*) FROM step s WHERE s.attempts > s.retry_limit)
UNION ALL
SELECT 'steps whose attempts are not those in their history',
       (SELECT count(*) FROM step s
         WHERE coalesce(s.attempts, 0) <>
               (SELECT count(*) FILTER (WHERE t.to_state = 'in_progress')
                       - count(*) FILTER (WHERE t.metadata ->> 'event' = 'release')
                  FROM tasker_workflow_step_transitions t WHERE t.workflow_step_uuid = s.workflow_step_uuid))
UNION ALL
SELECT 'steps left enqueued or in progress',
       (SELECT count(*) FROM step s WHERE s.state IN ('enqueued', 'in_progress'))
UNION ALL
SELECT 'steps that were completed twice',
       (SELECT count(*) FROM (SELECT FROM tasker_workflow_step_transitions WHERE to_state = 'complete'
                               GROUP BY workflow_step_uuid HAVING count(*) > 1) d)
UNION ALL
SELECT 'results of another attempt than the one that completed',
       (SELECT count(*) FROM step s
         WHERE s.state = 'complete'
           AND s.results ->> 'token' IS DISTINCT FROM (
               SELECT o.workflow_step_transition_uuid::text FROM tasker_workflow_step_transitions o
                WHERE o.workflow_step_uuid = s.workflow_step_uuid AND o.sort_key = s.sort_key - 1))
UNION ALL
SELECT 'messages left in the queue or its archive', flow_messages()
UNION ALL
SELECT 'steps that were not requeued when their message was lost',
       (SELECT count(*) FROM flow_lost l
         WHERE NOT EXISTS (SELECT FROM flow_requeued r WHERE r.enqueue_uuid = l.enqueue_uuid))
UNION ALL
SELECT 'steps that were requeued without such a loss',
       (SELECT count(*) FROM flow_requeued r
         WHERE NOT EXISTS (SELECT FROM flow_lost l WHERE l.enqueue_uuid = r.enqueue_uuid));

-- As if failures of steps that wait had happened longer ago.
CREATE FUNCTION flow_shorten_waits() RETURNS bigint LANGUAGE sql AS $$
    WITH waiting AS (
        SELECT s.workflow_step_uuid
          FROM tasker_workflow_steps s
         WHERE NOT s.processed AND NOT s.in_process AND s.attempts > 0
           AND s.last_attempted_at > timezone('UTC', clock_timestamp()) - interval '5 minutes'
         ORDER BY s.workflow_step_uuid
           FOR NO KEY UPDATE SKIP LOCKED
    ), history AS (
        UPDATE tasker_workflow_step_transitions t
           SET created_at = t.created_at - interval '10 minutes'
          FROM waiting w
         WHERE t.workflow_step_uuid = w.workflow_step_uuid
    ), step AS (
        UPDATE tasker_workflow_steps s
           SET last_attempted_at = s.last_attempted_at - interval '10 minutes'
          FROM waiting w
         WHERE s.workflow_step_uuid = w.workflow_step_uuid
        RETURNING 1
    )
    SELECT count(*) FROM step
$$;

CREATE FUNCTION flow_end_session() RETURNS boolean LANGUAGE sql AS $$
    SELECT pg_terminate_backend(pid)
      FROM pg_stat_activity
     WHERE application_name = 'campaign' AND datname = current_database()
     ORDER BY random()
     LIMIT 1
$$;

-- As if the queue had come from a backup of earlier: some messages that nobody has in hand are gone.
CREATE FUNCTION flow_lose_messages() RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
    WITH found AS MATERIALIZED (
        SELECT q.msg_id, t.workflow_step_transition_uuid AS enqueue_uuid
          FROM tasker_queue.q_shapes_queue q
          JOIN tasker_workflow_step_transitions t
               ON t.workflow_step_transition_uuid = (q.headers ->> 'message_uuid')::uuid AND t.most_recent
         ORDER BY random()
         LIMIT 3
           FOR UPDATE OF q SKIP LOCKED
    ), gone AS (
        DELETE FROM tasker_queue.q_shapes_queue q USING found WHERE q.msg_id = found.msg_id
        RETURNING found.enqueue_uuid
    )
    INSERT INTO flow_lost SELECT enqueue_uuid FROM gone;
    RETURN (SELECT count(*) FROM flow_lost);
END
$$;

-- The control's: it asks neither for the state nor for the attempt.
CREATE FUNCTION flow_complete(step uuid) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    now timestamp := timezone('UTC', clock_timestamp());
    last record;
BEGIN
    PERFORM FROM tasker_workflow_steps WHERE workflow_step_uuid = step FOR NO KEY UPDATE;
    UPDATE tasker_workflow_step_transitions
       SET most_recent = false
     WHERE workflow_step_uuid = step AND most_recent
    RETURNING sort_key, to_state INTO last;
    INSERT INTO tasker_workflow_step_transitions
           (workflow_step_uuid, from_state, to_state, sort_key, most_recent, created_at, updated_at)
    VALUES (step, last.to_state, 'complete', last.sort_key + 1, true, now, now);
    UPDATE tasker_workflow_steps
       SET in_process = false, processed = true, processed_at = now
     WHERE workflow_step_uuid = step;
END
$$;
