-- SPDX-License-Identifier: MIT
-- columns: state_written (task_uuid uuid, workflow_step_uuid uuid, transition_uuid uuid, from_state text, to_state text, attempt int4, at timestamp, xid int8)

-- Written by this very transaction? A row that can be seen although its transaction still runs is our own. Savepoints
-- have ids of their own, which come after that of the transaction: so a row's short xmin is made long. The time keeps
-- rows away that are so old that it would come out wrong.
-- part: is_own (t: history rows, tx: the long id of the transaction)
CASE WHEN tx.xid IS NOT NULL AND t.updated_at > (now() AT TIME ZONE 'UTC') - interval '1 hour'
              AND ((cast(t.xmin AS text)::int8 - tx.xid) & 4294967295) < 2147483648
         THEN pg_xact_status((tx.xid + ((cast(t.xmin AS text)::int8 - tx.xid) & 4294967295))::text::xid8) = 'in progress'
         ELSE false END

-- Who writes a row takes the mark of being current off the one before it, which so becomes its own as well, and has not
-- been written by it. One flush writes at most three rows of a history. LIMIT keeps the planner from hashing all of it.
-- part: what_is_written (tx, task, step: whose histories are asked for)
history AS (
    SELECT task.task_uuid, NULL::uuid AS workflow_step_uuid, 0 AS attempt, tx.xid, h.*
      FROM tx
     CROSS JOIN task
     CROSS JOIN LATERAL (SELECT t.task_transition_uuid AS transition_uuid, t.from_state, t.to_state,
                                t.created_at AS at, t.sort_key, t.most_recent, {is_own} AS own
                           FROM {schema}.tasker_task_transitions t
                          WHERE t.task_uuid = task.task_uuid
                          ORDER BY t.sort_key DESC
                          LIMIT 4) h
    UNION ALL
    SELECT step.task_uuid, step.workflow_step_uuid, coalesce(step.attempts, 0), tx.xid, h.*
      FROM tx
     CROSS JOIN step
     CROSS JOIN LATERAL (SELECT t.workflow_step_transition_uuid, t.from_state, t.to_state, t.created_at, t.sort_key,
                                t.most_recent, {is_own}
                           FROM {schema}.tasker_workflow_step_transitions t
                          WHERE t.workflow_step_uuid = step.workflow_step_uuid
                          ORDER BY t.sort_key DESC
                          LIMIT 4) h
), marked AS (
    SELECT h.*, lag(h.own) OVER (PARTITION BY h.task_uuid, h.workflow_step_uuid ORDER BY h.sort_key) AS before_own
      FROM history h
)
SELECT {m.state_written}
  FROM marked m
 WHERE m.own AND m.from_state IS NOT NULL AND coalesce(m.before_own, m.most_recent)
 ORDER BY m.at, m.workflow_step_uuid IS NOT NULL, m.workflow_step_uuid, m.sort_key

-- What the flush before it did to these steps and their tasks, and to these tasks. In a transaction of the caller's the
-- answer holds what earlier calls did to them, too. The keys behind (SELECT …) look the same to every plan, however many
-- they are, so that PostgreSQL keeps one instead of planning each time, which takes longer than the rest.
-- name: db_next_event__written reads many state_written (workflow_step_uuids uuid[], task_uuids uuid[])
WITH tx AS MATERIALIZED (
    SELECT pg_current_xact_id_if_assigned()::text::int8 AS xid
), step AS MATERIALIZED (
    SELECT s.workflow_step_uuid, s.task_uuid, s.attempts
      FROM {schema}.tasker_workflow_steps s
     WHERE s.workflow_step_uuid = ANY ((SELECT $1)::uuid[])
), task AS MATERIALIZED (
    SELECT step.task_uuid FROM step
    UNION
    SELECT unnest((SELECT $2)::uuid[])
), {what_is_written};

-- The same for operations that take other steps of the task along: all of its steps are looked at.
-- name: db_next_event__written_in_tasks reads many state_written (workflow_step_uuids uuid[], task_uuids uuid[])
WITH tx AS MATERIALIZED (
    SELECT pg_current_xact_id_if_assigned()::text::int8 AS xid
), task AS MATERIALIZED (
    SELECT s.task_uuid FROM {schema}.tasker_workflow_steps s WHERE s.workflow_step_uuid = ANY ((SELECT $1)::uuid[])
    UNION
    SELECT unnest((SELECT $2)::uuid[])
), step AS MATERIALIZED (
    SELECT s.workflow_step_uuid, task.task_uuid, s.attempts
      FROM task
     CROSS JOIN LATERAL (SELECT s.workflow_step_uuid, s.attempts
                           FROM {schema}.tasker_workflow_steps s
                          WHERE s.task_uuid = task.task_uuid
                         OFFSET 0) s
), {what_is_written};
