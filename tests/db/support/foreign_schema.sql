-- SPDX-License-Identifier: MIT
-- A database as tasker-core's own migration makes it: its 13 tables with all of their constraints and indexes, those
-- that stand twice included. Without what libtasker's schema has beyond it: the version table, the views of readiness,
-- the rules against edges that stand twice or lead into another task.

-- tasker-core takes it from an extension.
CREATE FUNCTION uuid_generate_v7() RETURNS uuid LANGUAGE sql VOLATILE AS $$
SELECT (overlay(lpad(to_hex((extract(epoch FROM clock_timestamp()) * 4096000)::bigint), 15, '0')
                PLACING '7' FROM 13 FOR 0) || right(gen_random_uuid()::text, 17))::uuid
$$;

CREATE TABLE tasker_task_namespaces (
    task_namespace_uuid uuid NOT NULL DEFAULT uuid_generate_v7(),
    name                varchar(64) NOT NULL,
    description         varchar(255),
    created_at          timestamp(6) NOT NULL,
    updated_at          timestamp(6) NOT NULL,
    CONSTRAINT tasker_task_namespaces_pkey PRIMARY KEY (task_namespace_uuid),
    CONSTRAINT tasker_task_namespaces_name_key UNIQUE (name)
);
ALTER TABLE tasker_task_namespaces ADD CONSTRAINT tasker_task_namespaces_name_unique UNIQUE (name);
CREATE INDEX idx_tasker_task_namespaces_name ON tasker_task_namespaces (name);

CREATE TABLE tasker_dependent_systems (
    dependent_system_uuid uuid NOT NULL DEFAULT uuid_generate_v7(),
    name                  varchar(64) NOT NULL,
    description           varchar(255),
    created_at            timestamp(6) NOT NULL,
    updated_at            timestamp(6) NOT NULL,
    CONSTRAINT tasker_dependent_systems_pkey PRIMARY KEY (dependent_system_uuid),
    CONSTRAINT tasker_dependent_systems_name_key UNIQUE (name)
);
ALTER TABLE tasker_dependent_systems ADD CONSTRAINT tasker_dependent_systems_name_unique UNIQUE (name);
CREATE INDEX idx_tasker_dependent_systems_name ON tasker_dependent_systems (name);

CREATE TABLE tasker_named_tasks (
    named_task_uuid     uuid NOT NULL DEFAULT uuid_generate_v7(),
    task_namespace_uuid uuid NOT NULL,
    name                varchar(64) NOT NULL,
    description         varchar(255),
    version             varchar(16) NOT NULL DEFAULT '0.1.0',
    configuration       jsonb DEFAULT '{}',
    created_at          timestamp(6) NOT NULL,
    updated_at          timestamp(6) NOT NULL,
    CONSTRAINT tasker_named_tasks_pkey PRIMARY KEY (named_task_uuid),
    CONSTRAINT tasker_named_tasks_namespace_name_unique UNIQUE (task_namespace_uuid, name),
    CONSTRAINT tasker_named_tasks_namespace_name_version_unique UNIQUE (task_namespace_uuid, name, version),
    CONSTRAINT tasker_named_tasks_task_namespace_uuid_fkey
        FOREIGN KEY (task_namespace_uuid) REFERENCES tasker_task_namespaces (task_namespace_uuid)
);
CREATE INDEX idx_tasker_named_tasks_namespace_uuid ON tasker_named_tasks (task_namespace_uuid);

CREATE TABLE tasker_named_steps (
    named_step_uuid       uuid NOT NULL DEFAULT uuid_generate_v7(),
    dependent_system_uuid uuid NOT NULL,
    name                  varchar(128) NOT NULL,
    description           varchar(255),
    created_at            timestamp(6) NOT NULL,
    updated_at            timestamp(6) NOT NULL,
    CONSTRAINT tasker_named_steps_pkey PRIMARY KEY (named_step_uuid),
    CONSTRAINT tasker_named_steps_system_name_unique UNIQUE (dependent_system_uuid, name),
    CONSTRAINT tasker_named_steps_dependent_system_uuid_fkey
        FOREIGN KEY (dependent_system_uuid) REFERENCES tasker_dependent_systems (dependent_system_uuid)
);
CREATE INDEX idx_tasker_named_steps_system_uuid ON tasker_named_steps (dependent_system_uuid);

