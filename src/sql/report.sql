-- SPDX-License-Identifier: MIT
-- Figures over the whole database. Each answer is one statement, so its figures are of one moment.

-- columns: state_counts (total int8, pending int8, enqueued int8, in_progress int8, complete int8, error int8,
--   cancelled int8, resolved_manually int8)
-- columns: health (retryable_error_steps int8, exhausted_retry_steps int8, in_backoff_steps int8,
--   active_connections int8, max_connections int8)
-- columns: metrics (active_tasks_count int8, total_namespaces_count int8, unique_task_types_count int8,
--   task_throughput int8, completion_count int8, error_count int8, step_throughput int8, system_health_score float8,
--   completion_rate float8, error_rate float8, avg_task_duration float8, avg_step_duration float8,
--   analysis_period_start timestamp, calculated_at timestamp)
-- columns: slow_step (workflow_step_uuid uuid, task_uuid uuid, step_name text, task_name text, namespace_name text,
--   version text, duration_seconds float8, attempts int4, retryable bool, retried bool, created_at timestamp,
--   completed_at timestamp)
-- columns: slow_task (task_uuid uuid, task_name text, namespace_name text, version text, initiator text,
--   source_system text, duration_seconds float8, step_count int8, completed_steps int8, error_steps int8,
--   pending_steps int8, completion_percentage float8, error_percentage float8, created_at timestamp,
--   completed_at timestamp)
-- columns: transition_statistics (transitions int8, owners int8, retries int8, gaps int8, executions int8,
--   mean_gap_seconds float8, mean_execution_seconds float8, mean_attempts float8)

-- part: count_by_state (x: rows with a state)
count(*) AS total,
count(*) FILTER (WHERE x.state = 'pending') AS pending,
count(*) FILTER (WHERE x.state = 'enqueued') AS enqueued,
count(*) FILTER (WHERE x.state = 'in_progress') AS in_progress,
count(*) FILTER (WHERE x.state = 'complete') AS complete,
count(*) FILTER (WHERE x.state = 'error') AS error,
count(*) FILTER (WHERE x.state = 'cancelled') AS cancelled,
count(*) FILTER (WHERE x.state = 'resolved_manually') AS resolved_manually

-- What may be tried again and what waits comes from the view that holds the rule, asked for the steps in error only.
-- name: health_get reads one health ()
SELECT {k.state_counts}, {s.state_counts}, {h.health}
  FROM (SELECT {count_by_state}
          FROM (SELECT coalesce(t.to_state, 'pending') AS state
                  FROM {schema}.tasker_tasks k
                  LEFT JOIN {schema}.tasker_task_transitions t ON t.task_uuid = k.task_uuid AND t.most_recent) x) k,
       (SELECT {count_by_state}
          FROM (SELECT coalesce(t.to_state, 'pending') AS state
                  FROM {schema}.tasker_workflow_steps s
                  LEFT JOIN {schema}.tasker_workflow_step_transitions t
                         ON t.workflow_step_uuid = s.workflow_step_uuid AND t.most_recent) x) s,
       (SELECT count(*) FILTER (WHERE r.retry_eligible) AS retryable_error_steps,
               count(*) FILTER (WHERE r.attempts >= r.retry_limit) AS exhausted_retry_steps,
               count(*) FILTER (WHERE r.retry_eligible AND r.next_retry_at > (now() AT TIME ZONE 'UTC'))
                   AS in_backoff_steps,
               (SELECT count(*) FROM pg_catalog.pg_stat_activity a WHERE a.state <> 'idle') AS active_connections,
               current_setting('max_connections') AS max_connections
          FROM {schema}.tasker_workflow_step_transitions e
          JOIN {tasker_step_readiness_status} r ON r.workflow_step_uuid = e.workflow_step_uuid
         WHERE e.to_state = 'error' AND e.most_recent) h;

