/* SPDX-License-Identifier: MIT */
/* The loop of a worker in bad times: leases that run out or are lost, links that break, answers that are a no. */
#include "worker_test.h"

static void wait_ms(long ms)
{
    const struct timespec time = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&time, NULL);
}

/* The heartbeat tells it within a second; machines that have much to do get ten. */
static void wait_until_held(tasker_worker *worker, const tasker_lease *lease, bool held)
{
    for (int i = 0; i < 1000 && tasker_worker_holds(worker, lease) != held; i++)
        wait_ms(10);
    assert_int_equal(tasker_worker_holds(worker, lease), held);
}

/* Somebody else ends the attempt, and the step is pending again. */
static void take_away(const place *p, tasker_uuid step)
{
    assert_status(p->f->db, step_event(p->f->db, step, TASKER_EVENT_FAIL), TASKER_OK);
    assert_status(p->f->db, step_event(p->f->db, step, TASKER_EVENT_RETRY), TASKER_OK);
}

/* ---- heartbeats ---- */

/* Three of four are extended although the fourth's row is locked; that one follows when it can. */
static void test_heartbeat(void **state)
{
    enum { STEPS = 4 };
    place p = make_place(state);
    const tasker_lease *leases[STEPS];
    made_flow flow = make_work_in(&p, STEPS, false);
    tasker_worker_options options = work_here(&p);
    options.lease.lease_seconds = 1;
    options.lease.limit = STEPS;
    tasker_worker *worker = start_worker(&p, &options);
    for (int i = 0; i < STEPS; i++)
        leases[i] = pull(worker);
    assert_status(p.f->db, tasker_db_begin(p.f->db, NULL), TASKER_OK);
    tell(p.conn, "SELECT FROM tasker_workflow_steps WHERE workflow_step_uuid = '%s' FOR UPDATE",
         text_of(leases[0]->workflow_step_uuid));
    wait_ms(1300);
    assert_false(tasker_worker_holds(worker, leases[0])); /* nobody knows */
    for (int i = 1; i < STEPS; i++)
        wait_until_held(worker, leases[i], true);
    assert_status(p.f->db, tasker_db_rollback(p.f->db), TASKER_OK);
    for (int i = 0; i < STEPS; i++)
        wait_until_held(worker, leases[i], true);
    assert_int_equal(ask_number(p.conn,
                                "SELECT count(*) FROM tasker_workflow_steps WHERE task_uuid = '%s'"
                                " AND claim_timeout_seconds > 1",
                                text_of(flow.task_uuid)),
                     STEPS);
    for (int i = 0; i < STEPS; i++)
        assert_int_equal(complete(worker, leases[i]), TASKER_OK);
    tasker_worker_close(worker);
    leave_place(&p);
}

/* ---- lost ---- */

static void test_lost(void **state)
{
    for (int32_t batch = 1; batch <= 2; batch++) {
        place p = make_place(state);
        made_flow flow = make_work_in(&p, 1, false);
        tasker_worker_options options = work_here(&p);
        options.batch = batch;
        tasker_worker *worker = start_worker(&p, &options);
        const tasker_lease *lease = pull(worker);
        take_away(&p, flow.steps[0]);
        assert_int_equal(complete(worker, lease), batch == 1 ? TASKER_CONFLICT : TASKER_QUEUED);
        assert_int_equal(tasker_worker_flush(worker), batch == 1 ? TASKER_NOOP : TASKER_CONFLICT);
        assert_string_equal(step_state(p.conn, flow.steps[0]), "pending");
        tasker_worker_close(worker);
        leave_place(&p);
    }
}

/* The heartbeat finds out; what nobody has got yet is not given out then. */
static void test_lost_meanwhile(void **state)
{
    place p = make_place(state);
    made_flow flow = make_work_in(&p, 2, false);
    tasker_worker_options options = work_here(&p);
    options.lease.lease_seconds = 1;
    options.lease.limit = 2;
    tasker_worker *worker = start_worker(&p, &options);
    const tasker_lease *lease = pull(worker), *none = NULL;
    take_away(&p, flow.steps[0]);
    take_away(&p, flow.steps[1]);
    wait_until_held(worker, lease, false);
    assert_int_equal(tasker_worker_next(worker, 100, &none), TASKER_OK);
    assert_null(none);
    assert_int_equal(complete(worker, lease), TASKER_CONFLICT);
    assert_int_equal(tasker_worker_error(worker)->status, TASKER_CONFLICT);
    tasker_worker_close(worker);
    leave_place(&p);
}