CREATE TABLE tasker_named_tasks_named_steps (
    ntns_uuid           uuid NOT NULL DEFAULT uuid_generate_v7(),
    named_task_uuid     uuid NOT NULL,
    named_step_uuid     uuid NOT NULL,
    skippable           boolean NOT NULL DEFAULT false,
    default_retryable   boolean NOT NULL DEFAULT true,
    default_retry_limit integer NOT NULL DEFAULT 3,
    created_at          timestamp(6) NOT NULL,
    updated_at          timestamp(6) NOT NULL,
    CONSTRAINT tasker_named_tasks_named_steps_pkey PRIMARY KEY (ntns_uuid),
    CONSTRAINT tasker_named_tasks_named_steps_unique UNIQUE (named_task_uuid, named_step_uuid),
    CONSTRAINT tasker_named_tasks_named_steps_named_step_uuid_fkey
        FOREIGN KEY (named_step_uuid) REFERENCES tasker_named_steps (named_step_uuid),
    CONSTRAINT tasker_named_tasks_named_steps_named_task_uuid_fkey
        FOREIGN KEY (named_task_uuid) REFERENCES tasker_named_tasks (named_task_uuid)
);

CREATE TABLE tasker_tasks (
    task_uuid             uuid NOT NULL DEFAULT uuid_generate_v7(),
    named_task_uuid       uuid NOT NULL,
    complete              boolean NOT NULL DEFAULT false,
    requested_at          timestamp NOT NULL,
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
    priority              integer NOT NULL DEFAULT 0,
    claim_timeout_seconds integer NOT NULL DEFAULT 60,
    claimed_at            timestamp(6),
    claimed_by            varchar,
    CONSTRAINT tasker_tasks_pkey PRIMARY KEY (task_uuid),
    CONSTRAINT tasker_tasks_named_task_uuid_fkey
        FOREIGN KEY (named_task_uuid) REFERENCES tasker_named_tasks (named_task_uuid)
);
CREATE INDEX idx_tasker_tasks_claiming ON tasker_tasks (claimed_at, claimed_by) WHERE claimed_at IS NOT NULL;
CREATE INDEX idx_tasker_tasks_complete ON tasker_tasks (complete);
CREATE INDEX idx_tasker_tasks_completed_at ON tasker_tasks (completed_at);
CREATE INDEX idx_tasker_tasks_identity_hash ON tasker_tasks (identity_hash);
CREATE INDEX idx_tasker_tasks_named_task_uuid ON tasker_tasks (named_task_uuid);
CREATE INDEX idx_tasker_tasks_priority ON tasker_tasks (priority);
CREATE INDEX idx_tasker_tasks_requested_at ON tasker_tasks (requested_at);
CREATE INDEX idx_tasker_tasks_source_system ON tasker_tasks (source_system);
CREATE INDEX idx_tasker_tasks_tags_gin ON tasker_tasks USING gin (tags);
CREATE INDEX idx_tasker_tasks_tags_gin_path ON tasker_tasks USING gin (tags jsonb_path_ops);
CREATE INDEX idx_tasker_tasks_unclaimed ON tasker_tasks (complete, priority, created_at)
    WHERE complete = false AND claimed_at IS NULL;
CREATE INDEX idx_tasks_active_with_priority_covering ON tasker_tasks (complete, priority, task_uuid)
    INCLUDE (named_task_uuid, requested_at) WHERE complete = false;
CREATE INDEX idx_tasks_uuid_temporal ON tasker_tasks (task_uuid, created_at);

