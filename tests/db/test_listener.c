/* SPDX-License-Identifier: MIT */
/* Listeners that are woken: by whom, for what, when, and how long they wait otherwise. */
#include <pthread.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>
#include "listener_test.h"

enum { ROUNDS = 1000 };

/* ---- what wakes ---- */

static void test_wakes(void **state)
{
    static const char *const channels[][2] = {{"tasker_q_a", "a"},
                                              {"tasker_q_b", "b"},
                                              {"tasker_q_select", "select"},
                                              {"tasker_q_orders_queue", "orders_queue"},
                                              {"tasker_q_users_queue", "users_queue"},
                                              {"tasker_ready", NULL}};
    fixture *f = *state;
    PGconn *sender = db_test_psql(f);
    tasker_listener *listener = listen_to(f->conninfo, NEVER_MS);
    assert_queue(listener, NULL);
    for (size_t i = 0; i < COUNT(channels); i++) {
        notify(sender, channels[i][0]);
        assert_woken(listener, channels[i][1]);
    }
    tasker_listener_close(listener);
    PQfinish(sender);
}

/* Many in one transaction or in several are one wake-up; of several queues it names none. */
static void test_collapses(void **state)
{
    fixture *f = *state;
    PGconn *sender = db_test_psql(f);
    tasker_listener *listener = listen_to(f->conninfo, NEVER_MS);
    PQclear(PQexec(sender, "BEGIN"));
    for (int i = 0; i < 5; i++)
        notify(sender, "tasker_q_a");
    assert_int_equal(tasker_listener_step(listener), TASKER_AGAIN);
    PQclear(PQexec(sender, "COMMIT"));
    for (int i = 0; i < 5; i++)
        notify(sender, "tasker_q_a");
    assert_woken(listener, "a");
    notify(sender, "tasker_q_b"); /* behind which there is nothing */
    do
        assert_int_equal(tasker_listener_wait(listener, NEVER_MS), TASKER_OK);
    while (tasker_listener_queue_name(listener).ptr != NULL && tasker_listener_queue_name(listener).ptr[0] == 'a');
    assert_int_equal(tasker_listener_step(listener), TASKER_AGAIN);
    PQclear(PQexec(sender, "SELECT pg_notify('tasker_q_' || q, '') FROM unnest(ARRAY['a', 'b', 'a']) q"));
    assert_woken(listener, NULL);
    assert_int_equal(tasker_listener_step(listener), TASKER_AGAIN);
    PQclear(PQexec(sender, "SELECT pg_notify(c, '') FROM unnest(ARRAY['tasker_q_a', 'tasker_ready']) c"));
    assert_woken(listener, NULL);
    PQclear(PQexec(sender, "BEGIN"));
    notify(sender, "tasker_q_b");
    PQclear(PQexec(sender, "ROLLBACK"));
    notify(sender, "tasker_q_c");
    notify(sender, "tasker_ready_x");
    notify(sender, "tasker_q_a");
    assert_woken(listener, "a");
    tasker_listener_close(listener);
    PQfinish(sender);
}

/* What comes between a look and the next wait ends that wait. */
static void test_nothing_is_missed(void **state)
{
    static const char *const queues[] = {"a", "b", "orders_queue"};
    fixture *f = *state;
    PGconn *sender = db_test_psql(f);
    tasker_listener *listener = listen_to(f->conninfo, NEVER_MS);
    long longest = 0;
    for (int i = 0; i < ROUNDS; i++) {
        char channel[64];
        snprintf(channel, sizeof channel, "tasker_q_%s", queues[i % 3]);
        notify(sender, channel);
        long began = now_ms();
        assert_int_equal(tasker_listener_wait(listener, NEVER_MS), TASKER_OK);
        long took = now_ms() - began;
        longest = took > longest ? took : longest;
        assert_queue(listener, queues[i % 3]);
    }
    printf("# %d wake-ups between two waits, the longest wait took %ld ms\n", ROUNDS, longest);
    tasker_listener_close(listener);
    PQfinish(sender);
}