-- Tasks count as completed or failed by their steps, and can be both. The score is of the last hour, whatever the
-- period. A period without since begins so long before its end; the earliest timestamps have nothing before them.
-- name: metrics_get reads one metrics (since timestamp?, until timestamp?)
WITH span AS MATERIALIZED (
    SELECT coalesce($1, greatest(coalesce($2, n.now), timestamp '4713-01-01 BC') - interval '1 hour') AS since,
           n.now, n.now - interval '1 hour' AS hour_ago
      FROM (SELECT clock_timestamp() AT TIME ZONE 'UTC' AS now) n
), task AS (
    SELECT p.in_period, p.recent, count(s.workflow_step_uuid) AS steps,
           count(*) FILTER (WHERE t.to_state = 'complete') AS complete,
           count(*) FILTER (WHERE t.to_state = 'error') AS error,
           sum(extract(epoch FROM t.created_at - k.created_at)) FILTER (WHERE t.to_state = 'complete') AS since_task,
           sum(extract(epoch FROM t.created_at - s.created_at)) FILTER (WHERE t.to_state = 'complete') AS since_step
      FROM span
      JOIN {schema}.tasker_tasks k
           ON k.created_at >= least(span.since, span.hour_ago)
     CROSS JOIN LATERAL (
           SELECT k.created_at >= span.since AND ($2 IS NULL OR k.created_at < $2) AS in_period,
                  k.created_at >= span.hour_ago AS recent) p
      LEFT JOIN {schema}.tasker_workflow_steps s ON s.task_uuid = k.task_uuid
      LEFT JOIN {schema}.tasker_workflow_step_transitions t
             ON t.workflow_step_uuid = s.workflow_step_uuid AND t.most_recent
     WHERE p.in_period OR p.recent
     GROUP BY k.task_uuid, p.in_period, p.recent
), f AS (
    SELECT count(*) FILTER (WHERE task.in_period) AS task_throughput,
           count(*) FILTER (WHERE task.in_period AND task.complete > 0) AS completion_count,
           count(*) FILTER (WHERE task.in_period AND task.error > 0) AS error_count,
           coalesce(sum(task.steps) FILTER (WHERE task.in_period), 0) AS step_throughput,
           sum(task.complete) FILTER (WHERE task.in_period) AS complete_steps,
           sum(task.since_task) FILTER (WHERE task.in_period) AS since_task,
           sum(task.since_step) FILTER (WHERE task.in_period) AS since_step,
           count(*) FILTER (WHERE task.recent AND task.complete > 0) AS recent_complete,
           count(*) FILTER (WHERE task.recent AND task.error > 0) AS recent_error
      FROM task
), m AS (
    SELECT f.task_throughput, f.completion_count, f.error_count, f.step_throughput,
           (SELECT count(DISTINCT s.task_uuid)
              FROM {schema}.tasker_workflow_steps s
              JOIN {schema}.tasker_workflow_step_transitions t ON t.workflow_step_uuid = s.workflow_step_uuid
             WHERE t.most_recent
               AND t.to_state NOT IN ('complete', 'error', 'resolved_manually')) AS active_tasks_count,
           used.namespaces AS total_namespaces_count,
           used.names AS unique_task_types_count,
           coalesce(round(f.recent_complete::numeric / nullif(f.recent_complete + f.recent_error, 0), 3), 1)
               AS system_health_score,
           coalesce(round(100.0 * f.completion_count / nullif(f.task_throughput, 0), 2), 0) AS completion_rate,
           coalesce(round(100.0 * f.error_count / nullif(f.task_throughput, 0), 2), 0) AS error_rate,
           coalesce(round(f.since_task / nullif(f.complete_steps, 0), 3), 0) AS avg_task_duration,
           coalesce(round(f.since_step / nullif(f.complete_steps, 0), 3), 0) AS avg_step_duration,
           span.since AS analysis_period_start,
           span.now AS calculated_at
      FROM f, span,
           (SELECT count(DISTINCT ns.name) AS namespaces, count(DISTINCT nt.name) AS names
              FROM {schema}.tasker_named_tasks nt
              JOIN {schema}.tasker_task_namespaces ns ON ns.task_namespace_uuid = nt.task_namespace_uuid
             WHERE EXISTS (SELECT FROM {schema}.tasker_tasks k WHERE k.named_task_uuid = nt.named_task_uuid)) used
)
SELECT {m.metrics}
  FROM m;

