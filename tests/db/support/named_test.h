/* SPDX-License-Identifier: MIT */
/*
 * The tests of entities that are a name and a description. Included once by a program that has said what they are:
 * types row, rows, row_input, row_filter; functions row_create and so on, ENTITY for COUNTED; row_key(r), what get
 * takes; UNKNOWN_KEY; row_by_key, row_by_key_descending; and refer(db, r), which makes a row that refers to r.
 */
#ifndef TKR_TESTS_NAMED_TEST_H
#define TKR_TESTS_NAMED_TEST_H

#include "entity_test.h"

#define COUNTED_OF(f, entity, ...) COUNTED(f, entity, __VA_ARGS__)

static tasker_status create(tasker_db *db, const char *name, const row **out)
{
    return row_create(db, &(row_input){.name = T(name)}, out);
}

static void assert_same_key(const row *a, const row *b)
{
    assert_int_equal(row_by_key(a, b), 0);
}

static void test_create_and_get(void **state)
{
    fixture *f = *state;
    const char *name = new_name("created");
    row_input input = {.name = T(name), .description = TASKER_TEXT("sells")};
    const row *made = NULL, *got = NULL, *found = NULL;
    assert_status(f->db, row_create(f->db, &input, &made), TASKER_OK);
    assert_text(made->name, name);
    assert_text(made->description, "sells");
    assert_true(made->created_at.us > 0 && made->created_at.us == made->updated_at.us);
    assert_status(f->db, row_get(f->db, row_key(made), &got), TASKER_OK);
    assert_same_key(got, made);
    assert_text(got->name, name);
    assert_status(f->db, row_find_by_name(f->db, T(name), &found), TASKER_OK);
    assert_same_key(found, made);
    assert_text(found->description, "sells");
    assert_status(f->db, create(f->db, new_name("unseen"), NULL), TASKER_OK);
    tasker_free(made);
    tasker_free(got);
    tasker_free(found);
}

static void test_absent(void **state)
{
    fixture *f = *state;
    const row *out = (const void *)f;
    assert_status(f->db, row_get(f->db, UNKNOWN_KEY, &out), TASKER_NOT_FOUND);
    assert_null(out);
    out = (const void *)f;
    assert_status(f->db, row_find_by_name(f->db, T("no such"), &out), TASKER_OK);
    assert_null(out);
    assert_status(f->db, row_find_by_name(f->db, T(NULL), &out), TASKER_INVALID_ARGUMENT);
    out = (const void *)f;
    assert_status(f->db, row_create(f->db, NULL, &out), TASKER_INVALID_ARGUMENT);
    assert_null(out);
    assert_status(f->db, create(f->db, NULL, &out), TASKER_INVALID_ARGUMENT);
    assert_message(f->db, "name is required");
    assert_status(f->db, row_find_or_create(f->db, &(row_input){0}, &out), TASKER_INVALID_ARGUMENT);
    row_input newer = {.name = TASKER_TEXT("x"), .reserved = {0, 1, 0, 0}};
    assert_status(f->db, row_create(f->db, &newer, &out), TASKER_UNSUPPORTED);
    assert_status(f->db, row_find_or_create(f->db, &newer, &out), TASKER_UNSUPPORTED);
    assert_status(f->db, row_update(f->db, UNKNOWN_KEY, &newer, &out), TASKER_UNSUPPORTED);
    row_filter filter = {.reserved = {1, 0, 0, 0}};
    const rows *list = (const void *)f;
    int64_t count = 7;
    bool any = true;
    assert_status(f->db, row_query(f->db, &filter, NULL, &list), TASKER_UNSUPPORTED);
    assert_null(list);
    assert_status(f->db, row_count(f->db, &filter, &count), TASKER_UNSUPPORTED);
    assert_status(f->db, row_exists(f->db, &filter, &any), TASKER_UNSUPPORTED);
    assert_true(count == 7 && any);
    assert_status(f->db, row_count(f->db, NULL, NULL), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, row_exists(f->db, NULL, NULL), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, row_create(NULL, &newer, &out), TASKER_INVALID_ARGUMENT);
}

