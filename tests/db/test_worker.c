/* SPDX-License-Identifier: MIT */
/* The loop of a worker where nothing goes wrong: pulling and running, batches, wake-ups, the end. */
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <tasker/hooks.h>
#include <tasker/queue.h>
#include "worker_test.h"

/* ---- pulling ---- */

static void test_pull(void **state)
{
    place p = make_place(state);
    made_flow flow = make_work_in(&p, 2, true);
    tasker_worker_options options = work_here(&p);
    options.finalize = true;
    tasker_worker *worker = start_worker(&p, &options);
    const tasker_lease *first = pull(worker), *none = first;
    assert_uuid(first->workflow_step_uuid, flow.steps[0]);
    assert_int_equal(tasker_worker_next(worker, 0, &none), TASKER_OK);
    assert_null(none);
    assert_int_equal(tasker_worker_next(worker, 50, &none), TASKER_OK);
    assert_null(none);
    assert_int_equal(complete(worker, first), TASKER_OK);
    assert_string_equal(step_state(p.conn, flow.steps[0]), "complete");
    assert_string_equal(step_row(p.conn, flow.steps[0]), "processed attempts=1 results={\"ok\": true}");
    const tasker_lease *second = pull(worker); /* it came with the completion */
    assert_string_equal(tasker_lease_find_result(second, T("a")).ptr, "{\"ok\": true}");
    assert_string_equal(task_state(p.conn, flow.task_uuid), "in_progress");
    const tasker_failure failure = {.lease = second, .error_message = T("boom"), .permanent = true};
    assert_int_equal(tasker_worker_fail(worker, &failure), TASKER_OK);
    assert_string_equal(step_state(p.conn, flow.steps[1]), "error");
    assert_string_equal(task_state(p.conn, flow.task_uuid), "error");
    assert_int_equal(tasker_worker_error(worker)->status, TASKER_OK);
    assert_int_equal(tasker_worker_flush(worker), TASKER_NOOP);
    tasker_worker_close(worker);
    leave_place(&p);
}

/* What nobody got is given back, and what somebody kept. */
static void test_close_releases(void **state)
{
    place p = make_place(state);
    made_flow flow = make_work_in(&p, 3, false);
    tasker_worker_options options = work_here(&p);
    options.lease.limit = 3;
    tasker_worker *worker = start_worker(&p, &options);
    (void)pull(worker);
    assert_int_equal(steps_in(&p, &flow, "in_progress"), 3);
    tasker_worker_stop(worker);
    const tasker_lease *none = NULL;
    assert_int_equal(tasker_worker_next(worker, -1, &none), TASKER_OK);
    assert_null(none);
    tasker_worker_close(worker);
    assert_int_equal(steps_in(&p, &flow, "pending"), 3);
    assert_string_equal(step_row(p.conn, flow.steps[0]), "");
    leave_place(&p);
}

