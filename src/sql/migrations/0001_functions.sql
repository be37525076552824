-- SPDX-License-Identifier: MIT
--
-- Schema version 1, the functions and views that tasker-core's programs call: run after 0001_views.sql, in the same
-- transaction and by the same rules. libtasker's own statements use none of them.
--
-- Names and signatures are tasker-core's. What they answer about readiness and execution comes from the views of
-- 0001_views.sql, which hold the rules. "Now" is the start of the transaction, in UTC whatever the session's time
-- zone. Unknown ids and NULL give no rows or false.
--
-- Bodies between BEGIN ATOMIC and END are parsed here and now, so no caller's search path, temporary table or operator
-- can get into them. The others are text: they fix the search path and name the schema wherever they mean it.


-- ---------------------------------------------------------------------------------------------------------------------
-- Readiness of steps
-- ---------------------------------------------------------------------------------------------------------------------

-- All steps of a task, or those of them that are named; an empty array names none.
CREATE FUNCTION {schema}.get_step_readiness_status(input_task_uuid uuid, step_uuids uuid[] DEFAULT NULL)
RETURNS TABLE (workflow_step_uuid uuid, task_uuid uuid, named_step_uuid uuid, name text, current_state text,
               dependencies_satisfied boolean, retry_eligible boolean, ready_for_execution boolean,
               last_failure_at timestamp, next_retry_at timestamp, total_parents integer, completed_parents integer,
               attempts integer, retry_limit integer, backoff_request_seconds integer, last_attempted_at timestamp)
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT r.workflow_step_uuid, r.task_uuid, r.named_step_uuid, r.name, r.current_state, r.dependencies_satisfied,
           r.retry_eligible, r.ready_for_execution, r.last_failure_at, r.next_retry_at, r.total_parents,
           r.completed_parents, r.attempts, r.retry_limit, r.backoff_request_seconds, r.last_attempted_at
      FROM {schema}.tasker_step_readiness_status r
     WHERE r.task_uuid = input_task_uuid
       AND (step_uuids IS NULL OR r.workflow_step_uuid = ANY (step_uuids))
     ORDER BY r.workflow_step_uuid;
END;

CREATE FUNCTION {schema}.get_step_readiness_status_batch(input_task_uuids uuid[])
RETURNS TABLE (workflow_step_uuid uuid, task_uuid uuid, named_step_uuid uuid, name text, current_state text,
               dependencies_satisfied boolean, retry_eligible boolean, ready_for_execution boolean,
               last_failure_at timestamp, next_retry_at timestamp, total_parents integer, completed_parents integer,
               attempts integer, retry_limit integer, backoff_request_seconds integer, last_attempted_at timestamp)
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT r.workflow_step_uuid, r.task_uuid, r.named_step_uuid, r.name, r.current_state, r.dependencies_satisfied,
           r.retry_eligible, r.ready_for_execution, r.last_failure_at, r.next_retry_at, r.total_parents,
           r.completed_parents, r.attempts, r.retry_limit, r.backoff_request_seconds, r.last_attempted_at
      FROM {schema}.tasker_step_readiness_status r
     WHERE r.task_uuid = ANY (input_task_uuids)
     ORDER BY r.workflow_step_uuid;
END;


-- ---------------------------------------------------------------------------------------------------------------------
-- Execution context of tasks
-- ---------------------------------------------------------------------------------------------------------------------

CREATE FUNCTION {schema}.get_task_execution_context(input_task_uuid uuid)
RETURNS TABLE (task_uuid uuid, named_task_uuid uuid, status text, total_steps bigint, pending_steps bigint,
               in_progress_steps bigint, completed_steps bigint, failed_steps bigint, ready_steps bigint,
               execution_status text, recommended_action text, completion_percentage numeric, health_status text)
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT x.task_uuid, x.named_task_uuid, x.status, x.total_steps, x.pending_steps, x.in_progress_steps,
           x.completed_steps, x.failed_steps, x.ready_steps, x.execution_status, x.recommended_action,
           x.completion_percentage, x.health_status
      FROM {schema}.tasker_task_execution_contexts x
     WHERE x.task_uuid = input_task_uuid;
