/* SPDX-License-Identifier: MIT */
#include "model/session.h"
#include <string.h>
#include "model/queue_backend.h"
#include "statements.h"
#include "tasker/version.h"
#include "value/error.h"

typedef struct installed {
    bool tables, versions, synchronous_commit;
    tasker_text server_encoding;
    bool in_recovery;
    tkr_backend_found queue;
} installed;
static const tkr_column installed_columns[] = {
    TKR_COLUMN(installed, tables),
    TKR_COLUMN(installed, versions),
    TKR_COLUMN(installed, synchronous_commit),
    TKR_COLUMN(installed, server_encoding),
    TKR_COLUMN(installed, in_recovery),
    TKR_NAMED_COLUMN(installed, queue.pgmq, "pgmq"),
    TKR_NAMED_COLUMN(installed, queue.pgmq_headers, "pgmq_headers"),
    TKR_NAMED_COLUMN(installed, queue.own, "own_queue"),
    TKR_NAMED_COLUMN(installed, queue.notify_table, "queue_notify"),
    {"queue_setting", TKR_TEXT, offsetof(installed, queue.setting), TKR_ABSENT, NULL},
    TKR_END_COLUMNS,
};
const tkr_entity tkr_entity_installed = {"installed", sizeof(installed), installed_columns};

typedef struct schema_version {
    int32_t version;
} schema_version;
static const tkr_column version_columns[] = {TKR_COLUMN(schema_version, version), TKR_END_COLUMNS};
const tkr_entity tkr_entity_schema_version = {"schema_version", sizeof(schema_version), version_columns};

typedef struct prepared_name {
    tasker_text name;
} prepared_name;
static const tkr_column name_columns[] = {TKR_COLUMN(prepared_name, name), TKR_END_COLUMNS};
const tkr_entity tkr_entity_prepared_name = {"prepared_name", sizeof(prepared_name), name_columns};

static tasker_status finish_known(tkr_call *call)
{
    for (int i = 0; i < tkr_rows(call, 0); i++) {
        prepared_name p;
        tasker_status status = tkr_read_row(call, 0, i, &p);
        if (status != TASKER_OK)
            return status;
        if (!tkr_prepared_know(&call->db->prepared, p.name.ptr))
            return tkr_error_set(call->error, TASKER_OUT_OF_MEMORY, "out of memory");
    }
    return TASKER_OK;
}

static tasker_status find_known(tasker_db *db)
{
    bool off = db->prepared.off;
    db->prepared.off = true; /* lest the question itself be prepared a second time */
    tkr_call call = tkr_begin(db);
    tkr_add_db_wrap__known(&call);
    tasker_status status = tkr_run(&call, finish_known, NULL);
    db->prepared.off = off;
    return status;
}

static tasker_status check_version(tkr_call *call, uint32_t i)
{
    tasker_db *db = call->db;
    schema_version v;
    tasker_status status = tkr_read_row(call, i, 0, &v);
    if (status != TASKER_OK)
        return status;
    db->session.schema_version = v.version;
    if (v.version == TASKER_SCHEMA_VERSION || db->any_schema)
        return TASKER_OK;
    return tkr_error_set(
        call->error, TASKER_SCHEMA_MISMATCH, "schema \"%s\" is at version %d, this library speaks %d: %s", db->schema,
        v.version, TASKER_SCHEMA_VERSION,
        v.version < TASKER_SCHEMA_VERSION ? "upgrade the schema (schema install)" : "use a newer library");
}

static tasker_status check_installed(tkr_call *call, const installed *found)
{
    tasker_db *db = call->db;
    db->session.synchronous_commit = found->synchronous_commit;
    db->session.schema_version = 0;
    if (strcmp(found->server_encoding.ptr, "UTF8") != 0)
        return tkr_error_set(call->error, TASKER_UNSUPPORTED, "the database's encoding is %s, not UTF8",
                             found->server_encoding.ptr);
    if (found->versions || db->any_schema)
        return TASKER_OK;
    return tkr_error_set(call->error, TASKER_SCHEMA_MISMATCH,
                         found->tables
                             ? "schema \"%s\" was made by another program: open it as it is (option any_schema) or "
                               "adopt it first (schema adopt)"
                             : "schema \"%s\" has no tables of ours: install them first (schema install)",
                         db->schema);
}

typedef struct opening {
    tkr_backend_found queue;
    tkr_backend_asked asked;
} opening;
_Static_assert(sizeof(opening) <= TKR_CALL_CONTEXT, "opening fits into the context");

static tasker_status finish_versions(tkr_call *call)
{
    const opening *o = (const opening *)(const void *)call->context;
    schema_version queue = {0};
    tasker_status status = TASKER_OK;
    for (uint32_t i = 0; i < TKR_CALL_PARTS && call->answers[i] != NULL && status == TASKER_OK; i++)
        if (call->answered[i] == &tkr_statements[TKR_STATEMENT_schema_version])
            status = check_version(call, i);
        else
            status = tkr_read_row(call, i, 0, &queue);
    if (status == TASKER_OK)
        tkr_backend_choose(call->db, &o->queue, o->asked, queue.version);
    return status;
}

static tasker_status finish_find(tkr_call *call)
{
    opening *o = (opening *)(void *)call->context;
    installed found;
    tasker_status status = tkr_read_row(call, 0, 0, &found);
    if (status == TASKER_OK)
        status = check_installed(call, &found);
    if (status != TASKER_OK)
        return status;
    o->queue = found.queue;
    o->asked = tkr_backend_ask(call->db, found.queue.setting);
    if (!found.versions && !found.queue.own)
        return tkr_backend_choose(call->db, &o->queue, o->asked, 0), TASKER_OK;
    if (found.versions)
        tkr_add_schema_version(call);
    if (found.queue.own)
        tkr_add_db_open__queue_version(call);
    call->finish = finish_versions;
    return TASKER_AGAIN;
}

/* Two rounds, because what may be missing can only be named once it is known to be there. */
tasker_status tkr_session_look(tasker_db *db)
{
    tkr_call call = tkr_begin_now(db);
    if (call.status == TASKER_OK)
        tkr_add_db_open__find(&call, tasker_text_of(db->schema));
    return tkr_run(&call, finish_find, NULL);
}

tasker_status tkr_session_check(tasker_db *db)
{
    tasker_status status = tkr_link_check_server(db);
    if (status == TASKER_OK && db->wrapped)
        status = find_known(db);
    return status == TASKER_OK ? tkr_session_look(db) : status;
}
