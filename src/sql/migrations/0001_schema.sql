-- SPDX-License-Identifier: MIT
--
-- Schema version 1, the tables: what every database of libtasker has, whatever its index profile. The schema itself
-- exists already; the other files of this version follow in the order of src/meson.build.
--
-- The word schema in braces stands for its quoted name and is the only thing that is replaced; it does not occur in
-- comments, because a name may contain a line break. The text is run as one multi-statement string in one transaction,
-- with pg_catalog first in the search path. Dollar quotes are written $tasker…$, so a schema name that contains
-- "$tasker" cannot be used.
--
-- Tables, columns and the names of their constraints are those of tasker-core. What goes beyond them is marked
-- "hardening". All times are UTC. A table comes with its constraints, then its indexes; each index says whom it serves.
--
-- The autovacuum thresholds keep the big tables without statistics until they hold some 1,000 rows. Statistics of a
-- table of a few pages make the planner prefer to read all of it, and a session keeps such plans, those of the foreign
-- key checks among them: the next large workflow that it creates then costs quadratic time. Without statistics the
-- planner takes a small table for ten pages and chooses the index.


-- ---------------------------------------------------------------------------------------------------------------------
-- uuid_generate_v7(): the default of the UUID keys
-- ---------------------------------------------------------------------------------------------------------------------

-- In this order: what this schema already has under that name (the extension may have been put here), the server's own
-- uuidv7() from PostgreSQL 18 on, the extension pg_uuidv7 in another schema, plain SQL. libtasker makes its keys itself
-- and never calls it; it is for those who insert without a key.
--
-- The plain form (RFC 9562, method 3 of section 6.2) takes the time in units of 1/4096 ms: 12 hexadecimal digits of
-- milliseconds and 3 of their fraction, the version digit 7 between them. The rest, variant bits included, is the tail
-- of a random version 4 UUID. Body and wrapper are single expressions, so that the planner can inline them.
DO $tasker$
DECLARE
    extension_schema text;
BEGIN
    IF pg_catalog.to_regprocedure($tasker_name${schema}.uuid_generate_v7()$tasker_name$) IS NOT NULL THEN
        RETURN;
    END IF;

    IF pg_catalog.to_regprocedure('pg_catalog.uuidv7()') IS NOT NULL THEN
        CREATE FUNCTION {schema}.uuid_generate_v7() RETURNS uuid
            LANGUAGE sql VOLATILE PARALLEL SAFE
            RETURN pg_catalog.uuidv7();
        RETURN;
    END IF;

    SELECT pg_catalog.quote_ident(n.nspname)
      INTO extension_schema
      FROM pg_catalog.pg_extension AS e
      JOIN pg_catalog.pg_depend AS d
           ON d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
          AND d.refobjid = e.oid
          AND d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
          AND d.deptype = 'e'
      JOIN pg_catalog.pg_proc AS p ON p.oid = d.objid
      JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
     WHERE e.extname = 'pg_uuidv7'
       AND p.proname = 'uuid_generate_v7'
       AND p.pronargs = 0
       AND p.prorettype = 'pg_catalog.uuid'::pg_catalog.regtype;

    IF extension_schema IS NOT NULL THEN
        EXECUTE pg_catalog.concat(
            $tasker_name$CREATE FUNCTION {schema}.uuid_generate_v7() RETURNS uuid$tasker_name$,
            ' LANGUAGE sql VOLATILE PARALLEL SAFE RETURN ', extension_schema, '.uuid_generate_v7()');
        RETURN;
    END IF;

    CREATE FUNCTION {schema}.uuid_generate_v7() RETURNS uuid
        LANGUAGE sql VOLATILE PARALLEL SAFE
        RETURN (
            overlay(
                lpad(to_hex((extract(epoch FROM clock_timestamp()) * 4096000)::bigint), 15, '0')
                PLACING '7' FROM 13 FOR 0
            ) || right(gen_random_uuid()::text, 17)
        )::uuid;
END
$tasker$;


-- ---------------------------------------------------------------------------------------------------------------------
-- tasker_task_namespaces: who a named task belongs to
-- ---------------------------------------------------------------------------------------------------------------------

