-- SPDX-License-Identifier: MIT
--
-- Schema version 1, the ready set: which steps can start and which tasks have any, kept up to date by whoever writes.
-- Run after 0001_views.sql, in the same transaction and by the same rules. Claims are answered from it.
--
-- One piece of upkeep, tasker_ready_set_follow_steps() and its sisters, with two callers. Triggers call it for writers
-- that know nothing of it. Where libtasker itself knows what its write changes, it sends a call of it along, and the
-- triggers step aside: the setting tasker.followed is on from the statement before the write to the one behind it. They
-- travel in one flush, so that nobody else's statement can be between them; what triggers write is never excused.
--
-- Upkeep only ever says what is true of the rows that it has locked, in a statement begun after the lock, so that it
-- does not matter who of two writers comes first; under REPEATABLE READ the second one fails with 40001. Locks go
-- tasks, steps, transitions, tasker_step_readiness, tasker_task_queue, each in key order.
--
-- Plans: a session keeps them from the first use on, when the tables may be tiny, so everything but look-ups by key is
-- switched off. SECURITY DEFINER: writing a step is enough to keep the set true.


-- ---------------------------------------------------------------------------------------------------------------------
-- tasker_step_readiness: what each step waits for; one row per step
-- ---------------------------------------------------------------------------------------------------------------------

-- remaining_parents: those that are not done. startable_at: when the step itself can start, parents aside; -infinity: at
-- once, NULL: not in its state. Only available_at is indexed, so that counting parents down touches no index.
CREATE TABLE {schema}.tasker_step_readiness (
    workflow_step_uuid uuid    NOT NULL,
    task_uuid          uuid    NOT NULL,
    remaining_parents  integer NOT NULL,
    done               boolean NOT NULL,
    startable_at       timestamp,
    available_at       timestamp
        GENERATED ALWAYS AS (CASE WHEN remaining_parents <= 0 THEN startable_at END) STORED,

    CONSTRAINT tasker_step_readiness_pkey PRIMARY KEY (workflow_step_uuid)
)
WITH (fillfactor = 70, autovacuum_vacuum_threshold = 1000, autovacuum_analyze_threshold = 1000);

-- What can start, or will by itself, in a task.
CREATE INDEX idx_tasker_step_readiness_available
    ON {schema}.tasker_step_readiness (task_uuid, available_at) WHERE available_at IS NOT NULL;


-- ---------------------------------------------------------------------------------------------------------------------
-- tasker_task_queue: the tasks that are not over, in the order in which they are claimed; one row each
-- ---------------------------------------------------------------------------------------------------------------------

-- wake_at NULL: may be claimed now. A task may stand here so and have nothing to do: whoever finds that out puts it to
-- sleep. It never sleeps longer than the claim that is on it, its start_at, and the first step that becomes available;
-- infinity: none will by itself. failed: in state error, which only claim_ready_tasks offers.
CREATE TABLE {schema}.tasker_task_queue (
    task_uuid       uuid      NOT NULL,
    named_task_uuid uuid      NOT NULL,
    priority        integer   NOT NULL,
    created_at      timestamp NOT NULL,
    failed          boolean   NOT NULL,
    start_at        timestamp,
    lease_until     timestamp,
    wake_at         timestamp,

    CONSTRAINT tasker_task_queue_pkey PRIMARY KEY (task_uuid)
)
WITH (fillfactor = 70, autovacuum_vacuum_threshold = 1000, autovacuum_analyze_threshold = 1000);

-- Claims of any task, and of tasks of a type: one ordered scan for each priority.
CREATE INDEX idx_tasker_task_queue_order
    ON {schema}.tasker_task_queue (failed, priority, created_at, task_uuid) WHERE wake_at IS NULL;
CREATE INDEX idx_tasker_task_queue_type_order
    ON {schema}.tasker_task_queue (named_task_uuid, failed, priority, created_at, task_uuid) WHERE wake_at IS NULL;

-- Those that wake up by themselves.
CREATE INDEX idx_tasker_task_queue_wake
    ON {schema}.tasker_task_queue (wake_at) WHERE wake_at < 'infinity';

-- The priorities that have ever been in use. Without a key: two sessions that bring the same new one do not wait for
-- each other, and a priority that stands here twice does no harm.
CREATE TABLE {schema}.tasker_task_queue_priorities (
    priority integer NOT NULL
);


-- ---------------------------------------------------------------------------------------------------------------------
-- Upkeep of the steps; that of the tasks, which it calls, is in 0001_ready_set_tasks.sql
-- ---------------------------------------------------------------------------------------------------------------------

