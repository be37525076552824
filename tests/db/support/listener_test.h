/* SPDX-License-Identifier: MIT */
/* What the tests of listeners share. */
#ifndef TKR_TESTS_LISTENER_TEST_H
#define TKR_TESTS_LISTENER_TEST_H

#include <poll.h>
#include <tasker/listener.h>
#include <time.h>
#include "db_test.h"

/* How much later than its deadline a call may end here. */
#define LATE_MS 250

/* Far beyond every test: what wakes is not this. */
#define NEVER_MS 600000

#define LISTENER_NAME "tasker_listener"

static const tasker_db_options listener_db = {.application_name = TASKER_TEXT(LISTENER_NAME)};

static inline long now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (long)(now.tv_sec * 1000 + now.tv_nsec / 1000000);
}

static inline tasker_listener *listen_with(const char *conninfo, const tasker_db_options *db_options,
                                           const tasker_listener_options *options)
{
    tasker_listener *listener = NULL;
    tasker_error error;
    tasker_status status = tasker_listener_open(tasker_text_of(conninfo), db_options, options, &error, &listener);
    if (status != TASKER_OK)
        print_error("%s: %s\n", tasker_status_name(status), error.message);
    assert_int_equal(status, TASKER_OK);
    assert_int_equal(error.status, TASKER_OK);
    assert_int_equal(tasker_listener_error(listener)->status, TASKER_OK);
    return listener;
}

/* Listens to some queues, by their names or those of namespaces, and to ready tasks. */
static inline tasker_listener *listen_to(const char *conninfo, int32_t poll_ms)
{
    static const tasker_text queues[] = {TASKER_TEXT("a"), TASKER_TEXT("b"), TASKER_TEXT("select")};
    static const tasker_text namespaces[] = {TASKER_TEXT("orders"), TASKER_TEXT("users")};
    return listen_with(conninfo, &listener_db,
                       &(tasker_listener_options){.queue_names = queues,
                                                  .queue_name_count = COUNT(queues),
                                                  .namespace_names = namespaces,
                                                  .namespace_name_count = COUNT(namespaces),
                                                  .ready_tasks = true,
                                                  .poll_ms = poll_ms});
}

static inline void notify(PGconn *conn, const char *channel)
{
    char sql[128];
    snprintf(sql, sizeof sql, "SELECT pg_notify('%s', '')", channel);
    PGresult *result = PQexec(conn, sql);
    assert_int_equal(PQresultStatus(result), PGRES_TUPLES_OK);
    PQclear(result);
}

/* queue NULL: none in particular. */
static inline void assert_queue(const tasker_listener *listener, const char *queue)
{
    tasker_text name = tasker_listener_queue_name(listener);
    if (queue != NULL) {
        assert_non_null(name.ptr);
        assert_string_equal(name.ptr, queue);
        assert_int_equal(name.len, strlen(queue));
    } else {
        assert_null(name.ptr);
    }
}

/* Woken, soon, for that. */
static inline void assert_woken(tasker_listener *listener, const char *queue)
{
    long began = now_ms();
    assert_int_equal(tasker_listener_wait(listener, NEVER_MS), TASKER_OK);
    assert_in_range(now_ms() - began, 0, 5000);
    assert_queue(listener, queue);
}

/* One turn of an event loop. */
static inline void poll_once(const tasker_listener *listener)
{
    tasker_want want = tasker_listener_want(listener);
    struct pollfd fd = {tasker_listener_fd(listener), 0, 0};
    fd.events = (short)((want & TASKER_WANT_READ ? POLLIN : 0) | (want & TASKER_WANT_WRITE ? POLLOUT : 0));
    assert_true(fd.fd >= 0 || want == TASKER_WANT_NOTHING);
    assert_true(poll(&fd, 1, tasker_listener_wait_ms(listener)) >= 0);
}

#endif
