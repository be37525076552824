-- SPDX-License-Identifier: MIT
-- The campaign of claims: the server's own record, and the functions of the plain client.

-- One sequence for both: a task's claims and the writes under them hold the task's row, so their numbers are in the order
-- in which they happened.
CREATE SEQUENCE journal_order;

CREATE TABLE journal_claims (
    n           bigint PRIMARY KEY DEFAULT nextval('journal_order'),
    task_uuid   uuid,
    claim_id    text,
    claimed_at  timestamp,
    lease_until timestamp,
    xact        bigint DEFAULT txid_current()
);
CREATE INDEX ON journal_claims (task_uuid, n);

CREATE TABLE journal_writes (
    n         bigint PRIMARY KEY DEFAULT nextval('journal_order'),
    task_uuid uuid,
    claim_id  text,
    xact      bigint DEFAULT txid_current()
);

CREATE FUNCTION journal_claim() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$
BEGIN
    INSERT INTO journal_claims (task_uuid, claim_id, claimed_at, lease_until)
    VALUES (new.task_uuid, new.claim_id, new.claimed_at,
            new.claimed_at + new.claim_timeout_seconds * interval '1 second');
    RETURN NULL;
END
$$;

CREATE TRIGGER journal
    AFTER UPDATE ON tasker_tasks
    FOR EACH ROW
    WHEN ((new.claim_id, new.claimed_at) IS DISTINCT FROM (old.claim_id, old.claimed_at))
    EXECUTE FUNCTION journal_claim();

-- Writes name their claim as the actor, or in a setting of the session.
CREATE FUNCTION journal_write() RETURNS trigger LANGUAGE plpgsql SET search_path = public AS $$
DECLARE
    claim CONSTANT text := coalesce(nullif(current_setting('campaign.claim', true), ''),
                                    substring(new.metadata ->> 'actor' FROM '^claim (.*)'));
BEGIN
    IF claim IS NOT NULL AND TG_ARGV[0] = 'task' THEN
        INSERT INTO journal_writes (task_uuid, claim_id) VALUES (new.task_uuid, claim);
    ELSIF claim IS NOT NULL THEN
        INSERT INTO journal_writes (task_uuid, claim_id)
        SELECT s.task_uuid, claim FROM tasker_workflow_steps s WHERE s.workflow_step_uuid = new.workflow_step_uuid;
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER journal
    AFTER INSERT ON tasker_task_transitions
    FOR EACH ROW EXECUTE FUNCTION journal_write('task');

CREATE TRIGGER journal
    AFTER INSERT ON tasker_workflow_step_transitions
    FOR EACH ROW EXECUTE FUNCTION journal_write('step');

-- The plain client runs a step: it locks nothing but the step, and says nothing to the ready set.
CREATE FUNCTION plain_move(step uuid, before text, after text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    last integer;
BEGIN
    PERFORM FROM tasker_workflow_steps WHERE workflow_step_uuid = step FOR NO KEY UPDATE;
    UPDATE tasker_workflow_step_transitions
       SET most_recent = false
     WHERE workflow_step_uuid = step AND most_recent AND to_state = before
    RETURNING sort_key INTO last;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    INSERT INTO tasker_workflow_step_transitions
           (workflow_step_uuid, from_state, to_state, sort_key, most_recent, created_at, updated_at)
    SELECT step, before, after, last + 1, true, now, now FROM timezone('UTC', clock_timestamp()) now;
    UPDATE tasker_workflow_steps
       SET in_process = after = 'in_progress',
           processed = after = 'complete',
           processed_at = CASE WHEN after = 'complete' THEN timezone('UTC', clock_timestamp()) END,
           attempts = coalesce(attempts, 0) + (after = 'in_progress')::int,
           last_attempted_at = CASE WHEN after = 'in_progress' THEN timezone('UTC', clock_timestamp())
                                    ELSE last_attempted_at END
     WHERE workflow_step_uuid = step;
    RETURN true;
END
$$;

CREATE FUNCTION plain_run(chance float) RETURNS bigint LANGUAGE sql AS $$
    SELECT count(*) FILTER (WHERE plain_move(r.workflow_step_uuid, 'pending', 'in_progress')
                              AND plain_move(r.workflow_step_uuid, 'in_progress', 'complete'))
      FROM (SELECT workflow_step_uuid
              FROM tasker_step_readiness
             WHERE available_at <= timezone('UTC', now()) AND random() < chance
             LIMIT 1) r
$$;

-- A task like the first one: as many steps of the same names, and an edge between two of them.
CREATE FUNCTION plain_insert() RETURNS bigint LANGUAGE sql AS $$
    WITH old AS (
        SELECT * FROM tasker_tasks ORDER BY task_uuid LIMIT 1
    ), task AS (
        INSERT INTO tasker_tasks (named_task_uuid, identity_hash, priority, claim_timeout_seconds, requested_at,
                                  created_at, updated_at)
        SELECT named_task_uuid, gen_random_uuid()::text, (random() * 10)::int, 1, n, n, n
          FROM old, timezone('UTC', now()) n
        RETURNING task_uuid
    ), step AS (
        INSERT INTO tasker_workflow_steps (task_uuid, named_step_uuid, created_at, updated_at)
        SELECT task.task_uuid, s.named_step_uuid, n, n
          FROM task, timezone('UTC', now()) n, tasker_workflow_steps s
          JOIN old USING (task_uuid)
        RETURNING workflow_step_uuid
    ), edge AS (
        INSERT INTO tasker_workflow_step_edges (from_step_uuid, to_step_uuid, name, created_at, updated_at)
        SELECT min(workflow_step_uuid::text)::uuid, max(workflow_step_uuid::text)::uuid, 'provides',
               min(timezone('UTC', now())), min(timezone('UTC', now()))
          FROM step
    ), first AS (
        INSERT INTO tasker_workflow_step_transitions
               (workflow_step_uuid, to_state, sort_key, most_recent, created_at, updated_at)
        SELECT workflow_step_uuid, 'pending', 1, true, n, n FROM step, timezone('UTC', now()) n
    )
    SELECT count(*) FROM step
$$;