END;

CREATE FUNCTION {schema}.get_task_execution_contexts_batch(input_task_uuids uuid[])
RETURNS TABLE (task_uuid uuid, named_task_uuid uuid, status text, total_steps bigint, pending_steps bigint,
               in_progress_steps bigint, completed_steps bigint, failed_steps bigint, ready_steps bigint,
               execution_status text, recommended_action text, completion_percentage numeric, health_status text)
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT x.task_uuid, x.named_task_uuid, x.status, x.total_steps, x.pending_steps, x.in_progress_steps,
           x.completed_steps, x.failed_steps, x.ready_steps, x.execution_status, x.recommended_action,
           x.completion_percentage, x.health_status
      FROM {schema}.tasker_task_execution_contexts x
     WHERE x.task_uuid = ANY (input_task_uuids)
     ORDER BY x.task_uuid;
END;


-- ---------------------------------------------------------------------------------------------------------------------
-- Claims of tasks
-- ---------------------------------------------------------------------------------------------------------------------

-- From one moment to another, in seconds. Infinite times cannot be subtracted before PostgreSQL 17, and far ones not at
-- all: one such row must not break a query for all others.
CREATE FUNCTION {schema}.tasker_seconds_between(began timestamp, ended timestamp) RETURNS numeric
LANGUAGE sql IMMUTABLE
RETURN CASE WHEN isfinite(began) AND isfinite(ended) THEN extract(epoch FROM ended) - extract(epoch FROM began)
            WHEN began = ended THEN 0
            WHEN ended > began THEN 1e13 -- beyond all that have an end
            WHEN ended < began THEN -1e13 END;

-- How long a task has waited, in seconds.
CREATE FUNCTION {schema}.tasker_task_age(created_at timestamp, this_moment timestamp) RETURNS numeric
LANGUAGE sql IMMUTABLE
RETURN {schema}.tasker_seconds_between(created_at, this_moment);

-- Ageing: a task's priority grows with the time it has waited, the faster the lower it is; from ten minutes on, all of
-- 0 to 4 are equal. The one place where that is written down. A task from the future has not waited at all.
CREATE FUNCTION {schema}.tasker_computed_priority(priority integer, age_seconds numeric) RETURNS double precision
LANGUAGE sql IMMUTABLE
RETURN (CASE WHEN priority >= 4 THEN priority + least(greatest(age_seconds, 0) / 300, 2)
             WHEN priority = 3 THEN 3 + least(greatest(age_seconds, 0) / 180, 3)
             WHEN priority = 2 THEN 2 + least(greatest(age_seconds, 0) / 120, 4)
             WHEN priority = 1 THEN 1 + least(greatest(age_seconds, 0) / 60, 5)
             ELSE least(greatest(age_seconds, 0) / 30, 6) END)::double precision;

-- Tasks that are not over and nobody's, whether or not there is anything to do for them. A claim is nobody's any more
-- when its time is over.
CREATE VIEW {schema}.tasker_claimable_tasks AS
SELECT k.task_uuid,
       ns.name AS namespace_name,
       k.priority,
       k.created_at,
       k.updated_at,
       k.claimed_at,
       k.claimed_by,
       k.claim_timeout_seconds,
       round(a.age_seconds / 3600, 2)::double precision AS age_hours,
       {schema}.tasker_computed_priority(k.priority, a.age_seconds) AS computed_priority,
       CASE WHEN k.claimed_at IS NULL THEN 'available' ELSE 'stale_claim' END AS claim_status,
       CASE WHEN k.claimed_at IS NOT NULL
            THEN round(least(greatest({schema}.tasker_seconds_between(k.claimed_at::timestamp, now() AT TIME ZONE 'UTC'),
                                      -2147483648), 2147483647))::integer END AS claimed_duration_seconds
  FROM {schema}.tasker_tasks k
  JOIN {schema}.tasker_task_availability v ON v.task_uuid = k.task_uuid
  JOIN {schema}.tasker_named_tasks nt ON nt.named_task_uuid = k.named_task_uuid
  JOIN {schema}.tasker_task_namespaces ns ON ns.task_namespace_uuid = nt.task_namespace_uuid
 CROSS JOIN LATERAL (SELECT {schema}.tasker_task_age(k.created_at, now() AT TIME ZONE 'UTC') AS age_seconds) a
 WHERE NOT v.over
   AND (v.lease_until IS NULL OR v.lease_until < now() AT TIME ZONE 'UTC');

