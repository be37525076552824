/* SPDX-License-Identifier: MIT */
/* tasker-core's functions against given rows: readiness, execution contexts, and graphs. */
#include "golden.h"
#include "golden/graph_answers.h"
#include "golden/readiness_graphs.h"
#include "golden/readiness_steps.h"

/* ---- graphs ---- */

#define NUMBER(uuid) "right(" uuid "::text, 12)::int"
#define IN_ORDER(value)                                                                                                \
    "SELECT coalesce(string_agg(concat(" NUMBER("workflow_step_uuid") ", '@', " value "), ' ' ORDER BY ordinality), "  \
                                                                      "'')"
#define NEIGHBOURS(column)                                                                                             \
    "coalesce((SELECT string_agg((" NUMBER("u") ")::text, ',' ORDER BY n)"                                             \
                                                " FROM jsonb_array_elements_text(" column                              \
                                                ") WITH ORDINALITY AS x (u, n)), '-')"

static const char dag_line[] =
    "SELECT concat_ws(' ', " NUMBER("workflow_step_uuid") ", " NEIGHBOURS("parent_step_uuids") ", " NEIGHBOURS(
        "child_step_uuids") ", parent_count, child_count, is_root_step, is_leaf_step,"
                            " coalesce(min_depth_from_root::text, '-')) FROM tasker_step_dag_relationships"
                            " WHERE task_uuid = " GOLDEN_TASK " ORDER BY workflow_step_uuid OFFSET %d LIMIT 1";

/* What the row says beside its place must be what the step says. */
static void check_ancestors(PGconn *conn, const golden *g, const char *line)
{
    int number, end = 0;
    assert_int_equal(sscanf(line, "%d%n", &number, &end), 1);
    assert_string_equal(
        ask(conn, IN_ORDER("distance") " FROM get_step_transitive_dependencies(" GOLDEN_STEP ") WITH ORDINALITY",
            g->number, number),
        line + end + (line[end] == ' '));
    assert_int_equal(ask_number(conn,
                                "SELECT count(*) FROM get_step_transitive_dependencies(" GOLDEN_STEP ") d"
                                "  LEFT JOIN tasker_workflow_steps s USING (workflow_step_uuid)"
                                "  LEFT JOIN tasker_named_steps n ON n.named_step_uuid = s.named_step_uuid"
                                " WHERE (d.task_uuid, d.named_step_uuid, d.step_name, d.results, d.processed) IS"
                                " DISTINCT FROM (s.task_uuid, s.named_step_uuid, n.name, s.results, s.processed)",
                                g->number, number),
                     0);
}

static void check_graph(const fixture *f, const golden *g)
{
    PGconn *conn = tasker_db_conn(f->db);
    size_t at = 0, steps = 0;
    while (at < COUNT(graph_answers) &&
           (strncmp(graph_answers[at], "case ", 5) != 0 || atoi(graph_answers[at] + 5) != g->number))
        at++;
    assert_true(at < COUNT(graph_answers));
    tell(conn, "UPDATE tasker_workflow_steps SET results = jsonb_build_object('n', workflow_step_uuid)"
               " WHERE processed");
    for (at++; at < COUNT(graph_answers) && strncmp(graph_answers[at], "case ", 5) != 0; at++) {
        const char *line = graph_answers[at];
        if (strncmp(line, "ANCESTORS ", 10) == 0)
            check_ancestors(conn, g, line + 10);
        else if (strncmp(line, "DAG ", 4) == 0)
            assert_string_equal(ask(conn, dag_line, g->number, 1, (int)steps++), line + 4);
        else
            assert_string_equal(ask(conn,
                                    IN_ORDER("dependency_level") " FROM calculate_dependency_levels(" GOLDEN_TASK
                                                                 ") WITH ORDINALITY",
                                    g->number, 1),
                                line + (strcmp(line, "LEVELS") == 0 ? 6 : 7));
    }
    assert_int_equal(steps, g->step_count);
    assert_string_equal(ask(conn, dag_line, g->number, 1, (int)steps), "");
}

/* ---- all of them ---- */

/* The batch forms get the key twice, among others. */
static void check_case(const fixture *f, const golden *g)
{
    PGconn *conn = tasker_db_conn(f->db);
    golden_check(conn, g, "get_step_readiness_status(%s)", "get_task_execution_context(%s)");
    golden_check(conn, g,
                 "(SELECT k, NULL::uuid, uuid_generate_v7() FROM (VALUES (%s)) x (k)) y (k, n, u),"
                 " get_step_readiness_status_batch(ARRAY[k, n, u, k])",
                 "(SELECT k, NULL::uuid, uuid_generate_v7() FROM (VALUES (%s)) x (k)) y (k, n, u),"
                 " get_task_execution_contexts_batch(ARRAY[k, n, u, k])");
    check_graph(f, g);
}

static void test_golden(void **state)
{
    assert_int_equal(golden_replay(*state, readiness_steps, COUNT(readiness_steps), check_case), 31);
    assert_int_equal(golden_replay(*state, readiness_graphs, COUNT(readiness_graphs), check_case), 22);
}

/* The same under other time zones. */
static void test_time_zones(void **state)
{
    static const char *const zones[] = {"Asia/Kolkata", "Pacific/Kiritimati"};
    fixture *f = *state;
    fixture other = *f;
    for (size_t i = 0; i < COUNT(zones); i++) {
        other.db = db_test_open(f);
        tell(tasker_db_conn(other.db), "SET TimeZone TO '%s'", zones[i]);
        assert_int_equal(golden_replay(&other, readiness_steps, COUNT(readiness_steps), check_case), 31);
        tasker_db_close(other.db);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_time_zones),
    };
    return db_test_run(tests);
}
