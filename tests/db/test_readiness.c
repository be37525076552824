/* SPDX-License-Identifier: MIT */
/* The two views of readiness and the calls that read them, against given rows and against what steps go through. */
#include "flow_test.h"
#include "golden/readiness_steps.h"
#include "golden/readiness_graphs.h"

/* ---- given rows, expected answers ---- */

/* What a case consists of. The n-th step of the case has the key that ends in n. */
typedef struct golden {
    const char *name;
    int number;
    const char *expected[64]; /* the lines STEP and TASK */
    size_t expected_count, step_count;
} golden;

#define KEY(kind) "concat('01980000-00', lpad('%d', 2, '0'), '-7" kind "-8000-', lpad('%d', 12, '0'))::uuid"
#define TASK_KEY KEY("001")
#define STEP_KEY KEY("003")
#define AT "timezone('UTC', now()) + interval '1 second' * "

/*
 * One history: tokens "state@sort_key:created_at", with a star at the current one. from_state follows from the order.
 */
static void insert_history(PGconn *conn, const char *table, const char *key, const char *owner, char *tokens)
{
    char from[64] = "NULL", *rest = tokens;
    for (char *token = strtok_r(tokens, " ", &rest); token != NULL; token = strtok_r(NULL, " ", &rest)) {
        char to[32];
        int sort_key;
        double at;
        assert_int_equal(sscanf(token, "%31[a-z_]@%d:%lf", to, &sort_key, &at), 3);
        tell(conn,
             "INSERT INTO tasker_%s (%s, to_state, from_state, sort_key, most_recent, created_at, updated_at)"
             " SELECT %s, '%s', %s, %d, %s, " AT "%f, " AT "%f",
             table, key, owner, to, from, sort_key, strchr(token, '*') != NULL ? "true" : "false", at, at);
        snprintf(from, sizeof from, "'%s'", to);
    }
}

static void insert_task(PGconn *conn, const golden *g, char *history)
{
    char owner[128];
    snprintf(owner, sizeof owner, TASK_KEY, g->number, 1);
    tell(conn,
         "INSERT INTO tasker_tasks (task_uuid, named_task_uuid, requested_at, identity_hash, created_at, updated_at)"
         " SELECT %s, named_task_uuid, " AT "-1000, '%s', " AT "-1000, " AT "-1000 FROM tasker_named_tasks"
         " WHERE name = 'golden'",
         owner, g->name);
    insert_history(conn, "task_transitions", "task_uuid", owner, history);
}

static const char *or_null(const char *field)
{
    return strcmp(field, "-") == 0 ? "NULL" : field;
}

static void insert_step(PGconn *conn, golden *g, char *line)
{
    char fields[8][16], owner[128], task[128];
    int end = 0;
    assert_int_equal(sscanf(line, "%15s %15s %15s %15s %15s %15s %15s %15s%n", fields[0], fields[1], fields[2],
                            fields[3], fields[4], fields[5], fields[6], fields[7], &end),
                     8);
    snprintf(owner, sizeof owner, STEP_KEY, g->number, atoi(fields[0]));
    snprintf(task, sizeof task, TASK_KEY, g->number, 1);
    tell(conn,
         "INSERT INTO tasker_workflow_steps (workflow_step_uuid, task_uuid, named_step_uuid, retryable, retry_limit,"
         " in_process, processed, attempts, last_attempted_at, backoff_request_seconds, created_at, updated_at)"
         " SELECT %s, %s, named_step_uuid, '%s', %s, '%s', '%s', %s, " AT "%s, %s, " AT "-990, " AT "-990"
         " FROM tasker_named_steps WHERE name = 'golden'",
         owner, task, fields[1], or_null(fields[2]), fields[3], fields[4], or_null(fields[5]), or_null(fields[6]),
         or_null(fields[7]));
    insert_history(conn, "workflow_step_transitions", "workflow_step_uuid", owner, line + end);
    g->step_count++;
}

static void insert_edges(PGconn *conn, const golden *g, char *line)
{
    char *rest = line;
    for (char *token = strtok_r(line, " ", &rest); token != NULL; token = strtok_r(NULL, " ", &rest)) {
        int from, to;
        assert_int_equal(sscanf(token, "%d>%d", &from, &to), 2);
        tell(conn,
             "INSERT INTO tasker_workflow_step_edges (from_step_uuid, to_step_uuid, name, created_at, updated_at)"
             " SELECT " STEP_KEY ", " STEP_KEY ", 'provides', " AT "-980, " AT "-980",
             g->number, from, g->number, to);
    }
}

