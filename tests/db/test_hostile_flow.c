/* SPDX-License-Identifier: MIT */
/* Texts and JSON of definitions, workflows, changes of state, leases and patches. A new one is one line of a table. */
#include "hostile_test.h"

/* Both ends of a table's line: the store function and the parameter. */
#define STORE(id, ...)                                                                                                 \
    static tasker_status id(stage *s, const parameter *p, const tasker_uuid *key, tasker_text text)                    \
    {                                                                                                                  \
        (void)p;                                                                                                       \
        __VA_ARGS__                                                                                                    \
    }
#define JSON_OF(text) ((tasker_json){(text).ptr, (text).len})

static void check_all(stage *s, const parameter *parameters, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (parameters[i].shape != TASKER_JSON_SHAPE_ANY)
            check_json_parameter(s, &parameters[i]);
        else
            check_text_parameter(s, &parameters[i]);
}

/* ---- definitions: what is not the text in question is named like the key ---- */

static tasker_uuid a_key(stage *s, const parameter *p)
{
    (void)s;
    (void)p;
    return new_uuid();
}

typedef struct made {
    char name[TASKER_UUID_TEXT_SIZE];
    tasker_step_definition steps[2], override;
    tasker_edge_definition edge;
    tasker_definition definition;
    tasker_workflow_input input;
} made;

static made *made_of(const tasker_uuid *key)
{
    static made m;
    m = (made){.edge = {.from = 0, .to = 1}};
    tasker_text name = T(tasker_uuid_format(key, m.name));
    m.steps[0].name = name;
    m.steps[1] = (tasker_step_definition){.name = TASKER_TEXT("second"), .dependent_system = TASKER_TEXT("second")};
    m.override.name = name;
    m.definition = (tasker_definition){.namespace_name = name,
                                       .name = name,
                                       .dependent_system = name,
                                       .steps = m.steps,
                                       .step_count = 2,
                                       .edges = &m.edge,
                                       .edge_count = 1};
    m.input = (tasker_workflow_input){.definition = &m.definition, .overrides = &m.override, .override_count = 1};
    m.input.task.task_uuid = *key;
    return &m;
}

static tasker_status run_register(stage *s, made *m)
{
    return tasker_definition_register(s->db, &m->definition, NULL);
}

static tasker_status run_create(stage *s, made *m)
{
    if (m->steps[0].name.ptr != m->name) /* then there is no such step */
        m->input.override_count = 0;
    return tasker_workflow_create(s->db, &m->input, NULL);
}

#define TASKS " FROM tasker_named_tasks nt JOIN tasker_task_namespaces ns USING (task_namespace_uuid) WHERE "
#define STEPS " FROM tasker_named_steps np JOIN tasker_dependent_systems ds USING (dependent_system_uuid) WHERE "
#define OF_TASK " FROM tasker_tasks WHERE task_uuid = $1"
#define OF_STEP " FROM tasker_workflow_steps s " STEPS_OF_TASK
#define STEPS_OF_TASK                                                                                                  \
    "JOIN tasker_named_steps np USING (named_step_uuid) WHERE s.task_uuid = $1 AND np.name <> 'second'"
#define ARGUMENTS_OF_EDGE                                                                                              \
    " FROM tasker_workflow_step_edges e JOIN tasker_workflow_steps s ON s.workflow_step_uuid = e.to_step_uuid"         \
    " WHERE s.task_uuid = $1"

/* id, the member, characters, when absent, the statement that reads it */
#define DEFINITION_TEXTS(X, verb)                                                                                      \
    X(verb, namespace_name, definition.namespace_name, 64, ABSENT_IS_DEFAULT, "SELECT ns.name" TASKS "nt.name = $1")   \
    X(verb, name, definition.name, 64, ABSENT_IS_REFUSED, "SELECT nt.name" TASKS "ns.name = $1")                       \
    X(verb, version, definition.version, 16, ABSENT_IS_DEFAULT, "SELECT nt.version" TASKS "ns.name = $1")              \
    X(verb, system, definition.dependent_system, 64, ABSENT_IS_DEFAULT, "SELECT ds.name" STEPS "np.name = $1")         \
    X(verb, step_name, steps[0].name, 128, ABSENT_IS_REFUSED, "SELECT np.name" STEPS "ds.name = $1")                   \
    X(verb, step_system, steps[0].dependent_system, 64, ABSENT_IS_DEFAULT, "SELECT ds.name" STEPS "np.name = $1")
