/* SPDX-License-Identifier: MIT */
/* tasker-core's functions and views on random rows: they say what a model in C makes of the rows. */
#include "random_rows.h"

/* ---- ageing ---- */

__extension__ typedef __int128 int128;

/* n / of, a half away from zero. */
static int128 divide(int128 n, int128 of)
{
    return (n + (n < 0 ? -of : of) / 2) / of;
}

/* The quotient has the digits that the server's numeric gives it: 16, counted in whole groups of four. */
static double aged(int64_t priority, int64_t age)
{
    static const int64_t every[] = {30, 60, 120, 180, 300}, most[] = {6, 5, 4, 3, 2};
    int64_t base = priority < 0 ? 0 : priority;
    size_t class = base < 4 ? (size_t)base : 4;
    if (age <= 0 || age >= every[class] * most[class] * 1000000)
        return (double)(age <= 0 ? base : base + most[class]);
    int64_t groups[] = {age / 1000000, age % 1000000 / 100, age % 100 * 100};
    int first = groups[0] > 0 ? 0 : 1 + (groups[1] == 0);
    int digits = 16 + 4 * first + 4 * (groups[first] <= every[class]);
    int128 scale = 1;
    for (int i = 0; i < digits; i++)
        scale *= 10;
    int128 value = base * scale + divide(age * scale, every[class] * (int128)1000000);
    char text[64], *at = text + sizeof text;
    *--at = '\0';
    for (int i = 0; value > 0 || i <= digits; i++, value /= 10) {
        if (i == digits)
            *--at = '.';
        *--at = (char)('0' + (int)(value % 10));
    }
    return strtod(at, NULL);
}

static void assert_aged(const PGresult *result, int row)
{
    int64_t priority = number_in(result, row, 0), age = number_in(result, row, 1);
    if (double_in(result, row, 2) != aged(priority, age))
        fail_msg("priority %lld, age %lld us: %s instead of %.17g", (long long)priority, (long long)age,
                 PQgetvalue(result, row, 2), aged(priority, age));
}

static void test_ageing(void **state)
{
    fixture *f = *state;
    PGconn *conn = begin_with_random_rows(f, 0.1);
    PGresult *pairs = rows_of(conn, "SELECT p, a, tasker_computed_priority(p, a * 0.000001) FROM (SELECT "
                                    "floor(random() * 8)::int - 1 AS p, floor(power(10, random() * 9))::bigint AS a"
                                    "  FROM generate_series(1, 5000)) x");
    for (int i = 0; i < PQntuples(pairs); i++)
        assert_aged(pairs, i);
    PQclear(pairs);
    PGresult *tasks = rows_of(conn, "SELECT priority, -pg_temp.from_now(created_at), computed_priority, age_hours"
                                    "  FROM tasker_ready_tasks");
    assert_true(PQntuples(tasks) > 30);
    for (int i = 0; i < PQntuples(tasks); i++) {
        assert_aged(tasks, i);
        double hours = (double)divide(number_in(tasks, i, 1), 36000000) / 100;
        assert_true(double_in(tasks, i, 3) == hours);
    }
    PQclear(tasks);
    assert_status(f->db, tasker_db_rollback(f->db), TASKER_OK);
}

/* Best first, equal ones by age, then by key; some are equal in all but the key. */
static void test_order(void **state)
{
    fixture *f = *state;
    PGconn *conn = begin_with_random_rows(f, 0.2);
    PGresult *tasks = rows_of(conn, "SELECT computed_priority, pg_temp.from_now(created_at), task_uuid"
                                    "  FROM tasker_ready_tasks");
    int twins = 0;
    for (int i = 1; i < PQntuples(tasks); i++) {
        double before = double_in(tasks, i - 1, 0), priority = double_in(tasks, i, 0);
        int64_t age = number_in(tasks, i, 1) - number_in(tasks, i - 1, 1);
        assert_true(before >= priority);
        assert_true(before > priority || age >= 0);
        assert_true(before > priority || age > 0 || strcmp(PQgetvalue(tasks, i - 1, 2), PQgetvalue(tasks, i, 2)) < 0);
        twins += before == priority && age == 0;
    }
    assert_true(twins > 0);
    PQclear(tasks);
    assert_status(f->db, tasker_db_rollback(f->db), TASKER_OK);
}

