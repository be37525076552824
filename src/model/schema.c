/* SPDX-License-Identifier: MIT */
/* Installing and asking for the version. The text that is run comes from schema_text.c. */
#include "model/schema.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "db/script.h"
#include "model/session.h"
#include "statements.h"
#include "tasker/version.h"
#include "value/error.h"

typedef struct found_schema {
    bool tables, versions, queue;
} found_schema;
static const tkr_column found_columns[] = {
    TKR_COLUMN(found_schema, tables),
    TKR_COLUMN(found_schema, versions),
    TKR_COLUMN(found_schema, queue),
    TKR_END_COLUMNS,
};
const tkr_entity tkr_entity_found_schema = {"found_schema", sizeof(found_schema), found_columns};

typedef struct latest_version {
    int32_t version;
    tasker_text profile;
} latest_version;
static const tkr_column latest_columns[] = {
    TKR_COLUMN(latest_version, version),
    TKR_COLUMN(latest_version, profile),
    TKR_END_COLUMNS,
};
const tkr_entity tkr_entity_latest_version = {"latest_version", sizeof(latest_version), latest_columns};

/* ---- what is there ---- */

static tasker_status finish_latest(tkr_call *call)
{
    tkr_schema_state *state = call->out;
    latest_version latest;
    if (tkr_rows(call, 0) == 0)
        return TASKER_OK;
    tasker_status status = tkr_read_row(call, 0, 0, &latest);
    if (status != TASKER_OK)
        return status;
    state->version = latest.version;
    for (tasker_schema_profile p = TASKER_SCHEMA_PROFILE_LEAN; p <= TKR_SCHEMA_PROFILE_ADOPTED; p++)
        if (strcmp(latest.profile.ptr, tkr_schema_profile_name(p)) == 0)
            state->profile = p;
    return TASKER_OK;
}

static tasker_status finish_find(tkr_call *call)
{
    tkr_schema_state *state = call->out;
    found_schema found;
    if (call->answered[0]->entity == &tkr_entity_latest_version)
        return finish_latest(call);
    tasker_status status = tkr_read_row(call, 0, 0, &found);
    if (status != TASKER_OK)
        return status;
    *state = (tkr_schema_state){.tables = found.tables, .versions = found.versions, .queue = found.queue};
    if (!found.versions)
        return TASKER_OK;
    tkr_add_schema_install__latest(call);
    return TASKER_AGAIN;
}

tasker_status tkr_schema_find(tasker_db *db, tkr_schema_state *out)
{
    tkr_call call = tkr_begin_now(db);
    if (call.status == TASKER_OK)
        tkr_add_schema_install__found(&call, tasker_text_of(db->schema));
    return tkr_run(&call, finish_find, out);
}

tasker_status tasker_schema_version(tasker_db *db, int32_t *out)
{
    tkr_schema_state state = {0};
    tasker_status status = tkr_schema_find(db, &state);
    if (status == TASKER_OK && out != NULL)
        *out = state.version;
    return status;
}

/* ---- parts of an operation ---- */

tasker_status tkr_schema_refuse(tasker_db *db, tasker_status status, const char *format, ...)
{
    char message[sizeof db->error.message];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    tkr_call call = tkr_begin_now(db);
    if (call.status == TASKER_OK)
        call.status = tkr_error_set(&db->error, status, "%s", message);
    return tkr_abandon(&call);
}

tasker_status tkr_schema_begin(tasker_db *db, const tasker_schema_options *options)
{
    static const tasker_transaction_options read_committed = {.isolation = TASKER_ISOLATION_READ_COMMITTED};
    const char *why;
    tasker_status status = db != NULL ? tkr_schema_check(options, db->schema, &why) : TASKER_OK;
    if (status != TASKER_OK)
        return tkr_schema_refuse(db, status, "%s", why);
    return tasker_db_begin(db, &read_committed);
}

tasker_status tkr_schema_end(tasker_db *db, tasker_status status)
{
    tasker_error kept = db->error;
    tasker_status rolled_back = tasker_db_rollback(db);
    if (status == TASKER_OK)
        return rolled_back;
    db->error = kept;
    return status;
}

tasker_status tkr_schema_run(tasker_db *db, const char *name, char *text)
{
    tkr_call call = tkr_begin_now(db);
    if (text == NULL)
        tkr_refuse(&call, TASKER_OUT_OF_MEMORY, "out of memory");
    if (call.status == TASKER_OK)
        call.status = tkr_script_run(db, name, text);
    free(text);
    return tkr_abandon(&call);
}

