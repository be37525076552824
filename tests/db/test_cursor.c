/* SPDX-License-Identifier: MIT */
#include "entity_test.h"

/* A dependent system with count named steps, "n0001" and so on. */
static tasker_uuid make_steps(tasker_db *db, int count)
{
    tasker_uuid system = make_system(db);
    for (int i = 0; i < count; i++) {
        char name[16];
        snprintf(name, sizeof name, "n%04d", i);
        tasker_named_step_input input = {.dependent_system_uuid = system, .name = T(name)};
        assert_status(db, tasker_named_step_create(db, &input, NULL), TASKER_OK);
    }
    return system;
}

/* The rows of a cursor in one walk; each before the next as compare has it. */
static int walk(tasker_db *db, tasker_cursor *cursor, row_compare compare)
{
    const tasker_named_step *step = NULL;
    tasker_named_step before = {0};
    int count = 0;
    for (;; count++) {
        assert_status(db, tasker_named_step_next(cursor, &step), TASKER_OK);
        if (step == NULL)
            return count;
        if (count > 0)
            assert_true(compare(&before, step) < 0);
        before = *step;
    }
}

static void test_every_order_and_batch(void **state)
{
    fixture *f = *state;
    tasker_uuid system = make_steps(f->db, 25);
    tasker_named_step_filter filter = {.dependent_system_uuid = &system};
    const int32_t batches[] = {0, 1, 5, 24, 25, 26, 1000};
    for (size_t i = 0; i < COUNT(batches); i++) {
        tasker_cursor_options options = {.batch = batches[i]};
        tasker_cursor *cursor = NULL;
        assert_status(f->db, tasker_named_step_stream(f->db, &filter, &options, &cursor), TASKER_OK);
        assert_int_equal(walk(f->db, cursor, by_key), 25);
        tasker_cursor_close(cursor);
        options.order = TASKER_ORDER_NEWEST;
        assert_status(f->db, tasker_named_step_stream(f->db, &filter, &options, &cursor), TASKER_OK);
        assert_int_equal(walk(f->db, cursor, by_key_descending), 25);
        tasker_cursor_close(cursor);
    }
}

static void test_nothing(void **state)
{
    fixture *f = *state;
    tasker_uuid system = make_system(f->db);
    const tasker_named_step *step = (const void *)f;
    tasker_cursor *cursor = NULL;
    tasker_named_step_filter filter = {.dependent_system_uuid = &system};
    assert_status(f->db, tasker_named_step_stream(f->db, &filter, NULL, &cursor), TASKER_OK);
    for (int i = 0; i < 3; i++) {
        assert_status(f->db, tasker_named_step_next(cursor, &step), TASKER_OK);
        assert_null(step);
    }
    tasker_cursor_close(cursor);
    tasker_cursor_close(NULL);
}

/* The filter is gone, and what it pointed to has changed, before the first row is asked for. */
static void test_filter_is_kept(void **state)
{
    fixture *f = *state;
    char name[] = "n0003";
    tasker_uuid system = make_steps(f->db, 5), copy = system;
    tasker_cursor *cursor = NULL;
    const tasker_named_step *step = NULL;
    {
        tasker_named_step_filter filter = {.dependent_system_uuid = &copy, .name = T(name)};
        assert_status(f->db, tasker_named_step_stream(f->db, &filter, NULL, &cursor), TASKER_OK);
    }
    copy = NIL;
    memset(name, 'x', sizeof name - 1);
    assert_status(f->db, tasker_named_step_next(cursor, &step), TASKER_OK);
    assert_text(step->name, "n0003");
    assert_status(f->db, tasker_named_step_next(cursor, &step), TASKER_OK);
    assert_null(step);
    tasker_cursor_close(cursor);
}

