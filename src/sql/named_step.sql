-- SPDX-License-Identifier: MIT
-- Statements on tasker_named_steps.

-- columns: named_step (named_step_uuid uuid, dependent_system_uuid uuid, name text, description text,
--   created_at timestamp, updated_at timestamp)
-- columns: resolved_step (n int4, named_step_uuid uuid)

-- OFFSET 0 keeps the look-up of one name what it is: flattened into the join it was planned by system alone, and every
-- name was compared with all names of its system.
-- part: no_named_step (i: name, system)
NOT EXISTS (
    SELECT FROM {schema}.tasker_named_steps np
     WHERE np.name = i.name
       AND np.dependent_system_uuid = (SELECT ds.dependent_system_uuid
                                         FROM {schema}.tasker_dependent_systems ds WHERE ds.name = i.system)
    OFFSET 0)

-- name: named_step_get reads one named_step (named_step_uuid uuid)
SELECT {np.named_step}
  FROM {schema}.tasker_named_steps np
 WHERE np.named_step_uuid = $1;

-- name: named_step_find_by_name reads one named_step (dependent_system_name text, name text)
SELECT {np.named_step}
  FROM {schema}.tasker_named_steps np
  JOIN {schema}.tasker_dependent_systems ds ON ds.dependent_system_uuid = np.dependent_system_uuid
 WHERE ds.name = $1
   AND np.name = $2;

-- name: named_step_create writes one named_step (named_step_uuid uuid, dependent_system_uuid uuid, name text(128),
--   description text(255)?)
INSERT INTO {schema}.tasker_named_steps AS np (named_step_uuid, dependent_system_uuid, name, description, created_at,
                                               updated_at)
SELECT $1, $2, $3, $4, t.now, t.now
  FROM (SELECT clock_timestamp() AT TIME ZONE 'UTC' AS now) t
ON CONFLICT DO NOTHING
RETURNING {np.named_step};

-- As in task_namespace_find_or_create: the update that changes nothing returns the row of whoever was faster.
-- name: named_step_find_or_create writes one named_step (named_step_uuid uuid, dependent_system_uuid uuid, name text(128),
--   description text(255)?)
WITH found AS MATERIALIZED (
    SELECT np.* FROM {schema}.tasker_named_steps np WHERE np.dependent_system_uuid = $2 AND np.name = $3
), made AS (
    INSERT INTO {schema}.tasker_named_steps AS np (named_step_uuid, dependent_system_uuid, name, description,
                                                   created_at, updated_at)
    SELECT $1, $2, $3, $4, t.now, t.now
      FROM (SELECT clock_timestamp() AT TIME ZONE 'UTC' AS now) t
     WHERE NOT EXISTS (SELECT FROM found)
       AND NOT EXISTS (SELECT FROM {schema}.tasker_named_steps o WHERE o.named_step_uuid = $1)
    ON CONFLICT (dependent_system_uuid, name) DO UPDATE SET updated_at = np.updated_at
    RETURNING np.*
)
SELECT {np.named_step}
  FROM (SELECT * FROM found UNION ALL SELECT * FROM made) np;

-- One row for each name that is there, n counting from 0.
-- name: named_step_resolve reads many resolved_step (dependent_system_name text, names text[])
SELECT {r.resolved_step}
  FROM (SELECT w.n - 1 AS n, np.named_step_uuid
          FROM unnest($2) WITH ORDINALITY AS w (name, n)
          JOIN {schema}.tasker_dependent_systems ds ON ds.name = $1
          JOIN {schema}.tasker_named_steps np
               ON np.dependent_system_uuid = ds.dependent_system_uuid AND np.name = w.name) r
 ORDER BY r.n;

