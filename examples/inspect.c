/* SPDX-License-Identifier: MIT */
/* inspect.c: one screen of what is going on in a database: inspect [CONNINFO]; of a task: inspect CONNINFO TASK_UUID */
#include <inttypes.h>
#include <stdio.h>
#include <tasker/tasker.h>

enum { PAGE = 5 };

static const char *age(tasker_time now, tasker_time then, char out[TASKER_DURATION_TEXT_SIZE])
{
    return tasker_duration_format(now.us > then.us ? (double)(now.us - then.us) / 1e6 : 0, out);
}

/* ---- the database ---- */

static void print_counts(const char *what, const tasker_state_counts *c)
{
    printf("%-6s %8" PRId64 " %8" PRId64 " %8" PRId64 " %8" PRId64 " %8" PRId64 " %8" PRId64 " %9" PRId64 " %9" PRId64
           "\n",
           what, c->total, c->pending, c->enqueued, c->in_progress, c->complete, c->error, c->cancelled,
           c->resolved_manually);
}

static tasker_status print_health(tasker_db *db)
{
    tasker_health health;
    tasker_metrics lately;
    tasker_status status = tasker_health_get(db, &health);
    if (status == TASKER_OK)
        status = tasker_metrics_get(db, NULL, &lately);
    if (status != TASKER_OK)
        return status;
    printf("health %.0f (%s), %" PRId64 " of %" PRId64 " connections\n", health.score, tasker_health_word(&health),
           health.active_connections, health.max_connections);
    printf("last hour: %" PRId64 " tasks, %" PRId64 " steps, %.2f%% with errors\n\n", lately.task_throughput,
           lately.step_throughput, lately.error_rate);
    printf("%-6s %8s %8s %8s %8s %8s %8s %9s %9s\n", "", "total", "pending", "enqueued", "running", "complete", "error",
           "cancelled", "resolved");
    print_counts("tasks", &health.tasks);
    print_counts("steps", &health.steps);
    printf("steps in error: %" PRId64 " to be tried again, %" PRId64 " of them waiting; %" PRId64
           " without attempts left\n",
           health.retryable_error_steps, health.in_backoff_steps, health.exhausted_retry_steps);
    return TASKER_OK;
}

/* The tasks that a filter selects: how many, and the first page of them with their names and states. */
static tasker_status print_tasks(tasker_db *db, tasker_time now, const char *title, const tasker_task_filter *filter)
{
    const tasker_page newest = {.limit = PAGE, .order = TASKER_ORDER_NEWEST};
    const tasker_task_detail_list *tasks = NULL;
    int64_t count = 0;
    tasker_status status = tasker_task_count(db, filter, &count);
    if (status == TASKER_OK)
        status = tasker_task_query_details(db, filter, &newest, &tasks);
    if (status != TASKER_OK)
        return status;
    printf("\n%s: %" PRId64 "\n", title, count);
    for (size_t i = 0; i < tasks->count; i++) {
        const tasker_task_details *t = tasks->items[i];
        char uuid[TASKER_UUID_TEXT_SIZE], since[TASKER_DURATION_TEXT_SIZE];
        printf("  %s  %-11s %8s  %s/%s %s\n", tasker_uuid_format(&t->task->task_uuid, uuid),
               tasker_state_name(t->state), age(now, t->state_since, since), t->namespace_name.ptr, t->name.ptr,
               t->version.ptr);
    }
    if (tasks->has_next)
        printf("  ...\n");
    tasker_free(tasks);
    return TASKER_OK;
}

static tasker_status print_slow_steps(tasker_db *db)
{
    const tasker_slow_filter filter = {.limit = PAGE};
    const tasker_slow_steps *steps = NULL;
    tasker_status status = tasker_slow_step_list(db, &filter, &steps);
    if (status != TASKER_OK)
        return status;
    printf("\nslowest steps of a day\n");
    for (size_t i = 0; i < steps->count; i++) {
        const tasker_slow_step *s = steps->items[i];
        char took[TASKER_DURATION_TEXT_SIZE];
        printf("  %8s  %s of %s/%s, %" PRId32 " attempts\n", tasker_duration_format(s->duration_seconds, took),
               s->step_name.ptr, s->namespace_name.ptr, s->task_name.ptr, s->attempts);
    }
    tasker_free(steps);
    return TASKER_OK;
}

static tasker_status print_database(tasker_db *db, tasker_time now)
{
    const tasker_state error = TASKER_STATE_ERROR;
    const tasker_task_filter active = {.active = true};
    const tasker_task_filter failing = {.active = true, .step_states = &error, .step_state_count = 1};
    tasker_status status = print_health(db);
    if (status == TASKER_OK)
        status = print_tasks(db, now, "active tasks", &active);
    if (status == TASKER_OK)
        status = print_tasks(db, now, "of these with failed steps", &failing);
    return status == TASKER_OK ? print_slow_steps(db) : status;
}