static void test_in_a_child(void **state)
{
    place p = make_place(state);
    made_flow flow = make_work_in(&p, 1, false);
    tasker_worker_options options = work_here(&p);
    tasker_worker *worker = start_worker(&p, &options);
    const tasker_lease *lease = pull(worker), *none;
    int status = 0;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        bool good = tasker_worker_next(worker, 0, &none) == TASKER_FORKED && complete(worker, lease) == TASKER_FORKED &&
                    tasker_worker_flush(worker) == TASKER_FORKED && !tasker_worker_holds(worker, lease) &&
                    tasker_worker_error(worker)->status == TASKER_FORKED;
        tasker_worker_stop(worker);
        tasker_worker_close(worker);
        _exit(good ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(complete(worker, lease), TASKER_OK);
    assert_string_equal(step_state(p.conn, flow.steps[0]), "complete");
    tasker_worker_close(worker);
    leave_place(&p);
}

/* ---- running ---- */

typedef struct job {
    atomic_int begun, left, running, most, bad;
} job;

static void do_step(tasker_worker *worker, const tasker_lease *lease, void *context)
{
    static const struct timespec moment = {0, 2000000};
    job *j = context;
    int running = atomic_fetch_add(&j->running, 1) + 1;
    if (running > j->most)
        j->most = running;
    atomic_fetch_add(&j->begun, 1);
    nanosleep(&moment, NULL);
    if (!tasker_worker_holds(worker, lease) || complete(worker, lease) != TASKER_OK || lease->step_name.len != 1)
        atomic_fetch_add(&j->bad, 1);
    atomic_fetch_sub(&j->running, 1);
    if (atomic_fetch_sub(&j->left, 1) == 1)
        tasker_worker_stop(worker);
}

static void test_run(void **state)
{
    enum { FLOWS = 5, STEPS = 6 };
    place p = make_place(state);
    made_flow flows[FLOWS];
    job j = {.left = FLOWS * STEPS};
    for (int i = 0; i < FLOWS; i++)
        flows[i] = make_work_in(&p, STEPS, i % 2 == 0);
    tasker_worker_options options = work_here(&p);
    options.finalize = true;
    options.poll_ms = 20;
    tasker_worker *worker = start_worker(&p, &options);
    assert_int_equal(tasker_worker_run(worker, 4, do_step, &j), TASKER_OK);
    assert_int_equal(j.bad, 0);
    assert_int_equal(j.begun, FLOWS * STEPS);
    assert_in_range(j.most, 2, 4);
    for (int i = 0; i < FLOWS; i++)
        assert_string_equal(task_state(p.conn, flows[i].task_uuid), "complete");
    assert_int_equal(tasker_worker_run(worker, 1, do_step, &j), TASKER_OK); /* stopped is stopped */
    tasker_worker_close(worker);
    leave_place(&p);
}

/* One thread after plenty of work at a chain: what each completion makes ready is found without a poll. */
static void test_chain_after_plenty(void **state)
{
    enum { MANY = 20, CHAIN = 12 };
    place p = make_place(state);
    job j = {.left = MANY + CHAIN};
    made_flow wide = make_work_in(&p, MANY, false), chain = make_work_in(&p, CHAIN, true);
    tasker_worker_options options = work_here(&p);
    options.finalize = true;
    tasker_worker *worker = start_worker(&p, &options);
    assert_int_equal(tasker_worker_run(worker, 1, do_step, &j), TASKER_OK);
    assert_int_equal(j.bad, 0);
    assert_string_equal(task_state(p.conn, wide.task_uuid), "complete");
    assert_string_equal(task_state(p.conn, chain.task_uuid), "complete");
    tasker_worker_close(worker);
    leave_place(&p);
}

static tasker_worker *to_stop;

static void on_alarm(int number)
{
    (void)number;
    tasker_worker_stop(to_stop);
}

/* It comes while the thread waits for work. */
static void test_stopped_by_a_signal(void **state)
{
    place p = make_place(state);
    tasker_worker_options options = work_here(&p);
    const struct sigaction action = {.sa_handler = on_alarm};
    const struct itimerval soon = {.it_value = {0, 100000}};
    job j = {0};
    to_stop = start_worker(&p, &options);
    assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
    assert_int_equal(setitimer(ITIMER_REAL, &soon, NULL), 0);
    assert_int_equal(tasker_worker_run(to_stop, 0, do_step, &j), TASKER_OK);
    tasker_worker_close(to_stop);
    leave_place(&p);
}

static void drop_step(tasker_worker *worker, const tasker_lease *lease, void *context)
{
    (void)lease, (void)context;
    tasker_worker_stop(worker);
}

static void test_neither(void **state)
{
    place p = make_place(state);
    made_flow flow = make_work_in(&p, 1, false);
    tasker_worker_options options = work_here(&p);
    tasker_worker *worker = start_worker(&p, &options);
    assert_int_equal(tasker_worker_run(worker, 1, drop_step, NULL), TASKER_OK);
    assert_string_equal(step_history(p.conn, flow.steps[0]), "pending@1 pending>in_progress@2 in_progress>pending@3*");
    assert_string_equal(step_row(p.conn, flow.steps[0]), "");
    tasker_worker_close(worker);
    leave_place(&p);
}

/* ---- batches ---- */

typedef struct counts {
    atomic_int takes, completes, round_trips;
} counts;

static void count_call(const tasker_call_event *event, void *context)
{
    counts *c = context;
    atomic_fetch_add(&c->takes, strncmp(event->statement, "lease_take", 10) == 0);
    atomic_fetch_add(&c->completes, strcmp(event->statement, "lease_complete") == 0);
    atomic_fetch_add(&c->round_trips, event->round_trips);
}

/* Twenty steps in two takes, each with what was done before: three flushes. */
static void test_batches(void **state)
{
    counts c = {0};
    place p = make_place(state);
    tasker_hooks hooks = {.on_call = count_call, .context = &c};
    tasker_pool_options pooled = {.db = {.hooks = &hooks}, .max_size = 2};
    tasker_pool_close(p.pool);
    assert_int_equal(tasker_pool_open(T(p.f->conninfo), &pooled, NULL, &p.pool), TASKER_OK);
    made_flow flow = make_work_in(&p, 20, false);
    tasker_worker_options options = work_here(&p);
    options.lease.limit = options.batch = 10;
    options.flush_ms = NEVER_MS;
    tasker_worker *worker = start_worker(&p, &options);
    c.takes = c.round_trips = 0;
    for (int i = 0; i < 20; i++) {
        const tasker_lease *lease = pull(worker);
        assert_int_equal(complete(worker, lease), TASKER_QUEUED);
    }
    assert_int_equal(tasker_worker_flush(worker), TASKER_OK);
    assert_int_equal(tasker_worker_flush(worker), TASKER_NOOP);
    assert_int_equal(steps_in(&p, &flow, "complete"), 20);
    assert_int_equal(c.completes, 2);
    assert_in_range(c.round_trips, 3, 6); /* a take may come alone */
    assert_in_range(c.takes, 2, 3);
    tasker_worker_close(worker);
    leave_place(&p);
}

/* Fewer than a batch are written after flush_ms. */
static void test_flush_ms(void **state)
{
    place p = make_place(state);
    made_flow flow = make_work_in(&p, 1, false);
    tasker_worker_options options = work_here(&p);
    options.batch = 100;
    options.flush_ms = 20;
    tasker_worker *worker = start_worker(&p, &options);
    const tasker_lease *lease = pull(worker);
    assert_int_equal(complete(worker, lease), TASKER_QUEUED);
    char sql[256];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM tasker_workflow_steps WHERE task_uuid = '%s' AND processed",
             text_of(flow.task_uuid));
    db_test_wait(p.f, sql, 1);
    tasker_worker_close(worker);
    leave_place(&p);
}