/* ---- changing ---- */

static tasker_status lock(tasker_db *db)
{
    tkr_call call = tkr_begin_now(db);
    tkr_add_schema_install__lock(&call);
    return tkr_done(&call);
}

static tasker_status change_once(tasker_db *db, const tkr_schema_change *change)
{
    tkr_schema_state found = {0};
    tasker_status status = tkr_schema_begin(db, change->options);
    if (status != TASKER_OK)
        return status;
    status = lock(db);
    if (status == TASKER_OK)
        status = tkr_schema_find(db, &found);
    if (status == TASKER_OK)
        status = change->check(db, &found, change);
    if (status == TASKER_OK)
        status = tkr_schema_run(db, change->name, change->text(db, &found, change));
    if (status == TASKER_OK)
        status = tasker_db_commit(db);
    else
        status = tkr_schema_end(db, status);
    if (status == TASKER_OK || status == TASKER_NOOP)
        db->session.schema_version = status == TASKER_OK ? change->version : found.version;
    return status;
}

/* What can be used has changed. It is done, whatever comes of the look. */
tasker_status tkr_schema_run_change(tasker_db *db, const tkr_schema_change *change)
{
    tasker_status status = TASKER_RETRY;
    for (int tries = 0; status == TASKER_RETRY && tries < TKR_SCHEMA_TRIES; tries++)
        status = change_once(db, change);
    if (status == TASKER_OK && tkr_session_look(db) != TASKER_OK)
        tkr_error_clear(&db->error);
    return status;
}

tasker_status tkr_schema_check_found(tasker_db *db, const tkr_schema_state *found, const tkr_schema_change *change)
{
    if (found->version > TASKER_SCHEMA_VERSION)
        return tkr_schema_refuse(db, TASKER_SCHEMA_MISMATCH, "schema \"%s\" is at version %d, this library knows %d",
                                 db->schema, found->version, TASKER_SCHEMA_VERSION);
    if (found->version > 0 && found->profile != change->profile)
        return tkr_schema_refuse(db, TASKER_UNSUPPORTED, "schema \"%s\" has the profile %s; it cannot be made %s",
                                 db->schema, tkr_schema_profile_name(found->profile),
                                 tkr_schema_profile_name(change->profile));
    if (found->version >= change->version)
        return tkr_schema_refuse(db, TASKER_NOOP, "version %d is installed", found->version);
    if (found->version == 0 && found->versions)
        return tkr_schema_refuse(db, TASKER_SCHEMA_MISMATCH, "schema \"%s\" has a version table without a version",
                                 db->schema);
    return TASKER_OK;
}

tasker_status tkr_schema_upgrade(tasker_db *db, tkr_schema_change change)
{
    int32_t asked = change.options->target_version, target = asked != 0 ? asked : TASKER_SCHEMA_VERSION;
    tasker_status status = TASKER_NOOP;
    bool changed = false;
    for (change.version = 1; tasker_status_is_done(status) && (change.version == 1 || change.version <= target);
         change.version++) {
        status = tkr_schema_run_change(db, &change);
        changed = changed || status == TASKER_OK;
    }
    return status == TASKER_NOOP && changed ? TASKER_OK : status;
}

/* ---- installing ---- */

/* The queue may have been left out when the schema was installed. */
static tasker_status check_install(tasker_db *db, const tkr_schema_state *found, const tkr_schema_change *change)
{
    tasker_status status = tkr_schema_check_found(db, found, change);
    if (status == TASKER_NOOP && !change->options->without_queue && !found->queue)
        return TASKER_OK;
    if (status == TASKER_OK && found->version == 0 && found->tables)
        return tkr_schema_refuse(db, TASKER_SCHEMA_MISMATCH,
                                 "schema \"%s\" has tables of another program: adopt them first (schema adopt)",
                                 db->schema);
    return status;
}

static char *install_text(const tasker_db *db, const tkr_schema_state *found, const tkr_schema_change *change)
{
    if (found->version >= change->version)
        return tkr_schema_text_queue(change->version);
    return tkr_schema_text(change->version, change->options, db->schema_quoted, false);
}

tasker_status tasker_schema_install(tasker_db *db, const tasker_schema_options *options)
{
    static const tasker_schema_options defaults = {0};
    const tasker_schema_options *o = options != NULL ? options : &defaults;
    return tkr_schema_upgrade(db, (tkr_schema_change){.name = "schema_install",
                                                      .options = o,
                                                      .profile = o->profile,
                                                      .check = check_install,
                                                      .text = install_text});
}
