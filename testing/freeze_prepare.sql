-- SPDX-License-Identifier: MIT
-- Two functions that answer the session's own time where it has set one, and views that ask them. Once per database;
-- the lock is for those who come at the same moment.
DO $tasker$
DECLARE
    made record;
    outer_path text := current_setting('search_path');
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('tasker_testing'));
    IF to_regprocedure('tasker_testing.clock_timestamp()') IS NULL THEN
        CREATE SCHEMA IF NOT EXISTS tasker_testing;
        GRANT USAGE ON SCHEMA tasker_testing TO PUBLIC;
        CREATE FUNCTION tasker_testing.now() RETURNS timestamp with time zone
            LANGUAGE sql STABLE PARALLEL SAFE
            AS $$ SELECT coalesce(nullif(pg_catalog.current_setting('tasker_testing.now', true), '')::timestamptz,
                                  pg_catalog.now()) $$;
        CREATE FUNCTION tasker_testing.clock_timestamp() RETURNS timestamp with time zone
            LANGUAGE sql VOLATILE PARALLEL SAFE
            AS $$ SELECT coalesce(nullif(pg_catalog.current_setting('tasker_testing.now', true), '')::timestamptz,
                                  pg_catalog.clock_timestamp()) $$;
    END IF;

    -- With nothing else in the path a view's text names the schema of everything but PostgreSQL's own.
    SET LOCAL search_path TO pg_catalog;
    FOR made IN
        SELECT c.relname, pg_get_viewdef(c.oid) AS definition,
               'WITH (' || array_to_string(c.reloptions, ', ') || ')' AS options
          FROM pg_class c
         WHERE c.relnamespace = to_regnamespace(quote_ident({'schema'})) AND c.relkind = 'v'
           AND pg_get_viewdef(c.oid) ~ '(^|[^.[:alnum:]_"])(now|clock_timestamp)\(\)'
         ORDER BY c.oid
    LOOP
        EXECUTE format('CREATE OR REPLACE VIEW %I.%I %s AS %s', {'schema'}, made.relname, made.options,
                       regexp_replace(made.definition, '(^|[^.[:alnum:]_"])(now|clock_timestamp)\(\)',
                                      '\1tasker_testing.\2()', 'g'));
    END LOOP;
    PERFORM set_config('search_path', outer_path, true);
END
$tasker$
