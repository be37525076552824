/* SPDX-License-Identifier: MIT */
#include "entity_test.h"

static tasker_status create(tasker_db *db, tasker_uuid namespace_uuid, const char *name, const char *version)
{
    tasker_named_task_input input = {.task_namespace_uuid = namespace_uuid, .name = T(name), .version = T(version)};
    return tasker_named_task_create(db, &input, NULL);
}

static tasker_text namespace_name(tasker_db *db, tasker_uuid task_namespace_uuid)
{
    static char name[64];
    const tasker_task_namespace *row = NULL;
    assert_status(db, tasker_task_namespace_get(db, &task_namespace_uuid, &row), TASKER_OK);
    snprintf(name, sizeof name, "%s", row->name.ptr);
    tasker_free(row);
    return T(name);
}

static void test_create_and_get(void **state)
{
    fixture *f = *state;
    tasker_named_task_input input = {
        .task_namespace_uuid = make_namespace(f->db),
        .name = TASKER_TEXT("order"),
        .version = TASKER_TEXT("1.2.3"),
        .description = TASKER_TEXT("ships"),
        .configuration = TASKER_JSON("{\"default_context\": {\"a\": 1}}"),
    };
    const tasker_named_task *made = NULL, *got = NULL;
    assert_status(f->db, tasker_named_task_create(f->db, &input, &made), TASKER_OK);
    assert_status(f->db, tasker_named_task_get(f->db, &made->named_task_uuid, &got), TASKER_OK);
    assert_uuid(got->named_task_uuid, made->named_task_uuid);
    assert_uuid(got->task_namespace_uuid, input.task_namespace_uuid);
    assert_text(got->name, "order");
    assert_text(got->version, "1.2.3");
    assert_text(got->description, "ships");
    assert_string_equal(got->configuration.ptr, "{\"default_context\": {\"a\": 1}}");
    tasker_free(made);
    tasker_free(got);
}

static void test_defaults(void **state)
{
    fixture *f = *state;
    tasker_named_task_input input = {.task_namespace_uuid = make_namespace(f->db), .name = TASKER_TEXT("plain")};
    const tasker_named_task *made = NULL;
    assert_status(f->db, tasker_named_task_create(f->db, &input, &made), TASKER_OK);
    assert_text(made->version, "0.1.0");
    assert_text(made->description, NULL);
    assert_string_equal(made->configuration.ptr, "{}");
    tasker_free(made);
}

static void test_absent(void **state)
{
    fixture *f = *state;
    tasker_uuid unknown = new_uuid();
    const tasker_named_task *row = (const void *)f;
    assert_status(f->db, tasker_named_task_get(f->db, &unknown, &row), TASKER_NOT_FOUND);
    assert_null(row);
    assert_status(f->db, tasker_named_task_find_by_name(f->db, T("no such"), T("x"), T(NULL), &row), TASKER_OK);
    assert_null(row);
    assert_status(f->db, tasker_named_task_find_by_name(f->db, T("x"), T(NULL), T(NULL), &row),
                  TASKER_INVALID_ARGUMENT);
    assert_status(f->db, tasker_named_task_create(f->db, NULL, &row), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, create(f->db, NIL, "x", NULL), TASKER_INVALID_ARGUMENT);
    assert_message(f->db, "task_namespace_uuid is required");
    assert_status(f->db, create(f->db, unknown, NULL, NULL), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, create(f->db, unknown, "x", NULL), TASKER_REFERENCE_MISSING);
    tasker_named_task_input input = {.task_namespace_uuid = make_namespace(f->db), .name = TASKER_TEXT("x")};
    static const char *const configurations[] = {"{", "[]", "null", "\"{}\""};
    for (size_t i = 0; i < COUNT(configurations); i++) {
        input.configuration = tasker_json_of(configurations[i]);
        assert_status(f->db, tasker_named_task_create(f->db, &input, &row), TASKER_INVALID_ARGUMENT);
        assert_status(f->db, tasker_named_task_find_or_create(f->db, &input, &row), TASKER_INVALID_ARGUMENT);
    }
}