-- Sorted before the contexts are asked for, so that a LIMIT asks for few of them.
CREATE VIEW {schema}.tasker_ready_tasks AS
SELECT c.task_uuid,
       c.namespace_name,
       c.priority,
       c.created_at,
       c.updated_at,
       c.claimed_at,
       c.claimed_by,
       x.ready_steps AS ready_steps_count,
       x.execution_status,
       x.total_steps,
       x.completed_steps,
       x.pending_steps,
       x.failed_steps,
       x.in_progress_steps,
       c.age_hours,
       c.computed_priority,
       c.claim_status,
       c.claimed_duration_seconds
  FROM (SELECT o.*
          FROM {schema}.tasker_claimable_tasks o
         ORDER BY o.computed_priority DESC, o.created_at, o.task_uuid) c
 CROSS JOIN LATERAL (
       SELECT o.*
         FROM {schema}.tasker_task_execution_contexts o
        WHERE o.task_uuid = c.task_uuid
       OFFSET 0) x
 WHERE x.ready_steps > 0
 ORDER BY c.computed_priority DESC, c.created_at, c.task_uuid;


-- ---------------------------------------------------------------------------------------------------------------------
-- Graphs
-- ---------------------------------------------------------------------------------------------------------------------

-- What is looked up for one step stands in a subquery that is not flattened (OFFSET 0, an aggregate), so that its index
-- is used however many steps the planner expects. Where a walk goes on it is an array: the planner takes each for ten
-- rows, and the walk for a short one. From statistics that lack it concluded on millions of rows, and making room for
-- them took longer than the walk. A distance is an interval of n months less n times 30 days: all of these are equal,
-- so UNION keeps a step once, at its smallest distance, and the days tell n.

-- Where there are no statistics these walks look expensive, and compiling takes longer than all of them: no JIT.

-- Longest way from a step without parents; edges from or to other tasks do not count. Steps on a cycle or behind one
-- have no level. A step gets its level when all its parents have theirs; steps go by their number in steps, edges lie
-- ordered by parent, so each step and each edge is touched once. Plans are kept for the session: one made while the
-- tables are tiny would read all of them later.
CREATE FUNCTION {schema}.calculate_dependency_levels(input_task_uuid uuid)
RETURNS TABLE (workflow_step_uuid uuid, dependency_level integer)
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
SET jit = off
SET enable_nestloop = off
SET enable_seqscan = off
AS $tasker$
#variable_conflict use_variable
DECLARE
    steps CONSTANT uuid[] := ARRAY(
        SELECT s.workflow_step_uuid
          FROM {schema}.tasker_workflow_steps s
         WHERE s.task_uuid = input_task_uuid
         ORDER BY s.workflow_step_uuid);
    step_count CONSTANT integer := cardinality(steps);
    parents integer[];
    children integer[];
    edge_count integer;
    first_edges integer[] := array_fill(0, ARRAY[step_count]);
    waiting_for integer[] := array_fill(0, ARRAY[step_count]);
    levels integer[] := array_fill(0, ARRAY[step_count]);
    line integer[] := array_fill(0, ARRAY[step_count]);
    line_end integer := 0;
    at integer := 0;
    edge integer;
    child integer;
