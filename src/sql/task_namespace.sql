-- SPDX-License-Identifier: MIT
-- Statements on tasker_task_namespaces.

-- columns: task_namespace (task_namespace_uuid uuid, name text, description text, created_at timestamp, updated_at timestamp)

-- name: task_namespace_get reads one task_namespace (task_namespace_uuid uuid)
SELECT {ns.task_namespace}
  FROM {schema}.tasker_task_namespaces ns
 WHERE ns.task_namespace_uuid = $1;

-- name: task_namespace_find_by_name reads one task_namespace (name text)
SELECT {ns.task_namespace}
  FROM {schema}.tasker_task_namespaces ns
 WHERE ns.name = $1;

-- name: task_namespace_create writes one task_namespace (task_namespace_uuid uuid, name text(64), description text(255)?)
INSERT INTO {schema}.tasker_task_namespaces AS ns (task_namespace_uuid, name, description, created_at, updated_at)
SELECT $1, $2, $3, t.now, t.now
  FROM (SELECT clock_timestamp() AT TIME ZONE 'UTC' AS now) t
ON CONFLICT DO NOTHING
RETURNING {ns.task_namespace};

-- The second branch runs only when the first found nothing; losing a race to another insert, it touches the winner's
-- row without changing it, because only an update returns a row that this statement's snapshot cannot see.
-- name: task_namespace_find_or_create writes one task_namespace (task_namespace_uuid uuid, name text(64), description text(255)?)
WITH found AS MATERIALIZED (
    SELECT ns.* FROM {schema}.tasker_task_namespaces ns WHERE ns.name = $2
), made AS (
    INSERT INTO {schema}.tasker_task_namespaces AS ns (task_namespace_uuid, name, description, created_at, updated_at)
    SELECT $1, $2, $3, t.now, t.now
      FROM (SELECT clock_timestamp() AT TIME ZONE 'UTC' AS now) t
     WHERE NOT EXISTS (SELECT FROM found)
       AND NOT EXISTS (SELECT FROM {schema}.tasker_task_namespaces o WHERE o.task_namespace_uuid = $1)
    ON CONFLICT (name) DO UPDATE SET updated_at = ns.updated_at
    RETURNING ns.*
)
SELECT {ns.task_namespace}
  FROM (SELECT * FROM found UNION ALL SELECT * FROM made) ns;

-- name: task_namespace_query reads many task_namespace (name text?, search text?, except uuid?, custom bool, after uuid?, row_order int4, row_limit int4)
SELECT {ns.task_namespace}
  FROM {schema}.tasker_task_namespaces ns
 WHERE ($1 IS NULL OR ns.name = $1)
   AND ($2 IS NULL OR strpos(lower(ns.name), lower($2)) > 0 OR strpos(lower(ns.description), lower($2)) > 0)
   AND ($3 IS NULL OR ns.task_namespace_uuid <> $3)
   AND (NOT $4 OR ns.name <> 'default')
   AND ($5 IS NULL OR CASE $6 WHEN 0 THEN ns.task_namespace_uuid > $5
                              WHEN 1 THEN ns.task_namespace_uuid < $5
                              ELSE (ns.name, ns.task_namespace_uuid) > (
                                  SELECT a.name, a.task_namespace_uuid
                                    FROM {schema}.tasker_task_namespaces a WHERE a.task_namespace_uuid = $5) END)
 ORDER BY CASE WHEN $6 = 4 THEN ns.name END, CASE WHEN $6 = 1 THEN ns.task_namespace_uuid END DESC,
          ns.task_namespace_uuid
 LIMIT $7;
