-- SPDX-License-Identifier: MIT
-- Creating whole workflows. The statements travel in one flush. The first inserts the task and the first row of its
-- history, or does nothing: because the task is there already (a resend, or one of this identity) or because its type
-- is not registered. All others are gated by that row, whose key only this very try has, so they do nothing then,
-- either.

-- Names are given when they may be missing.
-- name: workflow_create writes one made_task ({new_task}, namespace_name text, name text, version text,
--   step_names text[], step_systems text[])
WITH kind AS (
{registered_type}
), {task_made}
SELECT true AS made, m.task_uuid::uuid AS task_uuid
  FROM made m;

-- part: steps_made (input: steps of tasks, with their names found and the time)
steps AS (
    INSERT INTO {schema}.tasker_workflow_steps
           (workflow_step_uuid, task_uuid, named_step_uuid, retryable, retry_limit, in_process, processed, inputs,
            skippable, created_at, updated_at)
    SELECT i.step_uuid, i.task_uuid, i.named_step_uuid, i.retryable, i.retry_limit, false, false, i.inputs, i.skippable,
           i.now, i.now
      FROM input i
     ORDER BY i.step_uuid
)
INSERT INTO {schema}.tasker_workflow_step_transitions
       (workflow_step_transition_uuid, workflow_step_uuid, to_state, sort_key, most_recent, created_at, updated_at)
SELECT i.transition_uuid, i.step_uuid, 'pending', 1, true, i.now, i.now
  FROM input i
 ORDER BY i.step_uuid

-- part: step_named (ds: a system; i: name)
LEFT JOIN LATERAL (
       SELECT np.named_step_uuid
         FROM {schema}.tasker_named_steps np
        WHERE np.dependent_system_uuid = ds.dependent_system_uuid AND np.name = i.name
       OFFSET 0) np ON true

-- A name that has gone since it was looked for is NULL and refuses the whole.
-- name: workflow_create__steps writes none (task_uuid uuid, transition_uuid uuid, step_uuids uuid[], transition_uuids uuid[], names text[], systems text[], retryables bool[], skippables bool[], retry_limits int4[], inputs jsonb[])
WITH input AS MATERIALIZED (
    SELECT i.*, $1 AS task_uuid, np.named_step_uuid, made.created_at AS now
      FROM unnest($3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::bool[], $8::bool[], $9::int4[], $10::jsonb[])
           AS i (step_uuid, transition_uuid, name, system, retryable, skippable, retry_limit, inputs)
      JOIN {schema}.tasker_task_transitions made ON made.task_transition_uuid = $2 AND made.task_uuid = $1
      LEFT JOIN {schema}.tasker_dependent_systems ds ON ds.name = i.system
      {step_named}
), {steps_made};

-- name: workflow_create__edges writes none (task_uuid uuid, transition_uuid uuid, edge_uuids uuid[], from_uuids uuid[], to_uuids uuid[], names text[])
INSERT INTO {schema}.tasker_workflow_step_edges
       (workflow_step_edge_uuid, from_step_uuid, to_step_uuid, name, created_at, updated_at)
SELECT i.edge_uuid, i.from_uuid, i.to_uuid, i.name, made.created_at, made.created_at
  FROM unnest($3::uuid[], $4::uuid[], $5::uuid[], $6::text[]) AS i (edge_uuid, from_uuid, to_uuid, name)
  JOIN {schema}.tasker_task_transitions made ON made.task_transition_uuid = $2 AND made.task_uuid = $1;

-- As workflow_step_apply__followed, unless others have triggers, which may change what is created.
-- name: workflow_create__followed runs none (schema_name text)
SELECT
  FROM set_config('tasker.followed', CASE WHEN EXISTS (
           SELECT FROM pg_catalog.pg_trigger t
            WHERE t.tgrelid = ANY (ARRAY(
                      SELECT to_regclass(format('%I.%I', $1, w.name))::oid
                        FROM unnest(ARRAY['tasker_tasks', 'tasker_task_transitions', 'tasker_workflow_steps',
                                          'tasker_workflow_step_transitions', 'tasker_workflow_step_edges']) AS w (name)))
              AND NOT t.tgisinternal
              AND NOT starts_with(t.tgname::text, 'tasker_')) THEN 'off' ELSE 'on' END, true);