CREATE TABLE {schema}.tasker_task_namespaces (
    task_namespace_uuid uuid         NOT NULL DEFAULT {schema}.uuid_generate_v7(),
    name                varchar(64)  NOT NULL,
    description         varchar(255),
    created_at          timestamp(6) NOT NULL,
    updated_at          timestamp(6) NOT NULL,

    CONSTRAINT tasker_task_namespaces_pkey PRIMARY KEY (task_namespace_uuid),
    -- Find by name; find or create.
    CONSTRAINT tasker_task_namespaces_name_key UNIQUE (name)
);


-- ---------------------------------------------------------------------------------------------------------------------
-- tasker_dependent_systems: the systems that steps act upon
-- ---------------------------------------------------------------------------------------------------------------------

CREATE TABLE {schema}.tasker_dependent_systems (
    dependent_system_uuid uuid         NOT NULL DEFAULT {schema}.uuid_generate_v7(),
    name                  varchar(64)  NOT NULL,
    description           varchar(255),
    created_at            timestamp(6) NOT NULL,
    updated_at            timestamp(6) NOT NULL,

    CONSTRAINT tasker_dependent_systems_pkey PRIMARY KEY (dependent_system_uuid),
    -- Find by name; find or create.
    CONSTRAINT tasker_dependent_systems_name_key UNIQUE (name)
);


-- ---------------------------------------------------------------------------------------------------------------------
-- tasker_named_tasks: kinds of task, by namespace, name and version
-- ---------------------------------------------------------------------------------------------------------------------

CREATE TABLE {schema}.tasker_named_tasks (
    named_task_uuid     uuid         NOT NULL DEFAULT {schema}.uuid_generate_v7(),
    task_namespace_uuid uuid         NOT NULL,
    name                varchar(64)  NOT NULL,
    description         varchar(255),
    version             varchar(16)  NOT NULL DEFAULT '0.1.0',
    configuration       jsonb        DEFAULT '{}',
    created_at          timestamp(6) NOT NULL,
    updated_at          timestamp(6) NOT NULL,

    CONSTRAINT tasker_named_tasks_pkey PRIMARY KEY (named_task_uuid),
    -- Find by namespace, name and version; versions of a name; tasks of a namespace; the foreign key.
    -- Hardening: the only natural key. Without the version in it, no second version could be stored.
    CONSTRAINT tasker_named_tasks_namespace_name_version_unique UNIQUE (task_namespace_uuid, name, version),
    CONSTRAINT tasker_named_tasks_task_namespace_uuid_fkey
        FOREIGN KEY (task_namespace_uuid) REFERENCES {schema}.tasker_task_namespaces (task_namespace_uuid)
);


-- ---------------------------------------------------------------------------------------------------------------------
-- tasker_named_steps: kinds of step, by dependent system and name
-- ---------------------------------------------------------------------------------------------------------------------

CREATE TABLE {schema}.tasker_named_steps (
    named_step_uuid       uuid         NOT NULL DEFAULT {schema}.uuid_generate_v7(),
    dependent_system_uuid uuid         NOT NULL,
    name                  varchar(128) NOT NULL,
    description           varchar(255),
    created_at            timestamp(6) NOT NULL,
    updated_at            timestamp(6) NOT NULL,

    CONSTRAINT tasker_named_steps_pkey PRIMARY KEY (named_step_uuid),
    -- Find by system and name; find or create; steps of a system; the foreign key.
    CONSTRAINT tasker_named_steps_system_name_unique UNIQUE (dependent_system_uuid, name),
    CONSTRAINT tasker_named_steps_dependent_system_uuid_fkey
        FOREIGN KEY (dependent_system_uuid) REFERENCES {schema}.tasker_dependent_systems (dependent_system_uuid)
)
WITH (autovacuum_vacuum_threshold = 1000, autovacuum_analyze_threshold = 1000);


-- ---------------------------------------------------------------------------------------------------------------------
-- tasker_named_tasks_named_steps: which kinds of step a kind of task consists of
-- ---------------------------------------------------------------------------------------------------------------------

