-- SPDX-License-Identifier: MIT
--
-- Queues for servers without pgmq: the same functions with the same arguments and answers, in a schema of their own
-- that all of a database's programs share, wherever their tasks are. Nothing here needs an extension.
--
-- A schema of this name that is there already stays as it is: ours, or somebody else's, which is refused. The lock is for
-- installers of several schemas of tasks in one database.
--
-- Rights: USAGE on the schema is enough to send, read, acknowledge and measure. Making, dropping and purging queues and
-- their wake-up switch belong to the owner. The functions that work on queues run with the owner's rights, so their
-- search path is pinned and the names of queues, which get into their statements, are checked by one function.

DO $tasker_queue$
BEGIN
PERFORM pg_advisory_xact_lock(hashtextextended('libtasker {queue_schema}', 0));
IF to_regnamespace('{queue_schema}') IS NOT NULL THEN
    IF NOT EXISTS (SELECT FROM pg_proc p
                    WHERE p.pronamespace = to_regnamespace('{queue_schema}') AND p.proname = 'version'
                      AND p.pronargs = 0 AND p.prorettype = 'int4'::regtype) THEN
        RAISE EXCEPTION 'a schema {queue_schema} of another program is in the way: install without_queue'
              USING ERRCODE = 'invalid_schema_name';
    END IF;
    RETURN;
END IF;
EXECUTE $tasker_queue_script$

CREATE SCHEMA {queue_schema};

-- The library asks for it before it uses anything else.
CREATE FUNCTION {queue_schema}.version() RETURNS integer
LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
    SELECT 1;
END;

CREATE TABLE {queue_schema}.queues (
    queue_name text PRIMARY KEY,
    created_at timestamptz NOT NULL,
    notify boolean NOT NULL
);

CREATE TYPE {queue_schema}.message_record AS (
    msg_id bigint, read_ct integer, enqueued_at timestamptz, vt timestamptz, message jsonb, headers jsonb);

CREATE TYPE {queue_schema}.metrics_result AS (
    queue_name text, queue_length bigint, newest_msg_age_sec integer, oldest_msg_age_sec integer,
    total_messages bigint, scrape_time timestamptz, queue_visible_length bigint);

-- The name, fit to stand in a statement as it is: with q_ or a_ before it no keyword, and no longer than names may be.
CREATE FUNCTION {queue_schema}.checked(queue_name text) RETURNS text
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
    IF queue_name IS NULL THEN
        RAISE EXCEPTION 'a queue name is required' USING ERRCODE = 'null_value_not_allowed';
    ELSIF queue_name COLLATE "C" !~ '^[a-z][a-z0-9_]{0,46}$' THEN
        RAISE EXCEPTION 'a queue name is a letter a-z and up to 46 of a-z, 0-9 and _'
              USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN queue_name;
END
$body$;


-- ---------------------------------------------------------------------------------------------------------------------
-- Queues
-- ---------------------------------------------------------------------------------------------------------------------

