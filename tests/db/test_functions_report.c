/* SPDX-License-Identifier: MIT */
/* tasker-core's functions of figures, and of graphs that the schema would refuse or that are large. */
#include "dag_test.h"

/* The tests of figures work in a transaction on a database that they empty first. */
static PGconn *begin_empty(const fixture *f)
{
    PGconn *conn = tasker_db_conn(f->db);
    assert_true(
        tasker_status_is_done(tasker_db_recover(f->db))); /* an earlier test may have failed in its transaction */
    assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
    tell(conn, "TRUNCATE tasker_tasks CASCADE");
    return conn;
}

/* The state of a step or task becomes this, reached at so many seconds from now. */
static void put_state(PGconn *conn, const char *kind, const char *key, tasker_uuid owner, const char *to, double at)
{
    tell(conn, "DELETE FROM tasker_%s_transitions WHERE %s = '%s'", kind, key, text_of(owner));
    tell(conn,
         "INSERT INTO tasker_%s_transitions (%s, to_state, sort_key, most_recent, created_at, updated_at)"
         " SELECT '%s', '%s', 1, true, t, t FROM (SELECT timezone('UTC', now()) + %f * interval '1 second') x (t)",
         kind, key, text_of(owner), to, at);
}

static void put_step(PGconn *conn, tasker_uuid step, const char *to, double at)
{
    put_state(conn, "workflow_step", "workflow_step_uuid", step, to, at);
}

static void put_task(PGconn *conn, tasker_uuid task, const char *to)
{
    put_state(conn, "task", "task_uuid", task, to, 0);
}

static void put_created(PGconn *conn, const made_flow *flow, double task_at, double steps_at)
{
    tell(conn,
         "UPDATE tasker_tasks SET created_at = timezone('UTC', now()) + %f * interval '1 second' WHERE task_uuid ="
         " '%s'",
         task_at, text_of(flow->task_uuid));
    tell(conn,
         "UPDATE tasker_workflow_steps SET created_at = timezone('UTC', now()) + %f * interval '1 second'"
         " WHERE task_uuid = '%s'",
         steps_at, text_of(flow->task_uuid));
}

/* ---- health ---- */

static const char *health(PGconn *conn)
{
    return ask(conn,
               "SELECT concat_ws(' ', total_tasks, pending_tasks, in_progress_tasks, complete_tasks, error_tasks,"
               " cancelled_tasks, '/', total_steps, pending_steps, in_progress_steps, complete_steps, error_steps,"
               " '/', retryable_error_steps, exhausted_retry_steps, in_backoff_steps)"
               "  FROM get_system_health_counts()");
}

static void test_health(void **state)
{
    static const char *const states[] = {"pending",   "in_progress",       "complete", "error",
                                         "cancelled", "resolved_manually", "enqueued"};
    fixture *f = *state;
    PGconn *conn = begin_empty(f);
    assert_string_equal(health(conn), "0 0 0 0 0 0 / 0 0 0 0 0 / 0 0 0");
    for (size_t i = 0; i < 6; i++)
        put_task(conn, make_flow(f->db, "", "").task_uuid, states[i]);
    made_flow flow = make_flow(f->db, "abcdefghijkl", "");
    tell(conn,
         "DELETE FROM tasker_workflow_step_transitions; DELETE FROM tasker_task_transitions WHERE task_uuid ="
         " '%s'",
         text_of(flow.task_uuid));
    for (size_t i = 0; i < COUNT(states); i++)
        put_step(conn, flow.steps[i], states[i], -1000);
    assert_string_equal(health(conn), "7 2 1 1 1 1 / 12 6 1 1 1 / 1 0 0");
    /* j: exhausted; k: not retryable; l: waits, and after that no more */
    static const char *const settings[] = {"attempts = 3", "attempts = 1, retryable = false",
                                           "attempts = NULL, retry_limit = NULL"};
    for (size_t i = 0; i < COUNT(settings); i++) {
        tell(conn, "UPDATE tasker_workflow_steps SET %s WHERE workflow_step_uuid = '%s'", settings[i],
             text_of(flow.steps[9 + i]));
        put_step(conn, flow.steps[9 + i], "error", i == 2 ? -1 : -1000);
    }
    assert_string_equal(health(conn), "7 2 1 1 1 1 / 12 3 1 1 4 / 2 1 1");
    put_step(conn, flow.steps[11], "error", -3);
    assert_string_equal(health(conn), "7 2 1 1 1 1 / 12 3 1 1 4 / 2 1 0");
    assert_string_equal(ask(conn, "SELECT active_connections BETWEEN 1 AND 500 AND max_connections ="
                                  " current_setting('max_connections')::int FROM get_system_health_counts()"),
                        "t");
    assert_status(f->db, tasker_db_rollback(f->db), TASKER_OK);
}