/* Rows that come and go behind and before the cursor; other calls on the handle between two rows. */
static void test_while_rows_change(void **state)
{
    fixture *f = *state;
    tasker_uuid system = make_steps(f->db, 10);
    tasker_cursor *cursor = NULL;
    const tasker_named_step *step = NULL;
    tasker_named_step_filter filter = {.dependent_system_uuid = &system};
    assert_status(f->db, tasker_named_step_stream(f->db, &filter, &(tasker_cursor_options){.batch = 4}, &cursor),
                  TASKER_OK);
    for (int i = 0; i < 4; i++)
        assert_status(f->db, tasker_named_step_next(cursor, &step), TASKER_OK);
    assert_text(step->name, "n0003");
    tasker_named_step_input later = {.dependent_system_uuid = system, .name = TASKER_TEXT("later")};
    assert_status(f->db, tasker_named_step_create(f->db, &later, NULL), TASKER_OK);
    assert_int_equal(walk(f->db, cursor, by_key), 7);
    tasker_cursor_close(cursor);
}

static void test_goes_on_after_a_failure(void **state)
{
    fixture *f = *state;
    tasker_uuid system = make_steps(f->db, 10);
    tasker_cursor *cursor = NULL;
    const tasker_named_step *step = NULL;
    tasker_named_step_filter filter = {.dependent_system_uuid = &system};
    tasker_db *db = db_test_open(f);
    assert_status(db, tasker_named_step_stream(db, &filter, &(tasker_cursor_options){.batch = 4}, &cursor), TASKER_OK);
    for (int i = 0; i < 4; i++)
        assert_status(db, tasker_named_step_next(cursor, &step), TASKER_OK);
    char sql[96];
    snprintf(sql, sizeof sql, "SELECT pg_terminate_backend(%d)", tasker_db_session(db)->backend_pid);
    db_test_exec(f, sql);
    tasker_status status = tasker_named_step_next(cursor, &step);
    assert_true(tasker_status_is_transient(status));
    assert_null(step);
    assert_status(db, tasker_db_recover(db), TASKER_OK);
    assert_int_equal(walk(db, cursor, by_key), 6);
    tasker_cursor_close(cursor);
    tasker_db_close(db);
}

/* NAME goes on from a row, which may be gone by then. */
static void test_named_row_is_deleted(void **state)
{
    fixture *f = *state;
    tasker_uuid system = make_steps(f->db, 20), last = NIL;
    tasker_named_step_filter filter = {.dependent_system_uuid = &system};
    tasker_cursor_options options = {.batch = 10, .order = TASKER_ORDER_NAME};
    const tasker_named_step *step = NULL;
    tasker_cursor *cursor = NULL;
    assert_status(f->db, tasker_named_step_stream(f->db, &filter, &options, &cursor), TASKER_OK);
    for (int i = 0; i < 10; i++)
        assert_status(f->db, tasker_named_step_next(cursor, &step), TASKER_OK);
    last = step->named_step_uuid;
    assert_status(f->db, tasker_named_step_delete(f->db, &last), TASKER_OK);
    for (int i = 0; i < 2; i++) {
        assert_status(f->db, tasker_named_step_next(cursor, &step), TASKER_CONFLICT);
        assert_null(step);
    }
    tasker_cursor_close(cursor);
    assert_status(f->db, tasker_named_step_stream(f->db, &filter, &options, &cursor), TASKER_OK);
    assert_int_equal(walk(f->db, cursor, by_key), 19);
    tasker_cursor_close(cursor);
}

/* A page after the last row is empty; the one after a row that is gone is a conflict, on a pipeline too. */
static void test_page_after_a_row_that_is_deleted(void **state)
{
    fixture *f = *state;
    tasker_uuid system = make_steps(f->db, 3);
    tasker_named_step_filter filter = {.dependent_system_uuid = &system};
    tasker_page page = {.order = TASKER_ORDER_NAME};
    const tasker_named_steps *all = NULL, *rest = NULL;
    tasker_pipeline *pipeline = NULL;
    assert_status(f->db, tasker_named_step_query(f->db, &filter, &page, &all), TASKER_OK);
    tasker_position end = {.uuid = all->items[2]->named_step_uuid};
    tasker_free(all);
    page.after = &end;
    assert_status(f->db, tasker_named_step_query(f->db, &filter, &page, &rest), TASKER_OK);
    assert_int_equal(rest->count, 0);
    assert_false(rest->has_next);
    tasker_free(rest);
    assert_status(f->db, tasker_named_step_delete(f->db, &end.uuid), TASKER_OK);
    assert_status(f->db, tasker_named_step_query(f->db, &filter, &page, &rest), TASKER_CONFLICT);
    assert_null(rest);
    assert_status(f->db, tasker_pipeline_open(f->db, NULL, &pipeline), TASKER_OK);
    assert_status(f->db, tasker_named_step_query(tasker_pipeline_db(pipeline), &filter, &page, &rest), TASKER_QUEUED);
    end.uuid = NIL; /* borrowed for the call only */
    assert_status(f->db, tasker_pipeline_run(pipeline), TASKER_CONFLICT);
    assert_null(rest);
    tasker_pipeline_close(pipeline);
}

