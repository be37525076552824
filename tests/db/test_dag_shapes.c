/* SPDX-License-Identifier: MIT */
/* Critical paths; graphs that are large, and graphs that the library would not store. */
#include "dag_test.h"
#include "db/prepared.h"
#include "statements.h"
#include <time.h>
#include <unistd.h>

static const tasker_step_nodes *nodes_of(tasker_db *db, tasker_uuid task)
{
    const tasker_step_nodes *nodes = NULL;
    tasker_step_node_filter filter = {.task_uuid = &task};
    assert_status(db, tasker_step_node_query(db, &filter, &(tasker_page){.limit = 10000}, &nodes), TASKER_OK);
    return nodes;
}

static const char *critical_path(tasker_db *db, const made_flow *flow)
{
    const tasker_step_nodes *nodes = NULL;
    assert_status(db, tasker_step_node_list_critical_path(db, &flow->task_uuid, &nodes), TASKER_OK);
    for (size_t i = 1; i < nodes->count; i++) { /* each a parent of the next one */
        tasker_uuids parents = nodes->items[i]->parents;
        size_t p = 0;
        while (p < parents.count && !tasker_uuid_equal(&parents.items[p], &nodes->items[i - 1]->workflow_step_uuid))
            p++;
        assert_true(p < parents.count);
    }
    return nodes_as_text(flow, nodes);
}

/* ---- critical paths ---- */

/* Replaces a step's history by states and the seconds at which they began, "in_progress 0 complete 5". */
static void write_history(PGconn *conn, tasker_uuid step, const char *history)
{
    const char *key = text_of(step);
    char state[32], at[32];
    int end = 0, place = 1;
    tell(conn, "DELETE FROM tasker_workflow_step_transitions WHERE workflow_step_uuid = '%s'", key);
    for (; sscanf(history, "%31s %31s%n", state, at, &end) == 2; history += end)
        tell(conn,
             "INSERT INTO tasker_workflow_step_transitions (workflow_step_uuid, to_state, sort_key, most_recent,"
             " created_at, updated_at) SELECT '%s', '%s', %d, %s, %s '%s', now()",
             key, state, place++, history[end] == '\0' ? "true" : "false",
             strstr(at, "infinity") != NULL ? "timestamp" : "timestamp '2025-01-01' + interval", at);
}

static void test_critical_path(void **state)
{
    static const struct {
        const char *steps, *edges, *path;
        const char *histories[4]; /* "b: …" */
    } cases[] = {
        /* by length */
        {"a", "", "a", {NULL}},
        {"abcd", "ab bc cd", "a b c d", {NULL}},
        {"abc", "ab bc ac", "a b c", {NULL}},
        {"abcde", "ab cd de", "c d e", {NULL}},
        {"abcdef", "ac ad bc bd ce cf de df", "a c e", {NULL}},
        /* by run times */
        {"abcd", "ab ac bd cd", "a b d", {"b: in_progress 0 complete 5", "c: in_progress 0 complete 1"}},
        {"abcd", "ab ac bd cd", "a c d", {"b: in_progress 0 complete 5", "c: in_progress 0 complete 9"}},
        {"abcde", "ab bc cd ae", "a e", {"b: in_progress 0 complete 2", "e: in_progress 0 complete 3"}},
        {"abcde", "ab bc cd ae", "a b c d", {"b: in_progress 0 complete 2", "c: in_progress 3 complete 5"}},
        {"ab", "", "b", {"b: in_progress 0 complete 0.001"}},
        /* from the first start on, with what failed in between; to the end by hand, too */
        {"abcd",
         "ab ac bd cd",
         "a c d",
         {"b: in_progress 0 complete 5", "c: in_progress 0 error 1 pending 4 in_progress 5 complete 6"}},
        {"abcd",
         "ab ac bd cd",
         "a c d",
         {"b: in_progress 0 complete 5", "c: in_progress 0 error 1 resolved_manually 9"}},
        /* not there yet, never started */
        {"abcd", "ab ac bd cd", "a b d", {"b: in_progress 5 complete 6", "c: in_progress 0"}},
        {"abcd", "ab ac bd cd", "a b d", {"b: in_progress 5 complete 6", "c: in_progress 0 error 9"}},
        {"abcd", "ab ac bd cd", "a b d", {"c: pending 0 resolved_manually 9"}},
        /* what nobody should have written */
        {"abcd", "ab ac bd cd", "a b d", {"b: in_progress 9 complete 2"}},
        {"abcd", "ab ac bd cd", "a b d", {"b: in_progress 5 complete 6", "c: in_progress 0 complete 9 pending 9"}},
        {"abcd", "ab ac bd cd", "a b d", {"b: in_progress 5 complete 6", "c: in_progress 1 complete infinity"}},
        {"abcd", "ab ac bd cd", "a b d", {"b: in_progress 5 complete 6", "c: in_progress -infinity complete 1"}},
        {"abcd", "ab ac bd cd", "a b d", {"b: in_progress infinity complete infinity", "c: complete 1"}},
        {"abcd", "ab ac bd cd", "a c d", {"b: in_progress 0 complete 1years", "c: in_progress 0 complete 200000years"}},
    };
    fixture *f = *state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        made_flow flow = make_flow(f->db, cases[i].steps, cases[i].edges);
        assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
        for (const char *const *history = cases[i].histories; *history != NULL; history++)
            write_history(tasker_db_conn(f->db), FLOW_STEP(flow, (*history)[0]), *history + 3);
        assert_string_equal(critical_path(f->db, &flow), cases[i].path);
        assert_status(f->db, tasker_db_rollback(f->db), TASKER_OK);
    }
}

