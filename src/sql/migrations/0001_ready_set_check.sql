-- SPDX-License-Identifier: MIT
--
-- Schema version 1, the ready set compared with what it is made from, and made anew. Run after
-- 0001_ready_set_tasks.sql, in the same transaction and by the same rules.


-- Rows of tasker_step_readiness and tasker_task_queue that are missing, surplus or wrong. A task that is awake without
-- need is none of them: claims put it to sleep.
CREATE FUNCTION {schema}.tasker_ready_set_differences()
RETURNS TABLE (what text, task_uuid uuid, workflow_step_uuid uuid, expected text, found text)
LANGUAGE sql STABLE
SET jit = off
BEGIN ATOMIC
    WITH step AS (
        SELECT a.workflow_step_uuid, a.task_uuid,
               concat_ws(' ', 'task', a.task_uuid, 'waits for',
                         (SELECT count(DISTINCT e.from_step_uuid)
                            FROM {schema}.tasker_workflow_step_edges e
                           WHERE e.to_step_uuid = a.workflow_step_uuid
                             AND (SELECT t.to_state
                                    FROM {schema}.tasker_workflow_step_transitions t
                                   WHERE t.workflow_step_uuid = e.from_step_uuid AND t.most_recent)
                                 IN ('complete', 'resolved_manually') IS NOT TRUE),
                         CASE WHEN a.done THEN 'done' END, 'startable', coalesce(a.startable_at::text, 'never')) AS row
          FROM {schema}.tasker_step_availability a
    ), kept_step AS (
        SELECT r.workflow_step_uuid, r.task_uuid,
               concat_ws(' ', 'task', r.task_uuid, 'waits for', r.remaining_parents, CASE WHEN r.done THEN 'done' END,
                         'startable', coalesce(r.startable_at::text, 'never')) AS row
          FROM {schema}.tasker_step_readiness r
    ), task AS (
        SELECT a.task_uuid, a.lease_until,
               concat_ws(' ', 'type', a.named_task_uuid, 'priority', a.priority, 'from', a.created_at,
                         CASE WHEN a.failed THEN 'failed' END, 'claimed until', coalesce(a.lease_until::text, 'never')
                        ) AS row
          FROM {schema}.tasker_task_availability a
         WHERE NOT a.over
    ), kept_task AS (
        SELECT q.task_uuid, q.start_at, q.wake_at,
               concat_ws(' ', 'type', q.named_task_uuid, 'priority', q.priority, 'from', q.created_at,
                         CASE WHEN q.failed THEN 'failed' END, 'claimed until', coalesce(q.lease_until::text, 'never')
                        ) AS row
          FROM {schema}.tasker_task_queue q
    )
    SELECT CASE WHEN k.row IS NULL THEN 'missing' WHEN s.row IS NULL THEN 'surplus' ELSE 'wrong' END,
           coalesce(s.task_uuid, k.task_uuid), coalesce(s.workflow_step_uuid, k.workflow_step_uuid), s.row, k.row
      FROM step s
      FULL JOIN kept_step k ON k.workflow_step_uuid = s.workflow_step_uuid
     WHERE s.row IS DISTINCT FROM k.row
    UNION ALL
    SELECT CASE WHEN k.row IS NULL THEN 'missing' WHEN t.row IS NULL THEN 'surplus' ELSE 'wrong' END,
           coalesce(t.task_uuid, k.task_uuid), NULL, t.row, k.row
      FROM task t
      FULL JOIN kept_task k ON k.task_uuid = t.task_uuid
     WHERE t.row IS DISTINCT FROM k.row
    UNION ALL
    SELECT 'wrong', t.task_uuid, NULL, 'wakes at ' || w.wake_at, 'wakes at ' || k.wake_at
      FROM task t
      JOIN kept_task k ON k.task_uuid = t.task_uuid
     CROSS JOIN LATERAL (
           SELECT greatest(min(r.available_at), t.lease_until, k.start_at) AS wake_at
             FROM {schema}.tasker_step_readiness r
            WHERE r.task_uuid = t.task_uuid AND r.available_at IS NOT NULL
           HAVING min(r.available_at) IS NOT NULL) w
     WHERE k.wake_at > greatest(w.wake_at, clock_timestamp() AT TIME ZONE 'UTC')
    UNION ALL
    SELECT 'missing', NULL, NULL, 'priority ' || p.priority, NULL
      FROM (SELECT DISTINCT q.priority FROM {schema}.tasker_task_queue q) p
     WHERE NOT EXISTS (SELECT FROM {schema}.tasker_task_queue_priorities o WHERE o.priority = p.priority);
END;

-- Makes the rows of these tasks what they should be. Others may write meanwhile: only what looks wrong is locked, and
-- looked at again under the lock. In the order of locks, tasks last.
CREATE FUNCTION {schema}.tasker_ready_set_recompute(task_uuids uuid[]) RETURNS void
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
SET jit = off
SET enable_seqscan = off
SET enable_nestloop = on
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $tasker$
DECLARE
    this_moment CONSTANT timestamp := clock_timestamp() AT TIME ZONE 'UTC';
    step_uuids CONSTANT uuid[] := ARRAY(
        SELECT s.workflow_step_uuid FROM {schema}.tasker_workflow_steps s WHERE s.task_uuid = ANY (task_uuids));
    wrong uuid[] := ARRAY(
        SELECT a.workflow_step_uuid
          FROM unnest(step_uuids) AS i (step_uuid)
          JOIN {schema}.tasker_step_availability a ON a.workflow_step_uuid = i.step_uuid
          LEFT JOIN {schema}.tasker_step_readiness r ON r.workflow_step_uuid = i.step_uuid
         WHERE (r.task_uuid, r.done, r.startable_at) IS DISTINCT FROM (a.task_uuid, a.done, a.startable_at));
