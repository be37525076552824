/* SPDX-License-Identifier: MIT */
#include "entity_test.h"

static tasker_status create(tasker_db *db, const char *name, const tasker_task_namespace **out)
{
    return tasker_task_namespace_create(db, &(tasker_task_namespace_input){.name = T(name)}, out);
}

static void test_create_and_get(void **state)
{
    fixture *f = *state;
    const char *name = new_name("created");
    tasker_task_namespace_input input = {.name = T(name), .description = TASKER_TEXT("sells")};
    const tasker_task_namespace *made = NULL, *got = NULL;
    assert_status(f->db, tasker_task_namespace_create(f->db, &input, &made), TASKER_OK);
    assert_true(tasker_uuid_is_v7(&made->task_namespace_uuid));
    assert_text(made->name, name);
    assert_text(made->description, "sells");
    assert_true(made->created_at.us > 0 && made->created_at.us == made->updated_at.us);
    assert_status(f->db, tasker_task_namespace_get(f->db, &made->task_namespace_uuid, &got), TASKER_OK);
    assert_uuid(got->task_namespace_uuid, made->task_namespace_uuid);
    assert_text(got->name, name);
    tasker_free(made);
    tasker_free(got);
}

static void test_absent(void **state)
{
    fixture *f = *state;
    tasker_uuid unknown = new_uuid();
    const tasker_task_namespace *row = (const void *)f;
    assert_status(f->db, tasker_task_namespace_get(f->db, &unknown, &row), TASKER_NOT_FOUND);
    assert_null(row);
    row = (const void *)f;
    assert_status(f->db, tasker_task_namespace_find_by_name(f->db, T("no such"), &row), TASKER_OK);
    assert_null(row);
    assert_status(f->db, tasker_task_namespace_get(f->db, NULL, &row), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, tasker_task_namespace_find_by_name(f->db, T(NULL), &row), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, tasker_task_namespace_create(f->db, NULL, &row), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, create(f->db, NULL, &row), TASKER_INVALID_ARGUMENT);
    assert_message(f->db, "name is required");
    tasker_task_namespace_input newer = {.name = TASKER_TEXT("x"), .reserved = {0, 1, 0, 0}};
    assert_status(f->db, tasker_task_namespace_create(f->db, &newer, &row), TASKER_UNSUPPORTED);
    tasker_task_namespace_filter filter = {.reserved = {1, 0, 0, 0}};
    const tasker_task_namespaces *list = NULL;
    assert_status(f->db, tasker_task_namespace_query(f->db, &filter, NULL, &list), TASKER_UNSUPPORTED);
}

static void test_duplicate_leaves_the_transaction(void **state)
{
    fixture *f = *state;
    const char *name = new_name("duplicate");
    const tasker_task_namespace *row = NULL;
    assert_status(f->db, create(f->db, name, NULL), TASKER_OK);
    assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
    assert_status(f->db, create(f->db, name, &row), TASKER_DUPLICATE);
    assert_null(row);
    assert_false(tasker_db_session(f->db)->transaction_failed);
    assert_status(f->db, create(f->db, new_name("after"), NULL), TASKER_OK);
    assert_status(f->db, tasker_db_commit(f->db), TASKER_OK);
}

static void test_resend(void **state)
{
    fixture *f = *state;
    tasker_task_namespace_input input = {.task_namespace_uuid = new_uuid(), .name = T(new_name("resend"))};
    const tasker_task_namespace *first = NULL, *second = NULL;
    assert_status(f->db, tasker_task_namespace_create(f->db, &input, &first), TASKER_OK);
    assert_status(f->db, tasker_task_namespace_create(f->db, &input, &second), TASKER_OK);
    assert_uuid(second->task_namespace_uuid, input.task_namespace_uuid);
    assert_true(first->created_at.us == second->created_at.us);
    tasker_free(first);
    tasker_free(second);
}

static tasker_status find_or_create(tasker_db *db, int i, void *context)
{
    (void)i;
    return tasker_task_namespace_find_or_create(db, &(tasker_task_namespace_input){.name = T(context)}, NULL);
}

