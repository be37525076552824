/* SPDX-License-Identifier: MIT */
#include "things.h"

#include "row/wire.h"
#include "tasker/uuid.h"

static void refused_column(PGresult *result, int column, const char *words)
{
    char message[128];
    snprintf(message, sizeof message, "thing.%s %s", thing_entity.columns[column].name, words);
    refused(result, &thing_entity, message);
}

/* ---- lists and single rows ---- */

static void lists_of_any_length(void **state)
{
    (void)state;
    static const int counts[] = {0, 1, 2, 7, 8, 9, 15, 16, 17, 1000};
    for (size_t i = 0; i < COUNT(counts); i++) {
        tkr_list *list = list_of(rows_of(counts[i], COLUMNS), &thing_entity);
        assert_int_equal(list->count, counts[i]);
        assert_false(list->has_next);
        for (int row = 0; row < counts[i]; row++) {
            is_good(list->items[row], row);
            tasker_free(list->items[row]); /* nothing: the list owns it */
        }
        tasker_free(list);
    }
}

static void single_rows(void **state)
{
    (void)state;
    void *one = NULL;
    thing t = {0};
    PGresult *result = rows_of(3, COLUMNS);
    for (int row = 0; row < 3; row++) {
        assert_int_equal(tkr_decode_row(result, row, &thing_entity, &t, NULL), TASKER_OK);
        is_good(&t, row);
    }
    assert_int_equal(tkr_decode_one(result, &thing_entity, NULL, &one), TASKER_OK);
    is_good(one, 0);
    tasker_free(one);
}

static void released_together(void **state)
{
    (void)state;
    tkr_list *first = list_of(rows_of(2, COLUMNS), &thing_entity),
             *second = list_of(rows_of(3, COLUMNS), &thing_entity);
    void *third = tkr_alloc(NULL, 10);
    tkr_adopt(second, third);
    tkr_adopt(first, second);
    tkr_adopt(first, NULL);
    tasker_free(second); /* nothing: it is a part now */
    is_good(second->items[2], 2);
    tasker_free(first);
    tasker_free(NULL);
}

/* ---- values that cannot be ---- */

static void every_wrong_length_is_refused(void **state)
{
    (void)state;
    static const char bytes[] = "\1no state is like it"; /* longer than any length tried */
    for (int i = 0; i < COLUMNS; i++)
        for (int length = 0; length <= 17; length++)
            for (int row = 0; row < 10 && good[i].fixed && length != good[i].length; row += 9) {
                PGresult *result = rows_of(row + 1, COLUMNS);
                put(result, row, i, bytes, length);
                refused_column(result, i, "cannot be decoded");
            }
}

static void null_is_absent_where_it_may_come(void **state)
{
    (void)state;
    for (int i = 0; i < COLUMNS; i++) {
        PGresult *result = rows_of(1, COLUMNS);
        put(result, 0, i, NULL, -1);
        if (i < FIRST_MAYBE)
            refused_column(result, i, "is NULL");
        else
            PQclear(result);
    }
    PGresult *result = rows_of(20, COLUMNS);
    for (int i = FIRST_MAYBE; i < COLUMNS; i++)
        put(result, 11, i, NULL, -1);
    tkr_list *list = list_of(result, &thing_entity);
    is_good(list->items[10], 10);
    is_good(list->items[12], 12);
    const thing *t = list->items[11];
    assert_false(t->has_maybe_small || t->has_maybe_at);
    assert_true(tasker_uuid_is_nil(&t->maybe_id));
    assert_null(t->maybe_text.ptr);
    assert_null(t->maybe_jsonb.ptr);
    assert_int_equal(t->maybe_state, TASKER_STATE_NONE);
    tasker_free(list);
}

static void empty_is_not_absent(void **state)
{
    (void)state;
    PGresult *result = rows_of(1, COLUMNS);
    put(result, 0, TEXT, "", 0);
    put(result, 0, MAYBE_TEXT, "", 0);
    tkr_list *list = list_of(result, &thing_entity);
    const thing *t = list->items[0];
    assert_string_equal(t->text.ptr, "");
    assert_string_equal(t->maybe_text.ptr, "");
    assert_int_equal(t->maybe_text.len, 0);
    tasker_free(list);
}

