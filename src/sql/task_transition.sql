-- SPDX-License-Identifier: MIT
-- Statements on tasker_task_transitions.

-- columns: task_transition (task_transition_uuid uuid, task_uuid uuid, to_state text, from_state text, metadata jsonb,
--   sort_key int4, most_recent bool, created_at timestamp, updated_at timestamp, seconds_since_previous float8)

-- The row before is found among its owner's, whatever page both are on. This schema stores no two rows of one owner with
-- the same sort_key; those of other programs may.
-- part: task_transitions (as tr: with what is computed)
(SELECT r.*, (SELECT extract(epoch FROM r.created_at - p.created_at)
                FROM {schema}.tasker_task_transitions p
               WHERE p.task_uuid = r.task_uuid
                 AND (p.sort_key, p.created_at, p.task_transition_uuid)
                     < (r.sort_key, r.created_at, r.task_transition_uuid)
               ORDER BY p.sort_key DESC, p.created_at DESC, p.task_transition_uuid DESC
               LIMIT 1) AS seconds_since_previous
   FROM {schema}.tasker_task_transitions r)

-- name: task_transition_get reads one task_transition (task_transition_uuid uuid)
SELECT {tr.task_transition}
  FROM {task_transitions} tr
 WHERE tr.task_transition_uuid = $1;

-- parameters: task_transition_filter (task_uuids uuid[]?, to_states text[]?, from_states text[]?, most_recent bool?,
--   metadata_key text?, metadata_value jsonb?, metadata_contains jsonb?, created_since timestamp?,
--   created_until timestamp?)
-- part: task_transition_matches (tr: task_transitions; the parameters above)
{planned_each_time}
   AND ($1 IS NULL OR tr.task_uuid = ANY ($1))
   AND ($2 IS NULL OR tr.to_state = ANY ($2))
   AND ($3 IS NULL OR coalesce(tr.from_state, 'none') = ANY ($3))
   AND ($4 IS NULL OR tr.most_recent = $4)
   AND ($5 IS NULL OR CASE WHEN $6 IS NULL THEN tr.metadata -> $5 IS NOT NULL ELSE tr.metadata -> $5 = $6 END)
   AND ($7 IS NULL OR tr.metadata @> $7)
   AND ($8 IS NULL OR tr.created_at >= $8)
   AND ($9 IS NULL OR tr.created_at < $9)

-- Histories go by owner and place: a position is a pair of these, since its row may have been pruned by now. The place
-- is sort_key and, for rows that share one, the lower half of the time; src/statement/page.c reckons the same.
-- part: transition_place (tr: a row of a history)
(tr.sort_key * 4294967296 + ((extract(epoch FROM tr.created_at) * 1000000)::int8 & 4294967295))

-- name: task_transition_query reads many task_transition ({task_transition_filter}, {page})
SELECT {tr.task_transition}
  FROM {task_transitions} tr
 WHERE {task_transition_matches}
   AND ($10 IS NULL OR CASE $12
            WHEN 0 THEN tr.task_transition_uuid > $10
            WHEN 1 THEN tr.task_transition_uuid < $10
            ELSE tr.task_uuid >= $10
                 AND (tr.task_uuid > $10
                      OR CASE $12 WHEN 2 THEN {transition_place} > $11
                                  ELSE {transition_place} < $11 END) END)
 ORDER BY CASE WHEN $12 IN (2, 3) THEN tr.task_uuid END, CASE WHEN $12 = 2 THEN tr.sort_key END,
          CASE WHEN $12 = 2 THEN {transition_place} END,
          CASE WHEN $12 = 3 THEN {transition_place} END DESC,
          CASE WHEN $12 = 1 THEN tr.task_transition_uuid END DESC, tr.task_transition_uuid
 LIMIT $13;

-- name: task_transition_count reads one row_count ({task_transition_filter}, row_limit int4?)
SELECT count(*) AS row_count
  FROM (SELECT
          FROM {schema}.tasker_task_transitions tr
         WHERE {task_transition_matches}
         LIMIT $10) c;

-- name: task_transition_replace_metadata writes none (task_transition_uuid uuid, metadata jsonb)
UPDATE {schema}.tasker_task_transitions tr
   SET metadata = $2, updated_at = clock_timestamp() AT TIME ZONE 'UTC'
 WHERE tr.task_transition_uuid = $1;

-- Only a prefix goes, and never the current row.
-- name: task_transition_prune writes none (task_uuid uuid, keep int4)
WITH history AS MATERIALIZED (
    SELECT r.task_transition_uuid, r.most_recent,
           row_number() OVER (ORDER BY r.sort_key, r.created_at, r.task_transition_uuid) AS n,
           count(*) OVER () AS total
      FROM {schema}.tasker_task_transitions r
     WHERE r.task_uuid = $1
)
DELETE FROM {schema}.tasker_task_transitions tr
 USING history h
 WHERE tr.task_transition_uuid = h.task_transition_uuid
   AND h.n <= h.total - $2
   AND h.n < (SELECT min(c.n) FROM history c WHERE c.most_recent);