static void test_find_or_create(void **state)
{
    fixture *f = *state;
    char name[64], sql[160];
    const tasker_task_namespace *made = NULL, *found = NULL;
    tasker_task_namespace_input input = {.name = T(new_name("found"))};
    assert_status(f->db, tasker_task_namespace_find_or_create(f->db, &input, &made), TASKER_OK);
    input.description = T("another");
    assert_status(f->db, tasker_task_namespace_find_or_create(f->db, &input, &found), TASKER_OK);
    assert_uuid(made->task_namespace_uuid, found->task_namespace_uuid);
    assert_text(found->description, NULL);
    tasker_free(made);
    tasker_free(found);

    tasker_status statuses[RACERS];
    snprintf(name, sizeof name, "%s", new_name("race"));
    race(f, find_or_create, name, statuses);
    for (int i = 0; i < RACERS; i++)
        assert_int_equal(statuses[i], TASKER_OK);
    snprintf(sql, sizeof sql, "SELECT count(*) FROM tasker_task_namespaces WHERE name = '%s'", name);
    assert_int_equal(db_test_count(f, sql), 1);
}

static tasker_status create_named(tasker_db *db, tasker_text text, void *context)
{
    (void)context;
    return tasker_task_namespace_create(db, &(tasker_task_namespace_input){.name = text}, NULL);
}

static tasker_status create_described(tasker_db *db, tasker_text text, void *context)
{
    (void)context;
    tasker_task_namespace_input input = {.name = T(new_name("long")), .description = text};
    return tasker_task_namespace_create(db, &input, NULL);
}

static void test_texts(void **state)
{
    fixture *f = *state;
    assert_limit(f->db, create_named, NULL, 64);
    assert_limit(f->db, create_described, NULL, 255);
    for (size_t i = 0; i < hostile_count; i++) {
        tasker_task_namespace_input input = {.name = T(hostile[i]), .description = T(hostile[i])};
        const tasker_task_namespace *made = NULL, *found = NULL;
        assert_status(f->db, tasker_task_namespace_create(f->db, &input, &made), TASKER_OK);
        assert_status(f->db, tasker_task_namespace_find_by_name(f->db, input.name, &found), TASKER_OK);
        assert_uuid(made->task_namespace_uuid, found->task_namespace_uuid);
        assert_text(found->name, hostile[i]);
        assert_text(found->description, hostile[i]);
        tasker_free(made);
        tasker_free(found);
    }
}

static tasker_status page_of(tasker_db *db, const tasker_page *page, const void **out)
{
    const tasker_task_namespaces *list = NULL;
    tasker_status status =
        tasker_task_namespace_query(db, &(tasker_task_namespace_filter){.search = T("PAGED")}, page, &list);
    *out = list;
    return status;
}

static int by_name(const void *a, const void *b)
{
    const tasker_task_namespace *x = a, *y = b;
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
    assert_pages(f->db, page_of, TASKER_ORDER_OLDEST, by_key, 25);
    assert_pages(f->db, page_of, TASKER_ORDER_NEWEST, by_key_descending, 25);
    assert_pages(f->db, page_of, TASKER_ORDER_NAME, by_name, 25);
    const void *list = NULL;
    tasker_page page = {.order = TASKER_ORDER_PRIORITY};
    assert_status(f->db, page_of(f->db, &page, &list), TASKER_UNSUPPORTED);
}

static void test_filters(void **state)
{
    fixture *f = *state;
    const char *name = new_name("Filtered");
    const tasker_task_namespace *row = NULL;
    assert_status(f->db, create(f->db, name, &row), TASKER_OK);
    assert_status(f->db, create(f->db, "default", NULL), TASKER_OK);
    assert_int_equal(COUNTED(f, task_namespace, .name = T(name)), 1);
    assert_int_equal(COUNTED(f, task_namespace, .search = T("FILTERED")), 1);
    assert_int_equal(COUNTED(f, task_namespace, .search = T("filtered%")), 0);
    assert_int_equal(COUNTED(f, task_namespace, .name = T(name), .except = &row->task_namespace_uuid), 0);
    assert_int_equal(COUNTED(f, task_namespace, .name = T("default")), 1);
    assert_int_equal(COUNTED(f, task_namespace, .name = T("default"), .custom = true), 0);
    tasker_free(row);
}

