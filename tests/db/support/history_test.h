/* SPDX-License-Identifier: MIT */
/*
 * The tests that the histories of tasks and of steps share, written once. Included by each after
 *
 *     #define ENTITY task_transition
 *     #define OWNER task
 *     static tasker_uuid make_owner(tasker_db *db, int count);     with a history of count rows
 *     static tasker_status replace_metadata(tasker_db *db, const tasker_uuid *key, tasker_json metadata);
 */
#include "flow_test.h"
#include <math.h>

#define GLUE_(a, b, c) a##b##c
#define GLUE(a, b, c) GLUE_(a, b, c)
#define QUOTE_(text) #text
#define QUOTE(text) QUOTE_(text)
#define HISTORY(verb) GLUE(tasker_, ENTITY, verb)
#define TABLE "tasker_" QUOTE(ENTITY) "s"
#define KEY QUOTE(ENTITY) "_uuid"
#define ROW_UUID GLUE(, ENTITY, _uuid)
#define OWNER_UUID GLUE(, OWNER, _uuid)
#define OF(owners, n) .GLUE(, OWNER, _uuids) = owners, .GLUE(, OWNER, _uuid_count) = n
#define ROWS_(f, entity, ...) COUNTED(f, entity, __VA_ARGS__)
#define ROWS(...) ROWS_(f, ENTITY, __VA_ARGS__)
#define STREAMED_ROWS_(f, entity, ...) STREAMED(f, entity, __VA_ARGS__)
#define STREAMED_ROWS(...) STREAMED_ROWS_(f, ENTITY, __VA_ARGS__)

static tasker_uuid owners[2];

static tasker_status page_of(tasker_db *db, const tasker_page *page, const void **out)
{
    const HISTORY(s) *list = NULL;
    HISTORY(_filter) filter = {OF(owners, 2)};
    tasker_status status = HISTORY(_query)(db, &filter, page, &list);
    *out = list;
    return status;
}

static int by_sort_key(const void *a, const void *b)
{
    const HISTORY() *x = a, *y = b;
    int order = tasker_uuid_compare(&x->OWNER_UUID, &y->OWNER_UUID);
    return order != 0 ? order : x->sort_key - y->sort_key;
}

static int by_sort_key_descending(const void *a, const void *b)
{
    const HISTORY() *x = a, *y = b;
    int order = tasker_uuid_compare(&x->OWNER_UUID, &y->OWNER_UUID);
    return order != 0 ? order : y->sort_key - x->sort_key;
}

/* The same where rows share a sort_key: these go by their time then. */
static int by_place(const void *a, const void *b)
{
    const HISTORY() *x = a, *y = b;
    int order = by_sort_key(a, b);
    return order != 0 ? order : (x->created_at.us > y->created_at.us) - (x->created_at.us < y->created_at.us);
}

static int by_place_descending(const void *a, const void *b)
{
    const HISTORY() *x = a, *y = b;
    int order = by_sort_key_descending(a, b);
    return order != 0 ? order : (x->created_at.us < y->created_at.us) - (x->created_at.us > y->created_at.us);
}

static void test_pages(void **state)
{
    fixture *f = *state;
    owners[0] = make_owner(f->db, 12);
    owners[1] = make_owner(f->db, 13);
    assert_pages(f->db, page_of, TASKER_ORDER_OLDEST, by_key, 25);
    assert_pages(f->db, page_of, TASKER_ORDER_NEWEST, by_key_descending, 25);
    assert_pages(f->db, page_of, TASKER_ORDER_LEAST_RECENT, by_sort_key, 25);
    assert_pages(f->db, page_of, TASKER_ORDER_MOST_RECENT, by_sort_key_descending, 25);
    static const tasker_order orders[] = {TASKER_ORDER_OLDEST, TASKER_ORDER_NEWEST, TASKER_ORDER_LEAST_RECENT,
                                          TASKER_ORDER_MOST_RECENT};
    static const row_compare compares[] = {by_key, by_key_descending, by_sort_key, by_sort_key_descending};
    for (size_t i = 0; i < COUNT(orders); i++)
        assert_int_equal(STREAMED_ROWS(orders[i], compares[i], OF(owners, 2)), 25);
    const void *list = NULL;
    assert_status(f->db, page_of(f->db, &(tasker_page){.order = TASKER_ORDER_NAME}, &list), TASKER_UNSUPPORTED);
}

