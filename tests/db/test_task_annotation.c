/* SPDX-License-Identifier: MIT */
#include "entity_test.h"

typedef tasker_task_annotation_input annotation_input;
#define FOUND_BY(f, ...) COUNTED(f, task_annotation, __VA_ARGS__)
#define J(string) tasker_json_of(string)

static annotation_input note(tasker_uuid task_uuid, const char *type, const char *json)
{
    return (annotation_input){.task_uuid = task_uuid, .annotation_type_name = T(type), .annotation = J(json)};
}

static tasker_status create(tasker_db *db, const annotation_input *input, const tasker_task_annotation **out)
{
    return tasker_task_annotation_create(db, input, out);
}

static int32_t make_type(tasker_db *db, const char *name, const char *description)
{
    tasker_annotation_type_input input = {.name = T(name), .description = T(description)};
    const tasker_annotation_type *made = NULL;
    assert_status(db, tasker_annotation_type_create(db, &input, &made), TASKER_OK);
    int32_t key = made->annotation_type_id;
    tasker_free(made);
    return key;
}

static void test_create_by_name_and_by_number(void **state)
{
    fixture *f = *state;
    tasker_uuid task = make_task(f->db);
    const char *name = new_name("made on the way"), *known = new_name("known");
    const tasker_task_annotation *made = NULL, *again = NULL, *by_number = NULL, *got = NULL;
    annotation_input input = note(task, name, "{\"a\": [1, 2]}");
    assert_status(f->db, create(f->db, &input, &made), TASKER_OK);
    assert_false(tasker_db_session(f->db)->in_transaction);
    assert_uuid(made->task_uuid, task);
    assert_string_equal(made->annotation.ptr, "{\"a\": [1, 2]}");
    assert_text(made->annotation_type_name, name);
    assert_null(made->annotation_type_description.ptr);
    assert_true(made->created_at.us > 0 && made->created_at.us == made->updated_at.us);
    assert_status(f->db, create(f->db, &input, &again), TASKER_OK); /* nothing is unique but the number */
    assert_int_equal(again->annotation_type_id, made->annotation_type_id);
    assert_true(again->task_annotation_id > made->task_annotation_id);

    input = (annotation_input){.task_uuid = task, .annotation = J("null")};
    input.annotation_type_id = make_type(f->db, known, "described");
    input.annotation_type_name = T(name); /* the number wins */
    assert_status(f->db, create(f->db, &input, &by_number), TASKER_OK);
    assert_int_equal(by_number->annotation_type_id, input.annotation_type_id);
    assert_text(by_number->annotation_type_name, known);
    assert_text(by_number->annotation_type_description, "described");
    assert_status(f->db, tasker_task_annotation_get(f->db, by_number->task_annotation_id, &got), TASKER_OK);
    assert_int_equal(got->task_annotation_id, by_number->task_annotation_id);
    assert_string_equal(got->annotation.ptr, "null");
    assert_text(got->annotation_type_name, known);
    assert_text(got->annotation_type_description, "described");
    tasker_free(got);
    assert_status(f->db, tasker_task_annotation_get(f->db, -1, &got), TASKER_NOT_FOUND);
    assert_null(got);
    tasker_free(made);
    tasker_free(again);
    tasker_free(by_number);
}

/*
 * One create and a create_many of one good input before it: the same status, nothing stored, the transaction goes on.
 */