-- Pending steps, none of which has been tried.
-- name: workflow_create__readiness writes none (task_uuid uuid, transition_uuid uuid, task_uuids uuid[],
--   step_uuids uuid[], remaining_parents int4[])
INSERT INTO {schema}.tasker_step_readiness (workflow_step_uuid, task_uuid, remaining_parents, done, startable_at)
SELECT i.step_uuid, i.task_uuid, i.remaining_parents, false, '-infinity'
  FROM unnest($3::uuid[], $4::uuid[], $5::int4[]) AS i (task_uuid, step_uuid, remaining_parents)
  JOIN {schema}.tasker_task_transitions made ON made.task_transition_uuid = $2 AND made.task_uuid = $1
 WHERE current_setting('tasker.followed') = 'on'
 ORDER BY i.step_uuid;

-- name: workflow_create__follow runs none (task_uuids uuid[])
SELECT FROM {schema}.tasker_ready_set_follow_new_tasks($1), set_config('tasker.followed', 'off', true);

-- The steps of a task that was there already; a task without steps is one row without key.
-- name: workflow_create__found reads many found_step (task_uuid uuid, namespace_name text, name text, version text)
SELECT tn.name = $2 AND nt.name = $3 AND nt.version = $4 AS same_type,
       s.workflow_step_uuid AS workflow_step_uuid, np.name::text AS name, ds.name::text AS system
  FROM {schema}.tasker_tasks k
  JOIN {schema}.tasker_named_tasks nt ON nt.named_task_uuid = k.named_task_uuid
  JOIN {schema}.tasker_task_namespaces tn ON tn.task_namespace_uuid = nt.task_namespace_uuid
  LEFT JOIN {schema}.tasker_workflow_steps s ON s.task_uuid = k.task_uuid
  LEFT JOIN {schema}.tasker_named_steps np ON np.named_step_uuid = s.named_step_uuid
  LEFT JOIN {schema}.tasker_dependent_systems ds ON ds.dependent_system_uuid = np.dependent_system_uuid
 WHERE k.task_uuid = $1
 ORDER BY s.workflow_step_uuid;

-- name: workflow_create__missing reads many missing_step (namespace_name text, name text, version text, step_names text[], step_systems text[])
SELECT EXISTS (SELECT FROM {schema}.tasker_named_tasks nt
                 JOIN {schema}.tasker_task_namespaces ns ON ns.task_namespace_uuid = nt.task_namespace_uuid
                WHERE ns.name = $1 AND nt.name = $2 AND nt.version = $3) AS task_registered,
       (SELECT min(i.n) - 1
          FROM unnest($4::text[], $5::text[]) WITH ORDINALITY AS i (name, system, n)
         WHERE {no_named_step})::int8 AS first_missing;

-- name: workflow_load reads one task_details (task_uuid uuid)
SELECT {t.task}, {d.task_details}
  FROM {schema}.tasker_tasks t
 {task_with_details}
 WHERE t.task_uuid = $1;

-- name: workflow_load__steps reads many workflow_step_details (task_uuid uuid)
SELECT {s.workflow_step}, {d.workflow_step_details}
  FROM {schema}.tasker_workflow_steps s
 {workflow_step_with_details}
 WHERE s.task_uuid = $1
 ORDER BY s.workflow_step_uuid;

-- name: workflow_load__edges reads many workflow_step_edge (task_uuid uuid)
SELECT {e.workflow_step_edge}
  FROM {schema}.tasker_workflow_steps s
  JOIN {schema}.tasker_workflow_step_edges e ON e.from_step_uuid = s.workflow_step_uuid
 WHERE s.task_uuid = $1
 ORDER BY e.workflow_step_edge_uuid;