/* Reads one case from its line on, inserting its rows; answers the number of lines. */
static size_t read_case(PGconn *conn, const char *const *lines, size_t count, golden *g)
{
    *g = (golden){.name = lines[0] + strlen("case ")};
    g->number = atoi(g->name);
    size_t i;
    for (i = 1; i < count && strncmp(lines[i], "case ", 5) != 0; i++) {
        char line[512];
        snprintf(line, sizeof line, "%s", lines[i] + strcspn(lines[i], " "));
        if (strncmp(lines[i], "task", 4) == 0)
            insert_task(conn, g, line);
        else if (strncmp(lines[i], "step ", 5) == 0)
            insert_step(conn, g, line);
        else if (strncmp(lines[i], "edges ", 6) == 0)
            insert_edges(conn, g, line);
        else
            g->expected[g->expected_count++] = lines[i];
        assert_true(g->expected_count < COUNT(g->expected));
    }
    return i;
}

/* ---- the views ---- */

#define OFFSET(column)                                                                                                 \
    "coalesce(trim_scale(extract(epoch FROM " column " - timezone('UTC', now()))::numeric)::text, '-')"

static const char step_lines[] =
    "SELECT concat_ws(' ', 'STEP', right(workflow_step_uuid::text, 12)::int, current_state, dependencies_satisfied,"
    " retry_eligible, ready_for_execution, " OFFSET("last_failure_at") ", " OFFSET(
        "next_retry_at") ","
                         " total_parents, completed_parents, attempts, retry_limit, "
                         "coalesce(backoff_request_seconds::text, '-'),"
                         " " OFFSET("last_attempted_at") ") FROM tasker_step_readiness_status"
                                                         " WHERE task_uuid = " TASK_KEY
                                                         " ORDER BY workflow_step_uuid OFFSET %zu LIMIT 1";

static const char task_line[] =
    "SELECT concat_ws(' ', 'TASK', status, total_steps, pending_steps, in_progress_steps, completed_steps, "
    "failed_steps,"
    " ready_steps, execution_status, recommended_action, trim_scale(completion_percentage), health_status)"
    " FROM tasker_task_execution_contexts WHERE task_uuid = " TASK_KEY;

static const char *expect(const golden *g, size_t i)
{
    return i < g->expected_count ? g->expected[i] : "";
}

static void check_views(PGconn *conn, const golden *g)
{
    for (size_t i = 0; i < g->step_count; i++)
        assert_string_equal(ask(conn, step_lines, g->number, 1, i), expect(g, i));
    assert_string_equal(ask(conn, step_lines, g->number, 1, g->step_count), "");
    assert_string_equal(ask(conn, task_line, g->number, 1), expect(g, g->step_count));
}

/* ---- the calls ---- */

static const char *offset_of(bool has, tasker_time time, tasker_time now)
{
    static char texts[4][32];
    static unsigned next;
    char *text = texts[next++ % 4];
    if (has)
        snprintf(text, sizeof texts[0], "%.10g", (double)(time.us - now.us) / 1e6);
    return has ? text : "-";
}

static tasker_blocking_reason reason_of(const tasker_step_readiness *r)
{
    if (r->ready_for_execution)
        return TASKER_BLOCKING_REASON_NONE;
    if (!r->dependencies_satisfied)
        return TASKER_BLOCKING_REASON_DEPENDENCIES_NOT_SATISFIED;
    if (!r->retry_eligible)
        return TASKER_BLOCKING_REASON_RETRY_NOT_ELIGIBLE;
    bool may_start = r->current_state == TASKER_STATE_PENDING || r->current_state == TASKER_STATE_ERROR;
    return may_start && r->has_next_retry_at ? TASKER_BLOCKING_REASON_BACKOFF : TASKER_BLOCKING_REASON_INVALID_STATE;
}

static void check_row(const tasker_step_readiness *r, const char *expected, tasker_time now)
{
    char line[256], backoff[16] = "-";
    if (r->has_backoff_request_seconds)
        snprintf(backoff, sizeof backoff, "%d", r->backoff_request_seconds);
    snprintf(line, sizeof line, "STEP %d %s %c %c %c %s %s %d %d %d %d %s %s",
             r->workflow_step_uuid.bytes[15] / 16 * 10 + r->workflow_step_uuid.bytes[15] % 16,
             tasker_state_name(r->current_state), "ft"[r->dependencies_satisfied], "ft"[r->retry_eligible],
             "ft"[r->ready_for_execution], offset_of(r->has_last_failure_at, r->last_failure_at, now),
             offset_of(r->has_next_retry_at, r->next_retry_at, now), r -> total_parents, r -> completed_parents,
             r -> attempts, r -> retry_limit, backoff, offset_of(r->has_last_attempted_at, r->last_attempted_at, now));
    if (r->workflow_step_uuid.bytes[14] == 0) /* the first 99 only: their number is in one byte */
        assert_string_equal(line, expected);
    assert_int_equal(r->blocking_reason, reason_of(r));
    assert_text(r->name, "golden");
}

