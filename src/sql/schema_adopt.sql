-- SPDX-License-Identifier: MIT
-- Statements around the migrations when they are put on tasker-core's tables, and what takes them back. Scripts are made
-- of them, so they have no parameters except the first.

-- columns: unfit_object (object text, expected text, found text)

-- The first table or column that the library needs and that is not there, or is of another type. What is needed is what
-- the statements read; joined names columns of theirs that stand in other tables.
-- name: schema_adopt__unfit reads one unfit_object (schema text)
SELECT {o.unfit_object}
  FROM (SELECT t.place, k.place AS column_place,
               CASE WHEN c.oid IS NULL THEN 'table ' || t.name
                    ELSE 'column ' || t.name || '.' || k.name END AS object,
               CASE WHEN c.oid IS NULL THEN 'table' ELSE to_regtype(k.type)::text END AS expected,
               format_type(a.atttypid, NULL) AS found
          FROM (VALUES
                (1, 'tasker_task_namespaces', '{task_namespace}', ''),
                (2, 'tasker_dependent_systems', '{dependent_system}', ''),
                (3, 'tasker_named_tasks', '{named_task}', ''),
                (4, 'tasker_named_steps', '{named_step}', ''),
                (5, 'tasker_named_tasks_named_steps', '{named_tasks_named_step}',
                 'named_task_name named_step_name dependent_system_name'),
                (6, 'tasker_tasks', '{task}', ''),
                (7, 'tasker_workflow_steps', '{workflow_step}', ''),
                (8, 'tasker_workflow_step_edges', '{workflow_step_edge}', ''),
                (9, 'tasker_task_transitions', '{task_transition}', 'seconds_since_previous'),
                (10, 'tasker_workflow_step_transitions', '{workflow_step_transition}',
                 'task_uuid step_name seconds_since_previous'),
                (11, 'tasker_annotation_types', '{annotation_type}', ''),
                (12, 'tasker_task_annotations', '{task_annotation}',
                 'annotation_type_name annotation_type_description'),
                (13, 'tasker_dependent_system_object_maps', '{dependent_system_object_map}',
                 'system_one_name system_two_name')) AS t (place, name, columns, joined)
         CROSS JOIN LATERAL (
               SELECT x.place, split_part(x.text, '::', 1) AS name, split_part(x.text, '::', 2) AS type
                 FROM unnest(string_to_array(t.columns, ', ')) WITH ORDINALITY AS x (text, place)) k
          LEFT JOIN pg_class c ON c.relname = t.name AND c.relkind IN ('r', 'p')
               AND c.relnamespace = (SELECT n.oid FROM pg_namespace n WHERE n.nspname = $1)
          LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = k.name AND a.attnum > 0 AND NOT a.attisdropped
         WHERE k.name <> ALL (string_to_array(t.joined, ' '))
           AND coalesce(nullif(a.atttypid, 'varchar'::regtype), 'text'::regtype) IS DISTINCT FROM
               CASE WHEN a.attnum IS NOT NULL THEN to_regtype(k.type) END) o
 ORDER BY o.place, o.column_place
 LIMIT 1;

-- Puts aside what tasker-core has under the names of our functions and views, with owner, grants and comment. Whatever
-- nothing is built on goes first, round after round, since functions and views may be built on each other. position
-- says in which order they went.
-- name: schema_adopt__replace runs none ()
DO $tasker$
DECLARE
    schema_id CONSTANT oid := to_regnamespace($tasker_name${schema}$tasker_name$);
    o record;
    gone integer := 0;
    gone_before integer;
    obstacle text;
    detail text;
