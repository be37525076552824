/* SPDX-License-Identifier: MIT */
/* Codes: PostgreSQL documentation, appendix A. The first row whose prefix and constraint fit decides. */
#include "db/sqlstate.h"
#include <string.h>

typedef struct rule {
    const char *prefix;
    const char *constraint_end; /* NULL: any constraint */
    tasker_status status;
} rule;

static const rule rules[] = {
    {"23505", "_most_recent", TASKER_CONFLICT}, /* two writers of one history */
    {"23505", "_sort_key_unique", TASKER_CONFLICT},
    {"23505", NULL, TASKER_DUPLICATE},
    {"23503", NULL, TASKER_REFERENCE_MISSING},
    {"23001", NULL, TASKER_STILL_REFERENCED},
    {"2BP01", NULL, TASKER_STILL_REFERENCED}, /* what is to be dropped has something built on it */
    {"23", NULL, TASKER_CHECK_FAILED},
    {"22001", NULL, TASKER_TOO_LONG},
    {"22021", NULL, TASKER_INVALID_ARGUMENT}, /* not in the repertoire of the encoding */
    {"22P", NULL, TASKER_INVALID_ARGUMENT},   /* malformed json, untranslatable character */
    {"22032", NULL, TASKER_INVALID_ARGUMENT}, /* json text */
    {"22003", NULL, TASKER_INVALID_ARGUMENT}, /* number out of range */
    {"40001", NULL, TASKER_RETRY},
    {"40P01", NULL, TASKER_RETRY},
    {"26000", NULL, TASKER_RETRY}, /* prepared statement gone, or there already: healed outside a transaction */
    {"42P05", NULL, TASKER_RETRY},
    {"25006", NULL, TASKER_DENIED},       /* read-only server or transaction */
    {"25P02", NULL, TASKER_RETRY},        /* the transaction has failed before */
    {"25P03", NULL, TASKER_DISCONNECTED}, /* idle in transaction for too long; 25P04: in transaction */
    {"25P04", NULL, TASKER_DISCONNECTED},
    {"42501", NULL, TASKER_DENIED},
    {"28", NULL, TASKER_DENIED},
    {"3D000", NULL, TASKER_INVALID_ARGUMENT}, /* no such database */
    {"42P01", NULL, TASKER_SCHEMA_MISMATCH},
    {"42P07", NULL, TASKER_SCHEMA_MISMATCH}, /* these three: what is to be created is there */
    {"42710", NULL, TASKER_SCHEMA_MISMATCH},
    {"42723", NULL, TASKER_SCHEMA_MISMATCH},
    {"42703", NULL, TASKER_SCHEMA_MISMATCH},
    {"42883", NULL, TASKER_SCHEMA_MISMATCH},
    {"42804", NULL, TASKER_SCHEMA_MISMATCH},
    {"3F000", NULL, TASKER_SCHEMA_MISMATCH},
    {"53300", NULL, TASKER_DISCONNECTED}, /* too many connections */
    {"54000", NULL, TASKER_LIMIT_EXCEEDED},
    {"55P03", NULL, TASKER_TIMEOUT},
    {"57014", NULL, TASKER_TIMEOUT},
    {"57P", NULL, TASKER_DISCONNECTED},
    {"08", NULL, TASKER_DISCONNECTED},
};

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && memcmp(text + n - m, end, m) == 0;
}

tasker_status tkr_sqlstate_status(const char *sqlstate, const char *constraint, bool deletes)
{
    if (deletes && strcmp(sqlstate, "23503") == 0)
        return TASKER_STILL_REFERENCED;
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        const rule *r = &rules[i];
        if (strncmp(sqlstate, r->prefix, strlen(r->prefix)) != 0)
            continue;
        if (r->constraint_end == NULL || ends_with(constraint, r->constraint_end))
            return r->status;
    }
    return TASKER_DATABASE;
}
