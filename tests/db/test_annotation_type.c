/* SPDX-License-Identifier: MIT */
#include <tasker/annotation_type.h>

typedef tasker_annotation_type row;
typedef tasker_annotation_types rows;
typedef tasker_annotation_type_input row_input;
typedef tasker_annotation_type_filter row_filter;
#define ENTITY annotation_type
#define row_key(r) ((r)->annotation_type_id)
#define UNKNOWN_KEY INT32_MAX
#define row_by_key by_int4
#define row_by_key_descending by_int4_descending
#define row_create tasker_annotation_type_create
#define row_find_or_create tasker_annotation_type_find_or_create
#define row_find_by_name tasker_annotation_type_find_by_name
#define row_get tasker_annotation_type_get
#define row_query tasker_annotation_type_query
#define row_count tasker_annotation_type_count
#define row_exists tasker_annotation_type_exists
#define row_update tasker_annotation_type_update
#define row_delete tasker_annotation_type_delete
static void refer(tasker_db *db, const row *to);
#include "named_test.h"

/* Annotations of this type on a new task. */
static void annotate(tasker_db *db, int32_t annotation_type_id, int count)
{
    tasker_task_annotation_input input = {.task_uuid = make_task(db), .annotation_type_id = annotation_type_id};
    input.annotation = tasker_json_of("{}");
    for (int i = 0; i < count; i++)
        assert_status(db, tasker_task_annotation_create(db, &input, NULL), TASKER_OK);
}

static void refer(tasker_db *db, const row *to)
{
    annotate(db, to->annotation_type_id, 1);
}

static void test_list_by_use(void **state)
{
    fixture *f = *state;
    const char *const names[] = {"use b", "use a", "use c", "use d"};
    const int uses[] = {0, 3, 3, 5};
    const char *const order[] = {"use d", "use a", "use c", "use b"};
    const rows *list = NULL;
    size_t at[COUNT(names)] = {0};
    int64_t count = -1;
    for (size_t i = 0; i < COUNT(names); i++) {
        const row *made = NULL;
        assert_status(f->db, create(f->db, names[i], &made), TASKER_OK);
        assert_int_equal(made->uses, 0);
        annotate(f->db, made->annotation_type_id, uses[i]);
        tasker_free(made);
    }
    assert_status(f->db, tasker_annotation_type_list_by_use(f->db, &list), TASKER_OK);
    assert_status(f->db, tasker_annotation_type_count(f->db, NULL, &count), TASKER_OK);
    assert_int_equal(list->count, count); /* unused ones too */
    for (size_t i = 0; i < list->count; i++) {
        assert_true(i == 0 || list->items[i - 1]->uses >= list->items[i]->uses);
        for (size_t k = 0; k < COUNT(order); k++)
            if (strcmp(list->items[i]->name.ptr, order[k]) == 0)
                at[k] = i;
        for (size_t k = 0; k < COUNT(names); k++)
            assert_true(strcmp(list->items[i]->name.ptr, names[k]) != 0 || list->items[i]->uses == uses[k]);
    }
    assert_true(at[0] < at[1] && at[1] < at[2] && at[2] < at[3]);
    tasker_free(list);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {NAMED_TESTS, cmocka_unit_test(test_list_by_use)};
    return db_test_run(tests);
}
