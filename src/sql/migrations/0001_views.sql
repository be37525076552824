-- SPDX-License-Identifier: MIT
--
-- Schema version 1, the views that hold the rules of readiness and of a task's progress: run after 0001_schema.sql, in
-- the same transaction and by the same rules. Statements of the library have the queries of these views in them.


-- ---------------------------------------------------------------------------------------------------------------------
-- tasker_step_availability: when each step can start, its parents aside; the one place where that is written down
-- ---------------------------------------------------------------------------------------------------------------------

-- A row costs one look at the step's own history. "Now" does not come into it. What a row looks up stands in aggregates
-- and subqueries: joins were planned as hashes of whole tables, once for each step or task, where statistics lack.
--
-- Waits: the requested backoff counts from the last start, the other from the newest failure: min(2^attempts, 30) s,
-- with 1 for attempts that were never counted. The exponent is cut before it is raised, so nothing overflows. The other
-- wait ends when the attempts begin anew, as a current history row of event reset or retry and attempts of 0 tell.
CREATE VIEW {schema}.tasker_step_availability AS
SELECT s.workflow_step_uuid,
       s.task_uuid,
       s.named_step_uuid,
       c.state AS current_state,
       c.state IN ('complete', 'resolved_manually') AS done,
       e.eligible AS retry_eligible,
       c.last_failure_at,
       w.next_retry_at,
       CASE WHEN c.state IN ('pending', 'error') AND NOT s.processed AND NOT s.in_process AND e.eligible
            THEN coalesce(w.next_retry_at, '-infinity') END AS startable_at,
       coalesce(s.attempts, 0) AS attempts,
       coalesce(s.retry_limit, 3) AS retry_limit,
       s.backoff_request_seconds,
       s.last_attempted_at::timestamp AS last_attempted_at,
       coalesce(s.backoff_request_seconds, b.seconds::integer) AS effective_backoff_seconds
  FROM {schema}.tasker_workflow_steps s
 CROSS JOIN LATERAL (
       SELECT coalesce(max(h.to_state) FILTER (WHERE h.most_recent), 'pending') AS state,
              (max(h.created_at) FILTER (WHERE h.to_state = 'error'))::timestamp AS last_failure_at
         FROM {schema}.tasker_workflow_step_transitions h
        WHERE h.workflow_step_uuid = s.workflow_step_uuid) c
 CROSS JOIN LATERAL (
       SELECT (coalesce(s.attempts, 0) = 0 AND c.state <> 'error')
           OR (s.retryable AND coalesce(s.attempts, 0) < coalesce(s.retry_limit, 3)) AS eligible) e
 CROSS JOIN LATERAL (
       SELECT least(power(2, least(greatest(coalesce(s.attempts, 1), -30), 5)), 30) AS seconds) b
 CROSS JOIN LATERAL (
       SELECT greatest(CASE WHEN s.last_attempted_at BETWEEN '4600-01-01 BC' AND '294200-01-01'
                            THEN s.last_attempted_at + s.backoff_request_seconds * interval '1 second'
                            WHEN s.backoff_request_seconds IS NOT NULL THEN s.last_attempted_at END,
                       CASE WHEN s.attempts = 0 AND c.state = 'pending' AND c.last_failure_at IS NOT NULL AND (
                                 SELECT t.metadata ->> 'event'
                                   FROM {schema}.tasker_workflow_step_transitions t
                                  WHERE t.workflow_step_uuid = s.workflow_step_uuid AND t.most_recent)
                                 IN ('reset', 'retry') THEN NULL
                            WHEN c.last_failure_at BETWEEN '4600-01-01 BC' AND '294200-01-01'
                            THEN c.last_failure_at + b.seconds * interval '1 second'
                            ELSE c.last_failure_at END)::timestamp AS next_retry_at
       ) w;


-- ---------------------------------------------------------------------------------------------------------------------
-- tasker_step_readiness_status: what each step waits for
-- ---------------------------------------------------------------------------------------------------------------------

-- A row costs what tasker_step_availability says and one look at the step's parents, so a query that names tasks or
-- steps pays for those only. "Now" is the start of the transaction, in UTC whatever the session's time zone. Without
-- OFFSET 0 a condition on dependencies_satisfied would count the parents twice.
CREATE VIEW {schema}.tasker_step_readiness_status AS
SELECT a.workflow_step_uuid,
       a.task_uuid,
       a.named_step_uuid,
       ns.name::text AS name,
       a.current_state,
       p.total_parents = p.completed_parents AS dependencies_satisfied,
       a.retry_eligible,
       p.total_parents = p.completed_parents
           AND coalesce(a.startable_at <= (now() AT TIME ZONE 'UTC'), false) AS ready_for_execution,
       a.last_failure_at,
       a.next_retry_at,
       p.total_parents,
       p.completed_parents,
       a.attempts,
       a.retry_limit,
       a.backoff_request_seconds,
       a.last_attempted_at,
       a.effective_backoff_seconds
  FROM {schema}.tasker_step_availability a
  JOIN {schema}.tasker_named_steps ns ON ns.named_step_uuid = a.named_step_uuid
 CROSS JOIN LATERAL (
       SELECT count(*)::integer AS total_parents,
              (count(*) FILTER (WHERE (
                   SELECT pt.to_state
                     FROM {schema}.tasker_workflow_step_transitions pt
                    WHERE pt.workflow_step_uuid = g.step_uuid AND pt.most_recent)
                   IN ('complete', 'resolved_manually')))::integer AS completed_parents
         FROM (SELECT DISTINCT o.from_step_uuid AS step_uuid
                 FROM {schema}.tasker_workflow_step_edges o
                WHERE o.to_step_uuid = a.workflow_step_uuid) g
       OFFSET 0) p;


