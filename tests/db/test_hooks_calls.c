/* SPDX-License-Identifier: MIT */
/* What on_call tells, calls from within hooks, and what is refused. */
#include <tasker/hooks.h>
#include <tasker/pipeline.h>
#include "flow_test.h"

enum { MOST = 32, ANY = -1 };

typedef struct ear {
    tasker_call_event calls[MOST];
    char names[MOST][64];
    size_t count, states;
} ear;

static void on_call(const tasker_call_event *event, void *context)
{
    ear *e = context;
    assert_true(e->count < MOST);
    snprintf(e->names[e->count], sizeof e->names[0], "%s", event->statement);
    e->calls[e->count++] = *event;
}

static tasker_db *open_with_ear(const fixture *f, ear *e)
{
    tasker_hooks hooks = {.on_call = on_call, .context = e};
    *e = (ear){.count = 0};
    tasker_db *db = db_test_open_with(f, &(tasker_db_options){.hooks = &hooks});
    assert_string_equal(e->names[0], "db_open");
    *e = (ear){.count = 0};
    return db;
}

/* One event since the last time: this one. ANY: some. */
static tasker_call_event assert_call(ear *e, const char *statement, tasker_status status, int32_t round_trips,
                                     int32_t prepares, int64_t rows)
{
    tasker_call_event event = e->calls[0];
    assert_int_equal(e->count, 1);
    assert_string_equal(e->names[0], statement);
    assert_int_equal(event.status, status);
    assert_int_equal(event.round_trips, round_trips);
    assert_true(prepares == ANY ? event.prepares > 0 : event.prepares == prepares);
    assert_true(rows == ANY ? event.rows > 0 : event.rows == rows);
    assert_true(round_trips > 0 ? event.duration_ns > 0 && event.duration_ns < INT64_C(60000000000)
                                : event.duration_ns == 0);
    *e = (ear){.count = 0};
    return event;
}

static void test_counts(void **state)
{
    ear e;
    const fixture *f = *state;
    tasker_db *db = open_with_ear(f, &e);
    made_flow flow = make_flow(f->db, "ab", "ab");
    tasker_time now;
    const tasker_task *task = NULL;
    tasker_call_event event;
    for (int32_t prepares = 1; prepares >= 0; prepares--) {
        assert_status(db, tasker_db_now(db, &now), TASKER_OK);
        event = assert_call(&e, "db_now", TASKER_OK, 1, prepares, 1);
        assert_int_equal(event.bytes_sent, 0);
        assert_int_equal(event.bytes_received, 4 + 8);
        assert_string_equal(event.sqlstate, "");
    }
    assert_status(db, tasker_task_get(db, &flow.task_uuid, &task), TASKER_OK);
    event = assert_call(&e, "task_get", TASKER_OK, 1, 1, 1);
    assert_int_equal(event.bytes_sent, 4 + 16);
    assert_true(event.bytes_received > (int64_t)task->context.len);
    tasker_free(task);
    tasker_uuid unknown = new_uuid();
    assert_status(db, tasker_task_get(db, &unknown, &task), TASKER_NOT_FOUND);
    event = assert_call(&e, "task_get", TASKER_NOT_FOUND, 1, 0, 0);
    assert_int_equal(event.bytes_received, 0);

    /* named after what it is for, with the locks and looks of it counted in */
    tasker_free(take_step(db, FLOW_STEP(flow, 'a'), TASKER_OK));
    assert_call(&e, "lease_take_steps", TASKER_OK, 1, ANY, ANY);
    take_step(db, FLOW_STEP(flow, 'a'), TASKER_CONFLICT);
    assert_call(&e, "lease_take_steps", TASKER_CONFLICT, 2, ANY, ANY);
    assert_status(db, tasker_task_finalize(db, &flow.task_uuid, 1, NULL, NULL), TASKER_NOOP);
    assert_call(&e, "task_finalize", TASKER_NOOP, 1, ANY, ANY);
    assert_status(db, tasker_task_finalize(db, &flow.task_uuid, 1, NULL, NULL), TASKER_NOOP);
    assert_call(&e, "task_finalize", TASKER_NOOP, 1, 0, ANY);
    tasker_db_close(db);
}

