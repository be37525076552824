/* SPDX-License-Identifier: MIT */
/* tasker-core's functions and views: signatures, what they answer for odd arguments, and that nobody gets into them. */
#include "flow_test.h"

/* ---- signatures ---- */

#define READINESS_ROW                                                                                                  \
    "TABLE(workflow_step_uuid uuid, task_uuid uuid, named_step_uuid uuid, name text, current_state text,"              \
    " dependencies_satisfied boolean, retry_eligible boolean, ready_for_execution boolean, last_failure_at timestamp," \
    " next_retry_at timestamp, total_parents integer, completed_parents integer, attempts integer,"                    \
    " retry_limit integer, backoff_request_seconds integer, last_attempted_at timestamp)"
#define CONTEXT_ROW                                                                                                    \
    "TABLE(task_uuid uuid, named_task_uuid uuid, status text, total_steps bigint, pending_steps bigint,"               \
    " in_progress_steps bigint, completed_steps bigint, failed_steps bigint, ready_steps bigint,"                      \
    " execution_status text, recommended_action text, completion_percentage numeric, health_status text)"
#define SLOWEST_ARGUMENTS                                                                                              \
    "since_timestamp timestamptz DEFAULT NULL, limit_count integer DEFAULT 10, namespace_filter text DEFAULT NULL,"    \
    " task_name_filter text DEFAULT NULL, version_filter text DEFAULT NULL"

static const struct {
    const char *name, *arguments, *result;
    char volatility;
} functions[] = {
    {"get_step_readiness_status", "input_task_uuid uuid, step_uuids uuid[] DEFAULT NULL", READINESS_ROW, 's'},
    {"get_step_readiness_status_batch", "input_task_uuids uuid[]", READINESS_ROW, 's'},
    {"get_task_execution_context", "input_task_uuid uuid", CONTEXT_ROW, 's'},
    {"get_task_execution_contexts_batch", "input_task_uuids uuid[]", CONTEXT_ROW, 's'},
    {"claim_ready_tasks",
     "p_orchestrator_id varchar, p_limit integer DEFAULT 1, p_namespace_filter varchar DEFAULT NULL",
     "TABLE(task_uuid uuid, namespace_name varchar, priority integer, computed_priority float8, age_hours float8,"
     " ready_steps_count bigint, claim_timeout_seconds integer)",
     'v'},
    {"release_task_claim", "p_task_uuid uuid, p_orchestrator_id varchar", "boolean", 'v'},
    {"extend_task_claim", "p_task_uuid uuid, p_orchestrator_id varchar", "boolean", 'v'},
    {"calculate_dependency_levels", "input_task_uuid uuid", "TABLE(workflow_step_uuid uuid, dependency_level integer)",
     's'},
    {"get_step_transitive_dependencies", "target_step_uuid uuid",
     "TABLE(workflow_step_uuid uuid, task_uuid uuid, named_step_uuid uuid, step_name varchar, results jsonb,"
     " processed boolean, distance integer)",
     's'},
    {"get_system_health_counts", "",
     "TABLE(total_tasks bigint, pending_tasks bigint, in_progress_tasks bigint, complete_tasks bigint,"
     " error_tasks bigint, cancelled_tasks bigint, total_steps bigint, pending_steps bigint, in_progress_steps bigint,"
     " complete_steps bigint, error_steps bigint, retryable_error_steps bigint, exhausted_retry_steps bigint,"
     " in_backoff_steps bigint, active_connections bigint, max_connections bigint)",
     's'},
    {"get_analytics_metrics", "since_timestamp timestamptz DEFAULT NULL",
     "TABLE(active_tasks_count bigint, total_namespaces_count bigint, unique_task_types_count bigint,"
     " system_health_score numeric, task_throughput bigint, completion_count bigint, error_count bigint,"
     " completion_rate numeric, error_rate numeric, avg_task_duration numeric, avg_step_duration numeric,"
     " step_throughput bigint, analysis_period_start timestamptz, calculated_at timestamptz)",
     's'},
    {"get_slowest_steps", SLOWEST_ARGUMENTS,
     "TABLE(workflow_step_uuid uuid, task_uuid uuid, step_name varchar, task_name varchar, namespace_name varchar,"
     " version varchar, duration_seconds numeric, attempts integer, created_at timestamp, completed_at timestamp,"
     " retryable boolean, step_status varchar)",
     's'},
    {"get_slowest_tasks", SLOWEST_ARGUMENTS,
     "TABLE(task_uuid uuid, task_name varchar, namespace_name varchar, version varchar, duration_seconds numeric,"
     " step_count bigint, completed_steps bigint, error_steps bigint, created_at timestamp, completed_at timestamp,"
     " initiator varchar, source_system varchar)",
     's'},
};

