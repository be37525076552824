-- SPDX-License-Identifier: MIT
-- What test_plans asks questions of: 1e5 tasks of 50 kinds, of which 95 in 100 are complete and one in 100 is in error;
-- for each a step, the histories of both, an annotation, and an edge to the next step. Without triggers, for speed: only
-- plans are looked at.
SET session_replication_role = replica;

INSERT INTO tasker_task_namespaces (task_namespace_uuid, name, created_at, updated_at)
SELECT uuid_generate_v7(), 'space ' || i, now(), now() FROM generate_series(1, 5) i;

INSERT INTO tasker_named_tasks (named_task_uuid, task_namespace_uuid, name, version, created_at, updated_at)
SELECT uuid_generate_v7(), n.task_namespace_uuid, 'kind ' || i, '1.0.0', now(), now()
  FROM tasker_task_namespaces n, generate_series(1, 10) i;

INSERT INTO tasker_dependent_systems (dependent_system_uuid, name, created_at, updated_at)
SELECT uuid_generate_v7(), 'system ' || i, now(), now() FROM generate_series(1, 5) i;

INSERT INTO tasker_named_steps (named_step_uuid, dependent_system_uuid, name, created_at, updated_at)
SELECT uuid_generate_v7(), d.dependent_system_uuid, 'step ' || i, now(), now()
  FROM tasker_dependent_systems d, generate_series(1, 2000) i;

INSERT INTO tasker_named_tasks_named_steps (named_task_uuid, named_step_uuid, created_at, updated_at)
SELECT k.named_task_uuid, s.named_step_uuid, now(), now()
  FROM tasker_named_tasks k
  JOIN (SELECT named_step_uuid, row_number() OVER () AS n FROM tasker_named_steps) s ON true
 WHERE s.n % 40 = hashtext(k.named_task_uuid::text) & 31;

INSERT INTO tasker_annotation_types (name, created_at, updated_at)
SELECT 'type ' || i, now(), now() FROM generate_series(1, 200) i;

CREATE TEMP TABLE wanted AS
WITH kinds AS (SELECT array_agg(named_task_uuid) AS keys FROM tasker_named_tasks),
     steps AS (SELECT array_agg(named_step_uuid) AS keys FROM tasker_named_steps)
SELECT i, uuid_generate_v7() AS task_uuid, uuid_generate_v7() AS workflow_step_uuid,
       kinds.keys[1 + i % 50] AS named_task_uuid, steps.keys[1 + i % 10000] AS named_step_uuid,
       CASE WHEN i % 100 < 95 THEN 'complete' WHEN i % 100 = 95 THEN 'error' ELSE 'pending' END AS state,
       timestamp '2025-01-01' + i * interval '1 s' AS at
  FROM generate_series(1, 100000) i, kinds, steps;

INSERT INTO tasker_tasks (task_uuid, named_task_uuid, complete, completed_at, requested_at, identity_hash, reference_id,
                          initiator, context, tags, created_at, updated_at)
SELECT task_uuid, named_task_uuid, state = 'complete', CASE WHEN state = 'complete' THEN at END, at, 'identity ' || i,
       'reference ' || i, 'initiator ' || i % 10, jsonb_build_object('n', i), '["t"]', at, at
  FROM wanted;

INSERT INTO tasker_task_transitions (task_uuid, to_state, from_state, sort_key, most_recent, created_at, updated_at)
SELECT task_uuid, 'pending', NULL, 1, state = 'pending', at, at FROM wanted
UNION ALL
SELECT task_uuid, state, 'pending', 2, true, at, at FROM wanted WHERE state <> 'pending';

INSERT INTO tasker_workflow_steps (workflow_step_uuid, task_uuid, named_step_uuid, attempts, processed, processed_at,
                                   results, last_attempted_at, created_at, updated_at)
SELECT workflow_step_uuid, task_uuid, named_step_uuid, 1, state = 'complete', CASE WHEN state = 'complete' THEN at END,
       CASE WHEN state = 'complete' THEN jsonb '{}' END, at, at, at
  FROM wanted;

INSERT INTO tasker_workflow_step_transitions (workflow_step_uuid, to_state, from_state, sort_key, most_recent, metadata,
                                              created_at, updated_at)
SELECT workflow_step_uuid, 'pending', NULL, 1, state = 'pending', '{}'::jsonb, at, at FROM wanted
UNION ALL
SELECT workflow_step_uuid, state, 'pending', 2, true, '{"attempt_number": 1}', at, at FROM wanted WHERE state <> 'pending';

INSERT INTO tasker_workflow_step_edges (from_step_uuid, to_step_uuid, name, created_at, updated_at)
SELECT a.workflow_step_uuid, b.workflow_step_uuid, 'provides', now(), now()
  FROM wanted a JOIN wanted b ON b.i = a.i + 1;

INSERT INTO tasker_task_annotations (task_uuid, annotation_type_id, annotation, created_at, updated_at)
SELECT w.task_uuid, y.annotation_type_id, jsonb_build_object('k', w.i), now(), now()
  FROM wanted w JOIN tasker_annotation_types y ON y.name = 'type ' || 1 + w.i % 200;

INSERT INTO tasker_dependent_system_object_maps (dependent_system_one_uuid, dependent_system_two_uuid, remote_id_one,
                                                 remote_id_two, created_at, updated_at)
SELECT d.keys[1 + w.i % 5], d.keys[1 + (w.i + 1) % 5], 'one ' || w.i, 'two ' || w.i, now(), now()
  FROM wanted w, (SELECT array_agg(dependent_system_uuid) AS keys FROM tasker_dependent_systems) d;

ANALYZE;
