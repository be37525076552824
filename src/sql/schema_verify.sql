-- SPDX-License-Identifier: MIT
-- The comparison of an installed schema with the expected one, which stands beside it under another name.

-- columns: finding (severity int4, check text, object text, expected text, found text, advice text, violations int8)

-- What our tables have and tasker-core's do not. Two of the checks are there in another wording.
-- part: beyond_tasker_core ()
ARRAY['tasker_task_transitions_sort_key_unique', 'tasker_workflow_step_transitions_sort_key_unique',
      'tasker_workflow_step_edges_from_to_unique', 'tasker_dependent_system_object_maps_unique',
      'chk_tasks_claim', 'chk_tasks_claim_timeout_seconds', 'chk_workflow_steps_attempts',
      'chk_workflow_steps_retry_limit', 'chk_workflow_steps_backoff_request_seconds',
      'chk_workflow_steps_claim_timeout_seconds', 'chk_named_tasks_named_steps_default_retry_limit',
      'chk_workflow_step_edges_not_self', 'chk_task_transitions_from_state',
      'chk_workflow_step_transitions_from_state', 'tasker_workflow_step_edges_same_task()',
      'tasker_workflow_step_edges_same_task_insert', 'tasker_workflow_step_edges_same_task_update',
      'tasker_workflow_steps_task_fixed()', 'tasker_workflow_steps_task_fixed',
      'idx_tasker_named_tasks_named_steps_named_step_uuid', 'idx_tasker_dependent_system_object_maps_two_uuid',
      'idx_task_transitions_current_state', 'uuid_generate_v7()']

-- The comparison looks expensive to the planner, and compiling it takes longer than all the rest.
-- name: schema_verify__plain runs none ()
SET LOCAL jit TO off;

