-- SPDX-License-Identifier: MIT
-- Statements on queues: pgmq's functions, or those of our own schema tasker_queue, which are called and answer alike.
-- The queue schema in braces is the name of one of them, as the link found it when it was opened. Other files may use
-- it too, in calls that tkr_backend_check has let pass.
--
-- Results are taken by the names of their columns: pgmq has added some in the middle. Parameters have types from the
-- statement table, without which overloaded functions are not found.

-- columns: message (msg_id int8, read_ct int4, enqueued_at timestamp, vt timestamp, message jsonb, headers jsonb)
-- columns: queue (queue_name text, is_partitioned bool, is_unlogged bool, created_at timestamp)
-- columns: measured_queue (queue_name text, is_partitioned bool, is_unlogged bool, created_at timestamp,
--   scrape_time timestamp, queue_length int8, queue_visible_length int8, total_messages int8,
--   newest_msg_age_sec int4, oldest_msg_age_sec int4)
-- columns: sent_message (msg_id int8)

-- A name that is no column of r is looked up further out, and found here: messages of pgmq 1.4 have no headers, and its
-- metrics no visible length.
-- part: what_may_be_missing (a row to stand beside r)
(SELECT NULL::jsonb AS headers, -1::int8 AS queue_visible_length) AS missing

-- part: message_columns (r: message_record)
r.msg_id, r.read_ct, r.enqueued_at AT TIME ZONE 'UTC' AS enqueued_at, r.vt AT TIME ZONE 'UTC' AS vt, r.message,
       (SELECT headers FROM (SELECT r.*) AS own) AS headers

-- ---------------------------------------------------------------------------------------------------------------------
-- Queues
-- ---------------------------------------------------------------------------------------------------------------------

-- Older pgmq lets two makers of one queue run into each other; newer pgmq takes this very lock itself.
-- name: queue_create__lock runs none (queue_name text)
SELECT WHERE pg_advisory_xact_lock(hashtext('pgmq.queue_' || $1)) IS NULL;

-- name: queue_create__exists reads one flag (queue_name text)
SELECT EXISTS (SELECT FROM {queue_schema}.list_queues() l WHERE l.queue_name::text = $1) AS flag;

-- name: queue_create writes none (queue_name text)
SELECT FROM {queue_schema}.create($1);

-- Dropping and purging wait for others; so long and no longer. What was set before comes back, also inside of a
-- transaction that goes on.
-- name: queue_purge__hurry runs none (lock_timeout text)
SELECT WHERE set_config('lock_timeout', CASE WHEN set_config('tasker.lock_timeout', current_setting('lock_timeout'), true)
                                                  IS NOT NULL THEN $1 END, true) IS NULL;

-- name: queue_purge__relax runs none ()
SELECT WHERE set_config('lock_timeout', current_setting('tasker.lock_timeout'), true) IS NULL;

-- name: queue_purge writes one row_count (queue_name text)
SELECT {queue_schema}.purge_queue($1)::int8 AS row_count;

-- Older pgmq refuses to drop what is not there.
-- name: queue_drop writes one flag (queue_name text)
SELECT CASE WHEN EXISTS (SELECT FROM {queue_schema}.list_queues() l WHERE l.queue_name::text = $1)
            THEN {queue_schema}.drop_queue($1)::bool ELSE false END AS flag;

-- name: queue_set_notify writes none (queue_name text, notify bool)
SELECT FROM {queue_schema}.set_notify($1, $2);

-- The same for pgmq, which has no place for it. They answer whether there is such a queue.
-- name: queue_set_notify__on writes one flag (queue_name text)
WITH queue AS (
    SELECT l.queue_name::text FROM {queue_schema}.list_queues() l WHERE l.queue_name::text = $1
), made AS (
    INSERT INTO {schema}.tasker_queue_notify (queue_name) SELECT q.queue_name FROM queue q ON CONFLICT DO NOTHING
)
SELECT EXISTS (SELECT FROM queue) AS flag;

-- name: queue_set_notify__off writes one flag (queue_name text)
WITH gone AS (
    DELETE FROM {schema}.tasker_queue_notify WHERE queue_name = $1
)
SELECT EXISTS (SELECT FROM {queue_schema}.list_queues() l WHERE l.queue_name::text = $1) AS flag;

-- name: queue_list reads many queue ()
SELECT {q.queue}
  FROM (SELECT l.queue_name, l.is_partitioned, l.is_unlogged, l.created_at AT TIME ZONE 'UTC' AS created_at
          FROM {queue_schema}.list_queues() l) q
 ORDER BY q.queue_name::text COLLATE "C";

-- part: measures (r: metrics_result; l: of list_queues; missing)
SELECT {q.measured_queue}
  FROM (SELECT l.queue_name, l.is_partitioned, l.is_unlogged, l.created_at AT TIME ZONE 'UTC' AS created_at,
               r.scrape_time AT TIME ZONE 'UTC' AS scrape_time, r.queue_length, r.total_messages,
               (SELECT queue_visible_length FROM (SELECT r.*) AS own) AS queue_visible_length,
               r.newest_msg_age_sec, r.oldest_msg_age_sec

-- name: queue_measure reads many measured_queue (queue_name text)
{measures}
          FROM {what_may_be_missing} CROSS JOIN {queue_schema}.metrics($1) r
          JOIN {queue_schema}.list_queues() l ON l.queue_name::text = r.queue_name::text) q;