static void test_transactions_and_errors(void **state)
{
    ear e;
    tasker_db *db = open_with_ear(*state, &e);
    tasker_savepoint savepoint;
    assert_status(db, tasker_db_begin(db, NULL), TASKER_OK);
    assert_call(&e, "db_begin", TASKER_OK, 1, 0, 0);
    assert_status(db, tasker_db_savepoint(db, &savepoint), TASKER_OK);
    assert_call(&e, "db_savepoint", TASKER_OK, 1, 0, 0);
    tasker_named_step_input orphan = {.dependent_system_uuid = {{7}}, .name = TASKER_TEXT("orphan")};
    assert_status(db, tasker_named_step_create(db, &orphan, NULL), TASKER_REFERENCE_MISSING);
    assert_string_equal(assert_call(&e, "named_step_create", TASKER_REFERENCE_MISSING, 1, 1, 0).sqlstate, "23503");
    assert_status(db, tasker_db_rollback_to(db, savepoint), TASKER_OK);
    assert_call(&e, "db_rollback_to", TASKER_OK, 1, 0, 0);
    assert_status(db, tasker_db_commit(db), TASKER_OK);
    assert_call(&e, "db_commit", TASKER_OK, 2, 0, 1);
    assert_status(db, tasker_db_commit(db), TASKER_NOOP); /* had nothing to send */
    assert_int_equal(e.count, 0);

    assert_status(db, tasker_task_get(db, NULL, &(const tasker_task *){NULL}), TASKER_INVALID_ARGUMENT);
    assert_call(&e, "task_get", TASKER_INVALID_ARGUMENT, 0, 0, 0);
    tasker_db_close(db);
}

static void test_healed_calls(void **state)
{
    ear e;
    tasker_db *db = open_with_ear(*state, &e);
    tasker_time now;
    assert_status(db, tasker_db_now(db, &now), TASKER_OK);
    e.count = 0;
    PQclear(PQexec(tasker_db_conn(db), "DEALLOCATE ALL"));
    assert_status(db, tasker_db_now(db, &now), TASKER_OK);
    assert_call(&e, "db_now", TASKER_OK, 2, 1, 1);
    tasker_db_close(db);
}

static void test_pipelined_calls(void **state)
{
    ear e;
    tasker_db *db = open_with_ear(*state, &e);
    tasker_pipeline *pipeline;
    tasker_time now[2];
    const tasker_task *task = NULL;
    tasker_uuid unknown = new_uuid();
    assert_status(db, tasker_pipeline_open(db, NULL, &pipeline), TASKER_OK);
    tasker_db *queue = tasker_pipeline_db(pipeline);
    for (int round = 0; round < 2; round++) { /* what was told is not told again, forgotten or not */
        assert_status(queue, tasker_db_now(queue, &now[0]), TASKER_QUEUED);
        assert_status(queue, tasker_task_get(queue, &unknown, &task), TASKER_QUEUED);
        assert_status(queue, tasker_db_now(queue, &now[1]), TASKER_QUEUED);
        assert_int_equal(e.count, 0);
        assert_status(db, tasker_pipeline_run(pipeline), TASKER_NOT_FOUND);
        assert_int_equal(e.count, 3);
        assert_string_equal(e.names[1], "task_get");
        assert_int_equal(e.calls[1].status, TASKER_NOT_FOUND);
        assert_int_equal(e.calls[0].prepares, round == 0);
        assert_int_equal(e.calls[2].prepares, 0);
        for (size_t i = 0; i < 3; i++)
            assert_int_equal(e.calls[i].round_trips, 1);
        e.count = 0;
    }
    assert_status(queue, tasker_task_get(queue, NULL, &task), TASKER_INVALID_ARGUMENT);
    assert_call(&e, "task_get", TASKER_INVALID_ARGUMENT, 0, 0, 0);
    tasker_pipeline_close(pipeline);
    assert_int_equal(e.count, 0);
    tasker_db_close(db);
}

/* ---- calling back ---- */

typedef struct caller {
    tasker_db *db, *other;
    tasker_pipeline *pipeline;
    int calls, states;
} caller;

static void call_back(caller *c)
{
    tasker_state_event event;
    if (c->db == NULL)
        return; /* it is being opened */
    assert_int_equal(tasker_db_ping(c->db), TASKER_BUSY);
    assert_int_equal(tasker_db_commit(c->db), TASKER_BUSY);
    assert_int_equal(tasker_db_recover(c->db), TASKER_BUSY);
    assert_int_equal(tasker_db_next_event(c->db, &event), TASKER_BUSY);
    assert_int_equal(tasker_db_error(c->db)->status, TASKER_OK); /* still that of the call */
    assert_int_equal(tasker_db_ping(c->other), TASKER_OK);
    if (c->pipeline == NULL)
        return;
    assert_int_equal(tasker_db_ping(tasker_pipeline_db(c->pipeline)), TASKER_BUSY);
    assert_int_equal(tasker_pipeline_run(c->pipeline), TASKER_BUSY);
    assert_int_equal(tasker_pipeline_step(c->pipeline), TASKER_BUSY);
    tasker_pipeline_reset(c->pipeline);
    assert_int_equal(tasker_pipeline_done(c->pipeline), 1);
}

