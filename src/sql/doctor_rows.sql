-- SPDX-License-Identifier: MIT
-- What holds of all rows, whatever happened to those who wrote them. Reads every table whole.
--
-- A task is another program's where it has no history, or where a change in its history or in one of its steps' does not
-- name its event: the library's name it always. observe: what is broken there is worth a note only.

-- name: doctor_run__rows reads many finding (observe bool)
WITH RECURSIVE history AS MATERIALIZED (
    SELECT 'step' AS kind, t.workflow_step_uuid AS entity, s.task_uuid, t.workflow_step_transition_uuid AS id,
           t.from_state, t.to_state, t.sort_key, t.most_recent, t.created_at, t.metadata ->> 'event' AS event
      FROM {schema}.tasker_workflow_step_transitions t
      JOIN {schema}.tasker_workflow_steps s ON s.workflow_step_uuid = t.workflow_step_uuid
    UNION ALL
    SELECT 'task', t.task_uuid, t.task_uuid, t.task_transition_uuid, t.from_state, t.to_state, t.sort_key,
           t.most_recent, t.created_at, t.metadata ->> 'event'
      FROM {schema}.tasker_task_transitions t
), chain AS MATERIALIZED (
    SELECT h.*, row_number() OVER in_order AS place, lag(h.to_state) OVER in_order AS before_state,
           lag(h.sort_key) OVER in_order AS before_key, lag(h.created_at) OVER in_order AS before_time,
           max(h.sort_key) OVER whole AS highest_key, count(*) FILTER (WHERE h.most_recent) OVER whole AS current_rows
      FROM history h
    WINDOW in_order AS (PARTITION BY h.kind, h.entity ORDER BY h.sort_key, h.id),
           whole AS (PARTITION BY h.kind, h.entity)
), others AS MATERIALIZED (
    SELECT h.task_uuid FROM history h WHERE h.from_state IS NOT NULL AND h.event IS NULL
    UNION
    SELECT k.task_uuid
      FROM {schema}.tasker_tasks k
      LEFT JOIN {schema}.tasker_task_transitions t ON t.task_uuid = k.task_uuid
     WHERE t.task_uuid IS NULL
), step AS MATERIALIZED (
    SELECT s.*, coalesce(h.to_state, 'pending') AS state
      FROM {schema}.tasker_workflow_steps s
      LEFT JOIN history h ON h.kind = 'step' AND h.entity = s.workflow_step_uuid AND h.most_recent
), task AS MATERIALIZED (
    SELECT k.*, coalesce(h.to_state, 'pending') AS state
      FROM {schema}.tasker_tasks k
      LEFT JOIN history h ON h.kind = 'task' AND h.entity = k.task_uuid AND h.most_recent
), edge AS MATERIALIZED (
    SELECT e.*, parent.task_uuid, child.task_uuid AS to_task_uuid, parent.state AS from_step_state,
           child.state AS to_step_state
      FROM {schema}.tasker_workflow_step_edges e
      JOIN step parent ON parent.workflow_step_uuid = e.from_step_uuid
      JOIN step child ON child.workflow_step_uuid = e.to_step_uuid
), legal (kind, event, from_state, to_state) AS ({legal_moves}
), reach (start, step_uuid) AS (
    SELECT e.from_step_uuid, e.to_step_uuid FROM {schema}.tasker_workflow_step_edges e
    UNION
    SELECT r.start, e.to_step_uuid
      FROM reach r
      JOIN {schema}.tasker_workflow_step_edges e ON e.from_step_uuid = r.step_uuid
), key (object, id, task_uuid) AS (
    SELECT h.kind || ' transition ' || h.id, h.id, h.task_uuid FROM history h
    UNION ALL SELECT 'task ' || k.task_uuid, k.task_uuid, k.task_uuid FROM task k
    UNION ALL SELECT 'step ' || s.workflow_step_uuid, s.workflow_step_uuid, s.task_uuid FROM step s
    UNION ALL SELECT 'edge ' || e.workflow_step_edge_uuid, e.workflow_step_edge_uuid, e.task_uuid FROM edge e
    UNION ALL SELECT 'namespace ' || r.name, r.task_namespace_uuid, NULL FROM {schema}.tasker_task_namespaces r
    UNION ALL SELECT 'named task ' || r.name, r.named_task_uuid, NULL FROM {schema}.tasker_named_tasks r
    UNION ALL SELECT 'named step ' || r.name, r.named_step_uuid, NULL FROM {schema}.tasker_named_steps r
    UNION ALL SELECT 'dependent system ' || r.name, r.dependent_system_uuid, NULL FROM {schema}.tasker_dependent_systems r
    UNION ALL SELECT 'step of a named task ' || r.ntns_uuid, r.ntns_uuid, NULL FROM {schema}.tasker_named_tasks_named_steps r
), broken ("check", expected, object, task_uuid, found) AS (
    SELECT 'history', 'one row of a history is most recent', c.kind || ' ' || c.entity, c.task_uuid,
           c.current_rows || ' are'
      FROM chain c WHERE c.place = 1 AND c.current_rows <> 1
    UNION ALL
    SELECT 'history', 'the most recent row has the highest sort_key', c.kind || ' ' || c.entity, c.task_uuid,
           format('%s of %s', c.sort_key, c.highest_key)
      FROM chain c WHERE c.most_recent AND c.sort_key <> c.highest_key
    UNION ALL
    SELECT 'history', 'sort_key goes up by one', c.kind || ' ' || c.entity, c.task_uuid,
           format('%s after %s', c.sort_key, c.before_key)
      FROM chain c WHERE c.place > 1 AND c.sort_key <> c.before_key + 1
    UNION ALL
    SELECT 'history', 'from_state is the to_state of the row before', c.kind || ' ' || c.entity, c.task_uuid,
           format('%s after %s', coalesce(c.from_state, 'none'), c.before_state)
      FROM chain c WHERE c.place > 1 AND c.from_state IS DISTINCT FROM c.before_state
    UNION ALL
    SELECT 'history', 'a history begins from nothing or from pending', c.kind || ' ' || c.entity, c.task_uuid,
           'from ' || c.from_state
      FROM chain c WHERE c.place = 1 AND c.sort_key = 1 AND c.from_state <> 'pending'
    UNION ALL
    SELECT 'history', 'every change is one of the table of states', h.kind || ' ' || h.entity, h.task_uuid,
           format('%s from %s to %s', coalesce(h.event, 'a change'), h.from_state, h.to_state)
      FROM history h
     WHERE h.from_state IS NOT NULL
       AND NOT EXISTS (SELECT
                         FROM legal l
                        WHERE l.kind = h.kind AND l.from_state = h.from_state AND l.to_state = h.to_state
                          AND (l.kind <> 'step' OR l.event <> 'reset' OR h.event = 'reset'))
    UNION ALL
    SELECT 'history', 'created_at does not go back', c.kind || ' ' || c.entity, c.task_uuid,
           format('%s after %s', c.created_at, c.before_time)
      FROM chain c WHERE c.place > 1 AND c.created_at < c.before_time
    UNION ALL
    SELECT 'flags', 'processed says whether the state is done', 'step ' || s.workflow_step_uuid, s.task_uuid,
           format('%s in state %s', s.processed, s.state)
      FROM step s WHERE s.processed IS DISTINCT FROM (s.state IN {step_processed})
    UNION ALL
    SELECT 'flags', 'processed_at is there where processed is true', 'step ' || s.workflow_step_uuid, s.task_uuid,
           format('%s with %s', coalesce(CAST (s.processed_at AS text), 'none'), s.processed)
      FROM step s WHERE s.processed <> (s.processed_at IS NOT NULL)
    UNION ALL
    SELECT 'flags', 'a step is not in process and processed', 'step ' || s.workflow_step_uuid, s.task_uuid, 'it is both'
      FROM step s WHERE s.in_process AND s.processed
    UNION ALL
    SELECT 'flags', 'in_process says whether the state is in_progress', 'step ' || s.workflow_step_uuid, s.task_uuid,
           format('%s in state %s', s.in_process, s.state)
      FROM step s WHERE s.in_process IS DISTINCT FROM (s.state IN {step_in_process})
    UNION ALL
    SELECT 'flags', 'a step in process is of a task that is not complete', 'step ' || s.workflow_step_uuid, s.task_uuid,
           'it is complete'
      FROM step s JOIN task k ON k.task_uuid = s.task_uuid WHERE s.in_process AND k.complete
    UNION ALL
    SELECT 'flags', 'complete says whether the state is done', 'task ' || k.task_uuid, k.task_uuid,
           format('%s in state %s', k.complete, k.state)
      FROM task k WHERE k.complete IS DISTINCT FROM (k.state IN {task_complete})
    UNION ALL
    SELECT 'flags', 'completed_at is there where complete is true', 'task ' || k.task_uuid, k.task_uuid,
           format('%s with %s', coalesce(CAST (k.completed_at AS text), 'none'), k.complete)
      FROM task k WHERE k.complete <> (k.completed_at IS NOT NULL)
    UNION ALL
    SELECT 'claims', 'a claim has an owner and a time', 'task ' || k.task_uuid, k.task_uuid,
           format('%s, %s', coalesce(k.claimed_by, 'no owner'), coalesce(CAST (k.claimed_at AS text), 'no time'))
      FROM task k WHERE (k.claimed_at IS NULL) <> (k.claimed_by IS NULL)
    UNION ALL
    SELECT 'claims', 'a complete task is not claimed', 'task ' || k.task_uuid, k.task_uuid,
           'claimed by ' || coalesce(k.claimed_by, 'nobody')
      FROM task k WHERE k.complete AND k.claimed_at IS NOT NULL
    UNION ALL
    SELECT 'claims', 'a claim is not of the future and lasts some time', 'task ' || k.task_uuid, k.task_uuid,
           format('at %s for %s s', coalesce(CAST (k.claimed_at AS text), 'no time'), k.claim_timeout_seconds)
      FROM task k
     WHERE k.claim_timeout_seconds <= 0
        OR k.claimed_at > (clock_timestamp() AT TIME ZONE 'UTC') + interval '2 seconds'
    UNION ALL
    SELECT 'graph', 'steps of a complete task are at their end', 'step ' || s.workflow_step_uuid, s.task_uuid, s.state
      FROM step s JOIN task k ON k.task_uuid = s.task_uuid WHERE k.complete AND s.state NOT IN {terminal}
    UNION ALL
    SELECT 'graph', 'the parents of a step that was started are done', 'step ' || e.to_step_uuid, e.to_task_uuid,
           format('%s on a step in %s', e.to_step_state, e.from_step_state)
      FROM edge e
     WHERE (e.to_step_state IN {busy} OR e.to_step_state = 'complete') AND e.from_step_state NOT IN {done}
    UNION ALL
    SELECT 'graph', 'no edge leads to itself', 'edge ' || e.workflow_step_edge_uuid, e.task_uuid, 'it does'
      FROM edge e WHERE e.from_step_uuid = e.to_step_uuid
    UNION ALL
    SELECT 'graph', 'no edge is there twice', 'edge ' || (array_agg(e.workflow_step_edge_uuid))[1],
           (array_agg(e.task_uuid))[1], count(*) || ' times'
      FROM edge e GROUP BY e.from_step_uuid, e.to_step_uuid, e.name HAVING count(*) > 1
    UNION ALL
    SELECT 'graph', 'an edge stays in its task', 'edge ' || e.workflow_step_edge_uuid, e.task_uuid,
           'leads to task ' || e.to_task_uuid
      FROM edge e WHERE e.task_uuid <> e.to_task_uuid
    UNION ALL
    SELECT 'graph', 'no step depends on itself', 'step ' || r.start, s.task_uuid, 'it is on a cycle'
      FROM reach r JOIN step s ON s.workflow_step_uuid = r.start WHERE r.start = r.step_uuid
    UNION ALL
    SELECT 'bounds', 'attempts are between 0 and the retry limit', 'step ' || s.workflow_step_uuid, s.task_uuid,
           format('%s of %s', s.attempts, coalesce(s.retry_limit, 3))
      FROM step s
     WHERE coalesce(s.attempts, 0) < 0 OR coalesce(s.attempts, 0) > coalesce(s.retry_limit, 3)
    UNION ALL
    SELECT 'keys', 'a key is a UUID of version 7 and not of the future', k.object, k.task_uuid, CAST (k.id AS text)
      FROM key k
     WHERE get_byte(uuid_send(k.id), 6) >> 4 <> 7
        OR get_byte(uuid_send(k.id), 8) >> 6 <> 2
        OR CAST (CAST ('x' || encode(substring(uuid_send(k.id) FROM 1 FOR 6), 'hex') AS bit(48)) AS bigint)
           > extract(epoch FROM clock_timestamp()) * 1000 + 2000
), judged AS (
    SELECT b.*, CASE WHEN $1 AND (b.task_uuid IS NULL OR o.task_uuid IS NOT NULL) THEN 1 ELSE 3 END AS severity
      FROM broken b
      LEFT JOIN others o ON o.task_uuid = b.task_uuid
), found AS (
    SELECT j.severity, j.check, min(j.object) AS object, j.expected,
           (array_agg(j.found ORDER BY j.object))[1] AS found,
           CASE j.check WHEN 'claims' THEN 'release it, or correct the row'
                        WHEN 'graph' THEN 'look at the task whole before it goes on: steps may have run too early'
                        WHEN 'keys' THEN 'find who makes keys so; what goes by their time (retention) passes them'
                        ELSE 'find who wrote it past the library, then correct the row' END AS advice,
           count(*) AS violations
      FROM judged j
     GROUP BY j.severity, j.check, j.expected
)
{finding_of};
