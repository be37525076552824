/* SPDX-License-Identifier: MIT */
/* Statistics of histories: the same histories of tasks and of steps, in a database that holds no others. */
#include "report_test.h"

typedef tasker_status (*get_statistics)(tasker_db *db, const tasker_time_range *period,
                                        tasker_transition_statistics *out);

/* Tasks and steps have the same statistics. */
typedef struct kind {
    get_statistics get;
    const char *table, *history, *column;
    tasker_status (*event)(tasker_db *db, tasker_uuid owner, tasker_event event);
    tasker_event again;
} kind;

static const kind kinds[] = {
    {tasker_transition_statistics_get_for_tasks, "tasker_tasks", "tasker_task_transitions", "task_uuid", task_event,
     TASKER_EVENT_RESET},
    {tasker_transition_statistics_get_for_steps, "tasker_workflow_steps", "tasker_workflow_step_transitions",
     "workflow_step_uuid", step_event, TASKER_EVENT_RETRY},
};

static tasker_time at(tasker_time start, int seconds)
{
    return (tasker_time){start.us + seconds * INT64_C(1000000)};
}

/* An owner whose history goes through these events; its rows are dated with seconds since the start. */
static void make_history(const fixture *f, const kind *k, tasker_uuid owner, const tasker_event *events, int count,
                         const int *seconds, tasker_time start)
{
    PGconn *conn = tasker_db_conn(f->db);
    const char *key = text_of(owner);
    set_created_at(conn, k->table, at(start, seconds[0]), "%s = '%s'", k->column, key);
    for (int i = 0; i <= count; i++) { /* dated at once: a wait after a failure is over then */
        if (i > 0)
            assert_status(f->db, k->event(f->db, owner, events[i - 1]), TASKER_OK);
        set_created_at(conn, k->history, at(start, seconds[i]), "%s = '%s' AND sort_key = %d", k->column, key, i + 1);
    }
}

/*
 * pending@0 in_progress@10 error@14 pending@14 in_progress@20 complete@26; pending@100 in_progress@130;
 * pending@0 cancelled@5; and one without history of 0. Answers what 0 is.
 */
static tasker_time make_histories(const fixture *f, const kind *k)
{
    const tasker_event twice[] = {TASKER_EVENT_START, TASKER_EVENT_FAIL, k->again, TASKER_EVENT_START,
                                  TASKER_EVENT_COMPLETE};
    static const tasker_event started[] = {TASKER_EVENT_START}, cancelled[] = {TASKER_EVENT_CANCEL};
    PGconn *conn = tasker_db_conn(f->db);
    tasker_time start;
    tasker_uuid owners[4], task = NIL;
    empty_database(conn);
    assert_status(f->db, tasker_db_now(f->db, &start), TASKER_OK);
    start = minutes(start, -120);
    if (k->event == step_event)
        task = make_task(f->db);
    for (size_t i = 0; i < COUNT(owners); i++)
        owners[i] = k->event == step_event ? make_step(f->db, task) : make_task(f->db);
    make_history(f, k, owners[0], twice, 5, (const int[]){0, 10, 14, 14, 20, 26}, start);
    make_history(f, k, owners[1], started, 1, (const int[]){100, 130}, start);
    make_history(f, k, owners[2], cancelled, 1, (const int[]){0, 5}, start);
    set_created_at(conn, k->table, start, "%s = '%s'", k->column, text_of(owners[3]));
    tell(conn, "DELETE FROM %s WHERE %s = '%s'", k->history, k->column, text_of(owners[3]));
    return start;
}

static tasker_transition_statistics statistics(tasker_db *db, const kind *k, const tasker_time_range *period)
{
    tasker_transition_statistics s;
    memset(&s, 0xff, sizeof s);
    assert_status(db, k->get(db, period, &s), TASKER_OK);
    assert_int_equal(s.reserved[0] | s.reserved[1], 0);
    return s;
}