/* The rows of a history as their keys, oldest first. */
static void read_keys(tasker_db *db, tasker_uuid owner, tasker_uuid *keys, size_t count)
{
    const HISTORY(s) *list = NULL;
    HISTORY(_filter) filter = {OF(&owner, 1)};
    assert_status(db, HISTORY(_query)(db, &filter, &(tasker_page){.order = TASKER_ORDER_LEAST_RECENT}, &list),
                  TASKER_OK);
    assert_int_equal(list->count, count);
    for (size_t i = 0; i < count; i++)
        keys[i] = list->items[i]->ROW_UUID;
    tasker_free(list);
}

static void set_metadata(tasker_db *db, tasker_uuid key, const char *metadata)
{
    assert_status(db, replace_metadata(db, &key, tasker_json_of(metadata)), TASKER_OK);
}

static void test_filters_of_metadata(void **state)
{
    fixture *f = *state;
    tasker_uuid keys[5], owner = make_owner(f->db, 5);
    read_keys(f->db, owner, keys, 5);
    set_metadata(f->db, keys[0], "{\"a\": null}");
    set_metadata(f->db, keys[1], "{\"a\": 1.0, \"b\": {\"c\": [1, 2]}}");
    set_metadata(f->db, keys[2], "{\"a\": \"1\", \"attempt_number\": 1}");
    set_metadata(f->db, keys[3], "{\"x\": {\"a\": 1}, \"attempt_number\": 1.0}");
    tell(tasker_db_conn(f->db), "UPDATE " TABLE " SET metadata = '[\"a\"]' WHERE " KEY " = '%s'", text_of(keys[4]));
    tasker_json one = TASKER_JSON("1"), text = TASKER_JSON("\"1\""), null = TASKER_JSON("null"),
                deep = TASKER_JSON("{\"b\": {\"c\": [2]}}"), none = TASKER_JSON("{\"b\": {\"c\": 1}}");
    assert_int_equal(ROWS(OF(&owner, 1), .metadata_key = T("a")), 3);
    assert_int_equal(ROWS(OF(&owner, 1), .metadata_key = T("A")), 0);
    assert_int_equal(ROWS(OF(&owner, 1), .metadata_key = T("a"), .metadata_value = one), 1);
    assert_int_equal(ROWS(OF(&owner, 1), .metadata_key = T("a"), .metadata_value = text), 1);
    assert_int_equal(ROWS(OF(&owner, 1), .metadata_key = T("a"), .metadata_value = null), 1);
    assert_int_equal(ROWS(OF(&owner, 1), .metadata_contains = deep), 1);
    assert_int_equal(ROWS(OF(&owner, 1), .metadata_contains = none), 0);
    assert_int_equal(ROWS(OF(&owner, 1), .metadata_contains = deep, .metadata_key = T("a")), 1);
    assert_int_equal(ROWS(OF(&owner, 1), .metadata_key = T("a"), TASKER_SET(most_recent, true)), 0);
    for (size_t i = 0; i < hostile_count; i++)
        assert_int_equal(ROWS(OF(&owner, 1), .metadata_key = T(hostile[i])), 0);
    HISTORY(_filter) filter = {.metadata_value = one};
    const HISTORY(s) *list = NULL;
    assert_status(f->db, HISTORY(_query)(f->db, &filter, NULL, &list), TASKER_INVALID_ARGUMENT);
    assert_message(f->db, "metadata_value without metadata_key");
    filter = (HISTORY(_filter)){.metadata_contains = TASKER_JSON("{")};
    assert_status(f->db, HISTORY(_count)(f->db, &filter, &(int64_t){0}), TASKER_INVALID_ARGUMENT);
}

