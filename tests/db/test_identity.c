/* SPDX-License-Identifier: MIT */
/* Tasks that are the same: created once however often, and by however many, until they are closed. */
#include <tasker/pipeline.h>
#include "waiting.h"

static tasker_task_input with_key(tasker_uuid kind, const char *key)
{
    return (tasker_task_input){.named_task_uuid = kind, .identity = TASKER_IDENTITY_KEY, .identity_key = T(key)};
}

static tasker_task_input with_context(tasker_uuid kind, const char *context)
{
    return (tasker_task_input){
        .named_task_uuid = kind, .identity = TASKER_IDENTITY_STRICT, .context = tasker_json_of(context)};
}

static tasker_uuid create(tasker_db *db, const tasker_task_input *input)
{
    const tasker_task *task = NULL;
    assert_status(db, tasker_task_create(db, input, &task), TASKER_OK);
    tasker_uuid key = task->task_uuid;
    tasker_free(task);
    return key;
}

static tasker_uuid create_with_key(tasker_db *db, tasker_uuid kind, const char *key)
{
    tasker_task_input input = with_key(kind, key);
    return create(db, &input);
}

static tasker_uuid create_with_context(tasker_db *db, tasker_uuid kind, const char *context)
{
    tasker_task_input input = with_context(kind, context);
    return create(db, &input);
}

static long tasks_of(tasker_db *db, tasker_uuid kind)
{
    return ask_number(tasker_db_conn(db), "SELECT count(*) FROM tasker_tasks WHERE named_task_uuid = '%s'",
                      text_of(kind));
}

/* ---- what is the same ---- */

static void test_strict(void **state)
{
    tasker_db *db = ((fixture *)*state)->db;
    tasker_uuid kind = make_named_task(db), other = make_named_task(db);
    tasker_uuid one = create_with_context(db, kind, "{\"a\": [1, 20], \"b\": \"\\u00e9\"}");
    tasker_uuid again = create_with_context(db, kind, " {\"b\": \"\xC3\xA9\", \"a\": [1.0, 2e1]}");
    assert_uuid(again, one);
    tasker_uuid different[] = {create_with_context(db, kind, "{\"a\": [20, 1], \"b\": \"\\u00e9\"}"),
                               create_with_context(db, kind, "{}"), create_with_context(db, kind, NULL),
                               create_with_context(db, other, "{\"a\": [1, 20], \"b\": \"\\u00e9\"}")};
    for (size_t i = 0; i < COUNT(different); i++)
        assert_false(tasker_uuid_equal(&different[i], &one));
    assert_int_equal(tasks_of(db, kind), 4);
    assert_int_equal(tasks_of(db, other), 1);
    tasker_task_input unique = {.named_task_uuid = kind, .context = TASKER_JSON("{}")};
    tasker_uuid alone = create(db, &unique);
    assert_false(tasker_uuid_equal(&alone, &different[1]));
    assert_int_equal(tasks_of(db, kind), 5);
}

/* The hash can be made from the row, the default_context included; by name or by key it is the same. */
static void test_stored_context(void **state)
{
    tasker_db *db = ((fixture *)*state)->db;
    static const char *const configurations[] = {"{\"default_context\": {\"a\": {\"x\": 1}, \"b\": 2.0}}",
                                                 "{\"default_context\": {}}", "{\"default_context\": [1]}", "{}"};
    static const char *const contexts[] = {"{\"a\": 7, \"c\": [ ]}", " { } ", NULL};
    for (size_t i = 0; i < COUNT(configurations) * COUNT(contexts); i++) {
        task_kind k = make_kind(db, "1.0.0", configurations[i / COUNT(contexts)]);
        tasker_task_input input = with_context(k.named_task_uuid, contexts[i % COUNT(contexts)]);
        tasker_task_input plain = {.named_task_uuid = k.named_task_uuid, .context = input.context};
        const tasker_task *task = NULL, *unique = NULL, *found = NULL;
        char hash[TASKER_IDENTITY_SIZE];
        assert_status(db, tasker_task_create(db, &input, &task), TASKER_OK);
        assert_status(db, tasker_task_create(db, &plain, &unique), TASKER_OK);
        assert_text((tasker_text){task->context.ptr, task->context.len}, unique->context.ptr);
        assert_int_equal(tasker_task_hash_identity(&task->named_task_uuid, TASKER_IDENTITY_STRICT, task->context,
                                                   (tasker_text){NULL, 0}, hash),
                         TASKER_OK);
        assert_text(task->identity_hash, hash);
        assert_text(unique->identity_hash, text_of(unique->task_uuid));
        input.named_task_uuid = NIL;
        input.namespace_name = T(k.namespace_name);
        input.name = T(k.name);
        input.context = task->context; /* with the default laid under it already */
        assert_status(db, tasker_task_create(db, &input, &found), TASKER_OK);
        assert_uuid(found->task_uuid, task->task_uuid);
        tasker_free(task), tasker_free(unique), tasker_free(found);
    }
}