/* Long names are cut as the server cuts names, between characters. */
static void test_ready_of_other_schemas(void **state)
{
    static const char *const schemas[] = {"s",
                                          "Mixed \"quoted\" '",
                                          "a2345678901234567890123456789012345678901234567890",
                                          "a234567890123456789012345678901234567890123456789\xc3\xa4 and more",
                                          "a23456789012345678901234567890123456789012345678901234567890123",
                                          "\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\""};
    fixture *f = *state;
    PGconn *sender = db_test_psql(f);
    for (size_t i = 0; i < COUNT(schemas); i++) {
        const tasker_db_options options = {.schema = tasker_text_of(schemas[i]), .any_schema = true};
        tasker_listener *listener =
            listen_with(f->conninfo, &options, &(tasker_listener_options){.ready_tasks = true, .poll_ms = NEVER_MS});
        const char *value = schemas[i];
        notify(sender, "tasker_ready");
        assert_int_equal(tasker_listener_wait(listener, 50), TASKER_OK);
        assert_int_equal(tasker_listener_step(listener), TASKER_AGAIN);
        PGresult *result = PQexecParams(sender, "SELECT pg_notify(('tasker_ready_' || $1::text)::name::text, '')", 1,
                                        NULL, &value, NULL, NULL, 0);
        assert_int_equal(PQresultStatus(result), PGRES_TUPLES_OK);
        PQclear(result);
        assert_woken(listener, NULL);
        tasker_listener_close(listener);
    }
    PQfinish(sender);
}

/* ---- how long it waits ---- */

static void test_timeouts(void **state)
{
    fixture *f = *state;
    tasker_listener *listener = listen_to(f->conninfo, NEVER_MS);
    for (int ms = 0; ms <= 300; ms += 100) {
        long began = now_ms();
        assert_int_equal(tasker_listener_wait(listener, ms), TASKER_OK);
        assert_in_range(now_ms() - began, ms == 0 ? 0 : ms - 1, ms + LATE_MS);
        assert_queue(listener, NULL);
    }
    tasker_listener_close(listener);
}

/* A fifth less or more. */
static void test_polls(void **state)
{
    enum { MS = 100, WAITS = 20 };
    fixture *f = *state;
    tasker_listener *listener = listen_to(f->conninfo, MS);
    long shortest = NEVER_MS, longest = 0;
    for (int i = 0; i < WAITS; i++) {
        long began = now_ms();
        assert_int_equal(tasker_listener_wait(listener, -1), TASKER_OK);
        long took = now_ms() - began;
        assert_in_range(took, MS * 4 / 5 - 1, MS * 6 / 5 + LATE_MS);
        assert_queue(listener, NULL);
        shortest = took < shortest ? took : shortest;
        longest = took > longest ? took : longest;
    }
    assert_true(longest > shortest);
    tasker_listener_close(listener);
}

/* Who looks into the queue that is named, only, comes to look everywhere all the same. */
static void test_polls_while_woken(void **state)
{
    enum { MS = 500 };
    fixture *f = *state;
    PGconn *sender = db_test_psql(f);
    tasker_listener *listener = listen_to(f->conninfo, MS);
    long began = now_ms(), named = 0;
    do {
        notify(sender, "tasker_q_a");
        assert_int_equal(tasker_listener_wait(listener, NEVER_MS), TASKER_OK);
        named++;
    } while (tasker_listener_queue_name(listener).ptr != NULL);
    assert_in_range(now_ms() - began, MS * 4 / 5 - 20, MS * 6 / 5 + LATE_MS);
    assert_true(named > 1);
    tasker_listener_close(listener);
    PQfinish(sender);
}

static void ignore_signal(int number)
{
    (void)number;
}

static void test_signal(void **state)
{
    const struct itimerval soon = {.it_value = {0, 100000}};
    struct sigaction action = {.sa_handler = ignore_signal, .sa_flags = SA_RESTART};
    fixture *f = *state;
    tasker_listener *listener = listen_to(f->conninfo, NEVER_MS);
    assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
    assert_int_equal(setitimer(ITIMER_REAL, &soon, NULL), 0);
    long began = now_ms();
    assert_int_equal(tasker_listener_wait(listener, NEVER_MS), TASKER_OK);
    assert_in_range(now_ms() - began, 0, 100 + LATE_MS);
    assert_queue(listener, NULL);
    tasker_listener_close(listener);
}

