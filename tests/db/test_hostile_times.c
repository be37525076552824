/* SPDX-License-Identifier: MIT */
/* Times at both ends of their range and beyond, in every range and every input. A new range is one line of a table. */
#include "hostile_test.h"
#include <tasker/report.h>

static const tasker_time first = {INT64_C(-210866803200000000)}, last = {INT64_MAX};

/* How many rows; -1 where the function does not count. */
typedef struct ranger {
    const char *name;
    tasker_status (*ask)(tasker_db *db, const tasker_time_range *range, int64_t *rows);
} ranger;

#define RANGES(X)                                                                                                      \
    X(task, created)                                                                                                   \
    X(task, requested)                                                                                                 \
    X(task, reached)                                                                                                   \
    X(task, step_reached)                                                                                              \
    X(workflow_step, created)                                                                                          \
    X(workflow_step, task_created)                                                                                     \
    X(workflow_step, reached)                                                                                          \
    X(workflow_step, last_attempted)                                                                                   \
    X(task_transition, created)                                                                                        \
    X(workflow_step_transition, created)
#define RANGE(e, member)                                                                                               \
    static tasker_status e##_##member(tasker_db *db, const tasker_time_range *range, int64_t *rows)                    \
    {                                                                                                                  \
        return tasker_##e##_count(db, &(tasker_##e##_filter){.member = *range}, rows);                                 \
    }
#define A_RANGE(e, member) {#e "." #member, e##_##member},
#define REPORT(id, type, ...)                                                                                          \
    static tasker_status id(tasker_db *db, const tasker_time_range *range, int64_t *rows)                              \
    {                                                                                                                  \
        type out;                                                                                                      \
        memset(&out, 0, sizeof out);                                                                                   \
        *rows = -1;                                                                                                    \
        return __VA_ARGS__;                                                                                            \
    }
RANGES(RANGE)
REPORT(metrics, tasker_metrics, tasker_metrics_get(db, range, &out))
REPORT(of_tasks, tasker_transition_statistics, tasker_transition_statistics_get_for_tasks(db, range, &out))
REPORT(of_steps, tasker_transition_statistics, tasker_transition_statistics_get_for_steps(db, range, &out))
REPORT(slow_steps, char, (void)out, tasker_slow_step_list(db, &(tasker_slow_filter){.created = *range}, NULL))
REPORT(slow_tasks, char, (void)out, tasker_slow_task_list(db, &(tasker_slow_filter){.created = *range}, NULL))

static const ranger rangers[] = {RANGES(A_RANGE){"metrics", metrics},
                                 {"statistics of tasks", of_tasks},
                                 {"statistics of steps", of_steps},
                                 {"slow steps", slow_steps},
                                 {"slow tasks", slow_tasks}};

#define SINCE(time) .has_since = true, .since = time
#define UNTIL(time) .has_until = true, .until = time

static void test_outside(void **state)
{
    static const int64_t wrong[] = {INT64_MIN, INT64_MIN + 1, INT64_C(-210866803200000001)};
    stage *s = stage_of(state);
    int64_t rows;
    REFUSALS(s) for (size_t k = 0; k < COUNT(rangers); k++) for (size_t i = 0; i < COUNT(wrong); i++)
    {
        const tasker_time time = {wrong[i]};
        assert_refused(s, rangers[k].ask(s->db, &(tasker_time_range){SINCE(time)}, &rows), TASKER_INVALID_ARGUMENT,
                       "%s since %zu", rangers[k].name, i);
        assert_refused(s, rangers[k].ask(s->db, &(tasker_time_range){UNTIL(time)}, &rows), TASKER_INVALID_ARGUMENT,
                       "%s until %zu", rangers[k].name, i);
    }
}

/*
 * Both ends are times like others; the range from the one to the other has all rows, and a range turned round has none.
 */
static void test_ends(void **state)
{
    stage *s = stage_of(state);
    const tasker_time zero = {0};
    tasker_free(take_step(s->db, s->flow.steps[0], TASKER_OK));
    const struct {
        tasker_time_range range;
        bool all;
    } cases[] = {
        {{SINCE(first), UNTIL(last)}, true},
        {{SINCE(first)}, true},
        {{UNTIL(last)}, true},
        {{UNTIL(first)}, false},
        {{SINCE(last)}, false},
        {{SINCE(last), UNTIL(first)}, false},
        {{SINCE(zero), UNTIL(zero)}, false},
        {{SINCE(first), UNTIL(first)}, false},
    };
    assert_status(s->db, tasker_db_begin(s->db, NULL), TASKER_OK);
    for (size_t k = 0; k < COUNT(rangers); k++)
        for (size_t i = 0; i < COUNT(cases); i++) {
            int64_t rows = -1, open = -1;
            assert_status(s->db, rangers[k].ask(s->db, &(tasker_time_range){SINCE(zero)}, &open), TASKER_OK);
            tasker_status status = rangers[k].ask(s->db, &cases[i].range, &rows);
            if (status != TASKER_OK || (rows >= 0 && rows != (cases[i].all ? open : 0)))
                print_error("%s %zu: %s, %lld rows: %s\n", rangers[k].name, i, tasker_status_name(status),
                            (long long)rows, tasker_db_error(s->db)->message);
            assert_int_equal(status, TASKER_OK);
            assert_true(rows < 0 || rows == (cases[i].all ? open : 0));
        }
    assert_status(s->db, tasker_db_commit(s->db), TASKER_OK);
}

/* requested_at, stored as it is. */
static void test_stored(void **state)
{
    stage *s = stage_of(state);
    const tasker_time times[] = {first, {-1}, {0}, {1}, {INT64_C(253402300799999999)}, {INT64_C(9007199254740993)},
                                 last};
    const tasker_time beyond = {INT64_MIN};
    tasker_task_input input = {.named_task_uuid = s->named_task_uuid, .has_requested_at = true};
    for (size_t i = 0; i < COUNT(times); i++) {
        const tasker_task *task = NULL, *changed = NULL;
        tasker_task_input change = {.has_requested_at = true, .requested_at = times[COUNT(times) - 1 - i]};
        input.requested_at = times[i];
        assert_status(s->db, tasker_task_create(s->db, &input, &task), TASKER_OK);
        assert_true(task->requested_at.us == times[i].us);
        assert_status(s->db, tasker_task_update(s->db, &task->task_uuid, &change, &changed), TASKER_OK);
        assert_true(changed->requested_at.us == change.requested_at.us);
        tasker_free(task);
        tasker_free(changed);
    }
    input.requested_at = beyond;
    REFUSALS(s)
    {
        assert_refused(s, tasker_task_create(s->db, &input, NULL), TASKER_INVALID_ARGUMENT, "create");
        input.named_task_uuid = NIL;
        assert_refused(s, tasker_task_update(s->db, &s->flow.task_uuid, &input, NULL), TASKER_INVALID_ARGUMENT,
                       "update");
        input.named_task_uuid = s->named_task_uuid;
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_outside),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_stored),
    };
    return db_test_run(tests);
}