static void assert_numbers(const tasker_transition_statistics *s, int transitions, int owners, int retries, int gaps,
                           int executions)
{
    assert_int_equal(s->transitions, transitions);
    assert_int_equal(s->owners, owners);
    assert_int_equal(s->retries, retries);
    assert_int_equal(s->gaps, gaps);
    assert_int_equal(s->executions, executions);
}

static void assert_means(const tasker_transition_statistics *s, double gap, double execution, double attempts)
{
    assert_near(s->mean_gap_seconds, gap);
    assert_near(s->mean_execution_seconds, execution);
    assert_near(s->mean_attempts, attempts);
}

static void test_statistics(void **state)
{
    fixture *f = *state;
    for (const kind *k = kinds; k < kinds + COUNT(kinds); k++) {
        static const tasker_time_range all;
        tasker_time start = make_histories(f, k);
        tasker_transition_statistics s = statistics(f->db, k, NULL), same = statistics(f->db, k, &all);
        assert_memory_equal(&s, &same, sizeof s);
        assert_numbers(&s, 10, 3, 1, 7, 2);
        assert_means(&s, 61 / 7.0, 5, 1.5);
        assert_counts(s.reached, .total = 10, .pending = 4, .in_progress = 3, .complete = 1, .error = 1,
                      .cancelled = 1);
        assert_counts(s.current, .total = 4, .pending = 1, .in_progress = 1, .complete = 1, .cancelled = 1);

        /* both ends lie on rows: the first is in, the last is not; one gap and one execution began before */
        tasker_time_range period = {TASKER_SET(since, at(start, 14)), TASKER_SET(until, at(start, 100))};
        s = statistics(f->db, k, &period);
        assert_numbers(&s, 4, 1, 1, 4, 2);
        assert_means(&s, 4, 5, 1);
        assert_counts(s.reached, .total = 4, .pending = 1, .in_progress = 1, .complete = 1, .error = 1);
        assert_counts(s.current, .total = 1, .complete = 1);

        /* no gap ends here, and one owner has no history */
        period = (tasker_time_range){TASKER_SET(until, at(start, 5))};
        s = statistics(f->db, k, &period);
        assert_numbers(&s, 2, 2, 0, 0, 0);
        assert_means(&s, 0, 0, 0);
        assert_counts(s.reached, .total = 2, .pending = 2);
        assert_counts(s.current, .total = 3, .pending = 1, .complete = 1, .cancelled = 1);

        period = (tasker_time_range){TASKER_SET(since, at(start, 100)), TASKER_SET(until, at(start, 14))};
        s = statistics(f->db, k, &period);
        assert_numbers(&s, 0, 0, 0, 0, 0);
        assert_counts(s.current, .total = 0);
    }
}

static void test_statistics_of_nothing(void **state)
{
    fixture *f = *state;
    empty_database(tasker_db_conn(f->db));
    for (const kind *k = kinds; k < kinds + COUNT(kinds); k++) {
        static const tasker_transition_statistics zero;
        tasker_transition_statistics s = statistics(f->db, k, NULL);
        assert_memory_equal(&s, &zero, sizeof s);
    }
}

static void test_arguments(void **state)
{
    fixture *f = *state;
    const tasker_time_range never = {TASKER_SET(since, ((tasker_time){INT64_MIN}))};
    tasker_transition_statistics s, untouched;
    memset(&untouched, 0xa5, sizeof untouched);
    for (const kind *k = kinds; k < kinds + COUNT(kinds); k++) {
        s = untouched;
        assert_status(f->db, k->get(f->db, NULL, NULL), TASKER_INVALID_ARGUMENT);
        assert_message(f->db, "out is required");
        assert_status(f->db, k->get(f->db, &never, &s), TASKER_INVALID_ARGUMENT);
        assert_memory_equal(&s, &untouched, sizeof s);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_statistics),
        cmocka_unit_test(test_statistics_of_nothing),
        cmocka_unit_test(test_arguments),
    };
    return db_test_run(tests);
}
