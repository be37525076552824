/* SPDX-License-Identifier: MIT */
/* Health, metrics and words. Each test counts in a database that it has emptied. */
#include <math.h>
#include <tasker/pipeline.h>
#include "report_test.h"

/* ---- health ---- */

/* The members that depend on others than this test, and what follows from them. */
static double check_connections(PGconn *conn, const tasker_health *h)
{
    assert_true(h->active_connections >= 1 && h->active_connections <= h->max_connections);
    assert_int_equal(h->max_connections, ask_number(conn, "SHOW max_connections"));
    assert_near(h->connection_use, (double)h->active_connections / (double)h->max_connections);
    assert_int_equal(h->stressed, h->connection_use > 0.8);
    return h->connection_use > 0.9 ? 10 : 0;
}

static void test_health_of_nothing(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    tasker_health h;
    memset(&h, 0xff, sizeof h);
    empty_database(conn);
    assert_status(f->db, tasker_health_get(f->db, &h), TASKER_OK);
    double less = check_connections(conn, &h);
    tasker_health expected = {.active_connections = h.active_connections,
                              .max_connections = h.max_connections,
                              .connection_use = h.connection_use,
                              .score = 100 - less,
                              .healthy = true,
                              .stressed = h.stressed};
    assert_memory_equal(&h, &expected, offsetof(tasker_health, stressed));
    assert_int_equal(h.reserved[0] | h.reserved[1] | h.reserved[2] | h.reserved[3], 0);
    make_kind(f->db, "1.0.0", "{}"); /* names alone are no work */
    assert_status(f->db, tasker_health_get(f->db, &h), TASKER_OK);
    assert_int_equal(h.tasks.total + h.steps.total, 0);
}

static void set_step(PGconn *conn, tasker_uuid step, const char *columns)
{
    tell(conn, "UPDATE tasker_workflow_steps SET %s WHERE workflow_step_uuid = '%s'", columns, text_of(step));
}

/* Moves a step's failure into the past, its history with it. */
static void fail_long_ago(PGconn *conn, tasker_uuid step)
{
    tell(conn,
         "UPDATE tasker_workflow_step_transitions SET created_at = created_at - interval '1 hour'"
         " WHERE workflow_step_uuid = '%s'",
         text_of(step));
    set_step(conn, step, "last_attempted_at = last_attempted_at - interval '1 hour'");
}

/*
 * Twelve steps in all states, five of them in error: e waits for a backoff, f does not any more, g has used its
 * attempts, h must not be tried again, l failed before any attempt.
 */
static void make_steps_in_all_states(tasker_db *db, PGconn *conn)
{
    static const tasker_state states[] = {TASKER_STATE_PENDING,     TASKER_STATE_ENQUEUED,
                                          TASKER_STATE_IN_PROGRESS, TASKER_STATE_COMPLETE,
                                          TASKER_STATE_ERROR,       TASKER_STATE_ERROR,
                                          TASKER_STATE_ERROR,       TASKER_STATE_ERROR,
                                          TASKER_STATE_CANCELLED,   TASKER_STATE_RESOLVED_MANUALLY,
                                          TASKER_STATE_PENDING,     TASKER_STATE_PENDING};
    made_flow flow = make_flow(db, "abcdefghijkl", "");
    for (size_t i = 0; i < flow.count; i++)
        bring_step(db, flow.steps[i], states[i]);
    assert_status(db, step_event(db, FLOW_STEP(flow, 'l'), TASKER_EVENT_FAIL), TASKER_OK);
    set_step(conn, FLOW_STEP(flow, 'e'), "backoff_request_seconds = 1000");
    fail_long_ago(conn, FLOW_STEP(flow, 'f'));
    set_step(conn, FLOW_STEP(flow, 'g'), "retry_limit = NULL, attempts = 3");
    set_step(conn, FLOW_STEP(flow, 'h'), "retryable = false");
    tell(conn, "DELETE FROM tasker_workflow_step_transitions WHERE workflow_step_uuid = '%s'",
         text_of(FLOW_STEP(flow, 'k')));
    fail_long_ago(conn, FLOW_STEP(flow, 'l'));
}

