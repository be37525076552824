/* SPDX-License-Identifier: MIT */
/*
 * A worker whose server has written what it flushed, and whose link is lost before it hears so: the flush is in doubt,
 * is sent again over another link, and finds itself done. What libpq receives passes here.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "worker_test.h"

static pthread_t main_thread;
static atomic_int cuts_left, cuts;

/* Of the worker's own thread alone. The answer has come, so what it answers is committed; nobody gets to see it. */
ssize_t recv(int fd, void *data, size_t size, int flags)
{
    ssize_t received = syscall(SYS_recvfrom, fd, data, size, flags, NULL, NULL);
    if (received <= 0 || pthread_equal(pthread_self(), main_thread) || atomic_load(&cuts_left) == 0)
        return received;
    atomic_fetch_sub(&cuts_left, 1);
    atomic_fetch_add(&cuts, 1);
    shutdown(fd, SHUT_RDWR);
    return 0;
}

static void cut_next(int answers)
{
    atomic_store(&cuts, 0);
    atomic_store(&cuts_left, answers);
}

static long closings(const place *p, const made_flow *flow, const char *state)
{
    return ask_number(p->conn,
                      "SELECT count(*) FROM tasker_workflow_step_transitions t"
                      " JOIN tasker_workflow_steps s USING (workflow_step_uuid)"
                      " WHERE s.task_uuid = '%s' AND t.from_state = 'in_progress' AND t.to_state = '%s'",
                      text_of(flow->task_uuid), state);
}

/* Also while the flush is sent again. */
static void test_completion(void **state)
{
    static const int answers[] = {1, 2, 6};
    place p = make_place(state);
    tasker_worker_options options = work_here(&p);
    for (size_t i = 0; i < COUNT(answers); i++) {
        made_flow flow = make_work_in(&p, 1, false);
        tasker_worker *worker = start_worker(&p, &options);
        const tasker_lease *lease = pull(worker);
        cut_next(answers[i]);
        assert_int_equal(complete(worker, lease), TASKER_OK);
        assert_int_equal(atomic_load(&cuts), answers[i]);
        tasker_worker_close(worker);
        assert_int_equal(closings(&p, &flow, "complete"), 1);
    }
    leave_place(&p);
}

static void test_batch(void **state)
{
    enum { STEPS = 5 };
    place p = make_place(state);
    tasker_worker_options options = work_here(&p);
    options.batch = STEPS + 1;
    options.flush_ms = NEVER_MS;
    options.lease.limit = STEPS;
    made_flow flow = make_work_in(&p, STEPS, false);
    tasker_worker *worker = start_worker(&p, &options);
    for (size_t i = 0; i < STEPS; i++)
        assert_int_equal(complete(worker, pull(worker)), TASKER_QUEUED);
    cut_next(1);
    assert_int_equal(tasker_worker_flush(worker), TASKER_OK);
    assert_int_equal(atomic_load(&cuts), 1);
    tasker_worker_close(worker);
    assert_int_equal(closings(&p, &flow, "complete"), STEPS);
    leave_place(&p);
}

static void test_failure(void **state)
{
    place p = make_place(state);
    tasker_worker_options options = work_here(&p);
    made_flow flow = make_work_in(&p, 1, false);
    tasker_worker *worker = start_worker(&p, &options);
    const tasker_lease *lease = pull(worker);
    const tasker_failure failure = {.lease = lease, .error_message = TASKER_TEXT("boom")};
    cut_next(1);
    assert_int_equal(tasker_worker_fail(worker, &failure), TASKER_OK);
    assert_int_equal(atomic_load(&cuts), 1);
    tasker_worker_close(worker);
    assert_int_equal(closings(&p, &flow, "error"), 1);
    assert_int_equal(steps_in(&p, &flow, "pending"), 1);
    assert_string_equal(
        ask(p.conn, "SELECT attempts FROM tasker_workflow_steps WHERE task_uuid = '%s'", text_of(flow.task_uuid)), "1");
    leave_place(&p);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_completion),
        cmocka_unit_test(test_failure),
        cmocka_unit_test(test_batch),
    };
    main_thread = pthread_self();
    return db_test_run(tests);
}
