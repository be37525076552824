-- SPDX-License-Identifier: MIT
-- Statements on tasker_workflow_step_transitions.

-- columns: workflow_step_transition (workflow_step_transition_uuid uuid, workflow_step_uuid uuid, to_state text,
--   from_state text, metadata jsonb, sort_key int4, most_recent bool, created_at timestamp, updated_at timestamp,
--   task_uuid uuid, step_name text, seconds_since_previous float8)

-- The row before is found among its owner's, whatever page both are on. This schema stores no two rows of one owner with
-- the same sort_key; those of other programs may.
-- part: workflow_step_transitions (as tr: with what is joined and computed)
(SELECT r.*, s.task_uuid, np.name AS step_name,
        (SELECT extract(epoch FROM r.created_at - p.created_at)
           FROM {schema}.tasker_workflow_step_transitions p
          WHERE p.workflow_step_uuid = r.workflow_step_uuid
            AND (p.sort_key, p.created_at, p.workflow_step_transition_uuid)
                < (r.sort_key, r.created_at, r.workflow_step_transition_uuid)
          ORDER BY p.sort_key DESC, p.created_at DESC, p.workflow_step_transition_uuid DESC
          LIMIT 1) AS seconds_since_previous
   FROM {schema}.tasker_workflow_step_transitions r
   JOIN {schema}.tasker_workflow_steps s ON s.workflow_step_uuid = r.workflow_step_uuid
   JOIN {schema}.tasker_named_steps np ON np.named_step_uuid = s.named_step_uuid)

-- name: workflow_step_transition_get reads one workflow_step_transition (workflow_step_transition_uuid uuid)
SELECT {tr.workflow_step_transition}
  FROM {workflow_step_transitions} tr
 WHERE tr.workflow_step_transition_uuid = $1;

-- parameters: workflow_step_transition_filter (workflow_step_uuids uuid[]?, to_states text[]?, from_states text[]?,
--   task_uuids uuid[]?, retries bool, attempt_number int4?, most_recent bool?, metadata_key text?,
--   metadata_value jsonb?, metadata_contains jsonb?, created_since timestamp?, created_until timestamp?)
-- part: workflow_step_transition_matches (tr: workflow_step_transitions; the parameters above)
{planned_each_time}
   AND ($1 IS NULL OR tr.workflow_step_uuid = ANY ($1))
   AND ($2 IS NULL OR tr.to_state = ANY ($2))
   AND ($3 IS NULL OR coalesce(tr.from_state, 'none') = ANY ($3))
   AND ($4 IS NULL OR tr.task_uuid = ANY ($4))
   AND (NOT $5 OR (tr.to_state = 'pending' AND tr.metadata -> 'retry_attempt' = 'true'))
   AND ($6 IS NULL OR tr.metadata -> 'attempt_number' = to_jsonb($6))
   AND ($7 IS NULL OR tr.most_recent = $7)
   AND ($8 IS NULL OR CASE WHEN $9 IS NULL THEN tr.metadata -> $8 IS NOT NULL ELSE tr.metadata -> $8 = $9 END)
   AND ($10 IS NULL OR tr.metadata @> $10)
   AND ($11 IS NULL OR tr.created_at >= $11)
   AND ($12 IS NULL OR tr.created_at < $12)

-- name: workflow_step_transition_query reads many workflow_step_transition ({workflow_step_transition_filter}, {page})
SELECT {tr.workflow_step_transition}
  FROM {workflow_step_transitions} tr
 WHERE {workflow_step_transition_matches}
   AND ($13 IS NULL OR CASE $15
            WHEN 0 THEN tr.workflow_step_transition_uuid > $13
            WHEN 1 THEN tr.workflow_step_transition_uuid < $13
            ELSE tr.workflow_step_uuid >= $13
                 AND (tr.workflow_step_uuid > $13
                      OR CASE $15 WHEN 2 THEN {transition_place} > $14
                                  ELSE {transition_place} < $14 END) END)
 ORDER BY CASE WHEN $15 IN (2, 3) THEN tr.workflow_step_uuid END, CASE WHEN $15 = 2 THEN tr.sort_key END,
          CASE WHEN $15 = 2 THEN {transition_place} END,
          CASE WHEN $15 = 3 THEN {transition_place} END DESC,
          CASE WHEN $15 = 1 THEN tr.workflow_step_transition_uuid END DESC, tr.workflow_step_transition_uuid
 LIMIT $16;

-- The join falls away unless tasks are asked for.
-- name: workflow_step_transition_count reads one row_count ({workflow_step_transition_filter}, row_limit int4?)
SELECT count(*) AS row_count
  FROM (SELECT
          FROM (SELECT r.*, s.task_uuid
                  FROM {schema}.tasker_workflow_step_transitions r
                  LEFT JOIN {schema}.tasker_workflow_steps s ON s.workflow_step_uuid = r.workflow_step_uuid) tr
         WHERE {workflow_step_transition_matches}
         LIMIT $13) c;

-- name: workflow_step_transition_replace_metadata writes none (workflow_step_transition_uuid uuid, metadata jsonb)
UPDATE {schema}.tasker_workflow_step_transitions tr
   SET metadata = $2, updated_at = clock_timestamp() AT TIME ZONE 'UTC'
 WHERE tr.workflow_step_transition_uuid = $1;

-- Only a prefix goes, and never the current row; nor, of a step that waits to be tried again, its newest failure, from
-- which the wait counts.
-- name: workflow_step_transition_prune writes none (workflow_step_uuid uuid, keep int4)
WITH history AS MATERIALIZED (
    SELECT r.workflow_step_transition_uuid, r.to_state, r.most_recent,
           row_number() OVER (ORDER BY r.sort_key, r.created_at, r.workflow_step_transition_uuid) AS n,
           count(*) OVER () AS total
      FROM {schema}.tasker_workflow_step_transitions r
     WHERE r.workflow_step_uuid = $1
)
DELETE FROM {schema}.tasker_workflow_step_transitions tr
 USING history h
 WHERE tr.workflow_step_transition_uuid = h.workflow_step_transition_uuid
   AND h.n <= h.total - $2
   AND h.n < (SELECT least(c.n, (SELECT max(f.n) FROM history f WHERE f.to_state = 'error' AND c.to_state = 'pending'))
                FROM history c WHERE c.most_recent);
