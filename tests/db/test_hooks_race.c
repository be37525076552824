/* SPDX-License-Identifier: MIT */
/*
 * Eight handles do whatever they like with the same few workflows, alone, in transactions with savepoints, and in
 * pipelines. What they were told, all together, is what the histories hold: each row once.
 */
#include <tasker/hooks.h>
#include <tasker/pipeline.h>
#include "flow_test.h"

enum { FLOWS = 3, STEPS = 4, TURNS = 60, EVENTS = 4096 };

typedef struct arena {
    const fixture *f;
    made_flow flows[FLOWS];
    tasker_state_event events[RACERS][EVENTS];
    size_t counts[RACERS];
} arena;

static uint32_t draw(uint64_t *seed, uint32_t below)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*seed >> 33) % below;
}

/* Any operation on anything; most are refused. */
static tasker_status do_something(tasker_db *db, const arena *a, uint64_t *seed)
{
    static const tasker_lease_options worker = {.worker = TASKER_TEXT("w")};
    const made_flow *flow = &a->flows[draw(seed, FLOWS)];
    const tasker_uuid *step = &flow->steps[draw(seed, STEPS)];
    tasker_event event = (tasker_event)(TASKER_EVENT_ENQUEUE + draw(seed, 7));
    switch (draw(seed, 12)) {
    case 0:
        return tasker_task_apply(db, &flow->task_uuid, 1, draw(seed, 2) == 0 ? TASKER_EVENT_START : TASKER_EVENT_FAIL,
                                 NULL, NULL);
    case 1:
        return draw(seed, 4) == 0 ? tasker_task_cancel(db, &flow->task_uuid, 1, NULL, NULL)
                                  : tasker_task_finalize(db, &flow->task_uuid, 1, NULL, NULL);
    case 2:
        return tasker_task_reset(db, &flow->task_uuid, 1, NULL, NULL);
    case 3:
        return tasker_workflow_step_reset(db, step, 1, draw(seed, 2) == 0, NULL, NULL);
    case 4:
    case 5:
    case 6:
        return tasker_lease_take_steps(db, flow->steps, STEPS, &worker, NULL, NULL);
    default:
        return tasker_workflow_step_apply(db, step, 1, event, NULL, NULL);
    }
}

/* A failed transaction (a deadlock, say) tells nothing. */
static void in_a_transaction(tasker_db *db, const arena *a, uint64_t *seed)
{
    tasker_savepoint savepoint = {0};
    tasker_status status = tasker_db_begin(db, NULL);
    for (int i = 0; i < 4 && status < TASKER_REFERENCE_MISSING; i++) {
        if (i == 1)
            status = tasker_db_savepoint(db, &savepoint);
        else if (i == 3 && draw(seed, 2) == 0)
            status = tasker_db_rollback_to(db, savepoint);
        else
            status = do_something(db, a, seed);
    }
    status = draw(seed, 4) == 0 ? tasker_db_rollback(db) : tasker_db_commit(db);
    (void)status;
}

static void in_a_pipeline(tasker_db *db, const arena *a, uint64_t *seed)
{
    tasker_pipeline *pipeline = NULL;
    tasker_status status = tasker_pipeline_open(db, NULL, &pipeline);
    for (int i = 0; i < 4 && (status == TASKER_OK || status == TASKER_QUEUED); i++)
        status = do_something(tasker_pipeline_db(pipeline), a, seed);
    status = tasker_pipeline_run(pipeline);
    tasker_pipeline_close(pipeline);
}

static void hear(const tasker_state_event *event, void *context)
{
    arena *a = ((void **)context)[0];
    size_t i = *(size_t *)((void **)context)[1];
    if (a->counts[i] < EVENTS)
        a->events[i][a->counts[i]++] = *event;
}

