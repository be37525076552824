-- SPDX-License-Identifier: MIT
--
-- Schema version 1, wake-ups of pgmq's queues: pgmq has no place for our switch. Queues of tasker_queue have their own.

-- A send to one of these queues by this library notifies those who LISTEN on tasker_q_<queue>.
CREATE TABLE {schema}.tasker_queue_notify (
    queue_name text PRIMARY KEY
);

-- Why messages are in pgmq's archive: in their headers, where there are some and the caller may write them.
CREATE FUNCTION {schema}.tasker_queue_explain(queue_name text, msg_ids bigint[], reasons text[]) RETURNS boolean
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $tasker$
DECLARE
    archive CONSTANT regclass := to_regclass(format('pgmq.%I', 'a_' || queue_name));
BEGIN
    IF has_table_privilege(archive, 'SELECT') AND has_table_privilege(archive, 'UPDATE')
       AND EXISTS (SELECT FROM pg_attribute a
                    WHERE a.attrelid = archive AND a.attname = 'headers' AND NOT a.attisdropped) THEN
        EXECUTE format('UPDATE %s a SET headers = coalesce(a.headers, ''{}'')'
                       '           || jsonb_build_object(''archived_because'', i.reason)'
                       '  FROM unnest($1, $2) AS i (msg_id, reason) WHERE a.msg_id = i.msg_id', archive)
          USING msg_ids, reasons;
    END IF;
    RETURN true;
END
$tasker$;