-- These steps may have changed: their state, or what else decides when they can start.
CREATE FUNCTION {schema}.tasker_ready_set_follow_steps(step_uuids uuid[]) RETURNS void
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
    finished uuid[];
    reopened uuid[];
    change integer;
    task_uuids uuid[];
    moments timestamp[];
    more_tasks uuid[];
    more_moments timestamp[];
    sleeper uuid;
    until timestamp;
BEGIN
    -- Together with the children of those that begin or end to be done: nobody holds one and waits for the other.
    PERFORM
       FROM {schema}.tasker_step_readiness r
      WHERE r.workflow_step_uuid = ANY (step_uuids || ARRAY(
                SELECT e.to_step_uuid
                  FROM unnest(step_uuids) AS i (step_uuid)
                  JOIN {schema}.tasker_step_readiness o ON o.workflow_step_uuid = i.step_uuid
                  JOIN {schema}.tasker_workflow_step_edges e ON e.from_step_uuid = i.step_uuid
                 WHERE o.done <> coalesce((SELECT t.to_state IN ('complete', 'resolved_manually')
                                             FROM {schema}.tasker_workflow_step_transitions t
                                            WHERE t.workflow_step_uuid = i.step_uuid AND t.most_recent), false)))
      ORDER BY r.workflow_step_uuid
        FOR NO KEY UPDATE;

    -- Also where nothing changes: whoever has an older snapshot under REPEATABLE READ does not know why, and fails so.
    WITH moved AS (
        UPDATE {schema}.tasker_step_readiness r
           SET done = a.done, startable_at = a.startable_at
          FROM {schema}.tasker_step_readiness o
          JOIN {schema}.tasker_step_availability a ON a.workflow_step_uuid = o.workflow_step_uuid
         WHERE o.workflow_step_uuid = ANY (step_uuids)
           AND r.workflow_step_uuid = o.workflow_step_uuid
        RETURNING r.workflow_step_uuid, r.task_uuid, r.available_at, r.done, o.done AS was_done,
                  r.available_at IS DISTINCT FROM o.available_at AS moved
    )
    SELECT array_agg(m.workflow_step_uuid) FILTER (WHERE m.done AND NOT m.was_done),
           array_agg(m.workflow_step_uuid) FILTER (WHERE m.was_done AND NOT m.done),
           array_agg(m.task_uuid) FILTER (WHERE m.moved AND m.available_at IS NOT NULL),
           array_agg(m.available_at) FILTER (WHERE m.moved AND m.available_at IS NOT NULL)
      INTO finished, reopened, task_uuids, moments
      FROM moved m;

    -- Edges are read after the rows of their parents were locked: who adds one locks the parent's row, too.
    FOREACH change IN ARRAY ARRAY[-1, 1] LOOP
        CONTINUE WHEN CASE change WHEN -1 THEN finished ELSE reopened END IS NULL;
        WITH counted AS (
            UPDATE {schema}.tasker_step_readiness r
               SET remaining_parents = r.remaining_parents + c.parents * change
              FROM (SELECT e.to_step_uuid, count(DISTINCT e.from_step_uuid)::integer AS parents
                      FROM {schema}.tasker_workflow_step_edges e
                     WHERE e.from_step_uuid = ANY (CASE change WHEN -1 THEN finished ELSE reopened END)
                     GROUP BY e.to_step_uuid) c
             WHERE r.workflow_step_uuid = c.to_step_uuid
            RETURNING r.task_uuid, r.available_at
        )
        SELECT array_agg(c.task_uuid), array_agg(c.available_at)
          INTO more_tasks, more_moments
          FROM counted c
         WHERE c.available_at IS NOT NULL;
        task_uuids := task_uuids || more_tasks;
        moments := moments || more_moments;
    END LOOP;

    -- Most often all are of one task, which is awake: then the lock that tasker_ready_set_wake begins with is all.
    IF task_uuids IS NOT NULL THEN
        IF task_uuids[1] = ALL (task_uuids) THEN
            SELECT q.task_uuid, q.wake_at INTO sleeper, until
              FROM {schema}.tasker_task_queue q
             WHERE q.task_uuid = task_uuids[1]
               FOR KEY SHARE;
        END IF;
        IF sleeper IS NULL OR until IS NOT NULL THEN
            PERFORM {schema}.tasker_ready_set_wake(task_uuids, moments);
        END IF;
    END IF;
END
$tasker$;

-- Edges from these steps to those have come, or (recount) also gone. The parents' rows are written, not only locked, so
-- that a completion under an older snapshot fails. Where all are new, what they add is added: counting all parents of a
-- wide join again for each of its edges takes quadratic time. Steps may come in the same statement as their edges, and
-- be told of later.
CREATE FUNCTION {schema}.tasker_ready_set_follow_edges(from_uuids uuid[], to_uuids uuid[], recount boolean) RETURNS void
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
    task_uuids uuid[];
    moments timestamp[];
    new_uuids CONSTANT uuid[] := ARRAY(
        SELECT DISTINCT i.step_uuid
          FROM unnest(from_uuids || to_uuids) AS i (step_uuid)
         WHERE (SELECT true FROM {schema}.tasker_step_readiness r WHERE r.workflow_step_uuid = i.step_uuid) IS NULL);