/* ---- the link ---- */

static void terminate_all(const place *p)
{
    db_test_exec(p->f, "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                       " WHERE application_name = '" POOL_NAME "' AND datname = current_database()");
}

typedef struct job {
    const place *p;
    atomic_int left, conflicts, bad;
} job;

/* Each fifth handler ends every session of the pool. */
static void do_step(tasker_worker *worker, const tasker_lease *lease, void *context)
{
    job *j = context;
    if (atomic_load(&j->left) % 5 == 0)
        terminate_all(j->p);
    tasker_status status = complete(worker, lease);
    atomic_fetch_add(&j->conflicts, status == TASKER_CONFLICT);
    atomic_fetch_add(&j->bad, status != TASKER_OK && status != TASKER_CONFLICT);
    if (atomic_fetch_sub(&j->left, 1) == 1)
        tasker_worker_stop(worker);
}

static void test_terminated(void **state)
{
    enum { STEPS = 20 };
    place p = make_place(state);
    job j = {.p = &p, .left = STEPS};
    made_flow flow = make_work_in(&p, STEPS, false);
    tasker_worker_options options = work_here(&p);
    options.finalize = true;
    options.poll_ms = 50;
    options.lease.limit = STEPS; /* in one take, before the first end, lest any is taken for nobody */
    tasker_worker *worker = start_worker(&p, &options);
    assert_int_equal(tasker_worker_run(worker, 2, do_step, &j), TASKER_OK);
    assert_int_equal(j.bad, 0);
    assert_int_equal(j.conflicts, 0);
    assert_int_equal(steps_in(&p, &flow, "complete"), STEPS);
    assert_string_equal(task_state(p.conn, flow.task_uuid), "complete");
    tasker_worker_close(worker);
    leave_place(&p);
}

/* Calls of the worker give up soon. */
static void hurry(place *p)
{
    const tasker_pool_options pooled = {.db = {.call_timeout_ms = 200}, .max_size = 2};
    tasker_pool_close(p->pool);
    assert_int_equal(tasker_pool_open(T(p->f->conninfo), &pooled, NULL, &p->pool), TASKER_OK);
}

typedef struct bringing {
    tasker_worker *worker;
    const tasker_lease *lease;
    tasker_status status;
    atomic_bool over;
} bringing;

static void *bring(void *argument)
{
    bringing *b = argument;
    b->status = complete(b->worker, b->lease);
    b->over = true;
    return NULL;
}

/* The step is complete, and its task cannot be closed for the moment: who brought it waits until that is done, too. */
static void test_closed_after_all(void **state)
{
    place p = make_place(state);
    pthread_t thread;
    hurry(&p);
    made_flow flow = make_work_in(&p, 1, false);
    tasker_worker_options options = work_here(&p);
    options.finalize = true;
    bringing b = {.worker = start_worker(&p, &options)};
    b.lease = pull(b.worker);
    assert_status(p.f->db, tasker_db_begin(p.f->db, NULL), TASKER_OK);
    tell(p.conn, "SELECT FROM tasker_tasks WHERE task_uuid = '%s' FOR UPDATE", text_of(flow.task_uuid));
    assert_int_equal(pthread_create(&thread, NULL, bring, &b), 0);
    wait_ms(500);
    assert_false(b.over);
    assert_status(p.f->db, tasker_db_rollback(p.f->db), TASKER_OK);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(b.status, TASKER_OK);
    assert_string_equal(task_state(p.conn, flow.task_uuid), "complete");
    tasker_worker_close(b.worker);
    leave_place(&p);
}

/* No answer comes any more: the end waits for it as long as leases last, and no longer. */
static void test_stopped_without_answers(void **state)
{
    place p = make_place(state);
    hurry(&p);
    made_flow flow = make_work_in(&p, 1, false);
    tasker_worker_options options = work_here(&p);
    options.lease.lease_seconds = 1;
    tasker_worker *worker = start_worker(&p, &options);
    const tasker_lease *lease = pull(worker);
    assert_status(p.f->db, tasker_db_begin(p.f->db, NULL), TASKER_OK);
    tell(p.conn, "SELECT FROM tasker_workflow_steps WHERE workflow_step_uuid = '%s' FOR UPDATE",
         text_of(flow.steps[0]));
    tasker_worker_stop(worker);
    long began = now_ms();
    assert_int_equal(complete(worker, lease), TASKER_IN_DOUBT);
    tasker_worker_close(worker);
    assert_in_range(now_ms() - began, 1000, 20000);
    assert_status(p.f->db, tasker_db_rollback(p.f->db), TASKER_OK);
    leave_place(&p);
}

/* ---- refused ---- */

#define NO_BAD_RESULTS                                                                                                 \
    "ALTER TABLE tasker_workflow_steps ADD CONSTRAINT no_bad CHECK (results IS DISTINCT FROM '\"bad\"')"

/* The server's no is told; or, where nobody waits for it, is written down as the failure that it is. */
static void test_refused(void **state)
{
    tell(tasker_db_conn(((fixture *)*state)->db), NO_BAD_RESULTS);
    for (int32_t batch = 1; batch <= 3; batch += 2) {
        place p = make_place(state);
        const tasker_lease *leases[3];
        made_flow flow = make_work_in(&p, 3, false);
        tasker_worker_options options = work_here(&p);
        options.batch = batch;
        options.lease.limit = 3;
        options.flush_ms = NEVER_MS;
        tasker_worker *worker = start_worker(&p, &options);
        for (int i = 0; i < 3; i++)
            leases[i] = pull(worker);
        tasker_uuid step = leases[1]->workflow_step_uuid;
        const tasker_completion bad = {.lease = leases[1], .results = TASKER_JSON("\"bad\"")};
        assert_int_equal(complete(worker, leases[0]), batch == 1 ? TASKER_OK : TASKER_QUEUED);
        assert_int_equal(tasker_worker_complete(worker, &bad), batch == 1 ? TASKER_CHECK_FAILED : TASKER_QUEUED);
        if (batch == 1) {
            assert_true(tasker_worker_holds(worker, leases[1]));
            assert_int_equal(complete(worker, leases[1]), TASKER_OK);
        }
        assert_int_equal(complete(worker, leases[2]), batch == 1 ? TASKER_OK : TASKER_QUEUED);
        assert_int_equal(tasker_worker_flush(worker), batch == 1 ? TASKER_NOOP : TASKER_CHECK_FAILED);
        assert_int_equal(steps_in(&p, &flow, "complete"), batch == 1 ? 3 : 2);
        assert_int_equal(ask_number(p.conn,
                                    "SELECT count(*) FROM tasker_workflow_step_transitions WHERE to_state = 'error'"
                                    " AND workflow_step_uuid = '%s' AND metadata ->> 'error_type' = 'CHECK_FAILED'"
                                    " AND metadata ->> 'error_message' LIKE '%%no_bad%%'",
                                    text_of(step)),
                         batch == 1 ? 0 : 1);
        tasker_worker_close(worker);
        leave_place(&p);
    }
    tell(tasker_db_conn(((fixture *)*state)->db), "ALTER TABLE tasker_workflow_steps DROP CONSTRAINT no_bad");
}

static void never(tasker_worker *worker, const tasker_lease *lease, void *context)
{
    (void)worker, (void)lease, (void)context;
    abort();
}

/* A queue that is not there: told by each next, and the end of run. */
static void test_no_queue(void **state)
{
    place p = make_place(state);
    tasker_worker_options options = work_here(&p);
    options.lease.without_queue = false;
    tasker_worker *worker = start_worker(&p, &options);
    const tasker_lease *none = NULL;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(tasker_worker_next(worker, -1, &none), TASKER_NOT_FOUND);
        assert_null(none);
        assert_int_equal(tasker_worker_error(worker)->status, TASKER_NOT_FOUND);
    }
    assert_int_equal(tasker_worker_run(worker, 3, never, NULL), TASKER_NOT_FOUND);
    tasker_worker_close(worker);
    leave_place(&p);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_heartbeat),        cmocka_unit_test(test_lost),
        cmocka_unit_test(test_lost_meanwhile),   cmocka_unit_test(test_terminated),
        cmocka_unit_test(test_closed_after_all), cmocka_unit_test(test_stopped_without_answers),
        cmocka_unit_test(test_refused),          cmocka_unit_test(test_no_queue),
    };
    return db_test_run(tests);
}
