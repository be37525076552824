/* SPDX-License-Identifier: MIT */
/*
 * From binary results to structs. An entity is a table of columns: name, type, where in the struct, and whether NULL
 * may come. The member's C type is the column's type; a type that no column can have does not compile.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include "row/memory.h"
#include "tasker/state.h"

typedef enum tkr_type {
    TKR_BOOL,
    TKR_INT4,
    TKR_INT8,
    TKR_FLOAT8,
    TKR_UUID,
    TKR_TEXT,
    TKR_JSON,
    TKR_TIME,
    TKR_STATE,
    TKR_UUIDS, /* bytea: one uuid behind the other */
    TKR_ROW    /* a row in a row: its columns stand here, the member points to it */
} tkr_type;

enum { TKR_NOT_NULL = UINT16_MAX, TKR_ABSENT = UINT16_MAX - 1 }; /* in place of the offset of a has_ flag */

typedef struct tkr_column {
    const char *name; /* NULL ends the table */
    tkr_type type;
    uint16_t offset, has;
    const struct tkr_entity *row; /* of TKR_ROW */
} tkr_column;

typedef struct tkr_entity {
    const char *name;
    size_t size;
    const tkr_column *columns;
} tkr_entity;

/* clang-format off: tables of macros */
#define TKR_TYPE_OF(s, m)                                                                                              \
    _Generic(((s *)0)->m, bool                                                                                         \
             : TKR_BOOL, int32_t                                                                                       \
             : TKR_INT4, int64_t                                                                                       \
             : TKR_INT8, double                                                                                        \
             : TKR_FLOAT8, tasker_uuid                                                                                 \
             : TKR_UUID, tasker_text                                                                                   \
             : TKR_TEXT, tasker_json                                                                                   \
             : TKR_JSON, tasker_time                                                                                   \
             : TKR_TIME, tasker_state                                                                                  \
             : TKR_STATE, tasker_uuids                                                                                 \
             : TKR_UUIDS)
#define TKR_ABSENT_TYPE_OF(s, m)                                                                                       \
    _Generic(((s *)0)->m, tasker_text                                                                                  \
             : TKR_TEXT, tasker_json                                                                                   \
             : TKR_JSON, tasker_uuid                                                                                   \
             : TKR_UUID, tasker_state                                                                                  \
             : TKR_STATE)

/* NOT NULL; nullable with a has_ flag; nullable and told by the value itself (no pointer, nil, NONE). */
#define TKR_COLUMN(s, m)                                                                                               \
    {                                                                                                                  \
#m, TKR_TYPE_OF(s, m), offsetof(s, m), TKR_NOT_NULL, NULL                                                      \
    }
#define TKR_NULLABLE(s, m)                                                                                             \
    {                                                                                                                  \
#m, TKR_TYPE_OF(s, m), offsetof(s, m), offsetof(s, has_##m), NULL                                              \
    }
#define TKR_OPTIONAL(s, m)                                                                                             \
    {                                                                                                                  \
#m, TKR_ABSENT_TYPE_OF(s, m), offsetof(s, m), TKR_ABSENT, NULL                                                 \
    }

/* A NOT NULL member that is not called like its column, for example a member of a member. */
#define TKR_NAMED_COLUMN(s, m, name)                                                                                   \
    {                                                                                                                  \
        name, TKR_TYPE_OF(s, m), offsetof(s, m), TKR_NOT_NULL, NULL                                                    \
    }
#define TKR_INNER(s, m, entity)                                                                                        \
    {                                                                                                                  \
#m, TKR_ROW, offsetof(s, m), TKR_NOT_NULL, entity                                                              \
    }
#define TKR_END_COLUMNS                                                                                                \
    {                                                                                                                  \
        NULL, TKR_BOOL, 0, 0, NULL                                                                                     \
    }
/* clang-format on */

/* Does a result column of this type oid hold this type? */
bool tkr_type_accepts(tkr_type type, uint32_t oid);

/* Result has exactly the entity's columns, binary. PROTOCOL names the first that differs. */
tasker_status tkr_check_columns(const struct pg_result *result, const tkr_entity *entity, tasker_error *error);

/* One row into a zeroed struct of the caller's; text stays in the result. The entity has no inner rows. */
tasker_status tkr_decode_row(const struct pg_result *result, int row, const tkr_entity *entity, void *into,
                             tasker_error *error);

/* Row 0 as a result of its own, owning result. On failure the result is still the caller's. */
tasker_status tkr_decode_one(struct pg_result *result, const tkr_entity *entity, tasker_error *error, void **out);

/*
 * Up to TKR_SOME rows into zeroed memory of the caller's, tkr_stride_of bytes for each; text stays in the result, whose
 * columns were checked. Row k of them is at memory + k * stride + TKR_MARK, behind its mark.
 */
enum { TKR_SOME = 8, TKR_MARK = sizeof(uint64_t) };
size_t tkr_stride_of(const tkr_entity *entity);
tasker_status tkr_decode_some(const struct pg_result *result, int row, int count, const tkr_entity *entity,
                              void *memory, tasker_error *error);

/* All rows as a list, owning result. */
tasker_status tkr_decode_list(struct pg_result *result, const tkr_entity *entity, tasker_error *error, tkr_list **out);

/* What the rooms to the left need of a result. */
void tkr_result_clear(struct pg_result *result);
int tkr_result_rows(const struct pg_result *result);
int64_t tkr_result_affected(struct pg_result *result);
int64_t tkr_result_bytes(const struct pg_result *result); /* of the values, with their lengths */
const char *tkr_result_tag(struct pg_result *result);