/* The same where rows are numbered. */
static void test_page_after_a_number_that_is_deleted(void **state)
{
    fixture *f = *state;
    const tasker_annotation_type *type = NULL;
    const tasker_annotation_types *rest = NULL;
    const tasker_annotation_type_input input = {.name = T(new_name("~zz"))};
    tasker_annotation_type_filter filter = {.name = input.name};
    assert_status(f->db, tasker_annotation_type_create(f->db, &input, &type), TASKER_OK);
    tasker_position end = {.key = type->annotation_type_id};
    tasker_page page = {.order = TASKER_ORDER_NAME, .after = &end};
    tasker_free(type);
    assert_status(f->db, tasker_annotation_type_query(f->db, &filter, &page, &rest), TASKER_OK);
    assert_int_equal(rest->count, 0);
    tasker_free(rest);
    assert_status(f->db, tasker_annotation_type_delete(f->db, (int32_t)end.key), TASKER_OK);
    assert_status(f->db, tasker_annotation_type_query(f->db, &filter, &page, &rest), TASKER_CONFLICT);
}

static void test_refused(void **state)
{
    fixture *f = *state;
    tasker_cursor *cursor = (void *)f;
    tasker_pipeline *pipeline = NULL;
    const tasker_named_step *step = NULL;
    tasker_cursor_options newer = {.reserved = {0, 1}}, negative = {.batch = -1},
                          order = {.order = TASKER_ORDER_PRIORITY};
    assert_status(f->db, tasker_named_step_stream(f->db, NULL, &newer, &cursor), TASKER_UNSUPPORTED);
    assert_null(cursor);
    assert_status(f->db, tasker_named_step_stream(f->db, NULL, &negative, &cursor), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, tasker_named_step_stream(f->db, NULL, &order, &cursor), TASKER_UNSUPPORTED);
    assert_status(f->db, tasker_named_step_stream(f->db, NULL, NULL, NULL), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, tasker_named_step_stream(NULL, NULL, NULL, &cursor), TASKER_INVALID_ARGUMENT);
    step = (const void *)f;
    assert_status(f->db, tasker_named_step_next(NULL, &step), TASKER_INVALID_ARGUMENT);
    assert_null(step);
    assert_status(f->db, tasker_pipeline_open(f->db, NULL, &pipeline), TASKER_OK);
    assert_status(f->db, tasker_named_step_stream(tasker_pipeline_db(pipeline), NULL, NULL, &cursor),
                  TASKER_UNSUPPORTED);
    tasker_pipeline_close(pipeline);
    assert_status(f->db, tasker_named_step_stream(f->db, NULL, NULL, &cursor), TASKER_OK);
    assert_status(f->db, tasker_named_step_next(cursor, NULL), TASKER_INVALID_ARGUMENT);
    tasker_cursor_close(cursor);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_order_and_batch),
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_filter_is_kept),
        cmocka_unit_test(test_while_rows_change),
        cmocka_unit_test(test_goes_on_after_a_failure),
        cmocka_unit_test(test_named_row_is_deleted),
        cmocka_unit_test(test_page_after_a_row_that_is_deleted),
        cmocka_unit_test(test_page_after_a_number_that_is_deleted),
        cmocka_unit_test(test_refused),
    };
    return db_test_run(tests);
}