-- System and steps each as in a find_or_create. Steps are inserted in the order of their names, because two callers
-- that insert the same ones in different orders would wait for each other.
-- name: named_step_resolve__create writes many resolved_step (dependent_system_name text(64), names text(128)[],
--   dependent_system_uuid uuid, named_step_uuids uuid[])
WITH t AS MATERIALIZED (
    SELECT clock_timestamp() AT TIME ZONE 'UTC' AS now
), system_found AS MATERIALIZED (
    SELECT ds.dependent_system_uuid FROM {schema}.tasker_dependent_systems ds WHERE ds.name = $1
), system_made AS (
    INSERT INTO {schema}.tasker_dependent_systems AS ds (dependent_system_uuid, name, created_at, updated_at)
    SELECT $3, $1, t.now, t.now
      FROM t
     WHERE NOT EXISTS (SELECT FROM system_found)
    ON CONFLICT (name) DO UPDATE SET updated_at = ds.updated_at
    RETURNING ds.dependent_system_uuid
), system AS (
    SELECT * FROM system_found UNION ALL SELECT * FROM system_made
), wanted AS MATERIALIZED (
    SELECT w.name, w.named_step_uuid, w.n - 1 AS n
      FROM unnest($2, $4) WITH ORDINALITY AS w (name, named_step_uuid, n)
), found AS MATERIALIZED (
    SELECT np.named_step_uuid, np.name
      FROM system_found s
      JOIN {schema}.tasker_named_steps np ON np.dependent_system_uuid = s.dependent_system_uuid AND np.name = ANY ($2)
), missing AS (
    SELECT DISTINCT ON (w.name) w.name, w.named_step_uuid
      FROM wanted w
     WHERE w.name NOT IN (SELECT f.name FROM found f)
     ORDER BY w.name, w.n
), made AS (
    INSERT INTO {schema}.tasker_named_steps AS np (named_step_uuid, dependent_system_uuid, name, created_at, updated_at)
    SELECT m.named_step_uuid, s.dependent_system_uuid, m.name, t.now, t.now
      FROM missing m, system s, t
     ORDER BY m.name
    ON CONFLICT (dependent_system_uuid, name) DO UPDATE SET updated_at = np.updated_at
    RETURNING np.named_step_uuid, np.name
)
SELECT {r.resolved_step}
  FROM (SELECT w.n, k.named_step_uuid
          FROM wanted w
          JOIN (SELECT * FROM found UNION ALL SELECT * FROM made) k ON k.name = w.name) r
 ORDER BY r.n;

-- parameters: named_step_filter (named_step_uuids uuid[]?, dependent_system_uuid uuid?, except uuid?,
--   dependent_system_name text?, name text?, search text?)
-- part: named_step_matches (np: tasker_named_steps; the parameters above)
{planned_each_time}
   AND ($1 IS NULL OR np.named_step_uuid = ANY ($1))
   AND ($2 IS NULL OR np.dependent_system_uuid = $2)
   AND ($3 IS NULL OR np.named_step_uuid <> $3)
   AND ($4 IS NULL OR np.dependent_system_uuid = (SELECT ds.dependent_system_uuid
                                                    FROM {schema}.tasker_dependent_systems ds WHERE ds.name = $4))
   AND ($5 IS NULL OR np.name = $5)
   AND ($6 IS NULL OR strpos(lower(np.name), lower($6)) > 0 OR strpos(lower(np.description), lower($6)) > 0)

-- name: named_step_query reads many named_step ({named_step_filter}, {page})
SELECT {np.named_step}
  FROM {schema}.tasker_named_steps np
 WHERE {named_step_matches}
   AND ($7 IS NULL OR CASE $9 WHEN 0 THEN np.named_step_uuid > $7
                              WHEN 1 THEN np.named_step_uuid < $7
                              ELSE (np.name, np.named_step_uuid) > (
                                  SELECT a.name, a.named_step_uuid
                                    FROM {schema}.tasker_named_steps a WHERE a.named_step_uuid = $7) END)
 ORDER BY CASE WHEN $9 = 4 THEN np.name END, CASE WHEN $9 = 1 THEN np.named_step_uuid END DESC, np.named_step_uuid
 LIMIT $10;

