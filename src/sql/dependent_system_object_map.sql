-- SPDX-License-Identifier: MIT
-- Statements on tasker_dependent_system_object_maps. The server numbers the rows. Our schema allows each map once, that of
-- tasker-core any number of times; the statements keep to once, and work on both.

-- columns: dependent_system_object_map (dependent_system_object_map_id int8, dependent_system_one_uuid uuid,
--   dependent_system_two_uuid uuid, remote_id_one text, remote_id_two text, created_at timestamp, updated_at timestamp,
--   system_one_name text, system_two_name text)
-- columns: object_map_pair (dependent_system_one_uuid uuid, dependent_system_two_uuid uuid, system_one_name text,
--   system_two_name text, maps int8)

-- part: object_map_with_names (om: rows of the table; m: the same with the systems' names)
CROSS JOIN LATERAL (
    SELECT om.*,
           (SELECT s.name FROM {schema}.tasker_dependent_systems s
             WHERE s.dependent_system_uuid = om.dependent_system_one_uuid) AS system_one_name,
           (SELECT s.name FROM {schema}.tasker_dependent_systems s
             WHERE s.dependent_system_uuid = om.dependent_system_two_uuid) AS system_two_name) m

-- name: dependent_system_object_map_get reads one dependent_system_object_map (dependent_system_object_map_id int8)
SELECT {m.dependent_system_object_map}
  FROM {schema}.tasker_dependent_system_object_maps om {object_map_with_names}
 WHERE om.dependent_system_object_map_id = $1;

-- Who makes a map first waits, in a statement of its own in the same flush, until nobody else makes the same one: the
-- next statement's snapshot is newer than the wait, and sees what the other has made.
-- name: dependent_system_object_map_create__lock runs none (dependent_system_one_uuid uuid, dependent_system_two_uuid uuid,
--   remote_id_one text(128), remote_id_two text(128))
SELECT
  FROM pg_catalog.pg_advisory_xact_lock(
           hashtextextended(jsonb_build_array('tasker_dependent_system_object_maps', $1, $2, $3, $4)::text, 0));

-- The systems are joined so that a row without names is never made. A conflict is with one who does not lock.
-- part: object_map_found_or_made ($1 to $4: the map)
found AS MATERIALIZED (
    SELECT om.*
      FROM {schema}.tasker_dependent_system_object_maps om
     WHERE om.dependent_system_one_uuid = $1 AND om.dependent_system_two_uuid = $2
       AND om.remote_id_one = $3 AND om.remote_id_two = $4
     ORDER BY om.dependent_system_object_map_id
     LIMIT 1
), made AS (
    INSERT INTO {schema}.tasker_dependent_system_object_maps (dependent_system_one_uuid, dependent_system_two_uuid,
                                                              remote_id_one, remote_id_two, created_at, updated_at)
    SELECT one.dependent_system_uuid, two.dependent_system_uuid, $3, $4, t.now, t.now
      FROM {schema}.tasker_dependent_systems one, {schema}.tasker_dependent_systems two,
           (SELECT clock_timestamp() AT TIME ZONE 'UTC' AS now) t
     WHERE one.dependent_system_uuid = $1 AND two.dependent_system_uuid = $2
       AND NOT EXISTS (SELECT FROM found)
    ON CONFLICT DO NOTHING
    RETURNING *
)

-- name: dependent_system_object_map_create writes one dependent_system_object_map (dependent_system_one_uuid uuid,
--   dependent_system_two_uuid uuid, remote_id_one text(128), remote_id_two text(128))
WITH {object_map_found_or_made}
SELECT {m.dependent_system_object_map}
  FROM made om {object_map_with_names};

-- name: dependent_system_object_map_find_or_create writes one dependent_system_object_map (dependent_system_one_uuid uuid,
--   dependent_system_two_uuid uuid, remote_id_one text(128), remote_id_two text(128))
WITH {object_map_found_or_made}
SELECT {m.dependent_system_object_map}
  FROM (SELECT * FROM found UNION ALL SELECT * FROM made) om {object_map_with_names};

-- parameters: object_map_filter (dependent_system_one_uuid uuid?, dependent_system_two_uuid uuid?, either_system uuid?,
--   remote_id_one text?, remote_id_two text?, either_remote_id text?)
-- part: object_map_matches (om: tasker_dependent_system_object_maps; the parameters above)
{planned_each_time}
   AND ($1 IS NULL OR om.dependent_system_one_uuid = $1)
   AND ($2 IS NULL OR om.dependent_system_two_uuid = $2)
   AND ($3 IS NULL OR om.dependent_system_one_uuid = $3 OR om.dependent_system_two_uuid = $3)
   AND ($4 IS NULL OR om.remote_id_one = $4)
   AND ($5 IS NULL OR om.remote_id_two = $5)
   AND ($6 IS NULL OR om.remote_id_one = $6 OR om.remote_id_two = $6)

-- name: dependent_system_object_map_query reads many dependent_system_object_map ({object_map_filter}, {page})
SELECT {m.dependent_system_object_map}
  FROM {schema}.tasker_dependent_system_object_maps om {object_map_with_names}
 WHERE {object_map_matches}
   AND ($8 IS NULL OR CASE $9 WHEN 0 THEN om.dependent_system_object_map_id > $8
                              ELSE om.dependent_system_object_map_id < $8 END)
 ORDER BY CASE WHEN $9 = 1 THEN om.dependent_system_object_map_id END DESC, om.dependent_system_object_map_id
 LIMIT $10;

-- name: dependent_system_object_map_count reads one row_count ({object_map_filter}, row_limit int4?)
SELECT count(*) AS row_count
  FROM (SELECT FROM {schema}.tasker_dependent_system_object_maps om WHERE {object_map_matches} LIMIT $7) c;

-- name: dependent_system_object_map_list_pairs reads many object_map_pair ()
SELECT {p.object_map_pair}
  FROM (SELECT om.dependent_system_one_uuid, om.dependent_system_two_uuid, one.name AS system_one_name,
               two.name AS system_two_name, om.maps
          FROM (SELECT g.dependent_system_one_uuid, g.dependent_system_two_uuid, count(*) AS maps
                  FROM {schema}.tasker_dependent_system_object_maps g
                 GROUP BY g.dependent_system_one_uuid, g.dependent_system_two_uuid) om
          JOIN {schema}.tasker_dependent_systems one ON one.dependent_system_uuid = om.dependent_system_one_uuid
          JOIN {schema}.tasker_dependent_systems two ON two.dependent_system_uuid = om.dependent_system_two_uuid) p
 ORDER BY p.maps DESC, p.system_one_name, p.system_two_name;

-- No row: there is none of that number, or another one is the same map.
-- name: dependent_system_object_map_update writes one dependent_system_object_map (dependent_system_object_map_id int8,
--   dependent_system_one_uuid uuid?, dependent_system_two_uuid uuid?, remote_id_one text(128)?, remote_id_two text(128)?)
WITH changed AS (
    UPDATE {schema}.tasker_dependent_system_object_maps om
       SET dependent_system_one_uuid = coalesce($2, om.dependent_system_one_uuid),
           dependent_system_two_uuid = coalesce($3, om.dependent_system_two_uuid),
           remote_id_one = coalesce($4, om.remote_id_one),
           remote_id_two = coalesce($5, om.remote_id_two),
           updated_at = clock_timestamp() AT TIME ZONE 'UTC'
     WHERE om.dependent_system_object_map_id = $1
       AND NOT EXISTS (
           SELECT
             FROM {schema}.tasker_dependent_system_object_maps o
            WHERE o.dependent_system_one_uuid = coalesce($2, om.dependent_system_one_uuid)
              AND o.dependent_system_two_uuid = coalesce($3, om.dependent_system_two_uuid)
              AND o.remote_id_one = coalesce($4, om.remote_id_one)
              AND o.remote_id_two = coalesce($5, om.remote_id_two)
              AND o.dependent_system_object_map_id <> $1)
    RETURNING om.*
)
SELECT {m.dependent_system_object_map}
  FROM changed om {object_map_with_names};

-- name: dependent_system_object_map_delete writes none (dependent_system_object_map_id int8)
DELETE FROM {schema}.tasker_dependent_system_object_maps om
 WHERE om.dependent_system_object_map_id = $1;
