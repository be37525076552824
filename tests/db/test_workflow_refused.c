/* SPDX-License-Identifier: MIT */
/* tasker_workflow_create: registered types, overrides, what is refused, transactions, and many callers at once. */
#include "flow_test.h"

static const tasker_step_definition steps[] = {{.name = TASKER_TEXT("a")}, {.name = TASKER_TEXT("b")}};
static const tasker_edge_definition edges[] = {{.from = 0, .to = 1}};

/* A type of its own: a, then b. */
static tasker_definition new_type(void)
{
    return (tasker_definition){.namespace_name = T(new_name("ns")),
                               .name = T(new_name("type")),
                               .steps = steps,
                               .step_count = 2,
                               .edges = edges,
                               .edge_count = 1};
}

static long rows(PGconn *conn)
{
    return ask_number(conn, "SELECT (SELECT count(*) FROM tasker_tasks) + (SELECT count(*) FROM tasker_workflow_steps)"
                            " + (SELECT count(*) FROM tasker_workflow_step_edges)"
                            " + (SELECT count(*) FROM tasker_task_transitions)"
                            " + (SELECT count(*) FROM tasker_workflow_step_transitions)"
                            " + (SELECT count(*) FROM tasker_task_namespaces)"
                            " + (SELECT count(*) FROM tasker_dependent_systems)"
                            " + (SELECT count(*) FROM tasker_named_tasks) + (SELECT count(*) FROM tasker_named_steps)"
                            " + (SELECT count(*) FROM tasker_named_tasks_named_steps)");
}

/* Refused with this status; nothing is written, and a transaction around it goes on. */
static void assert_refused(const fixture *f, const tasker_workflow_input *input, tasker_status status,
                           const char *message)
{
    PGconn *conn = tasker_db_conn(f->db);
    long before = rows(conn);
    assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
    const tasker_workflow_ids *ids = (const void *)f;
    assert_status(f->db, tasker_workflow_create(f->db, input, &ids), status);
    assert_null(ids);
    assert_message(f->db, message);
    assert_int_equal(rows(conn), before);
    assert_status(f->db, tasker_db_commit(f->db), TASKER_OK);
    assert_status(f->db, tasker_workflow_create(f->db, input, NULL), status);
    assert_int_equal(rows(conn), before);
}

/* ---- registered types ---- */

static void test_registered(void **state)
{
    fixture *f = *state;
    tasker_definition type = new_type();
    tasker_workflow_input input = {.definition = &type, .registered = true};
    assert_refused(f, &input, TASKER_NOT_FOUND, type.name.ptr);
    const tasker_named_task *named_task = NULL;
    assert_status(f->db, tasker_definition_register(f->db, &type, &named_task), TASKER_OK);
    tasker_free(named_task);
    assert_status(f->db, tasker_workflow_create(f->db, &input, NULL), TASKER_OK);

    static const tasker_step_definition more[] = {
        {.name = TASKER_TEXT("a")}, {.name = TASKER_TEXT("b")}, {.name = TASKER_TEXT("newcomer")}};
    type.steps = more;
    type.step_count = 3;
    assert_refused(f, &input, TASKER_NOT_FOUND, "newcomer");
    type.step_count = 2;
    type.version = tasker_text_of("9.9.9");
    assert_refused(f, &input, TASKER_NOT_FOUND, "9.9.9");
}

/* Without the flag the missing step is added to the type. */
static void test_types_grow(void **state)
{
    fixture *f = *state;
    tasker_definition type = new_type();
    type.step_count = 1;
    type.edge_count = 0;
    tasker_workflow_input input = {.definition = &type};
    for (size_t i = 1; i <= 2; i++) {
        type.step_count = i;
        assert_status(f->db, tasker_workflow_create(f->db, &input, NULL), TASKER_OK);
        assert_int_equal(ask_number(tasker_db_conn(f->db),
                                    "SELECT count(*) FROM tasker_named_tasks_named_steps JOIN tasker_named_tasks t"
                                    " USING (named_task_uuid) WHERE t.name = '%s'",
                                    type.name.ptr),
                         i);
    }
}

/* ---- overrides ---- */

