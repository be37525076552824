/* SPDX-License-Identifier: MIT */
#include "report_test.h"

void assert_near(double actual, double expected)
{
    double difference = actual - expected;
    bool near = difference > -1e-6 && difference < 1e-6;
    if (!near)
        print_error("%.9g, not %.9g\n", actual, expected);
    assert_true(near);
}

tasker_time minutes(tasker_time from, int minutes)
{
    return (tasker_time){from.us + minutes * INT64_C(60000000)};
}

made_flow make_flow_of(tasker_db *db, const char *namespace_name, const char *name, const char *version,
                       const char *steps)
{
    tasker_step_definition step[26] = {0};
    tasker_definition definition = {.namespace_name = T(namespace_name),
                                    .name = T(name),
                                    .version = T(version),
                                    .steps = step,
                                    .step_count = strlen(steps)};
    assert_true(definition.step_count <= COUNT(step));
    for (size_t i = 0; i < definition.step_count; i++)
        step[i].name = (tasker_text){steps + i, 1};
    return make_flow_by(db, &definition);
}

void empty_database(PGconn *conn)
{
    tell(conn, "TRUNCATE tasker_task_namespaces, tasker_dependent_systems CASCADE");
}

void set_created_at(PGconn *conn, const char *table, tasker_time created_at, const char *where, ...)
{
    char condition[256];
    va_list arguments;
    va_start(arguments, where);
    vsnprintf(condition, sizeof condition, where, arguments);
    va_end(arguments);
    tell(conn, "UPDATE %s SET created_at = timestamp 'epoch' + %lld * interval '1 microsecond' WHERE %s", table,
         (long long)created_at.us, condition);
}

void date_task(PGconn *conn, const made_flow *flow, tasker_time created_at)
{
    set_created_at(conn, "tasker_tasks", created_at, "task_uuid = '%s'", text_of(flow->task_uuid));
}

void complete_between(tasker_db *db, tasker_uuid workflow_step_uuid, tasker_time created_at, tasker_time completed_at)
{
    PGconn *conn = tasker_db_conn(db);
    const char *key = text_of(workflow_step_uuid);
    bring_step(db, workflow_step_uuid, TASKER_STATE_COMPLETE);
    set_created_at(conn, "tasker_workflow_steps", created_at, "workflow_step_uuid = '%s'", key);
    set_created_at(conn, "tasker_workflow_step_transitions", created_at,
                   "workflow_step_uuid = '%s' AND NOT most_recent", key);
    set_created_at(conn, "tasker_workflow_step_transitions", completed_at, "workflow_step_uuid = '%s' AND most_recent",
                   key);
}