BEGIN
    IF new_uuids <> '{}' THEN
        PERFORM {schema}.tasker_ready_set_follow_new_steps(new_uuids);
    END IF;
    PERFORM
       FROM {schema}.tasker_step_readiness r
      WHERE r.workflow_step_uuid = ANY (from_uuids || to_uuids)
      ORDER BY r.workflow_step_uuid
        FOR NO KEY UPDATE;

    UPDATE {schema}.tasker_step_readiness r
       SET done = r.done
      FROM (SELECT DISTINCT i.step_uuid FROM unnest(from_uuids) AS i (step_uuid)) p
     WHERE r.workflow_step_uuid = p.step_uuid;

    IF NOT recount THEN
        UPDATE {schema}.tasker_step_readiness r
           SET remaining_parents = r.remaining_parents + c.more
          FROM (SELECT n.to_uuid, count(*)::integer AS more
                  FROM (SELECT i.from_uuid, i.to_uuid, count(*) AS edges
                          FROM unnest(from_uuids, to_uuids) AS i (from_uuid, to_uuid)
                         GROUP BY i.from_uuid, i.to_uuid) n
                  JOIN {schema}.tasker_step_readiness p ON p.workflow_step_uuid = n.from_uuid AND NOT p.done
                 WHERE n.edges = (SELECT count(*)
                                    FROM {schema}.tasker_workflow_step_edges e
                                   WHERE e.from_step_uuid = n.from_uuid AND e.to_step_uuid = n.to_uuid)
                 GROUP BY n.to_uuid) c
         WHERE r.workflow_step_uuid = c.to_uuid;
        RETURN;
    END IF;

    WITH counted AS (
        UPDATE {schema}.tasker_step_readiness r
           SET remaining_parents = c.remaining_parents
          FROM (SELECT i.step_uuid,
                       (SELECT count(DISTINCT e.from_step_uuid)
                          FROM {schema}.tasker_workflow_step_edges e
                          JOIN {schema}.tasker_step_readiness p ON p.workflow_step_uuid = e.from_step_uuid
                         WHERE e.to_step_uuid = i.step_uuid AND NOT p.done)::integer AS remaining_parents
                  FROM (SELECT DISTINCT d.step_uuid FROM unnest(to_uuids) AS d (step_uuid)) i) c
         WHERE r.workflow_step_uuid = c.step_uuid
           AND r.remaining_parents <> c.remaining_parents
        RETURNING r.task_uuid, r.available_at
    )
    SELECT array_agg(c.task_uuid), array_agg(c.available_at)
      INTO task_uuids, moments
      FROM counted c
     WHERE c.available_at IS NOT NULL;
    IF task_uuids IS NOT NULL THEN
        PERFORM {schema}.tasker_ready_set_wake(task_uuids, moments);
    END IF;
END
$tasker$;

-- These steps have come, or gone, or belong to another task now. Edges are counted by who follows edges, once.
CREATE FUNCTION {schema}.tasker_ready_set_follow_new_steps(step_uuids uuid[]) RETURNS void
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
    task_uuids uuid[];
    moments timestamp[];
BEGIN
    DELETE FROM {schema}.tasker_step_readiness r
     USING unnest(step_uuids) AS i (step_uuid)
     WHERE r.workflow_step_uuid = i.step_uuid
       AND NOT EXISTS (SELECT FROM {schema}.tasker_workflow_steps s WHERE s.workflow_step_uuid = i.step_uuid);

    WITH come AS (
        INSERT INTO {schema}.tasker_step_readiness
               (workflow_step_uuid, task_uuid, remaining_parents, done, startable_at)
        SELECT DISTINCT a.workflow_step_uuid, a.task_uuid, 0, a.done, a.startable_at
          FROM unnest(step_uuids) AS i (step_uuid)
          JOIN {schema}.tasker_step_availability a ON a.workflow_step_uuid = i.step_uuid
         ORDER BY a.workflow_step_uuid
        ON CONFLICT (workflow_step_uuid) DO UPDATE SET task_uuid = excluded.task_uuid
        RETURNING task_uuid, available_at
    )
    SELECT array_agg(c.task_uuid), array_agg(c.available_at)
      INTO task_uuids, moments
      FROM come c
     WHERE c.available_at IS NOT NULL;
    IF task_uuids IS NOT NULL THEN
        PERFORM {schema}.tasker_ready_set_wake(task_uuids, moments);
    END IF;
END
$tasker$;