static void call_back_on_call(const tasker_call_event *event, void *context)
{
    (void)event;
    ((caller *)context)->calls++;
    call_back(context);
}

static void call_back_on_state(const tasker_state_event *event, void *context)
{
    (void)event;
    ((caller *)context)->states++;
    call_back(context);
}

static void test_calls_from_hooks_are_busy(void **state)
{
    const fixture *f = *state;
    made_flow flow = make_flow(f->db, "a", "");
    caller c = {.other = f->db};
    tasker_hooks hooks = {.on_state = call_back_on_state, .on_call = call_back_on_call, .context = &c};
    tasker_db *db = db_test_open_with(f, &(tasker_db_options){.hooks = &hooks, .event_capacity = 9});
    memset(&hooks, 0, sizeof hooks); /* borrowed for the call only */
    c = (caller){.db = db, .other = f->db};
    assert_status(db, step_event(db, flow.steps[0], TASKER_EVENT_START), TASKER_OK);
    assert_int_equal(c.calls, 1);
    assert_int_equal(c.states, 2);
    assert_status(db, tasker_pipeline_open(db, NULL, &c.pipeline), TASKER_OK);
    tasker_db *queue = tasker_pipeline_db(c.pipeline);
    assert_status(queue, step_event(queue, flow.steps[0], TASKER_EVENT_COMPLETE), TASKER_QUEUED);
    assert_status(db, tasker_pipeline_run(c.pipeline), TASKER_OK);
    assert_int_equal(c.calls, 2);
    assert_int_equal(c.states, 3);
    for (int i = 0; i < 3; i++)
        assert_status(db, tasker_db_next_event(db, &(tasker_state_event){0}), TASKER_OK);
    tasker_pipeline_close(c.pipeline);
    c.pipeline = NULL;
    assert_status(db, tasker_db_ping(db), TASKER_OK);
    tasker_db_close(db);
}

static void test_refused(void **state)
{
    const fixture *f = *state;
    const tasker_hooks newer = {.reserved = {[3] = 1}};
    const tasker_db_options bad[] = {{.hooks = &newer}, {.event_capacity = -1}};
    const tasker_status expected[] = {TASKER_UNSUPPORTED, TASKER_INVALID_ARGUMENT};
    tasker_state_event event = {.attempt = 77};
    tasker_pipeline *pipeline;
    for (size_t i = 0; i < COUNT(bad); i++) {
        tasker_db *db;
        tasker_error error;
        assert_int_equal(tasker_db_open(T(f->conninfo), &bad[i], &error, &db), expected[i]);
        assert_null(db);
        assert_int_equal(error.status, expected[i]);
    }
    assert_status(NULL, tasker_db_next_event(NULL, &event), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, tasker_db_next_event(f->db, &event), TASKER_UNSUPPORTED);
    tasker_hooks none = {.on_call = NULL};
    tasker_db *db = db_test_open_with(f, &(tasker_db_options){.hooks = &none});
    assert_status(db, tasker_db_ping(db), TASKER_OK);
    assert_status(db, tasker_db_next_event(db, &event), TASKER_UNSUPPORTED);
    tasker_db_close(db);

    db = db_test_open_with(f, &(tasker_db_options){.event_capacity = 1});
    assert_status(db, tasker_db_next_event(db, NULL), TASKER_INVALID_ARGUMENT);
    assert_status(db, tasker_db_next_event(db, &event), TASKER_NOT_FOUND);
    assert_int_equal(event.attempt, 77);
    assert_status(db, tasker_pipeline_open(db, NULL, &pipeline), TASKER_OK);
    assert_status(db, tasker_db_next_event(tasker_pipeline_db(pipeline), &event), TASKER_UNSUPPORTED);
    tasker_pipeline_close(pipeline);
    tasker_db_close(db);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_transactions_and_errors),
        cmocka_unit_test(test_healed_calls),
        cmocka_unit_test(test_pipelined_calls),
        cmocka_unit_test(test_calls_from_hooks_are_busy),
        cmocka_unit_test(test_refused),
    };
    return db_test_run(tests);
}