BEGIN
    LOOP
        gone_before := gone;
        obstacle := NULL;
        FOR o IN
            SELECT d.kind, d.identity,
                   concat(d.make, ';', CASE WHEN d.owner <> quote_ident(current_user)::regrole
                                            THEN format('ALTER %s %s OWNER TO %s;', d.kind, d.identity, d.owner) END,
                          CASE WHEN d.acl IS NOT NULL THEN g.grants END,
                          format('COMMENT ON %s %s IS %L', d.kind, d.identity, obj_description(d.oid, d.catalog)))
                       AS definition,
                   g.grants
              FROM (SELECT p.oid, 'pg_proc' AS catalog, 'function' AS kind, 'f' AS acl_kind, i.identity,
                           p.proowner::regrole AS owner, p.proacl AS acl, pg_get_functiondef(p.oid) AS make
                      FROM pg_proc p
                     CROSS JOIN pg_identify_object('pg_proc'::regclass, p.oid, 0) i
                     WHERE p.pronamespace = schema_id AND p.prokind = 'f'
                       AND p.proname IN (
                           'get_step_readiness_status', 'get_step_readiness_status_batch',
                           'get_task_execution_context', 'get_task_execution_contexts_batch',
                           'claim_ready_tasks', 'release_task_claim', 'extend_task_claim',
                           'calculate_dependency_levels', 'get_step_transitive_dependencies',
                           'get_system_health_counts', 'get_analytics_metrics', 'get_slowest_steps',
                           'get_slowest_tasks')
                    UNION ALL
                    SELECT c.oid, 'pg_class', 'view', 'r', i.identity, c.relowner::regrole, c.relacl,
                           format('CREATE VIEW %s%s AS %s', i.identity,
                                  ' WITH (' || array_to_string(c.reloptions, ', ') || ')',
                                  rtrim(pg_get_viewdef(c.oid), ';'))
                      FROM pg_class c
                     CROSS JOIN pg_identify_object('pg_class'::regclass, c.oid, 0) i
                     WHERE c.relnamespace = schema_id AND c.relkind = 'v'
                       AND c.relname IN ('tasker_ready_tasks', 'tasker_step_dag_relationships')) d
             CROSS JOIN LATERAL (
                   SELECT concat(format('REVOKE ALL ON %s %s FROM PUBLIC;', w.word, d.identity),
                                 (SELECT string_agg(format('GRANT %s ON %s %s TO %s%s;', a.privilege_type, w.word,
                                                           d.identity,
                                                           CASE a.grantee WHEN 0 THEN 'PUBLIC'
                                                                          ELSE a.grantee::regrole::text END,
                                                           CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' END), '')
                                    FROM aclexplode(coalesce(d.acl, acldefault(d.acl_kind::"char", d.owner))) a))
                              AS grants
                     FROM (SELECT CASE d.kind WHEN 'view' THEN 'TABLE' ELSE 'FUNCTION' END AS word) w) g
             ORDER BY d.kind, d.identity
        LOOP
            BEGIN
                EXECUTE format('DROP %s %s', o.kind, o.identity);
                gone := gone + 1;
                INSERT INTO {schema}.tasker_adopted_objects (position, kind, identity, definition, grants)
                VALUES (gone, o.kind, o.identity, o.definition, o.grants);
            EXCEPTION WHEN dependent_objects_still_exist THEN
                GET STACKED DIAGNOSTICS obstacle = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
            END;
        END LOOP;
        EXIT WHEN obstacle IS NULL;
        IF gone = gone_before THEN
            RAISE dependent_objects_still_exist USING MESSAGE = concat_ws(': ', obstacle, nullif(detail, ''));
        END IF;
    END LOOP;
END
$tasker$;

-- Notes what this transaction has made in the schema and on its tables: the dependencies that it has written say so, in
-- the order in which it has. Then everybody who could use what was replaced, or the tasks, can go on: what replaces has
-- the grants of what was there, the new views and tables those of tasker_tasks, the tables about versions to read only.
-- At last the work that waits is found.
-- name: schema_adopt__keep runs none ()
DO $tasker$
DECLARE
    schema_id CONSTANT oid := to_regnamespace($tasker_name${schema}$tasker_name$);
    grants text;
BEGIN
    INSERT INTO {schema}.tasker_adopted_objects (position, kind, identity)
    SELECT (SELECT count(*) FROM {schema}.tasker_adopted_objects) + row_number() OVER (ORDER BY min(d.cmin::text::bigint)),
           o.type, o.identity
      FROM pg_depend d
     CROSS JOIN pg_identify_object(d.classid, d.objid, 0) o
     WHERE d.xmin = pg_current_xact_id()::xid
       AND (d.refclassid = 'pg_namespace'::regclass AND d.refobjid = schema_id
            OR d.refclassid = 'pg_class'::regclass AND d.deptype = 'a'
               AND (o.type = 'trigger' OR o.type = 'index' AND o.schema = schema_id::regnamespace::text))
     GROUP BY o.type, o.identity;

    FOR grants IN
        SELECT a.grants
          FROM {schema}.tasker_adopted_objects a
         WHERE a.definition IS NOT NULL
           AND EXISTS (SELECT FROM {schema}.tasker_adopted_objects n
                        WHERE n.definition IS NULL AND n.kind = a.kind AND n.identity = a.identity)
        UNION ALL
        SELECT format('GRANT %s ON TABLE %s TO %s', g.privilege_type, a.identity,
                      CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE g.grantee::regrole::text END)
          FROM {schema}.tasker_adopted_objects a,
               pg_class t,
               aclexplode(coalesce(t.relacl, acldefault('r', t.relowner))) g
         WHERE t.oid = to_regclass($tasker_name${schema}.tasker_tasks$tasker_name$)
           AND a.definition IS NULL
           AND (a.kind = 'table' OR a.kind = 'view' AND g.privilege_type = 'SELECT')
           AND (g.privilege_type = 'SELECT'
                OR a.identity NOT IN (to_regclass($tasker_name${schema}.tasker_schema_versions$tasker_name$)::text,
                                      to_regclass($tasker_name${schema}.tasker_adopted_objects$tasker_name$)::text))
           AND NOT EXISTS (SELECT FROM {schema}.tasker_adopted_objects r
                            WHERE r.definition IS NOT NULL AND r.kind = a.kind AND r.identity = a.identity)
    LOOP
        EXECUTE grants;
    END LOOP;

    IF to_regprocedure($tasker_name${schema}.tasker_ready_set_rebuild()$tasker_name$) IS NOT NULL THEN
        PERFORM {schema}.tasker_ready_set_rebuild();
    END IF;
END
$tasker$;

-- Functions are made again without a look into their bodies, as they may have been broken before.
-- name: schema_unadopt runs none ()
DO $tasker$
DECLARE
    statements CONSTANT text[] := (
        SELECT array_agg(coalesce(a.definition, format('DROP %s IF EXISTS %s', a.kind, a.identity))
                         ORDER BY a.position DESC)
          FROM {schema}.tasker_adopted_objects a);
    statement text;
    obstacle text;
    detail text;
BEGIN
    SET LOCAL client_min_messages TO warning;
    SET LOCAL check_function_bodies TO off;
    FOREACH statement IN ARRAY statements LOOP
        EXECUTE statement;
    END LOOP;
EXCEPTION WHEN dependent_objects_still_exist THEN
    GET STACKED DIAGNOSTICS obstacle = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
    RAISE dependent_objects_still_exist USING MESSAGE = concat_ws(': ', obstacle, nullif(detail, ''));
END
$tasker$;