static void check_all_states(tasker_db *db)
{
    tasker_health h;
    assert_status(db, tasker_health_get(db, &h), TASKER_OK);
    assert_counts(h.steps, .total = 12, .pending = 2, .enqueued = 1, .in_progress = 1, .complete = 1, .error = 5,
                  .cancelled = 1, .resolved_manually = 1);
    assert_counts(h.tasks, .total = 8, .pending = 2, .in_progress = 2, .complete = 1, .error = 1, .cancelled = 1,
                  .resolved_manually = 1);
    assert_int_equal(h.retryable_error_steps, 3);
    assert_int_equal(h.exhausted_retry_steps, 1);
    assert_int_equal(h.in_backoff_steps, 1);
    assert_near(h.task_completion_rate, 1 / 8.0);
    assert_near(h.task_error_rate, 1 / 8.0);
    assert_near(h.step_completion_rate, 1 / 12.0);
    assert_near(h.step_error_rate, 5 / 12.0);
    assert_near(h.score, 0); /* 10.4 - 13.5 - 1.25 */
    assert_true(h.high_error_rate && !h.healthy);
    assert_string_equal(tasker_health_word(&h), "critical");
}

static void test_health_of_all_states(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    empty_database(conn);
    make_steps_in_all_states(f->db, conn);
    for (int s = TASKER_STATE_PENDING; s <= TASKER_STATE_RESOLVED_MANUALLY; s++)
        if (s != TASKER_STATE_ENQUEUED)
            bring_task(f->db, make_task(f->db), (tasker_state)s);
    tell(conn, "DELETE FROM tasker_task_transitions WHERE task_uuid = '%s'", text_of(make_task(f->db)));
    check_all_states(f->db);

    /* the end of a wait is the same moment in all time zones */
    static const char *const zones[] = {"Asia/Kolkata", "Pacific/Kiritimati", "America/St_Johns"};
    for (size_t i = 0; i < COUNT(zones); i++) {
        tasker_db *other = db_test_open(f);
        tell(tasker_db_conn(other), "SET TimeZone TO '%s'", zones[i]);
        check_all_states(other);
        tasker_db_close(other);
    }
}

static void test_health_score(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    tasker_health h;
    empty_database(conn);
    bring_task(f->db, make_task(f->db), TASKER_STATE_COMPLETE);
    assert_status(f->db, tasker_health_get(f->db, &h), TASKER_OK);
    assert_near(h.score, 100 - check_connections(conn, &h)); /* no steps count as complete */
    assert_near(h.step_completion_rate, 0);

    for (int i = 0; i < 4; i++) {
        made_flow flow = make_flow_limited(f->db, 1);
        bring_step(f->db, flow.steps[0], i < 3 ? TASKER_STATE_COMPLETE : TASKER_STATE_ERROR);
        if (i < 2)
            assert_status(f->db, task_event(f->db, flow.task_uuid, TASKER_EVENT_COMPLETE), TASKER_OK);
    }
    assert_status(f->db, tasker_health_get(f->db, &h), TASKER_OK);
    double less = check_connections(conn, &h);
    assert_int_equal(h.exhausted_retry_steps, 1);
    assert_int_equal(h.retryable_error_steps, 0);
    /* tasks 3 of 5, steps 3 of 4, one step of 4 in error and exhausted */
    assert_near(h.score, 50 * (0.6 + 0.75) - 25 * 0.25 - 15 * 0.25 - less);
    assert_true(h.high_error_rate && !h.healthy);
}

/* ---- metrics ---- */

/*
 * In minutes from now. Names n1/k: task -30 with a complete (-29 to -20) and b pending; task -120 with a complete
 * (-120 to -90), b in error and c cancelled. n2/k: task -10 with a in error and b complete (-9 to -5). n2/other: task
 * -5 without steps. A fourth name has no task.
 */
static tasker_time make_tasks(const fixture *f)
{
    tasker_db *db = f->db;
    PGconn *conn = tasker_db_conn(db);
    tasker_time now;
    empty_database(conn);
    db_test_lift_limits(f);
    assert_status(db, tasker_db_now(db, &now), TASKER_OK);
    make_kind(db, "1.0.0", "{}");
    made_flow one = make_flow_of(db, "n1", "k", "1", "ab"), two = make_flow_of(db, "n1", "k", "2", "abc"),
              three = make_flow_of(db, "n2", "k", "1", "ab"), four = make_flow_of(db, "n2", "other", "1", "");
    date_task(conn, &one, minutes(now, -30));
    complete_between(db, FLOW_STEP(one, 'a'), minutes(now, -29), minutes(now, -20));
    date_task(conn, &two, minutes(now, -120));
    complete_between(db, FLOW_STEP(two, 'a'), minutes(now, -120), minutes(now, -90));
    bring_step(db, FLOW_STEP(two, 'b'), TASKER_STATE_ERROR);
    bring_step(db, FLOW_STEP(two, 'c'), TASKER_STATE_CANCELLED);
    date_task(conn, &three, minutes(now, -10));
    bring_step(db, FLOW_STEP(three, 'a'), TASKER_STATE_ERROR);
    complete_between(db, FLOW_STEP(three, 'b'), minutes(now, -9), minutes(now, -5));
    date_task(conn, &four, minutes(now, -5));
    return now;
}

