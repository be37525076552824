-- SPDX-License-Identifier: MIT
-- Operations on whole tasks, and on steps with what depends on them. The shape of the writes is explained in
-- lifecycle.sql; here a second round of it, for the steps, hangs on the first. All are sent behind a lock on the task
-- rows and one on the steps, each a statement of its own, so that the snapshot that decides is taken with both held: a
-- step that is just being started is waited for, and is there as what it has become.
--
-- The keys of history rows that go along are made by the table: the row under the caller's key stands for all of them.

-- Steps that are at their end stay there: only workflow_step_reset leads out of it, and that holds the task row too.
-- name: task_cancel__lock_steps runs none (task_uuids uuid[])
SELECT
  FROM {schema}.tasker_workflow_steps s
 WHERE s.task_uuid = ANY ($1)
   AND coalesce((SELECT t.to_state FROM {schema}.tasker_workflow_step_transitions t
                  WHERE t.workflow_step_uuid = s.workflow_step_uuid AND t.most_recent), 'pending')
       NOT IN {terminal}
 ORDER BY s.workflow_step_uuid
   FOR NO KEY UPDATE OF s;

-- part: cur_task ($1 task_uuids, $2 transition_uuids, $3 sources, $5 expected_sort_key, $10 claim)
cur AS MATERIALIZED (
    SELECT k.task_uuid, t.task_transition_uuid, t.to_state, t.sort_key, t.created_at, i.transition_uuid
      FROM unnest($1::uuid[], $2::uuid[]) AS i (task_uuid, transition_uuid)
      JOIN {schema}.tasker_tasks k ON k.task_uuid = i.task_uuid
      JOIN {schema}.tasker_task_transitions t ON t.task_uuid = k.task_uuid AND t.most_recent
     CROSS JOIN LATERAL (SELECT k.task_uuid, $10) AS held (task_uuid, token)
     WHERE t.to_state = ANY ($3)
       AND ($5 IS NULL OR t.sort_key = $5)
       AND {still_held}
       AND (SELECT true FROM {schema}.tasker_task_transitions o
             WHERE o.task_transition_uuid = i.transition_uuid) IS NULL
     ORDER BY k.task_uuid
       FOR NO KEY UPDATE OF k, t
)

-- part: ins_task (flip, $4 target, $6 event, $7 actor, $8 reason, $9 metadata)
ins AS (
    INSERT INTO {schema}.tasker_task_transitions
           (task_transition_uuid, task_uuid, to_state, from_state, metadata, sort_key, most_recent, created_at,
            updated_at)
    SELECT flip.transition_uuid, flip.task_uuid, $4, flip.to_state,
           jsonb_strip_nulls(jsonb_build_object('event', $6, 'actor', $7, 'reason', $8)) || coalesce($9, '{}'),
           flip.sort_key + 1, true, n.now, n.now
      FROM flip
     CROSS JOIN LATERAL (SELECT greatest(clock_timestamp() AT TIME ZONE 'UTC', flip.created_at) AS now) n
    RETURNING task_transition_uuid, task_uuid, from_state, to_state, sort_key, created_at
)

-- part: flip_own_step (cur_step: the current rows, locked)
flip_step AS (
    UPDATE {schema}.tasker_workflow_step_transitions t
       SET most_recent = false, updated_at = clock_timestamp() AT TIME ZONE 'UTC'
      FROM cur_step
     WHERE t.workflow_step_transition_uuid = cur_step.workflow_step_transition_uuid
    RETURNING cur_step.*
)