BEGIN
    SELECT array_agg(p.number::integer ORDER BY p.number), array_agg(c.number::integer ORDER BY p.number), count(*)
      INTO parents, children, edge_count
      FROM {schema}.tasker_workflow_step_edges e
      JOIN unnest(steps) WITH ORDINALITY AS p (step_uuid, number) ON p.step_uuid = e.from_step_uuid
      JOIN unnest(steps) WITH ORDINALITY AS c (step_uuid, number) ON c.step_uuid = e.to_step_uuid
     WHERE e.to_step_uuid = ANY (steps);

    FOR edge IN REVERSE edge_count .. 1 LOOP
        first_edges[parents[edge]] := edge;
        waiting_for[children[edge]] := waiting_for[children[edge]] + 1;
    END LOOP;
    FOR child IN 1 .. step_count LOOP
        IF waiting_for[child] = 0 THEN
            line_end := line_end + 1;
            line[line_end] := child;
        END IF;
    END LOOP;

    WHILE at < line_end LOOP
        at := at + 1;
        edge := first_edges[line[at]];
        WHILE edge BETWEEN 1 AND edge_count AND parents[edge] = line[at] LOOP
            child := children[edge];
            levels[child] := greatest(levels[child], levels[line[at]] + 1);
            waiting_for[child] := waiting_for[child] - 1;
            IF waiting_for[child] = 0 THEN
                line_end := line_end + 1;
                line[line_end] := child;
            END IF;
            edge := edge + 1;
        END LOOP;
    END LOOP;

    RETURN QUERY
        SELECT steps[n.number], levels[n.number]
          FROM unnest(line[1:line_end]) AS n (number)
         ORDER BY levels[n.number], steps[n.number];
END
$tasker$;

-- Each ancestor once, at its smallest distance, however far; parents in other tasks are followed.
CREATE FUNCTION {schema}.get_step_transitive_dependencies(target_step_uuid uuid)
RETURNS TABLE (workflow_step_uuid uuid, task_uuid uuid, named_step_uuid uuid, step_name varchar, results jsonb,
               processed boolean, distance integer)
LANGUAGE sql STABLE COST 100000 ROWS 10
SET jit = off
BEGIN ATOMIC
    WITH RECURSIVE walked (step_uuid, distance) AS (
        SELECT target_step_uuid, make_interval()
        UNION
        SELECT n.step_uuid, w.distance + make_interval(months => 1, days => -30)
          FROM walked w
         CROSS JOIN LATERAL unnest(ARRAY(
               SELECT e.from_step_uuid
                 FROM {schema}.tasker_workflow_step_edges e
                WHERE e.to_step_uuid = w.step_uuid)) n (step_uuid)
    )
    SELECT s.workflow_step_uuid, s.task_uuid, s.named_step_uuid,
           (SELECT ns.name FROM {schema}.tasker_named_steps ns WHERE ns.named_step_uuid = s.named_step_uuid),
           s.results, s.processed, d.distance
      FROM walked w
     CROSS JOIN LATERAL (
           SELECT (extract(day FROM w.distance) / -30)::integer AS distance) d
     CROSS JOIN LATERAL (
           SELECT o.workflow_step_uuid, o.task_uuid, o.named_step_uuid, o.results, o.processed
             FROM {schema}.tasker_workflow_steps o
            WHERE o.workflow_step_uuid = w.step_uuid
           OFFSET 0) s
     WHERE w.step_uuid <> target_step_uuid
     ORDER BY d.distance, s.workflow_step_uuid;
END;

-- The same for many steps: a row for each step and each of its ancestors. The step is named by its own key and task,
-- everything from ancestor_step_uuid on is about the ancestor.
CREATE VIEW {schema}.tasker_step_transitive_dependencies AS
SELECT s.workflow_step_uuid,
       s.task_uuid,
       a.workflow_step_uuid AS ancestor_step_uuid,
       a.task_uuid AS ancestor_task_uuid,
       a.named_step_uuid,
       a.step_name,
       a.results,
       a.processed,
       a.distance
  FROM {schema}.tasker_workflow_steps s
 CROSS JOIN LATERAL (
       SELECT o.*
         FROM {schema}.get_step_transitive_dependencies(s.workflow_step_uuid) o
       OFFSET 0) a;

