/* SPDX-License-Identifier: MIT */
/* tasker_task_query and tasker_task_query_details: pages, details, filters. */
#include "entity_test.h"
#include <tasker/lifecycle.h>

static tasker_uuid paged;

PAGES(page_of, task, query, tasker_tasks, .named_task_uuids = &paged, .named_task_uuid_count = 1)
PAGES(details_page_of, task, query_details, tasker_task_detail_list, .named_task_uuids = &paged,
      .named_task_uuid_count = 1)

static int three_way(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static int by_update(const void *a, const void *b)
{
    const tasker_task *x = a, *y = b;
    int order = three_way(x->updated_at.us, y->updated_at.us);
    return order != 0 ? order : by_key(a, b);
}

static int by_update_descending(const void *a, const void *b)
{
    return by_update(b, a);
}

static int by_priority(const void *a, const void *b)
{
    const tasker_task *x = a, *y = b;
    return x->priority != y->priority ? three_way(y->priority, x->priority) : by_key(a, b);
}

static int by_inner_priority(const void *a, const void *b)
{
    const tasker_task_details *x = a, *y = b;
    return by_priority(x->task, y->task);
}

static int by_inner_key_descending(const void *a, const void *b)
{
    const tasker_task_details *x = a, *y = b;
    return by_key_descending(x->task, y->task);
}

static void test_pages(void **state)
{
    fixture *f = *state;
    paged = make_named_task(f->db);
    char sql[256], text[TASKER_UUID_TEXT_SIZE];
    for (int i = 0; i < 25; i++) {
        tasker_task_input input = {.task_uuid = new_uuid(), .named_task_uuid = paged};
        input.has_priority = true;
        input.priority = (i * 7) % 25 / 6 - 2;
        assert_status(f->db, tasker_task_create(f->db, &input, NULL), TASKER_OK);
        /* three times, so that the key has to decide */
        snprintf(sql, sizeof sql,
                 "UPDATE tasker_tasks SET updated_at = timestamp '2020-01-01 00:00:00.123457' + %d * interval '1 us'"
                 " WHERE task_uuid = '%s'",
                 i % 3, tasker_uuid_format(&input.task_uuid, text));
        db_test_exec(f, sql);
    }
    assert_pages(f->db, page_of, TASKER_ORDER_OLDEST, by_key, 25);
    assert_pages(f->db, page_of, TASKER_ORDER_NEWEST, by_key_descending, 25);
    assert_pages(f->db, page_of, TASKER_ORDER_LEAST_RECENT, by_update, 25);
    assert_pages(f->db, page_of, TASKER_ORDER_MOST_RECENT, by_update_descending, 25);
    assert_pages(f->db, page_of, TASKER_ORDER_PRIORITY, by_priority, 25);
    assert_pages(f->db, details_page_of, TASKER_ORDER_NEWEST, by_inner_key_descending, 25);
    assert_pages(f->db, details_page_of, TASKER_ORDER_PRIORITY, by_inner_priority, 25);
    const void *list = NULL;
    assert_status(f->db, page_of(f->db, &(tasker_page){.order = TASKER_ORDER_NAME}, &list), TASKER_UNSUPPORTED);
}

/* The last row of a page moves to the other end before the next page is asked for: what is left still comes. */
static void test_a_page_goes_on_where_its_last_row_was(void **state)
{
    fixture *f = *state;
    const void *first = NULL, *second = NULL;
    paged = make_named_task(f->db);
    for (int i = 0; i < 4; i++)
        assert_status(f->db, tasker_task_create(f->db, &(tasker_task_input){.named_task_uuid = paged}, NULL),
                      TASKER_OK);
    tasker_page page = {.limit = 2, .order = TASKER_ORDER_MOST_RECENT};
    assert_status(f->db, page_of(f->db, &page, &first), TASKER_OK);
    const tasker_tasks *list = first, *rest;
    char sql[160], text[TASKER_UUID_TEXT_SIZE];
    snprintf(sql, sizeof sql,
             "UPDATE tasker_tasks SET updated_at = updated_at + interval '1 day' WHERE task_uuid = '%s'",
             tasker_uuid_format(&list->items[1]->task_uuid, text));
    db_test_exec(f, sql);
    page.after = &list->next;
    assert_status(f->db, page_of(f->db, &page, &second), TASKER_OK);
    rest = second;
    assert_int_equal(rest->count, 2);
    assert_false(rest->has_next);
    tasker_free(first);
    tasker_free(second);
}

static void test_details(void **state)
{
    fixture *f = *state;
    task_kind k = make_kind(f->db, "2.0.0", NULL);
    tasker_task_input input = {.task_uuid = new_uuid(), .named_task_uuid = k.named_task_uuid};
    input.context = tasker_json_of("{\"a\": 1}");
    const tasker_task_detail_list *list = NULL;
    tasker_task_filter filter = {.task_uuids = &input.task_uuid, .task_uuid_count = 1};
    assert_status(f->db, tasker_task_create(f->db, &input, NULL), TASKER_OK);
    assert_status(f->db, tasker_task_query_details(f->db, &filter, NULL, &list), TASKER_OK);
    assert_int_equal(list->count, 1);
    const tasker_task_details *details = list->items[0];
    assert_uuid(details->task->task_uuid, input.task_uuid);
    assert_string_equal(details->task->context.ptr, "{\"a\": 1}");
    assert_false(details->task->has_completed_at);
    assert_text(details->namespace_name, k.namespace_name);
    assert_text(details->name, k.name);
    assert_text(details->version, "2.0.0");
    assert_int_equal(details->state, TASKER_STATE_PENDING);
    assert_true(details->state_since.us == details->task->created_at.us);
    tasker_free(details->task); /* parts of a list are not freed by themselves */
    tasker_free(details);
    tasker_free(list);
}

static void test_filters(void **state)
{
    fixture *f = *state;
    task_kind k = make_kind(f->db, "3.0.0", NULL), other = make_kind(f->db, "3.0.0", NULL);
    tasker_task_input input = {.task_uuid = new_uuid(), .named_task_uuid = k.named_task_uuid};
    input.initiator = T("filter me");
    input.source_system = T("filter system");
    input.reference_id = T("filter reference");
    input.has_requested_at = true;
    input.requested_at = (tasker_time){1000000000000000};
    const tasker_task *one = NULL;
    assert_status(f->db, tasker_task_create(f->db, &input, &one), TASKER_OK);
    input = (tasker_task_input){.task_uuid = new_uuid(), .named_task_uuid = other.named_task_uuid};
    assert_status(f->db, tasker_task_create(f->db, &input, NULL), TASKER_OK);
    tasker_uuid both[] = {one->task_uuid, input.task_uuid};
#define AMONG .task_uuids = both, .task_uuid_count = 2
    assert_int_equal(COUNTED(f, task, AMONG), 2);
    assert_int_equal(COUNTED(f, task, .task_uuids = both, .task_uuid_count = 0), 0);
    assert_int_equal(COUNTED(f, task, .named_task_uuids = &k.named_task_uuid, .named_task_uuid_count = 1), 1);
    assert_int_equal(COUNTED(f, task, .namespace_name = T(k.namespace_name)), 1);
    assert_int_equal(COUNTED(f, task, .name = T(other.name)), 1);
    assert_int_equal(COUNTED(f, task, .version = T("3.0.0"), AMONG), 2);
    assert_int_equal(COUNTED(f, task, .version = T("3.0.0"), .name = T(k.name)), 1);
    assert_int_equal(COUNTED(f, task, .namespace_name = T(k.namespace_name), .name = T(other.name)), 0);
    assert_int_equal(COUNTED(f, task, .initiator = T("filter me")), 1);
    assert_int_equal(COUNTED(f, task, .source_system = T("filter system")), 1);
    assert_int_equal(COUNTED(f, task, .reference_id = T("filter reference")), 1);
    assert_int_equal(COUNTED(f, task, .reference_id = T("filter reference"), .initiator = T("x")), 0);
    assert_int_equal(COUNTED(f, task, .identity_hash = one->identity_hash), 1);
    assert_int_equal(COUNTED(f, task, .claimed_by = T("nobody")), 0);
    assert_int_equal(COUNTED(f, task, AMONG, .has_complete = true, .complete = true), 0);
    assert_int_equal(COUNTED(f, task, AMONG, .has_complete = true), 2);
    tasker_time at = one->requested_at, later = {at.us + 1}, made = one->created_at;
    assert_int_equal(COUNTED(f, task, AMONG, .requested = {TASKER_SET(since, at), TASKER_SET(until, later)}), 1);
    assert_int_equal(COUNTED(f, task, AMONG, .requested = {TASKER_SET(until, at)}), 0);
    assert_int_equal(COUNTED(f, task, AMONG, .created = {TASKER_SET(since, made)}), 2);
    assert_int_equal(COUNTED(f, task, AMONG, .created = {TASKER_SET(until, made)}), 0);
    tasker_free(one);
}

static void test_filters_by_state(void **state)
{
    fixture *f = *state;
    tasker_uuid keys[] = {make_task(f->db), make_task(f->db), make_task(f->db)};
    static const tasker_state pending[] = {TASKER_STATE_PENDING}, wrong[] = {TASKER_STATE_PENDING, 99},
                              late[] = {TASKER_STATE_CANCELLED, TASKER_STATE_PENDING};
    char sql[256], text[TASKER_UUID_TEXT_SIZE];
    assert_status(f->db, tasker_task_apply(f->db, &keys[1], 1, TASKER_EVENT_CANCEL, NULL, NULL), TASKER_OK);
    snprintf(sql, sizeof sql, "DELETE FROM tasker_task_transitions WHERE task_uuid = '%s'",
             tasker_uuid_format(&keys[2], text));
    db_test_exec(f, sql);
#define OF_THESE .task_uuids = keys, .task_uuid_count = 3
    assert_int_equal(COUNTED(f, task, OF_THESE, .states = pending, .state_count = 1), 2);
    assert_int_equal(COUNTED(f, task, OF_THESE, .states = pending, .state_count = 0), 0);
    assert_int_equal(COUNTED(f, task, OF_THESE, .states = late, .state_count = 1), 1);
    assert_int_equal(COUNTED(f, task, OF_THESE, .states = late, .state_count = 2), 3);
    assert_int_equal(COUNTED(f, task, OF_THESE, .active = true), 2);
    assert_int_equal(COUNTED(f, task, OF_THESE, .active = true, .states = late, .state_count = 1), 0);
    const tasker_tasks *list = NULL;
    tasker_task_filter filter = {.states = wrong, .state_count = 2};
    assert_status(f->db, tasker_task_query(f->db, &filter, NULL, &list), TASKER_INVALID_ARGUMENT);
    assert_int_equal(tasker_db_error(f->db)->item, 1);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pages),
        cmocka_unit_test(test_a_page_goes_on_where_its_last_row_was),
        cmocka_unit_test(test_details),
        cmocka_unit_test(test_filters),
        cmocka_unit_test(test_filters_by_state),
    };
    return db_test_run(tests);
}
