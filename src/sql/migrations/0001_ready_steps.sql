-- SPDX-License-Identifier: MIT
--
-- Schema version 1, steps straight from the ready set, for workers without queues. Run after 0001_claims.sql, in the
-- same transaction and by the same rules; tasks come in the order of claims, and what they cost does not grow with the
-- number that wait.

-- Up to wanted steps that can start now, locked for the caller: of tasks that nobody has claimed, best first. Steps that
-- others have are passed over, so that workers who ask at once get different ones.
--
-- Locks go in the usual order and wait for nobody: tasks that have not begun, since their start is written with that of
-- the step, then steps. One round looks at the best tasks that no round before has seen; those that have nothing to do
-- are put to sleep, as in a claim. A round is twice as wide as the one before, so that few of them get past many tasks
-- whose steps all are in other hands. After a second the call ends with what it has, as a claim does.
--
-- Workers that complete steps of one task at the same time wait for each other where a step depends on both. So who
-- wants few leaves tasks to whoever is taking from them at the moment, and shares them only where nothing else is found.
-- Advisory locks tell: nobody waits for one, and a key that somebody else happens to use does no harm.
CREATE FUNCTION {schema}.tasker_ready_steps(wanted integer, named_task_uuids uuid[], monotone boolean,
                                            this_moment timestamp) RETURNS SETOF uuid
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
SET jit = off
SET enable_seqscan = off
SET enable_nestloop = on
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $tasker$
#variable_conflict use_variable
DECLARE
    began CONSTANT timestamptz := clock_timestamp();
    due uuid[];
    heads uuid[];
    able uuid[];
    shared boolean;
    ends uuid[] := '{}';
    seen integer := 0;
    taken uuid[] := '{}';
    width integer;
BEGIN
    IF EXISTS (SELECT FROM {schema}.tasker_paused) THEN
        named_task_uuids := {schema}.tasker_without_paused(named_task_uuids);
    END IF;
    due := ARRAY(SELECT q.task_uuid
                   FROM {schema}.tasker_task_queue q
                  WHERE q.wake_at < 'infinity' AND q.wake_at <= this_moment
                  ORDER BY q.wake_at
                  LIMIT 200
                    FOR NO KEY UPDATE SKIP LOCKED);
    IF due <> '{}' THEN
        UPDATE {schema}.tasker_task_queue q SET wake_at = NULL WHERE q.task_uuid = ANY (due);
    END IF;

    WHILE cardinality(taken) < wanted LOOP
        width := least(greatest(wanted - cardinality(taken), seen, 10), 5000);
        heads := {schema}.tasker_awake_tasks(width, ends, named_task_uuids, false, monotone, this_moment, NULL, NULL);
        EXIT WHEN heads = '{}';
        seen := seen + cardinality(heads);

        able := ARRAY(SELECT q.task_uuid
                        FROM unnest(heads) WITH ORDINALITY AS i (task_uuid, n)
                        JOIN {schema}.tasker_task_queue q ON q.task_uuid = i.task_uuid
                       WHERE coalesce(greatest(q.lease_until, q.start_at) < this_moment, true)
                         AND (SELECT true
                                FROM {schema}.tasker_step_readiness r
                               WHERE r.task_uuid = q.task_uuid AND r.available_at <= this_moment
                               LIMIT 1)
                       ORDER BY i.n);
        IF cardinality(able) < cardinality(heads) THEN
            PERFORM {schema}.tasker_ready_set_settle(
                        ARRAY(SELECT i.task_uuid FROM unnest(heads) AS i (task_uuid) WHERE i.task_uuid <> ALL (able)));
        END IF;

        FOREACH shared IN ARRAY CASE WHEN wanted <= 16 THEN ARRAY[false, true] ELSE ARRAY[true] END LOOP
            taken := taken || ARRAY(
                SELECT l.workflow_step_uuid
                  FROM unnest(able) AS i (task_uuid)
                 CROSS JOIN LATERAL (
                       SELECT coalesce((SELECT t.to_state
                                          FROM {schema}.tasker_task_transitions t
                                         WHERE t.task_uuid = i.task_uuid AND t.most_recent), 'pending') AS state
                       OFFSET 0) c
                 CROSS JOIN LATERAL (
                       SELECT p.task_uuid
                         FROM (SELECT k.task_uuid
                                 FROM {schema}.tasker_tasks k
                                WHERE k.task_uuid = i.task_uuid AND c.state = 'pending'
                                  FOR NO KEY UPDATE OF k SKIP LOCKED) p
                        UNION ALL
                       SELECT i.task_uuid WHERE c.state <> 'pending') k
                 CROSS JOIN LATERAL (
                       SELECT s.workflow_step_uuid
                         FROM {schema}.tasker_step_readiness r
                         JOIN {schema}.tasker_workflow_steps s ON s.workflow_step_uuid = r.workflow_step_uuid
                        WHERE r.task_uuid = i.task_uuid AND r.available_at <= this_moment
                          AND r.workflow_step_uuid <> ALL (taken)
                        ORDER BY r.available_at
                        LIMIT wanted - cardinality(taken)
                          FOR NO KEY UPDATE OF s SKIP LOCKED) l
                 WHERE (shared OR pg_try_advisory_xact_lock(uuid_hash_extended(i.task_uuid, 0)))
                 LIMIT wanted - cardinality(taken));
            EXIT WHEN cardinality(taken) >= wanted;
        END LOOP;
        EXIT WHEN cardinality(taken) >= wanted OR clock_timestamp() > began + interval '1 second';
        ends := {schema}.tasker_last_of_each_priority(ends || heads, named_task_uuids IS NOT NULL);
    END LOOP;
    RETURN QUERY SELECT i.step_uuid FROM unnest(taken) AS i (step_uuid);
END
$tasker$;