-- A task that is cancelled already and still has open steps (task_apply touches none) loses these, without a new row of
-- its own. A step without history gets the one row that says all.
-- name: task_cancel writes many moved (task_uuids uuid[], transition_uuids uuid[], sources text[], target text, expected_sort_key int4?, event text, actor text?, reason text?, metadata jsonb?, claim uuid?, step_sources text[])
WITH {cur_task}, {flip_task}, {ins_task}, task AS (
    UPDATE {schema}.tasker_tasks k
       SET complete = false, completed_at = NULL, claim_id = NULL, claimed_at = NULL, claimed_by = NULL,
           updated_at = ins.created_at
      FROM ins
     WHERE k.task_uuid = ins.task_uuid
), scope AS MATERIALIZED (
    SELECT ins.task_uuid, ins.task_transition_uuid AS transition_uuid, ins.from_state, ins.sort_key, 1 AS moved FROM ins
    UNION ALL
    SELECT DISTINCT ON (t.task_uuid) t.task_uuid, i.transition_uuid, t.from_state, t.sort_key, 0
      FROM unnest($1::uuid[], $2::uuid[]) AS i (task_uuid, transition_uuid)
      JOIN {schema}.tasker_task_transitions t ON t.task_uuid = i.task_uuid AND t.most_recent
     CROSS JOIN LATERAL (SELECT i.task_uuid, $10) AS held (task_uuid, token)
     WHERE t.to_state = $4
       AND ($5 IS NULL OR t.sort_key = $5)
       AND {still_held}
       AND (SELECT true FROM {schema}.tasker_task_transitions o
             WHERE o.task_transition_uuid = i.transition_uuid) IS NULL
), cur_step AS MATERIALIZED (
    SELECT s.workflow_step_uuid, s.task_uuid, t.workflow_step_transition_uuid, t.to_state, t.sort_key, t.created_at
      FROM scope
      JOIN {schema}.tasker_workflow_steps s ON s.task_uuid = scope.task_uuid
      JOIN {schema}.tasker_workflow_step_transitions t
           ON t.workflow_step_uuid = s.workflow_step_uuid AND t.most_recent
     WHERE t.to_state = ANY ($11)
     ORDER BY s.workflow_step_uuid
       FOR NO KEY UPDATE OF s, t
), {flip_own_step}, ins_step AS (
    INSERT INTO {schema}.tasker_workflow_step_transitions
           (workflow_step_uuid, to_state, from_state, metadata, sort_key, most_recent, created_at, updated_at)
    SELECT f.workflow_step_uuid, $4, f.to_state,
           jsonb_strip_nulls(jsonb_build_object('event', $6, 'actor', $7, 'reason', $8)) || coalesce($9, '{}'),
           f.sort_key + 1, true, n.now, n.now
      FROM flip_step f
     CROSS JOIN LATERAL (SELECT greatest(clock_timestamp() AT TIME ZONE 'UTC', f.created_at) AS now) n
    RETURNING workflow_step_uuid, created_at
), first_step AS (
    INSERT INTO {schema}.tasker_workflow_step_transitions
           (workflow_step_uuid, to_state, from_state, metadata, sort_key, most_recent, created_at, updated_at)
    SELECT s.workflow_step_uuid, $4, 'pending',
           jsonb_strip_nulls(jsonb_build_object('event', $6, 'actor', $7, 'reason', $8)) || coalesce($9, '{}'),
           1, true, n.now, n.now
      FROM scope
      JOIN {schema}.tasker_workflow_steps s ON s.task_uuid = scope.task_uuid
     CROSS JOIN LATERAL (SELECT clock_timestamp() AT TIME ZONE 'UTC' AS now) n
     WHERE (SELECT true FROM {schema}.tasker_workflow_step_transitions t
             WHERE t.workflow_step_uuid = s.workflow_step_uuid LIMIT 1) IS NULL
     ORDER BY s.workflow_step_uuid
    ON CONFLICT (workflow_step_uuid, most_recent) WHERE most_recent DO NOTHING
    RETURNING workflow_step_uuid, created_at
), step AS (
    UPDATE {schema}.tasker_workflow_steps s
       SET in_process = false, processed = false, processed_at = NULL, backoff_request_seconds = NULL,
           updated_at = w.created_at
      FROM (SELECT * FROM ins_step UNION ALL SELECT * FROM first_step) w
     WHERE s.workflow_step_uuid = w.workflow_step_uuid
    RETURNING s.task_uuid
)
SELECT scope.task_uuid AS key, scope.transition_uuid AS transition_uuid, scope.from_state::text AS from_state,
       $4::text AS to_state, scope.sort_key::int4 AS sort_key, 0::int4 AS attempts, $4::text AS task_state,
       (scope.moved + c.steps)::int4 AS moved
  FROM scope
 CROSS JOIN LATERAL (SELECT count(*) AS steps FROM step WHERE step.task_uuid = scope.task_uuid) c
 WHERE scope.moved + c.steps > 0;