static size_t count_found(tasker_db *db, tasker_step_readiness_filter filter)
{
    const tasker_step_readiness_list *list = NULL;
    assert_status(db, tasker_step_readiness_query(db, &filter, &list), TASKER_OK);
    size_t count = list->count;
    tasker_free(list);
    return count;
}

/* Where a task is stuck on cancelled steps alone, the calls say more than tasker-core's view. */
static void check_context(const tasker_execution_context *x, const char *expected)
{
    bool cancelled_alone = x->stuck && x->blocked_steps == 0;
    char line[256];
    snprintf(line, sizeof line, "TASK %s %d %d %d %d %d %d %s %s %g %s", tasker_state_name(x->status),
             (int)x->total_steps, (int)x->pending_steps, (int)x->in_progress_steps, (int)x->completed_steps,
             (int)x->failed_steps, (int)x->ready_steps,
             cancelled_alone ? "waiting_for_dependencies" : tasker_execution_status_name(x->execution_status),
             cancelled_alone ? "wait_for_dependencies" : tasker_recommended_action_name(x->recommended_action),
             x->completion_percentage, tasker_health_status_name(x->health_status));
    assert_string_equal(line, expected);
    if (cancelled_alone)
        assert_int_equal(x->execution_status, TASKER_EXECUTION_STATUS_BLOCKED_BY_FAILURES);
    if (cancelled_alone)
        assert_int_equal(x->recommended_action, TASKER_RECOMMENDED_ACTION_HANDLE_FAILURES);
    assert_int_equal(x->stuck, x->blocked_steps + x->cancelled_steps > 0 &&
                                   x->ready_steps + x->in_progress_steps + x->enqueued_steps + x->waiting_steps == 0);
}

static void check_calls(tasker_db *db, const golden *g)
{
    PGconn *conn = tasker_db_conn(db);
    char key[128], text[128];
    tasker_uuid task;
    snprintf(key, sizeof key, TASK_KEY, g->number, 1);
    snprintf(text, sizeof text, "%s", ask(conn, "SELECT %s", key));
    assert_int_equal(tasker_uuid_parse(tasker_text_of(text), NULL, &task), TASKER_OK);
    tasker_time now = {strtoll(ask(conn, "SELECT (extract(epoch FROM now()) * 1000000)::bigint"), NULL, 10)};
    const tasker_step_readiness_list *list = NULL;
    tasker_step_readiness_filter filter = {.task_uuids = &task, .task_uuid_count = 1};
    assert_status(db, tasker_step_readiness_query(db, &filter, &list), TASKER_OK);
    assert_int_equal(list->count, g->step_count);
    size_t ready = 0, blocked = 0;
    for (size_t i = 0; i < list->count; i++) {
        const tasker_step_readiness *r = list->items[i];
        check_row(r, expect(g, i), now);
        ready += r->ready_for_execution;
        blocked +=
            !r->retry_eligible && (r->current_state == TASKER_STATE_PENDING || r->current_state == TASKER_STATE_ERROR);
    }
    tasker_free(list);
    filter.ready = true;
    assert_int_equal(count_found(db, filter), ready);
    filter.ready = false;
    filter.blocked = true;
    assert_int_equal(count_found(db, filter), blocked);

    const tasker_execution_context *x = NULL;
    bool exists = g->expected_count > 0;
    assert_status(db, tasker_execution_context_get(db, &task, &x), exists ? TASKER_OK : TASKER_NOT_FOUND);
    if (exists) {
        check_context(x, expect(g, g->step_count));
        assert_int_equal(x->ready_steps, ready);
        assert_int_equal(x->blocked_steps, blocked);
    }
    tasker_free(x);
}

/* Each case lives in a transaction that is rolled back; now() stands still in it, so times are exact. */
static size_t replay(const fixture *f, const char *const *lines, size_t count)
{
    size_t cases = 0;
    PGconn *conn = tasker_db_conn(f->db);
    for (size_t at = 0; at < count; cases++) {
        golden g;
        assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
        /* rows of other programs, whose schema does not forbid them */
        tell(conn, "ALTER TABLE tasker_workflow_step_edges"
                   " DROP CONSTRAINT IF EXISTS tasker_workflow_step_edges_from_to_unique");
        at += read_case(conn, lines + at, count - at, &g);
        if (!f->foreign) /* the views are ours; the calls do without them */
            check_views(conn, &g);
        check_calls(f->db, &g);
        assert_status(f->db, tasker_db_rollback(f->db), TASKER_OK);
    }
    return cases;
}

