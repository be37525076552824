/* SPDX-License-Identifier: MIT */
/* Transactions and savepoints of a handle. */
#include "model/transaction.h"
#include <string.h>
#include "db/hooks.h"
#include "statements.h"
#include "value/error.h"

typedef struct xid {
    int64_t xid;
} xid;
static const tkr_column xid_columns[] = {TKR_COLUMN(xid, xid), TKR_END_COLUMNS};
const tkr_entity tkr_entity_xid = {"xid", sizeof(xid), xid_columns};

typedef struct commit_state {
    tasker_text state;
} commit_state;
static const tkr_column state_columns[] = {TKR_OPTIONAL(commit_state, state), TKR_END_COLUMNS};
const tkr_entity tkr_entity_commit_state = {"commit_state", sizeof(commit_state), state_columns};

/* One statement each, so that a transaction that could not be had as asked is not left open as another. */
static const uint32_t begins[][2] = {
    [TASKER_ISOLATION_DEFAULT] = {TKR_STATEMENT_db_begin, TKR_STATEMENT_db_begin__read_only},
    [TASKER_ISOLATION_READ_COMMITTED] = {TKR_STATEMENT_db_begin__read_committed,
                                         TKR_STATEMENT_db_begin__read_committed_read_only},
    [TASKER_ISOLATION_REPEATABLE_READ] = {TKR_STATEMENT_db_begin__repeatable_read,
                                          TKR_STATEMENT_db_begin__repeatable_read_read_only},
    [TASKER_ISOLATION_SERIALIZABLE] = {TKR_STATEMENT_db_begin__serializable,
                                       TKR_STATEMENT_db_begin__serializable_read_only},
};

/* The transaction is over, with what hooks were still to be told about it. */
static void forget_savepoints(tasker_db *db)
{
    db->savepoint_depth = 0;
    tkr_hooks_drop(db, 0);
}

tasker_status tasker_db_begin(tasker_db *db, const tasker_transaction_options *options)
{
    static const tasker_transaction_options defaults = {0};
    const tasker_transaction_options *o = options != NULL ? options : &defaults;
    tkr_call call = tkr_begin_now(db);
    if (call.status == TASKER_OK && tkr_link_in_transaction(db))
        tkr_refuse(&call, TASKER_BUSY, "a transaction is open already");
    tkr_check_reserved(&call, o->reserved, sizeof o->reserved);
    bool known = (size_t)o->isolation < sizeof begins / sizeof *begins;
    if (!known)
        tkr_refuse(&call, TASKER_INVALID_ARGUMENT, "isolation is out of range");
    tkr_call_add(&call, known ? begins[o->isolation][o->read_only] : TKR_STATEMENT_db_begin);
    if (call.status == TASKER_OK)
        forget_savepoints(db);
    return tkr_done(&call);
}

/* COMMIT of a transaction that has failed answers ROLLBACK, and no error. */
static tasker_status finish_commit(tkr_call *call)
{
    if (strcmp(tkr_tag(call, 0), "COMMIT") == 0) {
        tkr_hooks_commit(call->db, (int64_t)call->commit.xid);
        return TASKER_OK;
    }
    return tkr_error_set(call->error, TASKER_RETRY, "the transaction had failed before; it was rolled back");
}

static tasker_status finish_xid(tkr_call *call)
{
    if (call->answered[0] == &tkr_statements[TKR_STATEMENT_db_commit])
        return finish_commit(call);
    xid x;
    tasker_status status = tkr_read_row(call, 0, 0, &x);
    if (status != TASKER_OK)
        return status;
    call->commit = (tasker_commit){(uint64_t)x.xid};
    tkr_add_db_commit(call);
    return TASKER_AGAIN;
}

