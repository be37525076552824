/* SPDX-License-Identifier: MIT */
#include "tasker/listener.h"
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "db/listen.h"
#include "model/handle.h"
#include "model/schema_text.h"
#include "value/error.h"

enum { POLL_MS = 1000, MOST_NAMES = 1000 };

struct tasker_listener {
    tasker_db *db;
    char *text;
    tkr_listen listen;
    int32_t poll_ms;
    tkr_deadline poll; /* when to look everywhere */
    char queue_name[TKR_CHANNEL_SIZE];
};

/* ---- opening ---- */

static tasker_status check_options(const tasker_listener_options *o, tasker_error *error)
{
    const uint64_t none[4] = {0};
    if (memcmp(o->reserved, none, sizeof none) != 0)
        return tkr_error_set(error, TASKER_UNSUPPORTED, "a reserved word of the options is set");
    if (o->poll_ms < 0)
        return tkr_error_set(error, TASKER_INVALID_ARGUMENT, "poll_ms is negative");
    if (o->namespace_name_count > MOST_NAMES || o->queue_name_count > MOST_NAMES - o->namespace_name_count)
        return tkr_error_set(error, TASKER_LIMIT_EXCEEDED, "more than %d names of namespaces and queues", MOST_NAMES);
    if ((o->namespace_names == NULL && o->namespace_name_count > 0) ||
        (o->queue_names == NULL && o->queue_name_count > 0))
        return tkr_error_set(error, TASKER_INVALID_ARGUMENT, "a list of names is missing");
    if (o->namespace_name_count + o->queue_name_count == 0 && !o->ready_tasks)
        return tkr_error_set(error, TASKER_INVALID_ARGUMENT, "neither namespaces nor queues nor ready tasks are named");
    return TASKER_OK;
}

/* A name is no value: it stands in the command. What a queue's can hold needs no quotes inside. */
static char *add(char *at, const char *queue_name)
{
    return at + sprintf(at, "LISTEN \"" TKR_QUEUE_CHANNEL "%s\"; ", queue_name);
}

static tasker_status add_queues(char **at, const tasker_listener_options *o, tasker_error *error)
{
    tasker_status status = TASKER_OK;
    char name[TKR_QUEUE_NAME_SIZE];
    for (size_t i = 0; i < o->namespace_name_count; i++) {
        if ((status = tkr_queue_name_of_namespace(o->namespace_names[i], name, error)) != TASKER_OK) {
            if (error != NULL)
                error->item = (int64_t)i;
            return status;
        }
        *at = add(*at, name);
    }
    for (size_t i = 0; i < o->queue_name_count; i++) {
        const tasker_text *given = &o->queue_names[i];
        if ((status = tkr_queue_name_check(*given, error)) != TASKER_OK) {
            if (error != NULL)
                error->item = (int64_t)i;
            return status;
        }
        memcpy(name, given->ptr, given->len);
        name[given->len] = '\0';
        *at = add(*at, name);
    }
    return status;
}

static tasker_status make_text(tasker_listener *l, const tasker_listener_options *o, tasker_error *error)
{
    enum { LONGEST = sizeof "LISTEN \"\"; " + 2 * TKR_CHANNEL_SIZE }; /* each byte may be a quote, which is doubled */
    char channel[TKR_CHANNEL_SIZE];
    tkr_ready_channel(l->db->schema, channel);
    char *ready = tkr_quote_identifier(channel);
    char *at = l->text = malloc((o->namespace_name_count + o->queue_name_count + 1) * LONGEST);
    tasker_status status = TASKER_OK;
    if (ready == NULL || l->text == NULL)
        status = tkr_error_set(error, TASKER_OUT_OF_MEMORY, "out of memory");
    if (status == TASKER_OK)
        status = add_queues(&at, o, error);
    if (status == TASKER_OK && o->ready_tasks)
        sprintf(at, "LISTEN %s; ", ready);
    free(ready);
    return status;
}

static tasker_status connect_and_listen(tasker_listener *l, tasker_error *error)
{
    const tasker_error *found = &l->db->error;
    tasker_status status = tkr_db_mend(l->db, tkr_deadline_in(-1));
    if (status == TASKER_OK) {
        status = tkr_listen_open(&l->listen, l->db, l->text);
        found = &l->listen.error;
    }
    if (status != TASKER_OK && error != NULL)
        *error = *found;
    return status;
}

