/* SPDX-License-Identifier: MIT */
/* Opening, closing and mending of handles. Transactions stand in transaction.c. */
#include "tasker/db.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "db/hooks.h"
#include "model/handle.h"
#include "model/schema_text.h"
#include "model/session.h"
#include "statements.h"
#include "tasker/version.h"
#include "value/error.h"
#include "value/limits.h"
#include "value/text.h"

enum { CONNECT_TIMEOUT_MS = 10000, CALL_TIMEOUT_MS = 30000 };

typedef struct moment {
    tasker_time now;
} moment;
static const tkr_column moment_columns[] = {TKR_COLUMN(moment, now), TKR_END_COLUMNS};
const tkr_entity tkr_entity_moment = {"moment", sizeof(moment), moment_columns};

/* ---- making and freeing ---- */

static char *copy_text(tasker_text text)
{
    char *copy = malloc(text.len + 1);
    if (copy != NULL) {
        if (text.len > 0)
            memcpy(copy, text.ptr, text.len);
        copy[text.len] = '\0';
    }
    return copy;
}

static bool is_text(tasker_text text, size_t most)
{
    return text.len <= most && (text.ptr != NULL || text.len == 0) && tkr_utf8_valid(text.ptr, text.len, NULL);
}

static tasker_status check_options(const tasker_db_options *o, tasker_limits *limits, tasker_error *error)
{
    const uint64_t none[4] = {0};
    if (memcmp(o->reserved, none, sizeof o->reserved) != 0)
        return tkr_error_set(error, TASKER_UNSUPPORTED, "a reserved word of the options is set");
    if (o->connect_timeout_ms < -1 || o->call_timeout_ms < -1)
        return tkr_error_set(error, TASKER_INVALID_ARGUMENT, "a timeout is below -1");
    if (o->ageing != TASKER_AGEING_COMPATIBLE && o->ageing != TASKER_AGEING_MONOTONE)
        return tkr_error_set(error, TASKER_INVALID_ARGUMENT, "no such ageing");
    if ((uint32_t)o->queue_backend > TASKER_QUEUE_BACKEND_NONE)
        return tkr_error_set(error, TASKER_UNSUPPORTED, "no such queue_backend");
    if (!is_text(o->schema, 63) || (o->schema.ptr != NULL && o->schema.len == 0))
        return tkr_error_set(error, TASKER_INVALID_ARGUMENT, "schema is not a name of 1 to 63 bytes of UTF-8");
    if (!is_text(o->application_name, 63))
        return tkr_error_set(error, TASKER_INVALID_ARGUMENT, "application_name is not UTF-8 of at most 63 bytes");
    if (o->event_capacity < 0)
        return tkr_error_set(error, TASKER_INVALID_ARGUMENT, "event_capacity is negative");
    if (o->hooks != NULL && memcmp(o->hooks->reserved, none, sizeof none) != 0)
        return tkr_error_set(error, TASKER_UNSUPPORTED, "a reserved word of the hooks is set");
    if (tkr_limits_reserved(&o->limits))
        return tkr_error_set(error, TASKER_UNSUPPORTED, "a reserved word of the limits is set");
    if (!tkr_limits_or_defaults(&o->limits, limits))
        return tkr_error_set(error, TASKER_INVALID_ARGUMENT, "a limit is negative");
    return TASKER_OK;
}

static void free_handle(tasker_db *db)
{
    tkr_prepared_free(&db->prepared);
    tkr_hooks_close(db->hooks);
    free(db->conninfo);
    free(db->application_name);
    free(db->schema);
    free(db->schema_quoted);
    tasker_uuid_generator_close(db->generator);
    pthread_mutex_destroy(&db->cancel_lock);
    free(db);
}

