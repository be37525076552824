/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <tasker/tasker.h>
#include <tasker/testing.h>

/* Whether the workflow has a step that can start now. */
static bool has_ready(tasker_db *db, const tasker_workflow_ids *ids)
{
    const tasker_execution_context *context = NULL;
    bool ready = tasker_execution_context_get(db, &ids->task_uuid, &context) == TASKER_OK && context->ready_steps > 0;
    tasker_free(context);
    return ready;
}

int main(void)
{
    const tasker_testing_options diamond = {.shape = TASKER_TESTING_SHAPE_DIAMOND};
    const tasker_text why = TASKER_TEXT("no answer");
    const tasker_time noon = {1754049600000000}, early = {noon.us + 1999999}, late = {noon.us + 2000000};
    const tasker_workflow_ids *ids = NULL;
    bool before = true, then = false;
    tasker_db *db;
    tasker_error error;
    tasker_status status = tasker_db_open(tasker_text_of(""), NULL, &error, &db);
    if (status != TASKER_OK)
        return fprintf(stderr, "%s\n", error.message), 1;
    status = tasker_testing_freeze(db, &noon);
    if (status == TASKER_OK)
        status = tasker_testing_create(db, &diamond, &ids);
    if (status == TASKER_OK)
        status = tasker_testing_play(db, &ids->workflow_step_uuids[0], TASKER_TESTING_LIFE_FAILED, why, 1, false);
    if (status == TASKER_OK)
        status = tasker_testing_freeze(db, &early), before = has_ready(db, ids);
    if (status == TASKER_OK)
        status = tasker_testing_freeze(db, &late), then = has_ready(db, ids);
    fprintf(stderr, "%s: ready before %d, then %d\n", tasker_status_name(status), before, then);
    tasker_testing_free(ids), tasker_db_close(db);
    if (status != TASKER_OK || before || !then)
        return 1;
    puts(tasker_version());
    return 0;
}
