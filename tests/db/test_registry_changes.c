/* SPDX-License-Identifier: MIT */
/* Updates, deletes and creates of many of named tasks, named steps and step settings. */
#include "entity_test.h"

/* ---- named tasks ---- */

static void test_update_named_task(void **state)
{
    tasker_db *db = ((fixture *)*state)->db;
    tasker_uuid space = make_namespace(db), other = make_namespace(db);
    const tasker_named_task *row = NULL, *changed = NULL;
    tasker_named_task_input input = {.task_namespace_uuid = space,
                                     .name = TASKER_TEXT("ship"),
                                     .description = TASKER_TEXT("sends"),
                                     .configuration = TASKER_JSON("{\"a\":1}")};
    assert_status(db, tasker_named_task_create(db, &input, &row), TASKER_OK);
    const tasker_uuid *key = &row->named_task_uuid;
    tasker_named_task_input change = {.version = TASKER_TEXT("2.0.0"), .description = TASKER_CLEAR};
    assert_status(db, tasker_named_task_update(db, key, &change, &changed), TASKER_OK);
    assert_text(changed->name, "ship");
    assert_text(changed->version, "2.0.0");
    assert_null(changed->description.ptr);
    assert_true(changed->configuration.len == strlen("{\"a\": 1}"));
    assert_uuid(changed->task_namespace_uuid, space);
    tasker_free(changed);
    change = (tasker_named_task_input){
        .task_namespace_uuid = other, .name = TASKER_TEXT("sail"), .configuration = TASKER_JSON("{}")};
    assert_status(db, tasker_named_task_update(db, key, &change, &changed), TASKER_OK);
    assert_uuid(changed->task_namespace_uuid, other);
    assert_text(changed->name, "sail");
    assert_int_equal(changed->configuration.len, 2);
    tasker_free(changed);

    assert_status(db, tasker_db_begin(db, NULL), TASKER_OK);
    input = (tasker_named_task_input){.task_namespace_uuid = space, .name = TASKER_TEXT("sail"), .version = T("2.0.0")};
    assert_status(db, tasker_named_task_create(db, &input, NULL), TASKER_OK);
    change = (tasker_named_task_input){.task_namespace_uuid = space};
    assert_status(db, tasker_named_task_update(db, key, &change, &changed), TASKER_DUPLICATE);
    assert_constraint(db, "tasker_named_tasks_namespace_name_version_unique");
    assert_null(changed);
    tasker_uuid unknown = new_uuid();
    assert_status(db, tasker_named_task_update(db, &unknown, &change, NULL), TASKER_NOT_FOUND);
    static const tasker_named_task_input clears[] = {
        {.name = TASKER_CLEAR}, {.version = TASKER_CLEAR}, {.configuration = TASKER_CLEAR}};
    for (size_t i = 0; i < COUNT(clears); i++)
        assert_status(db, tasker_named_task_update(db, key, &clears[i], NULL), TASKER_INVALID_ARGUMENT);
    change = (tasker_named_task_input){.configuration = TASKER_JSON("[]")};
    assert_status(db, tasker_named_task_update(db, key, &change, NULL), TASKER_INVALID_ARGUMENT);
    assert_status(db, tasker_db_commit(db), TASKER_OK);
    change = (tasker_named_task_input){.task_namespace_uuid = unknown};
    assert_status(db, tasker_named_task_update(db, key, &change, NULL), TASKER_REFERENCE_MISSING);
    tasker_free(row);
}

static void test_delete_named_task(void **state)
{
    tasker_db *db = ((fixture *)*state)->db;
    tasker_uuid key = make_named_task(db);
    assert_status(db, tasker_named_task_delete(db, &key), TASKER_OK);
    assert_status(db, tasker_named_task_delete(db, &key), TASKER_NOT_FOUND);
    task_kind kind = make_kind(db, "1.0.0", "{}");
    tasker_task_input task = {.named_task_uuid = kind.named_task_uuid};
    assert_status(db, tasker_task_create(db, &task, NULL), TASKER_OK);
    assert_status(db, tasker_named_task_delete(db, &kind.named_task_uuid), TASKER_STILL_REFERENCED);
}