-- Steps in error go to pending as new: no attempts, no backoff. So do the attempts of pending ones that could never
-- start again (others leave such behind), which is no change of state.
-- name: task_reset writes many moved (task_uuids uuid[], transition_uuids uuid[], sources text[], target text, expected_sort_key int4?, event text, actor text?, reason text?, metadata jsonb?, claim uuid?)
WITH {cur_task}, {flip_task}, {ins_task}, task AS (
    UPDATE {schema}.tasker_tasks k
       SET complete = false, completed_at = NULL, updated_at = ins.created_at
      FROM ins
     WHERE k.task_uuid = ins.task_uuid
), cur_step AS MATERIALIZED (
    SELECT s.workflow_step_uuid, s.task_uuid, t.workflow_step_transition_uuid, t.to_state, t.sort_key, t.created_at
      FROM ins
      JOIN {schema}.tasker_workflow_steps s ON s.task_uuid = ins.task_uuid
      JOIN {schema}.tasker_workflow_step_transitions t
           ON t.workflow_step_uuid = s.workflow_step_uuid AND t.most_recent
     WHERE t.to_state = 'error'
     ORDER BY s.workflow_step_uuid
       FOR NO KEY UPDATE OF s, t
), {flip_own_step}, ins_step AS (
    INSERT INTO {schema}.tasker_workflow_step_transitions
           (workflow_step_uuid, to_state, from_state, metadata, sort_key, most_recent, created_at, updated_at)
    SELECT f.workflow_step_uuid, $4, f.to_state,
           jsonb_strip_nulls(jsonb_build_object('event', $6, 'actor', $7, 'reason', $8)) || coalesce($9, '{}'),
           f.sort_key + 1, true, n.now, n.now
      FROM flip_step f
     CROSS JOIN LATERAL (SELECT greatest(clock_timestamp() AT TIME ZONE 'UTC', f.created_at) AS now) n
    RETURNING workflow_step_uuid, created_at
), blocked AS MATERIALIZED (
    SELECT s.workflow_step_uuid, ins.created_at
      FROM ins
      JOIN {schema}.tasker_workflow_steps s ON s.task_uuid = ins.task_uuid
     WHERE s.attempts > 0
       AND NOT (s.retryable AND s.attempts < coalesce(s.retry_limit, 3))
       AND coalesce((SELECT t.to_state FROM {schema}.tasker_workflow_step_transitions t
                      WHERE t.workflow_step_uuid = s.workflow_step_uuid AND t.most_recent), 'pending') = 'pending'
), step AS (
    UPDATE {schema}.tasker_workflow_steps s
       SET in_process = false, processed = false, processed_at = NULL, attempts = 0, backoff_request_seconds = NULL,
           updated_at = greatest(w.created_at, s.updated_at + interval '1 microsecond')
      FROM (SELECT * FROM ins_step UNION ALL SELECT * FROM blocked) w
     WHERE s.workflow_step_uuid = w.workflow_step_uuid
)
SELECT ins.task_uuid AS key, ins.task_transition_uuid AS transition_uuid, ins.from_state::text AS from_state,
       ins.to_state::text AS to_state, ins.sort_key::int4 AS sort_key, 0::int4 AS attempts,
       ins.to_state::text AS task_state,
       (1 + (SELECT count(*) FROM flip_step f WHERE f.task_uuid = ins.task_uuid))::int4 AS moved
  FROM ins;

