-- SPDX-License-Identifier: MIT
--
-- Schema version 1, profile "compatible": run after 0001_schema.sql, in the same transaction and by the same rules.
--
-- The remaining indexes and unique constraints of tasker-core, for databases that its own queries use as well.
-- libtasker needs none of them. Many repeat another one; they are here because plans, index hints and ON CONFLICT ON
-- CONSTRAINT of other programs may name them.
--
-- Two objects of tasker-core are left out on purpose:
--   idx_workflow_steps_transitive_deps        stores the step's results in the index row, so that results of more than
--                                             about 2.6 kB after compression cannot be written (SQLSTATE 54000)
--   tasker_named_tasks_namespace_name_unique  forbids a second version of a named task


-- tasker_task_namespaces

ALTER TABLE {schema}.tasker_task_namespaces
    ADD CONSTRAINT tasker_task_namespaces_name_unique UNIQUE (name);

CREATE INDEX idx_tasker_task_namespaces_name ON {schema}.tasker_task_namespaces (name);


-- tasker_dependent_systems

ALTER TABLE {schema}.tasker_dependent_systems
    ADD CONSTRAINT tasker_dependent_systems_name_unique UNIQUE (name);

CREATE INDEX idx_tasker_dependent_systems_name ON {schema}.tasker_dependent_systems (name);


-- tasker_named_tasks

CREATE INDEX idx_tasker_named_tasks_namespace_uuid ON {schema}.tasker_named_tasks (task_namespace_uuid);


-- tasker_named_steps

CREATE INDEX idx_tasker_named_steps_system_uuid ON {schema}.tasker_named_steps (dependent_system_uuid);


-- tasker_tasks

CREATE INDEX idx_tasker_tasks_complete ON {schema}.tasker_tasks (complete);

CREATE INDEX idx_tasker_tasks_completed_at ON {schema}.tasker_tasks (completed_at);

CREATE INDEX idx_tasker_tasks_requested_at ON {schema}.tasker_tasks (requested_at);

CREATE INDEX idx_tasker_tasks_source_system ON {schema}.tasker_tasks (source_system);

CREATE INDEX idx_tasker_tasks_priority ON {schema}.tasker_tasks (priority);

CREATE INDEX idx_tasker_tasks_tags_gin ON {schema}.tasker_tasks USING gin (tags);

CREATE INDEX idx_tasker_tasks_tags_gin_path ON {schema}.tasker_tasks USING gin (tags jsonb_path_ops);

CREATE INDEX idx_tasker_tasks_claiming
    ON {schema}.tasker_tasks (claimed_at, claimed_by) WHERE claimed_at IS NOT NULL;

CREATE INDEX idx_tasker_tasks_unclaimed
    ON {schema}.tasker_tasks (complete, priority, created_at) WHERE complete = false AND claimed_at IS NULL;

CREATE INDEX idx_tasks_active_with_priority_covering
    ON {schema}.tasker_tasks (complete, priority, task_uuid) INCLUDE (named_task_uuid, requested_at)
    WHERE complete = false;

CREATE INDEX idx_tasks_uuid_temporal ON {schema}.tasker_tasks (task_uuid, created_at);


-- tasker_workflow_steps

CREATE INDEX idx_workflow_steps_active_operations
    ON {schema}.tasker_workflow_steps (workflow_step_uuid, task_uuid) WHERE processed = false OR processed IS NULL;

CREATE INDEX idx_workflow_steps_processed_at ON {schema}.tasker_workflow_steps (processed_at);

CREATE INDEX idx_workflow_steps_processing_status
    ON {schema}.tasker_workflow_steps (task_uuid, processed, in_process);

CREATE INDEX idx_workflow_steps_ready_covering
    ON {schema}.tasker_workflow_steps (task_uuid, processed, in_process)
    INCLUDE (workflow_step_uuid, attempts, retry_limit, retryable)
    WHERE processed = false;

CREATE INDEX idx_workflow_steps_retry_logic
    ON {schema}.tasker_workflow_steps (attempts, retry_limit, retryable);

CREATE INDEX idx_workflow_steps_retry_status ON {schema}.tasker_workflow_steps (attempts, retry_limit);

CREATE INDEX idx_workflow_steps_task_covering
    ON {schema}.tasker_workflow_steps (task_uuid)
    INCLUDE (workflow_step_uuid, processed, in_process, attempts, retry_limit);

CREATE INDEX idx_workflow_steps_task_grouping_active
    ON {schema}.tasker_workflow_steps (task_uuid, workflow_step_uuid) WHERE processed = false OR processed IS NULL;

CREATE INDEX idx_workflow_steps_task_readiness
    ON {schema}.tasker_workflow_steps (task_uuid, processed, workflow_step_uuid) WHERE processed = false;


-- tasker_workflow_step_edges

CREATE INDEX idx_tasker_workflow_step_edges_from_step ON {schema}.tasker_workflow_step_edges (from_step_uuid);


-- tasker_task_transitions

CREATE INDEX idx_task_transitions_state_lookup
    ON {schema}.tasker_task_transitions (task_uuid, to_state, most_recent) WHERE most_recent = true;

CREATE INDEX idx_task_transitions_uuid_sort_key ON {schema}.tasker_task_transitions (task_uuid, sort_key);

CREATE INDEX idx_task_transitions_uuid_temporal
    ON {schema}.tasker_task_transitions (task_transition_uuid, created_at);

CREATE INDEX idx_tasker_task_transitions_most_recent
    ON {schema}.tasker_task_transitions (most_recent) WHERE most_recent = true;

CREATE INDEX idx_tasker_task_transitions_task_uuid ON {schema}.tasker_task_transitions (task_uuid);


-- tasker_workflow_step_transitions

CREATE INDEX idx_workflow_step_transitions_state_lookup
    ON {schema}.tasker_workflow_step_transitions (workflow_step_uuid, to_state, most_recent) WHERE most_recent = true;

CREATE INDEX idx_workflow_step_transitions_uuid_sort_key
    ON {schema}.tasker_workflow_step_transitions (workflow_step_uuid, sort_key);

CREATE INDEX idx_workflow_step_transitions_uuid_temporal
    ON {schema}.tasker_workflow_step_transitions (workflow_step_transition_uuid, created_at);

CREATE INDEX idx_tasker_workflow_step_transitions_most_recent
    ON {schema}.tasker_workflow_step_transitions (most_recent) WHERE most_recent = true;

CREATE INDEX idx_tasker_workflow_step_transitions_step_uuid
    ON {schema}.tasker_workflow_step_transitions (workflow_step_uuid);


-- tasker_annotation_types

ALTER TABLE {schema}.tasker_annotation_types
    ADD CONSTRAINT tasker_annotation_types_name_unique UNIQUE (name);
