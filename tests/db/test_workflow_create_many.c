/* SPDX-License-Identifier: MIT */
#include "flow_test.h"
#include <pthread.h>

static const tasker_step_definition steps[] = {
    {.name = TASKER_TEXT("last")}, {.name = TASKER_TEXT("first")}, {.name = TASKER_TEXT("middle")}};
static const tasker_edge_definition edges[] = {{.from = 1, .to = 2}, {.from = 2, .to = 0}};

static tasker_definition chain(const char *name)
{
    return (tasker_definition){
        .name = T(name), .steps = steps, .step_count = COUNT(steps), .edges = edges, .edge_count = COUNT(edges)};
}

/* How many rows there are of what a workflow consists of. */
static long rows(const fixture *f)
{
    return db_test_count(f, "SELECT (SELECT count(*) FROM tasker_tasks) + (SELECT count(*) FROM tasker_workflow_steps)"
                            " + (SELECT count(*) FROM tasker_workflow_step_edges)"
                            " + (SELECT count(*) FROM tasker_task_transitions)"
                            " + (SELECT count(*) FROM tasker_workflow_step_transitions)");
}

static void assert_chain(tasker_db *db, const tasker_workflow_ids *ids, const char *name)
{
    const tasker_workflow *workflow = NULL;
    assert_status(db, tasker_workflow_load(db, &ids->task_uuid, &workflow), TASKER_OK);
    assert_text(workflow->details->name, name);
    assert_int_equal(workflow->details->state, TASKER_STATE_PENDING);
    assert_int_equal(workflow->step_count, 3);
    assert_int_equal(workflow->edge_count, 2);
    for (size_t i = 0; i < 3; i++) {
        const tasker_workflow_step_details *step = workflow->steps[i];
        size_t k = 0;
        while (k < 3 && !tasker_uuid_equal(&ids->workflow_step_uuids[k], &step->step->workflow_step_uuid))
            k++;
        assert_true(k < 3);
        assert_text(step->name, steps[k].name.ptr);
        assert_int_equal(step->state, TASKER_STATE_PENDING);
    }
    for (size_t i = 0; i < 2; i++) {
        const tasker_workflow_step_edge *edge = workflow->edges[i];
        size_t k = tasker_uuid_equal(&edge->to_step_uuid, &ids->workflow_step_uuids[2]) ? 0 : 1;
        assert_uuid(edge->from_step_uuid, ids->workflow_step_uuids[edges[k].from]);
        assert_uuid(edge->to_step_uuid, ids->workflow_step_uuids[edges[k].to]);
    }
    tasker_free(workflow);
}

static void test_many(void **state)
{
    fixture *f = *state;
    const char *names[] = {new_name("one"), new_name("two")};
    tasker_definition one = chain(names[0]), two = chain(names[1]), bare = {.name = T(new_name("bare"))};
    tasker_workflow_input inputs[40] = {{0}};
    const tasker_workflow_ids_list *made = NULL, *again = NULL;
    for (size_t i = 0; i < 40; i++)
        inputs[i].definition = i % 7 == 3 ? &bare : i < 20 ? &one : &two;
    inputs[5].task = (tasker_task_input){.context = TASKER_JSON("{\"n\": 5}"),
                                         .tags = TASKER_JSON("[1]"),
                                         .bypass_steps = TASKER_JSON("[ \"a\" ]"),
                                         .initiator = TASKER_TEXT("me"),
                                         TASKER_SET(priority, 3),
                                         .has_requested_at = true,
                                         .requested_at = {5000000}};
    assert_status(f->db, tasker_workflow_create_many(f->db, inputs, 40, &made), TASKER_OK);
    assert_int_equal(made->count, 40);
    for (size_t i = 0; i < 40; i++) {
        assert_false(made->items[i]->existed);
        assert_int_equal(made->items[i]->step_count, i % 7 == 3 ? 0 : 3);
        if (i % 7 != 3)
            assert_chain(f->db, made->items[i], names[i < 20 ? 0 : 1]);
        inputs[i].task.task_uuid = made->items[i]->task_uuid;
    }
    const tasker_task *task = NULL;
    assert_status(f->db, tasker_task_get(f->db, &made->items[5]->task_uuid, &task), TASKER_OK);
    assert_string_equal(task->context.ptr, "{\"n\": 5}");
    assert_string_equal(task->tags.ptr, "[1]");
    assert_string_equal(task->bypass_steps.ptr, "[ \"a\" ]");
    assert_text(task->initiator, "me");
    assert_int_equal(task->priority, 3);
    assert_int_equal(task->claim_timeout_seconds, 60);
    assert_int_equal(task->requested_at.us, 5000000);
    tasker_free(task);

    long before = rows(f); /* a resend: nothing new, the same answer */
    assert_status(f->db, tasker_workflow_create_many(f->db, inputs, 40, &again), TASKER_OK);
    assert_int_equal(rows(f), before);
    for (size_t i = 0; i < 40; i++) {
        assert_true(again->items[i]->existed);
        assert_uuid(again->items[i]->task_uuid, made->items[i]->task_uuid);
        for (size_t k = 0; k < made->items[i]->step_count; k++)
            assert_uuid(again->items[i]->workflow_step_uuids[k], made->items[i]->workflow_step_uuids[k]);
    }
    tasker_free(made);
    tasker_free(again);
}

static void test_none(void **state)
{
    fixture *f = *state;
    const tasker_workflow_ids_list *made = NULL;
    assert_status(f->db, tasker_workflow_create_many(f->db, NULL, 0, &made), TASKER_OK);
    assert_int_equal(made->count, 0);
    tasker_free(made);
}