/* ---- in an event loop ---- */

static void test_steps(void **state)
{
    fixture *f = *state;
    PGconn *sender = db_test_psql(f);
    tasker_listener *listener = listen_to(f->conninfo, 200);
    long polls = 0, named = 0;
    int fd = tasker_listener_fd(listener);
    for (int i = 0; i < 100 || polls < 2; i++) {
        if (i < 100)
            notify(sender, "tasker_q_b");
        tasker_status status;
        while ((status = tasker_listener_step(listener)) == TASKER_AGAIN) {
            assert_int_equal(tasker_listener_fd(listener), fd);
            assert_int_equal(tasker_listener_want(listener), TASKER_WANT_READ);
            assert_in_range(tasker_listener_wait_ms(listener), 0, 240);
            poll_once(listener);
        }
        assert_int_equal(status, TASKER_OK);
        polls += tasker_listener_queue_name(listener).ptr == NULL;
        named += tasker_listener_queue_name(listener).ptr != NULL;
    }
    assert_true(named >= 50);
    tasker_listener_close(listener);
    PQfinish(sender);
}

/* ---- options ---- */

static tasker_status try_open(const char *conninfo, const tasker_db_options *db_options,
                              const tasker_listener_options *options, int64_t item)
{
    tasker_error error;
    tasker_listener *listener = (tasker_listener *)(void *)&error; /* to be overwritten */
    tasker_status status = tasker_listener_open(tasker_text_of(conninfo), db_options, options, &error, &listener);
    assert_int_equal(error.status, status);
    assert_int_equal(error.item, item);
    assert_true((listener == NULL) == (status != TASKER_OK));
    assert_true((error.message[0] == '\0') == (status == TASKER_OK));
    tasker_listener_close(listener);
    return status;
}

static void test_options(void **state)
{
    static const tasker_text bad[] = {TASKER_TEXT("fine"), TASKER_TEXT("no\"; DROP TABLE tasker_tasks; --")};
    static const tasker_text theirs[] = {TASKER_TEXT("fine"), TASKER_TEXT("too"), TASKER_TEXT("task_requests")};
    static const tasker_text same[] = {TASKER_TEXT("a"), TASKER_TEXT("a")};
    static tasker_text many[1000];
    const struct {
        tasker_listener_options options;
        tasker_status status;
        int64_t item;
    } cases[] = {
        {{.poll_ms = 1000}, TASKER_INVALID_ARGUMENT, -1},
        {{.ready_tasks = true, .poll_ms = -1}, TASKER_INVALID_ARGUMENT, -1},
        {{.ready_tasks = true, .reserved = {0, 1}}, TASKER_UNSUPPORTED, -1},
        {{.queue_name_count = 1}, TASKER_INVALID_ARGUMENT, -1},
        {{.namespace_name_count = 1}, TASKER_INVALID_ARGUMENT, -1},
        {{.queue_names = bad, .queue_name_count = SIZE_MAX}, TASKER_LIMIT_EXCEEDED, -1},
        {{.namespace_names = bad, .namespace_name_count = 999, .queue_names = bad, .queue_name_count = 2},
         TASKER_LIMIT_EXCEEDED,
         -1},
        {{.queue_names = bad, .queue_name_count = 2}, TASKER_INVALID_ARGUMENT, 1},
        {{.namespace_names = bad, .namespace_name_count = 2}, TASKER_INVALID_ARGUMENT, 1},
        {{.namespace_names = theirs, .namespace_name_count = 3}, TASKER_INVALID_ARGUMENT, 2},
        {{.queue_names = theirs, .queue_name_count = 3}, TASKER_OK, -1},
        {{.queue_names = same, .queue_name_count = 2, .poll_ms = INT32_MAX}, TASKER_OK, -1},
        {{.queue_names = many, .queue_name_count = 1000}, TASKER_OK, -1},
    };
    fixture *f = *state;
    tasker_listener *listener = NULL;
    for (size_t i = 0; i < COUNT(many); i++)
        many[i] = tasker_text_of("a2345678901234567890123456789012345678901234567");
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_int_equal(try_open(f->conninfo, NULL, &cases[i].options, cases[i].item), cases[i].status);
    const tasker_listener_options *good = &cases[COUNT(cases) - 2].options;
    assert_int_equal(try_open(f->conninfo, NULL, NULL, -1), TASKER_INVALID_ARGUMENT);
    assert_int_equal(try_open("no such thing", NULL, good, -1), TASKER_INVALID_ARGUMENT);
    assert_int_equal(try_open(f->conninfo, &(tasker_db_options){.call_timeout_ms = -2}, good, -1),
                     TASKER_INVALID_ARGUMENT);
    assert_int_equal(try_open(f->conninfo, &(tasker_db_options){.schema = TASKER_TEXT("nowhere")}, good, -1),
                     TASKER_SCHEMA_MISMATCH);
    assert_int_equal(try_open("dbname=tasker_no_such_database", NULL, good, -1), TASKER_INVALID_ARGUMENT);
    assert_int_equal(tasker_listener_open(tasker_text_of(f->conninfo), NULL, good, NULL, NULL),
                     TASKER_INVALID_ARGUMENT);
    assert_int_equal(tasker_listener_open(tasker_text_of(f->conninfo), NULL, good, NULL, &listener), TASKER_OK);
    assert_int_equal(tasker_listener_wait(listener, -2), TASKER_INVALID_ARGUMENT);
    assert_int_equal(tasker_listener_wait(NULL, 0), TASKER_INVALID_ARGUMENT);
    assert_int_equal(tasker_listener_step(NULL), TASKER_INVALID_ARGUMENT);
    assert_int_equal(tasker_listener_fd(NULL), -1);
    assert_int_equal(tasker_listener_want(NULL), TASKER_WANT_NOTHING);
    assert_null(tasker_listener_queue_name(NULL).ptr);
    assert_int_equal(tasker_listener_error(NULL)->status, TASKER_INVALID_ARGUMENT);
    tasker_listener_close(NULL);
    tasker_listener_close(listener);
}

