/* SPDX-License-Identifier: MIT */
#include "things.h"

#include "db/query.h"
#include "row/wire.h"
#include "value/error.h"

static const tkr_column columns[] = {TKR_COLUMN(thing, flag),
                                     TKR_COLUMN(thing, small),
                                     TKR_COLUMN(thing, large),
                                     TKR_COLUMN(thing, real),
                                     TKR_COLUMN(thing, id),
                                     TKR_COLUMN(thing, text),
                                     TKR_COLUMN(thing, json),
                                     TKR_COLUMN(thing, jsonb),
                                     TKR_COLUMN(thing, at),
                                     TKR_COLUMN(thing, state),
                                     TKR_NULLABLE(thing, maybe_small),
                                     TKR_NULLABLE(thing, maybe_at),
                                     TKR_OPTIONAL(thing, maybe_id),
                                     TKR_OPTIONAL(thing, maybe_text),
                                     TKR_OPTIONAL(thing, maybe_jsonb),
                                     TKR_OPTIONAL(thing, maybe_state),
                                     TKR_END_COLUMNS};
const tkr_entity thing_entity = {"thing", sizeof(thing), columns};
_Static_assert(COUNT(columns) == COLUMNS + 1, "and the end");

const value good[COLUMNS] = {
    {TKR_OID_BOOL, 1, true, "\1"},
    {TKR_OID_INT4, 4, true, "\xff\xff\xff\xfe"},
    {TKR_OID_INT8, 8, true, "\1\2\3\4\5\6\7\x8"},
    {TKR_OID_FLOAT8, 8, true, "\xbf\xf8\0\0\0\0\0"},
    {TKR_OID_UUID, 16, true, "0123456789abcdef"},
    {TKR_OID_TEXT, 4, false, "text"},
    {TKR_OID_JSON, 2, false, "{}"},
    {TKR_OID_JSONB, 5, false, "\1null"},
    {TKR_OID_TIMESTAMP, 8, true, "\0\0\0\0\0\0\0\1"},
    {TKR_OID_VARCHAR, 7, true, "pending"},
    {TKR_OID_INT4, 4, true, "\0\0\1\0"},
    {TKR_OID_TIMESTAMP, 8, true, "\xff\xff\xff\xff\xff\xff\xff\xff"},
    {TKR_OID_UUID, 16, true, "fedcba9876543210"},
    {TKR_OID_VARCHAR, 3, false, "may"},
    {TKR_OID_JSONB, 3, false, "\1[]"},
    {TKR_OID_TEXT, 5, true, "error"},
};

void put(PGresult *result, int row, int column, const char *bytes, int length)
{
    char *copy = length >= 0 ? malloc((size_t)length + 1) : NULL; /* PQsetvalue wants it writable */
    if (length >= 0)
        memcpy(copy, bytes, (size_t)length);
    assert_int_equal(PQsetvalue(result, row, column, copy, length), 1);
    free(copy);
}

PGresult *header_of(const value *values, int count, int format)
{
    PGresAttDesc descriptions[2 * COLUMNS + 1];
    char name[] = "column";
    for (int i = 0; i < count; i++)
        descriptions[i] = (PGresAttDesc){.name = name, .typid = values[i % COLUMNS].oid, .format = format};
    PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    assert_int_equal(PQsetResultAttrs(result, count, descriptions), 1);
    return result;
}

PGresult *rows_of(int count, int width)
{
    PGresult *result = header_of(good, width, 1);
    for (int row = 0; row < count; row++)
        for (int i = 0; i < width; i++) {
            char number[8];
            tkr_write_u64(number, (uint64_t)row);
            put(result, row, i, i % COLUMNS == LARGE ? number : good[i % COLUMNS].bytes, good[i % COLUMNS].length);
        }
    return result;
}

void refused(PGresult *result, const tkr_entity *entity, const char *words)
{
    tasker_error error;
    tkr_list *list = NULL;
    void *one = NULL;
    tkr_error_clear(&error);
    assert_int_equal(tkr_decode_list(result, entity, &error, &list), TASKER_PROTOCOL);
    assert_int_equal(error.status, TASKER_PROTOCOL);
    assert_string_equal(error.message, words);
    assert_null(list);
    if (PQntuples(result) == 1) {
        assert_int_equal(tkr_decode_one(result, entity, NULL, &one), TASKER_PROTOCOL);
        assert_null(one);
    }
    PQclear(result);
}

tkr_list *list_of(PGresult *result, const tkr_entity *entity)
{
    tasker_error error;
    tkr_list *list = NULL;
    tkr_error_clear(&error);
    tasker_status status = tkr_decode_list(result, entity, &error, &list);
    assert_string_equal(error.message, "");
    assert_int_equal(status, TASKER_OK);
    return list;
}

void is_good(const thing *t, int64_t row)
{
    assert_true(t->flag);
    assert_int_equal(t->small, -2);
    assert_int_equal(t->large, row);
    assert_true(t->real == -1.5);
    assert_memory_equal(&t->id, good[ID].bytes, 16);
    assert_string_equal(t->text.ptr, "text");
    assert_int_equal(t->text.len, 4);
    assert_string_equal(t->json.ptr, "{}");
    assert_int_equal(t->json.len, 2);
    assert_string_equal(t->jsonb.ptr, "null");
    assert_int_equal(t->jsonb.len, 4);
    assert_int_equal(t->at.us, TKR_EPOCH_US + 1);
    assert_int_equal(t->state, TASKER_STATE_PENDING);
    assert_true(t->has_maybe_small && t->has_maybe_at);
    assert_int_equal(t->maybe_small, 256);
    assert_int_equal(t->maybe_at.us, TKR_EPOCH_US - 1);
    assert_memory_equal(&t->maybe_id, "fedcba9876543210", 16);
    assert_string_equal(t->maybe_text.ptr, "may");
    assert_string_equal(t->maybe_jsonb.ptr, "[]");
    assert_int_equal(t->maybe_state, TASKER_STATE_ERROR);
}
