/* SPDX-License-Identifier: MIT */
/* tasker_task_update, _patch_json, _delete, _stream, and the filters that look beside the task. */
#include "entity_test.h"
#include <tasker/lifecycle.h>

static tasker_uuid make_filled(tasker_db *db)
{
    tasker_task_input input = {.task_uuid = new_uuid(),
                               .named_task_uuid = make_named_task(db),
                               .initiator = TASKER_TEXT("i"),
                               .source_system = TASKER_TEXT("s"),
                               .reason = TASKER_TEXT("r"),
                               .reference_id = TASKER_TEXT("ref"),
                               .context = TASKER_JSON("{\"a\": 1, \"b\": {\"c\": 2, \"d\": 3}}"),
                               .tags = TASKER_JSON("[\"x\"]"),
                               .bypass_steps = TASKER_JSON("[]")};
    assert_status(db, tasker_task_create(db, &input, NULL), TASKER_OK);
    return input.task_uuid;
}

static void assert_json(tasker_json actual, const char *expected)
{
    assert_text((tasker_text){actual.ptr, actual.len}, expected);
}

static void test_update(void **state)
{
    tasker_db *db = ((fixture *)*state)->db;
    tasker_uuid key = make_filled(db);
    const tasker_task *task = NULL;
    tasker_task_input change = {.initiator = TASKER_TEXT("other"),
                                .context = TASKER_JSON("{}"),
                                TASKER_SET(priority, 4),
                                .has_requested_at = true,
                                .requested_at = {1000000}};
    assert_status(db, tasker_task_update(db, &key, &change, &task), TASKER_OK);
    assert_text(task->initiator, "other");
    assert_text(task->reason, "r");
    assert_json(task->context, "{}");
    assert_json(task->tags, "[\"x\"]");
    assert_int_equal(task->priority, 4);
    assert_int_equal(task->requested_at.us, 1000000);
    assert_true(task->updated_at.us > task->created_at.us);
    tasker_free(task);

    change = (tasker_task_input){.initiator = TASKER_CLEAR,
                                 .source_system = TASKER_CLEAR,
                                 .reason = TASKER_CLEAR,
                                 .reference_id = TASKER_CLEAR,
                                 .context = TASKER_CLEAR,
                                 .tags = TASKER_CLEAR,
                                 .bypass_steps = TASKER_CLEAR};
    assert_status(db, tasker_task_update(db, &key, &change, &task), TASKER_OK);
    assert_true(task->initiator.ptr == NULL && task->source_system.ptr == NULL && task->reason.ptr == NULL);
    assert_true(task->reference_id.ptr == NULL && task->context.ptr == NULL && task->tags.ptr == NULL);
    assert_null(task->bypass_steps.ptr);
    assert_int_equal(task->priority, 4);
    tasker_free(task);
}

static void test_update_refuses(void **state)
{
    tasker_db *db = ((fixture *)*state)->db;
    tasker_uuid key = make_filled(db), unknown = new_uuid();
    const tasker_task *task = (const void *)db;
    static const tasker_task_input wrong[] = {
        {.name = TASKER_TEXT("a kind")},
        {.version = TASKER_TEXT("1")},
        {.namespace_name = TASKER_TEXT("n")},
        {.context = TASKER_JSON("[]")},
        {.tags = TASKER_JSON("1")},
        {.bypass_steps = TASKER_JSON("{}")},
        {.context = TASKER_JSON("{")},
        {TASKER_SET(claim_timeout_seconds, 0)},
        {.task_uuid = {{1}}},
        {.named_task_uuid = {{1}}},
    };
    for (size_t i = 0; i < COUNT(wrong); i++) {
        assert_status(db, tasker_task_update(db, &key, &wrong[i], &task), TASKER_INVALID_ARGUMENT);
        assert_null(task);
    }
    tasker_task_input longer = {.reason = text_of_length(129)};
    assert_status(db, tasker_task_update(db, &key, &longer, NULL), TASKER_TOO_LONG);
    assert_status(db, tasker_task_update(db, &unknown, &(tasker_task_input){0}, NULL), TASKER_NOT_FOUND);
    assert_status(db, tasker_task_update(db, &key, NULL, NULL), TASKER_INVALID_ARGUMENT);
    assert_status(db, tasker_task_update(db, NULL, &(tasker_task_input){0}, NULL), TASKER_INVALID_ARGUMENT);
}

static void assert_patched(tasker_db *db, const tasker_uuid *key, const tasker_task_patch *patch, const char *context,
                           const char *tags)
{
    const tasker_task *task = NULL;
    assert_status(db, tasker_task_patch_json(db, key, patch, &task), TASKER_OK);
    assert_json(task->context, context);
    assert_json(task->tags, tags);
    tasker_free(task);
}