/* What failed is told, not how its transaction ended: rolled back here, or with the link. */
static tasker_status end_failed(tasker_db *db, tasker_status status)
{
    tasker_error error = db->error;
    bool open = tasker_db_session(db)->usable && tasker_db_session(db)->in_transaction;
    tasker_status ended = open ? tasker_db_rollback(db) : TASKER_OK;
    (void)ended;
    db->error = error;
    return status;
}

tasker_status tasker_db_commit(tasker_db *db)
{
    tkr_call call = tkr_begin_now(db);
    if (call.status == TASKER_OK && !tkr_link_in_transaction(db))
        call.status = TASKER_NOOP;
    if (call.status != TASKER_OK)
        return tkr_abandon(&call);
    bool failed = tkr_link_transaction_failed(db);
    if (failed)
        tkr_add_db_commit(&call);
    else
        tkr_add_db_commit__xid(&call);
    tasker_status status = tkr_run(&call, failed ? finish_commit : finish_xid, NULL);
    if (!tasker_db_session(db)->in_transaction)
        forget_savepoints(db);
    /* Asking for the id may have failed without the link; the promise is that the transaction ends. */
    return status == TASKER_OK ? status : end_failed(db, status);
}

tasker_status tasker_db_rollback(tasker_db *db)
{
    tkr_call call = tkr_begin_now(db);
    if (call.status == TASKER_OK && !tkr_link_in_transaction(db))
        call.status = TASKER_NOOP;
    tkr_add_db_rollback(&call);
    tasker_status status = tkr_done(&call);
    if (status == TASKER_OK) {
        forget_savepoints(db);
        db->floors = (tkr_floors){0}; /* what was claimed is where it was */
    }
    return status;
}

static tasker_status finish_resolve(tkr_call *call)
{
    commit_state s;
    tasker_status status = tkr_read_row(call, 0, 0, &s);
    if (status != TASKER_OK)
        return status;
    if (s.state.ptr == NULL)
        return tkr_error_set(call->error, TASKER_NOT_FOUND, "the server has forgotten this transaction");
    if (strcmp(s.state.ptr, "in progress") == 0)
        return tkr_error_set(call->error, TASKER_IN_DOUBT, "the transaction is still running");
    bool committed = strcmp(s.state.ptr, "committed") == 0;
    if (call->out != NULL)
        memcpy(call->out, &committed, sizeof committed);
    return TASKER_OK;
}

tasker_status tasker_db_resolve(tasker_db *db, tasker_commit commit, bool *out)
{
    tkr_call call = tkr_begin_now(db);
    if (commit.xid == 0 || commit.xid > INT64_MAX)
        tkr_refuse(&call, TASKER_INVALID_ARGUMENT, "commit names no transaction");
    tkr_add_db_resolve(&call, (int64_t)commit.xid);
    tasker_status status = tkr_run(&call, finish_resolve, out);
    /* An id that the server has not given out yet: it crashed and lost the transaction, the commit included. */
    if (status == TASKER_DATABASE && strcmp(db->error.sqlstate, "22023") == 0) {
        tkr_error_clear(&db->error);
        if (out != NULL)
            *out = false;
        status = TASKER_OK;
    }
    return status;
}

/* ---- numbered rows ---- */

static tasker_status run_and_commit(tasker_db *db, tkr_numbered run, void *context)
{
    tasker_status status = tasker_db_begin(db, NULL);
    if (status == TASKER_OK)
        status = run(db, context);
    else
        return status;
    return status == TASKER_OK ? tasker_db_commit(db) : end_failed(db, status);
}

tasker_status tkr_run_numbered(tasker_db *db, tkr_numbered run, void *context)
{
    enum { TRIES = 3 }; /* outside of a transaction a call heals what a pooler loses; this one is inside */
    tkr_call call = tkr_begin(db);
    bool plain = call.queue != NULL || (call.status == TASKER_OK && tkr_link_in_transaction(db));
    tasker_status status = tkr_abandon(&call);
    if (plain && status == TASKER_OK)
        return run(db, context);
    for (int i = 0; i < TRIES && (i == 0 ? status == TASKER_OK : status == TASKER_RETRY); i++)
        status = run_and_commit(db, run, context);
    return status;
}

