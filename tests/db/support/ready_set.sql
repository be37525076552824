-- SPDX-License-Identifier: MIT
-- Words for the tests of the ready set: what programs that know nothing of it write, in few letters. Read by
-- ready_set_test.c. Times are in UTC, as tasker-core stores them.

CREATE TABLE letters (letter text PRIMARY KEY, uuid uuid NOT NULL);

-- The step of that letter; the task.
CREATE FUNCTION s(text) RETURNS uuid LANGUAGE sql STABLE AS $$ SELECT uuid FROM letters WHERE letter = $1 $$;
CREATE FUNCTION t() RETURNS uuid LANGUAGE sql STABLE AS $$ SELECT uuid FROM letters WHERE letter = 'task' $$;
CREATE FUNCTION utc() RETURNS timestamp LANGUAGE sql AS $$ SELECT clock_timestamp() AT TIME ZONE 'UTC' $$;

-- A change of state in two statements, as tasker-core writes it: the row that was current, then the one that is.
CREATE FUNCTION flip(step uuid, state text, metadata jsonb DEFAULT '{}') RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    old record;
BEGIN
    UPDATE tasker_workflow_step_transitions
       SET most_recent = false, updated_at = utc()
     WHERE workflow_step_uuid = step AND most_recent
    RETURNING to_state, sort_key INTO old;
    INSERT INTO tasker_workflow_step_transitions
           (workflow_step_uuid, to_state, from_state, metadata, sort_key, most_recent, created_at, updated_at)
    VALUES (step, state, old.to_state, metadata,
            1 + coalesce((SELECT max(sort_key) FROM tasker_workflow_step_transitions WHERE workflow_step_uuid = step), 0),
            true, utc(), utc());
END
$$;

CREATE FUNCTION flip_task(task uuid, state text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    old record;
BEGIN
    UPDATE tasker_task_transitions
       SET most_recent = false, updated_at = utc()
     WHERE task_uuid = task AND most_recent
    RETURNING to_state, sort_key INTO old;
    INSERT INTO tasker_task_transitions
           (task_uuid, to_state, from_state, sort_key, most_recent, created_at, updated_at)
    VALUES (task, state, old.to_state,
            1 + coalesce((SELECT max(sort_key) FROM tasker_task_transitions WHERE task_uuid = task), 0),
            true, utc(), utc());
END
$$;

-- Many steps in one statement each for what goes and what comes.
CREATE FUNCTION flip_all(steps uuid[], state text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE tasker_workflow_step_transitions
       SET most_recent = false
     WHERE workflow_step_uuid = ANY (steps) AND most_recent;
    INSERT INTO tasker_workflow_step_transitions
           (workflow_step_uuid, to_state, sort_key, most_recent, created_at, updated_at)
    SELECT i.step, state, 1 + coalesce(max(h.sort_key), 0), true, utc(), utc()
      FROM unnest(steps) AS i (step)
      LEFT JOIN tasker_workflow_step_transitions h ON h.workflow_step_uuid = i.step
     GROUP BY i.step
     ORDER BY i.step;
END
$$;

-- The attempt that begins, and the flags that end it.
CREATE FUNCTION start(step uuid) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE tasker_workflow_steps
       SET in_process = true, attempts = coalesce(attempts, 0) + 1, last_attempted_at = utc(), updated_at = utc()
     WHERE workflow_step_uuid = step;
    PERFORM flip(step, 'in_progress');
END
$$;

CREATE FUNCTION finish(step uuid, state text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE tasker_workflow_steps
       SET in_process = false, processed = state IN ('complete', 'resolved_manually'),
           processed_at = CASE WHEN state IN ('complete', 'resolved_manually') THEN utc() END, updated_at = utc()
     WHERE workflow_step_uuid = step;
    PERFORM flip(step, state);
END
$$;

-- A new step of the task, without history.
CREATE FUNCTION new_step(name text, task uuid DEFAULT t()) RETURNS uuid LANGUAGE sql AS $$
    INSERT INTO tasker_workflow_steps (task_uuid, named_step_uuid, retryable, in_process, processed, skippable,
                                       created_at, updated_at)
    SELECT task, named_step_uuid, true, false, false, false, utc(), utc() FROM tasker_named_steps LIMIT 1
    RETURNING workflow_step_uuid;
$$;

CREATE FUNCTION join_steps(parent uuid, child uuid) RETURNS void LANGUAGE sql AS $$
    INSERT INTO tasker_workflow_step_edges (from_step_uuid, to_step_uuid, name, created_at, updated_at)
    VALUES (parent, child, 'provides', utc(), utc());
$$;

CREATE FUNCTION part_steps(parent uuid, child uuid) RETURNS void LANGUAGE sql AS $$
    DELETE FROM tasker_workflow_step_edges WHERE from_step_uuid = parent AND to_step_uuid = child;
$$;

CREATE FUNCTION new_task() RETURNS uuid LANGUAGE sql AS $$
    INSERT INTO tasker_tasks (named_task_uuid, complete, requested_at, identity_hash, priority, claim_timeout_seconds,
                              created_at, updated_at)
    SELECT named_task_uuid, false, utc(), 'x', 0, 60, utc(), utc() FROM tasker_named_tasks LIMIT 1
    RETURNING task_uuid;
$$;

-- Every task that has nothing to do sleeps.
CREATE FUNCTION all_asleep() RETURNS void LANGUAGE sql AS $$
    SELECT tasker_ready_set_settle(ARRAY(SELECT task_uuid FROM tasker_task_queue));
$$;