/* ---- what the library would not store ---- */

/* "a 0/0 >b": depth and level ("-": none), "!" on a cycle, children. */
static const char *graph_as_text(const made_flow *flow, const tasker_step_nodes *nodes)
{
    static char text[512];
    char *end = text;
    text[0] = '\0';
    for (size_t s = 0; s < flow->count; s++)
        for (size_t i = 0; i < nodes->count; i++) {
            const tasker_step_node *node = nodes->items[i];
            if (!tasker_uuid_equal(&node->workflow_step_uuid, &flow->steps[s]))
                continue;
            assert_int_equal(node->is_root_step, node->parents.count == 0);
            assert_int_equal(node->is_leaf_step, node->children.count == 0);
            end += sprintf(end, "%s%c", end > text ? ", " : "", letter_of(flow, flow->steps[s]));
            end += sprintf(end, node->has_min_depth_from_root ? " %d" : " -", node->min_depth_from_root);
            end += sprintf(end, node->has_level ? "/%d" : "/-", node->level);
            end += sprintf(end, "%s >%s", node->on_cycle ? "!" : "", letters_of(flow, node->children));
        }
    tasker_free(nodes);
    return text;
}

static void test_odd_edges(void **state)
{
    static const struct {
        const char *edges, *graph, *critical;
    } cases[] = {
        {"ab ab", "a 0/0 >b, b 1/1 >, c 0/0 >, d 0/0 >", "a b"},
        {"aa", "a -/-! >a, b 0/0 >, c 0/0 >, d 0/0 >", "b"},
        {"ab ba", "a -/-! >b, b -/-! >a, c 0/0 >, d 0/0 >", "c"},
        {"ab bc cb cd", "a 0/0 >b, b 1/-! >c, c 2/-! >bd, d 3/- >", "a"},
        {"ab ba bc cd dc", "a -/-! >b, b -/-! >ac, c -/-! >d, d -/-! >c", ""},
        {"aa ab bc cd dd", "a -/-! >ab, b -/- >c, c -/- >d, d -/-! >d", ""}, /* between cycles is not on one */
        {"ab ac bd cd da ab", "a -/-! >bc, b -/-! >d, c -/-! >d, d -/-! >a", ""},
        {"ab bc bb ad cd", "a 0/0 >bd, b 1/-! >bc, c 2/- >d, d 1/- >", "a"},
        {"ab ba ac ca", "a -/-! >bc, b -/-! >a, c -/-! >a, d 0/0 >", "d"},
    };
    fixture *f = *state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        made_flow flow = make_flow(f->db, "abcd", "");
        begin_without_rules(f->db);
        insert_edges(f->db, &flow, cases[i].edges);
        assert_string_equal(graph_as_text(&flow, nodes_of(f->db, flow.task_uuid)), cases[i].graph);
        assert_string_equal(critical_path(f->db, &flow), cases[i].critical);
        assert_status(f->db, tasker_db_rollback(f->db), TASKER_OK);
    }
}