CREATE TABLE {schema}.tasker_named_tasks_named_steps (
    ntns_uuid           uuid         NOT NULL DEFAULT {schema}.uuid_generate_v7(),
    named_task_uuid     uuid         NOT NULL,
    named_step_uuid     uuid         NOT NULL,
    skippable           boolean      NOT NULL DEFAULT false,
    default_retryable   boolean      NOT NULL DEFAULT true,
    default_retry_limit integer      NOT NULL DEFAULT 3,
    created_at          timestamp(6) NOT NULL,
    updated_at          timestamp(6) NOT NULL,

    CONSTRAINT tasker_named_tasks_named_steps_pkey PRIMARY KEY (ntns_uuid),
    -- Steps of a named task; find or create; the first foreign key.
    CONSTRAINT tasker_named_tasks_named_steps_unique UNIQUE (named_task_uuid, named_step_uuid),
    CONSTRAINT tasker_named_tasks_named_steps_named_task_uuid_fkey
        FOREIGN KEY (named_task_uuid) REFERENCES {schema}.tasker_named_tasks (named_task_uuid),
    CONSTRAINT tasker_named_tasks_named_steps_named_step_uuid_fkey
        FOREIGN KEY (named_step_uuid) REFERENCES {schema}.tasker_named_steps (named_step_uuid),
    -- Hardening: it becomes a step's retry_limit, which has the same bound.
    CONSTRAINT chk_named_tasks_named_steps_default_retry_limit CHECK (default_retry_limit >= 0)
);

-- Hardening: named tasks that use a named step; the second foreign key (deleting a named step).
CREATE INDEX idx_tasker_named_tasks_named_steps_named_step_uuid
    ON {schema}.tasker_named_tasks_named_steps (named_step_uuid);


-- ---------------------------------------------------------------------------------------------------------------------
-- tasker_tasks: one run of a named task
-- ---------------------------------------------------------------------------------------------------------------------

-- Pages are filled to 90 %: room for the claim, its release and the completion of a task beside its first version, so
-- that all of them are HOT updates (see tasker_workflow_steps).
CREATE TABLE {schema}.tasker_tasks (
    task_uuid             uuid         NOT NULL DEFAULT {schema}.uuid_generate_v7(),
    named_task_uuid       uuid         NOT NULL,
    complete              boolean      NOT NULL DEFAULT false,
    requested_at          timestamp    NOT NULL,
    completed_at          timestamp,
    initiator             varchar(128),
    source_system         varchar(128),
    reason                varchar(128),
    bypass_steps          json,
    tags                  jsonb,
    context               jsonb,
    identity_hash         varchar(128) NOT NULL,
    created_at            timestamp(6) NOT NULL,
    updated_at            timestamp(6) NOT NULL,
    claim_id              varchar,
    reference_id          varchar(255),
    priority              integer      NOT NULL DEFAULT 0,
    claim_timeout_seconds integer      NOT NULL DEFAULT 60,
    claimed_at            timestamp(6),
    claimed_by            varchar,

    CONSTRAINT tasker_tasks_pkey PRIMARY KEY (task_uuid),
    CONSTRAINT tasker_tasks_named_task_uuid_fkey
        FOREIGN KEY (named_task_uuid) REFERENCES {schema}.tasker_named_tasks (named_task_uuid),
    -- Hardening: a lease lasts some time, and a claim has both an owner and a time or neither.
    CONSTRAINT chk_tasks_claim_timeout_seconds CHECK (claim_timeout_seconds > 0),
    CONSTRAINT chk_tasks_claim CHECK ((claimed_at IS NULL) = (claimed_by IS NULL))
)
WITH (fillfactor = 90, autovacuum_vacuum_threshold = 1000, autovacuum_analyze_threshold = 1000);

-- Tasks of a named task; the foreign key (deleting a named task).
CREATE INDEX idx_tasker_tasks_named_task_uuid ON {schema}.tasker_tasks (named_task_uuid);

-- Create or find by identity. Not unique: when the task is closed, another one of that identity may begin.
CREATE INDEX idx_tasker_tasks_identity_hash ON {schema}.tasker_tasks (identity_hash);


