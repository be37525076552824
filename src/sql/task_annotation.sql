-- SPDX-License-Identifier: MIT
-- Statements on tasker_task_annotations. The server numbers the rows.

-- columns: task_annotation (task_annotation_id int8, task_uuid uuid, annotation_type_id int4, annotation jsonb,
--   created_at timestamp, updated_at timestamp, annotation_type_name text, annotation_type_description text)

-- part: annotation_with_type (an: rows of the table; n: the same with their types)
SELECT an.*, y.name AS annotation_type_name, y.description AS annotation_type_description
  FROM {schema}.tasker_task_annotations an
  JOIN {schema}.tasker_annotation_types y ON y.annotation_type_id = an.annotation_type_id

-- name: task_annotation_get reads one task_annotation (task_annotation_id int8)
SELECT {n.task_annotation}
  FROM ({annotation_with_type} WHERE an.task_annotation_id = $1) n;

-- The types of these names, the missing ones made, as in named_step_resolve: in the order of their names, each untouched
-- if it is there.
-- part: annotation_types_of_names (asked: the names, each once; now)
type_found AS MATERIALIZED (
    SELECT y.* FROM {schema}.tasker_annotation_types y WHERE y.name IN (SELECT a.name FROM asked a)
), type_made AS (
    INSERT INTO {schema}.tasker_annotation_types AS y (name, created_at, updated_at)
    SELECT a.name, now.now, now.now
      FROM asked a, now
     WHERE a.name NOT IN (SELECT f.name FROM type_found f)
     ORDER BY a.name
    ON CONFLICT (name) DO UPDATE SET updated_at = y.updated_at
    RETURNING y.*
), type_of_name AS (
    SELECT * FROM type_found UNION ALL SELECT * FROM type_made
)

-- part: annotations_missing ($1: tasks, $2: types, 0 where the name tells)
SELECT w.n
  FROM unnest($1, $2) WITH ORDINALITY AS w (task_uuid, annotation_type_id, n)
  LEFT JOIN {schema}.tasker_tasks k ON k.task_uuid = w.task_uuid
  LEFT JOIN {schema}.tasker_annotation_types y ON y.annotation_type_id = w.annotation_type_id
 WHERE k.task_uuid IS NULL OR (w.annotation_type_id <> 0 AND y.annotation_type_id IS NULL)

-- All or nothing: a task or a type that is not there, and nothing is stored, no type either. The numbers are given in
-- the order of the inputs, and so the rows are answered in theirs.
-- name: task_annotation_create_many writes many task_annotation (task_uuids uuid[], annotation_type_ids int4[],
--   annotation_type_names text(64)[], annotations jsonb[])
WITH now AS MATERIALIZED (
    SELECT clock_timestamp() AT TIME ZONE 'UTC' AS now
), wanted AS MATERIALIZED (
    SELECT w.*
      FROM unnest($1, $2, $3, $4) WITH ORDINALITY AS w (task_uuid, annotation_type_id, name, annotation, n)
     WHERE NOT EXISTS ({annotations_missing})
), asked AS (
    SELECT DISTINCT w.name FROM wanted w WHERE w.annotation_type_id = 0
), {annotation_types_of_names}, type AS MATERIALIZED (
    SELECT y.annotation_type_id, y.name, y.description FROM type_of_name y
    UNION
    SELECT y.annotation_type_id, y.name, y.description
      FROM {schema}.tasker_annotation_types y
     WHERE y.annotation_type_id IN (SELECT w.annotation_type_id FROM wanted w)
), made AS (
    INSERT INTO {schema}.tasker_task_annotations (task_uuid, annotation_type_id, annotation, created_at, updated_at)
    SELECT w.task_uuid, coalesce(numbered.annotation_type_id, named.annotation_type_id), w.annotation, now.now, now.now
      FROM now, wanted w
      LEFT JOIN type numbered ON numbered.annotation_type_id = w.annotation_type_id
      LEFT JOIN type named ON named.name = w.name
     ORDER BY w.n
    RETURNING *
)
SELECT {n.task_annotation}
  FROM (SELECT m.*, y.name AS annotation_type_name, y.description AS annotation_type_description
          FROM made m
          JOIN type y ON y.annotation_type_id = m.annotation_type_id) n
 ORDER BY n.task_annotation_id;

