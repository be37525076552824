-- SPDX-License-Identifier: MIT
-- Changes of state. The shape is always the same:
--
--   cur   locks entity row and current history row, in key order, if state and guard allow the move;
--   flip  takes the mark of being current off that row: whoever waited on it finds it changed and gets nothing;
--   ins   writes the new current row, drawn from flip, so the unique index never sees two;
--   last  the entity's own columns follow.
--
-- A condition behind OR is a scalar query for one item: EXISTS there may be planned as a hash of the whole database. The
-- same goes for NOT EXISTS, whose plan a session keeps from when the tables were tiny. (SELECT $1): the planner sees as
-- much of the items before as after, so that it need not plan anew at each call.
--
-- Rows that come back moved. For the others a second statement, with a snapshot of its own, tells why. A condition on
-- rows that are not locked (parents, the task) is as old as the snapshot; see step_as_seen.

-- Only parents that are added make "parents done" false again. That moves the child's updated_at: whoever waited for the
-- row then compares its new version with what the snapshot holds, and gets nothing.
-- part: step_as_seen (s: tasker_workflow_steps, locked by the query)
s.updated_at = (SELECT seen.updated_at FROM {schema}.tasker_workflow_steps seen
                 WHERE seen.workflow_step_uuid = s.workflow_step_uuid)

-- Who writes under a claim has it still. held.token NULL: under none. The task's row was locked by a statement before this
-- one, so it stays as it is read here.
-- part: still_held (held: task_uuid, token)
(held.token IS NULL
 OR (SELECT {is_held}
       FROM {schema}.tasker_tasks k
      WHERE k.task_uuid = held.task_uuid))

-- part: flip_step (cur: the current rows, locked)
flip AS (
    UPDATE {schema}.tasker_workflow_step_transitions t
       SET most_recent = false, updated_at = clock_timestamp() AT TIME ZONE 'UTC'
      FROM cur
     WHERE t.workflow_step_transition_uuid = cur.workflow_step_transition_uuid
    RETURNING cur.*
)

-- part: flip_task (cur: the current rows, locked)
flip AS (
    UPDATE {schema}.tasker_task_transitions t
       SET most_recent = false, updated_at = clock_timestamp() AT TIME ZONE 'UTC'
      FROM cur
     WHERE t.task_transition_uuid = cur.task_transition_uuid
    RETURNING cur.*
)

-- part: task_state (upd: task_uuid)
coalesce((SELECT kt.to_state FROM {schema}.tasker_task_transitions kt
                  WHERE kt.task_uuid = upd.task_uuid AND kt.most_recent), 'pending')::text AS task_state

-- A history without rows counts as pending; the row is written when somebody first needs to move it.
-- name: workflow_step_apply__begin writes none (workflow_step_uuids uuid[], transition_uuids uuid[], claim uuid?)
INSERT INTO {schema}.tasker_workflow_step_transitions
       (workflow_step_transition_uuid, workflow_step_uuid, to_state, sort_key, most_recent, created_at, updated_at)
SELECT i.transition_uuid, s.workflow_step_uuid, 'pending', 1, true, n.now, n.now
  FROM unnest((SELECT $1)::uuid[], $2::uuid[]) AS i (step_uuid, transition_uuid)
  JOIN {schema}.tasker_workflow_steps s ON s.workflow_step_uuid = i.step_uuid
 CROSS JOIN LATERAL (SELECT s.task_uuid, $3) AS held (task_uuid, token)
 CROSS JOIN LATERAL (SELECT clock_timestamp() AT TIME ZONE 'UTC' AS now) n
 WHERE (SELECT true FROM {schema}.tasker_workflow_step_transitions t
         WHERE t.workflow_step_uuid = s.workflow_step_uuid LIMIT 1) IS NULL
   AND {still_held}
 ORDER BY s.workflow_step_uuid
ON CONFLICT (workflow_step_uuid, most_recent) WHERE most_recent DO NOTHING;

