/* SPDX-License-Identifier: MIT */
/*
 * The plain values that rows and arguments are made of. All are copied freely and own nothing.
 *
 * Text and JSON are views in both directions: a pointer and a length. As an argument a view need not end in NUL and
 * is borrowed for the call only. In a row it points into the row's own memory (valid until tasker_free of the
 * result) and is NUL-terminated as well, so printf("%s", row->name.ptr) works. ptr NULL means absent: SQL NULL.
 */
#ifndef TASKER_TYPES_H
#define TASKER_TYPES_H

#include "export.h"

TASKER_BEGIN_DECLS

/* 16 bytes in network order, PostgreSQL's own binary form. All zero is nil and, in inputs, means "make one for me". */
typedef struct tasker_uuid {
    uint8_t bytes[16];
} tasker_uuid;

/*
 * UTF-8 without NUL bytes; checked before anything is sent. Only ptr NULL is absent, whatever len says: an empty text
 * is a text and is stored as such. Definitions alone take empty names as absent ones.
 */
typedef struct tasker_text {
    const char *ptr;
    size_t len;
} tasker_text;

/* JSON text (RFC 8259). Checked before anything is sent, never altered by the library. */
typedef struct tasker_json {
    const char *ptr;
    size_t len;
} tasker_json;

/* Microseconds since 1970-01-01 00:00:00 UTC. The tables hold timestamps without zone; they are UTC by definition. */
typedef struct tasker_time {
    int64_t us;
} tasker_time;

/* The half-open range [since, until); an end that is not given is open. */
typedef struct tasker_time_range {
    bool has_since;
    tasker_time since;
    bool has_until;
    tasker_time until;
} tasker_time_range;

/* A borrowed array of ids. */
typedef struct tasker_uuids {
    size_t count;
    const tasker_uuid *items;
} tasker_uuids;

/* Names a commit whose answer was lost; see tasker_db_resolve. xid 0: none. */
typedef struct tasker_commit {
    uint64_t xid;
} tasker_commit;

/* Where a page ended. Opaque: copy it, store it, page on from it under the same order. */
typedef struct tasker_position {
    int64_t key;
    tasker_uuid uuid;
} tasker_position;

/* The order of a page. An order that an entity does not offer is answered with UNSUPPORTED. */
typedef enum tasker_order {
    TASKER_ORDER_OLDEST = 0, /* by key; with UUID v7 keys this is the order of creation */
    TASKER_ORDER_NEWEST = 1,
    TASKER_ORDER_LEAST_RECENT = 2, /* by updated_at, last_attempted_at or sort_key; the entity's header says which */
    TASKER_ORDER_MOST_RECENT = 3,
    TASKER_ORDER_NAME = 4, /* CONFLICT: the row that the page before ended with was deleted; begin again */
    TASKER_ORDER_PRIORITY = 5
} tasker_order;

/* Which part of a query's answer is wanted. NULL or all zero: the first 100 rows, oldest first. */
typedef struct tasker_page {
    int32_t limit; /* 0: 100, or limits.rows if that is less; negative is refused */
    tasker_order order;
    const tasker_position *after; /* NULL: from the start; else list->next of the page before */
    uint64_t reserved[2];
} tasker_page;

/* Bounds on what callers may hand in; 0 keeps the default named beside each. */
typedef struct tasker_limits {
    int32_t steps;       /* of one workflow: 1000 */
    int32_t depth;       /* steps on the longest path of a workflow: 50 */
    int32_t json_bytes;  /* of one JSON value: 1 MiB */
    int32_t json_depth;  /* nesting, the root is 0: 10 */
    int32_t json_items;  /* keys of one object, items of one array: 1000 */
    int32_t json_string; /* bytes of one string or key: 10000 */
    int32_t text_bytes;  /* of one text argument: 16 MiB */
    int32_t rows;        /* of one list: 100000 */
    int32_t reserved[4];
} tasker_limits;

TASKER_SIZE(tasker_uuid, 16);
TASKER_SIZE(tasker_time, 8);
TASKER_SIZE(tasker_order, 4);

/* For initialisers: .name = TASKER_TEXT("ship"). Literals only; a char pointer does not compile. */
#define TASKER_TEXT(literal)                                                                                           \
    {                                                                                                                  \
        "" literal, sizeof(literal) - 1                                                                                \
    }
#define TASKER_JSON(literal)                                                                                           \
    {                                                                                                                  \
        "" literal, sizeof(literal) - 1                                                                                \
    }
/* In the input of an update: store NULL. An absent member keeps what is stored. Anywhere else it counts as absent. */
#define TASKER_CLEAR                                                                                                   \
    {                                                                                                                  \
        tasker_clear, 0                                                                                                \
    }

/* Buffer size of tasker_time_format, its NUL included. */
#define TASKER_TIME_TEXT_SIZE 32

/* The address behind TASKER_CLEAR; its content means nothing. */
TASKER_API extern const char tasker_clear[1];

/* A view of a NUL-terminated string, for expressions and run-time strings. NULL gives an absent text. */
TASKER_API tasker_text tasker_text_of(const char *string);

/* The same for JSON. */
TASKER_API tasker_json tasker_json_of(const char *string);

/*
 * Writes time as RFC 3339 in UTC with microseconds, "2025-08-01T12:00:00.000000Z", NUL-terminated, and returns out.
 * Years outside 0000 to 9999 are written as "out-of-range".
 */
TASKER_API const char *tasker_time_format(tasker_time time, char out[TASKER_TIME_TEXT_SIZE]);

/*
 * Releases what a function handed out through a "const T **out": a row or a whole list with its rows. NULL is fine,
 * also after the db was closed. Rows inside a list are released with the list, not one by one. May be called from
 * any thread; the caller sees to it that nobody reads the result any more.
 */
TASKER_API void tasker_free(const void *result);

TASKER_END_DECLS

#endif
