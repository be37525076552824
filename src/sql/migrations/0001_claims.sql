-- SPDX-License-Identifier: MIT
--
-- Schema version 1, claims: who may work on a task, and the order in which tasks are given. Run after
-- 0001_ready_set_triggers.sql, in the same transaction and by the same rules. What a claim costs does not grow with the
-- number of tasks that wait.
--
-- Inside of a priority the value by which tasks are ordered never falls with age, so the oldest task of a priority is
-- always a best one of it, and created_at decides between equal values. The best of all tasks is therefore the best of
-- the oldest of each priority, and stays so when that one has been taken.


-- ---------------------------------------------------------------------------------------------------------------------
-- The order
-- ---------------------------------------------------------------------------------------------------------------------

-- The other order, which never lets a lower priority overtake a higher one of the same age: each level of priority, from 0
-- to 10, is five minutes ahead of the one below. Both grow with age alike, so which of two tasks goes first is settled
-- when they are created; and nobody is overtaken by a task that is created more than 50 minutes after him.
CREATE FUNCTION {schema}.tasker_monotone_priority(priority integer, age_seconds numeric) RETURNS double precision
LANGUAGE sql IMMUTABLE
RETURN (least(greatest(priority, 0), 10) + greatest(age_seconds, 0) / 300)::double precision;

-- ---------------------------------------------------------------------------------------------------------------------
-- Taking
-- ---------------------------------------------------------------------------------------------------------------------

-- Up to wanted tasks, best first. named_task_uuids: of these types, NULL: of any. failed_too: also such as are in error.
-- tokens: of the claims, as many as are wanted; NULL: random ones.
--
-- Dead entries of an index pile up where the oldest tasks were, until the next vacuum. Who claims again and again may
-- tell where to begin: for each priority not before the task that it took last (floors), and of those that wake up by
-- themselves not before due_since. Where that leaves less than is wanted, all are looked at.
--
-- One round: how many of the best tasks each priority has, without a lock; as many of each, locked, passing over those
-- that others have; then, in a statement begun after the locks, whether they have anything to do. Those that have not are
-- put to sleep, and another round looks for others.
CREATE FUNCTION {schema}.tasker_claim_tasks(
    claimant varchar, wanted integer, tokens uuid[], named_task_uuids uuid[], failed_too boolean, monotone boolean,
    this_moment timestamp, floor_priorities integer[], floors timestamp[], due_since timestamp)
RETURNS TABLE (task_uuid uuid, claim_id uuid, namespace_name varchar, claimed_by varchar, priority integer,
               computed_priority double precision, age_hours double precision, created_at timestamp,
               claim_timeout_seconds integer, claimed_at timestamp, expires_at timestamp, ready_step_uuids uuid[])
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
    due uuid[];
    picked uuid[];
    picked_failed boolean[];
    picked_priorities integer[];
    picked_types uuid[];
    chosen uuid[];
    able uuid[];
    aside uuid[] := '{}';
    taken uuid[] := '{}';
    still_wanted integer := wanted;