static void assert_refused(fixture *f, const annotation_input *bad, tasker_status expected)
{
    const char *fresh = new_name("not made");
    const tasker_task_annotation *row = (const void *)f;
    const tasker_task_annotations *list = (const void *)f;
    annotation_input inputs[] = {note(make_task(f->db), fresh, "1"), *bad};
    int64_t before = -1, after = -2;
    assert_status(f->db, tasker_task_annotation_count(f->db, NULL, &before), TASKER_OK);
    assert_status(f->db, create(f->db, bad, &row), expected);
    assert_null(row);
    assert_int_equal(tasker_db_error(f->db)->item, -1);
    assert_false(tasker_db_session(f->db)->in_transaction);
    assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
    assert_status(f->db, create(f->db, bad, NULL), expected);
    assert_status(f->db, tasker_task_annotation_create_many(f->db, inputs, 2, &list), expected);
    assert_null(list);
    assert_int_equal(tasker_db_error(f->db)->item, 1);
    assert_status(f->db, tasker_db_commit(f->db), TASKER_OK);
    list = (const void *)f;
    assert_status(f->db, tasker_task_annotation_create_many(f->db, inputs, 2, &list), expected);
    assert_null(list);
    assert_int_equal(tasker_db_error(f->db)->item, 1);
    assert_status(f->db, tasker_task_annotation_count(f->db, NULL, &after), TASKER_OK);
    assert_int_equal(before, after);
    assert_int_equal(COUNTED(f, annotation_type, .name = T(fresh)), 0);
}

static void test_refused(void **state)
{
    fixture *f = *state;
    const annotation_input good = note(make_task(f->db), "refused", "{}");
    annotation_input bad = good;
    bad.task_uuid = NIL;
    assert_refused(f, &bad, TASKER_INVALID_ARGUMENT);
    bad.task_uuid = new_uuid();
    assert_refused(f, &bad, TASKER_REFERENCE_MISSING);
    bad.task_uuid = make_namespace(f->db); /* a key of another table */
    assert_refused(f, &bad, TASKER_REFERENCE_MISSING);
    bad = good;
    bad.annotation_type_id = INT32_MAX;
    assert_refused(f, &bad, TASKER_REFERENCE_MISSING);
    bad = good;
    bad.annotation_type_name = T(NULL);
    assert_refused(f, &bad, TASKER_INVALID_ARGUMENT);
    bad.annotation_type_name = text_of_length(65);
    assert_refused(f, &bad, TASKER_TOO_LONG);
    bad = good;
    bad.annotation = J(NULL);
    assert_refused(f, &bad, TASKER_INVALID_ARGUMENT);
    bad.annotation = J("{\"a\":");
    assert_refused(f, &bad, TASKER_INVALID_ARGUMENT);
    bad = good;
    bad.reserved[0] = 1;
    assert_refused(f, &bad, TASKER_UNSUPPORTED);
    const tasker_task_annotations *list = NULL;
    assert_status(f->db, create(f->db, &(annotation_input){.task_uuid = good.task_uuid}, NULL),
                  TASKER_INVALID_ARGUMENT);
    assert_message(f->db, "annotation_type_id or annotation_type_name is required");
    assert_status(f->db, create(f->db, NULL, NULL), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, create(NULL, &good, NULL), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, tasker_task_annotation_create_many(f->db, NULL, 1, &list), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, tasker_task_annotation_create_many(f->db, &good, SIZE_MAX, &list), TASKER_LIMIT_EXCEEDED);
    assert_status(f->db, tasker_task_annotation_create_many(f->db, NULL, 0, &list), TASKER_OK);
    assert_int_equal(list->count, 0);
    tasker_free(list);
}

enum { MANY = 100 };

