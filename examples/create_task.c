/* SPDX-License-Identifier: MIT */
/* create_task.c: defines a workflow, creates a task of it and prints its steps: create_task [CONNINFO] */
#include <stdio.h>
#include <tasker/tasker.h>

enum { VALIDATE, RESERVE, PAY, SHIP, STEPS };

static const tasker_step_definition steps[STEPS] = {
    [VALIDATE] = {.name = TASKER_TEXT("validate_order"), TASKER_SET(retry_limit, 1)},
    [RESERVE] = {.name = TASKER_TEXT("reserve_inventory")},
    [PAY] = {.name = TASKER_TEXT("process_payment"), TASKER_SET(retry_limit, 2)},
    [SHIP] = {.name = TASKER_TEXT("ship_order"), TASKER_SET(retry_limit, 5)},
};
static const tasker_edge_definition edges[] = {
    {.from = VALIDATE, .to = RESERVE},
    {.from = VALIDATE, .to = PAY},
    {.from = RESERVE, .to = PAY},
    {.from = PAY, .to = SHIP},
};
static const tasker_definition process_order = {
    .namespace_name = TASKER_TEXT("fulfillment"),
    .name = TASKER_TEXT("process_order"),
    .steps = steps,
    .step_count = STEPS,
    .edges = edges,
    .edge_count = sizeof edges / sizeof *edges,
};

int main(int argc, char **argv)
{
    const tasker_workflow_input order = {
        .definition = &process_order,
        .task = {.context = TASKER_JSON("{\"order_id\": 12345}"), TASKER_SET(priority, TASKER_PRIORITY_HIGH)},
    };
    const tasker_workflow_ids *ids = NULL;
    const tasker_workflow *workflow = NULL;
    tasker_error error;
    tasker_db *db = NULL;

    tasker_status status = tasker_db_open(tasker_text_of(argc > 1 ? argv[1] : ""), NULL, &error, &db);
    if (status != TASKER_OK) {
        fprintf(stderr, "create_task: %s: %s\n", tasker_status_name(status), error.message);
        return 1;
    }
    status = tasker_workflow_create(db, &order, &ids);
    if (status == TASKER_OK)
        status = tasker_workflow_load(db, &ids->task_uuid, &workflow);
    if (status == TASKER_OK) {
        char text[TASKER_UUID_TEXT_SIZE];
        printf("task %s\n", tasker_uuid_format(&ids->task_uuid, text));
        for (size_t i = 0; i < workflow->step_count; i++)
            printf("  %-20s %s\n", workflow->steps[i]->name.ptr, tasker_state_name(workflow->steps[i]->state));
    } else
        fprintf(stderr, "create_task: %s: %s\n", tasker_status_name(status), tasker_db_error(db)->message);
    tasker_free(workflow);
    tasker_free(ids);
    tasker_db_close(db);
    return status != TASKER_OK;
}
