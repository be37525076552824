-- SPDX-License-Identifier: MIT
--
-- Schema version 1, who keeps the ready set true where libtasker's own statements do not: triggers, one for each
-- statement that writes, whoever sends it. Run after 0001_ready_set_check.sql, in the same transaction and by the same
-- rules.
--
-- What a trigger passes on is only which rows may have changed. Old and new versions of rows are joined by hash: a plan
-- made for one row would take quadratic time for an UPDATE of all.
--
-- A row that is taken out of the current place and not yet replaced (tasker-core does it in two statements) leaves its
-- step pending for that moment, in that transaction alone.

-- ---------------------------------------------------------------------------------------------------------------------
-- Tasks and their states
-- ---------------------------------------------------------------------------------------------------------------------

CREATE FUNCTION {schema}.tasker_ready_set_tasks() RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = off
SET enable_mergejoin = off
SET jit = off
AS $tasker$
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM {schema}.tasker_ready_set_follow_new_tasks(ARRAY(SELECT n.task_uuid FROM new_rows n));
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM {schema}.tasker_ready_set_follow_tasks(ARRAY(SELECT o.task_uuid FROM old_rows o));
    ELSE
        PERFORM {schema}.tasker_ready_set_follow_changed_tasks(c.task_uuids)
           FROM (SELECT array_agg(coalesce(n.task_uuid, o.task_uuid)) AS task_uuids
                   FROM old_rows o
                   FULL JOIN new_rows n ON n.task_uuid = o.task_uuid
                  WHERE (n.complete, n.priority, n.created_at, n.named_task_uuid, n.claimed_at, n.claim_timeout_seconds)
                        IS DISTINCT FROM
                        (o.complete, o.priority, o.created_at, o.named_task_uuid, o.claimed_at,
                         o.claim_timeout_seconds)) c
          WHERE c.task_uuids IS NOT NULL;
    END IF;
    RETURN NULL;
END
$tasker$;

CREATE TRIGGER tasker_ready_set_tasks_insert
    AFTER INSERT ON {schema}.tasker_tasks
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT
    WHEN (pg_trigger_depth() > 0 OR current_setting('tasker.followed', true) IS DISTINCT FROM 'on')
    EXECUTE FUNCTION {schema}.tasker_ready_set_tasks();

CREATE TRIGGER tasker_ready_set_tasks_update
    AFTER UPDATE ON {schema}.tasker_tasks
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT
    WHEN (pg_trigger_depth() > 0 OR current_setting('tasker.followed', true) IS DISTINCT FROM 'on')
    EXECUTE FUNCTION {schema}.tasker_ready_set_tasks();

CREATE TRIGGER tasker_ready_set_tasks_delete
    AFTER DELETE ON {schema}.tasker_tasks
    REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT
    WHEN (pg_trigger_depth() > 0 OR current_setting('tasker.followed', true) IS DISTINCT FROM 'on')
    EXECUTE FUNCTION {schema}.tasker_ready_set_tasks();

CREATE FUNCTION {schema}.tasker_ready_set_task_transitions() RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = off
SET enable_mergejoin = off
SET jit = off
AS $tasker$
BEGIN
    IF TG_OP <> 'DELETE' THEN
        PERFORM {schema}.tasker_ready_set_follow_tasks(ARRAY(SELECT DISTINCT n.task_uuid FROM new_rows n));
    END IF;
    IF TG_OP <> 'INSERT' THEN
        PERFORM {schema}.tasker_ready_set_follow_tasks(ARRAY(SELECT DISTINCT o.task_uuid FROM old_rows o));
    END IF;
    RETURN NULL;
END
$tasker$;

CREATE TRIGGER tasker_ready_set_task_transitions_insert
    AFTER INSERT ON {schema}.tasker_task_transitions
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT
    WHEN (pg_trigger_depth() > 0 OR current_setting('tasker.followed', true) IS DISTINCT FROM 'on')
    EXECUTE FUNCTION {schema}.tasker_ready_set_task_transitions();

CREATE TRIGGER tasker_ready_set_task_transitions_update
    AFTER UPDATE ON {schema}.tasker_task_transitions
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT
    WHEN (pg_trigger_depth() > 0 OR current_setting('tasker.followed', true) IS DISTINCT FROM 'on')
    EXECUTE FUNCTION {schema}.tasker_ready_set_task_transitions();

CREATE TRIGGER tasker_ready_set_task_transitions_delete
    AFTER DELETE ON {schema}.tasker_task_transitions
    REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT
    WHEN (pg_trigger_depth() > 0 OR current_setting('tasker.followed', true) IS DISTINCT FROM 'on')
    EXECUTE FUNCTION {schema}.tasker_ready_set_task_transitions();

-- ---------------------------------------------------------------------------------------------------------------------
-- Steps and their states
-- ---------------------------------------------------------------------------------------------------------------------

