-- SPDX-License-Identifier: MIT
--
-- Schema version 1, upkeep of tasker_task_queue: who puts tasks to sleep, and who wakes them. Run after
-- 0001_ready_set.sql, in the same transaction and by the same rules.


-- Steps of these tasks became available, or will at these moments: wakes the tasks. Who puts a task to sleep locks its
-- row FOR UPDATE and looks for such steps under the lock; the lock taken here, in whatever transaction made the step
-- available, keeps that off until it is committed, and is none to claims. All rows are locked, also of tasks that are
-- awake: a condition around the locked query, which the planner may take inside, must not stand there.
--
-- For a task without a row the row of its state stands: who begins it again waits for this lock, or has just done so.
-- And for a task without history that one itself.
CREATE FUNCTION {schema}.tasker_ready_set_wake(task_uuids uuid[], moments timestamp[]) RETURNS void
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
    asleep uuid[];
    until timestamp[];
    locked uuid[];
    ended uuid[];
    held uuid[];
BEGIN
    LOOP
        SELECT array_agg(l.task_uuid) FILTER (WHERE l.slept_until > greatest(l.wake_at, this_moment)),
               array_agg(l.wake_at) FILTER (WHERE l.slept_until > greatest(l.wake_at, this_moment)),
               array_agg(l.task_uuid)
          INTO asleep, until, locked
          FROM (SELECT q.task_uuid, q.wake_at AS slept_until, greatest(w.moment, q.lease_until, q.start_at) AS wake_at
                  FROM (SELECT i.task_uuid, min(i.moment) AS moment
                          FROM unnest(task_uuids, moments) AS i (task_uuid, moment)
                         GROUP BY i.task_uuid) w
                  JOIN {schema}.tasker_task_queue q ON q.task_uuid = w.task_uuid
                 ORDER BY q.task_uuid
                   FOR KEY SHARE OF q) l;

        IF asleep IS NOT NULL THEN
            UPDATE {schema}.tasker_task_queue q
               SET wake_at = CASE WHEN w.wake_at > this_moment THEN w.wake_at END
              FROM unnest(asleep, until) AS w (task_uuid, wake_at)
             WHERE q.task_uuid = w.task_uuid
               AND q.wake_at > greatest(w.wake_at, this_moment);
        END IF;

        EXIT WHEN cardinality(locked) = cardinality(task_uuids);
        ended := ARRAY(SELECT unnest(task_uuids) EXCEPT SELECT unnest(locked) EXCEPT SELECT unnest(held));
        EXIT WHEN ended = '{}';
        held := held || ARRAY(SELECT t.task_uuid
                                FROM {schema}.tasker_task_transitions t
                               WHERE t.task_uuid = ANY (ended) AND t.most_recent
                               ORDER BY t.task_uuid
                                 FOR SHARE);
        held := held || ARRAY(SELECT k.task_uuid
                                FROM {schema}.tasker_tasks k
                               WHERE k.task_uuid = ANY (ended)
                                 AND (SELECT true FROM {schema}.tasker_task_transitions t
                                       WHERE t.task_uuid = k.task_uuid AND t.most_recent) IS NULL
                               ORDER BY k.task_uuid
                                 FOR KEY SHARE);
        PERFORM {schema}.tasker_ready_set_refuse_old(ended);
    END LOOP;
END
$tasker$;

-- Under REPEATABLE READ: fails where one of these tasks, which have no row, has changed since the snapshot was taken.
-- Who is at it now will wait for what the caller holds.
CREATE FUNCTION {schema}.tasker_ready_set_refuse_old(task_uuids uuid[]) RETURNS void
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
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        PERFORM FROM {schema}.tasker_tasks k
          WHERE k.task_uuid = ANY (task_uuids)
          ORDER BY k.task_uuid
            FOR NO KEY UPDATE SKIP LOCKED;
        PERFORM FROM {schema}.tasker_task_transitions t
          WHERE t.task_uuid = ANY (task_uuids) AND t.most_recent
          ORDER BY t.task_uuid
            FOR NO KEY UPDATE SKIP LOCKED;
    END IF;
END
$tasker$;

-- These tasks have come, and nobody else has seen them yet.
CREATE FUNCTION {schema}.tasker_ready_set_follow_new_tasks(task_uuids uuid[]) RETURNS void
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
BEGIN
    WITH present AS MATERIALIZED (
        SELECT a.*
          FROM unnest(task_uuids) AS i (task_uuid)
          JOIN {schema}.tasker_task_availability a ON a.task_uuid = i.task_uuid
         WHERE NOT a.over
    ), brought AS (
        INSERT INTO {schema}.tasker_task_queue_priorities (priority)
        SELECT DISTINCT p.priority
          FROM present p
         WHERE NOT EXISTS (SELECT FROM {schema}.tasker_task_queue_priorities o WHERE o.priority = p.priority)
    )
    INSERT INTO {schema}.tasker_task_queue AS q
           (task_uuid, named_task_uuid, priority, created_at, failed, lease_until, wake_at)
    SELECT p.task_uuid, p.named_task_uuid, p.priority, p.created_at, p.failed, p.lease_until,
           CASE WHEN p.lease_until > this_moment THEN p.lease_until END
      FROM present p
     ORDER BY p.task_uuid
    ON CONFLICT (task_uuid) DO UPDATE
       SET named_task_uuid = excluded.named_task_uuid,
           priority = excluded.priority,
           created_at = excluded.created_at,
           failed = excluded.failed,
           lease_until = excluded.lease_until,
           wake_at = CASE WHEN q.lease_until IS DISTINCT FROM excluded.lease_until OR q.failed <> excluded.failed
                          THEN nullif(greatest(excluded.lease_until, q.start_at, this_moment), this_moment)
                          ELSE q.wake_at END
     WHERE (q.named_task_uuid, q.priority, q.created_at, q.failed)
               <> (excluded.named_task_uuid, excluded.priority, excluded.created_at, excluded.failed)
        OR q.lease_until IS DISTINCT FROM excluded.lease_until;
