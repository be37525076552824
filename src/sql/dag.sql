-- SPDX-License-Identifier: MIT
-- Graphs of tasks, from the base tables alone.
--
-- What is looked up for one step stands in a subquery that is not flattened (OFFSET 0, an aggregate), so that its index
-- is used however many steps the planner expects.

-- columns: step_node (workflow_step_uuid uuid, task_uuid uuid, named_step_uuid uuid, parent_uuid uuid,
--   run_seconds float8)
-- columns: step_relative (workflow_step_uuid uuid, task_uuid uuid, named_step_uuid uuid, step_name text, results jsonb,
--   processed bool, distance int4)

-- The steps of a task by key, and after them the edges into them by parent and child. They are put together by the
-- client: no plan of a join can go wrong then.
-- name: step_node_query reads many step_node (task_uuid uuid?, workflow_step_uuid uuid?)
WITH steps AS MATERIALIZED (
    SELECT s.workflow_step_uuid, s.task_uuid, s.named_step_uuid
      FROM {schema}.tasker_workflow_steps s
     WHERE s.task_uuid = coalesce($1, (SELECT o.task_uuid
                                         FROM {schema}.tasker_workflow_steps o
                                        WHERE o.workflow_step_uuid = $2))
)
SELECT {n.step_node}
  FROM (SELECT s.workflow_step_uuid, s.task_uuid, s.named_step_uuid, NULL::uuid AS parent_uuid,
               NULL::float8 AS run_seconds
          FROM steps s
         UNION ALL
        SELECT e.to_step_uuid, NULL, NULL, e.from_step_uuid, NULL
          FROM {schema}.tasker_workflow_step_edges e
         WHERE e.to_step_uuid = ANY (ARRAY(SELECT s.workflow_step_uuid FROM steps s))) n
 ORDER BY n.parent_uuid NULLS FIRST, n.workflow_step_uuid;

-- The same with run times. What others wrote may be out of order or infinite.
-- name: step_node_list_critical_path reads many step_node (task_uuid uuid)
WITH steps AS MATERIALIZED (
    SELECT s.workflow_step_uuid, s.task_uuid, s.named_step_uuid
      FROM {schema}.tasker_workflow_steps s
     WHERE s.task_uuid = $1
)
SELECT {n.step_node}
  FROM (SELECT s.workflow_step_uuid, s.task_uuid, s.named_step_uuid, NULL::uuid AS parent_uuid,
               CASE WHEN isfinite(h.began) AND isfinite(h.ended)
                    THEN greatest(extract(epoch FROM h.ended) - extract(epoch FROM h.began), 0) END AS run_seconds
          FROM steps s
         CROSS JOIN LATERAL (
               SELECT min(h.created_at) FILTER (WHERE h.to_state = 'in_progress') AS began,
                      max(h.created_at) FILTER (WHERE h.most_recent AND h.to_state IN {done})
                          AS ended
                 FROM {schema}.tasker_workflow_step_transitions h
                WHERE h.workflow_step_uuid = s.workflow_step_uuid) h
         UNION ALL
        SELECT e.to_step_uuid, NULL, NULL, e.from_step_uuid, NULL
          FROM {schema}.tasker_workflow_step_edges e
         WHERE e.to_step_uuid = ANY (ARRAY(SELECT s.workflow_step_uuid FROM steps s))) n
 ORDER BY n.parent_uuid NULLS FIRST, n.workflow_step_uuid;

-- Walking: each step once, at its smallest distance, with no path kept. Where it goes on is an array, which the planner
-- takes for ten rows, whatever it knows of the edges: no room is made for millions. UNION drops a row that equals an
-- earlier one, and rows come by distance; so what tells the distance must be equal for all distances. An interval is: n
-- months less n times 30 days equals none, since a month counts as 30 days where intervals are compared, and the days
-- tell n.

-- part: next_distance (w: walked)
w.distance + make_interval(months => 1, days => -30)

-- part: may_go_on (w: walked; $2: how far, 0: without end)
($2 = 0 OR extract(day FROM w.distance) / -30 < $2)

-- part: relatives (walked, from any number of roots; $3: only what is done, with results; $4: no results)
(SELECT w.root_uuid, s.workflow_step_uuid, s.task_uuid, s.named_step_uuid,
        (SELECT np.name FROM {schema}.tasker_named_steps np WHERE np.named_step_uuid = s.named_step_uuid) AS step_name,
        CASE WHEN NOT $4 THEN s.results END AS results, s.processed,
        extract(day FROM w.distance) / -30 AS distance
   FROM walked w
  CROSS JOIN LATERAL (
        SELECT s.workflow_step_uuid, s.task_uuid, s.named_step_uuid, s.results, s.processed
          FROM {schema}.tasker_workflow_steps s
         WHERE s.workflow_step_uuid = w.step_uuid
        OFFSET 0) s
  WHERE w.step_uuid <> w.root_uuid
    AND (NOT $3 OR (s.results IS NOT NULL
                    AND (SELECT t.to_state
                           FROM {schema}.tasker_workflow_step_transitions t
                          WHERE t.workflow_step_uuid = w.step_uuid AND t.most_recent)
                        IN {done})))

-- part: one_up (walked)
SELECT w.root_uuid, n.step_uuid, {next_distance}
      FROM walked w
     CROSS JOIN LATERAL unnest(ARRAY(
           SELECT e.from_step_uuid
             FROM {schema}.tasker_workflow_step_edges e
            WHERE e.to_step_uuid = w.step_uuid)) n (step_uuid)
     WHERE {may_go_on}

-- name: step_relative_list_ancestors reads many step_relative (workflow_step_uuid uuid, max_distance int4,
--   completed bool, without_results bool)
WITH RECURSIVE walked (root_uuid, step_uuid, distance) AS (
    SELECT $1, $1, make_interval()
    UNION
    {one_up}
)
SELECT {r.step_relative}
  FROM {relatives} r
 ORDER BY r.distance, r.workflow_step_uuid;

-- name: step_relative_list_descendants reads many step_relative (workflow_step_uuid uuid, max_distance int4,
--   completed bool, without_results bool)
WITH RECURSIVE walked (root_uuid, step_uuid, distance) AS (
    SELECT $1, $1, make_interval()
    UNION
    SELECT w.root_uuid, n.step_uuid, {next_distance}
      FROM walked w
     CROSS JOIN LATERAL unnest(ARRAY(
           SELECT e.to_step_uuid
             FROM {schema}.tasker_workflow_step_edges e
            WHERE e.from_step_uuid = w.step_uuid)) n (step_uuid)
     WHERE {may_go_on}
)
SELECT {r.step_relative}
  FROM {relatives} r
 ORDER BY r.distance, r.workflow_step_uuid;