-- The first whose task or type is not there, counting from 0.
-- name: task_annotation_create_many__missing reads one taken_item (task_uuids uuid[], annotation_type_ids int4[])
SELECT (min(o.n) - 1)::int4 AS item FROM ({annotations_missing}) o;

-- parameters: task_annotation_filter (task_uuid uuid?, annotation_type_id int4?, annotation_type_name text?,
--   contains jsonb?, path text[]?, equals jsonb?)
-- part: task_annotation_matches (an: tasker_task_annotations; the parameters above)
{planned_each_time}
   AND ($1 IS NULL OR an.task_uuid = $1)
   AND ($2 IS NULL OR an.annotation_type_id = $2)
   AND ($3 IS NULL OR an.annotation_type_id = (SELECT t.annotation_type_id
                                                 FROM {schema}.tasker_annotation_types t WHERE t.name = $3))
   AND ($4 IS NULL OR an.annotation @> $4)
   AND ($5 IS NULL OR an.annotation #> $5 = $6)

-- name: task_annotation_query reads many task_annotation ({task_annotation_filter}, {page})
SELECT {n.task_annotation}
  FROM ({annotation_with_type}
         WHERE {task_annotation_matches}
           AND ($8 IS NULL OR CASE $9 WHEN 0 THEN an.task_annotation_id > $8 ELSE an.task_annotation_id < $8 END)) n
 ORDER BY CASE WHEN $9 = 1 THEN n.task_annotation_id END DESC, n.task_annotation_id
 LIMIT $10;

-- name: task_annotation_count reads one row_count ({task_annotation_filter}, row_limit int4?)
SELECT count(*) AS row_count
  FROM (SELECT FROM {schema}.tasker_task_annotations an WHERE {task_annotation_matches} LIMIT $7) c;

-- A type is made only for a row that is there. Task and type given by their keys are left to the foreign keys.
-- name: task_annotation_update writes one task_annotation (task_annotation_id int8, task_uuid uuid?,
--   annotation_type_id int4?, annotation_type_name text(64)?, annotation jsonb?)
WITH now AS MATERIALIZED (
    SELECT clock_timestamp() AT TIME ZONE 'UTC' AS now
), asked AS (
    SELECT $4 AS name
      FROM {schema}.tasker_task_annotations an
     WHERE an.task_annotation_id = $1 AND $3 IS NULL AND $4 IS NOT NULL
), {annotation_types_of_names}, changed AS (
    UPDATE {schema}.tasker_task_annotations an
       SET task_uuid = coalesce($2, an.task_uuid),
           annotation_type_id = coalesce($3, (SELECT y.annotation_type_id FROM type_of_name y), an.annotation_type_id),
           annotation = coalesce($5, an.annotation),
           updated_at = now.now
      FROM now
     WHERE an.task_annotation_id = $1
    RETURNING an.*
)
SELECT {n.task_annotation}
  FROM (SELECT c.*, y.name AS annotation_type_name, y.description AS annotation_type_description
          FROM changed c
          LEFT JOIN LATERAL (SELECT t.name, t.description FROM type_of_name t
                              WHERE t.annotation_type_id = c.annotation_type_id
                             UNION
                             SELECT t.name, t.description FROM {schema}.tasker_annotation_types t
                              WHERE t.annotation_type_id = c.annotation_type_id) y ON true) n;

-- name: task_annotation_delete writes none (task_annotation_id int8)
DELETE FROM {schema}.tasker_task_annotations an
 WHERE an.task_annotation_id = $1;

-- name: task_annotation_delete_for_task writes none (task_uuid uuid)
DELETE FROM {schema}.tasker_task_annotations an
 WHERE an.task_uuid = $1;