-- Every step of a task with the shortest way to it from a step without parents, NULL if there is none. Up to where all
-- ways begin, and down from there. With a setting it is not merged into the query around it.
CREATE FUNCTION {schema}.tasker_step_depths(input_task_uuid uuid)
RETURNS TABLE (workflow_step_uuid uuid, depth integer)
LANGUAGE sql STABLE COST 100000 ROWS 10
SET jit = off
BEGIN ATOMIC
    WITH RECURSIVE own AS MATERIALIZED (
        SELECT n.step_uuid
          FROM unnest(ARRAY(
               SELECT s.workflow_step_uuid
                 FROM {schema}.tasker_workflow_steps s
                WHERE s.task_uuid = input_task_uuid)) n (step_uuid)
    ), upward (step_uuid) AS (
        SELECT o.step_uuid FROM own o
        UNION
        SELECT n.step_uuid
          FROM upward u
         CROSS JOIN LATERAL unnest(ARRAY(
               SELECT e.from_step_uuid
                 FROM {schema}.tasker_workflow_step_edges e
                WHERE e.to_step_uuid = u.step_uuid)) n (step_uuid)
    ), downward (step_uuid, distance) AS (
        SELECT n.step_uuid, make_interval()
          FROM unnest(ARRAY(
               SELECT u.step_uuid
                 FROM upward u
                WHERE NOT EXISTS (
                      SELECT FROM {schema}.tasker_workflow_step_edges e WHERE e.to_step_uuid = u.step_uuid OFFSET 0)
               )) n (step_uuid)
        UNION
        SELECT n.step_uuid, d.distance + make_interval(months => 1, days => -30)
          FROM downward d
         CROSS JOIN LATERAL unnest(ARRAY(
               SELECT e.to_step_uuid
                 FROM {schema}.tasker_workflow_step_edges e
                WHERE e.from_step_uuid = d.step_uuid)) n (step_uuid)
    )
    SELECT x.step_uuid, (max(extract(day FROM x.distance)) / -30)::integer
      FROM (SELECT o.step_uuid, NULL::interval AS distance, true AS is_own FROM own o
             UNION ALL
            SELECT d.step_uuid, d.distance, false FROM downward d) x
     GROUP BY x.step_uuid
    HAVING bool_or(x.is_own);
END;

-- The outer join, which never adds a NULL, keeps the planner from asking for the depths of a task once for each of its
-- steps. A condition on workflow_step_uuid makes it an inner one, and then the step comes first. Functions stand behind
-- OFFSET 0 in both views of graphs, because the planner thinks that a bare one is run once for all tasks or steps.
CREATE VIEW {schema}.tasker_step_dag_relationships AS
SELECT s.workflow_step_uuid,
       k.task_uuid,
       s.named_step_uuid,
       p.step_uuids AS parent_step_uuids,
       c.step_uuids AS child_step_uuids,
       p.step_count AS parent_count,
       c.step_count AS child_count,
       p.step_count = 0 AS is_root_step,
       c.step_count = 0 AS is_leaf_step,
       d.depth AS min_depth_from_root
  FROM {schema}.tasker_tasks k
 CROSS JOIN LATERAL (
       SELECT o.workflow_step_uuid, o.depth
         FROM {schema}.tasker_step_depths(k.task_uuid) o
       OFFSET 0) d
  LEFT JOIN {schema}.tasker_workflow_steps s
         ON s.workflow_step_uuid = d.workflow_step_uuid AND s.task_uuid = k.task_uuid
 CROSS JOIN LATERAL (
       SELECT coalesce(jsonb_agg(e.step_uuid ORDER BY e.step_uuid), '[]') AS step_uuids, count(*) AS step_count
         FROM (SELECT DISTINCT o.from_step_uuid AS step_uuid
                 FROM {schema}.tasker_workflow_step_edges o
                WHERE o.to_step_uuid = d.workflow_step_uuid) e) p
 CROSS JOIN LATERAL (
       SELECT coalesce(jsonb_agg(e.step_uuid ORDER BY e.step_uuid), '[]') AS step_uuids, count(*) AS step_count
         FROM (SELECT DISTINCT o.to_step_uuid AS step_uuid
                 FROM {schema}.tasker_workflow_step_edges o
                WHERE o.from_step_uuid = d.workflow_step_uuid) e) c;


