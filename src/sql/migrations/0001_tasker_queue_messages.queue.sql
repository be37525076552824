-- SPDX-License-Identifier: MIT
--
-- The messages in the queues of 0001_tasker_queue.queue.sql, made with them or not at all.

DO $tasker_queue$
BEGIN
IF EXISTS (SELECT FROM pg_proc p
            WHERE p.pronamespace = to_regnamespace('{queue_schema}') AND p.proname = 'send_batch') THEN
    RETURN;
END IF;
EXECUTE $tasker_queue_script$


-- ---------------------------------------------------------------------------------------------------------------------
-- Sending
-- ---------------------------------------------------------------------------------------------------------------------

-- All others end here. Numbers are given in the order of the array. A message that is to be seen later wakes nobody.
CREATE FUNCTION {queue_schema}.send_batch(queue_name text, msgs jsonb[], headers jsonb[], delay timestamptz)
RETURNS SETOF bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
    name text := {queue_schema}.checked(queue_name);
BEGIN
    IF delay IS NULL OR array_position(msgs, NULL) IS NOT NULL THEN
        RAISE EXCEPTION 'a message and its delay must not be NULL' USING ERRCODE = 'null_value_not_allowed';
    ELSIF cardinality(headers) <> coalesce(cardinality(msgs), 0) THEN
        RAISE EXCEPTION 'headers are as many as messages' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN QUERY EXECUTE format($query$
        INSERT INTO {queue_schema}.q_%s (vt, message, headers)
        SELECT $1, m.message, m.headers
          FROM unnest($2, $3) WITH ORDINALITY AS m (message, headers, n)
         ORDER BY m.n
        RETURNING msg_id
    $query$, name) USING delay, msgs, headers;
    IF FOUND AND delay <= clock_timestamp()
       AND EXISTS (SELECT FROM {queue_schema}.queues q WHERE q.queue_name = name AND q.notify) THEN
        PERFORM pg_notify('tasker_q_' || name, '');
    END IF;
END
$body$;

CREATE FUNCTION {queue_schema}.send_batch(queue_name text, msgs jsonb[], headers jsonb[], delay integer)
RETURNS SETOF bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
    RETURN QUERY SELECT s FROM {queue_schema}.send_batch(queue_name, msgs, headers,
                                                         clock_timestamp() + make_interval(secs => delay)) s;
END
$body$;

CREATE FUNCTION {queue_schema}.send_batch(queue_name text, msgs jsonb[], delay integer)
RETURNS SETOF bigint
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
    RETURN QUERY SELECT s FROM {queue_schema}.send_batch(queue_name, msgs, NULL::jsonb[],
                                                         clock_timestamp() + make_interval(secs => delay)) s;
END
$body$;

CREATE FUNCTION {queue_schema}.send_batch(queue_name text, msgs jsonb[], delay timestamptz)
RETURNS SETOF bigint
LANGUAGE sql
BEGIN ATOMIC
    SELECT s FROM {queue_schema}.send_batch(queue_name, msgs, NULL::jsonb[], delay) s;
END;

CREATE FUNCTION {queue_schema}.send_batch(queue_name text, msgs jsonb[], headers jsonb[])
RETURNS SETOF bigint
LANGUAGE sql
BEGIN ATOMIC
    SELECT s FROM {queue_schema}.send_batch(queue_name, msgs, headers, 0) s;
END;

CREATE FUNCTION {queue_schema}.send_batch(queue_name text, msgs jsonb[])
RETURNS SETOF bigint
LANGUAGE sql
BEGIN ATOMIC
    SELECT s FROM {queue_schema}.send_batch(queue_name, msgs, 0) s;
END;

CREATE FUNCTION {queue_schema}.send(queue_name text, msg jsonb, headers jsonb, delay timestamptz)
RETURNS SETOF bigint
LANGUAGE sql
BEGIN ATOMIC
    SELECT s FROM {queue_schema}.send_batch(queue_name, ARRAY[msg], ARRAY[headers], delay) s;
END;

CREATE FUNCTION {queue_schema}.send(queue_name text, msg jsonb, headers jsonb, delay integer)
RETURNS SETOF bigint
LANGUAGE sql
BEGIN ATOMIC
    SELECT s FROM {queue_schema}.send_batch(queue_name, ARRAY[msg], ARRAY[headers], delay) s;
END;