-- part: kinds_of_task (as nt: with the namespace's name; $3 namespace_name, $4 task_name, $5 version)
(SELECT k.named_task_uuid, ns.name AS namespace_name, k.name AS task_name, k.version
   FROM {schema}.tasker_named_tasks k
   JOIN {schema}.tasker_task_namespaces ns ON ns.task_namespace_uuid = k.task_namespace_uuid
  WHERE ($3 IS NULL OR ns.name = $3)
    AND ($4 IS NULL OR k.name = $4)
    AND ($5 IS NULL OR k.version = $5))

-- part: since_or_a_day_before ($1 since, $2 until)
coalesce($1, (SELECT greatest(coalesce($2, clock_timestamp() AT TIME ZONE 'UTC'), timestamp '4713-01-01 BC')
                         - interval '24 hours'))

-- name: slow_step_list reads many slow_step (since timestamp?, until timestamp?, namespace_name text?, task_name text?,
--   version text?, row_limit int4)
SELECT {x.slow_step}
  FROM (SELECT s.workflow_step_uuid, s.task_uuid, ns.name AS step_name, nt.task_name, nt.namespace_name, nt.version,
               t.created_at - s.created_at AS elapsed,
               round(extract(epoch FROM t.created_at - s.created_at), 3) AS duration_seconds,
               s.attempts, s.retryable, coalesce(s.attempts > 1, false) AS retried, s.created_at,
               t.created_at AS completed_at
          FROM {schema}.tasker_workflow_steps s
          JOIN {schema}.tasker_workflow_step_transitions t
               ON t.workflow_step_uuid = s.workflow_step_uuid AND t.most_recent AND t.to_state = 'complete'
          JOIN {schema}.tasker_tasks k ON k.task_uuid = s.task_uuid
          JOIN {kinds_of_task} nt ON nt.named_task_uuid = k.named_task_uuid
          JOIN {schema}.tasker_named_steps ns ON ns.named_step_uuid = s.named_step_uuid
         WHERE s.created_at >= {since_or_a_day_before}
           AND ($2 IS NULL OR s.created_at < $2)
           AND t.created_at > s.created_at) x
 ORDER BY x.elapsed DESC, x.workflow_step_uuid
 LIMIT $6;

-- name: slow_task_list reads many slow_task (since timestamp?, until timestamp?, namespace_name text?, task_name text?,
--   version text?, row_limit int4)
SELECT {x.slow_task}
  FROM (SELECT k.task_uuid, nt.task_name, nt.namespace_name, nt.version, k.initiator, k.source_system,
               c.completed_at - k.created_at AS elapsed,
               round(extract(epoch FROM c.completed_at - k.created_at), 3) AS duration_seconds,
               c.step_count, c.completed_steps, c.error_steps,
               c.step_count - c.completed_steps - c.error_steps AS pending_steps,
               round(100.0 * c.completed_steps / c.step_count, 2) AS completion_percentage,
               round(100.0 * c.error_steps / c.step_count, 2) AS error_percentage,
               k.created_at, c.completed_at
          FROM (SELECT s.task_uuid, count(*) AS step_count,
                       count(*) FILTER (WHERE t.to_state = 'complete') AS completed_steps,
                       count(*) FILTER (WHERE t.to_state = 'error') AS error_steps,
                       max(t.created_at) FILTER (WHERE t.to_state IN ('complete', 'error')) AS completed_at
                  FROM {schema}.tasker_tasks o
                  JOIN {schema}.tasker_workflow_steps s ON s.task_uuid = o.task_uuid
                  LEFT JOIN {schema}.tasker_workflow_step_transitions t
                         ON t.workflow_step_uuid = s.workflow_step_uuid AND t.most_recent
                 WHERE o.created_at >= {since_or_a_day_before}
                   AND ($2 IS NULL OR o.created_at < $2)
                 GROUP BY s.task_uuid) c
          JOIN {schema}.tasker_tasks k ON k.task_uuid = c.task_uuid
          JOIN {kinds_of_task} nt ON nt.named_task_uuid = k.named_task_uuid
         WHERE c.completed_at > k.created_at) x
 ORDER BY x.elapsed DESC, x.task_uuid
 LIMIT $6;

-- A gap lies between two rows of one history and belongs to the period in which it ends, so the windows see whole
-- histories: those of all owners that something happened to in the period.
-- part: transition_statistics_of (owner: owner_uuid, created_at; history: owner_uuid and the columns of transitions;
--   $1 since, $2 until)
touched AS MATERIALIZED (
    SELECT DISTINCT h.owner_uuid
      FROM history h
     WHERE ($1 IS NULL OR h.created_at >= $1)
       AND ($2 IS NULL OR h.created_at < $2)
), chain AS (
    SELECT h.owner_uuid, h.from_state, h.to_state AS state, h.created_at,
           lag(h.to_state) OVER in_order AS state_before,
           extract(epoch FROM h.created_at - lag(h.created_at) OVER in_order) AS gap
      FROM history h
     WHERE h.owner_uuid IN (SELECT owner_uuid FROM touched)
    WINDOW in_order AS (PARTITION BY h.owner_uuid ORDER BY h.sort_key, h.created_at)
), reached AS (
    SELECT {count_by_state},
           count(DISTINCT x.owner_uuid) AS owners,
           count(*) FILTER (WHERE x.from_state = 'error' AND x.state = 'pending') AS retries,
           count(x.gap) AS gaps,
           avg(x.gap) AS mean_gap,
           count(*) FILTER (WHERE x.executed) AS executions,
           avg(x.gap) FILTER (WHERE x.executed) AS mean_execution,
           count(DISTINCT x.owner_uuid) FILTER (WHERE x.state = 'in_progress') AS started
      FROM (SELECT c.*, c.state_before = 'in_progress' AND c.state IN ('complete', 'error') AS executed
              FROM chain c
             WHERE ($1 IS NULL OR c.created_at >= $1)
               AND ($2 IS NULL OR c.created_at < $2)) x
), present AS (
    SELECT {count_by_state}
      FROM (SELECT coalesce(h.to_state, 'pending') AS state
              FROM owner o
              LEFT JOIN history h ON h.owner_uuid = o.owner_uuid AND h.most_recent
             WHERE o.owner_uuid IN (SELECT owner_uuid FROM touched)
                OR (h.owner_uuid IS NULL
                    AND ($1 IS NULL OR o.created_at >= $1)
                    AND ($2 IS NULL OR o.created_at < $2))) x
), figures AS (
    SELECT r.total AS transitions, r.owners, r.retries, r.gaps, r.executions,
           coalesce(r.mean_gap, 0) AS mean_gap_seconds,
           coalesce(r.mean_execution, 0) AS mean_execution_seconds,
           coalesce(r.in_progress::numeric / nullif(r.started, 0), 0) AS mean_attempts
      FROM reached r
)
SELECT {s.transition_statistics}, {p.state_counts}, {r.state_counts}
  FROM figures s, present p, reached r

-- name: transition_statistics_get_for_tasks reads one transition_statistics (since timestamp?, until timestamp?)
WITH owner AS NOT MATERIALIZED (
    SELECT k.task_uuid AS owner_uuid, k.created_at
      FROM {schema}.tasker_tasks k
), history AS NOT MATERIALIZED (
    SELECT t.task_uuid AS owner_uuid, t.from_state, t.to_state, t.sort_key, t.most_recent, t.created_at
      FROM {schema}.tasker_task_transitions t
), {transition_statistics_of};

-- name: transition_statistics_get_for_steps reads one transition_statistics (since timestamp?, until timestamp?)
WITH owner AS NOT MATERIALIZED (
    SELECT s.workflow_step_uuid AS owner_uuid, s.created_at
      FROM {schema}.tasker_workflow_steps s
), history AS NOT MATERIALIZED (
    SELECT t.workflow_step_uuid AS owner_uuid, t.from_state, t.to_state, t.sort_key, t.most_recent, t.created_at
      FROM {schema}.tasker_workflow_step_transitions t
), {transition_statistics_of};
