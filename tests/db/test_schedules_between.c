/* SPDX-License-Identifier: MIT */
/*
 * Calls of several round trips, and what others do between two of them: before each send the other one acts, as soon as
 * the call holds nothing that he would have to wait for.
 */
#include <tasker/message.h>
#include "queue_test.h"
#include "sweep_test.h"
#include "waiting.h"
#include "wire.h"

static const tasker_sweep_options minute = {.step_timeout_seconds = 60, .enqueued_timeout_seconds = 1000000};

typedef struct scene {
    tasker_db *other;
    made_flow flow; /* a before b */
    const tasker_leases *first, *second;
    tasker_status (*act)(struct scene *s);
    tasker_status acted;
} scene;

/* ---- the others ---- */

static tasker_status renew(scene *s)
{
    static const tasker_lease_options worker = {.worker = TASKER_TEXT("w")};
    tasker_status status = step_event(s->other, s->flow.steps[0], TASKER_EVENT_FAIL);
    if (tasker_status_is_done(status))
        status = tasker_workflow_step_reset(s->other, s->flow.steps, 1, false, NULL, NULL);
    return tasker_status_is_done(status)
               ? tasker_lease_take_steps(s->other, s->flow.steps, 1, &worker, NULL, &s->second)
               : status;
}

static tasker_status complete_first(scene *s)
{
    return complete_lease(s->other, s->first);
}

static tasker_status extend_first(scene *s)
{
    return tasker_lease_extend(s->other, s->first->items, 1, 1000, NULL);
}

static tasker_status resolve(scene *s)
{
    return step_event(s->other, s->flow.steps[0], TASKER_EVENT_RESOLVE_MANUALLY);
}

static tasker_status cancel(scene *s)
{
    return tasker_task_cancel(s->other, &s->flow.task_uuid, 1, NULL, NULL);
}

static tasker_status finalize_too(scene *s)
{
    return tasker_task_finalize(s->other, &s->flow.task_uuid, 1, NULL, NULL);
}

static const struct {
    const char *name;
    tasker_status (*act)(scene *s);
} others[] = {
    {"a new attempt", renew}, {"complete", complete_first}, {"extend", extend_first},
    {"resolve", resolve},     {"cancel", cancel},           {"finalize", finalize_too},
};

/* ---- the calls ---- */

static void late_attempt(const fixture *f, scene *s)
{
    s->first = take_step(f->db, s->flow.steps[0], TASKER_OK);
    age_step(tasker_db_conn(f->db), s->flow.steps[0], 100);
}

static void last_attempt(const fixture *f, scene *s)
{
    tell(tasker_db_conn(f->db), "UPDATE tasker_workflow_steps SET retry_limit = 1 WHERE task_uuid = '%s'",
         text_of(s->flow.task_uuid));
    late_attempt(f, s);
}

static void failed_for_good(const fixture *f, scene *s)
{
    s->first = take_step(f->db, s->flow.steps[0], TASKER_OK);
    tasker_failure failure = {.lease = s->first->items[0], .permanent = true};
    assert_status(f->db, tasker_lease_fail(f->db, &failure, 1, NULL), TASKER_OK);
}

static tasker_status sweep(tasker_db *db, scene *s)
{
    (void)s;
    return tasker_sweep_run(db, &minute, NULL);
}

static tasker_status finalize(tasker_db *db, scene *s)
{
    return tasker_task_finalize(db, &s->flow.task_uuid, 1, NULL, NULL);
}

static const struct {
    const char *name;
    void (*prepare)(const fixture *f, scene *s);
    tasker_status (*call)(tasker_db *db, scene *s);
} calls[] = {
    {"a sweep that fails an attempt", late_attempt, sweep},
    {"a sweep that fails the last one", last_attempt, sweep},
    {"a sweep that closes a task", failed_for_good, sweep},
    {"a finalize that closes it", failed_for_good, finalize},
};

/* ---- one in the other ---- */

static void between(void *context)
{
    scene *s = context;
    s->acted = s->act(s);
}