static const struct {
    const char *name, *columns;
} views[] = {
    {"tasker_ready_tasks",
     "task_uuid uuid, namespace_name varchar(64), priority integer, created_at timestamp(6), updated_at timestamp(6),"
     " claimed_at timestamp(6), claimed_by varchar, ready_steps_count bigint, execution_status text,"
     " total_steps bigint, completed_steps bigint, pending_steps bigint, failed_steps bigint,"
     " in_progress_steps bigint, age_hours float8, computed_priority float8, claim_status text,"
     " claimed_duration_seconds integer"},
    {"tasker_step_dag_relationships",
     "workflow_step_uuid uuid, task_uuid uuid, named_step_uuid uuid, parent_step_uuids jsonb, child_step_uuids jsonb,"
     " parent_count bigint, child_count bigint, is_root_step boolean, is_leaf_step boolean,"
     " min_depth_from_root integer"},
    {"tasker_step_transitive_dependencies",
     "workflow_step_uuid uuid, task_uuid uuid, ancestor_step_uuid uuid, ancestor_task_uuid uuid, named_step_uuid uuid,"
     " step_name varchar, results jsonb, processed boolean, distance integer"},
};

/* The server's words for types in short ones; a default of NULL without its type. */
#define SHORT(text)                                                                                                    \
    "regexp_replace(replace(replace(regexp_replace(regexp_replace(" text                                               \
    ", 'timestamp(\\(6\\))? with time zone', 'timestamptz', 'g'),"                                                     \
    " 'timestamp(\\(6\\))? without time zone', 'timestamp\\1', 'g'),"                                                  \
    " 'character varying', 'varchar'), 'double precision', 'float8'), 'DEFAULT NULL::[a-z]+(\\[\\])?', 'DEFAULT NULL'" \
    ", 'g')"

static void test_signatures(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    for (size_t i = 0; i < COUNT(functions); i++) {
        assert_int_equal(ask_number(conn, "SELECT count(*) FROM pg_proc WHERE proname = '%s'", functions[i].name), 1);
        const char *oid = ask(conn, "SELECT '%s'::regproc::oid", functions[i].name);
        assert_string_equal(
            ask(conn, "SELECT replace(" SHORT("pg_get_function_arguments(%s)") ", '::character', '')", oid),
            functions[i].arguments);
        assert_string_equal(ask(conn, "SELECT " SHORT("pg_get_function_result(%s)"), oid), functions[i].result);
        assert_int_equal(*ask(conn, "SELECT provolatile FROM pg_proc WHERE oid = %s", oid), functions[i].volatility);
    }
    for (size_t i = 0; i < COUNT(views); i++)
        assert_string_equal(ask(conn,
                                "SELECT string_agg(attname || ' ' || " SHORT(
                                    "format_type(atttypid, atttypmod)") ", ', ' ORDER BY attnum)"
                                                                        "  FROM pg_attribute"
                                                                        " WHERE attrelid = '%s'::regclass"
                                                                        "   AND attnum > 0",
                                views[i].name),
                            views[i].columns);
}

/* ---- arguments ---- */

