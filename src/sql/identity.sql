-- SPDX-License-Identifier: MIT
-- Creating a task that is the same as others. In a first round its kind is read, which its hash needs. Then, in one
-- flush, the lock of the identity, and the insert, which looks for the task under the same snapshot. The lock is a
-- statement of its own because under READ COMMITTED the next one takes its snapshot after it, and so sees what the
-- holder before has committed. It makes up for a unique index, which cannot know whether a task is open.
--
-- The inserts have twins without an identity, in task.sql and workflow.sql. With both in one statement the plan for any
-- parameters looked dearer than one without an identity, and so the server planned anew at each execution.

-- part: open_task (o: tasker_tasks)
coalesce((SELECT tr.to_state
            FROM {schema}.tasker_task_transitions tr
           WHERE tr.task_uuid = o.task_uuid AND tr.most_recent), 'pending') IN {open}

-- The one of this key, whose creation this is once more, or else the open one of this identity. Keys are made before
-- the wait for the lock, so it is created_at that tells the newest. OFFSET 0: by the index on identity_hash, whatever
-- the statistics say.
-- part: same_task ($1 task_uuid, $13 identity_hash)
coalesce((SELECT k.task_uuid FROM {schema}.tasker_tasks k WHERE k.task_uuid = $1),
         (SELECT o.task_uuid
            FROM (SELECT i.task_uuid, i.created_at
                    FROM {schema}.tasker_tasks i WHERE i.identity_hash = $13 OFFSET 0) o
           WHERE {open_task}
           ORDER BY o.created_at DESC, o.task_uuid DESC
           LIMIT 1))

-- A kind that is not there yet has what it will be registered with ($1).
-- name: task_create__kind reads one task_kind (configuration jsonb?, named_task_uuid uuid?, namespace_name text?,
--   name text?, version text?)
SELECT k.named_task_uuid::uuid AS named_task_uuid,
       (CASE WHEN jsonb_typeof(d.default_context) = 'object' THEN d.default_context END)::jsonb AS default_context,
       (current_setting('transaction_isolation') IN ('read committed', 'read uncommitted'))::bool AS read_committed
  FROM (SELECT $2 AS named_task_uuid, $3 AS namespace_name, $4 AS name, $5 AS version) w
  LEFT JOIN LATERAL (
{kind_of_task}) k ON true
 CROSS JOIN LATERAL (
       SELECT CASE WHEN k.named_task_uuid IS NULL THEN $1 -> 'default_context' ELSE k.default_context END
              AS default_context) d;

-- columns: missing_kind (missing text)
-- Once a kind was not found by its name: which part of it. NULL: none, so it has come since.
-- name: task_create__missing reads one missing_kind (namespace_name text?, name text, version text?)
SELECT CASE WHEN ns.task_namespace_uuid IS NULL THEN 'namespace'
            WHEN NOT EXISTS (SELECT FROM {schema}.tasker_named_tasks nt
                              WHERE nt.task_namespace_uuid = ns.task_namespace_uuid AND nt.name = $2) THEN 'name'
            WHEN NOT EXISTS (SELECT FROM {schema}.tasker_named_tasks nt
                              WHERE nt.task_namespace_uuid = ns.task_namespace_uuid AND nt.name = $2
                                AND nt.version = coalesce($3, nt.version)) THEN 'version' END::text AS missing
  FROM (SELECT) one
  LEFT JOIN {schema}.tasker_task_namespaces ns ON ns.name = coalesce($1, 'default');

-- name: task_create__lock reads none (lock int8)
SELECT
 WHERE pg_catalog.pg_advisory_xact_lock($1) IS NULL;

-- The kind's default context has been laid below the context before.
-- name: task_create__identified writes one task ({new_task}, named_task_uuid uuid)
WITH there AS (
    SELECT {same_task} AS task_uuid
), kind AS (
    SELECT $14 AS named_task_uuid, NULL::jsonb AS default_context
      FROM there
     WHERE there.task_uuid IS NULL
), {task_made}
SELECT {m.task}
  FROM made m
UNION ALL
SELECT {t.task}
  FROM {schema}.tasker_tasks t
 WHERE t.task_uuid = (SELECT there.task_uuid FROM there);

-- part: registered_type ($14 namespace_name, $15 name, $16 version; with these steps: $17 names, $18 systems)
SELECT nt.named_task_uuid, nt.configuration -> 'default_context' AS default_context
  FROM {schema}.tasker_named_tasks nt
  JOIN {schema}.tasker_task_namespaces ns ON ns.task_namespace_uuid = nt.task_namespace_uuid
 WHERE ns.name = $14
   AND nt.name = $15
   AND nt.version = $16
   AND NOT EXISTS (
       SELECT FROM unnest($17::text[], $18::text[]) AS i (name, system)
        WHERE {no_named_step})

-- The same for a workflow, whose type is still the one that has been read.
-- name: workflow_create__identified writes one made_task ({new_task}, namespace_name text, name text, version text,
--   step_names text[], step_systems text[], named_task_uuid uuid)
WITH there AS (
    SELECT {same_task} AS task_uuid
), kind AS (
    SELECT r.named_task_uuid, NULL::jsonb AS default_context
      FROM (
{registered_type}) r
     CROSS JOIN there
     WHERE there.task_uuid IS NULL
       AND r.named_task_uuid = $19
), {task_made}
SELECT true AS made, m.task_uuid::uuid AS task_uuid
  FROM made m
UNION ALL
SELECT false, there.task_uuid
  FROM there
 WHERE there.task_uuid IS NOT NULL;

-- name: task_find_by_identity reads one task (identity_hash text)
SELECT {t.task}
  FROM {schema}.tasker_tasks t
 WHERE t.task_uuid = (SELECT o.task_uuid
                        FROM (SELECT i.task_uuid, i.created_at
                                FROM {schema}.tasker_tasks i WHERE i.identity_hash = $1 OFFSET 0) o
                       ORDER BY ({open_task}) DESC, o.created_at DESC, o.task_uuid DESC
                       LIMIT 1);
