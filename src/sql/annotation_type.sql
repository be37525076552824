-- SPDX-License-Identifier: MIT
-- Statements on tasker_annotation_types. The server numbers the rows.

-- columns: annotation_type (annotation_type_id int4, name text, description text, created_at timestamp,
--   updated_at timestamp)
-- columns: annotation_type_use (uses int8)

-- name: annotation_type_get reads one annotation_type (annotation_type_id int4)
SELECT {y.annotation_type}
  FROM {schema}.tasker_annotation_types y
 WHERE y.annotation_type_id = $1;

-- name: annotation_type_find_by_name reads one annotation_type (name text)
SELECT {y.annotation_type}
  FROM {schema}.tasker_annotation_types y
 WHERE y.name = $1;

-- The condition is not needed for the answer: an insert that conflicts uses up a number.
-- name: annotation_type_create writes one annotation_type (name text(64), description text(255)?)
INSERT INTO {schema}.tasker_annotation_types AS y (name, description, created_at, updated_at)
SELECT $1, $2, t.now, t.now
  FROM (SELECT clock_timestamp() AT TIME ZONE 'UTC' AS now) t
 WHERE NOT EXISTS (SELECT FROM {schema}.tasker_annotation_types o WHERE o.name = $1)
ON CONFLICT DO NOTHING
RETURNING {y.annotation_type};

-- As in task_namespace_find_or_create: the update that changes nothing returns the row of whoever was faster.
-- name: annotation_type_find_or_create writes one annotation_type (name text(64), description text(255)?)
WITH found AS MATERIALIZED (
    SELECT y.* FROM {schema}.tasker_annotation_types y WHERE y.name = $1
), made AS (
    INSERT INTO {schema}.tasker_annotation_types AS y (name, description, created_at, updated_at)
    SELECT $1, $2, t.now, t.now
      FROM (SELECT clock_timestamp() AT TIME ZONE 'UTC' AS now) t
     WHERE NOT EXISTS (SELECT FROM found)
    ON CONFLICT (name) DO UPDATE SET updated_at = y.updated_at
    RETURNING y.*
)
SELECT {y.annotation_type}
  FROM (SELECT * FROM found UNION ALL SELECT * FROM made) y;

-- parameters: annotation_type_filter (name text?, search text?)
-- part: annotation_type_matches (y: tasker_annotation_types; the parameters above)
{planned_each_time}
   AND ($1 IS NULL OR y.name = $1)
   AND ($2 IS NULL OR strpos(lower(y.name), lower($2)) > 0 OR strpos(lower(y.description), lower($2)) > 0)

-- name: annotation_type_query reads many annotation_type ({annotation_type_filter}, {page})
SELECT {y.annotation_type}
  FROM {schema}.tasker_annotation_types y
 WHERE {annotation_type_matches}
   AND ($4 IS NULL OR CASE $5 WHEN 0 THEN y.annotation_type_id > $4
                              WHEN 1 THEN y.annotation_type_id < $4
                              ELSE (y.name, y.annotation_type_id) > (
                                  SELECT a.name, a.annotation_type_id
                                    FROM {schema}.tasker_annotation_types a WHERE a.annotation_type_id = $4) END)
 ORDER BY CASE WHEN $5 = 4 THEN y.name END, CASE WHEN $5 = 1 THEN y.annotation_type_id END DESC, y.annotation_type_id
 LIMIT $6;

-- name: annotation_type_count reads one row_count ({annotation_type_filter}, row_limit int4?)
SELECT count(*) AS row_count
  FROM (SELECT FROM {schema}.tasker_annotation_types y WHERE {annotation_type_matches} LIMIT $3) c;

-- name: annotation_type_list_by_use reads many used_annotation_type ()
WITH used AS (
    SELECT an.annotation_type_id, count(*) AS uses
      FROM {schema}.tasker_task_annotations an
     GROUP BY an.annotation_type_id
)
SELECT {y.annotation_type}, {u.annotation_type_use}
  FROM {schema}.tasker_annotation_types y
  LEFT JOIN used ON used.annotation_type_id = y.annotation_type_id
 CROSS JOIN LATERAL (SELECT coalesce(used.uses, 0) AS uses) u
 ORDER BY u.uses DESC, y.name;

-- No row: there is none of that number, or another one has the name.
-- name: annotation_type_update writes one annotation_type (annotation_type_id int4, name text(64)?, description text(255)?,
--   clear_description bool)
UPDATE {schema}.tasker_annotation_types y
   SET name = coalesce($2, y.name),
       description = CASE WHEN NOT $4 THEN coalesce($3, y.description) END,
       updated_at = clock_timestamp() AT TIME ZONE 'UTC'
 WHERE y.annotation_type_id = $1
   AND NOT EXISTS (SELECT FROM {schema}.tasker_annotation_types o WHERE o.name = $2 AND o.annotation_type_id <> $1)
RETURNING {y.annotation_type};

-- name: annotation_type_delete writes none (annotation_type_id int4)
DELETE FROM {schema}.tasker_annotation_types y
 WHERE y.annotation_type_id = $1;