/* ---- wake-ups ---- */

static void *pull_and_complete(void *argument)
{
    tasker_worker *worker = argument;
    const tasker_lease *lease = NULL;
    tasker_status status = tasker_worker_next(worker, 30000, &lease);
    return (void *)(intptr_t)(status == TASKER_OK && lease != NULL && complete(worker, lease) == TASKER_OK);
}

static void test_woken_by_a_message(void **state)
{
    place p = make_place(state);
    made_flow flow = make_work_in(&p, 1, false);
    char queue[80];
    pthread_t thread;
    void *good = NULL;
    snprintf(queue, sizeof queue, "%s_queue", p.name);
    assert_status(p.f->db, tasker_queue_create(p.f->db, T(queue)), TASKER_OK);
    assert_status(p.f->db, tasker_queue_set_notify(p.f->db, T(queue), true), TASKER_OK);
    tasker_worker_options options = work_here(&p);
    options.lease.without_queue = false;
    options.listen = true;
    tasker_worker *worker = start_worker(&p, &options);
    const tasker_lease *none = NULL;
    assert_int_equal(tasker_worker_next(worker, 100, &none), TASKER_OK); /* it has looked, and found nothing */
    assert_null(none);
    assert_int_equal(pthread_create(&thread, NULL, pull_and_complete, worker), 0);
    assert_status(p.f->db, tasker_workflow_step_enqueue(p.f->db, flow.steps, 1, NULL, NULL, NULL), TASKER_OK);
    assert_int_equal(pthread_join(thread, &good), 0);
    assert_true(good != NULL);
    assert_string_equal(step_state(p.conn, flow.steps[0]), "complete");
    tasker_worker_close(worker);
    leave_place(&p);
}

/* ---- what is refused ---- */

static void assert_refused(const place *p, const tasker_worker_options *options, tasker_status expected)
{
    tasker_worker *worker = NULL;
    tasker_error error;
    tasker_status status = tasker_worker_open(p->pool, options, &error, &worker);
    assert_int_equal(status, expected);
    assert_int_equal(error.status, expected);
    assert_true(error.message[0] != '\0');
    assert_null(worker);
}

static void test_bad_options(void **state)
{
    place p = make_place(state);
    const tasker_worker_options good = work_here(&p);
    const char *bad_name = "No Queue";
    const tasker_text bad = tasker_text_of(bad_name);
    tasker_worker_options o;
    assert_refused(&p, NULL, TASKER_INVALID_ARGUMENT);
    assert_refused(&p, (o = good, o.lease.worker = (tasker_text){0}, &o), TASKER_INVALID_ARGUMENT);
    assert_refused(&p, (o = good, o.poll_ms = -1, &o), TASKER_INVALID_ARGUMENT);
    assert_refused(&p, (o = good, o.batch = -1, &o), TASKER_INVALID_ARGUMENT);
    assert_refused(&p, (o = good, o.flush_ms = -1, &o), TASKER_INVALID_ARGUMENT);
    assert_refused(&p, (o = good, o.lease.limit = -1, &o), TASKER_INVALID_ARGUMENT);
    assert_refused(&p, (o = good, o.lease.lease_seconds = -1, &o), TASKER_INVALID_ARGUMENT);
    assert_refused(&p, (o = good, o.lease.limit = INT32_MAX, &o), TASKER_LIMIT_EXCEEDED);
    assert_refused(&p, (o = good, o.lease.reserved[2] = 1, &o), TASKER_UNSUPPORTED);
    assert_refused(&p, (o = good, o.reserved[0] = 1, &o), TASKER_UNSUPPORTED);
    assert_refused(&p, (o = good, o.lease.namespace_names = NULL, &o), TASKER_INVALID_ARGUMENT);
    o = good;
    o.lease.without_queue = false;
    o.lease.namespace_names = &bad;
    assert_refused(&p, &o, TASKER_INVALID_ARGUMENT);
    assert_int_equal(tasker_worker_open(NULL, &good, NULL, &(tasker_worker *){NULL}), TASKER_INVALID_ARGUMENT);
    assert_int_equal(tasker_worker_open(p.pool, &good, NULL, NULL), TASKER_INVALID_ARGUMENT);
    tasker_worker_close(NULL);
    tasker_worker_stop(NULL);
    leave_place(&p);
}