static void test_replace_metadata(void **state)
{
    fixture *f = *state;
    tasker_uuid keys[2], unknown = new_uuid(), owner = make_owner(f->db, 2);
    const HISTORY() *before = NULL, *row = NULL;
    read_keys(f->db, owner, keys, 2);
    assert_status(f->db, HISTORY(_get)(f->db, &keys[1], &before), TASKER_OK);
    set_metadata(f->db, keys[1], "{\"note\": \"\\u00e4\"}");
    assert_status(f->db, HISTORY(_get)(f->db, &keys[1], &row), TASKER_OK);
    assert_string_equal(row->metadata.ptr, "{\"note\": \"ä\"}");
    assert_true(row->updated_at.us > before->updated_at.us && row->created_at.us == before->created_at.us);
    assert_true(row->most_recent && row->to_state == before->to_state && row->sort_key == before->sort_key);
    tasker_free(before);
    tasker_free(row);
    tasker_json object = TASKER_JSON("{}"), array = TASKER_JSON("[]"), broken = TASKER_JSON("{"), absent = {NULL, 0};
    assert_status(f->db, replace_metadata(f->db, &unknown, object), TASKER_NOT_FOUND);
    assert_status(f->db, replace_metadata(f->db, NULL, object), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, replace_metadata(f->db, &keys[1], array), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, replace_metadata(f->db, &keys[1], broken), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, replace_metadata(f->db, &keys[1], absent), TASKER_INVALID_ARGUMENT);
}

static void assert_pruned(tasker_db *db, tasker_uuid owner, int32_t keep, int64_t expected)
{
    int64_t pruned = -1;
    assert_status(db, HISTORY(_prune)(db, &owner, keep, &pruned), TASKER_OK);
    assert_int_equal(pruned, expected);
}

/* Pages by place go on where the row they ended with is gone; rows of other owners stay as they are. */
static void test_prune_between_pages(void **state)
{
    fixture *f = *state;
    static const tasker_order orders[] = {TASKER_ORDER_LEAST_RECENT, TASKER_ORDER_MOST_RECENT};
    for (size_t i = 0; i < COUNT(orders); i++) {
        tasker_uuid both[] = {make_owner(f->db, 8), make_owner(f->db, 8)};
        const HISTORY(s) *list = NULL;
        HISTORY(_filter) filter = {OF(both, 2)};
        tasker_page page = {.order = orders[i], .limit = i == 0 ? 3 : 6};
        assert_status(f->db, HISTORY(_query)(f->db, &filter, &page, &list), TASKER_OK);
        tasker_position next = list->next;
        page.after = &next;
        page.limit = 100;
        tasker_free(list);
        assert_pruned(f->db, both[0], 4, 4);
        assert_status(f->db, HISTORY(_query)(f->db, &filter, &page, &list), TASKER_OK);
        assert_int_equal(list->count, i == 0 ? 12 : 8);
        tasker_free(list);
    }
}

/* Two rows with one sort_key, as another program's schema may hold them. */
static void test_shared_sort_keys(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    owners[0] = make_owner(f->db, 12);
    owners[1] = make_owner(f->db, 13);
    assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
    tell(conn, "ALTER TABLE " TABLE " DROP CONSTRAINT IF EXISTS " TABLE "_sort_key_unique");
    tell(conn, "UPDATE " TABLE " SET sort_key = sort_key / 3");
    assert_pages(f->db, page_of, TASKER_ORDER_LEAST_RECENT, by_place, 25);
    assert_pages(f->db, page_of, TASKER_ORDER_MOST_RECENT, by_place_descending, 25);
    const void *pages = NULL;
    assert_status(f->db, page_of(f->db, &(tasker_page){.order = TASKER_ORDER_LEAST_RECENT}, &pages), TASKER_OK);
    const HISTORY(s) *list = pages;
    for (size_t i = 0; i < 12; i++) {
        const HISTORY() *row = list->items[i];
        assert_int_equal(row->has_seconds_since_previous, i > 0);
        assert_true(i == 0 || fabs(row->seconds_since_previous -
                                   (double)(row->created_at.us - list->items[i - 1]->created_at.us) / 1e6) < 1e-6);
    }
    tasker_free(pages);
    assert_pruned(f->db, owners[0], 5, 7);
    assert_status(f->db, tasker_db_rollback(f->db), TASKER_OK);
}

/* Their lines in the table of tests. */
#define HISTORY_TESTS                                                                                                  \
    cmocka_unit_test(test_pages), cmocka_unit_test(test_filters_of_metadata), cmocka_unit_test(test_replace_metadata), \
        cmocka_unit_test(test_prune_between_pages), cmocka_unit_test(test_shared_sort_keys)