static tasker_status body(tasker_db *plain, int i, void *context)
{
    arena *a = context;
    size_t number = (size_t)i;
    void *ear[2] = {a, &number};
    uint64_t seed = (uint64_t)i + 1;
    tasker_hooks hooks = {.on_state = hear, .context = ear};
    tasker_db *db = NULL;
    tasker_error error;
    tasker_db_options options = {.hooks = &hooks, .any_schema = a->f->foreign};
    tasker_status status = tasker_db_open(T(a->f->conninfo), &options, &error, &db);
    (void)plain;
    if (status == TASKER_OK)
        PQclear(PQexec(tasker_db_conn(db), "SET deadlock_timeout = '20ms'"));
    for (int turn = 0; turn < TURNS && status == TASKER_OK; turn++) {
        uint32_t way = draw(&seed, 4);
        if (way == 0)
            in_a_transaction(db, a, &seed);
        else if (way == 1)
            in_a_pipeline(db, a, &seed);
        else
            (void)!do_something(db, a, &seed);
        status = tasker_db_ping(db);
    }
    tasker_db_close(db);
    return status;
}

static long rows_of(PGconn *conn, const arena *a)
{
    long rows = 0;
    for (size_t i = 0; i < FLOWS; i++)
        rows += ask_number(conn,
                           "SELECT (SELECT count(*) FROM tasker_task_transitions"
                           "         WHERE task_uuid = '%s' AND from_state IS NOT NULL)"
                           "     + (SELECT count(*) FROM tasker_workflow_step_transitions t"
                           "          JOIN tasker_workflow_steps s USING (workflow_step_uuid)"
                           "         WHERE s.task_uuid = '%s' AND from_state IS NOT NULL)",
                           text_of(a->flows[i].task_uuid), text_of(a->flows[i].task_uuid));
    return rows;
}

/* Rows that the event may tell of. Two of one owner with the same time differ in their states. */
static long rows_like(PGconn *conn, const tasker_state_event *event)
{
    bool step = !tasker_uuid_is_nil(&event->workflow_step_uuid);
    char at[TASKER_TIME_TEXT_SIZE];
    return ask_number(
        conn,
        "SELECT count(*) FROM %s WHERE %s = '%s' AND from_state = '%s' AND to_state = '%s'"
        "   AND created_at = '%s'::timestamptz AT TIME ZONE 'UTC'",
        step ? "tasker_workflow_step_transitions" : "tasker_task_transitions",
        step ? "workflow_step_uuid" : "task_uuid", text_of(step ? event->workflow_step_uuid : event->task_uuid),
        tasker_state_name(event->from_state), tasker_state_name(event->to_state), tasker_time_format(event->at, at));
}

static int compare(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(tasker_state_event));
}

static void test_each_change_is_told_once(void **state)
{
    static arena a;
    tasker_status statuses[RACERS];
    a = (arena){.f = *state};
    PGconn *conn = tasker_db_conn(a.f->db);
    for (size_t i = 0; i < FLOWS; i++)
        a.flows[i] = make_flow_with(a.f->db, "abcd", "ab ac",
                                    &(tasker_step_definition){.has_retry_limit = true, .retry_limit = 100});
    race(a.f, body, &a, statuses);
    tasker_state_event *all = calloc(RACERS * EVENTS, sizeof *all);
    assert_non_null(all);
    size_t count = 0, tellers = 0;
    for (size_t i = 0; i < RACERS; i++) {
        assert_int_equal(statuses[i], TASKER_OK);
        assert_true(a.counts[i] < EVENTS);
        memcpy(all + count, a.events[i], a.counts[i] * sizeof *all);
        count += a.counts[i];
        tellers += a.counts[i] > 0;
    }
    assert_true(tellers > 1);
    assert_int_equal(count, rows_of(conn, &a));
    qsort(all, count, sizeof *all, compare);
    for (size_t i = 0; i < count; i++) {
        all[i].attempt = 0;
        assert_int_equal(rows_like(conn, &all[i]), 1);
        assert_true(i == 0 || memcmp(&all[i - 1], &all[i], sizeof *all) != 0);
    }
    free(all);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {cmocka_unit_test(test_each_change_is_told_once)};
    return db_test_run(tests);
}
