-- SPDX-License-Identifier: MIT
-- What must hold in every database that the library has worked on, whatever happened to it: 27 rows of a rule and the
-- number of its violations. Read by tests/db/support/db_test.c; runs in psql as it is. The schema is public.

WITH RECURSIVE history AS (
    SELECT 'step' AS kind, workflow_step_transition_uuid AS id, workflow_step_uuid AS entity, from_state, to_state,
           sort_key, most_recent, created_at, metadata ->> 'event' AS event
      FROM public.tasker_workflow_step_transitions
    UNION ALL
    SELECT 'task', task_transition_uuid, task_uuid, from_state, to_state, sort_key, most_recent, created_at,
           metadata ->> 'event'
      FROM public.tasker_task_transitions
), chain AS (
    SELECT h.*,
           row_number() OVER in_order AS place,
           lag(to_state) OVER in_order AS before_state,
           lag(sort_key) OVER in_order AS before_key,
           lag(created_at) OVER in_order AS before_time,
           max(sort_key) OVER (PARTITION BY kind, entity) AS highest_key
      FROM history h
    WINDOW in_order AS (PARTITION BY kind, entity ORDER BY sort_key, id)
), state AS (
    SELECT kind, entity, to_state FROM history WHERE most_recent
), steps AS (
    SELECT s.*, c.to_state AS state, coalesce(c.to_state, 'pending') AS state_or_pending
      FROM public.tasker_workflow_steps s
      LEFT JOIN state c ON c.kind = 'step' AND c.entity = s.workflow_step_uuid
), tasks AS (
    SELECT t.*, c.to_state AS state
      FROM public.tasker_tasks t
      LEFT JOIN state c ON c.kind = 'task' AND c.entity = t.task_uuid
), edges AS (
    SELECT e.*, parent.task_uuid AS from_task, child.task_uuid AS to_task,
           parent.state_or_pending AS from_step_state, child.state AS to_step_state
      FROM public.tasker_workflow_step_edges e
      JOIN steps parent ON parent.workflow_step_uuid = e.from_step_uuid
      JOIN steps child ON child.workflow_step_uuid = e.to_step_uuid
), legal (kind, event, from_state, to_state) AS (
    -- tools/states.py makes: legal
    VALUES ('task', 'start', 'pending', 'in_progress'),
           ('task', 'fail', 'pending', 'error'),
           ('task', 'cancel', 'pending', 'cancelled'),
           ('task', 'resolve_manually', 'pending', 'resolved_manually'),
           ('task', 'complete', 'in_progress', 'complete'),
           ('task', 'fail', 'in_progress', 'error'),
           ('task', 'cancel', 'in_progress', 'cancelled'),
           ('task', 'resolve_manually', 'in_progress', 'resolved_manually'),
           ('task', 'cancel', 'error', 'cancelled'),
           ('task', 'resolve_manually', 'error', 'resolved_manually'),
           ('task', 'reset', 'error', 'pending'),
           ('step', 'enqueue', 'pending', 'enqueued'),
           ('step', 'start', 'pending', 'in_progress'),
           ('step', 'fail', 'pending', 'error'),
           ('step', 'cancel', 'pending', 'cancelled'),
           ('step', 'resolve_manually', 'pending', 'resolved_manually'),
           ('step', 'start', 'enqueued', 'in_progress'),
           ('step', 'fail', 'enqueued', 'error'),
           ('step', 'cancel', 'enqueued', 'cancelled'),
           ('step', 'resolve_manually', 'enqueued', 'resolved_manually'),
           ('step', 'requeue', 'enqueued', 'pending'),
           ('step', 'complete', 'in_progress', 'complete'),
           ('step', 'fail', 'in_progress', 'error'),
           ('step', 'cancel', 'in_progress', 'cancelled'),
           ('step', 'resolve_manually', 'in_progress', 'resolved_manually'),
           ('step', 'release', 'in_progress', 'pending'),
           ('step', 'cancel', 'error', 'cancelled'),
           ('step', 'resolve_manually', 'error', 'resolved_manually'),
           ('step', 'retry', 'error', 'pending'),
           ('step', 'reset', 'complete', 'pending'),
           ('step', 'reset', 'error', 'pending'),
           ('step', 'reset', 'cancelled', 'pending'),
           ('step', 'reset', 'resolved_manually', 'pending')
    -- made
), reach (start, step) AS (
    SELECT from_step_uuid, to_step_uuid FROM public.tasker_workflow_step_edges
    UNION
    SELECT r.start, e.to_step_uuid
      FROM reach r
      JOIN public.tasker_workflow_step_edges e ON e.from_step_uuid = r.step
), keys (id) AS (
    SELECT id FROM history
    UNION ALL SELECT task_uuid FROM public.tasker_tasks
    UNION ALL SELECT workflow_step_uuid FROM public.tasker_workflow_steps
    UNION ALL SELECT workflow_step_edge_uuid FROM public.tasker_workflow_step_edges
    UNION ALL SELECT named_task_uuid FROM public.tasker_named_tasks
    UNION ALL SELECT named_step_uuid FROM public.tasker_named_steps
    UNION ALL SELECT dependent_system_uuid FROM public.tasker_dependent_systems
    UNION ALL SELECT task_namespace_uuid FROM public.tasker_task_namespaces
    UNION ALL SELECT ntns_uuid FROM public.tasker_named_tasks_named_steps
), here AS (
    SELECT oid FROM pg_database WHERE datname = current_database()
)