/* Left out on both sides: a node is what it is in its own task. */
static void test_steps_of_another_task(void **state)
{
    fixture *f = *state;
    made_flow mine = make_flow(f->db, "ab", "ab"), other = make_flow(f->db, "ab", "ab");
    begin_without_rules(f->db);
    insert_edge(f->db, FLOW_STEP(other, 'b'), FLOW_STEP(mine, 'a'));
    insert_edge(f->db, FLOW_STEP(mine, 'b'), FLOW_STEP(other, 'a'));
    assert_string_equal(graph_as_text(&mine, nodes_of(f->db, mine.task_uuid)), "a 0/0 >b, b 1/1 >");
    assert_string_equal(graph_as_text(&other, nodes_of(f->db, other.task_uuid)), "a 0/0 >b, b 1/1 >");
    assert_string_equal(critical_path(f->db, &mine), "a b");
    assert_string_equal(ancestors_of(f->db, &mine, 'a'), "?1 ?2 b3"); /* relatives do go round */
    assert_status(f->db, tasker_db_rollback(f->db), TASKER_OK);
}

/* ---- large ones ---- */

static int64_t milliseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Number, level and smallest depth of a graph's last step, and how far its first one is as an ancestor. */
static void check_last(tasker_db *db, tasker_uuid task, const tasker_uuid *steps, size_t count, int32_t level,
                       int32_t depth, size_t ancestors)
{
    int64_t begun = milliseconds();
    const tasker_step_nodes *nodes = nodes_of(db, task);
    assert_int_equal(nodes->count, count);
    const tasker_step_node *last = nodes->items[count - 1];
    assert_uuid(last->workflow_step_uuid, steps[count - 1]);
    assert_int_equal(last->level, level);
    assert_int_equal(last->min_depth_from_root, depth);
    tasker_free(nodes);
    assert_status(db, tasker_step_node_list_critical_path(db, &task, &nodes), TASKER_OK);
    assert_int_equal(nodes->count, level + 1);
    tasker_free(nodes);
    const tasker_step_relatives *up = NULL, *down = NULL;
    assert_status(db, tasker_step_relative_list_ancestors(db, &steps[count - 1], NULL, &up), TASKER_OK);
    assert_status(db, tasker_step_relative_list_descendants(db, &steps[0], NULL, &down), TASKER_OK);
    assert_int_equal(up->count, ancestors);
    assert_int_equal(up->items[up->count - 1]->distance, depth);
    assert_int_equal(down->items[down->count - 1]->distance, depth);
    tasker_free(up);
    tasker_free(down);
    assert_true(milliseconds() - begun < 5000); /* one way out of 2^16 each would take longer */
}

enum { ROOM = 3000 };

static void test_large(void **state)
{
    fixture *f = *state;
    uint32_t(*edges)[2] = calloc(ROOM, sizeof *edges);
    tasker_uuid *steps, task;
    assert_non_null(edges);
#define EDGE(a, b) (edges[n][0] = (uint32_t)(a), edges[n++][1] = (uint32_t)(b))
    size_t n = 0;
    for (size_t i = 1; i < 50; i++) /* a chain */
        EDGE(i - 1, i);
    task = make_graph(f->db, 50, (const uint32_t(*)[2])edges, n, &steps);
    check_last(f->db, task, steps, 50, 49, 49, 49);
    free(steps);
    for (size_t i = 2; i < 50; i++) /* with a short cut around each step: 2^33 ways, distances from 25 to 49 */
        EDGE(i - 2, i);
    task = make_graph(f->db, 50, (const uint32_t(*)[2])edges, n, &steps);
    check_last(f->db, task, steps, 50, 49, 25, 49);
    free(steps);
    n = 0;
    for (size_t i = 1; i <= 100; i++) /* out to a hundred and back to one */
        EDGE(0, i), EDGE(i, 101);
    task = make_graph(f->db, 102, (const uint32_t(*)[2])edges, n, &steps);
    check_last(f->db, task, steps, 102, 2, 2, 101);
    free(steps);
    n = 0;
    for (size_t i = 0; i < 24; i++) /* diamond on diamond: 2^24 ways */
        EDGE(3 * i, 3 * i + 1), EDGE(3 * i, 3 * i + 2), EDGE(3 * i + 1, 3 * i + 3), EDGE(3 * i + 2, 3 * i + 3);
    task = make_graph(f->db, 73, (const uint32_t(*)[2])edges, n, &steps);
    check_last(f->db, task, steps, 73, 48, 48, 72);
    free(steps);
    n = 0;
    for (size_t i = 0; i < 60; i++) /* layers of 6, each joined with all of the next: 6^9 ways */
        for (size_t j = i / 6 * 6 + 6; j < i / 6 * 6 + 12 && j < 60; j++)
            EDGE(i, j);
    task = make_graph(f->db, 60, (const uint32_t(*)[2])edges, n, &steps);
    check_last(f->db, task, steps, 60, 9, 9, 54);
    free(steps);
    free(edges);
}