-- name: task_apply__begin writes none (task_uuids uuid[], transition_uuids uuid[], claim uuid?)
INSERT INTO {schema}.tasker_task_transitions
       (task_transition_uuid, task_uuid, to_state, sort_key, most_recent, created_at, updated_at)
SELECT i.transition_uuid, k.task_uuid, 'pending', 1, true, n.now, n.now
  FROM unnest((SELECT $1)::uuid[], $2::uuid[]) AS i (task_uuid, transition_uuid)
  JOIN {schema}.tasker_tasks k ON k.task_uuid = i.task_uuid
 CROSS JOIN LATERAL (SELECT k.task_uuid, $3) AS held (task_uuid, token)
 CROSS JOIN LATERAL (SELECT clock_timestamp() AT TIME ZONE 'UTC' AS now) n
 WHERE (SELECT true FROM {schema}.tasker_task_transitions t WHERE t.task_uuid = k.task_uuid LIMIT 1) IS NULL
   AND {still_held}
 ORDER BY k.task_uuid
ON CONFLICT (task_uuid, most_recent) WHERE most_recent DO NOTHING;

-- Whoever decides for a whole task, steps in from outside, or writes under a claim holds the task row first.
-- name: workflow_step_apply__lock_tasks runs none (workflow_step_uuids uuid[])
SELECT
  FROM {schema}.tasker_tasks k
 WHERE k.task_uuid IN (SELECT s.task_uuid
                         FROM {schema}.tasker_workflow_steps s
                        WHERE s.workflow_step_uuid = ANY ((SELECT $1)::uuid[]))
 ORDER BY k.task_uuid
   FOR NO KEY UPDATE OF k;

-- name: task_apply__lock runs none (task_uuids uuid[])
SELECT FROM {schema}.tasker_tasks k WHERE k.task_uuid = ANY ((SELECT $1)::uuid[]) ORDER BY k.task_uuid
   FOR NO KEY UPDATE OF k;