static tasker_metrics metrics(tasker_db *db, const tasker_time_range *period)
{
    tasker_metrics m;
    memset(&m, 0xff, sizeof m);
    assert_status(db, tasker_metrics_get(db, period, &m), TASKER_OK);
    assert_int_equal(m.reserved[0] | m.reserved[1] | m.reserved[2] | m.reserved[3], 0);
    return m;
}

/* With two decimals, rounded. */
static double percent(int part, int whole)
{
    return whole > 0 ? (20000 * part + whole) / (2 * whole) / 100.0 : 0;
}

static void check_throughput(const tasker_metrics *m, int tasks, int complete, int error, int steps)
{
    assert_int_equal(m->task_throughput, tasks);
    assert_int_equal(m->completion_count, complete);
    assert_int_equal(m->error_count, error);
    assert_int_equal(m->step_throughput, steps);
    assert_near(m->completion_rate, percent(complete, tasks));
    assert_near(m->error_rate, percent(error, tasks));
    assert_int_equal(m->high_error_rate, 20 * error > tasks);
}

static void check_metrics(tasker_db *db, tasker_time now)
{
    static const tasker_time_range all;
    tasker_metrics m = metrics(db, NULL), same = metrics(db, &all);
    check_throughput(&m, 3, 2, 1, 4);
    assert_int_equal(m.active_tasks_count, 2); /* the first by b, the second by c */
    assert_int_equal(m.total_namespaces_count, 2);
    assert_int_equal(m.unique_task_types_count, 2);
    assert_near(m.avg_task_duration, (600 + 300) / 2.0);
    assert_near(m.avg_step_duration, (540 + 240) / 2.0);
    assert_near(m.system_health_score, 0.667); /* two with a complete step, one of them also with an error */
    assert_false(m.healthy);
    assert_true(m.calculated_at.us >= now.us && m.calculated_at.us < now.us + 600000000);
    assert_int_equal(m.analysis_period_start.us, m.calculated_at.us - 3600000000);
    m.analysis_period_start = same.analysis_period_start;
    m.calculated_at = same.calculated_at;
    assert_memory_equal(&m, &same, offsetof(tasker_metrics, high_error_rate));
}

static void test_metrics(void **state)
{
    fixture *f = *state;
    tasker_time now = make_tasks(f);
    tasker_db *other = db_test_open(f);
    check_metrics(f->db, now);
    tell(tasker_db_conn(other), "SET TimeZone TO 'Pacific/Kiritimati'");
    check_metrics(other, now);
    tasker_db_close(other);
}