BEGIN
    LOOP
        due := ARRAY(SELECT q.task_uuid
                       FROM {schema}.tasker_task_queue q
                      WHERE q.wake_at < 'infinity' AND q.wake_at <= this_moment
                        AND q.wake_at >= coalesce(due_since, '-infinity')
                        AND q.task_uuid <> ALL (taken) -- with a time limit of 0, which tasker-core's tables allow
                      ORDER BY q.wake_at
                      LIMIT 200
                        FOR NO KEY UPDATE SKIP LOCKED);
        IF due <> '{}' THEN
            UPDATE {schema}.tasker_task_queue q SET wake_at = NULL WHERE q.task_uuid = ANY (due);
        END IF;

        IF named_task_uuids IS NULL THEN
            SELECT array_agg(h.task_uuid), array_agg(h.failed), array_agg(h.priority)
              INTO picked, picked_failed, picked_priorities
              FROM (SELECT h.*
                      FROM (SELECT DISTINCT p.priority, f.failed, coalesce(b.floor, '-infinity') AS floor
                              FROM {schema}.tasker_task_queue_priorities p
                             CROSS JOIN (VALUES (false), (true)) f (failed)
                              LEFT JOIN unnest(floor_priorities, floors) AS b (priority, floor) USING (priority)
                             WHERE failed_too OR NOT f.failed) c
                     CROSS JOIN LATERAL (
                           SELECT q.task_uuid, q.failed, q.priority, q.created_at
                             FROM {schema}.tasker_task_queue q
                            WHERE q.failed = c.failed AND q.priority = c.priority AND q.wake_at IS NULL
                              AND q.created_at >= c.floor
                              AND q.task_uuid <> ALL (aside)
                            ORDER BY q.created_at, q.task_uuid
                            LIMIT still_wanted) h
                     CROSS JOIN LATERAL (
                           SELECT {schema}.tasker_task_age(h.created_at, this_moment) AS age) g
                     ORDER BY CASE WHEN monotone THEN {schema}.tasker_monotone_priority(h.priority, g.age)
                                   ELSE {schema}.tasker_computed_priority(h.priority, g.age) END DESC,
                              CASE WHEN monotone THEN h.priority END DESC, h.created_at, h.task_uuid
                     LIMIT still_wanted) h;
            chosen := ARRAY(
                SELECT h.task_uuid
                  FROM (SELECT i.failed, i.priority, count(*) AS share
                          FROM unnest(picked_failed, picked_priorities) AS i (failed, priority)
                         GROUP BY i.failed, i.priority) c
                 CROSS JOIN LATERAL (
                       SELECT q.task_uuid
                         FROM {schema}.tasker_task_queue q
                         JOIN {schema}.tasker_tasks k ON k.task_uuid = q.task_uuid
                        WHERE q.failed = c.failed AND q.priority = c.priority AND q.wake_at IS NULL
                          AND q.created_at >= coalesce((SELECT b.floor
                                                                  FROM unnest(floor_priorities, floors)
                                                                       AS b (priority, floor)
                                                                 WHERE b.priority = c.priority), '-infinity')
                          AND q.task_uuid <> ALL (aside)
                        ORDER BY q.created_at, q.task_uuid
                        LIMIT c.share
                          FOR NO KEY UPDATE OF q, k SKIP LOCKED) h);
        ELSE
            SELECT array_agg(h.task_uuid), array_agg(h.failed), array_agg(h.named_task_uuid), array_agg(h.priority)
              INTO picked, picked_failed, picked_types, picked_priorities
              FROM (SELECT h.*
                      FROM (SELECT DISTINCT p.priority, f.failed, t.named_task_uuid
                              FROM {schema}.tasker_task_queue_priorities p
                             CROSS JOIN (VALUES (false), (true)) f (failed)
                             CROSS JOIN unnest(named_task_uuids) AS t (named_task_uuid)
                             WHERE failed_too OR NOT f.failed) c
                     CROSS JOIN LATERAL (
                           SELECT q.task_uuid, q.failed, q.priority, q.created_at, q.named_task_uuid
                             FROM {schema}.tasker_task_queue q
                            WHERE q.failed = c.failed AND q.priority = c.priority AND q.wake_at IS NULL
                              AND q.named_task_uuid = c.named_task_uuid
                              AND q.task_uuid <> ALL (aside)
                            ORDER BY q.created_at, q.task_uuid
                            LIMIT still_wanted) h
                     CROSS JOIN LATERAL (
                           SELECT {schema}.tasker_task_age(h.created_at, this_moment) AS age) g
                     ORDER BY CASE WHEN monotone THEN {schema}.tasker_monotone_priority(h.priority, g.age)
                                   ELSE {schema}.tasker_computed_priority(h.priority, g.age) END DESC,
                              CASE WHEN monotone THEN h.priority END DESC, h.created_at, h.task_uuid
                     LIMIT still_wanted) h;
            chosen := ARRAY(
                SELECT h.task_uuid
                  FROM (SELECT i.failed, i.priority, i.named_task_uuid, count(*) AS share
                          FROM unnest(picked_failed, picked_priorities, picked_types) AS i (failed, priority, named_task_uuid)
                         GROUP BY i.failed, i.priority, i.named_task_uuid) c
                 CROSS JOIN LATERAL (
                       SELECT q.task_uuid
                         FROM {schema}.tasker_task_queue q
                         JOIN {schema}.tasker_tasks k ON k.task_uuid = q.task_uuid
                        WHERE q.failed = c.failed AND q.priority = c.priority AND q.wake_at IS NULL
                          AND q.named_task_uuid = c.named_task_uuid
                          AND q.task_uuid <> ALL (aside)
                        ORDER BY q.created_at, q.task_uuid
                        LIMIT c.share
                          FOR NO KEY UPDATE OF q, k SKIP LOCKED) h);
        END IF;

        IF picked IS NULL THEN
            EXIT WHEN floors IS NULL AND due_since IS NULL;
            floors := NULL;
            floor_priorities := NULL;
            due_since := NULL;
            CONTINUE;
        END IF;
        aside := aside || ARRAY(SELECT unnest(picked) EXCEPT SELECT unnest(chosen));

        able := ARRAY(SELECT q.task_uuid
                        FROM unnest(chosen) AS i (task_uuid)
                        JOIN {schema}.tasker_task_queue q ON q.task_uuid = i.task_uuid
                       WHERE coalesce(greatest(q.lease_until, q.start_at) < this_moment, true)
                         AND (SELECT true
                                FROM {schema}.tasker_step_readiness r
                               WHERE r.task_uuid = q.task_uuid AND r.available_at <= this_moment
                               LIMIT 1));
        UPDATE {schema}.tasker_task_queue q
           SET lease_until = l.lease_until, wake_at = l.lease_until
          FROM (SELECT k.task_uuid, this_moment + k.claim_timeout_seconds * interval '1 second' AS lease_until
                  FROM unnest(able) AS i (task_uuid)
                  JOIN {schema}.tasker_tasks k ON k.task_uuid = i.task_uuid) l
         WHERE q.task_uuid = l.task_uuid;
        taken := taken || able;
        still_wanted := still_wanted - cardinality(able);

        IF cardinality(able) < cardinality(chosen) THEN
            chosen := ARRAY(SELECT i.task_uuid FROM unnest(chosen) AS i (task_uuid) WHERE i.task_uuid <> ALL (able));
            PERFORM {schema}.tasker_ready_set_settle(chosen);
            aside := aside || ARRAY(SELECT q.task_uuid
                                      FROM {schema}.tasker_task_queue q
                                     WHERE q.task_uuid = ANY (chosen) AND q.wake_at IS NULL);
        END IF;
        EXIT WHEN still_wanted <= 0;
    END LOOP;

    PERFORM set_config('tasker.followed', 'on', true);
    RETURN QUERY
    WITH stamped AS (
        UPDATE {schema}.tasker_tasks k
           SET claimed_at = this_moment, claimed_by = claimant, updated_at = this_moment,
               claim_id = coalesce(t.token, gen_random_uuid())::text
          FROM unnest(taken, tokens) AS t (task_uuid, token)
         WHERE k.task_uuid = t.task_uuid
        RETURNING k.task_uuid, k.claim_id::uuid AS claim_id, k.named_task_uuid, k.claimed_by, k.priority, k.created_at,
                  k.claim_timeout_seconds, k.claimed_at,
                  {schema}.tasker_task_age(k.created_at, this_moment) AS age
    )
    SELECT h.task_uuid, h.claim_id, ns.name, h.claimed_by, h.priority, v.value,
           round(h.age / 3600, 2)::double precision, h.created_at::timestamp, h.claim_timeout_seconds,
           h.claimed_at::timestamp,
           (h.claimed_at + h.claim_timeout_seconds * interval '1 second')::timestamp,
           ARRAY(SELECT r.workflow_step_uuid
                   FROM {schema}.tasker_step_readiness r
                  WHERE r.task_uuid = h.task_uuid AND r.available_at <= this_moment
                  ORDER BY r.workflow_step_uuid)
      FROM stamped h
      JOIN {schema}.tasker_named_tasks nt ON nt.named_task_uuid = h.named_task_uuid
      JOIN {schema}.tasker_task_namespaces ns ON ns.task_namespace_uuid = nt.task_namespace_uuid
     CROSS JOIN LATERAL (
           SELECT CASE WHEN monotone THEN {schema}.tasker_monotone_priority(h.priority, h.age)
                       ELSE {schema}.tasker_computed_priority(h.priority, h.age) END AS value) v
     ORDER BY v.value DESC, CASE WHEN monotone THEN h.priority END DESC, h.created_at, h.task_uuid;
    PERFORM set_config('tasker.followed', 'off', true);