static void test_overrides(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    tasker_definition type = new_type();
    const tasker_step_definition overrides[] = {{.name = TASKER_TEXT("b"),
                                                 .has_retry_limit = true,
                                                 .retry_limit = 9,
                                                 .has_retryable = true,
                                                 .retryable = false,
                                                 .has_skippable = true,
                                                 .skippable = true,
                                                 .inputs = TASKER_JSON("{\"mine\": 1}")}};
    tasker_workflow_input input = {.definition = &type, .overrides = overrides, .override_count = 1};
    const tasker_workflow_ids *ids = NULL;
    assert_status(f->db, tasker_workflow_create(f->db, &input, &ids), TASKER_OK);
    static const char *const settings = "concat_ws('|', retryable, retry_limit, skippable, inputs)";
    assert_string_equal(ask(conn, "SELECT %s FROM tasker_workflow_steps WHERE workflow_step_uuid = '%s'", settings,
                            text_of(ids->workflow_step_uuids[0])),
                        "t|3|f");
    assert_string_equal(ask(conn, "SELECT %s FROM tasker_workflow_steps WHERE workflow_step_uuid = '%s'", settings,
                            text_of(ids->workflow_step_uuids[1])),
                        "f|9|t|{\"mine\": 1}");
    assert_int_equal(ask_number(conn,
                                "SELECT max(default_retry_limit) FROM tasker_named_tasks_named_steps"
                                " JOIN tasker_tasks USING (named_task_uuid) WHERE task_uuid = '%s'",
                                text_of(ids->task_uuid)),
                     3); /* the type keeps its own */
    tasker_free(ids);
}

static void test_bad_overrides(void **state)
{
    fixture *f = *state;
    tasker_definition type = new_type();
    const struct {
        tasker_step_definition override;
        tasker_status status;
        const char *message;
    } bad[] = {
        {{.name = TASKER_TEXT("stranger")}, TASKER_UNKNOWN_STEP, "stranger"},
        {{.name = {NULL, 0}}, TASKER_INVALID_ARGUMENT, ""},
        {{.name = TASKER_TEXT("b"), .has_retry_limit = true, .retry_limit = -1}, TASKER_INVALID_ARGUMENT, "b"},
        {{.name = TASKER_TEXT("b"), .inputs = TASKER_JSON("[]")}, TASKER_INVALID_ARGUMENT, "b"},
        {{.name = TASKER_TEXT("b"), .inputs = TASKER_JSON("{")}, TASKER_INVALID_ARGUMENT, "b"},
        {{.name = TASKER_TEXT("b"), .reserved = {0, 0, 0, 1}}, TASKER_UNSUPPORTED, "reserved"},
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        tasker_workflow_input input = {.definition = &type, .overrides = &bad[i].override, .override_count = 1};
        assert_refused(f, &input, bad[i].status, bad[i].message);
    }
    tasker_workflow_input input = {.definition = &type, .override_count = 1};
    assert_refused(f, &input, TASKER_INVALID_ARGUMENT, "");
}

/* ---- refusals ---- */