-- ---------------------------------------------------------------------------------------------------------------------
-- tasker_workflow_steps: the steps of a task
-- ---------------------------------------------------------------------------------------------------------------------

-- Pages are filled to 70 %: each step is updated at least twice, and no index holds a column that these updates change.
-- With room on the page the new version stays there and no index is touched (a HOT update).
CREATE TABLE {schema}.tasker_workflow_steps (
    workflow_step_uuid      uuid         NOT NULL DEFAULT {schema}.uuid_generate_v7(),
    task_uuid               uuid         NOT NULL,
    named_step_uuid         uuid         NOT NULL,
    retryable               boolean      NOT NULL DEFAULT true,
    retry_limit             integer      DEFAULT 3,
    in_process              boolean      NOT NULL DEFAULT false,
    processed               boolean      NOT NULL DEFAULT false,
    processed_at            timestamp,
    attempts                integer,
    last_attempted_at       timestamp,
    backoff_request_seconds integer,
    inputs                  jsonb,
    results                 jsonb,
    skippable               boolean      NOT NULL DEFAULT false,
    created_at              timestamp(6) NOT NULL,
    updated_at              timestamp(6) NOT NULL,
    claim_id                varchar,
    reference_id            varchar(255),
    priority                integer      NOT NULL DEFAULT 0,
    claim_timeout_seconds   integer      NOT NULL DEFAULT 60,

    CONSTRAINT tasker_workflow_steps_pkey PRIMARY KEY (workflow_step_uuid),
    CONSTRAINT tasker_workflow_steps_task_uuid_fkey
        FOREIGN KEY (task_uuid) REFERENCES {schema}.tasker_tasks (task_uuid),
    CONSTRAINT tasker_workflow_steps_named_step_uuid_fkey
        FOREIGN KEY (named_step_uuid) REFERENCES {schema}.tasker_named_steps (named_step_uuid),
    -- Hardening: counts and waits are not negative, a lease lasts some time.
    CONSTRAINT chk_workflow_steps_attempts CHECK (attempts >= 0),
    CONSTRAINT chk_workflow_steps_retry_limit CHECK (retry_limit >= 0),
    CONSTRAINT chk_workflow_steps_backoff_request_seconds CHECK (backoff_request_seconds >= 0),
    CONSTRAINT chk_workflow_steps_claim_timeout_seconds CHECK (claim_timeout_seconds > 0)
)
WITH (fillfactor = 70, autovacuum_vacuum_threshold = 1000, autovacuum_analyze_threshold = 1000);

-- Steps of a task: lists, readiness, finalising; the first foreign key.
CREATE INDEX idx_tasker_workflow_steps_task_uuid ON {schema}.tasker_workflow_steps (task_uuid);

-- Steps of a named step; the second foreign key (deleting a named step).
CREATE INDEX idx_tasker_workflow_steps_named_step_uuid ON {schema}.tasker_workflow_steps (named_step_uuid);


-- ---------------------------------------------------------------------------------------------------------------------
-- tasker_workflow_step_edges: which step waits for which
-- ---------------------------------------------------------------------------------------------------------------------

CREATE TABLE {schema}.tasker_workflow_step_edges (
    workflow_step_edge_uuid uuid         NOT NULL DEFAULT {schema}.uuid_generate_v7(),
    from_step_uuid          uuid         NOT NULL,
    to_step_uuid            uuid         NOT NULL,
    name                    varchar      NOT NULL,
    created_at              timestamp(6) NOT NULL,
    updated_at              timestamp(6) NOT NULL,

    CONSTRAINT tasker_workflow_step_edges_pkey PRIMARY KEY (workflow_step_edge_uuid),
    -- Children of a step; find an edge; the first foreign key. Hardening: a dependency is stated once.
    CONSTRAINT tasker_workflow_step_edges_from_to_unique UNIQUE (from_step_uuid, to_step_uuid),
    CONSTRAINT tasker_workflow_step_edges_from_step_uuid_fkey
        FOREIGN KEY (from_step_uuid) REFERENCES {schema}.tasker_workflow_steps (workflow_step_uuid),
    CONSTRAINT tasker_workflow_step_edges_to_step_uuid_fkey
        FOREIGN KEY (to_step_uuid) REFERENCES {schema}.tasker_workflow_steps (workflow_step_uuid),
    -- Hardening: a step that waits for itself never starts.
    CONSTRAINT chk_workflow_step_edges_not_self CHECK (from_step_uuid <> to_step_uuid)
)
WITH (autovacuum_vacuum_threshold = 1000, autovacuum_analyze_threshold = 1000);