CREATE FUNCTION {schema}.tasker_ready_set_steps() RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = off
SET enable_mergejoin = off
SET jit = off
AS $tasker$
DECLARE
    changed uuid[];
    moved uuid[];
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM {schema}.tasker_ready_set_follow_new_steps(ARRAY(SELECT n.workflow_step_uuid FROM new_rows n));
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM {schema}.tasker_ready_set_follow_new_steps(ARRAY(SELECT o.workflow_step_uuid FROM old_rows o));
    ELSE
        SELECT array_agg(coalesce(n.workflow_step_uuid, o.workflow_step_uuid)),
               array_agg(coalesce(n.workflow_step_uuid, o.workflow_step_uuid))
                   FILTER (WHERE n.task_uuid IS DISTINCT FROM o.task_uuid)
          INTO changed, moved
          FROM old_rows o
          FULL JOIN new_rows n ON n.workflow_step_uuid = o.workflow_step_uuid
         WHERE (n.task_uuid, n.processed, n.in_process, n.attempts, n.retry_limit, n.retryable, n.last_attempted_at,
                n.backoff_request_seconds)
               IS DISTINCT FROM
               (o.task_uuid, o.processed, o.in_process, o.attempts, o.retry_limit, o.retryable, o.last_attempted_at,
                o.backoff_request_seconds);
        IF moved IS NOT NULL THEN
            PERFORM {schema}.tasker_ready_set_follow_new_steps(moved);
        END IF;
        IF changed IS NOT NULL THEN
            PERFORM {schema}.tasker_ready_set_follow_steps(changed);
        END IF;
    END IF;
    RETURN NULL;
END
$tasker$;

CREATE TRIGGER tasker_ready_set_steps_insert
    AFTER INSERT ON {schema}.tasker_workflow_steps
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT
    WHEN (pg_trigger_depth() > 0 OR current_setting('tasker.followed', true) IS DISTINCT FROM 'on')
    EXECUTE FUNCTION {schema}.tasker_ready_set_steps();

CREATE TRIGGER tasker_ready_set_steps_update
    AFTER UPDATE ON {schema}.tasker_workflow_steps
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT
    WHEN (pg_trigger_depth() > 0 OR current_setting('tasker.followed', true) IS DISTINCT FROM 'on')
    EXECUTE FUNCTION {schema}.tasker_ready_set_steps();

CREATE TRIGGER tasker_ready_set_steps_delete
    AFTER DELETE ON {schema}.tasker_workflow_steps
    REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT
    WHEN (pg_trigger_depth() > 0 OR current_setting('tasker.followed', true) IS DISTINCT FROM 'on')
    EXECUTE FUNCTION {schema}.tasker_ready_set_steps();

CREATE FUNCTION {schema}.tasker_ready_set_step_transitions() RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = off
SET enable_mergejoin = off
SET jit = off
AS $tasker$
DECLARE
    left_behind uuid[];
BEGIN
    IF TG_OP <> 'DELETE' THEN
        PERFORM {schema}.tasker_ready_set_follow_steps(ARRAY(SELECT DISTINCT n.workflow_step_uuid FROM new_rows n));
    END IF;
    IF TG_OP = 'DELETE' THEN
        PERFORM {schema}.tasker_ready_set_follow_steps(ARRAY(SELECT DISTINCT o.workflow_step_uuid FROM old_rows o));
    ELSIF TG_OP = 'UPDATE' THEN
        left_behind := ARRAY(SELECT o.workflow_step_uuid FROM old_rows o
                             EXCEPT
                             SELECT n.workflow_step_uuid FROM new_rows n);
        IF left_behind <> '{}' THEN
            PERFORM {schema}.tasker_ready_set_follow_steps(left_behind);
        END IF;
    END IF;
    RETURN NULL;
END
$tasker$;

CREATE TRIGGER tasker_ready_set_step_transitions_insert
    AFTER INSERT ON {schema}.tasker_workflow_step_transitions
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT
    WHEN (pg_trigger_depth() > 0 OR current_setting('tasker.followed', true) IS DISTINCT FROM 'on')
    EXECUTE FUNCTION {schema}.tasker_ready_set_step_transitions();

CREATE TRIGGER tasker_ready_set_step_transitions_update
    AFTER UPDATE ON {schema}.tasker_workflow_step_transitions
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT
    WHEN (pg_trigger_depth() > 0 OR current_setting('tasker.followed', true) IS DISTINCT FROM 'on')
    EXECUTE FUNCTION {schema}.tasker_ready_set_step_transitions();

CREATE TRIGGER tasker_ready_set_step_transitions_delete
    AFTER DELETE ON {schema}.tasker_workflow_step_transitions
    REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT
    WHEN (pg_trigger_depth() > 0 OR current_setting('tasker.followed', true) IS DISTINCT FROM 'on')
    EXECUTE FUNCTION {schema}.tasker_ready_set_step_transitions();

-- ---------------------------------------------------------------------------------------------------------------------
-- Edges
-- ---------------------------------------------------------------------------------------------------------------------

