/* SPDX-License-Identifier: MIT */
#include "breaks.h"

/* Keys end in a digit: 1 parent, 2 child, 3 task. */
const char *const consistent_rows[] = {
    "ALTER TABLE tasker_tasks DROP CONSTRAINT chk_tasks_claim, DROP CONSTRAINT chk_tasks_claim_timeout_seconds",
    "ALTER TABLE tasker_workflow_steps DROP CONSTRAINT chk_workflow_steps_attempts",
    "ALTER TABLE tasker_workflow_step_edges DROP CONSTRAINT chk_workflow_step_edges_not_self,"
    " DROP CONSTRAINT tasker_workflow_step_edges_from_to_unique",
    "ALTER TABLE tasker_workflow_step_edges DISABLE TRIGGER USER",
    "ALTER TABLE tasker_workflow_steps DISABLE TRIGGER USER",
    "ALTER TABLE tasker_workflow_step_transitions DROP CONSTRAINT tasker_workflow_step_transitions_sort_key_unique",
    "CREATE FUNCTION id(n int) RETURNS uuid LANGUAGE sql AS"
    " $$ SELECT ('01900000-0000-7000-8000-00000000000' || n)::uuid $$",
    "INSERT INTO tasker_task_namespaces VALUES (id(8), 'n', NULL, now(), now())",
    "INSERT INTO tasker_dependent_systems VALUES (id(8), 'd', NULL, now(), now())",
    "INSERT INTO tasker_named_tasks VALUES (id(8), id(8), 't', NULL, '1', '{}', now(), now())",
    "INSERT INTO tasker_named_steps VALUES (id(8), id(8), 's', NULL, now(), now())",
    "INSERT INTO tasker_tasks (task_uuid, named_task_uuid, requested_at, identity_hash, created_at, updated_at)"
    " SELECT id(n), id(8), now(), n, now(), now() FROM generate_series(3, 4) n",
    "INSERT INTO tasker_workflow_steps (workflow_step_uuid, task_uuid, named_step_uuid, processed, processed_at,"
    " in_process, attempts, created_at, updated_at)"
    " VALUES (id(1), id(3), id(8), true, now(), false, 1, now(), now()),"
    " (id(2), id(3), id(8), false, NULL, true, 1, now(), now())",
    "INSERT INTO tasker_workflow_step_edges VALUES (id(1), id(1), id(2), 'provides', now(), now())",
    "INSERT INTO tasker_task_transitions VALUES (id(1), id(3), 'pending', NULL, '{}', 1, false, now(), now()),"
    " (id(2), id(3), 'in_progress', 'pending', '{}', 2, true, now(), now())",
    "INSERT INTO tasker_workflow_step_transitions VALUES"
    " (id(1), id(1), 'pending', NULL, '{}', 1, false, now(), now()),"
    " (id(2), id(1), 'in_progress', 'pending', '{}', 2, false, now(), now()),"
    " (id(3), id(1), 'complete', 'in_progress', '{}', 3, true, now(), now()),"
    " (id(4), id(2), 'pending', NULL, '{}', 1, false, now(), now()),"
    " (id(5), id(2), 'in_progress', 'pending', '{}', 2, true, now(), now())",
};

#define STEP "UPDATE tasker_workflow_steps SET "
#define TASK "UPDATE tasker_tasks SET "
#define MOVE "UPDATE tasker_workflow_step_transitions SET "

const size_t consistent_row_count = sizeof consistent_rows / sizeof *consistent_rows;