/* Deeper than the library makes them: a chain of 3000, and the same closed to a ring. */
static void test_deep(void **state)
{
    enum { DEEP = 3000 };
    fixture *f = *state;
    tasker_uuid *steps, task = make_graph(f->db, 1, NULL, 0, &steps);
    PGconn *conn = tasker_db_conn(f->db);
    begin_without_rules(f->db);
    tell(conn,
         "INSERT INTO tasker_workflow_steps (workflow_step_uuid, task_uuid, named_step_uuid, created_at, updated_at)"
         " SELECT lpad(i::text, 32, '0')::uuid, task_uuid, named_step_uuid, now(), now() FROM tasker_workflow_steps,"
         " generate_series(1, %d) i WHERE task_uuid = '%s'",
         DEEP, text_of(task));
    tell(conn,
         "INSERT INTO tasker_workflow_step_edges (from_step_uuid, to_step_uuid, name, created_at, updated_at)"
         " SELECT lpad((i - 1)::text, 32, '0')::uuid, lpad(i::text, 32, '0')::uuid, '', now(), now()"
         " FROM generate_series(2, %d) i",
         DEEP);
    for (int ring = 0; ring < 2; ring++) {
        const tasker_step_nodes *nodes = nodes_of(f->db, task);
        assert_int_equal(nodes->count, DEEP + 1);
        const tasker_step_node *last = nodes->items[DEEP];
        assert_int_equal(last->on_cycle, ring);
        assert_int_equal(last->has_level, !ring);
        assert_int_equal(last->has_min_depth_from_root, !ring);
        assert_int_equal(last->level, ring ? 0 : DEEP - 1);
        const tasker_step_relatives *up = NULL;
        assert_status(f->db, tasker_step_relative_list_ancestors(f->db, &last->workflow_step_uuid, NULL, &up),
                      TASKER_OK);
        assert_int_equal(up->count, DEEP - 1);
        assert_int_equal(up->items[DEEP - 2]->distance, DEEP - 1);
        tasker_free(up);
        tasker_free(nodes);
        assert_status(f->db, tasker_step_node_list_critical_path(f->db, &task, &nodes), TASKER_OK);
        assert_int_equal(nodes->count, ring ? 1 : DEEP);
        tasker_free(nodes);
        tell(conn,
             "INSERT INTO tasker_workflow_step_edges (from_step_uuid, to_step_uuid, name, created_at, updated_at)"
             " SELECT lpad('%d', 32, '0')::uuid, lpad('1', 32, '0')::uuid, '', now(), now()",
             DEEP);
    }
    assert_status(f->db, tasker_db_rollback(f->db), TASKER_OK);
    free(steps);
}

/* ---- cost ---- */

