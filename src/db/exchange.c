/* SPDX-License-Identifier: MIT */
#include "db/exchange.h"
#include <arpa/inet.h>
#include <errno.h>
#include <libpq-fe.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include "db/error.h"

enum { BINARY = 1 };

/* ---- settling: from what is known to the status of each message ---- */

static size_t segment_end(const tkr_exchange *x, size_t first)
{
    while (!x->messages[first].last)
        first++;
    return first;
}

static void drop_results(tkr_exchange *x, size_t first, size_t end)
{
    for (size_t i = first; i <= end; i++) {
        PQclear(x->messages[i].result);
        x->messages[i].result = NULL;
    }
}

static void settle(tkr_exchange *x, size_t first, size_t end, tasker_status status)
{
    if (status != TASKER_OK)
        drop_results(x, first, end);
    for (size_t i = first; i <= end; i++)
        x->messages[i].status = status;
}

/*
 * Whether a segment may have reached the server whole: its Sync, without which nothing is committed, was handed to
 * libpq, and is not known to wait there still. Only of the last bytes of all can that be known.
 */
static bool may_have_left(const tkr_exchange *x, size_t end)
{
    return end < x->handed_over && (x->flushed || end + 1 < x->count);
}

/* The first statement whose fate is unknown when the answer is lost; NULL: none is. */
static const tkr_query *first_doubtful(const tkr_exchange *x, size_t first, size_t end)
{
    for (size_t i = first; i <= end && may_have_left(x, end); i++) {
        const tkr_query *q = x->messages[i].query;
        if (q->access == TKR_COMMITS || (q->access == TKR_WRITES && !x->in_transaction))
            return q;
    }
    return NULL;
}

/*
 * The link is gone or given up. A segment with an error of the server did not happen; a write outside a transaction
 * that may have left completely may have happened; everything else did not.
 */
static void settle_open(tkr_exchange *x, tasker_status status, const char *why)
{
    for (size_t i = x->next; i < x->count; i++) {
        size_t end = segment_end(x, i);
        size_t first = i;
        while (first > 0 && !x->messages[first - 1].last)
            first--;
        tasker_error *error = x->messages[i].error;
        if (error->status == TASKER_OK) {
            const tkr_query *doubtful = first_doubtful(x, first, end);
            if (doubtful != NULL)
                tkr_error_set(error, TASKER_IN_DOUBT, "%s; the write may have happened", why);
            else
                tkr_error_set(error, status, "%s", why);
            const char *name = doubtful != NULL ? doubtful->name : x->messages[first].query->name;
            strncpy(error->statement, name, sizeof error->statement - 1);
        }
        settle(x, first, end, error->status);
        i = end;
    }
    x->next = x->count;
}

static void restore(tkr_exchange *x)
{
    tasker_db *db = x->db;
    if (!db->lost && !db->tainted) {
        PQexitPipelineMode(db->conn);
        PQsetnonblocking(db->conn, x->was_nonblocking);
    }
    if (x->running)
        tkr_link_stop_running(db);
    x->running = false;
}

static tasker_status lose(tkr_exchange *x, const char *why)
{
    x->db->lost = true;
    settle_open(x, TASKER_DISCONNECTED, why);
    restore(x);
    return TASKER_OK;
}

/* What waits in libpq must stay there: PQfinish would send it, and a COMMIT happens even without its Sync. */
void tkr_exchange_abandon(tkr_exchange *x, tasker_status status, const char *why)
{
    if (!x->flushed)
        shutdown(PQsocket(x->db->conn), SHUT_RDWR);
    x->db->tainted = true;
    settle_open(x, status, why);
    restore(x);
}

/* ---- sending ---- */

typedef struct bound {
    const char *values[TKR_PARAMETERS_MAX];
    int lengths[TKR_PARAMETERS_MAX], formats[TKR_PARAMETERS_MAX];
} bound;