/* tasker-core's own schema allows one version of a name. */
static void test_one_version_of_a_name(void **state)
{
    fixture *f = *state;
    tasker_uuid space = make_namespace(f->db);
    tasker_named_task_input input = {.task_namespace_uuid = space, .name = TASKER_TEXT("once"), .version = T("1")};
    assert_status(f->db, tasker_named_task_find_or_create(f->db, &input, NULL), TASKER_OK);
    db_test_exec(f, "CREATE UNIQUE INDEX one_version ON tasker_named_tasks (task_namespace_uuid, name) "
                    "WHERE name = 'once'");
    input.version = T("2");
    const tasker_named_task *row = (const void *)f;
    assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
    assert_status(f->db, tasker_named_task_find_or_create(f->db, &input, &row), TASKER_DUPLICATE);
    assert_constraint(f->db, f->foreign ? "tasker_named_tasks_namespace_name_unique" : "");
    assert_null(row);
    assert_status(f->db, tasker_named_task_create(f->db, &input, &row), TASKER_DUPLICATE);
    input = (tasker_named_task_input){.task_namespace_uuid = space, .name = TASKER_TEXT("another")};
    input.named_task_uuid = make_named_task(f->db);
    assert_status(f->db, tasker_named_task_find_or_create(f->db, &input, &row), TASKER_DUPLICATE);
    assert_constraint(f->db, "tasker_named_tasks_pkey");
    assert_status(f->db, tasker_db_commit(f->db), TASKER_OK);
    db_test_exec(f, "DROP INDEX one_version");
}

/* ---- named steps ---- */

static void test_update_named_step(void **state)
{
    tasker_db *db = ((fixture *)*state)->db;
    tasker_uuid system = make_system(db), other = make_system(db);
    const tasker_named_step *row = NULL, *changed = NULL;
    tasker_named_step_input input = {
        .dependent_system_uuid = system, .name = TASKER_TEXT("pay"), .description = TASKER_TEXT("takes")};
    assert_status(db, tasker_named_step_create(db, &input, &row), TASKER_OK);
    const tasker_uuid *key = &row->named_step_uuid;
    tasker_named_step_input change = {.name = TASKER_TEXT("refund")};
    assert_status(db, tasker_named_step_update(db, key, &change, &changed), TASKER_OK);
    assert_text(changed->name, "refund");
    assert_text(changed->description, "takes");
    assert_uuid(changed->dependent_system_uuid, system);
    tasker_free(changed);
    change = (tasker_named_step_input){.dependent_system_uuid = other, .description = TASKER_CLEAR};
    assert_status(db, tasker_named_step_update(db, key, &change, &changed), TASKER_OK);
    assert_uuid(changed->dependent_system_uuid, other);
    assert_null(changed->description.ptr);
    tasker_free(changed);
    assert_status(db, tasker_named_step_create(db, &input, NULL), TASKER_OK);
    change = (tasker_named_step_input){.dependent_system_uuid = system, .name = TASKER_TEXT("pay")};
    assert_status(db, tasker_named_step_update(db, key, &change, &changed), TASKER_DUPLICATE);
    assert_constraint(db, "tasker_named_steps_system_name_unique");
    change.name = text_of_length(129);
    assert_status(db, tasker_named_step_update(db, key, &change, &changed), TASKER_TOO_LONG);
    assert_null(changed);
    tasker_free(row);
}

static void test_delete_named_step(void **state)
{
    tasker_db *db = ((fixture *)*state)->db;
    tasker_uuid key = make_named_step(db);
    assert_status(db, tasker_named_step_delete(db, &key), TASKER_OK);
    assert_status(db, tasker_named_step_delete(db, &key), TASKER_NOT_FOUND);
    tasker_uuid step = make_step(db, make_task(db));
    const tasker_workflow_step *row = NULL;
    assert_status(db, tasker_workflow_step_get(db, &step, &row), TASKER_OK);
    assert_status(db, tasker_named_step_delete(db, &row->named_step_uuid), TASKER_STILL_REFERENCED);
    tasker_free(row);
}

