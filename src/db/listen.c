/* SPDX-License-Identifier: MIT */
#include "db/listen.h"
#include <errno.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "value/error.h"

/*
 * The first attempt to connect anew comes at once, the others after longer and longer pauses, until a link has held for
 * a while. Some failures of networks are not told to the side that only listens; hence the signs of life.
 */
enum { SHORTEST_PAUSE_MS = 100, LONGEST_PAUSE_MS = 5000, STEADY_MS = 5000, SIGN_OF_LIFE_MS = 30000 };

int32_t tkr_listen_jitter(tkr_listen *l, int32_t ms)
{
    l->random ^= l->random << 13; /* xorshift64 */
    l->random ^= l->random >> 7;
    l->random ^= l->random << 17;
    int64_t fifth = ms / 5, value = ms - fifth + (int64_t)(l->random % (uint64_t)(2 * fifth + 1));
    return value > INT32_MAX ? INT32_MAX : (int32_t)value;
}

static bool is_over(tkr_deadline deadline)
{
    return tkr_deadline_poll_ms(deadline) == 0;
}

/* What db->error says is why. */
static void give_up(tkr_listen *l)
{
    int64_t held_ns = tkr_monotonic_ns() - l->hears_since_ns;
    if (l->hears && held_ns >= (int64_t)STEADY_MS * 1000000)
        l->failures = 0;
    int32_t pause_ms = l->failures == 0  ? 0
                       : l->failures > 6 ? LONGEST_PAUSE_MS
                                         : SHORTEST_PAUSE_MS << (l->failures - 1);
    l->failures++;
    l->error = l->db->error;
    tkr_link_disconnect(l->db);
    l->db->lost = true;
    l->hears = false;
    l->stage = TKR_LISTEN_AWAY;
    l->next = tkr_deadline_in(tkr_listen_jitter(l, pause_ms));
}

static void lose(tkr_listen *l, tasker_status status, const char *why)
{
    tkr_error_set(&l->db->error, status, "%s", why);
    give_up(l);
}

static void ask(tkr_listen *l)
{
    tkr_error_clear(&l->db->error);
    l->stage = TKR_LISTEN_ASKING;
    l->next = tkr_deadline_in(l->db->timeout_ms);
    if (tkr_script_start(&l->script, l->db, l->text) != TASKER_AGAIN)
        give_up(l);
}

static void hear(tkr_listen *l)
{
    if (!l->hears) {
        l->hears = l->woken = true;
        l->channel[0] = '\0'; /* what was sent while nobody listened is not known */
        l->hears_since_ns = tkr_monotonic_ns();
    }
    tkr_error_clear(&l->error);
    l->stage = TKR_LISTEN_HEARING;
    l->next = tkr_deadline_in(tkr_listen_jitter(l, SIGN_OF_LIFE_MS));
}

static void take_notifications(tkr_listen *l)
{
    PGnotify *n;
    while ((n = PQnotifies(l->db->conn)) != NULL) {
        if (!l->woken)
            snprintf(l->channel, sizeof l->channel, "%s", n->relname);
        else if (strcmp(l->channel, n->relname) != 0)
            l->channel[0] = '\0'; /* of several none */
        l->woken = true;
        PQfreemem(n);
    }
}

/* ---- stages ---- */

static void begin_to_connect(tkr_listen *l)
{
    tkr_error_clear(&l->db->error);
    l->stage = TKR_LISTEN_CONNECTING;
    l->next = tkr_deadline_in(l->db->connect_timeout_ms);
    if (tkr_link_connect_start(l->db, &l->db->error) != TASKER_AGAIN)
        give_up(l);
}

/* A connection is not to be asked for more before its socket is ready. */
static bool is_ready(const tkr_listen *l)
{
    struct pollfd fd = {tkr_link_socket(l->db), l->db->connect_events, 0};
    return poll(&fd, 1, 0) != 0;
}

static void go_on_connecting(tkr_listen *l)
{
    tasker_status status = TASKER_AGAIN;
    while (status == TASKER_AGAIN && is_ready(l))
        status = tkr_link_connect_step(l->db, &l->db->error);
    if (status == TASKER_OK)
        ask(l);
    else if (status != TASKER_AGAIN)
        give_up(l);
    else if (is_over(l->next))
        lose(l, TASKER_TIMEOUT, "the server did not take the connection in time");
}

static void go_on_asking(tkr_listen *l)
{
    tasker_status status = tkr_script_step(&l->script);
    take_notifications(l);
    if (l->db->error.status != TASKER_OK)
        give_up(l);
    else if (status != TASKER_AGAIN)
        hear(l);
    else if (is_over(l->next))
        lose(l, TASKER_TIMEOUT, "the server gave no sign of life");
}

static void go_on_hearing(tkr_listen *l)
{
    bool alive = PQconsumeInput(l->db->conn) == 1;
    take_notifications(l);
    if (!alive || PQstatus(l->db->conn) != CONNECTION_OK || l->db->dismissed)
        lose(l, TASKER_DISCONNECTED, "the server closed the connection");
    else if (is_over(l->next))
        ask(l);
}

bool tkr_listen_step(tkr_listen *l)
{
    l->woken = false;
    l->channel[0] = '\0';
    if (l->stage == TKR_LISTEN_HEARING)
        go_on_hearing(l);
    if (l->stage == TKR_LISTEN_AWAY && is_over(l->next))
        begin_to_connect(l);
    if (l->stage == TKR_LISTEN_CONNECTING)
        go_on_connecting(l);
    if (l->stage == TKR_LISTEN_ASKING)
        go_on_asking(l);
    return l->woken;
}

/* ---- waiting ---- */

short tkr_listen_events(const tkr_listen *l)
{
    return (short)(l->stage == TKR_LISTEN_AWAY         ? 0
                   : l->stage == TKR_LISTEN_CONNECTING ? l->db->connect_events
                   : l->stage == TKR_LISTEN_ASKING     ? tkr_script_want(&l->script)
                                                       : POLLIN);
}

bool tkr_listen_wait(tkr_listen *l, tkr_deadline deadline)
{
    struct pollfd fd = {tkr_link_socket(l->db), tkr_listen_events(l), 0};
    return poll(&fd, 1, tkr_deadline_poll_ms(l->next.ns < deadline.ns ? l->next : deadline)) >= 0;
}

tasker_status tkr_listen_open(tkr_listen *l, tasker_db *db, const char *text)
{
    *l = (tkr_listen){.db = db, .text = text};
    l->random = ((uint64_t)tkr_monotonic_ns() ^ (uint64_t)(uintptr_t)l ^ (uint64_t)getpid() << 32) | 1;
    ask(l);
    while (l->stage == TKR_LISTEN_ASKING) {
        (void)tkr_listen_step(l);
        if (l->stage != TKR_LISTEN_ASKING || tkr_listen_wait(l, l->next))
            continue;
        if (errno != EINTR)
            lose(l, TASKER_DISCONNECTED, "poll failed");
        else if (db->interruptible)
            lose(l, TASKER_INTERRUPTED, "a signal ended the wait");
    }
    return l->hears ? TASKER_OK : l->error.status;
}
