/* SPDX-License-Identifier: MIT */
#include "things.h"

#include "db/query.h"

/* ---- columns that are not the entity's ---- */

static bool same_family(uint32_t a, uint32_t b)
{
    bool texts = (a == TKR_OID_TEXT || a == TKR_OID_VARCHAR) && (b == TKR_OID_TEXT || b == TKR_OID_VARCHAR);
    bool jsons = (a == TKR_OID_JSON || a == TKR_OID_JSONB) && (b == TKR_OID_JSON || b == TKR_OID_JSONB);
    return a == b || texts || jsons;
}

static void other_types_are_refused(void **state)
{
    (void)state;
    static const uint32_t oids[] = {0,
                                    17,
                                    1042,
                                    1184,
                                    2277,
                                    TKR_OID_BOOL,
                                    TKR_OID_INT8,
                                    TKR_OID_INT4,
                                    TKR_OID_TEXT,
                                    TKR_OID_JSON,
                                    TKR_OID_FLOAT8,
                                    TKR_OID_VARCHAR,
                                    TKR_OID_TIMESTAMP,
                                    TKR_OID_UUID,
                                    TKR_OID_JSONB};
    for (int i = 0; i < COLUMNS; i++)
        for (size_t k = 0; k < COUNT(oids); k++) {
            char message[128];
            value values[COLUMNS];
            memcpy(values, good, sizeof values);
            values[i].oid = oids[k];
            PGresult *result = header_of(values, COLUMNS, 1);
            snprintf(message, sizeof message, "thing: the answer's column %d is not a binary %s", i + 1,
                     thing_entity.columns[i].name);
            if (same_family(good[i].oid, oids[k]))
                tasker_free(list_of(result, &thing_entity));
            else
                refused(result, &thing_entity, message);
        }
}

static void other_columns_are_refused(void **state)
{
    (void)state;
    refused(header_of(good, COLUMNS, 0), &thing_entity, "thing: the answer's column 1 is not a binary flag");
    refused(header_of(good, COLUMNS - 1, 1), &thing_entity,
            "thing: the answer's column 16 is not a binary maybe_state");
    refused(header_of(good, COLUMNS + 1, 1), &thing_entity, "thing: the answer has 17 columns, not 16");
    refused(PQmakeEmptyPGresult(NULL, PGRES_COMMAND_OK), &thing_entity,
            "thing: the answer's column 1 is not a binary flag");
}

/* ---- rows in rows ---- */

typedef struct box {
    const thing *thing;
    bool flag;
} box;

typedef struct shelf {
    bool flag;
    const box *box;
    int32_t small;
    int64_t large;
    const thing *thing;
} shelf;

/* The columns in the order of rows_of: thing's, then flag, small, large once more. */
static const tkr_column box_columns[] = {TKR_INNER(box, thing, &thing_entity), TKR_COLUMN(box, flag), TKR_END_COLUMNS};
static const tkr_entity box_entity = {"box", sizeof(box), box_columns};
static const tkr_column shelf_columns[] = {TKR_INNER(shelf, box, &box_entity), TKR_COLUMN(shelf, small),
                                           TKR_COLUMN(shelf, large), TKR_END_COLUMNS};
static const tkr_entity shelf_entity = {"shelf", sizeof(shelf), shelf_columns};
static const tkr_column pair_columns[] = {TKR_INNER(shelf, thing, &thing_entity), TKR_INNER(shelf, box, &box_entity),
                                          TKR_END_COLUMNS};

static void rows_in_rows(void **state)
{
    (void)state;
    for (int count = 1; count < 20; count += 6) {
        tkr_list *list = list_of(rows_of(count, COLUMNS + 3), &shelf_entity);
        for (int row = 0; row < count; row++) {
            const shelf *s = list->items[row];
            is_good(s->box->thing, row);
            assert_true(s->box->flag);
            assert_int_equal(s->small, -2);
            assert_int_equal(s->large, row);
            tasker_free(s->box); /* nothing, as for every part */
            tasker_free(s->box->thing);
        }
        tasker_free(list);
    }
    void *one = NULL;
    assert_int_equal(tkr_decode_one(rows_of(1, COLUMNS + 3), &shelf_entity, NULL, &one), TASKER_OK);
    is_good(((const shelf *)one)->box->thing, 0);
    tasker_free(one);
}

static void two_rows_in_one(void **state)
{
    (void)state;
    static const tkr_entity pair = {"pair", sizeof(shelf), pair_columns};
    tkr_list *list = list_of(rows_of(12, 2 * COLUMNS + 1), &pair);
    for (int row = 0; row < 12; row++) {
        const shelf *s = list->items[row];
        is_good(s->thing, row);
        is_good(s->box->thing, row);
        assert_true(s->thing != s->box->thing);
        assert_true(s->box->flag && !s->flag);
    }
    tasker_free(list);
}

static void the_inner_column_is_named(void **state)
{
    (void)state;
    PGresult *result = rows_of(9, COLUMNS + 3);
    put(result, 8, SMALL, NULL, -1); /* the thing's, not the shelf's */
    refused(result, &shelf_entity, "thing.small is NULL");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(other_types_are_refused),
        cmocka_unit_test(other_columns_are_refused),
        cmocka_unit_test(rows_in_rows),
        cmocka_unit_test(two_rows_in_one),
        cmocka_unit_test(the_inner_column_is_named),
    };
    return cmocka_run_group_tests_name("row_columns", tests, NULL, NULL);
}
