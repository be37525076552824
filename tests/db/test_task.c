/* SPDX-License-Identifier: MIT */
#include "flow_test.h"
#include <tasker/lifecycle.h>
#include "flow_test.h"

static void test_create_and_get(void **state)
{
    fixture *f = *state;
    task_kind k = make_kind(f->db, "1.0.0", NULL);
    tasker_task_input input = {
        .named_task_uuid = k.named_task_uuid,
        .initiator = TASKER_TEXT("me"),
        .source_system = TASKER_TEXT("shop"),
        .reason = TASKER_TEXT("because"),
        .reference_id = TASKER_TEXT("4711"),
        .context = TASKER_JSON(" {\"order\": 1}"),
        .tags = TASKER_JSON("[\"a\", \"b\"]"),
        .bypass_steps = TASKER_JSON("[ \"x\" ]"),
        TASKER_SET(requested_at, ((tasker_time){1000000000000000})),
        TASKER_SET(priority, -7),
        TASKER_SET(claim_timeout_seconds, 5),
    };
    const tasker_task *made = NULL, *got = NULL;
    char text[TASKER_UUID_TEXT_SIZE];
    assert_status(f->db, tasker_task_create(f->db, &input, &made), TASKER_OK);
    assert_status(f->db, tasker_task_get(f->db, &made->task_uuid, &got), TASKER_OK);
    assert_uuid(got->task_uuid, made->task_uuid);
    assert_uuid(got->named_task_uuid, k.named_task_uuid);
    assert_text(got->initiator, "me");
    assert_text(got->source_system, "shop");
    assert_text(got->reason, "because");
    assert_text(got->reference_id, "4711");
    assert_string_equal(got->context.ptr, "{\"order\": 1}");
    assert_string_equal(got->tags.ptr, "[\"a\", \"b\"]");
    assert_string_equal(got->bypass_steps.ptr, "[ \"x\" ]");
    assert_text(got->identity_hash, tasker_uuid_format(&got->task_uuid, text));
    assert_true(got->requested_at.us == 1000000000000000);
    assert_int_equal(got->priority, -7);
    assert_int_equal(got->claim_timeout_seconds, 5);
    assert_false(got->complete || got->has_completed_at || got->has_claimed_at);
    assert_text(got->claimed_by, NULL);
    tasker_free(made);
    tasker_free(got);
}

static void test_defaults_and_first_transition(void **state)
{
    fixture *f = *state;
    tasker_uuid key = make_task(f->db);
    const tasker_task *task = NULL;
    const tasker_task_transitions *history = NULL;
    assert_status(f->db, tasker_task_get(f->db, &key, &task), TASKER_OK);
    assert_null(task->context.ptr);
    assert_null(task->tags.ptr);
    assert_text(task->initiator, NULL);
    assert_int_equal(task->priority, 0);
    assert_int_equal(task->claim_timeout_seconds, 60);
    assert_true(task->requested_at.us == task->created_at.us);
    tasker_task_transition_filter filter = {.task_uuids = &key, .task_uuid_count = 1};
    assert_status(f->db, tasker_task_transition_query(f->db, &filter, NULL, &history), TASKER_OK);
    assert_int_equal(history->count, 1);
    assert_int_equal(history->items[0]->to_state, TASKER_STATE_PENDING);
    assert_int_equal(history->items[0]->from_state, TASKER_STATE_NONE);
    assert_int_equal(history->items[0]->sort_key, 1);
    assert_true(history->items[0]->most_recent);
    tasker_free(history);
    tasker_free(task);
}

static void assert_kind(fixture *f, const tasker_task_input *input, const task_kind *expected)
{
    const tasker_task *task = NULL;
    assert_status(f->db, tasker_task_create(f->db, input, &task), TASKER_OK);
    assert_uuid(task->named_task_uuid, expected->named_task_uuid);
    tasker_free(task);
}

static void test_create_by_name(void **state)
{
    fixture *f = *state;
    task_kind k = make_kind(f->db, "1.9.0", NULL), latest = k, plain;
    const tasker_named_task *old = NULL, *later = NULL;
    db_test_lift_limits(f);
    assert_status(f->db, tasker_named_task_get(f->db, &k.named_task_uuid, &old), TASKER_OK);
    tasker_named_task_input next = {.task_namespace_uuid = old->task_namespace_uuid, .name = old->name};
    next.version = T("1.10.0");
    assert_status(f->db, tasker_named_task_create(f->db, &next, &later), TASKER_OK);
    latest.named_task_uuid = later->named_task_uuid;
    tasker_task_input input = {.namespace_name = T(k.namespace_name), .name = T(k.name)};
    assert_kind(f, &input, &latest);
    input.version = T("1.9.0");
    assert_kind(f, &input, &k);
    tasker_free(old);
    tasker_free(later);

    const tasker_task_namespace *ns = NULL;
    tasker_task_namespace_input standard = {.name = TASKER_TEXT("default")};
    assert_status(f->db, tasker_task_namespace_find_or_create(f->db, &standard, &ns), TASKER_OK);
    tasker_named_task_input named = {.named_task_uuid = new_uuid(), .task_namespace_uuid = ns->task_namespace_uuid};
    named.name = T("in default");
    plain.named_task_uuid = named.named_task_uuid;
    assert_status(f->db, tasker_named_task_create(f->db, &named, NULL), TASKER_OK);
    assert_kind(f, &(tasker_task_input){.name = TASKER_TEXT("in default")}, &plain);
    tasker_free(ns);
}