-- ---------------------------------------------------------------------------------------------------------------------
-- Reports
-- ---------------------------------------------------------------------------------------------------------------------

CREATE FUNCTION {schema}.get_system_health_counts()
RETURNS TABLE (total_tasks bigint, pending_tasks bigint, in_progress_tasks bigint, complete_tasks bigint,
               error_tasks bigint, cancelled_tasks bigint, total_steps bigint, pending_steps bigint,
               in_progress_steps bigint, complete_steps bigint, error_steps bigint, retryable_error_steps bigint,
               exhausted_retry_steps bigint, in_backoff_steps bigint, active_connections bigint,
               max_connections bigint)
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT k.total, k.pending, k.in_progress, k.complete, k.error, k.cancelled,
           s.total, s.pending, s.in_progress, s.complete, s.error,
           e.retryable, e.exhausted, e.in_backoff,
           (SELECT count(*) FROM pg_stat_activity a WHERE a.state <> 'idle'),
           current_setting('max_connections')::bigint
      FROM (SELECT count(*) AS total,
                   count(*) FILTER (WHERE coalesce(t.to_state, 'pending') = 'pending') AS pending,
                   count(*) FILTER (WHERE t.to_state = 'in_progress') AS in_progress,
                   count(*) FILTER (WHERE t.to_state = 'complete') AS complete,
                   count(*) FILTER (WHERE t.to_state = 'error') AS error,
                   count(*) FILTER (WHERE t.to_state = 'cancelled') AS cancelled
              FROM {schema}.tasker_tasks o
              LEFT JOIN {schema}.tasker_task_transitions t ON t.task_uuid = o.task_uuid AND t.most_recent) k,
           (SELECT count(*) AS total,
                   count(*) FILTER (WHERE coalesce(t.to_state, 'pending') = 'pending') AS pending,
                   count(*) FILTER (WHERE t.to_state = 'in_progress') AS in_progress,
                   count(*) FILTER (WHERE t.to_state = 'complete') AS complete,
                   count(*) FILTER (WHERE t.to_state = 'error') AS error
              FROM {schema}.tasker_workflow_steps o
              LEFT JOIN {schema}.tasker_workflow_step_transitions t
                     ON t.workflow_step_uuid = o.workflow_step_uuid AND t.most_recent) s,
           (SELECT count(*) FILTER (WHERE r.retry_eligible) AS retryable,
                   count(*) FILTER (WHERE r.attempts >= r.retry_limit) AS exhausted,
                   count(*) FILTER (WHERE r.retry_eligible AND r.next_retry_at > (now() AT TIME ZONE 'UTC'))
                       AS in_backoff
              FROM {schema}.tasker_workflow_step_transitions t
              JOIN {schema}.tasker_step_readiness_status r ON r.workflow_step_uuid = t.workflow_step_uuid
             WHERE t.to_state = 'error' AND t.most_recent) e;
END;

-- A task counts as completed with one complete step, as failed with one in error, and can be both. The score is of the
-- last hour, whatever the period.
CREATE FUNCTION {schema}.get_analytics_metrics(since_timestamp timestamptz DEFAULT NULL)
RETURNS TABLE (active_tasks_count bigint, total_namespaces_count bigint, unique_task_types_count bigint,
               system_health_score numeric, task_throughput bigint, completion_count bigint, error_count bigint,
               completion_rate numeric, error_rate numeric, avg_task_duration numeric, avg_step_duration numeric,
               step_throughput bigint, analysis_period_start timestamptz, calculated_at timestamptz)
