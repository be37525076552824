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

-- Up to width awake tasks, best first, without a lock. named_task_uuids: of these types, NULL: of any. ends: tasks that
-- have been seen; of each priority (and type) only those behind the last of them count. floors: where to begin in which
-- priority; among types it is not known.
--
-- Two queries, each with an index of its own: a condition that holds for both would have the plan of neither. Planner
-- settings are those of the callers, which are the functions below alone.
CREATE FUNCTION {schema}.tasker_awake_tasks(
    width integer, ends uuid[], named_task_uuids uuid[], failed_too boolean, monotone boolean, this_moment timestamp,
    floor_priorities integer[], floors timestamp[]) RETURNS uuid[]
LANGUAGE plpgsql
AS $tasker$
#variable_conflict use_variable
BEGIN
    IF named_task_uuids IS NULL THEN
        RETURN ARRAY(
            SELECT h.task_uuid
              FROM (SELECT DISTINCT p.priority, f.failed,
                           coalesce(floors[array_position(floor_priorities, p.priority)], '-infinity') AS floor
                      FROM {schema}.tasker_task_queue_priorities p
                     CROSS JOIN (VALUES (false), (true)) f (failed)
                     WHERE failed_too OR NOT f.failed) c
              LEFT JOIN LATERAL (
                   SELECT o.created_at, o.task_uuid
                     FROM {schema}.tasker_task_queue o
                    WHERE o.task_uuid = ANY (ends) AND o.failed = c.failed AND o.priority = c.priority
                    ORDER BY o.created_at DESC, o.task_uuid DESC
                    LIMIT 1) e ON true
             CROSS JOIN LATERAL (
                   SELECT q.task_uuid, q.priority, q.created_at
                     FROM {schema}.tasker_task_queue q
                    WHERE q.failed = c.failed AND q.priority = c.priority AND q.wake_at IS NULL
                      AND (q.created_at, q.task_uuid) > (coalesce(e.created_at, c.floor),
                                                         coalesce(e.task_uuid, '00000000-0000-0000-0000-000000000000'))
                    ORDER BY q.created_at, q.task_uuid
                    LIMIT width) h
             CROSS JOIN LATERAL (
                   SELECT {schema}.tasker_task_age(h.created_at, this_moment) AS age) g
             ORDER BY CASE WHEN monotone THEN {schema}.tasker_monotone_priority(h.priority, g.age)
                           ELSE {schema}.tasker_computed_priority(h.priority, g.age) END DESC,
                      CASE WHEN monotone THEN h.priority END DESC, h.created_at, h.task_uuid
             LIMIT width);
    END IF;
    RETURN ARRAY(
        SELECT h.task_uuid
          FROM (SELECT DISTINCT p.priority, f.failed, t.named_task_uuid
                  FROM {schema}.tasker_task_queue_priorities p
                 CROSS JOIN (VALUES (false), (true)) f (failed)
                 CROSS JOIN unnest(named_task_uuids) AS t (named_task_uuid)
                 WHERE failed_too OR NOT f.failed) c
          LEFT JOIN LATERAL (
               SELECT o.created_at, o.task_uuid
                 FROM {schema}.tasker_task_queue o
                WHERE o.task_uuid = ANY (ends) AND o.failed = c.failed AND o.priority = c.priority
                  AND o.named_task_uuid = c.named_task_uuid
                ORDER BY o.created_at DESC, o.task_uuid DESC
                LIMIT 1) e ON true
         CROSS JOIN LATERAL (
               SELECT q.task_uuid, q.priority, q.created_at
                 FROM {schema}.tasker_task_queue q
                WHERE q.named_task_uuid = c.named_task_uuid
                  AND q.failed = c.failed AND q.priority = c.priority AND q.wake_at IS NULL
                  AND (q.created_at, q.task_uuid) > (coalesce(e.created_at, '-infinity'),
                                                     coalesce(e.task_uuid, '00000000-0000-0000-0000-000000000000'))
                ORDER BY q.created_at, q.task_uuid
                LIMIT width) h
         CROSS JOIN LATERAL (
               SELECT {schema}.tasker_task_age(h.created_at, this_moment) AS age) g
         ORDER BY CASE WHEN monotone THEN {schema}.tasker_monotone_priority(h.priority, g.age)
                       ELSE {schema}.tasker_computed_priority(h.priority, g.age) END DESC,
                  CASE WHEN monotone THEN h.priority END DESC, h.created_at, h.task_uuid
         LIMIT width);