/* ---- metrics ---- */

static const char *metrics(PGconn *conn, const char *since)
{
    return ask(conn,
               "SELECT concat_ws(' ', active_tasks_count, total_namespaces_count, unique_task_types_count, '/',"
               " trim_scale(system_health_score), task_throughput, completion_count, error_count,"
               " trim_scale(completion_rate), trim_scale(error_rate), trim_scale(avg_task_duration),"
               " trim_scale(avg_step_duration), step_throughput) FROM get_analytics_metrics(%s)"
               " WHERE calculated_at = now() AND analysis_period_start = coalesce(%s, now() - interval '1 hour')",
               since, since);
}

static void test_metrics(void **state)
{
    static const char *const zones[] = {"UTC", "Asia/Kolkata", "Pacific/Kiritimati"};
    fixture *f = *state;
    PGconn *conn = begin_empty(f);
    assert_string_equal(metrics(conn, "NULL::timestamptz"), "0 0 0 / 1 0 0 0 0 0 0 0 0");
    assert_string_equal(ask(conn, "SELECT concat_ws(' ', system_health_score, completion_rate, error_rate,"
                                  " avg_task_duration, avg_step_duration) FROM get_analytics_metrics()"),
                        "1.0 0.0 0.0 0.000 0.000");
    made_flow recent = make_flow(f->db, "abc", ""), old = make_flow(f->db, "ab", ""), none = make_flow(f->db, "a", "");
    put_created(conn, &recent, -100, -90);
    put_created(conn, &old, -4000, -3990);
    put_created(conn, &none, -3600, -3600); /* not after the start */
    tell(conn, "DELETE FROM tasker_workflow_step_transitions");
    put_step(conn, recent.steps[0], "complete", -50);
    put_step(conn, recent.steps[1], "complete", -49.999);
    put_step(conn, recent.steps[2], "error", -40);
    put_step(conn, old.steps[0], "error", -1);
    put_step(conn, old.steps[1], "cancelled", -1);
    put_step(conn, none.steps[0], "resolved_manually", -1);
    for (size_t i = 0; i < COUNT(zones); i++) {
        tell(conn, "SET LOCAL TimeZone TO '%s'", zones[i]);
        assert_string_equal(metrics(conn, "NULL::timestamptz"), "1 1 3 / 0.5 1 1 1 100 100 50.001 40.001 3");
        assert_string_equal(metrics(conn, "now() - interval '3600.1 seconds'"),
                            "1 1 3 / 0.5 2 1 1 50 50 50.001 40.001 4");
        assert_string_equal(metrics(conn, "now() - interval '2 hours'"),
                            "1 1 3 / 0.5 3 1 2 33.33 66.67 50.001 40.001 6");
        assert_string_equal(metrics(conn, "now()"), "1 1 3 / 0.5 0 0 0 0 0 0 0 0");
        assert_string_equal(metrics(conn, "'-infinity'::timestamptz"), "1 1 3 / 0.5 3 1 2 33.33 66.67 50.001 40.001 6");
    }
    assert_status(f->db, tasker_db_rollback(f->db), TASKER_OK);
}

/* ---- the slowest ---- */

/* The numbers of the steps or tasks, with the durations. */
static const char *slowest(PGconn *conn, const char *what, const char *arguments)
{
    return ask(conn,
               "SELECT coalesce(string_agg(concat_ws('@', l.letter, x.duration_seconds), ' ' ORDER BY x.n), '')"
               "  FROM (SELECT row_number() OVER () AS n, s.* FROM get_slowest_%ss(%s) s) x"
               "  JOIN letters l ON l.key = x.%s_uuid",
               what, arguments, strcmp(what, "step") == 0 ? "workflow_step" : "task");
}