-- target is what is checked, scratch what it should be. Runs with nothing but pg_catalog in the search path, so that
-- definitions name the schema wherever they speak of something in it. In those of scratch that name, which occurs
-- nowhere else, is replaced by target's: as it stands in double quotes, which our function bodies write, and as the
-- server writes it. What a sequence gives is told by the sequence's name, because its text quotes the schema once more.
-- The schema of queues, unless queue_scratch is NULL, is compared in the same way.
--
-- Left out: constraints that only say NOT NULL (the column tells), indexes behind constraints (those tell), and all of
-- uuid_generate_v7 but its type, because it is made from what the server has.
--
-- adopted: the tables are tasker-core's. What ours have beyond them is worth a note there, as are defaults, and its own
-- indexes that only save time are a matter of its version.
-- name: schema_verify reads many finding (target text, scratch text, queue_scratch text?, adopted bool)
WITH sides AS (
    SELECT n.oid, n.nspname = $2 OR n.nspname IS NOT DISTINCT FROM $3 AS is_expected
      FROM pg_namespace n
     WHERE n.nspname IN ($1, $2, $3) OR $3 IS NOT NULL AND n.nspname = 'tasker_queue'
), relations AS (
    SELECT c.*, s.is_expected FROM pg_class c JOIN sides s ON s.oid = c.relnamespace
), tables AS (
    SELECT r.* FROM relations r WHERE r.relkind IN ('r', 'p')
), objects (is_expected, kind, parent, name, definition) AS (
    SELECT is_expected, 'table', NULL, relname::text,
           concat_ws(' ', 'table', CASE relpersistence WHEN 'u' THEN 'unlogged' WHEN 't' THEN 'temporary' END,
                     CASE WHEN relkind = 'p' THEN 'partitioned' END,
                     CASE WHEN relrowsecurity THEN 'with row security' END)
      FROM tables
    UNION ALL
    SELECT is_expected, 'storage parameters', relname::text, relname::text,
           coalesce((SELECT string_agg(o, ', ' ORDER BY o) FROM unnest(reloptions) o), 'none')
      FROM tables
    UNION ALL
    SELECT t.is_expected, 'column', t.relname::text, a.attname::text,
           concat_ws(' ', format_type(a.atttypid, a.atttypmod),
                     CASE WHEN a.attcollation <> ty.typcollation
                          THEN (SELECT 'COLLATE ' || quote_ident(co.collname)
                                  FROM pg_collation co WHERE co.oid = a.attcollation) END,
                     CASE WHEN a.attnotnull THEN 'NOT NULL' END,
                     CASE WHEN a.attidentity <> '' THEN 'IDENTITY' END,
                     CASE WHEN a.attgenerated <> '' THEN 'GENERATED' WHEN d.oid IS NOT NULL THEN 'DEFAULT' END,
                     coalesce((SELECT 'from sequence ' || q.relname
                                 FROM pg_depend p JOIN pg_class q ON q.oid = p.refobjid AND q.relkind = 'S'
                                WHERE p.classid = 'pg_attrdef'::regclass AND p.objid = d.oid
                                  AND p.refclassid = 'pg_class'::regclass LIMIT 1),
                              pg_get_expr(d.adbin, d.adrelid)))
      FROM tables t
      JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
      JOIN pg_type ty ON ty.oid = a.atttypid
      LEFT JOIN pg_attrdef d ON d.adrelid = t.oid AND d.adnum = a.attnum
    UNION ALL
    SELECT t.is_expected, 'constraint', t.relname::text, k.conname::text, pg_get_constraintdef(k.oid)
      FROM tables t
      JOIN pg_constraint k ON k.conrelid = t.oid AND k.contype NOT IN ('n', 't')
    UNION ALL
    SELECT t.is_expected, 'index', t.relname::text, x.relname::text,
           concat_ws(' ', pg_get_indexdef(i.indexrelid),
                     CASE WHEN NOT (i.indisvalid AND i.indisready) THEN 'INVALID' END)
      FROM tables t
      JOIN pg_index i ON i.indrelid = t.oid
      JOIN pg_class x ON x.oid = i.indexrelid
     WHERE NOT EXISTS (SELECT FROM pg_constraint k
                        WHERE k.conindid = i.indexrelid AND k.conrelid = t.oid AND k.contype IN ('p', 'u', 'x'))
    UNION ALL
    SELECT t.is_expected, 'trigger', t.relname::text, g.tgname::text,
           concat_ws(' ', pg_get_triggerdef(g.oid),
                     CASE g.tgenabled WHEN 'O' THEN NULL WHEN 'D' THEN 'DISABLED' ELSE 'NOT AS USUAL' END)
      FROM tables t
      JOIN pg_trigger g ON g.tgrelid = t.oid AND NOT g.tgisinternal
    UNION ALL
    SELECT is_expected, 'view', NULL, relname::text,
           concat_ws(' ', CASE relkind WHEN 'm' THEN 'materialized' END, pg_get_viewdef(oid),
                     (SELECT 'WITH ' || string_agg(o, ', ' ORDER BY o) FROM unnest(reloptions) o))
      FROM relations
     WHERE relkind IN ('v', 'm')
    UNION ALL
    SELECT r.is_expected, 'sequence', NULL, r.relname::text,
           concat_ws(' ', format_type(q.seqtypid, NULL), 'from', q.seqmin, 'to', q.seqmax, 'by', q.seqincrement,
                     CASE WHEN q.seqcycle THEN 'CYCLE' END,
                     (SELECT format('for %s.%s', t.relname, a.attname)
                        FROM pg_depend p
                        JOIN tables t ON t.oid = p.refobjid
                        JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = p.refobjsubid
                       WHERE p.classid = 'pg_class'::regclass AND p.objid = r.oid
                         AND p.refclassid = 'pg_class'::regclass AND p.deptype IN ('a', 'i')))
      FROM relations r
      JOIN pg_sequence q ON q.seqrelid = r.oid
    UNION ALL
    SELECT s.is_expected, 'function', NULL, format('%s(%s)', p.proname, pg_get_function_identity_arguments(p.oid)),
           CASE p.proname WHEN 'uuid_generate_v7' THEN pg_get_function_result(p.oid)
                          ELSE pg_get_functiondef(p.oid) END
      FROM sides s
      JOIN pg_proc p ON p.pronamespace = s.oid AND p.prokind IN ('f', 'p')
), should AS (
    SELECT kind, parent, name,
           replace(replace(replace(definition, '"' || $2 || '"', '"' || replace($1, '"', '""') || '"'),
                           $2, quote_ident($1)),
                   coalesce($3, $2), 'tasker_queue') AS definition
      FROM objects WHERE is_expected
), does AS (
    SELECT kind, parent, name, definition FROM objects WHERE NOT is_expected
), differences AS (
    SELECT kind, parent, name, s.definition AS expected, d.definition AS found
      FROM should s
      FULL JOIN does d USING (kind, parent, name)
     WHERE parent IS NOT NULL AND s.definition IS DISTINCT FROM d.definition
    UNION ALL
    SELECT kind, NULL, name, s.definition, d.definition
      FROM (SELECT * FROM should WHERE parent IS NULL) s
      FULL JOIN (SELECT * FROM does WHERE parent IS NULL) d USING (kind, name)
     WHERE s.definition IS DISTINCT FROM d.definition
), judged AS (
    SELECT CASE WHEN $4 AND (name = ANY ({beyond_tasker_core}) OR kind = 'storage parameters'
                             OR kind = 'column'
                                AND split_part(expected, ' DEFAULT ', 1) = split_part(found, ' DEFAULT ', 1))
                THEN 1
                WHEN $4 AND kind = 'index' AND expected NOT LIKE 'CREATE UNIQUE %' THEN 2
                WHEN expected IS NOT NULL THEN CASE kind WHEN 'storage parameters' THEN 2 ELSE 3 END
                WHEN kind = 'column' AND found LIKE '% NOT NULL' THEN 3
                ELSE 1 END AS severity,
           kind || ' ' || CASE WHEN parent = name THEN '' ELSE coalesce(parent || '.', '') END || name AS object,
           expected, found,
           CASE WHEN found IS NULL THEN 'create it as schema dump has it'
                WHEN expected IS NOT NULL THEN 'alter it to what is expected'
                WHEN kind = 'column' AND found LIKE '% NOT NULL' THEN 'give it a default: inserts do not fill it'
                ELSE 'drop it unless something else needs it' END AS advice
      FROM differences x
     WHERE CASE
           -- a table that is missing stands for all that belongs to it
           WHEN expected IS NOT NULL
           THEN x.parent IS NULL AND x.kind <> 'sequence'
                OR EXISTS (SELECT FROM does t
                            WHERE t.kind = 'table'
                              AND (t.name = x.parent
                                   OR x.kind = 'sequence' AND strpos(x.expected, ' for ' || t.name || '.') > 0))
           -- what is there in addition is ours to mention if it hangs on our tables or looks like ours
           ELSE EXISTS (SELECT FROM should t WHERE t.kind = 'table' AND t.name = x.parent)
                OR parent IS NULL AND (starts_with(name, 'tasker_') OR starts_with(name, 'idx_')) END
)
SELECT {f.finding}
  FROM (SELECT severity, 'schema' AS check, object, expected, found, advice, 1 AS violations FROM judged) f
 ORDER BY f.severity DESC, f.object;