static void test_create_many(void **state)
{
    fixture *f = *state;
    tasker_uuid tasks[] = {make_task(f->db), make_task(f->db)};
    char names[4][64], json[MANY][32];
    annotation_input inputs[MANY];
    const tasker_task_annotations *made = NULL;
    for (int i = 0; i < 4; i++)
        snprintf(names[i], sizeof names[i], "%s", new_name("many"));
    int32_t known = make_type(f->db, names[0], "known");
    for (int i = 0; i < MANY; i++) {
        snprintf(json[i], sizeof json[i], "{\"n\": %d}", i);
        inputs[i] = note(tasks[i % 2], names[(i * 7) % 4], json[i]);
        if (i % 5 == 0)
            inputs[i].annotation_type_id = known;
    }
    assert_status(f->db, tasker_task_annotation_create_many(f->db, inputs, MANY, &made), TASKER_OK);
    assert_int_equal(made->count, MANY);
    for (int i = 0; i < MANY; i++) {
        const tasker_task_annotation *a = made->items[i];
        assert_uuid(a->task_uuid, tasks[i % 2]);
        assert_string_equal(a->annotation.ptr, json[i]);
        assert_text(a->annotation_type_name, i % 5 == 0 ? names[0] : names[(i * 7) % 4]);
        assert_true((a->annotation_type_id == known) == (strcmp(a->annotation_type_name.ptr, names[0]) == 0));
        assert_text(a->annotation_type_description, a->annotation_type_id == known ? "known" : NULL);
        assert_true(i == 0 || a->task_annotation_id > made->items[i - 1]->task_annotation_id);
    }
    assert_int_equal(FOUND_BY(f, .task_uuid = &tasks[0]), MANY / 2);
    for (int i = 0; i < 4; i++)
        assert_int_equal(COUNTED(f, annotation_type, .name = T(names[i])), 1);
    tasker_free(made);
}

typedef struct raced {
    tasker_uuid task_uuid;
    char names[3][64];
} raced;

/* Each names the types in another order. */
static tasker_status race_to_make_types(tasker_db *db, int i, void *context)
{
    const raced *r = context;
    annotation_input inputs[3];
    for (int k = 0; k < 3; k++)
        inputs[k] = note(r->task_uuid, r->names[(i + k * (i % 2 + 1)) % 3], "{}");
    return i % 4 == 3 ? create(db, inputs, NULL) : tasker_task_annotation_create_many(db, inputs, 3, NULL);
}

static void test_race_for_types(void **state)
{
    fixture *f = *state;
    for (int round = 0; round < 10; round++) {
        raced r = {.task_uuid = make_task(f->db)};
        tasker_status statuses[RACERS];
        for (int k = 0; k < 3; k++)
            snprintf(r.names[k], sizeof r.names[k], "%s", new_name("race"));
        race(f, race_to_make_types, &r, statuses);
        for (int i = 0; i < RACERS; i++)
            assert_int_equal(statuses[i], TASKER_OK);
        for (int k = 0; k < 3; k++)
            assert_int_equal(COUNTED(f, annotation_type, .name = T(r.names[k])), 1);
        assert_int_equal(FOUND_BY(f, .task_uuid = &r.task_uuid), 3 * 6 + 2);
    }
}

/* In order: what is stored for test_filters and test_pages. */
static tasker_uuid store(fixture *f, const char *const *json, size_t count, const char *type)
{
    tasker_uuid task = make_task(f->db);
    for (size_t i = 0; i < count; i++) {
        annotation_input input = note(task, type, json[i]);
        assert_status(f->db, create(f->db, &input, NULL), TASKER_OK);
    }
    return task;
}

#define PATH(...)                                                                                                      \
    .path = (const tasker_text[]){__VA_ARGS__}, .path_count = sizeof((tasker_text[]){__VA_ARGS__}) / sizeof(tasker_text)

