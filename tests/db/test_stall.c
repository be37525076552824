/* SPDX-License-Identifier: MIT */
/*
 * A server that has stopped: each call ends soon after its deadline and says what is true, and once the server goes on
 * the same call with the same keys settles it, whatever the stopped session does when it wakes up.
 */
#include <signal.h>
#include <time.h>
#include "private_server.h"
#include "writes.h"

enum { DEADLINE_MS = 150, CONNECT_MS = 500, GRACE_MS = 250, PATIENCE_MS = 10000 };

static long worst_ms; /* of all calls here */

static long now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (long)(now.tv_sec * 1000 + now.tv_nsec / 1000000);
}

/* How long the call took; it must have waited for its deadline and not much longer. */
static void check_time(long began, long deadline)
{
    long over = now_ms() - began - deadline;
    worst_ms = over > worst_ms ? over : worst_ms;
    assert_in_range(over + 20, 0, GRACE_MS + 20);
}

/* The next call is in a hurry; those behind it are not. */
static pid_t stop(tasker_db *db)
{
    pid_t pid = tasker_db_session(db)->backend_pid;
    assert_int_equal(kill(pid, SIGSTOP), 0);
    tasker_db_set_timeout(db, DEADLINE_MS);
    return pid;
}

static void check_call(tasker_db *db, long began)
{
    check_time(began, DEADLINE_MS);
    tasker_db_set_timeout(db, PATIENCE_MS);
}

static void go_on(const fixture *f, pid_t pid)
{
    assert_int_equal(kill(pid, SIGCONT), 0);
    private_server_wait(f, pid); /* its client has gone, so it ends, after it has done what it still had to do */
}

/* ---- reads ---- */

static void test_reads(void **state)
{
    fixture *f = *state;
    tasker_db *db = db_test_open(f);
    const tasker_execution_context *context = NULL;
    tasker_time now;
    for (int i = 0; i < 3; i++) {
        pid_t pid = stop(db);
        long began = now_ms();
        tasker_status status = i == 0   ? tasker_db_ping(db)
                               : i == 1 ? tasker_db_now(db, &now)
                                        : tasker_execution_context_get(db, &(tasker_uuid){{1}}, &context);
        check_call(db, began);
        assert_status(db, status, TASKER_TIMEOUT);
        assert_status(db, tasker_db_ping(db), TASKER_TAINTED);
        assert_status(db, tasker_db_recover(db), TASKER_OK);
        assert_status(db, tasker_db_ping(db), TASKER_OK);
        go_on(f, pid);
    }
    tasker_db_close(db);
}

/* ---- writes of their own ---- */

/* early: the call is sent again before the stopped session has read the first one, which then comes late. */
static void stall_write(const fixture *f, const write_kind *kind, bool early)
{
    attempt t = {0};
    tasker_db *db = db_test_open(f);
    if (kind->prepare != NULL)
        kind->prepare(f->db, &t);
    if (kind->begin != NULL)
        assert_status(db, kind->begin(db, &t), TASKER_OK);
    pid_t pid = stop(db);
    long began = now_ms();
    tasker_status status = kind->send(db, &t);
    check_call(db, began);
    /* the commit asks for its name first, so it has not been sent yet */
    assert_status(db, status, kind == &writes[WRITE_COMMIT] ? TASKER_TIMEOUT : TASKER_IN_DOUBT);
    assert_int_equal(write_effect(f, kind, &t), 0);
    assert_status(db, tasker_db_recover(db), TASKER_OK);
    if (!early || kind->begin != NULL) /* a stopped transaction keeps its locks */
        go_on(f, pid);
    if (kind->begin != NULL)
        assert_status(db, kind->begin(db, &t), TASKER_OK);
    assert_status(db, kind->send(db, &t), TASKER_OK);
    assert_int_equal(write_effect(f, kind, &t), kind->whole);
    if (early && kind->begin == NULL)
        go_on(f, pid);
    assert_int_equal(write_effect(f, kind, &t), kind->whole);
    tasker_db_close(db);
}

static void test_writes(void **state)
{
    for (size_t k = 0; k < WRITES; k++) {
        stall_write(*state, &writes[k], false);
        stall_write(*state, &writes[k], true);
    }
}

/* ---- inside a transaction ---- */

static void test_inside_a_transaction(void **state)
{
    fixture *f = *state;
    for (size_t k = 0; k < WRITE_COMMIT; k++) {
        attempt t = {0};
        tasker_db *db = db_test_open(f);
        if (writes[k].prepare != NULL)
            writes[k].prepare(f->db, &t);
        assert_status(db, tasker_db_begin(db, NULL), TASKER_OK);
        pid_t pid = stop(db);
        long began = now_ms();
        tasker_status status = writes[k].send(db, &t);
        check_call(db, began);
        assert_status(db, status, TASKER_TIMEOUT);
        assert_status(db, tasker_db_recover(db), TASKER_OK);
        assert_false(tasker_db_session(db)->in_transaction);
        go_on(f, pid);
        assert_int_equal(write_effect(f, &writes[k], &t), 0);
        assert_status(db, writes[k].send(db, &t), TASKER_OK);
        assert_int_equal(write_effect(f, &writes[k], &t), writes[k].whole);
        tasker_db_close(db);
    }
}

/* ---- the first process of the server: open sessions live on, new ones are not to be had ---- */

static void test_stopped_postmaster(void **state)
{
    fixture *f = *state;
    static const tasker_db_options hurried = {.connect_timeout_ms = CONNECT_MS};
    tasker_db *db = db_test_open_with(f, &hurried), *other = NULL;
    attempt t = {0};
    assert_int_equal(kill(private_server_postmaster(), SIGSTOP), 0);
    assert_status(db, writes[WRITE_CREATE].send(db, &t), TASKER_OK);
    pid_t pid = stop(db);
    long began = now_ms();
    tasker_status status = tasker_db_ping(db);
    check_call(db, began);
    began = now_ms();
    tasker_status opened = tasker_db_open(tasker_text_of(f->conninfo), &hurried, NULL, &other);
    check_time(began, CONNECT_MS);
    began = now_ms();
    tasker_status recovered = tasker_db_recover(db);
    check_time(began, CONNECT_MS);
    assert_int_equal(kill(private_server_postmaster(), SIGCONT), 0); /* before anything can fail the test */
    go_on(f, pid);
    assert_status(db, status, TASKER_TIMEOUT);
    assert_status(NULL, opened, TASKER_TIMEOUT);
    assert_status(db, recovered, TASKER_TIMEOUT);
    assert_null(other);
    private_server_recover(db);
    assert_status(db, writes[WRITE_CREATE].send(db, &t), TASKER_OK);
    assert_int_equal(write_effect(f, &writes[WRITE_CREATE], &t), writes[WRITE_CREATE].whole);
    tasker_db_close(db);
    printf("# the longest of the calls took %ld ms more than it had\n", worst_ms);
}

int main(int argc, char **argv)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads),
        cmocka_unit_test(test_writes),
        cmocka_unit_test(test_inside_a_transaction),
        cmocka_unit_test(test_stopped_postmaster),
    };
    (void)argc;
    private_server_begin(argv);
    return private_server_run(tests);
}