END
$tasker$;

-- ---------------------------------------------------------------------------------------------------------------------
-- What tasker-core calls
-- ---------------------------------------------------------------------------------------------------------------------

CREATE FUNCTION {schema}.claim_ready_tasks(p_orchestrator_id varchar, p_limit integer DEFAULT 1,
                                           p_namespace_filter varchar DEFAULT NULL)
RETURNS TABLE (task_uuid uuid, namespace_name varchar, priority integer, computed_priority double precision,
               age_hours double precision, ready_steps_count bigint, claim_timeout_seconds integer)
LANGUAGE plpgsql VOLATILE
SET search_path = pg_catalog, pg_temp
AS $tasker$
#variable_conflict use_column
BEGIN
    IF p_orchestrator_id IS NULL THEN
        RAISE EXCEPTION 'p_orchestrator_id must not be NULL' USING ERRCODE = 'null_value_not_allowed';
    END IF;
    IF p_limit < 0 THEN
        RAISE EXCEPTION 'p_limit must not be negative' USING ERRCODE = 'invalid_row_count_in_limit_clause';
    END IF;
    IF p_limit = 0 THEN
        RETURN;
    END IF;
    RETURN QUERY
    SELECT c.task_uuid, c.namespace_name, c.priority, c.computed_priority, c.age_hours,
           cardinality(c.ready_step_uuids)::bigint, c.claim_timeout_seconds
      FROM {schema}.tasker_claim_tasks(
               p_orchestrator_id, coalesce(p_limit, 1), NULL,
               CASE WHEN p_namespace_filter IS NOT NULL
                    THEN ARRAY(SELECT nt.named_task_uuid
                                 FROM {schema}.tasker_named_tasks nt
                                 JOIN {schema}.tasker_task_namespaces ns
                                      ON ns.task_namespace_uuid = nt.task_namespace_uuid
                                WHERE ns.name = p_namespace_filter) END,
               true, false, now() AT TIME ZONE 'UTC', NULL, NULL, NULL) c;
