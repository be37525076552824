-- SPDX-License-Identifier: MIT
-- Registering a workflow type. Every statement inserts what is missing, in the order of its natural key, so that several
-- processes registering at once wait for each other instead of deadlocking; the next one sees what any of them made.
-- OFFSET 0: see workflow.sql.
-- Behind a workflow's key that is taken already (unless_task) nothing is registered.

-- name: definition_register__namespace writes none (task_namespace_uuid uuid, name text(64), unless_task uuid?)
INSERT INTO {schema}.tasker_task_namespaces (task_namespace_uuid, name, created_at, updated_at)
SELECT $1, $2, n.now, n.now
  FROM (SELECT clock_timestamp() AT TIME ZONE 'UTC' AS now) n
 WHERE NOT EXISTS (SELECT FROM {schema}.tasker_task_namespaces o WHERE o.name = $2)
   AND (SELECT k.task_uuid FROM {schema}.tasker_tasks k WHERE k.task_uuid = $3) IS NULL
ON CONFLICT (name) DO NOTHING;

-- name: definition_register__systems writes none (dependent_system_uuids uuid[], names text(64)[], unless_task uuid?)
INSERT INTO {schema}.tasker_dependent_systems (dependent_system_uuid, name, created_at, updated_at)
SELECT i.uuid, i.name, n.now, n.now
  FROM unnest($1::uuid[], $2::text[]) AS i (uuid, name)
 CROSS JOIN (SELECT clock_timestamp() AT TIME ZONE 'UTC' AS now) n
 WHERE NOT EXISTS (SELECT FROM {schema}.tasker_dependent_systems o WHERE o.name = i.name)
   AND (SELECT k.task_uuid FROM {schema}.tasker_tasks k WHERE k.task_uuid = $3) IS NULL
 ORDER BY i.name
ON CONFLICT (name) DO NOTHING;

-- part: named_task_if_missing ($1 to $7 as below)
INSERT INTO {schema}.tasker_named_tasks
       (named_task_uuid, task_namespace_uuid, name, version, description, configuration, created_at, updated_at)
SELECT $1, ns.task_namespace_uuid, $3, $4, $5, coalesce($6, '{}'), n.now, n.now
  FROM {schema}.tasker_task_namespaces ns
 CROSS JOIN (SELECT clock_timestamp() AT TIME ZONE 'UTC' AS now) n
 WHERE ns.name = $2
   AND NOT EXISTS (SELECT FROM {schema}.tasker_named_tasks o
                    WHERE o.task_namespace_uuid = ns.task_namespace_uuid AND o.name = $3 AND o.version = $4)
   AND (SELECT k.task_uuid FROM {schema}.tasker_tasks k WHERE k.task_uuid = $7) IS NULL

-- name: definition_register__task writes none (named_task_uuid uuid, namespace_name text, name text(64), version text(16), description text(255)?, configuration jsonb?, unless_task uuid?)
{named_task_if_missing}
ON CONFLICT DO NOTHING;

-- Still missing: tasker-core's constraint allows one version of a name, and it is another one. Then this fails, which takes
-- back the rest. The first statement cannot, because of those who register the same version at the same moment.
-- name: definition_register__version writes none (named_task_uuid uuid, namespace_name text, name text(64), version text(16), description text(255)?, configuration jsonb?, unless_task uuid?)
{named_task_if_missing}
ON CONFLICT (task_namespace_uuid, name, version) DO NOTHING;

-- name: definition_register__steps writes none (named_step_uuids uuid[], names text(128)[], systems text[], descriptions text(255)[], unless_task uuid?)
INSERT INTO {schema}.tasker_named_steps
       (named_step_uuid, dependent_system_uuid, name, description, created_at, updated_at)
SELECT i.uuid, ds.dependent_system_uuid, i.name, i.description, n.now, n.now
  FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[]) AS i (uuid, name, system, description)
  JOIN {schema}.tasker_dependent_systems ds ON ds.name = i.system
 CROSS JOIN (SELECT clock_timestamp() AT TIME ZONE 'UTC' AS now) n
 WHERE NOT EXISTS (SELECT FROM {schema}.tasker_named_steps o
                    WHERE o.dependent_system_uuid = ds.dependent_system_uuid AND o.name = i.name
                   OFFSET 0)
   AND (SELECT k.task_uuid FROM {schema}.tasker_tasks k WHERE k.task_uuid = $5) IS NULL
 ORDER BY ds.dependent_system_uuid, i.name
ON CONFLICT (dependent_system_uuid, name) DO NOTHING;

-- name: definition_register__settings writes none (ntns_uuids uuid[], names text[], systems text[], skippables bool[], retryables bool[], retry_limits int4[], namespace_name text, name text, version text, unless_task uuid?)
INSERT INTO {schema}.tasker_named_tasks_named_steps
       (ntns_uuid, named_task_uuid, named_step_uuid, skippable, default_retryable, default_retry_limit, created_at,
        updated_at)
SELECT i.uuid, nt.named_task_uuid, np.named_step_uuid, i.skippable, i.retryable, i.retry_limit, n.now, n.now
  FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bool[], $5::bool[], $6::int4[])
       AS i (uuid, name, system, skippable, retryable, retry_limit)
  JOIN {schema}.tasker_dependent_systems ds ON ds.name = i.system
 CROSS JOIN LATERAL (
       SELECT np.named_step_uuid
         FROM {schema}.tasker_named_steps np
        WHERE np.dependent_system_uuid = ds.dependent_system_uuid AND np.name = i.name
       OFFSET 0) np
  JOIN {schema}.tasker_task_namespaces ns ON ns.name = $7
  JOIN {schema}.tasker_named_tasks nt
       ON nt.task_namespace_uuid = ns.task_namespace_uuid AND nt.name = $8 AND nt.version = $9
 CROSS JOIN (SELECT clock_timestamp() AT TIME ZONE 'UTC' AS now) n
 WHERE NOT EXISTS (SELECT FROM {schema}.tasker_named_tasks_named_steps o
                    WHERE o.named_task_uuid = nt.named_task_uuid AND o.named_step_uuid = np.named_step_uuid
                   OFFSET 0)
   AND (SELECT k.task_uuid FROM {schema}.tasker_tasks k WHERE k.task_uuid = $10) IS NULL
 ORDER BY np.named_step_uuid
ON CONFLICT (named_task_uuid, named_step_uuid) DO NOTHING;