static bool fill_handle(tasker_db *db, const tasker_db_options *o)
{
    static const tasker_text default_schema = TASKER_TEXT("public");
    db->pid = getpid();
    db->connect_timeout_ms = o->connect_timeout_ms != 0 ? o->connect_timeout_ms : CONNECT_TIMEOUT_MS;
    db->default_timeout_ms = o->call_timeout_ms != 0 ? o->call_timeout_ms : CALL_TIMEOUT_MS;
    db->timeout_ms = db->default_timeout_ms;
    db->require_tls = o->require_tls;
    db->interruptible = o->interruptible;
    db->ageing = o->ageing;
    db->any_schema = o->any_schema;
    db->notify_ready = o->notify_ready;
    db->queue_option = o->queue_backend;
    db->prepared.off = o->unprepared;
    db->schema = copy_text(o->schema.ptr != NULL ? o->schema : default_schema);
    db->schema_quoted = db->schema != NULL ? tkr_quote_identifier(db->schema) : NULL;
    db->application_name = o->application_name.ptr != NULL ? copy_text(o->application_name) : NULL;
    bool hooked = o->hooks != NULL || o->event_capacity > 0;
    db->hooks = hooked ? tkr_hooks_open(o->hooks, (size_t)o->event_capacity) : NULL;
    return (db->hooks != NULL || !hooked) && db->schema_quoted != NULL &&
           (o->application_name.ptr == NULL || db->application_name != NULL);
}

static tasker_status make_handle(const tasker_db_options *options, tasker_error *error, tasker_db **out)
{
    static const tasker_db_options defaults = {0};
    const tasker_db_options *o = options != NULL ? options : &defaults;
    tasker_limits limits;
    tasker_status status = check_options(o, &limits, error);
    if (status != TASKER_OK)
        return status;
    tasker_db *db = calloc(1, sizeof *db);
    if (db == NULL || pthread_mutex_init(&db->cancel_lock, NULL) != 0) {
        free(db);
        return tkr_error_set(error, TASKER_OUT_OF_MEMORY, "out of memory");
    }
    db->limits = limits;
    tkr_error_clear(&db->error);
    if (!fill_handle(db, o))
        status = tkr_error_set(error, TASKER_OUT_OF_MEMORY, "out of memory");
    else if (o->source != NULL)
        status = tasker_uuid_generator_open(o->source, &db->generator);
    if (status == TASKER_OK)
        *out = db;
    else
        free_handle(db);
    return status;
}

static tasker_status finish_open(tasker_db *db, tasker_status status, tasker_error *error, tasker_db **out)
{
    if (status == TASKER_OK)
        status = tkr_session_check(db);
    if (status == TASKER_OK) {
        *out = db;
        return status;
    }
    if (error != NULL && db->error.status != TASKER_OK)
        *error = db->error;
    tasker_db_close(db);
    return status;
}

tasker_status tkr_db_make(tasker_text conninfo, const tasker_db_options *options, tasker_error *error, tasker_db **out)
{
    tasker_db *db = NULL;
    if (!is_text(conninfo, 65536))
        return tkr_error_set(error, TASKER_INVALID_ARGUMENT, "conninfo is not UTF-8 without NUL, or too long");
    tasker_status status = make_handle(options, error, &db);
    if (status != TASKER_OK)
        return status;
    db->conninfo = copy_text(conninfo);
    if (db->conninfo == NULL)
        status = tkr_error_set(error, TASKER_OUT_OF_MEMORY, "out of memory");
    if (status == TASKER_OK)
        status = tkr_link_check_conninfo(db->conninfo, error);
    if (status == TASKER_OK)
        *out = db;
    else
        free_handle(db);
    return status;
}

tasker_status tasker_db_open(tasker_text conninfo, const tasker_db_options *options, tasker_error *error,
                             tasker_db **out)
{
    tasker_db *db = NULL;
    if (out == NULL)
        return tkr_error_set(error, TASKER_INVALID_ARGUMENT, "out is required");
    *out = NULL;
    if (error != NULL)
        *error = (tasker_error){.item = -1};
    tasker_status status = tkr_db_make(conninfo, options, error, &db);
    if (status != TASKER_OK)
        return status;
    return finish_open(db, tkr_link_connect(db, error), error, out);
}

