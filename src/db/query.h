/* SPDX-License-Identifier: MIT */
/* A statement as the link sees it: its text, its parameter types, and whether it can change anything. */
#pragma once
#include <stdint.h>

/* Type oids of pg_catalog that parameters and columns use; fixed by PostgreSQL's pg_type.dat. */
enum {
    TKR_OID_BOOL = 16,
    TKR_OID_BYTEA = 17,
    TKR_OID_INT8 = 20,
    TKR_OID_INT4 = 23,
    TKR_OID_TEXT = 25,
    TKR_OID_JSON = 114,
    TKR_OID_FLOAT8 = 701,
    TKR_OID_BOOL_ARRAY = 1000,
    TKR_OID_INT4_ARRAY = 1007,
    TKR_OID_TEXT_ARRAY = 1009,
    TKR_OID_INT8_ARRAY = 1016,
    TKR_OID_VARCHAR = 1043,
    TKR_OID_TIMESTAMP = 1114,
    TKR_OID_TIMESTAMP_ARRAY = 1115,
    TKR_OID_UUID = 2950,
    TKR_OID_UUID_ARRAY = 2951,
    TKR_OID_JSONB = 3802,
    TKR_OID_JSONB_ARRAY = 3807
};

#define TKR_PARAMETERS_MAX 48

typedef enum tkr_access {
    TKR_READS,
    TKR_WRITES,
    TKR_COMMITS, /* ends the caller's transaction: in doubt like a write of its own */
    TKR_RUNS     /* moves the session, not the data */
} tkr_access;

typedef struct tkr_query {
    uint32_t id; /* index into the statement table */
    const char *name;
    const char *text; /* {schema} stands for the quoted schema name, {queue_schema} for the queue's */
    const uint32_t *types;
    uint32_t parameter_count;
    tkr_access access;
} tkr_query;