static void test_duplicate_leaves_the_transaction(void **state)
{
    fixture *f = *state;
    const char *name = new_name("duplicate");
    const row *out = (const void *)f;
    assert_status(f->db, create(f->db, name, NULL), TASKER_OK);
    assert_status(f->db, create(f->db, name, &out), TASKER_DUPLICATE);
    assert_non_null(strstr(tasker_db_error(f->db)->constraint, "s_name_key"));
    assert_null(out);
    assert_false(tasker_db_session(f->db)->in_transaction);
    assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
    out = (const void *)f;
    assert_status(f->db, create(f->db, name, &out), TASKER_DUPLICATE);
    assert_null(out);
    assert_false(tasker_db_session(f->db)->transaction_failed);
    assert_status(f->db, create(f->db, new_name("after"), NULL), TASKER_OK);
    assert_status(f->db, tasker_db_commit(f->db), TASKER_OK);
}

static tasker_status find_or_create(tasker_db *db, int i, void *context)
{
    (void)i;
    return row_find_or_create(db, &(row_input){.name = T(context)}, NULL);
}

static void test_find_or_create(void **state)
{
    fixture *f = *state;
    char name[64];
    const row *made = NULL, *found = NULL;
    row_input input = {.name = T(new_name("found")), .description = TASKER_TEXT("first")};
    assert_status(f->db, row_find_or_create(f->db, &input, &made), TASKER_OK);
    assert_text(made->description, "first");
    input.description = T("another");
    assert_status(f->db, row_find_or_create(f->db, &input, &found), TASKER_OK);
    assert_same_key(made, found);
    assert_text(found->description, "first");
    assert_true(found->updated_at.us == made->updated_at.us);
    tasker_free(made);
    tasker_free(found);

    tasker_status statuses[RACERS];
    snprintf(name, sizeof name, "%s", new_name("race"));
    race(f, find_or_create, name, statuses);
    for (int i = 0; i < RACERS; i++)
        assert_int_equal(statuses[i], TASKER_OK);
    assert_int_equal(COUNTED_OF(f, ENTITY, .name = T(name)), 1);
}

static tasker_status create_named(tasker_db *db, tasker_text text, void *context)
{
    (void)context;
    return row_create(db, &(row_input){.name = text}, NULL);
}

static tasker_status create_described(tasker_db *db, tasker_text text, void *context)
{
    (void)context;
    return row_create(db, &(row_input){.name = T(new_name("long")), .description = text}, NULL);
}

static void test_texts(void **state)
{
    fixture *f = *state;
    assert_limit(f->db, create_named, NULL, 64);
    assert_limit(f->db, create_described, NULL, 255);
    for (size_t i = 0; i < hostile_count; i++) {
        row_input input = {.name = T(hostile[i]), .description = T(hostile[i])};
        const row *made = NULL, *found = NULL;
        assert_status(f->db, row_create(f->db, &input, &made), TASKER_OK);
        assert_status(f->db, row_find_by_name(f->db, input.name, &found), TASKER_OK);
        assert_same_key(made, found);
        assert_text(found->name, hostile[i]);
        assert_text(found->description, hostile[i]);
        assert_int_equal(COUNTED_OF(f, ENTITY, .name = T(hostile[i]), .search = T(hostile[i])), 1);
        tasker_free(made);
        tasker_free(found);
    }
}

static tasker_status page_of(tasker_db *db, const tasker_page *page, const void **out)
{
    const rows *list = NULL;
    tasker_status status = row_query(db, &(row_filter){.search = T("PAGED")}, page, &list);
    *out = list;
    return status;
}

static int by_name(const void *a, const void *b)
{
    const row *x = a, *y = b;
    return strcmp(x->name.ptr, y->name.ptr);
}

static void test_pages(void **state)
{
    fixture *f = *state;
    char name[64];
    for (int i = 0; i < 25; i++) {
        snprintf(name, sizeof name, "paged %02d", (i * 7) % 25);
        assert_status(f->db, create(f->db, name, NULL), TASKER_OK);
    }
    assert_pages(f->db, page_of, TASKER_ORDER_OLDEST, row_by_key, 25);
    assert_pages(f->db, page_of, TASKER_ORDER_NEWEST, row_by_key_descending, 25);
    assert_pages(f->db, page_of, TASKER_ORDER_NAME, by_name, 25);
    const void *list = NULL;
    tasker_page page = {.order = TASKER_ORDER_PRIORITY};
    assert_status(f->db, page_of(f->db, &page, &list), TASKER_UNSUPPORTED);
}

