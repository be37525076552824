/* SPDX-License-Identifier: MIT */
/*
 * The plans of claims with 1e2, 1e4 and 5e4 tasks waiting, as the server really made them: auto_explain tells each as a
 * notice. No part of any plan reads, sorts or filters more rows than a few for each task that is wanted, and the pages
 * that a claim touches grow by the levels of the indexes alone. bench/claim --check has 1e6 tasks.
 */
#include "claim_test.h"

enum { PRIORITIES = 5, BATCH = 100 };

/* Tasks of one step each, past the triggers; of the tables, those that a claim reads. */
static const char fill[] =
    "SET session_replication_role = replica;"
    "TRUNCATE tasker_tasks, tasker_step_readiness, tasker_task_queue, tasker_task_queue_priorities CASCADE;"
    "CREATE TEMP TABLE wanted AS SELECT uuid_generate_v7() AS task_uuid, uuid_generate_v7() AS step_uuid, i,"
    " (i %% %d)::integer AS priority, now() AT TIME ZONE 'UTC' - i * interval '1 ms' AS at"
    " FROM generate_series(%d, 1, -1) i;"
    "INSERT INTO tasker_tasks (task_uuid, named_task_uuid, requested_at, identity_hash, priority,"
    " claim_timeout_seconds, created_at, updated_at) SELECT task_uuid, named_task_uuid, at, i, w.priority, 86400, at, "
    "at"
    " FROM wanted w, tasker_named_tasks;"
    "INSERT INTO tasker_step_readiness (workflow_step_uuid, task_uuid, remaining_parents, done, startable_at)"
    " SELECT step_uuid, task_uuid, 0, false, '-infinity' FROM wanted;"
    "INSERT INTO tasker_task_queue (task_uuid, named_task_uuid, priority, created_at, failed)"
    " SELECT task_uuid, named_task_uuid, w.priority, at, false FROM wanted w, tasker_named_tasks;"
    "INSERT INTO tasker_task_queue_priorities SELECT DISTINCT priority FROM wanted;"
    "DROP TABLE wanted";

static void fill_with(const fixture *f, int tasks)
{
    PGconn *conn = db_test_psql(f);
    tell(conn, fill, PRIORITIES, tasks);
    tell(conn, "VACUUM ANALYZE tasker_tasks");
    tell(conn, "VACUUM ANALYZE tasker_step_readiness");
    tell(conn, "VACUUM ANALYZE tasker_task_queue");
    PQfinish(conn);
}

/* ---- what auto_explain says: each statement of the call when it has ended, the call's own at last ---- */

typedef struct seen_plans {
    const char *what;
    long most_rows; /* that any part of a plan may have */
    long buffers;   /* of the plan told last */
    int plans, wrong;
} seen_plans;
static seen_plans seen;

static long number_after(const char *line, const char *name)
{
    const char *at = strstr(line, name);
    return at != NULL ? strtol(at + strlen(name), NULL, 10) : 0;
}

static void look_at_line(const char *line, const char *plan)
{
    const char *actual = strstr(line, "(actual");
    long rows = actual != NULL ? number_after(actual, "rows=") * number_after(actual, "loops=") : 0;
    long removed = number_after(line, "Rows Removed by Filter: ");
    if (rows > seen.most_rows || removed > seen.most_rows) {
        print_error("%s: %s\n%s\n", seen.what, line, plan);
        seen.wrong++;
    }
}

static void look_at_plan(void *context, const PGresult *notice)
{
    (void)context;
    const char *plan = PQresultErrorMessage(notice);
    if (strstr(plan, "Query Text") == NULL)
        return;
    char *copy = strdup(plan);
    seen.plans++;
    seen.buffers = -1;
    for (char *rest = copy, *line; (line = strtok_r(rest, "\n", &rest)) != NULL;) {
        look_at_line(line, plan);
        if (seen.buffers < 0 && strstr(line, "Buffers: shared") != NULL)
            seen.buffers = number_after(line, "hit=") + number_after(line, "read=");
    }
    free(copy);
}

static int set_up(void **state)
{
    if (tasker_db_test_setup(state) != 0)
        return -1;
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    make_flow(f->db, "a", "");
    PQsetNoticeReceiver(conn, look_at_plan, NULL);
    tell(conn, "LOAD 'auto_explain'");
    tell(conn, "SET auto_explain.log_level = notice; SET auto_explain.log_min_duration = 0;"
               " SET auto_explain.log_analyze = on; SET auto_explain.log_buffers = on;"
               " SET auto_explain.log_nested_statements = on; SET client_min_messages = notice");
    return 0;
}

/* The tasks here have no steps; they go before the invariants are looked at. */
static int tear_down(void **state)
{
    db_test_exec(*state, "TRUNCATE tasker_tasks, tasker_task_namespaces, tasker_dependent_systems CASCADE");
    return tasker_db_test_teardown(state);
}

/* ---- claims ---- */

static const tasker_claims *claim(const fixture *f, const char *what, const tasker_claim_options *options)
{
    size_t wanted = options->limit > 0 ? (size_t)options->limit : 1;
    seen = (seen_plans){.what = what, .most_rows = (long)(PRIORITIES + 1) * (long)wanted + 10, .wrong = seen.wrong};
    const tasker_claims *claims = take(f->db, options, wanted);
    assert_true(seen.plans >= 4);
    return claims;
}

/* The fewest pages that a claim touched; the first ones of a session also read the catalog. */
static long claim_often(const fixture *f)
{
    static const tasker_claim_options some = {.orchestrator = TASKER_TEXT("o"), .limit = BATCH / 4};
    static const tasker_text spaces[] = {TASKER_TEXT("default"), TASKER_TEXT("flows")};
    const tasker_claim_options named = {
        .orchestrator = TASKER_TEXT("o"), .namespace_names = spaces, .namespace_name_count = COUNT(spaces)};
    long least = 0;
    for (int i = 0; i < 8; i++) {
        tasker_free(claim(f, "one", &one));
        least = least == 0 || seen.buffers < least ? seen.buffers : least;
    }
    tasker_free(claim(f, "of some namespaces", &named));
    const tasker_claims *claims = claim(f, "many", &some);
    tasker_free(claim(f, "behind floors", &one));
    seen.most_rows = (PRIORITIES + 1) * BATCH;
    seen.what = "extend";
    assert_status(f->db, tasker_claim_extend(f->db, claims->items, claims->count, NULL), TASKER_OK);
    seen.what = "release";
    assert_status(f->db, tasker_claim_release(f->db, claims->items, claims->count, NULL), TASKER_OK);
    tasker_free(claims);
    return least;
}

/* A claim looks into an index some twelve times. */
static void test_claims(void **state)
{
    static const int sizes[] = {100, 10000, 50000};
    const fixture *f = *state;
    long pages[COUNT(sizes)];
    seen.wrong = 0;
    for (size_t i = 0; i < COUNT(sizes); i++) {
        fill_with(f, sizes[i]);
        pages[i] = claim_often(f);
        print_message("# %d tasks: %ld pages\n", sizes[i], pages[i]);
    }
    assert_int_equal(seen.wrong, 0);
    assert_in_range(pages[1], 1, pages[0] + 13);
    assert_in_range(pages[2], 1, pages[1] + 13);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {cmocka_unit_test(test_claims)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
