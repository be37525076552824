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
-- Pausing
-- ---------------------------------------------------------------------------------------------------------------------

-- Namespaces and named tasks whose tasks are given to nobody. While there are any, tasks are looked for type by type.
CREATE TABLE {schema}.tasker_paused (
    task_namespace_uuid uuid,
    named_task_uuid     uuid,

    CONSTRAINT tasker_paused_namespace_key UNIQUE (task_namespace_uuid),
    CONSTRAINT tasker_paused_named_task_key UNIQUE (named_task_uuid),
    CONSTRAINT tasker_paused_one_of_them CHECK (num_nonnulls(task_namespace_uuid, named_task_uuid) = 1),
    CONSTRAINT tasker_paused_task_namespace_uuid_fkey FOREIGN KEY (task_namespace_uuid)
        REFERENCES {schema}.tasker_task_namespaces (task_namespace_uuid) ON DELETE CASCADE,
    CONSTRAINT tasker_paused_named_task_uuid_fkey FOREIGN KEY (named_task_uuid)
        REFERENCES {schema}.tasker_named_tasks (named_task_uuid) ON DELETE CASCADE
);

CREATE VIEW {schema}.tasker_paused_kinds AS
SELECT nt.named_task_uuid
  FROM {schema}.tasker_paused p
  JOIN {schema}.tasker_named_tasks nt
       ON nt.named_task_uuid = p.named_task_uuid OR nt.task_namespace_uuid = p.task_namespace_uuid;

-- ---------------------------------------------------------------------------------------------------------------------
-- Taking
-- ---------------------------------------------------------------------------------------------------------------------

-- Those of these types (NULL: of all) that are not paused. Called where some are.
CREATE FUNCTION {schema}.tasker_without_paused(named_task_uuids uuid[]) RETURNS uuid[]
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT ARRAY(SELECT nt.named_task_uuid
                   FROM {schema}.tasker_named_tasks nt
                  WHERE (named_task_uuids IS NULL OR nt.named_task_uuid = ANY (named_task_uuids))
                    AND nt.named_task_uuid <> ALL (ARRAY(SELECT p.named_task_uuid
                                                           FROM {schema}.tasker_paused_kinds p)));
END;

-- Up to wanted tasks, best first. named_task_uuids: of these types, NULL: of any. failed_too: also such as are in error.
-- tokens: of the claims, as many as are wanted; NULL: random ones.
--
-- Dead entries of an index pile up where the oldest tasks were, until the next vacuum. Who claims again and again may
-- tell where to begin: for each priority not before the task that it took last (floors), and of those that wake up by
-- themselves not before due_since. Where that leaves less than is wanted, all are looked at.
--
-- One round: how many of the best tasks each priority has, without a lock, and as many of each, locked, passing over
-- those that others have; then, in a statement begun after the locks, those of them are claimed that have anything to
-- do. The others are put to sleep, and another round looks for more. Tasks come in the order of the rounds.
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
    picked uuid[];
    chosen uuid[];
    aside uuid[] := '{}';
    still_wanted integer := wanted;
    claimed integer;
    offered integer := 0; -- tokens, one for each task that was locked
    followed text;
