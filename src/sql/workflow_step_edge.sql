-- SPDX-License-Identifier: MIT
-- Statements on tasker_workflow_step_edges.

-- columns: workflow_step_edge (workflow_step_edge_uuid uuid, from_step_uuid uuid, to_step_uuid uuid, name text,
--   created_at timestamp, updated_at timestamp)
-- columns: edge_verdict (foreign_edge bool, duplicate bool, cycle bool, started bool)

-- Would an edge from $1 to $2 close a cycle? Every step that $2 leads to, each once, however many paths there are.
-- part: closes_cycle ($1, $2)
EXISTS (
    WITH RECURSIVE reached (step_uuid) AS (
        SELECT $2
        UNION
        SELECT e.to_step_uuid
          FROM reached r
          JOIN {schema}.tasker_workflow_step_edges e ON e.from_step_uuid = r.step_uuid)
    SELECT FROM reached r WHERE r.step_uuid = $1)

-- Are the steps of two tasks? A step that is not there is left to the foreign key.
-- part: is_foreign_edge ($1, $2)
coalesce((SELECT f.task_uuid FROM {schema}.tasker_workflow_steps f WHERE f.workflow_step_uuid = $1)
         <> (SELECT t.task_uuid FROM {schema}.tasker_workflow_steps t WHERE t.workflow_step_uuid = $2), false)

-- Is $2 past waiting for its parents? A step that is not there is left to the foreign key.
-- part: is_started ($2)
coalesce((SELECT c.to_state
            FROM {schema}.tasker_workflow_step_transitions c
           WHERE c.workflow_step_uuid = $2 AND c.most_recent), 'pending') NOT IN {idle}

-- name: workflow_step_edge_get reads one workflow_step_edge (workflow_step_edge_uuid uuid)
SELECT {e.workflow_step_edge}
  FROM {schema}.tasker_workflow_step_edges e
 WHERE e.workflow_step_edge_uuid = $1;

-- One flush makes an edge: this lock on the task and then the child, so that nobody starts it meanwhile; the insert, with
-- a snapshot that is taken under the lock; the verdict, which has a row only if nothing stands under the key now.
--
-- Who starts a step decides with the snapshot from before it waited for the child's row and does not see the new edge. So
-- the edge changes that row as well: workflow_step_apply and lease_take_steps find its updated_at moved, and do nothing.
-- name: workflow_step_edge_create__lock runs none (from_step_uuid uuid, to_step_uuid uuid)
WITH tasks AS MATERIALIZED (
    SELECT k.task_uuid
      FROM {schema}.tasker_tasks k
     WHERE k.task_uuid = ANY (ARRAY(
               SELECT s.task_uuid FROM {schema}.tasker_workflow_steps s WHERE s.workflow_step_uuid IN ($1, $2)))
     ORDER BY k.task_uuid
       FOR NO KEY UPDATE
)
SELECT
  FROM {schema}.tasker_workflow_steps s
 WHERE (SELECT count(*) FROM tasks) > 0
   AND s.workflow_step_uuid = $2
   FOR NO KEY UPDATE OF s;

-- part: touch_child (made: the new edge)
touched AS (
    UPDATE {schema}.tasker_workflow_steps s
       SET updated_at = greatest(m.created_at, s.updated_at + interval '1 microsecond')
      FROM made m
     WHERE s.workflow_step_uuid = m.to_step_uuid
)

-- What is there is looked for, since tasker-core's tables have no constraint that a conflict would come from.
-- name: workflow_step_edge_create writes one workflow_step_edge (from_step_uuid uuid, to_step_uuid uuid,
--   workflow_step_edge_uuid uuid, name text?)
WITH made AS (
    INSERT INTO {schema}.tasker_workflow_step_edges AS e (workflow_step_edge_uuid, from_step_uuid, to_step_uuid, name,
                                                          created_at, updated_at)
    SELECT $3, $1, $2, coalesce($4, 'provides'), t.now, t.now
      FROM (SELECT clock_timestamp() AT TIME ZONE 'UTC' AS now) t
     WHERE NOT EXISTS (SELECT FROM {schema}.tasker_workflow_step_edges o
                        WHERE o.from_step_uuid = $1 AND o.to_step_uuid = $2)
       AND NOT {is_foreign_edge}
       AND NOT {closes_cycle}
       AND NOT {is_started}
    ON CONFLICT DO NOTHING
    RETURNING e.*
), {touch_child}
SELECT {m.workflow_step_edge}
  FROM made m;

-- name: workflow_step_edge_create__verdict reads one edge_verdict (from_step_uuid uuid, to_step_uuid uuid,
--   workflow_step_edge_uuid uuid)
SELECT {v.edge_verdict}
  FROM (SELECT {is_foreign_edge} AS foreign_edge,
               EXISTS (SELECT FROM {schema}.tasker_workflow_step_edges e
                        WHERE e.from_step_uuid = $1 AND e.to_step_uuid = $2) AS duplicate,
               {closes_cycle} AS cycle,
               {is_started} AS started) v
 WHERE NOT EXISTS (SELECT FROM {schema}.tasker_workflow_step_edges e WHERE e.workflow_step_edge_uuid = $3);