const rule_break rule_breaks[] = {
    {"I01", MOVE "most_recent = false WHERE workflow_step_transition_uuid = id(3)"},
    {"I02", MOVE "most_recent = false WHERE workflow_step_transition_uuid = id(3);" MOVE
                 "most_recent = true WHERE workflow_step_transition_uuid = id(2)"},
    {"I03", MOVE "sort_key = 5 WHERE workflow_step_transition_uuid = id(3)"},
    {"I03", MOVE "sort_key = 2 WHERE workflow_step_transition_uuid = id(3)"},
    {"I04", MOVE "from_state = 'error' WHERE workflow_step_transition_uuid = id(3)"},
    {"I05", MOVE "from_state = 'error' WHERE workflow_step_transition_uuid = id(1)"},
    {"I06", MOVE "to_state = 'complete' WHERE workflow_step_transition_uuid = id(2)"},
    {"I06", MOVE "to_state = 'resolved_manually', from_state = 'complete' WHERE workflow_step_transition_uuid = id(3)"},
    {"I06", MOVE "to_state = 'pending', from_state = 'complete' WHERE workflow_step_transition_uuid = id(3)"},
    {"I06", "UPDATE tasker_task_transitions SET to_state = 'complete' WHERE task_transition_uuid = id(2)"},
    {"I07", MOVE "created_at = created_at - interval '1 s' WHERE workflow_step_transition_uuid = id(3)"},
    {"I08", STEP "processed = false, processed_at = NULL WHERE workflow_step_uuid = id(1)"},
    {"I08", STEP "processed = true, processed_at = now() WHERE workflow_step_uuid = id(2)"},
    {"I09", STEP "processed_at = NULL WHERE workflow_step_uuid = id(1)"},
    {"I10", STEP "in_process = true WHERE workflow_step_uuid = id(1)"},
    {"I11", STEP "in_process = false WHERE workflow_step_uuid = id(2)"},
    {"I12", TASK "complete = true, completed_at = now() WHERE task_uuid = id(3)"},
    {"I13", TASK "complete = true, completed_at = now() WHERE task_uuid = id(4)"},
    {"I14", TASK "completed_at = now() WHERE task_uuid = id(3)"},
    {"I15", TASK "claimed_by = 'x' WHERE task_uuid = id(3)"},
    {"I16", TASK "complete = true, claimed_at = '2020-01-01', claimed_by = 'x' WHERE task_uuid = id(3)"},
    {"I17", TASK "claimed_at = '2999-01-01', claimed_by = 'x' WHERE task_uuid = id(3)"},
    {"I17", TASK "claim_timeout_seconds = 0 WHERE task_uuid = id(3)"},
    {"I18", TASK "complete = true, completed_at = now() WHERE task_uuid = id(3)"},
    {"I19", MOVE "to_state = 'error' WHERE workflow_step_transition_uuid = id(3)"},
    {"I19", "DELETE FROM tasker_workflow_step_transitions WHERE workflow_step_uuid = id(1)"},
    {"I20", "INSERT INTO tasker_workflow_step_edges VALUES (id(9), id(1), id(1), 'x', now(), now())"},
    {"I21", "INSERT INTO tasker_workflow_step_edges VALUES (id(9), id(1), id(2), 'provides', now(), now())"},
    {"I22", STEP "task_uuid = id(4) WHERE workflow_step_uuid = id(2)"},
    {"I23", "INSERT INTO tasker_workflow_step_edges VALUES (id(9), id(2), id(1), 'x', now(), now())"},
    {"I24", STEP "attempts = 4 WHERE workflow_step_uuid = id(2)"},
    {"I24", STEP "attempts = -1 WHERE workflow_step_uuid = id(2)"},
    {"I24", STEP "attempts = 4, retry_limit = NULL WHERE workflow_step_uuid = id(2)"},
    {"I25", "UPDATE tasker_workflow_step_edges SET workflow_step_edge_uuid = gen_random_uuid()"},
    {"I25", "UPDATE tasker_workflow_step_edges SET"
            " workflow_step_edge_uuid = 'ff900000-0000-7000-8000-000000000001'"},
    {"I26", "ALTER TABLE tasker_tasks ADD CONSTRAINT c CHECK (priority >= 0) NOT VALID"},
    {"I26", "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'tasker_tasks_pkey'::regclass"},
    {"I27", "SELECT pg_advisory_xact_lock(1)"},
    {"I27", "SET LOCAL application_name = 'libtasker'; SELECT pg_stat_clear_snapshot()"},
};

const size_t rule_break_count = sizeof rule_breaks / sizeof *rule_breaks;
