/* SPDX-License-Identifier: MIT */
/* The slowest steps and tasks. Each test ranks in a database that it has emptied. */
#include "report_test.h"

/* What the lists find, as the first letters of the steps' names ("ba"). */
static const char *slow_steps(tasker_db *db, const tasker_slow_filter *filter)
{
    static char found[128];
    const tasker_slow_steps *list = NULL;
    assert_status(db, tasker_slow_step_list(db, filter, &list), TASKER_OK);
    assert_true(list->count < sizeof found && !list->has_next);
    for (size_t i = 0; i < list->count; i++)
        found[i] = list->items[i]->step_name.ptr[0];
    found[list->count] = '\0';
    tasker_free(list);
    return found;
}

/* Tasks go by the first letter of the name of their type. */
static const char *slow_tasks(tasker_db *db, const tasker_slow_filter *filter)
{
    static char found[128];
    const tasker_slow_tasks *list = NULL;
    assert_status(db, tasker_slow_task_list(db, filter, &list), TASKER_OK);
    assert_true(list->count < sizeof found && !list->has_next);
    for (size_t i = 0; i < list->count; i++)
        found[i] = list->items[i]->task_name.ptr[0];
    found[list->count] = '\0';
    tasker_free(list);
    return found;
}

#define FILTER(...) (&(tasker_slow_filter){__VA_ARGS__})
#define assert_steps(db, expected, ...) assert_string_equal(slow_steps((db), FILTER(__VA_ARGS__)), (expected))
#define assert_tasks(db, expected, ...) assert_string_equal(slow_tasks((db), FILTER(__VA_ARGS__)), (expected))

static tasker_time now_of(tasker_db *db)
{
    tasker_time now;
    assert_status(db, tasker_db_now(db, &now), TASKER_OK);
    return now;
}

/* ---- what a row says ---- */

static void test_step_row(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    empty_database(conn);
    tasker_time now = now_of(f->db), end = {minutes(now, -10).us + 1234567};
    made_flow flow = make_flow_of(f->db, "shop", "order", "2.1", "ab");
    complete_between(f->db, flow.steps[0], minutes(now, -20), end);
    complete_between(f->db, flow.steps[1], minutes(now, -15), minutes(now, -10));
    tell(conn, "UPDATE tasker_workflow_steps SET attempts = 2, retryable = false WHERE workflow_step_uuid = '%s'",
         text_of(flow.steps[0]));
    tell(conn, "UPDATE tasker_workflow_steps SET attempts = NULL WHERE workflow_step_uuid = '%s'",
         text_of(flow.steps[1]));
    const tasker_slow_steps *list = NULL;
    assert_status(f->db, tasker_slow_step_list(f->db, NULL, &list), TASKER_OK);
    assert_int_equal(list->count, 2);
    const tasker_slow_step *a = list->items[0], *b = list->items[1];
    assert_uuid(a->workflow_step_uuid, flow.steps[0]);
    assert_uuid(a->task_uuid, flow.task_uuid);
    assert_text(a->step_name, "a");
    assert_text(a->task_name, "order");
    assert_text(a->namespace_name, "shop");
    assert_text(a->version, "2.1");
    assert_near(a->duration_seconds, 601.235);
    assert_true(a->has_attempts && a->attempts == 2 && a->retried && !a->retryable);
    assert_int_equal(a->created_at.us, minutes(now, -20).us);
    assert_int_equal(a->completed_at.us, end.us);
    assert_near(b->duration_seconds, 300);
    assert_true(!b->has_attempts && !b->retried && b->retryable);
    tasker_free(list);
}