static void test_create_many_named_steps(void **state)
{
    tasker_db *db = ((fixture *)*state)->db;
    tasker_uuid systems[] = {make_system(db), make_system(db)};
    tasker_named_step_input inputs[] = {
        {.dependent_system_uuid = systems[0], .name = TASKER_TEXT("b")},
        {.dependent_system_uuid = systems[1], .name = TASKER_TEXT("b"), .description = TASKER_TEXT("other")},
        {.dependent_system_uuid = systems[0], .name = TASKER_TEXT("a")}};
    const tasker_named_steps *made = NULL;
    assert_status(db, tasker_named_step_create_many(db, inputs, 3, &made), TASKER_OK);
    assert_int_equal(made->count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_uuid(made->items[i]->dependent_system_uuid, inputs[i].dependent_system_uuid);
        assert_text(made->items[i]->name, inputs[i].name.ptr);
    }
    tasker_uuid stored = made->items[2]->named_step_uuid;
    tasker_free(made);

    tasker_named_step_input more[] = {{.dependent_system_uuid = systems[1], .name = TASKER_TEXT("new")}, inputs[2]};
    assert_status(db, tasker_named_step_create_many(db, more, 2, &made), TASKER_DUPLICATE);
    assert_null(made);
    assert_int_equal(tasker_db_error(db)->item, 1);
    more[1] = (tasker_named_step_input){
        .named_step_uuid = stored, .dependent_system_uuid = systems[1], .name = TASKER_TEXT("x")};
    assert_status(db, tasker_named_step_create_many(db, more, 2, &made), TASKER_DUPLICATE);
    assert_int_equal(tasker_db_error(db)->item, 1);
    more[1] = more[0];
    assert_status(db, tasker_named_step_create_many(db, more, 2, &made), TASKER_DUPLICATE);
    assert_int_equal(tasker_db_error(db)->item, 1);
    more[1] = (tasker_named_step_input){.name = TASKER_TEXT("no system")};
    assert_status(db, tasker_named_step_create_many(db, more, 2, &made), TASKER_INVALID_ARGUMENT);
    assert_int_equal(tasker_db_error(db)->item, 1);
    more[1].dependent_system_uuid = new_uuid();
    assert_status(db, tasker_named_step_create_many(db, more, 2, &made), TASKER_REFERENCE_MISSING);
    assert_int_equal(COUNTED((fixture *)*state, named_step, .dependent_system_uuid = &systems[1]), 1);
}

/* Eight callers with the same names: one stores them, the others are told, and nobody stores a part. */
typedef struct racing {
    tasker_uuid system;
    tasker_named_step_input inputs[RACERS][20];
    char names[20][8];
} racing;

static tasker_status create_many(tasker_db *db, int i, void *context)
{
    return tasker_named_step_create_many(db, ((racing *)context)->inputs[i], 20, NULL);
}

static void test_create_many_is_one_or_none(void **state)
{
    fixture *f = *state;
    racing r = {.system = make_system(f->db)};
    tasker_status statuses[RACERS];
    int won = 0;
    for (size_t i = 0; i < 20; i++)
        snprintf(r.names[i], sizeof r.names[i], "n%zu", i);
    for (size_t k = 0; k < RACERS; k++)
        for (size_t i = 0; i < 20; i++) /* each in an order of its own */
            r.inputs[k][i] =
                (tasker_named_step_input){.dependent_system_uuid = r.system, .name = T(r.names[(i * 7 + k * 3) % 20])};
    race(f, create_many, &r, statuses);
    for (size_t k = 0; k < RACERS; k++) {
        assert_true(statuses[k] == TASKER_OK || statuses[k] == TASKER_DUPLICATE);
        won += statuses[k] == TASKER_OK;
    }
    assert_int_equal(won, 1);
    assert_int_equal(COUNTED(f, named_step, .dependent_system_uuid = &r.system), 20);
}