/* A key of the caller's that names another row is told as such, and a transaction goes on. */
static void test_find_or_create_under_a_taken_key(void **state)
{
    tasker_db *db = ((fixture *)*state)->db;
    const tasker_task_namespace *first = NULL, *second = NULL;
    tasker_task_namespace_input input = {.name = TASKER_TEXT("holds the key")};
    assert_status(db, tasker_task_namespace_create(db, &input, &first), TASKER_OK);
    tasker_task_namespace_input taken = {.task_namespace_uuid = first->task_namespace_uuid,
                                         .name = TASKER_TEXT("wants it")};
    assert_status(db, tasker_db_begin(db, NULL), TASKER_OK);
    assert_status(db, tasker_task_namespace_find_or_create(db, &taken, &second), TASKER_DUPLICATE);
    assert_null(second);
    assert_status(db, tasker_db_commit(db), TASKER_OK);
    tasker_free(first);
}

static void test_update(void **state)
{
    fixture *f = *state;
    const char *name = new_name("renamed"), *other = new_name("other");
    const tasker_task_namespace *row = NULL, *changed = NULL;
    tasker_task_namespace_input input = {.name = T(new_name("old")), .description = TASKER_TEXT("said")};
    assert_status(f->db, create(f->db, other, NULL), TASKER_OK);
    assert_status(f->db, tasker_task_namespace_create(f->db, &input, &row), TASKER_OK);
    const tasker_uuid *key = &row->task_namespace_uuid;

    tasker_task_namespace_input change = {.name = T(name)};
    assert_status(f->db, tasker_task_namespace_update(f->db, key, &change, &changed), TASKER_OK);
    assert_text(changed->name, name);
    assert_text(changed->description, "said");
    assert_true(changed->updated_at.us > row->updated_at.us && changed->created_at.us == row->created_at.us);
    tasker_free(changed);
    change = (tasker_task_namespace_input){.description = TASKER_CLEAR};
    assert_status(f->db, tasker_task_namespace_update(f->db, key, &change, &changed), TASKER_OK);
    assert_text(changed->name, name);
    assert_null(changed->description.ptr);
    tasker_free(changed);

    assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
    change = (tasker_task_namespace_input){.name = T(other)};
    assert_status(f->db, tasker_task_namespace_update(f->db, key, &change, &changed), TASKER_DUPLICATE);
    assert_null(changed);
    tasker_uuid unknown = new_uuid();
    assert_status(f->db, tasker_task_namespace_update(f->db, &unknown, &input, &changed), TASKER_NOT_FOUND);
    change = (tasker_task_namespace_input){.name = TASKER_CLEAR};
    assert_status(f->db, tasker_task_namespace_update(f->db, key, &change, &changed), TASKER_INVALID_ARGUMENT);
    assert_message(f->db, "name cannot be cleared");
    change = (tasker_task_namespace_input){.task_namespace_uuid = unknown};
    assert_status(f->db, tasker_task_namespace_update(f->db, key, &change, NULL), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, tasker_task_namespace_update(f->db, NULL, &input, NULL), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, tasker_db_commit(f->db), TASKER_OK);
    tasker_free(row);
}

static void test_delete(void **state)
{
    fixture *f = *state;
    tasker_uuid key = make_namespace(f->db);
    assert_status(f->db, tasker_task_namespace_delete(f->db, &key), TASKER_OK);
    assert_status(f->db, tasker_task_namespace_delete(f->db, &key), TASKER_NOT_FOUND);
    assert_status(f->db, tasker_task_namespace_delete(f->db, NULL), TASKER_INVALID_ARGUMENT);
    key = make_namespace(f->db);
    tasker_named_task_input type = {.task_namespace_uuid = key, .name = TASKER_TEXT("refers")};
    assert_status(f->db, tasker_named_task_create(f->db, &type, NULL), TASKER_OK);
    assert_status(f->db, tasker_task_namespace_delete(f->db, &key), TASKER_STILL_REFERENCED);
}

