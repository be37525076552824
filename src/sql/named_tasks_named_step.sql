-- SPDX-License-Identifier: MIT
-- Statements on tasker_named_tasks_named_steps.

-- columns: named_tasks_named_step (ntns_uuid uuid, named_task_uuid uuid, named_step_uuid uuid, skippable bool,
--   default_retryable bool, default_retry_limit int4, created_at timestamp, updated_at timestamp, named_task_name text,
--   named_step_name text, dependent_system_name text)

-- part: ntns_with_names (ts: rows of the table; n: the same with their names)
CROSS JOIN LATERAL (
    SELECT ts.*, nt.name AS named_task_name, np.name AS named_step_name, ds.name AS dependent_system_name
      FROM {schema}.tasker_named_tasks nt,
           {schema}.tasker_named_steps np
      JOIN {schema}.tasker_dependent_systems ds ON ds.dependent_system_uuid = np.dependent_system_uuid
     WHERE nt.named_task_uuid = ts.named_task_uuid AND np.named_step_uuid = ts.named_step_uuid) n

-- name: named_tasks_named_step_get reads one named_tasks_named_step (ntns_uuid uuid)
SELECT {n.named_tasks_named_step}
  FROM {schema}.tasker_named_tasks_named_steps ts {ntns_with_names}
 WHERE ts.ntns_uuid = $1;

-- name: named_tasks_named_step_create writes one named_tasks_named_step (ntns_uuid uuid, named_task_uuid uuid,
--   named_step_uuid uuid, skippable bool?, default_retryable bool?, default_retry_limit int4?)
WITH made AS (
    INSERT INTO {schema}.tasker_named_tasks_named_steps (ntns_uuid, named_task_uuid, named_step_uuid, skippable,
                                                         default_retryable, default_retry_limit, created_at, updated_at)
    SELECT $1, $2, $3, coalesce($4, false), coalesce($5, true), coalesce($6, 3), t.now, t.now
      FROM (SELECT clock_timestamp() AT TIME ZONE 'UTC' AS now) t
    ON CONFLICT DO NOTHING
    RETURNING *
)
SELECT {n.named_tasks_named_step}
  FROM made ts {ntns_with_names};

-- As in task_namespace_find_or_create: the update that changes nothing returns the row of whoever was faster.
-- name: named_tasks_named_step_find_or_create writes one named_tasks_named_step (ntns_uuid uuid, named_task_uuid uuid,
--   named_step_uuid uuid, skippable bool?, default_retryable bool?, default_retry_limit int4?)
WITH found AS MATERIALIZED (
    SELECT ts.*
      FROM {schema}.tasker_named_tasks_named_steps ts
     WHERE ts.named_task_uuid = $2 AND ts.named_step_uuid = $3
), made AS (
    INSERT INTO {schema}.tasker_named_tasks_named_steps AS ts (ntns_uuid, named_task_uuid, named_step_uuid, skippable,
                                                               default_retryable, default_retry_limit, created_at,
                                                               updated_at)
    SELECT $1, $2, $3, coalesce($4, false), coalesce($5, true), coalesce($6, 3), t.now, t.now
      FROM (SELECT clock_timestamp() AT TIME ZONE 'UTC' AS now) t
     WHERE NOT EXISTS (SELECT FROM found)
       AND NOT EXISTS (SELECT FROM {schema}.tasker_named_tasks_named_steps o WHERE o.ntns_uuid = $1)
    ON CONFLICT (named_task_uuid, named_step_uuid) DO UPDATE SET updated_at = ts.updated_at
    RETURNING ts.*
)
SELECT {n.named_tasks_named_step}
  FROM (SELECT * FROM found UNION ALL SELECT * FROM made) ts {ntns_with_names};

-- parameters: ntns_filter (named_task_uuid uuid?, named_step_uuid uuid?, skippable bool?, default_retryable bool?)
-- part: ntns_matches (ts: rows of the table; the parameters above)
{planned_each_time}
   AND ($1 IS NULL OR ts.named_task_uuid = $1)
   AND ($2 IS NULL OR ts.named_step_uuid = $2)
   AND ($3 IS NULL OR ts.skippable = $3)
   AND ($4 IS NULL OR ts.default_retryable = $4)

-- name: named_tasks_named_step_query reads many named_tasks_named_step ({ntns_filter}, {page})
SELECT {n.named_tasks_named_step}
  FROM {schema}.tasker_named_tasks_named_steps ts {ntns_with_names}
 WHERE {ntns_matches}
   AND ($5 IS NULL OR CASE $7 WHEN 0 THEN ts.ntns_uuid > $5
                              WHEN 1 THEN ts.ntns_uuid < $5
                              ELSE (n.named_step_name, ts.ntns_uuid) > (
                                  SELECT s.name, a.ntns_uuid
                                    FROM {schema}.tasker_named_tasks_named_steps a
                                    JOIN {schema}.tasker_named_steps s ON s.named_step_uuid = a.named_step_uuid
                                   WHERE a.ntns_uuid = $5) END)
 ORDER BY CASE WHEN $7 = 4 THEN n.named_step_name END, CASE WHEN $7 = 1 THEN ts.ntns_uuid END DESC, ts.ntns_uuid
 LIMIT $8;

-- name: named_tasks_named_step_count reads one row_count ({ntns_filter}, row_limit int4?)
SELECT count(*) AS row_count
  FROM (SELECT FROM {schema}.tasker_named_tasks_named_steps ts WHERE {ntns_matches} LIMIT $5) c;

-- No row: there is none of that key, or another one has the named task and step.
-- name: named_tasks_named_step_update writes one named_tasks_named_step (ntns_uuid uuid, named_task_uuid uuid?,
--   named_step_uuid uuid?, skippable bool?, default_retryable bool?, default_retry_limit int4?)
WITH changed AS (
    UPDATE {schema}.tasker_named_tasks_named_steps ts
       SET named_task_uuid = coalesce($2, ts.named_task_uuid),
           named_step_uuid = coalesce($3, ts.named_step_uuid),
           skippable = coalesce($4, ts.skippable),
           default_retryable = coalesce($5, ts.default_retryable),
           default_retry_limit = coalesce($6, ts.default_retry_limit),
           updated_at = clock_timestamp() AT TIME ZONE 'UTC'
     WHERE ts.ntns_uuid = $1
       AND NOT EXISTS (SELECT
                         FROM {schema}.tasker_named_tasks_named_steps o
                        WHERE o.named_task_uuid = coalesce($2, ts.named_task_uuid)
                          AND o.named_step_uuid = coalesce($3, ts.named_step_uuid)
                          AND o.ntns_uuid <> $1)
    RETURNING *
)
SELECT {n.named_tasks_named_step}
  FROM changed ts {ntns_with_names};

-- name: named_tasks_named_step_delete writes none (ntns_uuid uuid)
DELETE FROM {schema}.tasker_named_tasks_named_steps ts
 WHERE ts.ntns_uuid = $1;