LANGUAGE sql STABLE
BEGIN ATOMIC
    WITH span AS MATERIALIZED (
        SELECT b.begins, b.begins AT TIME ZONE 'UTC' AS since,
               (now() - interval '1 hour') AT TIME ZONE 'UTC' AS hour_ago
          FROM (SELECT coalesce(since_timestamp, now() - interval '1 hour') AS begins) b
    ), task AS (
        SELECT k.created_at > span.since AS in_period,
               k.created_at > span.hour_ago AS recent,
               count(s.workflow_step_uuid) AS steps,
               count(*) FILTER (WHERE t.to_state = 'complete') AS complete,
               count(*) FILTER (WHERE t.to_state = 'error') AS error,
               sum({schema}.tasker_seconds_between(k.created_at::timestamp, t.created_at::timestamp)) FILTER (WHERE t.to_state = 'complete')
                   AS since_task,
               sum({schema}.tasker_seconds_between(s.created_at::timestamp, t.created_at::timestamp)) FILTER (WHERE t.to_state = 'complete')
                   AS since_step
          FROM span
          JOIN {schema}.tasker_tasks k ON k.created_at > least(span.since, span.hour_ago)
          LEFT JOIN {schema}.tasker_workflow_steps s ON s.task_uuid = k.task_uuid
          LEFT JOIN {schema}.tasker_workflow_step_transitions t
                 ON t.workflow_step_uuid = s.workflow_step_uuid AND t.most_recent
         GROUP BY k.task_uuid, k.created_at, span.since, span.hour_ago
    ), f AS (
        SELECT count(*) FILTER (WHERE task.in_period) AS tasks,
               count(*) FILTER (WHERE task.in_period AND task.complete > 0) AS completed,
               count(*) FILTER (WHERE task.in_period AND task.error > 0) AS failed,
               coalesce(sum(task.steps) FILTER (WHERE task.in_period), 0) AS steps,
               sum(task.complete) FILTER (WHERE task.in_period) AS complete_steps,
               sum(task.since_task) FILTER (WHERE task.in_period) AS since_task,
               sum(task.since_step) FILTER (WHERE task.in_period) AS since_step,
               count(*) FILTER (WHERE task.recent AND task.complete > 0) AS recent_completed,
               count(*) FILTER (WHERE task.recent AND task.error > 0) AS recent_failed
          FROM task
    )
    SELECT (SELECT count(DISTINCT s.task_uuid)
              FROM {schema}.tasker_workflow_steps s
              JOIN {schema}.tasker_workflow_step_transitions t ON t.workflow_step_uuid = s.workflow_step_uuid
             WHERE t.most_recent AND t.to_state IN ('pending', 'enqueued', 'in_progress', 'cancelled')),
           used.namespaces, used.names,
           coalesce(round(f.recent_completed::numeric / nullif(f.recent_completed + f.recent_failed, 0), 3), 1.0),
           f.tasks, f.completed, f.failed,
           coalesce(round(100.0 * f.completed / nullif(f.tasks, 0), 2), 0.0),
           coalesce(round(100.0 * f.failed / nullif(f.tasks, 0), 2), 0.0),
           round(coalesce(f.since_task / nullif(f.complete_steps, 0), 0), 3),
           round(coalesce(f.since_step / nullif(f.complete_steps, 0), 0), 3),
           f.steps::bigint, span.begins, now()
      FROM f, span,
           (SELECT count(DISTINCT ns.name) AS namespaces, count(DISTINCT nt.name) AS names
              FROM {schema}.tasker_named_tasks nt
              JOIN {schema}.tasker_task_namespaces ns ON ns.task_namespace_uuid = nt.task_namespace_uuid
             WHERE EXISTS (SELECT FROM {schema}.tasker_tasks k WHERE k.named_task_uuid = nt.named_task_uuid)) used;
END;

CREATE FUNCTION {schema}.get_slowest_steps(since_timestamp timestamptz DEFAULT NULL, limit_count integer DEFAULT 10,
                                           namespace_filter text DEFAULT NULL, task_name_filter text DEFAULT NULL,
                                           version_filter text DEFAULT NULL)