-- name: queue_measure__all reads many measured_queue ()
{measures}
          FROM {what_may_be_missing} CROSS JOIN {queue_schema}.metrics_all() r
          JOIN {queue_schema}.list_queues() l ON l.queue_name::text = r.queue_name::text) q
 ORDER BY q.queue_name::text COLLATE "C";

-- name: queue_get_next_vt reads one moment (queue_name text)
SELECT (n.vt AT TIME ZONE 'UTC')::timestamp AS now FROM {queue_schema}.next_vt($1) n (vt) WHERE n.vt IS NOT NULL;

-- pgmq has no function for this, and the name of its table is known only here: query_to_xml runs a text. The name is
-- one that was checked.
-- name: queue_get_next_vt__text reads one moment (queue_name text)
SELECT ((n.vt)::timestamptz AT TIME ZONE 'UTC')::timestamp AS now
  FROM (SELECT substring(query_to_xml(format('SELECT min(m.vt) AS vt FROM {queue_schema}.%I m'
                                             ' WHERE m.vt > clock_timestamp()', 'q_' || $1),
                                      false, false, '')::text FROM '<vt>([^<]*)</vt>')) n (vt)
 WHERE n.vt IS NOT NULL;

-- ---------------------------------------------------------------------------------------------------------------------
-- Messages
-- ---------------------------------------------------------------------------------------------------------------------

-- name: queue_send writes many sent_message (queue_name text, messages jsonb[], delay_seconds int4)
SELECT s.msg_id::int8 FROM {queue_schema}.send_batch($1, $2, $3) AS s (msg_id) ORDER BY s.msg_id;

-- name: queue_send__with_headers writes many sent_message (queue_name text, messages jsonb[], headers jsonb[],
--   delay_seconds int4)
SELECT s.msg_id::int8 FROM {queue_schema}.send_batch($1, $2, $3, $4) AS s (msg_id) ORDER BY s.msg_id;

-- For pgmq: beside each send, in the same transaction. CASE, lest other rows notify as well.
-- name: queue_send__wake writes none (queue_names text[])
SELECT FROM {schema}.tasker_queue_notify n
 WHERE CASE WHEN n.queue_name = ANY ($1) THEN pg_notify('tasker_q_' || n.queue_name, '') IS NULL END;

-- name: queue_read writes many message (queue_name text, vt_seconds int4, row_limit int4)
SELECT {m.message}
  FROM (SELECT {message_columns}
          FROM {what_may_be_missing} CROSS JOIN {queue_schema}.read($1, $2, $3) r) m
 ORDER BY m.msg_id;

-- One after the other, until there are enough or no more: pop of older pgmq has no quantity. LIMIT 1 tells the planner
-- so: of a thousand rows each it made millions, and compiled what pops one.
-- name: queue_pop writes many message (queue_name text, row_limit int4)
WITH RECURSIVE popped (n, message) AS (
    (SELECT 1, p FROM {queue_schema}.pop($1) p WHERE $2 > 0 LIMIT 1)
    UNION ALL
    SELECT o.n + 1, l.p
      FROM popped o
     CROSS JOIN LATERAL (SELECT p FROM {queue_schema}.pop(CASE WHEN o.n < $2 THEN $1 END) p LIMIT 1) l
     WHERE o.n < $2
)
SELECT {m.message}
  FROM (SELECT {message_columns}
          FROM {what_may_be_missing} CROSS JOIN (SELECT (o.message).* FROM popped o) r) m
 ORDER BY m.msg_id;

-- Which of these are gone: each number counts once.
-- part: first_of_each ($2: numbers; d: those gone)
SELECT (d.msg_id IS NOT NULL AND row_number() OVER (PARTITION BY a.msg_id ORDER BY a.n) = 1) AS flag
  FROM unnest($2) WITH ORDINALITY AS a (msg_id, n)

-- name: queue_delete writes many flag (queue_name text, msg_ids int8[])
{first_of_each}
  LEFT JOIN (SELECT DISTINCT g.msg_id FROM {queue_schema}.delete($1, $2) AS g (msg_id)) d USING (msg_id)
 ORDER BY a.n;

-- name: queue_archive writes many flag (queue_name text, msg_ids int8[])
{first_of_each}
  LEFT JOIN (SELECT DISTINCT g.msg_id FROM {queue_schema}.archive($1, $2) AS g (msg_id)) d USING (msg_id)
 ORDER BY a.n;

-- name: queue_set_vt writes one message (queue_name text, msg_id int8, vt_seconds int4)
SELECT {m.message}
  FROM (SELECT {message_columns}
          FROM {what_may_be_missing} CROSS JOIN {queue_schema}.set_vt($1, $2, $3) r) m;