/* Nothing is stored of any of them, the first in the way is named, and a transaction goes on. */
static void assert_refused(fixture *f, const tasker_workflow_input *inputs, size_t count, tasker_status expected,
                           int64_t item, const char *message)
{
    const tasker_workflow_ids_list *made = (const void *)f;
    long before = rows(f);
    assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
    assert_status(f->db, tasker_workflow_create_many(f->db, inputs, count, &made), expected);
    assert_null(made);
    assert_int_equal(tasker_db_error(f->db)->item, item);
    assert_message(f->db, message);
    assert_status(f->db, tasker_db_commit(f->db), TASKER_OK);
    assert_int_equal(rows(f), before);
}

static void test_refused(void **state)
{
    fixture *f = *state;
    tasker_definition good = chain(new_name("good")), cycle = chain(new_name("cycle")), other = chain(new_name("no"));
    static const tasker_edge_definition round[] = {{.from = 0, .to = 1}, {.from = 1, .to = 0}};
    cycle.edges = round;
    tasker_uuid taken = make_task(f->db);
#define AMONG(...) ((tasker_workflow_input[]){{.definition = &good}, {.definition = &good}, {__VA_ARGS__}})
    assert_refused(f, AMONG(.definition = &cycle), 3, TASKER_CYCLE, 2, "");
    assert_refused(f, AMONG(.definition = NULL), 3, TASKER_INVALID_ARGUMENT, 2, "");
    assert_refused(f, AMONG(.definition = &good, .reserved = {1}), 3, TASKER_UNSUPPORTED, 2, "reserved");
    assert_refused(f, AMONG(.definition = &good, .task = {.task_uuid = taken}), 3, TASKER_DUPLICATE, 2, "task_uuid");
    assert_refused(f, AMONG(.definition = &good, .task = {.context = TASKER_JSON("[]")}), 3, TASKER_INVALID_ARGUMENT, 2,
                   "context");
    assert_refused(f, AMONG(.definition = &good, .task = {.identity = TASKER_IDENTITY_STRICT}), 3, TASKER_UNSUPPORTED,
                   2, "identity");
    assert_refused(f, AMONG(.definition = &other, .registered = true), 3, TASKER_NOT_FOUND, 2, "type");
    tasker_uuid key = new_uuid();
    tasker_workflow_input twice[] = {{.definition = &good, .task = {.task_uuid = key}},
                                     {.definition = &good, .task = {.task_uuid = key}}};
    assert_refused(f, twice, 2, TASKER_DUPLICATE, 1, "task_uuid");
    assert_refused(f, twice, SIZE_MAX, TASKER_LIMIT_EXCEEDED, -1, "rows");
    assert_refused(f, NULL, 2, TASKER_INVALID_ARGUMENT, -1, "required");
    tasker_step_definition unknown = {.name = TASKER_TEXT("unknown to the registry")};
    tasker_definition grown = good; /* the type is there, one of its steps is not */
    grown.steps = &unknown;
    grown.step_count = 1;
    grown.edge_count = 0;
    assert_refused(f, AMONG(.definition = &grown, .registered = true), 3, TASKER_NOT_FOUND, 2, "steps");
}

/* Keys that are stored, but for other workflows. */
static void test_resend_of_others(void **state)
{
    fixture *f = *state;
    tasker_definition one = chain(new_name("one")), bare = {.name = T(new_name("bare"))};
    tasker_workflow_input inputs[] = {{.definition = &one}, {.definition = &one}};
    const tasker_workflow_ids_list *made = NULL;
    assert_status(f->db, tasker_workflow_create_many(f->db, inputs, 2, &made), TASKER_OK);
    for (size_t i = 0; i < 2; i++)
        inputs[i].task.task_uuid = made->items[i]->task_uuid;
    tasker_free(made);
    inputs[1].definition = &bare;
    assert_refused(f, inputs, 2, TASKER_DUPLICATE, 1, "taken by a workflow");
    tasker_workflow_input three[] = {inputs[0], {.definition = &one}, {.definition = &one}};
    assert_refused(f, three, 3, TASKER_DUPLICATE, 0, "task_uuid");
}

/* The first sending is still under way when the same call comes again, as after a lost link. */
typedef struct resend {
    tasker_db *db;
    const tasker_workflow_input *inputs;
    tasker_status status;
    bool existed;
} resend;

static void *run_resend(void *argument)
{
    resend *r = argument;
    const tasker_workflow_ids_list *ids = NULL;
    r->status = tasker_workflow_create_many(r->db, r->inputs, 2, &ids);
    r->existed = ids != NULL && ids->items[0]->existed && ids->items[1]->existed;
    tasker_free(ids);
    return NULL;
}

static void test_resend_before_the_end(void **state)
{
    fixture *f = *state;
    tasker_definition one = chain(new_name("one"));
    tasker_workflow_input inputs[] = {{.definition = &one, .task.task_uuid = new_uuid()},
                                      {.definition = &one, .task.task_uuid = new_uuid()}};
    resend r = {.db = db_test_open(f), .inputs = inputs};
    pthread_t thread;
    assert_status(f->db, tasker_definition_register(f->db, &one, NULL), TASKER_OK);
    assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
    assert_status(f->db, tasker_workflow_create_many(f->db, inputs, 2, NULL), TASKER_OK);
    assert_int_equal(pthread_create(&thread, NULL, run_resend, &r), 0);
    wait_for_lock(f, tasker_db_session(r.db)->backend_pid);
    assert_status(f->db, tasker_db_commit(f->db), TASKER_OK);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_status(r.db, r.status, TASKER_OK);
    assert_true(r.existed);
    tasker_db_close(r.db);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_none),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_resend_of_others),
        cmocka_unit_test(test_resend_before_the_end),
    };
    return db_test_run(tests);
}