BEGIN
    IF EXISTS (SELECT FROM {schema}.tasker_paused) THEN
        named_task_uuids := {schema}.tasker_without_paused(named_task_uuids);
    END IF;
    LOOP
        IF EXISTS (SELECT FROM {schema}.tasker_task_queue q
                    WHERE q.wake_at < 'infinity' AND q.wake_at <= this_moment
                      AND q.wake_at >= coalesce(due_since, '-infinity')) THEN
            UPDATE {schema}.tasker_task_queue q
               SET wake_at = NULL
             WHERE q.task_uuid = ANY (ARRAY(
                       SELECT d.task_uuid
                         FROM {schema}.tasker_task_queue d
                        WHERE d.wake_at < 'infinity' AND d.wake_at <= this_moment
                          AND d.wake_at >= coalesce(due_since, '-infinity')
                          AND d.task_uuid <> ALL (aside) -- with a time limit of 0, which tasker-core's tables allow
                        ORDER BY d.wake_at
                        LIMIT 200
                          FOR NO KEY UPDATE SKIP LOCKED));
        END IF;

        IF named_task_uuids IS NULL THEN
            WITH best AS MATERIALIZED (
                SELECT h.*
                  FROM (SELECT DISTINCT p.priority, f.failed,
                               coalesce(floors[array_position(floor_priorities, p.priority)], '-infinity') AS floor
                          FROM {schema}.tasker_task_queue_priorities p
                         CROSS JOIN (VALUES (false), (true)) f (failed)
                         WHERE failed_too OR NOT f.failed) c
                 CROSS JOIN LATERAL (
                       SELECT q.task_uuid, q.failed, q.priority, q.created_at, c.floor
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
                 LIMIT still_wanted
            )
            SELECT ARRAY(SELECT b.task_uuid FROM best b),
                   ARRAY(SELECT h.task_uuid
                           FROM (SELECT b.failed, b.priority, b.floor, count(*) AS share
                                   FROM best b
                                  GROUP BY b.failed, b.priority, b.floor) c
                          CROSS JOIN LATERAL (
                                SELECT q.task_uuid
                                  FROM {schema}.tasker_task_queue q
                                  JOIN {schema}.tasker_tasks k ON k.task_uuid = q.task_uuid
                                 WHERE q.failed = c.failed AND q.priority = c.priority AND q.wake_at IS NULL
                                   AND q.created_at >= c.floor
                                   AND q.task_uuid <> ALL (aside)
                                 ORDER BY q.created_at, q.task_uuid
                                 LIMIT c.share
                                   FOR NO KEY UPDATE OF q, k SKIP LOCKED) h)
              INTO picked, chosen;
        ELSE
            WITH best AS MATERIALIZED (
                SELECT h.*
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
                 LIMIT still_wanted
            )
            SELECT ARRAY(SELECT b.task_uuid FROM best b),
                   ARRAY(SELECT h.task_uuid
                           FROM (SELECT b.failed, b.priority, b.named_task_uuid, count(*) AS share
                                   FROM best b
                                  GROUP BY b.failed, b.priority, b.named_task_uuid) c
                          CROSS JOIN LATERAL (
                                SELECT q.task_uuid
                                  FROM {schema}.tasker_task_queue q
                                  JOIN {schema}.tasker_tasks k ON k.task_uuid = q.task_uuid
                                 WHERE q.failed = c.failed AND q.priority = c.priority AND q.wake_at IS NULL
                                   AND q.named_task_uuid = c.named_task_uuid
                                   AND q.task_uuid <> ALL (aside)
                                 ORDER BY q.created_at, q.task_uuid
                                 LIMIT c.share
                                   FOR NO KEY UPDATE OF q, k SKIP LOCKED) h)
              INTO picked, chosen;
        END IF;

        IF picked = '{}' THEN
            EXIT WHEN floors IS NULL AND due_since IS NULL;
            floors := NULL;
            due_since := NULL;
            CONTINUE;
        END IF;

        followed := set_config('tasker.followed', 'on', true);
        RETURN QUERY
        WITH stamped AS (
            UPDATE {schema}.tasker_tasks k
               SET claimed_at = this_moment, claimed_by = claimant, updated_at = this_moment,
                   claim_id = coalesce(tokens[offered + i.n], gen_random_uuid())::text
              FROM unnest(chosen) WITH ORDINALITY AS i (task_uuid, n)
              JOIN {schema}.tasker_task_queue q ON q.task_uuid = i.task_uuid
             CROSS JOIN LATERAL (
                   SELECT ARRAY(SELECT r.workflow_step_uuid
                                  FROM {schema}.tasker_step_readiness r
                                 WHERE r.task_uuid = q.task_uuid AND r.available_at <= this_moment
                                 ORDER BY r.workflow_step_uuid) AS step_uuids
                   OFFSET 0) r
             WHERE k.task_uuid = i.task_uuid
               AND coalesce(greatest(q.lease_until, q.start_at) < this_moment, true)
               AND r.step_uuids <> '{}'
            RETURNING k.task_uuid, k.claim_id::uuid AS claim_id, k.named_task_uuid, k.claimed_by, k.priority,
                      k.created_at, k.claim_timeout_seconds, k.claimed_at, r.step_uuids,
                      (k.claimed_at + k.claim_timeout_seconds * interval '1 second')::timestamp AS expires_at,
                      {schema}.tasker_task_age(k.created_at, this_moment) AS age
        ), leased AS (
            UPDATE {schema}.tasker_task_queue q
               SET lease_until = s.expires_at, wake_at = s.expires_at
              FROM stamped s
             WHERE q.task_uuid = s.task_uuid
        )
        SELECT s.task_uuid, s.claim_id, ns.name, s.claimed_by, s.priority,
               CASE WHEN monotone THEN {schema}.tasker_monotone_priority(s.priority, s.age)
                    ELSE {schema}.tasker_computed_priority(s.priority, s.age) END,
               round(s.age / 3600, 2)::double precision, s.created_at::timestamp, s.claim_timeout_seconds,
               s.claimed_at::timestamp, s.expires_at, s.step_uuids
          FROM stamped s
          JOIN {schema}.tasker_named_tasks nt ON nt.named_task_uuid = s.named_task_uuid
          JOIN {schema}.tasker_task_namespaces ns ON ns.task_namespace_uuid = nt.task_namespace_uuid;
        GET DIAGNOSTICS claimed = ROW_COUNT;
        followed := set_config('tasker.followed', 'off', true);
        still_wanted := still_wanted - claimed;
        offered := offered + cardinality(chosen);
        EXIT WHEN still_wanted <= 0;

        IF claimed < cardinality(chosen) THEN
            PERFORM {schema}.tasker_ready_set_settle(ARRAY(
                SELECT q.task_uuid
                  FROM {schema}.tasker_task_queue q
                 WHERE q.task_uuid = ANY (chosen) AND q.wake_at IS NULL));
        END IF;
        IF cardinality(chosen) < cardinality(picked) THEN
            chosen := chosen || picked;
        END IF;
        aside := aside || chosen;
    END LOOP;
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
               true, false, now() AT TIME ZONE 'UTC', NULL, NULL, NULL) c
     ORDER BY c.computed_priority DESC, c.created_at, c.task_uuid;
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