static void test_filters(void **state)
{
    fixture *f = *state;
    static const char *const json[] = {"{\"a\": {\"b\": [10, 20]}, \"c\": \"x\"}",
                                       "{\"a\": {\"b\": [10]}, \"c\": null}",
                                       "[1, 2]",
                                       "\"text\"",
                                       "{\"c\": \"x\"}",
                                       "{\"\": {\"%_\": 1.0}}"};
    const char *type = new_name("filtered"), *other = new_name("other");
    tasker_uuid task = store(f, json, COUNT(json), type), unknown = new_uuid();
    int32_t number = make_type(f->db, other, NULL);
    annotation_input input = {.task_uuid = task, .annotation_type_id = number, .annotation = J("{\"c\": \"x\"}")};
    assert_status(f->db, create(f->db, &input, NULL), TASKER_OK);
    const tasker_uuid *t = &task;
    assert_int_equal(FOUND_BY(f, .task_uuid = t), 7);
    assert_int_equal(FOUND_BY(f, .task_uuid = &unknown), 0);
    assert_int_equal(FOUND_BY(f, .annotation_type_id = number), 1);
    assert_int_equal(FOUND_BY(f, .annotation_type_id = INT32_MAX), 0);
    assert_int_equal(FOUND_BY(f, .annotation_type_name = T(type)), 6);
    assert_int_equal(FOUND_BY(f, .annotation_type_name = T("no such")), 0);
    assert_int_equal(FOUND_BY(f, .annotation_type_name = T(type), .annotation_type_id = number), 0);
    assert_int_equal(FOUND_BY(f, .task_uuid = t, .contains = J("{\"c\": \"x\"}")), 3);
    assert_int_equal(FOUND_BY(f, .task_uuid = t, .contains = J("{\"a\": {\"b\": [20]}}")), 1);
    assert_int_equal(FOUND_BY(f, .task_uuid = t, .contains = J("{}"), .annotation_type_name = T(type)), 4);
    assert_int_equal(FOUND_BY(f, .task_uuid = t, PATH(T("c")), .equals = J("\"x\"")), 3);
    assert_int_equal(FOUND_BY(f, .task_uuid = t, PATH(T("c")), .equals = J("null")), 1);
    assert_int_equal(FOUND_BY(f, .task_uuid = t, PATH(T("a"), T("b"), T("1")), .equals = J("20")), 1);
    assert_int_equal(FOUND_BY(f, .task_uuid = t, PATH(T("a"), T("b")), .equals = J("[10]")), 1);
    assert_int_equal(FOUND_BY(f, .task_uuid = t, PATH(T("1")), .equals = J("2")), 1);
    assert_int_equal(FOUND_BY(f, .task_uuid = t, PATH(T(""), T("%_")), .equals = J("1")), 1);
    assert_int_equal(FOUND_BY(f, .task_uuid = t, PATH(T("c")), .equals = J("\"x\""), .annotation_type_id = number), 1);
    assert_int_equal(
        FOUND_BY(f, .task_uuid = t, PATH(T("c")), .equals = J("\"x\""), .contains = J("{\"a\": {\"b\": []}}")), 1);
}

static void test_refused_filters(void **state)
{
    fixture *f = *state;
    const tasker_text path[] = {TASKER_TEXT("a"), {NULL, 0}};
    const struct {
        tasker_task_annotation_filter filter;
        tasker_status status;
    } cases[] = {
        {{.path = path, .path_count = 1}, TASKER_INVALID_ARGUMENT},
        {{.equals = J("1")}, TASKER_INVALID_ARGUMENT},
        {{.path = path, .equals = J("1")}, TASKER_INVALID_ARGUMENT},
        {{.path_count = 1, .equals = J("1")}, TASKER_INVALID_ARGUMENT},
        {{.path = path, .path_count = 2, .equals = J("1")}, TASKER_INVALID_ARGUMENT},
        {{.path = path, .path_count = 1, .equals = J("{")}, TASKER_INVALID_ARGUMENT},
        {{.contains = J("nul")}, TASKER_INVALID_ARGUMENT},
        {{.reserved = {0, 0, 0, 1}}, TASKER_UNSUPPORTED},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const tasker_task_annotations *list = (const void *)f;
        tasker_cursor *cursor = (void *)f;
        int64_t count = 7;
        bool any = true;
        const tasker_task_annotation_filter *filter = &cases[i].filter;
        assert_status(f->db, tasker_task_annotation_query(f->db, filter, NULL, &list), cases[i].status);
        assert_null(list);
        assert_status(f->db, tasker_task_annotation_count(f->db, filter, &count), cases[i].status);
        assert_status(f->db, tasker_task_annotation_exists(f->db, filter, &any), cases[i].status);
        assert_status(f->db, tasker_task_annotation_stream(f->db, filter, NULL, &cursor), cases[i].status);
        assert_null(cursor);
        assert_true(count == 7 && any);
    }
}

