/* SPDX-License-Identifier: MIT */
/* The two views of readiness and the calls that read them, against given rows and against what steps go through. */
#include "golden.h"
#include "golden/readiness_steps.h"
#include "golden/readiness_graphs.h"

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
    snprintf(key, sizeof key, GOLDEN_TASK, g->number, 1);
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
        check_row(r, golden_line(g, i), now);
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
        check_context(x, golden_line(g, g->step_count));
        assert_int_equal(x->ready_steps, ready);
        assert_int_equal(x->blocked_steps, blocked);
    }
    tasker_free(x);
}

static void check_case(const fixture *f, const golden *g)
{
    if (!f->foreign) /* the views are ours; the calls do without them */
        golden_check(tasker_db_conn(f->db), g,
                     "tasker_step_readiness_status WHERE task_uuid = %s ORDER BY workflow_step_uuid",
                     "tasker_task_execution_contexts WHERE task_uuid = %s");
    check_calls(f->db, g);
}

static void test_given_steps(void **state)
{
    fixture *f = *state;
    assert_int_equal(golden_replay(f, readiness_steps, COUNT(readiness_steps), check_case), 31);
}

static void test_given_graphs(void **state)
{
    fixture *f = *state;
    assert_int_equal(golden_replay(f, readiness_graphs, COUNT(readiness_graphs), check_case), 22);
}

/* The same under other time zones. */
static void test_time_zones(void **state)
{
    static const char *const zones[] = {"Asia/Kolkata", "America/St_Johns", "Pacific/Kiritimati"};
    fixture *f = *state;
    fixture other = *f;
    for (size_t i = 0; i < COUNT(zones); i++) {
        other.db = db_test_open(f);
        tell(tasker_db_conn(other.db), "SET TimeZone TO '%s'", zones[i]);
        assert_int_equal(golden_replay(&other, readiness_steps, COUNT(readiness_steps), check_case), 31);
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

/* Tables that tasker-core made have none. */
static void test_ready_set(void **state)
{
    fixture *f = *state;
    tasker_ready_set_report report = {.tasks = -1};
    tasker_status expected = f->foreign ? TASKER_UNSUPPORTED : TASKER_OK;
    assert_status(f->db, tasker_ready_set_check(f->db, &report), expected);
    assert_true(report.tasks >= 0 && report.missing + report.surplus + report.wrong == 0);
    assert_status(f->db, tasker_ready_set_rebuild(f->db, NULL), expected);
    if (f->foreign)
        assert_message(f->db, "no ready set");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_given_steps), cmocka_unit_test(test_given_graphs), cmocka_unit_test(test_time_zones),
        cmocka_unit_test(test_filters),     cmocka_unit_test(test_arguments),    cmocka_unit_test(test_ready_set),
    };
    return db_test_run(tests);
}