/* What he was told is so, and stays so; and no task is closed that can still run. */
static void assert_kept(const fixture *f, const scene *s, const char *what)
{
    PGconn *conn = tasker_db_conn(f->db);
    const char *task = task_state(conn, s->flow.task_uuid), *step = step_state(conn, s->flow.steps[0]);
    bool good = db_test_differences(conn) == 0;
    if (s->acted != TASKER_OK)
        good = good && strcmp(step, "cancelled") != 0;
    else if (s->act == renew)
        good = good && strcmp(step, "in_progress") == 0 && s->second->count == 1;
    else if (s->act == complete_first)
        good = good && strcmp(step, "complete") == 0;
    else if (s->act == extend_first)
        good = good && strcmp(step, "in_progress") == 0;
    else if (s->act == resolve)
        good = good && strcmp(step, "resolved_manually") == 0;
    else if (s->act == cancel)
        good = good && strcmp(task, "cancelled") == 0 && open_steps(conn, s->flow.task_uuid) == 0;
    else
        good = good && strcmp(task, "error") == 0;
    if (strcmp(task, "error") == 0 && (s->act == renew || s->act == resolve || s->act == complete_first) &&
        s->acted == TASKER_OK) /* then he came after it */
        good =
            good && ask_number(conn,
                               "SELECT (max(k.created_at) <= max(s.created_at))::int FROM tasker_task_transitions k,"
                               " tasker_workflow_step_transitions s WHERE k.task_uuid = '%s' AND k.to_state = 'error'"
                               " AND s.workflow_step_uuid = '%s' AND s.most_recent",
                               text_of(s->flow.task_uuid), text_of(s->flow.steps[0])) == 1;
    if (!good)
        fail_msg("%s: %s; task %s, step %s", what, tasker_status_name(s->acted), task,
                 step_history(conn, s->flow.steps[0]));
}

/* False: the call was over before its n-th send. */
static bool run_scene(const fixture *f, tasker_db *db, tasker_db *other, size_t c, size_t o, long n)
{
    scene s = {.other = other, .act = others[o].act};
    char what[128];
    settle(f->db);
    s.flow = make_flow(f->db, "ab", "ab");
    calls[c].prepare(f, &s);
    snprintf(what, sizeof what, "%s in %s, before send %ld", others[o].name, calls[c].name, n);
    tasker_db_set_timeout(other, 400); /* where he would have to wait for the call, which waits for him */
    wire_arm(WIRE_UNSENT, n, between, &s);
    tasker_status status = calls[c].call(db, &s);
    bool acted = wire_disarm();
    assert_true(tasker_status_is_done(status) || status == TASKER_CONFLICT);
    if (!tasker_db_session(other)->usable)
        assert_true(tasker_status_is_done(tasker_db_recover(other)));
    if (acted)
        assert_kept(f, &s, what);
    if (s.second != NULL && s.second->count > 0)
        assert_status(f->db, complete_lease(f->db, s.second), TASKER_OK);
    if (acted && s.acted == TASKER_OK && s.act == extend_first)
        assert_status(f->db, complete_lease(f->db, s.first), TASKER_OK);
    tasker_free(s.first), tasker_free(s.second);
    return acted;
}

static void test_each_between_each(void **state)
{
    const fixture *f = *state;
    tasker_db *db = db_test_open(f), *other = db_test_open(f);
    for (size_t c = 0; c < COUNT(calls); c++)
        for (size_t o = 0; o < COUNT(others); o++) {
            long n = 1;
            while (run_scene(f, db, other, c, o, n))
                n++;
            assert_true(n > 1);
        }
    tasker_db_close(db);
    tasker_db_close(other);
}

/* ---- a result and its message ---- */

static const tasker_text results = TASKER_TEXT("results_between");

/* Somebody else was faster: the message is gone, and another attempt is under way by now. */
static tasker_status apply_elsewhere(scene *s)
{
    tasker_status status = tasker_queue_purge(s->other, results, NULL);
    return status == TASKER_OK ? renew(s) : TASKER_NOT_FOUND;
}

/* What was read and is gone since is not applied, not to another attempt either. */
static void test_result_that_is_gone(void **state)
{
    const fixture *f = *state;
    tasker_db *db = db_test_open(f), *other = db_test_open(f);
    bool acted = true, between_reading_and_doing = false;
    assert_status(f->db, tasker_queue_create(f->db, results), TASKER_OK);
    tasker_db_set_timeout(other, 400);
    for (long n = 1; acted; n++) {
        scene s = {.other = other, .act = apply_elsewhere, .flow = make_flow(f->db, "ab", "ab")};
        s.first = take_step(f->db, s.flow.steps[0], TASKER_OK);
        send_result(f->db, results, s.flow.task_uuid, s.flow.steps[0], "Success", "");
        wire_arm(WIRE_UNSENT, n, between, &s);
        assert_true(tasker_status_is_done(tasker_result_message_apply(db, results, 0, NULL)));
        acted = wire_disarm();
        if (!tasker_db_session(other)->usable)
            assert_true(tasker_status_is_done(tasker_db_recover(other)));
        if (acted && s.acted == TASKER_OK) {
            assert_string_equal(step_state(tasker_db_conn(f->db), s.flow.steps[0]), "in_progress");
            assert_status(f->db, complete_lease(f->db, s.second), TASKER_OK);
            between_reading_and_doing = between_reading_and_doing || n > 1;
        }
        tasker_free(s.first), tasker_free(s.second);
    }
    assert_true(between_reading_and_doing);
    tasker_db_close(db);
    tasker_db_close(other);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_between_each),
        cmocka_unit_test(test_result_that_is_gone),
    };
    return db_test_run(tests);
}