-- histories
SELECT 'I01 a history has exactly one most recent row' AS rule,
       (SELECT count(*) FROM (SELECT FROM history GROUP BY kind, entity
                              HAVING count(*) FILTER (WHERE most_recent) <> 1) bad) AS violations
UNION ALL SELECT 'I02 the most recent row has the highest sort_key',
       (SELECT count(*) FROM chain WHERE most_recent AND sort_key <> highest_key)
UNION ALL SELECT 'I03 sort_key goes up by one',
       (SELECT count(*) FROM chain WHERE place > 1 AND sort_key <> before_key + 1)
UNION ALL SELECT 'I04 from_state is the to_state before',
       (SELECT count(*) FROM chain WHERE place > 1 AND from_state IS DISTINCT FROM before_state)
UNION ALL SELECT 'I05 a history begins from nothing or from pending',
       (SELECT count(*) FROM chain
         WHERE place = 1 AND sort_key = 1 AND coalesce(from_state, 'pending') <> 'pending')
UNION ALL SELECT 'I06 every transition is one of the state table; a step''s reset is named so',
       (SELECT count(*) FROM history h
         WHERE h.from_state IS NOT NULL
           AND NOT EXISTS (SELECT FROM legal l
                            WHERE l.kind = h.kind AND l.from_state = h.from_state AND l.to_state = h.to_state
                              AND (l.kind <> 'step' OR l.event <> 'reset' OR h.event = 'reset')))
UNION ALL SELECT 'I07 times in a history do not go back',
       (SELECT count(*) FROM chain WHERE place > 1 AND created_at < before_time)

-- flags and states
UNION ALL SELECT 'I08 a step is processed when its state is complete or resolved_manually',
       (SELECT count(*) FROM steps
         WHERE processed IS DISTINCT FROM (state_or_pending IN ('complete', 'resolved_manually')))
UNION ALL SELECT 'I09 processed_at is set when processed is',
       (SELECT count(*) FROM steps WHERE processed <> (processed_at IS NOT NULL))
UNION ALL SELECT 'I10 a step is not both in process and processed',
       (SELECT count(*) FROM steps WHERE in_process AND processed)
UNION ALL SELECT 'I11 a step is in process when its state is in_progress',
       (SELECT count(*) FROM steps WHERE in_process IS DISTINCT FROM (state_or_pending = 'in_progress'))