RETURNS TABLE (workflow_step_uuid uuid, task_uuid uuid, step_name varchar, task_name varchar, namespace_name varchar,
               version varchar, duration_seconds numeric, attempts integer, created_at timestamp,
               completed_at timestamp, retryable boolean, step_status varchar)
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT s.workflow_step_uuid, s.task_uuid, np.name, nt.name, ns.name, nt.version,
           round({schema}.tasker_seconds_between(s.created_at::timestamp, t.created_at::timestamp), 3), s.attempts, s.created_at, t.created_at,
           s.retryable, t.to_state
      FROM {schema}.tasker_workflow_steps s
      JOIN {schema}.tasker_workflow_step_transitions t
           ON t.workflow_step_uuid = s.workflow_step_uuid AND t.most_recent AND t.to_state = 'complete'
      JOIN {schema}.tasker_tasks k ON k.task_uuid = s.task_uuid
      JOIN {schema}.tasker_named_tasks nt ON nt.named_task_uuid = k.named_task_uuid
      JOIN {schema}.tasker_task_namespaces ns ON ns.task_namespace_uuid = nt.task_namespace_uuid
      JOIN {schema}.tasker_named_steps np ON np.named_step_uuid = s.named_step_uuid
     WHERE s.created_at > coalesce(since_timestamp, now() - interval '24 hours') AT TIME ZONE 'UTC'
       AND t.created_at > s.created_at
       AND (namespace_filter IS NULL OR ns.name = namespace_filter)
       AND (task_name_filter IS NULL OR nt.name = task_name_filter)
       AND (version_filter IS NULL OR nt.version = version_filter)
     ORDER BY {schema}.tasker_seconds_between(s.created_at::timestamp, t.created_at::timestamp) DESC, s.workflow_step_uuid
     LIMIT limit_count;
END;

-- Up to the newest complete or failed step: the task may still be running.
CREATE FUNCTION {schema}.get_slowest_tasks(since_timestamp timestamptz DEFAULT NULL, limit_count integer DEFAULT 10,
                                           namespace_filter text DEFAULT NULL, task_name_filter text DEFAULT NULL,
                                           version_filter text DEFAULT NULL)
RETURNS TABLE (task_uuid uuid, task_name varchar, namespace_name varchar, version varchar, duration_seconds numeric,
               step_count bigint, completed_steps bigint, error_steps bigint, created_at timestamp,
               completed_at timestamp, initiator varchar, source_system varchar)
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT k.task_uuid, nt.name, ns.name, nt.version,
           round({schema}.tasker_seconds_between(k.created_at::timestamp, c.completed_at::timestamp), 3), c.step_count, c.completed_steps,
           c.error_steps, k.created_at, c.completed_at, k.initiator, k.source_system
      FROM (SELECT o.task_uuid, count(*) AS step_count,
                   count(*) FILTER (WHERE t.to_state = 'complete') AS completed_steps,
                   count(*) FILTER (WHERE t.to_state = 'error') AS error_steps,
                   max(t.created_at) FILTER (WHERE t.to_state IN ('complete', 'error')) AS completed_at
              FROM {schema}.tasker_tasks o
              JOIN {schema}.tasker_workflow_steps s ON s.task_uuid = o.task_uuid
              LEFT JOIN {schema}.tasker_workflow_step_transitions t
                     ON t.workflow_step_uuid = s.workflow_step_uuid AND t.most_recent
             WHERE o.created_at > coalesce(since_timestamp, now() - interval '24 hours') AT TIME ZONE 'UTC'
             GROUP BY o.task_uuid) c
      JOIN {schema}.tasker_tasks k ON k.task_uuid = c.task_uuid
      JOIN {schema}.tasker_named_tasks nt ON nt.named_task_uuid = k.named_task_uuid
      JOIN {schema}.tasker_task_namespaces ns ON ns.task_namespace_uuid = nt.task_namespace_uuid
     WHERE c.completed_at > k.created_at
       AND (namespace_filter IS NULL OR ns.name = namespace_filter)
       AND (task_name_filter IS NULL OR nt.name = task_name_filter)
       AND (version_filter IS NULL OR nt.version = version_filter)
     ORDER BY {schema}.tasker_seconds_between(k.created_at::timestamp, c.completed_at::timestamp) DESC, k.task_uuid
     LIMIT limit_count;
END;