-- The ready set learns of a whole task at once, of its steps first: what hangs on these is locked before the tasks' rows
-- in it, as by everybody else; task_apply__follow comes behind. Steps that were done are left alone by all of this.
-- name: task_cancel__follow_steps runs none (task_uuids uuid[])
SELECT
  FROM {schema}.tasker_ready_set_follow_steps(ARRAY(
           SELECT s.workflow_step_uuid
             FROM {schema}.tasker_workflow_steps s
            WHERE s.task_uuid = ANY ($1)
              AND NOT (SELECT r.done FROM {schema}.tasker_step_readiness r
                        WHERE r.workflow_step_uuid = s.workflow_step_uuid)));

-- ---- steps ----

-- The steps that each item takes along: itself, and with $2 all that depend on it.
-- part: reached ($1 workflow_step_uuids, $2 descendants)
reached (root_uuid, step_uuid) AS (
    SELECT i.step_uuid, i.step_uuid FROM unnest($1::uuid[]) AS i (step_uuid)
    UNION
    SELECT r.root_uuid, e.to_step_uuid
      FROM reached r
      JOIN {schema}.tasker_workflow_step_edges e ON e.from_step_uuid = r.step_uuid
     WHERE $2
)

-- Those, and their children: one of them may be about to start, because its parents were done.
-- name: workflow_step_reset__lock_steps runs none (workflow_step_uuids uuid[], descendants bool)
WITH RECURSIVE {reached}, touched AS MATERIALIZED (
    SELECT r.step_uuid FROM reached r
    UNION
    SELECT e.to_step_uuid
      FROM reached r
      JOIN {schema}.tasker_workflow_step_edges e ON e.from_step_uuid = r.step_uuid
)
SELECT
  FROM {schema}.tasker_workflow_steps s
 WHERE s.workflow_step_uuid IN (SELECT step_uuid FROM touched)
 ORDER BY s.workflow_step_uuid
   FOR NO KEY UPDATE OF s;

-- Is anything on its way that stands on what the item would take back? Children that are not taken along must not have
-- been started, those that are must have come to rest.
-- part: in_the_way (reached, item: with root_uuid, $2 descendants)
coalesce((SELECT true
            FROM reached r
            JOIN {schema}.tasker_workflow_step_edges e ON e.from_step_uuid = r.step_uuid
            JOIN {schema}.tasker_workflow_step_transitions ct
                 ON ct.workflow_step_uuid = e.to_step_uuid AND ct.most_recent
           WHERE r.root_uuid = item.root_uuid
             AND (ct.to_state IN {busy} OR (ct.to_state = 'complete' AND NOT $2))
           LIMIT 1), false)