static void test_duplicate_leaves_the_transaction(void **state)
{
    fixture *f = *state;
    tasker_uuid ns = make_namespace(f->db);
    db_test_lift_limits(f);
    assert_status(f->db, create(f->db, ns, "twice", "1.0.0"), TASKER_OK);
    assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
    assert_status(f->db, create(f->db, ns, "twice", "1.0.0"), TASKER_DUPLICATE);
    assert_constraint(f->db, "tasker_named_tasks_namespace_name_version_unique");
    assert_status(f->db, create(f->db, ns, "twice", "1.0.1"), TASKER_OK);
    assert_status(f->db, tasker_db_commit(f->db), TASKER_OK);
    assert_status(f->db, create(f->db, make_namespace(f->db), "twice", "1.0.0"), TASKER_OK);
}

static void test_resend(void **state)
{
    fixture *f = *state;
    tasker_named_task_input input = {.named_task_uuid = new_uuid(), .task_namespace_uuid = make_namespace(f->db)};
    const tasker_named_task *row = NULL;
    input.name = T("again");
    assert_status(f->db, tasker_named_task_create(f->db, &input, NULL), TASKER_OK);
    assert_status(f->db, tasker_named_task_create(f->db, &input, &row), TASKER_OK);
    assert_uuid(row->named_task_uuid, input.named_task_uuid);
    tasker_free(row);
}

/* Ascending: each is later than the one before it. The first five are no versions. */
static const char *const versions[] = {
    "",           "10.0.0.1-no", "beta",        "edge",          "v2",        "0.9",
    "0.9.1",      "1.0.0-al.x",  "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-b.2", "1.0.0-b.11",
    "1.0.0-rc.1", "1.0.0",       "1.0.1",       "1.2",           "1.10.0",    "2",
    "9.0.0",      "10.0.0-0.3",  "10.0.0-x",    "10.0.0",        "20230101",
};

/* Of each two the later is stored first, so that the order of creation does not help. */
static void test_latest(void **state)
{
    fixture *f = *state;
    tasker_uuid ns = make_namespace(f->db);
    tasker_text name = namespace_name(f->db, ns);
    const tasker_named_task *row = NULL;
    db_test_lift_limits(f);
    for (size_t i = 1; i < COUNT(versions); i++) {
        const char *kind = new_name("kind");
        assert_status(f->db, create(f->db, ns, kind, versions[i]), TASKER_OK);
        assert_status(f->db, create(f->db, ns, kind, versions[i - 1]), TASKER_OK);
        assert_status(f->db, tasker_named_task_find_by_name(f->db, name, T(kind), T(NULL), &row), TASKER_OK);
        assert_text(row->version, versions[i]);
        tasker_free(row);
        assert_status(f->db, tasker_named_task_find_by_name(f->db, name, T(kind), T(versions[i - 1]), &row), TASKER_OK);
        assert_text(row->version, versions[i - 1]);
        tasker_free(row);
        assert_int_equal(COUNTED(f, named_task, .task_namespace_uuid = &ns, .name = T(kind)), 2);
        assert_int_equal(COUNTED(f, named_task, .task_namespace_uuid = &ns, .name = T(kind), .latest = true), 1);
    }
    size_t pairs = COUNT(versions) - 1;
    assert_int_equal(COUNTED(f, named_task, .task_namespace_uuid = &ns, .latest = true), pairs);
    assert_int_equal(COUNTED(f, named_task, .task_namespace_uuid = &ns, .version = T("2")), 2);
    assert_int_equal(COUNTED(f, named_task, .task_namespace_uuid = &ns, .version = T("2"), .latest = true), 1);
}

/* Equal in the order of versions: build metadata and leading zeros do not count. The later created one wins. */
static void test_latest_ties(void **state)
{
    fixture *f = *state;
    tasker_uuid ns = make_namespace(f->db);
    const tasker_named_task *row = NULL;
    db_test_lift_limits(f);
    assert_status(f->db, create(f->db, ns, "tied", "1.0.0+b"), TASKER_OK);
    assert_status(f->db, create(f->db, ns, "tied", "1.0"), TASKER_OK);
    assert_status(f->db, create(f->db, ns, "tied", "01.0.0+a"), TASKER_OK);
    tasker_text name = namespace_name(f->db, ns);
    assert_status(f->db, tasker_named_task_find_by_name(f->db, name, T("tied"), T(NULL), &row), TASKER_OK);
    assert_text(row->version, "01.0.0+a");
    tasker_free(row);
}