-- A step may start from enqueued, or where it is ready. Who has its message starts it from enqueued alone: left over, it
-- would start a step that waits. And, where the message names the row that enqueued the step, while that is the current one.
-- part: may_start (i: by_message, enqueue_uuid, step_uuid; st: the step's current row)
CASE WHEN i.by_message THEN st.to_state = 'enqueued' AND coalesce(i.enqueue_uuid = st.workflow_step_transition_uuid, true)
                   WHEN st.to_state = 'enqueued' THEN true
                   ELSE (SELECT r.ready_for_execution FROM {tasker_step_readiness_status} r
                          WHERE r.workflow_step_uuid = i.step_uuid) END

-- The task of a step that is about to start, or to be enqueued, begins. Before the step, as the lock order wants it, and
-- under the conditions of the step's own move, so that a refused one leaves the task alone. These are looked at last: most
-- often the task has begun.
-- part: start_tasks (item: step_uuid, task_transition_uuid, transition_uuid, by_message, enqueue_uuid;
--   how: sources, expected_sort_key, actor, claim)
owned AS MATERIALIZED ( -- one by one, by key, whatever the planner thinks of how many there are
    SELECT s.task_uuid, i.*
      FROM item i
     CROSS JOIN LATERAL (SELECT s.task_uuid
                           FROM {schema}.tasker_workflow_steps s
                          WHERE s.workflow_step_uuid = i.step_uuid
                         OFFSET 0) s
), cur AS MATERIALIZED (
    SELECT k.task_uuid, t.task_transition_uuid, t.sort_key, t.created_at
      FROM {schema}.tasker_tasks k
      JOIN {schema}.tasker_task_transitions t ON t.task_uuid = k.task_uuid AND t.most_recent
     WHERE k.task_uuid = ANY (ARRAY(SELECT o.task_uuid FROM owned o))
       AND t.task_uuid = ANY (ARRAY(SELECT o.task_uuid FROM owned o))
       AND t.to_state = 'pending'
       AND NOT k.complete
       AND (SELECT true
              FROM how
             CROSS JOIN owned i
              JOIN {schema}.tasker_workflow_step_transitions st
                   ON st.workflow_step_uuid = i.step_uuid AND st.most_recent
             CROSS JOIN LATERAL (SELECT i.task_uuid, how.claim) AS held (task_uuid, token)
             WHERE i.task_uuid = t.task_uuid
               AND st.to_state = ANY (how.sources)
               AND {still_held}
               AND (how.expected_sort_key IS NULL OR st.sort_key = how.expected_sort_key)
               AND (SELECT true FROM {schema}.tasker_workflow_step_transitions o
                     WHERE o.workflow_step_transition_uuid = i.transition_uuid) IS NULL
               AND {may_start}
             LIMIT 1)
     ORDER BY k.task_uuid
       FOR NO KEY UPDATE OF k, t
), {flip_task}, ids AS (
    SELECT DISTINCT ON (o.task_uuid) o.task_uuid, o.task_transition_uuid
      FROM owned o
     ORDER BY o.task_uuid, o.task_transition_uuid
)
INSERT INTO {schema}.tasker_task_transitions
       (task_transition_uuid, task_uuid, to_state, from_state, metadata, sort_key, most_recent, created_at, updated_at)
SELECT ids.task_transition_uuid, flip.task_uuid, 'in_progress', 'pending',
       jsonb_strip_nulls(jsonb_build_object('event', 'start', 'actor', (SELECT how.actor FROM how))),
       flip.sort_key + 1, true, n.now, n.now
  FROM flip
  JOIN ids ON ids.task_uuid = flip.task_uuid
 CROSS JOIN LATERAL (SELECT greatest(clock_timestamp() AT TIME ZONE 'UTC', flip.created_at) AS now) n

-- name: workflow_step_apply__start_tasks writes none (workflow_step_uuids uuid[], transition_uuids uuid[], step_transition_uuids uuid[], sources text[], expected_sort_key int4?, actor text?, claim uuid?)
WITH how AS (
    SELECT $4 AS sources, $5 AS expected_sort_key, $6 AS actor, $7 AS claim
), item AS (
    SELECT i.step_uuid, i.task_transition_uuid, i.transition_uuid, false AS by_message, NULL::uuid AS enqueue_uuid
      FROM unnest((SELECT $1)::uuid[], $2::uuid[], $3::uuid[]) AS i (step_uuid, task_transition_uuid, transition_uuid)
), {start_tasks};

-- Any one arrow of the step table but those that leases own. guarded: parents done, retries left, waits over.
-- name: workflow_step_apply writes many moved (workflow_step_uuids uuid[], transition_uuids uuid[], sources text[], target text, guarded bool, expected_sort_key int4?, event text, actor text?, reason text?, metadata jsonb?, skippable_only bool, claim uuid?)
WITH cur AS MATERIALIZED (
    SELECT s.workflow_step_uuid, t.workflow_step_transition_uuid, t.to_state, t.sort_key, t.created_at,
           i.transition_uuid
      FROM unnest((SELECT $1)::uuid[], $2::uuid[]) AS i (step_uuid, transition_uuid)
      JOIN {schema}.tasker_workflow_steps s ON s.workflow_step_uuid = i.step_uuid
      JOIN {schema}.tasker_workflow_step_transitions t
           ON t.workflow_step_uuid = s.workflow_step_uuid AND t.most_recent
     CROSS JOIN LATERAL (SELECT s.task_uuid, $12) AS held (task_uuid, token)
     WHERE t.to_state = ANY ($3)
       AND ($6 IS NULL OR t.sort_key = $6)
       AND {still_held}
       AND (s.skippable OR NOT $11)
       AND (SELECT true FROM {schema}.tasker_workflow_step_transitions o
             WHERE o.workflow_step_transition_uuid = i.transition_uuid) IS NULL
       AND (NOT (SELECT $5)
            OR ((t.to_state = 'enqueued'
                 OR (SELECT r.ready_for_execution FROM {tasker_step_readiness_status} r
                      WHERE r.workflow_step_uuid = i.step_uuid))
                AND {step_as_seen}
                AND coalesce((SELECT kt.to_state FROM {schema}.tasker_task_transitions kt
                               WHERE kt.task_uuid = s.task_uuid AND kt.most_recent), 'pending')
                    IN {open}))
     ORDER BY s.workflow_step_uuid
       FOR NO KEY UPDATE OF s, t
), {flip_step}, ins AS (
    INSERT INTO {schema}.tasker_workflow_step_transitions
           (workflow_step_transition_uuid, workflow_step_uuid, to_state, from_state, metadata, sort_key, most_recent,
            created_at, updated_at)
    SELECT flip.transition_uuid, flip.workflow_step_uuid, $4, flip.to_state,
           jsonb_strip_nulls(jsonb_build_object('event', $7, 'actor', $8, 'reason', $9)) || coalesce($10, '{}'),
           flip.sort_key + 1, true, n.now, n.now
      FROM flip
     CROSS JOIN LATERAL (SELECT greatest(clock_timestamp() AT TIME ZONE 'UTC', flip.created_at) AS now) n
    RETURNING workflow_step_transition_uuid, workflow_step_uuid, from_state, to_state, sort_key, created_at
)
UPDATE {schema}.tasker_workflow_steps s
   SET in_process = ($4 IN {step_in_process}),
       processed = ($4 IN {step_processed}),
       processed_at = CASE WHEN $4 IN {step_processed} THEN ins.created_at END,
       attempts = CASE WHEN $4 IN {step_attempt} THEN coalesce(s.attempts, 0) + 1
                       WHEN $4 IN {step_attempts_anew}
                            AND NOT (s.retryable AND coalesce(s.attempts, 0) < coalesce(s.retry_limit, 3)) THEN 0
                       ELSE s.attempts END,
       last_attempted_at = CASE WHEN $4 IN {step_attempt} THEN ins.created_at ELSE s.last_attempted_at END,
       backoff_request_seconds = CASE WHEN $4 NOT IN {step_no_backoff} THEN s.backoff_request_seconds END,
       updated_at = ins.created_at
  FROM ins
 WHERE s.workflow_step_uuid = ins.workflow_step_uuid
RETURNING ins.workflow_step_uuid AS key, ins.workflow_step_transition_uuid AS transition_uuid,
          ins.from_state::text AS from_state, ins.to_state::text AS to_state, ins.sort_key::int4 AS sort_key,
          coalesce(s.attempts, 0)::int4 AS attempts,
          coalesce((SELECT kt.to_state FROM {schema}.tasker_task_transitions kt
                     WHERE kt.task_uuid = s.task_uuid AND kt.most_recent), 'pending')::text AS task_state,
          1::int4 AS moved;

-- How each step stands now, and whether the history holds the row that was to be written. In the order asked.
-- name: workflow_step_apply__look reads many step_look (workflow_step_uuids uuid[], transition_uuids uuid[], claim uuid?)
SELECT s.workflow_step_uuid IS NOT NULL AS found,
       (SELECT o.to_state::text
          FROM {schema}.tasker_workflow_step_transitions o
         WHERE o.workflow_step_transition_uuid = i.transition_uuid
           AND o.workflow_step_uuid = i.step_uuid) AS own_state,
       EXISTS (SELECT FROM {schema}.tasker_workflow_step_transitions o
                WHERE o.workflow_step_transition_uuid = i.transition_uuid
                  AND o.workflow_step_uuid <> i.step_uuid) AS own_elsewhere,
       t.workflow_step_transition_uuid AS transition_uuid,
       t.from_state::text AS from_state,
       t.to_state::text AS to_state,
       t.sort_key::int4 AS sort_key,
       r.attempts::int4 AS attempts,
       (r.total_parents - r.completed_parents)::int4 AS unmet_parents,
       r.retry_eligible AS retry_eligible,
       r.next_retry_at > (now() AT TIME ZONE 'UTC') AS waiting,
       r.next_retry_at::timestamp AS next_attempt_at,
       coalesce(s.skippable, false) AS skippable,
       {still_held} IS NOT TRUE AS claim_lost,
       coalesce(kt.to_state, CASE WHEN s.task_uuid IS NOT NULL THEN 'pending' END)::text AS task_state
  FROM unnest((SELECT $1)::uuid[], $2::uuid[]) WITH ORDINALITY AS i (step_uuid, transition_uuid, n)
  LEFT JOIN {schema}.tasker_workflow_steps s ON s.workflow_step_uuid = i.step_uuid
  LEFT JOIN {schema}.tasker_workflow_step_transitions t
         ON t.workflow_step_uuid = s.workflow_step_uuid AND t.most_recent
  LEFT JOIN {schema}.tasker_task_transitions kt ON kt.task_uuid = s.task_uuid AND kt.most_recent
  LEFT JOIN {tasker_step_readiness_status} r ON r.workflow_step_uuid = s.workflow_step_uuid
 CROSS JOIN LATERAL (SELECT s.task_uuid, $3) AS held (task_uuid, token)
 ORDER BY i.n;

-- Any one arrow of the task table. guard: 1 all steps done, 2 all steps at their end, 0 none.
-- A task that leaves pending and in_progress holds no claim any more.
-- name: task_apply writes many moved (task_uuids uuid[], transition_uuids uuid[], sources text[], target text, guard int4, expected_sort_key int4?, event text, actor text?, reason text?, metadata jsonb?, claim uuid?)
WITH cur AS MATERIALIZED (
    SELECT k.task_uuid, t.task_transition_uuid, t.to_state, t.sort_key, t.created_at, i.transition_uuid
      FROM unnest((SELECT $1)::uuid[], $2::uuid[]) AS i (task_uuid, transition_uuid)
      JOIN {schema}.tasker_tasks k ON k.task_uuid = i.task_uuid
      JOIN {schema}.tasker_task_transitions t ON t.task_uuid = k.task_uuid AND t.most_recent
     CROSS JOIN LATERAL (SELECT k.task_uuid, $11) AS held (task_uuid, token)
     WHERE t.to_state = ANY ($3)
       AND ($6 IS NULL OR t.sort_key = $6)
       AND {still_held}
       AND (SELECT true FROM {schema}.tasker_task_transitions o
             WHERE o.task_transition_uuid = i.transition_uuid) IS NULL
       AND ($5 = 0 OR (
           SELECT true
             FROM {schema}.tasker_workflow_steps s
             LEFT JOIN {schema}.tasker_workflow_step_transitions st
                    ON st.workflow_step_uuid = s.workflow_step_uuid AND st.most_recent
            WHERE s.task_uuid = k.task_uuid
              AND coalesce(st.to_state, 'pending') NOT IN {done}
              AND ($5 = 1 OR st.to_state IS DISTINCT FROM 'cancelled')
            LIMIT 1) IS NULL)
     ORDER BY k.task_uuid
       FOR NO KEY UPDATE OF k, t
), {flip_task}, ins AS (
    INSERT INTO {schema}.tasker_task_transitions
           (task_transition_uuid, task_uuid, to_state, from_state, metadata, sort_key, most_recent, created_at,
            updated_at)
    SELECT flip.transition_uuid, flip.task_uuid, $4, flip.to_state,
           jsonb_strip_nulls(jsonb_build_object('event', $7, 'actor', $8, 'reason', $9)) || coalesce($10, '{}'),
           flip.sort_key + 1, true, n.now, n.now
      FROM flip
     CROSS JOIN LATERAL (SELECT greatest(clock_timestamp() AT TIME ZONE 'UTC', flip.created_at) AS now) n
    RETURNING task_transition_uuid, task_uuid, from_state, to_state, sort_key, created_at
)
UPDATE {schema}.tasker_tasks k
   SET complete = ($4 IN {task_complete}),
       completed_at = CASE WHEN $4 IN {task_complete} THEN ins.created_at END,
       claim_id = CASE WHEN $4 NOT IN {task_no_claim} THEN k.claim_id END,
       claimed_at = CASE WHEN $4 NOT IN {task_no_claim} THEN k.claimed_at END,
       claimed_by = CASE WHEN $4 NOT IN {task_no_claim} THEN k.claimed_by END,
       updated_at = ins.created_at
  FROM ins
 WHERE k.task_uuid = ins.task_uuid
RETURNING ins.task_uuid AS key, ins.task_transition_uuid AS transition_uuid, ins.from_state::text AS from_state,
          ins.to_state::text AS to_state, ins.sort_key::int4 AS sort_key, 0::int4 AS attempts,
          ins.to_state::text AS task_state, 1::int4 AS moved;

-- The steps are counted as the guards of task_apply have it: whether it failed, or somebody was first.
-- name: task_apply__look reads many task_look (task_uuids uuid[], transition_uuids uuid[], claim uuid?)
SELECT k.task_uuid IS NOT NULL AS found,
       (SELECT o.to_state::text
          FROM {schema}.tasker_task_transitions o
         WHERE o.task_transition_uuid = i.transition_uuid
           AND o.task_uuid = i.task_uuid) AS own_state,
       EXISTS (SELECT FROM {schema}.tasker_task_transitions o
                WHERE o.task_transition_uuid = i.transition_uuid
                  AND o.task_uuid <> i.task_uuid) AS own_elsewhere,
       t.task_transition_uuid AS transition_uuid,
       t.from_state::text AS from_state,
       t.to_state::text AS to_state,
       t.sort_key::int4 AS sort_key,
       c.undone_steps::int8 AS undone_steps,
       c.open_steps::int8 AS open_steps,
       {still_held} IS NOT TRUE AS claim_lost
  FROM unnest((SELECT $1)::uuid[], $2::uuid[]) WITH ORDINALITY AS i (task_uuid, transition_uuid, n)
  LEFT JOIN {schema}.tasker_tasks k ON k.task_uuid = i.task_uuid
  LEFT JOIN {schema}.tasker_task_transitions t ON t.task_uuid = k.task_uuid AND t.most_recent
 CROSS JOIN LATERAL (SELECT k.task_uuid, $3) AS held (task_uuid, token)
 CROSS JOIN LATERAL (
       SELECT count(*) AS undone_steps, count(*) FILTER (WHERE st.to_state IS DISTINCT FROM 'cancelled') AS open_steps
         FROM {schema}.tasker_workflow_steps s
         LEFT JOIN {schema}.tasker_workflow_step_transitions st
                ON st.workflow_step_uuid = s.workflow_step_uuid AND st.most_recent
        WHERE s.task_uuid = k.task_uuid
          AND coalesce(st.to_state, 'pending') NOT IN {done}) c
 ORDER BY i.n;

-- Around writes that say themselves what they change in the ready set (0001_ready_set.sql); its triggers step aside.
-- name: workflow_step_apply__followed reads none ()
SELECT FROM set_config('tasker.followed', 'on', true);

-- name: workflow_step_apply__follow runs none (workflow_step_uuids uuid[])
SELECT FROM {schema}.tasker_ready_set_follow_steps($1), set_config('tasker.followed', 'off', true);

-- name: task_apply__follow runs none (task_uuids uuid[])
SELECT FROM {schema}.tasker_ready_set_follow_tasks($1), set_config('tasker.followed', 'off', true);