static void test_task_row(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    empty_database(conn);
    db_test_lift_limits(f);
    tasker_time now = now_of(f->db), end = {minutes(now, -5).us + 500};
    made_flow flow = make_flow_of(f->db, "shop", "order", "2.1", "abcdefg"),
              failed = make_flow_of(f->db, "shop", "order", "2.2", "a");
    date_task(conn, &flow, minutes(now, -20));
    complete_between(f->db, FLOW_STEP(flow, 'a'), minutes(now, -19), end);
    complete_between(f->db, FLOW_STEP(flow, 'b'), minutes(now, -19), minutes(now, -6));
    bring_step(f->db, FLOW_STEP(flow, 'c'), TASKER_STATE_ERROR);
    set_created_at(conn, "tasker_workflow_step_transitions", minutes(now, -7), "workflow_step_uuid = '%s'",
                   text_of(FLOW_STEP(flow, 'c')));
    bring_step(f->db, FLOW_STEP(flow, 'd'), TASKER_STATE_RESOLVED_MANUALLY); /* later, but no end that counts */
    bring_step(f->db, FLOW_STEP(flow, 'e'), TASKER_STATE_CANCELLED);
    tell(conn, "DELETE FROM tasker_workflow_step_transitions WHERE workflow_step_uuid = '%s'",
         text_of(FLOW_STEP(flow, 'f')));
    tell(conn, "UPDATE tasker_tasks SET initiator = 'me', source_system = 'web' WHERE task_uuid = '%s'",
         text_of(flow.task_uuid));
    date_task(conn, &failed, minutes(now, -2));
    bring_step(f->db, failed.steps[0], TASKER_STATE_ERROR);
    const tasker_slow_tasks *list = NULL;
    assert_status(f->db, tasker_slow_task_list(f->db, NULL, &list), TASKER_OK);
    assert_int_equal(list->count, 2);
    const tasker_slow_task *row = list->items[0], *other = list->items[1];
    assert_uuid(row->task_uuid, flow.task_uuid);
    assert_text(row->task_name, "order");
    assert_text(row->namespace_name, "shop");
    assert_text(row->version, "2.1");
    assert_text(row->initiator, "me");
    assert_text(row->source_system, "web");
    assert_near(row->duration_seconds, 900.001); /* 900.0005, half away from zero */
    assert_int_equal(row->step_count, 7);
    assert_int_equal(row->completed_steps, 2);
    assert_int_equal(row->error_steps, 1);
    assert_int_equal(row->pending_steps, 4);
    assert_near(row->completion_percentage, 28.57);
    assert_near(row->error_percentage, 14.29);
    assert_int_equal(row->created_at.us, minutes(now, -20).us);
    assert_int_equal(row->completed_at.us, end.us);
    assert_text(other->version, "2.2"); /* one error is enough */
    assert_text(other->initiator, NULL);
    assert_text(other->source_system, NULL);
    assert_true(other->duration_seconds >= 120 && other->duration_seconds < 720);
    assert_near(other->error_percentage, 100);
    tasker_free(list);
}

/* ---- which rows, in which order ---- */

/* In minutes; a negative duration is that of a step that is not complete. */
typedef struct slow {
    int age, duration;
} slow;

/* Tasks of the names a, b, … with one step of the same letter each, created together. */
static void make_ranking(tasker_db *db, tasker_time now, const slow *times, size_t count)
{
    empty_database(tasker_db_conn(db));
    for (size_t i = 0; i < count; i++) {
        char letter[2] = {(char)('a' + (int)i), '\0'};
        made_flow flow = make_flow_of(db, i % 2 == 0 ? "even" : "odd", letter, i < 2 ? "1" : "2", letter);
        date_task(tasker_db_conn(db), &flow, minutes(now, -times[i].age));
        if (times[i].duration >= 0)
            complete_between(db, flow.steps[0], minutes(now, -times[i].age),
                             minutes(now, times[i].duration - times[i].age));
    }
}

/* Durations: a 10, b 30, c 20, d and e 15 (equal: by key), f none, g 0, h 40 but of yesterday and before. */
static const slow ranking[] = {{60, 10}, {60, 30}, {50, 20}, {40, 15}, {30, 15}, {30, -1}, {30, 0}, {24 * 60 + 10, 40}};

