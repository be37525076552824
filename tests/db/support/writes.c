/* SPDX-License-Identifier: MIT */
#include "writes.h"
#include "flow_test.h"

enum { CREATED_STEPS = 10 };

/* ---- workflows ---- */

static tasker_status create(tasker_db *db, attempt *a, shape_kind kind, size_t steps)
{
    static const char *const names[] = {"writes_loose", "writes_chain", "writes_fork_join"};
    shape s;
    const tasker_workflow_ids *ids = NULL;
    assert_true(shape_make(&s, kind, names[kind], steps, 3));
    if (tasker_uuid_is_nil(&a->task_uuid))
        assert_int_equal(tasker_uuid_generate(&a->task_uuid), TASKER_OK);
    tasker_workflow_input input = {.definition = &s.definition, .task = {.task_uuid = a->task_uuid}};
    tasker_status status = tasker_workflow_create(db, &input, &ids);
    if (ids != NULL && ids->step_count > 0)
        a->step_uuid = ids->workflow_step_uuids[0];
    tasker_free(ids);
    shape_free(&s);
    return status;
}

static tasker_status send_create(tasker_db *db, attempt *a)
{
    return create(db, a, SHAPE_FORK_JOIN, CREATED_STEPS);
}

static void prepare_step(tasker_db *db, attempt *a)
{
    assert_status(db, create(db, a, SHAPE_LOOSE, 1), TASKER_OK);
}

/* ---- steps ---- */

static tasker_status send_take(tasker_db *db, attempt *a)
{
    static const tasker_lease_options options = {.worker = TASKER_TEXT("doubter")};
    const tasker_leases *leases = NULL;
    tasker_status status = tasker_lease_take_steps(db, &a->step_uuid, 1, &options, &a->outcome, &leases);
    if (tasker_status_is_done(status)) {
        assert_int_equal(leases->count, 1); /* also when it is sent again */
        a->lease = (tasker_lease){.workflow_step_uuid = a->step_uuid,
                                  .token = leases->items[0]->token,
                                  .transition_uuid = leases->items[0]->transition_uuid};
    }
    tasker_free(leases);
    return status;
}

static void prepare_lease(tasker_db *db, attempt *a)
{
    prepare_step(db, a);
    assert_status(db, send_take(db, a), TASKER_OK);
    a->outcome = (tasker_outcome){0};
}

static tasker_status send_complete(tasker_db *db, attempt *a)
{
    tasker_completion completion = {.lease = &a->lease, .results = TASKER_JSON("{\"ok\": true}")};
    return tasker_lease_complete(db, &completion, 1, &a->outcome);
}

static tasker_status send_fail(tasker_db *db, attempt *a)
{
    tasker_failure failure = {.lease = &a->lease, .error_message = TASKER_TEXT("doubt")};
    return tasker_lease_fail(db, &failure, 1, &a->outcome);
}

static tasker_status send_apply(tasker_db *db, attempt *a)
{
    return tasker_workflow_step_apply(db, &a->step_uuid, 1, TASKER_EVENT_ENQUEUE, NULL, &a->outcome);
}

/* ---- tasks and transactions ---- */

static void prepare_finished(tasker_db *db, attempt *a)
{
    prepare_lease(db, a);
    assert_status(db, send_complete(db, a), TASKER_OK);
    a->outcome = (tasker_outcome){0};
}

static tasker_status send_finalize(tasker_db *db, attempt *a)
{
    return tasker_task_finalize(db, &a->task_uuid, 1, NULL, &a->outcome);
}

static void prepare_open(tasker_db *db, attempt *a)
{
    assert_status(db, create(db, a, SHAPE_FORK_JOIN, CREATED_STEPS), TASKER_OK);
}

static tasker_status send_cancel(tasker_db *db, attempt *a)
{
    return tasker_task_cancel(db, &a->task_uuid, 1, NULL, &a->outcome);
}

static tasker_status begin_commit(tasker_db *db, attempt *a)
{
    tasker_status status = tasker_db_begin(db, NULL);
    return status == TASKER_OK ? send_create(db, a) : status;
}

static tasker_status send_commit(tasker_db *db, attempt *a)
{
    (void)a;
    return tasker_db_commit(db);
}

