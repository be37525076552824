-- SPDX-License-Identifier: MIT
-- Statements on tasker_workflow_step_transitions.

-- columns: workflow_step_transition (workflow_step_transition_uuid uuid, workflow_step_uuid uuid, to_state text,
--   from_state text, metadata jsonb, sort_key int4, most_recent bool, created_at timestamp, updated_at timestamp,
--   task_uuid uuid, step_name text, seconds_since_previous float8)

-- part: workflow_step_transitions (as tr: with what is joined and computed)
(SELECT r.*, s.task_uuid, np.name AS step_name,
        (SELECT extract(epoch FROM r.created_at - p.created_at)
           FROM {schema}.tasker_workflow_step_transitions p
          WHERE p.workflow_step_uuid = r.workflow_step_uuid AND p.sort_key < r.sort_key
          ORDER BY p.sort_key DESC
          LIMIT 1) AS seconds_since_previous
   FROM {schema}.tasker_workflow_step_transitions r
   JOIN {schema}.tasker_workflow_steps s ON s.workflow_step_uuid = r.workflow_step_uuid
   JOIN {schema}.tasker_named_steps np ON np.named_step_uuid = s.named_step_uuid)

-- name: workflow_step_transition_get reads one workflow_step_transition (workflow_step_transition_uuid uuid)
SELECT {tr.workflow_step_transition}
  FROM {workflow_step_transitions} tr
 WHERE tr.workflow_step_transition_uuid = $1;

-- name: workflow_step_transition_query reads many workflow_step_transition (workflow_step_uuids uuid[]?,
--   to_states text[]?, from_states text[]?, task_uuids uuid[]?, most_recent bool?, created_since timestamp?,
--   created_until timestamp?, after uuid?, row_order int4, row_limit int4)
SELECT {tr.workflow_step_transition}
  FROM {workflow_step_transitions} tr
 WHERE ($1 IS NULL OR tr.workflow_step_uuid = ANY ($1))
   AND ($2 IS NULL OR tr.to_state = ANY ($2))
   AND ($3 IS NULL OR coalesce(tr.from_state, 'none') = ANY ($3))
   AND ($4 IS NULL OR tr.task_uuid = ANY ($4))
   AND ($5 IS NULL OR tr.most_recent = $5)
   AND ($6 IS NULL OR tr.created_at >= $6)
   AND ($7 IS NULL OR tr.created_at < $7)
   AND ($8 IS NULL OR CASE $9
            WHEN 0 THEN tr.workflow_step_transition_uuid > $8
            WHEN 1 THEN tr.workflow_step_transition_uuid < $8
            ELSE (SELECT tr.workflow_step_uuid > a.workflow_step_uuid
                         OR (tr.workflow_step_uuid = a.workflow_step_uuid
                             AND CASE $9 WHEN 2 THEN tr.sort_key > a.sort_key ELSE tr.sort_key < a.sort_key END)
                    FROM {schema}.tasker_workflow_step_transitions a
                   WHERE a.workflow_step_transition_uuid = $8) END)
 ORDER BY CASE WHEN $9 IN (2, 3) THEN tr.workflow_step_uuid END, CASE WHEN $9 = 2 THEN tr.sort_key END,
          CASE WHEN $9 = 3 THEN tr.sort_key END DESC, CASE WHEN $9 = 1 THEN tr.workflow_step_transition_uuid END DESC,
          tr.workflow_step_transition_uuid
 LIMIT $10;
