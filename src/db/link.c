/* SPDX-License-Identifier: MIT */
#include "db/link.h"
#include <errno.h>
#include <fcntl.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "db/deadline.h"
#include "db/error.h"
#include "db/hooks.h"

enum { OLDEST_SERVER = 140000 };

/*
 * Notices are not passed on. On an idle link the server's last words come as one, a moment before it closes the
 * socket: FATAL, or a warning of class 57P when all sessions go down with a crashed one.
 */
static void take_notice(void *context, const PGresult *result)
{
    const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    if ((severity != NULL && strcmp(severity, "FATAL") == 0) || (sqlstate != NULL && strncmp(sqlstate, "57P", 3) == 0))
        ((tasker_db *)context)->dismissed = true;
}

/* The last value of a keyword wins, so what stands behind "dbname" overrides the connection string. */
static PGconn *start(const tasker_db *db)
{
    const char *keywords[8], *values[8];
    size_t n = 0;
    keywords[n] = "dbname";
    values[n++] = db->conninfo;
    keywords[n] = "client_encoding";
    values[n++] = "UTF8";
    keywords[n] = "fallback_application_name";
    values[n++] = "libtasker";
    if (db->application_name != NULL) {
        keywords[n] = "application_name";
        values[n++] = db->application_name;
    }
    keywords[n] = NULL;
    values[n] = NULL;
    return PQconnectStartParams(keywords, values, 1);
}

/* sslmode=verify-full must have been asked for and TLS must be in use; a unix socket is not TLS. */
static tasker_status check_tls(PGconn *conn, tasker_error *error)
{
    bool full = false;
    PQconninfoOption *options = PQconninfo(conn);
    for (PQconninfoOption *o = options; o != NULL && o->keyword != NULL; o++)
        if (strcmp(o->keyword, "sslmode") == 0 && o->val != NULL && strcmp(o->val, "verify-full") == 0)
            full = true;
    PQconninfoFree(options);
    if (full && PQsslInUse(conn))
        return TASKER_OK;
    return tkr_error_set(error, TASKER_DENIED, "require_tls: the link is not TLS with sslmode=verify-full");
}

tasker_status tkr_link_connect_start(tasker_db *db, tasker_error *error)
{
    PGconn *conn = start(db);
    if (conn == NULL)
        return tkr_error_set(error, TASKER_OUT_OF_MEMORY, "out of memory");
    PQsetErrorVerbosity(conn, PQERRORS_VERBOSE);
    PQsetNoticeReceiver(conn, take_notice, db);
    db->conn = conn;
    db->lost = true; /* until it is whole */
    db->connect_events = POLLOUT;
    if (PQstatus(conn) != CONNECTION_BAD)
        return TASKER_AGAIN;
    tasker_status status = tkr_error_from_connect(error, conn);
    tkr_link_disconnect(db);
    return status;
}

tasker_status tkr_link_connect_step(tasker_db *db, tasker_error *error)
{
    tasker_status status = TASKER_OK;
    PostgresPollingStatusType want = PQconnectPoll(db->conn);
    db->connect_events = want == PGRES_POLLING_READING ? POLLIN : POLLOUT;
    if (want == PGRES_POLLING_FAILED)
        status = tkr_error_from_connect(error, db->conn);
    else if (want != PGRES_POLLING_OK)
        return TASKER_AGAIN;
    else if (db->require_tls)
        status = check_tls(db->conn, error);
    if (status != TASKER_OK) {
        tkr_link_disconnect(db);
        return status;
    }
    PQsetErrorVerbosity(db->conn, PQERRORS_DEFAULT);
    tkr_prepared_reset(&db->prepared);
    db->lost = db->tainted = db->dismissed = false;
    db->savepoint_depth = 0;
    tkr_hooks_drop(db, 0);
    tkr_link_refresh_session(db);
    return TASKER_OK;
}

static tasker_status wait_for_connect(tasker_db *db, tkr_deadline deadline, tasker_error *error)
{
    for (;;) {
        struct pollfd fd = {PQsocket(db->conn), db->connect_events, 0};
        int ready = poll(&fd, 1, tkr_deadline_poll_ms(deadline));
        if (ready > 0)
            return TASKER_OK;
        if (ready == 0)
            return tkr_error_set(error, TASKER_TIMEOUT, "no connection within %d ms", db->connect_timeout_ms);
        if (errno != EINTR)
            return tkr_error_set(error, TASKER_DISCONNECTED, "poll failed: errno %d", errno);
        if (db->interruptible)
            return tkr_error_set(error, TASKER_INTERRUPTED, "a signal ended the wait for a connection");
    }
}