-- Parents of a step: readiness; the second foreign key.
CREATE INDEX idx_tasker_workflow_step_edges_to_step ON {schema}.tasker_workflow_step_edges (to_step_uuid);

-- Hardening: an edge joins steps of one task. One look at all rows of a statement, after its foreign keys were checked;
-- a step that the caller may not see counts as one of another task. Sequential scans are off because the plan is kept
-- for the session: one made while the steps table is tiny would read all of it for every edge later.
CREATE FUNCTION {schema}.tasker_workflow_step_edges_same_task() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
    SET enable_seqscan = off
AS $tasker$
DECLARE
    wrong record;
BEGIN
    SELECT e.from_step_uuid, e.to_step_uuid
      INTO wrong
      FROM written_edges AS e
     WHERE ((SELECT s.task_uuid FROM {schema}.tasker_workflow_steps AS s WHERE s.workflow_step_uuid = e.from_step_uuid)
          = (SELECT s.task_uuid FROM {schema}.tasker_workflow_steps AS s WHERE s.workflow_step_uuid = e.to_step_uuid)
           ) IS NOT TRUE
     LIMIT 1;

    IF FOUND THEN
        RAISE EXCEPTION 'new row for relation "%" violates check constraint "chk_workflow_step_edges_same_task"',
                        TG_TABLE_NAME
            USING ERRCODE = 'check_violation',
                  DETAIL = format('Steps %s and %s do not belong to one task.', wrong.from_step_uuid,
                                  wrong.to_step_uuid),
                  CONSTRAINT = 'chk_workflow_step_edges_same_task',
                  TABLE = TG_TABLE_NAME,
                  SCHEMA = TG_TABLE_SCHEMA;
    END IF;
    RETURN NULL;
END
$tasker$;

-- Two triggers, because one with a transition table serves one event.
CREATE TRIGGER tasker_workflow_step_edges_same_task_insert
    AFTER INSERT ON {schema}.tasker_workflow_step_edges
    REFERENCING NEW TABLE AS written_edges
    FOR EACH STATEMENT EXECUTE FUNCTION {schema}.tasker_workflow_step_edges_same_task();

CREATE TRIGGER tasker_workflow_step_edges_same_task_update
    AFTER UPDATE ON {schema}.tasker_workflow_step_edges
    REFERENCING NEW TABLE AS written_edges
    FOR EACH STATEMENT EXECUTE FUNCTION {schema}.tasker_workflow_step_edges_same_task();

-- The same rule from the other side: a step does not move to another task. AFTER, because a BEFORE trigger would lock
-- every step once more on each update, also where its condition is false.
CREATE FUNCTION {schema}.tasker_workflow_steps_task_fixed() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp
AS $tasker$
BEGIN
    RAISE EXCEPTION 'new row for relation "%" violates check constraint "chk_workflow_steps_task_fixed"', TG_TABLE_NAME
        USING ERRCODE = 'check_violation',
              DETAIL = format('Step %s belongs to task %s.', OLD.workflow_step_uuid, OLD.task_uuid),
              CONSTRAINT = 'chk_workflow_steps_task_fixed',
              TABLE = TG_TABLE_NAME,
              SCHEMA = TG_TABLE_SCHEMA;
END
$tasker$;

CREATE TRIGGER tasker_workflow_steps_task_fixed
    AFTER UPDATE OF task_uuid ON {schema}.tasker_workflow_steps
    FOR EACH ROW WHEN (OLD.task_uuid <> NEW.task_uuid)
    EXECUTE FUNCTION {schema}.tasker_workflow_steps_task_fixed();


-- ---------------------------------------------------------------------------------------------------------------------
-- tasker_task_transitions: the history of a task's state; the newest row is the current state
-- ---------------------------------------------------------------------------------------------------------------------