static void assert_told(tasker_worker *worker, tasker_status status, tasker_status expected)
{
    assert_int_equal(status, expected);
    assert_int_equal(tasker_worker_error(worker)->status, expected);
    assert_true(tasker_worker_error(worker)->message[0] != '\0');
}

/* What is not valid leaves the lease where it was. */
static void test_bad_arguments(void **state)
{
    place p = make_place(state);
    (void)make_work_in(&p, 1, false);
    tasker_worker_options options = work_here(&p);
    tasker_worker *worker = start_worker(&p, &options);
    const tasker_lease *lease = pull(worker), stranger = {.attempt = 1};
    tasker_completion c = {.lease = lease};
    tasker_failure f = {.lease = lease};
    assert_told(worker, tasker_worker_next(worker, -2, &lease), TASKER_INVALID_ARGUMENT);
    assert_told(worker, tasker_worker_next(worker, 0, NULL), TASKER_INVALID_ARGUMENT);
    assert_told(worker, tasker_worker_complete(worker, NULL), TASKER_INVALID_ARGUMENT);
    assert_told(worker, tasker_worker_complete(worker, &(tasker_completion){0}), TASKER_INVALID_ARGUMENT);
    assert_told(worker, tasker_worker_complete(worker, &(tasker_completion){.lease = &stranger}),
                TASKER_INVALID_ARGUMENT);
    c.results = (tasker_json)TASKER_JSON("{");
    assert_told(worker, tasker_worker_complete(worker, &c), TASKER_INVALID_ARGUMENT);
    c = (tasker_completion){.lease = c.lease, .metadata = TASKER_JSON("[]")};
    assert_told(worker, tasker_worker_complete(worker, &c), TASKER_INVALID_ARGUMENT);
    c = (tasker_completion){.lease = c.lease, .reserved = {1}};
    assert_told(worker, tasker_worker_complete(worker, &c), TASKER_UNSUPPORTED);
    assert_told(worker, tasker_worker_fail(worker, NULL), TASKER_INVALID_ARGUMENT);
    f.error_message = (tasker_text)TASKER_TEXT("\xff");
    assert_told(worker, tasker_worker_fail(worker, &f), TASKER_INVALID_ARGUMENT);
    f = (tasker_failure){.lease = f.lease, TASKER_SET(retry_after_seconds, -1)};
    assert_told(worker, tasker_worker_fail(worker, &f), TASKER_INVALID_ARGUMENT);
    assert_told(worker, tasker_worker_run(worker, 1, NULL, NULL), TASKER_INVALID_ARGUMENT);
    assert_told(worker, tasker_worker_run(worker, 1001, drop_step, NULL), TASKER_INVALID_ARGUMENT);
    assert_told(NULL, tasker_worker_next(NULL, 0, &lease), TASKER_INVALID_ARGUMENT);
    assert_true(tasker_worker_holds(worker, c.lease));
    assert_false(tasker_worker_holds(worker, &stranger) || tasker_worker_holds(worker, NULL));
    assert_int_equal(complete(worker, c.lease), TASKER_OK);
    assert_int_equal(tasker_worker_error(worker)->status, TASKER_OK);
    tasker_worker_close(worker);
    leave_place(&p);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pull),
        cmocka_unit_test(test_close_releases),
        cmocka_unit_test(test_in_a_child),
        cmocka_unit_test(test_run),
        cmocka_unit_test(test_chain_after_plenty),
        cmocka_unit_test(test_stopped_by_a_signal),
        cmocka_unit_test(test_neither),
        cmocka_unit_test(test_batches),
        cmocka_unit_test(test_flush_ms),
        cmocka_unit_test(test_woken_by_a_message),
        cmocka_unit_test(test_bad_options),
        cmocka_unit_test(test_bad_arguments),
    };
    return db_test_run(tests);
}
