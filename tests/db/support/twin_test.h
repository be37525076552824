/* SPDX-License-Identifier: MIT */
/*
 * What namespaces and dependent systems have beyond a name and a description: uuid keys of the caller's choice, which
 * make a create repeatable, and creates of many. As in named_test.h; also row_uuid, the key's member, and default rows.
 */
#ifndef TKR_TESTS_TWIN_TEST_H
#define TKR_TESTS_TWIN_TEST_H

#define row_key(r) (&(r)->row_uuid)
#define UNKNOWN_KEY (&(const tasker_uuid){{1, 2, 3}})
#define row_by_key by_key
#define row_by_key_descending by_key_descending
#include "named_test.h"

static void test_keys(void **state)
{
    fixture *f = *state;
    row_input input = {.name = T(new_name("keyed"))}, other = {.row_uuid = new_uuid()};
    const row *made = NULL, *out = (const void *)f;
    assert_status(f->db, row_create(f->db, &input, &made), TASKER_OK);
    assert_true(tasker_uuid_is_v7(&made->row_uuid));
    assert_status(f->db, row_get(f->db, NULL, &out), TASKER_INVALID_ARGUMENT);
    assert_null(out);
    assert_status(f->db, row_update(f->db, NULL, &input, &out), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, row_update(f->db, &made->row_uuid, &other, &out), TASKER_INVALID_ARGUMENT);
    assert_message(f->db, "a key cannot be changed");
    other = (row_input){.row_uuid = made->row_uuid, .description = TASKER_TEXT("named by its key too")};
    assert_status(f->db, row_update(f->db, &made->row_uuid, &other, NULL), TASKER_OK);
    assert_status(f->db, row_delete(f->db, NULL), TASKER_INVALID_ARGUMENT);
    tasker_free(made);
}

static void test_resend(void **state)
{
    fixture *f = *state;
    row_input input = {.row_uuid = new_uuid(), .name = T(new_name("resend"))};
    const row *first = NULL, *second = NULL;
    assert_status(f->db, row_create(f->db, &input, &first), TASKER_OK);
    assert_status(f->db, row_create(f->db, &input, &second), TASKER_OK);
    assert_uuid(second->row_uuid, input.row_uuid);
    assert_true(first->created_at.us == second->created_at.us);
    tasker_free(first);
    tasker_free(second);
}

/* A key of the caller's that names another row is told as such, and a transaction goes on. */
static void test_find_or_create_under_a_taken_key(void **state)
{
    tasker_db *db = ((fixture *)*state)->db;
    const row *first = NULL, *second = NULL;
    row_input input = {.name = TASKER_TEXT("holds the key")};
    assert_status(db, row_create(db, &input, &first), TASKER_OK);
    row_input taken = {.row_uuid = first->row_uuid, .name = TASKER_TEXT("wants it")};
    assert_status(db, tasker_db_begin(db, NULL), TASKER_OK);
    assert_status(db, row_find_or_create(db, &taken, &second), TASKER_DUPLICATE);
    assert_null(second);
    assert_status(db, tasker_db_commit(db), TASKER_OK);
    tasker_free(first);
}

static void test_except_and_custom(void **state)
{
    fixture *f = *state;
    const char *name = new_name("Filtered");
    const row *made = NULL;
    assert_status(f->db, create(f->db, name, &made), TASKER_OK);
    assert_status(f->db, create(f->db, "default", NULL), TASKER_OK);
    assert_int_equal(COUNTED_OF(f, ENTITY, .name = T(name), .except = UNKNOWN_KEY), 1);
    assert_int_equal(COUNTED_OF(f, ENTITY, .name = T(name), .except = &made->row_uuid), 0);
    assert_int_equal(COUNTED_OF(f, ENTITY, .name = T("default")), 1);
    assert_int_equal(COUNTED_OF(f, ENTITY, .name = T("default"), .custom = true), 0);
    assert_int_equal(COUNTED_OF(f, ENTITY, .name = T(name), .custom = true), 1);
    tasker_free(made);
}