static void test_odd_arguments(void **state)
{
    static const char *const without_rows[] = {
        "get_step_readiness_status(NULL)",
        "get_step_readiness_status(uuid_generate_v7())",
        "get_step_readiness_status_batch(NULL)",
        "get_step_readiness_status_batch('{}')",
        "get_step_readiness_status_batch(ARRAY[NULL, uuid_generate_v7()])",
        "get_task_execution_context(NULL)",
        "get_task_execution_context(uuid_generate_v7())",
        "get_task_execution_contexts_batch(NULL)",
        "get_task_execution_contexts_batch('{}')",
        "get_task_execution_contexts_batch(ARRAY[NULL, uuid_generate_v7()])",
        "calculate_dependency_levels(NULL)",
        "calculate_dependency_levels(uuid_generate_v7())",
        "get_step_transitive_dependencies(NULL)",
        "get_step_transitive_dependencies(uuid_generate_v7())",
        "tasker_step_depths(NULL)",
        "get_slowest_steps(limit_count => 0)",
        "get_slowest_tasks(limit_count => 0)",
    };
    static const char *const without_effect[] = {"release_task_claim(NULL, 'x')",
                                                 "release_task_claim(uuid_generate_v7(), 'x')",
                                                 "release_task_claim(NULL, NULL)",
                                                 "extend_task_claim(NULL, 'x')",
                                                 "extend_task_claim(uuid_generate_v7(), 'x')",
                                                 "extend_task_claim(NULL, NULL)"};
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    make_flow(f->db, "ab", "ab");
    for (size_t i = 0; i < COUNT(without_rows); i++)
        assert_int_equal(ask_number(conn, "SELECT count(*) FROM %s", without_rows[i]), 0);
    for (size_t i = 0; i < COUNT(without_effect); i++)
        assert_string_equal(ask(conn, "SELECT %s", without_effect[i]), "f");
}

/* The letters of the steps in the order of the answer. */
static const char *steps_in(PGconn *conn, const made_flow *flow, const char *from)
{
    static char letters[64];
    size_t count = (size_t)ask_number(conn, "SELECT count(*) FROM %s", from), length = 0;
    for (size_t row = 0; row < count; row++)
        for (size_t i = 0; i < flow->count; i++)
            if (strcmp(ask(conn, "SELECT workflow_step_uuid FROM %s OFFSET %zu LIMIT 1", from, row),
                       text_of(flow->steps[i])) == 0)
                letters[length++] = (char)('a' + i);
    letters[length] = '\0';
    assert_int_equal(length, count);
    return letters;
}

/* Which steps are asked for does not change what is said of them. */
static void test_readiness_of_some(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    made_flow flow = make_flow(f->db, "abc", "ab bc"), other = make_flow(f->db, "a", "");
    char from[512];
    bring_step(f->db, flow.steps[0], TASKER_STATE_COMPLETE);
    snprintf(from, sizeof from, "get_step_readiness_status('%s', ARRAY['%s', '%s', '%s', '%s', NULL]::uuid[])",
             text_of(flow.task_uuid), text_of(flow.steps[2]), text_of(flow.steps[1]), text_of(other.steps[0]),
             text_of(flow.steps[2]));
    assert_string_equal(steps_in(conn, &flow, from), "bc");
    assert_int_equal(ask_number(conn, "SELECT count(*) FROM %s WHERE ready_for_execution", from), 1);
    snprintf(from, sizeof from, "get_step_readiness_status('%s', '{}')", text_of(flow.task_uuid));
    assert_string_equal(steps_in(conn, &flow, from), "");
    snprintf(from, sizeof from, "get_step_readiness_status('%s', NULL)", text_of(flow.task_uuid));
    assert_string_equal(steps_in(conn, &flow, from), "abc");
    snprintf(from, sizeof from, "get_step_readiness_status_batch(ARRAY['%s', '%s']::uuid[])", text_of(other.task_uuid),
             text_of(flow.task_uuid));
    assert_string_equal(ask(conn,
                            "SELECT array_agg(workflow_step_uuid) = array_agg(workflow_step_uuid ORDER BY"
                            " workflow_step_uuid) AND count(*) = 4 FROM %s",
                            from),
                        "t");
    assert_string_equal(ask(conn,
                            "SELECT array_agg(task_uuid) = array_agg(task_uuid ORDER BY task_uuid)"
                            " AND count(*) = 2 FROM get_task_execution_contexts_batch(ARRAY['%s', '%s', '%s',"
                            " NULL]::uuid[])",
                            text_of(other.task_uuid), text_of(flow.task_uuid), text_of(other.task_uuid)),
                        "t");
}