static void test_metrics_periods(void **state)
{
    fixture *f = *state;
    tasker_time now = make_tasks(f);
    static const struct {
        int since, until; /* 0: not given */
        int start, tasks, complete, error, steps;
    } cases[] = {
        {-180, -60, -180, 1, 1, 1, 3}, {0, -90, -150, 1, 1, 1, 3}, {-30, 0, -30, 3, 2, 1, 4},
        {-120, -30, -120, 1, 1, 1, 3}, {-29, 0, -29, 2, 1, 1, 2},  {-120, 0, -120, 4, 3, 2, 7},
        {0, -120, -180, 0, 0, 0, 0},   {-5, -120, -5, 0, 0, 0, 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        tasker_time_range period = {cases[i].since != 0, minutes(now, cases[i].since), cases[i].until != 0,
                                    minutes(now, cases[i].until)};
        tasker_metrics m = metrics(f->db, &period);
        assert_int_equal(m.analysis_period_start.us, minutes(now, cases[i].start).us);
        check_throughput(&m, cases[i].tasks, cases[i].complete, cases[i].error, cases[i].steps);
        assert_near(m.system_health_score, 0.667);
        assert_int_equal(m.active_tasks_count, 2);
    }
    tasker_time_range dawn = {TASKER_SET(until, ((tasker_time){INT64_C(-210866803200000000)}))};
    tasker_metrics m = metrics(f->db, &dawn);
    check_throughput(&m, 0, 0, 0, 0);
    m = metrics(f->db,
                &(tasker_time_range){TASKER_SET(since, minutes(now, -120)), TASKER_SET(until, minutes(now, -119))});
    assert_near(m.avg_task_duration, 1800);
    assert_near(m.avg_step_duration, 1800);
}

static void test_metrics_of_nothing(void **state)
{
    fixture *f = *state;
    empty_database(tasker_db_conn(f->db));
    tasker_metrics m = metrics(f->db, NULL), expected = {.system_health_score = 1, .healthy = true};
    expected.analysis_period_start = m.analysis_period_start;
    expected.calculated_at = m.calculated_at;
    assert_memory_equal(&m, &expected, offsetof(tasker_metrics, high_error_rate));
    assert_false(m.high_error_rate);
}

/* ---- arguments, queues, words ---- */

static void test_arguments(void **state)
{
    fixture *f = *state;
    const tasker_time_range never = {TASKER_SET(since, ((tasker_time){INT64_MIN}))};
    tasker_metrics m, untouched;
    memset(&untouched, 0xa5, sizeof untouched);
    m = untouched;
    assert_status(f->db, tasker_health_get(f->db, NULL), TASKER_INVALID_ARGUMENT);
    assert_message(f->db, "out is required");
    assert_int_equal(tasker_health_get(NULL, &(tasker_health){0}), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, tasker_metrics_get(f->db, NULL, NULL), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, tasker_metrics_get(f->db, &never, &m), TASKER_INVALID_ARGUMENT);
    assert_message(f->db, "since");
    assert_memory_equal(&m, &untouched, sizeof m);
}

static void test_in_a_pipeline(void **state)
{
    fixture *f = *state;
    tasker_pipeline *pipeline;
    tasker_health h = {.score = -1};
    tasker_metrics m = {.step_throughput = -1};
    empty_database(tasker_db_conn(f->db));
    make_flow(f->db, "abc", "ab bc");
    assert_status(f->db, tasker_pipeline_open(f->db, NULL, &pipeline), TASKER_OK);
    tasker_db *queue = tasker_pipeline_db(pipeline);
    assert_status(queue, tasker_health_get(queue, &h), TASKER_QUEUED);
    assert_status(queue, tasker_metrics_get(queue, NULL, &m), TASKER_QUEUED);
    assert_true(h.score < 0 && m.step_throughput < 0);
    assert_status(f->db, tasker_pipeline_run(pipeline), TASKER_OK);
    assert_int_equal(h.steps.total, 3);
    assert_int_equal(m.step_throughput, 3);
    tasker_pipeline_close(pipeline);
}

static void test_words(void **state)
{
    static const struct {
        double score;
        const char *word;
    } words[] = {{100, "excellent"}, {90, "excellent"}, {89.9, "good"}, {75, "good"},       {74.9, "fair"},
                 {50, "fair"},       {49.9, "poor"},    {25, "poor"},   {24.9, "critical"}, {0, "critical"}};
    static const struct {
        double seconds;
        const char *text;
    } durations[] = {{0, "0.0s"},
                     {0.04, "0.0s"},
                     {12.34, "12.3s"},
                     {59.94, "59.9s"},
                     {59.95, "1.0m"},
                     {60, "1.0m"},
                     {270, "4.5m"},
                     {3596.9, "59.9m"},
                     {3597, "1.0h"},
                     {4320, "1.2h"},
                     {1e15, "277777777777.8h"},
                     {1.1e15, "out-of-range"},
                     {-1, "out-of-range"}};
    char text[TASKER_DURATION_TEXT_SIZE];
    (void)state;
    for (size_t i = 0; i < COUNT(words); i++)
        assert_string_equal(tasker_health_word(&(tasker_health){.score = words[i].score}), words[i].word);
    for (size_t i = 0; i < COUNT(durations); i++) {
        assert_string_equal(tasker_duration_format(durations[i].seconds, text), durations[i].text);
        assert_ptr_equal(tasker_duration_format(durations[i].seconds, text), text);
    }
    assert_string_equal(tasker_duration_format(NAN, text), "out-of-range");
    assert_string_equal(tasker_duration_format(INFINITY, text), "out-of-range");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_health_of_nothing),
        cmocka_unit_test(test_health_of_all_states),
        cmocka_unit_test(test_health_score),
        cmocka_unit_test(test_metrics),
        cmocka_unit_test(test_metrics_periods),
        cmocka_unit_test(test_metrics_of_nothing),
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_in_a_pipeline),
        cmocka_unit_test(test_words),
    };
    return db_test_run(tests);
}
