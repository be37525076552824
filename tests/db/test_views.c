/* SPDX-License-Identifier: MIT */
/*
 * The five views that are read by task or by step, and the calls that read the same: what they cost for one task does
 * not grow with the database. The buffers are those that the server touched, as auto_explain tells them.
 */
#include "dag_test.h"

/* ---- what auto_explain says ---- */

static struct {
    char text[1 << 18];
    size_t used;
} seen;

static void keep_notice(void *context, const PGresult *notice)
{
    const char *message = PQresultErrorMessage(notice);
    size_t size = strlen(message);
    (void)context;
    if (seen.used + size >= sizeof seen.text)
        return;
    memcpy(seen.text + seen.used, message, size + 1);
    seen.used += size;
}

static void forget_plans(void)
{
    seen.used = 0;
    seen.text[0] = '\0';
}

static long number_behind(const char *text, const char *name)
{
    const char *found = strstr(text, name);
    assert_non_null(found);
    return strtol(found + strlen(name), NULL, 10);
}

/* Of all statements since the last look. A plan's own numbers come first in its text, with all below it. */
static long buffers_touched(void)
{
    long sum = 0;
    const char *plan = strstr(seen.text, "\"Query Text\"");
    assert_non_null(plan);
    for (; plan != NULL; plan = strstr(plan + 1, "\"Query Text\""))
        sum += number_behind(plan, "\"Shared Hit Blocks\": ") + number_behind(plan, "\"Shared Read Blocks\": ");
    return sum;
}

/* ---- questions ---- */

enum { TASKS = 3, MOST_QUESTIONS = 128 };

static const char *const views[] = {"tasker_step_readiness_status", "tasker_step_dag_relationships",
                                    "tasker_step_transitive_dependencies", "tasker_task_execution_contexts",
                                    "tasker_ready_tasks"};
enum { BY_STEP = 3, READY_TASKS = 4 }; /* so many have steps; a view that sorts cannot be joined at the cost of a row */

typedef struct answers {
    char question[MOST_QUESTIONS][200];
    long buffers[MOST_QUESTIONS];
    size_t count;
} answers;

typedef struct asked {
    tasker_db *db;
    PGconn *conn;
    tasker_uuid tasks[TASKS];
    tasker_uuids steps; /* of the first */
    answers *answers;
} asked;

static void note(const asked *a, const char *question)
{
    answers *n = a->answers;
    assert_true(n->count < MOST_QUESTIONS);
    snprintf(n->question[n->count], sizeof n->question[0], "%s", question);
    n->buffers[n->count++] = buffers_touched();
    forget_plans();
}

/* Twice: the first time the server also reads its catalogs. */
static void ask_sql(const asked *a, const char *question, const char *sql)
{
    for (int time = 0; time < 2; time++) {
        forget_plans();
        PGresult *result = PQexec(a->conn, sql);
        if (PQresultStatus(result) != PGRES_TUPLES_OK || PQntuples(result) == 0)
            fail_msg("%s: %s", sql, PQresultErrorMessage(result));
        PQclear(result);
    }
    note(a, question);
}

/* As a literal, and as the parameter of a plan that knows it and of one that does not. */
static void ask_three_ways(const asked *a, const char *view, const char *condition, const char *type, const char *value)
{
    static const char *const modes[] = {"force_custom_plan", "force_generic_plan"};
    char question[160], sql[640];
    snprintf(question, sizeof question, "%s WHERE %s", view, condition);
    snprintf(sql, sizeof sql, "DEALLOCATE ALL; PREPARE asked (%s) AS SELECT * FROM %s", type, question);
    tell(a->conn, "%s", sql);
    for (size_t i = 0; i < COUNT(modes); i++) {
        tell(a->conn, "SET plan_cache_mode = %s", modes[i]);
        snprintf(sql, sizeof sql, "EXECUTE asked (%s)", value);
        ask_sql(a, question, sql);
    }
    tell(a->conn, "RESET plan_cache_mode");
    const char *dollar = strchr(question, '$');
    snprintf(sql, sizeof sql, "SELECT * FROM %.*s%s%s", (int)(dollar - question), question, value, dollar + 2);
    ask_sql(a, question, sql);
}

static const char *array_of(char *out, size_t size, const tasker_uuid *keys, size_t count)
{
    size_t used = (size_t)snprintf(out, size, "ARRAY[");
    for (size_t i = 0; i < count; i++)
        used += (size_t)snprintf(out + used, size - used, "%s'%s'", i > 0 ? ", " : "", text_of(keys[i]));
    snprintf(out + used, size - used, "]::uuid[]");
    return out;
}