END
$tasker$;

CREATE FUNCTION {schema}.release_task_claim(p_task_uuid uuid, p_orchestrator_id varchar) RETURNS boolean
LANGUAGE sql VOLATILE
BEGIN ATOMIC
    WITH released AS (
        UPDATE {schema}.tasker_tasks k
           SET claimed_at = NULL, claimed_by = NULL, updated_at = now() AT TIME ZONE 'UTC'
         WHERE k.task_uuid = p_task_uuid AND k.claimed_by = p_orchestrator_id
        RETURNING k.task_uuid
    )
    SELECT EXISTS (SELECT FROM released);
END;

-- Also when the claim's time is over, as long as nobody has taken it.
CREATE FUNCTION {schema}.extend_task_claim(p_task_uuid uuid, p_orchestrator_id varchar) RETURNS boolean
LANGUAGE sql VOLATILE
BEGIN ATOMIC
    WITH extended AS (
        UPDATE {schema}.tasker_tasks k
           SET claimed_at = now() AT TIME ZONE 'UTC', updated_at = now() AT TIME ZONE 'UTC'
         WHERE k.task_uuid = p_task_uuid AND k.claimed_by = p_orchestrator_id AND k.claimed_at IS NOT NULL
        RETURNING k.task_uuid
    )
    SELECT EXISTS (SELECT FROM extended);
END;
