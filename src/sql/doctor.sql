-- SPDX-License-Identifier: MIT
-- What an operator should know: work that nobody drives, and what keeps the server from cleaning up. Reads the tasks that
-- are open and the catalogue, no history.

-- part: finding_of (f: the columns of a finding)
SELECT {f.finding}
  FROM found f
 ORDER BY f.severity DESC, f.check, f.expected, f.object

-- Hours and counts that are no rule of anybody's, only a habit of servers that are well: a table has less dead rows than
-- living ones, and a server freezes its rows long before it must stop at 2^31 transactions.
-- name: doctor_run reads many finding (stale_seconds int4, schema_name text)
WITH how AS (
    SELECT $1 AS step_timeout_seconds, $1 * interval '1 second' AS patience, clock_timestamp() AT TIME ZONE 'UTC' AS now
), open AS MATERIALIZED (
    SELECT k.task_uuid, k.claimed_by, k.claimed_at, k.claim_timeout_seconds, t.to_state
      FROM {schema}.tasker_task_transitions t
      JOIN {schema}.tasker_tasks k ON k.task_uuid = t.task_uuid
     WHERE t.most_recent AND t.to_state IN {open}
), step AS MATERIALIZED (
    SELECT s.task_uuid, s.workflow_step_uuid, coalesce(t.to_state, 'pending') AS state, t.created_at,
           {attempt_ends_at} AS ends_at
      FROM how
     CROSS JOIN open
      JOIN {schema}.tasker_workflow_steps s ON s.task_uuid = open.task_uuid
      LEFT JOIN {schema}.tasker_workflow_step_transitions t
             ON t.workflow_step_uuid = s.workflow_step_uuid AND t.most_recent
), idle AS MATERIALIZED (
    SELECT step.task_uuid, bool_and(step.state IN {done}) AS done,
           bool_or(step.state NOT IN {done} AND step.state <> 'pending') AS may_be_stuck
      FROM step
     GROUP BY step.task_uuid
    HAVING bool_and(step.state NOT IN {busy})
), one (severity, "check", object, expected, found, advice) AS (
    SELECT 2, 'claim', 'task ' || open.task_uuid, 'a claim is extended, released, or taken by another when its time is over',
           format('claimed by %s at %s UTC for %s s', open.claimed_by, open.claimed_at, open.claim_timeout_seconds),
           'look for that orchestrator; whoever asks for tasks next is given it'
      FROM how, open
     WHERE open.claimed_at + open.claim_timeout_seconds * interval '1 second' + how.patience < how.now
    UNION ALL
    SELECT 2, 'attempt', 'step ' || step.workflow_step_uuid, 'an attempt ends, or is failed by a sweep',
           format('in_progress, its time was over at %s UTC', step.ends_at),
           'look for its worker; tasker_sweep_run fails the attempt'
      FROM how, step
     WHERE step.state = 'in_progress' AND step.ends_at + how.patience < how.now
    UNION ALL
    SELECT 2, 'queue', 'step ' || step.workflow_step_uuid, 'a step that is enqueued is started by a worker',
           format('enqueued since %s UTC', step.created_at),
           'see whether workers read its queue; tasker_sweep_run requeues what has lost its message'
      FROM how, step
     WHERE step.state = 'enqueued' AND step.created_at + how.patience < how.now
    UNION ALL
    SELECT 2, 'task', 'task ' || idle.task_uuid, 'a task whose steps are all done is closed', 'open',
           'tasker_task_finalize closes it, and tasker_sweep_run all of them'
      FROM how, idle
     WHERE idle.done
       AND (SELECT max(t.created_at)
              FROM step
              JOIN {schema}.tasker_workflow_step_transitions t
                   ON t.workflow_step_uuid = step.workflow_step_uuid AND t.most_recent
             WHERE step.task_uuid = idle.task_uuid) + how.patience < how.now
    UNION ALL
    SELECT 2, 'task', 'task ' || idle.task_uuid, 'an open task has a step that can run, now or later',
           format('%s steps have failed for good, %s are cancelled', x.blocked_steps, x.cancelled_steps),
           'retry or resolve its failed steps, or let tasker_task_finalize move it to error'
      FROM idle -- OFFSET 0: of these alone, not of all tasks there are
     CROSS JOIN LATERAL (SELECT *
                           FROM {tasker_task_execution_contexts} x
                          WHERE x.task_uuid = idle.task_uuid AND idle.may_be_stuck
                         OFFSET 0) x
     WHERE x.stuck
), tables AS (
    SELECT 2, 'vacuum', 'table ' || t.relname, 'fewer dead rows than living ones',
           format('%s dead, %s living', t.n_dead_tup, t.n_live_tup),
           'VACUUM it, after what holds its rows back has gone', 1
      FROM pg_stat_all_tables t
     WHERE t.schemaname = $2
       AND t.n_dead_tup > 10000
       AND t.n_dead_tup > t.n_live_tup
), blockers AS (
    SELECT 2, 'vacuum', 'session ' || a.pid, 'transactions end soon',
           format('%s, open since %s', coalesce(nullif(a.application_name, ''), a.backend_type), a.xact_start),
           'end it: no row that was alive when it began can be cleaned up', 1
      FROM how, pg_stat_activity a
     WHERE a.datname = current_database()
       AND a.backend_type = 'client backend'
       AND (a.xact_start AT TIME ZONE 'UTC') + how.patience < how.now
    UNION ALL
    SELECT 2, 'vacuum', 'prepared transaction ' || p.gid, 'it is committed or rolled back soon',
           format('prepared at %s', p.prepared), 'COMMIT PREPARED or ROLLBACK PREPARED it', 1
      FROM how, pg_prepared_xacts p
     WHERE p.database = current_database()
       AND (p.prepared AT TIME ZONE 'UTC') + how.patience < how.now
    UNION ALL
    SELECT 2, 'vacuum', 'replication slot ' || r.slot_name, 'somebody reads from it', 'nobody does',
           'drop it, or bring its reader back', 1
      FROM pg_replication_slots r
     WHERE NOT r.active AND (r.xmin IS NOT NULL OR r.catalog_xmin IS NOT NULL)
    UNION ALL
    SELECT 2, 'vacuum', 'database ' || d.datname, 'rows are frozen in time',
           format('%s transactions since', age(d.datfrozenxid)), 'VACUUM FREEZE; see that autovacuum runs', 1
      FROM pg_database d
     WHERE d.datname = current_database() AND age(d.datfrozenxid) > 1000000000
), catalogue AS (
    SELECT 3, 'catalogue', 'constraint ' || k.conname, 'it is validated', 'it is not', 'ALTER TABLE ... VALIDATE it', 1
      FROM pg_constraint k
      JOIN pg_namespace n ON n.oid = k.connamespace
     WHERE n.nspname = $2 AND NOT k.convalidated
    UNION ALL
    SELECT 3, 'catalogue', 'index ' || x.relname, 'it is valid', 'it is not', 'REINDEX it, or drop it', 1
      FROM pg_index i
      JOIN pg_class x ON x.oid = i.indexrelid
      JOIN pg_namespace n ON n.oid = x.relnamespace
     WHERE n.nspname = $2 AND NOT (i.indisvalid AND i.indisready)
    UNION ALL
    SELECT 2, 'setting', 'setting ' || s.name, 'on', s.setting, w.advice, 1
      FROM (VALUES ('fsync', 'a crash of the machine can destroy the database'),
                   ('full_page_writes', 'a crash of the machine can destroy the database'),
                   ('synchronous_commit', 'a crash of the server can take back what was told as done'),
                   ('autovacuum', 'tables grow, and plans go stale')) AS w (name, advice)
      JOIN pg_settings s ON s.name = w.name
     WHERE s.setting = 'off'
), found (severity, "check", object, expected, found, advice, violations) AS (
    SELECT one.severity, one.check, min(one.object), one.expected, (array_agg(one.found ORDER BY one.object))[1],
           one.advice, count(*)
      FROM one
     GROUP BY one.severity, one.check, one.expected, one.advice
    UNION ALL TABLE tables
    UNION ALL TABLE blockers
    UNION ALL TABLE catalogue
)
{finding_of};

-- Where the ready set is kept.
-- name: doctor_run__ready_set reads many finding ()
WITH found AS (
    SELECT 3 AS severity, 'ready_set' AS check,
           min(concat_ws(', ', 'task ' || d.task_uuid, 'step ' || d.workflow_step_uuid)) AS object,
           (array_agg(d.expected ORDER BY d.task_uuid, d.workflow_step_uuid))[1] AS expected,
           (array_agg(d.found ORDER BY d.task_uuid, d.workflow_step_uuid))[1] AS found,
           d.what || ': tasker_ready_set_rebuild mends it' AS advice, count(*) AS violations
      FROM {schema}.tasker_ready_set_differences() d
     GROUP BY d.what
)
{finding_of};