#define DESCRIPTIONS(X, verb)                                                                                          \
    X(verb, description, definition.description, 255, ABSENT_IS_NULL, "SELECT nt.description" TASKS "ns.name = $1")    \
    X(verb, step_description, steps[0].description, 255, ABSENT_IS_NULL, "SELECT np.description" STEPS "np.name = $1")
#define CREATED_TEXTS(X, verb)                                                                                         \
    X(verb, initiator, input.task.initiator, 128, ABSENT_IS_NULL, "SELECT initiator" OF_TASK)                          \
    X(verb, source_system, input.task.source_system, 128, ABSENT_IS_NULL, "SELECT source_system" OF_TASK)              \
    X(verb, reason, input.task.reason, 128, ABSENT_IS_NULL, "SELECT reason" OF_TASK)                                   \
    X(verb, reference_id, input.task.reference_id, 255, ABSENT_IS_NULL, "SELECT reference_id" OF_TASK)
#define CREATED_NAMES(X, verb)                                                                                         \
    X(verb, edge_name, edge.name, 255, ABSENT_IS_DEFAULT, "SELECT e.name" ARGUMENTS_OF_EDGE)                           \
    X(verb, own_system, override.dependent_system, 64, ABSENT_IS_DEFAULT, "SELECT ds.name" STEPS "np.name = $1")
#define DEFINITION_DOCUMENTS(X, verb)                                                                                  \
    X(verb, configuration, definition.configuration, OBJECT, ABSENT_IS_DEFAULT,                                        \
      "SELECT nt.configuration" TASKS "ns.name = $1")
#define CREATED_DOCUMENTS(X, verb)                                                                                     \
    X(verb, inputs, steps[0].inputs, OBJECT, ABSENT_IS_NULL, "SELECT s.inputs" OF_STEP)                                \
    X(verb, own_inputs, override.inputs, OBJECT, ABSENT_IS_DEFAULT, "SELECT s.inputs" OF_STEP)                         \
    X(verb, context, input.task.context, OBJECT, ABSENT_IS_NULL, "SELECT context" OF_TASK)                             \
    X(verb, tags, input.task.tags, CONTAINER, ABSENT_IS_NULL, "SELECT tags" OF_TASK)                                   \
    X(verb, bypass_steps, input.task.bypass_steps, ARRAY, ABSENT_IS_NULL, "SELECT bypass_steps" OF_TASK)