static void ask_view(const asked *a, size_t i)
{
    char sql[256], one[64], many[256];
    snprintf(one, sizeof one, "'%s'::uuid", text_of(a->tasks[0]));
    ask_three_ways(a, views[i], "task_uuid = $1", "uuid", one);
    ask_three_ways(a, views[i], "task_uuid = ANY ($1)", "uuid[]", array_of(many, sizeof many, a->tasks, TASKS));
    if (i < BY_STEP) {
        snprintf(one, sizeof one, "'%s'::uuid", text_of(a->steps.items[9]));
        ask_three_ways(a, views[i], "workflow_step_uuid = $1", "uuid", one);
        array_of(many, sizeof many, a->steps.items + 7, 3);
        ask_three_ways(a, views[i], "workflow_step_uuid = ANY ($1)", "uuid[]", many);
    }
    snprintf(sql, sizeof sql, "SELECT * FROM %s WHERE task_uuid = ANY (ARRAY(SELECT task_uuid FROM few))", views[i]);
    ask_sql(a, sql, sql);
    snprintf(sql, sizeof sql, "SELECT * FROM few JOIN %s USING (task_uuid)", views[i]);
    if (i != READY_TASKS)
        ask_sql(a, sql, sql);
}

#define ASK(call, list)                                                                                                \
    do {                                                                                                               \
        for (int time = 0; time < 2; time++) {                                                                         \
            const tasker_##list *rows = NULL;                                                                          \
            forget_plans();                                                                                            \
            assert_status(a->db, call, TASKER_OK);                                                                     \
            tasker_free(rows);                                                                                         \
        }                                                                                                              \
        note(a, #call);                                                                                                \
    } while (0)

static void ask_library(const asked *a)
{
    const tasker_uuid *last = &a->steps.items[9];
    const tasker_step_readiness_filter by_task = {.task_uuids = a->tasks, .task_uuid_count = TASKS},
                                       by_step = {.workflow_step_uuids = a->steps.items, .workflow_step_uuid_count = 3};
    const tasker_step_node_filter graph = {.task_uuid = a->tasks};
    ASK(tasker_step_readiness_query(a->db, &by_task, &rows), step_readiness_list);
    ASK(tasker_step_readiness_query(a->db, &by_step, &rows), step_readiness_list);
    ASK(tasker_execution_context_get(a->db, a->tasks, &rows), execution_context);
    ASK(tasker_execution_context_list(a->db, a->tasks, TASKS, &rows), execution_contexts);
    ASK(tasker_step_node_query(a->db, &graph, NULL, &rows), step_nodes);
    ASK(tasker_step_node_list_critical_path(a->db, a->tasks, &rows), step_nodes);
    ASK(tasker_step_relative_list_ancestors(a->db, last, NULL, &rows), step_relatives);
    ASK(tasker_step_relative_list_descendants(a->db, a->steps.items, NULL, &rows), step_relatives);
}

static void ask_all(asked *a, answers *into)
{
    a->answers = into;
    into->count = 0;
    for (size_t i = 0; i < COUNT(views); i++)
        ask_view(a, i);
    ask_library(a);
}

/* ---- cost ---- */

/* Tasks of ten steps, so many in the end. */
static void load(const fixture *f, int first, int last)
{
    static char sql[1 << 14];
    FILE *file = fopen(getenv("TASKER_TEST_STEPS"), "r");
    assert_non_null(file);
    int used = snprintf(sql, sizeof sql,
                        "SET client_min_messages = warning; SET load.first = %d; SET load.last = %d;"
                        "SET load.steps = 10; SET load.called = 'loaded';",
                        first, last);
    sql[used + (int)fread(sql + used, 1, sizeof sql - 1 - (size_t)used, file)] = '\0';
    fclose(file);
    db_test_exec(f, sql);
}

static int set_up(void **state)
{
    if (tasker_db_test_setup(state) != 0)
        return -1;
    load(*state, 1, 100);
    db_test_exec(*state, "ANALYZE");
    return 0;
}

/* What keeps ready work has not seen the rows come, so they go before it is looked at. */
static int tear_down(void **state)
{
    db_test_exec(*state, "TRUNCATE tasker_tasks, tasker_task_namespaces, tasker_dependent_systems CASCADE");
    return tasker_db_test_teardown(state);
}

static void find_tasks(asked *a)
{
    const tasker_tasks *tasks = NULL;
    const tasker_workflow_steps *steps = NULL;
    static tasker_uuid keys[10];
    assert_status(a->db, tasker_task_query(a->db, &(tasker_task_filter){.active = true}, NULL, &tasks), TASKER_OK);
    for (size_t i = 0; i < TASKS; i++)
        a->tasks[i] = tasks->items[i]->task_uuid;
    const tasker_workflow_step_filter of_first = {.task_uuids = a->tasks, .task_uuid_count = 1};
    assert_status(a->db, tasker_workflow_step_query(a->db, &of_first, NULL, &steps), TASKER_OK);
    assert_int_equal(steps->count, COUNT(keys));
    for (size_t i = 0; i < COUNT(keys); i++)
        keys[i] = steps->items[i]->workflow_step_uuid;
    a->steps = (tasker_uuids){COUNT(keys), keys};
    char many[256];
    tell(a->conn, "CREATE TEMP TABLE few AS SELECT unnest(%s) AS task_uuid",
         array_of(many, sizeof many, a->tasks, TASKS));
    tell(a->conn, "ANALYZE few");
    tasker_free(steps);
    tasker_free(tasks);
}

static int count_grown(const char *when, const answers *before, const answers *now)
{
    int grown = 0;
    assert_int_equal(now->count, before->count);
    for (size_t i = 0; i < now->count; i++)
        if (now->buffers[i] > 3 * before->buffers[i]) { /* each index is deeper by one page; others' rows are dead */
            print_error("%s: %ld buffers instead of %ld for %s\n", when, now->buffers[i], before->buffers[i],
                        now->question[i]);
            grown++;
        }
    return grown;
}

static void listen_to(PGconn *conn)
{
    PQsetNoticeReceiver(conn, keep_notice, NULL);
    tell(conn, "LOAD 'auto_explain'");
    tell(conn,
         "SET client_min_messages = notice; SET auto_explain.log_level = notice; SET auto_explain.log_min_duration = 0;"
         "SET auto_explain.log_analyze = on; SET auto_explain.log_timing = off;"
         "SET auto_explain.log_buffers = on; SET auto_explain.log_format = json");
}

static void test_cost(void **state)
{
    static answers small, stale, large;
    fixture *f = *state;
    asked a = {.db = f->db, .conn = db_test_psql(f)};
    find_tasks(&a);
    listen_to(a.conn);
    listen_to(tasker_db_conn(a.db));
    ask_all(&a, &small);
    load(f, 101, 10000);
    ask_all(&a, &stale);
    db_test_exec(f, "ANALYZE");
    ask_all(&a, &large);
    PQfinish(a.conn);
    tell(tasker_db_conn(a.db), "RESET auto_explain.log_min_duration");
    assert_int_equal(
        count_grown("1e5 steps, statistics of 1e3", &small, &stale) + count_grown("1e5 steps", &small, &large), 0);
}

/* ---- ancestors ---- */

/* The rows of a task in the view are those of the function for each of its steps; so many. */
static void assert_ancestors(PGconn *conn, tasker_uuid task, long rows)
{
    const char *key = text_of(task);
    assert_int_equal(
        ask_number(conn,
                   "WITH v AS (SELECT workflow_step_uuid, ancestor_step_uuid, ancestor_task_uuid, named_step_uuid,"
                   " step_name, results, processed, distance FROM tasker_step_transitive_dependencies"
                   " WHERE task_uuid = '%s'), w AS (SELECT s.workflow_step_uuid, d.* FROM tasker_workflow_steps s,"
                   " get_step_transitive_dependencies(s.workflow_step_uuid) d WHERE s.task_uuid = '%s')"
                   " SELECT (SELECT count(*) FROM (TABLE v EXCEPT TABLE w) x) +"
                   " (SELECT count(*) FROM (TABLE w EXCEPT TABLE v) x)",
                   key, key),
        0);
    assert_int_equal(
        ask_number(conn, "SELECT count(*) FROM tasker_step_transitive_dependencies WHERE task_uuid = '%s'", key), rows);
}

static void test_ancestors(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    made_flow up = make_flow(f->db, "ab", "ab"), flow = make_flow(f->db, "abcd", "ab ac bd cd");
    assert_ancestors(conn, up.task_uuid, 1);
    assert_ancestors(conn, flow.task_uuid, 5);
    begin_without_rules(f->db);
    insert_edge(f->db, FLOW_STEP(up, 'b'), FLOW_STEP(flow, 'a'));
    assert_ancestors(conn, flow.task_uuid, 13);
    assert_string_equal(ask(conn,
                            "SELECT string_agg(distance::text, ' ' ORDER BY distance) FROM"
                            " tasker_step_transitive_dependencies WHERE task_uuid = '%s' AND ancestor_task_uuid = '%s'",
                            text_of(flow.task_uuid), text_of(up.task_uuid)),
                        "1 2 2 2 3 3 3 4");
    insert_edges(f->db, &flow, "da");
    assert_ancestors(conn, flow.task_uuid, 20); /* all others of the circle, and both of the other task */
    assert_status(f->db, tasker_db_rollback(f->db), TASKER_OK);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {cmocka_unit_test(test_cost), cmocka_unit_test(test_ancestors)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
