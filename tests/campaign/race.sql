-- SPDX-License-Identifier: MIT
-- The campaign of races: what its clients were told, and the changes that are there.

CREATE TABLE race_journal (
    entity          uuid    NOT NULL,
    transition_uuid uuid    NOT NULL,
    sort_key        integer NOT NULL,
    sent            bigint  NOT NULL,
    acked           bigint  NOT NULL
);

-- Of steps, but what is written past the library, and of the tasks that are moved themselves: the others begin with their first step.
CREATE VIEW race_history AS
SELECT t.workflow_step_uuid AS entity, t.workflow_step_transition_uuid AS transition_uuid, t.sort_key
  FROM tasker_workflow_step_transitions t
 WHERE t.from_state IS NOT NULL
   AND t.metadata ->> 'actor' IS DISTINCT FROM 'plain'
UNION ALL
SELECT t.task_uuid, t.task_transition_uuid, t.sort_key
  FROM tasker_task_transitions t
  JOIN tasker_tasks k ON k.task_uuid = t.task_uuid
  JOIN tasker_named_tasks n ON n.named_task_uuid = k.named_task_uuid
 WHERE t.from_state IS NOT NULL AND n.name = 'hot';
