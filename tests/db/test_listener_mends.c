/* SPDX-License-Identifier: MIT */
/* Listeners whose link breaks, stalls or cannot be had: they keep their times, come back, and say so. */
#include <signal.h>
#include <unistd.h>
#include "db/listen.h"
#include "listener_test.h"
#include "road.h"

#define SESSIONS "FROM pg_stat_activity WHERE application_name = '" LISTENER_NAME "' AND datname = current_database()"

static void kill_link(const fixture *f)
{
    db_test_wait(f, "SELECT count(pg_terminate_backend(pid, 10000)) " SESSIONS, 1);
}

static pid_t pid_of_link(const fixture *f)
{
    db_test_wait(f, "SELECT count(*) " SESSIONS, 1);
    return (pid_t)db_test_count(f, "SELECT pid " SESSIONS);
}

static void test_comes_back(void **state)
{
    fixture *f = *state;
    PGconn *sender = db_test_psql(f);
    tasker_listener *listener = listen_to(f->conninfo, NEVER_MS);
    for (int i = 0; i < 4; i++) {
        kill_link(f);
        notify(sender, "tasker_q_a"); /* to nobody */
        assert_woken(listener, NULL);
        assert_int_equal(tasker_listener_error(listener)->status, TASKER_OK);
        assert_int_equal(tasker_listener_step(listener), TASKER_AGAIN);
        notify(sender, "tasker_q_b");
        assert_woken(listener, "b");
    }
    tasker_listener_close(listener);
    PQfinish(sender);
}

/* What had come before the link broke is not lost with it. */
static void test_last_words(void **state)
{
    fixture *f = *state;
    PGconn *sender = db_test_psql(f);
    tasker_listener *listener = listen_to(f->conninfo, NEVER_MS);
    notify(sender, "tasker_q_a");
    kill_link(f);
    assert_int_equal(tasker_listener_wait(listener, NEVER_MS), TASKER_OK);
    if (tasker_listener_queue_name(listener).ptr != NULL)
        assert_woken(listener, NULL);
    tasker_listener_close(listener);
    PQfinish(sender);
}

/* While nobody answers it keeps its times, and tells why. */
static void test_server_away(void **state)
{
    fixture *f = *state;
    road r = road_open(f);
    PGconn *sender = db_test_psql(f);
    tasker_listener *listener = listen_to(r.conninfo, 200);
    road_to_nowhere(&r);
    kill_link(f);
    for (int i = 0; i < 5; i++) {
        long began = now_ms();
        assert_int_equal(tasker_listener_wait(listener, i % 2 ? 100 : -1), TASKER_OK);
        assert_in_range(now_ms() - began, 0, 240 + LATE_MS);
        assert_queue(listener, NULL);
    }
    assert_int_equal(tasker_listener_error(listener)->status, TASKER_DISCONNECTED);
    assert_int_equal(tasker_listener_fd(listener), -1);
    assert_int_equal(tasker_listener_want(listener), TASKER_WANT_NOTHING);
    road_to_server(&r);
    while (tasker_listener_error(listener)->status != TASKER_OK)
        assert_int_equal(tasker_listener_wait(listener, -1), TASKER_OK);
    assert_queue(listener, NULL);
    notify(sender, "tasker_q_a");
    do
        assert_int_equal(tasker_listener_wait(listener, -1), TASKER_OK);
    while (tasker_listener_queue_name(listener).ptr == NULL);
    assert_queue(listener, "a");
    tasker_listener_close(listener);
    PQfinish(sender);
    road_close(&r);
}

/* A server that takes connections and says nothing. */
static void test_server_silent(void **state)
{
    fixture *f = *state;
    road r = road_open(f);
    const tasker_db_options options = {.application_name = TASKER_TEXT(LISTENER_NAME), .connect_timeout_ms = 250};
    tasker_listener *listener =
        listen_with(r.conninfo, &options, &(tasker_listener_options){.ready_tasks = true, .poll_ms = NEVER_MS});
    road_to_silence(&r);
    kill_link(f);
    for (int i = 0; i < 3; i++) {
        long began = now_ms();
        assert_int_equal(tasker_listener_wait(listener, 300), TASKER_OK);
        assert_in_range(now_ms() - began, 299, 300 + LATE_MS);
    }
    assert_int_equal(tasker_listener_error(listener)->status, TASKER_TIMEOUT);
    road_to_server(&r);
    assert_woken(listener, NULL);
    assert_int_equal(tasker_listener_error(listener)->status, TASKER_OK);
    tasker_listener_close(listener);
    road_close(&r);
}

/* In an event loop, with steps that never take long. */
static void test_comes_back_in_steps(void **state)
{
    fixture *f = *state;
    road r = road_open(f);
    tasker_listener *listener = listen_to(r.conninfo, NEVER_MS);
    tasker_status status;
    for (int i = 0; i < 3; i++) {
        int steps = 0;
        if (i == 1)
            road_to_nowhere(&r);
        kill_link(f);
        do {
            long began = now_ms();
            status = tasker_listener_step(listener);
            assert_in_range(now_ms() - began, 0, LATE_MS);
            if (status == TASKER_AGAIN)
                poll_once(listener);
            if (tasker_listener_fd(listener) < 0 && ++steps == 2)
                road_to_server(&r);
        } while (status == TASKER_AGAIN);
        assert_int_equal(status, TASKER_OK);
        assert_queue(listener, NULL);
        assert_int_equal(tasker_listener_error(listener)->status, TASKER_OK);
        assert_int_equal(tasker_listener_want(listener), TASKER_WANT_READ);
    }
    tasker_listener_close(listener);
    road_close(&r);
}