static void bind_parameters(const tkr_message *m, bound *b)
{
    const unsigned char *at = m->parameters;
    for (uint32_t i = 0; i < m->query->parameter_count; i++) {
        uint32_t length;
        memcpy(&length, at, sizeof length);
        int32_t n = (int32_t)ntohl(length);
        at += sizeof length;
        b->values[i] = n < 0 ? NULL : (const char *)at;
        b->lengths[i] = n < 0 ? 0 : n;
        b->formats[i] = BINARY;
        at += n < 0 ? 0 : n;
    }
}

/*
 * Begin, commit and the like get no name: there is nothing to plan, and a name can be lost, which would leave a failed
 * transaction open where the caller was promised that it ends.
 */
static bool is_named(const tasker_db *db, const tkr_query *q)
{
    bool moves = q->access == TKR_COMMITS || q->access == TKR_RUNS;
    return !db->prepared.off && (q->parameter_count > 0 || !moves);
}

static bool send_message(tkr_exchange *x, tkr_message *m)
{
    tasker_db *db = x->db;
    const tkr_query *q = m->query;
    bound b;
    tkr_prepared_entry *entry = tkr_prepared_use(&db->prepared, q, db->schema_quoted);
    if (entry == NULL)
        return false;
    bind_parameters(m, &b);
    if (!is_named(db, q))
        return PQsendQueryParams(db->conn, entry->text, (int)q->parameter_count, q->types, b.values, b.lengths,
                                 b.formats, BINARY);
    m->prepares = entry->state == TKR_PREPARED_NOT;
    if (m->prepares) {
        if (!PQsendPrepare(db->conn, entry->name, entry->text, (int)q->parameter_count, q->types))
            return false;
        entry->state = TKR_PREPARED_SENT; /* a second use in this flush must not parse it again */
    }
    return PQsendQueryPrepared(db->conn, entry->name, (int)q->parameter_count, b.values, b.lengths, b.formats, BINARY);
}

static bool send_all(tkr_exchange *x)
{
    for (size_t i = 0; i < x->count; i++) {
        if (!send_message(x, &x->messages[i]))
            return false;
        if (!x->messages[i].last)
            continue;
        x->handed_over = i + 1;
        if (!PQpipelineSync(x->db->conn))
            return false;
    }
    return true;
}

tasker_status tkr_exchange_start(tkr_exchange *x, tasker_db *db, tkr_message *messages, size_t count,
                                 tkr_deadline deadline)
{
    *x = (tkr_exchange){.db = db, .messages = messages, .count = count, .deadline = deadline};
    x->in_transaction = tkr_link_in_transaction(db);
    x->was_nonblocking = PQisnonblocking(db->conn);
    tkr_link_start_running(db);
    x->running = true;
    for (size_t i = 0; i < count; i++) {
        messages[i].status = TASKER_AGAIN;
        messages[i].result = NULL;
        messages[i].prepares = messages[i].heal = messages[i].failed = false;
    }
    if (PQsetnonblocking(db->conn, 1) != 0 || !PQenterPipelineMode(db->conn) || !send_all(x)) {
        /* Without a Sync nothing is committed, and the link is in an unknown state: out of memory, or dead. */
        if (PQstatus(db->conn) != CONNECTION_OK)
            return lose(x, "the link broke while sending");
        tkr_exchange_abandon(x, TASKER_OUT_OF_MEMORY, "out of memory while sending");
        return TASKER_OK;
    }
    x->stage = messages[0].prepares ? TKR_STAGE_PREPARE : TKR_STAGE_EXECUTE;
    return TASKER_AGAIN;
}

/* ---- receiving ---- */

static tkr_prepared_entry *entry_of(tkr_exchange *x, const tkr_message *m)
{
    return &x->db->prepared.entries[m->query->id]; /* made when the message was sent */
}

/* What names the write stays. */
static void forget_words(tasker_error *error)
{
    tasker_uuid key = error->key;
    tasker_commit commit = error->commit;
    tkr_error_clear(error);
    error->key = key;
    error->commit = commit;
}