tasker_status tasker_listener_open(tasker_text conninfo, const tasker_db_options *db_options,
                                   const tasker_listener_options *options, tasker_error *error, tasker_listener **out)
{
    static const tasker_listener_options defaults = {0};
    const tasker_listener_options *o = options != NULL ? options : &defaults;
    if (error != NULL)
        *error = (tasker_error){.item = -1};
    if (out == NULL)
        return tkr_error_set(error, TASKER_INVALID_ARGUMENT, "out is required");
    *out = NULL;
    tasker_status status = check_options(o, error);
    if (status != TASKER_OK)
        return status;
    tasker_listener *l = calloc(1, sizeof *l);
    if (l == NULL)
        return tkr_error_set(error, TASKER_OUT_OF_MEMORY, "out of memory");
    l->poll_ms = o->poll_ms != 0 ? o->poll_ms : POLL_MS;
    status = tkr_db_make(conninfo, db_options, error, &l->db);
    if (status == TASKER_OK)
        status = make_text(l, o, error);
    if (status == TASKER_OK)
        status = connect_and_listen(l, error);
    if (status != TASKER_OK) {
        tasker_listener_close(l);
        return status;
    }
    l->poll = tkr_deadline_in(tkr_listen_jitter(&l->listen, l->poll_ms));
    *out = l;
    return TASKER_OK;
}

void tasker_listener_close(tasker_listener *listener)
{
    if (listener == NULL)
        return;
    tasker_db_close(listener->db);
    free(listener->text);
    free(listener);
}

/* ---- waiting ---- */

static bool is_over(tkr_deadline deadline)
{
    return tkr_deadline_poll_ms(deadline) == 0;
}

static tkr_deadline earlier(tkr_deadline a, tkr_deadline b)
{
    return a.ns < b.ns ? a : b;
}

/* Looking into one queue is not looking everywhere, which stays due. */
static void answer(tasker_listener *l, const char *channel)
{
    static const char prefix[] = TKR_QUEUE_CHANNEL;
    bool one = strncmp(channel, prefix, sizeof prefix - 1) == 0 && !is_over(l->poll);
    snprintf(l->queue_name, sizeof l->queue_name, "%s", one ? channel + sizeof prefix - 1 : "");
    if (!one)
        l->poll = tkr_deadline_in(tkr_listen_jitter(&l->listen, l->poll_ms));
}

static tasker_status step(tasker_listener *l)
{
    if (!tkr_listen_step(&l->listen) && !is_over(l->poll))
        return TASKER_AGAIN;
    answer(l, l->listen.channel);
    return TASKER_OK;
}

tasker_status tasker_listener_step(tasker_listener *listener)
{
    tasker_status status = listener != NULL ? tkr_link_enter_broken(listener->db) : TASKER_INVALID_ARGUMENT;
    if (status != TASKER_OK)
        return status;
    status = step(listener);
    tkr_link_leave(listener->db);
    return status;
}

tasker_status tasker_listener_wait(tasker_listener *listener, int32_t timeout_ms)
{
    tasker_status status = listener != NULL && timeout_ms >= -1 ? TASKER_OK : TASKER_INVALID_ARGUMENT;
    if (status == TASKER_OK)
        status = tkr_link_enter_broken(listener->db);
    if (status != TASKER_OK)
        return status;
    tkr_deadline deadline = tkr_deadline_in(timeout_ms);
    while (step(listener) == TASKER_AGAIN)
        if (is_over(deadline) || !tkr_listen_wait(&listener->listen, earlier(deadline, listener->poll))) {
            answer(listener, "");
            break;
        }
    tkr_link_leave(listener->db);
    return TASKER_OK;
}

/* ---- what there is to be known ---- */

int32_t tasker_listener_fd(const tasker_listener *listener)
{
    return listener != NULL ? tkr_link_socket(listener->db) : -1;
}

tasker_want tasker_listener_want(const tasker_listener *listener)
{
    short events = listener != NULL ? tkr_listen_events(&listener->listen) : 0;
    return (tasker_want)((events & POLLIN ? TASKER_WANT_READ : 0) | (events & POLLOUT ? TASKER_WANT_WRITE : 0));
}

int32_t tasker_listener_wait_ms(const tasker_listener *listener)
{
    return listener != NULL ? tkr_deadline_poll_ms(earlier(listener->poll, listener->listen.next)) : -1;
}

tasker_text tasker_listener_queue_name(const tasker_listener *listener)
{
    return tasker_text_of(listener != NULL && listener->queue_name[0] != '\0' ? listener->queue_name : NULL);
}

const tasker_error *tasker_listener_error(const tasker_listener *listener)
{
    static const tasker_error none = {.status = TASKER_INVALID_ARGUMENT, .item = -1, .message = "no listener"};
    return listener != NULL ? &listener->listen.error : &none;
}