static void test_order_and_limit(void **state)
{
    fixture *f = *state;
    tasker_time now = now_of(f->db);
    make_ranking(f->db, now, ranking, COUNT(ranking));
    assert_string_equal(slow_steps(f->db, NULL), "bcdea");
    assert_string_equal(slow_tasks(f->db, NULL), "bcdea");
    for (int i = 1; i <= 6; i++) {
        char expected[8];
        snprintf(expected, sizeof expected, "%.*s", i, "bcdea");
        assert_steps(f->db, expected, .limit = i);
        assert_tasks(f->db, expected, .limit = i);
    }
}

static void test_filters(void **state)
{
    fixture *f = *state;
    tasker_time now = now_of(f->db);
    static const int64_t dawn = INT64_C(-210866803200000000);
    make_ranking(f->db, now, ranking, COUNT(ranking));
    const struct {
        tasker_slow_filter filter;
        const char *found;
    } cases[] = {
        {{.namespace_name = T("even")}, "cea"},
        {{.namespace_name = T("odd")}, "bd"},
        {{.task_name = T("d")}, "d"},
        {{.version = T("1")}, "ba"},
        {{.version = T("1"), .namespace_name = T("odd")}, "b"},
        {{.version = T("2"), .namespace_name = T("odd"), .task_name = T("b")}, ""},
        {{.namespace_name = T("EVEN")}, ""},
        {{.created = {TASKER_SET(since, minutes(now, -50))}}, "cde"}, /* since is in */
        {{.created = {TASKER_SET(since, ((tasker_time){0}))}}, "hbcdea"},
        {{.created = {TASKER_SET(until, minutes(now, -50))}}, "hba"}, /* until is not; a day before it h was made */
        {{.created = {TASKER_SET(since, minutes(now, -50)), TASKER_SET(until, minutes(now, -30))}}, "cd"},
        {{.created = {TASKER_SET(since, minutes(now, -30)), TASKER_SET(until, minutes(now, -50))}}, ""},
        {{.created = {TASKER_SET(until, ((tasker_time){dawn}))}}, ""},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_string_equal(slow_steps(f->db, &cases[i].filter), cases[i].found);
        assert_string_equal(slow_tasks(f->db, &cases[i].filter), cases[i].found);
    }
}

/* The same whatever the time zone: the default period and the durations. */
static void test_time_zones(void **state)
{
    fixture *f = *state;
    static const char *const zones[] = {"Asia/Kolkata", "Pacific/Kiritimati", "America/St_Johns"};
    make_ranking(f->db, now_of(f->db), ranking, COUNT(ranking));
    for (size_t i = 0; i < COUNT(zones); i++) {
        tasker_db *other = db_test_open(f);
        tell(tasker_db_conn(other), "SET TimeZone TO '%s'", zones[i]);
        assert_string_equal(slow_steps(other, NULL), "bcdea");
        assert_string_equal(slow_tasks(other, NULL), "bcdea");
        tasker_db_close(other);
    }
}

/* More than ten rows; handles that allow fewer. */
static void test_default_limit(void **state)
{
    fixture *f = *state;
    slow times[12];
    for (int i = 0; i < 12; i++)
        times[i] = (slow){60, 60 - i};
    make_ranking(f->db, now_of(f->db), times, 12);
    assert_string_equal(slow_steps(f->db, NULL), "abcdefghij");
    assert_string_equal(slow_tasks(f->db, NULL), "abcdefghij");
    assert_steps(f->db, "abcdefghijkl", .limit = 100000);
    tasker_db *few = db_test_open_with(f, &(tasker_db_options){.limits = {.rows = 3}});
    assert_string_equal(slow_steps(few, NULL), "abc");
    assert_tasks(few, "abc", .limit = 3);
    const tasker_slow_tasks *list = (const void *)f;
    assert_status(few, tasker_slow_task_list(few, FILTER(.limit = 4), &list), TASKER_LIMIT_EXCEEDED);
    assert_message(few, "above the 3 rows allowed");
    assert_null(list);
    tasker_db_close(few);
}