static void test_create_many(void **state)
{
    fixture *f = *state;
    const char *names[] = {new_name("z"), new_name("m"), new_name("a")};
    tasker_task_namespace_input inputs[] = {
        {.name = T(names[0])}, {.name = T(names[1]), .description = TASKER_TEXT("d")}, {.name = T(names[2])}};
    const tasker_task_namespaces *made = NULL, *again = NULL;
    assert_status(f->db, tasker_task_namespace_create_many(f->db, inputs, 3, &made), TASKER_OK);
    assert_int_equal(made->count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_text(made->items[i]->name, names[i]);
        assert_text(made->items[i]->description, inputs[i].description.ptr);
        inputs[i].task_namespace_uuid = made->items[i]->task_namespace_uuid;
    }
    assert_status(f->db, tasker_task_namespace_create_many(f->db, inputs, 3, &again), TASKER_OK); /* a resend */
    assert_int_equal(again->count, 3);
    for (size_t i = 0; i < 3; i++)
        assert_uuid(again->items[i]->task_namespace_uuid, made->items[i]->task_namespace_uuid);
    tasker_free(made);
    tasker_free(again);
    assert_status(f->db, tasker_task_namespace_create_many(f->db, inputs, 0, &made), TASKER_OK);
    assert_int_equal(made->count, 0);
    tasker_free(made);
}

/* Nothing is stored, and the first input in the way is told; the transaction goes on. */
static void assert_offender(fixture *f, const tasker_task_namespace_input *inputs, size_t count, tasker_status expected,
                            int64_t item)
{
    const tasker_task_namespaces *list = (const void *)f;
    long before = db_test_count(f, "SELECT count(*) FROM tasker_task_namespaces");
    assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
    assert_status(f->db, tasker_task_namespace_create_many(f->db, inputs, count, &list), expected);
    assert_null(list);
    assert_int_equal(tasker_db_error(f->db)->item, item);
    assert_status(f->db, tasker_db_commit(f->db), TASKER_OK);
    assert_int_equal(db_test_count(f, "SELECT count(*) FROM tasker_task_namespaces"), before);
}

static void test_create_many_all_or_nothing(void **state)
{
    fixture *f = *state;
    const char *taken = new_name("taken"), *twice = new_name("twice");
    const tasker_task_namespace *row = NULL;
    assert_status(f->db, create(f->db, taken, &row), TASKER_OK);
    tasker_task_namespace_input inputs[] = {{.name = T(new_name("a"))}, {.name = T(twice)}, {.name = T(twice)}};
    assert_offender(f, inputs, 3, TASKER_DUPLICATE, 2);
    inputs[1].name = T(taken);
    assert_offender(f, inputs, 3, TASKER_DUPLICATE, 1);
    inputs[1] =
        (tasker_task_namespace_input){.task_namespace_uuid = row->task_namespace_uuid, .name = T(new_name("b"))};
    assert_offender(f, inputs, 3, TASKER_DUPLICATE, 1);
    inputs[1] = (tasker_task_namespace_input){0};
    assert_offender(f, inputs, 3, TASKER_INVALID_ARGUMENT, 1);
    inputs[1].name = text_of_length(65);
    assert_offender(f, inputs, 3, TASKER_TOO_LONG, 1);
    inputs[1] = (tasker_task_namespace_input){.name = T(new_name("c")), .reserved = {1, 0, 0, 0}};
    assert_offender(f, inputs, 3, TASKER_UNSUPPORTED, 1);
    assert_offender(f, NULL, 3, TASKER_INVALID_ARGUMENT, -1);
    assert_offender(f, inputs, SIZE_MAX, TASKER_LIMIT_EXCEEDED, -1);
    tasker_free(row);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find_or_create_under_a_taken_key),
        cmocka_unit_test(test_create_and_get),
        cmocka_unit_test(test_absent),
        cmocka_unit_test(test_duplicate_leaves_the_transaction),
        cmocka_unit_test(test_resend),
        cmocka_unit_test(test_find_or_create),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_pages),
        cmocka_unit_test(test_filters),
        cmocka_unit_test(test_update),
        cmocka_unit_test(test_delete),
        cmocka_unit_test(test_create_many),
        cmocka_unit_test(test_create_many_all_or_nothing),
    };
    return db_test_run(tests);
}