static void test_slowest(void **state)
{
    fixture *f = *state;
    PGconn *conn = begin_empty(f);
    made_flow flow = make_flow(f->db, "abcdef", ""), twin = make_flow(f->db, "ab", ""), old = make_flow(f->db, "a", "");
    put_created(conn, &flow, -100, -90);
    put_created(conn, &twin, -100, -90);
    put_created(conn, &old, -86400, -86400); /* not after the start */
    tell(conn, "CREATE TEMP TABLE letters (letter text, key uuid) ON COMMIT DROP");
    for (size_t i = 0; i < flow.count; i++)
        tell(conn, "INSERT INTO letters VALUES ('%c', '%s')", (char)('a' + i), text_of(flow.steps[i]));
    tell(conn, "INSERT INTO letters VALUES ('T', '%s'), ('U', '%s'), ('O', '%s'), ('o', '%s'), ('u', '%s')",
         text_of(flow.task_uuid), text_of(twin.task_uuid), text_of(old.task_uuid), text_of(old.steps[0]),
         text_of(twin.steps[0]));
    put_step(conn, flow.steps[0], "complete", -80);
    put_step(conn, flow.steps[1], "complete", -79.9996);
    put_step(conn, flow.steps[2], "complete", -80);
    put_step(conn, flow.steps[3], "complete", -90); /* took no time */
    put_step(conn, flow.steps[4], "error", -20);
    put_step(conn, flow.steps[5], "resolved_manually", -1);
    put_step(conn, twin.steps[0], "complete", -20);
    put_step(conn, old.steps[0], "complete", -1);
    assert_string_equal(slowest(conn, "step", ""), "u@70.000 b@10.000 a@10.000 c@10.000");
    assert_string_equal(slowest(conn, "step", "NULL, 2"), "u@70.000 b@10.000");
    assert_string_equal(slowest(conn, "step", "limit_count => NULL"), "u@70.000 b@10.000 a@10.000 c@10.000");
    assert_string_equal(slowest(conn, "step", "now() - interval '2 days', 1"), "o@86399.000");
    assert_string_equal(slowest(conn, "step", "task_name_filter => 'no such name'"), "");
    assert_string_equal(slowest(conn, "step", "namespace_filter => ''"), "");
    assert_string_equal(slowest(conn, "step", "version_filter => '9.9.9'"), "");
    assert_string_equal(slowest(conn, "task", ""), "T@80.000 U@80.000");
    assert_string_equal(slowest(conn, "task", "now() - interval '2 days'"), "O@86399.000 T@80.000 U@80.000");
    assert_string_equal(slowest(conn, "task", "version_filter => '9.9.9'"), "");
    assert_string_equal(ask(conn,
                            "SELECT concat_ws(' ', step_count, completed_steps, error_steps, completed_at ="
                            " timezone('UTC', now()) - interval '20 seconds') FROM get_slowest_tasks(NULL, 10,"
                            " (SELECT namespace_name FROM get_slowest_tasks() LIMIT 1), (SELECT task_name FROM"
                            " get_slowest_tasks() LIMIT 1), (SELECT version FROM get_slowest_tasks() LIMIT 1))"
                            " WHERE task_uuid = '%s'",
                            text_of(flow.task_uuid)),
                        "6 4 1 t");
    assert_string_equal(ask(conn, "SELECT DISTINCT step_status FROM get_slowest_steps()"), "complete");
    assert_status(f->db, tasker_db_rollback(f->db), TASKER_OK);
}

/* ---- graphs ---- */

static const char *levels(PGconn *conn, const made_flow *flow)
{
    return ask(conn,
               "SELECT coalesce(string_agg(dependency_level::text, ' '), '')"
               "  FROM calculate_dependency_levels('%s')",
               text_of(flow->task_uuid));
}