static void take_error(tkr_exchange *x, tkr_message *m, const PGresult *result)
{
    if (m->error->status != TASKER_OK)
        return; /* the first error is the cause, the rest are consequences */
    tasker_status status = tkr_error_from_result(m->error, result, m->query);
    m->failed = true;
    /* With the link going down only the server itself can say that a statement did not come to its end. */
    const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
    bool goes_down = severity == NULL || strcmp(severity, "ERROR") != 0;
    bool by_server = strncmp(m->error->sqlstate, "57P", 3) == 0 || strncmp(m->error->sqlstate, "25P", 3) == 0;
    if (tkr_error_is_healable(result)) {
        m->error->status = TASKER_RETRY;
        m->heal = !x->in_transaction;
        if (strcmp(m->error->sqlstate, "42P05") == 0)
            entry_of(x, m)->state = TKR_PREPARED_THERE;
        else
            tkr_prepared_renew(&x->db->prepared);
    } else if (strcmp(m->error->sqlstate, "57014") == 0 && tkr_link_cancel_asked(x->db)) {
        m->error->status = TASKER_CANCELLED;
    } else if (status == TASKER_DISCONNECTED && goes_down && (!by_server || x->stage == TKR_STAGE_SYNC)) {
        m->failed = false;
        forget_words(m->error); /* they say nothing about the write: settle_open or settle_segment judges */
    }
}

/* An answer without a result, though nothing failed: libpq had no memory for it. The statement has run. */
static bool is_incomplete(const tkr_exchange *x, size_t first, size_t end)
{
    for (size_t i = first; i <= end; i++)
        if (x->messages[i].result == NULL)
            return true;
    return false;
}

static void settle_segment(tkr_exchange *x)
{
    size_t end = x->next, first = end;
    while (first > 0 && !x->messages[first - 1].last)
        first--;
    tasker_error *error = x->messages[end].error;
    if (error->status == TASKER_OK && is_incomplete(x, first, end)) {
        bool doubt = first_doubtful(x, first, end) != NULL;
        tkr_error_set(error, doubt ? TASKER_IN_DOUBT : TASKER_OUT_OF_MEMORY, "out of memory for the answer");
    }
    settle(x, first, end, error->status);
}

static bool take_result(tkr_exchange *x, PGresult *result)
{
    tkr_message *m = &x->messages[x->next];
    ExecStatusType kind = PQresultStatus(result);
    if (kind == PGRES_PIPELINE_SYNC && x->stage == TKR_STAGE_SYNC) {
        settle_segment(x);
        x->next++;
        if (x->next < x->count)
            x->stage = x->messages[x->next].prepares ? TKR_STAGE_PREPARE : TKR_STAGE_EXECUTE;
    } else if (kind == PGRES_FATAL_ERROR) {
        take_error(x, m, result);
    } else if (kind == PGRES_COMMAND_OK && x->stage == TKR_STAGE_PREPARE) {
        entry_of(x, m)->state = TKR_PREPARED_THERE;
    } else if ((kind == PGRES_COMMAND_OK || kind == PGRES_TUPLES_OK) && x->stage == TKR_STAGE_EXECUTE) {
        m->result = result;
        return true;
    } else if (kind != PGRES_PIPELINE_ABORTED) {
        return false;
    }
    PQclear(result);
    return true;
}

/* libpq ends each command's answers with NULL, but not the Sync's. */
static void end_of_answers(tkr_exchange *x)
{
    if (x->stage == TKR_STAGE_PREPARE) {
        x->stage = TKR_STAGE_EXECUTE;
    } else if (x->stage == TKR_STAGE_EXECUTE && x->messages[x->next].last) {
        x->stage = TKR_STAGE_SYNC;
    } else if (x->stage == TKR_STAGE_EXECUTE) {
        x->next++;
        x->stage = x->messages[x->next].prepares ? TKR_STAGE_PREPARE : TKR_STAGE_EXECUTE;
    }
}