END
$tasker$;

-- These tasks may have gone or changed: what they are, their state, the claim on them. Never puts one to sleep for want
-- of steps: that takes the lock that tasker_ready_set_settle has.
--
-- Rows that stay as they are stay unlocked: closing a task is tried by many, and each has locks of its own on steps.
CREATE FUNCTION {schema}.tasker_ready_set_follow_tasks(task_uuids uuid[]) RETURNS void
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
    changed uuid[];
    absent uuid[];
BEGIN
    WITH gone AS (
        DELETE FROM {schema}.tasker_task_queue q
         USING (SELECT DISTINCT i.task_uuid FROM unnest(task_uuids) AS i (task_uuid) ORDER BY i.task_uuid) i
         WHERE q.task_uuid = i.task_uuid
           AND (SELECT a.over FROM {schema}.tasker_task_availability a WHERE a.task_uuid = i.task_uuid) IS NOT FALSE
    )
    SELECT ARRAY(SELECT q.task_uuid
                   FROM {schema}.tasker_task_queue q
                   JOIN {schema}.tasker_task_availability a ON a.task_uuid = q.task_uuid
                  WHERE q.task_uuid = ANY (task_uuids)
                    AND NOT a.over
                    AND ((q.named_task_uuid, q.priority, q.created_at, q.failed)
                             <> (a.named_task_uuid, a.priority, a.created_at, a.failed)
                         OR q.lease_until IS DISTINCT FROM a.lease_until)
                  ORDER BY q.task_uuid
                    FOR NO KEY UPDATE OF q),
           ARRAY(SELECT i.task_uuid
                   FROM unnest(task_uuids) AS i (task_uuid)
                  WHERE (SELECT true FROM {schema}.tasker_task_queue q WHERE q.task_uuid = i.task_uuid) IS NULL)
      INTO changed, absent;

    IF absent <> '{}' THEN
        PERFORM {schema}.tasker_ready_set_refuse_old(absent);
    END IF;
    IF changed <> '{}' OR absent <> '{}' THEN
        PERFORM {schema}.tasker_ready_set_follow_new_tasks(changed || absent);
    END IF;
END
$tasker$;

-- The same where the tasks themselves have changed, and not only their states. Those without a row are decided on once
-- nobody is about to change their states.
CREATE FUNCTION {schema}.tasker_ready_set_follow_changed_tasks(task_uuids uuid[]) RETURNS void
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
    absent CONSTANT uuid[] := ARRAY(
        SELECT i.task_uuid
          FROM unnest(task_uuids) AS i (task_uuid)
         WHERE (SELECT true FROM {schema}.tasker_task_queue q WHERE q.task_uuid = i.task_uuid) IS NULL);
BEGIN
    IF absent <> '{}' THEN
        PERFORM FROM {schema}.tasker_tasks k
          WHERE k.task_uuid = ANY (absent)
            AND (SELECT true FROM {schema}.tasker_task_transitions t
                  WHERE t.task_uuid = k.task_uuid AND t.most_recent) IS NULL
          ORDER BY k.task_uuid
            FOR UPDATE;
        PERFORM FROM {schema}.tasker_task_transitions t
          WHERE t.task_uuid = ANY (absent) AND t.most_recent
          ORDER BY t.task_uuid
            FOR NO KEY UPDATE;
    END IF;
    PERFORM {schema}.tasker_ready_set_follow_tasks(task_uuids);
END
$tasker$;

-- When each of these tasks next has something to do, exactly: called by those who found that one has nothing now. Where
-- somebody is about to make a step available, or the snapshot is older than the lock, the task stays awake.
CREATE FUNCTION {schema}.tasker_ready_set_settle(task_uuids uuid[]) RETURNS void
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
    held uuid[];
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RETURN;
    END IF;
    held := ARRAY(SELECT q.task_uuid
                    FROM {schema}.tasker_task_queue q
                   WHERE q.task_uuid = ANY (task_uuids)
                   ORDER BY q.task_uuid
                     FOR UPDATE SKIP LOCKED);

    UPDATE {schema}.tasker_task_queue q
       SET wake_at = w.wake_at
      FROM (SELECT o.task_uuid,
                   nullif(greatest(coalesce((SELECT r.available_at
                                               FROM {schema}.tasker_step_readiness r
                                              WHERE r.task_uuid = o.task_uuid AND r.available_at IS NOT NULL
                                              ORDER BY r.available_at
                                              LIMIT 1), 'infinity'),
                                   o.lease_until, o.start_at, this_moment), this_moment) AS wake_at
              FROM unnest(held) AS i (task_uuid)
              JOIN {schema}.tasker_task_queue o ON o.task_uuid = i.task_uuid) w
     WHERE q.task_uuid = w.task_uuid
       AND q.wake_at IS DISTINCT FROM w.wake_at;
END
$tasker$;
