-- SPDX-License-Identifier: MIT
-- Statements on tasker_task_transitions.

-- columns: task_transition (task_transition_uuid uuid, task_uuid uuid, to_state text, from_state text, metadata jsonb,
--   sort_key int4, most_recent bool, created_at timestamp, updated_at timestamp, seconds_since_previous float8)

-- part: task_transitions (as tr: with what is computed)
(SELECT r.*, (SELECT extract(epoch FROM r.created_at - p.created_at)
                FROM {schema}.tasker_task_transitions p
               WHERE p.task_uuid = r.task_uuid AND p.sort_key < r.sort_key
               ORDER BY p.sort_key DESC
               LIMIT 1) AS seconds_since_previous
   FROM {schema}.tasker_task_transitions r)

-- name: task_transition_get reads one task_transition (task_transition_uuid uuid)
SELECT {tr.task_transition}
  FROM {task_transitions} tr
 WHERE tr.task_transition_uuid = $1;

-- name: task_transition_query reads many task_transition (task_uuids uuid[]?, to_states text[]?, from_states text[]?,
--   most_recent bool?, created_since timestamp?, created_until timestamp?, after uuid?, row_order int4, row_limit int4)
SELECT {tr.task_transition}
  FROM {task_transitions} tr
 WHERE ($1 IS NULL OR tr.task_uuid = ANY ($1))
   AND ($2 IS NULL OR tr.to_state = ANY ($2))
   AND ($3 IS NULL OR coalesce(tr.from_state, 'none') = ANY ($3))
   AND ($4 IS NULL OR tr.most_recent = $4)
   AND ($5 IS NULL OR tr.created_at >= $5)
   AND ($6 IS NULL OR tr.created_at < $6)
   AND ($7 IS NULL OR CASE $8
            WHEN 0 THEN tr.task_transition_uuid > $7
            WHEN 1 THEN tr.task_transition_uuid < $7
            ELSE (SELECT tr.task_uuid > a.task_uuid
                         OR (tr.task_uuid = a.task_uuid
                             AND CASE $8 WHEN 2 THEN tr.sort_key > a.sort_key ELSE tr.sort_key < a.sort_key END)
                    FROM {schema}.tasker_task_transitions a WHERE a.task_transition_uuid = $7) END)
 ORDER BY CASE WHEN $8 IN (2, 3) THEN tr.task_uuid END, CASE WHEN $8 = 2 THEN tr.sort_key END,
          CASE WHEN $8 = 3 THEN tr.sort_key END DESC, CASE WHEN $8 = 1 THEN tr.task_transition_uuid END DESC,
          tr.task_transition_uuid
 LIMIT $9;