#define HISTORY " FROM tasker_workflow_step_transitions t JOIN tasker_workflow_steps s USING (workflow_step_uuid)"
#define ALL_OF_A_WORKFLOW                                                                                              \
    "SELECT (SELECT count(*) FROM tasker_tasks WHERE task_uuid = '%1$s')"                                              \
    " + (SELECT count(*) FROM tasker_task_transitions WHERE task_uuid = '%1$s')"                                       \
    " + (SELECT count(*) FROM tasker_workflow_steps WHERE task_uuid = '%1$s')"                                         \
    " + (SELECT count(*)" HISTORY " WHERE s.task_uuid = '%1$s')"                                                       \
    " + (SELECT count(*) FROM tasker_workflow_step_edges e JOIN tasker_workflow_steps s"                               \
    "     ON s.workflow_step_uuid = e.to_step_uuid WHERE s.task_uuid = '%1$s')"
enum { CREATED_ROWS = 2 + 2 * CREATED_STEPS + 2 * (CREATED_STEPS - 2) };

const write_kind writes[WRITES] = {
    {"workflow_create", NULL, NULL, send_create, ALL_OF_A_WORKFLOW, CREATED_ROWS},
    {"lease_take_steps", prepare_step, NULL, send_take,
     "SELECT (SELECT count(*)" HISTORY " WHERE s.task_uuid = '%1$s' AND t.to_state = 'in_progress')"
     " + (SELECT sum(coalesce(attempts, 0)) FROM tasker_workflow_steps WHERE task_uuid = '%1$s')"
     " + (SELECT count(*) FROM tasker_task_transitions WHERE task_uuid = '%1$s' AND to_state = 'in_progress')",
     3},
    {"lease_complete", prepare_lease, NULL, send_complete,
     "SELECT (SELECT count(*)" HISTORY " WHERE s.task_uuid = '%1$s' AND t.to_state = 'complete')"
     " + (SELECT count(*) FROM tasker_workflow_steps WHERE task_uuid = '%1$s' AND processed AND results IS NOT NULL)",
     2},
    {"lease_fail", prepare_lease, NULL, send_fail,
     "SELECT count(*)" HISTORY " WHERE s.task_uuid = '%1$s' AND t.to_state IN ('error', 'pending') AND t.sort_key > 1",
     2},
    {"step_apply", prepare_step, NULL, send_apply,
     "SELECT (SELECT count(*)" HISTORY " WHERE s.task_uuid = '%1$s' AND t.to_state = 'enqueued')"
     " + (SELECT count(*) FROM tasker_task_transitions WHERE task_uuid = '%1$s' AND to_state = 'in_progress')",
     2},
    {"task_finalize", prepare_finished, NULL, send_finalize,
     "SELECT (SELECT count(*) FROM tasker_task_transitions WHERE task_uuid = '%1$s' AND to_state = 'complete')"
     " + (SELECT count(*) FROM tasker_tasks WHERE task_uuid = '%1$s' AND complete)",
     2},
    {"task_cancel", prepare_open, NULL, send_cancel,
     "SELECT (SELECT count(*) FROM tasker_task_transitions WHERE task_uuid = '%1$s' AND to_state = 'cancelled')"
     " + (SELECT count(*)" HISTORY " WHERE s.task_uuid = '%1$s' AND t.to_state = 'cancelled')",
     1 + CREATED_STEPS},
    {"db_commit", NULL, begin_commit, send_commit, ALL_OF_A_WORKFLOW, CREATED_ROWS},
};

long write_effect_by(PGconn *conn, const write_kind *kind, const attempt *a)
{
    char sql[1024], key[TASKER_UUID_TEXT_SIZE];
    const char *from = kind->effect;
    char *to = sql;
    tasker_uuid_format(&a->task_uuid, key);
    for (const char *at; (at = strstr(from, "%1$s")) != NULL; from = at + 4)
        to += snprintf(to, sizeof sql - (size_t)(to - sql), "%.*s%s", (int)(at - from), from, key);
    snprintf(to, sizeof sql - (size_t)(to - sql), "%s", from);
    return ask_number(conn, "%s", sql);
}

long write_effect(const fixture *f, const write_kind *kind, const attempt *a)
{
    PGconn *conn = db_test_psql(f);
    long effect = write_effect_by(conn, kind, a);
    PQfinish(conn);
    return effect;
}
