/* SPDX-License-Identifier: MIT */
#include "resume.h"
#include "say.h"

/* The history rows that put the steps in progress; they say where each history stands. */
static tasker_status find_rows(struct link *link, const tasker_uuid *task_uuid,
                               const tasker_workflow_step_transitions **out)
{
    static const tasker_state in_progress = TASKER_STATE_IN_PROGRESS;
    const tasker_workflow_step_transition_filter current = {
        .task_uuids = task_uuid,
        .task_uuid_count = 1,
        .to_states = &in_progress,
        .to_state_count = 1,
        TASKER_SET(most_recent, true),
    };
    const tasker_page page = {.limit = 1000};
    tasker_status status;
    do
        status = tasker_workflow_step_transition_query(link->db, &current, &page, out);
    while (link_again(link, status));
    return status;
}

/* CONFLICT: the step is not where the row says any more, somebody is at work after all. */
static tasker_status restart_step(tasker_db *db, const tasker_workflow_step_transition *row)
{
    const tasker_change failed = {
        .actor = TASKER_TEXT("run_workflow"),
        .reason = TASKER_TEXT("resumed"),
        TASKER_SET(expected_sort_key, row->sort_key),
    };
    const tasker_change again = {.actor = failed.actor, .reason = failed.reason};

    tasker_status status = tasker_db_begin(db, NULL);
    if (status != TASKER_OK)
        return status;
    status = tasker_workflow_step_apply(db, &row->workflow_step_uuid, 1, TASKER_EVENT_FAIL, &failed, NULL);
    if (status == TASKER_OK)
        status = tasker_workflow_step_apply(db, &row->workflow_step_uuid, 1, TASKER_EVENT_RETRY, &again, NULL);
    if (status == TASKER_OK)
        return tasker_db_commit(db);
    tasker_status undone = tasker_db_rollback(db);
    return tasker_status_is_done(undone) || tasker_status_is_transient(status) ? status : undone;
}

bool resume_steps(struct link *link, const tasker_uuid *task_uuid, size_t *resumed)
{
    *resumed = 0;
    for (bool more = true; more;) {
        const tasker_workflow_step_transitions *rows = NULL;
        tasker_status status = find_rows(link, task_uuid, &rows);
        size_t restarted = 0;
        for (size_t i = 0; status == TASKER_OK && i < rows->count; i++) {
            do
                status = restart_step(link->db, rows->items[i]);
            while (link_again(link, status));
            restarted += status == TASKER_OK;
            if (status == TASKER_NOOP || status == TASKER_CONFLICT || status == TASKER_INVALID_TRANSITION)
                status = TASKER_OK;
        }
        more = status == TASKER_OK && rows->has_next && restarted > 0; /* those that are done have left the list */
        tasker_free(rows);
        *resumed += restarted;
        if (status != TASKER_OK) {
            link_say(link, "resuming", status);
            return false;
        }
    }
    return true;
}