tasker_status tkr_link_connect(tasker_db *db, tasker_error *error)
{
    tkr_deadline deadline = tkr_deadline_in(db->connect_timeout_ms);
    tasker_status status = tkr_link_connect_start(db, error);
    while (status == TASKER_AGAIN) {
        status = wait_for_connect(db, deadline, error);
        if (status == TASKER_OK)
            status = tkr_link_connect_step(db, error);
        else
            tkr_link_disconnect(db);
    }
    return status;
}

tasker_status tkr_link_adopt(tasker_db *db, PGconn *conn, tasker_error *error)
{
    if (conn == NULL)
        return tkr_error_set(error, TASKER_INVALID_ARGUMENT, "conn is required");
    if (PQstatus(conn) != CONNECTION_OK)
        return tkr_error_set(error, TASKER_DISCONNECTED, "the connection to wrap is not open");
    db->conn = conn;
    db->wrapped = true;
    tkr_link_refresh_session(db);
    return TASKER_OK;
}

/* libpq's own complaint is not passed on: it may repeat the password. */
tasker_status tkr_link_check_conninfo(const char *conninfo, tasker_error *error)
{
    char *complaint = NULL;
    PQconninfoOption *parsed = PQconninfoParse(conninfo, &complaint);
    PQfreemem(complaint);
    PQconninfoFree(parsed);
    if (parsed == NULL)
        return tkr_error_set(error, TASKER_INVALID_ARGUMENT, "conninfo is neither a connection string nor a URI");
    return TASKER_OK;
}

static bool parameter_is(tasker_db *db, const char *name, const char *value)
{
    const char *found = PQparameterStatus(db->conn, name);
    return found != NULL && strcmp(found, value) == 0;
}

tasker_status tkr_link_check_server(tasker_db *db)
{
    if (PQserverVersion(db->conn) < OLDEST_SERVER)
        return tkr_error_set(&db->error, TASKER_UNSUPPORTED, "PostgreSQL %d is too old; 14 is the oldest that works",
                             PQserverVersion(db->conn) / 10000);
    if (!parameter_is(db, "client_encoding", "UTF8"))
        return tkr_error_set(&db->error, TASKER_UNSUPPORTED, "the connection's client_encoding is not UTF8");
    if (!parameter_is(db, "integer_datetimes", "on"))
        return tkr_error_set(&db->error, TASKER_UNSUPPORTED, "the server does not keep times as integers");
    return TASKER_OK;
}

/*
 * PQfinish says goodbye to the server, on a socket that the parent still uses. Pointing the child's descriptor
 * elsewhere first lets libpq free its memory without that.
 */
static void finish_in_child(PGconn *conn)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0)
        return; /* better to leak than to speak on the parent's wire */
    if (PQsocket(conn) < 0 || dup2(null, PQsocket(conn)) >= 0)
        PQfinish(conn);
    close(null);
}

void tkr_link_disconnect(tasker_db *db)
{
    if (db->conn == NULL || db->wrapped)
        return;
    if (db->pid == getpid())
        PQfinish(db->conn);
    else
        finish_in_child(db->conn);
    db->conn = NULL;
}

int tkr_link_socket(const tasker_db *db)
{
    return db->conn != NULL ? PQsocket(db->conn) : -1;
}

bool tkr_link_has_ready_set(const tasker_db *db)
{
    return db->session.schema_version >= 1;
}

bool tkr_link_in_transaction(const tasker_db *db)
{
    PGTransactionStatusType t = PQtransactionStatus(db->conn);
    return t == PQTRANS_INTRANS || t == PQTRANS_INERROR;
}

bool tkr_link_transaction_failed(const tasker_db *db)
{
    return PQtransactionStatus(db->conn) == PQTRANS_INERROR;
}

void tkr_link_refresh_session(tasker_db *db)
{
    tasker_session *s = &db->session;
    s->schema = (tasker_text){db->schema, strlen(db->schema)};
    s->usable = db->conn != NULL && !db->lost && !db->tainted && PQstatus(db->conn) == CONNECTION_OK;
    s->unprepared = db->prepared.off;
    s->in_transaction = s->usable && tkr_link_in_transaction(db);
    s->transaction_failed = s->usable && tkr_link_transaction_failed(db);
    if (!s->usable)
        return;
    s->server_version = PQserverVersion(db->conn);
    s->backend_pid = PQbackendPID(db->conn);
    s->tls = PQsslInUse(db->conn) != 0;
}