/* Half a second after a failure: the seconds from now until the step may run again, and whether it may already. */
static const char *wait_of(PGconn *conn, const made_flow *flow)
{
    return ask(conn,
               "SELECT concat_ws(' ', trim_scale(extract(epoch FROM next_retry_at - timezone('UTC', now()))),"
               " ready_for_execution) FROM get_step_readiness_status('%s')",
               text_of(flow->task_uuid));
}

/* Attempts of 0 alone do not end the wait, only with the history row of what set them. */
static void test_wait_of_few_attempts(void **state)
{
    static const struct {
        const char *attempts, *metadata, *expected;
    } cases[] = {
        {"0", "{}", "0.5 f"},
        {"0", "[\"reset\"]", "0.5 f"},
        {"0", "\"reset\"", "0.5 f"},
        {"0", "{\"event\": null}", "0.5 f"},
        {"0", "{\"event\": \"reset\"}", "t"},
        {"0", "{\"event\": \"retry\"}", "t"},
        {"1", "{\"event\": \"reset\"}", "1.5 f"},
        {"NULL", "{\"event\": \"reset\"}", "1.5 f"},
        {"-1", "{}", "0 t"}, /* other programs' tables */
        {"-2147483648", "{}", "-0.5 t"},
    };
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    made_flow flow = make_flow(f->db, "a", "");
    const char *step = text_of(flow.steps[0]);
    tell(conn, "BEGIN");
    tell(conn, "ALTER TABLE tasker_workflow_steps DROP CONSTRAINT chk_workflow_steps_attempts");
    tell(conn,
         "UPDATE tasker_workflow_step_transitions SET to_state = 'error', most_recent = false,"
         " created_at = timezone('UTC', now()) - interval '0.5 seconds' WHERE workflow_step_uuid = '%s'",
         step);
    tell(conn,
         "INSERT INTO tasker_workflow_step_transitions (workflow_step_uuid, to_state, sort_key, most_recent,"
         " created_at, updated_at) VALUES ('%s', 'pending', 1000, true, now(), now())",
         step);
    for (size_t i = 0; i < COUNT(cases); i++) {
        tell(conn, "UPDATE tasker_workflow_steps SET attempts = %s WHERE workflow_step_uuid = '%s'", cases[i].attempts,
             step);
        tell(conn,
             "UPDATE tasker_workflow_step_transitions SET metadata = '%s' WHERE workflow_step_uuid = '%s'"
             " AND most_recent",
             cases[i].metadata, step);
        assert_string_equal(wait_of(conn, &flow), cases[i].expected);
    }
    tell(conn, "ROLLBACK");
}

/* ---- attacks ---- */

/*
 * Somebody puts tables, functions, operators and types of the same names before ours. What our functions answer, and
 * what they write, is the same as without.
 */
static const char *const traps[] = {
    "CREATE TEMP TABLE tasker_tasks AS SELECT * FROM public.tasker_tasks WHERE false",
    "CREATE TEMP TABLE tasker_workflow_steps AS SELECT * FROM public.tasker_workflow_steps WHERE false",
    "CREATE TEMP TABLE tasker_workflow_step_edges AS SELECT * FROM public.tasker_workflow_step_edges WHERE false",
    "CREATE TEMP TABLE tasker_claimable_tasks AS SELECT * FROM public.tasker_claimable_tasks WHERE false",
    "CREATE TEMP TABLE tasker_step_readiness_status (task_uuid uuid)",
    "CREATE TEMP TABLE pg_stat_activity (state text)",
    "CREATE SCHEMA trap",
    "CREATE FUNCTION trap.now() RETURNS timestamptz LANGUAGE sql AS $$SELECT 'epoch'::timestamptz$$",
    "CREATE FUNCTION trap.count(anyelement) RETURNS bigint LANGUAGE sql AS 'SELECT 1/0'",
    "CREATE FUNCTION trap.cardinality(uuid[]) RETURNS int LANGUAGE sql AS 'SELECT 0'",
    "CREATE FUNCTION trap.array_fill(int, int[]) RETURNS int[] LANGUAGE sql AS 'SELECT NULL::int[]'",
    "CREATE FUNCTION trap.trap(uuid, uuid) RETURNS bool LANGUAGE sql AS 'SELECT false'",
    "CREATE FUNCTION trap.trap(int, int) RETURNS int LANGUAGE sql AS 'SELECT 1/0'",
    "CREATE FUNCTION trap.trap(bigint, int) RETURNS bool LANGUAGE sql AS 'SELECT true'",
    "CREATE OPERATOR trap.= (FUNCTION = trap.trap, LEFTARG = uuid, RIGHTARG = uuid)",
    "CREATE OPERATOR trap.+ (FUNCTION = trap.trap, LEFTARG = int, RIGHTARG = int)",
    "CREATE OPERATOR trap.= (FUNCTION = trap.trap, LEFTARG = bigint, RIGHTARG = int)",
    "CREATE DOMAIN trap.uuid AS text CHECK (false)",
    "CREATE DOMAIN trap.int4 AS text CHECK (false)",
};