-- name: named_step_count reads one row_count ({named_step_filter}, row_limit int4?)
SELECT count(*) AS row_count
  FROM (SELECT FROM {schema}.tasker_named_steps np WHERE {named_step_matches} LIMIT $7) c;

-- As in task_namespace_create_many; the natural key is system and name.
-- part: named_step_wanted ($1: keys, $2: systems, $3: names)
unnest($1, $2, $3) WITH ORDINALITY AS w (named_step_uuid, dependent_system_uuid, name, n)

-- part: named_step_taken ($1: keys, $2: systems, $3: names)
SELECT w.n FROM {named_step_wanted}
  JOIN {schema}.tasker_named_steps o ON o.dependent_system_uuid = w.dependent_system_uuid AND o.name = w.name
UNION ALL
SELECT w.n FROM {named_step_wanted} JOIN {schema}.tasker_named_steps o ON o.named_step_uuid = w.named_step_uuid
UNION ALL
SELECT max(w.n) FROM {named_step_wanted} GROUP BY w.dependent_system_uuid, w.name HAVING count(*) > 1
UNION ALL
SELECT max(w.n) FROM {named_step_wanted} GROUP BY w.named_step_uuid HAVING count(*) > 1

-- name: named_step_create_many writes many named_step (named_step_uuids uuid[], dependent_system_uuids uuid[],
--   names text(128)[], descriptions text(255)[])
WITH made AS (
    INSERT INTO {schema}.tasker_named_steps AS np (named_step_uuid, dependent_system_uuid, name, description,
                                                   created_at, updated_at)
    SELECT w.named_step_uuid, w.dependent_system_uuid, w.name, w.description, t.now, t.now
      FROM unnest($1, $2, $3, $4) AS w (named_step_uuid, dependent_system_uuid, name, description),
           (SELECT clock_timestamp() AT TIME ZONE 'UTC' AS now) t
     WHERE NOT EXISTS ({named_step_taken})
     ORDER BY w.dependent_system_uuid, w.name
    RETURNING *
), stored AS (
    SELECT np.* FROM {schema}.tasker_named_steps np WHERE np.named_step_uuid = ANY ($1)
)
SELECT {np.named_step}
  FROM (SELECT w.named_step_uuid, w.n FROM {named_step_wanted}) w
  JOIN (SELECT * FROM made
        UNION ALL
        SELECT * FROM stored WHERE (SELECT count(*) FROM stored) = cardinality($1)) np USING (named_step_uuid)
 ORDER BY w.n;

-- name: named_step_create_many__taken reads one taken_item (named_step_uuids uuid[], dependent_system_uuids uuid[],
--   names text[])
SELECT (min(o.n) - 1)::int4 AS item FROM ({named_step_taken}) o;

-- No row: there is none of that key, or another one has the system and name.
-- name: named_step_update writes one named_step (named_step_uuid uuid, dependent_system_uuid uuid?, name text(128)?,
--   description text(255)?, clear_description bool)
UPDATE {schema}.tasker_named_steps np
   SET dependent_system_uuid = coalesce($2, np.dependent_system_uuid),
       name = coalesce($3, np.name),
       description = CASE WHEN NOT $5 THEN coalesce($4, np.description) END,
       updated_at = clock_timestamp() AT TIME ZONE 'UTC'
 WHERE np.named_step_uuid = $1
   AND NOT EXISTS (SELECT
                     FROM {schema}.tasker_named_steps o
                    WHERE o.dependent_system_uuid = coalesce($2, np.dependent_system_uuid)
                      AND o.name = coalesce($3, np.name)
                      AND o.named_step_uuid <> $1)
RETURNING {np.named_step};

-- name: named_step_delete writes none (named_step_uuid uuid)
DELETE FROM {schema}.tasker_named_steps np
 WHERE np.named_step_uuid = $1;