/* Two contexts are the same exactly where jsonb says so. */
static void test_as_jsonb_has_it(void **state)
{
    PGconn *conn = tasker_db_conn(((fixture *)*state)->db);
    static const char *const contexts[] = {"{\"a\": 1}",
                                           "{\"a\": 1.000}",
                                           "{\"a\": 10e-1}",
                                           "{\"a\": 1.0000000000000000000000000000001}",
                                           "{\"a\": 9007199254740993}",
                                           "{\"a\": 9007199254740992}",
                                           "{\"a\": 9007199254740992.0}",
                                           "{\"a\": 0}",
                                           "{\"a\": -0.0}",
                                           "{\"a\": 1e-300}",
                                           "{\"a\": 1e-400}",
                                           "{\"a\": 1e400}",
                                           "{\"a\": 10e399}",
                                           "{\"a\": \"1\"}",
                                           "{\"a\": 2, \"a\": 1}",
                                           "{\"a\": null}",
                                           "{}",
                                           "{\"b\": {}, \"a\": 1}",
                                           "{\"a\": 1, \"b\": {}}",
                                           "{\"a\": 1, \"b\": []}",
                                           "{\"a\": \"\\u00e9\\/\"}",
                                           "{\"a\": \"\xC3\xA9/\"}",
                                           "{\"a\": \"e\xCC\x81/\"}",
                                           "{\"a\": \"\\ud83d\\ude00\"}",
                                           "{\"a\": \"\xF0\x9F\x98\x80\"}",
                                           "{\"a\": [1, 2]}",
                                           "{\"a\": [2, 1]}"};
    tasker_uuid kind = new_uuid();
    for (size_t i = 0; i < COUNT(contexts); i++)
        for (size_t k = 0; k <= i; k++) {
            char one[TASKER_IDENTITY_SIZE], two[TASKER_IDENTITY_SIZE];
            tasker_text none = {NULL, 0};
            assert_int_equal(
                tasker_task_hash_identity(&kind, TASKER_IDENTITY_STRICT, tasker_json_of(contexts[i]), none, one),
                TASKER_OK);
            assert_int_equal(
                tasker_task_hash_identity(&kind, TASKER_IDENTITY_STRICT, tasker_json_of(contexts[k]), none, two),
                TASKER_OK);
            const char *equal = ask(conn, "SELECT '%s'::jsonb = '%s'::jsonb", contexts[i], contexts[k]);
            assert_int_equal(strcmp(one, two) == 0, equal[0] == 't');
        }
}

static void test_key(void **state)
{
    tasker_db *db = ((fixture *)*state)->db;
    tasker_uuid kind = make_named_task(db), other = make_named_task(db);
    tasker_task_input input = with_key(kind, "order 1");
    input.context = tasker_json_of("{\"a\": 1}");
    tasker_uuid one = create(db, &input), elsewhere = create_with_key(db, other, "order 1");
    input.context = tasker_json_of("{\"a\": 2}");
    tasker_uuid again = create(db, &input);
    assert_uuid(again, one);
    assert_false(tasker_uuid_equal(&elsewhere, &one));
    for (size_t i = 0; i < hostile_count; i++) {
        if (hostile[i][0] == '\0')
            continue;
        tasker_uuid first = create_with_key(db, kind, hostile[i]), second = create_with_key(db, kind, hostile[i]);
        assert_uuid(first, second);
    }
    assert_int_equal(tasks_of(db, kind), hostile_count);
    input.identity_key = text_of_length(500);
    one = create(db, &input), again = create(db, &input);
    assert_uuid(again, one);
}

/* ---- open and closed ---- */