static void test_name_and_search(void **state)
{
    fixture *f = *state;
    const char *name = new_name("Sought"), *other = new_name("Unsought");
    row_input input = {.name = T(name), .description = TASKER_TEXT("A Needle in it")};
    assert_status(f->db, row_create(f->db, &input, NULL), TASKER_OK);
    assert_status(f->db, create(f->db, other, NULL), TASKER_OK);
    assert_int_equal(COUNTED_OF(f, ENTITY, .name = T(name)), 1);
    assert_int_equal(COUNTED_OF(f, ENTITY, .name = T("sought")), 0);
    assert_int_equal(COUNTED_OF(f, ENTITY, .search = T("SOUGHT")), 2);
    assert_int_equal(COUNTED_OF(f, ENTITY, .search = T("needle")), 1);
    assert_int_equal(COUNTED_OF(f, ENTITY, .search = T("sought%")), 0);
    assert_int_equal(COUNTED_OF(f, ENTITY, .name = T(other), .search = T("sought")), 1);
    assert_int_equal(COUNTED_OF(f, ENTITY, .name = T(other), .search = T("needle")), 0);
}

static void test_update(void **state)
{
    fixture *f = *state;
    const char *name = new_name("renamed"), *other = new_name("other");
    const row *made = NULL, *changed = NULL;
    row_input input = {.name = T(new_name("old")), .description = TASKER_TEXT("said")};
    assert_status(f->db, create(f->db, other, NULL), TASKER_OK);
    assert_status(f->db, row_create(f->db, &input, &made), TASKER_OK);

    row_input change = {.name = T(name)};
    assert_status(f->db, row_update(f->db, row_key(made), &change, &changed), TASKER_OK);
    assert_same_key(changed, made);
    assert_text(changed->name, name);
    assert_text(changed->description, "said");
    assert_true(changed->updated_at.us > made->updated_at.us && changed->created_at.us == made->created_at.us);
    tasker_free(changed);
    change = (row_input){.description = TASKER_CLEAR};
    assert_status(f->db, row_update(f->db, row_key(made), &change, &changed), TASKER_OK);
    assert_text(changed->name, name);
    assert_null(changed->description.ptr);
    tasker_free(changed);

    assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
    change = (row_input){.name = T(other)};
    assert_status(f->db, row_update(f->db, row_key(made), &change, &changed), TASKER_DUPLICATE);
    assert_non_null(strstr(tasker_db_error(f->db)->constraint, "s_name_key"));
    assert_null(changed);
    assert_status(f->db, row_update(f->db, UNKNOWN_KEY, &input, &changed), TASKER_NOT_FOUND);
    change = (row_input){.name = TASKER_CLEAR};
    assert_status(f->db, row_update(f->db, row_key(made), &change, &changed), TASKER_INVALID_ARGUMENT);
    assert_message(f->db, "name cannot be cleared");
    change = (row_input){.name = text_of_length(65)};
    assert_status(f->db, row_update(f->db, row_key(made), &change, &changed), TASKER_TOO_LONG);
    assert_status(f->db, row_update(f->db, row_key(made), NULL, NULL), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, tasker_db_commit(f->db), TASKER_OK);
    tasker_free(made);
}

static void test_delete(void **state)
{
    fixture *f = *state;
    const row *gone = NULL, *needed = NULL;
    assert_status(f->db, create(f->db, new_name("gone"), &gone), TASKER_OK);
    assert_status(f->db, create(f->db, new_name("needed"), &needed), TASKER_OK);
    assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
    assert_status(f->db, row_delete(f->db, row_key(gone)), TASKER_OK);
    assert_status(f->db, row_delete(f->db, row_key(gone)), TASKER_NOT_FOUND);
    assert_status(f->db, row_delete(f->db, UNKNOWN_KEY), TASKER_NOT_FOUND);
    assert_status(f->db, tasker_db_commit(f->db), TASKER_OK);
    refer(f->db, needed);
    assert_status(f->db, row_delete(f->db, row_key(needed)), TASKER_STILL_REFERENCED);
    tasker_free(gone);
    tasker_free(needed);
}

#define NAMED_TESTS                                                                                                    \
    cmocka_unit_test(test_create_and_get), cmocka_unit_test(test_absent),                                              \
        cmocka_unit_test(test_duplicate_leaves_the_transaction), cmocka_unit_test(test_find_or_create),                \
        cmocka_unit_test(test_texts), cmocka_unit_test(test_pages), cmocka_unit_test(test_name_and_search),            \
        cmocka_unit_test(test_update), cmocka_unit_test(test_delete)

#endif