#define TASK "current_setting('test.task')::pg_catalog.uuid"
static const char *const questions[] = {
    "get_step_readiness_status(" TASK ")",
    "get_step_readiness_status_batch(ARRAY[" TASK "])",
    "get_task_execution_context(" TASK ")",
    "get_task_execution_contexts_batch(ARRAY[" TASK "])",
    "calculate_dependency_levels(" TASK ")",
    "get_step_transitive_dependencies(current_setting('test.step')::pg_catalog.uuid)",
    "tasker_step_depths(" TASK ")",
    "get_system_health_counts()",
    "get_analytics_metrics()",
    "get_slowest_steps()",
    "get_slowest_tasks()",
    "tasker_step_dag_relationships",
    "tasker_step_transitive_dependencies",
    "tasker_ready_tasks",
};

static const char *answer_to(PGconn *conn, const char *question)
{
    return ask(conn, "SELECT pg_catalog.md5(pg_catalog.string_agg(x::text, ' ')) FROM public.%s x", question);
}

static void test_attacks(void **state)
{
    fixture *f = *state;
    made_flow flow = make_flow(f->db, "abcd", "ab ac bd cd");
    const char *task = text_of(flow.task_uuid);
    char before[COUNT(questions)][33];
    bring_step(f->db, flow.steps[0], TASKER_STATE_COMPLETE);
    PGconn *conn = db_test_psql(f);
    tell(conn, "BEGIN");
    tell(conn, "SET LOCAL test.task = '%s'; SET LOCAL test.step = '%s'", task, text_of(flow.steps[3]));
    for (size_t i = 0; i < COUNT(questions); i++) {
        snprintf(before[i], sizeof before[i], "%s", answer_to(conn, questions[i]));
        assert_int_equal(strlen(before[i]), 32);
    }
    for (size_t i = 0; i < COUNT(traps); i++)
        tell(conn, "%s", traps[i]);
    tell(conn, "SET LOCAL search_path = trap, pg_temp, public, pg_catalog");
    assert_string_equal(ask(conn, "SELECT now() = 'epoch'"), "t");
    assert_string_equal(ask(conn, "SELECT k = k FROM public.uuid_generate_v7() k"), "f");
    for (size_t i = 0; i < COUNT(questions); i++)
        assert_string_equal(answer_to(conn, questions[i]), before[i]);
    tell(conn, "UPDATE public.tasker_tasks SET priority = 1000 WHERE task_uuid::text = '%s'", task);
    assert_string_equal(ask(conn, "SELECT task_uuid FROM public.claim_ready_tasks('me')"), task);
    assert_string_equal(ask(conn, "SELECT public.extend_task_claim('%s', 'me')", task), "t");
    assert_string_equal(
        ask(conn, "SELECT claimed_at > '2020-01-01' FROM public.tasker_tasks WHERE task_uuid::text = '%s'", task), "t");
    assert_string_equal(ask(conn, "SELECT public.release_task_claim('%s', 'me')", task), "t");
    tell(conn, "ROLLBACK");
    PQfinish(conn);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signatures),        cmocka_unit_test(test_odd_arguments),
        cmocka_unit_test(test_readiness_of_some), cmocka_unit_test(test_wait_of_few_attempts),
        cmocka_unit_test(test_attacks),
    };
    return db_test_run(tests);
}