static tasker_status take(tasker_db *db)
{
    if (db == NULL)
        return TASKER_INVALID_ARGUMENT;
    if (db->pid != getpid())
        return tkr_error_set(&db->error, TASKER_FORKED, "this handle belongs to the parent process");
    if (atomic_exchange_explicit(&db->busy, true, memory_order_acquire))
        return TASKER_BUSY; /* another thread owns db->error now: leave it alone */
    tkr_error_clear(&db->error);
    pthread_mutex_lock(&db->cancel_lock);
    db->cancels = 0;
    pthread_mutex_unlock(&db->cancel_lock);
    return TASKER_OK;
}

static tasker_status refuse(tasker_db *db, tasker_status status, const char *message)
{
    tkr_error_set(&db->error, status, "%s", message);
    tkr_link_leave(db);
    return status;
}

/*
 * Reads what came while the link was idle, so that a goodbye of the server is seen before anything is sent. Every round
 * parses first: the goodbye may have come in one read with the last answer, and the socket then has nothing to tell
 * until the server's process is gone, which is a while after its session.
 */
static bool is_alive(tasker_db *db)
{
    PGconn *conn = db->conn;
    for (;;) {
        (void)PQisBusy(conn); /* parses notices and notifications out of the way */
        struct pollfd fd = {PQsocket(conn), POLLIN, 0};
        int ready = fd.fd < 0 ? -1 : poll(&fd, 1, 0);
        if (ready == 0)
            return PQstatus(conn) == CONNECTION_OK && !db->dismissed;
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready < 0 || !PQconsumeInput(conn) || PQstatus(conn) != CONNECTION_OK)
            return false;
    }
}

bool tkr_link_is_sound(tasker_db *db)
{
    if (db->conn == NULL || db->lost || db->tainted)
        return false;
    db->lost = !is_alive(db);
    return !db->lost;
}

tasker_status tkr_link_enter(tasker_db *db)
{
    tasker_status status = take(db);
    if (status != TASKER_OK)
        return status;
    if (db->tainted)
        return refuse(db, TASKER_TAINTED, "an earlier call was abandoned on this link: recover first");
    if (db->conn == NULL || db->lost)
        return refuse(db, TASKER_DISCONNECTED, "the link is lost: recover first");
    if (PQtransactionStatus(db->conn) == PQTRANS_ACTIVE || PQpipelineStatus(db->conn) != PQ_PIPELINE_OFF)
        return refuse(db, TASKER_BUSY, "the connection is in the middle of a command or in pipeline mode");
    if (!is_alive(db)) {
        db->lost = true;
        return refuse(db, TASKER_DISCONNECTED, "the link died while it was idle: recover first");
    }
    return TASKER_OK;
}

tasker_status tkr_link_enter_broken(tasker_db *db)
{
    return take(db);
}

void tkr_link_leave(tasker_db *db)
{
    tkr_link_refresh_session(db);
    atomic_store_explicit(&db->busy, false, memory_order_release);
}

void tkr_link_start_running(tasker_db *db)
{
    pthread_mutex_lock(&db->cancel_lock);
    db->running = true;
    pthread_mutex_unlock(&db->cancel_lock);
}

bool tkr_link_cancel_asked(tasker_db *db)
{
    pthread_mutex_lock(&db->cancel_lock);
    bool asked = db->cancels > 0;
    pthread_mutex_unlock(&db->cancel_lock);
    return asked;
}

unsigned tkr_link_stop_running(tasker_db *db)
{
    pthread_mutex_lock(&db->cancel_lock);
    unsigned cancels = db->cancels;
    db->running = false;
    pthread_mutex_unlock(&db->cancel_lock);
    return cancels;
}

/* The lock is held for the copy of the address only: PQcancel may block, the call must not wait for it. */
void tkr_link_cancel(tasker_db *db)
{
    pthread_mutex_lock(&db->cancel_lock);
    PGcancel *cancel = db->running && db->pid == getpid() ? PQgetCancel(db->conn) : NULL;
    db->cancels += cancel != NULL;
    pthread_mutex_unlock(&db->cancel_lock);
    if (cancel == NULL)
        return;
    char ignored[256];
    PQcancel(cancel, ignored, sizeof ignored);
    PQfreeCancel(cancel);
}