-- ---------------------------------------------------------------------------------------------------------------------
-- tasker_task_execution_contexts: how each task stands, counted over its steps
-- ---------------------------------------------------------------------------------------------------------------------

-- blocked: steps that will never be ready by themselves. waiting: steps that only wait for the end of a backoff.
-- stuck: nothing is left that could run by itself, and failures or cancelled steps are why. What closes tasks goes by
-- it.
-- execution_status and what follows keep tasker-core's reading, to which a task stuck on cancelled steps alone waits.
CREATE VIEW {schema}.tasker_task_execution_contexts AS
SELECT k.task_uuid,
       k.named_task_uuid,
       coalesce((SELECT t.to_state
                   FROM {schema}.tasker_task_transitions t
                  WHERE t.task_uuid = k.task_uuid AND t.most_recent), 'pending')::text AS status,
       c.total_steps,
       c.pending_steps,
       c.in_progress_steps,
       c.completed_steps,
       c.failed_steps,
       c.ready_steps,
       x.execution_status,
       CASE x.execution_status
            WHEN 'has_ready_steps' THEN 'execute_ready_steps'
            WHEN 'processing' THEN 'wait_for_completion'
            WHEN 'blocked_by_failures' THEN 'handle_failures'
            WHEN 'all_complete' THEN 'finalize_task'
            ELSE 'wait_for_dependencies' END AS recommended_action,
       CASE WHEN c.total_steps = 0 THEN 0.0
            ELSE round(100.0 * c.completed_steps / c.total_steps, 2) END AS completion_percentage,
       CASE WHEN c.blocked_steps > 0 AND c.ready_steps = 0 THEN 'blocked'
            WHEN c.failed_steps = 0 THEN 'healthy'
            ELSE 'recovering' END AS health_status,
       c.enqueued_steps,
       c.cancelled_steps,
       c.blocked_steps,
       c.waiting_steps,
       c.next_retry_at,
       x.stuck
  FROM {schema}.tasker_tasks k
 CROSS JOIN LATERAL (
       SELECT count(*) AS total_steps,
              count(*) FILTER (WHERE r.current_state = 'pending') AS pending_steps,
              count(*) FILTER (WHERE r.current_state = 'in_progress') AS in_progress_steps,
              count(*) FILTER (WHERE r.current_state IN ('complete', 'resolved_manually')) AS completed_steps,
              count(*) FILTER (WHERE r.current_state = 'error') AS failed_steps,
              count(*) FILTER (WHERE r.ready_for_execution) AS ready_steps,
              count(*) FILTER (WHERE r.current_state = 'enqueued') AS enqueued_steps,
              count(*) FILTER (WHERE r.current_state = 'cancelled') AS cancelled_steps,
              count(*) FILTER (WHERE r.current_state IN ('pending', 'error') AND NOT r.retry_eligible) AS blocked_steps,
              count(*) FILTER (WHERE v.waiting) AS waiting_steps,
              min(r.next_retry_at) FILTER (WHERE v.waiting) AS next_retry_at
         FROM {schema}.tasker_step_readiness_status r
        CROSS JOIN LATERAL (
              SELECT r.current_state IN ('pending', 'error') AND r.dependencies_satisfied AND r.retry_eligible
                     AND r.next_retry_at > (now() AT TIME ZONE 'UTC') AS waiting) v
        WHERE r.task_uuid = k.task_uuid) c
 CROSS JOIN LATERAL (
       SELECT CASE WHEN c.ready_steps > 0 THEN 'has_ready_steps'
                   WHEN c.in_progress_steps + c.enqueued_steps > 0 THEN 'processing'
                   WHEN c.blocked_steps > 0 THEN 'blocked_by_failures'
                   WHEN c.completed_steps = c.total_steps AND c.total_steps > 0 THEN 'all_complete'
                   ELSE 'waiting_for_dependencies' END AS execution_status,
              c.blocked_steps + c.cancelled_steps > 0
                  AND c.ready_steps + c.in_progress_steps + c.enqueued_steps + c.waiting_steps = 0 AS stuck) x;


-- ---------------------------------------------------------------------------------------------------------------------
-- tasker_task_availability: whether each task is over, and until when it is claimed
-- ---------------------------------------------------------------------------------------------------------------------

-- over: it says complete, or its state ends it. failed: in error, which is no end.
CREATE VIEW {schema}.tasker_task_availability AS
SELECT k.task_uuid,
       k.named_task_uuid,
       k.priority,
       k.created_at,
       k.complete OR c.state IN ('complete', 'cancelled', 'resolved_manually') AS over,
       c.state = 'error' AS failed,
       (CASE WHEN k.claimed_at BETWEEN '4600-01-01 BC' AND '294200-01-01'
             THEN k.claimed_at + k.claim_timeout_seconds * interval '1 second'
             ELSE k.claimed_at END)::timestamp AS lease_until
  FROM {schema}.tasker_tasks k
 CROSS JOIN LATERAL (
       SELECT coalesce((SELECT t.to_state
                          FROM {schema}.tasker_task_transitions t
                         WHERE t.task_uuid = k.task_uuid AND t.most_recent), 'pending')::text AS state
       OFFSET 0) c;
