/* SPDX-License-Identifier: MIT */
#include "entity_test.h"

static tasker_named_tasks_named_step_input new_input(tasker_db *db)
{
    return (tasker_named_tasks_named_step_input){.named_task_uuid = make_named_task(db),
                                                 .named_step_uuid = make_named_step(db)};
}

static void test_create_and_get(void **state)
{
    fixture *f = *state;
    tasker_named_tasks_named_step_input input = {
        .named_task_uuid = make_named_task(f->db),
        .named_step_uuid = make_named_step(f->db),
        TASKER_SET(skippable, true),
        TASKER_SET(default_retryable, false),
        TASKER_SET(default_retry_limit, 0),
    };
    const tasker_named_tasks_named_step *made = NULL, *got = NULL;
    const tasker_named_step *step = NULL;
    assert_status(f->db, tasker_named_tasks_named_step_create(f->db, &input, &made), TASKER_OK);
    assert_status(f->db, tasker_named_tasks_named_step_get(f->db, &made->ntns_uuid, &got), TASKER_OK);
    assert_status(f->db, tasker_named_step_get(f->db, &input.named_step_uuid, &step), TASKER_OK);
    assert_uuid(got->ntns_uuid, made->ntns_uuid);
    assert_uuid(got->named_task_uuid, input.named_task_uuid);
    assert_uuid(got->named_step_uuid, input.named_step_uuid);
    assert_true(got->skippable && !got->default_retryable);
    assert_int_equal(got->default_retry_limit, 0);
    assert_text(got->named_step_name, step->name.ptr);
    assert_text(made->named_step_name, step->name.ptr);
    assert_non_null(strstr(got->named_task_name.ptr, "named-task"));
    assert_non_null(strstr(got->dependent_system_name.ptr, "system"));
    tasker_free(made);
    tasker_free(got);
    tasker_free(step);
}

static void test_defaults(void **state)
{
    fixture *f = *state;
    tasker_named_tasks_named_step_input input = new_input(f->db);
    const tasker_named_tasks_named_step *made = NULL;
    assert_status(f->db, tasker_named_tasks_named_step_create(f->db, &input, &made), TASKER_OK);
    assert_true(!made->skippable && made->default_retryable);
    assert_int_equal(made->default_retry_limit, 3);
    tasker_free(made);
}

static void test_absent(void **state)
{
    fixture *f = *state;
    tasker_uuid unknown = new_uuid();
    const tasker_named_tasks_named_step *row = (const void *)f;
    assert_status(f->db, tasker_named_tasks_named_step_get(f->db, &unknown, &row), TASKER_NOT_FOUND);
    assert_null(row);
    tasker_named_tasks_named_step_input input = new_input(f->db);
    input.named_step_uuid = NIL;
    assert_status(f->db, tasker_named_tasks_named_step_create(f->db, &input, &row), TASKER_INVALID_ARGUMENT);
    assert_message(f->db, "named_step_uuid is required");
    input.named_step_uuid = unknown;
    assert_status(f->db, tasker_named_tasks_named_step_create(f->db, &input, &row), TASKER_REFERENCE_MISSING);
    assert_status(f->db, tasker_named_tasks_named_step_find_or_create(f->db, &input, &row), TASKER_REFERENCE_MISSING);
    input = new_input(f->db);
    input.named_task_uuid = NIL;
    assert_status(f->db, tasker_named_tasks_named_step_create(f->db, &input, &row), TASKER_INVALID_ARGUMENT);
    input = new_input(f->db);
    input.has_default_retry_limit = true;
    input.default_retry_limit = -1;
    assert_status(f->db, tasker_named_tasks_named_step_create(f->db, &input, &row), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, tasker_named_tasks_named_step_create(f->db, NULL, &row), TASKER_INVALID_ARGUMENT);
}

static void test_duplicate_and_resend(void **state)
{
    fixture *f = *state;
    tasker_named_tasks_named_step_input input = new_input(f->db);
    const tasker_named_tasks_named_step *row = NULL;
    input.ntns_uuid = new_uuid();
    assert_status(f->db, tasker_named_tasks_named_step_create(f->db, &input, NULL), TASKER_OK);
    assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
    assert_status(f->db, tasker_named_tasks_named_step_create(f->db, &input, &row), TASKER_OK);
    assert_uuid(row->ntns_uuid, input.ntns_uuid);
    tasker_free(row);
    input.ntns_uuid = NIL;
    assert_status(f->db, tasker_named_tasks_named_step_create(f->db, &input, &row), TASKER_DUPLICATE);
    assert_constraint(f->db, "tasker_named_tasks_named_steps_unique");
    assert_null(row);
    assert_status(f->db, tasker_db_ping(f->db), TASKER_OK);
    assert_status(f->db, tasker_db_commit(f->db), TASKER_OK);
}