CREATE TABLE tasker_workflow_steps (
    workflow_step_uuid      uuid NOT NULL DEFAULT uuid_generate_v7(),
    task_uuid               uuid NOT NULL,
    named_step_uuid         uuid NOT NULL,
    retryable               boolean NOT NULL DEFAULT true,
    retry_limit             integer DEFAULT 3,
    in_process              boolean NOT NULL DEFAULT false,
    processed               boolean NOT NULL DEFAULT false,
    processed_at            timestamp,
    attempts                integer,
    last_attempted_at       timestamp,
    backoff_request_seconds integer,
    inputs                  jsonb,
    results                 jsonb,
    skippable               boolean NOT NULL DEFAULT false,
    created_at              timestamp(6) NOT NULL,
    updated_at              timestamp(6) NOT NULL,
    claim_id                varchar,
    reference_id            varchar(255),
    priority                integer NOT NULL DEFAULT 0,
    claim_timeout_seconds   integer NOT NULL DEFAULT 60,
    CONSTRAINT tasker_workflow_steps_pkey PRIMARY KEY (workflow_step_uuid),
    CONSTRAINT tasker_workflow_steps_named_step_uuid_fkey
        FOREIGN KEY (named_step_uuid) REFERENCES tasker_named_steps (named_step_uuid),
    CONSTRAINT tasker_workflow_steps_task_uuid_fkey FOREIGN KEY (task_uuid) REFERENCES tasker_tasks (task_uuid)
);
CREATE INDEX idx_tasker_workflow_steps_named_step_uuid ON tasker_workflow_steps (named_step_uuid);
CREATE INDEX idx_tasker_workflow_steps_task_uuid ON tasker_workflow_steps (task_uuid);
CREATE INDEX idx_workflow_steps_active_operations ON tasker_workflow_steps (workflow_step_uuid, task_uuid)
    WHERE processed = false OR processed IS NULL;
CREATE INDEX idx_workflow_steps_processed_at ON tasker_workflow_steps (processed_at);
CREATE INDEX idx_workflow_steps_processing_status ON tasker_workflow_steps (task_uuid, processed, in_process);
CREATE INDEX idx_workflow_steps_ready_covering ON tasker_workflow_steps (task_uuid, processed, in_process)
    INCLUDE (workflow_step_uuid, attempts, retry_limit, retryable) WHERE processed = false;
CREATE INDEX idx_workflow_steps_retry_logic ON tasker_workflow_steps (attempts, retry_limit, retryable);
CREATE INDEX idx_workflow_steps_retry_status ON tasker_workflow_steps (attempts, retry_limit);
CREATE INDEX idx_workflow_steps_task_covering ON tasker_workflow_steps (task_uuid)
    INCLUDE (workflow_step_uuid, processed, in_process, attempts, retry_limit);
CREATE INDEX idx_workflow_steps_task_grouping_active ON tasker_workflow_steps (task_uuid, workflow_step_uuid)
    WHERE processed = false OR processed IS NULL;
CREATE INDEX idx_workflow_steps_task_readiness ON tasker_workflow_steps (task_uuid, processed, workflow_step_uuid)
    WHERE processed = false;
CREATE INDEX idx_workflow_steps_transitive_deps ON tasker_workflow_steps (workflow_step_uuid, named_step_uuid)
    INCLUDE (task_uuid, results, processed);

CREATE TABLE tasker_workflow_step_edges (
    workflow_step_edge_uuid uuid NOT NULL DEFAULT uuid_generate_v7(),
    from_step_uuid          uuid NOT NULL,
    to_step_uuid            uuid NOT NULL,
    name                    varchar NOT NULL,
    created_at              timestamp(6) NOT NULL,
    updated_at              timestamp(6) NOT NULL,
    CONSTRAINT tasker_workflow_step_edges_pkey PRIMARY KEY (workflow_step_edge_uuid),
    CONSTRAINT tasker_workflow_step_edges_from_step_uuid_fkey
        FOREIGN KEY (from_step_uuid) REFERENCES tasker_workflow_steps (workflow_step_uuid),
    CONSTRAINT tasker_workflow_step_edges_to_step_uuid_fkey
        FOREIGN KEY (to_step_uuid) REFERENCES tasker_workflow_steps (workflow_step_uuid)
);
CREATE INDEX idx_tasker_workflow_step_edges_from_step ON tasker_workflow_step_edges (from_step_uuid);
CREATE INDEX idx_tasker_workflow_step_edges_to_step ON tasker_workflow_step_edges (to_step_uuid);