/* ---- threads and forks ---- */

static void *wait_for_ever(void *context)
{
    while (tasker_listener_wait(context, NEVER_MS) == TASKER_BUSY)
        ; /* the other thread steps before it sees us */
    return NULL;
}

static void test_second_thread(void **state)
{
    fixture *f = *state;
    pthread_t thread;
    PGconn *sender = db_test_psql(f);
    tasker_listener *listener = listen_to(f->conninfo, NEVER_MS);
    assert_int_equal(pthread_create(&thread, NULL, wait_for_ever, listener), 0);
    while (tasker_listener_step(listener) != TASKER_BUSY)
        ;
    assert_int_equal(tasker_listener_wait(listener, NEVER_MS), TASKER_BUSY);
    notify(sender, "tasker_q_a");
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_queue(listener, "a");
    tasker_listener_close(listener);
    PQfinish(sender);
}

static void test_fork(void **state)
{
    int result = 0;
    fixture *f = *state;
    PGconn *sender = db_test_psql(f);
    tasker_listener *listener = listen_to(f->conninfo, NEVER_MS);
    pid_t child = fork();
    if (child == 0) {
        bool forked = tasker_listener_wait(listener, NEVER_MS) == TASKER_FORKED &&
                      tasker_listener_step(listener) == TASKER_FORKED;
        tasker_listener_close(listener);
        _exit(forked ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_true(WIFEXITED(result));
    assert_int_equal(WEXITSTATUS(result), 0);
    notify(sender, "tasker_q_a");
    assert_woken(listener, "a");
    tasker_listener_close(listener);
    PQfinish(sender);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wakes),
        cmocka_unit_test(test_collapses),
        cmocka_unit_test(test_nothing_is_missed),
        cmocka_unit_test(test_ready_of_other_schemas),
        cmocka_unit_test(test_timeouts),
        cmocka_unit_test(test_polls),
        cmocka_unit_test(test_polls_while_woken),
        cmocka_unit_test(test_signal),
        cmocka_unit_test(test_steps),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_second_thread),
        cmocka_unit_test(test_fork),
    };
    return db_test_run(tests);
}