static void forget_unanswered_prepares(tkr_exchange *x)
{
    for (size_t i = 0; i < x->db->prepared.count; i++)
        if (x->db->prepared.entries[i].state == TKR_PREPARED_SENT)
            x->db->prepared.entries[i].state = TKR_PREPARED_NOT;
}

static tasker_status finish(tkr_exchange *x)
{
    tasker_db *db = x->db;
    unsigned hits = 0;
    for (size_t i = 0; i < x->count; i++)
        hits += x->messages[i].last && x->messages[i].status == TASKER_CANCELLED;
    forget_unanswered_prepares(x);
    x->running = false;
    unsigned cancels = tkr_link_stop_running(db);
    db->tainted = false;
    restore(x);
    /* A cancel request that has hit nothing yet may be on its way to a later round, or to a later call. */
    db->tainted = cancels > hits;
    return TASKER_OK;
}

/* Takes all answers that are here. */
static tasker_status collect(tkr_exchange *x)
{
    PGconn *conn = x->db->conn;
    while (x->next < x->count && !PQisBusy(conn)) {
        PGresult *result = PQgetResult(conn);
        if (result == NULL && PQstatus(conn) != CONNECTION_OK)
            return lose(x, "the server closed the connection");
        if (result == NULL) {
            if (x->stage == TKR_STAGE_SYNC)
                break; /* an error at the commit is followed by a NULL of its own */
            end_of_answers(x);
        } else if (!take_result(x, result)) {
            PQclear(result);
            tkr_exchange_abandon(x, TASKER_PROTOCOL, "the server answered out of turn");
            return TASKER_OK;
        }
    }
    return x->next == x->count ? finish(x) : TASKER_AGAIN;
}

tasker_status tkr_exchange_step(tkr_exchange *x)
{
    PGconn *conn = x->db->conn;
    if (!x->flushed) {
        int left = PQflush(conn);
        x->flushed = left == 0;
        if (left < 0 && PQstatus(conn) != CONNECTION_OK)
            return lose(x, "the link broke while sending");
    }
    if (!PQconsumeInput(conn)) {
        /* what the server said before it went is parsed already or will be now */
        tasker_status status = collect(x);
        return status == TASKER_AGAIN ? lose(x, "the server closed the connection") : status;
    }
    return collect(x);
}

short tkr_exchange_want(const tkr_exchange *x)
{
    return (short)(x->flushed ? POLLIN : POLLIN | POLLOUT);
}

/* A peer that keeps talking does not prolong the call: the clock is looked at before every wait. */
bool tkr_exchange_wait(tkr_exchange *x)
{
    struct pollfd fd = {PQsocket(x->db->conn), tkr_exchange_want(x), 0};
    int ms = tkr_deadline_poll_ms(x->deadline), ready = ms == 0 ? 0 : poll(&fd, 1, ms);
    bool interrupted = ready < 0 && errno == EINTR;
    if (ready > 0 || (interrupted && !x->db->interruptible))
        return true;
    if (ready == 0)
        tkr_exchange_abandon(x, TASKER_TIMEOUT, "no answer within the deadline");
    else if (interrupted)
        tkr_exchange_abandon(x, TASKER_INTERRUPTED, "a signal ended the wait");
    else
        tkr_exchange_abandon(x, TASKER_DISCONNECTED, "poll failed");
    return false;
}

void tkr_exchange_run(tasker_db *db, tkr_message *messages, size_t count, tkr_deadline deadline)
{
    tkr_exchange x;
    tasker_status status = tkr_exchange_start(&x, db, messages, count, deadline);
    while (status == TASKER_AGAIN && (status = tkr_exchange_step(&x)) == TASKER_AGAIN)
        if (!tkr_exchange_wait(&x))
            return;
}