CREATE TABLE tasker_task_transitions (
    task_transition_uuid uuid NOT NULL DEFAULT uuid_generate_v7(),
    task_uuid            uuid NOT NULL,
    to_state             varchar NOT NULL,
    from_state           varchar,
    metadata             jsonb DEFAULT '{}',
    sort_key             integer NOT NULL,
    most_recent          boolean NOT NULL DEFAULT false,
    created_at           timestamp(6) NOT NULL,
    updated_at           timestamp(6) NOT NULL,
    CONSTRAINT tasker_task_transitions_pkey PRIMARY KEY (task_transition_uuid),
    CONSTRAINT tasker_task_transitions_task_uuid_fkey
        FOREIGN KEY (task_uuid) REFERENCES tasker_tasks (task_uuid),
    CONSTRAINT chk_task_transitions_from_state
        CHECK (from_state IN ('pending', 'in_progress', 'complete', 'error', 'cancelled', 'resolved_manually')),
    CONSTRAINT chk_task_transitions_to_state
        CHECK (to_state IN ('pending', 'in_progress', 'complete', 'error', 'cancelled', 'resolved_manually'))
);
CREATE INDEX idx_task_transitions_state_lookup ON tasker_task_transitions (task_uuid, to_state, most_recent)
    WHERE most_recent = true;
CREATE UNIQUE INDEX idx_task_transitions_uuid_most_recent ON tasker_task_transitions (task_uuid, most_recent)
    WHERE most_recent = true;
CREATE INDEX idx_task_transitions_uuid_sort_key ON tasker_task_transitions (task_uuid, sort_key);
CREATE INDEX idx_task_transitions_uuid_temporal ON tasker_task_transitions (task_transition_uuid, created_at);
CREATE INDEX idx_tasker_task_transitions_most_recent ON tasker_task_transitions (most_recent)
    WHERE most_recent = true;
CREATE INDEX idx_tasker_task_transitions_task_uuid ON tasker_task_transitions (task_uuid);

CREATE TABLE tasker_workflow_step_transitions (
    workflow_step_transition_uuid uuid NOT NULL DEFAULT uuid_generate_v7(),
    workflow_step_uuid            uuid NOT NULL,
    to_state                      varchar NOT NULL,
    from_state                    varchar,
    metadata                      jsonb DEFAULT '{}',
    sort_key                      integer NOT NULL,
    most_recent                   boolean NOT NULL DEFAULT false,
    created_at                    timestamp(6) NOT NULL,
    updated_at                    timestamp(6) NOT NULL,
    CONSTRAINT tasker_workflow_step_transitions_pkey PRIMARY KEY (workflow_step_transition_uuid),
    CONSTRAINT tasker_workflow_step_transitions_workflow_step_uuid_fkey
        FOREIGN KEY (workflow_step_uuid) REFERENCES tasker_workflow_steps (workflow_step_uuid),
    CONSTRAINT chk_workflow_step_transitions_from_state
        CHECK (from_state IN
               ('pending', 'enqueued', 'in_progress', 'complete', 'error', 'cancelled', 'resolved_manually')),
    CONSTRAINT chk_workflow_step_transitions_to_state
        CHECK (to_state IN
               ('pending', 'enqueued', 'in_progress', 'complete', 'error', 'cancelled', 'resolved_manually'))
);
CREATE INDEX idx_tasker_workflow_step_transitions_most_recent ON tasker_workflow_step_transitions (most_recent)
    WHERE most_recent = true;
CREATE INDEX idx_tasker_workflow_step_transitions_step_uuid ON tasker_workflow_step_transitions (workflow_step_uuid);
CREATE INDEX idx_workflow_step_transitions_state_lookup
    ON tasker_workflow_step_transitions (workflow_step_uuid, to_state, most_recent)
    WHERE most_recent = true;
CREATE UNIQUE INDEX idx_workflow_step_transitions_uuid_most_recent
    ON tasker_workflow_step_transitions (workflow_step_uuid, most_recent)
    WHERE most_recent = true;
CREATE INDEX idx_workflow_step_transitions_uuid_sort_key
    ON tasker_workflow_step_transitions (workflow_step_uuid, sort_key);
CREATE INDEX idx_workflow_step_transitions_uuid_temporal
    ON tasker_workflow_step_transitions (workflow_step_transition_uuid, created_at);