CREATE FUNCTION {queue_schema}.list_queues()
RETURNS TABLE (queue_name varchar, is_partitioned boolean, is_unlogged boolean, created_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT q.queue_name::varchar, false, false, q.created_at FROM {queue_schema}.queues q ORDER BY q.queue_name;
END;

-- Makers of one queue wait for each other; the second finds what the first has made.
CREATE FUNCTION {queue_schema}.make_queue(queue_name text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning
AS $body$
DECLARE
    name text := {queue_schema}.checked(queue_name);
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('{queue_schema}.queue_' || name));
    EXECUTE format($query$
        CREATE TABLE IF NOT EXISTS {queue_schema}.q_%1$s (
            msg_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            read_ct integer NOT NULL DEFAULT 0,
            enqueued_at timestamptz NOT NULL DEFAULT transaction_timestamp(),
            vt timestamptz NOT NULL,
            message jsonb NOT NULL,
            headers jsonb
        );
        CREATE INDEX IF NOT EXISTS q_%1$s_vt_idx ON {queue_schema}.q_%1$s (vt);
        CREATE TABLE IF NOT EXISTS {queue_schema}.a_%1$s (
            msg_id bigint PRIMARY KEY,
            read_ct integer NOT NULL,
            enqueued_at timestamptz NOT NULL,
            archived_at timestamptz NOT NULL DEFAULT transaction_timestamp(),
            vt timestamptz NOT NULL,
            message jsonb NOT NULL,
            headers jsonb
        );
        CREATE INDEX IF NOT EXISTS a_%1$s_at_idx ON {queue_schema}.a_%1$s (archived_at);
    $query$, name);
    INSERT INTO {queue_schema}.queues VALUES (name, clock_timestamp(), false) ON CONFLICT DO NOTHING;
END
$body$;

-- Anybody may ask for a queue that is there; only the owner makes one.
CREATE FUNCTION {queue_schema}.create(queue_name text) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
    name text := {queue_schema}.checked(queue_name);
BEGIN
    IF NOT EXISTS (SELECT FROM {queue_schema}.list_queues() q WHERE q.queue_name = name) THEN
        PERFORM {queue_schema}.make_queue(name);
    END IF;
END
$body$;

CREATE FUNCTION {queue_schema}.drop_queue(queue_name text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning
AS $body$
DECLARE
    name text := {queue_schema}.checked(queue_name);
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('{queue_schema}.queue_' || name));
    DELETE FROM {queue_schema}.queues q WHERE q.queue_name = name;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    EXECUTE format('DROP TABLE IF EXISTS {queue_schema}.q_%1$s, {queue_schema}.a_%1$s', name);
    RETURN true;
END
$body$;

-- Waits for the readers and senders of the messages that it removes, but for nobody else: no TRUNCATE.
CREATE FUNCTION {queue_schema}.purge_queue(queue_name text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
    purged bigint;
BEGIN
    EXECUTE format('DELETE FROM {queue_schema}.q_%s', {queue_schema}.checked(queue_name));
    GET DIAGNOSTICS purged = ROW_COUNT;
    RETURN purged;
END
$body$;

-- Whether a send wakes those who LISTEN on the channel tasker_q_<queue>.
CREATE FUNCTION {queue_schema}.set_notify(queue_name text, notify boolean) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
    name text := {queue_schema}.checked(queue_name);
    wanted boolean := coalesce(notify, false);
BEGIN
    UPDATE {queue_schema}.queues q SET notify = wanted WHERE q.queue_name = name;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no queue "%"', name USING ERRCODE = 'undefined_table';
    END IF;
END
$body$;

-- Without messages the ages are NULL. The sequence counts what was ever sent, rolled back or not.
CREATE FUNCTION {queue_schema}.metrics(queue_name text) RETURNS {queue_schema}.metrics_result
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
    name text := {queue_schema}.checked(queue_name);
    answer {queue_schema}.metrics_result;
BEGIN
    EXECUTE format($query$
        SELECT $1, count(*), extract(epoch FROM $2 - max(m.enqueued_at))::integer,
               extract(epoch FROM $2 - min(m.enqueued_at))::integer,
               (SELECT CASE WHEN s.is_called THEN s.last_value ELSE 0 END FROM {queue_schema}.q_%1$s_msg_id_seq s),
               $2, count(*) FILTER (WHERE m.vt <= $2)
          FROM {queue_schema}.q_%1$s m
    $query$, name) INTO answer USING name, clock_timestamp();
    RETURN answer;
END
$body$;

-- A queue that is dropped meanwhile is left out.
CREATE FUNCTION {queue_schema}.metrics_all() RETURNS SETOF {queue_schema}.metrics_result
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
    name text;
BEGIN
    FOR name IN SELECT q.queue_name FROM {queue_schema}.list_queues() q LOOP
        BEGIN
            RETURN NEXT {queue_schema}.metrics(name);
        EXCEPTION WHEN undefined_table THEN
            NULL;
        END;
    END LOOP;
END
$body$;

-- When the first of the messages that are hidden now appears; NULL: none is.
CREATE FUNCTION {queue_schema}.next_vt(queue_name text) RETURNS timestamptz
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
    answer timestamptz;
BEGIN
    EXECUTE format('SELECT min(m.vt) FROM {queue_schema}.q_%s m WHERE m.vt > $1', {queue_schema}.checked(queue_name))
       INTO answer USING clock_timestamp();
    RETURN answer;
END
$body$;

REVOKE ALL ON FUNCTION {queue_schema}.make_queue(text), {queue_schema}.drop_queue(text),
                       {queue_schema}.purge_queue(text), {queue_schema}.set_notify(text, boolean) FROM PUBLIC;

$tasker_queue_script$;
END
$tasker_queue$;
