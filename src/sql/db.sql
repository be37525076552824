-- SPDX-License-Identifier: MIT
-- Statements of the handle itself: clock, transactions, savepoints, what is installed.

-- columns: moment (now timestamp)
-- columns: flag (flag bool)
-- columns: xid (xid int8)
-- columns: row_count (row_count int8)
-- columns: taken_item (item int4)

-- What every query takes behind its filter: the row to go on from, by its key or its number, the order, the limit.
-- parameters: page (after uuid?, after_key int8?, row_order int4, row_limit int4)

-- Always true. A statement whose conditions are all optional must be planned for those that are given; one plan for
-- all of them reads the whole table. PostgreSQL keeps to planning each time as long as the other plan looks more
-- expensive, and this, which is gone where the parameters are known, makes it look so.
-- part: planned_each_time ($1: any parameter)
($1 IS NULL OR $1 IS NOT NULL OR (SELECT count(*) FROM generate_series(1, 1000000000000)) = 0)

-- name: db_ping reads none ()
SELECT;

-- name: db_now reads one moment ()
SELECT (clock_timestamp() AT TIME ZONE 'UTC')::timestamp AS now;

-- Looked up in the catalog, where a schema without rights is no error.
-- part: usable_function (n, p: a function that the role may call)
pg_catalog.pg_proc p
                  JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace AND has_schema_privilege(n.oid, 'USAGE')
                   AND has_function_privilege(p.oid, 'EXECUTE')

-- part: pgmq_message (a: columns of its messages)
SELECT FROM pg_catalog.pg_attribute a
                 JOIN pg_catalog.pg_class c ON c.oid = a.attrelid AND c.relname = 'message_record'
                 JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace AND n.nspname = 'pgmq'
                WHERE NOT a.attisdropped

-- Whether anything of the orchestrator's is there, asked without touching a table that may be missing.
-- name: db_open__find reads one installed (schema text)
SELECT to_regclass(format('%I.tasker_tasks', $1)) IS NOT NULL AS tables,
       to_regclass(format('%I.tasker_schema_versions', $1)) IS NOT NULL AS versions,
       current_setting('synchronous_commit') <> 'off' AS synchronous_commit,
       current_setting('server_encoding')::text AS server_encoding,
       pg_is_in_recovery() AS in_recovery,
       EXISTS (SELECT FROM {usable_function} WHERE n.nspname = 'pgmq' AND p.proname = 'send'
                  AND p.proargtypes = '25 3802 23'::oidvector)
       AND EXISTS ({pgmq_message} AND a.attname = 'msg_id') AS pgmq,
       EXISTS ({pgmq_message} AND a.attname = 'headers') AS pgmq_headers,
       EXISTS (SELECT FROM {usable_function} WHERE n.nspname = 'tasker_queue' AND p.proname = 'version'
                  AND p.pronargs = 0 AND p.prorettype = 23) AS own_queue,
       to_regclass(format('%I.tasker_queue_notify', $1)) IS NOT NULL AS queue_notify,
       current_setting('tasker.queue_backend', true)::text AS queue_setting;

-- name: db_open__queue_version reads one schema_version ()
SELECT tasker_queue.version() AS version;

-- What an earlier handle on the same connection has left prepared; preparing it again would abort a transaction.
-- name: db_wrap__known reads many prepared_name ()
SELECT p.name::text AS name FROM pg_prepared_statements p WHERE starts_with(p.name, 'tasker_');

-- name: schema_version reads one schema_version ()
SELECT coalesce(max(v.version), 0)::int4 AS version
  FROM {schema}.tasker_schema_versions v;

-- name: db_begin runs none ()
BEGIN;

-- name: db_begin__read_committed runs none ()
BEGIN ISOLATION LEVEL READ COMMITTED;

-- name: db_begin__repeatable_read runs none ()
BEGIN ISOLATION LEVEL REPEATABLE READ;

-- name: db_begin__serializable runs none ()
BEGIN ISOLATION LEVEL SERIALIZABLE;

-- name: db_begin__read_only runs none ()
BEGIN READ ONLY;

-- name: db_begin__read_committed_read_only runs none ()
BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY;

-- name: db_begin__repeatable_read_read_only runs none ()
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;

-- name: db_begin__serializable_read_only runs none ()
BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY;

-- The transaction's id, if it has written anything: asked before the commit, so that a lost answer can be resolved.
-- name: db_commit__xid runs one xid ()
SELECT coalesce(pg_current_xact_id_if_assigned()::text::int8, 0) AS xid;

-- name: db_commit commits none ()
COMMIT;

-- name: db_rollback runs none ()
ROLLBACK;

-- All savepoints have one name: each hides the ones before it, and release uncovers the next.
-- name: db_savepoint runs none ()
SAVEPOINT libtasker;

-- name: db_rollback_to runs none ()
ROLLBACK TO SAVEPOINT libtasker;

-- name: db_release runs none ()
RELEASE SAVEPOINT libtasker;

-- name: db_resolve reads one commit_state (xid int8)
SELECT pg_xact_status($1::text::xid8) AS state;