static tasker_uuid paged;

PAGES(page_of, task_annotation, query, tasker_task_annotations, .task_uuid = &paged)

static void test_pages_and_streams(void **state)
{
    fixture *f = *state;
    const char *json[25];
    for (size_t i = 0; i < COUNT(json); i++)
        json[i] = "true";
    paged = store(f, json, COUNT(json), new_name("paged"));
    assert_pages(f->db, page_of, TASKER_ORDER_OLDEST, by_int8, 25);
    assert_pages(f->db, page_of, TASKER_ORDER_NEWEST, by_int8_descending, 25);
    const void *list = NULL;
    assert_status(f->db, page_of(f->db, &(tasker_page){.order = TASKER_ORDER_NAME}, &list), TASKER_UNSUPPORTED);

    tasker_task_annotation_filter filter = {.task_uuid = &paged};
    const int32_t batches[] = {0, 1, 24, 25, 26};
    for (size_t i = 0; i < 2 * COUNT(batches); i++) {
        tasker_cursor_options options = {.batch = batches[i / 2], .order = (tasker_order)(i % 2)};
        tasker_cursor *cursor = NULL;
        const tasker_task_annotation *row = NULL;
        int64_t before = 0;
        size_t count = 0;
        assert_status(f->db, tasker_task_annotation_stream(f->db, &filter, &options, &cursor), TASKER_OK);
        for (;; count++) {
            assert_status(f->db, tasker_task_annotation_next(cursor, &row), TASKER_OK);
            if (row == NULL)
                break;
            assert_true(count == 0 || (row->task_annotation_id > before) == (options.order == TASKER_ORDER_OLDEST));
            before = row->task_annotation_id;
        }
        assert_int_equal(count, 25);
        tasker_cursor_close(cursor);
    }
}

static void test_update(void **state)
{
    fixture *f = *state;
    tasker_uuid task = make_task(f->db), other = make_task(f->db);
    const char *type = new_name("updated"), *made = new_name("made by an update"), *never = new_name("never made");
    const tasker_task_annotation *row = NULL, *changed = NULL;
    annotation_input input = note(task, type, "1");
    assert_status(f->db, create(f->db, &input, &row), TASKER_OK);
    int64_t key = row->task_annotation_id;
#define UPDATE(...) tasker_task_annotation_update(f->db, key, &(annotation_input){__VA_ARGS__}, &changed)
    assert_status(f->db, UPDATE(.annotation = J("[2]")), TASKER_OK);
    assert_string_equal(changed->annotation.ptr, "[2]");
    assert_uuid(changed->task_uuid, task);
    assert_text(changed->annotation_type_name, type);
    assert_true(changed->updated_at.us > row->updated_at.us && changed->created_at.us == row->created_at.us);
    tasker_free(changed);
    assert_status(f->db, UPDATE(.task_uuid = other, .annotation_type_name = T(made)), TASKER_OK);
    assert_uuid(changed->task_uuid, other);
    assert_text(changed->annotation_type_name, made);
    assert_string_equal(changed->annotation.ptr, "[2]");
    tasker_free(changed);
    assert_status(f->db, UPDATE(.annotation_type_id = row->annotation_type_id, .annotation_type_name = T(never)),
                  TASKER_OK);
    assert_text(changed->annotation_type_name, type);
    tasker_free(changed);
    assert_status(f->db, UPDATE(.annotation_type_name = T(made)), TASKER_OK); /* now it is there */
    assert_text(changed->annotation_type_name, made);
    tasker_free(changed);

    assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
    assert_status(f->db, UPDATE(.annotation = TASKER_CLEAR), TASKER_INVALID_ARGUMENT);
    assert_null(changed);
    assert_status(f->db, UPDATE(.annotation_type_name = TASKER_CLEAR), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, UPDATE(.reserved = {1, 0, 0, 0}), TASKER_UNSUPPORTED);
    assert_status(f->db, tasker_task_annotation_update(f->db, key, NULL, NULL), TASKER_INVALID_ARGUMENT);
    key = -1;
    assert_status(f->db, UPDATE(.annotation_type_name = T(never)), TASKER_NOT_FOUND);
    key = row->task_annotation_id;
    assert_status(f->db, tasker_db_commit(f->db), TASKER_OK);
    assert_int_equal(COUNTED(f, annotation_type, .name = T(never)), 0);
    assert_status(f->db, UPDATE(.task_uuid = new_uuid()), TASKER_REFERENCE_MISSING);
    assert_status(f->db, UPDATE(.annotation_type_id = INT32_MAX), TASKER_REFERENCE_MISSING);
    assert_null(changed);
    tasker_free(row);
}