static void jsonb_has_its_version_in_front(void **state)
{
    (void)state;
    static const value bad[] = {{0, 0, false, ""}, {0, 1, false, ""}, {0, 3, false, "\2{}"}, {0, 2, false, "{}"}};
    for (size_t i = 0; i < COUNT(bad); i++) {
        PGresult *result = rows_of(1, COLUMNS);
        put(result, 0, JSONB, bad[i].bytes, bad[i].length);
        refused_column(result, JSONB, "cannot be decoded");
    }
    PGresult *result = rows_of(1, COLUMNS);
    put(result, 0, JSONB, "\1", 1);
    tkr_list *list = list_of(result, &thing_entity);
    assert_int_equal(((const thing *)list->items[0])->jsonb.len, 0);
    tasker_free(list);
}

static void times_to_the_ends(void **state)
{
    (void)state;
    static const struct {
        int64_t stored, us;
        bool refused;
    } times[] = {
        {INT64_MAX, INT64_MAX, false}, /* infinity */
        {INT64_MIN, INT64_MIN, false},
        {INT64_MAX - TKR_EPOCH_US, INT64_MAX, false},
        {INT64_MAX - TKR_EPOCH_US + 1, 0, true},
        {INT64_MAX - 1, 0, true},
        {INT64_MIN + 1, INT64_MIN + 1 + TKR_EPOCH_US, false},
        {-TKR_EPOCH_US, 0, false},
    };
    for (size_t i = 0; i < COUNT(times); i++) {
        char bytes[8];
        tkr_write_u64(bytes, (uint64_t)times[i].stored);
        PGresult *result = rows_of(1, COLUMNS);
        put(result, 0, AT, bytes, 8);
        if (times[i].refused) {
            refused_column(result, AT, "cannot be decoded");
            continue;
        }
        tkr_list *list = list_of(result, &thing_entity);
        assert_true(((const thing *)list->items[0])->at.us == times[i].us);
        tasker_free(list);
    }
}

static void states_by_name(void **state)
{
    (void)state;
    static const char *const unknown[] = {"", "none", "Pending", "pendin", "pendings", "skipped", "failed"};
    for (int i = TASKER_STATE_PENDING; i <= TASKER_STATE_RESOLVED_MANUALLY; i++) {
        const char *name = tasker_state_name((tasker_state)i);
        PGresult *result = rows_of(1, COLUMNS);
        put(result, 0, STATE, name, (int)strlen(name));
        tkr_list *list = list_of(result, &thing_entity);
        assert_int_equal(((const thing *)list->items[0])->state, i);
        tasker_free(list);
    }
    for (size_t i = 0; i < COUNT(unknown); i++) {
        PGresult *result = rows_of(1, COLUMNS);
        put(result, 0, STATE, unknown[i], (int)strlen(unknown[i]));
        refused_column(result, STATE, "cannot be decoded");
    }
}

/* Bytes and lengths by chance: an answer or a refusal, never more than that. */
static void whatever_comes_is_answered(void **state)
{
    (void)state;
    uint64_t seed = 1;
    char bytes[24];
    for (int run = in_valgrind() ? 19000 : 0; run < 20000; run++) {
        PGresult *result = rows_of(run % 11 + 1, COLUMNS);
        tkr_list *list = NULL;
        for (int hits = run % 3; hits >= 0; hits--) {
            for (size_t i = 0; i < sizeof bytes; i++)
                bytes[i] = (char)((seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u) >> 56);
            put(result, run % 7 % PQntuples(result), (int)(seed >> 33) % COLUMNS, bytes, (int)(seed >> 40) % 25 - 1);
        }
        tasker_status status = tkr_decode_list(result, &thing_entity, NULL, &list);
        assert_true(status == TASKER_OK || status == TASKER_PROTOCOL);
        if (status == TASKER_OK)
            tasker_free(list);
        else
            PQclear(result);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_of_any_length),
        cmocka_unit_test(single_rows),
        cmocka_unit_test(released_together),
        cmocka_unit_test(every_wrong_length_is_refused),
        cmocka_unit_test(null_is_absent_where_it_may_come),
        cmocka_unit_test(empty_is_not_absent),
        cmocka_unit_test(jsonb_has_its_version_in_front),
        cmocka_unit_test(times_to_the_ends),
        cmocka_unit_test(states_by_name),
        cmocka_unit_test(whatever_comes_is_answered),
    };
    return cmocka_run_group_tests_name("row", tests, NULL, NULL);
}