/* Many tasks, in a database of their own: their statistics would mislead whoever reads the fixture's afterwards. */
static void fill(PGconn *conn)
{
    tell(conn, "SET session_replication_role = replica"); /* no look-ups of foreign keys */
    tell(conn, "INSERT INTO tasker_workflow_steps (workflow_step_uuid, task_uuid, named_step_uuid, created_at,"
               " updated_at) SELECT md5('s' || i)::uuid, md5('t' || i / 50)::uuid, md5('n' || i)::uuid, now(), now()"
               " FROM generate_series(1, 5000) i");
    tell(conn, "INSERT INTO tasker_named_steps (named_step_uuid, dependent_system_uuid, name, created_at, updated_at)"
               " SELECT md5('n' || i)::uuid, md5('d')::uuid, i, now(), now() FROM generate_series(1, 5000) i");
    tell(conn, "INSERT INTO tasker_workflow_step_edges (from_step_uuid, to_step_uuid, name, created_at, updated_at)"
               " SELECT md5('s' || i - d)::uuid, md5('s' || i)::uuid, '', now(), now()"
               " FROM generate_series(1, 5000) i, generate_series(1, 2) d");
    tell(conn, "INSERT INTO tasker_workflow_step_transitions (workflow_step_uuid, to_state, sort_key, most_recent,"
               " created_at, updated_at) SELECT md5('s' || i)::uuid, 'pending', 1, true, now(), now()"
               " FROM generate_series(1, 5000) i");
}

static void prepare(PGconn *conn, const tkr_query *query)
{
    char *text = tkr_expand_schema(query->text, "\"public\"", "");
    PGresult *result = PQprepare(conn, query->name, text, (int)query->parameter_count, query->types);
    assert_int_equal(PQresultStatus(result), PGRES_COMMAND_OK);
    PQclear(result);
    free(text);
}

static void assert_no_table_is_read_whole(PGconn *conn, const char *statement, const char *others)
{
    char explain[256];
    snprintf(explain, sizeof explain, "EXPLAIN EXECUTE %s (md5('t7')::uuid%s)", statement, others);
    PGresult *result = PQexec(conn, explain);
    assert_int_equal(PQresultStatus(result), PGRES_TUPLES_OK);
    for (int line = 0; line < PQntuples(result); line++) {
        if (strstr(PQgetvalue(result, line, 0), "Seq Scan") != NULL)
            print_error("%s: %s\n", statement, PQgetvalue(result, line, 0));
        assert_null(strstr(PQgetvalue(result, line, 0), "Seq Scan"));
    }
    PQclear(result);
}

/* Whether the planner knows the parameters or not, and whether it knows the tables or not. */
static void test_plans(void **state)
{
    static const struct {
        uint32_t statement;
        const char *others;
    } cases[] = {{TKR_STATEMENT_step_node_query, ", NULL"},
                 {TKR_STATEMENT_step_node_list_critical_path, ""},
                 {TKR_STATEMENT_step_relative_list_ancestors, ", 0, true, false"},
                 {TKR_STATEMENT_step_relative_list_descendants, ", 0, true, false"}};
    fixture many = *(fixture *)*state;
    snprintf(many.database, sizeof many.database, "dag_plans_%ld", (long)getpid());
    snprintf(many.conninfo, sizeof many.conninfo, "dbname='%s'", many.database);
    db_test_create_database(many.database);
    tasker_db *db = db_test_open_with(&many, &(tasker_db_options){.any_schema = true});
    assert_status(db, tasker_schema_install(db, NULL), TASKER_OK);
    PGconn *conn = tasker_db_conn(db);
    fill(conn);
    for (size_t i = 0; i < COUNT(cases); i++)
        prepare(conn, &tkr_statements[cases[i].statement].query);
    for (int round = 0; round < 4; round++) {
        if (round == 2)
            tell(conn, "ANALYZE");
        tell(conn, "SET plan_cache_mode = '%s'", round % 2 != 0 ? "force_generic_plan" : "force_custom_plan");
        for (size_t i = 0; i < COUNT(cases); i++)
            assert_no_table_is_read_whole(conn, tkr_statements[cases[i].statement].query.name, cases[i].others);
    }
    tasker_db_close(db);
    db_test_drop_database(many.database);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_critical_path),
        cmocka_unit_test(test_odd_edges),
        cmocka_unit_test(test_steps_of_another_task),
        cmocka_unit_test(test_large),
        cmocka_unit_test(test_deep),
        cmocka_unit_test(test_plans),
    };
    return db_test_run(tests);
}