CREATE TABLE tasker_annotation_types (
    annotation_type_id serial NOT NULL,
    name               varchar(64) NOT NULL,
    description        varchar(255),
    created_at         timestamp(6) NOT NULL,
    updated_at         timestamp(6) NOT NULL,
    CONSTRAINT tasker_annotation_types_pkey PRIMARY KEY (annotation_type_id),
    CONSTRAINT tasker_annotation_types_name_key UNIQUE (name)
);
ALTER TABLE tasker_annotation_types ADD CONSTRAINT tasker_annotation_types_name_unique UNIQUE (name);

CREATE TABLE tasker_task_annotations (
    task_annotation_id bigserial NOT NULL,
    task_uuid          uuid NOT NULL,
    annotation_type_id integer NOT NULL,
    annotation         jsonb,
    created_at         timestamp(6) NOT NULL,
    updated_at         timestamp(6) NOT NULL,
    CONSTRAINT tasker_task_annotations_pkey PRIMARY KEY (task_annotation_id),
    CONSTRAINT tasker_task_annotations_annotation_type_id_fkey
        FOREIGN KEY (annotation_type_id) REFERENCES tasker_annotation_types (annotation_type_id),
    CONSTRAINT tasker_task_annotations_task_uuid_fkey
        FOREIGN KEY (task_uuid) REFERENCES tasker_tasks (task_uuid)
);
CREATE INDEX idx_tasker_task_annotations_task_uuid ON tasker_task_annotations (task_uuid);
CREATE INDEX idx_tasker_task_annotations_type_id ON tasker_task_annotations (annotation_type_id);

CREATE TABLE tasker_dependent_system_object_maps (
    dependent_system_object_map_id bigserial NOT NULL,
    dependent_system_one_uuid      uuid NOT NULL,
    dependent_system_two_uuid      uuid NOT NULL,
    remote_id_one                  varchar(128) NOT NULL,
    remote_id_two                  varchar(128) NOT NULL,
    created_at                     timestamp(6) NOT NULL,
    updated_at                     timestamp(6) NOT NULL,
    CONSTRAINT tasker_dependent_system_object_maps_pkey PRIMARY KEY (dependent_system_object_map_id),
    CONSTRAINT tasker_dependent_system_object_maps_dependent_system_one_uuid_f
        FOREIGN KEY (dependent_system_one_uuid) REFERENCES tasker_dependent_systems (dependent_system_uuid),
    CONSTRAINT tasker_dependent_system_object_maps_dependent_system_two_uuid_f
        FOREIGN KEY (dependent_system_two_uuid) REFERENCES tasker_dependent_systems (dependent_system_uuid)
);

-- Its views and functions stand in the way of whoever asks them: the library works from the tables alone.
CREATE FUNCTION not_for_libtasker() RETURNS bool LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'an object of tasker-core was used';
END
$$;
CREATE VIEW tasker_ready_tasks AS SELECT not_for_libtasker();
CREATE VIEW tasker_step_dag_relationships AS SELECT not_for_libtasker();
DO $$
DECLARE
    signature text;
BEGIN
    FOREACH signature IN ARRAY ARRAY[
        'get_step_readiness_status(uuid, uuid[] DEFAULT NULL)',
        'get_step_readiness_status_batch(uuid[])',
        'get_task_execution_context(uuid)',
        'get_task_execution_contexts_batch(uuid[])',
        'claim_ready_tasks(varchar, integer DEFAULT 1, varchar DEFAULT NULL)',
        'release_task_claim(uuid, varchar)',
        'extend_task_claim(uuid, varchar)',
        'calculate_dependency_levels(uuid)',
        'get_step_transitive_dependencies(uuid)',
        'get_system_health_counts()',
        'get_analytics_metrics(timestamptz DEFAULT NULL)',
        'get_slowest_steps(timestamptz DEFAULT NULL, integer DEFAULT 10, text DEFAULT NULL, text DEFAULT NULL,
                           text DEFAULT NULL)',
        'get_slowest_tasks(timestamptz DEFAULT NULL, integer DEFAULT 10, text DEFAULT NULL, text DEFAULT NULL,
                           text DEFAULT NULL)']
    LOOP
        EXECUTE 'CREATE FUNCTION ' || signature || ' RETURNS bool LANGUAGE sql AS ''SELECT not_for_libtasker()''';
    END LOOP;
END
$$;