static void test_context_lies_over_the_default(void **state)
{
    fixture *f = *state;
    static const char object[] = "{\"default_context\": {\"a\": {\"x\": 1}, \"b\": 2}}";
    static const struct {
        const char *configuration, *context, *stored;
    } cases[] = {
        {object, "{\"a\": {\"y\": 3}, \"c\": null}", "{\"a\": {\"y\": 3}, \"b\": 2, \"c\": null}"},
        {object, NULL, "{\"a\": {\"x\": 1}, \"b\": 2}"},
        {"{\"default_context\": [1]}", "{\"c\": 1}", "{\"c\": 1}"},
        {"{\"default_context\": null}", NULL, NULL},
        {"[]", "{}", "{}"},
        {"{}", NULL, NULL},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        task_kind k = make_kind(f->db, "1.0.0", NULL);
        tell(tasker_db_conn(f->db), "UPDATE tasker_named_tasks SET configuration = '%s' WHERE named_task_uuid = '%s'",
             cases[i].configuration, text_of(k.named_task_uuid)); /* as any program may have stored it */
        tasker_task_input input = {.named_task_uuid = k.named_task_uuid};
        const tasker_task *task = NULL;
        input.context = tasker_json_of(cases[i].context);
        for (int by_name = 0; by_name < 2; by_name++) {
            assert_status(f->db, tasker_task_create(f->db, &input, &task), TASKER_OK);
            assert_text((tasker_text){task->context.ptr, task->context.len}, cases[i].stored);
            tasker_free(task);
            input.named_task_uuid = NIL;
            input.namespace_name = T(k.namespace_name);
            input.name = T(k.name);
        }
    }
}

static void assert_refused(fixture *f, tasker_task_input input, tasker_status expected)
{
    const tasker_task *task = (const void *)f;
    if (input.name.ptr == NULL && expected != TASKER_REFERENCE_MISSING)
        input.named_task_uuid = make_named_task(f->db);
    assert_status(f->db, tasker_task_create(f->db, &input, &task), expected);
    assert_null(task);
}

static void test_refused(void **state)
{
    fixture *f = *state;
    const tasker_task *task = (const void *)f;
    tasker_uuid unknown = new_uuid();
    assert_status(f->db, tasker_task_get(f->db, &unknown, &task), TASKER_NOT_FOUND);
    assert_null(task);
    assert_status(f->db, tasker_task_create(f->db, NULL, &task), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, tasker_task_create(f->db, &(tasker_task_input){.version = TASKER_TEXT("1")}, &task),
                  TASKER_INVALID_ARGUMENT);
    assert_message(f->db, "named_task_uuid or name is required");
    assert_refused(f, (tasker_task_input){.named_task_uuid = unknown}, TASKER_REFERENCE_MISSING);
    assert_refused(f, (tasker_task_input){.context = TASKER_JSON("[]")}, TASKER_INVALID_ARGUMENT);
    assert_refused(f, (tasker_task_input){.tags = TASKER_JSON("\"a\"")}, TASKER_INVALID_ARGUMENT);
    assert_refused(f, (tasker_task_input){.bypass_steps = TASKER_JSON("{}")}, TASKER_INVALID_ARGUMENT);
    assert_refused(f, (tasker_task_input){.has_claim_timeout_seconds = true}, TASKER_INVALID_ARGUMENT);
    assert_refused(f, (tasker_task_input){.reserved = {0, 0, 1, 0}}, TASKER_UNSUPPORTED);
}

/* With an identity and without; the transaction goes on. */
static void test_the_missing_part_of_a_kind(void **state)
{
    fixture *f = *state;
    task_kind k = make_kind(f->db, "1.0.0", NULL), other = make_kind(f->db, "2.0.0", NULL);
    const struct {
        const char *namespace_name, *name, *version, *message;
    } cases[] = {
        {"no such namespace", k.name, "1.0.0", "no such named task: its namespace is missing"},
        {NULL, k.name, NULL, "no such named task: its name"}, /* the namespace "default" may be there or not */
        {k.namespace_name, "no such name", "1.0.0", "no such named task: its name is missing"},
        {k.namespace_name, other.name, NULL, "no such named task: its name is missing"},
        {k.namespace_name, k.name, "2.0.0", "no such named task: its version is missing"},
        {k.namespace_name, k.name, "", "no such named task: its version is missing"},
    };
    assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
    for (size_t i = 0; i < 2 * COUNT(cases); i++) {
        tasker_task_input input = {.identity = i % 2 == 0 ? TASKER_IDENTITY_UNIQUE : TASKER_IDENTITY_STRICT};
        const tasker_task *task = (const void *)f;
        input.namespace_name = T(cases[i / 2].namespace_name);
        input.name = T(cases[i / 2].name);
        input.version = T(cases[i / 2].version);
        assert_status(f->db, tasker_task_create(f->db, &input, &task), TASKER_NOT_FOUND);
        assert_message(f->db, cases[i / 2].message);
        assert_null(task);
    }
    assert_status(f->db, tasker_db_commit(f->db), TASKER_OK);
}