BEGIN
    PERFORM
       FROM {schema}.tasker_step_readiness r
      WHERE wrong <> '{}'
        AND r.workflow_step_uuid = ANY (step_uuids || ARRAY(
                SELECT e.to_step_uuid
                  FROM {schema}.tasker_workflow_step_edges e
                 WHERE e.from_step_uuid = ANY (wrong)))
      ORDER BY r.workflow_step_uuid
        FOR NO KEY UPDATE;
    PERFORM {schema}.tasker_ready_set_follow_new_steps(wrong);
    PERFORM {schema}.tasker_ready_set_follow_steps(wrong);

    -- Children of steps that were wrong may belong to other tasks.
    wrong := ARRAY(
        SELECT r.workflow_step_uuid
          FROM (SELECT i.step_uuid FROM unnest(step_uuids) AS i (step_uuid)
                 UNION
                SELECT e.to_step_uuid
                  FROM unnest(wrong) AS w (step_uuid)
                  JOIN {schema}.tasker_workflow_step_edges e ON e.from_step_uuid = w.step_uuid) c
          JOIN {schema}.tasker_step_readiness r ON r.workflow_step_uuid = c.step_uuid
         WHERE r.remaining_parents <> (
                   SELECT count(DISTINCT e.from_step_uuid)
                     FROM {schema}.tasker_workflow_step_edges e
                     JOIN {schema}.tasker_step_readiness p ON p.workflow_step_uuid = e.from_step_uuid
                    WHERE e.to_step_uuid = c.step_uuid AND NOT p.done));
    PERFORM {schema}.tasker_ready_set_follow_edges(
        ARRAY(SELECT e.from_step_uuid
                FROM {schema}.tasker_workflow_step_edges e
               WHERE e.to_step_uuid = ANY (wrong)), wrong, true);

    PERFORM {schema}.tasker_ready_set_follow_tasks(task_uuids);
    INSERT INTO {schema}.tasker_task_queue_priorities (priority)
    SELECT DISTINCT q.priority
      FROM {schema}.tasker_task_queue q
     WHERE q.task_uuid = ANY (task_uuids)
       AND (SELECT true FROM {schema}.tasker_task_queue_priorities o WHERE o.priority = q.priority LIMIT 1) IS NULL;
    PERFORM {schema}.tasker_ready_set_wake(array_agg(w.task_uuid), array_agg(w.available_at))
       FROM (SELECT q.task_uuid, q.wake_at, q.lease_until, q.start_at,
                    (SELECT r.available_at
                       FROM {schema}.tasker_step_readiness r
                      WHERE r.task_uuid = q.task_uuid AND r.available_at IS NOT NULL
                      ORDER BY r.available_at
                      LIMIT 1) AS available_at
               FROM {schema}.tasker_task_queue q
              WHERE q.task_uuid = ANY (task_uuids)) w
      WHERE w.available_at IS NOT NULL
        AND w.wake_at > greatest(w.available_at, w.lease_until, w.start_at, this_moment)
     HAVING count(*) > 0;
END
$tasker$;

-- The next thousand tasks, beginning with this key; the answer is where to go on, NULL: nowhere. From NULL all begins,
-- and rows of steps and tasks that are no more go.
CREATE FUNCTION {schema}.tasker_ready_set_rebuild_from(first uuid) RETURNS uuid
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $tasker$
DECLARE
    task_uuids uuid[];
BEGIN
    IF first IS NULL THEN
        DELETE FROM {schema}.tasker_step_readiness r
         WHERE NOT EXISTS (SELECT FROM {schema}.tasker_workflow_steps s
                            WHERE s.workflow_step_uuid = r.workflow_step_uuid);
        DELETE FROM {schema}.tasker_task_queue q
         WHERE NOT EXISTS (SELECT FROM {schema}.tasker_tasks k WHERE k.task_uuid = q.task_uuid);
    END IF;
    task_uuids := ARRAY(SELECT k.task_uuid
                          FROM {schema}.tasker_tasks k
                         WHERE k.task_uuid >= coalesce(first, '00000000-0000-0000-0000-000000000000')
                         ORDER BY k.task_uuid
                         LIMIT 1001);
    PERFORM {schema}.tasker_ready_set_recompute(task_uuids[:1000]);
    RETURN task_uuids[1001];
END
$tasker$;

-- All of it, in one piece.
CREATE FUNCTION {schema}.tasker_ready_set_rebuild() RETURNS void
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $tasker$
DECLARE
    next_uuid uuid;
BEGIN
    LOOP
        next_uuid := {schema}.tasker_ready_set_rebuild_from(next_uuid);
        EXIT WHEN next_uuid IS NULL;
    END LOOP;
END
$tasker$;