END
$tasker$;

-- Of each priority, or each priority and type, the last of these tasks in the order of the queue.
CREATE FUNCTION {schema}.tasker_last_of_each_priority(task_uuids uuid[], by_type boolean) RETURNS uuid[]
LANGUAGE sql
RETURN ARRAY(SELECT DISTINCT ON (q.failed, q.priority, CASE WHEN by_type THEN q.named_task_uuid END) q.task_uuid
               FROM unnest(task_uuids) AS i (task_uuid)
               JOIN {schema}.tasker_task_queue q ON q.task_uuid = i.task_uuid
              ORDER BY q.failed, q.priority, CASE WHEN by_type THEN q.named_task_uuid END,
                       q.created_at DESC, q.task_uuid DESC);

-- Up to wanted tasks, best first. named_task_uuids: of these types, NULL: of any. failed_too: also such as are in error.
-- tokens: of the claims, as many as are wanted; NULL: random ones.
--
-- Dead entries of an index pile up where the oldest tasks were, until the next vacuum. Who claims again and again may
-- tell where to begin: for each priority not before the task that it took last (floors), and of those that wake up by
-- themselves not before due_since. Where that leaves less than is wanted, all are looked at.
--
-- One round: of the tasks that were found, best first, as many as are wanted are locked that have something to do,
-- passing over those that others have; then, in a statement begun after the locks, those that still have are claimed.
-- Tasks that were passed and have nothing to do are put to sleep. Where too few were found, the next round looks for
-- twice as many as all before, behind them. Tasks come in the order of the rounds.
--
-- num_nulls: IS NULL would offer the indexes of the tasks that are awake, and PostgreSQL 18 then goes through all of
-- these for each round, in whatever order.
--
-- After a second the call ends with what it has: what it has put to sleep must not be lost to a deadline, or nobody
-- would ever get past very many tasks that are awake without need.
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
    began CONSTANT timestamptz := clock_timestamp();
    heads uuid[] := '{}'; -- found, and not looked at
    passed uuid[];
    chosen uuid[];
    taken uuid[] := '{}'; -- with a time limit of 0, which tasker-core's tables allow, they are due at once
    ends uuid[] := '{}';
    width integer := wanted;
    seen integer := 0;
    still_wanted integer := wanted;
    claimed integer;
    offered integer := 0; -- tokens, one for each task that was locked
    followed text;
