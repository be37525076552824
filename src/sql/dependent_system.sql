-- SPDX-License-Identifier: MIT
-- Statements on tasker_dependent_systems.

-- columns: dependent_system (dependent_system_uuid uuid, name text, description text, created_at timestamp,
--   updated_at timestamp)

-- name: dependent_system_get reads one dependent_system (dependent_system_uuid uuid)
SELECT {ds.dependent_system}
  FROM {schema}.tasker_dependent_systems ds
 WHERE ds.dependent_system_uuid = $1;

-- name: dependent_system_find_by_name reads one dependent_system (name text)
SELECT {ds.dependent_system}
  FROM {schema}.tasker_dependent_systems ds
 WHERE ds.name = $1;

-- name: dependent_system_create writes one dependent_system (dependent_system_uuid uuid, name text(64),
--   description text(255)?)
INSERT INTO {schema}.tasker_dependent_systems AS ds (dependent_system_uuid, name, description, created_at, updated_at)
SELECT $1, $2, $3, t.now, t.now
  FROM (SELECT clock_timestamp() AT TIME ZONE 'UTC' AS now) t
ON CONFLICT DO NOTHING
RETURNING {ds.dependent_system};

-- As in task_namespace_find_or_create: the update that changes nothing returns the row of whoever was faster.
-- name: dependent_system_find_or_create writes one dependent_system (dependent_system_uuid uuid, name text(64),
--   description text(255)?)
WITH found AS MATERIALIZED (
    SELECT ds.* FROM {schema}.tasker_dependent_systems ds WHERE ds.name = $2
), made AS (
    INSERT INTO {schema}.tasker_dependent_systems AS ds (dependent_system_uuid, name, description, created_at,
                                                         updated_at)
    SELECT $1, $2, $3, t.now, t.now
      FROM (SELECT clock_timestamp() AT TIME ZONE 'UTC' AS now) t
     WHERE NOT EXISTS (SELECT FROM found)
       AND NOT EXISTS (SELECT FROM {schema}.tasker_dependent_systems o WHERE o.dependent_system_uuid = $1)
    ON CONFLICT (name) DO UPDATE SET updated_at = ds.updated_at
    RETURNING ds.*
)
SELECT {ds.dependent_system}
  FROM (SELECT * FROM found UNION ALL SELECT * FROM made) ds;

-- parameters: dependent_system_filter (name text?, search text?, except uuid?, custom bool)
-- part: dependent_system_matches (ds: tasker_dependent_systems; the parameters above)
{planned_each_time}
   AND ($1 IS NULL OR ds.name = $1)
   AND ($2 IS NULL OR strpos(lower(ds.name), lower($2)) > 0 OR strpos(lower(ds.description), lower($2)) > 0)
   AND ($3 IS NULL OR ds.dependent_system_uuid <> $3)
   AND (NOT $4 OR ds.name <> 'default')

-- name: dependent_system_query reads many dependent_system ({dependent_system_filter}, {page})
SELECT {ds.dependent_system}
  FROM {schema}.tasker_dependent_systems ds
 WHERE {dependent_system_matches}
   AND ($5 IS NULL OR CASE $7 WHEN 0 THEN ds.dependent_system_uuid > $5
                              WHEN 1 THEN ds.dependent_system_uuid < $5
                              ELSE (ds.name, ds.dependent_system_uuid) > (
                                  SELECT a.name, a.dependent_system_uuid
                                    FROM {schema}.tasker_dependent_systems a WHERE a.dependent_system_uuid = $5) END)
 ORDER BY CASE WHEN $7 = 4 THEN ds.name END, CASE WHEN $7 = 1 THEN ds.dependent_system_uuid END DESC,
          ds.dependent_system_uuid
 LIMIT $8;

-- name: dependent_system_count reads one row_count ({dependent_system_filter}, row_limit int4?)
SELECT count(*) AS row_count
  FROM (SELECT FROM {schema}.tasker_dependent_systems ds WHERE {dependent_system_matches} LIMIT $5) c;

-- As in task_namespace_create_many.
-- part: dependent_system_wanted ($1: keys, $2: names)
unnest($1, $2) WITH ORDINALITY AS w (dependent_system_uuid, name, n)

-- part: dependent_system_taken ($1: keys, $2: names)
SELECT w.n FROM {dependent_system_wanted} JOIN {schema}.tasker_dependent_systems o ON o.name = w.name
UNION ALL
SELECT w.n FROM {dependent_system_wanted}
  JOIN {schema}.tasker_dependent_systems o ON o.dependent_system_uuid = w.dependent_system_uuid
UNION ALL
SELECT max(w.n) FROM {dependent_system_wanted} GROUP BY w.name HAVING count(*) > 1
UNION ALL
SELECT max(w.n) FROM {dependent_system_wanted} GROUP BY w.dependent_system_uuid HAVING count(*) > 1

-- name: dependent_system_create_many writes many dependent_system (dependent_system_uuids uuid[], names text(64)[],
--   descriptions text(255)[])
WITH made AS (
    INSERT INTO {schema}.tasker_dependent_systems AS ds (dependent_system_uuid, name, description, created_at,
                                                         updated_at)
    SELECT w.dependent_system_uuid, w.name, w.description, t.now, t.now
      FROM unnest($1, $2, $3) AS w (dependent_system_uuid, name, description),
           (SELECT clock_timestamp() AT TIME ZONE 'UTC' AS now) t
     WHERE NOT EXISTS ({dependent_system_taken})
     ORDER BY w.name
    RETURNING *
), stored AS (
    SELECT ds.* FROM {schema}.tasker_dependent_systems ds WHERE ds.dependent_system_uuid = ANY ($1)
)
SELECT {ds.dependent_system}
  FROM {dependent_system_wanted}
  JOIN (SELECT * FROM made
        UNION ALL
        SELECT * FROM stored WHERE (SELECT count(*) FROM stored) = cardinality($1)) ds USING (dependent_system_uuid)
 ORDER BY w.n;

-- name: dependent_system_create_many__taken reads one taken_item (dependent_system_uuids uuid[], names text[])
SELECT (min(o.n) - 1)::int4 AS item FROM ({dependent_system_taken}) o;

-- No row: there is none of that key, or another one has the name.
-- name: dependent_system_update writes one dependent_system (dependent_system_uuid uuid, name text(64)?,
--   description text(255)?, clear_description bool)
UPDATE {schema}.tasker_dependent_systems ds
   SET name = coalesce($2, ds.name),
       description = CASE WHEN NOT $4 THEN coalesce($3, ds.description) END,
       updated_at = clock_timestamp() AT TIME ZONE 'UTC'
 WHERE ds.dependent_system_uuid = $1
   AND NOT EXISTS (SELECT FROM {schema}.tasker_dependent_systems o WHERE o.name = $2 AND o.dependent_system_uuid <> $1)
RETURNING {ds.dependent_system};

-- name: dependent_system_delete writes none (dependent_system_uuid uuid)
DELETE FROM {schema}.tasker_dependent_systems ds
 WHERE ds.dependent_system_uuid = $1;
