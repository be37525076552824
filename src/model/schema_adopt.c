/* SPDX-License-Identifier: MIT */
/* Adopting what tasker-core made, and taking that back. The text that is run comes from schema_text.c. */
#include "model/schema.h"
#include "statements.h"
#include "value/error.h"

static const tasker_schema_options defaults = {0};

typedef struct unfit_object {
    tasker_text object, expected, found;
} unfit_object;
static const tkr_column unfit_columns[] = {
    TKR_COLUMN(unfit_object, object),
    TKR_COLUMN(unfit_object, expected),
    TKR_OPTIONAL(unfit_object, found),
    TKR_END_COLUMNS,
};
const tkr_entity tkr_entity_unfit_object = {"unfit_object", sizeof(unfit_object), unfit_columns};

static tasker_status finish_unfit(tkr_call *call)
{
    unfit_object unfit;
    if (tkr_rows(call, 0) == 0)
        return TASKER_OK;
    tasker_status status = tkr_read_row(call, 0, 0, &unfit);
    if (status != TASKER_OK)
        return status;
    if (unfit.found.ptr == NULL)
        return tkr_error_set(call->error, TASKER_SCHEMA_MISMATCH, "schema \"%s\" has no %s", call->db->schema,
                             unfit.object.ptr);
    return tkr_error_set(call->error, TASKER_SCHEMA_MISMATCH, "in schema \"%s\" %s is %s, not %s", call->db->schema,
                         unfit.object.ptr, unfit.found.ptr, unfit.expected.ptr);
}

static tasker_status check_adopt(tasker_db *db, const tkr_schema_state *found, const tkr_schema_change *change)
{
    tasker_status status = tkr_schema_check_found(db, found, change);
    if (status != TASKER_OK)
        return status;
    tkr_call call = tkr_begin_now(db);
    if (call.status == TASKER_OK)
        tkr_add_schema_adopt__unfit(&call, tasker_text_of(db->schema));
    return tkr_run(&call, finish_unfit, NULL);
}

static char *adopt_text(const tasker_db *db, const tkr_schema_state *found, const tkr_schema_change *change)
{
    (void)found;
    return tkr_schema_adopt_text(change->version, db->schema_quoted);
}

tasker_status tasker_schema_adopt(tasker_db *db, const tasker_schema_options *options)
{
    return tkr_schema_upgrade(db, (tkr_schema_change){.name = "schema_adopt",
                                                      .options = options != NULL ? options : &defaults,
                                                      .profile = TKR_SCHEMA_PROFILE_ADOPTED,
                                                      .check = check_adopt,
                                                      .text = adopt_text});
}

static tasker_status check_unadopt(tasker_db *db, const tkr_schema_state *found, const tkr_schema_change *change)
{
    (void)change;
    if (found->version == 0)
        return tkr_schema_refuse(db, TASKER_NOOP, "schema \"%s\" is not adopted", db->schema);
    if (found->profile != TKR_SCHEMA_PROFILE_ADOPTED)
        return tkr_schema_refuse(db, TASKER_UNSUPPORTED, "schema \"%s\" was installed, not adopted", db->schema);
    return TASKER_OK;
}

static char *unadopt_text(const tasker_db *db, const tkr_schema_state *found, const tkr_schema_change *change)
{
    (void)found;
    (void)change;
    return tkr_schema_unadopt_text(db->schema_quoted);
}

tasker_status tasker_schema_unadopt(tasker_db *db)
{
    static const tkr_schema_change change = {
        .name = "schema_unadopt", .options = &defaults, .check = check_unadopt, .text = unadopt_text, .version = 0};
    return tkr_schema_run_change(db, &change);
}
