-- SPDX-License-Identifier: MIT
-- bench.tasks tasks of four steps, a diamond, that wait for their first claim: of five priorities, created over the last
-- ten hours. Past the triggers and foreign keys, with what they would have written. Indexes of big tables are made
-- behind their rows.
SET session_replication_role = replica;
SET maintenance_work_mem = '512MB';
SET work_mem = '256MB';

INSERT INTO tasker_task_namespaces (name, created_at, updated_at) VALUES ('bench', now(), now());
INSERT INTO tasker_named_tasks (task_namespace_uuid, name, version, created_at, updated_at)
SELECT task_namespace_uuid, 'diamond', '1.0.0', now(), now() FROM tasker_task_namespaces;
INSERT INTO tasker_dependent_systems (name, created_at, updated_at) VALUES ('bench', now(), now());
INSERT INTO tasker_named_steps (dependent_system_uuid, name, created_at, updated_at)
SELECT dependent_system_uuid, n.name, now(), now()
  FROM tasker_dependent_systems CROSS JOIN (VALUES ('a'), ('b'), ('c'), ('d')) n (name);

CREATE TEMP TABLE wanted AS
SELECT i.i, uuid_generate_v7() AS task_uuid, i.i % 5 AS wanted_priority,
       uuid_generate_v7() AS a, uuid_generate_v7() AS b, uuid_generate_v7() AS c, uuid_generate_v7() AS d,
       now() AT TIME ZONE 'UTC' - interval '10 hours' * (1 - i.i / current_setting('bench.tasks')::float8) AS at
  FROM generate_series(1, current_setting('bench.tasks')::integer) i (i);
CREATE TEMP TABLE wanted_steps AS
SELECT w.task_uuid, w.at, s.step_uuid, s.name, s.parents
  FROM wanted w
 CROSS JOIN LATERAL (VALUES (w.a, 'a', 0), (w.b, 'b', 1), (w.c, 'c', 1), (w.d, 'd', 2)) s (step_uuid, name, parents);

-- Those that are no constraints; constraints are kept, and filled in the order of the keys.
CREATE TEMP TABLE later AS
SELECT indexdef, indexname FROM pg_indexes
 WHERE schemaname = current_schema()
   AND tablename IN ('tasker_tasks', 'tasker_workflow_steps', 'tasker_workflow_step_edges',
                     'tasker_workflow_step_transitions', 'tasker_task_transitions', 'tasker_step_readiness',
                     'tasker_task_queue')
   AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conname = indexname
                                                 AND c.connamespace = current_schema()::regnamespace);
DO $$ DECLARE i record; BEGIN FOR i IN SELECT * FROM later LOOP EXECUTE format('DROP INDEX %I', i.indexname); END LOOP; END $$;

INSERT INTO tasker_tasks (task_uuid, named_task_uuid, requested_at, identity_hash, context, priority, created_at,
                          updated_at)
SELECT task_uuid, named_task_uuid, at, 'bench ' || i, jsonb_build_object('n', i), wanted_priority, at, at
  FROM wanted CROSS JOIN tasker_named_tasks;
INSERT INTO tasker_task_transitions (task_uuid, to_state, sort_key, most_recent, created_at, updated_at)
SELECT task_uuid, 'pending', 1, true, at, at FROM wanted;
INSERT INTO tasker_workflow_steps (workflow_step_uuid, task_uuid, named_step_uuid, created_at, updated_at)
SELECT s.step_uuid, s.task_uuid, n.named_step_uuid, s.at, s.at FROM wanted_steps s JOIN tasker_named_steps n USING (name);
INSERT INTO tasker_workflow_step_transitions (workflow_step_uuid, to_state, sort_key, most_recent, created_at, updated_at)
SELECT step_uuid, 'pending', 1, true, at, at FROM wanted_steps;
INSERT INTO tasker_workflow_step_edges (from_step_uuid, to_step_uuid, name, created_at, updated_at)
SELECT e.from_step_uuid, e.to_step_uuid, 'provides', w.at, w.at
  FROM wanted w
 CROSS JOIN LATERAL (VALUES (w.a, w.b), (w.a, w.c), (w.b, w.d), (w.c, w.d)) e (from_step_uuid, to_step_uuid);
INSERT INTO tasker_step_readiness (workflow_step_uuid, task_uuid, remaining_parents, done, startable_at)
SELECT step_uuid, task_uuid, parents, false, '-infinity' FROM wanted_steps;
INSERT INTO tasker_task_queue (task_uuid, named_task_uuid, priority, created_at, failed)
SELECT task_uuid, named_task_uuid, wanted_priority, at, false FROM wanted CROSS JOIN tasker_named_tasks;
INSERT INTO tasker_task_queue_priorities SELECT DISTINCT wanted_priority FROM wanted;

DO $$ DECLARE i record; BEGIN FOR i IN SELECT * FROM later LOOP EXECUTE i.indexdef; END LOOP; END $$;
DROP TABLE wanted, wanted_steps, later;
SET session_replication_role = origin;
