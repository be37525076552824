-- SPDX-License-Identifier: MIT
-- Tasks number load.first to load.last, called load.called, of load.steps steps each, as they lie in a database that
-- has run for a while: the first step leads to all between, these lead to the last one. In ten tasks nine are complete;
-- of the tenth the first half of the steps is, the next step is in error, the others never began. Without triggers and
-- looking up of foreign keys, for speed; what keeps ready work does not see them. Tables are found on the search path.
SET session_replication_role = replica;

INSERT INTO tasker_task_namespaces (name, created_at, updated_at)
SELECT 'load', now(), now()
    ON CONFLICT DO NOTHING;

INSERT INTO tasker_named_tasks (task_namespace_uuid, name, version, created_at, updated_at)
SELECT n.task_namespace_uuid, 'kind ' || i, '1.0.0', now(), now()
  FROM tasker_task_namespaces n, generate_series(0, 9) i
 WHERE n.name = 'load'
    ON CONFLICT DO NOTHING;

INSERT INTO tasker_dependent_systems (name, created_at, updated_at)
SELECT 'load', now(), now()
    ON CONFLICT DO NOTHING;

INSERT INTO tasker_named_steps (dependent_system_uuid, name, created_at, updated_at)
SELECT d.dependent_system_uuid, 'step ' || i, now(), now()
  FROM tasker_dependent_systems d, generate_series(1, current_setting('load.steps')::int) i
 WHERE d.name = 'load'
    ON CONFLICT DO NOTHING;

DROP TABLE IF EXISTS wanted_tasks, wanted;

CREATE TEMP TABLE wanted_tasks AS
SELECT i, uuid_generate_v7() AS task_uuid, timestamp '2025-01-01' + i * interval '1 s' AS at
  FROM generate_series(current_setting('load.first')::int, current_setting('load.last')::int) i;

CREATE TEMP TABLE wanted AS
SELECT k.i, k.task_uuid, k.at, s.n, s.steps, uuid_generate_v7() AS step_uuid, s.named_step_uuid,
       CASE WHEN k.i % 10 <> 0 OR s.n <= s.steps / 2 THEN 'complete'
            WHEN s.n = s.steps / 2 + 1 THEN 'error'
            ELSE 'pending' END AS state
  FROM wanted_tasks k,
       (SELECT i AS n, current_setting('load.steps')::int AS steps, ns.named_step_uuid
          FROM generate_series(1, current_setting('load.steps')::int) i
          JOIN tasker_named_steps ns ON ns.name = 'step ' || i) s
 ORDER BY k.i, s.n;

INSERT INTO tasker_tasks (task_uuid, named_task_uuid, complete, completed_at, requested_at, identity_hash, initiator,
                          created_at, updated_at)
SELECT k.task_uuid, nt.named_task_uuid, k.i % 10 <> 0, CASE WHEN k.i % 10 <> 0 THEN k.at END, k.at, k.task_uuid,
       current_setting('load.called'), k.at, k.at
  FROM wanted_tasks k
  JOIN tasker_named_tasks nt ON nt.name = 'kind ' || k.i % 10
 ORDER BY k.i;

INSERT INTO tasker_task_transitions (task_uuid, to_state, from_state, sort_key, most_recent, created_at, updated_at)
SELECT k.task_uuid, h.to_state, h.from_state, h.n, h.n = CASE WHEN k.i % 10 = 0 THEN 2 ELSE 3 END, k.at, k.at
  FROM wanted_tasks k,
       (VALUES (1, NULL, 'pending'), (2, 'pending', 'in_progress'), (3, 'in_progress', 'complete'))
           h (n, from_state, to_state)
 WHERE h.n < 3 OR k.i % 10 <> 0
 ORDER BY k.i, h.n;

INSERT INTO tasker_workflow_steps (workflow_step_uuid, task_uuid, named_step_uuid, attempts, processed, processed_at,
                                   results, last_attempted_at, created_at, updated_at)
SELECT w.step_uuid, w.task_uuid, w.named_step_uuid, CASE WHEN w.state = 'pending' THEN 0 ELSE 1 END,
       w.state = 'complete', CASE WHEN w.state = 'complete' THEN w.at END,
       CASE WHEN w.state = 'complete' THEN jsonb '{"amount": 12.5}' END, CASE WHEN w.state <> 'pending' THEN w.at END,
       w.at, w.at
  FROM wanted w
 ORDER BY w.i, w.n;

INSERT INTO tasker_workflow_step_transitions (workflow_step_uuid, to_state, from_state, sort_key, most_recent,
                                              created_at, updated_at)
SELECT w.step_uuid, coalesce(h.to_state, w.state), h.from_state, h.n, w.state = coalesce(h.to_state, w.state), w.at,
       w.at
  FROM wanted w,
       (VALUES (1, NULL, 'pending'), (2, 'pending', 'enqueued'), (3, 'enqueued', 'in_progress'),
               (4, 'in_progress', NULL)) h (n, from_state, to_state)
 WHERE h.n = 1 OR w.state <> 'pending'
 ORDER BY w.i, w.n, h.n;

INSERT INTO tasker_workflow_step_edges (from_step_uuid, to_step_uuid, name, created_at, updated_at)
SELECT p.step_uuid, c.step_uuid, 'provides', c.at, c.at
  FROM wanted p
  JOIN wanted c ON c.i = p.i AND c.n > p.n AND (p.n = 1) <> (c.n = c.steps)
 ORDER BY c.i, c.n;

RESET session_replication_role;