static tasker_status find_or_create(tasker_db *db, int i, void *context)
{
    (void)i;
    return tasker_named_tasks_named_step_find_or_create(db, context, NULL);
}

static void test_find_or_create(void **state)
{
    fixture *f = *state;
    tasker_named_tasks_named_step_input input = new_input(f->db);
    const tasker_named_tasks_named_step *first = NULL, *second = NULL;
    tasker_status statuses[RACERS];
    race(f, find_or_create, &input, statuses);
    for (int i = 0; i < RACERS; i++)
        assert_int_equal(statuses[i], TASKER_OK);
    assert_int_equal(COUNTED(f, named_tasks_named_step, .named_task_uuid = &input.named_task_uuid), 1);
    assert_status(f->db, tasker_named_tasks_named_step_find_or_create(f->db, &input, &first), TASKER_OK);
    input.has_skippable = input.skippable = true;
    assert_status(f->db, tasker_named_tasks_named_step_find_or_create(f->db, &input, &second), TASKER_OK);
    assert_uuid(first->ntns_uuid, second->ntns_uuid);
    assert_false(second->skippable);
    tasker_free(first);
    tasker_free(second);
}

static tasker_uuid paged;

PAGES(page_of, named_tasks_named_step, query, tasker_named_tasks_named_steps, .named_task_uuid = &paged)

static int by_name(const void *a, const void *b)
{
    const tasker_named_tasks_named_step *x = a, *y = b;
    int order = strcmp(x->named_step_name.ptr, y->named_step_name.ptr);
    return order != 0 ? order : by_key(a, b);
}

static void test_pages(void **state)
{
    fixture *f = *state;
    paged = make_named_task(f->db);
    for (int i = 0; i < 25; i++) {
        const tasker_named_step *step = NULL;
        char name[64];
        snprintf(name, sizeof name, "s%02d", (i * 7) % 25 / 2);
        tasker_named_step_input named = {.dependent_system_uuid = make_system(f->db), .name = T(name)};
        assert_status(f->db, tasker_named_step_create(f->db, &named, &step), TASKER_OK);
        tasker_named_tasks_named_step_input input = {.named_task_uuid = paged,
                                                     .named_step_uuid = step->named_step_uuid};
        assert_status(f->db, tasker_named_tasks_named_step_create(f->db, &input, NULL), TASKER_OK);
        tasker_free(step);
    }
    assert_pages(f->db, page_of, TASKER_ORDER_OLDEST, by_key, 25);
    assert_pages(f->db, page_of, TASKER_ORDER_NEWEST, by_key_descending, 25);
    assert_pages(f->db, page_of, TASKER_ORDER_NAME, by_name, 25);
}

static void test_filters(void **state)
{
    fixture *f = *state;
    tasker_named_tasks_named_step_input one = new_input(f->db), two = new_input(f->db);
    two.named_task_uuid = one.named_task_uuid;
    one.has_skippable = one.skippable = true;
    two.has_default_retryable = true;
    assert_status(f->db, tasker_named_tasks_named_step_create(f->db, &one, NULL), TASKER_OK);
    assert_status(f->db, tasker_named_tasks_named_step_create(f->db, &two, NULL), TASKER_OK);
    const tasker_uuid *task = &one.named_task_uuid;
    assert_int_equal(COUNTED(f, named_tasks_named_step, .named_task_uuid = task), 2);
    assert_int_equal(COUNTED(f, named_tasks_named_step, .named_step_uuid = &two.named_step_uuid), 1);
    assert_int_equal(COUNTED(f, named_tasks_named_step, .named_task_uuid = task, TASKER_SET(skippable, true)), 1);
    assert_int_equal(COUNTED(f, named_tasks_named_step, .named_task_uuid = task, TASKER_SET(skippable, false)), 1);
    assert_int_equal(COUNTED(f, named_tasks_named_step, .named_task_uuid = task, TASKER_SET(default_retryable, false)),
                     1);
    assert_int_equal(COUNTED(f, named_tasks_named_step, .named_step_uuid = &two.named_step_uuid,
                             TASKER_SET(default_retryable, true)),
                     0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_create_and_get), cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_absent),         cmocka_unit_test(test_duplicate_and_resend),
        cmocka_unit_test(test_find_or_create), cmocka_unit_test(test_pages),
        cmocka_unit_test(test_filters),
    };
    return db_test_run(tests);
}