/* ---- readiness and contexts ---- */

typedef struct counts {
    int64_t total, pending, in_progress, completed, failed, ready, enqueued, blocked;
} counts;

static const char readiness_of_all[] =
    "SELECT k.identity_hash, coalesce(t.to_state, 'pending'), coalesce(s.attempts, -1), coalesce(s.retry_limit, 3),"
    " s.retryable, s.processed OR s.in_process,"
    " pg_temp.from_now(s.last_attempted_at + s.backoff_request_seconds * interval '1 second'),"
    " (SELECT pg_temp.from_now(max(h.created_at)) FROM tasker_workflow_step_transitions h"
    "   WHERE h.workflow_step_uuid = s.workflow_step_uuid AND h.to_state = 'error'),"
    " (SELECT count(DISTINCT e.from_step_uuid) FROM tasker_workflow_step_edges e"
    "   WHERE e.to_step_uuid = s.workflow_step_uuid),"
    " (SELECT count(DISTINCT e.from_step_uuid) FROM tasker_workflow_step_edges e"
    "    JOIN tasker_workflow_step_transitions p ON p.workflow_step_uuid = e.from_step_uuid AND p.most_recent"
    "   WHERE e.to_step_uuid = s.workflow_step_uuid AND p.to_state IN ('complete', 'resolved_manually')),"
    " coalesce(t.metadata ->> 'event', ''),"
    " concat_ws(' ', r.current_state, r.total_parents, r.completed_parents, r.dependencies_satisfied, r.attempts,"
    " r.retry_limit, r.retry_eligible, coalesce(pg_temp.from_now(r.last_failure_at)::text, '-'),"
    " coalesce(pg_temp.from_now(r.next_retry_at)::text, '-'), r.ready_for_execution)"
    "  FROM tasker_tasks k"
    " CROSS JOIN LATERAL get_step_readiness_status(k.task_uuid) r"
    "  JOIN tasker_workflow_steps s ON s.workflow_step_uuid = r.workflow_step_uuid"
    "  LEFT JOIN tasker_workflow_step_transitions t"
    "         ON t.workflow_step_uuid = s.workflow_step_uuid AND t.most_recent";

/* What a row of that query must say in its last column; counts it for its task. */
static void model_step(const PGresult *r, int row, counts *task, char line[256])
{
    static const int64_t seconds[] = {1, 2, 4, 8, 16, 30};
    const char *state = PQgetvalue(r, row, 1), *event = PQgetvalue(r, row, 10);
    int64_t stored = number_in(r, row, 2), attempts = stored < 0 ? 0 : stored, limit = number_in(r, row, 3);
    bool pending = strcmp(state, "pending") == 0, failed = strcmp(state, "error") == 0;
    bool retryable = *PQgetvalue(r, row, 4) == 't', held = *PQgetvalue(r, row, 5) == 't';
    bool anew = pending && stored == 0 && (strcmp(event, "reset") == 0 || strcmp(event, "retry") == 0);
    bool has_failure = !PQgetisnull(r, row, 7), has_wait = !PQgetisnull(r, row, 6);
    int64_t wait = number_in(r, row, 6), failure = number_in(r, row, 7);
    if (has_failure && !anew) {
        int64_t end = failure + 1000000 * seconds[stored < 0 ? 1 : stored < 5 ? stored : 5];
        wait = has_wait && wait > end ? wait : end;
        has_wait = true;
    }
    bool satisfied = number_in(r, row, 8) == number_in(r, row, 9);
    bool eligible = (attempts == 0 && !failed) || (retryable && attempts < limit);
    bool ready = (pending || failed) && !held && satisfied && eligible && (!has_wait || wait <= 0);
    char failure_text[32] = "-", wait_text[32] = "-";
    if (has_failure)
        snprintf(failure_text, sizeof failure_text, "%lld", (long long)failure);
    if (has_wait)
        snprintf(wait_text, sizeof wait_text, "%lld", (long long)wait);
    snprintf(line, 256, "%s %s %s %c %lld %lld %c %s %s %c", state, PQgetvalue(r, row, 8), PQgetvalue(r, row, 9),
             "ft"[satisfied], (long long)attempts, (long long)limit, "ft"[eligible], failure_text, wait_text,
             "ft"[ready]);
    task->total++;
    task->pending += pending;
    task->in_progress += strcmp(state, "in_progress") == 0;
    task->completed += strcmp(state, "complete") == 0 || strcmp(state, "resolved_manually") == 0;
    task->failed += failed;
    task->ready += ready;
    task->enqueued += strcmp(state, "enqueued") == 0;
    task->blocked += (pending || failed) && !eligible;
}

