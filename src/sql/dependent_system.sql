-- SPDX-License-Identifier: MIT
-- Statements on tasker_dependent_systems.

-- columns: dependent_system (dependent_system_uuid uuid, name text, description text, created_at timestamp, updated_at timestamp)

-- name: dependent_system_get reads one dependent_system (dependent_system_uuid uuid)
SELECT {ds.dependent_system}
  FROM {schema}.tasker_dependent_systems ds
 WHERE ds.dependent_system_uuid = $1;

-- name: dependent_system_find_by_name reads one dependent_system (name text)
SELECT {ds.dependent_system}
  FROM {schema}.tasker_dependent_systems ds
 WHERE ds.name = $1;

-- name: dependent_system_create writes one dependent_system (dependent_system_uuid uuid, name text(64), description text(255)?)
INSERT INTO {schema}.tasker_dependent_systems AS ds (dependent_system_uuid, name, description, created_at, updated_at)
SELECT $1, $2, $3, t.now, t.now
  FROM (SELECT clock_timestamp() AT TIME ZONE 'UTC' AS now) t
ON CONFLICT DO NOTHING
RETURNING {ds.dependent_system};

-- The second branch runs only when the first found nothing; losing a race to another insert, it touches the winner's
-- row without changing it, because only an update returns a row that this statement's snapshot cannot see.
-- name: dependent_system_find_or_create writes one dependent_system (dependent_system_uuid uuid, name text(64), description text(255)?)
WITH found AS MATERIALIZED (
    SELECT ds.* FROM {schema}.tasker_dependent_systems ds WHERE ds.name = $2
), made AS (
    INSERT INTO {schema}.tasker_dependent_systems AS ds (dependent_system_uuid, name, description, created_at, updated_at)
    SELECT $1, $2, $3, t.now, t.now
      FROM (SELECT clock_timestamp() AT TIME ZONE 'UTC' AS now) t
     WHERE NOT EXISTS (SELECT FROM found)
       AND NOT EXISTS (SELECT FROM {schema}.tasker_dependent_systems o WHERE o.dependent_system_uuid = $1)
    ON CONFLICT (name) DO UPDATE SET updated_at = ds.updated_at
    RETURNING ds.*
)
SELECT {ds.dependent_system}
  FROM (SELECT * FROM found UNION ALL SELECT * FROM made) ds;

-- name: dependent_system_query reads many dependent_system (name text?, search text?, except uuid?, custom bool, after uuid?, row_order int4, row_limit int4)
SELECT {ds.dependent_system}
  FROM {schema}.tasker_dependent_systems ds
 WHERE ($1 IS NULL OR ds.name = $1)
   AND ($2 IS NULL OR strpos(lower(ds.name), lower($2)) > 0 OR strpos(lower(ds.description), lower($2)) > 0)
   AND ($3 IS NULL OR ds.dependent_system_uuid <> $3)
   AND (NOT $4 OR ds.name <> 'default')
   AND ($5 IS NULL OR CASE $6 WHEN 0 THEN ds.dependent_system_uuid > $5
                              WHEN 1 THEN ds.dependent_system_uuid < $5
                              ELSE (ds.name, ds.dependent_system_uuid) > (
                                  SELECT a.name, a.dependent_system_uuid
                                    FROM {schema}.tasker_dependent_systems a WHERE a.dependent_system_uuid = $5) END)
 ORDER BY CASE WHEN $6 = 4 THEN ds.name END, CASE WHEN $6 = 1 THEN ds.dependent_system_uuid END DESC,
          ds.dependent_system_uuid
 LIMIT $7;