static void test_patch(void **state)
{
    tasker_db *db = ((fixture *)*state)->db;
    tasker_uuid key = make_filled(db);
    const tasker_text path[] = {TASKER_TEXT("b"), TASKER_TEXT("c")}, nowhere[] = {TASKER_TEXT("z")};
    assert_patched(db, &key, &(tasker_task_patch){.merge_context = TASKER_JSON("{\"a\": null, \"n\": []}")},
                   "{\"a\": null, \"b\": {\"c\": 2, \"d\": 3}, \"n\": []}", "[\"x\"]");
    assert_patched(db, &key, &(tasker_task_patch){.remove_path = path, .remove_path_count = 2},
                   "{\"a\": null, \"b\": {\"d\": 3}, \"n\": []}", "[\"x\"]");
    assert_patched(db, &key, &(tasker_task_patch){.remove_path = nowhere, .remove_path_count = 1},
                   "{\"a\": null, \"b\": {\"d\": 3}, \"n\": []}", "[\"x\"]");
    assert_patched(db, &key, &(tasker_task_patch){.remove_path = nowhere, .remove_path_count = 0},
                   "{\"a\": null, \"b\": {\"d\": 3}, \"n\": []}", "[\"x\"]");
    assert_patched(db, &key, &(tasker_task_patch){.merge_tags = TASKER_JSON("[\"y\"]")},
                   "{\"a\": null, \"b\": {\"d\": 3}, \"n\": []}", "[\"x\", \"y\"]");
    assert_patched(db, &key,
                   &(tasker_task_patch){.merge_context = TASKER_JSON("{\"b\": {\"c\": 1}}"),
                                        .remove_path = path,
                                        .remove_path_count = 2},
                   "{\"a\": null, \"b\": {}, \"n\": []}", "[\"x\", \"y\"]");
    tasker_task_input clear = {.context = TASKER_CLEAR, .tags = TASKER_CLEAR};
    assert_status(db, tasker_task_update(db, &key, &clear, NULL), TASKER_OK);
    assert_patched(db, &key, &(tasker_task_patch){.remove_path = path, .remove_path_count = 2}, NULL, NULL);
    assert_patched(db, &key,
                   &(tasker_task_patch){.merge_context = TASKER_JSON("{\"k\": 1}"), .merge_tags = TASKER_JSON("{}")},
                   "{\"k\": 1}", "{}");
}

static void test_patch_refuses(void **state)
{
    tasker_db *db = ((fixture *)*state)->db;
    tasker_uuid key = make_filled(db), unknown = new_uuid();
    static const tasker_task_patch wrong[] = {
        {.merge_context = TASKER_JSON("[]")}, {.merge_tags = TASKER_JSON("\"t\"")}, {.remove_path_count = 1}};
    for (size_t i = 0; i < COUNT(wrong); i++)
        assert_status(db, tasker_task_patch_json(db, &key, &wrong[i], NULL), TASKER_INVALID_ARGUMENT);
    tasker_task_patch newer = {.reserved = {1}};
    assert_status(db, tasker_task_patch_json(db, &key, &newer, NULL), TASKER_UNSUPPORTED);
    assert_status(db, tasker_task_patch_json(db, &key, NULL, NULL), TASKER_INVALID_ARGUMENT);
    assert_status(db, tasker_task_patch_json(db, NULL, &wrong[0], NULL), TASKER_INVALID_ARGUMENT);
    assert_status(db, tasker_task_patch_json(db, &unknown, &(tasker_task_patch){0}, NULL), TASKER_NOT_FOUND);
}

/* Eight patches of one context at the same time: none is lost. */
static tasker_status patch_own_key(tasker_db *db, int i, void *context)
{
    char json[32];
    snprintf(json, sizeof json, "{\"k%d\": %d}", i, i);
    return tasker_task_patch_json(db, context, &(tasker_task_patch){.merge_context = tasker_json_of(json)}, NULL);
}

static void test_patches_race(void **state)
{
    fixture *f = *state;
    tasker_uuid key = make_filled(f->db);
    tasker_status statuses[RACERS];
    race(f, patch_own_key, &key, statuses);
    for (int i = 0; i < RACERS; i++)
        assert_int_equal(statuses[i], TASKER_OK);
    assert_int_equal(COUNTED(f, task, .task_uuids = &key, .task_uuid_count = 1,
                             .context_contains = TASKER_JSON("{\"k0\":0,\"k1\":1,\"k2\":2,\"k3\":3,\"k4\":4,\"k5\":5,"
                                                             "\"k6\":6,\"k7\":7,\"a\":1}")),
                     1);
}

