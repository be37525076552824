-- SPDX-License-Identifier: MIT
-- What random_rows.h promises, in the transaction that is open, after setseed: 300 tasks, and for each up to seven steps
-- with edges and histories. Frequent are times on which something turns, and equal ones. The database's other rows go.
SET LOCAL client_min_messages = warning;
TRUNCATE tasker_tasks, tasker_named_tasks, tasker_task_namespaces, tasker_named_steps, tasker_dependent_systems CASCADE;
ALTER TABLE tasker_workflow_step_edges DROP CONSTRAINT tasker_workflow_step_edges_from_to_unique;

CREATE FUNCTION pg_temp.key(kind text, number bigint) RETURNS uuid LANGUAGE sql
RETURN md5(concat(kind, number))::uuid;
CREATE FUNCTION pg_temp.one_of(list anyarray) RETURNS anyelement LANGUAGE sql VOLATILE
AS 'SELECT list[1 + floor(random() * cardinality(list))::int]';
CREATE FUNCTION pg_temp.ago(seconds double precision) RETURNS timestamp LANGUAGE sql
RETURN timezone('UTC', now()) - seconds * interval '1 second';
-- Microseconds, for the tests.
CREATE FUNCTION pg_temp.from_now(moment timestamp) RETURNS bigint LANGUAGE sql
RETURN extract(epoch FROM moment - timezone('UTC', now())) * 1000000;
CREATE FUNCTION pg_temp.age() RETURNS double precision LANGUAGE sql VOLATILE
RETURN CASE floor(random() * 6)
            WHEN 0 THEN 60 * floor(random() * 11) -- what turns in ageing
            WHEN 1 THEN 18 * floor(random() * 40) -- halves of hundredths of an hour
            WHEN 2 THEN 600 * random()
            WHEN 3 THEN 0.000001 * floor(random() * 10)
            WHEN 4 THEN 1e6 * random()
            ELSE -100 * random() END;
CREATE FUNCTION pg_temp.wait() RETURNS double precision LANGUAGE sql VOLATILE
RETURN CASE floor(random() * 3)
            WHEN 0 THEN power(2, floor(random() * 5))
            WHEN 1 THEN 40 * random()
            ELSE 30 + 0.000001 * floor(random() * 3 - 1) END;

INSERT INTO tasker_task_namespaces (task_namespace_uuid, name, created_at, updated_at)
SELECT pg_temp.key('namespace', n), 'space ' || n, now(), now() FROM generate_series(0, 2) n;

INSERT INTO tasker_named_tasks (named_task_uuid, task_namespace_uuid, name, version, created_at, updated_at)
SELECT pg_temp.key('job', n), pg_temp.key('namespace', n % 3), 'job ' || n % 2, '1.' || n / 6, now(), now()
  FROM generate_series(0, 11) n;

INSERT INTO tasker_dependent_systems (dependent_system_uuid, name, created_at, updated_at)
VALUES (pg_temp.key('system', 0), 'system', now(), now());

INSERT INTO tasker_named_steps (named_step_uuid, dependent_system_uuid, name, created_at, updated_at)
SELECT pg_temp.key('work', n), pg_temp.key('system', 0), 'work ' || n, now(), now() FROM generate_series(0, 3) n;

INSERT INTO tasker_tasks (task_uuid, named_task_uuid, complete, priority, requested_at, identity_hash,
                          claim_timeout_seconds, claimed_at, claimed_by, created_at, updated_at)
SELECT pg_temp.key('task', n), pg_temp.key('job', n % 12), random() < 0.1,
       pg_temp.one_of('{-3, 0, 0, 1, 2, 3, 4, 5, 9, 2147483647}'::int[]), now(), n,
       10, CASE WHEN n % 3 = 0 THEN pg_temp.ago(pg_temp.one_of('{0, 9, 10, 10.000001, 10.5, 5000, -3}'::float8[])) END,
       CASE WHEN n % 3 = 0 THEN 'somebody' END, pg_temp.ago(pg_temp.age()), now()
  FROM generate_series(1, 300) n;

INSERT INTO tasker_task_transitions (task_uuid, to_state, sort_key, most_recent, created_at, updated_at)
SELECT pg_temp.key('task', n),
       pg_temp.one_of('{pending, in_progress, in_progress, error, complete, cancelled, resolved_manually}'::text[]),
       1, true, now(), now()
  FROM generate_series(1, 300) n
 WHERE random() < 0.7;

INSERT INTO tasker_workflow_steps (workflow_step_uuid, task_uuid, named_step_uuid, retryable, retry_limit, in_process,
                                   processed, attempts, last_attempted_at, backoff_request_seconds, created_at,
                                   updated_at)
SELECT pg_temp.key('step', n), pg_temp.key('task', 1 + n / 7), pg_temp.key('work', n % 4),
       random() < 0.8, pg_temp.one_of('{NULL, 0, 1, 2, 3, 2000}'::int[]), random() < 0.1, random() < 0.1,
       pg_temp.one_of('{NULL, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 44, 1024, 2147483647}'::int[]),
       CASE WHEN n % 2 = 0 THEN pg_temp.ago(pg_temp.wait()) END,
       pg_temp.one_of('{NULL, NULL, 0, 1, 2, 16, 30, 2147483647}'::int[]), pg_temp.ago(pg_temp.age()), now()
  FROM generate_series(0, 300 * 7 - 1) n
 WHERE random() < 0.7;

-- Up to four rows, not always in the order of their times; the last is the current one, or none is.
INSERT INTO tasker_workflow_step_transitions (workflow_step_uuid, to_state, sort_key, most_recent, metadata, created_at,
                                              updated_at)
SELECT s.workflow_step_uuid,
       pg_temp.one_of('{pending, pending, error, error, complete, complete, complete, enqueued, in_progress,
                        cancelled, resolved_manually}'::text[]),
       n, n = s.count AND s.number % 20 <> 0,
       pg_temp.one_of(ARRAY[NULL, '{}', '[]', '{"event": "complete"}', '{"event": "retry"}', '{"event": "reset"}'])::jsonb,
       pg_temp.ago(pg_temp.wait()), now()
  FROM (SELECT o.*, floor(random() * 5)::int AS count
          FROM (SELECT workflow_step_uuid, row_number() OVER (ORDER BY workflow_step_uuid) AS number
                  FROM tasker_workflow_steps) o) s,
       generate_series(1, s.count) n;

-- Some twice.
INSERT INTO tasker_workflow_step_edges (from_step_uuid, to_step_uuid, name, created_at, updated_at)
SELECT p.workflow_step_uuid, c.workflow_step_uuid, 'provides', now(), now()
  FROM tasker_workflow_steps p
  JOIN tasker_workflow_steps c ON c.task_uuid = p.task_uuid AND c.workflow_step_uuid > p.workflow_step_uuid,
       generate_series(0, 1) n
 WHERE random() < 0.1;