static void make_golden_names(tasker_db *db)
{
    PGconn *conn = tasker_db_conn(db);
    assert_true(tasker_status_is_done(tasker_db_recover(db))); /* an earlier test may have failed in its transaction */
    if (ask_number(conn, "SELECT count(*) FROM tasker_named_tasks WHERE name = 'golden'") > 0)
        return;
    tell(conn, "WITH n AS (INSERT INTO tasker_task_namespaces (name, created_at, updated_at) VALUES ('golden', now(),"
               " now()) RETURNING task_namespace_uuid), s AS (INSERT INTO tasker_dependent_systems (name, created_at,"
               " updated_at) VALUES ('golden', now(), now()) RETURNING dependent_system_uuid), t AS (INSERT INTO"
               " tasker_named_tasks (task_namespace_uuid, name, created_at, updated_at) SELECT n.*, 'golden', now(),"
               " now() FROM n) INSERT INTO tasker_named_steps (dependent_system_uuid, name, created_at, updated_at)"
               " SELECT s.*, 'golden', now(), now() FROM s");
}

static void test_given_steps(void **state)
{
    fixture *f = *state;
    make_golden_names(f->db);
    assert_int_equal(replay(f, readiness_steps, COUNT(readiness_steps)), 31);
}

static void test_given_graphs(void **state)
{
    fixture *f = *state;
    make_golden_names(f->db);
    assert_int_equal(replay(f, readiness_graphs, COUNT(readiness_graphs)), 22);
}

/* The same under other time zones. */
static void test_time_zones(void **state)
{
    static const char *const zones[] = {"Asia/Kolkata", "America/St_Johns", "Pacific/Kiritimati"};
    fixture *f = *state;
    fixture other = *f;
    make_golden_names(f->db);
    for (size_t i = 0; i < COUNT(zones); i++) {
        other.db = db_test_open(f);
        tell(tasker_db_conn(other.db), "SET TimeZone TO '%s'", zones[i]);
        assert_int_equal(replay(&other, readiness_steps, COUNT(readiness_steps)), 31);
        tasker_db_close(other.db);
    }
}

/* ---- filters ---- */

static void test_filters(void **state)
{
    fixture *f = *state;
    made_flow one = make_flow(f->db, "abc", "ab bc"), two = make_flow(f->db, "ab", "");
    bring_step(f->db, FLOW_STEP(one, 'a'), TASKER_STATE_COMPLETE);
    tasker_uuid tasks[] = {two.task_uuid, one.task_uuid, two.task_uuid, new_uuid()};
    tasker_uuid steps[] = {FLOW_STEP(one, 'b'), FLOW_STEP(two, 'a'), new_uuid(), FLOW_STEP(one, 'b')};
    const struct {
        size_t tasks, steps;
        bool ready;
        size_t found;
    } cases[] = {{4, 0, false, 5}, {1, 0, false, 2}, {4, 0, true, 3}, {0, 4, false, 2},
                 {0, 1, true, 1},  {1, 4, false, 1}, {3, 3, true, 2}};
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_int_equal(
            count_found(f->db, (tasker_step_readiness_filter){.task_uuids = cases[i].tasks > 0 ? tasks : NULL,
                                                              .task_uuid_count = cases[i].tasks,
                                                              .workflow_step_uuids = cases[i].steps > 0 ? steps : NULL,
                                                              .workflow_step_uuid_count = cases[i].steps,
                                                              .ready = cases[i].ready}),
            cases[i].found);
    const tasker_step_readiness_list *list = NULL;
    tasker_step_readiness_filter all = {.task_uuids = tasks, .task_uuid_count = 4};
    assert_status(f->db, tasker_step_readiness_query(f->db, &all, &list), TASKER_OK);
    for (size_t i = 1; i < list->count; i++)
        assert_true(tasker_uuid_compare(&list->items[i - 1]->workflow_step_uuid, &list->items[i]->workflow_step_uuid) <
                    0);
    tasker_free(list);
}

static void test_arguments(void **state)
{
    fixture *f = *state;
    tasker_uuid unknown = new_uuid();
    const tasker_step_readiness_list *list = (const void *)f;
    static const tasker_step_readiness_filter none;
    const tasker_step_readiness_filter newer = {.task_uuids = &unknown, .task_uuid_count = 1, .reserved = {1}};
    assert_status(f->db, tasker_step_readiness_query(f->db, NULL, &list), TASKER_INVALID_ARGUMENT);
    assert_null(list);
    assert_status(f->db, tasker_step_readiness_query(f->db, &none, &list), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, tasker_step_readiness_query(f->db, &newer, &list), TASKER_UNSUPPORTED);
    const tasker_execution_context *context = (const void *)f;
    assert_status(f->db, tasker_execution_context_get(f->db, &unknown, &context), TASKER_NOT_FOUND);
    assert_null(context);
    assert_status(f->db, tasker_execution_context_get(f->db, NULL, &context), TASKER_INVALID_ARGUMENT);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_given_steps), cmocka_unit_test(test_given_graphs), cmocka_unit_test(test_time_zones),
        cmocka_unit_test(test_filters),     cmocka_unit_test(test_arguments),
    };
    return db_test_run(tests);
}
