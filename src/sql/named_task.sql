-- SPDX-License-Identifier: MIT
-- Statements on tasker_named_tasks.

-- columns: named_task (named_task_uuid uuid, task_namespace_uuid uuid, name text, description text, version text,
--   configuration jsonb, created_at timestamp, updated_at timestamp)

-- The one order of versions, the latest first. A semantic version becomes an array of texts of which each compares by
-- its bytes: numbers are filled with zeros; "1" ends a release and "0" a pre-release, so that the latter comes before;
-- of its identifiers those made of digits come before the others. Any other text becomes an array that comes before.
-- part: latest_version_first (nt: tasker_named_tasks)
(SELECT CASE WHEN p.m IS NULL THEN ARRAY['0', nt.version::text]
             ELSE ARRAY['1', lpad(p.m[1], 16, '0'), lpad(coalesce(p.m[2], '0'), 16, '0'),
                        lpad(coalesce(p.m[3], '0'), 16, '0'), CASE WHEN p.m[4] IS NULL THEN '1' ELSE '0' END]
                  || ARRAY(SELECT CASE WHEN i.id ~ '^[0-9]+$' THEN '0' || lpad(i.id, 16, '0') ELSE '1' || i.id END
                             FROM unnest(string_to_array(p.m[4], '.')) WITH ORDINALITY AS i (id, n)
                            ORDER BY i.n)
        END
   FROM (SELECT regexp_match(nt.version, '^([0-9]+)(?:\.([0-9]+))?(?:\.([0-9]+))?(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?$')
                AS m) p) COLLATE "C" DESC, nt.created_at DESC, nt.named_task_uuid DESC

-- part: one_version_of_a_name (o: tasker_named_tasks)
(SELECT true
   FROM pg_catalog.pg_constraint c
  WHERE c.conrelid = o.tableoid
    AND c.conname = 'tasker_named_tasks_namespace_name_unique')

-- name: named_task_get reads one named_task (named_task_uuid uuid)
SELECT {nt.named_task}
  FROM {schema}.tasker_named_tasks nt
 WHERE nt.named_task_uuid = $1;

-- name: named_task_find_by_name reads one named_task (namespace_name text, name text, version text?)
SELECT {nt.named_task}
  FROM {schema}.tasker_named_tasks nt
  JOIN {schema}.tasker_task_namespaces ns ON ns.task_namespace_uuid = nt.task_namespace_uuid
 WHERE ns.name = $1
   AND nt.name = $2
   AND ($3 IS NULL OR nt.version = $3)
 ORDER BY {latest_version_first}
 LIMIT 1;

-- name: named_task_create writes one named_task (named_task_uuid uuid, task_namespace_uuid uuid, name text(64),
--   version text(16)?, description text(255)?, configuration jsonb?)
INSERT INTO {schema}.tasker_named_tasks AS nt (named_task_uuid, task_namespace_uuid, name, version, description,
                                               configuration, created_at, updated_at)
SELECT $1, $2, $3, coalesce($4, '0.1.0'), $5, coalesce($6, '{}'), t.now, t.now
  FROM (SELECT clock_timestamp() AT TIME ZONE 'UTC' AS now) t
ON CONFLICT DO NOTHING
RETURNING {nt.named_task};

-- No row: another was faster, or has the key, or the name where a foreign schema allows but one version of it. The
-- second statement, with a snapshot of its own, sees the faster one.
-- name: named_task_find_or_create writes one named_task (named_task_uuid uuid, task_namespace_uuid uuid, name text(64),
--   version text(16)?, description text(255)?, configuration jsonb?)
WITH found AS MATERIALIZED (
    SELECT nt.*
      FROM {schema}.tasker_named_tasks nt
     WHERE nt.task_namespace_uuid = $2 AND nt.name = $3 AND nt.version = coalesce($4, '0.1.0')
), made AS (
    INSERT INTO {schema}.tasker_named_tasks AS nt (named_task_uuid, task_namespace_uuid, name, version, description,
                                                   configuration, created_at, updated_at)
    SELECT $1, $2, $3, coalesce($4, '0.1.0'), $5, coalesce($6, '{}'), t.now, t.now
      FROM (SELECT clock_timestamp() AT TIME ZONE 'UTC' AS now) t
     WHERE NOT EXISTS (SELECT FROM found)
    ON CONFLICT DO NOTHING
    RETURNING nt.*
)
SELECT {nt.named_task}
  FROM (SELECT * FROM found UNION ALL SELECT * FROM made) nt;

-- name: named_task_find_or_create__found reads one named_task (task_namespace_uuid uuid, name text, version text?)
SELECT {nt.named_task}
  FROM {schema}.tasker_named_tasks nt
 WHERE nt.task_namespace_uuid = $1 AND nt.name = $2 AND nt.version = coalesce($3, '0.1.0');

