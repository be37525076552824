-- SPDX-License-Identifier: MIT
--
-- Schema version 1, the ready set compared with what it is made from, and made anew. Run after 0001_ready_set.sql, in the
-- same transaction and by the same rules.


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

-- Makes the rows of these tasks what they should be, whatever they are; others may write meanwhile.
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
    step_uuids CONSTANT uuid[] := ARRAY(
        SELECT s.workflow_step_uuid FROM {schema}.tasker_workflow_steps s WHERE s.task_uuid = ANY (task_uuids));
BEGIN
    PERFORM {schema}.tasker_ready_set_follow_tasks(task_uuids);
    PERFORM {schema}.tasker_ready_set_follow_new_steps(step_uuids);
    PERFORM {schema}.tasker_ready_set_follow_steps(step_uuids);
    PERFORM {schema}.tasker_ready_set_follow_edges(
        ARRAY(SELECT e.from_step_uuid
                FROM {schema}.tasker_workflow_step_edges e
               WHERE e.to_step_uuid = ANY (step_uuids)), step_uuids, true);
    PERFORM {schema}.tasker_ready_set_wake(array_agg(r.task_uuid), array_agg(r.available_at))
       FROM {schema}.tasker_step_readiness r
      WHERE r.workflow_step_uuid = ANY (step_uuids) AND r.available_at IS NOT NULL
     HAVING count(*) > 0;
END
$tasker$;

-- All of it. Rows of steps and tasks that are no more go first.
CREATE FUNCTION {schema}.tasker_ready_set_rebuild() RETURNS void
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $tasker$
DECLARE
    chunk uuid[];
BEGIN
    DELETE FROM {schema}.tasker_step_readiness r
     WHERE NOT EXISTS (SELECT FROM {schema}.tasker_workflow_steps s WHERE s.workflow_step_uuid = r.workflow_step_uuid);
    DELETE FROM {schema}.tasker_task_queue q
     WHERE NOT EXISTS (SELECT FROM {schema}.tasker_tasks k WHERE k.task_uuid = q.task_uuid);
    FOR chunk IN
        SELECT array_agg(c.task_uuid ORDER BY c.task_uuid)
          FROM (SELECT k.task_uuid, (row_number() OVER (ORDER BY k.task_uuid)) / 1000 AS n
                  FROM {schema}.tasker_tasks k) c
         GROUP BY c.n
         ORDER BY c.n
    LOOP
        PERFORM {schema}.tasker_ready_set_recompute(chunk);
    END LOOP;
END
$tasker$;