static void test_delete(void **state)
{
    fixture *f = *state;
    tasker_uuid key = make_task(f->db);
    char sql[128], text[TASKER_UUID_TEXT_SIZE];
    assert_status(f->db, tasker_task_delete(f->db, &key), TASKER_STILL_REFERENCED);
    snprintf(sql, sizeof sql, "DELETE FROM tasker_task_transitions WHERE task_uuid = '%s'",
             tasker_uuid_format(&key, text));
    db_test_exec(f, sql);
    assert_status(f->db, tasker_task_delete(f->db, &key), TASKER_OK);
    assert_status(f->db, tasker_task_delete(f->db, &key), TASKER_NOT_FOUND);
    assert_status(f->db, tasker_task_delete(f->db, NULL), TASKER_INVALID_ARGUMENT);
}

/* ---- streams ---- */

static void test_stream(void **state)
{
    fixture *f = *state;
    tasker_uuid kind = make_named_task(f->db);
    for (int i = 0; i < 25; i++) {
        tasker_task_input input = {.named_task_uuid = kind, TASKER_SET(priority, i % 4)};
        assert_status(f->db, tasker_task_create(f->db, &input, NULL), TASKER_OK);
    }
    tasker_task_filter filter = {.named_task_uuids = &kind, .named_task_uuid_count = 1};
    static const tasker_order orders[] = {TASKER_ORDER_OLDEST, TASKER_ORDER_NEWEST, TASKER_ORDER_LEAST_RECENT,
                                          TASKER_ORDER_MOST_RECENT, TASKER_ORDER_PRIORITY};
    for (size_t i = 0; i < COUNT(orders); i++) {
        tasker_cursor *cursor = NULL;
        const tasker_task *task = NULL;
        const tasker_named_step *other = NULL;
        int count = 0, priority = 99;
        tasker_cursor_options options = {.batch = 7, .order = orders[i]};
        assert_status(f->db, tasker_task_stream(f->db, &filter, &options, &cursor), TASKER_OK);
        assert_status(f->db, tasker_named_step_next(cursor, &other), TASKER_INVALID_ARGUMENT);
        while (tasker_task_next(cursor, &task) == TASKER_OK && task != NULL) {
            count++;
            assert_true(orders[i] != TASKER_ORDER_PRIORITY || task->priority <= priority);
            priority = task->priority;
        }
        assert_int_equal(count, 25);
        tasker_cursor_close(cursor);
    }
}

/* Other writers may store the infinities; pages and cursors by time go on from them, too. */
static void test_stream_over_infinities(void **state)
{
    fixture *f = *state;
    tasker_uuid kind = make_named_task(f->db);
    static const char *const times[] = {"infinity", "-infinity", "2025-01-01", "infinity", "-infinity"};
    for (size_t i = 0; i < COUNT(times); i++) {
        char sql[160], text[TASKER_UUID_TEXT_SIZE];
        tasker_task_input input = {.task_uuid = new_uuid(), .named_task_uuid = kind};
        assert_status(f->db, tasker_task_create(f->db, &input, NULL), TASKER_OK);
        snprintf(sql, sizeof sql, "UPDATE tasker_tasks SET updated_at = '%s' WHERE task_uuid = '%s'", times[i],
                 tasker_uuid_format(&input.task_uuid, text));
        db_test_exec(f, sql);
    }
    tasker_task_filter filter = {.named_task_uuids = &kind, .named_task_uuid_count = 1};
    for (tasker_order order = TASKER_ORDER_LEAST_RECENT; order <= TASKER_ORDER_MOST_RECENT; order++) {
        tasker_page page = {.limit = 1, .order = order};
        tasker_position at;
        size_t count = 0;
        for (bool more = true; more; count++) {
            const tasker_tasks *list = NULL;
            assert_status(f->db, tasker_task_query(f->db, &filter, &page, &list), TASKER_OK);
            assert_int_equal(list->count, 1);
            more = list->has_next;
            at = list->next;
            page.after = &at;
            tasker_free(list);
        }
        assert_int_equal(count, COUNT(times));
    }
}

/* ---- filters that look beside the task ---- */

static void test_filter_by_json(void **state)
{
    fixture *f = *state;
    tasker_uuid key = make_filled(f->db);
#define THIS .task_uuids = &key, .task_uuid_count = 1
    assert_int_equal(COUNTED(f, task, THIS, .context_contains = TASKER_JSON("{\"b\": {\"c\": 2}}")), 1);
    assert_int_equal(COUNTED(f, task, THIS, .context_contains = TASKER_JSON("{\"b\": {\"c\": 3}}")), 0);
    assert_int_equal(COUNTED(f, task, THIS, .tags_contain = TASKER_JSON("[\"x\"]")), 1);
    assert_int_equal(COUNTED(f, task, THIS, .tags_contain = TASKER_JSON("[\"y\"]")), 0);
}