static void test_stalled_link(void **state)
{
    fixture *f = *state;
    PGconn *sender = db_test_psql(f);
    tasker_listener *listener = listen_to(f->conninfo, NEVER_MS);
    pid_t pid = pid_of_link(f);
    assert_int_equal(kill(pid, SIGSTOP), 0);
    notify(sender, "tasker_q_a");
    long began = now_ms();
    tasker_status status = tasker_listener_wait(listener, 300);
    long took = now_ms() - began;
    assert_int_equal(kill(pid, SIGCONT), 0);
    assert_int_equal(status, TASKER_OK);
    assert_in_range(took, 299, 300 + LATE_MS);
    assert_woken(listener, "a");
    tasker_listener_close(listener);
    PQfinish(sender);
}

/* ---- signs of life, which listeners of programs ask for too seldom for a test ---- */

static void step_until(tkr_listen *l, bool woken)
{
    long began = now_ms();
    while (tkr_listen_step(l) != woken || l->stage != TKR_LISTEN_HEARING) {
        assert_true(tkr_listen_wait(l, tkr_deadline_in(100)));
        assert_in_range(now_ms() - began, 0, 10000);
    }
}

static void test_signs_of_life(void **state)
{
    static const char text[] = "LISTEN \"tasker_q_a\"; LISTEN \"tasker_q_b\"; ";
    fixture *f = *state;
    PGconn *sender = db_test_psql(f);
    const tasker_db_options options = {.application_name = TASKER_TEXT(LISTENER_NAME), .call_timeout_ms = 300};
    tasker_db *db = db_test_open_with(f, &options);
    tkr_listen l;
    assert_int_equal(tkr_listen_open(&l, db, text), TASKER_OK);
    pid_t pid = pid_of_link(f);
    for (int i = 0; i < 3; i++) {
        l.next = tkr_deadline_in(0);
        step_until(&l, false);
        assert_true(tkr_deadline_poll_ms(l.next) > 1000);
        assert_int_equal(l.error.status, TASKER_OK);
    }
    assert_int_equal(pid_of_link(f), pid);

    /* notifications come through meanwhile */
    l.next = tkr_deadline_in(0);
    assert_int_equal(kill(pid, SIGSTOP), 0);
    (void)tkr_listen_step(&l);
    tkr_listen_stage stage = l.stage;
    notify(sender, "tasker_q_b");
    assert_int_equal(kill(pid, SIGCONT), 0);
    assert_int_equal(stage, TKR_LISTEN_ASKING);
    while (!tkr_listen_step(&l))
        assert_true(tkr_listen_wait(&l, tkr_deadline_in(1000)));
    assert_string_equal(l.channel, "tasker_q_b");
    step_until(&l, false);

    /* none: a new link */
    l.next = tkr_deadline_in(0);
    assert_int_equal(kill(pid, SIGSTOP), 0);
    while (!tkr_listen_step(&l))
        (void)tkr_listen_wait(&l, tkr_deadline_in(1000));
    assert_int_equal(kill(pid, SIGCONT), 0);
    assert_string_equal(l.channel, "");
    assert_int_equal(l.stage, TKR_LISTEN_HEARING);
    assert_int_not_equal(pid_of_link(f), pid);
    tasker_db_close(db);
    PQfinish(sender);
}

/* ---- a server that refuses ---- */

/* The first error is told, and the link is given up: half of the channels would be worse than none. */
static void test_refused(void **state)
{
    fixture *f = *state;
    tasker_db *db = db_test_open(f);
    tkr_listen l;
    assert_int_equal(tkr_listen_open(&l, db, "LISTEN a; LISTEN 1; LISTEN b"), TASKER_DATABASE);
    assert_string_equal(l.error.sqlstate, "42601");
    assert_int_equal(tkr_listen_open(&l, db, "LISTEN a"), TASKER_DISCONNECTED);
    assert_int_equal(l.stage, TKR_LISTEN_AWAY);
    tasker_db_close(db);
}

static void test_open(void **state)
{
    fixture *f = *state;
    road r = road_open(f);
    tasker_error error;
    tasker_listener *listener = NULL;
    const tasker_db_options options = {.connect_timeout_ms = 300};
    const tasker_listener_options ready = {.ready_tasks = true};
    road_to_nowhere(&r);
    assert_int_equal(tasker_listener_open(tasker_text_of(r.conninfo), NULL, &ready, &error, &listener),
                     TASKER_DISCONNECTED);
    assert_int_equal(error.status, TASKER_DISCONNECTED);
    road_to_silence(&r);
    long began = now_ms();
    assert_int_equal(tasker_listener_open(tasker_text_of(r.conninfo), &options, &ready, &error, &listener),
                     TASKER_TIMEOUT);
    assert_in_range(now_ms() - began, 299, 300 + LATE_MS);
    assert_null(listener);
    road_close(&r);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_comes_back),
        cmocka_unit_test(test_last_words),
        cmocka_unit_test(test_server_away),
        cmocka_unit_test(test_server_silent),
        cmocka_unit_test(test_comes_back_in_steps),
        cmocka_unit_test(test_stalled_link),
        cmocka_unit_test(test_signs_of_life),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_open),
    };
    return db_test_run(tests);
}