CREATE TABLE {schema}.tasker_task_transitions (
    task_transition_uuid uuid         NOT NULL DEFAULT {schema}.uuid_generate_v7(),
    task_uuid            uuid         NOT NULL,
    to_state             varchar      NOT NULL,
    from_state           varchar,
    metadata             jsonb        DEFAULT '{}',
    sort_key             integer      NOT NULL,
    most_recent          boolean      NOT NULL DEFAULT false,
    created_at           timestamp(6) NOT NULL,
    updated_at           timestamp(6) NOT NULL,

    CONSTRAINT tasker_task_transitions_pkey PRIMARY KEY (task_transition_uuid),
    -- History of a task in order; the foreign key. Hardening: two rows cannot claim the same place in it.
    CONSTRAINT tasker_task_transitions_sort_key_unique UNIQUE (task_uuid, sort_key),
    CONSTRAINT tasker_task_transitions_task_uuid_fkey
        FOREIGN KEY (task_uuid) REFERENCES {schema}.tasker_tasks (task_uuid),
    CONSTRAINT chk_task_transitions_to_state
        CHECK (to_state IN ('pending', 'in_progress', 'complete', 'error', 'cancelled', 'resolved_manually')),
    CONSTRAINT chk_task_transitions_from_state
        CHECK (from_state IS NULL OR from_state IN
               ('pending', 'in_progress', 'complete', 'error', 'cancelled', 'resolved_manually'))
)
WITH (autovacuum_vacuum_threshold = 1000, autovacuum_analyze_threshold = 1000);

-- Current state of a task; at most one; ON CONFLICT (task_uuid, most_recent) WHERE most_recent for the first one.
CREATE UNIQUE INDEX idx_task_transitions_uuid_most_recent
    ON {schema}.tasker_task_transitions (task_uuid, most_recent) WHERE most_recent = true;

-- Tasks in a state, of which few are in it: what has failed among many that are complete.
CREATE INDEX idx_task_transitions_current_state
    ON {schema}.tasker_task_transitions (to_state, task_uuid) WHERE most_recent = true;


-- ---------------------------------------------------------------------------------------------------------------------
-- tasker_workflow_step_transitions: the history of a step's state; the newest row is the current state
-- ---------------------------------------------------------------------------------------------------------------------

CREATE TABLE {schema}.tasker_workflow_step_transitions (
    workflow_step_transition_uuid uuid         NOT NULL DEFAULT {schema}.uuid_generate_v7(),
    workflow_step_uuid            uuid         NOT NULL,
    to_state                      varchar      NOT NULL,
    from_state                    varchar,
    metadata                      jsonb        DEFAULT '{}',
    sort_key                      integer      NOT NULL,
    most_recent                   boolean      NOT NULL DEFAULT false,
    created_at                    timestamp(6) NOT NULL,
    updated_at                    timestamp(6) NOT NULL,

    CONSTRAINT tasker_workflow_step_transitions_pkey PRIMARY KEY (workflow_step_transition_uuid),
    -- History of a step in order; the foreign key. Hardening: two rows cannot claim the same place in it.
    CONSTRAINT tasker_workflow_step_transitions_sort_key_unique UNIQUE (workflow_step_uuid, sort_key),
    CONSTRAINT tasker_workflow_step_transitions_workflow_step_uuid_fkey
        FOREIGN KEY (workflow_step_uuid) REFERENCES {schema}.tasker_workflow_steps (workflow_step_uuid),
    CONSTRAINT chk_workflow_step_transitions_to_state
        CHECK (to_state IN
               ('pending', 'enqueued', 'in_progress', 'complete', 'error', 'cancelled', 'resolved_manually')),
    CONSTRAINT chk_workflow_step_transitions_from_state
        CHECK (from_state IS NULL OR from_state IN
               ('pending', 'enqueued', 'in_progress', 'complete', 'error', 'cancelled', 'resolved_manually'))
)
WITH (autovacuum_vacuum_threshold = 1000, autovacuum_analyze_threshold = 1000);