static void test_bad_input(void **state)
{
    fixture *f = *state;
    tasker_definition type = new_type(), loop = type;
    static const tasker_edge_definition circle[] = {{.from = 0, .to = 1}, {.from = 1, .to = 0}};
    loop.edges = circle;
    loop.edge_count = 2;
    const struct {
        tasker_workflow_input input;
        tasker_status status;
        const char *message;
    } bad[] = {
        {{.definition = &type, .task = {.context = TASKER_JSON("{\"a\":}")}}, TASKER_INVALID_ARGUMENT, "context"},
        {{.definition = &type, .task = {.context = TASKER_JSON("[1]")}}, TASKER_INVALID_ARGUMENT, "context"},
        {{.definition = &type, .task = {.context = TASKER_JSON("{\"a\": \"\\u0000\"}")}},
         TASKER_INVALID_ARGUMENT,
         "context"},
        {{.definition = &type, .task = {.tags = TASKER_JSON("1")}}, TASKER_INVALID_ARGUMENT, "tags"},
        {{.definition = &type, .task = {.bypass_steps = TASKER_JSON("{}")}}, TASKER_INVALID_ARGUMENT, "bypass_steps"},
        {{.definition = &type, .task = {.initiator = text_of_length(129)}}, TASKER_TOO_LONG, "initiator"},
        {{.definition = &type, .task = {.name = TASKER_TEXT("x")}}, TASKER_INVALID_ARGUMENT, ""},
        {{.definition = &type, .task = {.version = TASKER_TEXT("x")}}, TASKER_INVALID_ARGUMENT, ""},
        {{.definition = &type, .task = {.namespace_name = TASKER_TEXT("x")}}, TASKER_INVALID_ARGUMENT, ""},
        {{.definition = &type, .task = {.named_task_uuid = new_uuid()}}, TASKER_INVALID_ARGUMENT, ""},
        {{.definition = &type, .task = {.has_claim_timeout_seconds = true}}, TASKER_INVALID_ARGUMENT, "claim_timeout"},
        {{.definition = NULL}, TASKER_INVALID_ARGUMENT, "definition"},
        {{.definition = &loop}, TASKER_CYCLE, "a"},
        {{.definition = &type, .reserved = {1}}, TASKER_UNSUPPORTED, "reserved"},
        {{.definition = &type, .task = {.reserved = {1}}}, TASKER_UNSUPPORTED, "reserved"},
    };
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_refused(f, &bad[i].input, bad[i].status, bad[i].message);
    assert_refused(f, NULL, TASKER_INVALID_ARGUMENT, "");
}

/* The handle's limits, not the defaults, decide. */
static void test_limits_of_the_handle(void **state)
{
    fixture *f = *state;
    tasker_definition type = new_type();
    tasker_workflow_input input = {.definition = &type};
    const struct {
        tasker_limits limits;
        tasker_status status;
    } cases[] = {{{.steps = 1}, TASKER_LIMIT_EXCEEDED},
                 {{.depth = 1}, TASKER_LIMIT_EXCEEDED},
                 {{.steps = 2, .depth = 2}, TASKER_OK}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        tasker_db_options options = {.limits = cases[i].limits};
        tasker_db *db = db_test_open_with(f, &options);
        assert_status(db, tasker_workflow_create(db, &input, NULL), cases[i].status);
        tasker_db_close(db);
    }
}

/* ---- transactions ---- */

static void test_rollback_leaves_nothing(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    tasker_definition type = new_type();
    tasker_workflow_input input = {.definition = &type};
    long before = rows(conn);
    assert_status(f->db, tasker_db_begin(f->db, NULL), TASKER_OK);
    assert_status(f->db, tasker_workflow_create(f->db, &input, NULL), TASKER_OK);
    assert_status(f->db, tasker_workflow_create(f->db, &input, NULL), TASKER_OK);
    assert_true(rows(conn) > before);
    assert_status(f->db, tasker_db_rollback(f->db), TASKER_OK);
    assert_int_equal(rows(conn), before);
    assert_status(f->db, tasker_workflow_create(f->db, &input, NULL), TASKER_OK);
}

static void test_load(void **state)
{
    fixture *f = *state;
    made_flow flow = make_flow(f->db, "abcd", "ab ac bd cd");
    const tasker_workflow *workflow = NULL;
    tasker_uuid unknown = new_uuid();
    assert_status(f->db, tasker_workflow_load(f->db, &unknown, &workflow), TASKER_NOT_FOUND);
    assert_null(workflow);
    bring_step(f->db, FLOW_STEP(flow, 'a'), TASKER_STATE_COMPLETE);
    assert_status(f->db, tasker_workflow_load(f->db, &flow.task_uuid, &workflow), TASKER_OK);
    tasker_free(workflow->details); /* not by itself: it goes with the whole */
    tasker_free(workflow->steps[0]);
    assert_uuid(workflow->details->task->task_uuid, flow.task_uuid);
    assert_int_equal(workflow->details->state, TASKER_STATE_IN_PROGRESS);
    assert_int_equal(workflow->step_count, 4);
    assert_int_equal(workflow->edge_count, 4);
    for (size_t i = 0; i < 4; i++) {
        const tasker_workflow_step_details *step = workflow->steps[i];
        assert_true(i == 0 || tasker_uuid_compare(&workflow->steps[i - 1]->step->workflow_step_uuid,
                                                  &step->step->workflow_step_uuid) < 0);
        assert_uuid(step->step->workflow_step_uuid, flow.steps[step->name.ptr[0] - 'a']);
        assert_int_equal(step->state, i == 0 ? TASKER_STATE_COMPLETE : TASKER_STATE_PENDING);
    }
    tasker_free(workflow);
}