static const char *depth(PGconn *conn, tasker_uuid step)
{
    return ask(conn,
               "SELECT concat_ws(' ', coalesce(min_depth_from_root::text, '-'), parent_count, child_count)"
               "  FROM tasker_step_dag_relationships WHERE workflow_step_uuid = '%s'",
               text_of(step));
}

/* Edges between tasks, from a step to itself, and in a circle. */
static void test_foreign_edges(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    made_flow up = make_flow(f->db, "ab", "ab"), flow = make_flow(f->db, "abc", "ab bc");
    begin_without_rules(f->db);
    insert_edge(f->db, up.steps[1], flow.steps[0]);
    assert_string_equal(levels(conn, &flow), "0 1 2");
    assert_string_equal(depth(conn, flow.steps[0]), "2 1 1");
    assert_string_equal(depth(conn, flow.steps[2]), "4 1 0");
    assert_string_equal(ask(conn, "SELECT string_agg(distance::text, ' ') FROM get_step_transitive_dependencies('%s')",
                            text_of(flow.steps[2])),
                        "1 2 3 4");
    insert_edge(f->db, flow.steps[1], flow.steps[1]);
    assert_string_equal(levels(conn, &flow), "0");
    assert_string_equal(depth(conn, flow.steps[1]), "3 2 2");
    insert_edge(f->db, flow.steps[2], up.steps[0]);
    assert_string_equal(depth(conn, flow.steps[1]), "- 2 2");
    assert_string_equal(levels(conn, &up), "0 1");
    assert_int_equal(
        ask_number(conn, "SELECT count(*) FROM get_step_transitive_dependencies('%s')", text_of(flow.steps[2])), 4);
    assert_status(f->db, tasker_db_rollback(f->db), TASKER_OK);
}

/* Layers of steps, each the parent of all in the next: 2^64 paths, and far more than 50 generations. */
static void test_many_paths(void **state)
{
    enum { LAYERS = 64, WIDTH = 2 };
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
    made_flow flow = make_flow(f->db, "a", "");
    const char *task = text_of(flow.task_uuid);
    tell(conn,
         "CREATE TEMP TABLE made ON COMMIT DROP AS SELECT l, uuid_generate_v7() AS key"
         " FROM generate_series(0, %d) l, generate_series(1, %d)",
         LAYERS - 1, WIDTH);
    tell(conn,
         "INSERT INTO tasker_workflow_steps (workflow_step_uuid, task_uuid, named_step_uuid, created_at,"
         " updated_at) SELECT m.key, s.task_uuid, s.named_step_uuid, now(), now() FROM made m,"
         " tasker_workflow_steps s WHERE s.task_uuid = '%s'",
         task);
    tell(conn, "INSERT INTO tasker_workflow_step_edges (from_step_uuid, to_step_uuid, name, created_at, updated_at)"
               " SELECT p.key, c.key, 'provides', now(), now() FROM made p JOIN made c ON c.l = p.l + 1");
    assert_int_equal(ask_number(conn,
                                "SELECT count(*) FROM made JOIN calculate_dependency_levels('%s') d ON"
                                " d.workflow_step_uuid = key AND d.dependency_level = l",
                                task),
                     LAYERS * WIDTH);
    assert_int_equal(ask_number(conn,
                                "SELECT count(*) FROM made JOIN tasker_step_dag_relationships d ON"
                                " d.workflow_step_uuid = key AND d.min_depth_from_root = l WHERE d.task_uuid ="
                                " '%s'",
                                task),
                     LAYERS * WIDTH);
    assert_int_equal(ask_number(conn,
                                "SELECT count(*) FROM get_step_transitive_dependencies((SELECT key FROM made"
                                " ORDER BY l DESC LIMIT 1)) d JOIN made ON key = d.workflow_step_uuid"
                                " AND l = %d - d.distance",
                                LAYERS - 1),
                     (LAYERS - 1) * WIDTH);
    assert_status(f->db, tasker_db_rollback(f->db), TASKER_OK);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_health),        cmocka_unit_test(test_metrics),    cmocka_unit_test(test_slowest),
        cmocka_unit_test(test_foreign_edges), cmocka_unit_test(test_many_paths),
    };
    return db_test_run(tests);
}
