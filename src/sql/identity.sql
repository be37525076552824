-- SPDX-License-Identifier: MIT
-- Creating a task that is the same as others. In a first round its kind is read, which its hash needs. Then, in one
-- flush, the lock of the identity and task_create or workflow_create, which look for the task under one snapshot with
-- their insert. The lock is a statement of its own because under READ COMMITTED the next one takes its snapshot after
-- it, and so sees what the holder before has committed. It makes up for a unique index, which cannot know whether a task
-- is open.
--
-- Keys are made before the wait for the lock, so it is created_at that tells which task is the newest.
-- OFFSET 0: whatever the statistics say, by the index on identity_hash.

-- A kind that is not there yet has what it will be registered with ($1).
-- name: task_create__kind reads one task_kind (configuration jsonb?, named_task_uuid uuid?, namespace_name text?,
--   name text?, version text?)
WITH kind AS (
{kind_of_new_task}
)
SELECT k.named_task_uuid::uuid AS named_task_uuid,
       (CASE WHEN jsonb_typeof(d.default_context) = 'object' THEN d.default_context END)::jsonb AS default_context,
       (current_setting('transaction_isolation') = 'read committed')::bool AS read_committed
  FROM (VALUES (1)) AS always (one)
  LEFT JOIN kind k ON true
 CROSS JOIN LATERAL (
       SELECT CASE WHEN k.named_task_uuid IS NULL THEN $1 -> 'default_context' ELSE k.default_context END
              AS default_context) d;

-- name: task_create__lock reads none (lock int8)
SELECT
 WHERE pg_catalog.pg_advisory_xact_lock($1) IS NULL;

-- name: task_find_by_identity reads one task (identity_hash text)
SELECT {t.task}
  FROM {schema}.tasker_tasks t
 WHERE t.task_uuid = (SELECT o.task_uuid
                        FROM (SELECT i.task_uuid, i.created_at
                                FROM {schema}.tasker_tasks i WHERE i.identity_hash = $1 OFFSET 0) o
                       ORDER BY ({open_task}) DESC, o.created_at DESC, o.task_uuid DESC
                       LIMIT 1);