-- Current state of a step; at most one; ON CONFLICT (workflow_step_uuid, most_recent) WHERE most_recent.
CREATE UNIQUE INDEX idx_workflow_step_transitions_uuid_most_recent
    ON {schema}.tasker_workflow_step_transitions (workflow_step_uuid, most_recent) WHERE most_recent = true;


-- ---------------------------------------------------------------------------------------------------------------------
-- tasker_annotation_types, tasker_task_annotations: notes on tasks
-- ---------------------------------------------------------------------------------------------------------------------

CREATE TABLE {schema}.tasker_annotation_types (
    annotation_type_id serial       NOT NULL,
    name               varchar(64)  NOT NULL,
    description        varchar(255),
    created_at         timestamp(6) NOT NULL,
    updated_at         timestamp(6) NOT NULL,

    CONSTRAINT tasker_annotation_types_pkey PRIMARY KEY (annotation_type_id),
    -- Find by name; find or create.
    CONSTRAINT tasker_annotation_types_name_key UNIQUE (name)
);

CREATE TABLE {schema}.tasker_task_annotations (
    task_annotation_id bigserial    NOT NULL,
    task_uuid          uuid         NOT NULL,
    annotation_type_id integer      NOT NULL,
    annotation         jsonb,
    created_at         timestamp(6) NOT NULL,
    updated_at         timestamp(6) NOT NULL,

    CONSTRAINT tasker_task_annotations_pkey PRIMARY KEY (task_annotation_id),
    CONSTRAINT tasker_task_annotations_task_uuid_fkey
        FOREIGN KEY (task_uuid) REFERENCES {schema}.tasker_tasks (task_uuid),
    CONSTRAINT tasker_task_annotations_annotation_type_id_fkey
        FOREIGN KEY (annotation_type_id) REFERENCES {schema}.tasker_annotation_types (annotation_type_id)
);

-- Annotations of a task; the first foreign key.
CREATE INDEX idx_tasker_task_annotations_task_uuid ON {schema}.tasker_task_annotations (task_uuid);

-- Annotations of a type; the second foreign key.
CREATE INDEX idx_tasker_task_annotations_type_id ON {schema}.tasker_task_annotations (annotation_type_id);


-- ---------------------------------------------------------------------------------------------------------------------
-- tasker_dependent_system_object_maps: one object under its ids in two systems
-- ---------------------------------------------------------------------------------------------------------------------

CREATE TABLE {schema}.tasker_dependent_system_object_maps (
    -- The sequence gets the shortened name tasker_dependent_system_objec_dependent_system_object_map_i_seq.
    dependent_system_object_map_id bigserial    NOT NULL,
    dependent_system_one_uuid      uuid         NOT NULL,
    dependent_system_two_uuid      uuid         NOT NULL,
    remote_id_one                  varchar(128) NOT NULL,
    remote_id_two                  varchar(128) NOT NULL,
    created_at                     timestamp(6) NOT NULL,
    updated_at                     timestamp(6) NOT NULL,

    CONSTRAINT tasker_dependent_system_object_maps_pkey PRIMARY KEY (dependent_system_object_map_id),
    -- Find or create; maps of a first system; the first foreign key. Hardening: find or create is a race without it.
    CONSTRAINT tasker_dependent_system_object_maps_unique
        UNIQUE (dependent_system_one_uuid, dependent_system_two_uuid, remote_id_one, remote_id_two),
    -- Names cut to 63 bytes, as tasker-core has them.
    CONSTRAINT tasker_dependent_system_object_maps_dependent_system_one_uuid_f
        FOREIGN KEY (dependent_system_one_uuid) REFERENCES {schema}.tasker_dependent_systems (dependent_system_uuid),
    CONSTRAINT tasker_dependent_system_object_maps_dependent_system_two_uuid_f
        FOREIGN KEY (dependent_system_two_uuid) REFERENCES {schema}.tasker_dependent_systems (dependent_system_uuid)
);

-- Hardening: maps of a second system; the second foreign key.
CREATE INDEX idx_tasker_dependent_system_object_maps_two_uuid
    ON {schema}.tasker_dependent_system_object_maps (dependent_system_two_uuid);