static void test_closed(void **state)
{
    static const struct {
        tasker_state state;
        bool open;
    } states[] = {{TASKER_STATE_IN_PROGRESS, true},
                  {TASKER_STATE_COMPLETE, false},
                  {TASKER_STATE_ERROR, false},
                  {TASKER_STATE_CANCELLED, false},
                  {TASKER_STATE_RESOLVED_MANUALLY, false}};
    tasker_db *db = ((fixture *)*state)->db;
    for (size_t i = 0; i < COUNT(states); i++) {
        tasker_uuid kind = make_named_task(db), first = create_with_key(db, kind, "k");
        const tasker_task *task = NULL, *found = NULL;
        assert_status(db, tasker_task_get(db, &first, &task), TASKER_OK);
        bring_task(db, first, states[i].state);
        assert_status(db, tasker_task_find_by_identity(db, task->identity_hash, &found), TASKER_OK);
        assert_uuid(found->task_uuid, first);
        tasker_free(found);
        tasker_uuid second = create_with_key(db, kind, "k");
        assert_int_equal(tasker_uuid_equal(&first, &second), states[i].open);
        assert_status(db, tasker_task_find_by_identity(db, task->identity_hash, &found), TASKER_OK);
        assert_uuid(found->task_uuid, second);
        tasker_free(found), tasker_free(task);
        assert_int_equal(tasks_of(db, kind), states[i].open ? 1 : 2);
    }
}

/* The open one before the newest; of two open ones, after a reset, the newest; of closed ones the newest. */
static void test_find(void **state)
{
    tasker_db *db = ((fixture *)*state)->db;
    tasker_uuid kind = make_named_task(db), keys[3];
    const tasker_task *found = (const void *)db;
    char hash[TASKER_IDENTITY_SIZE];
    assert_int_equal(tasker_task_hash_identity(&kind, TASKER_IDENTITY_KEY, (tasker_json){NULL, 0}, T("k"), hash),
                     TASKER_OK);
    assert_status(db, tasker_task_find_by_identity(db, T(hash), &found), TASKER_OK);
    assert_null(found);
    for (size_t i = 0; i < COUNT(keys); i++) {
        keys[i] = create_with_key(db, kind, "k");
        bring_task(db, keys[i], i == 0 ? TASKER_STATE_ERROR : TASKER_STATE_CANCELLED);
    }
    for (int i = 0; i < 3; i++) {
        tasker_uuid expected = i == 0 ? keys[2] : i == 1 ? keys[0] : NIL;
        if (i == 1)
            assert_status(db, task_event(db, keys[0], TASKER_EVENT_RESET), TASKER_OK);
        if (i == 2)
            tell(tasker_db_conn(db), "DELETE FROM tasker_task_transitions WHERE task_uuid = '%s'",
                 text_of(expected = keys[1])); /* without history: pending */
        assert_status(db, tasker_task_find_by_identity(db, T(hash), &found), TASKER_OK);
        assert_uuid(found->task_uuid, expected);
        tasker_free(found);
        tasker_uuid same = i > 0 ? create_with_key(db, kind, "k") : expected;
        assert_uuid(same, expected);
    }
    assert_status(db, tasker_task_find_by_identity(db, (tasker_text){NULL, 0}, &found), TASKER_INVALID_ARGUMENT);
    assert_null(found);
}

/* ---- refusals, resends ---- */

static void test_refused(void **state)
{
    tasker_db *db = ((fixture *)*state)->db;
    tasker_uuid kind = make_named_task(db), unknown = new_uuid();
    const struct {
        tasker_task_input input;
        tasker_status status;
        const char *message;
    } bad[] = {
        {with_key(kind, NULL), TASKER_INVALID_ARGUMENT, "identity_key"},
        {with_key(kind, ""), TASKER_INVALID_ARGUMENT, "identity_key"},
        {with_key(kind, "\xFF"), TASKER_INVALID_ARGUMENT, "identity_key"},
        {{.named_task_uuid = kind, .identity_key = TASKER_TEXT("k")}, TASKER_INVALID_ARGUMENT, "identity_key"},
        {{.named_task_uuid = kind, .identity = TASKER_IDENTITY_STRICT, .identity_key = TASKER_TEXT("k")},
         TASKER_INVALID_ARGUMENT,
         "identity_key"},
        {{.named_task_uuid = kind, .identity = (tasker_identity)7}, TASKER_INVALID_ARGUMENT, "identity"},
        {with_context(kind, "[]"), TASKER_INVALID_ARGUMENT, "context"},
        {with_context(kind, "{"), TASKER_INVALID_ARGUMENT, "context"},
        {with_context(NIL, "{}"), TASKER_INVALID_ARGUMENT, "named_task_uuid"},
        {{.name = TASKER_TEXT("no such kind"), .identity = TASKER_IDENTITY_STRICT}, TASKER_NOT_FOUND, "named task"},
        {{.named_task_uuid = kind, .identity = TASKER_IDENTITY_STRICT, .initiator = text_of_length(129)},
         TASKER_TOO_LONG,
         "initiator"},
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        const tasker_task *task = (const void *)db;
        begin(db);
        assert_status(db, tasker_task_create(db, &bad[i].input, &task), bad[i].status);
        assert_message(db, bad[i].message);
        assert_null(task);
        assert_status(db, tasker_db_ping(db), TASKER_OK);
        end(db, true);
    }
    assert_int_equal(tasks_of(db, kind), 0);
    tasker_uuid task_uuid = create_with_key(db, make_named_task(db), "k");
    tasker_task_input input = {.identity = TASKER_IDENTITY_KEY, .identity_key = TASKER_TEXT("k")};
    assert_status(db, tasker_task_update(db, &task_uuid, &input, NULL), TASKER_INVALID_ARGUMENT);
    input = with_key(unknown, "k");
    assert_status(db, tasker_task_create(db, &input, NULL), TASKER_REFERENCE_MISSING);
    tasker_db *small = db_test_open_with(*state, &(tasker_db_options){.limits = {.text_bytes = 400}});
    input = with_key(kind, NULL);
    input.identity_key = text_of_length(201);
    assert_status(small, tasker_task_create(small, &input, NULL), TASKER_LIMIT_EXCEEDED);
    tasker_db_close(small);
}