-- name: workflow_step_edge_find_or_create writes one workflow_step_edge (from_step_uuid uuid, to_step_uuid uuid,
--   workflow_step_edge_uuid uuid, name text?)
WITH found AS MATERIALIZED (
    SELECT e.* FROM {schema}.tasker_workflow_step_edges e WHERE e.from_step_uuid = $1 AND e.to_step_uuid = $2
), made AS (
    INSERT INTO {schema}.tasker_workflow_step_edges AS e (workflow_step_edge_uuid, from_step_uuid, to_step_uuid, name,
                                                          created_at, updated_at)
    SELECT $3, $1, $2, coalesce($4, 'provides'), t.now, t.now
      FROM (SELECT clock_timestamp() AT TIME ZONE 'UTC' AS now) t
     WHERE NOT EXISTS (SELECT FROM found)
       AND NOT {is_foreign_edge}
       AND NOT {closes_cycle}
       AND NOT {is_started}
    ON CONFLICT DO NOTHING
    RETURNING e.*
), {touch_child}
SELECT {e.workflow_step_edge}
  FROM (SELECT * FROM found UNION ALL SELECT * FROM made) e;

-- parameters: workflow_step_edge_filter (task_uuid uuid?, from_step_uuid uuid?, to_step_uuid uuid?, name text?,
--   to_children_of uuid?, siblings_of uuid?)
-- part: workflow_step_edge_matches (e: tasker_workflow_step_edges; the parameters above)
{planned_each_time}
   AND ($1 IS NULL OR e.from_step_uuid = ANY (ARRAY(
            SELECT s.workflow_step_uuid FROM {schema}.tasker_workflow_steps s WHERE s.task_uuid = $1)))
   AND ($2 IS NULL OR e.from_step_uuid = $2)
   AND ($3 IS NULL OR e.to_step_uuid = $3)
   AND ($4 IS NULL OR e.name = $4)
   AND ($5 IS NULL OR e.to_step_uuid = ANY (ARRAY(
            SELECT c.to_step_uuid FROM {schema}.tasker_workflow_step_edges c WHERE c.from_step_uuid = $5)))
   AND ($6 IS NULL OR e.to_step_uuid = ANY (ARRAY(
            SELECT c.to_step_uuid
              FROM {schema}.tasker_workflow_step_edges c
             WHERE c.to_step_uuid <> $6
               AND c.to_step_uuid = ANY (ARRAY(
                       SELECT b.to_step_uuid
                         FROM {schema}.tasker_workflow_step_edges p
                         JOIN {schema}.tasker_workflow_step_edges b ON b.from_step_uuid = p.from_step_uuid
                        WHERE p.to_step_uuid = $6))
             GROUP BY c.to_step_uuid
            HAVING array_agg(DISTINCT c.from_step_uuid ORDER BY c.from_step_uuid)
                   = (SELECT array_agg(DISTINCT p.from_step_uuid ORDER BY p.from_step_uuid)
                        FROM {schema}.tasker_workflow_step_edges p WHERE p.to_step_uuid = $6))))

-- name: workflow_step_edge_query reads many workflow_step_edge ({workflow_step_edge_filter}, {page})
SELECT {e.workflow_step_edge}
  FROM {schema}.tasker_workflow_step_edges e
 WHERE {workflow_step_edge_matches}
   AND ($7 IS NULL OR CASE $9 WHEN 0 THEN e.workflow_step_edge_uuid > $7 ELSE e.workflow_step_edge_uuid < $7 END)
 ORDER BY CASE WHEN $9 = 1 THEN e.workflow_step_edge_uuid END DESC, e.workflow_step_edge_uuid
 LIMIT $10;

-- name: workflow_step_edge_count reads one row_count ({workflow_step_edge_filter}, row_limit int4?)
SELECT count(*) AS row_count
  FROM (SELECT FROM {schema}.tasker_workflow_step_edges e WHERE {workflow_step_edge_matches} LIMIT $7) c;

-- name: workflow_step_edge_would_cycle reads one flag (from_step_uuid uuid, to_step_uuid uuid)
SELECT {closes_cycle} AS flag;

-- The task's row is locked first, as by everybody who may make a step runnable that was not: see task_finalize__block.
-- name: workflow_step_edge_delete writes none (workflow_step_edge_uuid uuid)
WITH task AS MATERIALIZED (
    SELECT k.task_uuid
      FROM {schema}.tasker_tasks k
     WHERE k.task_uuid = (SELECT s.task_uuid
                            FROM {schema}.tasker_workflow_step_edges e
                            JOIN {schema}.tasker_workflow_steps s ON s.workflow_step_uuid = e.to_step_uuid
                           WHERE e.workflow_step_edge_uuid = $1)
       FOR NO KEY UPDATE
)
DELETE FROM {schema}.tasker_workflow_step_edges e
 WHERE (SELECT count(*) FROM task) > 0
   AND e.workflow_step_edge_uuid = $1;

-- name: workflow_step_edge_delete_between writes none (from_step_uuid uuid, to_step_uuid uuid)
WITH task AS MATERIALIZED (
    SELECT k.task_uuid
      FROM {schema}.tasker_tasks k
     WHERE k.task_uuid = (SELECT s.task_uuid FROM {schema}.tasker_workflow_steps s WHERE s.workflow_step_uuid = $2)
       FOR NO KEY UPDATE
)
DELETE FROM {schema}.tasker_workflow_step_edges e
 WHERE (SELECT count(*) FROM task) > 0
   AND e.from_step_uuid = $1
   AND e.to_step_uuid = $2;