static void test_hostile_names(void **state)
{
    fixture *f = *state;
    tasker_time now = now_of(f->db);
    empty_database(tasker_db_conn(f->db));
    size_t made = 0;
    for (size_t i = 0; i < hostile_count; i++) {
        if (hostile[i][0] == '\0')
            continue; /* no name */
        made_flow flow = make_flow_of(f->db, hostile[i], hostile[i], "1", "a");
        complete_between(f->db, flow.steps[0], minutes(now, -20), minutes(now, -10));
        date_task(tasker_db_conn(f->db), &flow, minutes(now, -20));
        made++;
    }
    assert_int_equal(strlen(slow_steps(f->db, FILTER(.limit = 127))), made);
    for (size_t i = 0; i < hostile_count; i++) {
        size_t expected = hostile[i][0] != '\0';
        const tasker_slow_tasks *list = NULL;
        assert_int_equal(strlen(slow_steps(f->db, FILTER(.namespace_name = T(hostile[i])))), expected);
        assert_int_equal(strlen(slow_steps(f->db, FILTER(.task_name = T(hostile[i])))), expected);
        assert_int_equal(strlen(slow_steps(f->db, FILTER(.version = T(hostile[i])))), 0);
        assert_status(f->db, tasker_slow_task_list(f->db, FILTER(.namespace_name = T(hostile[i])), &list), TASKER_OK);
        assert_int_equal(list->count, expected);
        if (expected > 0)
            assert_text(list->items[0]->namespace_name, hostile[i]);
        tasker_free(list);
    }
}

static void test_arguments(void **state)
{
    fixture *f = *state;
    const struct {
        tasker_slow_filter filter;
        tasker_status status;
        const char *message;
    } cases[] = {
        {{.limit = -1}, TASKER_INVALID_ARGUMENT, "limit is negative"},
        {{.limit = INT32_MIN}, TASKER_INVALID_ARGUMENT, "limit is negative"},
        {{.limit = 100001}, TASKER_LIMIT_EXCEEDED, "above the 100000 rows allowed"},
        {{.reserved = {0, 0, 0, 1}}, TASKER_UNSUPPORTED, "reserved"},
        {{.namespace_name = {"\xff", 1}}, TASKER_INVALID_ARGUMENT, "namespace_name"},
        {{.task_name = {"a\0b", 3}}, TASKER_INVALID_ARGUMENT, "task_name"},
        {{.version = {"\xc3", 1}}, TASKER_INVALID_ARGUMENT, "version"},
        {{.created = {TASKER_SET(until, ((tasker_time){INT64_MIN}))}}, TASKER_INVALID_ARGUMENT, "until"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const tasker_slow_steps *steps = (const void *)f;
        const tasker_slow_tasks *tasks = (const void *)f;
        assert_status(f->db, tasker_slow_step_list(f->db, &cases[i].filter, &steps), cases[i].status);
        assert_message(f->db, cases[i].message);
        assert_null(steps);
        assert_status(f->db, tasker_slow_task_list(f->db, &cases[i].filter, &tasks), cases[i].status);
        assert_message(f->db, cases[i].message);
        assert_null(tasks);
    }
    assert_int_equal(tasker_slow_step_list(NULL, NULL, &(const tasker_slow_steps *){NULL}), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, tasker_slow_step_list(f->db, NULL, NULL), TASKER_OK);
    empty_database(tasker_db_conn(f->db));
    assert_string_equal(slow_steps(f->db, NULL), "");
    assert_string_equal(slow_tasks(f->db, NULL), "");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_step_row),      cmocka_unit_test(test_task_row),   cmocka_unit_test(test_order_and_limit),
        cmocka_unit_test(test_filters),       cmocka_unit_test(test_time_zones), cmocka_unit_test(test_default_limit),
        cmocka_unit_test(test_hostile_names), cmocka_unit_test(test_arguments),
    };
    return db_test_run(tests);
}