static void test_delete(void **state)
{
    fixture *f = *state;
    static const char *const json[] = {"1", "2", "3"};
    tasker_uuid task = store(f, json, 3, "deleted"), other = store(f, json, 1, "deleted");
    const tasker_task_annotations *list = NULL;
    tasker_task_annotation_filter filter = {.task_uuid = &task};
    int64_t count = -1;
    assert_status(f->db, tasker_task_annotation_query(f->db, &filter, NULL, &list), TASKER_OK);
    int64_t key = list->items[1]->task_annotation_id;
    tasker_free(list);
    assert_status(f->db, tasker_task_annotation_delete(f->db, key), TASKER_OK);
    assert_status(f->db, tasker_task_annotation_delete(f->db, key), TASKER_NOT_FOUND);
    assert_status(f->db, tasker_task_annotation_delete_for_task(f->db, &task, &count), TASKER_OK);
    assert_int_equal(count, 2);
    assert_status(f->db, tasker_task_annotation_delete_for_task(f->db, &task, &count), TASKER_OK);
    assert_int_equal(count, 0);
    assert_status(f->db, tasker_task_annotation_delete_for_task(f->db, NULL, &count), TASKER_INVALID_ARGUMENT);
    assert_int_equal(FOUND_BY(f, .task_uuid = &other), 1);
    assert_status(f->db, tasker_task_annotation_delete_for_task(f->db, &other, NULL), TASKER_OK);
    assert_int_equal(FOUND_BY(f, .task_uuid = &other), 0);
}

/* Others may store NULL. */
static void test_without_annotation(void **state)
{
    fixture *f = *state;
    static const char *const json[] = {"1"};
    tasker_uuid task = store(f, json, 1, "without");
    const tasker_task_annotations *list = NULL;
    char sql[160], key[TASKER_UUID_TEXT_SIZE];
    snprintf(sql, sizeof sql, "UPDATE tasker_task_annotations SET annotation = NULL WHERE task_uuid = '%s'",
             tasker_uuid_format(&task, key));
    db_test_exec(f, sql);
    tasker_task_annotation_filter filter = {.task_uuid = &task};
    assert_status(f->db, tasker_task_annotation_query(f->db, &filter, NULL, &list), TASKER_OK);
    assert_int_equal(list->count, 1);
    assert_null(list->items[0]->annotation.ptr);
    tasker_free(list);
    assert_int_equal(FOUND_BY(f, .task_uuid = &task, .contains = J("{}")), 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_create_by_name_and_by_number),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_create_many),
        cmocka_unit_test(test_race_for_types),
        cmocka_unit_test(test_filters),
        cmocka_unit_test(test_refused_filters),
        cmocka_unit_test(test_pages_and_streams),
        cmocka_unit_test(test_update),
        cmocka_unit_test(test_delete),
        cmocka_unit_test(test_without_annotation),
    };
    return db_test_run(tests);
}