static void model_context(const counts *c, char line[256])
{
    const char *status = c->ready > 0                               ? "has_ready_steps execute_ready_steps"
                         : c->in_progress + c->enqueued > 0         ? "processing wait_for_completion"
                         : c->blocked > 0                           ? "blocked_by_failures handle_failures"
                         : c->total > 0 && c->completed == c->total ? "all_complete finalize_task"
                                                                    : "waiting_for_dependencies wait_for_dependencies";
    const char *health = c->blocked > 0 && c->ready == 0 ? "blocked" : c->failed == 0 ? "healthy" : "recovering";
    char percentage[32] = "0.0";
    if (c->total > 0) {
        int hundredths = (int)divide(c->completed * 10000, c->total);
        snprintf(percentage, sizeof percentage, "%d.%02d", hundredths / 100, hundredths % 100);
    }
    snprintf(line, 256, "%lld %lld %lld %lld %lld %lld %s %s %s", (long long)c->total, (long long)c->pending,
             (long long)c->in_progress, (long long)c->completed, (long long)c->failed, (long long)c->ready, status,
             percentage, health);
}

static void check_model(PGconn *conn)
{
    static counts tasks[RANDOM_TASKS + 1];
    char line[256];
    memset(tasks, 0, sizeof tasks);
    PGresult *r = rows_of(conn, readiness_of_all);
    assert_int_equal(PQntuples(r), ask_number(conn, "SELECT count(*) FROM tasker_workflow_steps"));
    for (int i = 0; i < PQntuples(r); i++) {
        model_step(r, i, &tasks[number_in(r, i, 0)], line);
        assert_string_equal(PQgetvalue(r, i, 11), line);
    }
    PQclear(r);
    r = rows_of(conn, "SELECT k.identity_hash, concat_ws(' ', c.total_steps, c.pending_steps, c.in_progress_steps,"
                      " c.completed_steps, c.failed_steps, c.ready_steps, c.execution_status, c.recommended_action,"
                      " c.completion_percentage, c.health_status)"
                      "  FROM tasker_tasks k"
                      " CROSS JOIN LATERAL get_task_execution_context(k.task_uuid) c"
                      " WHERE c.named_task_uuid = k.named_task_uuid AND c.status = coalesce((SELECT t.to_state FROM"
                      " tasker_task_transitions t WHERE t.task_uuid = k.task_uuid AND t.most_recent), 'pending')");
    assert_int_equal(PQntuples(r), RANDOM_TASKS);
    for (int i = 0; i < PQntuples(r); i++) {
        model_context(&tasks[number_in(r, i, 0)], line);
        assert_string_equal(PQgetvalue(r, i, 1), line);
    }
    PQclear(r);
}

static void test_model(void **state)
{
    static const char *const zones[] = {"UTC", "America/St_Johns", "Pacific/Kiritimati"};
    fixture *f = *state;
    for (size_t i = 0; i < COUNT(zones); i++) {
        PGconn *conn = begin_with_random_rows(f, (double)i / 10);
        tell(conn, "SET LOCAL TimeZone TO '%s'", zones[i]);
        check_model(conn);
        assert_status(f->db, tasker_db_rollback(f->db), TASKER_OK);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ageing),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_model),
    };
    return db_test_run(tests);
}