static void test_filter_by_annotation(void **state)
{
    fixture *f = *state;
    tasker_uuid key = make_task(f->db);
    char sql[512], text[TASKER_UUID_TEXT_SIZE];
    snprintf(sql, sizeof sql,
             "INSERT INTO tasker_annotation_types (name, created_at, updated_at) VALUES ('note''s', now(), now());"
             "INSERT INTO tasker_task_annotations (task_uuid, annotation_type_id, annotation, created_at, updated_at)"
             " SELECT '%s', annotation_type_id, '{\"k\": \"v\", \"n\": 7}', now(), now()"
             " FROM tasker_annotation_types, generate_series(1, 2)",
             tasker_uuid_format(&key, text));
    db_test_exec(f, sql);
#define NOTE .annotation_type = TASKER_TEXT("note's")
    assert_int_equal(COUNTED(f, task, NOTE), 1);
    assert_int_equal(COUNTED(f, task, .annotation_type = TASKER_TEXT("no such")), 0);
    assert_int_equal(COUNTED(f, task, NOTE, .annotation_key = TASKER_TEXT("k")), 1);
    assert_int_equal(COUNTED(f, task, NOTE, .annotation_key = TASKER_TEXT("x")), 0);
    assert_int_equal(COUNTED(f, task, .annotation_key = TASKER_TEXT("k"), .annotation_value = TASKER_TEXT("v")), 1);
    assert_int_equal(COUNTED(f, task, .annotation_key = TASKER_TEXT("n"), .annotation_value = TASKER_TEXT("7")), 1);
    assert_int_equal(COUNTED(f, task, .annotation_key = TASKER_TEXT("n"), .annotation_value = TASKER_TEXT("8")), 0);
    db_test_exec(f, "UPDATE tasker_task_annotations SET annotation = '[\"k\"]'"); /* an element is no key */
    assert_int_equal(COUNTED(f, task, NOTE, .annotation_key = TASKER_TEXT("k")), 0);
    const tasker_tasks *list = NULL;
    tasker_task_filter filter = {.annotation_value = TASKER_TEXT("v")};
    assert_status(f->db, tasker_task_query(f->db, &filter, NULL, &list), TASKER_INVALID_ARGUMENT);
}

static void test_filter_by_moment(void **state)
{
    fixture *f = *state;
    tasker_uuid key = make_task(f->db), step = make_step(f->db, key);
    static const tasker_state pending[] = {TASKER_STATE_PENDING}, cancelled[] = {TASKER_STATE_CANCELLED};
    make_step(f->db, key); /* two that match are still one task */
    tasker_time before, after;
    assert_status(f->db, tasker_db_now(f->db, &before), TASKER_OK);
    assert_status(f->db, tasker_workflow_step_apply(f->db, &step, 1, TASKER_EVENT_CANCEL, NULL, NULL), TASKER_OK);
    assert_status(f->db, tasker_task_apply(f->db, &key, 1, TASKER_EVENT_CANCEL, NULL, NULL), TASKER_OK);
    assert_status(f->db, tasker_db_now(f->db, &after), TASKER_OK);
#define IN(since_, until_) {.has_since = true, .since = since_, .has_until = true, .until = until_}
    tasker_time old = {0};
    assert_int_equal(COUNTED(f, task, THIS, .reached = IN(before, after)), 1);
    assert_int_equal(COUNTED(f, task, THIS, .reached = IN(old, before)), 0);
    assert_int_equal(COUNTED(f, task, THIS, .states = cancelled, .state_count = 1, .reached = IN(before, after)), 1);
    assert_int_equal(COUNTED(f, task, THIS, .states = pending, .state_count = 1, .reached = IN(before, after)), 0);
    assert_int_equal(COUNTED(f, task, THIS, .step_states = pending, .step_state_count = 1), 1);
    assert_int_equal(COUNTED(f, task, THIS, .step_states = pending, .step_state_count = 0), 0);
    assert_int_equal(
        COUNTED(f, task, THIS, .step_states = cancelled, .step_state_count = 1, .step_reached = IN(before, after)), 1);
    assert_int_equal(
        COUNTED(f, task, THIS, .step_states = pending, .step_state_count = 1, .step_reached = IN(before, after)), 0);
    assert_int_equal(COUNTED(f, task, THIS, .step_reached = IN(after, after)), 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_update),
        cmocka_unit_test(test_update_refuses),
        cmocka_unit_test(test_patch),
        cmocka_unit_test(test_patch_refuses),
        cmocka_unit_test(test_patches_race),
        cmocka_unit_test(test_delete),
        cmocka_unit_test(test_stream),
        cmocka_unit_test(test_stream_over_infinities),
        cmocka_unit_test(test_filter_by_json),
        cmocka_unit_test(test_filter_by_annotation),
        cmocka_unit_test(test_filter_by_moment),
    };
    return db_test_run(tests);
}
