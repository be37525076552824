-- SPDX-License-Identifier: MIT
-- Statements around the migrations. tasker_schema_dump prints those of the install, so they have no parameters except
-- the last one, whose values are numbers and words of the library's own.
--
-- Names are put between $tasker_name$ marks, which no schema name may contain.

-- columns: found_schema (tables bool, versions bool, queue bool)
-- columns: latest_version (version int4, profile text)

-- Two installers of one schema wait for each other here. Before anything else, so that the next statement sees what
-- the first one has done.
-- name: schema_install__lock runs none ()
SELECT
 WHERE pg_catalog.pg_advisory_xact_lock(
           pg_catalog.hashtextextended($tasker_name$libtasker schema {schema}$tasker_name$, 0)) IS NULL;

-- name: schema_install__path runs none ()
SET LOCAL search_path TO pg_catalog;

-- CREATE SCHEMA IF NOT EXISTS asks for the right to create schemas also where nothing is to be created.
-- name: schema_install__schema runs none ()
DO $tasker$
BEGIN
    IF pg_catalog.to_regnamespace($tasker_name${schema}$tasker_name$) IS NULL THEN
        CREATE SCHEMA {schema};
    END IF;
END
$tasker$;

-- name: schema_install__record writes none (version int4, profile text, library_version text)
INSERT INTO {schema}.tasker_schema_versions (version, profile, library_version, installed_at)
VALUES ($1, $2, $3, clock_timestamp() AT TIME ZONE 'UTC');

-- Asked without touching a table that may be missing. tables: of whatever program, under one of our names.
-- name: schema_install__found reads one found_schema (schema text)
SELECT EXISTS (SELECT FROM pg_catalog.pg_class c
                 JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                WHERE n.nspname = $1 AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
                  AND starts_with(c.relname, 'tasker_')) AS tables,
       EXISTS (SELECT FROM pg_catalog.pg_class c
                 JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                WHERE n.nspname = $1 AND c.relkind = 'r'
                  AND c.relname = 'tasker_schema_versions') AS versions,
       EXISTS (SELECT FROM pg_catalog.pg_proc p
                 JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
                WHERE n.nspname = 'tasker_queue' AND p.proname = 'version'
                  AND p.pronargs = 0 AND p.prorettype = 23) AS queue;

-- name: schema_install__latest reads one latest_version ()
SELECT {v.latest_version}
  FROM {schema}.tasker_schema_versions v
 ORDER BY v.version DESC
 LIMIT 1;