-- The way out of every state in which nobody works on the step. Whoever waits to start a child whose parent is taken
-- back finds that child's updated_at moved (step_as_seen).
-- name: workflow_step_reset writes many moved (workflow_step_uuids uuid[], descendants bool, transition_uuids uuid[], expected_sort_key int4?, actor text?, reason text?, metadata jsonb?, claim uuid?)
WITH RECURSIVE {reached}, item AS MATERIALIZED (
    SELECT i.step_uuid AS root_uuid, i.transition_uuid, coalesce(kt.to_state, 'pending') AS task_state
      FROM unnest($1::uuid[], $3::uuid[]) AS i (step_uuid, transition_uuid)
      JOIN {schema}.tasker_workflow_steps s ON s.workflow_step_uuid = i.step_uuid
      JOIN {schema}.tasker_workflow_step_transitions t
           ON t.workflow_step_uuid = s.workflow_step_uuid AND t.most_recent
      LEFT JOIN {schema}.tasker_task_transitions kt ON kt.task_uuid = s.task_uuid AND kt.most_recent
     CROSS JOIN LATERAL (SELECT s.task_uuid, $8) AS held (task_uuid, token)
     WHERE t.to_state IN {step_reset_from}
       AND ($4 IS NULL OR t.sort_key = $4)
       AND {still_held}
       AND coalesce(kt.to_state, 'pending') NOT IN {terminal}
       AND (SELECT true FROM {schema}.tasker_workflow_step_transitions o
             WHERE o.workflow_step_transition_uuid = i.transition_uuid) IS NULL
), chosen AS MATERIALIZED (
    SELECT DISTINCT ON (r.step_uuid) r.step_uuid, item.root_uuid, item.transition_uuid, item.task_state
      FROM item
      JOIN reached r ON r.root_uuid = item.root_uuid
     WHERE NOT {in_the_way}
     ORDER BY r.step_uuid, r.step_uuid <> item.root_uuid, item.root_uuid, item.transition_uuid
), cur_step AS MATERIALIZED (
    SELECT s.workflow_step_uuid, t.workflow_step_transition_uuid, t.to_state, t.sort_key, t.created_at,
           c.root_uuid, c.transition_uuid, c.task_state
      FROM chosen c
      JOIN {schema}.tasker_workflow_steps s ON s.workflow_step_uuid = c.step_uuid
      JOIN {schema}.tasker_workflow_step_transitions t
           ON t.workflow_step_uuid = s.workflow_step_uuid AND t.most_recent
     WHERE t.to_state IN {step_reset_from}
     ORDER BY s.workflow_step_uuid
       FOR NO KEY UPDATE OF s, t
), {flip_own_step}, moving AS MATERIALIZED (
    SELECT f.*, greatest(clock_timestamp() AT TIME ZONE 'UTC', f.created_at) AS now,
           jsonb_strip_nulls(jsonb_build_object('event', 'reset', 'actor', $5, 'reason', $6))
               || coalesce($7, '{}') AS metadata
      FROM flip_step f
), ins_item AS (
    INSERT INTO {schema}.tasker_workflow_step_transitions
           (workflow_step_transition_uuid, workflow_step_uuid, to_state, from_state, metadata, sort_key, most_recent,
            created_at, updated_at)
    SELECT m.transition_uuid, m.workflow_step_uuid, 'pending', m.to_state, m.metadata, m.sort_key + 1, true, m.now,
           m.now
      FROM moving m
     WHERE m.workflow_step_uuid = m.root_uuid
), ins_other AS (
    INSERT INTO {schema}.tasker_workflow_step_transitions
           (workflow_step_uuid, to_state, from_state, metadata, sort_key, most_recent, created_at, updated_at)
    SELECT m.workflow_step_uuid, 'pending', m.to_state, m.metadata, m.sort_key + 1, true, m.now, m.now
      FROM moving m
     WHERE m.workflow_step_uuid <> m.root_uuid
), step AS (
    UPDATE {schema}.tasker_workflow_steps s
       SET in_process = false, processed = false, processed_at = NULL, results = NULL, attempts = 0,
           backoff_request_seconds = NULL, updated_at = greatest(m.now, s.updated_at + interval '1 microsecond')
      FROM moving m
     WHERE s.workflow_step_uuid = m.workflow_step_uuid
), child AS (
    UPDATE {schema}.tasker_workflow_steps s
       SET updated_at = greatest(clock_timestamp() AT TIME ZONE 'UTC', s.updated_at + interval '1 microsecond')
     WHERE s.workflow_step_uuid IN (
           SELECT e.to_step_uuid
             FROM moving m
             JOIN {schema}.tasker_workflow_step_edges e ON e.from_step_uuid = m.workflow_step_uuid)
       AND s.workflow_step_uuid NOT IN (SELECT m.workflow_step_uuid FROM moving m)
)
SELECT m.workflow_step_uuid AS key, m.transition_uuid AS transition_uuid, m.to_state::text AS from_state,
       'pending'::text AS to_state, (m.sort_key + 1)::int4 AS sort_key, 0::int4 AS attempts,
       m.task_state::text AS task_state,
       (SELECT count(*) FROM moving o WHERE o.root_uuid = m.root_uuid)::int4 AS moved
  FROM moving m
 WHERE m.workflow_step_uuid = m.root_uuid;

-- In the order asked.
-- name: workflow_step_reset__hindered reads many step_hindered (workflow_step_uuids uuid[], descendants bool)
WITH RECURSIVE {reached}
SELECT {in_the_way} AS hindered
  FROM unnest($1::uuid[]) WITH ORDINALITY AS item (root_uuid, n)
 ORDER BY item.n;