tasker_status tasker_db_wrap(struct pg_conn *conn, const tasker_db_options *options, tasker_error *error,
                             tasker_db **out)
{
    tasker_db *db = NULL;
    if (out == NULL)
        return tkr_error_set(error, TASKER_INVALID_ARGUMENT, "out is required");
    *out = NULL;
    if (error != NULL)
        *error = (tasker_error){.item = -1};
    tasker_status status = make_handle(options, error, &db);
    if (status != TASKER_OK)
        return status;
    status = tkr_link_adopt(db, conn, error);
    return finish_open(db, status, error, out);
}

void tasker_db_close(tasker_db *db)
{
    if (db == NULL || db->queue != NULL || db->pooled) /* these go with their pipeline or pool */
        return;
    tkr_link_disconnect(db);
    free_handle(db);
}

/* ---- mending ---- */

static tasker_status reconnect(tasker_db *db)
{
    if (db->wrapped)
        return tkr_error_set(&db->error, TASKER_UNSUPPORTED,
                             "a lost connection that was wrapped is its owner's to mend");
    tkr_link_disconnect(db);
    db->lost = true;
    return tkr_link_connect(db, &db->error);
}

tasker_status tasker_db_recover(tasker_db *db)
{
    tasker_status status = tkr_link_enter_broken(db);
    if (status != TASKER_OK)
        return status;
    if (db->queue != NULL) {
        tkr_error_set(&db->error, TASKER_UNSUPPORTED, "recover the pipeline's db, not its queueing handle");
        tkr_link_leave(db);
        return TASKER_UNSUPPORTED;
    }
    bool broken = !tkr_link_is_sound(db), open = !broken && tkr_link_in_transaction(db);
    if (broken)
        status = reconnect(db);
    tkr_link_leave(db);
    if (broken && status == TASKER_OK)
        return tkr_session_check(db);
    if (open)
        return tasker_db_rollback(db);
    return broken ? status : TASKER_NOOP;
}

/* ms, or what is left until the deadline if that is less. */
static int32_t cut_to(int32_t ms, tkr_deadline deadline)
{
    int32_t left = tkr_deadline_poll_ms(deadline);
    return left < 0 || (ms >= 0 && ms < left) ? ms : left;
}

tasker_status tkr_db_mend(tasker_db *db, tkr_deadline deadline)
{
    tasker_status status = tkr_link_enter_broken(db);
    if (status != TASKER_OK)
        return status;
    int32_t connect_ms = db->connect_timeout_ms, call_ms = db->timeout_ms;
    db->connect_timeout_ms = cut_to(connect_ms, deadline);
    status = reconnect(db);
    db->connect_timeout_ms = connect_ms;
    tkr_link_leave(db);
    db->timeout_ms = cut_to(call_ms, deadline);
    if (status == TASKER_OK)
        status = tkr_session_check(db);
    db->timeout_ms = call_ms;
    return status;
}

/* ---- small things ---- */

tasker_status tasker_db_ping(tasker_db *db)
{
    tkr_call call = tkr_begin(db);
    tkr_add_db_ping(&call);
    return tkr_done(&call);
}

static tasker_status finish_now(tkr_call *call)
{
    moment m;
    tasker_status status = tkr_read_row(call, 0, 0, &m);
    if (status == TASKER_OK && call->out != NULL)
        memcpy(call->out, &m.now, sizeof m.now);
    return status;
}

tasker_status tasker_db_now(tasker_db *db, tasker_time *out)
{
    tkr_call call = tkr_begin(db);
    tkr_add_db_now(&call);
    return tkr_run(&call, finish_now, out);
}

const tasker_error *tasker_db_error(const tasker_db *db)
{
    static const tasker_error none = {.status = TASKER_INVALID_ARGUMENT, .item = -1, .message = "no handle"};
    return db != NULL ? &db->error : &none;
}

const tasker_session *tasker_db_session(tasker_db *db)
{
    return db != NULL ? &db->session : NULL;
}

struct pg_conn *tasker_db_conn(tasker_db *db)
{
    return db != NULL ? db->conn : NULL;
}

void tasker_db_set_timeout(tasker_db *db, int32_t ms)
{
    if (db != NULL)
        db->timeout_ms = ms != 0 ? ms : db->default_timeout_ms;
}

void tasker_db_cancel(tasker_db *db)
{
    if (db != NULL)
        tkr_link_cancel(db);
}