static tasker_status find_or_create(tasker_db *db, int i, void *context)
{
    (void)i;
    return tasker_named_task_find_or_create(db, context, NULL);
}

static void test_find_or_create(void **state)
{
    fixture *f = *state;
    tasker_named_task_input input = {.task_namespace_uuid = make_namespace(f->db), .name = TASKER_TEXT("race")};
    const tasker_named_task *made = NULL, *found = NULL;
    tasker_status statuses[RACERS];
    race(f, find_or_create, &input, statuses);
    for (int i = 0; i < RACERS; i++)
        assert_int_equal(statuses[i], TASKER_OK);
    assert_int_equal(COUNTED(f, named_task, .task_namespace_uuid = &input.task_namespace_uuid), 1);
    assert_status(f->db, tasker_named_task_find_or_create(f->db, &input, &found), TASKER_OK);
    db_test_lift_limits(f);
    input.version = T("0.2.0");
    input.configuration = tasker_json_of("{\"a\": 1}");
    assert_status(f->db, tasker_named_task_find_or_create(f->db, &input, &made), TASKER_OK);
    assert_false(tasker_uuid_equal(&made->named_task_uuid, &found->named_task_uuid));
    assert_string_equal(made->configuration.ptr, "{\"a\": 1}");
    assert_string_equal(found->configuration.ptr, "{}");
    tasker_free(made);
    tasker_free(found);
    input.task_namespace_uuid = new_uuid();
    assert_status(f->db, tasker_named_task_find_or_create(f->db, &input, NULL), TASKER_REFERENCE_MISSING);
}

static tasker_status create_with(tasker_db *db, tasker_text text, void *context)
{
    size_t member;
    memcpy(&member, context, sizeof member);
    tasker_named_task_input input = {.task_namespace_uuid = make_namespace(db), .name = T("long")};
    memcpy((char *)&input + member, &text, sizeof text);
    return tasker_named_task_create(db, &input, NULL);
}

static void test_texts(void **state)
{
    fixture *f = *state;
    tasker_uuid ns = make_namespace(f->db);
    assert_limit(f->db, create_with, &(size_t){offsetof(tasker_named_task_input, name)}, 64);
    assert_limit(f->db, create_with, &(size_t){offsetof(tasker_named_task_input, version)}, 16);
    assert_limit(f->db, create_with, &(size_t){offsetof(tasker_named_task_input, description)}, 255);
    for (size_t i = 0; i < hostile_count; i++) {
        tasker_named_task_input input = {.task_namespace_uuid = ns, .name = T(hostile[i])};
        input.description = T(hostile[i]);
        input.version = T(strlen(hostile[i]) <= 16 ? hostile[i] : "1");
        const tasker_named_task *row = NULL;
        assert_status(f->db, tasker_named_task_create(f->db, &input, NULL), TASKER_OK);
        assert_status(f->db,
                      tasker_named_task_find_by_name(f->db, namespace_name(f->db, ns), input.name, T(NULL), &row),
                      TASKER_OK);
        assert_text(row->name, hostile[i]);
        assert_text(row->description, hostile[i]);
        assert_text(row->version, input.version.ptr);
        tasker_free(row);
    }
}

PAGES(page_of, named_task, query, tasker_named_tasks, .search = T("paged"))

/* Names are given twice: the key decides then. */
static int by_name(const void *a, const void *b)
{
    const tasker_named_task *x = a, *y = b;
    int order = strcmp(x->name.ptr, y->name.ptr);
    return order != 0 ? order : by_key_descending(a, b);
}