/* ---- many at once ---- */

static tasker_status create_one(tasker_db *db, int i, void *context)
{
    (void)i;
    tasker_workflow_input input = {.definition = context};
    return tasker_workflow_create(db, &input, NULL);
}

/* Eight callers meet a type that is not there yet: one set of registry rows, eight workflows, no error. */
static void test_race_for_a_new_type(void **state)
{
    fixture *f = *state;
    PGconn *conn = tasker_db_conn(f->db);
    for (int round = 0; round < 5; round++) {
        tasker_definition type = new_type();
        tasker_status statuses[RACERS];
        race(f, create_one, &type, statuses);
        for (int i = 0; i < RACERS; i++)
            assert_int_equal(statuses[i], TASKER_OK);
        assert_string_equal(ask(conn,
                                "SELECT concat_ws(' ', count(DISTINCT named_task_uuid), count(DISTINCT ntns_uuid),"
                                " count(DISTINCT task_uuid)) FROM tasker_named_tasks t JOIN tasker_tasks"
                                " USING (named_task_uuid) JOIN tasker_named_tasks_named_steps USING (named_task_uuid)"
                                " WHERE name = '%s'",
                                type.name.ptr),
                            "1 2 8");
    }
}

static tasker_status create_fifty(tasker_db *db, int i, void *context)
{
    tasker_status status = TASKER_OK;
    for (int k = 0; k < 50 && status == TASKER_OK; k++)
        status = create_one(db, i, context);
    return status;
}

static void test_race_of_many(void **state)
{
    fixture *f = *state;
    tasker_definition type = new_type();
    tasker_status statuses[RACERS];
    race(f, create_fifty, &type, statuses);
    for (int i = 0; i < RACERS; i++)
        assert_int_equal(statuses[i], TASKER_OK);
    assert_string_equal(ask(tasker_db_conn(f->db),
                            "SELECT concat_ws(' ', count(DISTINCT task_uuid), count(*)) FROM tasker_named_tasks t"
                            " JOIN tasker_tasks USING (named_task_uuid) JOIN tasker_workflow_steps USING (task_uuid)"
                            " WHERE t.name = '%s'",
                            type.name.ptr),
                        "400 800");
}

/* The same key from eight callers: one workflow; the others find it. */
static tasker_status create_same(tasker_db *db, int i, void *context)
{
    (void)i;
    const tasker_workflow_input *input = context;
    return tasker_workflow_create(db, input, NULL);
}

static void test_race_for_one_key(void **state)
{
    fixture *f = *state;
    for (int round = 0; round < 5; round++) {
        tasker_definition type = new_type();
        tasker_workflow_input input = {.definition = &type, .task = {.task_uuid = new_uuid()}};
        tasker_status statuses[RACERS];
        race(f, create_same, &input, statuses);
        for (int i = 0; i < RACERS; i++)
            assert_int_equal(statuses[i], TASKER_OK);
        assert_int_equal(ask_number(tasker_db_conn(f->db),
                                    "SELECT count(*) FROM tasker_workflow_steps WHERE task_uuid = '%s'",
                                    text_of(input.task.task_uuid)),
                         2);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_registered),
        cmocka_unit_test(test_types_grow),
        cmocka_unit_test(test_overrides),
        cmocka_unit_test(test_bad_overrides),
        cmocka_unit_test(test_bad_input),
        cmocka_unit_test(test_limits_of_the_handle),
        cmocka_unit_test(test_rollback_leaves_nothing),
        cmocka_unit_test(test_load),
        cmocka_unit_test(test_race_for_a_new_type),
        cmocka_unit_test(test_race_of_many),
        cmocka_unit_test(test_race_for_one_key),
    };
    return db_test_run(tests);
}