CREATE FUNCTION {queue_schema}.send(queue_name text, msg jsonb, headers jsonb)
RETURNS SETOF bigint
LANGUAGE sql
BEGIN ATOMIC
    SELECT s FROM {queue_schema}.send_batch(queue_name, ARRAY[msg], ARRAY[headers], 0) s;
END;

CREATE FUNCTION {queue_schema}.send(queue_name text, msg jsonb, delay timestamptz)
RETURNS SETOF bigint
LANGUAGE sql
BEGIN ATOMIC
    SELECT s FROM {queue_schema}.send_batch(queue_name, ARRAY[msg], delay) s;
END;

CREATE FUNCTION {queue_schema}.send(queue_name text, msg jsonb, delay integer)
RETURNS SETOF bigint
LANGUAGE sql
BEGIN ATOMIC
    SELECT s FROM {queue_schema}.send_batch(queue_name, ARRAY[msg], delay) s;
END;

CREATE FUNCTION {queue_schema}.send(queue_name text, msg jsonb)
RETURNS SETOF bigint
LANGUAGE sql
BEGIN ATOMIC
    SELECT s FROM {queue_schema}.send_batch(queue_name, ARRAY[msg], 0) s;
END;


-- ---------------------------------------------------------------------------------------------------------------------
-- Reading and acknowledging
-- ---------------------------------------------------------------------------------------------------------------------

-- The lowest numbers that are visible and that nobody else is just reading.
CREATE FUNCTION {queue_schema}.read(queue_name text, vt integer, qty integer, conditional jsonb DEFAULT '{}')
RETURNS SETOF {queue_schema}.message_record
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
    now timestamptz := clock_timestamp();
BEGIN
    IF vt IS NULL OR qty IS NULL THEN
        RAISE EXCEPTION 'vt and qty must not be NULL' USING ERRCODE = 'null_value_not_allowed';
    END IF;
    RETURN QUERY EXECUTE format($query$
        WITH chosen AS (
            SELECT m.msg_id
              FROM {queue_schema}.q_%1$s m
             WHERE m.vt <= $1 %2$s
             ORDER BY m.msg_id
             LIMIT $2
               FOR UPDATE SKIP LOCKED
        ), taken AS (
            UPDATE {queue_schema}.q_%1$s m
               SET vt = $3, read_ct = m.read_ct + 1
              FROM chosen c
             WHERE m.msg_id = c.msg_id
            RETURNING m.msg_id, m.read_ct, m.enqueued_at, m.vt, m.message, m.headers
        )
        SELECT t.msg_id, t.read_ct, t.enqueued_at, t.vt, t.message, t.headers FROM taken t ORDER BY t.msg_id
    $query$, {queue_schema}.checked(queue_name),
             CASE WHEN conditional <> '{}' THEN 'AND m.message @> $4' END)
    USING now, qty, now + make_interval(secs => vt), conditional;
END
$body$;

-- Looks at once, and again until there is something or the time is over.
CREATE FUNCTION {queue_schema}.read_with_poll(queue_name text, vt integer, qty integer,
                                              max_poll_seconds integer DEFAULT 5,
                                              poll_interval_ms integer DEFAULT 100, conditional jsonb DEFAULT '{}')
RETURNS SETOF {queue_schema}.message_record
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $body$
DECLARE
    stop timestamptz := clock_timestamp() + make_interval(secs => max_poll_seconds);
BEGIN
    LOOP
        RETURN QUERY SELECT r.* FROM {queue_schema}.read(queue_name, vt, qty, conditional) r;
        IF FOUND OR stop IS NULL OR clock_timestamp() >= stop THEN
            RETURN;
        END IF;
        PERFORM pg_sleep(greatest(poll_interval_ms, 1) / 1000.0);
    END LOOP;
END
$body$;

CREATE FUNCTION {queue_schema}.pop(queue_name text) RETURNS SETOF {queue_schema}.message_record
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
    RETURN QUERY EXECUTE format($query$
        WITH chosen AS (
            SELECT m.msg_id
              FROM {queue_schema}.q_%1$s m
             WHERE m.vt <= $1
             ORDER BY m.msg_id
             LIMIT 1
               FOR UPDATE SKIP LOCKED
        )
        DELETE FROM {queue_schema}.q_%1$s m
         USING chosen c
         WHERE m.msg_id = c.msg_id
        RETURNING m.msg_id, m.read_ct, m.enqueued_at, m.vt, m.message, m.headers
    $query$, {queue_schema}.checked(queue_name)) USING clock_timestamp();
END
$body$;