CREATE FUNCTION {schema}.tasker_ready_set_edges() RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_nestloop = off
SET enable_mergejoin = off
SET jit = off
AS $tasker$
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM {schema}.tasker_ready_set_follow_edges(array_agg(n.from_step_uuid), array_agg(n.to_step_uuid), false)
           FROM new_rows n
         HAVING count(*) > 0;
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM {schema}.tasker_ready_set_follow_edges(array_agg(o.from_step_uuid), array_agg(o.to_step_uuid), true)
           FROM old_rows o
         HAVING count(*) > 0;
    ELSE
        PERFORM {schema}.tasker_ready_set_follow_edges(array_agg(c.from_step_uuid), array_agg(c.to_step_uuid), true)
           FROM (SELECT o.from_step_uuid, o.to_step_uuid FROM old_rows o
                  UNION ALL
                 SELECT n.from_step_uuid, n.to_step_uuid FROM new_rows n) c
         HAVING count(*) > 0;
    END IF;
    RETURN NULL;
END
$tasker$;

CREATE TRIGGER tasker_ready_set_edges_insert
    AFTER INSERT ON {schema}.tasker_workflow_step_edges
    REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT
    WHEN (pg_trigger_depth() > 0 OR current_setting('tasker.followed', true) IS DISTINCT FROM 'on')
    EXECUTE FUNCTION {schema}.tasker_ready_set_edges();

CREATE TRIGGER tasker_ready_set_edges_update
    AFTER UPDATE ON {schema}.tasker_workflow_step_edges
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT
    WHEN (pg_trigger_depth() > 0 OR current_setting('tasker.followed', true) IS DISTINCT FROM 'on')
    EXECUTE FUNCTION {schema}.tasker_ready_set_edges();

CREATE TRIGGER tasker_ready_set_edges_delete
    AFTER DELETE ON {schema}.tasker_workflow_step_edges
    REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT
    WHEN (pg_trigger_depth() > 0 OR current_setting('tasker.followed', true) IS DISTINCT FROM 'on')
    EXECUTE FUNCTION {schema}.tasker_ready_set_edges();

-- ---------------------------------------------------------------------------------------------------------------------
-- TRUNCATE
-- ---------------------------------------------------------------------------------------------------------------------

CREATE FUNCTION {schema}.tasker_ready_set_truncated() RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $tasker$
BEGIN
    IF TG_TABLE_NAME = 'tasker_workflow_steps' THEN
        TRUNCATE {schema}.tasker_step_readiness; -- also what the snapshot does not see of it
    ELSIF TG_TABLE_NAME = 'tasker_tasks' THEN
        TRUNCATE {schema}.tasker_task_queue;
    END IF;
    PERFORM {schema}.tasker_ready_set_rebuild();
    RETURN NULL;
END
$tasker$;

CREATE TRIGGER tasker_ready_set_truncated
    AFTER TRUNCATE ON {schema}.tasker_tasks
    FOR EACH STATEMENT EXECUTE FUNCTION {schema}.tasker_ready_set_truncated();

CREATE TRIGGER tasker_ready_set_truncated
    AFTER TRUNCATE ON {schema}.tasker_task_transitions
    FOR EACH STATEMENT EXECUTE FUNCTION {schema}.tasker_ready_set_truncated();

CREATE TRIGGER tasker_ready_set_truncated
    AFTER TRUNCATE ON {schema}.tasker_workflow_steps
    FOR EACH STATEMENT EXECUTE FUNCTION {schema}.tasker_ready_set_truncated();

CREATE TRIGGER tasker_ready_set_truncated
    AFTER TRUNCATE ON {schema}.tasker_workflow_step_transitions
    FOR EACH STATEMENT EXECUTE FUNCTION {schema}.tasker_ready_set_truncated();

CREATE TRIGGER tasker_ready_set_truncated
    AFTER TRUNCATE ON {schema}.tasker_workflow_step_edges
    FOR EACH STATEMENT EXECUTE FUNCTION {schema}.tasker_ready_set_truncated();

-- ---------------------------------------------------------------------------------------------------------------------
-- Rights
-- ---------------------------------------------------------------------------------------------------------------------

-- Triggers need none of those who fire them. Whoever may call them, or put them on tables of his own, could make the
-- ready set untrue; what is left to everybody only makes it say what the tables say.
REVOKE ALL ON FUNCTION
    {schema}.tasker_ready_set_tasks(), {schema}.tasker_ready_set_task_transitions(), {schema}.tasker_ready_set_steps(),
    {schema}.tasker_ready_set_step_transitions(), {schema}.tasker_ready_set_edges(),
    {schema}.tasker_ready_set_truncated(), {schema}.tasker_ready_set_follow_edges(uuid[], uuid[], boolean),
    {schema}.tasker_ready_set_follow_new_steps(uuid[]), {schema}.tasker_ready_set_wake(uuid[], timestamp[]),
    {schema}.tasker_ready_set_recompute(uuid[])
    FROM PUBLIC;
