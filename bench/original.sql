-- SPDX-License-Identifier: MIT
-- What tasker-core's own functions do where bench/original measures them: readiness reads the current row and the newest
-- failure of every step there is before it keeps those of one task; a claim asks for the readiness of every open task.
CREATE FUNCTION original_readiness(wanted uuid)
RETURNS TABLE (workflow_step_uuid uuid, current_state text, ready boolean)
LANGUAGE sql STABLE AS $$
    WITH states AS (
        SELECT DISTINCT ON (t.workflow_step_uuid) t.workflow_step_uuid, t.to_state
          FROM tasker_workflow_step_transitions t
         WHERE t.most_recent
         ORDER BY t.workflow_step_uuid, t.sort_key DESC
    ), failures AS (
        SELECT DISTINCT ON (t.workflow_step_uuid) t.workflow_step_uuid, t.created_at
          FROM tasker_workflow_step_transitions t
         WHERE t.to_state = 'error'
         ORDER BY t.workflow_step_uuid, t.created_at DESC
    ), parents AS (
        SELECT e.to_step_uuid, count(*) AS total,
               count(*) FILTER (WHERE p.to_state IN ('complete', 'resolved_manually')) AS done
          FROM tasker_workflow_step_edges e
          JOIN tasker_workflow_steps s ON s.workflow_step_uuid = e.to_step_uuid AND s.task_uuid = wanted
          LEFT JOIN states p ON p.workflow_step_uuid = e.from_step_uuid
         GROUP BY e.to_step_uuid
    )
    SELECT s.workflow_step_uuid, coalesce(c.to_state, 'pending')::text,
           coalesce(c.to_state, 'pending') IN ('pending', 'error') AND NOT s.processed AND NOT s.in_process
           AND coalesce(d.total, 0) = coalesce(d.done, 0) AND coalesce(s.attempts, 0) < coalesce(s.retry_limit, 3)
           AND s.retryable
           AND coalesce(s.last_attempted_at + s.backoff_request_seconds * interval '1 second' <= now(), true)
           AND coalesce(f.created_at + least(power(2, least(coalesce(s.attempts, 1), 10)), 30) * interval '1 second'
                        <= now(), true)
      FROM tasker_workflow_steps s
      LEFT JOIN states c ON c.workflow_step_uuid = s.workflow_step_uuid
      LEFT JOIN failures f ON f.workflow_step_uuid = s.workflow_step_uuid
      LEFT JOIN parents d ON d.to_step_uuid = s.workflow_step_uuid
     WHERE s.task_uuid = wanted
$$;

CREATE FUNCTION original_claim(claimant text, wanted integer) RETURNS SETOF uuid
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RETURN QUERY
    WITH best AS (
        SELECT k.task_uuid
          FROM tasker_tasks k
         WHERE NOT k.complete
           AND (k.claimed_at IS NULL OR k.claimed_at < now() - k.claim_timeout_seconds * interval '1 second')
           AND EXISTS (SELECT FROM original_readiness(k.task_uuid) r WHERE r.ready)
         ORDER BY k.priority DESC, k.created_at
         LIMIT wanted
           FOR UPDATE OF k SKIP LOCKED
    )
    UPDATE tasker_tasks k
       SET claimed_at = now(), claimed_by = claimant, updated_at = now()
      FROM best
     WHERE k.task_uuid = best.task_uuid
    RETURNING k.task_uuid;
END
$$;