BEGIN
    IF EXISTS (SELECT FROM {schema}.tasker_paused) THEN
        named_task_uuids := {schema}.tasker_without_paused(named_task_uuids);
    END IF;
    LOOP
        IF seen = 0 AND EXISTS (SELECT FROM {schema}.tasker_task_queue q
                                 WHERE q.wake_at < 'infinity' AND q.wake_at <= this_moment
                                   AND q.wake_at >= coalesce(due_since, '-infinity')
                                   AND q.task_uuid <> ALL (taken)) THEN
            UPDATE {schema}.tasker_task_queue q
               SET wake_at = NULL
             WHERE q.task_uuid = ANY (ARRAY(
                       SELECT d.task_uuid
                         FROM {schema}.tasker_task_queue d
                        WHERE d.wake_at < 'infinity' AND d.wake_at <= this_moment
                          AND d.wake_at >= coalesce(due_since, '-infinity')
                          AND d.task_uuid <> ALL (taken)
                        ORDER BY d.wake_at
                        LIMIT greatest(wanted, 200)
                          FOR NO KEY UPDATE SKIP LOCKED));
        END IF;

        heads := {schema}.tasker_awake_tasks(width, ends, named_task_uuids, failed_too, monotone, this_moment,
                                             floor_priorities, floors);
        IF heads = '{}' THEN
            EXIT WHEN floors IS NULL AND due_since IS NULL;
            floors := NULL;
            due_since := NULL;
            ends := '{}';
            seen := 0;
            CONTINUE;
        END IF;
        seen := seen + cardinality(heads);
        width := least(greatest(still_wanted, 2 * seen, 8), 5000);
        passed := heads;

        WHILE heads <> '{}' LOOP
            chosen := ARRAY(SELECT q.task_uuid
                              FROM unnest(heads) WITH ORDINALITY AS i (task_uuid, n)
                              JOIN {schema}.tasker_task_queue q ON q.task_uuid = i.task_uuid
                              JOIN {schema}.tasker_tasks k ON k.task_uuid = i.task_uuid
                             WHERE num_nulls(q.wake_at) = 1
                               AND coalesce(greatest(q.lease_until, q.start_at) < this_moment, true)
                               AND (SELECT true
                                      FROM {schema}.tasker_step_readiness r
                                     WHERE r.task_uuid = i.task_uuid AND r.available_at <= this_moment
                                     LIMIT 1)
                             ORDER BY i.n
                             LIMIT still_wanted
                               FOR NO KEY UPDATE OF q, k SKIP LOCKED);
            EXIT WHEN chosen = '{}';

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
            taken := taken || chosen;
            EXIT WHEN cardinality(chosen) < claimed + still_wanted; -- none behind them
            heads := heads[array_position(heads, chosen[cardinality(chosen)]) + 1:];
            EXIT WHEN still_wanted = 0;
        END LOOP;

        IF still_wanted > 0 OR cardinality(passed) - cardinality(heads) > wanted THEN
            PERFORM {schema}.tasker_ready_set_settle(ARRAY(
                SELECT q.task_uuid
                  FROM unnest(passed) WITH ORDINALITY AS i (task_uuid, n)
                  JOIN {schema}.tasker_task_queue q ON q.task_uuid = i.task_uuid
                 WHERE i.n <= cardinality(passed) - CASE WHEN still_wanted > 0 THEN 0 ELSE cardinality(heads) END
                   AND num_nulls(q.wake_at) = 1
                   AND (greatest(q.lease_until, q.start_at) >= this_moment
                        OR (SELECT true
                              FROM {schema}.tasker_step_readiness r
                             WHERE r.task_uuid = i.task_uuid AND r.available_at <= this_moment
                             LIMIT 1) IS NULL)));
        END IF;
        EXIT WHEN still_wanted = 0 OR clock_timestamp() > began + interval '1 second';
        ends := {schema}.tasker_last_of_each_priority(ends || passed, named_task_uuids IS NOT NULL);
    END LOOP;
END
$tasker$;

-- Who takes a task without a token ends the claim of the token before: by its name, or after a release. A claim of the
-- same name cannot be told from one that goes on.
CREATE FUNCTION {schema}.tasker_forget_token() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $tasker$
BEGIN
    NEW.claim_id := NULL;
    RETURN NEW;
END
$tasker$;

CREATE TRIGGER tasker_forget_token
    BEFORE UPDATE OF claimed_at, claimed_by ON {schema}.tasker_tasks
    FOR EACH ROW
    WHEN (NEW.claim_id = OLD.claim_id AND NEW.claimed_at IS NOT NULL
          AND (NEW.claimed_by IS DISTINCT FROM OLD.claimed_by OR OLD.claimed_at IS NULL))
    EXECUTE FUNCTION {schema}.tasker_forget_token();

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
           SET claim_id = NULL, claimed_at = NULL, claimed_by = NULL, updated_at = now() AT TIME ZONE 'UTC'
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