static void test_pages(void **state)
{
    fixture *f = *state;
    tasker_uuid ns = make_namespace(f->db);
    char name[64], version[16];
    db_test_lift_limits(f);
    for (int i = 0; i < 25; i++) {
        snprintf(name, sizeof name, "paged %02d", (i * 7) % 25 / 2);
        snprintf(version, sizeof version, "%d", i);
        assert_status(f->db, create(f->db, ns, name, version), TASKER_OK);
    }
    assert_pages(f->db, page_of, TASKER_ORDER_OLDEST, by_key, 25);
    assert_pages(f->db, page_of, TASKER_ORDER_NEWEST, by_key_descending, 25);
    assert_pages(f->db, page_of, TASKER_ORDER_NAME, by_name, 25);
}

static void test_filters(void **state)
{
    fixture *f = *state;
    tasker_uuid ns = make_namespace(f->db), other = make_namespace(f->db);
    tasker_text name = namespace_name(f->db, ns);
    assert_status(f->db, create(f->db, ns, "Sieve one", "7.7.7"), TASKER_OK);
    assert_status(f->db, create(f->db, ns, "Sieve two", "7.7.7"), TASKER_OK);
    assert_status(f->db, create(f->db, other, "Sieve one", "7.7.7"), TASKER_OK);
    assert_int_equal(COUNTED(f, named_task, .task_namespace_uuid = &ns), 2);
    assert_int_equal(COUNTED(f, named_task, .namespace_name = name), 2);
    assert_int_equal(COUNTED(f, named_task, .name = T("Sieve one")), 2);
    assert_int_equal(COUNTED(f, named_task, .version = T("7.7.7")), 3);
    assert_int_equal(COUNTED(f, named_task, .search = T("sIEVE")), 3);
    assert_int_equal(COUNTED(f, named_task, .search = T("s_eve")), 0);
    assert_int_equal(COUNTED(f, named_task, .name = T("Sieve one"), .namespace_name = name), 1);
    const tasker_named_task *row = NULL;
    assert_status(f->db, tasker_named_task_find_by_name(f->db, name, T("Sieve one"), T("7.7.7"), &row), TASKER_OK);
    assert_int_equal(COUNTED(f, named_task, .version = T("7.7.7"), .except = &row->named_task_uuid), 2);
    tasker_free(row);
    const tasker_named_tasks *list = NULL;
    tasker_named_task_filter newer = {.reserved = {0, 0, 0, 1}};
    assert_status(f->db, tasker_named_task_query(f->db, &newer, NULL, &list), TASKER_UNSUPPORTED);
}

static void test_format(void **state)
{
    (void)state;
    char text[32];
    assert_int_equal(tasker_named_task_format(T("shop"), T("order"), T("1.0.0"), sizeof text, text), TASKER_OK);
    assert_string_equal(text, "shop/order:1.0.0");
    assert_int_equal(tasker_named_task_format(T(NULL), T("order"), T("1.0.0"), 12, text), TASKER_OK);
    assert_string_equal(text, "order:1.0.0");
    for (size_t size = 0; size < 12; size++)
        assert_int_equal(tasker_named_task_format(T(NULL), T("order"), T("1.0.0"), size, text), TASKER_TOO_LONG);
    for (size_t size = 0; size < 17; size++)
        assert_int_equal(tasker_named_task_format(T("shop"), T("order"), T("1.0.0"), size, text), TASKER_TOO_LONG);
    assert_string_equal(text, "order:1.0.0");
    assert_int_equal(tasker_named_task_format(T(""), T(""), T(""), sizeof text, text), TASKER_OK);
    assert_string_equal(text, "/:");
    assert_int_equal(tasker_named_task_format(T("a"), T(NULL), T("1"), sizeof text, text), TASKER_INVALID_ARGUMENT);
    assert_int_equal(tasker_named_task_format(T("a"), T("b"), T("1"), sizeof text, NULL), TASKER_INVALID_ARGUMENT);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_create_and_get), cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_absent),         cmocka_unit_test(test_duplicate_leaves_the_transaction),
        cmocka_unit_test(test_resend),         cmocka_unit_test(test_latest),
        cmocka_unit_test(test_latest_ties),    cmocka_unit_test(test_find_or_create),
        cmocka_unit_test(test_texts),          cmocka_unit_test(test_pages),
        cmocka_unit_test(test_filters),        cmocka_unit_test(test_format),
    };
    return db_test_run(tests);
}