static void test_create_many(void **state)
{
    fixture *f = *state;
    const char *names[] = {new_name("z"), new_name("m"), new_name("a")};
    row_input inputs[] = {
        {.name = T(names[0])}, {.name = T(names[1]), .description = TASKER_TEXT("d")}, {.name = T(names[2])}};
    const rows *made = NULL, *again = NULL;
    assert_status(f->db, row_create_many(f->db, inputs, 3, &made), TASKER_OK);
    assert_int_equal(made->count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_text(made->items[i]->name, names[i]);
        assert_text(made->items[i]->description, inputs[i].description.ptr);
        inputs[i].row_uuid = made->items[i]->row_uuid;
    }
    assert_status(f->db, row_create_many(f->db, inputs, 3, &again), TASKER_OK); /* a resend */
    assert_int_equal(again->count, 3);
    for (size_t i = 0; i < 3; i++)
        assert_uuid(again->items[i]->row_uuid, made->items[i]->row_uuid);
    tasker_free(made);
    tasker_free(again);
    assert_status(f->db, row_create_many(f->db, inputs, 0, &made), TASKER_OK);
    assert_int_equal(made->count, 0);
    tasker_free(made);
}

static int64_t count_all(const fixture *f)
{
    int64_t count = -1;
    assert_status(f->db, row_count(f->db, NULL, &count), TASKER_OK);
    return count;
}

/* Nothing is stored, and the first input in the way is told; the transaction goes on. */
static void assert_offender(fixture *f, const row_input *inputs, size_t count, tasker_status expected, int64_t item)
{
    const rows *list = (const void *)f;
    int64_t before = count_all(f);
    assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
    assert_status(f->db, row_create_many(f->db, inputs, count, &list), expected);
    assert_null(list);
    assert_int_equal(tasker_db_error(f->db)->item, item);
    assert_status(f->db, tasker_db_commit(f->db), TASKER_OK);
    assert_int_equal(count_all(f), before);
}

static void test_create_many_all_or_nothing(void **state)
{
    fixture *f = *state;
    const char *taken = new_name("taken"), *twice = new_name("twice");
    const row *made = NULL;
    assert_status(f->db, create(f->db, taken, &made), TASKER_OK);
    row_input inputs[] = {{.name = T(new_name("a"))}, {.name = T(twice)}, {.name = T(twice)}};
    assert_offender(f, inputs, 3, TASKER_DUPLICATE, 2);
    inputs[1].name = T(taken);
    assert_offender(f, inputs, 3, TASKER_DUPLICATE, 1);
    inputs[1] = (row_input){.row_uuid = made->row_uuid, .name = T(new_name("b"))};
    assert_offender(f, inputs, 3, TASKER_DUPLICATE, 1);
    inputs[1] = (row_input){0};
    assert_offender(f, inputs, 3, TASKER_INVALID_ARGUMENT, 1);
    inputs[1].name = text_of_length(65);
    assert_offender(f, inputs, 3, TASKER_TOO_LONG, 1);
    inputs[1] = (row_input){.name = T(new_name("c")), .reserved = {1, 0, 0, 0}};
    assert_offender(f, inputs, 3, TASKER_UNSUPPORTED, 1);
    assert_offender(f, NULL, 3, TASKER_INVALID_ARGUMENT, -1);
    assert_offender(f, inputs, SIZE_MAX, TASKER_LIMIT_EXCEEDED, -1);
    tasker_free(made);
}

#define TWIN_TESTS                                                                                                     \
    NAMED_TESTS, cmocka_unit_test(test_keys), cmocka_unit_test(test_resend),                                           \
        cmocka_unit_test(test_find_or_create_under_a_taken_key), cmocka_unit_test(test_except_and_custom),             \
        cmocka_unit_test(test_create_many), cmocka_unit_test(test_create_many_all_or_nothing)

#endif