static void test_resend(void **state)
{
    fixture *f = *state;
    task_kind k = make_kind(f->db, "1.0.0", NULL);
    tasker_task_input input = {.task_uuid = new_uuid(), .namespace_name = T(k.namespace_name), .name = T(k.name)};
    const tasker_task *task = NULL;
    assert_status(f->db, tasker_task_create(f->db, &input, NULL), TASKER_OK);
    assert_status(f->db, tasker_task_create(f->db, &input, &task), TASKER_OK);
    assert_uuid(task->task_uuid, input.task_uuid);
    assert_int_equal(FOUND(f, task_transition, .task_uuids = &input.task_uuid, .task_uuid_count = 1), 1);
    tasker_free(task);
}

static void test_get_states(void **state)
{
    fixture *f = *state;
    tasker_uuid keys[] = {make_task(f->db), new_uuid(), make_task(f->db), make_task(f->db)};
    tasker_state states[4] = {TASKER_STATE_ERROR, TASKER_STATE_ERROR, TASKER_STATE_ERROR, TASKER_STATE_ERROR};
    tasker_outcome outcome = {0};
    char sql[256], text[TASKER_UUID_TEXT_SIZE];
    assert_status(f->db, tasker_task_apply(f->db, &keys[2], 1, TASKER_EVENT_START, NULL, &outcome), TASKER_OK);
    snprintf(sql, sizeof sql, "DELETE FROM tasker_task_transitions WHERE task_uuid = '%s'",
             tasker_uuid_format(&keys[3], text));
    db_test_exec(f, sql);
    assert_status(f->db, tasker_task_get_states(f->db, keys, 4, states), TASKER_OK);
    assert_int_equal(states[0], TASKER_STATE_PENDING);
    assert_int_equal(states[1], TASKER_STATE_NONE);
    assert_int_equal(states[2], TASKER_STATE_IN_PROGRESS);
    assert_int_equal(states[3], TASKER_STATE_PENDING);
    assert_status(f->db, tasker_task_get_states(f->db, keys, 0, NULL), TASKER_OK);
    assert_status(f->db, tasker_task_get_states(f->db, keys, 1, NULL), TASKER_INVALID_ARGUMENT);
    assert_status(f->db, tasker_task_get_states(f->db, NULL, 1, states), TASKER_INVALID_ARGUMENT);
}

static tasker_status create_with(tasker_db *db, tasker_text text, void *context)
{
    size_t member;
    memcpy(&member, context, sizeof member);
    tasker_task_input input = {.named_task_uuid = make_named_task(db)};
    memcpy((char *)&input + member, &text, sizeof text);
    return tasker_task_create(db, &input, NULL);
}

static void test_texts(void **state)
{
    fixture *f = *state;
    assert_limit(f->db, create_with, &(size_t){offsetof(tasker_task_input, initiator)}, 128);
    assert_limit(f->db, create_with, &(size_t){offsetof(tasker_task_input, source_system)}, 128);
    assert_limit(f->db, create_with, &(size_t){offsetof(tasker_task_input, reason)}, 128);
    assert_limit(f->db, create_with, &(size_t){offsetof(tasker_task_input, reference_id)}, 255);
    tasker_task_input input = {.named_task_uuid = make_named_task(f->db)};
    for (size_t i = 0; i < hostile_count; i++) {
        const tasker_task *task = NULL;
        input.initiator = input.source_system = input.reason = input.reference_id = T(hostile[i]);
        assert_status(f->db, tasker_task_create(f->db, &input, &task), TASKER_OK);
        assert_text(task->initiator, hostile[i]);
        assert_text(task->source_system, hostile[i]);
        assert_text(task->reason, hostile[i]);
        assert_text(task->reference_id, hostile[i]);
        assert_int_equal(COUNTED(f, task, .initiator = T(hostile[i]), .named_task_uuids = &input.named_task_uuid,
                                 .named_task_uuid_count = 1),
                         1);
        tasker_free(task);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_create_and_get),
        cmocka_unit_test(test_defaults_and_first_transition),
        cmocka_unit_test(test_create_by_name),
        cmocka_unit_test(test_context_lies_over_the_default),
        cmocka_unit_test(test_the_missing_part_of_a_kind),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_resend),
        cmocka_unit_test(test_get_states),
        cmocka_unit_test(test_texts),
    };
    return db_test_run(tests);
}