typedef struct creation {
    tkr_plain_create create;
    const void *inputs, *rows;
    size_t count;
    bool wanted;
} creation;

static tasker_status create(tasker_db *db, void *context)
{
    creation *c = context;
    tasker_free(c->rows);
    c->rows = NULL;
    return c->create(db, c->inputs, c->count, c->wanted ? &c->rows : NULL);
}

static void set_pointer(void *out, const void *value)
{
    if (out != NULL)
        memcpy(out, &value, sizeof value);
}

/* A queued create gives its rows later, so it gets the caller's own pointer. */
tasker_status tkr_create_numbered(tasker_db *db, tkr_plain_create plain, const void *inputs, size_t count, void *out)
{
    set_pointer(out, NULL);
    if (db != NULL && db->queue != NULL)
        return plain(db, inputs, count, out);
    creation c = {.create = plain, .inputs = inputs, .count = count, .wanted = out != NULL};
    tasker_status status = tkr_run_numbered(db, create, &c);
    if (status == TASKER_OK)
        set_pointer(out, c.rows);
    else
        tasker_free(c.rows);
    return status;
}

/* ---- savepoints: all of one name, so that a depth is all there is to remember ---- */

tasker_status tasker_db_savepoint(tasker_db *db, tasker_savepoint *out)
{
    tkr_call call = tkr_begin_now(db);
    if (call.status == TASKER_OK && !tkr_link_in_transaction(db))
        tkr_refuse(&call, TASKER_INVALID_ARGUMENT, "a savepoint needs an open transaction");
    if (out == NULL)
        tkr_refuse(&call, TASKER_INVALID_ARGUMENT, "out is required");
    tkr_add_db_savepoint(&call);
    tasker_status status = tkr_done(&call);
    if (status == TASKER_OK)
        out->depth = ++db->savepoint_depth;
    return status;
}

static void check_savepoint(tkr_call *call, tasker_savepoint savepoint)
{
    if (call->status == TASKER_OK && !tkr_link_in_transaction(call->db))
        tkr_refuse(call, TASKER_INVALID_ARGUMENT, "no transaction is open");
    if (call->status == TASKER_OK && (savepoint.depth == 0 || savepoint.depth > call->db->savepoint_depth))
        tkr_refuse(call, TASKER_INVALID_ARGUMENT, "no such savepoint in this transaction");
}

/* One level at a time, because a failed transaction refuses a release that no rollback precedes. */
tasker_status tasker_db_rollback_to(tasker_db *db, tasker_savepoint savepoint)
{
    tasker_status status = TASKER_OK;
    for (bool last = false; status == TASKER_OK && !last;) {
        tkr_call call = tkr_begin_now(db);
        check_savepoint(&call, savepoint);
        last = call.status == TASKER_OK && db->savepoint_depth == savepoint.depth;
        tkr_add_db_rollback_to(&call);
        if (!last)
            tkr_add_db_release(&call);
        status = tkr_done(&call);
        if (status == TASKER_OK) {
            tkr_hooks_drop(db, db->savepoint_depth);
            db->floors = (tkr_floors){0};
        }
        if (status == TASKER_OK && !last)
            db->savepoint_depth--;
    }
    return status;
}

tasker_status tasker_db_release(tasker_db *db, tasker_savepoint savepoint)
{
    tasker_status status = TASKER_OK;
    for (bool last = false; status == TASKER_OK && !last;) {
        tkr_call call = tkr_begin_now(db);
        check_savepoint(&call, savepoint);
        last = call.status == TASKER_OK && db->savepoint_depth == savepoint.depth;
        tkr_add_db_release(&call);
        status = tkr_done(&call);
        if (status == TASKER_OK)
            tkr_hooks_release(db, db->savepoint_depth--);
    }
    return status;
}