-- Counted from now, whether the message is hidden or not; how often it was read stays.
CREATE FUNCTION {queue_schema}.set_vt(queue_name text, msg_id bigint, vt integer)
RETURNS SETOF {queue_schema}.message_record
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
    IF vt IS NULL THEN
        RAISE EXCEPTION 'vt must not be NULL' USING ERRCODE = 'null_value_not_allowed';
    END IF;
    RETURN QUERY EXECUTE format($query$
        UPDATE {queue_schema}.q_%s m
           SET vt = $1
         WHERE m.msg_id = $2
        RETURNING m.msg_id, m.read_ct, m.enqueued_at, m.vt, m.message, m.headers
    $query$, {queue_schema}.checked(queue_name)) USING clock_timestamp() + make_interval(secs => vt), msg_id;
END
$body$;

-- Numbers in their order, so that two who delete the same ones wait for each other instead of locking each other up.
CREATE FUNCTION {queue_schema}.delete(queue_name text, msg_ids bigint[]) RETURNS SETOF bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
    RETURN QUERY EXECUTE format($query$
        WITH chosen AS (
            SELECT m.msg_id FROM {queue_schema}.q_%1$s m WHERE m.msg_id = ANY ($1) ORDER BY m.msg_id FOR UPDATE
        )
        DELETE FROM {queue_schema}.q_%1$s m USING chosen c WHERE m.msg_id = c.msg_id RETURNING m.msg_id
    $query$, {queue_schema}.checked(queue_name)) USING msg_ids;
END
$body$;

CREATE FUNCTION {queue_schema}.delete(queue_name text, msg_id bigint) RETURNS boolean
LANGUAGE sql
BEGIN ATOMIC
    SELECT EXISTS (SELECT FROM {queue_schema}.delete(queue_name, ARRAY[msg_id]));
END;

CREATE FUNCTION {queue_schema}.archive(queue_name text, msg_ids bigint[]) RETURNS SETOF bigint
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
    RETURN QUERY EXECUTE format($query$
        WITH chosen AS (
            SELECT m.msg_id FROM {queue_schema}.q_%1$s m WHERE m.msg_id = ANY ($1) ORDER BY m.msg_id FOR UPDATE
        ), gone AS (
            DELETE FROM {queue_schema}.q_%1$s m
             USING chosen c
             WHERE m.msg_id = c.msg_id
            RETURNING m.msg_id, m.read_ct, m.enqueued_at, m.vt, m.message, m.headers
        )
        INSERT INTO {queue_schema}.a_%1$s (msg_id, read_ct, enqueued_at, vt, message, headers)
        SELECT g.msg_id, g.read_ct, g.enqueued_at, g.vt, g.message, g.headers FROM gone g
        RETURNING msg_id
    $query$, {queue_schema}.checked(queue_name)) USING msg_ids;
END
$body$;

CREATE FUNCTION {queue_schema}.archive(queue_name text, msg_id bigint) RETURNS boolean
LANGUAGE sql
BEGIN ATOMIC
    SELECT EXISTS (SELECT FROM {queue_schema}.archive(queue_name, ARRAY[msg_id]));
END;

-- Which of these values messages have under a key, hidden ones too, in lower case; none where there is no such queue.
CREATE FUNCTION {queue_schema}.find_values(queue_name text, key text, wanted text[]) RETURNS SETOF text
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
    IF to_regclass(format('{queue_schema}.%I', 'q_' || queue_name)) IS NOT NULL THEN
        RETURN QUERY EXECUTE format('SELECT DISTINCT lower(m.message ->> $1) FROM {queue_schema}.%I m'
                                    ' WHERE lower(m.message ->> $1) = ANY ($2)', 'q_' || queue_name)
               USING key, wanted;
    END IF;
END
$body$;

-- Archives with a reason for each, which is kept in the headers.
CREATE FUNCTION {queue_schema}.archive_because(queue_name text, msg_ids bigint[], reasons text[]) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $body$
BEGIN
    PERFORM {queue_schema}.archive(queue_name, msg_ids);
    EXECUTE format('UPDATE {queue_schema}.a_%s a'
                   '   SET headers = coalesce(a.headers, ''{}'') || jsonb_build_object(''archived_because'', i.reason)'
                   '  FROM unnest($1, $2) AS i (msg_id, reason) WHERE a.msg_id = i.msg_id',
                   {queue_schema}.checked(queue_name)) USING msg_ids, reasons;
    RETURN true;
END
$body$;

$tasker_queue_script$;
END
$tasker_queue$;
