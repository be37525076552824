/* SPDX-License-Identifier: MIT */
#include "db/script.h"
#include <errno.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "db/deadline.h"
#include "db/error.h"

/* The server counts characters from 1. */
static int line_of(const char *text, const PGresult *result)
{
    const char *position = PQresultErrorField(result, PG_DIAG_STATEMENT_POSITION);
    long left = position != NULL ? strtol(position, NULL, 10) : 0;
    int line = left > 0 ? 1 : 0;
    for (; *text != '\0' && left > 1; text++) {
        left -= ((unsigned char)*text & 0xC0) != 0x80;
        line += *text == '\n';
    }
    return line;
}

static void take_error(tkr_script *s, const PGresult *result)
{
    tasker_error *error = &s->db->error;
    if (error->status != TASKER_OK)
        return;
    tkr_error_from_result(error, result, NULL);
    if (strcmp(error->sqlstate, "57014") == 0 && tkr_link_cancel_asked(s->db))
        error->status = TASKER_CANCELLED;
    int line = line_of(s->text, result);
    char message[sizeof error->message];
    memcpy(message, error->message, sizeof message);
    if (line > 0)
        tkr_error_set(error, error->status, "line %d: %s", line, message);
}

/* What the server said before is the cause; else this is. */
static tasker_status give_up(tkr_script *s, tasker_status status, const char *why)
{
    if (s->db->error.status == TASKER_OK)
        tkr_error_set(&s->db->error, status, "%s", why);
    return TASKER_OK;
}

static tasker_status lose(tkr_script *s)
{
    s->db->lost = true;
    return give_up(s, TASKER_DISCONNECTED, "the server closed the connection");
}

static tasker_status taint(tkr_script *s, tasker_status status, const char *why)
{
    s->db->tainted = true;
    return give_up(s, status, why);
}

/* Takes all answers that are here; OK: there are no more to come. */
static tasker_status collect(tkr_script *s)
{
    PGconn *conn = s->db->conn;
    while (!PQisBusy(conn)) {
        PGresult *result = PQgetResult(conn);
        if (result == NULL)
            return PQstatus(conn) == CONNECTION_OK ? TASKER_OK : lose(s);
        ExecStatusType kind = PQresultStatus(result);
        if (kind == PGRES_FATAL_ERROR)
            take_error(s, result);
        PQclear(result);
        if (kind != PGRES_FATAL_ERROR && kind != PGRES_COMMAND_OK && kind != PGRES_TUPLES_OK &&
            kind != PGRES_EMPTY_QUERY)
            return taint(s, TASKER_PROTOCOL, "the server answered out of turn");
    }
    return TASKER_AGAIN;
}

tasker_status tkr_script_step(tkr_script *s)
{
    PGconn *conn = s->db->conn;
    if (!s->flushed) {
        int left = PQflush(conn);
        s->flushed = left == 0;
        if (left < 0 && PQstatus(conn) != CONNECTION_OK)
            return lose(s);
    }
    bool alive = PQconsumeInput(conn);
    tasker_status status = collect(s); /* also what came before the end */
    return status == TASKER_AGAIN && !alive ? lose(s) : status;
}

short tkr_script_want(const tkr_script *s)
{
    return (short)(s->flushed ? POLLIN : POLLIN | POLLOUT);
}

static tasker_status wait_for(tkr_script *s, tkr_deadline deadline)
{
    struct pollfd fd = {PQsocket(s->db->conn), tkr_script_want(s), 0};
    int ready = poll(&fd, 1, tkr_deadline_poll_ms(deadline));
    if (ready == 0)
        return taint(s, TASKER_TIMEOUT, "no answer within the deadline");
    if (ready < 0 && errno == EINTR && s->db->interruptible)
        return taint(s, TASKER_INTERRUPTED, "a signal ended the wait");
    if (ready < 0 && errno != EINTR)
        return taint(s, TASKER_DISCONNECTED, "poll failed");
    return TASKER_AGAIN;
}

tasker_status tkr_script_start(tkr_script *s, tasker_db *db, const char *text)
{
    PGconn *conn = db->conn;
    *s = (tkr_script){.db = db, .text = text, .was_nonblocking = PQisnonblocking(conn)};
    if (PQsetnonblocking(conn, 1) == 0 && PQsendQuery(conn, text))
        return TASKER_AGAIN;
    if (PQstatus(conn) != CONNECTION_OK)
        return lose(s);
    return taint(s, TASKER_OUT_OF_MEMORY, "out of memory while sending");
}

tasker_status tkr_script_run(tasker_db *db, const char *name, const char *text)
{
    tkr_script s;
    tkr_deadline deadline = tkr_deadline_in(db->timeout_ms);
    tkr_link_start_running(db);
    tasker_status status = tkr_script_start(&s, db, text);
    while (status == TASKER_AGAIN && (status = tkr_script_step(&s)) == TASKER_AGAIN)
        status = wait_for(&s, deadline);
    /* As in an exchange: a cancel request that hit nothing may still be on its way to a later call. */
    if (tkr_link_stop_running(db) > (db->error.status == TASKER_CANCELLED))
        db->tainted = true;
    if (!db->lost && !db->tainted)
        PQsetnonblocking(db->conn, s.was_nonblocking);
    if (db->error.status != TASKER_OK)
        snprintf(db->error.statement, sizeof db->error.statement, "%s", name);
    return db->error.status;
}