/* ---- a task ---- */

static tasker_status print_steps(tasker_db *db, tasker_time now, const tasker_uuid *task)
{
    tasker_workflow_step_filter filter = {.task_uuids = task, .task_uuid_count = 1};
    tasker_page page = {.limit = PAGE};
    tasker_position place;
    bool more = true;
    while (more) {
        const tasker_workflow_step_detail_list *steps = NULL;
        tasker_status status = tasker_workflow_step_query_details(db, &filter, &page, &steps);
        if (status != TASKER_OK)
            return status;
        for (size_t i = 0; i < steps->count; i++) {
            const tasker_workflow_step_details *s = steps->items[i];
            char since[TASKER_DURATION_TEXT_SIZE];
            printf("  %-24s %-17s %8s  %" PRId32 " attempts\n", s->name.ptr, tasker_state_name(s->state),
                   age(now, s->state_since, since), s->step->attempts);
        }
        more = steps->has_next;
        place = steps->next; /* the list goes before the next page is asked for */
        page.after = &place;
        tasker_free(steps);
    }
    return TASKER_OK;
}

/* Rows come one by one, however long the history is. */
static tasker_status print_history(tasker_db *db, const tasker_uuid *task)
{
    const tasker_workflow_step_transition_filter filter = {.task_uuids = task, .task_uuid_count = 1};
    const tasker_workflow_step_transition *t = NULL;
    tasker_cursor *cursor = NULL;
    tasker_status status = tasker_workflow_step_transition_stream(db, &filter, NULL, &cursor);
    printf("\nhistory\n");
    while (status == TASKER_OK && (status = tasker_workflow_step_transition_next(cursor, &t)) == TASKER_OK &&
           t != NULL) {
        char at[TASKER_TIME_TEXT_SIZE];
        printf("  %s  %-24s %s\n", tasker_time_format(t->created_at, at), t->step_name.ptr,
               tasker_state_name(t->to_state));
    }
    tasker_cursor_close(cursor);
    return status;
}

static tasker_status print_critical_path(tasker_db *db, const tasker_uuid *task)
{
    const tasker_step_nodes *path = NULL;
    tasker_status status = tasker_step_node_list_critical_path(db, task, &path);
    if (status != TASKER_OK)
        return status;
    printf("\ncritical path\n ");
    for (size_t i = 0; i < path->count && status == TASKER_OK; i++) {
        const tasker_workflow_step_detail_list *step = NULL;
        const tasker_workflow_step_filter filter = {.workflow_step_uuids = &path->items[i]->workflow_step_uuid,
                                                    .workflow_step_uuid_count = 1};
        status = tasker_workflow_step_query_details(db, &filter, NULL, &step);
        if (status == TASKER_OK && step->count == 1)
            printf("%s %s", i > 0 ? " >" : "", step->items[0]->name.ptr);
        tasker_free(step);
    }
    printf("\n");
    tasker_free(path);
    return status;
}

static tasker_status print_task(tasker_db *db, tasker_time now, const tasker_uuid *task)
{
    const tasker_execution_context *context = NULL;
    tasker_status status = tasker_execution_context_get(db, task, &context);
    if (status != TASKER_OK)
        return status;
    printf("%s, %s: %" PRId64 " of %" PRId64 " steps done, %" PRId64 " ready, %" PRId64 " failed\n",
           tasker_state_name(context->status), tasker_execution_status_name(context->execution_status),
           context->completed_steps, context->total_steps, context->ready_steps, context->failed_steps);
    tasker_free(context);
    status = print_steps(db, now, task);
    if (status == TASKER_OK)
        status = print_critical_path(db, task);
    return status == TASKER_OK ? print_history(db, task) : status;
}

int main(int argc, char **argv)
{
    tasker_uuid task;
    tasker_time now;
    tasker_error error;
    tasker_db *db = NULL;
    if (argc > 2 && tasker_uuid_parse(tasker_text_of(argv[2]), NULL, &task) != TASKER_OK) {
        fprintf(stderr, "inspect: %s is no UUID\n", argv[2]);
        return 2;
    }
    tasker_status status = tasker_db_open(tasker_text_of(argc > 1 ? argv[1] : ""), NULL, &error, &db);
    if (status != TASKER_OK) {
        fprintf(stderr, "inspect: %s: %s\n", tasker_status_name(status), error.message);
        return 1;
    }
    status = tasker_db_now(db, &now);
    if (status == TASKER_OK)
        status = argc > 2 ? print_task(db, now, &task) : print_database(db, now);
    if (status != TASKER_OK)
        fprintf(stderr, "inspect: %s: %s\n", tasker_status_name(status), tasker_db_error(db)->message);
    tasker_db_close(db);
    return status != TASKER_OK;
}
