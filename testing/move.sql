-- SPDX-License-Identifier: MIT
-- Adds rows to the histories of steps; the rows of the steps follow. Answers the number of steps moved, which leaves out
-- those that do not stand where their first new row begins.
--
-- $1  the history rows, in order: [{"n", "step", "key", "from", "to", "attempts", "metadata"}]; attempts: as the step
--     has them then
-- $2  error_message of the rows that lead to error
-- $3  resolved_by of the rows that lead to resolved_manually
-- $4  whether the rows of the steps follow
WITH input AS MATERIALIZED (
    SELECT r.*,
           row_number() OVER (PARTITION BY r.step ORDER BY r.n) AS place,
           row_number() OVER (PARTITION BY r.step ORDER BY r.n DESC) = 1 AS is_last
      FROM jsonb_to_recordset($1::jsonb)
           AS r (n integer, step uuid, key uuid, "from" text, "to" text, attempts integer, metadata jsonb)
), cur AS MATERIALIZED (
    SELECT s.workflow_step_uuid, t.workflow_step_transition_uuid, coalesce(t.sort_key, 0) AS sort_key,
           greatest(clock_timestamp() AT TIME ZONE 'UTC', t.created_at) AS now
      FROM {schema}.tasker_workflow_steps s
      JOIN input i ON i.step = s.workflow_step_uuid AND i.place = 1
      LEFT JOIN {schema}.tasker_workflow_step_transitions t
             ON t.workflow_step_uuid = s.workflow_step_uuid AND t.most_recent
     WHERE t.to_state IS NOT DISTINCT FROM i."from"
     ORDER BY s.workflow_step_uuid
       FOR NO KEY UPDATE OF s
), flip AS (
    UPDATE {schema}.tasker_workflow_step_transitions t
       SET most_recent = false, updated_at = cur.now
      FROM cur
     WHERE t.workflow_step_transition_uuid = cur.workflow_step_transition_uuid
    RETURNING t.workflow_step_uuid
), ins AS ( -- drawn from flip as well, so that the unique index never sees two current rows
    INSERT INTO {schema}.tasker_workflow_step_transitions
           (workflow_step_transition_uuid, workflow_step_uuid, to_state, from_state, metadata, sort_key, most_recent,
            created_at, updated_at)
    SELECT i.key, i.step, i."to", i."from",
           jsonb_build_object('factory_created', true,
                              'created_at', to_char(cur.now, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))
               || coalesce(i.metadata, '{}')
               || CASE i."to" WHEN 'error' THEN jsonb_build_object('error_message', $2::text)
                              WHEN 'resolved_manually' THEN jsonb_build_object('resolved_by', $3::text)
                              ELSE '{}' END,
           cur.sort_key + i.place, i.is_last, cur.now, cur.now
      FROM cur
      JOIN input i ON i.step = cur.workflow_step_uuid
      LEFT JOIN flip ON flip.workflow_step_uuid = cur.workflow_step_uuid
     ORDER BY i.n
), upd AS (
    UPDATE {schema}.tasker_workflow_steps s
       SET in_process = (l."to" = 'in_progress'),
           processed = (l."to" IN ('complete', 'resolved_manually')),
           processed_at = CASE WHEN l."to" IN ('complete', 'resolved_manually') THEN cur.now END,
           attempts = CASE WHEN l.attempts > 0 OR s.attempts IS NOT NULL THEN l.attempts END,
           last_attempted_at = CASE WHEN EXISTS (SELECT FROM input i WHERE i.step = l.step AND i."to" = 'in_progress')
                                    THEN cur.now
                                    WHEN cur.sort_key > 0 THEN s.last_attempted_at END,
           backoff_request_seconds = CASE WHEN l."to" IN ('enqueued', 'in_progress') AND cur.sort_key > 0
                                          THEN s.backoff_request_seconds END,
           results = CASE WHEN l."to" = 'complete' THEN '{"success": true}'
                          WHEN cur.sort_key > 0 THEN s.results END,
           updated_at = cur.now
      FROM cur
      JOIN input l ON l.step = cur.workflow_step_uuid AND l.is_last
     WHERE $4::boolean AND s.workflow_step_uuid = cur.workflow_step_uuid
)
SELECT count(*) FROM cur