#define STORE_MEMBER(verb, id, member, limit, absent, sql)                                                             \
    STORE(verb##_##id, made *m = made_of(key); m->member.ptr = text.ptr; m->member.len = text.len;                     \
          return run_##verb(s, m);)
#define A_TEXT(verb, id, member, most, when, sql)                                                                      \
    {.name = #verb " " #member, .limit = (most), .absent = when, .prepare = a_key, .store = verb##_##id, .stored = sql},
#define A_NAME(verb, id, member, most, when, sql)                                                                      \
    {.name = #verb " " #member,                                                                                        \
     .limit = (most),                                                                                                  \
     .absent = when,                                                                                                   \
     .no_empty = true,                                                                                                 \
     .prepare = a_key,                                                                                                 \
     .store = verb##_##id,                                                                                             \
     .stored = sql},
#define A_DOCUMENT(verb, id, member, of_shape, when, sql)                                                              \
    {.name = #verb " " #member,                                                                                        \
     .shape = TASKER_JSON_SHAPE_##of_shape,                                                                            \
     .absent = when,                                                                                                   \
     .prepare = a_key,                                                                                                 \
     .store = verb##_##id,                                                                                             \
     .stored = sql},

DEFINITION_TEXTS(STORE_MEMBER, register)
DESCRIPTIONS(STORE_MEMBER, register)
DEFINITION_DOCUMENTS(STORE_MEMBER, register)
DEFINITION_TEXTS(STORE_MEMBER, create)
DESCRIPTIONS(STORE_MEMBER, create)
CREATED_TEXTS(STORE_MEMBER, create)
CREATED_NAMES(STORE_MEMBER, create)
DEFINITION_DOCUMENTS(STORE_MEMBER, create)
CREATED_DOCUMENTS(STORE_MEMBER, create)

static const parameter definitions[] = {DEFINITION_TEXTS(A_NAME, register) DESCRIPTIONS(A_TEXT, register)
                                            DEFINITION_DOCUMENTS(A_DOCUMENT, register)};
static const parameter workflows[] = {
    DEFINITION_TEXTS(A_NAME, create) DESCRIPTIONS(A_TEXT, create) CREATED_TEXTS(A_TEXT, create)
        CREATED_NAMES(A_NAME, create) DEFINITION_DOCUMENTS(A_DOCUMENT, create) CREATED_DOCUMENTS(A_DOCUMENT, create)};

static void test_definitions(void **state)
{
    check_all(stage_of(state), definitions, COUNT(definitions));
}

static void test_workflows(void **state)
{
    check_all(stage_of(state), workflows, COUNT(workflows));
}

/* ---- changes of state ---- */

static tasker_uuid a_task(stage *s, const parameter *p)
{
    tasker_task_input input = {.task_uuid = new_uuid(), .named_task_uuid = s->named_task_uuid};
    (void)p;
    assert_status(s->db, tasker_task_create(s->db, &input, NULL), TASKER_OK);
    return input.task_uuid;
}

static tasker_uuid a_step(stage *s, const parameter *p)
{
    tasker_workflow_step_input input = {.workflow_step_uuid = new_uuid(), .task_uuid = s->flow.task_uuid};
    (void)p;
    input.named_step_uuid = s->named_step_uuid;
    assert_status(s->db, tasker_workflow_step_create(s->db, &input, NULL), TASKER_OK);
    return input.workflow_step_uuid;
}

static tasker_lease lease; /* of the step that a_lease has made last; its texts are gone */

static tasker_uuid a_lease(stage *s, const parameter *p)
{
    tasker_uuid key = a_step(s, p);
    const tasker_leases *taken = take_step(s->db, key, TASKER_OK);
    lease = *taken->items[0];
    tasker_free(taken);
    return key;
}

#define APPLY(id, of, ...)                                                                                             \
    STORE(id, return tasker_##of##_apply(s->db, key, 1, TASKER_EVENT_CANCEL, &(tasker_change){__VA_ARGS__}, NULL);)
APPLY(task_actor, task, .actor = text)
APPLY(task_reason, task, .reason = text)
APPLY(task_metadata, task, .metadata = JSON_OF(text))
APPLY(step_actor, workflow_step, .actor = text)
APPLY(step_reason, workflow_step, .reason = text)
APPLY(step_metadata, workflow_step, .metadata = JSON_OF(text))

STORE(lease_worker, const tasker_leases *leases = NULL; tasker_lease_options options = {.worker = text};
      tasker_status status = tasker_lease_take_steps(s->db, key, 1, &options, NULL, &leases); tasker_free(leases);
      return status;)
#define CLOSE(id, verb, type, ...)                                                                                     \
    STORE(id, (void)key; return tasker_lease_##verb(s->db, &(type){.lease = &lease, __VA_ARGS__}, 1, NULL);)
CLOSE(complete_results, complete, tasker_completion, .results = JSON_OF(text))
CLOSE(complete_metadata, complete, tasker_completion, .metadata = JSON_OF(text))
CLOSE(fail_message, fail, tasker_failure, .error_message = text)
CLOSE(fail_type, fail, tasker_failure, .error_type = text)
CLOSE(fail_metadata, fail, tasker_failure, .metadata = JSON_OF(text))

#define OF_TASK_HISTORY " FROM tasker_task_transitions WHERE task_uuid = $1 AND most_recent"
#define OF_STEP_HISTORY                                                                                                \
    " FROM tasker_workflow_step_transitions WHERE workflow_step_uuid = $1 AND from_state IS NOT NULL"                  \
    " AND to_state <> 'pending' ORDER BY sort_key DESC LIMIT 1"
#define HISTORY_TEXT(id, when, make, history, key_of_text)                                                             \
    {                                                                                                                  \
        .name = #id, .absent = when, .prepare = make, .store = id,                                                     \
        .stored = "SELECT metadata ->> '" key_of_text "'" history                                                      \
    }
#define HISTORY_DOCUMENT(id, make, history)                                                                            \
    {                                                                                                                  \
        .name = #id, .shape = TASKER_JSON_SHAPE_OBJECT, .absent = ABSENT_IS_DEFAULT, .prepare = make, .store = id,     \
        .stored = "SELECT metadata" history                                                                            \
    }

static const parameter changes[] = {
    HISTORY_TEXT(task_actor, ABSENT_IS_NULL, a_task, OF_TASK_HISTORY, "actor"),
    HISTORY_TEXT(task_reason, ABSENT_IS_NULL, a_task, OF_TASK_HISTORY, "reason"),
    HISTORY_DOCUMENT(task_metadata, a_task, OF_TASK_HISTORY),
    HISTORY_TEXT(step_actor, ABSENT_IS_NULL, a_step, OF_STEP_HISTORY, "actor"),
    HISTORY_TEXT(step_reason, ABSENT_IS_NULL, a_step, OF_STEP_HISTORY, "reason"),
    HISTORY_DOCUMENT(step_metadata, a_step, OF_STEP_HISTORY),
    HISTORY_DOCUMENT(complete_metadata, a_lease, OF_STEP_HISTORY),
    HISTORY_TEXT(fail_message, ABSENT_IS_NULL, a_lease, OF_STEP_HISTORY, "error_message"),
    HISTORY_TEXT(fail_type, ABSENT_IS_NULL, a_lease, OF_STEP_HISTORY, "error_type"),
    HISTORY_DOCUMENT(fail_metadata, a_lease, OF_STEP_HISTORY),
    {.name = "lease_worker",
     .limit = 128,
     .absent = ABSENT_IS_REFUSED,
     .prepare = a_step,
     .store = lease_worker,
     .stored = "SELECT metadata ->> 'actor'" OF_STEP_HISTORY},
};

static const parameter results = {
    .name = "complete_results",
    .absent = ABSENT_IS_NULL,
    .prepare = a_lease,
    .store = complete_results,
    .stored = "SELECT results FROM tasker_workflow_steps WHERE workflow_step_uuid = $1",
};

static void test_changes(void **state)
{
    stage *s = stage_of(state);
    db_test_lift_limits(*state);
    check_all(s, changes, COUNT(changes));
    check_json_parameter(s, &results);
}

/* ---- what else is stored ---- */

STORE(resolve_name, tasker_uuid found;
      return tasker_named_step_resolve(s->db, T(text_of(*key)), &text, 1, true, &found);)
STORE(resolve_system, tasker_uuid found; tasker_text name = T(text_of(*key));
      return tasker_named_step_resolve(s->db, text, &name, 1, true, &found);)
#define PATCH(id, ...) STORE(id, return tasker_task_patch_json(s->db, key, &(tasker_task_patch){__VA_ARGS__}, NULL);)
PATCH(merge_context, .merge_context = JSON_OF(text))
PATCH(merge_tags, .merge_tags = JSON_OF(text))
PATCH(remove_path, .remove_path = &text, .remove_path_count = 1)

static const parameter others[] = {
    {.name = "resolve_name",
     .limit = 128,
     .absent = ABSENT_IS_REFUSED,
     .prepare = a_key,
     .store = resolve_name,
     .stored = "SELECT np.name" STEPS "ds.name = $1"},
    {.name = "resolve_system",
     .limit = 64,
     .absent = ABSENT_IS_REFUSED,
     .prepare = a_key,
     .store = resolve_system,
     .stored = "SELECT ds.name" STEPS "np.name = $1"},
    {.name = "merge_context",
     .shape = TASKER_JSON_SHAPE_OBJECT,
     .absent = ABSENT_IS_NULL,
     .prepare = a_task,
     .store = merge_context,
     .stored = "SELECT context" OF_TASK},
    {.name = "merge_tags",
     .shape = TASKER_JSON_SHAPE_CONTAINER,
     .absent = ABSENT_IS_NULL,
     .prepare = a_task,
     .store = merge_tags,
     .stored = "SELECT tags" OF_TASK},
};

static void test_others(void **state)
{
    check_all(stage_of(state), others, COUNT(others));
}

/* A path takes out the very key, and no other one that looks like it. */
static void test_paths(void **state)
{
    static char context[8192];
    stage *s = stage_of(state);
    char *end = stpcpy(context, "{");
    for (size_t i = 0; i < hostile_count; i++) {
        end = stpcpy(end, i > 0 ? "," : "");
        end = stpcpy(put_json_string(end, hostile[i]), ":1");
    }
    stpcpy(end, "}");
    for (size_t i = 0; i < hostile_count; i++) {
        tasker_uuid key = a_task(s, NULL);
        assert_status(s->db, merge_context(s, NULL, &key, T(context)), TASKER_OK);
        assert_status(s->db, remove_path(s, NULL, &key, T(hostile[i])), TASKER_OK);
        PGresult *result = ask_with(s,
                                    "SELECT (context = context - convert_from($2, 'UTF8') AND (SELECT count(*) FROM "
                                    "jsonb_object_keys(context)) > 0)"
                                    "::text || (SELECT count(*) FROM jsonb_object_keys(context))" OF_TASK,
                                    text_of(key), T(hostile[i]));
        char expected[32];
        snprintf(expected, sizeof expected, "true%zu", hostile_count - 1);
        assert_string_equal(PQgetvalue(result, 0, 0), expected);
        PQclear(result);
    }
    tasker_uuid key = a_task(s, NULL);
    REFUSALS(s)
    {
        for (size_t i = 0; i < malformed_count; i++)
            assert_refused(s, remove_path(s, NULL, &key, malformed[i]), TASKER_INVALID_ARGUMENT, "path %zu", i);
        assert_refused(s, remove_path(s, NULL, &key, (tasker_text){"x", SIZE_MAX}), TASKER_LIMIT_EXCEEDED, "long path");
    }
}

/* ---- identities ---- */

static tasker_status create_identity(stage *s, tasker_text identity_key, tasker_uuid *out)
{
    const tasker_task *task = NULL;
    tasker_task_input input = {.named_task_uuid = s->named_task_uuid, .identity = TASKER_IDENTITY_KEY};
    input.identity_key = identity_key;
    tasker_status status = tasker_task_create(s->db, &input, &task);
    *out = task != NULL ? task->task_uuid : NIL;
    tasker_free(task);
    return status;
}

/* Each key is another task; the same one is the same. */
static void test_identity_keys(void **state)
{
    static const tasker_text absent[] = {{NULL, 0}, TASKER_TEXT(""), TASKER_CLEAR, {NULL, 5}};
    stage *s = stage_of(state);
    long tasks = ask_number(s->conn, "SELECT count(*) FROM tasker_tasks");
    tasker_uuid first, again;
    long different = 0;
    for (size_t i = 0; i < hostile_count; i++) {
        if (hostile[i][0] == '\0')
            continue;
        different++;
        assert_status(s->db, create_identity(s, T(hostile[i]), &first), TASKER_OK);
        assert_status(s->db, create_identity(s, T(hostile[i]), &again), TASKER_OK);
        assert_uuid(first, again);
        assert_int_equal(ask_number(s->conn, "SELECT count(*) FROM tasker_tasks"), tasks + different);
    }
    REFUSALS(s)
    {
        for (size_t i = 0; i < malformed_count; i++)
            assert_refused(s, create_identity(s, malformed[i], &first), TASKER_INVALID_ARGUMENT, "key %zu", i);
        for (size_t i = 0; i < COUNT(absent); i++)
            assert_refused(s, create_identity(s, absent[i], &first), TASKER_INVALID_ARGUMENT, "no key %zu", i);
        assert_refused(s, create_identity(s, (tasker_text){"x", SIZE_MAX}, &first), TASKER_LIMIT_EXCEEDED, "long key");
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_definitions), cmocka_unit_test(test_workflows), cmocka_unit_test(test_changes),
        cmocka_unit_test(test_others),      cmocka_unit_test(test_paths),     cmocka_unit_test(test_identity_keys),
    };
    return db_test_run(tests);
}