-- What keeps a row of this key from having these: the same version of the name, or just the name, where tasker-core's
-- constraint allows but one version. No row: nothing, by now.
-- name: named_task_create__taken reads one flag (named_task_uuid uuid, task_namespace_uuid uuid?, name text?,
--   version text?)
SELECT (o.version = coalesce($4, nt.version, '0.1.0'))::bool AS flag
  FROM {schema}.tasker_named_tasks o
  LEFT JOIN {schema}.tasker_named_tasks nt ON nt.named_task_uuid = $1
 WHERE o.task_namespace_uuid = coalesce($2, nt.task_namespace_uuid)
   AND o.name = coalesce($3, nt.name)
   AND o.named_task_uuid <> $1
   AND (o.version = coalesce($4, nt.version, '0.1.0') OR {one_version_of_a_name})
 ORDER BY flag DESC
 LIMIT 1;

-- parameters: named_task_filter (task_namespace_uuid uuid?, except uuid?, namespace_name text?, name text?,
--   version text?, search text?, latest bool)
-- part: named_task_matches (q: tasker_named_tasks; the parameters above)
{planned_each_time}
   AND ($1 IS NULL OR q.task_namespace_uuid = $1)
   AND ($2 IS NULL OR q.named_task_uuid <> $2)
   AND ($3 IS NULL OR q.task_namespace_uuid = (SELECT ns.task_namespace_uuid
                                                 FROM {schema}.tasker_task_namespaces ns WHERE ns.name = $3))
   AND ($4 IS NULL OR q.name = $4)
   AND ($5 IS NULL OR q.version = $5)
   AND ($6 IS NULL OR strpos(lower(q.name), lower($6)) > 0 OR strpos(lower(q.description), lower($6)) > 0)
   AND (NOT $7 OR q.named_task_uuid = (
            SELECT nt.named_task_uuid
              FROM {schema}.tasker_named_tasks nt
             WHERE nt.task_namespace_uuid = q.task_namespace_uuid AND nt.name = q.name
             ORDER BY {latest_version_first}
             LIMIT 1))

-- name: named_task_query reads many named_task ({named_task_filter}, {page})
SELECT {q.named_task}
  FROM {schema}.tasker_named_tasks q
 WHERE {named_task_matches}
   AND ($8 IS NULL OR CASE $10 WHEN 0 THEN q.named_task_uuid > $8
                               WHEN 1 THEN q.named_task_uuid < $8
                               ELSE (SELECT q.name > a.name OR (q.name = a.name AND q.named_task_uuid < $8)
                                       FROM {schema}.tasker_named_tasks a WHERE a.named_task_uuid = $8) END)
 ORDER BY CASE WHEN $10 = 4 THEN q.name END, CASE WHEN $10 IN (1, 4) THEN q.named_task_uuid END DESC, q.named_task_uuid
 LIMIT $11;

-- name: named_task_count reads one row_count ({named_task_filter}, row_limit int4?)
SELECT count(*) AS row_count
  FROM (SELECT FROM {schema}.tasker_named_tasks q WHERE {named_task_matches} LIMIT $8) c;

-- No row: there is none of that key, or another one has the namespace, name and version; or any version of the name,
-- where tasker-core's constraint allows but one.
-- name: named_task_update writes one named_task (named_task_uuid uuid, task_namespace_uuid uuid?, name text(64)?,
--   version text(16)?, description text(255)?, clear_description bool, configuration jsonb?)
UPDATE {schema}.tasker_named_tasks nt
   SET task_namespace_uuid = coalesce($2, nt.task_namespace_uuid),
       name = coalesce($3, nt.name),
       version = coalesce($4, nt.version),
       description = CASE WHEN NOT $6 THEN coalesce($5, nt.description) END,
       configuration = coalesce($7, nt.configuration),
       updated_at = clock_timestamp() AT TIME ZONE 'UTC'
 WHERE nt.named_task_uuid = $1
   AND NOT EXISTS (SELECT
                     FROM {schema}.tasker_named_tasks o
                    WHERE o.task_namespace_uuid = coalesce($2, nt.task_namespace_uuid)
                      AND o.name = coalesce($3, nt.name)
                      AND (o.version = coalesce($4, nt.version) OR {one_version_of_a_name})
                      AND o.named_task_uuid <> $1)
RETURNING {nt.named_task};

-- name: named_task_delete writes none (named_task_uuid uuid)
DELETE FROM {schema}.tasker_named_tasks nt
 WHERE nt.named_task_uuid = $1;