UNION ALL SELECT 'I12 a step in process belongs to a task that is not complete',
       (SELECT count(*) FROM steps s JOIN tasks t USING (task_uuid) WHERE s.in_process AND t.complete)
UNION ALL SELECT 'I13 a task is complete when its state is complete or resolved_manually',
       (SELECT count(*) FROM tasks
         WHERE complete IS DISTINCT FROM (coalesce(state, 'pending') IN ('complete', 'resolved_manually')))
UNION ALL SELECT 'I14 completed_at is set when complete is',
       (SELECT count(*) FROM tasks WHERE complete <> (completed_at IS NOT NULL))

-- claims
UNION ALL SELECT 'I15 a claim has an owner and a time',
       (SELECT count(*) FROM tasks WHERE (claimed_at IS NULL) <> (claimed_by IS NULL))
UNION ALL SELECT 'I16 a complete task is not claimed',
       (SELECT count(*) FROM tasks WHERE complete AND claimed_at IS NOT NULL)
UNION ALL SELECT 'I17 claims are not of the future and last some time',
       (SELECT count(*) FROM tasks
         WHERE claim_timeout_seconds <= 0
            OR claimed_at > (clock_timestamp() AT TIME ZONE 'UTC') + interval '2 seconds')

-- tasks, steps and the graph
UNION ALL SELECT 'I18 a complete task has only steps in final states',
       (SELECT count(*) FROM steps s JOIN tasks t USING (task_uuid)
         WHERE t.complete AND s.state_or_pending NOT IN ('complete', 'resolved_manually', 'cancelled'))
UNION ALL SELECT 'I19 a step that was started has all its parents done',
       (SELECT count(*) FROM edges
         WHERE to_step_state IN ('enqueued', 'in_progress', 'complete')
           AND from_step_state NOT IN ('complete', 'resolved_manually'))
UNION ALL SELECT 'I20 no edge leads to itself',
       (SELECT count(*) FROM edges WHERE from_step_uuid = to_step_uuid)
UNION ALL SELECT 'I21 no edge is there twice',
       (SELECT count(*) FROM (SELECT FROM edges GROUP BY from_step_uuid, to_step_uuid, name
                              HAVING count(*) > 1) bad)
UNION ALL SELECT 'I22 an edge stays inside one task',
       (SELECT count(*) FROM edges WHERE from_task <> to_task)
UNION ALL SELECT 'I23 no step depends on itself',
       (SELECT count(*) FROM reach WHERE start = step)

-- bounds and keys
UNION ALL SELECT 'I24 attempts are between 0 and the retry limit',
       (SELECT count(*) FROM steps
         WHERE coalesce(attempts, 0) < 0 OR coalesce(attempts, 0) > coalesce(retry_limit, 3))
UNION ALL SELECT 'I25 every key is a UUID of version 7 that is not of the future',
       (SELECT count(*) FROM keys
         WHERE get_byte(uuid_send(id), 6) >> 4 <> 7
            OR get_byte(uuid_send(id), 8) >> 6 <> 2
            OR ('x' || left(replace(id::text, '-', ''), 12))::bit(48)::bigint
               > extract(epoch FROM clock_timestamp()) * 1000 + 2000)

-- the catalogue, and what was left behind
UNION ALL SELECT 'I26 constraints are validated, indexes valid',
       (SELECT count(*) FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND NOT convalidated)
       + (SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
           WHERE c.relnamespace = 'public'::regnamespace AND NOT (i.indisvalid AND i.indisready))
UNION ALL SELECT 'I27 no session, prepared transaction or advisory lock is left',
       (SELECT count(*) FROM pg_stat_activity
         WHERE datname = current_database() AND application_name = 'libtasker')
       + (SELECT count(*) FROM pg_prepared_xacts WHERE database = current_database())
       + (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM here))
 ORDER BY rule;
