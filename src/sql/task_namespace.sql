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

-- parameters: task_namespace_filter (name text?, search text?, except uuid?, custom bool)
-- part: task_namespace_matches (ns: tasker_task_namespaces; the parameters above)
{planned_each_time}
   AND ($1 IS NULL OR ns.name = $1)
   AND ($2 IS NULL OR strpos(lower(ns.name), lower($2)) > 0 OR strpos(lower(ns.description), lower($2)) > 0)
   AND ($3 IS NULL OR ns.task_namespace_uuid <> $3)
   AND (NOT $4 OR ns.name <> 'default')

-- name: task_namespace_query reads many task_namespace ({task_namespace_filter}, {page})
SELECT {ns.task_namespace}
  FROM {schema}.tasker_task_namespaces ns
 WHERE {task_namespace_matches}
   AND ($5 IS NULL OR CASE $7 WHEN 0 THEN ns.task_namespace_uuid > $5
                              WHEN 1 THEN ns.task_namespace_uuid < $5
                              ELSE (ns.name, ns.task_namespace_uuid) > (
                                  SELECT a.name, a.task_namespace_uuid
                                    FROM {schema}.tasker_task_namespaces a WHERE a.task_namespace_uuid = $5) END)
 ORDER BY CASE WHEN $7 = 4 THEN ns.name END, CASE WHEN $7 = 1 THEN ns.task_namespace_uuid END DESC,
          ns.task_namespace_uuid
 LIMIT $8;

-- name: task_namespace_count reads one row_count ({task_namespace_filter}, row_limit int4?)
SELECT count(*) AS row_count
  FROM (SELECT FROM {schema}.tasker_task_namespaces ns WHERE {task_namespace_matches} LIMIT $5) c;

-- All or nothing: a key or a name that is taken, or that comes twice, and nothing is stored. The same call again finds
-- all of its keys stored and answers with their rows.
-- part: task_namespace_wanted ($1: keys, $2: names)
unnest($1, $2) WITH ORDINALITY AS w (task_namespace_uuid, name, n)

-- part: task_namespace_taken ($1: keys, $2: names)
SELECT w.n FROM {task_namespace_wanted} JOIN {schema}.tasker_task_namespaces o ON o.name = w.name
UNION ALL
SELECT w.n FROM {task_namespace_wanted}
  JOIN {schema}.tasker_task_namespaces o ON o.task_namespace_uuid = w.task_namespace_uuid
UNION ALL
SELECT max(w.n) FROM {task_namespace_wanted} GROUP BY w.name HAVING count(*) > 1
UNION ALL
SELECT max(w.n) FROM {task_namespace_wanted} GROUP BY w.task_namespace_uuid HAVING count(*) > 1

-- name: task_namespace_create_many writes many task_namespace (task_namespace_uuids uuid[], names text(64)[],
--   descriptions text(255)[])
WITH made AS (
    INSERT INTO {schema}.tasker_task_namespaces AS ns (task_namespace_uuid, name, description, created_at, updated_at)
    SELECT w.task_namespace_uuid, w.name, w.description, t.now, t.now
      FROM unnest($1, $2, $3) AS w (task_namespace_uuid, name, description),
           (SELECT clock_timestamp() AT TIME ZONE 'UTC' AS now) t
     WHERE NOT EXISTS ({task_namespace_taken})
     ORDER BY w.name
    RETURNING *
), stored AS (
    SELECT ns.* FROM {schema}.tasker_task_namespaces ns WHERE ns.task_namespace_uuid = ANY ($1)
)
SELECT {ns.task_namespace}
  FROM {task_namespace_wanted}
  JOIN (SELECT * FROM made
        UNION ALL
        SELECT * FROM stored WHERE (SELECT count(*) FROM stored) = cardinality($1)) ns USING (task_namespace_uuid)
 ORDER BY w.n;

-- The first that stands in the way, counting from 0.
-- name: task_namespace_create_many__taken reads one taken_item (task_namespace_uuids uuid[], names text[])
SELECT (min(o.n) - 1)::int4 AS item FROM ({task_namespace_taken}) o;

-- No row: there is none of that key, or another one has the name.
-- name: task_namespace_update writes one task_namespace (task_namespace_uuid uuid, name text(64)?,
--   description text(255)?, clear_description bool)
UPDATE {schema}.tasker_task_namespaces ns
   SET name = coalesce($2, ns.name),
       description = CASE WHEN NOT $4 THEN coalesce($3, ns.description) END,
       updated_at = clock_timestamp() AT TIME ZONE 'UTC'
 WHERE ns.task_namespace_uuid = $1
   AND NOT EXISTS (SELECT FROM {schema}.tasker_task_namespaces o WHERE o.name = $2 AND o.task_namespace_uuid <> $1)
RETURNING {ns.task_namespace};

-- name: task_namespace_delete writes none (task_namespace_uuid uuid)
DELETE FROM {schema}.tasker_task_namespaces ns
 WHERE ns.task_namespace_uuid = $1;
