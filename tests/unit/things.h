/* SPDX-License-Identifier: MIT */
/* Results made by hand: rows of an entity with a column of every kind. */
#ifndef TKR_TESTS_THINGS_H
#define TKR_TESTS_THINGS_H

#include "unit.h"

#include <libpq-fe.h>

#include "row/row.h"

typedef struct thing {
    bool flag;
    int32_t small;
    int64_t large;
    double real;
    tasker_uuid id;
    tasker_text text;
    tasker_json json;
    tasker_json jsonb;
    tasker_time at;
    tasker_state state;
    bool has_maybe_small;
    int32_t maybe_small;
    bool has_maybe_at;
    tasker_time maybe_at;
    tasker_uuid maybe_id;
    tasker_text maybe_text;
    tasker_json maybe_jsonb;
    tasker_state maybe_state;
} thing;

enum { SMALL = 1, LARGE = 2, ID = 4, TEXT = 5, JSONB = 7, AT = 8, STATE = 9 }; /* columns */
enum { FIRST_MAYBE = 10, MAYBE_TEXT = 13, COLUMNS = 16 };

typedef struct value {
    uint32_t oid;
    int length;
    bool fixed; /* no other length will do */
    const char *bytes;
} value;

extern const tkr_entity thing_entity;
extern const value good[COLUMNS];

/* No rows, the first count types of values, which begin again where they end. */
PGresult *header_of(const value *values, int count, int format);

/* Good values. Columns beyond those of thing begin again; large holds the row's number. */
PGresult *rows_of(int count, int width);
void is_good(const thing *t, int64_t row);

/* length -1: NULL */
void put(PGresult *result, int row, int column, const char *bytes, int length);

/* The result becomes a list, or is refused in these words and cleared. */
tkr_list *list_of(PGresult *result, const tkr_entity *entity);
void refused(PGresult *result, const tkr_entity *entity, const char *words);

#endif