/* With the same key the same row, whatever has become of it and of its identity. */
static void test_resend(void **state)
{
    tasker_db *db = ((fixture *)*state)->db;
    tasker_task_input input = with_key(make_named_task(db), "k");
    input.task_uuid = new_uuid();
    tasker_uuid first = create(db, &input), again = create(db, &input);
    assert_uuid(first, input.task_uuid);
    assert_uuid(again, first);
    bring_task(db, first, TASKER_STATE_COMPLETE);
    again = create(db, &input);
    assert_uuid(again, first);
    tasker_uuid open = create_with_key(db, input.named_task_uuid, "k");
    again = create(db, &input);
    assert_uuid(again, first);
    input.identity_key = T("another");
    again = create(db, &input);
    assert_uuid(again, first);
    input.task_uuid = new_uuid();
    input.identity_key = T("k"); /* it was not stored: the open one */
    again = create(db, &input);
    assert_uuid(again, open);
    assert_int_equal(tasks_of(db, input.named_task_uuid), 2);
}

/* A pipeline sends the second round when the arguments are gone. */
static void test_pipeline(void **state)
{
    tasker_db *db = ((fixture *)*state)->db;
    tasker_pipeline *pipeline = NULL;
    tasker_uuid kind = make_named_task(db);
    const tasker_task *tasks[4] = {NULL};
    assert_status(db, tasker_pipeline_open(db, NULL, &pipeline), TASKER_OK);
    tasker_db *queue = tasker_pipeline_db(pipeline);
    for (int in_transaction = 0; in_transaction < 2; in_transaction++) {
        for (size_t i = 0; i < COUNT(tasks); i++) {
            char key[16], context[32];
            snprintf(key, sizeof key, "key %d %zu", in_transaction, i / 2);
            snprintf(context, sizeof context, "{\"i\": %zu}", i / 2);
            tasker_task_input input = with_key(kind, key);
            input.context = tasker_json_of(context);
            input.initiator = T(key);
            assert_status(queue, tasker_task_create(queue, &input, &tasks[i]), TASKER_QUEUED);
            memset(key, 'x', sizeof key);
            memset(context, 'x', sizeof context);
            memset(&input, 0x5A, sizeof input);
        }
        tasker_task_input bad = with_key(kind, "");
        assert_status(queue, tasker_task_create(queue, &bad, NULL), TASKER_INVALID_ARGUMENT);
        if (in_transaction)
            begin(db);
        assert_status(db, tasker_pipeline_run(pipeline), TASKER_OK);
        if (in_transaction)
            end(db, true);
        assert_int_equal(tasks_of(db, kind), 2 * (in_transaction + 1));
        assert_uuid(tasks[0]->task_uuid, tasks[1]->task_uuid);
        assert_uuid(tasks[2]->task_uuid, tasks[3]->task_uuid);
        assert_text((tasker_text){tasks[3]->context.ptr, tasks[3]->context.len}, "{\"i\": 1}");
        assert_text(tasks[3]->initiator, in_transaction ? "key 1 1" : "key 0 1");
        for (size_t i = 0; i < COUNT(tasks); i++)
            tasker_free(tasks[i]);
        tasker_pipeline_reset(pipeline);
    }
    tasker_pipeline_close(pipeline);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strict),  cmocka_unit_test(test_stored_context), cmocka_unit_test(test_as_jsonb_has_it),
        cmocka_unit_test(test_key),     cmocka_unit_test(test_closed),         cmocka_unit_test(test_find),
        cmocka_unit_test(test_refused), cmocka_unit_test(test_resend),         cmocka_unit_test(test_pipeline),
    };
    return db_test_run(tests);
}