/* The same call from eight places, with its keys: a call that is sent again finds what it made, however soon. */
static void test_create_many_sent_again(void **state)
{
    fixture *f = *state;
    racing r = {.system = make_system(f->db)};
    tasker_status statuses[RACERS];
    for (size_t i = 0; i < 20; i++) {
        snprintf(r.names[i], sizeof r.names[i], "n%zu", i);
        r.inputs[0][i] = (tasker_named_step_input){
            .named_step_uuid = new_uuid(), .dependent_system_uuid = r.system, .name = T(r.names[i])};
    }
    for (size_t k = 1; k < RACERS; k++)
        memcpy(r.inputs[k], r.inputs[0], sizeof r.inputs[k]);
    race(f, create_many, &r, statuses);
    for (size_t k = 0; k < RACERS; k++)
        assert_int_equal(statuses[k], TASKER_OK);
    assert_int_equal(COUNTED(f, named_step, .dependent_system_uuid = &r.system), 20);
}

/* ---- step settings ---- */

static void test_change_settings(void **state)
{
    tasker_db *db = ((fixture *)*state)->db;
    tasker_named_tasks_named_step_input input = {.named_task_uuid = make_named_task(db),
                                                 .named_step_uuid = make_named_step(db)};
    const tasker_named_tasks_named_step *row = NULL, *changed = NULL;
    assert_status(db, tasker_named_tasks_named_step_create(db, &input, &row), TASKER_OK);
    const tasker_uuid *key = &row->ntns_uuid;
    tasker_named_tasks_named_step_input change = {TASKER_SET(skippable, true), TASKER_SET(default_retry_limit, 7)};
    assert_status(db, tasker_named_tasks_named_step_update(db, key, &change, &changed), TASKER_OK);
    assert_true(changed->skippable && changed->default_retryable && changed->default_retry_limit == 7);
    assert_uuid(changed->named_step_uuid, input.named_step_uuid);
    tasker_free(changed);
    change = (tasker_named_tasks_named_step_input){.named_step_uuid = make_named_step(db),
                                                   TASKER_SET(default_retryable, false)};
    assert_status(db, tasker_named_tasks_named_step_update(db, key, &change, &changed), TASKER_OK);
    assert_true(changed->skippable && !changed->default_retryable && changed->default_retry_limit == 7);
    assert_uuid(changed->named_step_uuid, change.named_step_uuid);
    tasker_free(changed);
    assert_status(db, tasker_named_tasks_named_step_create(db, &input, NULL), TASKER_OK);
    assert_status(db, tasker_named_tasks_named_step_update(db, key, &input, &changed), TASKER_DUPLICATE);
    assert_constraint(db, "tasker_named_tasks_named_steps_unique");
    change = (tasker_named_tasks_named_step_input){TASKER_SET(default_retry_limit, -1)};
    assert_status(db, tasker_named_tasks_named_step_update(db, key, &change, &changed), TASKER_INVALID_ARGUMENT);
    assert_null(changed);
    assert_status(db, tasker_named_tasks_named_step_delete(db, key), TASKER_OK);
    assert_status(db, tasker_named_tasks_named_step_delete(db, key), TASKER_NOT_FOUND);
    assert_status(db, tasker_named_tasks_named_step_update(db, key, &input, &changed), TASKER_NOT_FOUND);
    tasker_free(row);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_update_named_task),
        cmocka_unit_test(test_delete_named_task),
        cmocka_unit_test(test_one_version_of_a_name),
        cmocka_unit_test(test_update_named_step),
        cmocka_unit_test(test_delete_named_step),
        cmocka_unit_test(test_create_many_named_steps),
        cmocka_unit_test(test_create_many_is_one_or_none),
        cmocka_unit_test(test_create_many_sent_again),
        cmocka_unit_test(test_change_settings),
    };
    return db_test_run(tests);
}
