/* SPDX-License-Identifier: MIT */
/* Comparing: the expected schema is made beside the real one, in a transaction that is rolled back. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "model/schema.h"
#include "statements.h"
#include "tasker/version.h"
#include "value/error.h"

static const tkr_column columns[] = {
    /* an enum of the ABI, stored as int4 */
    {"severity", TKR_INT4, offsetof(tasker_finding, severity), TKR_NOT_NULL, NULL},
    TKR_COLUMN(tasker_finding, check),
    TKR_COLUMN(tasker_finding, object),
    TKR_OPTIONAL(tasker_finding, expected),
    TKR_OPTIONAL(tasker_finding, found),
    TKR_COLUMN(tasker_finding, advice),
    TKR_COLUMN(tasker_finding, violations),
    TKR_END_COLUMNS,
};
const tkr_entity tkr_entity_finding = {"finding", sizeof(tasker_finding), columns};

static tasker_status check_found(tasker_db *db, const tkr_schema_state *found)
{
    if (found->version == TASKER_SCHEMA_VERSION)
        return TASKER_OK;
    return tkr_schema_refuse(db, TASKER_SCHEMA_MISMATCH, "schema \"%s\" is at version %d, this library compares %d",
                             db->schema, found->version, TASKER_SCHEMA_VERSION);
}

typedef struct scratch {
    char schema[48], queue[48];
    bool with_queue;
} scratch;

/* The names must be nobody else's and must not occur in any definition. */
static tasker_status name_scratch(tasker_db *db, scratch *s)
{
    tkr_call call = tkr_begin_now(db);
    tasker_uuid id = tkr_key(&call, NULL);
    uint64_t random;
    memcpy(&random, id.bytes + 8, sizeof random);
    snprintf(s->schema, sizeof s->schema, "libtasker_verify_%016" PRIx64, random);
    snprintf(s->queue, sizeof s->queue, "libtasker_verify_queue_%016" PRIx64, random);
    return tkr_abandon(&call);
}

static tasker_status make_expected(tasker_db *db, tasker_schema_profile profile, const scratch *s)
{
    char quoted[64];
    tasker_status status = TASKER_OK;
    const char *queue = s->with_queue ? s->queue : NULL;
    snprintf(quoted, sizeof quoted, "\"%s\"", s->schema);
    for (int32_t version = 1; version <= TASKER_SCHEMA_VERSION && status == TASKER_OK; version++)
        status = tkr_schema_run(db, "schema_verify", tkr_schema_text_beside(version, profile, quoted, queue));
    if (status != TASKER_DENIED)
        return status;
    char message[sizeof db->error.message];
    memcpy(message, db->error.message, sizeof message);
    return tkr_error_set(&db->error, status, "verifying makes a schema to compare with, and rolls it back: %s",
                         message);
}

static tasker_status set_plain(tasker_db *db)
{
    tkr_call call = tkr_begin_now(db);
    tkr_add_schema_verify__plain(&call);
    return tkr_done(&call);
}

static tasker_status compare(tasker_db *db, const tasker_schema_options *options, const tasker_findings **out)
{
    tkr_schema_state found = {0};
    scratch s = {.with_queue = false};
    tasker_status status = tkr_schema_find(db, &found);
    if (status == TASKER_OK)
        status = check_found(db, &found);
    s.with_queue = found.queue && (options == NULL || !options->without_queue);
    if (status == TASKER_OK)
        status = name_scratch(db, &s);
    bool adopted = found.profile == TKR_SCHEMA_PROFILE_ADOPTED;
    if (status == TASKER_OK)
        status = make_expected(db, options != NULL && !adopted ? options->profile : found.profile, &s);
    if (status == TASKER_OK)
        status = set_plain(db);
    if (status != TASKER_OK)
        return status;
    tkr_call call = tkr_begin_now(db);
    if (call.status == TASKER_OK)
        tkr_add_schema_verify(&call, tasker_text_of(db->schema), tasker_text_of(s.schema),
                              tasker_text_of(s.with_queue ? s.queue : NULL), adopted);
    return tkr_list_all(&call, out);
}

static tasker_status verify_once(tasker_db *db, const tasker_schema_options *options, const tasker_findings **out)
{
    static const tasker_schema_options defaults = {0};
    const tasker_findings *findings = NULL;
    tasker_status status = tkr_schema_begin(db, options != NULL ? options : &defaults);
    if (status != TASKER_OK)
        return status;
    status = tkr_schema_end(db, compare(db, options, &findings));
    if (status == TASKER_OK && out != NULL)
        *out = findings;
    else
        tasker_free(findings);
    return status;
}

tasker_status tasker_schema_verify(tasker_db *db, const tasker_schema_options *options, const tasker_findings **out)
{
    tasker_status status = TASKER_RETRY;
    if (out != NULL)
        *out = NULL;
    for (int tries = 0; status == TASKER_RETRY && tries < TKR_SCHEMA_TRIES; tries++)
        status = verify_once(db, options, out);
    return status;
}
